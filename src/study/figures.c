#include "figures.h"

#include <stddef.h>

static const struct figure figures[] = {
    {"4",
     PMOE_MOSAIC,
     {100, 300, 500, 700, 900, 1000},
     6,
     {{"cnn", "mosaic-cnn", {78.6, 89.5, 92.7, 94.0, 94.4, 95.2}},
      {"separate", "mosaic-separate", {82.3, 92.3, 94.75, 95.7, 96.5, 96.8}},
      {"joint", "mosaic-joint", {89.1, 94.3, 94.7, 95.5, 95.1, 96.6}}},
     3},
    {"10",
     PMOE_CELEBA,
     {2000, 4000, 6000, 8000, 10000},
     5,
     {{"wrn", "celeba-wrn", {81.0, 83.9, 85.0, 86.05, 86.3}},
      {"wrn-pmoe", "celeba-wrn-pmoe", {88.3, 89.1, 89.4, 89.7, 90.1}}},
     2},
    {"11",
     PMOE_CELEBA_HAIR,
     {5000, 10000, 15000, 20000, 25000},
     5,
     {{"wrn", "celeba-wrn", {59.9, 66.2, 64.9, 72.2, 79.9}},
      {"wrn-pmoe", "celeba-wrn-pmoe", {70.0, 76.3, 77.7, 79.9, 85.9}}},
     2},
    {"12",
     PMOE_CELEBA_GLASSES,
     {4000, 8000, 12000, 16000},
     4,
     {{"wrn", "celeba-wrn", {74.6, 83.1, 85.2, 86.1}}, {"wrn-pmoe", "celeba-wrn-pmoe", {84.8, 86.2, 87.1, 87.75}}},
     2},
    {"14",
     PMOE_CIFAR10,
     {20000, 30000, 40000, 50000},
     4,
     {{"wrn", "vehicles-wrn", {74.9, 78.6, 81.2, 82.8}}, {"wrn-pmoe", "vehicles-wrn-pmoe", {76.0, 79.6, 81.9, 83.3}}},
     2},
    {"15",
     PMOE_CIFAR10_NOISE,
     {10000, 20000, 30000, 40000, 50000},
     5,
     {{"wrn", "vehicles-wrn", {41.7, 56.0, 62.7, 66.8, 69.7}},
      {"wrn-pmoe", "vehicles-wrn-pmoe", {53.9, 63.6, 68.5, 71.2, 73.2}}},
     2},
    {"16",
     PMOE_VEHICLES,
     {4000, 8000, 12000, 16000, 20000},
     5,
     {{"wrn", "vehicles-wrn", {50.3, 60.8, 68.5, 74.0, 77.7}},
      {"wrn-pmoe", "vehicles-wrn-pmoe", {60.7, 71.4, 76.5, 79.8, 82.3}}},
     2},
};
enum { FIGURES = sizeof figures / sizeof *figures };

const struct figure *figure_of(pmoe_set set)
{
    for (int32_t i = 0; i < FIGURES; i++)
        if (figures[i].set == set)
            return &figures[i];
    return NULL;
}

double figure_percent(const struct figure *figure, int32_t curve, int32_t samples)
{
    for (int32_t i = 0; i < figure->sizes; i++)
        if (figure->size[i] == samples)
            return figure->curve[curve].percent[i];
    return 0;
}

/* Over N = 100 .. 1000; of Fig 9 classes 0 and 1, the paper's class-2 and class-1. */
const int32_t figure_kepts[FIGURE_KEPTS] = {1, 2, 4, 6, 8};
static const double figure8[FIGURE_KEPTS][FIGURE_SIZES] = {
    {73.5, 79.7, 84.2, 84.1, 84.4, 84.5, 84.4, 84.9, 85.4, 85.5},
    {86.8, 88.4, 92.1, 90.8, 91.1, 91.3, 91.2, 91.8, 91.8, 91.7},
    {95.0, 94.8, 96.4, 96.4, 96.4, 96.1, 96.3, 96.4, 96.8, 96.8},
    {97.9, 97.2, 97.9, 97.7, 97.9, 97.8, 97.8, 97.8, 98.1, 98.1},
    {98.9, 98.3, 98.9, 98.5, 98.5, 98.7, 98.7, 98.7, 99.1, 99.1},
};
static const double figure9[2][FIGURE_SIZES] = {
    {87.7, 91.4, 90.4, 89.7, 90.2, 91.4, 90.4, 91.0, 90.9, 91.9},
    {75, 58, 95.1, 92.4, 95.4, 95.3, 94.3, 94.8, 94.4, 94.9},
};

static int is_hundreds(int32_t samples)
{
    return samples % 100 == 0 && samples >= 100 && samples <= 100 * FIGURE_SIZES;
}

double figure8_percent(int32_t kept, int32_t samples)
{
    for (int32_t i = 0; i < FIGURE_KEPTS; i++)
        if (figure_kepts[i] == kept && is_hundreds(samples))
            return figure8[i][samples / 100 - 1];
    return 0;
}

double figure9_percent(int32_t label, int32_t samples)
{
    return is_hundreds(samples) ? figure9[label][samples / 100 - 1] : 0;
}
