/* src/model/map_file.c, scaling_file.c: maps and scalings saved and loaded. A loaded map is the
 * saved one in all that it can do, bit for bit; a loaded scaling goes on learning. */
#include <stdlib.h>

#include "support/alloc.h"
#include "support/compare.h"
#include "support/damage.h"
#include "support/draw.h"
#include "support/files.h"
#include "support/maps.h"

enum { D = 4, N = 30, L = 3 };

static float X[N * D], W[L * D], b[L];

static int make_rows(void **state) {
    (void)state;
    draw_floats(X, N * D, 1);
    draw_floats(W, L * D, 2);
    draw_floats(b, L, 3);
    for (size_t i = 0; i < N; i++) X[i * D] += 0.7F;
    return 0;
}

static snnk_scaling *learnt(int32_t mode, size_t rows) {
    snnk_scaling *scaling;

    assert_ok(snnk_scaling_create(D, mode, NULL, &scaling));
    assert_ok(snnk_scaling_add(scaling, SNNK_ROWS(.n = rows, .X = X)));
    return scaling;
}

static void *saved(const snnk_map *map, int32_t projection, size_t *bytes) {
    void *buffer;

    assert_ok(snnk_map_saved_bytes(map, projection, bytes));
    buffer = malloc(*bytes);
    assert_ok(snnk_map_save_memory(map, projection, buffer, *bytes));
    return buffer;
}

/* ---- The same map ---- */

/* What a call gave for either map: the same status, and the same bits. */
typedef struct outcome {
    int status;
    float *out;
    double number;
    snnk_prediction prediction;
} outcome;

typedef void (*question)(const snnk_map *map, size_t m, outcome *answer);

static void ask_input_tower(const snnk_map *map, size_t m, outcome *answer) {
    answer->status = snnk_map_input_tower(map, N, X, D, answer->out, m, NULL);
}

static void ask_weight_tower(const snnk_map *map, size_t m, outcome *answer) {
    answer->status =
        snnk_map_weight_tower(map, L, W, D, b, answer->out, m, answer->out + L * m, NULL);
    if (answer->status == SNNK_E_UNSUPPORTED) /* a symmetric kernel */
        answer->status =
            snnk_map_weight_tower(map, L, W, D, NULL, answer->out, m, answer->out + L * m, NULL);
}

static void ask_exact(const snnk_map *map, size_t m, outcome *answer) {
    (void)m;
    answer->status = snnk_map_exact(map, X, W, 0, &answer->number);
}

static void ask_gradient(const snnk_map *map, size_t m, outcome *answer) {
    (void)m;
    answer->status = snnk_map_gradient(map, X, answer->out, D);
}

static void ask_laplacian(const snnk_map *map, size_t m, outcome *answer) {
    answer->status = snnk_map_laplacian(map, N, X, D, answer->out, m, NULL);
}

static void ask_prediction(const snnk_map *map, size_t m, outcome *answer) {
    (void)m;
    answer->prediction.size = sizeof answer->prediction;
    answer->status = snnk_map_predict(map, SNNK_ROWS(.n = N, .X = X), L, W, D, NULL, NULL, 0, NULL,
                                      NULL, 0, &answer->prediction);
}

static void ask_redrawn(const snnk_map *map, size_t m, outcome *answer) {
    snnk_map *redrawn;

    answer->status = snnk_map_redraw(map, 77, 0, NULL, 0, &redrawn);
    if (redrawn) assert_ok(snnk_map_input_tower(redrawn, N, X, D, answer->out, m, NULL));
    snnk_map_free(redrawn);
}

static void ask_folded(const snnk_map *map, size_t m, outcome *answer) {
    snnk_map *folded;

    answer->status = snnk_map_fold(map, D, X, D, W, &folded);
    if (folded) assert_ok(snnk_map_input_tower(folded, N, X, D, answer->out, m, NULL));
    snnk_map_free(folded);
}

static const question questions[] = {ask_input_tower, ask_weight_tower, ask_exact,   ask_gradient,
                                     ask_laplacian,   ask_prediction,   ask_redrawn, ask_folded};

enum { QUESTIONS = sizeof questions / sizeof *questions };

/* Counts the answers that are results, so that a test knows that something was compared. */
static size_t n_answers[QUESTIONS];

