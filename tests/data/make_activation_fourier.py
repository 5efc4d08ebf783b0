"""Writes the integrals of activations among the reference values as a C header.

    python3 make_activation_fourier.py reference.json > activation_fourier.h

reference.json was made with NumPy and SciPy in double precision, independently of this library.
Only the standard library is needed here.
"""

import json
import sys


def numbers(values):
    return "{" + ", ".join(repr(float(value)) for value in values) + "}"


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: make_activation_fourier.py reference.json")
    with open(sys.argv[1], encoding="utf-8") as file:
        section = json.load(file)["activation_fourier"]
    cases = section["cases"]
    n_z, n_omega = (len(cases["relu"][key]) for key in ("z", "omega"))
    print("/* Made by make_activation_fourier.py. Do not edit. */")
    print("/* clang-format off */")
    print(f"/* {section['definition']} */")
    print(f"enum {{ INTEGRALS = {len(cases)}, INTEGRAL_ZS = {n_z}, INTEGRAL_OMEGAS = {n_omega} }};")
    print("static const struct {")
    print("    const char *name;")
    print("    int power; /* kappa is (1 - cos)/omega^2 for 2, sin/omega for 1 */")
    print("    double z[INTEGRAL_ZS], f[INTEGRAL_ZS], affine[INTEGRAL_ZS];")
    print("    double omega[INTEGRAL_OMEGAS], weight[INTEGRAL_OMEGAS];")
    print("} integrals[INTEGRALS] = {")
    for name, case in cases.items():
        power = {"(1-cos(w z))/w^2": 2, "sin(w z)/w": 1}[case["kappa"]]
        print(f'    {{"{name}", {power},')
        for key in ("z", "f", "affine", "omega", "weight"):
            print(f"     {numbers(case[key])},")
        print("    },")
    print("};")


if __name__ == "__main__":
    main()
