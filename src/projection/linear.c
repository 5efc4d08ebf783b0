#include "projection/linear.h"

#include <math.h>
#include <string.h>

#include "base/size.h"
#include "base/status.h"

/* ---- Creating and freeing ---- */

int snnk__linear_begin(snnk__linear *linear, const snnk__linear_form *form, size_t inputs,
                       size_t rows, const snnk_allocator *allocator) {
    *linear = (snnk__linear){.form = form, .allocator = *allocator, .inputs = inputs, .rows = rows};
    return snnk__alloc(allocator, rows, sizeof(float), "offsets", &linear->offset);
}

void snnk__linear_free(snnk__linear *linear) {
    if (!linear->form) return;
    snnk__panels_free(&linear->allocator, &linear->G);
    snnk__free(&linear->allocator, linear->numbers);
    snnk__free(&linear->allocator, linear->center);
    snnk__free(&linear->allocator, linear->centered);
    snnk__free(&linear->allocator, linear->offset);
    *linear = (snnk__linear){0};
}

/* ---- The center ---- */

int snnk__linear_set_center(snnk__linear *linear, const double *mean) {
    const size_t d = linear->inputs;
    int st;

    if (!mean) return SNNK_OK;
    st = snnk__alloc(&linear->allocator, d, sizeof *mean, "a center", &linear->center);
    if (st != SNNK_OK) return st;
    memcpy(linear->center, mean, d * sizeof *mean);
    return snnk__alloc_zero(&linear->allocator, linear->rows, sizeof *linear->centered, "offsets",
                            &linear->centered);
}

void snnk__linear_center_kernel(const snnk__linear *linear, snnk__block *block, snnk__hd3 *hd3) {
    if (!linear->center) return;
    block->offset = linear->centered;
    if (!block->hd3) return;
    *hd3 = *block->hd3;
    hd3->mean = NULL;
    hd3->offset = linear->centered; /* the same numbers: HD3 rows keep their scaling apart */
    block->hd3 = hd3;
}

static snnk__array centered_array(size_t rows) {
    return snnk__array_1("centered_offset", SNNK__ELEMENT_F32, rows);
}

/* The offset of centered inputs as the stored numbers give it. Its error is a unit of the offset,
 * which is large if G . center is. g: d, scratch. */
static float derived_offset(const snnk__linear *linear, size_t row, float *g) {
    double c = linear->form->get_row(linear, row, g, NULL);

    for (size_t k = 0; k < linear->inputs; k++) c += (double)g[k] * linear->center[k];
    return (float)c;
}

/* Write the offsets of centered inputs, unless all of them can be derived. */
static void write_centered(const snnk__linear *linear, snnk__sink *sink) {
    bool derived = true;
    float *g;
    const int st = linear->center
                       ? snnk__alloc(&linear->allocator, linear->inputs, sizeof *g, "a row", &g)
                       : SNNK_OK;

    if (st != SNNK_OK) sink->fail(sink, st);
    if (!linear->center || st != SNNK_OK) return;
    for (size_t i = 0; derived && i < linear->rows; i++)
        derived = linear->centered[i] == derived_offset(linear, i, g);
    snnk__free(&linear->allocator, g);
    if (!derived) snnk__write_array(sink, centered_array(linear->rows), linear->centered);
}

/* Read the offsets of centered inputs, or derive them. */
static int read_centered(snnk__linear *linear, const snnk__source *source) {
    const snnk__array array = centered_array(linear->rows);
    snnk__sentence before;
    float *g;
    int st;

    if (!linear->center) return SNNK_OK;
    snnk__sentence_save(&before);
    if (snnk__find_array(source, array) == SNNK_OK)
        return snnk__read_array(source, array, linear->centered);
    st = snnk__alloc(&linear->allocator, linear->inputs, sizeof *g, "a row", &g);
    if (st != SNNK_OK) return st;
    for (size_t i = 0; i < linear->rows; i++) linear->centered[i] = derived_offset(linear, i, g);
    snnk__free(&linear->allocator, g);
    for (size_t i = 0; i < linear->rows; i++)
        if (!isfinite(linear->centered[i]))
            return snnk__fail(SNNK_E_NONFINITE, "offset %zu plus G mean leaves the range of float",
                              i);
    return snnk__recovered(SNNK_OK, &before);
}

