/* `snnk compress`: what its files share. */
#ifndef SNNK_CLI_COMPRESS_H
#define SNNK_CLI_COMPRESS_H

#include "cli/cli.h"

typedef struct compress_options {
    const char *file; /* safetensors */
    const char *weight, *bias, *then_weight, *then_bias;
    const char *inputs, *targets, *save, *plot;
    uint64_t features;   /* 0: a share, or an error */
    double share, error; /* 0: not said */
    int32_t activation;  /* -1: not said */
    snnk_distill_config distill;
    bool transposed, json, quiet, help;
    size_t threads;
    char csv[4096]; /* numbers of the plot */
} compress_options;

/* Read options; says what is wrong itself, and gives an exit status. With o->help nothing else of *o is checked. */
int compress_options_read(int argc, char **argv, compress_options *o);

extern const char compress_help[];
extern const char *const compress_tiers[3]; /* by snnk_distill_tier */

/* The teacher's layers, of tensors of a file; `inputs`: of the calibration rows. readout: NULL without
 * --then. Says what is wrong itself. */
int compress_read_teacher(const compress_options *o, size_t inputs, snnk_layer **hidden,
                          snnk_layer **readout);

/* The teacher, the student, and what simpler ones explain with no more parameters. */
enum { TEACHER, STUDENT, LINEAR, NEURONS, VALUES, RANDOM, METHODS };

typedef struct compress_method {
    double explained; /* NaN: there is none */
    double parameters, multiply_adds;
} compress_method;

extern const char *const compress_methods[METHODS];     /* for people */
extern const char *const compress_method_keys[METHODS]; /* for JSON and CSV */

/* What a report says of each. d, h, l: of the teacher. */
void compress_methods_of(const snnk_distill_report *report, size_t d, size_t h, size_t l,
                         compress_method methods[METHODS]);

double compress_relative_error(const compress_method *method); /* 1 for worse than a constant */

/* A picture of errors against parameters: reports of students of several sizes. */
typedef struct compress_curve {
    size_t n;
    struct {
        uint64_t features;
        compress_method methods[METHODS];
    } points[64];
} compress_curve;

/* Whether gnuplot is there: better known before long work. */
int compress_check_plot(void);

/* Draw for `path`, by gnuplot, and its numbers for `csv`: beside them, until compress_plot_keep moves both there or
 * compress_plot_drop removes them. Says what is wrong itself, and has left nothing then. */
int compress_plot(const char *path, const char *csv, const compress_curve *curve);
int compress_plot_keep(const char *path, const char *csv);
void compress_plot_drop(const char *path, const char *csv);

#endif
