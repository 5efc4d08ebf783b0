#define _POSIX_C_SOURCE 200809L
#include "cli/fit_run.h"

#include <stdint.h>
#include <stdlib.h>

#include "cli/fit_series.h"
#include "cli/fit_windows.h"
#include "cli/system.h"

static const char command[] = "fit";

/* Numbers of features that are tried. LEAST and EVER always are; twice as many are tried if the
 * last doubling lowered the error by this much. */
enum { LEAST_FEATURES = 512, EVER_FEATURES = 1024, MOST_FEATURES = 4096, MOST_REFINEMENTS = 2 };
enum { MOST_ORTHOGONAL = 1024 }; /* inputs d of orthogonal rows, unless asked for: they cost d^3 */
#define FINER_ROWS  8000         /* four samples */
#define LEAST_GAIN  0.002        /* of error_of; of classes also of the share misclassified */
#define LEAST_SHARE 0.1          /* of the error */

/* Whether the fit shall end now. */
static bool is_late(fit_job *job) {
    if (job->deadline > 0 && seconds_now() > job->deadline) job->late = true;
    return job->late;
}

/* A progress function that also keeps the deadline. */
static int move_until_late(void *user, double share) {
    fit_job *job = user;

    return move_bar(&job->bar, share) != 0 || is_late(job);
}

static const char *label(const fit_run *r, const char *what) {
    return r->job->label ? r->job->label : what;
}

/* Show the progress of the calls that follow, which Ctrl-C can cancel. */
static void begin_bar(fit_run *r, const char *what) {
    r->job->bar = (progress_bar){r->options.quiet, label(r, what), -1};
    snnk_workspace_set_progress(r->job->workspace, move_until_late, r->job);
}

static void end_bar(fit_run *r) {
    snnk_workspace_set_progress(r->job->workspace, NULL, NULL);
    show_progress(r->options.quiet, r->job->bar.what, 1, 1);
}

/* Call `add` for batches of the training rows begin ... end-1. */
static int each_batch(fit_run *r, const char *what, size_t begin, size_t end,
                      int (*add)(fit_run *r, size_t first, size_t n)) {
    int exit_status = EXIT_OK;

    for (size_t first = begin; exit_status == EXIT_OK && first < end; first += BATCH_ROWS) {
        const size_t n = end - first < BATCH_ROWS ? end - first : BATCH_ROWS;

        show_progress(r->options.quiet, label(r, what), first - begin, end - begin);
        exit_status = add(r, first, n);
        if (exit_status == EXIT_OK && (interrupted || is_late(r->job)))
            exit_status = EXIT_CANCELLED;
    }
    show_progress(r->options.quiet, label(r, what), 1, 1);
    return exit_status;
}

static int add_to_scaling(fit_run *r, size_t first, size_t n) {
    const int exit_status = training_rows_read_inputs(command, &r->job->train, first, n, r->batch);

    if (exit_status != EXIT_OK) return exit_status;
    return snnk_scaling_add(r->scaling, &r->batch->rows) == SNNK_OK
               ? EXIT_OK
               : learning_failed(command, &r->job->train, first, n);
}

static int add_to_fit(fit_run *r, size_t first, size_t n) {
    const int exit_status =
        training_rows_read(command, &r->job->task, &r->job->train, first, n, r->batch);
    int st;

    if (exit_status != EXIT_OK) return exit_status;
    if (r->current->gcv)
        st = gcv_fit_add(r->current->gcv, &r->batch->rows, r->job->workspace);
    else if (r->job->copies.copy > 0)
        st = snnk_fit_add_copies(r->current->fit, &r->batch->rows, r->job->workspace);
    else
        st = snnk_fit_add(r->current->fit, &r->batch->rows, r->job->workspace);
    return st == SNNK_OK ? EXIT_OK : learning_failed(command, &r->job->train, first, n);
}

/* Check that there is memory for the statistics of all features before their rows are drawn, which
 * may take minutes. The block is not written to, so it costs nothing. */
