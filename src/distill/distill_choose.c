/* Which features a student has. For some numbers r of linear ones: neurons that explain most of what the r
 * best directions leave, then the directions that explain most of what those neurons leave, and
 * neurons again. What does best on held-out rows is kept. */
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "distill/distill.h"

#define RIDGES 5 /* values of lambda that a choice is scored with */
#define ROUNDING                                                                                   \
    1e-5 /* of float sums, with a margin: features that others know to that share are left out */
#define ROUNDS 4  /* of directions and neurons in turn, at the most */
#define TRIES  16 /* of both, about as many as a search has */

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

/* What it leaves of the held-out sample, as a share, with the ridge that is best there. */
static int score(const snnk_distill *distill, const snnk__subset *subset, double *error) {
    snnk_lstsq *train = NULL, *heldout = NULL;
    double ridges[RIDGES], errors[RIDGES];
    size_t best;
    int st;

    st = snnk__subset_statistics(distill->train, distill->d, subset, &train);
    if (st == SNNK_OK) st = snnk__subset_statistics(distill->heldout, distill->d, subset, &heldout);
    if (st == SNNK_OK) st = snnk_lstsq_default_ridges(train, RIDGES, ridges);
    if (st == SNNK_OK)
        st = snnk_lstsq_choose_ridge(train, heldout, NULL, RIDGES, ridges, errors, &best);
    if (st == SNNK_OK) *error = errors[best] * heldout->weight / snnk__distill_squares(heldout);
    snnk_lstsq_free(train);
    snnk_lstsq_free(heldout);
    return st;
}

/* ---- The search ---- */

typedef struct search {
    const snnk_distill *distill;
    size_t m;
    const double *D; /* directions that no neuron comes before: `rank` of them */
    size_t rank;
    snnk__subset tried, *best; /* room for m */
    double error;              /* of the best */
    double tries;              /* so far */
} search;

static int keep_if_better(search *s, bool *better) {
    double error = INFINITY;
    int st = score(s->distill, &s->tried, &error);

    s->tries = fmin(s->tries + 1, TRIES);
    if (st == SNNK_OK) st = snnk__progress_count(s->distill->progress, s->tries, TRIES);

    if (st == SNNK_E_STATE || st == SNNK_E_SINGULAR)
        st = SNNK_OK; /* directions of rounding alone */
    *better = st == SNNK_OK && error < s->error;
    if (!*better) return st;
    s->error = error;
    copy_subset(s->distill->d, &s->tried, s->best);
    return SNNK_OK;
}

/* m - r neurons for the directions as they are; false if there are not so many, or the directions say nothing
 * but rounding (inputs of lower rank). */
static int choose_neurons(search *s, bool *enough) {
    const snnk_distill *distill = s->distill;
    const size_t wanted = s->m - s->tried.directions;
    const int st =
        snnk__subset_select(distill->train, distill->d, &s->tried, distill->ridge, ROUNDING, wanted,
                            distill->progress, s->tries / TRIES, s->tried.which, &s->tried.chosen);

    *enough = st == SNNK_OK && s->tried.chosen == wanted;
    return st == SNNK_E_SINGULAR ? SNNK_OK : st;
}

static int choose_directions(search *s) {
    const snnk_distill *distill = s->distill;

    if (s->tried.directions == 0) return SNNK_OK;
    return snnk__subset_directions(distill->train, distill->d, &s->tried, distill->ridge,
                                   s->tried.directions, s->tried.D);
}

