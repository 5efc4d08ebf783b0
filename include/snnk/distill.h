/* Distillation: replace trained dense layers by one SNNK layer of few features.
 *
 *     snnk_distill_report report = {.size = sizeof report}; snnk_layer_distill(hidden, readout, 64,
 *     SNNK_ROWS(.n = n, .X = X), NULL, NULL, &report, &student);
 *
 * The teacher is a dense layer y = f(W x + b), a block of two, y = W2 f(W1 x + b1) + b2, or any
 * function of which you have rows (x, y). The student is y = Psi Phi(x) + bias with m features. It
 * costs m (d + l) multiply-adds a row, however wide the teacher is inside.
 *
 * Give it inputs as the teacher receives them: it is fitted to these. Keep some back to judge it
 * by.
 *
 * One size of one layer is snnk_layer_distill. For several sizes, a budget, or a wanted error,
 * create an snnk_distill from the rows once and solve it as often as you like. A whole network is
 * snnk_network_compress (compress.h). docs/compressing.md has measurements. */
#ifndef SNNK_DISTILL_H
#define SNNK_DISTILL_H

#include <snnk/layer.h>
#include <snnk/rows.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How the rows of the student's G are found. Psi is solved by least squares in every tier. Values
 * never change. */
typedef enum snnk_distill_tier {
    /* Random rows, with the teacher's f. */
    SNNK_DISTILL_RANDOM = 0,

    /* r linear features along the directions of the best linear map of rank r (reduced-rank
     * regression, Izenman 1975), and m - r of the teacher's neurons, each selected for what it
     * explains of what is left. */
    SNNK_DISTILL_SELECTED = 1,

    /* The selected rows, then improved by Adam (Kingma & Ba 2015) on mini-batches. For a relu
     * teacher, linear features become relu(z + 1.5 standard deviations) first. */
    SNNK_DISTILL_REFINED = 2
} snnk_distill_tier;

/* snnk_distill_config.linear: choose r by the error on held-out rows. */
#define SNNK_DISTILL_LINEAR_AUTO (-1)

/* A progress function, called by snnk_distill_create, snnk_distill_create_from_samples,
 * snnk_distill_solve, snnk_distill_features_of_error and snnk_layer_distill, on the calling thread:
 * after every thousand rows or so, every feature selected, every mini-batch. Matrix factorizations
 * of wide layers run without a call in between.
 *   user        from the config
 *   done        of `steps` steps are done; it never decreases, and is an estimate. Each function
 *               counts from 0
 *   steps       constant
 *   explained   what the student explains of the held-out rows so far; NaN before there is a
 *               student
 * Return 0 to go on; anything else cancels the work (SNNK_E_CANCELLED, nothing made). */
typedef int (*snnk_distill_progress)(void *user, int32_t done, int32_t steps, double explained);

typedef struct snnk_distill_config {
    size_t size; /* set by snnk_distill_config_init */

    /* Of the held-out rows, random rows of G, and mini-batches. Default 0. */
    uint64_t seed;

    /* lambda of the least squares, >= 0; SNNK_RIDGE_AUTO (default): the one with the smallest error
     * on held-out rows. */
    double ridge;

    /* The share of the rows that is held out. Above 0, at most 0.5. Default 0.1. */
    double heldout_share;

    /* This many rows one after another are held out together, >= 1. Default 1. Set it where
     * neighbouring rows are similar, like the tokens of a text. */
    uint64_t heldout_block_rows;

    /* Features are selected by a random sample of about this many rows, and a quarter as many
     * held-out ones, >= 2. The final least squares uses all rows. Default 65536. */
    uint64_t selection_rows;

    /* snnk_distill_tier. Default SELECTED. */
    int32_t tier;

    /* r, the number of linear features, cut to m, d and l; SNNK_DISTILL_LINEAR_AUTO (default). */
    int32_t linear;

    /* REFINED: passes over the rows, 1 ... 100000. Default 16. */
    int32_t epochs;

    /* REFINED: rows of a mini-batch, 1 ... 1000000. Default 256. */
    int32_t batch;

    /* REFINED: the size of a step, relative to the root mean square of what it changes. Above 0, at
     * most 1. It falls to 0 along a cosine. Default 0.04. */
    double learning_rate;

    /* Called during the work, of everything done with the snnk_distill; NULL (default): none. */
    snnk_distill_progress progress;
    void *user; /* passed to it */
} snnk_distill_config;

