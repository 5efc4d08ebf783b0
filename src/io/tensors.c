#include <snnk/tensors.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/size.h"
#include "io/array_elements.h"
#include "io/file.h"
#include "io/safetensors.h"

struct snnk_tensors {
    snnk_allocator allocator;
    int fd;
    char *path; /* for error sentences */
    snnk__safetensors_reader *reader;
    size_t data_begin; /* offset of the data part in the file */
};

static const snnk__element elements[SNNK__N_DTYPES] = {
    [SNNK__DTYPE_BOOL] = SNNK__ELEMENT_BOOL, [SNNK__DTYPE_U8] = SNNK__ELEMENT_U8,
    [SNNK__DTYPE_I8] = SNNK__ELEMENT_I8,     [SNNK__DTYPE_U16] = SNNK__ELEMENT_U16,
    [SNNK__DTYPE_I16] = SNNK__ELEMENT_I16,   [SNNK__DTYPE_F16] = SNNK__ELEMENT_F16,
    [SNNK__DTYPE_BF16] = SNNK__ELEMENT_BF16, [SNNK__DTYPE_U32] = SNNK__ELEMENT_U32,
    [SNNK__DTYPE_I32] = SNNK__ELEMENT_I32,   [SNNK__DTYPE_F32] = SNNK__ELEMENT_F32,
    [SNNK__DTYPE_U64] = SNNK__ELEMENT_U64,   [SNNK__DTYPE_I64] = SNNK__ELEMENT_I64,
    [SNNK__DTYPE_F64] = SNNK__ELEMENT_F64};

/* ---- Opening ---- */

/* Read the header of an open file of `size` bytes. */
static int read_header(snnk_tensors *tensors, size_t size) {
    const snnk_allocator *allocator = &tensors->allocator;
    unsigned char length[8], *header = NULL;
    int st;

    st = snnk__file_read_range(tensors->fd, tensors->path, 0, snnk__min_size(size, sizeof length),
                               length);
    if (st != SNNK_OK) return st;
    if ((st = snnk__safetensors_header_bytes(length, size, &tensors->data_begin)) != SNNK_OK)
        return snnk__fail_within(st, "%s", tensors->path);
    if ((st = snnk__alloc(allocator, tensors->data_begin, 1, "a header", &header)) != SNNK_OK)
        return st;
    st = snnk__file_read_range(tensors->fd, tensors->path, 0, tensors->data_begin, header);
    if (st != SNNK_OK) goto done;
    st = snnk__safetensors_open_header(header, size, allocator, &tensors->reader);
    if (st != SNNK_OK) snnk__fail_within(st, "%s", tensors->path);
done:
    snnk__free(allocator, header);
    return st;
}

int snnk_tensors_open(const char *path, const snnk_allocator *allocator, snnk_tensors **tensors) {
    snnk_tensors *made = NULL;
    snnk_allocator ours;
    bool regular;
    size_t size, path_bytes;
    int st;

    if ((st = snnk__check_pointer(tensors, "tensors")) != SNNK_OK) return st;
    *tensors = NULL;
    if ((st = snnk__check_pointer(path, "path")) != SNNK_OK) return st;
    if ((st = snnk__allocator_read(&ours, allocator)) != SNNK_OK) return st;
    if ((st = snnk__alloc_zero(&ours, 1, sizeof *made, "tensors", &made)) != SNNK_OK) return st;
    made->allocator = ours;
    made->fd = -1;
    path_bytes = strlen(path) + 1;
    if ((st = snnk__alloc(&ours, path_bytes, 1, "a path", &made->path)) != SNNK_OK) goto done;
    memcpy(made->path, path, path_bytes);
    if ((st = snnk__file_open(path, &made->fd)) != SNNK_OK) goto done;
    if ((st = snnk__file_measure(made->fd, path, &regular, &size)) != SNNK_OK) goto done;
    if ((st = read_header(made, size)) != SNNK_OK) goto done;
    *tensors = made;
    made = NULL;
done:
    snnk_tensors_free(made);
    return st;
}

void snnk_tensors_free(snnk_tensors *tensors) {
    if (!tensors) return;
    const snnk_allocator allocator = tensors->allocator;
    snnk__safetensors_close(tensors->reader);
    snnk__file_close(tensors->fd);
    snnk__free(&allocator, tensors->path);
    snnk__free(&allocator, tensors);
}

/* ---- Names, types, metadata ---- */

size_t snnk_tensors_count(const snnk_tensors *tensors) {
    size_t n = 0;

    if (tensors) snnk__safetensors_tensors(tensors->reader, &n);
    return n;
}

const char *snnk_tensors_name(const snnk_tensors *tensors, size_t i) {
    size_t n;

    if (i >= snnk_tensors_count(tensors)) return NULL;
    return snnk__safetensors_tensors(tensors->reader, &n)[i].name;
}

const char *snnk_tensors_type(const snnk_tensors *tensors, const char *name) {
    const snnk__safetensors_tensor *tensor =
        tensors && name ? snnk__safetensors_tensor_named(tensors->reader, name) : NULL;

    return tensor ? snnk__dtype_name(tensor->dtype) : NULL;
}

size_t snnk_tensors_texts(const snnk_tensors *tensors) {
    size_t n = 0;

    if (tensors) snnk__safetensors_pairs(tensors->reader, &n);
    return n;
}

