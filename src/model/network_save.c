#include <snnk/network.h>

#include "layer/weights.h"
#include "model/description.h"
#include "model/folded_file.h"
#include "model/lstsq_file.h"
#include "model/model.h"
#include "model/network_file.h"
#include "model/spectral_file.h"
#include "projection/projection.h"

const char *const snnk__kind_names[SNNK_MAP_FOLDED_URF + 1] = {
    "arc_cosine", "gaussian", "elementwise", "identity", "urf", "line", "folded_urf"};

/* Whether the rows are left out of the file, and drawn again at loading: where their seed stands for them
 * on every machine, and the caller wants it; or where they are nothing but a seed. */
static bool is_drawn(const snnk__map_block *block, int32_t projection) {
    const snnk__projection_kind *kind = snnk__projection_get(block->config.projection);

    if (block->config.kind >= SNNK_MAP_IDENTITY) return false;
    return kind->seed_only || (projection == SNNK_SAVE_SEED && kind->seeded &&
                               kind->numbers(block->rows, block->inputs) <= SNNK__MAX_DRAWN);
}

/* ---- The description ---- */

static cJSON *describe_block(const snnk__map_block *block, int32_t projection) {
    const snnk_map_config *config = &block->config;
    cJSON *json = cJSON_CreateObject();
    bool ok = json != NULL;

    ok = ok && cJSON_AddStringToObject(json, "kind", snnk__kind_names[config->kind]);
    ok = ok && cJSON_AddNumberToObject(json, "features", (double)block->features);
    ok = ok && snnk__put_seed(json, config->seed);
    ok =
        ok && cJSON_AddStringToObject(json, "projection", snnk_projection_name(config->projection));
    if (block->urf || block->line) {
        ok = ok && snnk__spectral_describe(json, block);
    } else if (block->folded) {
        ok = ok && snnk__folded_describe(json, block);
    } else {
        ok = ok && cJSON_AddNumberToObject(json, "order", config->order);
        ok = ok && snnk__put_number(json, "floor", config->floor);
        ok = ok &&
             cJSON_AddStringToObject(json, "activation", snnk_activation_name(config->activation));
        ok = ok && snnk__put_number(json, "projection_scale", config->projection_scale);
        ok = ok && snnk__put_number(json, "offset_scale", config->offset_scale);
        ok = ok && cJSON_AddBoolToObject(json, "scaled", block->mean != NULL);
        ok = ok && cJSON_AddBoolToObject(json, "drawn", is_drawn(block, projection));
    }
    if (ok) return json;
    cJSON_Delete(json);
    return NULL;
}

/* Give `item` to `array`; false, with item freed, if either is NULL. */
static bool append(cJSON *array, cJSON *item) {
    if (array && item && cJSON_AddItemToArray(array, item)) return true;
    cJSON_Delete(item);
    return false;
}

/* ---- The tensors ---- */

static void panels_source(const void *context, size_t first, size_t count, void *out) {
    const snnk__panels *panels = context;
    float *x = out;

    for (size_t e = 0; e < count; e++)
        x[e] = snnk__panels_entry(panels, (first + e) / panels->columns,
                                  (first + e) % panels->columns);
}

static void add_block(snnk__safetensors_writer *writer, size_t layer, size_t index,
                      const snnk__map_block *block, int32_t projection) {
    const snnk__projection_kind *kind = snnk__projection_get(block->config.projection);

    if (is_drawn(block, projection) && writer->status == SNNK_OK &&
        kind->numbers(block->rows, block->inputs) > SNNK__MAX_DRAWN)
        writer->status =
            snnk__fail(SNNK_E_SIZE, "%zu %s rows of %zu inputs are more than a file may draw again",
                       block->rows, kind->name, block->inputs);

    const size_t d = block->inputs, r = block->rows, shape[] = {r, d};

    if (snnk__map_block_is_diagonal(block))
        snnk__block_add(writer, layer, index, "diagonal", SNNK__DTYPE_F32, 1, &d,
                        block->linear.numbers);
    else if (!is_drawn(block, projection))
        snnk__block_add_source(writer, layer, index, "G", SNNK__DTYPE_F32, 2, shape, panels_source,
                               &block->linear.G);
    if (!is_drawn(block, projection))
        snnk__block_add(writer, layer, index, "offset", SNNK__DTYPE_F32, 1, &r,
                        block->linear.offset);
    if (block->mean) {
        snnk__block_add(writer, layer, index, "mean", SNNK__DTYPE_F64, 1, &d, block->mean);
        snnk__block_add(writer, layer, index, "scale", SNNK__DTYPE_F64, 1, &d, block->scale);
    }
    if (block->urf || block->line) snnk__spectral_add(writer, layer, index, block);
    if (block->folded) snnk__folded_add(writer, layer, index, block);
}

/* ---- Layers: what they write goes to the description and to the tensors ---- */

typedef struct sink {
    snnk__safetensors_writer *writer;
    cJSON *json;
    size_t layer;
    int32_t projection;
    bool ok; /* false: out of memory for the description */
} sink;

static void write_activation(void *context, int32_t activation) {
    sink *to = context;

    to->ok =
        to->ok && cJSON_AddStringToObject(to->json, "activation", snnk_activation_name(activation));
}

