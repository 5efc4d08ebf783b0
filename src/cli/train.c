#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/system.h"
#include "cli/train_fold.h"
#include "cli/train_plot.h"
#include "cli/train_session.h"

static const char command[] = "train";

/* ---- Progress ---- */

/* Name the epoch that is made in the bar. */
static void name_epoch(train_session *s) {
    const size_t done = snnk_trainer_epochs(s->trainer);
    snnk_train_epoch last = {.size = sizeof last, .heldout_loss = NAN};
    int used = snprintf(s->bar_text, sizeof s->bar_text, "epoch %zu of %llu", done + 1,
                        (unsigned long long)s->o->config.epochs);

    if (done == 0 || snnk_trainer_epoch(s->trainer, done - 1, &last) != SNNK_OK) return;
    snprintf(s->bar_text + used, sizeof s->bar_text - (size_t)used, ", %s loss %-9.4g",
             isnan(last.heldout_loss) ? "last" : "held-out",
             isnan(last.heldout_loss) ? last.loss : last.heldout_loss);
}

static int move(void *session, double share) {
    train_session *s = session;

    return move_bar(&s->bar, share);
}

static int after_epoch(void *session, const snnk_trainer *trainer) {
    train_session *s = session;

    name_epoch(s);
    s->bar.percent = -1; /* it is drawn again */
    s->failed = train_save_checkpoint(s, trainer) != EXIT_OK;
    return s->failed || interrupted;
}

/* ---- Training ---- */

static int freeze(train_session *s) {
    for (size_t k = 0; k < s->o->n_frozen; k++) {
        const size_t layer = s->o->frozen[k], n = snnk_network_layers(s->start);

        if (layer >= n)
            return failed(command, "--freeze %zu: the network has %zu %s, counted from 0: %s",
                          layer, n, n == 1 ? "layer" : "layers", s->layers);
        if (snnk_trainer_set_rate(s->trainer, layer, -1, 0) != SNNK_OK)
            return library_failed(command);
    }
    if (snnk_trainer_parameters(s->trainer) == 0)
        return failed(command, "--freeze: every layer is frozen, so nothing learns");
    return EXIT_OK;
}

/* Create the trainer; say with which option the rows that cannot learn stay fixed. */
static int create_trainer(train_session *s) {
    snnk_train_config config = s->o->config;
    int st;

    if (s->o->resume) return train_resume(s, after_epoch);
    config.after_epoch = after_epoch;
    config.user = s;
    st = snnk_trainer_create(s->start, &config, &s->trainer);
    if (st == SNNK_E_UNSUPPORTED && s->o->rows_learn)
        return failed(command, "%s: use --rows fixed", snnk_last_error());
    return st == SNNK_OK ? freeze(s) : library_failed(command);
}

/* Copy the learning curve. */
static int copy_epochs(train_session *s) {
    const size_t n = snnk_trainer_epochs(s->trainer);

    s->epochs = calloc(n + 1, sizeof *s->epochs);
    if (!s->epochs) return failed(command, "out of memory");
    for (size_t k = 0; k < n; k++) {
        s->epochs[k].size = sizeof *s->epochs;
        if (snnk_trainer_epoch(s->trainer, k, &s->epochs[k]) != SNNK_OK)
            return library_failed(command);
    }
    s->n_epochs = n;
    return EXIT_OK;
}

static int train(train_session *s) {
    int st;

    s->report = (snnk_train_report){.size = sizeof s->report};
    s->bar = (progress_bar){s->o->quiet, s->bar_text, -1};
    name_epoch(s);
    snnk_workspace_set_progress(s->workspace, move, s);
    st = train_rows_run(&s->rows, s->trainer, s->workspace, &s->report);
    snnk_workspace_set_progress(s->workspace, NULL, NULL);
    show_progress(s->o->quiet, s->bar_text, 1, 1);
    s->seconds = seconds_now() - s->start_seconds;
    if (s->failed || s->rows.exit_status == EXIT_FAILED) return EXIT_FAILED;
    if (st == SNNK_E_CANCELLED || interrupted) return EXIT_CANCELLED;
    return st == SNNK_OK ? copy_epochs(s) : library_failed(command);
}

/* ---- The result ---- */

/* Set notes and uncertainty of a network that has changed. */
static int complete_network(train_session *s) {
    const char *loss = snnk_loss_name(s->o->config.loss);

    if (snnk_network_set_uncertainty(s->network, s->heldout.uncertainty) != SNNK_OK ||
        (s->task.classification && snnk_network_set_note(s->network, "loss", loss) != SNNK_OK))
        return library_failed(command);
    return EXIT_OK;
}

/* Copy the model that was given: its layers, to the last bit, its notes, its uncertainty. */
static int keep_model(train_session *s) {
    const column_scaling none = {NULL, NULL};
    const int exit_status = train_fold(command, s->model, &none, &none, &s->network);

    if (exit_status != EXIT_OK) return exit_status;
    return snnk_network_set_uncertainty(s->network, snnk_network_uncertainty(s->model)) == SNNK_OK
               ? EXIT_OK
               : library_failed(command);
}

