/* The forms of numbers: what makes an output of a number of a column. */
#ifndef SNNK_ENCODE_FORM_H
#define SNNK_ENCODE_FORM_H

#include <snnk/encoder.h>

/* Mean and sum of squared deviations of weighted values, without overflow or underflow: the squares
 * are in units of a power of two, which grows with the largest deviation. All zeros: no values. */
typedef struct snnk__number_moments {
    double weight, mean;
    double unit;    /* 0 as long as all values are the same */
    double squares; /* of the deviations, divided by unit^2 */
} snnk__number_moments;

/* Add a finite value. weight: > 0, at most 2^53 in total. */
void snnk__number_moments_add(snnk__number_moments *moments, double value, double weight);

/* How a column's numbers become outputs. All zeros: plain. */
typedef struct snnk__form {
    int32_t value;          /* an snnk_number_form */
    double median, spread;  /* squashed: v = asinh((x - median) / spread); spread > 0 */
    double mean, deviation; /* of x, or of v: the output is (x - mean) / deviation; deviation > 0 */
} snnk__form;

/* Learn to standardize values with these moments. */
snnk__form snnk__form_standardize(const snnk__number_moments *moments);

/* Learn to squash n >= 1 sorted, finite values. At most two different ones: to standardize them. */
snnk__form snnk__form_squash(const double *sorted, size_t n);

/* The output for a finite x. Infinite if x is too far from the values that were learned. */
double snnk__form_apply(const snnk__form *form, double x);

/* The median of n >= 1 sorted, finite values. */
double snnk__sorted_median(const double *sorted, size_t n);

#endif
