/* Everything in the file is untrusted: every number that a tower, a prediction or an index is made
 * from is checked here, so that whatever loads is a map that could have been created. */
#include <float.h>
#include <math.h>

#include "io/bytes.h"
#include "model/spectral_file.h"

/* ---- The description ---- */

typedef struct spectral_description {
    snnk_map_config config;
    size_t rows; /* of G, or of the diagonal */
    double intercept;
    snnk__spectral_facts facts;
    /* the frame; none: an exact LINE */
    bool framed, weights_centered;
    size_t directions;
    double input_norm, weight_norm;
    double slope; /* LINE */
    /* URF */
    size_t atoms, drawn_rows;
    double theta;
    bool hyperbolic;
} spectral_description;

/* Norms are what they may be in a snnk_urf_config, and more; squares of them stay finite. */
static const double largest_norm = 1e100;

static int read_frame_description(const cJSON *json, size_t inputs, spectral_description *block) {
    const cJSON *frame = cJSON_GetObjectItemCaseSensitive(json, "frame");
    int st;

    if (!cJSON_IsObject(frame))
        return snnk__fail(SNNK_E_FORMAT, "\"frame\" is missing or not an object");
    block->framed = true;
    st = snnk__get_bool(frame, "weights_centered", &block->weights_centered);
    if (st != SNNK_OK) return st;
    if ((st = snnk__get_count(frame, "directions", &block->directions)) != SNNK_OK) return st;
    if (block->directions > inputs)
        return snnk__fail(SNNK_E_FORMAT, "\"directions\" is %zu, more than the %zu inputs",
                          block->directions, inputs);
    st = snnk__get_number_within(frame, "input_norm", 0, largest_norm, &block->input_norm);
    if (st != SNNK_OK) return st;
    return snnk__get_number_within(frame, "weight_norm", 0, largest_norm, &block->weight_norm);
}

/* A number >= 0, or null for infinity. */
static int read_length(const cJSON *json, const char *key, double *length) {
    *length = INFINITY;
    if (cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(json, key))) return SNNK_OK;
    return snnk__get_number_within(json, key, 0, DBL_MAX, length);
}

/* What both kinds have. */
static int read_facts(const cJSON *json, spectral_description *block) {
    snnk__spectral_facts *facts = &block->facts;
    int st;

    st = snnk__get_number_within(json, "intercept", -DBL_MAX, DBL_MAX, &block->intercept);
    if (st != SNNK_OK) return st;
    st = snnk__get_number_within(json, "spectral_error", 0, DBL_MAX, &facts->error);
    if (st != SNNK_OK) return st;
    if ((st = read_length(json, "strip", &facts->analyticity_halfwidth)) != SNNK_OK) return st;
    facts->radius = INFINITY; /* files from before the interval was kept do not say */
    if (!cJSON_HasObjectItem(json, "radius")) return SNNK_OK;
    if ((st = read_length(json, "radius", &facts->radius)) != SNNK_OK) return st;
    return snnk__get_number_within(json, "center", -DBL_MAX, DBL_MAX, &facts->center);
}

static int read_line(const cJSON *json, size_t inputs, size_t features,
                     spectral_description *block) {
    bool exact = false;
    int st;

    st = snnk__get_number_within(json, "slope", -DBL_MAX, DBL_MAX, &block->slope);
    if (st != SNNK_OK) return st;
    if ((st = snnk__get_bool(json, "exact", &exact)) != SNNK_OK) return st;
    block->rows = features;
    if (exact) {
        if (features == inputs) return SNNK_OK;
        return snnk__fail(
            SNNK_E_FORMAT,
            "an exact affine block has %zu features but %zu inputs: the numbers must be equal",
            features, inputs);
    }
    if ((st = read_frame_description(json, inputs, block)) != SNNK_OK) return st;
    if (features > (block->weights_centered ? 1u : 0u)) return SNNK_OK;
    return snnk__fail(SNNK_E_FORMAT,
                      "\"features\" is %zu: a sketched affine block needs at least one row",
                      features);
}

