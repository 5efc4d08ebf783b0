/* How often estimates at given pairs are off by more than a given error, and how many features that
 * takes. */
#ifndef SNNK_PREDICT_TAIL_H
#define SNNK_PREDICT_TAIL_H

#include <stddef.h>

/* An estimate at one pair. */
typedef struct snnk__pair {
    double value;    /* exact */
    double bias;     /* mean error: that of the spectrum, which more features do not reduce */
    double variance; /* of the error, over draws of the rows */
    double bound2;   /* sum of the squares of bounds on its terms */
    double kurtosis; /* excess kurtosis of the error, >= 0; infinite if unknown */
} snnk__pair;

/* The errors at a batch of pairs, at the present number of features. */
typedef struct snnk__errors {
    size_t n;
    const snnk__pair *pair;
} snnk__errors;

/* Bound the probability that a sum of independent terms of mean 0 is above t >= 0 of its standard
 * deviations, from its excess kurtosis >= 0. The larger of the normal tail and that of Student's t
 * with the same variance and kurtosis, but at most what the inequality of Cantelli gives. An
 * infinite kurtosis gives the latter. */
double snnk__tail(double t, double kurtosis);

/* The probability that the error is above `error` at a random pair, if the map is given `times` as
 * many random features. */
double snnk__exceedance(const snnk__errors *errors, double error, double times);

/* The same by Chebyshev's inequality. */
double snnk__exceedance_chebyshev(const snnk__errors *errors, double error, double times);

/* Find the least `times` <= most for which the exceedance is at most `probability`. Infinite if
 * there is none. */
double
snnk__times_needed(double (*exceedance)(const snnk__errors *errors, double error, double times),
                   const snnk__errors *errors, double error, double probability, double most);

#endif
