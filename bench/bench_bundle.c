/* Measure what bundling gains: a network of SNNK layers, the same network bundled, and a dense
 * network of the same widths in oneDNN. One thread.
 *
 *     bench_bundle [--quick] [--json]
 *
 * In each round all run in turn, in a different order. Ratios are medians over rounds. */
#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <snnk/snnk.h>

#include "measure.h"
#include "rivals.h"

enum { LAYERS = 4, FEATURES = 256, NS = 4, MAX_N = 512, MAX_WIDTH = 1024, MAX_ROUNDS = 25 };

static const size_t widths[LAYERS + 1] = {784, 1024, 1024, 1024, 10};
static const size_t ns[NS] = {1, 8, 32, 512};

/* ONEDNN_BUNDLED: a bundle of ReLU features is a dense network of widths m, run by oneDNN here. */
enum { BUNDLED, LAYERED, DENSE, ONEDNN_BUNDLED, WAYS };
static const char *const names[WAYS] = {"bundled", "layered", "dense", "onednn_bundled"};

static void check(int status) {
    if (status == SNNK_OK) return;
    fprintf(stderr, "bench_bundle: %s\n", snnk_last_error());
    exit(1);
}

/* ---- Networks ---- */

/* Psi is scaled so that outputs are as large as inputs: entries of Phi are about |x|/sqrt(2 m). */
static snnk_network *make_layered(const float *weights) {
    snnk_network *network;
    float *Psi = measure_floats(MAX_WIDTH * FEATURES);

    check(snnk_network_create(NULL, &network));
    for (size_t k = 0; k < LAYERS; k++) {
        snnk_map_config config;
        snnk_map *map;
        snnk_layer *layer;

        check(snnk_map_config_init(&config, sizeof config));
        config.features = FEATURES;
        config.seed = k;
        check(snnk_map_create(widths[k], &config, NULL, &map));
        for (size_t i = 0; i < widths[k + 1] * FEATURES; i++)
            Psi[i] = weights[i] * (float)sqrt(24.0 / (double)widths[k]);
        check(snnk_layer_create(map, widths[k + 1], Psi, FEATURES, weights, &layer));
        check(snnk_network_append(network, layer));
        snnk_layer_free(layer);
        snnk_map_free(map);
    }
    free(Psi);
    return network;
}

/* A chain of oneDNN layers. */
typedef struct chain {
    size_t n_layers;
    onednn_layer *layer[LAYERS + 1];
    float *values[LAYERS + 2];
} chain;

static chain chain_of(size_t n, size_t n_layers, const size_t *sizes, float *X, float *W,
                      float *bias) {
    chain c = {.n_layers = n_layers, .values[0] = X};

    for (size_t k = 0; k < n_layers; k++) {
        c.values[k + 1] = measure_floats(n * sizes[k + 1]);
        c.layer[k] =
            onednn_create(n, sizes[k], sizes[k + 1], k + 1 < n_layers ? RIVAL_RELU : RIVAL_NONE, 0,
                          c.values[k], W, bias, c.values[k + 1]);
    }
    return c;
}

static void chain_free(chain *c) {
    for (size_t k = 0; k < c->n_layers; k++) {
        onednn_free(c->layer[k]);
        free(c->values[k + 1]);
    }
}

/* ---- Measuring ---- */

typedef struct contender {
    const snnk_network *network; /* NULL: the oneDNN chain */
    const chain *rival;
    size_t n;
    const float *X;
    float *Y;
    snnk_workspace *workspace;
} contender;

static void run(void *context) {
    const contender *c = context;

    if (c->network)
        check(snnk_network_forward(c->network, c->n, c->X, widths[0], c->Y, widths[LAYERS],
                                   c->workspace));
    else
        for (size_t k = 0; k < c->rival->n_layers; k++) onednn_run(c->rival->layer[k]);
}

