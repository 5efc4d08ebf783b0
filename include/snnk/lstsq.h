/* Least squares from sufficient statistics: rows stream in, the solution comes out in closed form.
 *
 *     (B, b) = argmin  sum_i |B phi_i + b - y_i|^2 + ridge |B|^2
 *
 * phi_i: m features, y_i: t targets. Kept are the row count and weight, the means, and the centred
 * second moments S = sum (phi - mean)(phi - mean)^T and its companions for phi y and y^2, in
 * double: m^2 + O(m t) numbers, however many rows. Batches are centred on their own mean and merged
 * by the pairwise rule of Chan, Golub & LeVeque 1979, so a large mean costs no digits. The
 * intercept b is not penalised. Rows can have weights, can be forgotten again, and can go into a
 * triangular factor instead of S where its condition number asks for that. */
#ifndef SNNK_LSTSQ_H
#define SNNK_LSTSQ_H

#include <snnk/rows.h>
#include <snnk/workspace.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_lstsq snnk_lstsq;

/* ---- Collecting ---- */

/* How rows are multiplied. Values never change. */
typedef enum snnk_precision {
    SNNK_PRECISION_DOUBLE = 0, /* products and sums in double: S is off by about 1e-15 of its
                                * diagonal */
    SNNK_PRECISION_SINGLE = 1  /* products in float, summed in float over 384 rows and in double
                                * over those: half the time, and S is off by about 2e-7 of its
                                * diagonal. Directions whose eigenvalue is below that share of the
                                * largest are noise: use it with a ridge above that. Columns that
                                * vary by less than 1e-18 lose more, below 1e-22 all. A call with
                                * a value of 2^58 = 2.9e17 or more, and rows after means as large,
                                * are summed in double */
} snnk_precision;

/* Empty statistics for m = `features` features and t = `targets` targets. Memory: 8 m^2 bytes and
 * 384 rows in double. SNNK_E_NULL, SNNK_E_SHAPE (zero width), SNNK_E_SIZE,
 * SNNK_E_NOMEM. */
SNNK_API int snnk_lstsq_create(size_t features, size_t targets, const snnk_allocator *allocator,
                               snnk_lstsq **lstsq);

/* Free it. NULL is fine. */
SNNK_API void snnk_lstsq_free(snnk_lstsq *lstsq);

/* For the rows added from now on: a snnk_precision, DOUBLE at first. SNNK_E_NULL, SNNK_E_ENUM. */
SNNK_API int snnk_lstsq_set_precision(snnk_lstsq *lstsq, int32_t precision);

/* What rows are summed into. Values never change. */
typedef enum snnk_factorization {
    SNNK_FACTORIZATION_GRAM =
        0, /* the moments S. Their condition number is the square of that of the rows:
                          * beyond 1e7 of those (columns brought to one length) digits are gone */
    SNNK_FACTORIZATION_QR =
        1, /* their triangular factor L, S = L L^T, by Householder transformations of
                          * the rows: up to 1e14, for 4 times the time. Always in double */
    SNNK_FACTORIZATION_AUTO =
        2 /* QR for the first 2 m rows; then, if their condition number is below 1e6,
                          * GRAM from there on (constant columns do not count), else QR. A solution
                          * asked for before comes from the factor, and decides nothing */
} snnk_factorization;

/* Choose before the first row; GRAM at first. The others take 8 (m + t) max(m, 512) bytes more,
 * which AUTO gives back when it turns to GRAM. The workspace's threads do not help with the factor:
 * LAPACK's own do. SNNK_E_NULL, SNNK_E_ENUM, SNNK_E_STATE (there are rows), SNNK_E_SIZE,
 * SNNK_E_NOMEM. */
SNNK_API int snnk_lstsq_set_factorization(snnk_lstsq *lstsq, int32_t factorization);

/* The route as it stands: AUTO until that has chosen. GRAM for NULL. */
SNNK_API int32_t snnk_lstsq_factorization(const snnk_lstsq *lstsq);

SNNK_API size_t snnk_lstsq_features(const snnk_lstsq *lstsq); /* m; 0 for NULL */
SNNK_API size_t snnk_lstsq_targets(const snnk_lstsq *lstsq);  /* t; 0 for NULL */
SNNK_API uint64_t snnk_lstsq_rows(const snnk_lstsq *lstsq);   /* rows added, less those forgotten;
                                                               * 0 for NULL */
SNNK_API double snnk_lstsq_weight(const snnk_lstsq *lstsq);   /* w: the sum of their weights */

