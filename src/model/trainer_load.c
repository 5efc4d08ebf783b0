/* Loading checkpoints of training. Everything in the file is untrusted. The numbers that do not
 * learn are in the network that the caller has; fingerprints tell whether it is the right one. */
#include <math.h>
#include <string.h>

#include "io/bytes.h"
#include "model/fingerprint.h"
#include "model/json_record.h"
#include "model/model.h"
#include "model/trainer_file.h"

/* More steps or epochs than any training makes, and few enough to add to. */
#define MOST_STEPS ((uint64_t)1 << 62)

/* ---- Settings ---- */

static int read_whole(const snnk__source *source, const char *key, uint64_t most, uint64_t *whole) {
    const char *text = NULL, *end;
    const int st = snnk__read_text(source, key, &text);
    uint64_t value = 0;

    if (st != SNNK_OK) return st;
    for (end = text; *end >= '0' && *end <= '9'; end++) {
        const uint64_t digit = (uint64_t)(*end - '0');

        if (value > (UINT64_MAX - digit) / 10) break;
        value = 10 * value + digit;
    }
    if (end == text || *end != '\0')
        return snnk__fail(SNNK_E_FORMAT, "\"%s\" is \"%.40s\", not a 64-bit number", key, text);
    if (value > most)
        return snnk__fail(SNNK_E_FORMAT, "\"%s\" is %llu, more than %llu", key,
                          (unsigned long long)value, (unsigned long long)most);
    *whole = value;
    return SNNK_OK;
}

static int check_version(const snnk__source *source) {
    size_t version = 0;
    const int st = snnk__read_count(source, "version", &version);

    if (st != SNNK_OK || version == SNNK__TRAINER_VERSION) return st;
    return snnk__fail(version == 0 ? SNNK_E_FORMAT : SNNK_E_VERSION,
                      "the training has version %zu, but this library reads %d", version,
                      SNNK__TRAINER_VERSION);
}

/* Read the settings. Their ranges are checked when the trainer is created. */
static int read_config(const snnk__source *source, snnk_train_config *config) {
    snnk__number_field numbers[SNNK__TRAINER_NUMBERS];
    snnk__whole_field wholes[SNNK__TRAINER_WHOLES];
    bool relative = false;
    int st;

    snnk_train_config_init(config, sizeof *config);
    snnk__trainer_number_fields(config, numbers);
    snnk__trainer_whole_fields(config, wholes);
    if ((st = snnk__read_name(source, "loss", snnk__trainer_loss_name, &config->loss)) != SNNK_OK)
        return st;
    config->loss--;
    st = snnk__read_name(source, "optimizer", snnk_optimizer_name, &config->optimizer);
    if (st != SNNK_OK) return st;
    st = snnk__read_name(source, "schedule", snnk_schedule_name, &config->schedule);
    if (st != SNNK_OK) return st;
    st = snnk__read_name(source, "solve", snnk_train_solve_name, &config->solve);
    if (st != SNNK_OK) return st;
    st = snnk__read_name(source, "products", snnk_storage_name, &config->products);
    if (st != SNNK_OK) return st;
    if ((st = snnk__read_truth(source, "relative", &relative)) != SNNK_OK) return st;
    config->relative = relative;
    for (size_t k = 0; st == SNNK_OK && k < SNNK__TRAINER_NUMBERS; k++)
        st = snnk__read_number(source, numbers[k].key, numbers[k].value);
    for (size_t k = 0; st == SNNK_OK && k < SNNK__TRAINER_WHOLES; k++)
        st = read_whole(source, wholes[k].key, UINT64_MAX, wholes[k].value);
    return st;
}

/* ---- Loading: layers ---- */

