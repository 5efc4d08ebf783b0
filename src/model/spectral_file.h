/* Blocks made from a spectrum, in model files. docs/format.md, "Blocks from spectra". */
#ifndef SNNK_MODEL_SPECTRAL_FILE_H
#define SNNK_MODEL_SPECTRAL_FILE_H

#include "model/description.h"
#include "model/network_file.h"

/* A row of the tensor `atoms`, in doubles. */
enum {
    SNNK__ATOM_GROWTH,
    SNNK__ATOM_OMEGA,
    SNNK__ATOM_RE,
    SNNK__ATOM_IM,
    SNNK__ATOM_S,
    SNNK__ATOM_A,
    SNNK__ATOM_SHIFT,
    SNNK__ATOM_SHARE,
    SNNK__ATOM_ROWS,
    SNNK__ATOM_PROBABILITY,
    SNNK__ATOM_COLUMNS
};

/* Add what describes a block of kind URF or LINE, beyond what all kinds have. False: out of memory. */
bool snnk__spectral_describe(cJSON *json, const snnk__map_block *block);

/* Add its tensors, but for rows and offsets. Failures stick to the writer. */
void snnk__spectral_add(snnk__safetensors_writer *writer, size_t layer, size_t index,
                        const snnk__map_block *block);

/* Before anything is allocated for it: the description of a block of kind URF or LINE makes sense,
 * and the tensors that it announces are there. *features: how many it has, which is at most 4 times
 * the rows in the file, or the inputs. SNNK_E_FORMAT. */
int snnk__spectral_check(const snnk__safetensors_reader *reader, const cJSON *json, size_t layer,
                         size_t index, size_t inputs, size_t *features);

/* Make a block whose description has been checked. SNNK_E_FORMAT, SNNK_E_NONFINITE, SNNK_E_NOMEM. */
int snnk__spectral_load(const snnk__safetensors_reader *reader, const snnk_allocator *allocator,
                        const cJSON *json, size_t layer, size_t index, size_t inputs,
                        snnk__map_block **block);

#endif
