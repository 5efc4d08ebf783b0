#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>

#include <snnk/mpi.h>

#include "cli/processes.h"

/* Whether a launcher of MPI programs started this process: MPI_Init alone would take a second to find out. */
static bool was_launched(void) {
    return getenv("OMPI_COMM_WORLD_SIZE") || getenv("PMI_SIZE") || getenv("PMIX_RANK");
}

static int count_neighbours(processes *p) {
    MPI_Comm machine;
    int code =
        MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &machine);

    if (code != MPI_SUCCESS) return code;
    code = MPI_Comm_size(machine, &p->neighbours);
    MPI_Comm_free(&machine);
    return code;
}

int processes_begin(const char *command, processes *p) {
    int level;

    *p = (processes){.rank = 0, .size = 1, .neighbours = 1};
    if (!was_launched()) return EXIT_OK;
    /* Only the thread that runs the command speaks to MPI. */
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level) != MPI_SUCCESS ||
        MPI_Comm_rank(MPI_COMM_WORLD, &p->rank) != MPI_SUCCESS ||
        MPI_Comm_size(MPI_COMM_WORLD, &p->size) != MPI_SUCCESS ||
        count_neighbours(p) != MPI_SUCCESS)
        return failed(command, "MPI cannot be used");
    if (p->size > 1) hold_complaints();
    return EXIT_OK;
}

void processes_end(const processes *p) {
    int begun = 0;

    (void)p;
    MPI_Initialized(&begun);
    if (begun) MPI_Finalize();
}

int processes_agree(const processes *p, int exit_status) {
    struct {
        int status, rank;
    } mine = {exit_status, p->rank}, worst = {EXIT_FAILED, 0};

    if (p->size == 1) return exit_status;
    MPI_Allreduce(&mine, &worst, 1, MPI_2INT, MPI_MAXLOC, MPI_COMM_WORLD);
    if (worst.status != EXIT_OK && worst.rank == p->rank) say_held_complaints();
    return worst.status;
}

void processes_part(const processes *p, size_t rows, size_t *first, size_t *end) {
    const size_t size = (size_t)p->size, rank = (size_t)p->rank;
    const size_t share = rows / size, more = rows % size; /* the first `more` have one row more */

    *first = rank * share + (rank < more ? rank : more);
    *end = *first + share + (rank < more);
}

int processes_reduce(const processes *p, snnk_lstsq *lstsq) {
    return p->size == 1 ? SNNK_OK : snnk_lstsq_reduce_mpi(lstsq, MPI_COMM_WORLD, 0);
}
