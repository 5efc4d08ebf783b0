/* Everything in the file is untrusted. The container has been checked against the bytes there before
 * this begins; here the description is checked against the tensors before anything is allocated by
 * it. */
#include <snnk/network.h>

#include <string.h>

#include "base/size.h"
#include "layer/kinds.h"
#include "model/description.h"
#include "model/folded_file.h"
#include "model/lstsq_file.h"
#include "model/model.h"
#include "model/network_file.h"
#include "model/spectral_file.h"
#include "projection/projection.h"

/* What every part of the loader needs. */
typedef struct loader {
    const snnk__safetensors_reader *reader;
    const snnk_allocator *allocator;
    uint64_t *drawn; /* numbers to draw so far, over the whole file: at most SNNK__MAX_DRAWN */
} loader;

/* ---- Values of the description ---- */

static int get_activation(const cJSON *json, int32_t *activation) {
    const char *text = NULL;
    const int st = snnk__get_text(json, "activation", &text);

    if (st != SNNK_OK) return st;
    return snnk_activation_from_name(text, activation) == SNNK_OK ? SNNK_OK : SNNK_E_FORMAT;
}

/* ---- Blocks ---- */

static bool is_kind(const cJSON *json, snnk_map_kind wanted) {
    const char *kind;

    return snnk__get_text(json, "kind", &kind) == SNNK_OK &&
           strcmp(kind, snnk__kind_names[wanted]) == 0;
}

/* Whether a block is made from a spectrum. */
static bool is_spectral(const cJSON *json) {
    return is_kind(json, SNNK_MAP_URF) || is_kind(json, SNNK_MAP_AFFINE);
}

typedef struct block_description {
    snnk_map_config config;
    size_t rows; /* r */
    bool scaled, drawn;
} block_description;

static int read_block_description(const cJSON *json, size_t inputs, block_description *block) {
    snnk_map_config *config = &block->config;
    double order = 0;
    size_t features = 0;
    int st;

    snnk_map_config_init(config, sizeof *config);
    st = snnk__get_name(json, "kind", snnk__kind_names, SNNK_MAP_IDENTITY + 1, &config->kind);
    if (st != SNNK_OK) return st;
    st = snnk__get_projection(json, &config->projection);
    if (st != SNNK_OK) return st;
    if ((st = snnk__get_count(json, "features", &features)) != SNNK_OK) return st;
    if ((st = snnk__get_seed(json, &config->seed)) != SNNK_OK) return st;
    if ((st = snnk__get_number(json, "order", &order)) != SNNK_OK) return st;
    if ((st = snnk__get_number(json, "floor", &config->floor)) != SNNK_OK) return st;
    if ((st = get_activation(json, &config->activation)) != SNNK_OK) return st;
    st = snnk__get_number(json, "projection_scale", &config->projection_scale);
    if (st != SNNK_OK) return st;
    if ((st = snnk__get_number(json, "offset_scale", &config->offset_scale)) != SNNK_OK) return st;
    if ((st = snnk__get_bool(json, "scaled", &block->scaled)) != SNNK_OK) return st;
    if ((st = snnk__get_bool(json, "drawn", &block->drawn)) != SNNK_OK) return st;

    config->order = order == 1 ? 1 : order == 2 ? 2 : order == 0 ? 0 : -1;
    config->features = features;
    block->rows = config->kind == SNNK_MAP_GAUSSIAN ? features / 2 : features;
    const bool given = !snnk__projection_is_drawn(config->projection);
    if (features == 0 || (given && config->kind == SNNK_MAP_GAUSSIAN && features % 2 != 0))
        return snnk__fail(
            SNNK_E_FORMAT,
            "\"features\" is %zu: the number must be positive, and even for Gaussian features",
            features);
    /* The rules of the public creators, with the format's status: the file broke them. */
    st = snnk__map_config_check(config, inputs, given ? block->rows : 0);
    if (st != SNNK_OK) return st == SNNK_E_SIZE ? st : SNNK_E_FORMAT;
    if (config->features != features)
        return snnk__fail(SNNK_E_FORMAT, "%zu features of an identity of %zu inputs", features,
                          inputs);
    const snnk__projection_kind *kind = snnk__projection_get(config->projection);
    if (block->drawn && (config->kind == SNNK_MAP_IDENTITY || !kind->seeded))
        return snnk__fail(SNNK_E_FORMAT, "\"drawn\" rows that no seed determines");
    if (!block->drawn && kind->seed_only)
        return snnk__fail(SNNK_E_FORMAT, "%s rows that are not \"drawn\": they are a seed alone",
                          kind->name);
    return SNNK_OK;
}

