/* Layer lists that must be refused, each with its sentence. */
#include "graph_text.h"

#include <stdio.h>

#define CLASSES(list) HEAD(list) CONV POOL OUT END

static const struct {
    const char *text, *fragment;
    pmoe_status status;
} bad[] = {
    /* the frame */
    {"", "layer list, byte 0: expected '{' or '['", PMOE_E_FORMAT},
    {"[]", "layer list: expected an object, found []", PMOE_E_FORMAT},
    {"{}", "layer list: version is missing", PMOE_E_FORMAT},
    {"{\"version\":2,\"later\":1}", "layer list: version is 2, newer than this build, which reads 1", PMOE_E_LIMIT},
    {"{\"version\":0}", "layer list: version is 0, expected 1 to", PMOE_E_FORMAT},
    {"{\"version\":\"1\"}", "layer list: version is text, expected an integer", PMOE_E_FORMAT},
    {"{\"version\":1,\"nmae\":\"m\"}",
     "layer list: unknown key \"nmae\", expected version, name, input, classes, layers", PMOE_E_FORMAT},
    {"{\"version\":1}", "layer list: name is missing", PMOE_E_FORMAT},
    {"{\"version\":1,\"name\":\"a b\"}", "layer list: name is \"a b\", expected letters", PMOE_E_FORMAT},
    {"{\"version\":1,\"name\":\"m\"}", "input of the layer list: expected an object, found nothing", PMOE_E_FORMAT},
    {IMAGE("0", "112", "1") OUT END, "input of the layer list: height is 0, expected 1 to 4096", PMOE_E_FORMAT},
    {IMAGE("112", "4097", "1") OUT END, "input of the layer list: width is 4097, expected 1 to 4096", PMOE_E_LIMIT},
    {IMAGE("112", "112", "1.5") OUT END, "channels is 1.5, expected an integer", PMOE_E_FORMAT},
    {IMAGE("112", "112", "-1") OUT END, "channels is -1, expected 1 to 65536", PMOE_E_FORMAT},
    {IMAGE("4096", "4096", "17") OUT END, "a map [4096][4096][17] has more than 268435456 elements", PMOE_E_LIMIT},
    {IMAGE("4", "4", "1,\"depth\":8") OUT END, "input of the layer list: unknown key \"depth\"", PMOE_E_FORMAT},
    {IMAGE("4", "4", "1") OUT ",\"x\":1]}", "byte ", PMOE_E_FORMAT},

    /* classes */
    {CLASSES("{}"), "classes is {}, expected a list of 2 to 1000 labels", PMOE_E_FORMAT},
    {CLASSES("[\"0\"]"), "classes is [\"0\"], expected a list of 2 to 1000 labels", PMOE_E_FORMAT},
    {CLASSES("[\"0\",1]"), "label of class 1 is 1, expected text", PMOE_E_FORMAT},
    {CLASSES("[\"0\",\"\"]"), "label of class 1 is \"\", expected text without control characters", PMOE_E_FORMAT},
    {CLASSES("[\"a\\n\",\"b\"]"), "label of class 0 is \"a\\n\", expected text without control", PMOE_E_FORMAT},
    {CLASSES("[\"a\",\"\\u009b1m\"]"), "label of class 1 is \"\\u009b1m\"", PMOE_E_FORMAT},
    {CLASSES("[\"a\",\"\x7f\"]"), "label of class 1 is \"?\"", PMOE_E_FORMAT},
    {CLASSES("[\"a\",\"b\\u0000\"]"), "label of class 1 holds a zero character", PMOE_E_FORMAT},
    {CLASSES("[\"a\",\"b\",\"\\u0061\"]"), "label of class 2 is \"\\u0061\", as that of class 0", PMOE_E_FORMAT},

    /* the list */
    {TWO END, "layers is [], expected a list of layers", PMOE_E_FORMAT},
    {"{\"version\":1,\"name\":\"m\",\"input\":{\"height\":4,\"width\":4,\"channels\":1},\"classes\":[\"a\",\"b\"]}",
     "layers is nothing, expected a list of layers", PMOE_E_FORMAT},
    {TWO "7" END, "layer 1 of the list: expected an object, found 7", PMOE_E_FORMAT},
    {TWO CONV "{\"type\":\"relu\"}" END, "layer 2 of the list: name is missing", PMOE_E_FORMAT},
    {TWO "{\"name\":\"\",\"type\":\"relu\"}" END, "layer 1 of the list: name is \"\", expected letters", PMOE_E_FORMAT},
    {TWO "{\"name\":\"a/b\",\"type\":\"relu\"}" END, "name is \"a/b\", expected letters", PMOE_E_FORMAT},
    {TWO "{\"name\":\"abcdefghijklmnopqrstuvwxyz1234567890123456789012\",\"type\":\"relu\"}" END,
     "name is 48 bytes long, at most 47", PMOE_E_LIMIT},
    {TWO "{\"name\":\"image\",\"type\":\"relu\"}" END, "name is \"image\", which is taken", PMOE_E_GRAPH},
    {TWO CONV CONV OUT END, "layer 2 of the list: name is \"conv\", which is taken", PMOE_E_GRAPH},
    {TWO "{\"name\":\"a\"}" END, "layer \"a\": type is missing", PMOE_E_FORMAT},
    {TWO "{\"name\":\"a\",\"type\":\"deconv\"}" END,
     "layer \"a\": type is \"deconv\", expected one of conv, patch_conv, batch_norm, relu, add, avg_pool, "
     "max_pool, linear, patch_router, expert_group, sample_router, mixture",
     PMOE_E_FORMAT},
    {TWO "{\"name\":\"a\",\"type\":\"a type whose name is far too long to be one\"}" END,
     "layer \"a\": type is \"a type", PMOE_E_FORMAT},
    {TWO "{\"name\":\"a\",\"type\":\"relu\",\"slope\":0}" END,
     "layer \"a\": unknown key \"slope\", expected name, type, input", PMOE_E_FORMAT},
    {TWO "{\"name\":\"a\",\"type\":\"relu\",\"input\":\"b\"}" END,
     "layer \"a\": input is \"b\", expected the name of an earlier layer", PMOE_E_GRAPH},
    {TWO "{\"name\":\"a\",\"type\":\"relu\",\"input\":\"a\"}" END, "input is \"a\", expected the name of an earlier",
     PMOE_E_GRAPH},
    {TWO "{\"name\":\"a\",\"type\":\"relu\",\"input\":0}" END, "layer \"a\": input is 0, expected text", PMOE_E_FORMAT},
    {TWO CONV LAYER("b", "\"type\":\"relu\",\"input\":\"image\"") POOL OUT END,
     "layer \"conv\": no later layer reads it", PMOE_E_GRAPH},
    {TWO CONV POOL LAYER(
         "b", "\"type\":\"relu\"") "{\"name\":\"out\",\"type\":\"linear\",\"input\":\"pool\",\"outputs\":1}" END,
     "layer \"b\": no later layer reads it", PMOE_E_GRAPH},
    {TWO CONV "{\"name\":\"pool\",\"type\":\"avg_pool\",\"divisor\":\"n\"}" END,
     "layer \"pool\": is the last one and gives 20 outputs, expected 1 or 2 for 2 classes", PMOE_E_GRAPH},
    {HEAD("[\"a\",\"b\",\"c\"]") CONV POOL OUT END, "gives 1 outputs, expected 3 for 3 classes", PMOE_E_GRAPH},
    {TWO "{\"name\":\"conv\",\"type\":\"patch_conv\",\"patch\":28,\"filters\":20}" END,
     "layer \"conv\": is the last one and gives a map [4][4][20], expected a vector", PMOE_E_GRAPH},

    /* convolution, pool, linear, relu */
    {TWO LAYER("c", "\"type\":\"patch_conv\",\"filters\":2") OUT END, "layer \"c\": patch is missing", PMOE_E_FORMAT},
    {TWO LAYER("c", "\"type\":\"patch_conv\",\"patch\":28") OUT END, "layer \"c\": filters is missing", PMOE_E_FORMAT},
    {TWO LAYER("c", "\"type\":\"patch_conv\",\"patch\":30,\"filters\":2") OUT END,
     "layer \"c\": patch is 30, expected a divisor of both sides of its input, 112 x 112", PMOE_E_GRAPH},
    {IMAGE("112", "100", "1") LAYER("c", "\"type\":\"patch_conv\",\"patch\":28,\"filters\":2") OUT END,
     "patch is 28, expected a divisor of both sides of its input, 112 x 100", PMOE_E_GRAPH},
    {IMAGE("100", "112", "1") LAYER("c", "\"type\":\"patch_conv\",\"patch\":28,\"filters\":2") OUT END,
     "expected a divisor of both sides of its input, 100 x 112", PMOE_E_GRAPH},
    {TWO LAYER("c", "\"type\":\"patch_conv\",\"patch\":224,\"filters\":2") OUT END, "patch is 224, expected a divisor",
     PMOE_E_GRAPH},
    {TWO LAYER("c", "\"type\":\"patch_conv\",\"patch\":28,\"filters\":65537") OUT END,
     "layer \"c\": filters is 65537, expected 1 to 65536", PMOE_E_LIMIT},
    {TWO LAYER("c", "\"type\":\"patch_conv\",\"patch\":28,\"filters\":99999999999999999999") OUT END,
     "filters is 99999999999999999999, expected 1 to 65536", PMOE_E_LIMIT},
    {TWO LAYER("c", "\"type\":\"patch_conv\",\"patch\":28,\"filters\":2,\"bias\":1") OUT END,
     "layer \"c\": bias is 1, expected true or false", PMOE_E_FORMAT},
    {IMAGE("4096", "4096", "1") LAYER("c", "\"type\":\"patch_conv\",\"patch\":1,\"filters\":17") OUT END,
     "layer \"c\": a map [4096][4096][17] has more than 268435456 elements", PMOE_E_LIMIT},
    {IMAGE("4096", "4096", "1") LAYER("c", "\"type\":\"patch_conv\",\"patch\":4096,\"filters\":17") OUT END,
     "layer \"c\": its weight has more than 268435456 elements", PMOE_E_LIMIT},
    {TWO CONV POOL LAYER("c", "\"type\":\"patch_conv\",\"patch\":1,\"filters\":1") OUT END,
     "layer \"c\": its input \"pool\" is a vector [20], expected a map", PMOE_E_GRAPH},
    {TWO CONV LAYER("p", "\"type\":\"avg_pool\"") OUT END, "layer \"p\": divisor is missing", PMOE_E_FORMAT},
    {TWO CONV LAYER("p", "\"type\":\"avg_pool\",\"divisor\":\"k\"") OUT END,
     "layer \"p\": divisor is \"k\", expected one of n, l", PMOE_E_FORMAT},
    {TWO CONV POOL LAYER("p", "\"type\":\"avg_pool\",\"divisor\":\"n\"") OUT END,
     "layer \"p\": its input \"pool\" is a vector [20], expected a map or routed patches", PMOE_E_GRAPH},
    {TWO CONV LAYER("p", "\"type\":\"max_pool\",\"divisor\":\"n\"") OUT END,
     "layer \"p\": unknown key \"divisor\", expected name, type, input", PMOE_E_FORMAT},
    {TWO CONV POOL LAYER("p", "\"type\":\"max_pool\"") OUT END,
     "layer \"p\": its input \"pool\" is a vector [20], expected a map", PMOE_E_GRAPH},
    {TWO CONV OUT END, "layer \"out\": its input \"conv\" is a map [4][4][20], expected a vector", PMOE_E_GRAPH},
    {TWO OUT END, "layer \"out\": its input \"image\" is a map [112][112][1], expected a vector", PMOE_E_GRAPH},
    {TWO CONV POOL "{\"name\":\"o\",\"type\":\"linear\",\"outputs\":0}" END, "layer \"o\": outputs is 0, expected 1 to",
     PMOE_E_FORMAT},
    {TWO CONV POOL LAYER("h", "\"type\":\"linear\",\"outputs\":65536")
         LAYER("i", "\"type\":\"linear\",\"outputs\":4097") OUT END,
     "layer \"i\": its weight has more than 268435456 elements", PMOE_E_LIMIT},
    {TWO CONV POOL "{\"name\":\"o\",\"type\":\"linear\",\"outputs\":1,\"filters\":2}" END,
     "unknown key \"filters\", expected name, type, input, outputs, bias", PMOE_E_FORMAT},

    /* router and experts */
    {TWO LAYER("r", "\"type\":\"patch_router\",\"patch\":28,\"experts\":1025") OUT END,
     "layer \"r\": experts is 1025, expected 1 to 1024", PMOE_E_LIMIT},
    {TWO LAYER("r", "\"type\":\"patch_router\",\"patch\":5,\"experts\":2") OUT END, "layer \"r\": patch is 5, expected",
     PMOE_E_GRAPH},
    {TWO LAYER("r", "\"type\":\"patch_router\",\"patch\":1,\"experts\":2") OUT END,
     "layer \"r\": patch 1 cuts its input into 12544 patches, at most 4096 are routed", PMOE_E_LIMIT},
    {TWO LAYER("r", "\"type\":\"patch_router\",\"patch\":28,\"experts\":2,\"bias\":true") OUT END,
     "layer \"r\": unknown key \"bias\"", PMOE_E_FORMAT},
    {TWO CONV POOL LAYER("r", "\"type\":\"patch_router\",\"patch\":1,\"experts\":2") OUT END,
     "layer \"r\": its input \"pool\" is a vector [20], expected a map", PMOE_E_GRAPH},
    {TWO ROUTER POOL OUT END, "layer \"pool\": has no \"input\" and would read the scores of router \"router\"",
     PMOE_E_GRAPH},
    {TWO ROUTER LAYER("a", "\"type\":\"relu\",\"input\":\"router\"") POOL OUT END,
     "layer \"a\": its input \"router\" is scores [2][16][1], expected a map or a vector", PMOE_E_GRAPH},
    {TWO ROUTER LAYER("a", "\"type\":\"avg_pool\",\"divisor\":\"n\",\"input\":\"router\"") OUT END,
     "is scores [2][16][1], expected a map or routed patches", PMOE_E_GRAPH},
    {TWO ROUTER GROUP("2", "hard", PATCHES) LAYER("p", "\"type\":\"max_pool\"") OUT END,
     "layer \"p\": its input \"experts\" is routed patches [2][2][20], expected a map", PMOE_E_GRAPH},
    {TWO ROUTER CONV POOL OUT END, "layer \"conv\": has no \"input\"", PMOE_E_GRAPH},
    {TWO ROUTER LAYER("c", "\"type\":\"patch_conv\",\"input\":\"image\",\"patch\":28,\"filters\":1") POOL OUT END,
     "layer \"router\": no later layer reads it", PMOE_E_GRAPH},
    {TWO "{\"name\":\"r\",\"type\":\"patch_router\",\"patch\":28,\"experts\":2}" END,
     "layer \"r\": is the last one and gives scores [2][16][1], expected a vector", PMOE_E_GRAPH},
    {TWO ROUTER GROUP("20", "hard", PATCHES) POOL OUT END,
     "layer \"experts\": kept is 20, expected 1 to 16 (the patches of router \"router\")", PMOE_E_GRAPH},
    {TWO ROUTER GROUP("0", "hard", PATCHES) POOL OUT END, "layer \"experts\": kept is 0, expected 1 to", PMOE_E_FORMAT},
    {TWO ROUTER GROUP("2", "soft", PATCHES) POOL OUT END,
     "layer \"experts\": gate is \"soft\", expected one of hard, topl_softmax, softmax_topl", PMOE_E_FORMAT},
    {TWO ROUTER GROUP("2", "hard", "") POOL OUT END, "layer \"experts\": expert is [], expected a list of layers",
     PMOE_E_GRAPH},
    {TWO ROUTER GROUP("2", "hard", "{\"type\":\"relu\"}") POOL OUT END,
     "layer \"experts.1\": is the last one of its expert and gives a map [28][28][1], expected a vector", PMOE_E_GRAPH},
    {TWO ROUTER GROUP(
         "2", "hard",
         "{\"type\":\"patch_conv\",\"patch\":2,\"filters\":3},{\"type\":\"patch_conv\",\"patch\":14,\"filters\":3}")
         POOL OUT END,
     "its tensor \"experts.weight\" is that of layer \"experts.1\"; give it a name", PMOE_E_GRAPH},
    {TWO ROUTER GROUP("2", "hard", "{\"type\":\"patch_router\",\"patch\":2,\"experts\":3}") POOL OUT END,
     "type is \"patch_router\", which no expert may contain", PMOE_E_GRAPH},
    {TWO ROUTER GROUP("2", "hard", "5") POOL OUT END, "layer \"experts\", expert layer 1: expected an object, found 5",
     PMOE_E_FORMAT},
    {TWO ROUTER GROUP("2", "hard", PATCHES ",{\"type\":\"relu\",\"nmae\":\"x\"}") POOL OUT END,
     "layer \"experts\", expert layer 2: unknown key \"nmae\", expected name, type", PMOE_E_FORMAT},
    {TWO ROUTER GROUP("2", "hard", "{\"type\":\"patch_conv\",\"patch\":14,\"filters\":20}") POOL OUT END,
     "layer \"experts.1\": is the last one of its expert and gives a map [2][2][20], expected a vector", PMOE_E_GRAPH},
    {TWO ROUTER GROUP("2", "hard", "{\"type\":\"patch_conv\",\"patch\":28}") POOL OUT END,
     "layer \"experts\", expert layer 1: filters is missing", PMOE_E_FORMAT},
    {TWO LAYER("router", "\"type\":\"patch_router\",\"patch\":28,\"experts\":8")
         GROUP("2", "hard", "{\"type\":\"patch_conv\",\"patch\":28,\"filters\":65536}") POOL OUT END,
     "layer \"experts\", expert layer 1: its weight has more than 268435456 elements", PMOE_E_LIMIT},
    {TWO ROUTER EXPERTS LAYER("a", "\"type\":\"relu\"") POOL OUT END,
     "layer \"a\": its input \"experts\" is routed patches [2][2][20], expected a map or a vector", PMOE_E_GRAPH},
    {TWO ROUTER EXPERTS OUT END, "is routed patches [2][2][20], expected a vector", PMOE_E_GRAPH},
    {TWO ROUTER CONV EXPERTS POOL OUT END, "layer \"conv\": has no \"input\"", PMOE_E_GRAPH},
    {TWO LAYER("r", "\"type\":\"patch_router\",\"patch\":28,\"experts\":1024")
         LAYER("g", "\"type\":\"expert_group\",\"input\":\"image\",\"router\":\"r\",\"kept\":1,\"gate\":\"hard\","
                    "\"expert\":[{\"type\":\"patch_conv\",\"patch\":28,\"filters\":65}]") POOL OUT END,
     "layer \"pool\": its input \"g\" pools to 66560 channels, at most 65536 are accepted", PMOE_E_LIMIT},
    {TWO CONV LAYER(
         "g", "\"type\":\"expert_group\",\"router\":\"conv\",\"kept\":1,\"gate\":\"hard\",\"expert\":[" PATCHES "]")
         POOL OUT END,
     "layer \"g\": router is \"conv\", expected the name of a patch_router", PMOE_E_GRAPH},
    {TWO CONV LAYER(
         "g", "\"type\":\"expert_group\",\"router\":\"image\",\"kept\":1,\"gate\":\"hard\",\"expert\":[" PATCHES "]")
         POOL OUT END,
     "router is \"image\", expected the name of a patch_router", PMOE_E_GRAPH},
    {TWO CONV LAYER("g", "\"type\":\"expert_group\",\"router\":\"nobody\",\"kept\":1,\"gate\":\"hard\"") POOL OUT END,
     "layer \"g\": router is \"nobody\", expected the name of an earlier layer", PMOE_E_GRAPH},
    {TWO CONV LAYER("r", "\"type\":\"patch_router\",\"patch\":1,\"experts\":2")
         LAYER("g", "\"type\":\"expert_group\",\"input\":\"image\",\"router\":\"r\",\"kept\":1,\"gate\":\"hard\","
                    "\"expert\":[{\"type\":\"patch_conv\",\"patch\":1,\"filters\":1}]") POOL OUT END,
     "layer \"g\": its input is \"image\", expected \"conv\" (the input of router \"r\")", PMOE_E_GRAPH},

    /* convolutions, norms, sums */
    {TWO LAYER("c", "\"type\":\"conv\",\"kernel\":16,\"filters\":2") POOL OUT END,
     "layer \"c\": kernel is 16, expected 1 to 15", PMOE_E_LIMIT},
    {TWO LAYER("c", "\"type\":\"conv\",\"kernel\":3,\"padding\":3,\"filters\":2") POOL OUT END,
     "layer \"c\": padding is 3, expected 0 to 2", PMOE_E_LIMIT},
    {TWO LAYER("c", "\"type\":\"conv\",\"kernel\":3,\"stride\":0,\"filters\":2") POOL OUT END,
     "layer \"c\": stride is 0, expected 1 to 15", PMOE_E_FORMAT},
    {IMAGE("4", "8", "1") LAYER("c", "\"type\":\"conv\",\"kernel\":7,\"padding\":1,\"filters\":2") POOL OUT END,
     "layer \"c\": kernel is 7, expected at most the sides of its padded input, 6 x 10", PMOE_E_GRAPH},
    {IMAGE("4096", "4096", "1") LAYER("c", "\"type\":\"conv\",\"kernel\":5,\"padding\":2,\"filters\":2") POOL OUT END,
     "layer \"c\": a map [4096][4096][25] has more than 268435456 elements", PMOE_E_LIMIT},
    {TWO LAYER("b", "\"type\":\"batch_norm\",\"epsilon\":0") POOL OUT END,
     "layer \"b\": epsilon is 0, expected a number above 0", PMOE_E_FORMAT},
    {TWO LAYER("b", "\"type\":\"batch_norm\",\"epsilon\":1e-60") POOL OUT END, "expected a number above 0",
     PMOE_E_FORMAT},
    {TWO LAYER("b", "\"type\":\"batch_norm\",\"bias\":true") POOL OUT END,
     "layer \"b\": unknown key \"bias\", expected name, type, input, epsilon", PMOE_E_FORMAT},
    {TWO CONV LAYER("a", "\"type\":\"add\"") POOL OUT END, "layer \"a\": with is missing", PMOE_E_FORMAT},
    {TWO CONV LAYER("a", "\"type\":\"add\",\"with\":\"image\"") POOL OUT END,
     "layer \"a\": its input \"image\" is a map [112][112][1], expected a map [4][4][20]", PMOE_E_GRAPH},
    {TWO CONV LAYER("a", "\"type\":\"add\",\"with\":\"a\"") POOL OUT END,
     "with is \"a\", expected the name of an earlier", PMOE_E_GRAPH},
    {TWO ROUTER EXPERTS LAYER("a", "\"type\":\"add\",\"input\":\"image\",\"with\":\"experts\"") POOL OUT END,
     "layer \"a\": its input \"experts\" is routed patches [2][2][20], expected a map [112][112][1]", PMOE_E_GRAPH},

    /* stacks */
    {TWO ROUTER GROUP("2", "hard\",\"gated\":\"both", PATCHES) POOL OUT END,
     "layer \"experts\": gated is \"both\", expected one of output, input", PMOE_E_FORMAT},
    {TWO ROUTER GROUP("2", "hard\",\"dropped\":\"mean", PATCHES) POOL OUT END,
     "layer \"experts\": dropped is \"mean\", expected one of absent, zeros", PMOE_E_FORMAT},
    {TWO ROUTER GROUP("2", "hard", "{\"type\":\"relu\",\"name\":\"patch\"}," PATCHES) POOL OUT END,
     "name is \"patch\", which is taken", PMOE_E_GRAPH},
    {TWO ROUTER GROUP("2", "hard", PATCHES ",{\"type\":\"relu\",\"input\":\"image\"}") POOL OUT END,
     "input is \"image\", expected the name of an earlier layer of the same expert", PMOE_E_GRAPH},
    {TWO ROUTER GROUP("2", "hard",
                      "{\"type\":\"relu\"},{\"type\":\"patch_conv\",\"input\":\"patch\",\"patch\":28,\"filters\":2}")
         POOL OUT END,
     "layer \"experts.1\": no later layer of its expert reads it", PMOE_E_GRAPH},
    {TWO LAYER("r", "\"type\":\"patch_router\",\"patch\":2,\"experts\":1") LAYER(
         "g", "\"type\":\"expert_group\",\"input\":"
              "\"image\",\"router\":\"r\",\"kept\":3136,\"gate\":\"hard\",\"expert\":[{\"type\":\"conv\",\"kernel\":1,"
              "\"filters\":30000},{\"type\":\"avg_pool\",\"divisor\":\"n\"}]") POOL OUT END,
     "layer \"g.1\": 3136 times a map [2][2][30000] has more than 268435456 elements", PMOE_E_LIMIT},
    {TWO ROUTER CONV_FROM_IMAGE LAYER("e", "\"type\":\"relu\",\"input\":\"experts.1\"") POOL OUT END,
     "input is \"experts.1\", expected the name of an earlier layer", PMOE_E_GRAPH},

    /* mixtures */
    {TWO POOL LAYER("g", "\"type\":\"sample_router\",\"experts\":1,\"normalise\":true") OUT END,
     "layer \"g\": normalise needs 2 experts or more, found 1", PMOE_E_GRAPH},
    {TWO CONV LAYER("g", "\"type\":\"sample_router\",\"experts\":2") OUT END,
     "layer \"g\": its input \"conv\" is a map [4][4][20], expected a vector", PMOE_E_GRAPH},
    {TWO POOL LAYER("g", "\"type\":\"sample_router\",\"experts\":2") MIXTURE("3", "pool", "g") END,
     "layer \"m\": kept is 3, expected 1 to 2 (the experts of router \"g\")", PMOE_E_GRAPH},
    {TWO ROUTER CONV_FROM_IMAGE POOL MIXTURE("1", "pool", "router") END,
     "layer \"m\": router is \"router\", expected the name of a sample_router", PMOE_E_GRAPH},
    {TWO POOL LAYER("g", "\"type\":\"sample_router\",\"experts\":2") MIXTURE("1", "image", "g") END,
     "layer \"m\": its input \"image\" is a map [112][112][1], expected a vector", PMOE_E_GRAPH},
};

