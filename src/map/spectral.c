/* URF: atoms of a spectrum, as universal random features. Created by snnk_map_create_urf. */
#include "map/spectral.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "map/folded.h"
#include "map/urf_table.h"

static const snnk__urf *data_of(const snnk__map_block *block) { return block->data; }

/* ---- Creating ---- */

/* Create a block with room for its rows, and the table of urf. Takes ownership of urf, also on
 * failure. */
static int begin(snnk__urf *urf, const snnk_map_config *config, const snnk_allocator *allocator,
                 snnk__map_block **block) {
    const size_t features = urf->rows * urf->table.signs * urf->table.parts;
    snnk_map_config ours = *config;
    snnk__map_block *made;
    int st;

    ours.kind = SNNK_MAP_URF;
    st = snnk__map_block_alloc(&snnk__map_spectral, &ours, features, allocator, &made);
    if (st != SNNK_OK) {
        snnk__urf_free(urf);
        return st;
    }
    made->data = urf;
    made->function = snnk__urf_function(&urf->table);
    st = snnk__linear_create_dense(&made->linear, urf->frame->inputs, urf->rows, allocator);
    if (st == SNNK_OK)
        *block = made;
    else
        snnk__map_block_release(made);
    return st;
}

static void release(snnk__map_block *block) { snnk__urf_free(block->data); }

static int fill(snnk__map_block *block, snnk__row_source *source, float *folded) {
    snnk__urf *urf = block->data;
    double *g;
    int st;

    for (size_t j = 0; j < block->linear.rows; j++) {
        if ((st = snnk__row_source_next(source, &g)) != SNNK_OK) return st;
        urf->norm2[j] = 0;
        for (size_t k = 0; k < block->linear.inputs; k++) urf->norm2[j] += g[k] * g[k];
        snnk__frame_fold(urf->frame, g);
        st = snnk__linear_set_row(&block->linear, j, g, 0, urf->frame->mean, NULL, folded);
        if (st != SNNK_OK) return st;
    }
    snnk__urf_finish(urf);
    return SNNK_OK;
}

int snnk__spectral_create(snnk__urf *urf, const snnk_map_config *config, snnk__row_source *source,
                          float *folded, const snnk_allocator *allocator, snnk__map_block **block) {
    snnk__map_block *made;
    int st;

    snnk__urf_finish(urf); /* sets the shape of the table, and so the number of features */
    if ((st = begin(urf, config, allocator, &made)) != SNNK_OK) return st;
    st = fill(made, source, folded);
    if (st == SNNK_OK)
        *block = made;
    else
        snnk__map_block_release(made);
    return st;
}

/* ---- Blocks made from this one ---- */

static size_t rows_to_redraw(const snnk__map_block *block) { return block->linear.rows; }

/* The new block has the same atoms, frame, scales and split of rows. */
static int redraw(const snnk__map_block *block, const snnk_map_config *config,
                  snnk__row_source *source, float *folded, const snnk_allocator *allocator,
                  snnk__map_block **redrawn) {
    const snnk__urf *old = data_of(block);
    snnk__urf_atoms atoms = old->atoms;
    snnk__urf *urf = NULL;
    int st;

    st = snnk__alloc(allocator, atoms.count, sizeof *atoms.atom, "atoms", &atoms.atom);
    if (st != SNNK_OK) return st;
    memcpy(atoms.atom, old->atoms.atom, atoms.count * sizeof *atoms.atom);
    st = snnk__urf_alloc(old->frame, &atoms, old->rows, allocator, &urf);
    if (st == SNNK_OK) {
        snnk__urf_atoms_assign(&urf->atoms, config->seed, urf->rows, urf->row_atom);
        urf->intercept = old->intercept;
        urf->facts = old->facts;
        st = snnk__spectral_create(urf, config, source, folded, allocator, redrawn);
    }
    snnk__urf_atoms_free(allocator, &atoms);
    return st;
}

/* ---- The kernel ---- */