/* Count the numbers a block will draw. */
static int count_drawn(const loader *from, const block_description *block, size_t inputs) {
    const uint64_t left = SNNK__MAX_DRAWN - *from->drawn;

    if (!block->drawn) return SNNK_OK;
    const snnk__projection_kind *kind = snnk__projection_get(block->config.projection);
    const uint64_t numbers = kind->numbers(block->rows, inputs);
    if (numbers > left)
        return snnk__fail(
            SNNK_E_SIZE,
            "%zu x %zu numbers would have to be drawn: all blocks together may draw %llu",
            block->rows, inputs, (unsigned long long)SNNK__MAX_DRAWN);
    *from->drawn += numbers;
    return SNNK_OK;
}

int snnk__block_find_rows(const snnk__safetensors_reader *reader, size_t layer, size_t index,
                          size_t rows, size_t inputs, bool diagonal) {
    const size_t shape[] = {rows, inputs};
    int st;

    st = snnk__block_find(reader, layer, index, "offset", SNNK__DTYPE_F32, 1, &rows);
    if (st != SNNK_OK) return st;
    return snnk__block_find(reader, layer, index, diagonal ? "diagonal" : "G", SNNK__DTYPE_F32,
                            diagonal ? 1 : 2, diagonal ? &inputs : shape);
}

/* The tensors of a block are there, with the shapes the description says. */
static int check_block_tensors(const loader *from, size_t layer, size_t index, size_t inputs,
                               const block_description *block) {
    int st = SNNK_OK;

    if (block->scaled) {
        st = snnk__block_find(from->reader, layer, index, "mean", SNNK__DTYPE_F64, 1, &inputs);
        if (st != SNNK_OK) return st;
        st = snnk__block_find(from->reader, layer, index, "scale", SNNK__DTYPE_F64, 1, &inputs);
        if (st != SNNK_OK) return st;
    }
    return block->drawn ? SNNK_OK
                        : snnk__block_find_rows(from->reader, layer, index, block->rows, inputs,
                                                block->config.kind == SNNK_MAP_IDENTITY);
}

int snnk__block_read_rows(const snnk__safetensors_reader *reader, const snnk_allocator *allocator,
                          size_t layer, size_t index, snnk__map_block *block) {
    const bool diagonal = snnk__map_block_is_diagonal(block);
    const size_t d = block->inputs, r = block->rows, shape[] = {r, d};
    float *G = NULL, *offset = NULL;
    int st;

    st = snnk__alloc(allocator, diagonal ? d : r * d, sizeof *G, "a projection", &G);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(allocator, r, sizeof *offset, "offsets", &offset);
    if (st != SNNK_OK) goto done;
    st = snnk__block_read_f32(reader, layer, index, diagonal ? "diagonal" : "G", diagonal ? 1 : 2,
                              diagonal ? &d : shape, G);
    if (st != SNNK_OK) goto done;
    if ((st = snnk__block_read_f32(reader, layer, index, "offset", 1, &r, offset)) != SNNK_OK)
        goto done;
    snnk__map_block_folded(block, G, offset);
done:
    snnk__free(allocator, offset);
    snnk__free(allocator, G);
    return st;
}

/* The description has been checked by check_blocks. */
static int load_block(const loader *from, const cJSON *json, size_t layer, size_t index,
                      size_t inputs, snnk__map_block **block) {
    block_description description;
    snnk__map_block *made = NULL;
    int st;

    if (is_spectral(json))
        return snnk__spectral_load(from->reader, from->allocator, json, layer, index, inputs,
                                   block);
    if (is_kind(json, SNNK_MAP_FOLDED_URF))
        return snnk__folded_load(from->reader, from->allocator, json, layer, index, inputs, block);
    if ((st = read_block_description(json, inputs, &description)) != SNNK_OK) return st;
    st = snnk__map_block_create(inputs, &description.config, description.scaled, from->allocator,
                                &made);
    if (st != SNNK_OK) return st;
    if (description.scaled) {
        st = snnk__block_read_f64(from->reader, layer, index, "mean", 1, &inputs, made->mean);
        if (st != SNNK_OK) goto done;
        st = snnk__block_read_f64(from->reader, layer, index, "scale", 1, &inputs, made->scale);
        if (st != SNNK_OK) goto done;
    }
    st = description.drawn
             ? snnk__map_block_draw(made)
             : snnk__block_read_rows(from->reader, from->allocator, layer, index, made);
    if (st != SNNK_OK) goto done;
    *block = made;
    made = NULL;
done:
    snnk__map_block_release(made);
    return st;
}

