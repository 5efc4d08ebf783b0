/* Functions of a register of floats, in the vector extension that gcc and clang share. Included by
 * the kernels of an instruction set, which define before:
 *
 *     LANES                       floats in a register
 *     V_FMA(a, b, c)              a b + c, rounded once
 *     V_ANY(mask)                 whether a comparison holds in any lane
 *     V_NEAREST(x)                x rounded to the nearest whole number; infinities stay
 *
 * The polynomials come from scripts/polynomials.py. tests/test_vector_math.c checks each error
 * bound given here, in units of the last place of the result (the distance of floats there, at
 * least 2^-149), over all floats. */
#ifndef SNNK_KERNELS_VECTOR_MATH_H
#define SNNK_KERNELS_VECTOR_MATH_H

#include <math.h>
#include <stdint.h>

#include "kernels/inline.h"

typedef float floats __attribute__((vector_size(4 * LANES)));
typedef int32_t ints __attribute__((vector_size(4 * LANES)));
typedef uint32_t uints __attribute__((vector_size(4 * LANES))); /* for sums that may wrap */

INLINE floats v_fma(floats a, floats b, floats c) { return (floats)V_FMA(a, b, c); }

/* mask ? a : b, mask: all ones or all zeros in each lane, as comparisons give. */
INLINE floats v_select(ints mask, floats a, floats b) {
    return (floats)((mask & (ints)a) | (~mask & (ints)b));
}

INLINE floats v_all(float x) { return x - (floats){0}; }
INLINE floats v_abs(floats x) { return (floats)((ints)x & INT32_MAX); }
INLINE floats v_sign_of(floats x, floats from) { /* |x| with the sign of from */
    return (floats)(((ints)x & INT32_MAX) | ((ints)from & INT32_MIN));
}
/* NaN in x stays NaN. */
INLINE floats v_at_least(floats x, float least) { return v_select(x < least, v_all(least), x); }
INLINE floats v_at_most(floats x, float most) { return v_select(x > most, v_all(most), x); }

INLINE floats v_polynomial(floats x, const float *coefficients, int degree) {
    floats sum = v_all(coefficients[degree]);

    for (int k = degree - 1; k >= 0; k--) sum = v_fma(sum, x, v_all(coefficients[k]));
    return sum;
}

/* x rounded to the nearest integer, |x| < 2^22: as float, and as int. */
static const float v_rounder = 0x1.8p23f;
INLINE floats v_round(floats x) { return (x + v_rounder) - v_rounder; }
INLINE ints v_round_int(floats x) {
    return (ints)((uints)(x + v_rounder) - (uints)v_all(v_rounder));
}

/* 2^n, -126 <= n <= 127. */
INLINE floats v_power_of_2(ints n) { return (floats)(((uints)n + 127) << 23); }

/* exp(x + low), |low| tiny compared with x. With low = 0: 1.1 ulp. */
INLINE floats v_exp_of_sum(floats x, floats low) {
    static const float p[] = {0.49999994f, 0.166665152f, 0.041668456f, 0.00836941879f,
                              0.00138131424f};
    const floats bounded = v_at_least(v_at_most(x, 89), -104);
    const floats n = v_round(bounded * 1.44269504f);
    const ints i = v_round_int(bounded * 1.44269504f), half = i >> 1;
    const floats head = v_fma(n, v_all(-0x1.62ep-1f), bounded); /* ln 2 as 15 bits and the rest */
    const floats r = v_fma(n, v_all(-0x1.0bfbe8p-15f), head) + low;

    return (v_fma(v_polynomial(r, p, 4), r * r, r) + 1) * v_power_of_2(half) *
           v_power_of_2(i - half);
}

INLINE floats v_exp(floats x) { return v_exp_of_sum(x, (floats){0}); }

/* For larger angles the C library is called. */
#define V_LARGEST_ANGLE 50000.0f

/* Replace the lanes of larger angles only, so that no lane depends on its neighbours. */
static void far_sin_cos(const floats *x, floats *sine, floats *cosine) {
    for (int i = 0; i < LANES; i++) {
        if (!(fabsf((*x)[i]) > V_LARGEST_ANGLE)) continue;
        (*sine)[i] = sinf((*x)[i]);
        (*cosine)[i] = cosf((*x)[i]);
    }
}

