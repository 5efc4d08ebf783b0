/* Maps from spectra: how many rows each part gets, and the rows themselves. */
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "urf/create.h"
#include "urf/map.h"
#include "urf/projection.h"

static const snnk_urf_config defaults = {.size = sizeof(snnk_urf_config),
                                         .features = 1024,
                                         .angle = 0.78539816339744830962, /* pi/4 */
                                         .form = SNNK_URF_POSITIVE,
                                         .hyperbolic = 1,
                                         .atoms = SNNK_URF_STRATIFIED,
                                         .affine = SNNK_URF_AFFINE_AUTO,
                                         .projection = SNNK_PROJECTION_GAUSSIAN};

#define CONFIG_MINIMUM sizeof(snnk_urf_config)

int snnk_urf_config_init(snnk_urf_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &defaults, sizeof defaults, CONFIG_MINIMUM,
                             "urf config");
}

/* Drawn rows of the sketch are independent of those of the atoms. */
static const uint64_t sketch_seed = UINT64_C(0x9e3779b97f4a7c15);

/* ---- Settings ---- */

static int check_number(double value, double least, double most, const char *name) {
    if (value >= least && value <= most) return SNNK_OK;
    return snnk__fail(SNNK_E_RANGE, "%s = %g is not in %g ... %g", name, value, least, most);
}

static int check_config(const snnk_urf_config *c) {
    const double half_pi = 1.570796326794896619231;
    int st;

    if (c->A != SNNK_A_OPTIMAL && (st = check_number(c->A, -1e6, 0.124, "A")) != SNNK_OK) return st;
    if ((st = check_number(c->input_norm, 0, 1e30, "input_norm")) != SNNK_OK) return st;
    if ((st = check_number(c->weight_norm, 0, 1e30, "weight_norm")) != SNNK_OK) return st;
    if (c->scale != 0 && (st = check_number(c->scale, 1e-6, 1e6, "scale")) != SNNK_OK) return st;
    if ((st = check_number(c->angle, 0, half_pi, "angle")) != SNNK_OK) return st;
    if ((st = snnk__check_enum(c->form, SNNK_URF_COMPLEX + 1, "form")) != SNNK_OK) return st;
    if ((st = snnk__check_enum(c->hyperbolic, 2, "hyperbolic")) != SNNK_OK) return st;
    if ((st = snnk__check_enum(c->atoms, SNNK_URF_AMPLITUDE + 1, "atoms")) != SNNK_OK) return st;
    if ((st = snnk__check_enum(c->affine, SNNK_URF_AFFINE_OMIT + 1, "affine")) != SNNK_OK)
        return st;
    if ((st = snnk__projection_check(c->projection)) != SNNK_OK) return st;
    if (c->features == 0) return snnk__fail(SNNK_E_SHAPE, "features = 0");
    if (c->features > (uint64_t)1 << 32)
        return snnk__fail(SNNK_E_SIZE, "features = %llu is more than 2^32",
                          (unsigned long long)c->features);
    return SNNK_OK;
}

int snnk__urf_config_read(const snnk_urf_config *config, const snnk_frame *frame, size_t inputs,
                          snnk_urf_config *ours) {
    int st;

    *ours = defaults;
    st = snnk__config_read(ours, sizeof *ours, CONFIG_MINIMUM, config, "urf config");
    if (st != SNNK_OK) return st;
    if (inputs == 0) return snnk__fail(SNNK_E_SHAPE, "inputs = 0: a map needs at least one");
    if (frame && frame->inputs != inputs)
        return snnk__fail(SNNK_E_SHAPE, "the frame has %zu inputs, the map %zu", frame->inputs,
                          inputs);
    if ((st = check_config(ours)) != SNNK_OK) return st;
    if (ours->input_norm == 0) ours->input_norm = frame ? frame->input_norm : 1;
    if (ours->weight_norm == 0) ours->weight_norm = frame ? frame->weight_norm : 1;
    return SNNK_OK;
}

/* ---- Shares ---- */

static int too_few(const snnk_urf_config *config, size_t needed) {
    return snnk__fail(SNNK_E_RANGE, "features = %llu, but this map needs at least %zu",
                      (unsigned long long)config->features, needed);
}

