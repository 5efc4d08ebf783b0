/* MINIROCKET: the features of series. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "kernels/kernels.h"
#include "map/minirocket.h"

#define KERNELS SNNK_MINIROCKET_KERNELS

void snnk__minirocket_kernels(snnk__minirocket_kernel kernels[KERNELS]) {
    size_t k = 0;

    for (unsigned char a = 0; a < 7; a++)
        for (unsigned char b = (unsigned char)(a + 1); b < 8; b++)
            for (unsigned char c = (unsigned char)(b + 1); c < 9; c++)
                kernels[k++] = (snnk__minirocket_kernel){{a, b, c}};
}

/* The order of the sums is that of the published transform: the middle, then what lies before it
 * from the farthest, then what lies behind it. */
void snnk__minirocket_shift(size_t n, size_t dilation, const float *x, float *alpha, float *gamma) {
    float *middle = gamma + 4 * n;

    for (size_t t = 0; t < n; t++) {
        alpha[t] = -x[t];
        middle[t] = x[t] + x[t] + x[t];
    }
    for (size_t p = 0; p < 9; p++) {
        const size_t distance = (p < 4 ? 4 - p : p - 4) * dilation;
        float *to = gamma + p * n;

        if (p == 4) continue;
        memset(to, 0, n * sizeof *to);
        if (p < 4)
            for (size_t t = distance; t < n; t++) {
                alpha[t] -= x[t - distance];
                to[t] = middle[t - distance];
            }
        else
            for (size_t t = 0; t + distance < n; t++) {
                alpha[t] -= x[t + distance];
                to[t] = middle[t + distance];
            }
    }
}

/* The features of one series, not standardized. work: 10 n floats, then as many counts as one
 * kernel has biases. */
static void shares_of(const snnk__minirocket *s, const float *x, float *phi, float *work) {
    const size_t n = s->length;
    const snnk__kernels *kernels = snnk__kernels_get();
    float *alpha = work, *gamma = work + n;
    uint32_t *above = (uint32_t *)(void *)(gamma + 9 * n);
    snnk__minirocket_kernel places[KERNELS];
    size_t feature = 0;

    snnk__minirocket_kernels(places);
    for (size_t i = 0; i < s->dilations; i++) {
        const size_t padding = 4 * (size_t)s->dilation[i], count = s->counts[i];

        snnk__minirocket_shift(n, s->dilation[i], x, alpha, gamma);
        for (size_t k = 0; k < KERNELS; k++) {
            /* Every other kernel sees the whole series, others what needs no padding. */
            const size_t first = (i + k) % 2 == 0 ? 0 : padding, many = n - 2 * first;
            const snnk__shares sums = {.n = many,
                                       .alpha = alpha + first,
                                       .a = gamma + places[k].at[0] * n + first,
                                       .b = gamma + places[k].at[1] * n + first,
                                       .c = gamma + places[k].at[2] * n + first};

            kernels->shares(&sums, count, s->biases + feature, above);
            for (size_t j = 0; j < count; j++, feature++)
                phi[feature] = (float)((double)above[j] / (double)many);
        }
    }
}

/* The same of several channels. work: snnk__minirocket_channel_work, then the counts. */
static void shares_of_channels(const snnk__minirocket *s, const float *x, float *phi, float *work) {
    const size_t n = s->length;
    const snnk__kernels *kernels = snnk__kernels_get();
    uint32_t *above = (uint32_t *)(void *)(work + snnk__minirocket_channel_work(n, s->channels));
    const uint32_t *set = s->channel, *size = s->channel_counts;
    snnk__minirocket_kernel places[KERNELS];
    size_t feature = 0;

    snnk__minirocket_kernels(places);
    for (size_t i = 0; i < s->dilations; i++) {
        const size_t padding = 4 * (size_t)s->dilation[i], count = s->counts[i];

        snnk__minirocket_shift_channels(s, s->dilation[i], x, s->channels, NULL, work);
        for (size_t k = 0; k < KERNELS; k++, set += *size++) {
            const size_t first = (i + k) % 2 == 0 ? 0 : padding, many = n - 2 * first;
            const float *added =
                snnk__minirocket_sum_channels(s, s->dilation[i], places[k], *size, set, work);
            const snnk__shares sums = {
                .n = many, .alpha = added + first, .a = added + n, .b = added + n, .c = added + n};

            kernels->shares(&sums, count, s->biases + feature, above);
            for (size_t j = 0; j < count; j++, feature++)
                phi[feature] = (float)((double)above[j] / (double)many);
        }
    }
}

static bool is_finite(size_t n, const float *x) {
    bool finite = true;

    for (size_t t = 0; t < n; t++) finite &= isfinite(x[t]) != 0;
    return finite;
}

void snnk__minirocket_apply(const void *context, size_t n, const float *X, size_t ldx, float *Phi,
                            size_t ldphi, float *work) {
    const snnk__minirocket *s = context;
    const size_t inputs = snnk__minirocket_inputs(s);

    for (size_t i = 0; i < n; i++) {
        float *phi = Phi + i * ldphi;

        if (!is_finite(inputs, X + i * ldx)) {
            for (size_t j = 0; j < s->features; j++) phi[j] = NAN;
            continue;
        }
        (s->channels > 1 ? shares_of_channels : shares_of)(s, X + i * ldx, phi, work);
        for (size_t j = 0; s->mean && j < s->features; j++)
            phi[j] = (phi[j] - s->mean[j]) * s->scale[j];
    }
}
