/* Write the golden files of version 0.1.0: models with every kind of block, layer and statistics
 * (golden/NAME.safetensors), and the outputs they must give (golden/outputs.txt).
 *
 * This was run once, with the library of version 0.1.0. Never run it with a later one, and never
 * change the files: they define what models of 0.1 mean. A later format gets files of its own. The
 * program is kept to document the files, in the interface of 0.1.0; nothing builds it. It was run
 * from the directory of the sources, with a release build by gcc, as
 *
 *     cc -std=c11 -Iinclude -Itests tests/data/make_golden.c build/release/libsnnk.a \
 *         -fopenmp -llapacke -lopenblas -lcjson -lz -lm -o make_golden
 *     SNNK_KERNELS=portable OPENBLAS_NUM_THREADS=1 ./make_golden tests/data/golden
 *
 * outputs.txt has a line "probe HASH", which identifies the C library's functions; then for each
 * file a line "KIND NAME ARITHMETIC SAVE STORAGE". KIND is network, lstsq or rls. ARITHMETIC says
 * whether outputs are computed with only +, -, *, / and comparisons, so that they have the same
 * bits on every machine. SAVE is how it was saved (snnk_save_projection). STORAGE is the narrow
 * storage it is also measured in. Values follow, after letters for their type (support/golden.h):
 * bits in hexadecimal digits, of s, f, p, t as a float, of b, d as a double. The last line is "end"
 * and the number of files. */
#include <stdio.h>
#include <stdlib.h>

#include "support/golden.h"

#define D 5

static const char *directory;
static FILE *outputs;
static unsigned files;

static void ok_at(int st, int line) {
    if (st == SNNK_OK) return;
    fprintf(stderr, "line %d: %s: %s\n", line, snnk_strerror(st), snnk_last_error());
    exit(1);
}

#define OK(call) ok_at((call), __LINE__)

static void write_values(const golden *g) {
    char type = 0;

    if (g->count == GOLDEN_ROOM) OK(SNNK_E_SIZE);
    for (size_t i = 0; i < g->count; i++) {
        const golden_value v = g->values[i];
        const float f = (float)v.value;
        uint64_t bits64;
        uint32_t bits32;

        memcpy(&bits64, &v.value, sizeof bits64);
        memcpy(&bits32, &f, sizeof bits32);
        if (v.type != type || v.type == 's')
            fprintf(outputs, "%s%c", type == 0 ? "" : "\n", v.type);
        else if (i % 8 == 0)
            fprintf(outputs, "\n");
        type = v.type;
        if (type == 'b' || type == 'd')
            fprintf(outputs, " %016llx", (unsigned long long)bits64);
        else
            fprintf(outputs, " %08lx", (unsigned long)bits32);
    }
    fprintf(outputs, "\n");
}

static const char *path_of(const char *name) {
    static char path[512];

    snprintf(path, sizeof path, "%s/%s.safetensors", directory, name);
    return path;
}

static void put_header(const char *kind, const char *name, int arithmetic, int save, int storage) {
    fprintf(outputs, "%s %s %d %d %d\n", kind, name, arithmetic, save, storage);
    files++;
}

/* ---- Networks ---- */

/* Save, load, measure what was loaded, and free the network. */
static void put_network(const char *name, int arithmetic, int32_t save, int32_t storage,
                        snnk_network *network) {
    static golden g;
    snnk_network *loaded;

    g.count = 0;
    OK(snnk_network_save(network, path_of(name), save));
    OK(snnk_network_load(path_of(name), NULL, &loaded));
    put_header("network", name, arithmetic, save, storage);
    golden_network(&g, loaded, storage);
    write_values(&g);
    snnk_network_free(loaded);
    snnk_network_free(network);
}

static snnk_network *network_of(size_t n, snnk_layer **layers) {
    snnk_network *network;

    OK(snnk_network_create(NULL, &network));
    for (size_t i = 0; i < n; i++) {
        OK(snnk_network_append(network, layers[i]));
        snnk_layer_free(layers[i]);
    }
    return network;
}

