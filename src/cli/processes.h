/* The processes that share a command started by mpirun. Without mpirun there is one process, and
 * nothing here costs time. processes_mpi.c is compiled where MPI is found, otherwise
 * processes_without_mpi.c. */
#ifndef SNNK_CLI_PROCESSES_H
#define SNNK_CLI_PROCESSES_H

#include "cli/cli.h"

typedef struct processes {
    int rank, size; /* the number of this process, 0 ... size-1 */
    int on_machine; /* how many of the processes run on this machine */
} processes;

/* Begin. With several processes, errors are held until processes_agree, so that only one of them is
 * printed. Returns an exit status; processes_end must follow in any case. */
int processes_begin(const char *command, processes *p);
void processes_end(const processes *p);

/* Give every process the largest exit status of all. The first process that has it prints its
 * error. */
int processes_agree(const processes *p, int exit_status);

/* The share of this process: rows first ... end-1 of `rows`. */
void processes_part(const processes *p, size_t rows, size_t *first, size_t *end);

/* Add up the statistics of all processes on process 0. Returns a status of the library, the same on
 * all processes. */
int processes_reduce(const processes *p, snnk_lstsq *lstsq);

/* The same for fits: that of process 0 gets the rows of all. */
int processes_reduce_fit(const processes *p, snnk_fit *fit);

/* Give every process the numbers of process 0. */
void processes_share(const processes *p, int n, double *numbers);

#endif
