#include "distill/collect.h"

#include <string.h>

#include "base/random.h"

bool snnk__distill_is_heldout(const snnk_distill *distill, size_t i) {
    double u;

    snnk__random_uniform(distill->config.seed, SNNK__STREAM_HELDOUT,
                         i / distill->config.heldout_block_rows, 0, 1, &u);
    return u < distill->config.heldout_share;
}

bool snnk__distill_is_sampled(const snnk_distill *distill, size_t i, double share) {
    double u;

    if (share >= 1) return true;
    snnk__random_uniform(distill->config.seed, SNNK__STREAM_SAMPLE, i, 0, 1, &u);
    return u < share;
}

void snnk__distill_shares(const snnk_distill *distill, double sample, double shares[2]) {
    const double share = distill->config.heldout_share, n = (double)distill->n;

    shares[0] = sample / (n * (1 - share));
    shares[1] = sample / 4 / (n * share);
}

/* A block of rows that is being filled, and the statistics that it is added to. */
typedef struct row_block {
    const snnk_distill *distill;
    const snnk_map *map;
    snnk_lstsq *lstsq;
    size_t n;
    float *X, *Y, *Phi; /* SNNK__DISTILL_BLOCK rows of d, l and the map's features; Phi is shared */
} row_block;

/* Add the block to the statistics, and empty it. */
static int flush(row_block *block, snnk_workspace *workspace) {
    const size_t d = block->distill->d, m = block->map->features;
    const int st =
        snnk_map_input_tower(block->map, block->n, block->X, d, block->Phi, m, workspace);
    const size_t n = block->n;

    block->n = 0;
    return st == SNNK_OK
               ? snnk_lstsq_add(block->lstsq, SNNK_ROWS(.n = n, .X = block->Phi, .Y = block->Y),
                                workspace)
               : st;
}

/* Put row i of the data into the block; flush the block when it is full. */
static int append(row_block *block, size_t i, snnk_workspace *workspace) {
    const snnk_distill *from = block->distill;

    memcpy(block->X + block->n * from->d, from->X + i * from->ldx, from->d * sizeof(float));
    memcpy(block->Y + block->n * from->l, from->Y + i * from->ldy, from->l * sizeof(float));
    return ++block->n == SNNK__DISTILL_BLOCK ? flush(block, workspace) : SNNK_OK;
}

static int row_block_alloc(const snnk_distill *distill, const snnk_map *map, int32_t precision,
                           row_block *block) {
    const snnk_allocator *allocator = &distill->allocator;
    const size_t column = SNNK__DISTILL_BLOCK * sizeof(float);
    int st;

    *block = (row_block){.distill = distill, .map = map};
    st = snnk_lstsq_create(map->features, distill->l, allocator, &block->lstsq);
    if (st != SNNK_OK) return st;
    if ((st = snnk_lstsq_set_precision(block->lstsq, precision)) != SNNK_OK) return st;
    if ((st = snnk__alloc(allocator, distill->d, column, "rows", &block->X)) != SNNK_OK) return st;
    return snnk__alloc(allocator, distill->l, column, "rows", &block->Y);
}

static void row_block_free(const snnk_distill *distill, row_block *block) {
    snnk__free(&distill->allocator, block->X);
    snnk__free(&distill->allocator, block->Y);
    snnk_lstsq_free(block->lstsq);
}

int snnk__distill_collect(const snnk_distill *distill, const snnk_map *map, int32_t precision,
                          double sample, snnk_workspace *workspace, snnk_lstsq **train,
                          snnk_lstsq **heldout) {
    const double n = (double)distill->n;
    double shares[2];
    row_block blocks[2] = {{0}};
    float *Phi = NULL;
    int st;

    snnk__distill_shares(distill, sample, shares);
    if ((st = row_block_alloc(distill, map, precision, &blocks[0])) != SNNK_OK) goto done;
    if ((st = row_block_alloc(distill, map, precision, &blocks[1])) != SNNK_OK) goto done;
    st = snnk__alloc(&distill->allocator, map->features, SNNK__DISTILL_BLOCK * sizeof *Phi,
                     "features", &Phi);
    if (st != SNNK_OK) goto done;
    blocks[0].Phi = blocks[1].Phi = Phi;
    for (size_t i = 0; i < distill->n && st == SNNK_OK; i++) {
        const bool held = snnk__distill_is_heldout(distill, i);

        if (snnk__distill_is_sampled(distill, i, shares[held]))
            st = append(&blocks[held], i, workspace);
        if (st == SNNK_OK && (i + 1) % SNNK__DISTILL_BLOCK == 0)
            st = snnk__progress_count(distill->progress, (double)i, n);
    }
    for (int k = 0; k < 2 && st == SNNK_OK; k++) st = flush(&blocks[k], workspace);
    if (st != SNNK_OK) goto done;
    *train = blocks[0].lstsq;
    *heldout = blocks[1].lstsq;
    blocks[0].lstsq = blocks[1].lstsq = NULL;
done:
    snnk__free(&distill->allocator, Phi);
    row_block_free(distill, &blocks[0]);
    row_block_free(distill, &blocks[1]);
    return st;
}

double snnk__distill_squares(const snnk_lstsq *lstsq) {
    double sum = 0;

    for (size_t k = 0; k < lstsq->targets; k++) sum += snnk__lstsq_squares(lstsq, k);
    return sum;
}
