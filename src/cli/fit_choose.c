#include "cli/fit_choose.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/console.h"
#include "cli/training_rows.h"

/* Rows of the sample that candidates are scored on. */
enum { SAMPLE_ROWS = 2000 };

/* Errors whose ratio is smaller are nearly equal. */
#define NEARLY_EQUAL 1.02

/* The most ways to prepare inputs: the forms of numbers that an encoder has. */
enum { MOST_WAYS = SNNK_NUMBER_FORM_SQUASHED + 1 };

/* The sample, and the inputs of its rows in each way. */
typedef struct sample {
    size_t n, n_ways;
    size_t rows[SAMPLE_ROWS];          /* of the table */
    snnk_encoder *encoders[MOST_WAYS]; /* NULL: the columns themselves */
    double *X[MOST_WAYS], *Y;
    int32_t labels[SAMPLE_ROWS];
    float weights[SAMPLE_ROWS];
    uint64_t groups[SAMPLE_ROWS];
} sample;

static void sample_free(sample *s) {
    if (!s) return;
    for (size_t k = 0; k < s->n_ways; k++) {
        snnk_encoder_free(s->encoders[k]);
        free(s->X[k]);
    }
    free(s->Y);
    free(s);
}

/* Row k of n, drawn from a table: each of n equal parts gives one, at a place that looks random. */
static size_t draw_row(size_t rows, size_t n, size_t k) {
    const size_t first = (size_t)((double)k * (double)rows / (double)n);
    const size_t end = (size_t)((double)(k + 1) * (double)rows / (double)n);
    const uint64_t mixed = ((uint64_t)k + 1) * 0x9E3779B97F4A7C15U;

    return first + (size_t)(mixed >> 33) % (end > first ? end - first : 1);
}

/* List the rows of a weight above 0. rows: the caller frees it. */
static int list_weighted(const char *command, const dataset *train, size_t **rows, size_t *n) {
    float weights[BATCH_ROWS];

    *n = 0;
    *rows = calloc(train->rows, sizeof **rows);
    if (!*rows) return failed(command, "out of memory");
    for (size_t first = 0; first < train->rows; first += BATCH_ROWS) {
        const size_t left = train->rows - first, count = left < BATCH_ROWS ? left : BATCH_ROWS;

        if (dataset_read_weights(train, first, count, weights) != SNNK_OK)
            return library_failed(command);
        for (size_t i = 0; i < count; i++)
            if (weights[i] > 0) (*rows)[(*n)++] = first + i;
    }
    return EXIT_OK;
}

/* Set rows to the rows of the sample. */
static int draw_rows(const char *command, const dataset *train, sample *s) {
    const bool weighted = dataset_leaves_out(train);
    size_t *usable = NULL, count = train->rows;
    const int exit_status = weighted ? list_weighted(command, train, &usable, &count) : EXIT_OK;

    s->n = count < SAMPLE_ROWS ? count : SAMPLE_ROWS;
    for (size_t k = 0; exit_status == EXIT_OK && k < s->n; k++) {
        const size_t drawn = draw_row(count, s->n, k);

        s->rows[k] = weighted ? usable[drawn] : drawn;
    }
    free(usable);
    return exit_status;
}

/* Read everything but inputs of the drawn rows. */
static int read_targets(const char *command, dataset *train, const task *of, training_rows *batch,
                        sample *s) {
    const size_t l = train->n_targets, n = s->n;

    s->n = 0;
    s->Y = calloc(n, l * sizeof *s->Y);
    if (!s->Y) return failed(command, "out of memory");
    for (size_t k = 0; k < n; k++) {
        const size_t row = s->rows[k];
        const int exit_status = training_rows_read(command, of, train, row, 1, batch);

        if (exit_status != EXIT_OK) return exit_status;
        if (batch->rows.n == 0) continue; /* its weight, balanced, is 0 as a float */
        memcpy(s->Y + s->n * l, batch->Y, l * sizeof *s->Y);
        s->labels[s->n] = batch->labels[0];
        s->weights[s->n] = batch->rows.weights ? batch->weights[0] : 1;
        s->groups[s->n] = batch->groups[0];
        s->rows[s->n++] = row;
    }
    return EXIT_OK;
}

