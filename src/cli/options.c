#include "cli/options.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Options, and values of options, that have another name since version 0.2. */
static const struct {
    const char *option, *value; /* value: NULL if the option itself was renamed */
    const char *name;
} renamed[] = {{"route", NULL, "factorization"},
               {"heldout-run", NULL, "heldout-block-rows"},
               {"precision", "fast", "single"},
               {"tier", "closed", "selected"}};

/* The new name of an option (value: NULL) or of a value; NULL if it was not renamed. */
static const char *new_name(const char *option, size_t length, const char *value) {
    for (size_t i = 0; i < sizeof renamed / sizeof *renamed; i++) {
        const char *old = renamed[i].value;

        if (strlen(renamed[i].option) == length && memcmp(renamed[i].option, option, length) == 0 &&
            (old && value ? strcmp(old, value) == 0 : old == value))
            return renamed[i].name;
    }
    return NULL;
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

bool find_value(const char *text, const char *(*name_of)(int32_t value), int32_t *value) {
    const char *name;

    for (int32_t k = 0; (name = name_of(k)) != NULL; k++)
        if (strcmp(text, name) == 0) {
            *value = k;
            return true;
        }
    return false;
}

int check_option(const char *command, const struct option *option, char **argv, bool *given) {
    bool *const seen = &given[option->val - FIRST_OPTION];

    if (option->has_arg && optarg == argv[optind - 1] && strncmp(optarg, "--", 2) == 0)
        return wrong_usage(command, "--%s needs a value, but %s follows", option->name, optarg);
    if (option->has_arg && *seen) return wrong_usage(command, "--%s is given twice", option->name);
    *seen = true;
    return EXIT_OK;
}

void print_option_error(const char *command, int option, char **argv) {
    const char *given = argv[optind - 1];
    const size_t length = strcspn(given, "=");
    const char *name = length > 2 ? new_name(given + 2, length - 2, NULL) : NULL;

    if (option == ':')
        print_usage_error(command, "%s needs a value", given);
    else if (optopt > ' ' && optopt < 127) /* inside "-xyz" optind has not moved on */
        print_usage_error(command, "unknown option '-%c'", optopt);
    else if (name)
        print_usage_error(command, "%.*s was renamed to --%s", (int)length, given, name);
    else
        print_usage_error(command, "unknown option '%s'", given);
}

void print_value_error(const char *command, const char *option, const char *value,
                       const char *wanted) {
    const char *name = new_name(option, strlen(option), value);

    if (name)
        print_usage_error(command, "--%s: '%s' was renamed to '%s'", option, value, name);
    else
        print_usage_error(command, "--%s: '%s' is not %s", option, value, wanted);
}
