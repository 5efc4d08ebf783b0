/* Compress networks part by part. The activations of the same rows are computed in two networks:
 * before each part of the original network, and at the same place in the compressed one. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/progress.h"
#include "base/random.h"
#include "base/rows.h"
#include "base/size.h"
#include "distill/budget.h"
#include "distill/compression.h"
#include "distill/distill_create.h"
#include "distill/rounded.h"
#include "distill/small_network.h"
#include "distill/tune.h"
#include "distill/tune_rows.h"

static const snnk_compress_config defaults = {
    .size = sizeof(snnk_compress_config), .share = 0.5, .tune_rate = 0.02, .tune_blends = 2};

/* Size of the struct in version 0.1. */
#define CONFIG_MINIMUM offsetof(snnk_compress_config, method)

int snnk_compress_config_init(snnk_compress_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &defaults, sizeof defaults, CONFIG_MINIMUM,
                             "compress config");
}

#define STEPS        1000 /* how many steps progress is reported in */
#define FORWARD_ROWS 1024 /* rows of a forward pass between two reports */

typedef struct work {
    const snnk_network *network;
    snnk_allocator allocator;
    snnk_workspace *workspace;
    snnk_compress_config config;
    snnk_distill_config distill;
    snnk_compression *made;
    bool baselines;
    size_t d, n, n_judged;
    float *X, *judged;     /* n x d, n_judged x d */
    const snnk_rows *rows; /* the caller's, checked */
    size_t *which;         /* n: the rows of X among them; NULL without tuning */
    snnk__progress progress;
    snnk_distill_progress student_progress; /* the caller's progress function, called for each
                                             * distillation */
    void *student_user;
} work;

/* ---- Rows ---- */

static bool is_judged(const work *w, size_t i) {
    double u;

    snnk__random_uniform(w->distill.seed, SNNK__STREAM_JUDGED, i / w->distill.heldout_block_rows, 0,
                         1, &u);
    return u < w->distill.heldout_share;
}

/* Copy the rows into those to fit and those that measure the error. */
static int split_rows(work *w, const snnk_rows *rows) {
    const size_t n = rows->n, row = w->d * sizeof(float);
    int st;

    for (size_t i = 0; i < n; i++) *(is_judged(w, i) ? &w->n_judged : &w->n) += 1;
    if (w->n < 2 || w->n_judged < 2)
        return snnk__fail(
            SNNK_E_SHAPE,
            "%zu rows are split into %zu to fit and %zu to judge: each part needs at least 2", n,
            w->n, w->n_judged);
    if ((st = snnk__alloc(&w->allocator, w->n, row, "rows", &w->X)) != SNNK_OK) return st;
    if ((st = snnk__alloc(&w->allocator, w->n_judged, row, "rows", &w->judged)) != SNNK_OK)
        return st;

    if (w->config.tune_epochs > 0 &&
        (st = snnk__alloc(&w->allocator, w->n, sizeof *w->which, "an order", &w->which)) != SNNK_OK)
        return st;
    float *to[2] = {w->X, w->judged};

    for (size_t i = 0, k = 0; i < n; i++) {
        const bool judged = is_judged(w, i);
        float **place = &to[judged];

        if (w->which && !judged) w->which[k++] = i;

        if (rows->X) memcpy(*place, rows->X + i * rows->ldx, row);
        for (size_t j = 0; rows->X_f64 && j < w->d; j++)
            (*place)[j] = (float)rows->X_f64[i * rows->ldx + j];
        *place += w->d;
    }
    return SNNK_OK;
}

/* Set *Y to the outputs of a network for n rows X. */
static int forward(work *w, const snnk_network *network, size_t n, const float *X, float **Y) {
    const size_t d = snnk_network_inputs(network), l = snnk_network_outputs(network);
    float *made;
    int st;

    st = snnk__alloc(&w->allocator, n, l * sizeof *made, "activations", &made);
    if (st != SNNK_OK) return st;
    for (size_t i = 0; st == SNNK_OK && i < n; i += FORWARD_ROWS) {
        const size_t rows = snnk__min_size(FORWARD_ROWS, n - i);

        st = snnk_network_forward(network, rows, X + i * d, d, made + i * l, l, w->workspace);
        if (st == SNNK_OK) st = snnk__progress_update(&w->progress, 0); /* lets the caller cancel */
    }
    if (st == SNNK_OK)
        *Y = made;
    else
        snnk__free(&w->allocator, made);
    return st;
}

