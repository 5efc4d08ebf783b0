/* Least-squares statistics as a model file: docs/format.md, "Least squares". */
#include "file/lstsq_file.h"

#include "file/model.h"
#include "file/stream.h"
#include "solve/lstsq.h"

/* The lower triangle of S as a full matrix: what stands above the diagonal in memory is scratch. */
static void lower_triangle(const void *context, size_t first, size_t count, void *out) {
    const snnk_lstsq *lstsq = context;
    const size_t m = lstsq->features;
    double *x = out;

    for (size_t k = 0; k < count; k++) {
        const size_t i = (first + k) / m, j = (first + k) % m;

        x[k] = j <= i ? lstsq->S[i * m + j] : 0.0;
    }
}

int snnk_lstsq_save(const snnk_lstsq *lstsq, const char *path) {
    snnk__st_writer writer;
    int st;

    if ((st = snnk__check_pointer(lstsq, "lstsq")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(path, "path")) != SNNK_OK) return st;
    const size_t m = lstsq->features, t = lstsq->targets;
    const size_t mm[] = {m, m}, tm[] = {t, m};

    snnk__model_begin(&writer, &lstsq->allocator, SNNK__MODEL_LSTSQ);
    snnk__st_add_number(&writer, "snnk.rows", lstsq->rows);
    snnk__st_add_tensor(&writer, "mean_phi", SNNK__DTYPE_F64, 1, &m, lstsq->mean_phi);
    snnk__st_add_tensor(&writer, "mean_y", SNNK__DTYPE_F64, 1, &t, lstsq->mean_y);
    snnk__st_add_source(&writer, "S", SNNK__DTYPE_F64, 2, mm, lower_triangle, lstsq);
    snnk__st_add_tensor(&writer, "C", SNNK__DTYPE_F64, 2, tm, lstsq->C);
    snnk__st_add_tensor(&writer, "yy", SNNK__DTYPE_F64, 1, &t, lstsq->yy);
    st = snnk__st_write_file(&writer, path);
    snnk__st_writer_free(&writer);
    return st;
}

/* A dimension of the file's: the length of a vector, at least 1. */
static int vector_length(const snnk__st_reader *reader, const char *name, size_t *length) {
    const snnk__st_tensor *tensor = snnk__st_tensor_named(reader, name);

    if (!tensor || tensor->n_dims != 1 || tensor->dims[0] == 0)
        return snnk__fail(SNNK_E_FORMAT, "tensor \"%s\" is missing, or not a vector", name);
    *length = tensor->dims[0];
    return SNNK_OK;
}

/* Shapes first: nothing is allocated by a size that some tensor does not have. */
static int check_shapes(const snnk__st_reader *reader, size_t *features, size_t *targets) {
    const snnk__st_tensor *tensor;
    int st;

    if ((st = vector_length(reader, "mean_phi", features)) != SNNK_OK) return st;
    if ((st = vector_length(reader, "mean_y", targets)) != SNNK_OK) return st;
    const size_t mm[] = {*features, *features}, tm[] = {*targets, *features};
    st = snnk__st_find(reader, "S", SNNK__DTYPE_F64, 2, mm, &tensor);
    if (st != SNNK_OK) return st;
    st = snnk__st_find(reader, "C", SNNK__DTYPE_F64, 2, tm, &tensor);
    if (st != SNNK_OK) return st;
    return snnk__st_find(reader, "yy", SNNK__DTYPE_F64, 1, targets, &tensor);
}

static bool is_zero(const double *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (x[i] != 0) return false;
    return true;
}

/* What sums over rows can be: squares are not negative, and no rows sum to nothing. */
static int check_sums(const snnk_lstsq *lstsq) {
    const size_t m = lstsq->features, t = lstsq->targets;

    for (size_t i = 0; i < m; i++)
        if (lstsq->S[i * m + i] < 0)
            return snnk__fail(SNNK_E_FORMAT, "S[%zu][%zu] = %g is below 0", i, i,
                              lstsq->S[i * m + i]);
    for (size_t k = 0; k < t; k++)
        if (lstsq->yy[k] < 0)
            return snnk__fail(SNNK_E_FORMAT, "yy[%zu] = %g is below 0", k, lstsq->yy[k]);
    if (lstsq->rows > 0 ||
        (is_zero(lstsq->mean_phi, m) && is_zero(lstsq->mean_y, t) && is_zero(lstsq->S, m * m) &&
         is_zero(lstsq->C, t * m) && is_zero(lstsq->yy, t)))
        return SNNK_OK;
    return snnk__fail(SNNK_E_FORMAT, "sums over 0 rows that are not 0");
}

static int read_sums(const snnk__st_reader *reader, snnk_lstsq *lstsq) {
    const size_t m = lstsq->features, t = lstsq->targets;
    const size_t mm[] = {m, m}, tm[] = {t, m};
    int st;

    if ((st = snnk__st_number(reader, "snnk.rows", &lstsq->rows)) != SNNK_OK) return st;
    st = snnk__st_read_f64(reader, "mean_phi", 1, &m, lstsq->mean_phi);
    if (st != SNNK_OK) return st;
    if ((st = snnk__st_read_f64(reader, "mean_y", 1, &t, lstsq->mean_y)) != SNNK_OK) return st;
    if ((st = snnk__st_read_f64(reader, "S", 2, mm, lstsq->S)) != SNNK_OK) return st;
    if ((st = snnk__st_read_f64(reader, "C", 2, tm, lstsq->C)) != SNNK_OK) return st;
    if ((st = snnk__st_read_f64(reader, "yy", 1, &t, lstsq->yy)) != SNNK_OK) return st;
    return check_sums(lstsq);
}

int snnk__lstsq_load_memory(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                            snnk_lstsq **lstsq) {
    snnk__st_reader *reader = NULL;
    snnk_lstsq *made = NULL;
    size_t features = 0, targets = 0;
    int st;

    st = snnk__model_open(buffer, bytes, allocator, SNNK__MODEL_LSTSQ, &reader);
    if (st != SNNK_OK) return st;
    if ((st = check_shapes(reader, &features, &targets)) != SNNK_OK) goto done;
    if ((st = snnk_lstsq_create(features, targets, allocator, &made)) != SNNK_OK) goto done;
    if ((st = read_sums(reader, made)) != SNNK_OK) goto done;
    *lstsq = made;
    made = NULL;
done:
    snnk_lstsq_free(made);
    snnk__st_close(reader);
    return st;
}

int snnk_lstsq_load(const char *path, const snnk_allocator *allocator, snnk_lstsq **lstsq) {
    snnk_allocator ours;
    unsigned char *buffer;
    size_t bytes;
    int st;

    if ((st = snnk__check_pointer(lstsq, "lstsq")) != SNNK_OK) return st;
    *lstsq = NULL;
    if ((st = snnk__check_pointer(path, "path")) != SNNK_OK) return st;
    if ((st = snnk__allocator_read(&ours, allocator)) != SNNK_OK) return st;
    if ((st = snnk__file_read(path, &ours, &buffer, &bytes)) != SNNK_OK) return st;
    st = snnk__lstsq_load_memory(buffer, bytes, &ours, lstsq);
    snnk__free(&ours, buffer);
    return st == SNNK_OK ? st : snnk__fail_within(st, "%s", path);
}
