#include "base/status.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"

static _Thread_local char sentence[SNNK__SENTENCE_BYTES] = "no failure on this thread";

void snnk__set_sentence(const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
}

int snnk__fail_within(int status, const char *format, ...) {
    char inner[SNNK__SENTENCE_BYTES];
    va_list arguments;

    memcpy(inner, sentence, sizeof inner);
    va_start(arguments, format);
    const int written = vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    if (written < 0 || (size_t)written >= sizeof sentence) return status;
    /* The sentence is cut if it does not fit. */
    const int more = snprintf(sentence + written, sizeof sentence - (size_t)written, ": %s", inner);
    return more < 0 ? SNNK_E_INTERNAL : status;
}

void snnk__sentence_save(snnk__sentence *before) {
    memcpy(before->text, sentence, sizeof before->text);
}

int snnk__recovered(int status, const snnk__sentence *before) {
    if (status == SNNK_OK) memcpy(sentence, before->text, sizeof sentence);
    return status;
}

const char *snnk_last_error(void) { return sentence; }

int snnk_fail(int status, const char *text) {
    char copy[SNNK__SENTENCE_BYTES]; /* text may be part of the sentence itself */

    snprintf(copy, sizeof copy, "%s", text ? text : snnk_strerror(status));
    memcpy(sentence, copy, sizeof copy);
    return status;
}

const char *snnk_strerror(int status) {
    switch ((snnk_status)status) { /* no default: the compiler reports a status without a text */
    case SNNK_OK: return "success";
    case SNNK_E_NULL: return "a required pointer is NULL";
    case SNNK_E_SHAPE: return "a dimension is zero, or dimensions do not agree";
    case SNNK_E_RANGE: return "a value is outside its range";
    case SNNK_E_SIZE: return "a size overflows or is too large";
    case SNNK_E_STRIDE: return "a leading dimension is smaller than a row";
    case SNNK_E_ENUM: return "not a value of the enumeration";
    case SNNK_E_CONFIG: return "a config or report struct of unknown size";
    case SNNK_E_STATE: return "the object is not ready for this call";
    case SNNK_E_UNSUPPORTED: return "not available for this object or in this build";
    case SNNK_E_NOMEM: return "out of memory";
    case SNNK_E_THREAD: return "the operating system could not start a thread";
    case SNNK_E_OVERLAP: return "an output overlaps another array";
    case SNNK_E_NONFINITE: return "a number is NaN or infinite";
    case SNNK_E_SINGULAR: return "the system has no usable solution";
    case SNNK_E_UNRESOLVED: return "the error of a function's spectrum is too large";
    case SNNK_E_FORMAT: return "not a valid file of its kind";
    case SNNK_E_VERSION: return "the file's format is newer than this library";
    case SNNK_E_TRUNCATED: return "the file is shorter or longer than it should be";
    case SNNK_E_CHECKSUM: return "the file was altered after it was written";
    case SNNK_E_RAGGED: return "rows have different numbers of fields";
    case SNNK_E_IO: return "a file could not be opened, read or written, or MPI failed";
    case SNNK_E_CANCELLED: return "cancelled by the caller";
    case SNNK_E_INTERNAL: return "a bug in libsnnk: please report it";
    }
    return "unknown status";
}

const char *snnk_status_name(int status) {
    switch ((snnk_status)status) { /* no default, as above */
    case SNNK_OK: return "SNNK_OK";
    case SNNK_E_NULL: return "SNNK_E_NULL";
    case SNNK_E_SHAPE: return "SNNK_E_SHAPE";
    case SNNK_E_RANGE: return "SNNK_E_RANGE";
    case SNNK_E_SIZE: return "SNNK_E_SIZE";
    case SNNK_E_STRIDE: return "SNNK_E_STRIDE";
    case SNNK_E_ENUM: return "SNNK_E_ENUM";
    case SNNK_E_CONFIG: return "SNNK_E_CONFIG";
    case SNNK_E_STATE: return "SNNK_E_STATE";
    case SNNK_E_UNSUPPORTED: return "SNNK_E_UNSUPPORTED";
    case SNNK_E_NOMEM: return "SNNK_E_NOMEM";
    case SNNK_E_THREAD: return "SNNK_E_THREAD";
    case SNNK_E_OVERLAP: return "SNNK_E_OVERLAP";
    case SNNK_E_NONFINITE: return "SNNK_E_NONFINITE";
    case SNNK_E_SINGULAR: return "SNNK_E_SINGULAR";
    case SNNK_E_UNRESOLVED: return "SNNK_E_UNRESOLVED";
    case SNNK_E_FORMAT: return "SNNK_E_FORMAT";
    case SNNK_E_VERSION: return "SNNK_E_VERSION";
    case SNNK_E_TRUNCATED: return "SNNK_E_TRUNCATED";
    case SNNK_E_CHECKSUM: return "SNNK_E_CHECKSUM";
    case SNNK_E_RAGGED: return "SNNK_E_RAGGED";
    case SNNK_E_IO: return "SNNK_E_IO";
    case SNNK_E_CANCELLED: return "SNNK_E_CANCELLED";
    case SNNK_E_INTERNAL: return "SNNK_E_INTERNAL";
    }
    return NULL;
}

int snnk__check_pointer(const void *pointer, const char *name) {
    return pointer ? SNNK_OK : snnk__fail(SNNK_E_NULL, "%s is NULL", name);
}

