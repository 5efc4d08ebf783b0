/* src/kernels: every kernel table compared with plain loops that follow the formula. */
#define _POSIX_C_SOURCE 200809L
#include "support/alloc.h"
#include "support/compare.h"
#include "support/draw.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cache.h"
#include "kernels/forward.h"

/* Largest sizes that any case here uses. */
enum { MAX_N = 70, MAX_D = 21, MAX_R = 130, MAX_M = 2 * MAX_R, MAX_L = 20 };

static const float guard = -12345.5f;
static const double eps = 0x1p-24; /* half a unit in the last place of 1: one float rounding */

/* Every function that a block can have, and z = G x + c itself, which comes first. */
static const snnk__function functions[] = {
    {SNNK__OPERATION_ACTIVATION, SNNK_IDENTITY, 0, 0, 1, NULL},
    {SNNK__OPERATION_ACTIVATION, SNNK_STEP, 0, 0, 0.3f, NULL},
    {SNNK__OPERATION_ACTIVATION, SNNK_RELU, 0, 0, 0.25f, NULL},
    {SNNK__OPERATION_ACTIVATION, SNNK_GELU, 0, 0, 0.7f, NULL},
    {SNNK__OPERATION_ACTIVATION, SNNK_GELU_TANH, 0, 0, 1, NULL},
    {SNNK__OPERATION_ACTIVATION, SNNK_TANH, 0, 0, 0.3f, NULL},
    {SNNK__OPERATION_ACTIVATION, SNNK_SIGMOID, 0, 0, 0.3f, NULL},
    {SNNK__OPERATION_ACTIVATION, SNNK_SILU, 0, 0, 0.3f, NULL},
    {SNNK__OPERATION_ACTIVATION, SNNK_SOFTPLUS, 0, 0, 0.3f, NULL},
    {SNNK__OPERATION_ACTIVATION, SNNK_SIN, 0, 0, 0.3f, NULL},
    {SNNK__OPERATION_ACTIVATION, SNNK_COS, 0, 0, 0.3f, NULL},
    {SNNK__OPERATION_ACTIVATION, SNNK_EXP, 0, 0, 0.3f, NULL},
    {SNNK__OPERATION_ACTIVATION, SNNK_ERF, 0, 0, 0.3f, NULL},
    {SNNK__OPERATION_POWER, SNNK_STEP, 1, 0, 0.3f, NULL},
    {SNNK__OPERATION_POWER, SNNK_STEP, 2, 0, 0.3f, NULL},
    {SNNK__OPERATION_POWER, SNNK_STEP, 1, -0.5f, 0.3f, NULL},
    {SNNK__OPERATION_POWER, SNNK_STEP, 2, -0.5f, 0.3f, NULL},
    {SNNK__OPERATION_COS_SIN, SNNK_RELU, 1, 0, 0.3f, NULL},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

/* h(z) in double for an activation, from its definition. */
static double activation_value(int32_t activation, double z) {
    switch ((snnk_activation)activation) {
    case SNNK_IDENTITY: return z;
    case SNNK_STEP: return z > 0;
    case SNNK_RELU: return fmax(z, 0);
    case SNNK_GELU: return z * erfc(-z / sqrt(2)) / 2;
    case SNNK_GELU_TANH: return z / 2 * (1 + tanh(sqrt(2 / acos(-1)) * (z + 0.044715 * z * z * z)));
    case SNNK_TANH: return tanh(z);
    case SNNK_SIGMOID: return 1 / (1 + exp(-z));
    case SNNK_SILU: return z / (1 + exp(-z));
    case SNNK_SOFTPLUS: return log1p(exp(z));
    case SNNK_SIN: return sin(z);
    case SNNK_COS: return cos(z);
    case SNNK_EXP: return exp(z);
    case SNNK_ERF: return erf(z);
    }
    return NAN;
}

/* Feature number `feature` of a block whose projections are z. */
static double feature_value(const snnk__function *f, const float *z, size_t feature) {
    switch (f->operation) {
    case SNNK__OPERATION_ACTIVATION:
        return (double)f->scale * activation_value(f->activation, z[feature]);
    case SNNK__OPERATION_POWER: return (double)f->scale * pow(fmax(z[feature], f->floor), f->order);
    case SNNK__OPERATION_URF: break; /* test_urf_features */
    case SNNK__OPERATION_COS_SIN:
        return (double)f->scale * (feature % 2 ? sin(z[feature / 2]) : cos(z[feature / 2]));
    }
    return NAN;
}

/* One case: X (n x d), a block of r rows, Psi (l x features), and their layout in memory. */
typedef struct problem {
    size_t n, d, r, l;
    size_t ldx, ldphi, ldy;
    const float *X;
    float *G, *offset; /* plain copies */
    float *Psi;        /* l x m, plain */
    snnk__panels panels, weights;
    snnk__block block;
} problem;

static snnk_allocator from_malloc(void) {
    snnk_allocator allocator;

    assert_ok(snnk__allocator_read(&allocator, NULL));
    return allocator;
}

static size_t features_of(const problem *p) {
    return p->r * snnk__function_width(&p->block.function);
}

static float *draw(size_t count, uint64_t seed) {
    float *values = malloc(count * sizeof *values);

    draw_floats(values, count, seed);
    return values;
}

/* identity: a diagonal G instead of rows, and r = d. */
static problem make_problem(size_t n, size_t d, size_t r, size_t l, const snnk__function *function,
                            bool identity) {
    const snnk_allocator allocator = from_malloc();
    problem p = {.n = n, .d = d, .r = identity ? d : r, .l = l, .ldx = d};

    p.block.function = *function;
    p.block.rows = p.r;
    p.ldphi = features_of(&p);
    p.ldy = l;
    p.G = draw(p.r * d, 1);
    p.offset = draw(p.r, 2);
    p.Psi = draw(l * features_of(&p), 3);
    p.block.offset = p.offset;
    if (identity) {
        p.block.diagonal = p.G; /* the first d numbers of G */
    } else {
        assert_ok(snnk__panels_create(&allocator, p.r, d,
                                      snnk__kernels_get()->projection_shape(p.r), "G", &p.panels));
        for (size_t j = 0; j < p.r; j++) snnk__panels_set_row(&p.panels, j, p.G + j * d);
    }
    assert_ok(snnk__panels_create(&allocator, l, features_of(&p),
                                  snnk__kernels_get()->readout_shape, "Psi", &p.weights));
    for (size_t i = 0; i < l; i++) snnk__panels_set_row(&p.weights, i, p.Psi + i * features_of(&p));
    return p;
}

static const snnk__block *block_of(problem *p);

/* snnk__project_readout with scratch of exactly the size that it asks for. */
static void project_readout(problem *p, size_t n, const float *X, size_t ldx, bool begins,
                            const float *bias, float *Y, size_t ldy) {
    const size_t floats = snnk__project_readout_work(p->d, block_of(p), &p->weights);
    float *work = malloc(floats * sizeof *work);

    snnk__project_readout(n, X, ldx, p->d, block_of(p), &p->weights, begins, bias, Y, ldy, work);
    free(work);
}

/* The block, with pointers into the problem's present address. */
static const snnk__block *block_of(problem *p) {
    p->block.G = p->block.diagonal ? NULL : &p->panels;
    return &p->block;
}

static void free_problem(problem *p) {
    const snnk_allocator allocator = from_malloc();

    snnk__panels_free(&allocator, &p->panels);
    snnk__panels_free(&allocator, &p->weights);
    free(p->G);
    free(p->offset);
    free(p->Psi);
}

/* Fails unless every element of a buffer of n rows and stride ld, with `columns` results in a row,
 * is unchanged where no result belongs. */
static void check_guards(const float *buffer, size_t lead, size_t n, size_t columns, size_t ld,
                         size_t length) {
    for (size_t k = 0; k < length; k++) {
        const size_t at = k - lead;

        if (k >= lead && at / ld < n && at % ld < columns) continue;
        if (buffer[k] != guard) fprintf(stderr, "element %zu beside the result was written\n", k);
        assert_true(buffer[k] == guard);
    }
}

static float *guarded(size_t length) {
    float *buffer = malloc(length * sizeof *buffer);

    for (size_t k = 0; k < length; k++) buffer[k] = guard;
    return buffer;
}

/* Compare z[i][j] = G_j x_i + c_j with a sum in double: d products and d sums, each rounded once,
 * have an error of at most (d + 1) eps times the sum of the magnitudes (Higham 2002, section
 * 3.1). */
static void check_linear(const problem *p, const float *Z, size_t ldz) {
    for (size_t i = 0; i < p->n; i++)
        for (size_t j = 0; j < p->r; j++) {
            double sum = p->block.offset ? (double)p->offset[j] : 0, size = fabs(sum);

            for (size_t k = 0; k < p->d; k++) {
                const double g = !p->block.diagonal ? p->G[j * p->d + k] : k == j ? p->G[k] : 0;

                sum += g * (double)p->X[i * p->ldx + k];
                size += fabs(g * (double)p->X[i * p->ldx + k]);
            }
            assert_close(Z[i * ldz + j], sum, 0, (double)(p->d + 1) * eps * size);
        }
}

/* Project, check z, check the features computed from it, and return the features (n x ldphi). The
 * function has an error of at most 2 ulp = 4 eps relative (tanhf, the worst), plus one rounding
 * each for the scale and the square; gelu_tanh also that of the cancellation in the formula of this
 * test. */
static float *check_project(problem *p, size_t lead) {
    const size_t m = features_of(p), length = lead + p->n * p->ldphi + 3;
    problem linear = *p;
    float *Z, *Phi;

    linear.block.function = functions[0];
    Z = guarded(length);
    snnk__project(p->n, p->X, p->ldx, p->d, block_of(&linear), Z + lead, p->ldphi, NULL);
    check_guards(Z, lead, p->n, p->r, p->ldphi, length);
    check_linear(&linear, Z + lead, p->ldphi);

    Phi = guarded(length);
    snnk__project(p->n, p->X, p->ldx, p->d, block_of(p), Phi + lead, p->ldphi, NULL);
    check_guards(Phi, lead, p->n, m, p->ldphi, length);
    for (size_t i = 0; i < p->n; i++)
        for (size_t j = 0; j < m; j++)
            assert_close(Phi[lead + i * p->ldphi + j],
                         feature_value(&p->block.function, Z + lead + i * p->ldphi, j), 7 * eps,
                         1e-15);
    free(Z);
    return Phi;
}

/* Check Y = (its value before) + Phi Psi^T, computed from the same features: m products and
 * sums. */
static void check_readout(const problem *p, const float *Phi, const float *Y, size_t ldy) {
    const size_t m = features_of(p);

    for (size_t i = 0; i < p->n; i++)
        for (size_t o = 0; o < p->l; o++) {
            double sum = guard, size = fabs(sum);

            for (size_t j = 0; j < m; j++) {
                const double product = (double)p->Psi[o * m + j] * (double)Phi[i * p->ldphi + j];

                sum += product;
                size += fabs(product);
            }
            assert_close(Y[i * ldy + o], sum, 0, (double)(m + 1) * eps * size);
        }
}

/* The bias is one addition, after all others: bit for bit, in both functions. */
static void check_bias(problem *p, const float *Phi) {
    float *bias = draw(p->l, 77), *sums = draw(p->n * p->l, 78), *Y = draw(p->n * p->l, 79);

    for (size_t o = 0; o < p->l; o++) bias[o] *= 1e6F;
    snnk__readout(p->n, Phi, p->ldphi, &p->weights, true, NULL, sums, p->l);
    for (size_t i = 0; i < p->n; i++)
        for (size_t o = 0; o < p->l; o++) sums[i * p->l + o] += bias[o];
    snnk__readout(p->n, Phi, p->ldphi, &p->weights, true, bias, Y, p->l);
    assert_memory_equal(Y, sums, p->n * p->l * sizeof *Y);
    project_readout(p, p->n, p->X, p->ldx, true, bias, Y, p->l);
    assert_memory_equal(Y, sums, p->n * p->l * sizeof *Y);
    free(bias);
    free(sums);
    free(Y);
}

/* Check all three functions of a table on one problem. lead: floats before each output (1 gives an
 * address that is not a multiple of 8). Y holds `guard` before, to which Y += adds. */
static void check_problem(problem *p, size_t lead) {
    const size_t length = lead + p->n * p->ldy + 3;
    float *Phi = check_project(p, lead), *Y = guarded(length), *fused = guarded(length);

    snnk__readout(p->n, Phi + lead, p->ldphi, &p->weights, false, NULL, Y + lead, p->ldy);
    check_guards(Y, lead, p->n, p->l, p->ldy, length);
    check_readout(p, Phi + lead, Y + lead, p->ldy);

    project_readout(p, p->n, p->X, p->ldx, false, NULL, fused + lead, p->ldy);
    check_guards(fused, lead, p->n, p->l, p->ldy, length);
    check_readout(p, Phi + lead, fused + lead, p->ldy);
    assert_memory_equal(fused, Y, length * sizeof *Y); /* the same sums in the same order */
    check_bias(p, Phi + lead);
    free(Phi);
    free(Y);
    free(fused);
}

/* Memory of exactly the size of the case, so that a sanitizer reports an access beyond it. */
static void check_sizes(size_t n, size_t d, size_t r, size_t l, const snnk__function *function,
                        bool identity) {
    problem p = make_problem(n, d, r, l, function, identity);
    float *X = draw(n * d, n + d);

    p.X = X;
    check_problem(&p, 0);
    free(X);
    free_problem(&p);
}

/* Every size up to three more than the largest tile in each dimension: twice 6 rows, 8 projections
 * of 16 inputs, 64 outputs, and twice 64 for one row. To save time, not every number of inputs is
 * combined with every other size, and if there are many outputs not every number of projections. */
static void test_small_sizes(void **state) {
    size_t turn = 0;

    (void)state;
    for (size_t n = 1; n <= 15; n++)
        for (size_t r = 1; r <= 11; r++)
            for (size_t l = 1; l <= 35; l++, turn++)
                check_sizes(n, 1 + turn % 19, r, l, &functions[turn % FUNCTIONS], false);
    for (size_t n = 1; n <= 15; n++)
        for (size_t l = 36; l <= 131; l++, turn++)
            check_sizes(n, 1 + turn % 19, 1 + turn % 11, l, &functions[turn % FUNCTIONS], false);
}

/* Sizes around those where loops change: tiles of 3, 6 and 12 rows, of 8 and 16 projections, and of
 * 8, 16, 32, 64 and 128 outputs; blocks of 24 rows, 96 projections and 256 features (forward.c). */
static void test_block_sizes(void **state) {
    static const size_t ns[] = {1, 5, 6, 12, 13, 23, 24, 25, 49, 67},
                        rs[] = {15, 16, 17, 95, 96, 97, 127, 128, 129, 255, 257},
                        ls[] = {7, 9, 16, 31, 33, 63, 65, 129};
    size_t turn = 0;

    (void)state;
    for (size_t i = 0; i < sizeof ns / sizeof *ns; i++)
        for (size_t j = 0; j < sizeof rs / sizeof *rs; j++)
            for (size_t k = 0; k < sizeof ls / sizeof *ls; k++, turn++)
                check_sizes(ns[i], 13, rs[j], ls[k], &functions[turn % FUNCTIONS], false);
}

/* Inputs that need more than one pass over a panel: more than 48 registers of 4, 8 or 16 floats.
 * The number of passes depends on d, not on the rows, so each row's sums are the same as alone. */
static void test_wide_inputs(void **state) {
    static const size_t ns[] = {1, 2, 3, 4, 23, 24, 25, 49}, rs[] = {1, 7, 8, 9},
                        ds[] = {192, 193, 384, 385, 767, 768, 769, 785, 1537};
    size_t turn = 0;

    (void)state;
    for (size_t i = 0; i < sizeof ns / sizeof *ns; i++)
        for (size_t j = 0; j < sizeof rs / sizeof *rs; j++)
            for (size_t k = 0; k < sizeof ds / sizeof *ds; k++, turn++)
                check_sizes(ns[i], ds[k], rs[j], 3, &functions[turn % 4], false);
    for (size_t k = 0; k < sizeof ds / sizeof *ds; k++) {
        const size_t d = ds[k];
        problem p = make_problem(0, d, 9, 3, &functions[0], false);
        float *X = draw(49 * d, 11), whole[49 * 9], alone[9];

        snnk__project(49, X, d, d, block_of(&p), whole, 9, NULL);
        for (size_t i = 0; i < 49; i++) {
            snnk__project(1, X + i * d, d, d, block_of(&p), alone, 9, NULL);
            assert_memory_equal(alone, whole + i * 9, sizeof alone);
        }
        free(X);
        free_problem(&p);
    }
}

static void test_every_function(void **state) {
    (void)state;
    for (size_t f = 0; f < FUNCTIONS; f++) {
        check_sizes(6, 5, 19, 3, &functions[f], false);
        check_sizes(5, 1, 1, 1, &functions[f], false);
    }
}

static void test_identity_blocks(void **state) {
    (void)state;
    for (size_t d = 1; d <= 11; d++) check_sizes(7, d, 0, 3, &functions[0], true);
    check_sizes(33, 64, 0, 9, &functions[0], true);
    check_sizes(33, 65, 0, 9, &functions[0], true);
    check_sizes(2, 130, 0, 2, &functions[2], true);
}

static void test_no_offsets(void **state) {
    (void)state;
    for (int identity = 0; identity <= 1; identity++) {
        problem p = make_problem(6, 5, 9, 3, &functions[0], identity);
        float *X = draw(30, 9);

        p.X = X;
        p.block.offset = NULL;
        check_problem(&p, 0);
        free(X);
        free_problem(&p);
    }
}

static void test_strides_and_alignment(void **state) {
    (void)state;
    for (size_t f = 0; f < FUNCTIONS; f++)
        for (size_t lead = 0; lead < 4; lead++) {
            problem p = make_problem(9, 7, 10, 5, &functions[f], false);
            float *X = draw(1 + 9 * 10, 4);

            p.X = X + lead % 2;
            p.ldx += lead;
            p.ldphi += 2 * lead;
            p.ldy += 3 * lead;
            check_problem(&p, lead);
            free(X);
            free_problem(&p);
        }
}

/* Mixed features have the same sums in the same order as a readout of the unmixed ones. There are
 * more rows than share a pass. */
static void test_mixed_features(void **state) {
    enum { N = 61, D = 7, R = 21, L = 11 };
    problem p = make_problem(0, D, R, L, &functions[0], false);
    float *X = draw(N * D, 23), plain[N * R], expected[N * L], mixed[N * L], *work;

    (void)state;
    snnk__project(N, X, D, D, block_of(&p), plain, R, NULL);
    snnk__readout(N, plain, R, &p.weights, true, NULL, expected, L);
    p.block.mix = &p.weights;
    assert_false(snnk__block_is_divisible(block_of(&p)));
    work = malloc(snnk__project_work(block_of(&p)) * sizeof *work);
    snnk__project(N, X, D, D, block_of(&p), mixed, L, work);
    assert_memory_equal(mixed, expected, sizeof mixed);
    free(work);
    free(X);
    free_problem(&p);
}

static void test_no_rows(void **state) {
    problem p = make_problem(0, 7, 10, 5, &functions[0], false);
    float Y[1] = {guard};

    (void)state;
    snnk__project(0, Y, 7, 7, block_of(&p), Y, 10, NULL);
    snnk__readout(0, Y, 10, &p.weights, false, NULL, Y, 5);
    project_readout(&p, 0, Y, 7, false, NULL, Y, 5);
    assert_true(Y[0] == guard);
    free_problem(&p);
}

/* Each row's bits depend on that row only, whatever other rows there are: also beside rows with
 * infinity, or so large that sine and cosine reduce them in another way. */
static void test_rows_do_not_affect_each_other(void **state) {
    static float X[MAX_N * MAX_D], Phi[MAX_N * MAX_M], whole[MAX_N * MAX_L], part[MAX_N * MAX_L],
        Phi_part[MAX_N * MAX_M];
    (void)state;
    draw_floats(X, MAX_N * MAX_D, 5);
    for (size_t k = 0; k < MAX_D; k++) X[4 * MAX_D + k] *= 1e6F;
    X[40 * MAX_D] = INFINITY;
    for (size_t f = 0; f < FUNCTIONS; f++) {
        problem p = make_problem(MAX_N, MAX_D, 75, MAX_L, &functions[f], false);
        const size_t m = features_of(&p);

        memset(whole, 0, sizeof whole);
        snnk__project(MAX_N, X, MAX_D, MAX_D, block_of(&p), Phi, m, NULL);
        project_readout(&p, MAX_N, X, MAX_D, false, NULL, whole, MAX_L);
        for (size_t first = 0; first < MAX_N; first += 1 + first / 3)
            for (size_t n = 1; first + n <= MAX_N; n += n < 6 ? 1 : 17) {
                memset(part, 0, sizeof part);
                snnk__project(n, X + first * MAX_D, MAX_D, MAX_D, block_of(&p), Phi_part, m, NULL);
                project_readout(&p, n, X + first * MAX_D, MAX_D, false, NULL, part, MAX_L);
                assert_memory_equal(Phi_part, Phi + first * m, n * m * sizeof *Phi);
                assert_memory_equal(part, whole + first * MAX_L, n * MAX_L * sizeof *part);
            }
        free_problem(&p);
    }
}

/* The same if many rows are computed in other blocks than few rows: more rows than a block has,
 * more features than are added to Y at once, more inputs than a pass has, and weights beyond L2. */
static void test_tiles_do_not_change_bits(void **state) {
    static const size_t sizes[][3] = {{5, 257, 3}, {5, 600, 70}, {5, 1030, 3}, {7000, 300, 200}};
    enum { N = 89 };

    (void)state;
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        const size_t d = sizes[k][0], l = sizes[k][2];
        problem p = make_problem(N, d, sizes[k][1], l, &functions[2], false);
        float *X = draw(N * d, 12), *whole = draw(N * l, 13), *alone = draw(N * l, 13);

        p.X = X;
        check_problem(&p, 0);
        project_readout(&p, N, X, d, false, NULL, whole, l);
        for (size_t i = 0; i < N; i++)
            project_readout(&p, 1, X + i * d, d, false, NULL, alone + i * l, l);
        assert_memory_equal(alone, whole, N * l * sizeof *alone);
        free(X);
        free(whole);
        free(alone);
        free_problem(&p);
    }
}

