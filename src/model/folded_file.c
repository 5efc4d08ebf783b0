#include "model/folded_file.h"

#include <float.h>

/* ---- Saving ---- */

bool snnk__folded_describe(cJSON *json, const snnk__map_block *block) {
    const snnk__urf_table *table = block->function.urf;
    bool ok = cJSON_AddNumberToObject(json, "rows", (double)block->rows) != NULL;

    ok = ok && cJSON_AddNumberToObject(json, "signs", (double)table->signs);
    ok = ok && cJSON_AddNumberToObject(json, "parts", (double)table->parts);
    ok = ok && cJSON_AddNumberToObject(json, "directions", (double)table->n_directions);
    ok = ok && cJSON_AddBoolToObject(json, "shifted", table->nu != NULL);
    return ok && snnk__put_number(json, "shift_offset", table->t_offset);
}

void snnk__folded_add(snnk__safetensors_writer *writer, size_t layer, size_t index,
                      const snnk__map_block *block) {
    const snnk__folded *folded = block->folded;
    const size_t d = block->inputs, k = folded->table.n_directions;
    const size_t numbers[] = {SNNK__URF_NUMBERS, block->rows}, directions[] = {k, d};

    snnk__block_add(writer, layer, index, "numbers", SNNK__DTYPE_F32, 2, numbers, folded->numbers);
    if (folded->nu)
        snnk__block_add(writer, layer, index, "shift", SNNK__DTYPE_F64, 1, &d, folded->nu);
    if (k == 0) return;
    snnk__block_add(writer, layer, index, "directions", SNNK__DTYPE_F64, 2, directions,
                    folded->directions);
    snnk__block_add(writer, layer, index, "direction_offset", SNNK__DTYPE_F64, 1, &k,
                    folded->direction_offset);
    snnk__block_add(writer, layer, index, "gain", SNNK__DTYPE_F64, 1, &k, folded->gain);
}

/* ---- Loading ---- */

typedef struct folded_description {
    snnk_map_config config;
    size_t rows, signs, parts, directions;
    bool shifted;
    double shift_offset;
} folded_description;

static int read_description(const cJSON *json, folded_description *block) {
    size_t features = 0;
    int st;

    *block = (folded_description){0};
    snnk_map_config_init(&block->config, sizeof block->config);
    st = snnk__get_projection(json, &block->config.projection);
    if (st != SNNK_OK) return st;
    if ((st = snnk__get_count(json, "features", &features)) != SNNK_OK) return st;
    if ((st = snnk__get_count(json, "rows", &block->rows)) != SNNK_OK) return st;
    if ((st = snnk__get_count(json, "signs", &block->signs)) != SNNK_OK) return st;
    if ((st = snnk__get_count(json, "parts", &block->parts)) != SNNK_OK) return st;
    if ((st = snnk__get_count(json, "directions", &block->directions)) != SNNK_OK) return st;
    if ((st = snnk__get_bool(json, "shifted", &block->shifted)) != SNNK_OK) return st;
    st = snnk__get_number_within(json, "shift_offset", -DBL_MAX, DBL_MAX, &block->shift_offset);
    if (st != SNNK_OK) return st;
    if (block->config.projection != SNNK_PROJECTION_GIVEN &&
        block->config.projection != SNNK_PROJECTION_FOLDED)
        return snnk__fail(SNNK_E_FORMAT, "folded rows that are \"%s\"",
                          snnk_projection_name(block->config.projection));
    if (block->signs < 1 || block->signs > 2 || block->parts < 1 || block->parts > 2)
        return snnk__fail(SNNK_E_FORMAT,
                          "\"signs\" is %zu and \"parts\" is %zu: each must be 1 or 2",
                          block->signs, block->parts);
    /* Sizes below 2^53 each: the product of a quotient cannot overflow. */
    if (block->rows == 0 || features / block->rows != block->signs * block->parts ||
        features % block->rows != 0)
        return snnk__fail(SNNK_E_FORMAT, "%zu features cannot come from %zu rows", features,
                          block->rows);
    block->config.features = features;
    return SNNK_OK;
}

