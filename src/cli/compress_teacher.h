/* The layers that `snnk compress` replaces, from the tensors of a safetensors file. */
#ifndef SNNK_CLI_COMPRESS_TEACHER_H
#define SNNK_CLI_COMPRESS_TEACHER_H

#include "cli/compress_options.h"

/* Read the layers.
 *   inputs   number of columns of the calibration rows
 *   readout  NULL without --then
 * Prints the error and returns an exit status. */
int compress_read_teacher(const compress_options *o, size_t inputs, snnk_layer **hidden,
                          snnk_layer **readout);

#endif
