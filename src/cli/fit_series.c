#include "cli/fit_series.h"

#include <snnk/snnk.h>
#include <stdlib.h>

#include "cli/console.h"

/* Biases need few rows; means and deviations of features are good to 2 % with so many. */
enum { SAMPLE_ROWS = 2000, SHORTEST = 9 };

int fit_series_check(const char *command, const fit_options *o, const dataset *train,
                     size_t *channels) {
    const size_t dims = snnk_table_dims(train->inputs), d = train->n_inputs;
    size_t length;

    *channels = o->channels ? o->channels : dims == 3 ? snnk_table_dim(train->inputs, 2) : 1;
    if (train->encoder)
        return failed(command,
                      "--series needs a number in every column, but some have words or missing "
                      "values: cut all series to one length");
    if (d % *channels != 0 || (dims == 3 && *channels != snnk_table_dim(train->inputs, 2)))
        return failed(command,
                      "--channels %zu: a row of %s is no series of so many channels, it "
                      "has %zu numbers%s",
                      *channels, train->path, d, dataset_flattened(train));
    length = d / *channels;
    if (length<SHORTEST && * channels> 1)
        return failed(command,
                      "--series needs at least %d numbers in each channel, but there are %zu, in "
                      "%zu channels: each row is one series, with the channels of each moment side "
                      "by side%s",
                      SHORTEST, length, *channels, dataset_flattened(train));
    if (length < SHORTEST)
        return failed(command,
                      "--series needs at least %d numbers in a row, but there are %zu: each row is "
                      "one series",
                      SHORTEST, length);
    return EXIT_OK;
}

int fit_series_map(const char *command, const fit_options *o, dataset *train, snnk_map **map) {
    const size_t n = train->rows < SAMPLE_ROWS ? train->rows : SAMPLE_ROWS, d = train->n_inputs;
    snnk_minirocket_config config;
    size_t channels;
    const int exit_status = fit_series_check(command, o, train, &channels);

    if (exit_status != EXIT_OK) return exit_status;
    double *X = calloc(n, d * sizeof *X);

    if (!X) return failed(command, "out of memory");
    snnk_minirocket_config_init(&config, sizeof config);
    if (o->features_given) config.features = o->map.features;
    config.seed = o->map.seed;
    config.channels = channels;
    int st = dataset_read_sample(train, n, X);

    if (st == SNNK_OK)
        st = snnk_map_create_minirocket(d / channels, SNNK_ROWS(.n = n, .X_f64 = X), &config, map);
    free(X);
    if (st == SNNK_E_CANCELLED) return EXIT_CANCELLED;
    return st == SNNK_OK ? EXIT_OK : library_failed(command);
}