static void test_nan_stays_in_its_row(void **state) {
    problem p = make_problem(9, 7, 10, 5, &functions[0], false);
    float X[9 * 7], Y[9 * 5] = {0};

    (void)state;
    draw_floats(X, 63, 6);
    X[4 * 7 + 3] = NAN;
    X[6 * 7 + 0] = INFINITY;
    project_readout(&p, 9, X, 7, false, NULL, Y, 5);
    for (size_t i = 0; i < 9; i++)
        for (size_t j = 0; j < 5; j++)
            assert_int_equal(isfinite(Y[i * 5 + j]) != 0, i != 4 && i != 6);
    free_problem(&p);
}

/* ---- Universal random features ---- */

enum { URF_ROWS = 45 };

/* A table of rows with moderate exponents and phases; `numbers` receives the numbers of all
 * rows. */
static snnk__urf_table make_urf_table(size_t signs, size_t parts,
                                      float numbers[SNNK__URF_NUMBERS * URF_ROWS]) {
    snnk__urf_table table = {.signs = signs, .parts = parts};
    float **rows[SNNK__URF_NUMBERS] = {&table.rows.z_exponent,    &table.rows.z_phase,
                                       &table.rows.norm_exponent, &table.rows.norm_phase,
                                       &table.rows.t_exponent,    &table.rows.t_phase,
                                       &table.rows.constant};

    draw_floats(numbers, SNNK__URF_NUMBERS * URF_ROWS, 10 * signs + parts);
    for (size_t i = 0; i < SNNK__URF_NUMBERS; i++) *rows[i] = numbers + i * URF_ROWS;
    return table;
}

