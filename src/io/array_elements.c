#include "io/array_elements.h"

#include "base/size.h"
#include "base/status.h"
#include "io/bytes.h"
#include "io/file.h"

size_t snnk__element_bytes(snnk__element type) {
    switch (type) {
    case SNNK__ELEMENT_BOOL:
    case SNNK__ELEMENT_U8:
    case SNNK__ELEMENT_I8:
    case SNNK__ELEMENT_F8_E4M3:
    case SNNK__ELEMENT_F8_E5M2:
    case SNNK__ELEMENT_F8_E8M0: return 1;
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

/* The 8-bit formats of the Open Compute Project (OFP8, and the scales of MX). E5M2 is the upper
 * half of a half-precision number. */

/* 4 bits of exponent with bias 7; no infinity: all bits set is NaN, and the largest is 448. */
static float e4m3_value(uint8_t bits) {
    const uint32_t sign = (uint32_t)(bits & 0x80) << 24;
    const uint32_t exponent = bits >> 3 & 15, mantissa = bits & 7;

    if (exponent == 0) { /* subnormal: mantissa * 2^-9 */
        const float size = (float)mantissa * 0x1p-9f;

        return sign ? -size : size;
    }
    if (exponent == 15 && mantissa == 7) return bits_value(sign | 0x7fc00000);
    return bits_value(sign | (exponent + 127 - 7) << 23 | mantissa << 20);
}

/* A power of two, 2^(bits - 127): the exponent of a float. */
static float e8m0_value(uint8_t bits) {
    if (bits == 0) return 0x1p-127f;
    return bits == 255 ? bits_value(0x7fc00000) : bits_value((uint32_t)bits << 23);
}

/* Convert n elements to x or to y, whichever is set. A cast to float rounds to nearest; numbers
 * that are too large become infinite (IEC 60559). */
#define EACH(value)                                                                                \
    for (size_t i = 0; i < n && x; i++) x[i] = (float)(value);                                     \
    for (size_t i = 0; i < n && y; i++) y[i] = (double)(value);                                    \
    return

void snnk__elements_convert(snnk__element type, bool big, const unsigned char *cells, size_t n,
                            float *x, double *y) {
    switch (type) {
    case SNNK__ELEMENT_BOOL: EACH(cells[i] != 0);
    case SNNK__ELEMENT_U8: EACH(cells[i]);
    case SNNK__ELEMENT_I8: EACH((int8_t)cells[i]);
    case SNNK__ELEMENT_F8_E4M3: EACH(e4m3_value(cells[i]));
    case SNNK__ELEMENT_F8_E5M2: EACH(half_value((uint16_t)(cells[i] << 8)));
    case SNNK__ELEMENT_F8_E8M0: EACH(e8m0_value(cells[i]));
    case SNNK__ELEMENT_U16: EACH(snnk__load_u16(cells + 2 * i, big));
    case SNNK__ELEMENT_I16: EACH((int16_t)snnk__load_u16(cells + 2 * i, big));
    case SNNK__ELEMENT_U32: EACH(snnk__load_u32(cells + 4 * i, big));
    case SNNK__ELEMENT_I32: EACH((int32_t)snnk__load_u32(cells + 4 * i, big));
    case SNNK__ELEMENT_U64: EACH(snnk__load_u64(cells + 8 * i, big));
    case SNNK__ELEMENT_I64: EACH((int64_t)snnk__load_u64(cells + 8 * i, big));
    case SNNK__ELEMENT_F16: EACH(half_value(snnk__load_u16(cells + 2 * i, big)));
    case SNNK__ELEMENT_BF16: EACH(bits_value((uint32_t)snnk__load_u16(cells + 2 * i, big) << 16));
    case SNNK__ELEMENT_F32: EACH(snnk__load_f32(cells + 4 * i, big));
    case SNNK__ELEMENT_F64: EACH(snnk__load_f64(cells + 8 * i, big));
    }
}

/* Bytes read from disk at a time. */
#define WINDOW_BYTES ((size_t)32768)

int snnk__elements_read(int fd, const char *path, size_t begin, snnk__element type, bool big_endian,
                        size_t n, float *x, double *y) {
    const size_t width = snnk__element_bytes(type);
    const bool host_order = big_endian != snnk__host_is_little_endian();
    unsigned char window[WINDOW_BYTES];

    /* The file already has the numbers in this machine's byte order. */
    if (x && type == SNNK__ELEMENT_F32 && host_order)
        return snnk__file_read_range(fd, path, begin, n * width, x);
    if (y && type == SNNK__ELEMENT_F64 && host_order)
        return snnk__file_read_range(fd, path, begin, n * width, y);
    for (size_t done = 0; done < n;) {
        const size_t count = snnk__min_size(WINDOW_BYTES / width, n - done);
        const int st = snnk__file_read_range(fd, path, begin + done * width, count * width, window);

        if (st != SNNK_OK) return st;
        snnk__elements_convert(type, big_endian, window, count, x ? x + done : NULL,
                               y ? y + done : NULL);
        done += count;
    }
    return SNNK_OK;
}
