/* The snnk program: one file a command, and what they share. */
#ifndef SNNK_CLI_CLI_H
#define SNNK_CLI_CLI_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

#include <snnk/snnk.h>

/* Exit statuses, documented in every --help. */
enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_CANCELLED = 130 };

/* Rows that go through at a time. */
enum { BATCH_ROWS = 1024 };

int fit_command(int argc, char **argv);
int eval_command(int argc, char **argv);
int predict_command(int argc, char **argv);
int info_command(int argc, char **argv);
int update_command(int argc, char **argv);
int forget_command(int argc, char **argv);
int merge_command(int argc, char **argv);
int compress_command(int argc, char **argv);

/* How a system was solved, by snnk_solve_method. */
extern const char *const solve_methods[4];

/* ---- console.c: what a person sees ---- */

#if defined(__GNUC__)
#define CLI_PRINTF __attribute__((format(printf, 2, 3)))
#else
#define CLI_PRINTF
#endif

/* Say on stderr what is wrong, as "snnk <command>: ..."; with a pointer to the help, or without. */
CLI_PRINTF void complain(const char *command, const char *format, ...);
CLI_PRINTF void complain_of_usage(const char *command, const char *format, ...);

/* From now on keep the first of them, until it is said: for processes of which one shall speak. */
void hold_complaints(void);
void say_held_complaints(void);

/* The same of what getopt_long did not take: it gave `option`, ':' or '?', at argv[optind - 1]. */
void complain_of_option(const char *command, int option, char **argv);

/* The same, and the exit status to return; library_failed says the library's last error. Macros, so
 * that analysers see the status. */
#define failed(...)             (complain(__VA_ARGS__), EXIT_FAILED)
#define wrong_usage(...)        (complain_of_usage(__VA_ARGS__), EXIT_USAGE)
#define wrong_option(...)       (complain_of_option(__VA_ARGS__), EXIT_USAGE)
#define library_failed(command) failed(command, "%s", snnk_last_error())

/* Set by SIGINT after catch_interrupts; long loops look at it between batches. */
extern volatile sig_atomic_t interrupted;
void catch_interrupts(void);

/* A bar on stderr if that is a terminal; nothing elsewhere, or when quiet. Call with done = total at
 * the end, which clears the line. */
void show_progress(bool quiet, const char *what, size_t done, size_t total);

/* Whether two paths, either NULL, name one existing file: a result written to it would be the end of an
 * input. */
bool same_file(const char *a, const char *b);

/* Whether a file can be made there: better known before long work than after it. Says what is wrong itself. */
int check_save(const char *command, const char *path);

double seconds_now(void); /* of a clock that never steps */
double peak_memory_mb(void);
size_t online_processors(void);

/* Decimal numbers, whole string: true if text is one. */
bool read_size(const char *text, size_t *value);
bool read_u64(const char *text, uint64_t *value);
bool read_double(const char *text, double *value);

/* The index of text in names (n), or -1. */
int find_name(const char *text, const char *const *names, int n);

/* ---- data.c: rows and their targets ---- */

/* Where a data set comes from: one CSV with a target column, or two files. */
typedef struct data_files {
    const char *table;   /* CSV */
    const char *target;  /* its target column; NULL: the last */
    const char *inputs;  /* IDX, .npy or CSV */
    const char *targets; /* the same; NULL where targets are not needed */
} data_files;

typedef struct dataset {
    snnk_table *inputs;
    snnk_table *targets;   /* may be `inputs` itself; NULL without targets */
    size_t rows, n_inputs; /* n_inputs: columns used */
    size_t *columns;       /* which, n_inputs of them */
    size_t target;         /* the target column of a CSV; otherwise 0 */
    size_t n_targets;      /* columns of targets */
    const char *path;      /* of the inputs, and of the targets: */
    const char *targets_path;
    float *buffer; /* BATCH_ROWS x the wider of the tables */
} dataset;

/* Open. `wanted`: a JSON array of input column names, as a model carries it, or NULL for all columns
 * but the target. Says what is wrong itself, and gives an exit status. */
int dataset_open(const char *command, const data_files *files, const char *wanted, dataset *data);
void dataset_close(dataset *data);

/* Rows first ... first+n-1, n <= BATCH_ROWS. X: n x n_inputs; Y: n x n_targets. */
int dataset_read(dataset *data, size_t first, size_t n, float *X);
int dataset_read_targets(dataset *data, size_t first, size_t n, float *Y);

/* The name of the first column of targets that holds words; NULL if all hold numbers. */
const char *dataset_words(const dataset *data);

/* Learning from rows first ... first+n-1 failed: say so with the file and, where a value that is not
 * finite is the reason, its place in it. X: as read; Y: as read, or NULL. */
void complain_of_rows(const char *command, const dataset *data, size_t first, size_t n,
                      const float *X, const float *Y);
#define learning_failed(...) (complain_of_rows(__VA_ARGS__), EXIT_FAILED)

/* ---- task.c: classification or regression, and how well it is done ---- */

typedef struct task {
    bool classification;
    size_t outputs;
    char **classes; /* names; NULL for regression, and for classes that are numbers */
} task;

/* What the targets of a training set ask for. kind: "classification", "regression" or NULL to look at
 * the targets: words, and whole numbers in 0 ... 99, are classes. Numbers and words in one column are
 * more likely numbers of which one is missing than classes, and refused then. */
int task_from_data(const char *command, dataset *data, const char *kind, task *made);

/* Classes of the data that the task does not have yet become its last ones; *added: how many. */
int task_add_classes(const char *command, dataset *data, task *made, size_t *added);

/* Through a model's notes; the second: the classes alone. */
int task_save(const task *from, const dataset *data, snnk_network *network);
int task_save_classes(const task *from, snnk_network *network);
int task_load(const char *command, const snnk_network *network, task *made);
void task_free(task *made);

/* The class of each of n rows of targets (n x 1, as read) into labels. For a test set with words of
 * its own, by name. */
int task_labels(const char *command, const task *from, const dataset *data, size_t n,
                const float *Y, int32_t *labels);

/* "3", or the class's name. buffer: 32 bytes, used for numbers. */
const char *task_class_name(const task *from, size_t class_index, char *buffer);

size_t largest_score(size_t n, const float *scores);

/* Whether a model of `inputs` inputs can be scored on these data. */
int task_check(const char *command, const task *what, size_t inputs, const dataset *data);

typedef struct evaluation {
    size_t rows;
    double accuracy;      /* classification */
    size_t *confusion;    /* outputs x outputs: [true][predicted]; to be freed */
    double rmse, mae, r2; /* regression, over all outputs */
    double seconds;       /* of forwards alone */
} evaluation;

/* data: such as task_check lets pass. */
int evaluate(const char *command, const snnk_network *network, const task *what, dataset *data,
             snnk_workspace *workspace, bool quiet, evaluation *result);

#endif
