#define _POSIX_C_SOURCE 200809L
#include "cli/task.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/columns.h"
#include "cli/console.h"
#include "cli/options.h"

/* ---- Classes ---- */

static int compare_names(const void *a, const void *b) {
    return strcmp(((const class_key *)a)->name, ((const class_key *)b)->name);
}

static int compare_values(const void *a, const void *b) {
    const double left = ((const class_key *)a)->value, right = ((const class_key *)b)->value;

    return (left > right) - (left < right);
}

int task_add_class(const char *command, task *made, const char *name) {
    char **classes = realloc(made->classes, (made->outputs + 1) * sizeof *classes);

    if (!classes) return failed(command, "out of memory");
    made->classes = classes;
    if (made->class_weights) {
        double *weights = realloc(made->class_weights, (made->outputs + 1) * sizeof *weights);

        if (!weights) return failed(command, "out of memory");
        made->class_weights = weights;
        weights[made->outputs] = 1;
    }
    classes[made->outputs] = strdup(name);
    if (!classes[made->outputs]) return failed(command, "out of memory");
    made->outputs++;
    return EXIT_OK;
}

int task_sort_classes(const char *command, task *made) {
    const size_t n = made->outputs;

    free(made->by_name);
    free(made->by_value);
    made->n_names = made->n_values = 0;
    made->by_name = calloc(n + 1, sizeof *made->by_name);
    made->by_value = calloc(n + 1, sizeof *made->by_value);
    if (!made->by_name || !made->by_value) return failed(command, "out of memory");
    for (size_t k = 0; k < n; k++) {
        class_key key = {.name = made->classes[k], .index = (int32_t)k};

        if (read_double(key.name, &key.value)) made->by_value[made->n_values++] = key;
        made->by_name[k] = key;
    }
    made->n_names = n;
    qsort(made->by_name, n, sizeof *made->by_name, compare_names);
    qsort(made->by_value, made->n_values, sizeof *made->by_value, compare_values);
    return EXIT_OK;
}

int32_t task_class_of_number(const task *from, double value) {
    const class_key key = {.value = value};
    const class_key *found = from->n_values > 0 ? bsearch(&key, from->by_value, from->n_values,
                                                          sizeof key, compare_values)
                                                : NULL;

    return found ? found->index : -1;
}

int32_t task_class_of_word(const task *from, const char *word) {
    class_key key = {.name = word};
    const class_key *found =
        from->by_name ? bsearch(&key, from->by_name, from->n_names, sizeof key, compare_names)
                      : NULL;

    if (found) return found->index;
    return read_double(word, &key.value) ? task_class_of_number(from, key.value) : -1;
}

/* Refuse the target of row `row`, which is no class: name it and the classes. */
static int label_failed(const char *command, const task *from, const dataset *data, size_t row,
                        const char *label) {
    enum { NAMED = 5 };
    char names[512] = "";
    size_t used = 0;

    for (size_t k = 0; k < from->outputs && k < NAMED; k++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%.60s", k ? ", " : "",
                                 from->classes[k]);
    if (from->outputs > NAMED)
        snprintf(names + used, sizeof names - used, " ... (%zu in all)", from->outputs);
    return failed(command, "%s: row %zu, column %s: \"%.60s\" is not a class of the model (%s)",
                  data->targets_path, row + 1, dataset_target_name(data), label, names);
}

int task_labels(const char *command, const task *from, const dataset *data, size_t first, size_t n,
                const double *Y, int32_t *labels) {
    const bool words = snnk_table_words(data->targets, data->target) > 0;

    for (size_t i = 0; i < n; i++) {
        const char *word =
            words ? snnk_table_word(data->targets, data->target, (size_t)Y[i]) : NULL;

        labels[i] = words ? task_class_of_word(from, word) : task_class_of_number(from, Y[i]);
        if (labels[i] >= 0) continue;
        const number_text number = text_of_number(Y[i]);
        return label_failed(command, from, data, first + i, words ? word : number.digits);
    }
    return EXIT_OK;
}

