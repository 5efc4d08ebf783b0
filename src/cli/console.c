#define _XOPEN_SOURCE 700 /* POSIX 2008 with realpath */
#include "cli/console.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

volatile sig_atomic_t interrupted = 0;

/* The first error since hold_errors. */
static char held[1024];
static bool holding = false;

void hold_errors(void) { holding = true; }

void print_held_error(void) {
    fputs(held, stderr);
    held[0] = '\0';
}

void take_held_error(char *text, size_t bytes) {
    snprintf(text, bytes, "%.*s", (int)strcspn(held, "\n"), held);
    held[0] = '\0';
    holding = false;
}

/* Whether the progress bar is on the current line. */
static bool barred = false;

static void clear_line(void) {
    if (barred) fprintf(stderr, "\r\033[K");
    barred = false;
}

/* Print one line, or keep it. */
static void put_line(const char *command, const char *format, va_list arguments, const char *more) {
    char text[sizeof held - 256];

    vsnprintf(text, sizeof text, format, arguments);
    clear_line();
    if (!holding)
        fprintf(stderr, "snnk %s: %s%s\n", command, text, more);
    else if (held[0] == '\0')
        snprintf(held, sizeof held, "snnk %s: %s%s\n", command, text, more);
}

void print_error(const char *command, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    put_line(command, format, arguments, "");
    va_end(arguments);
}

void print_note(const char *command, const char *format, ...) {
    va_list arguments;

    if (holding) return;
    va_start(arguments, format);
    put_line(command, format, arguments, "");
    va_end(arguments);
}

void print_usage_error(const char *command, const char *format, ...) {
    va_list arguments;
    char more[64];

    snprintf(more, sizeof more, " (try 'snnk %s --help')", command);
    va_start(arguments, format);
    put_line(command, format, arguments, more);
    va_end(arguments);
}

number_text text_of_number(double number) {
    number_text text;

    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text.digits, sizeof text.digits, "%.*g", digits, number);
        if (strtod(text.digits, NULL) == number) break;
    }
    return text;
}

/* ---- Ctrl-C ---- */

/* Temporary files of what is being written. */
#define MOST_FILES 4
#define PATH_ROOM  4200

/* Microseconds after Ctrl-C in which a command can end in order. */
#define PATIENCE 600000

static char unfinished[MOST_FILES][PATH_ROOM];
static volatile sig_atomic_t n_unfinished = 0;

void remove_when_stopped(const char *path) {
    if (n_unfinished < MOST_FILES) snprintf(unfinished[n_unfinished++], PATH_ROOM, "%s", path);
}

void remove_unfinished(const char *path) {
    char *target, *slash;

    if (!path || n_unfinished == MOST_FILES) return;
    target = realpath(path, NULL); /* a link: the file is written beside what it points to */
    if (!target) target = strdup(path);
    if (!target) return;
    slash = strrchr(target, '/');
    /* As src/io/replacement.c names them. */
    snprintf(unfinished[n_unfinished++], PATH_ROOM, "%.*s.snnk-%ld-0.tmp",
             slash ? (int)(slash - target) + 1 : 0, target, (long)getpid());
    free(target);
}

/* Both handlers call only what is a plain system call. */
static void on_interrupt(int signal_number) {
    const struct itimerval patience = {.it_value.tv_usec = PATIENCE};

    (void)signal_number;
    interrupted = 1;
    setitimer(ITIMER_REAL, &patience, NULL);
}

static void on_alarm(int signal_number) {
    static const char text[] = "\nsnnk: cancelled\n";

    (void)signal_number;
    for (int i = 0; i < n_unfinished; i++) unlink(unfinished[i]);
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0) _exit(EXIT_FAILED);
    _exit(EXIT_CANCELLED);
}

void catch_interrupts(void) {
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = on_interrupt;
    action.sa_flags = (int)SA_RESETHAND; /* a second one ends the program at once */
    sigaction(SIGINT, &action, NULL);
    action.sa_handler = on_alarm;
    sigaction(SIGALRM, &action, NULL);
}

/* ---- Progress ---- */

void show_progress(bool quiet, const char *what, size_t done, size_t total) {
    enum { WIDTH = 40 };
    char bar[WIDTH + 1];

    if (quiet || !isatty(STDERR_FILENO)) return;
    if (done >= total) {
        clear_line();
    } else {
        const size_t full = total ? (size_t)((uint64_t)done * WIDTH / total) : 0;

        memset(bar, ' ', WIDTH);
        memset(bar, '#', full);
        bar[WIDTH] = '\0';
        barred = true;
        fprintf(stderr, "\r%-9s [%s] %3zu %%", what, bar, total ? 100 * done / total : 0);
    }
    fflush(stderr);
}

int move_bar(void *bar, double share) {
    progress_bar *b = bar;
    const int percent = (int)(100 * share);

    if (percent != b->percent && percent < 100)
        show_progress(b->quiet, b->what, (size_t)percent, 100);
    b->percent = percent;
    return interrupted;
}

void print_json_object(cJSON *json) {
    char *text = cJSON_PrintUnformatted(json);

    puts(text ? text : "{}");
    cJSON_free(text);
    cJSON_Delete(json);
}
