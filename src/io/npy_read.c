#include "io/npy_read.h"

#include <string.h>

#include "io/array_shape.h"

typedef struct npy_header {
    bool has_descr, has_order, has_shape;
    snnk__element type;
    bool big_endian, fortran_order;
    snnk__array_shape shape;
} npy_header;

static void skip_spaces(snnk__cursor *c) {
    while (c->left > 0 && (*c->at == ' ' || *c->at == '\n' || *c->at == '\t')) c->at++, c->left--;
}

/* Skip spaces and `wanted`; false if something else comes next. */
static bool accept(snnk__cursor *c, char wanted) {
    skip_spaces(c);
    if (c->left == 0 || *c->at != (unsigned char)wanted) return false;
    c->at++, c->left--;
    return true;
}

static bool accept_text(snnk__cursor *c, const char *wanted) {
    const size_t n = strlen(wanted);
    const unsigned char *bytes;

    skip_spaces(c);
    return c->left >= n && memcmp(c->at, wanted, n) == 0 && snnk__take(c, n, &bytes);
}

/* Read a quoted string without escapes. *text, *length: what is inside the quotes. */
static bool accept_string(snnk__cursor *c, const char **text, int *length) {
    const unsigned char *end;
    unsigned char quote;

    skip_spaces(c);
    if (c->left == 0 || (*c->at != '\'' && *c->at != '"')) return false;
    quote = *c->at;
    end = memchr(c->at + 1, quote, c->left - 1);
    if (!end || end - c->at > 32) return false; /* every known string is shorter */
    *text = (const char *)c->at + 1;
    *length = (int)(end - c->at) - 1;
    c->left -= (size_t)(end - c->at) + 1;
    c->at = end + 1;
    return true;
}

static int read_descr(snnk__cursor *c, npy_header *header) {
    static const struct {
        const char *code;
        snnk__element type;
    } known[] = {{"b1", SNNK__ELEMENT_BOOL}, {"u1", SNNK__ELEMENT_U8},  {"i1", SNNK__ELEMENT_I8},
                 {"u2", SNNK__ELEMENT_U16},  {"i2", SNNK__ELEMENT_I16}, {"u4", SNNK__ELEMENT_U32},
                 {"i4", SNNK__ELEMENT_I32},  {"u8", SNNK__ELEMENT_U64}, {"i8", SNNK__ELEMENT_I64},
                 {"f2", SNNK__ELEMENT_F16},  {"f4", SNNK__ELEMENT_F32}, {"f8", SNNK__ELEMENT_F64}};
    const char *text;
    int length;

    if (!accept_string(c, &text, &length))
        return snnk__fail(SNNK_E_FORMAT,
                          "'descr' is not a simple type: structured arrays are not supported");
    for (size_t i = 0; length == 3 && i < sizeof known / sizeof known[0]; i++) {
        if (memcmp(text + 1, known[i].code, 2) != 0) continue;
        const bool single = snnk__element_bytes(known[i].type) == 1;

        if (text[0] != '<' && text[0] != '>' && !(single && text[0] == '|')) break;
        header->big_endian = text[0] == '>';
        header->type = known[i].type;
        return SNNK_OK;
    }
    return snnk__fail(SNNK_E_FORMAT,
                      "type '%.*s' is not one of f2, f4, f8, i1 ... i8, u1 ... u8, b1", length,
                      text);
}

static int read_order(snnk__cursor *c, npy_header *header) {
    header->fortran_order = accept_text(c, "True");
    if (header->fortran_order || accept_text(c, "False")) return SNNK_OK;
    return snnk__fail(SNNK_E_FORMAT, "'fortran_order' is neither True nor False");
}

static bool accept_number(snnk__cursor *c, uint64_t *number) {
    const unsigned char *first;

    skip_spaces(c);
    first = c->at;
    for (*number = 0; c->left > 0 && *c->at >= '0' && *c->at <= '9'; c->at++, c->left--) {
        const uint64_t digit = (uint64_t)(*c->at - '0');

        if (*number > (UINT64_MAX - digit) / 10) return false;
        *number = *number * 10 + digit;
    }
    return c->at > first;
}

