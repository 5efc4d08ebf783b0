#include "cli/train_plot.h"

#include <math.h>
#include <stdio.h>

#include "cli/plot.h"

static void put_numbers(FILE *file, const void *of) {
    const learning_curve *curve = of;

    fprintf(file, "epoch,loss,heldout_loss,accuracy,rate\n");
    for (size_t k = 0; k < curve->n; k++) {
        const snnk_train_epoch *e = &curve->epochs[k];

        fprintf(file, "%zu,%.9g,", k + 1, e->loss);
        if (!isnan(e->heldout_loss)) fprintf(file, "%.9g", e->heldout_loss);
        putc(',', file);
        if (!isnan(e->accuracy)) fprintf(file, "%.6g", e->accuracy);
        fprintf(file, ",%.6g\n", e->rate);
    }
}

/* Set a logarithmic axis if losses span so many sizes that it shows more. */
static void put_axis(FILE *gnuplot, const learning_curve *curve) {
    double least = INFINITY, most = isnan(curve->first_loss) ? 0 : curve->first_loss;

    for (size_t k = 0; k < curve->n; k++) {
        const double values[] = {curve->epochs[k].loss, curve->epochs[k].heldout_loss};

        for (int i = 0; i < 2; i++) {
            if (isnan(values[i])) continue;
            least = fmin(least, values[i]);
            most = fmax(most, values[i]);
        }
    }
    if (least > 0 && isfinite(most) && most > 8 * least)
        fprintf(gnuplot, "set logscale y\nset yrange [%.4g:%.4g]\n", least / 1.4, most * 1.2);
}

static void put_data(FILE *gnuplot, const learning_curve *curve) {
    fputs("$train << EOD\n", gnuplot);
    for (size_t k = 0; k < curve->n; k++)
        fprintf(gnuplot, "%zu %.9g\n", k + 1, curve->epochs[k].loss);
    fputs("EOD\n$heldout << EOD\n", gnuplot);
    if (!isnan(curve->first_loss)) fprintf(gnuplot, "0 %.9g\n", curve->first_loss);
    for (size_t k = 0; k < curve->n; k++)
        if (!isnan(curve->epochs[k].heldout_loss))
            fprintf(gnuplot, "%zu %.9g\n", k + 1, curve->epochs[k].heldout_loss);
    fputs("EOD\n$accuracy << EOD\n", gnuplot);
    for (size_t k = 0; k < curve->n; k++)
        if (!isnan(curve->epochs[k].accuracy))
            fprintf(gnuplot, "%zu %.9g\n", k + 1, curve->epochs[k].accuracy);
    fputs("EOD\n", gnuplot);
}

static void put_picture(FILE *gnuplot, const void *of) {
    const learning_curve *curve = of;
    const bool judged = curve->judged, accuracy = curve->classification && judged && curve->n > 0;
    const char *style = curve->n > 60 ? "lines" : "linespoints pt 7 ps 0.5";

    put_data(gnuplot, curve);
    fprintf(gnuplot,
            "set grid lt 1 lc rgb '#e4e4e4'\nset border %d\nset tics nomirror\n"
            "set xlabel 'epoch'\nset ylabel 'loss (%s)'\nset xrange [0:%zu]\n"
            "set key above\n",
            accuracy ? 11 : 3, curve->loss, curve->n + (curve->n > 40 ? curve->n / 40 : 1));
    put_axis(gnuplot, curve);
    if (accuracy)
        fputs("set y2tics nomirror\nset y2label 'accuracy of held-out rows'\nset y2range [:1]\n",
              gnuplot);
    if (judged)
        fprintf(gnuplot,
                "set arrow from %llu, graph 0 to %llu, graph 1 nohead dt 2 lc '#444444'\n"
                "set label 'kept' at %llu, graph 0.03 offset -0.7,0 right textcolor '#444444'\n",
                (unsigned long long)curve->best, (unsigned long long)curve->best,
                (unsigned long long)curve->best);
    fprintf(gnuplot, "plot $train with %s lw 2 lc '#0072b2' title 'training rows'", style);
    if (judged)
        fprintf(gnuplot, ", $heldout with %s lw 2 lc '#e69f00' title 'held-out rows'", style);
    if (accuracy)
        fprintf(gnuplot, ", $accuracy axes x1y2 with %s lw 2 lc '#009e73' title 'accuracy (right)'",
                style);
    putc('\n', gnuplot);
}

int train_plot(const char *command, const char *path, const char *csv,
               const learning_curve *curve) {
    return plot_draw(command, path, csv, PLOT_HEIGHT, put_picture, put_numbers, curve);
}
