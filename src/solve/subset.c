#include "solve/subset.h"

#include <math.h>
#include <string.h>

#include <cblas.h>
#include <lapacke.h>

#include "base/size.h"
#include "solve/eigen.h"

void snnk__subset_mirror(snnk_lstsq *all) {
    const size_t m = all->features;

    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < i; j++) all->S[j * m + i] = all->S[i * m + j];
}

int snnk__subset_linear_targets(snnk_lstsq *all, size_t first, size_t targets, const float *W,
                                const float *bias) {
    const size_t m = all->features, h = m - first;
    double *wide = NULL;
    int st = SNNK_OK;

    if (targets > 1) st = snnk_lstsq_add_targets(all, targets - 1);
    if (st == SNNK_OK && W)
        st = snnk__alloc(&all->allocator, targets, h * sizeof *wide, "weights", &wide);
    if (st != SNNK_OK) return st;
    for (size_t i = 0; W && i < targets * h; i++) wide[i] = (double)W[i];
    if (W)
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (lapack_int)targets, (lapack_int)m,
                    (lapack_int)h, 1, wide, (lapack_int)h, all->S + first * m, (lapack_int)m, 0,
                    all->C, (lapack_int)m);
    else
        memcpy(all->C, all->S + first * m, h * m * sizeof *all->C);
    for (size_t k = 0; k < targets; k++) {
        const double *c = all->C + k * m + first, *mean = all->mean_phi + first;

        all->yy[k] = W ? fmax(cblas_ddot((lapack_int)h, wide + k * h, 1, c, 1), 0) : c[k];
        all->mean_y[k] = W ? cblas_ddot((lapack_int)h, wide + k * h, 1, mean, 1) : mean[k];
        if (bias) all->mean_y[k] += (double)bias[k];
    }
    snnk__free(&all->allocator, wide);
    return SNNK_OK;
}

/* Factor S (n x n, lower triangle) + ridge = L L^T, in place. */
static int factor(size_t n, double *S, double ridge) {
    for (size_t i = 0; i < n; i++) S[i * n + i] += ridge;

    const lapack_int info =
        LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', (lapack_int)n, S, (lapack_int)n);

    if (info == 0) return SNNK_OK;
    if (info > 0)
        return snnk__fail(
            SNNK_E_SINGULAR,
            "direction %ld of %zu has too little variance compared with the ridge of %g",
            (long)info, n, ridge);
    return snnk__fail(SNNK_E_INTERNAL, "LAPACK refused argument %ld of dpotrf", -(long)info);
}

/* Set C (rows x columns) = beta C + alpha A B. a, b: whether A and B are transposed. */
static void multiply(CBLAS_TRANSPOSE a, CBLAS_TRANSPOSE b, size_t rows, size_t columns,
                     size_t inner, double alpha, const double *A, size_t lda, const double *B,
                     size_t ldb, double beta, double *C, size_t ldc) {
    if (rows == 0 || columns == 0) return;
    cblas_dgemm(CblasRowMajor, a, b, (lapack_int)rows, (lapack_int)columns, (lapack_int)inner,
                alpha, A, (lapack_int)lda, B, (lapack_int)ldb, beta, C, (lapack_int)ldc);
}

/* Set X (n x columns) = L^-1 X. */
static void divide(size_t n, const double *L, size_t columns, double *X) {
    cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, (lapack_int)n,
                (lapack_int)columns, 1, L, (lapack_int)n, X, (lapack_int)columns);
}

/* ---- What the given features do not explain ---- */

/* n given features, as orthonormal combinations: P (n x p), their moments with p other features,
 * and Q (n x t), with the targets. What the given features leave is S - P^T P and C - Q^T P. */
typedef struct given {
    size_t n;
    double *P, *Q;
} given;

static void given_free(const snnk_allocator *allocator, given *g) {
    snnk__free(allocator, g->P);
    snnk__free(allocator, g->Q);
}

/* Orthonormalise: P and Q are moments before, L (n x n) the moments of the given features. */
static int orthonormalise(given *g, size_t p, size_t t, double ridge, double *L) {
    int st;

    if (g->n == 0) return SNNK_OK;
    if ((st = factor(g->n, L, ridge)) != SNNK_OK) return st;
    divide(g->n, L, p, g->P);
    divide(g->n, L, t, g->Q);
    return SNNK_OK;
}

