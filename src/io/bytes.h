/* Reading untrusted bytes: a cursor that cannot run past the end, and numbers of either byte order
 * and any alignment. */
#ifndef SNNK_IO_BYTES_H
#define SNNK_IO_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The bytes that have not been read yet. */
typedef struct snnk__cursor {
    const unsigned char *at;
    size_t left;
} snnk__cursor;

/* Take the next n bytes: *bytes points to them. False, with nothing changed, if fewer are left. */
static inline bool snnk__take(snnk__cursor *cursor, size_t n, const unsigned char **bytes) {
    if (n > cursor->left) return false;
    *bytes = cursor->at;
    cursor->at += n;
    cursor->left -= n;
    return true;
}

static inline uint16_t snnk__load_u16(const unsigned char *b, bool big_endian) {
    return (uint16_t)(big_endian ? b[0] << 8 | b[1] : b[1] << 8 | b[0]);
}

static inline uint32_t snnk__load_u32(const unsigned char *b, bool big_endian) {
    if (big_endian) return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    return (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[1] << 8 | b[0];
}

static inline uint64_t snnk__load_u64(const unsigned char *b, bool big_endian) {
    const uint64_t first = snnk__load_u32(b, big_endian);
    const uint64_t second = snnk__load_u32(b + 4, big_endian);

    return big_endian ? first << 32 | second : second << 32 | first;
}

static inline float snnk__load_f32(const unsigned char *b, bool big_endian) {
    const uint32_t bits = snnk__load_u32(b, big_endian);
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline double snnk__load_f64(const unsigned char *b, bool big_endian) {
    const uint64_t bits = snnk__load_u64(b, big_endian);
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline void snnk__store_u64_le(unsigned char *b, uint64_t value) {
    for (int i = 0; i < 8; i++) b[i] = (unsigned char)(value >> 8 * i);
}

/* Whether this machine is little-endian, like safetensors files. Compilers turn it into a
 * constant. */
static inline bool snnk__host_is_little_endian(void) {
    const uint16_t one = 1;
    unsigned char first;

    memcpy(&first, &one, 1);
    return first == 1;
}

#endif
