/* Boosting: the settings, and the rounds one after another. */
#include <snnk/boost.h>

#include <math.h>

#include <snnk/fit.h>

#include "base/workspace.h"
#include "boost/rounds.h"

#define MOST            32768
#define MOST_CANDIDATES 64
#define MOST_ROUNDS     1000

static const snnk_boost_config defaults = {.size = sizeof(snnk_boost_config),
                                           .rounds = 3,
                                           .features = 512,
                                           .candidates = 4,
                                           .patience = 2,
                                           .most_rows = 16384,
                                           .ridge = SNNK_RIDGE_AUTO,
                                           .heldout_share = 0.1,
                                           .projection_scale = 1,
                                           .offset_scale = 0.3,
                                           .scaling = SNNK_SCALING_STANDARDIZE,
                                           .rows = SNNK_BOOST_DIRECTIONS,
                                           .activation = SNNK_RELU,
                                           .loss = SNNK_LOSS_SQUARED};

#define CONFIG_MINIMUM sizeof(snnk_boost_config)
#define REPORT_MINIMUM sizeof(snnk_boost_report)

int snnk_boost_config_init(snnk_boost_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &defaults, sizeof defaults, CONFIG_MINIMUM,
                             "boost config");
}

const char *snnk_boost_rows_name(int32_t value) {
    static const char *const names[] = {"directions", "random", "pairs"};

    return value >= 0 && value <= SNNK_BOOST_PAIRS ? names[value] : NULL;
}

/* ---- Checks ---- */

static int check_count(uint64_t value, uint64_t most, const char *name) {
    if (value >= 1 && value <= most) return SNNK_OK;
    return snnk__fail(SNNK_E_RANGE, "%s = %llu is not in 1 ... %llu", name,
                      (unsigned long long)value, (unsigned long long)most);
}

static int check_ridge(const snnk_boost_config *c) {
    if (c->ridge == SNNK_RIDGE_AUTO) {
        if (c->heldout_share > 0) return SNNK_OK;
        return snnk__fail(SNNK_E_RANGE, "no rows are held out to choose the ridge: give it, or a "
                                        "heldout_share above 0");
    }
    if (isfinite(c->ridge) && c->ridge > 0) return SNNK_OK;
    return snnk__fail(SNNK_E_RANGE, "ridge = %g is neither SNNK_RIDGE_AUTO nor finite and > 0",
                      c->ridge);
}

static int check_config(const snnk_boost_config *c) {
    int st;

    if ((st = check_count(c->rounds, MOST_ROUNDS, "rounds")) != SNNK_OK) return st;
    if ((st = check_count(c->features, MOST, "features")) != SNNK_OK) return st;
    if ((st = check_count(c->candidates, MOST_CANDIDATES, "candidates")) != SNNK_OK) return st;
    if ((st = check_count(c->patience, UINT64_MAX, "patience")) != SNNK_OK) return st;
    st = snnk__check_within(c->heldout_share, 0, 0.5, "heldout_share");
    if (st == SNNK_OK) st = check_ridge(c);
    if (st == SNNK_OK)
        st = snnk__check_within(c->projection_scale, 1e-30, 1e30, "projection_scale");
    if (st == SNNK_OK) st = snnk__check_within(c->offset_scale, 0, 1e30, "offset_scale");
    if (st == SNNK_OK) st = snnk__check_enum(c->rows, SNNK_BOOST_PAIRS + 1, "rows");
    if (st != SNNK_OK) return st;
    if (c->scaling != SNNK_SCALING_STANDARDIZE && c->scaling != SNNK_SCALING_COMMON)
        return snnk__fail(SNNK_E_ENUM, "scaling = %d is neither COMMON nor STANDARDIZE",
                          (int)c->scaling);
    if (!snnk_activation_name(c->activation))
        return snnk__fail(SNNK_E_ENUM, "activation = %d is no activation", (int)c->activation);
    if (c->loss != SNNK_LOSS_SQUARED && c->loss != SNNK_LOSS_CROSS_ENTROPY)
        return snnk__fail(SNNK_E_ENUM, "loss = %d is neither squared nor cross-entropy",
                          (int)c->loss);
    return SNNK_OK;
}

