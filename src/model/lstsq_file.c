/* Least-squares statistics as a model file: docs/format.md, "Least squares". */
#include "model/lstsq_file.h"

#include <stdio.h>
#include <string.h>

#include <snnk/lstsq.h>

#include "model/model.h"
#include "solve/lstsq.h"

/* Copy elements of the lower triangle of S, or of L, as a full matrix. In memory, what is above the
 * diagonal is scratch. */
static void lower_triangle(const void *context, size_t first, size_t count, void *out) {
    const snnk_lstsq *lstsq = context;
    const size_t m = lstsq->features;
    double *x = out;

    for (size_t k = 0; k < count; k++) {
        const size_t i = (first + k) / m, j = (first + k) % m;

        x[k] = j <= i ? lstsq->S[i * m + j] : 0.0;
    }
}

/* Whether format 1 can hold the statistics: no weights, sums in double, and no rows forgotten. */
static bool fits_format_1(const snnk_lstsq *lstsq) {
    return lstsq->factorization == SNNK_FACTORIZATION_GRAM &&
           lstsq->weight == (double)lstsq->rows && !lstsq->single && lstsq->max_rows == 0;
}

/* The names of statistics in a file: their own, or with a prefix in a model that includes them.
 * With a prefix, weight and factorization are always written. */
typedef struct place {
    const char *tensors, *keys; /* prefixes */
    bool plain;                 /* the older format 1 */
    int32_t factorization;
    bool indexed; /* one of several, whose number follows the prefix */
    size_t index;
} place;

static place place_of(bool carried, bool plain, int32_t factorization) {
    return carried ? (place){"statistics.", "snnk.statistics.", false, factorization, false, 0}
                   : (place){"", "snnk.", plain, factorization, false, 0};
}

static place place_at(size_t index, int32_t factorization) {
    return (place){"statistics.", "snnk.statistics.", false, factorization, true, index};
}

typedef enum part {
    MEAN_PHI,
    MEAN_Y,
    SQUARE,
    CROSS,
    REST,
    WEIGHT,
    MAX_PHI,
    MAX_Y,
    MAX_WEIGHT,
    ROWS, /* metadata keys begin here */
    FACTORIZATION,
    FAST,
    MAX_ROWS
} part;

/* As long as the longest name, "snnk.statistics.INDEX.most_rows". */
typedef struct part_name {
    char text[56];
} part_name;

/* The name of a tensor or of a metadata key. */
static part_name name_of(const place *at, part what) {
    static const char *const names[] = {[MEAN_PHI] = "mean_phi",
                                        [MEAN_Y] = "mean_y",
                                        [SQUARE] = "S",
                                        [CROSS] = "C",
                                        [REST] = "yy",
                                        [WEIGHT] = "weight",
                                        [MAX_PHI] = "most_phi",
                                        [MAX_Y] = "most_y",
                                        [MAX_WEIGHT] = "most_weight",
                                        [ROWS] = "rows",
                                        [FACTORIZATION] = "route",
                                        [FAST] = "fast",
                                        [MAX_ROWS] = "most_rows"};
    static const char *const factors[] = {[SQUARE] = "L", [CROSS] = "Z", [REST] = "rest"};
    const bool of_factor =
        at->factorization != SNNK_FACTORIZATION_GRAM && what >= SQUARE && what <= REST;
    const char *prefix = what >= ROWS ? at->keys : at->tensors;
    const char *own = (of_factor ? factors : names)[what];
    part_name name;

    if (at->indexed)
        snprintf(name.text, sizeof name.text, "%s%zu.%s", prefix, at->index, own);
    else
        snprintf(name.text, sizeof name.text, "%s%s", prefix, own);
    return name;
}

static void add_tensor(snnk__safetensors_writer *writer, const place *at, part what, size_t n_dims,
                       const size_t *dims, const double *data) {
    snnk__safetensors_add_tensor(writer, name_of(at, what).text, SNNK__DTYPE_F64, n_dims, dims,
                                 data);
}

/* Write what is known of the rounding errors in the sums. */
static void add_rounding(snnk__safetensors_writer *writer, const snnk_lstsq *lstsq,
                         const place *at) {
    const size_t one = 1;

    if (lstsq->single) snnk__safetensors_add_text(writer, name_of(at, FAST).text, "true");
    if (lstsq->max_rows == 0) return;
    snnk__safetensors_add_number(writer, name_of(at, MAX_ROWS).text, lstsq->max_rows);
    add_tensor(writer, at, MAX_WEIGHT, 1, &one, &lstsq->max_weight);
    add_tensor(writer, at, MAX_PHI, 1, &lstsq->features, lstsq->max_phi);
    add_tensor(writer, at, MAX_Y, 1, &lstsq->targets, lstsq->max_y);
}

