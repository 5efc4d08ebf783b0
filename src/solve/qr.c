/* Add rows to the triangular factor, a block at a time; merge factors; turn a factor into moments.
 *
 * [R; A] = Q [R'; 0] for a block A of centered rows, as by dtpqrt, which keeps the zeros of the
 * triangle: 2 m^2 flops for each row, the same as for one factorisation of all rows. */
#include "solve/qr.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include <cblas.h>

#include "base/size.h"

/* Measured for m = 256 ... 4096. With fewer rows the factor is read too often. With fewer
 * reflectors products are thin. LAPACK's factorization of a few columns reads them once for every
 * column. */
#define BLOCK_ROWS 512
#define REFLECTORS 96
#define FEWEST     24 /* at most so many reflectors from LAPACK's dtpqrt2 */

/* The most multiplications between two reports. */
#define REPORT_EVERY 1e9

/* Columns packed side by side: a cache line of floats. */
#define PACKED 16

/* AUTO changes to moments below this condition number, whose square costs 12 of 16 digits. */
#define GRAM_CONDITION 1e6

/* ---- Scratch ---- */

int snnk__qr_create(const snnk_allocator *allocator, size_t m, size_t t, snnk__qr **qr) {
    const size_t rows = snnk__max_size(m, BLOCK_ROWS), ld = rows + 1;
    const size_t reflectors = snnk__min_size(m, REFLECTORS), wide = snnk__max_size(m, t);
    snnk__qr *made = NULL;
    int st;

    *qr = NULL;
    st = snnk__alloc_zero(allocator, 1, sizeof *made, "scratch of the QR factorization", &made);
    if (st != SNNK_OK) return st;
    made->rows = rows;
    made->ld = ld;
    made->wide = wide;
    made->reflectors = (lapack_int)reflectors;
    st = snnk__alloc_zero(allocator, m, ld * sizeof(double), "rows of features", &made->phi);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc_zero(allocator, t, ld * sizeof(double), "rows of targets", &made->y);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(allocator, m, reflectors * sizeof(double), "block reflectors", &made->T);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(allocator, wide, snnk__max_size(2 * reflectors, 3) * sizeof(double),
                     "reflector scratch", &made->work);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(allocator, m, sizeof *made->iwork, "integers of the QR factorization",
                     &made->iwork);
    if (st != SNNK_OK) goto done;
    *qr = made;
    made = NULL;
done:
    snnk__qr_free(allocator, made);
    return st;
}

void snnk__qr_free(const snnk_allocator *allocator, snnk__qr *qr) {
    if (!qr) return;

    void *const arrays[] = {qr->phi, qr->y, qr->T, qr->work, qr->iwork};

    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) snnk__free(allocator, arrays[i]);
    snnk__free(allocator, qr);
}

/* ---- Packing ---- */

static double root_weight(const snnk_rows *rows, size_t k) {
    return rows->weights ? sqrt((double)rows->weights[k]) : 1;
}

static void pack_features(snnk_lstsq *lstsq, const snnk_rows *rows) {
    const size_t m = lstsq->features, ld = lstsq->qr->ld;
    double *out = lstsq->qr->phi;

    const snnk__numbers X = snnk__rows_inputs(rows);

    snnk__weighted_means(rows->n, &X, 0, m, rows->weights, lstsq->block_phi);
    for (size_t first = 0; first < m; first += PACKED) {
        const size_t end = snnk__min_size(first + PACKED, m);

        for (size_t k = 0; k < rows->n; k++) {
            const double root = root_weight(rows, k);

            for (size_t j = first; j < end; j++)
                out[j * ld + k] = (snnk__number(&X, k, j) - lstsq->block_phi[j]) * root;
        }
    }
}

static void pack_targets(snnk_lstsq *lstsq, const snnk_rows *rows) {
    const double all = snnk__rows_weight(rows);
    double *out = lstsq->qr->y;

    for (size_t j = 0; j < lstsq->targets; j++, out += lstsq->qr->ld) {
        const double first = snnk__rows_target(rows, 0, j); /* so that the mean of a constant is
                                                             * exact */
        double sum = 0;

        for (size_t k = 0; k < rows->n; k++) {
            const double weight = rows->weights ? (double)rows->weights[k] : 1;

            sum += weight * (snnk__rows_target(rows, k, j) - first);
        }
        lstsq->block_y[j] = first + sum / all;
        for (size_t k = 0; k < rows->n; k++)
            out[k] = (snnk__rows_target(rows, k, j) - lstsq->block_y[j]) * root_weight(rows, k);
    }
}

