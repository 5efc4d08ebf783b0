/* Writing safetensors: 8 bytes with the length of the header, the header (JSON), the tensors one
 * after another. The JSON is written directly, which is simpler than building a tree, and exact for
 * integers above 2^53. */
#include "base/utf8.h"
#include "io/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "io/bytes.h"
#include "io/replacement.h"

/* The data part begins at a multiple of this, so that a mapped file can be used in place. The
 * format requires 8. */
#define DATA_ALIGNMENT 64

void snnk__safetensors_writer_init(snnk__safetensors_writer *writer,
                                   const snnk_allocator *allocator) {
    *writer = (snnk__safetensors_writer){.allocator = *allocator};
}

void snnk__safetensors_writer_free(snnk__safetensors_writer *writer) {
    for (size_t i = 0; i < writer->n_pairs; i++)
        snnk__free(&writer->allocator, (void *)(uintptr_t)writer->pairs[i].key);
    for (size_t i = 0; i < writer->n_tensors; i++)
        snnk__free(&writer->allocator, (void *)(uintptr_t)writer->tensors[i].dims);
    snnk__free(&writer->allocator, writer->pairs);
    snnk__free(&writer->allocator, writer->tensors);
    snnk__safetensors_writer_init(writer, &writer->allocator);
}

/* Make room for one more element in a list, which doubles when it is full. list: the address of the
 * pointer to the list. */
static int make_room(snnk__safetensors_writer *writer, size_t used, size_t *room,
                     size_t element_bytes, void *list) {
    const size_t wanted = *room > 0 ? 2 * *room : 8;
    void *old, *larger;
    int st;

    if (used < *room) return SNNK_OK;
    st = snnk__alloc(&writer->allocator, wanted, element_bytes, "a list", &larger);
    if (st != SNNK_OK) return st;
    memcpy(&old, list, sizeof old);
    if (used > 0) memcpy(larger, old, used * element_bytes);
    snnk__free(&writer->allocator, old);
    memcpy(list, &larger, sizeof larger);
    *room = wanted;
    return SNNK_OK;
}

static int check_utf8(const char *text, const char *what, const char *key) {
    if (snnk__is_utf8(text, strlen(text))) return SNNK_OK;
    return snnk__fail(SNNK_E_RANGE, "the %s \"%s\" is not UTF-8", what, key);
}

static int add_text(snnk__safetensors_writer *writer, const char *key, const char *value) {
    const size_t key_bytes = strlen(key) + 1, value_bytes = strlen(value) + 1;
    char *block;
    int st;

    if (writer->laid_out)
        return snnk__fail(SNNK_E_INTERNAL, "metadata was added after the file was laid out");
    if ((st = check_utf8(key, "key", key)) != SNNK_OK) return st;
    if ((st = check_utf8(value, "text of", key)) != SNNK_OK) return st;
    st = make_room(writer, writer->n_pairs, &writer->pairs_room, sizeof *writer->pairs,
                   &writer->pairs);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(&writer->allocator, key_bytes + value_bytes, 1, "metadata", &block);
    if (st != SNNK_OK) return st;
    memcpy(block, key, key_bytes);
    memcpy(block + key_bytes, value, value_bytes);
    writer->pairs[writer->n_pairs++] = (snnk__safetensors_pair){block, block + key_bytes};
    return SNNK_OK;
}

int snnk__safetensors_add_text(snnk__safetensors_writer *writer, const char *key,
                               const char *value) {
    if (writer->status == SNNK_OK) writer->status = add_text(writer, key, value);
    return writer->status;
}

int snnk__safetensors_add_number(snnk__safetensors_writer *writer, const char *key,
                                 uint64_t value) {
    char text[24];

    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return snnk__safetensors_add_text(writer, key, text);
}

/* Append a tensor to the list, with copies of its name and dimensions in one block. */
static int add_tensor(snnk__safetensors_writer *writer, snnk__safetensors_tensor tensor) {
    const size_t name_bytes = strlen(tensor.name) + 1;
    size_t block_bytes, *dims;
    char *name;
    int st;

    if (writer->laid_out)
        return snnk__fail(SNNK_E_INTERNAL, "a tensor was added after the file was laid out");
    if ((st = check_utf8(tensor.name, "tensor name", tensor.name)) != SNNK_OK) return st;
    if (tensor.dtype != SNNK__DTYPE_UNKNOWN) tensor.bytes = snnk__dtype_bytes(tensor.dtype);
    for (size_t k = 0; k < tensor.n_dims && tensor.dtype != SNNK__DTYPE_UNKNOWN; k++)
        if (!snnk__mul_size(tensor.bytes, tensor.dims[k], &tensor.bytes))
            return snnk__fail(SNNK_E_SIZE, "tensor \"%s\": the number of bytes overflows size_t",
                              tensor.name);
    st = make_room(writer, writer->n_tensors, &writer->tensors_room, sizeof *writer->tensors,
                   &writer->tensors);
    if (st != SNNK_OK) return st;
    block_bytes = tensor.n_dims * sizeof *dims + name_bytes;
    if ((st = snnk__alloc(&writer->allocator, block_bytes, 1, "a tensor", &dims)) != SNNK_OK)
        return st;
    name = (char *)(dims + tensor.n_dims);
    if (tensor.n_dims > 0) memcpy(dims, tensor.dims, tensor.n_dims * sizeof *dims);
    memcpy(name, tensor.name, name_bytes);
    tensor.dims = dims;
    tensor.name = name;
    writer->tensors[writer->n_tensors++] = tensor;
    return SNNK_OK;
}