/* ---- Dense ---- */

static double dense_row(const snnk__linear *linear, size_t row, float *g, float *work) {
    (void)work;
    snnk__panels_get_row(&linear->G, row, g);
    return linear->offset[row];
}

/* |g.x + c| is at most |g| |x| + |c| (Cauchy & Schwarz). */
static double dense_largest(const snnk__linear *linear, double x_length) {
    double largest = 0;

    for (size_t i = 0; i < linear->rows; i++)
        largest = fmax(largest, sqrt(snnk__panels_row_norm2(&linear->G, i)) * x_length +
                                    fabs((double)linear->offset[i]));
    return largest;
}

static uint64_t dense_size(const snnk__linear *linear) {
    return (uint64_t)linear->rows * linear->inputs;
}

static void dense_kernel(const snnk__linear *linear, snnk__block *block) { block->G = &linear->G; }

static snnk__array dense_array(size_t inputs, size_t rows) {
    return snnk__array_2("G", SNNK__ELEMENT_F32, rows, inputs);
}

static snnk__array offset_array(size_t rows) {
    return snnk__array_1("offset", SNNK__ELEMENT_F32, rows);
}

static void dense_elements(const void *context, size_t first, size_t count, void *out) {
    const snnk__panels *G = context;
    float *x = out;

    for (size_t e = 0; e < count; e++)
        x[e] = snnk__panels_entry(G, (first + e) / G->columns, (first + e) % G->columns);
}

static void dense_write(const snnk__linear *linear, snnk__sink *sink) {
    const snnk__array G = dense_array(linear->inputs, linear->rows);

    sink->elements(sink, &G, dense_elements, &linear->G);
    snnk__write_array(sink, offset_array(linear->rows), linear->offset);
    write_centered(linear, sink);
}

int snnk__linear_find_dense(const snnk__source *source, size_t inputs, size_t rows) {
    const int st = snnk__find_array(source, offset_array(rows));

    return st == SNNK_OK ? snnk__find_array(source, dense_array(inputs, rows)) : st;
}

static int dense_read(snnk__linear *linear, const snnk__source *source) {
    const size_t d = linear->inputs, r = linear->rows;
    float *G = NULL;
    int st;

    st = snnk__alloc(&linear->allocator, r * d, sizeof *G, "a projection", &G);
    if (st != SNNK_OK) return st;
    st = snnk__read_array(source, dense_array(d, r), G);
    if (st == SNNK_OK) st = snnk__read_array(source, offset_array(r), linear->offset);
    for (size_t i = 0; st == SNNK_OK && i < r; i++) snnk__panels_set_row(&linear->G, i, G + i * d);
    snnk__free(&linear->allocator, G);
    return st == SNNK_OK ? read_centered(linear, source) : st;
}

static const snnk__linear_form dense = {.get_row = dense_row,
                                        .largest = dense_largest,
                                        .multiply_adds = dense_size,
                                        .parameters = dense_size,
                                        .set_kernel = dense_kernel,
                                        .write = dense_write,
                                        .read = dense_read};

int snnk__linear_create_dense(snnk__linear *linear, size_t inputs, size_t rows,
                              const snnk_allocator *allocator) {
    const int st = snnk__linear_begin(linear, &dense, inputs, rows, allocator);

    if (st != SNNK_OK) return st;
    return snnk__panels_create(allocator, rows, inputs, snnk__kernels_get()->projection_shape(rows),
                               "a projection", &linear->G);
}

int snnk__linear_set_row(snnk__linear *linear, size_t row, const double *g, double c,
                         const double *mean, const double *scale, float *folded) {
    const float own = (float)c;

    for (size_t k = 0; k < linear->inputs; k++) {
        folded[k] = (float)(scale ? g[k] * scale[k] : g[k]);
        if (mean) c -= (double)folded[k] * mean[k];
        if (!isfinite(folded[k]))
            return snnk__fail(SNNK_E_NONFINITE,
                              "G[%zu][%zu] times its scale leaves the range of float", row, k);
    }
    if (!isfinite((float)c))
        return snnk__fail(SNNK_E_NONFINITE, "offset %zu minus G mean leaves the range of float",
                          row);
    snnk__panels_set_row(&linear->G, row, folded);
    linear->offset[row] = (float)c;
    if (linear->centered) linear->centered[row] = own;
    return SNNK_OK;
}

