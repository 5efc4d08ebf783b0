#include "model/json_record.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "io/bytes.h"

#define PATH_BYTES (SNNK__PREFIX_BYTES + 64) /* a path and a key */

/* ---- Paths ---- */

static void make_path(char path[PATH_BYTES], const char *prefix, const char *key) {
    snprintf(path, PATH_BYTES, "%s%s", prefix, key);
}

/* Split the first component off the path, and return the rest; NULL if there is none. */
static char *cut(char *path) {
    char *dot = strchr(path, '.');

    if (!dot) return NULL;
    *dot = '\0';
    return dot + 1;
}

/* An item of a list; NULL if there is none. */
static cJSON *item_of(const cJSON *list, int index, snnk__json_place *place) {
    if (index < 0) return NULL;
    if (place->list != list || !place->item || place->index > index)
        *place = (snnk__json_place){list, list->child, 0};
    for (; place->item && place->index < index; place->index++) {
        if (!place->item->next) return NULL;
        place->item = place->item->next;
    }
    return place->item;
}

/* A member of an object, or an item of a list. *lists counts the lists on the way. A file can have
 * them where they do not belong, so there may be more than places: then several share the last. */
static cJSON *child_of(const cJSON *json, const char *name,
                       snnk__json_place places[SNNK__MAX_LISTS], size_t *lists) {
    const size_t at = snnk__min_size(*lists, SNNK__MAX_LISTS - 1);

    if (!cJSON_IsArray(json)) return cJSON_GetObjectItemCaseSensitive(json, name);
    ++*lists;
    return item_of(json, atoi(name), &places[at]);
}

/* ---- Writing ---- */

/* Drop a record that is incomplete because memory ran out. */
static void lose(snnk__json_writer *record) {
    cJSON_Delete(record->json);
    record->json = NULL;
}

/* Return the record that contains a path, creating it if necessary, and set *name to the last
 * component. NULL: out of memory. */
static cJSON *record_at(snnk__json_writer *record, char *path, char **name) {
    cJSON *json = record->json;
    size_t lists = 0;
    char *rest;

    for (*name = path; json && (rest = cut(*name)) != NULL; *name = rest) {
        cJSON *child = child_of(json, *name, record->places, &lists);

        if (!child) {
            child = isdigit((unsigned char)*rest) ? cJSON_CreateArray() : cJSON_CreateObject();
            if (!(cJSON_IsArray(json) ? cJSON_AddItemToArray(json, child)
                                      : cJSON_AddItemToObject(json, *name, child))) {
                cJSON_Delete(child);
                return NULL;
            }
        }
        json = child;
    }
    return json;
}

/* Add an item to its record. Takes ownership of item. */
static void add(const snnk__sink *sink, const char *key, cJSON *item) {
    snnk__json_writer *record = sink->context;
    char path[PATH_BYTES], *name = NULL;
    cJSON *at;

    make_path(path, sink->prefix, key);
    at = record_at(record, path, &name);
    if (at && item && cJSON_AddItemToObject(at, name, item)) return;
    cJSON_Delete(item);
    lose(record);
}

static void write_text(snnk__sink *sink, const char *key, const char *text) {
    add(sink, key, cJSON_CreateString(text));
}

static void write_count(snnk__sink *sink, const char *key, size_t count) {
    add(sink, key, cJSON_CreateNumber((double)count));
}

/* Replace the locale's decimal point, of one or more bytes, by JSON's. */
static void use_json_point(char *text) {
    const size_t before = strspn(text, "-0123456789");
    const size_t point = strcspn(text + before, "e0123456789");

    if (point == 0) return;
    text[before] = '.';
    memmove(text + before + 1, text + before + point, strlen(text + before + point) + 1);
}

/* Write as many digits as restore all bits. cJSON's own writer uses 15 digits, which can be off by
 * one unit in the last place. */
static void write_number(snnk__sink *sink, const char *key, double number) {
    char text[40];

    if (!isfinite(number)) {
        add(sink, key, cJSON_CreateNull());
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number) break;
    }
    use_json_point(text);
    add(sink, key, cJSON_CreateRaw(text));
}

static void write_truth(snnk__sink *sink, const char *key, bool truth) {
    add(sink, key, cJSON_CreateBool(truth));
}

static snnk__dtype dtype_of(snnk__element element) {
    static const snnk__dtype dtypes[] = {[SNNK__ELEMENT_F32] = SNNK__DTYPE_F32,
                                         [SNNK__ELEMENT_F64] = SNNK__DTYPE_F64,
                                         [SNNK__ELEMENT_U32] = SNNK__DTYPE_U32};

    return dtypes[element];
}

static void write_array(snnk__sink *sink, const snnk__array *array, const void *data) {
    const snnk__json_writer *record = sink->context;
    char path[PATH_BYTES];

    make_path(path, sink->prefix, array->name);
    snnk__safetensors_add_tensor(record->writer, path, dtype_of(array->element), array->n_dims,
                                 array->dims, data);
}

static void write_elements(snnk__sink *sink, const snnk__array *array, snnk__elements elements,
                           const void *context) {
    const snnk__json_writer *record = sink->context;
    char path[PATH_BYTES];

    make_path(path, sink->prefix, array->name);
    snnk__safetensors_add_source(record->writer, path, dtype_of(array->element), array->n_dims,
                                 array->dims, elements, context);
}

