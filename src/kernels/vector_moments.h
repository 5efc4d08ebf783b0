/* Second moments, in double and in float: see kernels/moments.h. Included by the kernels of an
 * instruction set, which define before:
 *
 *     doubles, floats               registers, and v_double_fma(a, b, c), v_fma(a, b, c)
 *     V_KEEP(x)                     asks the compiler to load x once, not with every use
 *     LANES                         floats in a register
 *     MOMENT_LEFT, MOMENT_RIGHT     columns of L and panels of R in a tile, at most 3 panels:
 *                                   MOMENT_LEFT MOMENT_RIGHT PANEL_VECTORS sums in registers
 *     MOMENT_AHEAD                  rows of L to prefetch ahead; 0 for none */
#ifndef SNNK_KERNELS_VECTOR_MOMENTS_H
#define SNNK_KERNELS_VECTOR_MOMENTS_H

#include <string.h>

#include "kernels/moments.h"

#define PANEL_VECTORS (16 / LANES) /* registers of 8 doubles, or of 16 floats: one row of a panel */

#define MOMENTS(name)       name##_doubles
#define NUMBER              double
#define VECTOR              doubles
#define VECTOR_FMA(a, b, c) v_double_fma(a, b, c)
#include "kernels/vector_moments_of.h"

#define MOMENTS(name)       name##_floats
#define NUMBER              float
#define VECTOR              floats
#define VECTOR_FMA(a, b, c) v_fma(a, b, c)
#include "kernels/vector_moments_of.h"

#define PACK(name) name##_doubles
#define SOURCE     float
#define NUMBER     double
#define PACK_WIDTH 8
#define PACK_PANEL (SNNK__PANEL_STRIDE * PACK_WIDTH)
#include "kernels/vector_pack_of.h"

#define PACK(name) name##_floats
#define SOURCE     float
#define NUMBER     float
#define PACK_WIDTH 16
#define PACK_PANEL (SNNK__PANEL_STRIDE * PACK_WIDTH)
#include "kernels/vector_pack_of.h"

#define PACK(name) name##_doubles_f64
#define SOURCE     double
#define NUMBER     double
#define PACK_WIDTH 8
#define PACK_PANEL (SNNK__PANEL_STRIDE * PACK_WIDTH)
#include "kernels/vector_pack_of.h"

#define PACK(name) name##_floats_f64
#define SOURCE     double
#define NUMBER     float
#define PACK_WIDTH 16
#define PACK_PANEL (SNNK__PANEL_STRIDE * PACK_WIDTH)
#include "kernels/vector_pack_of.h"

/* Tiles in a row, such that a panel stays in the L1 cache and their panels in L2. */
#define MOMENT_TILES 11

#define MOMENTS_TABLE                                                                              \
    {                                                                                              \
        {.number_bytes = sizeof(double),                                                           \
         .width = 8,                                                                               \
         .panel_bytes = SNNK__PANEL_STRIDE * 8 * sizeof(double),                                   \
         .panels = MOMENT_RIGHT,                                                                   \
         .tiles = MOMENT_TILES,                                                                    \
         .means = means_doubles,                                                                   \
         .means_f64 = means_doubles_f64,                                                           \
         .pack = pack_doubles,                                                                     \
         .pack_f64 = pack_doubles_f64,                                                             \
         .add = add_doubles},                                                                      \
        {                                                                                          \
            .number_bytes = sizeof(float), .width = 16,                                            \
            .panel_bytes = SNNK__PANEL_STRIDE * 16 * sizeof(float), .panels = MOMENT_RIGHT,        \
            .tiles = MOMENT_TILES, .means = means_floats, .means_f64 = means_floats_f64,           \
            .pack = pack_floats, .pack_f64 = pack_floats_f64, .add = add_floats                    \
        }                                                                                          \
    }

#endif
