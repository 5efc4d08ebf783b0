#include "cli/fit_recipes.h"

#include <stdio.h>
#include <string.h>

/* The most features of one layer: 16384^2 sums are 2 GB. */
enum { WIDEST = 8192, WIDEST_HIGH = 16384, WIDEST_SERIES = 39984 };

/* Filters of windows, rounds of directions and of boosting. */
enum { FEW_ROWS = 5000, FILTERS_FEW = 32, FILTERS = 128, ROUNDS = 3, BOOST_ROUNDS = 5 };

/* A tree of leaves is for more rows than MANY_ROWS. */
enum { MANY_ROWS = 50000, LEAF_ROWS = 20000 };

/* Leaving each row out of a fit of few rows allows more features than rows. */
enum { FEATURES_OF_FEW = 2048 };

static bool is_plain_table(const recipe_start *s, const fit_options *o) {
    return !s->job->like && !o->series && !has_windows(&o->windows) && !o->boosted &&
           o->leaf_rows == 0 && o->augment == 0;
}

/* Take the number of features from the best way so far, which a fit need not find again. */
static void fix_features(const recipe_start *s, fit_options *o) {
    if (o->features_given || o->map.kind == SNNK_MAP_IDENTITY) return;
    o->map.features = s->features;
    o->features_given = true;
}

static bool one_layer(const recipe_start *s, fit_options *o, bool *chosen) {
    (void)s, (void)o, (void)chosen;
    return true;
}

/* Windows, for files of images. */
static bool set_windows(const recipe_start *s, size_t filters, fit_options *o, bool *chosen) {
    const dataset *train = &s->job->train;
    const size_t dims = snnk_table_dims(train->inputs);
    const bool images = o->windows.shape[0] > 0 || dims == 3 || dims == 4;

    if (s->job->like || o->series || train->encoder || !images) return false;
    *o = *s->first;
    o->windows.filters = filters;
    if (!o->scaling_given) o->scaling = SCALING_DEFAULT;
    *chosen = false; /* the inputs become others */
    return true;
}

/* Filters for so many rows: each gives 32 numbers. */
static size_t filters(const recipe_start *s) {
    return s->job->train.rows < FEW_ROWS ? FILTERS_FEW : FILTERS;
}

static bool windows(const recipe_start *s, fit_options *o, bool *chosen) {
    return !has_windows(&s->first->windows) && set_windows(s, filters(s), o, chosen);
}

static bool more_windows(const recipe_start *s, fit_options *o, bool *chosen) {
    return o->windows.filters > 0 && s->first->windows.filters == 0 &&
           set_windows(s, 4 * filters(s), o, chosen);
}

static bool scattering(const recipe_start *s, fit_options *o, bool *chosen) {
    if (has_windows(&s->first->windows) || o->windows.shape[0] == 1 ||
        !set_windows(s, 0, o, chosen))
        return false;
    o->windows.scattering = true;
    return true;
}

static bool both(const recipe_start *s, fit_options *o, bool *chosen) {
    return scattering(s, o, chosen) && (o->windows.filters = filters(s)) > 0;
}

static bool wider(const recipe_start *s, fit_options *o, bool *chosen) {
    const size_t n = s->job->train.rows;
    const uint64_t most = o->series                  ? WIDEST_SERIES
                          : s->effort >= EFFORT_HIGH ? WIDEST_HIGH
                                                     : WIDEST;

    (void)chosen;
    if (s->first->features_given || o->boosted || o->leaf_rows > 0 || s->job->like) return false;
    if (!o->series && o->map.kind == SNNK_MAP_IDENTITY) return false;
    if (2 * s->features > most || (n < 2 * s->features && 2 * s->features > FEATURES_OF_FEW))
        return false;
    o->map.features = 2 * s->features;
    o->features_given = true;
    return true;
}

static bool directions(const recipe_start *s, fit_options *o, bool *chosen) {
    const bool step = (o->map.kind == SNNK_MAP_ARC_COSINE && o->map.order == 0) ||
                      (o->map.kind == SNNK_MAP_ELEMENTWISE && o->map.activation == SNNK_STEP);
    const size_t d = dataset_raw_inputs(&s->job->train);

    (void)chosen;
    if (!is_plain_table(s, o) || o->map.kind == SNNK_MAP_IDENTITY || step || o->store_seed ||
        o->directions > 0 || d < 2 || d > SNNK_DIRECTIONS_MAX_INPUTS)
        return false;
    fix_features(s, o);
    o->directions = ROUNDS;
    return true;
}

static bool linear(const recipe_start *s, fit_options *o, bool *chosen) {
    (void)chosen;
    if (!is_plain_table(s, o) || o->linear || o->map.kind == SNNK_MAP_IDENTITY) return false;
    fix_features(s, o);
    o->linear = true;
    return true;
}

/* Features of one kind, of the scale that is best for it. */
static bool set_kind(const recipe_start *s, int32_t kind, int32_t activation, fit_options *o,
                     bool *chosen) {
    const fit_options *f = s->first;

    if (f->kind_given || f->scale_given || s->job->like || o->series || o->boosted ||
        o->leaf_rows > 0 || o->directions > 0 || o->linear)
        return false;
    if (o->map.kind == kind && (kind != SNNK_MAP_ELEMENTWISE || o->map.activation == activation))
        return false;
    if (kind == SNNK_MAP_GAUSSIAN && o->features_given && o->map.features % 2 != 0) return false;
    o->map.kind = kind;
    o->map.activation = activation;
    o->map.projection_scale = 1;
    o->map.offset_scale = kind == SNNK_MAP_GAUSSIAN ? 0 : 0.3;
    o->kind_given = true;
    *chosen = false; /* the scale; the scaling of inputs stays */
    return true;
}

