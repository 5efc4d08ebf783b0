/* Uncertainties as model files: docs/format.md, "Uncertainties". */
#include "model/uncertainty_file.h"

#include <float.h>
#include <math.h>

#include "model/json_record.h"
#include "model/model.h"
#include "predict/uncertainty.h"

#define UNCERTAINTY_KEY "snnk.uncertainty" /* the JSON text with everything but the arrays */

static snnk__array errors_array(bool classification, size_t outputs, size_t n_errors) {
    return snnk__array_2("uncertainty.errors", SNNK__ELEMENT_F64, classification ? 1 : outputs,
                         n_errors);
}

static snnk__array biases_array(size_t outputs) {
    return snnk__array_1("uncertainty.biases", SNNK__ELEMENT_F64, outputs);
}

/* ---- Saving ---- */

void snnk__uncertainty_write(snnk__safetensors_writer *writer,
                             const snnk_uncertainty *uncertainty) {
    const snnk_uncertainty *u = uncertainty;
    snnk__json_writer record;
    snnk__sink sink = snnk__json_write(&record, writer, false);

    sink.text(&sink, "kind", snnk_uncertainty_kind_name(snnk_uncertainty_get_kind(u)));
    sink.count(&sink, "outputs", u->outputs);
    sink.count(&sink, "rows", (size_t)u->rows);
    sink.count(&sink, "errors", u->n_errors);
    snnk__write_array(&sink, errors_array(u->classification, u->outputs, u->n_errors), u->errors);
    if (u->classification) {
        sink.number(&sink, "slope", u->slope);
        snnk__write_array(&sink, biases_array(u->outputs), u->biases);
    }
    snnk__json_write_end(&record, UNCERTAINTY_KEY);
}

static int write(const void *object, int32_t projection, snnk__safetensors_writer *writer) {
    const snnk_uncertainty *uncertainty = object;
    const int st = snnk__check_pointer(uncertainty, "uncertainty");

    (void)projection;
    if (st != SNNK_OK) return st;
    snnk__model_begin(writer, &uncertainty->allocator, SNNK__MODEL_UNCERTAINTY);
    snnk__uncertainty_write(writer, uncertainty);
    return SNNK_OK;
}

int snnk_uncertainty_save(const snnk_uncertainty *uncertainty, const char *path) {
    return snnk__model_save(uncertainty, SNNK_SAVE_ROWS, write, path);
}

int snnk_uncertainty_saved_bytes(const snnk_uncertainty *uncertainty, size_t *bytes) {
    return snnk__model_saved_bytes(uncertainty, SNNK_SAVE_ROWS, write, bytes);
}

int snnk_uncertainty_save_memory(const snnk_uncertainty *uncertainty, void *buffer, size_t bytes) {
    return snnk__model_save_memory(uncertainty, SNNK_SAVE_ROWS, write, buffer, bytes);
}

/* ---- Loading ---- */

/* Check that errors ascend, are in their range, and that only the last ones are infinite. */
static int check_errors(const snnk_uncertainty *u) {
    const double least = u->classification ? -1 : 0, most = u->classification ? 0 : DBL_MAX;
    const size_t outputs = u->classification ? 1 : u->outputs;

    for (size_t k = 0; k < outputs; k++) {
        const double *errors = u->errors + k * u->n_errors;
        double last = least;

        for (size_t j = 0; j < u->n_errors; j++) {
            const bool infinite = !u->classification && errors[j] == SNNK__INFINITE_ERROR;

            if (!infinite && !(errors[j] >= last && errors[j] <= most))
                return snnk__fail(SNNK_E_FORMAT, "error %zu of output %zu is %g, after %g", j, k,
                                  errors[j], last);
            last = infinite ? HUGE_VAL : errors[j];
        }
    }
    return SNNK_OK;
}