/* A network of one tower. */
static void put_tower(const char *name, int arithmetic, int32_t save, snnk_map *map) {
    snnk_layer *layer;

    OK(snnk_layer_tower(map, &layer));
    put_network(name, arithmetic, save, 0, network_of(1, &layer));
    snnk_map_free(map);
}

static snnk_scaling *scaling_of(size_t d) {
    double mean[GOLDEN_INPUTS], scale[GOLDEN_INPUTS];
    snnk_scaling *scaling;

    for (size_t k = 0; k < d; k++) {
        mean[k] = (double)(k % 4) / 3 - 0.4;
        scale[k] = 0.5 + (double)(k % 3) / 7;
    }
    OK(snnk_scaling_create_given(d, mean, scale, NULL, &scaling));
    return scaling;
}

static snnk_map_config config_of(int32_t kind, uint64_t features, int32_t projection,
                                 uint64_t seed) {
    snnk_map_config config;

    OK(snnk_map_config_init(&config, sizeof config));
    config.kind = kind;
    config.features = features;
    config.projection = projection;
    config.seed = seed;
    return config;
}

static snnk_map *map_of(size_t d, const snnk_map_config *config, int scaled) {
    snnk_scaling *scaling = scaled ? scaling_of(d) : NULL;
    snnk_map *map;

    OK(snnk_map_create(d, config, scaling, &map));
    snnk_scaling_free(scaling);
    return map;
}

/* Concatenate maps, and free the parts. */
static snnk_map *concat(size_t n, snnk_map **maps) {
    snnk_map *map;

    OK(snnk_map_concat(n, (const snnk_map *const *)maps, &map));
    for (size_t i = 0; i < n; i++) snnk_map_free(maps[i]);
    return map;
}

static snnk_map *arc_map(int32_t order, double floor, double offset_scale, int scaled) {
    snnk_map_config config =
        config_of(SNNK_MAP_ARC_COSINE, 7, SNNK_PROJECTION_GAUSSIAN, UINT64_MAX - (uint64_t)order);

    config.order = order;
    config.floor = floor;
    config.offset_scale = offset_scale;
    config.projection_scale = order == 2 ? 0.75 : 1;
    return map_of(D, &config, scaled);
}

static snnk_map *cosine_map(int scaled) {
    snnk_map_config config = config_of(SNNK_MAP_GAUSSIAN, 8, SNNK_PROJECTION_GAUSSIAN, 17);

    config.projection_scale = 1.0 / 3;
    return map_of(D, &config, scaled);
}

static snnk_map *identity_map(int scaled) {
    const snnk_map_config config = config_of(SNNK_MAP_IDENTITY, D, SNNK_PROJECTION_GAUSSIAN, 0);

    return map_of(D, &config, scaled);
}

static snnk_map *activation_map(int32_t activation, uint64_t features) {
    snnk_map_config config =
        config_of(SNNK_MAP_ELEMENTWISE, features, SNNK_PROJECTION_GAUSSIAN, 1000003);

    config.activation = activation;
    config.offset_scale = 0.5;
    return map_of(D, &config, activation % 2);
}

static void put_kinds(void) {
    put_tower("arc_cosine_0", 1, 0, arc_map(0, 0, 0.5, 0));
    put_tower("arc_cosine_1", 1, 0, arc_map(1, 0, 0, 0));
    put_tower("arc_cosine_1_floor", 1, 0, arc_map(1, -0.3, 0.7, 1));
    put_tower("arc_cosine_2_floor", 1, 1, arc_map(2, -0.5, 0.25, 1));
    put_tower("gaussian", 0, 0, cosine_map(0));
    put_tower("gaussian_scaled", 0, 1, cosine_map(1));
    put_tower("identity", 1, 0, identity_map(0));
    put_tower("identity_scaled", 1, 0, identity_map(1));
    for (int32_t activation = SNNK_IDENTITY; activation <= SNNK_ERF; activation++) {
        char name[64];

        snprintf(name, sizeof name, "elementwise_%s", snnk_activation_name(activation));
        put_tower(name, activation <= SNNK_RELU, 0, activation_map(activation, 4));
    }
}

