#!/usr/bin/env python3
"""Write a model file of format 1 with every kind of block, and the outputs it must give, without
libsnnk: docs/format.md and the formulas of snnk/map.h and snnk/urf.h written out in double, with
Python's standard library only.

    python3 make_model.py > model_1.h             the file and the expected values, as C
    python3 make_model.py --file golden.st        the file itself

The file in model_1.h never changes, because later versions must load it. Change this script only if
its output stays the same.
"""
import cmath
import json
import math
import sys

from algebra import dot, f32, inverse, times, transpose
from model_file import blob, print_array, print_blob, tensor
from make_normals import quantile, uniform

D, HIDDEN, OUTPUTS = 3, 2, 2
PROJECTION_STREAM, OFFSET_STREAM = 0, 1


def wave(*shape):
    """Irregular numbers in -1 ... 1, as float."""
    count = math.prod(shape)
    wave.at += count
    flat = [f32(math.sin(1.7 * (wave.at - count + i) + 0.3)) for i in range(count)]
    return flat if len(shape) == 1 else [flat[i * shape[1]:][:shape[1]] for i in range(shape[0])]


wave.at = 0

# ---- The parts ----

frame = {"mean": [0.5, -0.25, 0.125], "weight_mean": [0.1, 0.2, -0.3], "scale": [0.8, 1.25, 0.9],
         "directions": [[0.6, 0.0, 0.8]], "stretch": [1.5]}
# M = (I + sum_i (stretch_i - 1) u_i u_i^T) diag(scale)
M = [[(float(i == k) + sum((s - 1) * u[i] * u[k] for s, u in zip(frame["stretch"],
                                                               frame["directions"])))
      * frame["scale"][k] for k in range(D)] for i in range(D)]

theta, hyperbolic, drawn_rows = 0.6, True, 2
atoms = [  # kappa, c, s, A, shift, share, rows, probability
    (1j, 0.2 - 0.9j, 0.8, -0.05, 0.1, 0.6, 2, 0.0),
    (2.5j, 0.4 + 0.1j, 1.1, 0.02, -0.2, 0.3, 1, 0.0),
    (0.5, 0.05, 0.7, 0.0, 0.0, 0.06, 0, 0.75),
    (4j, 0.03 - 0.02j, 1.3, 0.1, 0.3, 0.04, 0, 0.25),
]
row_atom = [0, 0, 1, 3, 2]
g_urf = wave(len(row_atom), D)
g_line = wave(2, D)
urf_intercept, line_intercept, slope = 0.125, 0.25, -0.5


def framed_rows(rows):
    """M^T g as float, and the offsets -(M^T g) . mu."""
    G = [[f32(x) for x in times(transpose(M), g)] for g in rows]
    return G, [f32(-dot(row, frame["mean"])) for row in G]


def chi(x):
    """x~ and nu . (x - mu)."""
    centered = [a - m for a, m in zip(x, frame["mean"])]
    return times(M, centered), dot(frame["weight_mean"], centered)


def psi_of(w):
    """w~ = M^-T (w - nu) and w . mu."""
    centered = [a - m for a, m in zip(w, frame["weight_mean"])]
    return times(transpose(inverse(M)), centered), dot(w, frame["mean"])


def Lambda(g, A, scale, x):
    """Lambda_g(scale x), d/4 and u.u as in snnk/urf.h."""
    u2 = scale * scale * dot(x, x)
    return (1 - 4 * A) ** (D / 4) * cmath.exp(
        A * dot(g, g) + math.sqrt(1 - 4 * A) * scale * dot(g, x) - u2 / 2)


def urf_features(x):
    seen, t = chi(x)
    for g, k in zip(g_urf, row_atom):
        kappa, _, s, A, shift = atoms[k][:5]
        for sign in (1, -1):
            value = Lambda([sign * a for a in g], A, s * cmath.exp(1j * theta), seen)
            value *= cmath.exp(kappa * t + shift)
            yield from (value.real, value.imag)


