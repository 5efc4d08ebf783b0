#include "map/symmetric.h"

#include <math.h>

#include "base/size.h"
#include "map/config.h"
#include "projection/projection.h"
#include "spectrum/activation.h"

/* ---- Settings ---- */

/* Settings that multiply G are limited so that products still fit a float. */
static const double largest_scale = 1e30, smallest_scale = 1e-30;

static int check_drawn(const snnk_map_config *config, size_t inputs) {
    int st;

    if ((st = snnk__projection_check(config->projection)) != SNNK_OK) return st;
    st = snnk__check_within(config->projection_scale, smallest_scale, largest_scale,
                            "projection_scale");
    if (st != SNNK_OK) return st;
    st = snnk__check_within(config->offset_scale, 0, largest_scale, "offset_scale");
    if (st != SNNK_OK) return st;
    if (config->features == 0)
        return snnk__fail(SNNK_E_SHAPE, "features = 0: at least 1 is needed");
    if (inputs > UINT32_MAX) /* the draws of a row are numbered by 32 bits */
        return snnk__fail(SNNK_E_SIZE, "inputs = %zu is above %lu, the limit for drawn rows",
                          inputs, (unsigned long)UINT32_MAX);
    if (config->features > SIZE_MAX)
        return snnk__fail(SNNK_E_SIZE, "features = %llu does not fit size_t",
                          (unsigned long long)config->features);
    return SNNK_OK;
}

int snnk__symmetric_check(snnk_map_config *config, size_t inputs, size_t rows, size_t width) {
    size_t features;

    if (rows == 0) return check_drawn(config, inputs);
    if (!snnk__mul_size(rows, width, &features))
        return snnk__fail(SNNK_E_SIZE, "rows = %zu give more features than size_t can count", rows);
    config->features = features;
    return SNNK_OK;
}

/* ---- Creating ---- */

/* If rows are drawn (or were, before a fold), the product of two towers must be a mean over
 * rows. */
static snnk__function function_of(const snnk__map_kind *kind, const snnk_map_config *config,
                                  size_t *rows) {
    snnk__function f = kind->function(config);

    *rows = (size_t)config->features / snnk__function_width(&f);
    f.scale = config->projection == SNNK_PROJECTION_GIVEN ? 1 : (float)(1 / sqrt((double)*rows));
    return f;
}

static int scaling_alloc(snnk__map_block *block, size_t inputs) {
    const snnk_allocator *allocator = &block->allocator;
    snnk__input_scaling *scaling = NULL;
    int st;

    st = snnk__alloc_zero(allocator, 1, sizeof *scaling, "a scaling", &scaling);
    if (st != SNNK_OK) return st;
    block->data = scaling;
    st = snnk__alloc(allocator, inputs, sizeof(double), "means", &scaling->mean);
    if (st != SNNK_OK) return st;
    return snnk__alloc(allocator, inputs, sizeof(double), "scales", &scaling->scale);
}

void snnk__symmetric_release(snnk__map_block *block) {
    snnk__input_scaling *scaling = block->data;

    if (!scaling) return;
    snnk__free(&block->allocator, scaling->mean);
    snnk__free(&block->allocator, scaling->scale);
    snnk__free(&block->allocator, scaling);
}

int snnk__symmetric_begin(const snnk__map_kind *kind, const snnk__map_request *request,
                          snnk__map_block **block) {
    snnk__map_block *made;
    size_t rows;
    int st;

    st = snnk__map_block_alloc(kind, &request->config, (size_t)request->config.features,
                               request->allocator, &made);
    if (st != SNNK_OK) return st;
    made->function = function_of(kind, &made->config, &rows);
    if (request->scaling) {
        st = scaling_alloc(made, request->inputs);
        if (st == SNNK_OK) {
            const snnk__input_scaling *scaling = made->data;

            st = snnk_scaling_get(request->scaling, scaling->mean, scaling->scale);
        }
    }
    if (st == SNNK_OK)
        *block = made;
    else
        snnk__map_block_release(made);
    return st;
}

