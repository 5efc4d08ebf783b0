/* y = B f(V U W1 (x - mean) + W1 mean + b1) + b, with the rows of W1 that belong to neurons that
 * live. U W1 x are the principal components of what enters these neurons on the rows, each neuron
 * times its effect on the outputs. So the cut is the best one for these inputs, to first order. It
 * is about their mean: W1 mean goes into the bias. B is fitted to the targets, by the hidden
 * activations after the cut, and then cut itself, along the principal components of what it
 * computes (reduced-rank regression, Izenman 1975).
 *
 * The ranks use all of the student's parameters. How these are divided between the two matrices is
 * chosen on held-out rows. */
#include "distill/truncated_svd.h"

#include <math.h>

#include "base/size.h"
#include "distill/rounded.h"
#include "distill/student.h"
#include "distill/student_map.h"
#include "solve/cut_matrix.h"

/* The rank of the first matrix is one of these shares of the largest that the parameters allow. */
#define SHARES 8

/* Ranks are compared on about this many rows, or 8 for each neuron if that is more. */
#define ROWS_TO_COMPARE 16384

/* A neuron lives if its variance on the rows is more than this share of the largest one. */
#define LEAST_VARIANCE 1e-12

/* ---- Layers ---- */

/* Make the layers of a cut matrix: F x, and f(V^T z + bias); or one layer if it is whole. */
static int append_layers(const snnk_distill *distill, const snnk__cut_matrix *of, size_t rank,
                         const double *mean, int32_t activation, snnk__truncated_teacher *made) {
    const snnk_allocator *allocator = &distill->allocator;
    const size_t l = of->outputs, d = of->inputs;
    snnk_layer **next = made->layers;
    double *cut = NULL, *exact = NULL;
    float *first = NULL, *second = NULL, *bias = NULL;
    int st;

    while (*next) next++;
    if (snnk__cut_is_whole(of, rank))
        return snnk_layer_create_dense(d, l, of->W, d, of->bias, activation, allocator, next);
    if ((st = snnk__cut_make(&distill->allocator, of, rank, mean, &cut, &exact)) != SNNK_OK)
        goto done;
    st = snnk__alloc(allocator, rank, d * sizeof *first, "weights", &first);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(allocator, l, rank * sizeof *second, "weights", &second);
    if (st != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, l, sizeof *bias, "a bias", &bias)) != SNNK_OK) goto done;
    for (size_t i = 0; i < rank * d; i++) first[i] = (float)of->F[i];
    for (size_t i = 0; i < l; i++) {
        bias[i] = (float)exact[i];
        for (size_t k = 0; k < rank; k++) second[i * rank + k] = (float)of->V[k * l + i];
    }
    st = snnk_layer_create_dense(d, rank, first, d, NULL, SNNK_IDENTITY, allocator, next);
    if (st != SNNK_OK) goto done;
    st = snnk_layer_create_dense(rank, l, second, rank, bias, activation, allocator, next + 1);
done:
    snnk__free(allocator, bias);
    snnk__free(allocator, second);
    snnk__free(allocator, first);
    snnk__free(allocator, exact);
    snnk__free(allocator, cut);
    return st;
}

/* ---- The first matrix ---- */

/* Neurons whose output does not vary on the rows: a ReLU that is never positive, for example. */
static size_t find_living(const snnk_distill *distill, bool *lives) {
    const size_t d = distill->d, h = distill->h, p = d + h;
    const double *variances = distill->train->S + d * p + d; /* its diagonal */
    double largest = 0;
    size_t living = 0;

    for (size_t j = 0; j < h; j++) largest = fmax(largest, variances[j * p + j]);
    for (size_t j = 0; j < h; j++) {
        lives[j] = variances[j * p + j] > LEAST_VARIANCE * largest;
        living += lives[j];
    }
    return living;
}

/* The variance of w x. */
static double variance_of(const snnk_distill *distill, const float *w) {
    const size_t d = distill->d, p = d + distill->h;
    double variance = 0;

    for (size_t i = 0; i < d; i++) {
        double sum = 0;

        for (size_t j = 0; j < d; j++) sum += distill->train->S[i * p + j] * (double)w[j];
        variance += sum * (double)w[i];
    }
    return variance;
}

/* By how much the outputs vary for each unit by which what enters a living neuron varies: the
 * length of its column of the readout, times the ratio of the standard deviations after and before
 * its activation. At least a millionth of the largest, so that none is lost.
 *   effects   out: one for each living neuron; free them also after a failure */
