#!/usr/bin/env python3
# Writes minirocket.h: features of a few series by the definition of MINIROCKET (Dempster, Schmidt & Webb 2021, algorithm 1
# and section 3), in float32 and in the order of sums of the authors' program (Debian: python3-numpy).
#
#     python3 make_minirocket.py > minirocket.h
import itertools
import math

import numpy as np

KERNELS = list(itertools.combinations(range(9), 3))


def dilations_of(length, features, most):
    each = features // 84
    spread = min(each, most)
    exponents = np.linspace(0, math.log2((length - 1) / 8), spread)
    values = [int(math.pow(2, e)) for e in exponents]
    distinct = sorted(set(values))
    counts = [int(values.count(d) * (each / spread)) for d in distinct]
    i = 0
    while sum(counts) < each:
        counts[i % len(counts)] += 1
        i += 1
    return distinct, counts


def sums_of(x, dilation, kernel):
    """The convolution at every position; x is 0 outside the series."""
    n = len(x)
    padded = np.concatenate([np.zeros(4 * dilation, np.float32), x, np.zeros(4 * dilation, np.float32)])
    at = lambda p: padded[p * dilation:p * dilation + n]
    total = -at(4)
    for p in (0, 1, 2, 3, 5, 6, 7, 8):
        total = total + -at(p)
    for p in kernel:
        total = total + (at(p) + at(p) + at(p))
    assert total.dtype == np.float32
    return total


def features_of(x, dilations, counts, biases):
    out, next_bias = [], 0
    for i, (dilation, count) in enumerate(zip(dilations, counts)):
        for k, kernel in enumerate(KERNELS):
            c = sums_of(x, dilation, kernel)
            if (i + k) % 2 == 1:
                c = c[4 * dilation:len(c) - 4 * dilation]
            for bias in biases[next_bias:next_bias + count]:
                out.append(np.float32(np.mean(c > bias)))
            next_bias += count
    return np.array(out, np.float32)


def quantiles_of(x, dilations, counts):
    """Biases where all come from one series."""
    out = []
    for dilation, count in zip(dilations, counts):
        for kernel in KERNELS:
            c = np.sort(sums_of(x, dilation, kernel).astype(float))
            for _ in range(count):
                q = float(np.float32((len(out) + 1) * ((math.sqrt(5) + 1) / 2) % 1))
                place = q * (len(c) - 1)
                below = int(place)
                above = min(below + 1, len(c) - 1)
                out.append(np.float32(c[below] + (c[above] - c[below]) * (place - below)))
    return np.array(out, np.float32)


def own_sums(x, dilations, counts, rng):
    """A sum of the right kernel and dilation for each bias."""
    return np.array([rng.choice(sums_of(x, dilation, kernel)) for dilation, count in zip(dilations, counts)
                     for kernel in KERNELS for _ in range(count)], np.float32)


def write(kind, name, values):
    values = np.asarray(values).ravel()
    print("static const %s %s[%d] = {" % (kind, name, len(values)))
    texts = [(float(v).hex() if kind == "float" else str(v)) + "," for v in values]
    for k in range(0, len(texts), 8):
        print("    " + " ".join(texts[k:k + 8]))
    print("};")


# length, features, max dilations, series
CASES = [(9, 84, 32, 2), (25, 84 * 3, 32, 2), (100, 84 * 7, 4, 2), (41, 84 * 5, 32, 1)]
rng = np.random.default_rng(84)
print("/* Made by make_minirocket.py, with NumPy. Do not edit. */")
print("/* clang-format off */")
for number, (length, features, most, series) in enumerate(CASES):
    dilations, counts = dilations_of(length, features, most)
    X = np.cumsum(rng.normal(size=(series, length)), axis=1).astype(np.float32)
    learnt = quantiles_of(X[0], dilations, counts)
    # Most biases are sums themselves, which are not above them: another order of additions changes features.
    biases = own_sums(X[0], dilations, counts, rng)
    biases[::5] = rng.normal(size=len(biases[::5])).astype(np.float32) * 3
    write("float", "minirocket_series_%d" % number, X)
    write("float", "minirocket_biases_%d" % number, biases)
    write("float", "minirocket_learnt_%d" % number, learnt)
    write("float", "minirocket_features_%d" % number, [features_of(x, dilations, counts, biases) for x in X])
