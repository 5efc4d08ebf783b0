#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <snnk/status.h>

#include "base/cpu.h"
#include "kernels/kernels.h"

typedef struct candidate {
    const snnk__kernels *kernels;
    uint32_t needs; /* SNNK__CPU_... */
} candidate;

/* The best first. */
static const candidate candidates[] = {
#ifdef SNNK_KERNELS_X86
    {&snnk__kernels_avx512, SNNK__CPU_AVX512},
    {&snnk__kernels_avx2, SNNK__CPU_AVX2_FMA},
#endif
#ifdef SNNK_KERNELS_ARM
    {&snnk__kernels_neon, SNNK__CPU_NEON},
#endif
    {&snnk__kernels_portable, 0},
};

/* Has no state except the environment, so threads that race store the same pointer. */
static const snnk__kernels *pick(void) {
    const uint32_t features = snnk__cpu_features();
    const char *wanted = getenv("SNNK_KERNELS");
    const snnk__kernels *best = NULL;

    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++) {
        const candidate *c = &candidates[i];

        if ((c->needs & features) != c->needs) continue;
        if (wanted && strcmp(wanted, c->kernels->name) == 0) return c->kernels;
        if (!best) best = c->kernels;
    }
    return best;
}

const snnk__kernels *snnk__kernels_get(void) {
    static _Atomic(const snnk__kernels *) chosen;
    const snnk__kernels *kernels = atomic_load(&chosen);

    if (!kernels) {
        kernels = pick();
        atomic_store(&chosen, kernels);
    }
    return kernels;
}

const snnk__narrow *snnk__narrow_get(void) {
#ifdef SNNK_KERNELS_X86
    const uint32_t features = snnk__cpu_features();

    if (snnk__kernels_get() == &snnk__kernels_avx512) {
        if (features & SNNK__CPU_FAST_BF16) return &snnk__narrow_avx512_bf16;
        if (features & SNNK__CPU_AVX512_NARROW) return &snnk__narrow_avx512;
    }
#endif
    return &snnk__narrow_portable;
}

const char *snnk_kernels_name(void) { return snnk__kernels_get()->name; }
