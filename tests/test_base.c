/* src/base: statuses, sizes, allocation, workspaces. (Random numbers: test_random.c. Threads:
 * test_pool.c.) */
#include "support/alloc.h"
#include "support/compare.h"

#include <limits.h>

#include "base/cpu.h"
#include "base/size.h"
#include "base/status.h"
#include "base/workspace.h"

/* ---- Statuses and sentences ---- */

static const int statuses[] = {
    SNNK_OK,       SNNK_E_NULL,      SNNK_E_SHAPE,     SNNK_E_RANGE,    SNNK_E_SIZE,
    SNNK_E_STRIDE, SNNK_E_ENUM,      SNNK_E_CONFIG,    SNNK_E_STATE,    SNNK_E_UNSUPPORTED,
    SNNK_E_NOMEM,  SNNK_E_THREAD,    SNNK_E_NONFINITE, SNNK_E_SINGULAR, SNNK_E_UNRESOLVED,
    SNNK_E_FORMAT, SNNK_E_VERSION,   SNNK_E_TRUNCATED, SNNK_E_CHECKSUM, SNNK_E_RAGGED,
    SNNK_E_IO,     SNNK_E_CANCELLED, SNNK_E_OVERLAP,   SNNK_E_INTERNAL};

static void test_every_status_has_a_text_of_its_own(void **state) {
    const size_t count = sizeof statuses / sizeof *statuses;

    (void)state;
    for (size_t i = 0; i < count; i++) {
        assert_string_not_equal(snnk_strerror(statuses[i]), "unknown status");
        assert_true(strlen(snnk_strerror(statuses[i])) > 0);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(snnk_strerror(statuses[i]), snnk_strerror(statuses[j]));
    }
    for (size_t i = 0; i < count; i++) {
        assert_non_null(snnk_status_name(statuses[i]));
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(snnk_status_name(statuses[i]), snnk_status_name(statuses[j]));
    }
    assert_string_equal(snnk_status_name(SNNK_OK), "SNNK_OK");
    assert_string_equal(snnk_status_name(SNNK_E_RANGE), "SNNK_E_RANGE");
    assert_string_equal(snnk_status_name(-41), "SNNK_E_CANCELLED");
    for (int status = -100; status <= 100; status++) {
        size_t i = 0;

        while (i < count && statuses[i] != status) i++;
        if (i == count) assert_string_equal(snnk_strerror(status), "unknown status");
        if (i == count) assert_null(snnk_status_name(status));
    }
    assert_string_equal(snnk_strerror(INT32_MIN), "unknown status");
}

/* Programs and files depend on these numbers. */
static void test_status_values_never_change(void **state) {
    static const int pinned[] = {0,   -1,  -2,  -3,  -4,  -5,  -6,  -7,  -8,  -9,  -10, -11,
                                 -20, -21, -22, -30, -31, -32, -33, -34, -40, -41, -12, -99};

    (void)state;
    assert_int_equal(sizeof pinned, sizeof statuses);
    for (size_t i = 0; i < sizeof pinned / sizeof *pinned; i++)
        assert_int_equal(statuses[i], pinned[i]);
}

static void test_sentences(void **state) {
    char text[1200];

    (void)state;
    assert_status(snnk__fail(SNNK_E_RANGE, "x = %d is not below %d", 3, 2), SNNK_E_RANGE);
    assert_string_equal(snnk_last_error(), "x = 3 is not below 2");
    assert_status(snnk__fail_within(SNNK_E_SHAPE, "layer %d", 7), SNNK_E_SHAPE);
    assert_string_equal(snnk_last_error(), "layer 7: x = 3 is not below 2");

    /* A sentence that is too long is cut; it does not overflow. */
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = 0;
    assert_status(snnk__fail(SNNK_E_IO, "%s", text), SNNK_E_IO);
    assert_true(strlen(snnk_last_error()) > 200 && strlen(snnk_last_error()) < sizeof text - 1);
    assert_status(snnk__fail_within(SNNK_E_IO, "file"), SNNK_E_IO);
    assert_int_equal(strncmp(snnk_last_error(), "file: aaa", 9), 0);
    assert_status(snnk__fail_within(SNNK_E_IO, "%s", text), SNNK_E_IO);
    assert_int_equal(strncmp(snnk_last_error(), "aaa", 3), 0);
    /* Other libraries may set any text, also the current sentence itself. */
    assert_int_equal(snnk_fail(SNNK_E_IO, "100 %s"), SNNK_E_IO);
    assert_string_equal(snnk_last_error(), "100 %s");
    assert_int_equal(snnk_fail(SNNK_E_RANGE, snnk_last_error() + 4), SNNK_E_RANGE);
    assert_string_equal(snnk_last_error(), "%s");
    snnk_fail(SNNK_E_NOMEM, NULL);
    assert_string_equal(snnk_last_error(), "out of memory");
    snnk_fail(SNNK_E_NOMEM, text);
    assert_int_equal(strlen(snnk_last_error()), 511);
}

