/* Find the map with the least predicted error. Every combination of settings is predicted in closed
 * form, and only the best one is built. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/rows.h"
#include "base/size.h"
#include "map/affine.h"
#include "map/urf_create.h"
#include "predict/framed_rows.h"
#include "spectrum/activation.h"
#include "spectrum/activation_f64.h"

static const snnk_urf_report no_report = {.size = sizeof(snnk_urf_report)};

#define REPORT_MINIMUM sizeof(snnk_urf_report)

/* The frames to try, from plain to elaborate. */
static const struct {
    int32_t center, metric;
} frame_choices[] = {{SNNK_CENTER_NONE, SNNK_METRIC_NONE},
                     {SNNK_CENTER_INPUTS, SNNK_METRIC_NONE},
                     {SNNK_CENTER_BOTH, SNNK_METRIC_NONE},
                     {SNNK_CENTER_BOTH, SNNK_METRIC_DIAGONAL},
                     {SNNK_CENTER_BOTH, SNNK_METRIC_WHITEN}};
#define FRAMES (sizeof frame_choices / sizeof frame_choices[0])

/* periods: the half periods of Fourier extensions to try, as multiples of the radius, the default
 * first. tolerances: atoms below this share of the largest one are dropped, because atoms of high
 * frequency add far more variance than the error they remove. */
static const double periods[] = {2, 1.25, 1.5, 3, 5, 10, 20};
static const double tolerances[] = {1e-4, 1e-3, 1e-2};
#define PERIODS    (sizeof periods / sizeof periods[0])
#define TOLERANCES (sizeof tolerances / sizeof tolerances[0])
#define SPECTRA    (2 + TOLERANCES * (1 + PERIODS)) /* exact; line; integrals and extensions */

/* The most rows of inputs, and of weights, used to compare combinations; to predict the best ones
 * for the report; and to find the interval. */
#define TEST_ROWS     16
#define FINAL_ROWS    64
#define INTERVAL_ROWS 128

/* At how many pre-activations the error of a spectrum is averaged. */
#define SPECTRUM_POINTS 1024

/* The batch, and what is derived from it. */
typedef struct batch {
    size_t d, n, l;
    const float *X, *W, *b;
    size_t ldx, ldw;
} batch;

/* A spectrum with settings, and its predicted error. */
typedef struct combination {
    double error;
    size_t spectrum;
    snnk_urf_config config;
} combination;

typedef struct calibration {
    batch all;
    batch learn, test; /* rows that frames are learned from, and the other rows; both in
                        * `storage` */
    float *storage;
    const snnk_allocator *allocator;
    const snnk_urf_config *config;
    int32_t activation;
    size_t n_spectra;
    const snnk_spectrum *spectra[SPECTRA];
    snnk_spectrum *owned[SPECTRA];
    double bias2[SPECTRA]; /* mean square error of each spectrum over the batch */
    size_t n_z;
    double *z;        /* pre-activations of the batch, in ascending order */
    combination best; /* the best so far, and its frame */
    size_t frame;
    snnk_urf_report report;
} calibration;

/* ---- Splitting the batch ---- */

/* Which rows of a matrix to copy: all of them, or those that are held out or not. */
typedef enum rows_part { ALL_ROWS, LEARN_ROWS, HELD_OUT_ROWS } rows_part;

/* Whether row i of n is held out: one of every four rows, drawn, because rows may come in turns. */
static bool is_held_out(size_t n, size_t i) {
    double draw;

    if (n - i < 4 - i % 4) return false; /* of the last few rows, fewer than four, none is */
    snnk__random_uniform(0, SNNK__STREAM_SHUFFLE, i / 4, 0, 1, &draw);
    return i % 4 == (size_t)(4 * draw);
}

/* Copy a part of the rows of M (n x d). Fewer than 4 rows are not divided. */
static size_t copy_rows(size_t n, size_t d, const float *M, size_t ld, rows_part part, float *to) {
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        if (n < 4 || part == ALL_ROWS || is_held_out(n, i) == (part == HELD_OUT_ROWS))
            memcpy(to + count++ * d, M + i * ld, d * sizeof *to);
    return count;
}