static void assert_same_answers(const snnk_map *was, const snnk_map *is) {
    const size_t m = snnk_map_features(was), bytes = ((N + 1) * m * D + L) * sizeof(float);
    const snnk_map *const maps[2] = {was, is};

    for (size_t q = 0; q < QUESTIONS; q++) {
        outcome answers[2];

        memset(answers, 0, sizeof answers);
        for (int i = 0; i < 2; i++) {
            answers[i].out = calloc(1, bytes);
            questions[q](maps[i], m, &answers[i]);
        }
        assert_int_equal(answers[0].status, answers[1].status);
        assert_memory_equal(answers[0].out, answers[1].out, bytes);
        assert_memory_equal(&answers[0].number, &answers[1].number, sizeof(double));
        assert_memory_equal(&answers[0].prediction, &answers[1].prediction,
                            sizeof answers[0].prediction);
        if (answers[0].status == SNNK_OK) n_answers[q]++;
        for (int i = 0; i < 2; i++) free(answers[i].out);
    }
}

static void assert_same_blocks(const snnk_map *was, const snnk_map *is) {
    assert_int_equal(snnk_map_inputs(was), snnk_map_inputs(is));
    assert_int_equal(snnk_map_features(was), snnk_map_features(is));
    assert_int_equal(snnk_map_blocks(was), snnk_map_blocks(is));
    for (size_t k = 0; k < snnk_map_blocks(was); k++) {
        const size_t rows = snnk_map_block_row_count(was, k);
        const snnk_map *const maps[2] = {was, is};
        snnk_map_config configs[2];
        float *G[2];

        assert_int_equal(snnk_map_block_row_count(is, k), rows);
        memset(configs, 0, sizeof configs);
        for (int i = 0; i < 2; i++) {
            G[i] = malloc(rows * (D + 1) * sizeof *G[i]);
            assert_ok(snnk_map_config_init(&configs[i], sizeof configs[i]));
            assert_ok(snnk_map_block_config(maps[i], k, &configs[i]));
            assert_ok(snnk_map_block_rows(maps[i], k, G[i], D, G[i] + rows * D));
        }
        assert_memory_equal(&configs[0], &configs[1], sizeof configs[0]);
        assert_memory_equal(G[0], G[1], rows * (D + 1) * sizeof *G[0]);
        for (int i = 0; i < 2; i++) free(G[i]);
    }
}

/* Saved and loaded, with either projection; and saved again, to the same bytes. Releases the map.
 * Returns how many bytes a seed saves. */
static size_t check_round_trip(snnk_map *map) {
    size_t bytes[2], again_bytes;

    for (int32_t projection = SNNK_SAVE_ROWS; projection <= SNNK_SAVE_SEED; projection++) {
        void *buffer = saved(map, projection, &bytes[projection]), *again;
        snnk_map *loaded;

        assert_ok(snnk_map_load_memory(buffer, bytes[projection], NULL, &loaded));
        assert_same_blocks(map, loaded);
        assert_same_answers(map, loaded);
        again = saved(loaded, projection, &again_bytes);
        assert_int_equal(again_bytes, bytes[projection]);
        assert_memory_equal(again, buffer, again_bytes);
        free(again);
        free(buffer);
        snnk_map_free(loaded);
    }
    snnk_map_free(map);
    return bytes[SNNK_SAVE_ROWS] - bytes[SNNK_SAVE_SEED];
}

/* Only rows that a seed gives again on every machine are left out, and HD3 rows never stored. */
static void test_drawn_maps(void **state) {
    snnk_map_config configs[32];
    const size_t n = all_configs(configs);
    snnk_scaling *scaling = learnt(SNNK_SCALING_STANDARDIZE, N);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        const bool of_seed = configs[i].kind != SNNK_MAP_IDENTITY &&
                             (configs[i].projection == SNNK_PROJECTION_GAUSSIAN ||
                              configs[i].projection == SNNK_PROJECTION_SOBOL);

        configs[i].seed = UINT64_MAX; /* does not fit a double */
        for (int scaled = 0; scaled < 2; scaled++) {
            const size_t less = check_round_trip(map_of(D, &configs[i], scaled ? scaling : NULL));

            assert_true((less > 0) == of_seed);
        }
    }
    snnk_scaling_free(scaling);
}

static snnk_map *given_map(const snnk_scaling *scaling) {
    snnk_map *map;

    assert_ok(snnk_map_create_from_rows(D, N, X, D, X, NULL, scaling, &map));
    return map;
}

/* Two atoms, and a line, in a frame that centers inputs and weights. */
static snnk_map *urf_map(void) {
    static const double omega[] = {0.5, 1.5}, re[] = {0.3, 0.1}, im[] = {0.1, -0.4};

    return framed_urf_map(D, 24, 2, omega, re, im, 0.2F, 1);
}

