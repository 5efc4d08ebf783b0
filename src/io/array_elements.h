/* Element types of arrays in files, and their conversion to float and double. */
#ifndef SNNK_IO_ARRAY_ELEMENTS_H
#define SNNK_IO_ARRAY_ELEMENTS_H

#include <stdbool.h>
#include <stddef.h>

typedef enum snnk__element {
    SNNK__ELEMENT_BOOL, /* one byte: 0 is 0, anything else is 1 */
    SNNK__ELEMENT_U8,
    SNNK__ELEMENT_I8,
    SNNK__ELEMENT_F8_E4M3,
    SNNK__ELEMENT_F8_E5M2,
    SNNK__ELEMENT_F8_E8M0,
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

/* The size of an element in bytes. */
size_t snnk__element_bytes(snnk__element type);

/* Convert n elements at `cells`, of any alignment, to float (x) or to double (y); the other one is
 * NULL. Rounded to nearest, infinite if they are too large. */
void snnk__elements_convert(snnk__element type, bool big_endian, const unsigned char *cells,
                            size_t n, float *x, double *y);

/* The same for n elements of an open file, from byte `begin`. SNNK_E_IO, SNNK_E_TRUNCATED (the file
 * became shorter since it was measured); x or y may have been partly written then. */
int snnk__elements_read(int fd, const char *path, size_t begin, snnk__element type, bool big_endian,
                        size_t n, float *x, double *y);

#endif
