#include "urf/fourier.h"

#include <math.h>

int snnk__fourier_create(size_t n, const snnk_allocator *allocator, snnk__fourier *made) {
    double *block;
    int st;

    *made = (snnk__fourier){0};
    st = snnk__alloc_zero(allocator, 3 * n, sizeof *block, "a Fourier transform", &block);
    if (st != SNNK_OK) return st;
    *made = (snnk__fourier){.n = n,
                            .re = block,
                            .im = block + n,
                            .cosine = block + 2 * n,
                            .sine = block + 2 * n + n / 2};
    for (size_t k = 0; k < n / 2; k++) {
        const double angle = 6.283185307179586476925 * (double)k / (double)n;

        made->cosine[k] = cos(angle);
        made->sine[k] = sin(angle);
    }
    return SNNK_OK;
}

void snnk__fourier_free(const snnk_allocator *allocator, snnk__fourier *f) {
    snnk__free(allocator, f->re);
    *f = (snnk__fourier){0};
}

static void swap(double *a, double *b) {
    const double was = *a;

    *a = *b;
    *b = was;
}

/* Put number k where k with its bits in reverse order is. */
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

void snnk__fourier_transform(snnk__fourier *f, int sign) {
    reverse_bits(f);
    for (size_t half = 1; half < f->n; half *= 2) {
        const size_t stride = f->n / (2 * half);

        for (size_t start = 0; start < f->n; start += 2 * half)
            for (size_t k = 0; k < half; k++) {
                const double c = f->cosine[k * stride], s = sign * f->sine[k * stride];
                double *re = f->re + start + k, *im = f->im + start + k;
                const double x = c * re[half] - s * im[half], y = c * im[half] + s * re[half];

                re[half] = re[0] - x;
                im[half] = im[0] - y;
                re[0] += x;
                im[0] += y;
            }
    }
}
