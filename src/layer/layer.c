/* Code shared by all kinds of layers: owners, sizes, and the checks of every public call. */
#include "layer/layer.h"

#include <math.h>
#include <string.h>

#include "base/overlap.h"
#include "base/size.h"

/* ---- Creating ---- */

int snnk__layer_alloc(const snnk__layer_kind *kind, size_t bytes, size_t inputs, size_t outputs,
                      size_t columns, int32_t storage, const snnk_allocator *allocator,
                      snnk_layer **layer) {
    snnk_layer *made;
    const int st = snnk__alloc_zero(allocator, 1, bytes, "a layer", &made);

    if (st != SNNK_OK) return st;
    made->kind = kind;
    made->allocator = *allocator;
    atomic_init(&made->references, 1);
    made->inputs = inputs;
    made->outputs = outputs;
    made->columns = columns;
    made->storage = storage;
    *layer = made;
    return SNNK_OK;
}

/* The least multiply-adds of a row that are worth dividing: about 30 microseconds of work, when
 * waking other threads takes about 10. */
#define LEAST_SPLIT 300000

void snnk__layer_finish(snnk_layer *layer) {
    snnk__layer_cost *cost = &layer->cost;

    layer->kind->cost(layer, cost);
    cost->work = snnk__min_size(cost->work, SIZE_MAX / sizeof(float));
    cost->split_work = snnk__min_size(cost->split_work, SIZE_MAX / sizeof(float));
    const uint64_t divisible = cost->multiply_adds - cost->indivisible;

    layer->divisible = divisible >= LEAST_SPLIT && divisible >= cost->indivisible;
    if (!layer->divisible) cost->split_work = 0;
}

int snnk__layer_check_weights(const float *W, const char *name, size_t outputs, size_t columns,
                              size_t ldw, snnk__numbers bias) {
    int st;

    if (outputs == 0) return snnk__fail(SNNK_E_SHAPE, "outputs = 0: a layer needs at least 1");
    if ((st = snnk__check_matrix(W, name, outputs, columns, ldw, sizeof *W)) != SNNK_OK) return st;
    if ((st = snnk__check_finite(W, name, outputs, columns, ldw)) != SNNK_OK) return st;
    for (size_t i = 0; bias.f64 && i < outputs; i++)
        if (!isfinite((float)bias.f64[i]))
            return snnk__fail(SNNK_E_NONFINITE, "bias[%zu] = %g is not finite as a float", i,
                              bias.f64[i]);
    return bias.f32 ? snnk__check_finite(bias.f32, "bias", 1, outputs, outputs) : SNNK_OK;
}

snnk_layer *snnk_layer_retain(const snnk_layer *layer) {
    snnk_layer *ours = (snnk_layer *)layer; /* Changing the reference count does not change the
                                             * layer. */

    if (ours) atomic_fetch_add(&ours->references, 1);
    return ours;
}

void snnk_layer_free(snnk_layer *layer) {
    if (!layer || atomic_fetch_sub(&layer->references, 1) > 1) return;
    const snnk_allocator allocator = layer->allocator;
    layer->kind->free(layer);
    snnk__free(&allocator, layer);
}

/* ---- Properties ---- */

int32_t snnk_layer_get_kind(const snnk_layer *layer) { return layer ? layer->kind->value : -1; }
size_t snnk_layer_inputs(const snnk_layer *layer) { return layer ? layer->inputs : 0; }
size_t snnk_layer_outputs(const snnk_layer *layer) { return layer ? layer->outputs : 0; }
size_t snnk_layer_features(const snnk_layer *layer) {
    return snnk_map_features(snnk_layer_map(layer));
}
const snnk_map *snnk_layer_map(const snnk_layer *layer) {
    return layer && layer->kind->map ? layer->kind->map(layer) : NULL;
}
int32_t snnk_layer_activation(const snnk_layer *layer) {
    return layer && layer->kind->activation ? layer->kind->activation(layer) : -1;
}
int32_t snnk_layer_storage(const snnk_layer *layer) {
    return layer ? layer->storage : SNNK_STORAGE_F32;
}
uint64_t snnk_layer_parameters(const snnk_layer *layer) {
    return layer ? layer->cost.parameters : 0;
}
uint64_t snnk_layer_multiply_adds(const snnk_layer *layer) {
    return layer ? layer->cost.multiply_adds : 0;
}
uint64_t snnk_layer_weight_bytes(const snnk_layer *layer) {
    return layer ? layer->cost.weight_bytes : 0;
}

