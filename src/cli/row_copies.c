#include "cli/row_copies.h"

#include <string.h>

/* A number that equal rows share: FNV-1a, 64 bits. */
static uint64_t hash_of(size_t n, const float *x) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t k = 0; k < n; k++) {
        const float value = x[k] + 0.0f; /* -0 becomes 0 */
        uint32_t bits;

        memcpy(&bits, &value, sizeof bits);
        hash = (hash ^ bits) * UINT64_C(0x100000001b3);
    }
    return hash;
}

int row_copies_change(row_copies *copies, size_t first, size_t n, float *X) {
    const size_t width = copies->width;

    for (size_t i = 0; i < n; i++) copies->groups[i] = hash_of(width, X + i * width);
    if (copies->copy == 0) return SNNK_OK;
    memcpy(copies->originals, X, n * width * sizeof *X);
    return snnk_augment_rows(&copies->config, n, copies->originals, width,
                             (copies->copy - 1) * copies->rows + first, X, width,
                             copies->workspace);
}
