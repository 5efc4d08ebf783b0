/* Pictures drawn by gnuplot, each with its numbers in a CSV beside it. */
#ifndef SNNK_CLI_PLOT_H
#define SNNK_CLI_PLOT_H

#include <stdio.h>

#include "cli/cli.h"

enum {
    PLOT_PATH_ROOM = 4096, /* of paths of pictures and numbers */
    PLOT_HEIGHT = 540      /* pixels of most pictures, 900 wide */
};

/* Writes the commands of gnuplot after those that set terminal and output, or the numbers. */
typedef void plot_put(FILE *file, const void *of);

/* Set csv to the path of the numbers: that of the picture with .png replaced by .csv, or with .csv
 * appended. The ending of another kind of picture is refused. Like all functions here, it prints
 * the error and returns an exit status. */
int plot_csv_path(const char *command, const char *path, char csv[PLOT_PATH_ROOM]);

/* Check, before long work, that gnuplot can be started. */
int plot_check(const char *command);

/* Draw the picture for `path`, and write its numbers for `csv`. Both are temporary files next to
 * these paths until plot_keep moves them there or plot_drop removes them. On failure nothing is
 * left. */
int plot_draw(const char *command, const char *path, const char *csv, int height,
              plot_put *put_picture, plot_put *put_numbers, const void *of);
int plot_keep(const char *command, const char *path, const char *csv);
void plot_drop(const char *path, const char *csv);

#endif
