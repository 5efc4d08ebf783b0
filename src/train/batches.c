#include "train/batches.h"

#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "base/size.h"
#include "base/workspace.h"

/* Rows of a source in memory, by default, and how many runs they come from. */
enum { WINDOW = 65536, RUNS = 64 };

/* From how many numbers on copying a batch is worth several threads. */
enum { FOR_THREADS = 32768 };

/* ---- Opening and closing ---- */

void snnk__batches_close(snnk__batches *b) {
    void *const blocks[] = {b->chosen,        b->order,        b->runs,      b->X,       b->Y,
                            b->weights,       b->labels,       b->numbers,   b->batch_X, b->batch_Y,
                            b->batch_weights, b->batch_labels, b->batch_rows};

    for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++)
        snnk__free(&b->allocator, blocks[k]);
    *b = (snnk__batches){0};
}

static int room_for(const snnk__batches *b, size_t rows, size_t columns, size_t bytes,
                    void *block) {
    size_t count;

    if (!snnk__mul_size(rows, columns, &count))
        return snnk__fail(SNNK_E_SIZE, "%zu rows of %zu columns overflow size_t", rows, columns);
    return snnk__alloc(&b->allocator, count, bytes, "rows", block);
}

/* Allocate one batch, and the order of a window of `room` rows. */
static int alloc_batch(snnk__batches *b, size_t room) {
    const size_t n = b->batch;
    int st;

    if ((st = room_for(b, room, 1, sizeof *b->order, &b->order)) != SNNK_OK) return st;
    if ((st = room_for(b, n, b->inputs, sizeof(float), &b->batch_X)) != SNNK_OK) return st;
    if ((st = room_for(b, n, b->outputs, sizeof(float), &b->batch_Y)) != SNNK_OK) return st;
    if ((st = room_for(b, n, 1, sizeof(float), &b->batch_weights)) != SNNK_OK) return st;
    if ((st = room_for(b, n, 1, sizeof(int32_t), &b->batch_labels)) != SNNK_OK) return st;
    return room_for(b, n, 1, sizeof(uint64_t), &b->batch_rows);
}

int snnk__batches_open(const snnk_allocator *allocator, const snnk_rows *rows, size_t *chosen,
                       size_t n_chosen, size_t batch, uint64_t seed, snnk__batches *batches) {
    snnk__batches b = {.allocator = *allocator,
                       .inputs = rows->inputs,
                       .outputs = rows->outputs,
                       .batch = batch,
                       .seed = seed,
                       .window = *rows,
                       .chosen = chosen,
                       .in_window = chosen ? n_chosen : rows->n};
    const int st = alloc_batch(&b, b.in_window);

    b.n = b.in_window;
    if (st == SNNK_OK)
        *batches = b;
    else
        snnk__batches_close(&b);
    return st;
}

static int alloc_window(snnk__batches *b) {
    const size_t n = b->room;
    int st;

    if ((st = room_for(b, n, b->inputs, sizeof(float), &b->X)) != SNNK_OK) return st;
    if ((st = room_for(b, n, b->outputs, sizeof(float), &b->Y)) != SNNK_OK) return st;
    if ((st = room_for(b, n, 1, sizeof(float), &b->weights)) != SNNK_OK) return st;
    if ((st = room_for(b, n, 1, sizeof(int32_t), &b->labels)) != SNNK_OK) return st;
    if ((st = room_for(b, n, 1, sizeof(uint64_t), &b->numbers)) != SNNK_OK) return st;
    return room_for(b, (size_t)b->n_runs, 1, sizeof(uint64_t), &b->runs);
}

int snnk__batches_open_source(const snnk_allocator *allocator, const snnk_train_source *source,
                              const snnk_rows *first, int32_t loss, size_t batch, uint64_t seed,
                              snnk__batches *batches) {
    const uint64_t usual = snnk__max_size(WINDOW, batch),
                   wanted = source->window > 0 ? source->window : usual;
    const uint64_t window = wanted < source->rows ? wanted / batch * batch : source->rows;
    snnk__batches b = {.allocator = *allocator,
                       .inputs = first->inputs,
                       .outputs = first->outputs,
                       .loss = loss,
                       .first = *first,
                       .batch = batch,
                       .seed = seed,
                       .n = source->rows,
                       .source = source};
    int st;

    if (window < batch || window > SIZE_MAX)
        return snnk__fail(SNNK_E_RANGE, "window = %llu rows, but a batch has %zu",
                          (unsigned long long)wanted, batch);
    b.room = (size_t)window;
    b.run = snnk__max_size(1, b.room / RUNS);
    b.n_runs = (source->rows - 1) / b.run + 1;
    if (b.n_runs > SIZE_MAX)
        return snnk__fail(SNNK_E_SIZE, "%llu rows are more than size_t can count in runs",
                          (unsigned long long)source->rows);
    st = alloc_batch(&b, b.room);
    if (st == SNNK_OK) st = alloc_window(&b);
    if (st == SNNK_OK)
        *batches = b;
    else
        snnk__batches_close(&b);
    return st;
}

