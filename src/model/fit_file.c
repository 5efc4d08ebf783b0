/* Unfinished fits in memory: docs/format.md, "Fits". A file of one has the layers of a network that
 * ends in a tower, which gives the features; the statistics of the rows that are not held out; and the
 * held-out rows, as features. */
#include <string.h>

#include "fit/fit.h"
#include "io/bytes.h"
#include "model/description.h"
#include "model/lstsq_file.h"
#include "model/model.h"
#include "model/network_file.h"

#define FIT_KEY        "snnk.fit" /* the JSON text of the settings */
#define ROWS_KEY       "snnk.rows"
#define CANDIDATES_KEY "snnk.candidates" /* rows drawn to be held out */

static const char *const target_names[] = {
    [SNNK__NOTHING_YET] = "none", [SNNK__TARGETS] = "numbers", [SNNK__LABELS] = "labels"};

/* ---- Saving ---- */

static cJSON *describe(const snnk_fit *fit) {
    const snnk_fit_config *config = &fit->config;
    cJSON *json = cJSON_CreateObject();
    bool ok = json != NULL;

    ok = ok && cJSON_AddBoolToObject(json, "of_network", fit->features.lower != NULL);
    ok = ok && cJSON_AddStringToObject(json, "targets", target_names[fit->kind]);
    ok = ok && cJSON_AddBoolToObject(json, "weighted", fit->weighted);
    ok = ok && cJSON_AddNumberToObject(json, "heldout_rows", (double)fit->heldout.rows.n);
    ok = ok && snnk__put_seed(json, config->seed);
    ok = ok && snnk__put_number(json, "ridge", config->ridge);
    ok = ok && snnk__put_number(json, "heldout_share", config->heldout_share);
    ok = ok && snnk__put_number(json, "rank_tolerance", config->rank_tolerance);
    ok = ok && cJSON_AddNumberToObject(json, "intercept", config->intercept);
    ok = ok && cJSON_AddNumberToObject(json, "n_ridges", config->n_ridges);
    ok = ok && cJSON_AddStringToObject(json, "precision", snnk_precision_name(config->precision));
    ok = ok && cJSON_AddStringToObject(json, "factorization",
                                       snnk_factorization_name(config->factorization));
    if (ok) return json;
    cJSON_Delete(json);
    return NULL;
}

static void add_settings(snnk__safetensors_writer *writer, const snnk_fit *fit) {
    cJSON *json = describe(fit);
    char *text = json ? cJSON_PrintUnformatted(json) : NULL;

    if (text)
        snnk__safetensors_add_text(writer, FIT_KEY, text);
    else if (writer->status == SNNK_OK)
        writer->status = snnk__fail(SNNK_E_NOMEM, "out of memory for the settings of a fit");
    cJSON_free(text);
    cJSON_Delete(json);
    snnk__safetensors_add_number(writer, ROWS_KEY, fit->rows);
    snnk__safetensors_add_number(writer, CANDIDATES_KEY, fit->heldout.candidates);
}

static void add_heldout(snnk__safetensors_writer *writer, const snnk__feature_rows *rows) {
    const size_t n = rows->n, phi[] = {n, rows->features}, y[] = {n, rows->outputs};

    if (n == 0) return;
    snnk__safetensors_add_tensor(writer, "heldout.phi", SNNK__DTYPE_F32, 2, phi, rows->Phi);
    snnk__safetensors_add_tensor(writer, "heldout.weights", SNNK__DTYPE_F32, 1, &n, rows->weights);
    if (rows->of_labels)
        snnk__safetensors_add_tensor(writer, "heldout.labels", SNNK__DTYPE_I32, 1, &n,
                                     rows->labels);
    else
        snnk__safetensors_add_tensor(writer, "heldout.y", SNNK__DTYPE_F32, 2, y, rows->Y);
}

