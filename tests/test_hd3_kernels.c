/* The HD3 kernels of the table in use, compared with the same transforms in double; their parts,
 * strides and splits bit for bit. */
#include "support/compare.h"
#include "support/draw.h"

#include <float.h>
#include <stdbool.h>
#include <stdlib.h>

#include "kernels/forward.h"

enum { LARGEST = 1 << 15 };
static const double eps = 0x1p-24;

static double turn(void) { return 2 * acos(-1); }

/* Two whole groups of rows and a part of a third, of d inputs. */
typedef struct made {
    snnk__hd3 hd3;
    size_t d;
    float *signs, *scale, *offset, *turn_scale, *turn_offset, *x, *mean, *input_scale, *z, *work;
} made;

static float *floats_of(size_t count) {
    float *values = malloc((count ? count : 1) * sizeof *values);

    assert_non_null(values);
    return values;
}

/* scaled: with a mean and an input scale. Scales make z about 1 in size, and turns are made from
 * them as the library does. */
static made make(size_t order, size_t d, bool scaled) {
    const size_t rows = 2 * order + order / 3 + 1;
    made m = {.d = d,
              .signs = floats_of(9 * order),
              .scale = floats_of(rows),
              .offset = floats_of(rows),
              .turn_scale = floats_of(rows),
              .turn_offset = floats_of(rows),
              .x = floats_of(d),
              .mean = floats_of(d),
              .input_scale = floats_of(d),
              .z = floats_of(rows),
              .work = floats_of(snnk__hd3_work(order))};

    draw_floats(m.signs, 9 * order, order);
    for (size_t i = 0; i < 9 * order; i++) m.signs[i] = m.signs[i] < 0 ? -1 : 1;
    draw_floats(m.scale, rows, order + 1);
    draw_floats(m.offset, rows, order + 2);
    draw_floats(m.x, d, order + 3);
    draw_floats(m.mean, d, order + 4);
    draw_floats(m.input_scale, d, order + 5);
    for (size_t j = 0; j < rows; j++) {
        m.scale[j] = (m.scale[j] + 2) / (float)pow((double)order, 1.5);
        m.offset[j] *= 30;
        m.turn_scale[j] = (float)(m.scale[j] / turn());
        m.turn_offset[j] = (float)(m.offset[j] / turn() - nearbyint(m.offset[j] / turn()));
    }
    m.hd3 = (snnk__hd3){.rows = rows,
                        .order = order,
                        .signs = m.signs,
                        .scale = m.scale,
                        .mean = scaled ? m.mean : NULL,
                        .input_scale = scaled ? m.input_scale : NULL,
                        .turn_scale = m.turn_scale,
                        .turn_offset = m.turn_offset,
                        .offset = m.offset};
    return m;
}

