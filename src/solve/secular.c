/* The secular equation by interpolation with two poles (Li 1993, "Solving secular equations stably
 * and efficiently"), and bisection where that leaves the bracket. */
#include "solve/secular.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

#define MAX_STEPS 100

/* The sum at a trial offset, of the poles up to i and of those after it. */
typedef struct sums {
    double left, left_slope, right, right_slope;
} sums;

typedef struct equation {
    size_t k, i, pole; /* offsets are from poles[pole] */
    const double *poles, *squares;
} equation;

static void add_terms(const equation *e, size_t from, size_t to, double offset, double *sum,
                      double *slope) {
    const double origin = e->poles[e->pole];
    double s[4] = {0}, d[4] = {0};
    size_t j = from;

    for (; j + 4 <= to; j += 4) /* four sums, so that divisions overlap */
        for (size_t c = 0; c < 4; c++) {
            const double inverse = 1 / (e->poles[j + c] - origin - offset);
            const double term = e->squares[j + c] * inverse;

            s[c] += term;
            d[c] += term * inverse;
        }
    for (; j < to; j++) {
        const double inverse = 1 / (e->poles[j] - origin - offset);
        const double term = e->squares[j] * inverse;

        s[0] += term;
        d[0] += term * inverse;
    }
    *sum = (s[0] + s[1]) + (s[2] + s[3]);
    *slope = (d[0] + d[1]) + (d[2] + d[3]);
}

static sums evaluate(const equation *e, double offset) {
    sums at;

    add_terms(e, 0, e->i + 1, offset, &at.left, &at.left_slope);
    add_terms(e, e->i + 1, e->k, offset, &at.right, &at.right_slope);
    return at;
}

/* The change of the offset to the root of c + s/(a - x) + S/(b - x), which has the values and
 * slopes of the two sums; a < 0 and b > 0 are the distances to the poles around. */
static double two_poles(const sums *at, double a, double b) {
    const double s = at->left_slope * a * a, S = at->right_slope * b * b;
    const double c = 1 + (at->left - at->left_slope * a) + (at->right - at->right_slope * b);
    const double p = c * (a + b) + s + S, q = a * b * (1 + at->left + at->right);
    const double root = sqrt(fabs(p * p - 4 * q * c));

    return p <= 0 ? (p - root) / (2 * c) : 2 * q / (p + root);
}

/* The same for the last eigenvalue, which has a pole on one side only. */
static double one_pole(const sums *at, double a) {
    const double c = 1 + at->left - at->left_slope * a;

    return c > 0 ? a + at->left_slope * a * a / c : NAN;
}

/* The middle of a bracket: the geometric mean of ends of one sign, so that tiny offsets are reached
 * in few steps. */
static double middle(double low, double high) {
    if (low > 0 && high > 4 * low) return sqrt(low) * sqrt(high);
    if (high < 0 && low < 4 * high) return -sqrt(-low) * sqrt(-high);
    if (low == 0) return high / 1024;
    if (high == 0) return low / 1024;
    return low + (high - low) / 2;
}

/* Find the offset between low and high, where the sum plus 1 changes its sign from - to +. */
static double solve(const equation *e, double low, double high, double offset) {
    const bool last = e->i + 1 == e->k;
    const double origin = e->poles[e->pole];

    for (int step = 0; step < MAX_STEPS; step++) {
        const sums at = evaluate(e, offset);
        const double value = 1 + at.left + at.right;
        const double slope = at.left_slope + at.right_slope;
        const double rounding = DBL_EPSILON * (1 + 8 * (at.right - at.left) + fabs(offset) * slope);
        const double a = e->poles[e->i] - origin - offset;
        double next;

        if (fabs(value) <= rounding) break;
        if (value < 0)
            low = offset;
        else
            high = offset;
        next = offset +
               (last ? one_pole(&at, a) : two_poles(&at, a, e->poles[e->i + 1] - origin - offset));
        if (!(next > low && next < high)) next = middle(low, high);
        if (next == offset || !(next > low && next < high)) break;
        offset = next;
    }
    return offset;
}

snnk__root snnk__secular_root(size_t k, const double *poles, const double *squares, size_t i) {
    equation e = {k, i, i, poles, squares};
    double sum = 0, gap, half;

    if (i + 1 == k) { /* at most the sum of squares above the last pole */
        for (size_t j = 0; j < k; j++) sum += squares[j];
        if (k == 1) return (snnk__root){0, sum};
        return (snnk__root){i, solve(&e, 0, sum * (1 + 4 * DBL_EPSILON * (double)k), sum / 2)};
    }
    gap = poles[i + 1] - poles[i];
    half = gap / 2;
    const sums at = evaluate(&e, half);

    if (1 + at.left + at.right >= 0) return (snnk__root){i, solve(&e, 0, half, half / 2)};
    e.pole = i + 1;
    return (snnk__root){i + 1, solve(&e, -half, 0, -half / 2)};
}
