#define _GNU_SOURCE /* REG_RAX ... */
#include "support/amx_emulation.h"

#include <float.h>
#include <math.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

/* ---- The model ---- */

static float without_subnormal(float x) {
    return fpclassify(x) == FP_SUBNORMAL ? copysignf(0, x) : x;
}

float amx_multiply_add(float a, float b, float c) {
    a = without_subnormal(a);
    b = without_subnormal(b);
    c = without_subnormal(c);
    const float x = fmaf(a, b, c);

    if (x == 0 || !(fabsf(x) <= FLT_MIN)) return x;
    /* Whether a result is too small is decided after rounding, as if there were no smallest
     * exponent. A result as small as this one means that nothing here can overflow. */
    const float scaled = fmaf(a * 0x1p24F, b, c * 0x1p24F);
    return fabsf(scaled) < FLT_MIN * 0x1p24F ? copysignf(0, x) : x;
}

#if defined(__x86_64__) && defined(__linux__)
#include <fenv.h>
#include <signal.h>
#include <ucontext.h>

#include "base/cpu.h"

typedef struct tile {
    unsigned rows, row_bytes;
    uint8_t at[16][64];
} tile;

static _Thread_local tile tiles[8];
static _Thread_local bool configured;
static atomic_ulong products;

unsigned long amx_emulated_products(void) { return atomic_load(&products); }
bool amx_tiles_in_use(void) { return configured; }

static float float_at(const uint8_t *at) {
    float x;

    memcpy(&x, at, sizeof x);
    return x;
}

static float bf16_at(const uint8_t *at) {
    uint16_t half;

    memcpy(&half, at, sizeof half);
    const uint32_t bits = (uint32_t)half << 16;
    return float_at((const uint8_t *)&bits);
}

/* The same as amx_multiply_add for numbers that are not subnormal, in less time. */
static float multiply_add(float a, float b, float c) {
    const float x = fmaf(a, b, c);

    return fabsf(x) > FLT_MIN ? x : amx_multiply_add(a, b, c);
}

/* The numbers of a tile in bf16, by rows. */
static void widen(const tile *from, float to[16][32]) {
    for (unsigned i = 0; i < from->rows; i++)
        for (unsigned k = 0; k < from->row_bytes / 2; k++)
            to[i][k] = without_subnormal(bf16_at(from->at[i] + 2 * k));
}

/* TDPBF16PS: even and odd columns have a sum each. */
static void multiply_bf16(tile *sum, const tile *a, const tile *b) {
    float left[16][32], right[16][32];

    widen(a, left);
    widen(b, right);
    for (unsigned m = 0; m < sum->rows; m++)
        for (unsigned n = 0; n < sum->row_bytes / 4; n++) {
            float even = 0, odd = 0;

            for (unsigned k = 0; k < a->row_bytes / 4; k++) {
                even = multiply_add(left[m][2 * k], right[k][2 * n], even);
                odd = multiply_add(left[m][2 * k + 1], right[k][2 * n + 1], odd);
            }
            const float x =
                amx_multiply_add(1, float_at(sum->at[m] + 4 * n), amx_multiply_add(1, even, odd));
            memcpy(sum->at[m] + 4 * n, &x, sizeof x);
        }
}

/* TDPBSSD and its kin: which of the factors have a sign. */
static void multiply_int8(bool a_signed, bool b_signed, tile *sum, const tile *a, const tile *b) {
    for (unsigned m = 0; m < sum->rows; m++)
        for (unsigned n = 0; n < sum->row_bytes / 4; n++) {
            uint32_t x;

            memcpy(&x, sum->at[m] + 4 * n, sizeof x);
            for (unsigned k = 0; k < a->row_bytes; k++) {
                const uint8_t p = a->at[m][k], q = b->at[k / 4][4 * n + k % 4];

                x += (uint32_t)((a_signed ? (int8_t)p : p) * (b_signed ? (int8_t)q : q));
            }
            memcpy(sum->at[m] + 4 * n, &x, sizeof x);
        }
}

/* Rows and columns have to fit together; otherwise the unit raises an exception. */
static bool fits(const tile *sum, const tile *a, const tile *b) {
    return sum != a && sum != b && a != b && sum->rows > 0 && sum->rows == a->rows &&
           sum->row_bytes == b->row_bytes && a->row_bytes / 4 == b->rows &&
           sum->row_bytes % 4 == 0 && a->row_bytes % 4 == 0;
}

/* LDTILECFG: false for what the unit refuses. */
static bool configure(const uint8_t *c) {
    if (c[0] > 1 || c[1] != 0) return false;
    for (int k = 2; k < 64; k++)
        if ((k < 16 || (k >= 32 && k < 48) || k >= 56) && c[k]) return false;
    memset(tiles, 0, sizeof tiles);
    configured = c[0] == 1;
    for (int t = 0; configured && t < 8; t++) {
        tiles[t].rows = c[48 + t];
        tiles[t].row_bytes = (unsigned)(c[16 + 2 * t] | c[17 + 2 * t] << 8);
        if (tiles[t].rows > 16 || tiles[t].row_bytes > 64 ||
            (tiles[t].rows == 0) != (tiles[t].row_bytes == 0))
            return false;
    }
    return true;
}

static void zero(tile *t) { memset(t->at, 0, sizeof t->at); }

static void load(tile *t, const uint8_t *from, int64_t stride) {
    zero(t);
    for (unsigned i = 0; i < t->rows; i++) memcpy(t->at[i], from + i * stride, t->row_bytes);
}

