/* Files of the operating system: open for reading, read a range of bytes, close. Failures of system
 * calls become statuses with a sentence.
 *
 * Tables larger than memory stay on disk, and their rows are read with pread when they are needed.
 * A memory map would not do: it bounds memory only if the system is advised after every read, and a
 * file that another program shortens while it is mapped ends the process with SIGBUS, which a
 * library cannot catch. pread returns a status instead, needs only the caller's buffer, may be
 * called from several threads at once, and is as fast: the system reads ahead in the same way, and
 * one copy from its cache costs less than a page fault for every 4 KiB. */
#ifndef SNNK_IO_FILE_H
#define SNNK_IO_FILE_H

#include <stdbool.h>

#include "base/memory.h"

/* Fail with SNNK_E_IO and the sentence "path: cannot verb: " followed by the text of errno. */
int snnk__fail_errno(const char *path, const char *verb);

/* Open a file for reading. SNNK_E_IO. */
int snnk__file_open(const char *path, int *fd);

/* *regular: whether this is a regular file whose length is known; *size: that length, otherwise 0.
 * SNNK_E_IO, SNNK_E_SIZE. */
int snnk__file_measure(int fd, const char *path, bool *regular, size_t *size);

/* Advise the system that the file will be read from front to back. The advice may be ignored. */
void snnk__file_will_stream(int fd);

/* Read n bytes from offset `begin`, a range that was inside the file when it was measured.
 * SNNK_E_IO, SNNK_E_TRUNCATED (the file became shorter since); `out` may have been partly written
 * then. */
int snnk__file_read_range(int fd, const char *path, size_t begin, size_t n, void *out);

/* Close a file that was only read. No error matters: nothing can be lost. fd < 0 is fine. */
void snnk__file_close(int fd);

#endif