int snnk_layer_weights(const snnk_layer *layer, float *Psi, size_t ldpsi, float *bias) {
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    if (!layer->kind->weights)
        return snnk__fail(SNNK_E_UNSUPPORTED, "a %s layer has no weights of its own",
                          layer->kind->name);
    if (Psi) {
        st = snnk__check_matrix(Psi, "Psi", layer->outputs, layer->columns, ldpsi, sizeof *Psi);
        if (st != SNNK_OK) return st;
    }
    const size_t l = layer->outputs;
    const snnk__operand arrays[] = {SNNK__WRITTEN(Psi, l, layer->columns, ldpsi),
                                    SNNK__WRITTEN(bias, 1, l, l)};
    if ((st = snnk__check_overlap(2, arrays)) != SNNK_OK) return st;
    const snnk__weights *weights = layer->kind->weights(layer);
    if (Psi) snnk__weights_get(weights, Psi, ldpsi);
    if (bias) memcpy(bias, weights->bias, l * sizeof *bias);
    return SNNK_OK;
}

int snnk_layer_bias(const snnk_layer *layer, double *bias) {
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(bias, "bias")) != SNNK_OK) return st;
    if (!layer->kind->weights)
        return snnk__fail(SNNK_E_UNSUPPORTED, "a %s layer has no weights of its own",
                          layer->kind->name);
    memcpy(bias, layer->kind->weights(layer)->exact_bias, layer->outputs * sizeof *bias);
    return SNNK_OK;
}

int snnk__layer_alloc_weights(const snnk_allocator *allocator, size_t outputs, size_t columns,
                              float **W, double **bias) {
    const size_t floats_each = sizeof **bias / sizeof **W;
    size_t count, all;
    int st;

    /* The doubles follow at a multiple of their size. */
    if (!snnk__mul_size(outputs, columns, &count) || !snnk__add_size(count, count % 2, &count) ||
        !snnk__mul_size(outputs, floats_each, &all) || !snnk__add_size(all, count, &all))
        return snnk__fail(SNNK_E_SIZE, "%zu outputs of %zu columns overflow size_t", outputs,
                          columns);
    if ((st = snnk__alloc(allocator, all, sizeof **W, "weights", W)) != SNNK_OK) return st;
    *bias = (double *)(void *)(*W + count);
    return SNNK_OK;
}

int snnk__layer_copy_weights(const snnk_layer *layer, const snnk_allocator *allocator, float **W,
                             double **bias) {
    const snnk__weights *weights = layer->kind->weights(layer);
    const size_t l = layer->outputs, columns = layer->columns;
    const int st = snnk__layer_alloc_weights(allocator, l, columns, W, bias);

    if (st != SNNK_OK) return st;
    snnk__weights_get(weights, *W, columns);
    memcpy(*bias, weights->exact_bias, l * sizeof **bias);
    return SNNK_OK;
}

int snnk__layer_replace_map(const snnk_layer *layer, const snnk__layer_numbers *numbers,
                            snnk_map **map) {
    const snnk_map *own = layer->kind->map(layer);

    if (numbers->G) return snnk__map_with_rows(own, numbers->G, numbers->offsets, map);
    *map = snnk_map_retain(own);
    return SNNK_OK;
}

int snnk__layer_readout_map(const snnk_layer *layer, snnk_map **map) {
    if (layer->kind->readout_map) return layer->kind->readout_map(layer, map);
    return snnk__fail(SNNK_E_UNSUPPORTED, "no weights can be fitted to a %s layer in closed form",
                      layer->kind->name);
}

const double *snnk__layer_exact_bias(const snnk_layer *layer) {
    const snnk__layer_kind *kind = layer->kind;

    return kind->linearity(layer) == SNNK__NOT_LINEAR ? NULL : kind->weights(layer)->exact_bias;
}

void snnk__layer_add_bias(const snnk_layer *layer, size_t n, float *Y, size_t ldy) {
    const double *bias = snnk__layer_exact_bias(layer);

    for (size_t i = 0; bias && i < n; i++)
        for (size_t j = 0; j < layer->outputs; j++) Y[i * ldy + j] += (float)bias[j];
}

size_t snnk__layer_sums_work(const snnk_layer *layer) {
    size_t floats;

    if (snnk__mul_size(layer->inputs, SNNK__CENTERED_ROWS, &floats) &&
        snnk__add_size(floats, layer->cost.work, &floats))
        return floats;
    return SIZE_MAX;
}

/* ---- Folding ---- */

int snnk_layer_fold(const snnk_layer *layer, size_t outputs, const float *V, size_t ldv,
                    const float *c, snnk_layer **folded) {
    int st;

    if ((st = snnk__check_pointer(folded, "folded")) != SNNK_OK) return st;
    *folded = NULL;
    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    if (!layer->kind->fold)
        return snnk__fail(SNNK_E_UNSUPPORTED, "no matrix can be folded into a %s layer",
                          layer->kind->name);
    if (outputs == 0) return snnk__fail(SNNK_E_SHAPE, "outputs = 0: a layer needs at least 1");
    st = snnk__check_matrix(V, "V", outputs, layer->outputs, ldv, sizeof *V);
    if (st != SNNK_OK) return st;
    if ((st = snnk__check_finite(V, "V", outputs, layer->outputs, ldv)) != SNNK_OK) return st;
    if (c && (st = snnk__check_finite(c, "c", 1, outputs, outputs)) != SNNK_OK) return st;
    return layer->kind->fold(layer, outputs, V, ldv, (snnk__numbers){.f32 = c}, folded);
}

