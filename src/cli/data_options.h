/* Options of the commands that learn from a training set: its files and columns, the test set, and
 * the task. */
#ifndef SNNK_CLI_DATA_OPTIONS_H
#define SNNK_CLI_DATA_OPTIONS_H

#include "cli/options.h"
#include "cli/task.h"

typedef struct data_options {
    data_files train, test;
    const char *task; /* "classification" or "regression"; NULL: not given */
    bool balance;
} data_options;

/* The first values of an option's val. A command's own begin at DATA_OPTIONS_END. */
enum {
    DATA_TRAIN = FIRST_OPTION,
    DATA_TARGET,
    DATA_TRAIN_INPUTS,
    DATA_TRAIN_TARGETS,
    DATA_TRAIN_LABELS,
    DATA_TEST,
    DATA_TEST_INPUTS,
    DATA_TEST_TARGETS,
    DATA_SEPARATOR,
    DATA_MISSING,
    DATA_MISSING_WORDS,
    DATA_DATE_PARTS,
    DATA_COLUMNS,
    DATA_DROP,
    DATA_WEIGHTS,
    DATA_GROUP,
    DATA_DECIMAL,
    DATA_NO_HEADER,
    DATA_TASK,
    DATA_BALANCE,
    DATA_OPTIONS_END
};

/* The first entries of a command's long_options. */
#define DATA_LONG_OPTIONS                                                                          \
    {"train", 1, NULL, DATA_TRAIN}, {"target", 1, NULL, DATA_TARGET},                              \
        {"train-images", 1, NULL, DATA_TRAIN_INPUTS},                                              \
        {"train-inputs", 1, NULL, DATA_TRAIN_INPUTS},                                              \
        {"train-labels", 1, NULL, DATA_TRAIN_LABELS},                                              \
        {"train-targets", 1, NULL, DATA_TRAIN_TARGETS}, {"test", 1, NULL, DATA_TEST},              \
        {"test-images", 1, NULL, DATA_TEST_INPUTS}, {"test-inputs", 1, NULL, DATA_TEST_INPUTS},    \
        {"test-labels", 1, NULL, DATA_TEST_TARGETS}, {"test-targets", 1, NULL, DATA_TEST_TARGETS}, \
        {"separator", 1, NULL, DATA_SEPARATOR}, {"missing", 1, NULL, DATA_MISSING},                \
        {"missing-words", 1, NULL, DATA_MISSING_WORDS}, {"date-parts", 0, NULL, DATA_DATE_PARTS},  \
        {"columns", 1, NULL, DATA_COLUMNS}, {"drop", 1, NULL, DATA_DROP},                          \
        {"weights", 1, NULL, DATA_WEIGHTS}, {"group", 1, NULL, DATA_GROUP},                        \
        {"decimal", 1, NULL, DATA_DECIMAL}, {"no-header", 0, NULL, DATA_NO_HEADER},                \
        {"task", 1, NULL, DATA_TASK}, {                                                            \
        "balance", 0, NULL, DATA_BALANCE                                                           \
    }

/* Lines for --help. */
extern const char data_options_help[];

/* Set every field to its default. */
void data_options_init(data_options *o);

/* Whether an option is one of these. */
bool is_data_option(int option);

/* Whether a model that is given decides what this option says. */
bool is_decided_by_model(int option);

/* Set one of these options. Returns false if it does not accept the value. */
bool data_option_set(int option, const char *value, data_options *o);

/* The values that one of these options accepts. */
const char *data_option_takes(int option);

/* Check that the options agree. Prints the error and returns an exit status. */
int data_options_check(const char *command, const data_options *o);

/* Check that a file which is written is none of the data. option: "--save". path: NULL is fine. */
int data_options_check_written(const char *command, const data_options *o, const char *option,
                               const char *path);

/* Take from the notes of a model what is not given: target, weights, groups, missing words. */
void data_options_like(const snnk_network *model, data_options *o);

/* Open the test set, if there is one, with the columns and the target of the training set.
 *   notes  a network with the notes of task_save */
int data_options_open_test(const char *command, const data_options *o, const snnk_network *notes,
                           const task *what, const dataset *train, dataset *test);

#endif
