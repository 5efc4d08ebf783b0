/* Measure the quality of scores, and how long they take to compute. */
#ifndef WAKE_WORD_MEASURE_H
#define WAKE_WORD_MEASURE_H

#include "data.h"

typedef struct figures {
    double
        other_auc;   /* area under the ROC curve: clips with the wake word against other speech; the
                       * score of a clip is the largest of its rows */
    double near_auc; /* the same against near misses, phrases that sound like the wake word */
    double row_auc;  /* the same for single rows */
    double recall; /* share of the clips with the wake word that score above 95 % of other speech */
    double fidelity; /* share of the variance of the original's output that is explained */
    double scores;   /* the same after the sigmoid */
} figures;

/* Judge scores (n) against the labels and the original's scores (n), both before the sigmoid. */
figures judge(const split *rows, const float *scores, const float *original);

/* The present time in seconds. */
double seconds_now(void);

/* The median time of a forward of one row, in microseconds. */
double microseconds_a_frame(const snnk_network *network, const split *rows);

#endif
