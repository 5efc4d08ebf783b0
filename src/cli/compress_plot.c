#define _POSIX_C_SOURCE 200809L
#include "cli/compress_plot.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/console.h"

static const char command[] = "compress";

enum { PATH_ROOM = 4096 + 8 }; /* the options limit paths of plots to 4095 bytes */

int compress_check_plot(void) {
    FILE *gnuplot;

    signal(SIGPIPE, SIG_IGN); /* if gnuplot ends early, pclose reports it */
    gnuplot = popen("gnuplot --version >/dev/null 2>&1", "w");
    if (gnuplot && pclose(gnuplot) == 0) return EXIT_OK;
    return failed(command, "--plot needs gnuplot, which could not be started");
}

/* Write a text inside single quotes, as gnuplot reads it. */
static void put_quoted(FILE *to, const char *text) {
    putc('\'', to);
    for (; *text; text++) fputs(*text == '\'' ? "''" : (char[2]){*text, '\0'}, to);
    putc('\'', to);
}

/* The temporary path of a file. */
static const char *temporary(const char *path, char buffer[PATH_ROOM]) {
    snprintf(buffer, PATH_ROOM, "%s.part", path);
    return buffer;
}

static int write_csv(const char *path, const compress_curve *curve) {
    FILE *file = fopen(path, "w");
    bool written = file != NULL;

    if (file) {
        fprintf(file, "features,method,parameters,multiply_adds,explained,relative_error\n");
        for (size_t i = 0; i < curve->n; i++)
            for (int k = STUDENT; k <= RANDOM; k++) {
                const compress_method *m = &curve->points[i].methods[k];

                if (isnan(m->explained)) continue;
                fprintf(file, "%llu,%s,%.0f,%.0f,%.6g,%.6g\n",
                        (unsigned long long)curve->points[i].features, compress_method_keys[k],
                        m->parameters, m->multiply_adds, m->explained, compress_relative_error(m));
            }
        written = !ferror(file);
        written = fclose(file) == 0 && written;
    }
    return written ? EXIT_OK : failed(command, "%s: %s", path, strerror(errno));
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

/* Returns whether gnuplot drew the plot. */
static bool draw(const char *path, const compress_curve *curve) {
    FILE *gnuplot = popen("gnuplot >/dev/null 2>&1", "w");

    if (!gnuplot) return false;
    fputs("set terminal pngcairo size 900,540 font ',11'\nset output ", gnuplot);
    put_quoted(gnuplot, path);
    putc('\n', gnuplot);
    put_curves(gnuplot, curve);
    put_plot(gnuplot, curve);
    return pclose(gnuplot) == 0;
}

int compress_plot(const char *path, const char *csv, const compress_curve *curve) {
    char buffer[PATH_ROOM];
    int exit_status = write_csv(temporary(csv, buffer), curve);

    if (exit_status == EXIT_OK && !draw(temporary(path, buffer), curve))
        exit_status = interrupted ? EXIT_CANCELLED /* which ends gnuplot too */
                                  : failed(command, "gnuplot could not draw %s", path);
    if (exit_status != EXIT_OK) compress_plot_drop(path, csv);
    return exit_status;
}

int compress_plot_keep(const char *path, const char *csv) {
    const char *const to[] = {csv, path};
    char buffer[PATH_ROOM];

    for (int k = 0; k < 2; k++)
        if (rename(temporary(to[k], buffer), to[k]) != 0) {
            const int exit_status = failed(command, "%s: %s", to[k], strerror(errno));

            compress_plot_drop(path, csv);
            return exit_status;
        }
    return EXIT_OK;
}

void compress_plot_drop(const char *path, const char *csv) {
    char buffer[PATH_ROOM];

    (void)remove(temporary(path, buffer));
    (void)remove(temporary(csv, buffer));
}
