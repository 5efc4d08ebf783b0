#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/console.h"
#include "cli/fit_effort.h"
#include "cli/fit_plot.h"
#include "cli/fit_report.h"
#include "cli/fit_run.h"
#include "cli/model.h"
#include "cli/system.h"

static const char command[] = "fit";

/* Everything that a fit allocates; session_free frees it. */
typedef struct session {
    fit_job job;
    fit_run run;
    fit_effort effort; /* with --effort */
    dataset test;      /* not open if none is given */
    snnk_network *network;
    double start, train_seconds;
} session;

/* Open the model of --like. Columns, target and classes are taken from it too. */
static int open_like(session *s) {
    int exit_status;

    if (!s->run.options.like) return EXIT_OK;
    if ((exit_status = model_load(command, s->run.options.like, &s->job.like)) != EXIT_OK)
        return exit_status;
    if (snnk_network_layers(s->job.like) != 1 ||
        !snnk_layer_map(snnk_network_layer(s->job.like, 0)))
        return failed(command, "%s is not a model of one layer of features", s->run.options.like);
    data_options_like(s->job.like, &s->run.options.data);
    return EXIT_OK;
}

/* Find the task: from the targets, or from the model of --like, with classes that only these data
 * have appended. */
static int find_task(session *s) {
    size_t added;
    int exit_status;

    if (!s->job.like) {
        exit_status =
            task_from_data(command, &s->job.train, s->run.options.data.task, &s->job.task);
        if (exit_status != EXIT_OK) return exit_status;
        if (!s->job.task.classification && s->run.options.loss == SNNK_LOSS_CROSS_ENTROPY)
            return failed(command,
                          "--loss cross-entropy needs classes, but this is a regression: %s",
                          s->job.task.reason);
        if (!s->run.options.data.balance)
            return s->job.task.classification
                       ? task_note_unbalanced(command, &s->job.train, &s->job.task)
                       : EXIT_OK;
        if (!s->job.task.classification)
            return failed(command, "--balance needs classes, but this is a regression: %s",
                          s->job.task.reason);
        return task_balance(command, &s->job.train, &s->job.task);
    }
    exit_status = task_load(command, s->job.like, &s->job.task);
    if (exit_status == EXIT_OK)
        exit_status =
            task_check(command, &s->job.task, snnk_network_inputs(s->job.like), &s->job.train);
    if (exit_status == EXIT_OK && s->job.task.classification)
        exit_status = task_add_classes(command, &s->job.train, &s->job.task, &added);
    return exit_status;
}

/* Everything before the fit, so that most errors are found early. */
static int prepare(session *s) {
    int exit_status = open_like(s);

    if (exit_status != EXIT_OK) return exit_status;
    exit_status = s->job.like
                      ? dataset_open(command, &s->run.options.data.train,
                                     snnk_network_note(s->job.like, "columns"),
                                     snnk_network_encoder(s->job.like), &s->job.train)
                      : dataset_open_training(command, &s->run.options.data.train, &s->job.train);
    if (exit_status != EXIT_OK) return exit_status;
    if (s->run.options.heldout_given && !s->run.options.boosted && s->run.options.leaf_rows == 0 &&
        s->run.options.augment == 0 && s->job.train.rows <= SNNK_FIT_MAX_LEFT_OUT)
        return wrong_usage(command,
                           "--heldout has no effect on up to %d rows: each is left out in turn",
                           SNNK_FIT_MAX_LEFT_OUT);
    if ((exit_status = find_task(s)) != EXIT_OK) return exit_status;
    if (s->run.options.save && s->job.processes.rank == 0 &&
        (exit_status = check_save(command, s->run.options.save)) != EXIT_OK)
        return exit_status;
    exit_status = fit_plot_begin(command, &s->run.options.plot);
    if (exit_status != EXIT_OK) return exit_status;
    if (snnk_workspace_create(s->run.options.threads, NULL, &s->job.workspace) != SNNK_OK)
        return library_failed(command);
    exit_status = fit_augment_begin(command, &s->run.options, s->job.workspace, &s->job.train,
                                    &s->job.copies);
    if (exit_status == EXIT_OK && s->run.options.effort != EFFORT_NONE)
        exit_status = fit_effort_begin(&s->job, &s->run.options, &s->effort);
    if (exit_status == EXIT_OK) exit_status = fit_run_prepare(&s->run);
    dataset_set_fold(NULL, 0, false, &s->job.train);
    if (exit_status != EXIT_OK) return exit_status; /* the inputs are known now */
    if (snnk_network_create(NULL, &s->network) != SNNK_OK ||
        task_save(&s->job.task, &s->job.train, s->network) != SNNK_OK)
        return library_failed(command);
    return data_options_open_test(command, &s->run.options.data, s->network, &s->job.task,
                                  &s->job.train, &s->test);
}

static int complete_network(session *s) {
    const char *const loss = snnk_loss_name(s->run.loss.report.loss);
    char seconds[32], ridge[32];

    snprintf(seconds, sizeof seconds, "%.2f", s->train_seconds);
    snprintf(ridge, sizeof ridge, "%.17g", s->run.best.report.ridge);
    if (fit_run_append(&s->run, true, s->network) != SNNK_OK ||
        snnk_network_set_encoder(s->network, s->job.train.encoder) != SNNK_OK ||
        snnk_network_set_uncertainty(s->network, s->run.uncertainty) != SNNK_OK ||
        snnk_network_set_note(s->network, "scaling", fit_run_scaling(&s->run)) != SNNK_OK ||
        snnk_network_set_note(s->network, "train_seconds", seconds) != SNNK_OK ||
        (s->job.task.classification && snnk_network_set_note(s->network, "loss", loss) != SNNK_OK))
        return library_failed(command);
    if (!s->run.statistics) return EXIT_OK;
    if (snnk_network_set_note(s->network, "lambda", ridge) != SNNK_OK ||
        snnk_network_set_statistics(s->network, s->run.statistics) != SNNK_OK)
        return library_failed(command);
    snnk_lstsq_free(s->run.statistics); /* the network has a copy */
    s->run.statistics = NULL;
    return EXIT_OK;
}

