/* What the two files of the AMX table share. */
#ifndef SNNK_KERNELS_NARROW_AMX_H
#define SNNK_KERNELS_NARROW_AMX_H

#include "kernels/narrow.h"

/* Rows that share a pass over M where M does not stay in a cache. */
#define SNNK__AMX_TALL 96

/* From so many rows the unit is faster. Smaller matrices would leave most of a tile empty. */
enum { SNNK__AMX_ROWS = 8, SNNK__AMX_OUTPUTS = 32, SNNK__AMX_COLUMNS = 32 };

/* The same for pairs of bf16, whose three products cost AVX-512 three times as much. Not measured,
 * but counted: the three products of a tile wait for one another, 52 cycles each, in two chains at
 * once. That is 78 cycles for 16 x 32 weights; AVX-512 takes 80 for a row, and 48 for each more. */
enum { SNNK__AMX_PAIR_ROWS = 2 };

/* Whether a product of n rows goes through tiles. It has the same bits either way. */
static inline bool snnk__amx_pays(size_t n, const snnk__panels *M) {
    return n >= (M->low ? SNNK__AMX_PAIR_ROWS : SNNK__AMX_ROWS) && M->rows >= SNNK__AMX_OUTPUTS &&
           M->columns >= SNNK__AMX_COLUMNS;
}

/* Make this thread treat subnormal numbers as zeros and round to nearest, as the unit does; and
 * restore the state that this returns. Call neither from the function that computes in between:
 * compilers do not see that arithmetic depends on the state. */
unsigned snnk__flush_subnormals(void);
void snnk__restore_state(unsigned state);

/* The products of bf16 and of pairs in AVX-512, with the sums of TDPBF16PS to the bit. The rounding
 * one takes SNNK__AMX_ROUNDED_COLUMNS. */
snnk__narrow_product snnk__amx_bf16_sums, snnk__amx_bf16x3_sums;
snnk__narrow_rounding snnk__amx_bf16_sums_rounded;
enum { SNNK__AMX_ROUNDED_COLUMNS = 256 };

/* The sums over rows of backward passes. */
snnk__narrow_sums snnk__amx_correlate;

#endif
