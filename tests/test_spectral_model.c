/* src/map/spectral.c, affine.c: maps made from spectra, in model files. A loaded map equals the
 * saved one bit for bit; a file of another program gives the outputs that that program computed. */
#include "support/alloc.h"
#include "support/compare.h"
#include "support/draw.h"

#include "data/model_1.h"
#include "map/affine.h"
#include "map/map.h"

enum { D = 5, N = 7, L = 4, M = 48 };

static float X[N * D], W[L * D], b[L];

static int make_batch(void **state) {
    (void)state;
    draw_floats(X, N * D, 1);
    draw_floats(W, L * D, 2);
    draw_floats(b, L, 3);
    for (size_t i = 0; i < N; i++) X[i * D] += 0.7f; /* so that there is a mean */
    for (size_t j = 0; j < L; j++) W[j * D + 1] -= 0.4f;
    return 0;
}

/* One atom is large, one medium, and some get less than a row. */
static snnk_spectrum *make_spectrum(void) {
    static const double omega[] = {1, 2.5, 3, 4, 6}, re[] = {0, 0.4, 1e-3, 1e-3, 2e-3},
                        im[] = {-1, 0.2, 0, 3e-3, 0};
    snnk_spectrum *spectrum;

    assert_ok(
        snnk_spectrum_create_from_atoms(5, omega, re, im, 0.1 + 0.2, 0.1 + 0.7, NULL, &spectrum));
    return spectrum;
}

enum { FRAMES = 5 };

/* None; centered on inputs; on both; on both, whitened; whitened without weights. */
static snnk_frame *make_frame(int which) {
    static const struct {
        int32_t center, metric;
        size_t weights;
    } frames[FRAMES] = {{0, 0, 0},
                        {SNNK_CENTER_INPUTS, SNNK_METRIC_NONE, L},
                        {SNNK_CENTER_BOTH, SNNK_METRIC_DIAGONAL, L},
                        {SNNK_CENTER_BOTH, SNNK_METRIC_WHITEN, L},
                        {SNNK_CENTER_INPUTS, SNNK_METRIC_WHITEN, 0}};
    snnk_frame_config config;
    snnk_frame *frame = NULL;

    if (which == 0) return NULL;
    assert_ok(snnk_frame_config_init(&config, sizeof config));
    config.center = frames[which].center;
    config.metric = frames[which].metric;
    config.directions = 2;
    assert_ok(snnk_frame_create(D, SNNK_ROWS(.n = N, .X = X), frames[which].weights, W, D, &config,
                                &frame));
    return frame;
}

static snnk_urf_config defaults(void) {
    snnk_urf_config config;

    assert_ok(snnk_urf_config_init(&config, sizeof config));
    config.features = M;
    config.seed = UINT64_MAX; /* does not fit a double */
    return config;
}

static snnk_map *make_map(const snnk_urf_config *config, int which) {
    snnk_spectrum *spectrum = make_spectrum();
    snnk_frame *frame = make_frame(which);
    snnk_map *map = NULL;

    assert_ok(snnk_map_create_urf(D, spectrum, config, frame, &map));
    snnk_frame_free(frame);
    snnk_spectrum_free(spectrum);
    return map;
}

static void *saved(const snnk_network *network, int32_t projection, size_t *bytes) {
    void *buffer;

    assert_ok(snnk_network_saved_bytes(network, projection, bytes));
    buffer = malloc(*bytes);
    assert_non_null(buffer);
    assert_ok(snnk_network_save_memory(network, projection, buffer, *bytes));
    return buffer;
}

static snnk_network *network_of(const snnk_map *map) {
    snnk_layer *layer;
    snnk_network *network;

    assert_ok(snnk_layer_create_from_weights(map, L, W, D, b, &layer));
    assert_ok(snnk_network_create(NULL, &network));
    assert_ok(snnk_network_append(network, layer));
    snnk_layer_free(layer);
    return network;
}

/* ---- Round trips ---- */

