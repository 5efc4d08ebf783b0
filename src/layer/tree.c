#include "layer/tree.h"

#include <math.h>
#include <string.h>

#include "base/size.h"

/* ---- Creating ---- */

int snnk__tree_create(const snnk_allocator *allocator, size_t inputs, size_t nodes,
                      snnk__tree *tree) {
    size_t count;
    int st;

    *tree = (snnk__tree){.inputs = inputs, .nodes = nodes};
    if (nodes == 0) return SNNK_OK;
    if (nodes > UINT32_MAX / 4 || !snnk__mul_size(nodes, inputs, &count))
        return snnk__fail(SNNK_E_SIZE, "%zu nodes with %zu inputs are too many", nodes, inputs);
    st = snnk__alloc(allocator, count, sizeof(float), "directions", &tree->directions);
    if (st == SNNK_OK)
        st = snnk__alloc(allocator, nodes, sizeof(double), "thresholds", &tree->thresholds);
    if (st == SNNK_OK)
        st = snnk__alloc(allocator, nodes, sizeof(double), "half widths", &tree->half_widths);
    if (st == SNNK_OK)
        st = snnk__alloc(allocator, 2 * nodes, sizeof(uint32_t), "children", &tree->children);
    return st;
}

int snnk__tree_copy(const snnk_allocator *allocator, const snnk__tree *from, snnk__tree *tree) {
    const int st = snnk__tree_create(allocator, from->inputs, from->nodes, tree);

    if (st != SNNK_OK || from->nodes == 0) return st;
    memcpy(tree->directions, from->directions,
           from->nodes * from->inputs * sizeof *tree->directions);
    memcpy(tree->thresholds, from->thresholds, from->nodes * sizeof *tree->thresholds);
    memcpy(tree->half_widths, from->half_widths, from->nodes * sizeof *tree->half_widths);
    memcpy(tree->children, from->children, 2 * from->nodes * sizeof *tree->children);
    tree->depth = from->depth;
    return SNNK_OK;
}

void snnk__tree_free(const snnk_allocator *allocator, snnk__tree *tree) {
    snnk__free(allocator, tree->directions);
    snnk__free(allocator, tree->thresholds);
    snnk__free(allocator, tree->half_widths);
    snnk__free(allocator, tree->children);
    *tree = (snnk__tree){.inputs = 0};
}

static int check_numbers(const snnk__tree *tree) {
    for (size_t k = 0; k < tree->nodes; k++) {
        const float *v = tree->directions + k * tree->inputs;
        const double h = tree->half_widths[k];

        for (size_t j = 0; j < tree->inputs; j++)
            if (!isfinite(v[j]))
                return snnk__fail(SNNK_E_NONFINITE, "directions[%zu][%zu] = %g is not finite", k, j,
                                  (double)v[j]);
        if (!isfinite(tree->thresholds[k]))
            return snnk__fail(SNNK_E_NONFINITE, "thresholds[%zu] = %g is not finite", k,
                              tree->thresholds[k]);
        if (!isfinite(h))
            return snnk__fail(SNNK_E_NONFINITE, "half_widths[%zu] = %g is not finite", k, h);
        if (h < 0) return snnk__fail(SNNK_E_RANGE, "half_widths[%zu] = %g is below 0", k, h);
    }
    return SNNK_OK;
}

/* levels: how many nodes are above each node and leaf; 0 where it has no parent yet. */
static int count_levels(snnk__tree *tree, uint32_t *levels) {
    for (size_t k = 0; k < tree->nodes; k++)
        for (size_t side = 0; side < 2; side++) {
            const uint32_t child = tree->children[2 * k + side];

            if (child <= k || child > 2 * tree->nodes)
                return snnk__fail(SNNK_E_RANGE,
                                  "children[%zu][%zu] = %lu is neither a node after this one nor a "
                                  "leaf: %zu ... %zu",
                                  k, side, (unsigned long)child, k + 1, 2 * tree->nodes);
            if (levels[child] > 0)
                return snnk__fail(SNNK_E_RANGE, "children[%zu][%zu] = %lu has two parents", k, side,
                                  (unsigned long)child);
            levels[child] = levels[k] + 1;
            tree->depth = snnk__max_size(tree->depth, levels[child]);
        }
    /* 2 nodes children, each with another number of 1 ... 2 nodes: all have a parent. */
    if (tree->depth <= SNNK__TREE_DEPTH) return SNNK_OK;
    return snnk__fail(SNNK_E_RANGE, "a tree %zu nodes deep: at most %d", tree->depth,
                      SNNK__TREE_DEPTH);
}

