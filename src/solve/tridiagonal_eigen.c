/* Divide and conquer (Cuppen 1981; Gu & Eisenstat 1995), as in LAPACK's dstedc, with progress
 * inside the large products.
 *
 * T is two smaller matrices and rho v v^T, v = e_last of the first + sign e_first of the second.
 * With their eigenvectors Q and eigenvalues D, T = Q (D + rho z z^T) Q^T. Entries of D whose z is
 * 0, or that equal another, to rounding, stay as they are (they are deflated). The others are the
 * poles of a secular equation for the new eigenvalues. */
#include "solve/tridiagonal_eigen.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include <cblas.h>
#include <lapacke.h>

#include "base/size.h"
#include "solve/secular.h"

#define LEAF         600 /* rows that LAPACK solves in one call */
#define COLUMNS      128 /* eigenvectors made together */
#define REPORT_EVERY 4e6 /* terms of secular equations between two reports */

/* The problem as a whole. */
typedef struct problem {
    const snnk_allocator *allocator;
    size_t n;
    double *diagonal, *beside, *Z;
    size_t *order;
    double *scratch; /* n (n + COLUMNS) */
    snnk__progress *progress;
    double done, all; /* costs */
} problem;

/* Which halves of the rows an eigenvector of the two smaller matrices has entries in. */
typedef enum halves { UPPER, BOTH, LOWER, DEFLATED, KINDS } halves;

/* Two neighbours that become one: rows first ... first + n-1 of the problem, n1 of them in the
 * upper half. All arrays: n. */
typedef struct merger {
    problem *of;
    size_t first, n, n1;
    double rho;
    double *D, *z;     /* sorted by D; then poles and squares of the kept */
    double *exact;     /* z that belongs exactly to the roots */
    size_t *column;    /* of Z, from `first` on, for each entry of D */
    size_t *kept;      /* k indices of D that are not deflated */
    size_t *place;     /* where kept j is in the columns sorted by kind */
    snnk__root *roots; /* k */
    halves *kind;
    size_t k, count[KINDS];
} merger;

static int report(problem *p, double part) {
    return snnk__progress_update(p->progress, fmin((p->done + part) / p->all, 1));
}

static double *column_of(const merger *g, size_t entry) {
    return g->of->Z + (g->first + g->column[entry]) * g->of->n + g->first;
}

/* Sort by D, from the orders of the two halves; set z and kinds. */
static void sort(merger *g, double sign) {
    const size_t *order = g->of->order + g->first;
    const double *d = g->of->diagonal + g->first;
    size_t a = 0, b = g->n1;

    for (size_t i = 0; i < g->n; i++) {
        const bool upper = b == g->n || (a < g->n1 && d[order[a]] <= d[g->n1 + order[b]]);
        const size_t c = upper ? order[a] : g->n1 + order[b];

        if (upper)
            a++;
        else
            b++;
        g->column[i] = c;
        g->D[i] = d[c];
        g->kind[i] = upper ? UPPER : LOWER;
        g->z[i] = upper ? column_of(g, i)[g->n1 - 1] : sign * column_of(g, i)[g->n1];
        g->z[i] *= sqrt(0.5);
    }
    g->rho *= 2; /* |z| = 1 now */
}

/* Rotate entries i and j > i, whose D are nearly equal, so that z_i becomes 0. False if they are
 * not near enough. */
static bool rotate(merger *g, size_t i, size_t j, double tolerance) {
    const double length = hypot(g->z[i], g->z[j]), gap = g->D[j] - g->D[i];
    const double c = g->z[j] / length, s = -g->z[i] / length;
    const double low = g->D[i], high = g->D[j];

    if (fabs(gap * c * s) > tolerance) return false;
    cblas_drot((lapack_int)g->n, column_of(g, i), 1, column_of(g, j), 1, c, s);
    g->z[i] = 0;
    g->z[j] = length;
    g->D[i] = low * c * c + high * s * s;
    g->D[j] = low * s * s + high * c * c;
    if (g->kind[i] != g->kind[j]) g->kind[j] = BOTH;
    g->kind[i] = DEFLATED;
    return true;
}

