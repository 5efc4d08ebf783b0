/* Windows: features of patches of an image or a series, pooled over a grid: a convolutional layer
 * without gradients (Coates & Ng 2011).
 *
 * For each position of a window, a patch of the input is normalised, projected on K filters, and
 * passed through an activation h. Each cell of a grid pools what its positions give:
 *
 *     p = (patch - mean)/sqrt(variance + contrast_floor)      if normalise
 *     z = g_k . p + c_k                                        k = 1 ... K
 *     Phi[cell][k]     = pool over the cell's positions of h(z)
 *     Phi[cell][K + k] = the same of h(-z - 2 threshold)       if both_signs
 *
 * Filters are whitened patches of given images (the default), centres of such patches, or random
 * directions; or your own. With c_k = -threshold - g_k . m, m the mean patch, both signs see the
 * same threshold: h = relu gives max(y - threshold, 0) and max(-y - threshold, 0), where y is the
 * projection of the whitened patch.
 *
 *     snnk_window_config config;
 *     snnk_window_config_init(&config, sizeof config);
 *     config.height = config.width = 28;
 *     snnk_map_create_window(SNNK_ROWS(.n = n, .X = images), &config, &map);
 *
 * The map is one like any other. Phi is an image too, of grid_height x grid_width x (K or 2 K), so
 * that another window can go over it: put each map into a tower (<snnk/layer.h>), the towers into a
 * network, and fit the network's last layer, which is usually one of many random features. */
#ifndef SNNK_WINDOW_H
#define SNNK_WINDOW_H

#include <snnk/map.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a cell of the grid keeps of its positions. Stored in model files: values never change. */
typedef enum snnk_pool {
    SNNK_POOL_MEAN = 0,
    SNNK_POOL_ROOT_MEAN_SQUARE = 1,
    SNNK_POOL_MAX = 2
} snnk_pool;

/* Get a name: "mean", "root_mean_square", "max". Static; NULL for an unknown value. */
SNNK_API const char *snnk_pool_name(int32_t pool);

/* Where filters come from. */
typedef enum snnk_filters {
    SNNK_FILTERS_PATCHES = 0, /* patches at random places of random images, whitened */
    SNNK_FILTERS_CENTRES = 1, /* centres of such patches, by spherical k-means */
    SNNK_FILTERS_RANDOM = 2,  /* random directions, in whitened coordinates if there are images */
    SNNK_FILTERS_GIVEN = 3    /* of snnk_map_create_window_from_filters; not for config.filters */
} snnk_filters;

/* Get a name: "patches", "centres", "random", "given". Static; NULL for an unknown value. */
SNNK_API const char *snnk_filters_name(int32_t filters);

/* Settings. Fill with snnk_window_config_init, then set height and width. */
typedef struct snnk_window_config {
    size_t size; /* set by snnk_window_config_init */
    /* The shape of an input row: height x width x channels numbers, channels last. A series of
     * `length` steps has height 1 and width length. No defaults for height and width; channels 1 */
    uint64_t height, width, channels;
    /* Sides of a patch, at most those of the input. Default 6 x 6 */
    uint64_t patch_height, patch_width;
    /* Steps between positions, down and to the right, >= 1; beyond a side, that side. Default 1 */
    uint64_t stride_height, stride_width;
    /* Cells of the pooling grid, at most as many as there are positions in that direction. Position
     * i of n belongs to cell i cells / n, rounded down. Default 4 x 4 */
    uint64_t grid_height, grid_width;
    /* K >= 1. Default 256. Ignored for given filters */
    uint64_t features;
    /* chooses the patches. Filter k depends on (seed, k) and the rows alone, not on K, except for
     * CENTRES. Default 0 */
    uint64_t seed;
    /* added to the variance of a patch, > 0, in squared units of the input. Patches of less
     * variance are no filters. 0 (default): a thousandth of the variance of the rows that filters
     * come from, or 1e-8 without rows */
    double contrast_floor;
    /* Whitening multiplies patches by (C + e I)^(-1/2), C their covariance; e is this times the
     * mean eigenvalue of C, 1e-6 ... 1e6. Default 0.01 */
    double whitening_floor;
    /* of z, in standard deviations of an average whitened patch along a filter, 0 ... 1e6. Default
     * 0.25. Ignored for given filters */
    double threshold;
    int32_t normalise;  /* 1 (default): centre and scale each patch. 0: take it as it is */
    int32_t filters;    /* snnk_filters. Default PATCHES */
    int32_t activation; /* h, an snnk_activation. Default SNNK_RELU */
    int32_t both_signs; /* 1 (default): features of z and of -z */
    int32_t pool;       /* snnk_pool. Default MEAN */
    int32_t root;       /* 1 (default): the square root of what was pooled (of its size, with its
                         * sign). Counts grow like their square root less noisy */
    const snnk_allocator *allocator; /* NULL (default) for malloc */
} snnk_window_config;

/* Set every field to its default; as snnk_map_config_init. */
SNNK_API int snnk_window_config_init(snnk_window_config *config, size_t config_size);

/* Create a window map whose filters come from rows of data. Whitening takes the covariance of
 * 100,000 patches at random places (of all, if there are fewer), summed in double, and a matrix of
 * patch size squared.
 *   rows    images to take patches from, of height x width x channels numbers; targets and weights
 *           are ignored. May be NULL for RANDOM: then patches are not whitened
 *   config  height and width must be set
 *   map     out: release with snnk_map_free
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_SHAPE (a patch larger than the image; stride 0; a grid of more
 * cells than positions; no rows; fewer patches that are not constant than features), SNNK_E_SIZE,
 * SNNK_E_STRIDE, SNNK_E_ENUM, SNNK_E_RANGE, SNNK_E_NONFINITE, SNNK_E_UNSUPPORTED (whitening in the
 * minimal build), SNNK_E_SINGULAR (LAPACK's eigenvalues did not converge), SNNK_E_NOMEM. */
SNNK_API int snnk_map_create_window(const snnk_rows *rows, const snnk_window_config *config,
                                    snnk_map **map);

/* Create a window map with given filters.
 *   config   its features, seed, whitening_floor and filters are ignored
 *   filters  K >= 1
 *   G        K x (patch_height x patch_width x channels), row stride ldg, finite
 *   offsets  c, K numbers, finite; NULL for -threshold each. The negative side has -z - 2 threshold
 *   map      out: release with snnk_map_free
 * Statuses of snnk_map_create_window. */
SNNK_API int snnk_map_create_window_from_filters(const snnk_window_config *config, size_t filters,
                                                 const float *G, size_t ldg, const float *offsets,
                                                 snnk_map **map);

/* Read the settings and filters of a window block of a map.
 *   block    0 ... blocks-1
 *   config   out: set its size first; the allocator is NULL. NULL if not wanted
 *   G        out: K x patch size, row stride ldg; NULL if not wanted
 *   offsets  out: K numbers; NULL if not wanted
 * SNNK_E_NULL, SNNK_E_RANGE, SNNK_E_CONFIG, SNNK_E_STRIDE, SNNK_E_UNSUPPORTED (a block of another
 * kind), SNNK_E_OVERLAP. */
SNNK_API int snnk_map_block_window(const snnk_map *map, size_t block, snnk_window_config *config,
                                   float *G, size_t ldg, float *offsets);

#ifdef __cplusplus
}
#endif

#endif
