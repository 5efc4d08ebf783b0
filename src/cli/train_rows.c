#include "cli/train_rows.h"

#include <stdlib.h>
#include <string.h>

#include "cli/console.h"

void train_rows_free(train_rows *rows) {
    training_rows_free(rows->batch);
    free(rows->marks);
    free(rows->learnt_before);
    scaling_learner_free(&rows->known);
    column_scaling_free(&rows->inputs);
    column_scaling_free(&rows->targets);
    all_rows_free(&rows->learnt);
    all_rows_free(&rows->heldout);
}

int train_rows_read(train_rows *rows, size_t first, size_t n) {
    const int exit_status =
        training_rows_read(rows->command, rows->what, rows->data, first, n, rows->batch);

    return exit_status == EXIT_OK && interrupted ? EXIT_CANCELLED : exit_status;
}

bool train_rows_is_learnt(const train_rows *rows, size_t row) {
    return (rows->marks[row] & ROW_COUNTS) && !(rows->marks[row] & rows->held);
}

int train_rows_scale_targets(train_rows *rows) {
    return scaling_learner_targets(rows->command, &rows->known, &rows->targets);
}

/* ---- Loading ---- */

/* Bytes for n rows of a set: their numbers, and what the library keeps beside them. */
static double bytes_of(const train_rows *rows, size_t n, size_t of_input) {
    const double each =
        (double)rows->data->n_inputs * (double)of_input + 8 * (double)rows->known.n_targets + 24;

    return (double)n * each;
}

double train_rows_heldout_bytes(const train_rows *rows) {
    return bytes_of(rows, rows->n_heldout, rows->batch->rows.X ? sizeof(float) : sizeof(double));
}

double train_rows_bytes(const train_rows *rows, size_t n) {
    return bytes_of(rows, n, sizeof(float));
}

/* Make room for n rows. Those to learn from are float in any case, as the library takes them in. */
static int make_room(const train_rows *rows, size_t n, bool learnt, all_rows *room) {
    snnk_rows like = rows->batch->rows;

    all_rows_free(room);
    if (learnt) {
        like.X = (const float *)rows->batch->X;
        like.X_f64 = NULL;
        like.groups = NULL;
    }
    if (all_rows_create(&like, rows->known.n_targets, n, room)) return EXIT_OK;
    return failed(rows->command, "out of memory for %zu rows of %s with %zu inputs%s", n,
                  rows->data->path, rows->data->n_inputs,
                  learnt ? ": --window N keeps fewer in memory" : " that are held out");
}

/* Read rows of the file, and append those that are wanted, scaled. Those to learn from are no more
 * than `most`, of which there is room. */
static int load_part(train_rows *rows, size_t first, size_t n, size_t most, bool heldout) {
    const int exit_status = train_rows_read(rows, first, n);

    if (exit_status != EXIT_OK) return exit_status;
    scale_batch(&rows->inputs, &rows->targets, rows->known.n_targets, rows->batch);
    for (size_t i = 0; i < rows->batch->rows.n; i++) {
        const bool learnt = train_rows_is_learnt(rows, rows->batch->numbers[i]);

        if (learnt && rows->learnt.n < most)
            all_rows_append(&rows->batch->rows, i, &rows->learnt);
        else if (!learnt && heldout)
            all_rows_append(&rows->batch->rows, i, &rows->heldout);
    }
    return EXIT_OK;
}

int train_rows_load(train_rows *rows) {
    const size_t most = rows->window == 0 ? rows->n_learnt : 0, all = rows->data->rows;
    int exit_status = make_room(rows, rows->n_heldout, false, &rows->heldout);

    if (exit_status == EXIT_OK && most > 0)
        exit_status = make_room(rows, most, true, &rows->learnt);
    for (size_t first = 0; exit_status == EXIT_OK && first < all; first += BATCH_ROWS) {
        const size_t left = all - first;

        show_progress(rows->quiet, "loading", first, all);
        exit_status = load_part(rows, first, left < BATCH_ROWS ? left : BATCH_ROWS, most, true);
    }
    show_progress(rows->quiet, "loading", 1, 1);
    return exit_status;
}

/* ---- Reading while training ---- */

