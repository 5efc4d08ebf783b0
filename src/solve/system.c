#include "solve/system.h"

#include "solve/lstsq.h"
#include "solve/qr.h"

static int build(const snnk_lstsq *lstsq, bool intercept, snnk__system *system) {
    const size_t m = lstsq->features, t = lstsq->targets;
    const double *mean = lstsq->mean_phi;
    const double w = intercept ? 0 : lstsq->weight;
    int st;

    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j <= i; j++)
            system->A[i * m + j] = lstsq->S[i * m + j] + w * mean[i] * mean[j];
        st = snnk__check_finite_f64(system->A + i * m, "a row of moments", 1, i + 1, m);
        if (st != SNNK_OK) return st;
    }
    for (size_t k = 0; k < t; k++) {
        const double y = lstsq->mean_y[k];

        for (size_t j = 0; j < m; j++) system->R[k * m + j] = lstsq->C[k * m + j] + w * y * mean[j];
        system->yy[k] = lstsq->yy[k] + w * y * y;
    }
    if ((st = snnk__check_finite_f64(system->R, "cross moments", t, m, m)) != SNNK_OK) return st;
    return snnk__check_finite_f64(system->yy, "target moments", 1, t, t);
}

int snnk__system_build(const snnk_lstsq *lstsq, bool intercept, snnk__progress *progress,
                       snnk__system *system) {
    snnk_lstsq *moments;
    int st;

    if (lstsq->factorization == SNNK_FACTORIZATION_GRAM) return build(lstsq, intercept, system);
    if ((st = snnk__lstsq_clone(lstsq, &lstsq->allocator, &moments)) != SNNK_OK) return st;
    st = snnk__qr_to_gram(moments, progress);
    if (st == SNNK_OK) st = build(moments, intercept, system);
    snnk_lstsq_free(moments);
    return st;
}
