/* Layers: what a network is made of.
 *
 *     DENSE     y = f(W x + b)           d l multiply-adds for a row of d inputs and l outputs
 *     SNNK      y = Psi Phi(x) + bias    about m (d + l) for m features
 *     TOWER     y = Phi(x)               about m d, outputs l = m
 *     RESIDUAL  y = x + s f(x)           those of the layers f, and d; outputs l = d
 *               y = x (1 + s f(x))
 *     LEAVES    y = sum w_k(x) f_k(x)    those of one leaf f_k, and d for each node on the way
 *
 * Phi is a feature map (<snnk/map.h>). Psi is fitted (<snnk/fit.h>, <snnk/distill.h>), computed
 * from given weights (below), or your own:
 *
 *     snnk_layer *layer;
 *     snnk_layer_create(map, outputs, Psi, features, bias, &layer);
 *     snnk_layer_forward(layer, n, X, inputs, Y, outputs, NULL);
 *     snnk_layer_free(layer);
 *
 * Layers are immutable, and any number of threads may use one at the same time. Networks, and
 * everything made from a layer, keep what they need of it: you may free yours at any time. */
#ifndef SNNK_LAYER_H
#define SNNK_LAYER_H

#include <snnk/lstsq.h>
#include <snnk/map.h>
#include <snnk/rows.h>
#include <snnk/storage.h>
#include <snnk/urf.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_layer snnk_layer;

/* The kinds of layers. Values never change. */
typedef enum snnk_layer_kind {
    SNNK_LAYER_DENSE = 0,    /* y = f(W x + b) */
    SNNK_LAYER_SNNK = 1,     /* y = Psi Phi(x) + bias */
    SNNK_LAYER_TOWER = 2,    /* y = Phi(x) */
    SNNK_LAYER_RESIDUAL = 3, /* y = x + s f(x), or x (1 + s f(x)), f a chain of layers */
    SNNK_LAYER_LEAVES = 4    /* y = sum w_k(x) f_k(x), f_k layers at the leaves of a tree */
} snnk_layer_kind;

/* Get the name of a kind: "dense", "snnk", "tower", "residual", "leaves". Static; NULL for an
 * unknown value. */
SNNK_API const char *snnk_layer_kind_name(int32_t kind);

/* The arrays of numbers that a layer consists of. Values never change. */
typedef enum snnk_layer_part {
    SNNK_PART_WEIGHTS = 0, /* Psi of an SNNK layer, W of a dense layer */
    SNNK_PART_BIAS = 1,    /* the bias of either */
    SNNK_PART_ROWS = 2,    /* the rows G of the map of an SNNK layer or a tower */
    SNNK_PART_OFFSETS = 3, /* the offsets c of the map */
    SNNK_PART_GAIN = 4     /* the gain of a residual layer */
} snnk_layer_part;

/* Get the name of a part: "weights", "bias", "rows", "offsets", "gain". Static; NULL for an
 * unknown value. */
SNNK_API const char *snnk_layer_part_name(int32_t part);

/* What a residual layer does with the outputs f(x) of the layers in it. Values never change. */
typedef enum snnk_residual_form {
    SNNK_RESIDUAL_ADD = 0,     /* y = x + s f(x) */
    SNNK_RESIDUAL_MULTIPLY = 1 /* y = x (1 + s f(x)), elementwise: f modulates x */
} snnk_residual_form;

/* Get the name of a form: "add", "multiply". Static; NULL for an unknown value. */
SNNK_API const char *snnk_residual_form_name(int32_t form);

/* ---- Creating ---- */

/* Create an SNNK layer from a map and given weights, y = Psi Phi(x) + bias.
 *   map      the features; kept alive by the layer
 *   outputs  l >= 1
 *   Psi      weights, l x m, row stride ldpsi >= m = snnk_map_features(map); finite; copied
 *   bias     l numbers, finite; copied. NULL for zeros
 *   layer    out: release with snnk_layer_free. Inherits the map's allocator
 * SNNK_E_NULL, SNNK_E_SHAPE (outputs = 0), SNNK_E_SIZE, SNNK_E_STRIDE, SNNK_E_NONFINITE,
 * SNNK_E_NOMEM. */
