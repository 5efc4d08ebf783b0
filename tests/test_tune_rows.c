/* src/distill/tune_rows.c: rows are multiples of different unit vectors, so that a blend shows
 * which rows it was made of. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "support/alloc.h"
#include "support/compare.h"

#include "distill/tune_rows.h"

enum { D = 64, L = 2, BLOCK = 4, RARE = 5 };

static const float SIZE = 3;

typedef struct data {
    float *X;
    size_t which[D];
    int32_t labels[D];
    float Y[D * L];
    snnk_network *network;
    snnk_rows rows;
    snnk_compress_config config;
    snnk_distill_config distill;
    snnk__tune_source from;
} data;

/* The outputs of the network are 0 and 1, except for multiples of the vector RARE. */
static data *make_data(const snnk_allocator *allocator) {
    data *a = calloc(1, sizeof *a);
    float W[L * D] = {0}, bias[L] = {0, 1};
    snnk_layer *layer;

    a->X = calloc((size_t)D * D, sizeof *a->X);
    for (size_t i = 0; i < D; i++) {
        a->X[i * D + i] = SIZE;
        a->which[i] = i;
        a->labels[i] = (int32_t)(i % L);
        a->Y[i * L] = (float)i;
    }
    W[RARE] = 7;
    assert_ok(snnk_layer_create_dense(D, L, W, D, bias, SNNK_IDENTITY, allocator, &layer));
    assert_ok(snnk_network_create(allocator, &a->network));
    assert_ok(snnk_network_append(a->network, layer));
    snnk_layer_free(layer);
    a->rows = (snnk_rows){.size = sizeof a->rows, .n = D, .X = a->X};
    assert_ok(snnk_compress_config_init(&a->config, sizeof a->config));
    assert_ok(snnk_distill_config_init(&a->distill, sizeof a->distill));
    a->config.tune_blends = 5;
    a->distill.heldout_share = 0.2;
    a->distill.heldout_block_rows = BLOCK;
    a->from = (snnk__tune_source){.network = a->network,
                                  .n = D,
                                  .X = a->X,
                                  .which = a->which,
                                  .rows = &a->rows,
                                  .config = &a->config,
                                  .distill = &a->distill};
    return a;
}

static void free_data(data *a) {
    snnk_network_free(a->network);
    free(a->X);
    free(a);
}

/* The unit vector of a row of the data. */
static size_t vector_of(const float *row) {
    for (size_t k = 0; k < D; k++)
        if (row[k] != 0) return k;
    fail();
    return 0;
}

/* The rows that are held out are whole blocks, and no row is lost. */
static void assert_split(const snnk__tune_rows *made, size_t learn, bool *heldout) {
    memset(heldout, 0, D * sizeof *heldout);
    assert_int_equal(learn + made->heldout.n, D);
    for (size_t i = 0; i < made->heldout.n; i++) heldout[vector_of(made->heldout.X + i * D)] = true;
    for (size_t i = 0; i < learn; i++) assert_false(heldout[vector_of(made->learn.X + i * D)]);
    for (size_t i = 0; i < D; i++) assert_int_equal(heldout[i], heldout[i / BLOCK * BLOCK]);
}

/* With c = cos(t) and s = sin(t), all entries of a blend of `learn` rows are mean (1 - c - s), and
 * those of its two rows have SIZE c and SIZE s besides; if both are the same row, SIZE (c + s).
 * Returns whether RARE is one of them. */
