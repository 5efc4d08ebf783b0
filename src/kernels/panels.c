#include "kernels/panels.h"

#include <math.h>
#include <snnk/storage.h>
#include <string.h>

#include "base/size.h"
#include "kernels/bf16.h"
#include "kernels/narrow_format.h"

const char *snnk_storage_name(int32_t storage) {
    static const char *const names[] = {"f32", "bf16", "int8", "bf16x3"};

    return storage >= 0 && storage <= SNNK_STORAGE_BF16X3 ? names[storage] : NULL;
}

/* Count the elements of all panels, and the rows including those that pad the last panel. */
static int sizes(const snnk__panels *panels, const char *what, size_t *count, size_t *padded_rows) {
    const snnk__panel_shape shape = panels->shape;
    size_t rows, columns;

    if (!snnk__add_size(panels->rows, shape.unit - 1, &rows) ||
        !snnk__add_size(panels->columns, shape.chunk - 1, &columns) ||
        !snnk__mul_size(rows / shape.unit * shape.unit, columns / shape.chunk * shape.chunk, count))
        return snnk__fail(SNNK_E_SIZE, "%s: %zu x %zu elements overflow size_t", what, panels->rows,
                          panels->columns);
    *padded_rows = rows / shape.unit * shape.unit;
    return SNNK_OK;
}

int snnk__panels_create(const snnk_allocator *allocator, size_t rows, size_t columns,
                        snnk__panel_shape shape, const char *what, snnk__panels *panels) {
    snnk__panels made = {.rows = rows, .columns = columns, .shape = shape};
    size_t count, padded;
    int st;

    if ((st = sizes(&made, what, &count, &padded)) != SNNK_OK) return st;
    st = snnk__alloc_zero(allocator, count, sizeof *made.data, what, &made.data);
    if (st == SNNK_OK) *panels = made;
    return st;
}

int snnk__panels_create_narrow(const snnk_allocator *allocator, size_t rows, size_t columns,
                               int32_t storage, const char *what, snnk__panels *panels) {
    const bool int8 = storage == SNNK_STORAGE_INT8;
    snnk__panels made = {.rows = rows,
                         .columns = columns,
                         .shape = {SNNK__NARROW_WIDTH, int8 ? SNNK__INT8_CHUNK : SNNK__BF16_CHUNK,
                                   SNNK__NARROW_WIDTH},
                         .storage = storage};
    size_t count, padded;
    int st;

    if ((st = sizes(&made, what, &count, &padded)) != SNNK_OK) return st;
    const size_t bytes = int8 ? sizeof(uint8_t) : sizeof(uint16_t);
    if (!snnk__add_size(count, SNNK__NARROW_SLACK / bytes, &count))
        return snnk__fail(SNNK_E_SIZE, "%s: %zu x %zu elements overflow size_t", what, rows,
                          columns);
    st = snnk__alloc_zero(allocator, count, bytes, what, &made.narrow);
    if (st == SNNK_OK && int8)
        st = snnk__alloc_zero(allocator, padded, sizeof *made.scale, what, &made.scale);
    if (st == SNNK_OK && storage == SNNK_STORAGE_BF16X3)
        st = snnk__alloc_zero(allocator, count, bytes, what, &made.low);
    if (st == SNNK_OK)
        *panels = made;
    else
        snnk__panels_free(allocator, &made);
    return st;
}

void snnk__panels_free(const snnk_allocator *allocator, snnk__panels *panels) {
    snnk__free(allocator, panels->data);
    snnk__free(allocator, panels->narrow);
    snnk__free(allocator, panels->low);
    snnk__free(allocator, panels->scale);
    *panels = (snnk__panels){0};
}

snnk__panels snnk__panels_some(const snnk__panels *panels, size_t first, size_t count) {
    const size_t skipped = first / panels->shape.width * snnk__panel_size(panels);
    snnk__panels some = *panels;

    some.rows = count;
    if (snnk__panels_are_float(panels)) {
        some.data += skipped;
    } else if (panels->storage == SNNK_STORAGE_INT8) {
        some.narrow = (uint8_t *)panels->narrow + skipped;
        some.scale += first;
    } else {
        some.narrow = (uint16_t *)panels->narrow + skipped;
        if (panels->low) some.low = (uint16_t *)panels->low + skipped;
    }
    return some;
}

