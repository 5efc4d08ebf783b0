/* Tables of data from files: CSV, .npy and IDX, also compressed with gzip.
 *
 *     snnk_table *table;
 *     snnk_table_open("houses.csv", NULL, &table);
 *     size_t n = snnk_table_rows(table), d = snnk_table_columns(table);
 *     float *X = malloc(n * d * sizeof *X);
 *     snnk_table_read(table, 0, n, X, d);
 *     snnk_table_free(table);
 *
 * Data may be larger than memory: IDX and .npy files stay on disk, and rows are read when a read
 * function asks for them. Only compressed files, CSV and pipes are read into memory as a whole.
 *
 * A column of a CSV file has numbers or words. Numbers are read as double; a missing one is NaN.
 * Words are never turned into numbers unless you ask for their indices (snnk_table_read_words). */
#ifndef SNNK_TABLE_H
#define SNNK_TABLE_H

#include <snnk/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An open table. */
typedef struct snnk_table snnk_table;

/* What a column has. */
typedef enum snnk_column_type {
    SNNK_COLUMN_NUMBERS = 0, /* numbers, of which some may be missing */
    SNNK_COLUMN_WORDS = 1    /* texts: at least one field is neither a number nor missing */
} snnk_column_type;

/* Whether the first line of a CSV file has the names of the columns. */
typedef enum snnk_table_header {
    /* Found (default). The first line is a header if some column has a text there but numbers in
     * the lines below, if none of its fields is a number, or if its numbers are 0, 1, 2 ... */
    SNNK_TABLE_HEADER_AUTO = 0,
    SNNK_TABLE_HEADER_YES = 1,
    SNNK_TABLE_HEADER_NO = 2
} snnk_table_header;

/* Get the name of an enum value, such as "words". Static; NULL for an unknown value. */
SNNK_API const char *snnk_column_type_name(int32_t type);
SNNK_API const char *snnk_table_header_name(int32_t header);

/* How to read a CSV file. Ignored for other files. Fill with snnk_table_config_init, then change
 * fields. */
typedef struct snnk_table_config {
    size_t size; /* set by snnk_table_config_init */
    /* Fields that mean "no number", separated by commas and compared exactly, without the spaces
     * around a field. Empty fields and NaN are always missing. NULL (default):
     * "NA,N/A,n/a,#N/A,NaN,nan,NULL,null,None,?" */
    const char *missing;
    int32_t separator; /* ',', ';', '\t', '|', or ' ' for one or more spaces and tabs. 0 (default):
                        * found from the first lines */
    int32_t decimal;   /* '.' or ','. 0 (default): found; always '.' if the separator is ',' */
    int32_t header;    /* snnk_table_header. Default SNNK_TABLE_HEADER_AUTO */
    const snnk_allocator *allocator; /* NULL (default): malloc */
} snnk_table_config;

/* Set every field to its default.
 *   config       out: the struct to fill
 *   config_size  sizeof *config, as the caller was compiled
 * SNNK_E_NULL, SNNK_E_CONFIG (a size this library does not know). */
SNNK_API int snnk_table_config_init(snnk_table_config *config, size_t config_size);

/* Open a table. Its format is found by its first bytes, not by its name:
 *   IDX   the format of the MNIST files, with elements u8, i8, i16, i32, f32 or f64. The first
 *         dimension counts rows; the others are flattened to columns
 *   .npy  NumPy's format, versions 1 to 3, with elements f2, f4, f8, i1, i2, i4, i8, u1, u2, u4, u8
 *         or b1, in either byte order, in C or Fortran order. Dimensions as for IDX: columns are
 *         in C order. The header has at most 65535 bytes
 *   CSV   everything else: UTF-8 text with double quotes as in RFC 4180, with or without a header,
 *         the same number of fields in each line (a separator at the end of every line is fine),
 *         and lines that end in LF or CRLF. Lines at the beginning that start with # are skipped,
 *         unless they have as many fields as the records: then they are the header, or records
 *         (docs/tables.md). The locale has no effect
 *
 *   path    a regular file, which must not change while the table is open (replacing it with
 *           rename is fine), or a pipe of at most 1 GiB. A gzip file may have several members, and
 *           may expand to 64 MiB or to 200 times its size, whichever is larger
 *   config  NULL for the defaults
 *   table   out: release with snnk_table_free
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_ENUM, SNNK_E_RANGE (a separator or decimal of the config),
 * SNNK_E_IO, SNNK_E_FORMAT, SNNK_E_TRUNCATED, SNNK_E_RAGGED, SNNK_E_SIZE, SNNK_E_NOMEM. */
SNNK_API int snnk_table_open(const char *path, const snnk_table_config *config, snnk_table **table);

/* Close a table. NULL is fine. */
SNNK_API void snnk_table_free(snnk_table *table);

/* ---- What a table has ---- */

/* Get the number of rows, which may be 0, and of columns (1 for one-dimensional files). Both are 0
 * for NULL. */
