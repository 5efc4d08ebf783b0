/* The plot of `snnk compress`: errors against parameters for students of several sizes. */
#ifndef SNNK_CLI_COMPRESS_PLOT_H
#define SNNK_CLI_COMPRESS_PLOT_H

#include "cli/compress_methods.h"

typedef struct compress_curve {
    size_t n;
    struct {
        uint64_t features;
        compress_method methods[METHODS];
    } points[64];
} compress_curve;

/* Check, before long work, that gnuplot can be started. Like all functions here, it prints the
 * error and returns an exit status. */
int compress_check_plot(void);

/* Draw the plot for `path` with gnuplot, and write its numbers for `csv`. Both are temporary files
 * next to these paths until compress_plot_keep moves them there or compress_plot_drop removes
 * them. On failure nothing is left. */
int compress_plot(const char *path, const char *csv, const compress_curve *curve);
int compress_plot_keep(const char *path, const char *csv);
void compress_plot_drop(const char *path, const char *csv);

#endif