static int draw(snnk__map_block *block) {
    const snnk__projection_kind *projection = snnk__projection_get(block->config.projection);
    const snnk__input_scaling *scaling = block->data;
    const snnk__draw what = {.seed = block->config.seed,
                             .scale = block->config.projection_scale,
                             .offset_scale = block->config.offset_scale,
                             .mean = scaling ? scaling->mean : NULL,
                             .input_scale = scaling ? scaling->scale : NULL};

    return projection->draw(projection, &what, &block->linear);
}

static int copy_rows(snnk__map_block *block, const snnk__map_request *request) {
    const snnk__input_scaling *scaling = block->data;
    const snnk_allocator *allocator = &block->allocator;
    snnk__row_source source = {
        .G = request->G, .ldg = request->ldg, .d = request->inputs, .allocator = allocator};
    float *folded = NULL;
    double *g;
    int st;

    st = snnk__alloc(allocator, request->inputs, sizeof *folded, "a row", &folded);
    for (size_t i = 0; st == SNNK_OK && i < request->rows; i++) {
        st = snnk__row_source_next(&source, &g);
        if (st != SNNK_OK) break;
        st = snnk__linear_set_row(&block->linear, i, g, request->offsets ? request->offsets[i] : 0,
                                  scaling ? scaling->mean : NULL, scaling ? scaling->scale : NULL,
                                  folded);
    }
    snnk__row_source_free(&source);
    snnk__free(allocator, folded);
    return st;
}

int snnk__symmetric_create(const snnk__map_kind *kind, const snnk__map_request *request,
                           snnk__map_block **block) {
    const snnk__projection_kind *projection = snnk__projection_get(request->config.projection);
    snnk__map_block *made;
    size_t rows;
    int st;

    if ((st = snnk__symmetric_begin(kind, request, &made)) != SNNK_OK) return st;
    function_of(kind, &request->config, &rows);
    if (request->rows > 0) {
        st = snnk__linear_create_dense(&made->linear, request->inputs, rows, request->allocator);
        if (st == SNNK_OK) st = snnk__linear_set_center(&made->linear, snnk__scaling_mean(made));
        if (st == SNNK_OK) st = copy_rows(made, request);
    } else {
        st = projection->create(&made->linear, request->inputs, rows, request->allocator);
        if (st == SNNK_OK) st = snnk__linear_set_center(&made->linear, snnk__scaling_mean(made));
        if (st == SNNK_OK) st = draw(made);
    }
    if (st == SNNK_OK)
        *block = made;
    else
        snnk__map_block_release(made);
    return st;
}

/* ---- Centering ---- */

int snnk__symmetric_begin_centered(const snnk__map_block *block, const double *mean,
                                   snnk__map_block **centered) {
    const size_t d = block->linear.inputs;
    const snnk__input_scaling *scaling;
    snnk__map_block *made;
    int st;

    st = snnk__map_block_alloc(block->kind, &block->config, block->features, &block->allocator,
                               &made);
    if (st != SNNK_OK) return st;
    made->function = block->function;
    if ((st = scaling_alloc(made, d)) != SNNK_OK) {
        snnk__map_block_release(made);
        return st;
    }
    scaling = made->data;
    for (size_t k = 0; k < d; k++) scaling->mean[k] = mean[k], scaling->scale[k] = 1;
    *centered = made;
    return SNNK_OK;
}

/* Copy given rows, which are dense, with the mean folded in. */
static int center_rows(const snnk__linear *from, const double *mean, snnk__linear *to) {
    const snnk_allocator *allocator = &to->allocator;
    const size_t d = from->inputs;
    double *row = NULL;
    float *g = NULL;
    int st;

    st = snnk__alloc(allocator, 2 * d, sizeof *g, "a row", &g);
    if (st == SNNK_OK) st = snnk__alloc(allocator, d, sizeof *row, "a row", &row);
    for (size_t i = 0; st == SNNK_OK && i < from->rows; i++) {
        const double c = from->form->get_row(from, i, g, NULL);

        for (size_t k = 0; k < d; k++) row[k] = (double)g[k];
        st = snnk__linear_set_row(to, i, row, c, mean, NULL, g + d);
    }
    snnk__free(allocator, row);
    snnk__free(allocator, g);
    return st;
}

/* Drawn rows are drawn again, so that they are the same as after loading from a file that has only
 * their seed. */
