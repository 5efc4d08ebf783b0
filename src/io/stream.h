/* Whole files: in through memory, optionally unzipped; out through a replacement that becomes the
 * file only when it is whole. */
#ifndef SNNK_IO_STREAM_H
#define SNNK_IO_STREAM_H

#include "base/memory.h"

/* SNNK_E_IO: "path: cannot verb: " and what errno means. */
int snnk__fail_errno(const char *path, const char *verb);

/* A pipe or device does not say how long it is: it may give this much. 1 GiB: more than any table
 * that is sensibly piped, and an endless device stops there. Regular files have no limit but their
 * own size. */
#define SNNK__MAX_PIPE_BYTES ((size_t)1 << 30)

/* Read all of `path` into *data, *size bytes; free it with snnk__free. *data may be NULL when
 * *size = 0. SNNK_E_IO, SNNK_E_SIZE (a pipe that does not end), SNNK_E_NOMEM. */
int snnk__file_read(const char *path, const snnk_allocator *allocator, unsigned char **data,
                    size_t *size);

/* The same of a file that is open, from where it stands. */
int snnk__file_read_open(int fd, const char *path, const snnk_allocator *allocator,
                         unsigned char **data, size_t *size);

/* Unzipped data may take 64 MiB, or this many bytes for each compressed one if that is more. Tables
 * of text or images shrink by 2 to 50; deflate cannot exceed 1032, which only a file made of one
 * repeated value comes near. So a bomb costs at most 200 times the bytes it was sent in. */
#define SNNK__GUNZIP_FREE_BYTES ((size_t)64 << 20)
#define SNNK__GUNZIP_RATIO      200

/* Whether these bytes begin as gzip does. */
int snnk__is_gzip(const unsigned char *bytes, size_t size);

/* Unzip one or more gzip members (RFC 1952) that fill `bytes` to the end; their check sums and
 * lengths are verified. Memory grows with what comes out, not with what the file says of itself.
 * SNNK_E_FORMAT, SNNK_E_TRUNCATED, SNNK_E_SIZE (expands too much), SNNK_E_NOMEM. */
int snnk__gunzip(const unsigned char *bytes, size_t size, const snnk_allocator *allocator,
                 unsigned char **data, size_t *data_size);

/* Longest path that can be written, with its end. */
#define SNNK__PATH_BYTES 4096

/* A file in the making. */
typedef struct snnk__replacement {
    int fd;
    int direct; /* the target is a pipe or device, which is written in place */
    char target[SNNK__PATH_BYTES];
    char temporary[SNNK__PATH_BYTES];
} snnk__replacement;

/* Begin a file that will replace `path` (or what a symbolic link there points to). It gets the
 * permissions of the file it replaces, else those of any new file. After success exactly one of
 * commit and abandon must follow. SNNK_E_IO. */
int snnk__replacement_begin(snnk__replacement *replacement, const char *path);

int snnk__replacement_write(snnk__replacement *replacement, const void *bytes, size_t size);

/* Make it durable and put it in place; on failure what was there stays, and nothing is left
 * beside. SNNK_E_IO. */
int snnk__replacement_commit(snnk__replacement *replacement);

/* Remove it; what was there stays. Keeps this thread's error sentence. */
void snnk__replacement_abandon(snnk__replacement *replacement);

#endif
