#include "map/whiten.h"

#include "base/status.h"

#ifdef SNNK_MINIMAL
int snnk__whiten(snnk_frame *frame, size_t n, const float *X, size_t ldx, size_t l, const float *W,
                 size_t ldw) {
    (void)frame, (void)n, (void)X, (void)ldx, (void)l, (void)W, (void)ldw;
    return snnk__fail(SNNK_E_UNSUPPORTED,
                      "whitening needs LAPACKE, which this minimal build leaves out");
}
#else

#include <math.h>
#include <string.h>

#include <cblas.h>
#include <lapacke.h>

#include "base/size.h"

/* The most rows of inputs, and of weights, used to find directions. */
#define MAX_ROWS 1024

typedef void transform_function(const snnk_frame *frame, const float *row, double *framed);

typedef struct rows {
    size_t n;
    const float *X;
    size_t ld;
    transform_function *transform;
} rows;

/* Find the `count` largest eigenvalues of A (order x order, destroyed) in rising order, and their
 * eigenvectors as rows of `vectors`. */
static int leading_eigenvectors(const snnk_allocator *allocator, size_t order, double *A,
                                size_t count, double *values, double *vectors) {
    const lapack_int n = (lapack_int)order;
    double *work = NULL, *all = NULL, query = 0;
    lapack_int *iwork = NULL, *support = NULL, iquery = 0, found = 0, info;
    int st;

    info = LAPACKE_dsyevr_work(LAPACK_COL_MAJOR, 'V', 'I', 'L', n, A, n, 0, 0,
                               (lapack_int)(order - count + 1), n, 0, &found, values, vectors, n,
                               NULL, &query, -1, &iquery, -1);
    if (info != 0)
        return snnk__fail(SNNK_E_INTERNAL, "LAPACK refused argument %d of dsyevr", (int)-info);
    st = snnk__alloc(allocator, (size_t)query, sizeof *work, "eigenvector scratch", &work);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(allocator, (size_t)iquery, sizeof *iwork, "eigenvector integers", &iwork);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(allocator, 2 * order, sizeof *support, "eigenvector supports", &support);
    if (st != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, order, sizeof *all, "eigenvalues", &all)) != SNNK_OK)
        goto done;
    info = LAPACKE_dsyevr_work(LAPACK_COL_MAJOR, 'V', 'I', 'L', n, A, n, 0, 0,
                               (lapack_int)(order - count + 1), n, 0, &found, all, vectors, n,
                               support, work, (lapack_int)query, iwork, iquery);
    if (info != 0 || (size_t)found != count)
        st = snnk__fail(SNNK_E_INTERNAL, "the eigenvalues of a %zu x %zu matrix did not converge",
                        order, order);
    else
        memcpy(values, all, count * sizeof *values);
done:
    snnk__free(allocator, all);
    snnk__free(allocator, support);
    snnk__free(allocator, iwork);
    snnk__free(allocator, work);
    return st;
}

/* Set framed (count x d) to `count` evenly spaced rows in frame coordinates. */
static void sample(const snnk_frame *frame, const rows *of, size_t count, double *framed) {
    for (size_t i = 0; i < count; i++)
        of->transform(frame, of->X + (size_t)((uint64_t)i * of->n / count) * of->ld,
                      framed + i * frame->inputs);
}

static size_t sampled_rows(const rows *of) { return snnk__min_size(of->n, MAX_ROWS); }

/* The same, divided by the root of their total squared length. */
static void sample_normalised(const snnk_frame *frame, const rows *of, double *framed) {
    const size_t count = sampled_rows(of) * frame->inputs;
    double total = 0;

    sample(frame, of, sampled_rows(of), framed);
    for (size_t i = 0; i < count; i++) total += framed[i] * framed[i];
    for (size_t i = 0; total > 0 && i < count; i++) framed[i] /= sqrt(total);
}

/* Set frame->directions to the leading directions of the sampled inputs and weights together; fewer
 * if the remaining ones hardly vary. */