static void weights(const snnk__map_block *block, const snnk__weight_rows *rows, size_t first,
                    size_t count, float *Psi, float *scratch) {
    const snnk__urf *urf = data_of(block);
    const size_t d = rows->inputs, r = block->linear.rows;
    double *framed = (double *)scratch;
    float *dual = scratch + 2 * d, *V = dual + SNNK__WEIGHT_ROWS * d;
    snnk__framed_weight weight[SNNK__WEIGHT_ROWS];

    for (size_t i = 0; i < count; i++)
        weight[i] = snnk__frame_dual(urf->frame, rows->W + (first + i) * rows->ldw,
                                     rows->b ? rows->b[first + i] : 0, framed, dual + i * d);
    snnk__kernels_get()->project(count, dual, d, &block->linear.G, NULL, 0, r, V, r);
    for (size_t i = 0; i < count; i++) {
        snnk__urf_weights(urf, &weight[i], V + i * r, Psi + i * rows->ldpsi);
        if (rows->bias) rows->bias[first + i] += (float)urf->intercept;
    }
}

static bool biased(const snnk__map_block *block) { return data_of(block)->intercept != 0; }

/* Re sum_k c_k exp(kappa_k z) at z = w.x + b. */
static int exact(const snnk__map_block *block, const float *x, const float *w, double b,
                 double *value) {
    const snnk__urf *urf = data_of(block);
    const int st = snnk__map_block_check_drawn(block);
    double z = b;

    if (st != SNNK_OK) return st;
    for (size_t k = 0; k < block->linear.inputs; k++) z += (double)x[k] * w[k];
    *value = urf->intercept;
    for (size_t k = 0; k < urf->atoms.count; k++) {
        const snnk__urf_atom *atom = &urf->atoms.atom[k];
        const double angle = cimag(atom->kappa) * z;

        *value += exp(creal(atom->kappa) * z) *
                  (creal(atom->c) * cos(angle) - cimag(atom->c) * sin(angle));
    }
    return SNNK_OK;
}

/* ---- Prediction ---- */

static double place(const snnk__map_block *block, bool weights_row, const float *x, double b,
                    double *row) {
    row[block->linear.inputs] = 0;
    return snnk__frame_place(data_of(block)->frame, weights_row, x, b, row);
}

/* Logarithm of the largest |Lambda_g(alpha x) Lambda_g(beta w)| over g; infinite unless A < 0. */
static double log_largest(const snnk__urf_pairing *pairing, size_t d, const snnk__urf_products *p) {
    const double complex alpha = pairing->alpha, beta = pairing->beta;
    const double a = creal(alpha), b = creal(beta), A = pairing->A;
    const double along = a * a * p->xx + b * b * p->ww + 2 * a * b * p->xw;

    if (A > 0 || (A == 0 && along > 0)) return INFINITY;
    return (double)d / 2 * log1p(-4 * A) - creal(alpha * alpha * p->xx + beta * beta * p->ww) / 2 +
           (A < 0 ? (1 - 4 * A) * along / (-8 * A) : 0);
}

/* The sum over rows of c_j^2: a row of atom k adds at most |c_k e^(kappa offset)| max|H| /
 * count. */
static double bound2(const snnk__urf_atoms *atoms, size_t d, const snnk__urf_products *p,
                     double offset) {
    double sum = 0, largest_drawn = 0;

    for (size_t k = 0; k < atoms->count; k++) {
        const snnk__urf_atom *a = &atoms->atom[k];
        const snnk__urf_pairing pairing = snnk__urf_atom_pairing(atoms, k);
        const double most =
            cabs(a->c) * exp(creal(a->kappa) * offset + log_largest(&pairing, d, p));

        if (a->rows > 0)
            sum += most * most / (double)a->rows;
        else
            largest_drawn = fmax(largest_drawn, most / a->probability);
    }
    if (atoms->drawn_rows > 0) sum += largest_drawn * largest_drawn / (double)atoms->drawn_rows;
    return sum;
}

static int error(const snnk__map_block *block, const snnk__urf_products *p, double offset,
                 snnk__pair_error *of) {
    const snnk__urf *urf = data_of(block);
    const size_t d = block->linear.inputs;
    const int st = snnk__map_block_check_drawn(block);

    if (st != SNNK_OK) return st;
    snnk__urf_atoms_error(&urf->atoms, d, p, offset, &of->value, &of->variance);
    of->value += urf->intercept;
    of->bound2 = bound2(&urf->atoms, d, p, offset);
    return SNNK_OK;
}

