/* Contenders: one way to compute one case each. In each round all of a group run in turn, in a
 * different order. */
#include <math.h>
#include <omp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "forward.h"
#include "measure.h"
#include "rivals.h"

const size_t shapes[SHAPES][2] = {{768, 3072}, {512, 2048}, {384, 1536}};
const size_t ns[NS] = {1, 8, 32, 128, 512}, ms[MS] = {8, 16, 32, 64, 128, 256, 512, 1024};
result results[2][ACTIVATIONS][SHAPES][NS][MS];
operands shared;

const char *const activation_names[ACTIVATIONS] = {"relu", "gelu"};
const char *const way_names[WAYS] = {"snnk",
                                     "snnk_bf16",
                                     "snnk_int8",
                                     "snnk_bf16_rows",
                                     "snnk_bf16_bf16_rows",
                                     "snnk_int8_bf16_rows",
                                     "one_thread",
                                     "before",
                                     "before_bf16",
                                     "before_int8",
                                     "libxsmm_pair",
                                     "onednn_pair",
                                     "openblas_pair",
                                     "openblas_skylakex_pair",
                                     "onednn_bf16_pair",
                                     "dense",
                                     "dense_bf16",
                                     "dense_int8",
                                     "torch_dense"};

/* A way takes part in fewer rounds when they would take longer than seconds_per_way: in at least
 * LEAST_ROUNDS, or SLOW_ROUNDS if it is much slower than ours. */
enum { MAX_ROUNDS = 201, LEAST_ROUNDS = 15, SLOW_ROUNDS = 5 };
static const double seconds_per_way = 0.3;

