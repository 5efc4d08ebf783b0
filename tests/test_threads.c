/* Several threads share one of every const object: results are as on one thread, and the thread
 * sanitizer reports no race. Assertions run on the main thread only; the others record their
 * results. */
#define _POSIX_C_SOURCE 200809L
#include "support/compare.h"
#include "support/draw.h"

#include <pthread.h>
#include <stdbool.h>

enum { THREADS = 6, TURNS = 20, N = 70, D = 8, M = 36, L = 5 };

typedef struct shared {
    const snnk_map *map;
    const snnk_layer *layer;
    const snnk_network *network;
    pthread_barrier_t *start;
    float X[N * D], Phi[N * M], Y[N * L], Z[N * L]; /* results of a single thread */
} shared;

typedef struct worker {
    const shared *shared;
    pthread_t thread;
    size_t number;
    bool wrong, failed, wrong_sentence;
} worker;

static snnk_map *make_map(void) {
    snnk_map_config config;
    snnk_map *parts[2], *map;

    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.features = M / 2;
    for (int b = 0; b < 2; b++) {
        config.kind = b ? SNNK_MAP_GAUSSIAN : SNNK_MAP_ARC_COSINE;
        assert_ok(snnk_map_create(D, &config, NULL, &parts[b]));
    }
    assert_ok(snnk_map_concat(2, (const snnk_map *const *)parts, &map));
    for (int b = 0; b < 2; b++) snnk_map_free(parts[b]);
    return map;
}

/* Forwards of all objects, each with its own workspace, n from 1 to N. */
static void run_forwards(worker *w, snnk_workspace *workspace) {
    const shared *s = w->shared;
    static _Thread_local float Phi[N * M], Y[N * L];

    for (size_t turn = 0; turn < TURNS; turn++) {
        const size_t n = 1 + (w->number * 13 + turn * 7) % N;

        w->failed |= snnk_map_input_tower(s->map, n, s->X, D, Phi, M, workspace) != SNNK_OK;
        w->wrong |= memcmp(Phi, s->Phi, n * M * sizeof *Phi) != 0;
        w->failed |= snnk_layer_forward(s->layer, n, s->X, D, Y, L, workspace) != SNNK_OK;
        w->wrong |= memcmp(Y, s->Y, n * L * sizeof *Y) != 0;
        w->failed |= snnk_network_forward(s->network, n, s->X, D, Y, L, workspace) != SNNK_OK;
        w->wrong |= memcmp(Y, s->Z, n * L * sizeof *Y) != 0;
    }
}

/* Creating objects from shared ones changes their reference counts. */
static void run_owners(worker *w) {
    const shared *s = w->shared;
    const snnk_map *twice[2] = {s->map, s->map};
    static _Thread_local float Psi[L * M];

    for (size_t turn = 0; turn < TURNS; turn++) {
        snnk_map *map = NULL;
        snnk_layer *layer = NULL;
        snnk_network *network = NULL;

        w->failed |= snnk_map_concat(2, twice, &map) != SNNK_OK;
        w->failed |= snnk_layer_create(s->map, L, Psi, M, NULL, &layer) != SNNK_OK;
        w->failed |= snnk_network_create(NULL, &network) != SNNK_OK;
        w->failed |= snnk_network_append(network, s->layer) != SNNK_OK;
        /* Asking for a layer changes the network's record of returned layers. */
        w->failed |= snnk_layer_outputs(snnk_network_layer(s->network, 1)) != L;
        snnk_map_free(map);
        snnk_layer_free(layer);
        snnk_network_free(network);
    }
}

/* Each thread has its own error sentence. */
static void run_failures(worker *w) {
    char expected[64];

    snprintf(expected, sizeof expected, "threads = %zu is not in 1 ... 1024", 2000 + w->number);
    for (size_t turn = 0; turn < TURNS; turn++) {
        snnk_workspace *workspace;

        w->failed |= snnk_workspace_create(2000 + w->number, NULL, &workspace) != SNNK_E_RANGE;
        pthread_barrier_wait(w->shared->start); /* all threads have failed by now */
        w->wrong_sentence |= strcmp(snnk_last_error(), expected) != 0;
    }
}

