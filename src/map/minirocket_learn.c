/* Biases of MINIROCKET from rows: quantiles of the sums of one row for each kernel and dilation.
 * And the means and deviations of features over rows. */
#include <math.h>
#include <stdlib.h>

#include "base/random.h"
#include "base/size.h"
#include "map/minirocket.h"

static int by_value(const void *left, const void *right) {
    const float a = *(const float *)left, b = *(const float *)right;

    return a < b ? -1 : a > b;
}

/* The quantile q of n sorted numbers, interpolated. */
static float quantile(size_t n, const float *sorted, float q) {
    const double place = (double)(n - 1) * (double)q, below = floor(place);
    const size_t k = (size_t)below;
    const double low = (double)sorted[k], high = (double)sorted[k + 1 < n ? k + 1 : k];

    return (float)(low + (high - low) * (place - below));
}

/* The k-th fraction of the golden ratio, k = 1, 2 ... */
static float golden(size_t k) {
    const double turns = (double)k * ((sqrt(5) + 1) / 2);

    return (float)(turns - floor(turns));
}

static void read_row(const snnk_rows *rows, size_t i, float *x) {
    for (size_t t = 0; t < rows->inputs; t++) x[t] = (float)snnk__rows_input(rows, i, t);
}

/* The sums of kernel k at dilation i of a series, in the scratch: 11 n floats, or that of several
 * channels. set: the channels, if there are several. */
static float *sums_of(const snnk__minirocket *s, size_t i, size_t k, const float *x,
                      const uint32_t *set, float *work) {
    const size_t n = s->length, dilation = s->dilation[i];
    snnk__minirocket_kernel kernels[SNNK_MINIROCKET_KERNELS];
    float *alpha = work, *gamma = alpha + n, *sums;

    snnk__minirocket_kernels(kernels);
    if (set) {
        const size_t count = s->channel_counts[i * SNNK_MINIROCKET_KERNELS + k];

        snnk__minirocket_shift_channels(s, dilation, x, count, set, work);
        return snnk__minirocket_sum_channels(s, dilation, kernels[k], count, set, work);
    }
    const float *a = gamma + kernels[k].at[0] * n, *b = gamma + kernels[k].at[1] * n,
                *c = gamma + kernels[k].at[2] * n;

    sums = gamma + 9 * n;
    snnk__minirocket_shift(n, dilation, x, alpha, gamma);
    for (size_t t = 0; t < n; t++) sums[t] = alpha[t] + a[t] + b[t] + c[t];
    return sums;
}

/* work: a series, then that of sums_of. */
static void set_biases(snnk__minirocket *s, const snnk_rows *rows, float *work) {
    const size_t n = s->length;
    const uint32_t *set = s->channel;
    float *x = work;
    size_t feature = 0;

    for (size_t i = 0; i < s->dilations; i++)
        for (size_t k = 0; k < SNNK_MINIROCKET_KERNELS; k++) {
            const size_t combination = i * SNNK_MINIROCKET_KERNELS + k;
            float *sums;
            double u;
            size_t row;

            snnk__random_uniform(s->config.seed, SNNK__STREAM_SAMPLE, combination, 0, 1, &u);
            row = (size_t)(u * (double)rows->n);
            read_row(rows, row < rows->n ? row : rows->n - 1, x);
            sums = sums_of(s, i, k, x, set, work + snnk__minirocket_inputs(s));
            if (set) set += s->channel_counts[combination];
            qsort(sums, n, sizeof *sums, by_value);
            for (size_t j = 0; j < s->counts[i]; j++, feature++)
                s->biases[feature] = quantile(n, sums, golden(feature + 1));
        }
}

/* Means and deviations by Welford's sums over the rows. */
static void set_standards(snnk__minirocket *s, const snnk_rows *rows, double *sums, float *work) {
    const size_t m = s->features;
    double *mean = sums, *squares = sums + m;
    float *x = work, *phi = x + snnk__minirocket_inputs(s), *scratch = phi + m;

    for (size_t j = 0; j < 2 * m; j++) sums[j] = 0;
    for (size_t j = 0; j < m; j++) s->mean[j] = 0, s->scale[j] = 1;
    for (size_t i = 0; i < rows->n; i++) {
        read_row(rows, i, x);
        snnk__minirocket_apply(s, 1, x, snnk__minirocket_inputs(s), phi, m, scratch);
        for (size_t j = 0; j < m; j++) {
            const double off = (double)phi[j] - mean[j];

            mean[j] += off / (double)(i + 1);
            squares[j] += off * ((double)phi[j] - mean[j]);
        }
    }
    for (size_t j = 0; j < m; j++) {
        const double deviation = sqrt(squares[j] / (double)rows->n);

        s->mean[j] = (float)mean[j];
        /* Shares differ by 1/n at least, so a deviation of rounding alone is none. */
        s->scale[j] = deviation > 1e-9 ? (float)(1 / deviation) : 0;
    }
}

int snnk__minirocket_learn(snnk__minirocket *s, const snnk_rows *rows) {
    const size_t floats = snnk__max_size(12 * s->length, snnk__minirocket_inputs(s) + s->features +
                                                             s->transform.work);
    double *sums = NULL;
    float *work = NULL;
    int st = snnk__alloc(&s->allocator, floats, sizeof *work, "scratch", &work);

    if (st == SNNK_OK && s->mean)
        st = snnk__alloc(&s->allocator, s->features, 2 * sizeof *sums, "sums", &sums);
    if (st == SNNK_OK) set_biases(s, rows, work);
    if (st == SNNK_OK && s->mean) set_standards(s, rows, sums, work);
    snnk__free(&s->allocator, sums);
    snnk__free(&s->allocator, work);
    return st;
}
