/* Collecting the rows of a fit: they are turned into features in blocks. A few rows are kept in
 * memory. Of more rows, most are added to statistics at once, and a random sample is held out to
 * choose the ridge. */
#include "fit/fit.h"

#include <math.h>
#include <string.h>

#include "base/size.h"
#include "base/workspace.h"
#include "solve/accumulate.h"

#define MAX_RIDGES SNNK__FIT_MAX_RIDGES

static const snnk_fit_config defaults = {.size = sizeof(snnk_fit_config),
                                         .ridge = SNNK_RIDGE_AUTO,
                                         .heldout_share = 0.1,
                                         .intercept = 1,
                                         .n_ridges = 10,
                                         .center = 1};

/* The fields of the first version. */
#define CONFIG_MINIMUM offsetof(snnk_fit_config, first_ridge)

int snnk_fit_config_init(snnk_fit_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &defaults, sizeof defaults, CONFIG_MINIMUM,
                             "fit config");
}

/* ---- Creating ---- */

int snnk__check_fit_ridge(double ridge) {
    if (ridge == SNNK_RIDGE_AUTO || (ridge >= 0 && isfinite(ridge))) return SNNK_OK;
    return snnk__fail(SNNK_E_RANGE, "ridge = %g is neither >= 0 nor SNNK_RIDGE_AUTO", ridge);
}

int snnk__check_heldout_share(double share) {
    if (share > 0 && share <= 0.5) return SNNK_OK;
    return snnk__fail(SNNK_E_RANGE, "heldout_share = %g must be above 0 and at most 0.5", share);
}

static int check_config(const snnk_fit_config *c) {
    int st;

    if ((st = snnk__check_fit_ridge(c->ridge)) != SNNK_OK) return st;
    if ((st = snnk__check_heldout_share(c->heldout_share)) != SNNK_OK) return st;
    if (!(c->rank_tolerance >= 0 && c->rank_tolerance < 1))
        return snnk__fail(SNNK_E_RANGE, "rank_tolerance = %g must be at least 0 and below 1",
                          c->rank_tolerance);
    if (!(c->first_ridge >= 0 && isfinite(c->first_ridge)))
        return snnk__fail(SNNK_E_RANGE, "first_ridge = %g must be at least 0 and finite",
                          c->first_ridge);
    if (c->intercept != 0 && c->intercept != 1)
        return snnk__fail(SNNK_E_RANGE, "intercept = %d is not 0 or 1", (int)c->intercept);
    if (c->center != 0 && c->center != 1)
        return snnk__fail(SNNK_E_RANGE, "center = %d is not 0 or 1", (int)c->center);
    if (c->n_ridges < 2 || c->n_ridges > MAX_RIDGES)
        return snnk__fail(SNNK_E_RANGE, "n_ridges = %d is not in 2 ... %d", (int)c->n_ridges,
                          MAX_RIDGES);
    return SNNK_OK;
}

/* Set *ours to the config over the defaults, checked. */
static int read_config(const snnk_fit_config *config, snnk_fit_config *ours) {
    int st;

    *ours = defaults;
    st = snnk__config_read(ours, sizeof *ours, CONFIG_MINIMUM, config, "fit config");
    return st == SNNK_OK ? check_config(ours) : st;
}

/* Allocate statistics and held-out rows of a fit whose features are set. */
static int allocate(snnk_fit *fit) {
    const size_t m = fit->features.map->features, l = fit->outputs;
    int st;

    if ((st = snnk_lstsq_create(m, l, &fit->allocator, &fit->lstsq)) != SNNK_OK) return st;
    st = snnk_lstsq_set_precision(fit->lstsq, fit->config.precision);
    if (st != SNNK_OK) return st;
    st = snnk_lstsq_set_factorization(fit->lstsq, fit->config.factorization);
    if (st != SNNK_OK) return st;
    st = snnk__feature_rows_alloc(&fit->allocator, SNNK__FIT_BLOCK_ROWS, m, l, &fit->block);
    if (st != SNNK_OK || !snnk__fit_chooses_ridge(fit)) return st;
    fit->heldout.seed = fit->config.seed;
    fit->heldout.share = fit->config.heldout_share;
    fit->heldout.threshold = 1;
    return snnk__feature_rows_alloc(&fit->allocator, SNNK_FIT_MAX_HELDOUT, m, l,
                                    &fit->heldout.rows);
}

