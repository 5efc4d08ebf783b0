/* Remove rows from statistics: by subtraction from moments, or by hyperbolic transformations of the
 * factor. The result is built in a copy and checked, then replaces the original. */
#include <float.h>
#include <math.h>
#include <string.h>

#include <cblas.h>
#include <lapacke.h>

#include "base/size.h"
#include "base/workspace.h"
#include "kernels/moments.h"
#include "solve/accumulate.h"
#include "solve/cholesky.h"
#include "solve/downdate.h"
#include "solve/lstsq.h"
#include "solve/qr.h"

/* Rows removed from the factor at a time: a block of 1000 columns fits the L2 cache, which the
 * reflections pass over once for each column. */
#define REMOVED_ROWS 64

/* ---- Rounding ---- */

/* Bounds on rounding errors, relative to the largest that each sum has been: removing rows does not
 * remove their errors. */
typedef struct rounding {
    double unit;       /* relative error of a sum of products */
    double mean_unit;  /* error of a mean, relative to mean and spread */
    const double *phi; /* m: the largest diagonal of S so far */
    const double *y;   /* t: the largest sums of squared targets so far */
    double weight;     /* the largest weight so far */
} rounding;

static uint64_t max_rows(const snnk_lstsq *lstsq) {
    return lstsq->rows > lstsq->max_rows ? lstsq->rows : lstsq->max_rows;
}

/* Relative error of a sum of n products in blocks: each block adds half an eps of the sum so far.
 * With random signs the errors grow with the root of n, and of m for the transformations of a
 * factor; 16 covers short sums. */
static double relative_rounding(const snnk_lstsq *lstsq) {
    return (16 + sqrt((double)max_rows(lstsq) + (double)lstsq->features)) * DBL_EPSILON;
}

/* Also stores the largest sums so far in `left`. */
static rounding find_rounding(const snnk_lstsq *lstsq, snnk_lstsq *left) {
    const double precise = relative_rounding(lstsq);
    const bool single = lstsq->single || left->single;

    for (size_t j = 0; j < lstsq->features; j++)
        left->max_phi[j] = fmax(lstsq->max_phi[j], snnk__lstsq_diagonal(lstsq, j));
    for (size_t k = 0; k < lstsq->targets; k++)
        left->max_y[k] = fmax(lstsq->max_y[k], snnk__lstsq_squares(lstsq, k));
    left->max_rows = max_rows(lstsq);
    left->max_weight = fmax(lstsq->max_weight, lstsq->weight);
    return (rounding){.unit = single ? SNNK__SINGLE_ROUNDING : precise,
                      .mean_unit = precise,
                      .phi = left->max_phi,
                      .y = left->max_y,
                      .weight = left->max_weight};
}

/* The error of a mean over rows of this weight. It comes from the sum over all rows ever added, so
 * even a constant column has one if rows with other values were removed. */
static double mean_noise(const rounding *r, double mean, double squares, double weight) {
    return r->mean_unit * (fabs(mean) + sqrt(squares / r->weight)) * (r->weight / weight);
}

/* The shift of the means when rows are added or removed: their difference times `scale`. */
typedef struct shift {
    double scale;  /* sqrt(b (a + b) / a), for the weights a that stays and b that is removed */
    double share;  /* b / a */
    double weight; /* a + b */
} shift;

static shift find_shift(double a, double b) {
    return (shift){.scale = sqrt(b / a * (a + b)), .share = b / a, .weight = a + b};
}

/* The error of the length of a column of the factor. */
static double length_noise(const rounding *r, const shift *s, double mean, double squares) {
    return r->unit * sqrt(squares) + s->scale * mean_noise(r, mean, squares, s->weight);
}

/* A column of sums: its mean before, and the largest that its squares have been. */
typedef struct column {
    double mean, squares;
} column;

/* The error of the sum of products of two columns: from the products and from the means, of the old
 * sums and of the new. */
