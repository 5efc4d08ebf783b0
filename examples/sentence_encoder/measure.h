/* Measure an encoder with replaced parts against the original. */
#ifndef SENTENCE_ENCODER_MEASURE_H
#define SENTENCE_ENCODER_MEASURE_H

#include "classifier.h"
#include "encoder.h"
#include "reviews.h"

/* Replacements of the parts; NULL: the original part. */
typedef struct part_set {
    const snnk_network *parts[ENCODER_PARTS];
} part_set;

void use_parts(sentence_encoder *encoder, part_set set);

/* Free its networks; one in two places is freed once. */
void part_set_free(part_set set);

/* ---- Embeddings ---- */

enum { COMPARED_TEXTS = 1000, NEIGHBOURS = 10 };

/* Embeddings of the original encoder, and a classifier of them, to compare with. */
typedef struct yardstick {
    text_lines texts; /* at least COMPARED_TEXTS; the first COMPARED_TEXTS are compared */
    float *E;
    review_set fit, test; /* reviews */
    float *fit_E, *test_E;
    logistic_classifier classifier;
    double majority, accuracy; /* of always guessing the larger class; of the classifier */
    double seconds;            /* processor time of all embeddings of reviews */
} yardstick;

yardstick yardstick_make(sentence_encoder *encoder, const char *directory);
void yardstick_free(yardstick *made);

typedef struct quality {
    double cosine;     /* mean cosine between both embeddings of a text */
    double nearest;    /* share of texts whose nearest neighbour is the same */
    double neighbours; /* share of the NEIGHBOURS nearest neighbours that are the same */
    double accuracy;   /* of a classifier fitted to these embeddings of reviews */
    /* of the classifier fitted to the original. Both accuracies are NaN if not requested */
    double accuracy_as_was;
} quality;

quality measure_quality(sentence_encoder *encoder, const yardstick *by, part_set set,
                        int with_reviews);

/* ---- Time ---- */

enum { TIMED_TEXTS = 128, TOGETHER = 32 };

/* Milliseconds of processor time for a sentence, from text to embedding, on one thread. */
typedef struct times {
    double alone, together;                 /* one at a time, TOGETHER at a time */
    double speedup_alone, speedup_together; /* median over rounds of (time of set 0)/(time) */
} times;

/* Measure all sets in turn in each round, so that a slow moment of the machine hits all of them. */
void measure_times(sentence_encoder *encoder, const text_lines *texts, size_t n,
                   const part_set *sets, times *results);

#endif