/* room: rows of P, at least n. L has one byte more, so that it is not NULL for n = 0. */
static int given_alloc(const snnk_allocator *allocator, size_t room, size_t n, size_t p, size_t t,
                       given *g, double **L) {
    int st;

    *g = (given){.n = n};
    st = snnk__alloc(allocator, snnk__max_size(room, 1), p * sizeof *g->P, "moments", &g->P);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(allocator, snnk__max_size(n, 1), t * sizeof *g->Q, "moments", &g->Q);
    if (st != SNNK_OK) return st;
    return snnk__alloc(allocator, snnk__max_size(n, 1), n * sizeof **L + 1, "moments", L);
}

/* Take the chosen features as given, and the first d features as the others. */
static int given_chosen(const snnk_lstsq *all, size_t d, const snnk__subset *subset, double ridge,
                        given *g) {
    const size_t m = all->features, t = all->targets, n = subset->chosen;
    double *L = NULL;
    int st = given_alloc(&all->allocator, n, n, d, t, g, &L);

    for (size_t i = 0; st == SNNK_OK && i < n; i++) {
        const double *row = all->S + subset->which[i] * m;

        memcpy(g->P + i * d, row, d * sizeof *row);
        for (size_t k = 0; k < t; k++) g->Q[i * t + k] = all->C[k * m + subset->which[i]];
        for (size_t j = 0; j < n; j++) L[i * n + j] = row[subset->which[j]];
    }
    if (st == SNNK_OK) st = orthonormalise(g, d, t, ridge, L);
    snnk__free(&all->allocator, L);
    return st;
}

/* Take the directions as given, and features d ... m-1 as the others, with room for `more` rows of
 * P. */
static int given_directions(const snnk_lstsq *all, size_t d, const snnk__subset *subset,
                            double ridge, size_t more, given *g) {
    const size_t m = all->features, t = all->targets, r = subset->directions, p = m - d;
    double *L = NULL, *DS = NULL;
    int st = given_alloc(&all->allocator, r + more, r, p, t, g, &L);

    if (st != SNNK_OK) goto done;
    st = snnk__alloc(&all->allocator, snnk__max_size(r, 1), d * sizeof *DS, "moments", &DS);
    if (st != SNNK_OK) goto done;
    multiply(CblasNoTrans, CblasNoTrans, r, p, d, 1, subset->D, d, all->S + d, m, 0, g->P, p);
    multiply(CblasNoTrans, CblasTrans, r, t, d, 1, subset->D, d, all->C, m, 0, g->Q, t);
    multiply(CblasNoTrans, CblasNoTrans, r, d, d, 1, subset->D, d, all->S, m, 0, DS, d);
    multiply(CblasNoTrans, CblasTrans, r, r, d, 1, DS, d, subset->D, d, 0, L, r);
    st = orthonormalise(g, p, t, ridge, L);
done:
    snnk__free(&all->allocator, DS);
    snnk__free(&all->allocator, L);
    return st;
}

/* ---- Directions ---- */

/* Copy S (d x d) and C (t x d) of the first d features, minus what the given features explain. */
static void copy_left(const snnk_lstsq *all, size_t d, const given *g, double *S, double *C) {
    const size_t m = all->features, t = all->targets;

    for (size_t i = 0; i < d; i++) memcpy(S + i * d, all->S + i * m, d * sizeof *S);
    for (size_t k = 0; k < t; k++) memcpy(C + k * d, all->C + k * m, d * sizeof *C);
    multiply(CblasTrans, CblasNoTrans, d, d, g->n, -1, g->P, d, g->P, d, 1, S, d);
    multiply(CblasTrans, CblasNoTrans, t, d, g->n, -1, g->Q, t, g->P, d, 1, C, d);
}

/* Factor the rest of S (d x d), plus ridge, as L L^T. If rounding made it more indefinite than the
 * ridge, which is relative to all features, increase the ridge 10 times, up to a hundredth of S. */
static int factor_left(const snnk_lstsq *all, size_t d, const given *g, double ridge, double *S,
                       double *C) {
    double trace = 0;
    snnk__sentence before;
    int st;

    snnk__sentence_save(&before);
    for (size_t i = 0; i < d; i++) trace += all->S[i * all->features + i];
    for (;; ridge *= 10) {
        copy_left(all, d, g, S, C);
        st = factor(d, S, ridge);
        if (st != SNNK_E_SINGULAR || ridge == 0 || 10 * ridge > 0.01 * trace / (double)d)
            return snnk__recovered(st, &before);
    }
}