static void test_checks_name_value_and_limit(void **state) {
    float X[6] = {1, 2, 3, 4, 5, 6};
    double Z[2] = {1, -INFINITY};
    char sentence[64];

    (void)state;
    assert_status(snnk__check_pointer(NULL, "map"), SNNK_E_NULL);
    assert_says("map is NULL");
    assert_ok(snnk__check_pointer(X, "map"));

    assert_status(snnk__check_matrix(X, "Phi", 2, 3, 2, 4), SNNK_E_STRIDE);
    assert_says("Phi, 2, is smaller than its 3 columns");
    assert_status(snnk__check_matrix(NULL, "Phi", 2, 3, 3, 4), SNNK_E_NULL);
    assert_says("Phi is NULL");
    assert_ok(snnk__check_matrix(NULL, "Phi", 0, 3, 3, 4));
    assert_status(snnk__check_matrix(X, "Phi", SIZE_MAX / 2, 3, 3, 4), SNNK_E_SIZE);
    snprintf(sentence, sizeof sentence, "%zu rows of stride 3", SIZE_MAX / 2);
    assert_says(sentence);
    assert_status(snnk__check_matrix(X, "Phi", 1, 3, SIZE_MAX / 4 + 1, 4), SNNK_E_SIZE);
    /* Half of the largest size, in bytes: no overflow, but still more than any array can have. */
    assert_status(snnk__check_matrix(X, "Phi", 1, 3, SIZE_MAX / 8 + 1, 4), SNNK_E_SIZE);
    assert_ok(snnk__check_matrix(X, "Phi", 1, 3, SIZE_MAX / 8, 4));

    assert_ok(snnk__check_enum(0, 3, "kind"));
    assert_ok(snnk__check_enum(2, 3, "kind"));
    assert_status(snnk__check_enum(3, 3, "kind"), SNNK_E_ENUM);
    assert_says("kind = 3 is not one of 0 ... 2");
    assert_status(snnk__check_enum(-1, 3, "kind"), SNNK_E_ENUM);

    assert_ok(snnk__check_finite(X, "X", 2, 3, 3));
    X[4] = NAN;
    assert_status(snnk__check_finite(X, "X", 2, 3, 3), SNNK_E_NONFINITE);
    assert_says("X[1][1] = nan");
    assert_ok(snnk__check_finite(X, "X", 2, 1, 3)); /* what lies between rows is not read */
    X[4] = INFINITY;
    assert_status(snnk__check_finite(X, "X", 2, 3, 3), SNNK_E_NONFINITE);
    assert_says("X[1][1] = inf");
    X[4] = 3e38f, X[5] = 3e38f; /* both are finite, though their sum is not */
    assert_ok(snnk__check_finite(X, "X", 2, 3, 3));
    assert_status(snnk__check_finite_f64(Z, "Z", 1, 2, 2), SNNK_E_NONFINITE);
    assert_says("Z[0][1] = -inf");
    assert_ok(snnk__check_finite_f64(Z, "Z", 1, 1, 2));
}

/* ---- Config structs that grow ---- */

typedef struct small_config {
    size_t size;
    int64_t first;
} small_config;

typedef struct known_config {
    size_t size;
    int64_t first, second;
} known_config;

