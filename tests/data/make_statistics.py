#!/usr/bin/env python3
"""Write files of least-squares statistics, of formats 1 and 2, and of recursive least squares, and the
solutions they must give, without libsnnk: docs/format.md and the formulas of snnk/lstsq.h and
snnk/rls.h written out in double, with Python's standard library only.

    python3 make_statistics.py > statistics_files.h

The files in statistics_files.h never change, because later versions must load them. Change this script
only if its output stays the same.
"""
from algebra import dot, f32, inverse, times, transpose
from model_file import blob, print_array, print_blob, tensor

M, T, RIDGE, FORGETTING, SCALE = 3, 2, 0.5, 0.875, 2.0

# ---- Rows, their sums, and the ridge solution ----

rows = [[0.5, -1.0, 2.0], [1.5, 0.25, -0.75], [-2.0, 1.0, 0.5], [0.125, 3.0, 1.0], [1.0, -0.5, -1.5]]
targets = [[1.0, 0.0], [-0.5, 2.0], [0.25, -1.5], [3.0, 0.75], [-1.0, 0.5]]


def statistics(weights):
    """Tensors S, C, yy, mean_phi, mean_y, and (B, b)."""
    total = sum(weights)
    mean_phi, mean_y = ([dot(weights, column) / total for column in transpose(of)]
                        for of in (rows, targets))
    P = transpose([[x - m for x, m in zip(row, mean_phi)] for row in rows])
    Y = transpose([[x - m for x, m in zip(row, mean_y)] for row in targets])

    def weighted(a, b):
        return sum(w * x * y for w, x, y in zip(weights, a, b))

    S = [[weighted(a, b) for b in P] for a in P]
    C = [[weighted(y, a) for a in P] for y in Y]
    ridged = [[x + (RIDGE if i == k else 0) for k, x in enumerate(row)] for i, row in enumerate(S)]
    B = [times(inverse(ridged), c) for c in C]
    tensors = {"S": [[x if k <= i else 0.0 for k, x in enumerate(row)] for i, row in enumerate(S)],
               "C": C, "yy": [weighted(y, y) for y in Y], "mean_phi": mean_phi, "mean_y": mean_y}
    return tensors, sum(B, []) + [y - dot(b, mean_phi) for y, b in zip(mean_y, B)]


def file(kind, format, tensors, **metadata):
    return blob({"snnk.format": format, "snnk.version": "0.1.0", "snnk.kind": kind,
                 **{"snnk." + key: value for key, value in metadata.items()}},
                {name: tensor("F64", values) for name, values in tensors.items()})


plain, plain_solution = statistics([1.0] * len(rows))
weights = [0.5, 1.0, 2.0, 0.25, 1.5]
weighted, weighted_solution = statistics(weights)
weighted.update(weight=[sum(weights)], most_weight=[6.0], most_phi=[30.0] * M, most_y=[25.0] * T)

# ---- Recursive least squares: P, and one more row ----

U = [[0.75, -0.25, 0.5], [0.0, 1.25, 0.125], [0.0, 0.0, 0.5]]
B = [[0.5, -0.25, 1.0], [0.125, 2.0, -0.5]]
phi, y = rows[0], targets[0]
P = [[SCALE * SCALE * dot(a, b) for b in U] for a in U]
P_phi = times(P, phi)
leverage = dot(phi, P_phi)
error = [a - b for a, b in zip(y, times(B, phi))]
updated = [[b + e * p / (FORGETTING + leverage) for b, p in zip(row, P_phi)]
           for row, e in zip(B, error)]
left = [[(p - a * b / (FORGETTING + leverage)) / FORGETTING for p, b in zip(row, P_phi)]
        for row, a in zip(P, P_phi)]

print("/* Made by make_statistics.py, without the library: files of statistics, and what they give. */")
print("#ifndef SNNK_TESTS_STATISTICS_FILES_H\n#define SNNK_TESTS_STATISTICS_FILES_H\n")
print("/* clang-format off */")
print("enum { FILE_FEATURES = %d, FILE_TARGETS = %d, FILE_ROWS = %d };" % (M, T, len(rows)))
print("static const double file_ridge = %r;" % RIDGE)
print("/* Of format 1; its ridge solution: B, b. */")
print_blob("lstsq_1", file("lstsq", "1", plain, rows=str(len(rows))))
print_array("double", "lstsq_1_solution", plain_solution)
print("/* Of format 2: with weights, some rows in fast precision, others forgotten. */")
print_blob("lstsq_2", file("lstsq", "2", weighted, rows=str(len(rows)), route="gram", fast="true",
                           most_rows="9"))
print_array("double", "lstsq_2_solution", weighted_solution)
print("/* Recursive least squares, a row, its leverage before; then B, and the row's leverage again. */")
print_blob("rls_1", file("rls", "1", {"B": B, "U": [U[i][j] for j in range(M) for i in range(j + 1)],
                                      "scale": [SCALE], "ridge": [RIDGE],
                                      "forgetting": [FORGETTING]}, rows="7"))
print_array("float", "rls_1_phi", [f32(x) for x in phi])
print_array("float", "rls_1_y", [f32(x) for x in y])
print("static const double rls_1_leverage = %r;" % leverage)
print_array("double", "rls_1_updated", sum(updated, []))
print("static const double rls_1_leverage_updated = %r;" % dot(phi, times(left, phi)))
print("/* clang-format on */\n\n#endif")
