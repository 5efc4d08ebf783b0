/* What the commands that use a model share. */
#ifndef SNNK_CLI_MODEL_H
#define SNNK_CLI_MODEL_H

#include <cjson/cJSON.h>

#include "cli/cli.h"

typedef struct model_use {
    const char *path, *out, *save;
    char **others; /* further models; n_others */
    int n_others;
    double ridge; /* -1: none was given */
    /* snnk_save_projection: how the file had it; set by model_open_statistics */
    int32_t projection;
    data_files files;
    size_t threads;
    bool scores, json, quiet, help;
    snnk_network *network;
    task task;
    snnk_workspace *workspace;
    dataset data;
} model_use;

/* Read options. accepted: the names of those the command takes, in one string; "FILE" in it: a second
 * file name goes to files.inputs; "FILES": more models. */
int model_options(const char *command, const char *accepted, int argc, char **argv, model_use *use);

/* Whether the file of a network stores projections or draws them again from their seeds
 * (snnk_save_projection): told by its size, as the two ways of saving differ in nothing else. */
int32_t model_projection(const snnk_network *network, const char *path);

/* model_open, for a model that carries statistics. */
int model_open_statistics(const char *command, model_use *use);

/* Solve the statistics again, with use->ridge or the model's, and save the model at use->save. */
int model_solve_and_save(const char *command, model_use *use, snnk_solve_report *report);

/* Add lambda, rank, condition and method. */
void model_add_report(cJSON *json, const snnk_solve_report *report);

/* Load the model, and make a workspace. model_close frees what there is, whatever happened. */
int model_open(const char *command, model_use *use);
void model_close(model_use *use);

#endif
