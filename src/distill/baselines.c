#include "distill/baselines.h"

#include <math.h>

#include "base/size.h"
#include "distill/collect.h"
#include "distill/rounded.h"
#include "distill/select_features.h"
#include "distill/student.h"
#include "distill/student_map.h"
#include "distill/truncated_svd.h"

/* Make the features of the best linear map of rank min(m, d, l). */
static int linear_map(const snnk_distill *distill, size_t m, snnk_map **map) {
    const size_t rank = snnk__min_size(m, snnk__min_size(distill->d, distill->l));
    const snnk__subset no_neurons = {0};
    snnk__subset subset;
    int st;

    if ((st = snnk__subset_alloc(distill, rank, &subset)) != SNNK_OK) goto done;
    subset.directions = rank;
    st = snnk__subset_directions(distill->train, distill->d, &no_neurons, distill->selection_ridge,
                                 rank, subset.D);
    if (st == SNNK_OK) st = snnk__student_map_of_subset(distill, &subset, map);
done:
    snnk__subset_free(distill, &subset);
    return st;
}

/* Find the m candidates with the largest variance; with a readout, times the squared length of
 * their column of it. */
static int strongest(const snnk_distill *distill, size_t m, size_t *which) {
    const size_t d = distill->d, h = distill->h, l = distill->l, p = d + h;
    double *strength = NULL;
    float *W2 = NULL;
    int st;

    st = snnk__alloc(&distill->allocator, h, sizeof *strength, "strengths", &strength);
    if (st != SNNK_OK) goto done;
    for (size_t j = 0; j < h; j++) strength[j] = distill->train->S[(d + j) * p + d + j];
    if (distill->readout) {
        st = snnk__alloc(&distill->allocator, l, h * sizeof *W2, "a readout", &W2);
        if (st == SNNK_OK) st = snnk_layer_weights(distill->readout, W2, h, NULL);
        if (st != SNNK_OK) goto done;
        for (size_t j = 0; j < h; j++) {
            double squares = 0;

            for (size_t i = 0; i < l; i++) squares += (double)W2[i * h + j] * W2[i * h + j];
            strength[j] *= squares;
        }
    }
    for (size_t i = 0; i < m; i++) {
        size_t best = 0;

        for (size_t j = 1; j < h; j++)
            if (strength[j] > strength[best]) best = j;
        which[i] = d + best;
        strength[best] = -1;
    }
done:
    snnk__free(&distill->allocator, W2);
    snnk__free(&distill->allocator, strength);
    return st;
}

/* Make the features of the m strongest candidates. */
static int neurons_map(const snnk_distill *distill, size_t m, snnk_map **map) {
    snnk__subset subset;
    int st;

    if ((st = snnk__subset_alloc(distill, m, &subset)) != SNNK_OK) goto done;
    subset.chosen = snnk__min_size(m, distill->h);
    if ((st = strongest(distill, subset.chosen, subset.which)) != SNNK_OK) goto done;
    st = snnk__student_map_of_subset(distill, &subset, map);
done:
    snnk__subset_free(distill, &subset);
    return st;
}

/* Fit a baseline that is a layer of features. */
static int fit(const snnk_distill *distill, int32_t method, size_t m, snnk_workspace *workspace,
               snnk__student *student) {
    snnk_map *map;
    int st;

    switch (method) {
    case SNNK_DISTILL_METHOD_LINEAR: st = linear_map(distill, m, &map); break;
    case SNNK_DISTILL_METHOD_NEURONS: st = neurons_map(distill, m, &map); break;
    default: st = snnk__student_map_random(distill, m, &map);
    }
    return st == SNNK_OK ? snnk__student_fit(distill, map, workspace, student) : st;
}

/* ---- What they explain ---- */

/* *squares: the squared deviations of the held-out rows from their means. */
static int explained_by(const snnk_distill *distill, int32_t method, size_t m,
                        snnk_workspace *workspace, double *explained, double *squares) {
    snnk__student student;
    int st;

    snnk__progress_begin_stage(distill->progress, snnk__student_cost_of_fit(distill, m));
    if ((st = fit(distill, method, m, workspace, &student)) != SNNK_OK) return st;
    *explained = student.explained;
    *squares = snnk__distill_squares(student.heldout);
    snnk__student_free(&student);
    return SNNK_OK;
}

/* A forward pass of the held-out rows. */
static double cost_of_rounded(const snnk_distill *distill) {
    return (double)distill->n * distill->config.heldout_share * (double)distill->h *
           (double)(distill->d + distill->l);
}

