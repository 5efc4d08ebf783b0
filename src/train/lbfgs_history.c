#include "train/lbfgs_history.h"

#include "base/size.h"

void snnk__lbfgs_free(const snnk_allocator *allocator, snnk__lbfgs *lbfgs) {
    if (!lbfgs) return;
    snnk__free(allocator, lbfgs->s);
    snnk__free(allocator, lbfgs->y);
    snnk__free(allocator, lbfgs->x);
    snnk__free(allocator, lbfgs);
}

int snnk__lbfgs_create(const snnk_allocator *allocator, size_t n, snnk__lbfgs **lbfgs) {
    snnk__lbfgs *made;
    size_t pairs;
    int st;

    if (!snnk__mul_size(n, SNNK__LBFGS_ROOM, &pairs))
        return snnk__fail(SNNK_E_SIZE, "%zu numbers that learn overflow size_t", n);
    st = snnk__alloc_zero(allocator, 1, sizeof *made, "lbfgs", &made);
    if (st != SNNK_OK) return st;
    made->n = n;
    st = snnk__alloc(allocator, pairs, sizeof *made->s, "differences", &made->s);
    if (st == SNNK_OK) st = snnk__alloc(allocator, pairs, sizeof *made->y, "differences", &made->y);
    if (st == SNNK_OK) st = snnk__alloc(allocator, 4 * n, sizeof *made->x, "a step", &made->x);
    if (st != SNNK_OK) {
        snnk__lbfgs_free(allocator, made);
        return st;
    }
    made->g = made->x + n;
    made->d = made->g + n;
    made->g_new = made->d + n;
    *lbfgs = made;
    return SNNK_OK;
}

void snnk__lbfgs_mark(snnk__lbfgs *lbfgs) {
    lbfgs->mark_count = lbfgs->count;
    lbfgs->mark_next = lbfgs->next;
}

void snnk__lbfgs_return(snnk__lbfgs *lbfgs) {
    lbfgs->count = lbfgs->mark_count;
    lbfgs->next = lbfgs->mark_next;
}