static int check_rows(const snnk_rows *rows, const snnk_boost_config *c) {
    size_t i = 1;

    if (rows->n < 2)
        return snnk__fail(SNNK_E_STATE, "%zu rows are too few to learn from: at least 2 are needed",
                          rows->n);
    if (!rows->labels && c->loss == SNNK_LOSS_CROSS_ENTROPY)
        return snnk__fail(SNNK_E_UNSUPPORTED,
                          "cross-entropy needs labels: give them, or use the squared error");
    if (!rows->labels) return SNNK_OK;
    while (i < rows->n && rows->labels[i] == rows->labels[0]) i++;
    if (i < rows->n) return SNNK_OK;
    return snnk__fail(SNNK_E_STATE,
                      "all %zu rows have the label %d: there is nothing to tell apart", rows->n,
                      (int)rows->labels[0]);
}

/* ---- Rounds ---- */

typedef struct course {
    uint64_t best;
    size_t features; /* of the best round */
    double best_heldout, best_train, best_ridge;
    snnk_boost_report report;
} course;

/* Note the losses after round t, and whether they are the best so far. */
static void judge(const snnk__boosting *g, uint64_t t, course *c) {
    double train, heldout, objective;

    snnk__boosting_losses(g, &train, &heldout, &objective);
    if (c->report.train_losses) c->report.train_losses[t] = train;
    if (c->report.heldout_losses) c->report.heldout_losses[t] = heldout;
    if (c->report.objectives) c->report.objectives[t] = objective;
    if (t > 0 && !isnan(heldout) && !(heldout < c->best_heldout)) return;
    c->best = t;
    c->features = g->features;
    c->best_heldout = heldout;
    c->best_train = train;
    c->best_ridge = g->ridge;
}

static int run_rounds(snnk__boosting *g, course *c) {
    const snnk_boost_config *config = g->config;
    const bool choose = config->ridge == SNNK_RIDGE_AUTO;
    int st = SNNK_OK;

    for (uint64_t t = 0; st == SNNK_OK && t <= config->rounds; t++) {
        size_t added;

        if (t > 0 && t - 1 - c->best >= config->patience) break;
        st = snnk__boosting_grow(g, t, &added);
        c->report.rounds_tried = t;
        if (st != SNNK_OK || added == 0) break; /* nothing is left to correct */
        st = snnk__boosting_readout(g, g->train, choose);
        if (st == SNNK_OK) judge(g, t, c);
    }
    return st;
}

/* Fit the features to few rows, with the ridge that leaving out each chooses. */
static int refit_few(snnk__boosting *g, snnk_layer **layer) {
    snnk_fit_config config;
    snnk_fit_report report = {.size = sizeof report};
    snnk_layer *found = NULL;
    snnk_fit *fit = NULL;
    int st = snnk__boosting_layer(g, &found);

    if (st == SNNK_OK) st = snnk_fit_config_init(&config, sizeof config);
    config.seed = g->config->seed;
    if (st == SNNK_OK) st = snnk_fit_create(snnk_layer_map(found), g->outputs, &config, &fit);
    if (st == SNNK_OK) st = snnk_fit_add(fit, g->rows, g->workspace);
    if (st == SNNK_OK) st = snnk_fit_solve(fit, g->workspace, &report, layer);
    if (st == SNNK_OK) g->ridge = report.ridge;
    snnk_fit_free(fit);
    snnk_layer_free(found);
    return st;
}

/* Make the network of the features up to the best round, with a readout of all rows. */
static int finish(snnk__boosting *g, const course *c, snnk_network **network) {
    const bool few = g->n <= SNNK_FIT_MAX_LEFT_OUT && g->config->ridge == SNNK_RIDGE_AUTO &&
                     g->config->loss == SNNK_LOSS_SQUARED;
    snnk_network *made = NULL;
    snnk_layer *layer = NULL;
    int st = SNNK_OK;

    g->ridge = c->best_ridge;
    if (c->features < g->features) st = snnk__boosting_cut(g, c->features);
    if (st == SNNK_OK && few) st = refit_few(g, &layer);
    if (st == SNNK_OK && !few) st = snnk__boosting_readout(g, g->n, false);
    if (st == SNNK_OK && !few) st = snnk__boosting_layer(g, &layer);
    if (st == SNNK_OK) st = snnk_network_create(g->allocator, &made);
    if (st == SNNK_OK) st = snnk_network_append(made, layer);
    if (st == SNNK_OK) st = snnk__progress_finish(g->progress);
    snnk_layer_free(layer);
    if (st == SNNK_OK)
        *network = made;
    else
        snnk_network_free(made);
    return st;
}

