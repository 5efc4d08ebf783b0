/* Encoders as model files: docs/format.md, "Encoders". */
#include "model/encoder_file.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "encode/encoder.h"
#include "model/json_record.h"
#include "model/model.h"

#define ENCODER_KEY "snnk.encoder" /* the JSON text that describes the columns */

/* ---- Saving ---- */

/* Join words by line feeds. A line feed or backslash within a word follows a backslash. *text: the
 * caller frees it. */
static int join(const snnk_allocator *allocator, size_t n, char *const *words, char **text) {
    size_t bytes = 1, used = 0;
    int st;

    for (size_t k = 0; k < n; k++) bytes += 2 * strlen(words[k]) + 1; /* they are in memory */
    if ((st = snnk__alloc(allocator, bytes, 1, "words", text)) != SNNK_OK) return st;
    for (size_t k = 0; k < n; k++) {
        if (k > 0) (*text)[used++] = '\n';
        for (const char *c = words[k]; *c; c++) {
            if (*c == '\n' || *c == '\\') (*text)[used++] = '\\';
            (*text)[used++] = *c;
        }
    }
    (*text)[used] = '\0';
    return SNNK_OK;
}

static void write_words(const snnk_allocator *allocator, const snnk__column *column,
                        snnk__sink *sink) {
    char *text;
    const int st = join(allocator, column->n_words, column->words, &text);

    if (st != SNNK_OK) {
        sink->fail(sink, st);
        return;
    }
    sink->count(sink, "n_words", column->n_words);
    sink->text(sink, "words", text);
    sink->truth(sink, "rare", column->rare);
    snnk__free(allocator, text);
}

static void write_form(const snnk__form *form, snnk__sink *sink) {
    sink->text(sink, "form", snnk_number_form_name(form->value));
    if (form->value == SNNK_NUMBER_FORM_SQUASHED) {
        sink->number(sink, "median", form->median);
        sink->number(sink, "spread", form->spread);
    }
    sink->number(sink, "mean", form->mean);
    sink->number(sink, "deviation", form->deviation);
}

static void write_column(const snnk_allocator *allocator, const snnk__column *column,
                         snnk__sink *sink) {
    sink->text(sink, "encoding", column->encoding->name);
    if (column->name) sink->text(sink, "name", column->name);
    sink->count(sink, "position", column->position);
    sink->truth(sink, "gaps", column->has_gaps);
    sink->number(sink, "fill", column->fill);
    sink->truth(sink, "parts", column->parts);
    if (column->form.value != SNNK_NUMBER_FORM_PLAIN) write_form(&column->form, sink);
    if (column->encoding == &snnk__encoding_words) write_words(allocator, column, sink);
}

void snnk__encoder_write(snnk__safetensors_writer *writer, const snnk_encoder *encoder) {
    snnk__json_writer record;
    snnk__sink sink = snnk__json_write(&record, writer, false);

    sink.text(&sink, "missing", snnk_missing_name(encoder->missing));
    sink.truth(&sink, "likely_index", encoder->likely_index);
    for (size_t k = 0; k < encoder->n_columns; k++) {
        snnk__sink within = snnk__sink_within(&sink, "columns", k);

        write_column(&encoder->allocator, &encoder->columns[k], &within);
    }
    snnk__json_write_end(&record, ENCODER_KEY);
}

static int write(const void *object, int32_t projection, snnk__safetensors_writer *writer) {
    const snnk_encoder *encoder = object;
    const int st = snnk__check_pointer(encoder, "encoder");

    (void)projection;
    if (st != SNNK_OK) return st;
    snnk__model_begin(writer, &encoder->allocator, SNNK__MODEL_ENCODER);
    snnk__encoder_write(writer, encoder);
    return SNNK_OK;
}

int snnk_encoder_save(const snnk_encoder *encoder, const char *path) {
    return snnk__model_save(encoder, SNNK_SAVE_ROWS, write, path);
}

int snnk_encoder_saved_bytes(const snnk_encoder *encoder, size_t *bytes) {
    return snnk__model_saved_bytes(encoder, SNNK_SAVE_ROWS, write, bytes);
}