/* One block, before it is made. */
static int check_block(const loader *from, const cJSON *json, size_t layer, size_t index,
                       size_t inputs, size_t *features) {
    block_description block;
    int st;

    if (is_spectral(json))
        return snnk__spectral_check(from->reader, json, layer, index, inputs, features);
    if (is_kind(json, SNNK_MAP_FOLDED_URF))
        return snnk__folded_check(from->reader, json, layer, index, inputs, features);
    if ((st = read_block_description(json, inputs, &block)) != SNNK_OK) return st;
    st = check_block_tensors(from, layer, index, inputs, &block);
    if (st != SNNK_OK) return st;
    if ((st = count_drawn(from, &block, inputs)) != SNNK_OK) return st;
    *features = (size_t)block.config.features;
    return SNNK_OK;
}

/* ---- Layers ---- */

/* A layer's part of the file. */
typedef struct source {
    const loader *from;
    const cJSON *json;
    size_t layer, inputs, outputs;
} source;

/* Before any block is made: their features are together as many as the columns of the weights, or as the
 * outputs; their tensors are there; what is to be drawn is within the limit. */
static int check_blocks(const source *of, const cJSON *array, const char *weights) {
    const snnk__safetensors_tensor *tensor;
    const cJSON *item;
    char name[SNNK__TENSOR_NAME_BYTES];
    size_t features = 0, index = 0;

    cJSON_ArrayForEach(item, array) {
        size_t more = 0;
        const int st = check_block(of->from, item, of->layer, index, of->inputs, &more);

        if (st != SNNK_OK) return snnk__fail_within(st, "block %zu", index);
        if (!snnk__add_size(features, more, &features))
            return snnk__fail(SNNK_E_FORMAT, "the number of features overflows size_t");
        index++;
    }
    if (!weights)
        return features == of->outputs
                   ? SNNK_OK
                   : snnk__fail(SNNK_E_FORMAT,
                                "a layer without weights has %zu features but %zu outputs",
                                features, of->outputs);
    const size_t shape[] = {of->outputs, features};
    snnk__layer_tensor(name, of->layer, weights);
    return snnk__safetensors_find(of->from->reader, name, SNNK__DTYPE_F32, 2, shape, &tensor);
}

static int read_map(void *context, const char *weights, snnk_map **map) {
    const source *of = context;
    const snnk_allocator *allocator = of->from->allocator;
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(of->json, "blocks"), *item;
    snnk__map_block **blocks = NULL;
    size_t n = 0;
    int st;

    if (!cJSON_IsArray(array) || cJSON_GetArraySize(array) < 1)
        return snnk__fail(SNNK_E_FORMAT, "\"blocks\" is missing, or not an array of blocks");
    if ((st = check_blocks(of, array, weights)) != SNNK_OK) return st;
    st = snnk__alloc(allocator, (size_t)cJSON_GetArraySize(array), sizeof *blocks, "blocks",
                     &blocks);
    if (st != SNNK_OK) return st;
    cJSON_ArrayForEach(item, array) {
        st = load_block(of->from, item, of->layer, n, of->inputs, &blocks[n]);
        if (st != SNNK_OK) {
            snnk__fail_within(st, "block %zu", n);
            goto done;
        }
        n++;
    }
    st = snnk__map_from_blocks(n, blocks, allocator, map);
done:
    for (size_t b = 0; b < n; b++) snnk__map_block_release(blocks[b]);
    snnk__free(allocator, blocks);
    return st;
}

static int read_activation(void *context, int32_t *activation) {
    const source *of = context;

    return get_activation(of->json, activation);
}

static int read_weights(void *context, const char *what, size_t columns, float **W, float **bias) {
    const source *of = context;
    const snnk__safetensors_reader *reader = of->from->reader;
    const size_t l = of->outputs, shape[] = {l, columns};
    const snnk__safetensors_tensor *tensor;
    char name[SNNK__TENSOR_NAME_BYTES];
    int st;

    snnk__layer_tensor(name, of->layer, what);
    st = snnk__safetensors_find(reader, name, SNNK__DTYPE_F32, 2, shape, &tensor);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(of->from->allocator, l * columns, sizeof **W, "weights", W);
    if (st != SNNK_OK) return st;
    if ((st = snnk__safetensors_read_f32(reader, name, 2, shape, *W)) != SNNK_OK) return st;
    snnk__layer_tensor(name, of->layer, "bias");
    st = snnk__safetensors_find(reader, name, SNNK__DTYPE_F32, 1, &l, &tensor);
    if (st != SNNK_OK) return st;
    if ((st = snnk__alloc(of->from->allocator, l, sizeof **bias, "a bias", bias)) != SNNK_OK)
        return st;
    return snnk__safetensors_read_f32(reader, name, 1, &l, *bias);
}