def urf_weights(w):
    seen, offset = psi_of(w)
    for g, k in zip(g_urf, row_atom):
        kappa, c, s, A, shift, _, rows, probability = atoms[k]
        beta = kappa / (s * cmath.exp(1j * theta))
        count = rows if rows > 0 else drawn_rows * probability
        for sign in (1, -1):
            value = c / 2 / count * Lambda([sign * a for a in g], A, beta, seen)
            value *= cmath.exp(kappa * offset - shift)
            yield from (value.real, -value.imag)


def sketch_features(x):
    seen, t = chi(x)
    return [t] + [dot(g, seen) / math.sqrt(len(g_line)) for g in g_line]


def sketch_weights(w):
    seen, _ = psi_of(w)
    return [slope] + [slope * dot(g, seen) / math.sqrt(len(g_line)) for g in g_line]


# A drawn block: 4 rows of arc-cosine, order 2, through a scaling.
seed, floor, projection_scale, offset_scale = 2 ** 64 - 5, -0.125, 0.75, 0.5
mean, scale = [0.5, -1.0, 0.25], [2.0, 0.5, 1.0]


def drawn_features(x):
    for j in range(4):
        g = [projection_scale * quantile(uniform(seed, PROJECTION_STREAM, j, k)) for k in range(D)]
        z = dot(g, [(a - m) * s for a, m, s in zip(x, mean, scale)])
        z += offset_scale * quantile(uniform(seed, OFFSET_STREAM, j, 0))
        yield max(z, floor) ** 2 / 2  # 1/sqrt(4)


G_gaussian, c_gaussian = wave(2, D), [0.0, 0.0]
G_tanh, c_tanh = wave(3, D), wave(3)
G_line, c_line = framed_rows(g_line)
G_line = [[f32(x) for x in frame["weight_mean"]]] + [[f32(x / math.sqrt(2)) for x in row]
                                                   for row in G_line]
c_line = [f32(-dot(row, frame["mean"])) for row in G_line]
G_urf, c_urf = framed_rows(g_urf)


def features(x):
    phi = list(urf_features(x)) + sketch_features(x) + list(x) + list(drawn_features(x))
    for row in G_gaussian:
        phi += [math.cos(dot(row, x)), math.sin(dot(row, x))]
    phi += [math.tanh(dot(row, x) + c) / math.sqrt(3) for row, c in zip(G_tanh, c_tanh)]
    return phi + [(a - m) * s for a, m, s in zip(x, mean, scale)]


x_rows = [[0.5, -0.25, 1.0], [-1.5, 0.75, 0.125]]
w_row = [0.25, -0.75, 0.5]
M_FEATURES = len(features(x_rows[0]))
psi, bias = wave(HIDDEN, M_FEATURES), wave(HIDDEN)
weight, dense_bias = wave(OUTPUTS, HIDDEN), wave(OUTPUTS)


def forward(x):
    hidden = [p + c for p, c in zip(times(psi, features(x)), bias)]
    return [math.tanh(y + c) for y, c in zip(times(weight, hidden), dense_bias)]


# ---- The file ----

def plain(kind, m, projection, drawn=False, **settings):
    return {"kind": kind, "features": m, "seed": "0", "projection": projection, "order": 1,
            "floor": 0, "activation": "relu", "projection_scale": 1, "offset_scale": 0,
            "scaled": False, "drawn": drawn, **settings}


