/* Files: models and statistics as safetensors, tables of data as IDX, .npy or CSV.
 *
 * Everything read here is untrusted. Sizes announced by a file are compared with the bytes that are
 * there before anything is allocated by them. Saving writes a temporary file beside the target and
 * renames it: what was there stays until the new file is whole. docs/format.md describes the model
 * format. */
#ifndef SNNK_FILE_H
#define SNNK_FILE_H

#include <snnk/network.h>
#include <snnk/rls.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Models ---- */

/* What to do with drawn projections. */
typedef enum snnk_save_projection {
    SNNK_SAVE_ROWS = 0, /* store G */
    SNNK_SAVE_SEED = 1  /* store the seed, and draw G again at loading, where that gives the same
                         * bits on every machine (SNNK_PROJECTION_GAUSSIAN and _SOBOL); store G
                         * elsewhere. HD3 is stored as a seed in both cases. Maps made from a
                         * spectrum always store G */
} snnk_save_projection;

/* Save a network, with its notes, and the statistics it carries. projection: an snnk_save_projection.
 * An existing file at `path` is replaced at the end, or stays as it was on failure. SNNK_E_NULL,
 * SNNK_E_ENUM, SNNK_E_STATE (no layers), SNNK_E_SIZE, SNNK_E_NOMEM, SNNK_E_IO. */
SNNK_API int snnk_network_save(const snnk_network *network, const char *path, int32_t projection);

/* Load a network: outputs equal those of the saved one bit for bit (on one kernel table). One in narrow
 * storage was saved as float (Psi, or W, as rounded, G as it was before): quantise it again.
 * allocator: NULL for malloc. SNNK_E_NULL, SNNK_E_IO, SNNK_E_FORMAT, SNNK_E_VERSION,
 * SNNK_E_TRUNCATED, SNNK_E_CHECKSUM, SNNK_E_NONFINITE, SNNK_E_SIZE, SNNK_E_NOMEM,
 * SNNK_E_UNSUPPORTED (needs a part this build lacks). */
SNNK_API int snnk_network_load(const char *path, const snnk_allocator *allocator,
                               snnk_network **network);

/* The same in memory. Give *bytes from snnk_network_saved_bytes; buffer: that many. */
SNNK_API int snnk_network_saved_bytes(const snnk_network *network, int32_t projection,
                                      size_t *bytes);
SNNK_API int snnk_network_save_memory(const snnk_network *network, int32_t projection, void *buffer,
                                      size_t bytes);
SNNK_API int snnk_network_load_memory(const void *buffer, size_t bytes,
                                      const snnk_allocator *allocator, snnk_network **network);

/* Save and load least-squares statistics: loaded ones go on exactly where the saved ones stopped, with
 * all that forgetting and default ridges depend on, in double precision until told otherwise.
 * Statuses as above. */
SNNK_API int snnk_lstsq_save(const snnk_lstsq *lstsq, const char *path);
SNNK_API int snnk_lstsq_load(const char *path, const snnk_allocator *allocator, snnk_lstsq **lstsq);

/* The same in memory, as of networks. */
SNNK_API int snnk_lstsq_saved_bytes(const snnk_lstsq *lstsq, size_t *bytes);
SNNK_API int snnk_lstsq_save_memory(const snnk_lstsq *lstsq, void *buffer, size_t bytes);
SNNK_API int snnk_lstsq_load_memory(const void *buffer, size_t bytes,
                                    const snnk_allocator *allocator, snnk_lstsq **lstsq);

/* The same for recursive least squares: loaded ones go on with the same bits. */
SNNK_API int snnk_rls_save(const snnk_rls *rls, const char *path);
SNNK_API int snnk_rls_load(const char *path, const snnk_allocator *allocator, snnk_rls **rls);

/* ---- Tables of data ---- */

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
