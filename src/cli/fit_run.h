/* One fit of `snnk fit`: from options and rows to the layers of a model. */
#ifndef SNNK_CLI_FIT_RUN_H
#define SNNK_CLI_FIT_RUN_H

#include "cli/console.h"
#include "cli/fit_augment.h"
#include "cli/fit_boost.h"
#include "cli/fit_choose.h"
#include "cli/fit_clip.h"
#include "cli/fit_directions.h"
#include "cli/fit_gcv.h"
#include "cli/fit_leaves.h"
#include "cli/fit_loss.h"
#include "cli/processes.h"

/* What all fits of a command share. */
typedef struct fit_job {
    processes processes;
    dataset train;
    task task;
    snnk_workspace *workspace;
    snnk_network *like; /* with --like: its model */
    row_copies copies;  /* with --augment */
    size_t channels;    /* of series */
    progress_bar bar;
    const char *label; /* of progress bars; NULL: what is being done */
    double deadline;   /* by seconds_now: later the fit is cancelled; 0: never */
    bool late;         /* it was */
} fit_job;

/* A fit with one number of features. */
typedef struct fit_trial {
    snnk_map *map;
    snnk_fit *fit;
    gcv_fit *gcv; /* instead of `fit` with --choose gcv */
    snnk_layer *layer;
    snnk_fit_report report;
} fit_trial;

/* A fit, and everything that was made for it. Begin with zeros, a job and options. */
typedef struct fit_run {
    fit_job *job;
    fit_options options; /* what they leave open is set as it was chosen */
    bool chosen;         /* nothing is left open */
    fit_choice choice;
    fit_loss loss;
    fit_directions directions;
    fit_boost boost;   /* with --boost */
    fit_leaves leaves; /* with --leaves, instead of `best` */
    training_rows *batch;
    double variance; /* of the targets, summed over outputs; 1 of classes */
    snnk_scaling *scaling;
    snnk_map *learnt;              /* the map with learnt directions, or of --boost */
    fit_clip ranges;               /* of the inputs */
    snnk_network *limits;          /* layers before `learnt`; NULL: none */
    fit_trial best, *current;      /* current: the one that gets rows */
    snnk_lstsq *statistics;        /* with --keep-statistics */
    snnk_uncertainty *uncertainty; /* of the layer */
} fit_run;

/* Choose what the options leave open, and let the inputs of the job's rows pass through windows, if
 * the options say so. All functions print their errors and return an exit status: EXIT_CANCELLED
 * after Ctrl-C or the deadline. */
int fit_run_prepare(fit_run *run);

/* Fit, after fit_run_prepare.
 *   whole  make what a model holds beside its layers too: uncertainty, and statistics if wanted */
int fit_run_fit(fit_run *run, bool whole);

/* Whether this process has the layers that were fitted. */
bool fit_run_has_layers(const fit_run *run);

/* Append them to a network, behind the windows of the job's rows if `windows`. Returns a status of
 * the library. */
int fit_run_append(const fit_run *run, bool windows, snnk_network *network);

/* The scaling of the inputs, which models hold in a note; NULL for one of --like without it. */
const char *fit_run_scaling(const fit_run *run);

/* Free what was made, and zero all. */
void fit_run_free(fit_run *run);

#endif
