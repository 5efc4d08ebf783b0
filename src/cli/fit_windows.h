/* Windows before the features of `snnk fit`: a tower that the inputs pass through first. */
#ifndef SNNK_CLI_FIT_WINDOWS_H
#define SNNK_CLI_FIT_WINDOWS_H

#include "cli/dataset.h"

/* What the options say. */
typedef struct window_options {
    size_t filters;     /* 0: no windows */
    size_t shape[3];    /* height, width and channels; all 0: as the file has them */
    size_t patch, grid; /* sides; 0: the defaults */
} window_options;

/* Read the value of --image-shape: HxW or HxWxC. Returns false if it is none. */
bool read_image_shape(const char *text, size_t shape[3]);

/* Make the tower from a sample of the rows, which are images or series. Prints its error and
 * returns an exit status.
 *   data   not through a tower yet
 *   tower  out: a network of one layer */
int fit_windows_create(const char *command, const window_options *o, uint64_t seed, dataset *data,
                       snnk_network **tower);

#endif