/* ---- Progress ---- */

static int report_progress(void *user, double share) {
    const work *w = user;

    return w->config.progress(w->config.user, (int32_t)(share * STEPS), STEPS);
}

/* Report the progress of a distillation as part of the current stage. */
static int report_student(void *user, int32_t done, int32_t steps, double explained) {
    work *w = user;

    if (w->student_progress && w->student_progress(w->student_user, done, steps, explained))
        return 1;
    return snnk__progress_count(&w->progress, done, steps) != SNNK_OK;
}

static void begin_progress(work *w) {
    w->student_progress = w->distill.progress;
    w->student_user = w->distill.user;
    w->distill.progress = report_student;
    w->distill.user = w;
    w->progress.total = 1;
    w->progress.user = w;
    if (w->config.progress) w->progress.report = report_progress;
}

/* The cost of the moments of a part, roughly. Trying sizes and creating a student cost multiples
 * of it: */
static double cost_of(const snnk__network_part *part) {
    const double p = (double)part->d + (double)part->h;

    return p * (p + (double)part->l);
}

#define COST_OF_SIZES   0.5
#define COST_OF_STUDENT 0.5
#define COST_OF_REFINED 5 /* a student of tier REFINED */

static double cost_of_solving(const work *w, const snnk__network_part *part) {
    return (w->distill.tier == SNNK_DISTILL_REFINED ? COST_OF_REFINED : COST_OF_STUDENT) *
           cost_of(part);
}

/* The cost of tuning in the unit of cost_of. */
static double cost_of_tuning(const work *w) {
    const double blends = w->config.tune_to_targets ? 0 : w->config.tune_blends;

    return (double)w->config.tune_epochs * 6 * w->config.share * (1 + blends) *
           (double)snnk_network_parameters(w->network) *
           (w->baselines ? 1 + SNNK__SMALL_NETWORKS : 1);
}

/* Set the total cost. With a budget: trying sizes of every part, and then replacing all of them.
 * Otherwise: replacing the parts whose features are given. */
static void sum_costs(work *w, bool budget) {
    w->progress.total = cost_of_tuning(w);
    for (size_t k = 0; k < w->made->n_parts; k++) {
        const snnk__network_part *part = &w->made->parts[k];

        if (budget && part->max_features > 0)
            w->progress.total += (1 + COST_OF_SIZES) * cost_of(part);
        if (budget ? part->max_features > 0 : part->features > 0)
            w->progress.total += cost_of(part) + cost_of_solving(w, part);
    }
}

/* ---- Features ---- */

/* Set the features given by the caller. */
static int take_features(work *w, const size_t *features) {
    snnk__network_part *part = w->made->parts;

    for (size_t i = 0; i < w->network->n_layers; i++) {
        if (i == part->first + part->layers) part++;
        if (features[i] == 0) continue;
        if (i != part->first || !part->hidden)
            return snnk__fail(SNNK_E_RANGE,
                              "features[%zu] = %zu, but no replaceable part begins at that layer",
                              i, features[i]);
        part->features = features[i] <= part->max_features ? features[i] : 0;
    }
    sum_costs(w, false);
    for (size_t k = 0; k < w->made->n_parts; k++) {
        part = &w->made->parts[k];
        if (part->hidden && features[part->first] == 0) part->outcome = SNNK_COMPRESS_WHOLE;
    }
    return SNNK_OK;
}

/* Create a distillation of a part on rows X of its inputs. Y: the targets; NULL for the outputs of
 * the part. */
static int create_distill(work *w, const snnk__network_part *part, const float *X, const float *Y,
                          snnk_distill **distill) {
    const snnk_distill_config config = snnk__part_config(part, &w->distill);
    int st;

    snnk__progress_begin_stage(&w->progress, cost_of(part));
    st = snnk__distill_create(part->hidden, part->readout, SNNK_ROWS(.n = w->n, .X = X, .Y = Y),
                              false, &config, w->workspace, distill);
    return st == SNNK_OK ? st : snnk__fail_within(st, "layer %zu", part->first);
}