static int read_urf(const cJSON *json, size_t inputs, size_t features,
                    spectral_description *block) {
    const double half_pi = 1.570796326794896619231;
    int st;

    if ((st = snnk__get_count(json, "rows", &block->rows)) != SNNK_OK) return st;
    if ((st = snnk__get_count(json, "drawn_rows", &block->drawn_rows)) != SNNK_OK) return st;
    if ((st = snnk__get_count(json, "atoms", &block->atoms)) != SNNK_OK) return st;
    st = snnk__get_number_within(json, "theta", 0, half_pi, &block->theta);
    if (st != SNNK_OK) return st;
    if ((st = snnk__get_bool(json, "hyperbolic", &block->hyperbolic)) != SNNK_OK) return st;
    if (block->rows == 0 || block->atoms == 0 || block->drawn_rows > block->rows)
        return snnk__fail(SNNK_E_FORMAT,
                          "\"rows\" is %zu, \"drawn_rows\" is %zu and \"atoms\" is %zu: there must "
                          "be at least one row and one atom, and no more drawn rows than rows",
                          block->rows, block->drawn_rows, block->atoms);
    /* 1, 2 or 4 of a row: which of these is known when the atoms are. */
    if (features / block->rows > 4 || features % block->rows != 0)
        return snnk__fail(SNNK_E_FORMAT, "%zu features cannot come from %zu rows", features,
                          block->rows);
    return read_frame_description(json, inputs, block);
}

static int read_description(const cJSON *json, size_t inputs, spectral_description *block) {
    snnk_map_config *config = &block->config;
    size_t features = 0;
    int st;

    *block = (spectral_description){0};
    snnk_map_config_init(config, sizeof *config);
    st = snnk__get_name(json, "kind", snnk__kind_names, SNNK_MAP_AFFINE + 1, &config->kind);
    if (st != SNNK_OK) return st;
    st = snnk__get_projection(json, &config->projection);
    if (st != SNNK_OK) return st;
    if (config->projection == SNNK_PROJECTION_FOLDED)
        return snnk__fail(SNNK_E_FORMAT, "\"projection\" is \"folded\" in a block from a spectrum");
    if ((st = snnk__get_seed(json, &config->seed)) != SNNK_OK) return st;
    if ((st = snnk__get_count(json, "features", &features)) != SNNK_OK) return st;
    if (features == 0) return snnk__fail(SNNK_E_FORMAT, "\"features\" is 0: at least 1 is needed");
    config->features = features;
    if ((st = read_facts(json, block)) != SNNK_OK) return st;
    return config->kind == SNNK_MAP_URF ? read_urf(json, inputs, features, block)
                                        : read_line(json, inputs, features, block);
}

/* ---- Tensors that have to be there ---- */

static int find_frame(const snnk__safetensors_reader *reader, size_t layer, size_t index,
                      size_t inputs, const spectral_description *block) {
    const size_t shape[] = {block->directions, inputs};
    int st;

    st = snnk__block_find(reader, layer, index, "mean", SNNK__DTYPE_F64, 1, &inputs);
    if (st != SNNK_OK) return st;
    st = snnk__block_find(reader, layer, index, "scale", SNNK__DTYPE_F64, 1, &inputs);
    if (st != SNNK_OK) return st;
    if (block->weights_centered) {
        st = snnk__block_find(reader, layer, index, "weight_mean", SNNK__DTYPE_F64, 1, &inputs);
        if (st != SNNK_OK) return st;
    }
    if (block->directions == 0) return SNNK_OK;
    st = snnk__block_find(reader, layer, index, "directions", SNNK__DTYPE_F64, 2, shape);
    if (st != SNNK_OK) return st;
    return snnk__block_find(reader, layer, index, "stretch", SNNK__DTYPE_F64, 1, shape);
}