/* Room for the losses of rounds: they reach the caller's arrays on success only. */
static int own_losses(const snnk_allocator *allocator, size_t count, double **losses) {
    const int st = snnk__alloc(allocator, 3 * count, sizeof **losses, "losses", losses);

    for (size_t k = 0; st == SNNK_OK && k < 3 * count; k++) (*losses)[k] = NAN;
    return st;
}

static int write_report(const snnk__boosting *g, const course *c, snnk_boost_report *report) {
    const size_t count = (size_t)g->config->rounds + 1;
    double *const ours[3] = {c->report.train_losses, c->report.heldout_losses,
                             c->report.objectives};
    snnk_boost_report filled = c->report;

    if (!report) return SNNK_OK;
    double *const theirs[3] = {report->train_losses, report->heldout_losses, report->objectives};
    for (size_t k = 0; k < 3; k++)
        for (size_t t = 0; theirs[k] && t < count; t++) theirs[k][t] = ours[k][t];
    filled.rounds_kept = c->best;
    filled.features = c->features;
    filled.train_loss = c->best_train;
    filled.heldout_loss = c->best_heldout;
    filled.ridge = g->ridge;
    filled.train_rows = g->known;
    filled.round_rows = g->train;
    filled.heldout_rows = g->n - g->known;
    filled.train_losses = theirs[0];
    filled.heldout_losses = theirs[1];
    filled.objectives = theirs[2];
    return snnk__config_write(report, &filled, sizeof filled, REPORT_MINIMUM, "boost report");
}

static int fit(snnk__boosting *g, snnk_boost_report *report, snnk_network **network) {
    const size_t count = (size_t)g->config->rounds + 1;
    course c = {.report = {.size = sizeof c.report}};
    double *losses = NULL;
    int st = own_losses(g->allocator, count, &losses);

    if (st == SNNK_OK) {
        c.report.train_losses = losses;
        c.report.heldout_losses = losses + count;
        c.report.objectives = losses + 2 * count;
        st = snnk__boosting_create(g);
    }
    if (st == SNNK_OK) st = run_rounds(g, &c);
    if (st == SNNK_OK) st = finish(g, &c, network);
    if (st == SNNK_OK) st = write_report(g, &c, report);
    snnk__free(g->allocator, losses);
    snnk__boosting_free(g);
    return st;
}

int snnk_boost_fit(const snnk_rows *rows, size_t outputs, const snnk_boost_config *config,
                   snnk_workspace *workspace, snnk_boost_report *report, snnk_network **network) {
    snnk_boost_config ours = defaults;
    snnk_allocator allocator;
    snnk_rows read;
    snnk__work work;
    int st;

    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    *network = NULL;
    st = snnk__config_read(&ours, sizeof ours, CONFIG_MINIMUM, config, "boost config");
    if (st == SNNK_OK)
        st = snnk__config_check(report, sizeof *report, REPORT_MINIMUM, "boost report");
    if (st == SNNK_OK) st = check_config(&ours);
    if (st == SNNK_OK) st = snnk__allocator_read(&allocator, ours.allocator);
    if (st != SNNK_OK) return st;
    if (outputs == 0) return snnk__fail(SNNK_E_SHAPE, "outputs = 0: at least 1 is needed");
    st = snnk__rows_read(rows, 0, outputs, true, &read);
    if (st == SNNK_OK) st = check_rows(&read, &ours);
    if (st == SNNK_OK) st = snnk__rows_check_finite(&read);
    if (st != SNNK_OK) return st;

    snnk__boosting g = {.config = &ours,
                        .allocator = &allocator,
                        .workspace = workspace,
                        .rows = &read,
                        .outputs = outputs,
                        .d = read.inputs,
                        .n = read.n,
                        .ridge = ours.ridge};

    snnk__work_begin(workspace, 3 * (double)ours.rounds + 6, &work);
    g.progress = &work.progress;
    st = fit(&g, report, network);
    snnk__work_end(&work);
    return st;
}
