/* Inside of a workspace, and the one way rows are split over threads. */
#ifndef SNNK_BASE_WORKSPACE_H
#define SNNK_BASE_WORKSPACE_H

#include <snnk/workspace.h>

#include "base/memory.h"

/* Work on rows first ... first+count-1. scratch: this thread's, aligned, not shared; NULL if none
 * was asked for. */
typedef void (*snnk__row_task)(size_t first, size_t count, void *scratch, void *context);

/* The scratch of all threads together, one piece, valid until the workspace grows; a task that asks
 * for no scratch leaves it alone. */
float *snnk__workspace_scratch(const snnk_workspace *workspace);

/* Run `task` over rows 0 ... n-1, each row once, split into contiguous ranges over the workspace's
 * threads (workspace NULL: one range on this thread). scratch_bytes of scratch for each thread come
 * from the workspace, which grows if it must, or for NULL from `allocator`. A task must compute
 * each row from that row alone: ranges differ between thread counts, results must not. Never call
 * it from a task with the same workspace.
 * SNNK_E_SIZE, SNNK_E_NOMEM; the task has not run then. */
int snnk__for_rows(snnk_workspace *workspace, const snnk_allocator *allocator, size_t n,
                   size_t scratch_bytes, snnk__row_task task, void *context);

#endif
