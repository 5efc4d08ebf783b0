/* The command line of `snnk compress`. */
#ifndef SNNK_CLI_COMPRESS_OPTIONS_H
#define SNNK_CLI_COMPRESS_OPTIONS_H

#include "cli/dataset.h"
#include "cli/plot.h"

enum { MAX_LAYERS = 256 };

/* How a weight matrix is stored. */
enum { OUTPUTS_BY_INPUTS, INPUTS_BY_OUTPUTS };

/* The name of an orientation as in --orientation; NULL for an unknown value. */
const char *compress_orientation_name(int32_t orientation);

/* A dense layer, by the names of its tensors. */
typedef struct compress_layer {
    const char *weight, *bias; /* bias: NULL if there is none */
    int32_t activation;
} compress_layer;

typedef struct compress_options {
    const char *file; /* safetensors */
    compress_layer layers[MAX_LAYERS];
    size_t n_layers; /* 0: the file is a model of snnk, and all of it is compressed */
    const char *save, *write_back, *plot, *task;
    data_files files;    /* inputs, targets, and how CSV is read */
    uint64_t features;   /* 0: by share or error */
    double share, error; /* 0: not given */
    int32_t orientation; /* -1: not given */
    int32_t method;      /* snnk_distill_method that is saved */
    bool keep_small;     /* the small network is saved instead */
    snnk_distill_config distill;
    uint64_t tune;      /* epochs; 0: no tuning */
    double tune_rate;   /* 0: the default */
    double tune_blends; /* below 0: the default */
    bool block_rows;    /* --heldout-block-rows was given */
    bool json, quiet, help;
    size_t threads;
    char csv[PLOT_PATH_ROOM]; /* path for the numbers of the plot */
} compress_options;

/* Read the options. Prints the error and returns an exit status. With o->help, nothing else in *o
 * is checked. Texts of argv may be changed. */
int compress_options_read(int argc, char **argv, compress_options *o);

void compress_print_help(void);

#endif
