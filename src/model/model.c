#include "model/model.h"

#include <string.h>

#include "io/whole_file.h"

void snnk__model_begin(snnk__safetensors_writer *writer, const snnk_allocator *allocator,
                       const char *kind) {
    snnk__model_begin_format(writer, allocator, kind, SNNK__MODEL_FORMAT);
}

void snnk__model_begin_format(snnk__safetensors_writer *writer, const snnk_allocator *allocator,
                              const char *kind, uint64_t format) {
    snnk__safetensors_writer_init(writer, allocator);
    snnk__safetensors_add_number(writer, "snnk.format", format);
    snnk__safetensors_add_text(writer, "snnk.version", snnk_version());
    snnk__safetensors_add_text(writer, "snnk.kind", kind);
}

/* The newest format of files of this kind (kind may be NULL). */
static int newest_format(const char *kind) {
    return kind && strcmp(kind, SNNK__MODEL_LSTSQ) == 0 ? SNNK__LSTSQ_FORMAT : SNNK__MODEL_FORMAT;
}

/* The format is checked before the checksum, because a newer format may compute it differently. */
static int check(const snnk__safetensors_reader *reader, const char *kind) {
    const char *written = snnk__safetensors_text(reader, "snnk.version");
    const char *stored = snnk__safetensors_text(reader, "snnk.kind");
    const int newest = newest_format(stored);
    uint64_t format;
    int st;

    if (!snnk__safetensors_text(reader, "snnk.format"))
        return snnk__fail(
            SNNK_E_FORMAT,
            "a safetensors file, but not a model of libsnnk: metadata \"snnk.format\" is missing");
    if ((st = snnk__safetensors_number(reader, "snnk.format", &format)) != SNNK_OK) return st;
    if (format > (uint64_t)newest)
        return snnk__fail(SNNK_E_VERSION,
                          "the file has format %llu (written by libsnnk %.32s), but this library "
                          "reads formats up to %d",
                          (unsigned long long)format, written ? written : "?", newest);
    if ((st = snnk__safetensors_verify(reader)) != SNNK_OK) return st;
    if (format == 0) return snnk__fail(SNNK_E_FORMAT, "format 0 does not exist");
    if (!stored || strcmp(stored, kind) != 0)
        return snnk__fail(SNNK_E_FORMAT, "the file holds a \"%.32s\", not a \"%s\"",
                          stored ? stored : "", kind);
    return SNNK_OK;
}

int snnk__model_open(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                     const char *kind, snnk__safetensors_reader **reader) {
    snnk__safetensors_reader *opened;
    int st;

    if ((st = snnk__safetensors_open(buffer, bytes, allocator, &opened)) != SNNK_OK) return st;
    if ((st = check(opened, kind)) != SNNK_OK)
        snnk__safetensors_close(opened);
    else
        *reader = opened;
    return st;
}

int snnk__model_load(const char *path, const snnk_allocator *allocator, snnk__model_loader load,
                     void *handle) {
    snnk_allocator ours;
    unsigned char *buffer;
    size_t bytes;
    int st;

    if ((st = snnk__check_pointer(path, "path")) != SNNK_OK) return st;
    if ((st = snnk__allocator_read(&ours, allocator)) != SNNK_OK) return st;
    if ((st = snnk__file_read(path, &ours, &buffer, &bytes)) != SNNK_OK) return st;
    st = load(buffer, bytes, &ours, handle);
    snnk__free(&ours, buffer);
    return st == SNNK_OK ? st : snnk__fail_within(st, "%s", path);
}
