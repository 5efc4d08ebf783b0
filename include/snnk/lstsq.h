/* Least squares from statistics: rows stream in, and the solution comes out in closed form.
 *
 *     (B, b) = argmin  sum_i w_i |B phi_i + b - y_i|^2 + ridge |B|^2
 *
 * with m features phi_i, t targets y_i and weights w_i (1 unless given). The intercept b is not
 * penalized. The statistics take m^2 + O(m t) doubles, for any number of rows:
 *
 *     snnk_lstsq *lstsq;
 *     snnk_lstsq_create(m, t, NULL, &lstsq);
 *     snnk_lstsq_add(lstsq, SNNK_ROWS(.n = n, .X = Phi, .Y = Y), NULL);
 *     snnk_lstsq_solve(lstsq, NULL, NULL, B, m, b, NULL);
 *     snnk_lstsq_free(lstsq);
 *
 * More rows can be added after a solution. Statistics of different rows can be merged, and rows can
 * be removed again. To fit features of a map or a network, use <snnk/fit.h>, which computes the
 * features and chooses the ridge. docs/solving.md helps to choose; docs/numerics.md says how exact
 * the results are. */
#ifndef SNNK_LSTSQ_H
#define SNNK_LSTSQ_H

#include <snnk/rows.h>
#include <snnk/workspace.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_lstsq snnk_lstsq;

/* ---- Settings ---- */

/* How the numbers of rows are multiplied. Values never change. */
typedef enum snnk_precision {
    SNNK_PRECISION_DOUBLE = 0, /* in double: relative error 1e-15 */
    SNNK_PRECISION_SINGLE = 1  /* in float within blocks of 384 rows: half the time, relative error
                                * 2e-7, but up to 1e-5 for features of few different values. Use it
                                * with a ridge above that share of the largest eigenvalue */
} snnk_precision;

/* What rows are summed into. Values never change. */
typedef enum snnk_factorization {
    SNNK_FACTORIZATION_GRAM = 0, /* second moments (the Gram matrix): fastest. For condition numbers
                                  * of the rows up to 1e7, after scaling features to one length */
    SNNK_FACTORIZATION_QR = 1,   /* a triangular factor of the moments: for condition numbers up to
                                  * 1e14, in 3 to 4 times the time. Always in double */
    SNNK_FACTORIZATION_AUTO = 2  /* QR for the first 2 m rows; then GRAM if their condition number
                                  * is below 1e6, else QR */
} snnk_factorization;

/* How a system was solved. Values never change. */
typedef enum snnk_solve_method {
    SNNK_SOLVE_CHOLESKY = 0,        /* full rank */
    SNNK_SOLVE_TRUNCATED_EIGEN = 1, /* singular to working precision: directions below the tolerance
                                     * were left out, and of the solutions that remain, the one of
                                     * least norm was taken, after scaling features to one length */
    SNNK_SOLVE_QR = 2,              /* full rank, by the triangular factor */
    SNNK_SOLVE_TRUNCATED_SVD = 3,   /* as TRUNCATED_EIGEN, by singular values of the triangular
                                     * factor */
    SNNK_SOLVE_DUAL = 4             /* by inner products of rows, which are fewer than features */
} snnk_solve_method;

/* Get the name of a precision: "double", "single"; of a factorization: "gram", "qr", "auto"; of a
 * method: "cholesky", "truncated-eigen", "qr", "truncated-svd", "dual". Static; NULL for an unknown
 * value. */
SNNK_API const char *snnk_precision_name(int32_t value);
SNNK_API const char *snnk_factorization_name(int32_t value);
SNNK_API const char *snnk_solve_method_name(int32_t value);

/* A value of `ridge` in snnk_fit_config and snnk_distill_config: the library chooses the ridge on
 * held-out rows. Not for snnk_solve_config. */
#define SNNK_RIDGE_AUTO (-1.0)

