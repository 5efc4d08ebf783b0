/* Encoders: the columns of a table as numeric inputs, the same for every table of its kind.
 *
 *     snnk_encoder *encoder;
 *     snnk_encoder_create(table, NULL, &encoder);            // learns from all rows of the table
 *     size_t d = snnk_encoder_outputs(encoder);
 *     snnk_encoder_apply(encoder, table, 0, n, X, d, NULL);  // X: n x d, in double
 *
 * An encoder learns what each column holds, and turns it into numbers without gaps:
 *
 *     numbers   one output. A missing number becomes the mean (or the median). Plain, standardized
 *               or squashed: see snnk_number_form
 *     words     one output, 1 or 0, for each of the most frequent words, and one for all others. A
 *               new word counts as one of the others; if there are none, all outputs are 0, and the
 *               word is counted as unknown
 *     booleans  a column of the words yes and no, true and false, t and f, y and n: one output, 1
 *               or 0. A missing one becomes the share of ones
 *     dates     a column of words that all are dates of ISO 8601 (2026-11-30,
 *               2026-11-30T09:53:16Z): seconds since 1970, and if wanted the cosine and sine of the
 *               time of year, of week and of day. A missing date becomes the mean
 *     constant  no output: one value in all rows
 *
 * If values of a column were missing, one more output follows: 1 where the value is missing.
 *
 * An encoder is immutable, and can be shared between threads. */
#ifndef SNNK_ENCODER_H
#define SNNK_ENCODER_H

#include <snnk/network.h>
#include <snnk/table.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_encoder snnk_encoder;

/* What an encoder has learned that a column holds. Stored in files: values never change. */
typedef enum snnk_encoding {
    SNNK_ENCODING_NUMBERS = 0,
    SNNK_ENCODING_WORDS = 1,
    SNNK_ENCODING_BOOLEANS = 2,
    SNNK_ENCODING_DATES = 3,
    SNNK_ENCODING_CONSTANT = 4
} snnk_encoding;

/* What becomes of a missing number. Values never change. */
typedef enum snnk_missing {
    SNNK_MISSING_MEAN = 0,   /* it becomes the mean of its column */
    SNNK_MISSING_MEDIAN = 1, /* it becomes the median. Needs 8 bytes for each row */
    SNNK_MISSING_REFUSE = 2, /* SNNK_E_NONFINITE: the sentence names row and column */
    SNNK_MISSING_KNOWN = 3   /* it becomes the mean in a column where values were missing when the
                              * encoder learned; in other columns it is refused */
} snnk_missing;

/* In which form numbers, and the seconds of dates, are given. Other outputs are always plain.
 * Missing values are filled in first. Values of the enum never change.
 *
 * SQUASHED is for columns with heavy tails, such as prices and counts: with
 * v = asinh((x - median) / spread), large values count by their logarithm. The spread is
 * (upper quartile - lower quartile) / 1.349: the standard deviation, if the column is normally
 * distributed. If the quartiles are equal, it is the median distance from the median, of the values
 * that differ from it. Quartiles and medians are interpolated linearly between the sorted values
 * (type 7 of R, the default of NumPy). A column of two values has no tails, and is STANDARDIZED
 * instead. Learning it needs 8 bytes for each row, for one column at a time.
 *
 * A standard deviation has the divisor n. A column that has gaps and one value only gets 1. */
typedef enum snnk_number_form {
    SNNK_NUMBER_FORM_PLAIN = 0,        /* x */
    SNNK_NUMBER_FORM_STANDARDIZED = 1, /* (x - mean of x) / (standard deviation of x) */
    SNNK_NUMBER_FORM_SQUASHED = 2      /* (v - mean of v) / (standard deviation of v) */
} snnk_number_form;

/* Get the name of a value, such as "numbers", "mean" and "plain". Static; NULL for an unknown
 * value. */
SNNK_API const char *snnk_encoding_name(int32_t encoding);
SNNK_API const char *snnk_missing_name(int32_t missing);
SNNK_API const char *snnk_number_form_name(int32_t form);

