#include "train/trainer.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/overlap.h"
#include "base/size.h"
#include "train/lbfgs_history.h"

/* ---- Creating and freeing ---- */

static void free_slots(const snnk_allocator *allocator, size_t n, snnk__slot *slots) {
    for (size_t s = 0; s < n; s++) {
        snnk__free(allocator, slots[s].mean);
        snnk__free(allocator, slots[s].square);
        snnk__free(allocator, slots[s].best);
    }
    snnk__free(allocator, slots);
}

void snnk_trainer_free(snnk_trainer *trainer) {
    if (!trainer) return;
    const snnk_allocator allocator = trainer->allocator;

    for (size_t k = 0; trainer->learners && k < trainer->n_layers; k++)
        snnk__learner_free(trainer->learners[k]);
    free_slots(&allocator, trainer->n_slots, trainer->slots);
    snnk__free(&allocator, trainer->learners);
    snnk__free(&allocator, trainer->learn);
    snnk__free(&allocator, trainer->epochs);
    snnk__free(&allocator, trainer->mark);
    snnk__lbfgs_free(&allocator, trainer->lbfgs);
    snnk_network_free(trainer->start);
    snnk__free(&allocator, trainer);
}

/* Copy a network, sharing its layers, notes and encoder, but not what depends on its numbers. */
static int copy_network(const snnk_network *network, const snnk_allocator *allocator,
                        snnk_network **copy) {
    snnk_network *made;
    int st = snnk_network_create(allocator, &made);

    for (size_t k = 0; st == SNNK_OK && k < network->n_layers; k++)
        st = snnk_network_append(made, network->layers[k]);
    if (st == SNNK_OK) st = snnk__network_copy_notes(network, made);
    if (st != SNNK_OK) {
        snnk_network_free(made);
        return st;
    }
    snnk_uncertainty_free(made->uncertainty);
    made->uncertainty = NULL;
    *copy = made;
    return SNNK_OK;
}

/* Collect the arrays that learn, of all layers. */
static int collect_slots(snnk_trainer *trainer) {
    size_t n = 0;
    snnk__slot *slots;
    int st;

    for (size_t k = 0; k < trainer->n_layers; k++) n += trainer->learners[k]->n_parameters;
    st = snnk__alloc_zero(&trainer->allocator, n, sizeof *slots, "arrays that learn", &slots);
    if (st != SNNK_OK) return st;
    n = 0;
    for (size_t k = 0; k < trainer->n_layers; k++)
        for (size_t p = 0; p < trainer->learners[k]->n_parameters; p++)
            slots[n++] = (snnk__slot){
                .parameter = &trainer->learners[k]->parameters[p], .layer = k, .size = 1};
    snnk__free(&trainer->allocator, trainer->slots);
    trainer->slots = slots;
    trainer->n_slots = n;
    return SNNK_OK;
}

/* Count what depends on which layers learn. */
static int count_sizes(snnk_trainer *trainer) {
    trainer->first_learning = trainer->n_layers;
    trainer->record = trainer->scratch = trainer->widest = 0;
    for (size_t k = trainer->n_layers; k-- > 0;) {
        const snnk__learner *learner = trainer->learners[k];

        if (learner->n_parameters > 0) trainer->first_learning = k;
        if (k > 0) trainer->widest = snnk__max_size(trainer->widest, learner->inputs);
        trainer->scratch = snnk__max_size(trainer->scratch, learner->scratch);
        if (!snnk__add_size(trainer->record, learner->record, &trainer->record) ||
            !snnk__add_size(trainer->record, learner->outputs, &trainer->record))
            return snnk__fail(SNNK_E_SIZE, "the rows of all layers overflow size_t");
    }
    return SNNK_OK;
}

bool snnk__trainer_draws(const snnk_trainer *trainer, size_t k) {
    return trainer->config.redraw > 0 && snnk__parts_has(trainer->learn[k], SNNK_PART_WEIGHTS) &&
           snnk__parts_has(trainer->learn[k], SNNK_PART_BIAS) &&
           snnk__layer_is_drawn(trainer->start->layers[k]);
}

/* Make the learner of layer k, for the parts that learn. */
static int make_learner(const snnk_trainer *trainer, size_t k, snnk__learner **learner) {
    const snnk__parts drawn = snnk__trainer_draws(trainer, k) ? SNNK__PARTS_DRAWN : 0;

    return snnk__learner_create(trainer->start->layers[k], trainer->learn[k] | drawn,
                                snnk__trainer_products(trainer), &trainer->allocator, learner);
}