/* Settings of a solution. Fill with snnk_solve_config_init, then change fields. */
typedef struct snnk_solve_config {
    size_t size;           /* set by snnk_solve_config_init */
    double ridge;          /* lambda >= 0, finite. Default 0 */
    double rank_tolerance; /* directions with less than this share of the largest eigenvalue are
                            * left out, 0 < tolerance < 1. 0 (default): 2.2e-16 max(m, 64), and the
                            * square of that for a triangular factor */
    int32_t intercept;     /* 1 (default): fit b; 0: b = 0 */
    int32_t reserved;      /* 0 */
} snnk_solve_config;

/* Set every field to its default.
 *   config       out: the struct to fill
 *   config_size  sizeof *config, as the caller was compiled
 * SNNK_E_NULL, SNNK_E_CONFIG (a size this library does not know). */
SNNK_API int snnk_solve_config_init(snnk_solve_config *config, size_t config_size);

/* How a system was solved. Set `size`; the library fills the rest. */
typedef struct snnk_solve_report {
    size_t size;      /* set by the caller: sizeof the struct */
    double ridge;     /* the lambda used */
    double condition; /* estimated condition number of the system, after scaling its diagonal to 1/2
                       * ... 2. With QR: of the triangular factor; the system's is its square */
    double rss;       /* sum of squared residuals over all rows and targets, without the ridge term,
                       * as snnk_lstsq_rss computes it */
    uint64_t rows;    /* rows that the statistics contain */
    uint64_t rank;    /* directions used, at most m */
    int32_t method;   /* an snnk_solve_method */
    int32_t reserved;
} snnk_solve_report;

/* ---- Creating ---- */

/* Create statistics of no rows.
 *   features   m >= 1
 *   targets    t >= 1
 *   allocator  NULL for malloc
 *   lstsq      out: release with snnk_lstsq_free
 * Memory: 8 m^2 bytes, and 384 rows in double. SNNK_E_NULL, SNNK_E_SHAPE (0 features or targets),
 * SNNK_E_SIZE, SNNK_E_NOMEM. */
SNNK_API int snnk_lstsq_create(size_t features, size_t targets, const snnk_allocator *allocator,
                               snnk_lstsq **lstsq);

/* Free statistics. NULL is fine. */
SNNK_API void snnk_lstsq_free(snnk_lstsq *lstsq);

/* Get properties. For NULL: 0, DOUBLE and GRAM. */
SNNK_API size_t snnk_lstsq_features(const snnk_lstsq *lstsq);   /* m */
SNNK_API size_t snnk_lstsq_targets(const snnk_lstsq *lstsq);    /* t */
SNNK_API uint64_t snnk_lstsq_rows(const snnk_lstsq *lstsq);     /* added, minus forgotten */
SNNK_API double snnk_lstsq_weight(const snnk_lstsq *lstsq);     /* the sum of their weights */
SNNK_API int32_t snnk_lstsq_precision(const snnk_lstsq *lstsq); /* an snnk_precision */

/* Get the factorization. If AUTO was set: AUTO until it has chosen, then the choice. */
SNNK_API int32_t snnk_lstsq_factorization(const snnk_lstsq *lstsq);

/* Set the precision of the sums over rows that are added from now on.
 *   precision  an snnk_precision. Statistics begin with DOUBLE
 * SNNK_E_NULL, SNNK_E_ENUM. */
SNNK_API int snnk_lstsq_set_precision(snnk_lstsq *lstsq, int32_t precision);

/* Set the factorization, before the first row is added.
 *   factorization  an snnk_factorization. Statistics begin with GRAM. QR and AUTO take 8 (m + t)
 *                  max(m, 512) bytes more, which AUTO frees when it changes to GRAM. LAPACK adds
 *                  their rows, on its own threads instead of the workspace's
 * SNNK_E_NULL, SNNK_E_ENUM, SNNK_E_STATE (there are rows), SNNK_E_SIZE, SNNK_E_NOMEM. */
SNNK_API int snnk_lstsq_set_factorization(snnk_lstsq *lstsq, int32_t factorization);

/* ---- Rows in and out ---- */