int snnk__symmetric_center(const snnk__map_block *block, const double *mean,
                           snnk__map_block **centered) {
    const bool drawn = snnk__projection_is_drawn(block->config.projection);
    const size_t d = block->linear.inputs, rows = block->linear.rows;
    const snnk_allocator *allocator = &block->allocator;
    snnk__map_block *made;
    int st;

    if ((st = snnk__symmetric_begin_centered(block, mean, &made)) != SNNK_OK) return st;
    st = drawn ? snnk__projection_get(block->config.projection)
                     ->create(&made->linear, d, rows, allocator)
               : snnk__linear_create_dense(&made->linear, d, rows, allocator);
    if (st == SNNK_OK) st = snnk__linear_set_center(&made->linear, mean);
    if (st == SNNK_OK) st = drawn ? draw(made) : center_rows(&block->linear, mean, &made->linear);
    if (st == SNNK_OK)
        *centered = made;
    else
        snnk__map_block_release(made);
    return st;
}

/* ---- Redrawing ---- */

int snnk__symmetric_redraw(const snnk__map_block *block, const snnk_map_config *config,
                           snnk__row_source *source, float *folded, const snnk_allocator *allocator,
                           snnk__map_block **redrawn) {
    const snnk__input_scaling *from = block->data;
    const size_t d = block->linear.inputs;
    snnk__map_request request = {.inputs = d, .config = *config, .allocator = allocator};
    snnk_scaling *scaling = NULL;
    int st = SNNK_OK;

    (void)folded;
    if (source->G)
        return snnk__map_cannot(block->kind,
                                "cannot take given rows here: use snnk_map_create_from_rows");
    if (from) st = snnk_scaling_create_given(d, from->mean, from->scale, allocator, &scaling);
    request.scaling = scaling;
    if (st == SNNK_OK) st = snnk__symmetric_create(block->kind, &request, redrawn);
    snnk_scaling_free(scaling);
    return st;
}

/* ---- Folds ---- */

snnk_map_config snnk__folded_config(const snnk_map_config *config) {
    snnk_map_config folded = *config;

    folded.seed = 0;
    folded.projection_scale = 1;
    folded.offset_scale = 0;
    if (folded.projection != SNNK_PROJECTION_GIVEN) folded.projection = SNNK_PROJECTION_FOLDED;
    return folded;
}

int snnk__fold_as(const snnk__map_kind *kind, const snnk_map_config *config,
                  const snnk__map_block *from, const snnk__fold *fold, snnk__map_block **folded) {
    snnk__map_block *made;
    size_t rows;
    int st;

    st = snnk__map_block_alloc(kind, config, from->features, fold->allocator, &made);
    if (st != SNNK_OK) return st;
    made->function = function_of(kind, &made->config, &rows);
    st = snnk__linear_create_dense(&made->linear, fold->columns, rows, fold->allocator);
    if (st == SNNK_OK) st = snnk__fold_rows(fold, &from->linear, &made->linear);
    if (st == SNNK_OK)
        *folded = made;
    else
        snnk__map_block_release(made);
    return st;
}

int snnk__symmetric_fold(const snnk__map_block *block, const snnk__fold *fold,
                         snnk__map_block **folded) {
    const snnk_map_config config = snnk__folded_config(&block->config);

    return snnk__fold_as(block->kind, &config, block, fold, folded);
}

/* ---- Other rows ---- */

static int set_rows(const float *G, const float *offsets, snnk__linear *linear) {
    const snnk_allocator *allocator = &linear->allocator;
    const size_t d = linear->inputs;
    float *folded = NULL;
    double *row = NULL;
    int st;

    st = snnk__alloc(allocator, d, sizeof *folded, "a row", &folded);
    if (st == SNNK_OK) st = snnk__alloc(allocator, d, sizeof *row, "a row", &row);
    for (size_t i = 0; st == SNNK_OK && i < linear->rows; i++) {
        for (size_t k = 0; k < d; k++) row[k] = (double)G[i * d + k];
        st = snnk__linear_set_row(linear, i, row, (double)offsets[i], NULL, NULL, folded);
    }
    snnk__free(allocator, row);
    snnk__free(allocator, folded);
    return st;
}

