/* src/base/threads.c: the threads of a workspace. Parts run at the same time, with the same results
 * for every number of threads; forks, failures, signals, cancellation, and sleep between calls.
 * Creation and joining of threads go through the wrappers below (the linker's --wrap). Assertions
 * run on the main thread only. */
#define _POSIX_C_SOURCE 200809L
#include "support/alloc.h"
#include "support/compare.h"
#include "support/draw.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/threads.h"

#if defined(__SANITIZE_THREAD__)
#define THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define THREAD_SANITIZER 1
#endif
#endif

enum {
    MOST = 5,     /* the most threads */
    SIGNALS = 32, /* standard signals have smaller numbers */
};

static snnk_allocator allocator;
static test_memory memory;

/* ---- Wrappers ---- */

static long created, joined, create_fails_after = -1; /* negative: never */

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *context);
int __real_pthread_join(pthread_t thread, void **result);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *context);
int __wrap_pthread_join(pthread_t thread, void **result);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *context) {
    if (create_fails_after >= 0 && created >= create_fails_after) return EAGAIN;
    created++;
    return __real_pthread_create(thread, attributes, run, context);
}

int __wrap_pthread_join(pthread_t thread, void **result) {
    joined++;
    return __real_pthread_join(thread, result);
}

static int set_up(void **state) {
    sigset_t none;

    (void)state;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    allocator = test_memory_allocator(&memory);
    created = joined = 0;
    create_fails_after = -1;
    return 0;
}

/* ---- Clocks ---- */

