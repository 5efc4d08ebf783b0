/* Atoms in files: a matrix of doubles, one row for each atom. */
#include <math.h>

#include "map/atoms.h"

enum { GROWTH, OMEGA, RE, IM, S, A, SHIFT, SHARE, ROWS, PROBABILITY, COLUMNS };

static snnk__array array_of(size_t count) {
    return snnk__array_2("atoms", SNNK__ELEMENT_F64, count, COLUMNS);
}

static void elements(const void *context, size_t first, size_t count, void *out) {
    const snnk__urf_atoms *atoms = context;
    double *x = out;

    for (size_t e = first; e < first + count; e++) {
        const snnk__urf_atom *a = &atoms->atom[e / COLUMNS];
        const double row[COLUMNS] = {[GROWTH] = creal(a->kappa),
                                     [OMEGA] = cimag(a->kappa),
                                     [RE] = creal(a->c),
                                     [IM] = cimag(a->c),
                                     [S] = a->s,
                                     [A] = a->A,
                                     [SHIFT] = a->shift,
                                     [SHARE] = a->share,
                                     [ROWS] = (double)a->rows,
                                     [PROBABILITY] = a->probability};

        *x++ = row[e % COLUMNS];
    }
}

void snnk__urf_atoms_write(const snnk__urf_atoms *atoms, snnk__sink *sink) {
    const snnk__array array = array_of(atoms->count);

    sink->elements(sink, &array, elements, atoms);
}

/* Read one row of the matrix, whose numbers are finite. rows: how many G has. */
static int read_atom(const double *row, size_t k, size_t rows, snnk__urf_atom *atom) {
    const double count = row[ROWS];

    if (!(row[S] > 0))
        return snnk__fail(SNNK_E_FORMAT, "atom %zu: s = %g is not above 0", k, row[S]);
    if (!(row[A] < 0.125))
        return snnk__fail(SNNK_E_FORMAT, "atom %zu: A = %g is not below 1/8", k, row[A]);
    if (!(row[SHARE] >= 0 && row[SHARE] <= 1))
        return snnk__fail(SNNK_E_FORMAT, "atom %zu: share = %g is not in 0 ... 1", k, row[SHARE]);
    if (!(row[PROBABILITY] >= 0 && row[PROBABILITY] <= 1))
        return snnk__fail(SNNK_E_FORMAT, "atom %zu: probability = %g is not in 0 ... 1", k,
                          row[PROBABILITY]);
    if (!(count >= 0 && count <= (double)rows) || count != floor(count))
        return snnk__fail(SNNK_E_FORMAT,
                          "atom %zu has %g rows; the number must be whole and at most %zu", k,
                          count, rows);
    if (count > 0 && row[PROBABILITY] > 0)
        return snnk__fail(SNNK_E_FORMAT, "atom %zu has both fixed rows and a probability", k);
    *atom = (snnk__urf_atom){.kappa = row[GROWTH] + I * row[OMEGA],
                             .c = row[RE] + I * row[IM],
                             .s = row[S],
                             .A = row[A],
                             .shift = row[SHIFT],
                             .share = row[SHARE],
                             .rows = (uint64_t)count,
                             .probability = row[PROBABILITY]};
    return SNNK_OK;
}

int snnk__urf_atoms_read(const snnk__source *source, size_t count, size_t rows,
                         snnk__urf_atoms *atoms) {
    double *numbers = NULL;
    snnk__urf_atom *made = NULL;
    int st;

    if ((st = snnk__find_array(source, array_of(count))) != SNNK_OK) return st;
    st = snnk__alloc(source->allocator, count, sizeof *made, "atoms", &made);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(source->allocator, count, COLUMNS * sizeof *numbers, "atoms", &numbers);
    if (st != SNNK_OK) goto done;
    if ((st = snnk__read_array(source, array_of(count), numbers)) != SNNK_OK) goto done;
    for (size_t k = 0; k < count; k++)
        if ((st = read_atom(numbers + k * COLUMNS, k, rows, &made[k])) != SNNK_OK) goto done;
    atoms->count = count;
    atoms->atom = made;
    made = NULL;
done:
    snnk__free(source->allocator, numbers);
    snnk__free(source->allocator, made);
    return st;
}