/* 2.5 ulp. */
INLINE void v_sin_cos(floats x, floats *sine, floats *cosine) {
    static const float s[] = {-0.166666538f, 0.0083321128f, -0.000195087414f};
    static const float c[] = {0.0416666456f, -0.00138872513f, 2.44256826e-5f};
    const floats n = v_round(x * 0.636619772f);
    const uints quadrant = (uints)v_round_int(x * 0.636619772f);
    /* pi/2 as 17 bits, 14 bits and the rest: the first two differences are exact. */
    floats r = v_fma(n, v_all(-0x1.921fp+0f), x);
    r = v_fma(n, v_all(-0x1.6a88p-17f), r);
    r = v_fma(n, v_all(-0x1.0b4612p-34f), r);

    const floats r2 = r * r;
    const floats sin_r = v_fma(v_polynomial(r2, s, 2), r2 * r, r);
    const floats cos_r = v_fma(v_polynomial(r2, c, 2), r2 * r2, v_fma(r2, v_all(-0.5f), v_all(1)));
    const ints swapped = (ints)((quadrant & 1) == 1);

    *sine = (floats)((uints)v_select(swapped, cos_r, sin_r) ^ ((quadrant & 2) << 30));
    *cosine = (floats)((uints)v_select(swapped, sin_r, cos_r) ^ (((quadrant + 1) & 2) << 30));
    if (V_ANY(v_abs(x) > V_LARGEST_ANGLE)) far_sin_cos(&x, sine, cosine);
}

/* (-1)^k sin(x - turns pi) for |x - turns pi| <= pi/2, or slightly more. */
INLINE floats v_sin_less_turns(floats x, floats turns, ints k) {
    static const float p[] = {-0.166666582f, 0.00833304971f, -0.000198083057f, 2.60277625e-6f};
    floats r = v_fma(turns, v_all(-0x1.921fp+1f), x); /* pi, split like pi/2 above */
    r = v_fma(turns, v_all(-0x1.6a88p-16f), r);
    r = v_fma(turns, v_all(-0x1.0b4612p-33f), r);
    const floats r2 = r * r, sine = v_fma(v_polynomial(r2, p, 3), r2 * r, r);

    return (floats)((uints)sine ^ ((uints)k << 31));
}

/* Only one of the two, for half of the work. 2.5 ulp; at most 1 + 2^-23. */
INLINE floats v_sin(floats x) {
    const floats turns = x * 0.318309886f;
    const floats near = v_sin_less_turns(x, v_round(turns), v_round_int(turns));

    if (V_ANY(v_abs(x) > V_LARGEST_ANGLE)) {
        floats sine = near, cosine = near;

        far_sin_cos(&x, &sine, &cosine);
        return sine;
    }
    return near;
}

/* cos x = sin(x + pi/2). As above. */
INLINE floats v_cos(floats x) {
    const floats turns = v_fma(x, v_all(0.318309886f), v_all(0.5f));
    const floats near = v_sin_less_turns(x, v_round(turns) - 0.5f, v_round_int(turns));

    if (V_ANY(v_abs(x) > V_LARGEST_ANGLE)) {
        floats sine = near, cosine = near;

        far_sin_cos(&x, &sine, &cosine);
        return cosine;
    }
    return near;
}

/* scale cos(2 pi t) = scale sin(2 pi (1/4 - |t - whole turns|)), p from scale as below. The
 * reduction is exact, so no angle is too large for it. 2.5 ulp with scale = 1. */
#define V_TURN_TERMS 5

INLINE void v_turn_polynomial(float scale, floats p[V_TURN_TERMS]) {
    static const float c[] = {6.28318548f, -41.3416824f, 81.6022873f, -76.5761642f, 39.7221413f};

    for (int k = 0; k < V_TURN_TERMS; k++) p[k] = v_all(scale * c[k]);
}

INLINE floats v_cos_turns(floats t, const floats p[V_TURN_TERMS]) {
    const floats q = 0.25f - v_abs(t - (floats)V_NEAREST(t)), q2 = q * q;
    floats sum = p[V_TURN_TERMS - 1];

    for (int k = V_TURN_TERMS - 2; k >= 0; k--) sum = v_fma(sum, q2, p[k]);
    return sum * q;
}

/* 1.5 ulp. */
INLINE floats v_tanh(floats x) {
    static const float p[] = {-0.333333313f, 0.133332059f,    -0.0539467633f,
                              0.0217007045f, -0.00817739964f, 0.00214296277f};
    const floats size = v_abs(x), x2 = x * x;
    const floats near = v_fma(v_polynomial(x2, p, 5), x2 * x, x);
    const floats far = 1 - 2 / (v_exp(2 * size) + 1);

    return v_select(size < 0.625f, near, v_sign_of(far, x));
}

