#include "boost/split.h"

#include <math.h>
#include <stdlib.h>

#include "base/random.h"
#include "base/size.h"
#include "solve/dual.h"

typedef struct place {
    uint64_t key;
    double draw;
    size_t row;
} place;

static int by_draw(const void *left, const void *right) {
    const place *a = left, *b = right;

    if (a->draw != b->draw) return a->draw < b->draw ? -1 : 1;
    if (a->key != b->key) return a->key < b->key ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

static int by_row(const void *left, const void *right) {
    const size_t a = *(const size_t *)left, b = *(const size_t *)right;

    return a < b ? -1 : a > b;
}

/* Sort the rows by the draws of their keys. Returns the number of different keys. */
static size_t sort(uint64_t seed, size_t n, place *places) {
    size_t distinct = 0;

    for (size_t i = 0; i < n; i++)
        snnk__random_uniform(seed, SNNK__STREAM_HELDOUT, places[i].key, 0, 1, &places[i].draw);
    qsort(places, n, sizeof *places, by_draw);
    for (size_t i = 0; i < n; i++) distinct += i == 0 || places[i].key != places[i - 1].key;
    return distinct;
}

int snnk__boost_split(const snnk_allocator *allocator, const snnk_rows *rows, uint64_t seed,
                      double share, size_t *order, size_t *train) {
    const size_t n = rows->n;
    size_t distinct, held = 0;
    place *places;
    int st;

    for (size_t i = 0; i < n; i++) order[i] = i;
    *train = n;
    if (share == 0) return SNNK_OK;
    if ((st = snnk__alloc(allocator, n, sizeof *places, "an order", &places)) != SNNK_OK) return st;
    for (size_t i = 0; i < n; i++)
        places[i] =
            (place){.key = rows->groups ? rows->groups[i] : snnk__rows_hash(rows, i), .row = i};
    distinct = sort(seed, n, places);
    if (!rows->groups && n >= SNNK__OFTEN_EQUAL * distinct) {
        for (size_t i = 0; i < n; i++) places[i].key = places[i].row;
        distinct = sort(seed, n, places);
    }
    if (distinct >= 2) {
        const size_t wanted = snnk__max_size(1, (size_t)round(share * (double)n));
        size_t last_begin = n; /* of the last key: it is left to learn from */

        while (--last_begin > 0 && places[last_begin - 1].key == places[last_begin].key) {
        }
        for (held = 1; held < last_begin; held++)
            if (held >= wanted && places[held].key != places[held - 1].key) break;
        for (size_t i = 0; i < n; i++) order[i < held ? n - held + i : i - held] = places[i].row;
        *train = n - held;
        qsort(order, n - held, sizeof *order, by_row);
        qsort(order + n - held, held, sizeof *order, by_row);
    }
    snnk__free(allocator, places);
    if (distinct < 2)
        return snnk__fail(SNNK_E_STATE,
                          "%zu rows have too few different inputs or groups to hold some out: add "
                          "rows, or hold none out",
                          n);
    return SNNK_OK;
}
