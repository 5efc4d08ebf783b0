/* Measure training steps (forward, backward, Adam) of SNNK layers against PyTorch, and against
 * another build of the library.
 *
 *     bench_train [--quick] [--json] [--against LIB]
 *
 * The layers have 768 inputs and 3072 outputs, as the expansion of BERT's feed-forward block; a
 * batch has 512 rows; gradients with respect to the outputs are given, and those with respect to
 * the inputs are computed. In an SNNK layer of m relu features all numbers learn: rows, offsets,
 * Psi and bias. PyTorch (Debian: python3-torch) makes the same steps in a child process, of the
 * same SNNK layer and of the dense layer that it stands for. All ways run in turn, in each round;
 * times are minima of processor time on one thread. PyTorch's dense products are OpenBLAS's, which
 * may not know the processor: it runs by default and with OPENBLAS_CORETYPE=SkylakeX (where there
 * is AVX-512), and the faster one of each step counts. Each makes several steps in a row, as in
 * training, so that what they keep is in the cache.
 *
 * The share of the roofline of the backward pass is the shortest time that this machine allows
 * over the time taken. That is the larger of
 *   - 4 n m (d + l) flops (two products on each side of the features) at the measured peak, and
 *   - the reading of dY and X, and the writing of dX, at the measured rates for arrays of that
 *   size.
 *
 * vs_before: the time that another build of libsnnk.so takes for the same step, over ours, for each
 * m; the median of the ratios within rounds, in which both take turns.
 *
 * two_thread_scaling: clock time of a whole step of m = 64 on one thread over that on two.
 * refine_speedup: the same of refining a compressed block (snnk_distill, 512 -> 1536 -> 512, 64
 * features, 8192 rows), without the selection of features that comes first. */
#define _GNU_SOURCE /* affinity */
#include <math.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <snnk/snnk.h>

#include "build.h"
#include "measure.h"
#include "rivals.h"

enum {
    D = 768,
    L = 3072,
    N = 512,
    MS = 4,
    ROUNDS = 25,
    QUICK_ROUNDS = 5,
    SCALED = 64,
    IN_A_ROW = 5
};

static const size_t features[MS] = {8, 16, 32, 64};

