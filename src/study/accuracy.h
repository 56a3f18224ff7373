/* How often a model is right on freshly composed boards or on photographs, on boards how often its routers see what
 * matters, and how a mixture's experts are used.
 *
 * Counted for every class and expert is which place the discriminative patch has in the expert's ranking.  Paper 1's
 * Fig 8 counts boards where its class's router has it at any of the l places, Fig 9 those where it has the first, the
 * largest gate value, in one particular expert.  Which expert belongs to a class is the caller's to say. */
#ifndef PMOE_STUDY_ACCURACY_H
#define PMOE_STUDY_ACCURACY_H

#include "../base/pool.h"
#include "../pmoe.h"
#include "../route/usage.h"

enum { ACCURACY_BATCH = 64 }; /* boards per task */

struct accuracy_job {
    const pmoe_model *model; /* of the shape and as many classes as the set has */
    pmoe_data data;
    pmoe_set set;
    uint64_t seed;
    int32_t boards; /* samples 0 .. boards-1 of the set */
};

/* All counts of boards or photographs; arrays live in `block`.  Dense models, and photographs, of which nobody knows
 * the discriminative patch: experts and kept 0. */
struct accuracy {
    int32_t boards, correct;
    int32_t classes, experts, kept;
    int32_t *class_boards, *class_correct; /* [classes] */
    int32_t *kept_by_any;                  /* [classes] discriminative patch kept by at least one expert */
    int32_t *places;                       /* [classes][experts][kept]; see accuracy_places */
    struct usage usage;                    /* of a mixture's experts, a row a class; experts 0: there is none */
    void *block;
};

/* Integer counts, so the result does not depend on the number of threads.  PMOE_E_ARGUMENT if the model does not fit
 * the set or boards < 1.  Working memory: one run of ACCURACY_BATCH and as many boards per thread. */
PMOE_MUST_USE pmoe_status accuracy_open(const struct accuracy_job *job, struct pool *pool, struct accuracy *accuracy,
                                        pmoe_error *error);
void accuracy_close(struct accuracy *accuracy);

/* [kept]: boards of a class whose discriminative patch has place r (0: the largest gate) among the picks of an expert.
 */
const int32_t *accuracy_places(const struct accuracy *accuracy, int32_t class_index, int32_t expert);

/* Their sum: boards where the expert keeps it at all. */
int32_t accuracy_kept(const struct accuracy *accuracy, int32_t class_index, int32_t expert);

#endif
