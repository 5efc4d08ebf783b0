#include "fit/heldout.h"

#include <math.h>
#include <string.h>

#include <snnk/fit.h>

#include "base/random.h"
#include "base/size.h"
#include "solve/dual.h"

/* A sample of so many rows has at least LEAST_KEYS keys, or rows are drawn one by one. */
#define MANY_ROWS  64
#define LEAST_KEYS 16

/* The products checked here are sizes of arrays; snnk__alloc checks their bytes. */
int snnk__feature_rows_alloc(const snnk_allocator *allocator, size_t capacity, size_t features,
                             size_t outputs, snnk__feature_rows *rows) {
    size_t phi_count, y_count;
    int st;

    *rows = (snnk__feature_rows){.features = features, .outputs = outputs};
    if (!snnk__mul_size(capacity, features, &phi_count) ||
        !snnk__mul_size(capacity, outputs, &y_count))
        return snnk__fail(SNNK_E_SIZE, "%zu rows of %zu features or %zu outputs overflow size_t",
                          capacity, features, outputs);
    st = snnk__alloc(allocator, phi_count, sizeof *rows->Phi, "features", &rows->Phi);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(allocator, y_count, sizeof *rows->Y, "targets", &rows->Y);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(allocator, capacity, sizeof *rows->labels, "labels", &rows->labels);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(allocator, capacity, sizeof *rows->keys, "keys", &rows->keys);
    if (st != SNNK_OK) return st;
    return snnk__alloc(allocator, capacity, sizeof *rows->weights, "weights", &rows->weights);
}

void snnk__feature_rows_free(const snnk_allocator *allocator, const snnk__feature_rows *rows) {
    snnk__free(allocator, rows->Phi);
    snnk__free(allocator, rows->Y);
    snnk__free(allocator, rows->labels);
    snnk__free(allocator, rows->weights);
    snnk__free(allocator, rows->keys);
}

static void copy_row(snnk__feature_rows *to, size_t i, const snnk__feature_rows *from, size_t j) {
    const size_t m = to->features, l = to->outputs;

    memmove(to->Phi + i * m, from->Phi + j * m, m * sizeof(float));
    to->weights[i] = from->weights[j];
    to->keys[i] = from->keys[j];
    if (from->of_labels)
        to->labels[i] = from->labels[j];
    else
        memmove(to->Y + i * l, from->Y + j * l, l * sizeof *to->Y);
}

void snnk__feature_rows_copy(const snnk__feature_rows *from, size_t first, size_t count,
                             snnk__feature_rows *to) {
    to->n = count;
    to->of_labels = from->of_labels;
    for (size_t i = 0; i < count; i++) copy_row(to, i, from, first + i);
}

static void swap_floats(size_t n, float *a, float *b) {
    for (size_t k = 0; k < n; k++) {
        const float value = a[k];

        a[k] = b[k];
        b[k] = value;
    }
}

static void swap_doubles(size_t n, double *a, double *b) {
    for (size_t k = 0; k < n; k++) {
        const double value = a[k];

        a[k] = b[k];
        b[k] = value;
    }
}

static void swap_rows(snnk__feature_rows *rows, size_t i, size_t j) {
    const size_t m = rows->features, l = rows->outputs;
    const uint64_t key = rows->keys[i];

    swap_floats(m, rows->Phi + i * m, rows->Phi + j * m);
    swap_floats(1, rows->weights + i, rows->weights + j);
    rows->keys[i] = rows->keys[j];
    rows->keys[j] = key;
    if (rows->of_labels) {
        const int32_t label = rows->labels[i];

        rows->labels[i] = rows->labels[j];
        rows->labels[j] = label;
    } else {
        swap_doubles(l, rows->Y + i * l, rows->Y + j * l);
    }
}

/* A number in 0 ... 1 for rows with this key. */
static double draw_of(const snnk__heldout *heldout, uint64_t key) {
    double draw;

    snnk__random_uniform(heldout->seed, SNNK__STREAM_HELDOUT, key, 0, 1, &draw);
    return draw;
}

/* Whether rows with this key are kept. */
static bool is_kept(const snnk__heldout *heldout, uint64_t key) {
    return heldout->threshold >= 1 || draw_of(heldout, key) < heldout->threshold;
}

double snnk__heldout_first_threshold(const snnk__heldout *heldout) {
    double least = 1;

    for (size_t i = 0; i < heldout->rows.n; i++)
        least = fmin(least, draw_of(heldout, heldout->rows.keys[i]));
    return fmax(heldout->share, nextafter(least, 1));
}

