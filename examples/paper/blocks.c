#include "blocks.h"

#include <math.h>
#include <stdlib.h>

enum { WIDTH = ENCODER_WIDTH, DISTILLING_REVIEWS = 1200 };

const char *const block_names[KINDS] = {
    "original",           "blocks, tuned",  "blocks, selected",
    "blocks, 4 x epochs", "blocks, random", "blocks, from scratch",
    "blocks, shared",     "expansions",     "blocks, cut"};

bool is_random(block_kind of) { return of == RANDOM || of == SCRATCH; }

static const snnk_layer *layer_of(const block_source *from, int block, size_t layer) {
    return snnk_network_layer(encoder_dense(from->encoder, (encoder_part)block), layer);
}

/* ---- Distillation ---- */

/* Distill a block, or its expansion alone, on the rows of an encoder. Y: other targets than its
 * outputs, or NULL. */
static snnk_distill *distill_make(const block_source *from, int block, const float *X,
                                  const float *Y, int32_t tier, bool whole, uint64_t seed,
                                  size_t threads) {
    snnk_distill_config config;
    snnk_workspace *workspace;
    snnk_distill *made;

    CHECK(snnk_distill_config_init(&config, sizeof config));
    config.heldout_block_rows = 32; /* about a text */
    config.selection_rows = 16384;
    config.tier = tier;
    config.seed = seed;
    CHECK(snnk_workspace_create(threads, NULL, &workspace));
    CHECK(snnk_distill_create(layer_of(from, block, 0), whole ? layer_of(from, block, 1) : NULL,
                              SNNK_ROWS(.n = from->some.rows[block].n, .X = X, .Y = Y), &config,
                              workspace, &made));
    snnk_workspace_free(workspace);
    return made;
}

/* The replacement of a distilled block: a student, or its matrices cut. */
static snnk_network *solve(const snnk_distill *from, block_kind of, size_t m) {
    const int32_t method = of == CUT ? SNNK_DISTILL_METHOD_SVD : SNNK_DISTILL_METHOD_STUDENT;
    snnk_network *made;

    CHECK(snnk_distill_replacement(from, method, m, NULL, &made));
    return made;
}

/* Replace block 1 behind a replaced block 0. */
static snnk_network *block_behind(const block_source *from, part_set parts, block_kind of, size_t m,
                                  uint64_t seed) {
    const corpus *some = &from->some;
    const part_rows *before = &some->rows[ENCODER_FFN_1];
    const int32_t tier = of == RANDOM ? SNNK_DISTILL_RANDOM : SNNK_DISTILL_SELECTED;
    part_rows now =
        inputs_of_block_1(encoder_middle_of(from->encoder), parts, (slice){some, 0, some->n});
    snnk_distill *distill;
    snnk_network *made;

    now.Y = allocate(now.n * WIDTH, sizeof *now.Y);
    for (size_t k = 0; k < now.n * WIDTH; k++)
        now.Y[k] = before->sums[k] + before->Y[k] - now.sums[k];
    distill = distill_make(from, 1, now.X, now.Y, tier, true, seed, 1);
    made = solve(distill, of, m);
    snnk_distill_free(distill);
    part_rows_free(&now);
    return made;
}

static snnk_network *random_block_0(const block_source *from, size_t m, uint64_t seed) {
    const part_rows *rows = &from->some.rows[ENCODER_FFN_0];
    snnk_distill *distill =
        distill_make(from, 0, rows->X, rows->Y, SNNK_DISTILL_RANDOM, true, seed, 1);
    snnk_network *made = solve(distill, RANDOM, m);

    snnk_distill_free(distill);
    return made;
}

/* ---- Others ---- */

/* A student of the expansion, and the block's own second layer. */
static snnk_network *expansion(const block_source *from, int block, size_t m) {
    snnk_layer *layers[2];

    CHECK(snnk_distill_solve(from->of_expansions[block], m, NULL, NULL, &layers[0]));
    layers[1] = snnk_layer_retain(layer_of(from, block, 1));
    return make_network(2, layers);
}

/* Random rows, and random Psi. Outputs have about a tenth of the mean square of the block's. */
static snnk_network *scratch(const part_rows *rows, size_t m, uint64_t seed) {
    const double scale = 1 / sqrt(WIDTH * mean_square(rows->n, rows->X));
    const float size = (float)sqrt(0.2 * mean_square(rows->n, rows->Y) / (double)m);
    snnk_map *map = make_features(WIDTH, m, SNNK_RELU, scale, 0.5, seed);
    float *Psi = allocate(WIDTH * m, sizeof *Psi);
    snnk_layer *layer;

    CHECK(snnk_layer_create_random(map, WIDTH, seed, &layer));
    CHECK(snnk_layer_weights(layer, Psi, m, NULL));
    snnk_layer_free(layer);
    for (size_t k = 0; k < WIDTH * m; k++) Psi[k] *= size;
    CHECK(snnk_layer_create(map, WIDTH, Psi, m, NULL, &layer));
    free(Psi);
    snnk_map_free(map);
    return make_network(1, &layer);
}

part_set replaced_blocks(const block_source *from, block_kind of, size_t m, uint64_t seed) {
    part_set made = original_parts(from->encoder);
    const snnk_network **blocks = made.parts;

    switch (of) {
    case SCRATCH:
        for (int block = 0; block < 2; block++)
            blocks[block] = scratch(&from->some.rows[block], m, 2 * seed + (uint64_t)block);
        break;
    case EXPANSION:
        for (int block = 0; block < 2; block++) blocks[block] = expansion(from, block, m);
        break;
    case SHARED: blocks[0] = blocks[1] = solve(from->of_block_0, of, m); break;
    default:
        blocks[0] = of == RANDOM ? random_block_0(from, m, seed) : solve(from->of_block_0, of, m);
        blocks[1] = block_behind(from, made, of, m, seed);
    }
    return made;
}

void replaced_blocks_free(part_set made) {
    made.parts[ENCODER_POOLER] = NULL;
    part_set_free(made);
}

/* ---- Sources ---- */

block_source block_source_make(sentence_encoder *encoder, const char *cache, size_t tokens,
                               size_t threads, bool expansions) {
    block_source made = {.encoder = encoder, .threads = threads};
    const part_rows *rows = made.some.rows;

    made.some = corpus_read(encoder, cache, "reviews-train.txt", tokens, DISTILLING_REVIEWS,
                            1U << ENCODER_FFN_0 | 1U << ENCODER_FFN_1);
    made.of_block_0 =
        distill_make(&made, 0, rows[0].X, rows[0].Y, SNNK_DISTILL_SELECTED, true, 0, threads);
    for (int block = 0; block < 2 && expansions; block++)
        made.of_expansions[block] = distill_make(&made, block, rows[block].X, NULL,
                                                 SNNK_DISTILL_SELECTED, false, 0, threads);
    return made;
}

void block_source_free(block_source *made) {
    snnk_distill_free(made->of_block_0);
    for (int block = 0; block < 2; block++) snnk_distill_free(made->of_expansions[block]);
    corpus_free(&made->some);
}
