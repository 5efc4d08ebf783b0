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
    int exit_status = EXIT_OK;

    if (!X) return failed(command, "out of memory");
    snnk_minirocket_config_init(&config, sizeof config);
    if (o->features_given) config.features = o->map.features;
    config.seed = o->map.seed;
    for (size_t k = 0; exit_status == EXIT_OK && k < n; k++) {
        const size_t row = (size_t)((double)k * (double)train->rows / (double)n);

        if (dataset_read(train, row, 1, X + k * d) != SNNK_OK)
            exit_status = library_failed(command);
        else if (interrupted)
            exit_status = EXIT_CANCELLED;
    }
    if (exit_status == EXIT_OK &&
        snnk_map_create_minirocket(d, SNNK_ROWS(.n = n, .X_f64 = X), &config, map) != SNNK_OK)
        exit_status = library_failed(command);
    free(X);
    return exit_status;
}
