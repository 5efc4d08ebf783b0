/* Narrow storage of weights: bf16 and int8. */
#ifndef SNNK_QUANTIZE_H
#define SNNK_QUANTIZE_H

#include <snnk/network.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The same layer with Psi and G, or W, in this storage: twice and four times less to read. BF16 widens
 * weights to float as they come, which is faster where a forward waits for memory (few rows), not
 * otherwise; on AMD's processors with avx512_bf16 it rounds inputs and features to bf16 too (where
 * subnormal numbers are zero), for twice the multiply-adds of float. INT8 rounds inputs and features
 * too, to whole numbers with a scale for each row and 256 columns, and sums products exactly within
 * those; it is faster for many rows as well. Both need avx512_vnni: elsewhere, and with SNNK_KERNELS set
 * to another table, plain C does them, slower than F32. HD3 rows stay as they are; offsets, biases and
 * the activation are float. The map is shared, and keeps its float G. From a layer in narrow storage:
 * Psi, or W, is rounded again, G from the map's; F32 gives that G back, and snnk_layer_fold works with
 * it. Saved files are float. SNNK_E_NULL, SNNK_E_ENUM, SNNK_E_SIZE, SNNK_E_NOMEM. */
SNNK_API int snnk_layer_quantize(const snnk_layer *layer, int32_t storage, snnk_layer **quantized);

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
 * compared on; n = 0 for none. Look at the report: rounding is harmless for most networks in bf16, and
 * not for every one in int8. report: NULL if not wanted. SNNK_E_NULL, SNNK_E_STATE (no layers),
 * SNNK_E_ENUM, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_NONFINITE, SNNK_E_CONFIG, SNNK_E_NOMEM. */
SNNK_API int snnk_network_quantize(const snnk_network *network, int32_t storage, size_t n,
                                   const float *X, size_t ldx, snnk_workspace *workspace,
                                   snnk_quantize_report *report, snnk_network **quantized);

#ifdef __cplusplus
}
#endif

#endif