static snnk_map *rbf_map(int32_t whiten, const snnk_scaling *scaling) {
    snnk_nystroem_config config;
    snnk_map *map;

    assert_ok(snnk_nystroem_config_init(&config, sizeof config));
    config.features = 5;
    config.whiten = whiten;
    assert_ok(snnk_map_create_nystroem(D, SNNK_ROWS(.n = N, .X = X), &config, scaling, &map));
    return map;
}

static snnk_map *window_map(int32_t pool) {
    snnk_window_config config;
    snnk_map *map;

    assert_ok(snnk_window_config_init(&config, sizeof config));
    config.height = config.width = 2;
    config.patch_height = config.grid_height = 1;
    config.patch_width = 2;
    config.grid_width = 1;
    config.features = 3;
    config.pool = pool;
    assert_ok(snnk_map_create_window(SNNK_ROWS(.n = N, .X = X), &config, &map));
    return map;
}

static snnk_map *folded(snnk_map *map) {
    snnk_map *made;

    assert_ok(snnk_map_fold(map, D, X, D, W, &made));
    snnk_map_free(map);
    return made;
}

enum { PARTS = 10 };

/* One of each kind of block, and the blocks of the first once more: they are shared. */
static snnk_map *all_kinds(void) {
    snnk_scaling *scaling = learnt(SNNK_SCALING_COMMON, N);
    snnk_map_config arc_cosine = config_of(SNNK_MAP_ARC_COSINE, 6),
                    hd3 = config_of(SNNK_MAP_GAUSSIAN, 6),
                    elementwise = config_of(SNNK_MAP_ELEMENTWISE, 3),
                    identity = config_of(SNNK_MAP_IDENTITY, 0);
    snnk_map *map;

    hd3.projection = SNNK_PROJECTION_HD3;
    elementwise.activation = SNNK_TANH;
    snnk_map *parts[PARTS] = {map_of(D, &arc_cosine, scaling),
                              map_of(D, &hd3, NULL),
                              map_of(D, &elementwise, scaling),
                              map_of(D, &identity, scaling),
                              urf_map(),
                              folded(urf_map()),
                              rbf_map(1, scaling),
                              window_map(SNNK_POOL_MEAN),
                              scattering_map(2, 2, 1),
                              NULL};
    parts[PARTS - 1] = snnk_map_retain(parts[0]);
    assert_ok(snnk_map_concat(PARTS, (const snnk_map *const *)parts, &map));
    for (size_t k = 0; k < PARTS; k++) snnk_map_free(parts[k]);
    snnk_scaling_free(scaling);
    return map;
}

static void test_other_maps(void **state) {
    snnk_scaling *scaling = learnt(SNNK_SCALING_STANDARDIZE, N);

    (void)state;
    check_round_trip(given_map(NULL));
    check_round_trip(given_map(scaling));
    check_round_trip(folded(given_map(scaling)));
    check_round_trip(urf_map());
    check_round_trip(folded(urf_map()));
    check_round_trip(folded(folded(urf_map())));
    for (int32_t whiten = 0; whiten < 2; whiten++) {
        check_round_trip(rbf_map(whiten, NULL));
        check_round_trip(rbf_map(whiten, scaling));
    }
    for (int32_t pool = 0; pool <= SNNK_POOL_MAX; pool++) check_round_trip(window_map(pool));
    check_round_trip(scattering_map(2, 2, 1));
    check_round_trip(all_kinds());
    snnk_scaling_free(scaling);
}

/* The comparisons above compared something: each question had results for some map, saved with
 * either projection. */
static void test_asked_all(void **state) {
    (void)state;
    for (size_t q = 0; q < QUESTIONS; q++) assert_true(n_answers[q] >= 2);
}

/* A loaded map outlives the file, and layers are made of it. */
static void test_path_of_a_map(void **state) {
    snnk_map *map = all_kinds(), *loaded;
    snnk_layer *layer;
    test_files files;

    (void)state;
    test_files_make(&files);
    assert_ok(snnk_map_save(map, test_path(&files, "map"), SNNK_SAVE_ROWS));
    assert_ok(snnk_map_load(files.path, NULL, &loaded));
    assert_same_answers(map, loaded);
    assert_ok(snnk_layer_create_tower(loaded, &layer));
    snnk_map_free(loaded);
    assert_int_equal(snnk_layer_outputs(layer), snnk_map_features(map));
    snnk_layer_free(layer);
    test_files_remove(&files);
    snnk_map_free(map);
}

/* ---- Scalings ---- */

static void *scaling_saved(const snnk_scaling *scaling, size_t *bytes) {
    void *buffer;

    assert_ok(snnk_scaling_saved_bytes(scaling, bytes));
    buffer = malloc(*bytes);
    assert_ok(snnk_scaling_save_memory(scaling, buffer, *bytes));
    return buffer;
}

