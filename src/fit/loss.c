/* Least squares and cross-entropy on the same rows, compared on held-out rows. */
#include <snnk/loss.h>

#include <math.h>
#include <string.h>

#include <snnk/logistic.h>
#include <snnk/lstsq.h>

#include "base/size.h"
#include "base/workspace.h"
#include "fit/folds.h"
#include "fit/readout.h"
#include "predict/uncertainty.h"
#include "solve/product.h"

#define LEAST_HELDOUT 1000 /* rows, if there are as many */
#define STEP          10   /* between ridges */
#define MOST_RIDGES   12
#define LEAST_GAIN    0.01 /* of the log loss, for a ridge below the best one */
#define ROUGH         3e-3 /* tolerance of solutions that are only compared */
#define FINE          1e-4 /* of the last one */
#define BLOCK         256  /* rows whose features are doubles at a time */

/* Estimated costs of the stages of progress. That of a solution by least squares is 1. */
#define COST_FEATURES    1.0
#define COST_LOGISTIC    4.0
#define COST_PROBABILITY 1.0
#define USUAL_RIDGES     6

static const snnk_loss_config defaults = {
    .size = sizeof(snnk_loss_config), .ridge = 1, .heldout_share = 0.2};

#define CONFIG_MINIMUM sizeof(snnk_loss_config)
#define REPORT_MINIMUM sizeof(snnk_loss_report)

const char *snnk_loss_name(int32_t loss) {
    static const char *const names[] = {"squared", "cross-entropy", "huber", "cosine", "user"};

    return loss >= 0 && loss <= SNNK_LOSS_USER ? names[loss] : NULL;
}

int snnk_loss_config_init(snnk_loss_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &defaults, sizeof defaults, CONFIG_MINIMUM,
                             "loss config");
}

static int check_config(const snnk_loss_config *c) {
    if (!(c->ridge > 0) || !isfinite(c->ridge))
        return snnk__fail(SNNK_E_RANGE, "ridge = %g is not a finite number > 0", c->ridge);
    if (!(c->heldout_share > 0 && c->heldout_share <= 0.5))
        return snnk__fail(SNNK_E_RANGE, "heldout_share = %g must be above 0 and at most 0.5",
                          c->heldout_share);
    if (c->always != 0 && c->always != 1)
        return snnk__fail(SNNK_E_RANGE, "always = %d is neither 0 nor 1", (int)c->always);
    return SNNK_OK;
}

/* One comparison. A solution is B (classes x m), followed by b. */
typedef struct comparison {
    const snnk_allocator *allocator;
    snnk_workspace *workspace;
    snnk__progress *progress;
    snnk__folds folds;
    size_t classes;
    double *solutions;   /* one for each part: of all other rows */
    double *scores;      /* held-out rows x classes: by the last solutions */
    double *best_scores; /* by the best cross-entropy solutions */
    double *best;        /* such a solution */
    double *block;       /* BLOCK x features */
    int32_t steps;
} comparison;

/* The numbers of a solution. */
static size_t numbers_of(const comparison *c) { return c->classes * (c->folds.m + 1); }

static size_t heldout_rows(const comparison *c) { return c->folds.start[c->folds.count]; }

static int allocate(comparison *c) {
    const size_t count = numbers_of(c), scores = heldout_rows(c);
    const size_t of_row = c->classes * sizeof *c->scores;
    int st;

    st = snnk__alloc_zero(c->allocator, c->folds.count, count * sizeof *c->solutions, "solutions",
                          &c->solutions);
    if (st == SNNK_OK) st = snnk__alloc(c->allocator, count, sizeof *c->best, "Psi", &c->best);
    if (st == SNNK_OK) st = snnk__alloc(c->allocator, scores, of_row, "scores", &c->scores);
    if (st == SNNK_OK) st = snnk__alloc(c->allocator, scores, of_row, "scores", &c->best_scores);
    if (st == SNNK_OK)
        st = snnk__alloc(c->allocator, BLOCK, c->folds.m * sizeof *c->block, "features", &c->block);
    return st;
}

static void comparison_free(const comparison *c) {
    snnk__free(c->allocator, c->block);
    snnk__free(c->allocator, c->best_scores);
    snnk__free(c->allocator, c->scores);
    snnk__free(c->allocator, c->best);
    snnk__free(c->allocator, c->solutions);
    snnk__folds_free(&c->folds);
}

