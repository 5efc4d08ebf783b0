#include "io/array_elements.h"

#include "base/size.h"
#include "base/status.h"
#include "io/bytes.h"
#include "io/file.h"

size_t snnk__element_bytes(snnk__element type) {
    switch (type) {
    case SNNK__ELEMENT_BOOL:
    case SNNK__ELEMENT_U8:
    case SNNK__ELEMENT_I8: return 1;
    case SNNK__ELEMENT_U16:
    case SNNK__ELEMENT_I16:
    case SNNK__ELEMENT_F16:
    case SNNK__ELEMENT_BF16: return 2;
    case SNNK__ELEMENT_U32:
    case SNNK__ELEMENT_I32:
    case SNNK__ELEMENT_F32: return 4;
    case SNNK__ELEMENT_U64:
    case SNNK__ELEMENT_I64:
    case SNNK__ELEMENT_F64: return 8;
    }
    return 0;
}

static float bits_value(uint32_t bits) {
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

/* A half-precision number (IEC 60559 binary16): 1 sign bit, 5 bits of exponent with bias 15, 10
 * bits of mantissa. Every one is exactly a float. */
static float half_value(uint16_t bits) {
    const uint32_t sign = (uint32_t)(bits & 0x8000) << 16;
    const uint32_t exponent = bits >> 10 & 31, mantissa = bits & 1023;

    if (exponent == 0) { /* subnormal: mantissa * 2^-24, exactly */
        const float size = (float)mantissa * 0x1p-24f;

        return sign ? -size : size;
    }
    if (exponent == 31) return bits_value(sign | 0x7f800000 | mantissa << 13); /* infinity, NaN */
    return bits_value(sign | (exponent + 127 - 15) << 23 | mantissa << 13);
}

/* A cast to float rounds to nearest; numbers that are too large become infinite (IEC 60559). */
void snnk__elements_convert(snnk__element type, bool big, const unsigned char *cells, size_t n,
                            float *x) {
    switch (type) {
    case SNNK__ELEMENT_BOOL:
        for (size_t i = 0; i < n; i++) x[i] = cells[i] != 0;
        return;
    case SNNK__ELEMENT_U8:
        for (size_t i = 0; i < n; i++) x[i] = cells[i];
        return;
    case SNNK__ELEMENT_I8:
        for (size_t i = 0; i < n; i++) x[i] = (int8_t)cells[i];
        return;
    case SNNK__ELEMENT_U16:
        for (size_t i = 0; i < n; i++) x[i] = snnk__load_u16(cells + 2 * i, big);
        return;
    case SNNK__ELEMENT_I16:
        for (size_t i = 0; i < n; i++) x[i] = (int16_t)snnk__load_u16(cells + 2 * i, big);
        return;
    case SNNK__ELEMENT_U32:
        for (size_t i = 0; i < n; i++) x[i] = (float)snnk__load_u32(cells + 4 * i, big);
        return;
    case SNNK__ELEMENT_I32:
        for (size_t i = 0; i < n; i++) x[i] = (float)(int32_t)snnk__load_u32(cells + 4 * i, big);
        return;
    case SNNK__ELEMENT_U64:
        for (size_t i = 0; i < n; i++) x[i] = (float)snnk__load_u64(cells + 8 * i, big);
        return;
    case SNNK__ELEMENT_I64:
        for (size_t i = 0; i < n; i++) x[i] = (float)(int64_t)snnk__load_u64(cells + 8 * i, big);
        return;
    case SNNK__ELEMENT_F16:
        for (size_t i = 0; i < n; i++) x[i] = half_value(snnk__load_u16(cells + 2 * i, big));
        return;
    case SNNK__ELEMENT_BF16:
        for (size_t i = 0; i < n; i++)
            x[i] = bits_value((uint32_t)snnk__load_u16(cells + 2 * i, big) << 16);
        return;
    case SNNK__ELEMENT_F32:
        for (size_t i = 0; i < n; i++) x[i] = snnk__load_f32(cells + 4 * i, big);
        return;
    case SNNK__ELEMENT_F64:
        for (size_t i = 0; i < n; i++) x[i] = (float)snnk__load_f64(cells + 8 * i, big);
        return;
    }
}

/* Bytes read from disk at a time. */
#define WINDOW_BYTES ((size_t)32768)

int snnk__elements_read(int fd, const char *path, size_t begin, snnk__element type, bool big_endian,
                        size_t n, float *x) {
    const size_t width = snnk__element_bytes(type);
    unsigned char window[WINDOW_BYTES];

    /* The file already has floats in this machine's byte order. */
    if (type == SNNK__ELEMENT_F32 && big_endian != snnk__host_is_little_endian())
        return snnk__file_read_range(fd, path, begin, n * width, x);
    for (size_t done = 0; done < n;) {
        const size_t count = snnk__min_size(WINDOW_BYTES / width, n - done);
        const int st = snnk__file_read_range(fd, path, begin + done * width, count * width, window);

        if (st != SNNK_OK) return st;
        snnk__elements_convert(type, big_endian, window, count, x + done);
        done += count;
    }
    return SNNK_OK;
}
