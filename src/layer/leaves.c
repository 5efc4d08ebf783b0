/* Trees of leaves: y = sum over leaves of weight(x) leaf(x). A tree (tree.h) gives a row its
 * weights, most of which are 0, and only the leaves of the others run. */
#include "layer/leaves.h"

#include <string.h>

#include "base/size.h"
#include "layer/inner.h"
#include "layer/kinds.h"
#include "layer/layer_record.h"

/* How many rows are routed together: the more, the more of them arrive in one leaf. */
#define BLOCK_ROWS 512

static const snnk__leaves_layer *of(const snnk_layer *layer) {
    return (const snnk__leaves_layer *)layer;
}

const snnk__leaves_layer *snnk__leaves_of(const snnk_layer *layer) {
    return layer && layer->kind == &snnk__leaves_kind ? of(layer) : NULL;
}

static snnk__linearity linearity(const snnk_layer *layer) {
    (void)layer;
    return SNNK__NOT_LINEAR;
}

/* ---- Properties ---- */

static const snnk_layer *const *inner(const snnk_layer *layer, size_t *n) {
    *n = of(layer)->n_leaves;
    return of(layer)->leaves;
}

size_t snnk_layer_nodes(const snnk_layer *layer) {
    const snnk__leaves_layer *t = snnk__leaves_of(layer);

    return t ? t->tree.nodes : 0;
}

size_t snnk_layer_depth(const snnk_layer *layer) {
    const snnk__leaves_layer *t = snnk__leaves_of(layer);

    return t ? t->tree.depth : 0;
}

int snnk_layer_node(const snnk_layer *layer, size_t node, float *direction, double *threshold,
                    double *half_width, uint32_t *children) {
    const snnk__leaves_layer *t = snnk__leaves_of(layer);
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    if (!t)
        return snnk__fail(SNNK_E_UNSUPPORTED, "a %s layer has no nodes: only a tree of leaves does",
                          layer->kind->name);
    if (node >= t->tree.nodes)
        return snnk__fail(SNNK_E_RANGE, "node = %zu, but the tree has %zu nodes", node,
                          t->tree.nodes);
    if (direction)
        memcpy(direction, t->tree.directions + node * layer->inputs,
               layer->inputs * sizeof *direction);
    if (threshold) *threshold = t->tree.thresholds[node];
    if (half_width) *half_width = t->tree.half_widths[node];
    if (children) memcpy(children, t->tree.children + 2 * node, 2 * sizeof *children);
    return SNNK_OK;
}

/* ---- Creating ---- */

static int check_leaves(size_t n, const snnk_layer *const *leaves) {
    int st;

    if ((st = snnk__check_pointer(leaves, "leaves")) != SNNK_OK) return st;
    for (size_t k = 0; k < n; k++) {
        if (!leaves[k]) return snnk__fail(SNNK_E_NULL, "leaves[%zu] is NULL", k);
        if (leaves[k]->inputs != leaves[0]->inputs || leaves[k]->outputs != leaves[0]->outputs)
            return snnk__fail(
                SNNK_E_SHAPE,
                "leaves[%zu] maps %zu inputs to %zu outputs, but leaves[0] %zu to %zu", k,
                leaves[k]->inputs, leaves[k]->outputs, leaves[0]->inputs, leaves[0]->outputs);
    }
    return snnk__inner_check_nesting(n, leaves);
}

/* Create a layer from a checked tree, which it takes over on success, and checked leaves. */
static int leaves_create(snnk__tree *tree, const snnk_layer *const *leaves,
                         const snnk_allocator *allocator, snnk_layer **layer) {
    const size_t n = tree->nodes + 1;
    snnk_layer *base = NULL;
    int st;

    st = snnk__layer_alloc(&snnk__leaves_kind, sizeof(snnk__leaves_layer), leaves[0]->inputs,
                           leaves[0]->outputs, 0, snnk__inner_storage(n, leaves), allocator, &base);
    if (st != SNNK_OK) return st;
    snnk__leaves_layer *made = (snnk__leaves_layer *)base;
    st = snnk__alloc(allocator, n, sizeof *made->leaves, "leaves", &made->leaves);
    if (st != SNNK_OK) {
        snnk_layer_free(base);
        return st;
    }
    for (; made->n_leaves < n; made->n_leaves++)
        made->leaves[made->n_leaves] = snnk_layer_retain(leaves[made->n_leaves]);
    made->tree = *tree;
    *tree = (snnk__tree){.inputs = 0};
    base->nesting = snnk__inner_nesting(n, leaves);
    snnk__layer_finish(base);
    *layer = base;
    return SNNK_OK;
}

