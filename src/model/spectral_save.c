#include "model/spectral_file.h"

static bool describe_frame(cJSON *json, const snnk_frame *frame) {
    cJSON *item = cJSON_AddObjectToObject(json, "frame");
    bool ok = item != NULL;

    ok = ok && cJSON_AddBoolToObject(item, "weights_centered", frame->weight_mean != NULL);
    ok = ok && cJSON_AddNumberToObject(item, "directions", (double)frame->n_directions);
    ok = ok && snnk__put_number(item, "input_norm", frame->input_norm);
    return ok && snnk__put_number(item, "weight_norm", frame->weight_norm);
}

/* Infinities become null. */
static bool describe_facts(cJSON *json, const snnk__spectral_facts *facts) {
    bool ok = snnk__put_number(json, "spectral_error", facts->error);

    ok = ok && snnk__put_number(json, "strip", facts->analyticity_halfwidth);
    ok = ok && snnk__put_number(json, "center", facts->center);
    return ok && snnk__put_number(json, "radius", facts->radius);
}

static bool describe_urf(cJSON *json, const snnk__urf *urf) {
    bool ok = cJSON_AddNumberToObject(json, "rows", (double)urf->rows) != NULL;

    ok = ok && cJSON_AddNumberToObject(json, "drawn_rows", (double)urf->atoms.drawn_rows);
    ok = ok && cJSON_AddNumberToObject(json, "atoms", (double)urf->atoms.count);
    ok = ok && snnk__put_number(json, "theta", urf->atoms.theta);
    ok = ok && cJSON_AddBoolToObject(json, "hyperbolic", urf->atoms.hyperbolic);
    ok = ok && snnk__put_number(json, "intercept", urf->intercept);
    ok = ok && describe_facts(json, &urf->facts);
    return ok && describe_frame(json, urf->frame);
}

static bool describe_line(cJSON *json, const snnk__affine *line) {
    bool ok = cJSON_AddBoolToObject(json, "exact", line->frame == NULL) != NULL;

    ok = ok && snnk__put_number(json, "intercept", line->intercept);
    ok = ok && snnk__put_number(json, "slope", line->slope);
    ok = ok && describe_facts(json, &line->facts);
    return ok && (!line->frame || describe_frame(json, line->frame));
}

bool snnk__spectral_describe(cJSON *json, const snnk__map_block *block) {
    return block->urf ? describe_urf(json, block->urf) : describe_line(json, block->line);
}

static void atoms_source(const void *context, size_t first, size_t count, void *out) {
    const snnk__urf_atoms *atoms = context;
    double *x = out;

    for (size_t e = first; e < first + count; e++) {
        const snnk__urf_atom *a = &atoms->atom[e / SNNK__ATOM_COLUMNS];
        const double row[SNNK__ATOM_COLUMNS] = {[SNNK__ATOM_GROWTH] = creal(a->kappa),
                                                [SNNK__ATOM_OMEGA] = cimag(a->kappa),
                                                [SNNK__ATOM_RE] = creal(a->c),
                                                [SNNK__ATOM_IM] = cimag(a->c),
                                                [SNNK__ATOM_S] = a->s,
                                                [SNNK__ATOM_A] = a->A,
                                                [SNNK__ATOM_SHIFT] = a->shift,
                                                [SNNK__ATOM_SHARE] = a->share,
                                                [SNNK__ATOM_ROWS] = (double)a->rows,
                                                [SNNK__ATOM_PROBABILITY] = a->probability};

        *x++ = row[e % SNNK__ATOM_COLUMNS];
    }
}

static void add_frame(snnk__safetensors_writer *writer, size_t layer, size_t index,
                      const snnk_frame *frame) {
    const size_t d = frame->inputs, k = frame->n_directions, shape[] = {k, d};

    snnk__block_add(writer, layer, index, "mean", SNNK__DTYPE_F64, 1, &d, frame->mean);
    snnk__block_add(writer, layer, index, "scale", SNNK__DTYPE_F64, 1, &d, frame->scale);
    if (frame->weight_mean)
        snnk__block_add(writer, layer, index, "weight_mean", SNNK__DTYPE_F64, 1, &d,
                        frame->weight_mean);
    if (k == 0) return;
    snnk__block_add(writer, layer, index, "directions", SNNK__DTYPE_F64, 2, shape,
                    frame->directions);
    snnk__block_add(writer, layer, index, "stretch", SNNK__DTYPE_F64, 1, &k, frame->stretch);
}

void snnk__spectral_add(snnk__safetensors_writer *writer, size_t layer, size_t index,
                        const snnk__map_block *block) {
    const snnk__urf *urf = block->urf;
    const snnk_frame *frame = urf ? urf->frame : block->line->frame;

    if (frame) add_frame(writer, layer, index, frame);
    if (!urf) return;
    const size_t shape[] = {urf->atoms.count, SNNK__ATOM_COLUMNS};
    snnk__block_add_source(writer, layer, index, "atoms", SNNK__DTYPE_F64, 2, shape, atoms_source,
                           &urf->atoms);
    snnk__block_add(writer, layer, index, "row_atom", SNNK__DTYPE_U32, 1, &urf->rows,
                    urf->row_atom);
    snnk__block_add(writer, layer, index, "norm2", SNNK__DTYPE_F64, 1, &urf->rows, urf->norm2);
}
