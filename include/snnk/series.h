/* MINIROCKET: features of time series by fixed kernels (Dempster, Schmidt & Webb 2021).
 *
 * A series of n numbers is convolved with 84 kernels of length 9, weights -1 and three times 2, at
 * dilations up to the series' length. A feature is the share of the results that are above a bias
 * (PPV). Nothing is learnt but the biases: quantiles of results for some rows. A ridge regression
 * on these features is among the most accurate classifiers of series, in seconds:
 *
 *     snnk_map_create_minirocket(length, SNNK_ROWS(.n = n, .X = X), NULL, &map);
 *     snnk_fit_create(map, classes, NULL, &fit);
 *     snnk_fit_add(fit, SNNK_ROWS(.n = n, .X = X, .labels = labels), NULL);
 *     snnk_fit_solve(fit, NULL, NULL, &layer);
 *
 * or, from a table with a series in each row, `snnk fit --series --train FILE`.
 *
 * The kernels, dilations, padding and sums are those of the published transform, in float and in
 * its order: with the same biases, and without standardizing, features are the same bits. A series
 * with a NaN or an infinity has NaN features. A feature jumps where a result crosses its bias and
 * is constant elsewhere, so the features have no gradient: nothing below such a map can be
 * trained. They have no kernel either.
 *
 * A series of several channels has them last: length x channels numbers, the channels of the first
 * moment first. Each pair of a kernel and a dilation adds up its results for some of the channels,
 * as in the authors' extension to several channels: a random set of floor(2^u) of them, u uniform
 * between 0 and log2(min(channels, 9) + 1). */
#ifndef SNNK_SERIES_H
#define SNNK_SERIES_H

#include <snnk/map.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How many kernels there are. */
#define SNNK_MINIROCKET_KERNELS 84

/* The most channels that a kernel adds up. */
#define SNNK_MINIROCKET_MAX_CHANNELS 9

/* Settings of MINIROCKET. Fill with snnk_minirocket_config_init, then change fields. */
typedef struct snnk_minirocket_config {
    size_t size; /* set by snnk_minirocket_config_init */
    /* m, at least 84; rounded down to a multiple of 84. Default 9996 */
    uint64_t features;
    uint64_t max_dilations; /* of each kernel, 1 ... 1024. Default 32 */
    uint64_t seed; /* chooses the rows that give the biases, and sets of channels. Default 0 */
    /* 1 (default): subtract each feature's mean over the rows, and divide by its standard
     * deviation; a feature that is constant becomes 0. 0: shares from 0 to 1 */
    int32_t standardize;
    int32_t reserved;                /* 0 */
    const snnk_allocator *allocator; /* NULL (default) for malloc */
    uint64_t channels;               /* of a series, at least 1. Default 1 */
    /* The sets of channels of each dilation (smallest first) and kernel, where they are given: how
     * many combinations of both there are; how many channels each has, 1 ...
     * SNNK_MINIROCKET_MAX_CHANNELS; and all of them, one set after the other, different within a
     * set. Borrowed for the call. Default 0, NULL, NULL: drawn */
    size_t combinations;
    const uint32_t *channel_counts, *channel_indices;
} snnk_minirocket_config;

/* Set every field to its default; as snnk_map_config_init. */
SNNK_API int snnk_minirocket_config_init(snnk_minirocket_config *config, size_t config_size);

/* Create the map of series of one length, with biases from rows: of each kernel and dilation, the
 * quantiles of its results for one row, as many as it has features, spread by the golden ratio.
 * Takes the features of all rows, if they are standardized.
 *   length  n, at least 9; times channels at most 2^24
 *   rows    series of length x channels numbers, at least 1; targets and weights are ignored
 *   config  NULL for the defaults
 *   map     out: release with snnk_map_free
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_SHAPE (a length below 9; no rows; another number of
 * combinations, or a set of no or too many channels), SNNK_E_STRIDE,
 * SNNK_E_RANGE, SNNK_E_ENUM, SNNK_E_NONFINITE, SNNK_E_SIZE, SNNK_E_NOMEM. */
SNNK_API int snnk_map_create_minirocket(size_t length, const snnk_rows *rows,
                                        const snnk_minirocket_config *config, snnk_map **map);

/* Create the map with given biases.
 *   length  n, at least 9; times channels at most 2^24
 *   count   of biases: m, as many as snnk_minirocket_features says
 *   biases  finite. Ordered by dilation (smallest first), then kernel, then bias
 *   config  its seed only draws sets of channels; `standardize` must be 0. NULL for the defaults
 *           without standardizing
 *   map     out: release with snnk_map_free
 * Statuses of snnk_map_create_minirocket. */
SNNK_API int snnk_map_create_minirocket_from_biases(size_t length, size_t count,
                                                    const float *biases,
                                                    const snnk_minirocket_config *config,
                                                    snnk_map **map);

/* Get m, the number of features that a config gives: a multiple of 84. 0 if the config is not
 * valid. config: NULL for the defaults. */
SNNK_API size_t snnk_minirocket_features(const snnk_minirocket_config *config);

/* Get the settings and biases of a block of MINIROCKET features. An output that is NULL is not
 * written.
 *   config  out; its size is set
 *   biases  out: m
 * SNNK_E_NULL, SNNK_E_RANGE (no such block), SNNK_E_UNSUPPORTED (another kind), SNNK_E_CONFIG. */
SNNK_API int snnk_map_block_minirocket(const snnk_map *map, size_t block,
                                       snnk_minirocket_config *config, float *biases);

/* Get the sets of channels of a block of MINIROCKET features; of one channel, sets of this one. An
 * output that is NULL is not written.
 *   combinations  out: of dilations and kernels
 *   total         out: the sum of counts
 *   counts        out: combinations
 *   indices       out: total
 * SNNK_E_NULL, SNNK_E_RANGE (no such block), SNNK_E_UNSUPPORTED (another kind). */
SNNK_API int snnk_map_block_minirocket_channels(const snnk_map *map, size_t block,
                                                size_t *combinations, size_t *total,
                                                uint32_t *counts, uint32_t *indices);

#ifdef __cplusplus
}
#endif

#endif
