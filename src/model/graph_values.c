/* The values of a layer in JSON, each with a sentence for everything that may be wrong with it; graph_reader.h. */
#include "../base/error.h"
#include "graph_reader.h"

#include <float.h>
#include <stdio.h>
#include <string.h>

enum { LABEL_BYTES = 144 };

/* What an accessor calls a value: place and key. */
static const char *label(const struct reader *r, const char *key, char text[LABEL_BYTES])
{
    snprintf(text, LABEL_BYTES, "%s: %s", r->place, key);
    return text;
}

/* "a, b, c" */
static const char *listed(const char *const *items, char *text, size_t capacity)
{
    size_t used = 0;
    text[0] = 0;
    for (; *items && used < capacity; items++)
        used += (size_t)snprintf(text + used, capacity - used, "%s%s", used ? ", " : "", *items);
    return text;
}

void reader_place(struct reader *r)
{
    snprintf(r->place, sizeof r->place, "layer \"%s\"", reader_layer(r)->name);
}

pmoe_status reader_keys(const struct reader *r, json_node object, const char *const *keys)
{
    if (!json_is_object(&r->json, object))
        return fail(r->error, PMOE_E_FORMAT, "%s: expected an object, found %s", r->place,
                    json_quote(&r->json, object).text);
    for (json_node key = json_first(&r->json, object); key != JSON_NONE; key = json_next(&r->json, key)) {
        int known = 0;
        for (const char *const *k = keys; *k && !known; k++)
            known = json_member(&r->json, object, *k) == json_value(&r->json, key);
        char list[144];
        if (!known)
            return fail(r->error, PMOE_E_FORMAT, "%s: unknown key \"%s\", expected %s", r->place,
                        json_quote(&r->json, key).text, listed(keys, list, sizeof list));
    }
    return PMOE_OK;
}

pmoe_status reader_optional(const struct reader *r, json_node object, const char *key, int32_t low, int32_t high,
                            int32_t otherwise, int32_t *value)
{
    char name[LABEL_BYTES];
    int64_t found = otherwise;
    json_node node = json_member(&r->json, object, key);
    if (node != JSON_NONE)
        TRY(json_int(&r->json, node, label(r, key, name), low, high, &found, r->error));
    *value = (int32_t)found;
    return PMOE_OK;
}

pmoe_status reader_count(const struct reader *r, json_node object, const char *key, int32_t high, int32_t *count)
{
    char name[LABEL_BYTES];
    int64_t found;
    TRY(json_int(&r->json, json_member(&r->json, object, key), label(r, key, name), 1, high, &found, r->error));
    *count = (int32_t)found;
    return PMOE_OK;
}

pmoe_status reader_positive(const struct reader *r, json_node object, const char *key, float otherwise, float *value)
{
    char name[LABEL_BYTES];
    json_node node = json_member(&r->json, object, key);
    double found = (double)otherwise;
    if (node != JSON_NONE)
        TRY(json_number(&r->json, node, label(r, key, name), &found, r->error));
    *value = (float)found;
    if (!(*value > 0) || *value > FLT_MAX)
        return fail(r->error, PMOE_E_FORMAT, "%s is %g, expected a number above 0", label(r, key, name), found);
    return PMOE_OK;
}

pmoe_status reader_flag(const struct reader *r, json_node object, const char *key, int32_t *flag)
{
    char name[LABEL_BYTES];
    json_node node = json_member(&r->json, object, key);
    int found = 0;
    if (node != JSON_NONE)
        TRY(json_bool(&r->json, node, label(r, key, name), &found, r->error));
    *flag = found;
    return PMOE_OK;
}

pmoe_status reader_choice(const struct reader *r, json_node object, const char *key, int optional,
                          const char *const *choices, int32_t *choice)
{
    char name[LABEL_BYTES], text[GRAPH_NAME_BYTES], list[144];
    json_node node = json_member(&r->json, object, key);
    *choice = 0;
    label(r, key, name);
    if (optional && node == JSON_NONE)
        return PMOE_OK;
    pmoe_status status = json_text(&r->json, node, name, text, sizeof text, r->error);
    if (!json_is_string(&r->json, node))
        return status;
    for (int32_t i = 0; status == PMOE_OK && choices[i]; i++) {
        if (strcmp(text, choices[i]) != 0)
            continue;
        *choice = i;
        return PMOE_OK;
    }
    return fail(r->error, PMOE_E_FORMAT, "%s is \"%s\", expected one of %s", name, json_quote(&r->json, node).text,
                listed(choices, list, sizeof list));
}

pmoe_status reader_type(const struct reader *r, json_node object, enum layer_type *type)
{
    const char *types[LAYER_MIXTURE + 2];
    for (int32_t i = 0; i <= LAYER_MIXTURE; i++)
        types[i] = layer_type_name((enum layer_type)i);
    types[LAYER_MIXTURE + 1] = NULL;
    int32_t choice;
    TRY(reader_choice(r, object, "type", 0, types, &choice));
    *type = (enum layer_type)choice;
    return PMOE_OK;
}

pmoe_status reader_name(const struct reader *r, json_node object, char *out, size_t capacity)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    char name[LABEL_BYTES];
    json_node node = json_member(&r->json, object, "name");
    TRY(json_text(&r->json, node, label(r, "name", name), out, capacity, r->error));
    if (out[0] == 0 || out[strspn(out, allowed)] != 0)
        return fail(r->error, PMOE_E_FORMAT, "%s is \"%s\", expected letters, digits, '_', '.' or '-'", name,
                    json_quote(&r->json, node).text);
    return PMOE_OK;
}