int snnk__spectral_check(const snnk__safetensors_reader *reader, const cJSON *json, size_t layer,
                         size_t index, size_t inputs, size_t *features) {
    spectral_description block;
    int st;

    if ((st = read_description(json, inputs, &block)) != SNNK_OK) return st;
    st = snnk__block_find_rows(reader, layer, index, block.rows, inputs, !block.framed);
    if (st != SNNK_OK) return st;
    if (block.framed && (st = find_frame(reader, layer, index, inputs, &block)) != SNNK_OK)
        return st;
    if (block.config.kind == SNNK_MAP_URF) {
        const size_t shape[] = {block.atoms, SNNK__ATOM_COLUMNS};

        st = snnk__block_find(reader, layer, index, "atoms", SNNK__DTYPE_F64, 2, shape);
        if (st != SNNK_OK) return st;
        st = snnk__block_find(reader, layer, index, "row_atom", SNNK__DTYPE_U32, 1, &block.rows);
        if (st != SNNK_OK) return st;
        st = snnk__block_find(reader, layer, index, "norm2", SNNK__DTYPE_F64, 1, &block.rows);
        if (st != SNNK_OK) return st;
    }
    *features = (size_t)block.config.features;
    return SNNK_OK;
}

/* ---- Frames ---- */

/* Where a block's tensors are. */
typedef struct place {
    const snnk__safetensors_reader *reader;
    const snnk_allocator *allocator;
    size_t layer, index;
} place;

static int read_f64(const place *at, const char *what, size_t n_dims, const size_t *dims,
                    double *out) {

    return snnk__block_read_f64(at->reader, at->layer, at->index, what, n_dims, dims, out);
}

/* A scale and a stretch are divided by; the inverse of a subnormal number is not finite. */
static int check_frame(const snnk_frame *frame) {
    for (size_t k = 0; k < frame->inputs; k++)
        if (!isfinite(1 / frame->scale[k]))
            return snnk__fail(SNNK_E_FORMAT, "scale[%zu] = %g has no finite inverse", k,
                              frame->scale[k]);
    for (size_t i = 0; i < frame->n_directions; i++)
        if (!(frame->stretch[i] > 0 && isfinite(1 / frame->stretch[i])))
            return snnk__fail(SNNK_E_FORMAT, "stretch[%zu] = %g is not above 0", i,
                              frame->stretch[i]);
    return SNNK_OK;
}

static int load_frame(const place *at, size_t inputs, const spectral_description *block,
                      snnk_frame **frame) {
    const size_t shape[] = {block->directions, inputs};
    snnk_frame *made;
    int st;

    st =
        snnk__frame_alloc(inputs, block->weights_centered, block->directions, at->allocator, &made);
    if (st != SNNK_OK) return st;
    made->input_norm = block->input_norm;
    made->weight_norm = block->weight_norm;
    if ((st = read_f64(at, "mean", 1, &inputs, made->mean)) != SNNK_OK) goto done;
    if ((st = read_f64(at, "scale", 1, &inputs, made->scale)) != SNNK_OK) goto done;
    if (made->weight_mean) {
        st = read_f64(at, "weight_mean", 1, &inputs, made->weight_mean);
        if (st != SNNK_OK) goto done;
    }
    if (block->directions > 0) {
        if ((st = read_f64(at, "directions", 2, shape, made->directions)) != SNNK_OK) goto done;
        if ((st = read_f64(at, "stretch", 1, shape, made->stretch)) != SNNK_OK) goto done;
    }
    if ((st = check_frame(made)) != SNNK_OK) goto done;
    *frame = made;
    made = NULL;
done:
    snnk_frame_free(made);
    return st;
}

/* ---- Atoms ---- */

