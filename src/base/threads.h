/* A pool of threads for the library's one parallel region, snnk__for_rows. Each workspace with more
 * than one thread has its own pool.
 *
 * Jobs do not nest: a part is never given a workspace, so it cannot start another job. */
#ifndef SNNK_BASE_THREADS_H
#define SNNK_BASE_THREADS_H

#include "base/memory.h"

typedef struct snnk__pool snnk__pool;

/* Compute part `part` of a job. Parts may run at the same time, in any order. */
typedef void (*snnk__part_function)(size_t part, void *context);

/* Create a pool for jobs of up to `threads` parts. It starts threads - 1 threads, which sleep until
 * there is work. They block every signal except those of their own faults, so that a program's
 * signal handlers run on its own threads.
 *   threads    at least 1. With 1, and in a build without threads, *pool is NULL, which the
 *              functions below accept
 *   allocator  gives the pool's memory; stacks come from the operating system
 * SNNK_E_NOMEM; SNNK_E_THREAD: a thread could not be started, and those before it have ended. */
int snnk__pool_create(size_t threads, const snnk_allocator *allocator, snnk__pool **pool);

/* End the threads and free the pool. In a forked child, which does not have its parent's threads,
 * free the memory only. NULL is fine. */
void snnk__pool_free(snnk__pool *pool);

/* Run the parts 0 ... parts-1, each once, and return when all are done. The calling thread computes
 * part 0, and thread k of the pool part k. When part 0 is done, the calling thread also computes
 * the parts that no thread has begun; so a forked child computes all of them on one thread. Takes
 * one job at a time. Not a cancellation point. Cannot fail.
 *   pool   NULL computes the parts on the calling thread, in order
 *   parts  at least 1, and no more than the pool was created for */
void snnk__pool_run(snnk__pool *pool, size_t parts, snnk__part_function run, void *context);

#endif