static int measure_effects(const snnk_distill *distill, const bool *lives,
                           const snnk__cut_matrix *hidden, double **effects) {
    const snnk_allocator *allocator = &distill->allocator;
    const size_t d = distill->d, h = distill->h, l = distill->l, p = d + h;
    const double *variances = distill->train->S + d * p + d;
    float *W2;
    double largest = 0;
    size_t at = 0;
    int st = snnk__alloc(allocator, hidden->outputs, sizeof **effects, "effects", effects);

    if (st != SNNK_OK) return st;
    if ((st = snnk__alloc(allocator, l, h * sizeof *W2, "a readout", &W2)) != SNNK_OK) return st;
    st = snnk_layer_weights(distill->readout, W2, h, NULL);
    for (size_t j = 0; j < h && st == SNNK_OK; j++) {
        double squares = 0;

        if (!lives[j]) continue;
        for (size_t o = 0; o < l; o++) squares += (double)W2[o * h + j] * (double)W2[o * h + j];
        const double before = variance_of(distill, hidden->W + at * d);

        (*effects)[at] = before > 0 ? sqrt(squares * variances[j * p + j] / before) : 0;
        largest = fmax(largest, (*effects)[at++]);
    }
    for (size_t i = 0; i < hidden->outputs; i++)
        (*effects)[i] = largest > 0 ? fmax((*effects)[i] / largest, 1e-6) : 1;
    snnk__free(allocator, W2);
    return st;
}

/* Read the first matrix. With a readout, only the rows of neurons that live remain. Without one,
 * the others are outputs that are constant on the rows, so their rows become 0, and they get a
 * bias for which they are the same at the mean. */
static int read_hidden(const snnk_distill *distill, const bool *lives, size_t living,
                       snnk__cut_matrix *hidden) {
    const snnk_allocator *allocator = &distill->allocator;
    const size_t d = distill->d, h = distill->h;
    const double *mean = distill->train->mean_phi;
    double *effects = NULL;
    float *W = NULL, *bias = NULL;
    size_t at = 0;
    int st;

    if ((st = snnk__cut_alloc(allocator, distill->readout ? living : h, d, hidden)) != SNNK_OK)
        return st;
    if ((st = snnk__alloc(allocator, h, d * sizeof *W, "weights", &W)) != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, h, sizeof *bias, "a bias", &bias)) != SNNK_OK) goto done;
    if ((st = snnk_layer_weights(distill->hidden, W, d, bias)) != SNNK_OK) goto done;
    for (size_t i = 0; i < h; i++) {
        double at_mean = (double)bias[i];

        if (!lives[i] && distill->readout) continue;
        for (size_t j = 0; j < d; j++) {
            hidden->W[at * d + j] = lives[i] ? W[i * d + j] : 0;
            at_mean += (double)W[i * d + j] * mean[j];
        }
        hidden->bias[at++] = lives[i] ? bias[i] : (float)at_mean;
    }
    if (distill->readout) st = measure_effects(distill, lives, hidden, &effects);
    if (st == SNNK_OK)
        st = snnk__cut_find_factors(allocator, distill->train->S, d + h, effects, hidden);
done:
    snnk__free(allocator, effects);
    snnk__free(allocator, bias);
    snnk__free(allocator, W);
    return st;
}

/* ---- The readout ---- */

/* Collect the hidden activations after the first matrix was cut, and choose a ridge. */
static int collect(const snnk_distill *distill, const snnk__cut_matrix *hidden, size_t rank,
                   double sample, snnk_workspace *workspace, snnk__student *made) {
    const snnk_allocator *allocator = &distill->allocator;
    const size_t h = hidden->outputs, d = hidden->inputs;
    double *cut = NULL, *exact = NULL;
    float *G = NULL, *offsets = NULL;
    snnk_map *map;
    int st;

    st = snnk__cut_make(&distill->allocator, hidden, rank, distill->train->mean_phi, &cut, &exact);
    if (st == SNNK_OK) st = snnk__alloc(allocator, h, d * sizeof *G, "weights", &G);
    if (st == SNNK_OK) st = snnk__alloc(allocator, h, sizeof *offsets, "a bias", &offsets);
    for (size_t i = 0; st == SNNK_OK && i < h * d; i++) G[i] = (float)cut[i];
    for (size_t i = 0; st == SNNK_OK && i < h; i++) offsets[i] = (float)exact[i];
    if (st == SNNK_OK) st = snnk__student_map_of_rows(distill, 0, h, G, offsets, &map);
    if (st == SNNK_OK) st = snnk__student_fit_sample(distill, map, sample, workspace, made);
    snnk__free(allocator, offsets);
    snnk__free(allocator, G);
    snnk__free(allocator, exact);
    snnk__free(allocator, cut);
    return st;
}