/* Check the caller's arrays of nodes. */
static int check_nodes(size_t nodes, size_t d, const float *directions, size_t ldv,
                       const double *thresholds, const double *half_widths,
                       const uint32_t *children) {
    int st;

    if (nodes == 0) return SNNK_OK;
    st = snnk__check_matrix(directions, "directions", nodes, d, ldv, sizeof *directions);
    if (st == SNNK_OK) st = snnk__check_pointer(thresholds, "thresholds");
    if (st == SNNK_OK) st = snnk__check_pointer(half_widths, "half_widths");
    if (st == SNNK_OK) st = snnk__check_pointer(children, "children");
    return st;
}

int snnk_layer_create_leaves(size_t nodes, const float *directions, size_t ldv,
                             const double *thresholds, const double *half_widths,
                             const uint32_t *children, const snnk_layer *const *leaves,
                             const snnk_allocator *allocator, snnk_layer **layer) {
    snnk_allocator ours;
    snnk__tree tree;
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    *layer = NULL;
    if (nodes > UINT32_MAX / 4)
        return snnk__fail(SNNK_E_SIZE, "%zu nodes are too many for one tree", nodes);
    if ((st = check_leaves(nodes + 1, leaves)) != SNNK_OK) return st;
    const size_t d = leaves[0]->inputs;
    st = check_nodes(nodes, d, directions, ldv, thresholds, half_widths, children);
    if (st != SNNK_OK) return st;
    if ((st = snnk__allocator_read(&ours, allocator)) != SNNK_OK) return st;
    st = snnk__tree_create(&ours, d, nodes, &tree);
    for (size_t k = 0; st == SNNK_OK && k < nodes; k++) {
        memcpy(tree.directions + k * d, directions + k * ldv, d * sizeof *directions);
        tree.thresholds[k] = thresholds[k];
        tree.half_widths[k] = half_widths[k];
        memcpy(tree.children + 2 * k, children + 2 * k, 2 * sizeof *children);
    }
    if (st == SNNK_OK) st = snnk__tree_finish(&ours, &tree);
    if (st == SNNK_OK) st = leaves_create(&tree, leaves, &ours, layer);
    snnk__tree_free(&ours, &tree);
    return st;
}

static void free_members(snnk_layer *layer) {
    snnk__leaves_layer *t = (snnk__leaves_layer *)layer;

    for (size_t k = 0; k < t->n_leaves; k++) snnk_layer_free((snnk_layer *)t->leaves[k]);
    snnk__free(&layer->allocator, t->leaves);
    snnk__tree_free(&layer->allocator, &t->tree);
}

/* ---- Cost ---- */

/* Floats of scratch before that of the leaves, to run `rows` rows in float: the tree's, gathered
 * inputs, and their outputs. */
static size_t own_work(const snnk__leaves_layer *t, size_t rows) {
    const size_t bytes = snnk__tree_scratch(&t->tree, rows), d = t->layer.inputs;
    size_t floats, all;

    if (bytes < SIZE_MAX - 16 && snnk__add_size(d, t->layer.outputs, &floats) &&
        snnk__mul_size(floats, rows, &floats) &&
        snnk__add_size(floats, bytes / sizeof(float) + 2, &all))
        return all;
    return SIZE_MAX;
}

static size_t work_of(const snnk__leaves_layer *t, size_t rows, size_t most) {
    size_t floats;

    return snnk__add_size(own_work(t, rows), most, &floats) ? floats : SIZE_MAX;
}

