#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

const char *const solve_methods[4] = {"cholesky", "truncated-eigen", "qr", "truncated-svd"};

volatile sig_atomic_t interrupted = 0;

/* The first line that waits to be said, while `holding`. */
static char held[1024];
static bool holding = false;

void hold_complaints(void) { holding = true; }

void say_held_complaints(void) {
    fputs(held, stderr);
    held[0] = '\0';
}

/* Whether a bar is on the line. */
static bool barred = false;

static void clear_line(void) {
    if (barred) fprintf(stderr, "\r\033[K");
    barred = false;
}

/* One line. */
static void say(const char *command, const char *format, va_list arguments, const char *more) {
    char text[sizeof held - 256];

    vsnprintf(text, sizeof text, format, arguments);
    clear_line();
    if (!holding)
        fprintf(stderr, "snnk %s: %s%s\n", command, text, more);
    else if (held[0] == '\0')
        snprintf(held, sizeof held, "snnk %s: %s%s\n", command, text, more);
}

void complain(const char *command, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    say(command, format, arguments, "");
    va_end(arguments);
}

void complain_of_usage(const char *command, const char *format, ...) {
    va_list arguments;
    char more[64];

    snprintf(more, sizeof more, " (see: snnk %s --help)", command);
    va_start(arguments, format);
    say(command, format, arguments, more);
    va_end(arguments);
}

void complain_of_option(const char *command, int option, char **argv) {
    if (option == ':')
        complain_of_usage(command, "%s needs a value", argv[optind - 1]);
    else if (optopt > ' ' && optopt < 127) /* within "-xyz" optind has not moved on */
        complain_of_usage(command, "-%c is not an option", optopt);
    else
        complain_of_usage(command, "\"%s\" is not an option", argv[optind - 1]);
}

static void on_interrupt(int signal_number) {
    (void)signal_number;
    interrupted = 1;
}

void catch_interrupts(void) {
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = on_interrupt;
    action.sa_flags = (int)SA_RESETHAND; /* a second one ends the program at once */
    sigaction(SIGINT, &action, NULL);
}

void show_progress(bool quiet, const char *what, size_t done, size_t total) {
    enum { WIDTH = 40 };
    char bar[WIDTH + 1];

    if (quiet || !isatty(STDERR_FILENO)) return;
    if (done >= total) {
        clear_line();
    } else {
        const size_t full = total ? done * WIDTH / total : 0;

        memset(bar, ' ', WIDTH);
        memset(bar, '#', full);
        bar[WIDTH] = '\0';
        barred = true;
        fprintf(stderr, "\r%-9s [%s] %3zu %%", what, bar, total ? 100 * done / total : 0);
    }
    fflush(stderr);
}

double seconds_now(void) {
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double peak_memory_mb(void) {
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024; /* kilobytes on Linux */
}

size_t online_processors(void) {
    const long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n < 1 ? 1 : n > SNNK_MAX_THREADS ? SNNK_MAX_THREADS : (size_t)n;
}

bool same_file(const char *a, const char *b) {
    struct stat first, second;

    return a && b && stat(a, &first) == 0 && stat(b, &second) == 0 &&
           first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

int check_save(const char *command, const char *path) {
    const char *slash = strrchr(path, '/');
    struct stat there;
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    int exit_status = EXIT_OK;

    if (!folder) return failed(command, "out of memory");
    if (stat(path, &there) == 0 && S_ISDIR(there.st_mode))
        exit_status = failed(command, "%s is a folder", path);
    else if (access(folder, W_OK | X_OK) != 0)
        exit_status =
            failed(command, "%s: no file can be made in %s: %s", path, folder, strerror(errno));
    free(folder);
    return exit_status;
}

bool read_u64(const char *text, uint64_t *value) {
    char *end;

    if (*text < '0' || *text > '9') return false; /* strtoull takes signs and spaces */
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0') return false;
    *value = number;
    return true;
}

bool read_size(const char *text, size_t *value) {
    uint64_t number;

    if (!read_u64(text, &number) || number > SIZE_MAX) return false;
    *value = (size_t)number;
    return true;
}

bool read_double(const char *text, double *value) {
    char *end;
    const double number = strtod(text, &end);

    if (end == text || *end != '\0' || !isfinite(number)) return false;
    *value = number;
    return true;
}

int find_name(const char *text, const char *const *names, int n) {
    for (int i = 0; i < n; i++)
        if (strcmp(text, names[i]) == 0) return i;
    return -1;
}
