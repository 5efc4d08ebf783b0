/* Inside a workspace, and splitting rows over threads. */
#ifndef SNNK_BASE_WORKSPACE_H
#define SNNK_BASE_WORKSPACE_H

#include <snnk/workspace.h>

#include "base/memory.h"
#include "base/progress.h"

/* Process rows first ... first+count-1. scratch: of this thread only, aligned; NULL if none was
 * requested. */
typedef void (*snnk__row_function)(size_t first, size_t count, void *scratch, void *context);

/* The scratch of all threads together, contiguous, valid until the workspace grows. A
 * snnk__for_rows call without scratch does not touch it. */
float *snnk__workspace_scratch(const snnk_workspace *workspace);

/* The progress of one call that works with a workspace. */
typedef struct snnk__work {
    snnk__progress progress;
    snnk_workspace *workspace;
    snnk__progress *outer;
} snnk__work;

/* Begin the work of a call, whose stages cost `total` together: it reports to the workspace's
 * progress function. If a call that has begun makes other calls with the same workspace, they
 * report as parts of its current stage. Always end it with snnk__work_end.
 *   workspace  NULL: nothing is reported
 *   work       the result; must not move */
void snnk__work_begin(snnk_workspace *workspace, double total, snnk__work *work);

/* End the work. Reports nothing: a call that succeeds has reported the end with
 * snnk__progress_finish, before it wrote its outputs. */
void snnk__work_end(const snnk__work *work);

/* Call `run` for rows 0 ... n-1, each row once, split into contiguous ranges over the workspace's
 * threads (workspace NULL: one range on this thread). scratch_bytes of scratch for each thread come
 * from the workspace, which grows if necessary, or from `allocator` if the workspace is NULL. `run`
 * must compute each row from that row only, because ranges depend on the number of threads and
 * results must not. Never call this function from inside `run` with the same workspace.
 * SNNK_E_SIZE, SNNK_E_NOMEM; then nothing has run. */
int snnk__for_rows(snnk_workspace *workspace, const snnk_allocator *allocator, size_t n,
                   size_t scratch_bytes, snnk__row_function run, void *context);

/* The same for rows of work `cost` each, in multiply-adds: on fewer threads where waking them would
 * take longer than the work. */
int snnk__for_rows_of(uint64_t cost, snnk_workspace *workspace, const snnk_allocator *allocator,
                      size_t n, size_t scratch_bytes, snnk__row_function run, void *context);

#endif
