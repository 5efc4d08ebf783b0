/* Multinomial logistic regression on fixed features, by Newton's method:
 *
 *     (B, b) = argmin  sum_i w_i (log sum_c exp(B_c.phi_i + b_c) - B_y.phi_i - b_y) + ridge/2 |B|^2
 *
 * where y is the label of row i: the cross-entropy of softmax(B phi + b), plus a ridge. It is
 * convex, and has one minimum.
 *
 *     snnk_logistic_solve(SNNK_ROWS(.n = n, .inputs = m, .X = Phi, .labels = labels), classes,
 *                         NULL, NULL, B, m, b, NULL);
 *
 * snnk_network_fit_logistic (<snnk/fit.h>) fits the last layer of a network in this way. Each
 * Newton system is solved by conjugate gradients, preconditioned with a bound on the Hessian: at
 * first that of Boehning 1992 for all probabilities, or with a warm start one for the probabilities
 * there; then, after steps that take many products, one for the probabilities of that step. A line
 * search follows, so no step increases the loss by more than rounding. Sums are in double. */
#ifndef SNNK_LOGISTIC_H
#define SNNK_LOGISTIC_H

#include <snnk/rows.h>
#include <snnk/workspace.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Settings of a solution. Fill with snnk_logistic_config_init, then change fields. */
typedef struct snnk_logistic_config {
    size_t size;       /* set by snnk_logistic_config_init */
    double ridge;      /* lambda > 0, finite. (Without it, separable classes would have no minimum.)
                        * Default 1 */
    double tolerance;  /* stop when the gradient is below this share of the gradient at B = 0, b = 0
                        * (in the norm of the preconditioner), 1e-12 ... 1. With a warm start, that
                        * is sqrt(2 (loss at 0 - loss at the start)), as for a quadratic function.
                        * Default 1e-6 */
    int32_t max_steps; /* the most Newton steps, 1 ... 1000. Default 50 */
    int32_t warm;      /* 1: start from the given B and b; 0 (default): from zeros */
    const snnk_allocator *allocator; /* NULL (default) for malloc */
} snnk_logistic_config;

/* Set every field to its default.
 *   config       out: the struct to fill
 *   config_size  sizeof *config, as the caller was compiled
 * SNNK_E_NULL, SNNK_E_CONFIG (a size this library does not know). */
SNNK_API int snnk_logistic_config_init(snnk_logistic_config *config, size_t config_size);

/* How a solution was found. Set `size`; the library fills the rest. */
typedef struct snnk_logistic_report {
    size_t size;       /* set by the caller: sizeof the struct */
    double loss;       /* mean cross-entropy of the rows, weighted, without the ridge term */
    double gradient;   /* size of the gradient, relative as in `tolerance` */
    uint64_t products; /* passes over the rows for products with the Hessian */
    int32_t steps;     /* Newton steps taken */
    int32_t converged; /* 1: to the tolerance. 0: max_steps were too few, or no step decreased the
                        * loss (rounding near the minimum, or a start far from it) */
} snnk_logistic_report;

/* Solve for B and b.
 *   rows       features X (n x m), n >= 1, with labels 0 ... t - 1, and weights if any. `inputs`
 *              must be set: it is m. Doubles are not rounded
 *   classes    t >= 2
 *   config     NULL for the defaults
 *   workspace  its progress function can cancel the call; NULL for none
 *   B          out: t x m, row stride ldb >= m. With config->warm also in: the start
 *   b          out: t numbers. With config->warm also in: the start
 *   report     out; NULL if not wanted
 * If it does not converge, the call still succeeds with the best B and b so far, and the report
 * says so. O(m^3/3 + n m^2) for each preconditioner (one, another for a warm start that is worse
 * than zeros, and at most one for each step), and O(n m t) for each product. Memory: m^2 + 3 n t +
 * 9 t m doubles, n floats, and 256 rows of features. SNNK_E_NULL, SNNK_E_SHAPE, SNNK_E_STRIDE,
 * SNNK_E_SIZE, SNNK_E_OVERLAP, SNNK_E_CONFIG, SNNK_E_RANGE (names the first label or weight that is
 * out of range), SNNK_E_NONFINITE (X; B or b with a warm start), SNNK_E_SINGULAR (the ridge is lost
 * in the rounding of large features), SNNK_E_NOMEM, SNNK_E_CANCELLED. On failure B and b are
 * unchanged. */
SNNK_API int snnk_logistic_solve(const snnk_rows *rows, size_t classes,
                                 const snnk_logistic_config *config, snnk_workspace *workspace,
                                 double *B, size_t ldb, double *b, snnk_logistic_report *report);

#ifdef __cplusplus
}
#endif

#endif