static int check_layer(const snnk__source *source, const snnk_layer *layer, snnk__parts learn) {
    const char *kind = NULL;
    size_t inputs = 0, outputs = 0;
    uint64_t fingerprint;
    int st;

    if ((st = snnk__read_text(source, "kind", &kind)) != SNNK_OK) return st;
    if ((st = snnk__read_count(source, "inputs", &inputs)) != SNNK_OK) return st;
    if ((st = snnk__read_count(source, "outputs", &outputs)) != SNNK_OK) return st;
    if ((st = read_whole(source, "fingerprint", UINT64_MAX, &fingerprint)) != SNNK_OK) return st;
    if (strcmp(kind, layer->kind->name) != 0 || inputs != layer->inputs ||
        outputs != layer->outputs)
        return snnk__fail(SNNK_E_STATE,
                          "a %s layer with %zu inputs and %zu outputs, but the checkpoint is of a "
                          "network with a %.32s layer with %zu inputs and %zu outputs there",
                          layer->kind->name, layer->inputs, layer->outputs, kind, inputs, outputs);
    if (fingerprint == snnk__layer_fingerprint(layer, learn)) return SNNK_OK;
    return snnk__fail(SNNK_E_STATE,
                      "numbers or settings that do not learn differ from those of the network that "
                      "the trainer was created from");
}

static int read_learn(const snnk__source *source, const snnk_layer *layer, snnk__parts *learn) {
    size_t parts = 0;
    const int st = snnk__read_count(source, "learn", &parts);

    if (st != SNNK_OK) return st;
    if (parts >= 1U << (SNNK_PART_GAIN + 1))
        return snnk__fail(SNNK_E_FORMAT, "\"learn\" is %zu, which has unknown parts", parts);
    *learn = (snnk__parts)parts;
    if ((*learn & ~snnk__layer_parts(layer)) == 0) return SNNK_OK;
    return snnk__fail(SNNK_E_STATE,
                      "a %s layer without some of the parts that learn in the checkpoint",
                      layer->kind->name);
}

/* Compare the layers with those of the network that the trainer was created from. */
static int check_network(const snnk__source *source, const snnk_network *network) {
    const size_t n = source->length(source, "layers");

    if (n != network->n_layers)
        return snnk__fail(SNNK_E_STATE,
                          "the network has %zu layers, but the checkpoint is of one with %zu",
                          network->n_layers, n);
    for (size_t k = 0; k < n; k++) {
        const snnk__source of_layer = snnk__source_within(source, "layers", k);
        snnk__parts learn = 0;
        int st = read_learn(&of_layer, network->layers[k], &learn);

        if (st == SNNK_OK || st == SNNK_E_STATE) {
            const int same = check_layer(&of_layer, network->layers[k], learn);

            if (same != SNNK_OK) st = same;
        }
        if (st != SNNK_OK) return snnk__fail_within(st, "layer %zu", k);
    }
    return SNNK_OK;
}

/* Freeze and add parts, as snnk_trainer_set_rate did. */
static int set_parts(const snnk__source *source, snnk_trainer *trainer) {
    for (size_t k = 0; k < trainer->n_layers; k++) {
        const snnk__source of_layer = snnk__source_within(source, "layers", k);
        snnk__parts learn = 0;
        int st = read_learn(&of_layer, trainer->start->layers[k], &learn);

        for (int32_t part = 0; st == SNNK_OK && part <= SNNK_PART_GAIN; part++)
            if (snnk__parts_has(learn ^ trainer->learn[k], part))
                st = snnk_trainer_set_rate(trainer, k, part, snnk__parts_has(learn, part));
        if (st != SNNK_OK) return st;
    }
    return SNNK_OK;
}

/* ---- Loading: state ---- */

static int read_slot(const snnk__source *source, snnk__slot *slot) {
    size_t layer = 0;
    int32_t part = 0;
    int st;

    if ((st = snnk__read_count(source, "layer", &layer)) != SNNK_OK) return st;
    if ((st = snnk__read_name(source, "part", snnk_layer_part_name, &part)) != SNNK_OK) return st;
    if (layer != slot->layer || part != slot->parameter->part)
        return snnk__fail(SNNK_E_FORMAT, "the %s of layer %zu instead of the %s of layer %zu",
                          snnk_layer_part_name(part), layer,
                          snnk_layer_part_name(slot->parameter->part), slot->layer);
    st = snnk__read_within(source, "factor", 0, 1e30, &slot->factor);
    if (st != SNNK_OK) return st;
    return snnk__read_within(source, "size", 1e-300, 1e300, &slot->size);
}