static void add_statistics(snnk__safetensors_writer *writer, const snnk_lstsq *lstsq,
                           const place *at) {
    const size_t m = lstsq->features, t = lstsq->targets, one = 1;
    const size_t mm[] = {m, m}, tm[] = {t, m};

    snnk__safetensors_add_number(writer, name_of(at, ROWS).text, lstsq->rows);
    if (!at->plain) {
        snnk__safetensors_add_text(writer, name_of(at, FACTORIZATION).text,
                                   snnk_factorization_name(lstsq->factorization));
        add_tensor(writer, at, WEIGHT, 1, &one, &lstsq->weight);
        add_rounding(writer, lstsq, at);
    }
    add_tensor(writer, at, MEAN_PHI, 1, &m, lstsq->mean_phi);
    add_tensor(writer, at, MEAN_Y, 1, &t, lstsq->mean_y);
    snnk__safetensors_add_source(writer, name_of(at, SQUARE).text, SNNK__DTYPE_F64, 2, mm,
                                 lower_triangle, lstsq);
    add_tensor(writer, at, CROSS, 2, tm, lstsq->C);
    add_tensor(writer, at, REST, 1, &t, lstsq->yy);
}

void snnk__lstsq_write_tensors(snnk__safetensors_writer *writer, const snnk_lstsq *lstsq) {
    const place at = place_of(true, false, lstsq->factorization);

    add_statistics(writer, lstsq, &at);
}

static int write(const void *object, int32_t projection, snnk__safetensors_writer *writer) {
    const snnk_lstsq *lstsq = object;
    const int st = snnk__check_pointer(lstsq, "lstsq");

    (void)projection;
    if (st != SNNK_OK) return st;
    const place at = place_of(false, fits_format_1(lstsq), lstsq->factorization);

    snnk__model_begin_format(writer, &lstsq->allocator, SNNK__MODEL_LSTSQ,
                             at.plain ? SNNK__MODEL_FORMAT : SNNK__LSTSQ_FORMAT);
    add_statistics(writer, lstsq, &at);
    return SNNK_OK;
}

int snnk_lstsq_save(const snnk_lstsq *lstsq, const char *path) {
    return snnk__model_save(lstsq, SNNK_SAVE_ROWS, write, path);
}

int snnk_lstsq_saved_bytes(const snnk_lstsq *lstsq, size_t *bytes) {
    return snnk__model_saved_bytes(lstsq, SNNK_SAVE_ROWS, write, bytes);
}

int snnk_lstsq_save_memory(const snnk_lstsq *lstsq, void *buffer, size_t bytes) {
    return snnk__model_save_memory(lstsq, SNNK_SAVE_ROWS, write, buffer, bytes);
}

/* Read a dimension from the length of a vector in the file, at least 1. */
static int vector_length(const snnk__safetensors_reader *reader, const char *name, size_t *length) {
    const snnk__safetensors_tensor *tensor = snnk__safetensors_tensor_named(reader, name);

    if (!tensor || tensor->n_dims != 1 || tensor->dims[0] == 0)
        return snnk__fail(SNNK_E_FORMAT, "tensor \"%s\" is missing or not a vector", name);
    *length = tensor->dims[0];
    return SNNK_OK;
}

/* Read the factorization; statistics in format 1 have GRAM. */
static int read_factorization(const snnk__safetensors_reader *reader, place *at) {
    const char *text = at->plain ? snnk_factorization_name(SNNK_FACTORIZATION_GRAM)
                                 : snnk__safetensors_text(reader, name_of(at, FACTORIZATION).text);

    for (int32_t k = 0; text && k <= SNNK_FACTORIZATION_AUTO; k++)
        if (strcmp(text, snnk_factorization_name(k)) == 0) {
            at->factorization = k;
            return SNNK_OK;
        }
    return snnk__fail(SNNK_E_FORMAT, "%s is \"%.32s\", but must be gram, qr or auto",
                      name_of(at, FACTORIZATION).text, text ? text : "");
}

/* Check shapes first, so that no size is used for allocation unless a tensor has it. */
static int check_shapes(const snnk__safetensors_reader *reader, const place *at, size_t *features,
                        size_t *targets) {
    const snnk__safetensors_tensor *tensor;
    int st;

    st = vector_length(reader, name_of(at, MEAN_PHI).text, features);
    if (st != SNNK_OK) return st;
    if ((st = vector_length(reader, name_of(at, MEAN_Y).text, targets)) != SNNK_OK) return st;
    const size_t mm[] = {*features, *features}, tm[] = {*targets, *features};
    st = snnk__safetensors_find(reader, name_of(at, SQUARE).text, SNNK__DTYPE_F64, 2, mm, &tensor);
    if (st != SNNK_OK) return st;
    st = snnk__safetensors_find(reader, name_of(at, CROSS).text, SNNK__DTYPE_F64, 2, tm, &tensor);
    if (st != SNNK_OK) return st;
    return snnk__safetensors_find(reader, name_of(at, REST).text, SNNK__DTYPE_F64, 1, targets,
                                  &tensor);
}

