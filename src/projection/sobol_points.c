#include "projection/sobol_points.h"

#include "base/random.h"

/* A 64-bit mixer: splitmix64's (Steele, Lea & Flood 2014). */
static uint64_t mix(uint64_t z) {
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static const uint64_t golden = UINT64_C(0x9e3779b97f4a7c15);

static int degree_of(uint32_t polynomial) {
    int degree = -1;

    for (; polynomial; polynomial >>= 1) degree++;
    return degree;
}

/* Set m[i] to direction number m_(i+1) of a dimension, i < count <= 32, by the recurrence of its
 * polynomial: m_i = 2 a_1 m_(i-1) ^ 4 a_2 m_(i-2) ^ ... ^ 2^s m_(i-s) ^ m_(i-s). */
static void direction_numbers(size_t dimension, int count, uint32_t *m) {
    if (dimension == 0) {
        for (int i = 0; i < count; i++) m[i] = 1;
        return;
    }
    const uint16_t *row = snnk__sobol_table[dimension - 1];
    const uint32_t polynomial = row[0];
    const int degree = degree_of(polynomial);

    for (int i = 0; i < count; i++) {
        if (i < degree) {
            m[i] = row[1 + i];
            continue;
        }
        m[i] = m[i - degree];
        for (int j = 1; j <= degree; j++)
            if (polynomial >> (degree - j) & 1) m[i] ^= m[i - j] << j;
    }
}

uint32_t snnk__sobol_bits(size_t dimension, uint32_t index) {
    uint32_t m[32], x = 0;
    int count = degree_of(index) + 1;

    direction_numbers(dimension, count, m);
    for (int i = 0; i < count; i++)
        if (index >> i & 1) x ^= m[i] << (31 - i);
    return x;
}

uint32_t snnk__owen_scramble(uint32_t x, uint64_t key) {
    uint32_t scrambled = x;

    for (int i = 0; i < 32; i++) {
        /* The bits above bit i, with a leading one so that their number also counts. */
        const uint64_t above = i == 0 ? 1 : (uint64_t)1 << i | x >> (32 - i);

        if (mix(key + above * golden) >> 63) scrambled ^= UINT32_C(0x80000000) >> i;
    }
    return scrambled;
}

/* Permute the indices within each run of 2^k ... 2^(k+1) - 1: each half of the k bits below the
 * leading one is flipped in turn by a hash of the other half (a Feistel network; Luby & Rackoff
 * 1988). Flips that do not depend on the index would only give the same points with another
 * scramble. */
static uint32_t reordered(uint32_t index, uint64_t key) {
    const int k = degree_of(index);

    if (k < 1) return index;
    const uint32_t run = UINT32_C(1) << k, low = (UINT32_C(1) << k / 2) - 1, high = (run - 1) ^ low;
    uint32_t i = index ^ run;

    for (uint64_t round = 0; round < 6; round++) {
        const uint32_t half = round % 2 ? low : high;

        i ^= (uint32_t)mix((key ^ (i & ~half)) + (32 * round + (uint64_t)k) * golden) & half;
    }
    return run | i;
}

/* A key for each (seed, dimension), and for each (seed, round). */
static uint64_t key_of(uint64_t seed, uint64_t i, uint32_t which) {
    double u[2];

    snnk__random_uniform(seed, SNNK__STREAM_SCRAMBLE, i, 2 * which, 2, u);
    return (uint64_t)(u[0] * 0x1p53) << 11 ^ mix((uint64_t)(u[1] * 0x1p53));
}

void snnk__sobol_point(uint64_t seed, uint32_t index, size_t n_dimensions, double *point) {
    uint32_t at = index;

    for (size_t k = 0; k < n_dimensions; k++) {
        const size_t round = k / SNNK__SOBOL_DIMENSIONS;
        const uint64_t key = key_of(seed, k, 0);

        if (round > 0 && k % SNNK__SOBOL_DIMENSIONS == 0)
            at = reordered(index, key_of(seed, round, 1));
        const uint32_t x =
            snnk__owen_scramble(snnk__sobol_bits(k % SNNK__SOBOL_DIMENSIONS, at), key);
        /* 20 more bits below, which depend on the point only. */
        const uint64_t low = mix(key ^ ((uint64_t)at + 1) * golden) >> 44;

        point[k] = (double)((uint64_t)x << 20 | low) * 0x1p-52 + 0x1p-53;
    }
}
