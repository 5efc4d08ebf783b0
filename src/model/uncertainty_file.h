/* Uncertainties in the files of networks. */
#ifndef SNNK_MODEL_UNCERTAINTY_FILE_H
#define SNNK_MODEL_UNCERTAINTY_FILE_H

#include <snnk/uncertainty.h>

#include "io/safetensors.h"

/* Add the record of an uncertainty to a file. The writer keeps failures. */
void snnk__uncertainty_write(snnk__safetensors_writer *writer, const snnk_uncertainty *uncertainty);

/* Set *uncertainty to the one in a file; NULL if the file has none. SNNK_E_FORMAT,
 * SNNK_E_NONFINITE, SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__uncertainty_in_file(const snnk__safetensors_reader *reader,
                              const snnk_allocator *allocator, snnk_uncertainty **uncertainty);

#endif
