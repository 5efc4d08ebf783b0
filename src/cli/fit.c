#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/console.h"
#include "cli/fit_boost.h"
#include "cli/fit_directions.h"
#include "cli/fit_gcv.h"
#include "cli/fit_leaves.h"
#include "cli/fit_loss.h"
#include "cli/fit_report.h"
#include "cli/fit_series.h"
#include "cli/model.h"
#include "cli/system.h"
#include "cli/training_rows.h"

static const char command[] = "fit";

/* Numbers of features that are tried. LEAST and EVER always are; twice as many are tried if the
 * last doubling lowered the error by this much. */
enum { LEAST_FEATURES = 512, EVER_FEATURES = 1024, MOST_FEATURES = 4096, MOST_REFINEMENTS = 2 };
#define FINER_ROWS  8000  /* four samples */
#define LEAST_GAIN  0.002 /* of error_of; of classes also of the share misclassified */
#define LEAST_SHARE 0.1   /* of the error */

/* A fit with one number of features. */
typedef struct trial {
    snnk_map *map;
    snnk_fit *fit;
    gcv_fit *gcv; /* instead of `fit` with --choose gcv */
    snnk_layer *layer;
    snnk_fit_report report;
} trial;

/* Everything that a fit allocates; session_free frees it. */
typedef struct session {
    fit_options *o;
    processes processes;
    dataset train, test; /* test: not open if none is given */
    task task;
    snnk_workspace *workspace;
    snnk_scaling *scaling;
    fit_choice choice;
    fit_loss loss;
    fit_directions directions;
    snnk_map *learnt; /* the map with learnt directions */
    progress_bar bar;
    trial best, *current; /* current: the one that gets rows */
    fit_boost boost;      /* with --layers, instead of `best` */
    fit_leaves leaves;    /* with --leaves, instead of `best` */
    snnk_network *network;
    snnk_network *like;            /* with --like: its model */
    snnk_lstsq *statistics;        /* with --keep-statistics */
    snnk_uncertainty *uncertainty; /* of the layer */
    double variance;               /* of the targets, summed over outputs; 1 of classes */
    double start, train_seconds;
    training_rows *batch;
} session;

/* Show the progress of the calls that follow, which Ctrl-C can cancel. */
static void begin_bar(session *s, const char *what) {
    s->bar = (progress_bar){s->o->quiet, what, -1};
    snnk_workspace_set_progress(s->workspace, move_bar, &s->bar);
}

static void end_bar(session *s) {
    snnk_workspace_set_progress(s->workspace, NULL, NULL);
    show_progress(s->o->quiet, s->bar.what, 1, 1);
}

/* Call `add` for batches of the training rows begin ... end-1. */
static int each_batch(session *s, const char *what, size_t begin, size_t end,
                      int (*add)(session *s, size_t first, size_t n)) {
    int exit_status = EXIT_OK;

    for (size_t first = begin; exit_status == EXIT_OK && first < end; first += BATCH_ROWS) {
        const size_t n = end - first < BATCH_ROWS ? end - first : BATCH_ROWS;

        show_progress(s->o->quiet, what, first - begin, end - begin);
        exit_status = add(s, first, n);
        if (exit_status == EXIT_OK && interrupted) exit_status = EXIT_CANCELLED;
    }
    show_progress(s->o->quiet, what, 1, 1);
    return exit_status;
}

static int add_to_scaling(session *s, size_t first, size_t n) {
    const int exit_status = training_rows_read_inputs(command, &s->train, first, n, s->batch);

    if (exit_status != EXIT_OK) return exit_status;
    return snnk_scaling_add(s->scaling, &s->batch->rows) == SNNK_OK
               ? EXIT_OK
               : learning_failed(command, &s->train, first, n);
}

static int add_to_fit(session *s, size_t first, size_t n) {
    const int exit_status = training_rows_read(command, &s->task, &s->train, first, n, s->batch);
    int st;

    if (exit_status != EXIT_OK) return exit_status;
    st = s->current->gcv ? gcv_fit_add(s->current->gcv, &s->batch->rows, s->workspace)
                         : snnk_fit_add(s->current->fit, &s->batch->rows, s->workspace);
    return st == SNNK_OK ? EXIT_OK : learning_failed(command, &s->train, first, n);
}

/* Check that there is memory for the statistics of all features before their rows are drawn, which
 * may take minutes. The block is not written to, so it costs nothing. */