/* Settings of an encoder. Fill with snnk_encoder_config_init, then change fields. */
typedef struct snnk_encoder_config {
    size_t size;           /* set by snnk_encoder_config_init */
    const size_t *columns; /* n_columns different columns of the table; NULL (default): all */
    uint64_t n_columns;    /* Default 0 */
    uint64_t max_words;    /* words of a column with an output of their own, 1 ... 65536. If there
                            * are more, the rarest share one output. Default 64 */
    int32_t missing;       /* snnk_missing. Default MEAN */
    int32_t date_parts;    /* 1: dates get six more outputs, the cosine and sine of the times of
                            * year, week and day. Default 0 */
    int32_t numbers;       /* snnk_number_form, of numbers and dates. Default PLAIN */
    const snnk_allocator *allocator; /* NULL (default) for malloc */
} snnk_encoder_config;

/* Set every field to its default.
 *   config       out: the struct to fill
 *   config_size  sizeof *config, as the caller was compiled
 * SNNK_E_NULL, SNNK_E_CONFIG. */
SNNK_API int snnk_encoder_config_init(snnk_encoder_config *config, size_t config_size);

/* What snnk_encoder_apply met. Set `size` to sizeof before the call. */
typedef struct snnk_encoder_report {
    size_t size;
    uint64_t missing;        /* fields without a value */
    uint64_t unknown_words;  /* words that the encoder has not learned */
    uint64_t missing_row;    /* if missing > 0: the first row of the table with one, from 0 */
    uint64_t missing_column; /* and its first column without a value, as counted in the encoder */
} snnk_encoder_report;

/* ---- Creating ---- */

/* Create an encoder from all rows of a table. Reads them once, and once more for each column if
 * missing is MEDIAN or numbers is SQUASHED.
 *   table    with at least one row
 *   config   NULL for the defaults
 *   encoder  out: release with snnk_encoder_free
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_ENUM, SNNK_E_RANGE (a setting, or no such column),
 * SNNK_E_SHAPE (no rows, or a column twice), SNNK_E_STATE (no column is left: all of them are
 * constant or have no values), SNNK_E_NONFINITE (a value that is infinite; a missing one with
 * REFUSE), SNNK_E_FORMAT (a word that is no date, in a column where most rows have dates),
 * SNNK_E_SIZE, SNNK_E_NOMEM, and statuses of snnk_table_read_columns. */
SNNK_API int snnk_encoder_create(const snnk_table *table, const snnk_encoder_config *config,
                                 snnk_encoder **encoder);

/* Add an owner: returns the same encoder, which every owner releases once with snnk_encoder_free.
 * NULL for NULL. Cannot fail. Any thread may call it. */
SNNK_API snnk_encoder *snnk_encoder_retain(const snnk_encoder *encoder);

/* Release an encoder: the last owner frees it. NULL is fine. */
SNNK_API void snnk_encoder_free(snnk_encoder *encoder);

/* ---- What it has learned ---- */

/* Get the number of outputs d, and of columns. 0 for NULL. */
SNNK_API size_t snnk_encoder_outputs(const snnk_encoder *encoder);
SNNK_API size_t snnk_encoder_columns(const snnk_encoder *encoder);

/* Get what column k of the encoder, 0 ... columns-1, holds (an snnk_encoding), its name (NULL if
 * the table had no names), and how many outputs it has. -1, NULL and 0 if there is no such
 * column. */
SNNK_API int32_t snnk_encoder_column_encoding(const snnk_encoder *encoder, size_t k);
SNNK_API const char *snnk_encoder_column_name(const snnk_encoder *encoder, size_t k);
SNNK_API size_t snnk_encoder_column_outputs(const snnk_encoder *encoder, size_t k);

/* Get the number of words of column k that have an output of their own, and word i of them, in the
 * order of bytes. 0 and NULL if there is no such column or word, or if the column has no words. */
SNNK_API size_t snnk_encoder_column_words(const snnk_encoder *encoder, size_t k);
SNNK_API const char *snnk_encoder_column_word(const snnk_encoder *encoder, size_t k, size_t i);

/* Get whether values of column k were missing, so that its last output says where. 1 or 0. */
SNNK_API int32_t snnk_encoder_column_has_gaps(const snnk_encoder *encoder, size_t k);

/* Get what a missing value of column k becomes: a number, or seconds since 1970. NaN if there is no
 * such column, and for a column of words or a constant, where it becomes zeros or nothing. */
SNNK_API double snnk_encoder_column_fill(const snnk_encoder *encoder, size_t k);

