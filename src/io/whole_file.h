/* Whole files in memory. */
#ifndef SNNK_IO_WHOLE_FILE_H
#define SNNK_IO_WHOLE_FILE_H

#include "base/memory.h"

/* A pipe or device has no known length, so it may give at most this many bytes. This is more than
 * any table that is sensibly piped, and it stops reading from an endless device. The only limit of
 * a regular file is its own size. */
#define SNNK__MAX_PIPE_BYTES ((size_t)1 << 30)

/* Read all of `path` into *data, *size bytes; free it with snnk__free. *data may be NULL when
 * *size = 0. SNNK_E_IO, SNNK_E_SIZE (a pipe that exceeds the limit), SNNK_E_NOMEM. */
int snnk__file_read(const char *path, const snnk_allocator *allocator, unsigned char **data,
                    size_t *size);

/* The same for an open file, from its current position. */
int snnk__file_read_open(int fd, const char *path, const snnk_allocator *allocator,
                         unsigned char **data, size_t *size);

#endif
