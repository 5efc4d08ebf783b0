/* Distillation: what trained dense layers do, by one SNNK layer of few features.
 *
 * The teacher is a dense layer y = f(W x + b), a block of two, y = W2 f(W1 x + b1) + b2, or any
 * function of which rows (x, y) are known. The student is y = Psi Phi(x) + bias with m features, m (d +
 * l) multiply-adds a row, however wide the teacher is inside. It is fitted to inputs as the teacher
 * meets them: give it those, not random ones. What the rows of G are decides how good it gets:
 *
 *     tier      rows of G                                                       Psi
 *     RANDOM    drawn, through the teacher's f                                  least squares
 *     CLOSED    r linear features along the directions of the best linear map   least squares
 *               of rank r (reduced-rank regression, Izenman 1975), and m - r of
 *               the teacher's neurons, chosen one by one for what they explain
 *               of what is left
 *     REFINED   those, then all of G, offsets and Psi by Adam (Kingma & Ba      least squares
 *               2015) on mini-batches; of a relu teacher linear features
 *               become relu(z + 1.5 standard deviations) first
 *
 * r and the ridge of least squares are those of least error on held-out rows.
 *
 * A student is worth having where it beats what is simpler. So a report has, beside what the student
 * explains, what these explain with no more parameters, fitted to the same rows, judged by the
 * same held-out ones:
 *
 *     baseline  what it is                                                      parameters
 *     linear    the best linear map of rank r = min(m, d, l), two matrices      r (d + l) + l
 *     neurons   the teacher's k = min(m, h) strongest, Psi fitted               k (d + 1 + l) + l
 *     svd       the teacher, its matrices cut by truncated singular values      parameters_svd
 *     random    m random rows, Psi fitted                                       m (d + 1 + l) + l
 *
 * The student has m (d + 1 + l) + l, all that snnk_layer_parameters counts: G, offsets (also of linear
 * features, which make no use of them), Psi and bias. Explained: 1 - (squared errors)/(squared
 * deviations of y from its mean), summed over held-out rows and outputs; 0 is what a constant reaches. */
#ifndef SNNK_DISTILL_H
#define SNNK_DISTILL_H

#include <snnk/layer.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum snnk_distill_tier {
    SNNK_DISTILL_RANDOM = 0,
    SNNK_DISTILL_SELECTED = 1,
    SNNK_DISTILL_REFINED = 2
} snnk_distill_tier;

/* snnk_distill_config.linear: let held-out rows choose. */
#define SNNK_DISTILL_LINEAR_AUTO (-1)

/* Called all through snnk_distill_create, snnk_distill_solve, snnk_distill_features_of_error and
 * snnk_layer_distill, in the thread that called them: after every thousand rows or so, every feature that is
 * chosen, every mini-batch. (Between two calls may lie the factors of a wide layer: eigenvectors, a solution of
 * many features.) Of `steps`, as many each time, `done` are done, an estimate that never falls; each of those
 * functions counts from 0 again. explained: by the student, of the held-out rows, as far as it has come; NaN before
 * there is one. Anything but 0 stops the work: SNNK_E_CANCELLED, nothing made. */
typedef int (*snnk_distill_progress)(void *user, int32_t done, int32_t steps, double explained);

typedef struct snnk_distill_config {
    size_t size;          /* set by snnk_distill_config_init */
    uint64_t seed;        /* of held-out rows, random rows, mini-batches. Default 0 */
    double ridge;         /* lambda >= 0, or SNNK_RIDGE_AUTO (default) */
    double heldout_share; /* share of the rows that are held out, 0 < share <= 0.5. Default 0.1 */
    uint64_t
        heldout_block_rows; /* so many rows one after another are held out together, >= 1: rows that
                             * belong together (tokens of a text) say too much of each other. Default 1 */
    uint64_t
        selection_rows; /* features are chosen by a random sample of about that many rows (and judged by a
                              * quarter as many held out), >= 2; the final least squares takes all. Default 65536 */
    int32_t tier;       /* snnk_distill_tier. Default CLOSED */
    int32_t
        linear; /* r, where there is room for it: cut to m, d and l. Or SNNK_DISTILL_LINEAR_AUTO (default) */
    int32_t epochs; /* REFINED: passes over the rows, 1 ... 100000. Default 16 */
    int32_t batch;  /* rows of a mini-batch, 1 ... 1000000. Default 256 */
    double
        learning_rate; /* relative: of a step, in root mean squares of what it changes; falls to 0
                             * along a cosine. 0 < rate <= 1. Default 0.04 */
    snnk_distill_progress
        progress; /* NULL for none; kept for all that is done with the snnk_distill */
    void *user;   /* for it */
} snnk_distill_config;

