#include "layer/layer.h"

#include <string.h>

#include "base/size.h"
#include "base/workspace.h"
#include "spectrum/activation.h"

/* ---- Creating ---- */

static int weights_create(size_t outputs, size_t columns, bool of_features, int32_t storage,
                          const snnk_allocator *allocator, snnk__panels *weights) {
    const snnk__kernels *kernels = snnk__kernels_get();

    if (storage != SNNK_STORAGE_F32)
        return snnk__panels_create_narrow(allocator, outputs, columns, storage, "weights", weights);
    return snnk__panels_create(allocator, outputs, columns,
                               of_features ? kernels->readout_shape : kernels->projection_shape,
                               "weights", weights);
}

int snnk__layer_alloc(size_t inputs, size_t outputs, const snnk_map *map, int32_t storage,
                      const float *bias, const snnk_allocator *allocator, snnk_layer **layer) {
    const size_t n_weights = map ? map->n_blocks : 1;
    snnk_layer *made = NULL;
    int st;

    if ((st = snnk__alloc(allocator, 1, sizeof *made, "a layer", &made)) != SNNK_OK) return st;
    *made = (snnk_layer){
        .allocator = *allocator, .inputs = inputs, .outputs = outputs, .storage = storage};
    atomic_init(&made->references, 1);
    if (map) made->map = snnk__map_retain(map);
    st = snnk__alloc_zero(allocator, n_weights, sizeof *made->weights, "weights", &made->weights);
    if (st != SNNK_OK) goto done;
    for (; made->n_weights < n_weights; made->n_weights++) {
        const size_t columns = map ? map->blocks[made->n_weights]->features : inputs;

        st = weights_create(outputs, columns, map != NULL, storage, allocator,
                            &made->weights[made->n_weights]);
        if (st != SNNK_OK) goto done;
    }
    st = snnk__alloc_zero(allocator, outputs, sizeof *made->bias, "a bias", &made->bias);
    if (st != SNNK_OK) goto done;
    if (bias) memcpy(made->bias, bias, outputs * sizeof *bias);
    *layer = made;
    made = NULL;
done:
    snnk_layer_free(made);
    return st;
}

/* Row i of W, cut where the blocks' features begin. */
static void set_rows(snnk_layer *layer, const float *W, size_t ldw) {
    for (size_t i = 0; i < layer->outputs; i++) {
        const float *row = W + i * ldw;

        for (size_t b = 0; b < layer->n_weights; row += layer->weights[b++].columns)
            snnk__panels_set_row(&layer->weights[b], i, row);
    }
}

static int check_weights(const float *W, const char *name, size_t outputs, size_t columns,
                         size_t ldw, const float *bias) {
    int st;

    if (outputs == 0) return snnk__fail(SNNK_E_SHAPE, "outputs = 0: a layer needs at least 1");
    if ((st = snnk__check_matrix(W, name, outputs, columns, ldw, sizeof *W)) != SNNK_OK) return st;
    if ((st = snnk__check_finite(W, name, outputs, columns, ldw)) != SNNK_OK) return st;
    return bias ? snnk__check_finite(bias, "bias", 1, outputs, outputs) : SNNK_OK;
}

int snnk_layer_create(const snnk_map *map, size_t outputs, const float *Psi, size_t ldpsi,
                      const float *bias, snnk_layer **layer) {
    snnk_layer *made;
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    *layer = NULL;
    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    if ((st = check_weights(Psi, "Psi", outputs, map->features, ldpsi, bias)) != SNNK_OK) return st;
    st = snnk__layer_alloc(map->inputs, outputs, map, SNNK_STORAGE_F32, bias, &map->allocator,
                           &made);
    if (st != SNNK_OK) return st;
    set_rows(made, Psi, ldpsi);
    *layer = made;
    return SNNK_OK;
}

int snnk__layer_alloc_tower(const snnk_map *map, int32_t storage, snnk_layer **layer) {
    snnk_layer *made;
    const int st = snnk__alloc(&map->allocator, 1, sizeof *made, "a layer", &made);

    if (st != SNNK_OK) return st;
    *made = (snnk_layer){.allocator = map->allocator,
                         .inputs = map->inputs,
                         .outputs = map->features,
                         .map = snnk__map_retain(map),
                         .storage = storage};
    atomic_init(&made->references, 1);
    *layer = made;
    return SNNK_OK;
}

