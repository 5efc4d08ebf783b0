/* Decompression of gzip files. */
#ifndef SNNK_IO_GZIP_H
#define SNNK_IO_GZIP_H

#include <stdbool.h>

#include "base/memory.h"

/* Decompressed data may take 64 MiB, or this many bytes for each compressed byte if that is more.
 * Text and images shrink by a factor of 2 to 50; only a file of one repeated value comes near
 * deflate's largest factor, 1032. A malicious file thus costs at most 200 times its own size. */
#define SNNK__GUNZIP_FREE_BYTES ((size_t)64 << 20)
#define SNNK__GUNZIP_RATIO      200

/* Whether these bytes begin like a gzip file. */
bool snnk__is_gzip(const unsigned char *bytes, size_t size);

/* Decompress one or more gzip members (RFC 1952), which must fill `bytes` to the end, but for
 * padding by zero bytes. Their checksums and lengths are verified. Memory grows with the output,
 * not with what the file claims. SNNK_E_FORMAT, SNNK_E_TRUNCATED, SNNK_E_SIZE (expands too much),
 * SNNK_E_NOMEM. */
int snnk__gunzip(const unsigned char *bytes, size_t size, const snnk_allocator *allocator,
                 unsigned char **data, size_t *data_size);

#endif
