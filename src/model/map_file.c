/* Maps as model files: docs/format.md, "Maps". */
#include "map/map.h"
#include "model/json_record.h"
#include "model/model.h"

#define MAP_KEY "snnk.map" /* the JSON text that describes the blocks */

/* ---- Saving ---- */

static int write(const void *object, int32_t projection, snnk__safetensors_writer *writer) {
    const snnk_map *map = object;
    snnk__json_writer record;
    snnk__sink sink;
    int st;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    if ((st = snnk__check_save_projection(projection)) != SNNK_OK) return st;
    snnk__model_begin(writer, &map->allocator, SNNK__MODEL_MAP);
    sink = snnk__json_write(&record, writer, projection == SNNK_SAVE_SEED);
    sink.count(&sink, "inputs", map->inputs);
    snnk__map_write(map, &sink);
    snnk__json_write_end(&record, MAP_KEY);
    return SNNK_OK;
}

int snnk_map_save(const snnk_map *map, const char *path, int32_t projection) {
    return snnk__model_save(map, projection, write, path);
}

int snnk_map_saved_bytes(const snnk_map *map, int32_t projection, size_t *bytes) {
    return snnk__model_saved_bytes(map, projection, write, bytes);
}

int snnk_map_save_memory(const snnk_map *map, int32_t projection, void *buffer, size_t bytes) {
    return snnk__model_save_memory(map, projection, write, buffer, bytes);
}

/* ---- Loading ---- */

static int read_record(const snnk__source *source, snnk_map **map) {
    size_t inputs = 0, features = 0;
    int st;

    if ((st = snnk__read_count(source, "inputs", &inputs)) != SNNK_OK) return st;
    if (inputs == 0) return snnk__fail(SNNK_E_FORMAT, "\"inputs\" is 0");
    if ((st = snnk__map_read_features(source, &features)) != SNNK_OK) return st;
    return snnk__map_read(source, inputs, map);
}

static int read(const snnk__safetensors_reader *reader, const snnk_allocator *allocator,
                void *handle) {
    snnk__json_reader record;
    snnk__source source;
    int st = snnk__json_read(&record, reader, MAP_KEY, allocator, &source);

    if (st == SNNK_OK) st = read_record(&source, handle);
    snnk__json_read_end(&record);
    return st;
}

int snnk_map_load_memory(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                         snnk_map **map) {
    const int st = snnk__check_pointer(map, "map");

    if (st != SNNK_OK) return st;
    *map = NULL;
    return snnk__model_load_memory(buffer, bytes, allocator, SNNK__MODEL_MAP, read, map);
}

int snnk_map_load(const char *path, const snnk_allocator *allocator, snnk_map **map) {
    const int st = snnk__check_pointer(map, "map");

    if (st != SNNK_OK) return st;
    *map = NULL;
    return snnk__model_load(path, allocator, SNNK__MODEL_MAP, read, map);
}
