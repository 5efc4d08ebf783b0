#include "distill/candidate_moments.h"

#include <string.h>

#include "base/size.h"
#include "distill/collect.h"
#include "solve/subset.h"

/* A block of feature rows that is being filled, and the statistics to add it to, which have no
 * targets yet. */
typedef struct feature_block {
    snnk_lstsq *lstsq;
    size_t n;
    float *Phi; /* SNNK__DISTILL_BLOCK x (d + h) */
} feature_block;

static int feature_block_alloc(const snnk_distill *distill, feature_block *block) {
    const size_t p = distill->d + distill->h;
    int st;

    /* One target of zeros, because statistics have at least one. add_outputs replaces it. */
    st = snnk_lstsq_create(p, 1, &distill->allocator, &block->lstsq);
    if (st != SNNK_OK) return st;
    st = snnk_lstsq_set_precision(block->lstsq, SNNK_PRECISION_SINGLE);
    if (st != SNNK_OK) return st;
    return snnk__alloc(&distill->allocator, p, SNNK__DISTILL_BLOCK * sizeof *block->Phi, "features",
                       &block->Phi);
}

static int flush(feature_block *block, snnk_workspace *workspace) {
    static const float zeros[SNNK__DISTILL_BLOCK];
    const size_t n = block->n;

    block->n = 0;
    return snnk_lstsq_add(block->lstsq, SNNK_ROWS(.n = n, .X = block->Phi, .Y = zeros, .ldy = 1),
                          workspace);
}

/* Compute the teacher for rows first ... first+n-1 of X: its neurons into H (n x h), its outputs
 * into own_Y. */
static int run_teacher(snnk_distill *distill, size_t first, size_t n, float *H,
                       snnk_workspace *workspace) {
    const size_t h = distill->h, l = distill->l;
    float *Y = distill->own_Y + first * l;
    int st = snnk_layer_forward(distill->hidden, n, distill->X + first * distill->ldx, distill->ldx,
                                H, h, workspace);

    if (st == SNNK_OK && distill->readout)
        st = snnk_layer_forward(distill->readout, n, H, h, Y, l, workspace);
    if (st != SNNK_OK) return st;
    if (!distill->readout) memcpy(Y, H, n * h * sizeof *Y);
    /* Checked from the first row, so that the sentence has the row's number in X. */
    return snnk__check_finite(Y, "", n, l, l) == SNNK_OK
               ? SNNK_OK
               : snnk__check_finite(distill->own_Y, "the teacher's output", first + n, l, l);
}

/* Add those of rows first ... first+n-1 that are in the samples, with their neurons H. */
static int sample_block(const snnk_distill *distill, size_t first, size_t n, const float *H,
                        const double shares[2], feature_block blocks[2],
                        snnk_workspace *workspace) {
    const size_t d = distill->d, h = distill->h;
    int st = SNNK_OK;

    for (size_t i = first; i < first + n && st == SNNK_OK; i++) {
        feature_block *block = &blocks[snnk__distill_is_heldout(distill, i)];
        float *Phi = block->Phi + block->n * (d + h);

        if (!snnk__distill_is_sampled(distill, i, shares[block - blocks])) continue;
        memcpy(Phi, distill->X + i * distill->ldx, d * sizeof *Phi);
        memcpy(Phi + d, H + (i - first) * h, h * sizeof *Phi);
        if (++block->n == SNNK__DISTILL_BLOCK) st = flush(block, workspace);
    }
    return st;
}

/* Add the teacher's outputs as targets. They are linear in its neurons, which are features here,
 * so their moments follow from those of the features. */
static int add_outputs(const snnk_distill *distill, snnk_lstsq *lstsq) {
    const size_t h = distill->h, l = distill->l;
    float *W = NULL, *bias = NULL;
    int st = SNNK_OK;

    snnk__subset_mirror(lstsq);
    if (distill->readout) {
        st = snnk__alloc(&distill->allocator, l, h * sizeof *W, "a readout", &W);
        if (st == SNNK_OK) st = snnk__alloc(&distill->allocator, l, sizeof *bias, "a bias", &bias);
        if (st == SNNK_OK) st = snnk_layer_weights(distill->readout, W, h, bias);
    }
    if (st == SNNK_OK) st = snnk__subset_linear_targets(lstsq, distill->d, l, W, bias);
    snnk__free(&distill->allocator, bias);
    snnk__free(&distill->allocator, W);
    return st;
}

/* Without Y: the teacher computes the targets, and its neurons are the candidate features. */
static int gather_teacher_moments(snnk_distill *distill, const double shares[2],
                                  snnk_workspace *workspace) {
    const snnk_allocator *allocator = &distill->allocator;
    feature_block blocks[2] = {{0}};
    float *H = NULL;
    size_t count;
    int st;

    if (!snnk__mul_size(distill->n, distill->l, &count))
        return snnk__fail(SNNK_E_SIZE, "%zu rows of %zu outputs overflow size_t", distill->n,
                          distill->l);
    st = snnk__alloc(allocator, count, sizeof(float), "outputs", &distill->own_Y);
    if (st != SNNK_OK) return st;
    distill->Y = distill->own_Y;
    distill->ldy = distill->l;
    st = snnk__alloc(allocator, distill->h, SNNK__DISTILL_BLOCK * sizeof *H, "neurons", &H);
    for (int k = 0; k < 2 && st == SNNK_OK; k++) st = feature_block_alloc(distill, &blocks[k]);
    for (size_t i = 0; i < distill->n && st == SNNK_OK; i += SNNK__DISTILL_BLOCK) {
        const size_t n = snnk__min_size(SNNK__DISTILL_BLOCK, distill->n - i);

        st = run_teacher(distill, i, n, H, workspace);
        if (st == SNNK_OK) st = sample_block(distill, i, n, H, shares, blocks, workspace);
        if (st == SNNK_OK)
            st = snnk__progress_count(distill->progress, (double)(i + n), (double)distill->n);
    }
    for (int k = 0; k < 2 && st == SNNK_OK; k++) {
        st = flush(&blocks[k], workspace);
        if (st == SNNK_OK) st = add_outputs(distill, blocks[k].lstsq);
    }
    snnk__free(allocator, H);
    snnk__free(allocator, blocks[0].Phi);
    snnk__free(allocator, blocks[1].Phi);
    distill->train = blocks[0].lstsq;
    distill->heldout = blocks[1].lstsq;
    return st;
}

int snnk__distill_gather_moments(snnk_distill *distill, snnk_workspace *workspace) {
    const double sample = (double)distill->config.selection_rows;
    double shares[2];
    int st;

    snnk__distill_shares(distill, sample, shares);
    if (!distill->Y) return gather_teacher_moments(distill, shares, workspace);
    st = snnk__distill_collect(distill, distill->all_features, SNNK_PRECISION_SINGLE, sample,
                               workspace, &distill->train, &distill->heldout);
    if (st != SNNK_OK) return st;
    snnk__subset_mirror(distill->train);
    snnk__subset_mirror(distill->heldout);
    return SNNK_OK;
}
