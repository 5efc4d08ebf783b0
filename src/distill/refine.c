/* Adam (Kingma & Ba 2015) on the rows of G, the offsets, Psi and the bias at once, for the squared
 * error of y = Psi f(G x + c) + bias; then Psi in closed form again. Inputs are centered. Outputs,
 * and at the start features, are scaled to a root mean square of 1, so that one relative step size
 * fits all. */
#include "distill/refine.h"

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "base/size.h"
#include "distill/collect.h"
#include "distill/student_map.h"
#include "solve/lstsq.h"
#include "solve/product.h"

/* Stop after this many epochs without a better one, or after half of all epochs if that is more,
 * because errors go up and down with the large steps of the beginning. */
#define PATIENCE 5

/* A linear feature z becomes relu(z + RELU_SHIFT), z in standard deviations: 7 of 100 normal rows
 * are below the kink. */
#define RELU_SHIFT 1.5F

/* ---- Parameters ---- */

enum { ROWS, OFFSETS, PSI, BIAS, GROUPS };

/* One array of parameters, with the running means of Adam. */
typedef struct group {
    size_t count;
    float *value, *gradient, *mean, *square;
    float *best; /* values after the best epoch */
    float step;  /* step size at the full learning rate */
} group;

typedef struct refinement {
    const snnk_distill *distill;
    size_t d, l, m, r, batch; /* features r ... m-1 have an activation */
    int32_t activation;
    group groups[GROUPS];
    float *input_mean, *output_mean; /* d, l */
    float output_scale;              /* outputs are divided by this */
    size_t n_rows, n_heldout;
    size_t *rows, *heldout; /* the numbers of the rows to fit, in the order of an epoch, and of the
                             * held-out rows */
    float *X, *Y, *Z, *Phi, *E; /* batch x d, l, m, m, l */
    uint64_t steps;
    double all_steps; /* steps in all epochs */
} refinement;

static int group_alloc(const snnk_allocator *allocator, size_t rows, size_t columns, group *p) {
    float **const arrays[] = {&p->value, &p->gradient, &p->mean, &p->square, &p->best};
    int st;

    if (!snnk__mul_size(rows, columns, &p->count))
        return snnk__fail(SNNK_E_SIZE, "%zu x %zu weights overflow size_t", rows, columns);
    for (size_t k = 0; k < sizeof arrays / sizeof arrays[0]; k++) {
        st = snnk__alloc_zero(allocator, p->count, sizeof(float), "weights to learn", arrays[k]);
        if (st != SNNK_OK) return st;
    }
    return SNNK_OK;
}

static void refinement_free(refinement *s) {
    const snnk_allocator *allocator = &s->distill->allocator;
    void *const arrays[] = {s->input_mean, s->output_mean, s->rows, s->heldout, s->X,
                            s->Y,          s->Z,           s->Phi,  s->E};

    for (int k = 0; k < GROUPS; k++) {
        group *p = &s->groups[k];
        void *const of[] = {p->value, p->gradient, p->mean, p->square, p->best};

        for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) snnk__free(allocator, of[i]);
    }
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) snnk__free(allocator, arrays[i]);
}

static int refinement_alloc(refinement *s) {
    const snnk_allocator *allocator = &s->distill->allocator;
    const size_t row = s->batch * sizeof(float), n = s->distill->n;
    int st;

    if ((st = group_alloc(allocator, s->m, s->d, &s->groups[ROWS])) != SNNK_OK) return st;
    if ((st = group_alloc(allocator, s->m, 1, &s->groups[OFFSETS])) != SNNK_OK) return st;
    if ((st = group_alloc(allocator, s->l, s->m, &s->groups[PSI])) != SNNK_OK) return st;
    if ((st = group_alloc(allocator, s->l, 1, &s->groups[BIAS])) != SNNK_OK) return st;
    st = snnk__alloc(allocator, s->d, sizeof(float), "means", &s->input_mean);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(allocator, s->l, sizeof(float), "means", &s->output_mean);
    if (st != SNNK_OK) return st;
    if ((st = snnk__alloc(allocator, n, sizeof *s->rows, "an order", &s->rows)) != SNNK_OK)
        return st;
    if ((st = snnk__alloc(allocator, n, sizeof *s->heldout, "an order", &s->heldout)) != SNNK_OK)
        return st;
    if ((st = snnk__alloc(allocator, s->d, row, "a batch", &s->X)) != SNNK_OK) return st;
    if ((st = snnk__alloc(allocator, s->l, row, "a batch", &s->Y)) != SNNK_OK) return st;
    if ((st = snnk__alloc(allocator, s->m, row, "a batch", &s->Z)) != SNNK_OK) return st;
    if ((st = snnk__alloc(allocator, s->m, row, "a batch", &s->Phi)) != SNNK_OK) return st;
    return snnk__alloc(allocator, s->l, row, "a batch", &s->E);
}

