/* Files of maps that are no rows of G (windows, scattering, MINIROCKET), with random changes and a
 * correct checksum: each is refused with a sentence, or gives a network that works. Run it with the
 * sanitizers. */
#include <stdlib.h>
#include <string.h>

#include "support/damage.h"
#include "support/draw.h"

enum { MUTATIONS = 1500, MOST_BYTES = 1 << 22, MOST_NUMBERS = 1 << 18, ROWS = 3, OUTPUTS = 2 };

/* ---- Files to start from ---- */

static snnk_map *window(void) {
    snnk_window_config config;
    float G[3 * 18], offsets[3];
    snnk_map *map;

    draw_floats(G, 3 * 18, 1);
    draw_floats(offsets, 3, 2);
    assert_ok(snnk_window_config_init(&config, sizeof config));
    config.height = 7;
    config.width = 6;
    config.channels = 2;
    config.patch_height = config.patch_width = 3;
    config.grid_height = config.grid_width = 2;
    assert_ok(snnk_map_create_window_from_filters(&config, 3, G, 18, offsets, &map));
    return map;
}

static snnk_map *scattering(void) {
    snnk_scattering_config config;
    snnk_map *map;

    assert_ok(snnk_scattering_config_init(&config, sizeof config));
    config.height = 6;
    config.width = 8;
    config.scales = config.angles = 2;
    assert_ok(snnk_map_create_scattering(&config, &map));
    return map;
}

static snnk_map *minirocket(void) {
    enum { LENGTH = 40, N = 5 };
    snnk_minirocket_config config;
    float X[N * LENGTH];
    snnk_map *map;

    draw_floats(X, N * LENGTH, 3);
    assert_ok(snnk_minirocket_config_init(&config, sizeof config));
    config.features = 252;
    assert_ok(snnk_map_create_minirocket(LENGTH, SNNK_ROWS(.n = N, .X = X), &config, &map));
    return map;
}

/* A network of one layer, as a file. The caller frees it. */
static void *file_of(snnk_map *map, size_t *bytes) {
    const size_t m = snnk_map_features(map);
    float *Psi = malloc(OUTPUTS * m * sizeof *Psi);
    snnk_network *network;
    snnk_layer *layer;
    void *file;

    draw_floats(Psi, OUTPUTS * m, 4);
    assert_ok(snnk_layer_create(map, OUTPUTS, Psi, m, NULL, &layer));
    assert_ok(snnk_network_create(NULL, &network));
    assert_ok(snnk_network_append(network, layer));
    assert_ok(snnk_network_saved_bytes(network, SNNK_SAVE_ROWS, bytes));
    file = malloc(*bytes);
    assert_ok(snnk_network_save_memory(network, SNNK_SAVE_ROWS, file, *bytes));
    snnk_network_free(network);
    snnk_layer_free(layer);
    snnk_map_free(map);
    free(Psi);
    return file;
}

/* ---- Changes ---- */

static size_t draw_below(uint64_t *state, size_t n) { return (size_t)(draw_bits(state) % n); }

static const char *const values[] = {"0",
                                     "-1",
                                     "1",
                                     "2",
                                     "3",
                                     "4",
                                     "5",
                                     "6",
                                     "7",
                                     "8",
                                     "16",
                                     "84",
                                     "168",
                                     "255",
                                     "4096",
                                     "65536",
                                     "2147483647",
                                     "2147483648",
                                     "4294967295",
                                     "4294967296",
                                     "9007199254740991",
                                     "9007199254740992",
                                     "18446744073709551615",
                                     "0.5",
                                     "1e-300",
                                     "1e30",
                                     "1e999",
                                     "null",
                                     "true",
                                     "false",
                                     "\"max\"",
                                     "\"gaussian\"",
                                     "\"exp\"",
                                     "[]",
                                     "{}"};

/* Change a text: the value behind a random colon, or a byte. */
static char *changed_description(const char *text, uint64_t *state) {
    const size_t length = strlen(text);
    char *out = malloc(length + 40);

    strcpy(out, text);
    if (draw_below(state, 3) == 0) {
        const size_t at = draw_below(state, length);

        out[at] = (char)(' ' + draw_below(state, 95));
        return out;
    }
    for (;;) {
        const char *colon = strchr(text + draw_below(state, length), ':');
        const char *value = values[draw_below(state, sizeof values / sizeof *values)];

        if (!colon) continue;
        sprintf(out + (colon + 1 - text), "%s%s", value, colon + 1 + strcspn(colon + 1, ",}"));
        return out;
    }
}

static void change_element(void *elements, size_t bytes, uint64_t *state) {
    static const uint32_t bits[] = {0,          1,          2,          6,          0x7F800000,
                                    0xFF800000, 0x7FC00000, 0x7F7FFFFF, 0xFFFFFFFF, 0x80000000};
    const uint32_t value = draw_below(state, 2)
                               ? bits[draw_below(state, sizeof bits / sizeof *bits)]
                               : (uint32_t)draw_bits(state);

    if (bytes >= 4)
        memcpy((char *)elements + draw_below(state, bytes / 4) * 4, &value, sizeof value);
}

