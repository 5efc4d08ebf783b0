#include "map/urf.h"

#include <math.h>

#include "base/size.h"
#include "base/status.h"
#include "map/urf_table.h"

/* ---- Creating and freeing ---- */

int snnk__urf_alloc(const snnk_frame *frame, snnk__urf_atoms *atoms, size_t rows,
                    const snnk_allocator *allocator, snnk__urf **urf) {
    const size_t d = frame->inputs, k = frame->n_directions;
    snnk__urf *made = NULL;
    size_t count;
    int st;

    st = snnk__alloc_zero(allocator, 1, sizeof *made, "random features", &made);
    if (st != SNNK_OK) return st;
    made->allocator = *allocator;
    made->rows = rows;
    st = snnk__alloc(allocator, rows, sizeof *made->row_atom, "atoms", &made->row_atom);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc_zero(allocator, rows, sizeof *made->norm2, "row norms", &made->norm2);
    if (st != SNNK_OK) goto done;
    if (!snnk__mul_size(rows, SNNK__URF_NUMBERS, &count)) {
        st = snnk__fail(SNNK_E_SIZE, "a table of %zu rows overflows size_t", rows);
        goto done;
    }
    st = snnk__alloc(allocator, count, sizeof *made->numbers, "a table", &made->numbers);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(allocator, k * d, sizeof(double), "directions", &made->directions);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(allocator, k, sizeof(double), "directions", &made->direction_offset);
    if (st != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, k, sizeof(double), "gains", &made->gain)) != SNNK_OK)
        goto done;
    made->frame = snnk__frame_retain(frame);
    made->atoms = *atoms;
    *atoms = (snnk__urf_atoms){0};
    *urf = made;
    made = NULL;
done:
    snnk__urf_free(made);
    return st;
}

void snnk__urf_free(snnk__urf *urf) {
    if (!urf) return;
    const snnk_allocator allocator = urf->allocator;
    snnk_frame_free((snnk_frame *)urf->frame);
    snnk__urf_atoms_free(&allocator, &urf->atoms);
    snnk__free(&allocator, urf->row_atom);
    snnk__free(&allocator, urf->norm2);
    snnk__free(&allocator, urf->numbers);
    snnk__free(&allocator, urf->directions);
    snnk__free(&allocator, urf->direction_offset);
    snnk__free(&allocator, urf->gain);
    snnk__free(&allocator, urf);
}

/* ---- The input tower's table ---- */

void snnk__urf_shape(const snnk__urf_atoms *atoms, const snnk_frame *frame, size_t *signs,
                     size_t *parts) {
    const bool trigonometric = atoms->form == SNNK_URF_TRIGONOMETRIC;
    const bool centers = frame->weight_mean != NULL;
    bool oscillates = false;

    for (size_t k = 0; k < atoms->count; k++)
        oscillates = oscillates || cimag(atoms->atom[k].kappa) != 0;
    *parts = atoms->form != SNNK_URF_POSITIVE || (centers && oscillates) ? 2 : 1;
    /* Without a phase of its own, the feature of -z is the conjugate of that of z, so it adds
     * nothing. */
    *signs = atoms->hyperbolic && !(trigonometric && !(centers && oscillates)) ? 2 : 1;
}

static snnk__urf_row row_of(const snnk__urf *urf, size_t j) {
    const snnk__urf_atom *atom = &urf->atoms.atom[urf->row_atom[j]];
    const snnk__urf_pairing pairing = snnk__urf_atom_pairing(&urf->atoms, urf->row_atom[j]);
    const double complex alpha = pairing.alpha, spread = alpha * sqrt(1 - 4 * atom->A);
    const double log_norm = (double)urf->frame->inputs / 4 * log1p(-4 * atom->A);

    return (snnk__urf_row){
        .z_exponent = (float)creal(spread),
        .z_phase = (float)cimag(spread),
        .norm_exponent = (float)(-creal(alpha * alpha) / 2),
        .norm_phase = (float)(-cimag(alpha * alpha) / 2),
        .t_exponent = (float)creal(atom->kappa),
        .t_phase = (float)cimag(atom->kappa),
        .constant = (float)(atom->A * urf->norm2[j] + log_norm + atom->shift),
    };
}

