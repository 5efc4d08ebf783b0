/* Storage of weights: how many bytes each number of a layer takes in memory.
 *
 * Layers are made in SNNK_STORAGE_F32. snnk_layer_quantize and snnk_network_quantize
 * (<snnk/quantize.h>) convert them. */
#ifndef SNNK_STORAGE_H
#define SNNK_STORAGE_H

#include <snnk/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How a weight is stored. Values never change. */
typedef enum snnk_storage {
    SNNK_STORAGE_F32 = 0, /* float, 4 bytes a weight */
    SNNK_STORAGE_BF16 =
        1, /* bfloat16, 2 bytes a weight. The relative error of a weight is at most 2^-8 */
    SNNK_STORAGE_INT8 =
        2, /* integers -127 ... 127 times a scale for each row, 1 byte a weight. The error of a
            * weight is at most 1/254 of the largest magnitude in its row. A row whose largest
            * magnitude is below 1.5e-36 becomes zeros */
    SNNK_STORAGE_BF16X3 =
        3 /* the sum of two bfloat16, 4 bytes a weight. The relative error of a weight is at most
           * 2^-16, or its error at most 2^-134. Where the processor has AMX, a product with it is
           * three products of bfloat16; elsewhere it is kept and computed as a float */
} snnk_storage;

/* Get the name of a storage: "f32", "bf16", "int8", "bf16x3". Static; NULL for an unknown value. */
SNNK_API const char *snnk_storage_name(int32_t storage);

#ifdef __cplusplus
}
#endif

#endif
