#define _POSIX_C_SOURCE 200809L
#include "cli/fit_effort.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/fit_recipes.h"
#include "cli/system.h"

static const char command[] = "fit";

/* Seconds of --effort without --seconds. */
static const double default_seconds[] = {0, 60, 300, 1800};

/* Rows are parted into five, or ten if there are more than MANY. Of up to FEW rows all parts are
 * held out, one after another; of up to SOME rows three; of more one. */
enum { FEWEST = 20, FEW = 1000, SOME = 5000, MANY = 20000 };

/* The fit to all rows takes longer than that to nine tenths of them by this, at most. */
#define REFIT 1.25

/* ---- Folds ---- */

/* A random number for a row: the same for equal rows, or for those of a group. */
static uint64_t mix(uint64_t hash, uint64_t bits) {
    hash = (hash ^ bits) * 0xFF51AFD7ED558CCDU;
    return hash ^ hash >> 32;
}

static int hash_batch(dataset *data, uint64_t seed, size_t first, size_t n, training_rows *batch,
                      uint64_t *hashes) {
    const size_t d = data->n_inputs;
    const bool groups = data->group != NO_COLUMN;
    int st = groups ? dataset_read_groups(data, first, n, batch->groups)
                    : dataset_read(data, first, n, batch->X);

    for (size_t i = 0; st == SNNK_OK && i < n; i++) {
        uint64_t hash = mix(0x9E3779B97F4A7C15U, seed);

        if (groups) hash = mix(hash, batch->groups[i]);
        for (size_t k = 0; !groups && k < d; k++) {
            uint64_t bits;

            memcpy(&bits, batch->X + i * d + k, sizeof bits);
            hash = mix(hash, bits);
        }
        hashes[i] = mix(hash, 1);
    }
    return st;
}

static int draw_folds(fit_job *job, uint64_t seed, uint8_t parts, fit_effort *effort) {
    dataset *data = &job->train;
    size_t sizes[10] = {0};
    uint64_t hashes[BATCH_ROWS];
    training_rows *batch;
    int exit_status = training_rows_create(command, data, &batch);

    for (size_t first = 0; exit_status == EXIT_OK && first < data->rows; first += BATCH_ROWS) {
        const size_t left = data->rows - first, n = left < BATCH_ROWS ? left : BATCH_ROWS;

        if (hash_batch(data, seed, first, n, batch, hashes) != SNNK_OK)
            exit_status = library_failed(command);
        for (size_t i = 0; exit_status == EXIT_OK && i < n; i++) {
            effort->folds[first + i] = (uint8_t)(hashes[i] % parts);
            sizes[effort->folds[first + i]]++;
        }
        if (interrupted) exit_status = EXIT_CANCELLED;
    }
    training_rows_free(batch);
    for (uint8_t k = 0; exit_status == EXIT_OK && k < effort->judged; k++)
        if (sizes[k] == 0 || sizes[k] == data->rows)
            exit_status = failed(command,
                                 "%s: --effort holds out a part of the rows, but too few of them "
                                 "differ, or are of different groups, to part them",
                                 data->path);
    return exit_status;
}

int fit_effort_begin(fit_job *job, const fit_options *o, fit_effort *effort) {
    const size_t n = job->train.rows;
    int exit_status;

    effort->seconds = o->seconds > 0 ? o->seconds : default_seconds[o->effort];
    effort->level = o->effort;
    effort->squared = !job->task.classification;
    effort->judged = n <= FEW ? 5 : n <= SOME ? 3 : 1;
    if (n < FEWEST)
        return failed(command, "%s has %zu rows, and --effort needs at least %d to hold some out",
                      job->train.path, n, FEWEST);
    effort->folds = calloc(n, sizeof *effort->folds);
    if (!effort->folds) return failed(command, "out of memory");
    exit_status = draw_folds(job, o->fit.seed, n > MANY ? 10 : 5, effort);
    if (exit_status == EXIT_OK) dataset_set_fold(effort->folds, 0, true, &job->train);
    return exit_status;
}

void fit_effort_free(fit_effort *effort) {
    free(effort->folds);
    *effort = (fit_effort){.folds = NULL};
}

/* ---- Judging ---- */

/* Losses of held-out rows, and their weights; a weight of 0 for rows that were not held out. */
typedef struct losses {
    double *loss, *weight;
} losses;

static double loss_of(const task *what, const training_rows *batch, size_t i,
                      const double *outputs) {
    const size_t l = what->outputs;
    double sum = 0;

    if (what->classification) return largest_score(l, outputs) != (size_t)batch->labels[i];
    for (size_t k = 0; k < l; k++) {
        const double residual = outputs[k] - batch->Y[i * l + k];

        sum += residual * residual / (double)l;
    }
    return sum;
}

