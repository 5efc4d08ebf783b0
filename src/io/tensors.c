#include "io/tensors.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/size.h"
#include "io/array_elements.h"
#include "io/file.h"
#include "io/tensors_index.h"

/* One of `file` and `index` is set. */
struct snnk_tensors {
    snnk_allocator allocator;
    snnk__tensors_file *file;
    snnk__tensors_index *index;
};

static const snnk__element elements[SNNK__N_DTYPES] = {
    [SNNK__DTYPE_F8_E4M3] = SNNK__ELEMENT_F8_E4M3, [SNNK__DTYPE_F8_E5M2] = SNNK__ELEMENT_F8_E5M2,
    [SNNK__DTYPE_F8_E8M0] = SNNK__ELEMENT_F8_E8M0, [SNNK__DTYPE_BOOL] = SNNK__ELEMENT_BOOL,
    [SNNK__DTYPE_U8] = SNNK__ELEMENT_U8,           [SNNK__DTYPE_I8] = SNNK__ELEMENT_I8,
    [SNNK__DTYPE_U16] = SNNK__ELEMENT_U16,         [SNNK__DTYPE_I16] = SNNK__ELEMENT_I16,
    [SNNK__DTYPE_F16] = SNNK__ELEMENT_F16,         [SNNK__DTYPE_BF16] = SNNK__ELEMENT_BF16,
    [SNNK__DTYPE_U32] = SNNK__ELEMENT_U32,         [SNNK__DTYPE_I32] = SNNK__ELEMENT_I32,
    [SNNK__DTYPE_F32] = SNNK__ELEMENT_F32,         [SNNK__DTYPE_U64] = SNNK__ELEMENT_U64,
    [SNNK__DTYPE_I64] = SNNK__ELEMENT_I64,         [SNNK__DTYPE_F64] = SNNK__ELEMENT_F64};

/* ---- Opening ---- */

int snnk_tensors_open(const char *path, const snnk_allocator *allocator, snnk_tensors **tensors) {
    snnk_tensors *made = NULL;
    snnk_allocator ours;
    bool is_index;
    int st;

    if ((st = snnk__check_pointer(tensors, "tensors")) != SNNK_OK) return st;
    *tensors = NULL;
    if ((st = snnk__check_pointer(path, "path")) != SNNK_OK) return st;
    if ((st = snnk__allocator_read(&ours, allocator)) != SNNK_OK) return st;
    if ((st = snnk__tensors_is_index(path, &is_index)) != SNNK_OK) return st;
    if ((st = snnk__alloc_zero(&ours, 1, sizeof *made, "tensors", &made)) != SNNK_OK) return st;
    made->allocator = ours;
    st = is_index ? snnk__tensors_index_open(path, &made->allocator, &made->index)
                  : snnk__tensors_file_open(path, &made->allocator, &made->file);
    if (st != SNNK_OK) goto done;
    *tensors = made;
    made = NULL;
done:
    snnk_tensors_free(made);
    return st;
}

void snnk_tensors_free(snnk_tensors *tensors) {
    if (!tensors) return;
    const snnk_allocator allocator = tensors->allocator;
    snnk__tensors_file_close(tensors->file);
    snnk__tensors_index_close(tensors->index);
    snnk__free(&allocator, tensors);
}

/* ---- Names, types, metadata ---- */

size_t snnk_tensors_count(const snnk_tensors *tensors) {
    size_t n = 0;

    if (!tensors) return 0;
    if (tensors->index) return snnk__tensors_index_count(tensors->index);
    snnk__safetensors_tensors(tensors->file->reader, &n);
    return n;
}

const char *snnk_tensors_name(const snnk_tensors *tensors, size_t i) {
    size_t n;

    if (i >= snnk_tensors_count(tensors)) return NULL;
    if (tensors->index) return snnk__tensors_index_name(tensors->index, i);
    return snnk__safetensors_tensors(tensors->file->reader, &n)[i].name;
}

size_t snnk_tensors_texts(const snnk_tensors *tensors) {
    size_t n = 0;

    if (tensors && tensors->file) snnk__safetensors_pairs(tensors->file->reader, &n);
    return n;
}

const char *snnk_tensors_text_key(const snnk_tensors *tensors, size_t i) {
    size_t n;

    if (i >= snnk_tensors_texts(tensors)) return NULL;
    return snnk__safetensors_pairs(tensors->file->reader, &n)[i].key;
}

const char *snnk_tensors_text(const snnk_tensors *tensors, const char *key) {
    return tensors && tensors->file && key ? snnk__safetensors_text(tensors->file->reader, key)
                                           : NULL;
}

const snnk_allocator *snnk__tensors_allocator(const snnk_tensors *tensors) {
    return &tensors->allocator;
}

