#define _POSIX_C_SOURCE 200809L
#include "plot.h"

#include <signal.h>

FILE *plot_open(const char *path, int width, int height) {
    FILE *gnuplot;

    signal(SIGPIPE, SIG_IGN);                   /* a missing gnuplot is seen in plot_close */
    gnuplot = popen("gnuplot >/dev/null", "w"); /* where a picture goes that has no file */
    if (!gnuplot) {
        perror("cannot start gnuplot");
        return NULL;
    }
    fprintf(gnuplot, "set terminal pngcairo size %d,%d font ',11'\nset output '%s'\n", width,
            height, path);
    return gnuplot;
}

bool plot_close(FILE *gnuplot) {
    if (pclose(gnuplot) == 0) return true;
    fprintf(stderr, "gnuplot failed: no picture\n");
    return false;
}
