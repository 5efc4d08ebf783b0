#include "distill/distill_create.h"

#include <string.h>

#include "base/rows.h"
#include "distill/candidate_moments.h"
#include "distill/collect.h"

/* ---- Rows ---- */

/* Read and check the caller's rows. Y is optional unless `needs_targets`. */
static int read_rows(const snnk_rows *rows, size_t d, size_t l, bool needs_targets,
                     snnk_rows *ours) {
    int st;

    if ((st = snnk__rows_read(rows, d, l, false, ours)) != SNNK_OK) return st;
    if (ours->weights)
        return snnk__fail(SNNK_E_UNSUPPORTED,
                          "rows.weights is set, but distillation counts all rows alike");
    if (rows->labels)
        return snnk__fail(SNNK_E_UNSUPPORTED,
                          "rows.labels is set, but distillation needs numbers as targets: set Y");
    if (!needs_targets && !rows->Y && !rows->Y_f64) return SNNK_OK;
    return snnk__rows_read(rows, d, l, true, ours);
}

/* Set *own to the matrix as float, n x columns. Either f32 or f64 is given. */
static int copy_matrix(const snnk_allocator *allocator, size_t n, size_t columns, const float *f32,
                       const double *f64, size_t ld, float **own) {
    const int st = snnk__alloc(allocator, n, columns * sizeof **own, "a copy of the rows", own);

    for (size_t i = 0; st == SNNK_OK && i < n; i++) {
        float *to = *own + i * columns;

        if (f32) memcpy(to, f32 + i * ld, columns * sizeof *to);
        for (size_t j = 0; f64 && j < columns; j++) to[j] = (float)f64[i * ld + j];
    }
    return st;
}

static int check_finite(size_t n, size_t columns, const float *f32, const double *f64, size_t ld,
                        const char *name) {
    if (f64) return snnk__check_finite_f64(f64, name, n, columns, ld);
    return snnk__check_finite(f32, name, n, columns, ld);
}

static int take_X(snnk_distill *distill, const snnk_rows *rows, bool copy) {
    const size_t n = rows->n, d = distill->d;
    int st = check_finite(n, d, rows->X, rows->X_f64, rows->ldx, "X");

    distill->X = rows->X;
    distill->ldx = rows->ldx;
    if (st != SNNK_OK || (rows->X && !copy)) return st;
    st = copy_matrix(&distill->allocator, n, d, rows->X, rows->X_f64, rows->ldx, &distill->own_X);
    if (st != SNNK_OK) return st;
    distill->X = distill->own_X;
    distill->ldx = d;
    return snnk__check_finite(distill->X, "X as float", n, d, d);
}

static int take_Y(snnk_distill *distill, const snnk_rows *rows, bool copy) {
    const size_t n = rows->n, l = distill->l;
    int st;

    if (!rows->Y && !rows->Y_f64) return SNNK_OK;
    st = check_finite(n, l, rows->Y, rows->Y_f64, rows->ldy, "Y");
    distill->Y = rows->Y;
    distill->ldy = rows->ldy;
    if (st != SNNK_OK || (rows->Y && !copy)) return st;
    st = copy_matrix(&distill->allocator, n, l, rows->Y, rows->Y_f64, rows->ldy, &distill->own_Y);
    if (st != SNNK_OK) return st;
    distill->Y = distill->own_Y;
    distill->ldy = l;
    return snnk__check_finite(distill->Y, "Y as float", n, l, l);
}

/* ---- Moments ---- */

/* SNNK_E_STATE unless inputs and outputs vary on these rows. */
static int check_varies(const snnk_distill *distill, const snnk_lstsq *lstsq, const char *which) {
    const size_t p = lstsq->features;
    const char *constant = snnk__distill_squares(lstsq) > 0 ? NULL : "outputs";
    double inputs = 0;

    for (size_t i = 0; i < distill->d; i++) inputs += lstsq->S[i * p + i];
    if (!(inputs > 0)) constant = "inputs";
    if (!constant) return SNNK_OK;
    return snnk__fail(SNNK_E_STATE, "the %s are constant: all %llu rows %s are the same", constant,
                      (unsigned long long)lstsq->rows, which);
}

