#include "cli/processes.h"

#include <stdlib.h>

#include <snnk/mpi.h>

#include "cli/console.h"

/* Whether an MPI launcher started this process. MPI_Init would take a second to find that out. */
static bool was_launched(void) {
    return getenv("OMPI_COMM_WORLD_SIZE") || getenv("PMI_SIZE") || getenv("PMIX_RANK");
}

static int count_on_machine(processes *p) {
    MPI_Comm machine;
    int code =
        MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &machine);

    if (code != MPI_SUCCESS) return code;
    code = MPI_Comm_size(machine, &p->on_machine);
    MPI_Comm_free(&machine);
    return code;
}

int processes_begin(const char *command, processes *p) {
    int level;

    *p = (processes){.rank = 0, .size = 1, .on_machine = 1};
    if (!was_launched()) return EXIT_OK;
    /* Only the thread that runs the command calls MPI. */
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level) != MPI_SUCCESS ||
        MPI_Comm_rank(MPI_COMM_WORLD, &p->rank) != MPI_SUCCESS ||
        MPI_Comm_size(MPI_COMM_WORLD, &p->size) != MPI_SUCCESS ||
        count_on_machine(p) != MPI_SUCCESS)
        return failed(command, "MPI could not be initialized");
    if (p->size > 1) hold_errors();
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
    if (worst.status != EXIT_OK && worst.rank == p->rank) print_held_error();
    return worst.status;
}

void processes_part(const processes *p, size_t rows, size_t *first, size_t *end) {
    const size_t size = (size_t)p->size, rank = (size_t)p->rank;
    const size_t share = rows / size, more = rows % size; /* the first `more` processes get one row
                                                           * more */

    *first = rank * share + (rank < more ? rank : more);
    *end = *first + share + (rank < more);
}

int processes_reduce(const processes *p, snnk_lstsq *lstsq) {
    return p->size == 1 ? SNNK_OK : snnk_lstsq_reduce_mpi(lstsq, MPI_COMM_WORLD, 0);
}

int processes_reduce_fit(const processes *p, snnk_fit *fit) {
    return p->size == 1 ? SNNK_OK : snnk_fit_reduce_mpi(fit, MPI_COMM_WORLD, 0);
}

void processes_share(const processes *p, int n, double *numbers) {
    if (p->size > 1) MPI_Bcast(numbers, n, MPI_DOUBLE, 0, MPI_COMM_WORLD);
}
