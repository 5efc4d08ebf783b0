/* Windows and scattering before the features of `snnk fit`: a tower that the inputs pass through
 * first. */
#ifndef SNNK_CLI_FIT_WINDOWS_H
#define SNNK_CLI_FIT_WINDOWS_H

#include "cli/dataset.h"

/* What the options say. */
typedef struct window_options {
    size_t filters; /* 0: no windows */
    bool scattering;
    size_t shape[3];    /* height, width and channels; all 0: as the file has them */
    size_t patch, grid; /* sides; 0: the defaults */
} window_options;

/* Whether there is a tower. */
bool has_windows(const window_options *o);

/* Read the value of --image-shape: HxW or HxWxC. Returns false if it is none. */
bool read_image_shape(const char *text, size_t shape[3]);

/* Set the shape of a row: that of the options, or that of the file. Prints its error and returns an
 * exit status.
 *   what  what needs it, as in "windows"
 *   data  not through a tower yet */
int find_image_shape(const char *command, const char *what, const window_options *o,
                     const dataset *data, size_t shape[3]);

/* Make the tower from a sample of the rows, which are images or series. Prints its error and
 * returns an exit status.
 *   data   not through a tower yet
 *   tower  out: a network of one layer */
int fit_windows_create(const char *command, const window_options *o, uint64_t seed, dataset *data,
                       snnk_network **tower);

/* Print what the tower gives, as lines of the report, or add it to one. */
void fit_windows_print(const window_options *o, const dataset *data);
void fit_windows_add_json(const window_options *o, const dataset *data, cJSON *json);

#endif
