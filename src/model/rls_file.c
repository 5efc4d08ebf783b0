/* Recursive least squares as a model file: docs/format.md, "Recursive least squares". */
#include <snnk/rls.h>

#include <math.h>

#include "base/size.h"
#include "model/model.h"
#include "solve/rls.h"

static int write(const void *object, int32_t projection, snnk__safetensors_writer *writer) {
    const snnk_rls *rls = object;
    const int st = snnk__check_pointer(rls, "rls");

    (void)projection;
    if (st != SNNK_OK) return st;
    const size_t m = rls->features, t = rls->targets;
    const size_t tm[] = {t, m}, triangle = m * (m + 1) / 2, one = 1;

    snnk__model_begin(writer, &rls->allocator, SNNK__MODEL_RLS);
    snnk__safetensors_add_number(writer, "snnk.rows", rls->rows);
    snnk__safetensors_add_tensor(writer, "B", SNNK__DTYPE_F64, 2, tm, rls->B);
    snnk__safetensors_add_tensor(writer, "U", SNNK__DTYPE_F64, 1, &triangle, rls->U);
    snnk__safetensors_add_tensor(writer, "scale", SNNK__DTYPE_F64, 1, &one, &rls->scale);
    snnk__safetensors_add_tensor(writer, "ridge", SNNK__DTYPE_F64, 1, &one, &rls->ridge);
    snnk__safetensors_add_tensor(writer, "forgetting", SNNK__DTYPE_F64, 1, &one, &rls->forgetting);
    return SNNK_OK;
}

int snnk_rls_save(const snnk_rls *rls, const char *path) {
    return snnk__model_save(rls, SNNK_SAVE_ROWS, write, path);
}

int snnk_rls_saved_bytes(const snnk_rls *rls, size_t *bytes) {
    return snnk__model_saved_bytes(rls, SNNK_SAVE_ROWS, write, bytes);
}

int snnk_rls_save_memory(const snnk_rls *rls, void *buffer, size_t bytes) {
    return snnk__model_save_memory(rls, SNNK_SAVE_ROWS, write, buffer, bytes);
}

/* Check shapes first, so that no size is used for allocation unless a tensor has it. */
static int check_shapes(const snnk__safetensors_reader *reader, size_t *features, size_t *targets) {
    const snnk__safetensors_tensor *B = snnk__safetensors_tensor_named(reader, "B"), *U;
    size_t square, triangle;

    if (!B || B->n_dims != 2 || B->dims[0] == 0 || B->dims[1] == 0)
        return snnk__fail(SNNK_E_FORMAT, "tensor \"B\" is missing or not a matrix");
    *targets = B->dims[0];
    *features = B->dims[1];
    if (*features == SIZE_MAX || !snnk__mul_size(*features, *features + 1, &square))
        return snnk__fail(SNNK_E_FORMAT, "%zu features overflow size_t", *features);
    triangle = square / 2;
    return snnk__safetensors_find(reader, "U", SNNK__DTYPE_F64, 1, &triangle, &U);
}

/* Check the limits that an update relies on. */
static int check_values(const snnk_rls *rls) {
    const size_t m = rls->features, t = rls->targets;

    if (!(rls->scale >= 1 && rls->scale <= SNNK__RLS_SCALE))
        return snnk__fail(SNNK_E_FORMAT, "scale = %g is not in 1 ... %g", rls->scale,
                          SNNK__RLS_SCALE);
    for (size_t i = 0; i < t * m; i++)
        if (fabs(rls->B[i]) > SNNK__RLS_B)
            return snnk__fail(SNNK_E_FORMAT, "B[%zu][%zu] = %g has a magnitude above the limit %g",
                              i / m, i % m, rls->B[i], SNNK__RLS_B);
    for (size_t j = 0; j < m; j++) {
        const double *column = snnk__rls_column(rls, j);

        if (!(column[j] > 0))
            return snnk__fail(SNNK_E_FORMAT, "U[%zu][%zu] = %g is not above 0", j, j, column[j]);
        for (size_t i = 0; i <= j; i++)
            if (fabs(column[i]) * rls->scale > SNNK__RLS_U)
                return snnk__fail(
                    SNNK_E_FORMAT,
                    "U[%zu][%zu] = %g times the scale %g has a magnitude above the limit %g", i, j,
                    column[i], rls->scale, SNNK__RLS_U);
    }
    return SNNK_OK;
}

/* Read ridge and forgetting, which are needed to create the object. */
static int read_settings(const snnk__safetensors_reader *reader, double *ridge,
                         double *forgetting) {
    const size_t one = 1;
    int st;

    if ((st = snnk__safetensors_read_f64(reader, "ridge", 1, &one, ridge)) != SNNK_OK) return st;
    if ((st = snnk__safetensors_read_f64(reader, "forgetting", 1, &one, forgetting)) != SNNK_OK)
        return st;
    if (snnk__rls_check(*ridge, *forgetting) == SNNK_OK) return SNNK_OK;
    return snnk__fail(SNNK_E_FORMAT,
                      "ridge = %g is not in 1e-12 ... 1e12, or forgetting = %g is not in 0.5 ... 1",
                      *ridge, *forgetting);
}

static int read_state(const snnk__safetensors_reader *reader, snnk_rls *rls) {
    const size_t m = rls->features, t = rls->targets;
    const size_t tm[] = {t, m}, triangle = m * (m + 1) / 2, one = 1;
    int st;

    if ((st = snnk__safetensors_number(reader, "snnk.rows", &rls->rows)) != SNNK_OK) return st;
    if ((st = snnk__safetensors_read_f64(reader, "B", 2, tm, rls->B)) != SNNK_OK) return st;
    if ((st = snnk__safetensors_read_f64(reader, "U", 1, &triangle, rls->U)) != SNNK_OK) return st;
    if ((st = snnk__safetensors_read_f64(reader, "scale", 1, &one, &rls->scale)) != SNNK_OK)
        return st;
    return check_values(rls);
}

static int read(const snnk__safetensors_reader *reader, const snnk_allocator *allocator,
                void *handle) {
    snnk_rls *made = NULL, **rls = handle;
    size_t features = 0, targets = 0;
    double ridge = 0, forgetting = 0;
    int st;

    if ((st = check_shapes(reader, &features, &targets)) != SNNK_OK) return st;
    if ((st = read_settings(reader, &ridge, &forgetting)) != SNNK_OK) return st;
    st = snnk_rls_create(features, targets, ridge, forgetting, allocator, &made);
    if (st != SNNK_OK) return st;
    if ((st = read_state(reader, made)) != SNNK_OK)
        snnk_rls_free(made);
    else
        *rls = made;
    return st;
}

int snnk_rls_load_memory(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                         snnk_rls **rls) {
    const int st = snnk__check_pointer(rls, "rls");

    if (st != SNNK_OK) return st;
    *rls = NULL;
    return snnk__model_load_memory(buffer, bytes, allocator, SNNK__MODEL_RLS, read, rls);
}

int snnk_rls_load(const char *path, const snnk_allocator *allocator, snnk_rls **rls) {
    const int st = snnk__check_pointer(rls, "rls");

    if (st != SNNK_OK) return st;
    *rls = NULL;
    return snnk__model_load(path, allocator, SNNK__MODEL_RLS, read, rls);
}
