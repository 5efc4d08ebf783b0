/* RBF: exp(-|x' - z_j|^2/(2 s^2)) around landmarks z_j, and the Nystroem features made from them
 * (Williams & Seeger 2001): K^(-1/2) (k(x, z_1) ... k(x, z_m)), K the kernel matrix of the
 * landmarks. The inner products of Nystroem features approximate the kernel; they are exact where
 * the landmarks span it.
 *
 * With x~ = (x' - mu)/s, mu the mean landmark, the exponent is z~_j.x~ - |x~|^2/2 - |z~_j|^2/2: a
 * table of kernels/urf.h with one number for each landmark. K^(-1/2) mixes the features, and layers
 * fold it into Psi. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/rows.h"
#include "base/size.h"
#include "map/folded.h"
#include "map/map.h"
#include "map/urf_table.h"
#include "projection/projection.h"

#ifndef SNNK_MINIMAL
#include "solve/symmetric_power.h"
#endif

typedef struct rbf {
    double *center, *scale; /* x~ = (x - center) * scale; d each */
    float *numbers;         /* the numbers of the table */
    snnk__urf_table table;
    snnk__panels whitening; /* m x m; empty if not whitened */
} rbf;

static const rbf *data_of(const snnk__map_block *block) { return block->data; }

/* ---- Settings ---- */

static const snnk_nystroem_config defaults = {.size = sizeof(snnk_nystroem_config),
                                              .features = 1024,
                                              .smallest_eigenvalue = 1e-8,
                                              .whiten = 1};

#define CONFIG_MINIMUM sizeof(snnk_nystroem_config)

int snnk_nystroem_config_init(snnk_nystroem_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &defaults, sizeof defaults, CONFIG_MINIMUM,
                             "nystroem config");
}

static int read_config(const snnk_nystroem_config *config, snnk_nystroem_config *ours) {
    int st;

    *ours = defaults;
    st = snnk__config_read(ours, sizeof *ours, CONFIG_MINIMUM, config, "nystroem config");
    if (st != SNNK_OK) return st;
    if (ours->features == 0) return snnk__fail(SNNK_E_SHAPE, "features = 0: at least 1 is needed");
    if (ours->bandwidth != 0 &&
        (st = snnk__check_within(ours->bandwidth, 1e-30, 1e30, "bandwidth")) != SNNK_OK)
        return st;
    st = snnk__check_within(ours->smallest_eigenvalue, 1e-15, 1, "smallest_eigenvalue");
    return st == SNNK_OK ? snnk__check_enum(ours->whiten, 2, "whiten") : st;
}

/* ---- Creating and freeing ---- */

static void release(snnk__map_block *block) {
    rbf *data = block->data;

    if (!data) return;
    snnk__free(&block->allocator, data->center);
    snnk__free(&block->allocator, data->scale);
    snnk__free(&block->allocator, data->numbers);
    snnk__panels_free(&block->allocator, &data->whitening);
    snnk__free(&block->allocator, data);
}

/* Create a block with room for m landmarks, whose table is complete except its constants. */
static int begin(size_t d, size_t m, bool whitened, const snnk_map_config *config,
                 const snnk_allocator *allocator, snnk__map_block **block) {
    snnk__map_block *made;
    rbf *data;
    size_t count;
    int st;

    if (!snnk__mul_size(m, SNNK__URF_NUMBERS, &count))
        return snnk__fail(SNNK_E_SIZE, "a table of %zu rows overflows size_t", m);
    st = snnk__map_block_alloc(&snnk__map_rbf, config, m, allocator, &made);
    if (st != SNNK_OK) return st;
    if ((st = snnk__alloc_zero(allocator, 1, sizeof *data, "RBF features", &data)) != SNNK_OK)
        goto done;
    made->data = data;
    st = snnk__alloc(allocator, d, sizeof(double), "a center", &data->center);
    if (st == SNNK_OK) st = snnk__alloc(allocator, d, sizeof(double), "scales", &data->scale);
    if (st == SNNK_OK)
        st = snnk__alloc_zero(allocator, count, sizeof(float), "a table", &data->numbers);
    if (st == SNNK_OK && whitened)
        st = snnk__panels_create(allocator, m, m, snnk__kernels_get()->readout_shape,
                                 "a whitening matrix", &data->whitening);
    if (st == SNNK_OK) st = snnk__linear_create_dense(&made->linear, d, m, allocator);
    if (st != SNNK_OK) goto done;
    data->table = (snnk__urf_table){.signs = 1,
                                    .parts = 1,
                                    .rows = snnk__urf_rows_in(data->numbers, m),
                                    .mean = data->center,
                                    .scale = data->scale};
    for (size_t j = 0; j < m; j++) {
        data->table.rows.z_exponent[j] = 1;
        data->table.rows.norm_exponent[j] = -0.5f;
    }
    made->function = snnk__urf_function(&data->table);
    if (whitened) made->mix = &data->whitening;
    *block = made;
    made = NULL;
done:
    snnk__map_block_release(made);
    return st;
}

