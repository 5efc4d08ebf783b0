/* Blocks of kind AFFINE: the affine part of a spectrum. */
#ifndef SNNK_MAP_AFFINE_H
#define SNNK_MAP_AFFINE_H

#include "map/block.h"
#include "map/urf.h"

/* intercept + slope (w.x + b). Exact: d identity features. Sketched: feature 0 = nu.(x - mu) (if
 * the frame has nu), then the features of the rows M^T g_j / sqrt(r). */
typedef struct snnk__affine {
    const snnk_frame *frame; /* NULL: exact */
    double intercept, slope;
    snnk__spectral_facts facts;
    size_t sketch_rows; /* r */
} snnk__affine;

/* Create a block with rows from the source.
 *   config  its seed and projection are used
 *   folded  d floats of scratch */
int snnk__affine_create(const snnk__affine *affine, size_t inputs, const snnk_map_config *config,
                        snnk__row_source *source, float *folded, const snnk_allocator *allocator,
                        snnk__map_block **block);

/* The estimate of the affine part at a pair. Its variance is slope^2 (|x~|^2 |w~|^2 + (x~.w~)^2)/r;
 * r = 0 means that it is exact. */
snnk__pair_error snnk__affine_error(double intercept, double slope, size_t sketch_rows,
                                    const snnk__urf_products *p, double offset);

#endif