static int explained_by_rounded(const snnk_distill *distill, int bits, double squares,
                                snnk_workspace *workspace, double *explained, uint64_t *bytes) {
    snnk_network *rounded;
    double errors = 0;
    int st;

    *explained = NAN;
    *bytes = 0;
    if (!distill->hidden) return SNNK_OK;
    snnk__progress_begin_stage(distill->progress, cost_of_rounded(distill));
    if ((st = snnk__rounded_teacher(distill, bits, bytes, &rounded)) != SNNK_OK) return st;
    st = snnk__heldout_errors(distill, rounded, workspace, &errors);
    snnk_network_free(rounded);
    if (st == SNNK_OK) *explained = 1 - errors / squares;
    return st;
}

double snnk__distill_cost_of_baselines(const snnk_distill *distill, size_t m) {
    return 3 * snnk__student_cost_of_fit(distill, m) + snnk__truncated_cost(distill) +
           2 * cost_of_rounded(distill);
}

int snnk__distill_baselines(const snnk_distill *distill, size_t m, snnk_workspace *workspace,
                            snnk_distill_report *report) {
    snnk__truncated_teacher truncated;
    double squares;
    int st;

    st = explained_by(distill, SNNK_DISTILL_METHOD_LINEAR, m, workspace, &report->explained_linear,
                      &squares);
    if (st != SNNK_OK) return st;
    st = explained_by(distill, SNNK_DISTILL_METHOD_NEURONS, m, workspace,
                      &report->explained_neurons, &squares);
    if (st != SNNK_OK) return st;
    st = explained_by(distill, SNNK_DISTILL_METHOD_RANDOM, m, workspace, &report->explained_random,
                      &squares);
    if (st != SNNK_OK) return st;
    snnk__progress_begin_stage(distill->progress, snnk__truncated_cost(distill));
    st = snnk__truncated_svd(distill, m, workspace, &truncated);
    report->explained_svd =
        isinf(truncated.squared_errors) ? NAN : 1 - truncated.squared_errors / squares;
    report->parameters_svd = truncated.parameters;
    report->multiply_adds_svd = truncated.multiply_adds;
    snnk__truncated_free(&truncated);
    if (st != SNNK_OK) return st;
    st = explained_by_rounded(distill, 8, squares, workspace, &report->explained_int8,
                              &report->bytes_int8);
    if (st != SNNK_OK) return st;
    return explained_by_rounded(distill, 4, squares, workspace, &report->explained_int4,
                                &report->bytes_int4);
}

/* ---- As networks ---- */

static int make_truncated(const snnk_distill *distill, size_t m, snnk_workspace *workspace,
                          snnk_network *network) {
    snnk__truncated_teacher truncated;
    int st;

    snnk__progress_begin_stage(distill->progress, snnk__truncated_cost(distill));
    st = snnk__truncated_svd(distill, m, workspace, &truncated);
    if (st == SNNK_OK && !truncated.layers[0])
        st = snnk__fail(SNNK_E_RANGE,
                        "singular values: the parameters of %zu features do not allow rank 1 for "
                        "each matrix",
                        m);
    for (size_t k = 0; st == SNNK_OK && truncated.layers[k]; k++)
        st = snnk_network_append(network, truncated.layers[k]);
    snnk__truncated_free(&truncated);
    return st;
}

static int make_fitted(const snnk_distill *distill, int32_t method, size_t m,
                       snnk_workspace *workspace, snnk_network *network) {
    snnk__student student;
    snnk_layer *layer = NULL;
    int st;

    snnk__progress_begin_stage(distill->progress, snnk__student_cost_of_fit(distill, m));
    if ((st = fit(distill, method, m, workspace, &student)) != SNNK_OK) return st;
    st = snnk__student_layer(&student, &layer);
    if (st == SNNK_OK) st = snnk_network_append(network, layer);
    snnk_layer_free(layer);
    snnk__student_free(&student);
    return st;
}

int snnk__distill_baseline(const snnk_distill *distill, int32_t method, size_t m,
                           snnk_workspace *workspace, snnk_network **network) {
    snnk_network *made;
    int st;

    if (method == SNNK_DISTILL_METHOD_INT8 || method == SNNK_DISTILL_METHOD_INT4) {
        if (distill->hidden)
            return snnk__rounded_teacher(distill, method == SNNK_DISTILL_METHOD_INT8 ? 8 : 4, NULL,
                                         network);
        return snnk__fail(SNNK_E_RANGE, "there is no teacher whose weights could be rounded");
    }
    if ((st = snnk_network_create(&distill->allocator, &made)) != SNNK_OK) return st;
    st = method == SNNK_DISTILL_METHOD_SVD ? make_truncated(distill, m, workspace, made)
                                           : make_fitted(distill, method, m, workspace, made);
    if (st == SNNK_OK)
        *network = made;
    else
        snnk_network_free(made);
    return st;
}
