#include "solve/cut_matrix.h"

#include <cblas.h>

#include "base/memory.h"
#include "base/size.h"
#include "solve/principal.h"

void snnk__cut_free(const snnk_allocator *allocator, snnk__cut_matrix *of) {
    snnk__free(allocator, of->W);
    snnk__free(allocator, of->bias);
    snnk__free(allocator, of->V);
    snnk__free(allocator, of->F);
    *of = (snnk__cut_matrix){0};
}

int snnk__cut_alloc(const snnk_allocator *allocator, size_t outputs, size_t inputs,
                    snnk__cut_matrix *of) {
    const size_t rank = snnk__min_size(outputs, inputs);
    int st;

    *of = (snnk__cut_matrix){.outputs = outputs, .inputs = inputs, .rank = rank};
    st = snnk__alloc(allocator, outputs, inputs * sizeof *of->W, "weights", &of->W);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(allocator, outputs, sizeof *of->bias, "a bias", &of->bias);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(allocator, rank, outputs * sizeof *of->V, "directions", &of->V);
    if (st != SNNK_OK) return st;
    return snnk__alloc(allocator, rank, inputs * sizeof *of->F, "directions", &of->F);
}

int snnk__cut_find_factors(const snnk_allocator *allocator, const double *S, size_t lds,
                           const double *effects, snnk__cut_matrix *of) {
    const size_t l = of->outputs, d = of->inputs;
    double *exact = NULL;
    float *W = NULL;
    int st;

    if ((st = snnk__alloc(allocator, l, d * sizeof *exact, "weights", &exact)) != SNNK_OK)
        goto done;
    if ((st = snnk__alloc(allocator, l, d * sizeof *W, "weights", &W)) != SNNK_OK) goto done;
    for (size_t i = 0; i < l * d; i++) {
        exact[i] = (double)of->W[i] * (effects ? effects[i / d] : 1);
        W[i] = (float)exact[i];
    }
    st = snnk__principal_outputs(allocator, l, d, W, S, lds, of->rank, of->V);
    if (st != SNNK_OK) goto done;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)of->rank, (int)d, (int)l, 1, of->V,
                (int)l, exact, (int)d, 0, of->F, (int)d);
    for (size_t i = 0; effects && i < of->rank * l; i++) of->V[i] /= effects[i % l];
done:
    snnk__free(allocator, W);
    snnk__free(allocator, exact);
    return st;
}

bool snnk__cut_is_whole(const snnk__cut_matrix *of, size_t rank) {
    return (double)rank * ((double)of->inputs + (double)of->outputs) >=
           (double)of->inputs * (double)of->outputs;
}

size_t snnk__cut_numbers(const snnk__cut_matrix *of, size_t rank) {
    return snnk__cut_is_whole(of, rank) ? of->inputs * of->outputs
                                        : rank * (of->inputs + of->outputs);
}

size_t snnk__cut_rank(const snnk__cut_matrix *of, size_t numbers) {
    return numbers >= of->inputs * of->outputs
               ? of->rank
               : snnk__min_size(numbers / (of->inputs + of->outputs), of->rank);
}

/* Set cut (outputs x inputs) to W cut to this rank. */
static void cut_to(const snnk__cut_matrix *of, size_t rank, double *cut) {
    const int l = (int)of->outputs, d = (int)of->inputs;

    if (snnk__cut_is_whole(of, rank))
        for (size_t i = 0; i < of->outputs * of->inputs; i++) cut[i] = (double)of->W[i];
    else
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, l, d, (int)rank, 1, of->V, l, of->F, d,
                    0, cut, d);
}

/* Set bias to that of the cut matrix, with which it is exact at the mean of the inputs. */
static void bias_at(const snnk__cut_matrix *of, const double *cut, const double *mean,
                    double *bias) {
    for (size_t i = 0; i < of->outputs; i++) {
        bias[i] = (double)of->bias[i];
        for (size_t j = 0; j < of->inputs; j++)
            bias[i] += ((double)of->W[i * of->inputs + j] - cut[i * of->inputs + j]) * mean[j];
    }
}

int snnk__cut_make(const snnk_allocator *allocator, const snnk__cut_matrix *of, size_t rank,
                   const double *mean, double **cut, double **bias) {
    int st;

    st = snnk__alloc(allocator, of->outputs, of->inputs * sizeof **cut, "weights", cut);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(allocator, of->outputs, sizeof **bias, "a bias", bias);
    if (st != SNNK_OK) return st;
    cut_to(of, rank, *cut);
    bias_at(of, *cut, mean, *bias);
    return SNNK_OK;
}
