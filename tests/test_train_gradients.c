/* src/train: gradients of all numbers, compared with differences of outputs in long double, with
 * exact sums of whole numbers, and with Jacobians of maps. */
#include "support/compare.h"
#include "support/gradients.h"
#include "support/trainers.h"

static const double eps = 0x1p-24; /* half a unit in the last place of 1: one float rounding */

/* A trainer in which all that can learn does. */
static snnk_trainer *trainer_of(const snnk_network *network) {
    snnk_train_config config;
    snnk_trainer *trainer;

    assert_ok(snnk_train_config_init(&config, sizeof config));
    config.rows_rate = 1;
    if (snnk_trainer_create(network, &config, &trainer) == SNNK_OK) return trainer;
    config.rows_rate = 0; /* some layer has no rows: set those of the others */
    assert_ok(snnk_trainer_create(network, &config, &trainer));
    for (size_t k = 0; k < snnk_network_layers(network); k++)
        for (int32_t part = SNNK_PART_ROWS; part <= SNNK_PART_OFFSETS; part++) {
            const int st = snnk_trainer_set_rate(trainer, k, part, 1);

            assert_true(st == SNNK_OK || st == SNNK_E_UNSUPPORTED);
        }
    return trainer;
}

/* Forward and backward passes with strides. dX: n x d, packed; NULL: not wanted. */
static void pass(snnk_trainer *trainer, const ref_rows *rows, float *dX,
                 snnk_workspace *workspace) {
    const size_t d = snnk_network_inputs(trainer->start), n = rows->n,
                 l = snnk_network_outputs(trainer->start), ldy = l + 1, lddx = d + 5;
    float *Y = malloc((n * ldy + 1) * sizeof *Y), *all = malloc((n * lddx + 1) * sizeof *all);
    snnk_record *record;

    assert_ok(snnk_record_create(trainer, &record));
    for (size_t i = 0; i < n * lddx; i++) all[i] = 77;
    assert_ok(snnk_trainer_forward(trainer, n, rows->X, rows->ldx, Y, ldy, record, workspace));
    assert_ok(snnk_trainer_backward(trainer, record, rows->X, rows->ldx, rows->dY, rows->lddy,
                                    dX ? all : NULL, lddx, workspace));
    for (size_t i = 0; dX && i < n; i++) {
        memcpy(dX + i * d, all + i * lddx, d * sizeof *dX);
        for (size_t k = d; k < lddx; k++) assert_true(all[i * lddx + k] == 77);
    }
    snnk_record_free(record);
    free(all);
    free(Y);
}

/* ---- Differences ---- */

static void check_layer(const ref_network *ref, ref_layer *layer, const snnk_trainer *trainer,
                        size_t k, const ref_rows *rows, const ref_sizes *sizes) {
    const double share = ref_roundings(ref, rows->n) * eps;
    const snnk__parameter *Psi = parameter_of(trainer, k, SNNK_PART_WEIGHTS),
                          *bias = parameter_of(trainer, k, SNNK_PART_BIAS);

    for (size_t b = 0, row = 0; b < layer->n_blocks; b++) {
        const size_t r = layer->blocks[b].rows, d = layer->d;
        const snnk__parameter *G = block_parameter_of(
                                  trainer, k, b, layer->dense ? SNNK_PART_WEIGHTS : SNNK_PART_ROWS),
                              *c = block_parameter_of(
                                  trainer, k, b, layer->dense ? SNNK_PART_BIAS : SNNK_PART_OFFSETS);

        assert_true(layer->blocks[b].has_rows == (G != NULL) && !G == !c);
        assert_true(!G || (G->count == r * d && c->count == r));
        for (size_t i = 0; G && i < r; i++) {
            for (size_t j = 0; j < d; j++)
                assert_close(G->gradient[i * d + j],
                             (double)ref_slope(ref, rows, &layer->G[(row + i) * d + j]), 0,
                             share * sizes->G[(row + i) * d + j]);
            assert_close(c->gradient[i], (double)ref_slope(ref, rows, &layer->c[row + i]), 0,
                         share * sizes->c[row + i]);
        }
        row += r;
    }
    if (!layer->reads_out) return;
    assert_true(Psi->count == layer->l * layer->m && bias->count == layer->l);
    for (size_t o = 0; o < layer->l; o++) {
        for (size_t j = 0; j < layer->m; j++) /* stored transposed */
            assert_close(Psi->gradient[j * layer->l + o],
                         (double)ref_slope(ref, rows, &layer->Psi[o * layer->m + j]), 0,
                         share * sizes->Psi[o * layer->m + j]);
        assert_close(bias->gradient[o], (double)ref_slope(ref, rows, &layer->bias[o]), 0,
                     share * sizes->bias[o]);
    }
}

