/* Unfinished fits in memory: docs/format.md, "Fits". Such a file has the layers of a network that
 * ends in a tower, which computes the features; the rows that are kept in memory, as features; and
 * the statistics of all others. */
#include "fit/fit.h"
#include "model/json_record.h"
#include "model/lstsq_file.h"
#include "model/model.h"
#include "model/network_file.h"

#define FIT_KEY  "snnk.fit" /* the JSON text of the settings */
#define ROWS_KEY "snnk.rows"

/* The name of an snnk__target_kind; NULL for another value. */
static const char *target_name(int32_t kind) {
    static const char *const names[] = {
        [SNNK__NOTHING_YET] = "none", [SNNK__TARGETS] = "numbers", [SNNK__LABELS] = "labels"};

    return kind >= 0 && kind <= SNNK__LABELS ? names[kind] : NULL;
}

/* The arrays of n rows that are kept. A key is two numbers, its lower and its upper half. */
typedef struct heldout_arrays {
    snnk__array phi, weights, labels, y, keys;
} heldout_arrays;

/* y: the type of the targets. */
static heldout_arrays arrays_of(const snnk__feature_rows *rows, snnk__element y) {
    const size_t n = rows->n;

    return (heldout_arrays){snnk__array_2("heldout.phi", SNNK__ELEMENT_F32, n, rows->features),
                            snnk__array_1("heldout.weights", SNNK__ELEMENT_F32, n),
                            snnk__array_1("heldout.labels", SNNK__ELEMENT_U32, n),
                            snnk__array_2("heldout.y", y, n, rows->outputs),
                            snnk__array_2("heldout.keys", SNNK__ELEMENT_U32, n, 2)};
}

/* The arrays of what is known about d inputs in double. */
typedef struct lost_arrays {
    snnk__array first, varied, kept;
} lost_arrays;

static lost_arrays lost_arrays_of(size_t d) {
    return (lost_arrays){snnk__array_1("double.first", SNNK__ELEMENT_F64, d),
                         snnk__array_1("double.varied", SNNK__ELEMENT_U32, d),
                         snnk__array_1("double.kept", SNNK__ELEMENT_U32, d)};
}

/* ---- Saving ---- */

static void write_config(snnk__sink *sink, const snnk_fit_config *config) {
    snnk__write_seed(sink, config->seed);
    sink->number(sink, "ridge", config->ridge);
    sink->number(sink, "heldout_share", config->heldout_share);
    sink->number(sink, "rank_tolerance", config->rank_tolerance);
    sink->count(sink, "intercept", (size_t)config->intercept);
    sink->count(sink, "n_ridges", (size_t)config->n_ridges);
    sink->number(sink, "first_ridge", config->first_ridge);
    sink->truth(sink, "center", config->center != 0);
    sink->text(sink, "precision", snnk_precision_name(config->precision));
    sink->text(sink, "factorization", snnk_factorization_name(config->factorization));
}

/* Whether all targets are exact floats. */
static bool are_floats(const snnk__feature_rows *rows) {
    bool are = true;

    for (size_t i = 0; !rows->of_labels && i < rows->n * rows->outputs; i++)
        are &= (double)(float)rows->Y[i] == rows->Y[i];
    return are;
}

/* Give targets as floats. */
static void float_targets(const void *targets, size_t first, size_t count, void *out) {
    const double *Y = targets;
    float *to = out;

    for (size_t i = 0; i < count; i++) to[i] = (float)Y[first + i];
}

/* Give keys as halves. */
static void key_halves(const void *all, size_t first, size_t count, void *out) {
    const uint64_t *keys = all;
    uint32_t *to = out;

    for (size_t i = 0; i < count; i++)
        to[i] = (uint32_t)(keys[(first + i) / 2] >> ((first + i) % 2 ? 32 : 0));
}

static void write_heldout(snnk__sink *sink, const snnk__heldout *heldout) {
    const snnk__feature_rows *rows = &heldout->rows;
    const bool floats = are_floats(rows);
    const heldout_arrays arrays = arrays_of(rows, floats ? SNNK__ELEMENT_F32 : SNNK__ELEMENT_F64);

    sink->count(sink, "heldout_rows", rows->n);
    sink->number(sink, "threshold", heldout->threshold);
    sink->truth(sink, "grouped", heldout->grouped);
    sink->truth(sink, "singly", heldout->singly);
    if (rows->n == 0) return;
    sink->elements(sink, &arrays.keys, key_halves, rows->keys);
    snnk__write_array(sink, arrays.phi, rows->Phi);
    snnk__write_array(sink, arrays.weights, rows->weights);
    if (rows->of_labels)
        snnk__write_array(sink, arrays.labels, rows->labels);
    else if (floats)
        sink->elements(sink, &arrays.y, float_targets, rows->Y);
    else
        snnk__write_array(sink, arrays.y, rows->Y);
}

