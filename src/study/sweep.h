/* Sweeps: many small trainings side by side, one a task, for the figures of paper 1.
 *
 * A trial is one training from scratch on its own seed (initial weights, subset of boards and order of samples all
 * follow from it), evaluated on test boards that all trials share.  Trials are independent and single-threaded, so
 * their results do not depend on the number of threads. */
#ifndef PMOE_STUDY_SWEEP_H
#define PMOE_STUDY_SWEEP_H

#include "../base/pool.h"
#include "../pmoe.h"

enum { SWEEP_CLASSES = 2 }; /* of PMOE_MOSAIC */

struct trial {
    pmoe_recipe recipe;
    /* Filled by sweep_run: */
    double accuracy; /* percent of test boards or photographs */
    /* Of PMOE_MOSAIC, else 0: percent of a class's test boards whose discriminative patch has place r (0 best) in the
     * ranking of the class's expert, r < l of the recipe.  Separate: expert c is class c's.  Joint: the expert that
     * most often gives it the largest gate (papers A4, Fig 9). */
    double place[SWEEP_CLASSES][PMOE_CELLS];
    double seconds;
};

struct sweep {
    pmoe_data train, test; /* what the recipes' sets need */
    uint64_t test_seed;
    int32_t test_boards; /* or photographs */
    /* Called after each trial from whichever thread ran it, one call at a time; may be NULL. */
    void (*report)(void *user, const struct trial *trial, int32_t done, int32_t count);
    void *user;
    double (*clock_ns)(void); /* NULL: seconds stay 0 */
};

/* Run them all, the most expensive first.  On failure the error is that of the lowest-numbered failed trial. */
PMOE_MUST_USE pmoe_status sweep_run(const struct sweep *sweep, struct pool *pool, struct trial *trials, int32_t count,
                                    pmoe_error *error);

struct spread {
    double mean, std; /* population standard deviation, as the paper's code draws it */
};

struct spread spread_of(const double *values, int32_t count);

#endif
