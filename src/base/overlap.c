#include "base/overlap.h"

#include <stdint.h>

#include "base/status.h"

static bool is_empty(const snnk__operand *a) {
    return !a->first || a->rows == 0 || a->columns == 0;
}

static size_t row_bytes(const snnk__operand *a) { return a->columns * a->element_bytes; }

/* Bytes from the first element to the end of the last. */
static size_t extent(const snnk__operand *a) {
    return (a->rows - 1) * a->ld * a->element_bytes + row_bytes(a);
}

/* Bytes between rows; an array of a single row takes the stride of the other array. */
static size_t stride(const snnk__operand *a, const snnk__operand *other) {
    const snnk__operand *of = a->rows > 1 ? a : other;

    return of->ld * of->element_bytes;
}

/* Whether the rows of two arrays with the same stride alternate without touching; a begins first:
 *
 *     |<------------- stride -------------->|
 *     | row of a |    | row of b |          | row of a |    ...
 *     |<--- offset -->| */
static bool alternate(const snnk__operand *a, const snnk__operand *b) {
    const size_t step = stride(a, b), of_a = row_bytes(a), of_b = row_bytes(b);

    if (step != stride(b, a) || of_a > step || of_b > step - of_a) return false;
    const size_t offset = ((uintptr_t)b->first - (uintptr_t)a->first) % step;

    return offset >= of_a && offset <= step - of_b;
}

static bool overlap(const snnk__operand *a, const snnk__operand *b) {
    if (is_empty(a) || is_empty(b)) return false;
    if ((uintptr_t)a->first > (uintptr_t)b->first) return overlap(b, a);
    return (uintptr_t)b->first - (uintptr_t)a->first < extent(a) && !alternate(a, b);
}

int snnk__check_overlap(size_t n, const snnk__operand *arrays) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) {
            const snnk__operand *written = arrays[i].written ? &arrays[i] : &arrays[j];
            const snnk__operand *other = arrays[i].written ? &arrays[j] : &arrays[i];

            if (written->written && overlap(written, other))
                return snnk__fail(SNNK_E_OVERLAP,
                                  "%s overlaps %s: give it memory of its own, or other columns of "
                                  "rows with the same stride",
                                  written->name, other->name);
        }
    return SNNK_OK;
}

int snnk__check_overlap_but_same(const snnk__operand *read, const snnk__operand *written) {
    const snnk__operand both[] = {*read, *written};

    if (read->first == written->first && read->ld == written->ld &&
        read->element_bytes == written->element_bytes)
        return SNNK_OK;
    return snnk__check_overlap(2, both);
}