/* ---- Starting values ---- */

/* Read the map's rows, and its offsets for centered inputs. */
static int read_map(refinement *s, const snnk_map *map) {
    float *G = s->groups[ROWS].value, *c = s->groups[OFFSETS].value;
    size_t done = 0;
    int st;

    for (size_t b = 0; b < map->n_blocks; b++) {
        st = snnk_map_block_rows(map, b, G + done * s->d, s->d, c + done);
        if (st != SNNK_OK) return st;
        done += map->blocks[b]->features;
    }
    for (size_t j = 0; j < s->m; j++) {
        double offset = c[j];

        for (size_t k = 0; k < s->d; k++) offset += (double)G[j * s->d + k] * s->input_mean[k];
        c[j] = j < s->r ? 0 : (float)offset;
    }
    return SNNK_OK;
}

static double root_mean_square(const group *p) {
    double squares = 0;

    for (size_t i = 0; i < p->count; i++) squares += (double)p->value[i] * p->value[i];
    return sqrt(squares / (double)p->count);
}

/* Scale features and outputs to a root mean square of 1. Features can be scaled by their row of G
 * only if f is homogeneous (relu, identity); others keep their rows. */
static void normalise(refinement *s, const snnk__student *start) {
    float *G = s->groups[ROWS].value, *c = s->groups[OFFSETS].value, *Psi = s->groups[PSI].value;
    const double squares = snnk__distill_squares(start->train) / start->train->weight;

    s->output_scale = (float)sqrt(squares / (double)s->l);
    for (size_t j = 0; j < s->m; j++) {
        const double spread = sqrt(start->train->S[j * s->m + j] / start->train->weight);
        const bool scales = j < s->r || s->activation == SNNK_RELU;
        const float by = scales && spread > 0 ? (float)spread : 1;

        for (size_t k = 0; k < s->d; k++) G[j * s->d + k] /= by;
        c[j] /= by;
        for (size_t i = 0; i < s->l; i++) Psi[i * s->m + j] *= by / s->output_scale;
    }
    for (size_t i = 0; i < s->l; i++)
        s->groups[BIAS].value[i] = (s->groups[BIAS].value[i] - s->output_mean[i]) / s->output_scale;
}

/* For a relu teacher, write linear features as relu(z + RELU_SHIFT): nearly the same on most rows,
 * and the gradient can make use of the kink. */
static void linear_to_relu(refinement *s) {
    const float *Psi = s->groups[PSI].value;

    if (s->activation != SNNK_RELU) return;
    for (size_t j = 0; j < s->r; j++) {
        s->groups[OFFSETS].value[j] = RELU_SHIFT;
        for (size_t i = 0; i < s->l; i++)
            s->groups[BIAS].value[i] -= RELU_SHIFT * Psi[i * s->m + j];
    }
    s->r = 0;
}

static void set_steps(refinement *s) {
    const float rate = (float)s->distill->config.learning_rate;

    s->groups[ROWS].step = rate * (float)root_mean_square(&s->groups[ROWS]);
    s->groups[PSI].step = rate * (float)root_mean_square(&s->groups[PSI]);
    s->groups[BIAS].step = s->groups[PSI].step;
    s->groups[OFFSETS].step = rate / 20; /* a feature has root mean square 1 */
}

/* Set the starting values from a student. */
static int start_from(refinement *s, const snnk__student *start) {
    const snnk_distill *distill = s->distill;
    int st;

    for (size_t i = 0; i < distill->n; i++)
        if (snnk__distill_is_heldout(distill, i))
            s->heldout[s->n_heldout++] = i;
        else
            s->rows[s->n_rows++] = i;
    for (size_t k = 0; k < s->d; k++) s->input_mean[k] = (float)distill->train->mean_phi[k];
    for (size_t k = 0; k < s->l; k++) s->output_mean[k] = (float)start->train->mean_y[k];
    if ((st = read_map(s, start->map)) != SNNK_OK) return st;
    st = snnk__student_solve(distill, start, s->groups[PSI].value, s->groups[BIAS].value);
    if (st != SNNK_OK) return st;
    /* The bias was solved for linear features of raw inputs. For centered ones it is larger by Psi
     * G mean. */
    for (size_t i = 0; i < s->l; i++) {
        double shift = 0;

        for (size_t j = 0; j < s->r; j++) {
            double feature = 0;

            for (size_t k = 0; k < s->d; k++)
                feature += (double)s->groups[ROWS].value[j * s->d + k] * s->input_mean[k];
            shift += (double)s->groups[PSI].value[i * s->m + j] * feature;
        }
        s->groups[BIAS].value[i] += (float)shift;
    }
    s->all_steps = ceil((double)s->n_rows / (double)s->batch) * distill->config.epochs;
    normalise(s, start);
    linear_to_relu(s);
    set_steps(s);
    return SNNK_OK;
}

