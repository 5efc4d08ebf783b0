/* How the rows of a random projection are drawn: one file and one table for each kind. */
#ifndef SNNK_PROJECTION_PROJECTION_H
#define SNNK_PROJECTION_PROJECTION_H

#include <snnk/projection.h>

#include "projection/linear.h"

/* The distribution: row j of G is N(0, scale^2 I), and its offset N(0, offset_scale^2). Both act on
 * (x - mean) * input_scale. */
typedef struct snnk__draw {
    uint64_t seed;
    double scale, offset_scale;
    const double *mean, *input_scale; /* d each; mean NULL: zeros, input_scale NULL: ones */
} snnk__draw;

typedef struct snnk__projection_kind snnk__projection_kind;

struct snnk__projection_kind {
    const char *name; /* the name, also in model files */

    /* The seed gives the same bits on every machine, so a file may store the seed instead of the
     * rows. */
    bool seeded;

    /* A file always stores the seed only. */
    bool seed_only;

    /* How many rows are made together as a group. NULL, as all entries below, if rows of this kind
     * are not drawn. */
    size_t (*group)(size_t inputs);

    /* How many random numbers `rows` rows use, at most UINT64_MAX. */
    uint64_t (*numbers)(size_t rows, size_t inputs);

    /* Set rows (group x inputs) to rows first ... first+group-1, each distributed as N(0, I). first
     * is a multiple of the group. SNNK_E_UNSUPPORTED (not in this build), SNNK_E_SIZE,
     * SNNK_E_NOMEM, SNNK_E_INTERNAL. */
    int (*rows)(uint64_t seed, size_t inputs, size_t first, const snnk_allocator *allocator,
                double *rows);

    /* Create a linear part with such rows, and draw its numbers. */
    int (*create)(snnk__linear *linear, size_t inputs, size_t rows,
                  const snnk_allocator *allocator);
    int (*draw)(const snnk__projection_kind *kind, const snnk__draw *draw, snnk__linear *linear);
};

extern const snnk__projection_kind snnk__projection_gaussian;
extern const snnk__projection_kind snnk__projection_orthogonal;
extern const snnk__projection_kind snnk__projection_hd3;
extern const snnk__projection_kind snnk__projection_simplex;
extern const snnk__projection_kind snnk__projection_sobol;

/* The kind with this value; NULL if there is none. */
const snnk__projection_kind *snnk__projection_get(int32_t projection);

/* Whether rows of this kind are drawn, neither given by the caller nor folded. The kind must
 * exist. */
bool snnk__projection_is_drawn(int32_t projection);

/* SNNK_E_ENUM unless the kind exists and is drawn. */
int snnk__projection_check(int32_t projection);

/* ---- Shared by the files of the kinds ---- */

/* Group sizes: one row at a time, and d rows. */
size_t snnk__projection_group_one(size_t inputs);
size_t snnk__projection_group_inputs(size_t inputs);

/* One random number for each entry. */
uint64_t snnk__projection_numbers(size_t rows, size_t inputs);

/* Set rows (count x inputs) to rows first ... first+count-1 of iid N(0, 1) numbers. */
void snnk__gaussian_rows(uint64_t seed, size_t inputs, size_t first, size_t count, double *rows);

/* Set rows (d x d) to group first/d of orthonormal rows, and the lengths to those that Gaussian
 * rows in these directions have. The directions are Haar-distributed: they come from the QR
 * factorisation of a Gaussian matrix, with the sign of R's diagonal moved into Q (Mezzadri 2007;
 * without that, Q is not Haar-distributed). The lengths are chi(d) and independent of Q, since Q
 * and R are independent. Statuses as for snnk__projection_kind.rows. */
int snnk__orthonormal_rows(uint64_t seed, size_t d, size_t first, const snnk_allocator *allocator,
                           double *rows, double *length);

/* Draw the offset of row j. */
double snnk__draw_offset(const snnk__draw *draw, size_t j);

/* Draw all rows of a dense linear part. */
int snnk__draw_dense(const snnk__projection_kind *kind, const snnk__draw *draw,
                     snnk__linear *linear);

#endif
