/* Walsh-Hadamard transforms and HD3 projections in vectors. Included by the kernels of an
 * instruction set, after vector_apply.h. They define before:
 *
 *     V_SWAP(x, h)     x with each run of h lanes exchanged with the next run; h = 1, 2 ... LANES/2
 *                      is a constant
 *     MOST_RADIX       8, or 16 if 16 registers and a few more exist
 *     V_STREAM(p, x)   store x at p, a multiple of its size, past the caches
 *     V_FENCE()        after such stores: other threads see them
 *
 * and, if loads can repeat lanes without a unit that adds:
 *
 *     V_EVEN(p), V_ODD(p)      p[0] p[0] p[2] p[2] ..., and p[1] p[1] p[3] p[3] ...
 *     V_PAIRS(p)               p[0] p[1] p[0] p[1] p[4] p[5] p[4] p[5] ...
 *     V_FMSUBADD(a, b, c)      a b + c in even lanes, a b - c in odd lanes
 *
 * Additions are the limit, so a transform of log2(n) levels should do little else. It takes two
 * passes over the data up to n = MOST_RADIX^2 LANES: levels between registers
 * are done while 8 or 16 registers are loaded. Levels within a register need lanes beside each
 * other. Loads that repeat lanes give that for one level in each pass; the other levels
 * take a shuffle. */
#ifndef SNNK_KERNELS_VECTOR_HADAMARD_H
#define SNNK_KERNELS_VECTOR_HADAMARD_H

#include <stdalign.h>

#include "kernels/hadamard.h"
#include "kernels/vector_apply.h"

/* +1 in lanes whose number does not have bit h, otherwise -1. */
alignas(64) static const float lane_signs[4][16] = {
    {1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1},
    {1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1},
    {1, 1, 1, 1, -1, -1, -1, -1, 1, 1, 1, 1, -1, -1, -1, -1},
    {1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1, -1},
};

/* The level of stride 1 of x times signs. */
INLINE floats signed_level_1(const float *x, const float *signs) {
#ifdef V_EVEN
    return V_FMSUBADD(V_EVEN(x), V_EVEN(signs), V_ODD(x) * V_ODD(signs));
#else
    const floats y = v_load(x) * v_load(signs);

    return v_fma(y, v_load(lane_signs[0]), V_SWAP(y, 1));
#endif
}

/* The level of stride 2. Two floats after x are read too. */
INLINE floats level_2(const float *x) {
#ifdef V_PAIRS
    return v_fma(V_PAIRS(x + 2), v_load(lane_signs[1]), V_PAIRS(x));
#else
    const floats y = v_load(x);

    return v_fma(y, v_load(lane_signs[1]), V_SWAP(y, 2));
#endif
}

/* The levels between `count` registers, a constant power of two at every call. */
INLINE void between_registers(const int count, floats x[MOST_RADIX]) {
    UNROLLED (int h = 1; h < count; h *= 2)
        UNROLLED (int i = 0; i < count; i++)
            if (!(i & h)) {
                const floats a = x[i], b = x[i + h];

                x[i] = a + b;
                x[i + h] = a - b;
            }
}

/* The radix is made a constant by one of these. */
#define CASE_RADIX(radix, call)                                                                    \
    case radix:                                                                                    \
        call(radix);                                                                               \
        break;
#if MOST_RADIX >= 16
#define SWITCH_RADIX(radix, call)                                                                  \
    do {                                                                                           \
        switch (radix) {                                                                           \
            CASE_RADIX(1, call)                                                                    \
            CASE_RADIX(2, call)                                                                    \
            CASE_RADIX(4, call)                                                                    \
            CASE_RADIX(8, call)                                                                    \
            CASE_RADIX(16, call)                                                                   \
        }                                                                                          \
    } while (0)
#else
#define SWITCH_RADIX(radix, call)                                                                  \
    do {                                                                                           \
        switch (radix) {                                                                           \
            CASE_RADIX(1, call)                                                                    \
            CASE_RADIX(2, call)                                                                    \
            CASE_RADIX(4, call)                                                                    \
            CASE_RADIX(8, call)                                                                    \
        }                                                                                          \
    } while (0)
#endif

/* ---- The first pass: signs, strides 1 and 4 (of 16 lanes), LANES ... LANES count/2 ---- */