/* |x~|^2 = |scale (x - mu)|^2 + sum_i (stretch_i^2 - 1) (u_i . scale (x - mu))^2. */
static void set_directions(snnk__urf *urf) {
    const snnk_frame *frame = urf->frame;
    const size_t d = frame->inputs;

    for (size_t i = 0; i < frame->n_directions; i++) {
        double *row = urf->directions + i * d;

        urf->gain[i] = frame->stretch[i] * frame->stretch[i] - 1;
        urf->direction_offset[i] = 0;
        for (size_t k = 0; k < d; k++) {
            row[k] = frame->directions[i * d + k] * frame->scale[k];
            urf->direction_offset[i] -= row[k] * frame->mean[k];
        }
    }
}

static void set_rows(snnk__urf *urf) {
    const size_t n = urf->rows;
    const snnk__urf_rows all = snnk__urf_rows_in(urf->numbers, n);

    for (size_t j = 0; j < n; j++) {
        const snnk__urf_row row = row_of(urf, j);

        all.z_exponent[j] = row.z_exponent;
        all.z_phase[j] = row.z_phase;
        all.norm_exponent[j] = row.norm_exponent;
        all.norm_phase[j] = row.norm_phase;
        all.t_exponent[j] = row.t_exponent;
        all.t_phase[j] = row.t_phase;
        all.constant[j] = row.constant;
    }
    urf->table.rows = all;
}

void snnk__urf_finish(snnk__urf *urf) {
    const snnk_frame *frame = urf->frame;

    set_directions(urf);
    urf->table = (snnk__urf_table){.mean = frame->mean,
                                   .scale = frame->scale,
                                   .n_directions = frame->n_directions,
                                   .directions = urf->directions,
                                   .direction_offset = urf->direction_offset,
                                   .gain = urf->gain,
                                   .nu = frame->weight_mean};
    snnk__urf_shape(&urf->atoms, frame, &urf->table.signs, &urf->table.parts);
    set_rows(urf);
}

/* ---- The weight tower ---- */

/* exp(logarithm), its magnitude saturated as in the input tower. */
static double complex saturated_exp(double complex logarithm) {
    const double size = fmin(creal(logarithm), (double)SNNK__URF_LARGEST_EXPONENT);

    return exp(size) * (cos(cimag(logarithm)) + I * sin(cimag(logarithm)));
}

void snnk__urf_weights(const snnk__urf *urf, const snnk__framed_weight *weight, const float *v,
                       float *psi) {
    const snnk__urf_table *table = &urf->table;
    const double each_sign = urf->atoms.hyperbolic ? 0.5 : 1;

    for (size_t j = 0; j < urf->rows; j++) {
        const size_t k = urf->row_atom[j];
        const snnk__urf_atom *atom = &urf->atoms.atom[k];
        const snnk__urf_pairing pairing = snnk__urf_atom_pairing(&urf->atoms, k);
        const double count =
            atom->rows > 0 ? (double)atom->rows : (double)urf->atoms.drawn_rows * atom->probability;
        const double complex step =
            pairing.beta * sqrt(1 - 4 * atom->A) * (isfinite(v[j]) ? (double)v[j] : 0);
        const double complex base = clog(atom->c * each_sign / count) + atom->A * urf->norm2[j] +
                                    (double)urf->frame->inputs / 4 * log1p(-4 * atom->A) -
                                    pairing.beta * pairing.beta * weight->norm2 / 2 +
                                    atom->kappa * weight->offset - atom->shift;
        double complex plus = saturated_exp(base + step), minus = 0;

        /* Re(Psi Phi) = Re Psi Re Phi - Im Psi Im Phi. If -g has no feature of its own, its Phi is
         * the conjugate of that of g. */
        if (urf->atoms.hyperbolic) minus = saturated_exp(base - step);
        if (urf->atoms.hyperbolic && table->signs == 1) plus += conj(minus);
        *psi++ = (float)creal(plus);
        if (table->parts == 2) *psi++ = (float)-cimag(plus);
        if (table->signs == 1) continue;
        *psi++ = (float)creal(minus);
        if (table->parts == 2) *psi++ = (float)-cimag(minus);
    }
}