static int check_memory(const session *s) {
    const double m = (double)s->o->map.features, bytes = 8 * m * m;
    void *volatile room = bytes < (double)PTRDIFF_MAX ? malloc((size_t)bytes) : NULL;

    if (!room)
        return failed(command, "out of memory: %.3g bytes for the statistics of %.0f features",
                      bytes, m);
    free(room);
    return EXIT_OK;
}

/* Use the features of the model of --like. */
static int copy_map(session *s, snnk_map **copy) {
    const snnk_map *map = snnk_layer_map(snnk_network_layer(s->like, 0));
    snnk_map_config config;

    if (snnk_map_inputs(map) != s->train.n_inputs)
        return failed(command, "%s has %zu inputs, but the training data have %zu", s->o->like,
                      snnk_map_inputs(map), s->train.n_inputs);
    snnk_map_config_init(&config, sizeof config);
    if (snnk_map_concat(1, &map, copy) != SNNK_OK ||
        snnk_map_block_config(map, 0, &config) != SNNK_OK)
        return library_failed(command);
    if (config.kind <= SNNK_MAP_IDENTITY) s->o->map = config; /* for the report */
    s->o->map.seed = config.seed;
    return EXIT_OK;
}

static int make_map(session *s, snnk_map **map) {
    const size_t d = s->train.n_inputs;
    snnk_map *parts[2] = {NULL, NULL};
    snnk_map_config identity = s->o->map;
    int st;

    if (s->o->series) return fit_series_map(command, s->o, &s->train, map);
    parts[0] = snnk_map_retain(s->learnt);
    st = s->learnt ? SNNK_OK : snnk_map_create(d, &s->o->map, s->scaling, &parts[0]);
    if (!s->o->linear || s->o->map.kind == SNNK_MAP_IDENTITY) { /* it is linear already */
        *map = parts[0];
        return st == SNNK_OK ? EXIT_OK : library_failed(command);
    }
    identity.kind = SNNK_MAP_IDENTITY;
    if (st == SNNK_OK) st = snnk_map_create(d, &identity, s->scaling, &parts[1]);
    if (st == SNNK_OK) st = snnk_map_concat(2, (const snnk_map *const *)parts, map);
    snnk_map_free(parts[0]);
    snnk_map_free(parts[1]);
    return st == SNNK_OK ? EXIT_OK : library_failed(command);
}

/* Every process learns the scaling from all rows. Merged scalings would differ in their last bits,
 * and so would the features of one process from those of several. */
static int learn_scaling(session *s) {
    if (s->o->scaling == SCALING_NONE || s->o->like) return EXIT_OK;
    if (snnk_scaling_create(s->train.n_inputs, s->o->scaling, NULL, &s->scaling) != SNNK_OK)
        return library_failed(command);
    return each_batch(s, "scaling", 0, s->train.rows, add_to_scaling);
}

/* Center the map on the first rows of the table, as a fit does; all processes take the same. */
static int center(session *s, trial *t) {
    const size_t n = s->train.rows < BATCH_ROWS ? s->train.rows : BATCH_ROWS;
    snnk_map *centered;
    const int exit_status = training_rows_read_inputs(command, &s->train, 0, n, s->batch);

    if (exit_status != EXIT_OK) return exit_status;
    if (snnk_fit_center_map(t->map, &s->batch->rows, &centered) != SNNK_OK)
        return learning_failed(command, &s->train, 0, n);
    snnk_map_free(t->map);
    t->map = centered;
    return EXIT_OK;
}

/* The part of the fit that each process does on its own rows. */
static int collect(session *s, trial *t) {
    size_t first, end;
    int exit_status, st;

    if (!s->o->like && s->o->map.kind != SNNK_MAP_IDENTITY &&
        (exit_status = check_memory(s)) != EXIT_OK)
        return exit_status;
    exit_status = s->o->like ? copy_map(s, &t->map) : make_map(s, &t->map);
    if (exit_status != EXIT_OK) return exit_status;
    if ((s->o->choose == CHOOSE_GCV || !s->o->fit.center) &&
        (exit_status = center(s, t)) != EXIT_OK)
        return exit_status;
    st = s->o->choose == CHOOSE_GCV ? gcv_fit_create(t->map, s->task.outputs, &s->o->fit, &t->gcv)
                                    : snnk_fit_create(t->map, s->task.outputs, &s->o->fit, &t->fit);
    if (st != SNNK_OK) return library_failed(command);
    s->current = t;
    processes_part(&s->processes, s->train.rows, &first, &end);
    return each_batch(s, "fitting", first, end, add_to_fit);
}

