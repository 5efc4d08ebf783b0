/* Choosing settings: which features of the inputs, at which scale, predict the targets best.
 *
 *     snnk_choice *choice;
 *     snnk_candidate best = {.size = sizeof best};
 *     const snnk_rows *rows = SNNK_ROWS(.n = n, .inputs = d, .X = X, .labels = labels);
 *     snnk_choose(1, &rows, classes, NULL, NULL, &choice);
 *     snnk_choice_get(choice, 0, &best);           // candidate 0 has the smallest error
 *     snnk_scaling_create(d, best.scaling, NULL, &scaling);   // and so on, as in <snnk/fit.h>
 *     snnk_choice_free(choice);
 *
 * Candidates are kinds of features (<snnk/map.h>) with their scales, ways to scale the inputs, and,
 * if wanted, ways in which you have prepared the inputs. Each is scored on a random sample of the
 * rows, by exact errors of ridge regressions that leave out one row, with its equals or its group
 * (snnk_rows.groups), at the best of several ridges. All candidates are scored with few rows and
 * features; the best of them, and the one of fewest features, again with more (successive halving).
 *
 * The number of features is not chosen: the more, the better, until the error on held-out rows
 * (snnk_fit_report) stops falling. */
#ifndef SNNK_CHOOSE_H
#define SNNK_CHOOSE_H

#include <snnk/map.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_choice snnk_choice;

/* What may be chosen. Sums of these are valid too. Values never change. */
typedef enum snnk_choose_what {
    SNNK_CHOOSE_KIND = 1,   /* linear, arc-cosine, Gaussian or tanh features */
    SNNK_CHOOSE_SCALE = 2,  /* projection_scale and offset_scale, among those usual for the kind */
    SNNK_CHOOSE_SCALING = 4 /* COMMON or STANDARDIZE */
} snnk_choose_what;

/* Settings. Fill with snnk_choose_config_init, then change fields. */
typedef struct snnk_choose_config {
    size_t size;                /* set by snnk_choose_config_init */
    uint64_t seed;              /* chooses the sample of the rows. Default 0 */
    uint64_t max_rows;          /* of the sample, 16 ... 32768. Default 2000 */
    uint64_t features;          /* m of the candidates in the last round, an even number in
                                 * 16 ... 32768; doubled for up to 1024 rows. Default 256 */
    const snnk_map_config *map; /* the settings that are not chosen, seed included. NULL (default):
                                 * the defaults, with ORTHOGONAL rows */
    int32_t choose;             /* sum of snnk_choose_what. Default all of them, 7 */
    int32_t scaling;            /* mode of scaling if it is not chosen; -1 for none. Default
                                 * COMMON */
} snnk_choose_config;

/* Set every field to its default.
 *   config       out: the struct to fill
 *   config_size  sizeof *config, as the caller was compiled
 * SNNK_E_NULL, SNNK_E_CONFIG (a size this library does not know). */
SNNK_API int snnk_choose_config_init(snnk_choose_config *config, size_t config_size);

/* A candidate. Set `size`; the library fills the rest. */
typedef struct snnk_candidate {
    size_t size;                /* set by the caller: sizeof the struct */
    const snnk_map_config *map; /* settings of the map; valid until the choice is freed */
    size_t way;                 /* index of the prepared inputs */
    int32_t scaling;            /* an snnk_scaling_mode, or -1 for none */
    int32_t finalist;           /* 1 if scored in the last round, as candidate 0 is */
    double error;            /* squared error of rows that were left out, at the best of the ridges,
                              * as a share of the variance of the targets. Both are weighted if rows
                              * have weights. Infinite if it could not be computed */
    uint64_t rows, features; /* of the last fit that it was scored with */
} snnk_candidate;

/* Score candidates.
 *   n_ways     ways in which the inputs were prepared, at least 1
 *   ways       for each, the rows: all have the same targets or labels, in the same order. Weights
 *              and groups are those of the first way
 *   outputs    columns of Y, or number of classes
 *   config     NULL for the defaults
 *   workspace  NULL for one thread. Its progress function can cancel the call
 *   choice     out: release with snnk_choice_free
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_SHAPE, SNNK_E_STRIDE, SNNK_E_RANGE, SNNK_E_ENUM,
 * SNNK_E_NONFINITE (X or Y), SNNK_E_STATE (fewer than 2 different rows or groups; inputs are
 * constant), SNNK_E_SIZE, SNNK_E_NOMEM, SNNK_E_CANCELLED. */
SNNK_API int snnk_choose(size_t n_ways, const snnk_rows *const *ways, size_t outputs,
                         const snnk_choose_config *config, snnk_workspace *workspace,
                         snnk_choice **choice);

/* Free a choice. NULL is fine. */
SNNK_API void snnk_choice_free(snnk_choice *choice);

/* Get the number of candidates. 0 for NULL. */
SNNK_API size_t snnk_choice_candidates(const snnk_choice *choice);

/* Get a candidate.
 *   k          0 is the best. Those that were scored with more rows come first, each part in the
 *              order of errors
 *   candidate  out: set its size first
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_RANGE (no such candidate). */
SNNK_API int snnk_choice_get(const snnk_choice *choice, size_t k, snnk_candidate *candidate);

#ifdef __cplusplus
}
#endif

#endif
