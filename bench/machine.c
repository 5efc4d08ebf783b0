#define _GNU_SOURCE
#include "machine.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>

static bool leaf(unsigned number, unsigned sub, unsigned r[4]) {
    return __get_cpuid_count(number, sub, &r[0], &r[1], &r[2], &r[3]) != 0;
}

/* Virtual machines may give wrong family and model numbers: they only make up a name. */
static void read_name(machine *m) {
    unsigned r[4] = {0};
    char vendor[13] = "";

    if (leaf(0, 0, r))
        memcpy(vendor, &r[1], 4), memcpy(vendor + 4, &r[3], 4), memcpy(vendor + 8, &r[2], 4);
    const char *who = strcmp(vendor, "GenuineIntel") == 0   ? "intel"
                      : strcmp(vendor, "AuthenticAMD") == 0 ? "amd"
                                                            : "x86";

    leaf(1, 0, r);
    const unsigned base = r[0] >> 8 & 15, family = base == 15 ? base + (r[0] >> 20 & 255) : base;
    const unsigned model = (r[0] >> 4 & 15) | (base == 6 || base == 15 ? r[0] >> 12 & 0xf0 : 0);

    snprintf(m->name, sizeof m->name, "%s-%u-%u-%s%s", who, family, model,
             m->avx512                        ? "avx512"
             : __builtin_cpu_supports("avx2") ? "avx2"
                                              : "sse2",
             m->amx ? "-amx" : "");
}

static void read_brand(machine *m) {
    unsigned r[4];
    char text[49] = "";

    for (unsigned i = 0; i < 3; i++)
        if (leaf(0x80000002 + i, 0, r)) memcpy(text + (size_t)16 * i, r, 16);
    snprintf(m->brand, sizeof m->brand, "%s", text + strspn(text, " "));
}

/* Leaf 4, or the leaf of the same layout that AMD has. */
static void read_caches(machine *m) {
    size_t *const sizes[] = {NULL, &m->l1, &m->l2, &m->l3};

    for (unsigned number = 4;; number = 0x8000001D) {
        for (unsigned sub = 0; sub < 8; sub++) {
            unsigned r[4];

            if (!leaf(number, sub, r) || (r[0] & 31) == 0) break;
            const unsigned level = r[0] >> 5 & 7;
            const bool instructions = (r[0] & 31) == 2;

            if (level < 1 || level > 3 || instructions) continue;
            *sizes[level] = (size_t)((r[1] >> 22) + 1) * ((r[1] >> 12 & 1023) + 1) *
                            ((r[1] & 4095) + 1) * ((size_t)r[2] + 1);
        }
        if (m->l1 || number != 4) return;
    }
}

machine machine_read(void) {
    machine m = {.avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl"),
                 .vnni = __builtin_cpu_supports("avx512vnni"),
                 .bf16 = __builtin_cpu_supports("avx512bf16")};
    unsigned r[4];

    if (leaf(7, 0, r)) m.amx = (r[3] >> 22 & 1) && (r[3] >> 24 & 1) && (r[3] >> 25 & 1);
    read_name(&m);
    read_brand(&m);
    read_caches(&m);
    return m;
}

void machine_permit_amx(void) {
#if defined(__linux__) && defined(SYS_arch_prctl)
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };

    if (machine_read().amx) syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA);
#endif
}

#else
#include <sys/utsname.h>

#ifdef _SC_LEVEL1_DCACHE_SIZE /* of glibc */
static size_t cache_size(int name) {
    const long size = sysconf(name);

    return size > 0 ? (size_t)size : 0;
}
#endif

machine machine_read(void) {
    machine m = {.l1 = 0};
    struct utsname system;

    uname(&system);
    snprintf(m.name, sizeof m.name, "%.48s", system.machine);
    snprintf(m.brand, sizeof m.brand, "%.48s", system.machine);
#ifdef _SC_LEVEL1_DCACHE_SIZE
    m.l1 = cache_size(_SC_LEVEL1_DCACHE_SIZE);
    m.l2 = cache_size(_SC_LEVEL2_CACHE_SIZE);
    m.l3 = cache_size(_SC_LEVEL3_CACHE_SIZE);
#endif
    return m;
}

void machine_permit_amx(void) {}
#endif
