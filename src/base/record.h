/* Records: the named values and arrays of a saved object, independent of the file's format. Objects
 * write themselves to a sink and read themselves from a source; src/model connects both to model
 * files. Records nest: "frame.scale" is the value "scale" of a record "frame" inside this one, and
 * "blocks.0.kind" the value "kind" of the first record of a list "blocks".
 *
 * A sink keeps its first failure; later calls do nothing. What a source returns is untrusted: each
 * function returns SNNK_E_FORMAT, with the key in the sentence, unless the value exists and is
 * valid. */
#ifndef SNNK_BASE_RECORD_H
#define SNNK_BASE_RECORD_H

#include <stdbool.h>

#include "base/memory.h"

/* How many random numbers a file may ask to have drawn, so that a small file can make a loader use
 * at most 1 GiB and a few seconds. Rows that need more are stored. */
#define SNNK__MAX_DRAWS ((uint64_t)1 << 28)

typedef enum snnk__element {
    SNNK__ELEMENT_F32,
    SNNK__ELEMENT_F64,
    SNNK__ELEMENT_U32
} snnk__element;

/* The description of an array, without its numbers. Arrays are row-major. */
typedef struct snnk__array {
    const char *name;
    snnk__element element;
    size_t n_dims, dims[2];
} snnk__array;

static inline snnk__array snnk__array_1(const char *name, snnk__element element, size_t n) {
    return (snnk__array){name, element, 1, {n, 0}};
}

static inline snnk__array snnk__array_2(const char *name, snnk__element element, size_t rows,
                                        size_t columns) {
    return (snnk__array){name, element, 2, {rows, columns}};
}

/* Copies elements first ... first+count-1, for arrays that are not contiguous in memory. */
typedef void (*snnk__elements)(const void *context, size_t first, size_t count, void *out);

/* ---- Writing ---- */

/* How many lists can be within one another: a residual layer has layers, which have blocks. */
#define SNNK__MAX_LISTS 10

/* The path to a record within the file, which precedes each key. A list and an index of 64 bits
 * take less than 32 bytes of it. */
#define SNNK__PREFIX_BYTES (32 * SNNK__MAX_LISTS)

typedef struct snnk__sink snnk__sink;

struct snnk__sink {
    void *context;
    char prefix[SNNK__PREFIX_BYTES];
    bool seeds; /* leave out rows that can be drawn again from their seed, if the bits are the same
                 * everywhere */
    void (*text)(snnk__sink *sink, const char *key, const char *text);
    void (*count)(snnk__sink *sink, const char *key, size_t count);
    void (*number)(snnk__sink *sink, const char *key, double number); /* null if not finite */
    void (*truth)(snnk__sink *sink, const char *key, bool truth);
    /* The numbers are borrowed until the file is written: contiguous in `data`, or copied by
     * `elements`. */
    void (*array)(snnk__sink *sink, const snnk__array *array, const void *data);
    void (*elements)(snnk__sink *sink, const snnk__array *array, snnk__elements elements,
                     const void *context);
    void (*fail)(snnk__sink *sink, int status); /* the error sentence is already set */
};

/* Open record `index` of a list. */
snnk__sink snnk__sink_within(const snnk__sink *sink, const char *list, size_t index);

/* Write "seed" as decimal text, because the numbers of JSON hold 53 bits only. */
void snnk__write_seed(snnk__sink *sink, uint64_t seed);

static inline void snnk__write_array(snnk__sink *sink, snnk__array array, const void *data) {
    sink->array(sink, &array, data);
}

/* ---- Reading ---- */

typedef enum snnk__value_type {
    SNNK__VALUE_NONE, /* no such key */
    SNNK__VALUE_NULL,
    SNNK__VALUE_TRUTH,
    SNNK__VALUE_NUMBER, /* may be infinite, for example 1e999 */
    SNNK__VALUE_TEXT,   /* valid as long as the source */
    SNNK__VALUE_OTHER   /* a nested record, or a list */
} snnk__value_type;

typedef struct snnk__value {
    snnk__value_type type;
    bool truth;
    double number;
    const char *text;
} snnk__value;

typedef struct snnk__source snnk__source;

struct snnk__source {
    const void *context;
    char prefix[SNNK__PREFIX_BYTES];
    size_t lists;                    /* how many lists this record is within */
    const snnk_allocator *allocator; /* for the objects that are created */
    uint64_t *draws;                 /* how many random numbers the file may still ask for */
    snnk__value (*value)(const snnk__source *source, const char *key);
    size_t (*length)(const snnk__source *source, const char *list); /* 0 if no such list */
    int (*find)(const snnk__source *source, const snnk__array *array);
    int (*read)(const snnk__source *source, const snnk__array *array, void *out);
};

snnk__source snnk__source_within(const snnk__source *source, const char *list, size_t index);

int snnk__read_text(const snnk__source *source, const char *key, const char **text);
int snnk__read_number(const snnk__source *source, const char *key, double *number);
int snnk__read_truth(const snnk__source *source, const char *key, bool *truth);

/* Read a number in least ... most. */
int snnk__read_within(const snnk__source *source, const char *key, double least, double most,
                      double *number);

/* Read a whole number, 0 ... 2^53. */
int snnk__read_count(const snnk__source *source, const char *key, size_t *count);

/* Read "seed": 0 ... 2^64 - 1. */
int snnk__read_seed(const snnk__source *source, uint64_t *seed);

/* Read an enum value by its name. name_of gives the names of 0, 1, 2 ... and then NULL. */
int snnk__read_name(const snnk__source *source, const char *key,
                    const char *(*name_of)(int32_t value), int32_t *value);

/* Check that the array exists with this type and shape; then it is no larger than the file. */
static inline int snnk__find_array(const snnk__source *source, snnk__array array) {
    return source->find(source, &array);
}

/* Read the array into `out`. SNNK_E_FORMAT; SNNK_E_NONFINITE (then `out` has been written to). */
static inline int snnk__read_array(const snnk__source *source, snnk__array array, void *out) {
    return source->read(source, &array, out);
}

/* Read the array into `out`, or only check that it is there if `out` is NULL. */
static inline int snnk__take_array(const snnk__source *source, snnk__array array, void *out) {
    return out ? snnk__read_array(source, array, out) : snnk__find_array(source, array);
}

/* Subtract `numbers` from what the file may still ask for. SNNK_E_SIZE. */
int snnk__read_draws(const snnk__source *source, uint64_t numbers);

#endif
