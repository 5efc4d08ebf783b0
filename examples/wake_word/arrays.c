/* Write a saved network as a C file, with inputs and expected scores to test it.
 *
 *     wake_word_arrays MODEL.safetensors X.npy ROWS DIRECTORY
 *
 *   DIRECTORY/model.c     the network as constant arrays, see embedded.h
 *   DIRECTORY/inputs.f32  the first ROWS rows of X, as bare floats
 *   DIRECTORY/scores.f32  the scores of the network for these rows, as bare floats
 *
 * Layers must be towers or SNNK layers with elementwise features of given rows, as bundled
 * perceptrons have. */
#include <string.h>

#include "check.h"

static void unsupported(const char *what) {
    fprintf(stderr, "this program does not support %s\n", what);
    exit(1);
}

/* Write numbers in hexadecimal, so that they are exact. */
static void write_array(FILE *file, const char *name, size_t layer, size_t block, size_t n,
                        const float *values) {
    fprintf(file, "static const float %s_%zu_%zu[] = {", name, layer, block);
    for (size_t i = 0; i < n; i++) fprintf(file, "%s%af,", i % 6 ? " " : "\n    ", values[i]);
    fprintf(file, "\n};\n");
}

static void write_block(FILE *file, const snnk_map *map, size_t layer, size_t block, size_t *rows,
                        int32_t *activation) {
    const size_t inputs = snnk_map_inputs(map);
    snnk_map_config config;
    float *G, *offsets;

    CHECK(snnk_map_config_init(&config, sizeof config));
    CHECK(snnk_map_block_config(map, block, &config));
    if (config.kind != SNNK_MAP_ELEMENTWISE || config.projection != SNNK_PROJECTION_GIVEN)
        unsupported("features that are not elementwise with given rows");
    *rows = (size_t)config.features;
    *activation = config.activation;
    G = allocate(*rows * inputs, sizeof *G);
    offsets = allocate(*rows, sizeof *offsets);
    CHECK(snnk_map_block_rows(map, block, G, inputs, offsets));
    write_array(file, "G", layer, block, *rows * inputs, G);
    write_array(file, "offsets", layer, block, *rows, offsets);
    free(offsets);
    free(G);
}

static void write_blocks(FILE *file, const snnk_map *map, size_t layer) {
    const size_t n = snnk_map_blocks(map);
    size_t *rows = allocate(n, sizeof *rows);
    int32_t *activations = allocate(n, sizeof *activations);

    for (size_t k = 0; k < n; k++) write_block(file, map, layer, k, &rows[k], &activations[k]);
    fprintf(file, "static const block_arrays blocks_%zu[] = {\n", layer);
    for (size_t k = 0; k < n; k++)
        fprintf(file, "    {%zu, %d, G_%zu_%zu, offsets_%zu_%zu},\n", rows[k], (int)activations[k],
                layer, k, layer, k);
    fprintf(file, "};\n");
    free(activations);
    free(rows);
}

static void write_readout(FILE *file, const snnk_layer *of, size_t layer) {
    const size_t m = snnk_layer_features(of), outputs = snnk_layer_outputs(of);
    float *Psi = allocate(outputs * m, sizeof *Psi), *bias = allocate(outputs, sizeof *bias);

    CHECK(snnk_layer_weights(of, Psi, m, bias));
    write_array(file, "Psi", layer, 0, outputs * m, Psi);
    write_array(file, "bias", layer, 0, outputs, bias);
    free(bias);
    free(Psi);
}

static void write_model(const snnk_network *network, const char *directory) {
    const size_t n = snnk_network_layers(network);
    FILE *file = create_file(directory, "model.c");

    fprintf(file, "/* Written by wake_word_arrays. */\n#include \"embedded.h\"\n\n");
    for (size_t k = 0; k < n; k++) {
        const snnk_layer *layer = snnk_network_layer(network, k);

        if (!snnk_layer_map(layer)) unsupported("a dense or a residual layer");
        write_blocks(file, snnk_layer_map(layer), k);
        if (snnk_layer_get_kind(layer) == SNNK_LAYER_SNNK) write_readout(file, layer, k);
    }
    fprintf(file, "const layer_arrays model_layers[] = {\n");
    for (size_t k = 0; k < n; k++) {
        const snnk_layer *layer = snnk_network_layer(network, k);
        const size_t blocks = snnk_map_blocks(snnk_layer_map(layer));

        fprintf(file, "    {%zu, %zu, ", snnk_layer_inputs(layer), blocks);
        if (snnk_layer_get_kind(layer) == SNNK_LAYER_TOWER)
            fprintf(file, "0, blocks_%zu, NULL, NULL},\n", k);
        else
            fprintf(file, "%zu, blocks_%zu, Psi_%zu_0, bias_%zu_0},\n", snnk_layer_outputs(layer),
                    k, k, k);
    }
    fprintf(file, "};\nconst size_t model_n_layers = %zu;\n", n);
    close_file(file, "model.c");
}

static void write_rows(const snnk_network *network, const char *path, size_t rows,
                       const char *directory) {
    const size_t d = snnk_network_inputs(network), l = snnk_network_outputs(network);
    float *X = allocate(rows * d, sizeof *X), *Y = allocate(rows * l, sizeof *Y);
    snnk_table *table;
    FILE *file;

    CHECK(snnk_table_open(path, NULL, &table));
    if (snnk_table_columns(table) != d) unsupported("inputs of another width than the model's");
    CHECK(snnk_table_read(table, 0, rows, X, d));
    snnk_table_free(table);
    CHECK(snnk_network_forward(network, rows, X, d, Y, l, NULL));
    file = create_file(directory, "inputs.f32");
    fwrite(X, sizeof *X, rows * d, file);
    close_file(file, "inputs.f32");
    file = create_file(directory, "scores.f32");
    fwrite(Y, sizeof *Y, rows * l, file);
    close_file(file, "scores.f32");
    free(Y);
    free(X);
}

int main(int argc, char **argv) {
    snnk_network *network;

    if (argc != 5 || atol(argv[3]) < 1) {
        const int help = argc == 2 && strcmp(argv[1], "--help") == 0;

        fprintf(
            help ? stdout : stderr,
            "usage: %s MODEL.safetensors X.npy ROWS DIRECTORY\n"
            "Write a saved network as DIRECTORY/model.c, and the first ROWS rows of X and their\n"
            "scores as bare floats, DIRECTORY/inputs.f32 and DIRECTORY/scores.f32.\n",
            argv[0]);
        return help ? 0 : 2;
    }
    CHECK(snnk_network_load(argv[1], NULL, &network));
    write_model(network, argv[4]);
    write_rows(network, argv[2], (size_t)atol(argv[3]), argv[4]);
    snnk_network_free(network);
    return 0;
}
