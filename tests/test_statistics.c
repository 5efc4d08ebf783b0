/* src/fit: networks that hold the statistics of their last layer, and continue to learn; in files
 * too. */
#include "support/alloc.h"
#include "support/compare.h"
#include "support/draw.h"

#include <stdlib.h>

enum { D = 4, HIDDEN = 6, M = 24, L = 2, N = 400, HALF = 150 };

static float X[N * D], Y[N * (L + 1)];

static int make_rows(void **state) {
    (void)state;
    draw_floats(X, N * D, 1);
    for (size_t i = 0; i < N; i++) {
        const float *x = X + i * D;

        Y[i * (L + 1)] = x[0] * x[1];
        Y[i * (L + 1) + 1] = x[2] - x[3] * x[3];
        Y[i * (L + 1) + 2] = i < HALF ? 0 : x[0]; /* a target that is zero in the first half */
    }
    return 0;
}

/* A dense layer, and features on it, whose Psi is still zero. */
static snnk_network *make_network(void) {
    float W[HIDDEN * D], zeros[L * M] = {0};
    snnk_map_config config;
    snnk_map *map;
    snnk_layer *layers[2];
    snnk_network *network;

    draw_floats(W, HIDDEN * D, 2);
    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.features = M;
    config.kind = SNNK_MAP_GAUSSIAN;
    assert_ok(snnk_map_create(HIDDEN, &config, NULL, &map));
    assert_ok(snnk_layer_create_dense(D, HIDDEN, W, D, NULL, SNNK_TANH, NULL, &layers[0]));
    assert_ok(snnk_layer_create(map, L, zeros, M, NULL, &layers[1]));
    assert_ok(snnk_network_create(NULL, &network));
    for (int k = 0; k < 2; k++) {
        assert_ok(snnk_network_append(network, layers[k]));
        snnk_layer_free(layers[k]);
    }
    snnk_map_free(map);
    return network;
}

static snnk_lstsq *statistics_of(size_t targets, int32_t factorization) {
    snnk_lstsq *lstsq;

    assert_ok(snnk_lstsq_create(M, targets, NULL, &lstsq));
    assert_ok(snnk_lstsq_set_factorization(lstsq, factorization));
    return lstsq;
}

/* Add rows first ... end-1, the first t targets, to the network's statistics, or remove them. */
static void feed(snnk_network *network, size_t first, size_t end, size_t t, int forget) {
    float *Phi = malloc((end - first) * M * sizeof *Phi);
    snnk_lstsq *lstsq = snnk_network_statistics(network);

    assert_ok(snnk_network_features(network, end - first, X + first * D, D, Phi, M, NULL));
    assert_int_equal(snnk_lstsq_targets(lstsq), t);
    assert_ok((forget ? snnk_lstsq_forget : snnk_lstsq_add)(
        lstsq, SNNK_ROWS(.n = end - first, .X = Phi, .Y = Y + first * (L + 1), .ldy = L + 1),
        NULL));
    free(Phi);
}

static void solve(snnk_network *network) {
    snnk_solve_config config;

    assert_ok(snnk_solve_config_init(&config, sizeof config));
    config.ridge = 1e-3;
    assert_ok(snnk_network_solve(network, &config, NULL, NULL));
}

/* Copy Psi, followed by the bias, from the last layer. */
static void read_psi(const snnk_network *network, size_t t, float *Psi) {
    const snnk_layer *last = snnk_network_layer(network, snnk_network_layers(network) - 1);

    assert_int_equal(snnk_layer_outputs(last), t);
    assert_ok(snnk_layer_weights(last, Psi, M, Psi + t * M));
}

