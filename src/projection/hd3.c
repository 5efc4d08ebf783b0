/* HD3: groups of D rows, D the power of two >= d. A group is a product of Walsh-Hadamard matrices
 * and random signs. G is not stored but applied by transforms. */
#include "projection/hd3.h"

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "base/size.h"
#include "base/status.h"
#include "kernels/hadamard.h"
#include "projection/projection.h"

size_t snnk__hd3_order(size_t inputs) {
    size_t order = 1;

    /* Stop at the largest power of two that fits size_t; allocating for more inputs fails
     * anyway. */
    while (order < inputs && order <= SIZE_MAX / 2) order *= 2;
    return order;
}

void snnk__hd3_signs(uint64_t seed, uint64_t group, size_t order, float *signs) {
    for (uint64_t level = 0; level < 3; level++)
        for (size_t k = 0; k < order; k++) {
            double u;

            snnk__random_uniform(seed, SNNK__STREAM_SIGN, 3 * group + level, (uint32_t)k, 1, &u);
            signs[level * order + k] = u < 0.5 ? -1 : 1;
        }
}

double snnk__hd3_scale(uint64_t seed, uint64_t row, size_t order) {
    return snnk__random_chi(seed, SNNK__STREAM_NORM, row, order) /
           ((double)order * sqrt((double)order));
}

void snnk__hd3_row(size_t order, const float *signs, size_t j, float *row) {
    memset(row, 0, order * sizeof *row);
    row[j] = 1;
    /* H is symmetric, so the transpose of the product applies its factors from last to first. */
    for (size_t level = 3; level-- > 0;) {
        snnk__hadamard(order, row);
        for (size_t k = 0; k < order; k++) row[k] *= signs[level * order + k];
    }
}

/* ---- As rows ---- */

/* Count the signs for whole groups. */
static uint64_t hd3_numbers(size_t rows, size_t inputs) {
    const uint64_t r = rows, order = snnk__hd3_order(inputs);

    return 3 * (r > order ? r + order : order);
}

static int hd3_rows(uint64_t seed, size_t d, size_t first, const snnk_allocator *allocator,
                    double *rows) {
    const size_t order = snnk__hd3_order(d);
    float *signs;
    int st;

    st = snnk__alloc(allocator, order, 4 * sizeof *signs, "signs", &signs);
    if (st != SNNK_OK) return st;
    float *row = signs + 3 * order;

    snnk__hd3_signs(seed, first / order, order, signs);
    for (size_t i = 0; i < order; i++) {
        const double scale = snnk__hd3_scale(seed, first + i, order);

        snnk__hd3_row(order, signs, i, row);
        for (size_t k = 0; k < d; k++) rows[i * d + k] = scale * row[k];
    }
    snnk__free(allocator, signs);
    return SNNK_OK;
}

/* ---- As transforms ---- */

/* Read a row of G, including the scaling of inputs. */
static double get_row(const snnk__linear *linear, size_t row, float *g, float *work) {
    const snnk__hd3 *hd3 = &linear->hd3;
    const size_t within = row % hd3->order;
    double c = linear->offset[row];

    snnk__hd3_row(hd3->order, hd3->signs + 3 * (row - within), within, work);
    for (size_t k = 0; k < linear->inputs; k++) {
        g[k] = hd3->scale[row] * work[k] * (hd3->input_scale ? hd3->input_scale[k] : 1);
        if (hd3->mean) c -= (double)g[k] * hd3->mean[k];
    }
    return c;
}

/* |x'| is at most (x_length + |mean|) max |input_scale|. The three transforms and signs together
 * stretch by order^(3/2), before a row's scale is applied, so both values are bounded. */
static double largest(const snnk__linear *linear, double x_length) {
    const snnk__hd3 *hd3 = &linear->hd3;
    double mean2 = 0, widest = hd3->input_scale ? 0 : 1, scale = 0, offset = 0;

    for (size_t k = 0; hd3->mean && k < linear->inputs; k++)
        mean2 += (double)hd3->mean[k] * hd3->mean[k];
    for (size_t k = 0; hd3->input_scale && k < linear->inputs; k++)
        widest = fmax(widest, fabs((double)hd3->input_scale[k]));
    for (size_t j = 0; j < linear->rows; j++) {
        scale = fmax(scale, fabs((double)hd3->scale[j]));
        offset = fmax(offset, fabs((double)linear->offset[j]));
    }
    const double order = (double)hd3->order, stretch = order * sqrt(order);
    const double length = (x_length + sqrt(mean2)) * widest * stretch;
    return fmax(length, scale * length + offset);
}

