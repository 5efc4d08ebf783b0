#!/usr/bin/env python3
"""Write normals.h: draws of the library's generator, made without the library.

Philox4x32-10 is written out from Salmon, Moraes, Dror & Shaw 2011 (figure 4 and table 2); the
uniform draw and the normal quantile repeat, operation by operation in IEEE double, what
src/base/random.h promises. Python rounds each + - * / and math.sqrt once and never contracts, so
the bits must be the library's. Every normal is also compared here with statistics.NormalDist.

    python3 make_normals.py | clang-format > normals.h
"""
import math
import statistics
import struct

MASK = 0xFFFFFFFF


def philox4x32(counter, key, rounds=10):
    c, k = list(counter), list(key)
    for _ in range(rounds):
        product0, product1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(product1 >> 32) ^ c[1] ^ k[0], product1 & MASK,
             (product0 >> 32) ^ c[3] ^ k[1], product0 & MASK]
        k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
    return c


# The known answers published with Random123 (kat_vectors, lines "philox4x32 10").
assert philox4x32([0] * 4, [0] * 2) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
assert philox4x32([MASK] * 4, [MASK] * 2) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]
assert philox4x32([0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
                  [0xA4093822, 0x299F31D0]) == [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]


def uniform(seed, stream, i, j):
    v = philox4x32([j // 2, stream, i & MASK, i >> 32], [seed & MASK, seed >> 32])
    bits = v[2 * (j % 2)] | v[2 * (j % 2) + 1] << 32
    return ((bits >> 12) + 0.5) * 2.0 ** -52


def exact_log(p):
    bits = struct.unpack("<Q", struct.pack("<d", p))[0]
    exponent = (bits >> 52) - 1022
    f = struct.unpack("<d", struct.pack("<Q", bits & 0x000FFFFFFFFFFFFF | 0x3FE0000000000000))[0]
    if f < 0.70710678118654752:
        f *= 2
        exponent -= 1
    s = (f - 1) / (f + 1)
    s2 = s * s
    series = 0.0
    for k in range(21, 2, -2):
        series = (series + 1.0 / k) * s2
    high, low = float.fromhex("0x1.62e42fefa38p-1"), float.fromhex("0x1.ef35793c7673p-45")
    return exponent * high + (exponent * low + 2 * s * series + 2 * s)


# Wichura 1988, algorithm AS 241, routine PPND16.
A = [3.3871328727963666080e0, 1.3314166789178437745e+2, 1.9715909503065514427e+3,
     1.3731693765509461125e+4, 4.5921953931549871457e+4, 6.7265770927008700853e+4,
     3.3430575583588128105e+4, 2.5090809287301226727e+3]
B = [1.0, 4.2313330701600911252e+1, 6.8718700749205790830e+2, 5.3941960214247511077e+3,
     2.1213794301586595867e+4, 3.9307895800092710610e+4, 2.8729085735721942674e+4,
     5.2264952788528545610e+3]
C = [1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0,
     3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1,
     2.27238449892691845833e-2, 7.74545014278341407640e-4]
D = [1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
     1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
     1.05075007164441684324e-9]
E = [6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0,
     2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
     2.71155556874348757815e-5, 2.01033439929228813265e-7]
F = [1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
     2.04426310338993978564e-15]


def polynomial(c, x):
    total = c[7]
    for k in range(6, -1, -1):
        total = total * x + c[k]
    return total


def quantile(p):
    q = p - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        return q * polynomial(A, r) / polynomial(B, r)
    tail = math.sqrt(-exact_log(p if q < 0 else 1 - p))
    if tail <= 5:
        z = polynomial(C, tail - 1.6) / polynomial(D, tail - 1.6)
    else:
        z = polynomial(E, tail - 5) / polynomial(F, tail - 5)
    return -z if q < 0 else z


def main():
    # (seed, stream, i, j): corners of the counter, and a range that visits every branch.
    entries = [(0, 0, 0, 0), (0, 0, 0, 1), (0, 1, 0, 0), (1, 0, 0, 0), (1 << 32, 0, 0, 0),
               ((1 << 64) - 1, 2, (1 << 64) - 1, MASK), (42, 0, 1 << 32, 7), (42, 0, 1, 783)]
    entries += [(2024, 0, 5, j) for j in range(24)]
    # Deep in a tail: the first draws of this seed with |z| > 4.4.
    found = [(7, 0, i, j) for i in range(400) for j in range(256)
             if abs(uniform(7, 0, i, j) - 0.5) > 0.5 - 5e-6]
    entries += found[:4]
    print("/* Made by make_normals.py: draws computed without the library. */")
    print("typedef struct pinned_draw {")
    print("    uint64_t seed, i;")
    print("    uint32_t stream, j;")
    print("    double uniform, normal;")
    print("} pinned_draw;\n")
    print("static const pinned_draw pinned_draws[] = {")
    for seed, stream, i, j in entries:
        u = uniform(seed, stream, i, j)
        z = quantile(u)
        assert abs(z - statistics.NormalDist().inv_cdf(u)) <= 4e-15 * max(abs(z), 1)
        print(f"    {{{seed}u, {i}u, {stream}u, {j}u, {u.hex()}, {z.hex()}}},")
    print("};")
    print("\n/* The ends of a uniform draw, and both sides of each change of formula. */")
    print("static const struct {")
    print("    double p, z;")
    print("} pinned_quantiles[] = {")
    for p in [2.0 ** -53, 1 - 2.0 ** -53, 2.0 ** -36, 2.0 ** -37, 0.075, 0.0749999, 0.925, 0.5]:
        print(f"    {{{p.hex()}, {quantile(p).hex()}}},")
    print("};")


if __name__ == "__main__":
    main()
