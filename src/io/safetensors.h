/* Safetensors files: named tensors and text metadata, with a checksum of our own over both.
 * docs/format.md describes the format.
 *
 *   Reading:  snnk__safetensors_open, snnk__safetensors_text, snnk__safetensors_read_f32 ...,
 *             snnk__safetensors_close.
 *   Writing:  snnk__safetensors_writer_init, snnk__safetensors_add_text and others,
 *             snnk__safetensors_write_file, snnk__safetensors_writer_free.
 *
 * A writer remembers its first failure: later calls return that status and do nothing, so that only
 * the status of the last call must be checked.
 *
 * cJSON, which parses the header, allocates with malloc: its hooks are process-wide, so they are
 * not set. It stores the position of its last error in a global variable, which is not used
 * here. */
#ifndef SNNK_IO_SAFETENSORS_H
#define SNNK_IO_SAFETENSORS_H

#include <stdbool.h>

#include "base/memory.h"

typedef enum snnk__dtype {
    SNNK__DTYPE_BOOL,
    SNNK__DTYPE_U8,
    SNNK__DTYPE_I8,
    SNNK__DTYPE_F8_E4M3,
    SNNK__DTYPE_F8_E5M2,
    SNNK__DTYPE_F8_E8M0,
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
    SNNK__DTYPE_UNKNOWN, /* a type of other programs: its bytes have no meaning here */
    SNNK__N_DTYPES
} snnk__dtype;

/* The name of a type in files, such as "F32", and the size of an element in bytes; 1 for
 * UNKNOWN. */
const char *snnk__dtype_name(snnk__dtype dtype);
size_t snnk__dtype_bytes(snnk__dtype dtype);

/* A function that gives the elements of a tensor that is not contiguous in memory: elements first
 * ... first+count-1, in row-major order and this machine's byte order. It is called for a few
 * elements at a time, in order, and twice for each element: for the checksum, and for the data. out
 * is aligned for any element type. */
typedef void (*snnk__safetensors_source)(const void *context, size_t first, size_t count,
                                         void *out);

typedef struct snnk__safetensors_tensor {
    const char *name;
    snnk__dtype dtype;
    const char *type; /* the name of the type in the file; writing: NULL for that of dtype */
    size_t n_dims;
    const size_t *dims;
    size_t bytes;
    const unsigned char *data; /* reading: little-endian, of any alignment, in the caller's buffer;
                                * writing: in this machine's order, or NULL if `source` is used */
    snnk__safetensors_source source;
    const void *context;
    bool little_endian; /* writing: the elements have this order on every machine */
    size_t begin;       /* offset in the data part of the file */
} snnk__safetensors_tensor;

typedef struct snnk__safetensors_pair {
    const char *key, *value;
} snnk__safetensors_pair;

/* ---- Reading ---- */

/* The limit on the length of a header, the same as in the reference implementation. */
#define SNNK__SAFETENSORS_MAX_HEADER ((size_t)100000000)

typedef struct snnk__safetensors_reader snnk__safetensors_reader;

/* Read the header of a file in memory, and check it against the length of the file. The reader
 * points into `buffer`, which must outlive it. SNNK_E_TRUNCATED, SNNK_E_FORMAT, SNNK_E_NOMEM. */
int snnk__safetensors_open(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                           snnk__safetensors_reader **reader);

/* Get the length of the header, including the 8 bytes before it. head: the first 8 bytes of the
 * file, or all of a shorter file. SNNK_E_TRUNCATED, SNNK_E_FORMAT. */
int snnk__safetensors_header_bytes(const void *head, size_t file_bytes, size_t *header_bytes);

/* Read a file when only its header is in memory. Its tensors have no data: they are at offset
 * `begin` after the header. `header` may be freed after the call. */
int snnk__safetensors_open_header(const void *header, size_t file_bytes,
                                  const snnk_allocator *allocator,
                                  snnk__safetensors_reader **reader);

/* Free a reader. NULL is fine. */
void snnk__safetensors_close(snnk__safetensors_reader *reader);

/* Verify that metadata and tensors are what the writer wrote, by the checksum. SNNK_E_CHECKSUM. */
int snnk__safetensors_verify(const snnk__safetensors_reader *reader);

/* The metadata of a key, valid as long as the reader; NULL if there is none. */
const char *snnk__safetensors_text(const snnk__safetensors_reader *reader, const char *key);

/* Get metadata that is a decimal number. SNNK_E_FORMAT if it is missing or not a number. */
int snnk__safetensors_number(const snnk__safetensors_reader *reader, const char *key,
                             uint64_t *value);

/* All metadata, sorted by key, and all tensors, sorted by name. *n: how many there are. */
const snnk__safetensors_pair *snnk__safetensors_pairs(const snnk__safetensors_reader *reader,
                                                      size_t *n);