static void refuses(void **state)
{
    (void)state;
    struct graph *graph = malloc(sizeof *graph);
    assert_non_null(graph);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        pmoe_error error;
        pmoe_status status = read_bytes(bad[i].text, strlen(bad[i].text), graph, &error);
        if (status != bad[i].status || !strstr(error.text, bad[i].fragment))
            fail_msg("%s\nexpected %s: \"%s\"\ngot %s: \"%s\"", bad[i].text, pmoe_status_name(bad[i].status),
                     bad[i].fragment, pmoe_status_name(status), error.text);
        assert_int_equal(error.status, status);
        assert_null(strchr(error.text, '\n'));
    }
    free(graph);
}

static void too_many_layers_and_classes(void **state)
{
    (void)state;
    size_t capacity = 1 << 16;
    char *text = malloc(capacity);
    struct graph *graph = malloc(sizeof *graph);
    assert_non_null(text);
    assert_non_null(graph);
    for (int layers = GRAPH_MAX_LAYERS; layers <= GRAPH_MAX_LAYERS + 1; layers++) {
        size_t used = (size_t)snprintf(text, capacity, "%s", TWO CONV POOL);
        for (int i = 3; i < layers; i++)
            used += (size_t)snprintf(text + used, capacity - used,
                                     "{\"name\":\"l%d\",\"type\":\"linear\",\"outputs\":2,"
                                     "\"bias\":true},",
                                     i);
        snprintf(text + used, capacity - used, "%s", OUT END);
        pmoe_error error;
        pmoe_status status = read_bytes(text, strlen(text), graph, &error);
        assert_int_equal(status, layers > GRAPH_MAX_LAYERS ? PMOE_E_LIMIT : PMOE_OK);
        if (status != PMOE_OK)
            assert_string_equal(error.text, "layer list: has more than the 128 layers that are accepted");
        else
            assert_int_equal(graph->tensors, 2 + 2 * (GRAPH_MAX_LAYERS - 3));
    }
    for (int classes = GRAPH_MAX_CLASSES; classes <= GRAPH_MAX_CLASSES + 1; classes++) {
        size_t used = (size_t)snprintf(text, capacity, "%s",
                                       "{\"version\":1,\"name\":\"m\",\"input\":{\"height\":4,"
                                       "\"width\":4,\"channels\":1},\"classes\":[");
        for (int i = 0; i < classes; i++)
            used += (size_t)snprintf(text + used, capacity - used, "%s\"class%d\"", i ? "," : "", i % 1000 + i / 1000);
        snprintf(text + used, capacity - used,
                 "],\"layers\":[{\"name\":\"p\",\"type\":\"avg_pool\",\"divisor\":\"n\"},"
                 "{\"name\":\"o\",\"type\":\"linear\",\"outputs\":1000}]}");
        pmoe_error error;
        pmoe_status status = read_bytes(text, strlen(text), graph, &error);
        assert_int_equal(status, PMOE_E_LIMIT);
        assert_non_null(
            strstr(error.text, classes > GRAPH_MAX_CLASSES ? "has 1001 classes, at most 1000" : "bytes long, at most"));
    }
    free(graph);
    free(text);
}

static void every_prefix_is_refused(void **state)
{
    (void)state;
    struct graph *graph = malloc(sizeof *graph);
    assert_non_null(graph);
    for (size_t bytes = 0; bytes < sizeof JOINT - 1; bytes++) {
        pmoe_error error;
        assert_int_equal(read_bytes(JOINT, bytes, graph, &error), PMOE_E_FORMAT);
        assert_true(error.text[0] != 0);
    }
    free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses),
        cmocka_unit_test(too_many_layers_and_classes),
        cmocka_unit_test(every_prefix_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
