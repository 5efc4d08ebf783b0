/* Distillation: replace trained dense layers by one SNNK layer of few features.
 *
 *     snnk_layer *student;
 *     snnk_distill_report report = {.size = sizeof report};
 *     snnk_layer_distill(hidden, readout, 64, SNNK_ROWS(.n = n, .X = X), NULL, NULL, &report,
 *                        &student);
 *
 * The teacher is a dense layer y = f(W x + b), a block of two, y = W2 f(W1 x + b1) + b2, or any
 * function of which you have rows (x, y). The student is y = Psi Phi(x) + bias with m features. It
 * costs m (d + l) multiply-adds a row, however wide the teacher is inside.
 *
 * The student is fitted to the rows that you give, so X should be inputs as the teacher receives
 * them in use. Keep some rows back to judge the student by.
 *
 * snnk_layer_distill makes one student. For several sizes, a budget, or a wanted error, create an
 * snnk_distill once and solve it as often as you like; it keeps a copy of the rows and shares the
 * teacher's layers, so you may free yours. For a whole network use snnk_network_compress
 * (<snnk/compress.h>). docs/compressing.md has measurements. */
#ifndef SNNK_DISTILL_H
#define SNNK_DISTILL_H

#include <snnk/layer.h>
#include <snnk/network.h>
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
     * regression, Izenman 1975), and m - r of the teacher's neurons, selected one by one, each for
     * how much it explains of the remaining error. */
    SNNK_DISTILL_SELECTED = 1,

    /* The selected rows, then improved by Adam (Kingma & Ba 2015) on mini-batches. For a relu
     * teacher, linear features become relu(z + 1.5 standard deviations) first. */
    SNNK_DISTILL_REFINED = 2
} snnk_distill_tier;

/* Get the name of a tier: "random", "selected", "refined". Static; NULL for an unknown value. */
SNNK_API const char *snnk_distill_tier_name(int32_t tier);

/* What can take the place of a teacher: a student, or one of the baselines of its report. Values
 * never change. */
typedef enum snnk_distill_method {
    SNNK_DISTILL_METHOD_STUDENT = 0, /* an SNNK layer, of the config's tier */
    SNNK_DISTILL_METHOD_LINEAR = 1,  /* the best linear map of its rank */
    SNNK_DISTILL_METHOD_NEURONS = 2, /* the teacher's strongest neurons, Psi fitted */
    SNNK_DISTILL_METHOD_SVD = 3,     /* the teacher with its matrices cut by singular values, about
                                      * the mean of the inputs, and its readout fitted again */
    SNNK_DISTILL_METHOD_RANDOM = 4,  /* random rows, Psi fitted */
    SNNK_DISTILL_METHOD_INT8 = 5,    /* the teacher, its weights rounded to 8 bits */
    SNNK_DISTILL_METHOD_INT4 = 6     /* the teacher, its weights rounded to 4 bits */
} snnk_distill_method;

/* Get the name of a method: "student", "linear", "neurons", "singular_values", "random", "int8",
 * "int4". Static; NULL for an unknown value. */
SNNK_API const char *snnk_distill_method_name(int32_t method);

/* snnk_distill_config.linear: choose r by the error on held-out rows. */
#define SNNK_DISTILL_LINEAR_AUTO (-1)

/* A progress function. It is called on the calling thread by snnk_distill_create,
 * snnk_distill_create_from_samples, snnk_distill_solve, snnk_distill_features_of_error and
 * snnk_layer_distill: about every thousand rows, and after each selected feature and each
 * mini-batch. It is not called during matrix factorizations, which can be long for wide layers.
 *   user        from the config
 *   done        an estimate: `done` of `steps` steps are complete. Never decreases; each function
 *               counts from 0
 *   steps       constant during a call
 *   explained   share of the held-out rows' variance that the student explains so far; NaN before
 *               there is a student
 * Return 0 to continue; any other value cancels the call (SNNK_E_CANCELLED, no student is made). */
typedef int (*snnk_distill_progress)(void *user, int32_t done, int32_t steps, double explained);