int snnk__safetensors_add_tensor(snnk__safetensors_writer *writer, const char *name,
                                 snnk__dtype dtype, size_t n_dims, const size_t *dims,
                                 const void *data) {
    const snnk__safetensors_tensor tensor = {
        .name = name, .dtype = dtype, .n_dims = n_dims, .dims = dims, .data = data};

    if (writer->status == SNNK_OK) writer->status = add_tensor(writer, tensor);
    return writer->status;
}

int snnk__safetensors_add_source(snnk__safetensors_writer *writer, const char *name,
                                 snnk__dtype dtype, size_t n_dims, const size_t *dims,
                                 snnk__safetensors_source source, const void *context) {
    const snnk__safetensors_tensor tensor = {.name = name,
                                             .dtype = dtype,
                                             .n_dims = n_dims,
                                             .dims = dims,
                                             .source = source,
                                             .context = context};

    if (writer->status == SNNK_OK) writer->status = add_tensor(writer, tensor);
    return writer->status;
}

int snnk__safetensors_add_copy(snnk__safetensors_writer *writer,
                               const snnk__safetensors_tensor *tensor) {
    if (writer->status == SNNK_OK) writer->status = add_tensor(writer, *tensor);
    return writer->status;
}

/* Where the text of the header is written. If `at` is NULL, bytes are only counted. */
typedef struct text_out {
    unsigned char *at;
    size_t bytes;
} text_out;

static void put_bytes(text_out *out, const char *text, size_t n) {
    if (out->at) memcpy(out->at + out->bytes, text, n);
    out->bytes += n;
}

static void put(text_out *out, const char *text) { put_bytes(out, text, strlen(text)); }

static void put_size(text_out *out, size_t value) {
    char digits[24];

    snprintf(digits, sizeof digits, "%zu", value);
    put(out, digits);
}

static void put_string(text_out *out, const char *text) {
    put(out, "\"");
    for (; *text; text++) {
        char escaped[8];

        if (*text == '"' || *text == '\\')
            snprintf(escaped, sizeof escaped, "\\%c", *text);
        else if (*text == '\n')
            snprintf(escaped, sizeof escaped, "\\n");
        else if ((unsigned char)*text < 0x20)
            snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned)*text);
        else
            snprintf(escaped, sizeof escaped, "%c", *text);
        put(out, escaped);
    }
    put(out, "\"");
}

/* Write the text of the header, without the spaces that pad it. */
static void put_header(text_out *out, const snnk__safetensors_writer *writer,
                       const char *checksum) {
    put(out, "{\"__metadata__\":{\"" SNNK__SAFETENSORS_CHECKSUM_KEY "\":");
    put_string(out, checksum);
    for (size_t i = 0; i < writer->n_pairs; i++) {
        put(out, ",");
        put_string(out, writer->pairs[i].key);
        put(out, ":");
        put_string(out, writer->pairs[i].value);
    }
    put(out, "}");
    for (size_t i = 0; i < writer->n_tensors; i++) {
        const snnk__safetensors_tensor *tensor = writer->tensors + i;

        put(out, ",");
        put_string(out, tensor->name);
        put(out, ":{\"dtype\":");
        put_string(out, tensor->type ? tensor->type : snnk__dtype_name(tensor->dtype));
        put(out, ",\"shape\":[");
        for (size_t k = 0; k < tensor->n_dims; k++) {
            if (k > 0) put(out, ",");
            put_size(out, tensor->dims[k]);
        }
        put(out, "],\"data_offsets\":[");
        put_size(out, tensor->begin);
        put(out, ",");
        put_size(out, tensor->begin + tensor->bytes);
        put(out, "]}");
    }
    put(out, "}");
}

/* Sort all entries and place the tensors. Wide elements come first: this aligns every tensor to its
 * element although the format allows no gaps. Tensors with elements of equal width are in the order
 * of their names. */