void snnk__qr_pack(snnk_lstsq *lstsq, const snnk_rows *rows) {
    pack_features(lstsq, rows);
    pack_targets(lstsq, rows);
}

void snnk__qr_set_shift(snnk_lstsq *lstsq, size_t row, double scale, const double *block_phi,
                        const double *block_y) {
    const snnk__qr *qr = lstsq->qr;

    for (size_t j = 0; j < lstsq->features; j++)
        qr->phi[j * qr->ld + row] = scale * (block_phi[j] - lstsq->mean_phi[j]);
    for (size_t k = 0; k < lstsq->targets; k++)
        qr->y[k * qr->ld + row] = scale * (block_y[k] - lstsq->mean_y[k]);
}

/* ---- Factors ---- */

/* A block of `rows` rows, the last `triangular` of them (0 or m) as a triangle, which R (m x m)
 * absorbs. */
typedef struct block {
    snnk__qr *qr;
    size_t m, rows, triangular;
    double *R;
} block;

/* A panel of columns of the block, and the part that it has not zeros in: its first `rows` rows,
 * the last `triangular` of them as a triangle. */
typedef struct panel {
    size_t first, width;
    size_t rows, triangular;
    double *V, *T; /* reflectors: ld x width, and their triangular factor */
} panel;

static panel panel_of(const block *b, size_t first, size_t width, double *T) {
    panel p = {first, width, b->rows, 0, b->qr->phi + first * b->qr->ld, T};

    if (b->triangular > 0) {
        p.rows = b->rows - b->m + first + width;
        p.triangular = first + 1 < b->m ? width : 0; /* the last column is full */
    }
    return p;
}

/* Apply reflections that end with a triangle. LAPACK refuses wrong arguments only, and these are
 * right. */
static void reflect_pentagon(const block *b, const panel *p, lapack_int count, double *A,
                             double *B) {
    const lapack_int w = (lapack_int)p->width, ld = (lapack_int)b->qr->ld;

    (void)LAPACKE_dtprfb_work(LAPACK_COL_MAJOR, 'L', 'T', 'F', 'C', (lapack_int)p->rows, count, w,
                              (lapack_int)p->triangular, p->V, ld, p->T, b->qr->reflectors, A,
                              (lapack_int)b->m, B, ld, b->qr->work, w);
}

/* Apply the reflections of a panel to `count` columns: rows `first` ... of A (m rows), and those of
 * B. W = T^T (A + V^T B), A -= W, B -= V W, all by dgemm: its products with zeros of T take less
 * time than dtrmm. */
static void reflect(const block *b, const panel *p, size_t count, double *A, double *B) {
    const lapack_int w = (lapack_int)p->width, ld = (lapack_int)b->qr->ld, n = (lapack_int)count;
    const lapack_int rows = (lapack_int)p->rows;
    double *sums = b->qr->work, *W = sums + p->width * count;

    A += p->first;
    if (p->triangular > 0) {
        reflect_pentagon(b, p, n, A, B);
        return;
    }
    for (size_t j = 0; j < count; j++)
        memcpy(sums + j * p->width, A + j * b->m, p->width * sizeof *A);
    cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, w, n, rows, 1, p->V, ld, B, ld, 1, sums,
                w);
    cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, w, n, w, 1, p->T, b->qr->reflectors, sums,
                w, 0, W, w);
    for (size_t j = 0; j < count; j++)
        for (size_t i = 0; i < p->width; i++) A[j * b->m + i] -= W[j * p->width + i];
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, rows, n, w, -1, p->V, ld, W, w, 1, B,
                ld);
}

/* Set the upper right part of the triangular factor of two panels, T = -T1 (V1^T V2) T2. V1 ends
 * with a triangle, and there V2 has none. */
