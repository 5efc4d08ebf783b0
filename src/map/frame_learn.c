/* Frames learned from inputs and weights. */
#include <math.h>
#include <string.h>

#include "base/rows.h"
#include "base/size.h"
#include "base/status.h"
#include "map/frame.h"
#include "map/whiten.h"

static const snnk_frame_config defaults = {.size = sizeof(snnk_frame_config),
                                           .directions = 8,
                                           .center = SNNK_CENTER_BOTH,
                                           .metric = SNNK_METRIC_DIAGONAL};

#define CONFIG_MINIMUM sizeof(snnk_frame_config)

int snnk_frame_config_init(snnk_frame_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &defaults, sizeof defaults, CONFIG_MINIMUM,
                             "frame config");
}

/* Set mean to the mean of n >= 1 rows, summed in double. */
static void mean_row(size_t n, size_t d, const float *X, size_t ldx, double *mean) {
    memset(mean, 0, d * sizeof *mean);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < d; k++) mean[k] += (X[i * ldx + k] - mean[k]) / (double)(i + 1);
}

/* Set square[k] to the mean over rows of (x_k - mean_k)^2 (mean NULL: zeros), and return the
 * average over k. */
static double mean_squares(size_t n, size_t d, const float *X, size_t ldx, const double *mean,
                           double *square) {
    double total = 0;

    memset(square, 0, d * sizeof *square);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < d; k++) {
            const double centered = mean ? X[i * ldx + k] - mean[k] : X[i * ldx + k];
            square[k] += centered * centered;
        }
    for (size_t k = 0; k < d; k++) total += square[k] /= (double)n;
    return total / (double)d;
}

/* scale_k = (E w_k^2 / E x_k^2)^(1/4). For inputs and weights that hardly vary, a millionth of the
 * average is used instead, so that the scale stays bounded. */
static void set_scale(const double *x2, double x2_average, const double *w2, double w2_average,
                      size_t d, double *scale) {
    if (!(x2_average > 0 && w2_average > 0)) return;
    for (size_t k = 0; k < d; k++)
        scale[k] = pow((w2[k] / w2_average + 1e-6) / (x2[k] / x2_average + 1e-6), 0.25);
}

typedef struct rows {
    size_t n, d;
    const float *X;
    size_t ld;
} rows;

/* Set the diagonal metric. Weights that are not given are taken as isotropic. */
static int diagonal_metric(snnk_frame *frame, const rows *inputs, const rows *weights) {
    const size_t d = frame->inputs;
    double *square, x2, w2 = 1;
    int st;

    st = snnk__alloc(&frame->allocator, d, 2 * sizeof *square, "mean squares", &square);
    if (st != SNNK_OK) return st;
    x2 = mean_squares(inputs->n, d, inputs->X, inputs->ld, frame->mean, square);
    for (size_t k = 0; k < d; k++) square[d + k] = 1;
    if (weights->n > 0)
        w2 = mean_squares(weights->n, d, weights->X, weights->ld, frame->weight_mean, square + d);
    set_scale(square, x2, square + d, w2, d, frame->scale);
    snnk__free(&frame->allocator, square);
    return SNNK_OK;
}

/* Set *norm to the root mean square of the rows in frame coordinates. */
static int framed_norm(const snnk_frame *frame, const rows *of,
                       void (*transform)(const snnk_frame *, const float *, double *),
                       double *norm) {
    double *framed, sum = 0;
    const int st = snnk__alloc(&frame->allocator, of->d, sizeof *framed, "a row", &framed);

    if (st != SNNK_OK) return st;
    for (size_t i = 0; i < of->n; i++) {
        transform(frame, of->X + i * of->ld, framed);
        for (size_t k = 0; k < of->d; k++) sum += framed[k] * framed[k];
    }
    *norm = sqrt(sum / (double)of->n);
    snnk__free(&frame->allocator, framed);
    return SNNK_OK;
}