/* ---- The order ---- */

/* A whole number in 0 ... below-1 that depends on the seed, the epoch, a stream and i. */
static size_t draw(const snnk__batches *b, uint32_t which, uint64_t i, size_t below) {
    double u;

    snnk__random_uniform(b->seed + b->epoch * 0x9E3779B97F4A7C15, SNNK__STREAM_SHUFFLE, i, which, 1,
                         &u);
    const size_t drawn = (size_t)(u * (double)below);

    return drawn < below ? drawn : below - 1;
}

/* Order the rows of the window (Fisher & Yates). */
static void order_window(snnk__batches *b) {
    for (size_t i = 0; i < b->in_window; i++) b->order[i] = b->chosen ? b->chosen[i] : i;
    for (size_t i = b->in_window; b->shuffled && i-- > 1;) {
        const size_t j = draw(b, (uint32_t)b->windows + 1, i, i + 1), kept = b->order[i];

        b->order[i] = b->order[j];
        b->order[j] = kept;
    }
    b->next = 0;
    b->windows++;
}

void snnk__batches_begin(snnk__batches *b, uint64_t epoch, bool shuffled) {
    b->epoch = epoch;
    b->shuffled = shuffled;
    b->windows = 0;
    if (!b->source || b->holds_all) {
        order_window(b);
        return;
    }
    for (uint64_t i = 0; i < b->n_runs; i++) b->runs[i] = i;
    /* A window of all rows keeps the order of the data, as arrays do. */
    for (uint64_t i = b->n_runs; shuffled && b->room < b->n && i-- > 1;) {
        const size_t j = draw(b, 0, i, (size_t)i + 1);
        const uint64_t kept = b->runs[i];

        b->runs[i] = b->runs[j];
        b->runs[j] = kept;
    }
    b->next_run = 0;
    b->run_done = 0;
    b->in_window = b->next = 0;
}

/* ---- Reading a source ---- */

int snnk__source_read(const snnk_train_source *source, uint64_t first, size_t count,
                      snnk_rows *rows) {
    snnk__sentence before, after;
    int st;

    snnk__sentence_save(&before);
    (void)snnk__fail(SNNK_E_IO, "?"); /* tells whether the function sets a sentence: snnk_fail */
    st = source->read(source->user, first, count, rows);
    if (st == SNNK_OK) return snnk__recovered(SNNK_OK, &before);
    snnk__sentence_save(&after);
    if (strcmp(after.text, "?") != 0) return st;
    return snnk__fail(st, "the source's read returned %d for rows %llu to %llu", st,
                      (unsigned long long)first, (unsigned long long)(first + count - 1));
}

/* SNNK_E_STATE unless rows have labels or targets, and weights, where the first row has. */
static int check_alike(const snnk__batches *b, const snnk_rows *rows) {
    const snnk_rows *first = &b->first;

    if (!first->labels == !rows->labels && !first->weights == !rows->weights) return SNNK_OK;
    return snnk__fail(SNNK_E_STATE,
                      "these rows have %s and %s weights, but the first row of the "
                      "source %s and %s",
                      rows->labels ? "labels" : "no labels", rows->weights ? "" : "no",
                      first->labels ? "has labels" : "has none",
                      first->weights ? "has weights" : "has none");
}

static void copy_inputs(const snnk_rows *rows, size_t i, size_t d, float *x) {
    if (rows->X)
        memcpy(x, rows->X + i * rows->ldx, d * sizeof *x);
    else
        for (size_t k = 0; k < d; k++) x[k] = (float)rows->X_f64[i * rows->ldx + k];
}

static void copy_targets(const snnk_rows *rows, size_t i, size_t l, float *y) {
    if (rows->Y)
        memcpy(y, rows->Y + i * rows->ldy, l * sizeof *y);
    else
        for (size_t k = 0; k < l; k++) y[k] = (float)rows->Y_f64[i * rows->ldy + k];
}

/* Rows of a source that are copied behind those of the window. */
typedef struct rows_to_copy {
    snnk__batches *batches;
    const snnk_rows *rows;
} rows_to_copy;

static void copy_rows(size_t first, size_t count, void *scratch, void *context) {
    const rows_to_copy *of = context;
    const snnk__batches *b = of->batches;
    const size_t at = b->in_window, d = b->inputs, l = b->outputs;

    (void)scratch;
    for (size_t i = first; i < first + count; i++) {
        copy_inputs(of->rows, i, d, b->X + (at + i) * d);
        if (b->window.Y) copy_targets(of->rows, i, l, b->Y + (at + i) * l);
        if (b->window.labels) b->labels[at + i] = of->rows->labels[i];
        if (b->window.weights) b->weights[at + i] = of->rows->weights[i];
    }
}

