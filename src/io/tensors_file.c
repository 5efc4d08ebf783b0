#include "io/tensors_file.h"

#include <string.h>

#include "base/size.h"
#include "io/file.h"

/* Read the header of an open file of `size` bytes. */
static int read_header(snnk__tensors_file *file, size_t size) {
    const snnk_allocator *allocator = &file->allocator;
    unsigned char length[8], *header = NULL;
    int st;

    st =
        snnk__file_read_range(file->fd, file->path, 0, snnk__min_size(size, sizeof length), length);
    if (st != SNNK_OK) return st;
    if ((st = snnk__safetensors_header_bytes(length, size, &file->data_begin)) != SNNK_OK)
        return snnk__fail_within(st, "%s", file->path);
    if ((st = snnk__alloc(allocator, file->data_begin, 1, "a header", &header)) != SNNK_OK)
        return st;
    st = snnk__file_read_range(file->fd, file->path, 0, file->data_begin, header);
    if (st != SNNK_OK) goto done;
    st = snnk__safetensors_open_header(header, size, allocator, &file->reader);
    if (st != SNNK_OK) snnk__fail_within(st, "%s", file->path);
done:
    snnk__free(allocator, header);
    return st;
}

int snnk__tensors_file_open(const char *path, const snnk_allocator *allocator,
                            snnk__tensors_file **file) {
    const size_t path_bytes = strlen(path) + 1;
    snnk__tensors_file *made;
    bool regular;
    size_t size;
    int st;

    if ((st = snnk__alloc_zero(allocator, 1, sizeof *made, "tensors", &made)) != SNNK_OK) return st;
    made->allocator = *allocator;
    made->fd = -1;
    if ((st = snnk__alloc(allocator, path_bytes, 1, "a path", &made->path)) != SNNK_OK) goto done;
    memcpy(made->path, path, path_bytes);
    if ((st = snnk__file_open(path, &made->fd)) != SNNK_OK) goto done;
    if ((st = snnk__file_measure(made->fd, path, &regular, &size)) != SNNK_OK) goto done;
    if ((st = read_header(made, size)) != SNNK_OK) goto done;
    *file = made;
    made = NULL;
done:
    snnk__tensors_file_close(made);
    return st;
}

void snnk__tensors_file_close(snnk__tensors_file *file) {
    if (!file) return;
    const snnk_allocator allocator = file->allocator;
    snnk__safetensors_close(file->reader);
    snnk__file_close(file->fd);
    snnk__free(&allocator, file->path);
    snnk__free(&allocator, file);
}
