/* MINIROCKET of series with several channels: each dilation and kernel adds up its sums over a set
 * of channels. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "base/size.h"
#include "map/minirocket.h"

#define MOST SNNK_MINIROCKET_MAX_CHANNELS

/* ---- Sets of channels ---- */

/* How many channels can be in a set. */
static size_t most_of(const snnk__minirocket *s) { return snnk__min_size(s->channels, MOST); }

/* floor(2^u) for u uniform between 0 and log2(most + 1). */
static uint32_t draw_count(const snnk__minirocket *s, size_t combination) {
    const double most = (double)most_of(s);
    double u;

    snnk__random_uniform(s->config.seed, SNNK__STREAM_CHANNEL, combination, 0, 1, &u);
    return (uint32_t)fmin(exp2(u * log2(most + 1)), most);
}

/* Draw `count` different channels, rising. */
static void draw_set(const snnk__minirocket *s, size_t combination, size_t count, uint32_t *set) {
    double u[MOST];

    snnk__random_uniform(s->config.seed, SNNK__STREAM_CHANNEL, combination, 1, count, u);
    for (size_t k = 0; k < count; k++) {
        const size_t left = s->channels - k;
        size_t place = snnk__min_size((size_t)(u[k] * (double)left), left - 1), at = 0;

        while (at < k && set[at] <= place) at++, place++; /* among those that are not drawn yet */
        memmove(set + at + 1, set + at, (k - at) * sizeof *set);
        set[at] = (uint32_t)place;
    }
}

int snnk__minirocket_alloc_channels(snnk__minirocket *s, size_t *total) {
    *total = 0;
    for (size_t i = 0; i < snnk__minirocket_combinations(s); i++) {
        if (s->channel_counts[i] < 1 || s->channel_counts[i] > most_of(s))
            return snnk__fail(SNNK_E_SHAPE,
                              "channel_counts[%zu] = %u, but must be from 1 to %zu, the most "
                              "channels that a kernel adds up",
                              i, (unsigned)s->channel_counts[i], most_of(s));
        *total += s->channel_counts[i];
    }
    return snnk__alloc(&s->allocator, *total, sizeof *s->channel, "channels", &s->channel);
}

int snnk__minirocket_check_channels(const snnk__minirocket *s) {
    const uint32_t *set = s->channel;

    for (size_t i = 0; i < snnk__minirocket_combinations(s); set += s->channel_counts[i++])
        for (size_t k = 0; k < s->channel_counts[i]; k++) {
            if (set[k] >= s->channels)
                return snnk__fail(SNNK_E_RANGE,
                                  "channel_indices[%zu] = %u, but there are %zu channels, from 0",
                                  (size_t)(set + k - s->channel), (unsigned)set[k], s->channels);
            for (size_t j = 0; j < k; j++)
                if (set[j] == set[k])
                    return snnk__fail(SNNK_E_RANGE, "channel %u is twice in set %zu",
                                      (unsigned)set[k], i);
        }
    return SNNK_OK;
}

static int take_given(const snnk_minirocket_config *given, snnk__minirocket *s) {
    const size_t combinations = snnk__minirocket_combinations(s);
    size_t total;
    int st;

    if (given->combinations != combinations)
        return snnk__fail(SNNK_E_SHAPE,
                          "combinations = %zu, but %zu dilations of %d kernels need %zu sets of "
                          "channels",
                          given->combinations, s->dilations, SNNK_MINIROCKET_KERNELS, combinations);
    memcpy(s->channel_counts, given->channel_counts, combinations * sizeof *s->channel_counts);
    if ((st = snnk__minirocket_alloc_channels(s, &total)) != SNNK_OK) return st;
    memcpy(s->channel, given->channel_indices, total * sizeof *s->channel);
    return snnk__minirocket_check_channels(s);
}

int snnk__minirocket_set_channels(const snnk_minirocket_config *given, snnk__minirocket *s) {
    const size_t combinations = snnk__minirocket_combinations(s);
    uint32_t *set;
    size_t total;
    int st;

    if (s->channels == 1) return SNNK_OK;
    if (given->channel_counts) return take_given(given, s);
    for (size_t i = 0; i < combinations; i++) s->channel_counts[i] = draw_count(s, i);
    if ((st = snnk__minirocket_alloc_channels(s, &total)) != SNNK_OK) return st;
    set = s->channel;
    for (size_t i = 0; i < combinations; set += s->channel_counts[i++])
        draw_set(s, i, s->channel_counts[i], set);
    return SNNK_OK;
}

/* ---- Sums ---- */

/* The scratch: for each channel the sums -x over all positions of a kernel (n), and 3 x with zeros
 * at both ends (2 n, of which n + 8 times the dilation are used); the sums, which hold a channel at
 * first (n); zeros (n). */
static float *alpha_of(const snnk__minirocket *s, size_t channel, float *work) {
    return work + channel * s->length;
}

static float *triple_of(const snnk__minirocket *s, size_t channel, float *work) {
    return work + (s->channels + 2 * channel) * s->length;
}

static float *sums_of(const snnk__minirocket *s, float *work) {
    return work + 3 * s->channels * s->length;
}

size_t snnk__minirocket_channel_work(size_t length, size_t channels) {
    return (3 * channels + 2) * length;
}

/* In the order of snnk__minirocket_shift. */
static void set_alpha(size_t n, size_t dilation, const float *x, float *alpha) {
    for (size_t t = 0; t < n; t++) alpha[t] = -x[t];
    for (size_t p = 4; p > 0; p--)
        for (size_t t = p * dilation; t < n; t++) alpha[t] -= x[t - p * dilation];
    for (size_t p = 1; p <= 4; p++)
        for (size_t t = 0; t + p * dilation < n; t++) alpha[t] -= x[t + p * dilation];
}

void snnk__minirocket_shift_channels(const snnk__minirocket *s, size_t dilation, const float *x,
                                     size_t count, const uint32_t *list, float *work) {
    const size_t n = s->length, padding = 4 * dilation;
    float *one = sums_of(s, work);

    for (size_t k = 0; k < count; k++) {
        const size_t c = list ? list[k] : k;
        float *triple = triple_of(s, c, work);

        for (size_t t = 0; t < n; t++) one[t] = x[t * s->channels + c];
        set_alpha(n, dilation, one, alpha_of(s, c, work));
        memset(triple, 0, padding * sizeof *triple);
        for (size_t t = 0; t < n; t++) triple[padding + t] = one[t] + one[t] + one[t];
        memset(triple + padding + n, 0, padding * sizeof *triple);
    }
    memset(one + n, 0, n * sizeof *one);
}

float *snnk__minirocket_sum_channels(const snnk__minirocket *s, size_t dilation,
                                     snnk__minirocket_kernel kernel, size_t count,
                                     const uint32_t *list, float *work) {
    const size_t n = s->length;
    float *sums = sums_of(s, work);

    for (size_t k = 0; k < count; k++) {
        const float *alpha = alpha_of(s, list[k], work), *triple = triple_of(s, list[k], work);
        const float *a = triple + kernel.at[0] * dilation, *b = triple + kernel.at[1] * dilation,
                    *c = triple + kernel.at[2] * dilation;

        if (k == 0)
            for (size_t t = 0; t < n; t++) sums[t] = alpha[t] + a[t] + b[t] + c[t];
        else
            for (size_t t = 0; t < n; t++) sums[t] += alpha[t] + a[t] + b[t] + c[t];
    }
    return sums;
}
