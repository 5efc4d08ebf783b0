/* What the experiments share: checked calls, time, and a table of results over seeds. */
#ifndef PAPER_COMMON_H
#define PAPER_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* End the program, with the sentence of the library, if a call fails. */
#define CHECK(call)                                                                                \
    do {                                                                                           \
        if ((call) != SNNK_OK) die("%s: %s", #call, snnk_last_error());                            \
    } while (0)

/* Print a sentence on stderr and exit with status 1. */
_Noreturn void die(const char *format, ...);

/* Print a line about progress on stderr, if that is a terminal. */
void say(const char *format, ...);

void *allocate(size_t count, size_t bytes);

/* CPU time of this process, all threads. */
double cpu_seconds(void);

/* Open a file for writing in a folder, or die. */
FILE *open_output(const char *folder, const char *name);

/* ---- Results ---- */

enum { MOST_COLUMNS = 8 };

/* A number that an experiment measures for each run of a method. */
typedef struct column {
    const char *key;    /* in JSON */
    const char *title;  /* in the table */
    const char *format; /* of a mean, "%.1e" say */
} column;

/* The results of one run. NAN: not measured. */
typedef struct result {
    char method[64];
    size_t numbers; /* stored by the model */
    int seed;
    double value[MOST_COLUMNS];
} result;

typedef struct results {
    size_t n_columns;
    const column *columns;
    size_t n, capacity;
    result *rows; /* runs of one method and size follow each other */
} results;

void results_add(results *all, const result *row);

/* Add the rows of a file of a rival: method, numbers, seed and values, separated by tabs. Returns
 * false if there is no such file. */
bool results_read(results *all, const char *path);

void results_free(results *all);

/* The worst, that is largest, value of a method over its seeds; NAN if there is none. */
double results_largest(const results *all, const char *method, size_t numbers, size_t at);

/* The mean over seeds. numbers 0: of any size. */
double results_mean(const results *all, const char *method, size_t numbers, size_t at);

/* Print a line for each method and size: means over seeds, with standard deviations. */
void results_print(const results *all);

/* Print "results":[...], with means and standard deviations. */
void results_print_json(const results *all);

/* Print "key":value; null if it is not finite. */
void print_number(const char *key, double value);

#endif
