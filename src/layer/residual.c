/* Residual layers: y = x + s f(x), or y = x (1 + s f(x)), f a chain of other layers. */
#include "layer/residual.h"

#include <float.h>
#include <math.h>

#include "base/size.h"
#include "layer/inner.h"
#include "layer/kinds.h"
#include "layer/layer_record.h"

/* How many rows pass through all inner layers together, so that hidden rows stay in cache. No more
 * than `sums` takes in double. */
#define BLOCK_ROWS SNNK__CENTERED_ROWS

static const char *const form_names[] = {
    [SNNK_RESIDUAL_ADD] = "add", [SNNK_RESIDUAL_MULTIPLY] = "multiply"};

#define N_FORMS ((int32_t)(sizeof form_names / sizeof *form_names))

const char *snnk_residual_form_name(int32_t form) {
    return form >= 0 && form < N_FORMS ? form_names[form] : NULL;
}

static const snnk__residual *of(const snnk_layer *layer) { return (const snnk__residual *)layer; }

const snnk__residual *snnk__residual_of(const snnk_layer *layer) {
    return layer && layer->kind == &snnk__residual_kind ? of(layer) : NULL;
}

static snnk__linearity linearity(const snnk_layer *layer) {
    (void)layer;
    return SNNK__NOT_LINEAR;
}

/* ---- Properties ---- */

static const snnk_layer *const *inner(const snnk_layer *layer, size_t *n) {
    *n = of(layer)->n_layers;
    return of(layer)->layers;
}

double snnk_layer_gain(const snnk_layer *layer) {
    const snnk__residual *r = snnk__residual_of(layer);

    return r ? (double)r->gain : 1;
}

int32_t snnk_layer_residual_form(const snnk_layer *layer) {
    const snnk__residual *r = snnk__residual_of(layer);

    return r ? r->form : -1;
}

/* ---- Creating ---- */

/* Check that the layers are a chain from d inputs to d outputs. */
static int check_chain(size_t n, const snnk_layer *const *layers) {
    int st;

    if (n == 0) return snnk__fail(SNNK_E_SHAPE, "n_layers = 0: a residual layer needs at least 1");
    if ((st = snnk__check_pointer(layers, "layers")) != SNNK_OK) return st;
    for (size_t k = 0; k < n; k++) {
        if (!layers[k]) return snnk__fail(SNNK_E_NULL, "layers[%zu] is NULL", k);
        if (k > 0 && layers[k]->inputs != layers[k - 1]->outputs)
            return snnk__fail(SNNK_E_SHAPE,
                              "layers[%zu] has %zu inputs, but layers[%zu] has %zu outputs", k,
                              layers[k]->inputs, k - 1, layers[k - 1]->outputs);
    }
    if (layers[n - 1]->outputs == layers[0]->inputs) return SNNK_OK;
    return snnk__fail(SNNK_E_SHAPE,
                      "the layers map %zu inputs to %zu outputs: in a residual layer there must be "
                      "as many outputs as inputs",
                      layers[0]->inputs, layers[n - 1]->outputs);
}

static int check_gain(double gain) {
    if (!isfinite((float)gain))
        return snnk__fail(SNNK_E_NONFINITE, "gain = %g is not finite as a float", gain);
    if (gain != 0 && (float)gain == 0)
        return snnk__fail(SNNK_E_RANGE, "gain = %g becomes 0 as a float: give 0 for the identity",
                          gain);
    return SNNK_OK;
}

/* Create a layer from checked arguments. */
static int residual_create(size_t n, const snnk_layer *const *layers, int32_t form, float gain,
                           const snnk_allocator *allocator, snnk_layer **layer) {
    const size_t d = layers[0]->inputs;
    snnk_layer *base = NULL;
    int st;

    st = snnk__layer_alloc(&snnk__residual_kind, sizeof(snnk__residual), d, d, 0,
                           snnk__inner_storage(n, layers), allocator, &base);
    if (st != SNNK_OK) return st;
    snnk__residual *made = (snnk__residual *)base;
    st = snnk__alloc(allocator, n, sizeof *made->layers, "inner layers", &made->layers);
    if (st != SNNK_OK) {
        snnk_layer_free(base);
        return st;
    }
    for (; made->n_layers < n; made->n_layers++) {
        made->layers[made->n_layers] = snnk_layer_retain(layers[made->n_layers]);
        if (made->n_layers + 1 < n)
            made->widest = snnk__max_size(made->widest, layers[made->n_layers]->outputs);
    }
    made->form = form;
    made->gain = gain;
    base->nesting = snnk__inner_nesting(n, layers);
    snnk__layer_finish(base);
    *layer = base;
    return SNNK_OK;
}