int snnk__symmetric_with_rows(const snnk__map_block *block, const float *G, const float *offsets,
                              snnk__map_block **changed) {
    const snnk_map_config config = snnk__folded_config(&block->config);
    snnk__map_block *made;
    size_t rows;
    int st;

    st = snnk__map_block_alloc(block->kind, &config, block->features, &block->allocator, &made);
    if (st != SNNK_OK) return st;
    made->function = function_of(block->kind, &made->config, &rows);
    st = snnk__linear_create_dense(&made->linear, block->linear.inputs, rows, &block->allocator);
    if (st == SNNK_OK) st = set_rows(G, offsets, &made->linear);
    if (st == SNNK_OK)
        *changed = made;
    else
        snnk__map_block_release(made);
    return st;
}

/* ---- Files ---- */

/* Whether the file leaves out the rows, to be drawn again when it is loaded: if the seed determines
 * them on every machine and the caller wants this, or if they consist of a seed only. */
static bool is_left_out(const snnk__map_block *block, const snnk__sink *sink) {
    const snnk__projection_kind *kind = snnk__projection_get(block->config.projection);

    return kind->seed_only ||
           (sink->seeds && kind->seeded &&
            kind->numbers(block->linear.rows, block->linear.inputs) <= SNNK__MAX_DRAWS);
}

static snnk__array scaling_array(const char *name, size_t inputs) {
    return snnk__array_1(name, SNNK__ELEMENT_F64, inputs);
}

void snnk__symmetric_write(const snnk__map_block *block, snnk__sink *sink) {
    const snnk_map_config *config = &block->config;
    const snnk__projection_kind *kind = snnk__projection_get(config->projection);
    const snnk__input_scaling *scaling = block->data;
    const size_t d = block->linear.inputs;
    const bool left_out = is_left_out(block, sink);

    sink->number(sink, "order", config->order);
    sink->number(sink, "floor", config->floor);
    sink->text(sink, "activation", snnk_activation_name(config->activation));
    sink->number(sink, "projection_scale", config->projection_scale);
    sink->number(sink, "offset_scale", config->offset_scale);
    sink->truth(sink, "scaled", scaling != NULL);
    sink->truth(sink, "drawn", left_out);
    if (!left_out)
        block->linear.form->write(&block->linear, sink);
    else if (kind->numbers(block->linear.rows, d) > SNNK__MAX_DRAWS)
        sink->fail(sink,
                   snnk__fail(SNNK_E_SIZE,
                              "%zu %s rows of %zu inputs are more than a file may ask to be drawn",
                              block->linear.rows, kind->name, d));
    if (!scaling) return;
    snnk__write_array(sink, scaling_array("mean", d), scaling->mean);
    snnk__write_array(sink, scaling_array("scale", d), scaling->scale);
}

static int read_activation(const snnk__source *source, int32_t *activation) {
    const char *text = NULL;
    const int st = snnk__read_text(source, "activation", &text);

    if (st != SNNK_OK) return st;
    return snnk_activation_from_name(text, activation) == SNNK_OK ? SNNK_OK : SNNK_E_FORMAT;
}

static int read_settings(const snnk__source *source, snnk_map_config *config, bool *scaled,
                         bool *drawn) {
    double order = 0;
    int st;

    if ((st = snnk__read_number(source, "order", &order)) != SNNK_OK) return st;
    if ((st = snnk__read_number(source, "floor", &config->floor)) != SNNK_OK) return st;
    if ((st = read_activation(source, &config->activation)) != SNNK_OK) return st;
    st = snnk__read_number(source, "projection_scale", &config->projection_scale);
    if (st != SNNK_OK) return st;
    if ((st = snnk__read_number(source, "offset_scale", &config->offset_scale)) != SNNK_OK)
        return st;
    if ((st = snnk__read_truth(source, "scaled", scaled)) != SNNK_OK) return st;
    if ((st = snnk__read_truth(source, "drawn", drawn)) != SNNK_OK) return st;
    config->order = order == 1 ? 1 : order == 2 ? 2 : order == 0 ? 0 : -1;
    return SNNK_OK;
}

