#include "cli/compress_methods.h"

#include <math.h>

const char *const compress_methods[METHODS] = {"the layer itself", "student",
                                               "linear map",       "strong neurons",
                                               "singular values",  "random rows"};
const char *const compress_method_keys[METHODS] = {"teacher", "student",         "linear",
                                                   "neurons", "singular_values", "random"};

static compress_method features_with(double explained, size_t m, size_t d, size_t l) {
    return (compress_method){explained, (double)m * (double)(d + 1 + l) + (double)l,
                             (double)m * (double)(d + l)};
}

static size_t least_of(size_t a, size_t b) { return a < b ? a : b; }

void compress_methods_of(const snnk_distill_report *r, size_t d, size_t h, size_t l,
                         compress_method methods[METHODS]) {
    const size_t m = (size_t)r->features, rank = least_of(m, least_of(d, l));

    methods[TEACHER] =
        (compress_method){1, (double)r->parameters_teacher, (double)r->multiply_adds_teacher};
    methods[STUDENT] =
        (compress_method){r->explained, (double)r->parameters, (double)r->multiply_adds};
    methods[LINEAR] = features_with(r->explained_linear, rank, d, l);
    methods[LINEAR].parameters -= (double)rank; /* two matrices and a bias: features have no
                                                 * offsets */
    methods[NEURONS] = features_with(r->explained_neurons, least_of(m, h), d, l);
    methods[SINGULAR_VALUES] = (compress_method){r->explained_svd, (double)r->parameters_svd,
                                                 (double)r->multiply_adds_svd};
    methods[RANDOM] = features_with(r->explained_random, m, d, l);
}

double compress_relative_error(const compress_method *method) {
    return sqrt(fmax(1 - method->explained, 0));
}

int compress_best_simpler(const compress_method methods[METHODS]) {
    int best = STUDENT;

    for (int k = LINEAR; k < METHODS; k++)
        if (methods[k].explained >= methods[best].explained) best = k;
    return best == STUDENT ? METHODS : best;
}