typedef struct larger_config {
    size_t size;
    int64_t first, second, third;
} larger_config;

#define KNOWN sizeof(known_config), sizeof(small_config)

static void test_config_of_an_older_program(void **state) {
    const known_config defaults = {sizeof defaults, 10, 20};
    known_config ours = defaults;
    small_config theirs[2] = {{0, 0}, {77, 77}};

    (void)state;
    assert_ok(snnk__config_init(&theirs[0], sizeof theirs[0], &defaults, KNOWN, "config"));
    assert_int_equal(theirs[0].size, sizeof theirs[0]);
    assert_int_equal(theirs[0].first, 10);
    assert_int_equal(theirs[1].size, 77); /* nothing is written beyond its end */

    theirs[0].first = 11;
    assert_ok(snnk__config_read(&ours, KNOWN, &theirs[0], "config"));
    assert_int_equal(ours.size, sizeof ours);
    assert_int_equal(ours.first, 11);
    assert_int_equal(ours.second, 20); /* fields unknown to the caller keep their defaults */

    ours.first = 12;
    assert_ok(snnk__config_write(&theirs[0], &ours, KNOWN, "config"));
    assert_int_equal(theirs[0].size, sizeof theirs[0]);
    assert_int_equal(theirs[0].first, 12);
    assert_int_equal(theirs[1].size, 77);
}

static void test_config_of_unknown_size(void **state) {
    static const size_t unknown[] = {
        0, 8, sizeof(small_config) - 1, sizeof(known_config) + 1, sizeof(larger_config), SIZE_MAX};
    const known_config defaults = {sizeof defaults, 10, 20};
    char known[64]; /* sizes 16 ... 24 if size_t has 64 bits */

    (void)state;
    snprintf(known, sizeof known, "is not in %zu ... %zu", sizeof(small_config),
             sizeof(known_config));
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        larger_config theirs = {unknown[i], 1, 2, 3};
        known_config ours = defaults;

        assert_status(snnk__config_init(&theirs, unknown[i], &defaults, KNOWN, "config"),
                      SNNK_E_CONFIG);
        assert_says(known);
        assert_status(snnk__config_read(&ours, KNOWN, &theirs, "config"), SNNK_E_CONFIG);
        assert_status(snnk__config_write(&theirs, &ours, KNOWN, "config"), SNNK_E_CONFIG);
        assert_status(snnk__config_check(&theirs, KNOWN, "config"), SNNK_E_CONFIG);
        assert_true(theirs.size == unknown[i] && theirs.first == 1 && theirs.second == 2);
        assert_memory_equal(&ours, &defaults, sizeof ours);
    }
    assert_status(snnk__config_init(NULL, sizeof defaults, &defaults, KNOWN, "config"),
                  SNNK_E_NULL);
    assert_ok(snnk__config_check(NULL, KNOWN, "config"));
}

/* ---- Sizes ---- */

static void test_checked_sizes(void **state) {
    const size_t half = (size_t)1 << sizeof(size_t) * CHAR_BIT / 2;
    size_t result = 7;

    (void)state;
    assert_false(snnk__mul_size(half, half, &result)); /* SIZE_MAX + 1 */
    assert_false(snnk__mul_size(SIZE_MAX, 2, &result));
    assert_false(snnk__add_size(SIZE_MAX, 1, &result));
    assert_int_equal(result, 7);
    assert_true(snnk__mul_size(half, half - 1, &result));
    assert_true(result == SIZE_MAX - half + 1);
    assert_true(snnk__mul_size(SIZE_MAX, 1, &result) && result == SIZE_MAX);
    assert_true(snnk__mul_size(SIZE_MAX, 0, &result) && result == 0);
    assert_true(snnk__mul_size(0, SIZE_MAX, &result) && result == 0);
    assert_true(snnk__add_size(SIZE_MAX - 1, 1, &result) && result == SIZE_MAX);
    assert_int_equal(snnk__min_size(3, 4), 3);
    assert_int_equal(snnk__max_size(3, 4), 4);
}

/* ---- Allocation ---- */

