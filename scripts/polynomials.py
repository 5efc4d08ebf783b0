"""Compute the polynomials of src/kernels/vector_math.h.

They minimise the largest relative error, by the Remez algorithm.

    python3 scripts/polynomials.py        (Debian: python3-mpmath)
"""

from mpmath import atanh, cos, erf, erfc, exp, frexp, ldexp, log, lu_solve, matrix, mp, mpf, nint, nstr, pi, sin, sqrt, tanh

mp.dps = 40


def to_float(x):
    """Returns x rounded to 24 bits."""
    mantissa, exponent = frexp(x)
    return ldexp(nint(ldexp(mantissa, 24)), int(exponent) - 24)


def remez(f, weight, lowest, highest, degree):
    """Returns the polynomial p that minimises max |weight (f - p)|, lowest coefficient first, and that maximum."""
    n = degree + 2
    nodes = lambda count: [(lowest + highest) / 2 - (highest - lowest) / 2 * cos(pi * (i + mpf(1) / 3) / count) for i in range(count)]
    x, grid = nodes(n), nodes(1000)
    for _ in range(10):
        A, b = matrix(n, n), matrix(n, 1)
        for i in range(n):
            w = weight(x[i])
            for k in range(degree + 1):
                A[i, k] = w * x[i] ** k
            A[i, n - 1] = (-1) ** i
            b[i] = w * f(x[i])
        p = list(lu_solve(A, b))[: degree + 1]
        error = [weight(t) * (f(t) - mp.polyval(p[::-1], t)) for t in grid]
        extremes = []  # where the error is largest between two changes of sign
        for i, e in enumerate(error):
            if not extremes or (e > 0) != (error[extremes[-1]] > 0):
                extremes.append(i)
            elif abs(e) > abs(error[extremes[-1]]):
                extremes[-1] = i
        while len(extremes) > n:
            extremes.pop(0 if abs(error[extremes[0]]) < abs(error[extremes[-1]]) else -1)
        if len(extremes) < n:
            break
        x = [grid[i] for i in extremes]
    return p, max(abs(e) for e in error)


def show(what, f, relative_to, lowest, highest, degree):
    """relative_to: a factor that turns the error of p at x into the relative error wanted."""
    p, error = remez(f, relative_to, mpf(lowest), mpf(highest), degree)
    print(f"{what}: 2^{nstr(log(error, 2), 3)}")
    print("    " + ", ".join(nstr(to_float(c), 9) + "f" for c in p))


def main():
    half = log(2) / 2 * mpf("1.01")
    quarter = (pi / 4 * mpf("1.01")) ** 2
    show("(exp(r) - 1 - r)/r^2, |r| <= ln 2/2", lambda r: (exp(r) - 1 - r) / r**2, lambda r: r**2 / exp(r), -half, half, 4)
    show("(sin(r)/r - 1)/r^2 of r^2, r <= pi/4", lambda t: (sin(sqrt(t)) / sqrt(t) - 1) / t,
         lambda t: t * sqrt(t) / sin(sqrt(t)), 0, quarter, 2)
    show("(cos(r) - 1 + r^2/2)/r^4 of r^2, r <= pi/4", lambda t: (cos(sqrt(t)) - 1 + t / 2) / t**2,
         lambda t: t**2 / cos(sqrt(t)), 0, quarter, 2)
    show("(sin(r)/r - 1)/r^2 of r^2, r <= pi/2", lambda t: (sin(sqrt(t)) / sqrt(t) - 1) / t,
         lambda t: t * sqrt(t) / sin(sqrt(t)), 0, 4 * quarter, 3)
    # vector_math.h has neighbours of these floats, found by trying: roundings make the error 2.8 ulp with these, 2.3
    # with those.
    show("sin(2 pi q)/q of q^2, q <= 1/4", lambda t: sin(2 * pi * sqrt(t)) / sqrt(t), lambda t: sqrt(t) / sin(2 * pi * sqrt(t)),
         mpf("1e-20"), mpf(1) / 16, 4)
    show("(tanh(x)/x - 1)/x^2 of x^2, x <= 0.625", lambda t: (tanh(sqrt(t)) / sqrt(t) - 1) / t,
         lambda t: t * sqrt(t) / tanh(sqrt(t)), 0, mpf("0.625") ** 2, 5)
    show("erf(x)/x - 1 of x^2, x <= 1", lambda t: erf(sqrt(t)) / sqrt(t) - 1, lambda t: sqrt(t) / erf(sqrt(t)), 0, 1, 7)
    show("(atanh(s)/s - 1)/s^2 of s^2, s <= 1/3", lambda t: (atanh(sqrt(t)) / sqrt(t) - 1) / t,
         lambda t: t * sqrt(t) / atanh(sqrt(t)), 0, mpf(1) / 9, 4)

    def scaled_erfcx(q):
        t = 3 * (1 + q) / (1 - q)
        return (t + 3) * exp(t * t) * erfc(t)

    show("(t + 3) exp(t^2) erfc(t) of q = (t - 3)/(t + 3), 0 <= t <= 10", scaled_erfcx, lambda q: 1 / scaled_erfcx(q),
         -1, mpf(7) / 13, 9)


main()
