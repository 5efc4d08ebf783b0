/* `snnk fit --effort`: ways to fit are tried under a budget of time, and the best is kept. */
#ifndef SNNK_CLI_FIT_EFFORT_H
#define SNNK_CLI_FIT_EFFORT_H

#include "cli/fit_run.h"

/* The most ways that are tried. */
enum { MOST_TRIED = 24 };

/* SKIPPED: it was clear that the time would not be enough. */
typedef enum tried_end {
    TRIED_KEPT,
    TRIED_WORSE,
    TRIED_LATE,
    TRIED_FAILED,
    TRIED_SKIPPED
} tried_end;

/* A way to fit that was tried. */
typedef struct tried {
    const char *what;
    char options[200];      /* that do the same, beside those that were given; "" for none */
    double seconds, error;  /* on held-out rows: the share misclassified, or the rmse */
    double gain, deviation; /* how much the error fell, per row, below that of the best way so far,
                             * and the standard error of that; NaN of the first */
    uint64_t parameters;
    tried_end end; /* KEPT: it was the best so far */
    char why[240]; /* of FAILED: the error */
} tried;

/* What was tried, for the report. Begin with zeros. */
typedef struct fit_effort {
    uint8_t *folds; /* the fold of each row */
    uint8_t judged; /* how many folds are held out, one after another */
    size_t rows;    /* in them */
    int32_t level;
    double seconds; /* the budget */
    tried tried[MOST_TRIED];
    size_t n, best; /* best: index of the one that was kept */
    bool squared;   /* errors are of a regression */
} fit_effort;

/* Hold out rows of the job, so that what is chosen for the first way does not see them. Prints the
 * error and returns an exit status, as the next function does. */
int fit_effort_begin(fit_job *job, const fit_options *o, fit_effort *effort);

/* Try ways to fit, and fit the best of them to all rows.
 *   start  of the budget, by seconds_now
 *   run    in: prepared for the first way. Out: the best one, fitted */
int fit_effort_fit(fit_effort *effort, double start, fit_run *run);

void fit_effort_free(fit_effort *effort);

/* Add what was tried to a report. */
void fit_effort_add_json(const fit_effort *effort, cJSON *json);
void fit_effort_print(const fit_effort *effort);

#endif