static void assert_same_towers(const snnk_map *was, const snnk_map *is) {
    const size_t m = snnk_map_features(was), bytes = m * sizeof(float);
    float *a = malloc(N * bytes), *c = malloc(N * bytes), bias[2][L];
    double value[2] = {0};

    assert_int_equal(snnk_map_features(is), m);
    assert_ok(snnk_map_input_tower(was, N, X, D, a, m, NULL));
    assert_ok(snnk_map_input_tower(is, N, X, D, c, m, NULL));
    assert_memory_equal(a, c, N * bytes);
    assert_ok(snnk_map_weight_tower(was, L, W, D, b, a, m, bias[0], NULL));
    assert_ok(snnk_map_weight_tower(is, L, W, D, b, c, m, bias[1], NULL));
    assert_memory_equal(a, c, L * bytes);
    assert_memory_equal(bias[0], bias[1], sizeof bias[0]);
    /* Maps of given rows have no exact value. */
    const int st = snnk_map_exact(was, X, W, 0.5, &value[0]);
    assert_status(snnk_map_exact(is, X, W, 0.5, &value[1]), st);
    assert_true(value[0] == value[1]);
    free(c);
    free(a);
}

/* All predictions are equal; or, for given rows, there are none. */
static void assert_same_predictions(const snnk_map *was, const snnk_map *is) {
    const double levels[] = {0, 0.5, 1};
    double quantiles[2][L * 3] = {{0}};
    snnk_prediction batch[2], norms[2];
    int st[2];

    memset(batch, 0, sizeof batch);
    memset(norms, 0, sizeof norms);
    for (int i = 0; i < 2; i++) {
        const snnk_map *map = i == 0 ? was : is;

        batch[i].size = sizeof batch[i];
        norms[i].size = sizeof norms[i];
        st[i] = snnk_map_predict(map, SNNK_ROWS(.n = N, .X = X), L, W, D, b, NULL, 3, levels,
                                 quantiles[i], 3, &batch[i]);
        assert_int_equal(snnk_map_predict_norms(map, 1.5, 2, 0.5, 0.25, NULL, &norms[i]), st[i]);
    }
    assert_int_equal(st[0], st[1]);
    assert_memory_equal(&batch[0], &batch[1], sizeof batch[0]);
    assert_memory_equal(&norms[0], &norms[1], sizeof norms[0]);
    assert_memory_equal(quantiles[0], quantiles[1], sizeof quantiles[0]);
}

static void assert_same_settings(const snnk_map *was, const snnk_map *is) {
    assert_int_equal(snnk_map_blocks(was), snnk_map_blocks(is));
    for (size_t k = 0; k < snnk_map_blocks(was); k++) {
        snnk_map_config config[2];

        memset(config, 0, sizeof config);
        assert_ok(snnk_map_config_init(&config[0], sizeof config[0]));
        assert_ok(snnk_map_config_init(&config[1], sizeof config[1]));
        assert_ok(snnk_map_block_config(was, k, &config[0]));
        assert_ok(snnk_map_block_config(is, k, &config[1]));
        assert_memory_equal(&config[0], &config[1], sizeof config[0]);
    }
}

/* The data of block k; NULL if it is of the other kind. */
static const snnk__affine *line_of(const snnk_map *map, size_t k) {
    return map->blocks[k]->kind == &snnk__map_affine ? map->blocks[k]->data : NULL;
}

static const snnk__urf *urf_of(const snnk_map *map, size_t k) {
    return map->blocks[k]->kind == &snnk__map_spectral ? map->blocks[k]->data : NULL;
}

static void assert_same_spectral_facts(const snnk__spectral_facts *was,
                                       const snnk__spectral_facts *is) {
    assert_true(was->error == is->error);
    assert_true(was->analyticity_halfwidth == is->analyticity_halfwidth);
    assert_true(was->center == is->center);
    assert_true(was->radius == is->radius);
    assert_int_equal(was->target, is->target);
}

