#include "cli/compress_methods.h"

#include <math.h>

const char *const compress_methods[METHODS] = {
    "the layer itself", "student",      "linear map",   "strong neurons", "singular values",
    "random rows",      "int8 weights", "int4 weights", "student in int8"};
const char *const compress_method_keys[METHODS] = {
    "teacher", "student", "linear", "neurons",     "singular_values",
    "random",  "int8",    "int4",   "student_int8"};

/* Shares that differ by no more are equal, as for the library. */
#define EQUAL 1e-14

/* Parameters are float. */
static compress_method in_float(double explained, double parameters, double multiply_adds) {
    return (compress_method){explained, parameters, multiply_adds, 4 * parameters};
}

static compress_method features_with(double explained, size_t m, size_t d, size_t l) {
    return in_float(explained, (double)m * (double)(d + 1 + l) + (double)l,
                    (double)m * (double)(d + l));
}

static size_t least_of(size_t a, size_t b) { return a < b ? a : b; }

void compress_methods_of(const snnk_distill_report *r, size_t d, size_t h, size_t l,
                         compress_method methods[METHODS]) {
    const size_t m = (size_t)r->features, rank = least_of(m, least_of(d, l));

    methods[TEACHER] = in_float(1, (double)r->parameters_teacher, (double)r->multiply_adds_teacher);
    methods[STUDENT] = in_float(r->explained, (double)r->parameters, (double)r->multiply_adds);
    methods[LINEAR] = features_with(r->explained_linear, rank, d, l);
    methods[LINEAR].parameters -= (double)rank; /* two matrices and a bias: features have no
                                                 * offsets */
    methods[LINEAR].bytes -= 4 * (double)rank;
    methods[NEURONS] = features_with(r->explained_neurons, least_of(m, h), d, l);
    methods[SINGULAR_VALUES] =
        in_float(r->explained_svd, (double)r->parameters_svd, (double)r->multiply_adds_svd);
    methods[RANDOM] = features_with(r->explained_random, m, d, l);
    methods[INT8] = methods[INT4] = methods[TEACHER];
    methods[INT8].explained = r->explained_int8;
    methods[INT8].bytes = (double)r->bytes_int8;
    methods[INT4].explained = r->explained_int4;
    methods[INT4].bytes = (double)r->bytes_int4;
    methods[STUDENT_INT8] = methods[STUDENT];
    methods[STUDENT_INT8].explained = r->explained_student_int8;
    methods[STUDENT_INT8].bytes = (double)r->bytes_student_int8;
}

double compress_relative_error(const compress_method *method) {
    return sqrt(fmax(1 - method->explained, 0));
}

int compress_best_simpler(const snnk_distill_report *report,
                          const compress_method methods[METHODS]) {
    int best = METHODS;

    if (!report->simpler_is_better) return METHODS;
    for (int k = LINEAR; k <= RANDOM; k++)
        if (!isnan(methods[k].explained) &&
            (best == METHODS || methods[k].explained > methods[best].explained))
            best = k;
    return best;
}

int compress_best_rounded(const snnk_distill_report *report,
                          const compress_method methods[METHODS]) {
    if (!report->rounding_is_better) return METHODS;
    return methods[INT4].explained >= methods[STUDENT].explained - EQUAL ? INT4 : INT8;
}