static void assert_same_scaling(const snnk_scaling *was, const snnk_scaling *is) {
    double numbers[2][2 * D] = {{0}};
    const int st = snnk_scaling_get(was, numbers[0], numbers[0] + D);

    assert_int_equal(snnk_scaling_get(is, numbers[1], numbers[1] + D), st);
    assert_memory_equal(numbers[0], numbers[1], sizeof numbers[0]);
    assert_int_equal(snnk_scaling_inputs(was), snnk_scaling_inputs(is));
    assert_int_equal(snnk_scaling_rows(was), snnk_scaling_rows(is));
    assert_int_equal(snnk_scaling_get_mode(was), snnk_scaling_get_mode(is));
}

/* Releases the scaling. One that learns takes the rows from `rows` on. */
static void check_scaling(snnk_scaling *scaling, size_t rows) {
    const snnk_rows *more = SNNK_ROWS(.n = N - rows, .X = X + rows * D);
    snnk_scaling *loaded;
    size_t bytes, again_bytes;
    void *buffer = scaling_saved(scaling, &bytes), *again;

    assert_ok(snnk_scaling_load_memory(buffer, bytes, NULL, &loaded));
    assert_same_scaling(scaling, loaded);
    again = scaling_saved(loaded, &again_bytes);
    assert_int_equal(again_bytes, bytes);
    assert_memory_equal(again, buffer, bytes);
    if (snnk_scaling_get_mode(scaling) == SNNK_SCALING_GIVEN) {
        assert_status(snnk_scaling_add(loaded, more), SNNK_E_STATE);
    } else {
        assert_ok(snnk_scaling_add(scaling, more));
        assert_ok(snnk_scaling_add(loaded, more));
        assert_same_scaling(scaling, loaded);
    }
    free(again);
    free(buffer);
    snnk_scaling_free(loaded);
    snnk_scaling_free(scaling);
}

static const double given_mean[D] = {1.0 / 3, -1e30, 0, 5}, given_scale[D] = {1e-30, 0.1, 1, 7};

static snnk_scaling *given_scaling(void) {
    snnk_scaling *scaling;

    assert_ok(snnk_scaling_create_given(D, given_mean, given_scale, NULL, &scaling));
    return scaling;
}

static void test_scalings(void **state) {
    static const size_t rows[] = {0, 1, 2, N / 2};

    (void)state;
    for (int32_t mode = 0; mode < SNNK_SCALING_GIVEN; mode++)
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
            check_scaling(learnt(mode, rows[r]), rows[r]);
    check_scaling(given_scaling(), 0);
}

static void test_scaling_path(void **state) {
    snnk_scaling *scaling = learnt(SNNK_SCALING_COMMON, N), *loaded;
    test_files files;

    (void)state;
    test_files_make(&files);
    assert_ok(snnk_scaling_save(scaling, test_path(&files, "scaling")));
    assert_ok(snnk_scaling_load(files.path, NULL, &loaded));
    assert_same_scaling(scaling, loaded);
    snnk_scaling_free(loaded);
    test_files_remove(&files);
    snnk_scaling_free(scaling);
}

/* ---- Files of other objects ---- */

typedef struct file {
    const char *kind;
    void *bytes;
    size_t size;
} file;

enum { KINDS = 6 };