static rows_part part_of(bool divided, int test) {
    return !divided ? ALL_ROWS : test ? HELD_OUT_ROWS : LEARN_ROWS;
}

static int split(calibration *c) {
    const batch *all = &c->all;
    const size_t d = all->d;
    size_t count;
    int st;

    if (!snnk__mul_size(2 * (all->n + all->l), d, &count) ||
        !snnk__add_size(count, 2 * all->l, &count))
        return snnk__fail(SNNK_E_SIZE,
                          "the batch is too large: %zu rows of inputs and %zu of weights, of %zu "
                          "numbers each, overflow size_t",
                          all->n, all->l, d);
    st = snnk__alloc(c->allocator, count, sizeof(float), "a batch", &c->storage);
    if (st != SNNK_OK) return st;
    float *at = c->storage, *rows[2][2];
    batch *parts[] = {&c->learn, &c->test};

    for (int test = 0; test < 2; test++) {
        const rows_part weights = part_of(c->config->sampled_weights != 0, test);

        rows[test][0] = at;
        parts[test]->n = copy_rows(all->n, d, all->X, all->ldx, part_of(true, test), at);
        at += parts[test]->n * d;
        rows[test][1] = at;
        parts[test]->l = copy_rows(all->l, d, all->W, all->ldw, weights, at);
        at += parts[test]->l * d;
    }
    for (int test = 0; test < 2; test++) {
        const rows_part weights = part_of(c->config->sampled_weights != 0, test);
        float *b = at;

        if (all->b) copy_rows(all->l, 1, all->b, 1, weights, b);
        at += parts[test]->l;
        *parts[test] = (batch){.d = d,
                               .n = parts[test]->n,
                               .l = parts[test]->l,
                               .X = rows[test][0],
                               .W = rows[test][1],
                               .b = all->b ? b : NULL,
                               .ldx = d,
                               .ldw = d};
    }
    return SNNK_OK;
}

/* ---- Spectra ---- */

static int by_value(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;

    return a < b ? -1 : a > b;
}

/* Set z to the pre-activations of the batch, in ascending order. */
static int find_preactivations(calibration *c) {
    const batch *all = &c->all;
    const size_t n = snnk__min_size(all->n, INTERVAL_ROWS);
    const size_t l = snnk__min_size(all->l, INTERVAL_ROWS);
    snnk__framed_rows x = {0}, w = {0};
    int st;

    st = snnk__framed_rows_create(NULL, false, all->d, n, all->n, all->X, all->ldx, NULL,
                                  c->allocator, &x);
    if (st != SNNK_OK) goto done;
    st = snnk__framed_rows_create(NULL, true, all->d, l, all->l, all->W, all->ldw, all->b,
                                  c->allocator, &w);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(c->allocator, n * l, sizeof *c->z, "pre-activations", &c->z);
    if (st != SNNK_OK) goto done;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < l; j++)
            c->z[c->n_z++] = snnk__framed_products(&x, i, &w, j).xw + w.offset[j];
    qsort(c->z, c->n_z, sizeof *c->z, by_value);
done:
    snnk__framed_rows_free(c->allocator, &x);
    snnk__framed_rows_free(c->allocator, &w);
    return st;
}

/* Set the interval that they span, extended by a quarter on each side. */
static int find_interval(const calibration *c, double *center, double *radius) {
    const double lowest = c->z[0], highest = c->z[c->n_z - 1];

    *center = (lowest + highest) / 2;
    *radius = fmax(1.25 * (highest - lowest) / 2, 1e-3 * fmax(1, fabs(*center)));
    if (!(fabs(*center) <= 1e6 && *radius <= 1e6))
        return snnk__fail(SNNK_E_RANGE,
                          "pre-activations span %g ... %g; their magnitude must not exceed 1e6",
                          lowest, highest);
    return SNNK_OK;
}

/* The mean square error of a spectrum at the pre-activations of the batch. The bound on its error
 * if the function is not known. */
