/* The task of a model: classification, with the names of its classes, or regression. It is stored
 * in the notes of the model's file. */
#ifndef SNNK_CLI_TASK_H
#define SNNK_CLI_TASK_H

#include <cjson/cJSON.h>

#include "cli/dataset.h"

/* A class that is found by its name, or by the number that is its name. */
typedef struct class_key {
    const char *name;
    double value;
    int32_t index;
} class_key;

typedef struct task {
    bool classification;
    size_t outputs; /* number of classes, or of targets */
    char **classes; /* names of the classes; NULL for regression */
    class_key *by_name,
        *by_value;         /* the classes sorted by name, and those with numbers for names */
    size_t n_names;        /* length of by_name: classes that are appended are not in it yet */
    size_t n_values;       /* length of by_value */
    double *class_weights; /* how much a row of each class counts; NULL: 1 */
    bool rare;             /* a class has far fewer rows than the others, but at least 2: set by
                            * task_note_unbalanced */
    char reason[256];      /* why it is this task, from task_from_data */
} task;

/* All functions that take a command print their errors and return an exit status. */

/* Find the task of a training set.
 *   kind  "classification" or "regression"; NULL: found, see docs/program.md. A column with both
 *         words and numbers is refused then, because it is more likely numbers with a missing one
 *         than classes. */
int task_from_data(const char *command, dataset *data, const char *kind, task *made);

/* Append a class. After the last one, call task_sort_classes. */
int task_add_class(const char *command, task *made, const char *name);
int task_sort_classes(const char *command, task *made);

/* The index of the class with a name; -1 if there is none. */
int32_t task_class_of_number(const task *from, double value);
int32_t task_class_of_word(const task *from, const char *word);

/* Append the classes in the data that the task does not have. *added: how many there were. */
int task_add_classes(const char *command, dataset *data, task *made, size_t *added);

/* Note on stderr which classes have fewer than two rows. */
int task_note_rare(const char *command, dataset *data, const task *what);

/* Note on stderr if a class has far fewer rows than the others, and set `rare`. */
int task_note_unbalanced(const char *command, dataset *data, task *what);

/* Set class_weights so that the rows of every class have the same total weight, and all rows
 * together the same as before. */
int task_balance(const char *command, dataset *data, task *made);

/* Multiply the weights of n rows by those of their classes. */
void task_weigh(const task *from, size_t n, const int32_t *labels, float *weights);

/* Print the task and the reason, as the first line of a report, or add them to it, with the
 * classes. */
void task_print(const task *what);
void task_add_json(const task *what, cJSON *json);

/* Store the task and the names of its columns, or only its classes, in the notes of a model. Return
 * a status of the library. */
int task_save(const task *from, const dataset *data, snnk_network *network);
int task_save_classes(const task *from, snnk_network *network);

/* Read the task from the notes of a model. Classes without names are named 0, 1, 2 ... */
int task_load(const char *command, const snnk_network *network, task *made);
void task_free(task *made);

/* Check that a model with `inputs` inputs can be scored on these data. */
int task_check(const char *command, const task *what, size_t inputs, const dataset *data);

/* Find the class of each of n rows of targets (Y: n x 1, as read), by name, even if the names of
 * the model's classes are words and those in the data happen to be numbers. first: the index of the
 * first row. */
int task_labels(const char *command, const task *from, const dataset *data, size_t first, size_t n,
                const double *Y, int32_t *labels);

/* The index of the largest of n scores, which is the predicted class. */
size_t largest_score(size_t n, const double *scores);

#endif
