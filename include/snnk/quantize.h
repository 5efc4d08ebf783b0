/* Quantization: weights in 2 bytes (bf16) or 1 byte (int8) instead of 4.
 *
 *     snnk_quantize_report report = {.size = sizeof report};
 *     snnk_network *small;
 *     snnk_network_quantize(network, SNNK_STORAGE_BF16, SNNK_ROWS(.n = n, .X = X), NULL, &report,
 *                           &small);
 *     printf("%g of the outputs' size, %llu bytes\n", report.relative_error,
 *            (unsigned long long)report.bytes);
 *
 * BF16 is faster where a forward waits for memory: few rows, large layers. It is harmless for most
 * networks. INT8 rounds the inputs of each product, too, and is faster for many rows as well; check
 * the report. Both need a processor with avx512_vnni. On others, and with SNNK_KERNELS set to
 * another table, plain C does them, slower than float.
 *
 * HD3 rows, offsets, biases and activations stay float. Model files are float. More in
 * docs/numerics.md. */
#ifndef SNNK_QUANTIZE_H
#define SNNK_QUANTIZE_H

#include <snnk/network.h>
#include <snnk/rows.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Create the same layer in another storage.
 *   layer      in any storage. From narrow storage, Psi or W is taken as it is rounded; projections
 *              come from the map, which keeps them in float
 *   storage    an snnk_storage
 *   quantized  out; shares the map
 * SNNK_E_NULL, SNNK_E_ENUM, SNNK_E_SIZE, SNNK_E_NOMEM. */
SNNK_API int snnk_layer_quantize(const snnk_layer *layer, int32_t storage, snnk_layer **quantized);

/* What narrow storage costs and saves. Set `size`; the library fills the rest. */
typedef struct snnk_quantize_report {
    size_t size;           /* sizeof of this struct as the caller knows it */
    double relative_error; /* root mean square of the differences over `rms` */
    double largest_error;  /* largest difference over `rms` */
    double rms;     /* root mean square of the outputs before. These three are NaN without rows */
    uint64_t bytes; /* bytes of weights that a forward reads */
    uint64_t bytes_before; /* the same before */
} snnk_quantize_report;

/* Create a network of the same layers in another storage, with the same notes.
 *   storage    an snnk_storage
 *   rows       inputs to compare both networks on; finite. NULL for none
 *   workspace  scratch and threads of the comparison; NULL for one thread
 *   report     NULL if not wanted
 *   quantized  out
 * SNNK_E_NULL, SNNK_E_STATE (no layers), SNNK_E_ENUM, SNNK_E_CONFIG (the size of rows or report),
 * SNNK_E_SHAPE, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_NONFINITE (an input), SNNK_E_NOMEM. */
SNNK_API int snnk_network_quantize(const snnk_network *network, int32_t storage,
                                   const snnk_rows *rows, snnk_workspace *workspace,
                                   snnk_quantize_report *report, snnk_network **quantized);

#ifdef __cplusplus
}
#endif

#endif
