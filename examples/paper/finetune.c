#include "finetune.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../sentence_encoder/classifier.h"

enum { WIDTH = ENCODER_WIDTH };

static float *room_for(size_t rows, size_t width) { return allocate(rows * width, sizeof(float)); }

/* ---- A graph with a head ---- */

typedef struct learner {
    graph graph;
    snnk_trainer *head;
    snnk_record *record;
    size_t first[FINETUNE_BATCH + 1];
    float *X, *sums;             /* of a batch */
    float *E, *d_E, *z, *d_z;    /* embeddings t / |t|, outputs of the head, their gradients */
    float scale[FINETUNE_BATCH]; /* 1 / |t| */
} learner;

static learner learner_make(encoder_middle middle, part_set start, const head *from,
                            const snnk_train_config *config) {
    const size_t rows = (size_t)FINETUNE_BATCH * ENCODER_MOST_TOKENS;
    learner made = {.graph = graph_make(middle, start, config, FINETUNE_BATCH, 1),
                    .X = room_for(rows, WIDTH),
                    .sums = room_for(rows, WIDTH),
                    .E = room_for(FINETUNE_BATCH, WIDTH),
                    .d_E = room_for(FINETUNE_BATCH, WIDTH),
                    .z = room_for(FINETUNE_BATCH, 1),
                    .d_z = room_for(FINETUNE_BATCH, 1)};
    snnk_network *network;
    snnk_layer *layer;

    CHECK(snnk_layer_create_dense(WIDTH, 1, from->B, WIDTH, &from->b, SNNK_IDENTITY, NULL, &layer));
    network = make_network(1, &layer);
    CHECK(snnk_trainer_create(network, config, &made.head));
    CHECK(snnk_record_create(made.head, &made.record));
    snnk_network_free(network);
    return made;
}

static void learner_free(learner *of) {
    graph_free(&of->graph);
    snnk_trainer_free(of->head);
    snnk_record_free(of->record);
    free(of->X);
    free(of->sums);
    free(of->E);
    free(of->d_E);
    free(of->z);
    free(of->d_z);
}

/* Copy the rows of a batch of reviews. */
static void gather(learner *of, const corpus *from, size_t n, const size_t *which) {
    size_t at = 0;

    for (size_t i = 0; i < n; i++) {
        const size_t begin = from->first[which[i]], rows = from->first[which[i] + 1] - begin;

        memcpy(of->X + at * WIDTH, from->X + begin * WIDTH, rows * WIDTH * sizeof *of->X);
        memcpy(of->sums + at * WIDTH, from->sums + begin * WIDTH, rows * WIDTH * sizeof *of->X);
        at += rows;
        of->first[i + 1] = at;
    }
}

/* Compute embeddings and outputs of a batch. */
static void forward(learner *of, const corpus *from, size_t n, const size_t *which) {
    gather(of, from, n, which);
    graph_forward(&of->graph, n, of->first, of->X, of->sums);
    for (size_t i = 0; i < n; i++) {
        const float *t = of->graph.t + i * WIDTH;

        of->scale[i] = 1 / sqrtf(fmaxf(squares_of(WIDTH, t), 1e-12F));
        for (size_t k = 0; k < WIDTH; k++) of->E[i * WIDTH + k] = t[k] * of->scale[i];
    }
    CHECK(snnk_trainer_forward(of->head, n, of->E, WIDTH, of->z, 1, of->record, NULL));
}

/* Backpropagate from d_E. With e = t / |t|, d_t = (d_e - e (e . d_e)) / |t|. */
static void backward_from_embeddings(learner *of) {
    const size_t n = of->graph.n_texts;

    for (size_t i = 0; i < n; i++) {
        const float *e = of->E + i * WIDTH, *d_e = of->d_E + i * WIDTH;
        double along = 0;

        for (size_t k = 0; k < WIDTH; k++) along += (double)e[k] * (double)d_e[k];
        for (size_t k = 0; k < WIDTH; k++)
            of->graph.d_t[i * WIDTH + k] = (d_e[k] - (float)along * e[k]) * of->scale[i];
    }
    graph_backward(&of->graph);
}

