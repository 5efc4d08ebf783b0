/* Finding the task of a training set: task_from_data and task_add_classes. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/column_words.h"
#include "cli/columns.h"
#include "cli/console.h"
#include "cli/options.h"
#include "cli/task.h"

/* Whole numbers are classes without being asked for if they have at most GUESSED different values;
 * in a file given as labels, LABELS. More than CLASSES are never classes. An update adds at most
 * ADDED classes that are numbers: more are more likely another column. */
enum { GUESSED = 20, LABELS = 1000, CLASSES = 10000, ADDED = 100 };

/* ---- Words ---- */

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

/* Whether a text begins as dates do: 2026-11-30. */
static bool begins_as_date(const char *text) {
    static const char form[] = "dddd-dd-dd";

    for (size_t k = 0; form[k]; k++)
        if (form[k] == '-' ? text[k] != '-' : text[k] < '0' || text[k] > '9') return false;
    return true;
}

/* A date of a target column whose words all begin as dates do; NULL if others are there. */
static const char *date_of_targets(const dataset *data) {
    const size_t n = snnk_table_words(data->targets, data->target);

    for (size_t k = 0; k < n; k++)
        if (!begins_as_date(snnk_table_word(data->targets, data->target, k))) return NULL;
    return snnk_table_word(data->targets, data->target, 0);
}

/* Refuse targets that are numbers written as words, or words that name the rows. */
static int check_different(const char *command, const dataset *data) {
    const char *formatted = formatted_word(data->targets, data->target);
    const size_t n = snnk_table_words(data->targets, data->target);
    const bool names = n >= data->rows - data->rows / 10;
    char number[32], count[64] = "a different word in nearly every row";

    if (n <= GUESSED || (!names && !formatted)) return EXIT_OK;
    if (!names) snprintf(count, sizeof count, "%zu different words", n);
    return failed(command,
                  "%s: column \"%s\" has %s, such as \"%.40s\": if it is a number, write it "
                  "without signs and commas; if these are classes, use --task classification",
                  data->targets_path, column_name(data->targets, data->target, number), count,
                  formatted ? formatted : first_word(data->targets, data->target));
}

static int check_words(const char *command, const dataset *data, const char *kind) {
    const bool classes = kind && strcmp(kind, "classification") == 0;
    const char *date = classes ? NULL : date_of_targets(data);
    const size_t n = snnk_table_words(data->targets, data->target);
    const char *path = data->targets_path, *column = dataset_words(data), *doubtful;

    if (data->n_targets > 1)
        return failed(command, "%s: column \"%s\" holds words: several targets must be numbers",
                      path, column);
    if (date)
        return failed(
            command,
            "%s: column \"%s\" holds dates, such as \"%.40s\": to predict when, write them "
            "as numbers, such as days%s%s",
            path, column, date, kind ? "" : "; if they are classes, use --task classification",
            data->by_default ? "; the target is the last column left: use --target" : "");
    if (kind && strcmp(kind, "regression") == 0)
        return failed(
            command,
            "%s: column \"%s\" holds words: not a regression: %s. If it is a number, write "
            "it without signs and commas",
            path, column, dataset_first_word(data));
    if (!kind && (doubtful = doubtful_word(data)) != NULL)
        return failed(command,
                      "%s: column \"%s\" has both words (%s) and \"%.60s\": is a number missing? "
                      "If these are "
                      "classes, use --task classification",
                      path, column, dataset_first_word(data), doubtful);
    if (!kind && check_different(command, data) != EXIT_OK) return EXIT_FAILED;
    if (n > CLASSES)
        return failed(command,
                      "%s: column \"%s\" holds %zu different words, but the limit is %d classes",
                      path, column, n, CLASSES);
    return EXIT_OK;
}

/* Make a class of each word. */
static int classes_from_words(const char *command, const dataset *data, task *made) {
    const size_t n = snnk_table_words(data->targets, data->target);
    int exit_status = EXIT_OK;

    for (size_t k = 0; exit_status == EXIT_OK && k < n; k++)
        exit_status =
            task_add_class(command, made, snnk_table_word(data->targets, data->target, k));
    return exit_status;
}

/* ---- Numbers ---- */

/* The different values of a target, as far as they can be classes. */
typedef struct values {
    double *sorted; /* room for CLASSES + 1; not all of them if there are more, or fractions */
    size_t n;
    bool whole;      /* all values are whole numbers */
    double fraction; /* the first one that is not, and its row */
    size_t fraction_row;
} values;

