/* The learning curve of `snnk train` as a picture. */
#ifndef SNNK_CLI_TRAIN_PLOT_H
#define SNNK_CLI_TRAIN_PLOT_H

#include "cli/cli.h"

/* The epochs of a run. */
typedef struct learning_curve {
    size_t n;
    const snnk_train_epoch *epochs;
    uint64_t best;     /* the epoch that was kept; 0: the start */
    bool judged;       /* there are held-out rows */
    double first_loss; /* their loss at the start; NaN if it is not known */
    const char *loss;  /* its name */
    bool classification;
} learning_curve;

/* Draw the curve for `path`, and write its numbers for `csv`; see plot_draw. */
int train_plot(const char *command, const char *path, const char *csv, const learning_curve *curve);

#endif
