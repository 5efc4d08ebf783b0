/* src/train/passes.c: passes of all shapes against exact sums of whole numbers; threads, strides,
 * records, and what is frozen. */
#include "support/trainers.h"

#include "train/passes.h"

static const size_t counts[] = {1, 127, 128, 129, 300};
enum { COUNTS = sizeof counts / sizeof *counts };

/* ---- Exact sums ---- */

static float *draw_whole(size_t count, float size, uint64_t seed) {
    float *values = draw(count, seed);

    for (size_t i = 0; i < count; i++) values[i] = rintf(size * values[i]);
    return values;
}

/* One layer of whole numbers -2 ... 2: Y = max(X G^T + c, 0) Psi^T + bias, or without Psi. Every
 * sum stays below 2^24, so float sums are exact in any order. */
typedef struct whole {
    size_t d, m, l; /* l = 0: no Psi */
    float *G, *c, *Psi, *bias;
} whole;

static snnk_network *whole_network(const whole *w) {
    snnk_map_config config = config_of(SNNK_MAP_ELEMENTWISE, 1);
    snnk_layer *layer;
    snnk_map *map;

    if (w->l == 0) {
        assert_ok(snnk_layer_create_dense(w->d, w->m, w->G, w->d, w->c, SNNK_RELU, NULL, &layer));
        return network_of(1, &layer);
    }
    assert_ok(snnk_map_create_from_rows(w->d, w->m, w->G, w->d, w->c, &config, NULL, &map));
    assert_ok(snnk_layer_create(map, w->l, w->Psi, w->m, w->bias, &layer));
    snnk_map_free(map);
    return network_of(1, &layer);
}

/* sum += A^T B; n x rows, n x columns */
static void add_product(size_t n, size_t rows, size_t columns, const double *A, const double *B,
                        double *sum) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < rows; j++)
            for (size_t k = 0; A[i * rows + j] != 0 && k < columns; k++)
                sum[j * columns + k] += A[i * rows + j] * B[i * columns + k];
}

static double *doubles_of(size_t count, const float *values) {
    double *to = calloc(count, sizeof *to);

    for (size_t i = 0; values && i < count; i++) to[i] = (double)values[i];
    return to;
}

static void assert_exact(size_t count, const float *actual, const double *expected) {
    for (size_t i = 0; i < count; i++) {
        assert_true(fabs(expected[i]) < 0x1p24);
        assert_true((double)actual[i] == expected[i]);
    }
}

