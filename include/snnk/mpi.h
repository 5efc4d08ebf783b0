/* Least squares over processes: each process collects its own rows, in a fit or in statistics, and
 * one gets the sum.
 *
 *     snnk_fit_add(fit, rows_of_this_process, NULL);
 *     snnk_fit_reduce_mpi(fit, MPI_COMM_WORLD, 0);
 *     if (rank == 0) snnk_fit_solve(fit, NULL, NULL, &layer);
 *
 * This is a separate library, libsnnk_mpi (in CMake snnk::mpi, component MPI of the package), built
 * where MPI was found. snnk.h does not include this header. Call MPI_Init and MPI_Finalize
 * yourself. */
#ifndef SNNK_MPI_H
#define SNNK_MPI_H

#include <mpi.h>

#include <snnk/fit.h>
#include <snnk/lstsq.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Sum statistics over processes. Collective: every process of comm calls it.
 *   lstsq  the statistics of this process, of any number of rows, also 0; with the same numbers of
 *          features and targets in every process. At root it becomes the sum; elsewhere it does not
 *          change
 *   comm   an intracommunicator
 *   root   the rank that gets the sum; the same in every process
 * Statistics are merged (snnk_lstsq_merge) along a binomial tree, in ceil(log2 p) steps for p
 * processes. The order depends on p and root alone, so the bits are the same each time. QR
 * statistics stay QR (TSQR: Demmel, Grigori, Hoemmen & Langou 2012). GRAM statistics of one process
 * and QR ones of another become GRAM, unless root has QR statistics (SNNK_E_UNSUPPORTED). AUTO can
 * lead to that, because each process chooses by its own rows. Messages may have any size. Memory:
 * up to three times that of the statistics, from malloc, during the call.
 *
 * Every process returns the same status. After a failure snnk_last_error() is the same everywhere
 * and names a process, and all statistics are unchanged. SNNK_E_NULL (lstsq or comm), SNNK_E_RANGE
 * (root), SNNK_E_SHAPE (sizes differ), SNNK_E_SIZE (the row count overflows), SNNK_E_NOMEM,
 * SNNK_E_UNSUPPORTED (see above; an intercommunicator), SNNK_E_NONFINITE (moments that overflowed),
 * SNNK_E_STATE (before MPI_Init or after MPI_Finalize), SNNK_E_IO (MPI failed; then processes may
 * return different statuses). With comm = MPI_COMM_NULL, or outside of MPI_Init and MPI_Finalize, a
 * process cannot notify the others. Errors of MPI are returned, whatever the error handler of comm,
 * except those of duplicating comm. */
SNNK_API int snnk_lstsq_reduce_mpi(snnk_lstsq *lstsq, MPI_Comm comm, int root);

/* Add up fits over processes. Collective. At root, the fit then has the rows of all processes: it
 * holds out the same rows as one fit of all would, so it chooses the same ridge.
 *   fit   the fit of this process, of any number of rows, also 0; of the same map, outputs and
 *         config in every process (snnk_fit_merge says how to make them). At root it becomes the
 *         sum; elsewhere it does not change
 *   comm  an intracommunicator
 *   root  the rank that gets the sum; the same in every process
 * Fits are saved, sent and merged (snnk_fit_merge) along the same tree as statistics. Statuses of
 * snnk_lstsq_reduce_mpi and snnk_fit_merge. */
SNNK_API int snnk_fit_reduce_mpi(snnk_fit *fit, MPI_Comm comm, int root);

#ifdef __cplusplus
}
#endif

#endif