/* Every projection: plain, scaled with offsets, and cosines; by rows and by seed. More rows than the
 * inputs, and than the power of two that HD3 takes. */
static void put_projections(void) {
    static const char *const names[] = {"gaussian", "orthogonal", NULL, "hd3", "simplex", "sobol"};

    for (int32_t projection = 0; projection <= SNNK_PROJECTION_SOBOL; projection++)
        for (int32_t save = 0; names[projection] && save <= 1; save++) {
            snnk_map_config config = config_of(SNNK_MAP_ARC_COSINE, 11, projection, 99);
            snnk_map *parts[3];
            char name[64];

            parts[0] = map_of(D, &config, 0);
            config.offset_scale = 0.5;
            config.seed = UINT64_C(0xfedcba9876543210);
            config.features = 3;
            parts[1] = map_of(D, &config, 1);
            config.kind = SNNK_MAP_ELEMENTWISE;
            config.activation = SNNK_IDENTITY;
            config.projection_scale = 0.3;
            config.features = 6;
            parts[2] = map_of(D, &config, 0);
            snprintf(name, sizeof name, "projection_%s_%s", names[projection],
                     save ? "seed" : "rows");
            put_tower(name, 1, save, concat(3, parts));
        }
    /* More inputs than the Sobol sequence has dimensions, a large Hadamard matrix, stored as a seed
     * only. */
    for (int32_t i = 0; i < 3; i++) {
        static const int32_t projections[] = {SNNK_PROJECTION_GAUSSIAN, SNNK_PROJECTION_HD3,
                                              SNNK_PROJECTION_SOBOL};
        const uint64_t features = projections[i] == SNNK_PROJECTION_HD3 ? 132 : 24;
        const snnk_map_config config = config_of(SNNK_MAP_ARC_COSINE, features, projections[i], 5);
        char name[64];

        snprintf(name, sizeof name, "wide_%s", names[projections[i]]);
        put_tower(name, 1, 1, map_of(70, &config, 0));
    }
}

static snnk_map *given_map(int32_t kind, int offsets, int scaled) {
    const snnk_map_config config = config_of(kind, 4, SNNK_PROJECTION_GAUSSIAN, 0);
    snnk_scaling *scaling = scaled ? scaling_of(D) : NULL;
    float G[4 * D], c[4];
    snnk_map *map;

    golden_fill(4 * D, 77, G);
    golden_fill(4, 99, c);
    OK(snnk_map_create_from_rows(D, 4, G, D, offsets ? c : NULL, &config, scaling, &map));
    snnk_scaling_free(scaling);
    return map;
}

static void put_given(void) {
    snnk_map *parts[2] = {given_map(SNNK_MAP_ARC_COSINE, 0, 0),
                          given_map(SNNK_MAP_ELEMENTWISE, 1, 1)};

    put_tower("projection_given_rows", 1, 0, concat(2, parts));
    put_tower("projection_given_seed", 1, 1, given_map(SNNK_MAP_ARC_COSINE, 1, 1));
    put_tower("gaussian_given", 0, 0, given_map(SNNK_MAP_GAUSSIAN, 1, 0));
}

/* ---- Maps from spectra ---- */

static snnk_frame *frame_of(int32_t center, int32_t metric) {
    static float X[40 * D], W[20 * D];
    snnk_frame_config config;
    snnk_frame *frame;

    golden_fill(40 * D, 200, X);
    golden_fill(20 * D, 900, W);
    for (size_t i = 0; i < 40; i++) X[i * D] *= 3; /* a direction to whiten */
    for (size_t i = 0; i < 20 * D; i++) W[i] = W[i] * 0.5f + 0.125f;
    OK(snnk_frame_config_init(&config, sizeof config));
    config.center = center;
    config.metric = metric;
    config.directions = 2;
    OK(snnk_frame_create(D, 40, X, D, 20, W, D, &config, &frame));
    return frame;
}

