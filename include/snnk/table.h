/* Tables of data: IDX, .npy or CSV. */
#ifndef SNNK_TABLE_H
#define SNNK_TABLE_H

#include <snnk/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A table: `rows` rows of `columns` numbers, kept in the file's own element type and turned into
 * float as rows are read. IDX and .npy files, unless they are compressed or come through a pipe, stay
 * on disk, so that they may be larger than memory: the table holds them open, and snnk_table_read reads
 * what it is asked for (by pread: no map that a shrinking file could pull away). Others are in memory
 * as a whole. */
typedef struct snnk_table snnk_table;

/* Open a table. The kind is told by the first bytes, not the name:
 *   IDX   the MNIST format: types u8, i8, i16, i32, f32, f64; the first dimension is rows, the
 *         others are flattened;
 *   .npy  versions 1 to 3: f4, f8, i1, i2, i4, i8, u1, u2, u4, u8 and bool, little-endian, C order,
 *         one or more dimensions, flattened likewise; a header of at most 65535 bytes;
 *   CSV   otherwise: a header line, then numbers or words; comma-separated, double quotes as in
 *         RFC 4180. A column in which some field is not a number is a column of words: its values
 *         are 0, 1, 2 ... by the sorted order of its distinct words. An empty field is not a
 *         number. The decimal point is a point whatever the locale.
 * Any of them may be compressed with gzip, and may then unpack to the larger of 64 MiB and 200
 * times its size. A path may be a pipe, of up to 1 GiB.
 * SNNK_E_NULL, SNNK_E_IO, SNNK_E_FORMAT, SNNK_E_TRUNCATED, SNNK_E_RAGGED, SNNK_E_SIZE,
 * SNNK_E_NOMEM. The file must stay as it is while the table is open; replacing it by a rename, as
 * everything here does, is fine. */
SNNK_API int snnk_table_open(const char *path, const snnk_allocator *allocator, snnk_table **table);

/* Free it. NULL is fine. */
SNNK_API void snnk_table_free(snnk_table *table);

/* Rows, which may be 0, and columns, 1 for one-dimensional files; both 0 for NULL. */
SNNK_API size_t snnk_table_rows(const snnk_table *table);
SNNK_API size_t snnk_table_columns(const snnk_table *table);

/* The name of a column, NULL where the file has none (only CSV has). Valid as long as the table. */
SNNK_API const char *snnk_table_column_name(const snnk_table *table, size_t column);

/* The words of a column of words: how many, and the k-th; 0 and NULL for a column of numbers. */
SNNK_API size_t snnk_table_words(const snnk_table *table, size_t column);
SNNK_API const char *snnk_table_word(const snnk_table *table, size_t column, size_t k);

/* Rows first ... first+n-1 as float. X: n x columns, row stride ldx >= columns.
 * SNNK_E_NULL, SNNK_E_RANGE (past the last row), SNNK_E_STRIDE, SNNK_E_SIZE; of a table on disk also
 * SNNK_E_IO, and SNNK_E_TRUNCATED (the file has become shorter), and X may have been written to then.
 * Several threads may read at once. */
SNNK_API int snnk_table_read(const snnk_table *table, size_t first, size_t n, float *X, size_t ldx);

/* Save an n x columns matrix as .npy (f4, version 1.0), or replace the file at `path` by it. X: row
 * stride ldx. SNNK_E_NULL, SNNK_E_SHAPE (columns = 0), SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_IO. */
SNNK_API int snnk_table_save_npy(const char *path, size_t n, size_t columns, const float *X,
                                 size_t ldx);

#ifdef __cplusplus
}
#endif

#endif
