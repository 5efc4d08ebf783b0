#ifndef SNNK_BASE_UTF8_H
#define SNNK_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the bytes are UTF-8 (RFC 3629) without NUL. */
bool snnk__is_utf8(const char *text, size_t bytes);

/* How many bytes at the beginning are UTF-8 without NUL. */
size_t snnk__utf8_prefix(const char *text, size_t bytes);

#endif
