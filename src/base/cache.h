/* Sizes of the caches, for the blocks of the kernels. Results do not depend on them. */
#ifndef SNNK_BASE_CACHE_H
#define SNNK_BASE_CACHE_H

#include <stddef.h>

/* Bytes of the second-level cache of a core: SNNK_L2_BYTES of the environment if it is set, else as
 * the processor says, else 512 KB. At least 32 KB. The first call decides, and later calls return
 * the same. Safe from any thread. */
size_t snnk__l2_bytes(void);

#endif
