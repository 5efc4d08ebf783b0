/* AMX on processors without it: a handler of SIGILL that executes the AMX instructions of the code
 * under test, from a scalar model written after Intel's manual ("Intel 64 and IA-32 Architectures
 * Software Developer's Manual", volume 2). So the machine code is tested as it is. Where the
 * processor has AMX, and the system permits it, the instructions run as they are. */
#ifndef SNNK_TESTS_AMX_EMULATION_H
#define SNNK_TESTS_AMX_EMULATION_H

#include <stdbool.h>

/* Make AMX instructions work in this process, in all its threads. False where this is not Linux on
 * x86-64. */
bool amx_emulation_start(void);

/* Tiles emulated so far, by all threads: 0 on a real unit. */
unsigned long amx_emulated_products(void);

/* Whether the tiles of this thread are in use: configured and not yet released. Emulation only. */
bool amx_tiles_in_use(void);

/* a b + c in one rounding to nearest, as the unit computes it: subnormal numbers are zeros, as
 * factors and as results. A sum has a = 1. */
float amx_multiply_add(float a, float b, float c);

#endif