const char *snnk_tensors_text_key(const snnk_tensors *tensors, size_t i) {
    size_t n;

    if (i >= snnk_tensors_texts(tensors)) return NULL;
    return snnk__safetensors_pairs(tensors->reader, &n)[i].key;
}

const char *snnk_tensors_text(const snnk_tensors *tensors, const char *key) {
    return tensors && key ? snnk__safetensors_text(tensors->reader, key) : NULL;
}

static int find(const snnk_tensors *tensors, const char *name,
                const snnk__safetensors_tensor **tensor) {
    int st;

    if ((st = snnk__check_pointer(tensors, "tensors")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(name, "name")) != SNNK_OK) return st;
    *tensor = snnk__safetensors_tensor_named(tensors->reader, name);
    if (*tensor) return SNNK_OK;
    return snnk__fail(SNNK_E_FORMAT, "%s: tensor \"%s\" is missing", tensors->path, name);
}

static int check_n_dims(const char *name, size_t n_dims) {
    if (n_dims <= SNNK_TENSORS_MAX_DIMS) return SNNK_OK;
    return snnk__fail(SNNK_E_SHAPE, "tensor \"%s\": n_dims = %zu is above the limit of %d", name,
                      n_dims, SNNK_TENSORS_MAX_DIMS);
}

int snnk_tensors_shape(const snnk_tensors *tensors, const char *name, size_t *n_dims,
                       size_t *dims) {
    const snnk__safetensors_tensor *tensor;
    int st;

    if ((st = snnk__check_pointer(n_dims, "n_dims")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(dims, "dims")) != SNNK_OK) return st;
    if ((st = find(tensors, name, &tensor)) != SNNK_OK) return st;
    if ((st = check_n_dims(name, tensor->n_dims)) != SNNK_OK) return st;
    for (size_t k = 0; k < tensor->n_dims; k++) dims[k] = tensor->dims[k];
    *n_dims = tensor->n_dims;
    return SNNK_OK;
}

/* ---- Reading ---- */

/* A list of numbers for a sentence: at most SNNK_TENSORS_MAX_DIMS, of up to 20 digits each. */
typedef struct listing {
    char text[SNNK_TENSORS_MAX_DIMS * 24];
} listing;

static listing list(size_t n, const size_t *numbers, const char *between) {
    listing made = {""};
    size_t used = 0;

    for (size_t k = 0; k < n && used < sizeof made.text; k++)
        used += (size_t)snprintf(made.text + used, sizeof made.text - used, "%s%zu",
                                 k > 0 ? between : "", numbers[k]);
    return made;
}

static listing shape_text(size_t n_dims, const size_t *dims) {
    return n_dims > 0 ? list(n_dims, dims, " x ") : (listing){"a single number"};
}

static int check_shape(const snnk_tensors *tensors, const snnk__safetensors_tensor *tensor,
                       size_t n_dims, const size_t *dims) {
    if (tensor->n_dims == n_dims &&
        (n_dims == 0 || memcmp(tensor->dims, dims, n_dims * sizeof *dims) == 0))
        return SNNK_OK;
    return snnk__fail(SNNK_E_SHAPE, "%s: tensor \"%s\" is %s instead of %s", tensors->path,
                      tensor->name, shape_text(tensor->n_dims, tensor->dims).text,
                      shape_text(n_dims, dims).text);
}

/* Check that all elements are finite; the sentence names the first that is not. */
static int check_elements(const snnk_tensors *tensors, const snnk__safetensors_tensor *tensor,
                          size_t n, const float *values) {
    size_t place[SNNK_TENSORS_MAX_DIMS], i = 0;

    while (i < n && isfinite(values[i])) i++;
    if (i == n) return SNNK_OK;
    const double value = (double)values[i];
    for (size_t k = tensor->n_dims; k-- > 0; i /= tensor->dims[k]) place[k] = i % tensor->dims[k];
    return snnk__fail(SNNK_E_NONFINITE, "%s: tensor \"%s\" at (%s) is %g as float", tensors->path,
                      tensor->name, list(tensor->n_dims, place, ", ").text, value);
}

int snnk_tensors_read(const snnk_tensors *tensors, const char *name, size_t n_dims,
                      const size_t *dims, float *out) {
    const snnk__safetensors_tensor *tensor;
    size_t n;
    int st;

    if ((st = find(tensors, name, &tensor)) != SNNK_OK) return st;
    if (n_dims > 0 && (st = snnk__check_pointer(dims, "dims")) != SNNK_OK) return st;
    if ((st = check_n_dims(name, n_dims)) != SNNK_OK) return st;
    if ((st = check_n_dims(name, tensor->n_dims)) != SNNK_OK) return st;
    if ((st = check_shape(tensors, tensor, n_dims, dims)) != SNNK_OK) return st;
    n = tensor->bytes / snnk__dtype_bytes(tensor->dtype);
    if (n == 0) return SNNK_OK;
    if ((st = snnk__check_pointer(out, "out")) != SNNK_OK) return st;
    st = snnk__elements_read(tensors->fd, tensors->path, tensors->data_begin + tensor->begin,
                             elements[tensor->dtype], false, n, out, NULL);
    return st == SNNK_OK ? check_elements(tensors, tensor, n, out) : st;
}
