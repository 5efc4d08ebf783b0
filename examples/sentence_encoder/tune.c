#include "tune.h"

#include <math.h>
#include <string.h>

#include "attention.h"
#include "common.h"
#include "graph.h"

enum { WIDTH = ENCODER_WIDTH, BATCH_TEXTS = 32 };

static float *room_for(size_t rows, size_t width) { return allocate(rows * width, sizeof(float)); }

/* A graph, and what it learns from. */
typedef struct tuning {
    sentence_encoder *encoder;
    graph graph;
} tuning;

static tuning tuning_make(sentence_encoder *encoder, part_set at, const snnk_train_config *config,
                          size_t threads) {
    tuning made = {encoder,
                   graph_make(encoder_middle_of(encoder), at, config, BATCH_TEXTS, threads)};

    graph_freeze(&made.graph, GRAPH_QKV);
    graph_freeze(&made.graph, GRAPH_ATTENTION);
    return made;
}

/* The sum over texts of 1 - cos(t, E), E the wanted embedding, of length 1. Sets d_t to its
 * gradient: (c e - E) / |t| with e = t / |t| and c = e . E. */
static double loss_of(const graph *of, const float *E, const size_t *which) {
    double loss = 0;

    for (size_t i = 0; i < of->n_texts; i++) {
        const float *t = of->t + i * WIDTH, *wanted = E + which[i] * WIDTH;
        float *d_t = of->d_t + i * WIDTH;
        const float scale = 1 / sqrtf(fmaxf(squares_of(WIDTH, t), 1e-12F));
        double cosine = 0;

        for (size_t k = 0; k < WIDTH; k++) cosine += (double)(t[k] * scale) * wanted[k];
        loss += 1 - cosine;
        for (size_t k = 0; k < WIDTH; k++)
            d_t[k] = ((float)cosine * scale * t[k] - wanted[k]) * scale;
    }
    return loss;
}

/* Copy texts which[0 ... n-1] of a list. */
static token_list texts_of(const token_list *all, size_t n, const size_t *which) {
    token_list list = {n, 0, NULL, NULL};

    list.first = allocate(n + 1, sizeof *list.first);
    list.tokens = allocate(n * ENCODER_MOST_TOKENS, sizeof *list.tokens);
    for (size_t i = 0; i < n; i++) {
        const size_t begin = all->first[which[i]], count = all->first[which[i] + 1] - begin;

        memcpy(list.tokens + list.n_tokens, all->tokens + begin, count * sizeof *list.tokens);
        list.n_tokens += count;
        list.first[i + 1] = list.n_tokens;
    }
    return list;
}

/* The sum of the loss over n texts of a list, at most BATCH_TEXTS. with_gradients: add their
 * gradients. */
static double add_texts(tuning *of, const token_list *list, const float *E, size_t n,
                        const size_t *which, int with_gradients) {
    token_list batch = texts_of(list, n, which);
    part_rows rows;
    double loss;

    encoder_rows(of->encoder, &batch, (part_rows *[ENCODER_PARTS]){[ENCODER_FFN_0] = &rows});
    graph_forward(&of->graph, n, batch.first, rows.X, rows.sums);
    loss = loss_of(&of->graph, E, which);
    if (with_gradients) graph_backward(&of->graph);
    part_rows_free(&rows);
    token_list_free(&batch);
    return loss;
}

/* ---- Epochs ---- */

static size_t batch_at(size_t i, size_t n) { return n - i < BATCH_TEXTS ? n - i : BATCH_TEXTS; }

static double mean_cosine_of(tuning *of, const token_list *list, const float *E, size_t n,
                             const size_t *which) {
    double loss = 0;

    for (size_t i = 0; i < n; i += BATCH_TEXTS)
        loss += add_texts(of, list, E, batch_at(i, n), which + i, 0);
    return 1 - loss / (double)n;
}

static void run_epoch(tuning *of, const token_list *list, const float *E, size_t n,
                      const size_t *which, int32_t epoch, int32_t epochs) {
    for (size_t i = 0; i < n; i += BATCH_TEXTS) {
        const size_t count = batch_at(i, n);
        const double done = (epoch + (double)i / (double)n) / epochs;

        add_texts(of, list, E, count, which + i, 1);
        graph_step(&of->graph, 1 / (double)count, graph_schedule(done));
    }
}

tune_result tune(sentence_encoder *encoder, part_set start, const token_list *list, const float *E,
                 tune_options options) {
    const double begin = wall_seconds();
    const size_t n = list->n_texts, n_judge = n / TUNE_HELD_OUT, n_fit = n - n_judge;
    size_t *which = allocate(n, sizeof *which);
    snnk_train_config config;
    tune_result result;
    uint64_t state = 1;
    tuning of;

    CHECK(snnk_train_config_init(&config, sizeof config));
    config.rate = options.rate;
    config.rows_rate = 1;
    of = tuning_make(encoder, start, &config, options.threads);
    for (size_t i = 0; i < n; i++) which[i] = i;
    graph_shuffle(n, which, &state);
    use_parts(encoder, start);
    result.before = mean_cosine_of(&of, list, E, n_judge, which + n_fit);
    for (int32_t epoch = 0; epoch < options.epochs; epoch++) {
        graph_shuffle(n_fit, which, &state);
        run_epoch(&of, list, E, n_fit, which, epoch, options.epochs);
    }
    result.after = mean_cosine_of(&of, list, E, n_judge, which + n_fit);
    use_parts(encoder, (part_set){{NULL}});
    result.set = graph_parts(&of.graph);
    result.seconds = wall_seconds() - begin;
    graph_free(&of.graph);
    free(which);
    return result;
}

