#include <snnk/network.h>

#include "model/description.h"
#include "model/folded_file.h"
#include "model/lstsq_file.h"
#include "model/model.h"
#include "model/network_file.h"
#include "model/spectral_file.h"
#include "projection/hd3.h"

const char *const snnk__kind_names[SNNK_MAP_FOLDED_URF + 1] = {
    "arc_cosine", "gaussian", "elementwise", "identity", "urf", "line", "folded_urf"};
const char *const snnk__projection_names[SNNK_PROJECTION_FOLDED + 1] = {
    "gaussian", "orthogonal", "given", "hd3", "simplex", "sobol", "folded"};

uint64_t snnk__drawn_numbers(int32_t projection, size_t rows, size_t inputs) {
    const uint64_t r = rows;

    if (projection == SNNK_PROJECTION_HD3) {
        const uint64_t order = snnk__hd3_order(inputs);
        return 3 * (r > order ? r + order : order);
    }
    return r > UINT64_MAX / inputs ? UINT64_MAX : r * inputs;
}

/* Whether the rows are left out of the file, and drawn again at loading: where their seed stands for them
 * on every machine, and the caller wants it; or where they are nothing but a seed. */
static bool is_drawn(const snnk__map_block *block, int32_t projection) {
    const int32_t kind = block->config.projection;

    if (block->hd3) return true;
    return projection == SNNK_SAVE_SEED && block->config.kind < SNNK_MAP_IDENTITY &&
           (kind == SNNK_PROJECTION_GAUSSIAN || kind == SNNK_PROJECTION_SOBOL) &&
           snnk__drawn_numbers(kind, block->rows, block->inputs) <= SNNK__MAX_DRAWN;
}

/* ---- The description ---- */

