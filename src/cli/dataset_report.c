/* What reports say of the columns of a data set. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/console.h"
#include "cli/dataset.h"

static bool is_words(const snnk_table *table, size_t column) {
    return snnk_table_column_type(table, column) == SNNK_COLUMN_WORDS;
}

void dataset_print_constants(const dataset *data) {
    const char *name =
        data->n_constants > 0 ? snnk_table_column_name(data->inputs, data->constants[0]) : NULL;

    if (name && data->n_constants == 1)
        printf("note          column \"%s\" has one value: it is no input\n", name);
    else if (name)
        printf(
            "note          %zu columns have one value: they are no inputs; the first is \"%s\"\n",
            data->n_constants, name);
}

/* Whether a word of a table is a number. */
static bool is_number(const snnk_table *table, const char *word) {
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

/* Whether most words of a column of words are numbers. other: the first word that is none. */
static bool is_mixed(const snnk_table *table, size_t column, const char **other) {
    const size_t n = is_words(table, column) ? snnk_table_words(table, column) : 0;
    size_t numbers = 0;

    *other = NULL;
    for (size_t k = 0; k < n; k++) {
        const char *word = snnk_table_word(table, column, k);

        if (is_number(table, word))
            numbers++;
        else if (!*other)
            *other = word;
    }
    return *other && 2 * numbers > n;
}

/* Column k of those that the encoder reads and, after them, of those that only name the rows. The
 * number of columns of the table if there is none. */
static size_t column_of_words(const dataset *data, size_t k) {
    const size_t encoded = data->encoder ? snnk_encoder_columns(data->encoder) : 0;

    if (k < encoded) return data->columns[k];
    return k - encoded < data->n_names ? data->names[k - encoded]
                                       : snnk_table_columns(data->inputs);
}

void dataset_print_mixed(const dataset *data) {
    const size_t none = snnk_table_columns(data->inputs);
    const char *other;

    for (size_t k = 0; k < data->n_names; k++)
        printf("note          column \"%s\" has another word in nearly every row: it is no input\n",
               snnk_table_column_name(data->inputs, data->names[k]));
    for (size_t k = 0, column; (column = column_of_words(data, k)) < none; k++)
        if (is_mixed(data->inputs, column, &other))
            printf(
                "note          column \"%s\" is read as words, because of \"%.40s\": if that means "
                "missing, use --missing-words\n",
                snnk_table_column_name(data->inputs, column), other);
}

void dataset_add_mixed(const dataset *data, cJSON *json) {
    cJSON *array = cJSON_AddArrayToObject(json, "mixed_columns");
    const size_t none = snnk_table_columns(data->inputs);
    const char *other;

    for (size_t k = 0, column; (column = column_of_words(data, k)) < none; k++)
        if (is_mixed(data->inputs, column, &other))
            cJSON_AddItemToArray(array,
                                 cJSON_CreateString(snnk_table_column_name(data->inputs, column)));
    array = cJSON_AddArrayToObject(json, "name_columns");
    for (size_t k = 0; k < data->n_names; k++)
        cJSON_AddItemToArray(
            array, cJSON_CreateString(snnk_table_column_name(data->inputs, data->names[k])));
}

void dataset_add_constants(const dataset *data, cJSON *json) {
    cJSON *array = cJSON_AddArrayToObject(json, "constant_columns");

    for (size_t k = 0; k < data->n_constants; k++)
        cJSON_AddItemToArray(
            array, cJSON_CreateString(snnk_table_column_name(data->inputs, data->constants[k])));
}

/* The name of the column of the first missing value. number: 32 bytes that may hold it. */
static const char *column_of_gap(const dataset *data, char *number) {
    const char *name = snnk_encoder_column_name(data->encoder, (size_t)data->missing_column);

    snprintf(number, 32, "%llu", (unsigned long long)data->missing_column + 1);
    return name ? name : number;
}

void dataset_print_gaps(const char *command, const dataset *data) {
    char number[32];

    if (data->missing > 0)
        print_note(command,
                   "%s: missing values filled in: %llu, the first in row %llu, column \"%s\"",
                   data->path, (unsigned long long)data->missing,
                   (unsigned long long)data->missing_row + 1, column_of_gap(data, number));
    if (data->unknown_words > 0)
        print_note(command, "%s: words unknown to the model, which count as none: %llu", data->path,
                   (unsigned long long)data->unknown_words);
}