INLINE void first_pass_of(const int count, size_t n, const float *x, const float *signs,
                          float *data) {
    for (size_t i = 0; i < n; i += (size_t)count * LANES) {
        floats r[MOST_RADIX];

        UNROLLED (int j = 0; j < count; j++) {
            const size_t k = i + (size_t)j * LANES;

            r[j] = signed_level_1(x + k, signs + k);
#if LANES >= 16
            r[j] = v_fma(r[j], v_load(lane_signs[2]), V_SWAP(r[j], 4));
#endif
        }
        between_registers(count, r);
        UNROLLED (int j = 0; j < count; j++) v_store(data + i + (size_t)j * LANES, r[j]);
    }
}

static void first_pass(size_t radix, size_t n, const float *x, const float *signs, float *data) {
#define FIRST_PASS(count) first_pass_of(count, n, x, signs, data)
    SWITCH_RADIX(radix, FIRST_PASS);
}

/* ---- Passes between: strides h ... h count/2 ---- */

INLINE void middle_pass_of(const int count, size_t n, size_t h, float *data) {
    for (size_t block = 0; block < n; block += (size_t)count * h)
        for (size_t i = block; i < block + h; i += LANES) {
            floats r[MOST_RADIX];

            UNROLLED (int j = 0; j < count; j++) r[j] = v_load(data + i + (size_t)j * h);
            between_registers(count, r);
            UNROLLED (int j = 0; j < count; j++) v_store(data + i + (size_t)j * h, r[j]);
        }
}

static void middle_pass(size_t radix, size_t n, size_t h, float *data) {
#define MIDDLE_PASS(count) middle_pass_of(count, n, h, data)
    SWITCH_RADIX(radix, MIDDLE_PASS);
}

/* ---- The last pass: stride 2, LANES/2 (of 8 and 16 lanes), n/count ... n/2 ---- */

/* What is done with the sums y of a group of rows. */
typedef enum finish_kind {
    KEEP,    /* to = y; may be what was read */
    PROJECT, /* to = scale y + offset */
    COSINES, /* to = gain cos(2 pi (scale y + offset)) */
    STREAM   /* the same, written past the caches; to is aligned */
} finish_kind;

typedef struct finish {
    finish_kind kind;
    const float *scale, *offset;
    float gain;
    float *to;
} finish;

INLINE void last_pass_of(const int count, const finish_kind kind, size_t n, const float *data,
                         const finish *f) {
    const size_t h = n / (size_t)count;
    const float *scale = f->scale, *offset = f->offset;
    float *to = f->to;
    floats p[V_TURN_TERMS];

    v_turn_polynomial(f->gain, p);
    for (size_t i = 0; i < h; i += LANES) {
        floats r[MOST_RADIX];

        UNROLLED (int j = 0; j < count; j++) {
            r[j] = level_2(data + i + (size_t)j * h);
#if LANES >= 8
            r[j] = v_fma(r[j], v_load(lane_signs[LANES / 8 + 1]), V_SWAP(r[j], LANES / 2));
#endif
        }
        between_registers(count, r);
        UNROLLED (int j = 0; j < count; j++) {
            const size_t k = i + (size_t)j * h;

            if (kind != KEEP) r[j] = v_fma(v_load(scale + k), r[j], v_load(offset + k));
            if (kind == STREAM)
                V_STREAM(to + k, v_cos_turns(r[j], p));
            else
                v_store(to + k, kind == COSINES ? v_cos_turns(r[j], p) : r[j]);
        }
    }
}

static void last_pass(size_t radix, size_t n, const float *data, const finish *f) {
#define LAST_KEEP(count)    last_pass_of(count, KEEP, n, data, f)
#define LAST_PROJECT(count) last_pass_of(count, PROJECT, n, data, f)
#define LAST_COSINES(count) last_pass_of(count, COSINES, n, data, f)
#define LAST_STREAM(count)  last_pass_of(count, STREAM, n, data, f)
    switch (f->kind) {
    case KEEP: SWITCH_RADIX(radix, LAST_KEEP); return;
    case PROJECT: SWITCH_RADIX(radix, LAST_PROJECT); return;
    case COSINES: SWITCH_RADIX(radix, LAST_COSINES); return;
    case STREAM: SWITCH_RADIX(radix, LAST_STREAM); return;
    }
}

/* ---- All passes ---- */

static size_t at_most(size_t x, size_t most) { return x < most ? x : most; }

/* The largest radix for registers that many floats apart. 4 KB apart they share a set of the
 * first-level cache, which has room for 8. */