int snnk_layer_create_tower(const snnk_map *map, snnk_layer **layer) {
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    *layer = NULL;
    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    return snnk__layer_alloc_tower(map, SNNK_STORAGE_F32, layer);
}

int snnk_layer_create_dense(size_t inputs, size_t outputs, const float *W, size_t ldw,
                            const float *bias, int32_t activation, const snnk_allocator *allocator,
                            snnk_layer **layer) {
    snnk_allocator ours;
    snnk_layer *made;
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    *layer = NULL;
    if (inputs == 0) return snnk__fail(SNNK_E_SHAPE, "inputs = 0: a layer needs at least 1");
    if ((st = snnk__check_activation(activation)) != SNNK_OK) return st;
    if ((st = check_weights(W, "W", outputs, inputs, ldw, bias)) != SNNK_OK) return st;
    if ((st = snnk__allocator_read(&ours, allocator)) != SNNK_OK) return st;
    st = snnk__layer_alloc(inputs, outputs, NULL, SNNK_STORAGE_F32, bias, &ours, &made);
    if (st != SNNK_OK) return st;
    made->activation = activation;
    set_rows(made, W, ldw);
    *layer = made;
    return SNNK_OK;
}

const snnk_layer *snnk__layer_retain(const snnk_layer *layer) {
    atomic_fetch_add(&((snnk_layer *)layer)->references, 1);
    return layer;
}

void snnk_layer_free(snnk_layer *layer) {
    if (!layer || atomic_fetch_sub(&layer->references, 1) > 1) return;
    const snnk_allocator allocator = layer->allocator;
    for (size_t b = 0; b < layer->n_weights; b++) snnk__panels_free(&allocator, &layer->weights[b]);
    for (size_t b = 0; layer->G && b < layer->map->n_blocks; b++)
        snnk__panels_free(&allocator, &layer->G[b]);
    snnk__free(&allocator, layer->weights);
    snnk__free(&allocator, layer->G);
    snnk__free(&allocator, layer->bias);
    snnk_map_free((snnk_map *)layer->map);
    snnk__free(&allocator, layer);
}

/* Block b of the map, with the layer's own G if it has one. */
static snnk__block block_of(const snnk_layer *layer, size_t b) {
    snnk__block block = snnk__map_block_kernel(layer->map->blocks[b]);

    if (layer->G && block.G) block.G = &layer->G[b];
    return block;
}

/* ---- Looking inside ---- */

size_t snnk_layer_inputs(const snnk_layer *layer) { return layer ? layer->inputs : 0; }
size_t snnk_layer_outputs(const snnk_layer *layer) { return layer ? layer->outputs : 0; }
size_t snnk_layer_features(const snnk_layer *layer) {
    return layer ? snnk_map_features(layer->map) : 0;
}
bool snnk__layer_is_tower(const snnk_layer *layer) { return layer->map && !layer->weights; }
int32_t snnk_layer_is_tower(const snnk_layer *layer) {
    return layer && snnk__layer_is_tower(layer);
}
const snnk_map *snnk_layer_map(const snnk_layer *layer) { return layer ? layer->map : NULL; }

/* Numbers of Psi. */
static uint64_t readout_size(const snnk_layer *layer) {
    return snnk__layer_is_tower(layer) ? 0 : (uint64_t)layer->map->features * layer->outputs;
}

uint64_t snnk_layer_multiply_adds(const snnk_layer *layer) {
    uint64_t sum;

    if (!layer) return 0;
    if (!layer->map) return (uint64_t)layer->inputs * layer->outputs;
    sum = readout_size(layer);
    for (size_t b = 0; b < layer->map->n_blocks; b++)
        sum += snnk__map_block_multiply_adds(layer->map->blocks[b]);
    return sum;
}

int32_t snnk_layer_storage(const snnk_layer *layer) {
    return layer ? layer->storage : SNNK_STORAGE_F32;
}