/* Merge the rows of all processes, and solve on process 0. Returns a status of the library. */
static int solve(session *s, trial *t) {
    int st;

    if (t->gcv) return gcv_fit_solve(t->gcv, &s->processes, s->workspace, &t->report, &t->layer);
    st = processes_reduce_fit(&s->processes, t->fit);
    return st == SNNK_OK && s->processes.rank == 0
               ? snnk_fit_solve(t->fit, s->workspace, &t->report, &t->layer)
               : st;
}

/* Give all processes what decides on further trials. */
static void share_report(const session *s, snnk_fit_report *r) {
    double shared[] = {r->ridge, r->heldout_error, r->heldout_squared_error,
                       (double)r->heldout_rows};

    processes_share(&s->processes, sizeof shared / sizeof *shared, shared);
    r->ridge = shared[0];
    r->heldout_error = shared[1];
    r->heldout_squared_error = shared[2];
    r->heldout_rows = (uint64_t)shared[3];
}

/* Fit with the number of features in the options. Only process 0 gets a layer. */
static int try(session *s, trial *t) {
    int exit_status = processes_agree(&s->processes, collect(s, t));
    int st;

    t->report.size = sizeof t->report;
    if (exit_status != EXIT_OK) return exit_status;
    begin_bar(s, "solving");
    st = solve(s, t);
    end_bar(s);
    if (st == SNNK_E_CANCELLED || interrupted)
        exit_status = EXIT_CANCELLED;
    else if (st != SNNK_OK)
        exit_status = library_failed(command);
    exit_status = processes_agree(&s->processes, exit_status);
    if (exit_status == EXIT_OK) share_report(s, &t->report);
    return exit_status;
}

static void trial_free(trial *t) {
    snnk_layer_free(t->layer);
    snnk_fit_free(t->fit);
    gcv_fit_free(t->gcv);
    snnk_map_free(t->map);
    *t = (trial){.map = NULL};
}

/* The error of a trial on held-out rows: the share of the variance that is left; of classes, the
 * squared error summed over them. Counts of misclassified rows would tell trials apart too
 * coarsely. */
static double error_of(const session *s, const trial *t) {
    return t->report.heldout_squared_error / s->variance;
}

/* Fit with other settings of the features, and keep the fit if it is better than the best;
 * otherwise the settings become those of the best again.
 *   gain  the result: how much the error fell, perhaps below 0 */
static int improve(session *s, const snnk_map_config *other, double *gain) {
    const snnk_map_config before = s->o->map;
    trial next = {.map = NULL};
    int exit_status;

    s->o->map = *other;
    s->o->fit.first_ridge = s->best.report.ridge; /* the best one hardly depends on m */
    exit_status = try(s, &next);
    *gain = exit_status == EXIT_OK ? error_of(s, &s->best) - error_of(s, &next) : 0;
    if (*gain > 0) {
        trial_free(&s->best);
        s->best = next;
    } else {
        trial_free(&next);
        s->o->map = before;
    }
    return exit_status;
}

/* The sample that the scale was chosen on is small. Of more rows, often finer features are better:
 * double the scale as long as that lowers the error. */
static int refine_scale(session *s) {
    const int32_t kind = s->o->map.kind;
    double gain = 1;
    int exit_status = EXIT_OK;

    if (!s->choice.made || s->o->scale_given || s->train.rows < FINER_ROWS ||
        (kind != SNNK_MAP_GAUSSIAN && kind != SNNK_MAP_ELEMENTWISE))
        return EXIT_OK;
    for (int k = 0; k < MOST_REFINEMENTS && exit_status == EXIT_OK && gain > 0; k++) {
        snnk_map_config finer = s->o->map;

        finer.projection_scale *= 2;
        exit_status = improve(s, &finer, &gain);
    }
    return exit_status;
}

