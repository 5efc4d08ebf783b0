#define _POSIX_C_SOURCE 200809L
#include "cli/system.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/console.h"

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
        exit_status = failed(command, "%s is a directory", path);
    else if (access(folder, W_OK | X_OK) != 0)
        exit_status =
            failed(command, "%s: cannot create a file in %s: %s", path, folder, strerror(errno));
    free(folder);
    return exit_status;
}
