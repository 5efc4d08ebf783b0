/* What the files of this program share. It is an example: where something fails, it says what, and exits. */
#ifndef SENTENCE_ENCODER_COMMON_H
#define SENTENCE_ENCODER_COMMON_H

#include <stdio.h>
#include <stdlib.h>

#include <snnk/snnk.h>

#define CHECK(call)                                                                                \
    do {                                                                                           \
        if ((call) != SNNK_OK) {                                                                   \
            fprintf(stderr, "%s: %s\n", #call, snnk_last_error());                                 \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* Zeroed memory. */
static inline void *allocate(size_t count, size_t bytes) {
    void *block = calloc(count > 0 ? count : 1, bytes);

    if (!block) {
        fprintf(stderr, "out of memory: %zu x %zu bytes\n", count, bytes);
        exit(1);
    }
    return block;
}

#endif
