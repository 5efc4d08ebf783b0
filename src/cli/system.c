#define _GNU_SOURCE /* sched_getaffinity */
#include "cli/system.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
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

/* The limit in /sys/fs/cgroup/memory.max, in bytes; infinite if there is none. */
static double granted_memory(void) {
    double bytes = INFINITY;
#ifdef __linux__
    FILE *file = fopen("/sys/fs/cgroup/memory.max", "r");

    if (!file) return INFINITY;
    if (fscanf(file, "%lf", &bytes) != 1) bytes = INFINITY; /* "max" */
    fclose(file);
#endif
    return bytes;
}

double usable_memory(void) {
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    double bytes = pages > 0 && page > 0 ? (double)pages * (double)page : (double)INFINITY;
    struct rlimit limit;

    bytes = fmin(bytes, granted_memory());
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        bytes = fmin(bytes, (double)limit.rlim_cur);
    return bytes;
}

/* The processors that this process may run on: taskset and batch systems allow some of all. */
static long allowed_processors(void) {
#ifdef __linux__
    cpu_set_t set;

    /* Fails on a machine with more than 1024 processors. */
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return CPU_COUNT(&set);
#endif
    return sysconf(_SC_NPROCESSORS_ONLN);
}

/* The processor time that /sys/fs/cgroup/cpu.max grants, in processors; 0 if it has no limit. */
static double granted_processors(void) {
    double quota = 0, period = 0;
#ifdef __linux__
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "r");

    if (!file) return 0;
    if (fscanf(file, "%lf %lf", &quota, &period) != 2) period = 0; /* "max 100000" */
    fclose(file);
#endif
    return quota > 0 && period > 0 ? quota / period : 0;
}

size_t usable_processors(void) {
    const double granted = ceil(granted_processors());
    long n = allowed_processors();

    if (granted >= 1 && granted < (double)n) n = (long)granted;
    return n < 1 ? 1 : n > SNNK_MAX_THREADS ? SNNK_MAX_THREADS : (size_t)n;
}

bool same_file(const char *a, const char *b) {
    struct stat first, second;

    return a && b && stat(a, &first) == 0 && stat(b, &second) == 0 &&
           first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

bool same_path(const char *a, const char *b) {
    return a && b && *a && *b && (strcmp(a, b) == 0 || same_file(a, b));
}

int check_save(const char *command, const char *path) {
    const char *slash = strrchr(path, '/');
    struct stat there;
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    const bool exists = stat(path, &there) == 0;
    int exit_status = EXIT_OK;

    if (!folder) return failed(command, "out of memory");
    if (exists && S_ISDIR(there.st_mode))
        exit_status = failed(command, "%s is a directory", path);
    else if (exists && !S_ISREG(there.st_mode)) /* written directly, as /dev/null */
        exit_status = access(path, W_OK) == 0
                          ? EXIT_OK
                          : failed(command, "%s cannot be written: %s", path, strerror(errno));
    else if (access(folder, W_OK | X_OK) != 0)
        exit_status =
            failed(command, "%s: cannot create a file in %s: %s", path, folder, strerror(errno));
    free(folder);
    return exit_status;
}