SNNK_API int snnk_layer_create(const snnk_map *map, size_t outputs, const float *Psi, size_t ldpsi,
                               const float *bias, snnk_layer **layer);

/* Create a dense layer, y = f(W x + b).
 *   inputs      d >= 1
 *   outputs     l >= 1
 *   W           weights, l x d, row stride ldw >= d; finite; copied
 *   bias        b, l numbers, finite; copied. NULL for zeros
 *   activation  f, an snnk_activation; SNNK_IDENTITY for a linear layer
 *   allocator   NULL for malloc
 *   layer       out: release with snnk_layer_free
 * SNNK_E_NULL, SNNK_E_SHAPE (inputs or outputs = 0), SNNK_E_SIZE, SNNK_E_STRIDE, SNNK_E_ENUM,
 * SNNK_E_NONFINITE, SNNK_E_NOMEM. */
SNNK_API int snnk_layer_create_dense(size_t inputs, size_t outputs, const float *W, size_t ldw,
                                     const float *bias, int32_t activation,
                                     const snnk_allocator *allocator, snnk_layer **layer);

/* Create layers with random weights, a start for training (<snnk/train.h>). The weights
 * are normal with mean 0. Those of a dense layer have variance 1/(d E f(z)^2), z standard normal:
 * 2/d for ReLU. Psi has variance 1 for features of drawn rows, and 1/m for those of given rows. The
 * bias is 0.
 *   activation  f, an snnk_activation
 *   map         the features; kept alive by the layer
 *   seed        weight (o, j) depends on (seed, o, j) only
 *   layer       out: release with snnk_layer_free
 * Statuses of snnk_layer_create_dense, or of snnk_layer_create. Source: He et al. 2015. */
SNNK_API int snnk_layer_create_dense_random(size_t inputs, size_t outputs, int32_t activation,
                                            uint64_t seed, const snnk_allocator *allocator,
                                            snnk_layer **layer);
SNNK_API int snnk_layer_create_random(const snnk_map *map, size_t outputs, uint64_t seed,
                                      snnk_layer **layer);

/* Create a tower, y = Phi(x): an SNNK layer without weights. Bundled networks contain towers
 * (snnk_network_bundle).
 *   map    the features; kept alive by the layer
 *   layer  out: release with snnk_layer_free. Has l = m outputs; inherits the map's allocator
 * SNNK_E_NULL, SNNK_E_NOMEM. */
SNNK_API int snnk_layer_create_tower(const snnk_map *map, snnk_layer **layer);

/* Create a residual layer, which passes its inputs on and adds s f(x) to them, or multiplies them
 * by 1 + s f(x). f is a chain of other layers. It is made for adapters: small layers put between
 * those of a network that stays as it is. For d outputs of the layer before,
 *
 *     SNNK adapter         f = one SNNK layer, d inputs, m features, d outputs
 *     bottleneck adapter   f = two dense layers, d inputs to r outputs, r inputs to d outputs
 *
 * With s = 0 the layer gives its inputs back bit for bit, without computing f: an adapter that has
 * not learned anything yet changes nothing.
 *   n_layers   in f, at least 1
 *   layers     n_layers layers, one after another: each with as many inputs as the one before has
 *              outputs, the last one with as many outputs d as the first one has inputs. Kept alive
 *              by the layer. Residual layers can be among them, within one another at most 8 deep
 *   form       an snnk_residual_form
 *   gain       s, finite as a float; a number that becomes 0 as a float must be 0
 *   allocator  NULL for malloc
 *   layer      out: release with snnk_layer_free
 * f is computed in float, the sum or the product in double, and the result is rounded to float. So
 * snnk_network_forward_f64 adds s f(x) to the inputs in double, but what it gives has the digits of
 * a float if the network ends in a residual layer. Bundling leaves the layer as it is.
 * SNNK_E_NULL, SNNK_E_SHAPE (n_layers = 0; sizes that do not match), SNNK_E_ENUM, SNNK_E_NONFINITE,
 * SNNK_E_RANGE (the gain becomes 0; more than 8 deep), SNNK_E_NOMEM. */
SNNK_API int snnk_layer_create_residual(size_t n_layers, const snnk_layer *const *layers,
                                        int32_t form, double gain, const snnk_allocator *allocator,
                                        snnk_layer **layer);

