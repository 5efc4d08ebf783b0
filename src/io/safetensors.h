/* The safetensors container: named tensors and metadata strings, with a check sum of ours over
 * both. docs/format.md describes it.
 *
 * Reading: snnk__safetensors_open, then snnk__safetensors_text and snnk__safetensors_read_f32 and
 * so on, snnk__safetensors_close. Writing: snnk__safetensors_writer_init, add, add, ...,
 * snnk__safetensors_write_file, snnk__safetensors_writer_free. The
 *           first failure sticks to the writer: later calls return it and do nothing, so only the
 *           last one needs to be checked.
 *
 * cJSON, which reads the header, takes its memory from malloc and keeps the place of its last error
 * in a global of its own, which nobody here reads; its hooks are process-wide and left alone. */
#ifndef SNNK_IO_SAFETENSORS_H
#define SNNK_IO_SAFETENSORS_H

#include <stdbool.h>

#include "base/memory.h"

typedef enum snnk__dtype {
    SNNK__DTYPE_BOOL,
    SNNK__DTYPE_U8,
    SNNK__DTYPE_I8,
    SNNK__DTYPE_U16,
    SNNK__DTYPE_I16,
    SNNK__DTYPE_F16,
    SNNK__DTYPE_BF16,
    SNNK__DTYPE_U32,
    SNNK__DTYPE_I32,
    SNNK__DTYPE_F32,
    SNNK__DTYPE_U64,
    SNNK__DTYPE_I64,
    SNNK__DTYPE_F64,
    SNNK__N_DTYPES
} snnk__dtype;

/* "F32" and so on, and the bytes of an element. */
const char *snnk__dtype_name(snnk__dtype dtype);
size_t snnk__dtype_bytes(snnk__dtype dtype);

/* Gives elements first ... first+count-1, in row-major order and in this machine's byte order: for
 * tensors that are not packed in memory. Asked twice for the same (check sum, then data), in order,
 * a few at a time. out is aligned for any element type. */
typedef void (*snnk__safetensors_source)(const void *context, size_t first, size_t count,
                                         void *out);

typedef struct snnk__safetensors_tensor {
    const char *name;
    snnk__dtype dtype;
    size_t n_dims;
    const size_t *dims;
    size_t bytes;
    const unsigned char *data; /* reading: little-endian, of any alignment, in the caller's buffer;
                                * writing: this machine's order, or NULL where `source` gives it */
    snnk__safetensors_source source;
    const void *context;
    size_t begin; /* offset in the data part of the file */
} snnk__safetensors_tensor;

typedef struct snnk__safetensors_pair {
    const char *key, *value;
} snnk__safetensors_pair;

/* ---- Reading ---- */

/* The reference implementation's limit on the header, and ours. */
#define SNNK__SAFETENSORS_MAX_HEADER ((size_t)100000000)

typedef struct snnk__safetensors_reader snnk__safetensors_reader;

/* Read the header of a file in memory, and check all of it against the bytes there. The reader
 * points into `buffer`, which must outlive it. SNNK_E_TRUNCATED, SNNK_E_FORMAT, SNNK_E_NOMEM. */
int snnk__safetensors_open(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                           snnk__safetensors_reader **reader);

/* How long the header is, with its length before it; head: the first 8 bytes of the file, or all of
 * a shorter one. SNNK_E_TRUNCATED, SNNK_E_FORMAT. */
int snnk__safetensors_header_bytes(const void *head, size_t file_bytes, size_t *header_bytes);

/* As snnk__safetensors_open, of a file of which only the header is in memory: its tensors have no
 * data; they lie at their `begin` behind the header. `header` may go after the call. */
int snnk__safetensors_open_header(const void *header, size_t file_bytes,
                                  const snnk_allocator *allocator,
                                  snnk__safetensors_reader **reader);

/* NULL is fine. */
void snnk__safetensors_close(snnk__safetensors_reader *reader);

/* SNNK_E_CHECKSUM unless metadata and tensors are what the writer wrote. */
int snnk__safetensors_verify(const snnk__safetensors_reader *reader);

/* The metadata value of a key, valid as long as the reader; NULL if there is none. */
const char *snnk__safetensors_text(const snnk__safetensors_reader *reader, const char *key);

/* A metadata value that is a decimal number. SNNK_E_FORMAT if it is not, or is not there. */
int snnk__safetensors_number(const snnk__safetensors_reader *reader, const char *key,
                             uint64_t *value);

/* All metadata, sorted by key, and how many; all tensors, sorted by name, and how many. */
const snnk__safetensors_pair *snnk__safetensors_pairs(const snnk__safetensors_reader *reader,
                                                      size_t *n);