static double product_noise(const rounding *r, const shift *s, column a, column b) {
    const double length_a = sqrt(a.squares), length_b = sqrt(b.squares);
    const double mean_a = s->scale * mean_noise(r, a.mean, a.squares, s->weight);
    const double mean_b = s->scale * mean_noise(r, b.mean, b.squares, s->weight);

    return 2 * (r->unit * length_a * length_b + length_a * mean_b + length_b * mean_a +
                mean_a * mean_b);
}

/* A diagonal entry that makes up for the rounding errors of a matrix of n such columns: the sum of
 * the errors of n entries. */
static double square_noise(const rounding *r, const shift *s, size_t n, double mean,
                           double squares) {
    const column c = {.mean = mean, .squares = squares};

    return (double)n * product_noise(r, s, c, c);
}

/* ---- Counts ---- */

static int refuse(void) {
    return snnk__fail(SNNK_E_STATE, "the remaining moments are not positive semidefinite: not all "
                                    "of these rows were added before");
}

/* Check that the statistics have at least these rows and this weight. */
static int check_amount(const snnk_lstsq *lstsq, const snnk_rows *rows) {
    const double weight = snnk__rows_weight(rows), left = lstsq->weight - weight;
    const double most = fmax(lstsq->max_weight, lstsq->weight);
    const double noise = relative_rounding(lstsq) * most;

    if (rows->n > lstsq->rows)
        return snnk__fail(SNNK_E_STATE, "cannot forget %zu rows: only %llu were added", rows->n,
                          (unsigned long long)lstsq->rows);
    if (rows->n < lstsq->rows ? left > noise : fabs(left) <= noise) return SNNK_OK;
    return snnk__fail(
        SNNK_E_STATE,
        "cannot forget rows of total weight %g: the %llu rows that were added weigh %g", weight,
        (unsigned long long)lstsq->rows, lstsq->weight);
}

/* ---- All rows ---- */

static bool near(double a, double b, double noise) { return fabs(a - b) <= noise; }

/* Two sets of sums that should be over the same rows. The means had the same errors before. */
typedef struct comparison {
    const snnk_lstsq *sums, *forgotten; /* moments of the same shape */
    rounding r;
    shift last;
} comparison;

static column feature(const comparison *c, size_t j) {
    return (column){.mean = c->sums->mean_phi[j], .squares = c->r.phi[j]};
}

static column target(const comparison *c, size_t k) {
    return (column){.mean = c->sums->mean_y[k], .squares = c->r.y[k]};
}

static bool near_mean(const comparison *c, column a, double other) {
    return near(a.mean, other, 2 * mean_noise(&c->r, a.mean, a.squares, c->last.weight));
}

/* Whether an entry of S, C or yy agrees. */
static bool near_product(const comparison *c, column a, column b, double x, double other) {
    return near(x, other, (double)c->sums->features * product_noise(&c->r, &c->last, a, b));
}

static bool same_feature(const comparison *c, size_t i) {
    const size_t m = c->sums->features;
    const double *row = c->sums->S + i * m, *other = c->forgotten->S + i * m;
    bool same = near_mean(c, feature(c, i), c->forgotten->mean_phi[i]);

    for (size_t j = 0; j <= i; j++)
        same &= near_product(c, feature(c, i), feature(c, j), row[j], other[j]);
    return same;
}

static bool same_target(const comparison *c, size_t k) {
    const size_t m = c->sums->features;
    const double *row = c->sums->C + k * m, *other = c->forgotten->C + k * m;
    bool same = near_mean(c, target(c, k), c->forgotten->mean_y[k]) &&
                near_product(c, target(c, k), target(c, k), c->sums->yy[k], c->forgotten->yy[k]);

    for (size_t j = 0; j < m; j++)
        same &= near_product(c, target(c, k), feature(c, j), row[j], other[j]);
    return same;
}

/* If all rows are to be removed, all sums must agree to rounding. sums, forgotten: moments of the
 * statistics and of the rows. */
