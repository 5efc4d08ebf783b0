#include "map/block.h"

#include "projection/projection.h"

/* ---- Creating and freeing ---- */

int snnk__map_block_alloc(const snnk__map_kind *kind, const snnk_map_config *config,
                          size_t features, const snnk_allocator *allocator,
                          snnk__map_block **block) {
    snnk__map_block *made = NULL;
    const int st = snnk__alloc(allocator, 1, sizeof *made, "a map", &made);

    if (st != SNNK_OK) return st;
    *made = (snnk__map_block){
        .kind = kind, .allocator = *allocator, .config = *config, .features = features};
    atomic_init(&made->references, 1);
    made->config.features = features;
    made->config.allocator = NULL;
    *block = made;
    return SNNK_OK;
}

snnk__map_block *snnk__map_block_retain(snnk__map_block *block) {
    atomic_fetch_add(&block->references, 1);
    return block;
}

void snnk__map_block_release(snnk__map_block *block) {
    if (!block || atomic_fetch_sub(&block->references, 1) > 1) return;
    const snnk_allocator allocator = block->allocator;
    if (block->kind->release) block->kind->release(block);
    snnk__linear_free(&block->linear);
    snnk__free(&allocator, block);
}

/* ---- Reading ---- */

int snnk__map_block_check_drawn(const snnk__map_block *block) {
    if (snnk__projection_is_drawn(block->config.projection)) return SNNK_OK;
    return snnk__fail(
        SNNK_E_UNSUPPORTED,
        "the rows were given or folded, so no known distribution gives an expected value");
}

uint64_t snnk__map_block_multiply_adds(const snnk__map_block *block) {
    uint64_t multiply_adds = block->linear.form->multiply_adds(&block->linear), parameters = 0;

    if (block->kind->cost) block->kind->cost(block, &multiply_adds, &parameters);
    return multiply_adds;
}

uint64_t snnk__map_block_parameters(const snnk__map_block *block) {
    uint64_t parameters = block->linear.form->parameters(&block->linear), multiply_adds = 0;

    if (block->kind->cost) block->kind->cost(block, &multiply_adds, &parameters);
    return parameters + block->linear.rows; /* the offsets */
}

snnk__block snnk__map_block_kernel(const snnk__map_block *block) {
    snnk__block kernel = {.offset = block->linear.offset,
                          .rows = block->linear.rows,
                          .function = block->function,
                          .mix = block->mix};

    block->linear.form->set_kernel(&block->linear, &kernel);
    return kernel;
}

size_t snnk__map_block_work(const snnk__map_block *block) {
    const snnk__block kernel = snnk__map_block_kernel(block);

    return snnk__project_work(&kernel);
}

void snnk__map_block_features(const snnk__map_block *block, size_t n, const float *X, size_t ldx,
                              float *Phi, size_t ldphi, float *work) {
    const snnk__block kernel = snnk__map_block_kernel(block);

    snnk__project(n, X, ldx, block->linear.inputs, &kernel, Phi, ldphi, work);
}

void snnk__map_block_center_rows(const snnk__map_block *block, size_t n, const double *X,
                                 size_t ldx, float *to) {
    const size_t d = block->linear.inputs;
    const double *center = block->linear.center;

    for (size_t i = 0; i < n; i++, to += d)
        for (size_t k = 0; k < d; k++)
            to[k] = (float)(center ? X[i * ldx + k] - center[k] : X[i * ldx + k]);
}

int snnk__map_cannot(const snnk__map_kind *kind, const char *what) {
    return snnk__fail(SNNK_E_UNSUPPORTED, "%s features %s", kind->name, what);
}

void snnk__map_block_write(const snnk__map_block *block, snnk__sink *sink) {
    sink->text(sink, "kind", snnk__map_stored_name(block->kind));
    sink->count(sink, "features", block->features);
    snnk__write_seed(sink, block->config.seed);
    sink->text(sink, "projection", snnk_projection_name(block->config.projection));
    block->kind->write(block, sink);
}
