#include "cli/fit_windows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/console.h"
#include "cli/options.h"

/* Rows whose patches filters are made of. */
enum { SAMPLE_ROWS = 4000 };

/* Steps of a patch of a series, whose height is 1. */
enum { SERIES_PATCH = 9 };

bool read_image_shape(const char *text, size_t shape[3]) {
    char number[24];
    size_t count = 0;

    shape[2] = 1;
    for (const char *at = text; count < 3; at++) {
        const size_t length = strcspn(at, "x");

        if (length == 0 || length >= sizeof number) return false;
        memcpy(number, at, length);
        number[length] = 0;
        if (!read_size(number, &shape[count]) || shape[count] == 0) return false;
        count++;
        at += length;
        if (*at == 0) return count >= 2;
    }
    return false;
}

int find_image_shape(const char *command, const char *what, const window_options *o,
                     const dataset *data, size_t shape[3]) {
    const size_t dims = snnk_table_dims(data->inputs);
    size_t most;

    if (data->encoder)
        return failed(command,
                      "%s: %s take numbers as they are, but it has columns of words, or missing "
                      "values",
                      data->path, what);
    memcpy(shape, o->shape, 3 * sizeof *shape);
    if (shape[0] == 0) {
        if (dims != 3 && dims != 4)
            return failed(command,
                          "%s has rows of %zu numbers, and %s need their shape: pass "
                          "--image-shape HEIGHTxWIDTH, or 1xLENGTH for series",
                          data->path, data->n_inputs, what);
        shape[2] = 1;
        for (size_t k = 1; k < dims; k++) shape[k - 1] = snnk_table_dim(data->inputs, k);
    }
    most = data->n_inputs / shape[0] / shape[1]; /* no overflow */
    if (most == shape[2] && shape[0] * shape[1] * shape[2] == data->n_inputs) return EXIT_OK;
    return failed(command, "--image-shape %zux%zux%zu is not the %zu numbers of a row of %s",
                  shape[0], shape[1], shape[2], data->n_inputs, data->path);
}

/* A size in one direction: as given, which the library checks, or a default that fits. */
static size_t size_in(size_t given, size_t usual, size_t most) {
    if (given) return given;
    return usual < most ? usual : most;
}

/* How many places a patch has along a side, without a stride. */
static size_t places(size_t side, uint64_t patch) {
    return patch < side ? side - (size_t)patch + 1 : 1;
}

/* Settings for a shape: sides that were not given fit into it. A
 * series has no height: there they are 1. */
static void configure(const window_options *o, uint64_t seed, const size_t shape[3],
                      snnk_window_config *config) {
    const bool series = shape[0] == 1;
    const size_t patch = series ? SERIES_PATCH : 6, grid = 4;

    snnk_window_config_init(config, sizeof *config);
    config->height = shape[0];
    config->width = shape[1];
    config->channels = shape[2];
    config->patch_height = series ? 1 : size_in(o->patch, patch, shape[0]);
    config->patch_width = size_in(o->patch, patch, shape[1]);
    config->grid_height =
        series ? 1 : size_in(o->grid, grid, places(shape[0], config->patch_height));
    config->grid_width = size_in(o->grid, grid, places(shape[1], config->patch_width));
    config->features = o->filters;
    config->seed = seed;
}

static int create_tower(const snnk_map *map, snnk_network **tower) {
    snnk_layer *layer = NULL;
    int st = snnk_layer_create_tower(map, &layer);

    if (st == SNNK_OK) st = snnk_network_create(NULL, tower);
    if (st == SNNK_OK) st = snnk_network_append(*tower, layer);
    snnk_layer_free(layer);
    return st;
}

/* Scattering of images whose largest value is `largest`. The number before the logarithm is that of
 * examples/closed_form.c, in proportion. */
static int create_scattering(const size_t shape[3], double largest, snnk_map **map) {
    const size_t side = shape[0] < shape[1] ? shape[0] : shape[1];
    snnk_scattering_config config;

    snnk_scattering_config_init(&config, sizeof config);
    config.height = shape[0];
    config.width = shape[1];
    config.channels = shape[2];
    while (config.scales > 1 && side <= (size_t)1 << (config.scales - 1)) config.scales--;
    if (largest > 0) config.epsilon = fmin(fmax(1e-2 * largest, 1e-12), 1e12);
    return snnk_map_create_scattering(&config, map);
}

