/* Inside of a distillation. */
#ifndef SNNK_DISTILL_DISTILL_H
#define SNNK_DISTILL_DISTILL_H

#include <snnk/distill.h>

#include "base/progress.h"
#include "layer/layer.h"
#include "solve/subset.h"

/* Rows that are looked at together: a fraction of a second, after which whoever watches is told. */
#define SNNK__DISTILL_BLOCK 1024

/* Version 0.1 knew all of today's fields. */
#define SNNK__DISTILL_CONFIG_MINIMUM sizeof(snnk_distill_config)
#define SNNK__DISTILL_REPORT_MINIMUM sizeof(snnk_distill_report)

/* d inputs, l outputs, h candidates: the teacher's neurons, or features that somebody gave. */
struct snnk_distill {
    snnk_allocator allocator;
    snnk_distill_config config;
    const snnk_layer *hidden, *readout; /* the teacher; NULL where there is none */
    const snnk_map *all;                /* d identity features, then h candidates */
    snnk_map_config candidate;          /* what candidates are, but for their rows */
    size_t d, l, h;
    float *G, *offsets; /* h x d, h: the candidates' rows */

    size_t n;
    const float *X, *Y;
    size_t ldx, ldy;
    float *made_Y; /* n x l, or NULL where Y is the caller's */

    snnk_lstsq *train, *heldout; /* of `all`, over samples of the rows; S is symmetric */
    double ridge;                /* of choosing features: of the same size as their variances */

    snnk__progress
        *progress; /* of the call that runs, which has a copy of all this; NULL for none */
};

/* ---- Progress ---- */

/* What the progress function of a call is told. */
typedef struct snnk__distill_progress_state {
    snnk_distill_progress call;
    void *user;
    double explained; /* NaN before there is a student */
    snnk__progress progress;
} snnk__distill_progress_state;

/* A call that costs `total`, in any unit, and is watched by the config's progress function. Use progress->watch
 * as long as *progress stays where it is. */
void snnk__distill_progress_begin(const snnk_distill_config *config, double total,
                                  snnk__distill_progress_state *progress);

/* ---- Rows and students ---- */

/* A feature map with its Psi: statistics of rows to fit to and of rows to judge by. */
typedef struct snnk__student {
    snnk_map *map;
    snnk_lstsq *train, *heldout;
    double ridge, explained;
} snnk__student;

void snnk__student_free(snnk__student *student);

/* Squared deviations of all outputs from their means. */
double snnk__distill_squares(const snnk_lstsq *lstsq);

/* Whether row i is held out. */
bool snnk__distill_is_heldout(const snnk_distill *distill, size_t i);

/* Statistics of a map's features over the rows to fit to and those held out: of all, or of a sample of about
 * `sample` rows and a quarter as many. SNNK_E_NOMEM, SNNK_E_CANCELLED. */
int snnk__distill_collect(const snnk_distill *distill, const snnk_map *map, int32_t precision,
                          double sample, snnk_workspace *workspace, snnk_lstsq **train,
                          snnk_lstsq **heldout);

/* The same of `all`, of selection_rows, into train and heldout, with S symmetric; where there is no Y, what the
 * teacher gives becomes it first. SNNK_E_NONFINITE (that), SNNK_E_SIZE, SNNK_E_NOMEM, SNNK_E_CANCELLED. */
int snnk__distill_look(snnk_distill *distill, snnk_workspace *workspace);

/* Fit a student of these features to all rows that are not held out, with the ridge that does best on those that
 * are. Takes over map, also on failure. Statuses of snnk_lstsq_choose_ridge. */
int snnk__distill_fit(const snnk_distill *distill, snnk_map *map, snnk_workspace *workspace,
                      snnk__student *student);

/* Psi (l x m) and bias (l) of it, by the rows that are not held out. */
int snnk__student_solve(const snnk_distill *distill, const snnk__student *student, float *Psi,
                        float *bias);

/* ---- Choosing features ---- */

/* Room for m features: m x d directions, m chosen. Free D and which by snnk__subset_free. */
int snnk__subset_alloc(const snnk_distill *distill, size_t m, snnk__subset *subset);
void snnk__subset_free(const snnk_distill *distill, snnk__subset *subset);

/* The m features of tier CLOSED; linear: r, or SNNK_DISTILL_LINEAR_AUTO. *error: their share of the
 * squared deviations on the sample of held-out rows. SNNK_E_RANGE (not so many that differ), SNNK_E_CANCELLED. */
int snnk__distill_choose(const snnk_distill *distill, size_t m, int32_t linear,
                         snnk__subset *subset, double *error);

/* What that costs, and what fitting m features to all rows does, in multiply-adds, roughly. */
double snnk__distill_cost_of_choosing(const snnk_distill *distill, size_t m);
double snnk__distill_cost_of_fit(const snnk_distill *distill, size_t m);

/* The map of m rows: r linear ones (their offsets do not count), then ones like the candidates. G: m x d. */
int snnk__distill_map_of_rows(const snnk_distill *distill, size_t r, size_t m, const float *G,
                              const float *offsets, snnk_map **map);

/* The map that computes the features of a subset. */
int snnk__distill_map(const snnk_distill *distill, const snnk__subset *subset, snnk_map **map);

/* ---- Others ---- */

/* Explained by the baselines, into the report; and what they cost. */
double snnk__distill_cost_of_baselines(const snnk_distill *distill, size_t m);
int snnk__distill_baselines(const snnk_distill *distill, size_t m, snnk_workspace *workspace,
                            snnk_distill_report *report);

/* The teacher with its matrices cut: squared errors on held-out rows, INFINITY where there is none; and its size. */
typedef struct snnk__truncated {
    double left;
    uint64_t parameters, multiply_adds;
} snnk__truncated;

/* The best of some with no more parameters than a student of m features; none where there is no teacher, or
 * not a rank of 1 for each matrix. */
int snnk__distill_svd(const snnk_distill *distill, size_t m, snnk_workspace *workspace,
                      snnk__truncated *best);

/* m random features, through the candidates' function. */
int snnk__distill_random(const snnk_distill *distill, size_t m, snnk_map **map);

/* Refine a student, whose first *linear features are linear, by gradient, and fit again. *refined: the better of
 * both; *linear: of it; *epochs: after how many, 0 if that was the start. *explained follows the best epoch, for
 * whoever watches. SNNK_E_CANCELLED. */
int snnk__distill_refine(const snnk_distill *distill, const snnk__student *start, size_t *linear,
                         snnk_workspace *workspace, double *explained, snnk__student *refined,
                         int32_t *epochs);

#endif
