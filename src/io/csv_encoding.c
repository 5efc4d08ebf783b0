#include "io/csv_encoding.h"

#include "base/utf8.h"

int snnk__csv_fail_utf16(const char *order) {
    return snnk__fail(SNNK_E_FORMAT,
                      "the text is UTF-16 (%s-endian) instead of UTF-8: convert it with: iconv -f "
                      "UTF-16%s -t UTF-8 FILE >NEW",
                      order, *order == 'l' ? "LE" : "BE");
}

static bool begins(const snnk__cursor *text, const char *bytes, size_t n) {
    return text->left >= n && memcmp(text->at, bytes, n) == 0;
}

int snnk__csv_skip_mark(snnk__cursor *text) {
    const unsigned char *mark;

    if (begins(text, "\xff\xfe\0\0", 4))
        return snnk__fail(SNNK_E_FORMAT, "the text is UTF-32 instead of UTF-8: convert it with: "
                                         "iconv -f UTF-32 -t UTF-8 FILE >NEW");
    if (begins(text, "\xff\xfe", 2)) return snnk__csv_fail_utf16("little");
    if (begins(text, "\xfe\xff", 2)) return snnk__csv_fail_utf16("big");
    if (text->left >= 2 && text->at[0] >= '\t' && text->at[1] == 0)
        return snnk__csv_fail_utf16("little");
    if (begins(text, "PK\3\4", 4))
        return snnk__fail(SNNK_E_FORMAT, "the file is a ZIP archive, as .xlsx, .ods and .npz are: "
                                         "save the table as CSV, or the array as .npy");
    if (begins(text, "PAR1", 4) || begins(text, "ARROW1", 6))
        return snnk__fail(SNNK_E_FORMAT, "the file is %s: save the table as CSV",
                          *text->at == 'P' ? "Parquet" : "Arrow (Feather)");
    if (begins(text, "\xef\xbb\xbf", 3)) snnk__take(text, 3, &mark);
    return SNNK_OK;
}

int snnk__csv_check_encoding(snnk__cursor text) {
    const size_t valid = snnk__utf8_prefix((const char *)text.at, text.left);
    size_t line = 1, begin = 0;

    if (valid == text.left || text.at[valid] == 0) return SNNK_OK;
    for (size_t i = 0; i < valid; i++) {
        if (text.at[i] < 0x20 && !strchr("\t\n\r", text.at[i])) return SNNK_OK;
        if (text.at[i] != '\n') continue;
        line++;
        begin = i + 1;
    }
    return snnk__fail(SNNK_E_FORMAT,
                      "line %zu, byte %zu: 0x%02x is not UTF-8. If the text is Latin-1, convert it "
                      "with: iconv -f WINDOWS-1252 -t UTF-8 FILE >NEW",
                      line, valid - begin + 1, text.at[valid]);
}
