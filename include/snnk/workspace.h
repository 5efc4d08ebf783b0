/* A workspace: scratch memory and a thread count, one per calling thread.
 *
 * Forward calls take one. NULL is fine everywhere: one thread, scratch allocated and freed inside
 * the call. With a workspace the scratch is kept and reused, and after snnk_workspace_reserve a
 * forward neither allocates nor locks. */
#ifndef SNNK_WORKSPACE_H
#define SNNK_WORKSPACE_H

#include <snnk/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_workspace snnk_workspace;

#define SNNK_MAX_THREADS 1024

/* Make a workspace.
 * threads: how many threads its calls use at most, 1 ... SNNK_MAX_THREADS. The calling thread is
 *   one of them; the others are started here, sleep between calls, and end with the workspace.
 *   Results have the same bits for every number. A build without threads uses one.
 * allocator: NULL for malloc.
 * workspace: the new workspace. Only one thread may use it at a time.
 * After a fork the child may use or free a workspace that no other thread was using: it works on
 * one thread there. A workspace that the child makes has its own threads.
 * SNNK_E_NULL, SNNK_E_RANGE, SNNK_E_NOMEM, SNNK_E_THREAD (a thread could not be started). */
SNNK_API int snnk_workspace_create(size_t threads, const snnk_allocator *allocator,
                                   snnk_workspace **workspace);

/* Free it and end its threads. NULL is fine. */
SNNK_API void snnk_workspace_free(snnk_workspace *workspace);

/* How many threads it asks for. 0 for NULL. */
SNNK_API size_t snnk_workspace_threads(const snnk_workspace *workspace);

/* Make room for `bytes` of scratch for each thread now (snnk_network_scratch_bytes tells how many a
 * network needs), so that later calls that need no more than that do not allocate. Never shrinks.
 * Contents are not kept. SNNK_E_NULL, SNNK_E_SIZE, SNNK_E_NOMEM (the workspace is as before). */
SNNK_API int snnk_workspace_reserve(snnk_workspace *workspace, size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
