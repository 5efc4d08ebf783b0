#include "augment/config.h"

#include <math.h>

#include "base/random.h"
#include "base/size.h"
#include "base/status.h"

enum {
    CONFIG_MINIMUM = sizeof(snnk_augment_config),
    DRAW_MINIMUM = sizeof(snnk_augment_draw),
    LONGEST = 1 << 24,     /* the largest side and shift */
    MOST_NUMBERS = 1 << 30 /* of a row: draws of a row are counted in 32 bits */
};

static const snnk_augment_config defaults = {.size = sizeof defaults,
                                             .channels = 1,
                                             .scale_least = 1,
                                             .scale_most = 1,
                                             .elastic_sigma = 4,
                                             .fill = SNNK_FILL_EDGE};

const char *snnk_fill_name(int32_t fill) {
    switch (fill) {
    case SNNK_FILL_EDGE: return "edge";
    case SNNK_FILL_CONSTANT: return "constant";
    default: return NULL;
    }
}

int snnk_augment_config_init(snnk_augment_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &defaults, sizeof defaults, CONFIG_MINIMUM,
                             "augment config");
}

/* A finite number within its range. */
static int check_number(double value, double least, double most, const char *name) {
    if (!isfinite(value)) return snnk__fail(SNNK_E_NONFINITE, "%s = %g is not finite", name, value);
    return snnk__check_within(value, least, most, name);
}

static int check_flag(int32_t value, const char *name) {
    if (value == 0 || value == 1) return SNNK_OK;
    return snnk__fail(SNNK_E_RANGE, "%s = %d is neither 0 nor 1", name, (int)value);
}

static int check_shape(const snnk_augment_config *config, size_t *row_width) {
    const unsigned long long h = config->height, w = config->width, c = config->channels;
    size_t pixels;

    if (h == 0 || w == 0 || c == 0)
        return snnk__fail(SNNK_E_SHAPE,
                          "an image of %llu x %llu x %llu numbers: set height, width and channels",
                          h, w, c);
    if (h > LONGEST || w > LONGEST)
        return snnk__fail(SNNK_E_SHAPE, "an image of %llu x %llu pixels: a side has at most %d", h,
                          w, LONGEST);
    if (c > SIZE_MAX || !snnk__mul_size((size_t)h, (size_t)w, &pixels) ||
        !snnk__mul_size(pixels, (size_t)c, row_width))
        return snnk__fail(SNNK_E_SIZE, "%llu x %llu x %llu numbers overflow size_t", h, w, c);
    if (*row_width > MOST_NUMBERS)
        return snnk__fail(SNNK_E_SHAPE, "%llu x %llu x %llu numbers: a row has at most %d", h, w, c,
                          MOST_NUMBERS);
    return SNNK_OK;
}

static int check_numbers(const snnk_augment_config *config) {
    int st;

    if ((st = check_number(config->shift, 0, LONGEST, "shift")) != SNNK_OK) return st;
    if ((st = check_number(config->rotation, 0, 180, "rotation")) != SNNK_OK) return st;
    if ((st = check_number(config->scale_least, 0.01, 100, "scale_least")) != SNNK_OK) return st;
    if ((st = check_number(config->scale_most, 0.01, 100, "scale_most")) != SNNK_OK) return st;
    if ((st = check_number(config->elastic, 0, LONGEST, "elastic")) != SNNK_OK) return st;
    st = check_number(config->elastic_sigma, 0.5, LONGEST, "elastic_sigma");
    if (st != SNNK_OK) return st;
    if ((st = check_number(config->noise, 0, 1e30, "noise")) != SNNK_OK) return st;
    if ((st = check_number(config->fill_value, -1e30, 1e30, "fill_value")) != SNNK_OK) return st;
    if (config->scale_least > config->scale_most)
        return snnk__fail(SNNK_E_RANGE, "scale_least = %g is above scale_most = %g",
                          config->scale_least, config->scale_most);
    if (config->height == 1 && config->rotation > 0)
        return snnk__fail(SNNK_E_SHAPE,
                          "rotation = %g of a series (height 1), which cannot be turned: set it to "
                          "0",
                          config->rotation);
    return SNNK_OK;
}

int snnk__augment_config_read(const snnk_augment_config *config, snnk_augment_config *ours,
                              size_t *row_width) {
    int st;

    if ((st = snnk__check_pointer(config, "config")) != SNNK_OK) return st;
    *ours = defaults;
    st = snnk__config_read(ours, sizeof *ours, CONFIG_MINIMUM, config, "augment config");
    if (st != SNNK_OK) return st;
    if ((st = check_shape(ours, row_width)) != SNNK_OK) return st;
    if ((st = check_numbers(ours)) != SNNK_OK) return st;
    if ((st = snnk__check_enum(ours->fill, SNNK_FILL_CONSTANT + 1, "fill")) != SNNK_OK) return st;
    if ((st = check_flag(ours->mirror, "mirror")) != SNNK_OK) return st;
    return check_flag(ours->whole_shift, "whole_shift");
}

/* A shift by a uniform number u in (0, 1). */
static double shift_of(const snnk_augment_config *config, double u) {
    if (!config->whole_shift) return config->shift * (2 * u - 1);
    const double most = floor(config->shift);

    return floor(u * (2 * most + 1)) - most;
}

snnk_augment_draw snnk__augment_draw(const snnk_augment_config *config, uint64_t number) {
    snnk_augment_draw draw = {.size = sizeof draw, .scale = 1};
    double u[6];

    snnk__random_uniform(config->seed, SNNK__STREAM_AUGMENT, number, 0, 6, u);
    if (config->shift > 0) {
        if (config->height > 1) draw.down = shift_of(config, u[0]);
        draw.right = shift_of(config, u[1]);
    }
    if (config->rotation > 0) draw.rotation = config->rotation * (2 * u[2] - 1);
    if (config->scale_least != 1 || config->scale_most != 1) {
        const double least = log(config->scale_least), most = log(config->scale_most);

        draw.scale = exp(least + u[3] * (most - least));
    }
    draw.mirrored = config->mirror && u[4] < 0.5;
    return draw;
}

int snnk_augment_get_draw(const snnk_augment_config *config, uint64_t number,
                          snnk_augment_draw *draw) {
    snnk_augment_config ours;
    snnk_augment_draw drawn;
    size_t row_width;
    int st;

    if ((st = snnk__check_pointer(draw, "draw")) != SNNK_OK) return st;
    if ((st = snnk__augment_config_read(config, &ours, &row_width)) != SNNK_OK) return st;
    drawn = snnk__augment_draw(&ours, number);
    return snnk__config_write(draw, &drawn, sizeof drawn, DRAW_MINIMUM, "augment draw");
}