/* ---- Landmarks ---- */

typedef struct candidate {
    double key;
    size_t row;
} candidate;

static int by_key(const void *left, const void *right) {
    const candidate *a = left, *b = right;

    if (a->key != b->key) return a->key < b->key ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

/* Set Z (m x d) to m of the rows, scaled. If m is the number of rows, all in their order; otherwise
 * those with the m smallest random keys, so that a smaller sample is the beginning of a larger
 * one. */
static int sample(const snnk_rows *rows, size_t m, uint64_t seed, const double *mean,
                  const double *scale, const snnk_allocator *allocator, double *Z) {
    const size_t n = rows->n, d = rows->inputs;
    candidate *all = NULL;
    int st;

    if ((st = snnk__alloc(allocator, n, sizeof *all, "a sample", &all)) != SNNK_OK) return st;
    for (size_t i = 0; i < n; i++) {
        all[i] = (candidate){(double)i, i};
        if (m < n) snnk__random_uniform(seed, SNNK__STREAM_SAMPLE, i, 0, 1, &all[i].key);
    }
    qsort(all, n, sizeof *all, by_key);
    for (size_t j = 0; j < m; j++)
        for (size_t k = 0; k < d; k++) {
            const double x = snnk__rows_input(rows, all[j].row, k);

            Z[j * d + k] = mean ? (x - mean[k]) * scale[k] : x;
        }
    snnk__free(allocator, all);
    return SNNK_OK;
}

static double squared_distance(size_t d, const double *a, const double *b) {
    double sum = 0;

    for (size_t k = 0; k < d; k++) sum += (a[k] - b[k]) * (a[k] - b[k]);
    return sum;
}

static int by_value(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;

    return a < b ? -1 : a > b;
}

/* Set *s to the median distance between landmarks, using at most 512 of them; 1 if the median is
 * 0. */
static int median_distance(size_t m, size_t d, const double *Z, const snnk_allocator *allocator,
                           double *s) {
    const size_t some = snnk__min_size(m, 512), pairs = some * (some - 1) / 2;
    double *squares = NULL;
    size_t n = 0;
    int st;

    *s = 1;
    if (pairs == 0) return SNNK_OK;
    if ((st = snnk__alloc(allocator, pairs, sizeof *squares, "distances", &squares)) != SNNK_OK)
        return st;
    for (size_t i = 0; i < some; i++)
        for (size_t j = 0; j < i; j++) squares[n++] = squared_distance(d, Z + i * d, Z + j * d);
    qsort(squares, n, sizeof *squares, by_value);
    if (squares[n / 2] > 0) *s = sqrt(squares[n / 2]);
    snnk__free(allocator, squares);
    return SNNK_OK;
}

/* Set center, scale, G and the constants. G is rounded to float; Z is replaced by the landmarks as
 * G holds them, in units of s, so that every |x~ - z~|^2 is exact for them. mean, scale: of the
 * scaling, or NULL. */
static int set_landmarks(snnk__map_block *block, double s, const double *mean, const double *scale,
                         double *Z, float *folded) {
    const size_t d = block->linear.inputs, m = block->linear.rows;
    rbf *data = block->data;

    for (size_t k = 0; k < d; k++) {
        double middle = 0;

        for (size_t j = 0; j < m; j++) middle += Z[j * d + k] / (double)m;
        data->scale[k] = (scale ? scale[k] : 1) / s;
        data->center[k] = (mean ? mean[k] : 0) + middle / (scale ? scale[k] : 1);
        for (size_t j = 0; j < m; j++) Z[j * d + k] = (Z[j * d + k] - middle) / s;
        if (!isfinite(data->center[k]) || !isfinite(1 / data->scale[k]))
            return snnk__fail(SNNK_E_NONFINITE,
                              "landmarks over the bandwidth overflow at input %zu", k);
    }
    for (size_t j = 0; j < m; j++) {
        double *z = Z + j * d, norm2 = 0;
        const int st =
            snnk__linear_set_row(&block->linear, j, z, 0, data->center, data->scale, folded);

        if (st != SNNK_OK) return st;
        for (size_t k = 0; k < d; k++) {
            z[k] = folded[k] / data->scale[k];
            norm2 += z[k] * z[k];
        }
        if (!isfinite((float)norm2))
            return snnk__fail(SNNK_E_NONFINITE, "landmark %zu is too far from the others", j);
        data->table.rows.constant[j] = (float)(-norm2 / 2);
    }
    return SNNK_OK;
}

#ifdef SNNK_MINIMAL
static int set_whitening(rbf *data, size_t m, size_t d, double smallest, const double *Z,
                         const snnk_allocator *allocator) {
    (void)data, (void)m, (void)d, (void)smallest, (void)Z, (void)allocator;
    return snnk__fail(SNNK_E_UNSUPPORTED,
                      "whitening needs LAPACKE, which this minimal build leaves out");
}
#else
/* Set the whitening matrix K^(-1/2), rounded to float. */
static int set_whitening(rbf *data, size_t m, size_t d, double smallest, const double *Z,
                         const snnk_allocator *allocator) {
    double *K = NULL;
    float *row = NULL;
    size_t count;
    int st;

    if (!snnk__mul_size(m, m, &count))
        return snnk__fail(SNNK_E_SIZE, "the kernel of %zu landmarks overflows size_t", m);
    st = snnk__alloc(allocator, count, sizeof *K, "the kernel of the landmarks", &K);
    if (st == SNNK_OK) st = snnk__alloc(allocator, m, sizeof *row, "a row", &row);
    if (st != SNNK_OK) goto done;
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j <= i; j++)
            K[i * m + j] = K[j * m + i] = exp(-squared_distance(d, Z + i * d, Z + j * d) / 2);
    if ((st = snnk__symmetric_power(allocator, m, -0.5, smallest, K)) != SNNK_OK) goto done;
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < m; j++) row[j] = (float)K[i * m + j];
        snnk__panels_set_row(&data->whitening, i, row);
    }
