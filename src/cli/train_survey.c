/* The first pass over the rows of `snnk train`. */
#include <stdlib.h>
#include <string.h>

#include "cli/console.h"
#include "cli/train_rows.h"

/* ---- Held-out rows ---- */

static uint64_t mix(uint64_t x) {
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

/* A number that is equal for rows which stay together. */
static uint64_t key_of(const snnk_rows *batch, size_t i) {
    const size_t d = batch->inputs;
    uint64_t key = 0;

    if (batch->groups) return batch->groups[i];
    for (size_t j = 0; j < d; j++) {
        const double x = batch->X ? (double)batch->X[i * d + j] : batch->X_f64[i * d + j];
        const double value = x + 0.0; /* -0 becomes 0 */
        uint64_t bits;

        memcpy(&bits, &value, sizeof bits);
        key = mix(key ^ bits) + UINT64_C(0x9E3779B97F4A7C15);
    }
    return key;
}

static bool is_drawn(uint64_t key, const train_survey *survey) {
    const uint64_t drawn = mix(mix(key) + mix(survey->seed + 0x5EED));

    return (double)(drawn >> 11) * 0x1p-53 < survey->share;
}

/* How many rows have each mark. */
typedef struct mark_counts {
    size_t all, by_key, singly;
} mark_counts;

static void mark_batch(const train_survey *survey, train_rows *rows, mark_counts *n) {
    const training_rows *batch = rows->batch;

    for (size_t i = 0; i < batch->rows.n; i++) {
        const bool by_key = is_drawn(key_of(&batch->rows, i), survey),
                   singly = is_drawn(n->all, survey);

        rows->marks[batch->numbers[i]] =
            (unsigned char)(ROW_COUNTS | (by_key ? ROW_DRAWN_BY_KEY : 0) |
                            (singly ? ROW_DRAWN_SINGLY : 0));
        n->all++;
        n->by_key += by_key;
        n->singly += singly;
    }
}

/* ---- The hash ---- */

uint64_t train_hash(uint64_t before, const void *bytes, size_t n) {
    const unsigned char *at = bytes;

    for (size_t i = 0; bytes && i < n; i++) before = (before ^ at[i]) * UINT64_C(0x100000001B3);
    return before;
}

/* Go on with a hash over row i of an array of rows; NULL changes nothing. */
static uint64_t hash_row(uint64_t before, const void *array, size_t i, size_t bytes) {
    return array ? train_hash(before, (const char *)array + i * bytes, bytes) : before;
}

/* Row by row, so that the hash does not depend on how many are read at a time. */
static uint64_t hash_batch(uint64_t before, const snnk_rows *batch, size_t n_targets) {
    const size_t d = batch->inputs;

    for (size_t i = 0; i < batch->n; i++) {
        before = hash_row(before, batch->X, i, d * sizeof *batch->X);
        before = hash_row(before, batch->X_f64, i, d * sizeof *batch->X_f64);
        before = hash_row(before, batch->Y_f64, i, n_targets * sizeof *batch->Y_f64);
        before = hash_row(before, batch->labels, i, sizeof *batch->labels);
        before = hash_row(before, batch->weights, i, sizeof *batch->weights);
        before = hash_row(before, batch->groups, i, sizeof *batch->groups);
    }
    return before;
}

/* ---- The pass ---- */

/* Whether the numbers of drawn rows will do. */
static bool is_fair(size_t drawn, size_t all, double share) {
    return drawn > 0 && drawn < all && (double)drawn <= 2 * share * (double)all;
}

static void choose_heldout(const train_survey *survey, const mark_counts *n, train_rows *rows) {
    const bool by_key = rows->data->group != NO_COLUMN || is_fair(n->by_key, n->all, survey->share);
    const size_t drawn = by_key ? n->by_key : n->singly;

    if (drawn < n->all) { /* otherwise all rows are one group */
        rows->held = by_key ? ROW_DRAWN_BY_KEY : ROW_DRAWN_SINGLY;
        rows->n_heldout = drawn;
    }
    rows->n_learnt = n->all - rows->n_heldout;
    for (size_t row = 0, before = 0; row < rows->data->rows; row++) {
        if (row % BATCH_ROWS == 0) rows->learnt_before[row / BATCH_ROWS] = before;
        before += train_rows_is_learnt(rows, row);
    }
}

static int survey_part(const train_survey *survey, size_t first, size_t n, train_rows *rows,
                       mark_counts *counts) {
    const int exit_status = train_rows_read(rows, first, n);
    const snnk_rows *batch = &rows->batch->rows;

    if (exit_status != EXIT_OK) return exit_status;
    mark_batch(survey, rows, counts);
    if (survey->hashed) rows->hash = hash_batch(rows->hash, batch, rows->known.n_targets);
    return scaling_learner_add(rows->command, rows->data, batch, &rows->known);
}

static int alloc_marks(train_rows *rows) {
    const size_t n = rows->data->rows;

    rows->marks = calloc(n + 1, sizeof *rows->marks);
    rows->learnt_before = calloc(n / BATCH_ROWS + 1, sizeof *rows->learnt_before);
    return rows->marks && rows->learnt_before
               ? EXIT_OK
               : failed(rows->command, "out of memory for a mark of each of the %zu rows of %s", n,
                        rows->data->path);
}

int train_rows_survey(const char *command, const task *what, dataset *data,
                      const train_survey *survey, train_rows *rows) {
    mark_counts counts = {.all = 0};
    int exit_status;

    *rows = (train_rows){.command = command,
                         .what = what,
                         .data = data,
                         .quiet = survey->quiet,
                         .hash = survey->hashed ? UINT64_C(0xCBF29CE484222325) : 0};
    exit_status = training_rows_create(command, data, &rows->batch);
    if (exit_status == EXIT_OK) exit_status = alloc_marks(rows);
    if (exit_status == EXIT_OK)
        exit_status = scaling_learner_begin(command, what, data, survey->scaling, &rows->known);
    for (size_t first = 0; exit_status == EXIT_OK && first < data->rows; first += BATCH_ROWS) {
        const size_t left = data->rows - first, n = left < BATCH_ROWS ? left : BATCH_ROWS;

        show_progress(rows->quiet, "reading", first, data->rows);
        exit_status = survey_part(survey, first, n, rows, &counts);
    }
    show_progress(rows->quiet, "reading", 1, 1);
    if (exit_status != EXIT_OK) return exit_status;
    choose_heldout(survey, &counts, rows);
    return scaling_learner_inputs(command, data, &rows->known, &rows->inputs);
}