static int read_floats(const snnk__safetensors_reader *reader, size_t slot, const char *which,
                       size_t count, float *out) {
    return snnk__safetensors_read_f32(reader, snnk__trainer_tensor(slot, which).text, 1, &count,
                                      out);
}

/* Read the numbers of an array, and what the optimizer keeps of them. */
static int read_array(const snnk__safetensors_reader *reader, const snnk_trainer *trainer,
                      size_t s) {
    const snnk__slot *slot = &trainer->slots[s];
    const size_t count = slot->parameter->count;
    int st = read_floats(reader, s, "value", count, slot->parameter->value);

    if (st == SNNK_OK && trainer->has_best) st = read_floats(reader, s, "best", count, slot->best);
    if (st == SNNK_OK && snnk__trainer_has_means(trainer))
        st = read_floats(reader, s, "mean", count, slot->mean);
    if (st != SNNK_OK || !snnk__trainer_has_squares(trainer)) return st;
    if ((st = read_floats(reader, s, "square", count, slot->square)) != SNNK_OK) return st;
    for (size_t k = 0; k < count; k++)
        if (slot->square[k] < 0)
            return snnk__fail(SNNK_E_FORMAT, "%s[%zu] = %g is negative",
                              snnk__trainer_tensor(s, "square").text, k, (double)slot->square[k]);
    return SNNK_OK;
}

static int read_arrays(const snnk__safetensors_reader *reader, const snnk__source *source,
                       snnk_trainer *trainer) {
    const size_t n = source->length(source, "arrays");

    if (n != trainer->n_slots)
        return snnk__fail(SNNK_E_FORMAT, "%zu arrays that learn instead of %zu", n,
                          trainer->n_slots);
    for (size_t s = 0; s < n; s++) {
        const snnk__source of_slot = snnk__source_within(source, "arrays", s);
        int st = read_slot(&of_slot, &trainer->slots[s]);

        if (st != SNNK_OK) return snnk__fail_within(st, "array %zu", s);
        if ((st = read_array(reader, trainer, s)) != SNNK_OK) return st;
    }
    return SNNK_OK;
}

static int read_counts(const snnk__source *source, snnk_trainer *trainer) {
    int st;

    if ((st = read_whole(source, "steps", MOST_STEPS, &trainer->steps)) != SNNK_OK) return st;
    if ((st = snnk__read_count(source, "epochs_made", &trainer->n_epochs)) != SNNK_OK) return st;
    if (trainer->steps < trainer->n_epochs)
        return snnk__fail(SNNK_E_FORMAT, "%zu epochs, but %llu steps", trainer->n_epochs,
                          (unsigned long long)trainer->steps);
    const uint64_t most =
        trainer->n_epochs < trainer->config.epochs ? trainer->n_epochs : trainer->config.epochs;
    if ((st = read_whole(source, "run_done", most, &trainer->run_done)) != SNNK_OK) return st;
    st = snnk__read_within(source, "rate_share", 0, 1e300, &trainer->rate_share);
    if (st != SNNK_OK) return st;
    st = snnk__read_truth(source, "present_solved", &trainer->present_solved);
    if (st != SNNK_OK) return st;
    st = snnk__read_truth(source, "best_solved", &trainer->best_solved);
    if (st != SNNK_OK) return st;
    if ((st = snnk__read_truth(source, "has_best", &trainer->has_best)) != SNNK_OK) return st;
    if (!trainer->has_best) return SNNK_OK;
    return read_whole(source, "best_epoch", trainer->n_epochs, &trainer->best_epoch);
}