/* Check all gradients of a network, and free it. The error of the differences, step^4/30 times a
 * fifth derivative and 1e-19/step, is far below that of float. */
static void check_network(snnk_network *network, size_t n, uint64_t seed) {
    const size_t d = snnk_network_inputs(network), l = snnk_network_outputs(network);
    ref_network *ref = ref_read(network);
    float *X = draw(n * (d + 2), seed), *dY = draw(n * (l + 3), seed + 1),
          *dX = malloc(n * d * sizeof *dX);
    double *dx = malloc(d * sizeof *dx);
    const ref_rows rows = {n, d + 2, l + 3, X, dY};
    ref_sizes *sizes = calloc(ref->n_layers, sizeof *sizes);
    snnk_trainer *trainer = trainer_of(network);
    const double share = ref_roundings(ref, 1) * eps;

    assert_true(ref_drop_kinks(ref, &rows) >= (n + 1) / 2);
    pass(trainer, &rows, dX, NULL);
    for (size_t i = 0; i < n; i++) {
        ref_add_sizes(ref, &rows, i, sizes, dx);
        for (size_t k = 0; k < d; k++)
            assert_close(dX[i * d + k], (double)ref_input_slope(ref, &rows, i, k), 0,
                         share * dx[k]);
    }
    for (size_t k = 0; k < ref->n_layers; k++)
        check_layer(ref, &ref->layers[k], trainer, k, &rows, &sizes[k]);
    snnk_trainer_free(trainer);
    free(sizes);
    free(dx);
    free(dX);
    free(dY);
    free(X);
    free(ref);
    snnk_network_free(network);
}

static void test_dense(void **state) {
    (void)state;
    for (int32_t a = SNNK_IDENTITY; a <= SNNK_ERF; a++) {
        snnk_layer *layers[] = {dense_of(5, 7, a, 1)};

        check_network(network_of(1, layers), 9, 10);
    }
}

/* Every kind, order, floor and activation, drawn and HD3. */
static size_t map_configs(snnk_map_config configs[64]) {
    size_t n = 0;

    for (int32_t order = 0; order <= 2; order++)
        for (int i = 0; i < (order == 0 ? 1 : 2); i++) {
            configs[n] = config_of(SNNK_MAP_ARC_COSINE, 9);
            configs[n].order = order;
            configs[n].offset_scale = 0.5;
            configs[n++].floor = i == 0 ? 0 : -0.3;
        }
    for (int32_t a = SNNK_IDENTITY; a <= SNNK_ERF; a++) {
        configs[n] = config_of(SNNK_MAP_ELEMENTWISE, 11);
        configs[n].activation = a;
        configs[n].offset_scale = 0.7;
        configs[n++].projection_scale = 0.6;
    }
    configs[n++] = config_of(SNNK_MAP_GAUSSIAN, 18);
    for (size_t k = 0, drawn = n; k < drawn; k += 3) {
        configs[n] = configs[k];
        configs[n++].projection = SNNK_PROJECTION_HD3;
    }
    configs[n++] = config_of(SNNK_MAP_IDENTITY, 0);
    return n;
}

static void test_maps(void **state) {
    snnk_map_config configs[64];
    const size_t count = map_configs(configs), d = 5;
    snnk_scaling *scaling = scaling_of(d);

    (void)state;
    for (size_t t = 0; t < count; t++)
        for (int scaled = 0; scaled < 2; scaled++) {
            snnk_map *map = map_of(d, &configs[t], scaled ? scaling : NULL);
            snnk_layer *layer = snnk_of(snnk_map_retain(map), 4, 3), *tower[2];

            check_network(network_of(1, &layer), 9, 10 * t);
            /* A tower alone may have nothing that learns. */
            tower[0] = tower_of(map);
            tower[1] = dense_of(snnk_layer_outputs(tower[0]), 3, SNNK_GELU, 8);
            check_network(network_of(2, tower), 9, 10 * t + 5);
        }
    snnk_scaling_free(scaling);
}

