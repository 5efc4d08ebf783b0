#include "compare.h"

#include <math.h>
#include <string.h>

#include <cblas.h>

#include "common.h"

static double product(size_t d, const float *x, const float *y) {
    double sum = 0;

    for (size_t j = 0; j < d; j++) sum += (double)x[j] * y[j];
    return sum;
}

double mean_cosine(size_t n, size_t d, const float *E, const float *F) {
    double sum = 0;

    for (size_t i = 0; i < n; i++, E += d, F += d)
        sum += product(d, E, F) / sqrt(product(d, E, E) * product(d, F, F));
    return sum / (double)n;
}

double largest_difference(size_t n, size_t d, const float *E, const float *F) {
    double largest = 0;

    for (size_t k = 0; k < n * d; k++) largest = fmax(largest, fabs((double)E[k] - F[k]));
    return largest;
}

/* The cosines of all pairs, n x n, for the caller to free. */
static float *cosines(size_t n, size_t d, const float *E) {
    float *unit = allocate(n * d, sizeof *unit), *S = allocate(n * n, sizeof *S);

    for (size_t i = 0; i < n; i++) {
        const double length = sqrt(product(d, E + i * d, E + i * d));

        for (size_t j = 0; j < d; j++) unit[i * d + j] = (float)(E[i * d + j] / length);
    }
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)n, (int)n, (int)d, 1, unit, (int)d,
                unit, (int)d, 0, S, (int)n);
    free(unit);
    return S;
}

/* Set marks[j] to 1 for the k largest of n values, without values[self]; the others to 0. */
static void mark_nearest(size_t n, const float *values, size_t self, size_t k, char *marks) {
    memset(marks, 0, n);
    for (; k > 0; k--) {
        size_t best = n;

        for (size_t j = 0; j < n; j++)
            if (j != self && !marks[j] && (best == n || values[j] > values[best])) best = j;
        marks[best] = 1;
    }
}

double neighbour_agreement(size_t n, size_t d, const float *E, const float *F, size_t k) {
    float *S = cosines(n, d, E), *T = cosines(n, d, F);
    char *ours = allocate(n, 1), *theirs = allocate(n, 1);
    size_t common = 0;

    for (size_t i = 0; i < n; i++) {
        mark_nearest(n, S + i * n, i, k, ours);
        mark_nearest(n, T + i * n, i, k, theirs);
        for (size_t j = 0; j < n; j++) common += ours[j] && theirs[j];
    }
    free(theirs);
    free(ours);
    free(T);
    free(S);
    return (double)common / (double)(n * k);
}

static int expect(const char *what, double value, double expected) {
    if (fabs(value - expected) <= 1e-6) return 1; /* rounding of a few floats */
    fprintf(stderr, "%s: %g, expected %g\n", what, value, expected);
    return 0;
}

/* Make vectors in the plane at these angles, of these lengths. */
static void turn(const double degrees[5], const double lengths[5], float rows[10]) {
    for (size_t i = 0; i < 5; i++) {
        const double angle = degrees[i] / 180 * acos(-1);

        rows[2 * i] = (float)(lengths[i] * cos(angle));
        rows[2 * i + 1] = (float)(lengths[i] * sin(angle));
    }
}

int compare_test(void) {
    static const double at[] = {0, 10, 30, 80, 90}, moved[] = {0, 50, 70, 80, 89};
    static const double ones[] = {1, 1, 1, 1, 1}, lengths[] = {3, 1, 2, 0.5, 7};
    const double degree = acos(-1) / 180;
    float E[10], F[10];
    int good = 1;

    turn(at, ones, E);
    turn(moved, lengths, F);
    good &= expect("cosine with itself", mean_cosine(5, 2, F, F), 1);
    good &= expect("cosine", mean_cosine(5, 2, E, F), (2 + 2 * cos(40 * degree) + cos(degree)) / 5);
    good &= expect("difference", largest_difference(5, 2, E, F), 7 * sin(89 * degree) - 1);
    good &= expect("agreement with itself", neighbour_agreement(5, 2, E, E, 2), 1);
    /* Nearest by E: 1 0 1 4 3; by F: 1 2 3 4 3. */
    good &= expect("agreement of one", neighbour_agreement(5, 2, E, F, 1), 3.0 / 5);
    /* By E: 12 02 10 42 32; by F: 12 23 34 42 32. */
    good &= expect("agreement of two", neighbour_agreement(5, 2, E, F, 2), 7.0 / 10);
    good &= expect("agreement of all", neighbour_agreement(5, 2, E, F, 4), 1);
    return good;
}