/* Bytes of packed elements and scales; what stands for G where it is not packed, is float. */
static uint64_t panels_bytes(const snnk__panels *panels) {
    static const uint64_t bytes[] = {sizeof(float), sizeof(uint16_t), sizeof(uint8_t)};
    const uint64_t count = (uint64_t)panels->rows * panels->columns;

    return count * bytes[panels->storage] + (panels->scale ? panels->rows * sizeof(float) : 0);
}

uint64_t snnk_layer_weight_bytes(const snnk_layer *layer) {
    uint64_t sum;

    if (!layer) return 0;
    sum = layer->bias ? layer->outputs * sizeof(float) : 0;
    for (size_t b = 0; b < layer->n_weights; b++) sum += panels_bytes(&layer->weights[b]);
    for (size_t b = 0; layer->map && b < layer->map->n_blocks; b++) {
        const snnk__block block = block_of(layer, b);
        const uint64_t parameters = snnk__map_block_parameters(layer->map->blocks[b]);

        if (block.G)
            sum += panels_bytes(block.G) +
                   (parameters - (uint64_t)block.G->rows * block.G->columns) * sizeof(float);
        else
            sum += parameters * sizeof(float);
    }
    return sum;
}

uint64_t snnk_layer_parameters(const snnk_layer *layer) {
    uint64_t sum;

    if (!layer) return 0;
    sum = layer->bias ? layer->outputs : 0;
    if (!layer->map) return sum + (uint64_t)layer->inputs * layer->outputs;
    sum += readout_size(layer);
    for (size_t b = 0; b < layer->map->n_blocks; b++)
        sum += snnk__map_block_parameters(layer->map->blocks[b]);
    return sum;
}

int snnk_layer_weights(const snnk_layer *layer, float *Psi, size_t ldpsi, float *bias) {
    size_t columns;
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    if (snnk__layer_is_tower(layer))
        return snnk__fail(SNNK_E_UNSUPPORTED, "a tower has features, but no weights Psi");
    columns = layer->map ? layer->map->features : layer->inputs;
    if (Psi) {
        st = snnk__check_matrix(Psi, "Psi", layer->outputs, columns, ldpsi, sizeof *Psi);
        if (st != SNNK_OK) return st;
    }
    for (size_t i = 0; Psi && i < layer->outputs; i++) {
        float *row = Psi + i * ldpsi;

        for (size_t b = 0; b < layer->n_weights; row += layer->weights[b++].columns)
            snnk__panels_get_row(&layer->weights[b], i, row);
    }
    if (bias) memcpy(bias, layer->bias, layer->outputs * sizeof *bias);
    return SNNK_OK;
}

/* ---- Forward ---- */

size_t snnk__layer_work(const snnk_layer *layer) {
    size_t most = 0;

    for (size_t b = 0; layer->map && b < layer->map->n_blocks; b++) {
        const snnk__block block = block_of(layer, b);

        most = snnk__max_size(most, layer->weights ? snnk__project_readout_work(&block)
                                                   : snnk__project_work(&block));
    }
    return most;
}

static snnk__block dense_block(const snnk_layer *layer) {
    return (snnk__block){.G = layer->weights,
                         .offset = layer->bias,
                         .rows = layer->outputs,
                         .function = {.operation = SNNK__OPERATION_ACTIVATION,
                                      .activation = layer->activation,
                                      .scale = 1}};
}

void snnk__layer_features_rows(const snnk_layer *layer, size_t n, const float *X, size_t ldx,
                               float *Phi, size_t ldphi, float *work) {
    for (size_t b = 0; b < layer->map->n_blocks; Phi += layer->map->blocks[b++]->features) {
        const snnk__block block = block_of(layer, b);

        snnk__project(n, X, ldx, layer->inputs, &block, Phi, ldphi, work);
    }
}

void snnk__layer_forward_rows(const snnk_layer *layer, size_t n, const float *X, size_t ldx,
                              float *Y, size_t ldy, float *work) {
    if (!layer->map) {
        const snnk__block dense = dense_block(layer);

        snnk__project(n, X, ldx, layer->inputs, &dense, Y, ldy, NULL);
        return;
    }
    if (snnk__layer_is_tower(layer)) {
        snnk__layer_features_rows(layer, n, X, ldx, Y, ldy, work);
        return;
    }
    for (size_t b = 0; b < layer->n_weights; b++) {
        const snnk__block block = block_of(layer, b);
        const float *start = b == 0 ? layer->bias : NULL; /* what the first block adds to */

        snnk__project_readout(n, X, ldx, layer->inputs, &block, &layer->weights[b], start, Y, ldy,
                              work);
    }
}