static double mean_square_error(const calibration *c, const snnk_spectrum *spectrum) {
    const size_t n = snnk__min_size(c->n_z, SPECTRUM_POINTS);
    double sum = 0;

    if (spectrum->activation < 0 || spectrum->error == 0) return spectrum->error * spectrum->error;
    for (size_t i = 0; i < n; i++) {
        /* The middle of part i of n equal parts. */
        const double z = c->z[(2 * i + 1) * c->n_z / (2 * n)];
        const double error =
            snnk__spectrum_value(spectrum, z) - snnk__activation_f64(spectrum->activation, z);

        sum += error * error;
    }
    return sum / (double)n;
}

/* Add the spectrum with these settings, unless it does not exist or is not resolved. */
static int try_spectrum(calibration *c, const snnk_spectrum_config *config) {
    snnk_spectrum *made = NULL;
    const int st = snnk_spectrum_create(c->activation, config, &made);

    if (st == SNNK_E_UNSUPPORTED || st == SNNK_E_UNRESOLVED) return SNNK_OK;
    if (st != SNNK_OK) return st;
    c->spectra[c->n_spectra] = c->owned[c->n_spectra] = made;
    c->n_spectra++;
    return SNNK_OK;
}

/* Add the spectra with these settings for every tolerance. If the finest tolerance is not resolved,
 * neither are the others. Extensions of one function differ only in which atoms are dropped, so the
 * points chosen for the finest tolerance serve for all. */
static int try_tolerances(calibration *c, snnk_spectrum_config *config) {
    const size_t first = c->n_spectra;
    int st = SNNK_OK;

    config->points = 0;
    for (size_t t = 0; st == SNNK_OK && t < TOLERANCES; t++) {
        config->tolerance = tolerances[t];
        st = try_spectrum(c, config);
        if (c->n_spectra == first) break;
        if (config->method == SNNK_SPECTRUM_EXTENSION)
            config->points = c->spectra[first]->config.points;
    }
    return st;
}

/* If the default period does not resolve the function, it has a jump, and no other period will
 * resolve it either. */
static int try_extensions(calibration *c, snnk_spectrum_config *config) {
    const size_t first = c->n_spectra;
    int st = SNNK_OK;

    config->method = SNNK_SPECTRUM_EXTENSION;
    for (size_t i = 0; st == SNNK_OK && i < PERIODS; i++) {
        config->half_period = periods[i] * config->radius;
        st = try_tolerances(c, config);
        if (c->n_spectra == first) break;
    }
    return st;
}

/* Add the straight line that fits best on the interval (least squares on a grid), without atoms. On
 * a short interval its error is far below the noise that atoms would add. */
static int try_line(calibration *c, const snnk_spectrum_config *config) {
    enum { HALF = 512 };
    const double step = config->radius / HALF, a = config->center;
    double mean = 0, moment = 0, squares = 0, error = 0, largest = 0;
    snnk_spectrum *made = NULL;
    int st;

    for (int i = -HALF; i <= HALF; i++) {
        const double f = snnk__activation_f64(c->activation, a + i * step);

        mean += f / (2 * HALF + 1);
        moment += i * f;
        squares += (double)i * i;
    }
    const double slope = moment / squares / step, intercept = mean - slope * a;
    if (!(fabs(slope) <= 1e30 && fabs(intercept) <= 1e30)) return SNNK_OK;
    for (int i = -HALF; i <= HALF; i++) {
        const double z = a + i * step, f = snnk__activation_f64(c->activation, z);

        error = fmax(error, fabs(f - intercept - slope * z));
        largest = fmax(largest, fabs(f - mean));
    }
    if (error > config->largest_error * largest) return SNNK_OK;
    st = snnk__spectrum_line(c->activation, intercept, slope, error, config, c->allocator, &made);
    if (st != SNNK_OK) return st;
    c->spectra[c->n_spectra] = c->owned[c->n_spectra] = made;
    c->n_spectra++;
    return SNNK_OK;
}