int snnk__tree_finish(const snnk_allocator *allocator, snnk__tree *tree) {
    uint32_t *levels;
    int st;

    tree->depth = 0;
    if ((st = check_numbers(tree)) != SNNK_OK) return st;
    st = snnk__alloc_zero(allocator, 2 * tree->nodes + 1, sizeof *levels, "levels", &levels);
    if (st == SNNK_OK) st = count_levels(tree, levels);
    snnk__free(allocator, levels);
    return st;
}

static bool same_bytes(const void *a, const void *b, size_t bytes) {
    return bytes == 0 || memcmp(a, b, bytes) == 0;
}

bool snnk__tree_same(const snnk__tree *a, const snnk__tree *b) {
    const size_t n = a->nodes;

    return a->inputs == b->inputs && n == b->nodes &&
           same_bytes(a->directions, b->directions, n * a->inputs * sizeof *a->directions) &&
           same_bytes(a->thresholds, b->thresholds, n * sizeof *a->thresholds) &&
           same_bytes(a->half_widths, b->half_widths, n * sizeof *a->half_widths) &&
           same_bytes(a->children, b->children, 2 * n * sizeof *a->children);
}

/* ---- Routing ---- */

#define LANES 4

double snnk__tree_look(const snnk__tree *tree, size_t node, const snnk__numbers *X, size_t i) {
    const size_t d = tree->inputs, whole = d - d % LANES;
    const float *v = tree->directions + node * d;
    double sums[LANES] = {0};

    if (X->f32) {
        const float *x = X->f32 + i * X->ld;

        for (size_t j = 0; j < whole; j += LANES)
            for (size_t k = 0; k < LANES; k++) sums[k] += (double)v[j + k] * (double)x[j + k];
        for (size_t j = whole; j < d; j++) sums[j - whole] += (double)v[j] * (double)x[j];
    } else {
        const double *x = X->f64 + i * X->ld;

        for (size_t j = 0; j < whole; j += LANES)
            for (size_t k = 0; k < LANES; k++) sums[k] += (double)v[j + k] * x[j + k];
        for (size_t j = whole; j < d; j++) sums[j - whole] += (double)v[j] * x[j];
    }
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/* The share of a row that goes to the upper child. */
static double upper_share(const snnk__tree *tree, size_t node, const snnk__numbers *X, size_t i) {
    const double z = snnk__tree_look(tree, node, X, i) - tree->thresholds[node];
    const double h = tree->half_widths[node];

    if (z >= h) return 1;
    if (!(z > -h)) return 0; /* also NaN */
    const double u = 0.5 * (z / h + 1);
    return fmin(u * u * (3 - 2 * u), 1);
}

/* A list of rows, for each level of the tree. */
typedef struct level {
    double *weights, *shares; /* of the rows; and what their node gives to the upper child */
    uint32_t *rows;
} level;

typedef struct routing {
    const snnk__tree *tree;
    const snnk__numbers *X;
    size_t n;
    double *scratch;
    snnk__tree_visit visit;
    void *context;
} routing;

/* Doubles of a level: two of each row, and half a one for its number. */
static size_t level_doubles(size_t n) { return 2 * n + n / 2 + 1; }

static level level_at(const routing *r, size_t depth) {
    double *at = r->scratch + depth * level_doubles(r->n);

    return (level){at, at + r->n, (uint32_t *)(void *)(at + 2 * r->n)};
}

/* Route the rows of a level from a node or a leaf on. */
static void descend(const routing *r, uint32_t place, size_t depth, size_t count) {
    const level here = level_at(r, depth), below = level_at(r, depth + 1);
    const size_t nodes = r->tree->nodes;

    if (count == 0) return;
    if (place >= nodes) {
        r->visit(r->context, place - nodes, count, here.rows, here.weights);
        return;
    }
    for (size_t k = 0; k < count; k++)
        here.shares[k] = upper_share(r->tree, place, r->X, here.rows[k]);
    for (size_t side = 0; side < 2; side++) {
        size_t n = 0;

        for (size_t k = 0; k < count; k++) {
            const double share = side ? here.shares[k] : 1 - here.shares[k];
            const double weight = here.weights[k] * share;

            if (!(weight > 0)) continue;
            below.rows[n] = here.rows[k];
            below.weights[n++] = weight;
        }
        descend(r, r->tree->children[2 * place + side], depth + 1, n);
    }
}

size_t snnk__tree_scratch(const snnk__tree *tree, size_t n) {
    size_t bytes;

    /* One level more than there are: `below` of a leaf is computed, but not used. */
    if (n < SIZE_MAX / 4 &&
        snnk__mul_size(level_doubles(n), (tree->depth + 2) * sizeof(double), &bytes))
        return bytes;
    return SIZE_MAX;
}

void snnk__tree_route(const snnk__tree *tree, size_t n, const snnk__numbers *X, void *scratch,
                      snnk__tree_visit visit, void *context) {
    const routing r = {tree, X, n, scratch, visit, context};
    const level all = level_at(&r, 0);

    for (size_t i = 0; i < n; i++) {
        all.rows[i] = (uint32_t)i;
        all.weights[i] = 1;
    }
    descend(&r, 0, 0, n);
}

/* ---- Files ---- */

static snnk__array directions_of(const snnk__tree *tree) {
    return snnk__array_2("directions", SNNK__ELEMENT_F32, tree->nodes, tree->inputs);
}

void snnk__tree_write(const snnk__tree *tree, snnk__sink *sink) {
    const size_t n = tree->nodes;

    sink->count(sink, "nodes", n);
    if (n == 0) return;
    snnk__write_array(sink, directions_of(tree), tree->directions);
    snnk__write_array(sink, snnk__array_1("thresholds", SNNK__ELEMENT_F64, n), tree->thresholds);
    snnk__write_array(sink, snnk__array_1("half_widths", SNNK__ELEMENT_F64, n), tree->half_widths);
    snnk__write_array(sink, snnk__array_2("children", SNNK__ELEMENT_U32, n, 2), tree->children);
}

int snnk__tree_read(const snnk__source *source, size_t inputs, size_t leaves, snnk__tree *tree) {
    size_t n = 0;
    int st;

    *tree = (snnk__tree){.inputs = inputs};
    if ((st = snnk__read_count(source, "nodes", &n)) != SNNK_OK) return st;
    if (n + 1 != leaves)
        return snnk__fail(SNNK_E_FORMAT, "%zu nodes have %zu leaves, but there are %zu layers", n,
                          n + 1, leaves);
    if (n == 0) return SNNK_OK;
    tree->nodes = n;
    if ((st = snnk__find_array(source, directions_of(tree))) != SNNK_OK) return st;
    if ((st = snnk__tree_create(source->allocator, inputs, n, tree)) != SNNK_OK) return st;
    st = snnk__read_array(source, directions_of(tree), tree->directions);
    if (st == SNNK_OK)
        st = snnk__read_array(source, snnk__array_1("thresholds", SNNK__ELEMENT_F64, n),
                              tree->thresholds);
    if (st == SNNK_OK)
        st = snnk__read_array(source, snnk__array_1("half_widths", SNNK__ELEMENT_F64, n),
                              tree->half_widths);
    if (st == SNNK_OK)
        st = snnk__read_array(source, snnk__array_2("children", SNNK__ELEMENT_U32, n, 2),
                              tree->children);
    if (st == SNNK_OK) st = snnk__tree_finish(source->allocator, tree);
    return st == SNNK_E_RANGE ? SNNK_E_FORMAT : st;
}