static int make_size_curve(work *w, const snnk__network_part *part, const float *X,
                           snnk__size_curve *curve) {
    snnk_distill *distill = NULL;
    int st = SNNK_OK;

    if (part->max_features > 0) st = create_distill(w, part, X, NULL, &distill);
    if (st == SNNK_OK)
        st = snnk__size_curve_create(part, distill, &w->allocator, &w->progress,
                                     COST_OF_SIZES * cost_of(part), curve);
    snnk_distill_free(distill);
    return st;
}

static int make_size_curves(work *w, snnk__size_curve *curves) {
    float *X = w->X, *Y;
    int st = SNNK_OK;

    for (size_t k = 0; st == SNNK_OK && k < w->made->n_parts; k++) {
        const snnk__network_part *part = &w->made->parts[k];

        Y = NULL;
        st = make_size_curve(w, part, X, &curves[k]);
        if (st == SNNK_OK) st = forward(w, part->original, w->n, X, &Y);
        if (X != w->X) snnk__free(&w->allocator, X);
        X = Y;
    }
    if (X != w->X) snnk__free(&w->allocator, X);
    return st;
}

/* Set the features allowed by the budget. */
static int spend_budget(work *w) {
    const double all = (double)snnk_network_parameters(w->network);
    snnk_compression *made = w->made;
    snnk__size_curve *curves;
    double smallest;
    int st;

    sum_costs(w, true);
    st = snnk__alloc_zero(&w->allocator, made->n_parts, sizeof *curves, "curves", &curves);
    if (st != SNNK_OK) return st;
    if ((st = make_size_curves(w, curves)) != SNNK_OK) goto done;
    st = snnk__spend_budget(made->n_parts, made->parts, curves, w->config.share * all, &smallest);
    if (st != SNNK_OK)
        st = snnk__fail(
            st,
            "share = %g of %.0f parameters leaves no room for features: one feature for each part, "
            "and the parts that are kept, take %.0f parameters, a share of %.4f",
            w->config.share, all, smallest, smallest / all);
done:
    for (size_t k = 0; k < made->n_parts; k++) snnk__free(&w->allocator, curves[k].options);
    snnk__free(&w->allocator, curves);
    return st;
}

/* ---- Students ---- */

/* Create the student of a part, with fewer features if fewer are independent, or what shall take
 * its place. */
static int solve(work *w, snnk__network_part *part, const snnk_distill *distill,
                 snnk_network **made) {
    snnk_distill_report *report = w->baselines ? &part->report : NULL;
    const bool student = w->config.method == SNNK_DISTILL_METHOD_STUDENT;
    size_t m = part->features;
    snnk_layer *layer = NULL;
    snnk__sentence before;
    int st;

    snnk__sentence_save(&before);
    part->report = (snnk_distill_report){.size = sizeof part->report};
    snnk__progress_begin_stage(&w->progress, cost_of_solving(w, part));
    while ((st = snnk_distill_solve(distill, m, w->workspace, report, &layer)) == SNNK_E_RANGE &&
           m > 1 && !snnk__part_is_linear(part))
        m -= 1 + m / 16;
    if (st == SNNK_OK && student) st = snnk_network_create(&w->allocator, made);
    if (st == SNNK_OK && student) st = snnk_network_append(*made, layer);
    if (st == SNNK_OK && !student)
        st = snnk_distill_replacement(distill, w->config.method, m, w->workspace, made);
    if (st == SNNK_OK) part->features = m;
    snnk_layer_free(layer);
    if (st == SNNK_OK) return snnk__recovered(SNNK_OK, &before);
    snnk__fail_within(st, "layer %zu", part->first);
    return st;
}

/* Make what replaces a part. X: its inputs in the compressed network; Y: its outputs in the
 * original. */
static int replace(work *w, snnk__network_part *part, const float *X, const float *Y,
                   snnk_network **made) {
    snnk_distill *distill;
    int st;

    if ((st = create_distill(w, part, X, Y, &distill)) != SNNK_OK) return st;
    st = solve(w, part, distill, made);
    snnk_distill_free(distill);
    if (st != SNNK_OK) return st;
    part->outcome = SNNK_COMPRESS_REPLACED;
    part->parameters = snnk_network_parameters(*made);
    part->multiply_adds = snnk_network_multiply_adds(*made);
    return snnk__progress_update(&w->progress, 1);
}