/* ---- Forward ---- */

typedef struct rows {
    const snnk_layer *layer;
    const float *X;
    size_t ldx;
    float *Y;
    size_t ldy;
} rows;

uint64_t snnk__layer_row_cost(const snnk_layer *layer) {
    const uint64_t numbers =
        (uint64_t)layer->inputs + layer->columns + layer->outputs; /* of arrays in memory */

    return layer->cost.multiply_adds + 32 * numbers;
}

static void forward_task(size_t first, size_t count, void *scratch, void *context) {
    const rows *r = context;

    r->layer->kind->forward(r->layer, count, r->X + first * r->ldx, r->ldx, r->Y + first * r->ldy,
                            r->ldy, scratch);
}

void snnk__layer_forward_split(const snnk_layer *layer, size_t n, const float *X, size_t ldx,
                               float *Y, size_t ldy, snnk_workspace *workspace, float *work) {
    rows r = {layer, X, ldx, Y, ldy};

    if (snnk__layer_splits(layer, n, workspace))
        layer->kind->forward_split(layer, n, X, ldx, Y, ldy, workspace, work);
    else if (layer->cost.work > 0)
        layer->kind->forward(layer, n, X, ldx, Y, ldy, work);
    else /* needs no scratch, so it cannot fail */
        snnk__for_rows_of(snnk__layer_row_cost(layer), workspace, NULL, n, 0, forward_task, &r);
}

int snnk_layer_forward(const snnk_layer *layer, size_t n, const float *X, size_t ldx, float *Y,
                       size_t ldy, snnk_workspace *workspace) {
    rows r = {layer, X, ldx, Y, ldy};
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    if ((st = snnk__check_matrix(X, "X", n, layer->inputs, ldx, sizeof *X)) != SNNK_OK) return st;
    if ((st = snnk__check_matrix(Y, "Y", n, layer->outputs, ldy, sizeof *Y)) != SNNK_OK) return st;
    const snnk__operand arrays[] = {SNNK__READ(X, n, layer->inputs, ldx),
                                    SNNK__WRITTEN(Y, n, layer->outputs, ldy)};
    if ((st = snnk__check_overlap(2, arrays)) != SNNK_OK) return st;
    if (snnk__layer_splits(layer, n, workspace)) {
        st = snnk_workspace_reserve(workspace, layer->cost.split_work * sizeof(float));
        if (st != SNNK_OK) return st;
        layer->kind->forward_split(layer, n, X, ldx, Y, ldy, workspace,
                                   snnk__workspace_scratch(workspace));
        return SNNK_OK;
    }
    return snnk__for_rows_of(snnk__layer_row_cost(layer), workspace, &layer->allocator, n,
                             layer->cost.work * sizeof(float), forward_task, &r);
}

static void readout_task(size_t first, size_t count, void *scratch, void *context) {
    const rows *r = context;

    (void)scratch;
    r->layer->kind->readout(r->layer, count, r->X + first * r->ldx, r->ldx, true,
                            r->Y + first * r->ldy, r->ldy);
}

static void sums_task(size_t first, size_t count, void *scratch, void *context) {
    const rows *r = context;

    (void)scratch;
    r->layer->kind->readout(r->layer, count, r->X + first * r->ldx, r->ldx, false,
                            r->Y + first * r->ldy, r->ldy);
}

int snnk__layer_readout_sums(const snnk_layer *layer, size_t n, const float *Phi, size_t ldphi,
                             float *Y, size_t ldy, snnk_workspace *workspace) {
    rows r = {layer, Phi, ldphi, Y, ldy};

    return snnk__for_rows(workspace, &layer->allocator, n, 0, sums_task, &r);
}

int snnk_layer_readout(const snnk_layer *layer, size_t n, const float *Phi, size_t ldphi, float *Y,
                       size_t ldy, snnk_workspace *workspace) {
    rows r = {layer, Phi, ldphi, Y, ldy};
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    if (!layer->kind->readout)
        return snnk__fail(SNNK_E_UNSUPPORTED, "a %s layer has no features that it reads out",
                          layer->kind->name);
    st = snnk__check_matrix(Phi, "Phi", n, layer->columns, ldphi, sizeof *Phi);
    if (st != SNNK_OK) return st;
    if ((st = snnk__check_matrix(Y, "Y", n, layer->outputs, ldy, sizeof *Y)) != SNNK_OK) return st;
    const snnk__operand arrays[] = {SNNK__READ(Phi, n, layer->columns, ldphi),
                                    SNNK__WRITTEN(Y, n, layer->outputs, ldy)};
    if ((st = snnk__check_overlap(2, arrays)) != SNNK_OK) return st;
    return snnk__for_rows(workspace, &layer->allocator, n, 0, readout_task, &r);
}