static double seconds(clockid_t clock) {
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void pause_for(double duration) {
    struct timespec left = {(time_t)duration, (long)(1e9 * (duration - (double)(time_t)duration))};

    while (nanosleep(&left, &left) != 0) continue;
}

static void busy_for(double duration) {
    const double end = seconds(CLOCK_MONOTONIC) + duration;

    while (seconds(CLOCK_MONOTONIC) < end) continue;
}

/* ---- Parts ---- */

typedef struct meeting {
    size_t parts;
    atomic_size_t arrived;
    pthread_t thread[MOST];
    sigset_t mask[MOST];
    atomic_bool missed;
} meeting;

/* Return when all parts have arrived, or after ten seconds. */
static void meet(size_t part, void *context) {
    meeting *m = context;
    const double end = seconds(CLOCK_MONOTONIC) + 10;

    m->thread[part] = pthread_self();
    pthread_sigmask(SIG_BLOCK, NULL, &m->mask[part]);
    atomic_fetch_add(&m->arrived, 1);
    while (atomic_load(&m->arrived) < m->parts && !atomic_load(&m->missed)) {
        if (seconds(CLOCK_MONOTONIC) > end) atomic_store(&m->missed, true);
        pause_for(1e-4);
    }
}

static void test_parts_run_at_the_same_time(void **state) {
    (void)state;
    for (size_t threads = 1; threads <= MOST; threads++) {
        snnk__pool *pool;

        assert_ok(snnk__pool_create(threads, &allocator, &pool));
        assert_int_equal(memory.alive, threads > 1);
        for (size_t parts = 1; parts <= threads; parts++) {
            meeting m = {.parts = parts};

            snnk__pool_run(pool, parts, meet, &m);
            assert_false(atomic_load(&m.missed));
            assert_int_equal(atomic_load(&m.arrived), parts);
            assert_true(pthread_equal(m.thread[0], pthread_self()));
            for (size_t p = 0; p < parts; p++)
                for (size_t q = 0; q < p; q++)
                    assert_false(pthread_equal(m.thread[p], m.thread[q]));
        }
        snnk__pool_free(pool);
        assert_int_equal(memory.alive, 0);
    }
    assert_int_equal(created, 0 + 1 + 2 + 3 + 4);
    assert_int_equal(joined, created);
}

static void count_part(size_t part, void *context) {
    size_t *times = context;

    times[part]++; /* no other thread has this part */
}

/* Jobs with pauses from none to twice as long as workers spin, so that a job finds them spinning,
 * falling asleep, asleep and waking up. */
static void test_each_part_runs_once_whatever_the_workers_do(void **state) {
    uint64_t random = 1;
    snnk__pool *pool;

    (void)state;
    assert_ok(snnk__pool_create(MOST, &allocator, &pool));
    for (size_t turn = 0; turn < 5000; turn++) {
        const size_t parts = 1 + draw_bits(&random) % MOST;
        size_t times[MOST] = {0};

        if (draw_bits(&random) % 4 == 0) busy_for(1e-6 * (double)(draw_bits(&random) % 100));
        snnk__pool_run(pool, parts, count_part, times);
        for (size_t p = 0; p < MOST; p++) assert_int_equal(times[p], p < parts);
    }
    snnk__pool_free(pool);
    for (size_t turn = 0; turn < 50; turn++) { /* threads that had no work yet, or hardly any */
        size_t times[MOST] = {0};

        assert_ok(snnk__pool_create(3, &allocator, &pool));
        if (turn % 2) snnk__pool_run(pool, 3, count_part, times);
        snnk__pool_free(pool);
    }
    assert_int_equal(memory.alive, 0);
}

/* ---- Forward ---- */

enum { N = 61, D = 7, M = 40 };

typedef struct forward {
    snnk_map *map;
    float X[N * D], expected[N * M], Phi[N * M];
} forward;

static forward f;

static void make_forward(void) {
    snnk_map_config config;

    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.features = M;
    assert_ok(snnk_map_create(D, &config, NULL, &f.map));
    draw_floats(f.X, N * D, 1);
    assert_ok(snnk_map_input_tower(f.map, N, f.X, D, f.expected, M, NULL));
}

/* Whether a forward gives the same bits as one without a workspace. */
static bool same_bits(snnk_workspace *workspace, size_t n) {
    memset(f.Phi, 0, sizeof f.Phi);
    return snnk_map_input_tower(f.map, n, f.X, D, f.Phi, M, workspace) == SNNK_OK &&
           memcmp(f.Phi, f.expected, n * M * sizeof *f.Phi) == 0;
}

static void test_same_bits_for_every_number_of_threads(void **state) {
    (void)state;
    make_forward();
    for (size_t threads = 1; threads <= MOST; threads++) {
        snnk_workspace *workspace;

        assert_ok(snnk_workspace_create(threads, &allocator, &workspace));
        for (size_t n = 0; n <= N; n++) assert_true(same_bits(workspace, n));
        snnk_workspace_free(workspace);
        assert_int_equal(memory.alive, 0);
    }
    snnk_map_free(f.map);
}

/* ---- Forks ---- */

/* Use the parent's workspace in the child; 0 if all is well. */
static int use_in_child(snnk_workspace *workspace) {
    for (int turn = 0; turn < 3; turn++)
        if (!same_bits(workspace, N)) return 1;
    joined = 0;
    snnk_workspace_free(workspace);
    if (memory.alive != 0 || joined != 0) return 2; /* joining its parent's threads could hang */
#ifndef THREAD_SANITIZER /* thread sanitizer allows no new threads in the child of a process with
                          * several */
    if (snnk_workspace_create(2, &allocator, &workspace) != SNNK_OK) return 3;
    if (!same_bits(workspace, N)) return 4;
    snnk_workspace_free(workspace);
    if (memory.alive != 0) return 5;
#endif
    return 0;
}

/* With OpenMP the child hung in its first forward. It is forked right after a forward, while
 * workers spin or fall asleep, and again later, when they are asleep. */
static void test_issue_15_a_forked_child_works(void **state) {
    (void)state;
    make_forward();
    for (size_t threads = 1; threads <= 3; threads++) {
        snnk_workspace *workspace;

        assert_ok(snnk_workspace_create(threads, &allocator, &workspace));
        for (int turn = 0; turn < 12; turn++) {
            int result;
            pid_t child;

            if (turn > 0)
                assert_true(same_bits(workspace, N)); /* first a child of threads that were never
                                                       * used */
            if (turn % 3 == 1) busy_for(1e-5 * turn);
            if (turn % 3 == 2) pause_for(1e-3);
            child = fork();
            if (child == 0) {
                alarm(30); /* ends a child that hangs */
                _exit(use_in_child(workspace));
            }
            assert_true(child > 0);
            assert_true(same_bits(workspace, N)); /* the parent still has its threads */
            assert_int_equal(waitpid(child, &result, 0), child);
            assert_int_equal(result, 0);
        }
        snnk_workspace_free(workspace);
        assert_int_equal(memory.alive, 0);
    }
    snnk_map_free(f.map);
}

/* ---- Failures ---- */

/* A runtime that ends the process, as OpenMP's did, would end this test. */
static void test_issue_15_a_thread_that_cannot_start_is_a_status(void **state) {
    char sentence[80];

    (void)state;
    for (long k = 0; k < MOST - 1; k++) {
        sigset_t before, after;
        snnk_workspace *workspace = (snnk_workspace *)&memory;

        created = joined = 0;
        create_fails_after = k;
        pthread_sigmask(SIG_BLOCK, NULL, &before);
        assert_status(snnk_workspace_create(MOST, &allocator, &workspace), SNNK_E_THREAD);
        pthread_sigmask(SIG_BLOCK, NULL, &after);
        assert_null(workspace);
        snprintf(sentence, sizeof sentence, "could not start thread %ld of %d (error %d)", k + 2,
                 MOST, EAGAIN);
        assert_says(sentence);
        assert_int_equal(created, k);
        assert_int_equal(joined, k);
        assert_int_equal(memory.alive, 0);
        for (int signal = 1; signal < SIGNALS; signal++)
            assert_int_equal(sigismember(&before, signal), sigismember(&after, signal));
    }
}

static void test_creation_survives_failing_allocations(void **state) {
    snnk_workspace *workspace;
    int st;

    (void)state;
    assert_survives_failing_allocations(memory, st, {
        st = snnk_workspace_create(3, &allocator, &workspace);
        if (st != SNNK_OK) assert_null(workspace);
        snnk_workspace_free(workspace);
    });
    assert_true(memory.calls >= 2); /* the pool uses the caller's allocator */
    assert_int_equal(joined, created);
}

/* ---- Signals and sleep ---- */

static void test_workers_block_signals(void **state) {
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    meeting m = {.parts = 2};
    snnk__pool *pool;
    sigset_t before, after, pending, usr1;
    int taken;

    (void)state;
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    assert_ok(snnk__pool_create(2, &allocator, &pool));
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    snnk__pool_run(pool, 2, meet, &m);
    assert_false(atomic_load(&m.missed));
    for (int signal = 1; signal < SIGNALS; signal++) {
        bool expected = signal != SIGKILL && signal != SIGSTOP; /* these cannot be blocked */

        for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) expected &= signal != faults[i];
        assert_int_equal(sigismember(&m.mask[1], signal), expected);
        assert_int_equal(sigismember(&before, signal), sigismember(&after, signal));
    }

    /* Blocked here too, so a signal to the process stays pending. A worker that accepted it would
     * end the process. */
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &usr1, NULL);
    kill(getpid(), SIGUSR1);
    pause_for(1e-3);
    sigpending(&pending);
    assert_true(sigismember(&pending, SIGUSR1));
    assert_int_equal(sigwait(&usr1, &taken), 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    snnk__pool_free(pool);
}