/* Give truths as 0 and 1. */
static void truths(const void *all, size_t first, size_t count, void *out) {
    const bool *from = all;
    uint32_t *to = out;

    for (size_t i = 0; i < count; i++) to[i] = from[first + i];
}

static void write_lost(snnk__sink *sink, const snnk__lost_inputs *lost) {
    const lost_arrays arrays = lost_arrays_of(lost->inputs);

    sink->truth(sink, "in_double", lost->first != NULL);
    if (!lost->first) return;
    snnk__write_array(sink, arrays.first, lost->first);
    sink->elements(sink, &arrays.varied, truths, lost->varied);
    sink->elements(sink, &arrays.kept, truths, lost->kept);
}

/* Write settings, counts, held-out rows and facts of inputs. */
static void write_fit(snnk__safetensors_writer *writer, const snnk_fit *fit) {
    snnk__json_writer record;
    snnk__sink sink = snnk__json_write(&record, writer, false);

    sink.truth(&sink, "of_network", fit->features.lower != NULL);
    sink.text(&sink, "targets", target_name((int32_t)fit->kind));
    sink.truth(&sink, "weighted", fit->weighted);
    write_config(&sink, &fit->config);
    write_heldout(&sink, &fit->heldout);
    write_lost(&sink, &fit->lost);
    snnk__json_write_end(&record, FIT_KEY);
    snnk__safetensors_add_number(writer, ROWS_KEY, fit->rows);
}

/* Set *network to the layers before the last one, followed by a tower of the features. */
static int make_network(const snnk_fit *fit, snnk_network **network) {
    snnk_layer *tower;
    int st;

    if ((st = snnk_layer_create_tower(fit->features.map, &tower)) != SNNK_OK) return st;
    st = snnk__fit_features_network(&fit->features, tower, network);
    snnk_layer_free(tower);
    return st;
}

/* A network in narrow storage would be saved as float, and then give other features. */
static int check_storage(const snnk_network *lower) {
    for (size_t k = 0; k < snnk_network_layers(lower); k++) {
        const int32_t storage = snnk_layer_storage(snnk_network_layer(lower, k));

        if (storage != SNNK_STORAGE_F32)
            return snnk__fail(
                SNNK_E_UNSUPPORTED,
                "layer %zu is stored in %s, but a fit can only be saved with layers in float", k,
                snnk_storage_name(storage));
    }
    return SNNK_OK;
}

/* A fit, and the network that its file borrows from. */
typedef struct saving {
    const snnk_fit *fit;
    snnk_network *network;
} saving;

static int begin(const snnk_fit *fit, saving *s) {
    int st;

    *s = (saving){fit, NULL};
    if ((st = snnk__check_pointer(fit, "fit")) != SNNK_OK) return st;
    if ((st = check_storage(fit->features.lower)) != SNNK_OK) return st;
    return make_network(fit, &s->network);
}

static int write(const void *object, int32_t projection, snnk__safetensors_writer *writer) {
    const saving *s = object;

    snnk__model_begin(writer, &s->fit->allocator, SNNK__MODEL_FIT);
    write_fit(writer, s->fit);
    snnk__network_write_layers(writer, s->network, projection);
    snnk__lstsq_write_tensors(writer, s->fit->lstsq);
    return SNNK_OK;
}

int snnk_fit_saved_bytes(const snnk_fit *fit, size_t *bytes) {
    saving s;
    int st = begin(fit, &s);

    if (st == SNNK_OK) st = snnk__model_saved_bytes(&s, SNNK_SAVE_ROWS, write, bytes);
    snnk_network_free(s.network);
    return st;
}

int snnk_fit_save_memory(const snnk_fit *fit, void *buffer, size_t bytes) {
    saving s;
    int st = begin(fit, &s);

    if (st == SNNK_OK) st = snnk__model_save_memory(&s, SNNK_SAVE_ROWS, write, buffer, bytes);
    snnk_network_free(s.network);
    return st;
}

/* ---- Loading ---- */