static void fail(snnk__sink *sink, int status) {
    const snnk__json_writer *record = sink->context;

    if (record->writer->status == SNNK_OK) record->writer->status = status;
}

snnk__sink snnk__json_write(snnk__json_writer *record, snnk__safetensors_writer *writer,
                            bool seeds) {
    *record = (snnk__json_writer){.json = cJSON_CreateObject(), .writer = writer};
    return (snnk__sink){.context = record,
                        .seeds = seeds,
                        .text = write_text,
                        .count = write_count,
                        .number = write_number,
                        .truth = write_truth,
                        .array = write_array,
                        .elements = write_elements,
                        .fail = fail};
}

void snnk__json_write_end(snnk__json_writer *record, const char *key) {
    char *text = record->json ? cJSON_PrintUnformatted(record->json) : NULL;

    if (text)
        snnk__safetensors_add_text(record->writer, key, text);
    else if (record->writer->status == SNNK_OK)
        record->writer->status = snnk__fail(SNNK_E_NOMEM, "out of memory for a description");
    cJSON_free(text);
    lose(record);
}

/* ---- Reading ---- */

/* The value of a key; NULL if there is none. */
static const cJSON *item_at(const snnk__source *source, const char *key) {
    snnk__json_reader *record = (snnk__json_reader *)source->context; /* only places change */
    const cJSON *json = record->json;
    size_t lists = 0;
    char path[PATH_BYTES], *name = path, *rest;

    make_path(path, source->prefix, key);
    for (; json && (rest = cut(name)) != NULL; name = rest)
        json = child_of(json, name, record->places, &lists);
    return json ? child_of(json, name, record->places, &lists) : NULL;
}

static snnk__value read_value(const snnk__source *source, const char *key) {
    const cJSON *item = item_at(source, key);
    snnk__value value = {.type = SNNK__VALUE_NONE};

    if (!item) return value;
    value.type = SNNK__VALUE_OTHER;
    if (cJSON_IsNull(item)) value.type = SNNK__VALUE_NULL;
    if (cJSON_IsBool(item)) value = (snnk__value){SNNK__VALUE_TRUTH, cJSON_IsTrue(item), 0, NULL};
    if (cJSON_IsNumber(item))
        value = (snnk__value){SNNK__VALUE_NUMBER, false, item->valuedouble, NULL};
    if (cJSON_IsString(item)) value = (snnk__value){SNNK__VALUE_TEXT, false, 0, item->valuestring};
    return value;
}

static size_t list_length(const snnk__source *source, const char *list) {
    const cJSON *item = item_at(source, list);

    return cJSON_IsArray(item) ? (size_t)cJSON_GetArraySize(item) : 0;
}

static int find(const snnk__source *source, const snnk__array *array) {
    const snnk__json_reader *record = source->context;
    const snnk__safetensors_tensor *tensor;
    char path[PATH_BYTES];

    make_path(path, source->prefix, array->name);
    return snnk__safetensors_find(record->reader, path, dtype_of(array->element), array->n_dims,
                                  array->dims, &tensor);
}

static int read_integers(const snnk__json_reader *record, const char *path,
                         const snnk__array *array, uint32_t *out) {
    const snnk__safetensors_tensor *tensor;
    const int st = snnk__safetensors_find(record->reader, path, SNNK__DTYPE_U32, array->n_dims,
                                          array->dims, &tensor);

    if (st != SNNK_OK) return st;
    for (size_t j = 0; j < tensor->bytes / 4; j++)
        out[j] = snnk__load_u32(tensor->data + 4 * j, false);
    return SNNK_OK;
}

static int read_array(const snnk__source *source, const snnk__array *array, void *out) {
    const snnk__json_reader *record = source->context;
    char path[PATH_BYTES];

    make_path(path, source->prefix, array->name);
    switch (array->element) {
    case SNNK__ELEMENT_F32:
        return snnk__safetensors_read_f32(record->reader, path, array->n_dims, array->dims, out);
    case SNNK__ELEMENT_F64:
        return snnk__safetensors_read_f64(record->reader, path, array->n_dims, array->dims, out);
    case SNNK__ELEMENT_U32: break;
    }
    return read_integers(record, path, array, out);
}

int snnk__json_read(snnk__json_reader *record, const snnk__safetensors_reader *reader,
                    const char *key, const snnk_allocator *allocator, snnk__source *source) {
    const char *text = snnk__safetensors_text(reader, key);

    *record = (snnk__json_reader){
        .json = text ? cJSON_Parse(text) : NULL, .reader = reader, .draws = SNNK__MAX_DRAWS};
    if (!record->json)
        return snnk__fail(SNNK_E_FORMAT, "metadata \"%s\" is %s", key,
                          text ? "not JSON" : "missing");
    *source = (snnk__source){.context = record,
                             .allocator = allocator,
                             .draws = &record->draws,
                             .value = read_value,
                             .length = list_length,
                             .find = find,
                             .read = read_array};
    return SNNK_OK;
}

void snnk__json_read_end(snnk__json_reader *record) { cJSON_Delete(record->json); }