/* Create a fit. Takes ownership of the features, also on failure. */
static int create(const snnk_allocator *allocator, const snnk__fit_features *features,
                  size_t outputs, const snnk_fit_config *config, snnk_fit **fit) {
    snnk_fit *made;
    int st = snnk__alloc(allocator, 1, sizeof *made, "a fit", &made);

    if (st != SNNK_OK) {
        snnk__fit_features_free(features);
        return st;
    }
    *made = (snnk_fit){.allocator = *allocator,
                       .config = *config,
                       .features = *features,
                       .outputs = outputs,
                       .solution = {.chosen_ridge = -1}};
    if ((st = allocate(made)) == SNNK_OK)
        *fit = made;
    else
        snnk_fit_free(made);
    return st;
}

int snnk_fit_create(const snnk_map *map, size_t outputs, const snnk_fit_config *config,
                    snnk_fit **fit) {
    snnk_fit_config ours;
    snnk__fit_features features;
    int st;

    if ((st = snnk__check_pointer(fit, "fit")) != SNNK_OK) return st;
    *fit = NULL;
    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    if ((st = read_config(config, &ours)) != SNNK_OK) return st;
    snnk__fit_features_of_map(map, &features);
    return create(&map->allocator, &features, outputs, &ours, fit);
}

int snnk_fit_create_from_network(const snnk_network *network, size_t outputs,
                                 const snnk_fit_config *config, snnk_fit **fit) {
    snnk_fit_config ours;
    snnk__fit_features features;
    int st;

    if ((st = snnk__check_pointer(fit, "fit")) != SNNK_OK) return st;
    *fit = NULL;
    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    if ((st = read_config(config, &ours)) != SNNK_OK) return st;
    if ((st = snnk__fit_features_of_network(network, &features)) != SNNK_OK) return st;
    if (outputs == 0) outputs = snnk_network_outputs(network);
    return create(&network->allocator, &features, outputs, &ours, fit);
}

void snnk__fit_solution_clear(const snnk_allocator *allocator, snnk__fit_solution *solution) {
    snnk_layer_free(solution->without_rows);
    snnk__free(allocator, solution->left_out_scores);
    *solution = (snnk__fit_solution){.chosen_ridge = -1};
}

void snnk_fit_free(snnk_fit *fit) {
    if (!fit) return;
    const snnk_allocator allocator = fit->allocator;
    snnk__fit_solution_clear(&allocator, &fit->solution);
    snnk__feature_rows_free(&allocator, &fit->block);
    snnk__feature_rows_free(&allocator, &fit->heldout.rows);
    snnk__lost_inputs_free(&allocator, &fit->lost);
    snnk_lstsq_free(fit->lstsq);
    snnk__fit_features_free(&fit->features);
    snnk__free(&allocator, fit);
}

size_t snnk_fit_inputs(const snnk_fit *fit) {
    return fit ? snnk__fit_features_inputs(&fit->features) : 0;
}

size_t snnk_fit_outputs(const snnk_fit *fit) { return fit ? fit->outputs : 0; }

size_t snnk_fit_features(const snnk_fit *fit) { return fit ? fit->features.map->features : 0; }

uint64_t snnk_fit_rows(const snnk_fit *fit) { return fit ? fit->rows : 0; }

bool snnk__fit_leaves_one_out(const snnk_fit *fit) {
    return snnk__fit_chooses_ridge(fit) && fit->heldout.threshold >= 1 &&
           snnk_lstsq_rows(fit->lstsq) == 0;
}

