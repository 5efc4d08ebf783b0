/* src/augment: changed copies of rows, against definitions in double written here. */
#include "support/alloc.h"
#include "support/compare.h"
#include "support/draw.h"

#include <stdlib.h>

#include "augment/elastic.h"

enum { SIDE = 12, PIXELS = SIDE * SIDE };

static snnk_augment_config config_of(size_t height, size_t width, size_t channels) {
    snnk_augment_config config;

    assert_ok(snnk_augment_config_init(&config, sizeof config));
    config.height = height;
    config.width = width;
    config.channels = channels;
    return config;
}

static snnk_augment_draw draw_of(const snnk_augment_config *config, uint64_t number) {
    snnk_augment_draw draw = {.size = sizeof draw};

    assert_ok(snnk_augment_get_draw(config, number, &draw));
    return draw;
}

/* Packed rows, one thread. */
static void augment(const snnk_augment_config *config, size_t n, const float *X, uint64_t first,
                    float *out) {
    const size_t width = (size_t)(config->height * config->width * config->channels);

    assert_ok(snnk_augment_rows(config, n, X, width, first, out, width, NULL));
}

/* Everything at once. */
static snnk_augment_config everything(size_t height, size_t width, size_t channels) {
    snnk_augment_config config = config_of(height, width, channels);

    config.seed = 7;
    config.shift = 2;
    config.rotation = height > 1 ? 30 : 0;
    config.scale_least = 0.8;
    config.scale_most = 1.3;
    config.elastic = 1;
    config.elastic_sigma = 3;
    config.noise = 0.1;
    config.mirror = 1;
    return config;
}

/* ---- Exact cases ---- */

static void test_defaults_keep_the_bits(void **state) {
    const snnk_augment_config config = config_of(3, 4, 2);
    float X[5 * 24], out[5 * 24];

    (void)state;
    draw_floats(X, 5 * 24, 1);
    augment(&config, 5, X, 9, out);
    assert_memory_equal(out, X, sizeof X);
}

/* A value of an image by whole coordinates, with what lies outside. */
static double outside_or(const snnk_augment_config *config, const float *x, long i, long j,
                         size_t channel) {
    const long h = (long)config->height, w = (long)config->width;

    if (config->fill == SNNK_FILL_CONSTANT && (i < 0 || i >= h || j < 0 || j >= w))
        return config->fill_value;
    i = i < 0 ? 0 : i >= h ? h - 1 : i;
    j = j < 0 ? 0 : j >= w ? w - 1 : j;
    return (double)x[((size_t)i * config->width + (size_t)j) * config->channels + channel];
}

static void test_whole_shifts_are_shifted_arrays(void **state) {
    enum { H = 5, W = 7, C = 2, N = 400 };
    snnk_augment_config config = config_of(H, W, C);
    size_t seen[7] = {0};
    float x[H * W * C], out[H * W * C];

    (void)state;
    draw_floats(x, H * W * C, 2);
    config.shift = 3.9;
    config.whole_shift = 1;
    config.fill_value = 0.25;
    for (int32_t fill = 0; fill < 2; fill++)
        for (uint64_t number = 0; number < N; number++) {
            config.fill = fill;
            const snnk_augment_draw draw = draw_of(&config, number);
            const long down = (long)draw.down, right = (long)draw.right;

            assert_true((double)down == draw.down && (double)right == draw.right);
            assert_true(labs(down) <= 3 && labs(right) <= 3);
            seen[right + 3]++;
            augment(&config, 1, x, number, out);
            for (long i = 0; i < H; i++)
                for (long j = 0; j < W; j++)
                    for (size_t c = 0; c < C; c++)
                        assert_true((double)out[((size_t)i * W + (size_t)j) * C + c] ==
                                    outside_or(&config, x, i - down, j - right, c));
        }
    /* 2 N / 7 = 114 of each; standard deviation below 15 (each number counts twice). */
    for (int k = 0; k < 7; k++) assert_true(seen[k] > 114 - 75 && seen[k] < 114 + 75);
}

