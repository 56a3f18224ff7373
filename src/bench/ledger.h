/* Where the saving of routing went: what multiply-adds promise, what the clock gives, and who took the difference.
 *
 * Arithmetic on times that were measured elsewhere (parts.h). */
#ifndef PMOE_BENCH_LEDGER_H
#define PMOE_BENCH_LEDGER_H

#include <stdint.h>

/* Of a routed pass beside a dense one; multiply-adds and nanoseconds of a whole batch. */
struct ledger_times {
    int64_t dense_macs, routed_macs;
    double dense_ns, routed_ns;
    int64_t router_macs, expert_macs;                /* of the routed pass, as are these, each timed alone: */
    double router_ns, top_ns, gather_ns, experts_ns; /* scores; top-l and gates; pointers; experts, pointers included */
};

/* All parts are shares of the routed time: kept + the five losses = 1.  A part loses what it takes beyond its
 * multiply-adds at the dense model's rate; a negative one gained. */
struct ledger {
    double theory;   /* multiply-adds of dense / of routed */
    double measured; /* time of dense / of routed */
    double kept;     /* measured / theory */
    double router;   /* its scores are computed more slowly */
    double top;      /* no multiply-adds: all its time */
    double gather;   /* likewise */
    double experts;  /* fewer rows a weight than dense has, or worse tiles */
    double rest;     /* what no part accounts for */
};

struct ledger ledger_of(const struct ledger_times *times);

#endif
