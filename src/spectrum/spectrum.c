#include "spectrum/spectrum.h"

#include <math.h>
#include <string.h>

#include "base/overlap.h"
#include "spectrum/spectrum_config.h"

static const char *const method_names[] = {[SNNK_SPECTRUM_AUTO] = "auto",
                                           [SNNK_SPECTRUM_EXACT] = "exact",
                                           [SNNK_SPECTRUM_INTEGRAL] = "integral",
                                           [SNNK_SPECTRUM_EXTENSION] = "extension",
                                           [SNNK_SPECTRUM_ATOMS] = "atoms"};

static const char *const affine_names[] = {
    [SNNK_AFFINE_NONE] = "none", [SNNK_AFFINE_LINE] = "line"};

const char *snnk_spectrum_method_name(int32_t method) {
    return method >= 0 && method <= SNNK_SPECTRUM_ATOMS ? method_names[method] : NULL;
}

const char *snnk_spectrum_affine_name(int32_t affine) {
    return affine >= 0 && affine <= SNNK_AFFINE_LINE ? affine_names[affine] : NULL;
}

/* ---- Allocation ---- */

int snnk__spectrum_alloc(size_t count, const snnk_spectrum_config *config,
                         const snnk_allocator *allocator, snnk_spectrum **spectrum) {
    snnk_spectrum *made;
    int st;

    if ((st = snnk__alloc(allocator, 1, sizeof *made, "a spectrum", &made)) != SNNK_OK) return st;
    *made = (snnk_spectrum){
        .allocator = *allocator, .count = count, .config = *config, .activation = -1};
    st = snnk__alloc_zero(allocator, count, 4 * sizeof *made->growth, "atoms", &made->growth);
    if (st != SNNK_OK) {
        snnk__free(allocator, made);
        return st;
    }
    if (count > 0) {
        made->omega = made->growth + count;
        made->re = made->growth + 2 * count;
        made->im = made->growth + 3 * count;
    }
    *spectrum = made;
    return SNNK_OK;
}

int snnk__spectrum_line(int32_t activation, double intercept, double slope, double error,
                        const snnk_spectrum_config *config, const snnk_allocator *allocator,
                        snnk_spectrum **spectrum) {
    snnk_spectrum *made;
    const int st = snnk__spectrum_alloc(0, config, allocator, &made);

    if (st != SNNK_OK) return st;
    made->intercept = intercept;
    made->slope = slope;
    made->error = error;
    made->activation = activation;
    made->config.method = SNNK_SPECTRUM_EXTENSION;
    made->config.points = 0;
    made->config.half_period = 0;
    made->config.largest_frequency = 0;
    made->config.allocator = NULL;
    *spectrum = made;
    return SNNK_OK;
}

void snnk_spectrum_free(snnk_spectrum *spectrum) {
    if (!spectrum) return;
    const snnk_allocator allocator = spectrum->allocator;

    snnk__free(&allocator, spectrum->growth);
    snnk__free(&allocator, spectrum);
}

/* ---- Reading ---- */

size_t snnk_spectrum_atoms(const snnk_spectrum *spectrum) { return spectrum ? spectrum->count : 0; }

static void copy(double *to, const double *from, size_t count) {
    if (to && count > 0) memcpy(to, from, count * sizeof *to);
}

int snnk_spectrum_get(const snnk_spectrum *spectrum, double *growth, double *omega, double *re,
                      double *im) {
    int st;

    if ((st = snnk__check_pointer(spectrum, "spectrum")) != SNNK_OK) return st;
    const size_t n = spectrum->count;
    const snnk__operand arrays[] = {SNNK__WRITTEN(growth, 1, n, n), SNNK__WRITTEN(omega, 1, n, n),
                                    SNNK__WRITTEN(re, 1, n, n), SNNK__WRITTEN(im, 1, n, n)};
    if ((st = snnk__check_overlap(4, arrays)) != SNNK_OK) return st;
    copy(growth, spectrum->growth, spectrum->count);
    copy(omega, spectrum->omega, spectrum->count);
    copy(re, spectrum->re, spectrum->count);
    copy(im, spectrum->im, spectrum->count);
    return SNNK_OK;
}

int snnk_spectrum_affine_part(const snnk_spectrum *spectrum, double *intercept, double *slope) {
    int st;

    if ((st = snnk__check_pointer(spectrum, "spectrum")) != SNNK_OK) return st;
    if (intercept) *intercept = spectrum->intercept;
    if (slope) *slope = spectrum->slope;
    return SNNK_OK;
}

double snnk_spectrum_l1(const snnk_spectrum *spectrum) {
    double sum = 0;

    if (!spectrum) return NAN;
    for (size_t k = 0; k < spectrum->count; k++) sum += hypot(spectrum->re[k], spectrum->im[k]);
    return sum;
}

double snnk_spectrum_error(const snnk_spectrum *spectrum) {
    return spectrum ? spectrum->error : NAN;
}

int snnk_spectrum_settings(const snnk_spectrum *spectrum, snnk_spectrum_config *config) {
    int st;

    if ((st = snnk__check_pointer(spectrum, "spectrum")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(config, "config")) != SNNK_OK) return st;
    return snnk__config_write(config, &spectrum->config, sizeof *config,
                              SNNK__SPECTRUM_CONFIG_MINIMUM, "spectrum config");
}

double snnk__spectrum_value(const snnk_spectrum *s, double z) {
    double value = s->intercept + s->slope * z;

    for (size_t k = 0; k < s->count; k++) {
        const double angle = s->omega[k] * z, term = s->re[k] * cos(angle) - s->im[k] * sin(angle);

        value += s->growth[k] == 0 ? term : exp(s->growth[k] * z) * term;
    }
    return value;
}

int snnk_spectrum_eval(const snnk_spectrum *spectrum, size_t n, const double *z, double *values) {
    int st;

    if ((st = snnk__check_pointer(spectrum, "spectrum")) != SNNK_OK) return st;
    if ((st = snnk__check_matrix(z, "z", n, 1, 1, sizeof *z)) != SNNK_OK) return st;
    if ((st = snnk__check_matrix(values, "values", n, 1, 1, sizeof *values)) != SNNK_OK) return st;
    const snnk__operand from = SNNK__READ(z, 1, n, n), to = SNNK__WRITTEN(values, 1, n, n);
    if ((st = snnk__check_overlap_but_same(&from, &to)) != SNNK_OK) return st;
    for (size_t i = 0; i < n; i++) values[i] = snnk__spectrum_value(spectrum, z[i]);
    return SNNK_OK;
}
