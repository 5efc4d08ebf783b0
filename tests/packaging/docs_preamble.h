/* What the C blocks of README.md and docs/ may use without declaring it. tests/packaging/docs.sh
 * compiles each block after this file, inside a function; so a block may declare the same names
 * again, as its own. Only names that a reader understands without a declaration belong here. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <snnk/snnk.h>

/* Rows: n inputs X (n x d) with targets Y (n x l) or labels; n_test more. */
extern size_t n, n_test, d, l, m, t;
extern float *X, *X_test, *Y, *Y_test, *Phi;
extern int32_t *labels;
extern float *scores, *predicted;

/* A dense layer f(W x + b): W (l x d), b (l). */
extern float *W, *b;

/* Objects made in the text before. */
extern snnk_map *map;
extern snnk_fit *fit;
extern snnk_lstsq *lstsq;
extern snnk_rls *rls;
extern snnk_layer *layer, *hidden, *readout;
extern snnk_network *network;
extern snnk_workspace *workspace;
