/* Atomic replacement of files: the new content is written to a temporary file in the same
 * directory, which takes the target's place when it is complete. */
#ifndef SNNK_IO_REPLACEMENT_H
#define SNNK_IO_REPLACEMENT_H

#include <stdbool.h>
#include <stddef.h>

/* The longest path that can be written, with its terminating NUL. */
#define SNNK__PATH_BYTES 4096

/* A file that is being written. */
typedef struct snnk__replacement {
    int fd;
    bool direct; /* the target is a pipe or device and is written in place */
    char target[SNNK__PATH_BYTES];
    char temporary[SNNK__PATH_BYTES];
} snnk__replacement;

/* Begin a file that will replace `path`, or the file that a symbolic link at `path` points to. It
 * gets the permissions of the file it replaces, otherwise those of a new file. After success call
 * exactly one of commit and abandon. SNNK_E_IO. */
int snnk__replacement_begin(snnk__replacement *replacement, const char *path);

/* Append bytes. SNNK_E_IO. */
int snnk__replacement_write(snnk__replacement *replacement, const void *bytes, size_t size);

/* Flush the new file to disk and put it in the target's place. On failure the old file stays, and
 * the temporary file is removed. SNNK_E_IO. */
int snnk__replacement_commit(snnk__replacement *replacement);

/* Remove the temporary file; the old file stays. Keeps this thread's error sentence. */
void snnk__replacement_abandon(snnk__replacement *replacement);

#endif
