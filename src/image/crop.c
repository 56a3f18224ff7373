#include "crop.h"

#include "../base/error.h"
#include "span.h"

struct crop crop_centre(int32_t width, int32_t height, int32_t out_width, int32_t out_height)
{
    struct crop crop = {0, 0, width, height};
    if ((int64_t)width * out_height > (int64_t)height * out_width)
        crop.width = (int32_t)(((int64_t)height * out_width + out_height / 2) / out_height);
    else
        crop.height = (int32_t)(((int64_t)width * out_height + out_width / 2) / out_width);
    crop.width = crop.width < 1 ? 1 : crop.width > width ? width : crop.width;
    crop.height = crop.height < 1 ? 1 : crop.height > height ? height : crop.height;
    crop.x = (width - crop.width) / 2;
    crop.y = (height - crop.height) / 2;
    return crop;
}

static pmoe_status check_side(const char *what, const char *of, const char *side, int32_t pixels, pmoe_error *error)
{
    if (pixels < 1)
        return fail(error, PMOE_E_ARGUMENT, "%s: %s %s must be at least 1, found %d", what, of, side, (int)pixels);
    if (pixels > IMAGE_MAX_SIDE)
        return fail(error, PMOE_E_LIMIT, "%s: %s %s must be at most %d, found %d", what, of, side, IMAGE_MAX_SIDE,
                    (int)pixels);
    return PMOE_OK;
}

pmoe_status crop_check(const char *what, int32_t width, int32_t height, int32_t out_width, int32_t out_height,
                       pmoe_error *error)
{
    TRY(check_side(what, "picture", "width", width, error));
    TRY(check_side(what, "picture", "height", height, error));
    TRY(check_side(what, what, "width", out_width, error));
    return check_side(what, what, "height", out_height, error);
}
