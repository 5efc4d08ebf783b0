/* Residual layers that learn: y = x + s f(x), or y = x (1 + s f(x)), with f the inner layers.
 *
 *     add:        ds = sum dy f(x),    df = s dy,      dx = dy + (back through f of df)
 *     multiply:   ds = sum dy x f(x),  df = s dy x,    dx = dy (1 + s f(x)) + (the same)
 *
 * The record has f(x), then for each inner layer its outputs (but the last one's) and its own
 * record. */
#include "layer/residual.h"

#include <string.h>

#include "base/size.h"
#include "train/learner.h"

typedef struct residual_learner {
    snnk__learner base;
    snnk_layer *layer;
    int32_t form;
    size_t n_layers;
    snnk__learner **inner;
    size_t widest; /* inputs of the inner layers */
    size_t inner_scratch;
    snnk__parameter *parameters; /* the gain if it learns, then those of the inner layers */
    bool learns_gain;
    float gain, gain_gradient;
} residual_learner;

static const residual_learner *of(const snnk__learner *learner) {
    return (const residual_learner *)learner;
}

static void learner_free(snnk__learner *learner) {
    residual_learner *s = (residual_learner *)learner;

    for (size_t k = 0; s->inner && k < s->n_layers; k++) snnk__learner_free(s->inner[k]);
    snnk__free(&learner->allocator, s->inner);
    snnk__free(&learner->allocator, s->parameters);
    snnk_layer_free(s->layer);
}

static void refresh(snnk__learner *learner, snnk_workspace *workspace) {
    residual_learner *s = (residual_learner *)learner;

    for (size_t k = 0; k < s->n_layers; k++)
        if (s->inner[k]->n_parameters > 0) s->inner[k]->form->refresh(s->inner[k], workspace);
}

/* ---- The places of a record ---- */

/* Where inner layer k keeps its outputs, and its record. */
static float *place_of(const residual_learner *s, const snnk__pass *pass, size_t k, float **kept) {
    const bool last = k + 1 == s->n_layers;
    float *at = pass->record + pass->n * s->base.outputs;

    for (size_t j = 0; j < k; j++) at += pass->n * (s->inner[j]->outputs + s->inner[j]->record);
    *kept = at + (last ? 0 : pass->n * s->inner[k]->outputs);
    return last ? pass->record : at;
}

static snnk__pass inner_pass(const residual_learner *s, const snnk__pass *pass, size_t k,
                             float **outputs) {
    snnk__pass inner = *pass;
    float *unused;

    *outputs = place_of(s, pass, k, &inner.record);
    if (k > 0) {
        inner.X = place_of(s, pass, k - 1, &unused);
        inner.ldx = s->inner[k]->inputs;
    }
    return inner;
}

/* ---- Forward ---- */

static int forward(const snnk__learner *learner, const snnk__pass *pass, float *Y, size_t ldy) {
    const residual_learner *s = of(learner);
    const size_t d = learner->inputs;
    const double gain = (double)s->gain;

    for (size_t k = 0; k < s->n_layers; k++) {
        float *outputs;
        const snnk__pass inner = inner_pass(s, pass, k, &outputs);
        const int st =
            s->inner[k]->form->forward(s->inner[k], &inner, outputs, s->inner[k]->outputs);

        if (st != SNNK_OK) return st;
    }
    for (size_t i = 0; i < pass->n; i++) {
        const float *x = pass->X + i * pass->ldx, *f = pass->record + i * d;
        float *y = Y + i * ldy;

        for (size_t j = 0; j < d; j++) {
            const double change = s->form == SNNK_RESIDUAL_ADD ? f[j] : (double)x[j] * f[j];

            y[j] = s->gain == 0 ? x[j] : (float)(x[j] + gain * change);
        }
    }
    return SNNK_OK;
}

/* ---- Backward ---- */

/* Set `back` (n x d) to the gradient with respect to f(x), and add to that of the gain. */
static void back_to_inner(const residual_learner *s, const snnk__pass *pass, const float *dY,
                          size_t lddy, float *back) {
    const size_t d = s->base.inputs;
    const bool add = s->form == SNNK_RESIDUAL_ADD;
    double sum = 0;

    for (size_t i = 0; i < pass->n; i++) {
        const float *x = pass->X + i * pass->ldx, *f = pass->record + i * d, *dy = dY + i * lddy;

        for (size_t j = 0; j < d; j++) {
            const float change = add ? dy[j] : dy[j] * x[j];

            sum += (double)change * f[j];
            back[i * d + j] = s->gain * change;
        }
    }
    if (s->learns_gain) s->parameters[0].gradient[0] += (float)sum;
}

/* Add to dX what passes beside the inner layers. */
static void back_beside(const residual_learner *s, const snnk__pass *pass, const float *dY,
                        size_t lddy, float *dX, size_t lddx) {
    const size_t d = s->base.inputs;

    for (size_t i = 0; i < pass->n; i++) {
        const float *f = pass->record + i * d, *dy = dY + i * lddy;
        float *dx = dX + i * lddx;

        for (size_t j = 0; j < d; j++)
            dx[j] += s->form == SNNK_RESIDUAL_ADD ? dy[j] : dy[j] * (1 + s->gain * f[j]);
    }
}