static int make_spectra(calibration *c) {
    snnk_spectrum_config config;
    int st;

    st = snnk_spectrum_config_init(&config, sizeof config);
    if (st != SNNK_OK) return st;
    config.allocator = c->allocator;
    config.largest_error = 0.1; /* loose on purpose: the prediction weighs this error against the
                                 * noise */
    if ((st = find_interval(c, &config.center, &config.radius)) != SNNK_OK) return st;
    config.method = SNNK_SPECTRUM_EXACT;
    if ((st = try_spectrum(c, &config)) != SNNK_OK) return st;
    if ((st = try_line(c, &config)) != SNNK_OK) return st;
    config.method = SNNK_SPECTRUM_INTEGRAL;
    if ((st = try_tolerances(c, &config)) != SNNK_OK) return st;
    if ((st = try_extensions(c, &config)) != SNNK_OK) return st;
    if (c->n_spectra == 0)
        return snnk__fail(
            SNNK_E_UNRESOLVED,
            "no spectrum resolves %s on %g +- %g: it has a jump or too sharp a kink there",
            snnk_activation_name(c->activation), config.center, config.radius);
    return SNNK_OK;
}

/* ---- Predicting one combination ---- */

/* Test rows in the coordinates of one frame. */
typedef struct framing {
    snnk_frame *frame;
    snnk__framed_rows x, w;
} framing;

static void framing_free(const snnk_allocator *allocator, framing *v) {
    snnk_frame_free(v->frame);
    snnk__framed_rows_free(allocator, &v->x);
    snnk__framed_rows_free(allocator, &v->w);
    *v = (framing){0};
}

static int learn_frame(const calibration *c, const batch *from, size_t choice, snnk_frame **frame) {
    snnk_frame_config config;
    const int st = snnk_frame_config_init(&config, sizeof config);

    if (st != SNNK_OK) return st;
    config.center = frame_choices[choice].center;
    config.metric = frame_choices[choice].metric;
    config.allocator = c->allocator;
    const snnk_rows inputs = {.size = sizeof inputs, .n = from->n, .X = from->X, .ldx = from->ldx};

    return snnk_frame_create(from->d, &inputs, from->l, from->W, from->ldw, &config, frame);
}

/* Place up to `most` rows of the test inputs, and as many of the weights, in the frame. */
static int framing_place(const calibration *c, size_t most, framing *v) {
    const batch *t = &c->test;
    const size_t n = snnk__min_size(t->n, most), l = snnk__min_size(t->l, most);
    int st;

    snnk__framed_rows_free(c->allocator, &v->x);
    snnk__framed_rows_free(c->allocator, &v->w);
    st = snnk__framed_rows_create(v->frame, false, t->d, n, t->n, t->X, t->ldx, NULL, c->allocator,
                                  &v->x);
    if (st != SNNK_OK) return st;
    return snnk__framed_rows_create(v->frame, true, t->d, l, t->l, t->W, t->ldw, t->b, c->allocator,
                                    &v->w);
}

/* The relative error, over the pairs of a framing, of a map with these atoms and shares. bias2: the
 * mean square error of the spectrum. */
static double relative_error(const framing *v, const snnk_spectrum *spectrum, double bias2,
                             bool omit, const snnk__urf_atoms *atoms,
                             const snnk__urf_shares *shares) {
    const double intercept = omit ? 0 : spectrum->intercept, slope = omit ? 0 : spectrum->slope;
    double square = 0, variance = 0, count = (double)(v->x.n * v->w.n);

    for (size_t i = 0; i < v->x.n; i++)
        for (size_t j = 0; j < v->w.n; j++) {
            const snnk__urf_products p = snnk__framed_products(&v->x, i, &v->w, j);
            const double offset = v->x.offset[i] + v->w.offset[j];
            snnk__pair_error e =
                snnk__affine_error(intercept, slope, shares->sketch_rows, &p, offset);
            double value = 0, noise = 0;

            snnk__urf_atoms_error(atoms, v->x.d, &p, offset, &value, &noise);
            e.value += value;
            square += e.value * e.value / count;
            variance += (e.variance + noise) / count;
        }
    const double deviation2 = variance + bias2;

    if (deviation2 == 0) return 0;
    return isfinite(square) ? sqrt(deviation2 / square) : INFINITY;
}

