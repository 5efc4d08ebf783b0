/* src/mpi: statistics over processes. mpirun starts 1, 3 and 4 processes, which all run the same
 * tests. A process that hangs is ended by ctest's time-out. */
#include <snnk/mpi.h>

#include "support/factorizations.h"

enum { M = 12, T = 2 };

static int rank, size;

/* n rows in very unequal parts, in another order than the processes; with three or more processes,
 * process 1 has none. */
static void my_part(size_t n, size_t *first, size_t *count) {
    const size_t p = (size_t)size, place = (size_t)(size - 1 - rank);
    /* Process 0, its neighbour, gets the part of process 1. */
    const size_t begin = rank == 0 && size > 2 ? place - 1 : place;

    *first = n * begin * begin / (p * p);
    *count = rank == 1 && size > 2 ? 0 : n * (place + 1) * (place + 1) / (p * p) - *first;
}

static snnk_lstsq *collect_part(size_t n, size_t m, const float *Phi, const float *Y,
                                const float *weights, int32_t factorization) {
    size_t first, count;

    my_part(n, &first, &count);
    return factorization_collect(count, m, T, Phi + first * m, Y + first * T,
                                 weights ? weights + first : NULL, factorization);
}

/* All processes have the same status and the same sentence. */
static void assert_agreed(int status, int expected) {
    char sentence[512] = "", first[512];
    int least, most;

    assert_status(status, expected);
    MPI_Allreduce(&status, &least, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    MPI_Allreduce(&status, &most, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    assert_int_equal(least, most);
    if (expected == SNNK_OK) return;
    snprintf(sentence, sizeof sentence, "%s", snnk_last_error());
    memcpy(first, sentence, sizeof first);
    MPI_Bcast(first, sizeof first, MPI_CHAR, 0, MPI_COMM_WORLD);
    assert_string_equal(sentence, first);
}

/* Every row is in some process, and process 1 has none. */
static void test_parts(void **state) {
    unsigned long long mine, all;
    size_t first, count;

    (void)state;
    my_part(1000, &first, &count);
    assert_true(first + count <= 1000);
    if (rank == 1 && size > 2) assert_int_equal(count, 0);
    mine = count;
    MPI_Allreduce(&mine, &all, 1, MPI_UNSIGNED_LONG_LONG, MPI_SUM, MPI_COMM_WORLD);
    assert_int_equal(all, 1000);
}

/* The sum is compared with moments by their definition in long double, and with the solution of one
 * process, for every factorization, with and without weights, and for every root. The other
 * processes keep their statistics. */
static void test_sum(void **state) {
    const size_t n = 1000;
    float *Phi = statistics_random(n * M, 1), *Y = statistics_random(n * T, 2), weights[1000];

    (void)state;
    for (size_t i = 0; i < n; i++) weights[i] = 0.5f + (float)(i % 4);
    for (size_t i = 0; i < n; i++)
        Phi[i * M] += 1000; /* a mean so large that digits could be
                                                        * lost */
    for (int way = 0; way < 6; way++) {
        const int32_t factorization = way % 3;
        const float *w = way / 3 ? weights : NULL;

        for (int root = 0; root < size; root++) {
            snnk_lstsq *mine = collect_part(n, M, Phi, Y, w, factorization);
            snnk_lstsq *whole = factorization_collect(n, M, T, Phi, Y, w, factorization), *defined;
            const uint64_t rows = snnk_lstsq_rows(mine);
            double *before = statistics_copy(mine);
            double B[2][T * M], b[2][T];

            assert_agreed(snnk_lstsq_reduce_mpi(mine, MPI_COMM_WORLD, root), SNNK_OK);
            if (rank != root) {
                statistics_assert_same(mine, rows, before);
            } else {
                free(before);
                /* AUTO: some part is large enough to choose moments. */
                assert_int_equal(mine->factorization, factorization == SNNK_FACTORIZATION_QR
                                                          ? factorization
                                                          : SNNK_FACTORIZATION_GRAM);
                /* Sums of 1000 squares in double: about 1e-13 of their size. */
                factorization_assert_close(mine, whole, 1e-12, 1e-12);
                if (!w) {
                    assert_ok(snnk_lstsq_create(M, T, NULL, &defined));
                    statistics_set_float(defined, n, Phi, Y);
                    factorization_assert_close(mine, defined, 1e-12, 1e-12);
                    snnk_lstsq_free(defined);
                }
                for (int k = 0; k < 2; k++) {
                    factorization_solve(mine, k ? 0.3 : 0, 1, B[0], b[0]);
                    factorization_solve(whole, k ? 0.3 : 0, 1, B[1], b[1]);
                    /* The condition number is about 10, that of the intercept with its mean 1e3:
                     * 1e-13 each. */
                    for (size_t i = 0; i < T * M; i++) assert_close(B[0][i], B[1][i], 1e-10, 1e-12);
                    for (size_t i = 0; i < T; i++) assert_close(b[0][i], b[1][i], 1e-10, 1e-10);
                }
            }
            snnk_lstsq_free(whole);
            snnk_lstsq_free(mine);
        }
    }
    free(Y);
    free(Phi);
}

/* Repeating gives the same bits. */
static void test_repeats(void **state) {
    float *Phi = statistics_random((size_t)500 * M, 3), *Y = statistics_random((size_t)500 * T, 4);
    double *first = NULL;

    (void)state;
    for (int turn = 0; turn < 3; turn++) {
        snnk_lstsq *mine = collect_part(500, M, Phi, Y, NULL, SNNK_FACTORIZATION_GRAM);

        assert_agreed(snnk_lstsq_reduce_mpi(mine, MPI_COMM_WORLD, size - 1), SNNK_OK);
        if (turn == 0)
            first = statistics_copy(mine);
        else if (turn == 1)
            statistics_assert_same(mine, mine->rows, first);
        snnk_lstsq_free(mine);
    }
    free(Y);
    free(Phi);
}

/* Messages of several pieces: 900^2 doubles are 6.5 MB. */
static void test_large(void **state) {
    const size_t m = 900, n = 40;
    float *Phi = statistics_random(n * m, 5), *Y = statistics_random(n * T, 6);
    snnk_lstsq *mine = collect_part(n, m, Phi, Y, NULL, SNNK_FACTORIZATION_GRAM);
    snnk_lstsq *whole = factorization_collect(n, m, T, Phi, Y, NULL, SNNK_FACTORIZATION_GRAM);

    (void)state;
    assert_agreed(snnk_lstsq_reduce_mpi(mine, MPI_COMM_WORLD, 0), SNNK_OK);
    if (rank == 0) factorization_assert_close(mine, whole, 1e-12, 1e-12);
    snnk_lstsq_free(whole);
    snnk_lstsq_free(mine);
    free(Y);
    free(Phi);
}

/* No rows anywhere. */
static void test_empty(void **state) {
    snnk_lstsq *mine = factorization_create(M, T, SNNK_FACTORIZATION_GRAM);

    (void)state;
    assert_agreed(snnk_lstsq_reduce_mpi(mine, MPI_COMM_WORLD, 0), SNNK_OK);
    assert_int_equal(snnk_lstsq_rows(mine), 0);
    snnk_lstsq_free(mine);
}

/* Moments in some processes and factors in others: the sum has moments, unless root has a
 * factor. */
static void test_mixed(void **state) {
    const size_t n = 600;
    float *Phi = statistics_random(n * M, 7), *Y = statistics_random(n * T, 8);
    snnk_lstsq *whole = factorization_collect(n, M, T, Phi, Y, NULL, SNNK_FACTORIZATION_GRAM);

    (void)state;
    for (int odd = 0; odd < 2; odd++) {
        /* odd ranks 1, 3 have moments; the others, including root, have factors */
        const int32_t factorization =
            rank % 2 == odd ? SNNK_FACTORIZATION_GRAM : SNNK_FACTORIZATION_QR;
        snnk_lstsq *mine = collect_part(n, M, Phi, Y, NULL, factorization);
        const uint64_t rows = snnk_lstsq_rows(mine);
        double *before = statistics_copy(mine);
        unsigned long long moments = rank % 2 == odd ? rows : 0, all_moments;
        int st;

        MPI_Allreduce(&moments, &all_moments, 1, MPI_UNSIGNED_LONG_LONG, MPI_SUM, MPI_COMM_WORLD);
        st = snnk_lstsq_reduce_mpi(mine, MPI_COMM_WORLD, 0);
        if (odd && all_moments > 0) {
            assert_agreed(st, SNNK_E_UNSUPPORTED);
            statistics_assert_same(mine, rows, before);
        } else {
            assert_agreed(st, SNNK_OK);
            if (rank == 0) factorization_assert_close(mine, whole, 1e-12, 1e-12);
            free(before);
        }
        snnk_lstsq_free(mine);
    }
    snnk_lstsq_free(whole);
    free(Y);
    free(Phi);
}

/* If something is wrong in one process, all report it, none waits, and nothing changes. */
static void test_one_fails(void **state) {
    float *Phi = statistics_random((size_t)100 * (M + 1), 9);
    float *Y = statistics_random((size_t)100 * T, 10);

    (void)state;
    for (int bad = 0; bad < size; bad++) {
        char who[64];
        snnk_lstsq *mine = factorization_collect(100, rank == bad ? M + 1 : M, T, Phi, Y, NULL,
                                                 SNNK_FACTORIZATION_GRAM);
        double *before = statistics_copy(mine);

        if (size > 1) { /* a single process cannot differ */
            assert_agreed(snnk_lstsq_reduce_mpi(mine, MPI_COMM_WORLD, 0), SNNK_E_SHAPE);
            snprintf(who, sizeof who, "process %d: 1%d features", bad ? bad : 1, bad ? 3 : 2);
            assert_says(who);
            assert_agreed(snnk_lstsq_reduce_mpi(mine, MPI_COMM_WORLD, rank == bad), SNNK_E_RANGE);
            assert_says("root is");
        }
        assert_agreed(snnk_lstsq_reduce_mpi(rank == bad ? NULL : mine, MPI_COMM_WORLD, 0),
                      SNNK_E_NULL);
        assert_says("lstsq is NULL");
        assert_agreed(snnk_lstsq_reduce_mpi(mine, MPI_COMM_WORLD, rank == bad ? size : 0),
                      SNNK_E_RANGE);
        assert_agreed(snnk_lstsq_reduce_mpi(mine, MPI_COMM_WORLD, rank == bad ? -1 : 0),
                      SNNK_E_RANGE);
        /* On the way up the tree, sums that overflowed are refused on arrival (root's own are not
         * sent), and so are counts. */
        if (size > 1 && bad > 0) {
            snnk_lstsq *same =
                factorization_collect(100, M, T, Phi, Y, NULL, SNNK_FACTORIZATION_GRAM);
            double *as_it_was;

            if (rank == bad) same->S[0] = INFINITY;
            as_it_was = statistics_copy(same);
            assert_agreed(snnk_lstsq_reduce_mpi(same, MPI_COMM_WORLD, 0), SNNK_E_NONFINITE);
            statistics_assert_same(same, 100, as_it_was);
            snnk_lstsq_free(same);
            same = factorization_collect(100, M, T, Phi, Y, NULL, SNNK_FACTORIZATION_GRAM);
            if (rank == bad) same->rows = UINT64_MAX - 50;
            as_it_was = statistics_copy(same);
            assert_agreed(snnk_lstsq_reduce_mpi(same, MPI_COMM_WORLD, 0), SNNK_E_SIZE);
            statistics_assert_same(same, rank == bad ? UINT64_MAX - 50 : 100, as_it_was);
            snnk_lstsq_free(same);
        }
        statistics_assert_same(mine, 100, before);
        snnk_lstsq_free(mine);
    }
    free(Y);
    free(Phi);
}

/* Root alone runs out of memory, at every allocation of its last merge: a factor into moments. */
typedef struct rationed {
    long left; /* how many allocations succeed; negative: all */
} rationed;

static void *rationed_alloc(size_t bytes, void *user) {
    rationed *r = user;

    if (r->left == 0) return NULL;
    if (r->left > 0) r->left--;
    return malloc(bytes);
}

static void rationed_free(void *pointer, void *user) {
    (void)user;
    free(pointer);
}

static void test_out_of_memory(void **state) {
    float *Phi = statistics_random((size_t)100 * M, 11),
          *Y = statistics_random((size_t)100 * T, 12);
    rationed ration = {-1};
    const snnk_allocator allocator = {rationed_alloc, rationed_free, &ration};
    int st = SNNK_E_NOMEM;

    (void)state;
    for (long k = 0; st != SNNK_OK && size > 1; k++) {
        snnk_lstsq *mine;

        ration.left = -1;
        assert_ok(snnk_lstsq_create(M, T, &allocator, &mine));
        if (rank != 0) assert_ok(snnk_lstsq_set_factorization(mine, SNNK_FACTORIZATION_QR));
        assert_ok(
            snnk_lstsq_add(mine, SNNK_ROWS(.n = 100, .X = Phi, .ldx = M, .Y = Y, .ldy = T), NULL));
        if (rank == 0) ration.left = k;
        st = snnk_lstsq_reduce_mpi(mine, MPI_COMM_WORLD, 0);
        ration.left = -1;
        assert_agreed(st, st == SNNK_OK ? SNNK_OK : SNNK_E_NOMEM);
        assert_true(k < 1000 && (k > 0 || st == SNNK_E_NOMEM));
        assert_int_equal(snnk_lstsq_rows(mine), st == SNNK_OK && rank == 0 ? 100 * size : 100);
        snnk_lstsq_free(mine);
    }
    free(Y);
    free(Phi);
}

static void test_communicators(void **state) {
    snnk_lstsq *mine = factorization_create(M, T, SNNK_FACTORIZATION_GRAM);
    float row[M] = {1}, y[T] = {2};
    MPI_Comm half;
    int members;

    (void)state;
    assert_status(snnk_lstsq_reduce_mpi(mine, MPI_COMM_NULL, 0), SNNK_E_NULL);
    assert_says("MPI_COMM_NULL");
    /* Two groups at once, in the opposite order. */
    MPI_Comm_split(MPI_COMM_WORLD, rank % 2, -rank, &half);
    MPI_Comm_size(half, &members);
    assert_ok(snnk_lstsq_add(mine, SNNK_ROWS(.n = 1, .X = row, .ldx = M, .Y = y, .ldy = T), NULL));
    assert_ok(snnk_lstsq_reduce_mpi(mine, half, 0));
    /* First in its group: no process has a rank two lower. */
    assert_int_equal(snnk_lstsq_rows(mine), rank + 2 >= size ? members : 1);
    if (size > 1) {
        MPI_Comm between;

        MPI_Intercomm_create(half, 0, MPI_COMM_WORLD,
                             rank % 2 == (size - 1) % 2 ? size - 2 : size - 1, 0, &between);
        assert_agreed(snnk_lstsq_reduce_mpi(mine, between, 0), SNNK_E_UNSUPPORTED);
        MPI_Comm_free(&between);
    }
    MPI_Comm_free(&half);
    snnk_lstsq_free(mine);
}

/* ---- Fits ---- */

enum { D = 3 };

static snnk_fit *empty_fit(uint64_t seed, size_t outputs) {
    snnk_map_config of_map;
    snnk_fit_config config;
    snnk_map *map;
    snnk_fit *fit;

    assert_ok(snnk_map_config_init(&of_map, sizeof of_map));
    of_map.kind = SNNK_MAP_GAUSSIAN;
    of_map.features = 48;
    assert_ok(snnk_map_create(D, &of_map, NULL, &map));
    assert_ok(snnk_fit_config_init(&config, sizeof config));
    config.seed = seed;
    config.center = 0;
    assert_ok(snnk_fit_create(map, outputs, &config, &fit));
    snnk_map_free(map);
    return fit;
}

/* The sum of fits is compared with one fit of all rows: for rows that are left out, some of them
 * three times, and rows that are held out; for every root. The other processes keep their fits. */
static void test_fits(void **state) {
    static const size_t counts[] = {90, 900, 6000};
    const size_t most = 6000;
    float *X = statistics_random(most * D, 21), *Y = statistics_random(most * T, 22);

    (void)state;
    for (size_t i = 0; i < most; i++) Y[i * T] = 0.2F * Y[i * T] + X[i * D] * X[i * D + 1];
    for (int k = 0; k < 3; k++)
        for (int root = 0; root < size; root++) {
            const size_t n = counts[k];
            snnk_fit *mine = empty_fit(5, T), *whole = empty_fit(5, T);
            size_t first, count;
            uint64_t rows;

            if (k == 0) /* the first 30 rows, three times: fewer than features */
                for (size_t i = 30 * D; i < 90 * D; i++) X[i] = X[i - 30 * D];
            my_part(n, &first, &count);
            assert_ok(snnk_fit_add(
                mine, SNNK_ROWS(.n = count, .X = X + first * D, .Y = Y + first * T), NULL));
            assert_ok(snnk_fit_add(whole, SNNK_ROWS(.n = n, .X = X, .Y = Y), NULL));
            rows = snnk_fit_rows(mine);
            assert_agreed(snnk_fit_reduce_mpi(mine, MPI_COMM_WORLD, root), SNNK_OK);
            assert_int_equal(snnk_fit_rows(mine), rank == root ? n : rows);
            if (rank == root) {
                snnk_fit_report reports[2] = {{.size = sizeof *reports}, {.size = sizeof *reports}};

                for (int j = 0; j < 2; j++) {
                    snnk_layer *layer;

                    assert_ok(snnk_fit_solve(j ? whole : mine, NULL, &reports[j], &layer));
                    snnk_layer_free(layer);
                }
                assert_int_equal(reports[0].heldout_rows, reports[1].heldout_rows);
                assert_true((reports[0].heldout_rows > 0) == (k == 2));
                /* Sums in another order, 1e-13; the condition number is below 1e5. */
                assert_close(reports[0].ridge, reports[1].ridge, 1e-8, 0);
                assert_close(reports[0].heldout_error, reports[1].heldout_error, 1e-6, 0);
            }
            snnk_fit_free(whole);
            snnk_fit_free(mine);
        }
    free(Y);
    free(X);
}

/* If the fit of one process is another one, all processes report it, and nothing changes. */
static void test_one_fit_differs(void **state) {
    float *X = statistics_random((size_t)50 * D, 23),
          *Y = statistics_random((size_t)50 * (T + 1), 24);

    (void)state;
    for (int bad = 0; bad < size; bad++)
        for (int k = 0; k < 3; k++) {
            const bool differs = rank == bad;
            const size_t outputs = differs && k == 1 ? T + 1 : T;
            snnk_fit *mine = empty_fit(differs && k == 0, outputs);
            int32_t labels[50] = {0};
            const bool of_labels = differs && k == 2;

            labels[7] = 1;
            assert_ok(snnk_fit_add(mine,
                                   SNNK_ROWS(.n = 50, .X = X, .Y = of_labels ? NULL : Y,
                                             .labels = of_labels ? labels : NULL),
                                   NULL));
            if (size > 1) {
                static const int expected[] = {SNNK_E_UNSUPPORTED, SNNK_E_SHAPE, SNNK_E_STATE};
                static const char *const says[] = {"seed", "outputs", "labels"};

                assert_agreed(snnk_fit_reduce_mpi(mine, MPI_COMM_WORLD, 0), expected[k]);
                assert_says(says[k]);
            }
            assert_agreed(snnk_fit_reduce_mpi(differs ? NULL : mine, MPI_COMM_WORLD, 0),
                          SNNK_E_NULL);
            assert_says("fit is NULL");
            assert_int_equal(snnk_fit_rows(mine), 50);
            snnk_fit_free(mine);
        }
    free(Y);
    free(X);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),           cmocka_unit_test(test_sum),
        cmocka_unit_test(test_repeats),         cmocka_unit_test(test_large),
        cmocka_unit_test(test_empty),           cmocka_unit_test(test_mixed),
        cmocka_unit_test(test_one_fails),       cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_communicators),   cmocka_unit_test(test_fits),
        cmocka_unit_test(test_one_fit_differs),
    };
    snnk_lstsq *early = NULL;
    int failed, most, early_status;

    if (snnk_lstsq_create(1, 1, NULL, &early) != SNNK_OK) return 1;
    early_status = snnk_lstsq_reduce_mpi(early, MPI_COMM_WORLD, 0);
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (rank != 0 && !freopen("/dev/null", "w", stdout)) return 1; /* one report is enough */
    failed = cmocka_run_group_tests(tests, NULL, NULL) + (early_status != SNNK_E_STATE);
    MPI_Allreduce(&failed, &most, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    MPI_Finalize();
    most += snnk_lstsq_reduce_mpi(early, MPI_COMM_WORLD, 0) != SNNK_E_STATE;
    snnk_lstsq_free(early);
    return most;
}
