/* Draw the picture of bench_forward. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "forward.h"
#include "measure.h"
#include "plot.h"

static double flops_of(size_t n, size_t d, size_t l, size_t m) {
    return m ? 2.0 * (double)(n * m) * (double)(d + l) : 2.0 * (double)(n * d) * (double)l;
}

/* The bytes that must be moved once: weights, X and Y. m = 0, here and above: the dense layer. */
static double bytes_of(size_t n, size_t d, size_t l, size_t m) {
    return sizeof(float) * (double)((m ? m * (d + l) : d * l) + n * (d + l));
}

/* Write intensity and GFLOP/s of every shape and m, as $o<i>_<a> for ours and $d<i>_<a> for dense
 * layers. */
static void write_roofline_points(FILE *gnuplot, int a, size_t i) {
    for (int dense = 0; dense < 2; dense++) {
        fprintf(gnuplot, "$%c%zu_%d << EOD\n", dense ? 'd' : 'o', i, a);
        for (size_t shape = 0; shape < SHAPES; shape++)
            for (size_t j = 0; j < (dense ? 1 : MS); j++) {
                const result *r = &results[0][a][shape][i][j];
                const size_t n = ns[i], d = shapes[shape][0], l = shapes[shape][1];
                const size_t m = dense ? 0 : ms[j];

                if (r->measured[OURS] && r->measured[DENSE])
                    fprintf(gnuplot, "%g %g\n", flops_of(n, d, l, m) / bytes_of(n, d, l, m),
                            1e-9 * flops_of(n, d, l, m) /
                                (dense ? r->least[DENSE] : r->least[OURS]));
            }
        fprintf(gnuplot, "EOD\n");
    }
}

/* Draw the roofline of one core, with a point for each case. Blue: ours, orange: dense; the shape
 * of the point is n; filled: relu, open: gelu. */
static void plot_roofline(FILE *gnuplot) {
    const double peak = shared.peak;
    static const int filled[NS] = {7, 5, 9, 13, 11}; /* one less is the same shape, open */
    static const char *const colours[] = {"#1f6fb4", "#d95f02"},
                             *const titles[] = {"snnk", "dense (oneDNN)"}, names[] = "od";
    const size_t panels = (size_t)1 << 19, weights = sizeof(float) * MAX_L * MAX_D,
                 output = sizeof(float) * MAX_N * MAX_L;
    const struct {
        const char *name;
        double rate;
    } roofs[] = {{"reads of 0.5 MB", measure_read_rate(shared.W, panels)},
                 {"reads of 9.4 MB", measure_read_rate(shared.W, weights)},
                 {"writes of 6.3 MB", measure_write_rate(shared.Y, output)}};

    for (int a = 0; a < ACTIVATIONS; a++)
        for (size_t i = 0; i < NS; i++) write_roofline_points(gnuplot, a, i);
    fprintf(gnuplot,
            "set title 'Roofline of one core: every shape, n and m'\n"
            "set xlabel 'arithmetic intensity, flop/byte (weights, X and Y moved once)'\n"
            "set ylabel 'GF/s'\nset xrange [0.3:300]\nset yrange [%g:%g]\nset key maxrows 5\n"
            "set samples 2000\nplot %g with lines lw 2 lc 'black' title 'peak: %.0f GF/s'",
            1e-9 * peak / 40, 2e-9 * peak, 1e-9 * peak, 1e-9 * peak);
    for (size_t k = 0; k < sizeof roofs / sizeof *roofs; k++)
        fprintf(gnuplot,
                ", x < %g ? %g * x : 1/0 with lines lw 2 dt %zu lc 'gray40' title '%s: %.0f GB/s'",
                peak / roofs[k].rate, 1e-9 * roofs[k].rate, k + 1, roofs[k].name,
                1e-9 * roofs[k].rate);
    fprintf(gnuplot, ", keyentry with dots lc 'white' title 'filled: relu; open: gelu'");
    for (int dense = 0; dense < 2; dense++)
        for (size_t i = 0; i < NS; i++)
            fprintf(gnuplot,
                    ", $%c%zu_%d with points pt %d ps 1.1 lc '%s' title '%s, n = %zu'"
                    ", $%c%zu_%d with points pt %d ps 1.1 lc '%s' notitle",
                    names[dense], i, RELU, filled[i], colours[dense], titles[dense], ns[i],
                    names[dense], i, GELU, filled[i] - 1, colours[dense]);
    fprintf(gnuplot, "\n");
}

