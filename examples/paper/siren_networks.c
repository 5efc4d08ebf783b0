#include "siren_networks.h"

#include <math.h>
#include <stdlib.h>

/* The frequency of SIREN. It multiplies W and b here, instead of being a factor of its own. */
static const double omega = 30;

/* The rates are relative, so one rate fits weights of any size. Only the first layer, whose weights
 * are frequencies of the picture, learns more slowly. They were chosen on seed 0, which is not
 * reported: rates from 0.1, 0.2 and 0.4 after 500 steps, that of the first layer from 0.05, 0.1 and
 * 0.2 times as much after 1000 steps. */
static const double rates[SIREN_KINDS] = {0.2, 0.2}, first_rate = 0.1;

/* The spread of rows of G, relative to a hidden layer of SIREN. From 1.5, 2, 3 and 4, after 1000
 * steps on seed 0. */
static const double spread = 3;

/* splitmix64 (Steele, Lea & Flood 2014): the next number of -1 ... 1. */
static double next(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (double)((z ^ z >> 31) >> 11) * 0x1p-52 - 1;
}

/* A dense layer with weights and biases of -weight ... weight and -bias ... bias. */
static snnk_layer *make_dense(size_t inputs, size_t outputs, int32_t activation, double weight,
                              double bias, uint64_t *state) {
    float *W = allocate(inputs * outputs, sizeof *W), *b = allocate(outputs, sizeof *b);
    snnk_layer *layer;

    for (size_t i = 0; i < inputs * outputs; i++) W[i] = (float)(weight * next(state));
    for (size_t i = 0; i < outputs; i++) b[i] = (float)(bias * next(state));
    CHECK(snnk_layer_create_dense(inputs, outputs, W, inputs, b, activation, NULL, &layer));
    free(W);
    free(b);
    return layer;
}

static snnk_layer *make_sine(size_t inputs, size_t outputs, bool first, uint64_t *state) {
    const double root = sqrt((double)inputs);

    return make_dense(inputs, outputs, SNNK_SIN, first ? omega / (double)inputs : sqrt(6) / root,
                      omega / root, state);
}

/* Two layers of sines of that width have width (width + 4) numbers. */
static size_t sine_numbers(size_t width) { return width * (width + 4); }

static snnk_network *make_siren(size_t hidden, uint64_t *state) {
    const double bound = 1 / sqrt((double)hidden);
    snnk_layer *layers[4];

    layers[0] = make_sine(2, hidden, true, state);
    layers[1] = make_sine(hidden, hidden, false, state);
    layers[2] = make_sine(hidden, hidden, false, state);
    layers[3] = make_dense(hidden, 1, SNNK_IDENTITY, bound, bound, state);
    return make_network(4, layers);
}

/* As wide as `numbers` allow; features that are left then are added. */
static snnk_network *make_snnk_siren(size_t numbers, size_t features, uint64_t seed,
                                     uint64_t *state) {
    size_t width = 1;
    snnk_layer *layers[3];

    while (sine_numbers(width + 1) + features + 1 <= numbers) width++;
    layers[0] = make_sine(2, width, true, state);
    layers[1] = make_sine(width, width, false, state);
    layers[2] = make_snnk(width, numbers - sine_numbers(width) - 1, 1, SNNK_SIN,
                          spread * sqrt(2 / (double)width), acos(-1), seed);
    return make_network(3, layers);
}

siren siren_train(siren_kind kind, size_t hidden, size_t features, size_t n, const float *X,
                  const float *y, uint64_t steps, uint64_t seed) {
    const double begin = cpu_seconds();
    siren trained = {.numbers = sine_numbers(hidden) + hidden * (hidden + 1) + hidden + 1};
    snnk_train_config config = train_settings(steps, seed);
    uint64_t state = seed;
    snnk_network *start = kind == SIREN ? make_siren(hidden, &state)
                                        : make_snnk_siren(trained.numbers, features, seed, &state);
    snnk_trainer *trainer;

    config.batch = n; /* so a step is an epoch */
    config.rate = rates[kind];
    CHECK(snnk_trainer_create(start, &config, &trainer));
    CHECK(snnk_trainer_set_rate(trainer, 0, -1, first_rate));
    CHECK(snnk_trainer_run(trainer, SNNK_ROWS(.n = n, .X = X, .Y = y), NULL, NULL, NULL));
    CHECK(snnk_trainer_network(trainer, &trained.network));
    if (snnk_trainer_parameters(trainer) != trained.numbers)
        die("%zu numbers learned instead of %zu", (size_t)snnk_trainer_parameters(trainer),
            trained.numbers);
    snnk_trainer_free(trainer);
    snnk_network_free(start);
    trained.seconds = cpu_seconds() - begin;
    return trained;
}
