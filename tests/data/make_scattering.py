#!/usr/bin/env python3
# Writes scattering.h: the scattering of a few images by its definition, with the Fourier transforms of NumPy (Debian:
# python3-numpy). Wavelets are sampled in space and summed over shifts of the canvas.
#
#     python3 make_scattering.py > scattering.h
import numpy as np


def gabor(shape, sigma, theta, xi, slant):
    rows, columns = shape
    total = np.zeros(shape, complex)
    for a in range(-4, 5):
        for b in range(-4, 5):
            y, x = np.mgrid[a * rows:(a + 1) * rows, b * columns:(b + 1) * columns].astype(float)
            along = y * np.cos(theta) + x * np.sin(theta)
            across = x * np.cos(theta) - y * np.sin(theta)
            total += np.exp(-(along ** 2 + slant ** 2 * across ** 2) / (2 * sigma ** 2) + 1j * xi * along)
    return total * slant / (2 * np.pi * sigma ** 2)


def wavelet(shape, j, angle, angles):
    theta = (angles // 2 - 1 - angle) * np.pi / angles
    sigma, xi, slant = 0.8 * 2 ** j, 0.75 * np.pi / 2 ** j, 4 / angles
    wave, still = gabor(shape, sigma, theta, xi, slant), gabor(shape, sigma, theta, 0, slant)
    return np.fft.fft2(wave - wave.sum() / still.sum() * still)


def reduced(filter, r):
    """The frequencies that are left at resolution r."""
    rows, columns = (n >> r for n in filter.shape)
    shifted = np.fft.fftshift(filter)
    top, left = (filter.shape[0] - rows) // 2, (filter.shape[1] - columns) // 2
    return np.fft.ifftshift(shifted[top:top + rows, left:left + columns])


def convolve(x, filter, step):
    return np.fft.ifft2(np.fft.fft2(x) * filter)[::step, ::step]


def scattering(image, J, L, orders):
    sides = [1 << (n - 1).bit_length() for n in image.shape]
    pads = [((side - n) // 2, side - n - (side - n) // 2) for side, n in zip(sides, image.shape)]
    x = np.pad(image, pads, mode="reflect")
    phi = np.fft.fft2(gabor(x.shape, 0.8 * 2 ** (J - 1), 0, 0, 1))
    psi = {(j, a): wavelet(x.shape, j, a, L) for j in range(J) for a in range(L)}
    average = lambda u, r: convolve(u, reduced(phi, r), 2 ** (J - r)).real
    first, second = [], []
    for j1 in range(J):
        for a1 in range(L):
            u1 = np.abs(convolve(x, psi[j1, a1], 2 ** j1))
            first.append(average(u1, j1))
            for j2 in range(j1 + 1, J if orders == 2 else 0):
                for a2 in range(L):
                    u2 = np.abs(convolve(u1, reduced(psi[j2, a2], j1), 2 ** (j2 - j1)))
                    second.append(average(u2, j2))
    return np.stack([average(x, 0)] + first + second)


# height, width, channels, J, L, orders
CASES = [(28, 28, 1, 3, 6, 2), (16, 8, 2, 2, 3, 2), (5, 12, 1, 3, 4, 2), (8, 8, 1, 1, 2, 1), (4, 4, 3, 2, 1, 2),
         (40, 17, 1, 4, 5, 1)]
rng = np.random.default_rng(19)
print("/* Made by make_scattering.py, with NumPy. Do not edit. */")
print("/* clang-format off */")
for number, (height, width, channels, J, L, orders) in enumerate(CASES):
    image = np.round(rng.uniform(size=(height, width, channels)) * 256) / 256
    if number == 0:  # a figure: a disc and a line
        y, x = np.mgrid[:height, :width]
        image = (((y - 12) ** 2 + (x - 15) ** 2 < 40) | (y - x == 5)).astype(float)[:, :, None]
    S = np.stack([scattering(image[:, :, c], J, L, orders) for c in range(channels)])
    for kind, name, values in (("float", "image", image), ("double", "paths", S)):
        print("static const %s scattering_%s_%d[%d] = {" % (kind, name, number, values.size))
        numbers = ["%r," % float(v) if kind == "float" else "%.9g," % v for v in values.ravel()]
        for k in range(0, len(numbers), 8):
            print("    " + " ".join(numbers[k:k + 8]))
        print("};")
print("static const struct { unsigned height, width, channels, scales, angles; int orders; unsigned features; const float *image; const double *paths; } scattering_cases[] = {")
for number, (height, width, channels, J, L, orders) in enumerate(CASES):
    print("    {%d, %d, %d, %d, %d, %d, sizeof scattering_paths_%d / sizeof(double), scattering_image_%d, scattering_paths_%d},"
          % (height, width, channels, J, L, orders, number, number, number))
print("};")
print("/* clang-format on */")
