/* What the experiments on the sentence encoder share, besides fine-tuning: main, and small sums. */
#ifndef PAPER_TRANSFORMER_H
#define PAPER_TRANSFORMER_H

#include "finetune.h"

/* ---- Experiments ---- */

/* Arguments of `run` and `choose`, after them: CACHE [--full] [--tokens N] [--threads N]. */
typedef struct run_arguments {
    const char *cache;
    bool choosing; /* rates, instead of running */
    bool full;
    size_t tokens, threads;
} run_arguments;

/* Arguments of `report`, after it: [--json] [--out DIR] RESULTS... */
typedef struct report_arguments {
    const char *folder; /* or NULL */
    bool json;
} report_arguments;

typedef struct experiment {
    const char *usage;
    size_t tokens; /* the default */
    bool chooses;  /* there is a `choose` */
    bool has_full; /* there is a --full */
    size_t n_columns;
    const column *columns; /* of results */

    /* Each returns what main does. */
    int (*self_test)(void);
    int (*run)(const run_arguments *asked);
    int (*report)(const report_arguments *asked, results *all);
} experiment;

/* The main of an experiment. */
int experiment_main(int argc, char **argv, const experiment *of);

/* ---- The encoder ---- */

/* Load the encoder of a cache. */
sentence_encoder *load_encoder(const char *cache, size_t threads);

/* The parts as loaded. */
part_set original_parts(const sentence_encoder *encoder);

/* Set value[0] to the accuracy of a network with two outputs on n rows of ENCODER_WIDTH, and
 * value[1] to its cross-entropy. */
void score(const snnk_network *network, size_t n, const float *X, const int32_t *labels,
           double value[2]);

/* Write points.txt for a picture: a line for each run, of method, numbers, its first two values,
 * and value[seconds]. */
void write_scores(const char *folder, const results *all, size_t seconds);

/* Rates are chosen on the last fifth of the n reviews to learn from: how many come before. */
size_t kept_reviews(size_t n);

/* The mean square of n rows of ENCODER_WIDTH. */
double mean_square(size_t n, const float *X);

/* ---- Jobs ---- */

/* Run jobs 0 ... n-1, in this order, on so many threads. */
void run_jobs(size_t n, void (*run)(void *context, size_t job), void *context, size_t threads);

#endif