#define CHECK(library, call)                                                                       \
    do {                                                                                           \
        if ((call) != SNNK_OK) {                                                                   \
            fprintf(stderr, "bench_forward: %s\n", (library)->last_error());                       \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static build other_build;
static openblas *blas[2];
static python *torch;

/* ---- One way to compute one case ---- */

typedef struct contender {
    size_t n, d, l, m;
    int way;
    rival_activation f;
    const build *library;
    snnk_layer *layer;
    snnk_network *network; /* of that layer, for rows in bf16 */
    snnk_workspace *workspace;
    onednn_layer *first, *second;
    xsmm_pair *xsmm;
    size_t python_case;
    measure_clock clock;
    size_t calls, stride; /* of one sample; it takes part in every stride-th round */
    double seconds;       /* about */
    double error;
    double samples[MAX_ROUNDS], peaks[MAX_ROUNDS]; /* NaN: did not take part, or no steady peak */
} contender;

static bool is_build(int way) { return way <= BEFORE_INT8; }

static void run(void *context) {
    contender *c = context;

    if (c->network) {
        CHECK(&build_linked, snnk_network_forward_bf16(c->network, c->n, shared.X_bf16, c->d,
                                                       shared.Y_bf16, c->l, c->workspace));
    } else if (is_build(c->way)) {
        CHECK(c->library, c->library->layer_forward(c->layer, c->n, shared.X, c->d, shared.Y, c->l,
                                                    c->workspace));
    } else if (c->way == LIBXSMM) {
        xsmm_run(c->xsmm);
    } else if (c->way == BLAS || c->way == BLAS_SKYLAKEX) {
        openblas_pair(blas[c->way - BLAS], c->n, c->d, c->m, c->l, shared.X, shared.G, shared.Psi,
                      shared.Phi, shared.Y);
    } else {
        onednn_run(c->first);
        if (c->second) onednn_run(c->second);
    }
}

static int storage_of(int way) {
    switch (way) {
    case OURS_BF16:
    case OURS_BF16_ROWS:
    case BEFORE_BF16: return SNNK_STORAGE_BF16;
    case OURS_INT8:
    case OURS_INT8_ROWS:
    case BEFORE_INT8: return SNNK_STORAGE_INT8;
    default: return SNNK_STORAGE_F32;
    }
}

static void prepare_build(contender *c, int activation, int threads) {
    const int narrow = storage_of(c->way);
    const build *b = c->library =
        c->way >= BEFORE && c->way <= BEFORE_INT8 ? &other_build : &build_linked;
    snnk_map_config config;
    snnk_layer *layer;
    snnk_map *map;

    CHECK(b, b->map_config_init(&config, sizeof config));
    config.kind = activation == RELU ? SNNK_MAP_ARC_COSINE : SNNK_MAP_ELEMENTWISE;
    config.activation = SNNK_GELU;
    config.features = c->m;
    CHECK(b, b->map_create_from_rows(c->d, c->m, shared.G, c->d, NULL, &config, NULL, &map));
    CHECK(b, b->layer_create(map, c->l, shared.Psi, c->m, shared.bias, &c->layer));
    b->map_free(map);
    if (narrow != SNNK_STORAGE_F32) {
        layer = c->layer;
        CHECK(b, b->layer_quantize(layer, narrow, &c->layer));
        b->layer_free(layer);
    }
    CHECK(b, b->workspace_create(c->way == OURS_ONE_THREAD ? 1 : (size_t)threads, NULL,
                                 &c->workspace));
    if (!has_bf16_rows(c->way)) return;
    CHECK(b, snnk_network_create(NULL, &c->network));
    CHECK(b, snnk_network_append(c->network, c->layer));
}

static void prepare_onednn(contender *c) {
    static const onednn_types dense_types[] = {TYPES_FLOAT, TYPES_BF16_TO_FLOAT,
                                               TYPES_INT8_TO_FLOAT};
    const bool bf16 = c->way == ONEDNN_BF16;
    const operands *o = &shared;

    if (is_dense(c->way)) {
        c->first = onednn_create_as(dense_types[c->way - DENSE], c->n, c->d, c->l, c->f, NULL, o->X,
                                    o->W, o->bias, o->Y);
        return;
    }
    c->first = onednn_create_as(bf16 ? TYPES_BF16 : TYPES_FLOAT, c->n, c->d, c->m, c->f, NULL, o->X,
                                o->G, NULL, o->Phi);
    if (!c->first) return;
    c->second = onednn_create_as(bf16 ? TYPES_BF16_TO_FLOAT : TYPES_FLOAT, c->n, c->m, c->l,
                                 RIVAL_NONE, c->first, NULL, o->Psi, o->bias, o->Y);
    if (!c->second) onednn_free(c->first), c->first = NULL;
}

/* NULL if the way cannot be measured here. */
static contender *prepare(int way, size_t n, size_t d, size_t l, size_t m, int activation,
                          int threads) {
    contender *c = calloc(1, sizeof *c);

    if (!c) exit(1);
    *c = (contender){.n = n,
                     .d = d,
                     .l = l,
                     .m = m,
                     .way = way,
                     .f = activation == RELU ? RIVAL_RELU : RIVAL_GELU,
                     .clock = threads > 1 ? measure_now : measure_thread_now};
    while (ns[c->python_case] != n) c->python_case++;
    if (is_build(way))
        prepare_build(c, activation, threads);
    else if (way == LIBXSMM)
        c->xsmm =
            xsmm_create(n, d, m, l, c->f, shared.X, shared.G, shared.Psi, shared.bias, shared.Y);
    else if (way == ONEDNN || way == ONEDNN_BF16 || (is_dense(way) && way != DENSE_TORCH))
        prepare_onednn(c);
    const bool made = is_build(way) || c->xsmm || c->first || (way == DENSE_TORCH && torch) ||
                      ((way == BLAS || way == BLAS_SKYLAKEX) && blas[way - BLAS]);
    if (made) return c;
    free(c);
    return NULL;
}

static void dismiss(contender *c) {
    if (!c) return;
    if (c->library) c->library->layer_free(c->layer), c->library->workspace_free(c->workspace);
    snnk_network_free(c->network);
    onednn_free(c->second);
    onednn_free(c->first);
    if (c->xsmm) xsmm_free(c->xsmm);
    free(c);
}

/* ---- Does it compute the right thing? ---- */

static double apply(rival_activation f, double x) {
    return f == RIVAL_RELU ? fmax(x, 0) : x * 0.5 * erfc(-x * sqrt(0.5));
}

static double dot(size_t n, const float *a, const float *b) {
    double sum = 0;

    for (size_t k = 0; k < n; k++) sum += (double)a[k] * (double)b[k];
    return sum;
}

/* Row i of the outputs, in double. */
static void reference_row(const contender *c, size_t i, double *row) {
    const float *x = shared.X + i * c->d;
    float phi[MAX_M];

    for (size_t j = 0; j < c->m; j++)
        phi[j] = (float)apply(c->f, dot(c->d, x, shared.G + j * c->d));
    for (size_t o = 0; o < c->l; o++)
        row[o] = c->m ? shared.bias[o] + dot(c->m, phi, shared.Psi + o * c->m)
                      : apply(c->f, shared.bias[o] + dot(c->d, x, shared.W + o * c->d));
}

/* Relative error of the first, one middle and the last row. OpenBLAS computes no bias,
 * which is left out there in their favour. */
static double error_of(contender *c) {
    static double row[MAX_L];
    const bool no_bias = c->way == BLAS || c->way == BLAS_SKYLAKEX;
    double difference = 0, size = 0;

    memset(shared.Y, 0, c->n * c->l * sizeof *shared.Y);
    run(c);
    for (size_t k = 0; c->network && k < c->n * c->l; k++) {
        const uint32_t bits = (uint32_t)shared.Y_bf16[k] << 16;

        memcpy(&shared.Y[k], &bits, sizeof bits);
    }
    for (size_t k = 0; k < (c->n < 3 ? c->n : 3); k++) {
        const size_t i = k * (c->n - 1) / 2;

        reference_row(c, i, row);
        for (size_t o = 0; o < c->l; o++) {
            const double expected = no_bias ? row[o] - shared.bias[o] : row[o];

            difference += pow(shared.Y[i * c->l + o] - expected, 2);
            size += expected * expected;
        }
    }
    return sqrt(difference / size);
}

/* Exits if a way computes something else. */
static double checked_error(contender *c) {
    const bool bf16 = storage_of(c->way) == SNNK_STORAGE_BF16 || has_bf16_rows(c->way) ||
                      c->way == ONEDNN_BF16 || c->way == DENSE_BF16;
    const bool int8 = storage_of(c->way) == SNNK_STORAGE_INT8 || c->way == DENSE_INT8;
    const double allowed = int8 ? 0.05 : bf16 ? 0.02 : 1e-5;

    if (c->way == DENSE_TORCH) return NAN;
    const double error = error_of(c);

    if (error <= allowed) return error;
    fprintf(stderr, "%s, n = %zu, m = %zu: error %.2g, more than %.2g\n", way_names[c->way], c->n,
            c->m, error, allowed);
    exit(1);
}

/* ---- A group of cases ---- */

/* Which ways are measured: all for the first shape and relu on one thread; what the speed-up tables
 * need elsewhere. */
static bool takes_part(const settings *s, int way, int threads, int activation, size_t shape) {
    if (!s->way[way]) return false;
    if (way >= BEFORE && way <= BEFORE_INT8)
        return s->against && activation == RELU && threads == 1;
    if (threads > 1) return way == OURS || way == OURS_ONE_THREAD || way == ONEDNN || way == DENSE;
    if (way == OURS_ONE_THREAD) return false;
    if (shape == 0 && activation == RELU) return true;
    return way == OURS || way == DENSE || way == ONEDNN || (way == LIBXSMM && activation == RELU);
}

/* How many calls a sample is, and in how many rounds this way takes part. */
static void calibrate(const settings *s, contender *c) {
    c->calls = c->stride = 1;
    if (c->way == DENSE_TORCH) return;
    c->calls = measure_count(run, c, s->burst, c->clock);
    c->seconds = measure_sample(run, c, c->calls, c->clock);
    const double most = seconds_per_way / (c->seconds * (double)(c->calls + 1));
    const double rounds = fmax(most, SLOW_ROUNDS);

    if ((double)s->rounds > rounds) c->stride = (size_t)((double)s->rounds / rounds);
}

/* Ways that are not much slower than the first one take part as often as it does: minima are then
 * over as many samples. */
static void balance(const settings *s, contender *const ways[WAYS]) {
    const size_t most = s->rounds < LEAST_ROUNDS ? 1 : s->rounds / LEAST_ROUNDS;
    contender *first = NULL;

    for (int way = 0; way < DENSE; way++) {
        if (!ways[way]) continue;
        if (!first) first = ways[way];
        if (first->stride > most) first->stride = most;
        if (ways[way]->seconds < 3 * first->seconds) ways[way]->stride = first->stride;
    }
}

/* Shuffle the ways. Otherwise each would always run after the same one, which may leave the caches
 * or the clock rate in a bad state. */
static void shuffle(size_t count, contender *all[]) {
    static uint32_t state = 1;

    for (size_t i = count; i > 1; i--) {
        state = state * 1664525 + 1013904223;
        const size_t j = (state >> 8) % i;
        contender *other = all[j];

        all[j] = all[i - 1];
        all[i - 1] = other;
    }
}

/* One sample; ours on one thread between two measurements of the peak. */
static void take_sample(contender *c, size_t round) {
    const bool watched = c->way == OURS && c->clock == measure_thread_now;
    double before = 0, after = 0;

    c->samples[round] = c->peaks[round] = NAN;
    if (round % c->stride != 0) return;
    for (int k = 0; watched && k < 2; k++) before = measure_peak_now(); /* the second counts */
    c->samples[round] = c->way == DENSE_TORCH ? python_run(torch, c->python_case)
                                              : measure_sample(run, c, c->calls, c->clock);
    if (!watched) return;
    after = measure_peak_now();
    shared.peak = fmax(shared.peak, fmax(before, after));
    if (fabs(after / before - 1) <= 0.02) c->peaks[round] = (before + after) / 2;
}

/* The time that memory needs at least, in seconds: reading G, Psi and the bias from the level where
 * they fit, or writing Y. */
static double memory_seconds(size_t n, size_t d, size_t l, size_t m, int threads) {
    const size_t weights = (m * (d + l) + l) * sizeof(float), output = n * l * sizeof(float);
    const double reading = (double)weights / measure_read_rate(shared.W, weights);
    const double writing = (double)output / measure_write_rate(shared.Y, output) / threads;

    return fmax(reading / (n > 1 ? 1 : threads), writing);
}

/* The share of the limit: the median over samples whose peaks before and after agree. With two
 * threads: the least time at the highest peak. */
static void find_roofline(const settings *s, const contender *c, int threads, result *to) {
    const double flops = 2.0 * (double)(c->n * c->m) * (double)(c->d + c->l);
    const double memory = memory_seconds(c->n, c->d, c->l, c->m, threads);
    double shares[MAX_ROUNDS];
    size_t count = 0;

    for (size_t r = 0; r < s->rounds; r++)
        if (!isnan(c->peaks[r]))
            shares[count++] = fmax(flops / c->peaks[r], memory) / c->samples[r];
    measure_sort(shares, count);
    to->roofline_samples = count;
    to->roofline = threads > 1 ? fmax(flops / shared.peak / threads, memory) / to->least[OURS]
                   : count     ? shares[count / 2]
                               : NAN;
}

static double median_ratio(const contender *a, const contender *b, size_t rounds) {
    double ratios[MAX_ROUNDS];
    size_t count = 0;

    for (size_t r = 0; r < rounds; r++) {
        const double ratio = a->samples[r] / b->samples[r];

        if (!isnan(ratio)) ratios[count++] = ratio;
    }
    measure_sort(ratios, count);
    return ratios[count / 2]; /* all take part in round 0 */
}

static void summarise_samples(const settings *s, const contender *c, const contender *first,
                              result *to) {
    double samples[MAX_ROUNDS];
    size_t count = 0;

    for (size_t r = 0; r < s->rounds; r++)
        if (!isnan(c->samples[r])) samples[count++] = c->samples[r];
    measure_sort(samples, count);
    to->measured[c->way] = true;
    to->least[c->way] = samples[0];
    to->median[c->way] = samples[count / 2];
    to->ratio[c->way] = median_ratio(c, first, s->rounds);
}

typedef struct group {
    contender *dense[WAYS], *ways[MS][WAYS], *all[WAYS + MS * WAYS];
    size_t count;
} group;

static contender *join(group *g, contender *c) {
    if (c) g->all[g->count++] = c;
    return c;
}

static void finish_case(const settings *s, const group *g, int threads, size_t j, result *to) {
    const contender *first = NULL;

    for (int way = 0; way < WAYS && !first; way++)
        first = is_dense(way) ? g->dense[way] : g->ways[j][way];
    for (int way = 0; way < WAYS; way++) {
        contender *c = is_dense(way) ? g->dense[way] : g->ways[j][way];

        if (!c) continue;
        summarise_samples(s, c, first, to);
        to->error[way] = c->error;
    }
    to->roofline = NAN;
    if (g->ways[j][OURS]) find_roofline(s, g->ways[j][OURS], threads, to);
}

void forward_group(const settings *all, int threads, int activation, size_t shape, size_t i) {
    const bool compared = shape == 0 && activation == RELU && threads == 1;
    settings fewer = *all, *s = &fewer;
    const size_t n = ns[i], d = shapes[shape][0], l = shapes[shape][1];
    const size_t last = shape == 0 && activation == RELU ? MS : FEW_MS;
    group g = {.count = 0};

    if (!compared && !s->quick) s->rounds = s->rounds / 2 + 1;
    omp_set_num_threads(threads);
    for (int way = 0; way < WAYS; way++) {
        if (!takes_part(s, way, threads, activation, shape)) continue;
        if (is_dense(way)) g.dense[way] = join(&g, prepare(way, n, d, l, 0, activation, threads));
        for (size_t j = 0; j < last && !is_dense(way); j++)
            if (s->m[j])
                g.ways[j][way] = join(&g, prepare(way, n, d, l, ms[j], activation, threads));
    }
    for (size_t k = 0; k < g.count; k++) {
        g.all[k]->error = checked_error(g.all[k]);
        calibrate(s, g.all[k]);
    }
    for (size_t j = 0; j < last; j++) balance(s, g.ways[j]);
    for (size_t r = 0; r < s->rounds; r++) {
        shuffle(g.count, g.all);
        for (size_t k = 0; k < g.count; k++) take_sample(g.all[k], r);
    }
    for (size_t j = 0; j < last; j++)
        if (s->m[j]) finish_case(s, &g, threads, j, &results[threads - 1][activation][shape][i][j]);
    for (size_t k = 0; k < g.count; k++) dismiss(g.all[k]);
}

double forward_block(const settings *s) {
    enum { N = 32, D = 512, L = 1536, M = 64 };
    float *hidden = measure_floats(N * L);
    contender *ours = prepare(OURS, N, D, D, M, RELU, 1);
    contender dense = {.way = DENSE, .clock = measure_thread_now};

    omp_set_num_threads(1);
    dense.first = onednn_create(N, D, L, RIVAL_RELU, 0, shared.X, shared.W, shared.bias, hidden);
    dense.second = onednn_create(N, L, D, RIVAL_NONE, 0, hidden, shared.W, shared.bias, shared.Y);
    calibrate(s, ours), calibrate(s, &dense);
    for (size_t r = 0; r < s->rounds; r++) take_sample(&dense, r), take_sample(ours, r);
    const double speedup = median_ratio(&dense, ours, s->rounds);

    onednn_free(dense.second);
    onednn_free(dense.first);
    dismiss(ours);
    free(hidden);
    return speedup;
}

/* ---- Beginning and end ---- */

void forward_prepare(const settings *s) {
    shared = (operands){.X = measure_floats(MAX_N * MAX_D),
                        .Y = measure_floats(MAX_N * MAX_L),
                        .W = measure_floats(MAX_L * (MAX_D + MAX_M)),
                        .G = measure_floats(MAX_M * MAX_D),
                        .Psi = measure_floats(MAX_L * MAX_M),
                        .Phi = measure_floats(MAX_N * MAX_M),
                        .bias = measure_floats(MAX_L),
                        .X_bf16 = (uint16_t *)measure_floats(MAX_N * MAX_D / 2),
                        .Y_bf16 = (uint16_t *)measure_floats(MAX_N * MAX_L / 2)};
    for (size_t k = 0; k < MAX_N * MAX_D; k++) { /* cut off, which is near enough */
        uint32_t bits;

        memcpy(&bits, &shared.X[k], sizeof bits);
        shared.X_bf16[k] = (uint16_t)(bits >> 16);
    }
    machine_permit_amx();
    if (s->against) other_build = build_load(s->against);
    if (s->way[BLAS]) blas[0] = openblas_load(NULL, 1);
    if (s->way[BLAS_SKYLAKEX]) blas[1] = openblas_load("SkylakeX", 1);
    if (s->way[DENSE_TORCH])
        torch = torch_dense(machine_read().avx512 ? "SkylakeX" : NULL, 1, shapes[0][0],
                            shapes[0][1], NS, ns);
    shared.peak = measure_peak();
}

void forward_finish(void) { python_stop(torch); }

const char *forward_blas_core(int way) {
    return blas[way - BLAS] ? openblas_core(blas[way - BLAS]) : "";
}

const char *forward_torch_about(void) { return torch ? python_about(torch) : ""; }
