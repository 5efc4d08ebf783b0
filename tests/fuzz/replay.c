/* Run a fuzz target without a fuzzer. With arguments: on these files (found by a fuzzer). Without:
 * on the target's valid files, truncated at every byte, with a bit flipped in every byte, and on a
 * fixed sequence of mutations of them, the same on every machine. To search for failures, link with
 * -fsanitize=fuzzer instead of this file. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUTATIONS 6000

/* splitmix64. */
static uint64_t draw(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static size_t below(uint64_t *state, size_t n) { return n > 0 ? (size_t)(draw(state) % n) : 0; }

/* In a block of exactly that size, so that a sanitizer reports an access beyond it. */
static void run(const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size > 0 ? size : 1);

    if (!copy) abort();
    memcpy(copy, bytes, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

/* Make one change, and return the new size. */
static size_t mutate(uint64_t *state, uint8_t *bytes, size_t size) {
    static const uint8_t telling[] = {0,   1,    0x7f, 0x80, 0xff, '"', ',',
                                      ';', '\t', '\n', '0',  '9',  '-', '\\'};
    const size_t at = below(state, size);
    size_t n;

    switch (size > 0 ? draw(state) % 6 : 4) {
    case 0: bytes[at] ^= (uint8_t)(1 << draw(state) % 8); return size;
    case 1: bytes[at] = telling[below(state, sizeof telling)]; return size;
    case 2: bytes[at] = (uint8_t)draw(state); return size;
    case 3: return at;
    case 4: /* insert some bytes, or a copy of existing ones */
        n = 1 + below(state, 16);
        if (size + n > FUZZ_MAX_BYTES) return size;
        memmove(bytes + at + n, bytes + at, size - at);
        if (size >= n && draw(state) % 2)
            memmove(bytes + at, bytes + below(state, size - n + 1), n);
        else
            for (size_t i = 0; i < n; i++) bytes[at + i] = (uint8_t)draw(state);
        return size + n;
    default: /* remove some */
        n = 1 + below(state, size - at < 16 ? size - at : 16);
        if (n > size - at) n = size - at;
        memmove(bytes + at, bytes + at + n, size - at - n);
        return size - n;
    }
}

static int run_file(const char *path) {
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(1 << 24);
    int failed = 1;

    if (file && bytes) {
        run(bytes, fread(bytes, 1, 1 << 24, file));
        failed = 0;
    } else {
        perror(path);
    }
    if (file) fclose(file);
    free(bytes);
    return failed;
}

int main(int argc, char **argv) {
    static uint8_t bytes[FUZZ_MAX_BYTES];
    size_t n_seeds = 0, runs = 0, size;
    uint64_t state = 1;
    int failed = 0;

    for (int i = 1; i < argc; i++) failed |= run_file(argv[i]);
    if (argc > 1) return failed;

    for (; (size = fuzz_seed(n_seeds, bytes)) > 0; n_seeds++)
        for (size_t at = 0; at <= size; at++, runs += 2) {
            const uint8_t flip = (uint8_t)(1 << at % 8);

            run(bytes, at);
            if (at == size) break;
            bytes[at] ^= flip;
            run(bytes, size);
            bytes[at] ^= flip;
        }
    for (int i = 0; i < MUTATIONS; i++, runs++) {
        size = fuzz_seed(below(&state, n_seeds), bytes);
        for (size_t changes = 1 + below(&state, 4); changes > 0; changes--)
            size = mutate(&state, bytes, size);
        run(bytes, size);
    }
    printf("%zu inputs from %zu good files\n", runs, n_seeds);
    return 0;
}
