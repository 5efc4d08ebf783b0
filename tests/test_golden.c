#define _POSIX_C_SOURCE 200809L
/* Golden files of version 0.1.0 keep their meaning. data/make_golden.c wrote the files of
 * data/golden once, with that version. Here they are loaded, must give the outputs recorded then,
 * and are saved again as the same bytes. On the portable kernels outputs are compared bit for bit
 * if exp, sin and so on of the C library are the same as then (golden_probe); otherwise within a
 * tolerance. Since 0.2 sums of a forward pass begin at 0, and the bias is added last: outputs of
 * forward passes (golden_sums) differ from 0.1 by rounding, and are always compared within the
 * tolerance. */
#include "support/files.h"
#include "support/golden.h"

#include <inttypes.h>

#define FILES     110       /* how many golden files there are */
#define FILE_ROOM (1 << 14) /* the largest has 7 kB */

/* Floats on other kernels, with another C library, or in another order of the terms, relative to
 * the largest value of the call: sums of up to 40 terms of one size, each with an error of a few
 * units of 2^-24, after a network of up to five layers, and an exponent of up to about 10, which
 * multiplies its own rounding by 10. */
#define FLOAT_TOLERANCE 2e-5

/* Products with narrow weights, on other kernels or in another order: a number next to the middle
 * of two steps may round to the other one. A step is 1/127 of the largest input in int8, 1/128 in
 * bf16, and few of up to 40 numbers are that close. */
#define NARROW_TOLERANCE 2e-2

/* Doubles computed with BLAS, LAPACK and the C library: systems with condition numbers below 1e3,
 * of up to 7 unknowns, in double. */
#define DOUBLE_TOLERANCE 1e-12

typedef struct golden_entry {
    char kind[16], name[64];
    int arithmetic, save, storage;
} golden_entry;

static int portable, same_libm;

static const char *golden_path(const char *name) {
    static char path[1024];

    snprintf(path, sizeof path, "%s/golden/%s", SNNK_TEST_DATA, name);
    return path;
}

static const char *model_path(const char *name) {
    char file[80];

    snprintf(file, sizeof file, "%s.safetensors", name);
    return golden_path(file);
}

/* ---- The recorded outputs ---- */

static int next_word(FILE *file, char *word) { return fscanf(file, "%63s", word) == 1; }

/* Read the values of an entry; `word` becomes the word that follows them. */
static void read_values(FILE *file, golden *g, char *word) {
    char type = 0;

    for (g->count = 0; next_word(file, word);) {
        uint64_t bits64;
        uint32_t bits32;
        double value;
        float single;

        if (strlen(word) == 1) {
            type = word[0];
            continue;
        }
        if (strlen(word) != (type == 'b' || type == 'd' ? 16 : 8) ||
            strspn(word, "0123456789abcdef") != strlen(word))
            return;
        bits64 = strtoull(word, NULL, 16);
        bits32 = (uint32_t)bits64;
        memcpy(&value, &bits64, sizeof value);
        memcpy(&single, &bits32, sizeof single);
        golden_put(g, type, type == 'b' || type == 'd' ? value : (double)single);
    }
}

/* ---- Comparing ---- */

static int same_bits(double a, double b) { return memcmp(&a, &b, sizeof a) == 0; }

/* The largest magnitude of the finite values of the call that value i belongs to. */
static double largest_of_call(const golden *g, size_t i) {
    double largest = 0;

    while (i > 0 && g->values[i].type != 's') i--;
    for (i++; i < g->count && g->values[i].type != 's'; i++)
        if (isfinite(g->values[i].value)) largest = fmax(largest, fabs(g->values[i].value));
    return largest;
}

static double worst_float, worst_double; /* relative to the largest value */

static int value_agrees(const golden_entry *entry, const golden *expected, size_t i, double actual,
                        int moved) {
    const char type = expected->values[i].type;
    const double value = expected->values[i].value, off = fabs(actual - value),
                 largest = largest_of_call(expected, i);
    double *worst;
    const int exact_here = portable && !moved && (entry->arithmetic || same_libm);

    if (same_bits(actual, value) || (type == 'p' && !exact_here && !moved)) return 1;
    if (type == 'p' && moved) return off <= largest * NARROW_TOLERANCE;
    if (type == 's' || type == 'b' || type == 'p' || (type == 'f' && exact_here)) return 0;
    worst = type == 'd' ? &worst_double : &worst_float;
    if (largest > 0) *worst = fmax(*worst, off / largest);
    return off <= largest * (type == 'd' ? DOUBLE_TOLERANCE : FLOAT_TOLERANCE);
}

/* Whether version 0.1.0 could not do what now succeeds. */
static int is_new(const golden_value *now, const golden_value *then) {
    return now->type == 's' && now->value == SNNK_OK && then->type == 's' &&
           then->value == SNNK_E_UNSUPPORTED;
}

static void compare(const golden_entry *entry, const golden *actual, const golden *expected) {
    size_t i = 0, k = 0;

    assert_true(expected->count > 0 && expected->count < GOLDEN_ROOM);
    for (; i < expected->count && k < actual->count; i++) {
        const golden_value *now = &actual->values[k++], *then = &expected->values[i];

        if (is_new(now, then)) {
            while (k < actual->count && actual->values[k].type != 's') k++;
            continue;
        }
        if (now->type == then->type && value_agrees(entry, expected, i, now->value, now->moved))
            continue;
        fail_msg("%s: value %zu (%c) is %.17g, and was %.17g (%c) in 0.1.0", entry->name, i,
                 now->type, now->value, then->value, then->type);
    }
    assert_true(i == expected->count && k == actual->count);
}

