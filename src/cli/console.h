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

/* Print an error and give the exit status to return. Macros, so that analysers see the status. */
#define failed(...)             (print_error(__VA_ARGS__), EXIT_FAILED)
#define wrong_usage(...)        (print_usage_error(__VA_ARGS__), EXIT_USAGE)
#define library_failed(command) failed(command, "%s", snnk_last_error())

/* ---- Progress ---- */

/* Set by Ctrl-C (SIGINT) after catch_interrupts. Long loops check it between batches. A second
 * Ctrl-C ends the program at once. */
extern volatile sig_atomic_t interrupted;
void catch_interrupts(void);

/* From now on, Ctrl-C prints "snnk <command>: cancelled" and ends the program at once, with
 * EXIT_CANCELLED, even inside a long call. For work that leaves nothing behind. NULL: only set
 * `interrupted` again, before files are written. */
void end_on_interrupt(const char *command);

/* Draw a progress bar on stderr if that is a terminal and `quiet` is false. Call it with done =
 * total at the end, which clears the line. */
void show_progress(bool quiet, const char *what, size_t done, size_t total);

/* ---- Results ---- */

/* Print a JSON object on one line of stdout, and free it. */
void print_json_object(cJSON *json);

#endif
