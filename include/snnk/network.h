/* Networks: layers one after another, saved as one file.
 *
 *     snnk_network *network;
 *     snnk_network_create(NULL, &network);
 *     snnk_network_append(network, layer);
 *     snnk_network_forward(network, n, X, inputs, Y, outputs, NULL);
 *     snnk_network_save(network, "model.safetensors", SNNK_SAVE_ROWS);
 *     snnk_network_free(network);
 *
 * and in another program:
 *
 *     snnk_network_load("model.safetensors", NULL, &network);
 *
 * Any number of threads may use a network at the same time, as long as none of them calls a
 * function that takes it without const. */
#ifndef SNNK_NETWORK_H
#define SNNK_NETWORK_H

#include <snnk/layer.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_network snnk_network;

/* ---- Building ---- */

/* Create a network without layers.
 *   allocator  NULL for malloc
 *   network    out: release with snnk_network_free
 * SNNK_E_NULL, SNNK_E_NOMEM. */
SNNK_API int snnk_network_create(const snnk_allocator *allocator, snnk_network **network);

/* Free a network. NULL is fine. */
SNNK_API void snnk_network_free(snnk_network *network);

/* Append a layer.
 *   layer  with as many inputs as the last layer has outputs; kept alive by the network
 * SNNK_E_NULL, SNNK_E_SHAPE (another number of inputs), SNNK_E_STATE (the network holds statistics
 * of its last layer), SNNK_E_SIZE (its scratch would overflow a size), SNNK_E_NOMEM. */
SNNK_API int snnk_network_append(snnk_network *network, const snnk_layer *layer);

/* ---- Properties ----
 *
 * 0 or NULL for a network that is NULL or has no layers. */

/* Get the number of layers. */
SNNK_API size_t snnk_network_layers(const snnk_network *network);

/* Get layer `index`, 0 ... layers-1; NULL beyond. Valid as long as the network, also after
 * snnk_network_solve has replaced it. */
SNNK_API const snnk_layer *snnk_network_layer(const snnk_network *network, size_t index);

/* Get the inputs of the first layer and the outputs of the last one. */
SNNK_API size_t snnk_network_inputs(const snnk_network *network);
SNNK_API size_t snnk_network_outputs(const snnk_network *network);

/* Get what a forward pass costs, summed over layers: the numbers that it uses, multiply-adds a row,
 * and bytes of weights, as in snnk_layer_parameters. */
SNNK_API uint64_t snnk_network_parameters(const snnk_network *network);
SNNK_API uint64_t snnk_network_multiply_adds(const snnk_network *network);
SNNK_API uint64_t snnk_network_weight_bytes(const snnk_network *network);

/* ---- Forward ---- */

/* Compute Y = network(X).
 *   n          rows; 0 is legal and does nothing
 *   X          inputs, n x d, row stride ldx >= d. NaN and infinity propagate
 *   Y          out: n x l, row stride ldy >= l; must not overlap X
 *   workspace  NULL for one thread
 * Each row's result depends on that row alone, bit for bit, for every n and every number of
 * threads. SNNK_E_NULL, SNNK_E_STATE (no layers), SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_OVERLAP,
 * SNNK_E_NOMEM (never after snnk_workspace_reserve(workspace,
 * snnk_network_scratch_bytes(network))). */
SNNK_API int snnk_network_forward(const snnk_network *network, size_t n, const float *X, size_t ldx,
                                  float *Y, size_t ldy, snnk_workspace *workspace);

/* Compute Y = network(X) for inputs and outputs in double. A map of the first layer centers its
 * inputs in double, by the mean of its scaling, before they become float; the bias of the last
 * layer is added in double. Between the two, everything is computed in float, as in
 * snnk_network_forward. Use it for columns like timestamps, and for outputs that are large compared
 * with their errors.
 *   n          rows; 0 is legal and does nothing
 *   X          inputs, n x d, row stride ldx >= d. NaN and infinity propagate
 *   Y          out: n x l, row stride ldy >= l; must not overlap X
 *   workspace  NULL for one thread
 * Statuses of snnk_network_forward; no allocations after snnk_workspace_reserve(workspace,
 * snnk_network_scratch_bytes_f64(network)). */
SNNK_API int snnk_network_forward_f64(const snnk_network *network, size_t n, const double *X,
                                      size_t ldx, double *Y, size_t ldy, snnk_workspace *workspace);

/* Compute Y = network(X) for inputs and outputs in bf16, the upper halves of floats. The inputs are
 * widened to float, and the outputs of snnk_network_forward are rounded to the nearest bf16 (ties
 * to even; NaN stays NaN). Use it where the rows before and after are in bf16: it saves their
 * copies in float. It is faster than snnk_network_forward for hundreds of rows if an SNNK layer of
 * few features is the last one, and up to a sixth slower elsewhere; docs/kernels.md has a table.
 *   n          rows; 0 is legal and does nothing
 *   X          inputs, n x d, row stride ldx >= d
 *   Y          out: n x l, row stride ldy >= l; must not overlap X
 *   workspace  NULL for one thread
 * Statuses of snnk_network_forward; no allocations after snnk_workspace_reserve(workspace,
 * snnk_network_scratch_bytes_bf16(network)). */