static void write_weights(void *context, const char *name, size_t rows, size_t columns,
                          const snnk__weights *weights) {
    const size_t shape[] = {rows, columns};
    const sink *to = context;
    char full[SNNK__TENSOR_NAME_BYTES];

    snnk__layer_tensor(full, to->layer, "bias");
    snnk__safetensors_add_tensor(to->writer, full, SNNK__DTYPE_F32, 1, &rows, weights->bias);
    snnk__layer_tensor(full, to->layer, name);
    snnk__safetensors_add_source(to->writer, full, SNNK__DTYPE_F32, 2, shape, snnk__weights_entries,
                                 weights);
}

static void write_map(void *context, const snnk_map *map) {
    sink *to = context;
    cJSON *blocks = to->ok ? cJSON_AddArrayToObject(to->json, "blocks") : NULL;

    to->ok = blocks != NULL;
    for (size_t b = 0; to->ok && b < map->n_blocks; b++) {
        to->ok = append(blocks, describe_block(map->blocks[b], to->projection));
        add_block(to->writer, to->layer, b, map->blocks[b], to->projection);
    }
}

/* Add the layer's tensors, and return its description; NULL: out of memory. */
static cJSON *add_layer(snnk__safetensors_writer *writer, size_t index, const snnk_layer *layer,
                        int32_t projection) {
    sink to = {writer, cJSON_CreateObject(), index, projection, true};
    const snnk__layer_sink what = {&to, write_activation, write_weights, write_map};

    to.ok = to.json && cJSON_AddStringToObject(to.json, "kind", layer->kind->name) &&
            cJSON_AddNumberToObject(to.json, "inputs", (double)layer->inputs) &&
            cJSON_AddNumberToObject(to.json, "outputs", (double)layer->outputs);
    if (to.ok) layer->kind->save(layer, &what);
    if (to.ok) return to.json;
    cJSON_Delete(to.json);
    return NULL;
}

static void add_layers(snnk__safetensors_writer *writer, const snnk_network *network,
                       int32_t projection) {
    cJSON *json = cJSON_CreateObject();
    cJSON *layers = json ? cJSON_AddArrayToObject(json, "layers") : NULL;
    bool ok = layers != NULL;
    char *text = NULL;

    for (size_t i = 0; ok && i < network->n_layers; i++)
        ok = append(layers, add_layer(writer, i, network->layers[i], projection));
    if (ok) text = cJSON_PrintUnformatted(json);
    if (text)
        snnk__safetensors_add_text(writer, SNNK__NETWORK_KEY, text);
    else if (writer->status == SNNK_OK)
        writer->status = snnk__fail(SNNK_E_NOMEM, "out of memory for the description of a network");
    cJSON_free(text);
    cJSON_Delete(json);
}

static void add_notes(snnk__safetensors_writer *writer, const snnk_network *network) {
    char key[80];

    for (size_t i = 0; i < network->n_notes; i++) {
        snprintf(key, sizeof key, SNNK__NOTE_PREFIX "%s", network->notes[i].key);
        snnk__safetensors_add_text(writer, key, network->notes[i].value);
    }
}

void snnk__network_write_layers(snnk__safetensors_writer *writer, const snnk_network *network,
                                int32_t projection) {
    add_layers(writer, network, projection);
    add_notes(writer, network);
}

/* Check the arguments and fill the writer; failures after the checks stick to it. */
static int begin(const snnk_network *network, int32_t projection,
                 snnk__safetensors_writer *writer) {
    int st;

    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    st = snnk__check_enum(projection, SNNK_SAVE_SEED + 1, "projection");
    if (st != SNNK_OK) return st;
    if (network->n_layers == 0) return snnk__fail(SNNK_E_STATE, "the network has 0 layers");
    snnk__model_begin(writer, &network->allocator, SNNK__MODEL_NETWORK);
    snnk__network_write_layers(writer, network, projection);
    if (network->statistics) snnk__lstsq_write_tensors(writer, network->statistics);
    return SNNK_OK;
}

const char *snnk_save_projection_name(int32_t projection) {
    static const char *const names[] = {"rows", "seed"};

    return projection >= 0 && projection <= SNNK_SAVE_SEED ? names[projection] : NULL;
}

int snnk_network_save(const snnk_network *network, const char *path, int32_t projection) {
    snnk__safetensors_writer writer;
    int st;

    if ((st = snnk__check_pointer(path, "path")) != SNNK_OK) return st;
    if ((st = begin(network, projection, &writer)) != SNNK_OK) return st;
    st = snnk__safetensors_write_file(&writer, path);
    snnk__safetensors_writer_free(&writer);
    return st;
}

int snnk_network_saved_bytes(const snnk_network *network, int32_t projection, size_t *bytes) {
    snnk__safetensors_writer writer;
    int st;

    if ((st = snnk__check_pointer(bytes, "bytes")) != SNNK_OK) return st;
    if ((st = begin(network, projection, &writer)) != SNNK_OK) return st;
    st = snnk__safetensors_written_bytes(&writer, bytes);
    snnk__safetensors_writer_free(&writer);
    return st;
}

int snnk_network_save_memory(const snnk_network *network, int32_t projection, void *buffer,
                             size_t bytes) {
    snnk__safetensors_writer writer;
    int st;

    if ((st = snnk__check_pointer(buffer, "buffer")) != SNNK_OK) return st;
    if ((st = begin(network, projection, &writer)) != SNNK_OK) return st;
    st = snnk__safetensors_write_memory(&writer, buffer, bytes);
    snnk__safetensors_writer_free(&writer);
    return st;
}
