/* Saving checkpoints of training. The file is that of the network whose numbers are kept, with the
 * state of the trainer beside it. */
#include "model/trainer_file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/fingerprint.h"
#include "model/json_record.h"
#include "model/model.h"
#include "model/network_file.h"

/* ---- Names ---- */

snnk__tensor_name snnk__trainer_tensor(size_t slot, const char *which) {
    snnk__tensor_name name;

    snprintf(name.text, sizeof name.text, "trainer.arrays.%zu.%s", slot, which);
    return name;
}

const char *snnk__trainer_loss_name(int32_t value) {
    return value == 0 ? "auto" : snnk_loss_name(value - 1);
}

bool snnk__trainer_has_means(const snnk_trainer *trainer) {
    return trainer->steps > 0 && trainer->config.optimizer != SNNK_OPTIMIZER_LBFGS;
}

bool snnk__trainer_has_squares(const snnk_trainer *trainer) {
    return snnk__trainer_has_means(trainer) && trainer->config.optimizer != SNNK_OPTIMIZER_SGD;
}

/* ---- Settings ---- */

void snnk__trainer_number_fields(snnk_train_config *c,
                                 snnk__number_field fields[SNNK__TRAINER_NUMBERS]) {
    const snnk__number_field all[SNNK__TRAINER_NUMBERS] = {{"rate", &c->rate},
                                                           {"snnk_rate", &c->snnk_rate},
                                                           {"rows_rate", &c->rows_rate},
                                                           {"last_rate", &c->last_rate},
                                                           {"warmup", &c->warmup},
                                                           {"momentum", &c->momentum},
                                                           {"square_momentum", &c->square_momentum},
                                                           {"epsilon", &c->epsilon},
                                                           {"weight_decay", &c->weight_decay},
                                                           {"clip", &c->clip},
                                                           {"huber", &c->huber},
                                                           {"heldout_share", &c->heldout_share}};

    memcpy(fields, all, sizeof all);
}

void snnk__trainer_whole_fields(snnk_train_config *c,
                                snnk__whole_field fields[SNNK__TRAINER_WHOLES]) {
    const snnk__whole_field all[SNNK__TRAINER_WHOLES] = {{"seed", &c->seed},
                                                         {"epochs", &c->epochs},
                                                         {"batch", &c->batch},
                                                         {"patience", &c->patience},
                                                         {"redraw", &c->redraw}};

    memcpy(fields, all, sizeof all);
}

/* Write a whole number as decimal text, because the numbers of JSON hold 53 bits only. */
static void write_whole(snnk__sink *sink, const char *key, uint64_t value) {
    char text[24];

    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    sink->text(sink, key, text);
}

static void write_config(snnk__sink *sink, const snnk_train_config *config) {
    snnk_train_config copy = *config;
    snnk__number_field numbers[SNNK__TRAINER_NUMBERS];
    snnk__whole_field wholes[SNNK__TRAINER_WHOLES];

    snnk__trainer_number_fields(&copy, numbers);
    snnk__trainer_whole_fields(&copy, wholes);
    sink->text(sink, "loss", snnk__trainer_loss_name(copy.loss + 1));
    sink->text(sink, "optimizer", snnk_optimizer_name(copy.optimizer));
    sink->text(sink, "schedule", snnk_schedule_name(copy.schedule));
    sink->text(sink, "solve", snnk_train_solve_name(copy.solve));
    sink->text(sink, "products", snnk_storage_name(copy.products));
    sink->truth(sink, "relative", copy.relative != 0);
    for (size_t k = 0; k < SNNK__TRAINER_NUMBERS; k++)
        sink->number(sink, numbers[k].key, *numbers[k].value);
    for (size_t k = 0; k < SNNK__TRAINER_WHOLES; k++)
        write_whole(sink, wholes[k].key, *wholes[k].value);
}

/* ---- Saving ---- */

