#include "model/model.h"

#include <string.h>

#include "io/whole_file.h"

/* The kinds of files: their newest formats, and what loads them. */
static const struct model_kind {
    const char *name;
    int newest;
    const char *loader;
} kinds[] = {
    {SNNK__MODEL_NETWORK, SNNK__MODEL_FORMAT, "snnk_network_load"},
    {SNNK__MODEL_LSTSQ, SNNK__LSTSQ_FORMAT, "snnk_lstsq_load"},
    {SNNK__MODEL_RLS, SNNK__MODEL_FORMAT, "snnk_rls_load"},
    {SNNK__MODEL_FIT, SNNK__MODEL_FORMAT, "snnk_fit_load_memory"},
    {SNNK__MODEL_LEAVES, SNNK__MODEL_FORMAT, "snnk_leaves_load"},
    {SNNK__MODEL_MAP, SNNK__MODEL_FORMAT, "snnk_map_load"},
    {SNNK__MODEL_SCALING, SNNK__MODEL_FORMAT, "snnk_scaling_load"},
    {SNNK__MODEL_ENCODER, SNNK__MODEL_FORMAT, "snnk_encoder_load"},
    {SNNK__MODEL_UNCERTAINTY, SNNK__MODEL_FORMAT, "snnk_uncertainty_load"},
};

/* ---- Saving ---- */

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

static const char *const projection_names[] = {
    [SNNK_SAVE_ROWS] = "rows", [SNNK_SAVE_SEED] = "seed"};

const char *snnk_save_projection_name(int32_t projection) {
    return projection >= 0 && projection <= SNNK_SAVE_SEED ? projection_names[projection] : NULL;
}

int snnk__check_save_projection(int32_t projection) {
    return snnk__check_enum(projection, SNNK_SAVE_SEED + 1, "projection");
}

int snnk__model_save(const void *object, int32_t projection, snnk__model_writer write,
                     const char *path) {
    snnk__safetensors_writer writer;
    int st;

    if ((st = snnk__check_pointer(path, "path")) != SNNK_OK) return st;
    if ((st = write(object, projection, &writer)) != SNNK_OK) return st;
    st = snnk__safetensors_write_file(&writer, path);
    snnk__safetensors_writer_free(&writer);
    return st;
}

int snnk__model_saved_bytes(const void *object, int32_t projection, snnk__model_writer write,
                            size_t *bytes) {
    snnk__safetensors_writer writer;
    int st;

    if ((st = snnk__check_pointer(bytes, "bytes")) != SNNK_OK) return st;
    if ((st = write(object, projection, &writer)) != SNNK_OK) return st;
    st = snnk__safetensors_written_bytes(&writer, bytes);
    snnk__safetensors_writer_free(&writer);
    return st;
}

int snnk__model_save_memory(const void *object, int32_t projection, snnk__model_writer write,
                            void *buffer, size_t bytes) {
    snnk__safetensors_writer writer;
    int st;

    if ((st = snnk__check_pointer(buffer, "buffer")) != SNNK_OK) return st;
    if ((st = write(object, projection, &writer)) != SNNK_OK) return st;
    st = snnk__safetensors_write_memory(&writer, buffer, bytes);
    snnk__safetensors_writer_free(&writer);
    return st;
}

/* ---- Loading ---- */

/* The kind that a file states, or NULL if this library has none of that name. */
static const struct model_kind *kind_of(const char *stored) {
    for (size_t k = 0; stored && k < sizeof kinds / sizeof *kinds; k++)
        if (strcmp(stored, kinds[k].name) == 0) return &kinds[k];
    return NULL;
}

static int check_kind(const char *stored, const char *kind) {
    const struct model_kind *of_file = kind_of(stored);

    if (stored && strcmp(stored, kind) == 0) return SNNK_OK;
    if (!of_file)
        return snnk__fail(SNNK_E_FORMAT, "the file holds a \"%.32s\", not a \"%s\"",
                          stored ? stored : "", kind);
    return snnk__fail(SNNK_E_FORMAT, "the file holds a \"%s\", not a \"%s\": load it with %s",
                      of_file->name, kind, of_file->loader);
}

/* The format is checked before the checksum, because a newer format may compute it differently. */
static int check(const snnk__safetensors_reader *reader, const char *kind) {
    const char *written = snnk__safetensors_text(reader, "snnk.version");
    const char *stored = snnk__safetensors_text(reader, "snnk.kind");
    const struct model_kind *of_file = kind_of(stored);
    const int newest = of_file ? of_file->newest : SNNK__MODEL_FORMAT;
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
    return check_kind(stored, kind);
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

/* allocator: complete. */
static int load(const void *buffer, size_t bytes, const snnk_allocator *allocator, const char *kind,
                snnk__model_reader read, void *handle) {
    snnk__safetensors_reader *reader;
    int st;

    if ((st = snnk__model_open(buffer, bytes, allocator, kind, &reader)) != SNNK_OK) return st;
    st = read(reader, allocator, handle);
    snnk__safetensors_close(reader);
    return st;
}

int snnk__model_load_memory(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                            const char *kind, snnk__model_reader read, void *handle) {
    snnk_allocator ours;
    int st;

    if ((st = snnk__check_pointer(buffer, "buffer")) != SNNK_OK) return st;
    if ((st = snnk__allocator_read(&ours, allocator)) != SNNK_OK) return st;
    return load(buffer, bytes, &ours, kind, read, handle);
}

int snnk__model_load(const char *path, const snnk_allocator *allocator, const char *kind,
                     snnk__model_reader read, void *handle) {
    snnk_allocator ours;
    unsigned char *buffer;
    size_t bytes;
    int st;

    if ((st = snnk__check_pointer(path, "path")) != SNNK_OK) return st;
    if ((st = snnk__allocator_read(&ours, allocator)) != SNNK_OK) return st;
    if ((st = snnk__file_read(path, &ours, &buffer, &bytes)) != SNNK_OK) return st;
    st = load(buffer, bytes, &ours, kind, read, handle);
    snnk__free(&ours, buffer);
    return st == SNNK_OK ? st : snnk__fail_within(st, "%s", path);
}
