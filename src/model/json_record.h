/* Records (base/record.h) of a model file: values in a JSON text, arrays as tensors. A value and a
 * tensor of one record have the same path: "layers.2.blocks.0.". */
#ifndef SNNK_MODEL_JSON_RECORD_H
#define SNNK_MODEL_JSON_RECORD_H

#include <cjson/cJSON.h>

#include "base/record.h"
#include "io/safetensors.h"

/* The item of a list that was used last. Lists are written and read in order, so that the search
 * for an item, which goes from one to the next, begins there. There is one place for each depth of
 * lists within lists. */
typedef struct snnk__json_place {
    const cJSON *list;
    cJSON *item;
    int index;
} snnk__json_place;

/* ---- Writing ---- */

/* The values so far. Tensors go directly to the writer, which also keeps failures. */
typedef struct snnk__json_writer {
    cJSON *json; /* NULL: out of memory */
    snnk__safetensors_writer *writer;
    snnk__json_place places[SNNK__MAX_LISTS];
} snnk__json_writer;

/* Begin an empty record. The struct outlives the sink. */
snnk__sink snnk__json_write(snnk__json_writer *record, snnk__safetensors_writer *writer,
                            bool seeds);

/* Store the JSON text in the metadata under `key`, and free the values. */
void snnk__json_write_end(snnk__json_writer *record, const char *key);

/* ---- Reading ---- */

typedef struct snnk__json_reader {
    cJSON *json;
    const snnk__safetensors_reader *reader;
    uint64_t draws; /* how many random numbers the file may still ask for */
    snnk__json_place places[SNNK__MAX_LISTS];
} snnk__json_reader;

/* Parse the JSON text in the metadata under `key`. allocator: for objects created from the source.
 * The struct must outlive the source. SNNK_E_FORMAT. */
int snnk__json_read(snnk__json_reader *record, const snnk__safetensors_reader *reader,
                    const char *key, const snnk_allocator *allocator, snnk__source *source);

/* Free the values. */
void snnk__json_read_end(snnk__json_reader *record);

#endif