typedef struct result {
    double seconds[WAYS]; /* minimum over rounds */
    double ratio[WAYS];   /* median over rounds of (time of the way)/(time bundled) */
} result;

static void shuffle(size_t order[WAYS], unsigned *state) {
    for (size_t i = WAYS; i-- > 1;) {
        const size_t j = (*state = *state * 1103515245u + 12345u) / 65536u % (i + 1);
        const size_t kept = order[i];

        order[i] = order[j];
        order[j] = kept;
    }
}

static result measure(contender ways[WAYS], size_t rounds) {
    double samples[WAYS][MAX_ROUNDS], ratios[MAX_ROUNDS];
    size_t order[WAYS] = {0, 1, 2, 3};
    unsigned state = 1;
    result r;

    for (size_t round = 0; round < rounds; round++) {
        shuffle(order, &state);
        for (size_t k = 0; k < WAYS; k++)
            samples[order[k]][round] = measure_call(run, &ways[order[k]], 2e-3);
    }
    for (size_t way = 0; way < WAYS; way++) {
        for (size_t round = 0; round < rounds; round++)
            ratios[round] = samples[way][round] / samples[BUNDLED][round];
        measure_sort(ratios, rounds);
        r.ratio[way] = ratios[rounds / 2];
    }
    for (size_t way = 0; way < WAYS; way++) {
        measure_sort(samples[way], rounds);
        r.seconds[way] = samples[way][0];
    }
    return r;
}

/* The largest difference of outputs, relative to their root mean square. */
static double difference(const snnk_network *a, const snnk_network *b, const float *X, float *Y,
                         snnk_workspace *workspace) {
    const size_t count = MAX_N * widths[LAYERS];
    float *Z = measure_floats(count);
    double square = 0, largest = 0;

    check(snnk_network_forward(a, MAX_N, X, widths[0], Y, widths[LAYERS], workspace));
    check(snnk_network_forward(b, MAX_N, X, widths[0], Z, widths[LAYERS], workspace));
    for (size_t i = 0; i < count; i++) {
        square += (double)Y[i] * Y[i] / (double)count;
        largest = fmax(largest, fabs((double)Y[i] - Z[i]));
    }
    free(Z);
    return largest / sqrt(square);
}

/* ---- Report ---- */

static double geometric_mean(const result results[NS], int way) {
    double sum = 0;

    for (size_t i = 0; i < NS; i++) sum += log(results[i].ratio[way]);
    return exp(sum / NS);
}

typedef struct cost {
    unsigned long long parameters, multiply_adds;
} cost;

static cost cost_of(const snnk_network *network) {
    return (cost){snnk_network_parameters(network), snnk_network_multiply_adds(network)};
}

static void print_json(const cost *before, const cost *after, double error,
                       const result results[NS]) {
    uint64_t dense = 0;

    for (size_t k = 0; k < LAYERS; k++) dense += (widths[k] + 1) * widths[k + 1];
    printf("{\"kernels\":\"%s\",\"features\":%d,\"parameters_dense\":%llu,"
           "\"parameters_before\":%llu,\"parameters_after\":%llu,\"multiply_adds_before\":%llu,"
           "\"multiply_adds_after\":%llu,\"max_relative_difference\":%.3g,"
           "\"speedup_bundled\":%.4g,\"speedup_bundled_vs_dense\":%.4g,"
           "\"vs_onednn_bundled\":%.4g,\"results\":[",
           snnk_kernels_name(), FEATURES, (unsigned long long)dense, before->parameters,
           after->parameters, before->multiply_adds, after->multiply_adds, error,
           geometric_mean(results, LAYERED), geometric_mean(results, DENSE),
           geometric_mean(results, ONEDNN_BUNDLED));
    for (size_t i = 0; i < NS; i++) {
        printf("%s{\"n\":%zu", i ? "," : "", ns[i]);
        for (int way = 0; way < WAYS; way++)
            printf(",\"%s_microseconds\":%.4g", names[way], 1e6 * results[i].seconds[way]);
        printf(",\"speedup_bundled\":%.4g,\"speedup_bundled_vs_dense\":%.4g,"
               "\"vs_onednn_bundled\":%.4g}",
               results[i].ratio[LAYERED], results[i].ratio[DENSE],
               results[i].ratio[ONEDNN_BUNDLED]);
    }
    printf("]}\n");
}