/* The share of the largest eigenvalue above which eigenvectors of C C^T give accurate ones of C^T
 * C: rounding turns them by that of double divided by it. */
#define ACCURATE 1e-9

/* Set D (rank x d) to the eigenvectors of C^T C with the largest eigenvalues, largest first. A: d x
 * d of scratch; values: d. */
static int leading_of_inputs(const snnk_allocator *allocator, size_t t, size_t d, const double *C,
                             size_t rank, double *A, double *values, double *D) {
    int st;

    multiply(CblasTrans, CblasNoTrans, d, d, t, 1, C, d, C, d, 0, A, d);
    if ((st = snnk__eigenvectors(allocator, d, 'U', A, values, NULL)) != SNNK_OK) return st;
    for (size_t k = 0; k < rank; k++) memcpy(D + k * d, A + (d - 1 - k) * d, d * sizeof *D);
    return SNNK_OK;
}

/* The same from C C^T, t x t: if u is an eigenvector of it, C^T u is one of C^T C. *found is false
 * if an eigenvalue is too small for that. */
static int leading_of_targets(const snnk_allocator *allocator, size_t t, size_t d, const double *C,
                              size_t rank, double *A, double *values, double *D, bool *found) {
    int st;

    *found = false;
    multiply(CblasNoTrans, CblasTrans, t, t, d, 1, C, d, C, d, 0, A, t);
    if ((st = snnk__eigenvectors(allocator, t, 'U', A, values, NULL)) != SNNK_OK) return st;
    if (!(values[t - rank] > ACCURATE * values[t - 1])) return SNNK_OK;
    for (size_t k = 0; k < rank; k++) {
        const size_t at = t - 1 - k;

        cblas_dgemv(CblasRowMajor, CblasTrans, (lapack_int)t, (lapack_int)d, 1 / sqrt(values[at]),
                    C, (lapack_int)d, A + at * t, 1, 0, D + k * d, 1);
    }
    *found = true;
    return SNNK_OK;
}

/* By the smaller of both matrices. */
static int leading(const snnk_allocator *allocator, size_t t, size_t d, const double *C,
                   size_t rank, double *A, double *values, double *D) {
    bool found = false;
    int st = SNNK_OK;

    if (t < d && rank > 0 && rank <= t)
        st = leading_of_targets(allocator, t, d, C, rank, A, values, D, &found);
    if (st != SNNK_OK || found) return st;
    return leading_of_inputs(allocator, t, d, C, rank, A, values, D);
}

int snnk__subset_directions(const snnk_lstsq *all, size_t d, const snnk__subset *given_features,
                            double ridge, size_t rank, double *D) {
    const snnk_allocator *allocator = &all->allocator;
    const size_t t = all->targets;
    const double scale = sqrt(all->weight);
    double *S = NULL, *C = NULL, *A = NULL, *values = NULL;
    given g = {0};
    int st;

    st = snnk__alloc(allocator, d, d * sizeof *S, "moments", &S);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(allocator, d, d * sizeof *A, "moments", &A);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(allocator, t, d * sizeof *C, "moments", &C);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(allocator, d, sizeof *values, "eigenvalues", &values);
    if (st != SNNK_OK) goto done;
    if ((st = given_chosen(all, d, given_features, ridge, &g)) != SNNK_OK) goto done;
    if ((st = factor_left(all, d, &g, ridge, S, C)) != SNNK_OK) goto done;
    cblas_dtrsm(CblasRowMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, (lapack_int)t,
                (lapack_int)d, 1, S, (lapack_int)d, C, (lapack_int)d);
    if ((st = leading(allocator, t, d, C, rank, A, values, D)) != SNNK_OK) goto done;
    cblas_dtrsm(CblasRowMajor, CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, (lapack_int)rank,
                (lapack_int)d, scale, S, (lapack_int)d, D, (lapack_int)d);
done:
    given_free(allocator, &g);
    snnk__free(allocator, values);
    snnk__free(allocator, C);
    snnk__free(allocator, A);
    snnk__free(allocator, S);
    return st;
}

/* ---- Choosing ---- */

/* p candidates: what each one still explains, and its size. After n choices, the moments of
 * candidate j with the targets are C_j - sum over k < n of P_kj Q_k. C is large, so only the
 * squares, which decide, are kept up to date. */