/* Read a tensor of doubles that may be infinite or NaN. `out` has room for n. */
static int read_doubles(const snnk__safetensors_reader *reader, const char *name, size_t n_dims,
                        const size_t *dims, size_t n, double *out) {
    const snnk__safetensors_tensor *tensor;
    const int st = snnk__safetensors_find(reader, name, SNNK__DTYPE_F64, n_dims, dims, &tensor);

    if (st != SNNK_OK) return st;
    for (size_t k = 0; k < n; k++) out[k] = snnk__load_f64(tensor->data + 8 * k, false);
    return SNNK_OK;
}

static int read_epochs(const snnk__safetensors_reader *reader, snnk_trainer *trainer) {
    const size_t n = trainer->n_epochs, dims[] = {n, SNNK__EPOCH_NUMBERS};
    const snnk__safetensors_tensor *tensor;
    int st;

    trainer->n_epochs = 0;
    if (n == 0) return SNNK_OK;
    st = snnk__safetensors_find(reader, "trainer.epochs", SNNK__DTYPE_F64, 2, dims, &tensor);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(&trainer->allocator, n, sizeof *trainer->epochs, "epochs", &trainer->epochs);
    if (st != SNNK_OK) return st;
    trainer->n_epochs = trainer->room_epochs = n;
    for (size_t k = 0; k < n; k++) {
        double x[SNNK__EPOCH_NUMBERS];

        for (size_t j = 0; j < SNNK__EPOCH_NUMBERS; j++)
            x[j] = snnk__load_f64(tensor->data + 8 * (SNNK__EPOCH_NUMBERS * k + j), false);
        if (!isfinite(x[0]) || !(isnan(x[2]) || (x[2] >= 0 && x[2] <= 1)) ||
            !(x[3] >= 0 && x[3] <= 1e300))
            return snnk__fail(SNNK_E_FORMAT,
                              "epoch %zu: loss %g is not finite, accuracy %g not in 0 ... 1, or "
                              "rate %g not in 0 ... 1e300",
                              k, x[0], x[2], x[3]);
        trainer->epochs[k] = (snnk_train_epoch){sizeof *trainer->epochs, x[0], x[1], x[2], x[3]};
    }
    return SNNK_OK;
}

static int read_best_loss(const snnk__safetensors_reader *reader, snnk_trainer *trainer) {
    const size_t one = 1;
    int st;

    if (!trainer->has_best) return SNNK_OK;
    st = read_doubles(reader, "trainer.best_loss", 1, &one, 1, &trainer->best_loss);
    if (st != SNNK_OK || !isnan(trainer->best_loss)) return st;
    return snnk__fail(SNNK_E_FORMAT, "trainer.best_loss is not a number");
}

static int read_lbfgs(const snnk__safetensors_reader *reader, const snnk__source *source,
                      snnk_trainer *trainer) {
    const size_t n = (size_t)snnk_trainer_parameters(trainer);
    size_t count = 0;
    snnk__lbfgs *b;
    int st;

    if ((st = snnk__read_count(source, "pairs", &count)) != SNNK_OK || count == 0) return st;
    if (count > SNNK__LBFGS_PAIRS || trainer->config.optimizer != SNNK_OPTIMIZER_LBFGS)
        return snnk__fail(SNNK_E_FORMAT, "%zu pairs of L-BFGS for %s, which has at most %d", count,
                          snnk_optimizer_name(trainer->config.optimizer),
                          trainer->config.optimizer == SNNK_OPTIMIZER_LBFGS ? SNNK__LBFGS_PAIRS
                                                                            : 0);
    if ((st = snnk__lbfgs_create(&trainer->allocator, n, &trainer->lbfgs)) != SNNK_OK) return st;
    b = trainer->lbfgs;
    b->count = count;
    b->next = count;
    const size_t pairs[] = {count, n};

    st = snnk__safetensors_read_f64(reader, "trainer.lbfgs.s", 2, pairs, b->s);
    if (st == SNNK_OK) st = snnk__safetensors_read_f64(reader, "trainer.lbfgs.y", 2, pairs, b->y);
    for (size_t p = 0; st == SNNK_OK && p < count; p++) {
        double product = 0;

        for (size_t k = 0; k < n; k++) product += b->s[p * n + k] * b->y[p * n + k];
        if (!(product > 0))
            st = snnk__fail(SNNK_E_FORMAT, "pair %zu of L-BFGS has no curvature: s . y = %g", p,
                            product);
    }
    return st;
}

