/* Leaves: settings, creating, solving. */
#include "fit/leaves.h"

#include <math.h>
#include <string.h>

#include <snnk/ridge_path.h>

#include "base/size.h"
#include "base/workspace.h"
#include "fit/directions.h"

#define MOST_ROUNDS   100
#define MOST_SOFTNESS 0.9

/* With fewer held-out rows the ridge is chosen by generalized cross-validation. */
#define LEAST_HELDOUT 50

/* Ridges that are tried on held-out rows. */
#define N_RIDGES 10

static const snnk_leaves_config defaults = {.size = sizeof(snnk_leaves_config),
                                            .leaf_rows = 20000,
                                            .features = 512,
                                            .rounds = 2,
                                            .softness = 0.1,
                                            .ridge = SNNK_RIDGE_AUTO,
                                            .heldout_share = 0.1,
                                            .scaling = SNNK_SCALING_STANDARDIZE,
                                            .intercept = 1};

#define CONFIG_MINIMUM sizeof(snnk_leaves_config)
#define REPORT_MINIMUM sizeof(snnk_leaves_report)

int snnk_leaves_config_init(snnk_leaves_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &defaults, sizeof defaults, CONFIG_MINIMUM,
                             "leaves config");
}

/* ---- Creating ---- */

int snnk__leaves_check_config(const snnk_leaves_config *c) {
    int st;

    if (c->leaf_rows == 0)
        return snnk__fail(SNNK_E_RANGE, "leaf_rows = 0: a leaf needs at least 1 row");
    if (c->rounds > MOST_ROUNDS)
        return snnk__fail(SNNK_E_RANGE, "rounds = %llu is not in 0 ... %d",
                          (unsigned long long)c->rounds, MOST_ROUNDS);
    st = snnk__check_within(c->softness, 0, MOST_SOFTNESS, "softness");
    if (st == SNNK_OK) st = snnk__check_fit_ridge(c->ridge);
    if (st == SNNK_OK) st = snnk__check_heldout_share(c->heldout_share);
    if (st == SNNK_OK) st = snnk__check_directions_scaling(c->scaling);
    if (st == SNNK_OK && c->intercept != 0 && c->intercept != 1)
        return snnk__fail(SNNK_E_RANGE, "intercept = %d is not 0 or 1", (int)c->intercept);
    return st;
}

static int leaf_create(const snnk_allocator *allocator, const snnk_layer *tower, size_t outputs,
                       snnk__leaf *leaf) {
    const snnk_map *map = snnk_layer_map(tower);
    int st = snnk_lstsq_create(map->features, outputs, allocator, &leaf->train);

    if (st == SNNK_OK) st = snnk_lstsq_create(map->features, outputs, allocator, &leaf->heldout);
    if (st == SNNK_OK) snnk__fit_features_of_map(map, &leaf->features);
    return st;
}

int snnk__leaves_of_towers(const snnk_allocator *allocator, const snnk_leaves_config *config,
                           size_t outputs, const snnk_layer *towers, snnk_leaves **leaves) {
    const size_t n = snnk_layer_inner_count(towers);
    snnk_leaves *made;
    int st = snnk__alloc_zero(allocator, 1, sizeof *made, "leaves", &made);

    if (st != SNNK_OK) return st;
    made->allocator = *allocator;
    made->config = *config;
    made->config.map = NULL;
    made->config.allocator = NULL;
    made->outputs = outputs;
    made->towers = snnk_layer_retain(towers);
    made->tree = &snnk__leaves_of(towers)->tree;
    st = snnk__alloc_zero(allocator, n, sizeof *made->leaves, "leaves", &made->leaves);
    for (size_t k = 0; st == SNNK_OK && k < n; k++) {
        made->n = k + 1;
        st = leaf_create(allocator, snnk_layer_inner(towers, k), outputs, &made->leaves[k]);
    }
    if (st == SNNK_OK)
        *leaves = made;
    else
        snnk_leaves_free(made);
    return st;
}

