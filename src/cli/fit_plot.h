/* The picture of `snnk fit --plot`: how much a layer with learnt directions depends on each
 * column. */
#ifndef SNNK_CLI_FIT_PLOT_H
#define SNNK_CLI_FIT_PLOT_H

#include "cli/fit_directions.h"

/* Set the path of the numbers, and check that no file that is written is another one. All functions
 * here do nothing without a picture, and print the error and return an exit status. */
int fit_plot_check(const char *command, const data_options *data, const char *save, fit_plot *plot);

/* Check, before long work, that it can be drawn and written. */
int fit_plot_begin(const char *command, const fit_plot *plot);

/* Draw it into temporary files, until fit_plot_keep moves them or fit_plot_drop removes them. */
int fit_plot_draw(const char *command, const fit_plot *plot, const fit_directions *learnt);
int fit_plot_keep(const char *command, const fit_plot *plot);
void fit_plot_drop(const fit_plot *plot);

/* Add the paths to the report. */
void fit_plot_add_json(const fit_plot *plot, cJSON *json);
void fit_plot_print(const fit_plot *plot);

#endif
