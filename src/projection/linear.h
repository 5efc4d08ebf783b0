/* The linear part of a block of features, z = G x + offset: r values of d inputs. G is stored in
 * one of three forms, and includes a scaling of the inputs. Features that are no function of
 * projections have a transform instead, and no rows: r = 0.
 *
 * Inputs in double are centered before they become float: z = G (x - center) + centered, where
 * centered is the offset before a scaling was folded in. A timestamp keeps its digits only so. */
#ifndef SNNK_PROJECTION_LINEAR_H
#define SNNK_PROJECTION_LINEAR_H

#include <stdbool.h>

#include "base/record.h"
#include "kernels/forward.h"

typedef struct snnk__linear snnk__linear;

/* One way to store G. */
typedef struct snnk__linear_form {
    /* Set g (d) to row `row` of G, and return its offset. work: snnk__linear_work floats. */
    double (*get_row)(const snnk__linear *linear, size_t row, float *g, float *work);

    /* A bound on |z| for inputs of this length; for a transform, that length. */
    double (*largest)(const snnk__linear *linear, double x_length);

    /* Multiply-adds of z for one input (for HD3, additions are counted), and how many numbers G
     * consists of. */
    uint64_t (*multiply_adds)(const snnk__linear *linear);
    uint64_t (*parameters)(const snnk__linear *linear);

    /* Set the member of the kernels' block that represents G. */
    void (*set_kernel)(const snnk__linear *linear, snnk__block *block);

    /* Write G and the offsets, or read them (finite) into a linear part of this form. NULL: they
     * are never stored. */
    void (*write)(const snnk__linear *linear, snnk__sink *sink);
    int (*read)(snnk__linear *linear, const snnk__source *source);
} snnk__linear_form;

struct snnk__linear {
    const snnk__linear_form *form;
    snnk_allocator allocator;
    size_t inputs, rows;              /* d, r */
    float *offset;                    /* r */
    snnk__panels G;                   /* dense: r x d */
    snnk__hd3 hd3;                    /* HD3 */
    const snnk__transform *transform; /* the transform: belongs to the block's kind */
    float *numbers;                   /* diagonal: d; HD3: everything that hd3 points to */
    double *center;                   /* d: subtracted from inputs in double; NULL for zeros */
    float *centered;                  /* r: the offsets of such inputs; NULL without a center */
};

/* Allocate G and offsets of this form, without setting them. Free it after a failure too.
 * SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__linear_create_dense(snnk__linear *linear, size_t inputs, size_t rows,
                              const snnk_allocator *allocator);
int snnk__linear_create_diagonal(snnk__linear *linear, size_t inputs,
                                 const snnk_allocator *allocator);

/* Take a transform instead of rows. It must live as long as the linear part. */
void snnk__linear_set_transform(snnk__linear *linear, size_t inputs,
                                const snnk__transform *transform, const snnk_allocator *allocator);

/* Set the fields that all forms share, and allocate the offsets. */
int snnk__linear_begin(snnk__linear *linear, const snnk__linear_form *form, size_t inputs,
                       size_t rows, const snnk_allocator *allocator);

/* Set the center to the mean of a scaling (d, copied), before rows are set, drawn or read; NULL
 * does nothing. SNNK_E_NOMEM. */
int snnk__linear_set_center(snnk__linear *linear, const double *mean);

/* Change a kernels' block of this linear part so that it takes centered inputs. hd3: room for what
 * block->hd3 points to afterwards. */
void snnk__linear_center_kernel(const snnk__linear *linear, snnk__block *block, snnk__hd3 *hd3);

/* Free the arrays. A linear part that is all zero is fine. */
void snnk__linear_free(snnk__linear *linear);

/* Fold a scaling into row g (d, in double) with offset c, and store it as row `row` of a dense G: g
 * . ((x - mean) * scale) + c = (g * scale) . x + (c - (g * scale) . mean). mean NULL: zeros; scale
 * NULL: ones. The products are rounded to float first, so that the offset matches the stored row.
 * Only plain IEEE operations in a fixed order are used, so a projection drawn again from its seed
 * has the same bits on every machine. folded: d floats of scratch. SNNK_E_NONFINITE. */
int snnk__linear_set_row(snnk__linear *linear, size_t row, const double *g, double c,
                         const double *mean, const double *scale, float *folded);

/* Set row k of a diagonal G so that z_k = (x_k - mean_k) scale. mean: d, NULL for zeros.
 * SNNK_E_NONFINITE. */
int snnk__linear_set_diagonal(snnk__linear *linear, size_t k, double scale, const double *mean);

/* Check that the file has a G of this form and its offsets. SNNK_E_FORMAT. */
int snnk__linear_find_dense(const snnk__source *source, size_t inputs, size_t rows);
int snnk__linear_find_diagonal(const snnk__source *source, size_t inputs);

/* Floats of scratch to read a row, and for the kernels; if 0, NULL may be passed. */
size_t snnk__linear_work(const snnk__linear *linear);

#endif
