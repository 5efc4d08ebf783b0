/* Boosting in closed form: the settings, and the rounds one after another. */
#include <snnk/boost.h>

#include <math.h>

#include "base/size.h"
#include "base/workspace.h"
#include "boost/rounds.h"

#define MOST        32768
#define MOST_LAYERS 1000

static const snnk_boost_config defaults = {.size = sizeof(snnk_boost_config),
                                           .layers = 6,
                                           .features = 512,
                                           .width = 512,
                                           .patience = 2,
                                           .ridge = SNNK_RIDGE_AUTO,
                                           .readout_ridge = SNNK_RIDGE_AUTO,
                                           .shrinkage = 1,
                                           .heldout_share = 0.1,
                                           .projection_scale = 1,
                                           .offset_scale = 0.5,
                                           .scaling = SNNK_SCALING_STANDARDIZE,
                                           .rows = SNNK_BOOST_RANDOM,
                                           .activation = SNNK_RELU,
                                           .loss = SNNK_LOSS_SQUARED};

#define CONFIG_MINIMUM sizeof(snnk_boost_config)
#define REPORT_MINIMUM sizeof(snnk_boost_report)

int snnk_boost_config_init(snnk_boost_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &defaults, sizeof defaults, CONFIG_MINIMUM,
                             "boost config");
}

const char *snnk_boost_rows_name(int32_t value) {
    return value == SNNK_BOOST_RANDOM ? "random" : value == SNNK_BOOST_PAIRS ? "pairs" : NULL;
}

/* ---- Checks ---- */

static int check_count(uint64_t value, uint64_t most, const char *name) {
    if (value >= 1 && value <= most) return SNNK_OK;
    return snnk__fail(SNNK_E_RANGE, "%s = %llu is not in 1 ... %llu", name,
                      (unsigned long long)value, (unsigned long long)most);
}

static int check_ridge(const snnk_boost_config *c, double value, bool may_be_zero,
                       const char *name) {
    if (value == SNNK_RIDGE_AUTO) {
        if (c->heldout_share > 0) return SNNK_OK;
        return snnk__fail(SNNK_E_RANGE,
                          "no rows are held out to choose %s: give it, or a heldout_share above 0",
                          name);
    }
    if (isfinite(value) && (value > 0 || (value == 0 && may_be_zero))) return SNNK_OK;
    return snnk__fail(SNNK_E_RANGE, "%s = %g is neither SNNK_RIDGE_AUTO nor finite and %s 0", name,
                      value, may_be_zero ? ">=" : ">");
}

static int check_config(const snnk_boost_config *c) {
    int st;

    if ((st = check_count(c->layers, MOST_LAYERS, "layers")) != SNNK_OK) return st;
    if ((st = check_count(c->features, MOST, "features")) != SNNK_OK) return st;
    if ((st = check_count(c->width, MOST, "width")) != SNNK_OK) return st;
    if ((st = check_count(c->patience, UINT64_MAX, "patience")) != SNNK_OK) return st;
    if (!(c->shrinkage > 0 && c->shrinkage <= 1))
        return snnk__fail(SNNK_E_RANGE, "shrinkage = %g is not above 0 and at most 1",
                          c->shrinkage);
    st = snnk__check_within(c->heldout_share, 0, 0.5, "heldout_share");
    if (st == SNNK_OK) st = check_ridge(c, c->ridge, true, "ridge");
    if (st == SNNK_OK) st = check_ridge(c, c->readout_ridge, false, "readout_ridge");
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
    snnk_layer **layers; /* config.layers + 1: the tower, and those of rounds */
    uint64_t made, best; /* residual layers */
    double best_heldout, best_train;
    snnk_boost_report report;
} course;

/* Note the losses after round t, and whether they are the best so far. */
static void judge(const snnk__boosting *g, uint64_t t, course *c) {
    double train, heldout, objective;

    snnk__boosting_losses(g, &train, &heldout, &objective);
    if (c->report.train_losses) c->report.train_losses[t] = train;
    if (c->report.heldout_losses) c->report.heldout_losses[t] = heldout;
    if (c->report.objectives) c->report.objectives[t] = objective;
    if (t > 0 && isfinite(heldout) && !(heldout < c->best_heldout)) return;
    c->best = t;
    c->best_heldout = heldout;
    c->best_train = train;
}

