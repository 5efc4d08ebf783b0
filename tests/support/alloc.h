/* An allocator that counts, and fails on demand. */
#ifndef SNNK_TESTS_ALLOC_H
#define SNNK_TESTS_ALLOC_H

#include "compare.h"

#include <limits.h>
#include <stdlib.h>

#include <snnk/status.h>

typedef struct test_memory {
    long alive;      /* blocks allocated and not freed */
    long calls;      /* allocations requested */
    long fail_after; /* the first fail_after of them succeed, later ones fail; negative: none
                     * fails */
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

/* From now on the next `calls` allocations succeed and later ones fail; negative: none fails. */
static inline void test_memory_allow(test_memory *memory, long calls) {
    memory->calls = 0;
    memory->fail_after = calls;
}

/* Run a statement with 0, 1, 2, ... allocations that succeed, until it succeeds. Each run before
 * that must fail with SNNK_E_NOMEM and free all it allocated. The last run must also free
 * everything, and none of its allocations may have failed. The first run must fail: code that
 * allocates nothing needs another test.
 *   memory      the test_memory of the allocator in use
 *   status      an int variable, set by the statement
 *   statement   sets status, checks that a failed run left its outputs unchanged (assert_made), and
 *               frees what was created. To prepare objects without failures inside it, save
 *               memory.fail_after, call test_memory_allow(&memory, -1), and restore the saved value
 * afterwards */
#define assert_survives_failing_allocations(memory, status, ...)                                   \
    assert_survives_some_failing_allocations(memory, status, LONG_MAX, __VA_ARGS__)

/* The same for code with hundreds of allocations: every number up to `dense`, then fewer and fewer:
 * after k follows k + 1 + k / dense. */
#define assert_survives_some_failing_allocations(memory, status, dense, ...)                       \
    do {                                                                                           \
        const long alive_ = (memory).alive;                                                        \
        for (long allowed_ = 0;; allowed_ += 1 + allowed_ / (dense)) {                             \
            test_memory_allow(&(memory), allowed_);                                                \
            __VA_ARGS__;                                                                           \
            test_memory_check_run(&(memory), (status), alive_, allowed_, __FILE__, __LINE__);      \
            if ((status) == SNNK_OK) break;                                                        \
        }                                                                                          \
        (memory).fail_after = -1;                                                                  \
    } while (0)

/* Fails unless a creator's output is set after success, and NULL after failure. */
#define assert_made(status, output) assert_true(((status) == SNNK_OK) == ((output) != NULL))

static inline void test_memory_check_run(const test_memory *memory, int status, long alive,
                                         long allowed, const char *file, int line) {
    const char *wrong = NULL;

    if (status != SNNK_OK && status != SNNK_E_NOMEM) wrong = "another status than SNNK_E_NOMEM";
    if (status == SNNK_OK && memory->calls > allowed) wrong = "success though an allocation failed";
    if (status == SNNK_OK && allowed == 0) wrong = "no allocation by this allocator";
    if (memory->alive != alive) wrong = "other blocks alive than before";
    if (allowed > 100000) wrong = "no success";
    if (!wrong) return;
    fprintf(stderr,
            "with %ld allocations allowed: %s (status %d, %ld calls, %ld blocks, before %ld)\n",
            allowed, wrong, status, memory->calls, memory->alive, alive);
    _fail(file, line);
}

#endif
