/* What the processor says about itself. */
#ifndef SNNK_BENCH_MACHINE_H
#define SNNK_BENCH_MACHINE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct machine {
    char name[64];           /* short, for file names: vendor, family, model, instruction sets */
    char brand[64];          /* the processor's own words */
    size_t l1, l2, l3;       /* bytes of the data caches that one core sees; 0: unknown */
    bool avx512, vnni, bf16; /* the operating system allows them too */
    bool amx;                /* tiles of bf16 and int8 */
} machine;

machine machine_read(void);

/* Ask the system for AMX in this process, which a rival needs. Does nothing without AMX. */
void machine_permit_amx(void);

#endif
