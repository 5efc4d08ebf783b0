/* Rows of leaves: added, forgotten and merged. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "base/size.h"
#include "base/workspace.h"
#include "fit/gathered.h"
#include "fit/leaves.h"
#include "map/same_map.h"

/* How many rows are routed at once. */
#define ROUTED_ROWS 16384

/* A row of less weight than this is not in a leaf. */
#define LEAST_SHARE 1e-6

/* What happens to the rows of a leaf. */
typedef enum action { CHECK, ADD, FORGET } action;

/* A pass over rows. */
typedef struct pass {
    const snnk_leaves *leaves;
    const snnk_rows *rows;
    snnk_lstsq **statistics; /* 2 n: train and heldout of each leaf */
    action what;
    snnk_workspace *workspace;
    snnk__gathered block;
    float *Phi;   /* a block of features */
    void *routes; /* scratch of the tree */
    uint32_t *chosen;
    double *shares;
    size_t first; /* the first row of those that are routed */
    int status;
} pass;

static void pass_free(const pass *p) {
    const snnk_allocator *allocator = &p->leaves->allocator;

    snnk__gathered_free(allocator, &p->block);
    snnk__free(allocator, p->Phi);
    snnk__free(allocator, p->routes);
    snnk__free(allocator, p->chosen);
    snnk__free(allocator, p->shares);
}

static int pass_alloc(pass *p) {
    const snnk_allocator *allocator = &p->leaves->allocator;
    const size_t m = snnk_leaves_features(p->leaves), most = SNNK__FIT_BLOCK_ROWS;
    const size_t routed = snnk__min_size(ROUTED_ROWS, p->rows->n);
    int st = snnk__gathered_alloc(allocator, p->rows, most, &p->block);

    if (st == SNNK_OK) st = snnk__alloc(allocator, m, most * sizeof *p->Phi, "features", &p->Phi);
    if (st == SNNK_OK)
        st = snnk__alloc(allocator, 1, snnk__tree_scratch(p->leaves->tree, routed), "routes",
                         &p->routes);
    if (st == SNNK_OK) st = snnk__alloc(allocator, most, sizeof *p->chosen, "rows", &p->chosen);
    if (st == SNNK_OK) st = snnk__alloc(allocator, most, sizeof *p->shares, "shares", &p->shares);
    return st;
}

/* ---- Rows of a leaf ---- */

/* Whether a row is held out: the same in every leaf and in every call. */
static bool is_held_out(const pass *p, size_t row) {
    const snnk_leaves_config *config = &p->leaves->config;
    const uint64_t key = p->rows->groups ? p->rows->groups[row] : snnk__rows_hash(p->rows, row);
    double u;

    if (config->ridge != SNNK_RIDGE_AUTO) return false;
    snnk__random_uniform(config->seed, SNNK__STREAM_HELDOUT, key, 0, 1, &u);
    return u < config->heldout_share;
}

/* Compute the features of the first n chosen rows, and add or forget them. */
static int take(const pass *p, size_t leaf, size_t side, size_t n) {
    const snnk_rows rows = snnk__gathered_take(&p->block, p->rows, n, p->chosen, p->shares);
    int st =
        snnk__fit_features_make(&p->leaves->leaves[leaf].features, &rows, 0, p->Phi, p->workspace);

    if (st != SNNK_OK)
        return st == SNNK_E_NONFINITE
                   ? snnk__fail(st, "leaf %zu: a feature of one of the rows overflows float", leaf)
                   : st;
    const snnk_rows features = *SNNK_ROWS(.n = n, .X = p->Phi, .Y_f64 = rows.Y_f64,
                                          .labels = rows.labels, .weights = rows.weights);
    snnk_lstsq *lstsq = p->statistics[2 * leaf + side];
    if (p->what == ADD) st = snnk_lstsq_add(lstsq, &features, p->workspace);
    if (p->what == FORGET) st = snnk_lstsq_forget(lstsq, &features, p->workspace);
    return st;
}

/* Take the rows that arrived in a leaf: those that are not held out, then the others. */
static void visit(void *context, size_t leaf, size_t count, const uint32_t *rows,
                  const double *weights) {
    pass *p = context;

    for (size_t side = 0; side < 2; side++) {
        size_t n = 0;

        for (size_t k = 0; p->status == SNNK_OK && k < count; k++) {
            const size_t row = p->first + rows[k];

            if (weights[k] < LEAST_SHARE || is_held_out(p, row) != (side == 1)) continue;
            p->chosen[n] = (uint32_t)row;
            p->shares[n++] = weights[k];
            if (n < SNNK__FIT_BLOCK_ROWS) continue;
            p->status = take(p, leaf, side, n);
            n = 0;
        }
        if (p->status == SNNK_OK && n > 0) p->status = take(p, leaf, side, n);
    }
}

