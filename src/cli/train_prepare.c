/* Before training: the data, the task, the network to start from. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/model.h"
#include "cli/system.h"
#include "cli/train_fold.h"
#include "cli/train_session.h"

static const char command[] = "train";

/* Default numbers of steps, epochs, and rows for a step and a window. */
enum {
    LEAST_STEPS = 2000,
    LEAST_EPOCHS = 20,
    MOST_EPOCHS = 500,
    LBFGS_EPOCHS = 200,
    USUAL_BATCH = 128,
    LEAST_BATCH = 16,
    BATCHES = 10,
    USUAL_WINDOW = 65536
};

/* ---- The model to go on from ---- */

static int open_model(train_session *s) {
    const char *path = s->o->model, *storage;
    int exit_status;

    if (!path) return EXIT_OK;
    if ((exit_status = model_load(command, path, &s->model)) != EXIT_OK) return exit_status;
    storage = snnk_network_note(s->model, "storage");
    if (storage)
        return failed(command,
                      "%s has %s weights, which cannot learn: train the model that it was made "
                      "from, and quantize the result",
                      path, storage);
    data_options_like(s->model, &s->o->data);
    return EXIT_OK;
}

/* A model without a task, as compressed layers of a file of weights are, has one output for each
 * class if there is one column of targets. */
static int note_task(const train_session *s) {
    const bool classes = s->train.n_targets == 1 && snnk_network_outputs(s->model) > 1;

    if (snnk_network_note(s->model, "task") || !classes) return EXIT_OK;
    return snnk_network_set_note(s->model, "task", "classification") == SNNK_OK
               ? EXIT_OK
               : library_failed(command);
}

/* ---- Data and task ---- */

static int open_data(train_session *s) {
    const train_options *o = s->o;

    if (!s->model) return dataset_open_training(command, &o->data.train, &s->train);
    return dataset_open(command, &o->data.train, snnk_network_note(s->model, "columns"),
                        snnk_network_encoder(s->model), &s->train);
}

static int find_new_task(train_session *s) {
    const data_options *data = &s->o->data;
    const int exit_status = task_from_data(command, &s->train, data->task, &s->task);

    if (exit_status != EXIT_OK) return exit_status;
    if (data->balance && !s->task.classification)
        return failed(command, "--balance needs classes, but this is a regression: %s",
                      s->task.reason);
    if (data->balance) return task_balance(command, &s->train, &s->task);
    return s->task.classification ? task_note_unbalanced(command, &s->train, &s->task) : EXIT_OK;
}

static int find_task(train_session *s) {
    int exit_status;

    if (!s->model) return find_new_task(s);
    if ((exit_status = note_task(s)) != EXIT_OK) return exit_status;
    if ((exit_status = task_load(command, s->model, &s->task)) != EXIT_OK) return exit_status;
    return task_check(command, &s->task, snnk_network_inputs(s->model), &s->train);
}

/* A model goes on with the loss that it has minimized: scores of a squared error are not those of a
 * cross-entropy. */
static int32_t default_loss(const train_session *s) {
    const char *before = s->model ? snnk_network_note(s->model, "loss") : NULL;
    int32_t loss;

    if (!s->task.classification) return SNNK_LOSS_SQUARED;
    if (before && find_value(before, snnk_loss_name, &loss)) return loss;
    return SNNK_LOSS_CROSS_ENTROPY;
}

static int check_loss(train_session *s) {
    snnk_train_config *c = &s->o->config;

    if (c->loss == -1) c->loss = default_loss(s);
    if (c->loss == SNNK_LOSS_CROSS_ENTROPY && !s->task.classification)
        return failed(command, "--loss cross-entropy needs classes, but this is a regression: %s",
                      s->task.reason);
    if (c->solve != SNNK_TRAIN_SOLVE_NEVER && c->loss != SNNK_LOSS_SQUARED)
        return wrong_usage(command,
                           "--solve %s needs the squared loss, but classes are trained by "
                           "cross-entropy: add --loss squared",
                           snnk_train_solve_name(c->solve));
    return EXIT_OK;
}