/* Add up the rows of each class, and their weights. */
static int count(const char *command, dataset *data, const task *what, size_t *rows,
                 double *weights) {
    double Y[BATCH_ROWS];
    int32_t labels[BATCH_ROWS];
    float of_rows[BATCH_ROWS];
    int exit_status = EXIT_OK;

    for (size_t first = 0; exit_status == EXIT_OK && first < data->rows; first += BATCH_ROWS) {
        const size_t n = data->rows - first < BATCH_ROWS ? data->rows - first : BATCH_ROWS;

        if (dataset_read_targets(data, first, n, Y) != SNNK_OK ||
            dataset_read_weights(data, first, n, of_rows) != SNNK_OK)
            exit_status = library_failed(command);
        else
            exit_status = task_labels(command, what, data, first, n, Y, labels);
        for (size_t i = 0; exit_status == EXIT_OK && i < n; i++) {
            rows[labels[i]] += of_rows[i] > 0;
            weights[labels[i]] += (double)of_rows[i];
        }
    }
    return exit_status;
}

int task_note_rare(const char *command, dataset *data, const task *what) {
    size_t *rows = calloc(what->outputs, sizeof *rows), n = 0;
    double *weights = calloc(what->outputs, sizeof *weights);
    const char *first = NULL;
    int exit_status = rows && weights ? count(command, data, what, rows, weights)
                                      : failed(command, "out of memory");

    for (size_t k = 0; exit_status == EXIT_OK && k < what->outputs; k++) {
        if (rows[k] != 1) continue;
        if (!first) first = what->classes[k];
        n++;
    }
    if (n == 1) print_note(command, "%s: class \"%s\" has only one row", data->targets_path, first);
    if (n > 1)
        print_note(command, "%s: %zu classes have only one row each, the first is \"%s\"",
                   data->targets_path, n, first);
    free(weights);
    free(rows);
    return exit_status;
}

/* Below this share of the rows that the classes have on average, a class is hardly predicted. */
#define RARE_SHARE 0.1

int task_note_unbalanced(const char *command, dataset *data, task *what) {
    size_t *rows = calloc(what->outputs, sizeof *rows), all = 0, rarest = 0;
    double *weights = calloc(what->outputs, sizeof *weights);
    int exit_status = rows && weights ? count(command, data, what, rows, weights)
                                      : failed(command, "out of memory");

    for (size_t k = 0; exit_status == EXIT_OK && k < what->outputs; k++) {
        all += rows[k];
        if (rows[k] < rows[rarest]) rarest = k;
    }
    what->rare = exit_status == EXIT_OK && rows[rarest] > 1 &&
                 (double)rows[rarest] < RARE_SHARE * (double)all / (double)what->outputs;
    if (what->rare)
        print_note(command,
                   "%s: class \"%s\" has %zu of %zu rows, so it may rarely be predicted: "
                   "--balance lets all classes count the same",
                   data->targets_path, what->classes[rarest], rows[rarest], all);
    free(weights);
    free(rows);
    return exit_status;
}

int task_balance(const char *command, dataset *data, task *made) {
    size_t *rows = calloc(made->outputs, sizeof *rows);
    double *weights = calloc(made->outputs, sizeof *weights), total = 0, present = 0;
    const int exit_status = rows && weights ? count(command, data, made, rows, weights)
                                            : failed(command, "out of memory");

    for (size_t k = 0; rows && weights && k < made->outputs; k++) {
        total += weights[k];
        present += weights[k] > 0;
    }
    for (size_t k = 0; rows && weights && k < made->outputs; k++)
        weights[k] = weights[k] > 0 ? total / (present * weights[k]) : 1;
    free(rows);
    free(made->class_weights);
    made->class_weights = weights;
    return exit_status;
}

void task_weigh(const task *from, size_t n, const int32_t *labels, float *weights) {
    for (size_t i = 0; from->class_weights && i < n; i++)
        weights[i] = (float)((double)weights[i] * from->class_weights[labels[i]]);
}

/* ---- Reports ---- */

static const char *task_name(const task *what) {
    return what->classification ? "classification" : "regression";
}

void task_print(const task *what) {
    printf("task          %s: %s\n", task_name(what), what->reason);
}

