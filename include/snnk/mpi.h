/* Least squares over processes: each collects statistics of its own rows, one gets the sum.
 *
 * Not part of snnk.h, and in a library of its own, libsnnk_mpi (CMake: snnk::mpi, of the package's
 * component MPI), which is there where MPI was at building. It starts and ends nothing: call
 * MPI_Init and MPI_Finalize yourself. */
#ifndef SNNK_MPI_H
#define SNNK_MPI_H

#include <mpi.h>

#include <snnk/lstsq.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Afterwards `root` has the statistics of all rows of all processes of comm; the others keep
 * theirs. Collective: every process of comm calls it, with the same root and statistics of the same
 * m and t. Rows may be any number, also 0.
 *
 * Statistics go up a binomial tree, ceil(log2 p) steps for p processes, and are merged
 * (snnk_lstsq_merge) in an order that p and root alone decide: the same bits each time. Factors
 * stay factors (TSQR: Demmel, Grigori, Hoemmen & Langou 2012). Moments of one process and a factor
 * of another make moments, unless root itself has a factor: SNNK_E_UNSUPPORTED. That can happen
 * with SNNK_FACTORIZATION_AUTO, which each process decides by its own rows. Messages may be of any
 * size; they and their sums take up to three times the memory of the statistics, from malloc, for
 * the time of the call.
 *
 * Every process returns the same status, and after a failure the same snnk_last_error(), which
 * names a process; all statistics are as they were then. SNNK_E_NULL (lstsq or comm), SNNK_E_RANGE
 * (root), SNNK_E_SHAPE (m or t differ from root's), SNNK_E_SIZE (row counts overflow),
 * SNNK_E_NOMEM, SNNK_E_UNSUPPORTED (see above; or an intercommunicator), SNNK_E_NONFINITE (moments
 * that overflowed do not travel), SNNK_E_IO (MPI failed: no promise then but to try), SNNK_E_STATE
 * (before MPI_Init or after MPI_Finalize). With comm = MPI_COMM_NULL, or outside MPI's time, a
 * process cannot tell the others. Errors of MPI itself are returned, whatever comm's error handler,
 * but for those of duplicating comm, which comes first. */
SNNK_API int snnk_lstsq_reduce_mpi(snnk_lstsq *lstsq, MPI_Comm comm, int root);

#ifdef __cplusplus
}
#endif

#endif
