#include "cli/column_words.h"

#include <stdlib.h>
#include <string.h>

#include "cli/columns.h"
#include "cli/console.h"

bool is_words(const snnk_table *table, size_t column) {
    return snnk_table_column_type(table, column) == SNNK_COLUMN_WORDS;
}

const char *first_word(const snnk_table *table, size_t column) {
    int32_t word = -1;

    if (snnk_table_read_words(table, column, snnk_table_first_word_row(table, column), 1, &word) !=
            SNNK_OK ||
        word < 0)
        return "";
    return snnk_table_word(table, column, (size_t)word);
}

/* ---- Words ---- */

bool word_is_number(const snnk_table *table, const char *word) {
    char text[64], *end;
    const size_t length = strlen(word);

    if (length == 0 || length >= sizeof text || strspn(word, "+-.,0123456789eE") < length)
        return false;
    memcpy(text, word, length + 1);
    for (char *c = text; *c; c++)
        if (*c == snnk_table_decimal(table)) *c = '.';
    strtod(text, &end);
    return *end == '\0';
}

/* The length of a sign that is left out of a number at the start of a text; 0 if there is none. */
static size_t sign_length(const char *text) {
    static const char *const signs[] = {"$",       "%", ",", " ", "\xe2\x82\xac" /* euro */,
                                        "\xc2\xa3" /* pound */};

    for (size_t k = 0; k < sizeof signs / sizeof *signs; k++)
        if (strncmp(text, signs[k], strlen(signs[k])) == 0) return strlen(signs[k]);
    return 0;
}

/* Whether a text is digits with / or : between them, as 03/14/1999 14:05. */
static bool is_date_or_time(const char *word) {
    const size_t length = strlen(word);

    return length > 0 && strspn(word, "0123456789/: ") == length && strpbrk(word, "/:") &&
           word[0] >= '0' && word[0] <= '9' && word[length - 1] >= '0' && word[length - 1] <= '9';
}

bool word_is_formatted(const char *word) {
    char text[64], *end;
    size_t used = 0, signs = 0;

    if (is_date_or_time(word)) return true;
    while (*word) {
        const size_t sign = sign_length(word);

        if (sign == 0 && (used + 1 == sizeof text || !strchr("+-.0123456789", *word))) return false;
        if (sign == 0) text[used++] = *word;
        word += sign > 0 ? sign : 1;
        signs += sign;
    }
    text[used] = '\0';
    strtod(text, &end);
    return used > 0 && signs > 0 && *end == '\0';
}

/* Whether a word is in a list of texts, separated by commas. */
static bool is_listed(const char *word, const char *list) {
    const size_t length = strlen(word);

    for (const char *p = list; *p;) {
        const size_t n = strcspn(p, ",");

        if (n == length && memcmp(p, word, n) == 0) return true;
        p += n + (p[n] == ',');
    }
    return false;
}

/* ---- Columns ---- */

bool column_is_mixed(const snnk_table *table, size_t column) {
    const size_t n = is_words(table, column) ? snnk_table_words(table, column) : 0;
    size_t numbers = 0;

    for (size_t k = 0; k < n; k++)
        numbers += word_is_number(table, snnk_table_word(table, column, k));
    return 2 * numbers > n;
}

const char *formatted_word(const snnk_table *table, size_t column) {
    const size_t n = is_words(table, column) ? snnk_table_words(table, column) : 0;
    const char *found = NULL;
    size_t count = 0;

    for (size_t k = 0; k < n; k++) {
        const char *word = snnk_table_word(table, column, k);

        if (!word_is_formatted(word)) continue;
        count++;
        if (!found) found = word;
    }
    return 2 * count >= n ? found : NULL;
}

/* What the fields of a column are, without the missing ones. */
typedef struct field_counts {
    size_t numbers, all;
} field_counts;

/* For each word of a column: whether it is missing, a number, or another one. */
enum { MISSING, NUMBER, OTHER };

static int count_fields(const dataset *data, size_t column, field_counts *counts) {
    const char *missing = data->missing_words ? data->missing_words : MISSING_WORDS;
    const size_t n_words = snnk_table_words(data->inputs, column);
    unsigned char *kinds = calloc(n_words + 1, 1);
    int32_t words[BATCH_ROWS];
    int st = SNNK_OK;

    *counts = (field_counts){0};
    if (!kinds) return SNNK_E_NOMEM;
    for (size_t k = 0; k < n_words; k++) {
        const char *word = snnk_table_word(data->inputs, column, k);

        kinds[k] = word_is_number(data->inputs, word) ? NUMBER
                   : is_listed(word, missing)         ? MISSING
                                                      : OTHER;
    }
    for (size_t first = 0; st == SNNK_OK && first < data->rows; first += BATCH_ROWS) {
        const size_t n = data->rows - first < BATCH_ROWS ? data->rows - first : BATCH_ROWS;

        st = snnk_table_read_words(data->inputs, column, first, n, words);
        for (size_t i = 0; st == SNNK_OK && i < n; i++) {
            if (words[i] < 0) continue;
            counts->numbers += kinds[words[i]] == NUMBER;
            counts->all += kinds[words[i]] != MISSING;
        }
    }
    free(kinds);
    return st;
}

/* Refuse a column in which at least nine of ten fields are numbers. */
static int check_stray_words(const char *command, const dataset *data, size_t column) {
    field_counts counts;
    char number[32];
    const int st = count_fields(data, column, &counts);

    if (st == SNNK_E_NOMEM) return failed(command, "out of memory");
    if (st != SNNK_OK) return library_failed(command);
    if (counts.numbers < counts.all - counts.all / 10) return EXIT_OK;
    return failed(command,
                  "%s: row %zu, column \"%s\": \"%.60s\" is not a number, but %zu of %zu fields "
                  "are: correct it, say that it means missing with --missing-words, or drop the "
                  "column with --drop",
                  data->path, snnk_table_first_word_row(data->inputs, column) + 1,
                  column_name(data->inputs, column, number), first_word(data->inputs, column),
                  counts.numbers, counts.all);
}

int check_input_words(const char *command, const dataset *data) {
    char number[32];

    for (size_t k = 0; k < data->n_inputs; k++) {
        const size_t column = data->columns[k];

        if (!is_words(data->inputs, column)) continue;
        const int exit_status = check_stray_words(command, data, column);
        if (exit_status != EXIT_OK) return exit_status;
        const char *example = formatted_word(data->inputs, column);
        if (example)
            print_note(command,
                       "%s: column \"%s\" is read as words, such as \"%.40s\": " WRITE_PLAINLY,
                       data->path, column_name(data->inputs, column, number), example);
    }
    return EXIT_OK;
}
