/* Messages to the user: errors, the progress bar, results as JSON, and cancelling with Ctrl-C. */
#ifndef SNNK_CLI_CONSOLE_H
#define SNNK_CLI_CONSOLE_H

#include <cjson/cJSON.h>
#include <signal.h>

#include "cli/cli.h"

/* ---- Errors ---- */

#if defined(__GNUC__)
#define CLI_PRINTF __attribute__((format(printf, 2, 3)))
#else
#define CLI_PRINTF
#endif

/* Print one line to stderr, "snnk <command>: ...". print_usage_error adds how to get help. */
CLI_PRINTF void print_error(const char *command, const char *format, ...);
CLI_PRINTF void print_usage_error(const char *command, const char *format, ...);

/* Print a line of the same form that is no error. Nothing is printed while errors are held. */
CLI_PRINTF void print_note(const char *command, const char *format, ...);

/* Store the first error from now on instead of printing it, and print the stored one. For parallel
 * processes, when only one of them shall print. */
void hold_errors(void);
void print_held_error(void);

/* Move the stored error, or "" if there is none, to `text`, and print errors again. */
void take_held_error(char *text, size_t bytes);

/* Print an error and give the exit status to return. Macros, so that analysers see the status. */
#define failed(...)             (print_error(__VA_ARGS__), EXIT_FAILED)
#define wrong_usage(...)        (print_usage_error(__VA_ARGS__), EXIT_USAGE)
#define library_failed(command) failed(command, "%s", snnk_last_error())

/* Write the fewest digits, at least 15, that read back as this number. */
typedef struct number_text {
    char digits[32];
} number_text;
number_text text_of_number(double number);

/* ---- Progress ---- */

/* Set by Ctrl-C (SIGINT) after catch_interrupts. Long loops and the library's progress functions
 * check it, so that the command can end in order. If it has not ended after 0.6 seconds, as while a
 * table is read or a file is written, the program ends with EXIT_CANCELLED. A second Ctrl-C ends it
 * at once. */
extern volatile sig_atomic_t interrupted;
void catch_interrupts(void);

/* Name a file that the command will write. If the program ends by the rule above, the temporary
 * file beside it is removed. path: NULL does nothing; stays valid. */
void remove_unfinished(const char *path);

/* Name a temporary file that is removed then. */
void remove_when_stopped(const char *path);

/* A progress bar of the library's long calls. */
typedef struct progress_bar {
    bool quiet;
    const char *what;
    int percent; /* shown last */
} progress_bar;

/* Draw the bar with each percent: a progress function for snnk_workspace_set_progress, with a
 * progress_bar as its user. Cancels after Ctrl-C. */
int move_bar(void *bar, double share);

/* Draw a progress bar on stderr if that is a terminal and `quiet` is false. Call it with done =
 * total at the end, which clears the line. */
void show_progress(bool quiet, const char *what, size_t done, size_t total);

/* ---- Results ---- */

/* Print a JSON object on one line of stdout, and free it. */
void print_json_object(cJSON *json);

#endif
