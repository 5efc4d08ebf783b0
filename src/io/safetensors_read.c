/* Reading safetensors. The header is untrusted: every number in it is checked against the bytes
 * that are present before it is used. */
#include "base/utf8.h"
#include "io/safetensors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/size.h"
#include "io/bytes.h"

struct snnk__safetensors_reader {
    snnk_allocator allocator;
    cJSON *header; /* owns all names, keys and values */
    size_t n_pairs, n_tensors;
    snnk__safetensors_pair *pairs;     /* sorted by key */
    snnk__safetensors_tensor *tensors; /* sorted by name */
    size_t *dims;                      /* of all tensors */
};

/* Refuse what cJSON accepts and we do not: bytes that are not text (NUL among them), and an escaped
 * NUL, which would end a name early. */
static int check_text(const char *text, size_t bytes) {
    if (!snnk__is_utf8(text, bytes)) return snnk__fail(SNNK_E_FORMAT, "the header is not UTF-8");
    for (size_t i = 0; i < bytes; i++) {
        if ((unsigned char)text[i] < 0x20 && !strchr("\t\n\r", text[i]))
            return snnk__fail(SNNK_E_FORMAT, "the header has a control character at byte %zu",
                              8 + i);
        if (text[i] != '\\') continue;
        if (bytes - i >= 6 && memcmp(text + i, "\\u0000", 6) == 0)
            return snnk__fail(SNNK_E_FORMAT, "the header has an escaped NUL character at byte %zu",
                              8 + i);
        i++; /* skip the escaped character, which may be a backslash */
    }
    return SNNK_OK;
}

int snnk__safetensors_header_bytes(const void *head, size_t file_bytes, size_t *header_bytes) {
    uint64_t length;

    if (file_bytes < 8)
        return snnk__fail(SNNK_E_TRUNCATED,
                          "a safetensors file has at least 8 bytes, but this one has %zu",
                          file_bytes);
    length = snnk__load_u64(head, false);
    if (length > SNNK__SAFETENSORS_MAX_HEADER)
        return snnk__fail(
            SNNK_E_FORMAT,
            "not a safetensors file, or its header has more than the limit of %zu bytes",
            SNNK__SAFETENSORS_MAX_HEADER);
    if (length > file_bytes - 8)
        return snnk__fail(SNNK_E_TRUNCATED,
                          "the header should have %llu bytes, but only %zu are left in the file",
                          (unsigned long long)length, file_bytes - 8);
    *header_bytes = 8 + (size_t)length;
    return SNNK_OK;
}

/* Parse the header of a file of `bytes`. *data: the size of the data part. */
static int read_json(const unsigned char *buffer, size_t bytes, cJSON **header, size_t *data) {
    const char *text, *end;
    size_t length;
    cJSON *tree;
    int st;

    if ((st = snnk__safetensors_header_bytes(buffer, bytes, &length)) != SNNK_OK) return st;
    length -= 8;
    text = (const char *)buffer + 8;
    if (length == 0 || *text != '{')
        return snnk__fail(SNNK_E_FORMAT, "the header does not begin with {");
    if ((st = check_text(text, length)) != SNNK_OK) return st;
    tree = cJSON_ParseWithLengthOpts(text, length, &end, 0);
    if (!tree) return snnk__fail(SNNK_E_FORMAT, "the header is not JSON");
    for (; end < text + length; end++)
        if (*end != ' ') {
            cJSON_Delete(tree);
            return snnk__fail(SNNK_E_FORMAT, "the header has text after its JSON object");
        }
    *header = tree;
    *data = bytes - 8 - length;
    return SNNK_OK;
}

static bool is_metadata(const cJSON *item) { return strcmp(item->string, "__metadata__") == 0; }

/* Metadata must be an object of strings. */
static int check_metadata(const cJSON *metadata) {
    const cJSON *item;

    if (!cJSON_IsObject(metadata))
        return snnk__fail(SNNK_E_FORMAT, "__metadata__ is not an object");
    cJSON_ArrayForEach(item, metadata) {
        if (!cJSON_IsString(item))
            return snnk__fail(SNNK_E_FORMAT, "metadata \"%s\" is not a string", item->string);
    }
    return SNNK_OK;
}

