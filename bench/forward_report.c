/* What bench_forward prints, and the file of results. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "forward.h"
#include "measure.h"

/* The result of 768 -> 3072, relu, one thread, which the summary is about. */
static const result *cell(size_t i, size_t j) { return &results[0][RELU][0][i][j]; }

static size_t position(const size_t *values, size_t value) {
    size_t k = 0;

    while (values[k] != value) k++;
    return k;
}

static const result *cell_of(size_t n, size_t m) { return cell(position(ns, n), position(ms, m)); }

/* Least time of one way over that of another; NaN if one was not measured. */
static double quotient(const result *r, int way, int over) {
    return r->measured[way] && r->measured[over] ? r->least[way] / r->least[over] : NAN;
}

static double best_rival(const result *r) {
    double best = NAN;

    for (int way = 0; way < WAYS; way++)
        if (is_float_rival(way) && r->measured[way]) best = fmin(best, r->least[way]);
    return best;
}

typedef struct range {
    double least, median;
} range;

/* Of values that may be NaN, for "not measured". */
static range range_of(size_t count, double *values) {
    size_t known = 0;

    for (size_t k = 0; k < count; k++)
        if (!isnan(values[k])) values[known++] = values[k];
    if (known == 0) return (range){NAN, NAN};
    measure_sort(values, known);
    const double middle = (values[known / 2] + values[(known - 1) / 2]) / 2;

    return (range){values[0], middle};
}

/* The value of one cell that a summary is over. */
typedef double (*cell_value)(const result *r);

static double rival_ratio(const result *r) {
    return r->measured[OURS] ? best_rival(r) / r->least[OURS] : NAN;
}
/* The same by medians of ratios within rounds. Where the clock rate jumps, minima compare one way's
 * fast moment with another's slow one. */
static double paired_ratio(const result *r) {
    double best = NAN;

    for (int way = 0; way < WAYS && r->measured[OURS]; way++)
        if (is_float_rival(way) && r->measured[way]) best = fmin(best, r->ratio[way]);
    return best;
}
static double roofline(const result *r) { return r->measured[OURS] ? r->roofline : NAN; }
static double int8_ratio(const result *r) { return quotient(r, OURS, OURS_INT8); }
static double bf16_ratio(const result *r) { return quotient(r, OURS, OURS_BF16); }
static double rows_ratio(const result *r) { return quotient(r, OURS, OURS_ROWS); }
static double bf16_rows_ratio(const result *r) { return quotient(r, OURS_BF16, OURS_BF16_ROWS); }
static double int8_rows_ratio(const result *r) { return quotient(r, OURS_INT8, OURS_INT8_ROWS); }
static double bf16_pair_ratio(const result *r) { return quotient(r, ONEDNN_BF16, OURS_BF16); }
static double libxsmm_ratio(const result *r) {
    return r->measured[LIBXSMM] && r->measured[OURS] ? r->ratio[LIBXSMM] : NAN;
}

/* Over the cells of relu and one thread with least_n <= n <= most_n and m >= least_m; all_shapes:
 * not of the first shape alone. */
static range over_cells(cell_value value, size_t least_n, size_t most_n, size_t least_m,
                        bool all_shapes) {
    double values[SHAPES * NS * MS];
    size_t count = 0;

    for (size_t shape = 0; shape < (all_shapes ? SHAPES : 1); shape++)
        for (size_t i = 0; i < NS; i++)
            for (size_t j = 0; j < MS; j++)
                if (ns[i] >= least_n && ns[i] <= most_n && ms[j] >= least_m)
                    values[count++] = value(&results[0][RELU][shape][i][j]);
    return range_of(count, values);
}

/* ---- JSON ---- */

/* JSON has no NaN. */
static void put(FILE *to, const char *name, double value) {
    if (isfinite(value))
        fprintf(to, ",\"%s\":%.4g", name, value);
    else
        fprintf(to, ",\"%s\":null", name);
}

