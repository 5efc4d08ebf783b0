/* Inside of an encoder: columns, and the table of functions of each encoding. */
#ifndef SNNK_ENCODE_ENCODER_H
#define SNNK_ENCODE_ENCODER_H

#include <snnk/encoder.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/memory.h"
#include "base/record.h"
#include "encode/form.h"

/* The most outputs that one field has, besides those of words: a date with its parts. */
#define SNNK__DATE_OUTPUTS 7

typedef struct snnk__encoding snnk__encoding;

/* A column of the tables, and what was learned about it. */
typedef struct snnk__column {
    const snnk__encoding *encoding;
    char *name;      /* NULL if the table had no names */
    size_t position; /* in the table that it was learned from */
    bool has_gaps;   /* values were missing: one more output says where */
    double fill;     /* numbers, booleans, dates: what a missing value becomes, before its form */
    snnk__form form; /* numbers, dates: of the first output. Its value for `fill` is finite */
    bool parts;      /* dates: the cosines and sines too */
    bool rare;       /* words: the last output is for all words that have none of their own */
    size_t n_words;  /* words: those with an output of their own, in the order of strcmp */
    char **words;
} snnk__column;

/* A field of a table: a number, or a word. */
typedef struct snnk__field {
    double number;
    const char *word;
} snnk__field;

/* What sets one encoding apart from the others. */
struct snnk__encoding {
    int32_t value; /* an snnk_encoding */
    const char *name;
    bool of_words; /* the table holds words, not numbers */

    /* How many outputs a column has, without the one for gaps. */
    size_t (*outputs)(const snnk__column *column);

    /* Set the outputs, which are zeros, to a value that is not missing. *known becomes false if
     * the encoder has not learned this word. SNNK_E_FORMAT, with a sentence about the word. */
    int (*encode)(const snnk__column *column, snnk__field field, double *outputs, bool *known);

    /* Set the outputs, which are zeros, for a missing value. */
    void (*fill)(const snnk__column *column, double *outputs);

    /* Get what follows the column's name in the name of output k: "" or " (cosine of the year)".
     * buffer: 64 bytes that may hold it. */
    const char *(*suffix)(const snnk__column *column, size_t k);
};

extern const snnk__encoding snnk__encoding_numbers;
extern const snnk__encoding snnk__encoding_words;
extern const snnk__encoding snnk__encoding_booleans;
extern const snnk__encoding snnk__encoding_dates;
extern const snnk__encoding snnk__encoding_constant;

/* The encoding with this value of snnk_encoding, 0 ... SNNK_ENCODING_CONSTANT. */
const snnk__encoding *snnk__encoding_of(int32_t value);

struct snnk_encoder {
    snnk_allocator allocator;
    atomic_size_t references;
    snnk__column *columns;
    size_t n_columns, outputs;
    int32_t missing; /* snnk_missing */
    bool likely_index;
};

/* What sentences call a column: its name, or "2" for the second column of a table without names. */
typedef struct snnk__column_label {
    char text[64];
} snnk__column_label;

snnk__column_label snnk__label_of(const snnk__column *column);

/* The outputs of a column, with the one for gaps. */
size_t snnk__column_outputs(const snnk__column *column);

/* Set *encoder to one of n_columns columns without any content. SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__encoder_make(size_t n_columns, const snnk_allocator *allocator, snnk_encoder **encoder);

/* Count the outputs when all columns are set. SNNK_E_SIZE. */
int snnk__encoder_finish(snnk_encoder *encoder);

/* Copy a text. SNNK_E_NOMEM. */
int snnk__encoder_copy(const snnk_allocator *allocator, const char *text, char **copy);

/* Read a date of ISO 8601: YYYY-MM-DD, or with a time, Thh:mm, :ss, fractions, and Z or an offset.
 * Returns whether the text is one. *seconds: since 1970-01-01T00:00:00Z, without leap seconds. */
bool snnk__date_read(const char *text, double *seconds);

/* Whether the two words of a column are those of a boolean, such as "no" and "yes", in any case. */
bool snnk__is_boolean(const char *first, const char *second);

#endif
