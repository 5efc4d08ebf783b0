/* Measure how errors of universal random features grow with depth, and compare them with their
 * bound.
 *
 *     bench_depth [--quick] [--json] [--csv out.csv] [--plot out.png]
 *
 * The exact network is x_{k+1} = sin(W_k x_k + b_k), of width 32. W_k is orthogonal, so an error e
 * of x_k causes an error of at most e in x_{k+1}: the modulus of continuity is delta(e) = e.
 *
 * Each layer is replaced by m random features, calibrated on the values of the exact network
 * (snnk_urf_calibrate) and drawn independently. Then the network is bundled.
 *
 * The bound: snnk_map_predict gives the mean square of the error that one layer adds on its inputs,
 *     E = l value_rms^2 (standard_error^2 + spectral_error^2).
 * By Markov's inequality that error is below eps = sqrt(E/p) with probability 1 - p. Over L layers,
 * with p = 0.05/L for each, e_{k+1} = eps_k + delta(e_k) holds with probability 0.95
 * (snnk_predict_depth). The 95 % quantile of the measured errors, over inputs and draws, must be
 * below that. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <snnk/snnk.h>

#include "measure.h"
#include "plot.h"

enum { DEPTHS = 8, WIDTH = 32, INPUTS = 200, MAX_DRAWS = 40 };

static const double failure = 0.05;

static void check(int status) {
    if (status == SNNK_OK) return;
    fprintf(stderr, "bench_depth: %s\n", snnk_last_error());
    exit(1);
}

/* ---- The exact network ---- */

typedef struct exact_network {
    float W[DEPTHS][WIDTH * WIDTH], b[DEPTHS][WIDTH];
    float X[DEPTHS + 1]
           [INPUTS * WIDTH]; /* inputs, and outputs of each layer, evaluated in double */
} exact_network;

/* Make the rows of W orthonormal, by Gram-Schmidt applied twice. */
static void orthonormalize(float *W) {
    for (size_t i = 0; i < WIDTH; i++) {
        float *w = W + i * WIDTH;
        double square = 0;

        for (size_t j = 0; j < 2 * i; j++) {
            const float *v = W + j % i * WIDTH;
            double inner = 0;

            for (size_t k = 0; k < WIDTH; k++) inner += (double)w[k] * v[k];
            for (size_t k = 0; k < WIDTH; k++) w[k] = (float)(w[k] - inner * v[k]);
        }
        for (size_t k = 0; k < WIDTH; k++) square += (double)w[k] * w[k];
        for (size_t k = 0; k < WIDTH; k++) w[k] = (float)(w[k] / sqrt(square));
    }
}

static void fill_exact(exact_network *e) {
    double x[WIDTH];
    float *numbers = measure_floats(DEPTHS * WIDTH * (WIDTH + 1) + INPUTS * WIDTH), *next = numbers;

    for (size_t i = 0; i < INPUTS * WIDTH; i++) e->X[0][i] = 0.5f * next[i];
    next += INPUTS * WIDTH;
    for (size_t k = 0; k < DEPTHS; k++) {
        memcpy(e->W[k], next, sizeof e->W[k]);
        next += WIDTH * WIDTH;
        memcpy(e->b[k], next, sizeof e->b[k]);
        next += WIDTH;
        orthonormalize(e->W[k]);
        for (size_t j = 0; j < WIDTH; j++) e->b[k][j] *= 0.2f;
        for (size_t i = 0; i < INPUTS; i++) {
            for (size_t j = 0; j < WIDTH; j++) {
                x[j] = e->b[k][j];
                for (size_t c = 0; c < WIDTH; c++)
                    x[j] += (double)e->W[k][j * WIDTH + c] * e->X[k][i * WIDTH + c];
            }
            for (size_t j = 0; j < WIDTH; j++) e->X[k + 1][i * WIDTH + j] = (float)sin(x[j]);
        }
    }
    free(numbers);
}

/* ---- One draw ---- */

static void calibrate(const exact_network *e, size_t features, snnk_map *maps[DEPTHS]) {
    for (size_t k = 0; k < DEPTHS; k++) {
        snnk_urf_config config;

        check(snnk_urf_config_init(&config, sizeof config));
        config.features = features;
        check(snnk_urf_calibrate(WIDTH, SNNK_SIN, NULL, SNNK_ROWS(.n = INPUTS, .X = e->X[k]), WIDTH,
                                 e->W[k], WIDTH, e->b[k], &config, NULL, &maps[k]));
    }
}

/* Draw all layers with new random features. mean_square[k]: the predicted mean square of the error
 * that layer k adds, on the outputs of the layers before it. */