/* Create a tree of leaves: layers side by side, of which a row runs the one or few that it arrives
 * in. <snnk/leaves.h> fits such layers. Node k looks at z = v_k . x - threshold_k, and gives the
 * share
 *
 *     s(z) = 0 for z <= -h_k, 1 for z >= h_k, and u^2 (3 - 2 u) with u = (z/h_k + 1)/2 between
 *
 * of the row to its upper child, the rest to its lower one. The weight w of a row in a leaf is the
 * product of the shares on its way. With h_k > 0 the outputs are continuous; outside the soft zones
 * |z| < h_k a row is in one leaf only. (z = NaN goes to the lower child.)
 *   nodes        0 or more; node 0 is the root
 *   directions   v, nodes x d, row stride ldv >= d; finite
 *   thresholds   nodes numbers, finite
 *   half_widths  h, nodes numbers >= 0, finite
 *   children     nodes x 2, lower and upper: the number of a node after this one, or nodes + the
 *                number of a leaf. Every node but the root, and every leaf, has one parent. At most
 *                32 nodes are on the way to a leaf
 *   leaves       nodes + 1 layers, all with d inputs and as many outputs; kept alive by the layer
 *   allocator    NULL for malloc
 *   layer        out: release with snnk_layer_free
 * The shares are computed in double, and the outputs of leaves summed in double two at a time.
 * Bundling leaves the layer as it is, and it cannot be trained (<snnk/train.h>). The arrays are
 * copied, and not needed for 0 nodes. SNNK_E_NULL, SNNK_E_SHAPE (leaves of other sizes),
 * SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_NONFINITE, SNNK_E_RANGE (a half width below 0; children that
 * are no tree; more than 32 deep; more than 8 layers within one another), SNNK_E_NOMEM. */
SNNK_API int snnk_layer_create_leaves(size_t nodes, const float *directions, size_t ldv,
                                      const double *thresholds, const double *half_widths,
                                      const uint32_t *children, const snnk_layer *const *leaves,
                                      const snnk_allocator *allocator, snnk_layer **layer);

/* Create an SNNK layer by solving least-squares statistics of its features. Psi and the bias are
 * the solution, rounded to float; there is one output for each target.
 *   map        the features; kept alive by the layer
 *   lstsq      statistics of the map's features, as for snnk_lstsq_solve
 *   config     as for snnk_lstsq_solve; NULL for the defaults
 *   workspace  its progress function can cancel the call; NULL for none
 *   report     out, as for snnk_lstsq_solve; NULL if not wanted
 *   layer      out: release with snnk_layer_free
 * SNNK_E_SHAPE (another number of features), else statuses of snnk_lstsq_solve and
 * snnk_layer_create. */
SNNK_API int snnk_layer_create_from_lstsq(const snnk_map *map, snnk_lstsq *lstsq,
                                          const snnk_solve_config *config,
                                          snnk_workspace *workspace, snnk_solve_report *report,
                                          snnk_layer **layer);

/* Create an SNNK layer from the weights of a dense one: y estimates f(W x + b) for maps from a
 * spectrum, and the kernel k(x, w) for each row w of W for others. Psi and bias are computed by
 * snnk_map_weight_tower.
 *   map      the features; kept alive by the layer
 *   outputs  l >= 1
 *   W        weights, l x d, row stride ldw >= d; finite
 *   b        l numbers, finite; NULL for zeros. Must be NULL for a map with a symmetric kernel
 *   layer    out: release with snnk_layer_free
 * SNNK_E_NULL, SNNK_E_SHAPE, SNNK_E_SIZE, SNNK_E_STRIDE, SNNK_E_UNSUPPORTED (b for a symmetric
 * kernel; a map made by snnk_map_fold), SNNK_E_NONFINITE, SNNK_E_NOMEM. */
SNNK_API int snnk_layer_create_from_weights(const snnk_map *map, size_t outputs, const float *W,
                                            size_t ldw, const float *b, snnk_layer **layer);

