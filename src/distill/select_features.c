/* For several numbers r of linear features: start from the r best directions; select the neurons
 * that explain most of the rest; then the directions that explain most of what those neurons do
 * not; then neurons again. The subset with the smallest error on held-out rows is kept. */
#include "distill/select_features.h"

#include <math.h>
#include <string.h>

#include "base/size.h"
#include "distill/collect.h"

#define RIDGES 5  /* values of lambda that a subset is scored with */
#define ROUNDS 4  /* the most rounds of directions and neurons in turn */
#define TRIES  16 /* subsets that a search scores, roughly: the unit of progress */

/* The rounding of float sums, with a margin: a feature is skipped if others explain all of its
 * variance except this share. */
#define ROUNDING 1e-5

/* ---- Subsets ---- */

int snnk__subset_alloc(const snnk_distill *distill, size_t m, snnk__subset *subset) {
    int st;

    *subset = (snnk__subset){0};
    st = snnk__alloc(&distill->allocator, m, distill->d * sizeof *subset->D, "directions",
                     &subset->D);
    if (st != SNNK_OK) return st;
    return snnk__alloc(&distill->allocator, m, sizeof *subset->which, "features", &subset->which);
}

void snnk__subset_free(const snnk_distill *distill, snnk__subset *subset) {
    snnk__free(&distill->allocator, subset->D);
    snnk__free(&distill->allocator, subset->which);
    *subset = (snnk__subset){0};
}

static void copy_subset(size_t d, const snnk__subset *from, snnk__subset *to) {
    to->directions = from->directions;
    to->chosen = from->chosen;
    memcpy(to->D, from->D, from->directions * d * sizeof *to->D);
    memcpy(to->which, from->which, from->chosen * sizeof *to->which);
}

/* Set *error to the share of the squared deviations that the subset does not explain on the
 * held-out sample, with the ridge that is best there. */
static int score(const snnk_distill *distill, const snnk__subset *subset, double *error) {
    snnk_lstsq *train = NULL, *heldout = NULL;
    double ridges[RIDGES], errors[RIDGES];
    size_t best;
    int st;

    st = snnk__subset_statistics(distill->train, distill->d, subset, &train);
    if (st == SNNK_OK) st = snnk__subset_statistics(distill->heldout, distill->d, subset, &heldout);
    if (st == SNNK_OK) st = snnk_lstsq_default_ridges(train, RIDGES, ridges);
    if (st == SNNK_OK)
        st = snnk_lstsq_choose_ridge(train, heldout, NULL, RIDGES, ridges, NULL, errors, &best);
    if (st == SNNK_OK) *error = errors[best] * heldout->weight / snnk__distill_squares(heldout);
    snnk_lstsq_free(train);
    snnk_lstsq_free(heldout);
    return st;
}

/* ---- The search ---- */

typedef struct search {
    const snnk_distill *distill;
    size_t m;
    const double *D; /* the best directions without any neurons, rank x d */
    size_t rank;
    snnk__subset tried, *best; /* room for m features each */
    double error;              /* of `best` */
    double tries;              /* subsets scored so far */
} search;

/* Score `tried`, and copy it to `best` if it is better. */
static int keep_if_better(search *s, bool *better) {
    double error = INFINITY;
    int st = score(s->distill, &s->tried, &error);

    s->tries = fmin(s->tries + 1, TRIES);
    if (st == SNNK_OK) st = snnk__progress_count(s->distill->progress, s->tries, TRIES);
    if (st == SNNK_E_STATE || st == SNNK_E_SINGULAR)
        st = SNNK_OK; /* the directions are rounding error only, so this is not better */
    *better = st == SNNK_OK && error < s->error;
    if (!*better) return st;
    s->error = error;
    copy_subset(s->distill->d, &s->tried, s->best);
    return SNNK_OK;
}

/* Select m - r neurons in addition to the directions of `tried`. Sets *enough to false if fewer
 * are independent, or if the directions are rounding error only (inputs of lower rank). */
static int select_neurons(search *s, bool *enough) {
    const snnk_distill *distill = s->distill;
    const size_t wanted = s->m - s->tried.directions;
    const int st = snnk__subset_select(
        distill->train, distill->d, &s->tried, distill->selection_ridge, ROUNDING, wanted,
        distill->progress, s->tries / TRIES, s->tried.which, &s->tried.chosen);

    *enough = st == SNNK_OK && s->tried.chosen == wanted;
    return st == SNNK_E_SINGULAR ? SNNK_OK : st;
}

