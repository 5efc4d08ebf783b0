#include "cli/fit_boost.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/all_rows.h"
#include "cli/console.h"
#include "cli/system.h"

/* The activation is chosen by one round of TRIED_FEATURES on about TRIED_ROWS rows. */
enum { TRIED_ROWS = 8000, TRIED_FEATURES = 256 };

/* Rows that rounds may learn from, those that are held out for them included. */
enum { SAMPLE_ROWS = 32768 };

/* Without --m, a round of few rows has about one feature for each FEW_ROWS of them. */
enum { MOST_FEATURES = 512, LEAST_FEATURES = 128, FEW_ROWS = 8 };

static uint64_t features_for(size_t rows) {
    const size_t features = rows / FEW_ROWS / LEAST_FEATURES * LEAST_FEATURES;

    if (features > MOST_FEATURES) return MOST_FEATURES;
    return features > LEAST_FEATURES ? features : LEAST_FEATURES;
}

/* What the options say. Of the choice for one layer only the scaling is used. */
static void configure(const fit_options *o, const task *what, const dataset *train,
                      fit_boost *boost) {
    snnk_boost_config *config = &boost->config;

    *config = o->boost;
    config->features = o->features_given ? o->map.features : features_for(train->rows);
    config->seed = o->fit.seed;
    config->ridge = o->fit.ridge;
    if (o->heldout_given) config->heldout_share = o->fit.heldout_share;
    config->scaling =
        o->scaling == SNNK_SCALING_COMMON ? SNNK_SCALING_COMMON : SNNK_SCALING_STANDARDIZE;
    if (what->classification && o->loss == SNNK_LOSS_CROSS_ENTROPY)
        config->loss = SNNK_LOSS_CROSS_ENTROPY;
}

/* Run the rounds on the sample, and take their features. */
static int run_rounds(const char *command, const task *what, const all_rows *sample,
                      snnk_workspace *workspace, fit_boost *boost, snnk_map **map) {
    const size_t rounds = (size_t)boost->config.rounds + 1;
    const snnk_rows rows = all_rows_part(sample, 0, sample->n);
    snnk_network *network = NULL;
    int st;

    boost->losses = malloc(2 * rounds * sizeof *boost->losses);
    if (!boost->losses) return failed(command, "out of memory");
    boost->report = (snnk_boost_report){.size = sizeof boost->report,
                                        .train_losses = boost->losses,
                                        .heldout_losses = boost->losses + rounds};
    st = snnk_boost_fit(&rows, what->outputs, &boost->config, workspace, &boost->report, &network);
    if (st == SNNK_OK) {
        const snnk_map *features = snnk_layer_map(snnk_network_layer(network, 0));

        st = snnk_map_concat(1, &features, map);
    }
    snnk_network_free(network);
    if (st == SNNK_E_CANCELLED || interrupted) return EXIT_CANCELLED;
    return st == SNNK_OK ? EXIT_OK : library_failed(command);
}

/* ---- The sample ---- */

/* Whether a row is the one of its part: parts are `step` rows, and give one each, at a place that
 * looks random. */
static bool is_drawn(size_t row, size_t step) {
    const uint64_t mixed = ((uint64_t)(row / step) + 1) * 0x9E3779B97F4A7C15U;

    return row % step == (size_t)(mixed >> 33) % step;
}

/* Read at most SAMPLE_ROWS rows, of all parts of the table. */
static int read_sample(const char *command, const task *what, dataset *train, training_rows *batch,
                       all_rows *sample) {
    const size_t step = (train->rows + SAMPLE_ROWS - 1) / SAMPLE_ROWS;
    int exit_status = EXIT_OK;

    for (size_t first = 0; exit_status == EXIT_OK && first < train->rows; first += BATCH_ROWS) {
        const size_t left = train->rows - first, n = left < BATCH_ROWS ? left : BATCH_ROWS;

        exit_status = training_rows_read(command, what, train, first, n, batch);
        if (exit_status == EXIT_OK && first == 0 &&
            !all_rows_create(&batch->rows, what->classification ? 0 : train->n_targets,
                             train->rows / step + 1, sample))
            exit_status = failed(command, "out of memory for a sample of the rows");
        for (size_t i = 0; exit_status == EXIT_OK && i < batch->rows.n; i++)
            if (is_drawn(batch->numbers[i], step)) all_rows_append(&batch->rows, i, sample);
        if (exit_status == EXIT_OK && interrupted) exit_status = EXIT_CANCELLED;
    }
    return exit_status;
}

/* ---- The activation ---- */

/* Every n-th row, so that there are about TRIED_ROWS. Returns false without memory. */
static bool sample_rows(const all_rows *all, all_rows *sample) {
    const size_t step = all->n > TRIED_ROWS ? all->n / TRIED_ROWS : 1;
    const snnk_rows rows = all_rows_part(all, 0, all->n);

    if (!all_rows_create(&rows, all->targets, all->n / step + 1, sample)) return false;
    for (size_t i = 0; i < all->n; i += step) all_rows_append(&rows, i, sample);
    return true;
}

