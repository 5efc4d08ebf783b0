/* Maps behind a linear one: Phi'(y) = Phi(V y + c). Products are summed in double and rounded once. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "map/map.h"

/* x = V y + c, and what the blocks need for their sums. */
typedef struct affine {
    size_t rows, columns; /* of V: x and y */
    const float *V;
    size_t ldv;
    const float *c; /* NULL for zeros */
    double *sum;    /* columns + 1 of scratch */
    float *g, *folded, *work;
} affine;

/* to (columns + 1) += factor row k of (V, c). */
static void add_row(const affine *a, size_t k, double factor, double *to) {
    const float *v = a->V + k * a->ldv;

    for (size_t j = 0; j < a->columns; j++) to[j] += factor * v[j];
    if (a->c) to[a->columns] += factor * a->c[k];
}

/* ---- Rows of G ---- */

/* G V and G c + offset. */
static int fold_rows(const affine *a, const snnk__map_block *from, snnk__map_block *to) {
    const size_t m = a->columns;

    for (size_t i = 0; i < from->rows; i++) {
        int st;

        memset(a->sum, 0, m * sizeof *a->sum);
        a->sum[m] = snnk__map_block_get_row(from, i, a->g, a->work);
        for (size_t k = 0; k < a->rows; k++)
            if (a->g[k] != 0) add_row(a, k, a->g[k], a->sum);
        st = snnk__linear_set_row(&to->linear, i, a->sum, a->sum[m], NULL, NULL, a->folded);
        if (st != SNNK_OK) return st;
    }
    return SNNK_OK;
}

/* ---- |x~|^2 on the new inputs ---- */

/* Rows q_i (k of them, columns + 1 numbers each) and gains: |x~|^2 = sum_i gain_i (q_i . (y, 1))^2. */
typedef struct quadratic_form {
    size_t k;
    double *q, *gain;
} quadratic_form;

static size_t count_rows(const affine *a, const snnk__urf_table *table) {
    return (table->scale ? a->rows : 0) + table->n_directions;
}

/* Row i of the form, from the table on x. */
static double form_row(const affine *a, const snnk__urf_table *table, size_t i, double *q) {
    const size_t m = a->columns, plain = table->scale ? a->rows : 0;

    memset(q, 0, (m + 1) * sizeof *q);
    if (i < plain) {
        add_row(a, i, table->scale[i], q);
        if (table->mean) q[m] -= table->scale[i] * table->mean[i];
        return 1;
    }
    const double *u = table->directions + (i - plain) * a->rows;
    q[m] = table->direction_offset[i - plain];
    for (size_t k = 0; k < a->rows; k++) add_row(a, k, u[k], q);
    return table->gain[i - plain];
}

/* R (n x n, upper triangle) with R^T R = H (upper triangle, lost), semidefinite: a pivot that is 0 to
 * rounding gives a row of zeros. */
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

/* The form's matrix, sum_i gain_i q_i q_i^T, upper triangle. q: n of scratch. */
static void moments(const affine *a, const snnk__urf_table *table, double *q, double *H) {
    const size_t n = a->columns + 1;

    memset(H, 0, n * n * sizeof *H);
    for (size_t i = 0; i < count_rows(a, table); i++) {
        const double gain = form_row(a, table, i, q);

        for (size_t j = 0; j < n; j++)
            for (size_t k = j; k < n; k++) H[j * n + k] += gain * q[j] * q[k];
    }
}

/* The rows as they are; or, where they are more than y and 1 have directions, those of the Cholesky factor of
 * their moments. */
