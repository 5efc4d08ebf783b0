/* The functions of a fuzz target: the entry point of libFuzzer, and valid files to start from for
 * replay.c. */
#ifndef SNNK_TESTS_FUZZ_H
#define SNNK_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Copy valid file k to `out`, which has room for FUZZ_MAX_BYTES. Returns its size; 0 after the last
 * file. */
#define FUZZ_MAX_BYTES 8192
size_t fuzz_seed(size_t k, uint8_t *out);

/* Print the condition and end the process if it does not hold. */
#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s is false\n", __FILE__, __LINE__, #condition);               \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
