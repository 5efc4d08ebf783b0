/* Residual layers that learn: adapters of both forms, and the gain. */
#include "support/alloc.h"
#include "support/compare.h"
#include "support/draw.h"

#include <snnk/snnk.h>
#include <string.h>

#include "train/trainer.h"

enum { D = 5, M = 7, HIDDEN = 4, ROWS = 150, LAST = 3 };

/* An SNNK layer D -> M features -> D, or two dense layers D -> HIDDEN -> D, around which a residual
 * layer is made; then a dense layer to LAST outputs. tanh, so that differences are smooth. */
static snnk_network *make_network(bool bottleneck, int32_t form, double gain) {
    float W[M * D], V[M * D], U[LAST * D];
    snnk_layer *inner[2] = {NULL}, *residual, *dense;
    snnk_network *network;

    draw_floats(W, M * D, 1);
    draw_floats(V, M * D, 2);
    draw_floats(U, LAST * D, 3);
    if (bottleneck) {
        assert_ok(snnk_layer_create_dense(D, HIDDEN, W, D, NULL, SNNK_TANH, NULL, &inner[0]));
        assert_ok(
            snnk_layer_create_dense(HIDDEN, D, V, HIDDEN, NULL, SNNK_IDENTITY, NULL, &inner[1]));
    } else {
        snnk_map_config config;
        snnk_map *map;

        assert_ok(snnk_map_config_init(&config, sizeof config));
        config.kind = SNNK_MAP_ELEMENTWISE;
        config.activation = SNNK_TANH;
        assert_ok(snnk_map_create_from_rows(D, M, W, D, NULL, &config, NULL, &map));
        assert_ok(snnk_layer_create(map, D, V, M, NULL, &inner[0]));
        snnk_map_free(map);
    }
    assert_ok(snnk_layer_create_residual(bottleneck ? 2 : 1, (const snnk_layer *const *)inner, form,
                                         gain, NULL, &residual));
    assert_ok(snnk_layer_create_dense(D, LAST, U, D, NULL, SNNK_IDENTITY, NULL, &dense));
    assert_ok(snnk_network_create(NULL, &network));
    assert_ok(snnk_network_append(network, residual));
    assert_ok(snnk_network_append(network, dense));
    snnk_layer_free(dense);
    snnk_layer_free(residual);
    snnk_layer_free(inner[0]);
    snnk_layer_free(inner[1]);
    return network;
}

static snnk_trainer *make_trainer(const snnk_network *network, double rows_rate) {
    snnk_train_config config;
    snnk_trainer *trainer;

    assert_ok(snnk_train_config_init(&config, sizeof config));
    config.epochs = 200;
    config.batch = 16;
    config.rows_rate = rows_rate;
    assert_ok(snnk_trainer_create(network, &config, &trainer));
    return trainer;
}

/* dY . network(X) by the trainer's forward, in double. */
static double along(snnk_trainer *trainer, size_t n, const float *X, const float *dY) {
    float Y[ROWS * LAST];
    double sum = 0;

    snnk__trainer_refresh(trainer, NULL);
    assert_ok(snnk_trainer_forward(trainer, n, X, D, Y, LAST, NULL, NULL));
    for (size_t k = 0; k < n * LAST; k++) sum += (double)dY[k] * Y[k];
    return sum;
}

/* A central difference has an error of h^2/6 times a third derivative, a few units here, and of the
 * rounding of outputs of a few units, 2^-22 each, divided by h: below 0.004 with h = 1/64. */
static void check_number(snnk_trainer *trainer, size_t n, const float *X, const float *dY, float *x,
                         double gradient) {
    const float kept = *x, h = 1.0F / 64;

    *x = kept + h;
    const double above = along(trainer, n, X, dY);
    *x = kept - h;
    const double below = along(trainer, n, X, dY);
    *x = kept;
    snnk__trainer_refresh(trainer, NULL);
    assert_close(gradient, (above - below) / (2 * (double)h), 2e-3, 4e-3);
}

