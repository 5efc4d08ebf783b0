/* Which instruction sets the processor and the operating system support. */
#ifndef SNNK_BASE_CPU_H
#define SNNK_BASE_CPU_H

#include <stdint.h>

enum {
    SNNK__CPU_AVX2_FMA = 1 << 0, /* avx2 and fma */
    SNNK__CPU_AVX512 = 1 << 1,   /* avx512f, dq, bw, vl */
    SNNK__CPU_NEON = 1 << 2,
    SNNK__CPU_AVX512_NARROW = 1 << 3, /* SNNK__CPU_AVX512 and avx512_vnni */
    SNNK__CPU_AVX512_BF16 = 1 << 4,   /* SNNK__CPU_AVX512_NARROW and avx512_bf16 */
    SNNK__CPU_FAST_BF16 = 1 << 5      /* SNNK__CPU_AVX512_BF16, at twice the speed of float */
};

/* The set of features that may be used on this machine. Every call returns the same. */
uint32_t snnk__cpu_features(void);

#endif
