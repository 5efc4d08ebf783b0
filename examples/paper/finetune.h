/* Fine-tuning of the sentence encoder (examples/sentence_encoder) on reviews with labels: its parts
 * and a head, z = B . t / |t| + b for t of the pooler, learn to reduce the cross-entropy. What is
 * before block 0 does not learn, so its outputs are computed once. */
#ifndef PAPER_FINETUNE_H
#define PAPER_FINETUNE_H

#include "../sentence_encoder/graph.h"
#include "networks.h"

enum { FINETUNE_BATCH = 32 };

/* ---- Reviews ---- */

/* Reviews with labels, and inputs and outputs of parts of the encoder as loaded. */
typedef struct corpus {
    size_t n;        /* reviews */
    size_t *first;   /* n + 1: review i is rows first[i] ... first[i + 1] - 1 of a block */
    int32_t *labels; /* 1: great, 0: other; NULL: none */
    part_rows rows[ENCODER_PARTS];
    const float *X, *sums; /* what enters block 0, and what its outputs are added to: of rows[0] */
} corpus;

/* Read reviews of the cache that examples/sentence_encoder/run.sh makes.
 *   most_tokens  reviews are cut to so many
 *   most         reviews; 0: all
 *   parts        the sum of 1 << part over the parts whose rows are wanted */
corpus corpus_read(sentence_encoder *encoder, const char *directory, const char *name,
                   size_t most_tokens, size_t most, unsigned parts);

/* Read up to `pieces` pieces of most_tokens of each of the first n reviews, as reviews without
 * labels. Rows are those of block 0. */
corpus pieces_read(sentence_encoder *encoder, const char *directory, const char *name,
                   size_t most_tokens, size_t pieces, size_t n);
void corpus_free(corpus *made);

/* Test how texts are cut to pieces. Returns 1 if that is right; otherwise prints a sentence. */
int corpus_test(void);

/* Reviews from ... from + n - 1. */
typedef struct slice {
    const corpus *of;
    size_t from, n;
} slice;

/* ---- The head ---- */

typedef struct head {
    float B[ENCODER_WIDTH], b;
} head;

/* The embeddings that parts give, t / |t|: n rows of ENCODER_WIDTH, for the caller to free. */
float *embeddings(encoder_middle middle, part_set parts, slice some);

/* Inputs of block 1, and what its outputs are added to, for the caller to free. Y: none. */
part_rows inputs_of_block_1(encoder_middle middle, part_set parts, slice some);

/* Fit a head to n embeddings, by logistic regression. */
head head_fit(size_t n, const float *E, const int32_t *labels);

/* The cross-entropy of a review, log(1 + exp(-z)) with label 1, log(1 + exp(z)) with label 0.
 * right: raised if z has the label's sign. */
double log_loss_of(double z, int32_t label, size_t *right);

/* How good parts and a head are. */
typedef struct judgement {
    double accuracy, log_loss;
} judgement;

judgement judge(encoder_middle middle, part_set parts, const head *with, slice by);

/* ---- Fine-tuning ---- */

typedef struct finetune_settings {
    double rate;
    uint64_t epochs;
    uint64_t seed;               /* of the order of reviews */
    int32_t absolute;            /* 1: the rate is not relative to the numbers */
    double snnk_rate, rows_rate; /* as in snnk_train_config */
    double attention; /* the rate of the attention between the blocks is this times `rate` */
    double warmup;    /* share of all steps in which the rate rises from 0 */

    /* NULL: the loss is the cross-entropy. Else embeddings e0 of all reviews of the corpus: the
     * loss is |e - e0|^2 / 2 with e = t / |t|, plus `along` times (B . (e - e0))^2 / (2 |B|^2) for
     * the B of the head. Labels are not used, and the head stays. */
    const float *wanted;
    double along;

    void (*freeze)(graph *of); /* freezes what shall not learn; NULL: nothing */
} finetune_settings;

typedef struct finetuned {
    encoder_middle middle; /* with the attention that was learned */
    part_set parts;
    head head;
    size_t trainable;
    double seconds; /* processor time of this thread */
} finetuned;

/* Fine-tune on one thread; several threads may do so at the same time. */
finetuned finetune(encoder_middle middle, part_set start, const head *from, slice fit,
                   const finetune_settings *settings);
void finetuned_free(finetuned *made);

/* Processor time of the calling thread. */
double thread_seconds(void);

/* Test the gradient of the fine-tuning loss against differences, on a made-up encoder. Returns 1 if
 * they agree; otherwise prints what is wrong. */
int finetune_test(void);

#endif
