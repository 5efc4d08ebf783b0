#include "fit/gathered.h"

#include <math.h>
#include <string.h>

#include "base/size.h"

#define LEAST_WEIGHT 1e-30
#define MOST_WEIGHT  1e30

int snnk__gathered_alloc(const snnk_allocator *allocator, const snnk_rows *rows, size_t capacity,
                         snnk__gathered *room) {
    const size_t d = rows->inputs, l = rows->outputs;
    int st;

    *room = (snnk__gathered){.capacity = capacity};
    st = rows->X ? snnk__alloc(allocator, capacity, d * sizeof(float), "rows", &room->X)
                 : snnk__alloc(allocator, capacity, d * sizeof(double), "rows", &room->X_f64);
    if (st == SNNK_OK)
        st = rows->labels
                 ? snnk__alloc(allocator, capacity, sizeof(int32_t), "labels", &room->labels)
                 : snnk__alloc(allocator, capacity, l * sizeof(double), "targets", &room->Y);
    if (st == SNNK_OK)
        st = snnk__alloc(allocator, capacity, sizeof(float), "weights", &room->weights);
    if (st == SNNK_OK && rows->groups)
        st = snnk__alloc(allocator, capacity, sizeof(uint64_t), "groups", &room->groups);
    return st;
}

void snnk__gathered_free(const snnk_allocator *allocator, const snnk__gathered *room) {
    snnk__free(allocator, room->X);
    snnk__free(allocator, room->X_f64);
    snnk__free(allocator, room->Y);
    snnk__free(allocator, room->labels);
    snnk__free(allocator, room->weights);
    snnk__free(allocator, room->groups);
}

static void take_row(const snnk__gathered *room, const snnk_rows *rows, size_t k, size_t i) {
    const size_t d = rows->inputs, l = rows->outputs;

    if (room->X)
        memcpy(room->X + k * d, rows->X + i * rows->ldx, d * sizeof *room->X);
    else
        memcpy(room->X_f64 + k * d, rows->X_f64 + i * rows->ldx, d * sizeof *room->X_f64);
    if (room->labels)
        room->labels[k] = rows->labels[i];
    else
        for (size_t t = 0; t < l; t++) room->Y[k * l + t] = snnk__rows_target(rows, i, t);
    if (room->groups) room->groups[k] = rows->groups[i];
}

snnk_rows snnk__gathered_take(const snnk__gathered *room, const snnk_rows *rows, size_t n,
                              const uint32_t *which, const double *shares) {
    bool ones = true;

    for (size_t k = 0; k < n; k++) {
        const double weight = rows->weights ? (double)rows->weights[which[k]] : 1;
        const double product = shares ? weight * shares[k] : weight;

        take_row(room, rows, k, which[k]);
        room->weights[k] = (float)fmin(fmax(product, LEAST_WEIGHT), MOST_WEIGHT);
        ones &= product == 1;
    }
    return *SNNK_ROWS(.n = n, .inputs = rows->inputs, .outputs = rows->outputs, .X = room->X,
                      .X_f64 = room->X_f64, .ldx = rows->inputs, .Y_f64 = room->Y,
                      .ldy = rows->outputs, .labels = room->labels,
                      .weights = ones ? NULL : room->weights, .groups = room->groups);
}
