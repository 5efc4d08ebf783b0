/* Spectra from atoms given by the caller as numbers. */
#include <math.h>
#include <stdlib.h>

#include "spectrum/spectrum.h"
#include "spectrum/spectrum_config.h"

typedef struct atom {
    double omega, re, im;
    size_t index; /* position in the caller's arrays: atoms of equal frequency are added in this
                   * order */
} atom;

static int by_frequency(const void *left, const void *right) {
    const atom *a = left, *b = right;

    if (a->omega != b->omega) return a->omega < b->omega ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

/* Make negative frequencies positive, Re(c exp(-i omega z)) = Re(conj(c) exp(i omega z)); sort; add
 * up equal frequencies. Returns the number left; frequency 0 comes first if there is one. */
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

/* Features and towers are float, and larger numbers would overflow. */
#define LARGEST_FREQUENCY 1e12
#define LARGEST_AMPLITUDE 1e30

static int check_array(size_t n, const double *x, double limit, const char *name) {
    for (size_t k = 0; k < n; k++) {
        if (!isfinite(x[k]))
            return snnk__fail(SNNK_E_NONFINITE, "%s[%zu] = %g is not finite", name, k, x[k]);
        if (fabs(x[k]) > limit)
            return snnk__fail(SNNK_E_RANGE, "%s[%zu] = %g has a magnitude above the limit %g", name,
                              k, x[k], limit);
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

/* Remove atoms that cancelled to 0, and add frequency 0 to *intercept. Returns the number left. */
static size_t drop_zeros(atom *atoms, size_t count, double *intercept) {
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
    if ((st = snnk__spectrum_config_read(config, &ours, &allocator)) != SNNK_OK) return st;
    if ((st = check_atoms(n, omega, re, im, intercept, slope)) != SNNK_OK) return st;
    snnk__spectrum_config_clear(&ours, SNNK_SPECTRUM_ATOMS);
    if ((st = snnk__alloc(&allocator, n, sizeof *atoms, "atoms", &atoms)) != SNNK_OK) return st;
    for (size_t k = 0; k < n; k++) atoms[k] = (atom){omega[k], re[k], im ? im[k] : 0, k};

    const size_t count = drop_zeros(atoms, merge(atoms, n), &intercept);

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
