/* Saving .npy files of floats and doubles. */
#include <stdio.h>
#include <string.h>

#include <snnk/table.h>

#include "base/size.h"
#include "base/status.h"
#include "io/bytes.h"
#include "io/replacement.h"

/* Bytes converted at a time on a big-endian machine. */
#define CHUNK 4096

/* Write n elements of 4 or 8 bytes. */
static int write_row(snnk__replacement *file, const unsigned char *x, size_t n, size_t element) {
    unsigned char chunk[CHUNK];
    int st = SNNK_OK;

    if (snnk__host_is_little_endian()) return snnk__replacement_write(file, x, n * element);
    for (size_t done = 0; done < n * element && st == SNNK_OK; done += CHUNK) {
        const size_t count = snnk__min_size(CHUNK, n * element - done);

        for (size_t i = 0; i < count; i++) {
            const size_t within = i % element;

            chunk[i] = x[done + i - within + element - 1 - within];
        }
        st = snnk__replacement_write(file, chunk, count);
    }
    return st;
}

/* Save a checked matrix whose elements have 4 or 8 bytes. */
static int save(const char *path, size_t n, size_t columns, const void *X, size_t ldx,
                size_t element) {
    /* 128 bytes have room for two 20-digit sizes, and align the data to 64 bytes as NumPy does. */
    char header[129];
    const unsigned char *bytes = X;
    snnk__replacement file;
    int st;

    memcpy(header, "\x93NUMPY\x01\x00\x76\x00", 10); /* 0x76 = 128 - 10 */
    const int used = snprintf(header + 10, sizeof header - 10,
                              "{'descr': '<f%zu', 'fortran_order': False, 'shape': (%zu, %zu), }",
                              element, n, columns);
    memset(header + 10 + used, ' ', 117 - (size_t)used);
    header[127] = '\n';

    if ((st = snnk__replacement_begin(&file, path)) != SNNK_OK) return st;
    st = snnk__replacement_write(&file, header, 128);
    /* Packed rows are written in one call. */
    if (st == SNNK_OK && ldx == columns) st = write_row(&file, bytes, n * columns, element);
    for (size_t i = 0; ldx != columns && i < n && st == SNNK_OK; i++)
        st = write_row(&file, bytes + i * ldx * element, columns, element);
    if (st == SNNK_OK) return snnk__replacement_commit(&file);
    snnk__replacement_abandon(&file);
    return st;
}

static int check(const char *path, size_t n, size_t columns, const void *X, size_t ldx,
                 size_t element) {
    const int st = snnk__check_pointer(path, "path");

    if (st != SNNK_OK) return st;
    if (columns == 0) return snnk__fail(SNNK_E_SHAPE, "columns = 0: a table needs at least 1");
    return snnk__check_matrix(X, "X", n, columns, ldx, element);
}

int snnk_table_save_npy(const char *path, size_t n, size_t columns, const float *X, size_t ldx) {
    const int st = check(path, n, columns, X, ldx, sizeof *X);

    return st == SNNK_OK ? save(path, n, columns, X, ldx, sizeof *X) : st;
}

int snnk_table_save_npy_f64(const char *path, size_t n, size_t columns, const double *X,
                            size_t ldx) {
    const int st = check(path, n, columns, X, ldx, sizeof *X);

    return st == SNNK_OK ? save(path, n, columns, X, ldx, sizeof *X) : st;
}
