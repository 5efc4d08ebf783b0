#include "cli/fit_clip.h"

#include <math.h>
#include <stdlib.h>

/* The largest size of an input in units of its range: 1e4 roundings of float are 6e-4 of it. */
static const double largest_offset = 1e4;

enum { LAYERS = 3 };

typedef struct arrays {
    float *W;            /* d x d: a multiple of the identity */
    float *bias[LAYERS]; /* d each: -low; high - low; high */
} arrays;

static bool allocate(size_t d, arrays *a) {
    bool made = (a->W = calloc(d, d * sizeof *a->W)) != NULL;

    for (int k = 0; k < LAYERS; k++)
        made = (a->bias[k] = calloc(d, sizeof *a->bias[k])) != NULL && made;
    return made;
}

static void arrays_free(const arrays *a) {
    free(a->W);
    for (int k = 0; k < LAYERS; k++) free(a->bias[k]);
}

/* Set the biases. Returns whether float is enough. */
static bool set_biases(const fit_clip *clip, const arrays *a) {
    for (size_t k = 0; k < clip->inputs; k++) {
        const double low = clip->low[k], high = clip->high[k];

        if (high > low && fmax(fabs(low), fabs(high)) > largest_offset * (high - low)) return false;
        a->bias[0][k] = (float)-low;
        a->bias[1][k] = (float)(high - low);
        a->bias[2][k] = (float)high;
    }
    return true;
}

static int append(size_t d, float diagonal, const arrays *a, int layer, snnk_network *to) {
    const int32_t activation = layer + 1 < LAYERS ? SNNK_RELU : SNNK_IDENTITY;
    snnk_layer *made = NULL;
    int st;

    for (size_t k = 0; k < d; k++) a->W[k * d + k] = diagonal;
    st = snnk_layer_create_dense(d, d, a->W, d, a->bias[layer], activation, NULL, &made);
    if (st == SNNK_OK) st = snnk_network_append(to, made);
    snnk_layer_free(made);
    return st;
}

bool fit_clip_add(const snnk_rows *rows, fit_clip *clip) {
    const size_t d = rows->inputs, ld = rows->ldx ? rows->ldx : d;

    if (!clip->low) {
        clip->inputs = d;
        clip->low = calloc(d, sizeof *clip->low);
        clip->high = calloc(d, sizeof *clip->high);
        if (!clip->low || !clip->high) return false;
        for (size_t k = 0; k < d; k++) clip->low[k] = INFINITY, clip->high[k] = -INFINITY;
    }
    for (size_t i = 0; i < rows->n; i++)
        for (size_t k = 0; k < d; k++) {
            const double x = rows->X ? (double)rows->X[i * ld + k] : rows->X_f64[i * ld + k];

            clip->low[k] = fmin(clip->low[k], x);
            clip->high[k] = fmax(clip->high[k], x);
        }
    return true;
}

void fit_clip_free(fit_clip *clip) {
    free(clip->low);
    free(clip->high);
    *clip = (fit_clip){0};
}

int fit_clip_create(const fit_clip *clip, size_t features, snnk_network **layers) {
    const size_t d = clip->inputs;
    arrays a = {.W = NULL};
    int st = SNNK_OK;

    *layers = NULL;
    if (d > features / LAYERS) return SNNK_OK;
    if (!allocate(d, &a)) {
        st = SNNK_E_NOMEM;
    } else if (set_biases(clip, &a)) {
        st = snnk_network_create(NULL, layers);
        for (int k = 0; st == SNNK_OK && k < LAYERS; k++)
            st = append(d, k == 0 ? 1 : -1, &a, k, *layers);
    }
    arrays_free(&a);
    return st;
}