/* Read the inputs in the way that the data have now. */
static int read_inputs(const char *command, dataset *train, sample *s) {
    const size_t d = train->n_inputs;
    double *X = calloc(s->n, d * sizeof *X);

    s->X[s->n_ways] = X;
    s->encoders[s->n_ways++] = snnk_encoder_retain(train->encoder);
    if (!X) return failed(command, "out of memory");
    for (size_t i = 0; i < s->n; i++) {
        if (dataset_read(train, s->rows[i], 1, X + i * d) != SNNK_OK)
            return library_failed(command);
        if (interrupted) return EXIT_CANCELLED;
    }
    return EXIT_OK;
}

/* Read the sample. The numbers of a table are read in all forms, unless an option says how to scale
 * them. */
static int read_sample(const char *command, const fit_options *o, dataset *train, const task *of,
                       sample *s) {
    const int32_t forms =
        o->scaling == SCALING_DEFAULT && dataset_has_columns(train) && !train->tower ? MOST_WAYS
                                                                                     : 1;
    training_rows *batch;
    int exit_status = training_rows_create(command, train, &batch);

    if (exit_status == EXIT_OK) exit_status = draw_rows(command, train, s);
    if (exit_status == EXIT_OK) exit_status = read_targets(command, train, of, batch, s);
    training_rows_free(batch);
    if (exit_status == EXIT_OK) exit_status = read_inputs(command, train, s);
    for (int32_t form = 1; exit_status == EXIT_OK && form < forms; form++) {
        exit_status = dataset_encode(command, &o->data.train, form, train);
        if (exit_status == EXIT_OK) exit_status = read_inputs(command, train, s);
    }
    return exit_status;
}

/* The rows of way k. */
static snnk_rows rows_of(const sample *s, size_t k, size_t inputs, const dataset *train,
                         const task *of) {
    return *SNNK_ROWS(.n = s->n, .inputs = inputs, .X_f64 = s->X[k],
                      .Y_f64 = of->classification ? NULL : s->Y,
                      .labels = of->classification ? s->labels : NULL, .weights = s->weights,
                      .groups = train->group != NO_COLUMN ? s->groups : NULL);
}

/* Whether a kind can be had with the number of features that was given: the inputs themselves have
 * one of their own, and Gaussian features come in pairs. */
static bool allowed(const fit_options *o, int32_t kind) {
    if (!o->features_given) return true;
    return kind != SNNK_MAP_IDENTITY && (kind != SNNK_MAP_GAUSSIAN || o->map.features % 2 == 0);
}

static bool standardized(const sample *s, const snnk_candidate *candidate) {
    return s->n_ways > 1 ? candidate->way == SNNK_NUMBER_FORM_STANDARDIZED
                         : candidate->scaling == SNNK_SCALING_STANDARDIZE;
}

/* Find the best candidate. The sample cannot tell apart those of nearly equal errors: one of the
 * same kind with standardized inputs is preferred, as is usual.
 *   least  the result: the error of the best one */
static int find_best(const snnk_choice *made, const sample *s, const fit_options *o,
                     snnk_candidate *best, double *least) {
    int st = SNNK_OK;

    for (size_t k = 0; st == SNNK_OK && (k == 0 || !allowed(o, best->map->kind)); k++)
        st = snnk_choice_get(made, k, best);
    *least = best->error;
    for (size_t k = 1; st == SNNK_OK && k < snnk_choice_candidates(made); k++) {
        snnk_candidate other = {.size = sizeof other};

        st = snnk_choice_get(made, k, &other);
        if (st != SNNK_OK || standardized(s, best) || !other.finalist ||
            other.error > NEARLY_EQUAL * *least)
            break;
        if (standardized(s, &other) && other.map->kind == best->map->kind) *best = other;
    }
    return st;
}