/* Set kept and the kinds. */
static void deflate(merger *g) {
    double largest = 0, longest = 0;
    size_t before = g->n; /* the last entry that is kept so far */

    for (size_t i = 0; i < g->n; i++) {
        largest = fmax(largest, fabs(g->D[i]));
        longest = fmax(longest, fabs(g->z[i]));
    }
    const double tolerance = 8 * DBL_EPSILON * fmax(largest, longest);

    g->k = 0;
    for (size_t i = 0; i < g->n; i++) {
        if (g->rho * fabs(g->z[i]) <= tolerance) {
            g->kind[i] = DEFLATED;
            continue;
        }
        if (before < g->n && rotate(g, before, i, tolerance)) g->k--;
        before = i;
        g->kept[g->k++] = i;
    }
}

/* ---- New eigenvectors ---- */

/* Poles and squares of the kept entries, their roots, and exact z (Gu & Eisenstat). D and z of
 * deflated entries are not used any more, except D. */
static int find_roots(merger *g, double *poles, double *squares, double cost) {
    const size_t k = g->k;
    const size_t often = (size_t)(REPORT_EVERY / (double)(k + 1)) + 1;
    int st;

    for (size_t j = 0; j < k; j++) {
        poles[j] = g->D[g->kept[j]];
        squares[j] = g->rho * g->z[g->kept[j]] * g->z[g->kept[j]];
        g->exact[j] = 1;
    }
    for (size_t i = 0; i < k; i++) {
        const snnk__root root = snnk__secular_root(k, poles, squares, i);
        const double origin = poles[root.pole];

        g->roots[i] = root;
        for (size_t j = 0; j < k; j++) {
            const double distance = origin - poles[j] + root.offset; /* of root i to pole j */

            g->exact[j] *= i == j ? distance : distance / (poles[i] - poles[j]);
        }
        if (i % often == 0 && (st = report(g->of, cost / 2 * (double)i / (double)k)) != SNNK_OK)
            return st;
    }
    for (size_t j = 0; j < k; j++)
        g->exact[j] = copysign(sqrt(fabs(g->exact[j])), g->z[g->kept[j]]);
    return SNNK_OK;
}

/* Set S (k x count by columns, rows in the order of `place`) to eigenvectors i ... of D + rho z
 * z^T. */
static void make_vectors(const merger *g, const double *poles, size_t i, size_t count, double *S) {
    for (size_t c = 0; c < count; c++) {
        const snnk__root root = g->roots[i + c];
        const double origin = poles[root.pole];
        double *s = S + c * g->k, length;

        for (size_t j = 0; j < g->k; j++)
            s[g->place[j]] = g->exact[j] / (poles[j] - origin - root.offset);
        length = cblas_dnrm2((lapack_int)g->k, s, 1);
        cblas_dscal((lapack_int)g->k, 1 / length, s, 1);
    }
}

/* Copy the kept columns, without their zeros, to P (upper half) and Q (lower half), and the
 * deflated ones to `rest`. */
static void pack(merger *g, double *P, double *Q, double *rest) {
    const size_t n1 = g->n1, n2 = g->n - n1;
    size_t next[KINDS] = {0, g->count[UPPER], g->count[UPPER] + g->count[BOTH], 0};

    for (size_t i = 0, j = 0; i < g->n; i++) {
        const double *from = column_of(g, i);
        const size_t to = next[g->kind[i]]++;

        if (g->kind[i] == DEFLATED) {
            memcpy(rest + to * g->n, from, g->n * sizeof *rest);
            continue;
        }
        g->place[j++] = to;
        if (g->kind[i] != LOWER) memcpy(P + to * n1, from, n1 * sizeof *P);
        if (g->kind[i] != UPPER) memcpy(Q + (to - g->count[UPPER]) * n2, from + n1, n2 * sizeof *Q);
    }
}

/* Set columns i ... i+count-1 of Z to P or Q times the eigenvectors S. */
static void multiply(const merger *g, const double *P, const double *Q, const double *S, size_t i,
                     size_t count) {
    const lapack_int n = (lapack_int)g->of->n, k = (lapack_int)g->k, w = (lapack_int)count;
    const lapack_int n1 = (lapack_int)g->n1, n2 = (lapack_int)(g->n - g->n1);
    const lapack_int upper = (lapack_int)(g->count[UPPER] + g->count[BOTH]);
    const lapack_int lower = (lapack_int)(g->count[LOWER] + g->count[BOTH]);
    double *to = g->of->Z + (g->first + i) * g->of->n + g->first;

    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, n1, w, upper, 1, P, n1, S, k, 0, to, n);
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, n2, w, lower, 1, Q, n2,
                S + g->count[UPPER], k, 0, to + n1, n);
}