static int check_memory(const fit_run *r) {
    const double m = r->learnt ? (double)snnk_map_features(r->learnt)
                               : (double)r->options.map.features,
                 bytes = 8 * m * m;
    void *volatile room = bytes < (double)PTRDIFF_MAX ? malloc((size_t)bytes) : NULL;

    if (!room)
        return failed(command, "out of memory: %.3g bytes for the statistics of %.0f features",
                      bytes, m);
    free(room);
    return EXIT_OK;
}

/* Use the features of the model of --like. */
static int copy_map(fit_run *r, snnk_map **copy) {
    const snnk_map *map = snnk_layer_map(snnk_network_layer(r->job->like, 0));
    snnk_map_config config;

    if (snnk_map_inputs(map) != r->job->train.n_inputs)
        return failed(command, "%s has %zu inputs, but the training data have %zu", r->options.like,
                      snnk_map_inputs(map), r->job->train.n_inputs);
    snnk_map_config_init(&config, sizeof config);
    if (snnk_map_concat(1, &map, copy) != SNNK_OK ||
        snnk_map_block_config(map, 0, &config) != SNNK_OK)
        return library_failed(command);
    if (config.kind <= SNNK_MAP_IDENTITY) r->options.map = config; /* for the report */
    r->options.map.seed = config.seed;
    return EXIT_OK;
}

static int make_map(fit_run *r, snnk_map **map) {
    const size_t d = r->job->train.n_inputs;
    snnk_map *parts[2] = {NULL, NULL};
    snnk_map_config identity = r->options.map;
    int st;

    if (r->options.series) return fit_series_map(command, &r->options, &r->job->train, map);
    parts[0] = snnk_map_retain(r->learnt);
    st = r->learnt ? SNNK_OK : snnk_map_create(d, &r->options.map, r->scaling, &parts[0]);
    if (!r->options.linear || r->options.map.kind == SNNK_MAP_IDENTITY) { /* it is linear already */
        *map = parts[0];
        return st == SNNK_OK ? EXIT_OK : library_failed(command);
    }
    identity.kind = SNNK_MAP_IDENTITY;
    if (st == SNNK_OK) st = snnk_map_create(d, &identity, r->scaling, &parts[1]);
    if (st == SNNK_OK) st = snnk_map_concat(2, (const snnk_map *const *)parts, map);
    snnk_map_free(parts[0]);
    snnk_map_free(parts[1]);
    return st == SNNK_OK ? EXIT_OK : library_failed(command);
}

/* Every process learns the scaling from all rows. Merged scalings would differ in their last bits,
 * and so would the features of one process from those of several. */
static int learn_scaling(fit_run *r) {
    if (r->options.scaling == SCALING_NONE || r->options.like) return EXIT_OK;
    if (snnk_scaling_create(r->job->train.n_inputs, r->options.scaling, NULL, &r->scaling) !=
        SNNK_OK)
        return library_failed(command);
    return each_batch(r, "scaling", 0, r->job->train.rows, add_to_scaling);
}

/* Center the map on the first rows of the table, as a fit does; all processes take the same. */
static int center(fit_run *r, fit_trial *t) {
    const size_t n = r->job->train.rows < BATCH_ROWS ? r->job->train.rows : BATCH_ROWS;
    snnk_map *centered;
    const int exit_status = training_rows_read_inputs(command, &r->job->train, 0, n, r->batch);

    if (exit_status != EXIT_OK) return exit_status;
    if (snnk_fit_center_map(t->map, &r->batch->rows, &centered) != SNNK_OK)
        return learning_failed(command, &r->job->train, 0, n);
    snnk_map_free(t->map);
    t->map = centered;
    return EXIT_OK;
}

/* Add the rows, then their changed copies if the options ask for them. */
static int add_all(fit_run *r, size_t first, size_t end) {
    row_copies *copies = &r->job->copies;
    int exit_status = each_batch(r, "fitting", first, end, add_to_fit);

    copies->added = snnk_fit_rows(r->current->fit);
    while (exit_status == EXIT_OK && copies->copy < r->options.augment) {
        copies->copy++;
        exit_status = each_batch(r, "fitting copies", first, end, add_to_fit);
    }
    copies->copy = 0;
    return exit_status;
}