static cJSON *describe_block(const snnk__map_block *block, int32_t projection) {
    const snnk_map_config *config = &block->config;
    cJSON *json = cJSON_CreateObject();
    bool ok = json != NULL;

    ok = ok && cJSON_AddStringToObject(json, "kind", snnk__kind_names[config->kind]);
    ok = ok && cJSON_AddNumberToObject(json, "features", (double)block->features);
    ok = ok && snnk__put_seed(json, config->seed);
    ok = ok &&
         cJSON_AddStringToObject(json, "projection", snnk__projection_names[config->projection]);
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

static cJSON *describe_layer(const snnk_layer *layer, int32_t projection) {
    cJSON *json = cJSON_CreateObject(), *blocks;
    const char *kind = snnk__layer_is_tower(layer) ? "tower" : layer->map ? "snnk" : "dense";
    bool ok = json != NULL;

    ok = ok && cJSON_AddStringToObject(json, "kind", kind);
    ok = ok && cJSON_AddNumberToObject(json, "inputs", (double)layer->inputs);
    ok = ok && cJSON_AddNumberToObject(json, "outputs", (double)layer->outputs);
    if (layer->map) {
        blocks = ok ? cJSON_AddArrayToObject(json, "blocks") : NULL;
        ok = blocks != NULL;
        for (size_t b = 0; ok && b < layer->map->n_blocks; b++)
            ok = append(blocks, describe_block(layer->map->blocks[b], projection));
    } else {
        ok = ok &&
             cJSON_AddStringToObject(json, "activation", snnk_activation_name(layer->activation));
    }
    if (ok) return json;
    cJSON_Delete(json);
    return NULL;
}

static void add_description(snnk__safetensors_writer *writer, const snnk_network *network,
                            int32_t projection) {
    cJSON *json = cJSON_CreateObject();
    cJSON *layers = json ? cJSON_AddArrayToObject(json, "layers") : NULL;
    bool ok = layers != NULL;
    char *text = NULL;

    for (size_t i = 0; ok && i < network->n_layers; i++)
        ok = append(layers, describe_layer(network->layers[i], projection));
    if (ok) text = cJSON_PrintUnformatted(json);
    if (text)
        snnk__safetensors_add_text(writer, SNNK__NETWORK_KEY, text);
    else if (writer->status == SNNK_OK)
        writer->status =
            snnk__fail(SNNK_E_NOMEM, "out of memory while writing the description of a network");
    cJSON_free(text);
    cJSON_Delete(json);
}

/* ---- The tensors ---- */

static void panels_source(const void *context, size_t first, size_t count, void *out) {
    const snnk__panels *panels = context;
    float *x = out;

    for (size_t e = 0; e < count; e++)
        x[e] = snnk__panels_entry(panels, (first + e) / panels->columns,
                                  (first + e) % panels->columns);
}

/* Psi as one matrix, the blocks' parts side by side. */
static void psi_source(const void *context, size_t first, size_t count, void *out) {
    const snnk_layer *layer = context;
    const size_t m = layer->map->features;
    float *x = out;

    for (size_t e = 0; e < count; e++) {
        size_t k = (first + e) % m, b = 0;

        while (k >= layer->weights[b].columns) k -= layer->weights[b++].columns;
        x[e] = snnk__panels_entry(&layer->weights[b], (first + e) / m, k);
    }
}

static void add_block(snnk__safetensors_writer *writer, size_t layer, size_t index,
                      const snnk__map_block *block, int32_t projection) {
    if (block->hd3 &&
        snnk__drawn_numbers(SNNK_PROJECTION_HD3, block->rows, block->inputs) > SNNK__MAX_DRAWN &&
        writer->status == SNNK_OK)
        writer->status = snnk__fail(SNNK_E_SIZE,
                                    "%zu HD3 rows of %zu inputs cannot be saved: they are more "
                                    "numbers than a file may draw",
                                    block->rows, block->inputs);

    const size_t d = block->inputs, r = block->rows, shape[] = {r, d};

    if (block->diagonal)
        snnk__block_add(writer, layer, index, "diagonal", SNNK__DTYPE_F32, 1, &d, block->diagonal);
    else if (!is_drawn(block, projection))
        snnk__block_add_source(writer, layer, index, "G", SNNK__DTYPE_F32, 2, shape, panels_source,
                               &block->G);
    if (!is_drawn(block, projection))
        snnk__block_add(writer, layer, index, "offset", SNNK__DTYPE_F32, 1, &r, block->offset);
    if (block->mean) {
        snnk__block_add(writer, layer, index, "mean", SNNK__DTYPE_F64, 1, &d, block->mean);
        snnk__block_add(writer, layer, index, "scale", SNNK__DTYPE_F64, 1, &d, block->scale);
    }
    if (block->urf || block->line) snnk__spectral_add(writer, layer, index, block);
    if (block->folded) snnk__folded_add(writer, layer, index, block);
}

static void add_layer(snnk__safetensors_writer *writer, size_t index, const snnk_layer *layer,
                      int32_t projection) {
    const size_t l = layer->outputs, columns = layer->map ? layer->map->features : layer->inputs;
    const size_t shape[] = {l, columns};
    char name[SNNK__TENSOR_NAME_BYTES];

    if (!snnk__layer_is_tower(layer)) {
        snnk__layer_tensor(name, index, "bias");
        snnk__safetensors_add_tensor(writer, name, SNNK__DTYPE_F32, 1, &l, layer->bias);
        snnk__layer_tensor(name, index, layer->map ? "psi" : "weight");
        snnk__safetensors_add_source(writer, name, SNNK__DTYPE_F32, 2, shape,
                                     layer->map ? psi_source : panels_source,
                                     layer->map ? (const void *)layer : layer->weights);
    }
    for (size_t b = 0; layer->map && b < layer->map->n_blocks; b++)
        add_block(writer, index, b, layer->map->blocks[b], projection);
}

static void add_notes(snnk__safetensors_writer *writer, const snnk_network *network) {
    char key[80];

    for (size_t i = 0; i < network->n_notes; i++) {
        snprintf(key, sizeof key, SNNK__NOTE_PREFIX "%s", network->notes[i].key);
        snnk__safetensors_add_text(writer, key, network->notes[i].value);
    }
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
    add_description(writer, network, projection);
    add_notes(writer, network);
    for (size_t i = 0; i < network->n_layers; i++)
        add_layer(writer, i, network->layers[i], projection);
    if (network->statistics) snnk__lstsq_write_tensors(writer, network->statistics);
    return SNNK_OK;
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