SNNK_API int snnk_network_forward_bf16(const snnk_network *network, size_t n, const uint16_t *X,
                                       size_t ldx, uint16_t *Y, size_t ldy,
                                       snnk_workspace *workspace);

/* Compute the features of the last layer: its Phi, applied to the outputs of the layers before it.
 *   n, X       as in snnk_network_forward
 *   Phi        out: n x m with m = snnk_layer_features of the last layer, row stride ldphi >= m;
 *              must not overlap X
 *   workspace  NULL for one thread
 * SNNK_E_UNSUPPORTED (the last layer is dense or residual), else as snnk_network_forward. */
SNNK_API int snnk_network_features(const snnk_network *network, size_t n, const float *X,
                                   size_t ldx, float *Phi, size_t ldphi, snnk_workspace *workspace);

/* The same for inputs in double, which the map of the first layer centers first. */
SNNK_API int snnk_network_features_f64(const snnk_network *network, size_t n, const double *X,
                                       size_t ldx, float *Phi, size_t ldphi,
                                       snnk_workspace *workspace);

/* Get the bytes of scratch that a forward pass needs for each thread, for any n: the number to give
 * to snnk_workspace_reserve. It can be 0. 0 for NULL. The others are for inputs in bf16
 * and in double. */
SNNK_API size_t snnk_network_scratch_bytes(const snnk_network *network);
SNNK_API size_t snnk_network_scratch_bytes_bf16(const snnk_network *network);
SNNK_API size_t snnk_network_scratch_bytes_f64(const snnk_network *network);

/* ---- Notes ---- */

/* Set a note: a text that is saved with the network, such as the names of its classes.
 *   key    1 ... 64 characters of [a-z0-9._-]; copied
 *   value  UTF-8 text, copied; NULL removes the note
 * A network has at most 256 notes. SNNK_E_NULL, SNNK_E_RANGE (the key; the value is not UTF-8; too
 * many notes), SNNK_E_NOMEM. */
SNNK_API int snnk_network_set_note(snnk_network *network, const char *key, const char *value);

/* Get the note of a key; NULL if there is none. Valid until this note is set again or removed,
 * or the network is freed. */
SNNK_API const char *snnk_network_note(const snnk_network *network, const char *key);

/* Get the number of notes, and the key of note `index`, 0 ... notes-1, in the order of strcmp;
 * NULL beyond. A key is valid as long as its note. */
SNNK_API size_t snnk_network_notes(const snnk_network *network);
SNNK_API const char *snnk_network_note_key(const snnk_network *network, size_t index);

/* ---- Bundling ---- */

/* Bundle layers first ... last: multiply neighboring matrices together, so that the outputs between
 * these layers are no longer computed. The outputs of the network stay the same, to rounding.
 *   first, last  0 ... layers-1, first <= last
 *   bundled      out: release with snnk_network_free. A new network that shares all other layers
 *                and has the same notes
 * Of two SNNK layers, the second uses the outputs of the first only in G' (Psi Phi(x) + bias) + c'.
 * So the bundle has Phi as a tower, and after it the second layer with the projection G' Psi and
 * the offsets G' bias + c' (snnk_map_fold). Linear layers fold into the Psi before them, and a
 * dense layer f(W x' + b) gets the weights W Psi. A layer whose features cannot be folded (whitened
 * RBF features) stays as it is. Quantized weights Psi become float, as rounded.
 *
 * A bundled pair costs m' m multiply-adds instead of m l + m' l. That is more if the width l is
 * below m m' / (m + m'): compare snnk_network_multiply_adds of both networks. A bundle may be
 * bundled again. SNNK_E_NULL, SNNK_E_STATE (no layers), SNNK_E_RANGE (first or last), SNNK_E_SIZE,
 * SNNK_E_NONFINITE (a product leaves the range of float), SNNK_E_NOMEM. Source: Sehanobish et al.
 * 2024, section 3.3. */
SNNK_API int snnk_network_bundle(const snnk_network *network, size_t first, size_t last,
                                 snnk_network **bundled);

/* Split a network into two towers, y = Psi Phi(x) + bias, by bundling all of its layers.
 *   tower  out: the input tower Phi, a network whose outputs are the m features; release with
 *          snnk_network_free
 *   Psi    out: the weight tower, l x m, row stride ldpsi >= m = snnk_network_outputs(tower); NULL
 *          if not wanted
 *   bias   out: l numbers; NULL if not wanted
 * SNNK_E_UNSUPPORTED (the network ends in a tower, an activation or a residual layer, so there is
 * no Psi; or it is linear, so there is no Phi), SNNK_E_STRIDE, else as snnk_network_bundle. */