/* Set *map to the settings of features of d scaled inputs. */
static int read_map(const snnk_leaves_config *config, size_t d, snnk_map_config *map) {
    snnk_directions_config directions;
    int st = snnk_directions_config_init(&directions, sizeof directions);

    directions.features = config->features;
    directions.seed = config->seed;
    directions.map = config->map;
    directions.scaling = config->scaling;
    directions.allocator = config->allocator;
    return st == SNNK_OK ? snnk__directions_map(&directions, d, map) : st;
}

static int read_rows(const snnk_rows *rows, size_t outputs, snnk_rows *read) {
    int st = snnk__rows_read(rows, 0, outputs, true, read);

    if (st != SNNK_OK) return st;
    if (read->n == 0) return snnk__fail(SNNK_E_STATE, "there are no rows to grow a tree from");
    if (read->n > UINT32_MAX)
        return snnk__fail(SNNK_E_SIZE, "%zu rows are too many to grow a tree from: give a sample",
                          read->n);
    if (read->inputs > SNNK_DIRECTIONS_MAX_INPUTS)
        return snnk__fail(SNNK_E_SIZE,
                          "d = %zu inputs are too many to learn directions: at most %d",
                          read->inputs, SNNK_DIRECTIONS_MAX_INPUTS);
    return snnk__rows_check_finite(read);
}

int snnk_leaves_create(const snnk_rows *rows, size_t outputs, const snnk_leaves_config *config,
                       snnk_workspace *workspace, snnk_leaves **leaves) {
    snnk_leaves_config ours = defaults;
    snnk_allocator allocator;
    snnk_layer *towers = NULL;
    snnk_map_config map;
    snnk_rows read;
    int st;

    if ((st = snnk__check_pointer(leaves, "leaves")) != SNNK_OK) return st;
    *leaves = NULL;
    if (outputs == 0) return snnk__fail(SNNK_E_SHAPE, "outputs = 0: at least 1 is needed");
    st = snnk__config_read(&ours, sizeof ours, CONFIG_MINIMUM, config, "leaves config");
    if (st == SNNK_OK) st = snnk__leaves_check_config(&ours);
    if (st == SNNK_OK) st = read_rows(rows, outputs, &read);
    if (st == SNNK_OK) st = read_map(&ours, read.inputs, &map);
    if (st == SNNK_OK) st = snnk__allocator_read(&allocator, map.allocator);
    if (st == SNNK_OK)
        st = snnk__leaves_grow(&allocator, &read, outputs, &ours, &map, workspace, &towers);
    if (st == SNNK_OK) st = snnk__leaves_of_towers(&allocator, &ours, outputs, towers, leaves);
    snnk_layer_free(towers);
    return st;
}

int snnk_leaves_create_empty(const snnk_leaves *leaves, snnk_leaves **empty) {
    int st;

    if ((st = snnk__check_pointer(empty, "empty")) != SNNK_OK) return st;
    *empty = NULL;
    if ((st = snnk__check_pointer(leaves, "leaves")) != SNNK_OK) return st;
    return snnk__leaves_of_towers(&leaves->allocator, &leaves->config, leaves->outputs,
                                  leaves->towers, empty);
}

void snnk_leaves_free(snnk_leaves *leaves) {
    if (!leaves) return;
    const snnk_allocator allocator = leaves->allocator;
    for (size_t k = 0; k < leaves->n; k++) {
        snnk_lstsq_free(leaves->leaves[k].train);
        snnk_lstsq_free(leaves->leaves[k].heldout);
        snnk__fit_features_free(&leaves->leaves[k].features);
    }
    snnk__free(&allocator, leaves->leaves);
    snnk_layer_free(leaves->towers);
    snnk__free(&allocator, leaves);
}

/* ---- Properties ---- */

size_t snnk_leaves_inputs(const snnk_leaves *leaves) { return leaves ? leaves->tree->inputs : 0; }
size_t snnk_leaves_outputs(const snnk_leaves *leaves) { return leaves ? leaves->outputs : 0; }
size_t snnk_leaves_features(const snnk_leaves *leaves) {
    return leaves ? leaves->towers->outputs : 0;
}
size_t snnk_leaves_count(const snnk_leaves *leaves) { return leaves ? leaves->n : 0; }
size_t snnk_leaves_depth(const snnk_leaves *leaves) { return leaves ? leaves->tree->depth : 0; }
uint64_t snnk_leaves_rows(const snnk_leaves *leaves) { return leaves ? leaves->rows : 0; }
uint64_t snnk_leaves_leaf_rows(const snnk_leaves *leaves, size_t index) {
    if (!leaves || index >= leaves->n) return 0;
    return leaves->leaves[index].train->rows + leaves->leaves[index].heldout->rows;
}