/* Get how the encoder treats missing values, an snnk_missing. -1 for NULL. */
SNNK_API int32_t snnk_encoder_missing(const snnk_encoder *encoder);

/* Get the form of column k (an snnk_number_form): PLAIN if it holds neither numbers nor dates. -1
 * if there is no such column. */
SNNK_API int32_t snnk_encoder_column_form(const snnk_encoder *encoder, size_t k);

/* Get the name of an output, such as "age", "age is missing", "city=Rome", "city is rare", "when
 * (cosine of the year)".
 *   output  0 ... outputs-1
 *   buffer  out: the name, cut to bytes - 1 characters and terminated; NULL if bytes is 0
 *   bytes   of the buffer
 *   needed  out: the bytes of the whole name with its end; NULL if not wanted
 * SNNK_E_NULL, SNNK_E_RANGE (no such output). */
SNNK_API int snnk_encoder_output_name(const snnk_encoder *encoder, size_t output, char *buffer,
                                      size_t bytes, size_t *needed);

/* Get whether the first column looks like a row number, which usually should not be an input: whole
 * numbers that increase from each row to the next. 1 or 0. */
SNNK_API int32_t snnk_encoder_likely_index(const snnk_encoder *encoder);

/* ---- Applying ---- */

/* Encode rows first ... first+n-1 of a table. Columns are found by their names. A table without
 * names must have exactly the columns of the encoder, in its order; if the encoder has no names,
 * columns are found by their position. Further columns of the table are ignored.
 *   X       out: n x d, row stride ldx >= d; every number is finite
 *   report  out: set its size first; NULL if not wanted
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_SHAPE (a column is not in the table: named), SNNK_E_RANGE
 * (rows), SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_UNSUPPORTED (a column has words where the encoder has
 * learned numbers, or numbers where it has learned words), SNNK_E_FORMAT (a word that is no date),
 * SNNK_E_NONFINITE (a value that is infinite, or so far from what was learned that its standardized
 * value overflows; a missing one with REFUSE or KNOWN: row and column are named), SNNK_E_NOMEM, and
 * statuses of snnk_table_read_columns. X may have been partly written then. */
SNNK_API int snnk_encoder_apply(const snnk_encoder *encoder, const snnk_table *table, size_t first,
                                size_t n, double *X, size_t ldx, snnk_encoder_report *report);

/* ---- Networks with an encoder ---- */

/* Let a network hold the encoder of its inputs. It is saved and loaded with the network, and the
 * networks that are made from this one (bundled, quantized, compressed, fitted again) share it.
 *   network  with at least one layer
 *   encoder  with as many outputs as the network has inputs; kept alive. NULL removes the one that
 *            the network holds
 * SNNK_E_NULL, SNNK_E_STATE (no layers), SNNK_E_SHAPE (another number of inputs). */
SNNK_API int snnk_network_set_encoder(snnk_network *network, const snnk_encoder *encoder);

/* Get the encoder that a network holds, valid until it is replaced or the network is freed. NULL if
 * there is none. */
SNNK_API const snnk_encoder *snnk_network_encoder(const snnk_network *network);

/* ---- Saving and loading ---- */

/* Save to a file, or load: the loaded encoder gives the same bits.
 *   path       of a safetensors file
 *   allocator  NULL for malloc
 *   encoder    out: release with snnk_encoder_free
 * Statuses of snnk_map_save and snnk_map_load. */
SNNK_API int snnk_encoder_save(const snnk_encoder *encoder, const char *path);
SNNK_API int snnk_encoder_load(const char *path, const snnk_allocator *allocator,
                               snnk_encoder **encoder);

/* Save to memory, or load from it.
 *   bytes   from snnk_encoder_saved_bytes for the same encoder
 *   buffer  that many bytes
 * Statuses as above, without SNNK_E_IO. */
SNNK_API int snnk_encoder_saved_bytes(const snnk_encoder *encoder, size_t *bytes);
SNNK_API int snnk_encoder_save_memory(const snnk_encoder *encoder, void *buffer, size_t bytes);
SNNK_API int snnk_encoder_load_memory(const void *buffer, size_t bytes,
                                      const snnk_allocator *allocator, snnk_encoder **encoder);

#ifdef __cplusplus
}
#endif

#endif
