/* Which instruction sets the processor and the operating system support. */
#ifndef SNNK_BASE_CPU_H
#define SNNK_BASE_CPU_H

#include <stdbool.h>
#include <stdint.h>

enum {
    SNNK__CPU_AVX2_FMA = 1 << 0, /* avx2 and fma */
    SNNK__CPU_AVX512 = 1 << 1,   /* avx512f, dq, bw, vl */
    SNNK__CPU_NEON = 1 << 2,
    SNNK__CPU_AVX512_NARROW = 1 << 3, /* SNNK__CPU_AVX512 and avx512_vnni */
    SNNK__CPU_AVX512_BF16 = 1 << 4,   /* SNNK__CPU_AVX512_NARROW and avx512_bf16 */
    SNNK__CPU_FAST_BF16 = 1 << 5,     /* SNNK__CPU_AVX512_BF16, at twice the speed of float */
    SNNK__CPU_AVX_VNNI = 1 << 6,      /* SNNK__CPU_AVX2_FMA and avx_vnni */
    SNNK__CPU_AMX =
        1 << 7, /* SNNK__CPU_AVX512_BF16 and amx_tile, amx_bf16, amx_int8. A process needs
                             * permission to use it: snnk__cpu_permit_amx */
    SNNK__CPU_NEON_DOT = 1 << 8 /* SNNK__CPU_NEON and dotprod */
};

/* The set of features that may be used on this machine. Every call returns the same. */
uint32_t snnk__cpu_features(void);

/* Ask the operating system to let this process use AMX, for good. False if it refuses: one that
 * does not know AMX does, and Linux does if a signal stack is too small for the tiles. Forked
 * children have the permission too. */
bool snnk__cpu_permit_amx(void);

#endif
