/* How a mixture's gates use its experts over many images.
 *
 * Sums are whole numbers, gates and nats in steps of 2^-30: none depends on the order of the images, so that neither
 * the number of threads nor how a batch was dealt out shows.  Images are counted by row: by class, or all in one. */
#ifndef PMOE_ROUTE_USAGE_H
#define PMOE_ROUTE_USAGE_H

#include "../base/memory.h"

struct usage {
    int32_t rows, experts, kept;
    int64_t *images;  /* [rows] */
    int64_t *gates;   /* [rows][experts] */
    int64_t *picked;  /* [rows][experts] images that kept the expert */
    int64_t *entropy; /* [rows] of images' gates */
};

/* Room for the counts, then usage_clear. */
void usage_lay_out(struct usage *usage, int32_t rows, int32_t experts, int32_t kept, struct arena *arena);
void usage_clear(struct usage *usage);

/* One more image of a row, a mixture of usage->experts. */
void usage_add(struct usage *usage, int32_t row, pmoe_mixing mixing);
void usage_merge(struct usage *into, const struct usage *from);

/* All rows from first to first + rows - 1 together: gates, load [experts], then referred to by what is returned; 0
 * everywhere if they have no image. */
pmoe_usage usage_read(const struct usage *usage, int32_t first, int32_t rows, double *gates, double *load);

enum { USAGE_ALL = -1 };

/* The same of one row, or of all; each has a place of its own in table [1 + rows][2][experts]. */
pmoe_usage usage_read_row(const struct usage *usage, int32_t row, double *table);

#endif
