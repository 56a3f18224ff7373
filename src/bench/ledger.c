/* See ledger.h. */
#include "ledger.h"

struct ledger ledger_of(const struct ledger_times *times)
{
    double ns_a_mac = times->dense_ns / (double)times->dense_macs, whole = times->routed_ns;
    struct ledger ledger = {.theory = (double)times->dense_macs / (double)times->routed_macs,
                            .measured = times->dense_ns / whole};
    ledger.kept = ledger.measured / ledger.theory;
    ledger.router = (times->router_ns - ns_a_mac * (double)times->router_macs) / whole;
    ledger.top = times->top_ns / whole;
    ledger.gather = times->gather_ns / whole;
    ledger.experts = (times->experts_ns - times->gather_ns - ns_a_mac * (double)times->expert_macs) / whole;
    ledger.rest = 1 - ledger.kept - ledger.router - ledger.top - ledger.gather - ledger.experts;
    return ledger;
}