static snnk_spectrum *spectrum_of(int32_t activation) {
    snnk_spectrum_config config;
    snnk_spectrum *spectrum;

    OK(snnk_spectrum_config_init(&config, sizeof config));
    config.radius = 2;
    config.tolerance = 0.03;
    config.largest_error = 0.2;
    OK(snnk_spectrum_create(activation, &config, &spectrum));
    return spectrum;
}

static snnk_urf_config urf_config_of(int32_t form, int32_t hyperbolic, uint64_t features) {
    snnk_urf_config config;

    OK(snnk_urf_config_init(&config, sizeof config));
    config.features = features;
    config.form = form;
    config.hyperbolic = hyperbolic;
    config.seed = 31;
    config.affine = SNNK_URF_AFFINE_OMIT;
    return config;
}

static snnk_map *urf_map(int32_t activation, const snnk_urf_config *config, snnk_frame *frame) {
    snnk_spectrum *spectrum = spectrum_of(activation);
    snnk_map *map;

    OK(snnk_map_create_urf(D, spectrum, config, frame, &map));
    snnk_spectrum_free(spectrum);
    snnk_frame_free(frame);
    return map;
}

static void put_urf(void) {
    static const char *const forms[] = {"positive", "trigonometric", "complex"};

    for (int32_t form = 0; form < 3; form++)
        for (int32_t hyperbolic = 0; hyperbolic < 2; hyperbolic++)
            for (int framed = 0; framed < 2; framed++) {
                const snnk_urf_config config = urf_config_of(form, hyperbolic, 32);
                char name[64];

                snprintf(name, sizeof name, "urf_%s%s%s", forms[form],
                         hyperbolic ? "_hyperbolic" : "", framed ? "_framed" : "");
                put_tower(name, 0, 0,
                          urf_map(SNNK_TANH, &config,
                                  framed ? frame_of(SNNK_CENTER_BOTH, SNNK_METRIC_WHITEN) : NULL));
            }
}

/* A few of the other settings. */
static void put_urf_settings(void) {
    snnk_urf_config config = urf_config_of(SNNK_URF_COMPLEX, 1, 32);
    snnk_spectrum *spectrum = spectrum_of(SNNK_SIN);
    const double omega[3] = {0.5, 1.25, 2}, re[3] = {0.5, -0.25, 0.125}, im[3] = {0.25, 0, -1};
    float G[12 * D];
    snnk_map *map;

    config.angle = 0.4;
    config.A = -0.2;
    config.atoms = SNNK_URF_IMPORTANCE;
    config.projection = SNNK_PROJECTION_ORTHOGONAL;
    put_tower("urf_importance", 0, 1,
              urf_map(SNNK_GELU, &config, frame_of(SNNK_CENTER_INPUTS, SNNK_METRIC_DIAGONAL)));
    config = urf_config_of(SNNK_URF_POSITIVE, 1, 24);
    config.A = SNNK_A_OPTIMAL;
    config.atoms = SNNK_URF_AMPLITUDE;
    config.scale = 0.8;
    config.projection = SNNK_PROJECTION_HD3;
    put_tower("urf_amplitude", 0, 1, urf_map(SNNK_SIGMOID, &config, NULL));
    config = urf_config_of(SNNK_URF_TRIGONOMETRIC, 1, 28);
    config.affine = SNNK_URF_AFFINE_EXACT;
    config.projection = SNNK_PROJECTION_SIMPLEX;
    put_tower("line_exact", 0, 0, urf_map(SNNK_RELU, &config, NULL));
    put_tower("line_exact_framed", 0, 0,
              urf_map(SNNK_RELU, &config, frame_of(SNNK_CENTER_BOTH, SNNK_METRIC_DIAGONAL)));
    config.affine = SNNK_URF_AFFINE_SKETCH;
    config.projection = SNNK_PROJECTION_SOBOL;
    put_tower("line_sketch", 0, 1, urf_map(SNNK_RELU, &config, NULL));
    put_tower("line_sketch_framed", 0, 0,
              urf_map(SNNK_RELU, &config, frame_of(SNNK_CENTER_BOTH, SNNK_METRIC_WHITEN)));
    config = urf_config_of(SNNK_URF_POSITIVE, 1, 12);
    OK(snnk_map_create_softmax(D, &config, NULL, &map));
    put_tower("urf_softmax", 0, 0, map);
    golden_fill(12 * D, 321, G);
    OK(snnk_map_create_urf_from_rows(D, spectrum, 12, G, D, &config, NULL, &map));
    put_tower("urf_given", 0, 0, map);
    snnk_spectrum_free(spectrum);
    OK(snnk_spectrum_from_atoms(3, omega, re, im, 0.5, 0.75, NULL, &spectrum));
    config.affine = SNNK_URF_AFFINE_AUTO;
    OK(snnk_map_create_urf(D, spectrum, &config, NULL, &map));
    put_tower("urf_atoms", 0, 0, map);
    snnk_spectrum_free(spectrum);
}