/* Make layers until the end of the rounds. */
static int run_rounds(snnk__boosting *g, course *c) {
    const snnk_boost_config *config = g->config;
    int st = snnk__boosting_begin(g, &c->layers[0]);

    if (st == SNNK_OK) st = snnk__boosting_readout(g, g->train, NULL);
    if (st != SNNK_OK) return st;
    judge(g, 0, c);
    for (uint64_t t = 1; st == SNNK_OK && t <= config->layers; t++) {
        if (t - 1 - c->best >= config->patience) break;
        st = snnk__boosting_round(g, t, &c->layers[t]);
        if (st != SNNK_OK) break;
        c->report.layers_tried = t;
        if (!c->layers[t]) break; /* nothing is left to correct */
        c->made = t;
        st = snnk__boosting_readout(g, g->train, NULL);
        if (st == SNNK_OK) judge(g, t, c);
    }
    return st;
}

/* Make the network of the layers up to the best round, with a readout of all rows. */
static int finish(snnk__boosting *g, const course *c, snnk_network **network) {
    snnk_network *made = NULL;
    snnk_layer *last = NULL;
    int st = SNNK_OK;

    snnk__progress_begin_stage(g->progress, 1);
    if (c->best < c->made) st = snnk__boosting_run(g, (size_t)c->best + 1, c->layers);
    if (st == SNNK_OK) st = snnk__boosting_readout(g, g->n, &last);
    if (st == SNNK_OK) st = snnk_network_create(g->allocator, &made);
    for (uint64_t t = 0; st == SNNK_OK && t <= c->best; t++)
        st = snnk_network_append(made, c->layers[t]);
    if (st == SNNK_OK) st = snnk_network_append(made, last);
    if (st == SNNK_OK) st = snnk__progress_finish(g->progress);
    snnk_layer_free(last);
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
    const size_t count = (size_t)g->config->layers + 1;
    double *const ours[3] = {c->report.train_losses, c->report.heldout_losses,
                             c->report.objectives};
    snnk_boost_report filled = c->report;

    if (!report) return SNNK_OK;
    double *const theirs[3] = {report->train_losses, report->heldout_losses, report->objectives};
    for (size_t k = 0; k < 3; k++)
        for (size_t t = 0; theirs[k] && t < count; t++) theirs[k][t] = ours[k][t];
    filled.layers_kept = c->best;
    filled.train_loss = c->best_train;
    filled.heldout_loss = c->best_heldout;
    filled.readout_ridge = g->ridge;
    filled.train_rows = g->train;
    filled.heldout_rows = g->n - g->train;
    filled.train_losses = theirs[0];
    filled.heldout_losses = theirs[1];
    filled.objectives = theirs[2];
    return snnk__config_write(report, &filled, sizeof filled, REPORT_MINIMUM, "boost report");
}

static int fit(snnk__boosting *g, snnk_boost_report *report, snnk_network **network) {
    const size_t count = (size_t)g->config->layers + 1;
    course c = {.report = {.size = sizeof c.report}};
    double *losses = NULL;
    int st = snnk__alloc_zero(g->allocator, count, sizeof(snnk_layer *), "layers", &c.layers);

    if (st == SNNK_OK) st = own_losses(g->allocator, count, &losses);
    if (st == SNNK_OK) {
        c.report.train_losses = losses;
        c.report.heldout_losses = losses + count;
        c.report.objectives = losses + 2 * count;
        st = snnk__boosting_create(g);
    }
    if (st == SNNK_OK) st = run_rounds(g, &c);
    if (st == SNNK_OK) st = finish(g, &c, network);
    if (st == SNNK_OK) st = write_report(g, &c, report);
    for (size_t t = 0; c.layers && t < count; t++) snnk_layer_free(c.layers[t]);
    snnk__free(g->allocator, c.layers);
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
                        .inputs = read.inputs,
                        .width = (size_t)ours.width,
                        .n = read.n,
                        .ridge = ours.readout_ridge};
    if (!snnk__add_size(g.inputs, g.width, &g.state))
        return snnk__fail(SNNK_E_SIZE, "%zu inputs and a width of %zu overflow size_t", g.inputs,
                          g.width);
    snnk__work_begin(workspace, 3 * (double)ours.layers + 3, &work);
    g.progress = &work.progress;
    st = fit(&g, report, network);
    snnk__work_end(&work);
    return st;
}