/* The number of rows, including those that complete the last group. */
static uint64_t whole_groups(const snnk__linear *linear) {
    const uint64_t order = linear->hd3.order;

    return (linear->rows + order - 1) / order * order;
}

static uint64_t multiply_adds(const snnk__linear *linear) {
    uint64_t levels = 0;

    while ((size_t)1 << levels < linear->hd3.order) levels++;
    return 3 * (levels + 1) * whole_groups(linear) + linear->rows;
}

/* Signs and scales. */
static uint64_t parameters(const snnk__linear *linear) {
    return 3 * whole_groups(linear) + linear->rows;
}

static void set_kernel(const snnk__linear *linear, snnk__block *block) {
    block->hd3 = &linear->hd3;
}

static const snnk__linear_form transforms = {.get_row = get_row,
                                             .largest = largest,
                                             .multiply_adds = multiply_adds,
                                             .parameters = parameters,
                                             .set_kernel = set_kernel};

/* Allocate the signs and scales, those in turns, and an input scaling in float. */
static int create(snnk__linear *linear, size_t d, size_t rows, const snnk_allocator *allocator) {
    const size_t order = snnk__hd3_order(d), groups = rows / order + (rows % order != 0);
    size_t signs, scaling, count;
    int st;

    if (!snnk__mul_size(groups, order, &signs) || !snnk__mul_size(signs, 3, &signs) ||
        !snnk__mul_size(rows, 3, &count) || !snnk__add_size(signs, count, &count) ||
        !snnk__mul_size(d, 2, &scaling) || !snnk__add_size(count, scaling, &count))
        return snnk__fail(SNNK_E_SIZE, "%zu HD3 rows of %zu inputs overflow size_t", rows, d);
    st = snnk__linear_begin(linear, &transforms, d, rows, allocator);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(allocator, count, sizeof(float), "a projection", &linear->numbers);
    if (st != SNNK_OK) return st;
    float *scale = linear->numbers + signs;
    linear->hd3 = (snnk__hd3){.rows = rows,
                              .order = order,
                              .signs = linear->numbers,
                              .scale = scale,
                              .turn_scale = scale + rows,
                              .turn_offset = scale + 2 * rows,
                              .offset = linear->offset};
    return SNNK_OK;
}

static int draw(const snnk__projection_kind *kind, const snnk__draw *draw, snnk__linear *linear) {
    const size_t d = linear->inputs, rows = linear->rows, order = linear->hd3.order;
    float *signs = linear->numbers, *scale = signs + (linear->hd3.scale - linear->hd3.signs);
    float *turn_scale = scale + rows, *turn_offset = turn_scale + rows, *mean = turn_offset + rows;
    const double turn = 2 * acos(-1);

    (void)kind;
    for (size_t first = 0; first < rows; first += order)
        snnk__hd3_signs(draw->seed, first / order, order, signs + 3 * first);
    for (size_t j = 0; j < rows; j++) {
        scale[j] = (float)(draw->scale * snnk__hd3_scale(draw->seed, j, order));
        linear->offset[j] = (float)snnk__draw_offset(draw, j);
        if (linear->centered) linear->centered[j] = linear->offset[j];
        const double turns = linear->offset[j] / turn;
        turn_scale[j] = (float)(scale[j] / turn);
        turn_offset[j] = (float)(turns - nearbyint(turns));
    }
    if (!draw->mean) return SNNK_OK;
    for (size_t k = 0; k < d; k++) {
        mean[k] = (float)draw->mean[k];
        mean[d + k] = (float)draw->input_scale[k];
    }
    linear->hd3.mean = mean;
    linear->hd3.input_scale = mean + d;
    return SNNK_OK;
}

const snnk__projection_kind snnk__projection_hd3 = {.name = "hd3",
                                                    .seeded = true,
                                                    .seed_only = true,
                                                    .group = snnk__hd3_order,
                                                    .numbers = hd3_numbers,
                                                    .rows = hd3_rows,
                                                    .create = create,
                                                    .draw = draw};