/* With r directions, in so many rounds, or until one does no good. */
static int try_linear(search *s, size_t r, int rounds) {
    bool enough, better, once;
    int st;

    s->tried.directions = r;
    memcpy(s->tried.D, s->D, r * s->distill->d * sizeof *s->D);
    if ((st = choose_neurons(s, &enough)) != SNNK_OK || !enough) return st;
    if ((st = keep_if_better(s, &once)) != SNNK_OK) return st;
    if (r == 0 || r == s->m) return SNNK_OK;
    for (int round = 1; round < rounds; round++) {
        st = choose_directions(s);
        if (st == SNNK_E_SINGULAR) return SNNK_OK; /* the neurons leave nothing but rounding */
        if (st != SNNK_OK) return st;
        if ((st = keep_if_better(s, &once)) != SNNK_OK) return st;
        if ((st = choose_neurons(s, &enough)) != SNNK_OK || !enough) return st;
        if ((st = keep_if_better(s, &better)) != SNNK_OK) return st;
        if (!once && !better) break;
    }
    return SNNK_OK;
}

/* r of m/4 and so on, then an eighth to either side of the best. */
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

/* Forward selection, moments of what is tried, and directions. */
double snnk__distill_cost_of_choosing(const snnk_distill *distill, size_t m) {
    const double features = (double)m, d = (double)distill->d, l = (double)distill->l;
    const double p = d + (double)distill->h;

    return TRIES * (features * (p * (l + features / 2) + d * p) + d * d * (d + l));
}

int snnk__distill_choose(const snnk_distill *distill, size_t m, int32_t linear,
                         snnk__subset *subset, double *error) {
    const size_t d = distill->d;
    search s = {.distill = distill, .m = m, .best = subset, .error = INFINITY};
    const snnk__subset nothing = {0};
    double *D = NULL;
    int st;

    s.rank = snnk__min_size(m, snnk__min_size(d, distill->l));
    st = snnk__alloc(&distill->allocator, s.rank, d * sizeof *D, "directions", &D);
    if (st != SNNK_OK) goto done;
    if ((st = snnk__subset_alloc(distill, m, &s.tried)) != SNNK_OK) goto done;
    st = snnk__subset_directions(distill->train, d, &nothing, distill->ridge, s.rank, D);
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
    return st;
}

/* ---- The map ---- */

/* Linear features, or ones like the candidates. */
static int make_part(const snnk_distill *distill, bool linear, size_t rows, const float *G,
                     const float *offsets, snnk_map **map) {
    snnk_map_config config = distill->candidate;

    if (linear) {
        config.kind = SNNK_MAP_ELEMENTWISE;
        config.activation = SNNK_IDENTITY;
    }
    return snnk_map_create_from_rows(distill->d, rows, G, distill->d, offsets, &config, NULL, map);
}

int snnk__distill_map_of_rows(const snnk_distill *distill, size_t r, size_t m, const float *G,
                              const float *offsets, snnk_map **map) {
    snnk_map *parts[2] = {NULL};
    size_t n_parts = 0;
    int st = SNNK_OK;

    if (r > 0) st = make_part(distill, true, r, G, NULL, &parts[n_parts++]);
    if (st == SNNK_OK && m > r)
        st = make_part(distill, false, m - r, G + r * distill->d, offsets + r, &parts[n_parts++]);
    if (st == SNNK_OK) st = snnk_map_concat(n_parts, (const snnk_map *const *)parts, map);
    snnk_map_free(parts[0]);
    snnk_map_free(parts[1]);
    return st;
}

int snnk__distill_map(const snnk_distill *distill, const snnk__subset *subset, snnk_map **map) {
    const size_t d = distill->d, r = subset->directions, m = r + subset->chosen;
    float *G = NULL, *offsets = NULL;
    int st;

    st = snnk__alloc(&distill->allocator, m, d * sizeof *G, "rows", &G);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(&distill->allocator, m, sizeof *offsets, "offsets", &offsets);
    if (st != SNNK_OK) goto done;
    for (size_t i = 0; i < r * d; i++) G[i] = (float)subset->D[i];
    for (size_t i = r; i < m; i++) {
        const size_t j = subset->which[i - r] - d;

        memcpy(G + i * d, distill->G + j * d, d * sizeof *G);
        offsets[i] = distill->offsets[j];
    }
    st = snnk__distill_map_of_rows(distill, r, m, G, offsets, map);
done:
    snnk__free(&distill->allocator, offsets);
    snnk__free(&distill->allocator, G);
    return st;
}