/* ---- Check ---- */

enum { CHECKED_TEXTS = 8, CHECKED_FEATURES = 16 };

/* A layer of the first neurons of a dense block. */
static snnk_network *first_neurons(const snnk_network *dense) {
    const snnk_layer *hidden = snnk_network_layer(dense, 0),
                     *readout = snnk_network_layer(dense, 1);
    const size_t h = snnk_layer_outputs(hidden);
    float *W[2] = {room_for(h, WIDTH), room_for(h, WIDTH)},
          *b[2] = {room_for(h, 1), room_for(h, 1)};
    snnk_map_config config;
    snnk_map *map;
    snnk_layer *layer;

    CHECK(snnk_layer_weights(hidden, W[0], WIDTH, b[0]));
    CHECK(snnk_layer_weights(readout, W[1], h, b[1]));
    CHECK(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_ELEMENTWISE;
    config.activation = SNNK_RELU;
    CHECK(
        snnk_map_create_from_rows(WIDTH, CHECKED_FEATURES, W[0], WIDTH, b[0], &config, NULL, &map));
    CHECK(snnk_layer_create(map, WIDTH, W[1], h, b[1], &layer));
    snnk_map_free(map);
    for (int i = 0; i < 2; i++) {
        free(W[i]);
        free(b[i]);
    }
    return network_of(layer);
}

/* One array of numbers of one part. */
typedef struct direction {
    sentence_encoder *encoder;
    part_set set;
    const token_list *list;
    const float *E;
    int part, kind; /* kind: an snnk_layer_part */
} direction;

/* The loss after a step of gradient descent on this array alone, so long that a linear loss would
 * change by `change`. NaN if the gradient is 0. */
static double loss_along(const direction *along, double change) {
    const size_t which[CHECKED_TEXTS] = {0, 1, 2, 3, 4, 5, 6, 7};
    snnk_train_config config;
    double length, loss = NAN;
    tuning of;

    CHECK(snnk_train_config_init(&config, sizeof config));
    config.optimizer = SNNK_OPTIMIZER_SGD;
    config.momentum = 0;
    config.rate = 1;
    of = tuning_make(along->encoder, along->set, &config, 1);
    for (int part = 0; part < ENCODER_PARTS; part++)
        CHECK(snnk_trainer_set_rate(of.graph.trainers[part], 0, -1, 0));
    CHECK(snnk_trainer_set_rate(of.graph.trainers[along->part], 0, along->kind, 1));
    add_texts(&of, along->list, along->E, CHECKED_TEXTS, which, 1);
    length = snnk_trainer_gradient_length(of.graph.trainers[along->part]);
    if (length > 0) {
        CHECK(snnk_trainer_step(of.graph.trainers[along->part], -change / (length * length), 1,
                                NULL));
        loss = add_texts(&of, along->list, along->E, CHECKED_TEXTS, which, 0);
    }
    graph_free(&of.graph);
    return loss;
}

/* The largest error over all numbers of a set. The steps change the loss by 0.0008: large enough
 * that rounding does not matter, and small enough that curvature hardly does. */
static double set_error(direction along) {
    double worst = 0;

    use_parts(along.encoder, along.set);
    for (along.part = 0; along.part < ENCODER_PARTS; along.part++)
        for (along.kind = 0; along.kind < (along.part == ENCODER_POOLER ? 2 : 4); along.kind++) {
            const double change = loss_along(&along, 0.0004) - loss_along(&along, -0.0004),
                         error = fabs(change / 0.0008 - 1);

            worst = fmax(worst, isnan(error) ? INFINITY : error);
        }
    use_parts(along.encoder, (part_set){{NULL}});
    return worst;
}

double tune_gradient_error(sentence_encoder *encoder, const token_list *list) {
    part_set set = {{first_neurons(encoder_dense(encoder, ENCODER_FFN_0)),
                     first_neurons(encoder_dense(encoder, ENCODER_FFN_1)),
                     encoder_dense(encoder, ENCODER_POOLER)}};
    part_set one = {
        {set.parts[ENCODER_FFN_0], set.parts[ENCODER_FFN_0], set.parts[ENCODER_POOLER]}};
    float *E = room_for(list->n_texts, WIDTH);
    double errors[2];

    encoder_embed(encoder, list, E);
    errors[0] = set_error((direction){.encoder = encoder, .set = set, .list = list, .E = E});
    errors[1] = set_error((direction){.encoder = encoder, .set = one, .list = list, .E = E});
    free(E);
    snnk_network_free((snnk_network *)set.parts[ENCODER_FFN_0]);
    snnk_network_free((snnk_network *)set.parts[ENCODER_FFN_1]);
    return fmax(errors[0], errors[1]);
}