done:
    snnk__free(allocator, row);
    snnk__free(allocator, K);
    return st;
}
#endif

/* Create a block with m of the rows as landmarks. mean, scale: d doubles each, or NULL. */
static int create_block(const snnk_rows *rows, const snnk_nystroem_config *config, size_t m,
                        const double *mean, const double *scale, const snnk_allocator *allocator,
                        snnk__map_block **block) {
    snnk_map_config described = {.size = sizeof described,
                                 .seed = config->seed,
                                 .kind = SNNK_MAP_RBF,
                                 .order = 1,
                                 .activation = SNNK_RELU,
                                 .projection = SNNK_PROJECTION_GIVEN};
    const size_t d = rows->inputs;
    snnk__map_block *made = NULL;
    double *Z = NULL, s = config->bandwidth;
    float *folded = NULL;
    size_t count;
    int st;

    if (!snnk__mul_size(m, d, &count))
        return snnk__fail(SNNK_E_SIZE, "%zu landmarks of %zu inputs overflow size_t", m, d);
    st = snnk__alloc(allocator, count, sizeof *Z, "landmarks", &Z);
    if (st == SNNK_OK) st = snnk__alloc(allocator, d, sizeof *folded, "a row", &folded);
    if (st == SNNK_OK) st = sample(rows, m, config->seed, mean, scale, allocator, Z);
    if (st == SNNK_OK && s == 0) st = median_distance(m, d, Z, allocator, &s);
    if (st != SNNK_OK) goto done;
    described.projection_scale = 1 / s;
    if ((st = begin(d, m, config->whiten, &described, allocator, &made)) != SNNK_OK) goto done;
    if ((st = set_landmarks(made, s, mean, scale, Z, folded)) != SNNK_OK) goto done;
    if (config->whiten)
        st = set_whitening(made->data, m, d, config->smallest_eigenvalue, Z, allocator);
    if (st != SNNK_OK) goto done;
    *block = made;
    made = NULL;
done:
    snnk__map_block_release(made);
    snnk__free(allocator, folded);
    snnk__free(allocator, Z);
    return st;
}

