/* Options of the command line: reading their values, and errors in them. */
#ifndef SNNK_CLI_OPTIONS_H
#define SNNK_CLI_OPTIONS_H

#include <getopt.h>

#include "cli/console.h"

/* Read a decimal number that is the whole text. Returns false if it is not one. */
bool read_size(const char *text, size_t *value);
bool read_u64(const char *text, uint64_t *value);
bool read_double(const char *text, double *value);

/* The index of `text` in `names`, which has n entries; -1 if it is none of them. */
int find_name(const char *text, const char *const *names, int n);

/* Find the value of an enumeration of the library by its name: name_of gives the names of 0, 1, 2
 * ... and then NULL. Returns false, with *value as before, if no value has this name. */
bool find_value(const char *text, const char *(*name_of)(int32_t value), int32_t *value);

/* Check an option with its value, which getopt_long has just read. It is refused if it was given
 * before, or if its value begins with "--": then the value was forgotten. After "=" it may.
 *   given  whether an option was given so far, false at first: entry k for that of val
 *          FIRST_OPTION + k
 * Prints the error and returns an exit status. */
int check_option(const char *command, const struct option *option, char **argv, bool *given);
#define FIRST_OPTION 256

/* Print the error for an option that getopt_long rejected at argv[optind - 1]. option: its result,
 * ':' or '?'. */
void print_option_error(const char *command, int option, char **argv);

/* Print the error for a value that an option does not accept; wanted: what it does accept. */
void print_value_error(const char *command, const char *option, const char *value,
                       const char *wanted);

/* The same, giving the exit status to return. */
#define wrong_option(...) (print_option_error(__VA_ARGS__), EXIT_USAGE)
#define wrong_value(...)  (print_value_error(__VA_ARGS__), EXIT_USAGE)

#endif