int snnk_layer_create_residual(size_t n_layers, const snnk_layer *const *layers, int32_t form,
                               double gain, const snnk_allocator *allocator, snnk_layer **layer) {
    snnk_allocator ours;
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    *layer = NULL;
    if ((st = check_chain(n_layers, layers)) != SNNK_OK) return st;
    if ((st = snnk__check_enum(form, N_FORMS, "form")) != SNNK_OK) return st;
    if ((st = check_gain(gain)) != SNNK_OK) return st;
    if ((st = snnk__inner_check_nesting(n_layers, layers)) != SNNK_OK) return st;
    if ((st = snnk__allocator_read(&ours, allocator)) != SNNK_OK) return st;
    return residual_create(n_layers, layers, form, (float)gain, &ours, layer);
}

static void free_members(snnk_layer *layer) {
    snnk__residual *r = (snnk__residual *)layer;

    for (size_t k = 0; k < r->n_layers; k++) snnk_layer_free((snnk_layer *)r->layers[k]);
    snnk__free(&layer->allocator, r->layers);
}

/* ---- Cost ---- */

/* Hidden rows in two buffers, and `most` floats for the inner layer that needs most. */
static size_t work_of(const snnk__residual *r, size_t rows, size_t most) {
    size_t floats;

    if (snnk__mul_size(r->widest, 2 * rows, &floats) && snnk__add_size(floats, most, &floats))
        return floats;
    return SIZE_MAX;
}

/* When rows are divided between threads, inner layers that are too small for it run on one, with as
 * much scratch as for any number of rows. */
static void cost(const snnk_layer *layer, snnk__layer_cost *cost) {
    const snnk__residual *r = of(layer);
    size_t work = 0, split_work = 0;

    for (size_t k = 0; k < r->n_layers; k++) {
        const snnk_layer *inner = r->layers[k];

        snnk__inner_count(inner->cost.parameters, &cost->parameters);
        snnk__inner_count(inner->cost.multiply_adds, &cost->multiply_adds);
        snnk__inner_count(inner->cost.weight_bytes, &cost->weight_bytes);
        snnk__inner_count(inner->divisible ? inner->cost.indivisible : inner->cost.multiply_adds,
                          &cost->indivisible);
        work = snnk__max_size(work, inner->cost.work);
        split_work = snnk__max_size(split_work, inner->cost.split_work);
    }
    snnk__inner_count(1, &cost->parameters);
    snnk__inner_count(layer->outputs, &cost->multiply_adds);
    snnk__inner_count(sizeof r->gain, &cost->weight_bytes);
    snnk__inner_count(layer->outputs, &cost->indivisible);
    cost->work = work_of(r, BLOCK_ROWS, work);
    cost->split_work = work_of(r, 1, snnk__max_size(work, split_work));
}

/* ---- Forward ---- */

/* Set Y, which holds f(X), to the outputs: in double, rounded once. */
static void combine(const snnk__residual *r, size_t n, const snnk__numbers *X, float *Y,
                    size_t ldy) {
    const bool adds = r->form == SNNK_RESIDUAL_ADD;
    const double s = (double)r->gain;

    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < r->layer.outputs; j++) {
            const double x = snnk__number(X, i, j), part = s * (double)Y[i * ldy + j];

            Y[i * ldy + j] = (float)(adds ? x + part : x * (1 + part));
        }
}

/* Set Y to X. That is the layer if the gain is 0, also where f(x) is not finite. */
static void copy(const snnk__residual *r, size_t n, const snnk__numbers *X, float *Y, size_t ldy) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < r->layer.outputs; j++) Y[i * ldy + j] = (float)snnk__number(X, i, j);
}

/* Set Y to the outputs of n <= BLOCK_ROWS rows in float or in double. */
static void forward_block(const snnk__residual *r, size_t n, const snnk__numbers *X, float *Y,
                          size_t ldy, float *work) {
    const size_t last = r->n_layers - 1;
    float *rest = work + 2 * BLOCK_ROWS * r->widest;
    snnk__numbers from = *X;

    for (size_t k = 0; k <= last; k++) {
        const snnk_layer *inner = r->layers[k];
        float *to = k < last ? work + k % 2 * BLOCK_ROWS * r->widest : Y;
        const size_t ld = k < last ? r->widest : ldy;

        if (from.f32) {
            inner->kind->forward(inner, n, from.f32, from.ld, to, ld, rest);
        } else {
            inner->kind->sums(inner, n, &from, to, ld, rest);
            snnk__layer_add_bias(inner, n, to, ld);
        }
        from = (snnk__numbers){.f32 = to, .ld = ld};
    }
    combine(r, n, X, Y, ldy);
}

