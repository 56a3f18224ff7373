/* What paper 1's figures plot, and the values they show, read off them (percent; papers B1, B3 and B4). */
#ifndef PMOE_STUDY_FIGURES_H
#define PMOE_STUDY_FIGURES_H

#include "../pmoe.h"

enum { FIGURE_CURVES = 3, FIGURE_SIZES = 10, FIGURE_KEPTS = 5 };

/* A curve of accuracy against N training samples. */
struct figure_curve {
    const char *model, *recipe;
    double percent[FIGURE_SIZES];
};

/* Figs 4, 10 to 12 and 14 to 16, one a set. */
struct figure {
    const char *name;
    pmoe_set set;
    int32_t size[FIGURE_SIZES], sizes; /* values of N */
    struct figure_curve curve[FIGURE_CURVES];
    int32_t curves;
};

/* NULL if the paper has none of this set. */
const struct figure *figure_of(pmoe_set set);

/* 0 where the figure has no point. */
double figure_percent(const struct figure *figure, int32_t curve, int32_t samples);

/* Fig 8: boards with the discriminative patch among the l best of its router, l = figure_kepts[i]; Fig 9: among the six
 * of the expert of class `label`.  0 where there is no point. */
extern const int32_t figure_kepts[FIGURE_KEPTS];
double figure8_percent(int32_t kept, int32_t samples);
double figure9_percent(int32_t label, int32_t samples);

#endif
