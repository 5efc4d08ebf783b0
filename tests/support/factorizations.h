/* Statistics of either factorization, turned into moments for comparison. */
#ifndef SNNK_TESTS_FACTORIZATIONS_H
#define SNNK_TESTS_FACTORIZATIONS_H

#include "statistics.h"

#include "solve/qr.h"

static inline snnk_lstsq *factorization_create(size_t m, size_t t, int32_t factorization) {
    snnk_lstsq *s = NULL;

    assert_ok(snnk_lstsq_create(m, t, NULL, &s));
    assert_ok(snnk_lstsq_set_factorization(s, factorization));
    return s;
}

/* Statistics of n packed rows; weights or NULL. */
static inline snnk_lstsq *factorization_collect(size_t n, size_t m, size_t t, const float *Phi,
                                                const float *Y, const float *weights,
                                                int32_t factorization) {
    snnk_lstsq *s = factorization_create(m, t, factorization);

    assert_ok(snnk_lstsq_add(
        s, SNNK_ROWS(.n = n, .X = Phi, .ldx = m, .Y = Y, .ldy = t, .weights = weights), NULL));
    return s;
}

/* The same as statistics_assert_close, for any factorizations. */
static inline void factorization_assert_close(const snnk_lstsq *a, const snnk_lstsq *e, double rtol,
                                              double atol_mean) {
    snnk_lstsq *moments[2];

    assert_ok(snnk__lstsq_clone(a, NULL, &moments[0]));
    assert_ok(snnk__lstsq_clone(e, NULL, &moments[1]));
    for (int i = 0; i < 2; i++)
        if (moments[i]->factorization != SNNK_FACTORIZATION_GRAM)
            (void)snnk__qr_to_gram(moments[i], NULL);
    assert_close(a->weight, e->weight, 1e-14, 0); /* sums of up to 50 weights of one size */
    statistics_assert_close(moments[0], moments[1], rtol, atol_mean);
    for (int i = 0; i < 2; i++) snnk_lstsq_free(moments[i]);
}

static inline snnk_solve_config factorization_config(double ridge, int32_t intercept) {
    snnk_solve_config config;

    assert_ok(snnk_solve_config_init(&config, sizeof config));
    config.ridge = ridge;
    config.intercept = intercept;
    return config;
}

static inline snnk_solve_report factorization_solve(snnk_lstsq *s, double ridge, int32_t intercept,
                                                    double *B, double *b) {
    const snnk_solve_config config = factorization_config(ridge, intercept);
    snnk_solve_report report = {.size = sizeof report};

    assert_ok(snnk_lstsq_solve(s, &config, NULL, B, s->features, b, &report));
    return report;
}

#endif
