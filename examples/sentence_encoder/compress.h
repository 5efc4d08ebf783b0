/* Fewer features for the parts of the encoder: what snnk_distill makes of them, and what it is worth.
 *
 * Students are fitted to what a part meets in texts. Block 1 and the pooler are fitted once more behind
 * students: to inputs as those make them, and to outputs that make up for what they lost. */
#ifndef SENTENCE_ENCODER_COMPRESS_H
#define SENTENCE_ENCODER_COMPRESS_H

#include "encoder.h"

/* A network of one layer, which it takes over. */
snnk_network *network_of(snnk_layer *layer);

/* Of the clock. */
double wall_seconds(void);

/* In place of a part. */
typedef struct student {
    snnk_network *network; /* NULL: there is none */
    snnk_distill_report report;
    double explained; /* of rows that neither fitted nor chose anything */
    double seconds;   /* that it took; of the first of several sizes, with what serves all */
} student;

void student_free(student *made);

typedef struct distill_options {
    int32_t tier, epochs;
    size_t threads;
} distill_options;

/* Students of a part, fitted to `fit`, judged by `judge`, with baselines in their reports; judge NULL: with
 * neither. */
void distill_part(const sentence_encoder *encoder, encoder_part part, const part_rows *fit,
                  const part_rows *judge, const distill_options *options, size_t n,
                  const size_t *features, student *students);

/* A student of block 1 behind what stands in block 0's place now. fit: of the original, by the texts of `list`.
 * What it is fitted to is what the original's sum has become behind block 1, less what it is added to now: it makes
 * up for losses before it. explained is not set. */
student distill_behind(sentence_encoder *encoder, const token_list *list, const part_rows *fit,
                       const distill_options *options, size_t features);

/* One student for both blocks, of neurons of both, fitted to the rows of both: its parameters serve twice.
 * judge: of each. explained: the mean of both. */
void distill_shared(const sentence_encoder *encoder, const part_rows fit[2],
                    const part_rows judge[2], const distill_options *options, size_t n,
                    const size_t *features, student *students);

/* The pooler, tanh(W x + b), with W and b fitted again behind what stands in the blocks' places now: least squares
 * for W x + b of the original, where ridge pulls to the W there was. No smaller, no larger. */
snnk_network *refit_pooler(sentence_encoder *encoder, const token_list *list, const part_rows *fit,
                           const distill_options *options);

/* In place of the pooler by universal random features, without a fit. */
typedef struct random_student {
    snnk_network *network; /* NULL: not of so few features */
    snnk_urf_report report;
    double explained;
} random_student;

random_student pooler_by_urf(const sentence_encoder *encoder, const part_rows *fit,
                             const part_rows *judge, size_t features);

#endif
