/* What the commands that use a model share. */
#ifndef SNNK_CLI_MODEL_H
#define SNNK_CLI_MODEL_H

#include "cli/cli.h"

typedef struct model_use {
    const char *path, *out;
    data_files files;
    size_t threads;
    bool scores, json, quiet, help;
    snnk_network *network;
    task task;
    snnk_workspace *workspace;
    dataset data;
} model_use;

/* Read options. accepted: the names of those the command takes, in one string; "FILE" in it: a second
 * file name goes to files.inputs. */
int model_options(const char *command, const char *accepted, int argc, char **argv, model_use *use);

/* Load the model, and make a workspace. model_close frees what there is, whatever happened. */
int model_open(const char *command, model_use *use);
void model_close(model_use *use);

#endif
