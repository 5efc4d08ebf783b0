/* The cases of bench_forward, how they are measured, and their results. */
#ifndef SNNK_BENCH_FORWARD_H
#define SNNK_BENCH_FORWARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "build.h"
#include "machine.h"

enum { SHAPES = 3, NS = 5, MS = 8, MAX_N = 512, MAX_M = 1024, MAX_D = 768, MAX_L = 3072 };
enum { FEW_MS = 5 }; /* the other shapes and activations have m up to 128 */
enum { RELU, GELU, ACTIVATIONS };

/* Ways to compute a case. The dense ones do not depend on m. */
enum {
    OURS,
    OURS_BF16,
    OURS_INT8,
    OURS_ROWS, /* as OURS, with inputs and outputs in bf16 */
    OURS_BF16_ROWS,
    OURS_INT8_ROWS,
    OURS_ONE_THREAD, /* beside those with two threads, by the same clock */
    BEFORE,          /* another build of the library: --against */
    BEFORE_BF16,
    BEFORE_INT8,
    LIBXSMM,
    ONEDNN,
    BLAS,
    BLAS_SKYLAKEX,
    ONEDNN_BF16,
    DENSE,
    DENSE_BF16,
    DENSE_INT8,
    DENSE_TORCH,
    WAYS
};
extern const char *const way_names[WAYS];

static inline bool has_bf16_rows(int way) { return way >= OURS_ROWS && way <= OURS_INT8_ROWS; }
static inline bool is_dense(int way) { return way >= DENSE; }
static inline bool is_float_rival(int way) { return way >= LIBXSMM && way <= BLAS_SKYLAKEX; }

typedef struct result {
    bool measured[WAYS];
    double least[WAYS], median[WAYS]; /* seconds of one call */
    double
        ratio[WAYS]; /* median over rounds of (time of the way)/(time of the first way measured) */
    double error[WAYS]; /* of some rows: relative, in the 2-norm */
    double roofline;    /* share of the limit, of OURS */
    size_t roofline_samples;
} result;

extern const size_t shapes[SHAPES][2]; /* d, l */
extern const size_t ns[NS], ms[MS];
extern result results[2][ACTIVATIONS][SHAPES][NS][MS]; /* [threads - 1] */
extern const char *const activation_names[ACTIVATIONS];

/* ---- Measuring ---- */

typedef struct settings {
    bool json, quick, filtered;
    const char *plot, *directory, *against;
    bool n[NS], m[MS], way[WAYS]; /* the selected ones */
    size_t rounds;
    double burst; /* the minimum length of a sample in seconds */
} settings;

/* Arrays that all cases share, and the highest peak so far: flops a second of one core. */
typedef struct operands {
    float *X, *Y, *W, *G, *Psi, *Phi, *bias;
    uint16_t *X_bf16, *Y_bf16;
    double peak;
} operands;
extern operands shared;

/* Fill `shared` and load the rivals. */
void forward_prepare(const settings *s);
void forward_finish(void);

/* Measure the cases of one shape and n: every m and every way, in turn. */
void forward_group(const settings *s, int threads, int activation, size_t shape, size_t i);

/* Measure the feed-forward block 512-1536-512 against one SNNK layer of 64 features: n = 32, one
 * thread, relu. Returns the speed-up. */
double forward_block(const settings *s);

/* What was compared with: names and versions; empty if not measured. */
const char *forward_blas_core(int way);
const char *forward_torch_about(void);

/* ---- Reporting ---- */

/* block: the speed-up of forward_block, or NaN. */
void forward_json(FILE *to, const machine *m, double block);
void forward_table(const machine *m, double block);

/* Draw a PNG: the roofline, and times against m. False, with a message on stderr, if it could not
 * be drawn. */
bool forward_plot(const char *path);

#endif