uint64_t snnk_fit_heldout_rows(const snnk_fit *fit) {
    return fit && !snnk__fit_leaves_one_out(fit) ? fit->heldout.rows.n : 0;
}

int snnk_fit_center_map(const snnk_map *map, const snnk_rows *rows, snnk_map **centered) {
    snnk__fit_features features;
    snnk_rows read;
    int st;

    if ((st = snnk__check_pointer(centered, "centered")) != SNNK_OK) return st;
    *centered = NULL;
    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    if ((st = snnk__rows_read(rows, map->inputs, 0, false, &read)) != SNNK_OK) return st;
    if ((st = snnk__rows_check_finite(&read)) != SNNK_OK) return st;
    snnk__fit_features_of_map(map, &features);
    if (read.n > 0) st = snnk__fit_features_center(&features, &read);
    if (st == SNNK_OK) *centered = snnk_map_retain(features.map);
    snnk__fit_features_free(&features);
    return st;
}

/* ---- Adding rows ---- */

/* Copy rows first ... first+count-1 into the block, as features. */
static int make_block(snnk_fit *fit, const snnk_rows *rows, size_t first, size_t count,
                      snnk_workspace *workspace) {
    const snnk_rows part = snnk__rows_part(rows, first, count);
    snnk__feature_rows *block = &fit->block;
    const size_t l = fit->outputs;

    block->n = count;
    block->of_labels = part.labels != NULL;
    for (size_t i = 0; i < count; i++) block->weights[i] = part.weights ? part.weights[i] : 1;
    for (size_t i = 0; i < count; i++)
        if (part.labels)
            block->labels[i] = part.labels[i];
        else
            for (size_t k = 0; k < l; k++) block->Y[i * l + k] = snnk__rows_target(&part, i, k);
    const int st = snnk__fit_features_make(&fit->features, &part, first, block->Phi, workspace);
    for (size_t i = 0; st == SNNK_OK && snnk__fit_chooses_ridge(fit) && i < count; i++)
        block->keys[i] = part.groups ? part.groups[i] : snnk__rows_hash(&part, i);
    if (st == SNNK_OK && fit->heldout.singly)
        snnk__heldout_number(&fit->heldout, 1, fit->rows, block);
    return st;
}

/* Check that all features are finite before any row is added, by computing them once in advance.
 * Not needed for a single block, or for inputs that are too small to overflow. */
static int check_features(snnk_fit *fit, const snnk_rows *rows, snnk_workspace *workspace) {
    const size_t n = rows->n;
    int st = SNNK_OK;

    if (n <= SNNK__FIT_BLOCK_ROWS || snnk__fit_features_cannot_overflow(&fit->features, rows))
        return SNNK_OK;
    for (size_t first = 0; first < n && st == SNNK_OK; first += SNNK__FIT_BLOCK_ROWS)
        st = make_block(fit, rows, first, snnk__min_size(SNNK__FIT_BLOCK_ROWS, n - first),
                        workspace);
    return st;
}

snnk_rows snnk__fit_rows_of(const snnk_fit *fit, const snnk__feature_rows *rows) {
    return *SNNK_ROWS(.n = rows->n, .X = rows->Phi, .Y_f64 = rows->of_labels ? NULL : rows->Y,
                      .labels = rows->of_labels ? rows->labels : NULL,
                      .weights = fit->weighted ? rows->weights : NULL);
}

/* Add rows to the statistics. */
static int add_features(snnk_fit *fit, const snnk__feature_rows *rows, snnk_workspace *workspace) {
    const snnk_rows added = snnk__fit_rows_of(fit, rows);

    return snnk_lstsq_add(fit->lstsq, &added, workspace);
}

int snnk__fit_release(snnk_fit *fit, const snnk__feature_rows *released,
                      snnk_workspace *workspace) {
    const int st = add_features(fit, released, workspace);

    if (st == SNNK_OK) fit->heldout.rows.n -= released->n;
    return st;
}

