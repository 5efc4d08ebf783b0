/* Training by Adam (<snnk/train.h>) of the rows of G, the offsets, Psi and the bias at once, for
 * the squared error of y = Psi f(G x + c) + bias; then Psi in closed form again. Inputs are
 * centered. Outputs, and at the start features, are scaled to a root mean square of 1, so that one
 * relative step size fits all. */
#include "distill/refine.h"

#include <math.h>
#include <string.h>

#include "base/size.h"
#include "base/workspace.h"
#include "distill/collect.h"
#include "distill/student_map.h"
#include "solve/lstsq.h"
#include "train/run.h"

/* Stop after this many epochs without a better one, or after half of all epochs if that is more,
 * because errors go up and down with the large steps of the beginning. */
#define PATIENCE 5

/* Offsets move by this share of the size of a feature, which is 1, when others move by their own
 * size. */
#define OFFSET_STEP 0.05

/* A linear feature z becomes relu(z + RELU_SHIFT), z in standard deviations: 7 of 100 normal rows
 * are below the kink. */
#define RELU_SHIFT 1.5F

typedef struct refinement {
    const snnk_distill *distill;
    snnk_workspace *workspace;
    size_t d, l, m, r; /* features r ... m-1 have an activation */
    int32_t activation;
    float *G, *offsets, *Psi, *bias; /* starting values: m x d, m, l x m, l */
    float *input_mean, *output_mean; /* d, l */
    float output_scale;              /* outputs are divided by this */
    size_t n_rows, n_heldout;
    size_t *rows; /* the numbers of the rows to fit, and from the end on those of held-out rows */
    float *X, *Y; /* rows that are read at a time, centered and scaled; the held-out ones first */
    double heldout_squares; /* of the targets of all held-out rows */
    double *explained;
} refinement;

static void refinement_free(refinement *s) {
    void *const arrays[] = {s->G,           s->offsets, s->Psi, s->bias, s->input_mean,
                            s->output_mean, s->rows,    s->X,   s->Y};

    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        snnk__free(&s->distill->allocator, arrays[i]);
}

static int alloc(const refinement *s, size_t rows, size_t columns, float **array) {
    size_t count;

    if (!snnk__mul_size(rows, columns, &count))
        return snnk__fail(SNNK_E_SIZE, "%zu x %zu weights overflow size_t", rows, columns);
    return snnk__alloc_zero(&s->distill->allocator, count, sizeof **array, "weights to learn",
                            array);
}

static int refinement_alloc(refinement *s) {
    int st;

    if ((st = alloc(s, s->m, s->d, &s->G)) != SNNK_OK) return st;
    if ((st = alloc(s, s->m, 1, &s->offsets)) != SNNK_OK) return st;
    if ((st = alloc(s, s->l, s->m, &s->Psi)) != SNNK_OK) return st;
    if ((st = alloc(s, s->l, 1, &s->bias)) != SNNK_OK) return st;
    if ((st = alloc(s, s->d, 1, &s->input_mean)) != SNNK_OK) return st;
    if ((st = alloc(s, s->l, 1, &s->output_mean)) != SNNK_OK) return st;
    return snnk__alloc(&s->distill->allocator, s->distill->n, sizeof *s->rows, "an order",
                       &s->rows);
}

/* ---- Starting values ---- */