/* Check that there are enough rows to fit and enough held-out rows, and that both vary. */
static int check_split(const snnk_distill *distill) {
    const snnk_lstsq *train = distill->train, *heldout = distill->heldout;
    int st;

    if (train->rows < 2 || heldout->rows < 2)
        return snnk__fail(
            SNNK_E_SHAPE,
            "%zu rows are split into %llu to fit and %llu held out: each part needs at least 2",
            distill->n, (unsigned long long)train->rows, (unsigned long long)heldout->rows);
    st = check_varies(distill, train, "to fit to");
    return st == SNNK_OK ? check_varies(distill, heldout, "held out") : st;
}

/* The ridge for selecting features: just above the rounding error of float sums. With few rows it
 * is larger, so that chance correlations do not count as explained variance. */
static double find_selection_ridge(const snnk_lstsq *train) {
    const size_t p = train->features;
    double trace = 0;

    for (size_t i = 0; i < p; i++) trace += train->S[i * p + i];
    return trace / (double)p * (train->rows < 4 * p ? 1e-3 : 1e-6);
}

static int gather_moments(snnk_distill *distill, snnk_workspace *workspace) {
    snnk__distill_progress_state progress;
    int st;

    snnk__distill_progress_begin(&distill->config, 1, &progress);
    snnk__progress_begin_stage(&progress.progress, 1);
    distill->progress = &progress.progress;
    st = snnk__distill_gather_moments(distill, workspace);
    distill->progress = NULL;
    if (st == SNNK_OK) st = check_split(distill);
    if (st == SNNK_OK) distill->selection_ridge = find_selection_ridge(distill->train);
    return st;
}

/* ---- Creating ---- */

/* Allocate a distillation like `sizes` (its allocator, d, l and h are used), and copy or borrow
 * the rows. */
static int begin(const snnk_distill *sizes, const snnk_rows *rows, bool needs_targets, bool copy,
                 const snnk_distill_config *config, snnk_distill **distill) {
    const snnk_allocator *allocator = &sizes->allocator;
    snnk_distill_config ours;
    snnk_rows taken;
    snnk_distill *made;
    int st;

    if ((st = snnk__distill_config_read(config, &ours)) != SNNK_OK) return st;
    if ((st = read_rows(rows, sizes->d, sizes->l, needs_targets, &taken)) != SNNK_OK) return st;
    if ((st = snnk__alloc(allocator, 1, sizeof *made, "a distillation", distill)) != SNNK_OK)
        return st;
    made = *distill;
    *made = *sizes;
    made->config = ours;
    made->n = taken.n;
    if ((st = take_X(made, &taken, copy)) != SNNK_OK) return st;
    if ((st = take_Y(made, &taken, copy)) != SNNK_OK) return st;
    st = snnk__alloc(allocator, made->h, made->d * sizeof *made->G, "neurons", &made->G);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(allocator, made->h, sizeof *made->offsets, "neurons", &made->offsets);
    if (st != SNNK_OK) return st;
    return snnk_map_config_init(&made->candidate_config, sizeof made->candidate_config);
}

/* Make all_features from G, offsets and candidate_config. */
static int make_map(snnk_distill *distill) {
    snnk_map_config identity;
    snnk_map *maps[2] = {NULL}, *all = NULL;
    int st = snnk_map_config_init(&identity, sizeof identity);

    identity.kind = SNNK_MAP_IDENTITY;
    identity.allocator = &distill->allocator;
    distill->candidate_config.allocator = &distill->allocator;
    if (st == SNNK_OK) st = snnk_map_create(distill->d, &identity, NULL, &maps[0]);
    if (st == SNNK_OK)
        st =
            snnk_map_create_from_rows(distill->d, distill->h, distill->G, distill->d,
                                      distill->offsets, &distill->candidate_config, NULL, &maps[1]);
    if (st == SNNK_OK) st = snnk_map_concat(2, (const snnk_map *const *)maps, &all);
    if (st == SNNK_OK) distill->all_features = all;
    snnk_map_free(maps[0]);
    snnk_map_free(maps[1]);
    return st;
}

static int check_teacher(const snnk_layer *hidden, const snnk_layer *readout) {
    int st;

    if ((st = snnk__check_pointer(hidden, "hidden")) != SNNK_OK) return st;
    if (snnk_layer_activation(hidden) < 0)
        return snnk__fail(SNNK_E_UNSUPPORTED, "the hidden layer is already an SNNK layer");
    if (!readout) return SNNK_OK;
    if (snnk_layer_activation(readout) != SNNK_IDENTITY)
        return snnk__fail(SNNK_E_UNSUPPORTED,
                          "the readout must be a dense layer without activation");
    if (readout->inputs == hidden->outputs) return SNNK_OK;
    return snnk__fail(SNNK_E_SHAPE,
                      "the hidden layer has %zu outputs, but the readout has %zu inputs",
                      hidden->outputs, readout->inputs);
}

