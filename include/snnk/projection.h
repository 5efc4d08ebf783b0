/* How the rows of a random projection are drawn. */
#ifndef SNNK_PROJECTION_H
#define SNNK_PROJECTION_H

#include <snnk/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum snnk_projection {
    SNNK_PROJECTION_GAUSSIAN = 0,   /* iid N(0, 1) entries; the same bits on every machine */
    SNNK_PROJECTION_ORTHOGONAL = 1, /* groups of d rows with Haar-distributed orthogonal directions
                                     * and chi(d)-distributed norms (Yu et al. 2016) */
    SNNK_PROJECTION_GIVEN = 2,      /* from the caller; never set in a config, only read back */
    SNNK_PROJECTION_HD3 = 3,     /* groups of D rows, D the power of two >= d: H D3 H D2 H D1, H the
                                  * D x D Walsh-Hadamard matrix and D_i diagonals of random signs,
                                  * times chi(D)-distributed norms, without the columns beyond d.
                                  * O(D log D) a group, and stored as a seed. Rows are nearly, not
                                  * exactly, Gaussian (Choromanski et al. 2017). In URF and LINE
                                  * maps they are made dense, to fold the frame in: no faster
                                  * there */
    SNNK_PROJECTION_SIMPLEX = 4, /* groups of d rows: the corners of a regular simplex, turned by a
                                     * Haar-distributed rotation, times chi(d) norms (Reid et al.
                                     * 2023) */
    SNNK_PROJECTION_SOBOL = 5,   /* quasi-Monte Carlo: row j is point j of a Sobol sequence
                                     * (direction numbers of Joe & Kuo 2008), Owen-scrambled by the
                                     * seed, through the inverse normal distribution; inputs beyond
                                     * the first 64 use it again with another scramble and order.
                                     * For few inputs; fewer rows than inputs can do worse than
                                     * GAUSSIAN, by up to a quarter of the error */
    SNNK_PROJECTION_FOLDED = 6   /* drawn for other inputs, then folded (snnk_map_fold): there is no
                                  * distribution to take a mean over any more. Never set in a
                                  * config, only read back; a = 1/sqrt(r), as it was */
} snnk_projection;

/* Name a kind of projection: "gaussian", "orthogonal", "given", "hd3", "simplex", "sobol",
 * "folded".
 *   projection  an snnk_projection
 * Returns a static string, or NULL for a value that is none. */
SNNK_API const char *snnk_projection_name(int32_t projection);

#ifdef __cplusplus
}
#endif

#endif