/* Double the number of features as long as that lowers the error on held-out rows by enough. */
static int grow(session *s) {
    bool better = true;
    int exit_status;

    s->o->map.features = LEAST_FEATURES;
    exit_status = try(s, &s->best);
    while (exit_status == EXIT_OK && better && 2 * s->o->map.features <= MOST_FEATURES &&
           4 * s->o->map.features <= s->train.rows) {
        const double before = error_of(s, &s->best), wrong = s->best.report.heldout_error;
        snnk_map_config larger = s->o->map;
        double gain;

        larger.features *= 2;
        exit_status = improve(s, &larger, &gain);
        if (exit_status == EXIT_OK && larger.features == EVER_FEATURES)
            exit_status = refine_scale(s);
        better = gain > LEAST_GAIN && gain > LEAST_SHARE * before;
        if (s->task.classification)
            better = better && wrong - s->best.report.heldout_error > LEAST_GAIN;
    }
    return exit_status;
}

/* Learn directions, with the features of the best trial, and keep a fit of them if its error is
 * less. */
static int learn_directions(session *s) {
    trial next = {.map = NULL};
    int exit_status;

    if (s->o->directions == 0) return EXIT_OK;
    begin_bar(s, "learning directions");
    exit_status = fit_directions_learn(command, s->o, &s->task, &s->train, s->batch, s->scaling,
                                       s->workspace, &s->directions, &s->learnt);
    end_bar(s);
    if (exit_status != EXIT_OK || !s->learnt) return exit_status;
    if ((exit_status = try(s, &next)) != EXIT_OK) {
        trial_free(&next);
        return exit_status;
    }
    /* With a given ridge there are no errors to compare. */
    s->directions.kept = !(error_of(s, &next) >= error_of(s, &s->best));
    trial_free(s->directions.kept ? &s->best : &next);
    if (s->directions.kept) s->best = next;
    return EXIT_OK;
}

/* Take from the best trial what else is wanted: its statistics, and the uncertainty. Only process 0
 * has the rows of all. */
static int finish_fit(session *s) {
    const bool knows_errors = s->best.fit && s->o->fit.ridge == SNNK_RIDGE_AUTO &&
                              (!s->task.classification || s->task.outputs > 1);
    int st = SNNK_OK;

    if (s->processes.rank > 0) return EXIT_OK;
    if (s->o->keep_statistics && s->best.gcv)
        s->statistics = gcv_fit_take_statistics(s->best.gcv);
    else if (s->o->keep_statistics)
        st = snnk_fit_statistics(s->best.fit, s->workspace, &s->statistics);
    if (st == SNNK_OK && knows_errors)
        st = snnk_fit_uncertainty(s->best.fit, s->workspace, &s->uncertainty);
    if (st == SNNK_E_CANCELLED || interrupted) return EXIT_CANCELLED;
    return st == SNNK_OK ? EXIT_OK : library_failed(command);
}

/* Choose the loss; a layer by cross-entropy replaces that of least squares. */
static int choose_loss(session *s) {
    snnk_network *chosen;
    trial *best = &s->best;
    int exit_status;

    if (!best->layer) return EXIT_OK; /* that of another process */
    begin_bar(s, "comparing losses");
    exit_status = fit_loss_choose(command, s->o, &s->task, &s->train, s->batch, best->layer,
                                  best->report.ridge, s->workspace, &s->loss, &chosen);
    end_bar(s);
    if (exit_status == EXIT_OK && chosen) {
        snnk_layer_free(best->layer);
        best->layer = snnk_layer_retain(snnk_network_layer(chosen, 0));
        snnk_uncertainty_free(s->uncertainty);
        s->uncertainty = snnk_uncertainty_retain(snnk_network_uncertainty(chosen));
    }
    snnk_network_free(chosen);
    return exit_status;
}

/* Fit the layer, of as many features as the options or the data say. */
static int fit(session *s) {
    const bool few = s->train.rows <= SNNK_FIT_MAX_LEFT_OUT;
    int exit_status;

    exit_status = processes_agree(&s->processes, learn_scaling(s));
    if (exit_status != EXIT_OK) return exit_status;
    if (!s->o->features_given && !s->o->like && s->o->map.kind != SNNK_MAP_IDENTITY && !few &&
        s->o->choose != CHOOSE_GCV && s->o->fit.ridge == SNNK_RIDGE_AUTO)
        exit_status = grow(s);
    else
        exit_status = try(s, &s->best);
    if (exit_status == EXIT_OK) exit_status = learn_directions(s);
    if (exit_status != EXIT_OK) return exit_status;
    begin_bar(s, "finishing");
    exit_status = finish_fit(s);
    end_bar(s);
    if (exit_status != EXIT_OK) return exit_status;
    snnk_fit_free(s->best.fit); /* the statistics are large and not needed any more */
    gcv_fit_free(s->best.gcv);
    s->best.fit = NULL;
    s->best.gcv = NULL;
    if ((exit_status = choose_loss(s)) != EXIT_OK) return exit_status;
    s->train_seconds = seconds_now() - s->start;
    return EXIT_OK;
}

