#include "io/gzip.h"

#include <zlib.h>

#include "base/size.h"
#include "io/bytes.h"
#include "io/growing_block.h"

/* The smallest first guess of the decompressed size. */
#define FIRST_BYTES ((size_t)64 << 10)

bool snnk__is_gzip(const unsigned char *bytes, size_t size) {
    return size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

/* zlib counts bytes in 32 bits, so data is passed in pieces. */
static uInt piece(size_t bytes) { return (uInt)snnk__min_size(bytes, (size_t)1 << 30); }

/* Whether only zero bytes are left: tapes and disk images pad files with them. */
static bool is_padding(const snnk__cursor *rest) {
    for (size_t i = 0; i < rest->left; i++)
        if (rest->at[i] != 0) return false;
    return true;
}

/* Decompress one piece. *done: the last member ended, and nothing but padding follows. */
static int inflate_step(z_stream *stream, snnk__cursor *rest, snnk__growing_block *block,
                        bool *done) {
    int st, z;
    uInt room, given;

    if ((st = snnk__growing_block_grow(block, "decompressed data")) != SNNK_OK) return st;
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
        *done = is_padding(rest);
        if (*done) return SNNK_OK;
        if (!snnk__is_gzip(rest->at, rest->left))
            return snnk__fail(SNNK_E_TRUNCATED,
                              "%zu unexpected bytes follow the end of the gzip data: is the file "
                              "damaged, or two files in one?",
                              rest->left);
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
    snnk__growing_block block = {.allocator = allocator};
    snnk__cursor rest = {bytes, size};
    z_stream stream = {0};
    size_t first, capped;
    bool done = false;
    int st;

    if (!snnk__mul_size(size, SNNK__GUNZIP_RATIO, &block.limit)) block.limit = PTRDIFF_MAX;
    block.limit = snnk__min_size(snnk__max_size(block.limit, SNNK__GUNZIP_FREE_BYTES), PTRDIFF_MAX);
    /* The last four bytes give the length of the last member: a good first guess if plausible. */
    first = size >= 4 ? (size_t)snnk__load_u32(bytes + size - 4, false) + 1 : FIRST_BYTES;
    if (!snnk__mul_size(size, 8, &capped)) capped = block.limit;
    first = snnk__max_size(snnk__min_size(first, capped), FIRST_BYTES);

    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) /* 16: the gzip format only */
        return snnk__fail(SNNK_E_NOMEM, "out of memory while decompressing gzip data");
    if ((st = snnk__alloc(allocator, first, 1, "decompressed data", &block.data)) != SNNK_OK)
        goto done;
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