static bool assert_blend(const float *x, size_t learn, const bool *heldout) {
    const double mean = SIZE / (double)learn;
    double least = INFINITY, squares = 0, sum = 0;
    size_t found = 0;
    bool rare = false;

    for (size_t k = 0; k < D; k++)
        if (!heldout[k]) least = fmin(least, x[k]);
    for (size_t k = 0; k < D; k++) {
        const double part = (x[k] - least) / SIZE;

        if (heldout[k]) assert_true(x[k] == 0);
        if (heldout[k] || part < 1e-5) continue;
        found++;
        squares += part * part;
        sum += part;
        rare |= k == RARE;
    }
    /* The tolerances are the rounding of floats. */
    assert_in_range(found, 1, 2);
    if (found == 2) assert_true(fabs(squares - 1) < 1e-4);
    assert_true(sum > 1 - 1e-4 && sum < sqrt(2) + 1e-4);
    assert_true(fabs(least - mean * (1 - sum)) < 1e-5);
    return rare;
}

static void test_blends(void **state) {
    data *a = make_data(NULL);
    snnk__tune_rows made;
    bool heldout[D];
    size_t rare = 0;

    (void)state;
    assert_ok(snnk__tune_rows_create(&a->from, &made));
    const size_t learn = made.learn.n - made.blends;

    assert_in_range(made.heldout.n, 1, D / 2);
    assert_int_equal(made.blends, 5 * learn);
    assert_split(&made, learn, heldout);
    assert_false(heldout[RARE]);
    for (size_t i = learn; i < made.learn.n; i++)
        rare += assert_blend(made.learn.X + i * D, learn, heldout);
    /* Its share is about `learn`, those of all others 0.1: it is the first row of nine in ten. */
    assert_true((double)rare > 0.8 * (double)made.blends);
    assert_true(rare < made.blends);
    for (size_t i = 0; i < made.learn.n; i++) {
        assert_true(fabsf(made.learn.Y[i * L] - 7 * made.learn.X[i * D + RARE]) < 1e-4F);
        assert_true(made.learn.Y[i * L + 1] == 1);
    }
    for (size_t i = 0; i < made.heldout.n; i++) assert_true(made.heldout.Y[i * L] == 0);
    snnk__tune_rows_free(&made);
    free_data(a);
}

/* Rows keep their targets or labels, and are not blended. */
static void test_targets(void **state) {
    data *a = make_data(NULL);

    (void)state;
    a->config.tune_to_targets = 1;
    for (int of_labels = 0; of_labels <= 1; of_labels++) {
        snnk__tune_rows made;

        a->rows.Y = of_labels ? NULL : a->Y;
        a->rows.ldy = L;
        a->rows.labels = of_labels ? a->labels : NULL;
        assert_ok(snnk__tune_rows_create(&a->from, &made));
        assert_int_equal(made.blends, 0);
        for (int part = 0; part <= 1; part++) {
            const snnk_rows *rows = part ? &made.heldout : &made.learn;

            for (size_t i = 0; i < rows->n; i++) {
                const size_t from = vector_of(rows->X + i * D);

                if (of_labels)
                    assert_int_equal(rows->labels[i], a->labels[from]);
                else
                    assert_true(rows->Y[i * L] == (float)from);
            }
        }
        snnk__tune_rows_free(&made);
    }
    free_data(a);
}

/* Where all rows are of one block, they are drawn one by one; a single row is not held out. */
static void test_few(void **state) {
    data *a = make_data(NULL);
    snnk__tune_rows made;

    (void)state;
    a->distill.heldout_block_rows = 1000;
    assert_ok(snnk__tune_rows_create(&a->from, &made));
    assert_in_range(made.heldout.n, 1, D / 2);
    snnk__tune_rows_free(&made);
    a->from.n = 1;
    assert_ok(snnk__tune_rows_create(&a->from, &made));
    assert_int_equal(made.heldout.n, 0);
    assert_int_equal(made.learn.n, 6);
    snnk__tune_rows_free(&made);
    free_data(a);
}

static void test_failing_memory(void **state) {
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    data *a = make_data(&allocator);
    int st;

    (void)state;
    assert_survives_some_failing_allocations(memory, st, 1, {
        snnk__tune_rows made;

        st = snnk__tune_rows_create(&a->from, &made);
        snnk__tune_rows_free(&made);
    });
    free_data(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blends),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_few),
        cmocka_unit_test(test_failing_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