int snnk__check_matrix(const void *pointer, const char *name, size_t rows, size_t columns,
                       size_t ld, size_t element_bytes) {
    size_t bytes;

    if (rows == 0) return SNNK_OK;
    if (ld < columns)
        return snnk__fail(SNNK_E_STRIDE,
                          "the leading dimension of %s, %zu, is smaller than its %zu columns", name,
                          ld, columns);
    if (!snnk__mul_size(rows, ld, &bytes) || !snnk__mul_size(bytes, element_bytes, &bytes) ||
        bytes > PTRDIFF_MAX)
        return snnk__fail(SNNK_E_SIZE, "%s: %zu rows of stride %zu do not fit in memory", name,
                          rows, ld);
    if (!pointer) return snnk__fail(SNNK_E_NULL, "%s is NULL", name);
    return SNNK_OK;
}

int snnk__check_enum(int32_t value, int32_t count, const char *name) {
    if (value >= 0 && value < count) return SNNK_OK;
    return snnk__fail(SNNK_E_ENUM, "%s = %d is not one of 0 ... %d", name, (int)value,
                      (int)count - 1);
}

int snnk__check_within(double value, double least, double most, const char *name) {
    if (value >= least && value <= most) return SNNK_OK;
    return snnk__fail(SNNK_E_RANGE, "%s = %g is not in %g ... %g", name, value, least, most);
}

/* Whether every |x| is below the limit, a power of two or infinity. The bits of positive floats
 * sort like the floats, with NaN above infinity. For a value that is not below the limit, adding
 * the difference to 2^31 sets the top bit. Integer code vectorises where comparisons of floats may
 * not. */
static bool row_below(const float *x, size_t n, float limit) {
    uint32_t limit_bits, top = 0;

    memcpy(&limit_bits, &limit, sizeof limit_bits);
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;

        memcpy(&bits, x + i, sizeof bits);
        top |= (bits & UINT32_C(0x7fffffff)) + (UINT32_C(0x80000000) - limit_bits);
    }
    return top < UINT32_C(0x80000000);
}

bool snnk__all_below(const float *X, size_t rows, size_t columns, size_t ld, float limit) {
    for (size_t i = 0; i < rows; i++)
        if (!row_below(X + i * ld, columns, limit)) return false;
    return true;
}

int snnk__check_finite(const float *X, const char *name, size_t rows, size_t columns, size_t ld) {
    for (size_t i = 0; i < rows; i++) {
        if (row_below(X + i * ld, columns, INFINITY)) continue;
        for (size_t j = 0; j < columns; j++)
            if (!isfinite(X[i * ld + j]))
                return snnk__fail(SNNK_E_NONFINITE, "%s[%zu][%zu] = %g is not finite", name, i, j,
                                  (double)X[i * ld + j]);
    }
    return SNNK_OK;
}

int snnk__check_finite_f64(const double *X, const char *name, size_t rows, size_t columns,
                           size_t ld) {
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            if (!isfinite(X[i * ld + j]))
                return snnk__fail(SNNK_E_NONFINITE, "%s[%zu][%zu] = %g is not finite", name, i, j,
                                  X[i * ld + j]);
    return SNNK_OK;
}

static int check_config_size(size_t size, size_t known_size, size_t minimum_size,
                             const char *name) {
    if (size >= minimum_size && size <= known_size) return SNNK_OK;
    return snnk__fail(SNNK_E_CONFIG,
                      "%s: size = %zu is not in %zu ... %zu; fill a config with its _init "
                      "function, and set the size of a report to its sizeof",
                      name, size, minimum_size, known_size);
}

int snnk__check_labels(size_t n, const int32_t *labels, size_t classes) {
    const int st = n > 0 ? snnk__check_pointer(labels, "labels") : SNNK_OK;

    if (st != SNNK_OK) return st;
    for (size_t i = 0; i < n; i++)
        if (labels[i] < 0 || (size_t)labels[i] >= classes)
            return snnk__fail(SNNK_E_RANGE, "labels[%zu] = %ld is not in 0 ... %zu", i,
                              (long)labels[i], classes - 1);
    return SNNK_OK;
}

int snnk__check_weights(size_t n, const float *weights) {
    for (size_t i = 0; weights && i < n; i++)
        if (!(weights[i] >= 1e-30F && weights[i] <= 1e30F))
            return snnk__fail(SNNK_E_RANGE, "weights[%zu] = %g is not in 1e-30 ... 1e30", i,
                              (double)weights[i]);
    return SNNK_OK;
}

int snnk__config_init(void *config, size_t config_size, const void *defaults, size_t known_size,
                      size_t minimum_size, const char *name) {
    int st;

    if ((st = snnk__check_pointer(config, name)) != SNNK_OK) return st;
    if ((st = check_config_size(config_size, known_size, minimum_size, name)) != SNNK_OK) return st;
    memcpy(config, defaults, config_size);
    memcpy(config, &config_size, sizeof config_size);
    return SNNK_OK;
}

int snnk__config_check(const void *config, size_t known_size, size_t minimum_size,
                       const char *name) {
    size_t size;

    if (!config) return SNNK_OK;
    memcpy(&size, config, sizeof size);
    return check_config_size(size, known_size, minimum_size, name);
}

int snnk__config_read(void *ours, size_t known_size, size_t minimum_size, const void *config,
                      const char *name) {
    size_t size;
    int st;

    st = snnk__config_check(config, known_size, minimum_size, name);
    if (st != SNNK_OK || !config) return st;
    memcpy(&size, config, sizeof size);
    memcpy(ours, config, size);
    memcpy(ours, &known_size, sizeof known_size);
    return SNNK_OK;
}

int snnk__config_write(void *config, const void *ours, size_t known_size, size_t minimum_size,
                       const char *name) {
    size_t size;
    int st;

    st = snnk__config_check(config, known_size, minimum_size, name);
    if (st != SNNK_OK || !config) return st;
    memcpy(&size, config, sizeof size);
    memcpy((char *)config + sizeof size, (const char *)ours + sizeof size, size - sizeof size);
    return SNNK_OK;
}