/* *network = the layers before the last, and a tower of the features. */
static int make_network(const snnk_fit *fit, snnk_network **network) {
    snnk_layer *tower;
    int st;

    if ((st = snnk_layer_create_tower(fit->features.map, &tower)) != SNNK_OK) return st;
    st = snnk__fit_features_network(&fit->features, tower, network);
    snnk_layer_free(tower);
    return st;
}

/* A network in narrow storage is saved as float, and would give other features. */
static int check_storage(const snnk_network *lower) {
    for (size_t k = 0; k < snnk_network_layers(lower); k++) {
        const int32_t storage = snnk_layer_storage(snnk_network_layer(lower, k));

        if (storage != SNNK_STORAGE_F32)
            return snnk__fail(SNNK_E_UNSUPPORTED,
                              "layer %zu is stored in %s, which a file does not keep", k,
                              snnk_storage_name(storage));
    }
    return SNNK_OK;
}

/* Fill the writer, which borrows from *network; failures after the checks stick to it. */
static int begin(const snnk_fit *fit, snnk__safetensors_writer *writer, snnk_network **network) {
    int st;

    if ((st = snnk__check_pointer(fit, "fit")) != SNNK_OK) return st;
    if ((st = check_storage(fit->features.lower)) != SNNK_OK) return st;
    if ((st = make_network(fit, network)) != SNNK_OK) return st;
    snnk__model_begin(writer, &fit->allocator, SNNK__MODEL_FIT);
    add_settings(writer, fit);
    snnk__network_write_layers(writer, *network, SNNK_SAVE_ROWS);
    snnk__lstsq_write_tensors(writer, fit->lstsq);
    add_heldout(writer, &fit->heldout.rows);
    return SNNK_OK;
}

int snnk_fit_saved_bytes(const snnk_fit *fit, size_t *bytes) {
    snnk__safetensors_writer writer;
    snnk_network *network;
    int st;

    if ((st = snnk__check_pointer(bytes, "bytes")) != SNNK_OK) return st;
    if ((st = begin(fit, &writer, &network)) != SNNK_OK) return st;
    st = snnk__safetensors_written_bytes(&writer, bytes);
    snnk__safetensors_writer_free(&writer);
    snnk_network_free(network);
    return st;
}

int snnk_fit_save_memory(const snnk_fit *fit, void *buffer, size_t bytes) {
    snnk__safetensors_writer writer;
    snnk_network *network;
    int st;

    if ((st = snnk__check_pointer(buffer, "buffer")) != SNNK_OK) return st;
    if ((st = begin(fit, &writer, &network)) != SNNK_OK) return st;
    st = snnk__safetensors_write_memory(&writer, buffer, bytes);
    snnk__safetensors_writer_free(&writer);
    snnk_network_free(network);
    return st;
}

/* ---- Loading ---- */

/* What the settings say besides the config. */
typedef struct settings {
    snnk_fit_config config;
    bool of_network, weighted;
    int32_t kind; /* an snnk__target_kind */
    size_t heldout_rows;
} settings;

/* A whole number that fits an int32_t; whether it is in its range is checked with the config. */
static int get_int(const cJSON *json, const char *key, int32_t *value) {
    double number = 0;
    const int st = snnk__get_number_within(json, key, 0, INT32_MAX, &number);

    if (st == SNNK_OK) *value = (int32_t)number;
    return st;
}

