#include "base/utf8.h"

#include <stdint.h>

/* The first byte gives the number of bytes that follow it. A code point must use the shortest
 * sequence that can hold it (RFC 3629): least[n] is the smallest one that needs n more bytes. */
size_t snnk__utf8_prefix(const char *text, size_t bytes) {
    const unsigned char *p = (const unsigned char *)text, *const begin = p, *end = p + bytes;

    while (p < end) {
        const size_t at = (size_t)(p - begin);
        const unsigned char lead = *p++;
        const int more = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
        static const uint32_t least[] = {1, 0x80, 0x800, 0x10000};
        uint32_t code = more == 0 ? lead : lead & (0x3fu >> more);

        if ((lead >= 0x80 && lead < 0xc2) || lead > 0xf4 || end - p < more) return at;
        for (int i = 0; i < more; i++, p++) {
            if ((*p & 0xc0) != 0x80) return at;
            code = code << 6 | (*p & 0x3fu);
        }
        if (code < least[more] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return at;
    }
    return bytes;
}

bool snnk__is_utf8(const char *text, size_t bytes) {
    return snnk__utf8_prefix(text, bytes) == bytes;
}
