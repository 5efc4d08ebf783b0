/* What the words in a column of a table are: numbers among them, or numbers and dates that are
 * written in a way that is not read. */
#ifndef SNNK_CLI_COLUMN_WORDS_H
#define SNNK_CLI_COLUMN_WORDS_H

#include "cli/dataset_struct.h"

/* The texts that mean missing if --missing-words is not given: those of snnk_table_config. */
#define MISSING_WORDS "NA,N/A,n/a,#N/A,NaN,nan,NULL,null,None,?"

/* How to write what is not read. */
#define WRITE_PLAINLY                                                                              \
    "write numbers without %%, commas and currency signs, dates as 2024-03-14, and times as "      \
    "minutes"

/* Words of a column with inputs of their own, as many as encoders have by default. */
enum { MOST_WORDS = 64 };

bool is_words(const snnk_table *table, size_t column);

/* The first field of a column of words that is neither a number nor missing. */
const char *first_word(const snnk_table *table, size_t column);

/* Whether a word is a number as tables have them. */
bool word_is_number(const snnk_table *table, const char *word);

/* Whether a word is a number with %, commas or a currency sign, or digits with / or : as dates and
 * times have. */
bool word_is_formatted(const char *word);

/* Whether most words of a column of words are numbers. */
bool column_is_mixed(const snnk_table *table, size_t column);

/* A word of a column of words that is formatted, if at least half of its words are; otherwise
 * NULL. */
const char *formatted_word(const snnk_table *table, size_t column);

/* Refuse an input of a training set in which nine of ten fields are numbers and the others words,
 * and note on stderr the columns that have formatted words. Prints the error and returns an exit
 * status. */
int check_input_words(const char *command, const dataset *data);

#endif
