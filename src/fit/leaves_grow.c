/* Growing a tree of leaves: nodes are split at medians along learnt directions, and each leaf gets
 * features. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/size.h"
#include "base/workspace.h"
#include "fit/directions.h"
#include "fit/gathered.h"
#include "fit/leaves.h"
#include "solve/eigen.h"

/* The most rows that the direction of a split, and the features of a leaf, are learnt from. */
#define SPLIT_ROWS 8192
#define LEAF_ROWS  16384

/* What the direction of a split is learnt with. */
#define SPLIT_FEATURES 256
#define SPLIT_ROUNDS   2

/* Each side of a split has at least this share of the node's rows. */
#define LEAST_SIDE (1.0 / 16)

/* Costs of the stages, roughly. */
#define SPLIT_COST 1
#define LEAF_COST  4

typedef struct node {
    float *direction;
    double threshold, half_width;
    int64_t children[2]; /* a node, or -1 - the number of a leaf */
} node;

/* The rows of a leaf: a range of grower.order. */
typedef struct range {
    size_t first, count;
} range;

typedef struct grower {
    const snnk_allocator *allocator;
    const snnk_rows *rows;
    size_t outputs, d;
    const snnk_leaves_config *config;
    const snnk_map_config *map;
    snnk_workspace *workspace;
    snnk__progress *progress;
    snnk__gathered sample;
    uint32_t *order; /* n: the rows, those of a node next to one another */
    uint32_t *drawn; /* n: scratch of a sample */
    double *looks;   /* n: v . x of the rows of the current node, in their order */
    double *sorted;  /* n: scratch */
    double *M;       /* d x d */
    double *values;  /* d: eigenvalues, then scales */
    node *nodes;
    size_t n_nodes, node_room;
    range *leaves;
    size_t n_leaves, leaf_room;
} grower;

static void grower_free(const grower *g) {
    for (size_t k = 0; k < g->n_nodes; k++) snnk__free(g->allocator, g->nodes[k].direction);
    snnk__free(g->allocator, g->nodes);
    snnk__free(g->allocator, g->leaves);
    snnk__free(g->allocator, g->order);
    snnk__free(g->allocator, g->drawn);
    snnk__free(g->allocator, g->looks);
    snnk__free(g->allocator, g->sorted);
    snnk__free(g->allocator, g->M);
    snnk__free(g->allocator, g->values);
    snnk__gathered_free(g->allocator, &g->sample);
}

static int grower_alloc(grower *g) {
    const size_t n = g->rows->n, d = g->d;
    int st = snnk__gathered_alloc(g->allocator, g->rows, snnk__min_size(n, LEAF_ROWS), &g->sample);

    if (st == SNNK_OK) st = snnk__alloc(g->allocator, n, sizeof *g->order, "rows", &g->order);
    if (st == SNNK_OK) st = snnk__alloc(g->allocator, n, sizeof *g->drawn, "rows", &g->drawn);
    if (st == SNNK_OK) st = snnk__alloc(g->allocator, n, sizeof *g->looks, "rows", &g->looks);
    if (st == SNNK_OK) st = snnk__alloc(g->allocator, n, sizeof *g->sorted, "rows", &g->sorted);
    if (st == SNNK_OK) st = snnk__alloc(g->allocator, d * d, sizeof *g->M, "M, d x d", &g->M);
    if (st == SNNK_OK) st = snnk__alloc(g->allocator, d, sizeof *g->values, "values", &g->values);
    for (size_t i = 0; st == SNNK_OK && i < n; i++) g->order[i] = (uint32_t)i;
    return st;
}

/* Make room for one more element of a growing array. */
static int make_room(const snnk_allocator *allocator, size_t count, size_t bytes, size_t *room,
                     void *array) {
    const size_t more = *room ? 2 * *room : 8;
    void *old, *larger;
    int st;

    if (count < *room) return SNNK_OK;
    if ((st = snnk__alloc(allocator, more, bytes, "the tree", &larger)) != SNNK_OK) return st;
    memcpy(&old, array, sizeof old);
    if (count > 0) memcpy(larger, old, count * bytes);
    snnk__free(allocator, old);
    memcpy(array, &larger, sizeof larger);
    *room = more;
    return SNNK_OK;
}

/* ---- Samples ---- */

/* Copy at most `most` rows of a range: the first steps of a shuffle.
 *   which  tells draws apart */