/* The part of the fit that each process does on its own rows. */
static int collect(fit_run *r, fit_trial *t) {
    size_t first, end;
    int exit_status, st;

    if (!r->options.like && r->options.map.kind != SNNK_MAP_IDENTITY &&
        (exit_status = check_memory(r)) != EXIT_OK)
        return exit_status;
    exit_status = r->options.like ? copy_map(r, &t->map) : make_map(r, &t->map);
    if (exit_status != EXIT_OK) return exit_status;
    if ((r->options.choose == CHOOSE_GCV || !r->options.fit.center) &&
        (exit_status = center(r, t)) != EXIT_OK)
        return exit_status;
    st = r->options.choose == CHOOSE_GCV
             ? gcv_fit_create(t->map, r->job->task.outputs, &r->options.fit, &t->gcv)
             : snnk_fit_create(t->map, r->job->task.outputs, &r->options.fit, &t->fit);
    if (st != SNNK_OK) return library_failed(command);
    r->current = t;
    processes_part(&r->job->processes, r->job->train.rows, &first, &end);
    return add_all(r, first, end);
}

/* Merge the rows of all processes, and solve on process 0. Returns a status of the library. */
static int solve(fit_run *r, fit_trial *t) {
    int st;

    if (t->gcv)
        return gcv_fit_solve(t->gcv, &r->job->processes, r->job->workspace, &t->report, &t->layer);
    st = processes_reduce_fit(&r->job->processes, t->fit);
    return st == SNNK_OK && r->job->processes.rank == 0
               ? snnk_fit_solve(t->fit, r->job->workspace, &t->report, &t->layer)
               : st;
}

/* Give all processes what decides on further trials. */
static void share_report(fit_run *r, snnk_fit_report *report) {
    double shared[] = {report->ridge, report->heldout_error, report->heldout_squared_error,
                       (double)report->heldout_rows};

    processes_share(&r->job->processes, sizeof shared / sizeof *shared, shared);
    report->ridge = shared[0];
    report->heldout_error = shared[1];
    report->heldout_squared_error = shared[2];
    report->heldout_rows = (uint64_t)shared[3];
}

/* Fit with the number of features in the options. Only process 0 gets a layer. */
static int try(fit_run *r, fit_trial *t) {
    int exit_status = processes_agree(&r->job->processes, collect(r, t));
    int st;

    t->report.size = sizeof t->report;
    if (exit_status != EXIT_OK) return exit_status;
    begin_bar(r, "solving");
    st = solve(r, t);
    end_bar(r);
    if (st == SNNK_E_CANCELLED || interrupted)
        exit_status = EXIT_CANCELLED;
    else if (st != SNNK_OK)
        exit_status = library_failed(command);
    exit_status = processes_agree(&r->job->processes, exit_status);
    if (exit_status == EXIT_OK) share_report(r, &t->report);
    return exit_status;
}

static void trial_free(fit_trial *t) {
    snnk_layer_free(t->layer);
    snnk_fit_free(t->fit);
    gcv_fit_free(t->gcv);
    snnk_map_free(t->map);
    *t = (fit_trial){.map = NULL};
}

/* The error of a trial on held-out rows: the share of the variance that is left; of classes, the
 * squared error summed over them. Counts of misclassified rows would tell trials apart too
 * coarsely. */
static double error_of(const fit_run *r, const fit_trial *t) {
    return t->report.heldout_squared_error / r->variance;
}

/* Fit with other settings of the features, and keep the fit if it is better than the best;
 * otherwise the settings become those of the best again.
 *   gain  the result: how much the error fell, perhaps below 0 */
static int improve(fit_run *r, const snnk_map_config *other, double *gain) {
    const snnk_map_config before = r->options.map;
    fit_trial next = {.map = NULL};
    int exit_status;

    r->options.map = *other;
    r->options.fit.first_ridge = r->best.report.ridge; /* the best one hardly depends on m */
    exit_status = try(r, &next);
    *gain = exit_status == EXIT_OK ? error_of(r, &r->best) - error_of(r, &next) : 0;
    if (*gain > 0) {
        trial_free(&r->best);
        r->best = next;
    } else {
        trial_free(&next);
        r->options.map = before;
    }
    return exit_status;
}