/* Float coefficients of size 1 to 100, solved from sums in another order: 1e-5 of the largest. */
static void check_same(const snnk_network *a, const snnk_network *b, size_t t) {
    float left[(L + 1) * (M + 1)], right[(L + 1) * (M + 1)];
    double largest = 0;

    read_psi(a, t, left);
    read_psi(b, t, right);
    for (size_t k = 0; k < t * (M + 1); k++) largest = fmax(largest, fabs((double)left[k]));
    assert_true(largest > 0);
    for (size_t k = 0; k < t * (M + 1); k++) assert_close(left[k], right[k], 0, 1e-5 * largest);
}

static snnk_network *through_a_file(snnk_network *network) {
    snnk_network *loaded;
    size_t bytes, again;
    void *buffer, *second;

    assert_ok(snnk_network_saved_bytes(network, SNNK_SAVE_ROWS, &bytes));
    buffer = malloc(bytes);
    assert_ok(snnk_network_save_memory(network, SNNK_SAVE_ROWS, buffer, bytes));
    assert_ok(snnk_network_load_memory(buffer, bytes, NULL, &loaded));
    assert_ok(snnk_network_saved_bytes(loaded, SNNK_SAVE_ROWS, &again));
    assert_int_equal(again, bytes);
    second = malloc(bytes);
    assert_ok(snnk_network_save_memory(loaded, SNNK_SAVE_ROWS, second, bytes));
    assert_memory_equal(second, buffer, bytes);
    free(second);
    free(buffer);
    snnk_network_free(network);
    return loaded;
}

/* Give the network a copy of the statistics, and free them; the caller does not need them any
 * more. */
static void give_statistics(snnk_network *network, snnk_lstsq *lstsq) {
    assert_ok(snnk_network_set_statistics(network, lstsq));
    assert_ptr_not_equal(snnk_network_statistics(network), lstsq);
    snnk_lstsq_free(lstsq);
}

/* Half of the rows, a file, and the other half give the same as all rows at once. Forgetting goes
 * back. */
static void test_statistics_grow_through_files(void **state) {
    (void)state;
    for (int32_t factorization = 0; factorization <= SNNK_FACTORIZATION_AUTO; factorization++) {
        snnk_network *whole = make_network(), *part = make_network(), *grown = make_network();

        give_statistics(whole, statistics_of(L, factorization));
        give_statistics(part, statistics_of(L, factorization));
        give_statistics(grown, statistics_of(L, factorization));
        feed(whole, 0, N, L, 0);
        feed(part, 0, HALF, L, 0);
        feed(grown, 0, HALF, L, 0);
        solve(whole);
        solve(part);
        grown = through_a_file(grown);
        feed(grown, HALF, N, L, 0);
        solve(grown);
        check_same(whole, grown, L);
        grown = through_a_file(grown);
        feed(grown, HALF, N, L, 1);
        solve(grown);
        check_same(part, grown, L);
        assert_int_equal(snnk_lstsq_rows(snnk_network_statistics(grown)), HALF);
        snnk_network_free(whole);
        snnk_network_free(part);
        snnk_network_free(grown);
    }
}

/* A network's file also stores that rows were in single precision, and how large sums were. */
static void test_rounding_in_a_file(void **state) {
    snnk_network *network = make_network();
    snnk_lstsq *lstsq = statistics_of(L, SNNK_FACTORIZATION_GRAM);
    double ridges[2][3];

    (void)state;
    assert_ok(snnk_lstsq_set_precision(lstsq, SNNK_PRECISION_SINGLE));
    give_statistics(network, lstsq);
    feed(network, 0, N, L, 0);
    assert_ok(snnk_lstsq_default_ridges(snnk_network_statistics(network), 3, ridges[0]));
    network = through_a_file(network);
    assert_ok(snnk_lstsq_default_ridges(snnk_network_statistics(network), 3, ridges[1]));
    assert_memory_equal(ridges[0], ridges[1], sizeof ridges[0]);
    feed(network, 0, N - 8, L, 1);
    for (size_t i = N - 8; i < N; i++) {
        network = through_a_file(network);
        feed(network, i, i + 1, L, 1);
    }
    assert_int_equal(snnk_lstsq_rows(snnk_network_statistics(network)), 0);
    snnk_network_free(network);
}