/* ---- Solving ---- */

/* What is known of a leaf's held-out rows: their weight, and their squared error. */
typedef struct judgement {
    double weight, squares;
} judgement;

/* Choose the ridge of a leaf on its held-out rows. */
static int choose_on_heldout(const snnk__leaf *leaf, const snnk_solve_config *config,
                             snnk_workspace *workspace, double *ridge, judgement *judged) {
    double ridges[N_RIDGES], errors[N_RIDGES];
    size_t best = 0;
    int st = snnk_lstsq_default_ridges(leaf->train, N_RIDGES, ridges);

    if (st == SNNK_OK)
        st = snnk_lstsq_choose_ridge(leaf->train, leaf->heldout, config, N_RIDGES, ridges,
                                     workspace, errors, &best);
    if (st != SNNK_OK) return st;
    *ridge = ridges[best];
    judged->weight += leaf->heldout->weight;
    judged->squares += leaf->heldout->weight * errors[best];
    return SNNK_OK;
}

static int choose_by_gcv(const snnk_allocator *allocator, const snnk_lstsq *all,
                         const snnk_solve_config *config, snnk_workspace *workspace,
                         double *ridge) {
    snnk_ridge_path *path = NULL;
    double *ridges = NULL;
    int st = snnk_ridge_path_create(all, config, workspace, &path);

    if (st == SNNK_OK) st = snnk__alloc(allocator, all->targets, sizeof *ridges, "ridges", &ridges);
    if (st == SNNK_OK) st = snnk_ridge_path_choose_gcv(path, 1, ridges);
    if (st == SNNK_OK) *ridge = ridges[0];
    snnk__free(allocator, ridges);
    snnk_ridge_path_free(path);
    return st;
}

/* The layer whose outputs are the means of the targets: of a leaf in which no feature varies. */
static int constant_leaf(const snnk_allocator *allocator, const snnk__leaf *leaf,
                         const snnk_lstsq *all, snnk_layer **layer) {
    const size_t m = all->features, l = all->targets;
    float *Psi;
    int st = snnk__alloc_zero(allocator, l, m * sizeof *Psi, "weights", &Psi);

    if (st == SNNK_OK)
        st = snnk__layer_create(leaf->features.map, l, Psi, m,
                                (snnk__numbers){.f64 = all->mean_y, .ld = l}, layer);
    snnk__free(allocator, Psi);
    return st;
}

/* Solve statistics `all` of a leaf's rows, those that were held out too. */
static int solve_all(const snnk_leaves *leaves, const snnk__leaf *leaf, snnk_lstsq *all,
                     snnk_workspace *workspace, judgement *judged, snnk_layer **layer) {
    snnk_solve_config config;
    int st = snnk_solve_config_init(&config, sizeof config);

    config.intercept = leaves->config.intercept;
    config.ridge = leaves->config.ridge;
    if (st == SNNK_OK && leaves->config.ridge == SNNK_RIDGE_AUTO) {
        config.ridge = 0;
        st = leaf->heldout->rows >= LEAST_HELDOUT
                 ? choose_on_heldout(leaf, &config, workspace, &config.ridge, judged)
                 : choose_by_gcv(&leaves->allocator, all, &config, workspace, &config.ridge);
    }
    if (st != SNNK_OK) return st;
    return snnk_layer_create_from_lstsq(leaf->features.map, all, &config, workspace, NULL, layer);
}

/* Whether no feature of the rows varies, so that there is nothing to solve. */
static bool is_constant(const snnk_lstsq *lstsq) {
    for (size_t j = 0; j < lstsq->features; j++)
        if (snnk__lstsq_diagonal(lstsq, j) > 0) return false;
    return true;
}