/* Add rows. O(n m (m + 2 t)). The results have the same bits for every number of threads.
 *   rows       features X (n x m) with targets Y (n x t) or labels 0 ... t - 1, and weights if any.
 *              A label stands for targets that are 1 at the label and 0 elsewhere. Doubles are
 *              not rounded
 *   workspace  NULL for one thread
 * To balance classes, give each row of a class the weight 1/(rows of that class). SNNK_E_NULL,
 * SNNK_E_CONFIG, SNNK_E_SHAPE, SNNK_E_STRIDE, SNNK_E_RANGE (a label or weight), SNNK_E_NONFINITE
 * (names row and column), SNNK_E_SIZE. Allocates nothing. On failure nothing was added. */
SNNK_API int snnk_lstsq_add(snnk_lstsq *lstsq, const snnk_rows *rows, snnk_workspace *workspace);

/* Remove rows, as if they had never been added: exact unlearning, to the rounding of the sums. They
 * may be removed in another order and in other batches. Costs as much as adding them, and O(m^3).
 *   rows       the rows as they were added
 *   workspace  NULL for one thread. Its progress function can cancel the call
 * SNNK_E_STATE (not all of these rows can have been added), SNNK_E_RANGE (also: the removed rows
 * were so large that of a feature of the others only rounding errors are left), SNNK_E_NOMEM,
 * SNNK_E_CANCELLED, else statuses of snnk_lstsq_add. On failure nothing was removed. Not every
 * wrong row can be detected: docs/numerics.md has the limits. */
SNNK_API int snnk_lstsq_forget(snnk_lstsq *lstsq, const snnk_rows *rows, snnk_workspace *workspace);

/* Append targets that are 0 on all rows so far, for example for a new class. The result is the same
 * as if they had been there from the start.
 *   count  how many, >= 1
 * SNNK_E_NULL, SNNK_E_SHAPE (count = 0), SNNK_E_SIZE, SNNK_E_NOMEM. */
SNNK_API int snnk_lstsq_add_targets(snnk_lstsq *lstsq, size_t count);

/* Add all rows of other statistics. The result is the same as if they had been added here, to
 * rounding.
 *   lstsq  the statistics that get the rows
 *   other  with the same numbers of features and targets; unchanged
 * GRAM statistics can merge QR ones. QR statistics cannot merge GRAM ones (SNNK_E_UNSUPPORTED),
 * unless AUTO was set: then they become GRAM. SNNK_E_NULL, SNNK_E_SHAPE, SNNK_E_SIZE (the row count
 * overflows), SNNK_E_NOMEM. */
SNNK_API int snnk_lstsq_merge(snnk_lstsq *lstsq, const snnk_lstsq *other);

/* ---- Solving ---- */

/* Solve for B and b. More rows may be added afterwards. If there are many solutions (fewer rows
 * than features, say), B is the shortest, which is the limit for small ridges. O(m^3/3 + t m^2);
 * for a singular system O(9 m^3), and 3 m^2 doubles more.
 *   lstsq      not const, because the call uses its memory as scratch; the statistics do not change
 *   config     NULL for the defaults
 *   workspace  its progress function can cancel the call; NULL for none
 *   B          out: t x m, row stride ldb >= m
 *   b          out: t numbers; may be NULL without an intercept
 *   report     out; NULL if not wanted
 * SNNK_E_NULL, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_OVERLAP, SNNK_E_CONFIG, SNNK_E_RANGE,
 * SNNK_E_STATE (no rows), SNNK_E_SINGULAR (rank 0: every feature is constant), SNNK_E_NONFINITE
 * (the solution overflows), SNNK_E_NOMEM, SNNK_E_CANCELLED. */
SNNK_API int snnk_lstsq_solve(snnk_lstsq *lstsq, const snnk_solve_config *config,
                              snnk_workspace *workspace, double *B, size_t ldb, double *b,
                              snnk_solve_report *report);

/* ---- Scoring and choosing the ridge ---- */

