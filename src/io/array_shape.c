#include "io/array_shape.h"

#include <string.h>

#include "base/size.h"

/* Rows take bytes of the file, and so bound the number of columns. An array without rows takes
 * none: a file of a few bytes could make a caller allocate gigabytes for one row. */
#define MAX_EMPTY_COLUMNS ((size_t)1 << 20)

void snnk__array_shape_push(snnk__array_shape *shape, uint64_t dim) {
    if (shape->n_dims < SNNK__TABLE_MAX_DIMS && dim <= SIZE_MAX)
        shape->dims[shape->n_dims] = (size_t)dim;
    shape->n_dims++;
    if (dim > SIZE_MAX) {
        shape->overflows = true;
    } else if (shape->n_dims == 1) {
        shape->rows = (size_t)dim;
    } else if (!snnk__mul_size(shape->columns, (size_t)dim, &shape->columns)) {
        shape->overflows = true;
    }
}

int snnk__table_set_cells(snnk_table *table, const snnk__array_shape *shape, snnk__element type,
                          bool big_endian, size_t begin, size_t left) {
    size_t announced;

    if (shape->n_dims == 0)
        return snnk__fail(SNNK_E_FORMAT, "an array without dimensions (a scalar) is not a table");
    if (shape->n_dims > SNNK__TABLE_MAX_DIMS)
        return snnk__fail(SNNK_E_FORMAT, "an array of %zu dimensions: the limit is %d",
                          shape->n_dims, SNNK__TABLE_MAX_DIMS);
    if (shape->overflows || !snnk__mul_size(shape->rows, shape->columns, &announced) ||
        !snnk__mul_size(announced, snnk__element_bytes(type), &announced))
        return snnk__fail(SNNK_E_TRUNCATED,
                          "the header describes more than %zu bytes of data, but the file has %zu",
                          (size_t)SIZE_MAX, left);
    if (shape->columns == 0)
        return snnk__fail(SNNK_E_FORMAT, "an array with 0 columns is not a table");
    if (shape->rows == 0 && shape->columns > MAX_EMPTY_COLUMNS)
        return snnk__fail(SNNK_E_FORMAT,
                          "0 rows of %zu columns: an array without rows may have at most %zu",
                          shape->columns, MAX_EMPTY_COLUMNS);
    if (announced != left)
        return snnk__fail(SNNK_E_TRUNCATED,
                          "the header describes %zu bytes of data, but the file has %zu", announced,
                          left);
    table->n_dims = shape->n_dims;
    memcpy(table->dims, shape->dims, shape->n_dims * sizeof *table->dims);
    table->rows = shape->rows;
    table->columns = shape->columns;
    table->type = type;
    table->big_endian = big_endian;
    table->cells_begin = begin;
    return SNNK_OK;
}