/* Compare one feature row for one sign with the formula in double. The exponent, and the phase
 * without its turns, are rounded to float (|e| + 2 roundings); exp, sin and cos have errors of at
 * most 2.5 ulp (5 roundings) each. */
static void check_urf_row(const snnk__urf_row *row, size_t parts, double z,
                          snnk__urf_scalars scalars, const float *phi) {
    const double e = row->z_exponent * z + row->norm_exponent * scalars.norm2 +
                     row->t_exponent * scalars.t + row->constant;
    const double phase =
        row->z_phase * z + row->norm_phase * scalars.norm2 + row->t_phase * scalars.t;
    const double cut = fmin(e, (double)SNNK__URF_LARGEST_EXPONENT), size = exp(cut);
    const double bound = (fabs(cut) + 13) * eps * size + 0x1p-148;

    assert_close(phi[0], parts == 1 ? size : size * cos(phase), 0, bound);
    if (parts == 2) assert_close(phi[1], size * sin(phase), 0, bound);
}

/* Check rows first ... first+count-1, with z in memory of its own, or at the end of phi, which the
 * header allows. */
static void check_urf(const snnk__urf_table *table, size_t first, size_t count,
                      snnk__urf_scalars scalars, bool in_place) {
    const size_t width = table->signs * table->parts, m = width * count;
    float *z = draw(count, first + count), *phi = guarded(m + 2);
    const float *from = in_place ? phi + 1 + m - count : z;

    for (size_t j = 0; j < count; j++) z[j] *= 5;
    if (in_place) memcpy(phi + 1 + m - count, z, count * sizeof *z);
    snnk__kernels_get()->apply_urf(table, first, count, scalars, from, phi + 1);
    check_guards(phi, 1, 1, m, m, m + 2);
    for (size_t j = 0; j < count; j++) {
        const snnk__urf_row row = snnk__urf_row_at(table, first + j);
        const float *at = phi + 1 + j * width;

        check_urf_row(&row, table->parts, z[j], scalars, at);
        if (table->signs == 2) check_urf_row(&row, table->parts, -z[j], scalars, at + table->parts);
    }
    free(z);
    free(phi);
}

