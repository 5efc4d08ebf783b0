#include "cli/fit_plot.h"

#include <string.h>

#include "cli/console.h"
#include "cli/csv_field.h"
#include "cli/fit_directions.h"
#include "cli/system.h"

enum {
    BARS = 20,    /* columns with a bar of their own */
    LETTERS = 36, /* of a name, then it is cut */
    BAR_PIXELS = 26,
    OTHER_PIXELS = 96 /* of title and axis */
};

/* ---- Options ---- */

int fit_plot_check(const char *command, const data_options *data, const char *save,
                   fit_plot *plot) {
    const char *const written[] = {plot->path, plot->csv};
    int exit_status;

    if (!plot->path) return EXIT_OK;
    if ((exit_status = plot_csv_path(command, plot->path, plot->csv)) != EXIT_OK)
        return exit_status;
    for (int k = 0; k < 2; k++) {
        const char *option = k == 0 ? "--plot" : "the numbers of --plot";

        exit_status = data_options_check_written(command, data, option, written[k]);
        if (exit_status != EXIT_OK) return exit_status;
        if (same_path(written[k], save))
            return wrong_usage(command, "%s %s would overwrite --save", option, written[k]);
    }
    if (same_path(plot->path, plot->csv))
        return wrong_usage(command, "--plot %s would overwrite its numbers: end the name in .png",
                           plot->path);
    return EXIT_OK;
}

int fit_plot_begin(const char *command, const fit_plot *plot) {
    int exit_status;

    if (!plot->path) return EXIT_OK;
    if ((exit_status = check_save(command, plot->path)) != EXIT_OK) return exit_status;
    if ((exit_status = check_save(command, plot->csv)) != EXIT_OK) return exit_status;
    return plot_check(command);
}

/* ---- The picture ---- */

static void put_numbers(FILE *file, const void *of) {
    const fit_directions *learnt = of;

    fputs("column,importance\n", file);
    for (size_t k = 0; k < learnt->n_columns; k++) {
        put_csv_field(file, learnt->columns[k].column);
        fprintf(file, ",%.6g\n", learnt->columns[k].share);
    }
}

static size_t bars_of(const fit_directions *learnt) {
    return learnt->n_columns < BARS ? learnt->n_columns : BARS;
}

/* The share of all columns without a bar. */
static double others_of(const fit_directions *learnt) {
    double sum = 0;

    for (size_t k = BARS; k < learnt->n_columns; k++) sum += learnt->columns[k].share;
    return sum;
}

/* Write a name as the label of a tic, between single quotes: of a quote and of a %, which would
 * begin a format, gnuplot wants two. Control characters become spaces. */
static void put_label(FILE *gnuplot, const char *name) {
    size_t letters = 0;

    putc('\'', gnuplot);
    for (; *name; name++) {
        const unsigned char c = (unsigned char)*name;

        if ((c & 0xC0) != 0x80 && ++letters > LETTERS) { /* a new letter of UTF-8 */
            fputs("...", gnuplot);
            break;
        }
        if (c == '\'' || c == '%') putc(c, gnuplot);
        putc(c < ' ' || c == 127 ? ' ' : c, gnuplot);
    }
    putc('\'', gnuplot);
}

/* Letters of the longest label. */
static size_t longest_label(const fit_directions *learnt) {
    size_t longest = 9; /* "53 others" */

    for (size_t k = 0; k < bars_of(learnt); k++) {
        size_t letters = 0;

        for (const char *c = learnt->columns[k].column; *c; c++) letters += (*c & 0xC0) != 0x80;
        if (letters > LETTERS) letters = LETTERS + 1; /* its three points */
        if (letters > longest) longest = letters;
    }
    return longest;
}

/* One bar in each row, the largest at the top. */
static void put_data(FILE *gnuplot, const fit_directions *learnt) {
    const size_t n = bars_of(learnt);

    fputs("$bars << EOD\n", gnuplot);
    for (size_t k = 0; k < n; k++)
        fprintf(gnuplot, "%zu %.6g\n", k, 100 * learnt->columns[k].share);
    fputs("EOD\n", gnuplot);
    if (learnt->n_columns > n)
        fprintf(gnuplot, "$others << EOD\n%zu %.6g\nEOD\n", n, 100 * others_of(learnt));
    fputs("set ytics scale 0 noenhanced textcolor '#222222' (", gnuplot);
    for (size_t k = 0; k < n; k++) {
        put_label(gnuplot, learnt->columns[k].column);
        fprintf(gnuplot, " %zu, ", k);
    }
    if (learnt->n_columns > n)
        fprintf(gnuplot, "'%zu others' %zu)\n", learnt->n_columns - n, n);
    else
        fputs("'' -1)\n", gnuplot);
}

static void put_bars(FILE *gnuplot, const char *data, const char *colour) {
    fprintf(gnuplot,
            "%s using ($2/2):1:($2/2):(0.34) with boxxyerror fs solid noborder lc '%s' notitle, "
            "'' using 2:1:(sprintf(\"%%.1f %%%%\", $2)) with labels left offset 0.5,0 "
            "textcolor '#444444' notitle",
            data, colour);
}

static void put_picture(FILE *gnuplot, const void *of) {
    const fit_directions *learnt = of;
    const size_t n = bars_of(learnt), rows = n + (learnt->n_columns > n);
    double most = others_of(learnt);

    if (n > 0 && learnt->columns[0].share > most) most = learnt->columns[0].share;
    if (!(most > 0)) most = 1; /* of a constant layer */
    put_data(gnuplot, learnt);
    fprintf(
        gnuplot,
        "set encoding utf8\nset title 'Importance of columns' noenhanced font ',14'\n"
        "set border 2 lc rgb '#888888'\nunset key\nunset xtics\nset rmargin 3\n"
        /* gnuplot's own margin is too narrow for wide letters */
        "set lmargin %.1f\n"
        "set bmargin 2.5\nset label 'share of the mean squared slope of the fitted layer, columns "
        "in standard deviations' at screen 0.975, character 1.2 right textcolor '#666666'\n"
        "set xrange [0:%.6g]\nset yrange [%zu.5:-0.5]\nplot ",
        1.15 * (double)longest_label(learnt) + 2, 100 * most * 1.12, rows - 1);
    put_bars(gnuplot, "$bars", "#0072b2");
    if (rows > n) {
        fputs(", ", gnuplot);
        put_bars(gnuplot, "$others", "#999999");
    }
    putc('\n', gnuplot);
}

int fit_plot_draw(const char *command, const fit_plot *plot, const fit_directions *learnt) {
    if (!plot->path) return EXIT_OK;
    const size_t rows = bars_of(learnt) + (learnt->n_columns > BARS);

    return plot_draw(command, plot->path, plot->csv, (int)rows * BAR_PIXELS + OTHER_PIXELS,
                     put_picture, put_numbers, learnt);
}

int fit_plot_keep(const char *command, const fit_plot *plot) {
    return plot->path ? plot_keep(command, plot->path, plot->csv) : EXIT_OK;
}

void fit_plot_drop(const fit_plot *plot) {
    if (plot->path) plot_drop(plot->path, plot->csv);
}

/* ---- Report ---- */

void fit_plot_add_json(const fit_plot *plot, cJSON *json) {
    if (!plot->path) return;
    cJSON_AddStringToObject(json, "plot", plot->path);
    cJSON_AddStringToObject(json, "plot_data", plot->csv);
}

void fit_plot_print(const fit_plot *plot) {
    if (plot->path) printf("drew          %s, numbers in %s\n", plot->path, plot->csv);
}