static int check_all(const snnk_lstsq *sums, snnk_lstsq *forgotten) {
    comparison c = {.sums = sums, .forgotten = forgotten, .r = find_rounding(sums, forgotten)};
    bool same = true;

    c.last = (shift){.scale = sqrt(c.r.weight), .share = 0, .weight = sums->weight};
    for (size_t i = 0; i < sums->features; i++) same &= same_feature(&c, i);
    for (size_t k = 0; k < sums->targets; k++) same &= same_target(&c, k);
    if (same) return SNNK_OK;
    return snnk__fail(
        SNNK_E_STATE,
        "the %llu rows to forget are not the %llu that were added: the remaining sums are not zero",
        (unsigned long long)sums->rows, (unsigned long long)sums->rows);
}

/* forgotten: the moments of the rows; lstsq has the same number of rows. */
static int forget_all(snnk_lstsq *lstsq, snnk_lstsq *forgotten, snnk__progress *progress) {
    snnk_lstsq *moments = NULL;
    int st;

    if (lstsq->factorization == SNNK_FACTORIZATION_GRAM) {
        st = check_all(lstsq, forgotten);
    } else {
        st = snnk__lstsq_clone(lstsq, &lstsq->allocator, &moments);
        if (st != SNNK_OK) return st;
        st = snnk__qr_to_gram(moments, progress);
        if (st == SNNK_OK) st = check_all(moments, forgotten);
        snnk_lstsq_free(moments);
    }
    if (st == SNNK_OK) st = snnk__progress_finish(progress);
    if (st == SNNK_OK) snnk__lstsq_clear(lstsq);
    return st;
}

/* ---- Moments ---- */

/* Set x = from - x - scaled d. */
static void subtract_row(size_t n, const double *from, double scaled, const double *d, double *x) {
    for (size_t j = 0; j < n; j++) x[j] = from[j] - x[j] - scaled * d[j];
}

/* left: on entry the moments of the rows to remove, on return those of the other rows. Chan, Golub
 * & LeVeque 1979, eq. 2.1, solved for one part: with d = mean_b - mean of both, S_a = S - S_b - b
 * (a + b) / a d d^T. */
static void subtract(const snnk_lstsq *lstsq, const shift *s, snnk_lstsq *left) {
    const size_t m = lstsq->features, t = lstsq->targets;
    const double weight = s->scale * s->scale;
    double *d = left->block_phi;

    for (size_t j = 0; j < m; j++) d[j] = left->mean_phi[j] - lstsq->mean_phi[j];
    for (size_t i = 0; i < m; i++)
        subtract_row(i + 1, lstsq->S + i * m, weight * d[i], d, left->S + i * m);
    for (size_t k = 0; k < t; k++) {
        const double dy = left->mean_y[k] - lstsq->mean_y[k];

        subtract_row(m, lstsq->C + k * m, weight * dy, d, left->C + k * m);
        left->yy[k] = lstsq->yy[k] - left->yy[k] - weight * dy * dy;
        left->mean_y[k] = lstsq->mean_y[k] - s->share * dy;
    }
    for (size_t j = 0; j < m; j++) left->mean_phi[j] = lstsq->mean_phi[j] - s->share * d[j];
}

/* Compute the Cholesky factor of S, its diagonal raised by the rounding error, in the scratch
 * triangle. The diagonal of S is lost. */
static int factor(snnk_lstsq *left, const rounding *r, const shift *s, snnk__progress *progress,
                  bool *definite) {
    const size_t m = left->features;
    double *S = left->S;

    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < i; j++) S[j * m + i] = S[i * m + j];
        S[i * m + i] += square_noise(r, s, m, left->mean_phi[i], r->phi[i]);
        if (S[i * m + i] == 0) S[i * m + i] = 1; /* a constant feature; its row is 0 */
    }
    return snnk__cholesky('L', m, S, progress, definite);
}

