/* Training on rows: what is held out, epochs, and which numbers are kept. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "base/size.h"
#include "base/workspace.h"
#include "train/epochs.h"
#include "train/lbfgs.h"
#include "train/readout.h"
#include "train/redraw.h"
#include "train/run.h"

#define DEFAULT_BATCH 128

#define REPORT_MINIMUM sizeof(snnk_train_report)

/* ---- Rows ---- */

/* Check rows, also their numbers. */
static int read_rows(const snnk_trainer *trainer, const snnk_rows *rows, snnk_rows *read) {
    const size_t d = snnk_network_inputs(trainer->start), l = snnk_network_outputs(trainer->start);
    const bool targets = trainer->config.loss != SNNK_LOSS_USER;
    const int st = snnk__rows_read(rows, d, l, targets, read);

    if (st != SNNK_OK) return st;
    read->outputs = l;
    return snnk__rows_check_finite(read);
}

static int resolve_loss(const snnk_trainer *trainer, const snnk_rows *rows, int32_t *loss) {
    *loss = trainer->config.loss;
    if (*loss == SNNK_LOSS_USER && !trainer->config.loss_function)
        return snnk__fail(SNNK_E_STATE,
                          "a checkpoint does not hold your loss function: set it with "
                          "snnk_trainer_set_callbacks");
    if (*loss == -1) *loss = rows->labels ? SNNK_LOSS_CROSS_ENTROPY : SNNK_LOSS_SQUARED;
    if ((*loss == SNNK_LOSS_CROSS_ENTROPY || *loss == SNNK_LOSS_COSINE) && rows->outputs == 1)
        return snnk__fail(SNNK_E_SHAPE, "outputs = 1: the loss %s needs at least 2",
                          snnk_loss_name(*loss));
    if (trainer->config.solve != SNNK_TRAIN_SOLVE_NEVER && *loss != SNNK_LOSS_SQUARED)
        return snnk__fail(
            SNNK_E_UNSUPPORTED,
            "the last layer is solved for the squared error only, but rows with labels "
            "are trained by cross-entropy: set loss = SNNK_LOSS_SQUARED");
    return SNNK_OK;
}

/* Whether row i is drawn by its key. */
static bool is_drawn(const snnk_trainer *trainer, const snnk_rows *rows, size_t i, bool singly) {
    const uint64_t key = singly ? i : rows->groups ? rows->groups[i] : snnk__rows_hash(rows, i);
    double u;

    snnk__random_uniform(trainer->config.seed, SNNK__STREAM_HELDOUT, key, 0, 1, &u);
    return u < trainer->config.heldout_share;
}

/* Split rows into those to learn from, and those that are held out behind them. Rows with equal
 * keys stay together, unless no or too many rows were held out so, as of a table of a few yes and
 * no. */
static size_t split(const snnk_trainer *trainer, const snnk_rows *rows, size_t *which) {
    size_t kept = 0;

    for (int singly = 0; singly <= (rows->groups ? 0 : 1); singly++) {
        size_t end = rows->n;

        kept = 0;
        for (size_t i = 0; i < rows->n; i++)
            if (is_drawn(trainer, rows, i, singly == 1))
                which[--end] = i;
            else
                which[kept++] = i;
        const double share = (double)(rows->n - kept) / (double)rows->n;

        if (kept < rows->n && kept > 0 && share <= 2 * trainer->config.heldout_share) break;
    }
    if (kept >= rows->n / 4 && kept > 0) return kept;
    for (size_t i = 0; i < rows->n; i++) which[i] = i; /* rather none than most */
    return rows->n;
}

/* ---- Opening and closing ---- */

static void run_close(snnk__run *run) {
    const snnk_allocator *allocator = &run->trainer->allocator;

    if (run->train.order) snnk__batches_close(&run->train);
    if (run->heldout.order) snnk__batches_close(&run->heldout);
    snnk_record_free(run->record);
    snnk__free(allocator, run->Y);
    snnk__free(allocator, run->dY);
    snnk__free(allocator, run->losses);
}

