#include "cli/compress_plot.h"

#include <math.h>
#include <stdio.h>

#include "cli/plot.h"

static const char command[] = "compress";

int compress_check_plot(void) { return plot_check(command); }

static void put_csv(FILE *file, const void *of) {
    const compress_curve *curve = of;

    fprintf(file, "features,method,parameters,multiply_adds,explained,relative_error\n");
    for (size_t i = 0; i < curve->n; i++)
        for (int k = STUDENT; k <= RANDOM; k++) {
            const compress_method *m = &curve->points[i].methods[k];

            if (isnan(m->explained)) continue;
            fprintf(file, "%llu,%s,%.0f,%.0f,%.6g,%.6g\n",
                    (unsigned long long)curve->points[i].features, compress_method_keys[k],
                    m->parameters, m->multiply_adds, m->explained, compress_relative_error(m));
        }
}

/* Whether a method has at least one point. */
static bool is_drawn(const compress_curve *curve, int k) {
    for (size_t i = 0; i < curve->n; i++)
        if (!isnan(curve->points[i].methods[k].explained)) return true;
    return false;
}

static void put_curves(FILE *gnuplot, const compress_curve *curve) {
    for (int k = STUDENT; k <= RANDOM; k++) {
        if (!is_drawn(curve, k)) continue;
        fprintf(gnuplot, "$%s << EOD\n", compress_method_keys[k]);
        for (size_t i = 0; i < curve->n; i++) {
            const compress_method *m = &curve->points[i].methods[k];

            if (!isnan(m->explained))
                fprintf(gnuplot, "%.0f %.6g\n", m->parameters, compress_relative_error(m));
        }
        fprintf(gnuplot, "EOD\n");
    }
}

static double least_parameters(const compress_curve *curve) {
    double least = INFINITY;

    for (int k = STUDENT; k <= RANDOM; k++)
        for (size_t i = 0; i < curve->n; i++) {
            const compress_method *m = &curve->points[i].methods[k];

            if (!isnan(m->explained)) least = fmin(least, m->parameters);
        }
    return least;
}

static void put_plot(FILE *gnuplot, const compress_curve *curve) {
    static const char *const colours[RANDOM + 1] = {"",        "#0072b2", "#009e73",
                                                    "#e69f00", "#cc79a7", "#999999"};
    const double teacher = curve->points[0].methods[TEACHER].parameters;

    fprintf(gnuplot,
            "set logscale x\nset grid lt 1 lc rgb '#e4e4e4'\nset border 3\nset tics nomirror\n"
            "unset mxtics\n"
            "set xlabel 'parameters (the layer itself: %.0f, dashed)'\n"
            "set ylabel 'relative error on held-out rows'\nset yrange [0:1.05]\n"
            "set xrange [%.4g:%.0f]\nset key outside right center\n"
            "set arrow from %.0f, graph 0 to %.0f, graph 1 nohead dt 2 lc '#444444'\nset xtics (",
            teacher, least_parameters(curve) / 1.15, teacher * 1.15, teacher, teacher);
    for (size_t i = 0; i < curve->n; i++)
        fprintf(gnuplot, "%s%.0f", i > 0 ? ", " : "", curve->points[i].methods[STUDENT].parameters);
    fputs(")\nplot ", gnuplot);
    for (int k = STUDENT, first = 1; k <= RANDOM; k++) {
        if (!is_drawn(curve, k)) continue;
        fprintf(gnuplot, "%s$%s with linespoints lw %d pt 7 ps 0.7 lc '%s' title '%s'",
                first ? "" : ", ", compress_method_keys[k], k == STUDENT ? 3 : 2, colours[k],
                compress_methods[k]);
        first = 0;
    }
    fputs("\n", gnuplot);
}

static void put_picture(FILE *gnuplot, const void *of) {
    put_curves(gnuplot, of);
    put_plot(gnuplot, of);
}

int compress_plot(const char *path, const char *csv, const compress_curve *curve) {
    return plot_draw(command, path, csv, PLOT_HEIGHT, put_picture, put_csv, curve);
}

int compress_plot_keep(const char *path, const char *csv) { return plot_keep(command, path, csv); }

void compress_plot_drop(const char *path, const char *csv) { plot_drop(path, csv); }
