/* AFFINE: the affine part of a spectrum. Created by snnk_map_create_urf. */
#include "map/affine.h"

#include <float.h>
#include <math.h>

#include "map/slopes.h"
#include "map/symmetric.h"
#include "projection/projection.h"

/* XORed into the seed for the drawn rows of a sketch, so that they are independent of the atoms'
 * rows. */
#define SKETCH_SEED UINT64_C(0x9e3779b97f4a7c15)

static const snnk__affine *data_of(const snnk__map_block *block) { return block->data; }

/* ---- Creating ---- */

/* Create a block with room for its rows. */
static int begin(const snnk__affine *affine, size_t inputs, const snnk_map_config *config,
                 const snnk_allocator *allocator, snnk__map_block **block) {
    size_t features = inputs;
    snnk_map_config ours = *config;
    snnk__map_block *made;
    snnk__affine *data;
    int st;

    ours.kind = SNNK_MAP_AFFINE;
    if (affine->frame) features = affine->sketch_rows + (affine->frame->weight_mean != NULL);
    st = snnk__map_block_alloc(&snnk__map_affine, &ours, features, allocator, &made);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(allocator, 1, sizeof *data, "an affine part", &data);
    if (st != SNNK_OK) goto done;
    *data = *affine;
    data->frame = snnk__frame_retain(affine->frame);
    made->data = data;
    made->function = (snnk__function){
        .operation = SNNK__OPERATION_ACTIVATION, .activation = SNNK_IDENTITY, .scale = 1};
    st = affine->frame ? snnk__linear_create_dense(&made->linear, inputs, features, allocator)
                       : snnk__linear_create_diagonal(&made->linear, inputs, allocator);
    if (st != SNNK_OK) goto done;
    *block = made;
    made = NULL;
done:
    snnk__map_block_release(made);
    return st;
}

static void release(snnk__map_block *block) {
    const snnk__affine *affine = block->data;

    if (affine) snnk_frame_free((snnk_frame *)affine->frame);
    snnk__free(&block->allocator, block->data);
}

static int fill_sketch(snnk__map_block *block, snnk__row_source *source, float *folded) {
    const snnk__affine *affine = data_of(block);
    const snnk_frame *frame = affine->frame;
    const double root = sqrt((double)affine->sketch_rows);
    size_t j = 0;
    double *g;
    int st;

    if (frame->weight_mean) {
        st = snnk__linear_set_row(&block->linear, j++, frame->weight_mean, 0, frame->mean, NULL,
                                  folded);
        if (st != SNNK_OK) return st;
    }
    for (; j < block->linear.rows; j++) {
        if ((st = snnk__row_source_next(source, &g)) != SNNK_OK) return st;
        snnk__frame_fold(frame, g);
        for (size_t k = 0; k < block->linear.inputs; k++) g[k] /= root;
        st = snnk__linear_set_row(&block->linear, j, g, 0, frame->mean, NULL, folded);
        if (st != SNNK_OK) return st;
    }
    return SNNK_OK;
}

int snnk__affine_create(const snnk__affine *affine, size_t inputs, const snnk_map_config *config,
                        snnk__row_source *source, float *folded, const snnk_allocator *allocator,
                        snnk__map_block **block) {
    snnk__row_source sketch = *source;
    snnk__map_block *made;
    int st;

    if ((st = begin(affine, inputs, config, allocator, &made)) != SNNK_OK) return st;
    sketch.seed ^= SKETCH_SEED;
    sketch.rows = NULL;
    if (affine->frame)
        st = fill_sketch(made, &sketch, folded);
    else
        for (size_t k = 0; st == SNNK_OK && k < inputs; k++)
            st = snnk__linear_set_diagonal(&made->linear, k, 1, NULL);
    /* Given rows are consumed one after the other. Drawn rows need no such step: the next block has
     * another seed. */
    if (source->G) source->next = sketch.next;
    snnk__row_source_free(&sketch);
    if (st == SNNK_OK)
        *block = made;
    else
        snnk__map_block_release(made);
    return st;
}

static size_t rows_to_redraw(const snnk__map_block *block) { return data_of(block)->sketch_rows; }

static int redraw(const snnk__map_block *block, const snnk_map_config *config,
                  snnk__row_source *source, float *folded, const snnk_allocator *allocator,
                  snnk__map_block **redrawn) {
    return snnk__affine_create(data_of(block), block->linear.inputs, config, source, folded,
                               allocator, redrawn);
}

/* ---- Features ---- */

static double safe_projection(const snnk__map_block *block) {
    (void)block;
    return 1e37;
}

static void slope(const snnk__function *f, snnk__slope_order order, double z,
                  double factor[SNNK__SLOPE_WIDTH]) {
    (void)f;
    factor[0] = isnan(z) ? z : order == SNNK__SLOPE_FIRST;
}

