/* Internal additions to <snnk/status.h>: setting the error sentence, and the checks that every
 * public function makes. */
#ifndef SNNK_BASE_STATUS_H
#define SNNK_BASE_STATUS_H

#include <stdbool.h>

#include <snnk/status.h>

#if defined(__GNUC__)
#define SNNK__PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define SNNK__PRINTF(text, first)
#endif

/* Store the error sentence of this thread. */
SNNK__PRINTF(1, 2) void snnk__set_sentence(const char *format, ...);

/* Store the sentence and return `status`, so that a check is one line: `if (!out) return
 * snnk__fail(SNNK_E_NULL, "layer is NULL");` It is a macro so that compilers and analysers know
 * which status it is. */
#define snnk__fail(status, ...) (snnk__set_sentence(__VA_ARGS__), (status))

/* Put a prefix before this thread's sentence ("layer 2: ...") and return `status`. For a caller
 * that knows where the failure happened. */
SNNK__PRINTF(2, 3) int snnk__fail_within(int status, const char *format, ...);

/* ---- Recovering from failures ----
 *
 * A call that succeeds leaves the sentence unchanged. So a function that tries something, and
 * continues without it if it fails, saves the sentence first and returns its status through
 * snnk__recovered:
 *
 *     snnk__sentence_save(&before);
 *     st = attempt();
 *     if (st == SNNK_E_SINGULAR) st = something_else();
 *     return snnk__recovered(st, &before);
 *
 * In the tests, assert_ok fails after any successful call that changed the sentence. */

#define SNNK__SENTENCE_BYTES 512

typedef struct snnk__sentence {
    char text[SNNK__SENTENCE_BYTES];
} snnk__sentence;

/* Copy this thread's sentence. */
void snnk__sentence_save(snnk__sentence *before);

/* Return `status`, and restore the saved sentence if it is SNNK_OK. */
int snnk__recovered(int status, const snnk__sentence *before);

/* ---- Checks ---- */

/* SNNK_E_NULL, naming the argument, if pointer is NULL. */
int snnk__check_pointer(const void *pointer, const char *name);

/* Check a matrix argument: rows x columns, row stride ld. SNNK_E_STRIDE if ld < columns,
 * SNNK_E_SIZE if its extent in bytes overflows, SNNK_E_NULL if it is NULL although rows > 0. */
int snnk__check_matrix(const void *pointer, const char *name, size_t rows, size_t columns,
                       size_t ld, size_t element_bytes);

/* SNNK_E_ENUM unless 0 <= value < count. */
int snnk__check_enum(int32_t value, int32_t count, const char *name);

/* SNNK_E_RANGE unless least <= value <= most. */
int snnk__check_within(double value, double least, double most, const char *name);

/* SNNK_E_NONFINITE, naming row and column, unless every entry is finite. */
int snnk__check_finite(const float *X, const char *name, size_t rows, size_t columns, size_t ld);
/* Whether every entry is finite and its magnitude below `limit`, a power of two or infinity. */
bool snnk__all_below(const float *X, size_t rows, size_t columns, size_t ld, float limit);
int snnk__check_finite_f64(const double *X, const char *name, size_t rows, size_t columns,
                           size_t ld);

/* SNNK_E_NULL if labels is NULL although n > 0, SNNK_E_RANGE unless every one is in 0 ...
 * classes-1. */
int snnk__check_labels(size_t n, const int32_t *labels, size_t classes);

/* SNNK_E_RANGE unless every row weight is in 1e-30 ... 1e30. NULL is fine: ones. */
int snnk__check_weights(size_t n, const float *weights);

/* Config structs grow at the end. Write the first config_size bytes of `defaults` (of known_size
 * bytes, the size this library knows) to the caller's struct, and set its leading size field.
 * SNNK_E_CONFIG if config_size is smaller than the first version's (minimum_size) or larger than
 * known_size. */
int snnk__config_init(void *config, size_t config_size, const void *defaults, size_t known_size,
                      size_t minimum_size, const char *name);

/* SNNK_E_CONFIG unless the size field of the caller's struct is a size we know. NULL is fine. Also
 * used for a report that is written at the end of long work, to refuse it at the start. */
int snnk__config_check(const void *config, size_t known_size, size_t minimum_size,
                       const char *name);

/* Copy the caller's struct over the defaults that are already in `ours`. config may be NULL. */
int snnk__config_read(void *ours, size_t known_size, size_t minimum_size, const void *config,
                      const char *name);

/* Fill the caller's report from ours, up to the size in its size field, which stays unchanged. */
int snnk__config_write(void *config, const void *ours, size_t known_size, size_t minimum_size,
                       const char *name);

#endif
