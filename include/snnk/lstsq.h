/* Least squares from statistics: rows stream in, and the solution comes out in closed form.
 *
 *     (B, b) = argmin  sum_i w_i |B phi_i + b - y_i|^2 + ridge |B|^2
 *
 * with m features phi_i, t targets y_i and weights w_i (1 unless given). The intercept b is not
 * penalised. The statistics take m^2 + O(m t) doubles, for any number of rows:
 *
 *     snnk_lstsq *lstsq;
 *     snnk_lstsq_create(m, t, NULL, &lstsq);
 *     snnk_lstsq_add(lstsq, SNNK_ROWS(.n = n, .X = Phi, .Y = Y), NULL);
 *     snnk_lstsq_solve(lstsq, NULL, B, m, b, NULL);
 *     snnk_lstsq_free(lstsq);
 *
 * More rows can be added after a solution. Statistics of different rows can be merged, and rows can
 * be removed again. <snnk/fit.h> does all of this for the features of a map or a network.
 * docs/solving.md helps to choose; docs/numerics.md says how exact it is. */
#ifndef SNNK_LSTSQ_H
#define SNNK_LSTSQ_H

#include <snnk/rows.h>
#include <snnk/workspace.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_lstsq snnk_lstsq;

/* ---- Creating ---- */

/* Create statistics of no rows.
 *   features   m >= 1
 *   targets    t >= 1
 *   allocator  NULL for malloc
 *   lstsq      out
 * Memory: 8 m^2 bytes, and 384 rows in double. SNNK_E_NULL, SNNK_E_SHAPE (zero width), SNNK_E_SIZE,
 * SNNK_E_NOMEM. */
SNNK_API int snnk_lstsq_create(size_t features, size_t targets, const snnk_allocator *allocator,
                               snnk_lstsq **lstsq);

/* Free statistics. NULL is fine. */
SNNK_API void snnk_lstsq_free(snnk_lstsq *lstsq);

/* How the numbers of rows are multiplied. Values never change. */
typedef enum snnk_precision {
    SNNK_PRECISION_DOUBLE = 0, /* in double: relative error 1e-15 */
    SNNK_PRECISION_SINGLE = 1  /* in float within 384 rows: half the time, relative error 2e-7. Use
                                * it with a ridge above that share of the largest eigenvalue */
} snnk_precision;

/* What rows are summed into. Values never change. */
typedef enum snnk_factorization {
    SNNK_FACTORIZATION_GRAM = 0, /* second moments: the fastest. Digits are lost if the condition
                                  * number of the rows, of features of one length, exceeds 1e7 */
    SNNK_FACTORIZATION_QR = 1,   /* a triangular factor of them: for condition numbers up to 1e14,
                                  * in 4 times the time. Always in double */
    SNNK_FACTORIZATION_AUTO = 2  /* QR for the first 2 m rows; then GRAM if the condition number is
                                  * below 1e6, else QR */
} snnk_factorization;

/* Get the name of a precision, "double" or "single", or of a factorization, "gram", "qr" or "auto".
 * Static; NULL for a value that is not one. */
SNNK_API const char *snnk_precision_name(int32_t value);
SNNK_API const char *snnk_factorization_name(int32_t value);

/* Set the precision of the rows that are added from now on.
 *   precision  an snnk_precision; DOUBLE at first
 * SNNK_E_NULL, SNNK_E_ENUM. */
SNNK_API int snnk_lstsq_set_precision(snnk_lstsq *lstsq, int32_t precision);

/* Set the factorization, before the first row is added.
 *   factorization  an snnk_factorization; GRAM at first. QR and AUTO take 8 (m + t) max(m, 512)
 *                  bytes more, which AUTO frees when it changes to GRAM. Their rows are added by
 *                  LAPACK, whose own threads are used, not the workspace's
 * SNNK_E_NULL, SNNK_E_ENUM, SNNK_E_STATE (there are rows), SNNK_E_SIZE, SNNK_E_NOMEM. */
SNNK_API int snnk_lstsq_set_factorization(snnk_lstsq *lstsq, int32_t factorization);

/* Get properties. For NULL: 0, DOUBLE and GRAM. */
SNNK_API size_t snnk_lstsq_features(const snnk_lstsq *lstsq);   /* m */
SNNK_API size_t snnk_lstsq_targets(const snnk_lstsq *lstsq);    /* t */
SNNK_API uint64_t snnk_lstsq_rows(const snnk_lstsq *lstsq);     /* added, minus forgotten */
SNNK_API double snnk_lstsq_weight(const snnk_lstsq *lstsq);     /* the sum of their weights */
SNNK_API int32_t snnk_lstsq_precision(const snnk_lstsq *lstsq); /* an snnk_precision */

/* Get the factorization: AUTO until that has chosen. GRAM for NULL. */
SNNK_API int32_t snnk_lstsq_factorization(const snnk_lstsq *lstsq);

