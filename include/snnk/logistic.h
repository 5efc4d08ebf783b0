/* Multinomial logistic regression on fixed features, by Newton's method:
 *
 *     (B, b) = argmin  sum_i w_i (log sum_c exp(B_c.phi_i + b_c) - B_y.phi_i - b_y) + ridge/2
 *                      |B|^2,
 *
 * y = labels[i]: the cross-entropy of softmax(B phi + b). Convex: there is one minimum. Each step
 * solves the Newton system by conjugate gradients, whose products are passes over the rows,
 * preconditioned with the bound of Boehning 1992 on the Hessian, 1/2 I (x) sum w phi phi^T + ridge:
 * one factorisation for all steps; then a line search, so that no step raises the loss beyond
 * rounding. Sums in double. */
#ifndef SNNK_LOGISTIC_H
#define SNNK_LOGISTIC_H

#include <snnk/rows.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_logistic_config {
    size_t size;  /* set by snnk_logistic_config_init */
    double ridge; /* lambda > 0, finite: without one, classes that can be separated have no minimum.
                   * Default 1 */
    /* stop where the gradient is below this share of what it was at B = 0, b = 0 (in the norm of
     * the preconditioner), 1e-12 ... 1. Default 1e-6 */
    double tolerance;
    int32_t max_steps;               /* Newton steps, 1 ... 1000. Default 50 */
    int32_t warm;                    /* 1: start from B and b as given. Default 0 */
    const snnk_allocator *allocator; /* NULL for malloc */
} snnk_logistic_config;

/* How a solution was found. Set `size` to sizeof before the call. */
typedef struct snnk_logistic_report {
    size_t size;
    /* mean cross-entropy: the sum over rows, over the sum of weights, without the ridge term */
    double loss;
    double gradient;   /* relative, see tolerance */
    uint64_t products; /* passes over the rows for products with the Hessian */
    int32_t steps;     /* Newton steps taken */
    /* 1; 0: max_steps were not enough, or no step along the direction lowered the loss: next to the
     * minimum by rounding, far from it for a start out of all proportion */
    int32_t converged;
} snnk_logistic_report;

SNNK_API int snnk_logistic_config_init(snnk_logistic_config *config, size_t config_size);

/* Solve for B and b.
 *   rows      features X (n x m), n >= 1, with labels 0 ... t - 1, and weights if any. `inputs`
 *             must be set: it is m
 *   classes   t >= 2
 *   config    NULL for the defaults
 *   B         out: t x m, row stride ldb >= m
 *   b         out: t
 *   report    NULL: not wanted
 * Not converging is no failure: B and b are the best so far, and the report says so. Memory: m^2, 3
 * n t and 9 t m doubles, and 256 rows of features. O(m^3/3 + n m^2) once, and O(n m t) a product.
 * SNNK_E_NULL, SNNK_E_SHAPE, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_OVERLAP, SNNK_E_CONFIG,
 * SNNK_E_RANGE (names the first label or weight that is out of range), SNNK_E_NONFINITE (X; B or b
 * with a warm start), SNNK_E_SINGULAR (the ridge is lost in the rounding of large features),
 * SNNK_E_NOMEM: B and b are as before. */
SNNK_API int snnk_logistic_solve(const snnk_rows *rows, size_t classes,
                                 const snnk_logistic_config *config, double *B, size_t ldb,
                                 double *b, snnk_logistic_report *report);

#ifdef __cplusplus
}
#endif

#endif