/* Compute the same number of directions again, in addition to the neurons of `tried`. */
static int recompute_directions(search *s) {
    const snnk_distill *distill = s->distill;

    if (s->tried.directions == 0) return SNNK_OK;
    return snnk__subset_directions(distill->train, distill->d, &s->tried, distill->selection_ridge,
                                   s->tried.directions, s->tried.D);
}

/* Try r directions: alternate between neurons and directions for `rounds` rounds, or until a round
 * does not help. */
static int try_linear(search *s, size_t r, int rounds) {
    bool enough, neurons_help, directions_help;
    int st;

    s->tried.directions = r;
    memcpy(s->tried.D, s->D, r * s->distill->d * sizeof *s->D);
    if ((st = select_neurons(s, &enough)) != SNNK_OK || !enough) return st;
    if ((st = keep_if_better(s, &neurons_help)) != SNNK_OK) return st;
    if (r == 0 || r == s->m) return SNNK_OK;
    for (int round = 1; round < rounds; round++) {
        st = recompute_directions(s);
        if (st == SNNK_E_SINGULAR) return SNNK_OK; /* the neurons leave rounding error only */
        if (st != SNNK_OK) return st;
        if ((st = keep_if_better(s, &directions_help)) != SNNK_OK) return st;
        if ((st = select_neurons(s, &enough)) != SNNK_OK || !enough) return st;
        if ((st = keep_if_better(s, &neurons_help)) != SNNK_OK) return st;
        if (!directions_help && !neurons_help) break;
    }
    return SNNK_OK;
}

/* Try r = 0, m/4, m/2, 3m/4, m, then m/8 to either side of the best, then the best in more
 * rounds. */
static int search_linear(search *s) {
    size_t last = s->m + 1, center;
    int st;

    for (size_t quarter = 0; quarter <= 4; quarter++) {
        const size_t r = snnk__min_size(quarter * s->m / 4, s->rank);

        if (r == last) continue;
        if ((st = try_linear(s, r, 2)) != SNNK_OK) return st;
        last = r;
    }
    if (isinf(s->error)) return SNNK_OK;
    center = s->best->directions;
    for (int side = -1; side <= 1; side += 2) {
        const size_t eighth = s->m / 8;

        if (eighth == 0 || (side < 0 && center < eighth)) continue;

        const size_t r = side < 0 ? center - eighth : center + eighth;

        if (r > s->rank) continue;
        if ((st = try_linear(s, r, 2)) != SNNK_OK) return st;
    }
    return s->best->directions == 0 ? SNNK_OK : try_linear(s, s->best->directions, ROUNDS);
}

/* Counts for each try: forward selection, the moments of the subset, and the directions. */
double snnk__distill_cost_of_selecting(const snnk_distill *distill, size_t m) {
    const double features = (double)m, d = (double)distill->d, l = (double)distill->l;
    const double p = d + (double)distill->h;

    return TRIES * (features * (p * (l + features / 2) + d * p) + d * d * (d + l));
}

int snnk__distill_select(const snnk_distill *distill, size_t m, int32_t linear,
                         snnk__subset *subset, double *error) {
    const size_t d = distill->d;
    search s = {.distill = distill, .m = m, .best = subset, .error = INFINITY};
    const snnk__subset no_neurons = {0};
    double *D = NULL;
    snnk__sentence before;
    int st;

    snnk__sentence_save(&before);
    s.rank = snnk__min_size(m, snnk__min_size(d, distill->l));
    st = snnk__alloc(&distill->allocator, s.rank, d * sizeof *D, "directions", &D);
    if (st != SNNK_OK) goto done;
    if ((st = snnk__subset_alloc(distill, m, &s.tried)) != SNNK_OK) goto done;
    st = snnk__subset_directions(distill->train, d, &no_neurons, distill->selection_ridge, s.rank,
                                 D);
    if (st != SNNK_OK) goto done;
    s.D = D;
    st = linear == SNNK_DISTILL_LINEAR_AUTO
             ? search_linear(&s)
             : try_linear(&s, snnk__min_size((size_t)linear, s.rank), ROUNDS);
    if (st == SNNK_OK && isinf(s.error))
        st = snnk__fail(SNNK_E_RANGE,
                        "fewer than %zu features are linearly independent: ask for fewer", m);
    *error = s.error;
done:
    snnk__subset_free(distill, &s.tried);
    snnk__free(&distill->allocator, D);
    return snnk__recovered(st, &before);
}
