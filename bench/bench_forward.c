/* Measure forward passes of SNNK layers against dense layers, and against the same two products in
 * other libraries.
 *
 *     bench_forward [--quick] [--json] [--results DIR] [--plot out.png]
 *     bench_forward [--n 32] [--m 64,128] [--ways snnk,libxsmm_pair] [--rounds 61] [--against LIB]
 *
 * 768 -> m -> 3072 with relu on one thread is measured in every way; other shapes, gelu and two
 * threads against the dense layer.
 *
 *   snnk, snnk_bf16, snnk_int8  ours: weights in float, bfloat16 and int8
 *   snnk_bf16_rows, snnk_bf16_bf16_rows, snnk_int8_bf16_rows
 *                               the same with inputs and outputs in bf16
 *   before, before_bf16, ...    the same by another build of the library (--against)
 *   libxsmm_pair                two products by kernels of libxsmm in the best of several blockings
 *   onednn_pair                 two packed products of oneDNN
 *   openblas_pair               two sgemm of OpenBLAS with its own choice of kernels
 *   openblas_skylakex_pair      the same with OPENBLAS_CORETYPE=SkylakeX
 *   onednn_bf16_pair            bf16 inputs and features, float outputs
 *   dense                       the fused dense layer of oneDNN that the SNNK layer replaces
 *   dense_bf16, dense_int8      the same with narrow inputs and weights, float outputs
 *   torch_dense                 the dense layer of PyTorch, in a child process
 *
 * One thread is timed by its processor time, two by the clock on the wall. In each round all run in
 * turn, in random order. Times are minima over rounds; ratios (vs_...) are medians of the ratios
 * within rounds, so that a slow moment of the machine affects both.
 *
 * The share of the roofline is the shortest time that this machine allows over the time taken. That
 * is the longest of three: the multiply-adds at the peak rate measured just before and after the
 * sample; reading G, Psi and the bias from the memory level where they fit; writing Y. Samples
 * whose two peaks differ by more than 2 % are left out. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "forward.h"

/* ---- Arguments ---- */

static const char usage[] =
    "usage: bench_forward [options]\n"
    "Measure forward passes against dense layers and other libraries.\n"
    "  --quick        one shape, fewer rounds\n"
    "  --json         print one JSON object; without --quick or a selection also keep it in\n"
    "                 " SNNK_BENCH_RESULTS "/<processor>.json\n"
    "  --results DIR  keep it in this folder instead\n"
    "  --plot FILE    draw the roofline and the times, a PNG (needs gnuplot)\n"
    "Select cases of 768 -> m -> 3072, relu, one thread:\n"
    "  --n N,...      rows: 1, 8, 32, 128, 512\n"
    "  --m M,...      features: powers of two, 8 to 1024\n"
    "  --ways W,...   snnk, snnk_bf16, snnk_int8, snnk_bf16_rows, snnk_bf16_bf16_rows,\n"
    "                 snnk_int8_bf16_rows, libxsmm_pair, onednn_pair, openblas_pair,\n"
    "                 openblas_skylakex_pair, onednn_bf16_pair, dense, dense_bf16, dense_int8,\n"
    "                 torch_dense\n"
    "  --against LIB  also measure another build of libsnnk.so: ways before, before_bf16, ...\n"
    "  --rounds R     samples of each, 5 to 200\n";

static void refuse(const char *why, const char *what) {
    fprintf(stderr, "bench_forward: %s '%s'\n%s", why, what, usage);
    exit(2);
}

/* Mark the members of a comma-separated list of numbers. */
static void select_numbers(char *list, size_t count, const size_t *values, bool *selected) {
    memset(selected, 0, count * sizeof *selected);
    for (char *item = strtok(list, ","); item; item = strtok(NULL, ",")) {
        bool found = false;

        for (size_t k = 0; k < count; k++)
            if (strtoul(item, NULL, 10) == values[k]) found = selected[k] = true;
        if (!found) refuse("there is no case", item);
    }
}

static void select_ways(char *list, bool *selected) {
    memset(selected, 0, WAYS * sizeof *selected);
    for (char *item = strtok(list, ","); item; item = strtok(NULL, ",")) {
        bool found = false;

        for (int way = 0; way < WAYS; way++)
            if (strcmp(item, way_names[way]) == 0) found = selected[way] = true;
        if (!found) refuse("there is no way", item);
    }
}

