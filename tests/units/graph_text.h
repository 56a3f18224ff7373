/* Layer lists as text, for the tests of their reader. */
#ifndef PMOE_TESTS_GRAPH_TEXT_H
#define PMOE_TESTS_GRAPH_TEXT_H

#include "model/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEAD(classes)                                                                                                  \
    "{\"version\":1,\"name\":\"m\",\"input\":{\"height\":112,\"width\":112,\"channels\":1},\"classes\":" classes       \
    ",\"layers\":["
#define TWO HEAD("[\"0\",\"1\"]")
#define END "]}"
#define CONV "{\"name\":\"conv\",\"type\":\"patch_conv\",\"patch\":28,\"filters\":20},"
#define POOL "{\"name\":\"pool\",\"type\":\"avg_pool\",\"divisor\":\"n\"},"
#define OUT "{\"name\":\"out\",\"type\":\"linear\",\"outputs\":1}"
#define ROUTER "{\"name\":\"router\",\"type\":\"patch_router\",\"input\":\"image\",\"patch\":28,\"experts\":2},"
#define GROUP(kept, gate, expert)                                                                                      \
    "{\"name\":\"experts\",\"type\":\"expert_group\",\"input\":\"image\",\"router\":\"router\",\"kept\":" kept         \
    ",\"gate\":\"" gate "\",\"expert\":[" expert "]},"
#define PATCHES "{\"type\":\"patch_conv\",\"patch\":28,\"filters\":20}"
#define THEN_RELU ",{\"type\":\"relu\"}"
#define CONV_FROM_IMAGE "{\"name\":\"conv\",\"type\":\"patch_conv\",\"input\":\"image\",\"patch\":28,\"filters\":20},"
#define MIXTURE(kept, input, router)                                                                                   \
    "{\"name\":\"m\",\"type\":\"mixture\",\"input\":\"" input "\",\"router\":\"" router "\",\"kept\":" kept            \
    ",\"gate\":\"hard\",\"expert\":[{\"type\":\"linear\",\"outputs\":2}]}"
#define EXPERTS GROUP("2", "hard", PATCHES THEN_RELU)

#define IMAGE(height, width, channels)                                                                                 \
    "{\"version\":1,\"name\":\"m\",\"input\":{\"height\":" height ",\"width\":" width ",\"channels\":" channels        \
    "},\"classes\":[\"0\",\"1\"],\"layers\":["
#define LAYER(name, rest) "{\"name\":\"" name "\"," rest "},"

/* Paper 1's joint model. */
#define JOINT                                                                                                          \
    TWO ROUTER GROUP("6", "topl_softmax",                                                                              \
                     "{\"type\":\"patch_conv\",\"patch\":28,\"filters\":10,\"bias\":true}" THEN_RELU)                  \
        LAYER("pool", "\"type\":\"avg_pool\",\"divisor\":\"l\"") "{\"name\":\"out\",\"type\":\"linear\",\"outputs\":"  \
                                                                 "2,\"bias\":true}" END

static inline pmoe_status read_bytes(const char *text, size_t bytes, struct graph *graph, pmoe_error *error)
{
    char *block = malloc(bytes ? bytes : 1); /* of just the size, for the sanitizer */
    assert_non_null(block);
    memcpy(block, text, bytes);
    *error = (pmoe_error){PMOE_OK, ""};
    pmoe_status status = graph_read(block, bytes, NULL, graph, error);
    free(block);
    return status;
}

#endif
