/* Scalings: x' = (x - mean) * scale, learned from data or given as numbers.
 *
 * Most kernels want inputs with mean 0 and similar spreads. Pass a scaling to a map, which folds it
 * into its projection: it costs nothing afterwards.
 *
 *     snnk_scaling_create(d, SNNK_SCALING_STANDARDIZE, NULL, &scaling);
 *     snnk_scaling_add(scaling, SNNK_ROWS(.n = n, .X = X));
 *     snnk_map_create(d, NULL, scaling, &map);
 *     snnk_scaling_free(scaling); */
#ifndef SNNK_SCALING_H
#define SNNK_SCALING_H

#include <snnk/rows.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_scaling snnk_scaling;

/* What a scaling computes from the data. Values never change. */
typedef enum snnk_scaling_mode {
    SNNK_SCALING_CENTER = 0, /* the mean of each input; scale 1 */
    SNNK_SCALING_COMMON = 1, /* the mean of each input; one scale, so that mean |x'|^2 = 1 */
    SNNK_SCALING_STANDARDIZE =
        2,                 /* mean and 1/(standard deviation) of each input; constant inputs: 1 */
    SNNK_SCALING_GIVEN = 3 /* numbers from the caller: snnk_scaling_create_given */
} snnk_scaling_mode;

/* Get the name of a mode: "center", "common", "standardize", "given". Static; NULL for an unknown
 * value. */
SNNK_API const char *snnk_scaling_mode_name(int32_t mode);

/* Create a scaling that learns from data.
 *   inputs     d, at least 1
 *   mode       CENTER, COMMON or STANDARDIZE
 *   allocator  NULL for malloc
 *   scaling    out: release with snnk_scaling_free
 * SNNK_E_NULL, SNNK_E_SHAPE (inputs = 0), SNNK_E_SIZE, SNNK_E_ENUM, SNNK_E_NOMEM. */
SNNK_API int snnk_scaling_create(size_t inputs, int32_t mode, const snnk_allocator *allocator,
                                 snnk_scaling **scaling);

/* Create a scaling from given numbers.
 *   inputs     d, at least 1
 *   mean       d finite numbers within +-1e30; NULL for zeros
 *   scale      d finite numbers in 1e-30 ... 1e30; NULL for ones
 *   allocator  NULL for malloc
 *   scaling    out: release with snnk_scaling_free
 * SNNK_E_NULL, SNNK_E_SHAPE, SNNK_E_SIZE, SNNK_E_NONFINITE, SNNK_E_RANGE, SNNK_E_NOMEM. */
SNNK_API int snnk_scaling_create_given(size_t inputs, const double *mean, const double *scale,
                                       const snnk_allocator *allocator, snnk_scaling **scaling);

/* Free a scaling. NULL is fine. Maps have copied what they need. */
SNNK_API void snnk_scaling_free(snnk_scaling *scaling);

/* Learn from more rows: any number of calls gives the mean and variance of all rows together.
 *   scaling  one that learns
 *   rows     inputs, in float or double; targets and weights are ignored
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_SHAPE, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_STATE (the numbers
 * were given), SNNK_E_NONFINITE (names row and column). On failure the scaling is unchanged. */
SNNK_API int snnk_scaling_add(snnk_scaling *scaling, const snnk_rows *rows);

/* Copy the numbers, with which x' = (x - mean) * scale.
 *   mean, scale  out: d numbers each; NULL if not wanted
 * SNNK_E_NULL, SNNK_E_OVERLAP, SNNK_E_STATE (no rows were added yet). */
SNNK_API int snnk_scaling_get(const snnk_scaling *scaling, double *mean, double *scale);

SNNK_API size_t snnk_scaling_inputs(const snnk_scaling *scaling);    /* d; 0 for NULL, as below */
SNNK_API uint64_t snnk_scaling_rows(const snnk_scaling *scaling);    /* rows added */
SNNK_API int32_t snnk_scaling_get_mode(const snnk_scaling *scaling); /* snnk_scaling_mode */

/* ---- Saving and loading ---- */

/* Save to a file, or load: the loaded one goes on learning with the same bits.
 *   path       of a safetensors file
 *   allocator  NULL for malloc
 *   scaling    out: release with snnk_scaling_free
 * Statuses of snnk_map_save and snnk_map_load. */
SNNK_API int snnk_scaling_save(const snnk_scaling *scaling, const char *path);
SNNK_API int snnk_scaling_load(const char *path, const snnk_allocator *allocator,
                               snnk_scaling **scaling);

/* Save to memory, or load from it.
 *   bytes   from snnk_scaling_saved_bytes for the same scaling
 *   buffer  that many bytes
 * Statuses as above, without SNNK_E_IO. */
SNNK_API int snnk_scaling_saved_bytes(const snnk_scaling *scaling, size_t *bytes);
SNNK_API int snnk_scaling_save_memory(const snnk_scaling *scaling, void *buffer, size_t bytes);
SNNK_API int snnk_scaling_load_memory(const void *buffer, size_t bytes,
                                      const snnk_allocator *allocator, snnk_scaling **scaling);

#ifdef __cplusplus
}
#endif

#endif
