/* Spectra from an activation, a function, or its values: choosing the method. */
#include <math.h>

#include "spectrum/activation.h"
#include "spectrum/activation_f64.h"
#include "spectrum/extension.h"
#include "spectrum/integral.h"
#include "spectrum/spectrum.h"
#include "spectrum/spectrum_config.h"

/* ---- Exact ---- */

/* Whether the activation is a finite sum of atoms. */
static bool is_exact(int32_t activation) {
    return activation == SNNK_IDENTITY || activation == SNNK_SIN || activation == SNNK_COS ||
           activation == SNNK_EXP;
}

static int create_exact(int32_t activation, const snnk_spectrum_config *config,
                        const snnk_allocator *allocator, snnk_spectrum **spectrum) {
    snnk_spectrum *made;
    int st;

    if (!is_exact(activation))
        return snnk__fail(SNNK_E_UNSUPPORTED, "%s is not a finite sum of atoms",
                          snnk_activation_name(activation));
    st = snnk__spectrum_alloc(activation != SNNK_IDENTITY, config, allocator, &made);
    if (st != SNNK_OK) return st;
    snnk__spectrum_config_clear(&made->config, SNNK_SPECTRUM_EXACT);
    switch (activation) {
    case SNNK_IDENTITY: made->slope = 1; break;
    case SNNK_SIN: /* Re(-i exp(i z)) */
        made->omega[0] = 1;
        made->im[0] = -1;
        break;
    case SNNK_COS:
        made->omega[0] = 1;
        made->re[0] = 1;
        break;
    default: /* exp */ made->growth[0] = 1; made->re[0] = 1;
    }
    *spectrum = made;
    return SNNK_OK;
}

/* ---- Fourier extension of an activation ---- */

/* Fill in what every extension uses. points = 0 is kept: it means that they are doubled as
 * needed. */
static int read_extension(snnk_spectrum_config *config) {
    config->method = SNNK_SPECTRUM_EXTENSION;
    config->largest_frequency = 0;
    if (config->half_period == 0) config->half_period = 2 * config->radius;
    return snnk__spectrum_check_points(config->points, 16, true);
}

static double call_activation(double z, void *user) {
    return snnk__activation_f64(*(const int32_t *)user, z);
}

static int create_extension(int32_t activation, snnk_spectrum_config *config,
                            const snnk_allocator *allocator, snnk_spectrum **spectrum) {
    int st;

    if ((st = read_extension(config)) != SNNK_OK) return st;
    st = snnk__spectrum_extension(call_activation, &activation, snnk_activation_name(activation),
                                  config, allocator, spectrum);
    if (st == SNNK_E_NONFINITE) /* exp overflows on the seam; f itself is finite */
        return snnk__fail(SNNK_E_UNRESOLVED,
                          "%s overflows within %g of %g, an interval that its extension needs; "
                          "choose a smaller half_period or radius",
                          snnk_activation_name(activation),
                          2 * config->half_period - config->radius, config->center);
    return st;
}

/* ---- Activations ---- */

int snnk_spectrum_create(int32_t activation, const snnk_spectrum_config *config,
                         snnk_spectrum **spectrum) {
    snnk_spectrum_config ours;
    snnk_allocator allocator;
    int st;

    if ((st = snnk__check_pointer(spectrum, "spectrum")) != SNNK_OK) return st;
    *spectrum = NULL;
    if ((st = snnk__check_activation(activation)) != SNNK_OK) return st;
    if ((st = snnk__spectrum_config_read(config, &ours, &allocator)) != SNNK_OK) return st;
    if (ours.method == SNNK_SPECTRUM_AUTO)
        ours.method = is_exact(activation) ? SNNK_SPECTRUM_EXACT : SNNK_SPECTRUM_EXTENSION;
    if (ours.method == SNNK_SPECTRUM_EXACT) {
        st = create_exact(activation, &ours, &allocator, spectrum);
    } else if (ours.method == SNNK_SPECTRUM_EXTENSION) {
        st = create_extension(activation, &ours, &allocator, spectrum);
    } else {
        st = snnk__spectrum_check_points(ours.points, 2, false);
        if (st == SNNK_OK) st = snnk__spectrum_integral(activation, &ours, &allocator, spectrum);
    }
    if (st == SNNK_OK) (*spectrum)->activation = activation;
    return st;
}

/* ---- Functions ---- */

/* Read the config for a function that is not built in, for which only an extension is possible. */
static int read_function_config(const snnk_spectrum_config *config, snnk_spectrum_config *ours,
                                snnk_allocator *allocator) {
    int st;

    if ((st = snnk__spectrum_config_read(config, ours, allocator)) != SNNK_OK) return st;
    if (ours->method != SNNK_SPECTRUM_AUTO && ours->method != SNNK_SPECTRUM_EXTENSION)
        return snnk__fail(SNNK_E_UNSUPPORTED,
                          "method = %d: a function of your own has only SNNK_SPECTRUM_EXTENSION",
                          (int)ours->method);
    return read_extension(ours);
}

int snnk_spectrum_create_from_function(double (*f)(double z, void *user), void *user,
                                       const snnk_spectrum_config *config,
                                       snnk_spectrum **spectrum) {
    snnk_spectrum_config ours;
    snnk_allocator allocator;
    int st;

    if ((st = snnk__check_pointer(spectrum, "spectrum")) != SNNK_OK) return st;
    *spectrum = NULL;
    if (!f) return snnk__fail(SNNK_E_NULL, "f is NULL");
    if ((st = read_function_config(config, &ours, &allocator)) != SNNK_OK) return st;
    return snnk__spectrum_extension(f, user, "the function", &ours, &allocator, spectrum);
}

/* ---- From values ---- */

enum {
    DEFAULT_POINTS = 4096
}; /* the function cannot be called again, so the points cannot be
                                 * doubled */

int snnk_spectrum_sample_points(const snnk_spectrum_config *config, size_t *n, double *z) {
    snnk_spectrum_config ours;
    snnk_allocator allocator;
    int st;

    if ((st = snnk__check_pointer(n, "n")) != SNNK_OK) return st;
    if ((st = read_function_config(config, &ours, &allocator)) != SNNK_OK) return st;
    if (ours.points == 0) ours.points = DEFAULT_POINTS;
    *n = snnk__extension_points(&ours, z);
    return SNNK_OK;
}

int snnk_spectrum_create_from_samples(size_t n, const double *values,
                                      const snnk_spectrum_config *config,
                                      snnk_spectrum **spectrum) {
    snnk_spectrum_config ours;
    snnk_allocator allocator;
    int st;

    if ((st = snnk__check_pointer(spectrum, "spectrum")) != SNNK_OK) return st;
    *spectrum = NULL;
    if ((st = snnk__check_pointer(values, "values")) != SNNK_OK) return st;
    if ((st = read_function_config(config, &ours, &allocator)) != SNNK_OK) return st;
    if (ours.points == 0) ours.points = DEFAULT_POINTS;

    const size_t needed = snnk__extension_points(&ours, NULL);

    if (n != needed)
        return snnk__fail(SNNK_E_SHAPE, "n = %zu values, but this config needs %zu", n, needed);
    return snnk__extension_from_values(values, &ours, &allocator, spectrum);
}
