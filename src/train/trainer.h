/* Inside a trainer. */
#ifndef SNNK_TRAIN_TRAINER_H
#define SNNK_TRAIN_TRAINER_H

#include "network/network.h"
#include "train/lbfgs_history.h"
#include "train/optimizer.h"

struct snnk_trainer {
    snnk_allocator allocator;
    snnk_train_config config; /* defaults resolved */
    snnk_network *start;      /* a copy that shares the layers of the network given */
    size_t n_layers;
    snnk__learner **learners; /* one for each layer */
    snnk__parts *learn;       /* what learns in each layer */
    size_t first_learning;    /* layers before it are not trained */
    size_t widest;            /* inputs of the widest layer but the first */
    size_t record, scratch;   /* floats for each row, of all layers; of the most demanding one */
    size_t n_slots;
    snnk__slot *slots; /* all arrays that learn */
    uint64_t steps;    /* made so far */
    size_t n_epochs, room_epochs;
    snnk_train_epoch *epochs;
    uint64_t best_epoch;
    double best_loss;                 /* held-out loss of `best`; NaN: there is none */
    bool has_best;                    /* the values kept are in `best` */
    bool best_solved, present_solved; /* whether their last layer is a closed-form solution */
    uint64_t serial;                  /* another for each trainer */
    uint64_t run_done;                /* epochs of the present run; 0 after it has ended */
    double rate_share;                /* of the last step */
    uint64_t mark_steps;              /* `steps` when the numbers were marked */
    bool mark_solved;                 /* `present_solved` then */
    float *mark;                      /* values, means and squares of all arrays then */
    snnk__lbfgs *lbfgs;               /* its history; NULL: none yet */
};

struct snnk_record {
    snnk_allocator allocator;
    size_t n; /* rows of its forward pass */
    bool filled;
    uint64_t serial, steps; /* of the trainer then */
    float *floats;          /* outputs of each layer but the last, and the records */
    size_t room;
    float *scratch; /* of the backward pass */
    size_t scratch_room;
};

/* Set what a config leaves to the trainer, and check it. */
int snnk__train_config_read(const snnk_train_config *config, snnk_train_config *ours);

/* Whether the rows of layer k can be drawn again. */
bool snnk__trainer_draws(const snnk_trainer *trainer, size_t k);

/* Allocate the state of the optimizer if a step has not done so. SNNK_E_NOMEM. */
int snnk__trainer_prepare(snnk_trainer *trainer);

/* The storage of weights in products: what the config asks for, where the processor has it. */
int32_t snnk__trainer_products(const snnk_trainer *trainer);

/* Tell the layers that the numbers have changed. */
void snnk__trainer_refresh(snnk_trainer *trainer, snnk_workspace *workspace);

/* Set all gradients to 0. */
void snnk__trainer_forget_gradients(snnk_trainer *trainer);

/* snnk_trainer_step of checked arguments, also with L-BFGS. */
int snnk__trainer_step(snnk_trainer *trainer, double scale, double factor,
                       snnk_workspace *workspace);

/* Remember all numbers and the state of the optimizer; and return to them, without gradients. */
void snnk__trainer_mark(snnk_trainer *trainer);
void snnk__trainer_return(snnk_trainer *trainer);

/* Exchange the present values and those that are kept. */
void snnk__trainer_swap_best(snnk_trainer *trainer);

/* Make a network of the present values. */
int snnk__trainer_present(const snnk_trainer *trainer, snnk_network **network);

/* Make a network of `best` if there is one. */
int snnk__trainer_kept(const snnk_trainer *trainer, snnk_network **network);

#endif