/* The stored rows of the panel that begins with row `first`. */
static size_t panel_width(const snnk__panels *panels, size_t first) {
    const size_t unit = panels->shape.unit, rest = panels->rows - first;

    return rest < panels->shape.width ? (rest + unit - 1) / unit * unit : panels->shape.width;
}

/* The index of element (row, k). */
static size_t place(const snnk__panels *panels, size_t row, size_t k) {
    const size_t chunk = panels->shape.chunk, panel = row / panels->shape.width;
    const size_t first = panel * panels->shape.width;

    return panel * snnk__panel_size(panels) + k / chunk * chunk * panel_width(panels, first) +
           (row - first) * chunk + k % chunk;
}

float snnk__panels_entry(const snnk__panels *panels, size_t row, size_t column) {
    const size_t at = place(panels, row, column);

    if (snnk__panels_are_float(panels)) return panels->data[at];
    if (panels->storage == SNNK_STORAGE_INT8)
        return panels->scale[row] * (float)(((const uint8_t *)panels->narrow)[at] - 128);
    const uint16_t high = ((const uint16_t *)panels->narrow)[at];

    if (panels->storage == SNNK_STORAGE_BF16) return snnk__bf16_value(high);
    return snnk__bf16_pair_value((snnk__bf16_pair){high, ((const uint16_t *)panels->low)[at]});
}

static void set_pairs(snnk__panels *panels, size_t row, const float *values) {
    uint16_t *high = panels->narrow, *low = panels->low;

    for (size_t k = 0; k < panels->columns; k++) {
        const size_t at = place(panels, row, k);
        const snnk__bf16_pair pair = snnk__bf16_pair_of(values[k]);

        if (snnk__panels_are_float(panels)) {
            panels->data[at] = snnk__bf16_pair_value(pair);
        } else {
            high[at] = pair.high;
            low[at] = pair.low;
        }
    }
}

/* Round n weights, finite ones to finite numbers as snnk__bf16_finite. */
static void round_weights(size_t n, const float *from, uint16_t *to) {
    snnk__round(n, from, to);
    for (size_t k = 0; k < n; k++)
        if ((to[k] & 0x7fff) == 0x7f80 && isfinite(from[k])) to[k]--;
}

/* A row of SNNK_STORAGE_BF16, whose columns lie in pairs. */
static void set_bf16_row(snnk__panels *panels, size_t row, const float *values) {
    enum { SOME = 256 };
    uint16_t rounded[SOME], *to = (uint16_t *)panels->narrow + place(panels, row, 0);

    for (size_t k = 0, n; k < panels->columns; k += n) {
        n = snnk__min_size(SOME, panels->columns - k);
        round_weights(n, values + k, rounded);
        for (size_t j = 0; j < n; j += SNNK__BF16_CHUNK) {
            memcpy(to, rounded + j, snnk__min_size(SNNK__BF16_CHUNK, n - j) * sizeof *to);
            to += SNNK__NARROW_WIDTH * SNNK__BF16_CHUNK;
        }
    }
}

static void set_rounded_row(snnk__panels *panels, size_t row, const float *values) {
    if (panels->storage == SNNK_STORAGE_BF16X3) {
        set_pairs(panels, row, values);
        return;
    }
    if (panels->storage == SNNK_STORAGE_BF16) {
        set_bf16_row(panels, row, values);
        return;
    }
    const float scale = snnk__int8_scale(panels->columns, values);
    uint8_t *numbers = panels->narrow;

    panels->scale[row] = scale;
    for (size_t k = 0; k < panels->columns; k++)
        numbers[place(panels, row, k)] = (uint8_t)(snnk__int8_of(values[k], scale) + 128);
}

void snnk__panels_set_row(snnk__panels *panels, size_t row, const float *values) {
    snnk__panels_set_rows(panels, row, 1, values, panels->columns);
}

/* Copy columns k ... end-1 of some rows to a panel, whose chunks are `step` floats apart. chunk is
 * a constant at most calls, for speed. */
static inline void copy_chunks_of(const size_t chunk, size_t rows, size_t k, size_t end,
                                  const float *values, size_t ld, float *panel, size_t step) {
    for (size_t j = 0; j < rows; j++) {
        const float *from = values + j * ld;
        float *to = panel + k / chunk * step + j * chunk;
        size_t c = k;

        for (; c + chunk <= end; c += chunk, to += step) memcpy(to, from + c, chunk * sizeof *to);
        if (c < end) memcpy(to, from + c, (end - c) * sizeof *to);
    }
}

