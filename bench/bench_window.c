/* Measure window maps (<snnk/window.h>) on one thread, against the peak of a core and against
 * oneDNN's convolution of the same shape with the same ReLU.
 *
 *     bench_window [--quick] [--json]
 *     bench_window --fit N [--threads T] [--json]      a fit of N streamed images of 32 x 32 x 3
 *
 * Two maps for each shape, both with mean pooling to 4 x 4 cells:
 *
 *   full    as by default: patches are centred and scaled, and both signs of each filter kept
 *   plain   max(g . patch + c, 0) alone, which is what the convolution computes. It does not pool,
 *           but writes n positions x filters numbers; its inputs and outputs are in the layout that
 *           oneDNN chooses, and converting to and from it is not timed
 *
 * window_peak_fraction is the least over shapes of the multiply-adds of the filters alone over the
 * peak that is measured in the same round, for `full`. window_vs_onednn is the least over shapes of
 * the time of the convolution over that of `plain`; window_full_vs_onednn the same for `full`. All
 * are medians of ratios within rounds, in processor time of the thread. */
#include <omp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <snnk/snnk.h>

#include "measure.h"
#include "rivals.h"
#include "window_fit.h"

#define CHECK(call)                                                                                \
    do {                                                                                           \
        if ((call) != SNNK_OK) {                                                                   \
            fprintf(stderr, "bench_window: %s\n", snnk_last_error());                              \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

enum { MAX_ROUNDS = 15, WAYS = 3 };

/* Images of MNIST and of CIFAR, and windows over the features of windows. */
typedef struct shape {
    const char *name;
    size_t n, side, channels, filters, patch;
} shape;

static const shape shapes[] = {{"28x28x1, 256 of 6x6", 32, 28, 1, 256, 6},
                               {"28x28x1, 512 of 6x6", 32, 28, 1, 512, 6},
                               {"32x32x3, 512 of 6x6", 16, 32, 3, 512, 6},
                               {"14x14x64, 256 of 3x3", 16, 14, 64, 256, 3}};

enum { SHAPES = sizeof shapes / sizeof *shapes };

typedef struct ours {
    snnk_map *map;
    size_t n, inputs, features;
    const float *X;
    float *Phi;
    snnk_workspace *workspace;
} ours;

static void run_ours(void *context) {
    const ours *o = context;

    CHECK(snnk_map_input_tower(o->map, o->n, o->X, o->inputs, o->Phi, o->features, o->workspace));
}

static void run_rival(void *context) { onednn_run(context); }

static ours create_ours(const shape *s, bool full, const float *X, const float *G,
                        snnk_workspace *workspace) {
    ours made = {
        .n = s->n, .inputs = s->side * s->side * s->channels, .X = X, .workspace = workspace};
    snnk_window_config config;

    CHECK(snnk_window_config_init(&config, sizeof config));
    config.height = config.width = s->side;
    config.channels = s->channels;
    config.patch_height = config.patch_width = s->patch;
    config.contrast_floor = 1e-3;
    config.normalise = config.both_signs = full;
    CHECK(snnk_map_create_window_from_filters(&config, s->filters, G,
                                              s->patch * s->patch * s->channels, NULL, &made.map));
    made.features = snnk_map_features(made.map);
    made.Phi = measure_floats(made.n * made.features);
    return made;
}

/* Medians of ratios within rounds. */
typedef struct result {
    double seconds[WAYS]; /* the least: full, plain, oneDNN; of one image */
    double fraction, plain_fraction, rival_fraction; /* of the peak */
    double plain_ratio, full_ratio;                  /* oneDNN over ours */
} result;

static double median(size_t rounds, double *values) {
    measure_sort(values, rounds);
    return values[rounds / 2];
}

static result measure(const shape *s, size_t rounds, double seconds) {
    const size_t patch = s->patch * s->patch * s->channels, positions = s->side - s->patch + 1;
    const double flops = 2.0 * (double)(s->n * positions * positions * s->filters * patch);
    float *X = measure_floats(s->n * s->side * s->side * s->channels),
          *G = measure_floats(s->filters * patch), *b = measure_floats(s->filters);
    double share[WAYS][MAX_ROUNDS], ratio[2][MAX_ROUNDS];
    snnk_workspace *workspace;
    result made = {{1e9, 1e9, 1e9}, 0, 0, 0, 0, 0};

    CHECK(snnk_workspace_create(1, NULL, &workspace));
    ours maps[2] = {create_ours(s, true, X, G, workspace), create_ours(s, false, X, G, workspace)};
    onednn_layer *rival = onednn_create_convolution(s->n, s->side, s->side, s->channels, s->filters,
                                                    s->patch, s->patch, X, G, b);

    for (size_t r = 0; r < rounds; r++) {
        double times[WAYS];

        for (int w = 0; w < WAYS; w++) {
            void (*run)(void *) = w < 2 ? run_ours : run_rival;
            void *context = w < 2 ? (void *)&maps[w] : (void *)rival;
            const size_t calls = measure_count(run, context, seconds, measure_thread_now);

            times[w] = measure_sample(run, context, calls, measure_thread_now);
            share[w][r] = flops / times[w] / measure_peak_now();
            if (times[w] / (double)s->n < made.seconds[w])
                made.seconds[w] = times[w] / (double)s->n;
        }
        ratio[0][r] = times[2] / times[0];
        ratio[1][r] = times[2] / times[1];
    }
    made.fraction = median(rounds, share[0]);
    made.plain_fraction = median(rounds, share[1]);
    made.rival_fraction = median(rounds, share[2]);
    made.full_ratio = median(rounds, ratio[0]);
    made.plain_ratio = median(rounds, ratio[1]);
    onednn_free(rival);
    for (int w = 0; w < 2; w++) {
        snnk_map_free(maps[w].map);
        free(maps[w].Phi);
    }
    snnk_workspace_free(workspace);
    free(b);
    free(G);
    free(X);
    return made;
}

static void print_json(const result *results) {
    double fraction = 1e9, plain = 1e9, full = 1e9;

    printf("{\"shapes\": [");
    for (size_t k = 0; k < SHAPES; k++) {
        const result *r = &results[k];

        printf("%s{\"shape\": \"%s\", \"us_per_image\": {\"full\": %.1f, \"plain\": %.1f, "
               "\"onednn\": %.1f}, \"peak_fraction\": {\"full\": %.3f, \"plain\": %.3f, "
               "\"onednn\": %.3f}, \"vs_onednn\": {\"full\": %.3f, \"plain\": %.3f}}",
               k ? ", " : "", shapes[k].name, 1e6 * r->seconds[0], 1e6 * r->seconds[1],
               1e6 * r->seconds[2], r->fraction, r->plain_fraction, r->rival_fraction,
               r->full_ratio, r->plain_ratio);
        fraction = r->fraction < fraction ? r->fraction : fraction;
        plain = r->plain_ratio < plain ? r->plain_ratio : plain;
        full = r->full_ratio < full ? r->full_ratio : full;
    }
    printf("], \"window_peak_fraction\": %.3f, \"window_vs_onednn\": %.3f, "
           "\"window_full_vs_onednn\": %.3f}\n",
           fraction, plain, full);
}

static void print_table(const result *results) {
    printf("microseconds an image, and fraction of the peak of a core\n\n"
           "%-22s %16s %16s %16s %12s\n",
           "", "full", "plain", "oneDNN", "vs oneDNN");
    for (size_t k = 0; k < SHAPES; k++) {
        const result *r = &results[k];

        printf("%-22s %9.1f (%.2f) %9.1f (%.2f) %9.1f (%.2f) %5.2f %5.2f\n", shapes[k].name,
               1e6 * r->seconds[0], r->fraction, 1e6 * r->seconds[1], r->plain_fraction,
               1e6 * r->seconds[2], r->rival_fraction, r->full_ratio, r->plain_ratio);
    }
}

int main(int argc, char **argv) {
    bool json = false, quick = false;
    long rows = 0, threads = 1;
    result results[SHAPES];

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (strcmp(argv[i], "--quick") == 0) {
            quick = true;
        } else if (strcmp(argv[i], "--fit") == 0 && i + 1 < argc && atol(argv[i + 1]) > 0) {
            rows = atol(argv[++i]);
        } else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc && atol(argv[i + 1]) > 0) {
            threads = atol(argv[++i]);
        } else {
            fprintf(stderr, "Usage: bench_window [--quick] [--json]\n"
                            "   or: bench_window --fit N [--threads T] [--json]\n");
            return 2;
        }
    }
    if (rows > 0) {
        window_fit((size_t)rows, (size_t)threads, json);
        return 0;
    }
    omp_set_num_threads(1);
    for (size_t k = 0; k < SHAPES; k++)
        results[k] = measure(&shapes[k], quick ? 3 : MAX_ROUNDS, quick ? 0.005 : 0.02);
    if (json)
        print_json(results);
    else
        print_table(results);
    return 0;
}
