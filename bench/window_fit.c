#define _POSIX_C_SOURCE 200809L
#include "window_fit.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include <snnk/snnk.h>

#define CHECK(call)                                                                                \
    do {                                                                                           \
        if ((call) != SNNK_OK) {                                                                   \
            fprintf(stderr, "bench_window: %s\n", snnk_last_error());                              \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

enum { SIDE = 32, CHANNELS = 3, D = SIDE * SIDE * CHANNELS, BLOCK = 500, CLASSES = 10 };
enum { FILTERS = 512, PATCH = 6, FEATURES = 4096 };

static double clock_of(clockid_t clock) {
    struct timespec time;

    clock_gettime(clock, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static double peak_mb(void) {
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024; /* it is in KB */
}

/* From 0 to 1. */
static float draw(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (float)(*state >> 40) * 0x1p-24f;
}

/* Gratings, whose angle and width are those of the class, at random places and in random colours,
 * with noise. */
static void make_images(size_t n, uint64_t *state, float *X, int32_t *labels) {
    for (size_t i = 0; i < n; i++) {
        const int32_t class = (int32_t)(draw(state) * 9.999f);
        const float angle = 0.314f * (float)class, wave = 0.5f + 0.08f * (float)class,
                    phase = 6.28f * draw(state), down = wave * cosf(angle),
                    right = wave * sinf(angle);
        const float colour[CHANNELS] = {draw(state), draw(state), draw(state)};
        float *x = X + i * D;

        labels[i] = class;
        for (int p = 0; p < SIDE * SIDE; p++) {
            const float height = sinf(down * (float)(p / SIDE) + right * (float)(p % SIDE) + phase);

            for (int c = 0; c < CHANNELS; c++)
                x[p * CHANNELS + c] =
                    0.5f + 0.2f * colour[c] * height + 0.6f * (draw(state) - 0.5f);
        }
    }
}

static void append(snnk_network *network, const snnk_map *map) {
    snnk_layer *tower;

    CHECK(snnk_layer_create_tower(map, &tower));
    CHECK(snnk_network_append(network, tower));
    snnk_layer_free(tower);
}

/* Windows whose filters are patches of the first block, and random features of what they give. */
static snnk_network *features_network(size_t n, const float *X, snnk_workspace *workspace) {
    snnk_window_config windows;
    snnk_map_config wide;
    snnk_scaling *scaling;
    snnk_network *network;
    snnk_map *maps[2];

    CHECK(snnk_window_config_init(&windows, sizeof windows));
    windows.height = windows.width = SIDE;
    windows.channels = CHANNELS;
    windows.patch_height = windows.patch_width = PATCH;
    windows.features = FILTERS;
    CHECK(snnk_map_create_window(SNNK_ROWS(.n = n, .X = X), &windows, &maps[0]));
    const size_t d = snnk_map_features(maps[0]);
    float *Phi = malloc(n * d * sizeof *Phi);

    if (!Phi) exit(1);
    CHECK(snnk_map_input_tower(maps[0], n, X, D, Phi, d, workspace));
    CHECK(snnk_scaling_create(d, SNNK_SCALING_STANDARDIZE, NULL, &scaling));
    CHECK(snnk_scaling_add(scaling, SNNK_ROWS(.n = n, .X = Phi)));
    free(Phi);
    CHECK(snnk_map_config_init(&wide, sizeof wide));
    wide.kind = SNNK_MAP_GAUSSIAN;
    wide.features = FEATURES;
    wide.projection = SNNK_PROJECTION_HD3;
    wide.projection_scale = 0.5 / sqrt((double)d);
    CHECK(snnk_map_create(d, &wide, scaling, &maps[1]));
    snnk_scaling_free(scaling);
    CHECK(snnk_network_create(NULL, &network));
    for (int k = 0; k < 2; k++) {
        append(network, maps[k]);
        snnk_map_free(maps[k]);
    }
    return network;
}

void window_fit(size_t rows, size_t threads, bool json) {
    static float X[BLOCK * D];
    static int32_t labels[BLOCK];
    const double wall = clock_of(CLOCK_MONOTONIC), processor = clock_of(CLOCK_PROCESS_CPUTIME_ID);
    snnk_fit_report report = {.size = sizeof report};
    uint64_t state = 88172645463325252u;
    snnk_workspace *workspace;
    snnk_network *network, *fitted;
    snnk_fit_config config;
    snnk_fit *fit;

    CHECK(snnk_workspace_create(threads, NULL, &workspace));
    make_images(BLOCK, &state, X, labels);
    network = features_network(BLOCK, X, workspace);
    CHECK(snnk_fit_config_init(&config, sizeof config));
    config.precision = SNNK_PRECISION_SINGLE;
    CHECK(snnk_fit_create_from_network(network, CLASSES, &config, &fit));
    for (size_t first = 0; first < rows; first += BLOCK) {
        const size_t n = rows - first < BLOCK ? rows - first : BLOCK;

        make_images(n, &state, X, labels);
        CHECK(snnk_fit_add(fit, SNNK_ROWS(.n = n, .X = X, .labels = labels), workspace));
    }
    CHECK(snnk_fit_solve_network(fit, workspace, &report, &fitted));
    const double seconds = clock_of(CLOCK_MONOTONIC) - wall,
                 spent = clock_of(CLOCK_PROCESS_CPUTIME_ID) - processor;

    printf(json ? "{\"cifar_fit_rows\": %zu, \"cifar_fit_threads\": %zu, \"cifar_fit_seconds\": "
                  "%.1f, \"cifar_fit_cpu_ms_per_image\": %.3f, \"cifar_fit_peak_mb\": %.0f, "
                  "\"cifar_fit_heldout_error\": %.4f}\n"
                : "%zu images of 32x32x3, 512 filters, 4096 features, %zu threads: %.1f s, %.3f "
                  "ms of processor time an image, peak memory %.0f MB, held-out error %.4f\n",
           rows, threads, seconds, 1e3 * spent / (double)rows, peak_mb(), report.heldout_error);
    snnk_network_free(fitted);
    snnk_fit_free(fit);
    snnk_network_free(network);
    snnk_workspace_free(workspace);
}