static snnk_rows draw(const grower *g, const range *from, size_t most, uint64_t which) {
    const size_t count = snnk__min_size(from->count, most);

    memcpy(g->drawn, g->order + from->first, from->count * sizeof *g->drawn);
    for (size_t i = 0; count < from->count && i < count; i++) {
        double u;

        snnk__random_uniform(g->config->seed + which, SNNK__STREAM_SAMPLE, i, 0, 1, &u);
        const size_t left = from->count - i;
        const size_t j = i + snnk__min_size((size_t)(u * (double)left), left - 1);
        const uint32_t kept = g->drawn[i];

        g->drawn[i] = g->drawn[j];
        g->drawn[j] = kept;
    }
    return snnk__gathered_take(&g->sample, g->rows, count, g->drawn, NULL);
}

static int learn_scaling(const grower *g, const snnk_rows *rows, snnk_scaling **scaling) {
    int st = snnk_scaling_create(g->d, g->config->scaling, g->allocator, scaling);

    return st == SNNK_OK ? snnk_scaling_add(*scaling, rows) : st;
}

/* ---- Splits ---- */

/* Set v to the first eigenvector of M, as it acts on raw inputs, with its largest entry positive.
 * *constant: there is none, or it is no float. */
static int first_direction(const grower *g, const snnk_rows *sample, float *v, bool *constant) {
    const double *first = g->M + (g->d - 1) * g->d;
    snnk_scaling *scaling = NULL;
    double largest = 0, sign = 1;
    int st = snnk__eigenvectors(g->allocator, g->d, 'U', g->M, g->values, NULL);

    *constant = st == SNNK_OK && !(g->values[g->d - 1] > 0);
    if (st == SNNK_OK && !*constant) st = learn_scaling(g, sample, &scaling);
    if (st == SNNK_OK && !*constant) st = snnk_scaling_get(scaling, NULL, g->values);
    for (size_t j = 0; st == SNNK_OK && j < g->d; j++)
        if (fabs(first[j]) > largest) {
            largest = fabs(first[j]);
            sign = first[j] < 0 ? -1 : 1;
        }
    for (size_t j = 0; st == SNNK_OK && !*constant && j < g->d; j++) {
        v[j] = (float)(sign * first[j] * g->values[j]);
        *constant |= !isfinite(v[j]);
    }
    snnk_scaling_free(scaling);
    return st;
}

/* Whether a status says that there is too little in some rows to learn directions from. */
static bool too_little(int st) { return st == SNNK_E_STATE || st == SNNK_E_SINGULAR; }