/* OpenMP's threads spun for 5 ms and more after a forward. Ours spin for 50 us, and there are MOST
 * - 1 of them: 0.2 ms. 2 ms also covers the cost of falling asleep. A busy machine can only add to
 * it, so the least of several pauses counts. */
static void test_issue_15_idle_threads_sleep(void **state) {
    snnk_workspace *workspace;
    double least = 1;

    (void)state;
    make_forward();
    assert_ok(snnk_workspace_create(MOST, &allocator, &workspace));
    for (int attempt = 0; attempt < 10 && least > 0.002; attempt++) {
        for (int turn = 0; turn < 20; turn++) assert_true(same_bits(workspace, N));
        const double before = seconds(CLOCK_PROCESS_CPUTIME_ID);
        pause_for(0.05);
        const double spent = seconds(CLOCK_PROCESS_CPUTIME_ID) - before;
        least = spent < least ? spent : least;
    }
    if (least > 0.002)
        fprintf(stderr, "%.2f ms of processor time in a pause of 50 ms\n", 1e3 * least);
    assert_true(least <= 0.002);
    snnk_workspace_free(workspace);
    snnk_map_free(f.map);
}

/* ---- Cancellation ---- */

typedef struct cancelled {
    snnk__pool *pool;
    atomic_bool in_worker, release, returned;
} cancelled;

static void hold_worker(size_t part, void *context) {
    cancelled *c = context;

    if (part == 0) {
        while (!atomic_load(&c->in_worker))
            continue; /* otherwise this thread would compute both
                                                       * parts */
    } else {
        atomic_store(&c->in_worker, true);
        while (!atomic_load(&c->release)) pause_for(1e-4);
    }
}

static void *run_and_note(void *context) {
    cancelled *c = context;

    snnk__pool_run(c->pool, 2, hold_worker, c);
    atomic_store(&c->returned, true);
    pthread_testcancel();
    return NULL;
}

/* A thread that is cancelled while it waits for others ends only when they are done: they may be
 * using its stack. */
static void test_a_cancelled_caller_waits_for_its_workers(void **state) {
    cancelled c = {0};
    pthread_t caller;
    void *result;

    (void)state;
    assert_ok(snnk__pool_create(2, &allocator, &c.pool));
    assert_int_equal(pthread_create(&caller, NULL, run_and_note, &c), 0);
    while (!atomic_load(&c.in_worker)) pause_for(1e-4);
    pause_for(0.01); /* it sleeps by now; if not, the test checks less */
    assert_int_equal(pthread_cancel(caller), 0);
    pause_for(0.01);
    atomic_store(&c.release, true);
    assert_int_equal(pthread_join(caller, &result), 0);
    assert_true(atomic_load(&c.returned));
    assert_ptr_equal(result, PTHREAD_CANCELED);
    snnk__pool_free(c.pool);
    assert_int_equal(memory.alive, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_parts_run_at_the_same_time, set_up),
        cmocka_unit_test_setup(test_each_part_runs_once_whatever_the_workers_do, set_up),
        cmocka_unit_test_setup(test_same_bits_for_every_number_of_threads, set_up),
        cmocka_unit_test_setup(test_issue_15_a_forked_child_works, set_up),
        cmocka_unit_test_setup(test_issue_15_a_thread_that_cannot_start_is_a_status, set_up),
        cmocka_unit_test_setup(test_creation_survives_failing_allocations, set_up),
        cmocka_unit_test_setup(test_workers_block_signals, set_up),
        cmocka_unit_test_setup(test_issue_15_idle_threads_sleep, set_up),
        cmocka_unit_test_setup(test_a_cancelled_caller_waits_for_its_workers, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
