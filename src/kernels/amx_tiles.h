/* Tiles of AMX: 8 registers of up to 16 rows of 64 bytes, and products of one tile with another.
 * Included by files that are compiled for AMX.
 *
 * Every asm statement clobbers the memory: compilers do not know what tiles read. (The intrinsics
 * of gcc 12 say so only of stores, and read 8 bytes of a configuration.) */
#ifndef SNNK_KERNELS_AMX_TILES_H
#define SNNK_KERNELS_AMX_TILES_H

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/size.h"
#include "kernels/inline.h"

#define TILE_ROWS  16
#define TILE_BYTES 64

/* What the instruction ldtilecfg reads. */
typedef struct snnk__tile_configuration {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} snnk__tile_configuration;

/* Shape the tiles for products of 1 ... 32 rows of A with two panels of M. Tiles 0 ... 3 hold sums:
 * of the first and the second 16 rows and panel; 4 and 5 rows of A; 6 and 7 panels. */
static inline void snnk__tiles_configure(size_t rows) {
    const size_t first = snnk__min_size(rows, TILE_ROWS), second = rows - first;
    const size_t of[] = {first, first, second, second, first, second, TILE_ROWS, TILE_ROWS};
    alignas(64) snnk__tile_configuration c = {.palette = 1};

    for (int t = 0; t < 8; t++) {
        c.rows[t] = (uint8_t)of[t];
        c.row_bytes[t] = of[t] ? TILE_BYTES : 0;
    }
    __asm__ volatile("ldtilecfg %0" ::"m"(c) : "memory");
}

static inline void snnk__tiles_release(void) { __asm__ volatile("tilerelease" ::: "memory"); }

#define TILE_ZERO(t) __asm__ volatile("tilezero %%tmm" #t ::: "memory")
#define TILE_LOAD(t, from, stride)                                                                 \
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #t ::"r"(from), "r"(stride) : "memory")
#define TILE_STORE(t, to, stride)                                                                  \
    __asm__ volatile("tilestored %%tmm" #t ", (%0,%1,1)" ::"r"(to), "r"(stride) : "memory")

/* sum += a m: of pairs of bf16, and of four signed bytes times unsigned ones. */
#define TILE_MULTIPLY_BF16(sum, a, m)                                                              \
    __asm__ volatile("tdpbf16ps %%tmm" #m ", %%tmm" #a ", %%tmm" #sum ::: "memory")
#define TILE_MULTIPLY_INT8(sum, a, m)                                                              \
    __asm__ volatile("tdpbsud %%tmm" #m ", %%tmm" #a ", %%tmm" #sum ::: "memory")

/* Of sums of up to 32 rows and columns: begin at zero; add the products of tiles 4 and 5 with 6 and
 * 7; write 32 x 32 floats. two_rows, two_columns: more than 16; constant at every call. */
INLINE void snnk__tiles_zero(const bool two_rows, const bool two_columns) {
    TILE_ZERO(0);
    if (two_columns) TILE_ZERO(1);
    if (two_rows) TILE_ZERO(2);
    if (two_rows && two_columns) TILE_ZERO(3);
}

INLINE void snnk__tiles_multiply_bf16(const bool two_rows, const bool two_columns) {
    TILE_MULTIPLY_BF16(0, 4, 6);
    if (two_columns) TILE_MULTIPLY_BF16(1, 4, 7);
    if (two_rows) TILE_MULTIPLY_BF16(2, 5, 6);
    if (two_rows && two_columns) TILE_MULTIPLY_BF16(3, 5, 7);
}

INLINE void snnk__tiles_store(const bool two_rows, const bool two_columns, float sums[32][32]) {
    TILE_STORE(0, sums[0], sizeof *sums);
    if (two_columns) TILE_STORE(1, sums[0] + TILE_ROWS, sizeof *sums);
    if (two_rows) TILE_STORE(2, sums[TILE_ROWS], sizeof *sums);
    if (two_rows && two_columns) TILE_STORE(3, sums[TILE_ROWS] + TILE_ROWS, sizeof *sums);
}

#endif