static double largest_of(size_t n, const double *values) {
    double largest = 0;

    for (size_t k = 0; k < n; k++) largest = fmax(largest, fabs(values[k]));
    return largest;
}

/* Windows, then scattering, whichever is wanted, from a sample. */
static int create_map(const window_options *o, uint64_t seed, const size_t shape[3], size_t n,
                      const double *X, snnk_map **map) {
    const size_t d = shape[0] * shape[1] * shape[2];
    snnk_window_config config;
    snnk_map *parts[2] = {NULL, NULL};
    size_t count = 0;
    int st = SNNK_OK;

    if (o->filters > 0) {
        configure(o, seed, shape, &config);
        st = snnk_map_create_window(SNNK_ROWS(.n = n, .inputs = d, .X_f64 = X), &config,
                                    &parts[count++]);
    }
    if (st == SNNK_OK && o->scattering)
        st = create_scattering(shape, largest_of(n * d, X), &parts[count++]);
    if (st == SNNK_OK) st = snnk_map_concat(count, (const snnk_map *const *)parts, map);
    for (size_t k = 0; k < 2; k++) snnk_map_free(parts[k]);
    return st;
}

bool has_windows(const window_options *o) { return o->filters > 0 || o->scattering; }

int fit_windows_create(const char *command, const window_options *o, uint64_t seed, dataset *data,
                       snnk_network **tower) {
    const size_t n = data->rows < SAMPLE_ROWS ? data->rows : SAMPLE_ROWS, d = data->n_inputs;
    const char *const what = o->filters > 0 ? "windows" : "wavelets";
    snnk_map *map = NULL;
    size_t shape[3];
    const int exit_status = find_image_shape(command, what, o, data, shape);
    int st;

    *tower = NULL;
    if (exit_status != EXIT_OK) return exit_status;
    if (o->scattering && (shape[0] == 1 || shape[1] == 1))
        return failed(command,
                      "--scattering is for images, but a row of %s is %zu x %zu: use --windows for "
                      "series",
                      data->path, shape[0], shape[1]);
    double *X = calloc(n, d * sizeof *X);

    if (!X) return failed(command, "out of memory");
    st = dataset_read_sample(data, n, X);
    if (st == SNNK_OK) st = create_map(o, seed, shape, n, X, &map);
    if (st == SNNK_OK) st = create_tower(map, tower);
    snnk_map_free(map);
    free(X);
    if (st == SNNK_E_CANCELLED) return EXIT_CANCELLED;
    return st == SNNK_OK ? EXIT_OK : failed(command, "%s: %s", data->path, snnk_last_error());
}

/* ---- Report ---- */

/* The numbers that the first or the last block of the tower gives. */
static size_t features_of(const dataset *data, bool last) {
    const snnk_map *map = snnk_layer_map(snnk_network_layer(data->tower, 0));
    snnk_map_config config;

    snnk_map_config_init(&config, sizeof config);
    return snnk_map_block_config(map, last ? snnk_map_blocks(map) - 1 : 0, &config) == SNNK_OK
               ? (size_t)config.features
               : 0;
}

void fit_windows_print(const window_options *o, const dataset *data) {
    if (o->filters > 0)
        printf("windows       %zu filters, pooled to %zu numbers\n", o->filters,
               features_of(data, false));
    if (o->scattering) printf("scattering    %zu numbers\n", features_of(data, true));
}

void fit_windows_add_json(const window_options *o, const dataset *data, cJSON *json) {
    if (o->filters > 0) {
        cJSON_AddNumberToObject(json, "windows", (double)o->filters);
        cJSON_AddNumberToObject(json, "window_features", (double)features_of(data, false));
    }
    if (o->scattering)
        cJSON_AddNumberToObject(json, "scattering_features", (double)features_of(data, true));
}