/* Fit the layers of --layers. */
static int boost(session *s) {
    int exit_status;

    begin_bar(s, "fitting");
    exit_status =
        fit_boost_layers(command, s->o, &s->task, &s->train, s->batch, s->workspace, &s->boost);
    end_bar(s);
    s->loss.report.loss = s->boost.config.loss;
    s->train_seconds = seconds_now() - s->start;
    return exit_status;
}

/* Fit the tree of --leaves. */
static int grow_leaves(session *s) {
    int exit_status;

    begin_bar(s, "fitting");
    exit_status =
        fit_leaves_tree(command, s->o, &s->task, &s->train, s->batch, s->workspace, &s->leaves);
    end_bar(s);
    if (!s->o->kind_given) s->o->map.kind = SNNK_MAP_ARC_COSINE; /* for the report */
    s->loss.report.loss = SNNK_LOSS_SQUARED;
    s->train_seconds = seconds_now() - s->start;
    return exit_status;
}

/* Open the model of --like. Columns, target and classes are taken from it too. */
static int open_like(session *s) {
    int exit_status;

    if (!s->o->like) return EXIT_OK;
    if ((exit_status = model_load(command, s->o->like, &s->like)) != EXIT_OK) return exit_status;
    if (snnk_network_layers(s->like) != 1 || !snnk_layer_map(snnk_network_layer(s->like, 0)))
        return failed(command, "%s is not a model of one layer of features", s->o->like);
    data_options_like(s->like, &s->o->data);
    return EXIT_OK;
}

/* Find the task: from the targets, or from the model of --like, with classes that only these data
 * have appended. */
static int find_task(session *s) {
    size_t added;
    int exit_status;

    if (!s->like) {
        exit_status = task_from_data(command, &s->train, s->o->data.task, &s->task);
        if (exit_status != EXIT_OK) return exit_status;
        if (!s->task.classification && s->o->loss == SNNK_LOSS_CROSS_ENTROPY)
            return failed(command,
                          "--loss cross-entropy needs classes, but this is a regression: %s",
                          s->task.reason);
        if (!s->o->data.balance)
            return s->task.classification ? task_note_unbalanced(command, &s->train, &s->task)
                                          : EXIT_OK;
        if (!s->task.classification)
            return failed(command, "--balance needs classes, but this is a regression: %s",
                          s->task.reason);
        return task_balance(command, &s->train, &s->task);
    }
    exit_status = task_load(command, s->like, &s->task);
    if (exit_status == EXIT_OK)
        exit_status = task_check(command, &s->task, snnk_network_inputs(s->like), &s->train);
    if (exit_status == EXIT_OK && s->task.classification)
        exit_status = task_add_classes(command, &s->train, &s->task, &added);
    return exit_status;
}

/* Let the inputs pass through windows, if the options say so. */
static int set_tower(session *s) {
    snnk_network *tower;
    int exit_status;

    if (s->o->windows.filters == 0) return EXIT_OK;
    exit_status = fit_windows_create(command, &s->o->windows, s->o->map.seed, &s->train, &tower);
    return exit_status == EXIT_OK ? dataset_set_tower(command, tower, s->workspace, &s->train)
                                  : exit_status;
}

/* Choose what the options leave open. */
static int choose(session *s) {
    int exit_status;

    s->choice.form = -1;
    if (s->o->series) return fit_series_check(command, &s->train);
    if (s->like) return EXIT_OK;
    begin_bar(s, "choosing");
    exit_status = fit_choose(command, s->o, &s->train, &s->task, s->workspace, &s->choice);
    end_bar(s);
    return exit_status;
}