/* ---- Rows in and out ---- */

/* Add rows: features X (n x m) with targets Y (n x t) or labels (0 ... t - 1). The target vector of
 * a label is 1 at the label and 0 elsewhere. O(n m (m + 2 t)).
 *   lstsq      the statistics
 *   rows       the rows; see <snnk/rows.h>. Doubles are rounded to float
 *   workspace  its threads share the work, with the same bits for every number of threads; NULL for
 *              one thread
 * To balance classes, give each row of a class the weight 1/(rows of that class). SNNK_E_NULL,
 * SNNK_E_CONFIG, SNNK_E_SHAPE, SNNK_E_STRIDE, SNNK_E_RANGE (a label or weight), SNNK_E_NONFINITE
 * (names row and column), SNNK_E_SIZE, SNNK_E_NOMEM; nothing was added then. */
SNNK_API int snnk_lstsq_add(snnk_lstsq *lstsq, const snnk_rows *rows, snnk_workspace *workspace);

/* Remove rows, as if they had never been added: exact unlearning, to the rounding of the sums.
 * Order and batches do not matter. O(m^3) beside the cost of adding the rows.
 *   lstsq      the statistics
 *   rows       the rows as they were added
 *   workspace  as in snnk_lstsq_add
 * SNNK_E_STATE (not all of these rows were added; nothing was removed), SNNK_E_NOMEM, else statuses
 * of snnk_lstsq_add. Not every wrong row can be detected; docs/numerics.md has the limits. */
SNNK_API int snnk_lstsq_forget(snnk_lstsq *lstsq, const snnk_rows *rows, snnk_workspace *workspace);

/* Append targets that are 0 on all rows so far: a new class, without the old rows. The same as if
 * they had been there from the start.
 *   count  how many, >= 1
 * SNNK_E_NULL, SNNK_E_SHAPE (count = 0), SNNK_E_SIZE, SNNK_E_NOMEM. */
SNNK_API int snnk_lstsq_add_targets(snnk_lstsq *lstsq, size_t count);

/* Add all rows of other statistics, as if they had been added here, to rounding.
 *   lstsq  the statistics that grow
 *   other  with the same features and targets; not changed
 * Moments (GRAM) can take in a factor (QR). A factor cannot take in moments (SNNK_E_UNSUPPORTED)
 * unless AUTO was asked for: then it becomes GRAM. SNNK_E_NULL, SNNK_E_SHAPE, SNNK_E_SIZE (the row
 * count overflows), SNNK_E_NOMEM (a factor into moments only). */
SNNK_API int snnk_lstsq_merge(snnk_lstsq *lstsq, const snnk_lstsq *other);

/* ---- Solving ---- */

/* A ridge in the configs of snnk_fit and snnk_distill: let the library choose it on held-out
 * rows. */
#define SNNK_RIDGE_AUTO (-1.0)

typedef struct snnk_solve_config {
    size_t size;           /* set by snnk_solve_config_init */
    double ridge;          /* lambda >= 0, finite. Default 0 */
    double rank_tolerance; /* directions with less than this share of the largest eigenvalue count
                            * as absent, 0 < tolerance < 1. 0 (default): 2.2e-16 max(m, 64), and the
                            * square of that for a factor */
    int32_t intercept;     /* 1 (default): fit b; 0: b = 0 */
    int32_t reserved;      /* 0 */
} snnk_solve_config;

/* Set every field to its default.
 *   config       the struct to fill
 *   config_size  sizeof *config, as the caller was compiled
 * SNNK_E_NULL, SNNK_E_CONFIG. */
SNNK_API int snnk_solve_config_init(snnk_solve_config *config, size_t config_size);

/* How a system was solved. Values never change. */
typedef enum snnk_solve_method {
    SNNK_SOLVE_CHOLESKY = 0,        /* full rank */
    SNNK_SOLVE_TRUNCATED_EIGEN = 1, /* singular to working precision: directions below the tolerance
                                     * were left out, and the solution is the shortest in the scaled
                                     * coordinates */
    SNNK_SOLVE_QR = 2,              /* full rank, by the triangular factor */
    SNNK_SOLVE_TRUNCATED_SVD = 3    /* as TRUNCATED_EIGEN, by singular values of the factor */
} snnk_solve_method;

/* Get the name of a method: "cholesky", "truncated-eigen", "qr" or "truncated-svd". Static; NULL
 * for a value that is not one. */
SNNK_API const char *snnk_solve_method_name(int32_t value);