/* How good a student is, and what simpler replacements with no more parameters reach. Set `size`;
 * the library fills in the rest.
 *
 * Explained means 1 - (squared errors)/(squared deviations of y from its mean), summed over the
 * held-out rows and all outputs: 1 is perfect, 0 is what a constant reaches. The baselines are
 * fitted to the same rows, and judged by the same held-out ones:
 *
 *     baseline   what it is                                                 parameters
 *     linear     the best linear map of rank r = min(m, d, l), two matrices r (d + l) + l
 *     neurons    the teacher's k = min(m, h) strongest neurons, Psi fitted  k (d + 1 + l) + l
 *     svd        the teacher with its matrices cut by singular values       parameters_svd
 *     random     m random rows, Psi fitted                                  m (d + 1 + l) + l
 *
 * The student has m (d + 1 + l) + l: G, offsets (also of linear features, which do not use them),
 * Psi and bias. */
typedef struct snnk_distill_report {
    size_t size; /* set by the caller: sizeof the struct */

    /* By the student, of held-out rows that Psi was not fitted to. They chose r and the ridge, and
     * stopped the refinement, so rows that you kept back judge it better. */
    double explained;
    double relative_error; /* sqrt(1 - explained) */

    /* By the baselines; NaN for one that there is not (no teacher, or fewer parameters than its
     * smallest size needs). */
    double explained_linear, explained_neurons, explained_svd, explained_random;

    double ridge;                                       /* lambda used */
    uint64_t features, linear_features;                 /* m, r */
    uint64_t parameters, multiply_adds;                 /* of the student; multiply-adds a row */
    uint64_t parameters_teacher, multiply_adds_teacher; /* 0 without a teacher */
    uint64_t parameters_svd, multiply_adds_svd;         /* of that baseline; 0 if there is none */

    /* Rows fitted to, and held out, for `explained`. The returned layer was then fitted to both. */
    uint64_t rows, heldout_rows;

    int32_t tier; /* snnk_distill_tier */

    /* REFINED: the number of the best epoch; 0 if refinement did not help. */
    int32_t epochs;

    /* 1: there were fewer rows than features to select from. Expect larger errors on other rows. */
    int32_t few_rows;

    /* 1: some baseline explains as much. Take that one. */
    int32_t simpler_is_better;
} snnk_distill_report;

/* Set every field to its default.
 *   config        the struct to fill
 *   config_size   sizeof *config, as the caller was compiled
 * SNNK_E_NULL, SNNK_E_CONFIG. */
SNNK_API int snnk_distill_config_init(snnk_distill_config *config, size_t config_size);

/* Get the name of an snnk_distill_tier ("selected"): static, NULL for an unknown value. */
SNNK_API const char *snnk_distill_tier_name(int32_t tier);

/* ---- One layer or block ---- */

/* Make a student of a dense layer or block: create, solve and free in one call. The rows are not
 * copied if they are float.
 *   hidden      the dense layer f(W1 x + b1)
 *   readout     a linear dense layer behind it; NULL: none
 *   features    m, 1 ... d + h with h the number of the teacher's neurons
 *   rows        X: inputs as the teacher receives them, d columns. Y (optional): what the student
 *               is to give, l columns; without it, what the teacher gives. weights and labels must
 *               be NULL
 *   config      NULL for the defaults
 *   workspace   NULL for one thread
 *   report      NULL if not wanted: the baselines, which can take longer than the student, are
 *               skipped
 *   layer       the student; it belongs to the caller
 * Statuses of snnk_distill_create and snnk_distill_solve. */
SNNK_API int snnk_layer_distill(const snnk_layer *hidden, const snnk_layer *readout,
                                size_t features, const snnk_rows *rows,
                                const snnk_distill_config *config, snnk_workspace *workspace,
                                snnk_distill_report *report, snnk_layer **layer);

/* ---- Several sizes ---- */

/* A teacher, a copy of the rows, and their moments. */
typedef struct snnk_distill snnk_distill;