int snnk__tensors_find(const snnk_tensors *tensors, const char *name,
                       const snnk__tensors_file **file, const snnk__safetensors_tensor **tensor) {
    int st;

    if ((st = snnk__check_pointer(tensors, "tensors")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(name, "name")) != SNNK_OK) return st;
    *file = tensors->file;
    if (tensors->index && (st = snnk__tensors_index_find(tensors->index, name, file)) != SNNK_OK)
        return st;
    *tensor = snnk__safetensors_tensor_named((*file)->reader, name);
    if (*tensor) return SNNK_OK;
    return snnk__fail(SNNK_E_FORMAT, "%s: tensor \"%s\" is missing", (*file)->path, name);
}

const char *snnk_tensors_type(const snnk_tensors *tensors, const char *name) {
    const snnk__safetensors_tensor *tensor;
    const snnk__tensors_file *file;

    if (!tensors || !name || snnk__tensors_find(tensors, name, &file, &tensor) != SNNK_OK)
        return NULL;
    return tensor->type;
}

static int check_n_dims(const char *name, size_t n_dims) {
    if (n_dims <= SNNK_TENSORS_MAX_DIMS) return SNNK_OK;
    return snnk__fail(SNNK_E_SHAPE, "tensor \"%s\": n_dims = %zu is above the limit of %d", name,
                      n_dims, SNNK_TENSORS_MAX_DIMS);
}

int snnk_tensors_shape(const snnk_tensors *tensors, const char *name, size_t *n_dims,
                       size_t *dims) {
    const snnk__safetensors_tensor *tensor;
    const snnk__tensors_file *file;
    int st;

    if ((st = snnk__check_pointer(n_dims, "n_dims")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(dims, "dims")) != SNNK_OK) return st;
    if ((st = snnk__tensors_find(tensors, name, &file, &tensor)) != SNNK_OK) return st;
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

static int check_shape(const snnk__tensors_file *file, const snnk__safetensors_tensor *tensor,
                       size_t n_dims, const size_t *dims) {
    if (tensor->n_dims == n_dims &&
        (n_dims == 0 || memcmp(tensor->dims, dims, n_dims * sizeof *dims) == 0))
        return SNNK_OK;
    return snnk__fail(SNNK_E_SHAPE, "%s: tensor \"%s\" is %s instead of %s", file->path,
                      tensor->name, shape_text(tensor->n_dims, tensor->dims).text,
                      shape_text(n_dims, dims).text);
}

/* Check that all elements are finite; the sentence names the first that is not. */
static int check_elements(const snnk__tensors_file *file, const snnk__safetensors_tensor *tensor,
                          size_t n, const float *values) {
    size_t place[SNNK_TENSORS_MAX_DIMS], i = 0;

    while (i < n && isfinite(values[i])) i++;
    if (i == n) return SNNK_OK;
    const double value = (double)values[i];
    for (size_t k = tensor->n_dims; k-- > 0; i /= tensor->dims[k]) place[k] = i % tensor->dims[k];
    return snnk__fail(SNNK_E_NONFINITE, "%s: tensor \"%s\" at (%s) is %g as float", file->path,
                      tensor->name, list(tensor->n_dims, place, ", ").text, value);
}

int snnk_tensors_read(const snnk_tensors *tensors, const char *name, size_t n_dims,
                      const size_t *dims, float *out) {
    const snnk__safetensors_tensor *tensor;
    const snnk__tensors_file *file;
    size_t n;
    int st;

    if ((st = snnk__tensors_find(tensors, name, &file, &tensor)) != SNNK_OK) return st;
    if (n_dims > 0 && (st = snnk__check_pointer(dims, "dims")) != SNNK_OK) return st;
    if ((st = check_n_dims(name, n_dims)) != SNNK_OK) return st;
    if ((st = check_n_dims(name, tensor->n_dims)) != SNNK_OK) return st;
    if ((st = check_shape(file, tensor, n_dims, dims)) != SNNK_OK) return st;
    if (tensor->dtype == SNNK__DTYPE_UNKNOWN)
        return snnk__fail(SNNK_E_UNSUPPORTED, "%s: tensor \"%s\" has the unknown type %.32s",
                          file->path, name, tensor->type);
    n = tensor->bytes / snnk__dtype_bytes(tensor->dtype);
    if (n == 0) return SNNK_OK;
    if ((st = snnk__check_pointer(out, "out")) != SNNK_OK) return st;
    st = snnk__elements_read(file->fd, file->path, file->data_begin + tensor->begin,
                             elements[tensor->dtype], false, n, out, NULL);
    return st == SNNK_OK ? check_elements(file, tensor, n, out) : st;
}