static int check_files(const train_options *o) {
    const char *const paths[] = {o->save, o->checkpoint, o->plot, o->plot ? o->csv : NULL};

    for (size_t k = 0; k < sizeof paths / sizeof *paths; k++) {
        const int exit_status = paths[k] ? check_save(command, paths[k]) : EXIT_OK;

        if (exit_status != EXIT_OK) return exit_status;
    }
    return o->plot ? plot_check(command) : EXIT_OK;
}

/* ---- Scaling of the inputs ---- */

/* Whether a file has bytes, as images have. */
static bool has_bytes(const dataset *data) {
    const char *type = snnk_table_type(data->inputs);

    return type && strcmp(type, "U8") == 0;
}

/* Let an encoder standardize the numbers of a CSV; find the scaling of other inputs. */
static int choose_scaling(train_session *s) {
    const int wanted = s->o->scaling;

    s->scaling = TRAIN_SCALING_NONE;
    if (s->model) return EXIT_OK;
    if (dataset_has_columns(&s->train) &&
        (wanted == TRAIN_SCALING_DEFAULT || wanted == SNNK_SCALING_STANDARDIZE))
        return dataset_encode(command, &s->o->data.train, SNNK_NUMBER_FORM_STANDARDIZED, &s->train);
    if (wanted != TRAIN_SCALING_DEFAULT)
        s->scaling = wanted;
    else
        s->scaling = has_bytes(&s->train) ? SNNK_SCALING_COMMON : SNNK_SCALING_STANDARDIZE;
    return EXIT_OK;
}

/* ---- The network ---- */

static const char *scaling_name(const train_session *s) {
    if (s->scaling != TRAIN_SCALING_NONE) return snnk_scaling_mode_name(s->scaling);
    return s->o->scaling == TRAIN_SCALING_NONE ? "none" : "standardize"; /* by the encoder */
}

/* Refuse layers that are too large, before they are drawn. Of each number that learns there are
 * about 10 copies, 62 for L-BFGS, and 3 of others; of each value of a row, two. */
static int check_layers(const train_session *s) {
    const train_options *o = s->o;
    const double learning = o->config.optimizer == SNNK_OPTIMIZER_LBFGS ? 62 : 10;
    const architecture_memory memory = {.of_row_number =
                                            sizeof(float) * (o->rows_learn ? learning : 3),
                                        .of_number = sizeof(float) * learning,
                                        .of_value = 2 * sizeof(float) * (double)o->config.batch,
                                        .available = usable_memory()};

    return architecture_check_memory(command, &o->layers, s->train.n_inputs, &memory);
}

static int create_network(train_session *s) {
    const size_t outputs = s->task.outputs;
    int exit_status = architecture_complete(
        command, outputs, s->task.classification ? "classes" : "targets", &s->o->layers);

    if (exit_status == EXIT_OK) exit_status = check_layers(s);
    if (exit_status != EXIT_OK) return exit_status;
    if (snnk_network_create(NULL, &s->start) != SNNK_OK) return library_failed(command);
    exit_status =
        architecture_build(command, &s->o->layers, s->train.n_inputs, s->o->config.seed, s->start);
    if (exit_status != EXIT_OK) return exit_status;
    if (task_save(&s->task, &s->train, s->start) != SNNK_OK ||
        snnk_network_set_encoder(s->start, s->train.encoder) != SNNK_OK ||
        snnk_network_set_note(s->start, "scaling", scaling_name(s)) != SNNK_OK)
        return library_failed(command);
    return EXIT_OK;
}

/* Remove notes of a model that will not be true any more. */
static int remove_notes(snnk_network *network) {
    return snnk_network_set_note(network, "lambda", NULL) == SNNK_OK &&
                   snnk_network_set_note(network, "train_seconds", NULL) == SNNK_OK
               ? EXIT_OK
               : library_failed(command);
}

/* Create the network that learns, for scaled targets. A loss that compares directions needs targets
 * as they are. */