#define SAVED(noun, object, ...)                                                                   \
    assert_ok(snnk_##noun##_saved_bytes(object, __VA_ARGS__ &files[k].size));                      \
    files[k].bytes = malloc(files[k].size);                                                        \
    assert_ok(snnk_##noun##_save_memory(object, __VA_ARGS__ files[k].bytes, files[k].size));       \
    files[k++].kind = #noun

/* A file of each kind. */
static void make_files(file files[KINDS]) {
    snnk_scaling *scaling = given_scaling();
    snnk_map *map = given_map(NULL);
    snnk_network *network;
    snnk_layer *layer;
    snnk_lstsq *lstsq;
    snnk_rls *rls;
    snnk_fit *fit;
    size_t k = 0;

    assert_ok(snnk_layer_create_tower(map, &layer));
    assert_ok(snnk_network_create(NULL, &network));
    assert_ok(snnk_network_append(network, layer));
    assert_ok(snnk_lstsq_create(D, 1, NULL, &lstsq));
    assert_ok(snnk_rls_create(D, 1, 1, 1, NULL, &rls));
    assert_ok(snnk_fit_create(map, 1, NULL, &fit));
    SAVED(network, network, SNNK_SAVE_ROWS, );
    SAVED(lstsq, lstsq, );
    SAVED(rls, rls, );
    SAVED(fit, fit, );
    SAVED(map, map, SNNK_SAVE_ROWS, );
    SAVED(scaling, scaling, );
    assert_int_equal(k, KINDS);
    snnk_fit_free(fit);
    snnk_rls_free(rls);
    snnk_lstsq_free(lstsq);
    snnk_network_free(network);
    snnk_layer_free(layer);
    snnk_map_free(map);
    snnk_scaling_free(scaling);
}

/* Load a file by the loader of kind `wanted`; it gives NULL on failure. */
static int load_as(const char *wanted, const file *f) {
#define TRY(noun)                                                                                  \
    if (strcmp(wanted, #noun) == 0) {                                                              \
        snnk_##noun *made;                                                                         \
        const int st = snnk_##noun##_load_memory(f->bytes, f->size, NULL, &made);                  \
                                                                                                   \
        assert_made(st, made);                                                                     \
        snnk_##noun##_free(made);                                                                  \
        return st;                                                                                 \
    }
    TRY(network)
    TRY(lstsq)
    TRY(rls)
    TRY(fit)
    TRY(map)
    TRY(scaling)
#undef TRY
    return SNNK_E_INTERNAL;
}

/* What the file is, what was wanted, and what loads it. */
static void test_files_of_others(void **state) {
    file files[KINDS];
    char text[80];

    (void)state;
    make_files(files);
    for (size_t i = 0; i < KINDS; i++)
        for (size_t k = 0; k < KINDS; k++) {
            const int st = load_as(files[k].kind, &files[i]);

            assert_status(st, i == k ? SNNK_OK : SNNK_E_FORMAT);
            if (i == k) continue;
            snprintf(text, sizeof text, "holds a \"%s\", not a \"%s\": load it with snnk_%s_load",
                     files[i].kind, files[k].kind, files[i].kind);
            assert_says(text);
        }
    for (size_t k = 0; k < KINDS; k++) free(files[k].bytes);
}

/* ---- Damage ---- */

/* A buffer of just that size, so that a sanitizer notices the first byte too many. */
static int load_copy(const void *bytes, size_t size, snnk_map **map) {
    void *copy = malloc(size + (size == 0));
    int st;

    memcpy(copy, bytes, size);
    st = snnk_map_load_memory(copy, size, NULL, map);
    free(copy);
    return st;
}

/* A bit flipped in any byte: a status, or the same map, where the byte says nothing (a space of the
 * header). Cut at any byte: a status. */
static void test_any_byte(void **state) {
    snnk_map *map = all_kinds(), *loaded;
    size_t bytes, again_bytes, n_loaded = 0;
    unsigned char *buffer = saved(map, SNNK_SAVE_SEED, &bytes);
    void *again;

    (void)state;
    for (size_t i = 0; i < bytes; i++) {
        const unsigned char flip = (unsigned char)(1 << i % 8);

        buffer[i] ^= flip;
        const int st = load_copy(buffer, bytes, &loaded);
        buffer[i] ^= flip;
        assert_made(st, loaded);
        if (loaded) {
            again = saved(loaded, SNNK_SAVE_SEED, &again_bytes);
            assert_int_equal(again_bytes, bytes);
            assert_memory_equal(again, buffer, bytes);
            free(again);
            n_loaded++;
        }
        snnk_map_free(loaded);
        assert_true(load_copy(buffer, i, &loaded) != SNNK_OK);
        assert_null(loaded);
    }
    assert_true(n_loaded < 64); /* spaces that pad the header */
    free(buffer);
    snnk_map_free(map);
}

typedef struct edit {
    const char *key, *from, *to, *tensor, *says;
} edit;

/* Blocks of a map are read as those of a network, whose damage has tests of its own; here what
 * maps have beside them. */
static void test_edited_maps(void **state) {
    static const edit edits[] = {
        {"snnk.map", "{", "{,", NULL, "\"snnk.map\" is not JSON"},
        {"snnk.map", "\"inputs\":4", "\"inputs\":0", NULL, "\"inputs\" is 0"},
        {"snnk.map", "\"inputs\":4", "\"inputs\":3", NULL, "block 0: "},
        {"snnk.map", "\"inputs\":4", "\"inputs\":1e9", NULL, "block 0: "},
        {"snnk.map", "\"inputs\":4", "\"inputs\":-4", NULL, "inputs"},
        {"snnk.map", "\"inputs\":4", "\"inputs\":1e999", NULL, "inputs"},
        {"snnk.map", "\"inputs\":4", "\"input\":4", NULL, "\"inputs\" is missing"},
        {"snnk.map", "\"blocks\":", "\"block\":", NULL, "\"blocks\" is missing"},
        {"snnk.map", "\"blocks\":[", "\"blocks\":[1,", NULL, "block 0: \"features\""},
        {"snnk.map", "\"blocks\":[", "\"blocks\":[],\"b\":[", NULL, "\"blocks\" is missing"},
        {"snnk.map", "\"features\":6", "\"features\":0", NULL, "block 0: \"features\" is 0"},
        {"snnk.map", "\"features\":6", "\"features\":1e15", NULL, "block 0: "},
        {"snnk.map", "\"arc_cosine\"", "\"cosine\"", NULL, "\"cosine\""},
        {"snnk.kind", "map", "mop", NULL, "holds a \"mop\", not a \"map\""},
        {"snnk.kind", "map", "", NULL, "not a \"map\""},
        {NULL, NULL, NULL, "blocks.0.G", "block 0: "},
        {NULL, NULL, NULL, "blocks.11.G", "block 11: "},
    };
    snnk_map *map = all_kinds(), *loaded;
    size_t bytes, edited_bytes;
    void *buffer = saved(map, SNNK_SAVE_ROWS, &bytes);

    (void)state;
    for (size_t k = 0; k < sizeof edits / sizeof *edits; k++) {
        const edit *e = &edits[k];
        void *edited = edited_file(buffer, bytes, e->key, e->from, e->to, e->tensor, &edited_bytes);

        assert_status(snnk_map_load_memory(edited, edited_bytes, NULL, &loaded), SNNK_E_FORMAT);
        assert_says(e->says);
        assert_null(loaded);
        free(edited);
    }
    free(buffer);
    snnk_map_free(map);
}

/* What a small file can ask for is bounded: 2^28 numbers to draw. */
static void test_bounded_draws(void **state) {
    snnk_map_config config = config_of(SNNK_MAP_ARC_COSINE, 6);
    snnk_map *map, *loaded;
    size_t bytes, edited_bytes;
    void *buffer, *edited;

    (void)state;
    config.projection = SNNK_PROJECTION_GAUSSIAN;
    map = map_of(D, &config, NULL);
    buffer = saved(map, SNNK_SAVE_SEED, &bytes);
    edited = edited_file(buffer, bytes, "snnk.map", "\"features\":6", "\"features\":67108865", NULL,
                         &edited_bytes);
    assert_status(snnk_map_load_memory(edited, edited_bytes, NULL, &loaded), SNNK_E_SIZE);
    assert_says("random numbers, but may ask for");
    assert_null(loaded);
    free(edited);
    free(buffer);
    snnk_map_free(map);
}

/* A scaling written by hand. */
typedef struct crafted {
    const char *record, *rows, *name; /* the name of the second tensor */
    size_t inputs;
    double mean[2], scale[2];
} crafted;

static int load_crafted(const crafted *c) {
    snnk_allocator memory;
    snnk__safetensors_writer writer;
    snnk_scaling *scaling;
    size_t bytes;
    void *buffer;
    int st;

    assert_ok(snnk__allocator_read(&memory, NULL));
    snnk__model_begin(&writer, &memory, SNNK__MODEL_SCALING);
    if (c->record) snnk__safetensors_add_text(&writer, "snnk.scaling", c->record);
    if (c->rows) snnk__safetensors_add_text(&writer, "snnk.rows", c->rows);
    snnk__safetensors_add_tensor(&writer, "mean", SNNK__DTYPE_F64, 1, &c->inputs, c->mean);
    snnk__safetensors_add_tensor(&writer, c->name, SNNK__DTYPE_F64, 1, &c->inputs, c->scale);
    assert_ok(snnk__safetensors_written_bytes(&writer, &bytes));
    buffer = malloc(bytes);
    assert_ok(snnk__safetensors_write_memory(&writer, buffer, bytes));
    snnk__safetensors_writer_free(&writer);
    st = snnk_scaling_load_memory(buffer, bytes, NULL, &scaling);
    assert_made(st, scaling);
    snnk_scaling_free(scaling);
    free(buffer);
    return st;
}

static void test_damaged_scalings(void **state) {
#define SUMS  "squared_deviations"
#define LEARN "{\"mode\":\"center\",\"inputs\":2}"
#define GIVEN "{\"mode\":\"given\",\"inputs\":2}"
    static const crafted sound[] = {{LEARN, "3", SUMS, 2, {5, -6}, {0, 2}},
                                    {LEARN, "0", SUMS, 2, {0, 0}, {0, 0}},
                                    {GIVEN, "0", "scale", 2, {5, -6}, {1, 2}}};
    static const struct {
        crafted file;
        int status;
        const char *says;
    } damaged[] = {
        {{NULL, "3", SUMS, 2, {5, -6}, {0, 2}}, SNNK_E_FORMAT, "\"snnk.scaling\" is missing"},
        {{"[", "3", SUMS, 2, {5, -6}, {0, 2}}, SNNK_E_FORMAT, "not JSON"},
        {{"{\"mode\":\"median\",\"inputs\":2}", "3", SUMS, 2, {5, -6}, {0, 2}},
         SNNK_E_FORMAT,
         "\"median\""},
        {{"{\"mode\":\"center\"}", "3", SUMS, 2, {5, -6}, {0, 2}}, SNNK_E_FORMAT, "inputs"},
        {{"{\"mode\":\"center\",\"inputs\":0}", "3", SUMS, 0, {0}, {0}},
         SNNK_E_FORMAT,
         "\"inputs\" is 0"},
        {{"{\"mode\":\"center\",\"inputs\":1e15}", "3", SUMS, 2, {5, -6}, {0, 2}},
         SNNK_E_FORMAT,
         "mean"},
        {{LEARN, NULL, SUMS, 2, {5, -6}, {0, 2}}, SNNK_E_FORMAT, "snnk.rows"},
        {{LEARN, "-3", SUMS, 2, {5, -6}, {0, 2}}, SNNK_E_FORMAT, "snnk.rows"},
        {{LEARN, "3", "scale", 2, {5, -6}, {0, 2}}, SNNK_E_FORMAT, SUMS},
        {{LEARN, "3", SUMS, 1, {5}, {0}}, SNNK_E_FORMAT, "mean"},
        {{LEARN, "3", SUMS, 2, {5, -6}, {0, -2}}, SNNK_E_FORMAT, SUMS "[1] = -2"},
        {{LEARN, "3", SUMS, 2, {5, NAN}, {0, 2}}, SNNK_E_NONFINITE, "mean"},
        {{LEARN, "3", SUMS, 2, {5, -6}, {INFINITY, 2}}, SNNK_E_NONFINITE, SUMS},
        {{LEARN, "0", SUMS, 2, {0, -6}, {0, 0}}, SNNK_E_FORMAT, "input 1"},
        {{LEARN, "0", SUMS, 2, {0, 0}, {2, 0}}, SNNK_E_FORMAT, "input 0"},
        {{GIVEN, "3", "scale", 2, {5, -6}, {1, 2}}, SNNK_E_FORMAT, "3 rows"},
        {{GIVEN, "0", SUMS, 2, {5, -6}, {1, 2}}, SNNK_E_FORMAT, "scale"},
        {{GIVEN, "0", "scale", 2, {5, -6}, {1, 0}}, SNNK_E_FORMAT, "scale[1] = 0"},
        {{GIVEN, "0", "scale", 2, {2e30, -6}, {1, 1}}, SNNK_E_FORMAT, "mean[0] = 2e+30"},
    };

    (void)state;
    for (size_t k = 0; k < sizeof sound / sizeof *sound; k++) assert_ok(load_crafted(&sound[k]));
    for (size_t k = 0; k < sizeof damaged / sizeof *damaged; k++) {
        assert_status(load_crafted(&damaged[k].file), damaged[k].status);
        assert_says(damaged[k].says);
    }
}

/* ---- Misuse, and memory that runs out ---- */

static void test_misuse(void **state) {
    snnk_map *map = given_map(NULL), *kept = map;
    snnk_scaling *scaling = given_scaling(), *other = scaling;
    size_t bytes = 77;
    char byte = 0;

    (void)state;
    assert_status(snnk_map_saved_bytes(NULL, 0, &bytes), SNNK_E_NULL);
    assert_status(snnk_map_saved_bytes(map, 0, NULL), SNNK_E_NULL);
    assert_status(snnk_map_saved_bytes(map, 2, &bytes), SNNK_E_ENUM);
    assert_status(snnk_map_saved_bytes(map, -1, &bytes), SNNK_E_ENUM);
    assert_status(snnk_map_save_memory(NULL, 0, &byte, 1), SNNK_E_NULL);
    assert_status(snnk_map_save_memory(map, 0, NULL, 1), SNNK_E_NULL);
    assert_status(snnk_map_save_memory(map, 0, &byte, 1), SNNK_E_SIZE);
    assert_status(snnk_map_save(map, NULL, 0), SNNK_E_NULL);
    assert_status(snnk_map_save(NULL, "x", 0), SNNK_E_NULL);
    assert_status(snnk_map_save(map, "/nowhere/at/all", 0), SNNK_E_IO);
    assert_status(snnk_map_load_memory(&byte, 1, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_map_load_memory(NULL, 1, NULL, &kept), SNNK_E_NULL);
    assert_null(kept);
    kept = map;
    assert_status(snnk_map_load_memory(&byte, 1, NULL, &kept), SNNK_E_TRUNCATED);
    assert_null(kept);
    kept = map;
    assert_status(snnk_map_load("/nowhere/at/all", NULL, &kept), SNNK_E_IO);
    assert_says("/nowhere/at/all");
    assert_null(kept);
    assert_status(snnk_map_load("x", NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_map_load(NULL, NULL, &kept), SNNK_E_NULL);

    assert_status(snnk_scaling_saved_bytes(NULL, &bytes), SNNK_E_NULL);
    assert_status(snnk_scaling_saved_bytes(scaling, NULL), SNNK_E_NULL);
    assert_status(snnk_scaling_save_memory(NULL, &byte, 1), SNNK_E_NULL);
    assert_status(snnk_scaling_save_memory(scaling, NULL, 1), SNNK_E_NULL);
    assert_status(snnk_scaling_save_memory(scaling, &byte, 1), SNNK_E_SIZE);
    assert_status(snnk_scaling_save(scaling, NULL), SNNK_E_NULL);
    assert_status(snnk_scaling_load_memory(&byte, 1, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_scaling_load_memory(NULL, 1, NULL, &other), SNNK_E_NULL);
    assert_null(other);
    other = scaling;
    assert_status(snnk_scaling_load("/nowhere/at/all", NULL, &other), SNNK_E_IO);
    assert_null(other);
    assert_status(snnk_scaling_load("x", NULL, NULL), SNNK_E_NULL);
    assert_int_equal(bytes, 77);
    assert_int_equal(byte, 0);
    snnk_scaling_free(scaling);
    snnk_map_free(map);
}

static void test_failing_memory(void **state) {
    test_memory memory = {.fail_after = -1};
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_map *map = all_kinds(), *loaded = NULL;
    size_t bytes, count;
    void *buffer = saved(map, SNNK_SAVE_SEED, &bytes);
    int st = SNNK_OK;

    (void)state;
    assert_survives_failing_allocations(memory, st, {
        st = snnk_map_load_memory(buffer, bytes, &allocator, &loaded);
        assert_made(st, loaded);
        snnk_map_free(loaded);
    });
    assert_ok(snnk_map_load_memory(buffer, bytes, &allocator, &loaded));
    assert_survives_failing_allocations(memory, st, {
        count = 0;
        st = snnk_map_saved_bytes(loaded, SNNK_SAVE_SEED, &count);
        assert_int_equal(count, st == SNNK_OK ? bytes : 0);
    });
    assert_survives_failing_allocations(
        memory, st, st = snnk_map_save_memory(loaded, SNNK_SAVE_SEED, buffer, bytes));
    snnk_map_free(loaded);
    assert_int_equal(memory.alive, 0);
    free(buffer);
    snnk_map_free(map);
}

static void test_failing_memory_of_scalings(void **state) {
    test_memory memory = {.fail_after = -1};
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_scaling *scaling = learnt(SNNK_SCALING_COMMON, N), *loaded = NULL;
    size_t bytes, count;
    void *buffer = scaling_saved(scaling, &bytes);
    int st = SNNK_OK;

    (void)state;
    assert_survives_failing_allocations(memory, st, {
        st = snnk_scaling_load_memory(buffer, bytes, &allocator, &loaded);
        assert_made(st, loaded);
        snnk_scaling_free(loaded);
    });
    assert_ok(snnk_scaling_load_memory(buffer, bytes, &allocator, &loaded));
    assert_survives_failing_allocations(memory, st, {
        count = 0;
        st = snnk_scaling_saved_bytes(loaded, &count);
        assert_int_equal(count, st == SNNK_OK ? bytes : 0);
    });
    snnk_scaling_free(loaded);
    assert_int_equal(memory.alive, 0);
    free(buffer);
    snnk_scaling_free(scaling);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drawn_maps),       cmocka_unit_test(test_other_maps),
        cmocka_unit_test(test_asked_all),        cmocka_unit_test(test_path_of_a_map),
        cmocka_unit_test(test_scalings),         cmocka_unit_test(test_scaling_path),
        cmocka_unit_test(test_files_of_others),  cmocka_unit_test(test_any_byte),
        cmocka_unit_test(test_edited_maps),      cmocka_unit_test(test_bounded_draws),
        cmocka_unit_test(test_damaged_scalings), cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_failing_memory),   cmocka_unit_test(test_failing_memory_of_scalings),
    };

    return cmocka_run_group_tests(tests, make_rows, NULL);
}