static void test_tower_alone(void **state) {
    snnk_map_config config = config_of(SNNK_MAP_GAUSSIAN, 12);
    snnk_layer *layer = tower_of(map_of(3, &config, NULL));

    (void)state;
    check_network(network_of(1, &layer), 6, 3);
}

static void test_several_blocks(void **state) {
    (void)state;
    for (size_t first = 0; first < 4; first++) {
        snnk_layer *layer = snnk_of(many_blocks(first), 3, 1),
                   *tower[] = {tower_of(many_blocks(first)), NULL};

        check_network(network_of(1, &layer), 12, 4);
        tower[1] = dense_of(snnk_layer_outputs(tower[0]), 4, SNNK_TANH, 3);
        check_network(network_of(2, tower), 12, 8);
    }
}

static void test_folded(void **state) {
    snnk_map_config configs[64];
    const size_t count = map_configs(configs), d = 5, inputs = 3;
    float *V = draw(d * inputs, 2), *c = draw(d, 3);

    (void)state;
    for (size_t t = 0; t < count; t++) {
        snnk_map *map = map_of(d, &configs[t], NULL), *folded;

        assert_ok(snnk_map_fold(map, inputs, V, inputs, c, &folded));
        snnk_map_free(map);
        snnk_layer *layer = snnk_of(folded, 4, 5);

        check_network(network_of(1, &layer), 9, 20 * t);
    }
    free(c);
    free(V);
}

static void test_networks(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 4; seed++) check_network(deep(seed), 9, seed);
    snnk_layer *layers[] = {dense_of(4, 9, SNNK_TANH, 1), dense_of(9, 8, SNNK_RELU, 3),
                            dense_of(8, 2, SNNK_IDENTITY, 5)};

    check_network(network_of(3, layers), 130, 7);
    /* In the middle, a layer whose projections are its outputs. */
    snnk_layer *linear[] = {dense_of(4, 9, SNNK_TANH, 1), dense_of(9, 8, SNNK_IDENTITY, 3),
                            dense_of(8, 8, SNNK_IDENTITY, 5), dense_of(8, 2, SNNK_SIN, 7)};

    check_network(network_of(4, linear), 10, 7);
}

static void test_bundled(void **state) {
    (void)state;
    for (size_t last = 1; last < 3; last++) {
        snnk_network *network = deep(3), *bundled;

        assert_ok(snnk_network_bundle(network, 0, last, &bundled));
        snnk_network_free(network);
        check_network(bundled, 9, last);
    }
}

/* ---- Features that the reference does not know: dX = J^T Psi^T dY, dPsi = dY^T Phi ---- */

/* J and Phi are the library's, in float: each entry is off by 1e-5 of the largest (exponents up to
 * 30 units, test_urf_derivative), and so are those of the trainer. */
static void check_by_jacobian(snnk_map *map, uint64_t seed) {
    enum { n = 7, l = 5 };
    const size_t d = snnk_map_inputs(map), m = snnk_map_features(map);
    snnk_layer *layer = snnk_of(snnk_map_retain(map), l, 3);
    float *X = draw(n * d, seed), *dY = draw(n * l, 2), *dX = malloc(n * d * sizeof *dX),
          *J = malloc(m * d * sizeof *J), *Phi = malloc(n * m * sizeof *Phi),
          *Psi = malloc(m * l * sizeof *Psi), bias[l];
    const ref_rows rows = {n, d, l, X, dY};

    assert_ok(snnk_layer_weights(layer, Psi, m, bias));
    snnk_network *network = network_of(1, &layer);
    snnk_trainer *trainer = trainer_of(network);

    pass(trainer, &rows, dX, NULL);
    assert_ok(snnk_map_input_tower(map, n, X, d, Phi, m, NULL));
    for (size_t i = 0; i < n; i++) {
        assert_ok(snnk_map_gradient(map, X + i * d, J, d));
        for (size_t k = 0; k < d; k++) {
            double sum = 0, size = 0;

            for (size_t j = 0; j < m; j++)
                for (size_t o = 0; o < l; o++) {
                    const double term = (double)dY[i * l + o] * Psi[o * m + j] * J[j * d + k];

                    sum += term;
                    size += fabs(term);
                }
            assert_close(dX[i * d + k], sum, 0, 1e-5 * size);
        }
    }
    const snnk__parameter *gradient = parameter_of(trainer, 0, SNNK_PART_WEIGHTS);

    for (size_t o = 0; o < l; o++)
        for (size_t j = 0; j < m; j++) {
            double sum = 0, size = 0;

            for (size_t i = 0; i < n; i++) {
                sum += (double)dY[i * l + o] * Phi[i * m + j];
                size += fabs((double)dY[i * l + o] * Phi[i * m + j]);
            }
            assert_close(gradient->gradient[j * l + o], sum, 0, 1e-5 * size);
        }
    snnk_trainer_free(trainer);
    snnk_network_free(network);
    snnk_map_free(map);
    free(Psi);
    free(Phi);
    free(J);
    free(dX);
    free(dY);
    free(X);
}

