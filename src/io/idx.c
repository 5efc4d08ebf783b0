#include "io/idx.h"

#include "io/array_shape.h"

static int read_type(unsigned char code, snnk__element *type) {
    switch (code) {
    case 0x08: *type = SNNK__ELEMENT_U8; return SNNK_OK;
    case 0x09: *type = SNNK__ELEMENT_I8; return SNNK_OK;
    case 0x0b: *type = SNNK__ELEMENT_I16; return SNNK_OK;
    case 0x0c: *type = SNNK__ELEMENT_I32; return SNNK_OK;
    case 0x0d: *type = SNNK__ELEMENT_F32; return SNNK_OK;
    case 0x0e: *type = SNNK__ELEMENT_F64; return SNNK_OK;
    default:
        return snnk__fail(SNNK_E_FORMAT, "unknown element type 0x%02x in the IDX header", code);
    }
}

int snnk__idx_parse(snnk__cursor head, size_t beyond, snnk_table *table) {
    snnk__array_shape shape = SNNK__NO_DIMENSIONS;
    const unsigned char *magic, *dims;
    const size_t bytes = head.left;
    snnk__element type = SNNK__ELEMENT_U8;
    int st;

    /* A head that is not the whole file is long enough for all dimensions: what the head lacks, the
     * file lacks. */
    if (!snnk__take(&head, 4, &magic))
        return snnk__fail(SNNK_E_TRUNCATED,
                          "an IDX header has at least 4 bytes, but the file has %zu", bytes);
    if (magic[0] != 0 || magic[1] != 0)
        return snnk__fail(SNNK_E_FORMAT,
                          "the file begins with 0x%02x%02x; an IDX file begins with 0x0000",
                          magic[0], magic[1]);
    if ((st = read_type(magic[2], &type)) != SNNK_OK) return st;
    if (!snnk__take(&head, 4 * (size_t)magic[3], &dims))
        return snnk__fail(SNNK_E_TRUNCATED,
                          "the sizes of %d dimensions take %zu bytes, but only %zu are left",
                          magic[3], 4 * (size_t)magic[3], head.left);
    for (size_t i = 0; i < magic[3]; i++)
        snnk__array_shape_push(&shape, snnk__load_u32(dims + 4 * i, true));
    return snnk__table_set_cells(table, &shape, type, true, bytes - head.left, head.left + beyond);
}
