/* Which rows are held out, and statistics of features over the rows to fit and over the held-out
 * rows. */
#ifndef SNNK_DISTILL_COLLECT_H
#define SNNK_DISTILL_COLLECT_H

#include "distill/distill.h"

/* Whether row i is held out. */
bool snnk__distill_is_heldout(const snnk_distill *distill, size_t i);

/* Whether row i is in a random sample of this share of the rows. */
bool snnk__distill_is_sampled(const snnk_distill *distill, size_t i, double share);

/* Set the shares of the rows to fit ([0]) and of the held-out rows ([1]) that give about `sample`
 * rows and a quarter as many. They may exceed 1, which means all rows. */
void snnk__distill_shares(const snnk_distill *distill, double sample, double shares[2]);

/* Collect the statistics of a map's features, with the targets Y: *train over the rows to fit,
 * *heldout over the held-out rows. With sample = INFINITY, over all rows; otherwise over random
 * samples of about `sample` rows and a quarter as many. precision: snnk_precision of the sums.
 * SNNK_E_SIZE, SNNK_E_NOMEM, SNNK_E_CANCELLED. */
int snnk__distill_collect(const snnk_distill *distill, const snnk_map *map, int32_t precision,
                          double sample, snnk_workspace *workspace, snnk_lstsq **train,
                          snnk_lstsq **heldout);

/* The squared deviations of all targets from their means, summed. */
double snnk__distill_squares(const snnk_lstsq *lstsq);

#endif
