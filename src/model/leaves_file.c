/* Leaves in model files: docs/format.md, "Leaves". Such a file has the layers of a network, which
 * is a tree of towers: the features of the leaves; and the statistics of each leaf. */
#include "fit/leaves.h"

#include <stdio.h>

#include "model/json_record.h"
#include "model/lstsq_file.h"
#include "model/model.h"
#include "model/network_file.h"

#define LEAVES_KEY "snnk.leaves" /* the JSON text of the settings */
#define ROWS_KEY   "snnk.rows"

/* The name of an snnk__target_kind; NULL for another value. */
static const char *target_name(int32_t kind) {
    static const char *const names[] = {
        [SNNK__NOTHING_YET] = "none", [SNNK__TARGETS] = "numbers", [SNNK__LABELS] = "labels"};

    return kind >= 0 && kind <= SNNK__LABELS ? names[kind] : NULL;
}

/* ---- Saving ---- */

static void write_settings(snnk__safetensors_writer *writer, const snnk_leaves *leaves) {
    const snnk_leaves_config *config = &leaves->config;
    snnk__json_writer record;
    snnk__sink sink = snnk__json_write(&record, writer, false);

    sink.text(&sink, "targets", target_name((int32_t)leaves->kind));
    sink.count(&sink, "outputs", leaves->outputs);
    snnk__write_seed(&sink, config->seed);
    sink.number(&sink, "ridge", config->ridge);
    sink.number(&sink, "heldout_share", config->heldout_share);
    sink.truth(&sink, "intercept", config->intercept != 0);
    snnk__json_write_end(&record, LEAVES_KEY);
    snnk__safetensors_add_number(writer, ROWS_KEY, leaves->rows);
}

/* Leaves, and the network that their file borrows from. */
typedef struct saving {
    const snnk_leaves *leaves;
    snnk_network *network;
} saving;

static int begin(const snnk_leaves *leaves, saving *s) {
    int st;

    *s = (saving){leaves, NULL};
    if ((st = snnk__check_pointer(leaves, "leaves")) != SNNK_OK) return st;
    if ((st = snnk_network_create(&leaves->allocator, &s->network)) != SNNK_OK) return st;
    return snnk_network_append(s->network, leaves->towers);
}

static int write(const void *object, int32_t projection, snnk__safetensors_writer *writer) {
    const saving *s = object;
    const snnk_leaves *leaves = s->leaves;

    snnk__model_begin(writer, &leaves->allocator, SNNK__MODEL_LEAVES);
    write_settings(writer, leaves);
    snnk__network_write_layers(writer, s->network, projection);
    for (size_t k = 0; k < leaves->n; k++) {
        snnk__lstsq_write_indexed(writer, leaves->leaves[k].train, 2 * k);
        snnk__lstsq_write_indexed(writer, leaves->leaves[k].heldout, 2 * k + 1);
    }
    return SNNK_OK;
}

int snnk_leaves_save(const snnk_leaves *leaves, const char *path) {
    saving s;
    int st = begin(leaves, &s);

    if (st == SNNK_OK) st = snnk__model_save(&s, SNNK_SAVE_ROWS, write, path);
    snnk_network_free(s.network);
    return st;
}

int snnk_leaves_saved_bytes(const snnk_leaves *leaves, size_t *bytes) {
    saving s;
    int st = begin(leaves, &s);

    if (st == SNNK_OK) st = snnk__model_saved_bytes(&s, SNNK_SAVE_ROWS, write, bytes);
    snnk_network_free(s.network);
    return st;
}

int snnk_leaves_save_memory(const snnk_leaves *leaves, void *buffer, size_t bytes) {
    saving s;
    int st = begin(leaves, &s);

    if (st == SNNK_OK) st = snnk__model_save_memory(&s, SNNK_SAVE_ROWS, write, buffer, bytes);
    snnk_network_free(s.network);
    return st;
}

/* ---- Loading ---- */

typedef struct settings {
    snnk_leaves_config config;
    int32_t kind; /* an snnk__target_kind */
    size_t outputs;
} settings;

static int read_settings(const snnk__source *source, settings *s) {
    bool intercept = true;
    int st;

    if ((st = snnk_leaves_config_init(&s->config, sizeof s->config)) != SNNK_OK) return st;
    if ((st = snnk__read_name(source, "targets", target_name, &s->kind)) != SNNK_OK) return st;
    if ((st = snnk__read_count(source, "outputs", &s->outputs)) != SNNK_OK) return st;
    if ((st = snnk__read_seed(source, &s->config.seed)) != SNNK_OK) return st;
    if ((st = snnk__read_number(source, "ridge", &s->config.ridge)) != SNNK_OK) return st;
    st = snnk__read_number(source, "heldout_share", &s->config.heldout_share);
    if (st != SNNK_OK) return st;
    if ((st = snnk__read_truth(source, "intercept", &intercept)) != SNNK_OK) return st;
    s->config.intercept = intercept;
    st = snnk__leaves_check_config(&s->config);
    return st == SNNK_OK ? st : SNNK_E_FORMAT;
}