/* The time of the faster of both OpenBLAS, or NaN. */
static double openblas_seconds(const result *r) {
    double seconds = NAN;

    for (int way = BLAS; way <= BLAS_SKYLAKEX; way++)
        if (r->measured[way]) seconds = fmin(seconds, r->least[way]);
    return seconds;
}

/* Draw time against m for 768 -> 3072 and relu: a colour for each n, a style for each way. */
static void plot_times(FILE *gnuplot) {
    static const size_t shown[] = {0, 2, 4};
    static const char *const colours[] = {"#1b9e77", "#1f6fb4", "#7b3294"};
    static const char *const styles[] = {"using 1:2 with linespoints lw 2.5 pt 7 ps 1.1",
                                         "using 1:3 with linespoints lw 1.2 pt 8 ps 1.2",
                                         "using 1:4 with linespoints lw 1.2 dt 2 pt 4 ps 1.1",
                                         "using 1:5 with lines lw 2 dt 3"};
    static const char *const titles[] = {"snnk", "libxsmm, two products",
                                         "OpenBLAS, two products, the better of its kernels",
                                         "oneDNN, the dense layer"};
    enum { SHOWN = sizeof shown / sizeof *shown, STYLES = sizeof styles / sizeof *styles };

    for (size_t k = 0; k < SHOWN; k++) {
        const result *r = results[0][RELU][0][shown[k]];

        fprintf(gnuplot, "$n%zu << EOD\n", k);
        for (size_t j = 0; j < MS; j++)
            fprintf(gnuplot, "%zu %g %g %g %g\n", ms[j], 1e6 * r[j].least[OURS],
                    1e6 * r[j].least[LIBXSMM], 1e6 * openblas_seconds(&r[j]),
                    1e6 * r[0].least[DENSE]);
        fprintf(gnuplot,
                "EOD\nset label 'n = %zu' at 1120, %g tc '%s'\n"
                "set label 'n = %zu, dense' at 1120, %g tc '%s'\n",
                ns[shown[k]], 1e6 * r[MS - 1].least[OURS], colours[k], ns[shown[k]],
                1e6 * r[0].least[DENSE], colours[k]);
    }
    fprintf(
        gnuplot,
        "set title '768 -> 3072, relu, one core'\n"
        "set xlabel 'features m'\nset ylabel 'microseconds'\n"
        "set xrange [7:2600]\nset yrange [*:*]\nset xtics (8, 16, 32, 64, 128, 256, 512, 1024)\n"
        "set key maxrows 4\nplot ");
    for (size_t k = 0; k < SHOWN; k++)
        for (size_t style = 0; style < STYLES; style++)
            fprintf(gnuplot, "%s$n%zu %s lc '%s' notitle", k + style ? ", " : "", k, styles[style],
                    colours[k]);
    for (size_t style = 0; style < STYLES; style++) /* legend entries: styles in grey */
        fprintf(gnuplot, ", keyentry %s lc 'gray30' title '%s'", strstr(styles[style], "with"),
                titles[style]);
    fprintf(gnuplot, "\n");
}

bool forward_plot(const char *path) {
    FILE *gnuplot = plot_open(path, 1600, 860);

    if (!gnuplot) return false;
    fprintf(gnuplot, "set multiplot layout 1,2\nset logscale xy\nset grid\nset format '%%g'\n"
                     "set tmargin at screen 0.94\nset bmargin at screen 0.23\n"
                     "set key bottom center outside Left reverse width -3\n");
    plot_roofline(gnuplot);
    plot_times(gnuplot);
    fprintf(gnuplot, "unset multiplot\n");
    return plot_close(gnuplot);
}
