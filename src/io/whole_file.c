#define _POSIX_C_SOURCE 200809L

#include "io/whole_file.h"

#include <errno.h>
#include <unistd.h>

#include "base/size.h"
#include "io/file.h"
#include "io/growing_block.h"

#define FIRST_BYTES ((size_t)64 << 10)

/* The most that is read at a time. A signal has to wait for the read of a regular file, which takes
 * seconds if it is large and not in memory. */
#define PIECE_BYTES ((size_t)4 << 20)

/* Set the first capacity and the limit. A regular file may grow while it is read, or announce 0
 * bytes (as under /proc), so the announced size is a first guess. One byte more than that finds the
 * end of the file without growing the block. */
static int plan(int fd, const char *path, snnk__growing_block *block, size_t *first) {
    bool regular;
    size_t size;
    const int st = snnk__file_measure(fd, path, &regular, &size);

    if (st != SNNK_OK) return st;
    block->limit = regular ? PTRDIFF_MAX : SNNK__MAX_PIPE_BYTES;
    *first = regular ? size + 1 : FIRST_BYTES;
    return SNNK_OK;
}

static int read_all(int fd, const char *path, snnk__growing_block *block) {
    for (;;) {
        const int st = snnk__growing_block_grow(block, path);
        ssize_t got;

        if (st != SNNK_OK) return st;
        got = read(fd, block->data + block->size,
                   snnk__min_size(block->capacity - block->size, PIECE_BYTES));
        if (got == 0) return SNNK_OK;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return snnk__fail_errno(path, "read");
        block->size += (size_t)got;
    }
}

int snnk__file_read_open(int fd, const char *path, const snnk_allocator *allocator,
                         unsigned char **data, size_t *size) {
    snnk__growing_block block = {.allocator = allocator};
    size_t first;
    int st;

    if ((st = plan(fd, path, &block, &first)) != SNNK_OK) return st;
    if ((st = snnk__alloc(allocator, first, 1, path, &block.data)) != SNNK_OK) return st;
    block.capacity = first;
    if ((st = read_all(fd, path, &block)) != SNNK_OK) goto done;
    *data = block.data;
    *size = block.size;
    block.data = NULL;
done:
    snnk__free(allocator, block.data);
    return st;
}

int snnk__file_read(const char *path, const snnk_allocator *allocator, unsigned char **data,
                    size_t *size) {
    int fd, st;

    if ((st = snnk__file_open(path, &fd)) != SNNK_OK) return st;
    st = snnk__file_read_open(fd, path, allocator, data, size);
    snnk__file_close(fd);
    return st;
}
