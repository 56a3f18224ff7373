/* Which part of a picture a network is shown. */
#ifndef PMOE_IMAGE_CROP_H
#define PMOE_IMAGE_CROP_H

#include "../pmoe.h"

struct crop {
    int32_t x, y, width, height;
};

/* The largest centred part of a picture that has the target's aspect, to the nearest whole pixel. */
struct crop crop_centre(int32_t width, int32_t height, int32_t out_width, int32_t out_height);

/* Picture and target must have 1 to IMAGE_MAX_SIDE pixels a side; `what` the target is called. */
PMOE_MUST_USE pmoe_status crop_check(const char *what, int32_t width, int32_t height, int32_t out_width,
                                     int32_t out_height, pmoe_error *error);

#endif