static void add_value(values *v, double value) {
    size_t begin = 0, end = v->n;

    while (begin < end) {
        const size_t middle = begin + (end - begin) / 2;

        if (v->sorted[middle] < value)
            begin = middle + 1;
        else
            end = middle;
    }
    if ((begin < v->n && v->sorted[begin] == value) || v->n > CLASSES) return;
    memmove(v->sorted + begin + 1, v->sorted + begin, (v->n - begin) * sizeof *v->sorted);
    v->sorted[begin] = value + 0.0; /* -0 becomes 0 */
    v->n++;
}

/* Find the values of the only target. Refuses missing ones. v->sorted must be freed in any case. */
static int find_values(const char *command, dataset *data, values *v) {
    double Y[BATCH_ROWS];

    *v = (values){.whole = true};
    if (!(v->sorted = malloc((CLASSES + 1) * sizeof *v->sorted)))
        return failed(command, "out of memory");
    for (size_t first = 0; first < data->rows; first += BATCH_ROWS) {
        const size_t n = data->rows - first < BATCH_ROWS ? data->rows - first : BATCH_ROWS;

        if (dataset_read_targets(data, first, n, Y) != SNNK_OK) return library_failed(command);
        for (size_t i = 0; i < n && v->whole; i++) {
            if (Y[i] == floor(Y[i])) {
                add_value(v, Y[i]);
                continue;
            }
            v->whole = false;
            v->fraction = Y[i];
            v->fraction_row = first + i;
        }
    }
    return EXIT_OK;
}

/* Append a class for each value that is none yet. */
static int classes_from_values(const char *command, const values *v, task *made) {
    int exit_status = EXIT_OK;

    for (size_t k = 0; exit_status == EXIT_OK && k < v->n; k++) {
        char name[32];

        if (task_class_of_number(made, v->sorted[k]) >= 0) continue;
        snprintf(name, sizeof name, "%.17g", v->sorted[k]);
        exit_status = task_add_class(command, made, name);
    }
    return exit_status;
}

static int check_values(const char *command, const dataset *data, const values *v) {
    if (!v->whole)
        return failed(command,
                      "%s: classes must be words or whole numbers: row %zu, column %s has %s",
                      data->targets_path, v->fraction_row + 1, dataset_target_name(data),
                      text_of_number(v->fraction).digits);
    if (v->n > CLASSES)
        return failed(command, "%s: more than %d different numbers, but the limit is %d classes",
                      data->targets_path, CLASSES, CLASSES);
    return EXIT_OK;
}

/* Refuse targets of a regression that are the same in all rows. */
static int check_varying(const char *command, dataset *data) {
    const size_t l = data->n_targets;
    double *firsts = calloc(l, sizeof *firsts), *Y = calloc(BATCH_ROWS, l * sizeof *Y);
    int exit_status = firsts && Y ? EXIT_OK : failed(command, "out of memory");
    bool varies = false;

    for (size_t first = 0; exit_status == EXIT_OK && !varies && first < data->rows;
         first += BATCH_ROWS) {
        const size_t n = data->rows - first < BATCH_ROWS ? data->rows - first : BATCH_ROWS;

        if (dataset_read_targets(data, first, n, Y) != SNNK_OK)
            exit_status = library_failed(command);
        else if (first == 0)
            memcpy(firsts, Y, l * sizeof *firsts);
        for (size_t i = 0; exit_status == EXIT_OK && i < n * l; i++)
            varies |= Y[i] != firsts[i % l];
    }
    if (exit_status == EXIT_OK && !varies)
        exit_status =
            failed(command,
                   "%s: every row has the target%s %s%s: there is nothing to learn from one value",
                   data->targets_path, l > 1 ? "s" : "", text_of_number(firsts[0]).digits,
                   l > 1 ? " ..." : "");
    free(Y);
    free(firsts);
    return exit_status;
}

/* ---- The decision ---- */

#define because(...) snprintf(made->reason, sizeof made->reason, __VA_ARGS__)

/* Decide between the tasks for whole numbers, and say why. */
static bool are_classes(const dataset *data, const values *v, task *made) {
    const char *column = dataset_target_name(data);

    if (v->n <= GUESSED && data->rows >= 2 * v->n) {
        because("column %s has %zu different whole numbers", column, v->n);
        return true;
    }
    if (dataset_has_labels(data) && v->n <= LABELS) {
        because("the labels are %zu different whole numbers", v->n);
        return true;
    }
    if (v->n > CLASSES)
        because("column %s has more than %d different numbers", column, CLASSES);
    else if (v->n > GUESSED)
        because("column %s has %zu different whole numbers; up to %d are classes", column, v->n,
                GUESSED);
    else
        because("column %s has %zu different whole numbers in %zu rows; classes need two rows each",
                column, v->n, data->rows);
    return false;
}