/* The value of an option that takes one. */
static bool take(const char *option, int argc, char **argv, int *i, char **value) {
    if (strcmp(argv[*i], option) != 0) return false;
    if (*i + 1 == argc) refuse("a value is missing after", option);
    *value = argv[++*i];
    return true;
}

static void read_argument(settings *s, int argc, char **argv, int *i) {
    char *value = NULL;

    if (strcmp(argv[*i], "--json") == 0) {
        s->json = true;
    } else if (strcmp(argv[*i], "--quick") == 0) {
        s->quick = true;
        s->rounds = 5;
    } else if (strcmp(argv[*i], "--help") == 0) {
        fputs(usage, stdout);
        exit(0);
    } else if (take("--plot", argc, argv, i, &value)) {
        s->plot = value;
    } else if (take("--results", argc, argv, i, &value)) {
        s->directory = value;
    } else if (take("--rounds", argc, argv, i, &value)) {
        s->rounds = strtoul(value, NULL, 10);
        if (s->rounds < 5 || s->rounds > 200) refuse("not 5 to 200 rounds:", value);
    } else if (take("--n", argc, argv, i, &value)) {
        select_numbers(value, NS, ns, s->n);
        s->filtered = true;
    } else if (take("--m", argc, argv, i, &value)) {
        select_numbers(value, MS, ms, s->m);
        s->filtered = true;
    } else if (take("--ways", argc, argv, i, &value)) {
        select_ways(value, s->way);
        s->filtered = true;
    } else if (take("--against", argc, argv, i, &value)) {
        s->against = value;
        s->filtered = true;
    } else {
        refuse("unexpected argument", argv[*i]);
    }
}

static settings read_arguments(int argc, char **argv) {
    settings s = {.rounds = 61, .burst = 2e-4};

    memset(s.n, true, sizeof s.n);
    memset(s.m, true, sizeof s.m);
    memset(s.way, true, sizeof s.way);
    for (int i = 1; i < argc; i++) read_argument(&s, argc, argv, &i);
    return s;
}

/* ---- The file of results ---- */

/* Write it beside its place, then rename it: nobody reads half a file. */
static bool keep(const char *directory, const machine *m, double block) {
    char path[4096], part[4096 + 16];

    if ((size_t)snprintf(path, sizeof path, "%s/%s.json", directory, m->name) >= sizeof path) {
        fprintf(stderr, "bench_forward: the folder's name is too long\n");
        return false;
    }
    snprintf(part, sizeof part, "%s.%ld", path, (long)getpid());
    if (mkdir(directory, 0777) != 0 && errno != EEXIST) {
        perror(directory);
        return false;
    }
    FILE *to = fopen(part, "w");
    if (to) {
        forward_json(to, m, block);
        const bool failed = ferror(to) != 0;

        if (fclose(to) == 0 && !failed && rename(part, path) == 0) return true;
        remove(part);
    }
    perror(path);
    return false;
}

/* ---- The program ---- */

static void measure_groups(const settings *s, int threads, int activation) {
    for (size_t shape = 0; shape < (s->quick || s->filtered ? 1 : SHAPES); shape++)
        for (size_t i = 0; i < NS; i++) {
            if (!s->n[i]) continue;
            if (isatty(STDERR_FILENO))
                fprintf(stderr, "\r%d thread(s), %s, %zu -> %zu, n = %zu    ", threads,
                        activation_names[activation], shapes[shape][0], shapes[shape][1], ns[i]);
            forward_group(s, threads, activation, shape, i);
        }
}

int main(int argc, char **argv) {
    const settings s = read_arguments(argc, argv);
    const machine m = machine_read();
    bool kept = true;

    forward_prepare(&s);
    for (int threads = 1; threads <= (s.filtered ? 1 : 2); threads++)
        for (int a = 0; a < (s.filtered ? 1 : ACTIVATIONS); a++) measure_groups(&s, threads, a);
    if (isatty(STDERR_FILENO)) fprintf(stderr, "\r%60s\r", "");
    const double block = s.filtered ? NAN : forward_block(&s);
    if (s.json)
        forward_json(stdout, &m, block);
    else
        forward_table(&m, block);
    if (s.json && !s.quick && !s.filtered)
        kept = keep(s.directory ? s.directory : SNNK_BENCH_RESULTS, &m, block);
    forward_finish();
    return kept && (!s.plot || forward_plot(s.plot)) ? 0 : 1;
}