/* Set *error to the predicted error of this combination; infinite if there are too few features for
 * it. */
static int predict(const calibration *c, const framing *v, size_t which,
                   const snnk_urf_config *config, snnk__urf_shares *shares, double *error) {
    const snnk_spectrum *spectrum = c->spectra[which];
    snnk__urf_atoms atoms;
    snnk_urf_config ours;
    int st;

    *error = INFINITY;
    st = snnk__urf_config_read(config, v->frame, c->all.d, &ours);
    if (st != SNNK_OK) return st;
    st = snnk__urf_atoms_create(spectrum, &ours, c->all.d, c->allocator, &atoms);
    if (st != SNNK_OK) return st;
    st = snnk__urf_shares_of(spectrum, &ours, v->frame, c->all.d, &atoms, shares);
    if (st == SNNK_OK) {
        snnk__urf_atoms_split(&atoms, ours.atoms, shares->rows);
        *error = relative_error(v, spectrum, c->bias2[which], ours.affine == SNNK_URF_AFFINE_OMIT,
                                &atoms, shares);
        if (isnan(*error)) *error = INFINITY;
    }
    snnk__urf_atoms_free(c->allocator, &atoms);
    return st == SNNK_E_RANGE ? SNNK_OK : st;
}

/* ---- Searching ---- */

static double *category(snnk_urf_report *report, size_t frame) {
    double *const categories[FRAMES] = {&report->balanced, &report->centered_inputs,
                                        &report->centered_both, &report->diagonal,
                                        &report->whitened};
    return categories[frame];
}

/* Predict a combination, and keep it if it is better than *best. */
static int try_combination(const calibration *c, const framing *v, size_t spectrum,
                           const snnk_urf_config *config, combination *best) {
    snnk__urf_shares shares;
    double error;
    const int st = predict(c, v, spectrum, config, &shares, &error);

    if (st == SNNK_OK && error < best->error)
        *best = (combination){.error = error, .spectrum = spectrum, .config = *config};
    return st;
}

/* Try the method as published: s = 1, no frame, atoms drawn by amplitude. */
static int try_plain(const calibration *c, const framing *v, size_t spectrum, combination *best) {
    snnk_urf_config config = *c->config;

    config.A = 0;
    config.scale = 1;
    config.input_norm = config.weight_norm = 0;
    config.form = SNNK_URF_POSITIVE;
    config.hyperbolic = 0;
    config.atoms = SNNK_URF_AMPLITUDE;
    return try_combination(c, v, spectrum, &config, best);
}

/* Try all forms of one spectrum. */
static int try_forms(const calibration *c, const framing *v, size_t spectrum, combination *best) {
    snnk_urf_config config = *c->config;
    int st = SNNK_OK;

    config.scale = config.input_norm = config.weight_norm = 0;
    for (int choice = 0; st == SNNK_OK && choice < 8; choice++) {
        config.form = choice & 1 ? SNNK_URF_TRIGONOMETRIC : SNNK_URF_POSITIVE;
        config.hyperbolic = (choice >> 1) & 1;
        config.A = choice & 4 ? SNNK_A_OPTIMAL : 0;
        st = try_combination(c, v, spectrum, &config, best);
    }
    return st;
}

/* Predict a combination again, over the rows that the framing has now. */
static int predict_again(const calibration *c, const framing *v, combination *best) {
    snnk__urf_shares shares;

    if (isinf(best->error)) return SNNK_OK;
    return predict(c, v, best->spectrum, &best->config, &shares, &best->error);
}

/* Measure the error of f(w.mu + nu.(x - mu) + b), which needs no random features, in a frame that
 * centers both. */