/* Fit the readout to rows that are not held out, or to all after they were merged. */
static int fit_readout(const snnk_distill *distill, const snnk__student *from,
                       snnk__cut_matrix *readout) {
    const size_t h = from->map->features;
    int st = snnk__cut_alloc(&distill->allocator, distill->l, h, readout);

    if (st == SNNK_OK) st = snnk__student_solve(distill, from, readout->W, readout->bias);
    if (st == SNNK_OK)
        st = snnk__cut_find_factors(&distill->allocator, from->train->S, h, NULL, readout);
    return st;
}

/* Set *squares to the squared errors on held-out rows with the readout cut to this rank. */
static int judge(const snnk_distill *distill, const snnk__student *from,
                 const snnk__cut_matrix *readout, size_t rank, double *squares) {
    double *cut = NULL, *bias = NULL;
    int st = snnk__cut_make(&distill->allocator, readout, rank, from->train->mean_phi, &cut, &bias);

    if (st == SNNK_OK) st = snnk_lstsq_rss(from->heldout, cut, readout->inputs, bias, squares);
    snnk__free(&distill->allocator, bias);
    snnk__free(&distill->allocator, cut);
    return st;
}

/* ---- How to divide the parameters ---- */

typedef struct search {
    const snnk_distill *distill;
    const snnk__cut_matrix *hidden;
    size_t numbers, most;      /* weights for both matrices; the largest rank of the first */
    double errors[SHARES + 1]; /* of share k; NaN if it was not tried */
    snnk_workspace *workspace;
} search;

static size_t rank_of_share(const search *s, size_t k) {
    return snnk__max_size(s->most * k / SHARES, 1);
}

/* The weights that a rank of the first matrix leaves for the readout. */
static size_t left_by(const search *s, size_t rank) {
    return s->numbers - snnk__cut_numbers(s->hidden, rank);
}

static double rows_to_compare(const snnk_distill *distill) {
    return fmin(fmax(ROWS_TO_COMPARE, 8 * (double)distill->h),
                (double)distill->config.selection_rows);
}

/* Set errors[k], INFINITY if no neuron lives with that rank. */
static int try_share(search *s, size_t k) {
    const snnk_distill *distill = s->distill;
    const size_t rank = rank_of_share(s, k);
    const double sample = rows_to_compare(distill);
    snnk__student from = {0};
    snnk__sentence before;
    snnk__cut_matrix readout = {0};
    double squares;
    int st;

    for (size_t i = 1; i <= SHARES; i++)
        if (!isnan(s->errors[i]) && rank_of_share(s, i) == rank) s->errors[k] = s->errors[i];
    if (!isnan(s->errors[k])) return SNNK_OK;
    snnk__sentence_save(&before);
    st = collect(distill, s->hidden, rank, sample, s->workspace, &from);
    if (st == SNNK_OK) st = fit_readout(distill, &from, &readout);
    if (st == SNNK_OK)
        st = judge(distill, &from, &readout, snnk__cut_rank(&readout, left_by(s, rank)), &squares);
    if (st == SNNK_OK) s->errors[k] = squares / from.heldout->weight;
    snnk__cut_free(&distill->allocator, &readout);
    snnk__student_free(&from);
    if (st != SNNK_E_SINGULAR && st != SNNK_E_STATE) return st;
    s->errors[k] = INFINITY;
    return snnk__recovered(SNNK_OK, &before);
}

/* Climb from the middle, in steps of a quarter, then of an eighth. */
static int find_share(search *s, size_t *best) {
    size_t step = SHARES / 4;

    *best = SHARES / 2;
    for (size_t k = 0; k <= SHARES; k++) s->errors[k] = NAN;
    int st = try_share(s, *best);

    while (st == SNNK_OK && step > 0) {
        const size_t from = *best;

        for (int side = -1; side <= 1 && st == SNNK_OK; side += 2) {
            const size_t k = side < 0 ? from - step : from + step;

            if (k < 1 || k > SHARES) continue; /* also below 0, where k wraps */
            st = try_share(s, k);
            if (st == SNNK_OK && s->errors[k] < s->errors[*best]) *best = k;
        }
        if (*best == from) step /= 2;
    }
    return st;
}

/* ---- The teacher ---- */