static int run_alloc(snnk__run *run) {
    const snnk_allocator *allocator = &run->trainer->allocator;
    const size_t rows = snnk__max_size(run->train.batch, SNNK__JUDGED_ROWS);
    size_t count;
    int st;

    if (!snnk__mul_size(rows, run->train.outputs, &count))
        return snnk__fail(SNNK_E_SIZE, "a batch of %zu rows overflows size_t", rows);
    if ((st = snnk_record_create(run->trainer, &run->record)) != SNNK_OK) return st;
    if ((st = snnk__alloc(allocator, count, sizeof(float), "outputs", &run->Y)) != SNNK_OK)
        return st;
    if ((st = snnk__alloc(allocator, count, sizeof(float), "gradients", &run->dY)) != SNNK_OK)
        return st;
    return snnk__alloc(allocator, rows, sizeof *run->losses, "losses", &run->losses);
}

/* Set *batch to the rows of a step, of n. */
static int batch_of(const snnk_trainer *trainer, uint64_t n, size_t *batch) {
    const uint64_t wanted = trainer->config.batch;

    if (n == 0) return snnk__fail(SNNK_E_SHAPE, "there are 0 rows to learn from");
    if (wanted > n && trainer->config.optimizer != SNNK_OPTIMIZER_LBFGS)
        return snnk__fail(
            SNNK_E_RANGE,
            "batch = %llu is more than the %llu rows to learn from (others may be held "
            "out)",
            (unsigned long long)wanted, (unsigned long long)n);
    const uint64_t usual = wanted > 0 ? wanted : DEFAULT_BATCH;

    *batch = (size_t)(n < usual ? n : usual);
    return SNNK_OK;
}

static int open_heldout(snnk__run *run, const snnk_rows *heldout) {
    snnk_trainer *trainer = run->trainer;
    snnk_rows read;
    int st;

    if (!heldout) return SNNK_OK;
    if ((st = read_rows(trainer, heldout, &read)) == SNNK_OK)
        st = snnk__check_targets(run->loss, &read);
    if (st == SNNK_OK && read.n > 0)
        st = snnk__batches_open(&trainer->allocator, &read, NULL, 0, SNNK__JUDGED_ROWS, 0,
                                &run->heldout);
    if (st != SNNK_OK) return snnk__fail_within(st, "held-out rows");
    run->judges = read.n > 0;
    run->heldout.first_number = run->train.n;
    return SNNK_OK;
}

/* Open batches of checked rows; without given held-out rows, a share of them is held out. */
static int open_rows(snnk__run *run, const snnk_rows *rows, const snnk_rows *heldout) {
    snnk_trainer *trainer = run->trainer;
    const snnk_allocator *allocator = &trainer->allocator;
    size_t *which = NULL, *judged = NULL, n = rows->n, batch;
    int st;

    if (!heldout && trainer->config.heldout_share > 0 && rows->n > 0) {
        if ((st = snnk__alloc(allocator, rows->n, sizeof *which, "an order", &which)) != SNNK_OK)
            return st;
        n = split(trainer, rows, which);
        st = snnk__alloc(allocator, rows->n - n, sizeof *judged, "an order", &judged);
        if (st == SNNK_OK && n < rows->n) memcpy(judged, which + n, (rows->n - n) * sizeof *judged);
    } else {
        st = SNNK_OK;
    }
    if (st == SNNK_OK) st = batch_of(trainer, n, &batch);
    if (st != SNNK_OK) {
        snnk__free(allocator, which);
        snnk__free(allocator, judged);
        return st;
    }
    st = snnk__batches_open(allocator, rows, which, n, batch, trainer->config.seed, &run->train);
    if (judged && st == SNNK_OK) {
        st = snnk__batches_open(allocator, rows, judged, rows->n - n, SNNK__JUDGED_ROWS, 0,
                                &run->heldout);
        run->judges = st == SNNK_OK;
    } else {
        snnk__free(allocator, judged);
    }
    return st == SNNK_OK ? open_heldout(run, heldout) : st;
}

/* ---- Epochs ---- */

/* Keep the present numbers. */
static void keep(snnk_trainer *trainer, double loss) {
    for (size_t s = 0; s < trainer->n_slots; s++)
        memcpy(trainer->slots[s].best, trainer->slots[s].parameter->value,
               trainer->slots[s].parameter->count * sizeof(float));
    trainer->has_best = true;
    trainer->best_solved = trainer->present_solved;
    trainer->best_loss = loss;
    trainer->best_epoch = trainer->n_epochs;
}

