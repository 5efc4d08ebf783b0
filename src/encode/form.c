#include "encode/form.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

static const char *const names[] = {[SNNK_NUMBER_FORM_PLAIN] = "plain",
                                    [SNNK_NUMBER_FORM_STANDARDIZED] = "standardized",
                                    [SNNK_NUMBER_FORM_SQUASHED] = "squashed"};

const char *snnk_number_form_name(int32_t form) {
    return form >= 0 && form <= SNNK_NUMBER_FORM_SQUASHED ? names[form] : NULL;
}

/* (a - b) / divisor, also if only a - b overflows. */
static double divide_difference(double a, double b, double divisor) {
    const double difference = a - b;

    return isinf(difference) ? a / divisor - b / divisor : difference / divisor;
}

/* ---- Moments ---- */

/* Let the unit be the power of two at or below a deviation. */
static void grow_unit(snnk__number_moments *moments, double deviation) {
    int exponent;

    frexp(fmin(deviation, DBL_MAX), &exponent);
    const double unit = ldexp(1, exponent - 1), ratio = moments->unit / unit;

    moments->squares *= ratio * ratio;
    moments->unit = unit;
}

/* Welford's update, with weights: D. H. D. West, Updating Mean and Variance Estimates: An Improved
 * Method, CACM 22 (1979). */
void snnk__number_moments_add(snnk__number_moments *moments, double value, double weight) {
    const double before = moments->weight, mean = before > 0 ? moments->mean : value;
    const double difference = value - mean, after = before + weight;

    moments->weight = after;
    moments->mean = mean;
    if (difference == 0) return;
    if (fabs(difference) >= 2 * moments->unit) grow_unit(moments, fabs(difference));
    const double deviation = divide_difference(value, mean, moments->unit);

    moments->squares += deviation * deviation * weight * (before / after);
    moments->mean += isinf(difference) ? value * (weight / after) - mean * (weight / after)
                                       : difference * weight / after;
}

/* ---- Standardizing ---- */

snnk__form snnk__form_standardize(const snnk__number_moments *moments) {
    const double deviation = moments->unit * sqrt(moments->squares / moments->weight);
    snnk__form form = {.value = SNNK_NUMBER_FORM_STANDARDIZED, .mean = moments->mean};

    /* One value, in rows with and without it: the output is 0 there. */
    form.deviation = moments->unit > 0 ? fmin(fmax(deviation, DBL_TRUE_MIN), DBL_MAX) : 1;
    return form;
}

/* ---- Squashing ---- */

static double middle(double a, double b) { return isinf(a + b) ? a / 2 + b / 2 : (a + b) / 2; }

double snnk__sorted_median(const double *sorted, size_t n) {
    return n % 2 ? sorted[n / 2] : middle(sorted[n / 2 - 1], sorted[n / 2]);
}

/* Interpolate between the two values around index (n - 1) p. */
static double quantile(const double *sorted, size_t n, double p) {
    const double at = (double)(n - 1) * p, part = at - floor(at);
    const size_t k = (size_t)at;
    const double a = sorted[k], b = sorted[k + 1 < n ? k + 1 : k];

    return isinf(b - a) ? a * (1 - part) + b * part : a + (b - a) * part;
}

/* The median of the distances from the center of those values that are not equal to it; there is at
 * least one. The distances of the values below and above are merged in increasing order. */
static double median_distance(const double *sorted, size_t n, double center) {
    size_t below = 0, above = n;
    double distance = 0, previous = 0;

    while (sorted[below] < center) below++;
    while (sorted[above - 1] > center) above--;
    const size_t count = below + (n - above);

    for (size_t k = 0; k <= count / 2; k++) {
        const bool is_below =
            above == n || (below > 0 && center - sorted[below - 1] <= sorted[above] - center);

        previous = distance;
        distance = is_below ? center - sorted[--below] : sorted[above++] - center;
    }
    return count % 2 ? distance : middle(previous, distance);
}

/* The standard deviation of a normal distribution with these quartiles; if they are the same, the
 * median distance from the median. > 0, because not all values are the same. */
static double find_spread(const double *sorted, size_t n, double median) {
    const double lower = quantile(sorted, n, 0.25), upper = quantile(sorted, n, 0.75);
    const double spread =
        upper > lower ? divide_difference(upper, lower, 1.349) : median_distance(sorted, n, median);

    return fmin(spread, DBL_MAX);
}

/* asinh((x - median) / spread). If the quotient overflows, asinh is its logarithm plus log 2. */
static double squash(const snnk__form *form, double x) {
    const double quotient = divide_difference(x, form->median, form->spread);
    const double log_4 = 1.38629436111989061883;

    if (isfinite(quotient)) return asinh(quotient);
    const double log_half = log(fabs(x / 2 - form->median / 2)) - log(form->spread);

    return copysign(log_half + log_4, quotient);
}

static bool has_three_values(const double *sorted, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (sorted[i] != sorted[0] && sorted[i] != sorted[n - 1]) return true;
    return false;
}

snnk__form snnk__form_squash(const double *sorted, size_t n) {
    const bool squashed = has_three_values(sorted, n);
    snnk__number_moments moments = {0};
    snnk__form form = {0};

    if (squashed) {
        form.median = snnk__sorted_median(sorted, n);
        form.spread = find_spread(sorted, n, form.median);
    }
    for (size_t i = 0; i < n; i++)
        snnk__number_moments_add(&moments, squashed ? squash(&form, sorted[i]) : sorted[i], 1);
    const snnk__form outer = snnk__form_standardize(&moments);

    form.value = squashed ? SNNK_NUMBER_FORM_SQUASHED : SNNK_NUMBER_FORM_STANDARDIZED;
    form.mean = outer.mean;
    form.deviation = outer.deviation;
    return form;
}

double snnk__form_apply(const snnk__form *form, double x) {
    if (form->value == SNNK_NUMBER_FORM_PLAIN) return x;
    if (form->value == SNNK_NUMBER_FORM_SQUASHED) x = squash(form, x);
    return divide_difference(x, form->mean, form->deviation);
}
