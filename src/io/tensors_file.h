/* One safetensors file whose tensors stay on disk. */
#ifndef SNNK_IO_TENSORS_FILE_H
#define SNNK_IO_TENSORS_FILE_H

#include "io/safetensors.h"

typedef struct snnk__tensors_file {
    snnk_allocator allocator;
    int fd;
    char *path; /* for error sentences */
    snnk__safetensors_reader *reader;
    size_t data_begin; /* offset of the data part in the file */
} snnk__tensors_file;

/* Open a file and read its header. SNNK_E_IO, SNNK_E_FORMAT, SNNK_E_TRUNCATED, SNNK_E_SIZE,
 * SNNK_E_NOMEM. */
int snnk__tensors_file_open(const char *path, const snnk_allocator *allocator,
                            snnk__tensors_file **file);

/* Close a file. NULL is fine. */
void snnk__tensors_file_close(snnk__tensors_file *file);

#endif