/* Choose relu or tanh by the held-out loss of one round on a sample of the rows. A trial that fails
 * has no say: the fit of all rows will tell why. */
static int choose_activation(const char *command, const task *what, const all_rows *all,
                             snnk_workspace *workspace, fit_boost *boost) {
    static const int32_t choices[] = {SNNK_RELU, SNNK_TANH};
    all_rows sample = {.n = 0};
    double least = INFINITY;
    int st = SNNK_OK;

    if (!sample_rows(all, &sample)) {
        all_rows_free(&sample);
        return failed(command, "out of memory");
    }
    for (size_t k = 0; k < 2 && st != SNNK_E_CANCELLED; k++) {
        const snnk_rows rows = all_rows_part(&sample, 0, sample.n);
        snnk_boost_report report = {.size = sizeof report};
        snnk_boost_config config = boost->config;
        snnk_network *network = NULL;

        config.rounds = 1;
        if (config.features > TRIED_FEATURES) config.features = TRIED_FEATURES;
        config.activation = choices[k];
        config.loss = SNNK_LOSS_SQUARED; /* far faster */
        st = snnk_boost_fit(&rows, what->outputs, &config, workspace, &report, &network);
        snnk_network_free(network);
        if (st != SNNK_OK || !(report.heldout_loss < least)) continue;
        least = report.heldout_loss;
        boost->config.activation = choices[k];
    }
    all_rows_free(&sample);
    return st == SNNK_E_CANCELLED || interrupted ? EXIT_CANCELLED : EXIT_OK;
}

int fit_boost_rounds(const char *command, const fit_options *o, const task *what, dataset *train,
                     training_rows *batch, snnk_workspace *workspace, fit_boost *boost,
                     snnk_map **map) {
    all_rows sample = {.n = 0};
    int exit_status = read_sample(command, what, train, batch, &sample);

    configure(o, what, train, boost);
    if (exit_status == EXIT_OK && !o->boost_activation_given && boost->config.heldout_share > 0)
        exit_status = choose_activation(command, what, &sample, workspace, boost);
    if (exit_status == EXIT_OK)
        exit_status = run_rounds(command, what, &sample, workspace, boost, map);
    all_rows_free(&sample);
    return exit_status;
}

void fit_boost_free(fit_boost *boost) {
    free(boost->losses);
    *boost = (fit_boost){.losses = NULL};
}

/* ---- Report ---- */

/* The losses of round 0 and of those that were tried. */
static void add_losses(const fit_boost *boost, const char *name, const double *losses,
                       cJSON *json) {
    cJSON *array = cJSON_AddArrayToObject(json, name);

    for (uint64_t t = 0; array && t <= boost->report.rounds_tried; t++)
        if (!isnan(losses[t])) cJSON_AddItemToArray(array, cJSON_CreateNumber(losses[t]));
}

void fit_boost_add_json(const fit_boost *boost, cJSON *json) {
    const snnk_boost_config *c = &boost->config;
    const snnk_boost_report *r = &boost->report;

    cJSON_AddNumberToObject(json, "rounds", (double)r->rounds_tried);
    cJSON_AddNumberToObject(json, "rounds_kept", (double)r->rounds_kept);
    cJSON_AddBoolToObject(json, "inputs_limited", boost->limited);
    cJSON_AddNumberToObject(json, "m_of_round", (double)c->features);
    cJSON_AddStringToObject(json, "rows", snnk_boost_rows_name(c->rows));
    cJSON_AddStringToObject(json, "boost_activation", snnk_activation_name(c->activation));
    cJSON_AddNumberToObject(json, "round_rows", (double)(r->round_rows + r->heldout_rows));
    cJSON_AddNumberToObject(json, "train_loss", r->train_loss);
    cJSON_AddNumberToObject(json, "heldout_loss", r->heldout_loss);
    add_losses(boost, "train_losses", r->train_losses, json);
    add_losses(boost, "heldout_losses", r->heldout_losses, json);
}

static void print_losses(const fit_boost *boost, const char *name, const double *losses) {
    printf("%-14s", name);
    for (uint64_t t = 0; t <= boost->report.rounds_tried; t++)
        if (!isnan(losses[t])) printf("%s%.4g", t > 0 ? ", " : "", losses[t]);
}

void fit_boost_print(const fit_boost *boost) {
    const snnk_boost_config *c = &boost->config;
    const snnk_boost_report *r = &boost->report;

    printf("boosting      %llu of %llu rounds that were tried, each of %llu %s features "
           "(candidates: %s)%s\n",
           (unsigned long long)r->rounds_kept, (unsigned long long)r->rounds_tried,
           (unsigned long long)c->features, snnk_activation_name(c->activation),
           snnk_boost_rows_name(c->rows),
           boost->limited ? "; inputs are limited to the range of the training rows" : "");
    print_losses(boost, "losses", r->train_losses);
    printf(" (%s, round by round) on %llu rows\n", snnk_loss_name(c->loss),
           (unsigned long long)r->round_rows);
    if (r->heldout_rows == 0) return;
    print_losses(boost, "", r->heldout_losses);
    printf(" on %llu held-out rows\n", (unsigned long long)r->heldout_rows);
}
