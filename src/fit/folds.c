#include "fit/folds.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/progress.h"
#include "base/random.h"
#include "base/size.h"
#include "solve/dual.h"

/* Where a row goes. */
typedef struct place {
    uint64_t key; /* rows of one key stay together */
    double draw;
    size_t row;
} place;

static int by_key(const void *left, const void *right) {
    const place *a = left, *b = right;

    return a->key < b->key ? -1 : a->key > b->key;
}

static int by_draw(const void *left, const void *right) {
    const place *a = left, *b = right;

    if (a->draw != b->draw) return a->draw < b->draw ? -1 : 1;
    if (a->key != b->key) return a->key < b->key ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

static bool begins_key(const place *places, size_t i) {
    return i == 0 || places[i].key != places[i - 1].key;
}

/* Sort the rows by the draws of their keys. Returns the number of different keys. */
static size_t draw(const snnk_rows *rows, uint64_t seed, place *places) {
    const size_t n = rows->n;
    size_t distinct = 0;

    for (size_t i = 0; i < n; i++)
        places[i] =
            (place){.key = rows->groups ? rows->groups[i] : snnk__rows_hash(rows, i), .row = i};
    qsort(places, n, sizeof *places, by_key);
    for (size_t i = 0; i < n; i++) distinct += begins_key(places, i);
    /* Rows that often are equal are no copies: new rows will be like them too. */
    if (!rows->groups && n >= SNNK__OFTEN_EQUAL * distinct) {
        for (size_t i = 0; i < n; i++) places[i].key = places[i].row;
        distinct = n;
    }
    for (size_t i = 0; i < n; i++)
        snnk__random_uniform(seed, SNNK__STREAM_HELDOUT, places[i].key, 0, 1, &places[i].draw);
    qsort(places, n, sizeof *places, by_draw);
    return distinct;
}

/* The number of keys in the first k parts. */
static size_t keys_before(size_t k, double share, size_t keys) {
    return snnk__max_size(k, (size_t)round((double)k * share * (double)keys));
}

/* Set the number of parts, and where they begin. Each part has the same number of keys, rounded, so
 * none is empty. */
static int split(const place *places, size_t keys, double share, size_t least, snnk__folds *folds) {
    const double wanted = ceil((double)least / (share * (double)folds->n));
    const double most = fmin(SNNK__MOST_FOLDS, floor(1 / share));
    size_t key = 0, k = 0;

    if (keys < 2)
        return snnk__fail(SNNK_E_STATE,
                          "%zu rows have too few different inputs or groups to hold some out: add "
                          "rows",
                          folds->n);
    folds->count = snnk__min_size((size_t)fmax(1, fmin(wanted, most)), keys);
    for (size_t i = 0; i < folds->n && k < folds->count; i++) {
        if (!begins_key(places, i)) continue;
        if (key++ == keys_before(k + 1, share, keys)) folds->start[++k] = i;
    }
    while (k < folds->count) folds->start[++k] = folds->n;
    return SNNK_OK;
}

static int allocate(bool weighted, snnk__folds *folds) {
    const size_t n = folds->n, m = folds->m;
    const bool copies = folds->count > 1;
    int st;

    st = snnk__alloc(folds->allocator, n, m * sizeof *folds->Phi, "features", &folds->Phi);
    if (st == SNNK_OK)
        st = snnk__alloc(folds->allocator, n, sizeof *folds->labels, "labels", &folds->labels);
    if (st == SNNK_OK && weighted)
        st = snnk__alloc(folds->allocator, n, sizeof *folds->weights, "weights", &folds->weights);
    if (st == SNNK_OK && copies)
        st = snnk__alloc(folds->allocator, n, m * sizeof *folds->Phi, "features",
                         &folds->Phi_of_others);
    if (st == SNNK_OK && copies)
        st = snnk__alloc(folds->allocator, n, sizeof *folds->labels, "labels",
                         &folds->labels_of_others);
    if (st == SNNK_OK && copies && weighted)
        st = snnk__alloc(folds->allocator, n, sizeof *folds->weights, "weights",
                         &folds->weights_of_others);
    return st;
}

/* Set the features, labels and weights. to: where each row goes; block: SNNK__FIT_BLOCK_ROWS x
 * m. */
static int fill(const snnk__fit_features *features, const snnk_rows *rows, const size_t *to,
                float *block, snnk_workspace *workspace, snnk__progress *progress,
                snnk__folds *folds) {
    const size_t n = rows->n, m = folds->m;
    int st = SNNK_OK;

    for (size_t first = 0; st == SNNK_OK && first < n; first += SNNK__FIT_BLOCK_ROWS) {
        const size_t count = snnk__min_size(SNNK__FIT_BLOCK_ROWS, n - first);
        const snnk_rows part = snnk__rows_part(rows, first, count);

        st = snnk__fit_features_make(features, &part, first, block, workspace);
        if (st != SNNK_OK) return st;
        for (size_t i = 0; i < count; i++) {
            const size_t at = to[first + i];

            memcpy(folds->Phi + at * m, block + i * m, m * sizeof *block);
            folds->labels[at] = part.labels[i];
            if (folds->weights) folds->weights[at] = part.weights[i];
        }
        st = snnk__progress_count(progress, (double)(first + count), (double)n);
    }
    return st;
}

int snnk__folds_make(const snnk__fit_features *features, const snnk_rows *rows, uint64_t seed,
                     double share, size_t least, snnk_workspace *workspace,
                     snnk__progress *progress, snnk__folds *folds) {
    const snnk_allocator *allocator = &features->map->allocator;
    const size_t n = rows->n, m = features->map->features;
    place *places = NULL;
    size_t *to = NULL, bytes;
    float *block = NULL;
    int st;

    *folds = (snnk__folds){.allocator = allocator, .n = n, .m = m};
    if (!snnk__mul_size(n, m, &bytes))
        return snnk__fail(SNNK_E_SIZE, "%zu rows of %zu features overflow size_t", n, m);
    st = snnk__alloc(allocator, n, sizeof *places, "an order of rows", &places);
    if (st == SNNK_OK) st = snnk__alloc(allocator, n, sizeof *to, "an order of rows", &to);
    if (st == SNNK_OK)
        st = snnk__alloc(allocator, SNNK__FIT_BLOCK_ROWS, m * sizeof *block, "features", &block);
    if (st == SNNK_OK) {
        const size_t keys = draw(rows, seed, places);

        st = split(places, keys, share, least, folds);
    }
    if (st == SNNK_OK) st = allocate(rows->weights != NULL, folds);
    if (st == SNNK_OK) {
        for (size_t k = 0; k < n; k++) to[places[k].row] = k;
        st = fill(features, rows, to, block, workspace, progress, folds);
    }
    snnk__free(allocator, block);
    snnk__free(allocator, to);
    snnk__free(allocator, places);
    return st;
}

void snnk__folds_free(const snnk__folds *folds) {
    snnk__free(folds->allocator, folds->Phi);
    snnk__free(folds->allocator, folds->labels);
    snnk__free(folds->allocator, folds->weights);
    snnk__free(folds->allocator, folds->Phi_of_others);
    snnk__free(folds->allocator, folds->labels_of_others);
    snnk__free(folds->allocator, folds->weights_of_others);
}

static snnk_rows rows_of(const snnk__folds *folds, size_t n, const float *Phi,
                         const int32_t *labels, const float *weights) {
    return (snnk_rows){.size = sizeof(snnk_rows),
                       .n = n,
                       .inputs = folds->m,
                       .ldx = folds->m,
                       .X = Phi,
                       .labels = labels,
                       .weights = weights};
}

snnk_rows snnk__folds_all(const snnk__folds *folds) {
    return rows_of(folds, folds->n, folds->Phi, folds->labels, folds->weights);
}

snnk_rows snnk__folds_part(const snnk__folds *folds, size_t k) {
    const snnk_rows all = snnk__folds_all(folds);

    return snnk__rows_part(&all, folds->start[k], folds->start[k + 1] - folds->start[k]);
}

snnk_rows snnk__folds_others(const snnk__folds *folds, size_t k) {
    const snnk_rows all = snnk__folds_all(folds);
    const size_t before = folds->start[k], after = folds->start[k + 1], m = folds->m;
    const size_t left = folds->n - after;

    if (before == 0) return snnk__rows_part(&all, after, left);
    memcpy(folds->Phi_of_others, folds->Phi, before * m * sizeof *folds->Phi);
    memcpy(folds->Phi_of_others + before * m, folds->Phi + after * m,
           left * m * sizeof *folds->Phi);
    memcpy(folds->labels_of_others, folds->labels, before * sizeof *folds->labels);
    memcpy(folds->labels_of_others + before, folds->labels + after, left * sizeof *folds->labels);
    if (folds->weights) {
        memcpy(folds->weights_of_others, folds->weights, before * sizeof *folds->weights);
        memcpy(folds->weights_of_others + before, folds->weights + after,
               left * sizeof *folds->weights);
    }
    return rows_of(folds, before + left, folds->Phi_of_others, folds->labels_of_others,
                   folds->weights_of_others);
}
