/* Blocks of kind FOLDED_URF: a table of exponents and phases composed with a linear map. */
#ifndef SNNK_MAP_FOLDED_H
#define SNNK_MAP_FOLDED_H

#include "map/block.h"

/* Compose a block whose function is a table with a linear map. The result keeps only the table. */
int snnk__folded_create(const snnk__map_block *from, const snnk__fold *fold,
                        snnk__map_block **folded);

#endif
