#include "train/passes.h"

#include "base/overlap.h"
#include "base/size.h"

/* ---- Records ---- */

int snnk_record_create(const snnk_trainer *trainer, snnk_record **record) {
    snnk_record *made;
    int st;

    if ((st = snnk__check_pointer(record, "record")) != SNNK_OK) return st;
    *record = NULL;
    if ((st = snnk__check_pointer(trainer, "trainer")) != SNNK_OK) return st;
    st = snnk__alloc_zero(&trainer->allocator, 1, sizeof *made, "a record", &made);
    if (st != SNNK_OK) return st;
    made->allocator = trainer->allocator;
    *record = made;
    return SNNK_OK;
}

void snnk_record_free(snnk_record *record) {
    if (!record) return;
    const snnk_allocator allocator = record->allocator;

    snnk__free(&allocator, record->floats);
    snnk__free(&allocator, record->scratch);
    snnk__free(&allocator, record);
}

/* Make room for n rows of `floats` each. What was there is lost. */
static int make_room(const snnk_allocator *allocator, size_t n, size_t floats, float **block,
                     size_t *room) {
    size_t count;
    int st;

    if (!snnk__mul_size(n, floats, &count))
        return snnk__fail(SNNK_E_SIZE, "%zu rows of %zu numbers overflow size_t", n, floats);
    if (count <= *room) return SNNK_OK;
    snnk__free(allocator, *block);
    *room = 0;
    if ((st = snnk__alloc(allocator, count, sizeof **block, "a record", block)) != SNNK_OK)
        return st;
    *room = count;
    return SNNK_OK;
}

/* Where layer k keeps its outputs, and its record, in n rows. The outputs of the last layer are
 * the caller's. */
static float *place_of(const snnk_trainer *trainer, const snnk_record *record, size_t n, size_t k,
                       float **kept) {
    float *at = record->floats;

    for (size_t j = 0; j < k; j++)
        at += n * (trainer->learners[j]->outputs + trainer->learners[j]->record);
    *kept = at + n * trainer->learners[k]->outputs;
    return at;
}

/* ---- Forward ---- */

/* Rows that pass together where nothing is to be kept. */
enum { UNRECORDED = 1024 };

int snnk__passes_forward(const snnk_trainer *trainer, size_t first, size_t n, const float *X,
                         size_t ldx, float *Y, size_t ldy, snnk_record *record,
                         snnk_workspace *workspace) {
    int st;

    record->filled = false;
    st = make_room(&record->allocator, n, trainer->record, &record->floats, &record->room);
    for (size_t k = 0; st == SNNK_OK && k < trainer->n_layers; k++) {
        const snnk__learner *learner = trainer->learners[k];
        const bool last = k + 1 == trainer->n_layers;
        snnk__pass pass = {.n = n, .X = X, .ldx = ldx, .workspace = workspace};
        float *hidden = place_of(trainer, record, n, k, &pass.record);
        float *to = last ? Y : hidden;
        const size_t ld = last ? ldy : learner->outputs;

        st = k < first ? snnk_layer_forward(trainer->start->layers[k], n, X, ldx, to, ld, workspace)
                       : learner->form->forward(learner, &pass, to, ld);
        X = to;
        ldx = ld;
    }
    if (st != SNNK_OK) return st;
    record->n = n;
    record->serial = trainer->serial;
    record->steps = trainer->steps;
    record->filled = true;
    return SNNK_OK;
}

int snnk_trainer_forward(snnk_trainer *trainer, size_t n, const float *X, size_t ldx, float *Y,
                         size_t ldy, snnk_record *record, snnk_workspace *workspace) {
    snnk_record *own = NULL;
    int st;

    if ((st = snnk__check_pointer(trainer, "trainer")) != SNNK_OK) return st;
    const size_t d = snnk_network_inputs(trainer->start), l = snnk_network_outputs(trainer->start);

    if ((st = snnk__check_matrix(X, "X", n, d, ldx, sizeof *X)) != SNNK_OK) return st;
    if ((st = snnk__check_matrix(Y, "Y", n, l, ldy, sizeof *Y)) != SNNK_OK) return st;
    const snnk__operand arrays[] = {SNNK__READ(X, n, d, ldx), SNNK__WRITTEN(Y, n, l, ldy)};

    if ((st = snnk__check_overlap(2, arrays)) != SNNK_OK) return st;
    if (record) return snnk__passes_forward(trainer, 0, n, X, ldx, Y, ldy, record, workspace);
    if ((st = snnk_record_create(trainer, &own)) != SNNK_OK) return st;
    for (size_t i = 0; st == SNNK_OK && i < n; i += UNRECORDED)
        st = snnk__passes_forward(trainer, 0, snnk__min_size(UNRECORDED, n - i), X + i * ldx, ldx,
                                  Y + i * ldy, ldy, own, workspace);
    snnk_record_free(own);
    return st;
}

