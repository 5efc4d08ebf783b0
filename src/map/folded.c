/* FOLDED_URF: spectral features composed with a linear map. Created by snnk_map_fold. */
#include "map/folded.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "map/symmetric.h"
#include "map/urf_table.h"
#include "projection/projection.h"

typedef struct folded_table {
    snnk_allocator allocator;
    float *numbers; /* the numbers of all rows */
    double *directions, *direction_offset, *gain, *nu;
    snnk__panels packed; /* directions and offsets in float, for forward passes */
    float *packed_offset;
    snnk__urf_table table;
} folded_table;

/* ---- Data ---- */

static void data_free(folded_table *folded) {
    if (!folded) return;
    const snnk_allocator allocator = folded->allocator;
    snnk__free(&allocator, folded->numbers);
    snnk__free(&allocator, folded->directions);
    snnk__free(&allocator, folded->direction_offset);
    snnk__free(&allocator, folded->gain);
    snnk__free(&allocator, folded->nu);
    snnk__panels_free(&allocator, &folded->packed);
    snnk__free(&allocator, folded->packed_offset);
    snnk__free(&allocator, folded);
}

/* Allocate a table of `rows` rows for d inputs. The gains are set to 1, other numbers are not set.
 * signs, parts: those of the table. t: whether it has nu. */
static int data_alloc(size_t d, size_t rows, size_t signs, size_t parts, size_t n_directions,
                      bool t, const snnk_allocator *allocator, folded_table **folded) {
    folded_table *made = NULL;
    size_t numbers, directions;
    int st;

    if (!snnk__mul_size(rows, SNNK__URF_NUMBERS, &numbers) ||
        !snnk__mul_size(n_directions, d, &directions))
        return snnk__fail(SNNK_E_SIZE, "a table of %zu rows, or %zu directions of %zu, overflow",
                          rows, n_directions, d);
    st = snnk__alloc_zero(allocator, 1, sizeof *made, "random features", &made);
    if (st != SNNK_OK) return st;
    made->allocator = *allocator;
    st = snnk__alloc(allocator, numbers, sizeof(float), "a table", &made->numbers);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(allocator, directions, sizeof(double), "directions", &made->directions);
    if (st != SNNK_OK) goto done;
    st =
        snnk__alloc(allocator, n_directions, sizeof(double), "directions", &made->direction_offset);
    if (st != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, n_directions, sizeof(double), "gains", &made->gain)) !=
        SNNK_OK)
        goto done;
    if ((st = snnk__alloc(allocator, t ? d : 0, sizeof(double), "a direction", &made->nu)) !=
        SNNK_OK)
        goto done;
    st = snnk__panels_create(allocator, n_directions, d,
                             snnk__kernels_get()->projection_shape(n_directions), "directions",
                             &made->packed);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(allocator, n_directions, sizeof(float), "directions", &made->packed_offset);
    if (st != SNNK_OK) goto done;
    for (size_t i = 0; i < n_directions; i++) made->gain[i] = 1;
    made->table = (snnk__urf_table){.signs = signs,
                                    .parts = parts,
                                    .rows = snnk__urf_rows_in(made->numbers, rows),
                                    .n_directions = n_directions,
                                    .directions = made->directions,
                                    .direction_offset = made->direction_offset,
                                    .gain = made->gain,
                                    .packed_directions = &made->packed,
                                    .packed_offset = made->packed_offset,
                                    .nu = made->nu};
    *folded = made;
    made = NULL;
done:
    data_free(made);
    return st;
}

/* Pack the directions, which must be set. SNNK_E_NONFINITE if one leaves the range of float. */
static int finish(folded_table *folded, size_t d) {
    float *row;
    const int st = snnk__alloc(&folded->allocator, d, sizeof *row, "a direction", &row);

    if (st != SNNK_OK) return st;
    for (size_t i = 0; i < folded->table.n_directions; i++) {
        bool finite = isfinite((float)folded->direction_offset[i]);

        for (size_t k = 0; k < d; k++) {
            row[k] = (float)folded->directions[i * d + k];
            finite = finite && isfinite(row[k]);
        }
        if (!finite) {
            snnk__free(&folded->allocator, row);
            return snnk__fail(SNNK_E_NONFINITE, "direction %zu leaves the range of float", i);
        }
        snnk__panels_set_row(&folded->packed, i, row);
        folded->packed_offset[i] = (float)folded->direction_offset[i];
    }
    snnk__free(&folded->allocator, row);
    return SNNK_OK;
}

/* ---- |x~|^2 as a function of the new inputs ---- */