static double fourth(const snnk__map_block *block, const snnk__urf_products *p, double offset) {
    return snnk__urf_atoms_fourth(&data_of(block)->atoms, block->linear.inputs, p, offset);
}

/* The cost of the frame is counted as fixed features. */
static void facts(const snnk__map_block *block, snnk__map_facts *of) {
    const snnk_frame *frame = data_of(block)->frame;

    snnk__spectral_facts_give(&data_of(block)->facts, of);
    of->fixed = frame->n_directions + (frame->weight_mean != NULL);
}

/* ---- Files ---- */

static void write(const snnk__map_block *block, snnk__sink *sink) {
    const snnk__urf *urf = data_of(block);

    sink->count(sink, "rows", urf->rows);
    sink->count(sink, "drawn_rows", (size_t)urf->atoms.drawn_rows);
    sink->count(sink, "atoms", urf->atoms.count);
    sink->number(sink, "theta", urf->atoms.theta);
    sink->truth(sink, "hyperbolic", urf->atoms.hyperbolic);
    sink->number(sink, "intercept", urf->intercept);
    snnk__spectral_facts_write(&urf->facts, sink);
    block->linear.form->write(&block->linear, sink);
    snnk__frame_write(urf->frame, sink);
    snnk__urf_atoms_write(&urf->atoms, sink);
    snnk__write_array(sink, snnk__array_1("row_atom", SNNK__ELEMENT_U32, urf->rows), urf->row_atom);
    snnk__write_array(sink, snnk__array_1("norm2", SNNK__ELEMENT_F64, urf->rows), urf->norm2);
}

/* The certain rows must come first, in the order of the atoms, each as often as its atom says. The
 * rest must be drawn rows, of atoms that are drawn. */
