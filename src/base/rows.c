#include "base/rows.h"

#include "base/status.h"

static const snnk_rows defaults = {.size = sizeof(snnk_rows)};

/* The first version of the struct has all of today's fields. */
#define ROWS_MINIMUM sizeof(snnk_rows)

int snnk_rows_init(snnk_rows *rows, size_t rows_size) {
    return snnk__config_init(rows, rows_size, &defaults, sizeof defaults, ROWS_MINIMUM, "rows");
}

/* One matrix given as float or as double: resolve its columns and its stride. */
static int read_matrix(const float *f32, const double *f64, const char *name, size_t n,
                       size_t columns, size_t *given_columns, size_t *ld) {
    if (*given_columns == 0) *given_columns = columns;
    if (*ld == 0) *ld = columns;
    if (*given_columns != columns)
        return snnk__fail(SNNK_E_SHAPE, "%zu columns of %s were given, but %zu are expected",
                          *given_columns, name, columns);
    if (f32 && f64)
        return snnk__fail(SNNK_E_NULL, "%s and %s_f64 are both set: set only one of them", name,
                          name);
    if (f64) return snnk__check_matrix(f64, name, n, columns, *ld, sizeof *f64);
    return snnk__check_matrix(f32, name, n, columns, *ld, sizeof *f32);
}

static int read_targets(snnk_rows *ours, size_t outputs) {
    if (!ours->labels)
        return read_matrix(ours->Y, ours->Y_f64, "Y", ours->n, outputs, &ours->outputs, &ours->ldy);
    if (ours->Y || ours->Y_f64)
        return snnk__fail(SNNK_E_NULL, "Y and labels are both set: set only one of them");
    if (ours->outputs == 0) ours->outputs = outputs;
    if (ours->outputs != outputs)
        return snnk__fail(SNNK_E_SHAPE, "labels of %zu classes were given, but %zu are expected",
                          ours->outputs, outputs);
    return snnk__check_labels(ours->n, ours->labels, outputs);
}

int snnk__rows_read(const snnk_rows *rows, size_t inputs, size_t outputs, bool targets,
                    snnk_rows *ours) {
    snnk_rows read = defaults;
    int st;

    if ((st = snnk__check_pointer(rows, "rows")) != SNNK_OK) return st;
    st = snnk__config_read(&read, sizeof read, ROWS_MINIMUM, rows, "rows");
    if (st != SNNK_OK) return st;
    st = read_matrix(read.X, read.X_f64, "X", read.n, inputs, &read.inputs, &read.ldx);
    if (st != SNNK_OK) return st;
    if (targets) {
        if ((st = read_targets(&read, outputs)) != SNNK_OK) return st;
    } else {
        read.Y = NULL;
        read.Y_f64 = NULL;
        read.labels = NULL;
    }
    if ((st = snnk__check_weights(read.n, read.weights)) != SNNK_OK) return st;
    *ours = read;
    return SNNK_OK;
}

snnk_rows snnk__rows_part(const snnk_rows *rows, size_t first, size_t count) {
    snnk_rows part = *rows;

    part.n = count;
    if (first == 0) return part;
    if (part.X) part.X += first * part.ldx;
    if (part.X_f64) part.X_f64 += first * part.ldx;
    if (part.Y) part.Y += first * part.ldy;
    if (part.Y_f64) part.Y_f64 += first * part.ldy;
    if (part.labels) part.labels += first;
    if (part.weights) part.weights += first;
    return part;
}
