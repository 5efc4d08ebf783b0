/* Least-squares statistics as a model file: docs/format.md, "Least squares". */
#include "file/lstsq_file.h"

#include <string.h>

#include "file/model.h"
#include "file/stream.h"
#include "solve/lstsq.h"

/* By snnk_route. */
static const char *const route_names[SNNK_ROUTE_AUTO + 1] = {"gram", "qr", "auto"};

/* The lower triangle of S, or L, as a full matrix: what stands above the diagonal in memory is
 * scratch. */
static void lower_triangle(const void *context, size_t first, size_t count, void *out) {
    const snnk_lstsq *lstsq = context;
    const size_t m = lstsq->features;
    double *x = out;

    for (size_t k = 0; k < count; k++) {
        const size_t i = (first + k) / m, j = (first + k) % m;

        x[k] = j <= i ? lstsq->S[i * m + j] : 0.0;
    }
}

/* Moments of rows that all count once. */
static bool fits_format_1(const snnk_lstsq *lstsq) {
    return lstsq->route == SNNK_ROUTE_GRAM && lstsq->weight == (double)lstsq->rows;
}

/* Names of the tensors that mean something else in a factor. */
typedef struct names {
    const char *S, *C, *yy;
} names;

static names names_of(int32_t route) {
    return route == SNNK_ROUTE_GRAM ? (names){"S", "C", "yy"} : (names){"L", "Z", "rest"};
}