static int read_state(const snnk__safetensors_reader *reader, const snnk__source *source,
                      snnk_trainer *trainer) {
    int st;

    if (trainer->n_slots > 0 && (st = snnk__trainer_prepare(trainer)) != SNNK_OK) return st;
    if ((st = read_counts(source, trainer)) != SNNK_OK) return st;
    if ((st = read_arrays(reader, source, trainer)) != SNNK_OK) return st;
    if ((st = read_epochs(reader, trainer)) != SNNK_OK) return st;
    if ((st = read_best_loss(reader, trainer)) != SNNK_OK) return st;
    if ((st = read_lbfgs(reader, source, trainer)) != SNNK_OK) return st;
    snnk__trainer_refresh(trainer, NULL);
    return SNNK_OK;
}

/* ---- Loading ---- */

/* Stands for a loss function of the caller's until it is set. */
static int no_loss(void *user, size_t n, const uint64_t *rows, const float *Y, size_t ldy,
                   float *dY, size_t lddy, double *losses) {
    (void)user, (void)n, (void)rows, (void)Y, (void)ldy, (void)dY, (void)lddy, (void)losses;
    return -1;
}

/* Create a trainer with the settings of the file, before its first step. */
static int create(const snnk__source *source, const snnk_network *network,
                  const snnk_allocator *allocator, snnk_trainer **trainer) {
    snnk_train_config config;
    snnk_trainer *made = NULL;
    int st;

    if ((st = read_config(source, &config)) != SNNK_OK) return st;
    config.allocator = allocator;
    config.loss_function = no_loss;
    st = snnk_trainer_create(network, &config, &made);
    if (st == SNNK_OK) st = set_parts(source, made);
    if (st == SNNK_OK) {
        made->config.loss_function = NULL;
        *trainer = made;
        return SNNK_OK;
    }
    snnk_trainer_free(made);
    /* The network is the right one, so what does not fit is in the file. */
    return st == SNNK_E_NOMEM || st == SNNK_E_SIZE ? st : SNNK_E_FORMAT;
}

/* Where a trainer is loaded to. */
typedef struct loading {
    const snnk_network *network;
    snnk_trainer **trainer;
} loading;

static int read(const snnk__safetensors_reader *reader, const snnk_allocator *allocator,
                void *handle) {
    const loading *to = handle;
    snnk__json_reader record = {0};
    snnk__source source;
    snnk_trainer *made = NULL;
    int st;

    if (!snnk__safetensors_text(reader, SNNK__TRAINER_KEY))
        return snnk__fail(SNNK_E_FORMAT,
                          "the file holds a network, but not its training: it is not a checkpoint");
    st = snnk__json_read(&record, reader, SNNK__TRAINER_KEY, allocator, &source);
    if (st != SNNK_OK) goto done;
    if ((st = check_version(&source)) != SNNK_OK) goto done;
    if ((st = check_network(&source, to->network)) != SNNK_OK) goto done;
    if ((st = create(&source, to->network, allocator, &made)) != SNNK_OK) goto done;
    if ((st = read_state(reader, &source, made)) != SNNK_OK) goto done;
    *to->trainer = made;
    made = NULL;
done:
    snnk_trainer_free(made);
    snnk__json_read_end(&record);
    return st;
}

int snnk_trainer_load(const char *path, const snnk_network *network,
                      const snnk_allocator *allocator, snnk_trainer **trainer) {
    loading to = {network, trainer};
    int st;

    if ((st = snnk__check_pointer(trainer, "trainer")) != SNNK_OK) return st;
    *trainer = NULL;
    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    return snnk__model_load(path, allocator, SNNK__MODEL_NETWORK, read, &to);
}