static int create_start(train_session *s) {
    const column_scaling none = {NULL, NULL};
    const int32_t loss = s->o->config.loss;
    const bool scalable = !s->task.classification && loss != SNNK_LOSS_COSINE;
    int exit_status = s->model ? EXIT_OK : create_network(s);
    const snnk_network *from = s->model ? s->model : s->start;

    if (exit_status != EXIT_OK) return exit_status;
    if (scalable && train_can_scale_outputs(from))
        exit_status = train_rows_scale_targets(&s->rows);
    else if (scalable)
        print_note(command, "the last layer is not linear, so the targets keep their units: "
                            "--rate may have to suit them");
    if (exit_status == EXIT_OK && s->model)
        exit_status = s->rows.targets.mean
                          ? train_unfold(command, s->model, &s->rows.targets, &s->start)
                          : train_fold(command, s->model, &none, &none, &s->start);
    if (exit_status == EXIT_OK) exit_status = remove_notes(s->start);
    architecture_describe(s->start, s->layers, sizeof s->layers);
    return exit_status;
}

/* ---- Settings ---- */

/* Set what depends on the number of rows. */
static int complete_settings(train_session *s) {
    snnk_train_config *c = &s->o->config;
    const size_t n = s->rows.n_learnt;
    size_t usual = USUAL_BATCH;

    if (n == 0) return failed(command, "%s has no rows to learn from", s->train.path);
    if (c->batch > n)
        return failed(command,
                      "--batch %llu is more than the %zu rows to learn from (%zu are held out)",
                      (unsigned long long)c->batch, n, s->rows.n_heldout);
    if (n < USUAL_BATCH * BATCHES) usual = n / BATCHES > LEAST_BATCH ? n / BATCHES : LEAST_BATCH;
    if (c->batch == 0) c->batch = usual < n ? usual : n;
    if (c->epochs == 0 && c->optimizer == SNNK_OPTIMIZER_LBFGS) c->epochs = LBFGS_EPOCHS;
    if (c->epochs == 0) {
        const double steps = ceil((double)n / (double)c->batch);

        c->epochs = (uint64_t)fmin(fmax(ceil(LEAST_STEPS / steps), LEAST_EPOCHS), MOST_EPOCHS);
    }
    if (s->rows.n_heldout == 0) c->heldout_share = 0;
    return EXIT_OK;
}

/* ---- The window ---- */

/* Refuse a window that does not fit: into memory, of so many bytes, or a batch into it. */
static int check_window(const train_session *s, double memory) {
    const size_t window = s->rows.window < s->rows.n_learnt ? s->rows.window : s->rows.n_learnt;
    const double bytes = train_rows_bytes(&s->rows, window) + train_rows_heldout_bytes(&s->rows);
    const unsigned long long batch = s->o->config.batch;

    if (s->rows.window < batch)
        return failed(command, "--window %zu is less than the %llu rows of a step (--batch)",
                      s->rows.window, batch);
    if (bytes > memory)
        return failed(command,
                      "%zu rows in a window and %zu held-out ones take %.3g GB, but there are %.3g "
                      "GB of memory: a smaller --window or --heldout takes less",
                      window, s->rows.n_heldout, bytes / 1e9, memory / 1e9);
    return EXIT_OK;
}

/* Choose how many rows are in memory: all, if they take less than half of it. */
static int choose_window(train_session *s) {
    train_rows *rows = &s->rows;
    const double memory = usable_memory(), batch = (double)s->o->config.batch,
                 all = train_rows_bytes(rows, rows->n_learnt) + train_rows_heldout_bytes(rows);

    rows->window = s->o->window;
    if (rows->window == 0 && all > memory / 2) {
        const double most = memory / 4 / train_rows_bytes(rows, 1);

        rows->window = (size_t)fmax(batch, fmin(USUAL_WINDOW, most));
        print_note(command,
                   "the rows of %s take %.3g GB, more than half of the %.3g GB of memory: it goes "
                   "on as with --window %zu",
                   s->train.path, all / 1e9, memory / 1e9, rows->window);
    }
    return rows->window > 0 ? check_window(s, memory) : EXIT_OK;
}

/* ---- Settings as text ---- */

static bool has_map(const snnk_layer *layer) {
    bool found = snnk_layer_map(layer) != NULL;

    for (size_t k = 0; !found && k < snnk_layer_inner_count(layer); k++)
        found = has_map(snnk_layer_inner(layer, k));
    return found;
}

static bool is_frozen(const train_options *o, size_t layer) {
    bool found = false;

    for (size_t k = 0; k < o->n_frozen; k++) found |= o->frozen[k] == layer;
    return found;
}