/* Everything before the fit, so that most errors are found early. */
static int prepare(session *s) {
    int exit_status = open_like(s);

    if (exit_status != EXIT_OK) return exit_status;
    exit_status =
        s->like ? dataset_open(command, &s->o->data.train, snnk_network_note(s->like, "columns"),
                               snnk_network_encoder(s->like), &s->train)
                : dataset_open_training(command, &s->o->data.train, &s->train);
    if (exit_status != EXIT_OK) return exit_status;
    if (s->o->heldout_given && !s->o->boosted && s->o->leaf_rows == 0 &&
        s->train.rows <= SNNK_FIT_MAX_LEFT_OUT)
        return wrong_usage(command,
                           "--heldout has no effect on up to %d rows: each is left out in turn",
                           SNNK_FIT_MAX_LEFT_OUT);
    if ((exit_status = find_task(s)) != EXIT_OK) return exit_status;
    if (s->o->save && s->processes.rank == 0 &&
        (exit_status = check_save(command, s->o->save)) != EXIT_OK)
        return exit_status;
    if (snnk_workspace_create(s->o->threads, NULL, &s->workspace) != SNNK_OK)
        return library_failed(command);
    if ((exit_status = set_tower(s)) != EXIT_OK) return exit_status;
    if ((exit_status = choose(s)) != EXIT_OK) return exit_status; /* the inputs are known now */
    if (snnk_network_create(NULL, &s->network) != SNNK_OK ||
        task_save(&s->task, &s->train, s->network) != SNNK_OK)
        return library_failed(command);
    exit_status =
        data_options_open_test(command, &s->o->data, s->network, &s->task, &s->train, &s->test);
    if (exit_status != EXIT_OK) return exit_status;
    exit_status = training_rows_create(command, &s->train, &s->batch);
    if (exit_status == EXIT_OK && !s->task.classification)
        exit_status = training_rows_variance(command, &s->train, s->batch, &s->variance);
    return exit_status;
}

/* The scaling of the inputs, which models hold in a note; NULL for one of --like without it. */
static const char *scaling_name(const session *s) {
    const char *name = snnk_scaling_mode_name(s->o->scaling);

    if (s->like) return snnk_network_note(s->like, "scaling");
    if (s->o->boosted) return snnk_scaling_mode_name(s->boost.config.scaling);
    if (s->o->leaf_rows > 0) return snnk_scaling_mode_name(fit_leaves_scaling(s->o));
    return s->o->scaling == SCALING_NONE || !name ? "none" : name;
}

/* Append the layers that were fitted. */
static int append_layers(session *s) {
    const size_t count = snnk_network_layers(s->boost.network);
    int st = SNNK_OK;

    if (s->train.tower) st = snnk_network_append(s->network, snnk_network_layer(s->train.tower, 0));
    if (st == SNNK_OK && s->best.layer) st = snnk_network_append(s->network, s->best.layer);
    if (st == SNNK_OK && s->leaves.layer) st = snnk_network_append(s->network, s->leaves.layer);
    for (size_t k = 0; st == SNNK_OK && k < count; k++)
        st = snnk_network_append(s->network, snnk_network_layer(s->boost.network, k));
    return st;
}

static int complete_network(session *s) {
    const char *const loss = snnk_loss_name(s->loss.report.loss);
    char seconds[32], ridge[32];

    snprintf(seconds, sizeof seconds, "%.2f", s->train_seconds);
    snprintf(ridge, sizeof ridge, "%.17g", s->best.report.ridge);
    if (append_layers(s) != SNNK_OK ||
        snnk_network_set_encoder(s->network, s->train.encoder) != SNNK_OK ||
        snnk_network_set_uncertainty(s->network, s->uncertainty) != SNNK_OK ||
        snnk_network_set_note(s->network, "scaling", scaling_name(s)) != SNNK_OK ||
        snnk_network_set_note(s->network, "train_seconds", seconds) != SNNK_OK ||
        (s->task.classification && snnk_network_set_note(s->network, "loss", loss) != SNNK_OK))
        return library_failed(command);
    if (!s->statistics) return EXIT_OK;
    if (snnk_network_set_note(s->network, "lambda", ridge) != SNNK_OK ||
        snnk_network_set_statistics(s->network, s->statistics) != SNNK_OK)
        return library_failed(command);
    snnk_lstsq_free(s->statistics); /* the network has a copy */
    s->statistics = NULL;
    return EXIT_OK;
}

static int save(const session *s) {
    const int32_t projection = s->o->store_seed ? SNNK_SAVE_SEED : SNNK_SAVE_ROWS;

    if (!s->o->save || snnk_network_save(s->network, s->o->save, projection) == SNNK_OK)
        return EXIT_OK;
    return library_failed(command);
}

