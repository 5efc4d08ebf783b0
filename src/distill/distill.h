/* The distillation object: a teacher, its rows, and their moments; settings and progress. */
#ifndef SNNK_DISTILL_DISTILL_H
#define SNNK_DISTILL_DISTILL_H

#include <stddef.h>

#include <snnk/distill.h>

#include "base/progress.h"
#include "layer/layer.h"
#include "solve/lstsq.h"

/* How many rows are processed together. Progress is reported after each block. */
#define SNNK__DISTILL_BLOCK 1024

/* Sizes of the structs in version 0.1. The config had all of today's fields. */
#define SNNK__DISTILL_CONFIG_MINIMUM sizeof(snnk_distill_config)
#define SNNK__DISTILL_REPORT_MINIMUM offsetof(snnk_distill_report, explained_int8)

/* Students choose their features among d + h: the d inputs (as linear combinations) and h
 * candidates, which are the teacher's neurons or features that the caller gave. */
struct snnk_distill {
    snnk_allocator allocator;
    snnk_distill_config config;
    const snnk_layer *hidden, *readout; /* the teacher; NULL if there is none */
    const snnk_map *all_features;       /* d identity features, then the h candidates */
    snnk_map_config candidate_config;   /* of the candidates' map */
    size_t d, l, h;                     /* inputs, outputs, candidates */
    float *G, *offsets;                 /* h x d, h: the candidates' rows */

    size_t n;
    const float *X, *Y; /* n x d, n x l: own_X and own_Y, or borrowed for one call */
    size_t ldx, ldy;
    float *own_X, *own_Y; /* NULL if borrowed */

    snnk_lstsq *train,
        *heldout;           /* moments of all_features on samples of the rows; S is symmetric */
    double selection_ridge; /* ridge for selecting features, in units of S */

    snnk__progress
        *progress; /* set in the copy of this struct that a call works with; NULL if there is
                    * none */
};

/* Read and check the caller's config (NULL: the defaults). SNNK_E_CONFIG, SNNK_E_RANGE,
 * SNNK_E_ENUM. */
int snnk__distill_config_read(const snnk_distill_config *config, snnk_distill_config *ours);

/* ---- Progress ---- */

/* The argument of the caller's progress function. */
typedef struct snnk__distill_progress_state {
    snnk_distill_progress call;
    void *user;
    double explained; /* NaN before there is a student */
    snnk__progress progress;
} snnk__distill_progress_state;

/* Begin a call whose stages cost `total` together, in any unit, and report to the config's
 * progress function. *progress must not move while &progress->progress is in use. */
void snnk__distill_progress_begin(const snnk_distill_config *config, double total,
                                  snnk__distill_progress_state *progress);

#endif
