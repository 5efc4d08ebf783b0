#define _POSIX_C_SOURCE 200809L
#include "cli/plot.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

#include "cli/console.h"

enum { TEMPORARY_ROOM = PLOT_PATH_ROOM + 8 };

/* Whether a path ends in a text, in capitals or not. */
static bool ends_in(const char *path, const char *end) {
    const size_t length = strlen(path), of_end = strlen(end);

    return length >= of_end && strcasecmp(path + length - of_end, end) == 0;
}

/* Refuse the name of another kind of picture. */
static int check_ending(const char *command, const char *path) {
    static const char *const others[] = {".pdf", ".svg", ".jpg", ".jpeg", ".gif",
                                         ".eps", ".ps",  ".bmp", ".tif",  ".tiff"};

    for (size_t k = 0; k < sizeof others / sizeof *others; k++)
        if (ends_in(path, others[k]))
            return wrong_usage(command, "--plot %s: it draws PNG, not %s: end the name in .png",
                               path, others[k] + 1);
    return EXIT_OK;
}

int plot_csv_path(const char *command, const char *path, char csv[PLOT_PATH_ROOM]) {
    const size_t length = strlen(path);
    const bool png = length > 4 && strcmp(path + length - 4, ".png") == 0;

    const int exit_status = check_ending(command, path);

    if (exit_status != EXIT_OK) return exit_status;
    if (length + 4 >= PLOT_PATH_ROOM) return wrong_usage(command, "--plot: the path is too long");
    snprintf(csv, PLOT_PATH_ROOM, "%.*s.csv", (int)(length - (png ? 4 : 0)), path);
    return EXIT_OK;
}

int plot_check(const char *command) {
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
static const char *temporary(const char *path, char buffer[TEMPORARY_ROOM]) {
    snprintf(buffer, TEMPORARY_ROOM, "%s.part", path);
    return buffer;
}

static int write_numbers(const char *command, const char *path, plot_put *put, const void *of) {
    FILE *file = fopen(path, "w");
    bool written = file != NULL;

    if (file) {
        put(file, of);
        written = !ferror(file);
        written = fclose(file) == 0 && written;
    }
    return written ? EXIT_OK : failed(command, "%s: %s", path, strerror(errno));
}

/* Returns whether gnuplot drew the picture. */
static bool draw(const char *path, int height, plot_put *put, const void *of) {
    FILE *gnuplot = popen("gnuplot >/dev/null 2>&1", "w");

    if (!gnuplot) return false;
    fprintf(gnuplot, "set terminal pngcairo size 900,%d font ',11'\nset output ", height);
    put_quoted(gnuplot, path);
    putc('\n', gnuplot);
    put(gnuplot, of);
    return pclose(gnuplot) == 0;
}

int plot_draw(const char *command, const char *path, const char *csv, int height,
              plot_put *put_picture, plot_put *put_numbers, const void *of) {
    char buffer[TEMPORARY_ROOM];
    int exit_status = write_numbers(command, temporary(csv, buffer), put_numbers, of);

    if (exit_status == EXIT_OK && !draw(temporary(path, buffer), height, put_picture, of))
        exit_status = interrupted ? EXIT_CANCELLED /* which ends gnuplot too */
                                  : failed(command, "gnuplot could not draw %s", path);
    if (exit_status != EXIT_OK) plot_drop(path, csv);
    return exit_status;
}

int plot_keep(const char *command, const char *path, const char *csv) {
    const char *const to[] = {csv, path};
    char buffer[TEMPORARY_ROOM];

    for (int k = 0; k < 2; k++)
        if (rename(temporary(to[k], buffer), to[k]) != 0) {
            const int exit_status = failed(command, "%s: %s", to[k], strerror(errno));

            plot_drop(path, csv);
            return exit_status;
        }
    return EXIT_OK;
}

void plot_drop(const char *path, const char *csv) {
    char buffer[TEMPORARY_ROOM];

    (void)remove(temporary(path, buffer));
    (void)remove(temporary(csv, buffer));
}
