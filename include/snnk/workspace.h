/* A workspace: scratch memory and threads for the calls of one thread.
 *
 *     snnk_workspace *workspace;
 *     snnk_workspace_create(4, NULL, &workspace);
 *     snnk_layer_forward(layer, n, X, d, Y, l, workspace);
 *     snnk_workspace_free(workspace);
 *
 * Wherever a function takes a workspace, NULL is allowed: it then uses one thread, and allocates
 * and frees scratch inside the call. A workspace keeps its scratch. After snnk_workspace_reserve, a
 * forward pass neither allocates nor locks.
 *
 * A workspace also has the progress function of its calls, which can cancel them:
 *
 *     int show(void *user, double share) {
 *         printf("\r%3.0f %%", 100 * share);
 *         return stop_requested;
 *     }
 *     snnk_workspace_set_progress(workspace, show, NULL);
 *     snnk_fit_solve(fit, workspace, NULL, &layer);
 */
#ifndef SNNK_WORKSPACE_H
#define SNNK_WORKSPACE_H

#include <snnk/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_workspace snnk_workspace;

/* The most threads of a workspace. */
#define SNNK_MAX_THREADS 1024

/* Create a workspace. Only one thread may use it at a time.
 *   threads    the most threads that a call with it uses, 1 ... SNNK_MAX_THREADS. The calling
 *              thread is one of them. The others are started here, sleep between calls, and end
 *              with the workspace. Results have the same bits for every number of threads. A build
 *              without threads uses one
 *   allocator  NULL for malloc
 *   workspace  out: release with snnk_workspace_free
 * After a fork, the child may use or free a workspace that was idle; it works on one thread there.
 * A workspace that the child creates has threads of its own. SNNK_E_NULL, SNNK_E_RANGE,
 * SNNK_E_NOMEM, SNNK_E_THREAD (a thread could not be started). */
SNNK_API int snnk_workspace_create(size_t threads, const snnk_allocator *allocator,
                                   snnk_workspace **workspace);

/* Free a workspace and end its threads. NULL is fine. */
SNNK_API void snnk_workspace_free(snnk_workspace *workspace);

/* Get the number of threads. 0 for NULL. */
SNNK_API size_t snnk_workspace_threads(const snnk_workspace *workspace);

/* Allocate scratch now, so that calls that need no more than this do not allocate. Scratch never
 * shrinks.
 *   bytes  for each thread; snnk_network_scratch_bytes gives the number for a network
 * SNNK_E_NULL, SNNK_E_SIZE, SNNK_E_NOMEM (the workspace is unchanged). */
SNNK_API int snnk_workspace_reserve(snnk_workspace *workspace, size_t bytes);

/* A progress function. The thread that made the call calls it, several times a second (up to 6000
 * features; only the singular values of a QR factorization are one step).
 *   user   as given to snnk_workspace_set_progress
 *   share  of the call that is done, 0 ... 1. An estimate; it never decreases, and is 1 at the end
 * Return 0 to continue. Any other value cancels the call: it returns SNNK_E_CANCELLED, its outputs
 * and the objects that it works on are as before, and it can be repeated. The function must not use
 * the workspace or those objects. */
typedef int (*snnk_progress)(void *user, double share);

/* Set the progress function of all later calls with this workspace.
 *   progress  NULL (as after snnk_workspace_create) for none. Every call whose time grows with the
 *             cube of a size, or that runs over its rows several times, reports: solving, ridge
 *             paths, fits, logistic regression, forgetting, recursive least squares from
 *             statistics. Calls that add rows or compute outputs do not: give them fewer rows at
 *             a time
 *   user      passed to progress; NULL is fine
 * Results do not depend on it. SNNK_E_NULL. */
SNNK_API int snnk_workspace_set_progress(snnk_workspace *workspace, snnk_progress progress,
                                         void *user);

#ifdef __cplusplus
}
#endif

#endif