/* Set the scores of part k by its solution. SNNK_E_CANCELLED. */
static int score(const comparison *c, size_t k) {
    const snnk_rows rows = snnk__folds_part(&c->folds, k);
    const size_t m = c->folds.m, l = c->classes;
    const double *B = c->solutions + k * numbers_of(c), *b = B + l * m;
    double *to = c->scores + c->folds.start[k] * l;
    int st = SNNK_OK;

    for (size_t first = 0; st == SNNK_OK && first < rows.n; first += BLOCK, to += BLOCK * l) {
        const size_t count = snnk__min_size(BLOCK, rows.n - first);

        for (size_t i = 0; i < count * m; i++) c->block[i] = (double)rows.X[first * m + i];
        for (size_t i = 0; i < count; i++) memcpy(to + i * l, b, l * sizeof *to);
        snnk__add_product_transposed(count, l, m, c->block, B, to);
        st = snnk__progress_update(c->progress, 1);
    }
    return st;
}

/* ---- Errors ---- */

/* Find the best probabilities for scores, and the mean of -log p(label).
 *   logits  they may be softmax(scores) */
static int find_probabilities(const comparison *c, const double *scores, bool logits,
                              double *log_loss, snnk_uncertainty **made) {
    snnk__progress_begin_stage(c->progress, COST_PROBABILITY);
    return snnk__uncertainty_learn(c->classes,
                                   SNNK_ROWS(.n = heldout_rows(c), .X_f64 = scores,
                                             .labels = c->folds.labels,
                                             .weights = c->folds.weights),
                                   logits, c->allocator, c->progress, log_loss, made);
}

/* Errors on the held-out rows, as weighted means. */
typedef struct errors {
    double log_loss; /* -log p(label) with p = softmax(scores) */
    double misclassified;
} errors;

/* -log p(label) of a row. */
static double row_loss(size_t l, const double *scores, size_t label) {
    double largest = scores[0], sum = 0;

    for (size_t k = 1; k < l; k++) largest = fmax(largest, scores[k]);
    for (size_t k = 0; k < l; k++) sum += exp(scores[k] - largest);
    return largest + log(sum) - scores[label];
}

static bool is_wrong(size_t l, const double *scores, size_t label) {
    size_t best = 0;

    for (size_t k = 1; k < l; k++)
        if (scores[k] > scores[best]) best = k;
    return best != label;
}

/* Find the errors of the scores. */
static errors find_errors(const comparison *c) {
    const size_t n = heldout_rows(c), l = c->classes;
    const float *weights = c->folds.weights;
    errors found = {0, 0};
    double weight = 0;

    for (size_t i = 0; i < n; i++) {
        const size_t label = (size_t)c->folds.labels[i];
        const double w = weights ? (double)weights[i] : 1;

        weight += w;
        found.log_loss += w * row_loss(l, c->scores + i * l, label);
        if (is_wrong(l, c->scores + i * l, label)) found.misclassified += w;
    }
    return (errors){found.log_loss / weight, found.misclassified / weight};
}

/* ---- Solutions ---- */

static int solve_squared(const comparison *c, const snnk_rows *rows, double ridge, double *B) {
    const size_t m = c->folds.m, l = c->classes;
    snnk_solve_config config;
    snnk_lstsq *lstsq;
    int st = snnk_lstsq_create(m, l, c->allocator, &lstsq);

    if (st != SNNK_OK) return st;
    snnk_solve_config_init(&config, sizeof config);
    config.ridge = ridge;
    st = snnk_lstsq_add(lstsq, rows, c->workspace);
    if (st == SNNK_OK) st = snnk_lstsq_solve(lstsq, &config, c->workspace, B, m, B + l * m, NULL);
    snnk_lstsq_free(lstsq);
    return st;
}

/* Follow B by Newton steps. */
static int solve_cross_entropy(comparison *c, const snnk_rows *rows, double ridge, double tolerance,
                               double *B) {
    const size_t m = c->folds.m, l = c->classes;
    snnk_logistic_report report = {.size = sizeof report};
    snnk_logistic_config config;

    snnk_logistic_config_init(&config, sizeof config);
    config.ridge = ridge;
    config.tolerance = tolerance;
    config.warm = 1;
    config.allocator = c->allocator;
    const int st = snnk_logistic_solve(rows, l, &config, c->workspace, B, m, B + l * m, &report);
    c->steps += report.steps;
    return st;
}

/* Solve for every part, and find the errors.
 *   logistic  otherwise least squares */
