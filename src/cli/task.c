#define _POSIX_C_SOURCE 200809L
#include "cli/task.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/console.h"
#include "cli/options.h"

/* Whole numbers from MAX_CLASSES_GUESSED on count as classes only with --task classification, and
 * from MAX_CLASSES on never. */
enum { MAX_CLASSES_GUESSED = 100, MAX_CLASSES = 10000 };

/* A word that is a number, which suggests that the others are missing numbers rather than classes;
 * NULL if there is none. */
static const char *doubtful_word(const dataset *data) {
    const size_t n = snnk_table_words(data->targets, data->target);
    double number;

    for (size_t k = 0; k < n; k++) {
        const char *word = snnk_table_word(data->targets, data->target, k);

        if (read_double(word, &number)) return word;
    }
    return NULL;
}

static int check_words(const char *command, const dataset *data, const char *kind) {
    const size_t n = snnk_table_words(data->targets, data->target);
    const char *path = data->targets_path, *column = dataset_words(data), *doubtful;

    if (data->n_targets > 1)
        return failed(command, "%s: column \"%s\" holds words: several targets must be numbers",
                      path, column);
    if (kind && strcmp(kind, "regression") == 0)
        return failed(command, "%s: column \"%s\" holds words: not a regression", path, column);
    if (!kind && (doubtful = doubtful_word(data)) != NULL)
        return failed(
            command,
            "%s: column \"%s\" has both words and \"%s\": is a number missing? If these are "
            "classes, use --task classification",
            path, column, doubtful);
    if (n > MAX_CLASSES)
        return failed(command,
                      "%s: column \"%s\" holds %zu different words, but the limit is %d classes",
                      path, column, n, MAX_CLASSES);
    return EXIT_OK;
}

/* Make a class of each word. */
static int classes_from_words(const char *command, const dataset *data, task *made) {
    const size_t n = snnk_table_words(data->targets, data->target);

    made->classification = true;
    made->outputs = n;
    made->classes = calloc(n, sizeof *made->classes);
    if (!made->classes) return failed(command, "out of memory");
    for (size_t k = 0; k < n; k++) {
        made->classes[k] = strdup(snnk_table_word(data->targets, data->target, k));
        if (!made->classes[k]) return failed(command, "out of memory");
    }
    return EXIT_OK;
}

/* Find the largest value of a column, and whether all values are whole and not negative. Refuses
 * missing values. */
static int scan_targets(const char *command, dataset *data, bool *whole, double *largest) {
    double Y[BATCH_ROWS];

    *whole = true;
    *largest = -1;
    for (size_t first = 0; first < data->rows; first += BATCH_ROWS) {
        const size_t n = data->rows - first < BATCH_ROWS ? data->rows - first : BATCH_ROWS;

        if (dataset_read_targets(data, first, n, Y) != SNNK_OK) return library_failed(command);
        for (size_t i = 0; i < n; i++) {
            if (!(Y[i] >= 0) || Y[i] != floor(Y[i])) *whole = false;
            if (Y[i] > *largest) *largest = Y[i];
        }
    }
    return EXIT_OK;
}

int task_from_data(const char *command, dataset *data, const char *kind, task *made) {
    const bool asked = kind && strcmp(kind, "classification") == 0;
    bool whole = false;
    double largest = -1;
    int exit_status = EXIT_OK;

    *made = (task){.outputs = data->n_targets};
    if (data->rows == 0) return failed(command, "%s has no rows", data->path);
    if (dataset_words(data)) {
        exit_status = check_words(command, data, kind);
        if (exit_status == EXIT_OK) exit_status = scan_targets(command, data, &whole, &largest);
        return exit_status == EXIT_OK ? classes_from_words(command, data, made) : exit_status;
    }
    if (data->n_targets == 1) exit_status = scan_targets(command, data, &whole, &largest);
    if (exit_status != EXIT_OK) return exit_status;
    made->classification = kind ? asked : whole && largest < MAX_CLASSES_GUESSED;
    if (!made->classification) return EXIT_OK;
    if (!whole || largest >= MAX_CLASSES)
        return failed(command,
                      "%s: classes must be words, or one column of whole numbers in 0 ... %d",
                      data->targets_path, MAX_CLASSES - 1);
    made->outputs = (size_t)largest + 1;
    return EXIT_OK;
}

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

int task_save_classes(const task *from, snnk_network *network) {
    return from->classes ? set_note_array(network, "classes", from->outputs, from->classes)
                         : SNNK_OK;
}

int task_save(const task *from, const dataset *data, snnk_network *network) {
    int st = snnk_network_set_note(network, "task",
                                   from->classification ? "classification" : "regression");

    if (st == SNNK_OK) st = task_save_classes(from, network);
    if (st != SNNK_OK || !snnk_table_column_name(data->inputs, 0)) return st;
    const size_t n = data->encoder ? snnk_encoder_columns(data->encoder) : data->n_inputs;
    char **names = calloc(n, sizeof *names);
    for (size_t k = 0; names && k < n; k++)
        names[k] = (char *)(data->encoder ? snnk_encoder_column_name(data->encoder, k)
                                          : snnk_table_column_name(data->inputs, data->columns[k]));
    st = names ? set_note_array(network, "columns", n, names) : SNNK_E_NOMEM;
    free(names);
    if (st == SNNK_OK && data->targets == data->inputs)
        st = snnk_network_set_note(network, "target",
                                   snnk_table_column_name(data->inputs, data->target));
    return st;
}