static bool arc_cosine(const recipe_start *s, fit_options *o, bool *chosen) {
    return set_kind(s, SNNK_MAP_ARC_COSINE, 0, o, chosen);
}

static bool gaussian(const recipe_start *s, fit_options *o, bool *chosen) {
    return set_kind(s, SNNK_MAP_GAUSSIAN, 0, o, chosen);
}

static bool tanh_features(const recipe_start *s, fit_options *o, bool *chosen) {
    return set_kind(s, SNNK_MAP_ELEMENTWISE, SNNK_TANH, o, chosen);
}

static bool boosting(const recipe_start *s, fit_options *o, bool *chosen) {
    (void)chosen;
    if (!is_plain_table(s, o) || o->store_seed || s->first->directions > 0 ||
        o->map.kind == SNNK_MAP_IDENTITY)
        return false;
    o->directions = 0;
    o->linear = false;
    o->boosted = true;
    o->boost.rounds = BOOST_ROUNDS;
    if (!s->first->features_given) o->features_given = false;
    return true;
}

static bool leaves(const recipe_start *s, fit_options *o, bool *chosen) {
    (void)chosen;
    if (!is_plain_table(s, o) || s->job->train.rows <= MANY_ROWS || o->keep_statistics ||
        o->store_seed || o->linear || o->map.kind == SNNK_MAP_IDENTITY || o->loss >= 0 ||
        o->choose != CHOOSE_HELDOUT || o->fit.factorization != SNNK_FACTORIZATION_GRAM ||
        o->fit.precision != SNNK_PRECISION_DOUBLE || o->scaling == SCALING_NONE)
        return false;
    fix_features(s, o);
    o->leaf_rows = LEAF_ROWS;
    return true;
}

static bool cross_entropy(const recipe_start *s, fit_options *o, bool *chosen) {
    (void)chosen;
    if (!s->job->task.classification || s->first->loss >= 0 || s->job->like || o->leaf_rows > 0 ||
        o->keep_statistics)
        return false;
    fix_features(s, o);
    o->loss = SNNK_LOSS_CROSS_ENTROPY;
    return true;
}

const recipe fit_recipes[] = {
    {"one layer, as without --effort", EFFORT_QUICK, false, 0, one_layer},
    {"filters on windows", EFFORT_QUICK, false, 0, windows},
    {"wavelets", EFFORT_QUICK, false, 0, scattering},
    {"arc-cosine features", EFFORT_NORMAL, false, 0, arc_cosine},
    {"gaussian features", EFFORT_NORMAL, false, 0, gaussian},
    {"tanh features", EFFORT_NORMAL, false, 0, tanh_features},
    {"learnt directions", EFFORT_QUICK, false, 0, directions},
    {"twice the features", EFFORT_QUICK, true, 5, wider},
    {"the inputs as features too", EFFORT_NORMAL, false, 0, linear},
    {"a tree of leaves", EFFORT_NORMAL, false, 0, leaves},
    {"cross-entropy", EFFORT_NORMAL, false, 0, cross_entropy},
    {"boosting", EFFORT_NORMAL, false, 0, boosting},
    {"more filters", EFFORT_HIGH, false, 0, more_windows},
    {"wavelets beside the filters", EFFORT_HIGH, false, 0, both},
};
const size_t fit_recipes_count = sizeof fit_recipes / sizeof *fit_recipes;

/* ---- Describing ---- */

typedef struct writer {
    char *text;
    size_t bytes;
} writer;

static void add(writer *w, const char *option, const char *value) {
    const size_t length = strlen(w->text);

    snprintf(w->text + length, w->bytes - length, "%s--%s%s%s", length > 0 ? " " : "", option,
             value ? " " : "", value ? value : "");
}

static void add_count(writer *w, const char *option, uint64_t value) {
    char digits[24];

    snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    add(w, option, digits);
}

void fit_recipe_describe(const fit_options *first, const fit_options *o, char *text, size_t bytes) {
    writer w = {text, bytes};

    text[0] = '\0';
    if (o->windows.filters != first->windows.filters) add_count(&w, "windows", o->windows.filters);
    if (o->windows.scattering && !first->windows.scattering) add(&w, "scattering", NULL);
    if (o->kind_given && !first->kind_given) {
        if (o->map.kind == SNNK_MAP_ELEMENTWISE)
            add(&w, "activation", snnk_activation_name(o->map.activation));
        else
            add(&w, "features", fit_kinds[o->map.kind]);
    }
    if (o->features_given && !first->features_given) add_count(&w, "m", o->map.features);
    if (o->directions != first->directions) add_count(&w, "learn-directions", o->directions);
    if (o->linear && !first->linear) add(&w, "linear", NULL);
    if (o->leaf_rows != first->leaf_rows) add_count(&w, "leaves", o->leaf_rows);
    if (o->loss != first->loss) add(&w, "loss", snnk_loss_name(o->loss));
    if (o->boosted && !first->boosted) add_count(&w, "boost", o->boost.rounds);
}
