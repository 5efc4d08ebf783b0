#include "spectrum/fourier.h"

#include <math.h>

/* Fill in the roots of unity: those of order 2 half are at half ... 2 half - 1, so that each stage
 * reads its roots in sequence. */
static void fill_roots(snnk__fourier *f) {
    const size_t last = f->n / 2, quarter = f->n / 4;

    for (size_t k = 0; k < last; k++) {
        const double angle = 6.283185307179586476925 * (double)k / (double)f->n;

        f->cosine[last + k] =
            k < quarter || quarter == 0 ? cos(angle) : -f->sine[last + k - quarter];
        f->sine[last + k] =
            k < quarter || quarter == 0 ? sin(angle) : f->cosine[last + k - quarter];
    }
    for (size_t i = last; i-- > 1;) {
        f->cosine[i] = f->cosine[2 * i];
        f->sine[i] = f->sine[2 * i];
    }
}

int snnk__fourier_create(size_t n, const snnk_allocator *allocator, snnk__fourier *made) {
    double *block;
    int st;

    *made = (snnk__fourier){0};
    st = snnk__alloc_zero(allocator, 4 * n, sizeof *block, "a Fourier transform", &block);
    if (st != SNNK_OK) return st;
    *made = (snnk__fourier){
        .n = n, .re = block, .im = block + n, .cosine = block + 2 * n, .sine = block + 3 * n};
    fill_roots(made);
    return SNNK_OK;
}

void snnk__fourier_free(const snnk_allocator *allocator, snnk__fourier *f) {
    snnk__free(allocator, f->re);
    *f = (snnk__fourier){0};
}

static void swap(double *a, double *b) {
    const double old_a = *a;

    *a = *b;
    *b = old_a;
}

/* Move each number to the index that has its bits in reverse order. */
static void reverse_bits(snnk__fourier *f) {
    for (size_t i = 0, j = 0; i < f->n; i++) {
        size_t bit = f->n / 2;

        if (i < j) {
            swap(f->re + i, f->re + j);
            swap(f->im + i, f->im + j);
        }
        for (; bit > 0 && (j & bit); bit /= 2) j ^= bit; /* j + 1, from the top bit down */
        j |= bit;
    }
}

/* Combine the transforms of two halves (re, im and re2, im2) into one of twice the size. */
static void combine(size_t half, int sign, const double *restrict cosine,
                    const double *restrict sine, double *restrict re, double *restrict im,
                    double *restrict re2, double *restrict im2) {
    for (size_t k = 0; k < half; k++) {
        const double c = cosine[k], s = sign * sine[k];
        const double x = c * re2[k] - s * im2[k], y = c * im2[k] + s * re2[k];

        re2[k] = re[k] - x;
        im2[k] = im[k] - y;
        re[k] += x;
        im[k] += y;
    }
}

void snnk__fourier_transform(snnk__fourier *f, int sign) {
    reverse_bits(f);
    for (size_t half = 1; half < f->n; half *= 2)
        for (size_t start = 0; start < f->n; start += 2 * half) {
            double *re = f->re + start, *im = f->im + start;

            combine(half, sign, f->cosine + half, f->sine + half, re, im, re + half, im + half);
        }
}