/* Count what has to be allocated. */
static int count(snnk__safetensors_reader *reader, size_t *n_dims) {
    const cJSON *item;
    bool has_metadata = false;
    int st;

    *n_dims = 0;
    cJSON_ArrayForEach(item, reader->header) {
        if (is_metadata(item)) {
            if (has_metadata) return snnk__fail(SNNK_E_FORMAT, "__metadata__ occurs twice");
            has_metadata = true;
            if ((st = check_metadata(item)) != SNNK_OK) return st;
            reader->n_pairs = (size_t)cJSON_GetArraySize(item);
        } else {
            const cJSON *shape = cJSON_GetObjectItemCaseSensitive(item, "shape");

            if (!cJSON_IsObject(item) || cJSON_GetArraySize(item) != 3 || !cJSON_IsArray(shape))
                return snnk__fail(
                    SNNK_E_FORMAT,
                    "tensor \"%s\" must have dtype, shape and data_offsets, and nothing else",
                    item->string);
            reader->n_tensors++;
            *n_dims += (size_t)cJSON_GetArraySize(shape);
        }
    }
    return SNNK_OK;
}

/* cJSON stores numbers as doubles, in which integers up to 2^53 are exact. No file is longer. */
static bool read_size(const cJSON *item, size_t *value) {
    const double limit = 9007199254740992.0; /* 2^53 */

    if (!cJSON_IsNumber(item)) return false;
    if (!(item->valuedouble >= 0) || item->valuedouble > limit) return false;
    if (item->valuedouble != floor(item->valuedouble)) return false;
    if (item->valuedouble > (double)(SIZE_MAX / 2)) return false;
    *value = (size_t)item->valuedouble;
    return true;
}

static snnk__dtype dtype_named(const char *name) {
    int i = 0;

    while (i < SNNK__DTYPE_UNKNOWN && strcmp(name, snnk__dtype_name((snnk__dtype)i)) != 0) i++;
    return (snnk__dtype)i;
}

/* Read the entry of a tensor, and its dimensions into `dims`. */
static int read_tensor(const cJSON *item, size_t *dims, snnk__safetensors_tensor *tensor) {
    const char *name = item->string;
    const cJSON *dtype = cJSON_GetObjectItemCaseSensitive(item, "dtype");
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(item, "data_offsets");
    const cJSON *dim;
    size_t needed, end;

    *tensor = (snnk__safetensors_tensor){.name = name, .dims = dims};
    if (!cJSON_IsString(dtype))
        return snnk__fail(SNNK_E_FORMAT, "the dtype of tensor \"%s\" is not a string", name);
    tensor->type = dtype->valuestring;
    tensor->dtype = dtype_named(tensor->type);
    needed = snnk__dtype_bytes(tensor->dtype);
    cJSON_ArrayForEach(dim, cJSON_GetObjectItemCaseSensitive(item, "shape")) {
        if (!read_size(dim, dims + tensor->n_dims))
            return snnk__fail(SNNK_E_FORMAT,
                              "tensor \"%s\": a dimension is not a non-negative integer", name);
        if (!snnk__mul_size(needed, dims[tensor->n_dims++], &needed) &&
            tensor->dtype != SNNK__DTYPE_UNKNOWN)
            return snnk__fail(SNNK_E_FORMAT, "tensor \"%s\": the number of bytes overflows size_t",
                              name);
    }
    if (!cJSON_IsArray(offsets) || cJSON_GetArraySize(offsets) != 2 ||
        !read_size(offsets->child, &tensor->begin) || !read_size(offsets->child->next, &end) ||
        end < tensor->begin)
        return snnk__fail(SNNK_E_FORMAT,
                          "tensor \"%s\": data_offsets is not a pair of offsets in order", name);
    tensor->bytes = end - tensor->begin;
    if (tensor->bytes != needed && tensor->dtype != SNNK__DTYPE_UNKNOWN)
        return snnk__fail(SNNK_E_FORMAT, "tensor \"%s\" has %zu bytes, but its shape needs %zu",
                          name, tensor->bytes, needed);
    return SNNK_OK;
}

/* Allocate what was counted, and read all entries. */
static int read_entries(snnk__safetensors_reader *reader, size_t n_dims) {
    const snnk_allocator *allocator = &reader->allocator;
    size_t pairs = 0, tensors = 0;
    const cJSON *item, *text;
    size_t *dims;
    int st;

    st = snnk__alloc(allocator, reader->n_pairs, sizeof *reader->pairs, "metadata", &reader->pairs);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(allocator, reader->n_tensors, sizeof *reader->tensors, "tensors",
                     &reader->tensors);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(allocator, n_dims, sizeof *reader->dims, "tensors", &reader->dims);
    if (st != SNNK_OK) return st;
    dims = reader->dims;
    cJSON_ArrayForEach(item, reader->header) {
        if (is_metadata(item)) {
            cJSON_ArrayForEach(text, item) {
                reader->pairs[pairs++] = (snnk__safetensors_pair){text->string, text->valuestring};
            }
        } else {
            st = read_tensor(item, dims, reader->tensors + tensors);
            if (st != SNNK_OK) return st;
            dims += reader->tensors[tensors++].n_dims;
        }
    }
    return SNNK_OK;
}

