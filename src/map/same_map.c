/* A sink that only keeps a hash of what a map writes. */
#include "map/same_map.h"

#include <string.h>

#include "base/size.h"

typedef struct digest {
    uint64_t hash;
    int status;
} digest;

static void add(snnk__sink *sink, const void *data, size_t bytes) {
    digest *made = sink->context;
    const char *from = data;

    for (size_t k = 0; k < bytes; k += sizeof(uint64_t)) {
        uint64_t word = 0;

        memcpy(&word, from + k, snnk__min_size(sizeof word, bytes - k));
        made->hash = (made->hash ^ word) * 0xFF51AFD7ED558CCD;
        made->hash ^= made->hash >> 32;
    }
}

/* Add a text and its end. */
static void add_string(snnk__sink *sink, const char *string) {
    add(sink, string, strlen(string) + 1);
}

static void add_key(snnk__sink *sink, const char *key) {
    add_string(sink, sink->prefix);
    add_string(sink, key);
}

static void add_text(snnk__sink *sink, const char *key, const char *text) {
    add_key(sink, key);
    add_string(sink, text);
}

static void add_count(snnk__sink *sink, const char *key, size_t count) {
    add_key(sink, key);
    add(sink, &count, sizeof count);
}

static void add_number(snnk__sink *sink, const char *key, double number) {
    add_key(sink, key);
    add(sink, &number, sizeof number);
}

static void add_truth(snnk__sink *sink, const char *key, bool truth) {
    add_key(sink, key);
    add(sink, &truth, sizeof truth);
}

static size_t bytes_of(snnk__element element) {
    return element == SNNK__ELEMENT_F64 ? sizeof(double) : sizeof(float);
}

/* Add what describes an array, and return how many elements it has. */
static size_t add_shape(snnk__sink *sink, const snnk__array *array) {
    const size_t columns = array->n_dims > 1 ? array->dims[1] : 1;

    add_key(sink, array->name);
    add(sink, array->dims, array->n_dims * sizeof *array->dims);
    return array->dims[0] * columns; /* the size of an array in memory */
}

static void add_array(snnk__sink *sink, const snnk__array *array, const void *data) {
    const size_t count = add_shape(sink, array);

    add(sink, data, count * bytes_of(array->element));
}

static void add_elements(snnk__sink *sink, const snnk__array *array, snnk__elements elements,
                         const void *context) {
    const size_t count = add_shape(sink, array);
    double some[64]; /* of any type */

    for (size_t first = 0; first < count; first += 64) {
        const size_t n = snnk__min_size(64, count - first);

        elements(context, first, n, some);
        add(sink, some, n * bytes_of(array->element));
    }
}

static void fail(snnk__sink *sink, int status) { ((digest *)sink->context)->status = status; }

static int digest_of(const snnk_map *map, uint64_t *hash) {
    digest made = {0x9E3779B97F4A7C15, SNNK_OK};
    snnk__sink sink = {.context = &made,
                       .text = add_text,
                       .count = add_count,
                       .number = add_number,
                       .truth = add_truth,
                       .array = add_array,
                       .elements = add_elements,
                       .fail = fail};

    snnk__map_write(map, &sink);
    *hash = made.hash;
    return made.status;
}

int snnk__same_map(const snnk_map *a, const snnk_map *b, bool *same) {
    uint64_t of_a = 0, of_b = 0;
    int st = SNNK_OK;

    *same = a == b;
    if (a == b || a->inputs != b->inputs || a->features != b->features) return SNNK_OK;
    st = digest_of(a, &of_a);
    if (st == SNNK_OK) st = digest_of(b, &of_b);
    *same = of_a == of_b;
    return st;
}
