#include "io/table.h"

#include <string.h>

#include "base/size.h"
#include "io/csv.h"
#include "io/csv_encoding.h"
#include "io/file.h"
#include "io/gzip.h"
#include "io/idx.h"
#include "io/npy_read.h"
#include "io/whole_file.h"

/* IDX begins with two zero bytes and .npy with \x93NUMPY. Neither 0 nor 0x93 can begin a text in
 * UTF-8. So the first byte decides, and a damaged array is not mistaken for text. */
static bool is_array(unsigned char first) { return first == 0 || first == 0x93; }

/* Text in UTF-16 without a mark, big-endian, also begins with a zero byte. */
static bool is_utf16(snnk__cursor head) {
    return head.left >= 4 && head.at[0] == 0 && head.at[1] >= '\t' && head.at[2] == 0 &&
           head.at[3] >= '\t';
}

static int parse_array(snnk__cursor head, size_t beyond, snnk_table *table) {
    if (is_utf16(head)) return snnk__csv_fail_utf16("big");
    return head.at[0] == 0 ? snnk__idx_parse(head, beyond, table)
                           : snnk__npy_parse(head, beyond, table);
}

static int parse(snnk__cursor file, const snnk_table_config *config, snnk_table *table) {
    int st;

    if (file.left == 0) return snnk__fail(SNNK_E_FORMAT, "the file is empty");
    if (!is_array(file.at[0])) return snnk__csv_parse(file, config, table);
    if ((st = parse_array(file, 0, table)) != SNNK_OK) return st;
    table->cells = file.at + table->cells_begin;
    return SNNK_OK;
}

static int make_empty(const snnk_allocator *allocator, snnk_table **table) {
    const int st = snnk__alloc_zero(allocator, 1, sizeof **table, "a table", table);

    if (st != SNNK_OK) return st;
    (*table)->allocator = *allocator;
    (*table)->fd = -1;
    return SNNK_OK;
}

/* ---- Configs ---- */

static const snnk_table_config defaults = {.size = sizeof(snnk_table_config)};

/* The fields of the first version. */
#define CONFIG_MINIMUM sizeof(snnk_table_config)

int snnk_table_config_init(snnk_table_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &defaults, sizeof defaults, CONFIG_MINIMUM,
                             "table config");
}

static int read_config(const snnk_table_config *config, snnk_table_config *ours,
                       snnk_allocator *allocator) {
    int st;

    *ours = defaults;
    st = snnk__config_read(ours, sizeof *ours, CONFIG_MINIMUM, config, "table config");
    if (st != SNNK_OK) return st;
    st = snnk__check_enum(ours->header, SNNK_TABLE_HEADER_NO + 1, "header");
    if (st != SNNK_OK) return st;
    if (ours->separator != 0 && ours->separator != ',' && ours->separator != ';' &&
        ours->separator != '\t' && ours->separator != '|' && ours->separator != ' ')
        return snnk__fail(SNNK_E_RANGE, "separator = %d is not ',', ';', '\\t', '|', ' ' or 0",
                          ours->separator);
    if (ours->decimal != 0 && ours->decimal != '.' && ours->decimal != ',')
        return snnk__fail(SNNK_E_RANGE, "decimal = %d is not '.', ',' or 0", ours->decimal);
    if (ours->separator == ',' && ours->decimal == ',')
        return snnk__fail(SNNK_E_RANGE,
                          "separator and decimal are both ',': one of them must differ");
    return snnk__allocator_read(allocator, ours->allocator);
}

int snnk__table_parse(const unsigned char *bytes, size_t size, const snnk_table_config *config,
                      snnk_table **table) {
    snnk_table_config ours;
    snnk_allocator allocator;
    snnk_table *made = NULL;
    int st;

    if ((st = read_config(config, &ours, &allocator)) != SNNK_OK) return st;
    if ((st = make_empty(&allocator, &made)) != SNNK_OK) return st;
    if ((st = parse((snnk__cursor){bytes, size}, &ours, made)) != SNNK_OK) goto done;
    *table = made;
    made = NULL;
done:
    snnk_table_free(made);
    return st;
}