static int compare_places(const void *left, const void *right) {
    const snnk__safetensors_tensor *a = left, *b = right;

    if (a->begin != b->begin) return a->begin < b->begin ? -1 : 1;
    return (a->bytes > b->bytes) - (a->bytes < b->bytes);
}

/* Check that the tensors fill the data part without gaps or overlaps. If `data` is not NULL, the
 * data part is in memory, and the tensors are made to point into it. */
static int place_tensors(snnk__safetensors_reader *reader, const unsigned char *data,
                         size_t bytes) {
    size_t end = 0;

    if (reader->n_tensors > 0)
        qsort(reader->tensors, reader->n_tensors, sizeof *reader->tensors, compare_places);
    for (size_t i = 0; i < reader->n_tensors; i++) {
        snnk__safetensors_tensor *tensor = reader->tensors + i;

        if (tensor->begin != end)
            return snnk__fail(SNNK_E_FORMAT, "tensor \"%s\" begins at byte %zu instead of %zu",
                              tensor->name, tensor->begin, end);
        end += tensor->bytes; /* no overflow: begin + bytes is the end that was read */
        if (end > bytes || !data) continue;
        tensor->data = data + tensor->begin;
    }
    if (end != bytes)
        return snnk__fail(SNNK_E_TRUNCATED,
                          "the header describes %zu bytes of tensors, but the file has %zu", end,
                          bytes);
    return SNNK_OK;
}

/* Sort entries for searching, and refuse duplicates, which would be ambiguous. */
static int sort_entries(snnk__safetensors_reader *reader) {
    if (reader->n_pairs > 0)
        qsort(reader->pairs, reader->n_pairs, sizeof *reader->pairs,
              snnk__safetensors_compare_keys);
    for (size_t i = 0; i + 1 < reader->n_pairs; i++)
        if (strcmp(reader->pairs[i].key, reader->pairs[i + 1].key) == 0)
            return snnk__fail(SNNK_E_FORMAT, "metadata \"%s\" occurs twice", reader->pairs[i].key);
    if (reader->n_tensors > 0)
        qsort(reader->tensors, reader->n_tensors, sizeof *reader->tensors,
              snnk__safetensors_compare_names);
    for (size_t i = 0; i + 1 < reader->n_tensors; i++)
        if (strcmp(reader->tensors[i].name, reader->tensors[i + 1].name) == 0)
            return snnk__fail(SNNK_E_FORMAT, "tensor \"%s\" occurs twice", reader->tensors[i].name);
    return SNNK_OK;
}

/* head: the whole file, or only its header. */
static int open_file(const unsigned char *head, size_t bytes, bool in_memory,
                     const snnk_allocator *allocator, snnk__safetensors_reader **reader) {
    snnk__safetensors_reader *made;
    size_t n_dims = 0, data = 0;
    int st;

    if ((st = snnk__alloc_zero(allocator, 1, sizeof *made, "a reader", &made)) != SNNK_OK)
        return st;
    made->allocator = *allocator;
    if ((st = read_json(head, bytes, &made->header, &data)) != SNNK_OK) goto done;
    if ((st = count(made, &n_dims)) != SNNK_OK) goto done;
    if ((st = read_entries(made, n_dims)) != SNNK_OK) goto done;
    st = place_tensors(made, in_memory ? head + (bytes - data) : NULL, data);
    if (st != SNNK_OK) goto done;
    if ((st = sort_entries(made)) != SNNK_OK) goto done;
    *reader = made;
    made = NULL;
done:
    snnk__safetensors_close(made);
    return st;
}

int snnk__safetensors_open(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                           snnk__safetensors_reader **reader) {
    return open_file(buffer, bytes, true, allocator, reader);
}

int snnk__safetensors_open_header(const void *header, size_t file_bytes,
                                  const snnk_allocator *allocator,
                                  snnk__safetensors_reader **reader) {
    return open_file(header, file_bytes, false, allocator, reader);
}

void snnk__safetensors_close(snnk__safetensors_reader *reader) {
    if (!reader) return;
    const snnk_allocator allocator = reader->allocator;
    cJSON_Delete(reader->header);
    snnk__free(&allocator, reader->pairs);
    snnk__free(&allocator, reader->tensors);
    snnk__free(&allocator, reader->dims);
    snnk__free(&allocator, reader);
}

int snnk__safetensors_verify(const snnk__safetensors_reader *reader) {
    const char *stored = snnk__safetensors_text(reader, SNNK__SAFETENSORS_CHECKSUM_KEY);
    char digits[9];

    if (!stored)
        return snnk__fail(SNNK_E_CHECKSUM, "the file has no checksum (metadata "
                                           "\"" SNNK__SAFETENSORS_CHECKSUM_KEY "\")");
    snnk__safetensors_checksum(reader->pairs, reader->n_pairs, reader->tensors, reader->n_tensors,
                               false, digits);
    if (strcmp(stored, digits) == 0) return SNNK_OK;
    return snnk__fail(
        SNNK_E_CHECKSUM,
        "the checksum of the contents is %s, but the file says %.16s: it was altered or damaged",
        digits, stored);
}