/* Apply the rules of the public creators, but with the status for a malformed file. */
static int check_settings(const snnk__map_kind *kind, snnk_map_config *config, size_t inputs,
                          bool drawn) {
    const size_t features = (size_t)config->features;
    const snnk__function f = kind->function(config);
    const size_t width = snnk__function_width(&f);
    const bool random = snnk__projection_is_drawn(config->projection);
    int st;

    if (features % width != 0)
        return snnk__fail(SNNK_E_FORMAT, "\"features\" is %zu, not a multiple of %zu", features,
                          width);
    st = kind->check(config, inputs, random ? 0 : features / width);
    if (st != SNNK_OK) return st == SNNK_E_SIZE ? st : SNNK_E_FORMAT;
    if (config->features != features)
        return snnk__fail(SNNK_E_FORMAT,
                          "the block has %zu features, but should have %llu for %zu inputs",
                          features, (unsigned long long)config->features, inputs);
    const snnk__projection_kind *projection = snnk__projection_get(config->projection);
    if (drawn && !projection->seeded)
        return snnk__fail(
            SNNK_E_FORMAT,
            "the rows are \"drawn\", but their projection is not determined by a seed");
    if (!drawn && projection->seed_only)
        return snnk__fail(SNNK_E_FORMAT, "%s rows must be \"drawn\": they consist of a seed only",
                          projection->name);
    return SNNK_OK;
}

static int read_scaling(const snnk__source *source, size_t inputs, snnk__map_block *block) {
    const snnk__input_scaling *scaling;
    int st;

    st = snnk__find_array(source, scaling_array("mean", inputs));
    if (st != SNNK_OK) return st;
    st = snnk__find_array(source, scaling_array("scale", inputs));
    if (st != SNNK_OK) return st;
    if ((st = scaling_alloc(block, inputs)) != SNNK_OK) return st;
    scaling = block->data;
    st = snnk__read_array(source, scaling_array("mean", inputs), scaling->mean);
    if (st != SNNK_OK) return st;
    return snnk__read_array(source, scaling_array("scale", inputs), scaling->scale);
}

int snnk__symmetric_read_rows(const snnk__map_kind *kind, const snnk__stored_rows *stored,
                              const snnk__source *source, size_t inputs,
                              const snnk_map_config *config, snnk__map_block **block) {
    snnk_map_config ours = *config;
    snnk__map_block *made = NULL;
    bool scaled = false, drawn = false;
    size_t rows;
    int st;

    if ((st = read_settings(source, &ours, &scaled, &drawn)) != SNNK_OK) return st;
    if ((st = check_settings(kind, &ours, inputs, drawn)) != SNNK_OK) return st;
    const snnk__projection_kind *projection = snnk__projection_get(ours.projection);

    st = snnk__map_block_alloc(kind, &ours, (size_t)ours.features, source->allocator, &made);
    if (st != SNNK_OK) return st;
    made->function = function_of(kind, &ours, &rows);
    if (scaled && (st = read_scaling(source, inputs, made)) != SNNK_OK) goto done;
    if (drawn) {
        if ((st = snnk__read_draws(source, projection->numbers(rows, inputs))) != SNNK_OK)
            goto done;
        st = projection->create(&made->linear, inputs, rows, source->allocator);
        if (st == SNNK_OK) st = snnk__linear_set_center(&made->linear, snnk__scaling_mean(made));
        if (st == SNNK_OK) st = draw(made);
    } else {
        if ((st = stored->find(source, inputs, rows)) != SNNK_OK) goto done;
        st = stored->create(&made->linear, inputs, rows, source->allocator);
        if (st == SNNK_OK) st = snnk__linear_set_center(&made->linear, snnk__scaling_mean(made));
        if (st == SNNK_OK) st = made->linear.form->read(&made->linear, source);
    }
    if (st != SNNK_OK) goto done;
    *block = made;
    made = NULL;
done:
    snnk__map_block_release(made);
    return st;
}

int snnk__symmetric_read(const snnk__map_kind *kind, const snnk__source *source, size_t inputs,
                         const snnk_map_config *config, snnk__map_block **block) {
    static const snnk__stored_rows dense = {snnk__linear_find_dense, snnk__linear_create_dense};

    return snnk__symmetric_read_rows(kind, &dense, source, inputs, config, block);
}