/* Append a part, or what replaces it, to the compressed network.
 *   now    the activations before the part
 *   next   the result: the activations after it
 *   Y      the outputs of the part in the original network */
static int append_part(work *w, snnk__network_part *part, const float *now, const float *Y,
                       snnk_network *compressed, float **next) {
    snnk_network *made = NULL;
    const snnk_network *from = part->original;
    int st = SNNK_OK;

    if (part->features > 0) {
        st = replace(w, part, now, Y, &made);
        from = made;
    }
    part->first_compressed = compressed->n_layers;
    if (st == SNNK_OK) part->layers_compressed = from->n_layers;
    for (size_t k = 0; st == SNNK_OK && k < from->n_layers; k++)
        st = snnk_network_append(compressed, from->layers[k]);
    if (st == SNNK_OK) st = forward(w, from, w->n, now, next);
    snnk_network_free(made);
    return st;
}

static int replace_parts(work *w, snnk_network *compressed) {
    float *now = w->X, *original = w->X;
    int st = SNNK_OK;

    for (size_t k = 0; st == SNNK_OK && k < w->made->n_parts; k++) {
        snnk__network_part *part = &w->made->parts[k];
        float *next = NULL, *next_original = NULL;

        st = forward(w, part->original, w->n, original, &next_original);
        if (st == SNNK_OK) st = append_part(w, part, now, next_original, compressed, &next);
        if (now != w->X) snnk__free(&w->allocator, now);
        if (original != w->X) snnk__free(&w->allocator, original);
        now = next;
        original = next_original;
    }
    if (now != w->X) snnk__free(&w->allocator, now);
    if (original != w->X) snnk__free(&w->allocator, original);
    return st;
}

/* ---- Tuning ---- */

/* Mark the layers of the compressed network that replaced others. */
static void mark_replaced(const snnk_compression *made, bool *learns) {
    for (size_t k = 0; k < made->n_parts; k++)
        for (size_t i = 0; i < made->parts[k].layers_compressed; i++)
            learns[made->parts[k].first_compressed + i] = made->parts[k].features > 0;
}

/* Tune what replaced the parts, and train the small network in the same way. */
static int tune_with(work *w, const snnk__tune *how, snnk_network **compressed) {
    const double cost = cost_of_tuning(w) / (w->baselines ? 1 + SNNK__SMALL_NETWORKS : 1);
    snnk_train_report report = {.size = sizeof report};
    snnk_network *tuned;
    int st;

    snnk__progress_begin_stage(&w->progress, cost);
    st = snnk__compress_tune(how, *compressed, &tuned, &report);
    if (st != SNNK_OK) return st;
    w->made->report.tuned_epoch = report.best_epoch;
    snnk_network_free(*compressed);
    *compressed = tuned;
    if (!w->baselines) return SNNK_OK;
    return snnk__small_network(how, w->network, w->made, tuned, cost, &w->made->small);
}

static int tune(work *w, snnk_network **compressed) {
    const snnk__tune_source from = {.network = w->network,
                                    .n = w->n,
                                    .X = w->X,
                                    .which = w->which,
                                    .rows = w->rows,
                                    .config = &w->config,
                                    .distill = &w->distill,
                                    .workspace = w->workspace};
    snnk__tune_rows rows;
    snnk__tune how = {.config = &w->config,
                      .distill = &w->distill,
                      .rows = &rows.learn,
                      .heldout = &rows.heldout,
                      .workspace = w->workspace,
                      .progress = &w->progress};
    bool *learns = NULL;
    int st = snnk__tune_rows_create(&from, &rows);

    if (st == SNNK_OK)
        st = snnk__alloc(&w->allocator, (*compressed)->n_layers, sizeof *learns, "layers", &learns);
    if (st == SNNK_OK) {
        mark_replaced(w->made, learns);
        how.learns = learns;
        how.blends = rows.blends;
        st = tune_with(w, &how, compressed);
    }
    snnk__free(&w->allocator, learns);
    snnk__tune_rows_free(&rows);
    return st;
}

