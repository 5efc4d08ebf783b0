/* Queries of the operating system: time, memory, processors, files. */
#ifndef SNNK_CLI_SYSTEM_H
#define SNNK_CLI_SYSTEM_H

#include "cli/cli.h"

double seconds_now(void); /* of a clock that is never set back */
double peak_memory_mb(void);

/* The bytes of memory that this process may use: those of the machine, but no more than the limit
 * in /sys/fs/cgroup/memory.max, or that of ulimit -v. */
double usable_memory(void);

/* The processors that this process may use: those of its affinity mask, but no more than the limit
 * in /sys/fs/cgroup/cpu.max, where a container of cgroup version 2 finds its own. Other limits are
 * not read. At least 1, at most SNNK_MAX_THREADS. */
size_t usable_processors(void);

/* Whether two paths (NULL is allowed) name the same existing file. Writing a result there would
 * destroy an input. */
bool same_file(const char *a, const char *b);

/* Whether two paths (NULL is allowed) are the same text or file, or will be the same file. */
bool same_path(const char *a, const char *b);

/* Check, before long work, that a file can be created at `path`. Prints the error and returns an
 * exit status. */
int check_save(const char *command, const char *path);

#endif