/* Find whether S is positive semidefinite, and yy minus what S explains of each target not
 * negative, up to rounding. scratch: m + t m. SNNK_E_CANCELLED. */
static int is_sum_of_squares(snnk_lstsq *left, const rounding *r, const shift *s, double *scratch,
                             snnk__progress *progress, bool *result) {
    const size_t m = left->features, t = left->targets;
    const lapack_int mi = (lapack_int)m, ti = (lapack_int)t;
    double *diagonal = scratch, *Z = scratch + m;
    bool is;
    int st;

    for (size_t i = 0; i < m; i++) diagonal[i] = left->S[i * m + i];
    memcpy(Z, left->C, t * m * sizeof *Z);
    if ((st = factor(left, r, s, progress, &is)) != SNNK_OK) return st;
    if (is)
        cblas_dtrsm(CblasColMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, mi, ti, 1,
                    left->S, mi, Z, mi);
    for (size_t k = 0; is && k < t; k++) {
        const double *z = Z + k * m;

        is = cblas_ddot(mi, z, 1, z, 1) - left->yy[k] <=
             square_noise(r, s, m, left->mean_y[k], r->y[k]);
    }
    for (size_t i = 0; i < m; i++) left->S[i * m + i] = fmax(diagonal[i], 0);
    for (size_t k = 0; k < t; k++) left->yy[k] = fmax(left->yy[k], 0);
    *result = is;
    return SNNK_OK;
}

/* Whether all sums of feature i are rounding errors of 0. A small square alone does not show that:
 * products with other features are known to the root of its error. */
static bool is_rounding(const snnk_lstsq *left, const rounding *r, const shift *s, size_t i) {
    const size_t m = left->features;
    const column c = {.mean = left->mean_phi[i], .squares = r->phi[i]};
    bool is = left->S[i * m + i] <= product_noise(r, s, c, c);

    for (size_t j = 0; is && j < m; j++) {
        const column other = {.mean = left->mean_phi[j], .squares = r->phi[j]};

        is = fabs(left->S[j < i ? i * m + j : j * m + i]) <= product_noise(r, s, c, other);
    }
    for (size_t k = 0; is && k < left->targets; k++) {
        const column other = {.mean = left->mean_y[k], .squares = r->y[k]};

        is = fabs(left->C[k * m + i]) <= product_noise(r, s, c, other);
    }
    return is;
}

/* The standard deviation that feature i may have without showing in sums that are rounding errors.
 * weight: of the rows that stay. */
static double unknown_spread(const snnk_lstsq *left, const rounding *r, const shift *s, size_t i,
                             double weight) {
    const column c = {.mean = left->mean_phi[i], .squares = r->phi[i]};

    return sqrt(product_noise(r, s, c, c) / weight);
}

/* Set features that only the removed rows had back to 0, so that no solution uses them; also their
 * means, if those are rounding errors. rows, weight: of the rows that stay. SNNK_E_RANGE if such a
 * feature may well vary, by more than its mean, in several rows that stay. */
static int settle_features(snnk_lstsq *left, const rounding *r, const shift *s, uint64_t rows,
                           double weight) {
    const size_t m = left->features;

    for (size_t i = 0; i < m; i++) {
        double *mean = &left->mean_phi[i];

        if (!is_rounding(left, r, s, i)) continue;
        const double spread = unknown_spread(left, r, s, i, weight);
        const bool zero = fabs(*mean) <= mean_noise(r, *mean, r->phi[i], weight);
        if (!zero && rows > 1 && spread > fabs(*mean))
            return snnk__fail(SNNK_E_RANGE,
                              "the digits of feature %zu are gone: in the %llu rows that stay its "
                              "mean is %g, but "
                              "rounding errors of larger values that were added before hide a "
                              "spread of up to %g. "
                              "Collect these rows again without the large ones",
                              i, (unsigned long long)rows, *mean, spread);
        memset(left->S + i * m, 0, (i + 1) * sizeof(double));
        for (size_t j = i + 1; j < m; j++) left->S[j * m + i] = 0;
        for (size_t k = 0; k < left->targets; k++) left->C[k * m + i] = 0;
        if (zero) *mean = 0;
    }
    return SNNK_OK;
}