const snnk__safetensors_tensor *snnk__safetensors_tensors(const snnk__safetensors_reader *reader,
                                                          size_t *n);

/* The tensor of a name; NULL if there is none. */
const snnk__safetensors_tensor *
snnk__safetensors_tensor_named(const snnk__safetensors_reader *reader, const char *name);

/* The tensor of a name, type and shape. SNNK_E_FORMAT, with the name, if there is no such one. */
int snnk__safetensors_find(const snnk__safetensors_reader *reader, const char *name,
                           snnk__dtype dtype, size_t n_dims, const size_t *dims,
                           const snnk__safetensors_tensor **tensor);

/* Find it and copy its elements to `out`, which has room for them all. Non-finite ones are refused:
 * SNNK_E_NONFINITE, with name and place; out has been written to then. SNNK_E_FORMAT. */
int snnk__safetensors_read_f32(const snnk__safetensors_reader *reader, const char *name,
                               size_t n_dims, const size_t *dims, float *out);
int snnk__safetensors_read_f64(const snnk__safetensors_reader *reader, const char *name,
                               size_t n_dims, const size_t *dims, double *out);

/* ---- Writing ---- */

/* What will be written. Names, keys, values and dimensions are copied; data are borrowed until the
 * writer is freed. */
typedef struct snnk__safetensors_writer {
    snnk_allocator allocator;
    int status;
    size_t n_pairs, pairs_room, n_tensors, tensors_room;
    snnk__safetensors_pair *pairs;     /* key and value in one block each */
    snnk__safetensors_tensor *tensors; /* dims and name in one block each */
    bool laid_out;
    size_t data_bytes, header_bytes; /* header_bytes: with the length before it */
} snnk__safetensors_writer;

void snnk__safetensors_writer_init(snnk__safetensors_writer *writer,
                                   const snnk_allocator *allocator);

/* Frees what the writer holds. Fine after init, and keeps this thread's error sentence. */
void snnk__safetensors_writer_free(snnk__safetensors_writer *writer);

/* Keys must differ. SNNK_E_RANGE unless both are UTF-8, SNNK_E_NOMEM. */
int snnk__safetensors_add_text(snnk__safetensors_writer *writer, const char *key,
                               const char *value);

/* As a decimal number: the number types of JSON readers hold 53 bits. */
int snnk__safetensors_add_number(snnk__safetensors_writer *writer, const char *key, uint64_t value);

/* data: the packed elements. SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__safetensors_add_tensor(snnk__safetensors_writer *writer, const char *name,
                                 snnk__dtype dtype, size_t n_dims, const size_t *dims,
                                 const void *data);
int snnk__safetensors_add_source(snnk__safetensors_writer *writer, const char *name,
                                 snnk__dtype dtype, size_t n_dims, const size_t *dims,
                                 snnk__safetensors_source source, const void *context);

/* The exact size of the file. Nothing can be added after this or a write.
 * SNNK_E_INTERNAL (a name or key twice), SNNK_E_SIZE. */
int snnk__safetensors_written_bytes(snnk__safetensors_writer *writer, size_t *bytes);

/* Write to memory. bytes: exactly as many as written_bytes says, else SNNK_E_SIZE. */
int snnk__safetensors_write_memory(snnk__safetensors_writer *writer, void *buffer, size_t bytes);

/* Write to a file that replaces what is at `path` when it is whole. SNNK_E_NOMEM, SNNK_E_IO. */
int snnk__safetensors_write_file(snnk__safetensors_writer *writer, const char *path);

/* ---- Both ---- */

#define SNNK__SAFETENSORS_CHECKSUM_KEY "snnk.checksum"

/* Orders for qsort and bsearch. */
int snnk__safetensors_compare_keys(const void *left, const void *right);
int snnk__safetensors_compare_names(const void *left, const void *right);

/* Gives the elements of a tensor, little-endian, piece by piece to `put`, until it fails. */
typedef int (*snnk__safetensors_put)(void *context, const void *bytes, size_t size);
int snnk__safetensors_put_elements(const snnk__safetensors_tensor *tensor, bool host_order,
                                   snnk__safetensors_put put, void *context);

/* The check sum, of pairs sorted by key and tensors sorted by name: 8 digits and an end. */
void snnk__safetensors_checksum(const snnk__safetensors_pair *pairs, size_t n_pairs,
                                const snnk__safetensors_tensor *tensors, size_t n_tensors,
                                bool host_order, char digits[9]);

#endif