/* One more target than the layer had outputs: the layer gets one more. */
static void test_more_targets(void **state) {
    snnk_network *whole = make_network(), *grown = make_network();
    snnk_solve_report report = {.size = sizeof report};

    (void)state;
    give_statistics(whole, statistics_of(L + 1, SNNK_FACTORIZATION_GRAM));
    feed(whole, 0, N, L + 1, 0);
    solve(whole);
    give_statistics(grown, statistics_of(L, SNNK_FACTORIZATION_GRAM));
    feed(grown, 0, HALF, L, 0);
    solve(grown);
    assert_int_equal(snnk_network_outputs(grown), L);
    assert_ok(snnk_lstsq_add_targets(snnk_network_statistics(grown), 1));
    grown = through_a_file(grown); /* with more targets than outputs */
    feed(grown, HALF, N, L + 1, 0);
    solve(grown);
    assert_int_equal(snnk_network_outputs(grown), L + 1);
    check_same(whole, grown, L + 1);
    snnk_network_free(whole);
    snnk_network_free(grown);
}

/* Features are those of the last layer, whatever precedes it, or those of a tower. */
static void test_features(void **state) {
    snnk_network *network = make_network(), *tower;
    float Phi[N * (M + 3)], expected[N * M], hidden[N * HIDDEN];
    const snnk_map *map = snnk_layer_map(snnk_network_layer(network, 1));

    (void)state;
    assert_ok(snnk_layer_forward(snnk_network_layer(network, 0), N, X, D, hidden, HIDDEN, NULL));
    assert_ok(snnk_map_input_tower(map, N, hidden, HIDDEN, expected, M, NULL));
    assert_ok(snnk_network_features(network, N, X, D, Phi, M + 3, NULL));
    for (size_t i = 0; i < N; i++)
        assert_memory_equal(Phi + i * (M + 3), expected + i * M, M * sizeof *Phi);
    assert_ok(snnk_network_input_tower(network, &tower));
    assert_ok(snnk_network_features(tower, N, X, D, Phi, M, NULL));
    assert_memory_equal(Phi, expected, sizeof expected);
    assert_ok(snnk_network_features(network, 0, NULL, 0, NULL, 0, NULL));
    assert_status(snnk_network_features(network, 1, X, D, Phi, M - 1, NULL), SNNK_E_STRIDE);
    assert_status(snnk_network_features(NULL, 1, X, D, Phi, M, NULL), SNNK_E_NULL);
    snnk_network_free(tower);
    snnk_network_free(network);
}

/* ---- Layers that the network returned, and then replaced ---- */

/* An allocator that overwrites freed memory, and returns it only at the end, so that using a layer
 * that was freed too early is noticed without a sanitizer. */
enum { MAX_BLOCKS = 4096 };
typedef struct quarantine {
    struct {
        void *address;
        size_t bytes;
    } blocks[MAX_BLOCKS];
    size_t n;
    long alive, left; /* blocks allocated and not freed; allocations that may still succeed,
                       * negative: no limit */
} quarantine;

static void *quarantine_alloc(size_t bytes, void *user) {
    quarantine *q = user;

    if (q->left == 0 || q->n == MAX_BLOCKS) return NULL;
    if (q->left > 0) q->left--;
    q->blocks[q->n].address = malloc(bytes);
    q->blocks[q->n].bytes = bytes;
    q->alive++;
    return q->blocks[q->n++].address;
}

static void quarantine_free(void *pointer, void *user) {
    quarantine *q = user;
    size_t i = 0;

    while (q->blocks[i].address != pointer) i++;
    memset(pointer, 0xdd, q->blocks[i].bytes);
    q->alive--;
}

