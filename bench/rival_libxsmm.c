/* libxsmm is column-major, where our row-major matrices are their transposes. So Z^T = G X^T is one
 * product of m x d and d x n; Y^T = Psi Phi^T is computed 64 outputs at a time. */
#include <libxsmm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rivals.h"

enum { OUTPUTS = 64, ROWS = 32 };

struct xsmm_pair {
    size_t n, d, m, l;
    const float *X;
    float *G, *Psi; /* d x m; panels of m x OUTPUTS */
    float *Phi, *Y; /* n x m */
    rival_activation f;
    libxsmm_smmfunction first[ROWS + 1], second[ROWS + 1]; /* indexed by the number of rows */
};

static libxsmm_smmfunction kernel(size_t m, size_t n, size_t k, size_t ldc) {
    const int lda = (int)m, ldb = (int)k, ld = (int)ldc;
    const float one = 1, zero = 0;
    const libxsmm_smmfunction made =
        libxsmm_smmdispatch((int)m, (int)n, (int)k, &lda, &ldb, &ld, &one, &zero, NULL, NULL);

    if (!made) {
        fprintf(stderr, "libxsmm has no kernel for %zu x %zu x %zu\n", m, n, k);
        exit(1);
    }
    return made;
}

static float *aligned(size_t count) {
    float *made = libxsmm_aligned_malloc(count * sizeof *made, 64);

    if (!made) exit(1);
    return made;
}

xsmm_pair *xsmm_create(size_t n, size_t d, size_t m, size_t l, rival_activation f, const float *X,
                       const float *G, const float *Psi, float *Y) {
    xsmm_pair *p = calloc(1, sizeof *p);

    if (!p || l % OUTPUTS != 0) exit(1);
    *p = (xsmm_pair){.n = n, .d = d, .m = m, .l = l, .X = X, .Y = Y, .f = f};
    p->G = aligned(d * m);
    p->Psi = aligned(l * m);
    p->Phi = aligned(n * m);
    for (size_t j = 0; j < m; j++)
        for (size_t k = 0; k < d; k++) p->G[k * m + j] = G[j * d + k];
    for (size_t o = 0; o < l; o++)
        for (size_t j = 0; j < m; j++)
            p->Psi[o / OUTPUTS * OUTPUTS * m + j * OUTPUTS + o % OUTPUTS] = Psi[o * m + j];
    for (size_t i = 0; i < n; i += ROWS) {
        const size_t rows = n - i < ROWS ? n - i : ROWS;

        if (p->first[rows]) continue;
        p->first[rows] = kernel(m, rows, d, m);
        p->second[rows] = kernel(OUTPUTS, rows, m, l);
    }
    return p;
}

void xsmm_run(xsmm_pair *p) {
    for (size_t i = 0; i < p->n; i += ROWS) {
        const size_t rows = p->n - i < ROWS ? p->n - i : ROWS;
        float *Phi = p->Phi + i * p->m;

        p->first[rows](p->G, p->X + i * p->d, Phi);
        if (p->f == RIVAL_RELU)
            for (size_t j = 0; j < rows * p->m; j++) Phi[j] = Phi[j] < 0 ? 0 : Phi[j];
        for (size_t o = 0; o < p->l; o += OUTPUTS)
            p->second[rows](p->Psi + o * p->m, Phi, p->Y + i * p->l + o);
    }
}

void xsmm_free(xsmm_pair *p) {
    libxsmm_free(p->G), libxsmm_free(p->Psi), libxsmm_free(p->Phi);
    free(p);
}
