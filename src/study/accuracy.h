/* How often a model is right on freshly composed boards, and how often its routers see what matters.
 *
 * The routing counts are those of paper 1: Fig 8 counts boards whose discriminative patch lies in the top l of its
 * class's router (`kept`), Fig 9 those where it has the largest gate value in one particular expert (`led`).  Which
 * expert belongs to a class is the caller's to say: both are counted for every pair. */
#ifndef PMOE_STUDY_ACCURACY_H
#define PMOE_STUDY_ACCURACY_H

#include "../base/pool.h"
#include "../pmoe.h"

enum { ACCURACY_BATCH = 64 }; /* boards per task */

struct accuracy_job {
    const pmoe_model *model; /* of 112 x 112 x 1 boards and as many classes as the set has */
    const pmoe_digits *digits;
    pmoe_board_set set;
    uint64_t seed;
    int32_t boards; /* numbers 0 .. boards-1 of the sequence */
};

/* All counts of boards; arrays live in `block`.  Dense models: experts 0. */
struct accuracy {
    int32_t boards, correct;
    int32_t classes, experts;
    int32_t *class_boards, *class_correct; /* [classes] */
    int32_t *kept_by_any;                  /* [classes] discriminative patch kept by at least one expert */
    int32_t *kept, *led;                   /* [classes][experts] */
    void *block;
};

/* Integer counts, so the result does not depend on the number of threads.  PMOE_E_ARGUMENT if the model does not fit
 * the set or boards < 1.  Working memory: one run of ACCURACY_BATCH and as many boards per thread. */
PMOE_MUST_USE pmoe_status accuracy_open(const struct accuracy_job *job, struct pool *pool, struct accuracy *accuracy,
                                        pmoe_error *error);
void accuracy_close(struct accuracy *accuracy);

/* The expert with the largest count [experts] of one row of kept or led; ties: the lower. */
int32_t accuracy_best_expert(const int32_t *counts, int32_t experts);

int32_t board_set_classes(pmoe_board_set set);

#endif