static void put_machine(FILE *to, const machine *m) {
    const time_t now = time(NULL);
    char date[32] = "";
    struct tm utc;

    if (gmtime_r(&now, &utc)) strftime(date, sizeof date, "%Y-%m-%d", &utc);
    fprintf(to,
            "{\"processor\":\"%s\",\"brand\":\"%s\",\"l1_bytes\":%zu,\"l2_bytes\":%zu,"
            "\"l3_bytes\":%zu,\"amx\":%s,\"avx512_vnni\":%s,\"avx512_bf16\":%s,"
            "\"version\":\"%s\",\"kernels\":\"%s\",\"date\":\"%s\",\"openblas\":\"%s\","
            "\"torch\":\"%s\"",
            m->name, m->brand, m->l1, m->l2, m->l3, m->amx ? "true" : "false",
            m->vnni ? "true" : "false", m->bf16 ? "true" : "false", snnk_version(),
            snnk_kernels_name(), date, forward_blas_core(BLAS), forward_torch_about());
    fprintf(to, ",\"peak_gflops\":%.1f", 1e-9 * shared.peak);
}

static void put_way(FILE *to, const result *r, int way, int first) {
    const char *name = way_names[way];
    char key[64];

    snprintf(key, sizeof key, "%s_microseconds", name);
    put(to, way == OURS ? "microseconds" : key, 1e6 * r->least[way]);
    snprintf(key, sizeof key, "%s_median_microseconds", name);
    put(to, way == OURS ? "median_microseconds" : key, 1e6 * r->median[way]);
    snprintf(key, sizeof key, "%s_error", name);
    put(to, way == OURS ? "error" : key, r->error[way]);
    snprintf(key, sizeof key, "vs_%s", name);
    if (way != first && first == OURS) put(to, key, r->ratio[way]);
}

static int first_measured(const result *r) {
    for (int way = 0; way < WAYS; way++)
        if (r->measured[way]) return way;
    return WAYS;
}

static void put_result(FILE *to, int threads, int a, size_t shape, size_t i, size_t j) {
    const result *r = &results[threads - 1][a][shape][i][j];
    const size_t n = ns[i], d = shapes[shape][0], l = shapes[shape][1], m = ms[j];

    fprintf(to, "{\"d\":%zu,\"l\":%zu,\"n\":%zu,\"m\":%zu,\"activation\":\"%s\",\"threads\":%d", d,
            l, n, m, activation_names[a], threads);
    for (int way = 0; way < WAYS; way++)
        if (r->measured[way]) put_way(to, r, way, first_measured(r));
    if (r->measured[OURS]) {
        put(to, "gflops", 2e-9 * (double)(n * m) * (double)(d + l) / r->least[OURS]);
        put(to, "roofline_fraction", r->roofline);
        fprintf(to, ",\"roofline_samples\":%zu", r->roofline_samples);
        if (r->measured[DENSE]) put(to, "speedup", r->ratio[DENSE]);
    }
    fputc('}', to);
}

static void put_speedups(FILE *to) {
    static const size_t named[][2] = {{1, 8},   {1, 16},  {1, 32},  {1, 64},   {32, 16},
                                      {32, 32}, {32, 64}, {512, 8}, {512, 16}, {512, 64}};

    for (size_t k = 0; k < sizeof named / sizeof *named; k++) {
        const result *r = cell_of(named[k][0], named[k][1]);
        char key[64];

        snprintf(key, sizeof key, "speedup_768x3072_n%zu_m%zu", named[k][0], named[k][1]);
        put(to, key, r->measured[OURS] && r->measured[DENSE] ? r->ratio[DENSE] : NAN);
    }
}