static int solve_leaf(const snnk_leaves *leaves, size_t k, snnk_workspace *workspace,
                      judgement *judged, snnk_leaves_report *report, snnk_layer **layer) {
    const snnk__leaf *leaf = &leaves->leaves[k];
    snnk_lstsq *all = NULL;
    int st;

    if (snnk_leaves_leaf_rows(leaves, k) == 0)
        return snnk__fail(
            SNNK_E_STATE,
            "leaf %zu of %zu has no rows: add rows like those that the tree was grown "
            "from",
            k, leaves->n);
    st = snnk__lstsq_clone(leaf->train, &leaves->allocator, &all);
    if (st == SNNK_OK) st = snnk_lstsq_merge(all, leaf->heldout);
    if (st == SNNK_OK && leaves->config.intercept && is_constant(all)) {
        st = constant_leaf(&leaves->allocator, leaf, all, layer);
        report->constant_leaves++;
    } else if (st == SNNK_OK) {
        st = solve_all(leaves, leaf, all, workspace, judged, layer);
    }
    snnk_lstsq_free(all);
    return st == SNNK_OK || st == SNNK_E_CANCELLED ? st : snnk__fail_within(st, "leaf %zu", k);
}

static void count_rows(const snnk_leaves *leaves, const judgement *judged,
                       snnk_leaves_report *report) {
    report->rows = leaves->rows;
    report->leaves = leaves->n;
    report->depth = leaves->tree->depth;
    report->least_rows = UINT64_MAX;
    for (size_t k = 0; k < leaves->n; k++) {
        const uint64_t rows = snnk_leaves_leaf_rows(leaves, k);

        report->heldout_rows += leaves->leaves[k].heldout->rows;
        if (rows < report->least_rows) report->least_rows = rows;
        if (rows > report->most_rows) report->most_rows = rows;
    }
    report->heldout_squared_error = judged->weight > 0 ? judged->squares / judged->weight : NAN;
}

/* Put solved leaves under the tree; one alone is the layer. */
static int assemble(const snnk_leaves *leaves, snnk_layer *const *solved, snnk_layer **layer) {
    const snnk__tree *tree = leaves->tree;

    if (leaves->n > 1)
        return snnk_layer_create_leaves(
            tree->nodes, tree->directions, tree->inputs, tree->thresholds, tree->half_widths,
            tree->children, (const snnk_layer *const *)solved, &leaves->allocator, layer);
    *layer = snnk_layer_retain(solved[0]);
    return SNNK_OK;
}

static int solve(const snnk_leaves *leaves, snnk_workspace *workspace, snnk_leaves_report *report,
                 snnk_layer **layer) {
    snnk_layer **solved = NULL;
    judgement judged = {0};
    snnk__work work;
    int st = snnk__alloc_zero(&leaves->allocator, leaves->n, sizeof *solved, "leaves", &solved);

    snnk__work_begin(workspace, (double)leaves->n, &work);
    for (size_t k = 0; st == SNNK_OK && k < leaves->n; k++) {
        snnk__progress_begin_stage(&work.progress, 1);
        st = solve_leaf(leaves, k, workspace, &judged, report, &solved[k]);
    }
    if (st == SNNK_OK) st = snnk__progress_finish(&work.progress);
    if (st == SNNK_OK) st = assemble(leaves, solved, layer);
    snnk__work_end(&work);
    for (size_t k = 0; solved && k < leaves->n; k++) snnk_layer_free(solved[k]);
    snnk__free(&leaves->allocator, solved);
    if (st == SNNK_OK) count_rows(leaves, &judged, report);
    return st;
}

int snnk_leaves_solve(snnk_leaves *leaves, snnk_workspace *workspace, snnk_leaves_report *report,
                      snnk_layer **layer) {
    snnk_leaves_report filled = {.size = sizeof filled};
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    *layer = NULL;
    if ((st = snnk__check_pointer(leaves, "leaves")) != SNNK_OK) return st;
    st = snnk__config_check(report, sizeof *report, REPORT_MINIMUM, "leaves report");
    if (st != SNNK_OK) return st;
    if (leaves->rows == 0) return snnk__fail(SNNK_E_STATE, "there are no rows to solve for");
    if ((st = solve(leaves, workspace, &filled, layer)) != SNNK_OK) return st;
    return snnk__config_write(report, &filled, sizeof filled, REPORT_MINIMUM, "leaves report");
}