/* Give blocks at every possible address modulo 64, as a caller's allocator may. */
static void *shifted_alloc(size_t bytes, void *user) {
    static _Alignas(64) char block[4096];
    const size_t *shift = user;

    assert_true(*shift + bytes <= sizeof block);
    return block + *shift;
}

static void shifted_free(void *pointer, void *user) {
    assert_int_equal((uintptr_t)pointer % 64, *(const size_t *)user);
}

static void test_any_alignment_becomes_ours(void **state) {
    (void)state;
    for (size_t shift = 0; shift < 64; shift++) {
        const snnk_allocator allocator = {shifted_alloc, shifted_free, &shift};
        char *block;

        assert_ok(snnk__alloc(&allocator, 100, 1, "a test", &block));
        assert_int_equal((uintptr_t)block % SNNK__ALIGNMENT, 0);
        memset(block, 1, 100);
        snnk__free(&allocator, block); /* the allocator must get the address it gave */
    }
}

static void test_allocation(void **state) {
    test_memory memory;
    const snnk_allocator hook = test_memory_allocator(&memory);
    snnk_allocator ours;
    double *block = (double *)&memory;
    char sentence[64];

    (void)state;
    assert_int_equal(SNNK__ALIGNMENT, 64);
    assert_ok(snnk__allocator_read(&ours, &hook));
    assert_ok(snnk__alloc_zero(&ours, 9, sizeof *block, "a test", &block));
    for (size_t i = 0; i < 9; i++) assert_true(block[i] == 0);
    assert_int_equal(memory.alive, 1);
    snnk__free(&ours, block);
    assert_int_equal(memory.alive, 0);

    assert_ok(snnk__alloc(&ours, 0, sizeof *block, "a test", &block)); /* never requests 0 bytes */
    assert_null(block);
    assert_ok(snnk__alloc_zero(&ours, 0, sizeof *block, "a test", &block));
    assert_null(block);
    assert_int_equal(memory.calls, 1);
    snnk__free(&ours, NULL);

    block = (double *)&memory;
    assert_status(snnk__alloc(&ours, SIZE_MAX / 4, 8, "a test", &block), SNNK_E_SIZE);
    snprintf(sentence, sizeof sentence, "a test: %zu elements of 8 bytes", SIZE_MAX / 4);
    assert_says(sentence);
    assert_null(block);
    assert_status(snnk__alloc(&ours, SIZE_MAX - 8, 1, "a test", &block), SNNK_E_SIZE);
    assert_status(snnk__alloc(&ours, PTRDIFF_MAX, 1, "a test", &block), SNNK_E_SIZE);
    assert_int_equal(memory.calls, 1);

    memory.fail_after = 1;
    assert_status(snnk__alloc_zero(&ours, 3, 8, "a test", &block), SNNK_E_NOMEM);
    assert_says("bytes for a test");
    assert_null(block);
}

static void test_allocator_must_be_whole(void **state) {
    test_memory memory;
    snnk_allocator hook = test_memory_allocator(&memory), ours;
    void *block;

    (void)state;
    hook.free = NULL;
    assert_status(snnk__allocator_read(&ours, &hook), SNNK_E_NULL);
    assert_says("allocator->free is NULL");
    hook.alloc = NULL;
    assert_status(snnk__allocator_read(&ours, &hook), SNNK_E_NULL);
    assert_says("allocator->alloc is NULL");
    assert_ok(snnk__allocator_read(&ours, NULL));
    assert_ok(snnk__alloc(&ours, 5, 5, "a test", &block));
    snnk__free(&ours, block);
}

/* ---- Workspaces and rows over threads ---- */

