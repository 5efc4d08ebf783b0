#include "data.h"

#include "check.h"

/* Read DIRECTORY/NAME.npy, which must have *columns columns; 0: any number, which is returned. */
static float *read_any_table(const char *directory, const char *name, size_t *columns,
                             size_t *rows) {
    char path[1024];
    snnk_table *table;
    float *values;

    snprintf(path, sizeof path, "%s/%s.npy", directory, name);
    CHECK(snnk_table_open(path, NULL, &table));
    *rows = snnk_table_rows(table);
    if (*columns == 0) *columns = snnk_table_columns(table);
    if (snnk_table_columns(table) != *columns || *rows == 0) {
        fprintf(stderr, "%s has %zu rows of %zu columns, expected %zu columns\n", path, *rows,
                snnk_table_columns(table), *columns);
        exit(1);
    }
    values = allocate(*rows * *columns, sizeof *values);
    CHECK(snnk_table_read(table, 0, *rows, values, *columns));
    snnk_table_free(table);
    return values;
}

static float *read_table(const char *directory, const char *name, size_t columns, size_t *rows) {
    return read_any_table(directory, name, &columns, rows);
}

static void same_rows(const char *name, size_t n, size_t wanted) {
    if (n == wanted) return;
    fprintf(stderr, "%s has %zu rows, expected %zu\n", name, n, wanted);
    exit(1);
}

split read_split(const char *directory, const char *name) {
    char file[64];
    size_t n;
    float *about;
    split rows;

    snprintf(file, sizeof file, "%s_X", name);
    rows.inputs = 0;
    rows.X = read_any_table(directory, file, &rows.inputs, &rows.n);
    snprintf(file, sizeof file, "%s_scores", name);
    rows.scores = read_table(directory, file, 1, &n);
    same_rows(file, n, rows.n);
    snprintf(file, sizeof file, "%s_rows", name);
    about = read_table(directory, file, 3, &n);
    same_rows(file, n, rows.n);
    rows.clip = allocate(n, sizeof *rows.clip);
    rows.kind = allocate(n, sizeof *rows.kind);
    rows.word = allocate(n, sizeof *rows.word);
    for (size_t i = 0; i < n; i++) {
        rows.clip[i] = (int32_t)about[3 * i];
        rows.kind[i] = (int32_t)about[3 * i + 1];
        rows.word[i] = (int32_t)about[3 * i + 2];
    }
    free(about);
    return rows;
}

void split_free(split *rows) {
    free(rows->X);
    free(rows->scores);
    free(rows->clip);
    free(rows->kind);
    free(rows->word);
}

void append_dense(snnk_network *network, size_t inputs, size_t outputs, const float *W,
                  const float *bias, int32_t activation) {
    snnk_layer *layer;

    CHECK(snnk_layer_create_dense(inputs, outputs, W, inputs, bias, activation, NULL, &layer));
    CHECK(snnk_network_append(network, layer));
    snnk_layer_free(layer);
}

static void append_read(snnk_network *network, const char *directory, const char *name,
                        size_t inputs, size_t outputs, int32_t activation) {
    char file[64];
    size_t n;
    float *W, *bias;

    snprintf(file, sizeof file, "%s.weight", name);
    W = read_table(directory, file, inputs, &n);
    same_rows(file, n, outputs);
    snprintf(file, sizeof file, "%s.bias", name);
    bias = read_table(directory, file, 1, &n);
    same_rows(file, n, outputs);
    append_dense(network, inputs, outputs, W, bias, activation);
    free(bias);
    free(W);
}

snnk_network *read_original(const char *directory, size_t inputs) {
    snnk_network *original;

    CHECK(snnk_network_create(NULL, &original));
    append_read(original, directory, "hidden.0", inputs, HIDDEN, SNNK_RELU);
    append_read(original, directory, "hidden.1", HIDDEN, HIDDEN, SNNK_RELU);
    append_read(original, directory, "output", HIDDEN, 1, SNNK_IDENTITY);
    return original;
}