/* Check that the layers are a tree of towers. */
static int check_towers(const snnk_network *network) {
    const snnk_layer *towers = snnk_network_layer(network, 0);

    if (snnk_network_layers(network) != 1 || snnk_layer_get_kind(towers) != SNNK_LAYER_LEAVES)
        return snnk__fail(SNNK_E_FORMAT, "the layers are not one tree of leaves");
    for (size_t k = 0; k < snnk_layer_inner_count(towers); k++)
        if (snnk_layer_get_kind(snnk_layer_inner(towers, k)) != SNNK_LAYER_TOWER)
            return snnk__fail(SNNK_E_FORMAT, "leaf %zu is not a tower", k);
    return SNNK_OK;
}

/* Read one of the statistics of leaves of m features, in place of *lstsq. */
static int read_statistics(const snnk__safetensors_reader *reader, const settings *s, size_t m,
                           size_t index, snnk_lstsq **lstsq) {
    snnk_lstsq *loaded = NULL;
    int st = snnk__lstsq_read_indexed(reader, &(*lstsq)->allocator, index, &loaded);

    if (st != SNNK_OK) return st;
    if (loaded->features == m && loaded->targets == s->outputs &&
        loaded->factorization == SNNK_FACTORIZATION_GRAM) {
        snnk_lstsq_free(*lstsq);
        *lstsq = loaded;
        return SNNK_OK;
    }
    st = snnk__fail(SNNK_E_FORMAT,
                    "statistics %zu of %zu features and %zu targets, by %s, do not belong to "
                    "leaves of %zu features and %zu outputs",
                    index, loaded->features, loaded->targets,
                    snnk_factorization_name(loaded->factorization), m, s->outputs);
    snnk_lstsq_free(loaded);
    return st;
}

/* Check that no leaf has more rows than there are. */
static int check_counts(const snnk_leaves *leaves) {
    const bool none = leaves->kind == SNNK__NOTHING_YET;

    for (size_t k = 0; k < leaves->n; k++) {
        const uint64_t train = leaves->leaves[k].train->rows,
                       heldout = leaves->leaves[k].heldout->rows;

        if (train > leaves->rows || heldout > leaves->rows - train)
            return snnk__fail(SNNK_E_FORMAT, "leaf %zu has more rows than the %llu there are", k,
                              (unsigned long long)leaves->rows);
    }
    if (none && leaves->rows > 0)
        return snnk__fail(SNNK_E_FORMAT, "there are rows, but their targets are \"none\"");
    return SNNK_OK;
}

static int read_state(const snnk__safetensors_reader *reader, const settings *s,
                      snnk_leaves *leaves) {
    const size_t m = snnk_leaves_features(leaves);
    int st = snnk__safetensors_number(reader, ROWS_KEY, &leaves->rows);

    leaves->kind = (snnk__target_kind)s->kind;
    for (size_t k = 0; st == SNNK_OK && k < leaves->n; k++) {
        st = read_statistics(reader, s, m, 2 * k, &leaves->leaves[k].train);
        if (st == SNNK_OK)
            st = read_statistics(reader, s, m, 2 * k + 1, &leaves->leaves[k].heldout);
    }
    return st == SNNK_OK ? check_counts(leaves) : st;
}

/* Check, before memory for statistics is allocated, that the file has those of every leaf. */
static int check_there(const snnk__safetensors_reader *reader, size_t n) {
    char name[64];

    for (size_t k = 0; k < 2 * n; k++) {
        snprintf(name, sizeof name, "statistics.%zu.mean_phi", k);
        if (!snnk__safetensors_tensor_named(reader, name))
            return snnk__fail(SNNK_E_FORMAT, "tensor \"%s\" is missing", name);
    }
    return SNNK_OK;
}

static int read(const snnk__safetensors_reader *reader, const snnk_allocator *allocator,
                void *handle) {
    snnk__json_reader record = {0};
    snnk__source source;
    snnk_network *network = NULL;
    snnk_leaves *made = NULL, **leaves = handle;
    settings s = {.kind = SNNK__NOTHING_YET};
    int st;

    st = snnk__json_read(&record, reader, LEAVES_KEY, allocator, &source);
    if (st == SNNK_OK) st = read_settings(&source, &s);
    if (st == SNNK_OK) st = snnk__network_read_layers(reader, allocator, &network);
    if (st == SNNK_OK) st = check_towers(network);
    if (st == SNNK_OK)
        st = check_there(reader, snnk_layer_inner_count(snnk_network_layer(network, 0)));
    if (st == SNNK_OK && s.outputs == 0) st = snnk__fail(SNNK_E_FORMAT, "outputs = 0");
    if (st == SNNK_OK)
        st = snnk__leaves_of_towers(allocator, &s.config, s.outputs, snnk_network_layer(network, 0),
                                    &made);
    if (st == SNNK_OK) st = read_state(reader, &s, made);
    if (st == SNNK_OK) {
        *leaves = made;
        made = NULL;
    }
    snnk_leaves_free(made);
    snnk_network_free(network);
    snnk__json_read_end(&record);
    return st;
}

int snnk_leaves_load(const char *path, const snnk_allocator *allocator, snnk_leaves **leaves) {
    const int st = snnk__check_pointer(leaves, "leaves");

    if (st != SNNK_OK) return st;
    *leaves = NULL;
    return snnk__model_load(path, allocator, SNNK__MODEL_LEAVES, read, leaves);
}

int snnk_leaves_load_memory(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                            snnk_leaves **leaves) {
    const int st = snnk__check_pointer(leaves, "leaves");

    if (st != SNNK_OK) return st;
    *leaves = NULL;
    return snnk__model_load_memory(buffer, bytes, allocator, SNNK__MODEL_LEAVES, read, leaves);
}