static void test_workspace_threads(void **state) {
    snnk_workspace *workspace;
    test_memory memory;
    snnk_allocator allocator = test_memory_allocator(&memory);
    static const size_t good[] = {1, 2, SNNK_MAX_THREADS},
                        bad[] = {0, SNNK_MAX_THREADS + 1, SIZE_MAX};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_ok(snnk_workspace_create(good[i], NULL, &workspace));
        assert_int_equal(snnk_workspace_threads(workspace), good[i]);
        snnk_workspace_free(workspace);
        workspace = (snnk_workspace *)&memory;
        assert_status(snnk_workspace_create(bad[i], NULL, &workspace), SNNK_E_RANGE);
        assert_null(workspace);
        assert_says("is not in 1 ... 1024");
    }
    assert_status(snnk_workspace_create(1, NULL, NULL), SNNK_E_NULL);
    allocator.alloc = NULL;
    assert_status(snnk_workspace_create(1, &allocator, &workspace), SNNK_E_NULL);
    assert_int_equal(snnk_workspace_threads(NULL), 0);
    snnk_workspace_free(NULL);
    assert_status(snnk_workspace_reserve(NULL, 1), SNNK_E_NULL);
}

typedef struct visits {
    int times[200];     /* how often each row was processed */
    int begins[200];    /* how often a part began with this row */
    size_t wants_bytes; /* bytes of scratch */
    int bad_scratch;    /* times scratch was missing, misaligned or shared */
} visits;

static void visit(size_t first, size_t count, void *scratch, void *context) {
    visits *v = context;
    unsigned char *bytes = scratch;

    v->begins[first]++;
    if (v->wants_bytes && (!scratch || (uintptr_t)scratch % SNNK__ALIGNMENT)) v->bad_scratch++;
    if (v->wants_bytes && scratch) memset(scratch, (int)first, v->wants_bytes);
    for (size_t i = first; i < first + count; i++) v->times[i]++; /* rows that no other call has */
    for (size_t i = 0; scratch && i < v->wants_bytes; i++)
        if (bytes[i] != (unsigned char)first) v->bad_scratch++;
}

static void check_visits(snnk_workspace *workspace, size_t n, size_t bytes) {
    visits v = {.wants_bytes = bytes};

    assert_ok(snnk__for_rows(workspace, NULL, n, bytes, visit, &v));
    assert_int_equal(v.bad_scratch, 0);
    for (size_t i = 0; i < 200; i++) assert_int_equal(v.times[i], i < n ? 1 : 0);
}

static void test_rows_are_split_and_each_done_once(void **state) {
    static const size_t threads[] = {1, 2, 3, 4, 5, 7, 8, 16, 33};

    (void)state;
    for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
        snnk_workspace *workspace;

        assert_ok(snnk_workspace_create(threads[t], NULL, &workspace));
        for (size_t n = 0; n <= 40; n++) check_visits(workspace, n, 100);
        check_visits(workspace, 64, 4096);
        check_visits(workspace, 199, 0);
        check_visits(workspace, 200, 1);
        snnk_workspace_free(workspace);
    }
}

/* Parts are as many as there are threads, unless that is more than one for work of 90,000. */
static void test_few_rows_use_fewer_threads(void **state) {
    enum { THREADS = 4 };
    static const struct {
        uint64_t cost;
        size_t n, parts;
    } cases[] = {{0, 200, 1},        {1, 200, 1},         {2000, 89, 1},  {2000, 90, 2},
                 {2000, 134, 2},     {2000, 135, 3},      {2000, 179, 3}, {2000, 180, 4},
                 {89999, 2, 1},      {89999, 3, 2},       {90000, 2, 2},  {90000, 1, 1},
                 {UINT64_MAX, 3, 3}, {UINT64_MAX, 200, 4}};
    snnk_workspace *workspace;

    (void)state;
    assert_ok(snnk_workspace_create(THREADS, NULL, &workspace));
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        visits v = {.wants_bytes = 0};
        size_t parts = 0;

        assert_ok(snnk__for_rows_of(cases[c].cost, workspace, NULL, cases[c].n, 0, visit, &v));
        for (size_t i = 0; i < 200; i++) {
            assert_int_equal(v.times[i], i < cases[c].n ? 1 : 0);
            parts += (size_t)v.begins[i];
        }
        assert_int_equal(parts, cases[c].parts);
    }
    snnk_workspace_free(workspace);
}