static void join(const block *b, const panel *one, const panel *two) {
    const lapack_int ld = (lapack_int)b->qr->ld, ldt = b->qr->reflectors;
    const lapack_int w1 = (lapack_int)one->width, w2 = (lapack_int)two->width;
    const size_t dense = one->rows - one->triangular;
    double *T = one->T + one->width * (size_t)ldt;

    for (size_t j = 0; j < two->width; j++) {
        double *to = T + j * (size_t)ldt;

        memset(to, 0, one->width * sizeof *to);
        memcpy(to, two->V + j * b->qr->ld + dense, one->triangular * sizeof *to);
    }
    if (one->triangular > 0)
        cblas_dtrmm(CblasColMajor, CblasLeft, CblasUpper, CblasTrans, CblasNonUnit, w1, w2, 1,
                    one->V + dense, ld, T, ldt);
    cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, w1, w2, (lapack_int)dense, 1, one->V, ld,
                two->V, ld, 1, T, ldt);
    cblas_dtrmm(CblasColMajor, CblasLeft, CblasUpper, CblasNoTrans, CblasNonUnit, w1, w2, -1,
                one->T, ldt, T, ldt);
    cblas_dtrmm(CblasColMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit, w1, w2, 1,
                two->T, ldt, T, ldt);
}

/* Factor a panel in halves (Elmroth & Gustavson 2000). */
static void factor(const block *b, const panel *p) {
    const lapack_int m = (lapack_int)b->m, ld = (lapack_int)b->qr->ld;
    const size_t half = (p->width + 1) / 2, next = p->first + half;

    if (p->width <= FEWEST) {
        (void)LAPACKE_dtpqrt2_work(LAPACK_COL_MAJOR, (lapack_int)p->rows, (lapack_int)p->width,
                                   (lapack_int)p->triangular, b->R + p->first * b->m + p->first, m,
                                   p->V, ld, p->T, b->qr->reflectors);
        return;
    }

    const size_t corner = half * (size_t)b->qr->reflectors + half;
    const panel one = panel_of(b, p->first, half, p->T);
    const panel two = panel_of(b, next, p->width - half, p->T + corner);

    factor(b, &one);
    reflect(b, &one, two.width, b->R + next * b->m, two.V);
    factor(b, &two);
    join(b, &one, &two);
}

/* Apply the reflections of a panel of the first block, whose V begins with a triangle, to rows
 * `first` ... of B. There is no A. */
static void reflect_whole(const block *b, const panel *p, size_t count, double *B) {
    const lapack_int ld = (lapack_int)b->qr->ld, n = (lapack_int)count;

    (void)LAPACKE_dlarfb_work(LAPACK_COL_MAJOR, 'L', 'T', 'F', 'C', (lapack_int)p->rows, n,
                              (lapack_int)p->width, p->V, ld, p->T, b->qr->reflectors, B + p->first,
                              ld, b->qr->work, n);
}

/* Apply reflections some columns at a time, with reports. A = NULL: those of the first block. */
static int reflect_columns(const block *b, const panel *p, size_t columns, double *A, double *B,
                           snnk__progress *progress, double part) {
    const double cost = 2 * (double)p->rows * (double)p->width;
    const size_t most = snnk__min_size((size_t)(REPORT_EVERY / cost) + 1, b->qr->wide);
    int st = SNNK_OK;

    for (size_t c = 0; st == SNNK_OK && c < columns; c += most) {
        const size_t count = snnk__min_size(most, columns - c);

        if (A)
            reflect(b, p, count, A + c * b->m, B + c * b->qr->ld);
        else
            reflect_whole(b, p, count, B + c * b->qr->ld);
        st = snnk__progress_update(progress, part);
    }
    return st;
}

/* As LAPACK's dtpqrt and dtpmqrt, a panel at a time. */
int snnk__qr_absorb(snnk__qr *qr, size_t m, size_t t, size_t rows, size_t triangular, double *R,
                    double *Z, snnk__progress *progress) {
    const block b = {qr, m, rows, triangular, R};
    const size_t most = (size_t)qr->reflectors;
    int st = SNNK_OK;

    for (size_t first = 0; st == SNNK_OK && first < m; first += most) {
        const size_t width = snnk__min_size(most, m - first), next = first + width;
        const panel p = panel_of(&b, first, width, qr->T + first * most);
        const double left = (double)(m - next) / (double)m;

        memset(p.T, 0, width * most * sizeof *p.T); /* also below the diagonal */
        factor(&b, &p);
        st = reflect_columns(&b, &p, m - next, R + next * m, qr->phi + next * qr->ld, progress,
                             1 - left * left);
        if (st == SNNK_OK) st = reflect_columns(&b, &p, t, Z, qr->y, progress, 1 - left * left);
    }
    return st;
}

