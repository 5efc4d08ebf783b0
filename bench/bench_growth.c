/* Measure how the time of a forward pass grows with rows, features and threads, and look for
 * cliffs.
 *
 *     bench_growth [--quick] [--over n,m] [--json] [--plot out.png]
 *
 * A curve is the time a row over the number of rows n, or the time a row and feature over the
 * number of features m. Both should fall to a constant. A cliff is a rise from one point to the
 * next; its height is the quotient of both times.
 *
 * Points are visited several times in random order, with several samples at each visit; times are
 * minima. Points on both sides of a rise are measured again. Where reading the weights takes half
 * of the time or more, the rise of that alone is measured too. One thread is timed by its processor
 * time, two by the clock on the wall. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <snnk/snnk.h>

#include "machine.h"
#include "measure.h"
#include "plot.h"

enum { MAX_POINTS = 96, VISITS = 2, SAMPLES = 13, LEAST_SAMPLES = 2, CONFIRMATIONS = 4 };
static const double burst = 1e-4, seconds_per_visit = 0.05, allowed = 1.25;

static void check(int status) {
    if (status == SNNK_OK) return;
    fprintf(stderr, "bench_growth: %s\n", snnk_last_error());
    exit(1);
}

/* ---- Curves ---- */

typedef struct curve {
    const char *name; /* of the kind of curve, as in the summary */
    const char *title;
    bool over_m;
    size_t n, d, m, l, most; /* most: of what varies, whose own value is 0 */
    int threads;
    size_t count, at[MAX_POINTS];
    double seconds[MAX_POINTS]; /* of a row, or of a row and feature */
    double reading[MAX_POINTS]; /* how much the time of reading the weights rises there, if that is
                                 * at least half of the time; else 1 */
    size_t worst;               /* the upper end of the highest cliff */
    bool measured;
} curve;

#define OVER_N(kind, d_, m_, l_, most_, threads_)                                                  \
    {                                                                                              \
        .name = kind, .title = #d_ " -> " #m_ " -> " #l_, .d = d_, .m = m_, .l = l_,               \
        .most = most_, .threads = threads_                                                         \
    }
#define OVER_M(kind, n_, threads_)                                                                 \
    {                                                                                              \
        .name = kind, .title = "768 -> m -> 3072, n = " #n_, .over_m = true, .n = n_, .d = 768,    \
        .l = 3072, .most = 16384, .threads = threads_                                              \
    }

static curve curves[] = {OVER_N("n", 64, 64, 64, 1000000, 1),
                         OVER_N("n", 768, 64, 3072, 4096, 1),
                         OVER_N("n_two_threads", 64, 64, 64, 1000000, 2),
                         OVER_N("n_two_threads", 768, 64, 3072, 4096, 2),
                         OVER_M("m", 1, 1),
                         OVER_M("m", 32, 1),
                         OVER_M("m", 512, 1),
                         OVER_M("m_two_threads", 512, 2)};
static const char *const kinds[] = {"n", "m", "n_two_threads", "m_two_threads"};
enum { CURVES = sizeof curves / sizeof *curves, KINDS = sizeof kinds / sizeof *kinds };

static int by_size(const void *a, const void *b) {
    const size_t x = *(const size_t *)a, y = *(const size_t *)b;

    return x < y ? -1 : x > y;
}

static void add_point(curve *c, size_t value) {
    if (value <= c->most && c->count < MAX_POINTS) c->at[c->count++] = value;
}

/* Powers of two, three times those, and for n numbers that fit no tile; for m between 8 and 256
 * multiples of 8, which fit every kernel's registers. */
static void choose_points(curve *c) {
    static const size_t odd[] = {5, 7, 9, 17, 25, 33, 49, 97, 129, 193, 385, 1025};

    for (size_t p = c->over_m ? 8 : 1; p <= c->most; p *= 2) {
        add_point(c, p);
        if (3 * p / 2 > p && p > 8) add_point(c, 3 * p / 2);
    }
    if (c->over_m) {
        for (size_t m = 40; m <= 120; m += 8)
            if (m % 32 && m % 48) add_point(c, m);
        for (size_t m = 144; m < 256; m += 16)
            if (m != 192) add_point(c, m);
        add_point(c, 144), add_point(c, 160), add_point(c, 176), add_point(c, 224);
    } else {
        add_point(c, 3), add_point(c, 6), add_point(c, 12);
        for (size_t k = 0; k < sizeof odd / sizeof *odd; k++) add_point(c, odd[k]);
        if (c->most == 1000000) add_point(c, c->most);
    }
    qsort(c->at, c->count, sizeof *c->at, by_size);
    for (size_t k = 0; k < c->count; k++) c->seconds[k] = INFINITY;
}