static double error_without_features(const calibration *c, const framing *v) {
    double difference = 0, square = 0;

    for (size_t i = 0; i < v->x.n; i++)
        for (size_t j = 0; j < v->w.n; j++) {
            const double offset = v->x.offset[i] + v->w.offset[j];
            const double z = snnk__framed_products(&v->x, i, &v->w, j).xw + offset;
            const double value = snnk__activation_f64(c->activation, z);
            const double error = snnk__activation_f64(c->activation, offset) - value;

            difference += error * error;
            square += value * value;
        }
    if (difference == 0) return 0;
    return isfinite(square) ? sqrt(difference / square) : INFINITY;
}

/* Find the best combination in one frame over a few rows, and predict its error over many. */
static int search_frame(calibration *c, size_t frame, framing *v) {
    combination best = {.error = INFINITY}, plain = {.error = INFINITY};
    int st;

    if ((st = framing_place(c, TEST_ROWS, v)) != SNNK_OK) return st;
    for (size_t s = 0; s < c->n_spectra; s++) {
        if (frame == 0 && c->spectra[s]->count > 0 && (st = try_plain(c, v, s, &plain)) != SNNK_OK)
            return st;
        if ((st = try_forms(c, v, s, &best)) != SNNK_OK) return st;
    }
    if ((st = framing_place(c, FINAL_ROWS, v)) != SNNK_OK) return st;
    if ((st = predict_again(c, v, &best)) != SNNK_OK) return st;
    if ((st = predict_again(c, v, &plain)) != SNNK_OK) return st;
    *category(&c->report, frame) = best.error;
    if (frame == 0) c->report.plain = plain.error;
    if (frame_choices[frame].center == SNNK_CENTER_BOTH &&
        frame_choices[frame].metric == SNNK_METRIC_NONE)
        c->report.without_features = error_without_features(c, v);
    if (best.error < c->best.error) {
        c->best = best;
        c->frame = frame;
    }
    return SNNK_OK;
}

static int search(calibration *c) {
    int st = SNNK_OK;

    for (size_t f = 0; st == SNNK_OK && f < FRAMES; f++) {
        framing v = {0};

        st = learn_frame(c, &c->learn, f, &v.frame);
        if (st == SNNK_E_UNSUPPORTED) { /* whitening is not available in a minimal build */
            st = SNNK_OK;
            continue;
        }
        if (st == SNNK_OK) st = search_frame(c, f, &v);
        framing_free(c->allocator, &v);
    }
    if (st == SNNK_OK && isinf(c->best.error))
        st = snnk__fail(SNNK_E_RANGE,
                        "features = %llu: every predicted error overflows, or there is no room for "
                        "one row; fit the layer instead (snnk_fit)",
                        (unsigned long long)c->config->features);
    return st;
}

/* ---- Building the best ---- */

static void complete_report(calibration *c, const snnk_frame *frame, const snnk_map *map,
                            const snnk__urf_summary *summary) {
    const snnk_spectrum *spectrum = c->spectra[c->best.spectrum];
    snnk_urf_report *r = &c->report;

    r->predicted = c->best.error;
    r->radius = spectrum->config.radius;
    r->center = spectrum->config.center;
    r->half_period = spectrum->config.half_period;
    r->method = spectrum->config.method;
    r->spectral_error = spectrum->error;
    r->l1 = snnk_spectrum_l1(spectrum);
    r->atoms = spectrum->count;
    r->input_norm = frame->input_norm;
    r->weight_norm = frame->weight_norm;
    r->features = map->features;
    r->directions = frame->n_directions;
    r->frame_center = frame_choices[c->frame].center;
    r->frame_metric = frame_choices[c->frame].metric;
    r->form = c->best.config.form;
    r->hyperbolic = c->best.config.hyperbolic;
    r->optimal_A = c->best.config.A == SNNK_A_OPTIMAL;
    r->sketch_features = summary->affine_features;
    r->A = summary->A;
}

static int build(calibration *c, snnk_map **map) {
    snnk__urf_summary summary;
    snnk_frame *frame = NULL;
    int st;

    if ((st = learn_frame(c, &c->all, c->frame, &frame)) != SNNK_OK) return st;
    st = snnk__urf_create(c->all.d, c->spectra[c->best.spectrum], &c->best.config, frame, &summary,
                          map);
    if (st == SNNK_OK) complete_report(c, frame, *map, &summary);
    snnk_frame_free(frame);
    return st;
}

