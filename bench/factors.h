/* Factors of the solver against one call of LAPACK, and the progress function within them. */
#ifndef SNNK_BENCH_FACTORS_H
#define SNNK_BENCH_FACTORS_H

#include <stddef.h>

enum { FACTOR_SIZES = 2 };
static const size_t factor_sizes[FACTOR_SIZES] = {1024, 4096};

typedef struct factors {
    /* Minimum seconds of one LAPACK call over those of ours: dpotrf; dgeqrf of 4 m rows, or 2 m for
     * the large size, against snnk_lstsq_add. */
    double cholesky[FACTOR_SIZES], qr[FACTOR_SIZES];
    double gap_cholesky, gap_qr; /* the longest seconds between two calls of the progress function
                                  * during snnk_lstsq_solve with the large size */
} factors;

/* threads: for the clock: with 1, the time of the thread on its processor is measured. */
factors factors_measure(int threads, size_t rounds);

#endif
