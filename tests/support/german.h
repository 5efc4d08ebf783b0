/* A locale with a decimal comma, made on the spot where the machine has none. POSIX. */
#ifndef SNNK_TESTS_GERMAN_H
#define SNNK_TESTS_GERMAN_H

#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* Set the locale de_DE.UTF-8. Returns false if it is not there and cannot be made. */
static inline bool test_use_german(void) {
    char directory[] = "/tmp/snnk-locale-XXXXXX", command[160];
    bool made = setlocale(LC_ALL, "de_DE.UTF-8") != NULL;

    if (made || !mkdtemp(directory)) return made;
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >/dev/null 2>&1",
             directory);
    made = system(command) == 0 && setenv("LOCPATH", directory, 1) == 0 &&
           setlocale(LC_ALL, "de_DE.UTF-8") != NULL;
    unsetenv("LOCPATH");
    snprintf(command, sizeof command, "rm -r %s", directory);
    return system(command) == 0 && made;
}

#endif
