#include "train/redraw.h"

#include <string.h>

#include "base/random.h"
#include "base/size.h"
#include "base/workspace.h"
#include "train/readout.h"

/* A layer whose rows were drawn again. */
typedef struct redrawn {
    snnk__run *run;
    size_t k;
    snnk_network *below; /* the layers before it; empty for the first */
    snnk_layer *before;  /* with its old rows */
    float *H, *Y;        /* a batch: its inputs, and its outputs of before */
    snnk_fit *fit;       /* of the new features to the old outputs */
} redrawn;

static void redrawn_close(redrawn *r) {
    const snnk_allocator *allocator = &r->run->trainer->allocator;

    snnk_network_free(r->below);
    snnk_layer_free(r->before);
    snnk__free(allocator, r->H);
    snnk__free(allocator, r->Y);
    snnk_fit_free(r->fit);
}

static int make_layers(redrawn *r) {
    const snnk_trainer *trainer = r->run->trainer;
    int st = snnk_network_create(&trainer->allocator, &r->below);

    for (size_t k = 0; st == SNNK_OK && k <= r->k; k++) {
        snnk_layer *layer = NULL;

        st = trainer->learners[k]->form->layer(trainer->learners[k], &layer);
        if (st == SNNK_OK && k < r->k) st = snnk_network_append(r->below, layer);
        if (st == SNNK_OK && k == r->k) r->before = snnk_layer_retain(layer);
        snnk_layer_free(layer);
    }
    return st;
}

static int make_room(redrawn *r) {
    const snnk_allocator *allocator = &r->run->trainer->allocator;
    const size_t n = r->run->train.batch;
    size_t inputs, outputs;
    int st;

    if (!snnk__mul_size(n, snnk_layer_inputs(r->before), &inputs) ||
        !snnk__mul_size(n, snnk_layer_outputs(r->before), &outputs))
        return snnk__fail(SNNK_E_SIZE, "a batch of %zu rows overflows size_t", n);
    st = snnk__alloc(allocator, inputs, sizeof *r->H, "rows", &r->H);
    return st == SNNK_OK ? snnk__alloc(allocator, outputs, sizeof *r->Y, "outputs", &r->Y) : st;
}

static uint64_t seed_of(const snnk_trainer *trainer, size_t k) {
    double u;

    snnk__random_uniform(trainer->config.seed, SNNK__STREAM_REDRAW, trainer->n_epochs, (uint32_t)k,
                         1, &u);
    return (uint64_t)(u * 0x1p53);
}

/* Draw the rows, and create a fit of their features. */
static int draw(redrawn *r) {
    const snnk_trainer *trainer = r->run->trainer;
    snnk__learner *learner = trainer->learners[r->k];
    snnk_layer *layer = NULL;
    snnk_fit_config config;
    int st;

    st = learner->form->redraw(learner, seed_of(trainer, r->k));
    if (st != SNNK_OK) return st;
    if ((st = snnk_fit_config_init(&config, sizeof config)) != SNNK_OK) return st;
    config.center = 0; /* the layer's own features */
    st = learner->form->layer(learner, &layer);
    if (st == SNNK_OK)
        st = snnk_fit_create(snnk_layer_map(layer), learner->outputs, &config, &r->fit);
    snnk_layer_free(layer);
    return st;
}

static int add_batch(redrawn *r, const snnk__batch *batch) {
    snnk_workspace *workspace = r->run->workspace;
    const size_t d = snnk_layer_inputs(r->before), l = snnk_layer_outputs(r->before);
    const float *X = r->k > 0 ? r->H : batch->X;
    int st = SNNK_OK;

    if (r->k > 0)
        st = snnk_network_forward(r->below, batch->n, batch->X, r->run->train.inputs, r->H, d,
                                  workspace);
    if (st == SNNK_OK) st = snnk_layer_forward(r->before, batch->n, X, d, r->Y, l, workspace);
    if (st != SNNK_OK) return st;
    return snnk_fit_add(r->fit,
                        SNNK_ROWS(.n = batch->n, .X = X, .ldx = d, .Y = r->Y, .ldy = l,
                                  .weights = batch->targets.weights),
                        workspace);
}

static int add_rows(redrawn *r) {
    const snnk__batch *batch;
    int st;

    snnk__batches_begin(&r->run->train, 0, false);
    for (;;) {
        if ((st = snnk__batches_next(&r->run->train, &batch)) != SNNK_OK) return st;
        if (!batch) return SNNK_OK;
        if ((st = add_batch(r, batch)) != SNNK_OK) return st;
    }
}

/* The old gradients say nothing about the new Psi. Their squares have the same size. */
static void forget_means(const snnk_trainer *trainer, size_t k) {
    for (size_t s = 0; s < trainer->n_slots; s++) {
        const snnk__slot *slot = &trainer->slots[s];

        if (slot->layer == k) memset(slot->mean, 0, slot->parameter->count * sizeof *slot->mean);
    }
}

static int redraw_layer(snnk__run *run, size_t k) {
    redrawn r = {.run = run, .k = k};
    int st = make_layers(&r);

    if (st == SNNK_OK) st = make_room(&r);
    if (st == SNNK_OK) st = draw(&r);
    if (st == SNNK_OK) st = add_rows(&r);
    if (st == SNNK_OK) st = snnk__readout_take(run, k, r.fit);
    if (st == SNNK_OK) forget_means(run->trainer, k);
    redrawn_close(&r);
    return st == SNNK_OK ? st : snnk__fail_within(st, "layer %zu, with new rows", k);
}

int snnk__redraw(snnk__run *run) {
    const snnk_trainer *trainer = run->trainer;
    snnk__work work;
    int st = SNNK_OK;

    snnk__work_begin(run->workspace, 0, &work); /* it may be cancelled, but counts as no progress */
    for (size_t k = 0; st == SNNK_OK && k < trainer->n_layers; k++)
        if (snnk__trainer_draws(trainer, k)) st = redraw_layer(run, k);
    snnk__work_end(&work);
    return st;
}