int snnk_encoder_save_memory(const snnk_encoder *encoder, void *buffer, size_t bytes) {
    return snnk__model_save_memory(encoder, SNNK_SAVE_ROWS, write, buffer, bytes);
}

/* ---- Loading ---- */

/* Take the next word off a joined text, and terminate it. NULL at the end of the text. */
static const char *next_word(char **text) {
    char *word = *text, *to = word, *from = word;

    if (!word) return NULL;
    for (; *from && *from != '\n'; from++) {
        if (*from == '\\' && from[1]) from++;
        *to++ = *from;
    }
    *text = *from ? from + 1 : NULL;
    *to = '\0';
    return word;
}

/* Split the text into the words of a column, which must be in the order of strcmp. */
static int split(const snnk_allocator *allocator, char *text, snnk__column *column) {
    int st = SNNK_OK;

    for (size_t k = 0; st == SNNK_OK && k < column->n_words; k++) {
        const char *word = next_word(&text);

        if (!word || (k > 0 && strcmp(column->words[k - 1], word) >= 0))
            return snnk__fail(SNNK_E_FORMAT, "\"words\" are not %zu different words in order",
                              column->n_words);
        st = snnk__encoder_copy(allocator, word, &column->words[k]);
    }
    if (st == SNNK_OK && text)
        return snnk__fail(SNNK_E_FORMAT, "\"words\" are more than %zu words", column->n_words);
    return st;
}

static int read_words(const snnk__source *source, snnk__column *column) {
    const snnk_allocator *allocator = source->allocator;
    const char *text;
    char *copy = NULL;
    size_t n = 0;
    int st;

    if ((st = snnk__read_count(source, "n_words", &n)) != SNNK_OK) return st;
    if ((st = snnk__read_truth(source, "rare", &column->rare)) != SNNK_OK) return st;
    if ((st = snnk__read_text(source, "words", &text)) != SNNK_OK) return st;
    if (n == 0 || n > strlen(text) + 1)
        return snnk__fail(SNNK_E_FORMAT, "\"n_words\" is %zu, for a text of %zu bytes", n,
                          strlen(text));
    st = snnk__alloc_zero(allocator, n, sizeof *column->words, "words", &column->words);
    if (st != SNNK_OK) return st;
    column->n_words = n;
    if ((st = snnk__encoder_copy(allocator, text, &copy)) != SNNK_OK) return st;
    st = split(allocator, copy, column);
    snnk__free(allocator, copy);
    return st;
}

static int read_finite(const snnk__source *source, const char *key, double *number) {
    return snnk__read_within(source, key, -DBL_MAX, DBL_MAX, number);
}

static int read_positive(const snnk__source *source, const char *key, double *number) {
    return snnk__read_within(source, key, DBL_TRUE_MIN, DBL_MAX, number);
}

/* Read the form of a column of numbers or dates: plain if there is none. */
static int read_form(const snnk__source *source, snnk__column *column) {
    snnk__form *form = &column->form;
    int st;

    if (source->value(source, "form").type == SNNK__VALUE_NONE) return SNNK_OK;
    st = snnk__read_name(source, "form", snnk_number_form_name, &form->value);
    if (st != SNNK_OK || form->value == SNNK_NUMBER_FORM_PLAIN) return st;
    if (column->encoding != &snnk__encoding_numbers && column->encoding != &snnk__encoding_dates)
        return snnk__fail(SNNK_E_FORMAT, "a column of %s has no \"form\"", column->encoding->name);
    if (form->value == SNNK_NUMBER_FORM_SQUASHED) {
        if ((st = read_finite(source, "median", &form->median)) != SNNK_OK) return st;
        if ((st = read_positive(source, "spread", &form->spread)) != SNNK_OK) return st;
    }
    if ((st = read_finite(source, "mean", &form->mean)) != SNNK_OK) return st;
    if ((st = read_positive(source, "deviation", &form->deviation)) != SNNK_OK) return st;
    if (isfinite(snnk__form_apply(form, column->fill))) return SNNK_OK;
    return snnk__fail(SNNK_E_FORMAT, "\"fill\" is %g, too far from the \"mean\" %g", column->fill,
                      form->mean);
}