static int find_directions(snnk_frame *frame, const rows *inputs, const rows *weights) {
    const snnk_allocator *allocator = &frame->allocator;
    const size_t d = frame->inputs, n = sampled_rows(inputs), p = n + sampled_rows(weights);
    const size_t order = snnk__min_size(p, d), most = frame->n_directions;
    const size_t count = snnk__min_size(most, order);
    double *A = NULL, *C = NULL, *values = NULL, *vectors = NULL;
    int st;

    if ((st = snnk__alloc(allocator, p * d, sizeof *A, "sampled rows", &A)) != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, order * order, sizeof *C, "moments", &C)) != SNNK_OK)
        goto done;
    st = snnk__alloc(allocator, count, sizeof *values, "eigenvalues", &values);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(allocator, count * order, sizeof *vectors, "eigenvectors", &vectors);
    if (st != SNNK_OK) goto done;
    sample_normalised(frame, inputs, A);
    if (weights->n > 0) sample_normalised(frame, weights, A + n * d);
    /* A A^T or A^T A, whichever is smaller; their eigenvectors are u = A^T q / sqrt(value). */
    cblas_dsyrk(CblasRowMajor, CblasUpper, p <= d ? CblasNoTrans : CblasTrans, (int)order,
                (int)(p <= d ? d : p), 1, A, (int)d, 0, C, (int)order);
    st = leading_eigenvectors(allocator, order, C, count, values, vectors);
    if (st != SNNK_OK) goto done;
    frame->n_directions = 0;
    for (size_t i = count; i-- > 0 && values[i] > 1e-9 * values[count - 1];) {
        double *u = frame->directions + frame->n_directions++ * d;

        if (p <= d)
            cblas_dgemv(CblasRowMajor, CblasTrans, (int)p, (int)d, 1 / sqrt(values[i]), A, (int)d,
                        vectors + i * order, 1, 0, u, 1);
        else
            memcpy(u, vectors + i * order, d * sizeof *u);
    }
done:
    snnk__free(allocator, vectors);
    snnk__free(allocator, values);
    snnk__free(allocator, C);
    snnk__free(allocator, A);
    return st;
}

/* The weight of tau I in the shrunk second moment of n rows A (n x d) with second moment S: the
 * shrinkage with the least expected square error, of Ledoit & Wolf 2004,
 *     rho = min(1, sum_i |x_i x_i^T - S|^2 / n^2 / |S - tau I|^2),
 * computed from the Gram matrix of the rows, n^2 |S|^2 = sum_ij (x_i.x_j)^2. Rows of noise give
 * 1. */
static double shrinkage(size_t n, size_t d, const double *A, double tau, double *gram) {
    double fourth = 0, square = 0;

    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasNoTrans, (int)n, (int)d, 1, A, (int)d, 0, gram,
                (int)n);
    for (size_t i = 0; i < n; i++) {
        fourth += gram[i * n + i] * gram[i * n + i];
        square += gram[i * n + i] * gram[i * n + i];
        for (size_t j = i + 1; j < n; j++) square += 2 * gram[i * n + j] * gram[i * n + j];
    }
    const double count = (double)n, moment2 = square / (count * count);
    const double spread = fourth / (count * count) - moment2 / count;
    const double distance = moment2 - tau * tau * (double)d;

    return distance > spread ? fmax(spread / distance, 0) : 1;
}

static void set_identity(size_t k, double *S) {
    memset(S, 0, k * k * sizeof *S);
    for (size_t i = 0; i < k; i++) S[i * k + i] = 1;
}

/* Set S (k x k) to the second moment along the directions, and *rest to that of each other
 * direction, both shrunk towards the average over all directions. Isotropic if there are no rows or
 * none varies. */
static int moments(const snnk_frame *frame, const rows *of, double *S, double *rest) {
    const size_t d = frame->inputs, k = frame->n_directions, n = sampled_rows(of);
    double *A = NULL, *along = NULL, *gram = NULL, total = 0, inside = 0;
    int st;

    set_identity(k, S);
    *rest = 1;
    if (n == 0) return SNNK_OK;
    if ((st = snnk__alloc(&frame->allocator, n * d, sizeof *A, "rows", &A)) != SNNK_OK) goto done;
    st = snnk__alloc(&frame->allocator, n * k, sizeof *along, "coordinates", &along);
    if (st != SNNK_OK) goto done;
    if ((st = snnk__alloc(&frame->allocator, n * n, sizeof *gram, "a Gram matrix", &gram)) !=
        SNNK_OK)
        goto done;
    sample(frame, of, n, A);
    for (size_t i = 0; i < n * d; i++) total += A[i] * A[i] / (double)n;
    if (total == 0) goto done;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)n, (int)k, (int)d, 1, A, (int)d,
                frame->directions, (int)d, 0, along, (int)k);
    for (size_t i = 0; i < n * k; i++) inside += along[i] * along[i] / (double)n;

    const double tau = total / (double)d, rho = shrinkage(n, d, A, tau, gram);

    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)k, (int)k, (int)n,
                (1 - rho) / (double)n, along, (int)k, along, (int)k, 0, S, (int)k);
    for (size_t i = 0; i < k; i++) S[i * k + i] += fmax(rho, 1e-6) * tau; /* not singular */
    const double outside = d > k ? fmax(total - inside, 0) / (double)(d - k) : tau;

    *rest = (1 - rho) * outside + rho * tau;
