/* libxsmm has kernels for small products; how to cut a large one into those is the user's business.
 * Here several ways are tried when a pair is created, and the fastest is kept.
 *
 * libxsmm is column-major, where our row-major matrices are their transposes: Z^T = G X^T and
 * Y^T = Psi Phi^T. G is packed in panels of some features, Psi in panels of some outputs. A block
 * of rows goes through all panels of G, then through all of Psi, so that a panel is read from L2 or
 * beyond once for a block; within it each kernel computes a tile of some rows. The bias is one more
 * column of Psi, for a feature that is always 1: cheaper than to add it to Y before or after. */
#include <libxsmm.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"
#include "rivals.h"

enum { MAX_ROWS = 32, MAX_BLOCKINGS = 32, LINE = 16 /* floats of a cache line */ };

typedef struct blocking {
    size_t features, outputs; /* of a panel */
    size_t rows, block;       /* of a tile; of a block */
    size_t inputs;            /* that a kernel multiplies before the next tile's turn */
} blocking;

typedef libxsmm_smmfunction kernel;

struct xsmm_pair {
    size_t n, d, m, l;
    blocking by;
    const float *X;
    float *G, *Psi; /* panels of d x features and m x outputs */
    float *Phi, *Y; /* n x (m + 1) in rows of ldphi, n x l */
    size_t ldphi;
    rival_activation f;
    kernel first[MAX_ROWS + 1], more[MAX_ROWS + 1], /* indexed by rows; `more` adds to its result */
        second[MAX_ROWS + 1];
};

static kernel dispatch(size_t m, size_t n, size_t k, size_t ldb, size_t ldc, float beta) {
    const int lda = (int)m, b = (int)ldb, c = (int)ldc;
    const float one = 1;
    const kernel made =
        libxsmm_smmdispatch((int)m, (int)n, (int)k, &lda, &b, &c, &one, &beta, NULL, NULL);

    if (made) return made;
    fprintf(stderr, "libxsmm has no kernel for %zu x %zu x %zu\n", m, n, k);
    exit(1);
}

static float *aligned(size_t count) {
    float *made = libxsmm_aligned_malloc(count * sizeof *made, 64);

    if (!made) exit(1);
    return made;
}

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* Panels of `panel` rows, transposed. */
static void pack(float *to, const float *from, size_t rows, size_t columns, size_t panel) {
    for (size_t start = 0; start < rows; start += panel, to += panel * columns)
        for (size_t line = 0; line < columns; line += LINE)
            for (size_t i = 0; i < panel; i++)
                for (size_t k = line; k < line + LINE && k < columns; k++)
                    to[k * panel + i] = from[(start + i) * columns + k];
}

/* Choose a blocking: pack the weights for it, if they are not yet, and dispatch its kernels. */
static void choose(xsmm_pair *p, blocking by, const float *G, const float *Psi) {
    if (p->by.features != by.features) pack(p->G, G, p->m, p->d, by.features);
    if (p->by.outputs != by.outputs) pack(p->Psi, Psi, p->l, p->m + 1, by.outputs);
    p->by = by;
    memset(p->first, 0, sizeof p->first);
    for (size_t start = 0; start < p->n; start += by.block)
        for (size_t left = smaller(by.block, p->n - start); left > 0;) {
            const size_t rows = smaller(by.rows, left);

            left -= rows;
            if (p->first[rows]) continue;
            p->first[rows] = dispatch(by.features, rows, by.inputs, p->d, p->ldphi, 0);
            p->more[rows] = dispatch(by.features, rows, by.inputs, p->d, p->ldphi, 1);
            p->second[rows] = dispatch(by.outputs, rows, p->m + 1, p->ldphi, p->l, 0);
        }
}

static void relu(float *Z, size_t rows, size_t columns, size_t ldz) {
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            Z[i * ldz + j] = Z[i * ldz + j] < 0 ? 0 : Z[i * ldz + j];
}

/* Features f ... of the rows start ... end. */
static void features_panel(const xsmm_pair *p, size_t f, size_t start, size_t end) {
    const blocking by = p->by;

    for (size_t k = 0; k < p->d; k += by.inputs)
        for (size_t i = start; i < end; i += by.rows) {
            const size_t rows = smaller(by.rows, end - i);
            float *Z = p->Phi + i * p->ldphi + f;

            (k ? p->more : p->first)[rows](p->G + f * p->d + k * by.features, p->X + i * p->d + k,
                                           Z);
            if (k + by.inputs == p->d && p->f == RIVAL_RELU) relu(Z, rows, by.features, p->ldphi);
        }
}