static void *run(void *context) {
    worker *w = context;
    snnk_workspace *workspace = NULL;

    pthread_barrier_wait(w->shared->start);
    w->failed |= snnk_workspace_create(1 + w->number % 3, NULL, &workspace) != SNNK_OK;
    run_failures(w);
    run_forwards(w, w->number == 0 ? NULL : workspace);
    run_owners(w);
    run_failures(w);
    snnk_workspace_free(workspace);
    return NULL;
}

static void start_and_join(worker workers[THREADS], void *(*task)(void *)) {
    for (size_t t = 0; t < THREADS; t++)
        assert_int_equal(pthread_create(&workers[t].thread, NULL, task, &workers[t]), 0);
    for (size_t t = 0; t < THREADS; t++) assert_int_equal(pthread_join(workers[t].thread, NULL), 0);
}

static void test_const_objects_are_shared(void **state) {
    static shared s;
    worker workers[THREADS] = {{0}};
    pthread_barrier_t start;
    float Psi[L * M], W[L * L];
    snnk_map *map = make_map();
    snnk_layer *layer, *last;
    snnk_network *network;

    (void)state;
    assert_int_equal(snnk_map_features(map), M);
    draw_floats(s.X, N * D, 1);
    draw_floats(Psi, L * M, 2);
    draw_floats(W, L * L, 3);
    assert_ok(snnk_layer_create(map, L, Psi, M, NULL, &layer));
    assert_ok(snnk_layer_create_dense(L, L, W, L, NULL, SNNK_SILU, NULL, &last));
    assert_ok(snnk_network_create(NULL, &network));
    assert_ok(snnk_network_append(network, layer));
    assert_ok(snnk_network_append(network, last));
    snnk_layer_free(last);
    assert_ok(snnk_map_input_tower(map, N, s.X, D, s.Phi, M, NULL));
    assert_ok(snnk_layer_forward(layer, N, s.X, D, s.Y, L, NULL));
    assert_ok(snnk_network_forward(network, N, s.X, D, s.Z, L, NULL));

    assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
    s.map = map, s.layer = layer, s.network = network, s.start = &start;
    for (size_t t = 0; t < THREADS; t++) workers[t].shared = &s, workers[t].number = t;
    start_and_join(workers, run);
    for (size_t t = 0; t < THREADS; t++) {
        assert_false(workers[t].failed);
        assert_false(workers[t].wrong);
        assert_false(workers[t].wrong_sentence);
    }
    assert_int_equal(pthread_barrier_destroy(&start), 0);

    /* No owner was lost or added: the map is freed with its last one, which a leak check
     * verifies. */
    snnk_map_free(map);
    snnk_layer_free(layer);
    snnk_network_free(network);
}

/* The first thread chooses the kernels; racing threads make the same choice. Runs before any other
 * use of the library in this process. */
static void *ask_for_the_table(void *context) {
    worker *w = context;

    pthread_barrier_wait(w->shared->start);
    w->wrong = snnk_kernels_name() != snnk_kernels_name();
    return NULL;
}

static void test_first_use_may_race(void **state) {
    pthread_barrier_t start;
    static shared s;
    worker workers[THREADS] = {{0}};

    (void)state;
    assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
    s.start = &start;
    for (size_t t = 0; t < THREADS; t++) workers[t].shared = &s;
    start_and_join(workers, ask_for_the_table);
    for (size_t t = 0; t < THREADS; t++) assert_false(workers[t].wrong);
    assert_int_equal(pthread_barrier_destroy(&start), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_use_may_race),
        cmocka_unit_test(test_const_objects_are_shared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