static void test_urf_features(void **state) {
    static const snnk__urf_scalars scalars[] = {{0, 0}, {1.7, -3}, {60, 25}};
    float numbers[SNNK__URF_NUMBERS * URF_ROWS];

    (void)state;
    for (size_t signs = 1; signs <= 2; signs++)
        for (size_t parts = 1; parts <= 2; parts++) {
            const snnk__urf_table table = make_urf_table(signs, parts, numbers);

            for (size_t first = 0; first < 5; first++)
                for (size_t count = 1; first + count <= URF_ROWS; count++)
                    for (size_t s = 0; s < sizeof scalars / sizeof *scalars; s++)
                        check_urf(&table, first, count, scalars[s], (count + s) % 2 == 0);
        }
}

/* Infinite inputs make |x|^2 and t infinite or NaN, which must reach every feature whose phase
 * contains them. */
static void test_urf_features_stay_nan(void **state) {
    const snnk__urf_scalars bad[] = {{INFINITY, 1}, {1, INFINITY}, {1, NAN}, {NAN, NAN}};
    float numbers[SNNK__URF_NUMBERS * URF_ROWS], z[URF_ROWS], phi[2 * URF_ROWS];
    const snnk__urf_table table = make_urf_table(1, 2, numbers);

    (void)state;
    for (size_t s = 0; s < sizeof bad / sizeof *bad; s++) {
        for (size_t j = 0; j < URF_ROWS; j++) z[j] = 0.5f;
        snnk__kernels_get()->apply_urf(&table, 0, URF_ROWS, bad[s], z, phi);
        for (size_t k = 0; k < 2 * URF_ROWS; k++) assert_true(isnan(phi[k]));
    }
}

