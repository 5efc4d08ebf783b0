#!/usr/bin/env python3
"""Write a bundled network as a model file of format 1, with the statistics of its last layer, and the
outputs that both must give, without libsnnk: docs/format.md written out in double, with Python's
standard library only.

    python3 make_bundled_model.py > bundled_model.h

The file in bundled_model.h never changes, because later versions must load it. Change this script only if
its output stays the same.
"""
import json
import math

from algebra import dot, f32, inverse, times, transpose
from model_file import blob, print_array, print_blob, tensor

D, OUTPUTS, RIDGE = 3, 2, 0.25


def wave(*shape):
    """Irregular numbers in -1 ... 1, as float."""
    count = math.prod(shape)
    wave.at += count
    flat = [f32(math.sin(2.3 * (wave.at - count + i) + 0.9)) for i in range(count)]
    return flat if len(shape) == 1 else [flat[i * shape[1]:][:shape[1]] for i in range(shape[0])]


wave.at = 0

# ---- The layers: a tower, a tower of folded blocks, and a layer on folded cosines ----

G_tanh, c_tanh = wave(4, D), wave(4)
G_urf, c_urf = wave(2, 4), wave(2)
# For each row: z_exponent, z_phase, norm_exponent, norm_phase, t_exponent, t_phase, constant.
numbers = [[f32(0.5 * x) for x in row] for row in wave(2, 7)]
directions, direction_offset, gain = wave(3, 4), wave(3), [1.0, 0.5, -0.25]
shift, shift_offset = wave(4), 0.375
G_relu, c_relu = wave(2, 4), wave(2)
G_cos, c_cos = wave(2, 10), wave(2)
psi, bias = wave(OUTPUTS, 4), wave(OUTPUTS)


def folded_urf(y):
    norm2 = sum(g * (dot(row, y) + c) ** 2 for g, row, c in zip(gain, directions, direction_offset))
    t = dot(shift, y) + shift_offset
    for row, c, number in zip(G_urf, c_urf, numbers):
        z_exponent, z_phase, norm_exponent, norm_phase, t_exponent, t_phase, constant = number
        for sign in (1, -1):
            z = sign * (dot(row, y) + c)
            e = z_exponent * z + norm_exponent * norm2 + t_exponent * t + constant
            assert e < 36
            p = z_phase * z + norm_phase * norm2 + t_phase * t
            yield from (math.exp(e) * math.cos(p), math.exp(e) * math.sin(p))


def features(x):
    """The features of the last layer."""
    y = [math.tanh(dot(row, x) + c) for row, c in zip(G_tanh, c_tanh)]
    y = list(folded_urf(y)) + [max(dot(row, y) + c, 0) / math.sqrt(2)
                               for row, c in zip(G_relu, c_relu)]
    phi = []
    for row, c in zip(G_cos, c_cos):
        z = dot(row, y) + c
        phi += [math.cos(z) / math.sqrt(2), math.sin(z) / math.sqrt(2)]
    return phi


def forward(psi, bias, x):
    return [p + b for p, b in zip(times(psi, features(x)), bias)]


x_rows = [[0.5, -0.25, 1.0], [-1.5, 0.75, 0.125]]

# ---- The statistics, as a factor; one target more than the layer has outputs ----

TARGETS, M = OUTPUTS + 1, 4
L = [[2.0 * wave(1)[0] if k < j else (1.5 + k) * (-1) ** k if k == j else 0.0 for k in range(M)]
     for j in range(M)]
Z, rest = wave(TARGETS, M), [0.5, 0.25, 2.0]
mean_phi, mean_y = wave(M), wave(TARGETS)
S = [[dot(a, b) + (RIDGE if i == k else 0) for k, b in enumerate(L)] for i, a in enumerate(L)]
C = [times(L, row) for row in Z]
solution = [times(inverse(S), row) for row in C]
intercept = [y - dot(row, mean_phi) for y, row in zip(mean_y, solution)]

