/* A run of `snnk train`: what it was given, and what it has made so far. */
#ifndef SNNK_CLI_TRAIN_SESSION_H
#define SNNK_CLI_TRAIN_SESSION_H

#include "cli/console.h"
#include "cli/evaluate.h"
#include "cli/train_options.h"
#include "cli/train_rows.h"

/* How the final network predicts the rows that were held out; NaN without such rows. */
typedef struct train_judgement {
    double accuracy, plain_accuracy; /* of classes: by weight, and with each row counted once */
    double r2, rmse;                 /* of numbers, over all targets, in their units */
    snnk_uncertainty *uncertainty;
} train_judgement;

typedef struct train_session {
    train_options *o;
    dataset train, test; /* test: not open if none is given */
    task task;
    snnk_workspace *workspace;
    train_rows rows;
    int32_t scaling;       /* of the inputs, outside an encoder: an snnk_scaling_mode, or
                          * TRAIN_SCALING_NONE */
    snnk_network *model;   /* of --model, as it was loaded */
    snnk_network *start;   /* what learns, on scaled rows */
    snnk_network *network; /* the result */
    snnk_trainer *trainer;
    snnk_train_report report;
    size_t resumed; /* epochs that were made before --resume */
    bool failed;    /* a checkpoint could not be saved; the error was printed */
    size_t n_epochs;
    snnk_train_epoch *epochs;
    double first_accuracy, first_plain_accuracy; /* of the start; NaN of numbers */
    train_judgement heldout;
    char layers[1024], settings[1536]; /* as text */
    progress_bar bar;
    char bar_text[96];
    double start_seconds, seconds;
} train_session;

/* Create the network to start from, and all that it needs of the data: columns, task, rows. All
 * functions print the error and return an exit status. */
int train_prepare(train_session *s);

/* With --checkpoint or --resume, note what the network to start from and its rows are. */
int train_note_hash(train_session *s);

/* Remove that note from a network. Returns a status of the library. */
int train_remove_hash(snnk_network *network);

/* Create the trainer from the checkpoint of --resume, if it is one of the same command. */
int train_resume(train_session *s, int (*after_epoch)(void *session, const snnk_trainer *trainer));

/* Save the checkpoint, if one is wanted. */
int train_save_checkpoint(train_session *s, const snnk_trainer *trainer);

/* Set first_accuracy. */
int train_judge_start(train_session *s);

/* Score the trained network, which learned from scaled rows, on the held-out rows, and create an
 * uncertainty of them. */
int train_judge(train_session *s, const snnk_network *trained);

/* Whether no epoch was better than the model that was given, which is the result then. */
bool train_is_unchanged(const train_session *s);

/* Whether the rows of feature maps learn in some layer; NONE: there are no feature maps. */
typedef enum train_map_rows {
    TRAIN_MAP_ROWS_NONE,
    TRAIN_MAP_ROWS_FIXED,
    TRAIN_MAP_ROWS_LEARN
} train_map_rows;
train_map_rows train_get_map_rows(const train_session *s);

/* Print what was made, or all of it as JSON. test: NULL if there was none */
void train_report_print(const train_session *s, const evaluation *test);

#endif
