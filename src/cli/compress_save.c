/* The files that `snnk compress` writes: the model, and the weights' file with the compressed
 * layers in place of the replaced ones. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/compress_session.h"

static const char command[] = "compress";

/* ---- Notes ---- */

/* The names of the replaced weights, separated by spaces. Free the text. */
static char *names_of_weights(const compress_options *o) {
    size_t bytes = 1, at = 0;
    char *text;

    for (size_t k = 0; k < o->n_layers; k++) bytes += strlen(o->layers[k].weight) + 1;
    if ((text = calloc(bytes, 1)) == NULL) return NULL;
    for (size_t k = 0; k < o->n_layers; k++)
        at += (size_t)snprintf(text + at, bytes - at, k > 0 ? " %s" : "%s", o->layers[k].weight);
    return text;
}

/* Give the result the notes of the teacher, and say what it replaces. */
static int set_notes(compress_session *s) {
    const snnk_network *from = s->teacher.network;
    char *weights = names_of_weights(s->o);
    int st = weights ? SNNK_OK : SNNK_E_NOMEM;

    for (size_t k = 0; st == SNNK_OK && k < snnk_network_notes(from); k++) {
        const char *key = snnk_network_note_key(from, k);

        st = snnk_network_set_note(s->network, key, snnk_network_note(from, key));
    }
    if (st == SNNK_OK && s->o->n_layers > 0)
        st = snnk_network_set_note(s->network, "compressed", weights);
    free(weights);
    if (!weights) return failed(command, "out of memory");
    return st == SNNK_OK ? EXIT_OK : library_failed(command);
}

/* ---- Writing back ---- */

/* What is left out of the file, and what is added. */
typedef struct replacements {
    size_t n_removed, n;
    const char *removed[2 * MAX_LAYERS];
    const char *names[MAX_LAYERS];
    snnk_network *networks[MAX_LAYERS];
} replacements;

/* Whether a layer that stays uses this tensor too. */
static bool is_used(const compress_options *o, const bool *replaced, const char *tensor) {
    for (size_t k = 0; k < o->n_layers; k++)
        if (!replaced[k] && (strcmp(o->layers[k].weight, tensor) == 0 ||
                             (o->layers[k].bias && strcmp(o->layers[k].bias, tensor) == 0)))
            return true;
    return false;
}

static void remove_tensors(const compress_session *s, replacements *r) {
    const compress_options *o = s->o;
    bool replaced[MAX_LAYERS] = {false};

    for (size_t i = 0; i < s->n_replaced; i++)
        for (size_t k = 0; k < s->replaced[i].layers; k++)
            replaced[s->replaced[i].first + k] = true;
    for (size_t k = 0; k < o->n_layers; k++) {
        const char *const tensors[] = {o->layers[k].weight, o->layers[k].bias};

        for (int i = 0; i < 2; i++)
            if (replaced[k] && tensors[i] && !is_used(o, replaced, tensors[i]))
                r->removed[r->n_removed++] = tensors[i];
    }
}

/* Make a network of each replaced part, named after its first weights. */
static int make_networks(const compress_session *s, replacements *r) {
    int st = SNNK_OK;

    for (size_t i = 0; st == SNNK_OK && i < s->n_replaced; i++) {
        const size_t first = s->replaced[i].first_compressed;

        r->names[i] = s->o->layers[s->replaced[i].first].weight;
        st = snnk_network_create(NULL, &r->networks[i]);
        if (st == SNNK_OK) r->n++;
        for (size_t k = 0; st == SNNK_OK && k < s->replaced[i].layers_compressed; k++)
            st = snnk_network_append(r->networks[i], snnk_network_layer(s->network, first + k));
    }
    return st;
}

static int write_back(const compress_session *s) {
    replacements r = {0};
    int st;

    remove_tensors(s, &r);
    st = make_networks(s, &r);
    if (st == SNNK_OK)
        st = snnk_tensors_save_replaced(s->teacher.tensors, r.n_removed, r.removed, r.n, r.names,
                                        (const snnk_network *const *)r.networks, s->o->write_back);
    for (size_t i = 0; i < r.n; i++) snnk_network_free(r.networks[i]);
    return st == SNNK_OK ? EXIT_OK : library_failed(command);
}

/* ---- All files ---- */

int compress_save(compress_session *s) {
    int exit_status;

    exit_status = set_notes(s);

    if (exit_status == EXIT_OK && interrupted) exit_status = EXIT_CANCELLED;
    if (exit_status == EXIT_OK && s->o->write_back) exit_status = write_back(s);
    if (exit_status == EXIT_OK && s->o->save &&
        snnk_network_save(s->network, s->o->save, SNNK_SAVE_ROWS) != SNNK_OK)
        exit_status = library_failed(command);
    return exit_status;
}

void compress_print_files(const compress_options *o) {
    if (o->plot) printf("drew %s, numbers in %s\n", o->plot, o->csv);
    if (o->write_back) printf("wrote %s\n", o->write_back);
    if (o->save) printf("saved %s\n", o->save);
}

void compress_add_files(const compress_options *o, cJSON *json) {
    if (o->save) cJSON_AddStringToObject(json, "model", o->save);
    if (o->write_back) cJSON_AddStringToObject(json, "written_back", o->write_back);
    if (o->plot) cJSON_AddStringToObject(json, "plot", o->plot);
    if (o->plot) cJSON_AddStringToObject(json, "plot_data", o->csv);
}
