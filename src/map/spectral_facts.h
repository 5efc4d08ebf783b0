/* What the blocks made from a spectrum, spectral and affine ones, say of it. */
#ifndef SNNK_MAP_SPECTRAL_FACTS_H
#define SNNK_MAP_SPECTRAL_FACTS_H

#include "map/kind.h"
#include "spectrum/spectrum.h"

typedef struct snnk__spectral_facts {
    double error;                 /* the bound; 0 in the second block of a map */
    double analyticity_halfwidth; /* of f: half the width of its strip of analyticity */
    double center, radius; /* of the interval where the spectrum is f, to that error; or infinite */
} snnk__spectral_facts;

/* A function of the caller's is taken to have no singularity. */
snnk__spectral_facts snnk__spectral_facts_of(const snnk_spectrum *spectrum);

/* To a prediction. */
void snnk__spectral_facts_give(const snnk__spectral_facts *facts, snnk__map_facts *to);

/* In files. Infinities become null. */
void snnk__spectral_facts_write(const snnk__spectral_facts *facts, snnk__sink *sink);
int snnk__spectral_facts_read(const snnk__source *source, snnk__spectral_facts *facts);

/* SNNK_E_FORMAT: rows that were folded are of another kind. */
int snnk__spectral_check_projection(const snnk_map_config *config);

#endif