/* left: as in subtract. */
static int forget_moments(const snnk_lstsq *lstsq, snnk_lstsq *left, snnk__progress *progress) {
    const size_t m = lstsq->features, t = lstsq->targets;
    const rounding r = find_rounding(lstsq, left);
    const double weight = lstsq->weight - left->weight;
    const shift s = find_shift(weight, left->weight);
    double *scratch;
    bool possible = false;
    int st;

    st = snnk__alloc(&lstsq->allocator, m + t * m, sizeof *scratch, "solver vectors", &scratch);
    if (st != SNNK_OK) return st;
    subtract(lstsq, &s, left);
    st = is_sum_of_squares(left, &r, &s, scratch, progress, &possible);
    if (st == SNNK_OK)
        st = possible ? settle_features(left, &r, &s, lstsq->rows - left->rows, weight) : refuse();
    snnk__free(&lstsq->allocator, scratch);
    left->rows = lstsq->rows - left->rows;
    left->weight = weight;
    left->precision = lstsq->precision;
    left->single |= lstsq->single;
    return st;
}

/* ---- The factor ---- */

/* Remove at most REMOVED_ROWS rows. noise: scratch, 2 m. */
static bool remove_part(snnk_lstsq *left, const rounding *r, const snnk_rows *rows, double *noise) {
    const size_t m = left->features, t = left->targets;
    const double b = snnk__rows_weight(rows), a = left->weight - b;
    const shift s = find_shift(a, b);

    snnk__qr_pack(left, rows);
    snnk__qr_set_shift(left, rows->n, s.scale, left->block_phi, left->block_y);
    for (size_t j = 0; j < m; j++) {
        noise[j] = length_noise(r, &s, left->mean_phi[j], r->phi[j]);
        noise[m + j] = square_noise(r, &s, m, left->mean_phi[j], r->phi[j]);
    }
    snnk__move_mean(m, -s.share, left->block_phi, left->mean_phi);
    snnk__move_mean(t, -s.share, left->block_y, left->mean_y);
    left->rows -= rows->n;
    left->weight = a;
    return snnk__qr_remove_block(left, rows->n + 1, noise, noise + m);
}

/* Set the unexplained squares of the targets to at least 0. False if they were below 0 by more than
 * rounding; this also finds targets that only the removed rows of dependent features explained. */
static bool settle_rest(snnk_lstsq *left, const rounding *r, double weight) {
    const shift s = find_shift(left->weight, weight);
    bool settled = true;

    for (size_t k = 0; k < left->targets; k++) {
        settled &= -left->yy[k] <= square_noise(r, &s, 1, left->mean_y[k], r->y[k]);
        left->yy[k] = fmax(left->yy[k], 0);
    }
    return settled;
}

/* Set *left to the factor without these rows, or to NULL if a direction would be pure rounding
 * error. */
static int forget_factor(const snnk_lstsq *lstsq, const snnk_rows *rows, snnk__progress *progress,
                         snnk_lstsq **left) {
    const snnk_allocator *allocator = &lstsq->allocator;
    snnk_lstsq *made = NULL;
    double *noise = NULL;
    bool removed = true;
    int st;

    *left = NULL;
    st = snnk__alloc(allocator, 2 * lstsq->features, sizeof *noise, "bounds of rounding", &noise);
    if (st != SNNK_OK) return st;
    if ((st = snnk__lstsq_clone(lstsq, allocator, &made)) != SNNK_OK) goto done;

    const rounding r = find_rounding(lstsq, made);

    for (size_t first = 0; removed && first < rows->n;) {
        const size_t count = snnk__rows_next(rows->n - first, REMOVED_ROWS);
        const snnk_rows part = snnk__rows_part(rows, first, count);

        removed = remove_part(made, &r, &part, noise);
        first += count;
        st = snnk__progress_count(progress, (double)first, (double)rows->n);
        if (st != SNNK_OK) goto done;
    }
    if (removed && settle_rest(made, &r, snnk__rows_weight(rows))) {
        *left = made;
        made = NULL;
    }
done:
    snnk_lstsq_free(made);
    snnk__free(allocator, noise);
    return st;
}

