/* Maps from spectra: how many rows each part gets, and drawing those rows. */
#include <math.h>

#include "base/size.h"
#include "map/affine.h"
#include "map/map.h"
#include "map/spectral.h"
#include "map/urf_create.h"
#include "projection/projection.h"

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

/* ---- Names ---- */

static const char *const form_names[] = {[SNNK_URF_POSITIVE] = "positive",
                                         [SNNK_URF_TRIGONOMETRIC] = "trigonometric",
                                         [SNNK_URF_COMPLEX] = "complex"};

static const char *const atoms_names[] = {[SNNK_URF_STRATIFIED] = "stratified",
                                          [SNNK_URF_IMPORTANCE] = "importance",
                                          [SNNK_URF_AMPLITUDE] = "amplitude"};

static const char *const affine_names[] = {[SNNK_URF_AFFINE_AUTO] = "auto",
                                           [SNNK_URF_AFFINE_EXACT] = "exact",
                                           [SNNK_URF_AFFINE_SKETCH] = "sketch",
                                           [SNNK_URF_AFFINE_OMIT] = "omit"};

const char *snnk_urf_form_name(int32_t form) {
    return form >= 0 && form <= SNNK_URF_COMPLEX ? form_names[form] : NULL;
}

const char *snnk_urf_atoms_name(int32_t atoms) {
    return atoms >= 0 && atoms <= SNNK_URF_AMPLITUDE ? atoms_names[atoms] : NULL;
}

const char *snnk_urf_affine_name(int32_t affine) {
    return affine >= 0 && affine <= SNNK_URF_AFFINE_OMIT ? affine_names[affine] : NULL;
}

/* ---- Settings ---- */

static int check_config(const snnk_urf_config *c) {
    const double half_pi = 1.570796326794896619231;
    int st;

    if (c->A != SNNK_A_OPTIMAL && (st = snnk__check_within(c->A, -1e6, 0.124, "A")) != SNNK_OK)
        return st;
    if ((st = snnk__check_within(c->input_norm, 0, 1e30, "input_norm")) != SNNK_OK) return st;
    if ((st = snnk__check_within(c->weight_norm, 0, 1e30, "weight_norm")) != SNNK_OK) return st;
    if (c->scale != 0 && (st = snnk__check_within(c->scale, 1e-6, 1e6, "scale")) != SNNK_OK)
        return st;
    if ((st = snnk__check_within(c->angle, 0, half_pi, "angle")) != SNNK_OK) return st;
    if ((st = snnk__check_enum(c->form, SNNK_URF_COMPLEX + 1, "form")) != SNNK_OK) return st;
    if ((st = snnk__check_enum(c->hyperbolic, 2, "hyperbolic")) != SNNK_OK) return st;
    st = snnk__check_enum(c->sampled_weights, 2, "sampled_weights");
    if (st != SNNK_OK) return st;
    if ((st = snnk__check_enum(c->atoms, SNNK_URF_AMPLITUDE + 1, "atoms")) != SNNK_OK) return st;
    if ((st = snnk__check_enum(c->affine, SNNK_URF_AFFINE_OMIT + 1, "affine")) != SNNK_OK)
        return st;
    if ((st = snnk__projection_check(c->projection)) != SNNK_OK) return st;
    if (c->features == 0) return snnk__fail(SNNK_E_SHAPE, "features = 0: at least 1 is needed");
    if (c->features > (uint64_t)1 << 32 || c->features > SIZE_MAX)
        return snnk__fail(SNNK_E_SIZE, "features = %llu is more than 2^32, or does not fit size_t",
                          (unsigned long long)c->features);
    return SNNK_OK;
}