/* Compute the sum of squared residuals of any solution on the rows that the statistics contain.
 * With statistics of held-out rows this is the held-out error.
 *   B    t x m, row stride ldb >= m
 *   b    t numbers; NULL for zeros
 *   rss  out: sum over rows (weighted) and targets
 * It is a difference of large numbers. Its rounding error is 1e-15 of sum_j (|B_j| sqrt(S_jj))^2
 * for rows added in double precision, and 2e-7 to 1e-5 of it in single precision, often more than
 * the result. SNNK_E_NULL, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_STATE (no rows), SNNK_E_NONFINITE
 * (B, b, or the sum), SNNK_E_NOMEM. */
SNNK_API int snnk_lstsq_rss(const snnk_lstsq *lstsq, const double *B, size_t ldb, const double *b,
                            double *rss);

/* Choose the ridge: solve `train` with each of several ridges, and score the solutions on
 * `heldout`.
 *   train     statistics to solve
 *   heldout   statistics of other rows, with the same features and targets
 *   config    its ridge is ignored; NULL for the defaults
 *   n_ridges  >= 1; with the default grid >= 2
 *   ridges    n_ridges values; NULL for the grid of snnk_lstsq_default_ridges
 *   workspace its progress function can cancel the call; NULL for none
 *   errors    out: n_ridges values, the squared error of each ridge on the held-out rows, as a mean
 *             over rows, summed over targets. Infinite for a ridge without a solution. NULL if not
 *             wanted
 *   best      out: index of the smallest error
 * If no ridge has a solution, the status is that of the last one. SNNK_E_SHAPE, else statuses of
 * snnk_lstsq_solve. */
SNNK_API int snnk_lstsq_choose_ridge(snnk_lstsq *train, const snnk_lstsq *heldout,
                                     const snnk_solve_config *config, size_t n_ridges,
                                     const double *ridges, snnk_workspace *workspace,
                                     double *errors, size_t *best);

/* Compute a grid of ridges for snnk_lstsq_choose_ridge, equally spaced in the logarithm. The last
 * is the mean diagonal of the moments S. The first is 1e-9 of that; 1e-6 of it if rows were added
 * in single precision, 1e-15 of it with QR.
 *   n       >= 2
 *   ridges  out: n values, in increasing order
 * SNNK_E_NULL, SNNK_E_RANGE, SNNK_E_STATE (no rows, or only constant features). */
SNNK_API int snnk_lstsq_default_ridges(const snnk_lstsq *lstsq, size_t n, double *ridges);

/* ---- Saving and loading ---- */

/* Save statistics.
 *   path  of a safetensors file. An existing file is replaced when the new one is complete
 * Statuses of snnk_network_save. */
SNNK_API int snnk_lstsq_save(const snnk_lstsq *lstsq, const char *path);

/* Load statistics. They continue where the saved ones stopped, with the same bits. Their precision
 * is DOUBLE until it is set again.
 *   allocator  NULL for malloc
 *   lstsq      out: release with snnk_lstsq_free
 * Statuses of snnk_network_load. */
SNNK_API int snnk_lstsq_load(const char *path, const snnk_allocator *allocator, snnk_lstsq **lstsq);

/* Get the number of bytes that snnk_lstsq_save_memory writes now.
 *   bytes  out
 * Statuses of snnk_network_saved_bytes. */
SNNK_API int snnk_lstsq_saved_bytes(const snnk_lstsq *lstsq, size_t *bytes);

/* Save statistics to memory, as a file would contain them.
 *   buffer  out
 *   bytes   the size of the buffer, as snnk_lstsq_saved_bytes gave it
 * Statuses of snnk_network_save_memory. */
SNNK_API int snnk_lstsq_save_memory(const snnk_lstsq *lstsq, void *buffer, size_t bytes);

/* Load statistics from memory; as snnk_lstsq_load.
 *   buffer  bytes bytes, the contents of a file; not needed after the call
 * Statuses of snnk_network_load_memory. */
SNNK_API int snnk_lstsq_load_memory(const void *buffer, size_t bytes,
                                    const snnk_allocator *allocator, snnk_lstsq **lstsq);

#ifdef __cplusplus
}
#endif

#endif
