/* Element types of arrays in files, and their way to float. */
#ifndef SNNK_IO_ELEMENTS_H
#define SNNK_IO_ELEMENTS_H

#include <stdbool.h>
#include <stddef.h>

typedef enum snnk__element {
    SNNK__ELEMENT_BOOL, /* a byte: 0, or anything else for 1 */
    SNNK__ELEMENT_U8,
    SNNK__ELEMENT_I8,
    SNNK__ELEMENT_U16,
    SNNK__ELEMENT_I16,
    SNNK__ELEMENT_U32,
    SNNK__ELEMENT_I32,
    SNNK__ELEMENT_U64,
    SNNK__ELEMENT_I64,
    SNNK__ELEMENT_F16,
    SNNK__ELEMENT_BF16,
    SNNK__ELEMENT_F32,
    SNNK__ELEMENT_F64
} snnk__element;

/* Bytes of an element. */
size_t snnk__element_bytes(snnk__element type);

/* x[i] = element i of n at `cells`, rounded to float: to nearest, and to infinity what is too large. */
void snnk__elements_convert(snnk__element type, bool big_endian, const unsigned char *cells,
                            size_t n, float *x);

/* The same of n elements from byte `begin` of a file on. SNNK_E_IO, SNNK_E_TRUNCATED (it became
 * shorter since it was measured); x may have been written to then. */
int snnk__elements_read(int fd, const char *path, size_t begin, snnk__element type, bool big_endian,
                        size_t n, float *x);

#endif
