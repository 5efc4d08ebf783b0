/* What a fuzz target gives: the entry point of libFuzzer, and good files to start from for
 * replay.c. */
#ifndef SNNK_TESTS_FUZZ_H
#define SNNK_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Copy good file k to `out`, which has room for FUZZ_MAX_BYTES; returns its size, 0 past the
 * last. */
#define FUZZ_MAX_BYTES 8192
size_t fuzz_seed(size_t k, uint8_t *out);

/* End the process, loudly, if a promise is broken. */
#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s is false\n", __FILE__, __LINE__, #condition);               \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
