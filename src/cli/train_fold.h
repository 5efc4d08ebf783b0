/* Networks that learn from scaled rows, and take and give the rows as they are in files. */
#ifndef SNNK_CLI_TRAIN_FOLD_H
#define SNNK_CLI_TRAIN_FOLD_H

#include "cli/train_rows.h"

/* Whether the outputs of a network can be scaled: its last layer is linear. */
bool train_can_scale_outputs(const snnk_network *network);

/* Make a network whose outputs are in the units of scaled targets, for the start of training. It
 * has the notes and the encoder of the given one. */
int train_unfold(const char *command, const snnk_network *network, const column_scaling *targets,
                 snnk_network **made);

/* Make a network that takes inputs and gives targets as they are. The scaling of inputs, if any,
 * becomes a part of the first layer, which architecture_build has made; that of targets of the last
 * one. Both print the error and return an exit status. */
int train_fold(const char *command, const snnk_network *network, const column_scaling *inputs,
               const column_scaling *targets, snnk_network **made);

/* Check on the first rows of the data that a folded network gives what it gave before, as far as
 * float allows. */
int train_fold_check(const char *command, dataset *data, const train_rows *rows,
                     const snnk_network *before, const snnk_network *folded,
                     snnk_workspace *workspace);

#endif