print("static const struct { unsigned length, features, most, series; const float *X, *biases, *learnt, *Phi; } minirocket_cases[] = {")
for number, case in enumerate(CASES):
    print("    {%d, %d, %d, %d, minirocket_series_%d, minirocket_biases_%d, minirocket_learnt_%d, minirocket_features_%d},"
          % (*case, number, number, number, number))
print("};")


# ---- Several channels, channels last ----
def subsets(combinations, channels, rng):
    """As in the authors' program: numbers of channels, then the channels of each combination."""
    most = min(channels, 9)
    sizes = (2 ** rng.uniform(0, np.log2(most + 1), combinations)).astype(int)
    return [list(rng.choice(channels, size, replace=False)) for size in sizes]


def channel_sums(x, dilation, kernel, subset):
    total = np.zeros(len(x), np.float32)
    for channel in subset:
        total = total + sums_of(x[:, channel].copy(), dilation, kernel)
    assert total.dtype == np.float32
    return total


def each(dilations, counts, sets):
    for i, (dilation, count) in enumerate(zip(dilations, counts)):
        for k, kernel in enumerate(KERNELS):
            yield i, k, dilation, kernel, count, sets[84 * i + k]


# length, channels, features, max dilations, series
CASES = [(9, 2, 84, 32, 2), (30, 12, 84 * 4, 32, 2)]
for number, (length, channels, features, most, series) in enumerate(CASES):
    dilations, counts = dilations_of(length, features, most)
    X = np.cumsum(rng.normal(size=(series, length, channels)), axis=1).astype(np.float32)
    sets = subsets(84 * len(dilations), channels, rng)
    biases, learnt, Phi = [], [], [[] for _ in range(series)]
    for i, k, dilation, kernel, count, subset in each(dilations, counts, sets):
        first = channel_sums(X[0], dilation, kernel, subset)
        ordered = np.sort(first.astype(float))
        own = rng.choice(first, count).astype(np.float32)
        for s in range(series):
            c = channel_sums(X[s], dilation, kernel, subset)
            if (i + k) % 2 == 1:
                c = c[4 * dilation:len(c) - 4 * dilation]
            Phi[s] += [np.float32(np.mean(c > bias)) for bias in own]
        biases += list(own)
        for _ in range(count):
            q = float(np.float32((len(learnt) + 1) * ((math.sqrt(5) + 1) / 2) % 1))
            learnt.append(np.float32(np.interp(q * (length - 1), np.arange(length), ordered)))
    write("float", "minirocket_channel_series_%d" % number, X)
    write("uint32_t", "minirocket_channel_counts_%d" % number, [len(s) for s in sets])
    write("uint32_t", "minirocket_channel_indices_%d" % number, sum(sets, []))
    write("float", "minirocket_channel_biases_%d" % number, biases)
    write("float", "minirocket_channel_learnt_%d" % number, learnt)
    write("float", "minirocket_channel_features_%d" % number, Phi)
print("static const struct { unsigned length, channels, features, most, series; const float *X; const uint32_t *counts, *indices; "
      "const float *biases, *learnt, *Phi; unsigned combinations; } minirocket_channel_cases[] = {")
for number, case in enumerate(CASES):
    print("    {%d, %d, %d, %d, %d, " % case + "".join("minirocket_channel_%s_%d, " % (what, number) for what in
          ("series", "counts", "indices", "biases", "learnt", "features"))
          + "%d}," % (84 * len(dilations_of(case[0], case[2], case[3])[0])))
print("};")
print("/* clang-format on */")
