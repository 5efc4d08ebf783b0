/* Files larger than memory: parts of a regular file, read when they are asked for.
 *
 * By pread, not through a memory map. A map would give bounded memory only with advice after every
 * read, and a file that somebody shortens while it is mapped ends the process with SIGBUS, which a
 * library cannot catch. pread tells that with a status, needs no more memory than its caller's
 * buffer, can be called from several threads at once, and is not slower: the kernel reads ahead in the
 * same way, and one copy from its cache costs less than a page fault for every 4 KiB. */
#ifndef SNNK_IO_PART_H
#define SNNK_IO_PART_H

#include <stdbool.h>

#include "base/memory.h"

/* Open for reading. SNNK_E_IO. */
int snnk__file_open(const char *path, int *fd);

/* Whether it is a regular file that says how long it is, and how long. SNNK_E_IO, SNNK_E_SIZE. */
int snnk__file_measure(int fd, const char *path, bool *regular, size_t *size);

/* Tell the system that reads will go from front to back. It may not listen. */
void snnk__file_will_stream(int fd);

/* n bytes from offset `begin` on. Both were within the file when it was measured. SNNK_E_IO,
 * SNNK_E_TRUNCATED (it became shorter since); `out` may have been written to then. */
int snnk__file_read_part(int fd, const char *path, size_t begin, size_t n, void *out);

/* Close what was only read from: nothing can be lost. */
void snnk__file_close(int fd);

#endif
