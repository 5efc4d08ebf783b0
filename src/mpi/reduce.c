/* The sum of statistics, or of fits, over processes. Uses only public functions of libsnnk, because
 * it is a library of its own.
 *
 * No process may wait for one that has failed. So each step that can fail in one process is
 * followed by an agreement. On the way up the tree, a status is sent in place of the object: a
 * process always sends to its parent once, and receives once from each child. */
#include <snnk/mpi.h>

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* MPI counts in int. Messages of a few megabytes reach full bandwidth. */
#define PIECE_BYTES ((size_t)4 << 20)

#define SENTENCE_BYTES 512

enum { TAG_HEADER, TAG_DATA };

/* What is summed: a kind of object. */
typedef struct kind {
    const char *name;   /* of the argument */
    const char *second; /* of the size after "features" */
    size_t (*features)(const void *object);
    size_t (*outputs)(const void *object);
    uint64_t (*rows)(const void *object);
    int (*saved_bytes)(const void *object, size_t *bytes);
    int (*save)(const void *object, void *buffer, size_t bytes);
    int (*load)(const void *buffer, size_t bytes, void **object);
    int (*merge)(void *object, const void *other);
    int (*add)(void **sum, const void *next); /* merge, where *sum may become another object */
    void (*free)(void *object);
} kind;

typedef struct group {
    const kind *of;
    MPI_Comm comm; /* our own: messages cannot be mixed up, and errors are returned */
    int root, rank, size;
} group;

/* ---- Errors ---- */

static int mpi_status(int code) {
    char text[MPI_MAX_ERROR_STRING], sentence[SENTENCE_BYTES];
    int length;

    if (code == MPI_SUCCESS) return SNNK_OK;
    if (MPI_Error_string(code, text, &length) != MPI_SUCCESS) strcpy(text, "an unknown error");
    snprintf(sentence, sizeof sentence, "MPI: %.*s", SENTENCE_BYTES - 10, text);
    return snnk_fail(SNNK_E_IO, sentence);
}

/* Agree on the most severe (smallest) status of all processes, with the sentence of the first
 * process that has it. */
static int agree(const group *g, int status) {
    struct {
        int status, rank;
    } mine = {status, g->rank}, worst;
    char sentence[SENTENCE_BYTES], all[SENTENCE_BYTES + 64];
    int st;

    snprintf(sentence, sizeof sentence, "%s", snnk_last_error());
    st = mpi_status(MPI_Allreduce(&mine, &worst, 1, MPI_2INT, MPI_MINLOC, g->comm));
    if (st != SNNK_OK || worst.status == SNNK_OK) return st;
    st = mpi_status(MPI_Bcast(sentence, SENTENCE_BYTES, MPI_CHAR, worst.rank, g->comm));
    if (st != SNNK_OK) return st;
    sentence[SENTENCE_BYTES - 1] = '\0';
    snprintf(all, sizeof all, "process %d: %s", worst.rank, sentence);
    return snnk_fail(worst.status, all);
}

/* ---- Messages ---- */

typedef struct message {
    void *bytes;
    size_t size;
} message;

static int allocate(size_t size, void **bytes) {
    *bytes = malloc(size);
    return *bytes ? SNNK_OK
                  : snnk_fail(SNNK_E_NOMEM, "out of memory: a message to another process");
}

static int pack(const kind *of, const void *object, message *packed) {
    int st;

    *packed = (message){NULL, 0};
    if ((st = of->saved_bytes(object, &packed->size)) != SNNK_OK) return st;
    if ((st = allocate(packed->size, &packed->bytes)) != SNNK_OK) return st;
    return of->save(object, packed->bytes, packed->size);
}

/* The size of the next piece, after `done` of `size` bytes. */
static int piece(size_t size, size_t done) {
    return (int)(size - done < PIECE_BYTES ? size - done : PIECE_BYTES);
}

static int send_bytes(const group *g, int to, const message *m) {
    const char *bytes = m->bytes;
    int code = MPI_SUCCESS;

    for (size_t done = 0; done < m->size && code == MPI_SUCCESS; done += PIECE_BYTES)
        code = MPI_Send(bytes + done, piece(m->size, done), MPI_BYTE, to, TAG_DATA, g->comm);
    return mpi_status(code);
}