static void test_mirror(void **state) {
    enum { H = 3, W = 5, C = 3, N = 1000 };
    snnk_augment_config config = config_of(H, W, C);
    size_t mirrored = 0;
    float x[H * W * C], once[H * W * C], twice[H * W * C];

    (void)state;
    draw_floats(x, H * W * C, 3);
    config.mirror = 1;
    for (uint64_t number = 0; number < N; number++) {
        const snnk_augment_draw draw = draw_of(&config, number);

        augment(&config, 1, x, number, once);
        augment(&config, 1, once, number, twice);
        assert_memory_equal(twice, x, sizeof x);
        mirrored += draw.mirrored == 1;
        for (size_t i = 0; i < H; i++)
            for (size_t j = 0; j < W; j++)
                for (size_t c = 0; c < C; c++)
                    assert_true(once[(i * W + j) * C + c] ==
                                x[(i * W + (draw.mirrored ? W - 1 - j : j)) * C + c]);
    }
    assert_true(mirrored > 500 - 80 && mirrored < 500 + 80); /* 5 standard deviations */
}

/* ---- Against bilinear interpolation in double ---- */

/* The value at a place between pixels, written as a sum over all pixels of the plane with tents. */
static double tents(const snnk_augment_config *config, const float *x, double down, double right,
                    size_t channel) {
    const long h = (long)config->height, w = (long)config->width;
    double sum = 0;

    if (config->fill == SNNK_FILL_EDGE) { /* everything beyond the edge is the edge */
        down = fmin(fmax(down, 0), (double)(h - 1));
        right = fmin(fmax(right, 0), (double)(w - 1));
    } else if (down < -1 || down > (double)h || right < -1 || right > (double)w) {
        return config->fill_value;
    }
    for (long i = -1; i <= h; i++)
        for (long j = -1; j <= w; j++)
            sum += fmax(0, 1 - fabs(down - (double)i)) * fmax(0, 1 - fabs(right - (double)j)) *
                   outside_or(config, x, i, j, channel);
    return sum;
}

/* Where the content of a pixel came from, by complex numbers: right - i down, so that angles count
 * counter-clockwise. */
static void source_of(const snnk_augment_config *config, const snnk_augment_draw *draw, size_t i,
                      size_t j, double *down, double *right) {
    const double pi = 3.14159265358979323846, a = -draw->rotation * pi / 180;
    const double middle_down = ((double)config->height - 1) / 2;
    const double middle_right = ((double)config->width - 1) / 2;
    const double re = ((double)j - middle_right - draw->right) / draw->scale;
    const double im = -((double)i - middle_down - draw->down) / draw->scale;

    *right = middle_right + re * cos(a) - im * sin(a);
    *down = middle_down - (re * sin(a) + im * cos(a));
}

static void test_affine_against_tents(void **state) {
    static const size_t shapes[][3] = {{9, 6, 1}, {5, 8, 3}, {1, 20, 2}, {1, 1, 1}, {2, 1, 1}};
    float x[240], out[240];

    (void)state;
    draw_floats(x, 240, 4);
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (uint64_t number = 0; number < 60; number++) {
            const size_t h = shapes[s][0], w = shapes[s][1], channels = shapes[s][2];
            snnk_augment_config config = config_of(h, w, channels);

            config.shift = number % 2 ? 3 : 0;
            config.rotation = h == 1 ? 0 : 180;
            config.scale_least = 0.5;
            config.scale_most = 2;
            config.mirror = 1;
            config.fill = number % 3 == 0;
            config.fill_value = -2;
            const snnk_augment_draw draw = draw_of(&config, number);

            augment(&config, 1, x, number, out);
            for (size_t i = 0; i < h; i++)
                for (size_t j = 0; j < w; j++)
                    for (size_t c = 0; c < channels; c++) {
                        double down, right;

                        source_of(&config, &draw, i, draw.mirrored ? w - 1 - j : j, &down, &right);
                        /* 8 roundings of floats up to 2 */
                        assert_close((double)out[(i * w + j) * channels + c],
                                     tents(&config, x, down, right, c), 0, 2e-6);
                    }
        }
}

/* A quarter turn counter-clockwise: what was to the right is on top. The drawn angle is within 0.05
 * degrees of 90, so places are off by at most 0.05 pi/180 * 8 = 0.007 pixels, and values by twice
 * that (neighbours differ by at most 2, in two directions: four times). */
static void test_quarter_turn(void **state) {
    snnk_augment_config config = config_of(SIDE, SIDE, 1);
    uint64_t number = 0;
    float x[PIXELS], out[PIXELS];

    (void)state;
    draw_floats(x, PIXELS, 5);
    config.rotation = 180;
    while (fabs(draw_of(&config, number).rotation - 90) > 0.05) number++;
    augment(&config, 1, x, number, out);
    for (size_t i = 0; i < SIDE; i++)
        for (size_t j = 0; j < SIDE; j++)
            assert_close((double)out[i * SIDE + j], (double)x[j * SIDE + SIDE - 1 - i], 0, 0.03);
}

