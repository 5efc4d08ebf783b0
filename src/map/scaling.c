#include "map/scaling.h"

#include <math.h>

#include "base/overlap.h"
#include "base/rows.h"

static const char *const mode_names[] = {[SNNK_SCALING_CENTER] = "center",
                                         [SNNK_SCALING_COMMON] = "common",
                                         [SNNK_SCALING_STANDARDIZE] = "standardize",
                                         [SNNK_SCALING_GIVEN] = "given"};

const char *snnk_scaling_mode_name(int32_t mode) {
    return mode >= 0 && mode <= SNNK_SCALING_GIVEN ? mode_names[mode] : NULL;
}

int snnk__scaling_make(size_t inputs, int32_t mode, const snnk_allocator *allocator,
                       snnk_scaling **scaling) {
    snnk_allocator ours;
    snnk_scaling *made = NULL;
    int st;

    if (inputs == 0) return snnk__fail(SNNK_E_SHAPE, "inputs = 0: a scaling needs at least 1");
    if ((st = snnk__allocator_read(&ours, allocator)) != SNNK_OK) return st;
    if ((st = snnk__alloc(&ours, 1, sizeof *made, "a scaling", &made)) != SNNK_OK) return st;
    *made = (snnk_scaling){.allocator = ours, .inputs = inputs, .mode = mode};
    if ((st = snnk__alloc_zero(&ours, inputs, sizeof(double), "means", &made->mean)) != SNNK_OK)
        goto done;
    if ((st = snnk__alloc_zero(&ours, inputs, sizeof(double), "scales", &made->scale)) != SNNK_OK)
        goto done;
    *scaling = made;
    made = NULL;
done:
    snnk_scaling_free(made);
    return st;
}

int snnk_scaling_create(size_t inputs, int32_t mode, const snnk_allocator *allocator,
                        snnk_scaling **scaling) {
    int st;

    if ((st = snnk__check_pointer(scaling, "scaling")) != SNNK_OK) return st;
    *scaling = NULL;
    if ((st = snnk__check_enum(mode, SNNK_SCALING_GIVEN, "mode")) != SNNK_OK) return st;
    return snnk__scaling_make(inputs, mode, allocator, scaling);
}

int snnk__scaling_check_given(size_t inputs, const double *mean, const double *scale) {
    const double largest = 1e30, smallest = 1e-30;

    if (!mean && !scale)
        return SNNK_OK; /* do not loop over `inputs`, which may be absurdly large */
    for (size_t k = 0; k < inputs; k++) {
        if (mean && !isfinite(mean[k]))
            return snnk__fail(SNNK_E_NONFINITE, "mean[%zu] = %g is not finite", k, mean[k]);
        if (scale && !isfinite(scale[k]))
            return snnk__fail(SNNK_E_NONFINITE, "scale[%zu] = %g is not finite", k, scale[k]);
        if (mean && fabs(mean[k]) > largest)
            return snnk__fail(SNNK_E_RANGE, "mean[%zu] = %g is outside +-%g", k, mean[k], largest);
        if (scale && !(scale[k] >= smallest && scale[k] <= largest))
            return snnk__fail(SNNK_E_RANGE, "scale[%zu] = %g is not in %g ... %g", k, scale[k],
                              smallest, largest);
    }
    return SNNK_OK;
}

int snnk_scaling_create_given(size_t inputs, const double *mean, const double *scale,
                              const snnk_allocator *allocator, snnk_scaling **scaling) {
    int st;

    if ((st = snnk__check_pointer(scaling, "scaling")) != SNNK_OK) return st;
    *scaling = NULL;
    if ((st = snnk__scaling_check_given(inputs, mean, scale)) != SNNK_OK) return st;
    if ((st = snnk__scaling_make(inputs, SNNK_SCALING_GIVEN, allocator, scaling)) != SNNK_OK)
        return st;
    for (size_t k = 0; k < inputs; k++) {
        (*scaling)->mean[k] = mean ? mean[k] : 0;
        (*scaling)->scale[k] = scale ? scale[k] : 1;
    }
    return SNNK_OK;
}

void snnk_scaling_free(snnk_scaling *scaling) {
    if (!scaling) return;
    const snnk_allocator allocator = scaling->allocator;
    snnk__free(&allocator, scaling->mean);
    snnk__free(&allocator, scaling->scale);
    snnk__free(&allocator, scaling);
}

int snnk_scaling_add(snnk_scaling *scaling, const snnk_rows *rows) {
    snnk_rows read;
    int st;

    if ((st = snnk__check_pointer(scaling, "scaling")) != SNNK_OK) return st;
    const size_t d = scaling->inputs;
    if (scaling->mode == SNNK_SCALING_GIVEN)
        return snnk__fail(SNNK_E_STATE,
                          "the scaling was created from given numbers and cannot learn from data");
    if ((st = snnk__rows_read(rows, d, 0, false, &read)) != SNNK_OK) return st;
    if ((st = snnk__rows_check_finite(&read)) != SNNK_OK) return st;

    /* Welford's update: the pairwise rule of Chan, Golub & LeVeque 1979 for a batch of one row. */
    for (size_t i = 0; i < read.n; i++) {
        const double share = 1 / (double)++scaling->rows;

        for (size_t k = 0; k < d; k++) {
            const double x = snnk__rows_input(&read, i, k), delta = x - scaling->mean[k];

            scaling->mean[k] += delta * share;
            scaling->scale[k] += delta * (x - scaling->mean[k]);
        }
    }
    return SNNK_OK;
}

/* 1/sqrt(variance), or 1 for an input that does not vary. */
static double inverse_spread(double variance) { return variance > 0 ? 1 / sqrt(variance) : 1; }

static void read_scales(const snnk_scaling *s, double *scale) {
    const double rows = (double)s->rows;
    double total = 0;

    for (size_t k = 0; k < s->inputs; k++) total += s->scale[k] / rows;
    for (size_t k = 0; k < s->inputs; k++) switch ((snnk_scaling_mode)s->mode) {
        case SNNK_SCALING_CENTER: scale[k] = 1; break;
        case SNNK_SCALING_COMMON: scale[k] = inverse_spread(total); break;
        case SNNK_SCALING_STANDARDIZE: scale[k] = inverse_spread(s->scale[k] / rows); break;
        case SNNK_SCALING_GIVEN: scale[k] = s->scale[k]; break;
        }
}

int snnk_scaling_get(const snnk_scaling *scaling, double *mean, double *scale) {
    int st;

    if ((st = snnk__check_pointer(scaling, "scaling")) != SNNK_OK) return st;
    if (scaling->mode != SNNK_SCALING_GIVEN && scaling->rows == 0)
        return snnk__fail(
            SNNK_E_STATE,
            "the scaling learns from data, but no rows were added: call snnk_scaling_add first");
    const size_t d = scaling->inputs;
    const snnk__operand arrays[] = {SNNK__WRITTEN(mean, 1, d, d), SNNK__WRITTEN(scale, 1, d, d)};
    if ((st = snnk__check_overlap(2, arrays)) != SNNK_OK) return st;
    for (size_t k = 0; mean && k < d; k++) mean[k] = scaling->mean[k];
    if (scale) read_scales(scaling, scale);
    return SNNK_OK;
}

size_t snnk_scaling_inputs(const snnk_scaling *scaling) { return scaling ? scaling->inputs : 0; }
uint64_t snnk_scaling_rows(const snnk_scaling *scaling) { return scaling ? scaling->rows : 0; }
int32_t snnk_scaling_get_mode(const snnk_scaling *scaling) { return scaling ? scaling->mode : 0; }