int task_load(const char *command, const snnk_network *network, task *made) {
    const char *kind = snnk_network_note(network, "task");
    const char *classes = snnk_network_note(network, "classes");

    *made = (task){.outputs = snnk_network_outputs(network)};
    made->classification = kind && strcmp(kind, "classification") == 0;
    if (!classes) return EXIT_OK;
    cJSON *array = cJSON_Parse(classes);
    int exit_status = EXIT_OK;
    if (!cJSON_IsArray(array) || (size_t)cJSON_GetArraySize(array) != made->outputs)
        exit_status =
            failed(command, "the number of the model's class names differs from its %zu outputs",
                   made->outputs);
    else
        made->classes = calloc(made->outputs, sizeof *made->classes);
    if (exit_status == EXIT_OK && !made->classes) exit_status = failed(command, "out of memory");
    for (size_t k = 0; exit_status == EXIT_OK && k < made->outputs; k++) {
        const cJSON *item = cJSON_GetArrayItem(array, (int)k);

        made->classes[k] = strdup(cJSON_IsString(item) ? item->valuestring : "?");
        if (!made->classes[k]) exit_status = failed(command, "out of memory");
    }
    cJSON_Delete(array);
    return exit_status;
}

void task_free(task *made) {
    for (size_t k = 0; made->classes && k < made->outputs; k++) free(made->classes[k]);
    free(made->classes);
    *made = (task){0};
}

const char *task_class_name(const task *from, size_t class_index, char *buffer) {
    if (from->classes) return from->classes[class_index];
    snprintf(buffer, 32, "%zu", class_index);
    return buffer;
}

/* The index of the class with a name; -1 if there is none. */
static int label_of(const task *from, const char *name) {
    for (size_t k = 0; from->classes && k < from->outputs; k++)
        if (strcmp(name, from->classes[k]) == 0) return (int)k;
    return -1;
}

int task_labels(const char *command, const task *from, const dataset *data, size_t n,
                const double *Y, int32_t *labels) {
    const size_t words = snnk_table_words(data->targets, data->target);
    char number[32];

    for (size_t i = 0; i < n; i++) {
        const double value = Y[i];
        const char *name = number;

        if (words == 0 && !from->classes) {
            if (!(value >= 0 && value < (double)from->outputs) || value != floor(value))
                return failed(command, "%s: label %g is not in 0 ... %zu", data->targets_path,
                              value, from->outputs - 1);
            labels[i] = (int32_t)value;
            continue;
        }
        /* Match by name, even if all names in this file happen to be numbers. */
        if (words > 0)
            name = snnk_table_word(data->targets, data->target, (size_t)value);
        else
            snprintf(number, sizeof number, "%.9g", value);
        labels[i] = label_of(from, name);
        if (labels[i] < 0)
            return failed(command, "%s: \"%s\" is not a class of the model", data->targets_path,
                          name);
    }
    return EXIT_OK;
}

/* Append a class. */
static int add_class(const char *command, task *made, const char *name) {
    char **classes = realloc(made->classes, (made->outputs + 1) * sizeof *classes);

    if (!classes) return failed(command, "out of memory");
    made->classes = classes;
    classes[made->outputs] = strdup(name);
    if (!classes[made->outputs]) return failed(command, "out of memory");
    made->outputs++;
    return EXIT_OK;
}

int task_add_classes(const char *command, dataset *data, task *made, size_t *added) {
    const size_t before = made->outputs;
    const size_t words = snnk_table_words(data->targets, data->target);
    bool whole;
    double largest;
    int exit_status = EXIT_OK;

    for (size_t k = 0; made->classes && exit_status == EXIT_OK && k < words; k++) {
        const char *name = snnk_table_word(data->targets, data->target, k);

        if (label_of(made, name) < 0) exit_status = add_class(command, made, name);
    }
    if (!made->classes && words == 0) {
        exit_status = scan_targets(command, data, &whole, &largest);
        if (exit_status == EXIT_OK && whole && largest >= (double)made->outputs) {
            if (largest >= MAX_CLASSES_GUESSED)
                return failed(command,
                              "%s: label %g would give the model %.0f classes instead of %zu; new "
                              "labels must be at most %d",
                              data->targets_path, largest, largest + 1, made->outputs,
                              MAX_CLASSES_GUESSED - 1);
            made->outputs = (size_t)largest + 1;
        }
    }
    if (made->outputs > MAX_CLASSES && exit_status == EXIT_OK)
        exit_status = failed(command, "%s: the model would have %zu classes, but the limit is %d",
                             data->targets_path, made->outputs, MAX_CLASSES);
    *added = made->outputs - before;
    return exit_status;
}

size_t largest_score(size_t n, const double *scores) {
    size_t best = 0;

    for (size_t k = 1; k < n; k++)
        if (scores[k] > scores[best]) best = k;
    return best;
}

int task_check(const char *command, const task *what, size_t inputs, const dataset *data) {
    const size_t targets = what->classification ? 1 : what->outputs;

    if (data->n_inputs != inputs)
        return failed(command, "%s has %zu input columns, but the model has %zu inputs%s",
                      data->path, data->n_inputs, inputs, dataset_flattened(data));
    if (data->n_targets != targets)
        return failed(command, "%s has %zu target columns, but the model needs %zu",
                      data->targets_path, data->n_targets, targets);
    if (!what->classification && dataset_words(data))
        return failed(command, "%s: column \"%s\" holds words, but the model's targets are numbers",
                      data->targets_path, dataset_words(data));
    if (data->rows == 0) return failed(command, "%s has no rows", data->path);
    return EXIT_OK;
}