/* Create an SNNK layer in place of a given dense one, f(W x + b), without fitting.
 * snnk_urf_calibrate chooses the features, and snnk_layer_create_from_weights computes Psi. Read
 * the report before you use the layer: if `predicted` is not small, or `without_features` is
 * smaller, fit a layer to the outputs of the dense one instead (<snnk/fit.h>, <snnk/distill.h>).
 *   inputs      d >= 1
 *   outputs     l >= 2
 *   W           weights, l x d, row stride ldw >= d; finite
 *   b           l numbers, finite; NULL for zeros
 *   activation  f, an snnk_activation
 *   rows        typical inputs, at least 2 rows; finite
 *   config      as for snnk_urf_calibrate; NULL for the defaults
 *   report      out, as for snnk_urf_calibrate; NULL if not wanted
 *   layer       out: release with snnk_layer_free
 * Statuses of snnk_urf_calibrate and snnk_layer_create_from_weights. */
SNNK_API int snnk_layer_create_from_dense(size_t inputs, size_t outputs, const float *W, size_t ldw,
                                          const float *b, int32_t activation, const snnk_rows *rows,
                                          const snnk_urf_config *config, snnk_urf_report *report,
                                          snnk_layer **layer);

/* Fold a linear map into the layer before it: create one layer that computes V layer(x) + c. Psi
 * becomes V Psi, the bias V bias + c; a tower becomes an SNNK layer with Psi = V.
 *   layer    an SNNK layer, a tower, or a dense layer with SNNK_IDENTITY. Of a quantized layer,
 *            the rounded weights are used
 *   outputs  l2 >= 1
 *   V        l2 x l, row stride ldv >= l = snnk_layer_outputs(layer); finite
 *   c        l2 numbers, finite; NULL for zeros
 *   folded   out: release with snnk_layer_free. In SNNK_STORAGE_F32; products are summed in double
 * SNNK_E_NULL, SNNK_E_SHAPE, SNNK_E_SIZE, SNNK_E_STRIDE, SNNK_E_NONFINITE, SNNK_E_UNSUPPORTED (a
 * dense layer with another activation, a residual layer), SNNK_E_NOMEM. */
SNNK_API int snnk_layer_fold(const snnk_layer *layer, size_t outputs, const float *V, size_t ldv,
                             const float *c, snnk_layer **folded);

/* Add an owner: returns the same layer, which every owner releases once with snnk_layer_free. NULL
 * for NULL. Cannot fail. Any thread may call it. */
SNNK_API snnk_layer *snnk_layer_retain(const snnk_layer *layer);

/* Release a layer: the last owner frees it. NULL is fine. */
SNNK_API void snnk_layer_free(snnk_layer *layer);

/* ---- Properties ----
 *
 * For a layer that is NULL: sizes and the storage are 0, kind, activation and form are -1, the gain
 * is 1, the map and inner layers are NULL. */

/* Get the kind of a layer, an snnk_layer_kind. */
SNNK_API int32_t snnk_layer_get_kind(const snnk_layer *layer);

/* Get the number of inputs d, of outputs l, and of features m (0 for a dense or residual
 * layer). */
SNNK_API size_t snnk_layer_inputs(const snnk_layer *layer);
SNNK_API size_t snnk_layer_outputs(const snnk_layer *layer);
SNNK_API size_t snnk_layer_features(const snnk_layer *layer);

/* Get the map of an SNNK layer or a tower, valid as long as the layer. NULL for other
 * kinds. */
SNNK_API const snnk_map *snnk_layer_map(const snnk_layer *layer);

/* Get the activation f of a dense layer, an snnk_activation; -1 for other kinds. */
SNNK_API int32_t snnk_layer_activation(const snnk_layer *layer);

/* Get the number of layers in a residual layer, or of leaves in a tree, 0 for other kinds; and
 * layer `index` of them, 0 ... count-1, NULL beyond. Valid as long as the layer. */
SNNK_API size_t snnk_layer_inner_count(const snnk_layer *layer);
SNNK_API const snnk_layer *snnk_layer_inner(const snnk_layer *layer, size_t index);

/* Get the gain s of a residual layer; 1 for other kinds, which are not scaled. */
SNNK_API double snnk_layer_gain(const snnk_layer *layer);

/* Get the form of a residual layer, an snnk_residual_form; -1 for other kinds. */
SNNK_API int32_t snnk_layer_residual_form(const snnk_layer *layer);