in_frame = {"weights_centered": True, "directions": 1, "input_norm": 1.25, "weight_norm": 0.75}
description = {"layers": [
    {"kind": "snnk", "inputs": D, "outputs": HIDDEN, "blocks": [
        {"kind": "urf", "features": 20, "seed": "7", "projection": "simplex", "rows": 5,
         "drawn_rows": drawn_rows, "atoms": len(atoms), "theta": theta, "hyperbolic": hyperbolic,
         "intercept": urf_intercept, "spectral_error": 0.001, "strip": 1.5707963267948966,
         "frame": in_frame},
        {"kind": "line", "features": 3, "seed": "7", "projection": "sobol", "exact": False,
         "intercept": line_intercept, "slope": slope, "spectral_error": 0.002, "strip": None,
         "frame": in_frame},
        {"kind": "line", "features": D, "seed": "7", "projection": "hd3", "exact": True,
         "intercept": line_intercept, "slope": slope, "spectral_error": 0.004, "strip": None},
        plain("arc_cosine", 4, "gaussian", True, seed=str(seed), order=2, floor=floor, scaled=True,
              projection_scale=projection_scale, offset_scale=offset_scale),
        plain("gaussian", 4, "given"),
        plain("elementwise", 3, "orthogonal", activation="tanh"),
        plain("identity", D, "given", scaled=True)]},
    {"kind": "dense", "inputs": HIDDEN, "outputs": OUTPUTS, "activation": "tanh"}]}
metadata = {"snnk.format": "1", "snnk.version": "0.1.0", "snnk.kind": "network",
            "snnk.network": json.dumps(description), "note.units": "m/s, \u00e9"}

tensors = {}


def add(name, dtype, values):
    tensors["layers." + name] = tensor(dtype, values)


for block in 0, 1:
    for key, value in frame.items():
        add("0.blocks.%d.%s" % (block, key), "F64", value)
add("0.blocks.0.atoms", "F64", [[complex(k).real, complex(k).imag, complex(c).real,
                                 complex(c).imag, *rest] for k, c, *rest in atoms])
add("0.blocks.0.row_atom", "U32", row_atom)
add("0.blocks.0.norm2", "F64", [dot(g, g) for g in g_urf])
for block, G, c in (0, G_urf, c_urf), (1, G_line, c_line), (4, G_gaussian, c_gaussian), (
        5, G_tanh, c_tanh):
    add("0.blocks.%d.G" % block, "F32", G)
    add("0.blocks.%d.offset" % block, "F32", c)
add("0.blocks.2.diagonal", "F32", [1.0] * D)
add("0.blocks.2.offset", "F32", [0.0] * D)
add("0.blocks.6.diagonal", "F32", scale)
add("0.blocks.6.offset", "F32", [-s * m for s, m in zip(scale, mean)])
for block in 3, 6:
    add("0.blocks.%d.mean" % block, "F64", mean)
    add("0.blocks.%d.scale" % block, "F64", scale)
add("0.psi", "F32", psi)
add("0.bias", "F32", bias)
add("1.weight", "F32", weight)
add("1.bias", "F32", dense_bias)

contents = blob(metadata, tensors)
if len(sys.argv) == 3 and sys.argv[1] == "--file":
    with open(sys.argv[2], "wb") as file:
        file.write(contents)
    sys.exit()
print("/* Made by make_model.py, without the library: a model file of format 1 with every kind of")
print(" * block, inputs, and what they give. */")
print("#ifndef SNNK_TESTS_MODEL_1_H\n#define SNNK_TESTS_MODEL_1_H\n")
print("/* clang-format off */")
print("enum { MODEL_1_INPUTS = %d, MODEL_1_FEATURES = %d, MODEL_1_OUTPUTS = %d };"
      % (D, M_FEATURES, OUTPUTS))
print("/* Two rows of inputs, their features and outputs. */")
print_array("float", "model_1_x", sum(x_rows, []))
print_array("double", "model_1_phi", sum((features(x) for x in x_rows), []))
print_array("double", "model_1_y", sum((forward(x) for x in x_rows), []))
print("/* A row of weights, b = 0, and what the weight tower makes of it: all blocks; the bias. */")
print_array("float", "model_1_w", w_row)
line_bias = line_intercept + slope * psi_of(w_row)[1]
print_array("double", "model_1_psi", list(urf_weights(w_row)) + sketch_weights(w_row)
      + [slope * w for w in w_row] + features(w_row)[26:])
print("static const double model_1_bias = %r;" % (urf_intercept + line_bias + line_intercept))
print_blob("model_1", contents)
print("/* clang-format on */\n\n#endif")
