#include "map/frame.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/size.h"
#include "base/status.h"
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

/* ---- Life ---- */

int snnk__frame_alloc(size_t inputs, bool centers_weights, size_t n_directions,
                      const snnk_allocator *allocator, snnk_frame **frame) {
    snnk_frame *made = NULL;
    size_t count;
    int st;

    if (!snnk__mul_size(n_directions, inputs, &count))
        return snnk__fail(SNNK_E_SIZE, "%zu directions of %zu inputs overflow size_t", n_directions,
                          inputs);
    if ((st = snnk__alloc_zero(allocator, 1, sizeof *made, "a frame", &made)) != SNNK_OK) return st;
    made->allocator = *allocator;
    atomic_init(&made->references, 1);
    made->inputs = inputs;
    made->n_directions = n_directions;
    st = snnk__alloc_zero(allocator, inputs, sizeof(double), "a mean", &made->mean);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(allocator, inputs, sizeof(double), "scales", &made->scale);
    if (st != SNNK_OK) goto done;
    for (size_t k = 0; k < inputs; k++) made->scale[k] = 1;
    if (centers_weights) {
        st = snnk__alloc_zero(allocator, inputs, sizeof(double), "a mean", &made->weight_mean);
        if (st != SNNK_OK) goto done;
    }
    st = snnk__alloc_zero(allocator, count, sizeof(double), "directions", &made->directions);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(allocator, n_directions, sizeof(double), "stretches", &made->stretch);
    if (st != SNNK_OK) goto done;
    for (size_t i = 0; i < n_directions; i++) made->stretch[i] = 1;
    *frame = made;
    made = NULL;
done:
    snnk_frame_free(made);
    return st;
}

const snnk_frame *snnk__frame_retain(const snnk_frame *frame) {
    if (frame) atomic_fetch_add(&((snnk_frame *)frame)->references, 1);
    return frame;
}

void snnk_frame_free(snnk_frame *frame) {
    if (!frame || atomic_fetch_sub(&frame->references, 1) > 1) return;
    const snnk_allocator allocator = frame->allocator;
    snnk__free(&allocator, frame->mean);
    snnk__free(&allocator, frame->weight_mean);
    snnk__free(&allocator, frame->scale);
    snnk__free(&allocator, frame->directions);
    snnk__free(&allocator, frame->stretch);
    snnk__free(&allocator, frame);
}

/* ---- Seeing ---- */

/* y += sum_i (factor_i - 1) (u_i . y) u_i with factor = stretch, or its inverse. */
static void stretch(const snnk_frame *frame, bool inverse, double *y) {
    const size_t d = frame->inputs;

    for (size_t i = 0; i < frame->n_directions; i++) {
        const double *u = frame->directions + i * d;
        const double factor = inverse ? 1 / frame->stretch[i] : frame->stretch[i];
        double along = 0;

        for (size_t k = 0; k < d; k++) along += u[k] * y[k];
        for (size_t k = 0; k < d; k++) y[k] += (factor - 1) * along * u[k];
    }
}

void snnk__frame_input(const snnk_frame *frame, const float *x, double *framed) {
    for (size_t k = 0; k < frame->inputs; k++)
        framed[k] = (x[k] - frame->mean[k]) * frame->scale[k];
    stretch(frame, false, framed);
}

void snnk__frame_weight(const snnk_frame *frame, const float *w, double *framed) {
    for (size_t k = 0; k < frame->inputs; k++)
        framed[k] = (frame->weight_mean ? w[k] - frame->weight_mean[k] : w[k]) / frame->scale[k];
    stretch(frame, true, framed);
}

void snnk__frame_fold(const snnk_frame *frame, double *g) {
    stretch(frame, false, g);
    for (size_t k = 0; k < frame->inputs; k++) g[k] *= frame->scale[k];
}

void snnk__frame_unfold(const snnk_frame *frame, double *framed) {
    stretch(frame, true, framed);
    for (size_t k = 0; k < frame->inputs; k++) framed[k] /= frame->scale[k];
}

int snnk_frame_norms(const snnk_frame *frame, double *input_norm, double *weight_norm) {
    const int st = snnk__check_pointer(frame, "frame");

    if (st != SNNK_OK) return st;
    if (input_norm) *input_norm = frame->input_norm;
    if (weight_norm) *weight_norm = frame->weight_norm;
    return SNNK_OK;
}