/* The row of the file which is row k of those to learn from. */
static size_t row_of(const train_rows *rows, size_t k) {
    size_t low = 0, high = (rows->data->rows - 1) / BATCH_ROWS + 1, row, at;

    while (high - low > 1) { /* learnt_before[low] <= k */
        const size_t middle = low + (high - low) / 2;

        if (rows->learnt_before[middle] <= k)
            low = middle;
        else
            high = middle;
    }
    row = low * BATCH_ROWS;
    at = rows->learnt_before[low];
    for (; at < k || !train_rows_is_learnt(rows, row); row++) at += train_rows_is_learnt(rows, row);
    return row;
}

/* How many rows of the file, from `row` on, have n of those to learn from; at most BATCH_ROWS. */
static size_t span(const train_rows *rows, size_t row, size_t n) {
    const size_t left = rows->data->rows - row, most = left < BATCH_ROWS ? left : BATCH_ROWS;
    size_t taken = 0;

    for (; taken < most && n > 0; taken++) n -= train_rows_is_learnt(rows, row + taken);
    return taken;
}

/* Read n of the rows to learn from, from number `first` on. */
static int read_learnt(train_rows *rows, size_t first, size_t n) {
    size_t row = row_of(rows, first);
    int exit_status = EXIT_OK;

    if (n > rows->room) {
        exit_status = make_room(rows, n, true, &rows->learnt);
        rows->room = exit_status == EXIT_OK ? n : 0;
    }
    rows->learnt.n = 0;
    while (exit_status == EXIT_OK && rows->learnt.n < n && row < rows->data->rows) {
        const size_t taken = span(rows, row, n - rows->learnt.n);

        exit_status = load_part(rows, row, taken, n, false);
        row += taken;
    }
    if (exit_status == EXIT_OK && rows->learnt.n < n)
        return failed(rows->command, "%s: rows that had a weight have none now: the file changed",
                      rows->data->path);
    return exit_status;
}

/* For snnk_train_source. */
static int read_source(void *user, uint64_t first, size_t count, snnk_rows *to) {
    train_rows *rows = user;

    rows->exit_status = read_learnt(rows, (size_t)first, count);
    if (rows->exit_status == EXIT_CANCELLED) return SNNK_E_CANCELLED;
    if (rows->exit_status != EXIT_OK) return SNNK_E_IO;
    *to = all_rows_part(&rows->learnt, 0, count);
    return SNNK_OK;
}

int train_rows_run(train_rows *rows, snnk_trainer *trainer, snnk_workspace *workspace,
                   snnk_train_report *report) {
    const snnk_rows heldout = train_rows_heldout(rows),
                    learnt = all_rows_part(&rows->learnt, 0, rows->n_learnt);
    const snnk_train_source source = {.size = sizeof source,
                                      .rows = rows->n_learnt,
                                      .read = read_source,
                                      .user = rows,
                                      .window = rows->window};
    const snnk_rows *judging = rows->n_heldout > 0 ? &heldout : NULL;

    if (rows->window == 0) return snnk_trainer_run(trainer, &learnt, judging, workspace, report);
    return snnk_trainer_run_source(trainer, &source, judging, workspace, report);
}

/* ---- Held-out rows ---- */

snnk_rows train_rows_heldout(const train_rows *rows) {
    return all_rows_part(&rows->heldout, 0, rows->n_heldout);
}

int train_rows_outputs(const train_rows *rows, const snnk_network *network,
                       snnk_workspace *workspace, double *Y) {
    const all_rows *all = &rows->heldout;
    const size_t d = all->inputs, l = snnk_network_outputs(network);
    double *X = all->X ? calloc(BATCH_ROWS, d * sizeof *X) : NULL;
    int st = SNNK_OK;

    if (all->X && !X) return failed(rows->command, "out of memory");
    for (size_t i = 0; st == SNNK_OK && i < all->n; i += BATCH_ROWS) {
        const size_t count = all->n - i < BATCH_ROWS ? all->n - i : BATCH_ROWS;

        for (size_t k = 0; X && k < count * d; k++) X[k] = (double)all->X[i * d + k];
        st = snnk_network_forward_f64(network, count, X ? X : all->X_f64 + i * d, d, Y + i * l, l,
                                      workspace);
    }
    free(X);
    return st == SNNK_OK ? EXIT_OK : library_failed(rows->command);
}
