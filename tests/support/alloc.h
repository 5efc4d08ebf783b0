/* An allocator that counts, and fails on demand. */
#ifndef SNNK_TESTS_ALLOC_H
#define SNNK_TESTS_ALLOC_H

#include <stdlib.h>

#include <snnk/status.h>

/* alive: blocks given and not freed. calls: blocks asked for. fail_after: that many succeed, the
 * next ones fail; negative: none fails. */
typedef struct test_memory {
    long alive, calls, fail_after;
} test_memory;

static inline void *test_memory_alloc(size_t bytes, void *user) {
    test_memory *memory = user;
    void *block;

    memory->calls++;
    if (memory->fail_after >= 0 && memory->calls > memory->fail_after) return NULL;
    block = malloc(bytes);
    if (block) memory->alive++;
    return block;
}

static inline void test_memory_free(void *pointer, void *user) {
    ((test_memory *)user)->alive--;
    free(pointer);
}

static inline snnk_allocator test_memory_allocator(test_memory *memory) {
    *memory = (test_memory){0, 0, -1};
    return (snnk_allocator){test_memory_alloc, test_memory_free, memory};
}

/* For every k: let k allocations succeed, run, and see SNNK_E_NOMEM and no block left; until the
 * run succeeds. `statement` sets `status` and frees what it made; `memory` is a test_memory. */
#define assert_survives_failing_allocations(memory, status, statement)                             \
    do {                                                                                           \
        for (long k_ = 0;; k_++) {                                                                 \
            (memory).calls = 0;                                                                    \
            (memory).fail_after = k_;                                                              \
            statement;                                                                             \
            assert_int_equal((memory).alive, 0);                                                   \
            if ((status) == SNNK_OK) break;                                                        \
            assert_int_equal((status), SNNK_E_NOMEM);                                              \
            assert_true(k_ < 10000);                                                               \
        }                                                                                          \
        (memory).fail_after = -1;                                                                  \
    } while (0)

#endif