void xsmm_run(xsmm_pair *p) {
    const blocking by = p->by;

    for (size_t start = 0; start < p->n; start += by.block) {
        const size_t end = start + smaller(by.block, p->n - start);

        for (size_t f = 0; f < p->m; f += by.features) features_panel(p, f, start, end);
        for (size_t o = 0; o < p->l; o += by.outputs)
            for (size_t i = start; i < end; i += by.rows)
                p->second[smaller(by.rows, end - i)](p->Psi + o * (p->m + 1), p->Phi + i * p->ldphi,
                                                     p->Y + i * p->l + o);
    }
}

static void run(void *pair) { xsmm_run(pair); }

/* What is tried: others that were measured on 512-bit units are within 2 % of the best of these. */
static size_t candidates(const xsmm_pair *p, blocking list[MAX_BLOCKINGS]) {
    static const size_t features[] = {16, 32, 64}, outputs[] = {48, 64, 96},
                        blocks[] = {32, 128, 512};
    const size_t inputs = p->d % 3 == 0 ? p->d / 3 : p->d;
    size_t count = 0;

    list[count++] = (blocking){p->m, 64, smaller(p->n, MAX_ROWS), smaller(p->n, MAX_ROWS), p->d};
    for (size_t f = 0; f < 3; f++)
        for (size_t o = 0; o < 3; o++)
            for (size_t b = 0; b < 3; b++) {
                const bool same_features = f > 0 && features[f - 1] >= p->m;
                const bool same_block = b > 0 && blocks[b - 1] >= p->n;
                const size_t width = smaller(features[f], p->m), block = smaller(blocks[b], p->n);

                if (same_features || same_block || p->m % width || p->l % outputs[o]) continue;
                list[count++] =
                    (blocking){width, outputs[o], smaller(block, MAX_ROWS), block, inputs};
            }
    return count;
}

/* The mean time of some calls that take about 50 microseconds, or of one. */
static double sample(xsmm_pair *p, const blocking *by, const float *G, const float *Psi) {
    static const double burst = 5e-5;

    choose(p, *by, G, Psi);
    const double once = measure_sample(run, p, 1, measure_thread_now);

    return once > burst ? once
                        : measure_sample(run, p, (size_t)(burst / once) + 1, measure_thread_now);
}

/* Keep the fastest blocking: a sample of each, then some more of those that were almost as fast. */
static void tune(xsmm_pair *p, const float *G, const float *Psi) {
    enum { ROUNDS = 2 };
    blocking list[MAX_BLOCKINGS];
    double seconds[MAX_BLOCKINGS] = {0};
    const size_t count = candidates(p, list);
    size_t best = 0;

    for (size_t k = 0; k < count; k++) {
        seconds[k] = sample(p, &list[k], G, Psi);
        if (seconds[k] < seconds[best]) best = k;
    }
    const double limit = 1.03 * seconds[best];

    for (int round = 0; round < ROUNDS; round++)
        for (size_t k = 0; k < count; k++)
            if (seconds[k] < limit) seconds[k] = fmin(seconds[k], sample(p, &list[k], G, Psi));
    for (size_t k = 0; k < count; k++)
        if (seconds[k] < seconds[best]) best = k;
    choose(p, list[best], G, Psi);
}

xsmm_pair *xsmm_create(size_t n, size_t d, size_t m, size_t l, rival_activation f, const float *X,
                       const float *G, const float *Psi, const float *bias, float *Y) {
    xsmm_pair *p = calloc(1, sizeof *p);
    float *extended = aligned(l * (m + 1));

    if (!p || l % 64 != 0) exit(1);
    *p = (xsmm_pair){.n = n, .d = d, .m = m, .l = l, .X = X, .Y = Y, .f = f};
    p->G = aligned(d * m);
    p->Psi = aligned(l * (m + 1));
    p->ldphi = m + LINE; /* rows begin on a cache line */
    p->Phi = aligned(n * p->ldphi);
    for (size_t i = 0; i < n; i++) p->Phi[i * p->ldphi + m] = 1;
    for (size_t o = 0; o < l; o++) {
        memcpy(extended + o * (m + 1), Psi + o * m, m * sizeof *Psi);
        extended[o * (m + 1) + m] = bias[o];
    }
    tune(p, G, extended);
    libxsmm_free(extended);
    return p;
}

void xsmm_free(xsmm_pair *p) {
    libxsmm_free(p->G), libxsmm_free(p->Psi), libxsmm_free(p->Phi);
    free(p);
}
