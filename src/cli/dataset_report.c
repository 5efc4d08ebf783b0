/* What reports say of the columns of a data set. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/column_words.h"
#include "cli/console.h"
#include "cli/dataset.h"

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

/* Column k of those that the encoder reads and, after them, of those that only name the rows. The
 * number of columns of the table if there is none. */
static size_t column_of_words(const dataset *data, size_t k) {
    const size_t encoded = data->encoder ? snnk_encoder_columns(data->encoder) : 0;

    if (k < encoded) return data->columns[k];
    return k - encoded < data->n_names ? data->names[k - encoded]
                                       : snnk_table_columns(data->inputs);
}

/* Print the columns of more words than get an input each. */
static void print_many_words(const dataset *data) {
    const size_t encoded = data->encoder ? snnk_encoder_columns(data->encoder) : 0;

    for (size_t k = 0; k < encoded; k++) {
        const size_t column = data->columns[k], n = snnk_table_words(data->inputs, column);

        if (n > MOST_WORDS && snnk_encoder_column_encoding(data->encoder, k) == SNNK_ENCODING_WORDS)
            printf("note          column \"%s\" has %zu different words, such as \"%.40s\": the %d "
                   "most frequent are an input each, the others share one\n",
                   snnk_table_column_name(data->inputs, column), n,
                   first_word(data->inputs, column), MOST_WORDS);
    }
}

void dataset_print_mixed(const dataset *data) {
    const size_t none = snnk_table_columns(data->inputs);

    for (size_t k = 0, column; (column = column_of_words(data, k)) < none; k++)
        if (column_is_mixed(data->inputs, column))
            printf(
                "note          column \"%s\" is read as words, because of \"%.40s\": if that means "
                "missing, use --missing-words\n",
                snnk_table_column_name(data->inputs, column), first_word(data->inputs, column));
    for (size_t k = 0; k < data->n_names; k++)
        printf("note          column \"%s\" has a different word in nearly every row, such as "
               "\"%.40s\": it is no input\n",
               snnk_table_column_name(data->inputs, data->names[k]),
               first_word(data->inputs, data->names[k]));
    print_many_words(data);
}

/* Whether a column counts the rows: 0, 1, 2 ... or 1, 2, 3 ... */
static bool counts_rows(const snnk_table *table, size_t column) {
    double values[BATCH_ROWS], start = 0;

    if (is_words(table, column) || snnk_table_rows(table) < 3) return false;
    for (size_t first = 0; first < snnk_table_rows(table); first += BATCH_ROWS) {
        const size_t left = snnk_table_rows(table) - first,
                     n = left < BATCH_ROWS ? left : BATCH_ROWS;

        if (snnk_table_read_columns(table, first, n, 1, &column, values, 1) != SNNK_OK)
            return false;
        if (first == 0) start = values[0];
        if (start != 0 && start != 1) return false;
        for (size_t i = 0; i < n; i++)
            if (values[i] != start + (double)(first + i)) return false;
    }
    return true;
}

void dataset_print_index(const dataset *data) {
    const size_t columns =
        data->encoder ? snnk_encoder_columns(data->encoder) : dataset_raw_inputs(data);
    const char *name = snnk_table_column_name(data->inputs, 0);
    bool input = false;

    for (size_t k = 0; k < columns; k++) input |= data->columns[k] == 0;
    if (!name || !input || columns < 2) return;
    if (counts_rows(data->inputs, 0))
        printf("note          column 1, \"%s\", counts the rows: if it is no input, use --drop 1\n",
               name);
    else if (name[strspn(name, " ")] == '\0')
        puts("note          column 1 has no name: if it only numbers or names the rows, use --drop "
             "1");
}

void dataset_add_mixed(const dataset *data, cJSON *json) {
    cJSON *array = cJSON_AddArrayToObject(json, "mixed_columns");
    const size_t none = snnk_table_columns(data->inputs);

    for (size_t k = 0, column; (column = column_of_words(data, k)) < none; k++)
        if (column_is_mixed(data->inputs, column))
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
