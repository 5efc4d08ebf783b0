/* Facts of a spectrum that the blocks made from it report (spectral and affine blocks). */
#ifndef SNNK_MAP_SPECTRAL_FACTS_H
#define SNNK_MAP_SPECTRAL_FACTS_H

#include "map/kind.h"
#include "spectrum/spectrum.h"

typedef struct snnk__spectral_facts {
    double error;                 /* bound on the error; 0 in the second block of a map, so that it
                                   * counts once */
    double analyticity_halfwidth; /* half the width of the strip where f is analytic */
    double center, radius; /* of the interval where the spectrum approximates f to that error; or
                            * infinite */
    int32_t target;        /* as in snnk__map_facts */
} snnk__spectral_facts;

/* Read the facts of a spectrum. A function given by the caller is assumed to have no
 * singularity. */
snnk__spectral_facts snnk__spectral_facts_of(const snnk_spectrum *spectrum);

/* Copy the facts into those of a prediction. */
void snnk__spectral_facts_give(const snnk__spectral_facts *facts, snnk__map_facts *to);

/* Write the facts to a file, and read them. Infinities are stored as null. */
void snnk__spectral_facts_write(const snnk__spectral_facts *facts, snnk__sink *sink);
int snnk__spectral_facts_read(const snnk__source *source, snnk__spectral_facts *facts);

/* SNNK_E_FORMAT if the projection is "folded": folded rows belong to another kind. */
int snnk__spectral_check_projection(const snnk_map_config *config);

#endif