/* ---- Backward ---- */

int snnk__passes_backward(const snnk_trainer *trainer, size_t first, snnk_record *record,
                          const float *X, size_t ldx, const float *dY, size_t lddy, float *dX,
                          size_t lddx, snnk_workspace *workspace) {
    const size_t n = record->n;
    size_t floats;
    int st;

    if (!snnk__mul_size(trainer->widest, 2, &floats) ||
        !snnk__add_size(floats, trainer->scratch, &floats))
        return snnk__fail(SNNK_E_SIZE, "rows of %zu numbers overflow size_t", trainer->widest);
    st = make_room(&record->allocator, n, floats, &record->scratch, &record->scratch_room);
    if (st != SNNK_OK) return st;
    float *const scratch = record->scratch + 2 * n * trainer->widest;

    for (size_t k = trainer->n_layers; st == SNNK_OK && k-- > first;) {
        const snnk__learner *learner = trainer->learners[k];
        snnk__pass pass = {.n = n, .X = X, .ldx = ldx, .workspace = workspace};
        float *back = record->scratch + k % 2 * n * trainer->widest, *unused;

        place_of(trainer, record, n, k, &pass.record);
        if (k > 0) {
            pass.ldx = trainer->learners[k - 1]->outputs;
            pass.X = place_of(trainer, record, n, k - 1, &unused);
        }
        const size_t ld = k == 0 ? lddx : learner->inputs;

        if (k == 0 || k == first) back = dX;
        st = learner->form->backward(learner, &pass, dY, lddy, back, ld, scratch);
        dY = back;
        lddy = ld;
    }
    return st;
}

int snnk_trainer_backward(snnk_trainer *trainer, snnk_record *record, const float *X, size_t ldx,
                          const float *dY, size_t lddy, float *dX, size_t lddx,
                          snnk_workspace *workspace) {
    int st;

    if ((st = snnk__check_pointer(trainer, "trainer")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(record, "record")) != SNNK_OK) return st;
    if (!record->filled)
        return snnk__fail(SNNK_E_STATE, "the record has no forward pass to go back through");
    if (record->serial != trainer->serial)
        return snnk__fail(SNNK_E_STATE, "the record is of a forward pass of another trainer");
    if (record->steps != trainer->steps)
        return snnk__fail(SNNK_E_STATE,
                          "the forward pass was made after %llu steps, but now %llu were made",
                          (unsigned long long)record->steps, (unsigned long long)trainer->steps);
    const size_t n = record->n, d = snnk_network_inputs(trainer->start),
                 l = snnk_network_outputs(trainer->start);

    if ((st = snnk__check_matrix(X, "X", n, d, ldx, sizeof *X)) != SNNK_OK) return st;
    if ((st = snnk__check_matrix(dY, "dY", n, l, lddy, sizeof *dY)) != SNNK_OK) return st;
    if (dX && (st = snnk__check_matrix(dX, "dX", n, d, lddx, sizeof *dX)) != SNNK_OK) return st;
    const snnk__operand arrays[] = {SNNK__READ(X, n, d, ldx), SNNK__READ(dY, n, l, lddy),
                                    SNNK__WRITTEN(dX, n, d, lddx)};

    if ((st = snnk__check_overlap(3, arrays)) != SNNK_OK) return st;
    return snnk__passes_backward(trainer, dX ? 0 : trainer->first_learning, record, X, ldx, dY,
                                 lddy, dX, lddx, workspace);
}
