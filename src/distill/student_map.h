/* The maps of students. */
#ifndef SNNK_DISTILL_STUDENT_MAP_H
#define SNNK_DISTILL_STUDENT_MAP_H

#include "distill/distill.h"
#include "solve/subset.h"

/* Create the map of m rows G (m x d): r linear ones, whose offsets are ignored, then m - r with
 * the candidates' function. SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__student_map_of_rows(const snnk_distill *distill, size_t r, size_t m, const float *G,
                              const float *offsets, snnk_map **map);

/* Create the map that computes the features of a subset. SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__student_map_of_subset(const snnk_distill *distill, const snnk__subset *subset,
                                snnk_map **map);

/* Create a map of m random rows with the candidates' function. SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__student_map_random(const snnk_distill *distill, size_t m, snnk_map **map);

#endif
