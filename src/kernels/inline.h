/* Macros that keep arrays of registers in registers. */
#ifndef SNNK_KERNELS_INLINE_H
#define SNNK_KERNELS_INLINE_H

#ifdef SNNK_SANITIZED
/* Sanitizers make the code of each tile many times as long, and compiling one file would take
 * minutes: one tile of each kind serves all sizes. The arithmetic is the same. */
#define INLINE static inline
#define UNROLLED for
#else
#define INLINE static inline __attribute__((always_inline))

/* Unroll a loop with a constant number of steps, so that arrays of registers stay in registers. */
#ifdef __clang__
#define UNROLLED _Pragma("clang loop unroll(full)") for
#else
#define UNROLLED _Pragma("GCC unroll 32") for
#endif
#endif

/* Keep the compiler from deriving a pointer from another one. */
#define V_HIDE(pointer) __asm__("" : "+r"(pointer))

/* CASE(1) ... CASE(6), CASE(8) or CASE(12) of a switch: each makes the number of rows a
 * constant. */
#define FOR_ROW_COUNTS(CASE)    CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
#define FOR_8_ROW_COUNTS(CASE)  FOR_ROW_COUNTS(CASE) CASE(7) CASE(8)
#define FOR_9_ROW_COUNTS(CASE)  FOR_8_ROW_COUNTS(CASE) CASE(9)
#define FOR_12_ROW_COUNTS(CASE) FOR_9_ROW_COUNTS(CASE) CASE(10) CASE(11) CASE(12)

#endif
