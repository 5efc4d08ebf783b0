/* Replace parts of the encoder by students of fewer features, made by snnk_distill.
 *
 * A student is fitted to the inputs that its part receives from texts. Block 1 and the pooler are
 * fitted again after the parts before them are replaced: to the inputs that those now give, and to
 * outputs that correct their errors. */
#ifndef SENTENCE_ENCODER_COMPRESS_H
#define SENTENCE_ENCODER_COMPRESS_H

#include "encoder.h"

/* Make a network of one layer, and free the layer. */
snnk_network *network_of(snnk_layer *layer);

/* Seconds by the clock. */
double wall_seconds(void);

/* A replacement of a part. */
typedef struct student {
    snnk_network *network; /* NULL: there is none */
    snnk_distill_report report;
    double explained; /* on rows that nothing was fitted to or chosen by */
    double seconds;   /* to make it; that of the first size includes what all sizes share */
} student;

void student_free(student *made);

typedef struct distill_options {
    int32_t tier, epochs;
    size_t threads;
} distill_options;

/* Make students of a part with features[0 ... n-1] features.
 *   fit       rows to fit to
 *   judge     rows for `explained`; NULL leaves out `explained` and the baselines in the reports
 *   students  n students, for the caller to free */
void distill_part(const sentence_encoder *encoder, encoder_part part, const part_rows *fit,
                  const part_rows *judge, const distill_options *options, size_t n,
                  const size_t *features, student *students);

/* Make a student of block 1 after block 0 was replaced.
 *
 * Its targets are the original's sums after block 1, minus the sums that its outputs are now added
 * to. So it corrects the errors of the replaced block 0. fit: rows of the original, for the texts
 * of `list`. `explained` is not set. */
student distill_behind(sentence_encoder *encoder, const token_list *list, const part_rows *fit,
                       const distill_options *options, size_t features);

/* Make students that replace both blocks, so that their parameters are stored once. Their candidate
 * features are the neurons of both blocks, and they are fitted to the rows of both. `explained` is
 * the mean over both blocks. */
void distill_shared(const sentence_encoder *encoder, const part_rows fit[2],
                    const part_rows judge[2], const distill_options *options, size_t n,
                    const size_t *features, student *students);

/* Fit W and b of the pooler tanh(W x + b) again, after the blocks were replaced: ridge regression
 * for W x + b of the original, with the penalty on the change of W. The size stays the same. */
snnk_network *refit_pooler(sentence_encoder *encoder, const token_list *list, const part_rows *fit,
                           const distill_options *options);

/* A replacement of the pooler by universal random features, without a fit. */
typedef struct random_student {
    snnk_network *network; /* NULL: impossible with this few features */
    snnk_urf_report report;
    double explained;
} random_student;

random_student pooler_by_urf(const sentence_encoder *encoder, const part_rows *fit,
                             const part_rows *judge, size_t features);

#endif