static int save(const session *s) {
    const int32_t projection = s->run.options.store_seed ? SNNK_SAVE_SEED : SNNK_SAVE_ROWS;

    if (!s->run.options.save ||
        snnk_network_save(s->network, s->run.options.save, projection) == SNNK_OK)
        return fit_plot_keep(command, &s->run.options.plot);
    fit_plot_drop(&s->run.options.plot);
    return library_failed(command);
}

/* Score the model, save it, and report, in this order: a failure leaves an existing file as it
 * was. */
static int finish(session *s) {
    const bool tested = s->test.rows > 0;
    const fit_result fitted = {
        .options = &s->run.options,
        .train = &s->job.train,
        .task = &s->job.task,
        .choice = &s->run.choice,
        .loss = &s->run.loss,
        .directions = &s->run.directions,
        .boost = s->run.options.boosted ? &s->run.boost : NULL,
        .leaves = s->run.leaves.layer ? &s->run.leaves : NULL,
        .effort = &s->effort,
        .copies = s->run.options.augment > 0 ? s->run.best.report.rows - s->job.copies.added : 0,
        .channels = s->job.channels,
        .scaling = fit_run_scaling(&s->run),
        .report = &s->run.best.report,
        .map = s->run.best.map,
        .network = s->network,
        .train_seconds = s->train_seconds,
        .processes = s->job.processes.size};
    evaluation result = {0};
    int exit_status = EXIT_OK;

    if (tested)
        exit_status = evaluate(command, s->network, &s->job.task, &s->test, s->job.workspace,
                               s->run.options.quiet, &result);
    if (exit_status == EXIT_OK && interrupted) exit_status = EXIT_CANCELLED;
    if (exit_status == EXIT_OK)
        exit_status = fit_plot_draw(command, &s->run.options.plot, &s->run.directions);
    if (exit_status == EXIT_OK) exit_status = save(s);
    if (exit_status == EXIT_OK) fit_report_print(&fitted, tested ? &result : NULL);
    free(result.confusion);
    return exit_status;
}

/* Set defaults that depend on the processes, and refuse what several processes cannot do. */
static int complete_options(session *s) {
    fit_options *o = &s->run.options;
    const bool several = s->job.processes.size > 1;
    int exit_status;
    const size_t threads = usable_processors() / (size_t)s->job.processes.on_machine;

    if (several && o->loss == SNNK_LOSS_CROSS_ENTROPY)
        return wrong_usage(command,
                           "several processes cannot minimize cross-entropy: use one, or --loss "
                           "squared");
    if (several && o->directions > 0)
        return wrong_usage(command, "several processes cannot learn directions: use one");
    if (several && o->augment > 0)
        return wrong_usage(command, "several processes cannot use --augment: use one");
    if (several && o->boosted)
        return wrong_usage(command, "several processes cannot fit --boost: use one");
    if (several && o->leaf_rows > 0)
        return wrong_usage(command, "several processes cannot fit --leaves: use one");
    if (several && o->effort != EFFORT_NONE)
        return wrong_usage(command, "several processes cannot share --effort: use one");
    if (several) o->loss = SNNK_LOSS_SQUARED;
    o->fit.center = !several; /* all processes center on the first rows of the table */
    if (o->threads == 0) o->threads = threads > 0 ? threads : 1;
    if (s->job.processes.rank > 0) o->quiet = true;
    if ((exit_status = fit_augment_check(command, o)) != EXIT_OK) return exit_status;
    return fit_plot_check(command, &o->data, o->save, &o->plot);
}

static int run(session *s) {
    int exit_status = complete_options(s);

    catch_interrupts();
    s->start = seconds_now();
    if (exit_status == EXIT_OK) exit_status = prepare(s);
    exit_status = processes_agree(&s->job.processes, exit_status);
    if (exit_status == EXIT_OK)
        exit_status = s->run.options.effort != EFFORT_NONE
                          ? fit_effort_fit(&s->effort, s->start, &s->run)
                          : fit_run_fit(&s->run, true);
    s->train_seconds = seconds_now() - s->start;
    if (exit_status == EXIT_OK && fit_run_has_layers(&s->run)) {
        exit_status = complete_network(s);
        if (exit_status == EXIT_OK) exit_status = finish(s);
    }
    if (exit_status == EXIT_CANCELLED) print_error(command, "cancelled");
    return exit_status;
}

static void session_free(session *s) {
    fit_run_free(&s->run);
    fit_effort_free(&s->effort);
    fit_augment_free(&s->job.copies);
    snnk_network_free(s->job.like);
    snnk_network_free(s->network);
    snnk_workspace_free(s->job.workspace);
    task_free(&s->job.task);
    dataset_close(&s->test);
    dataset_close(&s->job.train);
}

int fit_command(int argc, char **argv) {
    session s = {.start = 0};
    int exit_status = processes_begin(command, &s.job.processes);

    s.run.job = &s.job;
    if (exit_status == EXIT_OK) exit_status = fit_options_read(argc, argv, &s.run.options);
    exit_status = processes_agree(&s.job.processes, exit_status);
    if (exit_status == EXIT_OK && s.run.options.help) {
        if (s.job.processes.rank == 0) fit_print_help();
    } else if (exit_status == EXIT_OK) {
        exit_status = processes_agree(&s.job.processes, run(&s));
    }
    session_free(&s);
    processes_end(&s.job.processes);
    return exit_status;
}