const char *snnk__safetensors_text(const snnk__safetensors_reader *reader, const char *key) {
    const snnk__safetensors_pair wanted = {key, NULL};
    const snnk__safetensors_pair *found;

    if (reader->n_pairs == 0) return NULL;
    found = bsearch(&wanted, reader->pairs, reader->n_pairs, sizeof wanted,
                    snnk__safetensors_compare_keys);
    return found ? found->value : NULL;
}

int snnk__safetensors_number(const snnk__safetensors_reader *reader, const char *key,
                             uint64_t *value) {
    const char *text = snnk__safetensors_text(reader, key);
    uint64_t number = 0;

    if (!text) return snnk__fail(SNNK_E_FORMAT, "metadata \"%s\" is missing", key);
    for (const char *p = text; *p || p == text; p++) {
        const uint64_t digit = (uint64_t)(*p - '0');

        if (*p < '0' || *p > '9' || number > (UINT64_MAX - digit) / 10)
            return snnk__fail(SNNK_E_FORMAT, "metadata \"%s\" = \"%.32s\" is not a 64-bit number",
                              key, text);
        number = number * 10 + digit;
    }
    *value = number;
    return SNNK_OK;
}

const snnk__safetensors_pair *snnk__safetensors_pairs(const snnk__safetensors_reader *reader,
                                                      size_t *n) {
    *n = reader->n_pairs;
    return reader->pairs;
}

const snnk__safetensors_tensor *snnk__safetensors_tensors(const snnk__safetensors_reader *reader,
                                                          size_t *n) {
    *n = reader->n_tensors;
    return reader->tensors;
}

const snnk__safetensors_tensor *
snnk__safetensors_tensor_named(const snnk__safetensors_reader *reader, const char *name) {
    const snnk__safetensors_tensor wanted = {.name = name};

    if (reader->n_tensors == 0) return NULL;
    return bsearch(&wanted, reader->tensors, reader->n_tensors, sizeof wanted,
                   snnk__safetensors_compare_names);
}

int snnk__safetensors_find(const snnk__safetensors_reader *reader, const char *name,
                           snnk__dtype dtype, size_t n_dims, const size_t *dims,
                           const snnk__safetensors_tensor **tensor) {
    const snnk__safetensors_tensor *found = snnk__safetensors_tensor_named(reader, name);

    if (!found) return snnk__fail(SNNK_E_FORMAT, "tensor \"%s\" is missing", name);
    if (found->dtype != dtype)
        return snnk__fail(SNNK_E_FORMAT, "tensor \"%s\" is %s instead of %s", name, found->type,
                          snnk__dtype_name(dtype));
    if (found->n_dims != n_dims)
        return snnk__fail(SNNK_E_FORMAT, "tensor \"%s\" has %zu dimensions instead of %zu", name,
                          found->n_dims, n_dims);
    for (size_t k = 0; k < n_dims; k++)
        if (found->dims[k] != dims[k])
            return snnk__fail(SNNK_E_FORMAT, "tensor \"%s\": dimension %zu is %zu instead of %zu",
                              name, k, found->dims[k], dims[k]);
    *tensor = found;
    return SNNK_OK;
}

int snnk__safetensors_read_f32(const snnk__safetensors_reader *reader, const char *name,
                               size_t n_dims, const size_t *dims, float *out) {
    const snnk__safetensors_tensor *tensor;
    int st;

    if ((st = snnk__safetensors_find(reader, name, SNNK__DTYPE_F32, n_dims, dims, &tensor)) !=
        SNNK_OK)
        return st;
    const size_t n = tensor->bytes / sizeof *out;
    for (size_t i = 0; i < n; i++) out[i] = snnk__load_f32(tensor->data + 4 * i, false);
    return snnk__check_finite(out, name, 1, n, n);
}

int snnk__safetensors_read_f64(const snnk__safetensors_reader *reader, const char *name,
                               size_t n_dims, const size_t *dims, double *out) {
    const snnk__safetensors_tensor *tensor;
    int st;

    if ((st = snnk__safetensors_find(reader, name, SNNK__DTYPE_F64, n_dims, dims, &tensor)) !=
        SNNK_OK)
        return st;
    const size_t n = tensor->bytes / sizeof *out;
    for (size_t i = 0; i < n; i++) out[i] = snnk__load_f64(tensor->data + 8 * i, false);
    return snnk__check_finite_f64(out, name, 1, n, n);
}