/* Forget from a factor through its moments. The pivots of the factor cannot show whether the rows
 * had been added, because their errors have no bound if little is left. */
static int forget_its_moments(const snnk_lstsq *lstsq, snnk_lstsq *left, snnk__progress *progress) {
    snnk_lstsq *moments;
    int st;

    st = snnk__lstsq_clone(lstsq, &lstsq->allocator, &moments);
    if (st != SNNK_OK) return st;
    st = snnk__qr_to_gram(moments, progress);
    if (st == SNNK_OK) st = forget_moments(moments, left, progress);
    snnk_lstsq_free(moments);
    return st;
}

/* ---- Public ---- */

/* Set *moments to the moments of the rows, in the memory of lstsq. */
static int collect(const snnk_lstsq *lstsq, int32_t precision, const snnk_rows *rows,
                   snnk_workspace *workspace, snnk__progress *progress, snnk_lstsq **moments) {
    int st;

    st = snnk_lstsq_create(lstsq->features, lstsq->targets, &lstsq->allocator, moments);
    if (st != SNNK_OK) return st;
    return snnk__lstsq_add_rows(*moments, precision, rows, workspace, progress);
}

static void exchange(snnk_lstsq *a, snnk_lstsq *b) {
    const snnk_lstsq of_a = *a;

    *a = *b;
    *b = of_a;
}

static int forget(snnk_lstsq *lstsq, int32_t precision, const snnk_rows *rows,
                  snnk_workspace *workspace, snnk__progress *progress) {
    const bool of_moments = lstsq->factorization == SNNK_FACTORIZATION_GRAM;
    snnk_lstsq *left = NULL, *factored = NULL;
    int st;

    if (!of_moments) precision = SNNK_PRECISION_DOUBLE;
    snnk__progress_begin_stage(progress, 0.4);
    st = collect(lstsq, precision, rows, workspace, progress, &left);
    if (st != SNNK_OK) goto done;
    if (rows->n == lstsq->rows) {
        st = forget_all(lstsq, left, progress);
        goto done;
    }
    snnk__progress_begin_stage(progress, 0.2);
    st = of_moments ? forget_moments(lstsq, left, progress)
                    : forget_its_moments(lstsq, left, progress);
    if (st != SNNK_OK) goto done;
    snnk__progress_begin_stage(progress, 0.4);
    if (!of_moments && (st = forget_factor(lstsq, rows, progress, &factored)) != SNNK_OK) goto done;
    if ((st = snnk__progress_finish(progress)) != SNNK_OK) goto done;
    exchange(lstsq, factored ? factored : left);
done:
    snnk_lstsq_free(factored);
    snnk_lstsq_free(left);
    return st;
}

int snnk_lstsq_forget(snnk_lstsq *lstsq, const snnk_rows *rows, snnk_workspace *workspace) {
    snnk_rows read;
    int32_t precision;
    snnk__work work;
    int st;

    if ((st = snnk__check_pointer(lstsq, "lstsq")) != SNNK_OK) return st;
    if ((st = snnk__lstsq_read_rows(lstsq, rows, &precision, &read)) != SNNK_OK) return st;
    if (read.n == 0) return SNNK_OK;
    if ((st = check_amount(lstsq, &read)) != SNNK_OK) return st;
    snnk__work_begin(workspace, 1, &work);
    st = forget(lstsq, precision, &read, workspace, &work.progress);
    snnk__work_end(&work);
    return st;
}
