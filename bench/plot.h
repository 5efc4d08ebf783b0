/* Draw pictures with gnuplot: a benchmark writes gnuplot commands to the stream. */
#ifndef SNNK_BENCH_PLOT_H
#define SNNK_BENCH_PLOT_H

#include <stdbool.h>
#include <stdio.h>

/* Start gnuplot, to draw a PNG of width x height pixels at `path`. NULL, with a message on stderr,
 * if it does not start. */
FILE *plot_open(const char *path, int width, int height);

/* Finish the picture. False, with a message on stderr, if gnuplot is missing or fails. */
bool plot_close(FILE *gnuplot);

#endif