static void sums(const snnk_layer *layer, size_t n, const snnk__numbers *X, float *Y, size_t ldy,
                 float *work) {
    const snnk__residual *r = of(layer);

    if (r->gain == 0) {
        copy(r, n, X, Y, ldy);
        return;
    }
    for (size_t i = 0; i < n; i += BLOCK_ROWS) {
        const snnk__numbers rows = snnk__numbers_from(X, i);

        forward_block(r, snnk__min_size(BLOCK_ROWS, n - i), &rows, Y + i * ldy, ldy, work);
    }
}

static void forward(const snnk_layer *layer, size_t n, const float *X, size_t ldx, float *Y,
                    size_t ldy, float *work) {
    sums(layer, n, &(snnk__numbers){.f32 = X, .ld = ldx}, Y, ldy, work);
}

static void forward_split(const snnk_layer *layer, size_t n, const float *X, size_t ldx, float *Y,
                          size_t ldy, snnk_workspace *workspace, float *work) {
    const snnk__residual *r = of(layer);
    const snnk__numbers rows = {.f32 = X, .ld = ldx};
    const size_t last = r->n_layers - 1;
    float *rest = work + 2 * n * r->widest;

    if (r->gain == 0) {
        copy(r, n, &rows, Y, ldy);
        return;
    }
    for (size_t k = 0; k <= last; k++) {
        float *to = k < last ? work + k % 2 * n * r->widest : Y;
        const size_t ld = k < last ? r->widest : ldy;

        snnk__layer_forward_split(r->layers[k], n, X, ldx, to, ld, workspace, rest);
        X = to;
        ldx = ld;
    }
    combine(r, n, &rows, Y, ldy);
}

/* ---- Storage, files ---- */

static int quantize(const snnk_layer *layer, int32_t storage, snnk_layer **quantized) {
    const snnk__residual *r = of(layer);
    const snnk_allocator *allocator = &layer->allocator;
    snnk_layer **layers;
    int st = snnk__inner_quantize(allocator, r->n_layers, r->layers, storage, &layers);

    if (st == SNNK_OK)
        st = residual_create(r->n_layers, (const snnk_layer *const *)layers, r->form, r->gain,
                             allocator, quantized);
    snnk__inner_release(allocator, r->n_layers, layers);
    return st;
}

static void save(const snnk_layer *layer, snnk__sink *sink) {
    const snnk__residual *r = of(layer);

    sink->text(sink, "form", form_names[r->form]);
    sink->number(sink, "gain", (double)r->gain);
    snnk__layers_write(r->layers, r->n_layers, sink);
}

/* Create the layer from the file's inner layers, and check that it has this width. */
static int create_loaded(size_t n, snnk_layer **layers, int32_t form, double gain, size_t width,
                         const snnk_allocator *allocator, snnk_layer **layer) {
    int st = snnk_layer_create_residual(n, (const snnk_layer *const *)layers, form, gain, allocator,
                                        layer);

    if (st == SNNK_E_SHAPE || st == SNNK_E_RANGE) return SNNK_E_FORMAT;
    if (st != SNNK_OK || (*layer)->inputs == width) return st;
    st = snnk__fail(SNNK_E_FORMAT, "a residual layer has %zu inputs, but those in it have %zu",
                    width, (*layer)->inputs);
    snnk_layer_free(*layer);
    *layer = NULL;
    return st;
}

static int load(const snnk__source *source, size_t inputs, size_t outputs, snnk_layer **layer) {
    const snnk_allocator *allocator = source->allocator;
    snnk_layer **layers;
    double gain = 0;
    int32_t form = SNNK_RESIDUAL_ADD;
    size_t n = 0;
    int st;

    if ((st = snnk__inner_check_source(source)) != SNNK_OK) return st;
    if (inputs != outputs)
        return snnk__fail(SNNK_E_FORMAT, "a residual layer has %zu inputs but %zu outputs", inputs,
                          outputs);
    st = snnk__read_name(source, "form", snnk_residual_form_name, &form);
    if (st != SNNK_OK) return st;
    if ((st = snnk__read_within(source, "gain", -FLT_MAX, FLT_MAX, &gain)) != SNNK_OK) return st;
    st = snnk__inner_read(source, &n, &layers);
    if (st == SNNK_OK) st = create_loaded(n, layers, form, gain, inputs, allocator, layer);
    snnk__inner_release(allocator, n, layers);
    return st;
}

const snnk__layer_kind snnk__residual_kind = {
    .value = SNNK_LAYER_RESIDUAL,
    .name = "residual",
    .free = free_members,
    .cost = cost,
    .forward = forward,
    .forward_split = forward_split,
    .sums = sums,
    .inner = inner,
    .linearity = linearity,
    .quantize = quantize,
    .save = save,
    .load = load,
};
