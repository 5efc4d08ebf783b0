/* Size arithmetic that reports overflow. */
#ifndef SNNK_BASE_SIZE_H
#define SNNK_BASE_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* *result = a * b, or false (result untouched) if that overflows. */
static inline bool snnk__mul_size(size_t a, size_t b, size_t *result) {
    if (b != 0 && a > SIZE_MAX / b) return false;
    *result = a * b;
    return true;
}

/* *result = a + b, or false (result untouched) if that overflows. */
static inline bool snnk__add_size(size_t a, size_t b, size_t *result) {
    if (a > SIZE_MAX - b) return false;
    *result = a + b;
    return true;
}

static inline size_t snnk__min_size(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t snnk__max_size(size_t a, size_t b) { return a > b ? a : b; }

#endif
