#include "distill/baselines.h"

#include <math.h>

#include "base/size.h"
#include "distill/collect.h"
#include "distill/select_features.h"
#include "distill/student.h"
#include "distill/student_map.h"
#include "distill/truncated_svd.h"

/* Fit Psi for these features. Takes ownership of map. *squares: the squared deviations of the
 * held-out rows from their means. */
static int explained_by(const snnk_distill *distill, snnk_map *map, snnk_workspace *workspace,
                        double *explained, double *squares) {
    snnk__student student;
    const int st = snnk__student_fit(distill, map, workspace, &student);

    if (st != SNNK_OK) return st;
    *explained = student.explained;
    *squares = snnk__distill_squares(student.heldout);
    snnk__student_free(&student);
    return SNNK_OK;
}

/* Fit the best linear map of rank min(m, d, l). */
static int linear(const snnk_distill *distill, size_t m, snnk_workspace *workspace,
                  double *explained, double *squares) {
    const size_t rank = snnk__min_size(m, snnk__min_size(distill->d, distill->l));
    const snnk__subset no_neurons = {0};
    snnk__subset subset;
    snnk_map *map;
    int st;

    if ((st = snnk__subset_alloc(distill, rank, &subset)) != SNNK_OK) goto done;
    subset.directions = rank;
    st = snnk__subset_directions(distill->train, distill->d, &no_neurons, distill->selection_ridge,
                                 rank, subset.D);
    if (st == SNNK_OK) st = snnk__student_map_of_subset(distill, &subset, &map);
    if (st == SNNK_OK) st = explained_by(distill, map, workspace, explained, squares);
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

/* Fit the m strongest candidates. */
static int neurons(const snnk_distill *distill, size_t m, snnk_workspace *workspace,
                   double *explained, double *squares) {
    snnk__subset subset;
    snnk_map *map;
    int st;

    if ((st = snnk__subset_alloc(distill, m, &subset)) != SNNK_OK) goto done;
    subset.chosen = snnk__min_size(m, distill->h);
    if ((st = strongest(distill, subset.chosen, subset.which)) != SNNK_OK) goto done;
    if ((st = snnk__student_map_of_subset(distill, &subset, &map)) != SNNK_OK) goto done;
    st = explained_by(distill, map, workspace, explained, squares);
done:
    snnk__subset_free(distill, &subset);
    return st;
}

/* Counts three fits, and for the truncated matrices eigenvectors and forward passes. */
double snnk__distill_cost_of_baselines(const snnk_distill *distill, size_t m) {
    const double smallest = (double)snnk__min_size(distill->d, distill->h);

    return 5 * snnk__student_cost_of_fit(distill, m) + 10 * smallest * smallest * smallest;
}

int snnk__distill_baselines(const snnk_distill *distill, size_t m, snnk_workspace *workspace,
                            snnk_distill_report *report) {
    snnk__truncated_teacher truncated;
    const double fit = snnk__student_cost_of_fit(distill, m);
    double squares;
    snnk_map *map;
    int st;

    snnk__progress_begin_stage(distill->progress, fit);
    st = linear(distill, m, workspace, &report->explained_linear, &squares);
    if (st != SNNK_OK) return st;
    snnk__progress_begin_stage(distill->progress, fit);
    st = neurons(distill, m, workspace, &report->explained_neurons, &squares);
    if (st != SNNK_OK) return st;
    snnk__progress_begin_stage(distill->progress, fit);
    if ((st = snnk__student_map_random(distill, m, &map)) != SNNK_OK) return st;
    st = explained_by(distill, map, workspace, &report->explained_random, &squares);
    if (st != SNNK_OK) return st;
    snnk__progress_begin_stage(distill->progress,
                               snnk__distill_cost_of_baselines(distill, m) - 3 * fit);
    if ((st = snnk__truncated_svd(distill, m, workspace, &truncated)) != SNNK_OK) return st;
    report->explained_svd =
        isinf(truncated.squared_errors) ? NAN : 1 - truncated.squared_errors / squares;
    report->parameters_svd = truncated.parameters;
    report->multiply_adds_svd = truncated.multiply_adds;
    return SNNK_OK;
}