/* Whether there is something to tune. */
static bool tunes(const work *w) {
    bool replaced = false;

    for (size_t k = 0; k < w->made->n_parts; k++) replaced |= w->made->parts[k].features > 0;
    return replaced && w->config.tune_epochs > 0;
}

/* ---- The whole network ---- */

/* sqrt(squared differences between Z and Y / squared deviations of Y from its means). */
static double relative_error(size_t n, size_t l, const float *Y, const float *Z) {
    double errors = 0, squares = 0;

    for (size_t k = 0; k < l; k++) {
        double mean = 0;

        for (size_t i = 0; i < n; i++) mean += Y[i * l + k];
        mean /= (double)n;
        for (size_t i = 0; i < n; i++) {
            const double error = (double)Z[i * l + k] - Y[i * l + k],
                         deviation = Y[i * l + k] - mean;

            errors += error * error;
            squares += deviation * deviation;
        }
    }
    return squares > 0 ? sqrt(errors / squares) : NAN;
}

/* Set *error to the relative error of a network on the judged rows. Y: the original's outputs. */
static int error_of(work *w, const snnk_network *network, const float *Y, double *error) {
    float *Z = NULL;
    const int st = forward(w, network, w->n_judged, w->judged, &Z);

    if (st == SNNK_OK) *error = relative_error(w->n_judged, snnk_network_outputs(w->network), Y, Z);
    snnk__free(&w->allocator, Z);
    return st;
}

/* The same with rounded weights. */
static int error_of_rounded(work *w, const snnk_network *network, int bits, const float *Y,
                            double *error, uint64_t *bytes) {
    snnk_network *rounded;
    int st;

    if ((st = snnk__network_round(network, bits, bytes, &rounded)) != SNNK_OK) return st;
    st = error_of(w, rounded, Y, error);
    snnk_network_free(rounded);
    return st;
}

/* Measure the error, before and after tuning, and those of the baselines. */
static int judge(work *w, snnk_network **compressed) {
    const size_t l = snnk_network_outputs(w->network);
    snnk_compress_report *report = &w->made->report;
    float *Y = NULL;
    int st;

    if ((st = forward(w, w->network, w->n_judged, w->judged, &Y)) != SNNK_OK) goto done;
    st = snnk__check_finite(Y, "the network's output", w->n_judged, l, l);
    if (st != SNNK_OK) goto done;
    report->relative_error_untuned = report->relative_error_small = NAN;
    if (tunes(w)) {
        st = error_of(w, *compressed, Y, &report->relative_error_untuned);
        if (st == SNNK_OK) st = tune(w, compressed);
        if (st != SNNK_OK) goto done;
    }
    if ((st = error_of(w, *compressed, Y, &report->relative_error)) != SNNK_OK) goto done;
    if (!w->baselines) goto done;
    if (w->made->small) {
        report->parameters_small = snnk_network_parameters(w->made->small);
        st = error_of(w, w->made->small, Y, &report->relative_error_small);
        if (st != SNNK_OK) goto done;
    }
    st = error_of_rounded(w, w->network, 8, Y, &report->relative_error_int8, &report->bytes_int8);
    if (st == SNNK_OK)
        st = error_of_rounded(w, w->network, 4, Y, &report->relative_error_int4,
                              &report->bytes_int4);
    if (st == SNNK_OK)
        st = error_of_rounded(w, *compressed, 8, Y, &report->relative_error_compressed_int8,
                              &report->bytes_compressed_int8);
done:
    snnk__free(&w->allocator, Y);
    return st;
}

static void fill_report(work *w, const snnk_network *compressed) {
    snnk_compress_report *report = &w->made->report;

    report->rows = w->n;
    report->judged_rows = w->n_judged;
    report->parameters_before = snnk_network_parameters(w->network);
    report->parameters = snnk_network_parameters(compressed);
    report->multiply_adds_before = snnk_network_multiply_adds(w->network);
    report->multiply_adds = snnk_network_multiply_adds(compressed);
    report->parts = w->made->n_parts;
    for (size_t k = 0; k < w->made->n_parts; k++)
        report->replaced += w->made->parts[k].features > 0;
}