/* One row of the tensor; `rows`: of G. Finite numbers. */
static int read_atom(const double *row, size_t k, size_t rows, snnk__urf_atom *atom) {
    const double count = row[SNNK__ATOM_ROWS];

    if (!(row[SNNK__ATOM_S] > 0))
        return snnk__fail(SNNK_E_FORMAT, "atom %zu: s = %g is not above 0", k, row[SNNK__ATOM_S]);
    if (!(row[SNNK__ATOM_A] < 0.125))
        return snnk__fail(SNNK_E_FORMAT, "atom %zu: A = %g is not below 1/8", k, row[SNNK__ATOM_A]);
    if (!(row[SNNK__ATOM_SHARE] >= 0 && row[SNNK__ATOM_SHARE] <= 1))
        return snnk__fail(SNNK_E_FORMAT, "atom %zu: share = %g is not in 0 ... 1", k,
                          row[SNNK__ATOM_SHARE]);
    if (!(row[SNNK__ATOM_PROBABILITY] >= 0 && row[SNNK__ATOM_PROBABILITY] <= 1))
        return snnk__fail(SNNK_E_FORMAT, "atom %zu: probability = %g is not in 0 ... 1", k,
                          row[SNNK__ATOM_PROBABILITY]);
    if (!(count >= 0 && count <= (double)rows) || count != floor(count))
        return snnk__fail(SNNK_E_FORMAT,
                          "atom %zu has %g rows: the number must be whole and at most %zu", k,
                          count, rows);
    if (count > 0 && row[SNNK__ATOM_PROBABILITY] > 0)
        return snnk__fail(SNNK_E_FORMAT,
                          "atom %zu has both fixed rows and a probability to be drawn", k);
    *atom = (snnk__urf_atom){.kappa = row[SNNK__ATOM_GROWTH] + I * row[SNNK__ATOM_OMEGA],
                             .c = row[SNNK__ATOM_RE] + I * row[SNNK__ATOM_IM],
                             .s = row[SNNK__ATOM_S],
                             .A = row[SNNK__ATOM_A],
                             .shift = row[SNNK__ATOM_SHIFT],
                             .share = row[SNNK__ATOM_SHARE],
                             .rows = (uint64_t)count,
                             .probability = row[SNNK__ATOM_PROBABILITY]};
    return SNNK_OK;
}

static int load_atoms(const place *at, const spectral_description *block, snnk__urf_atoms *atoms) {
    const size_t shape[] = {block->atoms, SNNK__ATOM_COLUMNS};
    snnk__urf_atoms made = {.count = block->atoms,
                            .drawn_rows = block->drawn_rows,
                            .theta = block->theta,
                            .hyperbolic = block->hyperbolic};
    double *numbers = NULL;
    int st;

    st = snnk__alloc(at->allocator, made.count, sizeof *made.atom, "atoms", &made.atom);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(at->allocator, made.count, SNNK__ATOM_COLUMNS * sizeof *numbers, "atoms",
                     &numbers);
    if (st != SNNK_OK) goto done;
    if ((st = read_f64(at, "atoms", 2, shape, numbers)) != SNNK_OK) goto done;
    for (size_t k = 0; k < made.count; k++) {
        st = read_atom(numbers + k * SNNK__ATOM_COLUMNS, k, block->rows, &made.atom[k]);
        if (st != SNNK_OK) goto done;
    }
    *atoms = made;
    made.atom = NULL;
done:
    snnk__free(at->allocator, numbers);
    snnk__free(at->allocator, made.atom);
    return st;
}

/* ---- Rows of atoms ---- */

/* Rows that are certain come first, in the order of the atoms, each as often as its atom says; the
 * drawn ones are the rest, of atoms that are drawn. */
static int check_rows(const snnk__urf *urf) {
    const snnk__urf_atoms *atoms = &urf->atoms;
    size_t j = 0;

    for (size_t k = 0; k < atoms->count; k++) {
        if (atoms->atom[k].rows > urf->rows - j)
            return snnk__fail(
                SNNK_E_FORMAT,
                "the atoms have more fixed rows in total than the %zu rows of the block",
                urf->rows);
        for (uint64_t i = 0; i < atoms->atom[k].rows; i++, j++)
            if (urf->row_atom[j] != k)
                return snnk__fail(SNNK_E_FORMAT, "row %zu has atom %lu instead of %zu", j,
                                  (unsigned long)urf->row_atom[j], k);
    }
    if (urf->rows - j != atoms->drawn_rows)
        return snnk__fail(SNNK_E_FORMAT,
                          "%zu fixed rows and %zu drawn rows do not add up to %zu rows", j,
                          (size_t)atoms->drawn_rows, urf->rows);
    for (; j < urf->rows; j++) {
        const uint32_t k = urf->row_atom[j];

        if (k >= atoms->count || atoms->atom[k].probability == 0)
            return snnk__fail(SNNK_E_FORMAT, "row %zu has atom %lu, which is not drawn", j,
                              (unsigned long)k);
    }
    for (j = 0; j < urf->rows; j++)
        if (urf->norm2[j] < 0)
            return snnk__fail(SNNK_E_FORMAT, "norm2[%zu] = %g is negative", j, urf->norm2[j]);
    return SNNK_OK;
}