/* Write all eigenvectors to Z: new ones first, then deflated ones. */
static int write_vectors(merger *g, const double *poles, double cost) {
    const size_t n1 = g->n1, n2 = g->n - n1, deflated = g->n - g->k;
    const size_t upper = g->count[UPPER] + g->count[BOTH];
    const size_t lower = g->count[LOWER] + g->count[BOTH];
    double *P = g->of->scratch, *Q = P + n1 * upper, *rest = Q + n2 * lower;
    double *S = rest + g->n * deflated; /* at most n^2 numbers before it */
    int st = SNNK_OK;

    pack(g, P, Q, rest);
    for (size_t i = 0; st == SNNK_OK && i < g->k; i += COLUMNS) {
        const size_t count = snnk__min_size(COLUMNS, g->k - i);

        make_vectors(g, poles, i, count, S);
        multiply(g, P, Q, S, i, count);
        st = report(g->of, cost / 2 * (1 + (double)(i + count) / (double)g->k));
    }
    for (size_t c = 0; c < deflated; c++)
        memcpy(g->of->Z + (g->first + g->k + c) * g->of->n + g->first, rest + c * g->n,
               g->n * sizeof *rest);
    return st;
}

/* Write the eigenvalues, in the order of the columns, and their order by size. */
static void write_values(const merger *g, const double *poles) {
    double *d = g->of->diagonal + g->first;
    size_t *order = g->of->order + g->first, a = 0, b = g->k, deflated = g->k;

    for (size_t i = 0; i < g->k; i++) d[i] = poles[g->roots[i].pole] + g->roots[i].offset;
    for (size_t i = 0; i < g->n; i++)
        if (g->kind[i] == DEFLATED) d[deflated++] = g->D[i];
    /* Rotations can exchange deflated entries that are equal to rounding. */
    for (size_t i = g->k + 1; i < g->n; i++) {
        const double value = d[i];
        size_t j = i;

        for (; j > g->k && d[j - 1] > value; j--) {
            d[j] = d[j - 1];
            cblas_dswap((lapack_int)g->n, g->of->Z + (g->first + j) * g->of->n + g->first, 1,
                        g->of->Z + (g->first + j - 1) * g->of->n + g->first, 1);
        }
        d[j] = value;
    }
    for (size_t i = 0; i < g->n; i++)
        order[i] = b == g->n || (a < g->k && d[a] <= d[b]) ? a++ : b++;
}

static int merge_with(merger *g, double *poles, double *squares, double cost) {
    int st;

    deflate(g);
    for (size_t i = 0; i < g->n; i++) g->count[g->kind[i]]++;
    if ((st = find_roots(g, poles, squares, cost)) != SNNK_OK) return st;
    if ((st = write_vectors(g, poles, cost)) != SNNK_OK) return st;
    write_values(g, poles);
    return SNNK_OK;
}

static double cost_of(size_t n) { return (double)n * (double)n * (double)n; }

/* Merge the eigenvectors of two neighbours. beside: the entry between them. */
static int merge(problem *p, size_t first, size_t n, size_t n1, double beside) {
    merger g = {.of = p, .first = first, .n = n, .n1 = n1, .rho = fabs(beside)};
    const double cost = cost_of(n);
    double *numbers = NULL;
    size_t *indices = NULL;
    int st;

    if ((st = snnk__alloc(p->allocator, 5 * n, sizeof *numbers, "poles", &numbers)) != SNNK_OK)
        goto done;
    if ((st = snnk__alloc(p->allocator, 3 * n, sizeof *indices, "orders", &indices)) != SNNK_OK)
        goto done;
    if ((st = snnk__alloc(p->allocator, n, sizeof *g.roots, "roots", &g.roots)) != SNNK_OK)
        goto done;
    if ((st = snnk__alloc(p->allocator, n, sizeof *g.kind, "kinds", &g.kind)) != SNNK_OK) goto done;
    g.D = numbers;
    g.z = numbers + n;
    g.exact = numbers + 2 * n;
    g.column = indices;
    g.kept = indices + n;
    g.place = indices + 2 * n;
    sort(&g, beside < 0 ? -1 : 1);
    st = merge_with(&g, numbers + 3 * n, numbers + 4 * n, cost);
    p->done += cost;
done:
    snnk__free(p->allocator, g.kind);
    snnk__free(p->allocator, g.roots);
    snnk__free(p->allocator, indices);
    snnk__free(p->allocator, numbers);
    return st;
}