static int run(pass *p, action what) {
    const snnk__numbers all = snnk__rows_inputs(p->rows);

    p->what = what;
    p->status = SNNK_OK;
    for (p->first = 0; p->status == SNNK_OK && p->first < p->rows->n; p->first += ROUTED_ROWS) {
        const snnk__numbers X = snnk__numbers_from(&all, p->first);

        snnk__tree_route(p->leaves->tree, snnk__min_size(ROUTED_ROWS, p->rows->n - p->first), &X,
                         p->routes, visit, p);
    }
    return p->status;
}

/* Whether no feature of these rows can overflow in any leaf. */
static bool cannot_overflow(const snnk_leaves *leaves, const snnk_rows *rows) {
    for (size_t k = 0; k < leaves->n; k++)
        if (!snnk__fit_features_cannot_overflow(&leaves->leaves[k].features, rows)) return false;
    return true;
}

/* ---- All rows of a call ---- */

/* Add rows to the statistics, or forget them. */
static int change(const snnk_leaves *leaves, const snnk_rows *rows, snnk_lstsq **statistics,
                  action what, snnk_workspace *workspace) {
    snnk_workspace *own = NULL;
    pass p = {.leaves = leaves, .rows = rows, .statistics = statistics, .workspace = workspace};
    int st = pass_alloc(&p);

    /* One workspace for all blocks, so that only the first of them can lack memory for scratch. */
    if (st == SNNK_OK && !workspace) st = snnk_workspace_create(1, &leaves->allocator, &own);
    if (!workspace) p.workspace = own;
    if (st == SNNK_OK && what == ADD && !cannot_overflow(leaves, rows)) st = run(&p, CHECK);
    if (st == SNNK_OK) st = run(&p, what);
    snnk_workspace_free(own);
    pass_free(&p);
    return st;
}

static int check_kind(const snnk_leaves *leaves, const snnk_rows *rows) {
    const snnk__target_kind kind = rows->labels ? SNNK__LABELS : SNNK__TARGETS;

    if (leaves->kind == SNNK__NOTHING_YET || leaves->kind == kind) return SNNK_OK;
    return snnk__fail(SNNK_E_STATE, "these leaves were given %s before and cannot be given %s now",
                      leaves->kind == SNNK__LABELS ? "labels" : "targets",
                      kind == SNNK__LABELS ? "labels" : "targets");
}

static int read_rows(const snnk_leaves *leaves, const snnk_rows *rows, snnk_rows *read) {
    int st;

    if ((st = snnk__check_pointer(leaves, "leaves")) != SNNK_OK) return st;
    st = snnk__rows_read(rows, leaves->tree->inputs, leaves->outputs, true, read);
    if (st != SNNK_OK || read->n == 0) return st;
    if (read->n > UINT32_MAX)
        return snnk__fail(SNNK_E_SIZE, "%zu rows are too many for one call: give them in parts",
                          read->n);
    if ((st = check_kind(leaves, read)) != SNNK_OK) return st;
    return snnk__rows_check_finite(read);
}

/* Allocate a list of the statistics of all leaves. */
static int list_statistics(const snnk_leaves *leaves, snnk_lstsq ***statistics) {
    return snnk__alloc_zero(&leaves->allocator, leaves->n, 2 * sizeof **statistics, "statistics",
                            statistics);
}

int snnk_leaves_add(snnk_leaves *leaves, const snnk_rows *rows, snnk_workspace *workspace) {
    snnk_lstsq **statistics = NULL;
    snnk_rows read;
    int st = read_rows(leaves, rows, &read);

    if (st != SNNK_OK || read.n == 0) return st;
    if (read.n > UINT64_MAX - leaves->rows)
        return snnk__fail(SNNK_E_SIZE, "adding %zu rows to %llu overflows the 64-bit row count",
                          read.n, (unsigned long long)leaves->rows);
    st = list_statistics(leaves, &statistics);
    for (size_t k = 0; st == SNNK_OK && k < leaves->n; k++) {
        statistics[2 * k] = leaves->leaves[k].train;
        statistics[2 * k + 1] = leaves->leaves[k].heldout;
    }
    if (st == SNNK_OK) st = change(leaves, &read, statistics, ADD, workspace);
    if (st == SNNK_OK) {
        leaves->rows += read.n;
        leaves->kind = read.labels ? SNNK__LABELS : SNNK__TARGETS;
    }
    snnk__free(&leaves->allocator, statistics);
    return st;
}

/* ---- Copies of statistics, which replace the originals if all goes well ---- */

static int copy_statistics(const snnk_leaves *leaves, snnk_lstsq ***copies) {
    const snnk_allocator *allocator = &leaves->allocator;
    int st = list_statistics(leaves, copies);

    for (size_t k = 0; st == SNNK_OK && k < leaves->n; k++) {
        st = snnk__lstsq_clone(leaves->leaves[k].train, allocator, &(*copies)[2 * k]);
        if (st == SNNK_OK)
            st = snnk__lstsq_clone(leaves->leaves[k].heldout, allocator, &(*copies)[2 * k + 1]);
    }
    return st;
}

