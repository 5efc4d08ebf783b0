/* Input scaling: x' = (x - mean) * scale, learnt from rows or given. */
#ifndef SNNK_SCALING_H
#define SNNK_SCALING_H

#include <snnk/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_scaling snnk_scaling;

/* How a scaling that learns from data is read off it. Values never change. */
typedef enum snnk_scaling_mode {
    SNNK_SCALING_CENTER = 0,      /* the mean of each input; scale 1 */
    SNNK_SCALING_COMMON = 1,      /* the mean of each input; one scale, so that mean |x'|^2 = 1 */
    SNNK_SCALING_STANDARDIZE = 2, /* mean and 1/(standard deviation) of each; constant inputs: 1 */
    SNNK_SCALING_GIVEN = 3        /* from the caller: snnk_scaling_create_given */
} snnk_scaling_mode;

/* A scaling of d inputs that learns from data: create, add rows (in any number of batches), pass it
 * to a map. mode: CENTER, COMMON or STANDARDIZE. SNNK_E_NULL, SNNK_E_SHAPE (inputs = 0),
 * SNNK_E_SIZE, SNNK_E_ENUM, SNNK_E_NOMEM. */
SNNK_API int snnk_scaling_create(size_t inputs, int32_t mode, const snnk_allocator *allocator,
                                 snnk_scaling **scaling);

/* A scaling given as numbers. mean (d) or NULL for zeros; scale (d) or NULL for ones; finite, scale
 * > 0, and inside the range of float. SNNK_E_NULL, SNNK_E_SHAPE, SNNK_E_SIZE, SNNK_E_NONFINITE,
 * SNNK_E_RANGE, SNNK_E_NOMEM. */
SNNK_API int snnk_scaling_create_given(size_t inputs, const double *mean, const double *scale,
                                       const snnk_allocator *allocator, snnk_scaling **scaling);

/* Free it. NULL is fine. Maps copied what they needed. */
SNNK_API void snnk_scaling_free(snnk_scaling *scaling);

/* Learn from n more rows. X: n x d, row stride ldx >= d. Means and variances are updated by the
 * pairwise rule of Chan, Golub & LeVeque 1979, in double. SNNK_E_NULL, SNNK_E_STRIDE, SNNK_E_SIZE,
 * SNNK_E_STATE (a given scaling does not learn), SNNK_E_NONFINITE (names the row and column; the
 * scaling is as before). */
SNNK_API int snnk_scaling_add(snnk_scaling *scaling, size_t n, const float *X, size_t ldx);

/* Read mean (d) and scale (d), either may be NULL.
 * SNNK_E_NULL, SNNK_E_OVERLAP, SNNK_E_STATE (learns from data and has seen no row). */
SNNK_API int snnk_scaling_get(const snnk_scaling *scaling, double *mean, double *scale);

/* d; 0 for NULL. */
SNNK_API size_t snnk_scaling_inputs(const snnk_scaling *scaling);

#ifdef __cplusplus
}
#endif

#endif
