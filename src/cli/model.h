/* Shared by the commands that use a saved model: their options, and opening and solving models. */
#ifndef SNNK_CLI_MODEL_H
#define SNNK_CLI_MODEL_H

#include <cjson/cJSON.h>

#include "cli/task.h"

typedef struct model_use {
    const char *path, *out, *save;
    char **others; /* n_others more models */
    int n_others;
    double ridge;       /* -1: not given */
    double coverage;    /* of intervals; 0: not given */
    int32_t projection; /* snnk_save_projection of the file, from model_open_statistics */
    data_files files;
    size_t threads;
    bool scores, probabilities, json, quiet, help;
    int32_t storage;                /* snnk_storage; -1: not given */
    bool all_layers;                /* --layers was not given */
    size_t first_layer, last_layer; /* its values */
    snnk_network *network;
    task task;
    snnk_workspace *workspace;
    dataset data;
} model_use;

/* The last options of most commands, and their exit statuses, for their help. */
#define MODEL_HELP                                                                                 \
    "  --threads N          threads (default: all processors)\n"                                   \
    "  --json               print one JSON object on stdout and nothing else\n"                    \
    "  --quiet              no progress bar\n"                                                     \
    "  --help               show this help\n"
#define MODEL_EXIT_HELP                                                                            \
    "Exit status:\n"                                                                               \
    "  0 success, 1 failure (a bad file, data that do not fit the model), 2 wrong usage,\n"        \
    "  130 cancelled with Ctrl-C"

/* A command that uses a model. check and run print the error and return an exit status. */
typedef struct model_command {
    const char *name, *help;
    const char *options;                /* as for model_options */
    int (*check)(const model_use *use); /* refuse what the options leave out, or do not allow */
    int (*run)(model_use *use);
} model_command;

/* How a sentence ends that says that a model has no uncertainty. */
#define NO_UNCERTAINTY                                                                             \
    "there is none after --ridge, --choose gcv, an update that added classes, or train --model; "  \
    "fit it again"

/* Read the options, run the command, and close the model. Returns an exit status. */
int model_command_run(const model_command *command, int argc, char **argv);

/* Read the options of a command. Prints the error and returns an exit status.
 *   accepted  the names of its options, separated by spaces; "FILE" for a second file name, which
 *             becomes files.inputs; "FILES" for more models */
int model_options(const char *command, const char *accepted, int argc, char **argv, model_use *use);

/* Find whether the file of a network stores random rows or only their seeds (snnk_save_projection),
 * by its size: the two ways of saving differ in nothing else. */
int32_t model_projection(const snnk_network *network, const char *path);

/* Note in a network how its weights are stored when it is used: files have them as float. Return a
 * status of the library. */
int model_set_storage(snnk_network *network, int32_t storage);

/* Solve the statistics, with use->ridge or the lambda of the model, and save the model at
 * use->save. */
int model_solve_and_save(const char *command, model_use *use, snnk_solve_report *report);

/* Add lambda, rank, condition and method to a JSON object. */
void model_add_report(cJSON *json, const snnk_solve_report *report);

/* The note that checkpoints of snnk train have. Their network takes and gives scaled rows. */
#define CHECKPOINT_NOTE "training_hash"

/* Refuse a network that was loaded from a checkpoint. Prints the error and returns an exit
 * status. */
int model_refuse_checkpoint(const char *command, const char *path, const snnk_network *network);

/* Load a network that is no checkpoint. */
int model_load(const char *command, const char *path, snnk_network **network);

/* Load the model, quantized if it was saved so, and create a workspace. Prints the error and
 * returns an exit status. model_close frees what is there in any case. */
int model_open(const char *command, model_use *use);

/* The same for a model that may be a checkpoint. */
int model_open_any(const char *command, model_use *use);

/* The same for a model that must have statistics. Sets use->projection too. */
int model_open_statistics(const char *command, model_use *use);

void model_close(model_use *use);

#endif
