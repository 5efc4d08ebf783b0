#include "distill/student.h"

#include <math.h>

#include "distill/collect.h"

#define RIDGES 8 /* values of lambda that are tried */

void snnk__student_free(snnk__student *student) {
    snnk_map_free(student->map);
    snnk_lstsq_free(student->train);
    snnk_lstsq_free(student->heldout);
    *student = (snnk__student){0};
}

int snnk__student_fit(const snnk_distill *distill, snnk_map *map, snnk_workspace *workspace,
                      snnk__student *student) {
    return snnk__student_fit_sample(distill, map, INFINITY, workspace, student);
}

int snnk__student_fit_sample(const snnk_distill *distill, snnk_map *map, double sample,
                             snnk_workspace *workspace, snnk__student *student) {
    const double given = distill->config.ridge;
    double ridges[RIDGES], errors[RIDGES];
    size_t best = 0, n = RIDGES;
    int st;

    *student = (snnk__student){.map = map};
    st = snnk__distill_collect(distill, map, SNNK_PRECISION_DOUBLE, sample, workspace,
                               &student->train, &student->heldout);
    if (st != SNNK_OK) goto done;
    if (given == SNNK_RIDGE_AUTO)
        st = snnk_lstsq_default_ridges(student->train, n, ridges);
    else
        ridges[0] = given, n = 1;
    if (st != SNNK_OK) goto done;
    st = snnk_lstsq_choose_ridge(student->train, student->heldout, NULL, n, ridges, NULL, errors,
                                 &best);
    if (st != SNNK_OK) goto done;
    student->ridge = ridges[best];
    student->explained =
        1 - errors[best] * student->heldout->weight / snnk__distill_squares(student->heldout);
done:
    if (st != SNNK_OK) snnk__student_free(student);
    return st;
}

double snnk__student_cost_of_fit(const snnk_distill *distill, size_t m) {
    const double features = (double)m, d = (double)distill->d, l = (double)distill->l;

    return (double)distill->n * features * (d + l + features / 2);
}

int snnk__student_solve(const snnk_distill *distill, const snnk__student *student, float *Psi,
                        float *bias) {
    const size_t m = student->map->features, l = distill->l;
    snnk_solve_config config;
    double *B = NULL;
    int st = snnk_solve_config_init(&config, sizeof config);

    config.ridge = student->ridge;
    if (st == SNNK_OK) st = snnk__alloc(&distill->allocator, l, (m + 1) * sizeof *B, "Psi", &B);
    if (st == SNNK_OK) st = snnk_lstsq_solve(student->train, &config, NULL, B, m, B + l * m, NULL);
    for (size_t i = 0; st == SNNK_OK && i < l * m; i++) Psi[i] = (float)B[i];
    for (size_t i = 0; st == SNNK_OK && i < l; i++) bias[i] = (float)B[l * m + i];
    snnk__free(&distill->allocator, B);
    return st;
}

int snnk__student_layer(const snnk__student *student, snnk_layer **layer) {
    snnk_solve_config config;
    int st = snnk_solve_config_init(&config, sizeof config);

    config.ridge = student->ridge;
    if (st == SNNK_OK) st = snnk_lstsq_merge(student->train, student->heldout);
    if (st != SNNK_OK) return st;
    return snnk_layer_create_from_lstsq(student->map, student->train, &config, NULL, NULL, layer);
}
