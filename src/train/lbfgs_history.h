/* What L-BFGS remembers of earlier steps. */
#ifndef SNNK_TRAIN_LBFGS_HISTORY_H
#define SNNK_TRAIN_LBFGS_HISTORY_H

#include "base/memory.h"

/* How many pairs of differences it uses; and keeps, so that one step can be undone. */
enum { SNNK__LBFGS_PAIRS = 10, SNNK__LBFGS_ROOM = SNNK__LBFGS_PAIRS + 1 };

/* Differences of numbers and gradients, one pair a row, in a ring. */
typedef struct snnk__lbfgs {
    size_t n;           /* numbers that learn */
    size_t count, next; /* pairs that there are; where the next one goes */
    size_t mark_count, mark_next;
    double *s, *y;             /* SNNK__LBFGS_ROOM x n */
    double *x, *g, *d, *g_new; /* n: numbers, gradient and direction of a step; the next gradient */
} snnk__lbfgs;

int snnk__lbfgs_create(const snnk_allocator *allocator, size_t n, snnk__lbfgs **lbfgs);

/* The row of the i-th newest pair, 1 ... count. */
static inline size_t snnk__lbfgs_row(const snnk__lbfgs *lbfgs, size_t i) {
    return (lbfgs->next + SNNK__LBFGS_ROOM - i) % SNNK__LBFGS_ROOM;
}

/* Remember which pairs there are; and return to these, at most one step later. */
void snnk__lbfgs_mark(snnk__lbfgs *lbfgs);
void snnk__lbfgs_return(snnk__lbfgs *lbfgs);

void snnk__lbfgs_free(const snnk_allocator *allocator, snnk__lbfgs *lbfgs);

#endif