#define CHECK(call)                                                                                \
    do {                                                                                           \
        if ((call) != SNNK_OK) {                                                                   \
            fprintf(stderr, "%s: %s\n", #call, snnk_last_error());                                 \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static float *X, *dX, *Y, *dY;

/* ---- Our steps ---- */

typedef struct ours {
    const build *by;
    snnk_trainer *trainer;
    snnk_record *record;
} ours;

#define CHECK_BY(by, call)                                                                         \
    do {                                                                                           \
        if ((by)->call != SNNK_OK) {                                                               \
            fprintf(stderr, "%s: %s\n", #call, (by)->last_error());                                \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static ours ours_create(const build *by, size_t m) {
    snnk_map_config config;
    snnk_train_config training;
    snnk_map *map;
    snnk_layer *layer;
    snnk_network *network;
    ours made = {.by = by};

    CHECK_BY(by, map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_ELEMENTWISE;
    config.activation = SNNK_RELU;
    config.features = m;
    CHECK_BY(by, map_create(D, &config, NULL, &map));
    CHECK_BY(by, layer_create_random(map, L, 1, &layer));
    CHECK_BY(by, network_create(NULL, &network));
    CHECK_BY(by, network_append(network, layer));
    CHECK_BY(by, train_config_init(&training, sizeof training));
    training.rows_rate = 1;
    CHECK_BY(by, trainer_create(network, &training, &made.trainer));
    CHECK_BY(by, record_create(made.trainer, &made.record));
    by->network_free(network);
    by->layer_free(layer);
    by->map_free(map);
    return made;
}

static void ours_free(const ours *o) {
    o->by->record_free(o->record);
    o->by->trainer_free(o->trainer);
}

typedef struct parts {
    double forward, backward, step, all; /* seconds */
} parts;

static void keep_least(parts *best, const parts *now) {
    best->forward = fmin(best->forward, now->forward);
    best->backward = fmin(best->backward, now->backward);
    best->step = fmin(best->step, now->step);
    best->all = fmin(best->all, now->all);
}

static parts ours_run(const ours *o, double (*now)(void), snnk_workspace *workspace) {
    const double start = now();

    CHECK_BY(o->by, trainer_forward(o->trainer, N, X, D, Y, L, o->record, workspace));
    const double after_forward = now();

    CHECK_BY(o->by, trainer_backward(o->trainer, o->record, X, D, dY, L, dX, D, workspace));
    const double after_backward = now();

    CHECK_BY(o->by, trainer_step(o->trainer, 1.0 / N, 1, workspace));
    const double end = now();

    return (parts){after_forward - start, after_backward - after_forward, end - after_backward,
                   end - start};
}

/* The shortest times of a few steps in a row. */
static parts ours_run_some(const ours *o) {
    parts least = ours_run(o, measure_thread_now, NULL);

    for (int i = 1; i < IN_A_ROW; i++) {
        const parts now = ours_run(o, measure_thread_now, NULL);

        keep_least(&least, &now);
    }
    return least;
}

/* ---- PyTorch's steps ---- */

/* The same in a process with each kernel of OpenBLAS; NULL if one is missing. */
typedef struct torch {
    python *by[2];
} torch;

static torch torch_start(size_t cases, const size_t (*shapes)[2]) {
    const bool avx512 = strcmp(snnk_kernels_name(), "avx512") == 0;

    return (torch){{torch_steps(NULL, 1, N, cases, shapes),
                    avx512 ? torch_steps("SkylakeX", 1, N, cases, shapes) : NULL}};
}

/* The shortest time of a case in this round; infinity if PyTorch is missing. */
static double torch_run(const torch *t, size_t k) {
    double least = INFINITY;

    for (int i = 0; i < 2 * IN_A_ROW; i++)
        if (t->by[i / IN_A_ROW]) least = fmin(least, python_run(t->by[i / IN_A_ROW], k));
    return least;
}

/* ---- Measuring ---- */

typedef struct result {
    parts ours;
    double torch;     /* of the same layer; NaN if PyTorch is missing */
    double roofline;  /* share */
    double vs_before; /* NaN without another build */
} result;

typedef struct results {
    result of[MS];
    double dense; /* PyTorch's */
    double peak, scaling, refine_speedup;
    char torch[256];
} results;

/* The shortest time of a backward pass. */
static double least_seconds(size_t m, double peak) {
    const size_t outputs = (size_t)N * L * sizeof(float), inputs = (size_t)N * D * sizeof(float);
    const double arithmetic = 4.0 * N * (double)m * (D + L) / peak;
    const double moving = (double)outputs / measure_read_rate(dY, outputs) +
                          (double)inputs / measure_read_rate(X, inputs) +
                          (double)inputs / measure_write_rate(dX, inputs);

    return fmax(arithmetic, moving);
}

/* other: NULL, or another build. */
static void measure_steps(size_t rounds, const build *other, results *r) {
    size_t shapes[MS + 1][2];
    ours layers[MS], before[MS];
    double ratios[MS][ROUNDS];

    for (size_t j = 0; j < MS; j++) {
        shapes[j][0] = features[j], shapes[j][1] = L;
        layers[j] = ours_create(&build_linked, features[j]);
        if (other) before[j] = ours_create(other, features[j]);
        r->of[j] = (result){{INFINITY, INFINITY, INFINITY, INFINITY}, INFINITY, 0, NAN};
    }
    shapes[MS][0] = 0, shapes[MS][1] = L;
    const torch rival = torch_start(MS + 1, (const size_t(*)[2])shapes);

    r->dense = INFINITY;
    snprintf(r->torch, sizeof r->torch, "%s", rival.by[0] ? python_about(rival.by[0]) : "");
    for (size_t round = 0; round < rounds; round++) {
        r->peak = fmax(r->peak, measure_peak()); /* the clock rate varies */
        for (size_t j = 0; j < MS; j++) {
            /* Alternating: the first one finds colder caches. */
            parts earlier = {0}, now;

            if (other && round % 2) earlier = ours_run_some(&before[j]);
            now = ours_run_some(&layers[j]);
            if (other && round % 2 == 0) earlier = ours_run_some(&before[j]);
            keep_least(&r->of[j].ours, &now);
            ratios[j][round] = earlier.all / now.all;
            r->of[j].torch = fmin(r->of[j].torch, torch_run(&rival, j));
        }
        r->dense = fmin(r->dense, torch_run(&rival, MS));
    }
    for (size_t j = 0; j < MS; j++) {
        r->of[j].roofline = least_seconds(features[j], r->peak) / r->of[j].ours.backward;
        ours_free(&layers[j]);
        if (!other) continue;
        measure_sort(ratios[j], rounds);
        r->of[j].vs_before = ratios[j][rounds / 2];
        ours_free(&before[j]);
    }
    for (int k = 0; k < 2; k++) python_stop(rival.by[k]);
}

/* Create a workspace of two threads on two processors: left alone, the kernel of some virtual
 * machines runs both on one for long times. The thread of the workspace inherits the processor that
 * the caller has when it is created. */
static snnk_workspace *two_processors(void) {
    cpu_set_t allowed, one;
    size_t processors[2], n = 0;
    snnk_workspace *made;

    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0)
        for (size_t k = 0; k < CPU_SETSIZE && n < 2; k++)
            if (CPU_ISSET(k, &allowed)) processors[n++] = k;
    CPU_ZERO(&one);
    if (n == 2) CPU_SET(processors[1], &one), sched_setaffinity(0, sizeof one, &one);
    CHECK(snnk_workspace_create(2, NULL, &made));
    CPU_ZERO(&one);
    if (n == 2) CPU_SET(processors[0], &one), sched_setaffinity(0, sizeof one, &one);
    return made;
}

static void measure_scaling(size_t rounds, snnk_workspace *two, results *r) {
    const ours layer = ours_create(&build_linked, SCALED);
    parts one_thread = {.all = INFINITY}, two_threads = {.all = INFINITY};

    for (size_t round = 0; round < 4 * rounds; round++) {
        const parts one = ours_run(&layer, measure_now, NULL),
                    both = ours_run(&layer, measure_now, two);

        one_thread.all = fmin(one_thread.all, one.all);
        two_threads.all = fmin(two_threads.all, both.all);
    }
    r->scaling = one_thread.all / two_threads.all;
    ours_free(&layer);
}

/* ---- Refining ---- */

enum { BLOCK = 512, HIDDEN = 1536, REFINED_ROWS = 8192, REFINED_FEATURES = 64 };

static snnk_layer *random_layer(size_t d, size_t l, int32_t activation) {
    float *W = measure_floats(l * d);
    snnk_layer *layer;

    for (size_t k = 0; k < l * d; k++) W[k] = (float)(W[k] * sqrt(12.0 / (double)d));
    CHECK(snnk_layer_create_dense(d, l, W, d, NULL, activation, NULL, &layer));
    free(W);
    return layer;
}

static double solve_seconds(const snnk_distill *distill, snnk_workspace *workspace) {
    const double start = measure_now();
    snnk_layer *layer;

    CHECK(snnk_distill_solve(distill, REFINED_FEATURES, workspace, NULL, &layer));
    snnk_layer_free(layer);
    return measure_now() - start;
}

static void measure_refinement(size_t rounds, snnk_workspace *two, results *r) {
    snnk_layer *hidden = random_layer(BLOCK, HIDDEN, SNNK_RELU),
               *readout = random_layer(HIDDEN, BLOCK, SNNK_IDENTITY);
    float *rows = measure_floats((size_t)REFINED_ROWS * BLOCK);
    double least[2][2] = {{INFINITY, INFINITY}, {INFINITY, INFINITY}};
    snnk_workspace *workspaces[2] = {NULL, two};
    snnk_distill *tiers[2];

    for (int refined = 0; refined < 2; refined++) {
        snnk_distill_config config;

        CHECK(snnk_distill_config_init(&config, sizeof config));
        config.tier = refined ? SNNK_DISTILL_REFINED : SNNK_DISTILL_SELECTED;
        CHECK(snnk_distill_create(hidden, readout, SNNK_ROWS(.n = REFINED_ROWS, .X = rows), &config,
                                  NULL, &tiers[refined]));
    }
    for (size_t round = 0; round < (rounds + 1) / 2; round++)
        for (int refined = 0; refined < 2; refined++)
            for (int t = 0; t < 2; t++)
                least[refined][t] =
                    fmin(least[refined][t], solve_seconds(tiers[refined], workspaces[t]));
    r->refine_speedup = (least[1][0] - least[0][0]) / (least[1][1] - least[0][1]);
    snnk_distill_free(tiers[0]);
    snnk_distill_free(tiers[1]);
    snnk_layer_free(hidden);
    snnk_layer_free(readout);
    free(rows);
}

/* ---- Printing ---- */

enum { BERT = 1 }; /* m = 16 */

static void print_number(const char *name, double value, const char *end) {
    printf("\"%s\":", name);
    if (isfinite(value))
        printf("%.4g%s", value, end);
    else
        printf("null%s", end);
}

static void print_json(const results *r) {
    printf("{\"kernels\":\"%s\",\"torch\":\"%s\",\"peak_gflops\":%.1f,\"results\":[",
           snnk_kernels_name(), r->torch, 1e-9 * r->peak);
    for (size_t j = 0; j < MS; j++) {
        const result *of = &r->of[j];

        printf("%s{\"m\":%zu,\"forward_ms\":%.4g,\"backward_ms\":%.4g,\"step_ms\":%.4g,",
               j ? "," : "", features[j], 1e3 * of->ours.forward, 1e3 * of->ours.backward,
               1e3 * of->ours.step);
        print_number("vs_torch_dense", r->dense / of->ours.all, ",");
        print_number("vs_torch_snnk", of->torch / of->ours.all, ",");
        print_number("vs_before", of->vs_before, ",");
        print_number("backward_roofline_fraction", of->roofline, "}");
    }
    printf("],");
    print_number("train_step_vs_torch_dense", r->dense / r->of[BERT].ours.all, ",");
    print_number("train_step_vs_torch_snnk", r->of[BERT].torch / r->of[BERT].ours.all, ",");
    print_number("train_step_vs_before", r->of[BERT].vs_before, ",");
    print_number("backward_roofline_fraction", r->of[BERT].roofline, ",");
    print_number("two_thread_scaling", r->scaling, ",");
    print_number("refine_speedup", r->refine_speedup, "}\n");
}

static void print_table(const results *r) {
    printf("kernels: %s; peak of one core: %.1f GFLOP/s; %s\n"
           "steps of %d -> %d, %d rows, milliseconds of one thread\n\n"
           "   m  forward  backward   Adam    all   times faster than PyTorch    roofline\n"
           "                                            dense  the same layer  (backward)\n",
           snnk_kernels_name(), 1e-9 * r->peak, r->torch[0] ? r->torch : "PyTorch is missing", D, L,
           N);
    for (size_t j = 0; j < MS; j++) {
        const result *of = &r->of[j];

        printf("%4zu  %7.2f  %8.2f  %5.2f  %5.2f  %11.1f  %14.1f  %9.0f%%\n", features[j],
               1e3 * of->ours.forward, 1e3 * of->ours.backward, 1e3 * of->ours.step,
               1e3 * of->ours.all, r->dense / of->ours.all, of->torch / of->ours.all,
               100 * of->roofline);
    }
    for (size_t j = 0; j < MS; j++)
        if (isfinite(r->of[j].vs_before))
            printf("%s%.2f (m = %zu)",
                   j ? ", " : "\ntimes as fast as the other build: ", r->of[j].vs_before,
                   features[j]);
    printf("\ntwo threads: %.2f times faster (m = %d); refining a block %.2f times\n", r->scaling,
           (int)SCALED, r->refine_speedup);
}

int main(int argc, char **argv) {
    size_t rounds = ROUNDS;
    bool json = false;
    build other;
    const char *against = NULL;
    results r = {.peak = measure_peak()};

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            rounds = QUICK_ROUNDS;
        } else if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (strcmp(argv[i], "--against") == 0 && i + 1 < argc) {
            against = argv[++i];
        } else {
            const bool help = strcmp(argv[i], "--help") == 0;

            fprintf(help ? stdout : stderr,
                    "usage: bench_train [--quick] [--json] [--against LIB]\n"
                    "Measure training steps of SNNK layers against PyTorch.\n"
                    "  --quick        fewer rounds\n"
                    "  --json         print one JSON object\n"
                    "  --against LIB  also measure another build of libsnnk.so\n");
            return help ? 0 : 2;
        }
    }
    X = measure_floats((size_t)N * D);
    dX = measure_floats((size_t)N * D);
    Y = measure_floats((size_t)N * L);
    dY = measure_floats((size_t)N * L);
    if (against) other = build_load(against);
    measure_steps(rounds, against ? &other : NULL, &r);
    snnk_workspace *two = two_processors();

    measure_scaling(rounds, two, &r);
    measure_refinement(rounds, two, &r);
    snnk_workspace_free(two);
    (json ? print_json : print_table)(&r);
    return 0;
}