static snnk_network *draw(const exact_network *e, snnk_map *const maps[DEPTHS], uint64_t seed,
                          double mean_square[DEPTHS]) {
    static float X[2][INPUTS * WIDTH];
    snnk_network *network;

    check(snnk_network_create(NULL, &network));
    memcpy(X[0], e->X[0], sizeof X[0]);
    for (size_t k = 0; k < DEPTHS; k++) {
        snnk_prediction p = {.size = sizeof p};
        snnk_map *map;
        snnk_layer *layer;

        check(snnk_map_redraw(maps[k], 1 + seed * DEPTHS + k, 0, NULL, 0, &map));
        check(snnk_layer_create_from_weights(map, WIDTH, e->W[k], WIDTH, e->b[k], &layer));
        check(snnk_map_predict(map, SNNK_ROWS(.n = INPUTS, .X = X[k % 2]), WIDTH, e->W[k], WIDTH,
                               e->b[k], NULL, 0, NULL, NULL, 0, &p));
        mean_square[k] =
            WIDTH * p.value_rms * p.value_rms *
            (p.standard_error * p.standard_error + p.spectral_error * p.spectral_error);
        check(snnk_layer_forward(layer, INPUTS, X[k % 2], WIDTH, X[1 - k % 2], WIDTH, NULL));
        check(snnk_network_append(network, layer));
        snnk_layer_free(layer);
        snnk_map_free(map);
    }
    return network;
}

/* The first `depth` layers, bundled. */
static snnk_network *bundle(const snnk_network *network, size_t depth) {
    snnk_network *part, *bundled;

    check(snnk_network_create(NULL, &part));
    for (size_t k = 0; k < depth; k++)
        check(snnk_network_append(part, snnk_network_layer(network, k)));
    check(snnk_network_bundle(part, 0, depth - 1, &bundled));
    snnk_network_free(part);
    return bundled;
}

/* ---- All draws ---- */

typedef struct result {
    double rms, quantile; /* of |error| over inputs and draws: root mean square, 95 % quantile */
    double bound;
    double norm; /* root mean square of |x| of the exact network */
} result;

static void errors_of(const snnk_network *network, const float *X, const float *expected,
                      double *errors) {
    static float Y[INPUTS * WIDTH];

    check(snnk_network_forward(network, INPUTS, X, WIDTH, Y, WIDTH, NULL));
    for (size_t i = 0; i < INPUTS; i++) {
        double square = 0;

        for (size_t j = 0; j < WIDTH; j++) {
            const double difference = (double)Y[i * WIDTH + j] - expected[i * WIDTH + j];

            square += difference * difference;
        }
        errors[i] = sqrt(square);
    }
}

static double bound_of(size_t depth, const double mean_square[DEPTHS]) {
    const double p = failure / (double)depth;
    double errors[DEPTHS], failures[DEPTHS], moduli[DEPTHS], error, total;

    for (size_t k = 0; k < depth; k++) {
        errors[k] = sqrt(mean_square[k] / p);
        failures[k] = p;
        moduli[k] = 1;
    }
    check(snnk_predict_depth(depth, errors, failures, moduli, &error, &total));
    return error;
}

static double root_mean_square(const double *values, size_t n) {
    double sum = 0;

    for (size_t i = 0; i < n; i++) sum += values[i] * values[i] / (double)n;
    return sqrt(sum);
}

static void run(const exact_network *e, size_t features, size_t draws, result results[DEPTHS]) {
    static double errors[DEPTHS][MAX_DRAWS * INPUTS];
    double mean_square[DEPTHS] = {0};
    snnk_map *maps[DEPTHS];

    calibrate(e, features, maps);
    for (size_t t = 0; t < draws; t++) {
        double predicted[DEPTHS];
        snnk_network *network = draw(e, maps, t, predicted);

        if (isatty(STDERR_FILENO)) fprintf(stderr, "\r%zu of %zu draws ", t, draws);
        for (size_t k = 0; k < DEPTHS; k++) {
            snnk_network *bundled = bundle(network, k + 1);

            mean_square[k] += predicted[k] / (double)draws;
            errors_of(bundled, e->X[0], e->X[k + 1], errors[k] + t * INPUTS);
            snnk_network_free(bundled);
        }
        snnk_network_free(network);
    }
    for (size_t k = 0; k < DEPTHS; k++) snnk_map_free(maps[k]);
    if (isatty(STDERR_FILENO)) fprintf(stderr, "\r%30s\r", "");
    for (size_t k = 0; k < DEPTHS; k++) {
        double square = 0;

        for (size_t i = 0; i < INPUTS * WIDTH; i++)
            square += (double)e->X[k + 1][i] * e->X[k + 1][i] / INPUTS;
        results[k].norm = sqrt(square);
        results[k].rms = root_mean_square(errors[k], draws * INPUTS);
        measure_sort(errors[k], draws * INPUTS);
        results[k].quantile = errors[k][draws * INPUTS * 95 / 100];
        results[k].bound = bound_of(k + 1, mean_square);
    }
}