/* The sample that the scale was chosen on is small. Of more rows, often finer features are better:
 * double the scale as long as that lowers the error. */
static int refine_scale(fit_run *r) {
    const int32_t kind = r->options.map.kind;
    double gain = 1;
    int exit_status = EXIT_OK;

    if (!r->choice.made || r->options.scale_given || r->job->train.rows < FINER_ROWS ||
        (kind != SNNK_MAP_GAUSSIAN && kind != SNNK_MAP_ELEMENTWISE))
        return EXIT_OK;
    for (int k = 0; k < MOST_REFINEMENTS && exit_status == EXIT_OK && gain > 0; k++) {
        snnk_map_config finer = r->options.map;

        finer.projection_scale *= 2;
        exit_status = improve(r, &finer, &gain);
    }
    return exit_status;
}

/* Double the number of features as long as that lowers the error on held-out rows by enough. */
static int grow(fit_run *r) {
    bool better = true;
    int exit_status;

    r->options.map.features = LEAST_FEATURES;
    exit_status = try(r, &r->best);
    while (exit_status == EXIT_OK && better && 2 * r->options.map.features <= MOST_FEATURES &&
           4 * r->options.map.features <= r->job->train.rows) {
        const double before = error_of(r, &r->best), wrong = r->best.report.heldout_error;
        snnk_map_config larger = r->options.map;
        double gain;

        larger.features *= 2;
        exit_status = improve(r, &larger, &gain);
        if (exit_status == EXIT_OK && larger.features == EVER_FEATURES)
            exit_status = refine_scale(r);
        better = gain > LEAST_GAIN && gain > LEAST_SHARE * before;
        if (r->job->task.classification)
            better = better && wrong - r->best.report.heldout_error > LEAST_GAIN;
    }
    return exit_status;
}

static int add_to_ranges(fit_run *r, size_t first, size_t n) {
    const int exit_status = training_rows_read_inputs(command, &r->job->train, first, n, r->batch);

    if (exit_status != EXIT_OK) return exit_status;
    return fit_clip_add(&r->batch->rows, &r->ranges) ? EXIT_OK : failed(command, "out of memory");
}

/* Limit inputs to the range of the training rows before features that were learnt: these
 * extrapolate steeply. */
static int limit_inputs(fit_run *r) {
    int exit_status;

    if (r->options.extrapolate) return EXIT_OK;
    exit_status = each_batch(r, "ranges of inputs", 0, r->job->train.rows, add_to_ranges);
    if (exit_status != EXIT_OK) return exit_status;
    return fit_clip_create(&r->ranges, snnk_map_features(r->learnt), &r->limits) == SNNK_OK
               ? EXIT_OK
               : failed(command, "out of memory");
}

/* Learn directions, with the features of the best trial, and keep a fit of them if its error is
 * less. */
static int learn_directions(fit_run *r) {
    fit_trial next = {.map = NULL};
    int exit_status;

    if (r->options.directions == 0) return EXIT_OK;
    begin_bar(r, "learning directions");
    exit_status =
        fit_directions_learn(command, &r->options, &r->job->task, &r->job->train, r->batch,
                             r->scaling, r->job->workspace, &r->directions, &r->learnt);
    end_bar(r);
    if (exit_status != EXIT_OK || !r->learnt) return exit_status;
    if ((exit_status = limit_inputs(r)) != EXIT_OK) return exit_status;
    r->directions.limited = r->limits != NULL;
    if ((exit_status = try(r, &next)) != EXIT_OK) {
        trial_free(&next);
        return exit_status;
    }
    /* With a given ridge there are no errors to compare. */
    r->directions.kept = !(error_of(r, &next) >= error_of(r, &r->best));
    trial_free(r->directions.kept ? &r->best : &next);
    if (r->directions.kept) r->best = next;
    return EXIT_OK;
}

/* Take from the best trial what else is wanted: its statistics, and the uncertainty. Only process 0
 * has the rows of all. */
