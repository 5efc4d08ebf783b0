/* Lists of layers in records (base/record.h): those of a network, and those in a residual layer. */
#ifndef SNNK_LAYER_LAYER_RECORD_H
#define SNNK_LAYER_LAYER_RECORD_H

#include "layer/layer.h"

/* Write n layers as the list "layers" of a record. */
void snnk__layers_write(const snnk_layer *const *layers, size_t n, const snnk__sink *sink);

/* Set *n to the number of records in the list "layers". SNNK_E_FORMAT if it is 0, or there is no
 * such list. */
int snnk__layers_count(const snnk__source *source, size_t *n);

/* Create layer `index` of the list "layers". Statuses of snnk_network_load. */
int snnk__layers_read(const snnk__source *source, size_t index, snnk_layer **layer);

#endif