static int lay_out(snnk__safetensors_writer *writer) {
    text_out counted = {NULL, 0};
    size_t total;

    if (writer->laid_out) return SNNK_OK;
    if (writer->n_pairs > 0)
        qsort(writer->pairs, writer->n_pairs, sizeof *writer->pairs,
              snnk__safetensors_compare_keys);
    for (size_t i = 0; i + 1 < writer->n_pairs; i++)
        if (strcmp(writer->pairs[i].key, writer->pairs[i + 1].key) == 0)
            return snnk__fail(SNNK_E_INTERNAL, "metadata \"%s\" was added twice",
                              writer->pairs[i].key);
    if (writer->n_tensors > 0)
        qsort(writer->tensors, writer->n_tensors, sizeof *writer->tensors,
              snnk__safetensors_compare_names);
    for (size_t i = 0; i + 1 < writer->n_tensors; i++)
        if (strcmp(writer->tensors[i].name, writer->tensors[i + 1].name) == 0)
            return snnk__fail(SNNK_E_INTERNAL, "tensor \"%s\" was added twice",
                              writer->tensors[i].name);

    for (size_t width = 8; width >= 1; width /= 2)
        for (size_t i = 0; i < writer->n_tensors; i++) {
            snnk__safetensors_tensor *tensor = writer->tensors + i;

            if (snnk__dtype_bytes(tensor->dtype) != width) continue;
            tensor->begin = writer->data_bytes;
            if (!snnk__add_size(writer->data_bytes, tensor->bytes, &writer->data_bytes))
                return snnk__fail(SNNK_E_SIZE, "the bytes of all tensors together overflow size_t");
        }
    put_header(&counted, writer, "00000000");
    counted.bytes += 8 + DATA_ALIGNMENT - 1;
    writer->header_bytes = counted.bytes - counted.bytes % DATA_ALIGNMENT;
    if (writer->header_bytes - 8 > SNNK__SAFETENSORS_MAX_HEADER)
        return snnk__fail(SNNK_E_SIZE, "the header would have %zu bytes, above the limit of %zu",
                          writer->header_bytes - 8, SNNK__SAFETENSORS_MAX_HEADER);
    if (!snnk__add_size(writer->header_bytes, writer->data_bytes, &total) || total > PTRDIFF_MAX)
        return snnk__fail(SNNK_E_SIZE, "the bytes of all tensors together overflow size_t");
    writer->laid_out = true;
    return SNNK_OK;
}

int snnk__safetensors_written_bytes(snnk__safetensors_writer *writer, size_t *bytes) {
    if (writer->status == SNNK_OK) writer->status = lay_out(writer);
    if (writer->status == SNNK_OK) *bytes = writer->header_bytes + writer->data_bytes;
    return writer->status;
}

static void write_header(const snnk__safetensors_writer *writer, unsigned char *header) {
    text_out out = {header + 8, 0};
    char digits[9];

    snnk__safetensors_checksum(writer->pairs, writer->n_pairs, writer->tensors, writer->n_tensors,
                               true, digits);
    snnk__store_u64_le(header, writer->header_bytes - 8);
    put_header(&out, writer, digits);
    memset(header + 8 + out.bytes, ' ', writer->header_bytes - 8 - out.bytes);
}

/* Write all tensors in the order in which they are placed. */
static int put_tensors(const snnk__safetensors_writer *writer, snnk__safetensors_put put_piece,
                       void *context) {
    for (size_t width = 8; width >= 1; width /= 2)
        for (size_t i = 0; i < writer->n_tensors; i++) {
            int st;

            if (snnk__dtype_bytes(writer->tensors[i].dtype) != width) continue;
            st = snnk__safetensors_put_elements(writer->tensors + i, true, put_piece, context);
            if (st != SNNK_OK) return st;
        }
    return SNNK_OK;
}

static int put_memory(void *context, const void *bytes, size_t size) {
    unsigned char **at = context;

    memcpy(*at, bytes, size);
    *at += size;
    return SNNK_OK;
}

int snnk__safetensors_write_memory(snnk__safetensors_writer *writer, void *buffer, size_t bytes) {
    unsigned char *at;
    size_t needed;
    int st;

    if ((st = snnk__safetensors_written_bytes(writer, &needed)) != SNNK_OK) return st;
    if (bytes != needed)
        return snnk__fail(SNNK_E_SIZE, "bytes = %zu, but the file takes %zu", bytes, needed);
    write_header(writer, buffer);
    at = (unsigned char *)buffer + writer->header_bytes;
    return put_tensors(writer, put_memory, &at);
}

static int put_file(void *context, const void *bytes, size_t size) {
    return snnk__replacement_write(context, bytes, size);
}

int snnk__safetensors_write_file(snnk__safetensors_writer *writer, const char *path) {
    snnk__replacement file;
    unsigned char *header = NULL;
    size_t bytes;
    int st;

    if ((st = snnk__safetensors_written_bytes(writer, &bytes)) != SNNK_OK) return st;
    st = snnk__alloc(&writer->allocator, writer->header_bytes, 1, "a header", &header);
    if (st != SNNK_OK) return st;
    write_header(writer, header);
    if ((st = snnk__replacement_begin(&file, path)) != SNNK_OK) goto done;
    if ((st = snnk__replacement_write(&file, header, writer->header_bytes)) == SNNK_OK)
        st = put_tensors(writer, put_file, &file);
    if (st == SNNK_OK && writer->source_status) st = *writer->source_status;
    if (st == SNNK_OK)
        st = snnk__replacement_commit(&file);
    else
        snnk__replacement_abandon(&file);
done:
    snnk__free(&writer->allocator, header);
    return st;
}
