#include "compress.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "common.h"

enum {
    HIDDEN = 1536,
    RUN = 32 /* about the number of tokens of one text, which are held out
                                * together */
};

double wall_seconds(void) {
    struct timespec now;

    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static snnk_workspace *make_workspace(const distill_options *options) {
    snnk_workspace *made;

    CHECK(snnk_workspace_create(options->threads, NULL, &made));
    return made;
}

snnk_network *network_of(snnk_layer *layer) {
    snnk_network *made;

    CHECK(snnk_network_create(NULL, &made));
    CHECK(snnk_network_append(made, layer));
    snnk_layer_free(layer);
    return made;
}

/* ---- Rows ---- */

static float *outputs_of(const snnk_network *network, size_t n, const float *X) {
    float *Y = allocate(n * ENCODER_WIDTH, sizeof *Y);

    CHECK(snnk_network_forward(network, n, X, ENCODER_WIDTH, Y, ENCODER_WIDTH, NULL));
    return Y;
}

/* 1 - (squared errors)/(squared deviations from the mean). */
static double explained_by(const snnk_network *network, const part_rows *rows) {
    float *Y = outputs_of(network, rows->n, rows->X);
    double errors = 0, deviations = 0;

    for (size_t j = 0; j < ENCODER_WIDTH; j++) {
        double sum = 0, squares = 0;

        for (size_t k = j; k < rows->n * ENCODER_WIDTH; k += ENCODER_WIDTH) {
            const double y = rows->Y[k], error = y - Y[k];

            sum += y;
            squares += y * y;
            errors += error * error;
        }
        deviations += squares - sum * sum / (double)rows->n;
    }
    free(Y);
    return 1 - errors / deviations;
}

/* ---- Distilled ---- */

void student_free(student *made) {
    snnk_network_free(made->network);
    made->network = NULL;
}

static snnk_distill_config config_of(const distill_options *options, encoder_part part) {
    snnk_distill_config config;

    CHECK(snnk_distill_config_init(&config, sizeof config));
    config.heldout_block_rows = part == ENCODER_POOLER ? 1 : RUN;
    config.tier = options->tier;
    config.epochs = options->epochs;
    return config;
}

static student solve(const snnk_distill *distill, size_t features, int with_report,
                     snnk_workspace *workspace) {
    student made = {NULL, {0}, NAN, 0};
    snnk_layer *layer;

    made.report.size = sizeof made.report;
    CHECK(snnk_distill_solve(distill, features, workspace, with_report ? &made.report : NULL,
                             &layer));
    made.network = network_of(layer);
    return made;
}

static snnk_distill *start_distilling(const sentence_encoder *encoder, encoder_part part, size_t n,
                                      const float *X, const float *Y,
                                      const distill_options *options, snnk_workspace *workspace) {
    const snnk_network *dense = encoder_dense(encoder, part);
    const snnk_distill_config config = config_of(options, part);
    snnk_distill *made;

    CHECK(snnk_distill_create(snnk_network_layer(dense, 0), snnk_network_layer(dense, 1),
                              SNNK_ROWS(.n = n, .X = X, .Y = Y), &config, workspace, &made));
    return made;
}

void distill_part(const sentence_encoder *encoder, encoder_part part, const part_rows *fit,
                  const part_rows *judge, const distill_options *options, size_t n,
                  const size_t *features, student *students) {
    snnk_workspace *workspace = make_workspace(options);
    double begin = wall_seconds();
    snnk_distill *distill =
        start_distilling(encoder, part, fit->n, fit->X, fit->Y, options, workspace);

    for (size_t k = 0; k < n; k++, begin = wall_seconds()) {
        students[k] = solve(distill, features[k], judge != NULL, workspace);
        students[k].seconds = wall_seconds() - begin;
        if (judge) students[k].explained = explained_by(students[k].network, judge);
    }
    snnk_distill_free(distill);
    snnk_workspace_free(workspace);
}

student distill_behind(sentence_encoder *encoder, const token_list *list, const part_rows *fit,
                       const distill_options *options, size_t features) {
    snnk_workspace *workspace = make_workspace(options);
    double begin;
    part_rows rows;
    snnk_distill *distill;
    student made;

    encoder_rows(encoder, list, (part_rows *[ENCODER_PARTS]){[ENCODER_FFN_1] = &rows});
    begin = wall_seconds();
    for (size_t k = 0; k < rows.n * ENCODER_WIDTH; k++)
        rows.Y[k] = fit->sums[k] + fit->Y[k] - rows.sums[k];
    distill = start_distilling(encoder, ENCODER_FFN_1, rows.n, rows.X, rows.Y, options, workspace);
    made = solve(distill, features, 0, workspace);
    made.seconds = wall_seconds() - begin;
    snnk_distill_free(distill);
    part_rows_free(&rows);
    snnk_workspace_free(workspace);
    return made;
}

/* ---- One for both blocks ---- */

/* The neurons of both blocks as features. */
static snnk_map *neurons_of_both(const sentence_encoder *encoder) {
    const size_t size = (size_t)HIDDEN * ENCODER_WIDTH;
    float *G = allocate(2 * size, sizeof *G), *offsets = allocate(2 * HIDDEN, sizeof *offsets);
    snnk_map_config config;
    snnk_map *map;

    for (size_t i = 0; i < 2; i++)
        CHECK(snnk_layer_weights(
            snnk_network_layer(encoder_dense(encoder, (encoder_part)(ENCODER_FFN_0 + i)), 0),
            G + i * size, ENCODER_WIDTH, offsets + i * HIDDEN));
    CHECK(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_ELEMENTWISE;
    config.activation = SNNK_RELU;
    CHECK(snnk_map_create_from_rows(ENCODER_WIDTH, (size_t)2 * HIDDEN, G, ENCODER_WIDTH, offsets,
                                    &config, NULL, &map));
    free(offsets);
    free(G);
    return map;
}

/* Join the rows of both blocks, n each. */
static float *join(size_t n, const float *first, const float *second) {
    float *both = allocate(2 * n * ENCODER_WIDTH, sizeof *both);

    memcpy(both, first, n * ENCODER_WIDTH * sizeof *both);
    memcpy(both + n * ENCODER_WIDTH, second, n * ENCODER_WIDTH * sizeof *both);
    return both;
}

void distill_shared(const sentence_encoder *encoder, const part_rows fit[2],
                    const part_rows judge[2], const distill_options *options, size_t n,
                    const size_t *features, student *students) {
    snnk_workspace *workspace = make_workspace(options);
    const snnk_distill_config config = config_of(options, ENCODER_FFN_0);
    snnk_map *neurons = neurons_of_both(encoder);
    float *X = join(fit[0].n, fit[0].X, fit[1].X), *Y = join(fit[0].n, fit[0].Y, fit[1].Y);
    double begin = wall_seconds();
    snnk_distill *distill;

    CHECK(snnk_distill_create_from_samples(neurons, ENCODER_WIDTH,
                                           SNNK_ROWS(.n = 2 * fit[0].n, .X = X, .Y = Y), &config,
                                           workspace, &distill));
    for (size_t k = 0; k < n; k++, begin = wall_seconds()) {
        students[k] = solve(distill, features[k], 1, workspace);
        students[k].seconds = wall_seconds() - begin;
        students[k].explained = (explained_by(students[k].network, &judge[0]) +
                                 explained_by(students[k].network, &judge[1])) /
                                2;
    }
    snnk_distill_free(distill);
    free(Y);
    free(X);
    snnk_map_free(neurons);
    snnk_workspace_free(workspace);
}

/* ---- The pooler ---- */

/* W and b of the pooler. */
static void pooler_weights(const sentence_encoder *encoder, float **W, float **b) {
    *W = allocate(ENCODER_WIDTH * ENCODER_WIDTH, sizeof **W);
    *b = allocate(ENCODER_WIDTH, sizeof **b);
    CHECK(snnk_layer_weights(snnk_network_layer(encoder_dense(encoder, ENCODER_POOLER), 0), *W,
                             ENCODER_WIDTH, *b));
}

/* Fit D x + e to Y by least squares. */
static void fit_linear(size_t n, const float *X, const float *Y, snnk_workspace *workspace,
                       float *D, float *e) {
    snnk_map_config config;
    snnk_map *map;
    snnk_fit *fit;
    snnk_layer *layer;

    CHECK(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_IDENTITY;
    CHECK(snnk_map_create(ENCODER_WIDTH, &config, NULL, &map));
    CHECK(snnk_fit_create(map, ENCODER_WIDTH, NULL, &fit));
    CHECK(snnk_fit_add(
        fit, SNNK_ROWS(.n = n, .X = X, .ldx = ENCODER_WIDTH, .Y = Y, .ldy = ENCODER_WIDTH),
        workspace));
    CHECK(snnk_fit_solve(fit, workspace, NULL, &layer));
    CHECK(snnk_layer_weights(layer, D, ENCODER_WIDTH, e));
    snnk_layer_free(layer);
    snnk_fit_free(fit);
    snnk_map_free(map);
}

snnk_network *refit_pooler(sentence_encoder *encoder, const token_list *list, const part_rows *fit,
                           const distill_options *options) {
    const size_t size = (size_t)ENCODER_WIDTH * ENCODER_WIDTH;
    snnk_workspace *workspace = make_workspace(options);
    part_rows rows;
    float *W, *b, *D = allocate(size, sizeof *D), *e = allocate(ENCODER_WIDTH, sizeof *e);
    float *lost = allocate(list->n_texts * ENCODER_WIDTH, sizeof *lost);
    snnk_layer *linear, *made;

    encoder_rows(encoder, list, (part_rows *[ENCODER_PARTS]){[ENCODER_POOLER] = &rows});
    /* The targets: W (x of the original - x). */
    pooler_weights(encoder, &W, &b);
    CHECK(snnk_layer_create_dense(ENCODER_WIDTH, ENCODER_WIDTH, W, ENCODER_WIDTH, NULL,
                                  SNNK_IDENTITY, NULL, &linear));
    for (size_t k = 0; k < rows.n * ENCODER_WIDTH; k++) lost[k] = fit->X[k] - rows.X[k];
    CHECK(
        snnk_layer_forward(linear, rows.n, lost, ENCODER_WIDTH, rows.Y, ENCODER_WIDTH, workspace));
    fit_linear(rows.n, rows.X, rows.Y, workspace, D, e);
    for (size_t k = 0; k < size; k++) W[k] += D[k];
    for (size_t k = 0; k < ENCODER_WIDTH; k++) b[k] += e[k];
    CHECK(snnk_layer_create_dense(ENCODER_WIDTH, ENCODER_WIDTH, W, ENCODER_WIDTH, b, SNNK_TANH,
                                  NULL, &made));
    snnk_layer_free(linear);
    free(lost);
    free(e);
    free(D);
    free(b);
    free(W);
    part_rows_free(&rows);
    snnk_workspace_free(workspace);
    return network_of(made);
}

random_student pooler_by_urf(const sentence_encoder *encoder, const part_rows *fit,
                             const part_rows *judge, size_t features) {
    random_student made = {NULL, {0}, NAN};
    snnk_urf_config config;
    snnk_layer *layer;
    float *W, *b;
    int status;

    pooler_weights(encoder, &W, &b);
    CHECK(snnk_urf_config_init(&config, sizeof config));
    config.features = features;
    made.report.size = sizeof made.report;
    status = snnk_layer_create_from_dense(ENCODER_WIDTH, ENCODER_WIDTH, W, ENCODER_WIDTH, b,
                                          SNNK_TANH, SNNK_ROWS(.n = fit->n, .X = fit->X), &config,
                                          &made.report, &layer);
    if (status == SNNK_OK) {
        made.network = network_of(layer);
        made.explained = explained_by(made.network, judge);
    } else if (status != SNNK_E_RANGE) {
        fprintf(stderr, "cannot replace the pooler by random features: %s\n", snnk_last_error());
        exit(1);
    }
    free(b);
    free(W);
    return made;
}