/* The settings in the file, including the config. */
typedef struct settings {
    snnk_fit_config config;
    bool of_network, weighted;
    int32_t kind; /* an snnk__target_kind */
    size_t heldout_rows;
    double threshold;
    bool grouped, singly, in_double;
} settings;

/* Read a whole number that fits an int32_t; its range is checked with the config. */
static int read_int(const snnk__source *source, const char *key, int32_t *value) {
    double number = 0;
    const int st = snnk__read_within(source, key, 0, INT32_MAX, &number);

    if (st == SNNK_OK) *value = (int32_t)number;
    return st;
}

/* Read a truth that files of 0.1 do not have; then *truth is unchanged. */
static int read_new_truth(const snnk__source *source, const char *key, bool *truth) {
    if (source->value(source, key).type == SNNK__VALUE_NONE) return SNNK_OK;
    return snnk__read_truth(source, key, truth);
}

static int read_config(const snnk__source *source, snnk_fit_config *config) {
    bool center = true;
    int st;

    snnk_fit_config_init(config, sizeof *config);
    if ((st = snnk__read_seed(source, &config->seed)) != SNNK_OK) return st;
    if ((st = snnk__read_number(source, "ridge", &config->ridge)) != SNNK_OK) return st;
    st = snnk__read_number(source, "heldout_share", &config->heldout_share);
    if (st != SNNK_OK) return st;
    st = snnk__read_number(source, "rank_tolerance", &config->rank_tolerance);
    if (st != SNNK_OK) return st;
    if ((st = read_int(source, "intercept", &config->intercept)) != SNNK_OK) return st;
    if ((st = read_int(source, "n_ridges", &config->n_ridges)) != SNNK_OK) return st;
    st = snnk__read_number(source, "first_ridge", &config->first_ridge);
    if (st != SNNK_OK) return st;
    if ((st = read_new_truth(source, "center", &center)) != SNNK_OK) return st;
    config->center = center;
    st = snnk__read_name(source, "precision", snnk_precision_name, &config->precision);
    if (st != SNNK_OK) return st;
    return snnk__read_name(source, "factorization", snnk_factorization_name,
                           &config->factorization);
}

static int read_settings(const snnk__source *source, settings *s) {
    int st;

    if ((st = snnk__read_truth(source, "of_network", &s->of_network)) != SNNK_OK) return st;
    if ((st = snnk__read_name(source, "targets", target_name, &s->kind)) != SNNK_OK) return st;
    if ((st = snnk__read_truth(source, "weighted", &s->weighted)) != SNNK_OK) return st;
    if ((st = snnk__read_count(source, "heldout_rows", &s->heldout_rows)) != SNNK_OK) return st;
    st = snnk__read_within(source, "threshold", 0, 1, &s->threshold);
    if (st != SNNK_OK) return st;
    if ((st = snnk__read_truth(source, "grouped", &s->grouped)) != SNNK_OK) return st;
    if ((st = snnk__read_truth(source, "singly", &s->singly)) != SNNK_OK) return st;
    if ((st = read_new_truth(source, "in_double", &s->in_double)) != SNNK_OK) return st;
    return read_config(source, &s->config);
}

/* Create a fit without rows from these settings and features. The statistics give the number of
 * outputs. */
static int create(const settings *s, const snnk_network *network, const snnk_lstsq *lstsq,
                  snnk_fit **fit) {
    const size_t outputs = snnk_lstsq_targets(lstsq);
    const snnk_layer *last = snnk_network_layer(network, snnk_network_layers(network) - 1);
    int st;

    if (snnk_layer_get_kind(last) != SNNK_LAYER_TOWER)
        return snnk__fail(SNNK_E_FORMAT, "the last layer is not a tower");
    if (!s->of_network && snnk_network_layers(network) > 1)
        return snnk__fail(SNNK_E_FORMAT, "the fit of a map has %zu layers",
                          snnk_network_layers(network));
    if (snnk_layer_outputs(last) != snnk_lstsq_features(lstsq))
        return snnk__fail(SNNK_E_FORMAT, "statistics of %zu features, but there are %zu",
                          snnk_lstsq_features(lstsq), snnk_layer_outputs(last));
    st = s->of_network ? snnk_fit_create_from_network(network, outputs, &s->config, fit)
                       : snnk_fit_create(snnk_layer_map(last), outputs, &s->config, fit);
    return st == SNNK_E_RANGE || st == SNNK_E_ENUM ? SNNK_E_FORMAT : st;
}

