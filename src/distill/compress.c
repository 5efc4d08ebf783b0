/* Networks compressed part by part. Two sets of rows go through the network side by side: what the original
 * has before each part, and what the layers give that are there now. */
#include "distill/compress.h"

#include <math.h>
#include <string.h>

#include "base/progress.h"
#include "base/random.h"
#include "base/size.h"
#include "fit/fit.h"

static const snnk_compress_config defaults = {.size = sizeof(snnk_compress_config), .share = 0.5};

/* Version 0.1 knew all of today's fields. */
#define CONFIG_MINIMUM sizeof(snnk_compress_config)

int snnk_compress_config_init(snnk_compress_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &defaults, sizeof defaults, CONFIG_MINIMUM,
                             "compress config");
}

#define STEPS        1000 /* that progress is told in */
#define FORWARD_ROWS 1024 /* after which whoever watches is told */

typedef struct work {
    const snnk_network *network;
    snnk_allocator allocator;
    snnk_workspace *workspace;
    snnk_compress_config config;
    snnk_distill_config distill;
    snnk_compression *made;
    bool baselines;
    size_t d, n, n_judged;
    float *X, *judged; /* n x d, n_judged x d */
    snnk__progress progress;
    snnk_distill_progress student_progress; /* the caller's, and what it is for */
    void *student_user;
} work;

/* ---- Parts ---- */

static bool is_dense(const snnk_layer *layer) { return !layer->map; }

static size_t layers_of_part(const snnk_network *network, size_t first) {
    const snnk_layer *layer = network->layers[first];

    if (first + 1 == network->n_layers || !is_dense(layer) || layer->activation == SNNK_IDENTITY)
        return 1;
    layer = network->layers[first + 1];
    return is_dense(layer) && layer->activation == SNNK_IDENTITY ? 2 : 1;
}

/* The most features with which a student is smaller than the part. */
static size_t max_features(const snnk__part *part) {
    const uint64_t fixed = part->l;
    uint64_t most;

    if (part->parameters <= fixed + 1) return 0;
    most = (part->parameters - 1 - fixed) / part->each;
    if (snnk__part_is_linear(part))
        return (size_t)(most < part->d && most < part->l ? most : snnk__min_size(part->d, part->l));
    return most < part->d + part->h ? (size_t)most : part->d + part->h;
}

static int make_part(const snnk_network *network, size_t first, snnk__part *part) {
    const snnk_layer *layer = network->layers[first];
    int st;

    *part = (snnk__part){.first = first, .layers = layers_of_part(network, first)};
    st = snnk_network_create(&network->allocator, &part->original);
    for (size_t k = 0; st == SNNK_OK && k < part->layers; k++)
        st = snnk_network_append(part->original, network->layers[first + k]);
    if (st != SNNK_OK) return st;
    part->d = layer->inputs;
    part->h = layer->outputs;
    part->l = snnk_network_outputs(part->original);
    part->each = part->d + 1 + part->l;
    part->parameters = snnk_network_parameters(part->original);
    part->multiply_adds = snnk_network_multiply_adds(part->original);
    part->outcome = SNNK_COMPRESS_OTHER;
    if (!is_dense(layer)) return SNNK_OK;
    part->hidden = layer;
    part->readout = part->layers == 2 ? network->layers[first + 1] : NULL;
    part->most = max_features(part);
    part->outcome = SNNK_COMPRESS_LARGER;
    return SNNK_OK;
}

static int make_parts(work *w) {
    const snnk_network *network = w->network;
    snnk_compression *made;
    int st;

    st = snnk__alloc_zero(&w->allocator, 1, sizeof *made, "a compression", &w->made);
    if (st != SNNK_OK) return st;
    made = w->made;
    made->allocator = w->allocator;
    made->report.size = sizeof made->report;
    st = snnk__alloc(&w->allocator, network->n_layers, sizeof *made->parts, "parts", &made->parts);
    for (size_t first = 0; st == SNNK_OK && first < network->n_layers;) {
        snnk__part *part = &made->parts[made->n_parts++];

        st = make_part(network, first, part);
        first += part->layers;
    }
    return st;
}

/* ---- Rows ---- */

static bool is_judged(const work *w, size_t i) {
    double u;

    snnk__random_uniform(w->distill.seed, SNNK__STREAM_JUDGED, i / w->distill.heldout_block_rows, 0,
                         1, &u);
    return u < w->distill.heldout_share;
}