/* ---- Moments ---- */

/* Row k of column c of a panel of numbers of either kind. */
static double panel_number(const snnk__moments *moments, const void *panels, size_t k, size_t c) {
    const size_t at =
        (c / moments->width * SNNK__PANEL_STRIDE + k) * moments->width + c % moments->width;

    return moments->number_bytes == sizeof(float) ? (double)((const float *)panels)[at]
                                                  : ((const double *)panels)[at];
}

/* Products of floats of 20 bits minus means of few bits: exact in double; in float each product is
 * rounded, and so is each sum. */
static void check_moments(const snnk__moments *moments, size_t rows, size_t n_left,
                          size_t n_right) {
    enum { LDS = 70, LDX = 60 };
    const size_t columns = moments->panels * moments->width;
    const double unit = moments->number_bytes == sizeof(float) ? eps : 0x1p-53;
    float *X = draw(rows * LDX, 7);
    double S[17 * LDS], mean[48];
    const size_t panel = SNNK__PANEL_STRIDE * moments->width;
    void *left = calloc(panel, moments->number_bytes);
    void *right = calloc((n_right - 1) / moments->width * panel + panel, moments->number_bytes);

    for (size_t c = 0; c < 48; c++) mean[c] = (double)c / 64;
    for (size_t i = 0; i < 17 * LDS; i++) S[i] = (double)guard;
    moments->pack(rows, n_left, X, LDX, mean, left);
    moments->pack(rows, n_right, X + 5, LDX, mean, right);
    assert_true(n_right <= columns && n_left <= moments->width);
    for (size_t k = 0; k < rows; k++)
        for (size_t c = 0; c < n_right; c++)
            assert_close(panel_number(moments, right, k, c), (double)X[k * LDX + 5 + c] - mean[c],
                         unit, 0);
    moments->add(rows, left, n_left, right, n_right, S, LDS);
    for (size_t i = 0; i < 17; i++)
        for (size_t j = 0; j < LDS; j++) {
            double sum = 0, size = 0;

            for (size_t k = 0; i < n_left && j < n_right && k < rows; k++) {
                const double product =
                    panel_number(moments, left, k, i) * panel_number(moments, right, k, j);

                sum += product;
                size += fabs(product);
            }
            assert_close(S[i * LDS + j], (double)guard + sum, 0,
                         size == 0 ? 0 : (double)(rows + 1) * unit * size + 0x1p-38);
        }
    free(right);
    free(left);
    free(X);
}