/* 1/(1 + exp(-(x + low))). With low = 0: 2.5 ulp. */
INLINE floats v_sigmoid_of_sum(floats x, floats low) {
    const floats e =
        v_exp_of_sum(-v_abs(x), (floats)((ints)low ^ ((ints)x & INT32_MIN) ^ INT32_MIN));

    return v_select(x < 0, e, v_all(1)) / (1 + e);
}

INLINE floats v_sigmoid(floats x) { return v_sigmoid_of_sum(x, (floats){0}); }

/* x p where p -> 0 for x -> -infinity faster than 1/x. */
INLINE floats v_gate(floats x, floats p) { return v_at_least(x, -1e4f) * p; }

/* 3.5 ulp. */
INLINE floats v_silu(floats x) { return v_gate(x, v_sigmoid(x)); }

/* The normal distribution function at x is (1 + erf t)/2, t = x/sqrt(2). This function gives
 * exp(-t^2) erfcx(|t|)/2 = erfc(|t|)/2. */
INLINE floats v_normal_tail(floats x) {
    static const float p[] = {1.07400692f,      -0.88339448f,    0.590228319f,    -0.310466081f,
                              0.119528867f,     -0.0268393476f,  -0.00122521177f, 0.00307979085f,
                              -0.000485581695f, -0.000326577894f};
    const floats y = v_at_most(v_abs(x), 15), square = y * y;
    const floats low = v_fma(y, y, -square); /* y^2 = square + low: exp needs all the digits */
    const floats t_3 = v_fma(y, v_all(0.707106781f), v_all(3)), rough = 1 / t_3;
    const floats inverse_low = rough * v_fma(-rough, t_3, v_all(1)), inverse = rough + inverse_low;
    const floats q = v_fma(inverse_low, v_all(-6), v_fma(rough, v_all(-6), v_all(1)));
    const floats scaled = v_polynomial(q, p, 9) * inverse;

    return 0.5f * scaled * v_exp_of_sum(-0.5f * square, -0.5f * low);
}

/* x Phi(x): 6.5 ulp. */
INLINE floats v_gelu(floats x) {
    const floats tail = v_normal_tail(x);

    return v_gate(x, v_select(x < 0, tail, 1 - tail));
}

/* x sigmoid(2 u), u = sqrt(2/pi) (x + 0.044715 x^3), in two floats: 3.5 ulp. */
INLINE floats v_gelu_tanh(floats x) {
    const float k = 1.59576912f, k_low = -4.53406803e-8f; /* k + k_low = 2 sqrt(2/pi) */
    const floats b = v_at_least(v_at_most(x, 100), -100), b2 = b * b, b2_low = v_fma(b, b, -b2);
    const floats c = v_all(0.044715f), c_low = v_all(1.54614448e-09f), one = v_all(1);
    const floats h = c * b2, h_low = v_fma(c, b2, -h) + (c * b2_low + c_low * b2);
    const floats p = h + one, p_low = v_select(h > 1, one - (p - h), h - (p - one)) + h_low;
    const floats kb = k * b, kb_low = v_fma(v_all(k), b, -kb) + k_low * b;
    const floats u = kb * p, u_low = v_fma(kb, p, -u) + kb * p_low + kb_low * p;

    return v_gate(x, v_sigmoid_of_sum(u, u_low));
}

/* 3 ulp. */
INLINE floats v_softplus(floats x) {
    static const float p[] = {0.333333373f, 0.199994445f, 0.143082976f, 0.107153721f, 0.12144772f};
    const floats e = v_exp(-v_abs(x)), s = e / (2 + e), s2 = s * s;

    return v_at_least(x, 0) + 2 * v_fma(v_polynomial(s2, p, 4), s2 * s, s);
}

/* 1.5 ulp. */
INLINE floats v_erf(floats x) {
    static const float p[] = {0.128379166f,   -0.376126379f,    0.112837821f,    -0.0268654004f,
                              0.00522094546f, -0.000848282885f, 0.000112569491f, -9.64151877e-6f};
    const floats near = v_fma(v_polynomial(x * x, p, 7), x, x);
    const floats far = 1 - 2 * v_normal_tail(x * 1.41421356f);

    return v_select(v_abs(x) < 1, near, v_sign_of(far, x));
}

#endif
