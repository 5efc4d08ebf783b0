/* One block of features of a map: immutable once filled, shared by reference count between the maps
 * that hold it. */
#ifndef SNNK_MAP_BLOCK_H
#define SNNK_MAP_BLOCK_H

#include <snnk/map.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/memory.h"
#include "kernels/forward.h"
#include "map/urf.h"
#include "projection/linear.h"

typedef struct snnk__map_block {
    snnk_allocator allocator;
    atomic_size_t references;
    snnk_map_config config; /* as asked for, with features resolved; allocator NULL */
    size_t inputs;          /* d */
    size_t rows;            /* r */
    size_t features;        /* m of this block: r or 2 r */
    snnk__linear linear;    /* z = G x + c, scaling folded in */
    double *mean, *scale;   /* d each, both NULL without a scaling */
    snnk__urf *urf;         /* URF only */
    snnk__affine *line;     /* LINE only */
    snnk__folded *folded;   /* FOLDED_URF only */
    snnk__function function;
} snnk__map_block;

/* Check settings as snnk_map_create does, and resolve features; rows: how many are given, or 0 where
 * they are drawn. Statuses as there. */
int snnk__map_config_check(snnk_map_config *config, size_t inputs, size_t rows);

/* A block for checked settings, its arrays allocated but not filled; mean and scale only if
 * `scaled`. Fill mean and scale first, then call one of the functions below. */
int snnk__map_block_create(size_t inputs, const snnk_map_config *config, bool scaled,
                           const snnk_allocator *allocator, snnk__map_block **block);

/* A block for the atoms of a spectrum, or for its affine part; rows of G (or the diagonal, for an exact
 * line) are not set. Takes over urf or line, on success. config: kind, seed, projection. */
int snnk__map_block_from_urf(const snnk_map_config *config, snnk__urf *urf,
                             const snnk_allocator *allocator, snnk__map_block **block);
int snnk__map_block_from_affine(size_t inputs, const snnk_map_config *config, snnk__affine *line,
                                const snnk_allocator *allocator, snnk__map_block **block);

/* A block for the table of a URF block behind a linear map; rows of G are not set. Takes over folded, on
 * success. */
int snnk__map_block_from_folded(size_t inputs, size_t rows, const snnk_map_config *config,
                                snnk__folded *folded, const snnk_allocator *allocator,
                                snnk__map_block **block);

/* Whether the rows are a sample of a distribution that is known: neither given nor folded, or there are
 * none. */
bool snnk__map_block_is_random(const snnk__map_block *block);

/* Multiply-adds of the block's features for one row of inputs; HD3: additions. */
uint64_t snnk__map_block_multiply_adds(const snnk__map_block *block);

/* How many numbers the block is made of: G or what takes its place, offsets, tables. */
uint64_t snnk__map_block_parameters(const snnk__map_block *block);

/* Whether its rows are those of a diagonal matrix. */
bool snnk__map_block_is_diagonal(const snnk__map_block *block);

/* Floats of work that the two functions below need; 0: NULL will do. */
size_t snnk__map_block_work(const snnk__map_block *block);

/* g (d) = row `row` of G, scaling folded in, wherever it comes from. Gives its offset. */
double snnk__map_block_get_row(const snnk__map_block *block, size_t row, float *g, float *work);

/* Phi (n x features of the block) of n rows of X. */
void snnk__map_block_features(const snnk__map_block *block, size_t n, const float *X, size_t ldx,
                              float *Phi, size_t ldphi, float *work);

/* One owner less. NULL is fine. */
void snnk__map_block_release(snnk__map_block *block);

/* Fill G and the offsets: drawn from the seed; copied from the caller (G: r x d, stride ldg; offsets:
 * r or NULL); or of an identity. SNNK_E_NONFINITE, SNNK_E_SIZE, SNNK_E_NOMEM, and for drawing
 * SNNK_E_UNSUPPORTED. */
int snnk__map_block_draw(snnk__map_block *block);
int snnk__map_block_copy(snnk__map_block *block, const float *G, size_t ldg, const float *offsets);
int snnk__map_block_identity(snnk__map_block *block);

/* Fill G and the offsets with what is folded already, as a file stores it: G (r x d; for IDENTITY
 * its diagonal, d), offset (r). */
void snnk__map_block_folded(snnk__map_block *block, const float *G, const float *offset);

/* What the kernels take. Valid as long as the block. */
snnk__block snnk__map_block_kernel(const snnk__map_block *block);

#endif