/* What a student is, and what simpler ones are. Fill `size` first (snnk_distill_report_init does). */
typedef struct snnk_distill_report {
    size_t size;
    double explained;      /* by the student, of held-out rows it was not fitted to; these chose r
                            * and the ridge, and stopped the refinement: rows that did nothing of that
                            * are the better judge */
    double relative_error; /* sqrt(1 - explained) */
    /* The same of the baselines; NaN where there is none (no teacher, or a budget below its smallest). */
    double explained_linear, explained_neurons, explained_svd, explained_random;
    double ridge;
    uint64_t features, linear_features;                 /* m, r */
    uint64_t parameters, multiply_adds;                 /* of the student, a row */
    uint64_t parameters_teacher, multiply_adds_teacher; /* 0 without one */
    uint64_t parameters_svd, multiply_adds_svd; /* of that baseline; 0 where there is none */
    uint64_t rows,
        heldout_rows; /* rows: those fitted to for `explained`. The student itself was then
                                         * fitted to all */
    int32_t tier;
    int32_t epochs;   /* after which the refinement was best */
    int32_t few_rows; /* 1: fewer rows than features to choose from. Expect less on others */
    int32_t simpler_is_better; /* 1: some baseline explains as much */
} snnk_distill_report;

/* Fill with the defaults. SNNK_E_NULL, SNNK_E_CONFIG. */
SNNK_API int snnk_distill_config_init(snnk_distill_config *config, size_t config_size);
SNNK_API int snnk_distill_report_init(snnk_distill_report *report, size_t report_size);

/* Rows, and what they say of a teacher: for students of several sizes. */
typedef struct snnk_distill snnk_distill;

/* Look at a teacher on n rows. hidden: a dense layer f(W1 x + b1); readout: a linear one after it, or
 * NULL. X: n x d, row stride ldx >= d; Y: n x l, row stride ldy >= l, what students are to give, or NULL
 * for what the teacher does. (Y may differ from that: where X comes from layers that are students
 * already, Y can be what the original network had there.) X and Y are borrowed until it is freed; the
 * layers are kept alive. config: NULL for the defaults. Memory: 8 (d + h) (d + h + l) bytes, h the
 * teacher's neurons, twice, and with Y NULL 4 n l. Time O(selection_rows (d + h)^2), and with Y NULL O(n h (d + l)).
 * SNNK_E_NULL, SNNK_E_SHAPE (the layers do not fit; fewer than two rows to fit to, or to hold out),
 * SNNK_E_UNSUPPORTED (hidden is not dense, or readout not dense and linear), SNNK_E_STRIDE, SNNK_E_SIZE,
 * SNNK_E_NONFINITE (X, or Y, or what the teacher makes of X), SNNK_E_CONFIG, SNNK_E_RANGE, SNNK_E_ENUM,
 * SNNK_E_STATE (X or Y does not vary), SNNK_E_CANCELLED, SNNK_E_NOMEM. */
SNNK_API int snnk_distill_create(const snnk_layer *hidden, const snnk_layer *readout, size_t n,
                                 const float *X, size_t ldx, const float *Y, size_t ldy,
                                 const snnk_distill_config *config, snnk_workspace *workspace,
                                 snnk_distill **distill);

/* The same of a function of which rows are all that is known. candidates: features in place of the
 * teacher's neurons, one block of ELEMENTWISE or ARC_COSINE (order 1) on d inputs. outputs: l. */
SNNK_API int snnk_distill_create_from_samples(const snnk_map *candidates, size_t outputs, size_t n,
                                              const float *X, size_t ldx, const float *Y,
                                              size_t ldy, const snnk_distill_config *config,
                                              snnk_workspace *workspace, snnk_distill **distill);

/* Free it. NULL is fine. */
SNNK_API void snnk_distill_free(snnk_distill *distill);

/* A student of m = `features` features. report: NULL if not wanted: baselines, which take longer than the
 * student where there are many rows, are not made then.
 * SNNK_E_NULL, SNNK_E_RANGE (no features, more than d + h, or more than there are that differ), SNNK_E_CONFIG,
 * SNNK_E_SINGULAR (a moment matrix that no ridge makes definite), SNNK_E_CANCELLED, SNNK_E_NOMEM. */
SNNK_API int snnk_distill_solve(const snnk_distill *distill, size_t features,
                                snnk_workspace *workspace, snnk_distill_report *report,
                                snnk_layer **layer);

/* What a budget is in features. share: of the teacher's parameters that the student may have, 0 < share;
 * relative_error: the largest that the student's may be, on held-out rows, by tier CLOSED (the fewest features, to
 * a few per cent, h at the most), 0 < error < 1. SNNK_E_RANGE (it admits no feature; or no number of features is
 * that good: says what the best one reaches), SNNK_E_UNSUPPORTED (a share, of no teacher), SNNK_E_SINGULAR,
 * SNNK_E_CANCELLED, SNNK_E_NOMEM. */
SNNK_API int snnk_distill_features_of_share(const snnk_distill *distill, double share,
                                            size_t *features);
SNNK_API int snnk_distill_features_of_error(const snnk_distill *distill, double relative_error,
                                            size_t *features);

/* All of it in one call: create, solve, free. Statuses of both. */
SNNK_API int snnk_layer_distill(const snnk_layer *hidden, const snnk_layer *readout,
                                size_t features, size_t n, const float *X, size_t ldx,
                                const float *Y, size_t ldy, const snnk_distill_config *config,
                                snnk_workspace *workspace, snnk_distill_report *report,
                                snnk_layer **layer);

#ifdef __cplusplus
}
#endif

#endif