static void put_amx(FILE *to) {
    const result *many = cell_of(512, 64), *few = cell_of(32, 64);

    put(to, "amx_bf16_vs_onednn_bf16_dense_n512_m64", quotient(many, DENSE_BF16, OURS_BF16));
    put(to, "amx_bf16_vs_onednn_bf16_dense_n32_m64", quotient(few, DENSE_BF16, OURS_BF16));
    put(to, "amx_int8_vs_onednn_int8_dense_n512_m64", quotient(many, DENSE_INT8, OURS_INT8));
    put(to, "amx_bf16_vs_float_n512_m128", bf16_ratio(cell_of(512, 128)));
    put(to, "amx_bf16_vs_float_n512_m256", bf16_ratio(cell_of(512, 256)));
    put(to, "amx_bf16_vs_onednn_bf16_pair_min",
        over_cells(bf16_pair_ratio, 32, MAX_N, 0, false).least);
}

/* Time with rows in float over time with rows in bf16. */
static void put_rows(FILE *to) {
    static const struct {
        const char *name;
        cell_value value;
    } storages[] = {{"bf16_rows_vs_float_rows", rows_ratio},
                    {"bf16_storage_bf16_rows_vs_float_rows", bf16_rows_ratio},
                    {"int8_storage_bf16_rows_vs_float_rows", int8_rows_ratio}};

    for (size_t k = 0; k < sizeof storages / sizeof *storages; k++) {
        const range all = over_cells(storages[k].value, 0, MAX_N, 0, false);
        char key[80];

        snprintf(key, sizeof key, "%s_min", storages[k].name);
        put(to, key, all.least);
        snprintf(key, sizeof key, "%s_median", storages[k].name);
        put(to, key, all.median);
        snprintf(key, sizeof key, "%s_n512_m8", storages[k].name);
        put(to, key, storages[k].value(cell_of(512, 8)));
    }
}

static void put_summary(FILE *to, const machine *m, double block) {
    const range rivals = over_cells(rival_ratio, 0, MAX_N, 0, false);
    const range paired = over_cells(paired_ratio, 0, MAX_N, 0, false);
    const result *two = &results[1][RELU][0][position(ns, 512)][position(ms, 64)];

    fprintf(to, "{\"block_speedup_512x1536_n32_m64\":%s", isnan(block) ? "null" : "");
    if (!isnan(block)) fprintf(to, "%.4g", block);
    put_speedups(to);
    put(to, "vs_best_rival_min", rivals.least);
    put(to, "vs_best_rival_median", rivals.median);
    put(to, "vs_best_rival_paired_min", paired.least);
    put(to, "vs_best_rival_paired_median", paired.median);
    put(to, "roofline_fraction_median", over_cells(roofline, 32, MAX_N, 0, false).median);
    put(to, "roofline_fraction_min", over_cells(roofline, 32, MAX_N, 16, true).least);
    put(to, "roofline_fraction_n1", over_cells(roofline, 1, 1, 0, true).least);
    put(to, "vs_libxsmm_min", over_cells(libxsmm_ratio, 0, MAX_N, 0, true).least);
    put(to, "vs_libxsmm_m8", libxsmm_ratio(cell_of(512, 8)));
    put(to, "two_thread_scaling_n512", quotient(two, OURS_ONE_THREAD, OURS));
    put(to, "int8_vs_float_min", over_cells(int8_ratio, 8, MAX_N, 16, false).least);
    put(to, "bf16_vs_float_min", over_cells(bf16_ratio, 0, MAX_N, 0, false).least);
    put(to, "bf16_speedup_n1", bf16_ratio(cell_of(1, 128)));
    put(to, "bf16_speedup_n512", bf16_ratio(cell_of(512, 128)));
    put(to, "int8_speedup_n1", int8_ratio(cell_of(1, 128)));
    put(to, "int8_speedup_n512", int8_ratio(cell_of(512, 128)));
    put_rows(to);
    if (m->amx) put_amx(to);
    fputc('}', to);
}

static bool any_measured(const result *r) { return first_measured(r) < WAYS; }