/* ---- The first block ---- */

/* Move the factor of k rows to R and Z, and leave the unexplained part of the targets. */
static void move_factor(snnk__qr *qr, size_t m, size_t t, size_t k, double *R, double *Z) {
    for (size_t j = 0; j < m; j++)
        for (size_t i = 0; i <= j; i++) R[j * m + i] = i < k ? qr->phi[j * qr->ld + i] : 0;
    for (size_t c = 0; c < t; c++) {
        double *y = qr->y + c * qr->ld;

        memset(Z + c * m, 0, m * sizeof *Z);
        memcpy(Z + c * m, y, k * sizeof *Z);
        memset(y, 0, k * sizeof *y);
    }
}

/* As snnk__qr_absorb into zeros, which takes m/rows/3 less work: LAPACK's dgeqrt, a panel at a
 * time. */
static int absorb_first(snnk__qr *qr, size_t m, size_t t, size_t rows, double *R, double *Z,
                        snnk__progress *progress) {
    const block b = {qr, m, rows, 0, R};
    const size_t k = snnk__min_size(rows, m), most = (size_t)qr->reflectors;
    int st = SNNK_OK;

    for (size_t first = 0; st == SNNK_OK && first < k; first += most) {
        const size_t width = snnk__min_size(most, k - first), next = first + width;
        const double left = (double)(k - next) / (double)k;
        const panel p = {
            first, width, rows - first, 0, qr->phi + first * qr->ld + first, qr->T + first * most};

        (void)LAPACKE_dgeqrt3_work(LAPACK_COL_MAJOR, (lapack_int)p.rows, (lapack_int)width, p.V,
                                   (lapack_int)qr->ld, p.T, qr->reflectors);
        st = reflect_columns(&b, &p, m - next, NULL, qr->phi + next * qr->ld, progress,
                             1 - left * left);
        if (st == SNNK_OK) st = reflect_columns(&b, &p, t, NULL, qr->y, progress, 1 - left * left);
    }
    if (st == SNNK_OK) move_factor(qr, m, t, k, R, Z);
    return st;
}

/* ---- Adding ---- */

/* Add the squares of the unexplained targets in rows 0 ... rows-1 of the block to yy. */
static void add_rest(snnk_lstsq *lstsq, size_t rows) {
    const snnk__qr *qr = lstsq->qr;

    for (size_t k = 0; k < lstsq->targets; k++)
        for (size_t i = 0; i < rows; i++)
            lstsq->yy[k] += qr->y[k * qr->ld + i] * qr->y[k * qr->ld + i];
}

/* As in accumulate.c, the shift of the mean is one more row. */
int snnk__qr_add_block(snnk_lstsq *lstsq, const snnk_rows *rows, snnk__progress *progress) {
    const size_t m = lstsq->features, t = lstsq->targets;
    const double a = lstsq->weight, b = snnk__rows_weight(rows);
    const bool empty = lstsq->rows == 0;
    int st;

    snnk__qr_pack(lstsq, rows);
    snnk__qr_set_shift(lstsq, rows->n, sqrt(a / (a + b) * b), lstsq->block_phi, lstsq->block_y);
    snnk__move_mean(m, b / (a + b), lstsq->block_phi, lstsq->mean_phi);
    snnk__move_mean(t, b / (a + b), lstsq->block_y, lstsq->mean_y);
    st = empty ? absorb_first(lstsq->qr, m, t, rows->n, lstsq->S, lstsq->C, progress)
               : snnk__qr_absorb(lstsq->qr, m, t, rows->n + 1, 0, lstsq->S, lstsq->C, progress);
    if (st != SNNK_OK) return st;
    add_rest(lstsq, empty ? rows->n : rows->n + 1);
    lstsq->rows += rows->n;
    lstsq->weight += b;
    return SNNK_OK;
}