static void gradient(const snnk__map_block *block, const float *x,
                     const snnk__slope_scratch *scratch, float *J, size_t ldj) {
    if (data_of(block)->frame)
        snnk__slope_gradient(block, slope, x, scratch, J, ldj);
    else
        snnk__diagonal_gradient(block, x, J, ldj);
}

static void laplacian(const snnk__map_block *block, size_t n, const float *X, size_t ldx,
                      const snnk__slope_scratch *scratch, float *L, size_t ldl) {
    if (data_of(block)->frame)
        snnk__slope_laplacian(block, slope, n, scratch, L, ldl);
    else
        snnk__diagonal_laplacian(block, n, X, ldx, L, ldl);
}

/* ---- The kernel ---- */

static void exact_weights(const snnk__affine *affine, const snnk__weight_rows *rows, size_t row,
                          float *psi) {
    const float *w = rows->W + row * rows->ldw;

    for (size_t k = 0; k < rows->inputs; k++) psi[k] = (float)(affine->slope * w[k]);
    if (rows->bias)
        rows->bias[row] +=
            (float)(affine->intercept + (rows->b ? affine->slope * rows->b[row] : 0));
}

/* The sketch's entries of Psi, from v_j = (row j of the sketch) . w~. */
static void sketch_weights(const snnk__affine *affine, const snnk__weight_rows *rows,
                           const snnk__framed_weight *weight, size_t row, const float *v,
                           float *psi) {
    const size_t first = affine->frame->weight_mean ? 1 : 0;

    if (first) psi[0] = (float)affine->slope; /* for the feature nu.(x - mu) */
    for (size_t j = first; j < first + affine->sketch_rows; j++)
        psi[j] = (float)(affine->slope * v[j]);
    if (rows->bias) rows->bias[row] += (float)(affine->intercept + affine->slope * weight->offset);
}

static void weights(const snnk__map_block *block, const snnk__weight_rows *rows, size_t first,
                    size_t count, float *Psi, float *scratch) {
    const snnk__affine *affine = data_of(block);
    const size_t d = rows->inputs, r = block->linear.rows;
    double *framed = (double *)scratch;
    float *dual = scratch + 2 * d, *V = dual + SNNK__WEIGHT_ROWS * d;
    snnk__framed_weight weight[SNNK__WEIGHT_ROWS];

    if (!affine->frame) {
        for (size_t i = 0; i < count; i++)
            exact_weights(affine, rows, first + i, Psi + i * rows->ldpsi);
        return;
    }
    for (size_t i = 0; i < count; i++)
        weight[i] = snnk__frame_dual(affine->frame, rows->W + (first + i) * rows->ldw,
                                     rows->b ? rows->b[first + i] : 0, framed, dual + i * d);
    snnk__kernels_get()->project(count, dual, d, &block->linear.G, NULL, 0, r, V, r);
    for (size_t i = 0; i < count; i++)
        sketch_weights(affine, rows, &weight[i], first + i, V + i * r, Psi + i * rows->ldpsi);
}

static bool biased(const snnk__map_block *block) {
    (void)block;
    return true;
}

static int exact(const snnk__map_block *block, const float *x, const float *w, double b,
                 double *value) {
    const snnk__affine *affine = data_of(block);
    const int st = affine->frame ? snnk__map_block_check_drawn(block) : SNNK_OK;
    double z = b;

    if (st != SNNK_OK) return st;
    for (size_t k = 0; k < block->linear.inputs; k++) z += (double)x[k] * w[k];
    *value = affine->intercept + affine->slope * z;
    return SNNK_OK;
}

/* ---- Prediction ---- */

static double place(const snnk__map_block *block, bool weights_row, const float *x, double b,
                    double *row) {
    const snnk_frame *frame = data_of(block)->frame;
    const size_t d = block->linear.inputs;

    row[d] = 0;
    if (frame) return snnk__frame_place(frame, weights_row, x, b, row);
    for (size_t k = 0; k < d; k++) row[k] = x[k];
    return b;
}

snnk__pair_error snnk__affine_error(double intercept, double slope_of, size_t sketch_rows,
                                    const snnk__urf_products *p, double offset) {
    snnk__pair_error e = {.value = intercept + slope_of * (p->xw + offset)};

    if (sketch_rows > 0 && slope_of != 0) {
        e.variance = slope_of * slope_of * (p->xx * p->ww + p->xw * p->xw) / (double)sketch_rows;
        if (e.variance > 0) e.bound2 = INFINITY;
    }
    return e;
}

static int error(const snnk__map_block *block, const snnk__urf_products *p, double offset,
                 snnk__pair_error *of) {
    const snnk__affine *affine = data_of(block);
    const int st = affine->frame ? snnk__map_block_check_drawn(block) : SNNK_OK;

    if (st != SNNK_OK) return st;
    *of = snnk__affine_error(affine->intercept, affine->slope, affine->sketch_rows, p, offset);
    return SNNK_OK;
}

