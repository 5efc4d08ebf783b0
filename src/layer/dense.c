/* Dense layers: y = f(W x + b). */
#include "layer/fold.h"
#include "layer/kinds.h"
#include "layer/split.h"
#include "layer/weights.h"
#include "spectrum/activation.h"

typedef struct dense {
    snnk_layer layer;
    snnk__weights weights; /* W as one part, and b */
    snnk__block block;     /* W and b for the kernels, with f */
} dense;

static const dense *of(const snnk_layer *layer) { return (const dense *)layer; }

static int32_t activation(const snnk_layer *layer) { return of(layer)->block.function.activation; }

static snnk__linearity linearity(const snnk_layer *layer) {
    return activation(layer) == SNNK_IDENTITY ? SNNK__LINEAR_IN_INPUTS : SNNK__NOT_LINEAR;
}

/* ---- Creating ---- */

/* Create a layer with zero weights. Then set them and call snnk__layer_finish. */
static int dense_alloc(size_t inputs, size_t outputs, int32_t f, int32_t storage,
                       const snnk_allocator *allocator, dense **layer) {
    snnk_layer *base = NULL;
    int st;

    st = snnk__layer_alloc(&snnk__dense_kind, sizeof(dense), inputs, outputs, inputs, storage,
                           allocator, &base);
    if (st != SNNK_OK) return st;
    dense *made = (dense *)base;
    if ((st = snnk__weights_create(allocator, outputs, 1, &made->weights)) != SNNK_OK) goto done;
    st = snnk__weights_add_part(allocator, inputs, storage,
                                snnk__kernels_get()->projection_shape(outputs), &made->weights);
    if (st != SNNK_OK) goto done;
    made->block = (snnk__block){
        .G = made->weights.parts,
        .offset = made->weights.bias,
        .rows = outputs,
        .function = {.operation = SNNK__OPERATION_ACTIVATION, .activation = f, .scale = 1}};
    *layer = made;
    base = NULL;
done:
    snnk_layer_free(base);
    return st;
}

int snnk_layer_create_dense(size_t inputs, size_t outputs, const float *W, size_t ldw,
                            const float *bias, int32_t f, const snnk_allocator *allocator,
                            snnk_layer **layer) {
    return snnk__layer_create_dense(inputs, outputs, W, ldw, (snnk__numbers){.f32 = bias}, f,
                                    allocator, layer);
}

int snnk__layer_create_dense(size_t inputs, size_t outputs, const float *W, size_t ldw,
                             snnk__numbers bias, int32_t f, const snnk_allocator *allocator,
                             snnk_layer **layer) {
    snnk_allocator ours;
    dense *made;
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    *layer = NULL;
    if (inputs == 0) return snnk__fail(SNNK_E_SHAPE, "inputs = 0: a layer needs at least 1");
    if ((st = snnk__check_activation(f)) != SNNK_OK) return st;
    st = snnk__layer_check_weights(W, "W", outputs, inputs, ldw, bias);
    if (st != SNNK_OK) return st;
    if ((st = snnk__allocator_read(&ours, allocator)) != SNNK_OK) return st;
    st = dense_alloc(inputs, outputs, f, SNNK_STORAGE_F32, &ours, &made);
    if (st != SNNK_OK) return st;
    snnk__weights_set(&made->weights, W, ldw, bias);
    snnk__layer_finish(&made->layer);
    *layer = &made->layer;
    return SNNK_OK;
}

static void free_members(snnk_layer *layer) {
    snnk__weights_free(&layer->allocator, &((dense *)layer)->weights);
}

static void cost(const snnk_layer *layer, snnk__layer_cost *cost) {
    cost->multiply_adds = (uint64_t)layer->inputs * layer->outputs;
    cost->parameters = cost->multiply_adds + layer->outputs;
    cost->weight_bytes = snnk__weights_bytes(&of(layer)->weights);
}

/* ---- Forward ---- */

static void forward(const snnk_layer *layer, size_t n, const float *X, size_t ldx, float *Y,
                    size_t ldy, float *work) {
    snnk__project(n, X, ldx, layer->inputs, &of(layer)->block, Y, ldy, work);
}

static void sums(const snnk_layer *layer, size_t n, const snnk__numbers *X, float *Y, size_t ldy,
                 float *work) {
    const size_t d = layer->inputs;
    snnk__block block = of(layer)->block;
    const float *from = X->f32;
    size_t ld = X->ld;

    if (snnk__layer_exact_bias(layer)) block.offset = NULL;
    if (X->f64) {
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < d; k++) work[i * d + k] = (float)X->f64[i * ld + k];
        from = work;
        ld = d;
    }
    snnk__project(n, from, ld, d, &block, Y, ldy, snnk__sums_rest(X, d, work));
}

static void forward_split(const snnk_layer *layer, size_t n, const float *X, size_t ldx, float *Y,
                          size_t ldy, snnk_workspace *workspace, float *work) {
    (void)work;
    snnk__project_split(n, X, ldx, layer->inputs, &of(layer)->block, Y, ldy, workspace);
}

/* ---- Weights ---- */