static size_t most_radix(size_t stride) { return stride * sizeof(float) < 4096 ? MOST_RADIX : 8; }

/* The radix of the first pass, so that the last one has work enough. */
static size_t first_radix(size_t registers) {
    const size_t rest = registers / MOST_RADIX;

    if (registers <= MOST_RADIX) return registers;
    return rest < 4 ? 4 : at_most(rest, MOST_RADIX);
}

/* Apply H diag(signs) of order n >= LANES to x. data: n + LANES floats, may be x. */
static void signed_hadamard(size_t n, const float *x, const float *signs, float *data,
                            const finish *f) {
    const size_t first = first_radix(n / LANES);
    const size_t last = at_most(n / LANES / first, most_radix(n / MOST_RADIX));
    size_t h = first * LANES;

    first_pass(first, n, x, signs, data);
    while (h < n / last) {
        const size_t radix = at_most(n / last / h, most_radix(h));

        middle_pass(radix, n, h, data);
        h *= radix;
    }
    last_pass(last, n, data, f);
}

/* ---- Projections ---- */

/* Set `to` (order floats) to (x - mean) * input_scale and zeros. */
static void scale_inputs(const snnk__hd3 *hd3, size_t d, const float *x, float *to) {
    size_t k = 0;

    for (; k < d; k += LANES) {
        const size_t left = at_most(d - k, LANES);
        floats y = v_load_first(x + k, left);

        if (hd3->mean) y -= v_load_first(hd3->mean + k, left);
        if (hd3->input_scale) y *= v_load_first(hd3->input_scale + k, left);
        v_store_first(to + k, y, at_most(hd3->order - k, LANES));
    }
    for (; k < hd3->order; k++) to[k] = 0;
}

/* Finish `count` sums y: the rows of a group that is not whole. */
static void finish_some(size_t count, const float *y, const finish *f) {
    floats p[V_TURN_TERMS];

    v_turn_polynomial(f->gain, p);
    for (size_t k = 0; k < count; k += LANES) {
        const size_t left = at_most(count - k, LANES);
        const floats z = v_fma(v_load_first(f->scale + k, left), v_load_first(y + k, left),
                               v_load_first(f->offset + k, left));

        v_store_first(f->to + k, f->kind != PROJECT ? v_cos_turns(z, p) : z, left);
    }
}

/* Apply the three transforms of the group of row `first`, and finish `count` rows of it. */
static void transform(const snnk__hd3 *hd3, size_t d, const float *x, size_t first, size_t count,
                      const finish *f, float *work) {
    const size_t order = hd3->order, within = first % order;
    const float *signs = hd3->signs + 3 * (first - within);
    const finish keep = {.kind = KEEP, .to = work};
    const bool whole = count == order;

    if (d < order || hd3->mean || hd3->input_scale) {
        scale_inputs(hd3, d, x, work);
        x = work;
    }
    signed_hadamard(order, x, signs, work, &keep);
    signed_hadamard(order, work, signs + order, work, &keep);
    signed_hadamard(order, work, signs + 2 * order, work, whole ? f : &keep);
    if (!whole) finish_some(count, work + within, f);
}

static void hd3(const snnk__hd3 *hd3, size_t d, const float *x, const float *offset, size_t first,
                size_t count, float *z, float *work) {
    const finish f = {.kind = PROJECT, .scale = hd3->scale + first, .offset = offset, .to = z};

    if (hd3->order < LANES)
        snnk__hd3_project(hd3, d, x, offset, first, count, z, work);
    else
        transform(hd3, d, x, first, count, &f, work);
}

static void hd3_cosines(const snnk__hd3 *hd3, size_t d, const float *x, size_t first, size_t count,
                        float gain, bool stream, float *phi, float *work) {
    const bool aligned = (uintptr_t)phi % (LANES * sizeof *phi) == 0;
    const finish f = {.kind = stream && aligned ? STREAM : COSINES,
                      .scale = hd3->turn_scale + first,
                      .offset = hd3->turn_offset + first,
                      .gain = gain,
                      .to = phi};

    if (hd3->order < LANES) {
        snnk__hd3_project(hd3, d, x, hd3->offset + first, first, count, phi, work);
        apply_activation(SNNK_COS, gain, count, phi, phi);
    } else {
        transform(hd3, d, x, first, count, &f, work);
        /* Once: fences after each group of a few rows take more time than the transforms. */
        if (stream && first + count == hd3->rows) V_FENCE();
    }
}

#endif