/* ---- Opening ---- */

static int copy_path(const snnk_allocator *allocator, const char *path, char **copy) {
    const size_t bytes = strlen(path) + 1;
    const int st = snnk__alloc(allocator, bytes, 1, "a path", copy);

    if (st == SNNK_OK) memcpy(*copy, path, bytes);
    return st;
}

/* Open an array file of `size` bytes whose cells stay on disk. The table owns fd on success
 * only. */
static int open_array(int fd, const char *path, size_t size, const snnk_allocator *allocator,
                      snnk_table **table) {
    const size_t head_bytes = snnk__min_size(size, SNNK__ARRAY_HEAD_BYTES);
    unsigned char *head = NULL;
    snnk_table *made = NULL;
    int st;

    if ((st = make_empty(allocator, &made)) != SNNK_OK) return st;
    if ((st = copy_path(allocator, path, &made->path)) != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, head_bytes, 1, "a header", &head)) != SNNK_OK) goto done;
    if ((st = snnk__file_read_range(fd, path, 0, head_bytes, head)) != SNNK_OK) goto done;
    st = parse_array((snnk__cursor){head, head_bytes}, size - head_bytes, made);
    if (st != SNNK_OK) {
        snnk__fail_within(st, "%s", path);
        goto done;
    }
    snnk__file_will_stream(fd);
    made->fd = fd;
    *table = made;
    made = NULL;
done:
    snnk__free(allocator, head);
    snnk_table_free(made);
    return st;
}

/* Open a table whose whole file must be in memory: it is compressed, a text, or a pipe. */
static int open_whole(int fd, const char *path, const snnk_table_config *config,
                      const snnk_allocator *allocator, snnk_table **table) {
    unsigned char *block = NULL;
    snnk_table *made = NULL;
    char *copy = NULL;
    size_t size;
    int st;

    if ((st = snnk__file_read_open(fd, path, allocator, &block, &size)) != SNNK_OK) return st;
    if (snnk__is_gzip(block, size)) {
        unsigned char *unzipped;

        st = snnk__gunzip(block, size, allocator, &unzipped, &size);
        if (st != SNNK_OK) goto done;
        snnk__free(allocator, block);
        block = unzipped;
    }
    if ((st = copy_path(allocator, path, &copy)) != SNNK_OK) goto done;
    if ((st = snnk__table_parse(block, size, config, &made)) != SNNK_OK) goto done;
    made->path = copy;
    copy = NULL;
    if (!made->values) {
        made->block = block;
        block = NULL;
    }
    *table = made;
done:
    snnk__free(allocator, copy);
    snnk__free(allocator, block);
    return st == SNNK_OK ? st : snnk__fail_within(st, "%s", path);
}

int snnk_table_open(const char *path, const snnk_table_config *config, snnk_table **table) {
    snnk_table_config ours;
    snnk_allocator allocator;
    unsigned char first = 0;
    bool regular;
    size_t size;
    int fd, st;

    if ((st = snnk__check_pointer(table, "table")) != SNNK_OK) return st;
    *table = NULL;
    if ((st = snnk__check_pointer(path, "path")) != SNNK_OK) return st;
    if ((st = read_config(config, &ours, &allocator)) != SNNK_OK) return st;
    if ((st = snnk__file_open(path, &fd)) != SNNK_OK) return st;
    if ((st = snnk__file_measure(fd, path, &regular, &size)) != SNNK_OK) goto done;
    if (regular && (st = snnk__file_read_range(fd, path, 0, 1, &first)) != SNNK_OK) goto done;
    st = regular && is_array(first) ? open_array(fd, path, size, &allocator, table)
                                    : open_whole(fd, path, &ours, &allocator, table);
done:
    if (!*table || (*table)->fd != fd) snnk__file_close(fd);
    return st;
}

