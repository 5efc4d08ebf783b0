#include "base/cpu.h"

/* __builtin_cpu_supports, a compiler extension, also checks that the operating system saves the
 * wide registers, which the processor's feature bits do not show. */
uint32_t snnk__cpu_features(void) {
    uint32_t features = 0;

#if (defined(__x86_64__) || defined(__i386__)) && defined(__GNUC__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        features |= SNNK__CPU_AVX2_FMA;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        features |= SNNK__CPU_AVX512;
    if ((features & SNNK__CPU_AVX512) && __builtin_cpu_supports("avx512vnni"))
        features |= SNNK__CPU_AVX512_NARROW;
    if ((features & SNNK__CPU_AVX512_NARROW) && __builtin_cpu_supports("avx512bf16"))
        features |= SNNK__CPU_AVX512_BF16;
    /* Multiply-adds compared with float, measured: 2.0 times as many on Zen 4, half as many on
     * Sapphire Rapids. */
    if ((features & SNNK__CPU_AVX512_BF16) && __builtin_cpu_is("amd"))
        features |= SNNK__CPU_FAST_BF16;
#elif defined(__aarch64__) || defined(__ARM_NEON)
    features |= SNNK__CPU_NEON;
#endif
    return features;
}