/* Create one from a teacher. Memory: 4 n (d + l) bytes for the rows, and 16 (d + h) (d + h + l)
 * bytes for moments. Time: O(selection_rows (d + h)^2), and without Y O(n h (d + l)).
 *   hidden      the dense layer f(W1 x + b1); kept by reference
 *   readout     a linear dense layer behind it; NULL: none
 *   rows        copied. X: inputs as the teacher receives them, d columns. Y (optional): what
 *               students are to give, l columns; without it, what the teacher gives. Y is of use
 *               where X comes from layers that are students already: set it to what the original
 *               network has there. weights and labels must be NULL
 *   config      NULL for the defaults
 *   workspace   NULL for one thread
 *   distill     out; free it with snnk_distill_free
 * SNNK_E_NULL, SNNK_E_SHAPE (the layers do not fit; fewer than two rows to fit to, or held out),
 * SNNK_E_UNSUPPORTED (hidden is not dense, or readout not dense and linear; weights or labels),
 * SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_NONFINITE (X, Y, or what the teacher gives), SNNK_E_CONFIG,
 * SNNK_E_RANGE, SNNK_E_ENUM, SNNK_E_STATE (X or Y is constant), SNNK_E_CANCELLED, SNNK_E_NOMEM. */
SNNK_API int snnk_distill_create(const snnk_layer *hidden, const snnk_layer *readout,
                                 const snnk_rows *rows, const snnk_distill_config *config,
                                 snnk_workspace *workspace, snnk_distill **distill);

/* Create one for a function that only rows are known of.
 *   candidates   features in place of the teacher's neurons: a map of d inputs with one block,
 *                ELEMENTWISE or ARC_COSINE of order 1
 *   outputs      l
 *   rows         copied. X: d columns; Y: l columns. weights and labels must be NULL
 *   config       NULL for the defaults
 *   workspace    NULL for one thread
 *   distill      out; free it with snnk_distill_free
 * Statuses of snnk_distill_create; SNNK_E_UNSUPPORTED is for other candidates too. */
SNNK_API int snnk_distill_create_from_samples(const snnk_map *candidates, size_t outputs,
                                              const snnk_rows *rows,
                                              const snnk_distill_config *config,
                                              snnk_workspace *workspace, snnk_distill **distill);

/* Free a distillation. NULL is fine. Students stay. */
SNNK_API void snnk_distill_free(snnk_distill *distill);

/* Get d, l, h (neurons of the teacher, or candidates), n; 0 for NULL. */
SNNK_API size_t snnk_distill_inputs(const snnk_distill *distill);
SNNK_API size_t snnk_distill_outputs(const snnk_distill *distill);
SNNK_API size_t snnk_distill_candidates(const snnk_distill *distill);
SNNK_API size_t snnk_distill_rows(const snnk_distill *distill);

/* Make a student.
 *   features    m, 1 ... d + h
 *   workspace   NULL for one thread
 *   report      NULL if not wanted: the baselines, which can take longer than the student, are
 *               skipped
 *   layer       the student; it belongs to the caller
 * SNNK_E_NULL, SNNK_E_RANGE (features is 0, above d + h, or more than are linearly independent),
 * SNNK_E_CONFIG, SNNK_E_SINGULAR (a moment matrix is not definite, whatever the ridge),
 * SNNK_E_CANCELLED, SNNK_E_NOMEM. */
SNNK_API int snnk_distill_solve(const snnk_distill *distill, size_t features,
                                snnk_workspace *workspace, snnk_distill_report *report,
                                snnk_layer **layer);

/* Find how many features a budget allows.
 *   share      of the teacher's parameters that the student may have, above 0
 *   features   out
 * SNNK_E_NULL, SNNK_E_RANGE (no room for one feature), SNNK_E_UNSUPPORTED (there is no teacher). */
SNNK_API int snnk_distill_features_of_share(const snnk_distill *distill, double share,
                                            size_t *features);

/* Find how many features an error needs: the fewest, to a few per cent, of tier SELECTED, at most
 * h.
 *   relative_error   that the student may have on held-out rows, above 0 and below 1
 *   features         out
 * SNNK_E_NULL, SNNK_E_RANGE (no number of features is that good; says what the best one reaches),
 * SNNK_E_SINGULAR, SNNK_E_CANCELLED, SNNK_E_NOMEM. */
SNNK_API int snnk_distill_features_of_error(const snnk_distill *distill, double relative_error,
                                            size_t *features);

#ifdef __cplusplus
}
#endif

#endif