const snnk__safetensors_tensor *snnk__safetensors_tensors(const snnk__safetensors_reader *reader,
                                                          size_t *n);

/* The tensor with a name; NULL if there is none. */
const snnk__safetensors_tensor *
snnk__safetensors_tensor_named(const snnk__safetensors_reader *reader, const char *name);

/* Find a tensor by its name, and check its type and shape. SNNK_E_FORMAT. */
int snnk__safetensors_find(const snnk__safetensors_reader *reader, const char *name,
                           snnk__dtype dtype, size_t n_dims, const size_t *dims,
                           const snnk__safetensors_tensor **tensor);

/* Find a tensor and copy its elements to `out`, which must have room for all of them.
 * SNNK_E_FORMAT, SNNK_E_NONFINITE (names tensor and element; `out` was written then). */
int snnk__safetensors_read_f32(const snnk__safetensors_reader *reader, const char *name,
                               size_t n_dims, const size_t *dims, float *out);
int snnk__safetensors_read_f64(const snnk__safetensors_reader *reader, const char *name,
                               size_t n_dims, const size_t *dims, double *out);

/* ---- Writing ---- */

/* A file that will be written. Names, keys, values and dimensions are copied; data is borrowed
 * until the writer is freed. */
typedef struct snnk__safetensors_writer {
    snnk_allocator allocator;
    int status;
    size_t n_pairs, pairs_room, n_tensors, tensors_room;
    snnk__safetensors_pair *pairs;     /* each: key and value in one block */
    snnk__safetensors_tensor *tensors; /* each: dims and name in one block */
    bool laid_out;
    const int *source_status;        /* where sources that can fail report it; NULL: none can */
    size_t data_bytes, header_bytes; /* header_bytes: including the 8 bytes before it */
} snnk__safetensors_writer;

void snnk__safetensors_writer_init(snnk__safetensors_writer *writer,
                                   const snnk_allocator *allocator);

/* Free everything in the writer. May follow init directly. Keeps this thread's error sentence. */
void snnk__safetensors_writer_free(snnk__safetensors_writer *writer);

/* Add metadata. Keys must differ. SNNK_E_RANGE (not UTF-8), SNNK_E_NOMEM. */
int snnk__safetensors_add_text(snnk__safetensors_writer *writer, const char *key,
                               const char *value);

/* Add metadata that is a number, as decimal text: numbers of JSON readers have only 53 bits. */
int snnk__safetensors_add_number(snnk__safetensors_writer *writer, const char *key, uint64_t value);

/* Add a tensor: its packed elements in this machine's byte order, or a source of them. SNNK_E_RANGE
 * (the name is not UTF-8), SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__safetensors_add_tensor(snnk__safetensors_writer *writer, const char *name,
                                 snnk__dtype dtype, size_t n_dims, const size_t *dims,
                                 const void *data);
int snnk__safetensors_add_source(snnk__safetensors_writer *writer, const char *name,
                                 snnk__dtype dtype, size_t n_dims, const size_t *dims,
                                 snnk__safetensors_source source, const void *context);

/* Add a tensor like another: all of its fields count, also `bytes` for an UNKNOWN type. */
int snnk__safetensors_add_copy(snnk__safetensors_writer *writer,
                               const snnk__safetensors_tensor *tensor);

/* Get the exact size of the file. Nothing can be added after this or a write.
 * SNNK_E_INTERNAL (a name or key occurs twice), SNNK_E_SIZE. */
int snnk__safetensors_written_bytes(snnk__safetensors_writer *writer, size_t *bytes);

/* Write to memory. bytes: exactly the number from written_bytes. SNNK_E_SIZE. */
int snnk__safetensors_write_memory(snnk__safetensors_writer *writer, void *buffer, size_t bytes);

/* Write to a file that replaces `path` when it is complete. SNNK_E_NOMEM, SNNK_E_IO. */
int snnk__safetensors_write_file(snnk__safetensors_writer *writer, const char *path);

/* ---- Both ---- */

#define SNNK__SAFETENSORS_CHECKSUM_KEY "snnk.checksum"

/* Orders of pairs and tensors for qsort and bsearch. */
int snnk__safetensors_compare_keys(const void *left, const void *right);
int snnk__safetensors_compare_names(const void *left, const void *right);

/* Pass the elements of a tensor to `put`, little-endian, piece by piece, until `put` fails. */
typedef int (*snnk__safetensors_put)(void *context, const void *bytes, size_t size);
int snnk__safetensors_put_elements(const snnk__safetensors_tensor *tensor, bool host_order,
                                   snnk__safetensors_put put, void *context);

/* The checksum of pairs sorted by key and tensors sorted by name, as 8 hexadecimal digits. */
void snnk__safetensors_checksum(const snnk__safetensors_pair *pairs, size_t n_pairs,
                                const snnk__safetensors_tensor *tensors, size_t n_tensors,
                                bool host_order, char digits[9]);

#endif
