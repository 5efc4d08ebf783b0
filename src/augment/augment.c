#include <snnk/augment.h>

#include <math.h>
#include <string.h>

#include "augment/config.h"
#include "augment/elastic.h"
#include "base/overlap.h"
#include "base/random.h"
#include "base/size.h"
#include "base/workspace.h"

/* One call. */
typedef struct job {
    snnk_augment_config config;
    snnk__elastic elastic;
    size_t height, width, channels, row_width;
    const float *X;
    size_t ldx;
    uint64_t first_number;
    float *out;
    size_t ldo;
} job;

/* Where a pixel comes from: source = origin + i * by_row + j * by_column (down, right). */
typedef struct affine {
    double origin[2], by_row[2], by_column[2];
    bool identity;
} affine;

static affine affine_of(const job *j, const snnk_augment_draw *draw) {
    const double angle = draw->rotation * (3.14159265358979323846 / 180);
    const double c = cos(angle) / draw->scale, s = sin(angle) / draw->scale;
    const double down = (double)(j->height - 1) / 2, right = (double)(j->width - 1) / 2;
    const double u = down + draw->down, v = right + draw->right;

    return (affine){.origin = {down - c * u - s * v, right + s * u - c * v},
                    .by_row = {c, -s},
                    .by_column = {s, c},
                    .identity = draw->down == 0 && draw->right == 0 && draw->rotation == 0 &&
                                draw->scale == 1};
}

static double clamped(double value, double least, double most) {
    return value < least ? least : value > most ? most : value;
}

/* A pixel that is near the edge or outside of it, so that some of its four neighbours may be. */
static void edge_pixel(const job *j, const float *x, double down, double right, float *out) {
    const double h = (double)j->height, w = (double)j->width;
    const bool constant = j->config.fill == SNNK_FILL_CONSTANT;
    const double least = constant ? -1 : 0;

    /* Beyond the outermost neighbours nothing changes. */
    down = clamped(down, least, constant ? h : h - 1);
    right = clamped(right, least, constant ? w : w - 1);
    /* Rounded down: both are at least -1, and floor() would be a call. */
    const double top = (double)(int32_t)(down + 1) - 1, left = (double)(int32_t)(right + 1) - 1;
    const float t = (float)(down - top), u = (float)(right - left);
    const float weight[4] = {(1 - t) * (1 - u), (1 - t) * u, t * (1 - u), t * u};

    for (size_t c = 0; c < j->channels; c++) {
        float sum = 0;

        for (int k = 0; k < 4; k++) {
            const double a = top + k / 2, b = left + k % 2;

            if (weight[k] == 0) continue; /* so that whole shifts keep the values */
            const bool inside = a >= 0 && a < h && b >= 0 && b < w;

            sum += weight[k] * (inside ? x[((size_t)a * j->width + (size_t)b) * j->channels + c]
                                       : (float)j->config.fill_value);
        }
        out[c] = sum;
    }
}

/* A pixel with its four neighbours inside: pixels at x, below it at x + stride. */
static inline void inner_pixel(const float *x, size_t stride, size_t channels, float t, float u,
                               float *out) {
    for (size_t c = 0; c < channels; c++) {
        const float above = x[c] * (1 - u) + x[channels + c] * u;
        const float below = x[stride + c] * (1 - u) + x[stride + channels + c] * u;

        out[c] = above * (1 - t) + below * t;
    }
}

/* One row of pixels. field: NULL without elastic deformation. */
static void move_row(const job *j, const affine *from, const snnk__field *field, const float *x,
                     size_t i, float *out) {
    const double down0 = from->origin[0] + (double)i * from->by_row[0];
    const double right0 = from->origin[1] + (double)i * from->by_row[1];
    const double last_down = (double)j->height - 1, last_right = (double)j->width - 1;
    const size_t channels = j->channels, stride = j->width * channels;

    if (field) snnk__elastic_row(field, i);
    for (size_t k = 0; k < j->width; k++) {
        double down = down0 + (double)k * from->by_column[0];
        double right = right0 + (double)k * from->by_column[1];

        if (field) {
            down += (double)field->down[k];
            right += (double)field->right[k];
        }
        if (down >= 0 && down < last_down && right >= 0 && right < last_right) {
            const size_t top = (size_t)down, left = (size_t)right;
            const float *pixel = x + top * stride + left * channels;

            inner_pixel(pixel, stride, channels, (float)(down - (double)top),
                        (float)(right - (double)left), out + k * channels);
        } else {
            edge_pixel(j, x, down, right, out + k * channels);
        }
    }
}