static int task_of_words(const char *command, const dataset *data, const char *kind, task *made) {
    const int exit_status = check_words(command, data, kind);

    if (exit_status != EXIT_OK) return exit_status;
    because("column \"%.80s\" holds words", dataset_words(data));
    made->classification = true;
    made->outputs = 0;
    return classes_from_words(command, data, made);
}

static int task_of_numbers(const char *command, dataset *data, const char *kind, task *made) {
    values v;
    int exit_status = find_values(command, data, &v);

    if (exit_status != EXIT_OK) {
        free(v.sorted);
        return exit_status;
    }
    if (kind) {
        made->classification = strcmp(kind, "classification") == 0;
    } else if (!v.whole) {
        because("column %s has numbers that are not whole, such as %s", dataset_target_name(data),
                text_of_number(v.fraction).digits);
    } else {
        made->classification = are_classes(data, &v, made);
    }
    if (made->classification) {
        made->outputs = 0;
        exit_status = check_values(command, data, &v);
        if (exit_status == EXIT_OK) exit_status = classes_from_values(command, &v, made);
    }
    free(v.sorted);
    return exit_status;
}

int task_from_data(const char *command, dataset *data, const char *kind, task *made) {
    int exit_status = EXIT_OK;

    *made = (task){.outputs = data->n_targets};
    if (data->rows == 0) return failed(command, "%s has no rows", data->path);
    if (data->rows == 1)
        return failed(command, "%s has only one row: nothing can be learned from it", data->path);
    if (dataset_words(data))
        exit_status = task_of_words(command, data, kind, made);
    else if (data->n_targets == 1)
        exit_status = task_of_numbers(command, data, kind, made);
    else if (kind && strcmp(kind, "classification") == 0)
        return failed(command, "%s has %zu target columns, but classes are one", data->targets_path,
                      data->n_targets);
    else if (!kind && data->n_targets > data->n_inputs && (data->labels || data->n_inputs == 1))
        return failed(command,
                      "the targets %s have %zu columns and the inputs %s %zu: are they swapped? If "
                      "not, use --task regression",
                      data->targets_path, data->n_targets, data->path, data->n_inputs);
    else
        because("there are %zu target columns", data->n_targets);
    if (kind) because("asked for with --task");
    if (exit_status != EXIT_OK) return exit_status;
    if (!made->classification) return check_varying(command, data);
    if (made->outputs == 1)
        return failed(
            command, "%s: every row has the class \"%s\": there is nothing to learn with one class",
            data->targets_path, made->classes[0]);
    exit_status = task_sort_classes(command, made);
    return exit_status == EXIT_OK ? task_note_rare(command, data, made) : exit_status;
}

/* ---- New classes ---- */

static int add_words(const char *command, const dataset *data, task *made) {
    const size_t n = snnk_table_words(data->targets, data->target);
    int exit_status = EXIT_OK;

    for (size_t k = 0; exit_status == EXIT_OK && k < n; k++) {
        const char *word = snnk_table_word(data->targets, data->target, k);

        if (task_class_of_word(made, word) < 0) exit_status = task_add_class(command, made, word);
    }
    return exit_status;
}

static int add_numbers(const char *command, dataset *data, task *made) {
    const size_t before = made->outputs;
    values v;
    int exit_status = find_values(command, data, &v);

    if (exit_status == EXIT_OK) exit_status = check_values(command, data, &v);
    if (exit_status == EXIT_OK) exit_status = classes_from_values(command, &v, made);
    free(v.sorted);
    if (exit_status == EXIT_OK && made->outputs > before + ADDED)
        return failed(command,
                      "%s: column %s has %zu numbers that are not classes of the model; at most %d "
                      "are added at once",
                      data->targets_path, dataset_target_name(data), made->outputs - before, ADDED);
    return exit_status;
}

int task_add_classes(const char *command, dataset *data, task *made, size_t *added) {
    const size_t before = made->outputs;
    const bool words = snnk_table_words(data->targets, data->target) > 0;
    int exit_status = EXIT_OK;

    /* Words are not added to numbers, nor numbers to words: they are more likely another column. */
    if (words && made->n_values < before) exit_status = add_words(command, data, made);
    if (!words && made->n_values > 0) exit_status = add_numbers(command, data, made);
    if (exit_status == EXIT_OK && made->outputs > CLASSES)
        exit_status = failed(command, "%s: the model would have %zu classes, but the limit is %d",
                             data->targets_path, made->outputs, CLASSES);
    *added = made->outputs - before;
    return exit_status == EXIT_OK ? task_sort_classes(command, made) : exit_status;
}
