/* The index of a model in several safetensors files, model.safetensors.index.json:
 *
 *     {"metadata": {...}, "weight_map": {"name of a tensor": "name of a file", ...}}
 *
 * The files (shards) are in the directory of the index. Each is opened when one of its tensors is
 * first asked for, and stays open. */
#ifndef SNNK_IO_TENSORS_INDEX_H
#define SNNK_IO_TENSORS_INDEX_H

#include "io/tensors_file.h"

typedef struct snnk__tensors_index snnk__tensors_index;

/* *is_index: whether the file begins with text instead of the length of a safetensors header.
 * SNNK_E_IO, SNNK_E_SIZE. */
int snnk__tensors_is_index(const char *path, bool *is_index);

/* Read an index, without opening its files. SNNK_E_IO, SNNK_E_FORMAT, SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__tensors_index_open(const char *path, const snnk_allocator *allocator,
                             snnk__tensors_index **index);

/* Close the index and its files. NULL is fine. */
void snnk__tensors_index_close(snnk__tensors_index *index);

/* The number of tensors, and the name of the i-th in the order of strcmp. */
size_t snnk__tensors_index_count(const snnk__tensors_index *index);
const char *snnk__tensors_index_name(const snnk__tensors_index *index, size_t i);

/* Find the file of a tensor, and open it if it is not open. Several threads may call this at the
 * same time. Statuses as for snnk__tensors_file_open; SNNK_E_FORMAT if no tensor has this name. */
int snnk__tensors_index_find(const snnk__tensors_index *index, const char *name,
                             const snnk__tensors_file **file);

#endif