static int read_arrays(const snnk__source *source, snnk_uncertainty *made) {
    int st = snnk__read_array(
        source, errors_array(made->classification, made->outputs, made->n_errors), made->errors);

    if (st == SNNK_OK) st = check_errors(made);
    if (st == SNNK_OK && made->classification)
        st = snnk__read_array(source, biases_array(made->outputs), made->biases);
    return st;
}

static int check_sizes(bool classification, size_t outputs, size_t rows, size_t n_errors) {
    if (outputs < (classification ? 2 : 1))
        return snnk__fail(SNNK_E_FORMAT, "\"outputs\" is %zu", outputs);
    if (n_errors < 1 || n_errors > SNNK__MOST_ERRORS || n_errors > rows)
        return snnk__fail(SNNK_E_FORMAT, "\"errors\" is %zu, of %zu \"rows\"", n_errors, rows);
    return SNNK_OK;
}

static int read_record(const snnk__source *source, snnk_uncertainty **uncertainty) {
    snnk_uncertainty *made = NULL;
    size_t outputs = 0, rows = 0, n_errors = 0;
    double slope = 0;
    int32_t kind = 0;
    int st;

    if ((st = snnk__read_name(source, "kind", snnk_uncertainty_kind_name, &kind)) != SNNK_OK)
        return st;
    if ((st = snnk__read_count(source, "outputs", &outputs)) != SNNK_OK) return st;
    if ((st = snnk__read_count(source, "rows", &rows)) != SNNK_OK) return st;
    if ((st = snnk__read_count(source, "errors", &n_errors)) != SNNK_OK) return st;
    const bool classification = kind == SNNK_UNCERTAINTY_CLASSIFICATION;
    if ((st = check_sizes(classification, outputs, rows, n_errors)) != SNNK_OK) return st;
    if (classification && (st = snnk__read_within(source, "slope", 0, DBL_MAX, &slope)) != SNNK_OK)
        return st;
    /* Both arrays are in the file before memory for them is allocated. */
    st = snnk__find_array(source, errors_array(classification, outputs, n_errors));
    if (st == SNNK_OK && classification) st = snnk__find_array(source, biases_array(outputs));
    if (st != SNNK_OK) return st;
    st = snnk__uncertainty_make(classification, outputs, rows, n_errors, source->allocator, &made);
    if (st != SNNK_OK) return st;
    made->slope = slope;
    if ((st = read_arrays(source, made)) != SNNK_OK)
        snnk_uncertainty_free(made);
    else
        *uncertainty = made;
    return st;
}

static int read(const snnk__safetensors_reader *reader, const snnk_allocator *allocator,
                void *handle) {
    snnk__json_reader record;
    snnk__source source;
    int st = snnk__json_read(&record, reader, UNCERTAINTY_KEY, allocator, &source);

    if (st == SNNK_OK) st = read_record(&source, handle);
    snnk__json_read_end(&record);
    return st;
}

int snnk__uncertainty_in_file(const snnk__safetensors_reader *reader,
                              const snnk_allocator *allocator, snnk_uncertainty **uncertainty) {
    *uncertainty = NULL;
    if (!snnk__safetensors_text(reader, UNCERTAINTY_KEY)) return SNNK_OK;
    const int st = read(reader, allocator, uncertainty);

    return st == SNNK_OK ? st : snnk__fail_within(st, "uncertainty");
}

int snnk_uncertainty_load_memory(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                                 snnk_uncertainty **uncertainty) {
    const int st = snnk__check_pointer(uncertainty, "uncertainty");

    if (st != SNNK_OK) return st;
    *uncertainty = NULL;
    return snnk__model_load_memory(buffer, bytes, allocator, SNNK__MODEL_UNCERTAINTY, read,
                                   uncertainty);
}

int snnk_uncertainty_load(const char *path, const snnk_allocator *allocator,
                          snnk_uncertainty **uncertainty) {
    const int st = snnk__check_pointer(uncertainty, "uncertainty");

    if (st != SNNK_OK) return st;
    *uncertainty = NULL;
    return snnk__model_load(path, allocator, SNNK__MODEL_UNCERTAINTY, read, uncertainty);
}
