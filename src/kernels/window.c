#include "kernels/window.h"

#include <math.h>
void snnk__patches_copy(const snnk__patches *patches, size_t n, const float *x, float *to,
                        size_t ld) {
    const size_t d = patches->segments * patches->length;

    for (size_t t = 0; t < n; t++, to += ld) {
        float mean = 0, square = 0;

        for (size_t s = 0; s < patches->segments; s++)
            for (size_t k = 0; k < patches->length; k++)
                to[s * patches->length + k] = x[t * patches->step + s * patches->row + k];
        if (!patches->normalise) continue;
        for (size_t k = 0; k < d; k++) mean += to[k];
        mean /= (float)d;
        for (size_t k = 0; k < d; k++) {
            to[k] -= mean;
            square += to[k] * to[k];
        }
        const float scale = 1 / sqrtf(square / (float)d + patches->floor);
        for (size_t k = 0; k < d; k++) to[k] *= scale;
    }
}

static float value_of(const snnk__pooling *pooling, float z) {
    const float x = pooling->negate ? pooling->shift - z : z;

    return pooling->rectify && x < 0 ? 0 : x;
}

void snnk__pool_add(const snnk__pooling *pooling, size_t n, size_t count, const float *Z,
                    size_t ldz, float *sums) {
    for (size_t j = 0; j < count; j++)
        for (size_t t = 0; t < n; t++) {
            const float x = value_of(pooling, Z[t * ldz + j]);

            switch (pooling->pool) {
            case SNNK__POOL_VALUES: sums[j] += x; break;
            case SNNK__POOL_SQUARES: sums[j] += x * x; break;
            case SNNK__POOL_LARGEST: sums[j] = x > sums[j] || x != x ? x : sums[j]; break;
            }
        }
}

void snnk__pool_finish(const snnk__pooling *pooling, float scale, size_t count, float *sums) {
    for (size_t j = 0; j < count; j++) {
        if (pooling->pool != SNNK__POOL_LARGEST) sums[j] *= scale;
        if (pooling->pool == SNNK__POOL_SQUARES) sums[j] = sqrtf(sums[j]);
        if (pooling->root) sums[j] = copysignf(sqrtf(fabsf(sums[j])), sums[j]);
    }
}
