/* How much a changed network differs from the original on rows of a file. */
#ifndef SNNK_CLI_COMPARISON_H
#define SNNK_CLI_COMPARISON_H

#include "cli/model.h"

typedef struct comparison {
    size_t rows;           /* 0: nothing was compared */
    double relative_error; /* root mean square of the differences of outputs, divided by rms */
    double largest_error;  /* largest difference of outputs, divided by rms */
    double rms;            /* root mean square of the original's outputs */
    size_t same_class;     /* classification: rows whose predicted class is the same */
} comparison;

/* The options of model_options for commands that compare, and their help. */
#define COMPARISON_OPTIONS "test test-inputs separator decimal no-header threads json quiet save"
#define COMPARISON_HELP                                                                            \
    "  --test FILE          rows on which to compare the outputs before and after (CSV, with\n"    \
    "                       columns found by name, IDX or .npy); also --test-inputs\n" CSV_HELP

/* Refuse options that ask for no result. Like the next two functions, it prints the error and
 * returns an exit status. */
int comparison_check(const char *command, const model_use *use);

/* Before long work: check that --save can be written, open the model, and the rows of --test if it
 * was given. */
int comparison_open(const char *command, model_use *use);

/* Compare the model with a changed one on these rows, and save the changed one if that is asked
 * for. */
int comparison_run(const char *command, model_use *use, const snnk_network *changed,
                   comparison *result);

/* Print what was found, or add it to a JSON object. Nothing without rows. */
void comparison_print(const model_use *use, const comparison *result);
void comparison_add_json(const model_use *use, const comparison *result, cJSON *json);

#endif