/* Get the number of nodes of a tree of leaves, and the most of them on the way to a leaf; 0 for
 * other kinds. */
SNNK_API size_t snnk_layer_nodes(const snnk_layer *layer);
SNNK_API size_t snnk_layer_depth(const snnk_layer *layer);

/* Copy a node of a tree of leaves, as in snnk_layer_create_leaves.
 *   node        0 ... nodes-1
 *   direction   out: d numbers
 *   threshold   out
 *   half_width  out
 *   children    out: 2 numbers
 * Each of them may be NULL if not wanted. SNNK_E_NULL (layer), SNNK_E_UNSUPPORTED (another kind),
 * SNNK_E_RANGE (node). */
SNNK_API int snnk_layer_node(const snnk_layer *layer, size_t node, float *direction,
                             double *threshold, double *half_width, uint32_t *children);

/* Get how the weights are stored, an snnk_storage. Of layers with others in them: theirs; if
 * they differ, the storage that rounds least. */
SNNK_API int32_t snnk_layer_storage(const snnk_layer *layer);

/* Get what a forward pass costs:
 *   parameters     numbers that it uses: W and b, or Psi, bias and those of the map; of a residual
 *                  layer, those of the layers in it, and the gain; of a tree, those of all nodes
 *                  and leaves
 *   multiply_adds  a row, without the elementwise functions; of a tree, for a row in one leaf, the
 *                  most expensive
 *   weight_bytes   bytes that the parameters take in the layer's storage */
SNNK_API uint64_t snnk_layer_parameters(const snnk_layer *layer);
SNNK_API uint64_t snnk_layer_multiply_adds(const snnk_layer *layer);
SNNK_API uint64_t snnk_layer_weight_bytes(const snnk_layer *layer);

/* Copy the weights: Psi and bias of an SNNK layer, W and b of a dense layer.
 *   Psi   out: l x m (W: l x d), row stride ldpsi >= m (d); NULL if not wanted
 *   bias  out: l numbers; NULL if not wanted
 * SNNK_E_NULL, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_OVERLAP, SNNK_E_UNSUPPORTED (a tower has no
 * weights; those of a residual layer or a tree are in its inner layers). */
SNNK_API int snnk_layer_weights(const snnk_layer *layer, float *Psi, size_t ldpsi, float *bias);

/* Copy the bias in double, as forward passes in double add it (snnk_network_forward_f64). A layer
 * that was fitted keeps more digits of it than float has.
 *   bias  out: l numbers
 * SNNK_E_NULL, SNNK_E_UNSUPPORTED (a tower, a residual layer or a tree, as above). */
SNNK_API int snnk_layer_bias(const snnk_layer *layer, double *bias);

/* ---- Forward ---- */

/* Compute Y = layer(X).
 *   n          rows; 0 is legal and does nothing
 *   X          inputs, n x d, row stride ldx >= d. NaN and infinity propagate
 *   Y          out: n x l, row stride ldy >= l; must not overlap X
 *   workspace  NULL for one thread
 * Each row's result depends on that row alone, bit for bit, for every n and every number of
 * threads. The n x m features are never in memory as a whole. SNNK_E_NULL, SNNK_E_STRIDE,
 * SNNK_E_SIZE, SNNK_E_OVERLAP, SNNK_E_NOMEM. */
SNNK_API int snnk_layer_forward(const snnk_layer *layer, size_t n, const float *X, size_t ldx,
                                float *Y, size_t ldy, snnk_workspace *workspace);

/* Compute Y = Psi Phi + bias of an SNNK layer from features that you have already.
 *   n          rows; 0 is legal and does nothing
 *   Phi        features, n x m, row stride ldphi >= m
 *   Y          out: n x l, row stride ldy >= l; must not overlap Phi
 *   workspace  NULL for one thread
 * SNNK_E_UNSUPPORTED (all other kinds of layers), else as snnk_layer_forward. */
SNNK_API int snnk_layer_readout(const snnk_layer *layer, size_t n, const float *Phi, size_t ldphi,
                                float *Y, size_t ldy, snnk_workspace *workspace);

#ifdef __cplusplus
}
#endif

#endif