static void test_rows_without_a_workspace(void **state) {
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    visits v = {.wants_bytes = 100};

    (void)state;
    assert_ok(snnk__for_rows(NULL, &allocator, 9, 100, visit, &v));
    for (size_t i = 0; i < 200; i++) assert_int_equal(v.times[i], i < 9 ? 1 : 0);
    assert_int_equal(memory.calls, 1);
    assert_int_equal(memory.alive, 0);

    memory.fail_after = 1;
    assert_status(snnk__for_rows(NULL, &allocator, 9, 100, visit, &v), SNNK_E_NOMEM);
    assert_int_equal(v.times[0], 1);                                /* nothing has run */
    assert_ok(snnk__for_rows(NULL, &allocator, 0, 100, visit, &v)); /* no rows, no scratch */
    v.wants_bytes = 0;
    assert_ok(snnk__for_rows(NULL, &allocator, 1, 0, visit, &v));
}

static void test_reserve_then_no_allocation(void **state) {
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_workspace *workspace;
    visits v = {.wants_bytes = 1000};

    (void)state;
    assert_ok(snnk_workspace_create(3, &allocator, &workspace));
    assert_ok(snnk_workspace_reserve(workspace, 1000));
    memory.fail_after = memory.calls;
    assert_ok(snnk__for_rows(workspace, NULL, 50, 1000, visit, &v));
    assert_ok(snnk_workspace_reserve(workspace, 10)); /* a workspace never shrinks */
    assert_ok(snnk__for_rows(workspace, NULL, 50, 1000, visit, &v));

    /* If growing fails, the workspace is unchanged. */
    assert_status(snnk_workspace_reserve(workspace, 100000), SNNK_E_NOMEM);
    assert_status(snnk__for_rows(workspace, NULL, 50, 100000, visit, &v), SNNK_E_NOMEM);
    assert_int_equal(v.times[0], 2);
    assert_ok(snnk__for_rows(workspace, NULL, 50, 1000, visit, &v));
    assert_int_equal(v.times[49], 3);
    assert_int_equal(v.bad_scratch, 0);

    memory.fail_after = -1;
    assert_status(snnk_workspace_reserve(workspace, SIZE_MAX), SNNK_E_SIZE);
    assert_status(snnk_workspace_reserve(workspace, SIZE_MAX - 63), SNNK_E_SIZE);
    assert_status(snnk_workspace_reserve(workspace, SIZE_MAX / 2), SNNK_E_SIZE);
    assert_ok(snnk_workspace_reserve(workspace, 100000));
    snnk_workspace_free(workspace);
    assert_int_equal(memory.alive, 0);

    snnk_workspace *made;
    int status;
    assert_survives_failing_allocations(memory, status, {
        status = snnk_workspace_create(2, &allocator, &made);
        if (status == SNNK_OK) status = snnk_workspace_reserve(made, 64);
        snnk_workspace_free(made);
    });
}

/* ---- Build information ---- */

static void test_build_information(void **state) {
    char version[32];

    (void)state;
    snprintf(version, sizeof version, "%d.%d.%d", SNNK_VERSION_MAJOR, SNNK_VERSION_MINOR,
             SNNK_VERSION_PATCH);
    assert_string_equal(snnk_version(), version);
    assert_non_null(strstr(snnk_build_info(), version));
    assert_true(snnk__cpu_features() == snnk__cpu_features());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_status_has_a_text_of_its_own),
        cmocka_unit_test(test_status_values_never_change),
        cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_checks_name_value_and_limit),
        cmocka_unit_test(test_config_of_an_older_program),
        cmocka_unit_test(test_config_of_unknown_size),
        cmocka_unit_test(test_checked_sizes),
        cmocka_unit_test(test_any_alignment_becomes_ours),
        cmocka_unit_test(test_allocation),
        cmocka_unit_test(test_allocator_must_be_whole),
        cmocka_unit_test(test_workspace_threads),
        cmocka_unit_test(test_rows_are_split_and_each_done_once),
        cmocka_unit_test(test_few_rows_use_fewer_threads),
        cmocka_unit_test(test_rows_without_a_workspace),
        cmocka_unit_test(test_reserve_then_no_allocation),
        cmocka_unit_test(test_build_information),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
