#include "fit/heldout.h"

#include <math.h>
#include <string.h>

#include <snnk/fit.h>

#include "base/random.h"
#include "base/size.h"

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
    return snnk__alloc(allocator, capacity, sizeof *rows->weights, "weights", &rows->weights);
}

void snnk__feature_rows_free(const snnk_allocator *allocator, const snnk__feature_rows *rows) {
    snnk__free(allocator, rows->Phi);
    snnk__free(allocator, rows->Y);
    snnk__free(allocator, rows->labels);
    snnk__free(allocator, rows->weights);
}

static void copy_row(snnk__feature_rows *to, size_t i, const snnk__feature_rows *from, size_t j) {
    const size_t m = to->features, l = to->outputs;

    memmove(to->Phi + i * m, from->Phi + j * m, m * sizeof(float));
    to->weights[i] = from->weights[j];
    if (from->of_labels)
        to->labels[i] = from->labels[j];
    else
        memmove(to->Y + i * l, from->Y + j * l, l * sizeof *to->Y);
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

static void swap_row(snnk__feature_rows *a, size_t i, snnk__feature_rows *b, size_t j) {
    const size_t m = a->features, l = a->outputs;

    swap_floats(m, a->Phi + i * m, b->Phi + j * m);
    swap_floats(1, a->weights + i, b->weights + j);
    if (a->of_labels) {
        const int32_t label = a->labels[i];

        a->labels[i] = b->labels[j];
        b->labels[j] = label;
    } else {
        swap_doubles(l, a->Y + i * l, b->Y + j * l);
    }
}

void snnk__heldout_take(snnk__heldout *heldout, uint64_t first, snnk__feature_rows *block) {
    snnk__feature_rows *rows = &heldout->rows;
    size_t kept = 0;

    rows->of_labels = block->of_labels;
    for (size_t i = 0; i < block->n; i++) {
        double u[2]; /* two draws: whether the row is held out, and which row it replaces */
        bool gone = false;

        snnk__random_uniform(heldout->seed, SNNK__STREAM_HELDOUT, first + i, 0, 2, u);
        if (u[0] < heldout->share) {
            const double place = floor(u[1] * (double)++heldout->candidates);

            if (rows->n < SNNK_FIT_MAX_HELDOUT) {
                copy_row(rows, rows->n++, block, i);
                gone = true;
            } else if (place < SNNK_FIT_MAX_HELDOUT) {
                swap_row(rows, (size_t)place, block, i);
            }
        }
        if (!gone) copy_row(block, kept++, block, i);
    }
    block->n = kept;
}