static void mirror_row(const job *j, float *row) {
    const size_t channels = j->channels;

    for (size_t a = 0, b = j->width - 1; a < b; a++, b--)
        for (size_t c = 0; c < channels; c++) {
            const float kept = row[a * channels + c];

            row[a * channels + c] = row[b * channels + c];
            row[b * channels + c] = kept;
        }
}

static void add_noise(const job *j, uint64_t number, float *out) {
    enum { BLOCK = 64 };
    double noise[BLOCK];

    for (size_t k = 0; k < j->row_width; k += BLOCK) {
        const size_t count = snnk__min_size(j->row_width - k, BLOCK);

        snnk__random_normal(j->config.seed, SNNK__STREAM_NOISE, number, (uint32_t)k, count, noise);
        for (size_t l = 0; l < count; l++)
            out[k + l] = (float)((double)out[k + l] + j->config.noise * noise[l]);
    }
}

static void augment_row(const job *j, size_t i, void *scratch) {
    const uint64_t number = j->first_number + i;
    const float *x = j->X + i * j->ldx;
    float *out = j->out + i * j->ldo;
    const snnk_augment_draw draw = snnk__augment_draw(&j->config, number);
    const affine from = affine_of(j, &draw);
    const bool elastic = j->config.elastic > 0;
    const size_t stride = j->width * j->channels;
    snnk__field field;

    if (from.identity && !elastic) {
        memcpy(out, x, j->row_width * sizeof *out);
    } else {
        if (elastic) snnk__elastic_draw(&j->elastic, number, scratch, &field);
        for (size_t row = 0; row < j->height; row++)
            move_row(j, &from, elastic ? &field : NULL, x, row, out + row * stride);
    }
    if (draw.mirrored)
        for (size_t row = 0; row < j->height; row++) mirror_row(j, out + row * stride);
    if (j->config.noise > 0) add_noise(j, number, out);
}

static void augment_part(size_t first, size_t count, void *scratch, void *context) {
    for (size_t i = first; i < first + count; i++) augment_row(context, i, scratch);
}

/* Nanoseconds of a number, roughly: how much work a row is. */
static uint64_t cost_of(const job *j) {
    const uint64_t each = (j->config.noise > 0 ? 30u : 0u) + (j->config.elastic > 0 ? 15u : 8u);

    return each * j->row_width;
}

int snnk_augment_rows(const snnk_augment_config *config, size_t n, const float *X, size_t ldx,
                      uint64_t first_number, float *out, size_t ldo, snnk_workspace *workspace) {
    snnk_allocator allocator;
    size_t row_width, scratch = 0;
    job j;
    int st;

    if ((st = snnk__augment_config_read(config, &j.config, &row_width)) != SNNK_OK) return st;
    if ((st = snnk__allocator_read(&allocator, j.config.allocator)) != SNNK_OK) return st;
    if (n == 0) return SNNK_OK;
    if ((st = snnk__check_matrix(X, "X", n, row_width, ldx, sizeof *X)) != SNNK_OK) return st;
    if ((st = snnk__check_matrix(out, "out", n, row_width, ldo, sizeof *out)) != SNNK_OK) return st;
    const snnk__operand arrays[] = {SNNK__READ(X, n, row_width, ldx),
                                    SNNK__WRITTEN(out, n, row_width, ldo)};
    if ((st = snnk__check_overlap(2, arrays)) != SNNK_OK) return st;
    if ((st = snnk__check_finite(X, "X", n, row_width, ldx)) != SNNK_OK) return st;
    j.height = (size_t)j.config.height;
    j.width = (size_t)j.config.width;
    j.channels = (size_t)j.config.channels;
    j.row_width = row_width;
    j.X = X;
    j.ldx = ldx;
    j.first_number = first_number;
    j.out = out;
    j.ldo = ldo;
    if (j.config.elastic > 0) {
        j.elastic = snnk__elastic_prepare(j.height, j.width, j.config.elastic,
                                          j.config.elastic_sigma, j.config.seed);
        if (!snnk__elastic_scratch(&j.elastic, &scratch))
            return snnk__fail(SNNK_E_SIZE, "displacements of %zu x %zu pixels overflow size_t",
                              j.height, j.width);
    }
    return snnk__for_rows_of(cost_of(&j), workspace, &allocator, n, scratch, augment_part, &j);
}