int snnk__distill_create(const snnk_layer *hidden, const snnk_layer *readout, const snnk_rows *rows,
                         bool copy, const snnk_distill_config *config, snnk_workspace *workspace,
                         snnk_distill **distill) {
    snnk_distill *made = NULL;
    int st;

    if ((st = snnk__check_pointer(distill, "distill")) != SNNK_OK) return st;
    *distill = NULL;
    if ((st = check_teacher(hidden, readout)) != SNNK_OK) return st;

    const snnk_distill sizes = {.allocator = hidden->allocator,
                                .d = hidden->inputs,
                                .h = hidden->outputs,
                                .l = readout ? readout->outputs : hidden->outputs};

    if ((st = begin(&sizes, rows, false, copy, config, &made)) != SNNK_OK) goto done;
    made->hidden = snnk_layer_retain(hidden);
    if (readout) made->readout = snnk_layer_retain(readout);
    made->candidate_config.kind = SNNK_MAP_ELEMENTWISE;
    made->candidate_config.activation = snnk_layer_activation(hidden);
    st = snnk_layer_weights(hidden, made->G, made->d, made->offsets);
    if (st != SNNK_OK) goto done;
    if ((st = make_map(made)) != SNNK_OK) goto done;
    if ((st = gather_moments(made, workspace)) != SNNK_OK) goto done;
    *distill = made;
    made = NULL;
done:
    snnk_distill_free(made);
    return st;
}

int snnk_distill_create(const snnk_layer *hidden, const snnk_layer *readout, const snnk_rows *rows,
                        const snnk_distill_config *config, snnk_workspace *workspace,
                        snnk_distill **distill) {
    return snnk__distill_create(hidden, readout, rows, true, config, workspace, distill);
}

/* Set *config to one that gives features like the candidates, which must be one block of
 * neurons. */
static int read_candidates(const snnk_map *candidates, snnk_map_config *config) {
    const snnk__map_block *block = candidates->blocks[0];
    int st;

    if ((st = snnk_map_config_init(config, sizeof *config)) != SNNK_OK) return st;
    if ((st = snnk_map_block_config(candidates, 0, config)) != SNNK_OK) return st;
    config->kind = SNNK_MAP_ELEMENTWISE;
    if (candidates->n_blocks == 1 && block->kind->neurons &&
        block->kind->neurons(block, &config->activation))
        return SNNK_OK;
    return snnk__fail(
        SNNK_E_UNSUPPORTED,
        "candidates must be one block: ELEMENTWISE, or ARC_COSINE with order 1 and floor 0");
}

int snnk_distill_create_from_samples(const snnk_map *candidates, size_t outputs,
                                     const snnk_rows *rows, const snnk_distill_config *config,
                                     snnk_workspace *workspace, snnk_distill **distill) {
    snnk_distill *made = NULL;
    snnk_map_config like_candidates;
    int st;

    if ((st = snnk__check_pointer(distill, "distill")) != SNNK_OK) return st;
    *distill = NULL;
    if ((st = snnk__check_pointer(candidates, "candidates")) != SNNK_OK) return st;
    if (outputs == 0) return snnk__fail(SNNK_E_SHAPE, "outputs = 0: at least 1 is needed");
    if ((st = read_candidates(candidates, &like_candidates)) != SNNK_OK) return st;

    const snnk_distill sizes = {.allocator = candidates->allocator,
                                .d = candidates->inputs,
                                .h = candidates->features,
                                .l = outputs};

    if ((st = begin(&sizes, rows, true, true, config, &made)) != SNNK_OK) goto done;
    made->candidate_config = like_candidates;
    st = snnk_map_block_rows(candidates, 0, made->G, made->d, made->offsets);
    if (st != SNNK_OK) goto done;
    if ((st = make_map(made)) != SNNK_OK) goto done;
    if ((st = gather_moments(made, workspace)) != SNNK_OK) goto done;
    *distill = made;
    made = NULL;
done:
    snnk_distill_free(made);
    return st;
}