static int reserve_epoch(snnk_trainer *trainer) {
    const size_t room = 2 * trainer->room_epochs + 16;
    snnk_train_epoch *epochs;
    int st;

    if (trainer->n_epochs < trainer->room_epochs) return SNNK_OK;
    st = snnk__alloc(&trainer->allocator, room, sizeof *epochs, "epochs", &epochs);
    if (st != SNNK_OK) return st;
    if (trainer->n_epochs > 0) memcpy(epochs, trainer->epochs, trainer->n_epochs * sizeof *epochs);
    snnk__free(&trainer->allocator, trainer->epochs);
    trainer->epochs = epochs;
    trainer->room_epochs = room;
    return SNNK_OK;
}

/* Solve the last layer. *solved: false if these rows and features have no solution. */
static int solve(snnk__run *run, bool *solved) {
    snnk__sentence before;
    int st;

    snnk__sentence_save(&before);
    st = snnk__readout_solve(run);
    *solved = st == SNNK_OK;
    if (st == SNNK_E_STATE || st == SNNK_E_SINGULAR) st = snnk__recovered(SNNK_OK, &before);
    return st;
}

/* Whether rows are drawn again before the next epoch. */
static bool is_redrawn(const snnk_trainer *trainer) {
    const uint64_t every = trainer->config.redraw;

    return every > 0 && trainer->n_epochs > 0 && trainer->n_epochs % every == 0;
}

static int one_epoch(snnk__run *run) {
    snnk_trainer *trainer = run->trainer;
    snnk_train_epoch epoch = {.size = sizeof epoch, .heldout_loss = NAN, .accuracy = NAN};
    snnk__judgement judged;
    int st;

    if ((st = reserve_epoch(trainer)) != SNNK_OK) return st;
    snnk__trainer_mark(trainer);
    trainer->present_solved = false;
    st = is_redrawn(trainer) ? snnk__redraw(run) : SNNK_OK;
    if (st == SNNK_OK)
        st = trainer->config.optimizer == SNNK_OPTIMIZER_LBFGS ? snnk__lbfgs_run(run, &epoch.loss)
                                                               : snnk__epochs_run(run, &epoch.loss);
    if (st == SNNK_OK && trainer->config.solve == SNNK_TRAIN_SOLVE_EPOCH)
        st = solve(run, &trainer->present_solved);
    if (st == SNNK_OK && run->judges) st = snnk__epochs_judge(run, &run->heldout, &judged);
    if (st != SNNK_OK) {
        snnk__trainer_return(trainer);
        return st;
    }
    epoch.rate = trainer->rate_share;
    if (run->judges) {
        epoch.heldout_loss = judged.loss;
        epoch.accuracy = judged.accuracy;
    }
    trainer->epochs[trainer->n_epochs++] = epoch;
    trainer->run_done++;
    if (!run->judges) trainer->has_best = false; /* of an earlier run */
    if (run->judges && judged.loss < trainer->best_loss) keep(trainer, judged.loss);
    return SNNK_OK;
}

/* Whether so many epochs of this run have not been better. */
static bool out_of_patience(const snnk__run *run) {
    const snnk_trainer *trainer = run->trainer;
    const uint64_t since_best = trainer->n_epochs - trainer->best_epoch,
                   since = since_best < trainer->run_done ? since_best : trainer->run_done;

    return run->judges && trainer->config.patience > 0 && since >= trainer->config.patience;
}

/* Solve the last layer for the numbers that are kept; keep the solution if it is better. */
static int solve_at_end(snnk__run *run, snnk_train_report *report) {
    snnk_trainer *trainer = run->trainer;
    snnk__judgement judged;
    bool solved;
    int st;

    if (trainer->has_best) snnk__trainer_swap_best(trainer);
    snnk__trainer_mark(trainer);
    st = solve(run, &solved);
    if (st == SNNK_OK && run->judges) st = snnk__epochs_judge(run, &run->heldout, &judged);
    if (st == SNNK_OK && solved && (!run->judges || judged.loss < trainer->best_loss)) {
        const uint64_t epoch = trainer->best_epoch;

        /* Without held-out rows the best numbers may be of an earlier run. */
        if (run->judges || trainer->has_best)
            keep(trainer, run->judges ? judged.loss : trainer->best_loss);
        trainer->best_epoch = epoch;
        trainer->best_solved = trainer->present_solved = true;
        report->solved = 1;
    } else {
        snnk__trainer_return(trainer);
        if (trainer->has_best) snnk__trainer_swap_best(trainer);
    }
    return st;
}

