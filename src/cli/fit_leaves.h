/* A tree of leaves in `snnk fit`, with --leaves. */
#ifndef SNNK_CLI_FIT_LEAVES_H
#define SNNK_CLI_FIT_LEAVES_H

#include "cli/fit_options.h"
#include "cli/training_rows.h"

typedef struct fit_leaves {
    snnk_layer *layer; /* NULL: not made */
    snnk_leaves_config config;
    snnk_leaves_report report;
    size_t features; /* of each leaf */
} fit_leaves;

/* Fit a tree of leaves to all rows, which are read into memory. Prints the error and returns an
 * exit status; fit_leaves_free frees what is there in any case. */
int fit_leaves_tree(const char *command, const fit_options *o, const task *what, dataset *train,
                    training_rows *batch, snnk_workspace *workspace, fit_leaves *tree);
void fit_leaves_free(fit_leaves *tree);

/* The scaling of the inputs, an snnk_scaling_mode. */
int32_t fit_leaves_scaling(const fit_options *o);

/* Add the leaves to a report. */
void fit_leaves_add_json(const fit_leaves *tree, cJSON *json);
void fit_leaves_print(const fit_leaves *tree, const task *what, const snnk_network *network);

#endif