int32_t snnk__trainer_products(const snnk_trainer *trainer) {
    return snnk__narrow_get()->correlate ? trainer->config.products : SNNK_STORAGE_F32;
}

/* The rate of an array by the config. */
static double default_factor(const snnk_trainer *trainer, const snnk__parameter *p) {
    const snnk__layer_kind *kind = p->layer->kind;

    if (p->part == SNNK_PART_ROWS || p->part == SNNK_PART_OFFSETS) return trainer->config.rows_rate;
    return kind->map && kind->weights ? trainer->config.snnk_rate : 1;
}

static int create_learners(snnk_trainer *trainer) {
    const snnk_network *start = trainer->start;
    const snnk_allocator *allocator = &trainer->allocator;
    const snnk__parts rows = 1U << SNNK_PART_ROWS | 1U << SNNK_PART_OFFSETS;
    int st;

    st = snnk__alloc_zero(allocator, trainer->n_layers, sizeof *trainer->learners, "layers",
                          &trainer->learners);
    if (st != SNNK_OK) return st;
    st = snnk__alloc_zero(allocator, trainer->n_layers, sizeof *trainer->learn, "layers",
                          &trainer->learn);
    for (size_t k = 0; st == SNNK_OK && k < trainer->n_layers; k++) {
        const snnk_layer *layer = start->layers[k];

        if (trainer->config.rows_rate > 0 && (st = snnk__layer_check_rows(layer)) != SNNK_OK)
            return snnk__fail_within(st, "layer %zu", k);
        trainer->learn[k] = layer->storage == SNNK_STORAGE_F32 ? snnk__layer_parts(layer) : 0;
        if (trainer->config.rows_rate == 0) trainer->learn[k] &= ~rows;
        st = make_learner(trainer, k, &trainer->learners[k]);
        if (st != SNNK_OK) snnk__fail_within(st, "layer %zu", k);
    }
    return st;
}

static int check_redraw(const snnk_trainer *trainer) {
    bool draws = trainer->config.redraw == 0;

    for (size_t k = 0; k < trainer->n_layers; k++) draws |= snnk__trainer_draws(trainer, k);
    if (draws) return SNNK_OK;
    return snnk__fail(SNNK_E_UNSUPPORTED,
                      "redraw = %llu, but no layer has rows that can be drawn again: they were "
                      "given, learned or folded, or are HD3 rows or of spectral features",
                      (unsigned long long)trainer->config.redraw);
}

/* Numbers of trainers, so that a record knows its own. */
static atomic_uint_fast64_t serials = 1;

int snnk_trainer_create(const snnk_network *network, const snnk_train_config *config,
                        snnk_trainer **trainer) {
    snnk_train_config ours;
    snnk_allocator allocator;
    snnk_trainer *made;
    int st;

    if ((st = snnk__check_pointer(trainer, "trainer")) != SNNK_OK) return st;
    *trainer = NULL;
    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    if ((st = snnk__train_config_read(config, &ours)) != SNNK_OK) return st;
    if (network->n_layers == 0) return snnk__fail(SNNK_E_STATE, "the network has 0 layers");
    st = snnk__allocator_read(&allocator, ours.allocator ? ours.allocator : &network->allocator);
    if (st != SNNK_OK) return st;
    st = snnk__alloc_zero(&allocator, 1, sizeof *made, "a trainer", &made);
    if (st != SNNK_OK) return st;
    made->allocator = allocator;
    made->config = ours;
    made->config.allocator = NULL;
    made->n_layers = network->n_layers;
    made->best_loss = NAN;
    made->serial = atomic_fetch_add(&serials, 1);
    if ((st = copy_network(network, &allocator, &made->start)) != SNNK_OK) goto done;
    if ((st = create_learners(made)) != SNNK_OK) goto done;
    if ((st = collect_slots(made)) != SNNK_OK) goto done;
    if ((st = count_sizes(made)) != SNNK_OK) goto done;
    for (size_t k = made->first_learning + 1; k < made->n_layers; k++)
        if ((st = snnk__layer_check_gradient(made->start->layers[k])) != SNNK_OK) goto done;
    if (made->n_slots == 0) {
        st = snnk__fail(SNNK_E_UNSUPPORTED,
                        "nothing in this network can learn: its layers are in narrow storage, or "
                        "have no weights (towers, whose rows learn with rows_rate above 0)");
        goto done;
    }
    for (size_t s = 0; s < made->n_slots; s++)
        made->slots[s].factor = default_factor(made, made->slots[s].parameter);
    if ((st = check_redraw(made)) != SNNK_OK) goto done;
    *trainer = made;
    made = NULL;
done:
    snnk_trainer_free(made);
    return st;
}

