/* Train a network by gradient, two ways: by snnk_trainer_run, and in a loop of your own with a loss
 * of your own. Then save the network, load it and use it.
 *
 *     train [FILE]     FILE: where the network is saved (default: trained.safetensors)
 *
 * The task: y = sin(3 x_1) + x_2^2 from 2 inputs, with a little noise. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <snnk/snnk.h>

#define CHECK(call)                                                                                \
    do {                                                                                           \
        if ((call) != SNNK_OK) {                                                                   \
            fprintf(stderr, "%s: %s\n", #call, snnk_last_error());                                 \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

enum { N = 2000, TEST = 500, D = 2, FEATURES = 32, WIDTH = 16, BATCH = 100, EPOCHS = 60 };

/* Uniform in -1 ... 1. */
static float draw(void) {
    static unsigned state = 1;

    state = state * 1664525U + 1013904223U;
    return (float)(state >> 8) * (float)(1.0 / 8388608) - 1;
}

/* Inputs with mean 0 and a spread near 1, and targets with a spread near 1: real data must be
 * scaled so, as `snnk train` does. */
static void make_rows(size_t n, float *X, float *Y) {
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < D; k++) X[i * D + k] = draw();
        Y[i] = sinf(3 * X[i * D]) + X[i * D + 1] * X[i * D + 1] + 0.05F * draw();
    }
}

/* A network from random weights: 32 features of 2 inputs, then 16 outputs, then one. */
static snnk_network *make_network(void) {
    snnk_map_config config;
    snnk_map *map;
    snnk_layer *first, *second;
    snnk_network *network;

    CHECK(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_ELEMENTWISE;
    config.activation = SNNK_RELU;
    config.features = FEATURES;
    config.offset_scale = 1; /* random offsets too */
    CHECK(snnk_map_create(D, &config, NULL, &map));
    CHECK(snnk_layer_create_random(map, WIDTH, 1, &first));
    CHECK(snnk_layer_create_dense_random(WIDTH, 1, SNNK_IDENTITY, 2, NULL, &second));
    CHECK(snnk_network_create(NULL, &network));
    CHECK(snnk_network_append(network, first));
    CHECK(snnk_network_append(network, second));
    snnk_layer_free(second);
    snnk_layer_free(first);
    snnk_map_free(map);
    return network;
}

static snnk_trainer *make_trainer(const snnk_network *start) {
    snnk_train_config config;
    snnk_trainer *trainer;

    CHECK(snnk_train_config_init(&config, sizeof config));
    config.rows_rate = 1; /* the rows of the features learn too */
    config.epochs = EPOCHS;
    CHECK(snnk_trainer_create(start, &config, &trainer));
    return trainer;
}

/* ---- By one call ---- */

static snnk_network *train(const snnk_network *start, const float *X, const float *Y) {
    snnk_trainer *trainer = make_trainer(start);
    snnk_train_report report = {.size = sizeof report};
    snnk_network *trained;

    CHECK(snnk_trainer_run(trainer, SNNK_ROWS(.n = N, .X = X, .Y = Y), NULL, NULL, &report));
    printf(
        "snnk_trainer_run: %.0f numbers learned from %.0f rows; held-out loss %.4f, before %.4f\n",
        (double)report.parameters, (double)report.rows, report.heldout_loss, report.first_loss);
    CHECK(snnk_trainer_network(trainer, &trained));
    snnk_trainer_free(trainer);
    return trained;
}

/* ---- In a loop of your own ---- */

/* The gradient of log cosh(y - t), a loss that the library does not have, is tanh(y - t). */
static void loss_gradient(size_t n, const float *y, const float *t, float *dy) {
    for (size_t i = 0; i < n; i++) dy[i] = tanhf(y[i] - t[i]);
}

static snnk_network *train_by_hand(const snnk_network *start, const float *X, const float *Y) {
    snnk_trainer *trainer = make_trainer(start);
    snnk_record *record;
    snnk_network *trained;
    float y[BATCH], dy[BATCH];

    CHECK(snnk_record_create(trainer, &record));
    for (int epoch = 0; epoch < EPOCHS; epoch++)
        for (size_t i = 0; i < N; i += BATCH) {
            const double share = 1 - (double)epoch / EPOCHS; /* of the rate: a schedule */

            CHECK(snnk_trainer_forward(trainer, BATCH, X + i * D, D, y, 1, record, NULL));
            loss_gradient(BATCH, y, Y + i, dy);
            CHECK(snnk_trainer_backward(trainer, record, X + i * D, D, dy, 1, NULL, 0, NULL));
            CHECK(snnk_trainer_step(trainer, 1.0 / BATCH, share, NULL));
        }
    CHECK(snnk_trainer_network(trainer, &trained));
    snnk_record_free(record);
    snnk_trainer_free(trainer);
    return trained;
}

/* ---- Using it ---- */

static double r2_of(const snnk_network *network, const float *X, const float *Y) {
    snnk_score score = {.size = sizeof score};

    CHECK(snnk_network_score(network, SNNK_ROWS(.n = TEST, .X = X, .Y = Y), NULL, &score));
    return score.r2;
}

int main(int argc, char **argv) {
    const char *path = argc > 1 ? argv[1] : "trained.safetensors";
    static float X[N * D], Y[N], test_X[TEST * D], test_Y[TEST];
    const float x[D] = {0.5F, -0.5F};
    snnk_network *start = make_network(), *by_call, *by_hand, *loaded;
    float y;

    make_rows(N, X, Y);
    make_rows(TEST, test_X, test_Y);
    by_call = train(start, X, Y);
    by_hand = train_by_hand(start, X, Y);
    printf("R2 on other rows: %.4f at the start, %.4f by snnk_trainer_run, %.4f by hand\n",
           r2_of(start, test_X, test_Y), r2_of(by_call, test_X, test_Y),
           r2_of(by_hand, test_X, test_Y));

    CHECK(snnk_network_save(by_call, path, SNNK_SAVE_ROWS));
    CHECK(snnk_network_load(path, NULL, &loaded));
    CHECK(snnk_network_forward(loaded, 1, x, D, &y, 1, NULL));
    printf("%s: f(0.5, -0.5) = %.3f, and sin(1.5) + 0.25 = %.3f\n", path, (double)y,
           sin(1.5) + 0.25);

    const int good = r2_of(loaded, test_X, test_Y) > 0.98 && r2_of(by_hand, test_X, test_Y) > 0.98;

    snnk_network_free(loaded);
    snnk_network_free(by_hand);
    snnk_network_free(by_call);
    snnk_network_free(start);
    return good ? 0 : 1;
}