static void exchange(snnk_lstsq **a, snnk_lstsq **b) {
    snnk_lstsq *kept = *a;

    *a = *b;
    *b = kept;
}

/* Let the copies replace the originals unless st is a failure, and free what is not used. */
static void finish_copies(snnk_leaves *leaves, int st, snnk_lstsq **copies) {
    for (size_t k = 0; copies && k < leaves->n; k++) {
        if (st == SNNK_OK) {
            exchange(&leaves->leaves[k].train, &copies[2 * k]);
            exchange(&leaves->leaves[k].heldout, &copies[2 * k + 1]);
        }
        snnk_lstsq_free(copies[2 * k]);
        snnk_lstsq_free(copies[2 * k + 1]);
    }
    snnk__free(&leaves->allocator, copies);
}

int snnk_leaves_forget(snnk_leaves *leaves, const snnk_rows *rows, snnk_workspace *workspace) {
    snnk_lstsq **copies = NULL;
    snnk_rows read;
    int st = read_rows(leaves, rows, &read);

    if (st != SNNK_OK || read.n == 0) return st;
    if (read.n > leaves->rows)
        return snnk__fail(SNNK_E_STATE, "%zu rows cannot be forgotten: there are only %llu", read.n,
                          (unsigned long long)leaves->rows);
    st = copy_statistics(leaves, &copies);
    if (st == SNNK_OK) st = change(leaves, &read, copies, FORGET, workspace);
    finish_copies(leaves, st, copies);
    if (st == SNNK_OK) leaves->rows -= read.n;
    return st;
}

/* ---- Merging ---- */

static int check_config(const snnk_leaves_config *a, const snnk_leaves_config *b) {
    if (a->seed == b->seed && a->ridge == b->ridge && a->heldout_share == b->heldout_share &&
        a->intercept == b->intercept)
        return SNNK_OK;
    return snnk__fail(SNNK_E_UNSUPPORTED,
                      "seed, ridge, heldout_share or intercept of the two configs differ");
}

static int check_same(const snnk_leaves *leaves, const snnk_leaves *other) {
    bool same = snnk__tree_same(leaves->tree, other->tree);
    int st = SNNK_OK;

    if (leaves->outputs != other->outputs ||
        snnk_leaves_features(leaves) != snnk_leaves_features(other) ||
        snnk_leaves_inputs(leaves) != snnk_leaves_inputs(other))
        return snnk__fail(
            SNNK_E_SHAPE,
            "other has %zu inputs, %zu features and %zu outputs, but leaves have %zu, %zu and %zu",
            snnk_leaves_inputs(other), snnk_leaves_features(other), other->outputs,
            snnk_leaves_inputs(leaves), snnk_leaves_features(leaves), leaves->outputs);
    for (size_t k = 0; st == SNNK_OK && same && k < leaves->n; k++)
        st = snnk__same_map(leaves->leaves[k].features.map, other->leaves[k].features.map, &same);
    if (st != SNNK_OK || same) return st;
    return snnk__fail(SNNK_E_UNSUPPORTED,
                      "the leaves have different trees or features: create one of both by "
                      "snnk_leaves_create_empty from the other, or load it from a file of it");
}

static int check_merge(const snnk_leaves *leaves, const snnk_leaves *other) {
    int st;

    if ((st = snnk__check_pointer(leaves, "leaves")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(other, "other")) != SNNK_OK) return st;
    if (leaves == other) return snnk__fail(SNNK_E_OVERLAP, "other is leaves itself");
    if ((st = check_same(leaves, other)) != SNNK_OK) return st;
    if ((st = check_config(&leaves->config, &other->config)) != SNNK_OK) return st;
    if (leaves->kind != other->kind && leaves->rows > 0 && other->rows > 0)
        return snnk__fail(SNNK_E_STATE, "one of them was given labels, and the other targets");
    if (other->rows > UINT64_MAX - leaves->rows)
        return snnk__fail(SNNK_E_SIZE, "%llu + %llu rows overflow the 64-bit row count",
                          (unsigned long long)leaves->rows, (unsigned long long)other->rows);
    return SNNK_OK;
}

int snnk_leaves_merge(snnk_leaves *leaves, const snnk_leaves *other) {
    int st = check_merge(leaves, other);

    if (st != SNNK_OK || other->rows == 0) return st;
    for (size_t k = 0; st == SNNK_OK && k < leaves->n; k++) { /* sums of equal size: cannot fail */
        st = snnk_lstsq_merge(leaves->leaves[k].train, other->leaves[k].train);
        if (st == SNNK_OK)
            st = snnk_lstsq_merge(leaves->leaves[k].heldout, other->leaves[k].heldout);
    }
    if (st != SNNK_OK) return st;
    if (leaves->rows == 0) leaves->kind = other->kind;
    leaves->rows += other->rows;
    return SNNK_OK;
}