/* Move kept rows to the statistics, all but those whose draw is below a threshold. The block has
 * the next rows: all of them, or those with a draw below `drawn`. */
static int lower(snnk_fit *fit, double threshold, double drawn, snnk_workspace *workspace) {
    const bool singly = fit->heldout.singly;
    snnk__feature_rows released;

    snnk__heldout_lower(&fit->heldout, threshold, &released);
    if (fit->heldout.singly && !singly)
        snnk__heldout_number(&fit->heldout, drawn, fit->rows, &fit->block);
    return snnk__fit_release(fit, &released, workspace);
}

/* Keep the rows of the block that are to be kept, after making room for them. */
static int keep(snnk_fit *fit, double drawn, snnk_workspace *workspace) {
    snnk__heldout *heldout = &fit->heldout;
    int st = SNNK_OK;

    if (heldout->threshold >= 1 && fit->rows + fit->block.n > SNNK_FIT_MAX_LEFT_OUT)
        st = lower(fit, snnk__heldout_first_threshold(heldout), drawn, workspace);
    while (st == SNNK_OK &&
           snnk__heldout_count(heldout, &fit->block) > SNNK_FIT_MAX_HELDOUT - heldout->rows.n)
        st = lower(fit, heldout->threshold / 2, drawn, workspace);
    if (st == SNNK_OK) snnk__heldout_take(heldout, &fit->block);
    return st;
}

int snnk__fit_add_block(snnk_fit *fit, double drawn, snnk_workspace *workspace) {
    const size_t count = fit->block.n;
    int st = SNNK_OK;

    if (snnk__fit_chooses_ridge(fit)) st = keep(fit, drawn, workspace);
    if (st == SNNK_OK) st = add_features(fit, &fit->block, workspace);
    if (st == SNNK_OK) fit->rows += count;
    return st;
}

/* Add the rows of the block to the statistics, all but those whose originals are held out. */
static int add_copies(snnk_fit *fit, snnk_workspace *workspace) {
    int st;

    if (snnk__fit_chooses_ridge(fit)) snnk__heldout_drop(&fit->heldout, &fit->block);
    st = add_features(fit, &fit->block, workspace);
    if (st == SNNK_OK) fit->rows += fit->block.n;
    return st;
}

static int add_blocks(snnk_fit *fit, const snnk_rows *rows, bool copies,
                      snnk_workspace *workspace) {
    const size_t n = rows->n;
    int st = check_features(fit, rows, workspace);

    for (size_t first = 0; st == SNNK_OK && first < n; first += SNNK__FIT_BLOCK_ROWS) {
        const size_t count = snnk__min_size(SNNK__FIT_BLOCK_ROWS, n - first);

        if ((st = make_block(fit, rows, first, count, workspace)) != SNNK_OK) return st;
        fit->kind = rows->labels ? SNNK__LABELS : SNNK__TARGETS;
        snnk__fit_solution_clear(&fit->allocator, &fit->solution);
        fit->weighted |= rows->weights != NULL;
        fit->heldout.grouped |= rows->groups != NULL;
        st = copies ? add_copies(fit, workspace) : snnk__fit_add_block(fit, 1, workspace);
    }
    return st;
}

/* Add checked rows. Scratch is allocated before the first block is added, so that no later block
 * can fail. */
static int add(snnk_fit *fit, const snnk_rows *rows, bool copies, snnk_workspace *workspace) {
    const snnk_network *lower = fit->features.hidden ? fit->features.lower : NULL;
    const size_t bytes =
        snnk__max_size(snnk_network_scratch_bytes(lower), snnk_network_scratch_bytes_f64(lower));
    snnk_workspace *own = NULL;
    int st = SNNK_OK;

    if (rows->n <= SNNK__FIT_BLOCK_ROWS) return add_blocks(fit, rows, copies, workspace);
    if (!workspace) st = snnk_workspace_create(1, &fit->allocator, &own);
    if (st == SNNK_OK) st = snnk_workspace_reserve(workspace ? workspace : own, bytes);
    if (st == SNNK_OK) st = add_blocks(fit, rows, copies, workspace ? workspace : own);
    snnk_workspace_free(own);
    return st;
}

