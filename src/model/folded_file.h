/* Blocks of URF behind a linear map, in model files. docs/format.md, "Folded blocks". */
#ifndef SNNK_MODEL_FOLDED_FILE_H
#define SNNK_MODEL_FOLDED_FILE_H

#include "model/description.h"
#include "model/network_file.h"

/* Add what describes a block of kind FOLDED_URF, beyond what all kinds have. False: out of memory. */
bool snnk__folded_describe(cJSON *json, const snnk__map_block *block);

/* Add its tensors, but for rows and offsets. Failures stick to the writer. */
void snnk__folded_add(snnk__safetensors_writer *writer, size_t layer, size_t index,
                      const snnk__map_block *block);

/* Before anything is allocated for it: the description makes sense, and the tensors that it announces
 * are there. *features: how many it has, at most 4 times the rows in the file. SNNK_E_FORMAT. */
int snnk__folded_check(const snnk__safetensors_reader *reader, const cJSON *json, size_t layer,
                       size_t index, size_t inputs, size_t *features);

/* Make a block whose description has been checked. SNNK_E_FORMAT, SNNK_E_NONFINITE, SNNK_E_NOMEM. */
int snnk__folded_load(const snnk__safetensors_reader *reader, const snnk_allocator *allocator,
                      const cJSON *json, size_t layer, size_t index, size_t inputs,
                      snnk__map_block **block);

#endif
