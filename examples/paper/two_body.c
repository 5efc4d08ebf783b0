/* Two particles in a trap that interact: the ground state from the interaction, and the
 * interaction from the density. Both in closed form, on sine features.
 *
 *     two_body [--json] [--rivals FILE] [--out DIR] | self-test
 *
 * --rivals: results of rivals/two_body.py to print with ours. --out: a folder for the curves of the
 * picture.
 *
 * With h = m = 1, H = -lap_1/2 - lap_2/2 + w^2 (r1^2 + r2^2)/2 + V(r), r = |r1 - r2|, w = 1/2. The
 * center of mass separates. It has the energy 3 w/2 and needs no features. In the ground state the
 * relative motion depends on r alone:
 *
 *     -psi'' - (2/r) psi' + (w^2 r^2/4 + V(r)) psi = E psi
 *
 * Three interactions have exact ground states:
 *
 *     coulomb         V = 1/r      Hooke's atom: E = 5/4, psi = (1 + r/2) exp(-r^2/8) (Taut 1993)
 *     spring          V = r^2/2    Moshinsky's atom: E = 9/4, psi = exp(-3 r^2/8)
 *     inverse-square  V = 2/r^2    Calogero's interaction: E = 5/4, psi = r exp(-r^2/8)
 *
 * A state is psi = g f, with g = exp(-w r^2/4), the state without interaction, and f = B Phi(r) on
 * m sine features with random frequencies and phases. The energy of f is, after integration by
 * parts,
 *
 *     3 w/2 + int r^2 g^2 (f'^2 + V f^2) dr / int r^2 g^2 f^2 dr
 *
 * which needs only features and their first derivatives. Its minimum over B is an eigenvalue
 * problem of size m (Rayleigh and Ritz).
 *
 * For the inverse problem only the density |psi|^2 at points and E are given. f = sqrt(density)/g
 * is fitted by least squares, and the equation gives V = E - 3 w/2 + (f'' + (2/r - w r) f')/f. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <lapacke.h>
#include <snnk/snnk.h>

#include "common.h"

enum { POINTS = 256, FEATURES = 32, SEEDS = 3, SYSTEMS = 3 };

static const double pi = 3.14159265358979323846, omega = 0.5, range = 12;

/* ---- Systems ---- */

typedef struct two_bodies {
    const char *name;
    double energy; /* of the relative motion */
} two_bodies;

enum { COULOMB, SPRING, INVERSE_SQUARE };
static const two_bodies systems[SYSTEMS] = {
    {"coulomb", 1.25}, {"spring", 2.25}, {"inverse-square", 1.25}};

static double interaction(int system, double r) {
    if (system == COULOMB) return 1 / r;
    if (system == SPRING) return r * r / 2;
    return 2 / (r * r);
}

/* The exact f = psi/g, not normalised. */
static double exact_f(int system, double r) {
    if (system == COULOMB) return 1 + r / 2;
    if (system == SPRING) return exp(-r * r / 4);
    return r;
}

/* ---- Points ---- */

/* Points of Gauss and Legendre on 0 ... range, where `weight` includes r^2 g^2. Points are floats
 * because features take floats. */
typedef struct quadrature {
    float r[POINTS];
    double weight[POINTS];
} quadrature;

static void make_points(quadrature *points) {
    for (int i = 0; i < POINTS; i++) {
        double x = cos(pi * (i + 0.75) / (POINTS + 0.5)), slope = 1;

        for (int step = 0; step < 50; step++) { /* Newton's method on the Legendre polynomial */
            double before = 1, here = x;

            for (int n = 2; n <= POINTS; n++) {
                const double next = ((2 * n - 1) * x * here - (n - 1) * before) / n;

                before = here;
                here = next;
            }
            slope = POINTS * (x * here - before) / (x * x - 1);
            x -= here / slope;
        }
        const int at = POINTS - 1 - i;
        const double r = (float)(range * (1 + x) / 2);

        points->r[at] = (float)r;
        points->weight[at] =
            range / ((1 - x * x) * slope * slope) * r * r * exp(-omega * r * r / 2);
    }
}

/* ---- Features ---- */

