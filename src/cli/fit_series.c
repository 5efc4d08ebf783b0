#include "cli/fit_series.h"

#include <snnk/snnk.h>
#include <stdlib.h>

#include "cli/console.h"

/* Biases need few rows; means and deviations of features are good to 2 % with so many. */
enum { SAMPLE_ROWS = 2000, SHORTEST = 9 };

int fit_series_check(const char *command, const dataset *train) {
    if (train->encoder)
        return failed(command,
                      "--series needs a number in every column, but some have words or missing "
                      "values: cut all series to one length");
    if (train->n_inputs < SHORTEST)
        return failed(command,
                      "--series needs at least %d numbers in a row, but there are %zu: each row is "
                      "one series",
                      SHORTEST, train->n_inputs);
    return EXIT_OK;
}

int fit_series_map(const char *command, const fit_options *o, dataset *train, snnk_map **map) {
    const size_t n = train->rows < SAMPLE_ROWS ? train->rows : SAMPLE_ROWS, d = train->n_inputs;
    double *X = calloc(n, d * sizeof *X);
    snnk_minirocket_config config;

    if (!X) return failed(command, "out of memory");
    snnk_minirocket_config_init(&config, sizeof config);
    if (o->features_given) config.features = o->map.features;
    config.seed = o->map.seed;
    int st = dataset_read_sample(train, n, X);

    if (st == SNNK_OK)
        st = snnk_map_create_minirocket(d, SNNK_ROWS(.n = n, .X_f64 = X), &config, map);
    free(X);
    if (st == SNNK_E_CANCELLED) return EXIT_CANCELLED;
    return st == SNNK_OK ? EXIT_OK : library_failed(command);
}