static void print_table(const cost *before, const cost *after, double error,
                        const result results[NS]) {
    printf(
        "network 784-1024-1024-1024-10, %d features in each layer, one thread\n"
        "parameters %llu, bundled %llu; multiply-adds a row %llu, bundled %llu\n"
        "largest difference of outputs: %.2g of their root mean square\n\n"
        "                      microseconds                   bundled is faster than (x)\n"
        "   n    bundled    layered      dense (oneDNN)   layered    dense   bundled by oneDNN\n",
        FEATURES, before->parameters, after->parameters, before->multiply_adds,
        after->multiply_adds, error);
    for (size_t i = 0; i < NS; i++)
        printf("%4zu %10.1f %10.1f %10.1f %16.2f %8.2f %8.2f\n", ns[i],
               1e6 * results[i].seconds[BUNDLED], 1e6 * results[i].seconds[LAYERED],
               1e6 * results[i].seconds[DENSE], results[i].ratio[LAYERED], results[i].ratio[DENSE],
               results[i].ratio[ONEDNN_BUNDLED]);
}

int main(int argc, char **argv) {
    static const size_t bundled_widths[LAYERS + 2] = {784,      FEATURES, FEATURES,
                                                      FEATURES, FEATURES, 10};
    size_t rounds = MAX_ROUNDS;
    bool json = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (strcmp(argv[i], "--quick") == 0) {
            rounds = 5;
        } else {
            const bool help = strcmp(argv[i], "--help") == 0;

            fprintf(help ? stdout : stderr,
                    "usage: bench_bundle [--quick] [--json]\n"
                    "Measure bundled networks against layered and dense ones.\n"
                    "  --quick  fewer rounds\n"
                    "  --json   print one JSON object\n");
            return help ? 0 : 2;
        }
    }

    float *X = measure_floats(MAX_N * MAX_WIDTH), *Y = measure_floats(MAX_N * MAX_WIDTH);
    float *W = measure_floats(MAX_WIDTH * MAX_WIDTH), *bias = measure_floats(MAX_WIDTH);
    snnk_network *layered = make_layered(W), *bundled;
    snnk_workspace *workspace;
    result results[NS];

    omp_set_num_threads(1); /* for oneDNN */
    check(snnk_workspace_create(1, NULL, &workspace));
    check(snnk_network_bundle(layered, 0, LAYERS - 1, &bundled));
    const cost before = cost_of(layered), after = cost_of(bundled);
    const double error = difference(layered, bundled, X, Y, workspace);
    for (size_t i = 0; i < NS; i++) {
        chain dense = chain_of(ns[i], LAYERS, widths, X, W, bias);
        chain rival = chain_of(ns[i], LAYERS + 1, bundled_widths, X, W, bias);
        contender ways[WAYS];

        for (int way = 0; way < WAYS; way++)
            ways[way] = (contender){.n = ns[i], .X = X, .Y = Y, .workspace = workspace};
        ways[BUNDLED].network = bundled;
        ways[LAYERED].network = layered;
        ways[DENSE].rival = &dense;
        ways[ONEDNN_BUNDLED].rival = &rival;
        results[i] = measure(ways, rounds);
        chain_free(&dense);
        chain_free(&rival);
    }
    (json ? print_json : print_table)(&before, &after, error, results);
    snnk_network_free(bundled);
    snnk_network_free(layered);
    snnk_workspace_free(workspace);
    free(X);
    free(Y);
    free(W);
    free(bias);
    return 0;
}