/* ---- One step ---- */

/* Copy the rows with these numbers into X and Y, centered and scaled. */
static void gather(refinement *s, size_t n, const size_t *which) {
    const snnk_distill *from = s->distill;

    for (size_t i = 0; i < n; i++) {
        const float *x = from->X + which[i] * from->ldx, *y = from->Y + which[i] * from->ldy;

        for (size_t k = 0; k < s->d; k++) s->X[i * s->d + k] = x[k] - s->input_mean[k];
        for (size_t k = 0; k < s->l; k++)
            s->Y[i * s->l + k] = (y[k] - s->output_mean[k]) / s->output_scale;
    }
}

/* Compute Z, Phi, and E = Psi Phi + bias - Y. */
static int forward(refinement *s, size_t n) {
    const size_t m = s->m, r = s->r, l = s->l;
    int st = SNNK_OK;

    snnk__product_transposed(n, m, s->d, s->X, s->groups[ROWS].value, s->Z);
    for (size_t i = 0; i < n && st == SNNK_OK; i++) {
        float *z = s->Z + i * m, *phi = s->Phi + i * m;

        for (size_t j = 0; j < m; j++) z[j] += s->groups[OFFSETS].value[j];
        memcpy(phi, z, r * sizeof *phi);
        st = snnk_activation_eval(s->activation, m - r, z + r, phi + r);
    }
    snnk__product_transposed(n, l, m, s->Phi, s->groups[PSI].value, s->E);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < l; k++)
            s->E[i * l + k] += s->groups[BIAS].value[k] - s->Y[i * l + k];
    return st;
}

static void sum_columns(size_t n, size_t columns, float scale, const float *A, float *sums) {
    for (size_t j = 0; j < columns; j++) sums[j] = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < columns; j++) sums[j] += scale * A[i * columns + j];
}

/* Compute the gradients of the mean of |E|^2/2. Overwrites Phi and Z. */
static int backward(refinement *s, size_t n) {
    const size_t m = s->m, r = s->r, l = s->l;
    const float scale = 1 / (float)n;
    int st = SNNK_OK;

    snnk__product_of_columns(l, m, n, scale, s->E, s->Phi, s->groups[PSI].gradient);
    sum_columns(n, l, scale, s->E, s->groups[BIAS].gradient);
    snnk__product(n, m, l, s->E, s->groups[PSI].value, s->Phi);
    for (size_t i = 0; i < n && st == SNNK_OK; i++) {
        float *z = s->Z + i * m, *back = s->Phi + i * m;

        st = snnk_activation_derivative(s->activation, m - r, z + r, z + r);
        for (size_t j = r; j < m; j++) back[j] *= z[j];
    }
    snnk__product_of_columns(m, s->d, n, scale, s->Phi, s->X, s->groups[ROWS].gradient);
    sum_columns(n, m, scale, s->Phi, s->groups[OFFSETS].gradient);
    for (size_t j = 0; j < r; j++)
        s->groups[OFFSETS].gradient[j] = 0; /* the bias has the same effect */
    return st;
}

static void adam(group *p, float rate, uint64_t step) {
    const double keep = 0.9, keep_square = 0.999;
    const float unbias = (float)(1 / (1 - pow(keep, (double)step)));
    const float unbias_square = (float)(1 / (1 - pow(keep_square, (double)step)));
    const float by = rate * p->step * unbias;

    for (size_t i = 0; i < p->count; i++) {
        const float g = p->gradient[i];

        p->mean[i] += (float)(1 - keep) * (g - p->mean[i]);
        p->square[i] += (float)(1 - keep_square) * (g * g - p->square[i]);
        p->value[i] -= by * p->mean[i] / (sqrtf(p->square[i] * unbias_square) + 1e-12f);
    }
}

/* ---- Epochs ---- */

static int report_progress(const refinement *s) {
    return snnk__progress_count(s->distill->progress, (double)s->steps, s->all_steps);
}

/* Put the rows into another order (Fisher & Yates). */
static void shuffle(refinement *s, int32_t epoch) {
    for (size_t i = s->n_rows; i-- > 1;) {
        double u;

        snnk__random_uniform(s->distill->config.seed, SNNK__STREAM_SHUFFLE, i, (uint32_t)epoch, 1,
                             &u);
        const size_t j = (size_t)(u * (double)(i + 1)), kept = s->rows[i];

        s->rows[i] = s->rows[j];
        s->rows[j] = kept;
    }
}

