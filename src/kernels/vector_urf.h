/* Universal random features in vectors: see kernels/urf.h. Included by the kernels of an
 * instruction set, after vector_apply.h. They define before:
 *
 *     doubles                            a register of LANES/2 doubles
 *     doubles v_lower(x), v_upper(x)     half of the lanes of x
 *     floats v_join(lower, upper)        rounded
 *     doubles v_double_fma(a, b, c) */
#ifndef SNNK_KERNELS_VECTOR_URF_H
#define SNNK_KERNELS_VECTOR_URF_H

#include "kernels/vector_apply.h"

/* What LANES rows share for both signs of z: exponents and phases without z, and the factors of
 * z. */
typedef struct urf_base {
    floats z_exponent, z_phase;
    doubles exponent[2], phase[2];
} urf_base;

INLINE doubles v_all_doubles(double x) { return x - (doubles){0}; }

/* In double, because |x~|^2 of finite inputs may exceed the range of float, and terms may
 * cancel. */
INLINE urf_base urf_base_of(const snnk__urf_rows *rows, size_t j, size_t count,
                            snnk__urf_scalars scalars) {
    const floats norm_exponent = v_load_first(rows->norm_exponent + j, count);
    const floats norm_phase = v_load_first(rows->norm_phase + j, count);
    const floats t_exponent = v_load_first(rows->t_exponent + j, count);
    const floats t_phase = v_load_first(rows->t_phase + j, count);
    const floats constant = v_load_first(rows->constant + j, count);
    const doubles norm2 = v_all_doubles(scalars.norm2), t = v_all_doubles(scalars.t);

    return (urf_base){
        .z_exponent = v_load_first(rows->z_exponent + j, count),
        .z_phase = v_load_first(rows->z_phase + j, count),
        .exponent = {v_double_fma(v_lower(norm_exponent), norm2,
                                  v_double_fma(v_lower(t_exponent), t, v_lower(constant))),
                     v_double_fma(v_upper(norm_exponent), norm2,
                                  v_double_fma(v_upper(t_exponent), t, v_upper(constant)))},
        .phase = {v_double_fma(v_lower(norm_phase), norm2, v_lower(t_phase) * t),
                  v_double_fma(v_upper(norm_phase), norm2, v_upper(t_phase) * t)},
    };
}

/* The angle minus whole turns; accurate for |angle| < 2^50. */
INLINE doubles v_without_turns(doubles angle) {
    const double rounder = 0x1.8p52;
    const doubles turns = (angle * 0.15915494309189533577 + rounder) - rounder;

    return v_double_fma(turns, v_all_doubles(-6.283185307179586476925), angle);
}

/* exp of the limited exponent; for parts = 2, its products with the cosine and the sine of the
 * phase. */
INLINE void urf_features(const urf_base *base, size_t parts, floats z, floats *cosine,
                         floats *sine) {
    const doubles z0 = v_lower(z), z1 = v_upper(z);
    const floats exponent = v_join(v_double_fma(v_lower(base->z_exponent), z0, base->exponent[0]),
                                   v_double_fma(v_upper(base->z_exponent), z1, base->exponent[1]));
    const floats size = v_exp(v_at_most(exponent, SNNK__URF_LARGEST_EXPONENT));

    *cosine = size;
    if (parts == 1) return;
    floats phase =
        v_join(v_without_turns(v_double_fma(v_lower(base->z_phase), z0, base->phase[0])),
               v_without_turns(v_double_fma(v_upper(base->z_phase), z1, base->phase[1])));

    /* If the turns of an angle are beyond double's precision, the angle may be anything, and the
     * remainder may be too large for a float. NaN stays NaN. */
    phase = v_select(v_abs(phase) > 4.0f, (floats){0}, phase);
    v_sin_cos(phase, sine, cosine);
    *cosine *= size;
    *sine *= size;
}

/* a[0], b[0], c[0], d[0], a[1] ... d[count-1]. */
INLINE void v_store_quads(float *p, floats a, floats b, floats c, floats d, size_t count) {
    float ac[2 * LANES], bd[2 * LANES];

    v_store_pairs(ac, a, c, LANES);
    v_store_pairs(bd, b, d, LANES);
    v_store_pairs(p, v_load(ac), v_load(bd), 2 * count < LANES ? 2 * count : LANES);
    if (2 * count > LANES)
        v_store_pairs(p + 2 * LANES, v_load(ac + LANES), v_load(bd + LANES), 2 * count - LANES);
}

/* The same as snnk__urf_apply. z may be the last values of phi: each register is read before its
 * features, and those of later registers, are written. */
static void apply_urf(const snnk__urf_table *table, size_t first, size_t count,
                      snnk__urf_scalars scalars, const float *z, float *phi) {
    const size_t parts = table->parts, width = table->signs * parts;
    const bool finite = isfinite(scalars.norm2);

    for (size_t j = 0; j < count; j += LANES, phi += width * LANES) {
        const size_t left = count - j < LANES ? count - j : LANES;
        const urf_base base = urf_base_of(&table->rows, first + j, left, scalars);
        floats x = v_load_first(z + j, left);
        floats c, s = {0}, minus_c = {0}, minus_s = {0};

        /* If a projection overflows although |x~|^2 is finite, take z = 0, so that |x~|^2
         * decides. */
        if (finite) x = v_select(v_abs(x) <= 0x1.fffffep127f, x, (floats){0});
        urf_features(&base, parts, x, &c, &s);
        if (table->signs == 2) urf_features(&base, parts, -x, &minus_c, &minus_s);
        if (width == 1)
            v_store_first(phi, c, left);
        else if (width == 4)
            v_store_quads(phi, c, s, minus_c, minus_s, left);
        else
            v_store_pairs(phi, c, parts == 2 ? s : minus_c, left);
    }
}

#endif