/* A network of M features of D inputs with statistics of N rows, all of it in that allocator. */
static snnk_network *make_quarantined(quarantine *q) {
    const snnk_allocator allocator = {quarantine_alloc, quarantine_free, q};
    const float zeros[L * M] = {0};
    float Phi[N * M];
    snnk_map_config config;
    snnk_map *map;
    snnk_layer *layer;
    snnk_lstsq *lstsq;
    snnk_network *network;

    q->left = -1;
    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.features = M;
    config.allocator = &allocator;
    assert_ok(snnk_map_create(D, &config, NULL, &map));
    assert_ok(snnk_layer_create(map, L, zeros, M, NULL, &layer));
    assert_ok(snnk_network_create(&allocator, &network));
    assert_ok(snnk_network_append(network, layer));
    assert_ok(snnk_lstsq_create(M, L, &allocator, &lstsq));
    assert_ok(snnk_map_input_tower(map, N, X, D, Phi, M, NULL));
    assert_ok(snnk_lstsq_add(lstsq, SNNK_ROWS(.n = N, .X = Phi, .Y = Y, .ldy = L + 1), NULL));
    assert_ok(snnk_network_set_statistics(network, lstsq));
    snnk_lstsq_free(lstsq);
    snnk_layer_free(layer);
    snnk_map_free(map);
    return network;
}

static void end_quarantine(quarantine *q) {
    assert_int_equal(q->alive, 0);
    for (size_t i = 0; i < q->n; i++) free(q->blocks[i].address);
    free(q);
}

/* snnk_network_layer: "valid as long as the network". */
static void test_issue_15_a_layer_stays_valid_after_solving(void **state) {
    quarantine *q = calloc(1, sizeof *q);
    snnk_network *network = make_quarantined(q);
    const snnk_layer *first = snnk_network_layer(network, 0), *second;
    float Psi[L * M], again[L * M];

    (void)state;
    solve(network);
    assert_int_equal(snnk_layer_outputs(first), L);
    assert_int_equal(snnk_layer_features(first), M);
    assert_ok(snnk_layer_weights(first, Psi, M, NULL)); /* the zeros that it was created with */
    for (size_t k = 0; k < L * M; k++) assert_true(Psi[k] == 0);

    second = snnk_network_layer(network, 0);
    assert_ptr_not_equal(second, first);
    assert_ok(snnk_layer_weights(second, Psi, M, NULL));
    assert_true(Psi[0] != 0);
    solve(network); /* both layers are kept */
    assert_int_equal(snnk_layer_outputs(first), L);
    assert_ok(snnk_layer_weights(second, again, M, NULL));
    assert_memory_equal(again, Psi, sizeof Psi);
    snnk_network_free(network);
    end_quarantine(q);
}

/* Layers that no caller asked for are not kept: solving a hundred times takes no memory. */
static void test_issue_15_replaced_layers_do_not_pile_up(void **state) {
    quarantine *q = calloc(1, sizeof *q);
    snnk_network *network = make_quarantined(q);

    (void)state;
    solve(network);
    const long before = q->alive;
    for (int turn = 0; turn < 100; turn++) {
        solve(network);
        assert_int_equal(snnk_network_outputs(network), L); /* does not return the layer */
        assert_int_equal(snnk_network_inputs(network), D);
    }
    assert_int_equal(q->alive, before);

    /* If asked for once, one layer is kept, however often the network is solved. */
    const snnk_layer *layer = snnk_network_layer(network, 0);
    solve(network);
    const long kept = q->alive;
    assert_true(kept > before);
    for (int turn = 0; turn < 10; turn++) solve(network);
    assert_int_equal(q->alive, kept);
    assert_int_equal(snnk_layer_outputs(layer), L);
    snnk_network_free(network);
    end_quarantine(q);
}