train_map_rows train_get_map_rows(const train_session *s) {
    train_map_rows rows = TRAIN_MAP_ROWS_NONE;

    for (size_t k = 0; k < snnk_network_layers(s->start); k++) {
        if (!has_map(snnk_network_layer(s->start, k))) continue;
        if (s->o->rows_learn && !is_frozen(s->o, k)) return TRAIN_MAP_ROWS_LEARN;
        rows = TRAIN_MAP_ROWS_FIXED;
    }
    return rows;
}

/* Describe all that decides the result, but for the data: a model has it as a note, and a
 * checkpoint goes on only with the same. */
static int note_settings(train_session *s) {
    static const char *const map_rows[] = {"none", "fixed", "learn"};
    const snnk_train_config *c = &s->o->config;
    const bool exact = c->products == SNNK_STORAGE_F32;
    char frozen[160] = " none", window[24] = "all";
    size_t used = 0;

    for (size_t k = 0; k < s->o->n_frozen && used < sizeof frozen - 24; k++)
        used += (size_t)snprintf(frozen + used, sizeof frozen - used, " %zu", s->o->frozen[k]);
    if (s->rows.window > 0) snprintf(window, sizeof window, "%zu", s->rows.window);
    snprintf(s->settings, sizeof s->settings,
             "%s%s; rows of features %s, loss %s, %s, rate %g, %s, warm-up %g, decay %g, clip %g, "
             "huber %g, batch "
             "%llu, epochs %llu, patience %llu, solve %s, held-out %g, seed %llu, frozen%s, "
             "rows in memory %s%s; learned from %zu rows, %zu held out",
             s->model ? "from a model: " : "", s->layers, map_rows[train_get_map_rows(s)],
             snnk_loss_name(c->loss), snnk_optimizer_name(c->optimizer), c->rate,
             snnk_schedule_name(c->schedule), c->warmup, c->weight_decay, c->clip, c->huber,
             (unsigned long long)c->batch, (unsigned long long)c->epochs,
             (unsigned long long)c->patience, snnk_train_solve_name(c->solve), c->heldout_share,
             (unsigned long long)c->seed, frozen, window, exact ? "" : ", products in bf16",
             s->rows.n_learnt, s->rows.n_heldout);
    return snnk_network_set_note(s->start, "training", s->settings) == SNNK_OK
               ? EXIT_OK
               : library_failed(command);
}

/* ---- All of it ---- */

/* By the inputs as they are, so that a model which is trained further has the same rows held out.
 */
static int survey_rows(train_session *s) {
    const train_options *o = s->o;
    const train_survey survey = {.scaling = s->scaling == TRAIN_SCALING_NONE ? -1 : s->scaling,
                                 .seed = o->config.seed,
                                 .share = o->config.heldout_share,
                                 .hashed = o->checkpoint || o->resume,
                                 .quiet = o->quiet};

    return train_rows_survey(command, &s->task, &s->train, &survey, &s->rows);
}

int train_prepare(train_session *s) {
    int exit_status = open_model(s);

    if (exit_status == EXIT_OK) exit_status = open_data(s);
    if (exit_status == EXIT_OK) exit_status = find_task(s);
    if (exit_status == EXIT_OK) exit_status = check_loss(s);
    if (exit_status == EXIT_OK) exit_status = check_files(s->o);
    if (exit_status == EXIT_OK) exit_status = choose_scaling(s);
    if (exit_status != EXIT_OK) return exit_status;
    if (snnk_workspace_create(s->o->threads, NULL, &s->workspace) != SNNK_OK)
        return library_failed(command);
    if ((exit_status = survey_rows(s)) != EXIT_OK) return exit_status;
    if ((exit_status = complete_settings(s)) != EXIT_OK) return exit_status;
    if ((exit_status = choose_window(s)) != EXIT_OK) return exit_status;
    if ((exit_status = create_start(s)) != EXIT_OK) return exit_status;
    if ((exit_status = train_rows_load(&s->rows)) != EXIT_OK) return exit_status;
    if ((exit_status = note_settings(s)) != EXIT_OK) return exit_status;
    if ((exit_status = train_note_hash(s)) != EXIT_OK) return exit_status;
    return data_options_open_test(command, &s->o->data, s->start, &s->task, &s->train, &s->test);
}
