#include "base/rows.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/size.h"
#include "base/status.h"

static const snnk_rows defaults = {.size = sizeof(snnk_rows)};

/* The fields of the first version. */
#define ROWS_MINIMUM offsetof(snnk_rows, groups)

/* Doubles of this magnitude, half a unit above the largest float, round to infinity. */
#define OVERFLOW_LIMIT 0x1.ffffffp127

int snnk_rows_init(snnk_rows *rows, size_t rows_size) {
    return snnk__config_init(rows, rows_size, &defaults, sizeof defaults, ROWS_MINIMUM, "rows");
}

/* ---- Checking ---- */

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
    if (!ours->labels && !ours->Y && !ours->Y_f64 && ours->n > 0)
        return snnk__fail(SNNK_E_NULL, "neither Y nor labels is set: set one of them");
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
    if (inputs == 0) inputs = read.inputs;
    if (inputs == 0)
        return snnk__fail(SNNK_E_SHAPE, "inputs = 0: set it to the number of columns of X");
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

static int check_doubles(const double *X, const char *name, size_t n, size_t columns, size_t ld) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < columns; j++)
            if (!(fabs(X[i * ld + j]) < OVERFLOW_LIMIT))
                return snnk__fail(SNNK_E_NONFINITE, "%s[%zu][%zu] = %g is not finite as a float",
                                  name, i, j, X[i * ld + j]);
    return SNNK_OK;
}

int snnk__rows_check_overlap(const snnk_rows *rows, const snnk__operand *written, bool in_place) {
    const size_t n = rows->n, of_x = rows->X ? sizeof *rows->X : sizeof *rows->X_f64,
                 of_y = rows->Y ? sizeof *rows->Y : sizeof *rows->Y_f64;
    const void *X = rows->X, *Y = rows->Y;
    const snnk__operand arrays[] = {
        *written,
        {"X", X ? X : rows->X_f64, n, rows->inputs, rows->ldx, of_x, false},
        {"labels", rows->labels, 1, n, n, sizeof *rows->labels, false},
        {"weights", rows->weights, 1, n, n, sizeof *rows->weights, false}};
    const snnk__operand targets[] = {
        *written, {"Y", Y ? Y : rows->Y_f64, n, rows->outputs, rows->ldy, of_y, false}};
    const int st = snnk__check_overlap(4, arrays);

    if (st != SNNK_OK) return st;
    return in_place ? snnk__check_overlap_but_same(&targets[1], written)
                    : snnk__check_overlap(2, targets);
}

int snnk__rows_check_finite(const snnk_rows *rows) {
    const size_t n = rows->n;
    int st = SNNK_OK;

    if (rows->X) st = snnk__check_finite(rows->X, "X", n, rows->inputs, rows->ldx);
    if (rows->X_f64) st = check_doubles(rows->X_f64, "X_f64", n, rows->inputs, rows->ldx);
    if (st != SNNK_OK) return st;
    if (rows->Y) st = snnk__check_finite(rows->Y, "Y", n, rows->outputs, rows->ldy);
    if (rows->Y_f64) st = check_doubles(rows->Y_f64, "Y_f64", n, rows->outputs, rows->ldy);
    return st;
}

static bool doubles_below(const double *X, size_t n, size_t columns, size_t ld, float limit) {
    bool below = true;

    for (size_t i = 0; below && i < n; i++)
        for (size_t j = 0; j < columns; j++) below &= fabs(X[i * ld + j]) < (double)limit;
    return below;
}

bool snnk__rows_all_below(const snnk_rows *rows, float limit) {
    const size_t n = rows->n;

    if (rows->X && !snnk__all_below(rows->X, n, rows->inputs, rows->ldx, limit)) return false;
    if (rows->X_f64 && !doubles_below(rows->X_f64, n, rows->inputs, rows->ldx, limit)) return false;
    if (rows->Y && !snnk__all_below(rows->Y, n, rows->outputs, rows->ldy, limit)) return false;
    return !rows->Y_f64 || doubles_below(rows->Y_f64, n, rows->outputs, rows->ldy, limit);
}

/* ---- Parts ---- */

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
    if (part.groups) part.groups += first;
    return part;
}

size_t snnk__rows_next(size_t left, size_t most) {
    const size_t parts = (left - 1) / most + 1;

    return (left - 1) / parts + 1;
}

uint64_t snnk__rows_hash(const snnk_rows *rows, size_t i) {
    uint64_t hash = 0x9E3779B97F4A7C15;

    for (size_t k = 0; k < rows->inputs; k++) {
        const size_t at = i * rows->ldx + k;
        const double value = (rows->X ? (double)rows->X[at] : rows->X_f64[at]) + 0.0; /* no -0 */
        uint64_t bits;

        memcpy(&bits, &value, sizeof bits);
        hash = (hash ^ bits) * 0xFF51AFD7ED558CCD;
        hash ^= hash >> 32;
    }
    return hash;
}

double snnk__rows_weight(const snnk_rows *rows) {
    double sum = 0;

    if (!rows->weights) return (double)rows->n;
    for (size_t i = 0; i < rows->n; i++) sum += (double)rows->weights[i];
    return sum;
}

/* ---- As floats ---- */

static int allocate_block(const snnk_allocator *allocator, size_t rows, size_t columns,
                          const char *what, float **block) {
    size_t count;

    if (!snnk__mul_size(rows, columns, &count))
        return snnk__fail(SNNK_E_SIZE, "%s: %zu x %zu overflows size_t", what, rows, columns);
    return snnk__alloc(allocator, count, sizeof **block, what, block);
}

int snnk__float_rows_open(const snnk_allocator *allocator, const snnk_rows *rows, size_t most,
                          snnk__float_rows *floats) {
    const size_t block = snnk__min_size(rows->n, most);
    int st = SNNK_OK;

    *floats = (snnk__float_rows){.rows = *rows, .allocator = allocator};
    if (rows->X_f64)
        st = allocate_block(allocator, block, rows->inputs, "inputs as floats", &floats->X);
    if (st == SNNK_OK && rows->Y_f64)
        st = allocate_block(allocator, block, rows->outputs, "targets as floats", &floats->Y);
    if (st != SNNK_OK) snnk__float_rows_close(floats);
    return st;
}

static void convert(size_t n, size_t columns, const double *from, size_t ld, float *to) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < columns; j++) to[i * columns + j] = (float)from[i * ld + j];
}

snnk_rows snnk__float_rows_part(const snnk__float_rows *floats, size_t first, size_t count) {
    snnk_rows part = snnk__rows_part(&floats->rows, first, count);

    if (part.X_f64) {
        convert(count, part.inputs, part.X_f64, part.ldx, floats->X);
        part.X = floats->X;
        part.ldx = part.inputs;
        part.X_f64 = NULL;
    }
    if (part.Y_f64) {
        convert(count, part.outputs, part.Y_f64, part.ldy, floats->Y);
        part.Y = floats->Y;
        part.ldy = part.outputs;
        part.Y_f64 = NULL;
    }
    return part;
}

void snnk__float_rows_close(const snnk__float_rows *floats) {
    snnk__free(floats->allocator, floats->Y);
    snnk__free(floats->allocator, floats->X);
}
