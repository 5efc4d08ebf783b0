/* Stop with a sentence where something fails. */
#ifndef WAKE_WORD_CHECK_H
#define WAKE_WORD_CHECK_H

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

static inline void *allocate(size_t count, size_t bytes) {
    void *block = calloc(count, bytes);

    if (!block) {
        fprintf(stderr, "out of memory: %zu x %zu bytes\n", count, bytes);
        exit(1);
    }
    return block;
}

#endif
