/* Tables of data from files: IDX, .npy and CSV, also compressed with gzip.
 *
 *     snnk_table *table;
 *     snnk_table_open("train-images-idx3-ubyte.gz", NULL, &table);
 *     size_t n = snnk_table_rows(table), d = snnk_table_columns(table);
 *     float *X = malloc(n * d * sizeof *X);
 *     snnk_table_read(table, 0, n, X, d);
 *     snnk_table_free(table);
 *
 * Data may be larger than memory: IDX and .npy files stay on disk, and rows are read when
 * snnk_table_read asks for them. Only compressed files, CSV and pipes are read into memory as a
 * whole. */
#ifndef SNNK_TABLE_H
#define SNNK_TABLE_H

#include <snnk/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An open table. Numbers keep the element type of the file and are converted to float when rows are
 * read. */
typedef struct snnk_table snnk_table;

/* Open a table. Its format is found by its first bytes, not by its name:
 *   IDX   the format of the MNIST files, with elements u8, i8, i16, i32, f32 or f64. The first
 *         dimension counts rows; the others are flattened to columns
 *   .npy  NumPy's format, versions 1 to 3, with elements f4, f8, i1, i2, i4, i8, u1, u2, u4, u8 or
 *         b1, little-endian, in C order. Dimensions as for IDX. Its header has at most 65535 bytes
 *   CSV   everything else: a header line with the names of the columns, then lines of numbers or
 *         words, separated by commas, with double quotes as in RFC 4180. The decimal point is "."
 *         in every locale. A column with a field that is not a number is a column of words: the
 *         value of a word is its position 0, 1, 2 ... in the sorted list of the column's words. An
 *         empty field is not a number
 *
 *   path       a regular file, which must not change while the table is open (replacing it with
 *              rename is fine), or a pipe of at most 1 GiB. A gzip file may expand to 64 MiB or
 *              to 200 times its size, whichever is larger
 *   allocator  NULL for malloc
 *   table      out: release with snnk_table_free
 * SNNK_E_NULL, SNNK_E_IO, SNNK_E_FORMAT, SNNK_E_TRUNCATED, SNNK_E_RAGGED, SNNK_E_SIZE,
 * SNNK_E_NOMEM. */
SNNK_API int snnk_table_open(const char *path, const snnk_allocator *allocator, snnk_table **table);

/* Close a table. NULL is fine. */
SNNK_API void snnk_table_free(snnk_table *table);

/* Get the number of rows, which may be 0, and of columns (1 for one-dimensional files). Both are 0
 * for NULL. */
SNNK_API size_t snnk_table_rows(const snnk_table *table);
SNNK_API size_t snnk_table_columns(const snnk_table *table);

/* Get the name of a column of a CSV file, valid as long as the table. NULL for other files, and if
 * there is no such column. */
SNNK_API const char *snnk_table_column_name(const snnk_table *table, size_t column);

/* Get the number of different words in a column of words, and the word with value k, valid as long
 * as the table. 0 and NULL for a column of numbers. */
SNNK_API size_t snnk_table_words(const snnk_table *table, size_t column);
SNNK_API const char *snnk_table_word(const snnk_table *table, size_t column, size_t k);

/* Read rows first ... first+n-1 as float. Several threads may read at the same time.
 *   X  out: n x columns, row stride ldx >= columns
 * SNNK_E_NULL, SNNK_E_RANGE (beyond the last row), SNNK_E_STRIDE, SNNK_E_SIZE; for a table on disk
 * also SNNK_E_IO and SNNK_E_TRUNCATED (the file became shorter): X may have been partly written
 * then. */
SNNK_API int snnk_table_read(const snnk_table *table, size_t first, size_t n, float *X, size_t ldx);

/* Save a matrix as .npy (f4, version 1.0). An existing file is replaced when the new one is
 * complete.
 *   X  n x columns, row stride ldx >= columns
 * SNNK_E_NULL, SNNK_E_SHAPE (columns = 0), SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_IO. */
SNNK_API int snnk_table_save_npy(const char *path, size_t n, size_t columns, const float *X,
                                 size_t ldx);

#ifdef __cplusplus
}
#endif

#endif