int snnk__folded_check(const snnk__safetensors_reader *reader, const cJSON *json, size_t layer,
                       size_t index, size_t inputs, size_t *features) {
    folded_description block;
    int st;

    if ((st = read_description(json, &block)) != SNNK_OK) return st;
    const size_t k = block.directions;
    const size_t numbers[] = {SNNK__URF_NUMBERS, block.rows}, directions[] = {k, inputs};

    st = snnk__block_find_rows(reader, layer, index, block.rows, inputs, false);
    if (st != SNNK_OK) return st;
    st = snnk__block_find(reader, layer, index, "numbers", SNNK__DTYPE_F32, 2, numbers);
    if (st != SNNK_OK) return st;
    if (block.shifted) {
        st = snnk__block_find(reader, layer, index, "shift", SNNK__DTYPE_F64, 1, &inputs);
        if (st != SNNK_OK) return st;
    }
    if (k > 0) {
        st = snnk__block_find(reader, layer, index, "directions", SNNK__DTYPE_F64, 2, directions);
        if (st != SNNK_OK) return st;
        st = snnk__block_find(reader, layer, index, "direction_offset", SNNK__DTYPE_F64, 1, &k);
        if (st != SNNK_OK) return st;
        if ((st = snnk__block_find(reader, layer, index, "gain", SNNK__DTYPE_F64, 1, &k)) !=
            SNNK_OK)
            return st;
    }
    *features = (size_t)block.config.features;
    return SNNK_OK;
}

/* All that the table points to. */
static int read_table(const snnk__safetensors_reader *reader, size_t layer, size_t index,
                      size_t inputs, size_t rows, snnk__folded *folded) {
    const size_t k = folded->table.n_directions;
    const size_t numbers[] = {SNNK__URF_NUMBERS, rows}, directions[] = {k, inputs};
    int st;

    st = snnk__block_read_f32(reader, layer, index, "numbers", 2, numbers, folded->numbers);
    if (st != SNNK_OK) return st;
    if (folded->nu && (st = snnk__block_read_f64(reader, layer, index, "shift", 1, &inputs,
                                                 folded->nu)) != SNNK_OK)
        return st;
    if (k == 0) return SNNK_OK;
    st =
        snnk__block_read_f64(reader, layer, index, "directions", 2, directions, folded->directions);
    if (st != SNNK_OK) return st;
    st = snnk__block_read_f64(reader, layer, index, "direction_offset", 1, &k,
                              folded->direction_offset);
    if (st != SNNK_OK) return st;
    return snnk__block_read_f64(reader, layer, index, "gain", 1, &k, folded->gain);
}

int snnk__folded_load(const snnk__safetensors_reader *reader, const snnk_allocator *allocator,
                      const cJSON *json, size_t layer, size_t index, size_t inputs,
                      snnk__map_block **block) {
    folded_description description;
    snnk__folded *folded = NULL;
    snnk__map_block *made = NULL;
    int st;

    if ((st = read_description(json, &description)) != SNNK_OK) return st;
    st = snnk__folded_alloc(inputs, description.rows, description.signs, description.parts,
                            description.directions, description.shifted, allocator, &folded);
    if (st != SNNK_OK) goto done;
    folded->table.t_offset = description.shift_offset;
    st = read_table(reader, layer, index, inputs, description.rows, folded);
    if (st != SNNK_OK) goto done;
    if ((st = snnk__folded_finish(folded, inputs)) != SNNK_OK) goto done;
    st = snnk__map_block_from_folded(inputs, description.rows, &description.config, folded,
                                     allocator, &made);
    if (st != SNNK_OK) goto done;
    folded = NULL;
    if ((st = snnk__block_read_rows(reader, allocator, layer, index, made)) != SNNK_OK) goto done;
    *block = made;
    made = NULL;
done:
    snnk__map_block_release(made);
    snnk__folded_free(folded);
    return st;
}