static int receive_bytes(const group *g, int from, const message *m) {
    char *bytes = m->bytes;
    int code = MPI_SUCCESS;

    for (size_t done = 0; done < m->size && code == MPI_SUCCESS; done += PIECE_BYTES)
        code = MPI_Recv(bytes + done, piece(m->size, done), MPI_BYTE, from, TAG_DATA, g->comm,
                        MPI_STATUS_IGNORE);
    return mpi_status(code);
}

/* Send only when the receiver has memory for the message. Otherwise it would never receive the
 * bytes, and they would wait forever. */
static int send_object(const group *g, int to, const void *object, int status) {
    message packed = {NULL, 0};
    uint64_t size;
    int room = 0, st;

    if (status == SNNK_OK) status = pack(g->of, object, &packed);
    size = status == SNNK_OK ? packed.size : 0; /* 0: nothing follows */
    st = mpi_status(MPI_Send(&size, 1, MPI_UINT64_T, to, TAG_HEADER, g->comm));
    if (st == SNNK_OK && size > 0)
        st = mpi_status(MPI_Recv(&room, 1, MPI_INT, to, TAG_HEADER, g->comm, MPI_STATUS_IGNORE));
    if (st == SNNK_OK && room) st = send_bytes(g, to, &packed);
    free(packed.bytes);
    return status != SNNK_OK ? status : st;
}

/* Sets *received to NULL after a failure here or at the sender, which reports it. */
static int receive_object(const group *g, int from, int status, void **received) {
    message packed = {NULL, 0};
    uint64_t size = 0;
    int room, st;

    *received = NULL;
    st = mpi_status(MPI_Recv(&size, 1, MPI_UINT64_T, from, TAG_HEADER, g->comm, MPI_STATUS_IGNORE));
    if (st != SNNK_OK || size == 0) return status != SNNK_OK ? status : st;
    packed.size = (size_t)size;
    if (status == SNNK_OK && size > SIZE_MAX) /* from a process with wider sizes */
        status = snnk_fail(SNNK_E_SIZE, "the size of a message overflows size_t");
    if (status == SNNK_OK) status = allocate(packed.size, &packed.bytes);
    room = status == SNNK_OK;
    st = mpi_status(MPI_Send(&room, 1, MPI_INT, from, TAG_HEADER, g->comm));
    if (st == SNNK_OK && room) st = receive_bytes(g, from, &packed);
    if (status == SNNK_OK) status = st;
    if (status == SNNK_OK) status = g->of->load(packed.bytes, packed.size, received);
    free(packed.bytes);
    return status;
}

/* ---- The tree ---- */

/* Receive from the child at `from`, and add to *sum; if that is NULL, it becomes *sum. */
static int add_child(const group *g, int from, int status, void **sum) {
    void *received;

    status = receive_object(g, from, status, &received);
    /* Statistics of no rows must not decide between moments and a factor. */
    if (g->of->rows(received) == 0) {
        g->of->free(received);
        return status;
    }
    if (!*sum) {
        *sum = received;
        return status;
    }
    status = g->of->add(sum, received);
    g->of->free(received);
    return status;
}

/* The rank in comm of a place in the tree, whose root is place 0. */
static int rank_of(const group *g, int place) {
    return (int)(((long long)place + g->root) % g->size);
}

/* Go up the tree: collect everything below in *sum, then send it to the parent together with this
 * process's own object. At the root, *sum is the sum of all others; NULL if there are none. */
static int climb(const group *g, const void *object, void **sum) {
    const int place = (g->rank - g->root + g->size) % g->size;
    int st = SNNK_OK;

    *sum = NULL;
    for (int step = 1; step<g->size; step = step> INT_MAX / 2 ? g->size : 2 * step) {
        if (place & step) {
            if (*sum && st == SNNK_OK) st = g->of->add(sum, object);
            return send_object(g, rank_of(g, place - step), *sum ? *sum : object, st);
        }
        if (step < g->size - place) st = add_child(g, rank_of(g, place + step), st, sum);
    }
    return st;
}

