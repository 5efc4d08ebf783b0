/* Golden files: the outputs of a model of data/golden, in a fixed order. The program that wrote the
 * files (data/make_golden.c) and the test that reads them (test_golden.c) share this. */
#ifndef SNNK_TESTS_GOLDEN_H
#define SNNK_TESTS_GOLDEN_H

#include <complex.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include <snnk/snnk.h>

#define GOLDEN_ROOM   4096 /* the most values of one file */
#define GOLDEN_ROWS   4    /* rows of a forward pass */
#define GOLDEN_INPUTS 80   /* the most inputs */

/* One value. Each call that is measured begins with its status. Types:
 *   s  a status
 *   f  a float: the same bits on the portable kernels
 *   p  a float that is compared on the portable kernels only (narrow storage)
 *   t  a float that went through BLAS or LAPACK
 *   b  a double: the same bits everywhere
 *   d  a double that went through BLAS, LAPACK or the C library's functions */
typedef struct golden_value {
    char type;
    double value;
    int moved; /* whether 0.1 added the terms of its sums in another order: it began with the bias,
                * or with the offset of a feature, which are now added last */
} golden_value;

typedef struct golden {
    size_t count;
    golden_value values[GOLDEN_ROOM];
} golden;

static inline void golden_put(golden *g, char type, double value) {
    if (g->count < GOLDEN_ROOM) g->values[g->count++] = (golden_value){type, value, 0};
}

static inline void golden_floats(golden *g, char type, size_t n, const float *x) {
    for (size_t i = 0; i < n; i++) golden_put(g, type, (double)x[i]);
}

/* Floats that are moved. */
static inline void golden_sums(golden *g, char type, size_t n, const float *x) {
    const size_t first = g->count;

    golden_floats(g, type, n, x);
    for (size_t i = first; i < g->count; i++) g->values[i].moved = 1;
}

static inline void golden_doubles(golden *g, char type, size_t n, const double *x) {
    for (size_t i = 0; i < n; i++) golden_put(g, type, x[i]);
}

/* Values from -50/32 to 50/32, exact in float, in an irregular order. */
static inline void golden_fill(size_t n, size_t start, float *x) {
    for (size_t i = 0; i < n; i++) {
        const size_t k = start + i;

        x[i] = (float)((int)((k * 37 + k * k * 5 + k / 7) % 101) - 50) / 32.0f;
    }
}

/* The map of a network that is one layer: both towers, the exact kernel, derivatives. */
static inline void golden_map(golden *g, const snnk_map *map) {
    enum { ROOM = 40 * GOLDEN_INPUTS };
    static float X[2 * GOLDEN_INPUTS], W[2 * GOLDEN_INPUTS], out[ROOM];
    const size_t d = snnk_map_inputs(map), m = snnk_map_features(map);
    const float b[2] = {0.25f, -0.5f};
    float bias[2] = {0, 0};
    double exact = 0;
    int st;

    if (d > 8 || m * d > ROOM) return;
    golden_fill(2 * d, 11, X);
    golden_fill(2 * d, 500, W);
    /* A symmetric kernel has no b, and its weight tower is its input tower. */
    const int symmetric =
        snnk_map_weight_tower(map, 2, W, d, b, out, m, bias, NULL) == SNNK_E_UNSUPPORTED;
    bias[0] = bias[1] = 0;
    for (int with_b = 0; with_b <= 1; with_b++) {
        st = snnk_map_weight_tower(map, 2, W, d, with_b ? b : NULL, out, m, bias, NULL);
        golden_put(g, 's', st);
        if (st != SNNK_OK) continue;
        (symmetric ? golden_sums : golden_floats)(g, 'f', 2 * m, out);
        golden_floats(g, 'f', 2, bias);
    }
    st = snnk_map_exact(map, X, W, 0, &exact);
    golden_put(g, 's', st);
    if (st == SNNK_OK) golden_put(g, 'd', exact);
    st = snnk_map_gradient(map, X, out, d);
    golden_put(g, 's', st);
    if (st == SNNK_OK) golden_floats(g, 'f', m * d, out);
    st = snnk_map_laplacian(map, 1, X, d, out, m, NULL);
    golden_put(g, 's', st);
    if (st == SNNK_OK) golden_floats(g, 'f', m, out);
}

/* Objects made from the map of a network with one layer: the map folded with a linear map of 3
 * inputs, the map with other rows (t: orthogonal ones come from LAPACK), a prediction. */
