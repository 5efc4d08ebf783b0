#include "map/frame.h"

#include <string.h>

#include "base/overlap.h"
#include "base/size.h"
#include "base/status.h"

/* ---- Names ---- */

static const char *const center_names[] = {
    [SNNK_CENTER_NONE] = "none", [SNNK_CENTER_INPUTS] = "inputs", [SNNK_CENTER_BOTH] = "both"};

static const char *const metric_names[] = {[SNNK_METRIC_NONE] = "none",
                                           [SNNK_METRIC_DIAGONAL] = "diagonal",
                                           [SNNK_METRIC_WHITEN] = "whiten"};

const char *snnk_center_name(int32_t center) {
    return center >= 0 && center <= SNNK_CENTER_BOTH ? center_names[center] : NULL;
}

const char *snnk_metric_name(int32_t metric) {
    return metric >= 0 && metric <= SNNK_METRIC_WHITEN ? metric_names[metric] : NULL;
}

/* ---- Creating and freeing ---- */

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

/* ---- Coordinates in the frame ---- */

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

snnk__framed_weight snnk__frame_dual(const snnk_frame *frame, const float *w, double b,
                                     double *framed, float *dual) {
    snnk__framed_weight weight = {.offset = b};

    snnk__frame_weight(frame, w, framed);
    for (size_t k = 0; k < frame->inputs; k++) {
        weight.norm2 += framed[k] * framed[k];
        weight.offset += (double)w[k] * frame->mean[k];
    }
    snnk__frame_unfold(frame, framed);
    for (size_t k = 0; k < frame->inputs; k++) dual[k] = (float)framed[k];
    return weight;
}

double snnk__frame_place(const snnk_frame *frame, bool weights, const float *x, double b,
                         double *framed) {
    double offset = b;

    if (weights)
        snnk__frame_weight(frame, x, framed);
    else
        snnk__frame_input(frame, x, framed);
    for (size_t k = 0; k < frame->inputs; k++) {
        if (weights)
            offset += x[k] * frame->mean[k];
        else if (frame->weight_mean)
            offset += (x[k] - frame->mean[k]) * frame->weight_mean[k];
    }
    return offset;
}

size_t snnk_frame_inputs(const snnk_frame *frame) { return frame ? frame->inputs : 0; }
size_t snnk_frame_directions(const snnk_frame *frame) { return frame ? frame->n_directions : 0; }

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
    const snnk__operand arrays[] = {SNNK__READ(X, n, frame->inputs, ldx),
                                    SNNK__WRITTEN(Z, n, frame->inputs, ldz)};
    if ((st = snnk__check_overlap(2, arrays)) != SNNK_OK) return st;
    for (size_t i = 0; i < n; i++) {
        if (weights)
            snnk__frame_weight(frame, X + i * ldx, Z + i * ldz);
        else
            snnk__frame_input(frame, X + i * ldx, Z + i * ldz);
    }
    return SNNK_OK;
}
