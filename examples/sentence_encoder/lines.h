/* Texts from files that have one a line. */
#ifndef SENTENCE_ENCODER_LINES_H
#define SENTENCE_ENCODER_LINES_H

#include <stddef.h>

typedef struct text_lines {
    size_t n;
    char **texts; /* n, without their ends */
    char *bytes;  /* what they point into */
} text_lines;

text_lines lines_read(const char *directory, const char *name);
void lines_free(text_lines *lines);

#endif
