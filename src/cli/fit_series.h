/* The features of `snnk fit --series`. */
#ifndef SNNK_CLI_FIT_SERIES_H
#define SNNK_CLI_FIT_SERIES_H

#include "cli/dataset.h"
#include "cli/fit_options.h"

/* Check that the rows are series: numbers, and enough of them. Prints the error and returns an exit
 * status.
 *   channels  out: of a series: given, or those of an array of rows x length x channels, or 1 */
int fit_series_check(const char *command, const fit_options *o, const dataset *train,
                     size_t *channels);

/* Make MINIROCKET features from a sample of the rows. Prints the error and returns an exit
 * status. */
int fit_series_map(const char *command, const fit_options *o, dataset *train, snnk_map **map);

#endif
