/* The command line of `snnk compress`. */
#ifndef SNNK_CLI_COMPRESS_OPTIONS_H
#define SNNK_CLI_COMPRESS_OPTIONS_H

#include "cli/cli.h"

typedef struct compress_options {
    const char *file; /* safetensors */
    const char *weight, *bias, *then_weight, *then_bias;
    const char *inputs, *targets, *save, *plot;
    uint64_t features;   /* 0: by share or error */
    double share, error; /* 0: not given */
    int32_t activation;  /* -1: not given */
    snnk_distill_config distill;
    bool transposed, json, quiet, help;
    size_t threads;
    char csv[4096]; /* path for the numbers of the plot */
} compress_options;

/* Read the options. Prints the error and returns an exit status. With o->help, nothing else in *o
 * is checked. */
int compress_options_read(int argc, char **argv, compress_options *o);

extern const char compress_help[];

#endif