int snnk__urf_shares_of(const snnk_spectrum *spectrum, const snnk_urf_config *config,
                        const snnk_frame *frame, size_t inputs, const snnk__urf_atoms *atoms,
                        snnk__urf_shares *shares) {
    const bool line = spectrum->slope != 0 && config->affine != SNNK_URF_AFFINE_OMIT;
    const bool centers = frame->weight_mean != NULL;
    size_t left = (size_t)config->features, needed = 0, signs, parts;

    *shares = (snnk__urf_shares){0};
    if (atoms->count == 0 && !line) { /* a constant: one feature, which counts for nothing */
        shares->sketch_rows = 1;
        return SNNK_OK;
    }
    snnk__urf_shape(atoms, frame, &signs, &parts);
    shares->width = signs * parts;
    if (atoms->count > 0) needed += shares->width + frame->n_directions + centers;
    shares->exact =
        line &&
        (config->affine == SNNK_URF_AFFINE_EXACT ||
         (config->affine == SNNK_URF_AFFINE_AUTO && inputs <= left / 2 && inputs + needed <= left));
    if (shares->exact) needed += inputs;
    if (line && !shares->exact) needed += 1 + centers;
    if (left < needed) return too_few(config, needed);
    left -= needed; /* to give away beyond one row of each kind */
    if (atoms->count > 0) shares->rows = 1;
    if (line && !shares->exact) shares->sketch_rows = 1;
    if (shares->sketch_rows == 0) {
        if (atoms->count > 0) shares->rows += left / shares->width;
        return SNNK_OK;
    }
    /* a^2/r + b^2/(width S) is least, with r + width S fixed, where r : width S = a : b. */
    const double a = fabs(spectrum->slope) * config->input_norm * config->weight_norm;
    const double b = sqrt((double)shares->width) * snnk__urf_atoms_spread(atoms, config, inputs);
    const size_t all = left + 1 + shares->width * shares->rows;
    const double wanted = atoms->count == 0 ? (double)all
                          : isinf(b)        ? 0
                                            : a / (a + b) * (double)all;
    const size_t extra = wanted > 1 ? snnk__min_size((size_t)wanted - 1, left) : 0;

    if (atoms->count > 0) shares->rows += (left - extra) / shares->width;
    shares->sketch_rows = all - shares->width * shares->rows;
    return SNNK_OK;
}

/* ---- Rows ---- */

/* Where rows come from: given, or drawn a group at a time. */
typedef struct source {
    const float *G; /* given: rows x d, or NULL */
    size_t ldg;
    int32_t projection;
    uint64_t seed;
    size_t d, group, next; /* next row */
    const snnk_allocator *allocator;
    double *rows; /* group x d; for given rows 1 x d */
} source;

static int source_open(source *from) {
    size_t count;

    from->group = from->G ? 1 : snnk__projection_group(from->projection, from->d);
    if (!snnk__mul_size(from->group, from->d, &count))
        return snnk__fail(SNNK_E_SIZE, "inputs = %zu is too large to draw rows for", from->d);
    return snnk__alloc(from->allocator, count, sizeof *from->rows, "rows", &from->rows);
}

/* *g = the next row, valid until the one after; the caller may change it. */
static int source_next(source *from, double **g) {
    const size_t row = from->next++, within = row % from->group;
    int st = SNNK_OK;

    if (from->G)
        for (size_t k = 0; k < from->d; k++) from->rows[k] = from->G[row * from->ldg + k];
    else if (within == 0)
        st = snnk__projection_rows(from->projection, from->seed, from->d, row, from->allocator,
                                   from->rows);
    *g = from->rows + within * from->d;
    return st;
}

static double norm2(size_t d, const double *g) {
    double sum = 0;

    for (size_t k = 0; k < d; k++) sum += g[k] * g[k];
    return sum;
}

static int fill_urf(snnk__map_block *block, source *from, float *folded) {
    snnk__urf *urf = block->urf;
    double *g;
    int st;

    for (size_t j = 0; j < block->rows; j++) {
        if ((st = source_next(from, &g)) != SNNK_OK) return st;
        urf->norm2[j] = norm2(block->inputs, g);
        snnk__frame_fold(urf->frame, g);
        st = snnk__map_block_set_row(block, j, g, 0, urf->frame->mean, NULL, folded);
        if (st != SNNK_OK) return st;
    }
    snnk__urf_finish(urf);
    return SNNK_OK;
}