/* Note the best candidate in the options, and what it was compared with. */
static int take_best(const char *command, const snnk_choice *made, const sample *s, fit_options *o,
                     dataset *train, fit_choice *choice) {
    snnk_candidate best = {.size = sizeof best};
    const uint64_t features = o->map.features;

    if (find_best(made, s, o, &best, &choice->least_error) != SNNK_OK)
        return library_failed(command);
    o->map = *best.map;
    o->map.features = features;
    o->scaling = best.scaling < 0 ? SCALING_NONE : best.scaling;
    choice->made = true;
    choice->candidates = snnk_choice_candidates(made);
    choice->rows = s->n;
    choice->error = best.error;
    choice->linear_error = choice->other_error = NAN;
    for (size_t k = choice->candidates; k-- > 0;) {
        snnk_candidate other = {.size = sizeof other};

        if (snnk_choice_get(made, k, &other) != SNNK_OK) return library_failed(command);
        *(other.map->kind == SNNK_MAP_IDENTITY ? &choice->linear_error : &choice->other_error) =
            other.error;
    }
    if (s->encoders[best.way]) choice->form = (int32_t)best.way;
    if (s->n_ways > 1) dataset_set_encoder(s->encoders[best.way], train);
    return EXIT_OK;
}

static int score(const char *command, fit_options *o, dataset *train, const task *of,
                 const sample *s, snnk_workspace *workspace, fit_choice *choice) {
    snnk_choose_config config;
    snnk_rows rows[MOST_WAYS];
    const snnk_rows *ways[MOST_WAYS];
    snnk_choice *made = NULL;
    int exit_status;

    for (size_t k = 0; k < s->n_ways; k++) {
        rows[k] =
            rows_of(s, k, s->encoders[k] ? snnk_encoder_outputs(s->encoders[k]) : train->n_inputs,
                    train, of);
        ways[k] = &rows[k];
    }
    snnk_choose_config_init(&config, sizeof config);
    config.seed = o->map.seed;
    config.map = &o->map;
    config.choose = (o->kind_given ? 0 : SNNK_CHOOSE_KIND) |
                    (o->scale_given ? 0 : SNNK_CHOOSE_SCALE) |
                    (o->scaling == SCALING_DEFAULT && s->n_ways == 1 ? SNNK_CHOOSE_SCALING : 0);
    config.scaling = o->scaling == SCALING_DEFAULT ? SNNK_SCALING_COMMON
                     : o->scaling == SCALING_NONE  ? -1
                                                   : o->scaling;
    const int st = snnk_choose(s->n_ways, ways, of->outputs, &config, workspace, &made);
    if (st == SNNK_E_CANCELLED || interrupted)
        exit_status = EXIT_CANCELLED;
    else
        exit_status = st == SNNK_OK ? take_best(command, made, s, o, train, choice)
                                    : failed(command, "%s: %s", train->path, snnk_last_error());
    snnk_choice_free(made);
    return exit_status;
}

int fit_choose(const char *command, fit_options *o, dataset *train, const task *of,
               snnk_workspace *workspace, fit_choice *choice) {
    sample *s;
    int exit_status;

    *choice = (fit_choice){.form = train->encoder ? SNNK_NUMBER_FORM_PLAIN : -1,
                           .linear_error = NAN,
                           .other_error = NAN};
    if (o->kind_given && o->scale_given && o->scaling != SCALING_DEFAULT) return EXIT_OK;
    if (!(s = calloc(1, sizeof *s))) return failed(command, "out of memory");
    exit_status = read_sample(command, o, train, of, s);
    if (exit_status == EXIT_OK) exit_status = score(command, o, train, of, s, workspace, choice);
    sample_free(s);
    return exit_status;
}