/* ---- Rates of parts ---- */

static int check_factor(const snnk_trainer *trainer, size_t layer, int32_t part, double factor) {
    int st;

    if ((st = snnk__check_pointer(trainer, "trainer")) != SNNK_OK) return st;
    if (layer >= trainer->n_layers)
        return snnk__fail(SNNK_E_RANGE, "layer = %zu, but the network has %zu layers", layer,
                          trainer->n_layers);
    if (part != -1 && !snnk_layer_part_name(part))
        return snnk__fail(SNNK_E_ENUM, "part = %d is not an snnk_layer_part, and not -1",
                          (int)part);
    if ((st = snnk__check_within(factor, 0, 1e30, "factor")) != SNNK_OK) return st;
    if (trainer->steps > 0)
        return snnk__fail(SNNK_E_STATE,
                          "rates of parts must be set before the first step, but "
                          "%llu steps were made",
                          (unsigned long long)trainer->steps);
    const snnk_layer *of = trainer->start->layers[layer];

    if (trainer->config.redraw > 0 && factor > 0 &&
        (part == SNNK_PART_ROWS || part == SNNK_PART_OFFSETS))
        return snnk__fail(SNNK_E_UNSUPPORTED,
                          "the %s of layer %zu cannot learn with redraw = %llu, which draws them "
                          "again",
                          snnk_layer_part_name(part), layer,
                          (unsigned long long)trainer->config.redraw);
    if (part != -1 && factor > 0 && !snnk__parts_has(snnk__layer_parts(of), part))
        return snnk__fail(SNNK_E_UNSUPPORTED, "layer %zu, a %s layer, has no %s that can learn",
                          layer, of->kind->name, snnk_layer_part_name(part));
    return SNNK_OK;
}

/* Make the learner of a layer again, so that these parts learn; keep the factors of all arrays. */
static int change_learner(snnk_trainer *trainer, size_t k, snnk__parts learn) {
    snnk__learner *made = NULL, *before = trainer->learners[k];
    snnk__slot *slots = trainer->slots;
    const snnk__parts learnt = trainer->learn[k];
    const size_t n = trainer->n_slots;
    int st;

    trainer->learn[k] = learn;
    if ((st = make_learner(trainer, k, &made)) == SNNK_OK) {
        trainer->learners[k] = made;
        trainer->slots = NULL;
        st = collect_slots(trainer);
    }
    if (st != SNNK_OK) {
        trainer->learn[k] = learnt;
        trainer->learners[k] = before;
        trainer->slots = slots;
        snnk__learner_free(made);
        return st;
    }
    for (size_t s = 0; s < trainer->n_slots; s++) {
        snnk__slot *slot = &trainer->slots[s];

        for (size_t old = 0; old < n; old++)
            if (slots[old].parameter->layer == slot->parameter->layer &&
                slots[old].layer == slot->layer &&
                slots[old].parameter->part == slot->parameter->part &&
                slots[old].parameter->block == slot->parameter->block)
                slot->factor = slots[old].factor;
    }
    trainer->has_best = false; /* a step that was refused may have left a state, of zeros */
    snnk__learner_free(before);
    free_slots(&trainer->allocator, n, slots);
    /* And what depends on how many numbers learn. */
    snnk__free(&trainer->allocator, trainer->mark);
    snnk__lbfgs_free(&trainer->allocator, trainer->lbfgs);
    trainer->mark = NULL;
    trainer->lbfgs = NULL;
    return count_sizes(trainer);
}

