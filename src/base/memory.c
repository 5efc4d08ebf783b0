#ifdef __linux__
#define _DEFAULT_SOURCE /* madvise */
#endif
#include "base/memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

#include "base/size.h"

/* From this size on, blocks ask for huge pages. */
#define LARGE ((size_t)4 << 20)

/* Ask for huge pages where a large block will lie: first use of a page of 4096 bytes takes as long
 * as some thousands of multiplications, and a fit of 1024 features uses 10,000 of them. */
static void *prefer_huge_pages(void *block, size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    const uintptr_t page = 4096, first = (uintptr_t)block / page * page;

    /* It is only advice: where the system declines it, nothing changes. */
    if (block && bytes >= LARGE)
        (void)madvise((void *)first, (uintptr_t)block + bytes - first, MADV_HUGEPAGE);
#else
    (void)bytes;
#endif
    return block;
}

static void *malloc_alloc(size_t bytes, void *user) {
    (void)user;
    return prefer_huge_pages(malloc(bytes), bytes);
}

static void malloc_free(void *pointer, void *user) {
    (void)user;
    free(pointer);
}

int snnk__allocator_read(snnk_allocator *ours, const snnk_allocator *user) {
    if (!user) {
        *ours = (snnk_allocator){malloc_alloc, malloc_free, NULL};
        return SNNK_OK;
    }
    if (!user->alloc || !user->free)
        return snnk__fail(SNNK_E_NULL, "allocator->%s is NULL", user->alloc ? "free" : "alloc");
    *ours = *user;
    return SNNK_OK;
}

/* The block from the allocator may have any alignment. We return an aligned address inside it and
 * store the original address in the word before that one:   | slack | original | aligned ... |  */
static int allocate(const snnk_allocator *allocator, bool zero, size_t count, size_t element_bytes,
                    const char *what, void *pointer) {
    /* The C library's own zeros cost nothing where pages are fresh, nor where none is used. */
    const bool fresh = zero && allocator->alloc == malloc_alloc;
    const size_t slack = SNNK__ALIGNMENT - 1 + sizeof(void *);
    void *aligned = NULL;
    size_t bytes, total;
    int st = SNNK_OK;

    if (!snnk__mul_size(count, element_bytes, &bytes) || !snnk__add_size(bytes, slack, &total) ||
        total > PTRDIFF_MAX) {
        st = snnk__fail(SNNK_E_SIZE, "%s: %zu elements of %zu bytes overflow size_t", what, count,
                        element_bytes);
    } else if (bytes > 0) {
        char *original = fresh ? prefer_huge_pages(calloc(1, total), total)
                               : allocator->alloc(total, allocator->user);

        if (!original) {
            st = snnk__fail(SNNK_E_NOMEM, "out of memory: %zu bytes for %s", total, what);
        } else {
            const uintptr_t first = (uintptr_t)original + sizeof(void *);

            aligned = original + sizeof(void *) +
                      (SNNK__ALIGNMENT - first % SNNK__ALIGNMENT) % SNNK__ALIGNMENT;
            memcpy((char *)aligned - sizeof(void *), &original, sizeof(void *));
            if (zero && !fresh) memset(aligned, 0, bytes);
        }
    }
    memcpy(pointer, &aligned, sizeof aligned);
    return st;
}

int snnk__alloc(const snnk_allocator *allocator, size_t count, size_t element_bytes,
                const char *what, void *pointer) {
    return allocate(allocator, false, count, element_bytes, what, pointer);
}

int snnk__alloc_zero(const snnk_allocator *allocator, size_t count, size_t element_bytes,
                     const char *what, void *pointer) {
    return allocate(allocator, true, count, element_bytes, what, pointer);
}

void snnk__free(const snnk_allocator *allocator, void *pointer) {
    void *original;

    if (!pointer) return;
    memcpy(&original, (char *)pointer - sizeof(void *), sizeof original);
    allocator->free(original, allocator->user);
}