void snnk_table_free(snnk_table *table) {
    if (!table) return;
    const snnk_allocator allocator = table->allocator;
    snnk__file_close(table->fd);
    snnk__free(&allocator, table->path);
    snnk__free(&allocator, table->block);
    snnk__free(&allocator, table->values);
    snnk__free(&allocator, table->about);
    snnk__free(&allocator, table->names_text);
    snnk__free(&allocator, table->words);
    snnk__free(&allocator, table->words_text);
    snnk__free(&allocator, table);
}

/* ---- What a table has ---- */

size_t snnk_table_rows(const snnk_table *table) { return table ? table->rows : 0; }

size_t snnk_table_columns(const snnk_table *table) { return table ? table->columns : 0; }

size_t snnk_table_dims(const snnk_table *table) { return table ? table->n_dims : 0; }

size_t snnk_table_dim(const snnk_table *table, size_t k) {
    return k < snnk_table_dims(table) ? table->dims[k] : 0;
}

const char *snnk_table_type(const snnk_table *table) {
    if (!table || table->about) return NULL;
    switch (table->type) {
    case SNNK__ELEMENT_BOOL: return "BOOL";
    case SNNK__ELEMENT_U8: return "U8";
    case SNNK__ELEMENT_I8: return "I8";
    case SNNK__ELEMENT_U16: return "U16";
    case SNNK__ELEMENT_I16: return "I16";
    case SNNK__ELEMENT_U32: return "U32";
    case SNNK__ELEMENT_I32: return "I32";
    case SNNK__ELEMENT_U64: return "U64";
    case SNNK__ELEMENT_I64: return "I64";
    case SNNK__ELEMENT_F16: return "F16";
    case SNNK__ELEMENT_F32: return "F32";
    case SNNK__ELEMENT_F64: return "F64";
    default: return NULL; /* no table has others */
    }
}

/* A column of a CSV file; NULL for other files, and if there is no such column. */
static const snnk__table_column *column_of(const snnk_table *table, size_t column) {
    return table && table->about && column < table->columns ? table->about + column : NULL;
}

const char *snnk_table_column_name(const snnk_table *table, size_t column) {
    const snnk__table_column *about = column_of(table, column);

    return about ? about->name : NULL;
}

int32_t snnk_table_column_type(const snnk_table *table, size_t column) {
    const snnk__table_column *about = column_of(table, column);

    return about && about->is_words ? SNNK_COLUMN_WORDS : SNNK_COLUMN_NUMBERS;
}

size_t snnk_table_first_word_row(const snnk_table *table, size_t column) {
    const snnk__table_column *about = column_of(table, column);

    return about && about->is_words ? about->word_row : snnk_table_rows(table);
}

size_t snnk_table_missing(const snnk_table *table, size_t column) {
    const snnk__table_column *about = column_of(table, column);

    return about ? about->missing : 0;
}

size_t snnk_table_words(const snnk_table *table, size_t column) {
    const snnk__table_column *about = column_of(table, column);

    return about ? about->n_words : 0;
}

const char *snnk_table_word(const snnk_table *table, size_t column, size_t k) {
    return k < snnk_table_words(table, column) ? table->words[table->about[column].first_word + k]
                                               : NULL;
}

int32_t snnk_table_separator(const snnk_table *table) { return table ? table->separator : 0; }

int32_t snnk_table_decimal(const snnk_table *table) { return table ? table->decimal : 0; }

size_t snnk_table_comment_lines(const snnk_table *table) {
    return table ? table->comment_lines : 0;
}

int32_t snnk_table_has_header(const snnk_table *table) { return table ? table->has_header : 0; }

const char *snnk_column_type_name(int32_t type) {
    static const char *const names[] = {
        [SNNK_COLUMN_NUMBERS] = "numbers", [SNNK_COLUMN_WORDS] = "words"};

    return type >= 0 && type <= SNNK_COLUMN_WORDS ? names[type] : NULL;
}

const char *snnk_table_header_name(int32_t header) {
    static const char *const names[] = {[SNNK_TABLE_HEADER_AUTO] = "auto",
                                        [SNNK_TABLE_HEADER_YES] = "yes",
                                        [SNNK_TABLE_HEADER_NO] = "no"};

    return header >= 0 && header <= SNNK_TABLE_HEADER_NO ? names[header] : NULL;
}
