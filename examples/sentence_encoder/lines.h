/* Read texts from files with one text in each line. */
#ifndef SENTENCE_ENCODER_LINES_H
#define SENTENCE_ENCODER_LINES_H

#include <stddef.h>

typedef struct text_lines {
    size_t n;
    char **texts; /* n, without the line ends */
    char *bytes;  /* the file, into which texts point */
} text_lines;

text_lines lines_read(const char *directory, const char *name);
void lines_free(text_lines *lines);

#endif
