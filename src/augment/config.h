/* Settings of augmentation, checked, and what they draw for a row. */
#ifndef SNNK_AUGMENT_CONFIG_H
#define SNNK_AUGMENT_CONFIG_H

#include <snnk/augment.h>

/* Read and check the caller's settings.
 *   ours      the result
 *   width     the numbers of a row
 * Statuses of snnk_augment_get_draw. */
int snnk__augment_config_read(const snnk_augment_config *config, snnk_augment_config *ours,
                              size_t *row_width);

/* What happens to the row with a number, by checked settings. */
snnk_augment_draw snnk__augment_draw(const snnk_augment_config *config, uint64_t number);

#endif