/* ---- Report ---- */

static void print_csv(FILE *to, const result results[DEPTHS]) {
    fprintf(to, "depth,output_norm,error_rms,error_95,bound_95\n");
    for (size_t k = 0; k < DEPTHS; k++)
        fprintf(to, "%zu,%.6g,%.6g,%.6g,%.6g\n", k + 1, results[k].norm, results[k].rms,
                results[k].quantile, results[k].bound);
}

static void print_json(size_t features, size_t draws, const result results[DEPTHS]) {
    double worst = 0;

    for (size_t k = 0; k < DEPTHS; k++) worst = fmax(worst, results[k].quantile / results[k].bound);
    printf("{\"features\":%zu,\"draws\":%zu,\"error_95_over_bound_max\":%.4g,\"results\":[",
           features, draws, worst);
    for (size_t k = 0; k < DEPTHS; k++)
        printf("%s{\"depth\":%zu,\"output_norm\":%.6g,\"error_rms\":%.6g,\"error_95\":%.6g,"
               "\"bound_95\":%.6g}",
               k ? "," : "", k + 1, results[k].norm, results[k].rms, results[k].quantile,
               results[k].bound);
    printf("]}\n");
}

static bool draw_plot(const char *path, size_t features, const result results[DEPTHS]) {
    FILE *gnuplot = plot_open(path, 900, 600);

    if (!gnuplot) return false;
    fprintf(gnuplot,
            "set title 'Bundled networks of %zu random features a layer, against the dense ones "
            "(sin, width %d)'\n"
            "set xlabel 'layers'\nset ylabel '|error|'\nset logscale y\nset key left top\n"
            "set grid\nset xrange [0.5:%d.5]\n$data << EOD\n",
            features, WIDTH, DEPTHS);
    for (size_t k = 0; k < DEPTHS; k++)
        fprintf(gnuplot, "%zu %g %g %g %g\n", k + 1, results[k].norm, results[k].rms,
                results[k].quantile, results[k].bound);
    fprintf(gnuplot,
            "EOD\nplot $data using 1:5 with linespoints lw 2 title 'bound, exceeded with "
            "probability at "
            "most 0.05', "
            "$data using 1:4 with linespoints lw 2 title 'measured, 95 %% of inputs and draws', "
            "$data using 1:3 with linespoints lw 2 title 'measured, root mean square', "
            "$data using 1:2 with lines dt 2 title 'size of the outputs'\n");
    return plot_close(gnuplot);
}

static bool write_csv(const char *path, const result results[DEPTHS]) {
    FILE *file = fopen(path, "w");
    bool ok;

    if (file) print_csv(file, results);
    ok = file && fclose(file) == 0;
    if (!ok) fprintf(stderr, "bench_depth: cannot write %s\n", path);
    return ok;
}

int main(int argc, char **argv) {
    static exact_network exact;
    const char *csv = NULL, *plot = NULL;
    const size_t features = 1024;
    size_t draws = MAX_DRAWS;
    bool json = false;
    result results[DEPTHS];

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (strcmp(argv[i], "--quick") == 0) {
            draws = 4;
        } else if (strcmp(argv[i], "--csv") == 0 && i + 1 < argc) {
            csv = argv[++i];
        } else if (strcmp(argv[i], "--plot") == 0 && i + 1 < argc) {
            plot = argv[++i];
        } else {
            const bool help = strcmp(argv[i], "--help") == 0;

            fprintf(help ? stdout : stderr,
                    "usage: bench_depth [--quick] [--json] [--csv out.csv] [--plot out.png]\n"
                    "Measure how errors of random features grow with depth, against their bound.\n"
                    "  --quick     fewer draws\n"
                    "  --json      print one JSON object instead of CSV\n"
                    "  --csv FILE  write the table to FILE too\n"
                    "  --plot FILE draw the errors, a PNG (needs gnuplot)\n");
            return help ? 0 : 2;
        }
    }
    fill_exact(&exact);
    run(&exact, features, draws, results);
    if (json)
        print_json(features, draws, results);
    else
        print_csv(stdout, results);
    if (csv && !write_csv(csv, results)) return 1;
    return !plot || draw_plot(plot, features, results) ? 0 : 1;
}
