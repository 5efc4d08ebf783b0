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

const snnk__narrow *snnk__narrow_choose(const snnk__kernels *kernels, uint32_t features,
                                        bool (*permit)(void)) {
#ifdef SNNK_KERNELS_X86
    if (kernels == &snnk__kernels_avx512) {
#ifdef SNNK_KERNELS_AMX
        if ((features & SNNK__CPU_AMX) && permit()) return &snnk__narrow_amx;
#endif
        if (features & SNNK__CPU_FAST_BF16) return &snnk__narrow_avx512_bf16;
        if (features & SNNK__CPU_AVX512_NARROW) return &snnk__narrow_avx512;
    }
    if (kernels == &snnk__kernels_avx512 || kernels == &snnk__kernels_avx2) {
#ifdef SNNK_KERNELS_AVX_VNNI
        if (features & SNNK__CPU_AVX_VNNI) return &snnk__narrow_avx_vnni;
#endif
        return &snnk__narrow_avx2;
    }
#endif
#ifdef SNNK_KERNELS_ARM
    if (kernels == &snnk__kernels_neon) {
#ifdef SNNK_KERNELS_NEON_DOT
        if (features & SNNK__CPU_NEON_DOT) return &snnk__narrow_neon_dot;
#endif
        return &snnk__narrow_neon;
    }
#endif
    (void)kernels;
    (void)features;
    (void)permit;
    return &snnk__narrow_portable;
}

const snnk__narrow *snnk__narrow_get(void) {
    static _Atomic(const snnk__narrow *) chosen;
    const snnk__narrow *narrow = atomic_load(&chosen), *none = NULL;

    if (narrow) return narrow;
    narrow = snnk__narrow_choose(snnk__kernels_get(), snnk__cpu_features(), snnk__cpu_permit_amx);
    /* Of threads that race, the first decides: the system may have given them different answers. */
    return atomic_compare_exchange_strong(&chosen, &none, narrow) ? narrow : none;
}

/* ---- Moments ---- */

/* Whether AMX is faster, if it is there. */
static bool amx_moments_pay(const snnk__kernels *kernels, size_t features) {
#ifdef SNNK_KERNELS_AMX
    return kernels == &snnk__kernels_avx512 && features >= SNNK__MOMENTS_AMX_FEATURES;
#else
    (void)kernels;
    (void)features;
    return false;
#endif
}

const snnk__moments *snnk__moments_choose(const snnk__kernels *kernels,
                                          const snnk__narrow *(*narrow)(void), int32_t precision,
                                          size_t rows, size_t features) {
    const snnk__moments *moments = &kernels->moments[precision];

#ifdef SNNK_KERNELS_AMX
    if (moments->number_bytes == sizeof(float) && rows >= SNNK__MOMENTS_AMX_ROWS &&
        amx_moments_pay(kernels, features) && narrow() == &snnk__narrow_amx)
        return &snnk__moments_amx;
#else
    (void)narrow;
    (void)rows;
    (void)features;
#endif
    return moments;
}

const snnk__moments *snnk__moments_get(int32_t precision, size_t rows, size_t features) {
    return snnk__moments_choose(snnk__kernels_get(), snnk__narrow_get, precision, rows, features);
}

size_t snnk__moments_columns(size_t features) {
    const snnk__kernels *kernels = snnk__kernels_get();

    if (amx_moments_pay(kernels, features)) return SNNK__MOMENTS_AMX_WIDTH;
    return kernels->moments[0].width; /* in double */
}

/* ---- Conversion ---- */

bool snnk__kernels_convert(void) {
    static atomic_int known; /* 1: no, 2: yes */
    int answer = atomic_load(&known);

    if (!answer) {
        answer = (snnk__cpu_features() & SNNK__CPU_AVX512_BF16) ? 2 : 1;
        atomic_store(&known, answer);
    }
    return answer == 2;
}

const char *snnk_kernels_name(void) { return snnk__kernels_get()->name; }
