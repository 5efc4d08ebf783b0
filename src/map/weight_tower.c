/* The weight tower: Psi and bias of a map, through the kernels. */
#include "base/size.h"
#include "base/workspace.h"
#include "map/map.h"

#define WEIGHT_ROWS 32 /* that share a pass over G */

typedef struct weights {
    const snnk_map *map;
    const float *W;
    size_t ldw;
    const float *b;
    float *Psi;
    size_t ldpsi;
    float *bias;
    size_t max_rows; /* of all blocks */
} weights;

/* Bytes of scratch of one thread, for WEIGHT_ROWS rows: w~, its duals, its products with G. */
static int weight_scratch(const weights *w, size_t *bytes) {
    size_t duals, products, floats;

    if (snnk__mul_size(w->map->inputs, WEIGHT_ROWS + 2, &duals) &&
        snnk__mul_size(w->max_rows, WEIGHT_ROWS, &products) &&
        snnk__add_size(duals, products, &floats) && snnk__mul_size(floats, sizeof(float), bytes))
        return SNNK_OK;
    return snnk__fail(SNNK_E_SIZE, "scratch for %zu inputs and %zu rows overflows a size",
                      w->map->inputs, w->max_rows);
}

/* bias and Psi of an affine part that is exact. */
static void exact_line_weights(const weights *w, const snnk__affine *line, size_t row, float *psi) {
    const float *x = w->W + row * w->ldw;

    for (size_t k = 0; k < w->map->inputs; k++) psi[k] = (float)(line->slope * x[k]);
    if (w->bias) w->bias[row] += (float)(line->intercept + (w->b ? line->slope * w->b[row] : 0));
}

/* The same from v_j = (row j of the sketch) . w~. */
static void sketch_weights(const weights *w, const snnk__affine *line,
                           const snnk__framed_weight *weight, size_t row, const float *v,
                           float *psi) {
    const size_t first = line->frame->weight_mean ? 1 : 0;

    if (first) psi[0] = (float)line->slope; /* of the feature nu.(x - mu) */
    for (size_t j = first; j < first + line->sketch_rows; j++) psi[j] = (float)(line->slope * v[j]);
    if (w->bias) w->bias[row] += (float)(line->intercept + line->slope * weight->offset);
}

/* Psi of `count` <= WEIGHT_ROWS rows for a block made from a spectrum. */
static void spectral_weights(const weights *w, const snnk__map_block *block, size_t first,
                             size_t count, float *Psi, float *scratch) {
    const size_t d = block->inputs, r = block->rows;
    const snnk_frame *frame = block->urf ? block->urf->frame : block->line->frame;
    double *framed = (double *)scratch;
    float *dual = scratch + 2 * d, *V = dual + WEIGHT_ROWS * d;
    snnk__framed_weight weight[WEIGHT_ROWS];

    if (!frame) {
        for (size_t i = 0; i < count; i++)
            exact_line_weights(w, block->line, first + i, Psi + i * w->ldpsi);
        return;
    }
    for (size_t i = 0; i < count; i++)
        weight[i] = snnk__frame_dual(frame, w->W + (first + i) * w->ldw, w->b ? w->b[first + i] : 0,
                                     framed, dual + i * d);
    snnk__kernels_get()->project(count, dual, d, &block->linear.G, NULL, 0, r, V, r);
    for (size_t i = 0; i < count; i++) {
        if (block->urf) {
            snnk__urf_weights(block->urf, &weight[i], V + i * r, Psi + i * w->ldpsi);
            if (w->bias) w->bias[first + i] += (float)block->urf->intercept;
        } else {
            sketch_weights(w, block->line, &weight[i], first + i, V + i * r, Psi + i * w->ldpsi);
        }
    }
}

static void weight_rows(size_t first, size_t count, void *scratch, void *context) {
    const weights *w = context;

    for (size_t i = 0; w->bias && i < count; i++) w->bias[first + i] = 0;
    for (size_t i = 0; i < count; i += WEIGHT_ROWS) {
        const size_t rows = snnk__min_size(WEIGHT_ROWS, count - i), row = first + i;
        float *Psi = w->Psi + row * w->ldpsi;

        for (size_t b = 0; b < w->map->n_blocks; b++) {
            const snnk__map_block *block = w->map->blocks[b];

            if (block->urf || block->line)
                spectral_weights(w, block, row, rows, Psi, scratch);
            else
                snnk__map_block_features(block, rows, w->W + row * w->ldw, w->ldw, Psi, w->ldpsi,
                                         scratch);
            Psi += block->features;
        }
    }
}

/* b and bias are for blocks made from a spectrum. */
static int check_bias(const snnk_map *map, size_t l, const float *b, const float *bias) {
    for (size_t i = 0; i < map->n_blocks; i++) {
        const snnk__map_block *block = map->blocks[i];
        const bool biased = block->line || (block->urf && block->urf->intercept != 0);

        if (block->folded)
            return snnk__fail(SNNK_E_UNSUPPORTED,
                              "block %zu was folded: it takes other inputs than the weights do", i);
        if (b && !block->line && !block->urf)
            return snnk__fail(SNNK_E_UNSUPPORTED,
                              "block %zu: its kernel is symmetric and has no b: pass NULL", i);
        if (biased && !bias && l > 0)
            return snnk__fail(
                SNNK_E_NULL,
                "bias is NULL, but block %zu has a constant part that goes into the bias", i);
    }
    return SNNK_OK;
}

int snnk_map_weight_tower(const snnk_map *map, size_t l, const float *W, size_t ldw, const float *b,
                          float *Psi, size_t ldpsi, float *bias, snnk_workspace *workspace) {
    weights w = {.map = map, .W = W, .ldw = ldw, .b = b, .Psi = Psi, .ldpsi = ldpsi, .bias = bias};
    bool spectral = false;
    size_t bytes = 0;
    int st;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    if ((st = check_bias(map, l, b, bias)) != SNNK_OK) return st;
    if ((st = snnk__check_matrix(W, "W", l, map->inputs, ldw, sizeof *W)) != SNNK_OK) return st;
    st = snnk__check_matrix(Psi, "Psi", l, map->features, ldpsi, sizeof *Psi);
    if (st != SNNK_OK) return st;
    for (size_t i = 0; i < map->n_blocks; i++)
        if (map->blocks[i]->urf || map->blocks[i]->line) {
            w.max_rows = snnk__max_size(w.max_rows, map->blocks[i]->rows);
            spectral = true;
        }
    if (spectral && (st = weight_scratch(&w, &bytes)) != SNNK_OK) return st;
    bytes = snnk__max_size(bytes, snnk__map_work(map) * sizeof(float));
    return snnk__for_rows(workspace, &map->allocator, l, bytes, weight_rows, &w);
}