static int read_column(const snnk__source *source, snnk__column *column) {
    int32_t encoding = 0;
    const char *name;
    int st;

    st = snnk__read_name(source, "encoding", snnk_encoding_name, &encoding);
    if (st != SNNK_OK) return st;
    if (source->value(source, "name").type != SNNK__VALUE_NONE) {
        if ((st = snnk__read_text(source, "name", &name)) != SNNK_OK) return st;
        if ((st = snnk__encoder_copy(source->allocator, name, &column->name)) != SNNK_OK) return st;
    }
    if ((st = snnk__read_count(source, "position", &column->position)) != SNNK_OK) return st;
    if ((st = snnk__read_truth(source, "gaps", &column->has_gaps)) != SNNK_OK) return st;
    if ((st = read_finite(source, "fill", &column->fill)) != SNNK_OK) return st;
    if ((st = snnk__read_truth(source, "parts", &column->parts)) != SNNK_OK) return st;
    column->encoding = snnk__encoding_of(encoding);
    if ((st = read_form(source, column)) != SNNK_OK) return st;
    if (encoding == SNNK_ENCODING_CONSTANT && column->has_gaps)
        return snnk__fail(SNNK_E_FORMAT, "a constant column has no \"gaps\"");
    return encoding == SNNK_ENCODING_WORDS ? read_words(source, column) : SNNK_OK;
}

static int read_record(const snnk__source *source, snnk_encoder **encoder) {
    const size_t n = source->length(source, "columns");
    snnk_encoder *made = NULL;
    int32_t missing = 0;
    bool likely_index = false;
    int st;

    if ((st = snnk__read_name(source, "missing", snnk_missing_name, &missing)) != SNNK_OK)
        return st;
    if ((st = snnk__read_truth(source, "likely_index", &likely_index)) != SNNK_OK) return st;
    if (n == 0) return snnk__fail(SNNK_E_FORMAT, "there are no \"columns\"");
    if ((st = snnk__encoder_make(n, source->allocator, &made)) != SNNK_OK) return st;
    made->missing = missing;
    made->likely_index = likely_index;
    for (size_t k = 0; st == SNNK_OK && k < n; k++) {
        const snnk__source within = snnk__source_within(source, "columns", k);

        if ((st = read_column(&within, &made->columns[k])) != SNNK_OK)
            snnk__fail_within(st, "column %zu", k);
    }
    if (st == SNNK_OK) st = snnk__encoder_finish(made);
    if (st == SNNK_OK && made->outputs == 0)
        st = snnk__fail(SNNK_E_FORMAT, "the encoder has 0 outputs");
    if (st != SNNK_OK)
        snnk_encoder_free(made);
    else
        *encoder = made;
    return st;
}

static int read(const snnk__safetensors_reader *reader, const snnk_allocator *allocator,
                void *handle) {
    snnk__json_reader record;
    snnk__source source;
    int st = snnk__json_read(&record, reader, ENCODER_KEY, allocator, &source);

    if (st == SNNK_OK) st = read_record(&source, handle);
    snnk__json_read_end(&record);
    return st;
}

int snnk__encoder_carried(const snnk__safetensors_reader *reader, const snnk_allocator *allocator,
                          snnk_encoder **encoder) {
    *encoder = NULL;
    if (!snnk__safetensors_text(reader, ENCODER_KEY)) return SNNK_OK;
    const int st = read(reader, allocator, encoder);

    return st == SNNK_OK ? st : snnk__fail_within(st, "encoder");
}

int snnk_encoder_load_memory(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                             snnk_encoder **encoder) {
    const int st = snnk__check_pointer(encoder, "encoder");

    if (st != SNNK_OK) return st;
    *encoder = NULL;
    return snnk__model_load_memory(buffer, bytes, allocator, SNNK__MODEL_ENCODER, read, encoder);
}

int snnk_encoder_load(const char *path, const snnk_allocator *allocator, snnk_encoder **encoder) {
    const int st = snnk__check_pointer(encoder, "encoder");

    if (st != SNNK_OK) return st;
    *encoder = NULL;
    return snnk__model_load(path, allocator, SNNK__MODEL_ENCODER, read, encoder);
}