static int fill_line(snnk__map_block *block, source *from, float *folded) {
    const snnk__line *line = block->line;
    const size_t d = block->inputs;
    size_t j = 0;
    double *g;
    int st;

    if (!line->frame) {
        for (size_t k = 0; k < d; k++) {
            block->diagonal[k] = 1;
            block->offset[k] = 0;
        }
        return SNNK_OK;
    }
    if (line->frame->weight_mean) {
        st = snnk__map_block_set_row(block, j++, line->frame->weight_mean, 0, line->frame->mean,
                                     NULL, folded);
        if (st != SNNK_OK) return st;
    }
    for (; j < block->rows; j++) {
        if ((st = source_next(from, &g)) != SNNK_OK) return st;
        snnk__frame_fold(line->frame, g);
        for (size_t k = 0; k < d; k++) g[k] /= sqrt((double)line->sketch_rows);
        st = snnk__map_block_set_row(block, j, g, 0, line->frame->mean, NULL, folded);
        if (st != SNNK_OK) return st;
    }
    return SNNK_OK;
}

/* ---- Blocks ---- */

/* Of the activation; a function of the caller's is taken to have no singularity. */
static double strip_of(const snnk_spectrum *spectrum) {
    return spectrum->activation < 0 ? INFINITY : snnk_activation_strip(spectrum->activation);
}

/* What both blocks are made of. */
typedef struct plan {
    const snnk_spectrum *spectrum;
    const snnk_urf_config *config;
    const snnk_frame *frame;
    snnk__urf_shares shares;
    snnk_map_config described; /* what snnk_map_block_config tells */
    const snnk_allocator *allocator;
} plan;

static int make_line(const plan *p, size_t inputs, source *from, float *folded,
                     snnk__map_block **block) {
    const bool omit = p->config->affine == SNNK_URF_AFFINE_OMIT;
    snnk__line *line = NULL;
    int st;

    st = snnk__line_create(p->shares.exact ? NULL : p->frame, omit ? 0 : p->spectrum->intercept,
                           omit ? 0 : p->spectrum->slope, p->allocator, &line);
    if (st != SNNK_OK) return st;
    line->sketch_rows = p->shares.sketch_rows;
    line->spectral_error = p->spectrum->error;
    line->strip = strip_of(p->spectrum);
    st = snnk__map_block_from_line(inputs, &p->described, line, p->allocator, block);
    if (st != SNNK_OK) {
        snnk__line_free(line);
        return st;
    }
    return fill_line(*block, from, folded);
}

static int make_urf(const plan *p, snnk__urf_atoms *atoms, bool has_line, source *from,
                    float *folded, snnk__map_block **block) {
    snnk__urf *urf = NULL;
    int st;

    snnk__urf_atoms_split(atoms, p->config->atoms, p->shares.rows);
    st = snnk__urf_alloc(p->frame, atoms, p->shares.rows, p->allocator, &urf);
    if (st != SNNK_OK) return st;
    snnk__urf_atoms_assign(&urf->atoms, p->config->seed, urf->rows, urf->row_atom);
    if (!has_line) {
        const bool omit = p->config->affine == SNNK_URF_AFFINE_OMIT;

        urf->intercept = omit ? 0 : p->spectrum->intercept;
        urf->spectral_error = p->spectrum->error;
    }
    urf->strip = strip_of(p->spectrum);
    snnk__urf_finish(urf); /* the table's shape: how many features */
    st = snnk__map_block_from_urf(&p->described, urf, p->allocator, block);
    if (st != SNNK_OK) {
        snnk__urf_free(urf);
        return st;
    }
    return fill_urf(*block, from, folded);
}

static int build(const plan *p, size_t inputs, snnk__urf_atoms *atoms, source *from,
                 snnk_map **map) {
    /* Drawn rows of the two parts are independent; given ones are used one after the other. */
    source sketch = *from;
    snnk__map_block *blocks[2] = {NULL, NULL};
    const bool line = p->shares.exact || p->shares.sketch_rows > 0;
    float *folded = NULL;
    size_t n = 0;
    int st;

    sketch.seed ^= sketch_seed;
    st = snnk__alloc(p->allocator, inputs, sizeof *folded, "a row", &folded);
    if (st != SNNK_OK) goto done;
    if (line) {
        if ((st = source_open(&sketch)) != SNNK_OK) goto done;
        st = make_line(p, inputs, &sketch, folded, &blocks[n++]);
        if (st != SNNK_OK) goto done;
        if (from->G) from->next = sketch.next;
    }
    if (p->shares.rows > 0) {
        if ((st = source_open(from)) != SNNK_OK) goto done;
        st = make_urf(p, atoms, line, from, folded, &blocks[n++]);
        if (st != SNNK_OK) goto done;
    }
    st = snnk__map_from_blocks(n, blocks, p->allocator, map);
done:
    snnk__free(p->allocator, folded);
    snnk__free(p->allocator, sketch.rows);
    snnk__free(p->allocator, from->rows);
    snnk__map_block_release(blocks[0]);
    snnk__map_block_release(blocks[1]);
    return st;
}

