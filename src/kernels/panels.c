#include "kernels/panels.h"

#include "base/size.h"
#include "kernels/kernels.h"

int snnk__panels_create(const snnk_allocator *allocator, size_t rows, size_t columns,
                        const char *what, snnk__panels *panels) {
    const size_t width = snnk__kernels_get()->panel_width;
    size_t padded, count;
    float *data;
    int st;

    if (!snnk__add_size(rows, width - 1, &padded) ||
        !snnk__mul_size(padded / width * width, columns, &count))
        return snnk__fail(SNNK_E_SIZE, "%s: %zu x %zu elements overflow a size", what, rows,
                          columns);
    st = snnk__alloc_zero(allocator, count, sizeof *data, what, &data);
    if (st != SNNK_OK) return st;
    *panels = (snnk__panels){rows, columns, width, data};
    return SNNK_OK;
}

void snnk__panels_free(const snnk_allocator *allocator, snnk__panels *panels) {
    snnk__free(allocator, panels->data);
    *panels = (snnk__panels){0};
}

static float *row_start(const snnk__panels *panels, size_t row) {
    return panels->data + row / panels->width * panels->width * panels->columns +
           row % panels->width;
}

void snnk__panels_set_row(snnk__panels *panels, size_t row, const float *values) {
    float *start = row_start(panels, row);

    for (size_t k = 0; k < panels->columns; k++) start[k * panels->width] = values[k];
}

void snnk__panels_get_row(const snnk__panels *panels, size_t row, float *values) {
    const float *start = row_start(panels, row);

    for (size_t k = 0; k < panels->columns; k++) values[k] = start[k * panels->width];
}

double snnk__panels_row_norm2(const snnk__panels *panels, size_t row) {
    const float *start = row_start(panels, row);
    double sum = 0;

    for (size_t k = 0; k < panels->columns; k++) {
        const double value = start[k * panels->width];

        sum += value * value;
    }
    return sum;
}
