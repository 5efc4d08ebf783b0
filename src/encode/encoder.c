#include "encode/encoder.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"

static const char *const missing_names[] = {[SNNK_MISSING_MEAN] = "mean",
                                            [SNNK_MISSING_MEDIAN] = "median",
                                            [SNNK_MISSING_REFUSE] = "refuse",
                                            [SNNK_MISSING_KNOWN] = "known"};

const char *snnk_missing_name(int32_t missing) {
    return missing >= 0 && missing <= SNNK_MISSING_KNOWN ? missing_names[missing] : NULL;
}

size_t snnk__column_outputs(const snnk__column *column) {
    return column->encoding->outputs(column) + column->has_gaps;
}

snnk__column_label snnk__label_of(const snnk__column *column) {
    snnk__column_label label;

    if (column->name)
        snprintf(label.text, sizeof label.text, "%s", column->name);
    else
        snprintf(label.text, sizeof label.text, "%zu", column->position + 1);
    return label;
}

int snnk__encoder_make(size_t n_columns, const snnk_allocator *allocator, snnk_encoder **encoder) {
    snnk_encoder *made = NULL;
    int st;

    st = snnk__alloc_zero(allocator, 1, sizeof *made, "an encoder", &made);
    if (st != SNNK_OK) return st;
    made->allocator = *allocator;
    atomic_init(&made->references, 1);
    st = snnk__alloc_zero(allocator, n_columns, sizeof *made->columns, "columns", &made->columns);
    if (st != SNNK_OK) {
        snnk__free(allocator, made);
        return st;
    }
    made->n_columns = n_columns;
    for (size_t k = 0; k < n_columns; k++) made->columns[k].encoding = &snnk__encoding_constant;
    *encoder = made;
    return SNNK_OK;
}

int snnk__encoder_finish(snnk_encoder *encoder) {
    encoder->outputs = 0;
    for (size_t k = 0; k < encoder->n_columns; k++)
        if (!snnk__add_size(encoder->outputs, snnk__column_outputs(&encoder->columns[k]),
                            &encoder->outputs))
            return snnk__fail(SNNK_E_SIZE, "the outputs of %zu columns overflow size_t",
                              encoder->n_columns);
    return SNNK_OK;
}

int snnk__encoder_copy(const snnk_allocator *allocator, const char *text, char **copy) {
    const size_t bytes = strlen(text) + 1;
    const int st = snnk__alloc(allocator, bytes, 1, "a text", copy);

    if (st == SNNK_OK) memcpy(*copy, text, bytes);
    return st;
}

snnk_encoder *snnk_encoder_retain(const snnk_encoder *encoder) {
    snnk_encoder *shared = (snnk_encoder *)encoder; /* the count is no part of the value */

    if (shared) atomic_fetch_add(&shared->references, 1);
    return shared;
}

void snnk_encoder_free(snnk_encoder *encoder) {
    if (!encoder || atomic_fetch_sub(&encoder->references, 1) > 1) return;
    const snnk_allocator allocator = encoder->allocator;

    for (size_t k = 0; k < encoder->n_columns; k++) {
        snnk__column *column = &encoder->columns[k];

        for (size_t j = 0; column->words && j < column->n_words; j++)
            snnk__free(&allocator, column->words[j]);
        snnk__free(&allocator, column->words);
        snnk__free(&allocator, column->name);
    }
    snnk__free(&allocator, encoder->columns);
    snnk__free(&allocator, encoder);
}

/* ---- Getters ---- */

size_t snnk_encoder_outputs(const snnk_encoder *encoder) { return encoder ? encoder->outputs : 0; }

size_t snnk_encoder_columns(const snnk_encoder *encoder) {
    return encoder ? encoder->n_columns : 0;
}

static const snnk__column *column_of(const snnk_encoder *encoder, size_t k) {
    return encoder && k < encoder->n_columns ? &encoder->columns[k] : NULL;
}

int32_t snnk_encoder_column_encoding(const snnk_encoder *encoder, size_t k) {
    const snnk__column *column = column_of(encoder, k);

    return column ? column->encoding->value : -1;
}

const char *snnk_encoder_column_name(const snnk_encoder *encoder, size_t k) {
    const snnk__column *column = column_of(encoder, k);

    return column ? column->name : NULL;
}

size_t snnk_encoder_column_outputs(const snnk_encoder *encoder, size_t k) {
    const snnk__column *column = column_of(encoder, k);

    return column ? snnk__column_outputs(column) : 0;
}

size_t snnk_encoder_column_words(const snnk_encoder *encoder, size_t k) {
    const snnk__column *column = column_of(encoder, k);

    return column ? column->n_words : 0;
}

const char *snnk_encoder_column_word(const snnk_encoder *encoder, size_t k, size_t i) {
    return i < snnk_encoder_column_words(encoder, k) ? encoder->columns[k].words[i] : NULL;
}

int32_t snnk_encoder_column_has_gaps(const snnk_encoder *encoder, size_t k) {
    const snnk__column *column = column_of(encoder, k);

    return column && column->has_gaps;
}

double snnk_encoder_column_fill(const snnk_encoder *encoder, size_t k) {
    const snnk__column *column = column_of(encoder, k);

    if (!column || column->encoding == &snnk__encoding_words ||
        column->encoding == &snnk__encoding_constant)
        return (double)NAN;
    return column->fill;
}

int32_t snnk_encoder_missing(const snnk_encoder *encoder) {
    return encoder ? encoder->missing : -1;
}

int32_t snnk_encoder_column_form(const snnk_encoder *encoder, size_t k) {
    const snnk__column *column = column_of(encoder, k);

    return column ? column->form.value : -1;
}

int32_t snnk_encoder_likely_index(const snnk_encoder *encoder) {
    return encoder && encoder->likely_index;
}

/* Write the name of output k of a column. Returns the characters it has. */
static size_t write_name(const snnk__column *column, size_t k, char *buffer, size_t bytes) {
    char number[32];
    const char *name = column->name, *suffix;
    int length;

    if (!name) {
        snprintf(number, sizeof number, "column %zu", column->position + 1);
        name = number;
    }
    if (k == column->encoding->outputs(column))
        length = snprintf(buffer, bytes, "%s is missing", name);
    else if (column->encoding != &snnk__encoding_words)
        length = snprintf(buffer, bytes, "%s%s", name, column->encoding->suffix(column, k));
    else if ((suffix = column->encoding->suffix(column, k)) != NULL)
        length = snprintf(buffer, bytes, "%s=%s", name, suffix);
    else
        length = snprintf(buffer, bytes, "%s is rare", name);
    return length < 0 ? 0 : (size_t)length;
}

int snnk_encoder_output_name(const snnk_encoder *encoder, size_t output, char *buffer, size_t bytes,
                             size_t *needed) {
    size_t k = 0, rest = output;
    int st;

    if ((st = snnk__check_pointer(encoder, "encoder")) != SNNK_OK) return st;
    if (bytes > 0 && (st = snnk__check_pointer(buffer, "buffer")) != SNNK_OK) return st;
    if (output >= encoder->outputs)
        return snnk__fail(SNNK_E_RANGE, "output = %zu, but the encoder has %zu outputs", output,
                          encoder->outputs);
    for (; rest >= snnk__column_outputs(&encoder->columns[k]); k++)
        rest -= snnk__column_outputs(&encoder->columns[k]);
    const size_t length = write_name(&encoder->columns[k], rest, buffer, bytes);
    if (needed) *needed = length + 1;
    return SNNK_OK;
}
