/* Atoms of a spectrum, and the rows that each is given. */
#ifndef SNNK_MAP_ATOMS_H
#define SNNK_MAP_ATOMS_H

#include <snnk/urf.h>
#include <stdint.h>

#include "base/record.h"
#include "spectrum/moments.h"
#include "spectrum/spectrum.h"

typedef struct snnk__urf_atom {
    double complex kappa, c;
    double s, A;
    /* taken from the logarithm of the weight tower and given to the input tower, so that both are
     * near 1 */
    double shift;
    double share;       /* of the rows that it deserves; all sum to 1 */
    uint64_t rows;      /* it has these many for certain; or 0, and */
    double probability; /* a drawn row has this atom with this probability */
} snnk__urf_atom;

/* Atoms of a spectrum for a given number of rows. */
typedef struct snnk__urf_atoms {
    size_t count;
    snnk__urf_atom *atom;
    uint64_t drawn_rows; /* rows whose atom is drawn; they come last */
    int32_t form;        /* snnk_urf_form */
    double theta;        /* the angle of alpha */
    double complex turn; /* exp(i theta) */
    bool hyperbolic;
} snnk__urf_atoms;

/* Set form, theta and turn. At 0 and pi/2 without the rounding of pi: a tower that is real stays
 * so. Here, and nowhere else, an angle is told apart by its value: in a config, and in a file. */
void snnk__urf_atoms_set_angle(snnk__urf_atoms *atoms, double theta);

/* Settings that decide s, A and the shares: a checked snnk_urf_config whose norms are resolved. */
int snnk__urf_atoms_create(const snnk_spectrum *spectrum, const snnk_urf_config *config, size_t d,
                           const snnk_allocator *allocator, snnk__urf_atoms *atoms);
void snnk__urf_atoms_free(const snnk_allocator *allocator, snnk__urf_atoms *atoms);

/* Split `rows` >= 1 rows between the atoms (snnk_urf_atoms in the config). */
void snnk__urf_atoms_split(snnk__urf_atoms *atoms, int32_t how, size_t rows);

/* row_atom[j] = the atom of row j: those that are certain in order, then the drawn ones. */
void snnk__urf_atoms_assign(const snnk__urf_atoms *atoms, uint64_t seed, size_t rows,
                            uint32_t *row_atom);

/* sqrt(rows) times the standard error that this many atoms' best split has at the configured norms:
 * sum_k of the standard deviations. For deciding; infinite where it overflows. */
double snnk__urf_atoms_spread(const snnk__urf_atoms *atoms, const snnk_urf_config *config,
                              size_t d);

/* In files. Reading: `count` atoms with `rows` rows; sets count and atom. Statuses as
 * snnk__map_kind.read. */
void snnk__urf_atoms_write(const snnk__urf_atoms *atoms, snnk__sink *sink);
int snnk__urf_atoms_read(const snnk__source *source, size_t count, size_t rows,
                         snnk__urf_atoms *atoms);

/* The pairing of one atom, for the closed forms. */
snnk__urf_pairing snnk__urf_atom_pairing(const snnk__urf_atoms *atoms, size_t k);

/* Value (sum of the atoms), and variance of the estimate with iid rows, at a pair of rows seen in
 * the frame whose pre-activation is p->xw + offset. */
void snnk__urf_atoms_error(const snnk__urf_atoms *atoms, size_t d, const snnk__urf_products *p,
                           double offset, double *value, double *variance);

#endif
