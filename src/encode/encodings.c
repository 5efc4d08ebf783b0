/* The encodings of columns. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "encode/encoder.h"

static size_t one_output(const snnk__column *column) {
    (void)column;
    return 1;
}

/* Set the first output to a number in the form of its column. SNNK_E_NONFINITE. */
static int set_first(const snnk__column *column, double number, double *outputs) {
    outputs[0] = snnk__form_apply(&column->form, number);
    if (isfinite(outputs[0])) return SNNK_OK;
    return snnk__fail(SNNK_E_NONFINITE,
                      "%g is too far from the training data, where the mean is %g and the standard "
                      "deviation %g",
                      number, column->form.mean, column->form.deviation);
}

static void fill_first(const snnk__column *column, double *outputs) {
    outputs[0] = snnk__form_apply(&column->form, column->fill);
}

static const char *no_suffix(const snnk__column *column, size_t k) {
    (void)column, (void)k;
    return "";
}

/* ---- Numbers ---- */

static int encode_number(const snnk__column *column, snnk__field field, double *outputs,
                         bool *known) {
    (void)known;
    return set_first(column, field.number, outputs);
}

const snnk__encoding snnk__encoding_numbers = {.value = SNNK_ENCODING_NUMBERS,
                                               .name = "numbers",
                                               .outputs = one_output,
                                               .encode = encode_number,
                                               .fill = fill_first,
                                               .suffix = no_suffix};

/* ---- Words ---- */

static size_t outputs_of_words(const snnk__column *column) {
    return column->n_words + column->rare;
}

static int compare_words(const void *key, const void *entry) {
    return strcmp(key, *(char *const *)entry);
}

static int encode_word(const snnk__column *column, snnk__field field, double *outputs,
                       bool *known) {
    char *const *found = column->n_words > 0 ? bsearch(field.word, column->words, column->n_words,
                                                       sizeof *column->words, compare_words)
                                             : NULL;

    if (found)
        outputs[found - column->words] = 1;
    else if (column->rare)
        outputs[column->n_words] = 1;
    else
        *known = false;
    return SNNK_OK;
}

static void fill_nothing(const snnk__column *column, double *outputs) {
    (void)column, (void)outputs;
}

static const char *suffix_of_word(const snnk__column *column, size_t k) {
    return k < column->n_words ? column->words[k] : NULL;
}

const snnk__encoding snnk__encoding_words = {.value = SNNK_ENCODING_WORDS,
                                             .name = "words",
                                             .of_words = true,
                                             .outputs = outputs_of_words,
                                             .encode = encode_word,
                                             .fill = fill_nothing,
                                             .suffix = suffix_of_word};

/* ---- Booleans ---- */

static const char *const falsehoods[] = {"false", "no", "f", "n"};
static const char *const truths[] = {"true", "yes", "t", "y"};

enum { BOOLEANS = sizeof truths / sizeof *truths };

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

static bool same_word(const char *a, const char *b) {
    while (*a && lower(*a) == lower(*b)) a++, b++;
    return lower(*a) == lower(*b);
}

/* The index of a word in a list; BOOLEANS if it is not there. */
static size_t index_of(const char *word, const char *const *list) {
    size_t k = 0;

    while (k < BOOLEANS && !same_word(word, list[k])) k++;
    return k;
}

bool snnk__is_boolean(const char *first, const char *second) {
    const size_t no = index_of(first, falsehoods), also_no = index_of(second, falsehoods);

    if (no < BOOLEANS) return index_of(second, truths) == no;
    return also_no < BOOLEANS && index_of(first, truths) == also_no;
}

static int encode_boolean(const snnk__column *column, snnk__field field, double *outputs,
                          bool *known) {
    outputs[0] = column->fill;
    if (index_of(field.word, truths) < BOOLEANS)
        outputs[0] = 1;
    else if (index_of(field.word, falsehoods) < BOOLEANS)
        outputs[0] = 0;
    else
        *known = false;
    return SNNK_OK;
}

const snnk__encoding snnk__encoding_booleans = {.value = SNNK_ENCODING_BOOLEANS,
                                                .name = "booleans",
                                                .of_words = true,
                                                .outputs = one_output,
                                                .encode = encode_boolean,
                                                .fill = fill_first,
                                                .suffix = no_suffix};

/* ---- Dates ---- */

static size_t outputs_of_date(const snnk__column *column) {
    return column->parts ? SNNK__DATE_OUTPUTS : 1;
}

/* Set the cosine and sine of a time within a period, both in days. */
static void set_cycle(double days, double period, double *outputs) {
    const double angle = 2 * 3.14159265358979323846 * fmod(days, period) / period;

    outputs[0] = cos(angle);
    outputs[1] = sin(angle);
}

/* Set the cycles of a date, if they are wanted. */
static void set_cycles(const snnk__column *column, double seconds, double *outputs) {
    const double days = seconds / 86400;

    if (!column->parts) return;
    set_cycle(days, 365.2425, outputs + 1); /* the mean year; 1970 began with one */
    set_cycle(days + 3, 7, outputs + 3);    /* 1970-01-01 was a Thursday: weeks begin on Monday */
    set_cycle(days, 1, outputs + 5);
}

static int encode_date(const snnk__column *column, snnk__field field, double *outputs,
                       bool *known) {
    double seconds;

    (void)known;
    if (!snnk__date_read(field.word, &seconds))
        return snnk__fail(SNNK_E_FORMAT,
                          "\"%.40s\" is not a date like 2026-11-30 or 2026-11-30T09:53:16Z",
                          field.word);
    set_cycles(column, seconds, outputs);
    return set_first(column, seconds, outputs);
}

static const char *suffix_of_date(const snnk__column *column, size_t k) {
    static const char *const suffixes[SNNK__DATE_OUTPUTS] = {"",
                                                             " (cosine of the year)",
                                                             " (sine of the year)",
                                                             " (cosine of the week)",
                                                             " (sine of the week)",
                                                             " (cosine of the day)",
                                                             " (sine of the day)"};

    (void)column;
    return suffixes[k];
}

const snnk__encoding snnk__encoding_dates = {.value = SNNK_ENCODING_DATES,
                                             .name = "dates",
                                             .of_words = true,
                                             .outputs = outputs_of_date,
                                             .encode = encode_date,
                                             .fill = fill_first, /* the cycles are 0, their mean
                                                                  * over a whole period */
                                             .suffix = suffix_of_date};

/* ---- Constant columns ---- */

static size_t no_outputs(const snnk__column *column) {
    (void)column;
    return 0;
}

/* Constant columns are not read, so they have no other functions. */
const snnk__encoding snnk__encoding_constant = {
    .value = SNNK_ENCODING_CONSTANT, .name = "constant", .outputs = no_outputs};

/* ---- The list ---- */

static const snnk__encoding *const encodings[] = {
    [SNNK_ENCODING_NUMBERS] = &snnk__encoding_numbers,
    [SNNK_ENCODING_WORDS] = &snnk__encoding_words,
    [SNNK_ENCODING_BOOLEANS] = &snnk__encoding_booleans,
    [SNNK_ENCODING_DATES] = &snnk__encoding_dates,
    [SNNK_ENCODING_CONSTANT] = &snnk__encoding_constant};

const snnk__encoding *snnk__encoding_of(int32_t value) { return encodings[value]; }

const char *snnk_encoding_name(int32_t encoding) {
    return encoding >= 0 && encoding <= SNNK_ENCODING_CONSTANT ? encodings[encoding]->name : NULL;
}