/* Copy a file with some changes. The caller frees it. */
static void *mutated(const void *sound, size_t n_sound, uint64_t *state, size_t *bytes) {
    const size_t changes = 1 + draw_below(state, 3), what = draw_below(state, 4);
    snnk__safetensors_reader *reader;
    snnk__safetensors_writer writer;
    snnk_allocator allocator;
    void *elements[16], *file;
    size_t n;

    assert_ok(snnk__allocator_read(&allocator, NULL));
    assert_ok(snnk__model_open(sound, n_sound, &allocator, SNNK__MODEL_NETWORK, &reader));
    snnk__model_begin(&writer, &allocator, SNNK__MODEL_NETWORK);
    const char *now = snnk__safetensors_text(reader, "snnk.network");
    char *text = strcpy(malloc(strlen(now) + 1), now);

    for (size_t k = 0; what != 0 && k < changes; k++) {
        char *next = changed_description(text, state);

        free(text);
        text = next;
    }
    snnk__safetensors_add_text(&writer, "snnk.network", text);
    const snnk__safetensors_tensor *tensors = snnk__safetensors_tensors(reader, &n);
    const size_t chosen = draw_below(state, n);

    assert_true(n <= 16);
    for (size_t i = 0; i < n; i++) {
        size_t dims[2] = {0};

        elements[i] =
            malloc(tensors[i].bytes + 1); /* this machine is little-endian, as files are */
        memcpy(elements[i], tensors[i].data, tensors[i].bytes);
        memcpy(dims, tensors[i].dims, tensors[i].n_dims * sizeof *dims);
        if (i == chosen && what != 1) change_element(elements[i], tensors[i].bytes, state);
        if (i == chosen && what == 2 && tensors[i].n_dims == 2) { /* the other way round */
            dims[0] = tensors[i].dims[1];
            dims[1] = tensors[i].dims[0];
        } else if (i == chosen && what == 2) {
            dims[0] -= draw_below(state, dims[0]);
        }
        snnk__safetensors_add_tensor(&writer, tensors[i].name, tensors[i].dtype, tensors[i].n_dims,
                                     dims, elements[i]);
    }
    assert_ok(snnk__safetensors_written_bytes(&writer, bytes));
    file = malloc(*bytes);
    assert_ok(snnk__safetensors_write_memory(&writer, file, *bytes));
    snnk__safetensors_writer_free(&writer);
    snnk__safetensors_close(reader);
    for (size_t i = 0; i < n; i++) free(elements[i]);
    free(text);
    return file;
}

/* ---- Checks ---- */

/* No file here needs large blocks: those that ask for one are refused, which saves time. */
static void *small_alloc(size_t bytes, void *user) {
    (*(long *)user)++;
    return bytes <= MOST_BYTES ? malloc(bytes) : NULL;
}

static void small_free(void *pointer, void *user) {
    (void)user;
    free(pointer);
}

/* A network that was loaded can be run, saved, and loaded again. */
static void check_works(const snnk_network *network) {
    const size_t d = snnk_network_inputs(network), l = snnk_network_outputs(network);
    static const float sizes[] = {1, 1e18f, 1e-30f};
    snnk_network *again;
    size_t bytes;

    if (d <= MOST_NUMBERS && l <= MOST_NUMBERS) {
        float *X = malloc(ROWS * d * sizeof *X), *Y = malloc(ROWS * l * sizeof *Y),
              *other = malloc(ROWS * l * sizeof *other);

        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            draw_floats(X, ROWS * d, s);
            for (size_t k = 0; k < ROWS * d; k++) X[k] *= sizes[s];
            assert_ok(snnk_network_forward(network, ROWS, X, d, Y, l, NULL));
            assert_ok(snnk_network_forward(network, 1, X + d, d, other, l, NULL));
            assert_memory_equal(other, Y + l, l * sizeof *Y);
        }
        free(X);
        free(Y);
        free(other);
    }
    assert_ok(snnk_network_saved_bytes(network, SNNK_SAVE_ROWS, &bytes));
    void *file = malloc(bytes);

    assert_ok(snnk_network_save_memory(network, SNNK_SAVE_ROWS, file, bytes));
    assert_ok(snnk_network_load_memory(file, bytes, NULL, &again));
    snnk_network_free(again);
    free(file);
}

static void check_mutations(snnk_map *map, uint64_t seed) {
    size_t bytes, refused = 0;
    void *sound = file_of(map, &bytes);
    long calls = 0;
    const snnk_allocator small = {small_alloc, small_free, &calls};

    for (size_t k = 0; k < MUTATIONS; k++) {
        uint64_t state = seed + k;
        snnk_network *network;
        size_t n;
        void *file = mutated(sound, bytes, &state, &n);
        const int st = snnk_network_load_memory(file, n, &small, &network);

        if (st == SNNK_OK) {
            check_works(network);
        } else {
            refused++;
            assert_null(network);
            assert_true(st == SNNK_E_FORMAT || st == SNNK_E_NONFINITE || st == SNNK_E_SIZE ||
                        st == SNNK_E_NOMEM);
            assert_true(strlen(snnk_last_error()) > 0);
        }
        snnk_network_free(network);
        free(file);
    }
    /* Most changes are wrong, and some are not. */
    assert_true(refused > MUTATIONS / 2 && refused < MUTATIONS);
    free(sound);
}

static void test_windows(void **state) {
    (void)state;
    check_mutations(window(), 1000000);
}

static void test_scattering(void **state) {
    (void)state;
    check_mutations(scattering(), 2000000);
}

static void test_minirocket(void **state) {
    (void)state;
    check_mutations(minirocket(), 3000000);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_windows),
                                       cmocka_unit_test(test_scattering),
                                       cmocka_unit_test(test_minirocket)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