static void test_moments(void **state) {
    static const size_t rows[] = {1, 2, 7, SNNK__PANEL_ROWS};

    (void)state;
    for (size_t p = 0; p < 2; p++) {
        const snnk__moments *moments = &snnk__kernels_get()->moments[p];

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            for (size_t left = 1; left <= moments->width; left++)
                for (size_t right = 1; right <= moments->panels * moments->width; right++)
                    if (i < 2 || (left + right) % 5 == 0)
                        check_moments(moments, rows[i], left, right);
    }
}

/* ---- Packed matrices ---- */

static void test_panels(void **state) {
    static const snnk__panel_shape shapes[] = {{8, 1, 8}, {16, 1, 16}, {8, 16, 8},  {3, 2, 3},
                                               {1, 1, 1}, {16, 1, 4},  {64, 1, 16}, {4, 2, 2}};
    enum { ROWS = 19, COLUMNS = 21 };
    const snnk_allocator allocator = from_malloc();
    float M[ROWS * COLUMNS], row[COLUMNS];

    (void)state;
    draw_floats(M, ROWS * COLUMNS, 8);
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const size_t width = shapes[s].width, chunk = shapes[s].chunk;
        const size_t chunks = (COLUMNS + chunk - 1) / chunk, whole = (ROWS + width - 1) / width;
        const size_t padded = (ROWS + shapes[s].unit - 1) / shapes[s].unit * shapes[s].unit;
        snnk__panels panels;
        double norm2 = 0;

        assert_ok(snnk__panels_create(&allocator, ROWS, COLUMNS, shapes[s], "a test", &panels));
        assert_int_equal(snnk__panel_size(&panels), chunks * chunk * width);
        for (size_t i = 0; i < ROWS; i++) snnk__panels_set_row(&panels, i, M + i * COLUMNS);
        for (size_t i = 0; i < ROWS; i++) {
            snnk__panels_get_row(&panels, i, row);
            assert_memory_equal(row, M + i * COLUMNS, sizeof row);
            assert_true(snnk__panels_entry(&panels, i, 5) == M[i * COLUMNS + 5]);
        }
        for (size_t k = 0; k < COLUMNS; k++)
            norm2 += (double)M[2 * COLUMNS + k] * M[2 * COLUMNS + k];
        assert_close(snnk__panels_row_norm2(&panels, 2), norm2, 1e-14, 0);

        /* The order is: panels; in each, chunks of columns; in each, rows (those of the last panel
         * rounded up to a multiple of the unit); in each, columns. */
        const float *at = panels.data;
        for (size_t p = 0; p < whole; p++)
            for (size_t c = 0; c < chunks; c++)
                for (size_t j = p * width; j < (p + 1) * width && j < padded; j++)
                    for (size_t k = c * chunk; k < (c + 1) * chunk; k++)
                        assert_true(*at++ == (j < ROWS && k < COLUMNS ? M[j * COLUMNS + k] : 0));
        snnk__panels_free(&allocator, &panels);
        assert_null(panels.data);
        snnk__panels_free(&allocator, &panels);
    }
}

