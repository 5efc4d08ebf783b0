/* Networks: layers one after another. */
#ifndef SNNK_NETWORK_H
#define SNNK_NETWORK_H

#include <snnk/layer.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_network snnk_network;

/* An empty network. allocator: NULL for malloc. SNNK_E_NULL, SNNK_E_NOMEM. */
SNNK_API int snnk_network_create(const snnk_allocator *allocator, snnk_network **network);

/* Free it. NULL is fine. */
SNNK_API void snnk_network_free(snnk_network *network);

/* Put `layer` at the end. The network keeps it alive; you may free yours.
 * SNNK_E_NULL, SNNK_E_SHAPE (its inputs are not the outputs of the last layer), SNNK_E_NOMEM. */
SNNK_API int snnk_network_append(snnk_network *network, const snnk_layer *layer);

SNNK_API size_t snnk_network_layers(const snnk_network *network); /* how many; 0 for NULL */
SNNK_API size_t
snnk_network_inputs(const snnk_network *network); /* of the first layer; 0 when empty */
SNNK_API size_t
snnk_network_outputs(const snnk_network *network); /* of the last layer; 0 when empty */
SNNK_API uint64_t snnk_network_parameters(const snnk_network *network); /* sum over layers */
SNNK_API uint64_t
snnk_network_multiply_adds(const snnk_network *network); /* a row, sum over layers */

/* Layer `index` (0 ... layers-1), valid as long as the network; NULL where there is none. */
SNNK_API const snnk_layer *snnk_network_layer(const snnk_network *network, size_t index);

/* Notes that travel with the model: UTF-8 text by key ("classes", "units"). A NULL value removes
 * the key. Keys: 1 ... 64 of [a-z0-9._-]; at most 256 of them. SNNK_E_NULL, SNNK_E_RANGE (names the
 * key or the limit; a value that is not UTF-8), SNNK_E_NOMEM. */
SNNK_API int snnk_network_set_note(snnk_network *network, const char *key, const char *value);

/* The note for a key, valid until it is changed; NULL if there is none. */
SNNK_API const char *snnk_network_note(const snnk_network *network, const char *key);

/* Y = network(X). X: n x d, row stride ldx >= d. Y: n x l, row stride ldy >= l, must not overlap X.
 * n = 0 does nothing. Non-finite inputs propagate. Rows go through all layers a small tile at a
 * time; each row's result depends on that row alone, bit for bit, whatever n and the thread count.
 * SNNK_E_NULL, SNNK_E_STATE (no layers), SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_NOMEM (never after
 * snnk_workspace_reserve(workspace, snnk_network_scratch_bytes(network))). */
SNNK_API int snnk_network_forward(const snnk_network *network, size_t n, const float *X, size_t ldx,
                                  float *Y, size_t ldy, snnk_workspace *workspace);

/* Bytes of scratch a forward needs for each thread, whatever n. 0 for NULL, and for a small layer
 * without HD3 rows. */
SNNK_API size_t snnk_network_scratch_bytes(const snnk_network *network);

/* ---- Narrow storage ---- */

/* What narrow storage costs and saves. Fill `size` first (snnk_quantize_report_init does). */
typedef struct snnk_quantize_report {
    size_t size;
    double relative_error; /* root mean square of the differences over that of the outputs */
    double largest_error;  /* the largest difference over the root mean square of the outputs */
    double rms;            /* of the outputs, before. These three are NaN without a batch */
    uint64_t bytes, bytes_before; /* of weights that a forward reads */
} snnk_quantize_report;

SNNK_API int snnk_quantize_report_init(snnk_quantize_report *report, size_t report_size);

/* A network of the same layers in another storage (snnk_storage), with the same notes; see
 * snnk_layer_quantize; saved, it is float, see snnk_network_load. X (n x d): rows that its outputs are
 * compared on; n = 0 for none. Look at the report: rounding is harmless for most networks in bf16, and not for every one in int8. report: NULL if
 * not wanted. SNNK_E_NULL, SNNK_E_STATE (no layers), SNNK_E_ENUM, SNNK_E_STRIDE, SNNK_E_SIZE,
 * SNNK_E_NONFINITE, SNNK_E_CONFIG, SNNK_E_NOMEM. */
SNNK_API int snnk_network_quantize(const snnk_network *network, int32_t storage, size_t n,
                                   const float *X, size_t ldx, snnk_workspace *workspace,
                                   snnk_quantize_report *report, snnk_network **quantized);

#ifdef __cplusplus
}
#endif

#endif
