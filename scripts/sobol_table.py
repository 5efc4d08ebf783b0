"""Write src/projection/sobol_table.c from Boost's table of Sobol direction numbers.

Debian: libboost1.74-dev.

    python3 scripts/sobol_table.py /usr/include/boost/random/detail/sobol_table.hpp > src/projection/sobol_table.c
"""

import re
import sys

DIMENSIONS = 64  # SNNK__SOBOL_DIMENSIONS


def numbers(text, name):
    return [int(x) for x in re.findall(r"\d+", text[text.index("{", text.index(name + "[")) :].split("}")[0])]


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        text = file.read()
    polynomials = numbers(text, "sobol_a")
    initial = numbers(text, "sobol_minit")
    print("""/* Made by scripts/sobol_table.py. Do not edit.
 *
 * Primitive polynomials and initial direction numbers of Sobol sequences: S. Joe and F. Y. Kuo,
 * Constructing Sobol sequences with better two-dimensional projections, SIAM J. Sci. Comput. 30,
 * 2635-2654 (2008), as in Boost's random/detail/sobol_table.hpp:
 *
 * Copyright Justinas Vygintas Daugmaudis 2010-2018
 * Distributed under the Boost Software License, Version 1.0: https://www.boost.org/LICENSE_1_0.txt */
#include "projection/sobol_points.h"

/* clang-format off */""")
    print("const uint16_t snnk__sobol_table[SNNK__SOBOL_DIMENSIONS - 1][16] = {")
    for k, polynomial in enumerate(polynomials[: DIMENSIONS - 1]):
        degree = polynomial.bit_length() - 1
        row = [polynomial] + initial[15 * k : 15 * k + degree]
        print("{" + ",".join(map(str, row)) + "},")
    print("};")


main()
