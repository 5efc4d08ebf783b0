/* Networks in model files: writing and reading use the same names. docs/format.md, "Networks". */
#ifndef SNNK_MODEL_NETWORK_FILE_H
#define SNNK_MODEL_NETWORK_FILE_H

#include <snnk/network.h>

#include "io/safetensors.h"

#define SNNK__NETWORK_KEY "snnk.network" /* the JSON text that describes the layers */
#define SNNK__NOTE_PREFIX "note."        /* precedes the key of a note */

/* Add a network's layers (at least 1), notes and encoder to a file. The writer keeps failures. */
void snnk__network_write_layers(snnk__safetensors_writer *writer, const snnk_network *network,
                                int32_t projection);

/* Set *network to the layers, notes and encoder of an open file; untouched on failure. Statuses of
 * snnk_network_load_memory. */
int snnk__network_read_layers(const snnk__safetensors_reader *reader,
                              const snnk_allocator *allocator, snnk_network **network);

#endif
