/* Patches and pooling in vectors; see kernels/window.h. Included by the kernels of an instruction
 * set, after vector_slope.h, which needs v_sqrt, and with V_SWAP of vector_hadamard.h. */
#ifndef SNNK_KERNELS_VECTOR_WINDOW_H
#define SNNK_KERNELS_VECTOR_WINDOW_H

#include "kernels/vector_apply.h"
#include "kernels/window.h"

/* The sum of all lanes, in each lane. */
INLINE floats v_sum(floats x) {
    x += (floats)V_SWAP(x, 1);
    x += (floats)V_SWAP(x, 2);
#if LANES > 4
    x += (floats)V_SWAP(x, 4);
#endif
#if LANES > 8
    x += (floats)V_SWAP(x, 8);
#endif
    return x;
}

/* Normalise one patch in place: `whole` floats in whole registers, then `last` of them, whose lanes
 * are 1 in `ones`. Its last register is written whole, too: a masked store would keep the loads of
 * the next patch waiting. */
INLINE void normalise(size_t whole, size_t last, floats ones, float floor, float *p) {
    const float share = 1 / (float)(whole + last);
    floats end = v_load_first(p + whole, last), sum = end;

    for (size_t k = 0; k < whole; k += LANES) sum += v_load(p + k);
    const floats mean = v_sum(sum) * share;
    end -= mean * ones;
    floats square = end * end;

    for (size_t k = 0; k < whole; k += LANES) {
        const floats x = v_load(p + k) - mean;

        v_store(p + k, x);
        square = v_fma(x, x, square);
    }
    const float scale = 1 / sqrtf(v_sum(square)[0] * share + floor);
    for (size_t k = 0; k < whole; k += LANES) v_store(p + k, v_load(p + k) * scale);
    v_store(p + whole, end * scale);
}

/* Copy runs of `length` floats. */
INLINE void copy_runs(const snnk__patches *how, size_t length, size_t n, const float *x,
                      float *patch, size_t ld) {
    for (size_t t = 0; t < n; t++, patch += ld)
        for (size_t s = 0; s < how->segments; s++) {
            const float *from = x + t * how->step + s * how->row;
            float *to = patch + s * length;
            size_t k = 0;

            for (; k + LANES <= length; k += LANES) v_store(to + k, v_load(from + k));
            if (k < length) v_store_first(to + k, v_load_first(from + k, length - k), length - k);
        }
}

/* All patches are copied before the first is normalised: a load of what several stores have just
 * written would wait for them. */
static void patches(const snnk__patches *how, size_t n, const float *x, float *to, size_t ld) {
    const size_t d = how->segments * how->length, whole = (d - 1) / LANES * LANES;
    float lanes[LANES];

    copy_runs(how, how->length, n, x, to, ld);
    if (!how->normalise) return;
    for (size_t k = 0; k < LANES; k++) lanes[k] = k < d - whole;
    const floats ones = v_load(lanes);

    for (size_t t = 0; t < n; t++) normalise(whole, d - whole, ones, how->floor, to + t * ld);
}

/* How v_pooled treats a register, as constants. */
typedef struct v_pool {
    int pool;
    bool negate, rectify;
} v_pool;

INLINE floats v_pooled(const v_pool how, float shift, floats z, floats sum) {
    floats x = how.negate ? shift - z : z;

    if (how.rectify) x = v_at_least(x, 0);
    switch (how.pool) {
    case SNNK__POOL_VALUES: return sum + x;
    case SNNK__POOL_SQUARES: return v_fma(x, x, sum);
    default: return v_select(x > sum, x, v_select(x == x, sum, x)); /* NaN stays */
    }
}

/* Four registers at once: a sum waits for the one before. */
INLINE void pool_columns(const v_pool how, float shift, size_t n, size_t count, const float *Z,
                         size_t ldz, float *sums) {
    size_t j = 0;

    for (; j + 4 * LANES <= count; j += 4 * LANES) {
        floats s[4];

        UNROLLED (int v = 0; v < 4; v++) s[v] = v_load(sums + j + (size_t)v * LANES);
        for (size_t t = 0; t < n; t++)
            UNROLLED (int v = 0; v < 4; v++)
                s[v] = v_pooled(how, shift, v_load(Z + t * ldz + j + (size_t)v * LANES), s[v]);
        UNROLLED (int v = 0; v < 4; v++) v_store(sums + j + (size_t)v * LANES, s[v]);
    }
    for (; j < count; j += LANES) {
        const size_t some = count - j < LANES ? count - j : LANES;
        floats s = v_load_first(sums + j, some);

        for (size_t t = 0; t < n; t++)
            s = v_pooled(how, shift, v_load_first(Z + t * ldz + j, some), s);
        v_store_first(sums + j, s, some);
    }
}

static void pool_add(const snnk__pooling *how, size_t n, size_t count, const float *Z, size_t ldz,
                     float *sums) {
#define POOL(kind, negate, rectify)                                                                \
    case (kind)*4 + (negate)*2 + (rectify):                                                        \
        pool_columns((v_pool){kind, negate, rectify}, how->shift, n, count, Z, ldz, sums);         \
        return;
#define POOLS(kind) POOL(kind, 0, 0) POOL(kind, 0, 1) POOL(kind, 1, 0) POOL(kind, 1, 1)
    switch (how->pool * 4 + how->negate * 2 + how->rectify) {
        POOLS(SNNK__POOL_VALUES)
        POOLS(SNNK__POOL_SQUARES)
        POOLS(SNNK__POOL_LARGEST)
    default: return;
    }
#undef POOLS
#undef POOL
}

static void pool_finish(const snnk__pooling *how, float scale, size_t count, float *sums) {
    for (size_t j = 0; j < count; j += LANES) {
        const size_t some = count - j < LANES ? count - j : LANES;
        floats x = v_load_first(sums + j, some);

        if (how->pool != SNNK__POOL_LARGEST) x *= scale;
        if (how->pool == SNNK__POOL_SQUARES) x = v_sqrt(x);
        if (how->root) x = v_sign_of(v_sqrt(v_abs(x)), x);
        v_store_first(sums + j, x, some);
    }
}

#endif
