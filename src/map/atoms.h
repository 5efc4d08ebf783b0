/* Atoms of a spectrum, and how rows are split between them. */
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
    /* subtracted from the logarithm of the weight tower and added to that of the input tower, so
     * that both towers stay near 1 */
    double shift;
    double share;       /* this atom's share of the rows; all shares sum to 1 */
    uint64_t rows;      /* how many rows the atom gets for certain; 0 if its rows are drawn */
    double probability; /* that a drawn row has this atom */
} snnk__urf_atom;

/* The atoms of a spectrum, for a given number of rows. */
typedef struct snnk__urf_atoms {
    size_t count;
    snnk__urf_atom *atom;
    uint64_t drawn_rows; /* rows whose atom is drawn; they come last */
    int32_t form;        /* snnk_urf_form */
    double theta;        /* the angle of alpha */
    double complex turn; /* exp(i theta) */
    bool hyperbolic;
} snnk__urf_atoms;

/* Set form, theta and turn. Angles 0 and pi/2 are set exactly, without the rounding of pi, so that
 * a real tower stays real. Only this function decides by the value of an angle; config and file
 * both go through it. */
void snnk__urf_atoms_set_angle(snnk__urf_atoms *atoms, double theta);

/* Create the atoms, and set s, A and the shares from the config, which must be checked and have its
 * norms resolved. */
int snnk__urf_atoms_create(const snnk_spectrum *spectrum, const snnk_urf_config *config, size_t d,
                           const snnk_allocator *allocator, snnk__urf_atoms *atoms);
void snnk__urf_atoms_free(const snnk_allocator *allocator, snnk__urf_atoms *atoms);

/* Split `rows` >= 1 rows between the atoms (snnk_urf_atoms in the config). */
void snnk__urf_atoms_split(snnk__urf_atoms *atoms, int32_t how, size_t rows);

/* Set row_atom[j] to the atom of row j: the certain rows in order of their atoms, then the drawn
 * rows. */
void snnk__urf_atoms_assign(const snnk__urf_atoms *atoms, uint64_t seed, size_t rows,
                            uint32_t *row_atom);

/* Predict the error for comparing settings: sqrt(rows) times the standard error of the best split
 * of rows at the configured norms, the sum over atoms of their standard deviations. Infinite if it
 * overflows. */
double snnk__urf_atoms_spread(const snnk__urf_atoms *atoms, const snnk_urf_config *config,
                              size_t d);

/* Write atoms to a file, and read `count` atoms for `rows` rows from one (sets count and atom).
 * Statuses as for snnk__map_kind.read. */
void snnk__urf_atoms_write(const snnk__urf_atoms *atoms, snnk__sink *sink);
int snnk__urf_atoms_read(const snnk__source *source, size_t count, size_t rows,
                         snnk__urf_atoms *atoms);

/* The pairing of atom k, for the closed forms. */
snnk__urf_pairing snnk__urf_atom_pairing(const snnk__urf_atoms *atoms, size_t k);

/* Give the value (the sum of the atoms) and the variance of the estimate with iid rows, at a pair
 * in frame coordinates whose pre-activation is p->xw + offset. */
void snnk__urf_atoms_error(const snnk__urf_atoms *atoms, size_t d, const snnk__urf_products *p,
                           double offset, double *value, double *variance);

/* The fourth cumulant of that estimate. */
double snnk__urf_atoms_fourth(const snnk__urf_atoms *atoms, size_t d, const snnk__urf_products *p,
                              double offset);

#endif