static int make_form(const affine *a, const snnk__urf_table *table, const snnk_allocator *allocator,
                     quadratic_form *form) {
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

static void set_form(const quadratic_form *form, size_t m, snnk__folded *to) {
    for (size_t i = 0; i < form->k; i++) {
        memcpy(to->directions + i * m, form->q + i * (m + 1), m * sizeof *to->directions);
        to->direction_offset[i] = form->q[i * (m + 1) + m];
        to->gain[i] = form->gain[i];
    }
}

/* t = nu . (x - mean) + t_offset. */
static void fold_t(const affine *a, const snnk__urf_table *table, snnk__folded *to) {
    const size_t m = a->columns;

    if (!table->nu) return;
    memset(a->sum, 0, m * sizeof *a->sum);
    a->sum[m] = table->t_offset;
    for (size_t k = 0; k < a->rows; k++) {
        add_row(a, k, table->nu[k], a->sum);
        if (table->mean) a->sum[m] -= table->nu[k] * table->mean[k];
    }
    memcpy(to->nu, a->sum, m * sizeof *to->nu);
    to->table.t_offset = a->sum[m];
}

static int fold_table(const affine *a, const snnk__urf_table *table, size_t rows,
                      const snnk_allocator *allocator, snnk__folded **folded) {
    quadratic_form form = {0};
    snnk__folded *made = NULL;
    int st;

    if ((st = make_form(a, table, allocator, &form)) != SNNK_OK) goto done;
    st = snnk__folded_alloc(a->columns, rows, table->signs, table->parts, form.k, table->nu != NULL,
                            allocator, &made);
    if (st != SNNK_OK) goto done;
    /* The rows' numbers are one piece, and begin with z_exponent. */
    memcpy(made->numbers, table->rows.z_exponent, rows * SNNK__URF_NUMBERS * sizeof(float));
    set_form(&form, a->columns, made);
    fold_t(a, table, made);
    if ((st = snnk__folded_finish(made, a->columns)) != SNNK_OK) goto done;
    *folded = made;
    made = NULL;
done:
    snnk__folded_free(made);
    snnk__free(allocator, form.gain);
    snnk__free(allocator, form.q);
    return st;
}

/* ---- Blocks ---- */

/* What a folded block says of itself. */
static snnk_map_config folded_config(const snnk__map_block *block) {
    const bool linear = block->config.kind == SNNK_MAP_IDENTITY || block->line;
    snnk_map_config config = block->config;

    config.seed = 0;
    config.projection_scale = 1;
    config.offset_scale = 0;
    if (config.projection != SNNK_PROJECTION_GIVEN) config.projection = SNNK_PROJECTION_FOLDED;
    if (linear) {
        config.kind = SNNK_MAP_ELEMENTWISE;
        config.activation = SNNK_IDENTITY;
        config.projection = SNNK_PROJECTION_GIVEN;
    }
    return config;
}

static int fold_block(const affine *a, const snnk__map_block *from, const snnk_allocator *allocator,
                      snnk__map_block **to) {
    const snnk_map_config config = folded_config(from);
    snnk__folded *folded = NULL;
    int st;

    if (!from->function.urf) {
        st = snnk__map_block_create(a->columns, &config, false, allocator, to);
    } else {
        st = fold_table(a, from->function.urf, from->rows, allocator, &folded);
        if (st != SNNK_OK) return st;
        st = snnk__map_block_from_folded(a->columns, from->rows, &config, folded, allocator, to);
        if (st != SNNK_OK) snnk__folded_free(folded);
    }
    return st == SNNK_OK ? fold_rows(a, from, *to) : st;
}

static int fold_blocks(const affine *a, const snnk_map *map, snnk_map **folded) {
    const snnk_allocator *allocator = &map->allocator;
    snnk__map_block **blocks;
    int st;

    st = snnk__alloc_zero(allocator, map->n_blocks, sizeof *blocks, "blocks", &blocks);
    if (st != SNNK_OK) return st;
    for (size_t b = 0; st == SNNK_OK && b < map->n_blocks; b++) {
        st = fold_block(a, map->blocks[b], allocator, &blocks[b]);
        if (st != SNNK_OK) snnk__fail_within(st, "block %zu", b);
    }
    if (st == SNNK_OK) st = snnk__map_from_blocks(map->n_blocks, blocks, allocator, folded);
    for (size_t b = 0; b < map->n_blocks; b++) snnk__map_block_release(blocks[b]);
    snnk__free(allocator, blocks);
    return st;
}

int snnk_map_fold(const snnk_map *map, size_t inputs, const float *V, size_t ldv, const float *c,
                  snnk_map **folded) {
    affine a = {.columns = inputs, .V = V, .ldv = ldv, .c = c};
    size_t room;
    int st;

    if ((st = snnk__check_pointer(folded, "folded")) != SNNK_OK) return st;
    *folded = NULL;
    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    a.rows = map->inputs;
    if (inputs == 0) return snnk__fail(SNNK_E_SHAPE, "inputs = 0: a map needs at least 1");
    if ((st = snnk__check_matrix(V, "V", a.rows, inputs, ldv, sizeof *V)) != SNNK_OK) return st;
    if ((st = snnk__check_finite(V, "V", a.rows, inputs, ldv)) != SNNK_OK) return st;
    if (c && (st = snnk__check_finite(c, "c", 1, a.rows, a.rows)) != SNNK_OK) return st;
    const snnk_allocator *allocator = &map->allocator;
    if (!snnk__add_size(inputs, 1, &room))
        return snnk__fail(SNNK_E_SIZE, "inputs = %zu overflows size_t", inputs);
    if ((st = snnk__alloc(allocator, room, sizeof *a.sum, "sums", &a.sum)) != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, a.rows, sizeof *a.g, "a row", &a.g)) != SNNK_OK) goto done;
    st = snnk__alloc(allocator, inputs, sizeof *a.folded, "a row", &a.folded);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(allocator, snnk__map_work(map), sizeof *a.work, "a row", &a.work);
    if (st != SNNK_OK) goto done;
    st = fold_blocks(&a, map, folded);
done:
    snnk__free(allocator, a.work);
    snnk__free(allocator, a.folded);
    snnk__free(allocator, a.g);
    snnk__free(allocator, a.sum);
    return st;
}
