/* Recipes: from a line of a table to a layer list and initial weights. */
#ifndef PMOE_TRAIN_RECIPE_H
#define PMOE_TRAIN_RECIPE_H

#include "../model/graph.h"

/* One convolution of a stem or of stages. */
struct stage {
    int32_t filters, kernel, stride;
};

enum { RECIPE_MAX_STAGES = 8, RECIPE_STAGES_BYTES = 64 };

/* "16x5/4,32" as {16, 5, 4}, {32, 3, 1}: how many; 0 if the text is no such list, NULL or RECIPE_STAGES_BYTES long. */
int32_t recipe_stages(const char *text, struct stage stages[RECIPE_MAX_STAGES]);

/* Is every field in range and do they fit each other?  Names the field, what was expected and what was found. */
PMOE_MUST_USE pmoe_status recipe_check(const pmoe_recipe *recipe, pmoe_error *error);

PMOE_MUST_USE pmoe_status recipe_graph(const pmoe_recipe *recipe, const pmoe_allocator *scratch, struct graph *graph,
                                       pmoe_error *error);

/* Initial values of one tensor, in memory's order. */
void recipe_init(const pmoe_recipe *recipe, const struct graph *graph, int32_t tensor, float *values);

/* Does the second step of training (the only one, unless routers are trained separately) change this tensor? */
int recipe_trains(const pmoe_recipe *recipe, const struct graph *graph, int32_t tensor);

/* All fields as a JSON object; two recipes are the same if this is.  Like snprintf. */
size_t recipe_describe(const pmoe_recipe *recipe, char *text, size_t capacity);

const char *model_kind_name(pmoe_model_kind kind);

#endif
