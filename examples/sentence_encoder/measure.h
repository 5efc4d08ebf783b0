/* What an encoder with replaced parts is worth beside the dense one. */
#ifndef SENTENCE_ENCODER_MEASURE_H
#define SENTENCE_ENCODER_MEASURE_H

#include "classifier.h"
#include "encoder.h"
#include "reviews.h"

/* What stands in the parts' places; NULL: the dense part. */
typedef struct part_set {
    const snnk_network *parts[ENCODER_PARTS];
} part_set;

void use_parts(sentence_encoder *encoder, part_set set);

/* Free its networks, one in two places once. */
void part_set_free(part_set set);

/* ---- Embeddings ---- */

enum { COMPARED_TEXTS = 1000, NEIGHBOURS = 10 };

/* The dense encoder's embeddings, and a classifier on them. */
typedef struct yardstick {
    text_lines texts; /* COMPARED_TEXTS or more, the first of which are compared */
    float *E;
    review_set fit, test; /* reviews */
    float *fit_E, *test_E;
    logistic_classifier classifier;
    double majority, accuracy, seconds; /* seconds: of the processor, for all reviews */
} yardstick;

yardstick yardstick_make(sentence_encoder *encoder, const char *directory);
void yardstick_free(yardstick *made);

typedef struct quality {
    double cosine;     /* mean, between embeddings of the same text */
    double nearest;    /* share of texts whose nearest is the same */
    double neighbours; /* share of the NEIGHBOURS nearest that are the same */
    double accuracy;   /* of a classifier fitted again, to these embeddings of reviews */
    double
        accuracy_as_was; /* of the classifier fitted to the dense encoder's; both NaN if not asked for */
} quality;

quality measure_quality(sentence_encoder *encoder, const yardstick *by, part_set set,
                        int with_reviews);

/* ---- Time ---- */

enum { TIMED_TEXTS = 128, TOGETHER = 32 };

/* Milliseconds a sentence, from text to embedding, of the processor, on one thread. */
typedef struct times {
    double alone, together;                 /* TOGETHER at a time */
    double speedup_alone, speedup_together; /* of set 0's time, in the same round: medians */
} times;

/* In turns, so that what else goes on meets all alike. */
void measure_times(sentence_encoder *encoder, const text_lines *texts, size_t n,
                   const part_set *sets, times *results);

#endif
