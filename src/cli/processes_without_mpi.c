/* A build without MPI: there is one process. */
#include "cli/processes.h"

#include <stdlib.h>

#include "cli/console.h"
#include "cli/options.h"

/* Whether an MPI launcher started several processes. They would do the same work and overwrite each
 * other's results. */
static bool has_several(void) {
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"};
    size_t size;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *text = getenv(names[i]);

        if (text && read_size(text, &size) && size > 1) return true;
    }
    return false;
}

int processes_begin(const char *command, processes *p) {
    *p = (processes){.rank = 0, .size = 1, .on_machine = 1};
    if (has_several()) return failed(command, "this build has no MPI: start it without mpirun");
    return EXIT_OK;
}

void processes_end(const processes *p) { (void)p; }

int processes_agree(const processes *p, int exit_status) {
    (void)p;
    return exit_status;
}

void processes_part(const processes *p, size_t rows, size_t *first, size_t *end) {
    (void)p;
    *first = 0;
    *end = rows;
}

int processes_reduce(const processes *p, snnk_lstsq *lstsq) {
    (void)p;
    (void)lstsq;
    return SNNK_OK;
}

int processes_reduce_fit(const processes *p, snnk_fit *fit) {
    (void)p;
    (void)fit;
    return SNNK_OK;
}

void processes_share(const processes *p, int n, double *numbers) {
    (void)p;
    (void)n;
    (void)numbers;
}