static void write_layers(snnk__sink *sink, const snnk_trainer *trainer) {
    for (size_t k = 0; k < trainer->n_layers; k++) {
        const snnk_layer *layer = trainer->start->layers[k];
        snnk__sink of_layer = snnk__sink_within(sink, "layers", k);

        of_layer.text(&of_layer, "kind", layer->kind->name);
        of_layer.count(&of_layer, "inputs", layer->inputs);
        of_layer.count(&of_layer, "outputs", layer->outputs);
        of_layer.count(&of_layer, "learn", trainer->learn[k]);
        write_whole(&of_layer, "fingerprint", snnk__layer_fingerprint(layer, trainer->learn[k]));
    }
}

static void write_arrays(snnk__sink *sink, const snnk_trainer *trainer) {
    for (size_t s = 0; s < trainer->n_slots; s++) {
        const snnk__slot *slot = &trainer->slots[s];
        snnk__sink of_slot = snnk__sink_within(sink, "arrays", s);

        of_slot.count(&of_slot, "layer", slot->layer);
        of_slot.text(&of_slot, "part", snnk_layer_part_name(slot->parameter->part));
        of_slot.number(&of_slot, "factor", slot->factor);
        of_slot.number(&of_slot, "size", slot->size);
    }
}

static void write_description(snnk__safetensors_writer *writer, const snnk_trainer *trainer) {
    snnk__json_writer record;
    snnk__sink sink = snnk__json_write(&record, writer, false);

    sink.count(&sink, "version", SNNK__TRAINER_VERSION);
    write_config(&sink, &trainer->config);
    write_layers(&sink, trainer);
    write_arrays(&sink, trainer);
    write_whole(&sink, "steps", trainer->steps);
    write_whole(&sink, "run_done", trainer->run_done);
    sink.number(&sink, "rate_share", trainer->rate_share);
    sink.count(&sink, "epochs_made", trainer->n_epochs);
    sink.truth(&sink, "present_solved", trainer->present_solved);
    sink.truth(&sink, "best_solved", trainer->best_solved);
    sink.truth(&sink, "has_best", trainer->has_best);
    if (trainer->has_best) write_whole(&sink, "best_epoch", trainer->best_epoch);
    sink.count(&sink, "pairs", trainer->lbfgs ? trainer->lbfgs->count : 0);
    snnk__json_write_end(&record, SNNK__TRAINER_KEY);
}

static void add_floats(snnk__safetensors_writer *writer, size_t slot, const char *which,
                       size_t count, const float *data) {
    snnk__safetensors_add_tensor(writer, snnk__trainer_tensor(slot, which).text, SNNK__DTYPE_F32, 1,
                                 &count, data);
}

static void add_arrays(snnk__safetensors_writer *writer, const snnk_trainer *trainer) {
    for (size_t s = 0; s < trainer->n_slots; s++) {
        const snnk__slot *slot = &trainer->slots[s];
        const size_t count = slot->parameter->count;

        add_floats(writer, s, "value", count, slot->parameter->value);
        if (trainer->has_best) add_floats(writer, s, "best", count, slot->best);
        if (snnk__trainer_has_means(trainer)) add_floats(writer, s, "mean", count, slot->mean);
        if (snnk__trainer_has_squares(trainer))
            add_floats(writer, s, "square", count, slot->square);
    }
}

static void epoch_numbers(const void *context, size_t first, size_t count, void *out) {
    const snnk_train_epoch *epochs = context;
    double *to = out;

    for (size_t k = first; k < first + count; k++) {
        const snnk_train_epoch *e = &epochs[k / SNNK__EPOCH_NUMBERS];
        const double all[] = {e->loss, e->heldout_loss, e->accuracy, e->rate};

        *to++ = all[k % SNNK__EPOCH_NUMBERS];
    }
}

/* The differences of L-BFGS, the oldest first. */
static size_t place_of(const snnk__lbfgs *b, size_t k) {
    return snnk__lbfgs_row(b, b->count - k / b->n) * b->n + k % b->n;
}

