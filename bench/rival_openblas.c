/* Each copy is loaded in its own namespace, so that one process has two sets of kernels. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rivals.h"

typedef void (*sgemm)(int order, int transa, int transb, int m, int n, int k, float alpha,
                      const float *A, int lda, const float *B, int ldb, float beta, float *C,
                      int ldc);

struct openblas {
    sgemm product;
    char *(*core)(void);
};

openblas *openblas_load(const char *coretype, int threads) {
    char count[16];
    openblas *made = calloc(1, sizeof *made);
    void *library = NULL;

    if (!made) exit(1);
#if defined(__x86_64__)
    if (coretype && strcmp(coretype, "SkylakeX") == 0 && !__builtin_cpu_supports("avx512vl")) {
        fprintf(stderr, "OpenBLAS for SkylakeX is not measured: no AVX-512\n");
        free(made);
        return NULL;
    }
#endif
    snprintf(count, sizeof count, "%d", threads);
    setenv("OPENBLAS_NUM_THREADS", count, 1);
    if (coretype)
        setenv("OPENBLAS_CORETYPE", coretype, 1);
    else
        unsetenv("OPENBLAS_CORETYPE");
#ifdef LM_ID_NEWLM
    library = dlmopen(LM_ID_NEWLM, "libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
#endif
    if (library) {
        *(void **)&made->product =
            dlsym(library, "cblas_sgemm"); /* the cast that POSIX recommends */
        *(void **)&made->core = dlsym(library, "openblas_get_corename");
    }
    if (made->product && made->core) return made;
    const char *why = dlerror();
    fprintf(stderr, "OpenBLAS is not measured: %s\n", why ? why : "dlmopen is missing");
    free(made);
    return NULL;
}

const char *openblas_core(const openblas *library) { return library->core(); }

void openblas_product(const openblas *library, size_t n, size_t l, size_t k, const float *A,
                      const float *B, float *C) {
    enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112 };

    library->product(ROW_MAJOR, PLAIN, TRANSPOSED, (int)n, (int)l, (int)k, 1, A, (int)k, B, (int)k,
                     0, C, (int)l);
}

void openblas_pair(const openblas *library, size_t n, size_t d, size_t m, size_t l, const float *X,
                   const float *G, const float *Psi, float *Phi, float *Y) {
    openblas_product(library, n, m, d, X, G, Phi);
    for (size_t i = 0; i < n * m; i++) Phi[i] = Phi[i] < 0 ? 0 : Phi[i];
    openblas_product(library, n, l, m, Phi, Psi, Y);
}
