/* The rows of `snnk train`: which are held out, how they are scaled, and where they are. A first
 * pass over the data decides all that, with little in memory. A second one loads the rows that are
 * held out and, without a window, all others too. With a window, these are read while training. */
#ifndef SNNK_CLI_TRAIN_ROWS_H
#define SNNK_CLI_TRAIN_ROWS_H

#include "cli/all_rows.h"
#include "cli/train_scaling.h"

/* What a row of the file is. */
enum {
    ROW_COUNTS = 1,       /* its weight is not 0 */
    ROW_DRAWN_BY_KEY = 2, /* to be held out, with all rows of its key */
    ROW_DRAWN_SINGLY = 4  /* to be held out, whatever others are */
};

typedef struct train_rows {
    const char *command;
    const task *what;
    dataset *data;
    bool quiet;
    training_rows *batch;  /* the rows that were read last */
    unsigned char *marks;  /* of each row of the file: ROW_... */
    unsigned char held;    /* the mark of rows that are held out */
    size_t *learnt_before; /* of every BATCH_ROWS rows of the file: how many rows before them are
                            * learned from */
    size_t n_learnt, n_heldout;
    scaling_learner known;
    column_scaling inputs, targets;
    uint64_t hash;            /* of all rows, with their weights and groups; 0 if not wanted */
    size_t window;            /* rows to learn from in memory at a time; 0: all of them */
    all_rows learnt, heldout; /* scaled. learnt, with a window: those that were read last */
    size_t room;              /* rows for which learnt has room */
    int exit_status;          /* of reading while training; the error was printed */
} train_rows;

/* How train_rows_survey looks at the rows. */
typedef struct train_survey {
    int32_t scaling; /* of inputs, as scaling_learner_begin takes it */
    uint64_t seed;   /* of what is held out */
    double share;    /* to hold out */
    bool hashed, quiet;
} train_survey;

/* All functions print their errors and return an exit status. train_rows_free frees what is there
 * in any case. */

/* Find out all that is known of rows: those of weight 0, which are left out; those that are held
 * out; the scaling; the hash. Rows of a group are held out together, and so are rows of equal
 * inputs, unless no or too many rows were held out so. */
int train_rows_survey(const char *command, const task *what, dataset *data,
                      const train_survey *survey, train_rows *rows);
void train_rows_free(train_rows *rows);

/* Read rows first ... first+n-1 of the file into `batch`, n <= BATCH_ROWS. EXIT_CANCELLED after
 * Ctrl-C. */
int train_rows_read(train_rows *rows, size_t first, size_t n);

/* Whether a row of the file is learned from. */
bool train_rows_is_learnt(const train_rows *rows, size_t row);

/* Standardize the targets of a regression. Before train_rows_load. */
int train_rows_scale_targets(train_rows *rows);

/* About how many bytes the rows that are held out take, and n rows to learn from. */
double train_rows_heldout_bytes(const train_rows *rows);
double train_rows_bytes(const train_rows *rows, size_t n);

/* Read rows into memory: those that are held out and, if `window` is 0, all others. */
int train_rows_load(train_rows *rows);

/* Train on the rows that are loaded, or on those of a window after another. Returns a status of the
 * library; after an error in reading, exit_status is not EXIT_OK. */
int train_rows_run(train_rows *rows, snnk_trainer *trainer, snnk_workspace *workspace,
                   snnk_train_report *report);

/* The rows that are held out. */
snnk_rows train_rows_heldout(const train_rows *rows);

/* Compute the outputs of a network for them, in the units of scaled targets.
 *   Y  the result: n_heldout x outputs, in double */
int train_rows_outputs(const train_rows *rows, const snnk_network *network,
                       snnk_workspace *workspace, double *Y);

/* Go on with a hash over n bytes (FNV-1a); NULL changes nothing. */
uint64_t train_hash(uint64_t before, const void *bytes, size_t n);

#endif