static int create(size_t inputs, const snnk_spectrum *spectrum, size_t rows, const float *G,
                  size_t ldg, const snnk_urf_config *config, const snnk_frame *frame,
                  snnk_map **map) {
    snnk_frame *neutral = NULL;
    snnk__urf_atoms atoms = {0};
    snnk_allocator allocator;
    snnk_urf_config ours;
    int st;

    if ((st = snnk__urf_config_read(config, frame, inputs, &ours)) != SNNK_OK) return st;
    if ((st = snnk__allocator_read(&allocator, ours.allocator)) != SNNK_OK) return st;
    if (!frame) {
        if ((st = snnk__frame_alloc(inputs, false, 0, &allocator, &neutral)) != SNNK_OK) return st;
        frame = neutral;
    }
    plan p = {.spectrum = spectrum,
              .config = &ours,
              .frame = frame,
              .described = {.size = sizeof(snnk_map_config),
                            .seed = ours.seed,
                            .projection_scale = 1,
                            .order = 1,
                            .activation = SNNK_RELU,
                            .projection = G ? SNNK_PROJECTION_GIVEN : ours.projection},
              .allocator = &allocator};
    source from = {.G = G,
                   .ldg = ldg,
                   .projection = ours.projection,
                   .seed = ours.seed,
                   .d = inputs,
                   .allocator = &allocator};

    st = snnk__urf_atoms_create(spectrum, &ours, inputs, &allocator, &atoms);
    if (st != SNNK_OK) goto done;
    st = snnk__urf_shares_of(spectrum, &ours, frame, inputs, &atoms, &p.shares);
    if (st != SNNK_OK) goto done;
    if (G && rows < p.shares.rows + p.shares.sketch_rows) {
        st = snnk__fail(SNNK_E_SHAPE, "rows = %zu, but %zu features use %zu", rows,
                        (size_t)ours.features, p.shares.rows + p.shares.sketch_rows);
        goto done;
    }
    st = build(&p, inputs, &atoms, &from, map);
done:
    snnk__urf_atoms_free(&allocator, &atoms);
    snnk_frame_free(neutral);
    return st;
}

/* ---- Redrawing ---- */

/* A URF block like another one, its rows to be filled. */
static int urf_like(const snnk__map_block *block, const snnk_map_config *config,
                    const snnk_allocator *allocator, snnk__map_block **like) {
    const snnk__urf *old = block->urf;
    snnk__urf_atoms atoms = old->atoms;
    snnk__urf *urf = NULL;
    int st;

    st = snnk__alloc(allocator, atoms.count, sizeof *atoms.atom, "atoms", &atoms.atom);
    if (st != SNNK_OK) return st;
    memcpy(atoms.atom, old->atoms.atom, atoms.count * sizeof *atoms.atom);
    st = snnk__urf_alloc(old->frame, &atoms, old->rows, allocator, &urf);
    if (st != SNNK_OK) goto done;
    snnk__urf_atoms_assign(&urf->atoms, config->seed, urf->rows, urf->row_atom);
    urf->intercept = old->intercept;
    urf->spectral_error = old->spectral_error;
    urf->strip = old->strip;
    snnk__urf_finish(urf);
    st = snnk__map_block_from_urf(config, urf, allocator, like);
    if (st == SNNK_OK) urf = NULL; /* the block's now */
done:
    snnk__urf_free(urf);
    snnk__urf_atoms_free(allocator, &atoms);
    return st;
}

static int line_like(const snnk__map_block *block, const snnk_map_config *config,
                     const snnk_allocator *allocator, snnk__map_block **like) {
    const snnk__line *old = block->line;
    snnk__line *line = NULL;
    int st;

    st = snnk__line_create(old->frame, old->intercept, old->slope, allocator, &line);
    if (st != SNNK_OK) return st;
    line->sketch_rows = old->sketch_rows;
    line->spectral_error = old->spectral_error;
    line->strip = old->strip;
    st = snnk__map_block_from_line(block->inputs, config, line, allocator, like);
    if (st != SNNK_OK) snnk__line_free(line);
    return st;
}

