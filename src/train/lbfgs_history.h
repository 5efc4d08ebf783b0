/* What L-BFGS remembers of earlier steps. */
#ifndef SNNK_TRAIN_LBFGS_HISTORY_H
#define SNNK_TRAIN_LBFGS_HISTORY_H

#include "base/memory.h"

/* How many pairs of differences it keeps. */
enum { SNNK__LBFGS_PAIRS = 10 };

/* Differences of numbers and gradients, one pair a row; the oldest is overwritten next. */
typedef struct snnk__lbfgs {
    size_t n;                  /* numbers that learn */
    size_t count, next;        /* pairs that there are; where the next one goes */
    double *s, *y;             /* SNNK__LBFGS_PAIRS x n */
    double *x, *g, *d, *g_new; /* n: numbers, gradient and direction of a step; the next gradient */
} snnk__lbfgs;

int snnk__lbfgs_create(const snnk_allocator *allocator, size_t n, snnk__lbfgs **lbfgs);
void snnk__lbfgs_free(const snnk_allocator *allocator, snnk__lbfgs *lbfgs);

#endif
