#define _POSIX_C_SOURCE 200809L
#include "base/threads.h"

static void run_alone(size_t parts, snnk__part_function run, void *context) {
    for (size_t part = 0; part < parts; part++) run(part, context);
}

#ifdef SNNK_THREADS

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

/* A part goes from NONE to READY when the caller has a job. A thread that changes READY to
 * something else by an atomic exchange computes the part: its worker (TAKEN, then NONE) or the
 * caller (NONE).
 *
 * There are no locks. A forked child has a copy of the memory but none of the workers, and a lock
 * that a worker held during the fork would never be released in the child. Without locks, the child
 * finds each of its parts READY and computes it. */
enum { NONE, READY, TAKEN, STOP };

/* How long a thread polls a state before it sleeps. Waking a thread takes about as long: 5 us, and
 * 50 us in some virtual machines. */
#define SPIN_MICROSECONDS 50U

/* A thread that sleeps until a state changes. asleep: it sleeps or is about to. Another thread that
 * clears `asleep` by an atomic exchange posts the semaphore once. */
typedef struct sleeper {
    atomic_bool asleep;
    sem_t semaphore;
} sleeper;

typedef struct worker {
    _Alignas(SNNK__ALIGNMENT) atomic_int state; /* of its part */
    sleeper sleeper;
    snnk__pool *pool;
    size_t part;
    pthread_t thread;
} worker;

struct snnk__pool {
    snnk_allocator allocator;
    pid_t process; /* the process that has the threads */
    size_t workers;

    /* The job. Written by the caller while no part is READY or TAKEN. */
    snnk__part_function run;
    void *context;
    atomic_uint begun; /* when the job began, in microseconds */

    sleeper caller;
    worker worker[];
};

/* Microseconds on a clock that wraps around. */
static unsigned microseconds(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (unsigned)now.tv_sec * 1000000U + (unsigned)(now.tv_nsec / 1000);
}

/* Whether the later time is less than SPIN_MICROSECONDS after the earlier one, or before it. */
static bool soon_after(unsigned earlier, unsigned later) {
    return later - earlier < SPIN_MICROSECONDS || earlier - later < SPIN_MICROSECONDS;
}

/* ---- Waiting ---- */

/* Poll until the state differs from `value`, or SPIN_MICROSECONDS after `since`. */
static void spin_while(atomic_int *state, int value, unsigned since) {
    while (atomic_load(state) == value && soon_after(since, microseconds())) continue;
}

/* 0 or an errno. */
static int sleeper_init(sleeper *made) {
    atomic_init(&made->asleep, false);
    return sem_init(&made->semaphore, 0, 0) == 0 ? 0 : errno;
}

/* This must not be a cancellation point: if the caller were cancelled here, its stack, which holds
 * the job's context, would disappear while workers use it. */
static void wait_for(sem_t *semaphore) {
#ifdef PTHREAD_CANCEL_DISABLE /* Android has no cancellation */
    int before;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
#endif
    while (sem_wait(semaphore) != 0 && errno == EINTR) continue;
#ifdef PTHREAD_CANCEL_DISABLE
    pthread_setcancelstate(before, &before);
#endif
}

/* Sleep until another thread calls `wake`. Does not sleep if the state is not `value`. */
static void sleep_if(atomic_int *state, int value, sleeper *me) {
    if (atomic_load(state) != value) return;
    atomic_store(&me->asleep, true);
    /* The state may have changed before `asleep` was set. If another thread has cleared `asleep`
     * since, it posts, and the post must be consumed. */
    if (atomic_load(state) != value && atomic_exchange(&me->asleep, false)) return;
    wait_for(&me->semaphore);
}

/* Call after a change of the state that the sleeper waits for. */
static void wake(sleeper *other) {
    if (atomic_load(&other->asleep) && atomic_exchange(&other->asleep, false))
        sem_post(&other->semaphore);
}

/* ---- The workers ---- */

/* A worker spins after a part only if the part came soon after the one before. So calls that follow
 * one another do not wait for threads to wake up, and calls with pauses between them cost no
 * processor time for spinning. */
static void *work(void *argument) {
    worker *w = argument;
    snnk__pool *pool = w->pool;
    unsigned idle_since = microseconds();
    bool close = false;

    for (;;) {
        int expected = READY;

        if (close) spin_while(&w->state, NONE, idle_since);
        sleep_if(&w->state, NONE, &w->sleeper);
        close = soon_after(idle_since, atomic_load(&pool->begun));
        if (atomic_compare_exchange_strong(&w->state, &expected, TAKEN)) {
            pool->run(w->part, pool->context);
            atomic_store(&w->state, NONE);
            wake(&pool->caller);
        } else if (expected == STOP) {
            return NULL;
        } /* otherwise the caller has computed the part itself */
        idle_since = microseconds();
    }
}

