/* A run of `snnk compress`: what it was given, and what it has made so far. */
#ifndef SNNK_CLI_COMPRESS_SESSION_H
#define SNNK_CLI_COMPRESS_SESSION_H

#include "cli/compress_teacher.h"
#include "cli/console.h"

typedef struct compress_session {
    const compress_options *o;
    compress_rows rows, targets;
    int32_t *labels; /* class numbers of --targets; NULL: they are outputs */
    compress_teacher teacher;
    snnk_workspace *workspace;
    snnk_network *network; /* the result: the layers that are saved */

    /* The parts of the teacher that were replaced, by ranges of its layers and of the result's. */
    size_t n_replaced;
    struct {
        size_t first, layers, first_compressed, layers_compressed;
    } replaced[MAX_LAYERS];

    const char *stage;      /* text of the progress bar */
    size_t point, n_points; /* the bar has n_points equal parts; `point` of them are done */
    size_t shown;           /* per mille shown: the bar is drawn only if it changes */
} compress_session;

/* Begin a stage of the progress bar, of one part; NULL: only end the last one. */
void compress_begin_stage(compress_session *s, const char *stage);

/* Draw the bar at `done` of `steps` of the current part. Returns whether to cancel. */
int compress_show(compress_session *s, int32_t done, int32_t steps);

/* Turn a status of the library into an exit status, and print its error. */
int compress_outcome(int st);

/* Set the notes of the result, and write it where the options say. Prints the error and returns an
 * exit status. */
int compress_save(compress_session *s);

/* Print the lines that name the written files. */
void compress_print_files(const compress_options *o);
void compress_add_files(const compress_options *o, cJSON *json);

/* Compress one layer or block, or several parts under one budget; write files and report. Print
 * the error and return an exit status. */
int compress_block(compress_session *s);
int compress_network(compress_session *s);

#endif