/* Facts that no output here depends on. */
static void assert_same_facts(const snnk_map *was, const snnk_map *is) {
    for (size_t k = 0; k < was->n_blocks; k++) {
        const snnk__affine *line[2] = {line_of(was, k), line_of(is, k)};
        const snnk__urf *urf[2] = {urf_of(was, k), urf_of(is, k)};
        const snnk_frame *frame[2] = {line[0] ? line[0]->frame : urf[0]->frame,
                                      line[1] ? line[1]->frame : urf[1]->frame};

        assert_int_equal(frame[0] == NULL, frame[1] == NULL);
        if (frame[0]) assert_true(frame[0]->input_norm == frame[1]->input_norm);
        if (frame[0]) assert_true(frame[0]->weight_norm == frame[1]->weight_norm);
        if (line[0]) {
            assert_true(line[0]->intercept == line[1]->intercept);
            assert_true(line[0]->slope == line[1]->slope);
            assert_same_spectral_facts(&line[0]->facts, &line[1]->facts);
            continue;
        }
        assert_true(urf[0]->intercept == urf[1]->intercept);
        assert_same_spectral_facts(&urf[0]->facts, &urf[1]->facts);
        assert_int_equal(urf[0]->atoms.count, urf[1]->atoms.count);
        assert_memory_equal(urf[0]->atoms.atom, urf[1]->atoms.atom,
                            urf[0]->atoms.count * sizeof *urf[0]->atoms.atom);
        assert_memory_equal(urf[0]->row_atom, urf[1]->row_atom,
                            urf[0]->rows * sizeof *urf[0]->row_atom);
    }
}

/* Saved, loaded, compared, and saved again with the same bytes, so that facts that no output here
 * depends on are kept too. */
static void assert_round_trip(const snnk_map *map) {
    snnk_network *network = network_of(map), *loaded = NULL;
    float Y[2][N * L];

    for (int32_t projection = 0; projection < 2; projection++) {
        size_t bytes, bytes_again;
        void *buffer = saved(network, projection, &bytes), *again;

        assert_ok(snnk_network_load_memory(buffer, bytes, NULL, &loaded));
        const snnk_map *is = snnk_layer_map(snnk_network_layer(loaded, 0));
        assert_same_settings(map, is);
        assert_same_towers(map, is);
        assert_same_predictions(map, is);
        assert_same_facts(map, is);
        assert_ok(snnk_network_forward(network, N, X, D, Y[0], L, NULL));
        assert_ok(snnk_network_forward(loaded, N, X, D, Y[1], L, NULL));
        assert_memory_equal(Y[0], Y[1], sizeof Y[0]);
        again = saved(loaded, projection, &bytes_again);
        assert_int_equal(bytes_again, bytes);
        assert_memory_equal(buffer, again, bytes);
        free(again);
        free(buffer);
        snnk_network_free(loaded);
    }
    snnk_network_free(network);
}

static void test_round_trip_of_every_form(void **state) {
    (void)state;
    for (int which = 0; which < FRAMES; which++)
        for (int32_t form = 0; form <= SNNK_URF_COMPLEX; form++)
            for (int32_t affine = SNNK_URF_AFFINE_EXACT; affine <= SNNK_URF_AFFINE_OMIT; affine++)
                for (int32_t hyperbolic = 0; hyperbolic < 2; hyperbolic++) {
                    snnk_urf_config config = defaults();

                    config.form = form;
                    config.angle = 0.1 + 0.2; /* needs 17 digits */
                    config.affine = affine;
                    config.hyperbolic = hyperbolic;
                    config.atoms = (which + form) % 3;
                    config.A = form == 1 ? SNNK_A_OPTIMAL : form == 2 ? -0.3 : 0.05;
                    snnk_map *map = make_map(&config, which);
                    assert_round_trip(map);
                    snnk_map_free(map);
                }
}

/* Every projection is stored by its name, also given rows; and exp, whose rate is real. */
static void test_round_trip_of_every_projection(void **state) {
    float G[M * D];
    snnk_urf_config config = defaults();
    snnk_spectrum *spectrum = make_spectrum();
    snnk_map *map;

    (void)state;
    for (int32_t p = 0; p <= SNNK_PROJECTION_SOBOL; p++) {
        if (p == SNNK_PROJECTION_GIVEN) continue;
        config.projection = p;
        map = make_map(&config, 2);
        assert_round_trip(map);
        snnk_map_free(map);
    }
    draw_floats(G, M * D, 9);
    config.affine = SNNK_URF_AFFINE_SKETCH;
    assert_ok(snnk_map_create_urf_from_rows(D, spectrum, M, G, D, &config, NULL, &map));
    assert_round_trip(map);
    snnk_map_free(map);
    config = defaults();
    assert_ok(snnk_map_create_softmax(D, &config, NULL, &map));
    assert_round_trip(map);
    snnk_map_free(map);
    snnk_spectrum_free(spectrum);
}