static int read_config(const cJSON *json, snnk_fit_config *config) {
    const char *precisions[SNNK_PRECISION_SINGLE + 1];
    const char *factorizations[SNNK_FACTORIZATION_AUTO + 1];
    int st;

    for (int32_t k = 0; k <= SNNK_PRECISION_SINGLE; k++) precisions[k] = snnk_precision_name(k);
    for (int32_t k = 0; k <= SNNK_FACTORIZATION_AUTO; k++)
        factorizations[k] = snnk_factorization_name(k);
    snnk_fit_config_init(config, sizeof *config);
    if ((st = snnk__get_seed(json, &config->seed)) != SNNK_OK) return st;
    if ((st = snnk__get_number(json, "ridge", &config->ridge)) != SNNK_OK) return st;
    if ((st = snnk__get_number(json, "heldout_share", &config->heldout_share)) != SNNK_OK)
        return st;
    st = snnk__get_number(json, "rank_tolerance", &config->rank_tolerance);
    if (st != SNNK_OK) return st;
    if ((st = get_int(json, "intercept", &config->intercept)) != SNNK_OK) return st;
    if ((st = get_int(json, "n_ridges", &config->n_ridges)) != SNNK_OK) return st;
    st = snnk__get_name(json, "precision", precisions, SNNK_PRECISION_SINGLE + 1,
                        &config->precision);
    if (st != SNNK_OK) return st;
    return snnk__get_name(json, "factorization", factorizations, SNNK_FACTORIZATION_AUTO + 1,
                          &config->factorization);
}

static int read_settings(const snnk__safetensors_reader *reader, settings *s) {
    const char *text = snnk__safetensors_text(reader, FIT_KEY);
    cJSON *json = text ? cJSON_Parse(text) : NULL;
    int st;

    if (!json)
        return snnk__fail(SNNK_E_FORMAT, "metadata \"" FIT_KEY "\" is %s",
                          text ? "not JSON" : "missing");
    if ((st = snnk__get_bool(json, "of_network", &s->of_network)) != SNNK_OK) goto done;
    if ((st = snnk__get_bool(json, "weighted", &s->weighted)) != SNNK_OK) goto done;
    st = snnk__get_name(json, "targets", target_names, SNNK__LABELS + 1, &s->kind);
    if (st != SNNK_OK) goto done;
    if ((st = snnk__get_count(json, "heldout_rows", &s->heldout_rows)) != SNNK_OK) goto done;
    st = read_config(json, &s->config);
done:
    cJSON_Delete(json);
    return st;
}