static void copy_chunks(size_t rows, size_t k, size_t end, size_t chunk, const float *values,
                        size_t ld, float *panel, size_t step) {
    switch (chunk) {
    case 1: copy_chunks_of(1, rows, k, end, values, ld, panel, step); return;
    case 2: copy_chunks_of(2, rows, k, end, values, ld, panel, step); return;
    case 4: copy_chunks_of(4, rows, k, end, values, ld, panel, step); return;
    case 8: copy_chunks_of(8, rows, k, end, values, ld, panel, step); return;
    default: copy_chunks_of(chunk, rows, k, end, values, ld, panel, step);
    }
}

void snnk__panels_set_rows(snnk__panels *panels, size_t first, size_t count, const float *values,
                           size_t ld) {
    const size_t chunk = panels->shape.chunk, most = panels->shape.width;
    const size_t columns = (16 + chunk - 1) / chunk * chunk; /* at a time: they are written to few
                                                              * lines of the panel */

    if (panels->storage != SNNK_STORAGE_F32) {
        for (size_t j = 0; j < count; j++) set_rounded_row(panels, first + j, values + j * ld);
        return;
    }
    for (size_t row = first, rows; row < first + count; row += rows, values += rows * ld) {
        const size_t begin = row / most * most, width = panel_width(panels, begin);
        float *panel = panels->data + row / most * snnk__panel_size(panels) + (row - begin) * chunk;

        rows = snnk__min_size(begin + most, first + count) - row;
        for (size_t k = 0; k < panels->columns; k += columns)
            copy_chunks(rows, k, snnk__min_size(k + columns, panels->columns), chunk, values, ld,
                        panel, chunk * width);
    }
}

/* snnk__panels_set_columns in SNNK_STORAGE_BF16. */
static void set_bf16_columns(snnk__panels *panels, size_t first, size_t count, const float *values,
                             size_t ld) {
    const size_t width = SNNK__NARROW_WIDTH;
    uint16_t rounded[SNNK__NARROW_WIDTH];

    for (size_t row = first, n; row < first + count; row += n) {
        uint16_t *to = (uint16_t *)panels->narrow + place(panels, row, 0);

        n = snnk__min_size(row / width * width + width, first + count) - row;
        for (size_t k = 0; k < panels->columns; k++) {
            uint16_t *pairs = to + k / SNNK__BF16_CHUNK * SNNK__BF16_CHUNK * width;

            round_weights(n, values + k * ld + row, rounded);
            for (size_t j = 0; j < n; j++)
                pairs[j * SNNK__BF16_CHUNK + k % SNNK__BF16_CHUNK] = rounded[j];
        }
    }
}

void snnk__panels_set_columns(snnk__panels *panels, size_t first, size_t count, const float *values,
                              size_t ld) {
    if (panels->storage == SNNK_STORAGE_BF16) {
        set_bf16_columns(panels, first, count, values, ld);
        return;
    }
    const size_t size = snnk__panel_size(panels), chunk = panels->shape.chunk,
                 most = panels->shape.width;

    for (size_t row = first, n; row < first + count; row += n) {
        const size_t begin = row / most * most, width = panel_width(panels, begin);
        float *panel = panels->data + row / most * size + (row - begin) * chunk;

        n = snnk__min_size(begin + most, first + count) - row;
        for (size_t k = 0; k < panels->columns; k++) {
            const float *from = values + k * ld + row;
            float *to = panel + k / chunk * chunk * width + k % chunk;

            if (chunk == 1)
                memcpy(to, from, n * sizeof *to);
            else
                for (size_t j = 0; j < n; j++) to[j * chunk] = from[j];
        }
    }
}

void snnk__panels_get_row(const snnk__panels *panels, size_t row, float *values) {
    for (size_t k = 0; k < panels->columns; k++) values[k] = snnk__panels_entry(panels, row, k);
}

double snnk__panels_row_norm2(const snnk__panels *panels, size_t row) {
    double sum = 0;

    for (size_t k = 0; k < panels->columns; k++) {
        const double value = snnk__panels_entry(panels, row, k);

        sum += value * value;
    }
    return sum;
}