/* A thread starts with the signal mask of the one that creates it. Faults stay unblocked: only the
 * thread that caused one can handle it. */
static int create_thread(worker *w) {
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    sigset_t blocked, before;
    int error;

    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) sigdelset(&blocked, faults[i]);
    error = pthread_sigmask(SIG_BLOCK, &blocked, &before);
    if (error) return error;
    error = pthread_create(&w->thread, NULL, work, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

/* 0 or an errno, with *pool as before. */
static int start_worker(snnk__pool *pool) {
    worker *w = &pool->worker[pool->workers];
    int error;

    w->pool = pool;
    w->part = pool->workers + 1;
    atomic_init(&w->state, NONE);
    if ((error = sleeper_init(&w->sleeper)) != 0) return error;
    if ((error = create_thread(w)) != 0) {
        sem_destroy(&w->sleeper.semaphore);
        return error;
    }
    pool->workers++;
    return 0;
}

static void end_workers(snnk__pool *pool) {
    for (size_t k = 0; k < pool->workers; k++) {
        atomic_store(&pool->worker[k].state, STOP);
        wake(&pool->worker[k].sleeper);
    }
    for (size_t k = 0; k < pool->workers; k++) {
        pthread_join(pool->worker[k].thread, NULL);
        sem_destroy(&pool->worker[k].sleeper.semaphore);
    }
}

/* ---- The pool ---- */

int snnk__pool_create(size_t threads, const snnk_allocator *allocator, snnk__pool **pool) {
    snnk__pool *made;
    int st, error;

    *pool = NULL;
    if (threads == 1) return SNNK_OK;
    st = snnk__alloc(allocator, 1, sizeof *made + (threads - 1) * sizeof *made->worker,
                     "a pool of threads", &made);
    if (st != SNNK_OK) return st;
    made->allocator = *allocator;
    made->process = getpid();
    made->workers = 0;
    atomic_init(&made->begun, 0);
    error = sleeper_init(&made->caller);
    if (error) {
        snnk__free(allocator, made);
        return snnk__fail(SNNK_E_THREAD, "the system could not create a semaphore (error %d)",
                          error);
    }
    while (!error && made->workers + 1 < threads) error = start_worker(made);
    if (error) {
        st = snnk__fail(SNNK_E_THREAD, "the system could not start thread %zu of %zu (error %d)",
                        made->workers + 2, threads, error);
        snnk__pool_free(made);
        return st;
    }
    *pool = made;
    return SNNK_OK;
}

void snnk__pool_free(snnk__pool *pool) {
    if (!pool) return;
    if (getpid() == pool->process) {
        end_workers(pool);
        sem_destroy(&pool->caller.semaphore);
    }
    const snnk_allocator allocator = pool->allocator;
    snnk__free(&allocator, pool);
}

void snnk__pool_run(snnk__pool *pool, size_t parts, snnk__part_function run, void *context) {
    if (!pool) {
        run_alone(parts, run, context);
        return;
    }
    pool->run = run;
    pool->context = context;
    atomic_store(&pool->begun, microseconds());
    for (size_t p = 1; p < parts; p++) atomic_store(&pool->worker[p - 1].state, READY);
    for (size_t p = 1; p < parts; p++) wake(&pool->worker[p - 1].sleeper);
    run(0, context);
    for (size_t p = parts - 1; p > 0; p--) { /* begin with the workers that were woken last */
        int expected = READY;

        if (atomic_compare_exchange_strong(&pool->worker[p - 1].state, &expected, NONE))
            run(p, context);
    }
    const unsigned waiting_since = microseconds();
    for (size_t p = 1; p < parts; p++) {
        spin_while(&pool->worker[p - 1].state, TAKEN, waiting_since);
        while (atomic_load(&pool->worker[p - 1].state) == TAKEN)
            sleep_if(&pool->worker[p - 1].state, TAKEN, &pool->caller);
    }
}

#else

int snnk__pool_create(size_t threads, const snnk_allocator *allocator, snnk__pool **pool) {
    (void)threads;
    (void)allocator;
    *pool = NULL;
    return SNNK_OK;
}

void snnk__pool_free(snnk__pool *pool) { (void)pool; }

void snnk__pool_run(snnk__pool *pool, size_t parts, snnk__part_function run, void *context) {
    (void)pool;
    run_alone(parts, run, context);
}

#endif