/* Check labels and weights of held-out rows by the rules for learning. */
static int check_heldout(const snnk__feature_rows *rows) {
    int st = snnk__check_weights(rows->n, rows->weights);

    if (st == SNNK_OK && rows->of_labels)
        st = snnk__check_labels(rows->n, rows->labels, rows->outputs);
    return st == SNNK_OK ? st : snnk__fail_within(SNNK_E_FORMAT, "heldout");
}

/* Read targets in double, or in float as 0.1 wrote them. */
static int read_targets(const snnk__source *source, snnk__feature_rows *rows) {
    const snnk__array doubles = arrays_of(rows, SNNK__ELEMENT_F64).y,
                      floats = arrays_of(rows, SNNK__ELEMENT_F32).y;
    const size_t count = rows->n * rows->outputs;
    snnk__sentence before;
    float *Y = NULL;
    int st;

    snnk__sentence_save(&before);
    if (snnk__find_array(source, doubles) == SNNK_OK)
        return snnk__read_array(source, doubles, rows->Y);
    if ((st = snnk__find_array(source, floats)) != SNNK_OK) return st;
    st = snnk__alloc(source->allocator, count, sizeof *Y, "targets", &Y);
    if (st == SNNK_OK) st = snnk__read_array(source, floats, Y);
    for (size_t i = 0; st == SNNK_OK && i < count; i++) rows->Y[i] = (double)Y[i];
    snnk__free(source->allocator, Y);
    return snnk__recovered(st, &before);
}

static int read_keys(const snnk__source *source, const snnk__array *array,
                     const snnk__feature_rows *rows) {
    uint32_t *halves = NULL;
    int st = snnk__alloc(source->allocator, rows->n, 2 * sizeof *halves, "keys", &halves);

    if (st == SNNK_OK) st = snnk__read_array(source, *array, halves);
    for (size_t i = 0; st == SNNK_OK && i < rows->n; i++)
        rows->keys[i] = (uint64_t)halves[2 * i + 1] << 32 | halves[2 * i];
    snnk__free(source->allocator, halves);
    return st;
}

static int read_heldout(const snnk__source *source, const settings *s, snnk__feature_rows *rows) {
    int st;

    if (s->heldout_rows == 0) return SNNK_OK;
    if (s->config.ridge != SNNK_RIDGE_AUTO || s->heldout_rows > SNNK_FIT_MAX_HELDOUT)
        return snnk__fail(SNNK_E_FORMAT,
                          "heldout_rows = %zu must be 0 if the ridge is given, and at most %d",
                          s->heldout_rows, SNNK_FIT_MAX_HELDOUT);
    rows->n = s->heldout_rows;
    rows->of_labels = s->kind == SNNK__LABELS;
    const heldout_arrays arrays = arrays_of(rows, SNNK__ELEMENT_F32);
    if ((st = snnk__read_array(source, arrays.phi, rows->Phi)) != SNNK_OK) return st;
    if ((st = read_keys(source, &arrays.keys, rows)) != SNNK_OK) return st;
    if ((st = snnk__read_array(source, arrays.weights, rows->weights)) != SNNK_OK) return st;
    st = rows->of_labels ? snnk__read_array(source, arrays.labels, rows->labels)
                         : read_targets(source, rows);
    return st == SNNK_OK ? check_heldout(rows) : st;
}

static int read_truths(const snnk__source *source, const snnk__array *array, bool *truths) {
    const size_t n = array->dims[0];
    uint32_t *numbers = NULL;
    int st = snnk__find_array(source, *array);

    if (st == SNNK_OK)
        st = snnk__alloc(source->allocator, n, sizeof *numbers, "facts of inputs", &numbers);
    if (st == SNNK_OK) st = snnk__read_array(source, *array, numbers);
    for (size_t i = 0; st == SNNK_OK && i < n; i++) truths[i] = numbers[i] != 0;
    snnk__free(source->allocator, numbers);
    return st;
}

static int read_lost(const snnk__source *source, size_t inputs, snnk__lost_inputs *lost) {
    const lost_arrays arrays = lost_arrays_of(inputs);
    int st;

    if ((st = snnk__find_array(source, arrays.first)) != SNNK_OK) return st;
    if ((st = snnk__lost_inputs_alloc(source->allocator, inputs, lost)) != SNNK_OK) return st;
    if ((st = snnk__read_array(source, arrays.first, lost->first)) != SNNK_OK) return st;
    if ((st = read_truths(source, &arrays.varied, lost->varied)) != SNNK_OK) return st;
    return read_truths(source, &arrays.kept, lost->kept);
}

