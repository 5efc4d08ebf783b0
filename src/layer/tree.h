/* Binary trees that route rows to leaves. A node looks at z = v . x - threshold, and gives the
 * share s(z) of a row to its upper child, the rest to its lower one:
 *
 *     s = 0 for z <= -h, 1 for z >= h, and u^2 (3 - 2 u), u = (z/h + 1)/2, between; h = half_width
 *
 * The weight of a row in a leaf is the product of the shares on its way. Outside the soft zones
 * (|z| < h) it is exactly 0 or 1. */
#ifndef SNNK_LAYER_TREE_H
#define SNNK_LAYER_TREE_H

#include "base/memory.h"
#include "base/record.h"
#include "base/rows.h"

/* How deep trees may be. Routing recurses, and a file must not choose how much stack it uses. */
#define SNNK__TREE_DEPTH 32

typedef struct snnk__tree {
    size_t inputs, nodes; /* there are nodes + 1 leaves */
    size_t depth;         /* the most nodes on the way to a leaf */
    float *directions;    /* v: nodes x inputs */
    double *thresholds;   /* nodes */
    double *half_widths;  /* nodes, >= 0 */
    uint32_t *children;   /* nodes x 2, lower and upper: the number of a later node, or nodes + the
                           * number of a leaf */
} snnk__tree;

/* Allocate a tree with room for this many nodes. Free it also after a failure. SNNK_E_SIZE,
 * SNNK_E_NOMEM. */
int snnk__tree_create(const snnk_allocator *allocator, size_t inputs, size_t nodes,
                      snnk__tree *tree);

/* The same tree again. */
int snnk__tree_copy(const snnk_allocator *allocator, const snnk__tree *from, snnk__tree *tree);

void snnk__tree_free(const snnk_allocator *allocator, snnk__tree *tree);

/* Check the numbers of a tree, and that every node but the first, and every leaf, is the child of
 * exactly one node before it; count its depth. SNNK_E_NONFINITE, SNNK_E_RANGE, SNNK_E_NOMEM. */
int snnk__tree_finish(const snnk_allocator *allocator, snnk__tree *tree);

/* Whether two trees route all rows alike. */
bool snnk__tree_same(const snnk__tree *a, const snnk__tree *b);

/* v . x of row i, in double, always summed in the same order. */
double snnk__tree_look(const snnk__tree *tree, size_t node, const snnk__numbers *X, size_t i);

/* Bytes of scratch to route n rows at once; SIZE_MAX if the count overflows. */
size_t snnk__tree_scratch(const snnk__tree *tree, size_t n);

/* Rows that arrive in a leaf: which of the routed ones, in increasing order, and their weights,
 * above 0. */
typedef void (*snnk__tree_visit)(void *context, size_t leaf, size_t count, const uint32_t *rows,
                                 const double *weights);

/* Route n < 2^32 rows, and visit the leaves in which some arrive, in increasing order of the leaf's
 * place in the tree. A row in which z is NaN goes to the lower child.
 *   scratch  snnk__tree_scratch(tree, n) bytes, aligned for doubles */
void snnk__tree_route(const snnk__tree *tree, size_t n, const snnk__numbers *X, void *scratch,
                      snnk__tree_visit visit, void *context);

/* Write the tree to a record, and read one with this many inputs and leaves from it. Free the tree
 * also after a failure. Statuses of snnk_network_load. */
void snnk__tree_write(const snnk__tree *tree, snnk__sink *sink);
int snnk__tree_read(const snnk__source *source, size_t inputs, size_t leaves, snnk__tree *tree);

#endif
