#include "cli/csv_field.h"

bool csv_is_plain(const char *text) {
    for (const char *c = text; *c; c++)
        if (*c == ',' || *c == '"' || (*c >= 0 && *c < ' ')) return false;
    return true;
}

void put_csv_inside(FILE *file, const char *text) {
    for (const char *c = text; *c; c++) {
        if (*c == '"') putc('"', file);
        putc(*c, file);
    }
}

void put_csv_field(FILE *file, const char *text) {
    if (csv_is_plain(text)) {
        fputs(text, file);
        return;
    }
    putc('"', file);
    put_csv_inside(file, text);
    putc('"', file);
}