/* Make the network that takes rows as they are. */
static int make_network(train_session *s, const snnk_network *trained) {
    int exit_status;

    if (train_is_unchanged(s)) return keep_model(s);
    exit_status = train_fold(command, trained, &s->rows.inputs, &s->rows.targets, &s->network);
    if (exit_status == EXIT_OK && (s->rows.inputs.mean || s->rows.targets.mean))
        exit_status =
            train_fold_check(command, &s->train, &s->rows, trained, s->network, s->workspace);
    return exit_status == EXIT_OK ? complete_network(s) : exit_status;
}

static int finish_network(train_session *s) {
    snnk_network *trained = NULL;
    int exit_status;

    if (snnk_trainer_network(s->trainer, &trained) != SNNK_OK) return library_failed(command);
    exit_status = train_judge(s, trained);
    if (exit_status == EXIT_OK) exit_status = make_network(s, trained);
    snnk_network_free(trained);
    if (exit_status == EXIT_OK && train_remove_hash(s->network) != SNNK_OK)
        exit_status = library_failed(command);
    return exit_status;
}

static int draw(const train_session *s) {
    const learning_curve curve = {.n = s->n_epochs,
                                  .epochs = s->epochs,
                                  .best = s->report.best_epoch,
                                  .judged = s->rows.n_heldout > 0,
                                  .first_loss =
                                      s->resumed == 0 ? s->report.first_loss : (double)NAN,
                                  .loss = snnk_loss_name(s->o->config.loss),
                                  .classification = s->task.classification};

    return s->o->plot ? train_plot(command, s->o->plot, s->o->csv, &curve) : EXIT_OK;
}

static int save(const train_session *s) {
    const train_options *o = s->o;

    if (o->save && snnk_network_save(s->network, o->save, SNNK_SAVE_ROWS) != SNNK_OK) {
        const int exit_status = library_failed(command);

        if (o->plot) plot_drop(o->plot, o->csv);
        return exit_status;
    }
    return o->plot ? plot_keep(command, o->plot, o->csv) : EXIT_OK;
}

/* Score the network, save it, and report, in this order: a failure leaves existing files as they
 * were. */
static int finish(train_session *s) {
    const bool tested = s->test.rows > 0;
    evaluation result = {0};
    int exit_status = finish_network(s);

    if (exit_status == EXIT_OK && tested)
        exit_status =
            evaluate(command, s->network, &s->task, &s->test, s->workspace, s->o->quiet, &result);
    if (exit_status == EXIT_OK && interrupted) exit_status = EXIT_CANCELLED;
    if (exit_status == EXIT_OK) exit_status = draw(s);
    if (exit_status == EXIT_OK) exit_status = save(s);
    if (exit_status == EXIT_OK) train_report_print(s, tested ? &result : NULL);
    free(result.confusion);
    return exit_status;
}

/* Say what is left of the work, and how to go on. */
static void print_cancelled(const train_session *s) {
    const size_t n = snnk_trainer_epochs(s->trainer);
    const bool saved = s->o->checkpoint && n > s->resumed;
    const char *path = saved ? s->o->checkpoint : s->o->resume;

    if (path)
        print_error(command,
                    "cancelled after %zu epochs: %s has %zu of them, and the same command with "
                    "--resume %s goes on",
                    n, path, saved ? n : s->resumed, path);
    else if (n == 0)
        print_error(command, "cancelled before the first epoch was complete: nothing was saved");
    else
        print_error(command,
                    "cancelled after %zu epochs: nothing was saved. With --checkpoint FILE, the "
                    "same command with --resume FILE would go on",
                    n);
}

static int run(train_session *s) {
    int exit_status;

    catch_interrupts();
    remove_unfinished(s->o->save);
    remove_unfinished(s->o->checkpoint);
    s->start_seconds = seconds_now();
    exit_status = train_prepare(s);
    if (exit_status == EXIT_OK) exit_status = train_judge_start(s);
    if (exit_status == EXIT_OK) exit_status = create_trainer(s);
    if (exit_status == EXIT_OK) exit_status = train(s);
    if (exit_status == EXIT_OK) exit_status = finish(s);
    if (exit_status == EXIT_CANCELLED) print_cancelled(s);
    return exit_status;
}

static void session_free(train_session *s) {
    free(s->epochs);
    snnk_uncertainty_free(s->heldout.uncertainty);
    snnk_trainer_free(s->trainer);
    snnk_network_free(s->network);
    snnk_network_free(s->start);
    train_rows_free(&s->rows);
    snnk_workspace_free(s->workspace);
    task_free(&s->task);
    dataset_close(&s->test);
    dataset_close(&s->train);
    snnk_network_free(s->model); /* options point to its notes */
}

int train_command(int argc, char **argv) {
    train_options o;
    train_session s = {.o = &o};
    int exit_status = train_options_read(argc, argv, &o);

    if (exit_status != EXIT_OK) return exit_status;
    if (o.help) {
        train_print_help();
        return EXIT_OK;
    }
    exit_status = run(&s);
    session_free(&s);
    return exit_status;
}