static void test_panels_too_large(void **state) {
    static const size_t sizes[][2] = {
        {SIZE_MAX, 1},
        {SIZE_MAX / 4 + 1, 1},
        {SIZE_MAX / 4 + 1, 8},
        {3, SIZE_MAX / 4},
        {SIZE_MAX / 8 + 1, 1},
        {SIZE_MAX - 6, 2},
        {1, SIZE_MAX / 16 + 1},
        {(size_t)2 << sizeof(size_t) * CHAR_BIT / 2, (size_t)2 << sizeof(size_t) * CHAR_BIT / 2}};
    const snnk__panel_shape shape = {8, 1, 8};
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk__panels panels = {0};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_status(
            snnk__panels_create(&allocator, sizes[i][0], sizes[i][1], shape, "Psi", &panels),
            SNNK_E_SIZE);
        assert_says("Psi");
        assert_null(panels.data);
    }
    assert_int_equal(memory.calls, 0);
}

/* ---- Choosing a table ---- */

/* The name in use in a process that starts with SNNK_KERNELS = wanted (NULL: unset). The choice is
 * made once in a process, so each question needs its own process. */
static void name_with(const char *wanted, char name[32]) {
    int ends[2], status;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (wanted)
            setenv("SNNK_KERNELS", wanted, 1);
        else
            unsetenv("SNNK_KERNELS");
        snprintf(name, 32, "%s", snnk_kernels_name());
        setenv("SNNK_KERNELS", "portable", 1); /* too late to have an effect */
        const bool kept = strcmp(name, snnk_kernels_name()) == 0;
        _exit(write(ends[1], name, 32) == 32 && kept ? 0 : 1);
    }
    assert_int_equal(read(ends[0], name, 32), 32);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(ends[0]);
    close(ends[1]);
}