static int split_rows(work *w, size_t n, const float *X, size_t ldx) {
    const size_t row = w->d * sizeof *X;
    int st;

    for (size_t i = 0; i < n; i++) *(is_judged(w, i) ? &w->n_judged : &w->n) += 1;
    if (w->n < 2 || w->n_judged < 2)
        return snnk__fail(SNNK_E_SHAPE,
                          "of %zu rows %zu are left to fit to and %zu to judge by: at least 2 are "
                          "needed of each",
                          n, w->n, w->n_judged);
    if ((st = snnk__alloc(&w->allocator, w->n, row, "rows", &w->X)) != SNNK_OK) return st;
    if ((st = snnk__alloc(&w->allocator, w->n_judged, row, "rows", &w->judged)) != SNNK_OK)
        return st;

    float *to[2] = {w->X, w->judged};

    for (size_t i = 0; i < n; i++) {
        float **place = &to[is_judged(w, i)];

        memcpy(*place, X + i * ldx, row);
        *place += w->d;
    }
    return SNNK_OK;
}

/* *Y = what a network makes of rows. */
static int forward(work *w, const snnk_network *network, size_t n, const float *X, float **Y) {
    const size_t d = snnk_network_inputs(network), l = snnk_network_outputs(network);
    float *made;
    int st;

    st = snnk__alloc(&w->allocator, n, l * sizeof *made, "activations", &made);
    if (st != SNNK_OK) return st;
    for (size_t i = 0; st == SNNK_OK && i < n; i += FORWARD_ROWS) {
        const size_t rows = snnk__min_size(FORWARD_ROWS, n - i);

        st = snnk_network_forward(network, rows, X + i * d, d, made + i * l, l, w->workspace);
        if (st == SNNK_OK) st = snnk__progress_update(&w->progress, 0); /* or stop */
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

    return w->config.progress(w->config.user, (size_t)(share * STEPS), STEPS);
}

/* That of a distillation, as part of the present stage. */
static int report_student(void *user, int32_t done, int32_t steps, double explained) {
    work *w = user;

    if (w->student_progress && w->student_progress(w->student_user, done, steps, explained))
        return 1;
    return snnk__progress_count(&w->progress, done, steps) != SNNK_OK;
}

static void progress(work *w) {
    w->student_progress = w->distill.progress;
    w->student_user = w->distill.user;
    w->distill.progress = report_student;
    w->distill.user = w;
    w->progress.total = 1;
    w->progress.user = w;
    if (w->config.progress) w->progress.report = report_progress;
}

/* What it costs to look at a part, roughly, and by that: to try sizes, to make a student. */
static double cost_of(const snnk__part *part) {
    const double p = (double)part->d + (double)part->h;

    return p * (p + (double)part->l);
}

#define TO_TRY   0.5
#define TO_SOLVE 0.5
#define TO_FIT   5 /* the same of tier REFINED */

static double cost_of_solving(const work *w, const snnk__part *part) {
    return (w->distill.tier == SNNK_DISTILL_REFINED ? TO_FIT : TO_SOLVE) * cost_of(part);
}

/* Of parts that may be replaced, or are to be; allotting: sizes are tried before. */
static void sum_costs(work *w, bool allotting) {
    w->progress.total = 0;
    for (size_t k = 0; k < w->made->n_parts; k++) {
        const snnk__part *part = &w->made->parts[k];

        if (allotting && part->most > 0) w->progress.total += (1 + TO_TRY) * cost_of(part);
        if (allotting ? part->most > 0 : part->features > 0)
            w->progress.total += cost_of(part) + cost_of_solving(w, part);
    }
}

/* ---- Features ---- */

/* Those that the caller gave. */
static int take_features(work *w, const size_t *features) {
    snnk__part *part = w->made->parts;

    for (size_t i = 0; i < w->network->n_layers; i++) {
        if (i == part->first + part->layers) part++;
        if (features[i] == 0) continue;
        if (i != part->first || !part->hidden)
            return snnk__fail(SNNK_E_RANGE,
                              "features[%zu] = %zu, but no part that can be replaced begins there",
                              i, features[i]);
        part->features = features[i] <= part->most ? features[i] : 0;
    }
    sum_costs(w, false);
    for (size_t k = 0; k < w->made->n_parts; k++) {
        part = &w->made->parts[k];
        if (part->hidden && features[part->first] == 0) part->outcome = SNNK_COMPRESS_WHOLE;
    }
    return SNNK_OK;
}

/* A distillation of a part, on rows of its own inputs; Y: NULL for what the part gives. */
static int create_distill(work *w, const snnk__part *part, const float *X, const float *Y,
                          snnk_distill **distill) {
    const snnk_distill_config config = snnk__part_config(part, &w->distill);
    int st;

    snnk__progress_begin_stage(&w->progress, cost_of(part));
    st = snnk_distill_create(part->hidden, part->readout, w->n, X, part->d, Y, part->l, &config,
                             w->workspace, distill);

    return st == SNNK_OK ? st : snnk__fail_within(st, "layer %zu", part->first);
}

static int make_size_curve(work *w, const snnk__part *part, const float *X,
                           snnk__size_curve *curve) {
    snnk_distill *distill = NULL;
    int st = SNNK_OK;

    if (part->most > 0) st = create_distill(w, part, X, NULL, &distill);
    if (st == SNNK_OK)
        st = snnk__size_curve_create(part, distill, &w->allocator, &w->progress,
                                     TO_TRY * cost_of(part), curve);
    snnk_distill_free(distill);
    return st;
}

static int make_size_curves(work *w, snnk__size_curve *curves) {
    float *X = w->X, *Y;
    int st = SNNK_OK;

    for (size_t k = 0; st == SNNK_OK && k < w->made->n_parts; k++) {
        const snnk__part *part = &w->made->parts[k];

        Y = NULL;
        st = make_size_curve(w, part, X, &curves[k]);
        if (st == SNNK_OK) st = forward(w, part->original, w->n, X, &Y);
        if (X != w->X) snnk__free(&w->allocator, X);
        X = Y;
    }
    if (X != w->X) snnk__free(&w->allocator, X);
    return st;
}

/* Those that the budget has room for. */
static int spend_budget(work *w) {
    const double all = (double)snnk_network_parameters(w->network);
    snnk_compression *made = w->made;
    snnk__size_curve *curves;
    double least;
    int st;

    sum_costs(w, true);
    st = snnk__alloc_zero(&w->allocator, made->n_parts, sizeof *curves, "curves", &curves);
    if (st != SNNK_OK) return st;
    if ((st = make_size_curves(w, curves)) != SNNK_OK) goto done;
    st = snnk__spend_budget(made->n_parts, made->parts, curves, w->config.share * all, &least);
    if (st != SNNK_OK)
        st = snnk__fail(st,
                        "share = %g of %.0f parameters admits no features: one a part, and what "
                        "stays as it is, take %.0f, a share of %.4f",
                        w->config.share, all, least, least / all);
done:
    for (size_t k = 0; k < made->n_parts; k++) snnk__free(&w->allocator, curves[k].options);
    snnk__free(&w->allocator, curves);
    return st;
}

/* ---- Students ---- */

/* The student of a part; of fewer features where there are not so many that differ. */
static int solve(work *w, snnk__part *part, const snnk_distill *distill, snnk_layer **layer) {
    snnk_distill_report *report = w->baselines ? &part->report : NULL;
    size_t m = part->features;
    int st = snnk_distill_report_init(&part->report, sizeof part->report);

    if (st != SNNK_OK) return st;
    snnk__progress_begin_stage(&w->progress, cost_of_solving(w, part));
    while ((st = snnk_distill_solve(distill, m, w->workspace, report, layer)) == SNNK_E_RANGE &&
           m > 1 && !snnk__part_is_linear(part))
        m -= 1 + m / 16;
    return st == SNNK_OK ? st : snnk__fail_within(st, "layer %zu", part->first);
}

/* X: what the part meets now; Y: what the original has behind it. */
static int replace(work *w, snnk__part *part, const float *X, const float *Y,
                   snnk_layer **student) {
    snnk_distill *distill;
    int st;

    if ((st = create_distill(w, part, X, Y, &distill)) != SNNK_OK) return st;
    st = solve(w, part, distill, student);
    snnk_distill_free(distill);
    if (st != SNNK_OK) return st;
    part->outcome = SNNK_COMPRESS_REPLACED;
    part->features = snnk_layer_features(*student);
    part->parameters = snnk_layer_parameters(*student);
    part->multiply_adds = snnk_layer_multiply_adds(*student);
    return snnk__progress_update(&w->progress, 1);
}

/* Append a part to the compressed network, and *to_now = what it makes of `now`. */
static int append_part(work *w, snnk__part *part, const float *now, const float *Y,
                       snnk_network *compressed, float **to_now) {
    snnk_network *alone = NULL;
    snnk_layer *student = NULL;
    int st;

    if (part->features == 0) {
        for (size_t k = 0; k < part->layers; k++) {
            st = snnk_network_append(compressed, part->original->layers[k]);
            if (st != SNNK_OK) return st;
        }
        return forward(w, part->original, w->n, now, to_now);
    }
    if ((st = replace(w, part, now, Y, &student)) != SNNK_OK) goto done;
    if ((st = snnk_network_append(compressed, student)) != SNNK_OK) goto done;
    if ((st = snnk_network_create(&w->allocator, &alone)) != SNNK_OK) goto done;
    if ((st = snnk_network_append(alone, student)) != SNNK_OK) goto done;
    st = forward(w, alone, w->n, now, to_now);
done:
    snnk_network_free(alone);
    snnk_layer_free(student);
    return st;
}

static int replace_parts(work *w, snnk_network *compressed) {
    float *now = w->X, *original = w->X;
    int st = SNNK_OK;

    for (size_t k = 0; st == SNNK_OK && k < w->made->n_parts; k++) {
        snnk__part *part = &w->made->parts[k];
        float *to_now = NULL, *to_original = NULL;

        st = forward(w, part->original, w->n, original, &to_original);
        if (st == SNNK_OK) st = append_part(w, part, now, to_original, compressed, &to_now);
        if (now != w->X) snnk__free(&w->allocator, now);
        if (original != w->X) snnk__free(&w->allocator, original);
        now = to_now;
        original = to_original;
    }
    if (now != w->X) snnk__free(&w->allocator, now);
    if (original != w->X) snnk__free(&w->allocator, original);
    return st;
}

/* ---- The whole ---- */

/* sqrt(squared differences of Z and Y / squared deviations of Y). */
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

static int judge(work *w, const snnk_network *compressed) {
    const size_t l = snnk_network_outputs(w->network);
    float *Y = NULL, *Z = NULL;
    int st;

    if ((st = forward(w, w->network, w->n_judged, w->judged, &Y)) != SNNK_OK) goto done;
    st = snnk__check_finite(Y, "the network's output", w->n_judged, l, l);
    if (st != SNNK_OK) goto done;
    if ((st = forward(w, compressed, w->n_judged, w->judged, &Z)) != SNNK_OK) goto done;
    w->made->report.relative_error = relative_error(w->n_judged, l, Y, Z);
done:
    snnk__free(&w->allocator, Y);
    snnk__free(&w->allocator, Z);
    return st;
}

static void sum_up(work *w, const snnk_network *compressed) {
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
        return snnk__fail(SNNK_E_RANGE, "share = %g is not in 0 < share <= 1", w->config.share);
    if ((st = snnk_distill_config_init(&w->distill, sizeof w->distill)) != SNNK_OK) return st;
    st = snnk__config_read(&w->distill, sizeof w->distill, sizeof w->distill, distill,
                           "distill config");
    if (st != SNNK_OK) return st;
    /* The rest is checked where students are made. */
    if ((st = snnk__check_heldout_share(w->distill.heldout_share)) != SNNK_OK) return st;
    if (w->distill.heldout_block_rows == 0)
        return snnk__fail(SNNK_E_RANGE, "heldout_block_rows = 0 is not >= 1");
    return SNNK_OK;
}

static int compress(work *w, const size_t *features, snnk_network *compressed) {
    int st;

    if ((st = make_parts(w)) != SNNK_OK) return st;
    progress(w);
    st = features ? take_features(w, features) : spend_budget(w);
    if (st != SNNK_OK) return st;
    if ((st = replace_parts(w, compressed)) != SNNK_OK) return st;
    if ((st = snnk__network_copy_notes(w->network, compressed)) != SNNK_OK) return st;
    if ((st = judge(w, compressed)) != SNNK_OK) return st;
    sum_up(w, compressed);
    return SNNK_OK;
}

int snnk_network_compress(const snnk_network *network, size_t n, const float *X, size_t ldx,
                          const size_t *features, const snnk_compress_config *config,
                          const snnk_distill_config *distill, snnk_workspace *workspace,
                          snnk_compression **compression, snnk_network **compressed) {
    work w = {.network = network, .workspace = workspace, .baselines = compression != NULL};
    snnk_network *made = NULL;
    int st;

    if (compression) *compression = NULL;
    if ((st = snnk__check_pointer(compressed, "compressed")) != SNNK_OK) return st;
    *compressed = NULL;
    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    if (network->n_layers == 0) return snnk__fail(SNNK_E_STATE, "the network has 0 layers");
    if ((st = check_configs(config, distill, &w)) != SNNK_OK) return st;
    w.d = snnk_network_inputs(network);
    w.allocator = network->allocator;
    if ((st = snnk__check_matrix(X, "X", n, w.d, ldx, sizeof *X)) != SNNK_OK) return st;
    if ((st = snnk__check_finite(X, "X", n, w.d, ldx)) != SNNK_OK) return st;
    if ((st = split_rows(&w, n, X, ldx)) != SNNK_OK) goto done;
    if ((st = snnk_network_create(&w.allocator, &made)) != SNNK_OK) goto done;
    if ((st = compress(&w, features, made)) != SNNK_OK) goto done;
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
    return st;
}