/* A row costs what the way to the most expensive leaf does. Rows in soft zones cost more. */
static void cost(const snnk_layer *layer, snnk__layer_cost *cost) {
    const snnk__leaves_layer *t = of(layer);
    const uint64_t way = (uint64_t)t->tree.depth * layer->inputs;
    size_t work = 0, split_work = 0;

    for (size_t k = 0; k < t->n_leaves; k++) {
        const snnk__layer_cost *of_leaf = &t->leaves[k]->cost;
        const uint64_t indivisible =
            t->leaves[k]->divisible ? of_leaf->indivisible : of_leaf->multiply_adds;

        snnk__inner_count(of_leaf->parameters, &cost->parameters);
        snnk__inner_count(of_leaf->weight_bytes, &cost->weight_bytes);
        if (of_leaf->multiply_adds > cost->multiply_adds)
            cost->multiply_adds = of_leaf->multiply_adds;
        if (indivisible > cost->indivisible) cost->indivisible = indivisible;
        work = snnk__max_size(work, of_leaf->work);
        split_work = snnk__max_size(split_work, of_leaf->split_work);
    }
    snnk__inner_count((uint64_t)t->tree.nodes * (layer->inputs + 2), &cost->parameters);
    snnk__inner_count((uint64_t)t->tree.nodes *
                          (layer->inputs * sizeof(float) + 2 * sizeof(double)),
                      &cost->weight_bytes);
    snnk__inner_count(way, &cost->multiply_adds);
    snnk__inner_count(way, &cost->indivisible);
    cost->work = work_of(t, BLOCK_ROWS, work);
    cost->split_work = work_of(t, 1, snnk__max_size(work, split_work));
}

/* ---- Forward ---- */

typedef struct pass {
    const snnk__leaves_layer *t;
    size_t n;
    const snnk__numbers *X;
    float *Y;
    size_t ldy;
    snnk_workspace *workspace; /* rows are divided between its threads; or NULL */
    void *gathered;            /* n x inputs, floats or doubles as X */
    float *outputs;            /* n x outputs */
    float *rest;               /* scratch of leaves */
} pass;

/* Run a leaf. */
static void run(const pass *p, const snnk_layer *leaf, size_t n, const snnk__numbers *X, float *Y,
                size_t ldy) {
    if (p->workspace) {
        snnk__layer_forward_split(leaf, n, X->f32, X->ld, Y, ldy, p->workspace, p->rest);
    } else if (X->f32) {
        leaf->kind->forward(leaf, n, X->f32, X->ld, Y, ldy, p->rest);
    } else {
        leaf->kind->sums(leaf, n, X, Y, ldy, p->rest);
        snnk__layer_add_bias(leaf, n, Y, ldy);
    }
}

/* Copy the inputs of the rows that arrived in a leaf. */
static snnk__numbers gather(const pass *p, size_t count, const uint32_t *rows) {
    const size_t d = p->t->layer.inputs;
    float *f32 = p->gathered;
    double *f64 = p->gathered;

    if (p->X->f32) {
        for (size_t k = 0; k < count; k++)
            memcpy(f32 + k * d, p->X->f32 + rows[k] * p->X->ld, d * sizeof *f32);
        return (snnk__numbers){.f32 = f32, .ld = d};
    }
    for (size_t k = 0; k < count; k++)
        memcpy(f64 + k * d, p->X->f64 + rows[k] * p->X->ld, d * sizeof *f64);
    return (snnk__numbers){.f64 = f64, .ld = d};
}

/* Add a leaf's share of the outputs of its rows. Those of weight 1 are in no other leaf. */
static void visit(void *context, size_t leaf, size_t count, const uint32_t *rows,
                  const double *weights) {
    const pass *p = context;
    const size_t l = p->t->layer.outputs;
    bool all = count == p->n;

    for (size_t k = 0; all && k < count; k++) all = weights[k] == 1;
    if (all) {
        run(p, p->t->leaves[leaf], count, p->X, p->Y, p->ldy);
        return;
    }
    const snnk__numbers X = gather(p, count, rows);
    run(p, p->t->leaves[leaf], count, &X, p->outputs, l);
    for (size_t k = 0; k < count; k++) {
        const float *from = p->outputs + k * l;
        float *to = p->Y + rows[k] * p->ldy;

        if (weights[k] == 1)
            memcpy(to, from, l * sizeof *to);
        else
            for (size_t j = 0; j < l; j++)
                to[j] = (float)((double)to[j] + weights[k] * (double)from[j]);
    }
}

/* Run n rows: at most BLOCK_ROWS on this thread, or any number for which `work` has room if they
 * are divided between threads. */
static void run_block(const snnk__leaves_layer *t, size_t n, const snnk__numbers *X, float *Y,
                      size_t ldy, snnk_workspace *workspace, float *work) {
    const size_t room = workspace ? n : BLOCK_ROWS, l = t->layer.outputs;
    float *aligned = (uintptr_t)work % sizeof(double) ? work + 1 : work;
    float *gathered = aligned + snnk__tree_scratch(&t->tree, room) / sizeof(float);
    pass p = {.t = t,
              .n = n,
              .X = X,
              .Y = Y,
              .ldy = ldy,
              .workspace = workspace,
              .gathered = gathered,
              .outputs = gathered + room * t->layer.inputs};

    p.rest = p.outputs + room * l;
    for (size_t i = 0; i < n; i++) memset(Y + i * ldy, 0, l * sizeof *Y);
    snnk__tree_route(&t->tree, n, X, aligned, visit, &p);
}