static int judge_batch(fit_run *run, const snnk_network *network, double *outputs, losses *to) {
    const snnk_rows *rows = &run->batch->rows;
    const size_t d = run->job->train.n_inputs, l = run->job->task.outputs;
    snnk_workspace *workspace = run->job->workspace;
    float *floats = (float *)outputs + rows->n * l; /* the second half */
    int st;

    if (rows->n == 0) return SNNK_OK;
    if (rows->X_f64) {
        st = snnk_network_forward_f64(network, rows->n, rows->X_f64, d, outputs, l, workspace);
    } else {
        st = snnk_network_forward(network, rows->n, rows->X, d, floats, l, workspace);
        for (size_t k = 0; st == SNNK_OK && k < rows->n * l; k++) outputs[k] = (double)floats[k];
    }
    for (size_t i = 0; st == SNNK_OK && i < rows->n; i++) {
        const size_t row = run->batch->numbers[i];

        to->loss[row] = loss_of(&run->job->task, run->batch, i, outputs + i * l);
        to->weight[row] = rows->weights ? (double)rows->weights[i] : 1;
    }
    return st;
}

/* Score a fit on the rows of the data that count now. */
static int judge(fit_run *run, losses *to, uint64_t *parameters) {
    dataset *train = &run->job->train;
    snnk_network *network = NULL;
    double *outputs = calloc(BATCH_ROWS, run->job->task.outputs * sizeof *outputs);
    int st = snnk_network_create(NULL, &network), exit_status = EXIT_OK;

    if (st == SNNK_OK) st = fit_run_append(run, false, network);
    if (!outputs || st != SNNK_OK) exit_status = failed(command, "out of memory");
    *parameters = snnk_network_parameters(network);
    if (train->tower) *parameters += snnk_network_parameters(train->tower);
    for (size_t first = 0; exit_status == EXIT_OK && first < train->rows; first += BATCH_ROWS) {
        const size_t left = train->rows - first, n = left < BATCH_ROWS ? left : BATCH_ROWS;

        exit_status = training_rows_read(command, &run->job->task, train, first, n, run->batch);
        if (exit_status == EXIT_OK && judge_batch(run, network, outputs, to) != SNNK_OK)
            exit_status = library_failed(command);
        if (interrupted) exit_status = EXIT_CANCELLED;
    }
    snnk_network_free(network);
    free(outputs);
    return exit_status;
}

/* ---- Trying ---- */

/* What is known while ways are tried. */
typedef struct search {
    fit_effort *effort;
    fit_job *job;
    fit_options first, best;
    fit_choice choice; /* of the best */
    uint64_t features; /* of the best */
    losses best_losses, losses;
    double end;    /* of the budget */
    int threshold; /* of recipes */
    char label[64];
} search;

/* The time that the best way takes, on all rows. */
static double refit_seconds(const search *s) {
    const fit_effort *effort = s->effort;

    return effort->n == 0 ? 0 : REFIT * effort->tried[effort->best].seconds / effort->judged;
}

/* How long a further way may take: if it is better, it must be fitted to all rows too, and if not,
 * the best one. */
static double allowed_seconds(const search *s) {
    const double left = s->end - seconds_now(), judged = s->effort->judged;
    const double both = left / (1 + REFIT / judged), rest = left - refit_seconds(s);

    if (s->effort->n == 0) return left;
    return both < rest ? both : rest;
}

/* Fit without each fold that is judged, and score on it. The options become those of the first
 * fit. */
static int fit_folds(search *s, fit_options *o, bool chosen, fit_choice *choice, tried *row,
                     uint64_t *features) {
    const fit_effort *effort = s->effort;
    int exit_status = EXIT_OK;

    for (uint8_t k = 0; exit_status == EXIT_OK && k < effort->judged; k++) {
        fit_run run = {.job = s->job, .options = *o, .chosen = chosen || k > 0, .choice = *choice};

        dataset_set_fold(effort->folds, k, true, &s->job->train);
        exit_status = fit_run_prepare(&run);
        if (k == 0) {
            const int32_t form = choice->form; /* of the encoder, which stays */

            *o = run.options;
            *choice = run.choice;
            if (effort->n > 0 && choice->form >= 0) choice->form = form;
        }
        if (exit_status == EXIT_OK) exit_status = fit_run_fit(&run, false);
        dataset_set_fold(effort->folds, k, false, &s->job->train);
        if (exit_status == EXIT_OK) exit_status = judge(&run, &s->losses, &row->parameters);
        if (k == 0)
            *features =
                run.options.series ? snnk_map_features(run.best.map) : run.options.map.features;
        fit_run_free(&run);
        dataset_set_fold(NULL, 0, false, &s->job->train);
    }
    return exit_status;
}