/* ---- Reducing ---- */

/* Check what must be the same in every process. */
static int check_same(const group *g, const void *object) {
    uint64_t shape[3] = {g->of->features(object), g->of->outputs(object), (uint64_t)g->root};
    uint64_t first[3];
    char sentence[SENTENCE_BYTES];
    int st;

    memcpy(first, shape, sizeof first);
    if ((st = mpi_status(MPI_Bcast(first, 3, MPI_UINT64_T, 0, g->comm))) != SNNK_OK) return st;
    if (memcmp(first, shape, sizeof first) == 0) return SNNK_OK;
    if (first[2] != shape[2]) {
        snprintf(sentence, sizeof sentence, "root is %d here, and %d on process 0", g->root,
                 (int)first[2]);
        return snnk_fail(SNNK_E_RANGE, sentence);
    }
    snprintf(sentence, sizeof sentence,
             "%llu features and %llu %s here, on process 0 %llu and %llu",
             (unsigned long long)shape[0], (unsigned long long)shape[1], g->of->second,
             (unsigned long long)first[0], (unsigned long long)first[1]);
    return snnk_fail(SNNK_E_SHAPE, sentence);
}

static int check_arguments(const group *g, const void *object) {
    char sentence[SENTENCE_BYTES];

    if (!object) {
        snprintf(sentence, sizeof sentence, "%s is NULL", g->of->name);
        return snnk_fail(SNNK_E_NULL, sentence);
    }
    if (g->root >= 0 && g->root < g->size) return SNNK_OK;
    snprintf(sentence, sizeof sentence, "root = %d is not in 0 ... %d", g->root, g->size - 1);
    return snnk_fail(SNNK_E_RANGE, sentence);
}

/* Reduce, in a group whose MPI errors are returned. */
static int reduce(const group *g, void *object) {
    void *others = NULL;
    int st;

    if ((st = agree(g, check_arguments(g, object))) != SNNK_OK) return st;
    if ((st = agree(g, check_same(g, object))) != SNNK_OK) return st;
    if ((st = agree(g, climb(g, object, &others))) != SNNK_OK) goto done;
    /* All processes are done, so this is the last step that can fail, and it fails in all of
     * them. */
    if (g->rank == g->root && others) st = g->of->merge(object, others);
    st = agree(g, st);
done:
    g->of->free(others);
    return st;
}

/* Make a communicator on which errors are returned. */
static int open_group(const kind *of, MPI_Comm comm, int root, group *g) {
    int between = 0, st;

    *g = (group){.of = of, .comm = MPI_COMM_NULL, .root = root, .size = 1};
    if ((st = mpi_status(MPI_Comm_test_inter(comm, &between))) != SNNK_OK) return st;
    if (between) return snnk_fail(SNNK_E_UNSUPPORTED, "comm is an intercommunicator");
    if ((st = mpi_status(MPI_Comm_dup(comm, &g->comm))) != SNNK_OK) return st;
    st = mpi_status(MPI_Comm_set_errhandler(g->comm, MPI_ERRORS_RETURN));
    if (st == SNNK_OK) st = mpi_status(MPI_Comm_rank(g->comm, &g->rank));
    if (st == SNNK_OK) st = mpi_status(MPI_Comm_size(g->comm, &g->size));
    return st;
}

static int reduce_kind(const kind *of, void *object, MPI_Comm comm, int root) {
    int begun = 0, ended = 0, st;
    group g;

    MPI_Initialized(&begun);
    MPI_Finalized(&ended);
    if (!begun || ended)
        return snnk_fail(SNNK_E_STATE, "MPI has not been initialised, or is finalised already");
    if (comm == MPI_COMM_NULL) return snnk_fail(SNNK_E_NULL, "comm is MPI_COMM_NULL");
    st = open_group(of, comm, root, &g);
    if (st == SNNK_OK) st = reduce(&g, object);
    if (g.comm != MPI_COMM_NULL) MPI_Comm_free(&g.comm);
    return st;
}