/* Without memory to keep the old layer, the network is unchanged. */
static void test_issue_15_no_memory_to_keep_a_layer(void **state) {
    quarantine *q = calloc(1, sizeof *q);
    snnk_network *network = make_quarantined(q);
    const snnk_layer *layer = snnk_network_layer(network, 0);
    const long before = q->alive;
    long k = 0;
    int st;

    (void)state;
    do {
        q->left = k++;
        st = snnk_network_solve(network, NULL, NULL, NULL);
        q->left = -1;
        if (st == SNNK_OK) break;
        assert_status(st, SNNK_E_NOMEM);
        assert_ptr_equal(snnk_network_layer(network, 0), layer);
        assert_int_equal(q->alive, before);
    } while (k < 100);
    assert_ok(st);
    assert_true(k > 2); /* the place to keep it, and the new layer */
    assert_ptr_not_equal(snnk_network_layer(network, 0), layer);
    assert_int_equal(snnk_layer_outputs(layer), L);
    snnk_network_free(network);
    end_quarantine(q);
}

static void test_misuse(void **state) {
    snnk_network *network = make_network(), *none, *dense, *tower;
    snnk_lstsq *lstsq = statistics_of(L, SNNK_FACTORIZATION_GRAM), *narrow, *few;
    const float W[D] = {0};
    snnk_layer *layer;

    (void)state;
    assert_ok(snnk_network_create(NULL, &none));
    assert_ok(snnk_network_create(NULL, &dense));
    assert_ok(snnk_layer_create_dense(D, 1, W, D, NULL, SNNK_IDENTITY, NULL, &layer));
    assert_ok(snnk_network_append(dense, layer));
    assert_ok(snnk_lstsq_create(M - 1, L, NULL, &narrow));
    assert_ok(snnk_lstsq_create(M, L - 1, NULL, &few));
    assert_ok(snnk_network_input_tower(network, &tower));
    assert_null(snnk_network_statistics(network));
    assert_null(snnk_network_statistics(NULL));
    assert_status(snnk_network_set_statistics(NULL, lstsq), SNNK_E_NULL);
    assert_status(snnk_network_set_statistics(none, lstsq), SNNK_E_STATE);
    assert_status(snnk_network_set_statistics(dense, lstsq), SNNK_E_UNSUPPORTED);
    assert_status(snnk_network_set_statistics(tower, lstsq), SNNK_E_UNSUPPORTED);
    assert_status(snnk_network_set_statistics(network, narrow), SNNK_E_SHAPE);
    assert_status(snnk_network_set_statistics(network, few), SNNK_E_SHAPE);
    assert_status(snnk_network_solve(NULL, NULL, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_network_solve(network, NULL, NULL, NULL), SNNK_E_STATE);
    assert_ok(snnk_network_set_statistics(network, lstsq));
    /* The network may be given its own statistics. */
    assert_ok(snnk_network_set_statistics(network, snnk_network_statistics(network)));
    assert_status(snnk_network_solve(network, NULL, NULL, NULL), SNNK_E_STATE); /* no rows */
    assert_int_equal(snnk_network_layers(network), 2);
    assert_status(snnk_network_append(network, layer), SNNK_E_STATE);
    assert_status(snnk_network_features(dense, 1, X, D, NULL, 1, NULL), SNNK_E_UNSUPPORTED);
    assert_ok(snnk_network_set_statistics(network, NULL)); /* frees the network's copy */
    assert_null(snnk_network_statistics(network));
    assert_ok(snnk_network_set_statistics(network, lstsq)); /* the caller's still exist */
    snnk_lstsq_free(lstsq);
    snnk_lstsq_free(narrow);
    snnk_lstsq_free(few);
    snnk_layer_free(layer);
    snnk_network_free(tower);
    snnk_network_free(none);
    snnk_network_free(dense);
    snnk_network_free(network);
}

/* The argument is copied: later changes to it do not affect the network, and without memory for a
 * copy the network keeps its old statistics. */
static void test_statistics_are_copied(void **state) {
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_network *network = make_network(), *counted;
    snnk_lstsq *lstsq = statistics_of(L, SNNK_FACTORIZATION_GRAM);
    int st;

    (void)state;
    assert_ok(snnk_network_set_statistics(network, lstsq));
    feed(network, 0, HALF, L, 0);
    assert_int_equal(snnk_lstsq_rows(snnk_network_statistics(network)), HALF);
    assert_int_equal(snnk_lstsq_rows(lstsq), 0);

    assert_ok(snnk_network_create(&allocator, &counted));
    for (size_t i = 0; i < 2; i++)
        assert_ok(snnk_network_append(counted, snnk_network_layer(network, i)));
    assert_ok(snnk_network_set_statistics(counted, snnk_network_statistics(network)));
    const snnk_lstsq *before = snnk_network_statistics(counted);
    assert_survives_failing_allocations(memory, st, {
        st = snnk_network_set_statistics(counted, lstsq);
        if (st != SNNK_OK) assert_ptr_equal(snnk_network_statistics(counted), before);
    });
    assert_int_equal(snnk_lstsq_rows(snnk_network_statistics(counted)), 0);
    snnk_network_free(counted);
    assert_int_equal(memory.alive, 0);
    snnk_lstsq_free(lstsq);
    snnk_network_free(network);
}

/* The statistics of a fit are those of all its rows, including held-out ones, as if the rows had
 * been added to a lstsq. */
static void test_statistics_of_a_fit(void **state) {
    snnk_network *network = make_network();
    const snnk_map *map = snnk_layer_map(snnk_network_layer(network, 1));
    float hidden[N * HIDDEN], Phi[N * M];
    double B[2][L * M], b[2][L];
    snnk_solve_config config;
    snnk_fit *fit;
    snnk_lstsq *lstsq[2];

    (void)state;
    draw_floats(hidden, N * HIDDEN, 5);
    assert_ok(snnk_solve_config_init(&config, sizeof config));
    config.ridge = 0.01;
    assert_ok(snnk_fit_create(map, L, NULL, &fit));
    assert_ok(snnk_fit_add(fit, SNNK_ROWS(.n = N, .X = hidden, .ldx = HIDDEN, .Y = Y, .ldy = L + 1),
                           NULL));
    assert_ok(snnk_fit_statistics(fit, NULL, &lstsq[0]));
    assert_status(snnk_fit_statistics(NULL, NULL, &lstsq[1]), SNNK_E_NULL);
    assert_status(snnk_fit_statistics(fit, NULL, NULL), SNNK_E_NULL);
    lstsq[1] = statistics_of(L, SNNK_FACTORIZATION_GRAM);
    assert_ok(snnk_map_input_tower(map, N, hidden, HIDDEN, Phi, M, NULL));
    assert_ok(snnk_lstsq_add(lstsq[1], SNNK_ROWS(.n = N, .X = Phi, .ldx = M, .Y = Y, .ldy = L + 1),
                             NULL));
    for (int k = 0; k < 2; k++) {
        assert_int_equal(snnk_lstsq_rows(lstsq[k]), N);
        assert_ok(snnk_lstsq_solve(lstsq[k], &config, NULL, B[k], M, b[k], NULL));
        snnk_lstsq_free(lstsq[k]);
    }
    for (size_t k = 0; k < L * M; k++) assert_close(B[0][k], B[1][k], 1e-9, 1e-9);
    snnk_fit_free(fit);
    snnk_network_free(network);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statistics_grow_through_files),
        cmocka_unit_test(test_rounding_in_a_file),
        cmocka_unit_test(test_more_targets),
        cmocka_unit_test(test_features),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_statistics_are_copied),
        cmocka_unit_test(test_statistics_of_a_fit),
        cmocka_unit_test(test_issue_15_a_layer_stays_valid_after_solving),
        cmocka_unit_test(test_issue_15_replaced_layers_do_not_pile_up),
        cmocka_unit_test(test_issue_15_no_memory_to_keep_a_layer),
    };

    return cmocka_run_group_tests(tests, make_rows, NULL);
}