/* Backpropagate from d_z. */
static void backward(learner *of) {
    CHECK(snnk_trainer_backward(of->head, of->record, of->E, WIDTH, of->d_z, 1, of->d_E, WIDTH,
                                NULL));
    backward_from_embeddings(of);
}

double log_loss_of(double z, int32_t label, size_t *right) {
    if (!label) z = -z;
    *right += z > 0;
    return z > 0 ? log1p(exp(-z)) : log1p(exp(z)) - z;
}

/* The sum of the cross-entropy over the batch of `forward`. Sets d_z. */
static double loss_of(learner *of, const int32_t *labels, const size_t *which, size_t *right) {
    double loss = 0;

    for (size_t i = 0; i < of->graph.n_texts; i++) {
        const double sign = labels[which[i]] ? 1 : -1, z = (double)of->z[i];

        loss += log_loss_of(z, labels[which[i]], right);
        of->d_z[i] = (float)(-sign / (1 + exp(sign * z)));
    }
    return loss;
}

static size_t batch_at(size_t i, size_t n) {
    return n - i < FINETUNE_BATCH ? n - i : FINETUNE_BATCH;
}

static size_t *numbers_of(slice some) {
    size_t *which = allocate(some.n, sizeof *which);

    for (size_t i = 0; i < some.n; i++) which[i] = some.from + i;
    return which;
}

judgement judge(encoder_middle middle, part_set parts, const head *with, slice by) {
    learner of = learner_make(middle, parts, with, NULL);
    size_t *which = numbers_of(by), right = 0;
    double loss = 0;

    for (size_t i = 0; i < by.n; i += FINETUNE_BATCH) {
        forward(&of, by.of, batch_at(i, by.n), which + i);
        loss += loss_of(&of, by.of->labels, which + i, &right);
    }
    free(which);
    learner_free(&of);
    return (judgement){(double)right / (double)by.n, loss / (double)by.n};
}

float *embeddings(encoder_middle middle, part_set parts, slice some) {
    const head none = {{0}, 0};
    learner of = learner_make(middle, parts, &none, NULL);
    float *E = room_for(some.n, WIDTH);
    size_t *which = numbers_of(some);

    for (size_t i = 0; i < some.n; i += FINETUNE_BATCH) {
        const size_t n = batch_at(i, some.n);

        forward(&of, some.of, n, which + i);
        memcpy(E + i * WIDTH, of.E, n * WIDTH * sizeof *E);
    }
    free(which);
    learner_free(&of);
    return E;
}

part_rows inputs_of_block_1(encoder_middle middle, part_set parts, slice some) {
    const head none = {{0}, 0};
    const size_t *first = some.of->first + some.from, rows = first[some.n] - first[0];
    learner of = learner_make(middle, parts, &none, NULL);
    part_rows made = {.n = rows, .X = room_for(rows, WIDTH), .sums = room_for(rows, WIDTH)};
    size_t *which = numbers_of(some), at = 0;

    for (size_t i = 0; i < some.n; i += FINETUNE_BATCH) {
        const size_t n = batch_at(i, some.n);

        forward(&of, some.of, n, which + i);
        memcpy(made.X + at * WIDTH, of.graph.normed, of.first[n] * WIDTH * sizeof *made.X);
        memcpy(made.sums + at * WIDTH, of.graph.x2, of.first[n] * WIDTH * sizeof *made.X);
        at += of.first[n];
    }
    free(which);
    learner_free(&of);
    return made;
}

head head_fit(size_t n, const float *E, const int32_t *labels) {
    logistic_classifier fitted = classifier_fit(n, WIDTH, E, labels, 2);
    head made;

    for (size_t k = 0; k < WIDTH; k++) made.B[k] = (float)(fitted.B[WIDTH + k] - fitted.B[k]);
    made.b = (float)(fitted.b[1] - fitted.b[0]);
    classifier_free(&fitted);
    return made;
}

