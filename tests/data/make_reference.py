"""Writes a section of the reference values as a C header.

    python3 make_reference.py reference.json ridge > ridge.h

reference.json was made with NumPy and SciPy in double precision, independently of this library.
Only the standard library is needed here.
"""

import json
import sys


def rows(matrix, indent="    "):
    """One line for each row, shortest digits that give the same double back."""
    for row in matrix:
        print(indent + ", ".join(repr(float(value)) for value in row) + ",")


def array(name, extent, matrix):
    print(f"static const double {name}[{extent}] = {{")
    rows(matrix)
    print("};")


def transpose(matrix):
    return [list(column) for column in zip(*matrix)]


def ridge(reference):
    section = reference["ridge"]
    n, m = len(section["P"]), len(section["P"][0])
    t, path = len(section["Y"][0]), section["path"]
    print("/* Ridge regression without an intercept: P is n x m, Y is n x t, coefficients are t x m. */")
    print(f"/* {section['definition']} */")
    print(f"enum {{ RIDGE_N = {n}, RIDGE_M = {m}, RIDGE_T = {t}, RIDGE_PATH = {len(path)} }};")
    array("ridge_P", "RIDGE_N * RIDGE_M", section["P"])
    array("ridge_Y", "RIDGE_N * RIDGE_T", section["Y"])
    array("ridge_lambda", "RIDGE_PATH", [[point["lam"] for point in path]])
    array("ridge_rss", "RIDGE_PATH", [[point["rss"] for point in path]])
    for key in ("dof", "gcv", "loo_mse"):
        array(f"ridge_{key}", "RIDGE_PATH", [[point[key] for point in path]])
    print("static const double ridge_B[RIDGE_PATH][RIDGE_T * RIDGE_M] = {")
    for point in path:
        print("    {")
        rows(transpose(point["coef"]), "        ")
        print("    },")
    print("};")
    late = section["without_first_5_rows"]
    print("/* Without the first 5 rows. */")
    print(f"#define RIDGE_LATE_LAMBDA {late['lam']!r}")
    array("ridge_late_B", "RIDGE_T * RIDGE_M", transpose(late["coef"]))
    new = section["leverage_new_row"]
    print("/* x (P^T P + lambda)^-1 x of a row x that is not in P. */")
    print(f"#define RIDGE_NEW_LAMBDA {new['lam']!r}")
    print(f"#define RIDGE_NEW_LEVERAGE {new['x_Ainv_x']!r}")
    array("ridge_new_row", "RIDGE_M", [new["x"]])


def moments(reference):
    section = reference["urf_second_moment"]
    print(f"/* {section['definition']} */")
    keys = ["d", "x2", "w2", "xw", "omega", "s", "theta", "a", "log_second_moment"]
    cases = section["cases"]
    print(f"enum {{ MOMENTS = {len(cases)} }};")
    print(f"static const struct {{ double {', '.join(keys)}; }} moments[MOMENTS] = {{")
    for case in cases:
        print("    {" + ", ".join(repr(float(case[key])) for key in keys) + "},")
    print("};")
    section = reference["optimal_A"]
    print(f"/* {section['definition']} */")
    print(f"enum {{ OPTIMAL_AS = {len(section['cases'])} }};")
    print("static const struct { double d, phi, A; } optimal_A[OPTIMAL_AS] = {")
    for case in section["cases"]:
        print("    {" + ", ".join(repr(float(case[key])) for key in ("d", "phi", "A")) + "},")
    print("};")


def bundle(reference):
    section = reference["bundle"]
    print(f"/* {section['definition']} */")
    for key in ("G1", "Psi1", "G2", "Psi2", "X", "Y", "P"):
        matrix = section[key]
        print(f"enum {{ BUNDLE_{key.upper()}_ROWS = {len(matrix)}, BUNDLE_{key.upper()}_COLUMNS = {len(matrix[0])} }};")
        array(f"bundle_{key}", f"{len(matrix)} * {len(matrix[0])}", matrix)


def simplex(reference):
    section = reference["simplex"]
    print(f"/* {section['definition']} */")
    print(f"enum {{ SIMPLEX_D = {section['d']} }};")
    array("simplex_S", "SIMPLEX_D * SIMPLEX_D", section["S"])


SECTIONS = {"ridge": ridge, "moments": moments, "bundle": bundle, "simplex": simplex}


def main():
    if len(sys.argv) != 3 or sys.argv[2] not in SECTIONS:
        sys.exit(f"usage: make_reference.py reference.json {'|'.join(SECTIONS)}")
    with open(sys.argv[1], encoding="utf-8") as file:
        reference = json.load(file)
    print(f"/* Made by make_reference.py, section {sys.argv[2]}. Do not edit. */")
    print("/* clang-format off */")
    SECTIONS[sys.argv[2]](reference)


if __name__ == "__main__":
    main()