/* A line only, exact and sketched. */
static void test_round_trip_of_a_line(void **state) {
    snnk_urf_config config = defaults();
    snnk_spectrum *spectrum;

    (void)state;
    assert_ok(
        snnk_spectrum_create_from_atoms(0, NULL, NULL, NULL, -0.25, 1.0 / 3, NULL, &spectrum));
    for (int which = 0; which < FRAMES; which++)
        for (int32_t affine = SNNK_URF_AFFINE_EXACT; affine <= SNNK_URF_AFFINE_SKETCH; affine++) {
            snnk_frame *frame = make_frame(which);
            snnk_map *map = NULL;

            config.affine = affine;
            assert_ok(snnk_map_create_urf(D, spectrum, &config, frame, &map));
            assert_round_trip(map);
            snnk_map_free(map);
            snnk_frame_free(frame);
        }
    snnk_spectrum_free(spectrum);
}

/* Layers of several kinds, each with blocks of several kinds. */
static int make_network(const snnk_allocator *allocator, snnk_network **network) {
    snnk_urf_config config = defaults();
    snnk_map_config plain;
    snnk_spectrum *spectrum = make_spectrum();
    snnk_frame *frame = make_frame(3);
    snnk_map *parts[3] = {NULL}, *map = NULL;
    snnk_layer *layers[3] = {NULL};
    snnk_network *made = NULL;
    float Psi[D * (2 * M + 10)];
    int st;

    assert_ok(snnk_map_config_init(&plain, sizeof plain));
    config.allocator = plain.allocator = allocator;
    config.affine = SNNK_URF_AFFINE_SKETCH;
    plain.features = 10;
    plain.kind = SNNK_MAP_GAUSSIAN;
    plain.projection_scale = 0.1 + 0.2;
    st = snnk_map_create_urf(D, spectrum, &config, frame, &parts[0]);
    if (st == SNNK_OK) st = snnk_map_create(D, &plain, NULL, &parts[1]);
    config.affine = SNNK_URF_AFFINE_EXACT;
    if (st == SNNK_OK) st = snnk_map_create_urf(D, spectrum, &config, NULL, &parts[2]);
    if (st == SNNK_OK) st = snnk_map_concat(3, (const snnk_map *const *)parts, &map);
    const size_t m = snnk_map_features(map); /* 0 for NULL */
    draw_floats(Psi, D * m, 4);
    if (st == SNNK_OK) st = snnk_layer_create(map, D, Psi, m, W, &layers[0]);
    if (st == SNNK_OK) st = snnk_layer_create_from_weights(parts[0], L, W, D, b, &layers[1]);
    if (st == SNNK_OK)
        st = snnk_layer_create_dense(L, L, W, L, b, SNNK_TANH, allocator, &layers[2]);
    if (st == SNNK_OK) st = snnk_network_create(allocator, &made);
    for (size_t i = 0; st == SNNK_OK && i < 3; i++) st = snnk_network_append(made, layers[i]);
    for (size_t i = 0; i < 3; i++) {
        snnk_layer_free(layers[i]);
        snnk_map_free(parts[i]);
    }
    snnk_map_free(map);
    snnk_frame_free(frame);
    snnk_spectrum_free(spectrum);
    if (st == SNNK_OK)
        *network = made;
    else
        snnk_network_free(made);
    return st;
}

static void test_round_trip_of_several_layers(void **state) {
    snnk_network *network, *loaded;
    float Y[2][N * L];

    (void)state;
    assert_ok(make_network(NULL, &network));
    assert_ok(snnk_network_forward(network, N, X, D, Y[0], L, NULL));
    for (int32_t projection = 0; projection < 2; projection++) {
        size_t bytes;
        void *buffer = saved(network, projection, &bytes);

        assert_ok(snnk_network_load_memory(buffer, bytes, NULL, &loaded));
        assert_ok(snnk_network_forward(loaded, N, X, D, Y[1], L, NULL));
        assert_memory_equal(Y[0], Y[1], sizeof Y[0]);
        assert_int_equal(snnk_network_parameters(loaded), snnk_network_parameters(network));
        snnk_network_free(loaded);
        free(buffer);
    }
    snnk_network_free(network);
}