/* ---- Folded maps ---- */

static snnk_map *folded(snnk_map *map) {
    float V[D * 3], c[D];
    snnk_map *fold;

    golden_fill(D * 3, 4000, V);
    golden_fill(D, 4100, c);
    for (size_t i = 0; i < D * 3; i++) V[i] *= 0.5f;
    OK(snnk_map_fold(map, 3, V, 3, c, &fold));
    snnk_map_free(map);
    return fold;
}

static void put_folded(void) {
    static const char *const forms[] = {"positive", "trigonometric", "complex"};
    snnk_map *parts[4] = {arc_map(1, -0.3, 0.7, 1), cosine_map(1), identity_map(1),
                          given_map(SNNK_MAP_ARC_COSINE, 1, 1)};
    snnk_map_config config = config_of(SNNK_MAP_ARC_COSINE, 9, SNNK_PROJECTION_HD3, 3);
    snnk_urf_config urf;

    put_tower("folded_blocks", 0, 0, folded(concat(4, parts)));
    put_tower("folded_hd3", 1, 1, folded(map_of(D, &config, 1)));
    for (int32_t form = 0; form < 3; form++)
        for (int framed = 0; framed < 2; framed++) {
            char name[64];

            urf = urf_config_of(form, framed, 28);
            snprintf(name, sizeof name, "folded_urf_%s%s", forms[form], framed ? "_framed" : "");
            put_tower(
                name, 0, 0,
                folded(urf_map(SNNK_TANH, &urf,
                               framed ? frame_of(SNNK_CENTER_BOTH, SNNK_METRIC_WHITEN) : NULL)));
        }
    urf = urf_config_of(SNNK_URF_TRIGONOMETRIC, 1, 28);
    urf.affine = SNNK_URF_AFFINE_SKETCH;
    put_tower("folded_line_sketch", 0, 0,
              folded(urf_map(SNNK_RELU, &urf, frame_of(SNNK_CENTER_BOTH, SNNK_METRIC_WHITEN))));
    urf.affine = SNNK_URF_AFFINE_EXACT;
    put_tower("folded_line_exact", 0, 0, folded(urf_map(SNNK_RELU, &urf, NULL)));
}

/* ---- Layers and networks ---- */

static snnk_layer *dense(size_t d, size_t l, int32_t activation, size_t start) {
    float W[256], b[32];
    snnk_layer *layer;

    golden_fill(d * l, start, W);
    golden_fill(l, start + 300, b);
    for (size_t i = 0; i < d * l; i++) W[i] *= 0.5f;
    OK(snnk_layer_dense(d, l, W, d, activation == SNNK_STEP ? NULL : b, activation, NULL, &layer));
    return layer;
}

