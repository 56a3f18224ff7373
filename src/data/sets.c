/* The sets by name, and what their classes are called. */
#include "../pmoe.h"

#include <stddef.h>

static const char *const digit_names[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
/* As the official batches.meta.txt has them. */
static const char *const photo_names[] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                          "dog",      "frog",       "horse", "ship", "truck"};

static const char *const vehicle_names[] = {"airplane", "automobile", "ship", "truck"};

static const char *const smile_names[] = {"not smiling", "smiling", "not smiling, eyeglasses", "smiling, eyeglasses"};

static const struct {
    const char *name;
    int32_t classes, grid;
    const char *const *labels;
} sets[] = {
    [PMOE_MOSAIC] = {"mosaic", 2, PMOE_GRID, digit_names},
    [PMOE_MOSAIC10] = {"mosaic10", 10, PMOE_GRID, digit_names},
    [PMOE_MOSAIC64] = {"mosaic64", 10, PMOE_MAX_GRID, digit_names},
    [PMOE_CIFAR10] = {"cifar10", 10, 0, photo_names},
    [PMOE_CIFAR10_NOISE] = {"noise", 10, 0, photo_names},
    [PMOE_VEHICLES] = {"vehicles", 4, 0, vehicle_names},
    [PMOE_CELEBA] = {"celeba", 2, 0, smile_names},
    [PMOE_CELEBA_HAIR] = {"celeba-hair", 2, 0, smile_names},
    [PMOE_CELEBA_GLASSES] = {"celeba-glasses", 4, 0, smile_names},
};
enum { SETS = sizeof sets / sizeof *sets };

const char *pmoe_set_name(pmoe_set set)
{
    return (int)set >= 0 && (int)set < SETS ? sets[set].name : NULL;
}

int32_t pmoe_set_classes(pmoe_set set)
{
    return (int)set >= 0 && (int)set < SETS ? sets[set].classes : 0;
}

int32_t pmoe_set_grid(pmoe_set set)
{
    return (int)set >= 0 && (int)set < SETS ? sets[set].grid : 0;
}

const char *pmoe_set_class(pmoe_set set, int32_t class_index)
{
    return class_index >= 0 && class_index < pmoe_set_classes(set) ? sets[set].labels[class_index] : NULL;
}

int pmoe_set_is_photos(pmoe_set set)
{
    return pmoe_set_name(set) && !pmoe_set_grid(set);
}

int32_t pmoe_set_side(pmoe_set set)
{
    if (!pmoe_set_is_photos(set))
        return pmoe_set_grid(set) * PMOE_CELL;
    return set >= PMOE_CELEBA ? PMOE_FACE : PMOE_PHOTO;
}
