#include "kernels/adam.h"

#include <math.h>

void snnk__adam_step(const snnk__adam *step, size_t n, const float *gradient, float *value,
                     float *mean, float *square) {
    for (size_t j = 0; j < n; j++) {
        const float g = step->scale * gradient[j] + step->decay * value[j];

        mean[j] += step->new_mean * (g - mean[j]);
        square[j] += step->new_square * (g * g - square[j]);
        value[j] -= step->shrink * value[j] +
                    step->rate * mean[j] / (sqrtf(step->unbias_square * square[j]) + step->epsilon);
    }
}