static void test_draws_have_their_distributions(void **state) {
    enum { N = 20000 };
    snnk_augment_config config = config_of(8, 8, 1);
    sample down = {0}, right = {0}, angle = {0}, logarithm = {0}, product = {0};

    (void)state;
    config.shift = 2;
    config.rotation = 10;
    config.scale_least = 0.5;
    config.scale_most = 2;
    for (uint64_t number = 0; number < N; number++) {
        const snnk_augment_draw draw = draw_of(&config, number);

        assert_true(fabs(draw.down) <= 2 && fabs(draw.right) <= 2 && fabs(draw.rotation) <= 10);
        assert_true(draw.scale >= 0.5 && draw.scale <= 2 && !draw.mirrored);
        sample_add(&down, draw.down / 2);
        sample_add(&right, draw.right / 2);
        sample_add(&angle, draw.rotation / 10);
        sample_add(&logarithm, log(draw.scale) / log(2));
        sample_add(&product, draw.down * draw.right / 4);
    }
    /* Uniform on +-1: variance 1/3, of the mean 1/(3 N); of the variance (1/5 - 1/9)/N. */
    const double mean = 5 * sqrt(1.0 / 3 / N), variance = 5 * sqrt((1.0 / 5 - 1.0 / 9) / N);
    const sample *all[] = {&down, &right, &angle, &logarithm};
    for (int k = 0; k < 4; k++) {
        assert_close(all[k]->mean, 0, 0, mean);
        assert_close(sample_variance(all[k]), 1.0 / 3, 0, variance);
    }
    assert_close(product.mean, 0, 0, 5 * sample_error(&product)); /* independent */
}

/* ---- Noise ---- */

static void test_noise(void **state) {
    enum { N = 400, D = 100 };
    snnk_augment_config config = config_of(1, D, 1);
    sample all = {0}, neighbours = {0}, blocks = {0}; /* drawn in blocks of 64 */
    static float X[N * D], out[N * D];

    (void)state;
    for (size_t i = 0; i < (size_t)N * D; i++) X[i] = 3;
    config.noise = 0.5;
    augment(&config, N, X, 0, out);
    for (size_t i = 0; i < (size_t)N * D; i++) {
        const double e = ((double)out[i] - 3) / 0.5;

        sample_add(&all, e);
        if (i > 0) sample_add(&neighbours, e * ((double)out[i - 1] - 3) / 0.5);
        if (i >= 64) sample_add(&blocks, e * ((double)out[i - 64] - 3) / 0.5);
    }
    const double count = (double)N * D; /* variance of the mean 1/count, of the variance 2/count */
    assert_close(all.mean, 0, 0, 5 / sqrt(count));
    assert_close(sample_variance(&all), 1, 0, 5 * sqrt(2 / count));
    assert_close(neighbours.mean, 0, 0, 5 / sqrt(count));
    assert_close(blocks.mean, 0, 0, 5 / sqrt(count));
}

/* ---- Elastic deformation ---- */

/* A ramp x = j shows displacements to the right as they are, a ramp x = i those down; elastic
 * displacements that leave the image are cut off, so only the middle of a large image counts. */
enum { WIDE = 64, MARGIN = 16 };

static void ramp_displacements(const snnk_augment_config *config, int down, uint64_t number,
                               float shown[WIDE * WIDE]) {
    static float ramp[WIDE * WIDE];

    for (size_t i = 0; i < WIDE; i++)
        for (size_t j = 0; j < WIDE; j++) ramp[i * WIDE + j] = (float)(down ? i : j);
    augment(config, 1, ramp, number, shown);
    for (size_t k = 0; k < (size_t)WIDE * WIDE; k++) shown[k] -= ramp[k];
}

