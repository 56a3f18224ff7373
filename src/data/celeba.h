/* CelebA (Liu et al. 2015) by its list of attributes: which photographs make a set, in which order.
 *
 * list_attr_celeba.txt is a number of photographs, a line of names of attributes, and a line a photograph: its file's
 * name, then 1 or -1 for each attribute. */
#ifndef PMOE_DATA_CELEBA_H
#define PMOE_DATA_CELEBA_H

#include "../pmoe.h"

enum { CELEBA_NAME_BYTES = 64 };

/* One photograph of a set. */
struct celeba_photo {
    char file[CELEBA_NAME_BYTES]; /* letters, digits, '_', '-' and '.', the first not '.'; ends in 0 */
    int32_t label;
};

/* The first of `most` photographs of one of CelebA's sets; photos [most]; *count says how many there are.
 *
 * Training photographs are from the first four fifths of the list, test photographs from its last tenth, which is about
 * where the official partition cuts.  Labels alternate through the classes, so that the first N are balanced for any N,
 * and a class's photographs come in the list's order; the set ends where a class has no more.  PMOE_CELEBA_HAIR: in
 * training 19 of 20 smiling people have black hair and 19 of 20 others blond hair, which is paper 1's correlation; in
 * the test it is half and half.
 *
 * PMOE_E_FORMAT names the line and what was expected of it.  The text need not end in 0. */
PMOE_MUST_USE pmoe_status celeba_choose(const void *text, size_t bytes, pmoe_set set, int train, int32_t most,
                                        struct celeba_photo *photos, int32_t *count, pmoe_error *error);

#endif