static int backward(const snnk__learner *learner, const snnk__pass *pass, const float *dY,
                    size_t lddy, float *dX, size_t lddx, float *scratch) {
    const residual_learner *s = of(learner);
    const size_t n = pass->n;
    float *const buffers[] = {scratch, scratch + n * s->widest};
    const float *back = buffers[s->n_layers % 2];
    size_t first = s->n_layers;
    int st = SNNK_OK;

    for (size_t k = s->n_layers; k-- > 0;)
        if (dX || s->inner[k]->n_parameters > 0) first = dX ? 0 : k;
    back_to_inner(s, pass, dY, lddy, buffers[s->n_layers % 2]);
    for (size_t k = s->n_layers; st == SNNK_OK && k-- > first;) {
        float *outputs, *to = k == 0 ? dX : k == first ? NULL : buffers[k % 2];
        const snnk__pass inner = inner_pass(s, pass, k, &outputs);

        st = s->inner[k]->form->backward(s->inner[k], &inner, back, s->inner[k]->outputs, to,
                                         k == 0 ? lddx : s->inner[k]->inputs,
                                         scratch + 2 * n * s->widest);
        back = to;
    }
    if (st == SNNK_OK && dX) back_beside(s, pass, dY, lddy, dX, lddx);
    return st;
}

/* ---- Creating ---- */

static int write_layer(const snnk__learner *learner, snnk_layer **layer) {
    const residual_learner *s = of(learner);
    const snnk_layer **inner;
    int st;

    if (learner->n_parameters == 0) {
        *layer = snnk_layer_retain(s->layer);
        return SNNK_OK;
    }
    st = snnk__alloc_zero(&learner->allocator, s->n_layers, sizeof *inner, "layers", &inner);
    if (st != SNNK_OK) return st;
    for (size_t k = 0; st == SNNK_OK && k < s->n_layers; k++) {
        snnk_layer *made = NULL;

        st = s->inner[k]->form->layer(s->inner[k], &made);
        inner[k] = made;
    }
    if (st == SNNK_OK)
        st = snnk_layer_create_residual(s->n_layers, inner, s->form, (double)s->gain,
                                        &learner->allocator, layer);
    for (size_t k = 0; k < s->n_layers; k++) snnk_layer_free((snnk_layer *)inner[k]);
    snnk__free(&learner->allocator, inner);
    return st;
}

static const snnk__learner_form residual_form = {.free = learner_free,
                                                 .forward = forward,
                                                 .backward = backward,
                                                 .refresh = refresh,
                                                 .layer = write_layer};

/* Collect the parameters, and count the floats of a record and of scratch for each row. */
static int finish(residual_learner *s) {
    size_t n = s->learns_gain ? 1 : 0, record = s->base.outputs;
    int st;

    for (size_t k = 0; k < s->n_layers; k++) {
        n += s->inner[k]->n_parameters;
        s->widest =
            snnk__max_size(s->widest, snnk__max_size(s->inner[k]->inputs, s->inner[k]->outputs));
        s->inner_scratch = snnk__max_size(s->inner_scratch, s->inner[k]->scratch);
        if (!snnk__add_size(record, s->inner[k]->record, &record) ||
            !snnk__add_size(record, s->inner[k]->outputs, &record))
            return snnk__fail(SNNK_E_SIZE, "the rows of the inner layers overflow size_t");
    }
    s->base.record = record;
    if (!snnk__mul_size(s->widest, 2, &s->base.scratch) ||
        !snnk__add_size(s->base.scratch, s->inner_scratch, &s->base.scratch))
        return snnk__fail(SNNK_E_SIZE, "the rows of the inner layers overflow size_t");
    st = snnk__alloc(&s->base.allocator, n, sizeof *s->parameters, "arrays that learn",
                     &s->parameters);
    if (st != SNNK_OK) return st;
    s->base.parameters = s->parameters;
    if (s->learns_gain)
        s->parameters[s->base.n_parameters++] = (snnk__parameter){.layer = s->layer,
                                                                  .part = SNNK_PART_GAIN,
                                                                  .count = 1,
                                                                  .value = &s->gain,
                                                                  .gradient = &s->gain_gradient};
    for (size_t k = 0; k < s->n_layers; k++)
        for (size_t p = 0; p < s->inner[k]->n_parameters; p++)
            s->parameters[s->base.n_parameters++] = s->inner[k]->parameters[p];
    return SNNK_OK;
}

int snnk__residual_learner_create(const snnk_layer *layer, snnk__parts learn, int32_t products,
                                  const snnk_allocator *allocator, snnk__learner **learner) {
    const snnk__residual *from = snnk__residual_of(layer);
    residual_learner *s;
    int st = snnk__alloc_zero(allocator, 1, sizeof *s, "a layer that learns", &s);

    if (st != SNNK_OK) return st;
    s->base = (snnk__learner){.form = &residual_form,
                              .allocator = *allocator,
                              .inputs = layer->inputs,
                              .outputs = layer->outputs};
    s->layer = snnk_layer_retain(layer);
    s->form = from->form;
    s->gain = from->gain;
    s->learns_gain = snnk__parts_has(learn, SNNK_PART_GAIN);
    s->n_layers = from->n_layers;
    st = snnk__alloc_zero(allocator, s->n_layers, sizeof *s->inner, "layers", &s->inner);
    for (size_t k = 0; st == SNNK_OK && k < s->n_layers; k++)
        st = snnk__learner_create(
            from->layers[k],
            from->layers[k]->storage == SNNK_STORAGE_F32 ? learn & ~SNNK__PARTS_DRAWN : 0, products,
            allocator, &s->inner[k]);
    if (st == SNNK_OK) st = finish(s);
    if (st == SNNK_OK)
        *learner = &s->base;
    else
        snnk__learner_free(&s->base);
    return st;
}