/* Read the map's rows, and its offsets for centered inputs. */
static int read_map(refinement *s, const snnk_map *map) {
    float *G = s->G, *c = s->offsets;
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

/* Scale features and outputs to a root mean square of 1. Features can be scaled by their row of G
 * only if f is homogeneous (relu, identity); others keep their rows. */
static void normalise(refinement *s, const snnk__student *start) {
    float *G = s->G, *c = s->offsets, *Psi = s->Psi;
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
        s->bias[i] = (s->bias[i] - s->output_mean[i]) / s->output_scale;
}

/* For a relu teacher, write linear features as relu(z + RELU_SHIFT): nearly the same on most rows,
 * and the gradient can make use of the kink. */
static void linear_to_relu(refinement *s) {
    if (s->activation != SNNK_RELU) return;
    for (size_t j = 0; j < s->r; j++) {
        s->offsets[j] = RELU_SHIFT;
        for (size_t i = 0; i < s->l; i++) s->bias[i] -= RELU_SHIFT * s->Psi[i * s->m + j];
    }
    s->r = 0;
}

/* Set the starting values from a student. */
static int start_from(refinement *s, const snnk__student *start) {
    const snnk_distill *distill = s->distill;
    int st;

    for (size_t i = 0; i < distill->n; i++)
        if (snnk__distill_is_heldout(distill, i))
            s->rows[distill->n - ++s->n_heldout] = i;
        else
            s->rows[s->n_rows++] = i;
    for (size_t k = 0; k < s->d; k++) s->input_mean[k] = (float)distill->train->mean_phi[k];
    for (size_t k = 0; k < s->l; k++) s->output_mean[k] = (float)start->train->mean_y[k];
    if ((st = read_map(s, start->map)) != SNNK_OK) return st;
    if ((st = snnk__student_solve(distill, start, s->Psi, s->bias)) != SNNK_OK) return st;
    /* The bias was solved for linear features of raw inputs. For centered ones it is larger by Psi
     * G mean. */
    for (size_t i = 0; i < s->l; i++) {
        double shift = 0;

        for (size_t j = 0; j < s->r; j++) {
            double feature = 0;

            for (size_t k = 0; k < s->d; k++)
                feature += (double)s->G[j * s->d + k] * s->input_mean[k];
            shift += (double)s->Psi[i * s->m + j] * feature;
        }
        s->bias[i] += (float)shift;
    }
    normalise(s, start);
    linear_to_relu(s);
    return SNNK_OK;
}

/* ---- Rows ---- */

/* Rows that are copied, centered and scaled. */
typedef struct rows_to_gather {
    const refinement *s;
    const size_t *which;
    float *X, *Y;
} rows_to_gather;

static void gather_rows(size_t first, size_t count, void *scratch, void *context) {
    const rows_to_gather *of = context;
    const refinement *s = of->s;
    const snnk_distill *from = s->distill;

    (void)scratch;
    for (size_t i = first; i < first + count; i++) {
        const float *x = from->X + of->which[i] * from->ldx,
                    *y = from->Y + of->which[i] * from->ldy;

        for (size_t k = 0; k < s->d; k++) of->X[i * s->d + k] = x[k] - s->input_mean[k];
        for (size_t k = 0; k < s->l; k++)
            of->Y[i * s->l + k] = (y[k] - s->output_mean[k]) / s->output_scale;
    }
}

/* Copy n rows with these numbers. */
static void gather(const refinement *s, size_t n, const size_t *which, float *X, float *Y) {
    snnk__for_rows(s->workspace, NULL, n, 0, gather_rows, &(rows_to_gather){s, which, X, Y});
}

/* Read rows for the trainer, behind the held-out ones. */
static int read_rows(void *user, uint64_t first, size_t count, snnk_rows *rows) {
    const refinement *s = user;
    float *X = s->X + s->n_heldout * s->d, *Y = s->Y + s->n_heldout * s->l;

    gather(s, count, s->rows + (size_t)first, X, Y);
    rows->n = count;
    rows->X = X;
    rows->Y = Y;
    return SNNK_OK;
}

/* ---- Training ---- */

/* Create the network of the starting values. */
static int make_network(const refinement *s, snnk_network **network) {
    snnk_map *map = NULL;
    snnk_layer *layer = NULL;
    int st = snnk__student_map_of_rows(s->distill, s->r, s->m, s->G, s->offsets, &map);

    if (st == SNNK_OK) st = snnk_layer_create(map, s->l, s->Psi, s->m, s->bias, &layer);
    if (st == SNNK_OK) st = snnk_network_create(&s->distill->allocator, network);
    if (st == SNNK_OK) st = snnk_network_append(*network, layer);
    snnk_layer_free(layer);
    snnk_map_free(map);
    return st;
}

static int tell_explained(void *user, const snnk_trainer *trainer) {
    const refinement *s = user;
    const double scale = (double)s->output_scale * s->output_scale * (double)s->n_heldout;

    *s->explained = 1 - snnk__trainer_best_loss(trainer) * scale / s->heldout_squares;
    return 0;
}

static int make_trainer(refinement *s, snnk_trainer **trainer) {
    const snnk_distill_config *ours = &s->distill->config;
    snnk_network *network = NULL;
    snnk_train_config config;
    int st;

    if ((st = snnk_train_config_init(&config, sizeof config)) != SNNK_OK) return st;
    config.seed = ours->seed;
    config.loss = SNNK_LOSS_SQUARED;
    config.rate = ours->learning_rate;
    config.rows_rate = 1;
    config.epsilon = 1e-12;
    config.epochs = (uint64_t)ours->epochs;
    config.batch = snnk__min_size((size_t)ours->batch, s->n_rows);
    config.patience = (uint64_t)(ours->epochs / 2 > PATIENCE ? ours->epochs / 2 : PATIENCE);
    config.after_epoch = tell_explained;
    config.user = s;
    st = make_network(s, &network);
    if (st == SNNK_OK) st = snnk_trainer_create(network, &config, trainer);
    if (st == SNNK_OK)
        st = snnk_trainer_set_rate(*trainer, 0, SNNK_PART_OFFSETS,
                                   OFFSET_STEP / snnk__root_mean_square(s->m * s->d, s->G));
    snnk_network_free(network);
    return st;
}

static int train(refinement *s, snnk_trainer *trainer, snnk_train_report *report) {
    const size_t run = snnk__max_size(SNNK__DISTILL_BLOCK, (size_t)s->distill->config.batch / 64);
    const size_t each = s->n_heldout + snnk__min_size(s->n_rows, run + 1);
    snnk_rows heldout = {.size = sizeof heldout, .n = s->n_heldout};
    const snnk_train_source source = {.size = sizeof source,
                                      .rows = s->n_rows,
                                      .read = read_rows,
                                      .user = s,
                                      .window = 64 * run + 63}; /* it is read in 64 runs */
    int st;

    if ((st = alloc(s, each, s->d, &s->X)) != SNNK_OK) return st;
    if ((st = alloc(s, each, s->l, &s->Y)) != SNNK_OK) return st;
    gather(s, s->n_heldout, s->rows + s->n_rows, s->X, s->Y);
    heldout.X = s->X;
    heldout.Y = s->Y;
    return snnk__trainer_run_source(trainer, &source, &heldout, s->workspace, s->distill->progress,
                                    report);
}

/* Create the map of the trained rows, for raw inputs. */
static int make_map(refinement *s, const snnk_trainer *trainer, snnk_map **map) {
    snnk_network *network;
    int st;

    if ((st = snnk_trainer_network(trainer, &network)) != SNNK_OK) return st;
    for (size_t k = 0; k < s->d; k++) s->input_mean[k] = -s->input_mean[k];
    st = read_map(s, snnk_layer_map(snnk_network_layer(network, 0)));
    if (st == SNNK_OK)
        st = snnk__student_map_of_rows(s->distill, s->r, s->m, s->G, s->offsets, map);
    snnk_network_free(network);
    return st;
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
                    .workspace = workspace,
                    .d = distill->d,
                    .l = distill->l,
                    .m = start->map->features,
                    .r = *linear,
                    .activation = distill->candidate_config.activation,
                    .heldout_squares = snnk__distill_squares(start->heldout),
                    .explained = explained};
    snnk_train_report report = {.size = sizeof report};
    snnk_trainer *trainer = NULL;
    snnk__sentence before;
    snnk_map *map;
    int st;

    *refined = (snnk__student){0};
    *epochs = 0;
    if ((st = refinement_alloc(&s)) != SNNK_OK) goto done;
    if ((st = start_from(&s, start)) != SNNK_OK) goto done;
    if ((st = make_trainer(&s, &trainer)) != SNNK_OK) goto done;
    snnk__sentence_save(&before);
    st = train(&s, trainer, &report);
    /* The best epoch before is still good. */
    if (st == SNNK_E_NONFINITE) st = snnk__recovered(SNNK_OK, &before);
    if (st != SNNK_OK) goto done;
    *epochs = (int32_t)snnk__trainer_best_epoch(trainer);
    if (*epochs > 0) { /* otherwise no epoch was better */
        if ((st = make_map(&s, trainer, &map)) != SNNK_OK) goto done;
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
    snnk_trainer_free(trainer);
    refinement_free(&s);
    return st;
}
