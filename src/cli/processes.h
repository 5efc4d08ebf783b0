/* The processes that share a command, when mpirun started it. Without mpirun there is one, and nothing
 * here costs anything; so it is in a build without MPI. */
#ifndef SNNK_CLI_PROCESSES_H
#define SNNK_CLI_PROCESSES_H

#include "cli/cli.h"

typedef struct processes {
    int rank, size; /* this one, of how many */
    int neighbours; /* how many of them are on this machine */
} processes;

/* Begin. With several processes complaints wait for processes_agree, so that one of them speaks. Gives an exit
 * status; processes_end must follow in any case. */
int processes_begin(const char *command, processes *p);
void processes_end(const processes *p);

/* The largest exit status of all processes, which each of them gets; the first that has it says why. */
int processes_agree(const processes *p, int exit_status);

/* Rows first ... end-1 of `rows` are this process's. */
void processes_part(const processes *p, size_t rows, size_t *first, size_t *end);

/* The statistics of all, on process 0. Gives a status of the library, the same everywhere. */
int processes_reduce(const processes *p, snnk_lstsq *lstsq);

#endif