int snnk_map_create_nystroem(size_t inputs, const snnk_rows *rows,
                             const snnk_nystroem_config *config, const snnk_scaling *scaling,
                             snnk_map **map) {
    snnk_nystroem_config ours;
    snnk_allocator allocator;
    snnk__map_block *block = NULL;
    double *numbers = NULL;
    snnk_rows read;
    int st;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    *map = NULL;
    if ((st = read_config(config, &ours)) != SNNK_OK) return st;
    if (inputs == 0) return snnk__fail(SNNK_E_SHAPE, "inputs = 0: a map needs at least 1");
    if ((st = snnk__rows_read(rows, inputs, 0, false, &read)) != SNNK_OK) return st;
    if (read.n == 0) return snnk__fail(SNNK_E_SHAPE, "n = 0: at least 1 row is needed");
    if (scaling && snnk_scaling_inputs(scaling) != inputs)
        return snnk__fail(SNNK_E_SHAPE, "the scaling has %zu inputs, but the map has %zu",
                          snnk_scaling_inputs(scaling), inputs);
    if ((st = snnk__rows_check_finite(&read)) != SNNK_OK) return st;
    if ((st = snnk__allocator_read(&allocator, ours.allocator)) != SNNK_OK) return st;
    const size_t m = ours.features < read.n ? (size_t)ours.features : read.n;
    if (scaling) {
        st = snnk__alloc(&allocator, inputs, 2 * sizeof *numbers, "a scaling", &numbers);
        if (st == SNNK_OK) st = snnk_scaling_get(scaling, numbers, numbers + inputs);
    }
    if (st == SNNK_OK)
        st = create_block(&read, &ours, m, numbers, numbers ? numbers + inputs : NULL, &allocator,
                          &block);
    if (st == SNNK_OK) st = snnk__map_from_blocks(1, &block, &allocator, map);
    snnk__map_block_release(block);
    snnk__free(&allocator, numbers);
    return st;
}

/* ---- Derivatives: those of the table, mixed ---- */

/* 2 d doubles for the table, m for a column, and room for the floats of a row. */
static size_t slope_doubles(const snnk__map_block *block) {
    return 2 * block->linear.inputs + 2 * block->features;
}

/* Replace a column (stride ld) by whitening times the column. */
static void mix(const snnk__map_block *block, const snnk__slope_scratch *scratch, float *column,
                size_t ld) {
    const size_t m = block->features;
    double *values = scratch->doubles;
    float *row = (float *)(values + m);

    if (!block->mix) return;
    for (size_t j = 0; j < m; j++) values[j] = column[j * ld];
    for (size_t i = 0; i < m; i++) {
        double sum = 0;

        snnk__panels_get_row(block->mix, i, row);
        for (size_t j = 0; j < m; j++) sum += row[j] * values[j];
        column[i * ld] = (float)sum;
    }
}

static void gradient(const snnk__map_block *block, const float *x,
                     const snnk__slope_scratch *scratch, float *J, size_t ldj) {
    snnk__urf_gradient(block, x, scratch, J, ldj);
    for (size_t k = 0; k < block->linear.inputs; k++) mix(block, scratch, J + k, ldj);
}

static void laplacian(const snnk__map_block *block, size_t n, const float *X, size_t ldx,
                      const snnk__slope_scratch *scratch, float *L, size_t ldl) {
    snnk__urf_laplacian(block, n, X, ldx, scratch, L, ldl);
    for (size_t t = 0; t < n; t++) mix(block, scratch, L + t * ldl, 1);
}

/* ---- The kernel ---- */

static int check_kernel(const snnk__map_block *block) {
    if (block->mix) return SNNK_OK;
    return snnk__map_cannot(block->kind, "that are not whitened approximate no kernel");
}

static int exact(const snnk__map_block *block, const float *x, const float *w, double b,
                 double *value) {
    const rbf *data = data_of(block);
    const int st = check_kernel(block);
    double sum = 0;

    (void)b;
    if (st != SNNK_OK) return st;
    for (size_t k = 0; k < block->linear.inputs; k++) {
        const double difference = ((double)x[k] - w[k]) * data->scale[k];

        sum += difference * difference;
    }
    *value = exp(-sum / 2);
    return SNNK_OK;
}

static int fold(const snnk__map_block *block, const snnk__fold *how, snnk__map_block **folded) {
    if (block->mix)
        return snnk__map_cannot(block->kind, "that are whitened cannot be folded behind a map");
    return snnk__folded_create(block, how, folded);
}

/* ---- Files ---- */

static snnk__array vector(const char *name, size_t d) {
    return snnk__array_1(name, SNNK__ELEMENT_F64, d);
}

static snnk__array constants(size_t m) { return snnk__array_1("constant", SNNK__ELEMENT_F32, m); }

static snnk__array matrix(size_t m) { return snnk__array_2("whitening", SNNK__ELEMENT_F32, m, m); }