static void check_gradients(bool bottleneck, int32_t form, double gain) {
    snnk_network *network = make_network(bottleneck, form, gain);
    snnk_trainer *trainer = make_trainer(network, bottleneck ? 0 : 1);
    snnk_record *record;
    enum { N = 3 };
    float X[N * D], dX[N * D], Y[N * LAST], dY[N * LAST];

    draw_floats(X, N * D, 7);
    draw_floats(dY, N * LAST, 8);
    assert_ok(snnk_record_create(trainer, &record));
    assert_ok(snnk_trainer_forward(trainer, N, X, D, Y, LAST, record, NULL));
    assert_ok(snnk_trainer_backward(trainer, record, X, D, dY, LAST, dX, D, NULL));
    for (size_t k = 0; k < N * D; k++) check_number(trainer, N, X, dY, &X[k], dX[k]);
    for (size_t s = 0; s < trainer->n_slots; s++) {
        const snnk__parameter *p = trainer->slots[s].parameter;

        for (size_t k = 0; k < p->count; k++)
            check_number(trainer, N, X, dY, &p->value[k], p->gradient[k]);
    }
    /* gain, W and b of two dense layers or Psi, bias, G, c of one SNNK layer; then W and b */
    assert_int_equal(trainer->n_slots, 1 + 4 + 2);
    snnk_record_free(record);
    snnk_trainer_free(trainer);
    snnk_network_free(network);
}

static void test_gradients(void **state) {
    (void)state;
    for (int32_t form = SNNK_RESIDUAL_ADD; form <= SNNK_RESIDUAL_MULTIPLY; form++) {
        check_gradients(false, form, 0.5);
        check_gradients(true, form, -0.7);
        check_gradients(false, form, 0);
    }
}

/* From gain 0 the adapter learns what the frozen rest does not: y = U (x + tanh-like change). The
 * frozen layer is the same object afterwards. */
static void test_adapter(void **state) {
    snnk_network *wanted = make_network(false, SNNK_RESIDUAL_ADD, 0.8);
    snnk_network *start = make_network(false, SNNK_RESIDUAL_ADD, 0), *trained;
    snnk_trainer *trainer = make_trainer(start, 0);
    snnk_train_report report = {.size = sizeof report};
    float X[ROWS * D], Y[ROWS * LAST];

    (void)state;
    draw_floats(X, ROWS * D, 9);
    assert_ok(snnk_network_forward(wanted, ROWS, X, D, Y, LAST, NULL));
    assert_ok(snnk_trainer_set_rate(trainer, 1, -1, 0));
    assert_int_equal(snnk_trainer_parameters(trainer), 1 + M * D + D);
    assert_ok(snnk_trainer_run(trainer, SNNK_ROWS(.n = ROWS, .X = X, .Y = Y), NULL, NULL, &report));
    assert_true(report.heldout_loss < report.first_loss / 20);
    assert_ok(snnk_trainer_network(trainer, &trained));
    assert_ptr_equal(snnk_network_layer(trained, 1), snnk_network_layer(start, 1));
    assert_true(snnk_layer_gain(snnk_network_layer(trained, 0)) > 0.1);
    snnk_network_free(trained);
    snnk_trainer_free(trainer);
    snnk_network_free(start);
    snnk_network_free(wanted);
}

/* The trainer's outputs are those of the network it makes, bit for bit, for any number of
 * threads. */
static void test_outputs(void **state) {
    snnk_network *network = make_network(true, SNNK_RESIDUAL_MULTIPLY, 0.3), *same;
    snnk_trainer *trainer = make_trainer(network, 0);
    snnk_workspace *workspace;
    float X[ROWS * D], Y[ROWS * LAST], of_network[ROWS * LAST];

    (void)state;
    draw_floats(X, ROWS * D, 10);
    assert_ok(snnk_workspace_create(3, NULL, &workspace));
    assert_ok(snnk_trainer_forward(trainer, ROWS, X, D, Y, LAST, NULL, workspace));
    assert_ok(snnk_trainer_network(trainer, &same));
    assert_ok(snnk_network_forward(same, ROWS, X, D, of_network, LAST, NULL));
    assert_memory_equal(Y, of_network, sizeof Y);
    snnk_workspace_free(workspace);
    snnk_network_free(same);
    snnk_trainer_free(trainer);
    snnk_network_free(network);
}

static void test_failing_memory(void **state) {
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_network *network = make_network(true, SNNK_RESIDUAL_ADD, 0.3);
    snnk_train_config config;
    int st;

    (void)state;
    assert_ok(snnk_train_config_init(&config, sizeof config));
    config.allocator = &allocator;
    assert_survives_failing_allocations(memory, st, {
        snnk_trainer *trainer = NULL;

        st = snnk_trainer_create(network, &config, &trainer);
        assert_true((st == SNNK_OK) == (trainer != NULL));
        snnk_trainer_free(trainer);
    });
    snnk_network_free(network);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_adapter),
        cmocka_unit_test(test_outputs),
        cmocka_unit_test(test_failing_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