/* The same after a linear map. Releases the map. */
static void check_folded(snnk_map *map, uint64_t seed) {
    const size_t d = snnk_map_inputs(map), inputs = 3;
    float *V = draw(d * inputs, 2), *c = draw(d, 3);
    snnk_map *folded;

    assert_ok(snnk_map_fold(map, inputs, V, inputs, c, &folded));
    snnk_map_free(map);
    check_by_jacobian(folded, seed);
    free(c);
    free(V);
}

static void test_urf(void **state) {
    static const double omega[] = {0.7, -1.3, 2}, re[] = {0.5, -0.2, 0.1}, im[] = {0.1, 0.3, -0.2};

    (void)state;
    for (int32_t form = SNNK_URF_POSITIVE; form <= SNNK_URF_COMPLEX; form++)
        for (int hyperbolic = 0; hyperbolic < 2; hyperbolic++) {
            snnk_spectrum *spectrum;
            snnk_urf_config config;
            snnk_map *map;

            assert_ok(snnk_spectrum_create_from_atoms(3, omega, re, im, 0.1, 0.7, NULL, &spectrum));
            assert_ok(snnk_urf_config_init(&config, sizeof config));
            config.features = 64;
            config.form = form;
            config.hyperbolic = hyperbolic;
            assert_ok(snnk_map_create_urf(4, spectrum, &config, NULL, &map));
            snnk_spectrum_free(spectrum);
            check_by_jacobian(snnk_map_retain(map), 10 + (uint64_t)form);
            check_folded(map, 30 + (uint64_t)form);
        }
    for (float mean = 0; mean < 0.5f; mean += 0.3f) { /* in a frame, which centers */
        snnk_map *map = framed_urf_map(6, 64, 3, omega, re, im, mean, 0.5f);

        check_by_jacobian(snnk_map_retain(map), 50);
        check_folded(map, 60);
    }
}

static void test_rbf(void **state) {
    enum { n = 20, d = 4 };
    float *X = draw(n * d, 8);
    snnk_scaling *scaling = scaling_of(d);

    (void)state;
    for (int whiten = 0; whiten < 2; whiten++)
        for (int scaled = 0; scaled < 2; scaled++) {
            snnk_nystroem_config config;
            snnk_map *map;

            assert_ok(snnk_nystroem_config_init(&config, sizeof config));
            config.features = 13;
            config.whiten = whiten;
            config.bandwidth = 1;
            config.smallest_eigenvalue = 1e-2;
            assert_ok(snnk_map_create_nystroem(d, SNNK_ROWS(.n = n, .X = X), &config,
                                               scaled ? scaling : NULL, &map));
            check_by_jacobian(snnk_map_retain(map), 3);
            if (whiten)
                snnk_map_free(map);
            else
                check_folded(map, 4);
        }
    snnk_scaling_free(scaling);
    free(X);
}

static void test_scattering(void **state) {
    (void)state;
    check_by_jacobian(scattering_map(4, 8, 2), 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dense),    cmocka_unit_test(test_maps),
        cmocka_unit_test(test_folded),   cmocka_unit_test(test_several_blocks),
        cmocka_unit_test(test_networks), cmocka_unit_test(test_tower_alone),
        cmocka_unit_test(test_bundled),  cmocka_unit_test(test_urf),
        cmocka_unit_test(test_rbf),      cmocka_unit_test(test_scattering),
    };
    return cmocka_run_group_tests_name("train_gradients", tests, NULL, NULL);
}
