#include "base/workspace.h"

#include "base/size.h"
#include "base/threads.h"

struct snnk_workspace {
    snnk_allocator allocator;
    size_t threads;
    size_t bytes; /* scratch of each thread, a multiple of SNNK__ALIGNMENT */
    char *scratch;
    snnk__pool *pool; /* NULL: one thread */
    snnk_progress progress;
    void *user;              /* of progress */
    snnk__progress *current; /* of the innermost call; NULL between calls */
};

int snnk_workspace_create(size_t threads, const snnk_allocator *allocator,
                          snnk_workspace **workspace) {
    snnk_allocator ours;
    snnk_workspace *made;
    int st;

    if ((st = snnk__check_pointer(workspace, "workspace")) != SNNK_OK) return st;
    *workspace = NULL;
    if (threads < 1 || threads > SNNK_MAX_THREADS)
        return snnk__fail(SNNK_E_RANGE, "threads = %zu is not in 1 ... %d", threads,
                          SNNK_MAX_THREADS);
    if ((st = snnk__allocator_read(&ours, allocator)) != SNNK_OK) return st;
    if ((st = snnk__alloc(&ours, 1, sizeof *made, "a workspace", &made)) != SNNK_OK) return st;
    *made = (snnk_workspace){.allocator = ours, .threads = threads};
    if ((st = snnk__pool_create(threads, &ours, &made->pool)) != SNNK_OK) {
        snnk__free(&ours, made);
        return st;
    }
    *workspace = made;
    return SNNK_OK;
}

void snnk_workspace_free(snnk_workspace *workspace) {
    if (!workspace) return;
    const snnk_allocator allocator = workspace->allocator;
    snnk__pool_free(workspace->pool);
    snnk__free(&allocator, workspace->scratch);
    snnk__free(&allocator, workspace);
}

size_t snnk_workspace_threads(const snnk_workspace *workspace) {
    return workspace ? workspace->threads : 0;
}

int snnk_workspace_reserve(snnk_workspace *workspace, size_t bytes) {
    size_t rounded;
    char *scratch;
    int st;

    if ((st = snnk__check_pointer(workspace, "workspace")) != SNNK_OK) return st;
    if (bytes <= workspace->bytes) return SNNK_OK;
    if (!snnk__add_size(bytes, SNNK__ALIGNMENT - 1, &rounded))
        return snnk__fail(SNNK_E_SIZE, "bytes = %zu of scratch overflows size_t", bytes);
    rounded -= rounded % SNNK__ALIGNMENT;
    st = snnk__alloc(&workspace->allocator, workspace->threads, rounded, "scratch", &scratch);
    if (st != SNNK_OK) return st;
    snnk__free(&workspace->allocator, workspace->scratch);
    workspace->scratch = scratch;
    workspace->bytes = rounded;
    return SNNK_OK;
}

int snnk_workspace_set_progress(snnk_workspace *workspace, snnk_progress progress, void *user) {
    const int st = snnk__check_pointer(workspace, "workspace");

    if (st != SNNK_OK) return st;
    workspace->progress = progress;
    workspace->user = user;
    return SNNK_OK;
}

void snnk__work_begin(snnk_workspace *workspace, double total, snnk__work *work) {
    *work = (snnk__work){.progress.total = total, .workspace = workspace};
    if (!workspace) return;
    if (workspace->current)
        work->progress = snnk__progress_within(workspace->current, total);
    else
        work->progress = (snnk__progress){
            .report = workspace->progress, .user = workspace->user, .total = total};
    work->outer = workspace->current;
    workspace->current = &work->progress;
}

void snnk__work_end(const snnk__work *work) {
    if (work->workspace) work->workspace->current = work->outer;
}

float *snnk__workspace_scratch(const snnk_workspace *workspace) {
    return (float *)(void *)workspace->scratch;
}

/* The first row of part `part` of n rows in `parts` parts whose sizes differ by at most one. */
static size_t part_start(size_t n, size_t parts, size_t part) {
    return n / parts * part + snnk__min_size(part, n % parts);
}

/* Rows split over parts. */
typedef struct job {
    const snnk_workspace *workspace;
    size_t n, parts;
    snnk__row_function run;
    void *context;
} job;

static void run_part(size_t part, void *context) {
    const job *j = context;
    const snnk_workspace *workspace = j->workspace;
    const size_t first = part_start(j->n, j->parts, part);
    char *scratch = workspace->scratch ? workspace->scratch + part * workspace->bytes : NULL;

    j->run(first, part_start(j->n, j->parts, part + 1) - first, scratch, j->context);
}

int snnk__for_rows(snnk_workspace *workspace, const snnk_allocator *allocator, size_t n,
                   size_t scratch_bytes, snnk__row_function run, void *context) {
    /* Each row is worth a thread. */
    return snnk__for_rows_of(UINT64_MAX, workspace, allocator, n, scratch_bytes, run, context);
}

/* The least work of a part, on average. Measured: with twice as much, two threads take as long as
 * one. */
enum { LEAST_PART = 90000 };

/* How many parts n >= 1 rows are worth. */
static size_t parts_of(size_t n, uint64_t cost, size_t threads) {
    const size_t most = snnk__min_size(threads, n);
    const uint64_t rows = n;

    if (cost >= LEAST_PART || rows >= UINT64_MAX / LEAST_PART) return most;
    const size_t worth = (size_t)(rows * cost / LEAST_PART); /* less than n */

    return snnk__min_size(most, snnk__max_size(worth, 1));
}

int snnk__for_rows_of(uint64_t cost, snnk_workspace *workspace, const snnk_allocator *allocator,
                      size_t n, size_t scratch_bytes, snnk__row_function run, void *context) {
    int st;

    if (n == 0) return SNNK_OK;
    if (!workspace) {
        void *scratch;

        st = snnk__alloc(allocator, scratch_bytes, 1, "scratch", &scratch);
        if (st != SNNK_OK) return st;
        run(0, n, scratch, context);
        snnk__free(allocator, scratch);
        return SNNK_OK;
    }

    if ((st = snnk_workspace_reserve(workspace, scratch_bytes)) != SNNK_OK) return st;
    const size_t parts = parts_of(n, cost, workspace->threads);
    if (parts == 1) {
        run(0, n, workspace->scratch, context);
        return SNNK_OK;
    }
    snnk__pool_run(workspace->pool, parts, run_part, &(job){workspace, n, parts, run, context});
    return SNNK_OK;
}