/* ---- Few rows: split within them ---- */

/* Multiply-adds of a row below which waking other threads costs more than they save: 10 microseconds or
 * so of 30. */
#define LEAST_SPLIT 300000

/* Blocks that cannot be divided stay on one thread: the others must be most of the work. */
static bool worth_splitting(const snnk_layer *layer) {
    uint64_t whole = 0;

    for (size_t b = 0; layer->map && b < layer->map->n_blocks; b++) {
        const snnk__block block = block_of(layer, b);

        if (!snnk__block_is_divisible(&block))
            whole += snnk__map_block_multiply_adds(layer->map->blocks[b]);
    }
    const uint64_t dealt = snnk_layer_multiply_adds(layer) - whole;

    return dealt >= LEAST_SPLIT && dealt >= whole;
}

size_t snnk__layer_split_work(const snnk_layer *layer) {
    if (!worth_splitting(layer) || !layer->map) return 0;
    return snnk__layer_work(layer) + (layer->weights ? layer->map->features : 0);
}

bool snnk__layer_splits(const snnk_layer *layer, size_t n, const snnk_workspace *workspace) {
    return workspace && n > 0 && n < snnk_workspace_threads(workspace) && worth_splitting(layer);
}

/* One product of a few rows: of a block, its features; or of all blocks, the outputs. */
typedef struct product {
    const snnk_layer *layer;
    const snnk__block *block;
    size_t n, all; /* rows of X; features or outputs */
    const float *from;
    size_t ld_from;
    float *to;
    size_t ld_to;
} product;

static void features_task(size_t first, size_t count, void *scratch, void *context) {
    const product *p = context;
    const size_t begin = first * SNNK__ROW_CHUNK,
                 end = snnk__min_size((first + count) * SNNK__ROW_CHUNK, p->all);

    (void)scratch;
    snnk__project_some(p->n, p->from, p->ld_from, p->layer->inputs, p->block, begin, end - begin,
                       p->to, p->ld_to);
}

/* Outputs first ... first+count-1 of n rows from their features; first is a multiple of SNNK__ROW_CHUNK. */
static void read_out(const snnk_layer *layer, size_t n, const float *Phi, size_t ldphi,
                     size_t first, size_t count, float *Y, size_t ldy) {
    for (size_t b = 0; b < layer->n_weights; Phi += layer->weights[b++].columns)
        snnk__readout_some(n, Phi, ldphi, &layer->weights[b], first, count,
                           b == 0 ? layer->bias : NULL, Y, ldy);
}

static void outputs_task(size_t first, size_t count, void *scratch, void *context) {
    const product *p = context;
    const size_t begin = first * SNNK__ROW_CHUNK,
                 end = snnk__min_size((first + count) * SNNK__ROW_CHUNK, p->all);

    (void)scratch;
    read_out(p->layer, p->n, p->from, p->ld_from, begin, end - begin, p->to, p->ld_to);
}

/* No scratch is asked for: nothing that could fail. */
static void deal(const product *p, snnk__row_task task, snnk_workspace *workspace) {
    snnk__for_rows(workspace, NULL, (p->all - 1) / SNNK__ROW_CHUNK + 1, 0, task, (void *)p);
}

static void split_dense(const snnk_layer *layer, size_t n, const float *X, size_t ldx, float *Y,
                        size_t ldy, snnk_workspace *workspace) {
    const snnk__block block = dense_block(layer);
    const product p = {layer, &block, n, layer->outputs, X, ldx, Y, ldy};

    deal(&p, features_task, workspace);
}