size_t snnk__heldout_count(const snnk__heldout *heldout, const snnk__feature_rows *block) {
    size_t count = 0;

    for (size_t i = 0; i < block->n; i++) count += is_kept(heldout, block->keys[i]);
    return count;
}

void snnk__heldout_take(snnk__heldout *heldout, snnk__feature_rows *block) {
    snnk__feature_rows *rows = &heldout->rows;
    size_t left = 0;

    rows->of_labels = block->of_labels;
    for (size_t i = 0; i < block->n; i++)
        if (is_kept(heldout, block->keys[i]))
            copy_row(rows, rows->n++, block, i);
        else
            copy_row(block, left++, block, i);
    block->n = left;
}

void snnk__heldout_drop(const snnk__heldout *heldout, snnk__feature_rows *block) {
    size_t left = 0;

    for (size_t i = 0; i < block->n; i++)
        if (!is_kept(heldout, block->keys[i])) copy_row(block, left++, block, i);
    block->n = left;
}

/* Whether at least `least` keys of the kept rows have a draw below the threshold. */
static bool has_keys(const snnk__heldout *heldout, double threshold, size_t least) {
    const snnk__feature_rows *rows = &heldout->rows;
    uint64_t found[LEAST_KEYS];
    size_t n = 0;

    for (size_t i = 0; i < rows->n && n < least; i++) {
        size_t k = 0;

        while (k < n && found[k] != rows->keys[i]) k++;
        if (k == n && draw_of(heldout, rows->keys[i]) < threshold) found[n++] = rows->keys[i];
    }
    return n == least;
}

/* Whether inputs have few different values: then equal rows are no copies. */
static bool are_often_equal(const snnk__feature_rows *rows) {
    size_t distinct = 0;

    for (size_t i = 0; i < rows->n; i++) { /* at most SNNK_FIT_MAX_LEFT_OUT */
        size_t k = 0;

        while (k < i && rows->keys[k] != rows->keys[i]) k++;
        distinct += k == i;
    }
    return rows->n >= SNNK__OFTEN_EQUAL * distinct;
}

/* Whether a sample by keys of shared rows would have too few of them. Groups are given for a
 * reason: theirs are too few only if none is left. */
static bool has_few_keys(const snnk__heldout *heldout, double threshold) {
    if (!heldout->grouped && heldout->threshold >= 1 && are_often_equal(&heldout->rows))
        return true;
    const double rows = (double)heldout->rows.n * threshold / heldout->threshold;

    return !heldout->singly && rows >= MANY_ROWS &&
           !has_keys(heldout, threshold, heldout->grouped ? 1 : LEAST_KEYS);
}

void snnk__heldout_number(const snnk__heldout *heldout, double threshold, uint64_t first,
                          const snnk__feature_rows *rows) {
    for (size_t i = 0; i < rows->n; i++) {
        rows->keys[i] = first + i;
        while (threshold < 1 && draw_of(heldout, rows->keys[i]) >= threshold)
            rows->keys[i] += UINT64_C(1) << 32;
    }
}

void snnk__heldout_draw_singly(snnk__heldout *heldout) {
    if (heldout->singly) return;
    heldout->singly = true;
    snnk__heldout_number(heldout, heldout->threshold, 0, &heldout->rows);
}

void snnk__heldout_lower(snnk__heldout *heldout, double threshold, snnk__feature_rows *released) {
    if (has_few_keys(heldout, threshold)) {
        snnk__heldout_draw_singly(heldout);
        if (heldout->threshold >= 1) threshold = snnk__heldout_first_threshold(heldout);
    }
    snnk__heldout_restrict(heldout, threshold, released);
}

void snnk__heldout_restrict(snnk__heldout *heldout, double threshold,
                            snnk__feature_rows *released) {
    snnk__feature_rows *rows = &heldout->rows;
    const size_t m = rows->features;
    size_t kept = 0;

    heldout->threshold = threshold;
    for (size_t i = 0; i < rows->n; i++)
        if (is_kept(heldout, rows->keys[i])) swap_rows(rows, kept++, i);
    *released = *rows;
    released->n = rows->n - kept;
    released->Phi += kept * m;
    released->Y += kept * rows->outputs;
    released->labels += kept;
    released->weights += kept;
    released->keys += kept;
}
