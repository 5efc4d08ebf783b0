/* The gradient of a scattering, one image at a time and in double: it is for training and for
 * looking at what a fit sees, not for speed. Paths whose gradient is 0 are left out.
 *
 * A path is z = F* fold(psi . F u), a linear map, with F the Fourier transform; then |z|, then the
 * averages A |z| A'^T. Backward: d|z| = A^T dS A'; dz = d|z| z/|z|, 0 where z = 0; and
 * du = Re F* (psi . unfold(F dz)), where the sum over paths comes before F*. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/size.h"
#include "map/scattering.h"

/* Scratch, all in double; complex numbers are pairs. */
typedef struct back {
    const snnk__scatter *plan;
    double *x, *u;        /* transforms of the inputs of the first and second order: 2 N each */
    double *dx, *du;      /* their gradients */
    double *z1, *z2;      /* paths */
    double *line;         /* 2 n: a line of a transform */
    double *cells, *sums; /* averages of a path; and along the rows only */
} back;

/* ---- Fourier transforms ---- */

/* Transform n numbers in place; inverse: without the division. */
static void fft(const snnk__scatter *plan, size_t n, bool inverse, double *x) {
    const size_t most = snnk__max_size(plan->rows, plan->columns);

    for (size_t i = 1, j = 0; i < n; i++) { /* into bit-reversed order */
        size_t bit = n >> 1;

        for (; j & bit; bit >>= 1) j ^= bit;
        j ^= bit;
        for (size_t p = 0; i < j && p < 2; p++) {
            const double held = x[2 * i + p];

            x[2 * i + p] = x[2 * j + p];
            x[2 * j + p] = held;
        }
    }
    for (size_t half = 1; half < n; half *= 2)
        for (size_t i = 0; i < n; i += 2 * half)
            for (size_t k = 0; k < half; k++) {
                const float *turn = plan->turns + 2 * (k * (most / (2 * half)));
                const double c = turn[0], s = inverse ? -turn[1] : turn[1];
                double *a = x + 2 * (i + k), *b = a + 2 * half;
                const double re = b[0] * c - b[1] * s, im = b[0] * s + b[1] * c;

                b[0] = a[0] - re, b[1] = a[1] - im;
                a[0] += re, a[1] += im;
            }
}

static void fft_plane(const back *b, size_t rows, size_t columns, bool inverse, double *z) {
    for (size_t i = 0; i < rows; i++) fft(b->plan, columns, inverse, z + 2 * i * columns);
    for (size_t k = 0; k < columns; k++) {
        for (size_t i = 0; i < rows; i++)
            memcpy(b->line + 2 * i, z + 2 * (i * columns + k), 2 * sizeof *z);
        fft(b->plan, rows, inverse, b->line);
        for (size_t i = 0; i < rows; i++)
            memcpy(z + 2 * (i * columns + k), b->line + 2 * i, 2 * sizeof *z);
    }
}

/* ---- One path ---- */

/* Wavelet (j, angle) on numbers at resolution r. */
typedef struct path {
    size_t r, j;
    const float *filter;
} path;

static path path_of(const snnk__scatter *plan, size_t r, size_t j, size_t angle) {
    return (path){r, j, plan->psi[(j * plan->angles + angle) * plan->scales + r]};
}

/* Set z, at resolution j, from the transform of u, at resolution r. */
static void path_forward(const back *b, const path *p, const double *u, double *z) {
    const size_t rows = b->plan->rows >> p->r, columns = b->plan->columns >> p->r,
                 few = b->plan->rows >> p->j, narrow = b->plan->columns >> p->j;

    memset(z, 0, 2 * few * narrow * sizeof *z);
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < columns; k++)
            for (size_t c = 0; c < 2; c++)
                z[2 * (i % few * narrow + k % narrow) + c] +=
                    u[2 * (i * columns + k) + c] * (double)p->filter[i * columns + k];
    fft_plane(b, few, narrow, true, z);
}

/* Add to the gradient du of the transform of u what passes through the path: on entry z holds
 * dz. */
static void path_backward(const back *b, const path *p, double *z, double *du) {
    const size_t rows = b->plan->rows >> p->r, columns = b->plan->columns >> p->r,
                 few = b->plan->rows >> p->j, narrow = b->plan->columns >> p->j;

    fft_plane(b, few, narrow, false, z);
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < columns; k++)
            for (size_t c = 0; c < 2; c++)
                du[2 * (i * columns + k) + c] +=
                    z[2 * (i % few * narrow + k % narrow) + c] * (double)p->filter[i * columns + k];
}