/* k rows q_i of columns + 1 numbers, and gains: |x~|^2 = sum_i gain_i (q_i . (y, 1))^2. */
typedef struct quadratic_form {
    size_t k;
    double *q, *gain;
} quadratic_form;

static size_t count_rows(const snnk__fold *a, const snnk__urf_table *table) {
    return (table->scale ? a->rows : 0) + table->n_directions;
}

/* Set q to row i of the form, from the table for x. */
static double form_row(const snnk__fold *a, const snnk__urf_table *table, size_t i, double *q) {
    const size_t m = a->columns, plain = table->scale ? a->rows : 0;

    memset(q, 0, (m + 1) * sizeof *q);
    if (i < plain) {
        snnk__fold_add_row(a, i, table->scale[i], q);
        if (table->mean) q[m] -= table->scale[i] * table->mean[i];
        return 1;
    }
    const double *u = table->directions + (i - plain) * a->rows;
    q[m] = table->direction_offset[i - plain];
    for (size_t k = 0; k < a->rows; k++) snnk__fold_add_row(a, k, u[k], q);
    return table->gain[i - plain];
}

/* Set R (n x n, upper triangle) so that R^T R = H (upper triangle, destroyed). H is semidefinite: a
 * pivot that is 0 up to rounding gives a row of zeros. */
static void factor(size_t n, double *H, double *R) {
    memset(R, 0, n * n * sizeof *R);
    for (size_t j = 0; j < n; j++) {
        const double pivot = H[j * n + j];
        double squares = 0;

        for (size_t i = 0; i < j; i++) squares += R[i * n + j] * R[i * n + j];
        if (!(pivot - squares > (double)n * DBL_EPSILON * pivot)) continue;
        R[j * n + j] = sqrt(pivot - squares);
        for (size_t k = j + 1; k < n; k++) R[j * n + k] = H[j * n + k];
        for (size_t i = 0; i < j; i++)
            for (size_t k = j + 1; k < n; k++) R[j * n + k] -= R[i * n + j] * R[i * n + k];
        for (size_t k = j + 1; k < n; k++) R[j * n + k] /= R[j * n + j];
    }
}

/* Set the form's matrix, sum_i gain_i q_i q_i^T (upper triangle). q: n doubles of scratch. */
static void moments(const snnk__fold *a, const snnk__urf_table *table, double *q, double *H) {
    const size_t n = a->columns + 1;

    memset(H, 0, n * n * sizeof *H);
    for (size_t i = 0; i < count_rows(a, table); i++) {
        const double gain = form_row(a, table, i, q);

        for (size_t j = 0; j < n; j++)
            for (size_t k = j; k < n; k++) H[j * n + k] += gain * q[j] * q[k];
    }
}

/* Use the rows unchanged; or, if there are more of them than y and 1 have dimensions, the rows of
 * the Cholesky factor of their moments. */
static int make_form(const snnk__fold *a, const snnk__urf_table *table,
                     const snnk_allocator *allocator, quadratic_form *form) {
    const size_t n = a->columns + 1, rows = count_rows(a, table);
    double *H = NULL;
    size_t count;
    int st;

    form->k = snnk__min_size(rows, n);
    if (!snnk__mul_size(n, n, &count))
        return snnk__fail(SNNK_E_SIZE, "the moments of %zu inputs overflow size_t", a->columns);
    st = snnk__alloc(allocator, form->k * n, sizeof *form->q, "a factor", &form->q);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(allocator, form->k, sizeof *form->gain, "gains", &form->gain);
    if (st != SNNK_OK) return st;
    if (rows <= n) {
        for (size_t i = 0; i < rows; i++) form->gain[i] = form_row(a, table, i, form->q + i * n);
        return SNNK_OK;
    }
    if ((st = snnk__alloc(allocator, count, sizeof *H, "moments", &H)) != SNNK_OK) return st;
    moments(a, table, a->sum, H);
    factor(n, H, form->q);
    for (size_t i = 0; i < n; i++) form->gain[i] = 1;
    snnk__free(allocator, H);
    return SNNK_OK;
}

static void set_form(const quadratic_form *form, size_t m, folded_table *to) {
    for (size_t i = 0; i < form->k; i++) {
        memcpy(to->directions + i * m, form->q + i * (m + 1), m * sizeof *to->directions);
        to->direction_offset[i] = form->q[i * (m + 1) + m];
        to->gain[i] = form->gain[i];
    }
}