/* A fit of no rows with these settings and features. Statistics tell how many outputs it has. */
static int create(const settings *s, const snnk_network *network, const snnk_lstsq *lstsq,
                  snnk_fit **fit) {
    const size_t outputs = snnk_lstsq_targets(lstsq);
    const snnk_layer *last = snnk_network_layer(network, snnk_network_layers(network) - 1);
    int st;

    if (snnk_layer_kind(last) != SNNK_LAYER_TOWER)
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

/* Labels and weights of held-out rows are what learners take. */
static int check_heldout(const snnk__feature_rows *rows) {
    int st = snnk__check_weights(rows->n, rows->weights);

    if (st == SNNK_OK && rows->of_labels)
        st = snnk__check_labels(rows->n, rows->labels, rows->outputs);
    return st == SNNK_OK ? st : snnk__fail_within(SNNK_E_FORMAT, "heldout");
}

static int read_labels(const snnk__safetensors_reader *reader, size_t n, int32_t *labels) {
    const snnk__safetensors_tensor *tensor;
    const int st =
        snnk__safetensors_find(reader, "heldout.labels", SNNK__DTYPE_I32, 1, &n, &tensor);

    for (size_t i = 0; st == SNNK_OK && i < n; i++) {
        const uint32_t bits = snnk__load_u32(tensor->data + 4 * i, false);

        memcpy(labels + i, &bits, sizeof bits);
    }
    return st;
}

static int read_heldout(const snnk__safetensors_reader *reader, const settings *s,
                        snnk__feature_rows *rows) {
    const size_t n = s->heldout_rows, phi[] = {n, rows->features}, y[] = {n, rows->outputs};
    int st;

    if (n == 0) return SNNK_OK;
    if (s->config.ridge != SNNK_RIDGE_AUTO || n > SNNK_FIT_MAX_HELDOUT)
        return snnk__fail(SNNK_E_FORMAT, "%zu rows cannot be held out", n);
    rows->n = n;
    rows->of_labels = s->kind == SNNK__LABELS;
    st = snnk__safetensors_read_f32(reader, "heldout.phi", 2, phi, rows->Phi);
    if (st != SNNK_OK) return st;
    st = snnk__safetensors_read_f32(reader, "heldout.weights", 1, &n, rows->weights);
    if (st != SNNK_OK) return st;
    st = rows->of_labels ? read_labels(reader, n, rows->labels)
                         : snnk__safetensors_read_f32(reader, "heldout.y", 2, y, rows->Y);
    return st == SNNK_OK ? check_heldout(rows) : st;
}

/* Every row is either held out or in the statistics. */
static int check_counts(const snnk_fit *fit) {
    const uint64_t n = fit->heldout.rows.n, candidates = fit->heldout.candidates;
    const bool none = fit->kind == SNNK__NOTHING_YET;

    if (fit->rows >= n && fit->rows - n == fit->lstsq->rows && candidates >= n &&
        candidates <= fit->rows && (fit->rows == 0) == none)
        return SNNK_OK;
    return snnk__fail(SNNK_E_FORMAT,
                      "%llu rows, %llu drawn to be held out and %llu held out, do not go with "
                      "statistics of %llu rows",
                      (unsigned long long)fit->rows, (unsigned long long)candidates,
                      (unsigned long long)n, (unsigned long long)fit->lstsq->rows);
}

/* Statistics are saved with the factorization that they have; the fit knows what was asked for. */
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

/* Fill a fit of no rows. *lstsq: NULL once the fit has it. */
static int read_state(const snnk__safetensors_reader *reader, const settings *s, snnk_lstsq **lstsq,
                      snnk_fit *fit) {
    int st;

    if ((st = take_statistics(s, *lstsq, fit)) != SNNK_OK) return st;
    *lstsq = NULL;
    fit->kind = (snnk__target_kind)s->kind;
    fit->weighted = s->weighted;
    if ((st = snnk__safetensors_number(reader, ROWS_KEY, &fit->rows)) != SNNK_OK) return st;
    st = snnk__safetensors_number(reader, CANDIDATES_KEY, &fit->heldout.candidates);
    if (st != SNNK_OK) return st;
    if ((st = read_heldout(reader, s, &fit->heldout.rows)) != SNNK_OK) return st;
    return check_counts(fit);
}

static int load(const snnk__safetensors_reader *reader, const snnk_allocator *allocator,
                snnk_fit **fit) {
    snnk_network *network = NULL;
    snnk_lstsq *lstsq = NULL;
    snnk_fit *made = NULL;
    settings s = {0};
    int st;

    if ((st = read_settings(reader, &s)) != SNNK_OK) goto done;
    if ((st = snnk__network_read_layers(reader, allocator, &network)) != SNNK_OK) goto done;
    if ((st = snnk__lstsq_carried(reader, allocator, &lstsq)) != SNNK_OK) goto done;
    if (!lstsq) {
        st = snnk__fail(SNNK_E_FORMAT, "there are no statistics");
        goto done;
    }
    if ((st = create(&s, network, lstsq, &made)) != SNNK_OK) goto done;
    if ((st = read_state(reader, &s, &lstsq, made)) != SNNK_OK) goto done;
    *fit = made;
    made = NULL;
done:
    snnk_fit_free(made);
    snnk_lstsq_free(lstsq);
    snnk_network_free(network);
    return st;
}

int snnk_fit_load_memory(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                         snnk_fit **fit) {
    snnk__safetensors_reader *reader = NULL;
    snnk_allocator ours;
    int st;

    if ((st = snnk__check_pointer(fit, "fit")) != SNNK_OK) return st;
    *fit = NULL;
    if ((st = snnk__check_pointer(buffer, "buffer")) != SNNK_OK) return st;
    if ((st = snnk__allocator_read(&ours, allocator)) != SNNK_OK) return st;
    if ((st = snnk__model_open(buffer, bytes, &ours, SNNK__MODEL_FIT, &reader)) != SNNK_OK)
        return st;
    st = load(reader, &ours, fit);
    snnk__safetensors_close(reader);
    return st;
}