static double modulus(const double *z) { return sqrt(z[0] * z[0] + z[1] * z[1]); }

/* Add A^T dS A' to the real parts of du at resolution r, dS: b->cells. */
static void average_backward(const back *b, size_t r, double *du) {
    const snnk__scatter *plan = b->plan;
    const size_t rows = plan->rows >> r, columns = plan->columns >> r,
                 down = plan->rows >> plan->scales, along = plan->columns >> plan->scales;

    for (size_t i = 0; i < down; i++)
        for (size_t k = 0; k < columns; k++) {
            double sum = 0;

            for (size_t c = 0; c < along; c++)
                sum += b->cells[i * along + c] * (double)plan->along[r][c * columns + k];
            for (size_t t = 0; t < rows; t++)
                du[2 * (t * columns + k)] += sum * (double)plan->down[r][i * rows + t];
        }
}

/* Set b->cells to A |z| A'^T. */
static void average(const back *b, size_t r, const double *z) {
    const snnk__scatter *plan = b->plan;
    const size_t rows = plan->rows >> r, columns = plan->columns >> r,
                 down = plan->rows >> plan->scales, along = plan->columns >> plan->scales;

    for (size_t t = 0; t < rows; t++)
        for (size_t c = 0; c < along; c++) {
            double sum = 0;

            for (size_t k = 0; k < columns; k++)
                sum += modulus(z + 2 * (t * columns + k)) * (double)plan->along[r][c * columns + k];
            b->sums[t * along + c] = sum;
        }
    for (size_t i = 0; i < down; i++)
        for (size_t c = 0; c < along; c++) {
            double sum = 0;

            for (size_t t = 0; t < rows; t++)
                sum += b->sums[t * along + c] * (double)plan->down[r][i * rows + t];
            b->cells[i * along + c] = sum;
        }
}

/* Add the gradient of d|z| to du, from the gradient of the averages of |z| at resolution r. */
static void moduli_backward(const back *b, size_t r, const double *z, const float *dS, double *du) {
    const snnk__scatter *plan = b->plan;
    const size_t cells = snnk__scatter_cells(plan);

    if (plan->logarithm) average(b, r, z);
    for (size_t c = 0; c < cells; c++) {
        const double S = b->cells[c];

        b->cells[c] = dS[c];
        if (plan->logarithm) b->cells[c] = S < 0 ? 0 : dS[c] / ((double)plan->epsilon + S);
    }
    average_backward(b, r, du);
}

/* Replace z by dz = d z/|z|, d: real parts of du. */
static void direction(size_t count, const double *du, double *z) {
    for (size_t e = 0; e < count; e++) {
        const double length = modulus(z + 2 * e), d = length > 0 ? du[2 * e] / length : 0;

        z[2 * e] *= d, z[2 * e + 1] *= d;
    }
}

static bool all_zero(size_t n, const float *x) {
    for (size_t k = 0; k < n; k++)
        if (x[k] != 0) return false;
    return true;
}

/* ---- Both orders ---- */

/* Add to the real parts of b->du (holding complex numbers at resolution j) what passes through the
 * second order behind z1, whose wavelet is (j, angle). */
static void second_backward(const back *b, size_t j, const float *dS) {
    const snnk__scatter *plan = b->plan;
    const size_t cells = snnk__scatter_cells(plan), rows = plan->rows >> j,
                 columns = plan->columns >> j, count = rows * columns;

    for (size_t e = 0; e < count; e++) b->u[2 * e] = modulus(b->z1 + 2 * e), b->u[2 * e + 1] = 0;
    fft_plane(b, rows, columns, false, b->u);
    fft_plane(b, rows, columns, false, b->du); /* all is added before one inverse transform */
    for (size_t e = 0; e < 2 * count; e++) b->du[e] /= (double)count;
    for (size_t j2 = j + 1; j2 < plan->scales; j2++)
        for (size_t a = 0; a < plan->angles; a++, dS += cells) {
            const path p = path_of(plan, j, j2, a);
            const size_t few = (plan->rows >> j2) * (plan->columns >> j2);
            double *dz = b->z2 + 2 * few;

            if (all_zero(cells, dS)) continue;
            path_forward(b, &p, b->u, b->z2);
            memset(dz, 0, 2 * few * sizeof *dz);
            moduli_backward(b, j2, b->z2, dS, dz);
            direction(few, dz, b->z2);
            path_backward(b, &p, b->z2, b->du);
        }
    fft_plane(b, rows, columns, true, b->du);
}

