/* The task of a model: classification, with the names of its classes, or regression. It is stored
 * in the notes of the model's file. */
#ifndef SNNK_CLI_TASK_H
#define SNNK_CLI_TASK_H

#include "cli/dataset.h"

typedef struct task {
    bool classification;
    size_t outputs; /* number of classes, or of targets */
    char **classes; /* names of the classes; NULL for regression, and for classes 0, 1, 2 ... */
} task;

/* All functions that take a command print their errors and return an exit status. */

/* Find the task of a training set.
 *   kind  "classification" or "regression"; NULL: classification if the targets are words or whole
 *         numbers in 0 ... 99. A column with both words and numbers is refused then, because it is
 *         more likely numbers with a missing one than classes. */
int task_from_data(const char *command, dataset *data, const char *kind, task *made);

/* Append the classes in the data that the task does not have. *added: how many there were. */
int task_add_classes(const char *command, dataset *data, task *made, size_t *added);

/* Store the task and the names of its columns, or only its classes, in the notes of a model. Return
 * a status of the library. */
int task_save(const task *from, const dataset *data, snnk_network *network);
int task_save_classes(const task *from, snnk_network *network);

/* Read the task from the notes of a model. */
int task_load(const char *command, const snnk_network *network, task *made);
void task_free(task *made);

/* Check that a model with `inputs` inputs can be scored on these data. */
int task_check(const char *command, const task *what, size_t inputs, const dataset *data);

/* Find the class of each of n rows of targets (Y: n x 1, as read). Words in the data are matched
 * with the task's classes by name. */
int task_labels(const char *command, const task *from, const dataset *data, size_t n,
                const double *Y, int32_t *labels);

/* The name of a class. buffer: 32 bytes, used if classes are numbers. */
const char *task_class_name(const task *from, size_t class_index, char *buffer);

/* The index of the largest of n scores, which is the predicted class. */
size_t largest_score(size_t n, const double *scores);

#endif
