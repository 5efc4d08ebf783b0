#define _POSIX_C_SOURCE 200809L
#include "plot.h"

#include <signal.h>

FILE *plot_open(const char *path, int width, int height) {
    FILE *gnuplot;

    signal(SIGPIPE, SIG_IGN); /* plot_close reports a missing gnuplot */
    gnuplot =
        popen("gnuplot >/dev/null", "w"); /* it writes to stdout if the file cannot be opened */
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
    fprintf(stderr, "gnuplot failed: no picture was drawn\n");
    return false;
}