static void release(made *m) {
    float *const all[] = {m->signs, m->scale, m->offset,      m->turn_scale, m->turn_offset,
                          m->x,     m->mean,  m->input_scale, m->z,          m->work};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

/* Replace y by H y in double, the halves first: not the order of any kernel. */
static void hadamard(size_t n, double *y) {
    for (size_t h = n / 2; h > 0; h /= 2)
        for (size_t i = 0; i < n; i++)
            if (!(i & h)) {
                const double a = y[i], b = y[i + h];

                y[i] = a + b;
                y[i + h] = a - b;
            }
}

/* Set y (order) to the sums of a group, and return their root mean square. */
static double expected_sums(const made *m, size_t group, double *y) {
    const size_t order = m->hd3.order;
    double square = 0;

    for (size_t k = 0; k < order; k++) {
        y[k] = k < m->d ? m->x[k] : 0;
        if (k < m->d && m->hd3.mean) y[k] = (y[k] - m->mean[k]) * (double)m->input_scale[k];
    }
    for (size_t level = 0; level < 3; level++) {
        for (size_t k = 0; k < order; k++) y[k] *= m->signs[(3 * group + level) * order + k];
        hadamard(order, y);
    }
    for (size_t k = 0; k < order; k++) square += y[k] * y[k];
    return sqrt(square / (double)order);
}

static size_t rows_of(const made *m, size_t first) {
    return m->hd3.rows - first < m->hd3.order ? m->hd3.rows - first : m->hd3.order;
}

/* docs/numerics.md: the sums have an error of 3 log2(order) eps of the length of x, here of their
 * root mean square; two more roundings for the input, and scale and offset. In turns, one for the
 * scale, and one for the offset of up to half a turn. */
static void check_sums(made *m) {
    const snnk__kernels *kernels = snnk__kernels_get();
    const size_t order = m->hd3.order;
    double *y = malloc(order * sizeof *y);

    assert_non_null(y);
    for (size_t first = 0; first < m->hd3.rows; first += order) {
        const size_t count = rows_of(m, first);
        const double rms = expected_sums(m, first / order, y),
                     relative = (3 * log2((double)order) + 3) * eps;

        kernels->hd3(&m->hd3, m->d, m->x, m->offset + first, first, count, m->z, m->work);
        for (size_t j = 0; j < count; j++) {
            const double z = m->scale[first + j] * y[j] + m->offset[first + j];

            assert_close(m->z[j], z, eps, relative * rms * m->scale[first + j]);
        }
        if (!kernels->hd3_cosines) continue;
        kernels->hd3_cosines(&m->hd3, m->d, m->x, first, count, 0.5f, false, m->z, m->work);
        for (size_t j = 0; j < count; j++) {
            const double gx = m->scale[first + j] * y[j], z = gx + m->offset[first + j];

            assert_close(m->z[j], 0.5 * cos(z), 0,
                         0.5 * (relative * rms * m->scale[first + j] + 2 * eps * fabs(gx) +
                                2.5 * 2 * eps + eps * (order < 64 ? fabs(z) : turn())));
        }
    }
    free(y);
}

/* Any rows of a group, wherever they begin, have the bits that they have in the whole group. */
static void check_parts(made *m) {
    const snnk__kernels *kernels = snnk__kernels_get();
    const size_t order = m->hd3.order;
    uint64_t state = order;
    float *part = floats_of(order), *all = m->z;

    for (int cosines = 0; cosines <= (kernels->hd3_cosines ? 1 : 0); cosines++) {
        for (int try = -1; try < 20; try++) {
            const size_t begin = try < 0 ? 0 : (size_t)(draw_bits(&state) % order);
            const size_t count =
                try < 0 ? order : 1 + (size_t)(draw_bits(&state) % (order - begin));
            float *to = try < 0 ? all : part;
            const size_t first = order + begin;

            if (cosines)
                kernels->hd3_cosines(&m->hd3, m->d, m->x, first, count, 1.5f, false, to, m->work);
            else
                kernels->hd3(&m->hd3, m->d, m->x, m->offset + first, first, count, to, m->work);
            if (try >= 0) assert_memory_equal(part, all + begin, count * sizeof *part);
        }
    }
    free(part);
}

static void test_every_order_is_the_transform(void **state) {
    (void)state;
    for (size_t order = 1; order <= LARGEST; order *= 2) {
        const size_t ds[] = {order, order / 2 + 1, order > 2 ? order - 1 : order};

        for (size_t i = 0; i < 3; i++)
            for (int scaled = 0; scaled < 2; scaled++) {
                made m = make(order, ds[i], scaled);

                check_sums(&m);
                check_parts(&m);
                release(&m);
            }
    }
}

/* The transform of double above is the matrix. */
static void test_the_reference_is_the_matrix(void **state) {
    (void)state;
    for (size_t n = 1; n <= 64; n *= 2)
        for (size_t k = 0; k < n; k++) {
            double y[64] = {0};

            y[k] = 1;
            hadamard(n, y);
            for (size_t i = 0; i < n; i++) {
                double entry = 1;

                for (size_t both = i & k; both; both >>= 1)
                    if (both & 1) entry = -entry;
                assert_true(y[i] == entry);
            }
        }
}

/* ---- The cosine ---- */

/* Set phi to gain cos(2 pi t) for `order` turns: with scale 0 only offsets remain. */
static void cosines_of(size_t order, float gain, const float *t, float *phi) {
    made m = make(order, order, false);

    for (size_t j = 0; j < order; j++) {
        m.turn_scale[j] = m.scale[j] = 0;
        m.turn_offset[j] = t[j];
    }
    snnk__kernels_get()->hd3_cosines(&m.hd3, order, m.x, 0, order, gain, false, phi, m.work);
    release(&m);
}

/* 2.5 units in the last place of the result, for turns of every size: the part of a turn is
 * exact. */
static void test_cosines_of_turns_are_accurate(void **state) {
    enum { COUNT = 1 << 14 };
    static float t[COUNT], phi[COUNT];
    double largest = 0;

    (void)state;
    if (!snnk__kernels_get()->hd3_cosines) skip();
    for (uint32_t begin = 0; begin < 64; begin++) {
        for (uint32_t i = 0; i < COUNT; i++) {
            const uint32_t bits =
                (uint32_t)((begin * COUNT + i) * (UINT64_C(0x7f800000) / (64 * COUNT) - 1));

            memcpy(&t[i], &bits, sizeof bits);
            if (i % 2) t[i] = -t[i];
            if (begin % 2)
                t[i] = (float)(begin * COUNT + i) * 0x1p-20f * 3 - 1.5f; /* a few turns */
        }
        cosines_of(COUNT, 1, t, phi);
        for (size_t i = 0; i < COUNT; i++) {
            const double part = remainder(t[i], 1), value = sin(turn() * (0.25 - fabs(part)));

            largest = fmax(largest,
                           fabs(phi[i] - value) / ldexp(1, ilogb(fmax(fabs(value), FLT_MIN)) - 23));
        }
    }
    if (!(largest <= 2.5)) print_error("%.3f ulp\n", largest);
    assert_true(largest <= 2.5);
}

static void test_cosines_of_turns_at_the_limits(void **state) {
    const float t[16] = {INFINITY, -INFINITY,  NAN,    0.0f,    -0.0f,   0.25f,
                         -0.25f,   0.5f,       -0.5f,  0.75f,   8388608, 12582913,
                         FLT_MAX,  4194304.5f, 1e-40f, -FLT_MAX};
    const double expected[16] = {NAN, NAN, NAN, 1, 1, 0, 0, -1, -1, 0, 1, 1, 1, -1, 1, 1};
    float phi[16];

    (void)state;
    if (!snnk__kernels_get()->hd3_cosines) skip();
    cosines_of(16, 2, t, phi);
    for (size_t i = 0; i < 16; i++) assert_close(phi[i], 2 * expected[i], 4 * eps, 0);
}

/* What is not finite in x reaches every row, as NaN. */
static void test_what_is_not_finite_stays(void **state) {
    const snnk__kernels *kernels = snnk__kernels_get();
    const float bad[] = {INFINITY, -INFINITY, NAN};

    (void)state;
    for (size_t order = 1; order <= 1024; order *= 4)
        for (size_t i = 0; i < 3; i++) {
            made m = make(order, order, false);

            m.x[order / 2] = bad[i];
            kernels->hd3(&m.hd3, order, m.x, m.offset, 0, order, m.z, m.work);
            for (size_t j = 0; j < order; j++) assert_true(!isfinite(m.z[j]));
            if (kernels->hd3_cosines) {
                kernels->hd3_cosines(&m.hd3, order, m.x, 0, order, 1, false, m.z, m.work);
                for (size_t j = 0; j < order; j++) assert_true(isnan(m.z[j]));
            }
            release(&m);
        }
}

/* ---- Blocks of rows ---- */

/* Rows with odd strides, one by one and together; the gaps stay. */
static void check_block(size_t order, snnk__function function) {
    enum { N = 5, GAP = 3 };
    made m = make(order, order, false);
    const size_t rows = m.hd3.rows, features = rows * snnk__function_width(&function);
    const size_t ldx = order + GAP, ldphi = features + GAP;
    const snnk__block block = {
        .hd3 = &m.hd3, .offset = m.offset, .rows = rows, .function = function};
    float *X = floats_of(N * ldx + 1), *Phi = floats_of(N * ldphi + 1), *one = floats_of(features);
    float *work = floats_of(snnk__project_work(&block)), *Z = floats_of(N * rows);

    draw_floats(X, N * ldx + 1, 5);
    for (size_t i = 0; i < (size_t)N * ldphi + 1; i++) Phi[i] = 7;
    snnk__project(N, X + 1, ldx, order, &block, Phi + 1, ldphi, work);
    snnk__project_only(N, X + 1, ldx, order, &block, Z, rows, work);
    assert_true(Phi[0] == 7);
    for (size_t i = 0; i < N; i++) {
        const float *phi = Phi + 1 + i * ldphi;

        snnk__project(1, X + 1 + i * ldx, ldx, order, &block, one, features, work);
        assert_memory_equal(one, phi, features * sizeof *one);
        for (size_t j = 0; j < GAP; j++) assert_true(phi[features + j] == 7);
        snnk__apply(1, X + 1 + i * ldx, ldx, order, &block, Z + i * rows, rows, one, features);
        /* z here has up to 30 + 5 in it; its rounding and that of turns differ. */
        for (size_t j = 0; j < features; j++)
            assert_close(phi[j], one[j], 0, function.scale * 40 * 2 * eps);
    }
    free(X);
    free(Phi);
    free(one);
    free(work);
    free(Z);
    release(&m);
}

static void test_rows_do_not_depend_on_others(void **state) {
    const snnk__function functions[] = {
        {.operation = SNNK__OPERATION_ACTIVATION, .activation = SNNK_COS, .scale = 0.25f},
        {.operation = SNNK__OPERATION_ACTIVATION, .activation = SNNK_SIN, .scale = 0.25f},
        {.operation = SNNK__OPERATION_ACTIVATION, .activation = SNNK_IDENTITY, .scale = 1},
        {.operation = SNNK__OPERATION_COS_SIN, .scale = 0.25f}};

    (void)state;
    for (size_t order = 1; order <= 2048; order *= 2)
        for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
            check_block(order, functions[i]);
}

/* Cosines written past the caches have the same bits, at any address; what is beside them stays. */
static void test_streamed_cosines_are_the_same(void **state) {
    const snnk__kernels *kernels = snnk__kernels_get();

    (void)state;
    if (!kernels->hd3_cosines) skip();
    for (size_t order = 1; order <= 2048; order *= 2)
        for (size_t shift = 0; shift<17; shift += order> 64 ? 8 : 1) {
            made m = make(order, order, false);
            const size_t rows = m.hd3.rows, bytes = (rows + 48) * sizeof(float);
            float *memory = aligned_alloc(64, (bytes + 63) / 64 * 64), *phi = memory + shift;

            assert_non_null(memory);
            for (size_t j = 0; j < rows + 48; j++) memory[j] = 7;
            for (size_t first = 0; first < rows; first += order) {
                kernels->hd3_cosines(&m.hd3, m.d, m.x, first, rows_of(&m, first), 2, true,
                                     phi + first, m.work);
                kernels->hd3_cosines(&m.hd3, m.d, m.x, first, rows_of(&m, first), 2, false,
                                     m.z + first, m.work);
            }
            assert_memory_equal(phi, m.z, rows * sizeof *phi);
            for (size_t j = 0; j < shift; j++) assert_true(memory[j] == 7);
            assert_true(phi[rows] == 7);
            free(memory);
            release(&m);
        }
}

/* So many rows that their cosines are written past the caches, on several threads. */
static void test_many_rows_have_the_bits_of_few(void **state) {
    enum { D = 64, M = 16384, N = 1100, SOME = 37 };
    float *X = floats_of(N * D), *Phi = floats_of((size_t)N * M), *few = floats_of(SOME * M);
    snnk_workspace *workspace;
    snnk_map_config config;
    snnk_map *map;

    (void)state;
    draw_floats(X, N * D, 9);
    assert_ok(snnk_workspace_create(2, NULL, &workspace));
    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_ELEMENTWISE;
    config.activation = SNNK_COS;
    config.projection = SNNK_PROJECTION_HD3;
    config.features = M;
    assert_ok(snnk_map_create(D, &config, NULL, &map));
    assert_ok(snnk_map_input_tower(map, N, X, D, Phi, M, workspace));
    for (size_t i = 0; i < N; i += SOME) {
        const size_t rows = N - i < SOME ? N - i : SOME;

        assert_ok(snnk_map_input_tower(map, rows, X + i * D, D, few, M, NULL));
        assert_memory_equal(few, Phi + i * M, rows * M * sizeof *few);
    }
    snnk_map_free(map);
    snnk_workspace_free(workspace);
    free(X);
    free(Phi);
    free(few);
}

/* A block with other offsets than those of which turns are made uses its own. */
static void test_offsets_of_a_block_are_its_own(void **state) {
    enum { ORDER = 64 };
    made m = make(ORDER, ORDER, false);
    float own[3 * ORDER], phi[3 * ORDER], z[3 * ORDER];
    snnk__block block = {
        .hd3 = &m.hd3,
        .offset = own,
        .rows = m.hd3.rows,
        .function = {.operation = SNNK__OPERATION_ACTIVATION, .activation = SNNK_COS, .scale = 1}};

    (void)state;
    draw_floats(own, 3 * ORDER, 11);
    snnk__project(1, m.x, ORDER, ORDER, &block, phi, m.hd3.rows, m.work);
    snnk__project_only(1, m.x, ORDER, ORDER, &block, z, m.hd3.rows, m.work);
    for (size_t j = 0; j < m.hd3.rows; j++) assert_close(phi[j], cos(z[j]), 0, 4 * eps);
    release(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_reference_is_the_matrix),
        cmocka_unit_test(test_every_order_is_the_transform),
        cmocka_unit_test(test_cosines_of_turns_are_accurate),
        cmocka_unit_test(test_cosines_of_turns_at_the_limits),
        cmocka_unit_test(test_what_is_not_finite_stays),
        cmocka_unit_test(test_rows_do_not_depend_on_others),
        cmocka_unit_test(test_streamed_cosines_are_the_same),
        cmocka_unit_test(test_many_rows_have_the_bits_of_few),
        cmocka_unit_test(test_offsets_of_a_block_are_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