/* Check that every row is either kept or in the statistics, and that with the threshold 1 all of
 * them are kept, and not too many. */
static int check_counts(const snnk_fit *fit) {
    const uint64_t n = fit->heldout.rows.n;
    const bool none = fit->kind == SNNK__NOTHING_YET;

    if (snnk__heldout_count(&fit->heldout, &fit->heldout.rows) != n)
        return snnk__fail(SNNK_E_FORMAT, "a kept row has a draw that is not below the threshold %g",
                          fit->heldout.threshold);
    if (fit->rows >= n && fit->rows - n == fit->lstsq->rows && (fit->rows == 0) == none &&
        (fit->heldout.threshold < 1 || (n == fit->rows && n <= SNNK_FIT_MAX_LEFT_OUT)))
        return SNNK_OK;
    return snnk__fail(SNNK_E_FORMAT,
                      "%llu rows, of them %llu kept, do not match statistics of %llu rows and the "
                      "threshold %g",
                      (unsigned long long)fit->rows, (unsigned long long)n,
                      (unsigned long long)fit->lstsq->rows, fit->heldout.threshold);
}

/* Statistics are saved with the factorization that they have; the fit also knows which one was
 * requested. */
static int take_statistics(const settings *s, snnk_lstsq *lstsq, snnk_fit *fit) {
    const int32_t asked = s->config.factorization;
    const bool automatic = asked == SNNK_FACTORIZATION_AUTO;

    if (!automatic && lstsq->factorization != asked)
        return snnk__fail(SNNK_E_FORMAT, "the factorization is %s, but the statistics have %s",
                          snnk_factorization_name(asked),
                          snnk_factorization_name(lstsq->factorization));
    lstsq->automatic = automatic;
    lstsq->precision = s->config.precision;
    snnk_lstsq_free(fit->lstsq);
    fit->lstsq = lstsq;
    return SNNK_OK;
}

/* Fill a fit without rows. *lstsq becomes NULL when the fit owns it. */
static int read_state(const snnk__safetensors_reader *reader, const snnk__source *source,
                      const settings *s, snnk_lstsq **lstsq, snnk_fit *fit) {
    int st;

    if ((st = take_statistics(s, *lstsq, fit)) != SNNK_OK) return st;
    *lstsq = NULL;
    fit->kind = (snnk__target_kind)s->kind;
    fit->weighted = s->weighted;
    if ((st = snnk__safetensors_number(reader, ROWS_KEY, &fit->rows)) != SNNK_OK) return st;
    fit->heldout.threshold = s->threshold;
    fit->heldout.grouped = s->grouped;
    fit->heldout.singly = s->singly;
    if ((st = read_heldout(source, s, &fit->heldout.rows)) != SNNK_OK) return st;
    if (s->in_double && (st = read_lost(source, snnk_fit_inputs(fit), &fit->lost)) != SNNK_OK)
        return st;
    return check_counts(fit);
}

static int read(const snnk__safetensors_reader *reader, const snnk_allocator *allocator,
                void *handle) {
    snnk__json_reader record = {0};
    snnk__source source;
    snnk_network *network = NULL;
    snnk_lstsq *lstsq = NULL;
    snnk_fit *made = NULL, **fit = handle;
    settings s = {0};
    int st;

    if ((st = snnk__json_read(&record, reader, FIT_KEY, allocator, &source)) != SNNK_OK) goto done;
    if ((st = read_settings(&source, &s)) != SNNK_OK) goto done;
    if ((st = snnk__network_read_layers(reader, allocator, &network)) != SNNK_OK) goto done;
    if ((st = snnk__lstsq_carried(reader, allocator, &lstsq)) != SNNK_OK) goto done;
    if (!lstsq) {
        st = snnk__fail(SNNK_E_FORMAT, "there are no statistics");
        goto done;
    }
    if ((st = create(&s, network, lstsq, &made)) != SNNK_OK) goto done;
    if ((st = read_state(reader, &source, &s, &lstsq, made)) != SNNK_OK) goto done;
    *fit = made;
    made = NULL;
done:
    snnk_fit_free(made);
    snnk_lstsq_free(lstsq);
    snnk_network_free(network);
    snnk__json_read_end(&record);
    return st;
}

int snnk_fit_load_memory(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                         snnk_fit **fit) {
    const int st = snnk__check_pointer(fit, "fit");

    if (st != SNNK_OK) return st;
    *fit = NULL;
    return snnk__model_load_memory(buffer, bytes, allocator, SNNK__MODEL_FIT, read, fit);
}