static int check_rows(const snnk__urf *urf) {
    const snnk__urf_atoms *atoms = &urf->atoms;
    size_t j = 0;

    for (size_t k = 0; k < atoms->count; k++) {
        if (atoms->atom[k].rows > urf->rows - j)
            return snnk__fail(SNNK_E_FORMAT, "the atoms have more than the %zu rows of the block",
                              urf->rows);
        for (uint64_t i = 0; i < atoms->atom[k].rows; i++, j++)
            if (urf->row_atom[j] != k)
                return snnk__fail(SNNK_E_FORMAT, "row %zu has atom %lu instead of %zu", j,
                                  (unsigned long)urf->row_atom[j], k);
    }
    if (urf->rows - j != atoms->drawn_rows)
        return snnk__fail(SNNK_E_FORMAT, "%zu fixed rows and %zu drawn ones are not %zu", j,
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

/* The numbers of a record that are known before its arrays are read. */
typedef struct values {
    size_t rows, drawn_rows, atoms;
    double theta, intercept;
    bool hyperbolic;
    snnk__spectral_facts facts;
} values;

static int read_values(const snnk__source *source, size_t features, values *v) {
    const double half_pi = 1.570796326794896619231;
    int st;

    st = snnk__read_within(source, "intercept", -DBL_MAX, DBL_MAX, &v->intercept);
    if (st != SNNK_OK) return st;
    if ((st = snnk__spectral_facts_read(source, &v->facts)) != SNNK_OK) return st;
    if ((st = snnk__read_count(source, "rows", &v->rows)) != SNNK_OK) return st;
    if ((st = snnk__read_count(source, "drawn_rows", &v->drawn_rows)) != SNNK_OK) return st;
    if ((st = snnk__read_count(source, "atoms", &v->atoms)) != SNNK_OK) return st;
    if ((st = snnk__read_within(source, "theta", 0, half_pi, &v->theta)) != SNNK_OK) return st;
    if ((st = snnk__read_truth(source, "hyperbolic", &v->hyperbolic)) != SNNK_OK) return st;
    if (v->rows == 0 || v->atoms == 0 || v->drawn_rows > v->rows)
        return snnk__fail(SNNK_E_FORMAT,
                          "\"rows\" is %zu, \"drawn_rows\" is %zu and \"atoms\" is %zu: there must "
                          "be at least one row and one atom, and no more drawn rows than rows",
                          v->rows, v->drawn_rows, v->atoms);
    /* A row has 1, 2 or 4 features; the atoms decide how many. */
    if (features / v->rows > 4 || features % v->rows != 0)
        return snnk__fail(SNNK_E_FORMAT, "%zu features cannot come from %zu rows", features,
                          v->rows);
    return SNNK_OK;
}

/* Read the block's data, and finish its table. */
static int read_urf(const snnk__source *source, size_t inputs, const values *v, snnk__urf **urf) {
    const snnk__array row_atom = snnk__array_1("row_atom", SNNK__ELEMENT_U32, v->rows);
    const snnk__array norm2 = snnk__array_1("norm2", SNNK__ELEMENT_F64, v->rows);
    snnk__urf_atoms atoms = {.drawn_rows = v->drawn_rows, .hyperbolic = v->hyperbolic};
    snnk_frame *frame = NULL;
    snnk__urf *made = NULL;
    int st;

    if ((st = snnk__find_array(source, row_atom)) != SNNK_OK) return st;
    if ((st = snnk__find_array(source, norm2)) != SNNK_OK) return st;
    if ((st = snnk__frame_read(source, inputs, &frame)) != SNNK_OK) return st;
    snnk__urf_atoms_set_angle(&atoms, v->theta);
    st = snnk__urf_atoms_read(source, v->atoms, v->rows, &atoms);
    if (st == SNNK_OK) st = snnk__urf_alloc(frame, &atoms, v->rows, source->allocator, &made);
    if (st != SNNK_OK) goto done;
    made->intercept = v->intercept;
    made->facts = v->facts;
    if ((st = snnk__read_array(source, row_atom, made->row_atom)) != SNNK_OK) goto done;
    if ((st = snnk__read_array(source, norm2, made->norm2)) != SNNK_OK) goto done;
    if ((st = check_rows(made)) != SNNK_OK) goto done;
    snnk__urf_finish(made);
    *urf = made;
    made = NULL;
done:
    snnk__urf_free(made);
    snnk__urf_atoms_free(source->allocator, &atoms);
    snnk_frame_free(frame);
    return st;
}

static int read(const snnk__map_kind *kind, const snnk__source *source, size_t inputs,
                const snnk_map_config *config, snnk__map_block **block) {
    const size_t features = (size_t)config->features;
    snnk__map_block *made;
    snnk__urf *urf = NULL;
    values v = {0};
    int st;

    (void)kind;
    if ((st = snnk__spectral_check_projection(config)) != SNNK_OK) return st;
    if ((st = read_values(source, features, &v)) != SNNK_OK) return st;
    if ((st = snnk__linear_find_dense(source, inputs, v.rows)) != SNNK_OK) return st;
    if ((st = read_urf(source, inputs, &v, &urf)) != SNNK_OK) return st;
    if (urf->rows * urf->table.signs * urf->table.parts != features) {
        st = snnk__fail(SNNK_E_FORMAT, "%zu features, but each of the %zu rows gives %zu", features,
                        urf->rows, urf->table.signs * urf->table.parts);
        snnk__urf_free(urf);
        return st;
    }
    if ((st = begin(urf, config, source->allocator, &made)) != SNNK_OK) return st;
    st = made->linear.form->read(&made->linear, source);
    if (st == SNNK_OK)
        *block = made;
    else
        snnk__map_block_release(made);
    return st;
}

const snnk__map_kind snnk__map_spectral = {.name = "urf",
                                           .release = release,
                                           .safe_projection = snnk__urf_safe_projection,
                                           .cost = snnk__urf_cost,
                                           .slope_doubles = snnk__urf_slope_doubles,
                                           .gradient = snnk__urf_gradient,
                                           .laplacian = snnk__urf_laplacian,
                                           .weights = weights,
                                           .biased = biased,
                                           .exact = exact,
                                           .fold = snnk__folded_create,
                                           .rows_to_redraw = rows_to_redraw,
                                           .redraw = redraw,
                                           .place = place,
                                           .error = error,
                                           .fourth = fourth,
                                           .facts = facts,
                                           .write = write,
                                           .read = read};