/* Score the model, save it, and report, in this order: a failure leaves an existing file as it
 * was. */
static int finish(session *s) {
    const bool tested = s->test.rows > 0;
    const fit_result fitted = {.options = s->o,
                               .train = &s->train,
                               .task = &s->task,
                               .choice = &s->choice,
                               .loss = &s->loss,
                               .directions = &s->directions,
                               .boost = s->boost.network ? &s->boost : NULL,
                               .leaves = s->leaves.layer ? &s->leaves : NULL,
                               .scaling = scaling_name(s),
                               .report = &s->best.report,
                               .map = s->best.map,
                               .network = s->network,
                               .train_seconds = s->train_seconds,
                               .processes = s->processes.size};
    evaluation result = {0};
    int exit_status = EXIT_OK;

    if (tested)
        exit_status =
            evaluate(command, s->network, &s->task, &s->test, s->workspace, s->o->quiet, &result);
    if (exit_status == EXIT_OK && interrupted) exit_status = EXIT_CANCELLED;
    if (exit_status == EXIT_OK) exit_status = save(s);
    if (exit_status == EXIT_OK) fit_report_print(&fitted, tested ? &result : NULL);
    free(result.confusion);
    return exit_status;
}

/* Set defaults that depend on the processes, and refuse what several processes cannot do. */
static int complete_options(session *s) {
    fit_options *o = s->o;
    const bool several = s->processes.size > 1;
    const size_t threads = usable_processors() / (size_t)s->processes.on_machine;

    if (several && o->loss == SNNK_LOSS_CROSS_ENTROPY)
        return wrong_usage(command,
                           "several processes cannot minimize cross-entropy: use one, or --loss "
                           "squared");
    if (several && o->directions > 0)
        return wrong_usage(command, "several processes cannot learn directions: use one");
    if (several && o->boosted)
        return wrong_usage(command, "several processes cannot fit --layers: use one");
    if (several && o->leaf_rows > 0)
        return wrong_usage(command, "several processes cannot fit --leaves: use one");
    if (several) o->loss = SNNK_LOSS_SQUARED;
    o->fit.center = !several; /* all processes center on the first rows of the table */
    if (o->threads == 0) o->threads = threads > 0 ? threads : 1;
    if (s->processes.rank > 0) o->quiet = true;
    return EXIT_OK;
}

static int run(session *s) {
    int exit_status = complete_options(s);

    catch_interrupts();
    s->start = seconds_now();
    if (exit_status == EXIT_OK) exit_status = prepare(s);
    exit_status = processes_agree(&s->processes, exit_status);
    if (exit_status == EXIT_OK)
        exit_status = s->o->boosted ? boost(s) : s->o->leaf_rows > 0 ? grow_leaves(s) : fit(s);
    if (exit_status == EXIT_OK && (s->best.layer || s->boost.network || s->leaves.layer)) {
        exit_status = complete_network(s);
        if (exit_status == EXIT_OK) exit_status = finish(s);
    }
    if (exit_status == EXIT_CANCELLED) print_error(command, "cancelled");
    return exit_status;
}

static void session_free(session *s) {
    snnk_network_free(s->like);
    snnk_network_free(s->network);
    snnk_lstsq_free(s->statistics);
    snnk_uncertainty_free(s->uncertainty);
    trial_free(&s->best);
    fit_directions_free(&s->directions);
    snnk_map_free(s->learnt);
    fit_boost_free(&s->boost);
    fit_leaves_free(&s->leaves);
    snnk_scaling_free(s->scaling);
    snnk_workspace_free(s->workspace);
    task_free(&s->task);
    dataset_close(&s->test);
    dataset_close(&s->train);
    training_rows_free(s->batch);
}

int fit_command(int argc, char **argv) {
    fit_options o;
    session s = {.o = &o, .variance = 1};
    int exit_status = processes_begin(command, &s.processes);

    if (exit_status == EXIT_OK) exit_status = fit_options_read(argc, argv, &o);
    exit_status = processes_agree(&s.processes, exit_status);
    if (exit_status == EXIT_OK && o.help) {
        if (s.processes.rank == 0) fit_print_help();
    } else if (exit_status == EXIT_OK) {
        exit_status = processes_agree(&s.processes, run(&s));
    }
    session_free(&s);
    processes_end(&s.processes);
    return exit_status;
}
