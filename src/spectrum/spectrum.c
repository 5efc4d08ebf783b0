#include <snnk/spectrum.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "spectrum/activation.h"
#include "spectrum/activation_f64.h"
#include "spectrum/spectrum.h"

static const snnk_spectrum_config defaults = {.size = sizeof(snnk_spectrum_config),
                                              .radius = 4,
                                              .tolerance = 1e-6,
                                              .largest_error = 0.01,
                                              .affine = SNNK_AFFINE_LINE};

#define CONFIG_MINIMUM sizeof(snnk_spectrum_config)

enum { NO_ACTIVATION = -1 };

int snnk_spectrum_config_init(snnk_spectrum_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &defaults, sizeof defaults, CONFIG_MINIMUM,
                             "spectrum config");
}

/* ---- Settings ---- */

static int check_points(uint64_t points, uint64_t least, bool power) {
    if (points == 0) return SNNK_OK;
    if (points < least || points > 65536)
        return snnk__fail(SNNK_E_RANGE, "points = %llu is not in %llu ... 65536",
                          (unsigned long long)points, (unsigned long long)least);
    if (power && (points & (points - 1)) != 0)
        return snnk__fail(SNNK_E_RANGE, "points = %llu is not a power of two",
                          (unsigned long long)points);
    return SNNK_OK;
}

static int check_config(const snnk_spectrum_config *c) {
    int st;

    if ((st = snnk__check_within(c->center, -1e6, 1e6, "center")) != SNNK_OK) return st;
    if ((st = snnk__check_within(c->radius, 1e-6, 1e6, "radius")) != SNNK_OK) return st;
    if (c->half_period != 0 && !(c->half_period > c->radius && c->half_period <= 1e3 * c->radius))
        return snnk__fail(SNNK_E_RANGE,
                          "half_period = %.17g is not above radius = %g and at most 1000 times it",
                          c->half_period, c->radius);
    if (c->largest_frequency != 0 &&
        (st = snnk__check_within(c->largest_frequency, 1e-9, 1e12, "largest_frequency")) != SNNK_OK)
        return st;
    if ((st = snnk__check_within(c->tolerance, 0, 0.1, "tolerance")) != SNNK_OK) return st;
    if ((st = snnk__check_within(c->largest_error, 0, 1e30, "largest_error")) != SNNK_OK) return st;
    if ((st = snnk__check_enum(c->method, SNNK_SPECTRUM_EXTENSION + 1, "method")) != SNNK_OK)
        return st;
    return snnk__check_enum(c->affine, SNNK_AFFINE_LINE + 1, "affine");
}

/* *ours and *allocator from the caller's config, or NULL. */
static int read_config(const snnk_spectrum_config *config, snnk_spectrum_config *ours,
                       snnk_allocator *allocator) {
    int st;

    *ours = defaults;
    st = snnk__config_read(ours, sizeof *ours, CONFIG_MINIMUM, config, "spectrum config");
    if (st != SNNK_OK) return st;
    if ((st = check_config(ours)) != SNNK_OK) return st;
    if ((st = snnk__allocator_read(allocator, ours->allocator)) != SNNK_OK) return st;
    ours->allocator = NULL;
    return SNNK_OK;
}

/* Resolve what an extension uses; its points stay open. */
static int read_extension(snnk_spectrum_config *config) {
    config->method = SNNK_SPECTRUM_EXTENSION;
    config->largest_frequency = 0;
    if (config->half_period == 0) config->half_period = 2 * config->radius;
    return check_points(config->points, 16, true);
}

/* ---- Making ---- */