void snnk__qr_merge(snnk_lstsq *lstsq, const snnk_lstsq *other) {
    const size_t m = lstsq->features, t = lstsq->targets;
    const double a = lstsq->weight, b = other->weight;
    const snnk__qr *qr = lstsq->qr;

    snnk__qr_set_shift(lstsq, 0, sqrt(a / (a + b) * b), other->mean_phi, other->mean_y);
    for (size_t j = 0; j < m; j++)
        memcpy(qr->phi + j * qr->ld + 1, other->S + j * m, (j + 1) * sizeof(double));
    for (size_t k = 0; k < t; k++) {
        memcpy(qr->y + k * qr->ld + 1, other->C + k * m, m * sizeof(double));
        lstsq->yy[k] += other->yy[k];
    }
    (void)snnk__qr_absorb(lstsq->qr, m, t, m + 1, m, lstsq->S, lstsq->C, NULL);
    add_rest(lstsq, m + 1);
}

/* ---- To moments ---- */

/* Set S = L L^T and C = Z L^T, some rows at a time. */
static int square(snnk_lstsq *lstsq, const double *L, const double *Z, snnk__progress *progress) {
    const size_t m = lstsq->features, t = lstsq->targets;
    const lapack_int mi = (lapack_int)m;
    const size_t most = (size_t)(REPORT_EVERY / ((double)m * (double)m)) + 1;
    int st = SNNK_OK;

    for (size_t first = 0; st == SNNK_OK && first < m; first += most) {
        const size_t count = snnk__min_size(most, m - first), width = first + count;
        const lapack_int n = (lapack_int)count, k = (lapack_int)width;
        const double *rows = L + first * m;
        const double share = (double)width / (double)m;

        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, (lapack_int)first, k, 1, rows, mi,
                    L, mi, 0, lstsq->S + first * m, mi);
        cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, n, k, 1, rows, mi, 0,
                    lstsq->S + first * m + first, mi);
        st = snnk__progress_update(progress, share * share * share);
    }
    for (size_t first = 0; st == SNNK_OK && first < t; first += most) {
        const lapack_int n = (lapack_int)snnk__min_size(most, t - first);

        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, mi, mi, 1, Z + first * m, mi, L, mi,
                    0, lstsq->C + first * m, mi);
        st = snnk__progress_update(progress, 1);
    }
    return st;
}

/* Also adds |Z|^2 to yy. */
int snnk__qr_to_gram(snnk_lstsq *lstsq, snnk__progress *progress) {
    const size_t m = lstsq->features, t = lstsq->targets;
    double *L = lstsq->qr->phi, *Z = lstsq->qr->y;
    int st;

    memset(L, 0, m * m * sizeof *L);
    for (size_t i = 0; i < m; i++) memcpy(L + i * m, lstsq->S + i * m, (i + 1) * sizeof *L);
    memcpy(Z, lstsq->C, t * m * sizeof *Z);
    for (size_t k = 0; k < t; k++) lstsq->yy[k] = snnk__lstsq_squares(lstsq, k);
    if ((st = square(lstsq, L, Z, progress)) != SNNK_OK) return st;
    lstsq->factorization = SNNK_FACTORIZATION_GRAM;
    snnk__qr_free(&lstsq->allocator, lstsq->qr);
    lstsq->qr = NULL;
    return SNNK_OK;
}

/* The reciprocal condition number of L with its rows (the features) scaled to length 1. Constant
 * features have length 0 and do not count. */
static double reciprocal_condition(const snnk_lstsq *lstsq) {
    const size_t m = lstsq->features;
    const lapack_int mi = (lapack_int)m;
    const snnk__qr *qr = lstsq->qr;
    double reciprocal = 0;

    for (size_t i = 0; i < m; i++) {
        const double length = sqrt(snnk__lstsq_diagonal(lstsq, i));

        for (size_t j = 0; j <= i; j++)
            qr->phi[i * m + j] = length > 0 ? lstsq->S[i * m + j] / length : i == j;
    }
    (void)LAPACKE_dtrcon_work(LAPACK_COL_MAJOR, '1', 'U', 'N', mi, qr->phi, mi, &reciprocal,
                              qr->work, qr->iwork);
    return reciprocal;
}

int snnk__qr_decide(snnk_lstsq *lstsq, snnk__progress *progress) {
    if (lstsq->factorization != SNNK_FACTORIZATION_AUTO ||
        lstsq->rows < snnk__qr_decisive_rows(lstsq))
        return SNNK_OK;
    if (reciprocal_condition(lstsq) > 1 / GRAM_CONDITION) return snnk__qr_to_gram(lstsq, progress);
    lstsq->factorization = SNNK_FACTORIZATION_QR;
    return SNNK_OK;
}