/* An SNNK layer with a given Psi; frees the map. */
static snnk_layer *snnk(snnk_map *map, size_t l, size_t start) {
    static float Psi[1024];
    float b[32];
    snnk_layer *layer;
    const size_t m = snnk_map_features(map);

    golden_fill(m * l, start, Psi);
    golden_fill(l, start + 600, b);
    for (size_t i = 0; i < m * l; i++) Psi[i] *= 0.5f;
    OK(snnk_layer_from_map(map, l, Psi, m, b, &layer));
    snnk_map_free(map);
    return layer;
}

static void put_dense(void) {
    for (int32_t activation = SNNK_IDENTITY; activation <= SNNK_ERF; activation++) {
        snnk_layer *layer = dense(D, 3, activation, 60 + (size_t)activation);
        char name[64];

        snprintf(name, sizeof name, "dense_%s", snnk_activation_name(activation));
        put_network(name, activation <= SNNK_RELU, 0, 0, network_of(1, &layer));
    }
}

static snnk_map *small_urf(int framed) {
    const snnk_urf_config config = urf_config_of(SNNK_URF_TRIGONOMETRIC, 1, 26);

    return urf_map(SNNK_TANH, &config,
                   framed ? frame_of(SNNK_CENTER_BOTH, SNNK_METRIC_DIAGONAL) : NULL);
}

/* D inputs: cosines, a dense layer, an SNNK layer, a tower. */
static snnk_network *mixed(void) {
    snnk_layer *layers[4];

    layers[0] = snnk(cosine_map(1), D, 70);
    layers[1] = dense(D, D, SNNK_GELU, 80);
    layers[2] = snnk(arc_map(1, -0.3, 0.7, 1), D, 90);
    OK(snnk_layer_tower(arc_map(2, 0, 0, 0), &layers[3]));
    return network_of(4, layers);
}

/* SNNK layers and linear ones, to be bundled. */
static snnk_network *stack(void) {
    snnk_layer *layers[5];

    layers[0] = snnk(small_urf(1), D, 110);
    layers[1] = dense(D, D, SNNK_IDENTITY, 120);
    layers[2] = snnk(small_urf(0), D, 130);
    layers[3] = snnk(arc_map(1, 0, 0.5, 1), D, 140);
    layers[4] = dense(D, 2, SNNK_IDENTITY, 150);
    return network_of(5, layers);
}

static void put_layers(void) {
    snnk_layer *layer, *narrow;
    snnk_network *network, *bundled;
    float W[4 * D], b[4];
    snnk_map *map = small_urf(1);

    golden_fill(4 * D, 41, W);
    golden_fill(4, 43, b);
    OK(snnk_layer_from_weights(map, 4, W, D, b, &layer));
    snnk_map_free(map);
    put_network("layer_from_weights", 0, 0, 0, network_of(1, &layer));
    layer = snnk(arc_map(1, -0.3, 0.7, 1), 3, 160);
    put_network("layer_snnk", 1, 1, 0, network_of(1, &layer));
    put_network("mixed_rows", 0, 0, 0, mixed());
    put_network("mixed_seed", 0, 1, 0, mixed());
    put_network("stack", 0, 0, 0, stack());
    network = stack();
    OK(snnk_network_bundle(network, 0, 4, &bundled));
    put_network("bundled", 0, 0, 0, bundled);
    OK(snnk_network_bundle(network, 1, 2, &bundled));
    put_network("bundled_part", 0, 1, 0, bundled);
    OK(snnk_network_input_tower(network, &bundled));
    put_network("bundled_tower", 0, 0, 0, bundled);
    snnk_network_free(network);
    layer = snnk(arc_map(1, 0, 0.5, 0), 3, 170);
    OK(snnk_layer_quantize(layer, SNNK_STORAGE_BF16, &narrow));
    snnk_layer_free(layer);
    put_network("quantized_bf16", 1, 0, SNNK_STORAGE_BF16, network_of(1, &narrow));
    layer = snnk(arc_map(1, 0, 0.5, 0), 3, 170);
    OK(snnk_layer_quantize(layer, SNNK_STORAGE_INT8, &narrow));
    snnk_layer_free(layer);
    put_network("quantized_int8", 1, 0, SNNK_STORAGE_INT8, network_of(1, &narrow));
    network = mixed();
    OK(snnk_network_quantize(network, SNNK_STORAGE_INT8, 0, NULL, 0, NULL, NULL, &bundled));
    snnk_network_free(network);
    put_network("quantized_mixed", 0, 0, SNNK_STORAGE_INT8, bundled);
    layer = dense(D, 3, SNNK_IDENTITY, 180);
    network = network_of(1, &layer);
    OK(snnk_network_set_note(network, "classes", "zero,one,\"two\"\n\\three\t\x01"));
    OK(snnk_network_set_note(network, "units", "\xc2\xb5m \xe2\x82\xac \xf0\x9d\x84\x9e"));
    OK(snnk_network_set_note(network, "a.b-c_d", ""));
    put_network("notes", 1, 0, 0, network);
}

