#include "cli/fit_augment.h"

#include <math.h>
#include <stdlib.h>

#include "cli/console.h"
#include "cli/fit_series.h"
#include "cli/options.h"

/* Rows that the spread of series is measured on. */
enum { SAMPLE_ROWS = 500 };

/* Of few rows so many are held out, where the options do not say: a tenth would be too few. */
#define FEW_SHARE 0.25

int fit_augment_check(const char *command, fit_options *o) {
    static const char sentence[] = "--augment and %s: use one of them, %s";

    if (o->augment == 0) return EXIT_OK;
    if (o->directions > 0)
        return wrong_usage(command, sentence, "--learn-directions",
                           "directions are learnt from rows in memory");
    if (o->like)
        return wrong_usage(command, sentence, "--like",
                           "models that are merged later learn from rows, not from copies");
    if (o->keep_statistics)
        return wrong_usage(command, sentence, "--keep-statistics",
                           "to forget a row would leave its copies");
    if (o->choose == CHOOSE_GCV)
        return wrong_usage(command, sentence, "--choose gcv",
                           "cross-validation takes copies for new rows");
    if (o->loss == SNNK_LOSS_CROSS_ENTROPY)
        return wrong_usage(command, sentence, "--loss cross-entropy",
                           "its steps take rows in memory");
    o->loss = SNNK_LOSS_SQUARED;
    o->data.train.keep_constants = true; /* they are pixels, or moments of a series */
    return EXIT_OK;
}

/* Standard deviation of all numbers of a sample of the rows. */
static int spread_of(const char *command, dataset *data, double *spread) {
    const size_t n = data->rows < SAMPLE_ROWS ? data->rows : SAMPLE_ROWS;
    const size_t count = n * data->n_inputs;
    double *X = calloc(count, sizeof *X), mean = 0, squares = 0;

    if (!X) return failed(command, "out of memory");
    const int st = dataset_read_sample(data, n, X);

    for (size_t k = 0; st == SNNK_OK && k < count; k++) mean += X[k] / (double)count;
    for (size_t k = 0; st == SNNK_OK && k < count; k++)
        squares += (X[k] - mean) * (X[k] - mean) / (double)count;
    free(X);
    *spread = sqrt(squares);
    if (st == SNNK_E_CANCELLED) return EXIT_CANCELLED;
    return st == SNNK_OK ? EXIT_OK : library_failed(command);
}

/* What was good for images of 28 x 28, in proportion to the shorter side. Series are shifted by up
 * to a twentieth of their length, and get noise of a tenth of their spread. */
static int configure(const char *command, const fit_options *o, dataset *data,
                     const size_t shape[3], snnk_augment_config *config) {
    const double side = (double)(shape[0] < shape[1] ? shape[0] : shape[1]) / 28;
    double spread;

    snnk_augment_config_init(config, sizeof *config);
    config->height = shape[0];
    config->width = shape[1];
    config->channels = shape[2];
    config->seed = o->map.seed;
    if (shape[0] > 1) {
        config->shift = 1.5 * side;
        config->rotation = 10;
        config->elastic = side;
        config->elastic_sigma = fmax(4 * side, 0.5);
        return EXIT_OK;
    }
    const int exit_status = spread_of(command, data, &spread);

    config->shift = (double)shape[1] / 20;
    config->noise = fmin(spread / 10, 1e30);
    return exit_status;
}

/* The shape of rows: of --series, or of images. */
static int find_shape(const char *command, const fit_options *o, const dataset *data,
                      size_t shape[3]) {
    if (!o->series) return find_image_shape(command, "changed copies", &o->windows, data, shape);
    const int exit_status = fit_series_check(command, o, data, &shape[2]);

    if (exit_status != EXIT_OK) return exit_status;
    shape[0] = 1;
    shape[1] = data->n_inputs / shape[2];
    return EXIT_OK;
}

int fit_augment_begin(const char *command, fit_options *o, snnk_workspace *workspace, dataset *data,
                      row_copies *made) {
    size_t shape[3];
    int exit_status;

    if (o->augment == 0) return EXIT_OK;
    if ((exit_status = find_shape(command, o, data, shape)) != EXIT_OK) return exit_status;
    exit_status = configure(command, o, data, shape, &made->config);
    if (exit_status != EXIT_OK) return exit_status;
    if (!o->heldout_given && data->rows <= SNNK_FIT_MAX_LEFT_OUT) o->fit.heldout_share = FEW_SHARE;
    made->rows = data->rows;
    made->width = data->n_inputs;
    made->workspace = workspace;
    made->originals = calloc(BATCH_ROWS, made->width * sizeof *made->originals);
    if (!made->originals) return failed(command, "out of memory");
    data->copies = made;
    return EXIT_OK;
}

void fit_augment_free(row_copies *copies) {
    free(copies->originals);
    copies->originals = NULL;
}