typedef struct candidates {
    size_t p, t, n;
    double *C;        /* p x t: moments with what the given features leave of the targets */
    double *Q;        /* n x t: moments of the chosen ones, orthonormalised */
    double *squares;  /* p: squared length of the rest of C */
    double *with;     /* p + most: scratch */
    double *left;     /* p: the rest of the diagonal, with the ridge; below 0 once chosen */
    double *smallest; /* p: the rounding error of `left` */
} candidates;

static int candidates_alloc(const snnk_allocator *allocator, size_t most, candidates *c) {
    const size_t p = c->p, t = c->t;
    int st;

    if ((st = snnk__alloc(allocator, p, t * sizeof *c->C, "moments", &c->C)) != SNNK_OK) return st;
    st = snnk__alloc(allocator, snnk__max_size(most, 1), t * sizeof *c->Q, "moments", &c->Q);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(allocator, p, sizeof *c->squares, "squares", &c->squares);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(allocator, p + most, sizeof *c->with, "moments", &c->with);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(allocator, p, sizeof *c->left, "variances", &c->left);
    if (st != SNNK_OK) return st;
    return snnk__alloc(allocator, p, sizeof *c->smallest, "variances", &c->smallest);
}

static void candidates_free(const snnk_allocator *allocator, candidates *c) {
    double *const arrays[] = {c->C, c->Q, c->squares, c->with, c->left, c->smallest};

    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) snnk__free(allocator, arrays[i]);
}

/* The best candidate; p if there is none. */
static size_t best_candidate(const candidates *c) {
    size_t best = c->p;
    double most = -1;

    for (size_t j = 0; j < c->p; j++) {
        if (c->left[j] <= c->smallest[j]) continue;
        const double explained = c->squares[j] / c->left[j];

        if (explained > most) most = explained, best = j;
    }
    return best;
}

/* Subtract A^T x from y, or set y = A x. A: rows x columns. */
static void reduce(size_t rows, size_t columns, const double *A, const double *x, size_t step,
                   double *y) {
    if (rows > 0)
        cblas_dgemv(CblasRowMajor, CblasTrans, (lapack_int)rows, (lapack_int)columns, -1, A,
                    (lapack_int)columns, x, (lapack_int)step, 1, y, 1);
}

static void apply(size_t rows, size_t columns, const double *A, const double *x, double *y) {
    if (rows > 0)
        cblas_dgemv(CblasRowMajor, CblasNoTrans, (lapack_int)rows, (lapack_int)columns, 1, A,
                    (lapack_int)columns, x, 1, 0, y, 1);
}

/* Choose candidate `best`: row n of P gets the moments of its orthonormal part with all candidates,
 * row n of Q those with the targets. */
static void take(const snnk_lstsq *all, size_t d, double ridge, size_t best, given *g,
                 candidates *c) {
    const size_t p = c->p, t = c->t, n = c->n;
    const double *taken = g->P + (g->n - n) * p;
    const double root = sqrt(c->left[best]);
    double *row = g->P + g->n * p, *q = c->Q + n * t, *between = c->with + p, square = 0;

    memcpy(row, all->S + (d + best) * all->features + d, p * sizeof *row);
    row[best] += ridge;
    reduce(g->n, p, g->P, g->P + best, p, row);
    memcpy(q, c->C + best * t, t * sizeof *q);
    reduce(n, t, c->Q, taken + best, p, q);
    for (size_t k = 0; k < t; k++) q[k] /= root, square += q[k] * q[k];
    /* with = q times the rest of each */
    apply(p, t, c->C, q, c->with);
    apply(n, t, c->Q, q, between);
    reduce(n, p, taken, between, 1, c->with);
    for (size_t j = 0; j < p; j++) {
        row[j] /= root;
        c->left[j] -= row[j] * row[j];
        c->squares[j] = fmax(c->squares[j] - row[j] * (2 * c->with[j] - row[j] * square), 0);
    }
    g->n++;
    c->n++;
    c->left[best] = -1;
}

static void start(const snnk_lstsq *all, size_t d, const given *g, double ridge, double rounding,
                  candidates *c) {
    const size_t m = all->features, p = c->p, t = c->t;

    for (size_t j = 0; j < p; j++) {
        const double variance = all->S[(d + j) * m + d + j];

        c->left[j] = variance + ridge;
        c->smallest[j] = ridge + rounding * variance;
        for (size_t i = 0; i < g->n; i++) c->left[j] -= g->P[i * p + j] * g->P[i * p + j];
        for (size_t k = 0; k < t; k++) c->C[j * t + k] = all->C[k * m + d + j];
    }
    multiply(CblasTrans, CblasNoTrans, p, t, g->n, -1, g->P, p, g->Q, t, 1, c->C, t);
    for (size_t j = 0; j < p; j++)
        c->squares[j] = cblas_ddot((lapack_int)t, c->C + j * t, 1, c->C + j * t, 1);
}