static int load_layer(const loader *from, const cJSON *json, size_t index, snnk_layer **layer) {
    source of = {.from = from, .json = json, .layer = index};
    const snnk__layer_kind *kind;
    const char *name = NULL;
    int st;

    if ((st = snnk__get_text(json, "kind", &name)) != SNNK_OK) return st;
    if ((st = snnk__get_count(json, "inputs", &of.inputs)) != SNNK_OK) return st;
    if ((st = snnk__get_count(json, "outputs", &of.outputs)) != SNNK_OK) return st;
    if (of.inputs == 0 || of.outputs == 0)
        return snnk__fail(SNNK_E_FORMAT, "%zu inputs and %zu outputs", of.inputs, of.outputs);
    if ((st = snnk__layer_kind_find(name, &kind)) != SNNK_OK) return st;
    const snnk__layer_source what = {
        &of, from->allocator, of.inputs, of.outputs, read_activation, read_weights, read_map};
    return kind->load(&what, layer);
}

/* ---- The network ---- */

static int load_notes(const loader *from, snnk_network *network) {
    const size_t prefix = strlen(SNNK__NOTE_PREFIX);
    size_t n = 0;
    const snnk__safetensors_pair *pairs = snnk__safetensors_pairs(from->reader, &n);

    for (size_t i = 0; i < n; i++) {
        if (strncmp(pairs[i].key, SNNK__NOTE_PREFIX, prefix) != 0) continue;
        const int st = snnk_network_set_note(network, pairs[i].key + prefix, pairs[i].value);
        if (st != SNNK_OK) return st == SNNK_E_RANGE ? SNNK_E_FORMAT : st;
    }
    return SNNK_OK;
}

static int load_statistics(const loader *from, snnk_network *network) {
    snnk_lstsq *lstsq;
    int st = snnk__lstsq_carried(from->reader, from->allocator, &lstsq);

    if (st != SNNK_OK || !lstsq) return st;
    st = snnk__network_take_statistics(network, lstsq);
    if (st == SNNK_OK) return st;
    snnk_lstsq_free(lstsq);
    return snnk__fail_within(SNNK_E_FORMAT, "statistics");
}

static int load_layers(const loader *from, const cJSON *json, snnk_network *network) {
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(json, "layers"), *item;
    size_t index = 0;

    if (!cJSON_IsArray(array) || cJSON_GetArraySize(array) < 1)
        return snnk__fail(SNNK_E_FORMAT, "\"layers\" is missing or not an array");
    cJSON_ArrayForEach(item, array) {
        snnk_layer *layer = NULL;
        int st = load_layer(from, item, index, &layer);

        if (st == SNNK_OK) st = snnk_network_append(network, layer);
        if (st == SNNK_E_SHAPE) st = SNNK_E_FORMAT; /* layers that do not fit each other */
        snnk_layer_free(layer);
        if (st != SNNK_OK) return snnk__fail_within(st, "layer %zu", index);
        index++;
    }
    return SNNK_OK;
}

int snnk_network_load_memory(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                             snnk_network **network) {
    snnk_allocator ours;
    snnk__safetensors_reader *reader = NULL;
    snnk_network *made = NULL;
    const char *text;
    cJSON *json = NULL;
    int st;

    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    *network = NULL;
    if ((st = snnk__check_pointer(buffer, "buffer")) != SNNK_OK) return st;
    if ((st = snnk__allocator_read(&ours, allocator)) != SNNK_OK) return st;
    st = snnk__model_open(buffer, bytes, &ours, SNNK__MODEL_NETWORK, &reader);
    if (st != SNNK_OK) return st;
    uint64_t drawn = 0;
    const loader from = {reader, &ours, &drawn};
    text = snnk__safetensors_text(reader, SNNK__NETWORK_KEY);
    json = text ? cJSON_Parse(text) : NULL;
    if (!json) {
        st = snnk__fail(SNNK_E_FORMAT, "metadata \"" SNNK__NETWORK_KEY "\" is %s",
                        text ? "not JSON" : "missing");
        goto done;
    }
    if ((st = snnk_network_create(&ours, &made)) != SNNK_OK) goto done;
    if ((st = load_layers(&from, json, made)) != SNNK_OK) goto done;
    if ((st = load_notes(&from, made)) != SNNK_OK) goto done;
    if ((st = load_statistics(&from, made)) != SNNK_OK) goto done;
    *network = made;
    made = NULL;
done:
    snnk_network_free(made);
    cJSON_Delete(json);
    snnk__safetensors_close(reader);
    return st;
}

static int load_any(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                    void *handle) {
    return snnk_network_load_memory(buffer, bytes, allocator, handle);
}

int snnk_network_load(const char *path, const snnk_allocator *allocator, snnk_network **network) {
    const int st = snnk__check_pointer(network, "network");

    if (st != SNNK_OK) return st;
    *network = NULL;
    return snnk__model_load(path, allocator, load_any, network);
}