static void number_differences(const void *context, size_t first, size_t count, void *out) {
    const snnk__lbfgs *b = context;
    double *to = out;

    for (size_t k = first; k < first + count; k++) *to++ = b->s[place_of(b, k)];
}

static void gradient_differences(const void *context, size_t first, size_t count, void *out) {
    const snnk__lbfgs *b = context;
    double *to = out;

    for (size_t k = first; k < first + count; k++) *to++ = b->y[place_of(b, k)];
}

static void add_history(snnk__safetensors_writer *writer, const snnk_trainer *trainer) {
    const snnk__lbfgs *b = trainer->lbfgs;
    const size_t epochs[] = {trainer->n_epochs, SNNK__EPOCH_NUMBERS}, one = 1;

    if (trainer->n_epochs > 0)
        snnk__safetensors_add_source(writer, "trainer.epochs", SNNK__DTYPE_F64, 2, epochs,
                                     epoch_numbers, trainer->epochs);
    if (trainer->has_best)
        snnk__safetensors_add_tensor(writer, "trainer.best_loss", SNNK__DTYPE_F64, 1, &one,
                                     &trainer->best_loss);
    if (!b || b->count == 0) return;
    const size_t pairs[] = {b->count, b->n};

    snnk__safetensors_add_source(writer, "trainer.lbfgs.s", SNNK__DTYPE_F64, 2, pairs,
                                 number_differences, b);
    snnk__safetensors_add_source(writer, "trainer.lbfgs.y", SNNK__DTYPE_F64, 2, pairs,
                                 gradient_differences, b);
}

/* A trainer, and the network of its numbers, from which the file borrows. */
typedef struct saving {
    const snnk_trainer *trainer;
    snnk_network *network;
} saving;

/* A reader refuses numbers that are not finite, so they must not get into a file. */
static int check_finite(const snnk_trainer *trainer) {
    for (size_t s = 0; s < trainer->n_slots; s++) {
        const snnk__slot *slot = &trainer->slots[s];
        const float *arrays[] = {slot->parameter->value,
                                 snnk__trainer_has_means(trainer) ? slot->mean : NULL,
                                 snnk__trainer_has_squares(trainer) ? slot->square : NULL};

        for (size_t k = 0; k < sizeof arrays / sizeof *arrays; k++) {
            const size_t n = slot->parameter->count;

            if (arrays[k] && !snnk__all_below(arrays[k], 1, n, n, INFINITY))
                return snnk__fail(SNNK_E_NONFINITE,
                                  "the %s of layer %zu, or their gradients, are no longer finite: "
                                  "training has diverged, and goes on better from an earlier "
                                  "checkpoint with a smaller rate or `clip`",
                                  snnk_layer_part_name(slot->parameter->part), slot->layer);
        }
    }
    return SNNK_OK;
}

static int write(const void *object, int32_t projection, snnk__safetensors_writer *writer) {
    const saving *s = object;

    snnk__model_begin(writer, &s->trainer->allocator, SNNK__MODEL_NETWORK);
    snnk__network_write_layers(writer, s->network, projection);
    write_description(writer, s->trainer);
    add_arrays(writer, s->trainer);
    add_history(writer, s->trainer);
    return SNNK_OK;
}

int snnk_trainer_save(const snnk_trainer *trainer, const char *path) {
    saving s = {.trainer = trainer};
    int st;

    if ((st = snnk__check_pointer(trainer, "trainer")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(path, "path")) != SNNK_OK) return st;
    if ((st = check_finite(trainer)) != SNNK_OK) return st;
    if ((st = snnk__trainer_kept(trainer, &s.network)) != SNNK_OK) return st;
    st = snnk__model_save(&s, SNNK_SAVE_ROWS, write, path);
    snnk_network_free(s.network);
    return st;
}