/* ---- Diagonal ---- */

static double diagonal_row(const snnk__linear *linear, size_t row, float *g, float *work) {
    (void)work;
    for (size_t k = 0; k < linear->inputs; k++) g[k] = 0;
    g[row] = linear->numbers[row];
    return linear->offset[row];
}

static double diagonal_largest(const snnk__linear *linear, double x_length) {
    double largest = 0;

    for (size_t k = 0; k < linear->inputs; k++)
        largest = fmax(largest, fabs((double)linear->numbers[k]) * x_length +
                                    fabs((double)linear->offset[k]));
    return largest;
}

static uint64_t diagonal_size(const snnk__linear *linear) { return linear->inputs; }

static void diagonal_kernel(const snnk__linear *linear, snnk__block *block) {
    block->diagonal = linear->numbers;
}

static snnk__array diagonal_array(size_t inputs) {
    return snnk__array_1("diagonal", SNNK__ELEMENT_F32, inputs);
}

static void diagonal_write(const snnk__linear *linear, snnk__sink *sink) {
    snnk__write_array(sink, diagonal_array(linear->inputs), linear->numbers);
    snnk__write_array(sink, offset_array(linear->inputs), linear->offset);
    write_centered(linear, sink);
}

int snnk__linear_find_diagonal(const snnk__source *source, size_t inputs) {
    const int st = snnk__find_array(source, offset_array(inputs));

    return st == SNNK_OK ? snnk__find_array(source, diagonal_array(inputs)) : st;
}

static int diagonal_read(snnk__linear *linear, const snnk__source *source) {
    int st = snnk__read_array(source, diagonal_array(linear->inputs), linear->numbers);

    if (st == SNNK_OK) st = snnk__read_array(source, offset_array(linear->inputs), linear->offset);
    return st == SNNK_OK ? read_centered(linear, source) : st;
}

static const snnk__linear_form diagonal = {.get_row = diagonal_row,
                                           .largest = diagonal_largest,
                                           .multiply_adds = diagonal_size,
                                           .parameters = diagonal_size,
                                           .set_kernel = diagonal_kernel,
                                           .write = diagonal_write,
                                           .read = diagonal_read};

int snnk__linear_create_diagonal(snnk__linear *linear, size_t inputs,
                                 const snnk_allocator *allocator) {
    const int st = snnk__linear_begin(linear, &diagonal, inputs, inputs, allocator);

    if (st != SNNK_OK) return st;
    return snnk__alloc(allocator, inputs, sizeof(float), "a diagonal", &linear->numbers);
}

int snnk__linear_set_diagonal(snnk__linear *linear, size_t k, double scale, const double *mean) {
    linear->numbers[k] = (float)scale;
    linear->offset[k] = mean ? (float)(-(double)linear->numbers[k] * mean[k]) : 0;
    if (isfinite(linear->offset[k])) return SNNK_OK;
    return snnk__fail(SNNK_E_NONFINITE, "mean times scale of input %zu leaves the range of float",
                      k);
}

/* ---- Transform ---- */

static double inputs_length(const snnk__linear *linear, double x_length) {
    (void)linear;
    return x_length;
}

static uint64_t no_rows(const snnk__linear *linear) {
    (void)linear;
    return 0; /* the block's kind counts what the transform costs */
}

static void transform_kernel(const snnk__linear *linear, snnk__block *block) {
    block->transform = linear->transform;
    block->rows = linear->transform->features;
}

static const snnk__linear_form transform_form = {.largest = inputs_length,
                                                 .multiply_adds = no_rows,
                                                 .parameters = no_rows,
                                                 .set_kernel = transform_kernel};

void snnk__linear_set_transform(snnk__linear *linear, size_t inputs,
                                const snnk__transform *transform, const snnk_allocator *allocator) {
    *linear = (snnk__linear){
        .form = &transform_form, .allocator = *allocator, .inputs = inputs, .transform = transform};
}

/* ---- Scratch ---- */

size_t snnk__linear_work(const snnk__linear *linear) {
    snnk__block block = {0};

    linear->form->set_kernel(linear, &block);
    return snnk__project_work(&block);
}