static void split_features(const snnk_layer *layer, size_t n, const float *X, size_t ldx,
                           float *Phi, size_t ldphi, snnk_workspace *workspace, float *work) {
    for (size_t b = 0; b < layer->map->n_blocks; Phi += layer->map->blocks[b++]->features) {
        const snnk__block block = block_of(layer, b);
        const product p = {layer, &block, n, block.rows, X, ldx, Phi, ldphi};

        if (snnk__block_is_divisible(&block))
            deal(&p, features_task, workspace);
        else
            snnk__project(n, X, ldx, layer->inputs, &block, Phi, ldphi, work);
    }
}

typedef struct rows {
    const snnk_layer *layer;
    const float *X;
    size_t ldx;
    float *Y;
    size_t ldy;
} rows;

static void forward_task(size_t first, size_t count, void *scratch, void *context) {
    const rows *r = context;

    snnk__layer_forward_rows(r->layer, count, r->X + first * r->ldx, r->ldx, r->Y + first * r->ldy,
                             r->ldy, scratch);
}

void snnk__layer_forward_split(const snnk_layer *layer, size_t n, const float *X, size_t ldx,
                               float *Y, size_t ldy, snnk_workspace *workspace, float *work) {
    if (!snnk__layer_splits(layer, n, workspace)) {
        rows r = {layer, X, ldx, Y, ldy};

        if (snnk__layer_work(layer) > 0)
            snnk__layer_forward_rows(layer, n, X, ldx, Y, ldy, work);
        else /* no scratch is asked for: nothing that could fail */
            snnk__for_rows(workspace, NULL, n, 0, forward_task, &r);
        return;
    }
    if (!layer->map) {
        split_dense(layer, n, X, ldx, Y, ldy, workspace);
        return;
    }
    const size_t m = layer->map->features;

    if (snnk__layer_is_tower(layer)) {
        split_features(layer, n, X, ldx, Y, ldy, workspace, work);
        return;
    }
    split_features(layer, n, X, ldx, work, m, workspace, work + n * m);
    const product outputs = {layer, NULL, n, layer->outputs, work, m, Y, ldy};
    deal(&outputs, outputs_task, workspace);
}

/* ---- Doors ---- */

static void readout_task(size_t first, size_t count, void *scratch, void *context) {
    const rows *r = context;

    (void)scratch;
    read_out(r->layer, count, r->X + first * r->ldx, r->ldx, 0, r->layer->outputs,
             r->Y + first * r->ldy, r->ldy);
}

int snnk_layer_forward(const snnk_layer *layer, size_t n, const float *X, size_t ldx, float *Y,
                       size_t ldy, snnk_workspace *workspace) {
    rows r = {layer, X, ldx, Y, ldy};
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    if ((st = snnk__check_matrix(X, "X", n, layer->inputs, ldx, sizeof *X)) != SNNK_OK) return st;
    if ((st = snnk__check_matrix(Y, "Y", n, layer->outputs, ldy, sizeof *Y)) != SNNK_OK) return st;
    if (snnk__layer_splits(layer, n, workspace)) {
        st = snnk_workspace_reserve(workspace, snnk__layer_split_work(layer) * sizeof(float));
        if (st != SNNK_OK) return st;
        snnk__layer_forward_split(layer, n, X, ldx, Y, ldy, workspace,
                                  snnk__workspace_scratch(workspace));
        return SNNK_OK;
    }
    return snnk__for_rows(workspace, &layer->allocator, n, snnk__layer_work(layer) * sizeof(float),
                          forward_task, &r);
}

int snnk_layer_readout(const snnk_layer *layer, size_t n, const float *Phi, size_t ldphi, float *Y,
                       size_t ldy, snnk_workspace *workspace) {
    rows r = {layer, Phi, ldphi, Y, ldy};
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    if (!layer->map) return snnk__fail(SNNK_E_UNSUPPORTED, "a dense layer has no features");
    if (snnk__layer_is_tower(layer))
        return snnk__fail(SNNK_E_UNSUPPORTED, "a tower has no weights Psi");
    st = snnk__check_matrix(Phi, "Phi", n, layer->map->features, ldphi, sizeof *Phi);
    if (st != SNNK_OK) return st;
    if ((st = snnk__check_matrix(Y, "Y", n, layer->outputs, ldy, sizeof *Y)) != SNNK_OK) return st;
    return snnk__for_rows(workspace, &layer->allocator, n, 0, readout_task, &r);
}