int snnk_trainer_set_rate(snnk_trainer *trainer, size_t layer, int32_t part, double factor) {
    int st;

    if ((st = check_factor(trainer, layer, part, factor)) != SNNK_OK) return st;
    const snnk__parts which = part == -1 ? ~0U : 1U << (uint32_t)part;
    snnk__parts learn = trainer->learn[layer];

    if (part == -1 && factor > 0 && learn == 0)
        return snnk__fail(SNNK_E_UNSUPPORTED,
                          "no part of layer %zu learns, so -1 names none: name the part that shall "
                          "learn",
                          layer);
    if (factor == 0) learn &= ~which;
    if (factor > 0 && part != -1) learn |= which;
    if (learn != trainer->learn[layer] && (st = change_learner(trainer, layer, learn)) != SNNK_OK)
        return st;
    for (size_t s = 0; s < trainer->n_slots; s++) {
        snnk__slot *slot = &trainer->slots[s];

        if (slot->layer == layer && snnk__parts_has(which, slot->parameter->part))
            slot->factor = factor;
    }
    return SNNK_OK;
}

int snnk_trainer_set_callbacks(snnk_trainer *trainer, snnk_train_loss loss_function,
                               int (*after_epoch)(void *user, const snnk_trainer *trainer),
                               void *user) {
    int st;

    if ((st = snnk__check_pointer(trainer, "trainer")) != SNNK_OK) return st;
    if (trainer->config.loss == SNNK_LOSS_USER && !loss_function)
        return snnk__fail(SNNK_E_NULL, "loss_function is NULL, but the loss is your own");
    trainer->config.loss_function = loss_function;
    trainer->config.after_epoch = after_epoch;
    trainer->config.user = user;
    return SNNK_OK;
}

uint64_t snnk_trainer_parameters(const snnk_trainer *trainer) {
    uint64_t n = 0;

    for (size_t s = 0; trainer && s < trainer->n_slots; s++)
        if (!trainer->slots[s].parameter->drawn) n += trainer->slots[s].parameter->count;
    return n;
}

double snnk_trainer_gradient_length(const snnk_trainer *trainer) {
    return trainer ? snnk__gradient_length(trainer->n_slots, trainer->slots, 1, NULL) : 0;
}

/* ---- Steps ---- */

/* With relative rates, an array moves by a share of the size of its part, over all blocks of a map;
 * a bias and offsets by that of the weights and rows beside them, learning or not, as if they were
 * weights of a constant input. A gain, which begins at 0, and arrays of zeros have size 1. */
static void set_sizes(snnk_trainer *trainer) {
    for (size_t s = 0; trainer->config.relative && s < trainer->n_slots; s++) {
        snnk__slot *slot = &trainer->slots[s];

        slot->size = snnk__layer_size(slot->parameter->layer, slot->parameter->part);
        if (slot->size == 0) slot->size = 1;
    }
}

/* Allocate n zeros for each number of an array, unless they are there. */
static int alloc_state(const snnk_allocator *allocator, bool needed, size_t n, const char *what,
                       float **state) {
    if (!needed || *state) return SNNK_OK;
    return snnk__alloc_zero(allocator, n, sizeof **state, what, state);
}

int snnk__trainer_prepare(snnk_trainer *trainer) {
    const snnk_allocator *allocator = &trainer->allocator;
    const bool squares = trainer->config.optimizer == SNNK_OPTIMIZER_ADAM ||
                         trainer->config.optimizer == SNNK_OPTIMIZER_ADAMW,
               means = squares || trainer->config.optimizer == SNNK_OPTIMIZER_SGD;
    size_t floats = 0;
    int st;

    if (trainer->n_slots == 0)
        return snnk__fail(SNNK_E_UNSUPPORTED,
                          "every part of the network is frozen: nothing learns");
    if (trainer->steps == 0) set_sizes(trainer);
    for (size_t s = 0; s < trainer->n_slots; s++) {
        snnk__slot *slot = &trainer->slots[s];
        const size_t n = slot->parameter->count;

        if ((st = alloc_state(allocator, means, n, "moments", &slot->mean)) != SNNK_OK) return st;
        st = alloc_state(allocator, squares, n, "moments", &slot->square);
        if (st != SNNK_OK) return st;
        st = alloc_state(allocator, true, n, "the best numbers", &slot->best);
        if (st != SNNK_OK) return st;
    }
    if (trainer->mark) return SNNK_OK;
    for (size_t s = 0; s < trainer->n_slots; s++)
        if (!snnk__add_size(floats, trainer->slots[s].parameter->count, &floats)) floats = SIZE_MAX;
    if (!snnk__mul_size(floats, 1 + (size_t)means + (size_t)squares, &floats))
        return snnk__fail(SNNK_E_SIZE, "%llu numbers that learn overflow size_t",
                          (unsigned long long)snnk_trainer_parameters(trainer));
    return snnk__alloc(allocator, floats, sizeof *trainer->mark, "numbers to return to",
                       &trainer->mark);
}