static int finish_fit(fit_run *r) {
    const bool knows_errors = r->best.fit && r->options.fit.ridge == SNNK_RIDGE_AUTO &&
                              (!r->job->task.classification || r->job->task.outputs > 1);
    int st = SNNK_OK;

    if (r->job->processes.rank > 0) return EXIT_OK;
    if (r->options.keep_statistics && r->best.gcv)
        r->statistics = gcv_fit_take_statistics(r->best.gcv);
    else if (r->options.keep_statistics)
        st = snnk_fit_statistics(r->best.fit, r->job->workspace, &r->statistics);
    if (st == SNNK_OK && knows_errors)
        st = snnk_fit_uncertainty(r->best.fit, r->job->workspace, &r->uncertainty);
    if (st == SNNK_E_CANCELLED || interrupted) return EXIT_CANCELLED;
    return st == SNNK_OK ? EXIT_OK : library_failed(command);
}

/* Choose the loss; a layer by cross-entropy replaces that of least squares. */
static int choose_loss(fit_run *r) {
    snnk_network *chosen;
    fit_trial *best = &r->best;
    int exit_status;

    if (!best->layer) return EXIT_OK; /* that of another process */
    begin_bar(r, "comparing losses");
    exit_status =
        fit_loss_choose(command, &r->options, &r->job->task, &r->job->train, r->batch, best->layer,
                        best->report.ridge, r->job->workspace, &r->loss, &chosen);
    end_bar(r);
    if (exit_status == EXIT_OK && chosen) {
        snnk_layer_free(best->layer);
        best->layer = snnk_layer_retain(snnk_network_layer(chosen, 0));
        snnk_uncertainty_free(r->uncertainty);
        r->uncertainty = snnk_uncertainty_retain(snnk_network_uncertainty(chosen));
    }
    snnk_network_free(chosen);
    return exit_status;
}

/* Fit the features that the rounds of --boost choose. */
static int fit_rounds(fit_run *r) {
    int exit_status;

    begin_bar(r, "boosting");
    exit_status = fit_boost_rounds(command, &r->options, &r->job->task, &r->job->train, r->batch,
                                   r->job->workspace, &r->boost, &r->learnt);
    end_bar(r);
    if (exit_status == EXIT_OK) exit_status = limit_inputs(r);
    r->boost.limited = r->limits != NULL;
    r->options.fit.first_ridge = r->boost.report.ridge; /* that of the rounds is near */
    return exit_status == EXIT_OK ? try(r, &r->best) : exit_status;
}

/* Fit the layer, of as many features as the options or the data say. */
static int fit_one_layer(fit_run *r, bool whole) {
    const bool few = r->job->train.rows <= SNNK_FIT_MAX_LEFT_OUT;
    int exit_status;

    exit_status =
        r->options.boosted ? EXIT_OK : processes_agree(&r->job->processes, learn_scaling(r));
    if (exit_status != EXIT_OK) return exit_status;
    if (r->options.boosted)
        exit_status = fit_rounds(r);
    else if (!r->options.features_given && !r->options.like &&
             r->options.map.kind != SNNK_MAP_IDENTITY && !few && r->options.choose != CHOOSE_GCV &&
             r->options.fit.ridge == SNNK_RIDGE_AUTO)
        exit_status = grow(r);
    else
        exit_status = try(r, &r->best);
    if (exit_status == EXIT_OK) exit_status = learn_directions(r);
    if (exit_status != EXIT_OK) return exit_status;
    if (whole) {
        begin_bar(r, "finishing");
        exit_status = finish_fit(r);
        end_bar(r);
        if (exit_status != EXIT_OK) return exit_status;
    }
    snnk_fit_free(r->best.fit); /* the statistics are large and not needed any more */
    gcv_fit_free(r->best.gcv);
    r->best.fit = NULL;
    r->best.gcv = NULL;
    return choose_loss(r);
}

/* Fit the tree of --leaves. */
static int fit_tree(fit_run *r) {
    fit_options *o = &r->options;
    int exit_status;

    begin_bar(r, "fitting");
    exit_status = fit_leaves_tree(command, o, &r->job->task, &r->job->train, r->batch,
                                  r->job->workspace, &r->leaves);
    end_bar(r);
    if (!o->kind_given) o->map.kind = SNNK_MAP_ARC_COSINE; /* for the report */
    r->loss.report.loss = SNNK_LOSS_SQUARED;
    return exit_status;
}