/* ---- Budgets ---- */

int snnk_distill_features_of_share(const snnk_distill *distill, double share, size_t *features) {
    int st;

    if ((st = snnk__check_pointer(features, "features")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(distill, "distill")) != SNNK_OK) return st;
    if (!distill->hidden)
        return snnk__fail(
            SNNK_E_UNSUPPORTED,
            "a share of the teacher's parameters was asked for, but there is no teacher");
    if (!(share > 0 && isfinite(share)))
        return snnk__fail(SNNK_E_RANGE, "share = %g is not above 0", share);

    const double teacher = (double)snnk_layer_parameters(distill->hidden) +
                           (double)snnk_layer_parameters(distill->readout);
    const double each = (double)(distill->d + 1 + distill->l), bias = (double)distill->l;
    const double fits = floor((share * teacher - bias) / each);

    if (fits < 1)
        return snnk__fail(SNNK_E_RANGE,
                          "a share of %g of the teacher's %g parameters leaves no room for one "
                          "feature, which takes %g",
                          share, teacher, each + bias);
    *features = (size_t)fmin(fits, (double)(distill->d + distill->h));
    return SNNK_OK;
}

/* What m features reach, as a relative error on held-out rows. Nobody knows how many sizes there will be:
 * each takes a fifth of the progress that is left. */
static int error_of(const snnk_distill *distill, size_t m, double *error) {
    snnk__progress *progress = distill->progress;
    snnk__subset subset;
    int st = snnk__subset_alloc(distill, m, &subset);

    snnk__progress_begin_stage(progress,
                               0.2 * (progress->total - progress->done - progress->stage));
    if (st == SNNK_OK)
        st = snnk__distill_choose(distill, m, distill->config.linear, &subset, error);
    if (st == SNNK_OK) *error = sqrt(*error);
    snnk__subset_free(distill, &subset);
    return st;
}

/* Doubling, then bisection, between sizes that are too small and one that is enough, or that there are not so many
 * different features of. */
static int search_size(const snnk_distill *distill, double relative_error, size_t *features) {
    size_t little = 0, enough = 0, beyond = distill->h + 1, m = 1;
    double error, least = NAN; /* least: of `little` */
    int st;

    for (;;) {
        st = error_of(distill, m, &error);
        if (st == SNNK_E_RANGE)
            beyond = m;
        else if (st != SNNK_OK)
            return st;
        else if (error <= relative_error)
            enough = m;
        else
            little = m, least = error;

        const size_t end = enough > 0 ? enough : beyond;

        if (end - little <= 1 + enough / 32) break; /* to a few per cent */
        m = end <= distill->h ? little + (end - little) / 2 : snnk__min_size(2 * m, distill->h);
    }
    if (enough == 0 && little == 0) return SNNK_E_RANGE; /* error_of's sentence */
    if (enough == 0)
        return snnk__fail(SNNK_E_RANGE,
                          "%zu features have a relative error of %.3g, above the %g asked for",
                          little, least, relative_error);
    *features = enough;
    return SNNK_OK;
}

int snnk_distill_features_of_error(const snnk_distill *distill, double relative_error,
                                   size_t *features) {
    snnk__distill_progress_state progress;
    int st;

    if ((st = snnk__check_pointer(features, "features")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(distill, "distill")) != SNNK_OK) return st;
    if (!(relative_error > 0 && relative_error < 1))
        return snnk__fail(SNNK_E_RANGE, "relative_error = %g must be above 0 and below 1",
                          relative_error);

    snnk_distill monitored = *distill;

    snnk__distill_progress_begin(&distill->config, 1, &progress);
    monitored.progress = &progress.progress;
    return search_size(&monitored, relative_error, features);
}