void snnk__trainer_refresh(snnk_trainer *trainer, snnk_workspace *workspace) {
    for (size_t k = 0; k < trainer->n_layers; k++)
        if (trainer->learners[k]->n_parameters > 0)
            trainer->learners[k]->form->refresh(trainer->learners[k], workspace);
}

void snnk__trainer_forget_gradients(snnk_trainer *trainer) {
    for (size_t s = 0; s < trainer->n_slots; s++) {
        const snnk__parameter *p = trainer->slots[s].parameter;

        memset(p->gradient, 0, p->count * sizeof *p->gradient);
    }
}

/* The squares of gradients, and the numbers that a step computes, must stay in float. */
static const double largest_length = 1e18, largest_rate = 1e30;

/* Also checks that infinity times a gradient of 0 does not make NaN of a number. */
static int check_rates(const snnk_trainer *trainer, double factor) {
    const snnk_train_config *config = &trainer->config;

    for (size_t s = 0; s < trainer->n_slots; s++) {
        const double rate =
                         config->rate * trainer->slots[s].factor * trainer->slots[s].size * factor,
                     largest = rate * fmax(config->weight_decay, 1 / (1 - config->momentum));

        if (largest <= largest_rate) continue;
        return snnk__fail(SNNK_E_RANGE,
                          "factor = %g makes the rate of layer %zu %g: its product with the weight "
                          "decay, or with 1/(1 - momentum), must be at most %g",
                          factor, trainer->slots[s].layer, rate, largest_rate);
    }
    return SNNK_OK;
}

/* Limit the length of the gradient by `clip`; forget the gradient if it is not usable. */
static int clip_gradients(snnk_trainer *trainer, double *scale, snnk_workspace *workspace) {
    const double clip = trainer->config.clip;
    const unsigned long long step = (unsigned long long)trainer->steps + 1;
    double length = snnk__gradient_length(trainer->n_slots, trainer->slots, *scale, workspace);

    if (isfinite(length) && clip > 0 && length > clip) {
        *scale *= clip / length;
        length = clip;
    }
    if (length <= largest_length) return SNNK_OK;
    snnk__trainer_forget_gradients(trainer);
    if (isfinite(length))
        return snnk__fail(
            SNNK_E_NONFINITE,
            "the gradient of step %llu has length %g, whose square overflows float: a "
            "smaller rate, or clip, may help",
            step, length);
    return snnk__fail(SNNK_E_NONFINITE,
                      "a gradient of step %llu is not finite: a smaller rate may help", step);
}

int snnk_trainer_step(snnk_trainer *trainer, double scale, double factor,
                      snnk_workspace *workspace) {
    int st;

    if ((st = snnk__check_pointer(trainer, "trainer")) != SNNK_OK) return st;
    if ((st = snnk__check_within(scale, -1e30, 1e30, "scale")) != SNNK_OK) return st;
    if ((st = snnk__check_within(factor, 0, 1e30, "factor")) != SNNK_OK) return st;
    if (trainer->config.optimizer == SNNK_OPTIMIZER_LBFGS)
        return snnk__fail(
            SNNK_E_UNSUPPORTED,
            "lbfgs makes no single steps: use snnk_trainer_run, or another optimizer");
    if ((st = snnk__trainer_prepare(trainer)) != SNNK_OK) return st;
    if ((st = snnk__trainer_step(trainer, scale, factor, workspace)) != SNNK_OK) return st;
    trainer->has_best = false;
    return SNNK_OK;
}

int snnk__trainer_step(snnk_trainer *trainer, double scale, double factor,
                       snnk_workspace *workspace) {
    int st;

    if ((st = check_rates(trainer, factor)) != SNNK_OK) return st;
    if ((st = clip_gradients(trainer, &scale, workspace)) != SNNK_OK) return st;
    trainer->steps++;
    trainer->present_solved = false;
    snnk__optimizer_step(&trainer->config, trainer->n_slots, trainer->slots, trainer->steps, scale,
                         factor, workspace);
    snnk__trainer_refresh(trainer, workspace);
    return SNNK_OK;
}

