/* The rows of the candidates for a round, and those that are taken. */
#ifndef SNNK_BOOST_CANDIDATES_H
#define SNNK_BOOST_CANDIDATES_H

#include <snnk/boost.h>

#include "base/memory.h"

/* What candidates are drawn from. */
typedef struct snnk__boost_source {
    const snnk_boost_config *config;
    const snnk_allocator *allocator;
    snnk_workspace *workspace;
    size_t n, d, outputs;
    const float *X;         /* n x d, packed: the scaled inputs of the rows to learn from */
    const double *R;        /* n x outputs, packed: their residuals */
    const float *weights;   /* n; NULL: 1 each */
    const double *variance; /* d: of the scaled inputs; the sum is above 0 */
    const double *root;     /* d x d: M^(1/2); of DIRECTIONS */
    const double *share;    /* d: how much the fit depends on each input, with sum 1; likewise */
} snnk__boost_source;

/* Draw rows as in round 0, of another seed in each round: G is count x d, c is count.
 * SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__boost_draw_random(const snnk__boost_source *source, uint64_t round, size_t count,
                            float *G, float *c);

/* Draw the candidates of a round 1, 2, ..., and move the best `most` of them to the front of G and
 * c, in the order in which they were drawn.
 *   G     room for candidates * features rows of d
 *   c     room for as many
 *   most  config->features
 *   found the result: how many there are, <= most; those that are constant are left out
 * SNNK_E_STATE (of PAIRS: all rows are equal), SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__boost_candidates(const snnk__boost_source *source, uint64_t round, size_t most, float *G,
                           float *c, size_t *found);

#endif