/* ---- Other layers ---- */

/* An earlier layer of the list being read, by its full name; -1 if there is none. */
static int32_t find_layer(const struct reader *r, const char *name)
{
    for (int32_t i = 0; i < r->at; i++)
        if (r->graph->layer[i].group == r->group && strcmp(r->graph->layer[i].name, name) == 0)
            return i;
    return -1;
}

int reader_knows(const struct reader *r, const char *name)
{
    return find_layer(r, name) >= 0;
}

pmoe_status reader_reference(struct reader *r, json_node object, const char *key, int32_t *layer)
{
    char name[LABEL_BYTES], text[GRAPH_NAME_BYTES], full[2 * GRAPH_NAME_BYTES];
    json_node node = json_member(&r->json, object, key);
    TRY(json_text(&r->json, node, label(r, key, name), text, sizeof text, r->error));
    if (r->group >= 0 && strcmp(text, "patch") == 0) {
        *layer = GRAPH_EXPERT;
        return PMOE_OK;
    }
    if (r->group >= 0)
        snprintf(full, sizeof full, "%s.%s", r->graph->layer[r->group].name, text);
    else
        snprintf(full, sizeof full, "%s", text);
    *layer = find_layer(r, full);
    if (*layer >= 0)
        r->is_read[*layer] = 1;
    else if (r->group >= 0 || strcmp(text, "image") != 0)
        return fail(r->error, PMOE_E_GRAPH, "%s is \"%s\", expected the name of an earlier layer%s", name,
                    json_quote(&r->json, node).text, r->group >= 0 ? " of the same expert" : "");
    return PMOE_OK;
}

/* ---- Shapes and tensors ---- */

struct shape_words shape_describe(struct shape shape)
{
    static const char *const kinds[] = {
        [SHAPE_MAP] = "a map", [SHAPE_ROUTED] = "routed patches", [SHAPE_SCORES] = "scores"};
    struct shape_words words;
    if (shape.kind == SHAPE_VECTOR)
        snprintf(words.text, sizeof words.text, "a vector [%d]", (int)shape.c);
    else
        snprintf(words.text, sizeof words.text, "%s [%d][%d][%d]", kinds[shape.kind], (int)shape.a, (int)shape.b,
                 (int)shape.c);
    return words;
}

pmoe_status reader_wrong_input(const struct reader *r, int32_t input, const char *expected)
{
    const char *name = input == GRAPH_IMAGE    ? "image"
                       : input == GRAPH_EXPERT ? "what the expert is given"
                                               : r->graph->layer[input].name;
    return fail(r->error, PMOE_E_GRAPH, "%s: its input \"%s\" is %s, expected %s", r->place, name,
                shape_describe(graph_shape_of(r->graph, r->at, input)).text, expected);
}

pmoe_status reader_elements(const struct reader *r, struct shape shape)
{
    /* a and b are at most 4096, c at most 65536: no overflow */
    if (shape_count(shape) > GRAPH_MAX_ELEMENTS)
        return fail(r->error, PMOE_E_LIMIT, "%s: %s has more than %lld elements", r->place, shape_describe(shape).text,
                    (long long)GRAPH_MAX_ELEMENTS);
    return PMOE_OK;
}

static pmoe_status name_tensor(const struct reader *r, const char *part, struct tensor *row)
{
    const struct layer *layer = reader_layer(r);
    const char *of = layer->has_name ? layer->name : r->graph->layer[layer->group].name;
    snprintf(row->name, sizeof row->name, "%s.%s", of, part);
    for (int32_t t = 0; t < r->graph->tensors; t++)
        if (strcmp(r->graph->tensor[t].name, row->name) == 0)
            return fail(r->error, PMOE_E_GRAPH, "%s: its tensor \"%s\" is that of layer \"%s\"; give it a name",
                        r->place, row->name, r->graph->layer[r->graph->tensor[t].layer].name);
    return PMOE_OK;
}

pmoe_status reader_tensor(struct reader *r, const char *part, int32_t rank, const int64_t *dims, int32_t *index)
{
    struct graph *graph = r->graph;
    if (graph->tensors == GRAPH_MAX_TENSORS)
        return fail(r->error, PMOE_E_LIMIT, "%s: at most %d tensors are accepted", r->place, GRAPH_MAX_TENSORS);
    struct tensor row = {.layer = r->at, .count = 1};
    TRY(name_tensor(r, part, &row));
    if (r->group >= 0)
        row.dims[row.rank++] = graph->layer[r->group].experts;
    for (int32_t i = 0; i < rank; i++)
        row.dims[row.rank++] = dims[i];
    for (int32_t i = 0; i < row.rank; i++) {
        if (row.count > GRAPH_MAX_ELEMENTS / row.dims[i])
            return fail(r->error, PMOE_E_LIMIT, "%s: its %s has more than %lld elements", r->place, part,
                        (long long)GRAPH_MAX_ELEMENTS);
        row.count *= row.dims[i];
    }
    graph->parameters += row.count;
    graph->tensor[graph->tensors] = row;
    *index = graph->tensors++;
    return PMOE_OK;
}