/* Compare the losses with those of the best way, in pairs. */
static void compare(const search *s, tried *row) {
    const size_t n = s->job->train.rows;
    const losses *a = &s->best_losses, *b = &s->losses;
    double weights = 0, sum = 0, squares = 0, error = 0;

    for (size_t i = 0; i < n; i++) {
        const double w = b->weight[i];

        weights += w;
        error += w * b->loss[i];
        sum += w * (a->loss[i] - b->loss[i]);
    }
    row->gain = sum / weights;
    for (size_t i = 0; i < n; i++) {
        const double w = b->weight[i], off = a->loss[i] - b->loss[i] - row->gain;

        squares += w * w * off * off;
    }
    row->deviation = sqrt(squares) / weights;
    row->error = s->effort->squared ? sqrt(error / weights) : error / weights;
}

/* Keep a way as the best. */
static void keep(search *s, const fit_options *o, const fit_choice *choice, uint64_t features) {
    const losses before = s->best_losses;

    s->best = *o;
    s->choice = *choice;
    s->features = features;
    s->best_losses = s->losses;
    s->losses = before;
    s->effort->best = s->effort->n;
}

/* Try one way.
 *   helped  the result: it is the best so far */
static int try_way(search *s, const char *what, fit_options *o, bool chosen, bool *helped) {
    fit_effort *effort = s->effort;
    tried *row = &effort->tried[effort->n];
    fit_choice choice = s->choice;
    const double begin = seconds_now();
    uint64_t features = 0;
    int exit_status;

    *helped = false;
    *row = (tried){.what = what, .error = NAN, .gain = NAN, .deviation = NAN};
    fit_recipe_describe(&s->first, o, row->options, sizeof row->options);
    snprintf(s->label, sizeof s->label, "%zu: %.50s", effort->n + 1, what);
    s->job->label = s->label;
    if (effort->n > 0 || s->first.seconds > 0) s->job->deadline = begin + allowed_seconds(s);
    if (effort->n > 0) hold_errors();
    exit_status = fit_folds(s, o, chosen, &choice, row, &features);
    if (effort->n > 0) take_held_error(row->why, sizeof row->why);
    row->seconds = seconds_now() - begin;
    s->job->deadline = 0;
    if (s->job->late) {
        row->end = TRIED_LATE;
    } else if (exit_status == EXIT_CANCELLED || (exit_status != EXIT_OK && effort->n == 0)) {
        return exit_status;
    } else if (exit_status != EXIT_OK) {
        row->end = TRIED_FAILED;
    } else {
        compare(s, row);
        *helped = effort->n == 0 || row->gain > row->deviation ||
                  (isfinite(row->error) && !isfinite(effort->tried[effort->best].error));
        if (effort->n == 0) row->gain = row->deviation = NAN;
        row->end = *helped ? TRIED_KEPT : TRIED_WORSE;
        if (*helped) keep(s, o, &choice, features);
    }
    s->job->late = false;
    effort->n++;
    return EXIT_OK;
}

/* List a way for which there is too little time. */
static void skip(search *s, const char *what, const fit_options *o) {
    tried *row = &s->effort->tried[s->effort->n++];

    *row = (tried){.what = what, .error = NAN, .gain = NAN, .deviation = NAN, .end = TRIED_SKIPPED};
    fit_recipe_describe(&s->first, o, row->options, sizeof row->options);
}

/* Whether a way that takes so many times as long as the best one can be finished. */
static bool has_time(const search *s, int times) {
    const fit_effort *effort = s->effort;
    const double allowed = allowed_seconds(s);

    if (effort->n == 0) return true;
    return allowed > 0 && times * effort->tried[effort->best].seconds <= allowed;
}

/* Refuse a given budget that is too small for the first way. */
static int check_budget(const search *s) {
    const fit_effort *effort = s->effort;
    const tried *first = &effort->tried[0];

    if (s->first.seconds == 0) return EXIT_OK;
    if (first->end == TRIED_LATE)
        return failed(command,
                      "--seconds %g is too little: one layer for %zu rows of %zu inputs was not "
                      "fitted in that time. Give it more, or leave out --effort",
                      effort->seconds, s->job->train.rows, s->job->train.n_inputs);
    if (seconds_now() + refit_seconds(s) > s->end)
        return failed(command,
                      "--seconds %g is too little: one layer took %.3g seconds to score on "
                      "held-out rows, and would take %.2g more on all rows. Give it more, or "
                      "leave out --effort",
                      effort->seconds, first->seconds, refit_seconds(s));
    return EXIT_OK;
}