static void check_whole(const whole *w, size_t n) {
    const size_t d = w->d, m = w->m, l = w->l, outputs = l ? l : m, ldx = d + 3;
    float *X = draw_whole(n * ldx, 2, 5), *dY = draw_whole(n * outputs, 2, 6),
          *Y = malloc(n * outputs * sizeof *Y), *dX = malloc(n * d * sizeof *dX);
    double *packed = doubles_of(n * d, NULL), *Phi = doubles_of(n * m, NULL),
           *dZ = doubles_of(n * m, l ? NULL : dY), *y = doubles_of(n * outputs, NULL),
           *back = doubles_of(n * outputs, dY), *dx = doubles_of(n * d, NULL),
           *G = doubles_of(m * d, w->G), *dG = doubles_of(m * d, NULL), *dc = doubles_of(m, NULL),
           *dPsi = doubles_of(m * outputs, NULL), *dbias = doubles_of(outputs, NULL);
    snnk_network *network = whole_network(w);
    snnk_train_config config = train_config();
    snnk_trainer *trainer;
    snnk_record *record;

    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < d; k++) packed[i * d + k] = (double)X[i * ldx + k];
        for (size_t j = 0; j < m; j++) {
            double z = w->c[j];

            for (size_t k = 0; k < d; k++) z += G[j * d + k] * packed[i * d + k];
            Phi[i * m + j] = fmax(z, 0);
            for (size_t o = 0; o < l; o++) {
                y[i * l + o] +=
                    Phi[i * m + j] * (double)w->Psi[o * m + j] + (j == 0 ? (double)w->bias[o] : 0);
                dZ[i * m + j] += back[i * l + o] * (double)w->Psi[o * m + j];
            }
            if (l == 0) y[i * m + j] = Phi[i * m + j];
            if (z <= 0) dZ[i * m + j] = 0;
            dc[j] += dZ[i * m + j];
            for (size_t k = 0; k < d; k++) dx[i * d + k] += dZ[i * m + j] * G[j * d + k];
        }
        for (size_t o = 0; o < outputs; o++) dbias[o] += back[i * outputs + o];
    }
    add_product(n, m, d, dZ, packed, dG);
    if (l) add_product(n, m, l, Phi, back, dPsi);
    config.rows_rate = 1;
    assert_ok(snnk_trainer_create(network, &config, &trainer));
    assert_ok(snnk_record_create(trainer, &record));
    assert_ok(snnk_trainer_forward(trainer, n, X, ldx, Y, outputs, record, NULL));
    assert_ok(snnk_trainer_backward(trainer, record, X, ldx, dY, outputs, dX, d, NULL));
    assert_exact(n * outputs, Y, y);
    assert_exact(n * d, dX, dx);
    assert_exact(m * d, parameter_of(trainer, 0, l ? SNNK_PART_ROWS : SNNK_PART_WEIGHTS)->gradient,
                 dG);
    assert_exact(m, parameter_of(trainer, 0, l ? SNNK_PART_OFFSETS : SNNK_PART_BIAS)->gradient, dc);
    if (l) {
        assert_exact(m * l, parameter_of(trainer, 0, SNNK_PART_WEIGHTS)->gradient, dPsi);
        assert_exact(l, parameter_of(trainer, 0, SNNK_PART_BIAS)->gradient, dbias);
    }
    snnk_record_free(record);
    snnk_trainer_free(trainer);
    snnk_network_free(network);
    double *all[] = {packed, Phi, dZ, y, back, dx, G, dG, dc, dPsi, dbias};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    free(dX);
    free(Y);
    free(dY);
    free(X);
}

