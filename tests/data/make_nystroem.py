#!/usr/bin/env python3
# Writes nystroem.h: the results of scikit-learn's Nystroem and Ridge on a few rows (Debian: python3-sklearn).
#
#     python3 make_nystroem.py > nystroem.h
import numpy as np
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import Ridge

D, N, M, TESTS, OUTPUTS = 3, 40, 7, 5, 2
BANDWIDTH, ALPHA = 1.25, 0.5

rng = np.random.default_rng(5)
# Numbers that are exact in float.
x = np.round(rng.normal(size=(N, D)) * 64) / 64
tests = np.round(rng.normal(size=(TESTS, D)) * 64) / 64
y = np.round(np.stack([np.sin(2 * x[:, 0]) + x[:, 1], x[:, 2] ** 2], axis=1) * 1024) / 1024

nystroem = Nystroem(kernel="rbf", gamma=1 / (2 * BANDWIDTH ** 2), n_components=M, random_state=1)
features = nystroem.fit_transform(x)
ridge = Ridge(alpha=ALPHA).fit(features, y)
transformed = nystroem.transform(tests)


def write(kind, name, values):
    values = np.asarray(values).ravel()
    print("static const %s %s[%d] = {" % (kind, name, len(values)))
    for v in values:
        print("    %r," % float(v))
    print("};")


print("/* Made by make_nystroem.py, with scikit-learn. Do not edit. */")
print("/* clang-format off */")
print("enum { NYSTROEM_D = %d, NYSTROEM_N = %d, NYSTROEM_M = %d, NYSTROEM_TESTS = %d, NYSTROEM_OUTPUTS = %d };"
      % (D, N, M, TESTS, OUTPUTS))
print("static const double nystroem_bandwidth = %r, nystroem_alpha = %r;" % (BANDWIDTH, ALPHA))
write("float", "nystroem_x", x)
write("float", "nystroem_y", y)
write("float", "nystroem_tests", tests)
write("float", "nystroem_components", nystroem.components_)
write("double", "nystroem_transformed", transformed)
write("double", "nystroem_predicted", ridge.predict(transformed))
print("/* clang-format on */")