/* ---- Returning to earlier numbers ---- */

/* Copy all numbers to the mark, or back. */
static void copy_marked(snnk_trainer *trainer, bool back) {
    float *at = trainer->mark;

    for (size_t s = 0; s < trainer->n_slots; s++) {
        const snnk__slot *slot = &trainer->slots[s];
        float *const arrays[] = {slot->parameter->value, slot->mean, slot->square};

        for (size_t k = 0; k < 3; k++) {
            if (!arrays[k]) continue; /* the optimizer does without */
            memcpy(back ? arrays[k] : at, back ? at : arrays[k],
                   slot->parameter->count * sizeof *at);
            at += slot->parameter->count;
        }
    }
}

void snnk__trainer_mark(snnk_trainer *trainer) {
    copy_marked(trainer, false);
    trainer->mark_steps = trainer->steps;
    trainer->mark_solved = trainer->present_solved;
    if (trainer->lbfgs) snnk__lbfgs_mark(trainer->lbfgs);
}

void snnk__trainer_return(snnk_trainer *trainer) {
    copy_marked(trainer, true);
    trainer->steps = trainer->mark_steps;
    trainer->present_solved = trainer->mark_solved;
    if (trainer->lbfgs) snnk__lbfgs_return(trainer->lbfgs);
    snnk__trainer_forget_gradients(trainer);
    snnk__trainer_refresh(trainer, NULL);
}

/* ---- Results ---- */

static int network_of(const snnk_trainer *trainer, snnk_network **network) {
    snnk_network *made;
    int st = snnk_network_create(&trainer->allocator, &made);

    for (size_t k = 0; st == SNNK_OK && k < trainer->n_layers; k++) {
        const snnk__learner *learner = trainer->learners[k];
        snnk_layer *layer = NULL;

        st = learner->form->layer(learner, &layer);
        if (st != SNNK_OK) snnk__fail_within(st, "layer %zu", k);
        if (st == SNNK_OK) st = snnk_network_append(made, layer);
        snnk_layer_free(layer);
    }
    if (st == SNNK_OK) st = snnk__network_copy_notes(trainer->start, made);
    if (st == SNNK_OK)
        *network = made;
    else
        snnk_network_free(made);
    return st;
}

static void swap_values(const snnk_trainer *trainer) {
    for (size_t s = 0; s < trainer->n_slots; s++) {
        const snnk__slot *slot = &trainer->slots[s];

        for (size_t k = 0; k < slot->parameter->count; k++) {
            const float present = slot->parameter->value[k];

            slot->parameter->value[k] = slot->best[k];
            slot->best[k] = present;
        }
    }
}

void snnk__trainer_swap_best(snnk_trainer *trainer) {
    swap_values(trainer);
    snnk__trainer_refresh(trainer, NULL);
}

int snnk__trainer_present(const snnk_trainer *trainer, snnk_network **network) {
    return network_of(trainer, network);
}

int snnk__trainer_kept(const snnk_trainer *trainer, snnk_network **network) {
    int st;

    if (!trainer->has_best) return network_of(trainer, network);
    swap_values(trainer);
    st = network_of(trainer, network);
    swap_values(trainer);
    return st;
}

int snnk_trainer_network(const snnk_trainer *trainer, snnk_network **network) {
    int st;

    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    *network = NULL;
    if ((st = snnk__check_pointer(trainer, "trainer")) != SNNK_OK) return st;
    return snnk__trainer_kept(trainer, network);
}

size_t snnk_trainer_epochs(const snnk_trainer *trainer) { return trainer ? trainer->n_epochs : 0; }

int snnk_trainer_epoch(const snnk_trainer *trainer, size_t index, snnk_train_epoch *epoch) {
    int st;

    if ((st = snnk__check_pointer(trainer, "trainer")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(epoch, "epoch")) != SNNK_OK) return st;
    if (index >= trainer->n_epochs)
        return snnk__fail(SNNK_E_RANGE, "epoch %zu, but %zu were made", index, trainer->n_epochs);
    return snnk__config_write(epoch, &trainer->epochs[index], sizeof *epoch, sizeof *epoch,
                              "train epoch");
}