static snnk_workspace *worth_threads(const snnk__batches *b, size_t n, snnk_workspace *workspace) {
    return n * (b->inputs + b->outputs) < FOR_THREADS ? NULL : workspace;
}

/* Copy checked rows behind those of the window. */
static void add_to_window(snnk__batches *b, const snnk_rows *rows, snnk_workspace *workspace) {
    const size_t d = b->inputs, l = b->outputs;

    b->window =
        (snnk_rows){.size = sizeof b->window, .inputs = d, .outputs = l, .ldx = d, .ldy = l};
    b->window.X = b->X;
    b->window.Y = b->first.Y || b->first.Y_f64 ? b->Y : NULL;
    b->window.labels = b->first.labels ? b->labels : NULL;
    b->window.weights = b->first.weights ? b->weights : NULL;
    snnk__for_rows(worth_threads(b, rows->n, workspace), NULL, rows->n, 0, copy_rows,
                   &(rows_to_copy){b, rows});
}

static int read_run(snnk__batches *b, snnk_workspace *workspace) {
    const uint64_t first = b->runs[b->next_run] * b->run + b->run_done;
    const uint64_t left = b->source->rows - b->runs[b->next_run] * b->run;
    const size_t all = left < b->run ? (size_t)left : b->run,
                 count = snnk__min_size(all - b->run_done, b->room - b->in_window);
    const bool targets = b->loss != SNNK_LOSS_USER;
    snnk_rows read, rows;
    int st;

    if ((st = snnk_rows_init(&rows, sizeof rows)) != SNNK_OK) return st;
    if ((st = snnk__source_read(b->source, first, count, &rows)) != SNNK_OK) return st;
    if ((st = snnk__rows_read(&rows, b->inputs, b->outputs, targets, &read)) != SNNK_OK) return st;
    if (read.n != count)
        return snnk__fail(SNNK_E_SHAPE, "the source gave %zu rows instead of %zu", read.n, count);
    st = snnk__rows_check_finite(&read);
    if (st == SNNK_OK) st = check_alike(b, &read);
    if (st == SNNK_OK) st = snnk__check_targets(b->loss, &read);
    if (st != SNNK_OK) return snnk__fail_within(st, "rows from %llu on", (unsigned long long)first);
    add_to_window(b, &read, workspace);
    for (size_t i = 0; i < count; i++) b->numbers[b->in_window + i] = first + i;
    b->in_window += count;
    b->run_done += count;
    if (b->run_done == all) {
        b->next_run++;
        b->run_done = 0;
    }
    return SNNK_OK;
}

static int read_window(snnk__batches *b, snnk_workspace *workspace) {
    b->in_window = 0;
    while (b->in_window < b->room && b->next_run < b->n_runs) {
        const int st = read_run(b, workspace);

        if (st != SNNK_OK) return st;
    }
    b->holds_all = b->in_window == b->n;
    order_window(b);
    return SNNK_OK;
}

/* ---- Batches ---- */

/* Copy rows of the window into the batch. */
static void gather_rows(size_t first, size_t count, void *scratch, void *context) {
    snnk__batches *b = context;
    const snnk_rows *rows = &b->window;
    const size_t *order = b->order + b->next;

    (void)scratch;
    for (size_t i = first; i < first + count; i++) {
        copy_inputs(rows, order[i], b->inputs, b->batch_X + i * b->inputs);
        if (b->now.targets.Y) copy_targets(rows, order[i], b->outputs, b->batch_Y + i * b->outputs);
        if (rows->labels) b->batch_labels[i] = rows->labels[order[i]];
        if (rows->weights) b->batch_weights[i] = rows->weights[order[i]];
        b->batch_rows[i] = b->source ? b->numbers[order[i]] : b->first_number + order[i];
    }
}

int snnk__batches_next(snnk__batches *b, snnk_workspace *workspace, const snnk__batch **batch) {
    *batch = NULL;
    if (b->next == b->in_window && b->source && b->next_run < b->n_runs) {
        const int st = read_window(b, workspace);

        if (st != SNNK_OK) return st;
    }
    if (b->next == b->in_window) return SNNK_OK;
    const snnk_rows *rows = &b->window;
    const size_t n = snnk__min_size(b->batch, b->in_window - b->next);

    b->now = (snnk__batch){.n = n, .X = b->batch_X};
    b->now.targets = (snnk__targets){.outputs = b->outputs,
                                     .Y = rows->Y || rows->Y_f64 ? b->batch_Y : NULL,
                                     .labels = rows->labels ? b->batch_labels : NULL,
                                     .weights = rows->weights ? b->batch_weights : NULL,
                                     .rows = b->batch_rows};
    snnk__for_rows(worth_threads(b, n, workspace), NULL, n, 0, gather_rows, b);
    b->next += n;
    *batch = &b->now;
    return SNNK_OK;
}
