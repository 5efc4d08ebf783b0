#define _POSIX_C_SOURCE 200809L
#include "cli/console.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
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

/* Whether the progress bar is on the current line. */
static volatile sig_atomic_t barred = false;

/* The line that Ctrl-C prints before it ends the program; empty if it does not. */
static char last_line[64];
static volatile sig_atomic_t last_line_bytes = 0;

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

/* Functions that a signal handler may call only. */
static void write_all(const char *text, size_t bytes) {
    if (write(STDERR_FILENO, text, bytes) < 0) _exit(EXIT_CANCELLED);
}

static void on_interrupt(int signal_number) {
    static const char clear[] = "\r\033[K";

    (void)signal_number;
    interrupted = 1;
    if (last_line_bytes == 0) return;
    if (barred) write_all(clear, sizeof clear - 1);
    write_all(last_line, (size_t)last_line_bytes);
    _exit(EXIT_CANCELLED);
}

void end_on_interrupt(const char *command) {
    last_line_bytes = 0;
    if (command)
        last_line_bytes = snprintf(last_line, sizeof last_line, "snnk %s: cancelled\n", command);
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
        const size_t full = total ? (size_t)((uint64_t)done * WIDTH / total) : 0;

        memset(bar, ' ', WIDTH);
        memset(bar, '#', full);
        bar[WIDTH] = '\0';
        barred = true;
        fprintf(stderr, "\r%-9s [%s] %3zu %%", what, bar, total ? 100 * done / total : 0);
    }
    fflush(stderr);
}

void print_json_object(cJSON *json) {
    char *text = cJSON_PrintUnformatted(json);

    puts(text ? text : "{}");
    cJSON_free(text);
    cJSON_Delete(json);
}