static double fourth(const snnk__map_block *block, const snnk__urf_products *p, double offset) {
    const snnk__affine *affine = data_of(block);

    (void)offset;
    if (affine->sketch_rows == 0) return 0;
    return pow(affine->slope, 4) * snnk__product_fourth(p) / pow((double)affine->sketch_rows, 3);
}

static void facts(const snnk__map_block *block, snnk__map_facts *of) {
    const snnk__affine *affine = data_of(block);

    snnk__spectral_facts_give(&affine->facts, of);
    of->random = affine->sketch_rows;
    of->fixed = block->features - affine->sketch_rows;
}

/* ---- Files ---- */

static void write(const snnk__map_block *block, snnk__sink *sink) {
    const snnk__affine *affine = data_of(block);

    sink->truth(sink, "exact", affine->frame == NULL);
    sink->number(sink, "intercept", affine->intercept);
    sink->number(sink, "slope", affine->slope);
    snnk__spectral_facts_write(&affine->facts, sink);
    block->linear.form->write(&block->linear, sink);
    if (affine->frame) snnk__frame_write(affine->frame, sink);
}

/* The features of an exact part must be the inputs themselves: its weight tower relies on that. */
static int check_exact(const snnk__map_block *block) {
    for (size_t k = 0; k < block->linear.inputs; k++)
        if (block->linear.numbers[k] != 1 || block->linear.offset[k] != 0)
            return snnk__fail(SNNK_E_FORMAT,
                              "feature %zu of an exact affine block is not input %zu", k, k);
    return SNNK_OK;
}

/* Read the data, except the frame. */
static int read_values(const snnk__source *source, size_t inputs, size_t features,
                       snnk__affine *affine, bool *is_exact) {
    int st;

    st = snnk__read_within(source, "intercept", -DBL_MAX, DBL_MAX, &affine->intercept);
    if (st != SNNK_OK) return st;
    if ((st = snnk__spectral_facts_read(source, &affine->facts)) != SNNK_OK) return st;
    st = snnk__read_within(source, "slope", -DBL_MAX, DBL_MAX, &affine->slope);
    if (st != SNNK_OK) return st;
    if ((st = snnk__read_truth(source, "exact", is_exact)) != SNNK_OK) return st;
    if (!*is_exact || features == inputs) return SNNK_OK;
    return snnk__fail(SNNK_E_FORMAT, "an exact affine block has %zu features, but %zu inputs",
                      features, inputs);
}

static int read(const snnk__map_kind *kind, const snnk__source *source, size_t inputs,
                const snnk_map_config *config, snnk__map_block **block) {
    const size_t features = (size_t)config->features;
    snnk__affine affine = {0};
    snnk__map_block *made = NULL;
    bool is_exact = false;
    int st;

    (void)kind;
    if ((st = snnk__spectral_check_projection(config)) != SNNK_OK) return st;
    if ((st = read_values(source, inputs, features, &affine, &is_exact)) != SNNK_OK) return st;
    if (!is_exact) {
        snnk_frame *frame = NULL;

        if ((st = snnk__frame_read(source, inputs, &frame)) != SNNK_OK) return st;
        affine.frame = frame;
        affine.sketch_rows = features - (frame->weight_mean != NULL);
        if (affine.sketch_rows == 0) {
            st = snnk__fail(SNNK_E_FORMAT,
                            "\"features\" is %zu, but a sketch needs at least one row", features);
            goto done;
        }
    }
    st = is_exact ? snnk__linear_find_diagonal(source, inputs)
                  : snnk__linear_find_dense(source, inputs, features);
    if (st != SNNK_OK) goto done;
    if ((st = begin(&affine, inputs, config, source->allocator, &made)) != SNNK_OK) goto done;
    if ((st = made->linear.form->read(&made->linear, source)) != SNNK_OK) goto done;
    if (is_exact && (st = check_exact(made)) != SNNK_OK) goto done;
    *block = made;
    made = NULL;
done:
    snnk__map_block_release(made);
    snnk_frame_free((snnk_frame *)affine.frame);
    return st;
}

const snnk__map_kind snnk__map_affine = {.name = "affine",
                                         .stored_name = "line",
                                         .release = release,
                                         .safe_projection = safe_projection,
                                         .gradient = gradient,
                                         .laplacian = laplacian,
                                         .weights = weights,
                                         .biased = biased,
                                         .exact = exact,
                                         .fold = snnk__fold_as_linear,
                                         .rows_to_redraw = rows_to_redraw,
                                         .redraw = redraw,
                                         .place = place,
                                         .error = error,
                                         .fourth = fourth,
                                         .facts = facts,
                                         .write = write,
                                         .read = read};
