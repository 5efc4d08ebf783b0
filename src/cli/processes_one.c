/* A build without MPI. */
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>

#include "cli/processes.h"

/* Whether a launcher of MPI programs started several of us. They would do the same work, and save over
 * each other. */
static bool are_several(void) {
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"};
    size_t size;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *text = getenv(names[i]);

        if (text && read_size(text, &size) && size > 1) return true;
    }
    return false;
}

int processes_begin(const char *command, processes *p) {
    *p = (processes){.rank = 0, .size = 1, .neighbours = 1};
    if (are_several())
        return failed(command, "this build has no MPI: start it without mpirun, as one process");
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