static void test_elastic_amplitude_and_smoothness(void **state) {
    enum { N = 600 };
    static float down[WIDE * WIDE], right[WIDE * WIDE];
    snnk_augment_config config = config_of(WIDE, WIDE, 1);
    sample mean = {0}, square[2] = {{0, 0, 0}, {0, 0, 0}}, across = {0}, lag = {0};
    const size_t at = (WIDE / 2) * WIDE + WIDE / 2;

    (void)state;
    config.elastic = 1.5;
    config.elastic_sigma = 4;
    for (uint64_t number = 0; number < N; number++) {
        double sum[2] = {0, 0}, both = 0, shifted = 0;

        ramp_displacements(&config, 1, number, down);
        ramp_displacements(&config, 0, number, right);
        for (size_t i = MARGIN; i < WIDE - MARGIN; i++)
            for (size_t j = MARGIN; j < WIDE - MARGIN; j++) {
                const double d = (double)down[i * WIDE + j], r = (double)right[i * WIDE + j];

                sum[0] += d * d;
                sum[1] += r * r;
                both += d * r;
                shifted += r * (double)(right[i * WIDE + j + 4] + right[(i + 4) * WIDE + j]) / 2;
            }
        const double count = (WIDE - 2 * MARGIN) * (WIDE - 2 * MARGIN);
        sample_add(&mean, (double)down[at]);
        sample_add(&square[0], sum[0] / count);
        sample_add(&square[1], sum[1] / count);
        sample_add(&across, both / count);
        sample_add(&lag, shifted / count);
    }
    assert_close(mean.mean, 0, 0, 5 * 1.5 / sqrt(N));
    for (int k = 0; k < 2; k++) {
        assert_true(sample_error(&square[k]) < 0.05); /* so that the next line means something */
        assert_close(square[k].mean, 1.5 * 1.5, 0, 5 * sample_error(&square[k]));
    }
    assert_close(across.mean, 0, 0, 5 * sample_error(&across));
    /* White noise smoothed by a Gaussian of sigma has correlation exp(-lag^2/(4 sigma^2)); 0.03 for
     * the difference of bells. */
    assert_true(sample_error(&lag) < 0.05);
    assert_close(lag.mean / 2.25, exp(-1.0 / 4), 0, 0.03 + 5 * sample_error(&lag) / 2.25);
}

/* The field of an elastic image is what the gather uses: tents at the places of the field. */
static void test_elastic_against_tents(void **state) {
    snnk_augment_config config = config_of(SIDE, SIDE, 1);
    float x[PIXELS], out[PIXELS];
    size_t bytes;

    (void)state;
    draw_floats(x, PIXELS, 6);
    config.rotation = 20;
    config.shift = 1;
    config.elastic = 1;
    config.elastic_sigma = 2;
    config.seed = 3;
    const snnk__elastic elastic = snnk__elastic_prepare(SIDE, SIDE, 1, 2, 3);
    assert_true(snnk__elastic_scratch(&elastic, &bytes));
    void *scratch = malloc(bytes);

    assert_non_null(scratch);
    for (uint64_t number = 0; number < 20; number++) {
        const snnk_augment_draw draw = draw_of(&config, number);
        snnk__field field;

        snnk__elastic_draw(&elastic, number, scratch, &field);
        augment(&config, 1, x, number, out);
        for (size_t i = 0; i < SIDE; i++) {
            snnk__elastic_row(&field, i);
            for (size_t j = 0; j < SIDE; j++) {
                double down, right;

                source_of(&config, &draw, i, j, &down, &right);
                assert_close((double)out[i * SIDE + j],
                             tents(&config, x, down + (double)field.down[j],
                                   right + (double)field.right[j], 0),
                             0, 2e-6);
            }
        }
    }
    free(scratch);
}

/* A warped series moves along its time only, by the amplitude asked for. */
static void test_elastic_series(void **state) {
    enum { LENGTH = 400, N = 300 };
    snnk_augment_config config = config_of(1, LENGTH, 1);
    sample square = {0};
    float ramp[LENGTH], out[LENGTH];

    (void)state;
    config.elastic = 3;
    config.elastic_sigma = 10;
    for (size_t j = 0; j < LENGTH; j++) ramp[j] = (float)j;
    for (uint64_t number = 0; number < N; number++) {
        double sum = 0;

        augment(&config, 1, ramp, number, out);
        for (size_t j = 50; j < LENGTH - 50; j++)
            sum += ((double)out[j] - (double)j) * ((double)out[j] - (double)j);
        sample_add(&square, sum / (LENGTH - 100));
    }
    assert_true(sample_error(&square) < 0.3);
    assert_close(square.mean, 9, 0, 5 * sample_error(&square));
}

/* ---- Blocks, threads, seeds ---- */

