#include "kernels/panels.h"

#include "base/size.h"

int snnk__panels_create(const snnk_allocator *allocator, size_t rows, size_t columns,
                        snnk__panel_shape shape, const char *what, snnk__panels *panels) {
    snnk__panels made = {.rows = rows, .columns = columns, .shape = shape};
    size_t padded, chunks, count;
    int st;

    if (!snnk__add_size(rows, shape.width - 1, &padded) ||
        !snnk__add_size(columns, shape.chunk - 1, &chunks) ||
        !snnk__mul_size(padded / shape.width * shape.width, chunks / shape.chunk * shape.chunk,
                        &count))
        return snnk__fail(SNNK_E_SIZE, "%s: %zu x %zu elements overflow a size", what, rows,
                          columns);
    st = snnk__alloc_zero(allocator, count, sizeof *made.data, what, &made.data);
    if (st == SNNK_OK) *panels = made;
    return st;
}

void snnk__panels_free(const snnk_allocator *allocator, snnk__panels *panels) {
    snnk__free(allocator, panels->data);
    *panels = (snnk__panels){0};
}

/* Where element (row, k) is. */
static float *element(const snnk__panels *panels, size_t row, size_t k) {
    const size_t width = panels->shape.width, chunk = panels->shape.chunk;

    return panels->data + row / width * snnk__panel_size(panels) + k / chunk * chunk * width +
           row % width * chunk + k % chunk;
}

float snnk__panels_entry(const snnk__panels *panels, size_t row, size_t column) {
    return *element(panels, row, column);
}

void snnk__panels_set_row(snnk__panels *panels, size_t row, const float *values) {
    for (size_t k = 0; k < panels->columns; k++) *element(panels, row, k) = values[k];
}

void snnk__panels_get_row(const snnk__panels *panels, size_t row, float *values) {
    for (size_t k = 0; k < panels->columns; k++) values[k] = *element(panels, row, k);
}

double snnk__panels_row_norm2(const snnk__panels *panels, size_t row) {
    double sum = 0;

    for (size_t k = 0; k < panels->columns; k++) {
        const double value = *element(panels, row, k);

        sum += value * value;
    }
    return sum;
}