/* Settings of a distillation. Fill with snnk_distill_config_init, then change fields. */
typedef struct snnk_distill_config {
    size_t size; /* set by snnk_distill_config_init */

    /* Chooses held-out rows, random rows of G, and mini-batches. Any value. Default 0. */
    uint64_t seed;

    /* lambda of the least squares, >= 0; SNNK_RIDGE_AUTO (default): the one with the smallest error
     * on held-out rows. */
    double ridge;

    /* The share of the rows that is held out. Above 0, at most 0.5. Default 0.1. */
    double heldout_share;

    /* Rows are held out in blocks of this many neighboring rows, >= 1. Default 1. Use blocks if
     * neighboring rows are similar, like the tokens of a text. */
    uint64_t heldout_block_rows;

    /* Features are selected on a random sample of about this many rows, >= 2, and of a quarter as
     * many held-out rows. The final least squares uses all rows. Default 65536. */
    uint64_t selection_rows;

    /* snnk_distill_tier. Default SELECTED. */
    int32_t tier;

    /* SELECTED and REFINED: r, the number of linear features, at least 0 (values above m, d or l
     * mean the smallest of these); SNNK_DISTILL_LINEAR_AUTO (default): chosen. */
    int32_t linear;

    /* REFINED: passes over the rows, 1 ... 100000. Default 16. */
    int32_t epochs;

    /* REFINED: rows of a mini-batch, 1 ... 1000000. Default 256. */
    int32_t batch;

    /* REFINED: size of the first steps of Adam, relative to the root mean square of the numbers
     * that they change; steps decrease to 0 along a cosine. Above 0, at most 1. Default 0.04. */
    double learning_rate;

    /* Called during snnk_distill_create and during later calls with the same snnk_distill. NULL
     * (default): none. */
    snnk_distill_progress progress;
    void *user; /* passed to progress */
} snnk_distill_config;

/* Set every field to its default.
 *   config        out: the struct to fill
 *   config_size   sizeof *config, as the caller was compiled
 * SNNK_E_NULL, SNNK_E_CONFIG (a size this library does not know). */
SNNK_API int snnk_distill_config_init(snnk_distill_config *config, size_t config_size);

/* How good a student is, and how good simpler replacements with no more parameters are. Set `size`;
 * the library fills the rest.
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
 * Psi and bias.
 *
 * svd knows the data, as a careful rival would. Neurons whose output does not vary on the rows are
 * dropped. W1 is cut to the principal components of what enters the others, each neuron times its
 * effect on the outputs (the length of its column of W2, and how much of the variation passes its
 * activation). The cut is about the mean of the inputs, which goes into the bias. The readout is
 * fitted again to the targets, from the hidden activations after that cut, with a ridge and a
 * bias, and is then cut by reduced-rank regression. A matrix that is smaller whole than as two
 * factors stays whole. Held-out rows choose the ridge and the two ranks. A part without a readout
 * is cut about the mean, and nothing is fitted.
 *
 * Two more baselines have all of the teacher's parameters, but fewer bytes: its weights as whole
 * numbers of 8 or 4 bits, with one scale for each row of a matrix; scales and biases take 4 bytes
 * each. The student can be rounded in the same way: explained_student_int8. So each can be compared
 * with what has as many bytes. */