/* Add rows: features X (n x m) with targets Y (n x t) or labels (0 ... t - 1; the target vector of
 * a row is 1 at its label and 0 elsewhere), and weights if any. O(n m (m + 2 t)).
 *   lstsq       the statistics
 *   rows        the rows; see <snnk/rows.h>. n = 0 does nothing
 *   workspace   its threads share the work, with the same bits for every number of them; NULL: this
 *               thread alone
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_SHAPE, SNNK_E_STRIDE, SNNK_E_RANGE (a label or weight),
 * SNNK_E_NONFINITE (names row and column), SNNK_E_SIZE, SNNK_E_NOMEM: nothing was added. */
SNNK_API int snnk_lstsq_add(snnk_lstsq *lstsq, const snnk_rows *rows, snnk_workspace *workspace);

/* Remove rows, as if they had never been added: exact unlearning, up to the rounding of the sums.
 * Their order and batches do not matter. docs/numerics.md says what is checked, and how exact it
 * is.
 *   lstsq       the statistics
 *   rows        the rows, as they were when they were added
 *   workspace   as in snnk_lstsq_add
 * SNNK_E_STATE: these rows cannot all have been added, and nothing was forgotten. SNNK_E_NOMEM.
 * Else statuses of snnk_lstsq_add. */
SNNK_API int snnk_lstsq_forget(snnk_lstsq *lstsq, const snnk_rows *rows, snnk_workspace *workspace);

/* `count` targets more, at the end, that are 0 on all rows so far: a new class, without the old
 * data. The same as if there had been so many from the start. SNNK_E_NULL, SNNK_E_SHAPE (count =
 * 0), SNNK_E_SIZE, SNNK_E_NOMEM. */
SNNK_API int snnk_lstsq_add_targets(snnk_lstsq *lstsq, size_t count);

/* Add all rows of `other`, which must have the same m and t: as if they had been added here (to
 * rounding). Moments can take in a factor, not the other way round (SNNK_E_UNSUPPORTED); where
 * AUTO was asked for, a factor takes in moments by becoming GRAM, whatever had been chosen.
 * SNNK_E_NULL, SNNK_E_SHAPE, SNNK_E_SIZE (row counts overflow), SNNK_E_NOMEM (a factor into moments
 * only). */
SNNK_API int snnk_lstsq_merge(snnk_lstsq *lstsq, const snnk_lstsq *other);

/* ---- Solving ---- */

/* A ridge in the configs of snnk_fit and snnk_distill: let the library choose lambda on held-out
 * rows. */
#define SNNK_RIDGE_AUTO (-1.0)

typedef struct snnk_solve_config {
    size_t size;           /* set by snnk_solve_config_init */
    double ridge;          /* lambda >= 0, finite. Default 0 */
    double rank_tolerance; /* directions with less than this share of the largest eigenvalue count
                            * as absent; 0 (default) means 2.2e-16 times m or 64, whichever is
                            * larger, for a factor the square of that; else 0 < tolerance < 1 */
    int32_t intercept;     /* 1 (default): fit b; 0: b = 0 */
    int32_t reserved;      /* 0 */
} snnk_solve_config;

/* Fill *config with the defaults. SNNK_E_NULL, SNNK_E_CONFIG. */
SNNK_API int snnk_solve_config_init(snnk_solve_config *config, size_t config_size);

/* How a system was solved. */
typedef enum snnk_solve_method {
    SNNK_SOLVE_CHOLESKY = 0, /* full rank */
    SNNK_SOLVE_TRUNCATED_EIGEN =
        1, /* singular or indefinite to working precision: directions below the tolerance were
            * left out, the solution is the shortest of the rest in the scaled coordinates */
    SNNK_SOLVE_QR = 2,           /* full rank, by the triangular factor */
    SNNK_SOLVE_TRUNCATED_SVD = 3 /* as truncated-eigen, by singular values of the factor */
} snnk_solve_method;

/* What a solution reports. Set `size` to sizeof before the call. */
typedef struct snnk_solve_report {
    size_t size;
    double ridge;     /* the lambda used */
    double condition; /* estimate of the condition number of the system solved, its diagonal scaled
                       * to 1/2 ... 2 by powers of two: in the 1-norm for Cholesky, largest over
                       * smallest kept eigenvalue for truncated-eigen; by a factor that of the
                       * factor, whose square would be the system's */
    double rss;       /* sum of squared residuals over all rows and targets, without the ridge term;
                       * see snnk_lstsq_rss */
    uint64_t rows;    /* rows it was fitted on */
    uint64_t rank;    /* directions used, of m */
    int32_t method;   /* snnk_solve_method */
    int32_t reserved;
} snnk_solve_report;

