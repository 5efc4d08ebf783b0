/* Batches of rows in a seeded random order: from arrays, or from a source that is read while
 * training. */
#ifndef SNNK_TRAIN_BATCHES_H
#define SNNK_TRAIN_BATCHES_H

#include "base/rows.h"
#include "train/loss_gradient.h"

/* A batch in memory, packed. */
typedef struct snnk__batch {
    size_t n;
    const float *X; /* n x inputs */
    snnk__targets targets;
} snnk__batch;

typedef struct snnk__batches {
    snnk_allocator allocator;
    size_t inputs, outputs;
    int32_t loss;    /* an snnk_loss, which decides what targets must be like */
    snnk_rows first; /* of a source: its first row, checked, which all others must be like */
    size_t batch;    /* rows for a step */
    uint64_t seed;
    uint64_t n; /* rows of an epoch */

    snnk_rows window;      /* rows in memory: checked arrays; or, from a source, the room below */
    uint64_t first_number; /* of arrays: what a loss of the caller's is told of the first row */
    size_t *chosen;        /* of arrays: which of them take part; NULL: all */
    size_t *order;         /* of the rows in the window */
    size_t in_window, next;

    const snnk_train_source *source; /* NULL for arrays */
    size_t room, run;                /* rows of a window; rows that are read together */
    uint64_t *runs;                  /* their order */
    uint64_t n_runs, next_run;
    size_t run_done;  /* rows of the next run that were read */
    bool holds_all;   /* the window was read and holds all rows: it is not read again */
    uint64_t windows; /* of this epoch so far */
    uint64_t epoch;
    bool shuffled;
    float *X, *Y, *weights; /* the room of a window */
    int32_t *labels;
    uint64_t *numbers; /* of its rows in the data */

    snnk__batch now; /* the batch that was given out, in the room below */
    float *batch_X, *batch_Y, *batch_weights;
    int32_t *batch_labels;
    uint64_t *batch_rows;
} snnk__batches;

/* Prepare batches of the rows `chosen` (n_chosen of them; NULL: all) of checked arrays. Takes over
 * `chosen`, also on failure. */
int snnk__batches_open(const snnk_allocator *allocator, const snnk_rows *rows, size_t *chosen,
                       size_t n_chosen, size_t batch, uint64_t seed, snnk__batches *batches);

/* Prepare batches of a source. first: its first row, checked, whose arrays are not used. */
int snnk__batches_open_source(const snnk_allocator *allocator, const snnk_train_source *source,
                              const snnk_rows *first, int32_t loss, size_t batch, uint64_t seed,
                              snnk__batches *batches);

/* Call the function of a source. If it fails without a sentence of its own, one is set. */
int snnk__source_read(const snnk_train_source *source, uint64_t first, size_t count,
                      snnk_rows *rows);

void snnk__batches_close(snnk__batches *batches);

/* Begin an epoch: its order depends on (seed, epoch) only. Not shuffled: the order of the data. */
void snnk__batches_begin(snnk__batches *batches, uint64_t epoch, bool shuffled);

/* Set *batch to the next batch of the epoch, NULL at its end. Valid until the next call. From a
 * source, statuses of snnk__rows_read, SNNK_E_NONFINITE, and those of its function. */
int snnk__batches_next(snnk__batches *batches, snnk_workspace *workspace,
                       const snnk__batch **batch);

#endif
