/* Saving .npy files of floats. */
#include <stdio.h>
#include <string.h>

#include <snnk/table.h>

#include "base/size.h"
#include "base/status.h"
#include "io/bytes.h"
#include "io/replacement.h"

/* Elements converted at a time on a big-endian machine. */
#define CHUNK 1024

static int write_row(snnk__replacement *file, const float *x, size_t n) {
    unsigned char chunk[4 * CHUNK];
    int st = SNNK_OK;

    if (snnk__host_is_little_endian()) return snnk__replacement_write(file, x, n * sizeof *x);
    for (size_t done = 0; done < n && st == SNNK_OK; done += CHUNK) {
        const size_t count = snnk__min_size(CHUNK, n - done);

        for (size_t i = 0; i < count; i++) {
            unsigned char bits[4];

            memcpy(bits, x + done + i, 4);
            for (size_t b = 0; b < 4; b++) chunk[4 * i + b] = bits[3 - b];
        }
        st = snnk__replacement_write(file, chunk, 4 * count);
    }
    return st;
}

int snnk_table_save_npy(const char *path, size_t n, size_t columns, const float *X, size_t ldx) {
    /* 128 bytes have room for two 20-digit sizes, and align the data to 64 bytes as NumPy does. */
    char header[129];
    snnk__replacement file;
    int st;

    if ((st = snnk__check_pointer(path, "path")) != SNNK_OK) return st;
    if (columns == 0) return snnk__fail(SNNK_E_SHAPE, "columns = 0: a table needs at least 1");
    if ((st = snnk__check_matrix(X, "X", n, columns, ldx, sizeof *X)) != SNNK_OK) return st;

    memcpy(header, "\x93NUMPY\x01\x00\x76\x00", 10); /* 0x76 = 128 - 10 */
    const int used =
        snprintf(header + 10, sizeof header - 10,
                 "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu), }", n, columns);
    memset(header + 10 + used, ' ', 117 - (size_t)used);
    header[127] = '\n';

    if ((st = snnk__replacement_begin(&file, path)) != SNNK_OK) return st;
    st = snnk__replacement_write(&file, header, 128);
    /* Packed rows are written in one call. */
    if (st == SNNK_OK && ldx == columns) st = write_row(&file, X, n * columns);
    for (size_t i = 0; ldx != columns && i < n && st == SNNK_OK; i++)
        st = write_row(&file, X + i * ldx, columns);
    if (st == SNNK_OK) return snnk__replacement_commit(&file);
    snnk__replacement_abandon(&file);
    return st;
}