/* Try all recipes of the effort. */
static int try_all(search *s) {
    bool helped = false;
    int exit_status = EXIT_OK;

    for (size_t k = 0; k < fit_recipes_count && exit_status == EXIT_OK; k++) {
        const recipe *const next = &fit_recipes[k];

        if (next->effort > s->threshold) continue;
        do {
            const recipe_start start = {s->job, &s->first, s->features, s->threshold};
            fit_options o = s->best;
            bool chosen = true;

            if (s->effort->n == MOST_TRIED || !next->change(&start, &o, &chosen)) break;
            if (!has_time(s, next->times)) {
                skip(s, next->what, &o);
                break;
            }
            exit_status = try_way(s, next->what, &o, chosen, &helped);
            if (exit_status == EXIT_OK && s->effort->n == 1) exit_status = check_budget(s);
        } while (exit_status == EXIT_OK && next->again && helped);
    }
    return exit_status;
}

static bool create_losses(size_t n, losses *made) {
    made->loss = calloc(n, sizeof *made->loss);
    made->weight = calloc(n, sizeof *made->weight);
    return made->loss && made->weight;
}

static void free_losses(losses *made) {
    free(made->loss);
    free(made->weight);
}

/* Fit the best way to all rows. */
static int fit_best(search *s, fit_run *run) {
    int exit_status;

    fit_run_free(run);
    *run = (fit_run){.job = s->job, .options = s->best, .chosen = true, .choice = s->choice};
    s->job->label = "fitting the best to all rows";
    exit_status = fit_run_prepare(run);
    return exit_status == EXIT_OK ? fit_run_fit(run, true) : exit_status;
}

int fit_effort_fit(fit_effort *effort, double start, fit_run *run) {
    const size_t n = run->job->train.rows;
    search s = {.effort = effort,
                .job = run->job,
                .first = run->options,
                .best = run->options,
                .choice = run->choice,
                .end = start + effort->seconds,
                .threshold = run->options.effort};
    int exit_status = EXIT_OK;

    if (!create_losses(n, &s.best_losses) || !create_losses(n, &s.losses))
        exit_status = failed(command, "out of memory");
    if (exit_status == EXIT_OK) exit_status = try_all(&s);
    for (size_t i = 0; exit_status == EXIT_OK && i < n; i++)
        effort->rows += s.best_losses.weight[i] > 0;
    if (exit_status == EXIT_OK) exit_status = fit_best(&s, run);
    s.job->label = NULL; /* it may be that of `s` */
    free_losses(&s.best_losses);
    free_losses(&s.losses);
    return exit_status;
}

/* ---- Report ---- */

static const char *const ends[] = {"kept", "not better", "not finished", "failed", "no time"};

void fit_effort_add_json(const fit_effort *effort, cJSON *json) {
    cJSON *list;

    if (effort->n == 0) return;
    cJSON_AddStringToObject(json, "effort", fit_efforts[effort->level]);
    cJSON_AddNumberToObject(json, "budget_seconds", effort->seconds);
    cJSON_AddNumberToObject(json, "judged_rows", (double)effort->rows);
    list = cJSON_AddArrayToObject(json, "tried");
    for (size_t k = 0; k < effort->n; k++) {
        const tried *row = &effort->tried[k];
        cJSON *entry = cJSON_CreateObject();

        cJSON_AddStringToObject(entry, "what", row->what);
        cJSON_AddStringToObject(entry, "options", row->options);
        cJSON_AddStringToObject(entry, "end", k == effort->best ? "best" : ends[row->end]);
        cJSON_AddNumberToObject(entry, "error", row->error);
        cJSON_AddNumberToObject(entry, "gain", row->gain);
        cJSON_AddNumberToObject(entry, "standard_error", row->deviation);
        cJSON_AddNumberToObject(entry, "parameters", (double)row->parameters);
        cJSON_AddNumberToObject(entry, "seconds", row->seconds);
        if (row->end == TRIED_FAILED) cJSON_AddStringToObject(entry, "why", row->why);
        cJSON_AddItemToArray(list, entry);
    }
}

/* The error and the size of a way, if it was finished. */
static void print_score(const fit_effort *effort, const tried *row) {
    if (isnan(row->error))
        printf("%24s", "");
    else if (effort->squared)
        printf("%11.5g %12llu", row->error, (unsigned long long)row->parameters);
    else
        printf("%9.2f %% %12llu", 100 * row->error, (unsigned long long)row->parameters);
}

void fit_effort_print(const fit_effort *effort) {
    if (effort->n == 0) return;
    printf(
        "tried         each way on %zu held-out rows; a later one is kept if it is better by more "
        "than the standard error\n",
        effort->rows);
    printf("%11s %12s %8s  %-12s  way\n", effort->squared ? "rmse" : "error", "parameters",
           "seconds", "");
    for (size_t k = 0; k < effort->n; k++) {
        const tried *row = &effort->tried[k];

        print_score(effort, row);
        printf(" %8.2f  %-12s  %s%s%s\n", row->seconds, k == effort->best ? "best" : ends[row->end],
               row->what, row->options[0] ? ": " : "", row->options);
        if (row->end == TRIED_FAILED) printf("%49s%s\n", "", row->why);
    }
}
