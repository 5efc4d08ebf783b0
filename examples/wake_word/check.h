/* Print a sentence and exit if something fails. */
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

/* Allocate zeroed memory. */
static inline void *allocate(size_t count, size_t bytes) {
    void *block = calloc(count > 0 ? count : 1, bytes);

    if (!block) {
        fprintf(stderr, "out of memory: %zu x %zu bytes\n", count, bytes);
        exit(1);
    }
    return block;
}

static inline FILE *create_file(const char *directory, const char *name) {
    char path[1024];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", directory, name);
    file = fopen(path, "wb");
    if (!file) {
        fprintf(stderr, "cannot write %s\n", path);
        exit(1);
    }
    return file;
}

static inline void close_file(FILE *file, const char *name) {
    if (ferror(file) | fclose(file)) {
        fprintf(stderr, "cannot write %s\n", name);
        exit(1);
    }
}

#endif
