"""Linear algebra for the scripts here: matrices are lists of rows, in double."""
import struct


def f32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def dot(a, b):
    return sum(x * y for x, y in zip(a, b))


def times(matrix, x):
    return [dot(row, x) for row in matrix]


def transpose(matrix):
    return [list(column) for column in zip(*matrix)]


def inverse(matrix):
    """Invert by Gauss-Jordan elimination with pivots."""
    n = len(matrix)
    rows = [list(row) + [float(i == k) for k in range(n)] for i, row in enumerate(matrix)]
    for i in range(n):
        pivot = max(range(i, n), key=lambda r: abs(rows[r][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [x / rows[i][i] for x in rows[i]]
        for r in range(n):
            if r != i:
                rows[r] = [x - rows[r][i] * y for x, y in zip(rows[r], rows[i])]
    return [row[n:] for row in rows]