int snnk__urf_config_read(const snnk_urf_config *config, const snnk_frame *frame, size_t inputs,
                          snnk_urf_config *ours) {
    int st;

    *ours = defaults;
    st = snnk__config_read(ours, sizeof *ours, CONFIG_MINIMUM, config, "urf config");
    if (st != SNNK_OK) return st;
    if (inputs == 0) return snnk__fail(SNNK_E_SHAPE, "inputs = 0: a map needs at least 1");
    if (frame && frame->inputs != inputs)
        return snnk__fail(SNNK_E_SHAPE, "the frame has %zu inputs, but the map has %zu",
                          frame->inputs, inputs);
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
    if (atoms->count == 0 && !line) { /* a constant needs one feature, which does not count */
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
    left -= needed; /* what remains beyond one row of each kind */
    if (atoms->count > 0) shares->rows = 1;
    if (line && !shares->exact) shares->sketch_rows = 1;
    if (shares->sketch_rows == 0) {
        if (atoms->count > 0) shares->rows += left / shares->width;
        return SNNK_OK;
    }
    /* With r + width S fixed, a^2/r + b^2/(width S) is least if r : width S = a : b. */
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

/* ---- Blocks ---- */

/* What the features are made from. */
typedef struct plan {
    const snnk_spectrum *spectrum;
    const snnk_urf_config *config;
    const snnk_frame *frame;
    snnk__urf_shares shares;
    snnk_map_config described; /* the config that the blocks report */
    const snnk_allocator *allocator;
} plan;

/* Without its affine part an estimate is not one of f. */
static snnk__spectral_facts facts_of(const plan *p) {
    snnk__spectral_facts facts = snnk__spectral_facts_of(p->spectrum);

    if (p->config->affine == SNNK_URF_AFFINE_OMIT) facts.target = SNNK__TARGET_VALUE;
    return facts;
}

static int make_affine(const plan *p, size_t inputs, snnk__row_source *source, float *folded,
                       snnk__map_block **block) {
    const bool omit = p->config->affine == SNNK_URF_AFFINE_OMIT;
    const snnk__affine affine = {.frame = p->shares.exact ? NULL : p->frame,
                                 .intercept = omit ? 0 : p->spectrum->intercept,
                                 .slope = omit ? 0 : p->spectrum->slope,
                                 .sketch_rows = p->shares.sketch_rows,
                                 .facts = facts_of(p)};

    return snnk__affine_create(&affine, inputs, &p->described, source, folded, p->allocator, block);
}

/* affine: another block has the affine part, and reports the error of the spectrum. */
static int make_spectral(const plan *p, snnk__urf_atoms *atoms, bool affine,
                         snnk__row_source *source, float *folded, snnk__urf_summary *summary,
                         snnk__map_block **block) {
    snnk__urf *urf = NULL;
    int st;

    snnk__urf_atoms_split(atoms, p->config->atoms, p->shares.rows);
    summary->A = atoms->atom[0].A;
    st = snnk__urf_alloc(p->frame, atoms, p->shares.rows, p->allocator, &urf);
    if (st != SNNK_OK) return st;
    snnk__urf_atoms_assign(&urf->atoms, p->config->seed, urf->rows, urf->row_atom);
    urf->facts = facts_of(p);
    if (affine) {
        urf->facts.error = 0;
        if (urf->facts.target >= 0) urf->facts.target = SNNK__TARGET_PART;
    } else if (p->config->affine != SNNK_URF_AFFINE_OMIT)
        urf->intercept = p->spectrum->intercept;
    return snnk__spectral_create(urf, &p->described, source, folded, p->allocator, block);
}

static int build(const plan *p, size_t inputs, snnk__urf_atoms *atoms, snnk__row_source *source,
                 snnk__urf_summary *summary, snnk_map **map) {
    snnk__map_block *blocks[2] = {NULL, NULL};
    const bool affine = p->shares.exact || p->shares.sketch_rows > 0;
    float *folded = NULL;
    size_t n = 0;
    int st;

    st = snnk__alloc(p->allocator, inputs, sizeof *folded, "a row", &folded);
    if (st != SNNK_OK) goto done;
    if (affine) {
        st = make_affine(p, inputs, source, folded, &blocks[n]);
        if (st != SNNK_OK) goto done;
        summary->affine_features = blocks[n++]->features;
    }
    if (p->shares.rows > 0) {
        st = make_spectral(p, atoms, affine, source, folded, summary, &blocks[n]);
        if (st != SNNK_OK) goto done;
        n++;
    }
    st = snnk__map_from_blocks(n, blocks, p->allocator, map);
done:
    snnk__free(p->allocator, folded);
    snnk__row_source_free(source);
    snnk__map_block_release(blocks[0]);
    snnk__map_block_release(blocks[1]);
    return st;
}

static int create(size_t inputs, const snnk_spectrum *spectrum, size_t rows, const float *G,
                  size_t ldg, const snnk_urf_config *config, const snnk_frame *frame,
                  snnk__urf_summary *summary, snnk_map **map) {
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
    snnk__row_source source = {.kind = snnk__projection_get(ours.projection),
                               .seed = ours.seed,
                               .G = G,
                               .ldg = ldg,
                               .d = inputs,
                               .allocator = &allocator};

    st = snnk__urf_atoms_create(spectrum, &ours, inputs, &allocator, &atoms);
    if (st != SNNK_OK) goto done;
    st = snnk__urf_shares_of(spectrum, &ours, frame, inputs, &atoms, &p.shares);
    if (st != SNNK_OK) goto done;
    if (G && rows < p.shares.rows + p.shares.sketch_rows) {
        st = snnk__fail(SNNK_E_SHAPE, "rows = %zu, but a map of %zu features uses %zu rows", rows,
                        (size_t)ours.features, p.shares.rows + p.shares.sketch_rows);
        goto done;
    }
    st = build(&p, inputs, &atoms, &source, summary, map);
done:
    snnk__urf_atoms_free(&allocator, &atoms);
    snnk_frame_free(neutral);
    return st;
}

/* ---- Entry points ---- */

int snnk__urf_create(size_t inputs, const snnk_spectrum *spectrum, const snnk_urf_config *config,
                     const snnk_frame *frame, snnk__urf_summary *summary, snnk_map **map) {
    *summary = (snnk__urf_summary){0};
    return create(inputs, spectrum, 0, NULL, 0, config, frame, summary, map);
}

int snnk_map_create_urf(size_t inputs, const snnk_spectrum *spectrum, const snnk_urf_config *config,
                        const snnk_frame *frame, snnk_map **map) {
    snnk__urf_summary summary;
    int st;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    *map = NULL;
    if ((st = snnk__check_pointer(spectrum, "spectrum")) != SNNK_OK) return st;
    return snnk__urf_create(inputs, spectrum, config, frame, &summary, map);
}

int snnk_map_create_urf_from_rows(size_t inputs, const snnk_spectrum *spectrum, size_t rows,
                                  const float *G, size_t ldg, const snnk_urf_config *config,
                                  const snnk_frame *frame, snnk_map **map) {
    snnk__urf_summary summary = {0};
    int st;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    *map = NULL;
    if ((st = snnk__check_pointer(spectrum, "spectrum")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(G, "G")) != SNNK_OK) return st;
    if ((st = snnk__check_matrix(G, "G", rows, inputs, ldg, sizeof *G)) != SNNK_OK) return st;
    if ((st = snnk__check_finite(G, "G", rows, inputs, ldg)) != SNNK_OK) return st;
    return create(inputs, spectrum, rows, G, ldg, config, frame, &summary, map);
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