int snnk_lstsq_save(const snnk_lstsq *lstsq, const char *path) {
    snnk__st_writer writer;
    int st;

    if ((st = snnk__check_pointer(lstsq, "lstsq")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(path, "path")) != SNNK_OK) return st;
    const size_t m = lstsq->features, t = lstsq->targets, one = 1;
    const size_t mm[] = {m, m}, tm[] = {t, m};
    const names name = names_of(lstsq->route);
    const bool plain = fits_format_1(lstsq);

    snnk__model_begin_format(&writer, &lstsq->allocator, SNNK__MODEL_LSTSQ,
                             plain ? SNNK__MODEL_FORMAT : SNNK__LSTSQ_FORMAT);
    snnk__st_add_number(&writer, "snnk.rows", lstsq->rows);
    if (!plain) {
        snnk__st_add_text(&writer, "snnk.route", route_names[lstsq->route]);
        snnk__st_add_tensor(&writer, "weight", SNNK__DTYPE_F64, 1, &one, &lstsq->weight);
    }
    snnk__st_add_tensor(&writer, "mean_phi", SNNK__DTYPE_F64, 1, &m, lstsq->mean_phi);
    snnk__st_add_tensor(&writer, "mean_y", SNNK__DTYPE_F64, 1, &t, lstsq->mean_y);
    snnk__st_add_source(&writer, name.S, SNNK__DTYPE_F64, 2, mm, lower_triangle, lstsq);
    snnk__st_add_tensor(&writer, name.C, SNNK__DTYPE_F64, 2, tm, lstsq->C);
    snnk__st_add_tensor(&writer, name.yy, SNNK__DTYPE_F64, 1, &t, lstsq->yy);
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

/* *route: of format 2 as the file says, of format 1 GRAM. */
static int read_route(const snnk__st_reader *reader, int32_t *route) {
    const char *text = snnk__st_text(reader, "snnk.route");
    uint64_t format;
    int st;

    *route = SNNK_ROUTE_GRAM;
    if ((st = snnk__st_number(reader, "snnk.format", &format)) != SNNK_OK) return st;
    if (format < SNNK__LSTSQ_FORMAT) return SNNK_OK;
    for (int32_t k = 0; text && k <= SNNK_ROUTE_AUTO; k++)
        if (strcmp(text, route_names[k]) == 0) {
            *route = k;
            return SNNK_OK;
        }
    return snnk__fail(SNNK_E_FORMAT, "snnk.route is \"%.32s\", not gram, qr or auto",
                      text ? text : "");
}

/* Shapes first: nothing is allocated by a size that some tensor does not have. */
static int check_shapes(const snnk__st_reader *reader, names name, size_t *features,
                        size_t *targets) {
    const snnk__st_tensor *tensor;
    int st;

    if ((st = vector_length(reader, "mean_phi", features)) != SNNK_OK) return st;
    if ((st = vector_length(reader, "mean_y", targets)) != SNNK_OK) return st;
    const size_t mm[] = {*features, *features}, tm[] = {*targets, *features};
    st = snnk__st_find(reader, name.S, SNNK__DTYPE_F64, 2, mm, &tensor);
    if (st != SNNK_OK) return st;
    st = snnk__st_find(reader, name.C, SNNK__DTYPE_F64, 2, tm, &tensor);
    if (st != SNNK_OK) return st;
    return snnk__st_find(reader, name.yy, SNNK__DTYPE_F64, 1, targets, &tensor);
}

static bool is_zero(const double *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (x[i] != 0) return false;
    return true;
}

/* What sums over rows can be: squares are not negative, and no rows sum to nothing. */
static int check_sums(const snnk_lstsq *lstsq) {
    const size_t m = lstsq->features, t = lstsq->targets;
    const names name = names_of(lstsq->route);

    /* That of a factor may have either sign. */
    for (size_t i = 0; i < m && lstsq->route == SNNK_ROUTE_GRAM; i++)
        if (lstsq->S[i * m + i] < 0)
            return snnk__fail(SNNK_E_FORMAT, "S[%zu][%zu] = %g is below 0", i, i,
                              lstsq->S[i * m + i]);
    for (size_t k = 0; k < t; k++)
        if (lstsq->yy[k] < 0)
            return snnk__fail(SNNK_E_FORMAT, "%s[%zu] = %g is below 0", name.yy, k, lstsq->yy[k]);
    if ((lstsq->rows > 0) != (lstsq->weight > 0))
        return snnk__fail(SNNK_E_FORMAT, "%llu rows of weight %g", (unsigned long long)lstsq->rows,
                          lstsq->weight);
    if (lstsq->rows > 0 ||
        (is_zero(lstsq->mean_phi, m) && is_zero(lstsq->mean_y, t) && is_zero(lstsq->S, m * m) &&
         is_zero(lstsq->C, t * m) && is_zero(lstsq->yy, t)))
        return SNNK_OK;
    return snnk__fail(SNNK_E_FORMAT, "sums over 0 rows that are not 0");
}

/* Format 1 has none: every row counts once. */
static int read_weight(const snnk__st_reader *reader, snnk_lstsq *lstsq) {
    const size_t one = 1;
    uint64_t format;
    int st;

    lstsq->weight = (double)lstsq->rows;
    if ((st = snnk__st_number(reader, "snnk.format", &format)) != SNNK_OK) return st;
    if (format < SNNK__LSTSQ_FORMAT) return SNNK_OK;
    return snnk__st_read_f64(reader, "weight", 1, &one, &lstsq->weight);
}

static int read_sums(const snnk__st_reader *reader, snnk_lstsq *lstsq) {
    const size_t m = lstsq->features, t = lstsq->targets;
    const names name = names_of(lstsq->route);
    const size_t mm[] = {m, m}, tm[] = {t, m};
    int st;

    if ((st = snnk__st_number(reader, "snnk.rows", &lstsq->rows)) != SNNK_OK) return st;
    if ((st = read_weight(reader, lstsq)) != SNNK_OK) return st;
    st = snnk__st_read_f64(reader, "mean_phi", 1, &m, lstsq->mean_phi);
    if (st != SNNK_OK) return st;
    if ((st = snnk__st_read_f64(reader, "mean_y", 1, &t, lstsq->mean_y)) != SNNK_OK) return st;
    if ((st = snnk__st_read_f64(reader, name.S, 2, mm, lstsq->S)) != SNNK_OK) return st;
    if ((st = snnk__st_read_f64(reader, name.C, 2, tm, lstsq->C)) != SNNK_OK) return st;
    if ((st = snnk__st_read_f64(reader, name.yy, 1, &t, lstsq->yy)) != SNNK_OK) return st;
    return check_sums(lstsq);
}

int snnk__lstsq_load_memory(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                            snnk_lstsq **lstsq) {
    snnk__st_reader *reader = NULL;
    snnk_lstsq *made = NULL;
    size_t features = 0, targets = 0;
    int32_t route = SNNK_ROUTE_GRAM;
    int st;

    st = snnk__model_open(buffer, bytes, allocator, SNNK__MODEL_LSTSQ, &reader);
    if (st != SNNK_OK) return st;
    if ((st = read_route(reader, &route)) != SNNK_OK) goto done;
    st = check_shapes(reader, names_of(route), &features, &targets);
    if (st != SNNK_OK) goto done;
    if ((st = snnk_lstsq_create(features, targets, allocator, &made)) != SNNK_OK) goto done;
    if ((st = snnk_lstsq_set_route(made, route)) != SNNK_OK) goto done;
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