typedef struct snnk_distill_report {
    size_t size; /* set by the caller: sizeof the struct */

    /* By the student, on held-out rows, before the final fit used them. These rows also chose r and
     * the ridge, and stopped the refinement, so rows that you kept back are a better test. */
    double explained;
    double relative_error; /* sqrt(1 - explained) */

    /* By the baselines. NaN for a baseline that does not exist (there is no teacher, or the student
     * has fewer parameters than the smallest such baseline). */
    double explained_linear, explained_neurons, explained_svd, explained_random;

    double ridge;                                       /* the lambda used */
    uint64_t features, linear_features;                 /* m, r */
    uint64_t parameters, multiply_adds;                 /* of the student; multiply-adds a row */
    uint64_t parameters_teacher, multiply_adds_teacher; /* 0 without a teacher */
    uint64_t parameters_svd, multiply_adds_svd;         /* of that baseline; 0 if there is none */

    /* Rows that were fitted to, and held out, for `explained`. The final fit used both. */
    uint64_t rows, heldout_rows;

    int32_t tier; /* snnk_distill_tier */

    /* REFINED: the number of the best epoch; 0 if refinement did not help. */
    int32_t epochs;

    /* 1: there were fewer rows than features to select from; expect larger errors on other rows.
     * Else 0. */
    int32_t few_rows;

    /* 1: a baseline explains at least as much as the student, to rounding (1e-14): use that one.
     * Else 0. Does not count the rounded teachers. */
    int32_t simpler_is_better;

    /* By the teacher with rounded weights, and its bytes; NaN and 0 without a teacher. The student
     * has 4 bytes for each parameter. */
    double explained_int8, explained_int4;
    uint64_t bytes_int8, bytes_int4;

    /* 1: one of the two explains at least as much as the student, and has at most 5 % more bytes:
     * quantize the teacher instead. Else 0. */
    int32_t rounding_is_better;
    int32_t reserved; /* 0 */

    /* By the student with G and Psi rounded to 8 bits, as the teacher's matrices are for int8, and
     * its bytes. The offsets of features, the bias and the scales take 4 bytes each. */
    double explained_student_int8;
    uint64_t bytes_student_int8;
} snnk_distill_report;

/* ---- One layer or block ---- */

/* Make a student of a dense layer or block: snnk_distill_create, _solve and _free in one call,
 * without copying rows in float.
 *   hidden      the dense layer f(W1 x + b1)
 *   readout     the linear dense layer after it, or NULL
 *   features    m, 1 ... d + h with h the number of the teacher's neurons
 *   rows        X: inputs as the teacher receives them, d columns. Y (optional): the targets of the
 *               student, l columns; without Y, the outputs of the teacher. weights and labels must
 *               be NULL
 *   config      NULL for the defaults
 *   workspace   NULL for one thread
 *   report      out. NULL if not wanted: then the baselines, which can take longer than the
 *               student, are not computed
 *   layer       out: the student; release with snnk_layer_free
 * Statuses of snnk_distill_create and snnk_distill_solve. */
SNNK_API int snnk_layer_distill(const snnk_layer *hidden, const snnk_layer *readout,
                                size_t features, const snnk_rows *rows,
                                const snnk_distill_config *config, snnk_workspace *workspace,
                                snnk_distill_report *report, snnk_layer **layer);

/* ---- Several sizes ---- */

/* A distillation: a teacher, a copy of the rows, and their moments. */
typedef struct snnk_distill snnk_distill;

/* Create a distillation from a teacher. Memory: 4 n (d + l) bytes for the rows, and 16 (d + h) (d +
 * h + l) bytes for moments. Time: O(selection_rows (d + h)^2), and without Y O(n h (d + l)).
 *   hidden      the dense layer f(W1 x + b1); kept alive
 *   readout     the linear dense layer after it, or NULL; kept alive
 *   rows        copied. X: inputs as the teacher receives them, d columns. Y (optional): the
 *               targets of students, l columns; without Y, the outputs of the teacher. Give Y if X
 *               comes from layers that are students already: the outputs of the original network at
 *               this place. weights and labels must be NULL
 *   config      NULL for the defaults
 *   workspace   NULL for one thread
 *   distill     out: release with snnk_distill_free
 * SNNK_E_NULL, SNNK_E_SHAPE (the layers do not fit; fewer than two rows to fit to, or held out),
 * SNNK_E_UNSUPPORTED (hidden is not dense, or readout not dense and linear; weights or labels),
 * SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_NONFINITE (X, Y, or an output of the teacher), SNNK_E_CONFIG,
 * SNNK_E_RANGE, SNNK_E_ENUM, SNNK_E_STATE (X or Y is constant), SNNK_E_CANCELLED, SNNK_E_NOMEM. */
SNNK_API int snnk_distill_create(const snnk_layer *hidden, const snnk_layer *readout,
                                 const snnk_rows *rows, const snnk_distill_config *config,
                                 snnk_workspace *workspace, snnk_distill **distill);

