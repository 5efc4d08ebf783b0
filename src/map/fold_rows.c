#include "map/fold_rows.h"

#include <string.h>

void snnk__fold_add_row(const snnk__fold *fold, size_t k, double factor, double *to) {
    const float *v = fold->V + k * fold->ldv;

    for (size_t j = 0; j < fold->columns; j++) to[j] += factor * v[j];
    if (fold->c) to[fold->columns] += factor * fold->c[k];
}

int snnk__fold_rows(const snnk__fold *fold, const snnk__linear *from, snnk__linear *to) {
    const size_t m = fold->columns;

    for (size_t i = 0; i < from->rows; i++) {
        int st;

        memset(fold->sum, 0, m * sizeof *fold->sum);
        fold->sum[m] = from->form->get_row(from, i, fold->g, fold->work);
        for (size_t k = 0; k < fold->rows; k++)
            if (fold->g[k] != 0) snnk__fold_add_row(fold, k, fold->g[k], fold->sum);
        st = snnk__linear_set_row(to, i, fold->sum, fold->sum[m], NULL, NULL, fold->folded);
        if (st != SNNK_OK) return st;
    }
    return SNNK_OK;
}