static void sums(const snnk_layer *layer, size_t n, const snnk__numbers *X, float *Y, size_t ldy,
                 float *work) {
    for (size_t i = 0; i < n; i += BLOCK_ROWS) {
        const snnk__numbers rows = snnk__numbers_from(X, i);

        run_block(of(layer), snnk__min_size(BLOCK_ROWS, n - i), &rows, Y + i * ldy, ldy, NULL,
                  work);
    }
}

static void forward(const snnk_layer *layer, size_t n, const float *X, size_t ldx, float *Y,
                    size_t ldy, float *work) {
    sums(layer, n, &(snnk__numbers){.f32 = X, .ld = ldx}, Y, ldy, work);
}

static void forward_split(const snnk_layer *layer, size_t n, const float *X, size_t ldx, float *Y,
                          size_t ldy, snnk_workspace *workspace, float *work) {
    run_block(of(layer), n, &(snnk__numbers){.f32 = X, .ld = ldx}, Y, ldy, workspace, work);
}

/* ---- Storage, files ---- */

static int quantize(const snnk_layer *layer, int32_t storage, snnk_layer **quantized) {
    const snnk__leaves_layer *t = of(layer);
    const snnk_allocator *allocator = &layer->allocator;
    snnk_layer **leaves;
    snnk__tree tree = {.inputs = 0};
    int st = snnk__inner_quantize(allocator, t->n_leaves, t->leaves, storage, &leaves);

    if (st == SNNK_OK) st = snnk__tree_copy(allocator, &t->tree, &tree);
    if (st == SNNK_OK)
        st = leaves_create(&tree, (const snnk_layer *const *)leaves, allocator, quantized);
    snnk__tree_free(allocator, &tree);
    snnk__inner_release(allocator, t->n_leaves, leaves);
    return st;
}

static void save(const snnk_layer *layer, snnk__sink *sink) {
    const snnk__leaves_layer *t = of(layer);

    snnk__tree_write(&t->tree, sink);
    snnk__layers_write(t->leaves, t->n_leaves, sink);
}

/* Check leaves from a file, which come with this tree. */
static int check_loaded(size_t n, const snnk_layer *const *leaves, size_t inputs, size_t outputs) {
    const int st = check_leaves(n, leaves);

    if (st != SNNK_OK) return SNNK_E_FORMAT;
    if (leaves[0]->inputs == inputs && leaves[0]->outputs == outputs) return SNNK_OK;
    return snnk__fail(SNNK_E_FORMAT,
                      "a tree maps %zu inputs to %zu outputs, but its leaves %zu to %zu", inputs,
                      outputs, leaves[0]->inputs, leaves[0]->outputs);
}

static int load(const snnk__source *source, size_t inputs, size_t outputs, snnk_layer **layer) {
    const snnk_allocator *allocator = source->allocator;
    snnk__tree tree = {.inputs = 0};
    snnk_layer **leaves = NULL;
    size_t n = 0;
    int st;

    if ((st = snnk__inner_check_source(source)) != SNNK_OK) return st;
    if ((st = snnk__layers_count(source, &n)) != SNNK_OK) return st;
    st = snnk__tree_read(source, inputs, n, &tree);
    if (st == SNNK_OK) st = snnk__inner_read(source, &n, &leaves);
    if (st == SNNK_OK) st = check_loaded(n, (const snnk_layer *const *)leaves, inputs, outputs);
    if (st == SNNK_OK)
        st = leaves_create(&tree, (const snnk_layer *const *)leaves, allocator, layer);
    snnk__tree_free(allocator, &tree);
    snnk__inner_release(allocator, n, leaves);
    return st;
}

const snnk__layer_kind snnk__leaves_kind = {
    .value = SNNK_LAYER_LEAVES,
    .name = "leaves",
    .free = free_members,
    .cost = cost,
    .forward = forward,
    .forward_split = forward_split,
    .sums = sums,
    .inner = inner,
    .linearity = linearity,
    .quantize = quantize,
    .save = save,
    .load = load,
};
