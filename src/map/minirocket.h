/* Inside MINIROCKET features: minirocket.c has the settings and the file, minirocket_features.c the
 * features, minirocket_learn.c the creation from rows, minirocket_channels.c series of several
 * channels. */
#ifndef SNNK_MAP_MINIROCKET_H
#define SNNK_MAP_MINIROCKET_H

#include <snnk/series.h>

#include "base/rows.h"
#include "map/transform.h"

#define SNNK__MINIROCKET_LENGTH 9 /* of a kernel */

typedef struct snnk__minirocket {
    snnk_minirocket_config config; /* features rounded; pointers NULL */
    snnk_allocator allocator;
    snnk__transform transform;
    size_t length, channels, features;
    size_t dilations;    /* how many differ */
    uint32_t *dilation;  /* rising */
    uint32_t *counts;    /* biases of each kernel at this dilation */
    float *biases;       /* features */
    float *mean, *scale; /* features: of the standardized ones; NULL for none */
    /* Of several channels, otherwise NULL: how many of them each dilation and kernel adds up, and
     * which, one set after the other. */
    uint32_t *channel_counts, *channel;
} snnk__minirocket;

/* The three positions of weight 2 of a kernel; other weights are -1. */
typedef struct snnk__minirocket_kernel {
    unsigned char at[3];
} snnk__minirocket_kernel;

/* Set the kernels, in the order of the features. */
void snnk__minirocket_kernels(snnk__minirocket_kernel kernels[SNNK_MINIROCKET_KERNELS]);

/* Set alpha (n) and gamma (9 x n): the sums -x over all positions of a dilated kernel, and 3 x at
 * each position, where x is 0 outside the series. */
void snnk__minirocket_shift(size_t n, size_t dilation, const float *x, float *alpha, float *gamma);

/* The numbers of a series. */
static inline size_t snnk__minirocket_inputs(const snnk__minirocket *s) {
    return s->length * s->channels;
}

static inline size_t snnk__minirocket_combinations(const snnk__minirocket *s) {
    return s->dilations * SNNK_MINIROCKET_KERNELS;
}

/* ---- Several channels ---- */

/* Set the sets of channels: those of the config, or drawn. SNNK_E_SHAPE, SNNK_E_RANGE,
 * SNNK_E_NULL, SNNK_E_NOMEM. */
int snnk__minirocket_set_channels(const snnk_minirocket_config *given, snnk__minirocket *s);

/* Allocate s->channel for s->channel_counts. *total: how many there are. SNNK_E_SHAPE (no channel
 * in a set, or too many), SNNK_E_NOMEM. */
int snnk__minirocket_alloc_channels(snnk__minirocket *s, size_t *total);

/* Check s->channel. SNNK_E_RANGE: a channel that is not there, or twice in a set. */
int snnk__minirocket_check_channels(const snnk__minirocket *s);

/* Floats of scratch for the two functions below. */
size_t snnk__minirocket_channel_work(size_t length, size_t channels);

/* Prepare the channels of a list (NULL: the first `count` ones) of a series at a dilation. */
void snnk__minirocket_shift_channels(const snnk__minirocket *s, size_t dilation, const float *x,
                                     size_t count, const uint32_t *list, float *work);

/* Set sums (n) to those of a kernel, added up over the channels of a list. Returns it: it lies in
 * the scratch, with n zeros behind it. */
float *snnk__minirocket_sum_channels(const snnk__minirocket *s, size_t dilation,
                                     snnk__minirocket_kernel kernel, size_t count,
                                     const uint32_t *list, float *work);

/* ---- Learning ---- */

/* Set biases, mean and scale from rows. SNNK_E_NOMEM, SNNK_E_SIZE. */
int snnk__minirocket_learn(snnk__minirocket *s, const snnk_rows *rows);

/* snnk__transform.apply. */
void snnk__minirocket_apply(const void *context, size_t n, const float *X, size_t ldx, float *Phi,
                            size_t ldphi, float *work);

#endif
