/* The report of `snnk fit`, as text or as JSON. */
#ifndef SNNK_CLI_FIT_REPORT_H
#define SNNK_CLI_FIT_REPORT_H

#include "cli/evaluate.h"
#include "cli/fit_boost.h"
#include "cli/fit_choose.h"
#include "cli/fit_directions.h"
#include "cli/fit_effort.h"
#include "cli/fit_leaves.h"
#include "cli/fit_loss.h"

/* A finished fit. */
typedef struct fit_result {
    const fit_options *options;
    const dataset *train;
    const task *task;
    const fit_choice *choice;
    const fit_loss *loss;
    const fit_directions *directions;
    const fit_boost *boost;   /* with --boost; NULL without */
    const fit_leaves *leaves; /* with --leaves: then there are no report and no map */
    const fit_effort *effort;
    const char *scaling; /* of the inputs; NULL: not known */
    const snnk_fit_report *report;
    const snnk_map *map;
    const snnk_network *network;
    size_t channels; /* of series; 0: no series */
    uint64_t copies; /* changed copies of rows that were learned from, beside the rows */
    double train_seconds;
    int processes;
} fit_result;

/* Print it.
 *   test  the errors on test data, or NULL */
void fit_report_print(const fit_result *fit, const evaluation *test);

#endif