static const snnk__weights *weights(const snnk_layer *layer) { return &of(layer)->weights; }

static const snnk__block *blocks(const snnk_layer *layer, size_t *n) {
    *n = 1;
    return &of(layer)->block;
}

static int replace(const snnk_layer *layer, const snnk__layer_numbers *numbers,
                   snnk_layer **changed) {
    return snnk__layer_create_dense(layer->inputs, layer->outputs, numbers->W, numbers->ldw,
                                    numbers->bias, activation(layer), &layer->allocator, changed);
}

static int check_linear(const snnk_layer *layer) {
    if (activation(layer) == SNNK_IDENTITY) return SNNK_OK;
    return snnk__fail(SNNK_E_UNSUPPORTED,
                      "a dense layer with activation %s is not linear in its weights: no matrix "
                      "can be folded into it, and no new weights fitted in closed form",
                      snnk_activation_name(activation(layer)));
}

/* A linear layer reads out the identity features x. */
static int readout_map(const snnk_layer *layer, snnk_map **map) {
    snnk_map_config config;
    const int st = check_linear(layer);

    if (st != SNNK_OK) return st;
    snnk_map_config_init(&config, sizeof config);
    config.kind = SNNK_MAP_IDENTITY;
    config.allocator = &layer->allocator;
    return snnk_map_create(layer->inputs, &config, NULL, map);
}

/* The layer (V W) x + V b + c, if the layer is linear. */
static int fold(const snnk_layer *layer, size_t outputs, const float *V, size_t ldv,
                snnk__numbers c, snnk_layer **folded) {
    float *W = NULL;
    double *bias;
    int st;

    if ((st = check_linear(layer)) != SNNK_OK) return st;
    st = snnk__fold_weights(layer, outputs, V, ldv, c, &W, &bias);
    if (st == SNNK_OK)
        st = snnk__layer_create_dense(layer->inputs, outputs, W, layer->inputs,
                                      (snnk__numbers){.f64 = bias}, SNNK_IDENTITY,
                                      &layer->allocator, folded);
    snnk__free(&layer->allocator, W);
    return st;
}

/* The layer f((W V) x + W c + b). */
static int fold_inputs(const snnk_layer *layer, size_t inputs, const float *V, size_t ldv,
                       const double *c, snnk_layer **folded) {
    const size_t l = layer->outputs, d = layer->inputs;
    const snnk_allocator *allocator = &layer->allocator;
    float *W = NULL, *product = NULL;
    double *b, *bias;
    int st;

    if ((st = snnk__layer_copy_weights(layer, allocator, &W, &b)) != SNNK_OK) goto done;
    st = snnk__fold_product(allocator, l, d, inputs, W, d, (snnk__numbers){.f64 = b}, V, ldv, c,
                            &product, &bias);
    if (st != SNNK_OK) goto done;
    st = snnk__layer_create_dense(inputs, l, product, inputs, (snnk__numbers){.f64 = bias},
                                  activation(layer), allocator, folded);
done:
    snnk__free(allocator, product);
    snnk__free(allocator, W);
    return st;
}

static int quantize(const snnk_layer *layer, int32_t storage, snnk_layer **quantized) {
    dense *made;
    int st;

    st = dense_alloc(layer->inputs, layer->outputs, activation(layer), storage, &layer->allocator,
                     &made);
    if (st != SNNK_OK) return st;
    st = snnk__weights_round(&layer->allocator, &of(layer)->weights, &made->weights);
    if (st != SNNK_OK) {
        snnk_layer_free(&made->layer);
        return st;
    }
    snnk__layer_finish(&made->layer);
    *quantized = &made->layer;
    return SNNK_OK;
}

/* ---- Files ---- */

static void save(const snnk_layer *layer, snnk__sink *sink) {
    sink->text(sink, "activation", snnk_activation_name(activation(layer)));
    snnk__weights_write(&of(layer)->weights, "weight", layer->inputs, sink);
}

static int load(const snnk__source *source, size_t inputs, size_t outputs, snnk_layer **layer) {
    float *W = NULL;
    double *bias = NULL;
    int32_t f = SNNK_IDENTITY;
    int st;

    st = snnk__read_name(source, "activation", snnk_activation_name, &f);
    if (st != SNNK_OK) return st;
    st = snnk__weights_read(source, "weight", outputs, inputs, &W, &bias);
    if (st == SNNK_OK)
        st = snnk__layer_create_dense(inputs, outputs, W, inputs, (snnk__numbers){.f64 = bias}, f,
                                      source->allocator, layer);
    snnk__free(source->allocator, bias);
    snnk__free(source->allocator, W);
    return st;
}

const snnk__layer_kind snnk__dense_kind = {
    .value = SNNK_LAYER_DENSE,
    .name = "dense",
    .free = free_members,
    .cost = cost,
    .forward = forward,
    .forward_split = forward_split,
    .sums = sums,
    .readout_map = readout_map,
    .activation = activation,
    .linearity = linearity,
    .weights = weights,
    .blocks = blocks,
    .replace = replace,
    .fold = fold,
    .fold_inputs = fold_inputs,
    .quantize = quantize,
    .save = save,
    .load = load,
};