/* ---- Fine-tuning ---- */

double thread_seconds(void) {
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static snnk_train_config config_of(const finetune_settings *settings) {
    snnk_train_config config;

    CHECK(snnk_train_config_init(&config, sizeof config));
    config.rate = settings->rate;
    config.snnk_rate = settings->snnk_rate;
    config.rows_rate = settings->rows_rate;
    config.relative = !settings->absolute;
    return config;
}

static const snnk_layer *learned_layer(const snnk_trainer *trainer) {
    snnk_network *network;
    const snnk_layer *made;

    CHECK(snnk_trainer_network(trainer, &network));
    made = snnk_layer_retain(snnk_network_layer(network, 0));
    snnk_network_free(network);
    return made;
}

static head head_of(const learner *of) {
    snnk_network *network;
    head made;

    CHECK(snnk_trainer_network(of->head, &network));
    CHECK(snnk_layer_weights(snnk_network_layer(network, 0), made.B, WIDTH, &made.b));
    snnk_network_free(network);
    return made;
}

/* The rate rises along a line, then falls along a cosine. done: the share of all steps. */
static double factor_at(const finetune_settings *settings, double done) {
    const double warmup = settings->warmup;

    return done < warmup ? done / warmup : graph_schedule((done - warmup) / (1 - warmup));
}

/* The gradient of the loss `wanted` of finetune.h. Of |e - e0|^2 / 2 only -e . e0 changes. */
static void towards(learner *of, const finetune_settings *settings, const head *by,
                    const size_t *which) {
    const double weight = settings->along / fmax((double)squares_of(WIDTH, by->B), 1e-30);

    for (size_t i = 0; i < of->graph.n_texts; i++) {
        const float *wanted = settings->wanted + which[i] * WIDTH, *e = of->E + i * WIDTH;
        double error = 0;

        for (size_t k = 0; k < WIDTH; k++) error += (double)by->B[k] * (double)(e[k] - wanted[k]);
        for (size_t k = 0; k < WIDTH; k++)
            of->d_E[i * WIDTH + k] = (float)(weight * error) * by->B[k] - wanted[k];
    }
    backward_from_embeddings(of);
}

static void run_epoch(learner *of, const head *start, slice fit, size_t *which,
                      const finetune_settings *settings, uint64_t epoch) {
    for (size_t i = 0; i < fit.n; i += FINETUNE_BATCH) {
        const size_t n = batch_at(i, fit.n);
        const double done = ((double)epoch + (double)i / (double)fit.n) / (double)settings->epochs;
        const double factor = factor_at(settings, done);
        size_t right = 0;

        forward(of, fit.of, n, which + i);
        if (settings->wanted) {
            towards(of, settings, start, which + i);
        } else {
            loss_of(of, fit.of->labels, which + i, &right);
            backward(of);
            CHECK(snnk_trainer_step(of->head, 1 / (double)n, factor, NULL));
        }
        graph_step(&of->graph, 1 / (double)n, factor);
    }
}

finetuned finetune(encoder_middle middle, part_set start, const head *from, slice fit,
                   const finetune_settings *settings) {
    const double begin = thread_seconds();
    const snnk_train_config config = config_of(settings);
    learner of = learner_make(middle, start, from, &config);
    size_t *which = numbers_of(fit);
    uint64_t state = settings->seed;
    finetuned made;

    for (int k = GRAPH_QKV; k <= GRAPH_ATTENTION; k++)
        CHECK(snnk_trainer_set_rate(of.graph.trainers[k], 0, -1, settings->attention));
    if (settings->freeze) settings->freeze(&of.graph);
    for (uint64_t epoch = 0; epoch < settings->epochs; epoch++) {
        graph_shuffle(fit.n, which, &state);
        run_epoch(&of, from, fit, which, settings, epoch);
    }
    made = (finetuned){.middle = middle, .parts = graph_parts(&of.graph), .head = head_of(&of)};
    made.middle.qkv = learned_layer(of.graph.trainers[GRAPH_QKV]);
    made.middle.attention_output = learned_layer(of.graph.trainers[GRAPH_ATTENTION]);
    made.trainable = (size_t)graph_parameters(&of.graph) + (size_t)snnk_trainer_parameters(of.head);
    made.seconds = thread_seconds() - begin;
    free(which);
    learner_free(&of);
    return made;
}

void finetuned_free(finetuned *made) {
    part_set_free(made->parts);
    snnk_layer_free((snnk_layer *)made->middle.qkv);
    snnk_layer_free((snnk_layer *)made->middle.attention_output);
}

/* ---- Test ---- */

enum { REVIEWS = 3, TOKENS = 9, HEAD = GRAPH_NETWORKS };

/* A made-up encoder with an adapter in place of block 0 and features in place of block 1, and
 * reviews of 2, 3 and 4 tokens. */
typedef struct made_up {
    encoder_middle middle;
    layer_norm norm;
    snnk_layer *qkv, *attention;
    part_set parts;
    head head;
    corpus reviews;
    float rows[2][TOKENS * WIDTH];
} made_up;

static void fill(size_t n, double from, float *x) {
    for (size_t k = 0; k < n; k++) x[k] = (float)sin(from + 2.4 * (double)(k * k % 1000003));
}

/* A random pooler with a bias of 1. With it and the head below, B . t is large, so that the test
 * notices if the gradient does not go through the length of t. */
static snnk_layer *shifted_pooler(void) {
    float *W = room_for(WIDTH, WIDTH), bias[WIDTH];
    snnk_layer *layer;

    CHECK(snnk_layer_create_dense_random(WIDTH, WIDTH, SNNK_TANH, 3, NULL, &layer));
    CHECK(snnk_layer_weights(layer, W, WIDTH, NULL));
    snnk_layer_free(layer);
    for (size_t k = 0; k < WIDTH; k++) bias[k] = 1;
    CHECK(snnk_layer_create_dense(WIDTH, WIDTH, W, WIDTH, bias, SNNK_TANH, NULL, &layer));
    free(W);
    return layer;
}

static made_up *made_up_make(void) {
    static size_t first[REVIEWS + 1] = {0, 2, 5, TOKENS};
    static int32_t labels[REVIEWS] = {1, 0, 1};
    made_up *made = allocate(1, sizeof *made);
    snnk_layer *layers[3] = {make_snnk(WIDTH, 8, WIDTH, SNNK_TANH, 0.02, 0.1, 1)};

    CHECK(snnk_layer_create_residual(1, (const snnk_layer *const *)layers, SNNK_RESIDUAL_ADD, 0.5,
                                     NULL, &layers[1]));
    snnk_layer_free(layers[0]);
    made->parts.parts[ENCODER_FFN_0] = make_network(1, layers + 1);
    layers[0] = make_snnk(WIDTH, 8, WIDTH, SNNK_TANH, 0.02, 0.1, 2);
    made->parts.parts[ENCODER_FFN_1] = make_network(1, layers);
    layers[2] = shifted_pooler();
    made->parts.parts[ENCODER_POOLER] = make_network(1, layers + 2);
    CHECK(snnk_layer_create_dense_random(WIDTH, 3 * (size_t)WIDTH, SNNK_IDENTITY, 4, NULL,
                                         &made->qkv));
    CHECK(snnk_layer_create_dense_random(WIDTH, WIDTH, SNNK_IDENTITY, 5, NULL, &made->attention));
    made->norm = (layer_norm){room_for(1, WIDTH), room_for(1, WIDTH)};
    fill(WIDTH, 1, made->norm.weight);
    fill(WIDTH, 2, made->norm.bias);
    made->middle = (encoder_middle){&made->norm, &made->norm, made->qkv, made->attention};
    fill(WIDTH, 3, made->head.B);
    for (size_t k = 0; k < WIDTH; k++) made->head.B[k] = 0.1F * (1 + made->head.B[k]);
    for (int k = 0; k < 2; k++) fill((size_t)TOKENS * WIDTH, 4 + k, made->rows[k]);
    made->reviews = (corpus){.n = REVIEWS, .first = first, .labels = labels};
    made->reviews.X = made->rows[0];
    made->reviews.sums = made->rows[1];
    return made;
}

static void made_up_free(made_up *made) {
    part_set_free(made->parts);
    snnk_layer_free(made->qkv);
    snnk_layer_free(made->attention);
    free(made->norm.weight);
    free(made->norm.bias);
    free(made);
}

static const size_t every_review[REVIEWS] = {0, 1, 2};
enum { TEST_ALONG = 3 };

/* The loss of the batch of `forward`: the cross-entropy, or that of the embeddings `wanted`, which
 * may have any length. */
static double test_loss(learner *of, const made_up *at, const float *wanted) {
    size_t right = 0;
    double sum = 0, squares = 0;

    if (!wanted) return loss_of(of, at->reviews.labels, every_review, &right);
    for (size_t k = 0; k < WIDTH; k++) squares += (double)at->head.B[k] * (double)at->head.B[k];
    for (size_t i = 0; i < REVIEWS; i++) {
        double along = 0;

        for (size_t k = 0; k < WIDTH; k++) {
            const double error = (double)of->E[i * WIDTH + k] - (double)wanted[i * WIDTH + k];

            sum += 0.5 * error * error;
            along += (double)at->head.B[k] * error;
        }
        sum += 0.5 * TEST_ALONG * along * along / squares;
    }
    return sum;
}

/* The loss after a step of gradient descent on one network alone, so long that a linear loss would
 * change by `change`. */
static double loss_along(const made_up *at, int network, const float *wanted, double change) {
    const finetune_settings settings = {.wanted = wanted, .along = TEST_ALONG};
    snnk_train_config config;
    snnk_trainer *trainer;
    double length, loss;
    learner of;

    CHECK(snnk_train_config_init(&config, sizeof config));
    config.optimizer = SNNK_OPTIMIZER_SGD;
    config.momentum = 0;
    config.rate = 1;
    config.snnk_rate = 1;
    config.rows_rate = 1;
    of = learner_make(at->middle, at->parts, &at->head, &config);
    for (int k = 0; k < GRAPH_NETWORKS; k++)
        if (k != network) graph_freeze(&of.graph, (graph_network)k);
    trainer = network == HEAD ? of.head : of.graph.trainers[network];
    forward(&of, &at->reviews, REVIEWS, every_review);
    test_loss(&of, at, wanted);
    if (wanted)
        towards(&of, &settings, &at->head, every_review);
    else
        backward(&of);
    length = snnk_trainer_gradient_length(trainer);
    CHECK(snnk_trainer_step(trainer, -change / (length * length), 1, NULL));
    forward(&of, &at->reviews, REVIEWS, every_review);
    loss = test_loss(&of, at, wanted);
    learner_free(&of);
    return loss;
}

/* Steps of 0.0005 are large enough that rounding in float does not matter, and small enough that
 * curvature hardly does. */
static int gradient_is_good(const made_up *at, int network, const float *wanted) {
    static const char *const names[] = {"block 0",        "block 1",           "pooler",
                                        "attention, qkv", "attention, output", "head"};
    const double change = 0.0005, difference = loss_along(at, network, wanted, change) -
                                               loss_along(at, network, wanted, -change);
    const double error = fabs(difference / (2 * change) - 1);

    if (error <= 0.003) return 1;
    fprintf(stderr, "gradient of the %s%s: relative error %g\n", names[network],
            wanted ? ", to embeddings" : "", error);
    return 0;
}

int finetune_test(void) {
    made_up *at = made_up_make();
    float *wanted = room_for(REVIEWS, WIDTH);
    int good = 1;

    fill((size_t)REVIEWS * WIDTH, 5, wanted);
    for (int network = 0; network <= HEAD; network++) good &= gradient_is_good(at, network, NULL);
    for (int network = 0; network < HEAD; network++) good &= gradient_is_good(at, network, wanted);
    free(wanted);
    made_up_free(at);
    return good;
}
