/* Encoders in the files of networks. */
#ifndef SNNK_MODEL_ENCODER_FILE_H
#define SNNK_MODEL_ENCODER_FILE_H

#include <snnk/encoder.h>

#include "io/safetensors.h"

/* Add the record of an encoder to a file. The writer keeps failures. */
void snnk__encoder_write(snnk__safetensors_writer *writer, const snnk_encoder *encoder);

/* Set *encoder to the one in a file; NULL if the file has none. SNNK_E_FORMAT, SNNK_E_NOMEM. */
int snnk__encoder_carried(const snnk__safetensors_reader *reader, const snnk_allocator *allocator,
                          snnk_encoder **encoder);

#endif
