/* Food reviews with the labels great or other. */
#ifndef SENTENCE_ENCODER_REVIEWS_H
#define SENTENCE_ENCODER_REVIEWS_H

#include <stdint.h>

#include "lines.h"

typedef struct review_set {
    text_lines lines;
    char **texts;    /* the lines without their labels */
    int32_t *labels; /* 1: great, 0: other */
} review_set;

review_set reviews_read(const char *directory, const char *name);
void reviews_free(review_set *reviews);

#endif