/* 0.1 + 0.2 is not 0.3, and rows drawn again from a file that says 0.3 would be different. */
static void test_numbers_keep_all_their_bits(void **state) {
    static const double awkward[] = {0.1 + 0.2, 1.0 / 3, 1e-30, 0x1.fffffffffffffp-3, 5e29};
    snnk_map_config config;

    (void)state;
    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.features = 6;
    for (size_t i = 0; i < sizeof awkward / sizeof *awkward; i++) {
        float Psi[6] = {0}, G[2][6 * D];
        snnk_map *map;
        snnk_layer *layer;
        snnk_network *network, *loaded;
        snnk_map_config read;
        size_t bytes;
        void *buffer;

        config.projection_scale = awkward[i];
        config.floor = -awkward[i] / 1e16;
        assert_ok(snnk_map_create(D, &config, NULL, &map));
        assert_ok(snnk_layer_create(map, 1, Psi, 6, NULL, &layer));
        assert_ok(snnk_network_create(NULL, &network));
        assert_ok(snnk_network_append(network, layer));
        buffer = saved(network, SNNK_SAVE_SEED, &bytes);
        assert_ok(snnk_network_load_memory(buffer, bytes, NULL, &loaded));
        const snnk_map *is = snnk_layer_map(snnk_network_layer(loaded, 0));
        assert_ok(snnk_map_config_init(&read, sizeof read));
        assert_ok(snnk_map_block_config(is, 0, &read));
        assert_true(read.projection_scale == config.projection_scale);
        assert_true(read.floor == config.floor);
        assert_ok(snnk_map_block_rows(map, 0, G[0], D, NULL));
        assert_ok(snnk_map_block_rows(is, 0, G[1], D, NULL));
        assert_memory_equal(G[0], G[1], sizeof G[0]);
        free(buffer);
        snnk_network_free(loaded);
        snnk_network_free(network);
        snnk_layer_free(layer);
        snnk_map_free(map);
    }
}

/* Every truncation, and a changed bit in every byte. */
static void test_refuses_damaged_files(void **state) {
    snnk_network *network, *loaded;
    size_t bytes;
    unsigned char *buffer;

    (void)state;
    assert_ok(make_network(NULL, &network));
    buffer = saved(network, SNNK_SAVE_ROWS, &bytes);
    for (size_t n = 0; n < bytes; n += n < 200 ? 1 : 97) {
        const int st = snnk_network_load_memory(buffer, n, NULL, &loaded);

        assert_true(st == SNNK_E_TRUNCATED || st == SNNK_E_FORMAT);
        assert_null(loaded);
    }
    for (size_t i = 0; i < bytes; i += 7) {
        buffer[i] ^= (unsigned char)(1 << i % 8);
        assert_int_not_equal(snnk_network_load_memory(buffer, bytes, NULL, &loaded), SNNK_OK);
        assert_null(loaded);
        buffer[i] ^= (unsigned char)(1 << i % 8);
    }
    free(buffer);
    snnk_network_free(network);
}

static void test_survives_failing_allocations(void **state) {
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_network *network;
    size_t bytes;
    void *buffer;
    int status = SNNK_OK;

    (void)state;
    assert_ok(make_network(NULL, &network));
    buffer = saved(network, SNNK_SAVE_SEED, &bytes);
    snnk_network_free(network);
    assert_survives_failing_allocations(memory, status, {
        network = NULL;
        status = snnk_network_load_memory(buffer, bytes, &allocator, &network);
        assert_made(status, network);
        snnk_network_free(network);
    });
    assert_survives_failing_allocations(memory, status, {
        network = NULL;
        status = make_network(&allocator, &network);
        if (status == SNNK_OK) status = snnk_network_save_memory(network, 1, buffer, bytes);
        snnk_network_free(network);
    });
    free(buffer);
}

/* ---- Format 1, as another program writes it ---- */

/* Features are sums of a few products in float, of numbers below 4, and functions that the kernels
 * compute to a few units in the last place: 1e-5 is 40 such units. Outputs are sums of 40
 * features. */
