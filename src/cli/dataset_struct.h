/* What a data set consists of; dataset.h has its functions. */
#ifndef SNNK_CLI_DATASET_STRUCT_H
#define SNNK_CLI_DATASET_STRUCT_H

#include "cli/cli.h"

/* The files of a data set: one CSV with a target column, or two files. Columns are given by their
 * names or, if no column has that name, by their numbers from 1. */
typedef struct data_files {
    const char *table;   /* CSV */
    const char *target;  /* its target column; NULL: the last that is nothing else */
    const char *inputs;  /* IDX, .npy or CSV */
    const char *targets; /* the same; NULL where targets are not needed */
    bool labels;         /* `targets` was given as labels, which are more likely classes */
    const char *columns; /* the only inputs, separated by commas; NULL: all but the following */
    const char *drop;    /* no inputs, separated by commas */
    const char *weights; /* the weight of each row; NULL: 1 */
    const char *group;   /* rows with equal values belong together; NULL for none */
    const char *missing_words; /* texts of CSV that mean "missing", as in snnk_table_config */
    int32_t missing;           /* snnk_missing: what becomes of missing inputs */
    bool date_parts;           /* dates become times of year, week and day too */
    int32_t separator;         /* of CSV, as in snnk_table_config; 0: found */
    int32_t decimal;           /* likewise */
    bool no_header;            /* CSV has no header; false: found */
    bool keep_constants;       /* constant columns of a training set are inputs too */
} data_files;

#define NO_COLUMN SIZE_MAX

typedef struct dataset {
    snnk_table *inputs;
    snnk_table *targets;   /* the same table as `inputs` for one CSV; NULL without targets */
    size_t rows, n_inputs; /* n_inputs: number of columns used as inputs, or outputs of the tower */
    size_t *columns;       /* their indices in the table */
    size_t *constants;     /* indices of the columns of a training set with one value: no inputs */
    size_t n_constants;
    size_t *names; /* indices of the columns whose words only name the rows: no inputs */
    size_t n_names;
    size_t weights, group;     /* indices in `inputs`; NO_COLUMN if there is none */
    size_t target;             /* one CSV: the index of the target column; otherwise 0 */
    bool by_default;           /* `target` is the last column that is nothing else */
    size_t n_targets;          /* number of target columns */
    const char *path;          /* of the inputs, for messages */
    const char *targets_path;  /* of the targets */
    const char *missing_words; /* as given, or NULL */
    bool labels;               /* the targets were given as labels */
    snnk_encoder *encoder;     /* makes the inputs of the table's columns; NULL: they are numbers */
    snnk_network *tower;       /* what the inputs pass through when they are read; NULL: nothing */
    snnk_workspace *workspace; /* for the tower, borrowed */
    double *before_tower;      /* a batch of its inputs */
    const uint8_t *folds;      /* the fold of each row, borrowed; NULL: all rows count */
    uint8_t fold;              /* if folds: only rows of this fold count, */
    bool without_fold;         /* or only the others */
    struct row_copies *copies; /* take the place of rows, before the tower; borrowed. NULL: none */
    uint64_t missing, unknown_words; /* counted so far, where there is an encoder */
    /* If missing > 0: the row that was read first with one, from 0, and its column in the
     * encoder. */
    uint64_t missing_row, missing_column;
} dataset;

#endif
