/* What the experiments on the sentence encoder share, besides fine-tuning: arguments, and small
 * sums. */
#ifndef PAPER_TRANSFORMER_H
#define PAPER_TRANSFORMER_H

#include "finetune.h"

/* Arguments of `run` and `choose`, after them: CACHE [--full] [--tokens N] [--threads N]. */
typedef struct run_arguments {
    const char *cache;
    bool full;
    size_t tokens, threads;
} run_arguments;

/* Read them. Returns false if they are others. tokens: the default. */
bool read_run_arguments(int argc, char **argv, size_t tokens, run_arguments *read);

/* Arguments of `report`, after it: [--json] [--out DIR] RESULTS... */
typedef struct report_arguments {
    const char *folder; /* or NULL */
    bool json;
} report_arguments;

/* Read them, and all results. Returns false if they are others. */
bool read_report_arguments(int argc, char **argv, report_arguments *read, results *all);

/* Load the encoder of a cache. */
sentence_encoder *load_encoder(const char *cache, size_t threads);

/* The parts as loaded. */
part_set original_parts(const sentence_encoder *encoder);

/* The mean square of n rows of ENCODER_WIDTH. */
double mean_square(size_t n, const float *X);

/* ---- Jobs ---- */

/* Run jobs 0 ... n-1, in this order, on so many threads. */
void run_jobs(size_t n, void (*run)(void *context, size_t job), void *context, size_t threads);

#endif