int snnk__subset_select(const snnk_lstsq *all, size_t d, const snnk__subset *given_features,
                        double ridge, double rounding, size_t count, snnk__progress *progress,
                        double part, size_t *which, size_t *found) {
    const snnk_allocator *allocator = &all->allocator;
    candidates c = {.p = all->features - d, .t = all->targets};
    given g = {0};
    size_t n = 0;
    int st;

    if ((st = candidates_alloc(allocator, count, &c)) != SNNK_OK) goto done;
    st = given_directions(all, d, given_features, ridge, count, &g);
    if (st != SNNK_OK) goto done;
    start(all, d, &g, ridge, rounding, &c);
    while (n < count) {
        const size_t best = best_candidate(&c);

        if (best == c.p) break;
        take(all, d, ridge, best, &g, &c);
        which[n++] = d + best;
        if ((st = snnk__progress_update(progress, part)) != SNNK_OK) goto done;
    }
    *found = n;
done:
    given_free(allocator, &g);
    candidates_free(allocator, &c);
    return st;
}

/* ---- Their statistics ---- */

/* Combine the entries of a row x for all features into entries for the features of the subset. */
static void combine(const snnk__subset *subset, size_t d, const double *x, double *of) {
    const size_t r = subset->directions;

    for (size_t i = 0; i < r; i++) of[i] = cblas_ddot((lapack_int)d, subset->D + i * d, 1, x, 1);
    for (size_t i = 0; i < subset->chosen; i++) of[r + i] = x[subset->which[i]];
}

/* Compute the lower triangle of F^T S F, in three parts: directions, chosen features with
 * directions, chosen features. */
static int combine_moments(const snnk_lstsq *all, size_t d, const snnk__subset *subset, double *S) {
    const size_t m = all->features, r = subset->directions, n = subset->chosen;
    const size_t lds = r + n, rows = snnk__max_size(snnk__max_size(r, n), 1);
    double *moments = NULL; /* moments of directions or chosen features with the first d features */
    int st = snnk__alloc(&all->allocator, rows, d * sizeof *moments, "moments", &moments);

    if (st != SNNK_OK) return st;
    multiply(CblasNoTrans, CblasNoTrans, r, d, d, 1, subset->D, d, all->S, m, 0, moments, d);
    multiply(CblasNoTrans, CblasTrans, r, r, d, 1, moments, d, subset->D, d, 0, S, lds);
    for (size_t i = 0; i < n; i++) {
        const double *row = all->S + subset->which[i] * m;

        memcpy(moments + i * d, row, d * sizeof *row);
        for (size_t j = 0; j <= i; j++) S[(r + i) * lds + r + j] = row[subset->which[j]];
    }
    multiply(CblasNoTrans, CblasTrans, n, r, d, 1, moments, d, subset->D, d, 0, S + r * lds, lds);
    snnk__free(&all->allocator, moments);
    return SNNK_OK;
}

int snnk__subset_statistics(const snnk_lstsq *all, size_t d, const snnk__subset *subset,
                            snnk_lstsq **lstsq) {
    const size_t m = all->features, t = all->targets, r = subset->directions;
    const size_t features = r + subset->chosen;
    snnk_lstsq *made = NULL;
    int st;

    if ((st = snnk_lstsq_create(features, t, &all->allocator, &made)) != SNNK_OK) goto done;
    if ((st = combine_moments(all, d, subset, made->S)) != SNNK_OK) goto done;
    multiply(CblasNoTrans, CblasTrans, t, r, d, 1, all->C, m, subset->D, d, 0, made->C, features);
    for (size_t k = 0; k < t; k++)
        for (size_t i = 0; i < subset->chosen; i++)
            made->C[k * features + r + i] = all->C[k * m + subset->which[i]];
    combine(subset, d, all->mean_phi, made->mean_phi);
    memcpy(made->mean_y, all->mean_y, t * sizeof *made->mean_y);
    memcpy(made->yy, all->yy, t * sizeof *made->yy);
    made->rows = all->rows;
    made->weight = all->weight;
    made->single = all->single;
    *lstsq = made;
    made = NULL;
done:
    snnk_lstsq_free(made);
    return st;
}
