/* The methods that `snnk compress` compares: the layer itself, the student, simpler replacements
 * with no more parameters, and the layer itself and the student in fewer bits. */
#ifndef SNNK_CLI_COMPRESS_METHODS_H
#define SNNK_CLI_COMPRESS_METHODS_H

#include "cli/cli.h"

enum {
    TEACHER,
    STUDENT,
    LINEAR,
    NEURONS,
    SINGULAR_VALUES,
    RANDOM,
    INT8,
    INT4,
    STUDENT_INT8,
    METHODS
};

typedef struct compress_method {
    double explained; /* NaN if there is no such replacement */
    double parameters, multiply_adds, bytes;
} compress_method;

extern const char *const compress_methods[METHODS];     /* names for people */
extern const char *const compress_method_keys[METHODS]; /* names in JSON and CSV */

/* Read the methods from a report. d, h, l: inputs, hidden units and outputs of the teacher. */
void compress_methods_of(const snnk_distill_report *report, size_t d, size_t h, size_t l,
                         compress_method methods[METHODS]);

/* sqrt(1 - explained); 1 for a method that is worse than a constant. */
double compress_relative_error(const compress_method *method);

/* The best of the simpler replacements, LINEAR ... RANDOM, if it explains at least as much as the
 * student; otherwise METHODS. */
int compress_best_simpler(const snnk_distill_report *report,
                          const compress_method methods[METHODS]);

/* INT4 or INT8 if it explains at least as much as the student in about as many bytes; otherwise
 * METHODS. */
int compress_best_rounded(const snnk_distill_report *report,
                          const compress_method methods[METHODS]);

#endif
