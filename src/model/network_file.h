/* Networks as model files, in two halves that share names. docs/format.md, "Networks". */
#ifndef SNNK_MODEL_NETWORK_FILE_H
#define SNNK_MODEL_NETWORK_FILE_H

#include <stdio.h>

#include "io/safetensors.h"
#include "model/block_tensors.h"
#include "network/network.h"

#define SNNK__NETWORK_KEY "snnk.network" /* the JSON text that describes the layers */
#define SNNK__NOTE_PREFIX "note."        /* before the key of a note */

/* The largest projection that is drawn again at loading, in numbers: what a small file can make the
 * loader do is bounded, by 1 GiB and seconds. Larger ones are stored. */
#define SNNK__MAX_DRAWN ((uint64_t)1 << 28)

/* Add a network's layers (at least 1) and notes to a file; failures stick to the writer. */
void snnk__network_write_layers(snnk__safetensors_writer *writer, const snnk_network *network,
                                int32_t projection);

/* *network = those of an open file. Untouched on failure: statuses of snnk_network_load_memory. */
int snnk__network_read_layers(const snnk__safetensors_reader *reader,
                              const snnk_allocator *allocator, snnk_network **network);

/* "layers.2.psi". */
static inline void snnk__layer_tensor(char name[SNNK__TENSOR_NAME_BYTES], size_t layer,
                                      const char *what) {
    snprintf(name, SNNK__TENSOR_NAME_BYTES, "layers.%zu.%s", layer, what);
}

/* Names of enumerations in the file, by value. */
extern const char *const snnk__kind_names[SNNK_MAP_FOLDED_URF + 1];

/* Rows and offsets of a block are in the file: G (rows x inputs) or a diagonal. SNNK_E_FORMAT. */
int snnk__block_find_rows(const snnk__safetensors_reader *reader, size_t layer, size_t index,
                          size_t rows, size_t inputs, bool diagonal);

/* Fill a block with them. SNNK_E_FORMAT, SNNK_E_NONFINITE, SNNK_E_NOMEM. */
int snnk__block_read_rows(const snnk__safetensors_reader *reader, const snnk_allocator *allocator,
                          size_t layer, size_t index, snnk__map_block *block);

#endif