/* SNNK_E_STATE unless the rows have the same kind of targets as the first rows had. */
static int check_kind(const snnk_fit *fit, const snnk_rows *rows) {
    const snnk__target_kind kind = rows->labels ? SNNK__LABELS : SNNK__TARGETS;

    if (fit->kind == SNNK__NOTHING_YET || fit->kind == kind) return SNNK_OK;
    return snnk__fail(SNNK_E_STATE, "this fit was given %s before and cannot be given %s now",
                      fit->kind == SNNK__LABELS ? "labels" : "targets",
                      kind == SNNK__LABELS ? "labels" : "targets");
}

int snnk_fit_add(snnk_fit *fit, const snnk_rows *rows, snnk_workspace *workspace) {
    snnk_rows read;
    int st;

    if ((st = snnk__check_pointer(fit, "fit")) != SNNK_OK) return st;
    st = snnk__rows_read(rows, snnk_fit_inputs(fit), fit->outputs, true, &read);
    if (st != SNNK_OK || read.n == 0) return st;
    if ((st = check_kind(fit, &read)) != SNNK_OK) return st;
    if ((st = snnk__rows_check_finite(&read)) != SNNK_OK) return st;
    if (fit->rows == 0 && fit->config.center &&
        (st = snnk__fit_features_center(&fit->features, &read)) != SNNK_OK)
        return st;
    if (!fit->features.hidden) { /* X are the inputs of the map */
        st = snnk__lost_inputs_add(fit->features.map, &read, &fit->lost);
        if (st != SNNK_OK) return st;
    }
    return add(fit, &read, false, workspace);
}

/* Hold rows out from now on, so that it is known which copies are to be skipped. */
static int begin_copies(snnk_fit *fit, snnk_workspace *workspace) {
    int st = SNNK_OK;

    if (!snnk__fit_chooses_ridge(fit)) return SNNK_OK;
    if (!fit->heldout.grouped)
        return snnk__fail(
            SNNK_E_STATE,
            "the rows before these copies have no groups, which say whose copies they "
            "are: add rows with groups first");
    fit->block.n = 0;
    snnk__fit_solution_clear(&fit->allocator, &fit->solution);
    if (fit->heldout.threshold >= 1)
        st = lower(fit, snnk__heldout_first_threshold(&fit->heldout), 1, workspace);
    if (st != SNNK_OK || !fit->heldout.singly) return st;
    return snnk__fail(
        SNNK_E_STATE,
        "groups are so large that rows are held out one by one, without their copies: "
        "give each row and its copies a group of their own");
}

int snnk_fit_add_copies(snnk_fit *fit, const snnk_rows *rows, snnk_workspace *workspace) {
    snnk_rows read;
    int st;

    if ((st = snnk__check_pointer(fit, "fit")) != SNNK_OK) return st;
    st = snnk__rows_read(rows, snnk_fit_inputs(fit), fit->outputs, true, &read);
    if (st != SNNK_OK || read.n == 0) return st;
    if ((st = snnk__check_pointer(read.groups, "groups")) != SNNK_OK) return st;
    if (fit->rows == 0)
        return snnk__fail(SNNK_E_STATE, "copies of rows before any row: add the rows first");
    if ((st = check_kind(fit, &read)) != SNNK_OK) return st;
    if ((st = snnk__rows_check_finite(&read)) != SNNK_OK) return st;
    if ((st = begin_copies(fit, workspace)) != SNNK_OK) return st;
    return add(fit, &read, true, workspace);
}