/* Add to b->dx, the gradient of the transform of the canvas, what passes through wavelet (j, angle)
 * and all behind it. */
static void first_backward(const back *b, size_t j, size_t angle, const float *dPhi) {
    const snnk__scatter *plan = b->plan;
    const size_t cells = snnk__scatter_cells(plan),
                 count = (plan->rows >> j) * (plan->columns >> j);
    const float *first = dPhi + (1 + j * plan->angles + angle) * cells,
                *second = dPhi + snnk__scatter_second(plan, j, angle) * cells;
    const size_t behind = plan->second ? (plan->scales - 1 - j) * plan->angles * cells : 0;
    const bool none = all_zero(cells, first), none_behind = all_zero(behind, second);
    const path p = path_of(plan, 0, j, angle);

    if (none && none_behind) return;
    path_forward(b, &p, b->x, b->z1);
    memset(b->du, 0, 2 * count * sizeof *b->du);
    if (!none) moduli_backward(b, j, b->z1, first, b->du);
    if (!none_behind) second_backward(b, j, second);
    direction(count, b->du, b->z1);
    path_backward(b, &p, b->z1, b->dx);
}

/* One channel of one image: add to dX. */
static void image_backward(const back *b, const float *X, const float *dPhi, float *dX) {
    const snnk__scatter *plan = b->plan;
    const size_t cells = snnk__scatter_cells(plan), count = plan->rows * plan->columns;

    for (size_t i = 0; i < plan->rows; i++)
        for (size_t k = 0; k < plan->columns; k++) {
            double *x = b->x + 2 * (i * plan->columns + k);

            x[0] = X[(snnk__scatter_reflect(i, plan->height, plan->rows) * plan->width +
                      snnk__scatter_reflect(k, plan->width, plan->columns)) *
                     plan->channels];
            x[1] = 0;
        }
    fft_plane(b, plan->rows, plan->columns, false, b->x);
    memset(b->dx, 0, 2 * count * sizeof *b->dx);
    for (size_t j = 0; j < plan->scales; j++)
        for (size_t a = 0; a < plan->angles; a++) first_backward(b, j, a, dPhi);
    fft_plane(b, plan->rows, plan->columns, true, b->dx);
    for (size_t c = 0; c < cells; c++) b->cells[c] = dPhi[c];
    average_backward(b, 0, b->dx);
    for (size_t i = 0; i < plan->rows; i++)
        for (size_t k = 0; k < plan->columns; k++)
            dX[(snnk__scatter_reflect(i, plan->height, plan->rows) * plan->width +
                snnk__scatter_reflect(k, plan->width, plan->columns)) *
               plan->channels] += (float)b->dx[2 * (i * plan->columns + k)];
}

/* ---- The transform's entry ---- */

/* Doubles: six planes of complex numbers (z2 has dz behind it, at a lower resolution), a line, the
 * cells and the sums along rows. */
size_t snnk__scattering_back_work(const snnk__scatter *plan) {
    size_t planes, floats;

    if (!snnk__mul_size(plan->rows, plan->columns, &planes) ||
        !snnk__mul_size(planes, 2 * (12 + 2), &floats) ||
        !snnk__add_size(floats, 4 * snnk__max_size(plan->rows, plan->columns) + 2, &floats))
        return SIZE_MAX;
    return floats;
}

void snnk__scattering_backward(const void *context, size_t n, const float *X, size_t ldx,
                               const float *dPhi, size_t ldphi, float *dX, size_t lddx,
                               float *work) {
    const snnk__scattering *s = context;
    const snnk__scatter *plan = &s->plan;
    const size_t plane = 2 * plan->rows * plan->columns, features = s->features / plan->channels;
    /* Doubles may need twice the alignment of floats. */
    double *next = (double *)(void *)(work + (uintptr_t)work / sizeof *work % 2);
    back b = {.plan = plan};
    double **const planes[] = {&b.x, &b.u, &b.dx, &b.du, &b.z1, &b.z2};

    for (size_t k = 0; k < sizeof planes / sizeof *planes; k++, next += plane) *planes[k] = next;
    b.line = next;
    b.cells = b.line + 2 * snnk__max_size(plan->rows, plan->columns);
    b.sums = b.cells + plane / 4;
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < plan->channels; c++)
            image_backward(&b, X + i * ldx + c, dPhi + i * ldphi + c * features, dX + i * lddx + c);
}