#define GOLDEN_RTOL 1e-5
#define GOLDEN_ATOL 1e-5

static void test_loads_format_1(void **state) {
    enum { D1 = MODEL_1_INPUTS, M1 = MODEL_1_FEATURES, L1 = MODEL_1_OUTPUTS, ROWS = 2 };
    float Phi[ROWS * M1], Y[ROWS * L1], Psi[M1], bias;
    snnk_network *network;
    snnk_map_config config;

    (void)state;
    assert_ok(snnk_network_load_memory(model_1, sizeof model_1, NULL, &network));
    assert_string_equal(snnk_network_note(network, "units"), "m/s, \xc3\xa9");
    const snnk_map *map = snnk_layer_map(snnk_network_layer(network, 0));
    assert_int_equal(snnk_map_features(map), M1);
    assert_ok(snnk_map_input_tower(map, ROWS, model_1_x, D1, Phi, M1, NULL));
    for (size_t i = 0; i < ROWS * M1; i++)
        assert_close(Phi[i], model_1_phi[i], GOLDEN_RTOL, GOLDEN_ATOL);
    assert_ok(snnk_map_weight_tower(map, 1, model_1_w, D1, NULL, Psi, M1, &bias, NULL));
    for (size_t i = 0; i < M1; i++) assert_close(Psi[i], model_1_psi[i], GOLDEN_RTOL, GOLDEN_ATOL);
    assert_close(bias, model_1_bias, GOLDEN_RTOL, 0);
    assert_ok(snnk_network_forward(network, ROWS, model_1_x, D1, Y, L1, NULL));
    for (size_t i = 0; i < ROWS * L1; i++)
        assert_close(Y[i], model_1_y[i], GOLDEN_RTOL, GOLDEN_ATOL);
    assert_true(urf_of(map, 0)->facts.error == 0.001);
    assert_true(urf_of(map, 0)->facts.analyticity_halfwidth == 1.5707963267948966);
    assert_true(urf_of(map, 0)->atoms.atom[1].share == 0.3);
    assert_true(urf_of(map, 0)->frame->input_norm == 1.25);
    assert_true(line_of(map, 1)->frame->weight_norm == 0.75);
    assert_true(line_of(map, 1)->facts.error == 0.002);
    assert_true(isinf(line_of(map, 1)->facts.analyticity_halfwidth));
    assert_true(line_of(map, 2)->facts.error == 0.004);
    assert_true(isinf(line_of(map, 2)->facts.radius)); /* the file does not have it */
    assert_ok(snnk_map_config_init(&config, sizeof config));
    for (size_t k = 0; k < 7; k++) {
        static const int32_t kinds[] = {
            SNNK_MAP_URF,      SNNK_MAP_AFFINE,      SNNK_MAP_AFFINE,  SNNK_MAP_ARC_COSINE,
            SNNK_MAP_GAUSSIAN, SNNK_MAP_ELEMENTWISE, SNNK_MAP_IDENTITY};
        static const int32_t projections[] = {SNNK_PROJECTION_SIMPLEX, SNNK_PROJECTION_SOBOL,
                                              SNNK_PROJECTION_HD3,     SNNK_PROJECTION_GAUSSIAN,
                                              SNNK_PROJECTION_GIVEN,   SNNK_PROJECTION_ORTHOGONAL,
                                              SNNK_PROJECTION_GIVEN};

        assert_ok(snnk_map_block_config(map, k, &config));
        assert_int_equal(config.kind, kinds[k]);
        assert_int_equal(config.projection, projections[k]);
    }
    snnk_network_free(network);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip_of_every_form),
        cmocka_unit_test(test_round_trip_of_every_projection),
        cmocka_unit_test(test_round_trip_of_a_line),
        cmocka_unit_test(test_round_trip_of_several_layers),
        cmocka_unit_test(test_numbers_keep_all_their_bits),
        cmocka_unit_test(test_refuses_damaged_files),
        cmocka_unit_test(test_survives_failing_allocations),
        cmocka_unit_test(test_loads_format_1),
    };

    return cmocka_run_group_tests(tests, make_batch, NULL);
}
