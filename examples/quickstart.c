/* Classify two interleaved spirals with a layer fitted in closed form: no gradients, no epochs.
 *
 *     cc quickstart.c $(pkg-config --cflags --libs snnk) -lm && ./a.out
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <snnk/snnk.h>

/* Every call returns a status. After a failure snnk_last_error() has a sentence to print. */
#define CHECK(call)                                                                                \
    do {                                                                                           \
        if ((call) != SNNK_OK) {                                                                   \
            fprintf(stderr, "%s: %s\n", #call, snnk_last_error());                                 \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

enum { N = 2000, TEST = 1000 };

/* Make n points; point i is on arm i % 2. `offset` moves test points between training points. */
static void make_points(size_t n, double offset, float *X, int32_t *labels) {
    for (size_t i = 0; i < n; i++) {
        const double t = 0.5 + 11.5 * (((double)i + offset) / (double)n);
        const double turn = i % 2 ? 3.14159265 : 0;

        X[2 * i] = (float)(t * cos(t + turn));
        X[2 * i + 1] = (float)(t * sin(t + turn));
        labels[i] = (int32_t)(i % 2);
    }
}

int main(void) {
    static float X[2 * N], X_test[2 * TEST], scores[2 * TEST];
    static int32_t labels[N], labels_test[TEST];
    const char *path = "spirals.safetensors";
    snnk_map_config config;
    snnk_map *map;
    snnk_fit *fit;
    snnk_fit_report report = {.size = sizeof report};
    snnk_layer *layer;
    snnk_network *network;
    size_t right = 0;

    make_points(N, 0, X, labels);
    make_points(TEST, 0.3, X_test, labels_test);

    /* Fit 200 random features of a Gaussian kernel by ridge regression. */
    CHECK(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_GAUSSIAN;
    config.features = 200;
    CHECK(snnk_map_create(2, &config, NULL, &map));
    CHECK(snnk_fit_create(map, 2, NULL, &fit));
    CHECK(snnk_fit_add(fit, SNNK_ROWS(.n = N, .X = X, .ldx = 2, .labels = labels), NULL));
    CHECK(snnk_fit_solve(fit, NULL, &report, &layer));
    printf("fitted %d rows, lambda %.2g, held-out error %.2f %%\n", (int)report.rows, report.ridge,
           100 * report.heldout_error);

    /* Save it as a network of one layer, and load that, as another program would. */
    CHECK(snnk_network_create(NULL, &network));
    CHECK(snnk_network_append(network, layer));
    CHECK(snnk_network_save(network, path, SNNK_SAVE_SEED));
    snnk_network_free(network);
    snnk_layer_free(layer);
    snnk_fit_free(fit);
    snnk_map_free(map);
    CHECK(snnk_network_load(path, NULL, &network));

    CHECK(snnk_network_forward(network, TEST, X_test, 2, scores, 2, NULL));
    for (size_t i = 0; i < TEST; i++)
        right += (scores[2 * i + 1] > scores[2 * i]) == (labels_test[i] == 1);
    printf("%s: %llu parameters, %.1f %% of %d new points right\n", path,
           (unsigned long long)snnk_network_parameters(network), 100.0 * (double)right / TEST,
           TEST);
    snnk_network_free(network);
    return (double)right > 0.95 * TEST ? 0 : 1;
}