static bool is_zero(const double *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (x[i] != 0) return false;
    return true;
}

/* Check that bounds on the sums are not negative. */
static int check_most(const place *at, part what, size_t n, const double *x) {
    for (size_t i = 0; i < n; i++)
        if (x[i] < 0)
            return snnk__fail(SNNK_E_FORMAT, "%s[%zu] = %g is negative", name_of(at, what).text, i,
                              x[i]);
    return SNNK_OK;
}

/* Check that the numbers can be sums over rows: squares are not negative, and sums over no rows are
 * 0. */
static int check_sums(const snnk_lstsq *lstsq, const place *at) {
    const size_t m = lstsq->features, t = lstsq->targets;

    /* the diagonal of a factor may have either sign */
    for (size_t i = 0; i < m && lstsq->factorization == SNNK_FACTORIZATION_GRAM; i++)
        if (lstsq->S[i * m + i] < 0)
            return snnk__fail(SNNK_E_FORMAT, "S[%zu][%zu] = %g is negative", i, i,
                              lstsq->S[i * m + i]);
    for (size_t k = 0; k < t; k++)
        if (lstsq->yy[k] < 0)
            return snnk__fail(SNNK_E_FORMAT, "%s[%zu] = %g is negative", name_of(at, REST).text, k,
                              lstsq->yy[k]);
    if ((lstsq->rows > 0) != (lstsq->weight > 0))
        return snnk__fail(SNNK_E_FORMAT, "%llu rows cannot have a total weight of %g",
                          (unsigned long long)lstsq->rows, lstsq->weight);
    if (lstsq->rows > 0 || (!lstsq->single && lstsq->max_rows == 0 && is_zero(lstsq->mean_phi, m) &&
                            is_zero(lstsq->mean_y, t) && is_zero(lstsq->S, m * m) &&
                            is_zero(lstsq->C, t * m) && is_zero(lstsq->yy, t)))
        return SNNK_OK;
    return snnk__fail(SNNK_E_FORMAT, "there are 0 rows, but some sum over them is not 0");
}

static int read_tensor(const snnk__safetensors_reader *reader, const place *at, part what,
                       size_t n_dims, const size_t *dims, double *out) {
    return snnk__safetensors_read_f64(reader, name_of(at, what).text, n_dims, dims, out);
}

/* Read the largest values that the sums have had: all of these tensors must be there, or none if no
 * rows were forgotten. */
static int read_most(const snnk__safetensors_reader *reader, const place *at, snnk_lstsq *lstsq) {
    const size_t m = lstsq->features, t = lstsq->targets, one = 1;
    int st;

    if (!snnk__safetensors_text(reader, name_of(at, MAX_ROWS).text)) return SNNK_OK;
    st = snnk__safetensors_number(reader, name_of(at, MAX_ROWS).text, &lstsq->max_rows);
    if (st != SNNK_OK) return st;
    if ((st = read_tensor(reader, at, MAX_WEIGHT, 1, &one, &lstsq->max_weight)) != SNNK_OK)
        return st;
    if ((st = read_tensor(reader, at, MAX_PHI, 1, &m, lstsq->max_phi)) != SNNK_OK) return st;
    if ((st = read_tensor(reader, at, MAX_Y, 1, &t, lstsq->max_y)) != SNNK_OK) return st;
    if ((st = check_most(at, MAX_WEIGHT, 1, &lstsq->max_weight)) != SNNK_OK) return st;
    if ((st = check_most(at, MAX_PHI, m, lstsq->max_phi)) != SNNK_OK) return st;
    return check_most(at, MAX_Y, t, lstsq->max_y);
}

static int read_rounding(const snnk__safetensors_reader *reader, const place *at,
                         snnk_lstsq *lstsq) {
    const char *fast = snnk__safetensors_text(reader, name_of(at, FAST).text);

    if (fast && strcmp(fast, "true") != 0)
        return snnk__fail(SNNK_E_FORMAT, "%s is \"%.32s\", but must be true if present",
                          name_of(at, FAST).text, fast);
    lstsq->single = fast != NULL;
    return read_most(reader, at, lstsq);
}