/* ---- Statistics ---- */

static snnk_lstsq *collected(size_t m, size_t t, int32_t route, int32_t precision, int weighted) {
    enum { N = 24 };
    static float Phi[N * 32], Y[N * 8], weights[N];
    snnk_lstsq *lstsq;

    OK(snnk_lstsq_create(m, t, NULL, &lstsq));
    OK(snnk_lstsq_set_route(lstsq, route));
    OK(snnk_lstsq_set_precision(lstsq, precision));
    golden_rows(N, m, t, Phi, Y);
    for (size_t i = 0; i < N; i++) weights[i] = i < 3 ? 1 : 0.5f + (float)(i % 4) / 4;
    OK(snnk_lstsq_add_weighted(lstsq, N, Phi, m, Y, t, NULL, weighted ? weights : NULL, NULL));
    return lstsq;
}

/* In a file of its own, and in the file of a network, which takes the statistics. */
static void put_lstsq(const char *name, snnk_lstsq *lstsq) {
    static golden g;
    snnk_lstsq *loaded;

    g.count = 0;
    OK(snnk_lstsq_save(lstsq, path_of(name)));
    OK(snnk_lstsq_load(path_of(name), NULL, &loaded));
    put_header("lstsq", name, 0, 0, 0);
    golden_lstsq(&g, loaded);
    write_values(&g);
    snnk_lstsq_free(loaded);
    snnk_lstsq_free(lstsq);
}

static void put_statistics(void) {
    enum { M = 4, T = 2 };
    float Phi[8 * M], Y[8 * T];
    const int32_t labels[4] = {1, 0, 1, 1};
    snnk_lstsq *lstsq;

    put_lstsq("lstsq_gram", collected(M, T, SNNK_ROUTE_GRAM, SNNK_PRECISION_DOUBLE, 0));
    put_lstsq("lstsq_gram_weighted", collected(M, T, SNNK_ROUTE_GRAM, SNNK_PRECISION_DOUBLE, 1));
    put_lstsq("lstsq_gram_fast", collected(M, T, SNNK_ROUTE_GRAM, SNNK_PRECISION_FAST, 0));
    put_lstsq("lstsq_qr", collected(M, T, SNNK_ROUTE_QR, SNNK_PRECISION_DOUBLE, 0));
    put_lstsq("lstsq_qr_weighted", collected(M, T, SNNK_ROUTE_QR, SNNK_PRECISION_DOUBLE, 1));
    put_lstsq("lstsq_auto_chosen", collected(M, T, SNNK_ROUTE_AUTO, SNNK_PRECISION_DOUBLE, 0));
    golden_rows(8, M, T, Phi, Y);
    OK(snnk_lstsq_create(M, T, NULL, &lstsq));
    OK(snnk_lstsq_set_route(lstsq, SNNK_ROUTE_AUTO));
    OK(snnk_lstsq_add(lstsq, 5, Phi, M, Y, T, NULL));
    put_lstsq("lstsq_auto_open", lstsq);
    OK(snnk_lstsq_create(M, T, NULL, &lstsq));
    put_lstsq("lstsq_empty", lstsq);
    OK(snnk_lstsq_create(M, T, NULL, &lstsq));
    OK(snnk_lstsq_add_labels(lstsq, 4, Phi, M, labels, NULL));
    put_lstsq("lstsq_labels", lstsq);
    for (int32_t route = SNNK_ROUTE_GRAM; route <= SNNK_ROUTE_QR; route++) {
        lstsq = collected(M, T, route, SNNK_PRECISION_DOUBLE, 1);
        OK(snnk_lstsq_forget(lstsq, 2, Phi + M, M, Y + T, T, NULL, NULL, NULL));
        put_lstsq(route == SNNK_ROUTE_GRAM ? "lstsq_gram_forgot" : "lstsq_qr_forgot", lstsq);
    }
}