/* Solve for B (t x m, row stride ldb >= m) and b (t; may be NULL without an intercept). config:
 * NULL for the defaults. report: NULL if not wanted. The statistics stay: add more rows and solve
 * again. Not const: the unused triangle of S serves as scratch, so that Cholesky needs no second
 * m^2. O(m^3/3 + t m^2); the fall-back O(9 m^3) and 3 m^2 doubles. By a factor O(2 m^3/3), its
 * fall-back O(4 m^3), and m^2 doubles. SNNK_E_NULL, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_OVERLAP,
 * SNNK_E_CONFIG, SNNK_E_RANGE, SNNK_E_STATE (no rows), SNNK_E_SINGULAR (rank 0: every feature is
 * constant), SNNK_E_NONFINITE (the solution overflows), SNNK_E_NOMEM. */
SNNK_API int snnk_lstsq_solve(snnk_lstsq *lstsq, const snnk_solve_config *config, double *B,
                              size_t ldb, double *b, snnk_solve_report *report);

/* Sum of squared residuals of any solution (B, b; b NULL for zeros) on the rows in these
 * statistics, with no pass over data: from held-out statistics this is the held-out error. A
 * difference of large numbers: it is off by about e (sum_j |B_j| sqrt(S_jj))^2 for each target, e =
 * 1e-15 for rows in double and 2e-7 for rows in single precision, where that is often more than all
 * of it. Take double for statistics to judge by. 0 where rounding made it negative. From a factor
 * it is a sum of squares, and off by few units of its own rounding. SNNK_E_NULL, SNNK_E_STRIDE,
 * SNNK_E_SIZE, SNNK_E_STATE (no rows), SNNK_E_NONFINITE (B, b, or their squares overflow),
 * SNNK_E_NOMEM. */
SNNK_API int snnk_lstsq_rss(const snnk_lstsq *lstsq, const double *B, size_t ldb, const double *b,
                            double *rss);

/* Solve on `train` for each of n_ridges values of lambda, score each on `heldout`, and give the
 * index of the least held-out error. ridges: n_ridges values, or NULL for the default grid
 * snnk_lstsq_default_ridges makes. errors: n_ridges held-out mean squared errors a row of weight 1
 * (summed over targets), or NULL. config: its ridge is ignored. A lambda whose solution is
 * truncated-eigen is scored like the others; one without a solution (SNNK_E_SINGULAR,
 * SNNK_E_NONFINITE) scores infinity, and its status is returned only if no lambda has one. One
 * factorisation for each lambda. n_ridges >= 1, with the default grid >= 2. Statuses as
 * snnk_lstsq_solve, SNNK_E_SHAPE. */
SNNK_API int snnk_lstsq_choose_ridge(snnk_lstsq *train, const snnk_lstsq *heldout,
                                     const snnk_solve_config *config, size_t n_ridges,
                                     const double *ridges, double *errors, size_t *best);

/* A grid of n values of lambda, rising by equal factors from 1e-9 (with rows in single precision
 * 1e-6, of a factor 1e-15) to 1 times the mean diagonal of S (the mean squared length a feature has
 * over all rows). ridges: n. n >= 2. SNNK_E_NULL, SNNK_E_RANGE, SNNK_E_STATE (no rows, or only
 * constant features). */
SNNK_API int snnk_lstsq_default_ridges(const snnk_lstsq *lstsq, size_t n, double *ridges);

/* ---- Saving and loading ---- */

/* Save and load least-squares statistics: loaded ones go on exactly where the saved ones stopped,
 * with all that forgetting and default ridges depend on, in double precision until told otherwise.
 * Statuses as above. */
SNNK_API int snnk_lstsq_save(const snnk_lstsq *lstsq, const char *path);
SNNK_API int snnk_lstsq_load(const char *path, const snnk_allocator *allocator, snnk_lstsq **lstsq);

/* The same in memory, as of networks. */
SNNK_API int snnk_lstsq_saved_bytes(const snnk_lstsq *lstsq, size_t *bytes);
SNNK_API int snnk_lstsq_save_memory(const snnk_lstsq *lstsq, void *buffer, size_t bytes);
SNNK_API int snnk_lstsq_load_memory(const void *buffer, size_t bytes,
                                    const snnk_allocator *allocator, snnk_lstsq **lstsq);

#ifdef __cplusplus
}
#endif

#endif
