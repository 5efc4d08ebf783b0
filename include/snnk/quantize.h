/* Quantization: weights in 2 bytes (bf16) or 1 byte (int8) instead of 4, or in pairs of bf16.
 *
 *     snnk_quantize_report report = {.size = sizeof report};
 *     snnk_network *small;
 *     snnk_network_quantize(network, SNNK_STORAGE_BF16, SNNK_ROWS(.n = n, .X = X), NULL, &report,
 *                           &small);
 *     printf("relative error %g, %llu bytes\n", report.relative_error,
 *            (unsigned long long)report.bytes);
 *
 * INT8 is no slower than float from 16 features up on processors with avx512_vnni, avx_vnni or AMX,
 * and several times as fast from 64. It also rounds the inputs of each product: check the report.
 * BF16 is made for processors with AMX, from 8 rows and 32 features up, and AMD's with avx512_bf16.
 * On others it is slower than float unless a forward pass waits for memory: few rows, large layers.
 * For most networks its error does not matter.
 * BF16X3 is made for processors with AMX and for outputs that bf16 would spoil: float layers from
 * three products of bf16, with a relative error of about 6e-6, from 2 rows, 32 features and 32
 * outputs up. A single row is slower than in float there. On other processors it is float with
 * rounded weights, and as fast.
 * docs/kernels.md has figures, and says which were not measured. With SNNK_KERNELS=portable BF16
 * and INT8 are far slower than float.
 *
 * HD3 rows, offsets, biases and activations stay float, and so do model files. docs/numerics.md has
 * the rounding. */
#ifndef SNNK_QUANTIZE_H
#define SNNK_QUANTIZE_H

#include <snnk/network.h>
#include <snnk/rows.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What quantization costs and saves. Set `size`; the library fills the rest. Without rows, the
 * first three numbers are NaN. */
typedef struct snnk_quantize_report {
    size_t size;           /* set by the caller: sizeof the struct */
    double relative_error; /* root mean square of the differences of outputs, divided by rms */
    double largest_error;  /* largest difference of outputs, divided by rms */
    double rms;            /* root mean square of the outputs before quantization */
    uint64_t bytes;        /* bytes of weights that a forward pass reads */
    uint64_t bytes_before; /* the same before quantization */
} snnk_quantize_report;

/* Create a layer with the same weights in another storage.
 *   layer      in any storage. Of a quantized layer, the rounded Psi or W is used; the projection
 *              always comes from the map, which keeps it in float. Of a residual layer, the
 *              layers in it are quantized, and its gain stays float
 *   storage    an snnk_storage
 *   quantized  out: release with snnk_layer_free. Shares the map
 * SNNK_E_NULL, SNNK_E_ENUM, SNNK_E_SIZE, SNNK_E_NOMEM. */
SNNK_API int snnk_layer_quantize(const snnk_layer *layer, int32_t storage, snnk_layer **quantized);

/* Create a network with the same layers in another storage, and the same notes.
 *   storage    an snnk_storage
 *   rows       inputs on which to compare both networks; finite. NULL for none
 *   workspace  for the comparison; NULL for one thread
 *   report     out; NULL if not wanted
 *   quantized  out: release with snnk_network_free
 * SNNK_E_NULL, SNNK_E_STATE (no layers), SNNK_E_ENUM, SNNK_E_CONFIG (the size of rows or report),
 * SNNK_E_SHAPE, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_NONFINITE (an input), SNNK_E_NOMEM. */
SNNK_API int snnk_network_quantize(const snnk_network *network, int32_t storage,
                                   const snnk_rows *rows, snnk_workspace *workspace,
                                   snnk_quantize_report *report, snnk_network **quantized);

#ifdef __cplusplus
}
#endif

#endif