/* One block again, from given rows that go on where the block before stopped, or drawn. */
static int redraw_block(const snnk__map_block *block, uint64_t seed, source *given, float *folded,
                        const snnk_allocator *allocator, snnk__map_block **like) {
    snnk_map_config config = block->config;
    source from = *given;
    int st;

    config.seed = seed;
    if (given->G) config.projection = SNNK_PROJECTION_GIVEN;
    from.projection = config.projection;
    from.seed = block->line ? seed ^ sketch_seed : seed;
    if (block->urf)
        st = urf_like(block, &config, allocator, like);
    else if (block->line)
        st = line_like(block, &config, allocator, like);
    else
        st = snnk__fail(SNNK_E_UNSUPPORTED, "a block that is not made from a spectrum");
    if (st != SNNK_OK) return st;
    if ((st = source_open(&from)) == SNNK_OK)
        st = block->urf ? fill_urf(*like, &from, folded) : fill_line(*like, &from, folded);
    snnk__free(allocator, from.rows);
    given->next = from.next;
    return st;
}

static int check_redraw(const snnk_map *map, size_t rows, const float *G, size_t ldg) {
    size_t needed = 0;
    int st;

    for (size_t b = 0; b < map->n_blocks; b++) {
        const snnk__map_block *block = map->blocks[b];

        if (!G && block->config.projection == SNNK_PROJECTION_GIVEN)
            return snnk__fail(SNNK_E_UNSUPPORTED,
                              "block %zu has rows that were given: there is no way to draw others",
                              b);
        if (block->urf) needed += block->urf->rows;
        if (block->line) needed += block->line->sketch_rows;
    }
    if (!G) return SNNK_OK;
    if (rows < needed)
        return snnk__fail(SNNK_E_SHAPE, "rows = %zu, but the map uses %zu", rows, needed);
    if ((st = snnk__check_matrix(G, "G", rows, map->inputs, ldg, sizeof *G)) != SNNK_OK) return st;
    return snnk__check_finite(G, "G", rows, map->inputs, ldg);
}

int snnk_map_redraw(const snnk_map *map, uint64_t seed, size_t rows, const float *G, size_t ldg,
                    snnk_map **redrawn) {
    snnk__map_block **blocks = NULL;
    float *folded = NULL;
    int st;

    if ((st = snnk__check_pointer(redrawn, "redrawn")) != SNNK_OK) return st;
    *redrawn = NULL;
    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    if ((st = check_redraw(map, rows, G, ldg)) != SNNK_OK) return st;
    const snnk_allocator *allocator = &map->allocator;
    source given = {.G = G, .ldg = ldg, .d = map->inputs, .allocator = allocator};

    st = snnk__alloc_zero(allocator, map->n_blocks, sizeof *blocks, "blocks", &blocks);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(allocator, map->inputs, sizeof *folded, "a row", &folded);
    for (size_t b = 0; st == SNNK_OK && b < map->n_blocks; b++) {
        if (!G) given.next = 0;
        st = redraw_block(map->blocks[b], seed, &given, folded, allocator, &blocks[b]);
    }
    if (st == SNNK_OK) st = snnk__map_from_blocks(map->n_blocks, blocks, allocator, redrawn);
    for (size_t b = 0; b < map->n_blocks; b++) snnk__map_block_release(blocks[b]);
    snnk__free(allocator, folded);
    snnk__free(allocator, blocks);
    return st;
}

/* ---- Doors ---- */

int snnk_map_create_urf(size_t inputs, const snnk_spectrum *spectrum, const snnk_urf_config *config,
                        const snnk_frame *frame, snnk_map **map) {
    int st;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    *map = NULL;
    if ((st = snnk__check_pointer(spectrum, "spectrum")) != SNNK_OK) return st;
    return create(inputs, spectrum, 0, NULL, 0, config, frame, map);
}

int snnk_map_create_urf_from_rows(size_t inputs, const snnk_spectrum *spectrum, size_t rows,
                                  const float *G, size_t ldg, const snnk_urf_config *config,
                                  const snnk_frame *frame, snnk_map **map) {
    int st;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    *map = NULL;
    if ((st = snnk__check_pointer(spectrum, "spectrum")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(G, "G")) != SNNK_OK) return st;
    if ((st = snnk__check_matrix(G, "G", rows, inputs, ldg, sizeof *G)) != SNNK_OK) return st;
    if ((st = snnk__check_finite(G, "G", rows, inputs, ldg)) != SNNK_OK) return st;
    return create(inputs, spectrum, rows, G, ldg, config, frame, map);
}

int snnk_map_create_softmax(size_t inputs, const snnk_urf_config *config, const snnk_frame *frame,
                            snnk_map **map) {
    snnk_spectrum *spectrum;
    int st;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    *map = NULL;
    if ((st = snnk_spectrum_create(SNNK_EXP, NULL, &spectrum)) != SNNK_OK) return st;
    st = snnk_map_create_urf(inputs, spectrum, config, frame, map);
    snnk_spectrum_free(spectrum);
    return st;
}