/* Set nu and t_offset of t = nu . (x - mean) + t_offset for the new inputs. */
static void fold_t(const snnk__fold *a, const snnk__urf_table *table, folded_table *to) {
    const size_t m = a->columns;

    if (!table->nu) return;
    memset(a->sum, 0, m * sizeof *a->sum);
    a->sum[m] = table->t_offset;
    for (size_t k = 0; k < a->rows; k++) {
        snnk__fold_add_row(a, k, table->nu[k], a->sum);
        if (table->mean) a->sum[m] -= table->nu[k] * table->mean[k];
    }
    memcpy(to->nu, a->sum, m * sizeof *to->nu);
    to->table.t_offset = a->sum[m];
}

static int fold_table(const snnk__fold *a, const snnk__urf_table *table, size_t rows,
                      const snnk_allocator *allocator, folded_table **folded) {
    quadratic_form form = {0};
    folded_table *made = NULL;
    int st;

    if ((st = make_form(a, table, allocator, &form)) != SNNK_OK) goto done;
    st = data_alloc(a->columns, rows, table->signs, table->parts, form.k, table->nu != NULL,
                    allocator, &made);
    if (st != SNNK_OK) goto done;
    /* The numbers of all rows are one array that begins with z_exponent. */
    memcpy(made->numbers, table->rows.z_exponent, rows * SNNK__URF_NUMBERS * sizeof(float));
    set_form(&form, a->columns, made);
    fold_t(a, table, made);
    if ((st = finish(made, a->columns)) != SNNK_OK) goto done;
    *folded = made;
    made = NULL;
done:
    data_free(made);
    snnk__free(allocator, form.gain);
    snnk__free(allocator, form.q);
    return st;
}

/* ---- Creating ---- */

/* Create a block with room for its rows. Takes ownership of data, also on failure. */
static int begin(folded_table *data, size_t inputs, size_t rows, const snnk_map_config *config,
                 const snnk_allocator *allocator, snnk__map_block **block) {
    const size_t features = rows * data->table.signs * data->table.parts;
    snnk_map_config ours = *config;
    snnk__map_block *made;
    int st;

    ours.kind = SNNK_MAP_FOLDED_URF;
    st = snnk__map_block_alloc(&snnk__map_folded, &ours, features, allocator, &made);
    if (st != SNNK_OK) {
        data_free(data);
        return st;
    }
    made->data = data;
    made->function = snnk__urf_function(&data->table);
    st = snnk__linear_create_dense(&made->linear, inputs, rows, allocator);
    if (st == SNNK_OK)
        *block = made;
    else
        snnk__map_block_release(made);
    return st;
}

static void release(snnk__map_block *block) { data_free(block->data); }

int snnk__folded_create(const snnk__map_block *from, const snnk__fold *fold,
                        snnk__map_block **folded) {
    const snnk_map_config config = snnk__folded_config(&from->config);
    const size_t rows = from->linear.rows;
    folded_table *data = NULL;
    snnk__map_block *made;
    int st;

    st = fold_table(fold, from->function.urf, rows, fold->allocator, &data);
    if (st != SNNK_OK) return st;
    st = begin(data, fold->columns, rows, &config, fold->allocator, &made);
    if (st != SNNK_OK) return st;
    st = snnk__fold_rows(fold, &from->linear, &made->linear);
    if (st == SNNK_OK)
        *folded = made;
    else
        snnk__map_block_release(made);
    return st;
}

/* ---- Files ---- */

static void write(const snnk__map_block *block, snnk__sink *sink) {
    const folded_table *data = block->data;
    const size_t d = block->linear.inputs, k = data->table.n_directions, r = block->linear.rows;

    sink->count(sink, "rows", r);
    sink->count(sink, "signs", data->table.signs);
    sink->count(sink, "parts", data->table.parts);
    sink->count(sink, "directions", k);
    sink->truth(sink, "shifted", data->nu != NULL);
    sink->number(sink, "shift_offset", data->table.t_offset);
    block->linear.form->write(&block->linear, sink);
    snnk__write_array(sink, snnk__array_2("numbers", SNNK__ELEMENT_F32, SNNK__URF_NUMBERS, r),
                      data->numbers);
    if (data->nu) snnk__write_array(sink, snnk__array_1("shift", SNNK__ELEMENT_F64, d), data->nu);
    if (k == 0) return;
    snnk__write_array(sink, snnk__array_2("directions", SNNK__ELEMENT_F64, k, d), data->directions);
    snnk__write_array(sink, snnk__array_1("direction_offset", SNNK__ELEMENT_F64, k),
                      data->direction_offset);
    snnk__write_array(sink, snnk__array_1("gain", SNNK__ELEMENT_F64, k), data->gain);
}

/* The numbers of a record that are known before its arrays are read. */
typedef struct values {
    size_t rows, signs, parts, directions;
    bool shifted;
    double shift_offset;
} values;