/* A tuple: (), (3,), (3, 4), (3, 4, ). */
static int read_shape(snnk__cursor *c, npy_header *header) {
    bool closed;

    if (!accept(c, '(')) goto bad;
    closed = accept(c, ')');
    while (!closed) {
        uint64_t dim;

        if (!accept_number(c, &dim)) goto bad;
        snnk__array_shape_push(&header->shape, dim);
        const bool comma = accept(c, ',');
        closed = accept(c, ')');
        if (!comma && !closed) goto bad;
    }
    return SNNK_OK;
bad:
    return snnk__fail(SNNK_E_FORMAT, "'shape' is not a tuple of non-negative integers");
}

static int read_entry(snnk__cursor *c, npy_header *header) {
    const char *key;
    int length;

    if (!accept_string(c, &key, &length) || !accept(c, ':'))
        return snnk__fail(SNNK_E_FORMAT, "a key of the .npy header is not a string");
    if (length == 5 && memcmp(key, "descr", 5) == 0 && !header->has_descr) {
        header->has_descr = true;
        return read_descr(c, header);
    }
    if (length == 13 && memcmp(key, "fortran_order", 13) == 0 && !header->has_order) {
        header->has_order = true;
        return read_order(c, header);
    }
    if (length == 5 && memcmp(key, "shape", 5) == 0 && !header->has_shape) {
        header->has_shape = true;
        return read_shape(c, header);
    }
    return snnk__fail(SNNK_E_FORMAT, "key '%.*s' of the .npy header is unknown or occurs twice",
                      length, key);
}

static int read_header(snnk__cursor c, npy_header *header) {
    bool closed;
    int st;

    if (!accept(&c, '{')) return snnk__fail(SNNK_E_FORMAT, "the .npy header is not a dictionary");
    closed = accept(&c, '}');
    while (!closed) {
        if ((st = read_entry(&c, header)) != SNNK_OK) return st;
        const bool comma = accept(&c, ',');
        closed = accept(&c, '}');
        if (!comma && !closed)
            return snnk__fail(SNNK_E_FORMAT, "the .npy header has no comma after an entry");
    }
    skip_spaces(&c);
    if (c.left > 0) return snnk__fail(SNNK_E_FORMAT, "text follows the .npy header's dictionary");
    if (!header->has_descr || !header->has_order || !header->has_shape)
        return snnk__fail(
            SNNK_E_FORMAT,
            "one of 'descr', 'fortran_order' and 'shape' is missing from the .npy header");
    return SNNK_OK;
}

int snnk__npy_parse(snnk__cursor head, size_t beyond, snnk_table *table) {
    npy_header header = {.shape = SNNK__NO_DIMENSIONS};
    const unsigned char *magic, *length;
    const size_t bytes = head.left;
    snnk__cursor dictionary;
    int st;

    /* A head that is not the whole file is long enough for these: what the head lacks, the file
     * lacks. */
    if (!snnk__take(&head, 8, &magic))
        return snnk__fail(SNNK_E_TRUNCATED,
                          "a .npy file has more than 8 bytes, but this one has %zu", bytes);
    if (memcmp(magic, "\x93NUMPY", 6) != 0)
        return snnk__fail(SNNK_E_FORMAT, "the file begins with 0x93, but is not a .npy file");
    if (magic[6] < 1 || magic[6] > 3 || magic[7] != 0)
        return snnk__fail(SNNK_E_FORMAT, ".npy version %d.%d is not one of 1.0, 2.0, 3.0", magic[6],
                          magic[7]);
    const size_t length_bytes = magic[6] == 1 ? 2 : 4;
    if (!snnk__take(&head, length_bytes, &length))
        return snnk__fail(SNNK_E_TRUNCATED, "the .npy file ends inside its header, after %zu bytes",
                          bytes);
    dictionary.left =
        length_bytes == 2 ? snnk__load_u16(length, false) : snnk__load_u32(length, false);
    if (dictionary.left > head.left + beyond)
        return snnk__fail(SNNK_E_TRUNCATED,
                          "the .npy header should have %zu bytes, but only %zu are left",
                          dictionary.left, head.left + beyond);
    if (dictionary.left > SNNK__NPY_MAX_HEADER ||
        !snnk__take(&head, dictionary.left, &dictionary.at))
        return snnk__fail(SNNK_E_FORMAT, "the .npy header has %zu bytes, above the limit of %zu",
                          dictionary.left, SNNK__NPY_MAX_HEADER);
    if ((st = read_header(dictionary, &header)) != SNNK_OK) return st;
    table->fortran_order = header.fortran_order;
    return snnk__table_set_cells(table, &header.shape, header.type, header.big_endian,
                                 bytes - head.left, head.left + beyond);
}
