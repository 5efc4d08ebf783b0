/* What the two files of the AMX table share. */
#ifndef SNNK_KERNELS_NARROW_AMX_H
#define SNNK_KERNELS_NARROW_AMX_H

#include "kernels/narrow.h"

/* Rows that share a pass over M where M does not stay in a cache. */
#define SNNK__AMX_TALL 96

/* From so many rows the unit is faster. Smaller matrices would leave most of a tile empty. */
enum { SNNK__AMX_ROWS = 8, SNNK__AMX_OUTPUTS = 32, SNNK__AMX_COLUMNS = 32 };

/* Whether a product of n rows goes through tiles. It has the same bits either way. */
static inline bool snnk__amx_pays(size_t n, const snnk__panels *M) {
    return n >= SNNK__AMX_ROWS && M->rows >= SNNK__AMX_OUTPUTS && M->columns >= SNNK__AMX_COLUMNS;
}

/* Make this thread treat subnormal numbers as zeros and round to nearest, as the unit does; and
 * restore the state that this returns. Call neither from the function that computes in between:
 * compilers do not see that arithmetic depends on the state. */
unsigned snnk__flush_subnormals(void);
void snnk__restore_state(unsigned state);

/* The bf16 product in AVX-512, with the sums of TDPBF16PS to the bit. The rounding one takes
 * SNNK__AMX_ROUNDED_COLUMNS. */
snnk__narrow_product snnk__amx_bf16_sums;
snnk__narrow_rounding snnk__amx_bf16_sums_rounded;
enum { SNNK__AMX_ROUNDED_COLUMNS = 256 };

#endif
