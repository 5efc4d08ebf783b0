/* The encoder with fewer features in its parts: all of it, at several sizes. */
#ifndef SENTENCE_ENCODER_TRIAL_H
#define SENTENCE_ENCODER_TRIAL_H

#include "tune.h"

enum { SIZES = 4, STEPS_AT = 2 /* the size that is looked at most closely */ };
extern const size_t trial_sizes[SIZES]; /* features m */

typedef struct trial_options {
    int32_t
        tier; /* REFINED: that tier of blocks is shown besides CLOSED, which is what is put to use */
    int32_t epochs; /* of SNNK_DISTILL_REFINED */
    int32_t tuning_epochs;
    size_t threads; /* to fit with; times are of one */
} trial_options;

/* Both blocks replaced, and the pooler fitted again. */
typedef struct replaced {
    quality fitted, tuned;
    times timed;
    uint64_t parameters, part_parameters;
    double tuning_seconds;
} replaced;

/* The pooler replaced, nothing else. */
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
    text_count closed_on, refined_on; /* quotations */
    text_count used_on, tuned_on;     /* and reviews, for what is put to use */
    text_count judged_on;             /* quotations that nothing else sees */
    student closed[2][SIZES];         /* of each block, to inputs of the original */
    student refined[2][SIZES];        /* without a network where tier is CLOSED */
    replaced dense;
    /* With STEPS_AT, the pooler as it was: blocks fitted apart, and block 1 behind block 0. Without reviews. */
    quality apart, behind;
    replaced separate[SIZES]; /* block 1 fitted behind block 0, the pooler behind both */
    student one[SIZES];       /* for both blocks */
    replaced shared[SIZES]; /* tuned, and reviews, with STEPS_AT alone; times: those of separate */
    replaced_pooler pooler[SIZES];
    uint64_t pooler_parameters; /* of the dense one */
} trial;

trial *trial_run(sentence_encoder *encoder, const yardstick *by, const char *directory,
                 trial_options options);
void trial_free(trial *made);

#endif