static void store(const tile *t, uint8_t *to, int64_t stride) {
    for (unsigned i = 0; i < t->rows; i++) memcpy(to + i * stride, t->at[i], t->row_bytes);
}

/* ---- Decoding ---- */

static const int registers[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                  REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                  REG_R12, REG_R13, REG_R14, REG_R15};

/* A VEX instruction of three prefix bytes. */
typedef struct instruction {
    unsigned pp, vvvv, opcode, mod, reg, rm;
    bool sib;
    uint8_t *address; /* without the index */
    int64_t index;    /* scaled: the stride of tiles */
    const uint8_t *end;
} instruction;

static int64_t displacement(const uint8_t *at, unsigned mod) {
    int32_t wide;

    if (mod == 1) return (int8_t)*at;
    memcpy(&wide, at, sizeof wide);
    return wide;
}

/* The memory operand. x, b: the bits that extend index and base. */
static void decode_address(const greg_t *of, unsigned x, unsigned b, instruction *in) {
    const uint8_t *at = in->end;
    unsigned base = in->rm, bytes = in->mod == 1 ? 1 : in->mod == 2 ? 4 : 0;
    uint64_t address = 0;

    in->sib = in->rm == 4;
    if (in->sib) {
        const unsigned scale = *at >> 6, index = (*at >> 3 & 7U) | x << 3;

        base = *at++ & 7U;
        in->index = index == 4 ? 0 : (int64_t)((uint64_t)of[registers[index]] << scale);
    }
    if (in->mod == 0 && base == 5) bytes = 4;
    const bool relative = in->mod == 0 && in->rm == 5;

    if (bytes) address = (uint64_t)displacement(at, bytes == 1 ? 1 : 2);
    in->end = at + bytes;
    if (relative)
        address += (uint64_t)(uintptr_t)in->end;
    else if (!(in->mod == 0 && base == 5))
        address += (uint64_t)of[registers[base | b << 3]];
    in->address = (uint8_t *)(uintptr_t)address;
}

/* False unless it is of the map and the form that AMX uses. */
static bool decode(const greg_t *of, instruction *in) {
    const uint8_t *at = (const uint8_t *)(uintptr_t)of[REG_RIP];

    if (at[0] != 0xc4 || (at[1] & 0x1f) != 2) return false;
    const unsigned r = !(at[1] & 0x80), x = !(at[1] & 0x40), b = !(at[1] & 0x20);
    *in = (instruction){.pp = at[2] & 3U,
                        .vvvv = ~(unsigned)at[2] >> 3 & 15U,
                        .opcode = at[3],
                        .mod = at[4] >> 6,
                        .reg = at[4] >> 3 & 7U,
                        .rm = at[4] & 7U,
                        .end = at + 5};
    if ((at[2] & 0x84) != 0 || r) return false; /* W and L are 0 */
    if (in->mod != 3)
        decode_address(of, x, b, in);
    else if (b)
        return false;
    return true;
}

/* ---- Executing ---- */

enum { NONE, P66, PF3, PF2 }; /* pp */

static bool execute_49(const instruction *in) {
    if (in->mod == 3 && in->pp == PF2 && in->rm == 0 && configured) {
        zero(&tiles[in->reg]);
        return tiles[in->reg].rows > 0;
    }
    if (in->mod == 3 && in->pp == NONE && in->reg == 0 && in->rm == 0) {
        memset(tiles, 0, sizeof tiles);
        configured = false;
        return true;
    }
    return in->mod != 3 && in->pp == NONE && in->reg == 0 && configure(in->address);
}

static bool execute_product(const instruction *in) {
    tile *sum = &tiles[in->reg];
    const tile *a = &tiles[in->rm], *b = &tiles[in->vvvv & 7U];

    if (in->mod != 3 || in->vvvv > 7 || !configured || !fits(sum, a, b)) return false;
    atomic_fetch_add(&products, 1);
    if (in->opcode == 0x5c) {
        if (in->pp != PF3) return false;
        multiply_bf16(sum, a, b);
    } else {
        multiply_int8(in->pp == PF2 || in->pp == PF3, in->pp == PF2 || in->pp == P66, sum, a, b);
    }
    return true;
}

static bool execute(const instruction *in) {
    tile *t = &tiles[in->reg];

    switch (in->opcode) {
    case 0x49: return execute_49(in);
    case 0x4b:
        if (in->mod == 3 || !in->sib || !configured || t->rows == 0) return false;
        if (in->pp == PF2 || in->pp == P66)
            load(t, in->address, in->index);
        else if (in->pp == PF3)
            store(t, in->address, in->index);
        return in->pp != NONE;
    case 0x5c:
    case 0x5e: return execute_product(in);
    default: return false;
    }
}

static void handle(int number, siginfo_t *info, void *context) {
    greg_t *of = ((ucontext_t *)context)->uc_mcontext.gregs;
    instruction in;

    (void)info;
    fesetenv(FE_DFL_ENV); /* the model rounds to nearest, and keeps subnormal numbers itself */
    if (decode(of, &in) && execute(&in))
        of[REG_RIP] = (greg_t)(uintptr_t)in.end;
    else
        signal(number, SIG_DFL); /* the instruction is executed again, and ends the program */
}

bool amx_emulation_start(void) {
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO};

    if ((snnk__cpu_features() & SNNK__CPU_AMX) && snnk__cpu_permit_amx()) return true;
    sigemptyset(&action.sa_mask);
    return sigaction(SIGILL, &action, NULL) == 0;
}
#else
bool amx_emulation_start(void) { return false; }
unsigned long amx_emulated_products(void) { return 0; }
bool amx_tiles_in_use(void) { return false; }
#endif
