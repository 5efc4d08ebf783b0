#include "predict/framed_rows.h"

#include "base/random.h"
#include "base/size.h"

void snnk__framed_rows_free(const snnk_allocator *allocator, snnk__framed_rows *framed) {
    snnk__free(allocator, framed->rows);
    snnk__free(allocator, framed->norm2);
    snnk__free(allocator, framed->offset);
    *framed = (snnk__framed_rows){0};
}

/* Allocate n rows of d + 1 coordinates. */
static int rows_alloc(size_t n, size_t d, const snnk_allocator *allocator,
                      snnk__framed_rows *framed) {
    snnk__framed_rows made = {.n = n, .d = d};
    size_t count;
    int st;

    if (!snnk__mul_size(n, d + 1, &count))
        return snnk__fail(SNNK_E_SIZE, "%zu rows of %zu inputs overflow size_t", n, d);
    if ((st = snnk__alloc(allocator, count, sizeof(double), "rows", &made.rows)) != SNNK_OK)
        goto done;
    if ((st = snnk__alloc(allocator, n, sizeof(double), "norms", &made.norm2)) != SNNK_OK)
        goto done;
    st = snnk__alloc(allocator, n, sizeof(double), "offsets", &made.offset);
    if (st != SNNK_OK) goto done;
    *framed = made;
    made = (snnk__framed_rows){0};
done:
    snnk__framed_rows_free(allocator, &made);
    return st;
}

/* Row i of a sample of n of `all` rows: one of the i-th of n equal ranges of rows, drawn, because
 * rows may come in turns. */
static size_t sampled(bool weights, size_t i, size_t n, size_t all) {
    const size_t first = (size_t)((double)i * (double)all / (double)n);
    const size_t end = (size_t)((double)(i + 1) * (double)all / (double)n);
    double draw = 0;

    if (end > first + 1) snnk__random_uniform(0, SNNK__STREAM_SAMPLE, i, weights, 1, &draw);
    return first + (size_t)(draw * (double)(end - first));
}

static double *row_at(const snnk__framed_rows *framed, size_t i) {
    return framed->rows + i * (framed->d + 1);
}

static void set_norms(snnk__framed_rows *framed) {
    for (size_t i = 0; i < framed->n; i++) {
        const double *row = row_at(framed, i);

        framed->norm2[i] = 0;
        for (size_t k = 0; k <= framed->d; k++) framed->norm2[i] += row[k] * row[k];
    }
}

int snnk__framed_rows_create(const snnk_frame *frame, bool weights, size_t d, size_t n, size_t all,
                             const float *X, size_t ldx, const float *b,
                             const snnk_allocator *allocator, snnk__framed_rows *framed) {
    const int st = rows_alloc(n, d, allocator, framed);

    if (st != SNNK_OK) return st;
    for (size_t i = 0; i < n; i++) {
        const size_t row = sampled(weights, i, n, all);
        const float *x = X + row * ldx;
        double *to = row_at(framed, i);

        to[d] = 0;
        framed->offset[i] = b ? b[row] : 0;
        if (frame)
            framed->offset[i] = snnk__frame_place(frame, weights, x, framed->offset[i], to);
        else
            for (size_t k = 0; k < d; k++) to[k] = x[k];
    }
    set_norms(framed);
    return SNNK_OK;
}

int snnk__block_rows_create(const snnk__map_block *block, bool weights, size_t n, size_t all,
                            const float *X, size_t ldx, const float *b,
                            const snnk_allocator *allocator, snnk__framed_rows *framed) {
    const int st = rows_alloc(n, block->linear.inputs, allocator, framed);

    if (st != SNNK_OK) return st;
    for (size_t i = 0; i < n; i++) {
        const size_t row = sampled(weights, i, n, all);

        framed->offset[i] =
            block->kind->place(block, weights, X + row * ldx, b ? b[row] : 0, row_at(framed, i));
    }
    set_norms(framed);
    return SNNK_OK;
}

snnk__urf_products snnk__framed_products(const snnk__framed_rows *inputs, size_t i,
                                         const snnk__framed_rows *weights, size_t j) {
    const double *x = row_at(inputs, i), *w = row_at(weights, j);
    snnk__urf_products p = {inputs->norm2[i], weights->norm2[j], 0};

    for (size_t k = 0; k <= inputs->d; k++) p.xw += x[k] * w[k];
    return p;
}