static int try(comparison *c, bool logistic, double ridge, errors *found) {
    int st = SNNK_OK;

    for (size_t k = 0; st == SNNK_OK && k < c->folds.count; k++) {
        const snnk_rows others = snnk__folds_others(&c->folds, k);
        double *B = c->solutions + k * numbers_of(c);

        snnk__progress_begin_stage(c->progress, logistic ? COST_LOGISTIC : 1);
        st = logistic ? solve_cross_entropy(c, &others, ridge, ROUGH, B)
                      : solve_squared(c, &others, ridge, B);
        if (st == SNNK_OK) st = score(c, k);
    }
    if (st == SNNK_OK) *found = find_errors(c);
    return st;
}

/* The best cross-entropy so far. */
typedef struct search {
    errors errors;
    double ridge;
} search;

/* Try a ridge; *better: whether its error is lower by the share `gain`. The scores are logits, so
 * their own softmax counts: other probabilities would hide a wrong scale of them. */
static int try_ridge(comparison *c, double ridge, double gain, search *s, bool *better) {
    errors found;
    const int st = try(c, true, ridge, &found);

    *better = st == SNNK_OK && found.log_loss < s->errors.log_loss * (1 - gain);
    if (!*better) return st;
    *s = (search){found, ridge};
    memcpy(c->best, c->solutions, numbers_of(c) * sizeof *c->best);
    memcpy(c->best_scores, c->scores, heldout_rows(c) * c->classes * sizeof *c->scores);
    return SNNK_OK;
}

/* Try another ridge. One whose solution is lost in rounding is not better. */
static int try_other(comparison *c, double ridge, double gain, search *s, bool *better) {
    snnk__sentence before;
    int st;

    snnk__sentence_save(&before);
    st = try_ridge(c, ridge, gain, s, better);
    if (st == SNNK_E_SINGULAR || st == SNNK_E_NONFINITE) st = SNNK_OK;
    return snnk__recovered(st, &before);
}

/* Search from a first ridge upwards as long as the error falls, else downwards. */
static int search_ridge(comparison *c, double first, search *s) {
    bool better;
    int tried = 1;
    int st = try_ridge(c, first, 0, s, &better);

    if (st != SNNK_OK) return st;
    if (!better) return snnk__fail(SNNK_E_NONFINITE, "the cross-entropy overflows");
    for (; st == SNNK_OK && better && tried < MOST_RIDGES; tried++)
        st = try_other(c, s->ridge * STEP, 0, s, &better);
    if (s->ridge > first) return st;
    /* The solutions are those of the larger ridge, near enough to continue from. */
    for (better = true; st == SNNK_OK && better && tried < MOST_RIDGES; tried++)
        st = try_other(c, s->ridge / STEP, LEAST_GAIN, s, &better);
    return st;
}

/* Make the network of the best cross-entropy, of all rows. */
static int make_network(comparison *c, const snnk__fit_features *features, double ridge,
                        const snnk_uncertainty *uncertainty, snnk_network **chosen) {
    const snnk_rows all = snnk__folds_all(&c->folds);
    snnk_network *made = NULL;
    snnk_layer *layer = NULL;
    int st;

    snnk__progress_begin_stage(c->progress, COST_LOGISTIC);
    st = solve_cross_entropy(c, &all, ridge, FINE, c->best);
    if (st == SNNK_OK)
        st = snnk__layer_of_solution(features->map, c->classes, c->best,
                                     c->best + c->classes * c->folds.m, &layer);
    if (st == SNNK_OK) st = snnk__fit_features_network(features, layer, &made);
    if (st == SNNK_OK) st = snnk_network_set_uncertainty(made, uncertainty);
    snnk_layer_free(layer);
    if (st == SNNK_OK)
        *chosen = made;
    else
        snnk_network_free(made);
    return st;
}

/* The cost of everything, for a number of parts. */
static double total_cost(size_t parts) {
    return COST_FEATURES + (double)parts * (1 + USUAL_RIDGES * COST_LOGISTIC) +
           2 * COST_PROBABILITY + COST_LOGISTIC;
}

/* Find the errors of least squares. */
static int try_squared(comparison *c, double ridge, errors *found) {
    snnk_uncertainty *uncertainty;
    int st = try(c, false, ridge, found);

    if (st == SNNK_OK) st = find_probabilities(c, c->scores, false, &found->log_loss, &uncertainty);
    if (st == SNNK_OK) snnk_uncertainty_free(uncertainty);
    return st;
}

