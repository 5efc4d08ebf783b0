#include "cli/fit_choose.h"

#include <math.h>
#include <stdlib.h>

#include "cli/console.h"

/* Rows of the sample that candidates are scored on. */
enum { SAMPLE_ROWS = 3000 };

/* The most ways to prepare inputs: the forms of numbers that an encoder has. */
enum { MOST_WAYS = SNNK_NUMBER_FORM_SQUASHED + 1 };

/* The sample, and the inputs of its rows in each way. */
typedef struct sample {
    size_t n, n_ways;
    snnk_encoder *encoders[MOST_WAYS]; /* NULL: the columns themselves */
    double *X[MOST_WAYS], *Y;
    int32_t *labels;
    float *weights;
    uint64_t *groups;
} sample;

static void sample_free(sample *s) {
    for (size_t k = 0; k < s->n_ways; k++) {
        snnk_encoder_free(s->encoders[k]);
        free(s->X[k]);
    }
    free(s->Y);
    free(s->labels);
    free(s->weights);
    free(s->groups);
}

/* The row of the table that is row i of the sample: one of each of n equal parts, at a place within
 * the part that looks random. */
static size_t row_of(const sample *s, size_t rows, size_t i) {
    const size_t first = (size_t)((double)i * (double)rows / (double)s->n);
    const size_t end = (size_t)((double)(i + 1) * (double)rows / (double)s->n);
    const uint64_t mixed = ((uint64_t)i + 1) * 0x9E3779B97F4A7C15U;

    return first + (size_t)(mixed >> 33) % (end > first ? end - first : 1);
}

/* Read the targets of row i of the sample. */
static int read_target(const char *command, dataset *train, const task *of, size_t row, size_t i,
                       sample *s) {
    double *Y = s->Y + i * train->n_targets;

    if (dataset_read_targets(train, row, 1, Y) != SNNK_OK) return library_failed(command);
    if (train->groups >= 0 && dataset_read_groups(train, row, 1, s->groups + i) != SNNK_OK)
        return library_failed(command);
    s->weights[i] = 1;
    if (train->weights >= 0 && dataset_read_weights(train, row, 1, s->weights + i) != SNNK_OK)
        return library_failed(command);
    if (!of->classification) return EXIT_OK;
    const int exit_status = task_labels(command, of, train, 1, Y, s->labels + i);

    if (exit_status == EXIT_OK && of->class_weights)
        task_weigh(of, 1, s->labels + i, s->weights + i);
    return exit_status;
}

static int read_targets(const char *command, dataset *train, const task *of, sample *s) {
    int exit_status = EXIT_OK;

    s->Y = calloc(s->n, train->n_targets * sizeof *s->Y);
    s->labels = calloc(s->n, sizeof *s->labels);
    s->weights = calloc(s->n, sizeof *s->weights);
    s->groups = calloc(s->n, sizeof *s->groups);
    if (!s->Y || !s->labels || !s->weights || !s->groups) return failed(command, "out of memory");
    for (size_t i = 0; exit_status == EXIT_OK && i < s->n; i++)
        exit_status = read_target(command, train, of, row_of(s, train->rows, i), i, s);
    return exit_status;
}

/* Read the inputs in the way that the data have now. */
static int read_inputs(const char *command, dataset *train, sample *s) {
    const size_t d = train->n_inputs;
    double *X = calloc(s->n, d * sizeof *X);

    s->X[s->n_ways] = X;
    s->encoders[s->n_ways++] = snnk_encoder_retain(train->encoder);
    if (!X) return failed(command, "out of memory");
    for (size_t i = 0; i < s->n; i++) {
        if (dataset_read(train, row_of(s, train->rows, i), 1, X + i * d) != SNNK_OK)
            return library_failed(command);
        if (interrupted) return EXIT_CANCELLED;
    }
    return EXIT_OK;
}

/* Whether the numbers of the table can be given in several forms: scaling does that, if it is given
 * by an option. */
static bool has_forms(const fit_options *o, const dataset *train) {
    return o->scaling == SCALING_DEFAULT && train->encodable;
}

static int make_sample(const char *command, const fit_options *o, dataset *train, const task *of,
                       sample *s) {
    const int32_t forms = has_forms(o, train) ? MOST_WAYS : 1;
    int exit_status;

    s->n = train->rows < SAMPLE_ROWS ? train->rows : SAMPLE_ROWS;
    exit_status = read_targets(command, train, of, s);
    for (int32_t form = 0; exit_status == EXIT_OK && form < forms; form++) {
        if (form > 0) exit_status = dataset_set_form(command, form, train);
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
                      .groups = train->groups >= 0 ? s->groups : NULL);
}

/* Note the best candidate in the options, and what it was compared with. */
static int take_best(const char *command, const snnk_choice *made, const sample *s, fit_options *o,
                     dataset *train, fit_choice *choice) {
    snnk_candidate best = {.size = sizeof best};
    const uint64_t features = o->map.features;

    if (snnk_choice_get(made, 0, &best) != SNNK_OK) return library_failed(command);
    o->map = *best.map;
    o->map.features = features;
    o->scaling = best.scaling < 0 ? SCALING_NONE : best.scaling;
    choice->made = true;
    choice->candidates = snnk_choice_candidates(made);
    choice->rows = s->n;
    choice->error = best.error;
    choice->linear_error = NAN;
    for (size_t k = choice->candidates; k-- > 0;) {
        snnk_candidate other = {.size = sizeof other};

        if (snnk_choice_get(made, k, &other) != SNNK_OK) return library_failed(command);
        if (other.map->kind == SNNK_MAP_IDENTITY) choice->linear_error = other.error;
    }
    if (s->n_ways > 1) choice->form = (int32_t)best.way;
    return s->n_ways > 1 ? dataset_use_encoder(command, s->encoders[best.way], train) : EXIT_OK;
}

static int score(const char *command, fit_options *o, dataset *train, const task *of,
                 const sample *s, snnk_workspace *workspace, fit_choice *choice) {
    snnk_choose_config config;
    snnk_rows rows[MOST_WAYS];
    const snnk_rows *ways[MOST_WAYS];
    snnk_choice *made = NULL;
    int exit_status;

    for (size_t k = 0; k < s->n_ways; k++) {
        rows[k] = rows_of(
            s, k, s->encoders[k] ? snnk_encoder_outputs(s->encoders[k]) : train->n_inputs, train,
            of);
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
    sample s = {0};
    int exit_status;

    *choice = (fit_choice){.form = train->encoder ? SNNK_NUMBER_FORM_PLAIN : -1,
                           .linear_error = NAN};
    if (o->kind_given && o->scale_given && o->scaling != SCALING_DEFAULT) return EXIT_OK;
    exit_status = make_sample(command, o, train, of, &s);
    if (exit_status == EXIT_OK) exit_status = score(command, o, train, of, &s, workspace, choice);
    sample_free(&s);
    return exit_status;
}