/* This must be the first test here, because later tests make the choice. */
static void test_environment_chooses(void **state) {
    static const char *const unknown[] = {"", "nonsense", "Portable", "portable ", "avx1024"};
    char best[32], name[32];

    (void)state;
    name_with(NULL, best);
#if defined(__aarch64__) && !defined(__AARCH64EB__)
    assert_string_equal(best, "neon"); /* every AArch64 processor has it */
#endif
    name_with("portable", name);
    assert_string_equal(name, "portable");
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        name_with(unknown[i], name);
        assert_string_equal(name, best);
    }
    name_with(best, name);
    assert_string_equal(name, best);
    assert_true(snnk__kernels_get() == snnk__kernels_get());
}

/* ---- bf16 ---- */

/* Every bf16 widens to its own value; and what snnk__bf16_of says of floats of every exponent, of
 * ties, of numbers that round to infinity, and of NaN. */
static void test_bf16_rows(void **state) {
    enum { ALL = 1 << 16, LOW = 5 };
    static const uint32_t low[LOW] = {0, 1, 0x7fff, 0x8000, 0x8001};
    static uint16_t bits[ALL], rounded[ALL];
    static float wide[ALL];

    (void)state;
    for (uint32_t i = 0; i < ALL; i++) bits[i] = (uint16_t)i;
    snnk__kernels_get()->widen(ALL, bits, wide);
    for (uint32_t i = 0; i < ALL; i++) {
        const uint32_t word = i << 16;

        assert_memory_equal(&wide[i], &word, sizeof word);
    }
    for (size_t t = 0; t < LOW; t++) {
        for (uint32_t i = 0; i < ALL; i++) {
            const uint32_t word = i << 16 | low[t];

            memcpy(&wide[i], &word, sizeof word);
        }
        snnk__kernels_get()->round(ALL - t, wide + t, rounded); /* also odd addresses and counts */
        for (uint32_t i = (uint32_t)t; i < ALL; i++)
            assert_int_equal(rounded[i - t], snnk__bf16_of(wide[i]));
    }
}

/* ---- Blocks ---- */

/* Add the bits of a forward pass to a hash (FNV-1a). */
static uint64_t hash_forward(size_t n, size_t d, size_t r, size_t l, const snnk__function *function,
                             uint64_t hash) {
    problem p = make_problem(n, d, r, l, function, false);
    float *X = draw(n * d, 12), *Y = draw(n * l, 13);

    project_readout(&p, n, X, d, true, p.Psi, Y, l);
    for (size_t i = 0; i < n * l * sizeof *Y; i++)
        hash = (hash ^ ((const unsigned char *)Y)[i]) * 0x100000001b3;
    free(X);
    free(Y);
    free_problem(&p);
    return hash;
}

/* The bits of some forward passes in a process that starts with SNNK_L2_BYTES = bytes, and the size
 * of the cache that it uses. */
typedef struct of_cache {
    uint64_t hash, l2_bytes;
} of_cache;

static of_cache hash_with(const char *bytes) {
    of_cache of = {.hash = 0xcbf29ce484222325};
    int ends[2], status;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setenv("SNNK_L2_BYTES", bytes, 1);
        for (size_t r = 8; r < 2000; r = 3 * r - 1)
            of.hash = hash_forward(101, 30, r, 131, &functions[2], of.hash);
        for (size_t f = 0; f < FUNCTIONS; f++)
            of.hash = hash_forward(67, 20, 130, 99, &functions[f], of.hash);
        of.l2_bytes = snnk__l2_bytes();
        _exit(write(ends[1], &of, sizeof of) == sizeof of ? 0 : 1);
    }
    assert_int_equal(read(ends[0], &of, sizeof of), sizeof of);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(ends[0]);
    close(ends[1]);
    return of;
}

/* Blocks follow the size of the cache, which is read once in a process. Must come before tests that
 * read it. */
static void test_cache_does_not_change_bits(void **state) {
    static const struct {
        const char *given;
        uint64_t bytes;
    } sizes[] = {{"1", 32768}, {"65536", 65536}, {"1000000", 1000000}, {"100000000", 100000000}};
    const uint64_t expected = hash_with("").hash;

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const of_cache of = hash_with(sizes[i].given);

        assert_int_equal(of.l2_bytes, sizes[i].bytes); /* no test before this one asked for it */
        assert_true(of.hash == expected);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_environment_chooses),
        cmocka_unit_test(test_cache_does_not_change_bits),
        cmocka_unit_test(test_panels),
        cmocka_unit_test(test_panels_too_large),
        cmocka_unit_test(test_every_function),
        cmocka_unit_test(test_small_sizes),
        cmocka_unit_test(test_block_sizes),
        cmocka_unit_test(test_wide_inputs),
        cmocka_unit_test(test_urf_features),
        cmocka_unit_test(test_urf_features_stay_nan),
        cmocka_unit_test(test_moments),
        cmocka_unit_test(test_identity_blocks),
        cmocka_unit_test(test_no_offsets),
        cmocka_unit_test(test_strides_and_alignment),
        cmocka_unit_test(test_mixed_features),
        cmocka_unit_test(test_no_rows),
        cmocka_unit_test(test_rows_do_not_affect_each_other),
        cmocka_unit_test(test_tiles_do_not_change_bits),
        cmocka_unit_test(test_nan_stays_in_its_row),
        cmocka_unit_test(test_bf16_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