static int run_epoch(refinement *s, int32_t epoch) {
    const double pi = 3.14159265358979323846;
    int st = SNNK_OK;

    shuffle(s, epoch);
    for (size_t i = 0; i < s->n_rows && st == SNNK_OK; i += s->batch) {
        const size_t n = snnk__min_size(s->batch, s->n_rows - i);
        const float rate = (float)(0.5 * (1 + cos(pi * (double)s->steps / s->all_steps)));

        gather(s, n, s->rows + i);
        if ((st = forward(s, n)) == SNNK_OK) st = backward(s, n);
        s->steps++;
        for (int k = 0; k < GROUPS; k++) adam(&s->groups[k], rate, s->steps);
        if (st == SNNK_OK) st = report_progress(s);
    }
    return st;
}

/* Set *explained to what the present values explain on the held-out rows. */
static int judge(refinement *s, const snnk__student *start, double *explained) {
    double errors = 0;
    int st = SNNK_OK;

    for (size_t i = 0; i < s->n_heldout && st == SNNK_OK; i += s->batch) {
        const size_t n = snnk__min_size(s->batch, s->n_heldout - i);

        gather(s, n, s->heldout + i);
        if ((st = forward(s, n)) == SNNK_OK) st = report_progress(s);
        for (size_t k = 0; k < n * s->l; k++) errors += (double)s->E[k] * s->E[k];
    }
    *explained =
        1 - errors * s->output_scale * s->output_scale / snnk__distill_squares(start->heldout);
    return st;
}

/* Create the map of the best rows, for raw inputs. */
static int make_map(const refinement *s, snnk_map **map) {
    const float *G = s->groups[ROWS].best;
    float *c = s->groups[OFFSETS].best;

    for (size_t j = s->r; j < s->m; j++) {
        double offset = c[j];

        for (size_t k = 0; k < s->d; k++) offset -= (double)G[j * s->d + k] * s->input_mean[k];
        c[j] = (float)offset;
    }
    return snnk__student_map_of_rows(s->distill, s->r, s->m, G, c, map);
}

/* Run all epochs. *explained: by the best one so far, for the progress function. *epochs: its
 * number. */
static int run(refinement *s, const snnk__student *start, double *explained, int32_t *epochs) {
    const snnk_distill_config *config = &s->distill->config;
    const int32_t patience = config->epochs / 2 > PATIENCE ? config->epochs / 2 : PATIENCE;
    double best = -INFINITY;
    int st;

    for (int32_t epoch = 0; epoch < config->epochs && epoch - *epochs < patience; epoch++) {
        double now;

        if ((st = run_epoch(s, epoch)) != SNNK_OK) return st;
        if ((st = judge(s, start, &now)) != SNNK_OK) return st;
        if (!(now > best)) continue;
        best = now;
        *explained = best;
        *epochs = epoch + 1;
        for (int k = 0; k < GROUPS; k++)
            memcpy(s->groups[k].best, s->groups[k].value, s->groups[k].count * sizeof(float));
    }
    return SNNK_OK;
}

/* Copy a student. */
static int copy_student(const snnk_distill *distill, const snnk__student *start,
                        snnk__student *other) {
    int st = snnk__lstsq_clone(start->train, &distill->allocator, &other->train);

    if (st == SNNK_OK) st = snnk__lstsq_clone(start->heldout, &distill->allocator, &other->heldout);
    if (st != SNNK_OK) {
        snnk__student_free(other);
        return st;
    }
    other->map = snnk_map_retain(start->map);
    other->ridge = start->ridge;
    other->explained = start->explained;
    return SNNK_OK;
}

int snnk__distill_refine(const snnk_distill *distill, const snnk__student *start, size_t *linear,
                         snnk_workspace *workspace, double *explained, snnk__student *refined,
                         int32_t *epochs) {
    refinement s = {.distill = distill,
                    .d = distill->d,
                    .l = distill->l,
                    .m = start->map->features,
                    .r = *linear,
                    .batch = (size_t)distill->config.batch,
                    .activation = distill->candidate_config.activation};
    snnk_map *map;
    int st;

    *refined = (snnk__student){0};
    *epochs = 0;
    if ((st = refinement_alloc(&s)) != SNNK_OK) goto done;
    if ((st = start_from(&s, start)) != SNNK_OK) goto done;
    if ((st = run(&s, start, explained, epochs)) != SNNK_OK) goto done;
    if (*epochs > 0) { /* otherwise no epoch had a finite error */
        if ((st = make_map(&s, &map)) != SNNK_OK) goto done;
        if ((st = snnk__student_fit(distill, map, workspace, refined)) != SNNK_OK) goto done;
        if (refined->explained > start->explained) {
            *linear = s.r;
            goto done;
        }
        snnk__student_free(refined);
    }
    *epochs = 0;
    st = copy_student(distill, start, refined);
done:
    refinement_free(&s);
    return st;
}