static void elements(const void *context, size_t first, size_t count, void *out) {
    const snnk__panels *whitening = context;
    float *x = out;

    for (size_t e = 0; e < count; e++)
        x[e] = snnk__panels_entry(whitening, (first + e) / whitening->columns,
                                  (first + e) % whitening->columns);
}

static void write(const snnk__map_block *block, snnk__sink *sink) {
    const rbf *data = data_of(block);
    const size_t d = block->linear.inputs, m = block->features;
    const snnk__array whitening = matrix(m);

    sink->number(sink, "projection_scale", block->config.projection_scale);
    sink->truth(sink, "whitened", block->mix != NULL);
    block->linear.form->write(&block->linear, sink);
    snnk__write_array(sink, vector("center", d), data->center);
    snnk__write_array(sink, vector("scale", d), data->scale);
    snnk__write_array(sink, constants(m), data->table.rows.constant);
    if (block->mix) sink->elements(sink, &whitening, elements, &data->whitening);
}

static int find_arrays(const snnk__source *source, size_t d, size_t m, bool whitened) {
    int st;

    if ((st = snnk__linear_find_dense(source, d, m)) != SNNK_OK) return st;
    if ((st = snnk__find_array(source, vector("center", d))) != SNNK_OK) return st;
    if ((st = snnk__find_array(source, vector("scale", d))) != SNNK_OK) return st;
    if ((st = snnk__find_array(source, constants(m))) != SNNK_OK) return st;
    return whitened ? snnk__find_array(source, matrix(m)) : SNNK_OK;
}

static int read_whitening(const snnk__source *source, size_t m, rbf *data) {
    float *W = NULL;
    int st = snnk__alloc(source->allocator, m * m, sizeof *W, "a whitening matrix", &W);

    if (st == SNNK_OK) st = snnk__read_array(source, matrix(m), W);
    for (size_t i = 0; st == SNNK_OK && i < m; i++)
        snnk__panels_set_row(&data->whitening, i, W + i * m);
    snnk__free(source->allocator, W);
    return st;
}

static int read_arrays(const snnk__source *source, snnk__map_block *block) {
    const size_t d = block->linear.inputs, m = block->features;
    rbf *data = block->data;
    int st;

    if ((st = block->linear.form->read(&block->linear, source)) != SNNK_OK) return st;
    if ((st = snnk__read_array(source, vector("center", d), data->center)) != SNNK_OK) return st;
    if ((st = snnk__read_array(source, vector("scale", d), data->scale)) != SNNK_OK) return st;
    st = snnk__read_array(source, constants(m), data->table.rows.constant);
    if (st != SNNK_OK) return st;
    for (size_t k = 0; k < d; k++)
        if (!(data->scale[k] > 0 && isfinite(1 / data->scale[k])))
            return snnk__fail(SNNK_E_FORMAT, "scale[%zu] = %g is not above 0", k, data->scale[k]);
    return block->mix ? read_whitening(source, m, data) : SNNK_OK;
}

static int read(const snnk__map_kind *kind, const snnk__source *source, size_t inputs,
                const snnk_map_config *config, snnk__map_block **block) {
    const size_t m = (size_t)config->features;
    snnk_map_config described = *config;
    snnk__map_block *made = NULL;
    bool whitened = false;
    int st;

    if (config->projection != SNNK_PROJECTION_GIVEN)
        return snnk__fail(SNNK_E_FORMAT, "the landmarks are \"%s\", but must be \"given\"",
                          snnk_projection_name(config->projection));
    st = snnk__read_within(source, "projection_scale", 1e-30, 1e30, &described.projection_scale);
    if (st != SNNK_OK) return st;
    if ((st = snnk__read_truth(source, "whitened", &whitened)) != SNNK_OK) return st;
    if ((st = find_arrays(source, inputs, m, whitened)) != SNNK_OK) return st;
    (void)kind;
    st = begin(inputs, m, whitened, &described, source->allocator, &made);
    if (st != SNNK_OK) return st;
    st = read_arrays(source, made);
    if (st == SNNK_OK)
        *block = made;
    else
        snnk__map_block_release(made);
    return st;
}

const snnk__map_kind snnk__map_rbf = {.name = "rbf",
                                      .release = release,
                                      .safe_projection = snnk__urf_safe_projection,
                                      .cost = snnk__urf_cost,
                                      .slope_doubles = slope_doubles,
                                      .gradient = gradient,
                                      .laplacian = laplacian,
                                      .symmetric = true,
                                      .check_kernel = check_kernel,
                                      .exact = exact,
                                      .fold = fold,
                                      .write = write,
                                      .read = read};