# ---- The file ----


def block(kind, m, projection, **settings):
    return {"kind": kind, "features": m, "seed": "0", "projection": projection, **settings}


def plain(kind, m, projection, **settings):
    return block(kind, m, projection, order=1, floor=0, activation="relu", projection_scale=1,
                 offset_scale=0, scaled=False, drawn=False, **settings)


tanh = plain("elementwise", 4, "given")
tanh["activation"] = "tanh"
description = {"layers": [
    {"kind": "tower", "inputs": D, "outputs": 4, "blocks": [tanh]},
    {"kind": "tower", "inputs": 4, "outputs": 10, "blocks": [
        block("folded_urf", 8, "folded", rows=2, signs=2, parts=2, directions=3, shifted=True,
              shift_offset=shift_offset),
        plain("arc_cosine", 2, "folded")]},
    {"kind": "snnk", "inputs": 10, "outputs": OUTPUTS, "blocks": [
        plain("gaussian", 4, "folded")]}]}
metadata = {"snnk.format": "1", "snnk.version": "0.1.0", "snnk.kind": "network",
            "snnk.network": json.dumps(description), "snnk.statistics.rows": "40",
            "snnk.statistics.route": "qr", "snnk.statistics.fast": "true",
            "snnk.statistics.most_rows": "50"}
tensors = {"statistics.mean_phi": tensor("F64", mean_phi), "statistics.mean_y": tensor("F64", mean_y),
           "statistics.L": tensor("F64", L), "statistics.Z": tensor("F64", Z),
           "statistics.rest": tensor("F64", rest), "statistics.weight": tensor("F64", [32.5]),
           "statistics.most_weight": tensor("F64", [41.0]),
           "statistics.most_phi": tensor("F64", [1.25 * S[j][j] for j in range(M)]),
           "statistics.most_y": tensor("F64", [20.0] * TARGETS)}
for name, dtype, values in (
        ("1.blocks.0.directions", "F64", directions),
        ("1.blocks.0.direction_offset", "F64", direction_offset),
        ("1.blocks.0.gain", "F64", gain), ("1.blocks.0.shift", "F64", shift),
        ("0.blocks.0.G", "F32", G_tanh), ("0.blocks.0.offset", "F32", c_tanh),
        ("1.blocks.0.G", "F32", G_urf), ("1.blocks.0.offset", "F32", c_urf),
        ("1.blocks.0.numbers", "F32", transpose(numbers)),
        ("1.blocks.1.G", "F32", G_relu), ("1.blocks.1.offset", "F32", c_relu),
        ("2.blocks.0.G", "F32", G_cos), ("2.blocks.0.offset", "F32", c_cos),
        ("2.psi", "F32", psi), ("2.bias", "F32", bias)):
    tensors["layers." + name] = tensor(dtype, values)

print("/* Made by make_bundled_model.py, without the library: a bundled network with statistics,")
print(" * inputs, and what they give. */")
print("#ifndef SNNK_TESTS_BUNDLED_MODEL_H\n#define SNNK_TESTS_BUNDLED_MODEL_H\n")
print("/* clang-format off */")
print("enum { BUNDLED_MODEL_INPUTS = %d, BUNDLED_MODEL_OUTPUTS = %d, BUNDLED_MODEL_TARGETS = %d };"
      % (D, OUTPUTS, TARGETS))
print("/* Two rows of inputs; their outputs; and those of all targets after snnk_network_solve with this ridge. */")
print("static const double bundled_model_ridge = %r;" % RIDGE)
print_array("float", "bundled_model_x", sum(x_rows, []))
print_array("double", "bundled_model_y", sum((forward(psi, bias, x) for x in x_rows), []))
print_array("double", "bundled_model_solved",
            sum((forward(solution, intercept, x) for x in x_rows), []))
print_blob("bundled_model", blob(metadata, tensors))
print("/* clang-format on */\n\n#endif")