static inline void golden_map_derived(golden *g, const snnk_map *map) {
    static float V[8 * 3], c[8], X[8], Phi[40 * GOLDEN_INPUTS];
    const size_t d = snnk_map_inputs(map), m = snnk_map_features(map);
    snnk_prediction prediction = {.size = sizeof prediction};
    snnk_map *made = NULL;
    int st;

    if (d > 8 || m > 40 * GOLDEN_INPUTS) return;
    golden_fill(d * 3, 2000, V);
    golden_fill(d, 2100, c);
    golden_fill(d, 17, X);
    for (size_t i = 0; i < d * 3; i++) V[i] *= 0.5f;
    st = snnk_map_fold(map, 3, V, 3, c, &made);
    if (st == SNNK_OK) st = snnk_map_input_tower(made, 1, X, 3, Phi, m, NULL);
    golden_put(g, 's', st);
    if (st == SNNK_OK) golden_sums(g, 'f', m, Phi);
    snnk_map_free(made);
    st = snnk_map_redraw(map, 1234, 0, NULL, 0, &made);
    if (st == SNNK_OK) st = snnk_map_input_tower(made, 1, X, d, Phi, m, NULL);
    golden_put(g, 's', st);
    if (st == SNNK_OK) golden_floats(g, 't', m, Phi);
    snnk_map_free(made);
    st = snnk_map_predict_norms(map, 0.75, 1.25, 0.25, 0.5, NULL, &prediction);
    golden_put(g, 's', st);
    if (st == SNNK_OK) golden_put(g, 'd', prediction.standard_error);
}

/* Objects made from a network of several layers: the features of its last layer, and a bundle. */
static inline void golden_network_derived(golden *g, const snnk_network *network) {
    static float X[8], Y[1024];
    const size_t layers = snnk_network_layers(network), l = snnk_network_outputs(network),
                 m = snnk_layer_features(snnk_network_layer(network, layers - 1));
    snnk_network *bundled = NULL;
    int st;

    if (snnk_network_inputs(network) > 8 || m > 1024 || l > 1024) return;
    golden_fill(8, 17, X);
    st = snnk_network_features(network, 1, X, 8, Y, m, NULL);
    golden_put(g, 's', st);
    if (st == SNNK_OK) golden_sums(g, 'f', m, Y);
    st = snnk_network_bundle(network, 0, layers - 1, &bundled);
    if (st == SNNK_OK) st = snnk_network_forward(bundled, 1, X, 8, Y, l, NULL);
    golden_put(g, 's', st);
    if (st == SNNK_OK) golden_sums(g, 'f', l, Y);
    snnk_network_free(bundled);
}

static inline void golden_solve(golden *g, snnk_lstsq *lstsq) {
    double B[256], b[16];
    const size_t m = snnk_lstsq_features(lstsq), t = snnk_lstsq_targets(lstsq);
    snnk_solve_config config;
    snnk_solve_report report = {.size = sizeof report};
    int st;

    snnk_solve_config_init(&config, sizeof config);
    config.ridge = 0.25;
    st = m * t > 256 || t > 16 ? SNNK_E_SIZE
                               : snnk_lstsq_solve(lstsq, &config, NULL, B, m, b, &report);
    golden_put(g, 's', st);
    if (st != SNNK_OK) return;
    golden_doubles(g, 'd', m * t, B);
    golden_doubles(g, 'd', t, b);
    golden_put(g, 'd', report.rss);
}

/* Rows 0 ... n-1 of features and targets. */
static inline void golden_rows(size_t n, size_t m, size_t t, float *Phi, float *Y) {
    golden_fill(n * m, 3, Phi);
    golden_fill(n * t, 1000, Y);
}

/* Statistics unchanged, and after forgetting one of their first rows and adding two. */
static inline void golden_lstsq(golden *g, snnk_lstsq *lstsq) {
    float Phi[256], Y[64];
    const size_t m = snnk_lstsq_features(lstsq), t = snnk_lstsq_targets(lstsq);

    golden_put(g, 'b', (double)snnk_lstsq_rows(lstsq));
    golden_put(g, 'b', snnk_lstsq_weight(lstsq));
    golden_put(g, 'b', snnk_lstsq_factorization(lstsq));
    golden_solve(g, lstsq);
    if (3 * m > 256 || 3 * t > 64) return;
    golden_rows(3, m, t, Phi, Y);
    golden_put(g, 's', snnk_lstsq_forget(lstsq, SNNK_ROWS(.n = 1, .X = Phi, .Y = Y), NULL));
    golden_put(g, 's', snnk_lstsq_add(lstsq, SNNK_ROWS(.n = 2, .X = Phi + m, .Y = Y + t), NULL));
    golden_solve(g, lstsq);
}

