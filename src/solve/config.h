/* Settings of a solution, and its outcome. */
#ifndef SNNK_SOLVE_CONFIG_H
#define SNNK_SOLVE_CONFIG_H

#include <snnk/lstsq.h>

/* Copy the config over the defaults, into *ours. SNNK_E_CONFIG. */
int snnk__solve_config_read(snnk_solve_config *ours, const snnk_solve_config *config);

/* SNNK_E_RANGE unless every field is in its range. */
int snnk__solve_config_check(const snnk_solve_config *ours);

/* SNNK_E_RANGE unless all n ridges are finite and >= 0. */
int snnk__check_ridges(size_t n, const double *ridges);

/* The share of the largest eigenvalue below which a direction counts as absent, for m features. */
double snnk__rank_tolerance(const snnk_solve_config *config, size_t m);

/* What the linear algebra adds to snnk_solve_report. */
typedef struct snnk__solve_outcome {
    double condition;
    size_t rank;
    int32_t method;
} snnk__solve_outcome;

#endif