static int after_epoch(const snnk_trainer *trainer) {
    if (!trainer->config.after_epoch ||
        trainer->config.after_epoch(trainer->config.user, trainer) == 0)
        return SNNK_OK;
    return snnk__fail(SNNK_E_CANCELLED, "after_epoch asked to stop");
}

/* Of numbers that are not finite, any others are better. */
static double comparable(double loss) { return isfinite(loss) ? loss : INFINITY; }

/* Judge the numbers at the beginning of a run, and keep them, or those of an earlier run if they
 * are better. */
static int judge_first(snnk__run *run, double *first_loss) {
    snnk_trainer *trainer = run->trainer;
    snnk__judgement present, kept;
    int st;

    if ((st = snnk__epochs_judge(run, &run->heldout, &present)) != SNNK_OK) return st;
    *first_loss = present.loss;
    if (trainer->has_best) { /* these held-out rows may be others than then */
        snnk__trainer_swap_best(trainer);
        st = snnk__epochs_judge(run, &run->heldout, &kept);
        snnk__trainer_swap_best(trainer);
        if (st != SNNK_OK) return st;
        trainer->best_loss = comparable(kept.loss);
    }
    if (!trainer->has_best || present.loss < trainer->best_loss)
        keep(trainer, comparable(present.loss));
    return SNNK_OK;
}

static int run_epochs(snnk__run *run, snnk_train_report *report) {
    snnk_trainer *trainer = run->trainer;
    int st = SNNK_OK;

    snnk__trainer_forget_gradients(trainer); /* of passes of the caller's own */
    if (run->judges && (st = judge_first(run, &report->first_loss)) != SNNK_OK) return st;
    while (st == SNNK_OK && trainer->run_done < trainer->config.epochs) {
        /* Before an epoch, so that a run that goes on after it was cancelled ends here too. */
        if (trainer->run_done > 0 && out_of_patience(run)) {
            report->stopped = 1;
            break;
        }
        if ((st = one_epoch(run)) == SNNK_OK) st = after_epoch(trainer);
    }
    if (st == SNNK_OK && trainer->config.solve == SNNK_TRAIN_SOLVE_END)
        st = solve_at_end(run, report);
    if (st == SNNK_OK) st = snnk__progress_update(run->progress, 1);
    if (st != SNNK_OK) return st;
    report->solved = trainer->has_best ? trainer->best_solved : trainer->present_solved;
    trainer->run_done = 0;
    return SNNK_OK;
}

static void fill_report(const snnk__run *run, snnk_train_report *report) {
    const snnk_trainer *trainer = run->trainer;

    report->size = sizeof *report;
    report->epochs = trainer->n_epochs;
    report->steps = trainer->steps;
    report->best_epoch = trainer->has_best ? trainer->best_epoch : trainer->n_epochs;
    report->loss = trainer->n_epochs > 0 ? trainer->epochs[trainer->n_epochs - 1].loss : NAN;
    report->heldout_loss = run->judges ? trainer->best_loss : NAN;
    report->rows = run->train.n;
    report->heldout_rows = run->judges ? run->heldout.n : 0;
    report->parameters = snnk_trainer_parameters(trainer);
    report->products = snnk__trainer_products(trainer);
}

static int run_all(snnk__run *run, snnk_train_report *report) {
    snnk__work work;
    int st;

    if ((st = run_alloc(run)) != SNNK_OK) return st;
    if ((st = snnk__readout_check(run->trainer)) != SNNK_OK) return st;
    if ((st = snnk__trainer_prepare(run->trainer)) != SNNK_OK) return st;
    if (run->progress) return run_epochs(run, report);
    snnk__work_begin(run->workspace, 1, &work);
    run->progress = &work.progress;
    snnk__progress_begin_stage(run->progress, 1);
    st = run_epochs(run, report);
    snnk__work_end(&work);
    run->progress = NULL;
    return st;
}