/* What a solution reports. Set `size` to sizeof before the call. */
typedef struct snnk_solve_report {
    size_t size;
    double ridge;     /* the lambda used */
    double condition; /* estimated condition number of the system, its diagonal scaled to 1/2 ... 2;
                       * by a factor: of the factor, whose square is that of the system */
    double rss;       /* sum of squared residuals over all rows and targets, without the ridge term;
                       * as of snnk_lstsq_rss */
    uint64_t rows;    /* that it was fitted on */
    uint64_t rank;    /* directions used, of m */
    int32_t method;   /* an snnk_solve_method */
    int32_t reserved;
} snnk_solve_report;

/* Solve for B and b. More rows may be added afterwards.
 *   lstsq   the statistics; not const, because half of S serves as scratch. Their value does not
 *           change
 *   config  NULL for the defaults
 *   B       out: t x m, row stride ldb >= m
 *   b       out: t; may be NULL without an intercept
 *   report  NULL if not wanted
 * O(m^3/3 + t m^2); of a singular system O(9 m^3) and 3 m^2 doubles more. SNNK_E_NULL,
 * SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_OVERLAP, SNNK_E_CONFIG, SNNK_E_RANGE, SNNK_E_STATE (no rows),
 * SNNK_E_SINGULAR (rank 0: every feature is constant), SNNK_E_NONFINITE (the solution overflows),
 * SNNK_E_NOMEM. */
SNNK_API int snnk_lstsq_solve(snnk_lstsq *lstsq, const snnk_solve_config *config, double *B,
                              size_t ldb, double *b, snnk_solve_report *report);

/* ---- Scoring and choosing the ridge ---- */

/* Compute the sum of squared residuals of any solution on the rows of these statistics, without the
 * rows. From statistics of held-out rows this is the held-out error.
 *   B    t x m, row stride ldb >= m
 *   b    t; NULL for zeros
 *   rss  out: summed over rows (weighted) and targets
 * It is a difference of large numbers: precise to 1e-15 of sum_j (|B_j| sqrt(S_jj))^2 for rows in
 * double, and to 2e-7 of that for rows in single precision, which is often more than all of it.
 * SNNK_E_NULL, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_STATE (no rows), SNNK_E_NONFINITE (B, b, or the
 * sum), SNNK_E_NOMEM. */
SNNK_API int snnk_lstsq_rss(const snnk_lstsq *lstsq, const double *B, size_t ldb, const double *b,
                            double *rss);

/* Choose the ridge: solve `train` with each, and score each solution on `heldout`.
 *   train     statistics to solve
 *   heldout   statistics of other rows, with the same features and targets
 *   config    its ridge is ignored; NULL for the defaults
 *   n_ridges  >= 1; with the default grid >= 2
 *   ridges    n_ridges values; NULL for the grid of snnk_lstsq_default_ridges
 *   errors    out: held-out squared error of each, as a mean over rows, summed over targets.
 *             Infinite for a ridge without a solution. NULL if not wanted
 *   best      out: index of the least error
 * If no ridge has a solution, the status is that of the last one. SNNK_E_SHAPE, else statuses of
 * snnk_lstsq_solve. */
SNNK_API int snnk_lstsq_choose_ridge(snnk_lstsq *train, const snnk_lstsq *heldout,
                                     const snnk_solve_config *config, size_t n_ridges,
                                     const double *ridges, double *errors, size_t *best);

/* Make a grid of ridges, equally spaced in the logarithm. The last is the mean diagonal of S, the
 * mean squared length of a feature over all rows. The first is 1e-9 of that, with rows in single
 * precision 1e-6, of a factor 1e-15.
 *   n       >= 2
 *   ridges  out: n, rising
 * SNNK_E_NULL, SNNK_E_RANGE, SNNK_E_STATE (no rows, or only constant features). */
SNNK_API int snnk_lstsq_default_ridges(const snnk_lstsq *lstsq, size_t n, double *ridges);

/* ---- Saving and loading ---- */

/* Save statistics to a file, which is replaced at the end or stays as it was on failure. Load them:
 * they go on exactly where the saved ones stopped, in double precision until it is set again.
 *   path       of a safetensors file
 *   allocator  NULL for malloc
 *   lstsq      out of loading
 * Statuses of snnk_network_save and snnk_network_load. */
SNNK_API int snnk_lstsq_save(const snnk_lstsq *lstsq, const char *path);
SNNK_API int snnk_lstsq_load(const char *path, const snnk_allocator *allocator, snnk_lstsq **lstsq);

/* The same to and from memory.
 *   bytes   of snnk_lstsq_saved_bytes
 *   buffer  of that many bytes */
SNNK_API int snnk_lstsq_saved_bytes(const snnk_lstsq *lstsq, size_t *bytes);
SNNK_API int snnk_lstsq_save_memory(const snnk_lstsq *lstsq, void *buffer, size_t bytes);
SNNK_API int snnk_lstsq_load_memory(const void *buffer, size_t bytes,
                                    const snnk_allocator *allocator, snnk_lstsq **lstsq);

#ifdef __cplusplus
}
#endif

#endif
