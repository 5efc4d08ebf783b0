#include "predict/parts.h"

#include <stdlib.h>

#include "base/random.h"

/* A row to place. */
typedef struct place {
    uint64_t key; /* equal in the rows of a group */
    double draw;
    size_t count;  /* the rows of its class, or of the rarest class of its group */
    int32_t label; /* that class */
    size_t row;
} place;

static int by_group(const void *left, const void *right) {
    const place *a = left, *b = right;

    if (a->key != b->key) return a->key < b->key ? -1 : 1;
    if (a->count != b->count) return a->count < b->count ? -1 : 1;
    return a->label < b->label ? -1 : a->label > b->label;
}

static int by_class(const void *left, const void *right) {
    const place *a = left, *b = right;

    if (a->label != b->label) return a->label < b->label ? -1 : 1;
    if (a->draw != b->draw) return a->draw < b->draw ? -1 : 1;
    if (a->key != b->key) return a->key < b->key ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

/* Let every group count as its rarest class, so that rare classes are divided evenly. */
static void name_groups(size_t n, place *places) {
    qsort(places, n, sizeof *places, by_group);
    for (size_t i = 1; i < n; i++)
        if (places[i].key == places[i - 1].key) places[i].label = places[i - 1].label;
}

/* A key is drawn for, not a place in the table: rows may be sorted, or come in turns. */
static void make_places(const snnk_rows *rows, const size_t *counts, place *places) {
    for (size_t i = 0; i < rows->n; i++) {
        place *p = &places[i];

        *p = (place){.key = rows->groups ? rows->groups[i] : snnk__rows_hash(rows, i),
                     .count = counts[rows->labels[i]],
                     .label = rows->labels[i],
                     .row = i};
        snnk__random_uniform(0, SNNK__STREAM_SHUFFLE, p->key, 0, 1, &p->draw);
    }
}

int snnk__draw_parts(const snnk_allocator *allocator, size_t classes, const snnk_rows *rows,
                     uint8_t *parts, size_t *units) {
    const size_t n = rows->n;
    size_t *counts, unit = 0;
    place *places;
    int st = snnk__alloc_zero(allocator, classes, sizeof *counts, "counts of classes", &counts);

    if (st != SNNK_OK) return st;
    st = snnk__alloc(allocator, n, sizeof *places, "places of rows", &places);
    if (st == SNNK_OK) {
        for (size_t i = 0; i < n; i++) counts[rows->labels[i]]++;
        make_places(rows, counts, places);
        if (rows->groups) name_groups(n, places);
        qsort(places, n, sizeof *places, by_class);
        for (size_t i = 0; i < n; i++) {
            unit += i > 0 && !(rows->groups && places[i].key == places[i - 1].key);
            parts[places[i].row] = (uint8_t)(unit % SNNK__PARTS);
        }
        *units = n ? unit + 1 : 0;
        snnk__free(allocator, places);
    }
    snnk__free(allocator, counts);
    return st;
}