static int check_call(const snnk_trainer *trainer, const snnk_train_report *report) {
    const int st = snnk__check_pointer(trainer, "trainer");

    if (st != SNNK_OK) return st;
    return snnk__config_check(report, sizeof *report, REPORT_MINIMUM, "train report");
}

static int finish(snnk__run *run, int st, snnk_train_report *filled, snnk_train_report *report) {
    if (st == SNNK_OK) {
        fill_report(run, filled);
        st = snnk__config_write(report, filled, sizeof *filled, REPORT_MINIMUM, "train report");
    }
    run_close(run);
    return st;
}

int snnk_trainer_run(snnk_trainer *trainer, const snnk_rows *rows, const snnk_rows *heldout,
                     snnk_workspace *workspace, snnk_train_report *report) {
    return snnk__trainer_run(trainer, rows, heldout, workspace, NULL, report);
}

int snnk__trainer_run(snnk_trainer *trainer, const snnk_rows *rows, const snnk_rows *heldout,
                      snnk_workspace *workspace, snnk__progress *progress,
                      snnk_train_report *report) {
    snnk__run run = {.trainer = trainer, .workspace = workspace, .progress = progress};
    snnk_train_report filled = {.first_loss = NAN};
    snnk_rows read;
    int st;

    if ((st = check_call(trainer, report)) != SNNK_OK) return st;
    if ((st = read_rows(trainer, rows, &read)) != SNNK_OK) return st;
    if ((st = resolve_loss(trainer, &read, &run.loss)) != SNNK_OK) return st;
    if ((st = snnk__check_targets(run.loss, &read)) != SNNK_OK) return st;
    if ((st = open_rows(&run, &read, heldout)) == SNNK_OK) st = run_all(&run, &filled);
    return finish(&run, st, &filled, report);
}

static int check_source(const snnk_train_source *source) {
    int st;

    if ((st = snnk__check_pointer(source, "source")) != SNNK_OK) return st;
    st = snnk__config_check(source, sizeof *source, sizeof *source, "train source");
    if (st != SNNK_OK) return st;
    if (source->read) return SNNK_OK;
    return snnk__fail(SNNK_E_NULL, "source->read is NULL");
}

int snnk_trainer_run_source(snnk_trainer *trainer, const snnk_train_source *source,
                            const snnk_rows *heldout, snnk_workspace *workspace,
                            snnk_train_report *report) {
    return snnk__trainer_run_source(trainer, source, heldout, workspace, NULL, report);
}

int snnk__trainer_run_source(snnk_trainer *trainer, const snnk_train_source *source,
                             const snnk_rows *heldout, snnk_workspace *workspace,
                             snnk__progress *progress, snnk_train_report *report) {
    snnk__run run = {.trainer = trainer, .workspace = workspace, .progress = progress};
    snnk_train_report filled = {.first_loss = NAN};
    snnk_rows first = {.size = sizeof first}, read;
    size_t batch;
    int st;

    if ((st = check_call(trainer, report)) != SNNK_OK) return st;
    if ((st = check_source(source)) != SNNK_OK) return st;
    if ((st = batch_of(trainer, source->rows, &batch)) != SNNK_OK) return st;
    if ((st = snnk__source_read(source, 0, 1, &first)) != SNNK_OK) return st;
    if ((st = read_rows(trainer, &first, &read)) != SNNK_OK) return st;
    if (read.n != 1)
        return snnk__fail(SNNK_E_SHAPE, "the source gave %zu rows instead of 1", read.n);
    if ((st = resolve_loss(trainer, &read, &run.loss)) != SNNK_OK) return st;
    st = snnk__batches_open_source(&trainer->allocator, source, &read, run.loss, batch,
                                   trainer->config.seed, &run.train);
    if (st == SNNK_OK) st = open_heldout(&run, heldout);
    if (st == SNNK_OK) st = run_all(&run, &filled);
    return finish(&run, st, &filled, report);
}