static void test_rows_depend_on_their_number_only(void **state) {
    enum { N = 150, LD = PIXELS + 3 };
    const snnk_augment_config config = everything(SIDE, SIDE, 1);
    static float X[N * LD], all[N * LD], parts[N * LD];
    snnk_workspace *workspace;

    (void)state;
    draw_floats(X, (size_t)N * LD, 8);
    memset(all, 0, sizeof all);
    assert_ok(snnk_augment_rows(&config, N, X, LD, 1000, all, LD, NULL));
    for (size_t threads = 1; threads <= 4; threads += 3) {
        assert_ok(snnk_workspace_create(threads, NULL, &workspace));
        for (size_t block = 1; block <= N; block = block * 3 + 4) {
            memset(parts, 0, sizeof parts);
            for (size_t i = 0; i < N; i += block)
                assert_ok(snnk_augment_rows(&config, i + block < N ? block : N - i, X + i * LD, LD,
                                            1000 + i, parts + i * LD, LD, workspace));
            assert_memory_equal(parts, all, sizeof all);
        }
        snnk_workspace_free(workspace);
    }
}

static void test_seeds_and_numbers_differ(void **state) {
    snnk_augment_config config = everything(SIDE, SIDE, 1);
    float x[PIXELS], a[PIXELS], b[PIXELS];

    (void)state;
    draw_floats(x, PIXELS, 9);
    augment(&config, 1, x, 0, a);
    augment(&config, 1, x, 1, b);
    assert_memory_not_equal(a, b, sizeof a);
    augment(&config, 1, x, UINT64_C(1) << 32, b);
    assert_memory_not_equal(a, b, sizeof a);
    config.seed++;
    augment(&config, 1, x, 0, b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_ok(snnk_augment_rows(&config, 0, NULL, 0, 0, NULL, 0, NULL));
}

/* ---- Bad input ---- */

#define refused(field, value, status, sentence)                                                    \
    do {                                                                                           \
        snnk_augment_config bad_ = config_of(2, 3, 1);                                             \
        float x_[6] = {0}, out_[6] = {0};                                                          \
                                                                                                   \
        bad_.field = (value);                                                                      \
        assert_status(snnk_augment_rows(&bad_, 1, x_, 6, 0, out_, 6, NULL), (status));             \
        assert_says(sentence);                                                                     \
        assert_status(snnk_augment_get_draw(                                                       \
                          &bad_, 0, &(snnk_augment_draw){.size = sizeof(snnk_augment_draw)}),      \
                      (status));                                                                   \
    } while (0)

static void test_bad_settings(void **state) {
    (void)state;
    refused(height, 0, SNNK_E_SHAPE, "0 x 3 x 1");
    refused(channels, 0, SNNK_E_SHAPE, "2 x 3 x 0");
    refused(width, (UINT64_C(1) << 24) + 1, SNNK_E_SHAPE, "a side has at most 16777216");
    refused(channels, UINT64_C(1) << 28, SNNK_E_SHAPE, "a row has at most 1073741824");
    refused(channels, UINT64_MAX, SNNK_E_SIZE, "overflow size_t");
    refused(shift, -1, SNNK_E_RANGE, "shift");
    refused(shift, NAN, SNNK_E_NONFINITE, "shift");
    refused(rotation, 181, SNNK_E_RANGE, "rotation");
    refused(rotation, -1, SNNK_E_RANGE, "rotation");
    refused(scale_least, 0, SNNK_E_RANGE, "scale_least");
    refused(scale_least, 2, SNNK_E_RANGE, "scale_least = 2 is above scale_most = 1");
    refused(scale_most, INFINITY, SNNK_E_NONFINITE, "scale_most");
    refused(elastic, -0.5, SNNK_E_RANGE, "elastic");
    refused(elastic, NAN, SNNK_E_NONFINITE, "elastic");
    refused(elastic_sigma, 0.1, SNNK_E_RANGE, "elastic_sigma");
    refused(noise, -1, SNNK_E_RANGE, "noise");
    refused(fill_value, NAN, SNNK_E_NONFINITE, "fill_value");
    refused(fill, 2, SNNK_E_ENUM, "fill");
    refused(mirror, 2, SNNK_E_RANGE, "mirror = 2 is neither 0 nor 1");
    refused(whole_shift, -1, SNNK_E_RANGE, "whole_shift");
    refused(size, 3, SNNK_E_CONFIG, "augment config");
}

static void test_bad_calls(void **state) {
    snnk_augment_config config = config_of(2, 3, 1);
    snnk_augment_draw draw = {.size = sizeof draw};
    float x[12] = {0}, out[12] = {0};

    (void)state;
    assert_status(snnk_augment_config_init(NULL, sizeof config), SNNK_E_NULL);
    assert_status(snnk_augment_config_init(&config, 8), SNNK_E_CONFIG);
    assert_status(snnk_augment_rows(NULL, 1, x, 6, 0, out, 6, NULL), SNNK_E_NULL);
    assert_status(snnk_augment_rows(&config, 1, NULL, 6, 0, out, 6, NULL), SNNK_E_NULL);
    assert_status(snnk_augment_rows(&config, 1, x, 6, 0, NULL, 6, NULL), SNNK_E_NULL);
    assert_status(snnk_augment_rows(&config, 2, x, 5, 0, out, 6, NULL), SNNK_E_STRIDE);
    assert_says("6"); /* height x width x channels is not the width of the rows */
    assert_status(snnk_augment_rows(&config, 2, x, 6, 0, out, 5, NULL), SNNK_E_STRIDE);
    assert_status(snnk_augment_rows(&config, 1, x, 6, 0, x + 3, 6, NULL), SNNK_E_OVERLAP);
    assert_status(snnk_augment_rows(&config, 1, x, 6, 0, x, 6, NULL), SNNK_E_OVERLAP);
    x[7] = NAN;
    out[0] = 5;
    assert_status(snnk_augment_rows(&config, 2, x, 6, 0, out, 6, NULL), SNNK_E_NONFINITE);
    assert_says("X[1][1]");
    assert_true(out[0] == 5);
    assert_status(snnk_augment_get_draw(&config, 0, NULL), SNNK_E_NULL);
    draw.size = 1;
    assert_status(snnk_augment_get_draw(&config, 0, &draw), SNNK_E_CONFIG);
    config.height = 1;
    config.rotation = 5;
    assert_status(snnk_augment_rows(&config, 1, x, 3, 0, out, 3, NULL), SNNK_E_SHAPE);
    assert_says("cannot be turned");
    config.rotation = 0;
    config.allocator = &(snnk_allocator){NULL, NULL, NULL};
    assert_status(snnk_augment_rows(&config, 1, x, 3, 0, out, 3, NULL), SNNK_E_NULL);
    assert_string_equal(snnk_fill_name(SNNK_FILL_EDGE), "edge");
    assert_string_equal(snnk_fill_name(SNNK_FILL_CONSTANT), "constant");
    assert_null(snnk_fill_name(2));
}

static void test_failing_allocations(void **state) {
    snnk_augment_config config = everything(SIDE, SIDE, 1);
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    float x[PIXELS], out[PIXELS];
    int st;

    (void)state;
    draw_floats(x, PIXELS, 10);
    config.allocator = &allocator;
    assert_survives_failing_allocations(memory, st, {
        out[0] = 77;
        st = snnk_augment_rows(&config, 1, x, PIXELS, 0, out, PIXELS, NULL);
        assert_true(st == SNNK_OK || out[0] == 77);
    });
}

/* The last numbers of extreme settings are finite and within the values of the image. */
static void test_extremes(void **state) {
    snnk_augment_config config = config_of(SIDE, SIDE, 1);
    float x[PIXELS], out[PIXELS];

    (void)state;
    draw_floats(x, PIXELS, 11);
    config.shift = 1 << 24;
    config.scale_least = 0.01;
    config.scale_most = 100;
    config.rotation = 180;
    config.elastic = 1 << 24;
    for (int k = 0; k < 2; k++) {
        config.elastic_sigma = k ? 1 << 24 : 0.5;
        for (uint64_t number = UINT64_MAX - 20; number != 0; number++) {
            augment(&config, 1, x, number, out);
            for (size_t i = 0; i < PIXELS; i++) assert_true(fabsf(out[i]) <= 1);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_keep_the_bits),
        cmocka_unit_test(test_whole_shifts_are_shifted_arrays),
        cmocka_unit_test(test_mirror),
        cmocka_unit_test(test_affine_against_tents),
        cmocka_unit_test(test_quarter_turn),
        cmocka_unit_test(test_draws_have_their_distributions),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_elastic_amplitude_and_smoothness),
        cmocka_unit_test(test_elastic_against_tents),
        cmocka_unit_test(test_elastic_series),
        cmocka_unit_test(test_rows_depend_on_their_number_only),
        cmocka_unit_test(test_seeds_and_numbers_differ),
        cmocka_unit_test(test_bad_settings),
        cmocka_unit_test(test_bad_calls),
        cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_extremes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