/* Create a distillation of a function of which only rows (x, y) are known.
 *   candidates   features to select from, in place of the teacher's neurons: a map of d inputs with
 *                one block, ELEMENTWISE or ARC_COSINE of order 1
 *   outputs      l
 *   rows         copied. X: d columns; Y: l columns. weights and labels must be NULL
 *   config       NULL for the defaults
 *   workspace    NULL for one thread
 *   distill      out: release with snnk_distill_free
 * Statuses of snnk_distill_create; SNNK_E_UNSUPPORTED also for other kinds of candidates. */
SNNK_API int snnk_distill_create_from_samples(const snnk_map *candidates, size_t outputs,
                                              const snnk_rows *rows,
                                              const snnk_distill_config *config,
                                              snnk_workspace *workspace, snnk_distill **distill);

/* Free a distillation. NULL is fine. Students do not need it. */
SNNK_API void snnk_distill_free(snnk_distill *distill);

/* Get sizes. 0 for NULL. */
SNNK_API size_t snnk_distill_inputs(const snnk_distill *distill);     /* d */
SNNK_API size_t snnk_distill_outputs(const snnk_distill *distill);    /* l */
SNNK_API size_t snnk_distill_candidates(const snnk_distill *distill); /* h: neurons, or
                                                                       * candidates */
SNNK_API size_t snnk_distill_rows(const snnk_distill *distill);       /* n */

/* Make a student.
 *   features    m, 1 ... d + h
 *   workspace   NULL for one thread
 *   report      out. NULL if not wanted: then the baselines, which can take longer than the
 *               student, are not computed
 *   layer       out: the student; release with snnk_layer_free
 * SNNK_E_NULL, SNNK_E_RANGE (features is 0, above d + h, or more than are linearly independent),
 * SNNK_E_CONFIG, SNNK_E_SINGULAR (a matrix of moments is not positive definite for any ridge),
 * SNNK_E_CANCELLED, SNNK_E_NOMEM. */
SNNK_API int snnk_distill_solve(const snnk_distill *distill, size_t features,
                                snnk_workspace *workspace, snnk_distill_report *report,
                                snnk_layer **layer);

/* Make a student, or one of the baselines of its report, as a network.
 *   method      an snnk_distill_method
 *   features    m of the student, 1 ... d + h. A baseline has no more parameters than a student of
 *               m features; INT8 and INT4 do not depend on m
 *   workspace   NULL for one thread
 *   network     out: release with snnk_network_free. One layer (STUDENT, LINEAR, NEURONS, RANDOM),
 *               the teacher's one or two (INT8, INT4: the rounded weights, as float), or two dense
 *               layers for each matrix, one if it stays whole (SVD). Fitted to all rows, held-out
 *               ones included
 * SNNK_E_RANGE (there is no such baseline), SNNK_E_ENUM, else as snnk_distill_solve. */
SNNK_API int snnk_distill_replacement(const snnk_distill *distill, int32_t method, size_t features,
                                      snnk_workspace *workspace, snnk_network **network);

/* Find how many features a budget allows.
 *   share      of the teacher's parameters that the student may have, above 0
 *   features   out: m
 * SNNK_E_NULL, SNNK_E_RANGE (no room for one feature), SNNK_E_UNSUPPORTED (there is no teacher). */
SNNK_API int snnk_distill_features_of_share(const snnk_distill *distill, double share,
                                            size_t *features);

/* Find how many features a wanted error needs, in tier SELECTED: the smallest number, to a few per
 * cent, at most h.
 *   relative_error   largest error of the student on held-out rows, as in snnk_distill_report,
 *                    above 0 and below 1
 *   features         out
 * SNNK_E_NULL, SNNK_E_RANGE (no number of features is that good; says the smallest error),
 * SNNK_E_SINGULAR, SNNK_E_CANCELLED, SNNK_E_NOMEM. */
SNNK_API int snnk_distill_features_of_error(const snnk_distill *distill, double relative_error,
                                            size_t *features);

#ifdef __cplusplus
}
#endif

#endif
