/* Run the compressed detector, on the minimal build of the library: rows of bare floats on stdin,
 * one for each frame, and their scores before the sigmoid on stdout. Weights are constant arrays;
 * there are no files and no printing. With -DEMPTY the program does nothing, to measure what an
 * empty static program takes. */
#include <unistd.h>

#include <snnk/snnk.h>

#include "embedded.h"

enum { MAX_BLOCKS = 4, MAX_INPUTS = 2112 };

#ifdef EMPTY
int main(void) { return 0; }
#else

static int make_map(const layer_arrays *of, snnk_map **map) {
    snnk_map *parts[MAX_BLOCKS] = {NULL};
    snnk_map_config config;
    int st = of->n_blocks > MAX_BLOCKS ? SNNK_E_RANGE : SNNK_OK;

    for (size_t k = 0; k < of->n_blocks && st == SNNK_OK; k++) {
        if ((st = snnk_map_config_init(&config, sizeof config)) != SNNK_OK) break;
        config.kind = SNNK_MAP_ELEMENTWISE;
        config.activation = of->blocks[k].activation;
        st = snnk_map_create_from_rows(of->inputs, of->blocks[k].rows, of->blocks[k].G, of->inputs,
                                       of->blocks[k].offsets, &config, NULL, &parts[k]);
    }
    if (st == SNNK_OK) st = snnk_map_concat(of->n_blocks, (const snnk_map *const *)parts, map);
    for (size_t k = 0; k < MAX_BLOCKS; k++) snnk_map_free(parts[k]);
    return st;
}

static int append_layer(snnk_network *network, const layer_arrays *of) {
    snnk_map *map = NULL;
    snnk_layer *layer = NULL;
    int st = make_map(of, &map);

    if (st == SNNK_OK)
        st = of->outputs == 0 ? snnk_layer_create_tower(map, &layer)
                              : snnk_layer_create(map, of->outputs, of->Psi, snnk_map_features(map),
                                                  of->bias, &layer);
    if (st == SNNK_OK) st = snnk_network_append(network, layer);
    snnk_layer_free(layer);
    snnk_map_free(map);
    return st;
}

/* Read a row of n floats. 1 if there was a whole one, 0 at the end. */
static int read_row(float *x, size_t n) {
    size_t have = 0;

    while (have < n * sizeof *x) {
        const ssize_t more = read(0, (char *)x + have, n * sizeof *x - have);

        if (more <= 0) return 0;
        have += (size_t)more;
    }
    return 1;
}

int main(void) {
    static float x[MAX_INPUTS];
    snnk_network *network = NULL;
    snnk_workspace *workspace = NULL;
    float score;
    int st = snnk_network_create(NULL, &network);

    for (size_t k = 0; k < model_n_layers && st == SNNK_OK; k++)
        st = append_layer(network, &model_layers[k]);
    if (st == SNNK_OK && snnk_network_inputs(network) > MAX_INPUTS) st = SNNK_E_RANGE;
    if (st == SNNK_OK) st = snnk_workspace_create(1, NULL, &workspace);
    while (st == SNNK_OK && read_row(x, snnk_network_inputs(network))) {
        st = snnk_network_forward(network, 1, x, MAX_INPUTS, &score, 1, workspace);
        if (st == SNNK_OK && write(1, &score, sizeof score) != sizeof score) st = SNNK_E_IO;
    }
    snnk_workspace_free(workspace);
    snnk_network_free(network);
    return st == SNNK_OK ? 0 : 1;
}
#endif