/* ---- Leaves ---- */

static int solve_leaf(problem *p, size_t first, size_t n) {
    const size_t n_work = 1 + 4 * n + n * n, n_iwork = 3 + 5 * n;
    double *work = NULL;
    lapack_int *iwork = NULL, info;
    int st = snnk__alloc(p->allocator, n_work, sizeof *work, "eigenvector scratch", &work);

    if (st != SNNK_OK) goto done;
    st = snnk__alloc(p->allocator, n_iwork, sizeof *iwork, "eigenvector integers", &iwork);
    if (st != SNNK_OK) goto done;
    memset(p->Z + first * p->n, 0, n * p->n * sizeof *p->Z);
    info = LAPACKE_dstedc_work(LAPACK_COL_MAJOR, 'I', (lapack_int)n, p->diagonal + first,
                               p->beside + first, p->Z + first * p->n + first, (lapack_int)p->n,
                               work, (lapack_int)n_work, iwork, (lapack_int)n_iwork);
    if (info < 0)
        st = snnk__fail(SNNK_E_INTERNAL, "LAPACK refused argument %ld of dstedc", -(long)info);
    if (info > 0)
        st = snnk__fail(SNNK_E_SINGULAR, "the eigenvalues of the %zu x %zu system did not converge",
                        p->n, p->n);
    for (size_t i = 0; i < n; i++) p->order[first + i] = i;
    p->done += cost_of(n);
    if (st == SNNK_OK) st = report(p, 0);
done:
    snnk__free(p->allocator, iwork);
    snnk__free(p->allocator, work);
    return st;
}

/* The cost of rows, and their solution. */
static double cost_of_part(size_t n) {
    if (n <= LEAF) return cost_of(n);
    return cost_of(n) + cost_of_part(n / 2) + cost_of_part(n - n / 2);
}

static int solve(problem *p, size_t first, size_t n) {
    const size_t n1 = n / 2;
    int st;

    if (n <= LEAF) return solve_leaf(p, first, n);

    const double beside = p->beside[first + n1 - 1];

    p->diagonal[first + n1 - 1] -= fabs(beside);
    p->diagonal[first + n1] -= fabs(beside);
    if ((st = solve(p, first, n1)) != SNNK_OK) return st;
    if ((st = solve(p, first + n1, n - n1)) != SNNK_OK) return st;
    return merge(p, first, n, n1, beside);
}

/* A power of two that brings the largest entry to 1 ... 2. */
static double find_scale(const problem *p) {
    double largest = 0;
    int exponent = 0;

    for (size_t i = 0; i < p->n; i++) largest = fmax(largest, fabs(p->diagonal[i]));
    for (size_t i = 0; i + 1 < p->n; i++) largest = fmax(largest, fabs(p->beside[i]));
    if (largest > 0) (void)frexp(largest, &exponent);
    return ldexp(1, exponent - 1);
}

int snnk__tridiagonal_eigenvectors(const snnk_allocator *allocator, size_t n, double *diagonal,
                                   double *beside, double *Z, size_t *order,
                                   snnk__progress *progress) {
    problem p = {.allocator = allocator,
                 .n = n,
                 .diagonal = diagonal,
                 .beside = beside,
                 .Z = Z,
                 .order = order,
                 .progress = progress,
                 .all = cost_of_part(n)};
    const double scale = find_scale(&p);
    int st = snnk__alloc(allocator, n, (n + COLUMNS) * sizeof *p.scratch, "eigenvector scratch",
                         &p.scratch);

    if (st != SNNK_OK) return st;
    for (size_t i = 0; i < n; i++) diagonal[i] /= scale;
    for (size_t i = 0; i + 1 < n; i++) beside[i] /= scale;
    st = solve(&p, 0, n);
    for (size_t i = 0; st == SNNK_OK && i < n; i++) diagonal[i] *= scale;
    snnk__free(allocator, p.scratch);
    return st;
}