/* Networks that hold statistics of their last layer; in one of them with a target more than it has
 * outputs. */
static void put_network_statistics(void) {
    for (int32_t route = SNNK_ROUTE_GRAM; route <= SNNK_ROUTE_QR; route++) {
        snnk_layer *layers[2] = {dense(D, D, SNNK_RELU, 190), NULL};
        snnk_lstsq *lstsq =
            collected(7, route == SNNK_ROUTE_GRAM ? 3 : 2, route, SNNK_PRECISION_DOUBLE, route);
        snnk_network *network;

        layers[1] = snnk(arc_map(1, 0, 0.5, 1), 2, 200);
        network = network_of(2, layers);
        OK(snnk_network_set_statistics(network, lstsq));
        put_network(route == SNNK_ROUTE_GRAM ? "statistics_gram" : "statistics_qr", 1, 0, 0,
                    network);
    }
}

static void put_rls(const char *name, snnk_rls *rls) {
    static golden g;
    snnk_rls *loaded;

    g.count = 0;
    OK(snnk_rls_save(rls, path_of(name)));
    OK(snnk_rls_load(path_of(name), NULL, &loaded));
    put_header("rls", name, 0, 0, 0);
    golden_rls(&g, loaded);
    write_values(&g);
    snnk_rls_free(loaded);
    snnk_rls_free(rls);
}

static void put_recursive(void) {
    enum { M = 4, T = 2 };
    float Phi[12 * M], Y[12 * T];
    snnk_lstsq *lstsq = collected(M, T, SNNK_ROUTE_QR, SNNK_PRECISION_DOUBLE, 0);
    snnk_rls *rls;

    golden_rows(12, M, T, Phi, Y);
    for (int forgets = 0; forgets < 2; forgets++) {
        OK(snnk_rls_create(M, T, 0.5, forgets ? 0.95 : 1, NULL, &rls));
        for (size_t i = 0; i < 12; i++) OK(snnk_rls_update(rls, Phi + i * M, Y + i * T, NULL));
        put_rls(forgets ? "rls_forgetting" : "rls", rls);
    }
    OK(snnk_rls_create(M, T, 0.5, 1, NULL, &rls));
    put_rls("rls_empty", rls);
    OK(snnk_rls_from_lstsq(lstsq, 0.5, 0.99, &rls));
    put_rls("rls_from_lstsq", rls);
    snnk_lstsq_free(lstsq);
}

int main(int argc, char **argv) {
    char path[512];

    if (argc != 2 || strcmp(snnk_version(), "0.1.0") != 0 ||
        strcmp(snnk_kernels_name(), "portable") != 0) {
        fprintf(stderr, "usage: SNNK_KERNELS=portable make_golden DIRECTORY, with libsnnk 0.1.0\n");
        return 1;
    }
    directory = argv[1];
    snprintf(path, sizeof path, "%s/outputs.txt", directory);
    if (!(outputs = fopen(path, "w"))) return 1;
    fprintf(outputs, "probe %016llx\n", (unsigned long long)golden_probe());
    put_kinds();
    put_projections();
    put_given();
    put_urf();
    put_urf_settings();
    put_folded();
    put_dense();
    put_layers();
    put_statistics();
    put_network_statistics();
    put_recursive();
    fprintf(outputs, "end %u\n", files);
    return fclose(outputs) == 0 ? 0 : 1;
}
