/* How good scores are, and how long they take. */
#ifndef WAKE_WORD_MEASURE_H
#define WAKE_WORD_MEASURE_H

#include "data.h"

typedef struct figures {
    /* areas under the receiver operating characteristic. Of clips, by their largest score: with the wake
     * word against other speech, and against near misses; of rows */
    double other_auc, near_auc, row_auc;
    double recall; /* share of the clips with the wake word that score above 95 % of other speech */
    double fidelity; /* share of the variance of the original's output that is explained */
} figures;

/* scores, original: n, before the sigmoid. */
figures judge(const split *rows, const float *scores, const float *original);

/* The median over single rows, in microseconds. */
double microseconds_a_frame(const snnk_network *network, const split *rows);

#endif