static int check_configs(const snnk_compress_config *config, const snnk_distill_config *distill,
                         work *w) {
    int st;

    w->config = defaults;
    st = snnk__config_read(&w->config, sizeof w->config, CONFIG_MINIMUM, config, "compress config");
    if (st != SNNK_OK) return st;
    if (!(w->config.share > 0 && w->config.share <= 1))
        return snnk__fail(SNNK_E_RANGE, "share = %g must be above 0 and at most 1",
                          w->config.share);
    st = snnk__check_enum(w->config.method, SNNK_DISTILL_METHOD_RANDOM + 1, "method");
    if (st != SNNK_OK) return st;
    if ((st = snnk__check_enum(w->config.tune_to_targets, 2, "tune_to_targets")) != SNNK_OK)
        return st;
    if ((st = snnk__check_within(w->config.tune_rate, 1e-30, 1e30, "tune_rate")) != SNNK_OK)
        return st;
    if ((st = snnk__check_within(w->config.tune_blends, 0, 100, "tune_blends")) != SNNK_OK)
        return st;
    if (w->config.tune_epochs > 1000000000)
        return snnk__fail(SNNK_E_RANGE, "tune_epochs = %llu is above 1000000000",
                          (unsigned long long)w->config.tune_epochs);
    return snnk__distill_config_read(distill, &w->distill);
}

static int compress(work *w, const size_t *features, snnk_network **compressed) {
    int st;

    if ((st = snnk__compression_create(w->network, &w->made)) != SNNK_OK) return st;
    begin_progress(w);
    st = features ? take_features(w, features) : spend_budget(w);
    if (st != SNNK_OK) return st;
    if ((st = replace_parts(w, *compressed)) != SNNK_OK) return st;
    if ((st = snnk__network_copy_notes(w->network, *compressed)) != SNNK_OK) return st;
    if ((st = judge(w, compressed)) != SNNK_OK) return st;
    fill_report(w, *compressed);
    return SNNK_OK;
}

/* Read and check the caller's rows; targets are ignored, unless they are to be tuned to. */
static int read_rows(const work *w, const snnk_rows *rows, snnk_rows *ours) {
    const size_t d = w->d, l = snnk_network_outputs(w->network);
    const bool targets = w->config.tune_to_targets && w->config.tune_epochs > 0;
    int st;

    if ((st = snnk__rows_read(rows, d, targets ? l : 0, targets, ours)) != SNNK_OK) return st;
    if (ours->weights)
        return snnk__fail(SNNK_E_UNSUPPORTED,
                          "rows.weights is set, but compression counts all rows alike");
    return snnk__rows_check_finite(ours);
}

int snnk_network_compress(const snnk_network *network, const snnk_rows *rows,
                          const size_t *features, const snnk_compress_config *config,
                          const snnk_distill_config *distill, snnk_workspace *workspace,
                          snnk_compression **compression, snnk_network **compressed) {
    work w = {.network = network, .workspace = workspace, .baselines = compression != NULL};
    snnk_network *made = NULL;
    snnk_rows ours;
    int st;

    if (compression) *compression = NULL;
    if ((st = snnk__check_pointer(compressed, "compressed")) != SNNK_OK) return st;
    *compressed = NULL;
    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    if (network->n_layers == 0) return snnk__fail(SNNK_E_STATE, "the network has 0 layers");
    if ((st = check_configs(config, distill, &w)) != SNNK_OK) return st;
    w.d = snnk_network_inputs(network);
    w.allocator = network->allocator;
    if ((st = read_rows(&w, rows, &ours)) != SNNK_OK) return st;
    w.rows = &ours;
    if ((st = split_rows(&w, &ours)) != SNNK_OK) goto done;
    if ((st = snnk_network_create(&w.allocator, &made)) != SNNK_OK) goto done;
    if ((st = compress(&w, features, &made)) != SNNK_OK) goto done;
    *compressed = made;
    made = NULL;
    if (compression) {
        *compression = w.made;
        w.made = NULL;
    }
done:
    snnk_network_free(made);
    snnk_compression_free(w.made);
    snnk__free(&w.allocator, w.X);
    snnk__free(&w.allocator, w.judged);
    snnk__free(&w.allocator, w.which);
    return st;
}