/* Phi and its first two derivatives at all points, POINTS x FEATURES each. */
typedef struct features {
    float Phi[POINTS * FEATURES], first[POINTS * FEATURES], second[POINTS * FEATURES];
} features;

static void make_features(const quadrature *points, int seed, features *made) {
    snnk_map_config config;
    snnk_map *map;

    CHECK(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_ELEMENTWISE;
    config.activation = SNNK_SIN;
    config.features = FEATURES;
    config.seed = (uint64_t)seed;
    config.projection_scale = 1;
    config.offset_scale = pi;
    CHECK(snnk_map_create(1, &config, NULL, &map));
    CHECK(snnk_map_input_tower(map, POINTS, points->r, 1, made->Phi, FEATURES, NULL));
    CHECK(snnk_map_laplacian(map, POINTS, points->r, 1, made->second, FEATURES, NULL));
    for (size_t i = 0; i < POINTS; i++)
        CHECK(snnk_map_gradient(map, points->r + i, made->first + i * FEATURES, 1));
    snnk_map_free(map);
}

/* B . row, for row i of Phi or of a derivative. */
static double value_at(const double *B, const float *rows, size_t i) {
    double sum = 0;

    for (size_t j = 0; j < FEATURES; j++) sum += B[j] * rows[i * FEATURES + j];
    return sum;
}

/* ---- The ground state ---- */

/* The eigenvectors of a symmetric matrix replace it, as rows; eigenvalues are in rising order. */
static void eigen(int n, double *A, double *values) {
    if (LAPACKE_dsyev(LAPACK_COL_MAJOR, 'V', 'U', n, A, n, values) != 0)
        die("LAPACK's eigenvalues did not converge");
}

/* Find the least eigenvalue of H B = E S B. Features are floats, so directions with less than 1e-11
 * of the largest eigenvalue of S are rounding errors. They are left out. */
static double least_eigenvalue(const double *H, double *S, double *B) {
    static double T[FEATURES * FEATURES], reduced[FEATURES * FEATURES];
    double values[FEATURES];
    int first = 0;

    eigen(FEATURES, S, values);
    while (values[first] < 1e-11 * values[FEATURES - 1]) first++;
    const int n = FEATURES - first;

    for (int a = 0; a < n; a++) /* rows of T: directions of norm 1 */
        for (int j = 0; j < FEATURES; j++)
            T[a * FEATURES + j] = S[(a + first) * FEATURES + j] / sqrt(values[a + first]);
    for (int a = 0; a < n; a++)
        for (int b = 0; b < n; b++) {
            double sum = 0;

            for (int j = 0; j < FEATURES; j++)
                for (int k = 0; k < FEATURES; k++)
                    sum += T[a * FEATURES + j] * H[j * FEATURES + k] * T[b * FEATURES + k];
            reduced[a * n + b] = sum;
        }
    eigen(n, reduced, values);
    for (int j = 0; j < FEATURES; j++) {
        B[j] = 0;
        for (int a = 0; a < n; a++) B[j] += reduced[a] * T[a * FEATURES + j];
    }
    return values[0];
}

/* Solve for the ground state. B becomes its coefficients, for int r^2 psi^2 dr = 1. */
static double ground_state(int system, const quadrature *points, const features *on, double *B) {
    static double H[FEATURES * FEATURES], S[FEATURES * FEATURES];

    memset(H, 0, sizeof H);
    memset(S, 0, sizeof S);
    for (size_t i = 0; i < POINTS; i++) {
        const float *phi = on->Phi + i * FEATURES, *slope = on->first + i * FEATURES;
        const double weight = points->weight[i], V = interaction(system, points->r[i]);

        for (size_t j = 0; j < FEATURES; j++)
            for (size_t k = 0; k < FEATURES; k++) {
                H[j * FEATURES + k] += weight * ((double)slope[j] * slope[k] + V * phi[j] * phi[k]);
                S[j * FEATURES + k] += weight * phi[j] * phi[k];
            }
    }
    return 1.5 * omega + least_eigenvalue(H, S, B);
}

/* The norm of psi - exact psi, both of norm 1. `f` has the values of f at the points. */
static double wave_error(int system, const quadrature *points, const double *f) {
    double norm = 0, exact_norm = 0, product = 0;

    for (size_t i = 0; i < POINTS; i++) {
        const double exact = exact_f(system, points->r[i]);

        norm += points->weight[i] * f[i] * f[i];
        exact_norm += points->weight[i] * exact * exact;
        product += points->weight[i] * f[i] * exact;
    }
    double square = 0;
    const double sign = product < 0 ? -1 : 1;

    for (size_t i = 0; i < POINTS; i++) {
        const double delta =
            sign * f[i] / sqrt(norm) - exact_f(system, points->r[i]) / sqrt(exact_norm);

        square += points->weight[i] * delta * delta;
    }
    return sqrt(square);
}

/* ---- The interaction from the density ---- */

/* splitmix64 (Steele, Lea & Flood 2014): a standard normal number for each i, by Box and Muller. */
static double uniform(uint64_t i) {
    uint64_t z = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return ((double)((z ^ z >> 31) >> 11) + 0.5) * 0x1p-53;
}

static double normal(uint64_t i) {
    return sqrt(-2 * log(uniform(2 * i))) * cos(2 * pi * uniform(2 * i + 1));
}

/* Fit f = sqrt(density)/g in closed form. The ridge is chosen on every third point. */
static void fit_density(int system, const quadrature *points, const features *on, double noise,
                        int seed, double *B) {
    snnk_lstsq *fit, *heldout, *all;
    snnk_solve_config config;
    double ridges[31];
    size_t best;
    snnk_lstsq **const parts[3] = {&fit, &heldout, &all};

    for (int p = 0; p < 3; p++) {
        CHECK(snnk_lstsq_create(FEATURES, 1, NULL, parts[p]));
        CHECK(snnk_lstsq_set_factorization(*parts[p], SNNK_FACTORIZATION_QR));
    }
    for (size_t i = 0; i < POINTS; i++) {
        const float weight = (float)points->weight[i];
        const float *phi = on->Phi + i * FEATURES;
        const double exact = exact_f(system, points->r[i]);
        const double f = exact * (1 + noise / 2 * normal((uint64_t)seed << 32 | i));
        double row[FEATURES];

        if (weight < 1e-12f) continue;
        for (size_t j = 0; j < FEATURES; j++) row[j] = phi[j];
        const snnk_rows *rows = SNNK_ROWS(.n = 1, .X_f64 = row, .Y_f64 = &f, .weights = &weight);
        CHECK(snnk_lstsq_add(i % 3 == 0 ? heldout : fit, rows, NULL));
        CHECK(snnk_lstsq_add(all, rows, NULL));
    }
    CHECK(snnk_solve_config_init(&config, sizeof config));
    config.intercept = 0;
    CHECK(snnk_lstsq_default_ridges(fit, 31, ridges));
    CHECK(snnk_lstsq_choose_ridge(fit, heldout, &config, 31, ridges, NULL, NULL, &best));
    config.ridge = ridges[best];
    CHECK(snnk_lstsq_solve(all, &config, NULL, B, FEATURES, NULL, NULL));
    for (int p = 0; p < 3; p++) snnk_lstsq_free(*parts[p]);
}

static void recover(int system, const quadrature *points, const features *on, const double *B,
                    double *V) {
    for (size_t i = 0; i < POINTS; i++) {
        const double r = points->r[i], first = value_at(B, on->first, i);

        V[i] = systems[system].energy - 1.5 * omega +
               (value_at(B, on->second, i) + (2 / r - omega * r) * first) / value_at(B, on->Phi, i);
    }
}

/* Whether the density r^2 psi^2 at a point is at least 1 % of its largest value. */
static bool is_dense(int system, const quadrature *points, size_t i) {
    double largest = 0, here = 0;

    for (size_t k = 0; k < POINTS; k++) {
        const double r = points->r[k], f = exact_f(system, r);
        const double density = r * r * exp(-omega * r * r / 2) * f * f;

        largest = fmax(largest, density);
        if (k == i) here = density;
    }
    return here >= 0.01 * largest;
}

/* The relative error of V where the density is not negligible: root of int psi^2 (V - exact)^2 over
 * int psi^2 exact^2. */
static double interaction_error(int system, const quadrature *points, const double *V) {
    double error = 0, norm = 0;

    for (size_t i = 0; i < POINTS; i++) {
        const double r = points->r[i], exact = interaction(system, r), f = exact_f(system, r);

        if (!is_dense(system, points, i)) continue;
        error += points->weight[i] * f * f * (V[i] - exact) * (V[i] - exact);
        norm += points->weight[i] * f * f * exact * exact;
    }
    return sqrt(error / norm);
}

/* ---- Runs ---- */

enum { ENERGY, ENERGY_ERROR, WAVE_ERROR, V_ERROR, NOISY_V_ERROR, SECONDS, COLUMNS };
static const column columns[COLUMNS] = {
    {"energy", "energy", "%.8f"},
    {"energy_relative_error", "relative error", "%.1e"},
    {"wave_function_error", "wave function, L2", "%.1e"},
    {"interaction_relative_error", "V from density", "%.1e"},
    {"interaction_relative_error_noisy", "V, 0.1 % noise", "%.1e"},
    {"seconds", "CPU seconds", "%.2g"}};

/* The curves of the picture. */
typedef struct curves {
    double f[POINTS], V[POINTS], noisy_V[POINTS];
} curves;

static result run(int system, const quadrature *points, int seed, curves *drawn) {
    static features on;
    result row = {.numbers = 3 * FEATURES, .seed = seed};
    double B[FEATURES];
    const double start = cpu_seconds();

    snprintf(row.method, sizeof row.method, "%s: sine features", systems[system].name);
    make_features(points, seed, &on);
    row.value[ENERGY] = ground_state(system, points, &on, B);
    row.value[SECONDS] = cpu_seconds() - start;
    row.value[ENERGY_ERROR] = fabs(row.value[ENERGY] / systems[system].energy - 1);
    for (size_t i = 0; i < POINTS; i++) drawn->f[i] = value_at(B, on.Phi, i);
    row.value[WAVE_ERROR] = wave_error(system, points, drawn->f);
    fit_density(system, points, &on, 0, seed, B);
    recover(system, points, &on, B, drawn->V);
    row.value[V_ERROR] = interaction_error(system, points, drawn->V);
    fit_density(system, points, &on, 1e-3, seed, B);
    recover(system, points, &on, B, drawn->noisy_V);
    row.value[NOISY_V_ERROR] = interaction_error(system, points, drawn->noisy_V);
    return row;
}

/* ---- Output ---- */

/* A file of curves for each system, for two_body.gp: r, exact r psi, ours, exact V, V from the
 * density, V from the density with noise. Points outside the dense range have no V. */
static void write_curves(const char *folder, int system, const quadrature *points,
                         const curves *drawn) {
    char name[64];
    FILE *file;
    double norm = 0, exact_norm = 0, product = 0;

    snprintf(name, sizeof name, "%s.txt", systems[system].name);
    file = open_output(folder, name);
    for (size_t i = 0; i < POINTS; i++) {
        const double exact = exact_f(system, points->r[i]);

        norm += points->weight[i] * drawn->f[i] * drawn->f[i];
        exact_norm += points->weight[i] * exact * exact;
        product += points->weight[i] * drawn->f[i] * exact;
    }
    const double scale = (product < 0 ? -1 : 1) / sqrt(norm);

    for (size_t i = 0; i < POINTS; i++) {
        const double r = points->r[i], rg = r * exp(-omega * r * r / 4);

        fprintf(file, "%.6g %.6g %.6g", r, rg * exact_f(system, r) / sqrt(exact_norm),
                rg * scale * drawn->f[i]);
        if (is_dense(system, points, i))
            fprintf(file, " %.6g %.6g %.6g\n", interaction(system, r), drawn->V[i],
                    drawn->noisy_V[i]);
        else
            fprintf(file, " NaN NaN NaN\n");
    }
    fclose(file);
}

/* Energy errors against seconds, for two_body.gp: one file for sine features, one for networks by
 * Adam, one for networks that L-BFGS improved. */
static void write_errors(const char *folder, const results *all) {
    FILE *files[3] = {open_output(folder, "features_errors.txt"),
                      open_output(folder, "adam_errors.txt"),
                      open_output(folder, "lbfgs_errors.txt")};

    for (size_t i = 0; i < all->n; i++) {
        const result *row = &all->rows[i];
        const int which = strstr(row->method, "L-BFGS") ? 2 : strstr(row->method, "Adam") ? 1 : 0;

        if (strncmp(row->method, "coulomb", 7) == 0)
            fprintf(files[which], "%g %g\n", row->value[SECONDS], row->value[ENERGY_ERROR]);
    }
    for (int k = 0; k < 3; k++) fclose(files[k]);
}

static double worst(const results *all, size_t at) {
    double largest = 0;

    for (int system = 0; system < SYSTEMS; system++) {
        char method[64];

        snprintf(method, sizeof method, "%s: sine features", systems[system].name);
        largest = fmax(largest, results_largest(all, method, 0, at));
    }
    return largest;
}

static void print(const results *all, bool json) {
    if (json) {
        printf("{\"experiment\":\"two_body\",\"features\":%d,", FEATURES);
        print_number("two_body_energy_relative_error", worst(all, ENERGY_ERROR)), putchar(',');
        print_number("two_body_wave_function_error", worst(all, WAVE_ERROR)), putchar(',');
        print_number("two_body_interaction_relative_error", worst(all, V_ERROR)), putchar(',');
        print_number("two_body_interaction_relative_error_noisy", worst(all, NOISY_V_ERROR));
        putchar(',');
        results_print_json(all);
        printf("}\n");
        return;
    }
    printf("Two particles in a trap: means over seeds (standard deviations). Energies are of the\n"
           "relative motion: exact 1.25, 2.25, 1.25. Networks of the same size are trained.\n\n");
    results_print(all);
    printf("\nWorst of all systems and seeds, sine features: energy %.1e, wave function %.1e,\n"
           "interaction %.1e; from a density with 0.1 %% noise %.1e\n",
           worst(all, ENERGY_ERROR), worst(all, WAVE_ERROR), worst(all, V_ERROR),
           worst(all, NOISY_V_ERROR));
}

static void run_systems(results *all, const char *folder) {
    static quadrature points;
    static curves drawn;

    make_points(&points);
    for (int system = 0; system < SYSTEMS; system++)
        for (int seed = 1; seed <= SEEDS; seed++) {
            const result row = run(system, &points, seed, &drawn);

            results_add(all, &row);
            if (folder && seed == 1) write_curves(folder, system, &points, &drawn);
        }
}

/* Every system must come within what docs/experiments.md promises. */
static int self_test(void) {
    results all = {.n_columns = COLUMNS, .columns = columns};

    run_systems(&all, NULL);
    const double energy = worst(&all, ENERGY_ERROR), wave = worst(&all, WAVE_ERROR);
    const double V = worst(&all, V_ERROR), noisy = worst(&all, NOISY_V_ERROR);

    results_free(&all);
    printf("energy %.1e, wave function %.1e, interaction %.1e, with noise %.1e\n", energy, wave, V,
           noisy);
    return energy <= 1e-6 && wave <= 2e-4 && V <= 2e-3 && noisy <= 1e-2 ? 0 : 1;
}

int main(int argc, char **argv) {
    results all = {.n_columns = COLUMNS, .columns = columns};
    const char *folder = NULL, *rivals = NULL;
    bool json = false;

    if (argc == 2 && strcmp(argv[1], "self-test") == 0) return self_test();
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (strcmp(argv[i], "--out") == 0 && i + 1 < argc) {
            folder = argv[++i];
        } else if (strcmp(argv[i], "--rivals") == 0 && i + 1 < argc) {
            rivals = argv[++i];
        } else {
            fprintf(stderr, "usage: two_body [--json] [--rivals FILE] [--out DIR] | self-test\n");
            return 2;
        }
    }
    run_systems(&all, folder);
    if (rivals && !results_read(&all, rivals)) die("cannot read %s", rivals);
    if (folder) write_errors(folder, &all);
    print(&all, json);
    results_free(&all);
    return 0;
}
