/* Shared by reading and writing safetensors: types, sort orders, the checksum. */
#include "io/safetensors.h"

#include <stdio.h>
#include <string.h>

#include <zlib.h>

#include "base/size.h"
#include "io/bytes.h"

static const struct {
    const char *name;
    size_t bytes;
} dtypes[SNNK__N_DTYPES] = {
    [SNNK__DTYPE_BOOL] = {"BOOL", 1},       [SNNK__DTYPE_U8] = {"U8", 1},
    [SNNK__DTYPE_I8] = {"I8", 1},           [SNNK__DTYPE_F8_E4M3] = {"F8_E4M3", 1},
    [SNNK__DTYPE_F8_E5M2] = {"F8_E5M2", 1}, [SNNK__DTYPE_F8_E8M0] = {"F8_E8M0", 1},
    [SNNK__DTYPE_UNKNOWN] = {"unknown", 1}, [SNNK__DTYPE_U16] = {"U16", 2},
    [SNNK__DTYPE_I16] = {"I16", 2},         [SNNK__DTYPE_F16] = {"F16", 2},
    [SNNK__DTYPE_BF16] = {"BF16", 2},       [SNNK__DTYPE_U32] = {"U32", 4},
    [SNNK__DTYPE_I32] = {"I32", 4},         [SNNK__DTYPE_F32] = {"F32", 4},
    [SNNK__DTYPE_U64] = {"U64", 8},         [SNNK__DTYPE_I64] = {"I64", 8},
    [SNNK__DTYPE_F64] = {"F64", 8}};

const char *snnk__dtype_name(snnk__dtype dtype) { return dtypes[dtype].name; }

size_t snnk__dtype_bytes(snnk__dtype dtype) { return dtypes[dtype].bytes; }

int snnk__safetensors_compare_keys(const void *left, const void *right) {
    return strcmp(((const snnk__safetensors_pair *)left)->key,
                  ((const snnk__safetensors_pair *)right)->key);
}

int snnk__safetensors_compare_names(const void *left, const void *right) {
    return strcmp(((const snnk__safetensors_tensor *)left)->name,
                  ((const snnk__safetensors_tensor *)right)->name);
}

int snnk__safetensors_put_elements(const snnk__safetensors_tensor *tensor, bool host_order,
                                   snnk__safetensors_put put, void *context) {
    const size_t width = snnk__dtype_bytes(tensor->dtype);
    const bool swap =
        host_order && !tensor->little_endian && width > 1 && !snnk__host_is_little_endian();
    double chunk[512]; /* double: aligned for every type */
    const size_t room = sizeof chunk / width;
    size_t count;

    if (!swap && !tensor->source)
        return tensor->bytes > 0 ? put(context, tensor->data, tensor->bytes) : SNNK_OK;
    for (size_t first = 0, n = tensor->bytes / width; first < n; first += count) {
        int st;

        count = snnk__min_size(room, n - first);
        if (tensor->source)
            tensor->source(tensor->context, first, count, chunk);
        else
            memcpy(chunk, tensor->data + first * width, count * width);
        if (swap) {
            unsigned char *bytes = (unsigned char *)chunk;

            for (size_t i = 0; i < count; i++, bytes += width)
                for (size_t b = 0; b < width / 2; b++) {
                    const unsigned char kept = bytes[b];

                    bytes[b] = bytes[width - 1 - b];
                    bytes[width - 1 - b] = kept;
                }
        }
        if ((st = put(context, chunk, count * width)) != SNNK_OK) return st;
    }
    return SNNK_OK;
}

static int put_crc(void *context, const void *bytes, size_t size) {
    uLong *crc = context;

    *crc = crc32_z(*crc, bytes, size);
    return SNNK_OK;
}

static void put_crc_text(uLong *crc, const char *text) { put_crc(crc, text, strlen(text) + 1); }

/* The checksum is over a canonical form: it does not depend on the order of keys and tensors, or on
 * spaces and escapes in the header, which other programs may change when they rewrite the file. */
void snnk__safetensors_checksum(const snnk__safetensors_pair *pairs, size_t n_pairs,
                                const snnk__safetensors_tensor *tensors, size_t n_tensors,
                                bool host_order, char digits[9]) {
    uLong crc = crc32_z(0, NULL, 0);

    for (size_t i = 0; i < n_pairs; i++) {
        if (strcmp(pairs[i].key, SNNK__SAFETENSORS_CHECKSUM_KEY) == 0) continue;
        put_crc_text(&crc, pairs[i].key);
        put_crc_text(&crc, pairs[i].value);
    }
    for (size_t i = 0; i < n_tensors; i++) {
        put_crc_text(&crc, tensors[i].name);
        put_crc_text(&crc, tensors[i].type ? tensors[i].type : snnk__dtype_name(tensors[i].dtype));
        for (size_t k = 0; k < tensors[i].n_dims; k++) {
            unsigned char dim[8];

            snnk__store_u64_le(dim, tensors[i].dims[k]);
            put_crc(&crc, dim, sizeof dim);
        }
        snnk__safetensors_put_elements(tensors + i, host_order, put_crc, &crc);
    }
    snprintf(digits, 9, "%08lx", crc & 0xffffffffUL);
}