/* ---- Measuring ---- */

static float *X, *Y, *G, *Psi, *bias;

typedef struct pass {
    size_t n, d, l;
    const snnk_layer *layer;
    snnk_workspace *workspace;
} pass;

static void run(void *context) {
    const pass *p = context;

    check(snnk_layer_forward(p->layer, p->n, X, p->d, Y, p->l, p->workspace));
}

static snnk_layer *make_layer(size_t d, size_t m, size_t l) {
    snnk_map_config config;
    snnk_layer *layer;
    snnk_map *map;

    check(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_ARC_COSINE;
    config.features = m;
    check(snnk_map_create_from_rows(d, m, G, d, NULL, &config, NULL, &map));
    check(snnk_layer_create(map, l, Psi, m, bias, &layer));
    snnk_map_free(map);
    return layer;
}

/* Some samples of a point. */
static void visit(curve *c, size_t k, size_t samples) {
    const size_t n = c->over_m ? c->n : c->at[k], m = c->over_m ? c->at[k] : c->m;
    const measure_clock clock = c->threads > 1 ? measure_now : measure_thread_now;
    const double units = (double)n * (c->over_m ? (double)m : 1);
    snnk_layer *layer = make_layer(c->d, m, c->l);
    pass p = {.n = n, .d = c->d, .l = c->l, .layer = layer};
    double start;

    check(snnk_workspace_create((size_t)c->threads, NULL, &p.workspace));
    const size_t calls = measure_count(run, &p, burst, clock);

    start = measure_now();
    for (size_t s = 0; s < samples; s++) {
        c->seconds[k] = fmin(c->seconds[k], measure_sample(run, &p, calls, clock) / units);
        if (s + 1 >= LEAST_SAMPLES && measure_now() - start > seconds_per_visit) break;
    }
    snnk_workspace_free(p.workspace);
    snnk_layer_free(layer);
}

/* The next in a shuffled order of count points. */
static void shuffle(size_t count, size_t *order) {
    static uint32_t state = 1;

    for (size_t k = 0; k < count; k++) order[k] = k;
    for (size_t i = count; i > 1; i--) {
        state = state * 1664525 + 1013904223;
        const size_t j = (state >> 8) % i, other = order[j];

        order[j] = order[i - 1];
        order[i - 1] = other;
    }
}

static double rise(const curve *c, size_t k) { return c->seconds[k] / c->seconds[k - 1]; }

/* The time that reading the weights takes, a row and feature; less than all of the largest ones are
 * read. */
static double reading_seconds(const curve *c, size_t k) {
    const size_t all = c->at[k] * (c->d + c->l) * sizeof(float);
    const size_t most = c->at[c->count - 1] * c->l * sizeof(float);

    return (double)all / measure_read_rate(Psi, all < most ? all : most) /
           (double)(c->n * c->at[k]);
}

/* A cliff may be the memory's: weights that leave a cache are read more slowly. */
static void find_causes(curve *c) {
    for (size_t k = 1; k < c->count; k++) {
        c->reading[k] = 1;
        if (!c->over_m || rise(c, k) <= allowed) continue;
        const double after = reading_seconds(c, k);

        if (after >= 0.5 * c->seconds[k])
            c->reading[k] = fmax(1, after / reading_seconds(c, k - 1));
    }
}

static double own_rise(const curve *c, size_t k) { return rise(c, k) / c->reading[k]; }

/* The point after the highest rise. */
static size_t highest(const curve *c, double (*of)(const curve *c, size_t k)) {
    size_t found = 1;

    for (size_t k = 2; k < c->count; k++)
        if (of(c, k) > of(c, found)) found = k;
    return found;
}

static void measure_curve(curve *c, bool quick) {
    size_t order[MAX_POINTS];

    for (int v = 0; v < (quick ? 1 : VISITS); v++) {
        shuffle(c->count, order);
        for (size_t k = 0; k < c->count; k++) {
            if (isatty(STDERR_FILENO))
                fprintf(stderr, "\r%s, %d thread(s), visit %d, %s = %zu        ", c->title,
                        c->threads, v + 1, c->over_m ? "m" : "n", c->at[order[k]]);
            visit(c, order[k], SAMPLES);
        }
    }
    for (int again = 0; again < CONFIRMATIONS; again++)
        for (size_t k = 1; k < c->count; k++)
            if (rise(c, k) > 0.9 * allowed) visit(c, k - 1, SAMPLES), visit(c, k, SAMPLES);
    find_causes(c);
    c->worst = highest(c, rise);
    if (isatty(STDERR_FILENO)) fprintf(stderr, "\r%70s\r", "");
}

/* ---- Reporting ---- */

/* The curve with the highest cliff of this name. */
static const curve *worst_curve(const char *name) {
    const curve *worst = NULL;

    for (size_t k = 0; k < CURVES; k++)
        if (curves[k].measured && strcmp(curves[k].name, name) == 0 &&
            (!worst || rise(&curves[k], curves[k].worst) > rise(worst, worst->worst)))
            worst = &curves[k];
    return worst;
}

static void print_curve(const curve *c) {
    printf("{\"over\":\"%s\",\"layer\":\"%s\",\"threads\":%d,\"nanoseconds\":{",
           c->over_m ? "m" : "n", c->title, c->threads);
    for (size_t k = 0; k < c->count; k++)
        printf("%s\"%zu\":%.4g", k ? "," : "", c->at[k], 1e9 * c->seconds[k]);
    printf("}}");
}

static void print_json(void) {
    const machine m = machine_read();
    const char *separator = "";

    printf("{\"processor\":\"%s\",\"kernels\":\"%s\",\"curves\":[", m.name, snnk_kernels_name());
    for (size_t i = 0; i < CURVES; i++) {
        if (!curves[i].measured) continue;
        fputs(separator, stdout);
        print_curve(&curves[i]);
        separator = ",\n";
    }
    separator = "";
    printf("],\n\"summary\":{");
    for (size_t k = 0; k < KINDS; k++) {
        const curve *c = worst_curve(kinds[k]);

        if (!c) continue;
        printf("%s\"worst_cliff_%s\":%.4g,\"worst_cliff_%s_at\":\"%s, %s = %zu to %zu\"", separator,
               kinds[k], rise(c, c->worst), kinds[k], c->title, c->over_m ? "m" : "n",
               c->at[c->worst - 1], c->at[c->worst]);
        separator = ",";
        if (!c->over_m) continue;
        double own = 0;

        for (size_t i = 0; i < CURVES; i++)
            if (curves[i].measured && strcmp(curves[i].name, kinds[k]) == 0)
                own = fmax(own, own_rise(&curves[i], highest(&curves[i], own_rise)));
        printf(",\"worst_cliff_%s_beyond_memory\":%.4g", kinds[k], own);
    }
    printf("}}\n");
}

static void print_table(void) {
    for (size_t i = 0; i < CURVES; i++) {
        const curve *c = &curves[i];

        if (!c->measured) continue;
        printf("%s, %d thread%s: nanoseconds a row%s\n", c->title, c->threads,
               c->threads > 1 ? "s" : "", c->over_m ? " and feature" : "");
        for (size_t k = 0; k < c->count; k++) {
            printf("  %s %7zu %10.4g", c->over_m ? "m" : "n", c->at[k], 1e9 * c->seconds[k]);
            if (k > 0 && rise(c, k) > allowed) printf("  cliff: %.2f", rise(c, k));
            if (k > 0 && c->reading[k] > 1) printf(", of reading %.2f", c->reading[k]);
            putchar('\n');
        }
        printf("  highest rise: %.2f, from %zu to %zu\n\n", rise(c, c->worst), c->at[c->worst - 1],
               c->at[c->worst]);
    }
}

/* Draw the curves over n or over m; crosses are the upper ends of cliffs. */
static void plot_half(FILE *gnuplot, bool over_m) {
    static const char *const colours[] = {"#1f6fb4", "#d95f02", "#1b9e77", "#7b3294"};
    size_t shown = 0;

    for (size_t i = 0; i < CURVES; i++) {
        const curve *c = &curves[i];

        if (!c->measured || c->over_m != over_m) continue;
        fprintf(gnuplot, "$c%zu << EOD\n", i);
        for (size_t k = 0; k < c->count; k++)
            fprintf(gnuplot, "%zu %g %g\n", c->at[k], 1e9 * c->seconds[k],
                    k > 0 && rise(c, k) > allowed ? 1e9 * c->seconds[k] : NAN);
        fprintf(gnuplot, "EOD\n");
    }
    fprintf(gnuplot, "set title 'Time a row%s'\nset xlabel '%s'\nset ylabel 'nanoseconds'\nplot ",
            over_m ? " and feature" : "", over_m ? "features m" : "rows n");
    for (size_t i = 0; i < CURVES; i++) {
        const curve *c = &curves[i];

        if (!c->measured || c->over_m != over_m) continue;
        fprintf(gnuplot,
                "%s$c%zu using 1:2 with linespoints lw 2 pt 7 ps 0.7 dt %d lc '%s' title '%s, %d "
                "thread%s', $c%zu using 1:3 with points pt 2 ps 2 lw 2 lc 'red' notitle",
                shown ? ", " : "", i, c->threads, colours[shown], c->title, c->threads,
                c->threads > 1 ? "s" : "", i);
        shown++;
    }
    fprintf(gnuplot,
            "%skeyentry with points pt 2 ps 2 lw 2 lc 'red' title 'rise of more than %g'\n",
            shown ? ", " : "", allowed);
}

static bool any_measured(bool over_m) {
    for (size_t i = 0; i < CURVES; i++)
        if (curves[i].measured && curves[i].over_m == over_m) return true;
    return false;
}

static bool plot(const char *path) {
    const bool both = any_measured(false) && any_measured(true);
    FILE *gnuplot = plot_open(path, both ? 1600 : 800, 760);

    if (!gnuplot) return false;
    fprintf(gnuplot,
            "set multiplot layout 1,%d\nset logscale xy\nset grid\nset format '%%g'\n"
            "set key bottom center outside\n",
            both ? 2 : 1);
    if (any_measured(false)) plot_half(gnuplot, false);
    if (any_measured(true)) plot_half(gnuplot, true);
    fprintf(gnuplot, "unset multiplot\n");
    return plot_close(gnuplot);
}

/* ---- The program ---- */

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

/* Arrays that are large enough for every curve. */
static void allocate(void) {
    size_t x = 0, y = 0, g = 0, psi = 0, b = 0;

    for (size_t i = 0; i < CURVES; i++) {
        const curve *c = &curves[i];

        if (!c->measured) continue;
        const size_t n = c->over_m ? c->n : c->most, m = c->over_m ? c->most : c->m;

        x = larger(x, n * c->d), y = larger(y, n * c->l);
        g = larger(g, m * c->d), psi = larger(psi, m * c->l), b = larger(b, c->l);
    }
    X = measure_floats(x), Y = measure_floats(y);
    G = measure_floats(g), Psi = measure_floats(psi), bias = measure_floats(b);
}

typedef struct settings {
    bool json, quick;
    const char *plot;
} settings;

static const char usage[] =
    "usage: bench_growth [--quick] [--over KIND,...] [--json] [--plot out.png]\n"
    "Measure how the time of a forward pass grows with rows and features.\n"
    "  --quick       up to 16384 rows and 1024 features, fewer samples\n"
    "  --over KINDS  only these curves: n, m, n_two_threads, m_two_threads\n"
    "  --json        print one JSON object\n"
    "  --plot FILE   draw the curves, a PNG (needs gnuplot)\n";

static void refuse(const char *why, const char *what) {
    fprintf(stderr, "bench_growth: %s '%s'\n%s", why, what, usage);
    exit(2);
}

/* Measure the curves of a comma-separated list of kinds. */
static void select_curves(char *list) {
    for (size_t i = 0; i < CURVES; i++) curves[i].measured = false;
    for (char *item = strtok(list, ","); item; item = strtok(NULL, ",")) {
        bool found = false;

        for (size_t i = 0; i < CURVES; i++)
            if (strcmp(curves[i].name, item) == 0) found = curves[i].measured = true;
        if (!found) refuse("there are no curves over", item);
    }
}

static settings read_arguments(int argc, char **argv) {
    settings s = {.json = false};

    for (int i = 1; i < argc; i++) {
        const bool more = i + 1 < argc;

        if (strcmp(argv[i], "--json") == 0) {
            s.json = true;
        } else if (strcmp(argv[i], "--quick") == 0) {
            s.quick = true;
        } else if (strcmp(argv[i], "--plot") == 0 && more) {
            s.plot = argv[++i];
        } else if (strcmp(argv[i], "--over") == 0 && more) {
            select_curves(argv[++i]);
        } else if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            exit(0);
        } else {
            refuse("unexpected argument", argv[i]);
        }
    }
    return s;
}

int main(int argc, char **argv) {
    settings s;

    for (size_t i = 0; i < CURVES; i++) curves[i].measured = true;
    s = read_arguments(argc, argv);
    for (size_t i = 0; i < CURVES; i++) {
        const size_t limit = curves[i].over_m ? 1024 : 16384;

        if (s.quick && curves[i].most > limit) curves[i].most = limit;
        choose_points(&curves[i]);
    }
    allocate();
    for (size_t i = 0; i < CURVES; i++)
        if (curves[i].measured) measure_curve(&curves[i], s.quick);
    if (s.json)
        print_json();
    else
        print_table();
    return !s.plot || plot(s.plot) ? 0 : 1;
}