done:
    snnk__free(&frame->allocator, gram);
    snnk__free(&frame->allocator, along);
    snnk__free(&frame->allocator, A);
    return st;
}

/* Set S = S^power for a positive definite S (k x k). Scratch: V k x k, values k, T k x k. */
static int power(const snnk_allocator *allocator, size_t k, double exponent, double *S, double *V,
                 double *values, double *T) {
    const int st = leading_eigenvectors(allocator, k, S, k, values, V);

    if (st != SNNK_OK) return st;
    for (size_t i = 0; i < k; i++) {
        const double value = pow(fmax(values[i], 1e-12 * values[k - 1]), exponent);
        for (size_t j = 0; j < k; j++) T[i * k + j] = value * V[i * k + j];
    }
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)k, (int)k, (int)k, 1, V, (int)k, T,
                (int)k, 0, S, (int)k);
    return SNNK_OK;
}

/* Set B = A B A. */
static void sandwich(size_t k, const double *A, double *B, double *T) {
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)k, (int)k, (int)k, 1, A, (int)k, B,
                (int)k, 0, T, (int)k);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)k, (int)k, (int)k, 1, T, (int)k, A,
                (int)k, 0, B, (int)k);
}

/* Rotate the directions to the eigenvectors of the best metric Q = Sx^-1/2 (Sx^1/2 Sw Sx^1/2)^1/2
 * Sx^-1/2 on their span, and set the stretches relative to `outside`, the metric of all others. Sx
 * and Sw are destroyed. */
static int best_metric(snnk_frame *frame, double *Sx, double *Sw, double outside) {
    const snnk_allocator *allocator = &frame->allocator;
    const size_t d = frame->inputs, k = frame->n_directions;
    double *scratch = NULL, *turned = NULL;
    int st;

    st = snnk__alloc(allocator, 4 * k * k + k, sizeof *scratch, "a metric", &scratch);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(allocator, k * d, sizeof *turned, "directions", &turned);
    if (st != SNNK_OK) goto done;
    double *root = scratch, *V = root + k * k, *T = V + k * k, *other = T + k * k;
    double *values = other + k * k;

    memcpy(root, Sx, k * k * sizeof *root);
    if ((st = power(allocator, k, 0.5, root, V, values, T)) != SNNK_OK) goto done;
    sandwich(k, root, Sw, T);
    if ((st = power(allocator, k, 0.5, Sw, V, values, T)) != SNNK_OK) goto done;
    if ((st = power(allocator, k, -0.5, Sx, V, values, T)) != SNNK_OK) goto done;
    sandwich(k, Sx, Sw, T);
    if ((st = leading_eigenvectors(allocator, k, Sw, k, values, V)) != SNNK_OK) goto done;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)k, (int)d, (int)k, 1, V, (int)k,
                frame->directions, (int)d, 0, turned, (int)d);
    memcpy(frame->directions, turned, k * d * sizeof *turned);
    for (size_t i = 0; i < k; i++)
        frame->stretch[i] = sqrt(fmax(values[i], 1e-12 * values[k - 1]) / outside);
    for (size_t i = 0; i < d; i++) frame->scale[i] *= sqrt(outside);
done:
    snnk__free(allocator, turned);
    snnk__free(allocator, scratch);
    return st;
}

int snnk__whiten(snnk_frame *frame, size_t n, const float *X, size_t ldx, size_t l, const float *W,
                 size_t ldw) {
    const rows inputs = {n, X, ldx, snnk__frame_input}, weights = {l, W, ldw, snnk__frame_weight};
    const size_t most = frame->n_directions;
    double *S = NULL, x_rest = 0, w_rest = 0;
    int st;

    if (frame->inputs > INT32_MAX / (2 * MAX_ROWS))
        return snnk__fail(SNNK_E_SIZE, "inputs = %zu is too large to whiten: the limit is %d",
                          frame->inputs, INT32_MAX / (2 * MAX_ROWS));
    st = snnk__alloc(&frame->allocator, 2 * most * most, sizeof *S, "moments", &S);
    if (st != SNNK_OK) return st;
    if ((st = find_directions(frame, &inputs, &weights)) != SNNK_OK) goto done;
    if (frame->n_directions == 0) goto done; /* nothing varies */
    if ((st = moments(frame, &inputs, S, &x_rest)) != SNNK_OK) goto done;
    if ((st = moments(frame, &weights, S + most * most, &w_rest)) != SNNK_OK) goto done;
    st = best_metric(frame, S, S + most * most,
                     x_rest > 0 && w_rest > 0 ? sqrt(w_rest / x_rest) : 1);
done:
    snnk__free(&frame->allocator, S);
    return st;
}
#endif
