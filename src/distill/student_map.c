#include "distill/student_map.h"

#include <string.h>

/* Make a map of linear features, or of features like the candidates. */
static int make_block(const snnk_distill *distill, bool linear, size_t rows, const float *G,
                      const float *offsets, snnk_map **map) {
    snnk_map_config config = distill->candidate_config;

    if (linear) {
        config.kind = SNNK_MAP_ELEMENTWISE;
        config.activation = SNNK_IDENTITY;
    }
    return snnk_map_create_from_rows(distill->d, rows, G, distill->d, offsets, &config, NULL, map);
}

int snnk__student_map_of_rows(const snnk_distill *distill, size_t r, size_t m, const float *G,
                              const float *offsets, snnk_map **map) {
    snnk_map *blocks[2] = {NULL};
    size_t n_blocks = 0;
    int st = SNNK_OK;

    if (r > 0) st = make_block(distill, true, r, G, NULL, &blocks[n_blocks++]);
    if (st == SNNK_OK && m > r)
        st =
            make_block(distill, false, m - r, G + r * distill->d, offsets + r, &blocks[n_blocks++]);
    if (st == SNNK_OK) st = snnk_map_concat(n_blocks, (const snnk_map *const *)blocks, map);
    snnk_map_free(blocks[0]);
    snnk_map_free(blocks[1]);
    return st;
}

int snnk__student_map_of_subset(const snnk_distill *distill, const snnk__subset *subset,
                                snnk_map **map) {
    const size_t d = distill->d, r = subset->directions, m = r + subset->chosen;
    float *G = NULL, *offsets = NULL;
    int st;

    st = snnk__alloc(&distill->allocator, m, d * sizeof *G, "rows", &G);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(&distill->allocator, m, sizeof *offsets, "offsets", &offsets);
    if (st != SNNK_OK) goto done;
    for (size_t i = 0; i < r * d; i++) G[i] = (float)subset->D[i];
    for (size_t i = r; i < m; i++) {
        const size_t j = subset->which[i - r] - d;

        memcpy(G + i * d, distill->G + j * d, d * sizeof *G);
        offsets[i] = distill->offsets[j];
    }
    st = snnk__student_map_of_rows(distill, r, m, G, offsets, map);
done:
    snnk__free(&distill->allocator, offsets);
    snnk__free(&distill->allocator, G);
    return st;
}

int snnk__student_map_random(const snnk_distill *distill, size_t m, snnk_map **map) {
    snnk_map_config config = distill->candidate_config;
    snnk_scaling *scaling = NULL;
    int st;

    config.features = m;
    config.seed = distill->config.seed;
    config.projection = SNNK_PROJECTION_ORTHOGONAL;
    config.offset_scale = 0.3;
    st = snnk_scaling_create(distill->d, SNNK_SCALING_COMMON, &distill->allocator, &scaling);
    if (st == SNNK_OK)
        st = snnk_scaling_add(scaling,
                              SNNK_ROWS(.n = distill->n, .X = distill->X, .ldx = distill->ldx));
    if (st == SNNK_OK) st = snnk_map_create(distill->d, &config, scaling, map);
    snnk_scaling_free(scaling);
    return st;
}
