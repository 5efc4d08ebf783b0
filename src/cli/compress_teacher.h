/* The layers that `snnk compress` replaces, from the tensors of a safetensors file. */
#ifndef SNNK_CLI_COMPRESS_TEACHER_H
#define SNNK_CLI_COMPRESS_TEACHER_H

#include <cjson/cJSON.h>

#include "cli/compress_rows.h"

/* How the orientation of a matrix was found. */
enum { BY_SHAPE, BY_CHAIN, BY_OPTION };

/* A weight matrix as it is stored. */
typedef struct compress_matrix {
    size_t inputs, outputs;
    int32_t orientation;
    int found;   /* BY_SHAPE ... */
    size_t like; /* BY_CHAIN: the matrix that it is stored like */
} compress_matrix;

typedef struct compress_teacher {
    snnk_tensors *tensors; /* the file; NULL if it is a model of snnk */
    snnk_network *network; /* the layers, with the notes of the file that fit them */
    compress_matrix matrices[MAX_LAYERS];
} compress_teacher;

/* Read the layers. Prints the error and returns an exit status. compress_teacher_free frees what
 * is there in any case.
 *   rows     the opened inputs
 *   inputs   out: the number of columns that the first layer takes of them */
int compress_teacher_read(const compress_options *o, const compress_rows *rows,
                          compress_teacher *teacher, size_t *inputs);

void compress_teacher_free(compress_teacher *teacher);

/* Print how each matrix is stored, or add it to a JSON object. */
void compress_teacher_print(const compress_options *o, const compress_teacher *teacher);
void compress_teacher_add_json(const compress_options *o, const compress_teacher *teacher,
                               cJSON *json);

#endif