int fit_run_fit(fit_run *r, bool whole) {
    int exit_status = training_rows_create(command, &r->job->train, &r->batch);

    r->variance = 1;
    if (exit_status == EXIT_OK && !r->job->task.classification)
        exit_status = training_rows_variance(command, &r->job->train, r->batch, &r->variance);
    exit_status = processes_agree(&r->job->processes, exit_status);
    if (exit_status != EXIT_OK) return exit_status;
    return r->options.leaf_rows > 0 ? fit_tree(r) : fit_one_layer(r, whole);
}

/* ---- Preparing ---- */

/* Let the inputs pass through windows or scattering, if the options say so. */
static int set_tower(fit_run *r) {
    dataset *train = &r->job->train;
    snnk_network *tower;
    int exit_status;

    dataset_clear_tower(train);
    if (!has_windows(&r->options.windows)) return EXIT_OK;
    exit_status =
        fit_windows_create(command, &r->options.windows, r->options.map.seed, train, &tower);
    return exit_status == EXIT_OK ? dataset_set_tower(command, tower, r->job->workspace, train)
                                  : exit_status;
}

int fit_run_prepare(fit_run *r) {
    int exit_status = set_tower(r);

    if (!r->options.projection_given && !r->options.store_seed &&
        r->job->train.n_inputs > MOST_ORTHOGONAL)
        r->options.map.projection =
            r->job->train.tower ? SNNK_PROJECTION_HD3 : SNNK_PROJECTION_GAUSSIAN;
    if (exit_status != EXIT_OK || r->chosen) return exit_status;
    r->choice.form = -1;
    r->chosen = true;
    if (r->options.series)
        return fit_series_check(command, &r->options, &r->job->train, &r->job->channels);
    if (r->job->like) return EXIT_OK;
    begin_bar(r, "choosing");
    exit_status = fit_choose(command, &r->options, &r->job->train, &r->job->task, r->job->workspace,
                             &r->choice);
    end_bar(r);
    return exit_status;
}

/* ---- Results ---- */

bool fit_run_has_layers(const fit_run *r) { return r->best.layer || r->leaves.layer; }

int fit_run_append(const fit_run *r, bool windows, snnk_network *network) {
    const snnk_network *tower = windows ? r->job->train.tower : NULL;
    const bool learnt = r->options.boosted || r->directions.kept;
    const size_t limits = learnt ? snnk_network_layers(r->limits) : 0;
    int st = tower ? snnk_network_append(network, snnk_network_layer(tower, 0)) : SNNK_OK;

    for (size_t k = 0; st == SNNK_OK && k < limits; k++)
        st = snnk_network_append(network, snnk_network_layer(r->limits, k));
    if (st == SNNK_OK && r->best.layer) st = snnk_network_append(network, r->best.layer);
    if (st == SNNK_OK && r->leaves.layer) st = snnk_network_append(network, r->leaves.layer);
    return st;
}

const char *fit_run_scaling(const fit_run *r) {
    const char *name = snnk_scaling_mode_name(r->options.scaling);

    if (r->job->like) return snnk_network_note(r->job->like, "scaling");
    if (r->options.boosted) return snnk_scaling_mode_name(r->boost.config.scaling);
    if (r->options.leaf_rows > 0) return snnk_scaling_mode_name(fit_leaves_scaling(&r->options));
    return r->options.scaling == SCALING_NONE || !name ? "none" : name;
}

void fit_run_free(fit_run *r) {
    trial_free(&r->best);
    fit_directions_free(&r->directions);
    fit_boost_free(&r->boost);
    fit_leaves_free(&r->leaves);
    training_rows_free(r->batch);
    snnk_map_free(r->learnt);
    fit_clip_free(&r->ranges);
    snnk_network_free(r->limits);
    snnk_scaling_free(r->scaling);
    snnk_lstsq_free(r->statistics);
    snnk_uncertainty_free(r->uncertainty);
    *r = (fit_run){.job = NULL};
}
