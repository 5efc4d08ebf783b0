#include "base/cache.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#if (defined(__x86_64__) || defined(__i386__)) && defined(__GNUC__)
#include <cpuid.h>
#define HAVE_CPUID
#endif

enum { LEAST = 32 << 10, UNKNOWN = 512 << 10 };

#ifdef HAVE_CPUID
/* Read a list of caches: leaf 4 of Intel's processors, leaf 0x8000001d of AMD's, which has the same
 * form. Model numbers would say less: a virtual machine may report any. Returns 0 if there is no
 * second-level cache on the list. */
static size_t listed_l2(unsigned leaf) {
    enum { DATA = 1, UNIFIED = 3, MOST = 16 };
    unsigned a, b, c, d;

    if ((unsigned)__get_cpuid_max(leaf & 0x80000000u, NULL) < leaf) return 0;
    for (unsigned i = 0; i < MOST; i++) {
        __cpuid_count(leaf, i, a, b, c, d);
        const unsigned type = a & 31, level = a >> 5 & 7;
        const size_t ways = (b >> 22) + 1, partitions = (b >> 12 & 1023) + 1, line = (b & 4095) + 1,
                     sets = (size_t)c + 1;

        if (type == 0) break;
        if (level == 2 && (type == DATA || type == UNIFIED)) return ways * partitions * line * sets;
    }
    return 0;
}

static size_t processor_l2(void) {
    const size_t bytes = listed_l2(4);

    return bytes > 0 ? bytes : listed_l2(0x8000001du);
}
#else
static size_t processor_l2(void) { return 0; }
#endif

/* Has no state except the environment, so threads that race store the same number. */
static size_t find(void) {
    const char *wanted = getenv("SNNK_L2_BYTES");
    size_t bytes = wanted ? strtoul(wanted, NULL, 10) : 0;

    if (bytes == 0) bytes = processor_l2();
    if (bytes == 0) bytes = UNKNOWN;
    return bytes < LEAST ? LEAST : bytes;
}

size_t snnk__l2_bytes(void) {
    static _Atomic size_t found;
    size_t bytes = atomic_load(&found);

    if (bytes == 0) {
        bytes = find();
        atomic_store(&found, bytes);
    }
    return bytes;
}