static const size_t shapes[][3] = {{70, 16, 3072}, {131, 100, 10}, {300, 200, 0}, {1, 1, 1},
                                   {64, 65, 0},    {3, 130, 385},  {65, 7, 768},  {1, 1, 0}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static whole whole_of(const size_t shape[3]) {
    whole w = {.d = shape[0], .m = shape[1], .l = shape[2]};

    w.G = draw_whole(w.m * w.d, 2, 1);
    w.c = draw_whole(w.m, 2, 2);
    w.Psi = draw_whole(w.m * w.l, 2, 3);
    w.bias = draw_whole(w.l, 2, 4);
    return w;
}

static void free_whole(whole *w) {
    free(w->bias);
    free(w->Psi);
    free(w->c);
    free(w->G);
}

static void test_whole_numbers(void **state) {
    (void)state;
    for (size_t s = 0; s < SHAPES; s++) {
        whole w = whole_of(shapes[s]);

        for (size_t c = 0; c < COUNTS; c++) check_whole(&w, counts[c]);
        free_whole(&w);
    }
}

/* ---- The same bits ---- */

/* What a pass gives. */
typedef struct outcome {
    size_t n, l, d, parameters;
    float *Y, *dX, *gradients;
} outcome;

/* A pass of n rows whose row strides are `pad` more than they need. */
static outcome pass_of(const snnk_network *network, size_t n, size_t pad, size_t threads,
                       bool wants_x, double rows_rate) {
    const size_t d = snnk_network_inputs(network), l = snnk_network_outputs(network);
    const size_t ldx = d + pad, ldy = l + pad;
    float *X = draw(n * ldx, 1), *dY = draw(n * ldy, 2), *given_x = draw(n * d, 3),
          *given_y = draw(n * l, 4), *Y = draw(n * ldy, 5), *dX = draw(n * ldx, 6);
    outcome made = {.n = n, .l = l, .d = d};
    snnk_train_config config = train_config();
    snnk_workspace *workspace = NULL;
    snnk_trainer *trainer;
    snnk_record *record;

    for (size_t i = 0; i < n; i++) {
        memcpy(X + i * ldx, given_x + i * d, d * sizeof *X);
        memcpy(dY + i * ldy, given_y + i * l, l * sizeof *dY);
    }
    config.rows_rate = rows_rate;
    if (threads) assert_ok(snnk_workspace_create(threads, NULL, &workspace));
    assert_ok(snnk_trainer_create(network, &config, &trainer));
    assert_ok(snnk_record_create(trainer, &record));
    assert_ok(snnk_trainer_forward(trainer, n, X, ldx, Y, ldy, record, workspace));
    assert_ok(snnk_trainer_backward(trainer, record, X, ldx, dY, ldy, wants_x ? dX : NULL, ldx,
                                    workspace));
    made.Y = given_y;
    made.dX = given_x;
    for (size_t i = 0; i < n; i++) {
        memcpy(made.Y + i * l, Y + i * ldy, l * sizeof *Y);
        memcpy(made.dX + i * d, dX + i * ldx, d * sizeof *dX);
    }
    made.parameters = (size_t)snnk_trainer_parameters(trainer);
    made.gradients = numbers_of(trainer, true);
    snnk_record_free(record);
    snnk_trainer_free(trainer);
    snnk_workspace_free(workspace);
    free(dX);
    free(Y);
    free(dY);
    free(X);
    return made;
}

static void free_outcome(outcome *o) {
    free(o->gradients);
    free(o->dX);
    free(o->Y);
}

static void assert_same(const outcome *a, const outcome *b, bool with_x) {
    assert_memory_equal(a->Y, b->Y, a->n * a->l * sizeof *a->Y);
    assert_memory_equal(a->gradients, b->gradients, a->parameters * sizeof *a->gradients);
    if (with_x) assert_memory_equal(a->dX, b->dX, a->n * a->d * sizeof *a->dX);
}

static void check_bits(const snnk_network *network, size_t n, double rows_rate) {
    static const size_t threads[] = {1, 2, 3, 7}, pads[] = {13, 0, 1, 7};
    outcome first = pass_of(network, n, 0, 0, true, rows_rate);

    for (size_t t = 0; t < 4; t++) {
        outcome other = pass_of(network, n, pads[t], threads[t], t % 2 == 0, rows_rate);

        assert_same(&first, &other, t % 2 == 0);
        free_outcome(&other);
    }
    free_outcome(&first);
}

/* Numbers that are not whole: the order of sums matters. */
static snnk_network *odd_network(const size_t shape[3], int32_t kind) {
    snnk_map_config config = config_of(kind, 2 * shape[1]);
    snnk_layer *layer;

    config.activation = SNNK_GELU;
    layer = shape[2] ? snnk_of(map_of(shape[0], &config, NULL), shape[2], 3)
                     : dense_of(shape[0], shape[1], SNNK_TANH, 3);
    return network_of(1, &layer);
}

static void test_threads_and_strides(void **state) {
    snnk_network *network = deep(2);

    (void)state;
    for (size_t c = 0; c < COUNTS; c++) check_bits(network, counts[c], c % 2 ? 1 : 0);
    snnk_network_free(network);
    for (size_t s = 0; s < SHAPES; s++)
        for (int32_t kind = SNNK_MAP_GAUSSIAN; kind <= SNNK_MAP_ELEMENTWISE; kind++) {
            network = odd_network(shapes[s], kind);
            check_bits(network, 300, 1);
            snnk_network_free(network);
        }
}

static void test_threads_of_urf(void **state) {
    static const double omega[] = {0.7, -1.3, 2}, re[] = {0.5, -0.2, 0.1}, im[] = {0.1, 0.3, -0.2};
    snnk_layer *layer = snnk_of(framed_urf_map(6, 300, 3, omega, re, im, 0.2f, 0.5f), 400, 3);
    snnk_network *network = network_of(1, &layer);

    (void)state;
    check_bits(network, 129, 0);
    snnk_network_free(network);
}

/* ---- Records ---- */

static void test_backward_adds(void **state) {
    enum {
        n = 100,
        d = 5,
        l = 3
    }; /* at most 128 rows: their sum is added at once, so it doubles
                                     * exactly */
    snnk_network *network = deep(1);
    float *X = draw(2 * n * d, 1), *dY = draw(2 * n * l, 2), *Y = draw(n * l, 3);
    snnk_train_config config = train_config();
    snnk_trainer *trainer;
    snnk_record *records[2];

    (void)state;
    config.rows_rate = 1;
    assert_ok(snnk_trainer_create(network, &config, &trainer));
    for (size_t r = 0; r < 2; r++) {
        assert_ok(snnk_record_create(trainer, &records[r]));
        assert_ok(snnk_trainer_forward(trainer, n, X + r * n * d, d, Y, l, records[r], NULL));
    }
    assert_ok(snnk_trainer_backward(trainer, records[0], X, d, dY, l, NULL, 0, NULL));
    float *once = numbers_of(trainer, true);

    assert_ok(snnk_trainer_backward(trainer, records[0], X, d, dY, l, NULL, 0, NULL));
    float *twice = numbers_of(trainer, true);

    /* The second record's own gradient, in a trainer that has made no other passes. */
    assert_ok(
        snnk_trainer_backward(trainer, records[1], X + n * d, d, dY + n * l, l, NULL, 0, NULL));
    float *both = numbers_of(trainer, true);
    const size_t count = (size_t)snnk_trainer_parameters(trainer);

    snnk_record_free(records[1]);
    snnk_trainer_free(trainer);
    assert_ok(snnk_trainer_create(network, &config, &trainer));
    assert_ok(snnk_record_create(trainer, &records[1]));
    assert_ok(snnk_trainer_forward(trainer, n, X + n * d, d, Y, l, records[1], NULL));
    assert_ok(
        snnk_trainer_backward(trainer, records[1], X + n * d, d, dY + n * l, l, NULL, 0, NULL));
    float *second = numbers_of(trainer, true);

    for (size_t k = 0; k < count; k++) {
        assert_true(twice[k] == 2 * once[k]);
        assert_true(both[k] == twice[k] + second[k]);
    }
    free(second);
    free(both);
    free(twice);
    free(once);
    snnk_record_free(records[1]);
    snnk_record_free(records[0]);
    snnk_trainer_free(trainer);
    free(Y);
    free(dY);
    free(X);
    snnk_network_free(network);
}

/* A record takes more rows, then fewer; and none. */
static void test_record_is_reused(void **state) {
    enum { d = 5, l = 3 };
    static const size_t rows[] = {0, 3, 200, 0, 129, 1};
    snnk_network *network = deep(1);
    float *X = draw(200 * d, 1), *dY = draw(200 * l, 2), *Y = draw(200 * l, 3),
          *dX = draw(200 * d, 4), *fresh = draw(200 * d, 4);
    snnk_trainer *trainer;
    snnk_record *record, *new_one;

    (void)state;
    assert_ok(snnk_trainer_create(network, NULL, &trainer));
    assert_ok(snnk_record_create(trainer, &record));
    for (size_t r = 0; r < 6; r++) {
        const size_t n = rows[r];

        assert_ok(snnk_record_create(trainer, &new_one));
        assert_ok(snnk_trainer_forward(trainer, n, X, d, Y, l, record, NULL));
        assert_ok(snnk_trainer_backward(trainer, record, X, d, dY, l, dX, d, NULL));
        assert_ok(snnk_trainer_forward(trainer, n, X, d, Y, l, new_one, NULL));
        assert_ok(snnk_trainer_backward(trainer, new_one, X, d, dY, l, fresh, d, NULL));
        assert_memory_equal(dX, fresh, n * d * sizeof *dX);
        snnk_record_free(new_one);
    }
    assert_ok(snnk_trainer_forward(trainer, 0, NULL, d, NULL, l, record, NULL));
    assert_ok(snnk_trainer_backward(trainer, record, NULL, d, NULL, l, NULL, 0, NULL));
    snnk_record_free(record);
    snnk_trainer_free(trainer);
    free(fresh);
    free(dX);
    free(Y);
    free(dY);
    free(X);
    snnk_network_free(network);
}

/* Without rows, of layers that are wide: nothing is read or written. */
static void test_no_rows(void **state) {
    (void)state;
    for (size_t s = 0; s < SHAPES; s++) {
        snnk_network *network = odd_network(shapes[s], SNNK_MAP_GAUSSIAN);
        outcome none = pass_of(network, 0, 0, 2, true, 1);

        for (size_t k = 0; k < none.parameters; k++) assert_true(none.gradients[k] == 0);
        free_outcome(&none);
        snnk_network_free(network);
    }
}

/* NaN in one row reaches its outputs, and no other row's. */
static void test_nan(void **state) {
    enum { n = 9, d = 5, l = 3, bad = 4 };
    snnk_network *network = deep(1);
    float *X = draw(n * d, 1), *dY = draw(n * l, 2), Y[n * l], clean[n * l], dX[n * d],
          clean_x[n * d];
    snnk_trainer *trainer;
    snnk_record *record;

    (void)state;
    assert_ok(snnk_trainer_create(network, NULL, &trainer));
    assert_ok(snnk_record_create(trainer, &record));
    assert_ok(snnk_trainer_forward(trainer, n, X, d, clean, l, record, NULL));
    assert_ok(snnk_trainer_backward(trainer, record, X, d, dY, l, clean_x, d, NULL));
    X[bad * d + 2] = NAN;
    assert_ok(snnk_trainer_forward(trainer, n, X, d, Y, l, record, NULL));
    assert_ok(snnk_trainer_backward(trainer, record, X, d, dY, l, dX, d, NULL));
    for (size_t i = 0; i < n; i++) {
        for (size_t o = 0; o < l; o++)
            assert_true(i == bad ? isnan(Y[i * l + o]) != 0 : Y[i * l + o] == clean[i * l + o]);
        for (size_t k = 0; k < d; k++)
            assert_true(i == bad ? isnan(dX[i * d + k]) != 0 : dX[i * d + k] == clean_x[i * d + k]);
    }
    assert_status(snnk_trainer_step(trainer, 1, 1, NULL), SNNK_E_NONFINITE);
    snnk_record_free(record);
    snnk_trainer_free(trainer);
    free(dY);
    free(X);
    snnk_network_free(network);
}

/* ---- Frozen parts ---- */

static const int32_t parts[] = {SNNK_PART_WEIGHTS, SNNK_PART_BIAS, SNNK_PART_ROWS,
                                SNNK_PART_OFFSETS};

/* Each part alone: the same bits as when all learn. */
static void test_each_part_alone(void **state) {
    enum { n = 150, d = 5, l = 3 };
    snnk_network *network = deep(1);
    float *X = draw(n * d, 1), *dY = draw(n * l, 2), *Y = draw(n * l, 3);
    snnk_train_config config = train_config();
    snnk_trainer *all, *one;
    snnk_record *record;

    (void)state;
    config.rows_rate = 1;
    assert_ok(snnk_trainer_create(network, &config, &all));
    assert_ok(snnk_record_create(all, &record));
    assert_ok(snnk_trainer_forward(all, n, X, d, Y, l, record, NULL));
    assert_ok(snnk_trainer_backward(all, record, X, d, dY, l, NULL, 0, NULL));
    snnk_record_free(record);
    for (size_t k = 0; k < 3; k++)
        for (size_t p = 0; p < (k == 1 ? 2 : 4); p++) {
            assert_ok(snnk_trainer_create(network, NULL, &one));
            for (size_t j = 0; j < 3; j++) assert_ok(snnk_trainer_set_rate(one, j, -1, 0));
            assert_int_equal(snnk_trainer_parameters(one), 0);
            assert_ok(snnk_trainer_set_rate(one, k, parts[p], 0.5));
            assert_int_equal(one->n_slots, 1);
            assert_true(one->slots[0].factor == 0.5 && one->slots[0].layer == k);
            assert_ok(snnk_record_create(one, &record));
            assert_ok(snnk_trainer_forward(one, n, X, d, Y, l, record, NULL));
            assert_ok(snnk_trainer_backward(one, record, X, d, dY, l, NULL, 0, NULL));
            const snnk__parameter *expected = parameter_of(all, k, parts[p]),
                                  *actual = parameter_of(one, k, parts[p]);

            assert_int_equal(actual->count, expected->count);
            assert_int_equal(snnk_trainer_parameters(one), actual->count);
            assert_memory_equal(actual->gradient, expected->gradient,
                                actual->count * sizeof *actual->gradient);
            assert_memory_equal(actual->value, expected->value,
                                actual->count * sizeof *actual->value);
            snnk_record_free(record);
            snnk_trainer_free(one);
        }
    snnk_trainer_free(all);
    free(Y);
    free(dY);
    free(X);
    snnk_network_free(network);
}

/* Layers before the first that learns may pass forward without a record. They are then computed as
 * the network computes them, which rounds otherwise: some 100 roundings of inputs below 10, and a
 * gradient is a sum of 150 products of these. */
static void test_first_learning(void **state) {
    enum { n = 150, d = 5, l = 3 };
    snnk_network *network = deep(1);
    float *X = draw(n * d, 1), *dY = draw(n * l, 2), *Y = draw(n * l, 3), *others = draw(n * l, 4);
    snnk_trainer *trainer, *other;
    snnk_record *record, *other_record;

    (void)state;
    for (size_t first = 0; first < 3; first++) {
        assert_ok(snnk_trainer_create(network, NULL, &trainer));
        assert_ok(snnk_trainer_create(network, NULL, &other));
        for (size_t k = 0; k < first; k++) {
            assert_ok(snnk_trainer_set_rate(trainer, k, -1, 0));
            assert_ok(snnk_trainer_set_rate(other, k, -1, 0));
        }
        assert_int_equal(trainer->first_learning, first);
        assert_ok(snnk_record_create(trainer, &record));
        assert_ok(snnk_record_create(other, &other_record));
        assert_ok(snnk_trainer_forward(trainer, n, X, d, Y, l, record, NULL));
        assert_ok(snnk_trainer_backward(trainer, record, X, d, dY, l, NULL, 0, NULL));
        assert_ok(snnk__passes_forward(other, first, n, X, d, others, l, other_record, NULL));
        assert_ok(snnk__passes_backward(other, first, other_record, X, d, dY, l, NULL, 0, NULL));
        float *a = numbers_of(trainer, true), *b = numbers_of(other, true);

        for (size_t i = 0; i < n * l; i++) assert_close(others[i], Y[i], 0, 100 * 0x1p-24 * 10);
        for (size_t k = 0; k < snnk_trainer_parameters(trainer); k++)
            assert_close(b[k], a[k], 0, 150 * 100 * 0x1p-24);
        free(b);
        free(a);
        snnk_record_free(other_record);
        snnk_record_free(record);
        snnk_trainer_free(other);
        snnk_trainer_free(trainer);
    }
    free(others);
    free(Y);
    free(dY);
    free(X);
    snnk_network_free(network);
}

static void test_frozen_layers_are_shared(void **state) {
    snnk_network *network = deep(1), *result;
    snnk_trainer *trainer;

    (void)state;
    assert_ok(snnk_trainer_create(network, NULL, &trainer));
    assert_null(parameter_of(trainer, 0, SNNK_PART_ROWS)); /* rows_rate = 0 */
    assert_null(parameter_of(trainer, 0, SNNK_PART_OFFSETS));
    assert_ok(snnk_trainer_set_rate(trainer, 1, -1, 0));
    assert_null(parameter_of(trainer, 1, SNNK_PART_WEIGHTS));
    assert_ok(snnk_trainer_network(trainer, &result));
    assert_ptr_equal(snnk_network_layer(result, 1), snnk_network_layer(network, 1));
    assert_ptr_not_equal(snnk_network_layer(result, 0), snnk_network_layer(network, 0));
    snnk_network_free(result);
    snnk_trainer_free(trainer);
    snnk_network_free(network);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_numbers),
        cmocka_unit_test(test_threads_and_strides),
        cmocka_unit_test(test_threads_of_urf),
        cmocka_unit_test(test_backward_adds),
        cmocka_unit_test(test_record_is_reused),
        cmocka_unit_test(test_no_rows),
        cmocka_unit_test(test_nan),
        cmocka_unit_test(test_each_part_alone),
        cmocka_unit_test(test_first_learning),
        cmocka_unit_test(test_frozen_layers_are_shared),
    };
    return cmocka_run_group_tests_name("train_passes", tests, NULL, NULL);
}
