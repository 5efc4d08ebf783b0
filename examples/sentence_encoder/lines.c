#include "lines.h"

#include <string.h>

#include "common.h"

static void give_up(const char *path) {
    perror(path);
    exit(1);
}

static char *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    char *bytes;
    long end = -1;

    if (!file || fseek(file, 0, SEEK_END) != 0 || (end = ftell(file)) < 0) give_up(path);
    rewind(file);
    *size = (size_t)end;
    bytes = allocate(*size + 1, 1);
    if (fread(bytes, 1, *size, file) != *size) give_up(path);
    fclose(file);
    return bytes;
}

text_lines lines_read(const char *directory, const char *name) {
    text_lines made = {0, NULL, NULL};
    char path[4096];
    size_t size;
    char *line;

    snprintf(path, sizeof path, "%s/%s", directory, name);
    line = made.bytes = read_file(path, &size);
    for (size_t k = 0; k < size; k++) made.n += made.bytes[k] == '\n';
    made.texts = allocate(made.n, sizeof *made.texts);
    for (size_t i = 0; i < made.n; i++) {
        made.texts[i] = line;
        line = strchr(line, '\n');
        *line++ = '\0';
    }
    return made;
}

void lines_free(text_lines *lines) {
    free(lines->texts);
    free(lines->bytes);
}