/* ---- Statistics ---- */

static size_t lstsq_features(const void *lstsq) { return snnk_lstsq_features(lstsq); }
static size_t lstsq_targets(const void *lstsq) { return snnk_lstsq_targets(lstsq); }
static uint64_t lstsq_rows(const void *lstsq) { return snnk_lstsq_rows(lstsq); }
static void lstsq_free(void *lstsq) { snnk_lstsq_free(lstsq); }

static int lstsq_saved_bytes(const void *lstsq, size_t *bytes) {
    return snnk_lstsq_saved_bytes(lstsq, bytes);
}

static int lstsq_save(const void *lstsq, void *buffer, size_t bytes) {
    return snnk_lstsq_save_memory(lstsq, buffer, bytes);
}

static int lstsq_load(const void *buffer, size_t bytes, void **object) {
    snnk_lstsq *lstsq;
    const int st = snnk_lstsq_load_memory(buffer, bytes, NULL, &lstsq);

    *object = lstsq;
    return st;
}

static int lstsq_merge(void *lstsq, const void *other) { return snnk_lstsq_merge(lstsq, other); }

/* Add next to *sum; the result has moments if one of them has moments. */
static int lstsq_add(void **sum, const void *next) {
    char before[SENTENCE_BYTES];
    snnk_lstsq *moments;
    int st;

    snprintf(before, sizeof before, "%s", snnk_last_error());
    st = snnk_lstsq_merge(*sum, next);
    if (st != SNNK_E_UNSUPPORTED) return st;
    /* Moments cannot be merged into a factor, but moments, even of no rows, can take both. */
    st = snnk_lstsq_create(snnk_lstsq_features(next), snnk_lstsq_targets(next), NULL, &moments);
    if (st != SNNK_OK) return st;
    st = snnk_lstsq_merge(moments, *sum);
    if (st == SNNK_OK) st = snnk_lstsq_merge(moments, next);
    if (st != SNNK_OK) {
        snnk_lstsq_free(moments);
        return st;
    }
    snnk_lstsq_free(*sum);
    *sum = moments;
    return snnk_fail(SNNK_OK, before); /* the sentence is unchanged */
}

int snnk_lstsq_reduce_mpi(snnk_lstsq *lstsq, MPI_Comm comm, int root) {
    static const kind statistics = {"lstsq",     "targets",         lstsq_features, lstsq_targets,
                                    lstsq_rows,  lstsq_saved_bytes, lstsq_save,     lstsq_load,
                                    lstsq_merge, lstsq_add,         lstsq_free};

    return reduce_kind(&statistics, lstsq, comm, root);
}

/* ---- Fits ---- */

static size_t fit_features(const void *fit) { return snnk_fit_features(fit); }
static size_t fit_outputs(const void *fit) { return snnk_fit_outputs(fit); }
static uint64_t fit_rows(const void *fit) { return snnk_fit_rows(fit); }
static void fit_free(void *fit) { snnk_fit_free(fit); }

static int fit_saved_bytes(const void *fit, size_t *bytes) {
    return snnk_fit_saved_bytes(fit, bytes);
}

static int fit_save(const void *fit, void *buffer, size_t bytes) {
    return snnk_fit_save_memory(fit, buffer, bytes);
}

static int fit_load(const void *buffer, size_t bytes, void **object) {
    snnk_fit *fit;
    const int st = snnk_fit_load_memory(buffer, bytes, NULL, &fit);

    *object = fit;
    return st;
}

static int fit_merge(void *fit, const void *other) { return snnk_fit_merge(fit, other, NULL); }
static int fit_add(void **sum, const void *next) { return snnk_fit_merge(*sum, next, NULL); }

int snnk_fit_reduce_mpi(snnk_fit *fit, MPI_Comm comm, int root) {
    static const kind fits = {"fit",     "outputs",       fit_features, fit_outputs,
                              fit_rows,  fit_saved_bytes, fit_save,     fit_load,
                              fit_merge, fit_add,         fit_free};

    return reduce_kind(&fits, fit, comm, root);
}