static int learn(const rows *inputs, const rows *weights, const snnk_frame_config *config,
                 const snnk_allocator *allocator, snnk_frame **frame) {
    const bool centers_weights = config->center == SNNK_CENTER_BOTH && weights->n > 0;
    const size_t d = inputs->d;
    const size_t directions =
        config->metric == SNNK_METRIC_WHITEN ? snnk__min_size((size_t)config->directions, d) : 0;
    snnk_frame *made = NULL;
    int st;

    st = snnk__frame_alloc(d, centers_weights, directions, allocator, &made);
    if (st != SNNK_OK) return st;
    if (config->center != SNNK_CENTER_NONE)
        mean_row(inputs->n, d, inputs->X, inputs->ld, made->mean);
    if (centers_weights) mean_row(weights->n, d, weights->X, weights->ld, made->weight_mean);
    if (config->metric != SNNK_METRIC_NONE &&
        (st = diagonal_metric(made, inputs, weights)) != SNNK_OK)
        goto done;
    if (directions > 0) {
        st = snnk__whiten(made, inputs->n, inputs->X, inputs->ld, weights->n, weights->X,
                          weights->ld);
        if (st != SNNK_OK) goto done;
    }
    st = framed_norm(made, inputs, snnk__frame_input, &made->input_norm);
    if (st != SNNK_OK) goto done;
    made->weight_norm = 1;
    if (weights->n > 0) st = framed_norm(made, weights, snnk__frame_weight, &made->weight_norm);
    if (st != SNNK_OK) goto done;
    *frame = made;
    made = NULL;
done:
    snnk_frame_free(made);
    return st;
}

static int check_config(const snnk_frame_config *config) {
    int st;

    st = snnk__check_enum(config->center, SNNK_CENTER_BOTH + 1, "center");
    if (st != SNNK_OK) return st;
    st = snnk__check_enum(config->metric, SNNK_METRIC_WHITEN + 1, "metric");
    if (st != SNNK_OK) return st;
    if (config->directions < 1 || config->directions > 256)
        return snnk__fail(SNNK_E_RANGE, "directions = %llu is not in 1 ... 256",
                          (unsigned long long)config->directions);
    return SNNK_OK;
}

int snnk_frame_create(size_t inputs, const snnk_rows *rows_of_inputs, size_t l, const float *W,
                      size_t ldw, const snnk_frame_config *config, snnk_frame **frame) {
    const rows w_rows = {l, inputs, W, ldw};
    snnk_frame_config ours = defaults;
    snnk_allocator allocator;
    snnk__float_rows floats;
    snnk_rows read;
    int st;

    if ((st = snnk__check_pointer(frame, "frame")) != SNNK_OK) return st;
    *frame = NULL;
    st = snnk__config_read(&ours, sizeof ours, CONFIG_MINIMUM, config, "frame config");
    if (st != SNNK_OK) return st;
    if (inputs == 0) return snnk__fail(SNNK_E_SHAPE, "inputs = 0: a frame needs at least 1");
    if ((st = snnk__rows_read(rows_of_inputs, inputs, 0, false, &read)) != SNNK_OK) return st;
    if (read.n == 0)
        return snnk__fail(SNNK_E_SHAPE, "n = 0: a frame is learned from at least 1 row of inputs");
    if ((st = check_config(&ours)) != SNNK_OK) return st;
    if ((st = snnk__rows_check_finite(&read)) != SNNK_OK) return st;
    if (l > 0) {
        if ((st = snnk__check_matrix(W, "W", l, inputs, ldw, sizeof *W)) != SNNK_OK) return st;
        if ((st = snnk__check_finite(W, "W", l, inputs, ldw)) != SNNK_OK) return st;
    }
    if ((st = snnk__allocator_read(&allocator, ours.allocator)) != SNNK_OK) return st;
    if ((st = snnk__float_rows_open(&allocator, &read, read.n, &floats)) != SNNK_OK) return st;
    const snnk_rows all = snnk__float_rows_part(&floats, 0, read.n);
    const rows x_rows = {all.n, inputs, all.X, all.ldx};

    st = learn(&x_rows, &w_rows, &ours, &allocator, frame);
    snnk__float_rows_close(&floats);
    return st;
}
