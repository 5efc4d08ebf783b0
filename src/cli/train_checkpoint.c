/* Checkpoints: saved after each epoch, and gone on from with the same command. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/model.h"
#include "cli/train_session.h"

static const char command[] = "train";

/* The note that only checkpoints have: a hash of the rows and of the numbers at the start. */
static const char hash_note[] = CHECKPOINT_NOTE;

static uint64_t hash_scaling(uint64_t before, const column_scaling *scaling, size_t n) {
    before = train_hash(before, scaling->mean, n * sizeof *scaling->mean);
    return train_hash(before, scaling->scale, n * sizeof *scaling->scale);
}

/* The rows as they are learned from. */
static uint64_t hash_rows(const train_rows *rows) {
    const uint64_t sum = hash_scaling(rows->hash, &rows->inputs, rows->known.n_inputs);

    return hash_scaling(sum, &rows->targets, rows->known.n_targets);
}

/* Add the weights of a layer. Returns a status of the library. */
static int hash_layer(const snnk_layer *layer, uint64_t *sum) {
    const size_t l = snnk_layer_outputs(layer),
                 columns = snnk_layer_get_kind(layer) == SNNK_LAYER_DENSE
                               ? snnk_layer_inputs(layer)
                               : snnk_layer_features(layer);
    float *W, *bias;
    int st = SNNK_OK;

    if (snnk_layer_get_kind(layer) == SNNK_LAYER_TOWER) return SNNK_OK;
    if (snnk_layer_inner_count(layer) > 0) {
        const double gain = snnk_layer_gain(layer);

        *sum = train_hash(*sum, &gain, sizeof gain);
        for (size_t k = 0; st == SNNK_OK && k < snnk_layer_inner_count(layer); k++)
            st = hash_layer(snnk_layer_inner(layer, k), sum);
        return st;
    }
    W = calloc(l, columns * sizeof *W);
    bias = calloc(l, sizeof *bias);
    st = W && bias ? snnk_layer_weights(layer, W, columns, bias) : SNNK_E_NOMEM;
    if (st == SNNK_OK) *sum = train_hash(*sum, W, l * columns * sizeof *W);
    if (st == SNNK_OK) *sum = train_hash(*sum, bias, l * sizeof *bias);
    free(W);
    free(bias);
    return st;
}

int train_note_hash(train_session *s) {
    uint64_t sum = hash_rows(&s->rows);
    char text[24];
    int st = SNNK_OK;

    if (!s->o->checkpoint && !s->o->resume) return EXIT_OK;
    for (size_t k = 0; st == SNNK_OK && k < snnk_network_layers(s->start); k++)
        st = hash_layer(snnk_network_layer(s->start, k), &sum);
    snprintf(text, sizeof text, "%016llx", (unsigned long long)sum);
    if (st == SNNK_OK) st = snnk_network_set_note(s->start, hash_note, text);
    if (st == SNNK_E_NOMEM) return failed(command, "out of memory");
    return st == SNNK_OK ? EXIT_OK : library_failed(command);
}

int train_remove_hash(snnk_network *network) {
    return snnk_network_set_note(network, hash_note, NULL);
}

/* ---- Going on ---- */

/* Where the setting begins in which two texts differ first, and how long it is. */
static size_t setting_at(const char *text, size_t differs) {
    while (differs > 0 && text[differs - 1] != ',' && text[differs - 1] != ';') differs--;
    return differs + strspn(text + differs, " ");
}

/* Refuse a checkpoint of other settings: name the first. */
static int settings_differ(const train_session *s, const char *theirs) {
    const char *ours = s->settings;
    size_t differs = 0, at;

    while (theirs[differs] && theirs[differs] == ours[differs]) differs++;
    at = setting_at(ours, differs);
    return failed(command,
                  "%s was made with \"%.*s\", but now it is \"%.*s\": --resume needs the same "
                  "options and data as before",
                  s->o->resume, (int)strcspn(theirs + at, ",;"), theirs + at,
                  (int)strcspn(ours + at, ",;"), ours + at);
}

static int check_notes(const train_session *s, const snnk_network *checkpoint) {
    const char *settings = snnk_network_note(checkpoint, "training"),
               *sum = snnk_network_note(checkpoint, hash_note);

    if (!settings || !sum)
        return failed(command, "%s is not a checkpoint of snnk train --checkpoint", s->o->resume);
    if (strcmp(settings, s->settings) != 0) return settings_differ(s, settings);
    if (strcmp(sum, snnk_network_note(s->start, hash_note)) != 0)
        return failed(command, "%s is a checkpoint of other rows%s", s->o->resume,
                      s->model ? ", or of another model" : "");
    return EXIT_OK;
}

int train_resume(train_session *s, int (*after_epoch)(void *session, const snnk_trainer *trainer)) {
    snnk_network *checkpoint = NULL;
    int exit_status;

    if (snnk_network_load(s->o->resume, NULL, &checkpoint) != SNNK_OK)
        return library_failed(command);
    exit_status = check_notes(s, checkpoint);
    snnk_network_free(checkpoint);
    if (exit_status != EXIT_OK) return exit_status;
    if (snnk_trainer_load(s->o->resume, s->start, NULL, &s->trainer) != SNNK_OK ||
        snnk_trainer_set_callbacks(s->trainer, NULL, after_epoch, s) != SNNK_OK)
        return library_failed(command);
    s->resumed = snnk_trainer_epochs(s->trainer);
    return EXIT_OK;
}

/* ---- Saving ---- */

int train_save_checkpoint(train_session *s, const snnk_trainer *trainer) {
    if (!s->o->checkpoint || snnk_trainer_save(trainer, s->o->checkpoint) == SNNK_OK)
        return EXIT_OK;
    return library_failed(command);
}
