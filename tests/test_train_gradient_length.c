/* The length of a trainer's gradient. */
#include "support/compare.h"

#include <math.h>
#include <snnk/snnk.h>

enum { D = 2, ROWS = 2 };

static snnk_trainer *make_trainer(void) {
    const float W[D] = {0.5F, -1};
    snnk_layer *layer;
    snnk_network *network;
    snnk_trainer *trainer;

    assert_ok(snnk_layer_create_dense(D, 1, W, D, NULL, SNNK_IDENTITY, NULL, &layer));
    assert_ok(snnk_network_create(NULL, &network));
    assert_ok(snnk_network_append(network, layer));
    assert_ok(snnk_trainer_create(network, NULL, &trainer));
    snnk_network_free(network);
    snnk_layer_free(layer);
    return trainer;
}

/* Add `scale` times the gradient of one pass: of W, dY^T X = 6 (3, 4) - 5 (2, 0) = (8, 24), and of
 * the bias 6 - 5 = 1. */
static void add_pass(snnk_trainer *trainer, float scale) {
    const float X[ROWS * D] = {3, 4, 2, 0}, dY[ROWS] = {6 * scale, -5 * scale};
    float Y[ROWS];
    snnk_record *record;

    assert_ok(snnk_record_create(trainer, &record));
    assert_ok(snnk_trainer_forward(trainer, ROWS, X, D, Y, 1, record, NULL));
    assert_ok(snnk_trainer_backward(trainer, record, X, D, dY, 1, NULL, 0, NULL));
    snnk_record_free(record);
}

static void test_length(void **state) {
    snnk_trainer *trainer = make_trainer();
    const double length = sqrt(8 * 8 + 24 * 24 + 1);

    (void)state;
    assert_true(snnk_trainer_gradient_length(trainer) == 0);
    add_pass(trainer, 1);
    assert_close(snnk_trainer_gradient_length(trainer), length, 1e-6, 0);
    add_pass(trainer, 2);
    assert_close(snnk_trainer_gradient_length(trainer), 3 * length, 1e-6, 0);
    assert_ok(snnk_trainer_step(trainer, 1, 1, NULL));
    assert_true(snnk_trainer_gradient_length(trainer) == 0);
    snnk_trainer_free(trainer);
}

static void test_frozen(void **state) {
    snnk_trainer *trainer = make_trainer();

    (void)state;
    assert_ok(snnk_trainer_set_rate(trainer, 0, SNNK_PART_WEIGHTS, 0));
    add_pass(trainer, -3);
    assert_close(snnk_trainer_gradient_length(trainer), 3, 1e-6, 0);
    assert_ok(snnk_trainer_set_rate(trainer, 0, -1, 0));
    add_pass(trainer, 1);
    assert_true(snnk_trainer_gradient_length(trainer) == 0);
    snnk_trainer_free(trainer);
}

/* A step refuses such gradients, and forgets them. */
static void test_not_finite(void **state) {
    snnk_trainer *trainer = make_trainer();

    (void)state;
    assert_true(snnk_trainer_gradient_length(NULL) == 0);
    add_pass(trainer, INFINITY);
    assert_true(!isfinite(snnk_trainer_gradient_length(trainer)));
    assert_status(snnk_trainer_step(trainer, 1, 1, NULL), SNNK_E_NONFINITE);
    assert_true(snnk_trainer_gradient_length(trainer) == 0);
    snnk_trainer_free(trainer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_length),
        cmocka_unit_test(test_frozen),
        cmocka_unit_test(test_not_finite),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