/* ---- Saving again ---- */

/* Overwrite what follows `key` up to the next quotation mark. */
static void cut(char *header, const char *key) {
    char *at = strstr(header, key), *end;

    assert_non_null(at);
    at += strlen(key);
    assert_non_null(end = strchr(at, '"'));
    memmove(at, end, strlen(end) + 1);
}

/* Copy the header of a file without the version that wrote it, without the checksum, which covers
 * the version, and without the spaces at the end. Returns the offset of the tensors. */
static size_t split(const unsigned char *bytes, size_t size, char *header) {
    uint64_t length = 0;

    for (size_t i = 8; i-- > 0;) length = length << 8 | bytes[i];
    assert_true(size >= 8 && length <= size - 8);
    memcpy(header, bytes + 8, (size_t)length);
    header[length] = 0;
    cut(header, "\"snnk.version\":\"");
    cut(header, "\"snnk.checksum\":\"");
    for (size_t n = strlen(header); n > 0 && header[n - 1] == ' ';) header[--n] = 0;
    return 8 + (size_t)length;
}

/* Fails unless the file at `path` has the bytes of the golden file, except for the version. */
static void compare_file(const golden_entry *entry, const char *path) {
    static unsigned char golden_bytes[FILE_ROOM], bytes[FILE_ROOM];
    static char golden_header[FILE_ROOM], header[FILE_ROOM];
    const size_t golden_size = test_slurp(model_path(entry->name), golden_bytes, FILE_ROOM),
                 size = test_slurp(path, bytes, FILE_ROOM),
                 golden_data = split(golden_bytes, golden_size, golden_header),
                 data = split(bytes, size, header);

    assert_true(golden_size < FILE_ROOM);
    if (strcmp(header, golden_header) != 0)
        fail_msg("%s: saved with the header\n%s\nand not\n%s", entry->name, header, golden_header);
    assert_int_equal(size - data, golden_size - golden_data);
    if (memcmp(bytes + data, golden_bytes + golden_data, size - data) != 0)
        fail_msg("%s: saved with other tensors", entry->name);
}

/* ---- The files ---- */

static void measure_network(const golden_entry *entry, const char *path, golden *g) {
    snnk_network *network;

    assert_ok(snnk_network_load(model_path(entry->name), NULL, &network));
    assert_ok(snnk_network_save(network, path, entry->save));
    golden_network(g, network, entry->storage);
    snnk_network_free(network);
}

static void measure_lstsq(const golden_entry *entry, const char *path, golden *g) {
    snnk_lstsq *lstsq;

    assert_ok(snnk_lstsq_load(model_path(entry->name), NULL, &lstsq));
    assert_ok(snnk_lstsq_save(lstsq, path));
    golden_lstsq(g, lstsq);
    snnk_lstsq_free(lstsq);
}

static void measure_rls(const golden_entry *entry, const char *path, golden *g) {
    snnk_rls *rls;

    assert_ok(snnk_rls_load(model_path(entry->name), NULL, &rls));
    assert_ok(snnk_rls_save(rls, path));
    golden_rls(g, rls);
    snnk_rls_free(rls);
}

static void check_entry(const golden_entry *entry, const golden *expected, test_files *files) {
    const char *path = test_path(files, "again");
    static golden actual;

    actual.count = 0;
    if (strcmp(entry->kind, "network") == 0)
        measure_network(entry, path, &actual);
    else if (strcmp(entry->kind, "lstsq") == 0)
        measure_lstsq(entry, path, &actual);
    else if (strcmp(entry->kind, "rls") == 0)
        measure_rls(entry, path, &actual);
    else
        fail_msg("no such kind: %s", entry->kind);
    compare(entry, &actual, expected);
    compare_file(entry, path);
}

static void test_outputs(void **state) {
    FILE *file = fopen(golden_path("outputs.txt"), "r");
    static golden expected;
    unsigned count = 0, end = 0;
    golden_entry entry;
    test_files files;
    uint64_t probe;
    char word[64];

    (void)state;
    assert_non_null(file);
    test_files_make(&files);
    assert_int_equal(fscanf(file, "probe %" SCNx64, &probe), 1);
    same_libm = probe == golden_probe();
    portable = strcmp(snnk_kernels_name(), "portable") == 0;
    assert_true(next_word(file, word));
    for (; strcmp(word, "end") != 0; count++) {
        snprintf(entry.kind, sizeof entry.kind, "%.15s", word);
        assert_int_equal(fscanf(file, "%63s %d %d %d", entry.name, &entry.arithmetic, &entry.save,
                                &entry.storage),
                         4);
        read_values(file, &expected, word);
        check_entry(&entry, &expected, &files);
    }
    assert_int_equal(fscanf(file, "%u", &end), 1);
    assert_int_equal(end, count);
    assert_int_equal(count, FILES);
    printf(
        "golden: %u files, kernels %s, C library %s; other bits by %.1e of float, %.1e of double\n",
        count, snnk_kernels_name(), same_libm ? "as recorded" : "another", worst_float,
        worst_double);
    fclose(file);
    test_files_remove(&files);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_outputs)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
