#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include "base/size.h"
#include "io/bytes.h"
#include "io/part.h"
#include "io/stream.h"

#define FIRST_BYTES ((size_t)64 << 10)

/* A block that grows: its first `size` bytes are in use. */
typedef struct growing {
    const snnk_allocator *allocator;
    unsigned char *data;
    size_t size, capacity, limit;
} growing;

/* Make room for at least one more byte, at most up to the limit. */
static int grow(growing *block, const char *what) {
    unsigned char *larger;
    size_t capacity;
    int st;

    if (block->size < block->capacity) return SNNK_OK;
    if (block->capacity >= block->limit)
        return snnk__fail(SNNK_E_SIZE, "%s is longer than the limit of %zu bytes", what,
                          block->limit);
    capacity = block->capacity > block->limit / 2 ? block->limit : block->capacity * 2;
    st = snnk__alloc(block->allocator, capacity, 1, what, &larger);
    if (st != SNNK_OK) return st;
    if (block->size > 0) memcpy(larger, block->data, block->size);
    snnk__free(block->allocator, block->data);
    block->data = larger;
    block->capacity = capacity;
    return SNNK_OK;
}

int snnk__fail_errno(const char *path, const char *verb) {
    char text[128];

    if (strerror_r(errno, text, sizeof text) != 0) text[0] = '\0';
    return snnk__fail(SNNK_E_IO, "%s: cannot %s: %s", path, verb, text);
}

/* How much to make room for first, and how far it may grow. A regular file may still grow while it
 * is read, or say 0 (as under /proc): the announced size is a first guess, and one byte more than it
 * finds the end without another block. */
static int plan(int fd, const char *path, growing *block, size_t *first) {
    bool regular;
    size_t size;
    const int st = snnk__file_measure(fd, path, &regular, &size);

    if (st != SNNK_OK) return st;
    block->limit = regular ? PTRDIFF_MAX : SNNK__MAX_PIPE_BYTES;
    *first = regular ? size + 1 : FIRST_BYTES;
    return SNNK_OK;
}

static int read_all(int fd, const char *path, growing *block) {
    for (;;) {
        const int st = grow(block, path);
        ssize_t got;

        if (st != SNNK_OK) return st;
        got = read(fd, block->data + block->size,
                   snnk__min_size(block->capacity - block->size, (size_t)1 << 30));
        if (got == 0) return SNNK_OK;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return snnk__fail_errno(path, "read");
        block->size += (size_t)got;
    }
}

int snnk__file_read_open(int fd, const char *path, const snnk_allocator *allocator,
                         unsigned char **data, size_t *size) {
    growing block = {.allocator = allocator};
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

int snnk__is_gzip(const unsigned char *bytes, size_t size) {
    return size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

/* zlib counts in 32 bits: bytes are handed over in pieces. */
static uInt piece(size_t bytes) { return (uInt)snnk__min_size(bytes, (size_t)1 << 30); }

/* One step of inflation. *done: the last member ended at the last byte. */
static int inflate_step(z_stream *stream, snnk__cursor *rest, growing *block, bool *done) {
    int st, z;
    uInt room, given;

    if ((st = grow(block, "unzipped data")) != SNNK_OK) return st;
    room = piece(block->capacity - block->size);
    given = piece(rest->left);
    stream->next_in = (z_const Bytef *)rest->at;
    stream->avail_in = given;
    stream->next_out = block->data + block->size;
    stream->avail_out = room;
    z = inflate(stream, Z_NO_FLUSH);
    rest->at += given - stream->avail_in;
    rest->left -= given - stream->avail_in;
    block->size += room - stream->avail_out;

    if (z == Z_STREAM_END) {
        *done = rest->left == 0;
        if (*done) return SNNK_OK;
        if (!snnk__is_gzip(rest->at, rest->left))
            return snnk__fail(SNNK_E_TRUNCATED,
                              "%zu unexpected bytes follow the end of the gzip data", rest->left);
        inflateReset(stream);
        return SNNK_OK;
    }
    if (z == Z_MEM_ERROR)
        return snnk__fail(SNNK_E_NOMEM, "out of memory while decompressing gzip data");
    if (z != Z_OK && z != Z_BUF_ERROR)
        return snnk__fail(SNNK_E_FORMAT, "damaged gzip data: %s",
                          stream->msg ? stream->msg : "no details");
    if (rest->left == 0 && stream->avail_out > 0)
        return snnk__fail(SNNK_E_TRUNCATED,
                          "the gzip data ends too early, after %zu decompressed bytes",
                          block->size);
    return SNNK_OK;
}

int snnk__gunzip(const unsigned char *bytes, size_t size, const snnk_allocator *allocator,
                 unsigned char **data, size_t *data_size) {
    growing block = {.allocator = allocator};
    snnk__cursor rest = {bytes, size};
    z_stream stream = {0};
    size_t first, capped;
    bool done = false;
    int st;

    if (!snnk__mul_size(size, SNNK__GUNZIP_RATIO, &block.limit)) block.limit = PTRDIFF_MAX;
    block.limit = snnk__min_size(snnk__max_size(block.limit, SNNK__GUNZIP_FREE_BYTES), PTRDIFF_MAX);
    /* The last four bytes say how long the last member is: a guess worth taking while plausible. */
    first = size >= 4 ? (size_t)snnk__load_u32(bytes + size - 4, false) + 1 : FIRST_BYTES;
    if (!snnk__mul_size(size, 8, &capped)) capped = block.limit;
    first = snnk__max_size(snnk__min_size(first, capped), FIRST_BYTES);

    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) /* 16: gzip, and nothing else */
        return snnk__fail(SNNK_E_NOMEM, "out of memory while decompressing gzip data");
    if ((st = snnk__alloc(allocator, first, 1, "unzipped data", &block.data)) != SNNK_OK) goto done;
    block.capacity = first;
    while (!done)
        if ((st = inflate_step(&stream, &rest, &block, &done)) != SNNK_OK) goto done;
    *data = block.data;
    *data_size = block.size;
    block.data = NULL;
done:
    snnk__free(allocator, block.data);
    inflateEnd(&stream);
    return st;
}