SNNK_API size_t snnk_table_rows(const snnk_table *table);
SNNK_API size_t snnk_table_columns(const snnk_table *table);

/* Get the number of dimensions of the array in a .npy or IDX file, and the size of dimension k. An
 * array of 3 dimensions, n x 28 x 28, has 784 columns. Tables of CSV have 2 dimensions. 0 for NULL
 * and if there is no such dimension. */
SNNK_API size_t snnk_table_dims(const snnk_table *table);
SNNK_API size_t snnk_table_dim(const snnk_table *table, size_t k);

/* Get the type of the elements of a .npy or IDX file, named as in safetensors: "BOOL", "U8", "I8",
 * "U16", "I16", "U32", "I32", "U64", "I64", "F16", "F32" or "F64". Static. NULL for CSV and for
 * NULL. */
SNNK_API const char *snnk_table_type(const snnk_table *table);

/* Get the name of a column of a CSV file, valid as long as the table. Without a header, columns
 * have the names "1", "2", "3" ... NULL for other files, and if there is no such column. */
SNNK_API const char *snnk_table_column_name(const snnk_table *table, size_t column);

/* Get the snnk_column_type of a column. SNNK_COLUMN_NUMBERS for files other than CSV, for NULL and
 * if there is no such column. */
SNNK_API int32_t snnk_table_column_type(const snnk_table *table, size_t column);

/* Get the row of the first field of a column that is neither a number nor missing. This field makes
 * it a column of words. The number of rows for a column of numbers. */
SNNK_API size_t snnk_table_first_word_row(const snnk_table *table, size_t column);

/* Get how many fields of a column are missing. In a column of words only empty fields are. 0 for
 * files other than CSV, whose NaN are not counted. */
SNNK_API size_t snnk_table_missing(const snnk_table *table, size_t column);

/* Get the number of different words in a column of words, and word k in the order of bytes, valid
 * as long as the table. 0 and NULL for a column of numbers. */
SNNK_API size_t snnk_table_words(const snnk_table *table, size_t column);
SNNK_API const char *snnk_table_word(const snnk_table *table, size_t column, size_t k);

/* Get how a CSV file was read: its separator, the character of the decimal point, and whether it
 * has a header (1 or 0). 0 for NULL and for other files. */
SNNK_API int32_t snnk_table_separator(const snnk_table *table);
SNNK_API int32_t snnk_table_decimal(const snnk_table *table);
SNNK_API int32_t snnk_table_has_header(const snnk_table *table);

/* Get how many lines that start with # were skipped at the beginning of a CSV file, without one
 * that is the header. 0 for NULL and for other files. */
SNNK_API size_t snnk_table_comment_lines(const snnk_table *table);

/* ---- Reading. Several threads may read at the same time ---- */

/* Read rows first ... first+n-1 of all columns as float, or as double. Missing numbers are NaN.
 *   X  out: n x columns, row stride ldx >= columns
 * SNNK_E_NULL, SNNK_E_RANGE (beyond the last row), SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_UNSUPPORTED
 * (a column has words: the sentence names column, line and word); for a table on disk also
 * SNNK_E_IO and SNNK_E_TRUNCATED (the file became shorter): X may have been partly written then. */
SNNK_API int snnk_table_read(const snnk_table *table, size_t first, size_t n, float *X, size_t ldx);
SNNK_API int snnk_table_read_f64(const snnk_table *table, size_t first, size_t n, double *X,
                                 size_t ldx);

/* Read rows first ... first+n-1 of some columns of numbers as double. Missing numbers are NaN.
 *   n_columns  number of columns to read, at least 1
 *   columns    their indices, in any order
 *   X          out: n x n_columns, row stride ldx >= n_columns
 * Statuses as for snnk_table_read; also SNNK_E_SHAPE (n_columns = 0), SNNK_E_RANGE (no such
 * column). */
SNNK_API int snnk_table_read_columns(const snnk_table *table, size_t first, size_t n,
                                     size_t n_columns, const size_t *columns, double *X,
                                     size_t ldx);

/* Read the words of a column in rows first ... first+n-1, as their indices k in snnk_table_word.
 *   words  out: n indices; -1 where the field is missing
 * SNNK_E_NULL, SNNK_E_RANGE (beyond the last row, or no such column), SNNK_E_UNSUPPORTED (a column
 * of numbers). */
SNNK_API int snnk_table_read_words(const snnk_table *table, size_t column, size_t first, size_t n,
                                   int32_t *words);

/* ---- Saving ---- */

/* Save a matrix as .npy (version 1.0), f4 or f8. An existing file is replaced when the new one is
 * complete.
 *   X  n x columns, row stride ldx >= columns
 * SNNK_E_NULL, SNNK_E_SHAPE (columns = 0), SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_IO. */
SNNK_API int snnk_table_save_npy(const char *path, size_t n, size_t columns, const float *X,
                                 size_t ldx);
SNNK_API int snnk_table_save_npy_f64(const char *path, size_t n, size_t columns, const double *X,
                                     size_t ldx);

#ifdef __cplusplus
}
#endif

#endif
