#include "layer/split.h"

#include "base/size.h"

typedef struct job {
    size_t n, chunk;
    snnk__split_function run;
    const void *context;
} job;

static void run_range(size_t first, size_t count, void *scratch, void *context) {
    const job *j = context;
    const size_t begin = first * j->chunk, end = snnk__min_size((first + count) * j->chunk, j->n);

    (void)scratch;
    j->run(begin, end - begin, j->context);
}

void snnk__split(snnk_workspace *workspace, size_t n, size_t width, snnk__split_function run,
                 const void *context) {
    job j = {n, snnk__row_chunk(width), run, context};

    snnk__for_rows(workspace, NULL, (n - 1) / j.chunk + 1, 0, run_range, &j);
}

typedef struct projection {
    size_t n;
    const float *X;
    size_t ldx, d;
    const snnk__block *block;
    float *Phi;
    size_t ldphi;
} projection;

static void project_part(size_t first, size_t count, const void *context) {
    const projection *p = context;

    snnk__project_some(p->n, p->X, p->ldx, p->d, p->block, first, count, p->Phi, p->ldphi);
}

void snnk__project_split(size_t n, const float *X, size_t ldx, size_t d, const snnk__block *block,
                         float *Phi, size_t ldphi, snnk_workspace *workspace) {
    const projection p = {n, X, ldx, d, block, Phi, ldphi};

    snnk__split(workspace, block->rows, block->G ? block->G->shape.width : 1, project_part, &p);
}
