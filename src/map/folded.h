/* Blocks of kind FOLDED_URF: a table of exponents and phases behind a linear map. */
#ifndef SNNK_MAP_FOLDED_H
#define SNNK_MAP_FOLDED_H

#include "map/block.h"

/* The features of a block whose function is a table, behind a linear map: what is left of the block
 * is the table. */
int snnk__folded_create(const snnk__map_block *from, const snnk__fold *fold,
                        snnk__map_block **folded);

#endif