static int make_block(search *s, size_t rank, snnk__truncated_teacher *made) {
    const snnk_distill *distill = s->distill;
    const snnk_allocator *allocator = &distill->allocator;
    snnk__student from = {0};
    snnk__cut_matrix readout = {0};
    size_t readout_rank = 0;
    double squares = INFINITY;
    int st = collect(distill, s->hidden, rank, INFINITY, s->workspace, &from);

    if (st == SNNK_OK) st = fit_readout(distill, &from, &readout);
    if (st == SNNK_OK) {
        readout_rank = snnk__cut_rank(&readout, left_by(s, rank));
        st = judge(distill, &from, &readout, readout_rank, &squares);
    }
    snnk__cut_free(allocator, &readout);
    if (st == SNNK_OK) st = snnk_lstsq_merge(from.train, from.heldout);
    if (st == SNNK_OK) st = fit_readout(distill, &from, &readout);
    if (st == SNNK_OK)
        st = append_layers(distill, s->hidden, rank, distill->train->mean_phi,
                           snnk_layer_activation(distill->hidden), made);
    if (st == SNNK_OK)
        st = append_layers(distill, &readout, readout_rank, from.train->mean_phi, SNNK_IDENTITY,
                           made);
    if (st == SNNK_OK) made->squared_errors = squares;
    snnk__cut_free(allocator, &readout);
    snnk__student_free(&from);
    return st;
}

/* Both matrices, if the parameters allow rank 1 for each. */
static int cut_block(search *s, snnk__truncated_teacher *made) {
    const size_t h = s->hidden->outputs, l = s->distill->l;
    const size_t least = snnk__min_size(h + l, h * l); /* a readout of rank 1 */
    size_t share;
    int st;

    if (s->numbers < least) return SNNK_OK;
    s->most = snnk__cut_rank(s->hidden, s->numbers - least);
    if (s->most == 0) return SNNK_OK;
    st = find_share(s, &share);
    if (st != SNNK_OK || isinf(s->errors[share])) return st;
    return make_block(s, rank_of_share(s, share), made);
}

/* One matrix: there is nothing to choose and nothing to fit. */
static int cut_layer(search *s, snnk__truncated_teacher *made) {
    const snnk_distill *distill = s->distill;
    const size_t rank = snnk__cut_rank(s->hidden, s->numbers);
    snnk_network *network = NULL;
    double squares;
    int st;

    if (rank == 0) return SNNK_OK;
    st = append_layers(distill, s->hidden, rank, distill->train->mean_phi,
                       snnk_layer_activation(distill->hidden), made);
    if (st == SNNK_OK) st = snnk_network_create(&distill->allocator, &network);
    for (size_t k = 0; st == SNNK_OK && made->layers[k]; k++)
        st = snnk_network_append(network, made->layers[k]);
    if (st == SNNK_OK) st = snnk__heldout_errors(distill, network, s->workspace, &squares);
    if (st == SNNK_OK) made->squared_errors = squares;
    snnk_network_free(network);
    return st;
}

int snnk__truncated_svd(const snnk_distill *distill, size_t m, snnk_workspace *workspace,
                        snnk__truncated_teacher *made) {
    const size_t l = distill->l, parameters = m * (distill->d + 1 + l) + l;
    search s = {.distill = distill, .workspace = workspace};
    snnk__cut_matrix hidden = {0};
    bool *lives;
    size_t living;
    int st;

    *made = (snnk__truncated_teacher){.squared_errors = INFINITY};
    if (!distill->hidden) return SNNK_OK;
    st = snnk__alloc(&distill->allocator, distill->h, sizeof *lives, "neurons", &lives);
    if (st != SNNK_OK) return st;
    living = find_living(distill, lives);
    if (living > 0) st = read_hidden(distill, lives, living, &hidden);
    snnk__free(&distill->allocator, lives);

    /* The factors may have the student's parameters, minus biases. */
    const size_t biases = hidden.outputs + (distill->readout ? l : 0);

    s.hidden = &hidden;
    s.numbers = parameters > biases ? parameters - biases : 0;
    if (st == SNNK_OK && living > 0)
        st = distill->readout ? cut_block(&s, made) : cut_layer(&s, made);
    snnk__cut_free(&distill->allocator, &hidden);
    for (size_t k = 0; st == SNNK_OK && made->layers[k]; k++)
        made->multiply_adds += snnk_layer_multiply_adds(made->layers[k]);
    if (made->layers[0]) made->parameters = made->multiply_adds + biases;
    return st;
}

/* Eigenvectors; and about five comparisons, then a fit with all neurons as features. */
double snnk__truncated_cost(const snnk_distill *distill) {
    const double smallest = (double)snnk__min_size(distill->d, distill->h);
    const double fits =
        distill->readout ? 1 + 5 * rows_to_compare(distill) / (double)distill->n : 1;

    return fits * snnk__student_cost_of_fit(distill, distill->h) +
           10 * smallest * smallest * smallest;
}

void snnk__truncated_free(snnk__truncated_teacher *teacher) {
    for (size_t k = 0; k < SNNK__TRUNCATED_LAYERS; k++) snnk_layer_free(teacher->layers[k]);
    *teacher = (snnk__truncated_teacher){.squared_errors = INFINITY};
}