int snnk_frame_apply(const snnk_frame *frame, int32_t weights, size_t n, const float *X, size_t ldx,
                     double *Z, size_t ldz) {
    int st;

    if ((st = snnk__check_pointer(frame, "frame")) != SNNK_OK) return st;
    st = snnk__check_matrix(X, "X", n, frame->inputs, ldx, sizeof *X);
    if (st != SNNK_OK) return st;
    st = snnk__check_matrix(Z, "Z", n, frame->inputs, ldz, sizeof *Z);
    if (st != SNNK_OK) return st;
    for (size_t i = 0; i < n; i++) {
        if (weights)
            snnk__frame_weight(frame, X + i * ldx, Z + i * ldz);
        else
            snnk__frame_input(frame, X + i * ldx, Z + i * ldz);
    }
    return SNNK_OK;
}

/* ---- Learning ---- */

/* The mean row of n >= 1 rows, in double. */
static void mean_row(size_t n, size_t d, const float *X, size_t ldx, double *mean) {
    memset(mean, 0, d * sizeof *mean);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < d; k++) mean[k] += (X[i * ldx + k] - mean[k]) / (double)(i + 1);
}

/* square[k] = mean over rows of (x_k - mean_k)^2; mean NULL for zeros. The average over k is returned. */
static double mean_squares(size_t n, size_t d, const float *X, size_t ldx, const double *mean,
                           double *square) {
    double total = 0;

    memset(square, 0, d * sizeof *square);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < d; k++) {
            const double centred = mean ? X[i * ldx + k] - mean[k] : X[i * ldx + k];
            square[k] += centred * centred;
        }
    for (size_t k = 0; k < d; k++) total += square[k] /= (double)n;
    return total / (double)d;
}

/* scale_k = (E w_k^2 / E x_k^2)^(1/4). An input or weight that hardly varies counts with a millionth of
 * the average, so that no scale runs away. */
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

/* The diagonal metric: in place of unknown weights, isotropic ones. */
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

/* Root mean square of the rows seen in the frame; `see` is one of the functions above. */
static int framed_norm(const snnk_frame *frame, const rows *of,
                       void (*see)(const snnk_frame *, const float *, double *), double *norm) {
    double *framed, sum = 0;
    const int st = snnk__alloc(&frame->allocator, of->d, sizeof *framed, "a row", &framed);

    if (st != SNNK_OK) return st;
    for (size_t i = 0; i < of->n; i++) {
        see(frame, of->X + i * of->ld, framed);
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

int snnk_frame_create(size_t inputs, size_t n, const float *X, size_t ldx, size_t l, const float *W,
                      size_t ldw, const snnk_frame_config *config, snnk_frame **frame) {
    const rows x_rows = {n, inputs, X, ldx}, w_rows = {l, inputs, W, ldw};
    snnk_frame_config ours = defaults;
    snnk_allocator allocator;
    int st;

    if ((st = snnk__check_pointer(frame, "frame")) != SNNK_OK) return st;
    *frame = NULL;
    st = snnk__config_read(&ours, sizeof ours, CONFIG_MINIMUM, config, "frame config");
    if (st != SNNK_OK) return st;
    if (inputs == 0) return snnk__fail(SNNK_E_SHAPE, "inputs = 0: a frame needs at least 1");
    if (n == 0)
        return snnk__fail(SNNK_E_SHAPE, "n = 0: a frame is learned from at least 1 row of inputs");
    st = snnk__check_enum(ours.center, SNNK_CENTER_BOTH + 1, "center");
    if (st != SNNK_OK) return st;
    st = snnk__check_enum(ours.metric, SNNK_METRIC_WHITEN + 1, "metric");
    if (st != SNNK_OK) return st;
    if (ours.directions < 1 || ours.directions > 256)
        return snnk__fail(SNNK_E_RANGE, "directions = %llu is not in 1 ... 256",
                          (unsigned long long)ours.directions);
    if ((st = snnk__check_matrix(X, "X", n, inputs, ldx, sizeof *X)) != SNNK_OK) return st;
    if ((st = snnk__check_finite(X, "X", n, inputs, ldx)) != SNNK_OK) return st;
    if (l > 0) {
        if ((st = snnk__check_matrix(W, "W", l, inputs, ldw, sizeof *W)) != SNNK_OK) return st;
        if ((st = snnk__check_finite(W, "W", l, inputs, ldw)) != SNNK_OK) return st;
    }
    if ((st = snnk__allocator_read(&allocator, ours.allocator)) != SNNK_OK) return st;
    return learn(&x_rows, &w_rows, &ours, &allocator, frame);
}