void task_add_json(const task *what, cJSON *json) {
    cJSON *names;

    cJSON_AddStringToObject(json, "task", task_name(what));
    cJSON_AddStringToObject(json, "task_reason", what->reason);
    if (!what->classification) return;
    cJSON_AddNumberToObject(json, "classes", (double)what->outputs);
    names = cJSON_AddArrayToObject(json, "class_names");
    for (size_t k = 0; k < what->outputs; k++)
        cJSON_AddItemToArray(names, cJSON_CreateString(what->classes[k]));
}

/* ---- Notes of models ---- */

static char *text_array(size_t n, char *const *texts) {
    cJSON *array = cJSON_CreateStringArray((const char *const *)texts, (int)n);
    char *text = cJSON_PrintUnformatted(array);

    cJSON_Delete(array);
    return text;
}

static int set_note_array(snnk_network *network, const char *key, size_t n, char *const *texts) {
    char *text = text_array(n, texts);
    const int st = snnk_network_set_note(network, key, text ? text : "[]");

    cJSON_free(text);
    return st;
}

static int set_class_weights(const task *from, snnk_network *network) {
    cJSON *array = cJSON_CreateDoubleArray(from->class_weights, (int)from->outputs);
    char *text = cJSON_PrintUnformatted(array);
    const int st = snnk_network_set_note(network, "class_weights", text ? text : "[]");

    cJSON_free(text);
    cJSON_Delete(array);
    return st;
}

int task_save_classes(const task *from, snnk_network *network) {
    int st = SNNK_OK;

    if (from->classes) st = set_note_array(network, "classes", from->outputs, from->classes);
    if (st == SNNK_OK && from->class_weights) st = set_class_weights(from, network);
    return st;
}

/* Whether the inputs without names are only a part of the columns. */
static bool is_part(const dataset *data) {
    return !data->encoder && dataset_raw_inputs(data) < snnk_table_columns(data->inputs);
}

/* Store the names of the input columns or, if they have none and are not all, their numbers. */
static int save_columns(const dataset *data, snnk_network *network) {
    const bool named = snnk_table_column_name(data->inputs, 0) != NULL;
    const size_t n = data->encoder ? snnk_encoder_columns(data->encoder) : dataset_raw_inputs(data);
    cJSON *array;
    char *text;
    int st;

    if (!named && !is_part(data)) return SNNK_OK;
    array = cJSON_CreateArray();
    for (size_t k = 0; k < n; k++)
        cJSON_AddItemToArray(
            array,
            !named ? cJSON_CreateNumber((double)(data->columns[k] + 1))
                   : cJSON_CreateString(
                         data->encoder ? snnk_encoder_column_name(data->encoder, k)
                                       : snnk_table_column_name(data->inputs, data->columns[k])));
    text = cJSON_PrintUnformatted(array);
    st = snnk_network_set_note(network, "columns", text ? text : "[]");
    cJSON_free(text);
    cJSON_Delete(array);
    return st;
}

/* Store the name of a column, if there is one. */
static int save_column(const dataset *data, size_t column, const char *key, snnk_network *network) {
    char number[32];

    return column == NO_COLUMN
               ? SNNK_OK
               : snnk_network_set_note(network, key, column_name(data->inputs, column, number));
}

int task_save(const task *from, const dataset *data, snnk_network *network) {
    int st = snnk_network_set_note(network, "task", task_name(from));

    if (st == SNNK_OK) st = task_save_classes(from, network);
    if (st == SNNK_OK) st = save_columns(data, network);
    if (st == SNNK_OK && data->targets == data->inputs)
        st = save_column(data, data->target, "target", network);
    if (st == SNNK_OK) st = save_column(data, data->weights, "weights", network);
    if (st == SNNK_OK) st = save_column(data, data->group, "group", network);
    if (st == SNNK_OK && data->missing_words)
        st = snnk_network_set_note(network, "missing_words", data->missing_words);
    return st;
}