static int read_row_atoms(const place *at, size_t rows, uint32_t *row_atom) {
    const snnk__safetensors_tensor *tensor;
    char name[SNNK__TENSOR_NAME_BYTES];
    int st;

    snnk__block_tensor(name, at->layer, at->index, "row_atom");
    st = snnk__safetensors_find(at->reader, name, SNNK__DTYPE_U32, 1, &rows, &tensor);
    if (st != SNNK_OK) return st;
    for (size_t j = 0; j < rows; j++) row_atom[j] = snnk__load_u32(tensor->data + 4 * j, false);
    return SNNK_OK;
}

/* ---- Blocks ---- */

static int load_urf(const place *at, const spectral_description *description,
                    const snnk_frame *frame, snnk__map_block **block) {
    snnk__urf_atoms atoms = {0};
    snnk__urf *urf = NULL;
    int st;

    if ((st = load_atoms(at, description, &atoms)) != SNNK_OK) goto done;
    st = snnk__urf_alloc(frame, &atoms, description->rows, at->allocator, &urf);
    if (st != SNNK_OK) goto done;
    urf->intercept = description->intercept;
    urf->facts = description->facts;
    if ((st = read_row_atoms(at, urf->rows, urf->row_atom)) != SNNK_OK) goto done;
    if ((st = read_f64(at, "norm2", 1, &urf->rows, urf->norm2)) != SNNK_OK) goto done;
    if ((st = check_rows(urf)) != SNNK_OK) goto done;
    snnk__urf_finish(urf);
    if (urf->rows * urf->table.signs * urf->table.parts != description->config.features) {
        st = snnk__fail(SNNK_E_FORMAT, "\"features\" is %zu, but each of the %zu rows gives %zu",
                        (size_t)description->config.features, urf->rows,
                        urf->table.signs * urf->table.parts);
        goto done;
    }
    st = snnk__map_block_from_urf(&description->config, urf, at->allocator, block);
    if (st == SNNK_OK) urf = NULL;
done:
    snnk__urf_free(urf);
    snnk__urf_atoms_free(at->allocator, &atoms);
    return st;
}

static int load_line(const place *at, size_t inputs, const spectral_description *description,
                     const snnk_frame *frame, snnk__map_block **block) {
    snnk__affine *line;
    int st;

    st = snnk__affine_create(frame, description->intercept, description->slope, at->allocator,
                             &line);
    if (st != SNNK_OK) return st;
    if (frame) line->sketch_rows = description->rows - (frame->weight_mean != NULL);
    line->facts = description->facts;
    st = snnk__map_block_from_affine(inputs, &description->config, line, at->allocator, block);
    if (st != SNNK_OK) snnk__affine_free(line);
    return st;
}

/* The features of an exact line are the inputs themselves: its weight tower takes that as given. */
static int check_diagonal(const snnk__map_block *block) {
    const bool diagonal = snnk__map_block_is_diagonal(block);

    for (size_t k = 0; diagonal && k < block->inputs; k++)
        if (block->linear.numbers[k] != 1 || block->linear.offset[k] != 0)
            return snnk__fail(SNNK_E_FORMAT, "feature %zu of an exact line is not input %zu", k, k);
    return SNNK_OK;
}

int snnk__spectral_load(const snnk__safetensors_reader *reader, const snnk_allocator *allocator,
                        const cJSON *json, size_t layer, size_t index, size_t inputs,
                        snnk__map_block **block) {
    const place at = {reader, allocator, layer, index};
    spectral_description description;
    snnk_frame *frame = NULL;
    snnk__map_block *made = NULL;
    int st;

    if ((st = read_description(json, inputs, &description)) != SNNK_OK) return st;
    if (description.framed && (st = load_frame(&at, inputs, &description, &frame)) != SNNK_OK)
        goto done;
    st = description.config.kind == SNNK_MAP_URF
             ? load_urf(&at, &description, frame, &made)
             : load_line(&at, inputs, &description, frame, &made);
    if (st != SNNK_OK) goto done;
    st = snnk__block_read_rows(reader, allocator, layer, index, made);
    if (st == SNNK_OK) st = check_diagonal(made);
    if (st != SNNK_OK) goto done;
    *block = made;
    made = NULL;
done:
    snnk__map_block_release(made);
    snnk_frame_free(frame);
    return st;
}