/* Compare the solutions of checked, split rows. */
static int compare_split(comparison *c, const snnk__fit_features *features,
                         const snnk_loss_config *config, snnk_loss_report *report,
                         snnk_network **chosen) {
    search s = {.errors = {.log_loss = INFINITY}};
    snnk_uncertainty *uncertainty;
    errors squared;
    int st;

    if ((st = try_squared(c, config->ridge, &squared)) != SNNK_OK) return st;
    /* Scores of least squares are no logits: the first Newton step begins at zeros. */
    memset(c->solutions, 0, c->folds.count * numbers_of(c) * sizeof *c->solutions);
    if ((st = search_ridge(c, STEP * config->ridge, &s)) != SNNK_OK) return st;
    st = find_probabilities(c, c->best_scores, true, &s.errors.log_loss, &uncertainty);
    if (st != SNNK_OK) return st;
    const bool better = config->always || s.errors.log_loss < squared.log_loss;
    if (better) st = make_network(c, features, s.ridge, uncertainty, chosen);
    snnk_uncertainty_free(uncertainty);
    *report = (snnk_loss_report){.heldout_rows = heldout_rows(c),
                                 .squared_log_loss = squared.log_loss,
                                 .squared_misclassified = squared.misclassified,
                                 .log_loss = s.errors.log_loss,
                                 .misclassified = s.errors.misclassified,
                                 .ridge = s.ridge,
                                 .loss = better ? SNNK_LOSS_CROSS_ENTROPY : SNNK_LOSS_SQUARED,
                                 .steps = c->steps};
    return st;
}

/* Compare, for checked rows. */
static int compare(comparison *c, const snnk__fit_features *features, const snnk_rows *rows,
                   const snnk_loss_config *config, snnk_loss_report *report,
                   snnk_network **chosen) {
    snnk_network *made = NULL;
    int st;

    snnk__progress_begin_stage(c->progress, COST_FEATURES);
    st = snnk__folds_make(features, rows, config->seed, config->heldout_share, LEAST_HELDOUT,
                          c->workspace, c->progress, &c->folds);
    if (st != SNNK_OK || (st = allocate(c)) != SNNK_OK) return st;
    c->progress->total = total_cost(c->folds.count);
    st = compare_split(c, features, config, report, &made);
    if (st == SNNK_OK) st = snnk__progress_finish(c->progress);
    if (st == SNNK_OK)
        *chosen = made;
    else
        snnk_network_free(made);
    return st;
}

/* The same, with the progress of the workspace. */
static int compare_with(const snnk_network *network, const snnk__fit_features *features,
                        const snnk_rows *rows, size_t classes, const snnk_loss_config *config,
                        snnk_workspace *workspace, snnk_loss_report *report,
                        snnk_network **chosen) {
    comparison c = {.allocator = &network->allocator,
                    .workspace = workspace,
                    .folds = {.allocator = &network->allocator},
                    .classes = classes};
    snnk__work work;

    snnk__work_begin(workspace, total_cost(SNNK__MOST_FOLDS), &work);
    c.progress = &work.progress;
    const int st = compare(&c, features, rows, config, report, chosen);
    snnk__work_end(&work);
    comparison_free(&c);
    return st;
}

int snnk_network_choose_loss(const snnk_network *network, const snnk_rows *rows, size_t classes,
                             const snnk_loss_config *config, snnk_workspace *workspace,
                             snnk_loss_report *report, snnk_network **chosen) {
    snnk_loss_config ours = defaults;
    snnk_loss_report filled;
    snnk__fit_features features;
    snnk_rows read;
    int st;

    if ((st = snnk__check_pointer(chosen, "chosen")) != SNNK_OK) return st;
    *chosen = NULL;
    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    st = snnk__config_read(&ours, sizeof ours, CONFIG_MINIMUM, config, "loss config");
    if (st != SNNK_OK) return st;
    st = snnk__config_check(report, sizeof *report, REPORT_MINIMUM, "loss report");
    if (st != SNNK_OK) return st;
    if ((st = check_config(&ours)) != SNNK_OK) return st;
    if (classes < 2)
        return snnk__fail(SNNK_E_SHAPE, "classes = %zu: at least 2 are needed", classes);
    if ((st = snnk__fit_features_of_network(network, &features)) != SNNK_OK) return st;
    st = snnk__rows_read(rows, snnk__fit_features_inputs(&features), classes, true, &read);
    if (st == SNNK_OK && read.n == 0)
        st = snnk__fail(SNNK_E_SHAPE, "n = 0: at least 1 row is needed");
    if (st == SNNK_OK) st = snnk__check_pointer(read.labels, "labels");
    if (st == SNNK_OK) st = snnk__rows_check_finite(&read);
    if (st == SNNK_OK)
        st = compare_with(network, &features, &read, classes, &ours, workspace, &filled, chosen);
    snnk__fit_features_free(&features);
    if (st != SNNK_OK) return st;
    return snnk__config_write(report, &filled, sizeof filled, REPORT_MINIMUM, "loss report");
}