static int read_values(const snnk__source *source, const snnk_map_config *config, values *v) {
    const size_t features = (size_t)config->features;
    int st;

    if ((st = snnk__read_count(source, "rows", &v->rows)) != SNNK_OK) return st;
    if ((st = snnk__read_count(source, "signs", &v->signs)) != SNNK_OK) return st;
    if ((st = snnk__read_count(source, "parts", &v->parts)) != SNNK_OK) return st;
    if ((st = snnk__read_count(source, "directions", &v->directions)) != SNNK_OK) return st;
    if ((st = snnk__read_truth(source, "shifted", &v->shifted)) != SNNK_OK) return st;
    st = snnk__read_within(source, "shift_offset", -DBL_MAX, DBL_MAX, &v->shift_offset);
    if (st != SNNK_OK) return st;
    if (snnk__projection_is_drawn(config->projection))
        return snnk__fail(SNNK_E_FORMAT, "a folded block is \"%s\", but its rows cannot be drawn",
                          snnk_projection_name(config->projection));
    if (v->signs < 1 || v->signs > 2 || v->parts < 1 || v->parts > 2)
        return snnk__fail(SNNK_E_FORMAT,
                          "\"signs\" is %zu and \"parts\" is %zu: each must be 1 or 2", v->signs,
                          v->parts);
    /* Each size is below 2^53, so the product of a quotient cannot overflow. */
    if (v->rows == 0 || features / v->rows != v->signs * v->parts || features % v->rows != 0)
        return snnk__fail(SNNK_E_FORMAT, "%zu features cannot come from %zu rows", features,
                          v->rows);
    return SNNK_OK;
}

/* Read all arrays of the table; only check that they are there if the table is NULL. */
static int take_table(const snnk__source *source, size_t d, const values *v,
                      const folded_table *to) {
    const size_t k = v->directions;
    int st;

    st = snnk__take_array(source,
                          snnk__array_2("numbers", SNNK__ELEMENT_F32, SNNK__URF_NUMBERS, v->rows),
                          to ? to->numbers : NULL);
    if (st != SNNK_OK) return st;
    if (v->shifted) {
        st = snnk__take_array(source, snnk__array_1("shift", SNNK__ELEMENT_F64, d),
                              to ? to->nu : NULL);
        if (st != SNNK_OK) return st;
    }
    if (k == 0) return SNNK_OK;
    st = snnk__take_array(source, snnk__array_2("directions", SNNK__ELEMENT_F64, k, d),
                          to ? to->directions : NULL);
    if (st != SNNK_OK) return st;
    st = snnk__take_array(source, snnk__array_1("direction_offset", SNNK__ELEMENT_F64, k),
                          to ? to->direction_offset : NULL);
    if (st != SNNK_OK) return st;
    return snnk__take_array(source, snnk__array_1("gain", SNNK__ELEMENT_F64, k),
                            to ? to->gain : NULL);
}

static int read(const snnk__map_kind *kind, const snnk__source *source, size_t inputs,
                const snnk_map_config *config, snnk__map_block **block) {
    snnk__map_block *made = NULL;
    folded_table *data;
    values v = {0};
    int st;

    (void)kind;
    if ((st = read_values(source, config, &v)) != SNNK_OK) return st;
    if ((st = snnk__linear_find_dense(source, inputs, v.rows)) != SNNK_OK) return st;
    if ((st = take_table(source, inputs, &v, NULL)) != SNNK_OK) return st;
    st = data_alloc(inputs, v.rows, v.signs, v.parts, v.directions, v.shifted, source->allocator,
                    &data);
    if (st != SNNK_OK) return st;
    data->table.t_offset = v.shift_offset;
    st = take_table(source, inputs, &v, data);
    if (st == SNNK_OK) st = finish(data, inputs);
    if (st != SNNK_OK) {
        data_free(data);
        return st;
    }
    st = begin(data, inputs, v.rows, config, source->allocator, &made);
    if (st != SNNK_OK) return st;
    st = made->linear.form->read(&made->linear, source);
    if (st == SNNK_OK)
        *block = made;
    else
        snnk__map_block_release(made);
    return st;
}

const snnk__map_kind snnk__map_folded = {.name = "folded_urf",
                                         .release = release,
                                         .safe_projection = snnk__urf_safe_projection,
                                         .cost = snnk__urf_cost,
                                         .slope_doubles = snnk__urf_slope_doubles,
                                         .gradient = snnk__urf_gradient,
                                         .laplacian = snnk__urf_laplacian,
                                         .fold = snnk__folded_create,
                                         .write = write,
                                         .read = read};