/* A network. storage: a narrow storage (snnk_storage) that it is measured in, in addition to
 * float. */
static inline void golden_network(golden *g, snnk_network *network, int32_t storage) {
    static float X[GOLDEN_ROWS * GOLDEN_INPUTS], Y[GOLDEN_ROOM];
    const size_t d = snnk_network_inputs(network), n = GOLDEN_ROWS;
    const snnk_map *map = snnk_layer_map(snnk_network_layer(network, 0));
    snnk_lstsq *statistics = snnk_network_statistics(network);
    size_t l = snnk_network_outputs(network);
    snnk_network *narrow = NULL;
    int st = d > GOLDEN_INPUTS || n * l > GOLDEN_ROOM ? SNNK_E_SIZE : SNNK_OK;

    golden_fill(n * d, 11, X);
    if (st == SNNK_OK) st = snnk_network_forward(network, n, X, d, Y, l, NULL);
    golden_put(g, 's', st);
    if (st != SNNK_OK) return;
    golden_sums(g, 'f', n * l, Y);
    if (snnk_network_layers(network) == 1 && map) golden_map(g, map), golden_map_derived(g, map);
    if (snnk_network_layers(network) > 1) golden_network_derived(g, network);
    if (storage != SNNK_STORAGE_F32) {
        st = snnk_network_quantize(network, storage, NULL, NULL, NULL, &narrow);
        if (st == SNNK_OK) st = snnk_network_forward(narrow, n, X, d, Y, l, NULL);
        golden_put(g, 's', st);
        if (st == SNNK_OK) golden_sums(g, 'p', n * l, Y);
        snnk_network_free(narrow);
    }
    if (!statistics) return;
    golden_lstsq(g, statistics);
    st = snnk_network_solve(network, NULL, NULL, NULL);
    l = snnk_network_outputs(network);
    if (st == SNNK_OK) st = snnk_network_forward(network, n, X, d, Y, l, NULL);
    golden_put(g, 's', st);
    if (st == SNNK_OK) golden_floats(g, 't', n * l, Y);
}

/* Recursive least squares unchanged, and after two more rows. */
static inline void golden_rls(golden *g, snnk_rls *rls) {
    float Phi[256], Y[64], predicted[64];
    double B[256], leverage[2];
    const size_t m = snnk_rls_features(rls), t = snnk_rls_targets(rls);
    int st = 2 * m > 256 || m * t > 256 || 2 * t > 64 ? SNNK_E_SIZE : SNNK_OK;

    golden_put(g, 'b', (double)snnk_rls_rows(rls));
    if (st == SNNK_OK) st = snnk_rls_solution(rls, B, m);
    golden_put(g, 's', st);
    if (st != SNNK_OK) return;
    golden_doubles(g, 'b', m * t, B);
    golden_rows(2, m, t, Phi, Y);
    st = snnk_rls_predict(rls, 2, Phi, m, predicted, t, leverage);
    golden_put(g, 's', st);
    if (st == SNNK_OK) golden_floats(g, 't', 2 * t, predicted), golden_doubles(g, 'd', 2, leverage);
    for (size_t i = 0; i < 2; i++)
        golden_put(g, 's',
                   snnk_rls_add(rls, SNNK_ROWS(.n = 1, .X = Phi + i * m, .Y = Y + i * t), NULL, 0));
    golden_put(g, 's', snnk_rls_solution(rls, B, m));
    golden_doubles(g, 'd', m * t, B);
}

/* A hash (FNV-1a) of values of the C library's functions, whose last bits may differ between
 * libraries and processors. */
static inline uint64_t golden_probe(void) {
    uint64_t hash = UINT64_C(14695981039346656037);

    for (int i = -4096; i <= 4096; i++) {
        const float x = (float)i * 0.0021f;
        const double z = (double)i * 0.0021;
        const float f[5] = {sinf(x), cosf(x), expf(x), tanhf(x), erff(x)};
        const double complex c[2] = {cexp(z + 1.5 * z * I), clog(z + 0.25 * I)};
        const double e[10] = {sin(z), cos(z),      exp(z),      erfc(z),     log1p(exp(z)),
                              erf(z), creal(c[0]), cimag(c[0]), creal(c[1]), cimag(c[1])};
        unsigned char bytes[sizeof f + sizeof e];

        memcpy(bytes, f, sizeof f);
        memcpy(bytes + sizeof f, e, sizeof e);
        for (size_t k = 0; k < sizeof bytes; k++)
            hash = (hash ^ bytes[k]) * UINT64_C(1099511628211);
    }
    return hash;
}

#endif
