/* Compress the encoder to several sizes, and measure each step: replace the blocks, fit the pooler
 * again, tune end to end. */
#ifndef SENTENCE_ENCODER_TRIAL_H
#define SENTENCE_ENCODER_TRIAL_H

#include "tune.h"

enum { SIZES = 4, STEPS_AT = 2 /* the size for which every step is measured */ };
extern const size_t trial_sizes[SIZES]; /* features m */

typedef struct trial_options {
    int32_t tier; /* REFINED: show that tier of blocks too. The encoders use SELECTED in any case */
    int32_t epochs; /* of SNNK_DISTILL_REFINED */
    int32_t tuning_epochs;
    size_t threads; /* for fitting; times are measured with one */
} trial_options;

/* Both blocks replaced, and the pooler fitted again. */
typedef struct replaced {
    quality fitted, tuned;
    times timed;
    uint64_t parameters, part_parameters;
    double tuning_seconds;
} replaced;

/* Only the pooler replaced. */
typedef struct replaced_pooler {
    random_student random;
    student distilled;
    quality random_judged, distilled_judged; /* without reviews */
} replaced_pooler;

typedef struct text_count {
    size_t texts, tokens;
} text_count;

typedef struct trial {
    trial_options options;
    text_count closed_on, refined_on; /* quotations that blocks are fitted to and refined on */
    text_count used_on, tuned_on;     /* quotations and reviews, for the encoders */
    text_count judged_on;             /* quotations used for nothing else */
    student closed[2][SIZES];         /* tier SELECTED, of each block, on inputs of the original */
    student refined[2][SIZES];        /* tier REFINED; without networks if it was not requested */
    replaced dense;
    /* At size STEPS_AT, with the original pooler and without reviews: blocks fitted separately, and
     * block 1 fitted after block 0. */
    quality apart, behind;
    replaced separate[SIZES]; /* block 1 fitted after block 0, the pooler after both */
    student one[SIZES];       /* one student for both blocks */
    replaced shared
        [SIZES]; /* with it; tuned and with reviews at STEPS_AT only; times are those of separate */
    replaced_pooler pooler[SIZES];
    uint64_t pooler_parameters; /* of the original */
} trial;

trial *trial_run(sentence_encoder *encoder, const yardstick *by, const char *directory,
                 trial_options options);
void trial_free(trial *made);

#endif
