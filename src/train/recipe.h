/* Recipes: from a line of a table to a layer list and initial weights. */
#ifndef PMOE_TRAIN_RECIPE_H
#define PMOE_TRAIN_RECIPE_H

#include "../model/graph.h"

/* Is every field in range and do they fit each other?  Names the field, what was expected and what was found. */
PMOE_MUST_USE pmoe_status recipe_check(const pmoe_recipe *recipe, pmoe_error *error);

PMOE_MUST_USE pmoe_status recipe_graph(const pmoe_recipe *recipe, const pmoe_allocator *scratch, struct graph *graph,
                                       pmoe_error *error);

/* Has it a mixture for a head, or another hidden layer? */
int recipe_is_mixture(const pmoe_recipe *recipe);
int recipe_has_hidden(const pmoe_recipe *recipe);
int recipe_is_noisy(const pmoe_recipe *recipe); /* scores, in training */
int32_t recipe_head_width(const pmoe_recipe *recipe);

/* Initial values of one tensor, in memory's order. */
void recipe_init(const pmoe_recipe *recipe, const struct graph *graph, int32_t tensor, float *values);

/* Does the second step of training (the only one, unless routers are trained separately) change this tensor? */
int recipe_trains(const pmoe_recipe *recipe, const struct graph *graph, int32_t tensor);

/* All fields as a JSON object; two recipes are the same if this is.  Like snprintf. */
size_t recipe_describe(const pmoe_recipe *recipe, char *text, size_t capacity);

const char *model_kind_name(pmoe_model_kind kind);

#endif