SNNK_API int snnk_network_input_tower(const snnk_network *network, snnk_network **tower);
SNNK_API int snnk_network_weight_tower(const snnk_network *network, float *Psi, size_t ldpsi,
                                       float *bias);

/* ---- Statistics ----
 *
 * A network may hold the least-squares statistics of the features of its last layer. With them it
 * can learn more rows, forget some, and be merged with others, without the rows it was fitted on.
 * They are saved with the network, in 8 m^2 bytes. Networks that are made from this one (bundled,
 * quantized, compressed) do not hold them. */

/* Give the network a copy of statistics of the features of its last layer, an SNNK layer.
 *   lstsq  copied; with as many features as the layer, and at least as many targets as the layer
 *          has outputs. NULL removes the network's statistics
 * SNNK_E_NULL, SNNK_E_STATE (no layers), SNNK_E_UNSUPPORTED (the last layer is not an SNNK layer),
 * SNNK_E_SHAPE (another number of features, or too few targets), SNNK_E_NOMEM. On failure the
 * network keeps what it had. */
SNNK_API int snnk_network_set_statistics(snnk_network *network, const snnk_lstsq *lstsq);

/* Get the network's own statistics, to change in place: add or forget rows with snnk_lstsq_add and
 * snnk_lstsq_forget, their inputs computed by snnk_network_features; then call snnk_network_solve.
 * NULL if there are none. Valid until snnk_network_set_statistics, or until the network is
 * freed. */
SNNK_API snnk_lstsq *snnk_network_statistics(snnk_network *network);

/* Replace the weights of the last layer by the solution of the network's statistics, in
 * SNNK_STORAGE_F32, with one output for each target.
 *   config     as for snnk_lstsq_solve; NULL for the defaults
 *   workspace  its progress function can cancel the call; NULL for none
 *   report     out, as for snnk_lstsq_solve; NULL if not wanted
 * SNNK_E_STATE (no statistics, or no rows), else statuses of snnk_lstsq_solve. On failure the
 * network is unchanged. */
SNNK_API int snnk_network_solve(snnk_network *network, const snnk_solve_config *config,
                                snnk_workspace *workspace, snnk_solve_report *report);

/* ---- Saving and loading ---- */

/* Save a network with its notes and its statistics.
 *   path        the file. An existing file is replaced when the new one is complete
 *   projection  an snnk_save_projection
 * SNNK_E_NULL, SNNK_E_ENUM, SNNK_E_STATE (no layers), SNNK_E_SIZE, SNNK_E_NOMEM, SNNK_E_IO. */
SNNK_API int snnk_network_save(const snnk_network *network, const char *path, int32_t projection);

/* Load a network. On one kernel table its outputs equal those of the saved one bit for bit.
 * Quantized layers were saved as float, with the rounded weights: quantize the network again.
 *   allocator  NULL for malloc
 *   network    out: release with snnk_network_free
 * SNNK_E_NULL, SNNK_E_IO, SNNK_E_FORMAT, SNNK_E_VERSION, SNNK_E_TRUNCATED, SNNK_E_CHECKSUM,
 * SNNK_E_NONFINITE, SNNK_E_SIZE, SNNK_E_NOMEM, SNNK_E_UNSUPPORTED (needs a part this build
 * lacks). */
SNNK_API int snnk_network_load(const char *path, const snnk_allocator *allocator,
                               snnk_network **network);

/* Get the number of bytes that snnk_network_save_memory writes.
 *   projection  an snnk_save_projection
 *   bytes       out
 * Statuses of snnk_network_save, without SNNK_E_IO. */
SNNK_API int snnk_network_saved_bytes(const snnk_network *network, int32_t projection,
                                      size_t *bytes);

/* Save a network to memory, as a file would contain it.
 *   projection  an snnk_save_projection
 *   buffer      out
 *   bytes       the size of the buffer, as snnk_network_saved_bytes gave it
 * Statuses of snnk_network_save, without SNNK_E_IO; SNNK_E_SIZE also for another number of
 * bytes. */
SNNK_API int snnk_network_save_memory(const snnk_network *network, int32_t projection, void *buffer,
                                      size_t bytes);

/* Load a network from memory.
 *   buffer     bytes bytes, the contents of a file; not needed after the call
 *   allocator  NULL for malloc
 *   network    out: release with snnk_network_free
 * Statuses of snnk_network_load, without SNNK_E_IO. */
SNNK_API int snnk_network_load_memory(const void *buffer, size_t bytes,
                                      const snnk_allocator *allocator, snnk_network **network);

#ifdef __cplusplus
}
#endif

#endif