void forward_json(FILE *to, const machine *m, double block) {
    const char *separator = "";

    put_machine(to, m);
    fputs(",\"results\":[", to);
    for (int threads = 1; threads <= 2; threads++)
        for (int a = 0; a < ACTIVATIONS; a++)
            for (size_t shape = 0; shape < SHAPES; shape++)
                for (size_t i = 0; i < NS; i++)
                    for (size_t j = 0; j < MS; j++) {
                        if (!any_measured(&results[threads - 1][a][shape][i][j])) continue;
                        fputs(separator, to);
                        put_result(to, threads, a, shape, i, j);
                        separator = ",\n";
                    }
    fputs("],\n\"summary\":", to);
    put_summary(to, m, block);
    fputs("}\n", to);
}

/* ---- Tables to read ---- */

static void print_case(const result *r, size_t i, size_t j) {
    const int first = first_measured(r);

    printf("  n %3zu m %4zu %10.2f us", ns[i], ms[j], 1e6 * r->least[first]);
    if (first == OURS) printf(" (%2.0f %%)", 100 * r->roofline);
    if (first == OURS && r->measured[DENSE]) printf(" %6.1f x", r->ratio[DENSE]);
    for (int way = first + 1; way < WAYS; way++)
        if (r->measured[way] && way != DENSE)
            printf("  %s %.2f %.2f", way_names[way], r->least[way] / r->least[first],
                   r->ratio[way]);
    putchar('\n');
}

static void print_summary(double block) {
    const range rivals = over_cells(rival_ratio, 0, MAX_N, 0, false);
    const range paired = over_cells(paired_ratio, 0, MAX_N, 0, false);
    const result *two = &results[1][RELU][0][position(ns, 512)][position(ms, 64)];

    printf("\n768 -> 3072, relu, one thread, least times:\n"
           "best float rival / ours: lowest %.2f, median %.2f; by rounds: %.2f, %.2f\n"
           "share of the roofline for n >= 32: median %.2f, lowest for m >= 16 %.2f; n = 1: %.2f\n"
           "float / int8: lowest %.2f for n >= 8 and m >= 16; float / bf16: lowest %.2f\n",
           rivals.least, rivals.median, paired.least, paired.median,
           over_cells(roofline, 32, MAX_N, 0, false).median,
           over_cells(roofline, 32, MAX_N, 16, false).least,
           over_cells(roofline, 1, 1, 0, false).least,
           over_cells(int8_ratio, 8, MAX_N, 16, false).least,
           over_cells(bf16_ratio, 0, MAX_N, 0, false).least);
    if (isnan(block)) return;
    printf("block 512-1536-512, n = 32, m = 64: %.1f times as fast as dense\n"
           "two threads, n = 512, m = 64: %.2f times as fast as one\n",
           block, quotient(two, OURS_ONE_THREAD, OURS));
}

void forward_table(const machine *m, double block) {
    printf("%s (%s)\nsnnk %s, kernels: %s; peak of one core: %.1f GFLOP/s\n", m->brand, m->name,
           snnk_version(), snnk_kernels_name(), 1e-9 * shared.peak);
    if (*forward_blas_core(BLAS)) printf("OpenBLAS's own choice: %s\n", forward_blas_core(BLAS));
    for (int threads = 1; threads <= 2; threads++)
        for (int a = 0; a < ACTIVATIONS; a++)
            for (size_t shape = 0; shape < SHAPES; shape++) {
                const result *of = results[threads - 1][a][shape][0];
                bool any = false;

                for (size_t k = 0; k < (size_t)NS * MS; k++) any = any || any_measured(of + k);
                if (!any) continue;
                printf(
                    "\n%zu -> %zu, %s, %d thread%s: least time (share of the roofline), speed-up "
                    "over the dense layer; others' time / that time: least, median\n",
                    shapes[shape][0], shapes[shape][1], activation_names[a], threads,
                    threads > 1 ? "s" : "");
                for (size_t i = 0; i < NS; i++)
                    for (size_t j = 0; j < MS; j++)
                        if (any_measured(of + i * MS + j)) print_case(of + i * MS + j, i, j);
            }
    print_summary(block);
}