static int read_sums(const snnk__safetensors_reader *reader, const place *at, snnk_lstsq *lstsq) {
    const size_t m = lstsq->features, t = lstsq->targets, one = 1;
    const size_t mm[] = {m, m}, tm[] = {t, m};
    int st;

    st = snnk__safetensors_number(reader, name_of(at, ROWS).text, &lstsq->rows);
    if (st != SNNK_OK) return st;
    lstsq->weight = (double)lstsq->rows;
    if (!at->plain) st = read_tensor(reader, at, WEIGHT, 1, &one, &lstsq->weight);
    if (st != SNNK_OK) return st;
    if ((st = read_tensor(reader, at, MEAN_PHI, 1, &m, lstsq->mean_phi)) != SNNK_OK) return st;
    if ((st = read_tensor(reader, at, MEAN_Y, 1, &t, lstsq->mean_y)) != SNNK_OK) return st;
    if ((st = read_tensor(reader, at, SQUARE, 2, mm, lstsq->S)) != SNNK_OK) return st;
    if ((st = read_tensor(reader, at, CROSS, 2, tm, lstsq->C)) != SNNK_OK) return st;
    if ((st = read_tensor(reader, at, REST, 1, &t, lstsq->yy)) != SNNK_OK) return st;
    if (!at->plain && (st = read_rounding(reader, at, lstsq)) != SNNK_OK) return st;
    return check_sums(lstsq, at);
}

static int read_statistics(const snnk__safetensors_reader *reader, place *at,
                           const snnk_allocator *allocator, snnk_lstsq **lstsq) {
    snnk_lstsq *made = NULL;
    size_t features = 0, targets = 0;
    int st;

    if ((st = read_factorization(reader, at)) != SNNK_OK) return st;
    if ((st = check_shapes(reader, at, &features, &targets)) != SNNK_OK) return st;
    if ((st = snnk_lstsq_create(features, targets, allocator, &made)) != SNNK_OK) return st;
    if ((st = snnk_lstsq_set_factorization(made, at->factorization)) != SNNK_OK) goto done;
    if ((st = read_sums(reader, at, made)) != SNNK_OK) goto done;
    *lstsq = made;
    made = NULL;
done:
    snnk_lstsq_free(made);
    return st;
}

int snnk__lstsq_carried(const snnk__safetensors_reader *reader, const snnk_allocator *allocator,
                        snnk_lstsq **lstsq) {
    place at = place_of(true, false, SNNK_FACTORIZATION_GRAM);

    *lstsq = NULL;
    if (!snnk__safetensors_text(reader, name_of(&at, ROWS).text)) return SNNK_OK;
    const int st = read_statistics(reader, &at, allocator, lstsq);
    return st == SNNK_OK ? st : snnk__fail_within(st, "statistics");
}

void snnk__lstsq_write_indexed(snnk__safetensors_writer *writer, const snnk_lstsq *lstsq,
                               size_t index) {
    const place at = place_at(index, lstsq->factorization);

    add_statistics(writer, lstsq, &at);
}

int snnk__lstsq_read_indexed(const snnk__safetensors_reader *reader,
                             const snnk_allocator *allocator, size_t index, snnk_lstsq **lstsq) {
    place at = place_at(index, SNNK_FACTORIZATION_GRAM);
    const int st = read_statistics(reader, &at, allocator, lstsq);

    return st == SNNK_OK ? st : snnk__fail_within(st, "statistics %zu", index);
}

static int read(const snnk__safetensors_reader *reader, const snnk_allocator *allocator,
                void *handle) {
    snnk_lstsq **lstsq = handle;
    uint64_t format = 0;
    const int st = snnk__safetensors_number(reader, "snnk.format", &format);

    if (st != SNNK_OK) return st;
    place at = place_of(false, format < SNNK__LSTSQ_FORMAT, SNNK_FACTORIZATION_GRAM);
    return read_statistics(reader, &at, allocator, lstsq);
}

int snnk_lstsq_load_memory(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                           snnk_lstsq **lstsq) {
    const int st = snnk__check_pointer(lstsq, "lstsq");

    if (st != SNNK_OK) return st;
    *lstsq = NULL;
    return snnk__model_load_memory(buffer, bytes, allocator, SNNK__MODEL_LSTSQ, read, lstsq);
}

int snnk_lstsq_load(const char *path, const snnk_allocator *allocator, snnk_lstsq **lstsq) {
    const int st = snnk__check_pointer(lstsq, "lstsq");

    if (st != SNNK_OK) return st;
    *lstsq = NULL;
    return snnk__model_load(path, allocator, SNNK__MODEL_LSTSQ, read, lstsq);
}
