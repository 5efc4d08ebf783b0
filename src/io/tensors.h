/* The tensors of an open file, as they are stored. */
#ifndef SNNK_IO_TENSORS_H
#define SNNK_IO_TENSORS_H

#include <snnk/tensors.h>

#include "io/tensors_file.h"

/* Find a tensor, and the file that has it. Opens the file of an index if it is not open yet.
 * SNNK_E_FORMAT (no tensor has this name), else as snnk_tensors_open. */
int snnk__tensors_find(const snnk_tensors *tensors, const char *name,
                       const snnk__tensors_file **file, const snnk__safetensors_tensor **tensor);

/* The allocator that the tensors were opened with. */
const snnk_allocator *snnk__tensors_allocator(const snnk_tensors *tensors);

#endif