/* Learn the direction v in which the targets change most in a node. */
static int find_direction(const grower *g, const range *r, float *v, bool *constant) {
    const snnk_rows sample = draw(g, r, SPLIT_ROWS, 1 + 2 * (uint64_t)g->n_nodes);
    snnk_directions_config config;
    snnk__sentence before;
    snnk_layer *layer = NULL;
    int st = snnk_directions_config_init(&config, sizeof config);

    snnk__sentence_save(&before);
    snnk__progress_begin_stage(g->progress, SPLIT_COST);
    config.rounds = SPLIT_ROUNDS;
    config.features = SPLIT_FEATURES;
    config.seed = g->config->seed;
    config.scaling = g->config->scaling;
    config.allocator = g->allocator;
    if (st == SNNK_OK)
        st = snnk_fit_directions(&sample, g->outputs, &config, g->workspace, NULL, NULL, g->M, g->d,
                                 &layer);
    snnk_layer_free(layer);
    *constant = too_little(st);
    if (*constant) return snnk__recovered(SNNK_OK, &before);
    return st == SNNK_OK ? first_direction(g, &sample, v, constant) : st;
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Find the threshold nearest to the median that has enough rows on both sides. Returns whether
 * there is one. */
static bool find_threshold(const grower *g, size_t n, double *threshold) {
    const size_t least = snnk__max_size(1, (size_t)ceil((double)n * LEAST_SIDE));

    memcpy(g->sorted, g->looks, n * sizeof *g->sorted);
    qsort(g->sorted, n, sizeof *g->sorted, compare);
    for (size_t off = 0; off <= n / 2; off++)
        for (size_t side = 0; side < 2; side++) {
            const size_t k = side ? n / 2 + off : n / 2 - off; /* rows below */

            if (k < least || n - k < least || !(g->sorted[k - 1] < g->sorted[k])) continue;
            *threshold = g->sorted[k - 1] + (g->sorted[k] - g->sorted[k - 1]) / 2;
            if (!(*threshold > g->sorted[k - 1])) *threshold = g->sorted[k];
            return isfinite(*threshold);
        }
    return false;
}

/* The distance from the threshold within which the soft share of the rows is. */
static double find_half_width(const grower *g, size_t n, double threshold) {
    const size_t soft = (size_t)(g->config->softness * (double)n);

    if (soft == 0) return 0;
    for (size_t k = 0; k < n; k++) g->sorted[k] = fabs(g->looks[k] - threshold);
    qsort(g->sorted, n, sizeof *g->sorted, compare);
    return isfinite(g->sorted[soft - 1]) ? g->sorted[soft - 1] : 0;
}

/* Look at the rows of a node along v. */
static void look(const grower *g, const range *r, float *v) {
    const snnk__tree one = {.inputs = g->d, .nodes = 1, .directions = v};
    const snnk__numbers X = snnk__rows_inputs(g->rows);

    for (size_t k = 0; k < r->count; k++)
        g->looks[k] = snnk__tree_look(&one, 0, &X, g->order[r->first + k]);
}

/* Sort the rows of a node into those below the threshold, and the others. Returns how many are
 * below. */
static size_t part(const grower *g, const range *r, double threshold) {
    uint32_t *to = g->order + r->first;
    size_t below = 0, above = 0;

    for (size_t k = 0; k < r->count; k++)
        if (g->looks[k] < threshold)
            to[below++] = to[k];
        else
            g->drawn[above++] = to[k];
    memcpy(to + below, g->drawn, above * sizeof *to);
    return below;
}

static int add_leaf(grower *g, const range *r, int64_t *place) {
    const int st =
        make_room(g->allocator, g->n_leaves, sizeof *g->leaves, &g->leaf_room, &g->leaves);

    if (st != SNNK_OK) return st;
    *place = -1 - (int64_t)g->n_leaves;
    g->leaves[g->n_leaves++] = *r;
    return SNNK_OK;
}

/* Find the split of a node. *constant: there is none. The caller frees *v, also after a failure. */
static int find_split(const grower *g, const range *r, node *made, bool *constant) {
    int st =
        snnk__alloc(g->allocator, g->d, sizeof *made->direction, "a direction", &made->direction);

    if (st == SNNK_OK) st = find_direction(g, r, made->direction, constant);
    if (st != SNNK_OK || *constant) return st;
    look(g, r, made->direction);
    *constant = !find_threshold(g, r->count, &made->threshold);
    if (!*constant) made->half_width = find_half_width(g, r->count, made->threshold);
    return SNNK_OK;
}

/* Grow the part of the tree below these rows. */
static int grow(grower *g, const range *r, size_t depth, int64_t *place) {
    node made = {.direction = NULL};
    bool constant = false;
    int st;

    if (r->count <= g->config->leaf_rows || depth == SNNK__TREE_DEPTH) return add_leaf(g, r, place);
    st = find_split(g, r, &made, &constant);
    if (st == SNNK_OK && !constant)
        st = make_room(g->allocator, g->n_nodes, sizeof *g->nodes, &g->node_room, &g->nodes);
    if (st != SNNK_OK || constant) {
        snnk__free(g->allocator, made.direction);
        return st == SNNK_OK ? add_leaf(g, r, place) : st;
    }
    const size_t below = part(g, r, made.threshold), at = g->n_nodes++;
    const range sides[2] = {{r->first, below}, {r->first + below, r->count - below}};

    g->nodes[at] = made;
    *place = (int64_t)at;
    for (size_t side = 0; st == SNNK_OK && side < 2; side++) {
        int64_t child = 0;

        st = grow(g, &sides[side], depth + 1, &child);
        g->nodes[at].children[side] = child; /* the array may have moved */
    }
    return st;
}

/* ---- Leaves ---- */

/* Make features that look in all directions alike. */
static int plain_map(const grower *g, const snnk_rows *sample, const snnk_map_config *config,
                     snnk_map **map) {
    snnk_scaling *scaling = NULL;
    int st = learn_scaling(g, sample, &scaling);

    if (st == SNNK_OK) st = snnk_map_create(g->d, config, scaling, map);
    snnk_scaling_free(scaling);
    return st;
}

/* Make the features of a leaf. */
static int leaf_map(const grower *g, size_t k, snnk_map **map) {
    const snnk_rows sample = draw(g, &g->leaves[k], LEAF_ROWS, 2 + 2 * (uint64_t)k);
    snnk_map_config own = *g->map;
    snnk_directions_config config;
    snnk__sentence before;
    snnk_layer *layer = NULL;
    int st = snnk_directions_config_init(&config, sizeof config);

    snnk__progress_begin_stage(g->progress, LEAF_COST);
    own.seed += k;
    if (st != SNNK_OK || g->config->rounds == 0) return plain_map(g, &sample, &own, map);
    snnk__sentence_save(&before);
    config.rounds = g->config->rounds;
    config.seed = g->config->seed;
    config.map = &own;
    config.ridge = SNNK_RIDGE_AUTO;
    config.heldout_share = g->config->heldout_share;
    config.scaling = g->config->scaling;
    st = snnk_fit_directions(&sample, g->outputs, &config, g->workspace, NULL, NULL, NULL, 0,
                             &layer);
    if (st == SNNK_OK) *map = snnk_map_retain(snnk_layer_map(layer));
    snnk_layer_free(layer);
    if (too_little(st)) return snnk__recovered(plain_map(g, &sample, &own, map), &before);
    return st;
}

static int leaf_tower(const grower *g, size_t k, snnk_layer **tower) {
    snnk_map *map = NULL;
    int st = leaf_map(g, k, &map);

    if (st == SNNK_OK) st = snnk_layer_create_tower(map, tower);
    snnk_map_free(map);
    return st;
}

/* ---- The tree ---- */

/* Put the nodes together with the towers of the leaves. */
static int assemble(const grower *g, const snnk_layer *const *towers, snnk_layer **layer) {
    snnk__tree tree;
    int st = snnk__tree_create(g->allocator, g->d, g->n_nodes, &tree);

    for (size_t k = 0; st == SNNK_OK && k < g->n_nodes; k++) {
        const node *from = &g->nodes[k];

        memcpy(tree.directions + k * g->d, from->direction, g->d * sizeof *from->direction);
        tree.thresholds[k] = from->threshold;
        tree.half_widths[k] = from->half_width;
        for (size_t side = 0; side < 2; side++) {
            const int64_t child = from->children[side];

            tree.children[2 * k + side] =
                (uint32_t)(child >= 0 ? (size_t)child : g->n_nodes + (size_t)(-1 - child));
        }
    }
    if (st == SNNK_OK)
        st = snnk_layer_create_leaves(g->n_nodes, tree.directions, g->d, tree.thresholds,
                                      tree.half_widths, tree.children, towers, g->allocator, layer);
    snnk__tree_free(g->allocator, &tree);
    return st;
}

static int run(grower *g, snnk_layer **layer) {
    const range all = {0, g->rows->n};
    snnk_layer **towers = NULL;
    int64_t root = 0;
    int st = grow(g, &all, 0, &root);

    if (st == SNNK_OK)
        st = snnk__alloc_zero(g->allocator, g->n_leaves, sizeof *towers, "leaves", &towers);
    for (size_t k = 0; st == SNNK_OK && k < g->n_leaves; k++) st = leaf_tower(g, k, &towers[k]);
    if (st == SNNK_OK) st = assemble(g, (const snnk_layer *const *)towers, layer);
    for (size_t k = 0; towers && k < g->n_leaves; k++) snnk_layer_free(towers[k]);
    snnk__free(g->allocator, towers);
    return st;
}

int snnk__leaves_grow(const snnk_allocator *allocator, const snnk_rows *rows, size_t outputs,
                      const snnk_leaves_config *config, const snnk_map_config *map,
                      snnk_workspace *workspace, snnk_layer **towers) {
    const double leaves = 1.5 * (double)rows->n / (double)config->leaf_rows + 1;
    snnk__work work;
    grower g = {.allocator = allocator,
                .rows = rows,
                .outputs = outputs,
                .d = rows->inputs,
                .config = config,
                .map = map,
                .workspace = workspace,
                .progress = &work.progress};
    int st;

    snnk__work_begin(workspace, leaves * (SPLIT_COST + LEAF_COST), &work);
    st = grower_alloc(&g);
    if (st == SNNK_OK) st = run(&g, towers);
    if (st == SNNK_OK) st = snnk__progress_finish(&work.progress);
    if (st != SNNK_OK) {
        snnk_layer_free(*towers);
        *towers = NULL;
    }
    snnk__work_end(&work);
    grower_free(&g);
    return st;
}
