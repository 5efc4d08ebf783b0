/* Compiled with -ffp-contract=off: a fused a*b+c would change bits that IEEE 754 fixes (see
 * snnk__normal_quantile). */
#include "base/random.h"

#include <Random123/philox.h>
#include <math.h>
#include <string.h>

#include "base/size.h"

/* Entries 2k and 2k+1 of row i come from one Philox block: counter (k, stream, i), key seed. */
static void uniform_pair(uint64_t seed, uint32_t stream, uint64_t i, uint32_t k, double out[2]) {
    const philox4x32_ctr_t counter = {{k, stream, (uint32_t)i, (uint32_t)(i >> 32)}};
    const philox4x32_key_t key = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
    const philox4x32_ctr_t draw = philox4x32(counter, key);

    for (int half = 0; half < 2; half++) {
        const uint64_t bits = (uint64_t)draw.v[2 * half] | (uint64_t)draw.v[2 * half + 1] << 32;
        out[half] = ((double)(bits >> 12) + 0.5) * 0x1p-52;
    }
}

void snnk__random_uniform(uint64_t seed, uint32_t stream, uint64_t i, uint32_t first, size_t n,
                          double *out) {
    size_t done = 0;
    double pair[2];

    while (done < n) {
        const uint32_t j = first + (uint32_t)done;

        uniform_pair(seed, stream, i, j / 2, pair);
        out[done++] = pair[j % 2];
        if (j % 2 == 0 && done < n) out[done++] = pair[1];
    }
}

void snnk__random_normal(uint64_t seed, uint32_t stream, uint64_t i, uint32_t first, size_t n,
                         double *out) {
    snnk__random_uniform(seed, stream, i, first, n, out);
    for (size_t k = 0; k < n; k++) out[k] = snnk__normal_quantile(out[k]);
}

void snnk__random_order(uint64_t seed, size_t n, size_t count, size_t *order) {
    for (size_t i = 0; i < n; i++) order[i] = i;
    for (size_t i = 0; i < count; i++) {
        double u;

        snnk__random_uniform(seed, SNNK__STREAM_SAMPLE, i, 0, 1, &u);
        const size_t j = snnk__min_size(i + (size_t)(u * (double)(n - i)), n - 1);
        const size_t kept = order[i];

        order[i] = order[j];
        order[j] = kept;
    }
}

/* log(p) for a normal number 0 < p < 1, by operations that IEEE 754 fixes to the last bit: p = 2^e
 * f with f in [sqrt(1/2), sqrt(2)), and log f = 2 atanh(s), s = (f-1)/(f+1), |s| < 0.172, by its
 * Taylor series; relative error about 3e-16. */
static double exact_log(double p) {
    uint64_t bits;
    double f;

    memcpy(&bits, &p, sizeof bits);
    int exponent = (int)(bits >> 52) - 1022; /* p = f 2^exponent, f in [1/2, 1) */
    bits = (bits & 0x000fffffffffffffu) | 0x3fe0000000000000u;
    memcpy(&f, &bits, sizeof f);
    if (f < 0.70710678118654752) {
        f *= 2;
        exponent--;
    }

    const double s = (f - 1) / (f + 1), s2 = s * s;
    double series = 0;
    for (int k = 21; k >= 3; k -= 2) series = (series + 1.0 / k) * s2;
    /* ln 2 split so that exponent * high is exact (|exponent| < 2^11). */
    const double ln2_high = 0x1.62e42fefa38p-1, ln2_low = 0x1.ef35793c7673p-45;
    return exponent * ln2_high + (exponent * ln2_low + 2 * s * series + 2 * s);
}

static double polynomial(const double c[8], double x) {
    double sum = c[7];

    for (int k = 6; k >= 0; k--) sum = sum * x + c[k];
    return sum;
}

double snnk__normal_quantile(double p) {
    /* Wichura 1988, "The percentage points of the normal distribution", Applied Statistics 37,
     * routine PPND16. */
    static const double a[8] = {3.3871328727963666080e0,  1.3314166789178437745e+2,
                                1.9715909503065514427e+3, 1.3731693765509461125e+4,
                                4.5921953931549871457e+4, 6.7265770927008700853e+4,
                                3.3430575583588128105e+4, 2.5090809287301226727e+3};
    static const double b[8] = {1.0,
                                4.2313330701600911252e+1,
                                6.8718700749205790830e+2,
                                5.3941960214247511077e+3,
                                2.1213794301586595867e+4,
                                3.9307895800092710610e+4,
                                2.8729085735721942674e+4,
                                5.2264952788528545610e+3};
    static const double c[8] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                                5.76949722146069140550e0,  3.64784832476320460504e0,
                                1.27045825245236838258e0,  2.41780725177450611770e-1,
                                2.27238449892691845833e-2, 7.74545014278341407640e-4};
    static const double d[8] = {1.0,
                                2.05319162663775882187e0,
                                1.67638483018380384940e0,
                                6.89767334985100004550e-1,
                                1.48103976427480074590e-1,
                                1.51986665636164571966e-2,
                                5.47593808499534494600e-4,
                                1.05075007164441684324e-9};
    static const double e[8] = {6.65790464350110377720e0,  5.46378491116411436990e0,
                                1.78482653991729133580e0,  2.96560571828504891230e-1,
                                2.65321895265761230930e-2, 1.24266094738807843860e-3,
                                2.71155556874348757815e-5, 2.01033439929228813265e-7};
    static const double f[8] = {1.0,
                                5.99832206555887937690e-1,
                                1.36929880922735805310e-1,
                                1.48753612908506148525e-2,
                                7.86869131145613259100e-4,
                                1.84631831751005468180e-5,
                                1.42151175831644588870e-7,
                                2.04426310338993978564e-15};
    const double q = p - 0.5;

    if (fabs(q) <= 0.425) {
        const double r = 0.180625 - q * q;
        return q * polynomial(a, r) / polynomial(b, r);
    }
    const double tail = sqrt(-exact_log(q < 0 ? p : 1 - p));
    const double z = tail <= 5 ? polynomial(c, tail - 1.6) / polynomial(d, tail - 1.6)
                               : polynomial(e, tail - 5) / polynomial(f, tail - 5);
    return q < 0 ? -z : z;
}

double snnk__random_chi(uint64_t seed, uint32_t stream, uint64_t i, size_t degrees) {
    double normal, uniform;

    if (degrees == 1) {
        snnk__random_normal(seed, stream, i, 0, 1, &normal);
        return fabs(normal);
    }
    /* chi^2 is twice a gamma variable of shape degrees / 2 = a + 1/3. Candidates are a * v; each is
     * accepted with a probability above 0.95. */
    const double a = (double)degrees / 2 - 1.0 / 3, c = 1 / sqrt(9 * a);

    for (uint32_t attempt = 0;; attempt += 2) {
        snnk__random_normal(seed, stream, i, attempt, 1, &normal);
        snnk__random_uniform(seed, stream, i, attempt + 1, 1, &uniform);
        const double root = 1 + c * normal, v = root * root * root;

        if (root > 0 && exact_log(uniform) < normal * normal / 2 + a - a * v + a * exact_log(v))
            return sqrt(2 * a * v);
    }
}