int snnk__spectrum_alloc(size_t count, const snnk_spectrum_config *config,
                         const snnk_allocator *allocator, snnk_spectrum **spectrum) {
    snnk_spectrum *made;
    int st;

    if ((st = snnk__alloc(allocator, 1, sizeof *made, "a spectrum", &made)) != SNNK_OK) return st;
    *made = (snnk_spectrum){
        .allocator = *allocator, .count = count, .config = *config, .activation = NO_ACTIVATION};
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

void snnk_spectrum_free(snnk_spectrum *spectrum) {
    if (!spectrum) return;
    const snnk_allocator allocator = spectrum->allocator;

    snnk__free(&allocator, spectrum->growth);
    snnk__free(&allocator, spectrum);
}

/* Activations that are atoms themselves; config->points and the like say nothing. */
static bool is_exact(int32_t activation) {
    return activation == SNNK_IDENTITY || activation == SNNK_SIN || activation == SNNK_COS ||
           activation == SNNK_EXP;
}

static void clear_settings(snnk_spectrum_config *config, int32_t method) {
    config->method = method;
    config->points = 0;
    config->half_period = 0;
    config->largest_frequency = 0;
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
    clear_settings(&made->config, SNNK_SPECTRUM_EXACT);
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

static double activation_of_user(double z, void *user) {
    return snnk__activation_f64(*(const int32_t *)user, z);
}

static int create_extension(int32_t activation, snnk_spectrum_config *config,
                            const snnk_allocator *allocator, snnk_spectrum **spectrum) {
    int st;

    if ((st = read_extension(config)) != SNNK_OK) return st;
    st = snnk__spectrum_extension(activation_of_user, &activation, snnk_activation_name(activation),
                                  config, allocator, spectrum);
    if (st == SNNK_E_NONFINITE) /* exp overflows on the seam: not the caller's doing */
        return snnk__fail(SNNK_E_UNRESOLVED,
                          "%s overflows within %g of %g, an interval that its extension needs; "
                          "choose a smaller half_period or radius",
                          snnk_activation_name(activation),
                          2 * config->half_period - config->radius, config->center);
    return st;
}

int snnk_spectrum_create(int32_t activation, const snnk_spectrum_config *config,
                         snnk_spectrum **spectrum) {
    snnk_spectrum_config ours;
    snnk_allocator allocator;
    int st;

    if ((st = snnk__check_pointer(spectrum, "spectrum")) != SNNK_OK) return st;
    *spectrum = NULL;
    if ((st = snnk__check_activation(activation)) != SNNK_OK) return st;
    if ((st = read_config(config, &ours, &allocator)) != SNNK_OK) return st;
    if (ours.method == SNNK_SPECTRUM_AUTO)
        ours.method = is_exact(activation) ? SNNK_SPECTRUM_EXACT : SNNK_SPECTRUM_EXTENSION;
    if (ours.method == SNNK_SPECTRUM_EXACT) {
        st = create_exact(activation, &ours, &allocator, spectrum);
    } else if (ours.method == SNNK_SPECTRUM_EXTENSION) {
        st = create_extension(activation, &ours, &allocator, spectrum);
    } else {
        st = check_points(ours.points, 2, false);
        if (st == SNNK_OK) st = snnk__spectrum_integral(activation, &ours, &allocator, spectrum);
    }
    if (st == SNNK_OK) (*spectrum)->activation = activation;
    return st;
}

/* read_config for a function that is not built in: only its extension exists. */
static int read_function_config(const snnk_spectrum_config *config, snnk_spectrum_config *ours,
                                snnk_allocator *allocator) {
    int st;

    if ((st = read_config(config, ours, allocator)) != SNNK_OK) return st;
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

enum { DEFAULT_POINTS = 4096 };

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

/* ---- From atoms ---- */

typedef struct atom {
    double omega, re, im;
    size_t given; /* which it was: equal frequencies are added in this order */
} atom;

static int by_frequency(const void *left, const void *right) {
    const atom *a = left, *b = right;

    if (a->omega != b->omega) return a->omega < b->omega ? -1 : 1;
    return a->given < b->given ? -1 : a->given > b->given;
}

/* Re(c exp(-i omega z)) = Re(conj(c) exp(i omega z)): fold, sort, add up. Returns how many are left,
 * with frequency 0, if there is one, first. */
static size_t merge(atom *atoms, size_t n) {
    size_t count = 0;

    for (size_t k = 0; k < n; k++)
        if (atoms[k].omega < 0) {
            atoms[k].omega = -atoms[k].omega;
            atoms[k].im = -atoms[k].im;
        }
    if (n > 1) qsort(atoms, n, sizeof *atoms, by_frequency);
    for (size_t k = 0; k < n; k++) {
        if (count > 0 && atoms[count - 1].omega == atoms[k].omega) {
            atoms[count - 1].re += atoms[k].re;
            atoms[count - 1].im += atoms[k].im;
        } else {
            atoms[count++] = atoms[k];
        }
    }
    return count;
}

/* Features and towers are float: what is beyond this would be infinite there. */
#define LARGEST_FREQUENCY 1e12
#define LARGEST_AMPLITUDE 1e30

static int check_array(size_t n, const double *x, double most, const char *name) {
    for (size_t k = 0; k < n; k++) {
        if (!isfinite(x[k]))
            return snnk__fail(SNNK_E_NONFINITE, "%s[%zu] = %g is not finite", name, k, x[k]);
        if (fabs(x[k]) > most)
            return snnk__fail(SNNK_E_RANGE, "%s[%zu] = %g has a magnitude above the limit %g", name,
                              k, x[k], most);
    }
    return SNNK_OK;
}

static int check_atoms(size_t n, const double *omega, const double *re, const double *im,
                       double intercept, double slope) {
    int st;

    if ((st = snnk__check_matrix(omega, "omega", n, 1, 1, sizeof *omega)) != SNNK_OK) return st;
    if ((st = snnk__check_matrix(re, "re", n, 1, 1, sizeof *re)) != SNNK_OK) return st;
    if ((st = check_array(n, omega, LARGEST_FREQUENCY, "omega")) != SNNK_OK) return st;
    if ((st = check_array(n, re, LARGEST_AMPLITUDE, "re")) != SNNK_OK) return st;
    if (im && (st = check_array(n, im, LARGEST_AMPLITUDE, "im")) != SNNK_OK) return st;
    if (!isfinite(intercept))
        return snnk__fail(SNNK_E_NONFINITE, "intercept = %g is not finite", intercept);
    if (!isfinite(slope)) return snnk__fail(SNNK_E_NONFINITE, "slope = %g is not finite", slope);
    st = snnk__check_within(intercept, -LARGEST_AMPLITUDE, LARGEST_AMPLITUDE, "intercept");
    if (st != SNNK_OK) return st;
    return snnk__check_within(slope, -LARGEST_AMPLITUDE, LARGEST_AMPLITUDE, "slope");
}

/* Atoms that cancelled are left out. *intercept: frequency 0 is added. */
static size_t keep(atom *atoms, size_t count, double *intercept) {
    size_t kept = 0;

    for (size_t k = 0; k < count; k++) {
        if (atoms[k].omega == 0)
            *intercept += atoms[k].re;
        else if (atoms[k].re != 0 || atoms[k].im != 0)
            atoms[kept++] = atoms[k];
    }
    return kept;
}

int snnk_spectrum_create_from_atoms(size_t n, const double *omega, const double *re,
                                    const double *im, double intercept, double slope,
                                    const snnk_spectrum_config *config, snnk_spectrum **spectrum) {
    snnk_spectrum_config ours;
    snnk_allocator allocator;
    snnk_spectrum *made = NULL;
    atom *atoms;
    int st;

    if ((st = snnk__check_pointer(spectrum, "spectrum")) != SNNK_OK) return st;
    *spectrum = NULL;
    if ((st = read_config(config, &ours, &allocator)) != SNNK_OK) return st;
    if ((st = check_atoms(n, omega, re, im, intercept, slope)) != SNNK_OK) return st;
    clear_settings(&ours, SNNK_SPECTRUM_ATOMS);
    if ((st = snnk__alloc(&allocator, n, sizeof *atoms, "atoms", &atoms)) != SNNK_OK) return st;
    for (size_t k = 0; k < n; k++) atoms[k] = (atom){omega[k], re[k], im ? im[k] : 0, k};

    const size_t count = keep(atoms, merge(atoms, n), &intercept);

    if ((st = snnk__spectrum_alloc(count, &ours, &allocator, &made)) != SNNK_OK) goto done;
    for (size_t k = 0; k < count; k++) {
        made->omega[k] = atoms[k].omega;
        made->re[k] = atoms[k].re;
        made->im[k] = atoms[k].im;
    }
    made->intercept = intercept;
    made->slope = slope;
    *spectrum = made;
    made = NULL;
done:
    snnk_spectrum_free(made);
    snnk__free(&allocator, atoms);
    return st;
}

/* ---- Looking inside ---- */

size_t snnk_spectrum_atoms(const snnk_spectrum *spectrum) { return spectrum ? spectrum->count : 0; }

static void copy(double *to, const double *from, size_t count) {
    if (to && count > 0) memcpy(to, from, count * sizeof *to);
}

int snnk_spectrum_get(const snnk_spectrum *spectrum, double *growth, double *omega, double *re,
                      double *im) {
    int st;

    if ((st = snnk__check_pointer(spectrum, "spectrum")) != SNNK_OK) return st;
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
    return snnk__config_write(config, &spectrum->config, sizeof *config, CONFIG_MINIMUM,
                              "spectrum config");
}

static double value_at(const snnk_spectrum *s, double z) {
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
    for (size_t i = 0; i < n; i++) values[i] = value_at(spectrum, z[i]);
    return SNNK_OK;
}

/* ---- Strips ---- */

/* gelu_tanh = z/(1 + exp(-2 u)), u = sqrt(2/pi) (z + a z^3), has poles where u is an odd multiple of
 * i pi/2 (where cosh u = 0). With z = i y that is y - a y^3 = q, q = sqrt(pi/2) pi/2 for the nearest: a
 * cubic with one real root -Y, and two whose real parts, Im z, are Y/2 as the sum of all is 0. Y is
 * Cardano's; larger q give larger Y. */
static double gelu_tanh_halfwidth(void) {
    const double half_pi = 1.57079632679489661923, a = 0.044715;
    const double half = sqrt(half_pi) * half_pi / (2 * a), third = 1 / (3 * a);
    const double root = sqrt(half * half - third * third * third); /* real: one real root */

    return (cbrt(half + root) + cbrt(half - root)) / 2;
}

double snnk_activation_analyticity_halfwidth(int32_t activation) {
    const double pi = 3.14159265358979323846;

    if (activation < 0 || activation >= SNNK__ACTIVATIONS) return NAN;
    switch ((snnk_activation)activation) {
    case SNNK_STEP:
    case SNNK_RELU: return 0;
    case SNNK_TANH: return pi / 2;
    case SNNK_SIGMOID:
    case SNNK_SILU:
    case SNNK_SOFTPLUS: return pi;
    case SNNK_GELU_TANH: return gelu_tanh_halfwidth();
    case SNNK_IDENTITY:
    case SNNK_GELU:
    case SNNK_SIN:
    case SNNK_COS:
    case SNNK_EXP:
    case SNNK_ERF: break;
    }
    return INFINITY;
}