static int check_arguments(size_t inputs, int32_t activation, const snnk_rows *rows, size_t l,
                           const float *W, size_t ldw, const float *b,
                           const snnk_urf_report *report) {
    int st;

    if ((st = snnk__check_activation(activation)) != SNNK_OK) return st;
    if (rows->n < 2 || l < 2)
        return snnk__fail(SNNK_E_SHAPE,
                          "n = %zu, l = %zu: at least 2 rows of inputs and 2 of weights are needed",
                          rows->n, l);
    if ((st = snnk__check_matrix(W, "W", l, inputs, ldw, sizeof *W)) != SNNK_OK) return st;
    if ((st = snnk__rows_check_finite(rows)) != SNNK_OK) return st;
    if ((st = snnk__check_finite(W, "W", l, inputs, ldw)) != SNNK_OK) return st;
    if (b && (st = snnk__check_finite(b, "b", 1, l, l)) != SNNK_OK) return st;
    return snnk__config_check(report, sizeof *report, REPORT_MINIMUM, "urf report");
}

/* Run the search and build the map. The caller fills in the batch, the settings and the allocator;
 * the rest is set here. */
static int calibrate(calibration *c, const snnk_spectrum *spectrum, snnk_map **map) {
    int st;

    c->best.error = c->report.plain = INFINITY;
    for (size_t f = 0; f < FRAMES; f++) *category(&c->report, f) = INFINITY;
    if ((st = find_preactivations(c)) != SNNK_OK) return st;
    if (spectrum)
        c->spectra[c->n_spectra++] = spectrum;
    else if ((st = make_spectra(c)) != SNNK_OK)
        return st;
    for (size_t s = 0; s < c->n_spectra; s++) c->bias2[s] = mean_square_error(c, c->spectra[s]);
    if ((st = split(c)) != SNNK_OK) return st;
    if ((st = search(c)) != SNNK_OK) return st;
    return build(c, map);
}

int snnk_urf_calibrate(size_t inputs, int32_t activation, const snnk_spectrum *spectrum,
                       const snnk_rows *rows, size_t l, const float *W, size_t ldw, const float *b,
                       const snnk_urf_config *config, snnk_urf_report *report, snnk_map **map) {
    snnk_allocator allocator;
    snnk_urf_config ours;
    snnk__float_rows floats;
    snnk_rows read;
    snnk__sentence before;
    int st;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    *map = NULL;
    if ((st = snnk__urf_config_read(config, NULL, inputs, &ours)) != SNNK_OK) return st;
    if ((st = snnk__rows_read(rows, inputs, 0, false, &read)) != SNNK_OK) return st;
    st = check_arguments(inputs, activation, &read, l, W, ldw, b, report);
    if (st != SNNK_OK) return st;
    if ((st = snnk__allocator_read(&allocator, ours.allocator)) != SNNK_OK) return st;
    if ((st = snnk__float_rows_open(&allocator, &read, read.n, &floats)) != SNNK_OK) return st;
    const snnk_rows all = snnk__float_rows_part(&floats, 0, read.n);
    calibration c = {.all = {inputs, all.n, l, all.X, W, b, all.ldx, ldw},
                     .allocator = &allocator,
                     .config = &ours,
                     .activation = activation,
                     .report = no_report};

    snnk__sentence_save(&before);
    st = calibrate(&c, spectrum, map);
    if (st == SNNK_OK && report)
        st = snnk__config_write(report, &c.report, sizeof c.report, REPORT_MINIMUM, "urf report");
    for (size_t k = 0; k < SPECTRA; k++) snnk_spectrum_free(c.owned[k]);
    snnk__free(&allocator, c.storage);
    snnk__free(&allocator, c.z);
    snnk__float_rows_close(&floats);
    return snnk__recovered(st, &before); /* combinations that failed are not errors of the call */
}
