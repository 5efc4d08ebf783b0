/* Scalings as model files: docs/format.md, "Scalings". */
#include "map/scaling.h"

#include "model/json_record.h"
#include "model/model.h"

#define SCALING_KEY "snnk.scaling" /* the JSON text of mode and inputs */
#define ROWS_KEY    "snnk.rows"

static snnk__array mean_of(size_t inputs) {
    return snnk__array_1("mean", SNNK__ELEMENT_F64, inputs);
}

/* What snnk_scaling.scale is. */
static snnk__array scale_of(size_t inputs, int32_t mode) {
    return snnk__array_1(mode == SNNK_SCALING_GIVEN ? "scale" : "squared_deviations",
                         SNNK__ELEMENT_F64, inputs);
}

/* ---- Saving ---- */

static int write(const void *object, int32_t projection, snnk__safetensors_writer *writer) {
    const snnk_scaling *scaling = object;
    snnk__json_writer record;
    snnk__sink sink;
    const int st = snnk__check_pointer(scaling, "scaling");

    (void)projection;
    if (st != SNNK_OK) return st;
    snnk__model_begin(writer, &scaling->allocator, SNNK__MODEL_SCALING);
    snnk__safetensors_add_number(writer, ROWS_KEY, scaling->rows);
    sink = snnk__json_write(&record, writer, false);
    sink.text(&sink, "mode", snnk_scaling_mode_name(scaling->mode));
    sink.count(&sink, "inputs", scaling->inputs);
    snnk__write_array(&sink, mean_of(scaling->inputs), scaling->mean);
    snnk__write_array(&sink, scale_of(scaling->inputs, scaling->mode), scaling->scale);
    snnk__json_write_end(&record, SCALING_KEY);
    return SNNK_OK;
}

int snnk_scaling_save(const snnk_scaling *scaling, const char *path) {
    return snnk__model_save(scaling, SNNK_SAVE_ROWS, write, path);
}

int snnk_scaling_saved_bytes(const snnk_scaling *scaling, size_t *bytes) {
    return snnk__model_saved_bytes(scaling, SNNK_SAVE_ROWS, write, bytes);
}

int snnk_scaling_save_memory(const snnk_scaling *scaling, void *buffer, size_t bytes) {
    return snnk__model_save_memory(scaling, SNNK_SAVE_ROWS, write, buffer, bytes);
}

/* ---- Loading ---- */

/* What a scaling that learns relies on: squares are not negative, and no rows sum to nothing. */
static int check_sums(const snnk_scaling *s) {
    for (size_t k = 0; k < s->inputs; k++) {
        if (s->scale[k] < 0)
            return snnk__fail(SNNK_E_FORMAT, "squared_deviations[%zu] = %g is negative", k,
                              s->scale[k]);
        if (s->rows == 0 && (s->mean[k] != 0 || s->scale[k] != 0))
            return snnk__fail(SNNK_E_FORMAT, "there are 0 rows, but sums over input %zu", k);
    }
    return SNNK_OK;
}

static int check(const snnk_scaling *s) {
    if (s->mode != SNNK_SCALING_GIVEN) return check_sums(s);
    if (s->rows > 0)
        return snnk__fail(SNNK_E_FORMAT, "given numbers, but %llu rows",
                          (unsigned long long)s->rows);
    return snnk__scaling_check_given(s->inputs, s->mean, s->scale) == SNNK_OK ? SNNK_OK
                                                                              : SNNK_E_FORMAT;
}

/* Fill a scaling. */
static int read_numbers(const snnk__safetensors_reader *reader, const snnk__source *source,
                        snnk_scaling *s) {
    int st;

    if ((st = snnk__safetensors_number(reader, ROWS_KEY, &s->rows)) != SNNK_OK) return st;
    if ((st = snnk__read_array(source, mean_of(s->inputs), s->mean)) != SNNK_OK) return st;
    st = snnk__read_array(source, scale_of(s->inputs, s->mode), s->scale);
    return st == SNNK_OK ? check(s) : st;
}

static int read_record(const snnk__safetensors_reader *reader, const snnk__source *source,
                       snnk_scaling **scaling) {
    snnk_scaling *made = NULL;
    int32_t mode = 0;
    size_t inputs = 0;
    int st;

    if ((st = snnk__read_name(source, "mode", snnk_scaling_mode_name, &mode)) != SNNK_OK) return st;
    if ((st = snnk__read_count(source, "inputs", &inputs)) != SNNK_OK) return st;
    if (inputs == 0) return snnk__fail(SNNK_E_FORMAT, "\"inputs\" is 0");
    if ((st = snnk__find_array(source, mean_of(inputs))) != SNNK_OK) return st;
    st = snnk__scaling_make(inputs, mode, source->allocator, &made);
    if (st != SNNK_OK) return st;
    if ((st = read_numbers(reader, source, made)) != SNNK_OK)
        snnk_scaling_free(made);
    else
        *scaling = made;
    return st;
}

static int read(const snnk__safetensors_reader *reader, const snnk_allocator *allocator,
                void *handle) {
    snnk__json_reader record;
    snnk__source source;
    int st = snnk__json_read(&record, reader, SCALING_KEY, allocator, &source);

    if (st == SNNK_OK) st = read_record(reader, &source, handle);
    snnk__json_read_end(&record);
    return st;
}

int snnk_scaling_load_memory(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                             snnk_scaling **scaling) {
    const int st = snnk__check_pointer(scaling, "scaling");

    if (st != SNNK_OK) return st;
    *scaling = NULL;
    return snnk__model_load_memory(buffer, bytes, allocator, SNNK__MODEL_SCALING, read, scaling);
}

int snnk_scaling_load(const char *path, const snnk_allocator *allocator, snnk_scaling **scaling) {
    const int st = snnk__check_pointer(scaling, "scaling");

    if (st != SNNK_OK) return st;
    *scaling = NULL;
    return snnk__model_load(path, allocator, SNNK__MODEL_SCALING, read, scaling);
}
