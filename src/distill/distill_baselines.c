/* What a student has to beat, with no more parameters and the same rows. */
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "distill/distill.h"

/* ---- As students: random rows, linear maps, strong neurons ---- */

int snnk__distill_random(const snnk_distill *distill, size_t m, snnk_map **map) {
    snnk_map_config config = distill->candidate;
    snnk_scaling *scaling = NULL;
    int st;

    config.features = m;
    config.seed = distill->config.seed;
    config.projection = SNNK_PROJECTION_ORTHOGONAL;
    config.offset_scale = 0.3;
    st = snnk_scaling_create(distill->d, SNNK_SCALING_COMMON, &distill->allocator, &scaling);
    if (st == SNNK_OK) st = snnk_scaling_add(scaling, distill->n, distill->X, distill->ldx);
    if (st == SNNK_OK) st = snnk_map_create(distill->d, &config, scaling, map);
    snnk_scaling_free(scaling);
    return st;
}

/* *squares: the held-out rows' deviations from their mean. */
static int explained_by(const snnk_distill *distill, snnk_map *map, snnk_workspace *workspace,
                        double *explained, double *squares) {
    snnk__student student;
    const int st = snnk__distill_fit(distill, map, workspace, &student);

    if (st != SNNK_OK) return st;
    *explained = student.explained;
    *squares = snnk__distill_squares(student.heldout);
    snnk__student_free(&student);
    return SNNK_OK;
}

static int linear(const snnk_distill *distill, size_t m, snnk_workspace *workspace,
                  double *explained, double *squares) {
    const size_t rank = snnk__min_size(m, snnk__min_size(distill->d, distill->l));
    const snnk__subset nothing = {0};
    snnk__subset subset;
    snnk_map *map;
    int st;

    if ((st = snnk__subset_alloc(distill, rank, &subset)) != SNNK_OK) goto done;
    subset.directions = rank;
    st = snnk__subset_directions(distill->train, distill->d, &nothing, distill->ridge, rank,
                                 subset.D);
    if (st == SNNK_OK) st = snnk__distill_map(distill, &subset, &map);
    if (st == SNNK_OK) st = explained_by(distill, map, workspace, explained, squares);
done:
    snnk__subset_free(distill, &subset);
    return st;
}

/* The m candidates of most variance, times |their column of the readout|^2 where there is one. */
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

static int neurons(const snnk_distill *distill, size_t m, snnk_workspace *workspace,
                   double *explained, double *squares) {
    snnk__subset subset;
    snnk_map *map;
    int st;

    if ((st = snnk__subset_alloc(distill, m, &subset)) != SNNK_OK) goto done;
    subset.chosen = snnk__min_size(m, distill->h);
    if ((st = strongest(distill, subset.chosen, subset.which)) != SNNK_OK) goto done;
    if ((st = snnk__distill_map(distill, &subset, &map)) != SNNK_OK) goto done;
    st = explained_by(distill, map, workspace, explained, squares);
done:
    snnk__subset_free(distill, &subset);
    return st;
}

/* Three fits, and the truncated matrices: eigenvectors, and rows through factors. */
double snnk__distill_cost_of_baselines(const snnk_distill *distill, size_t m) {
    const double smallest = (double)snnk__min_size(distill->d, distill->h);

    return 5 * snnk__distill_cost_of_fit(distill, m) + 10 * smallest * smallest * smallest;
}

int snnk__distill_baselines(const snnk_distill *distill, size_t m, snnk_workspace *workspace,
                            snnk_distill_report *report) {
    snnk__truncated truncated;
    const double fit = snnk__distill_cost_of_fit(distill, m);
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
    if ((st = snnk__distill_random(distill, m, &map)) != SNNK_OK) return st;
    st = explained_by(distill, map, workspace, &report->explained_random, &squares);
    if (st != SNNK_OK) return st;
    snnk__progress_begin_stage(distill->progress,
                               snnk__distill_cost_of_baselines(distill, m) - 3 * fit);
    if ((st = snnk__distill_svd(distill, m, workspace, &truncated)) != SNNK_OK) return st;
    report->explained_svd = isinf(truncated.left) ? NAN : 1 - truncated.left / squares;
    report->parameters_svd = truncated.parameters;
    report->multiply_adds_svd = truncated.multiply_adds;
    return SNNK_OK;
}
