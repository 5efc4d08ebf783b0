/* Solve Poisson's equation -lap u = f on the unit square, with u given on its edge. The Laplacian
 * of random features has a closed form, so u = B Phi(x, y) is found by least squares: no mesh, no
 * gradient descent.
 *
 *     cc poisson.c $(pkg-config --cflags --libs snnk) -lm && ./a.out
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <snnk/snnk.h>

/* Every call returns a status. After a failure snnk_last_error() has a sentence to print. */
#define CHECK(call)                                                                                \
    do {                                                                                           \
        if ((call) != SNNK_OK) {                                                                   \
            fprintf(stderr, "%s: %s\n", #call, snnk_last_error());                                 \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

enum { GRID = 31, POINTS = GRID * GRID, FEATURES = 300 };

/* The exact solution u, which gives the edge values, and its f = -lap u. */
static double solution(double x, double y) { return exp(-x) * sin(3 * y) + x * x; }
static double source(double x, double y) { return 8 * exp(-x) * sin(3 * y) - 2; }

/* Make a grid from `first` to `last` in both directions. */
static void make_grid(float first, float last, float *X) {
    for (size_t i = 0; i < POINTS; i++) {
        const size_t column = i % GRID, row = i / GRID;

        X[2 * i] = first + (last - first) * (float)column / (GRID - 1);
        X[2 * i + 1] = first + (last - first) * (float)row / (GRID - 1);
    }
}

static int on_edge(const float *x) { return x[0] == 0 || x[0] == 1 || x[1] == 0 || x[1] == 1; }

int main(void) {
    static float X[2 * POINTS], A[POINTS * FEATURES], Phi[POINTS * FEATURES], y[POINTS];
    static double B[FEATURES];
    const float weight = 100; /* of edge rows: u there is much smaller than lap u inside */
    const clock_t start = clock();
    snnk_map_config config;
    snnk_solve_config solve;
    snnk_map *map;
    snnk_lstsq *lstsq;
    double worst = 0;

    /* u = B Phi: cos and sin of random plane waves. */
    CHECK(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_GAUSSIAN;
    config.features = FEATURES;
    config.projection_scale = 3;
    CHECK(snnk_map_create(2, &config, NULL, &map));

    /* One row for each point: -B lap Phi = f inside, B Phi = u on the edge. */
    make_grid(0, 1, X);
    CHECK(snnk_map_laplacian(map, POINTS, X, 2, A, FEATURES, NULL));
    CHECK(snnk_map_input_tower(map, POINTS, X, 2, Phi, FEATURES, NULL));
    for (size_t i = 0; i < POINTS; i++) {
        const float *x = X + 2 * i;
        const int edge = on_edge(x);

        y[i] = (float)(edge ? weight * solution(x[0], x[1]) : source(x[0], x[1]));
        for (size_t j = i * FEATURES; j < (i + 1) * FEATURES; j++)
            A[j] = edge ? weight * Phi[j] : -A[j];
    }
    CHECK(snnk_lstsq_create(FEATURES, 1, NULL, &lstsq));
    CHECK(snnk_lstsq_add(lstsq, SNNK_ROWS(.n = POINTS, .X = A, .ldx = FEATURES, .Y = y, .ldy = 1),
                         NULL));
    CHECK(snnk_solve_config_init(&solve, sizeof solve));
    solve.intercept = 0;
    CHECK(snnk_lstsq_solve(lstsq, &solve, NULL, B, FEATURES, NULL, NULL));
    const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;

    /* Compare it with the exact solution, between the points that it was fitted to. */
    make_grid(0.015f, 0.985f, X);
    CHECK(snnk_map_input_tower(map, POINTS, X, 2, Phi, FEATURES, NULL));
    for (size_t i = 0; i < POINTS; i++) {
        double u = 0;

        for (size_t j = 0; j < FEATURES; j++) u += B[j] * Phi[i * FEATURES + j];
        worst = fmax(worst, fabs(u - solution(X[2 * i], X[2 * i + 1])));
    }
    printf("%d features, %d points, %.0f ms: largest error %.1e\n", FEATURES, POINTS,
           1000 * seconds, worst);
    snnk_lstsq_free(lstsq);
    snnk_map_free(map);
    return worst < 1e-4 ? 0 : 1;
}