/* Name classes 0, 1, 2 ... */
static int name_by_number(const char *command, size_t n, task *made) {
    char name[32];
    int exit_status = EXIT_OK;

    for (size_t k = 0; exit_status == EXIT_OK && k < n; k++) {
        snprintf(name, sizeof name, "%zu", k);
        exit_status = task_add_class(command, made, name);
    }
    return exit_status;
}

static int name_by_note(const char *command, size_t n, const char *note, task *made) {
    cJSON *array = cJSON_Parse(note);
    const cJSON *item;
    int exit_status = EXIT_OK;

    if (!cJSON_IsArray(array) || (size_t)cJSON_GetArraySize(array) != n)
        exit_status = failed(
            command, "the number of the model's class names differs from its %zu outputs", n);
    else
        cJSON_ArrayForEach(item, array) {
            exit_status =
                task_add_class(command, made, cJSON_IsString(item) ? item->valuestring : "?");
            if (exit_status != EXIT_OK) break;
        }
    cJSON_Delete(array);
    return exit_status;
}

static int load_class_weights(const char *command, const char *note, task *made) {
    cJSON *array = cJSON_Parse(note);
    bool good = cJSON_IsArray(array) && (size_t)cJSON_GetArraySize(array) == made->outputs;

    made->class_weights = calloc(made->outputs, sizeof *made->class_weights);
    for (size_t k = 0; good && made->class_weights && k < made->outputs; k++) {
        const cJSON *item = cJSON_GetArrayItem(array, (int)k);

        made->class_weights[k] = cJSON_IsNumber(item) ? item->valuedouble : 0;
        good = made->class_weights[k] > 0;
    }
    cJSON_Delete(array);
    if (!made->class_weights) return failed(command, "out of memory");
    return good ? EXIT_OK : failed(command, "the class weights in the model are damaged");
}

int task_load(const char *command, const snnk_network *network, task *made) {
    const char *kind = snnk_network_note(network, "task");
    const char *note = snnk_network_note(network, "classes");
    const char *weights = snnk_network_note(network, "class_weights");
    const size_t n = snnk_network_outputs(network);
    int exit_status;

    *made = (task){.outputs = n};
    made->classification = kind && strcmp(kind, "classification") == 0;
    snprintf(made->reason, sizeof made->reason, "the model's task");
    if (!made->classification) return EXIT_OK;
    made->outputs = 0;
    exit_status = note ? name_by_note(command, n, note, made) : name_by_number(command, n, made);
    if (exit_status == EXIT_OK && weights) exit_status = load_class_weights(command, weights, made);
    return exit_status == EXIT_OK ? task_sort_classes(command, made) : exit_status;
}

void task_free(task *made) {
    for (size_t k = 0; made->classes && k < made->outputs; k++) free(made->classes[k]);
    free(made->classes);
    free(made->by_name);
    free(made->by_value);
    free(made->class_weights);
    *made = (task){0};
}

/* ---- Use ---- */

size_t largest_score(size_t n, const double *scores) {
    size_t best = 0;

    for (size_t k = 1; k < n; k++)
        if (scores[k] > scores[best]) best = k;
    return best;
}

int task_check(const char *command, const task *what, size_t inputs, const dataset *data) {
    const size_t targets = what->classification ? 1 : what->outputs;

    if (data->n_inputs != inputs && data->n_targets == inputs)
        return failed(command,
                      "%s has %zu input columns, and %s has %zu target columns, as many as the "
                      "model has inputs: are the two files swapped?",
                      data->path, data->n_inputs, data->targets_path, data->n_targets);
    if (data->n_inputs != inputs)
        return failed(command, "%s has %zu input columns, but the model has %zu inputs%s",
                      data->path, data->n_inputs, inputs, dataset_flattened(data));
    if (data->n_targets != targets)
        return failed(command, "%s has %zu target columns, but the model needs %zu",
                      data->targets_path, data->n_targets, targets);
    if (!what->classification && dataset_words(data))
        return failed(command,
                      "%s: column \"%s\" holds words, but the model's targets are numbers: %s",
                      data->targets_path, dataset_words(data), dataset_first_word(data));
    if (data->rows == 0) return failed(command, "%s has no rows", data->path);
    return EXIT_OK;
}
