/* Training by gradient: from a network, a new one whose numbers were changed to reduce a loss.
 *
 *     snnk_trainer *trainer;
 *     snnk_train_report report = {.size = sizeof report};
 *     snnk_network *trained;
 *
 *     snnk_trainer_create(network, NULL, &trainer);
 *     snnk_trainer_run(trainer, SNNK_ROWS(.n = n, .X = X, .labels = labels), NULL, NULL, &report);
 *     snnk_trainer_network(trainer, &trained);
 *     snnk_trainer_free(trainer);
 *
 * The network given is never changed. Start from a fitted, compressed or bundled network, or from
 * one with random weights (snnk_layer_create_dense_random, snnk_layer_create_random). A part of
 * the rows is held out, and the result is the network of the epoch with the smallest loss on them.
 *
 * What learns: Psi and the bias of SNNK layers, W and b of dense layers, the gain of residual
 * layers. The rows and offsets of feature maps stay as they are unless rows_rate is above 0.
 * snnk_trainer_set_rate freezes a part, or changes its rate.
 *
 * The same data, settings and kernel table give the same bits for every number of threads.
 *
 * A program with a larger graph around the network (attention, norms) does the passes itself:
 *
 *     snnk_record_create(trainer, &record);
 *     snnk_trainer_forward(trainer, n, X, ldx, Y, ldy, record, workspace);
 *     ... the rest of the graph, forward and backward: dY ...
 *     snnk_trainer_backward(trainer, record, X, ldx, dY, lddy, dX, lddx, workspace);
 *     snnk_trainer_step(trainer, 1.0 / n, 1, workspace); */
#ifndef SNNK_TRAIN_H
#define SNNK_TRAIN_H

#include <snnk/loss.h>
#include <snnk/network.h>
#include <snnk/rows.h>
#include <snnk/storage.h>
#include <snnk/workspace.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A network that learns. One thread at a time may use it, also by functions that take it as const;
 * several threads may use several trainers of one network. */
typedef struct snnk_trainer snnk_trainer;

/* What a forward pass keeps for the backward pass. */
typedef struct snnk_record snnk_record;

/* How numbers change along the gradient. Values never change. */
typedef enum snnk_optimizer {
    SNNK_OPTIMIZER_ADAM = 0,  /* Kingma & Ba 2015; weight decay is added to the gradient */
    SNNK_OPTIMIZER_ADAMW = 1, /* Loshchilov & Hutter 2019: weight decay shrinks the numbers */
    SNNK_OPTIMIZER_SGD = 2,   /* gradient descent with momentum */
    SNNK_OPTIMIZER_LBFGS = 3  /* Nocedal 1980, on all rows at once: for small networks and data.
                               * One step an epoch; rate, schedule, batch and clip are not used */
} snnk_optimizer;

/* How the rate changes during training, after the warm-up. Values never change. */
typedef enum snnk_schedule {
    SNNK_SCHEDULE_COSINE = 0,  /* falls from rate to last_rate along half a cosine */
    SNNK_SCHEDULE_CONSTANT = 1 /* stays */
} snnk_schedule;

/* When the last layer's Psi is solved in closed form on all training rows, for the squared error,
 * as <snnk/fit.h> does. Values never change. */
typedef enum snnk_train_solve {
    SNNK_TRAIN_SOLVE_NEVER = 0,
    SNNK_TRAIN_SOLVE_END = 1,  /* when training has ended; kept if the held-out loss gets smaller */
    SNNK_TRAIN_SOLVE_EPOCH = 2 /* after every epoch; the moments of the optimizer stay */
} snnk_train_solve;

/* Get the name of a value: "adam", "adamw", "sgd", "lbfgs"; "cosine", "constant"; "never", "end",
 * "epoch". Static; NULL for an unknown value. */
SNNK_API const char *snnk_optimizer_name(int32_t optimizer);
SNNK_API const char *snnk_schedule_name(int32_t schedule);
SNNK_API const char *snnk_train_solve_name(int32_t solve);

/* A loss of your own (SNNK_LOSS_USER), for outputs Y of n rows.
 *   user     from the config
 *   n        rows in this call
 *   rows     their numbers in the data, n values. Held-out rows that are given apart count on from
 *            there: the first of them has the number of rows to learn from
 *   Y        outputs, n x l, row stride ldy
 *   dY       out: the gradient of each row's loss with respect to its outputs, row stride lddy
 *   losses   out: the loss of each row, n values
 * Return 0 to continue; any other value ends training with SNNK_E_CANCELLED. */
typedef int (*snnk_train_loss)(void *user, size_t n, const uint64_t *rows, const float *Y,
                               size_t ldy, float *dY, size_t lddy, double *losses);

/* Settings. Fill with snnk_train_config_init, then change fields. */
typedef struct snnk_train_config {
    size_t size;   /* set by snnk_train_config_init */
    uint64_t seed; /* of the order of rows and of the held-out rows. Default 0 */

    int32_t loss;      /* an snnk_loss. Default -1: cross-entropy for rows with labels, squared
                        * error for targets Y */
    int32_t optimizer; /* an snnk_optimizer. Default ADAM */
    int32_t schedule;  /* an snnk_schedule. Default COSINE */
    int32_t solve;     /* an snnk_train_solve; needs a last layer that is linear in its weights.
                        * Default NEVER */

    double rate;      /* of the step, above 0. Default 0: 0.02 relative, 1e-3 absolute, for SGD
                       * 1e-2 */
    double snnk_rate; /* the rate of Psi and bias of SNNK layers is this times `rate`. Default 0: 1
                       * relative (Psi is large, so its steps are), 3 absolute: SNNK layers want
                       * larger steps than dense ones */
    double rows_rate; /* the rate of rows and offsets of feature maps is this times `rate`; 1 is a
                       * good start. Default 0: they do not learn */
    double last_rate; /* share of the rate that is left at the end of COSINE, 0 ... 1. Default 0 */
    double warmup;    /* share of all steps in which the rate rises from 0, 0 ... 0.9. Default 0 */

    /* 1 (default): the step of each array of numbers is also multiplied by its root mean square
     * when training begins, so that one rate fits networks of any scale: the numbers move by a
     * share of their size, a bias by that of the weights beside it, offsets by that of their rows.
     * 0: absolute, as in most other libraries. SGD is always absolute */
    int32_t relative;

    /* Storage of the factors of all products: weights, rows, features and gradients.
     * SNNK_STORAGE_F32 (default), or SNNK_STORAGE_BF16: they are rounded to bf16 and summed in
     * float where the processor has AMX; elsewhere nothing changes (the report says what was used).
     * The numbers that learn, their gradients and the means of Adam stay float, and so do HD3 rows
     * and the mixing of RBF features. Not with LBFGS */
    int32_t products;

    double momentum;        /* beta_1 of Adam, momentum of SGD, 0 ... 1. Default 0.9 */
    double square_momentum; /* beta_2 of Adam, 0 ... 1. Default 0.999 */
    double epsilon;         /* of Adam, above 0. Default 1e-8 */
    double weight_decay;    /* of weights and rows; biases and offsets do not decay. >= 0.
                             * Default 0 */
    double clip;            /* the largest length of the gradient of all numbers together; longer
                             * ones are scaled down. Default 0: no limit */
    double huber;           /* errors beyond this count linearly in SNNK_LOSS_HUBER, above 0.
                             * Default 1 */
    double heldout_share;   /* share of the rows to hold out, 0 ... 0.5; not used if held-out rows
                             * are given. Rows of one group, or equal rows, stay together. Where
                             * more than three quarters would be held out, none are. Default 0.1 */

    uint64_t epochs;   /* passes over the rows, at least 1. Default 20 */
    uint64_t batch;    /* rows for each step, at most the rows there are. Default 0: 128, or all
                        * rows if there are fewer */
    uint64_t patience; /* training ends after this many epochs without a smaller held-out loss; 0:
                        * never. Default 0 with COSINE (whose last epochs are the best), else 5 */
    uint64_t redraw;   /* fresh projections: after every so many epochs the rows and offsets of
                        * drawn maps are drawn again (snnk_map_redraw), and Psi and bias of these
                        * layers are fitted to their outputs of before, by least squares over the
                        * training rows. For SNNK layers that are not within a residual one, whose
                        * maps are GAUSSIAN, ARC_COSINE or ELEMENTWISE with dense rows. The maps of
                        * the result have given rows. Needs rows_rate = 0, and not LBFGS.
                        * Default 0: never */

    snnk_train_loss loss_function; /* for SNNK_LOSS_USER */

    /* Called after each epoch of a run; NULL (default): none. It may read the trainer, and save
     * it. Return 0 to continue; any other value ends the run with SNNK_E_CANCELLED. */
    int (*after_epoch)(void *user, const snnk_trainer *trainer);
    void *user; /* passed to both */

    const snnk_allocator *allocator; /* NULL (default): that of the network */
} snnk_train_config;

/* Set every field to its default.
 *   config        out: the struct to fill
 *   config_size   sizeof *config, as the caller was compiled
 * SNNK_E_NULL, SNNK_E_CONFIG (a size this library does not know). */
SNNK_API int snnk_train_config_init(snnk_train_config *config, size_t config_size);

/* ---- Creating ---- */

/* Create a trainer.
 *   network  the start; not changed. It may contain dense, SNNK, residual layers and towers.
 *            Layers in narrow storage can be there, but do not learn
 *   config   NULL for the defaults
 *   trainer  out: release with snnk_trainer_free
 * Memory: about 10 numbers for each number that learns (itself, its gradient, two moments, the best
 * one, three to return to, two packed copies), 8 with SGD, 58 with LBFGS; 3 for each that does not.
 * SNNK_E_NULL, SNNK_E_STATE (no layers), SNNK_E_CONFIG, SNNK_E_ENUM, SNNK_E_RANGE (says which
 * field and its limits), SNNK_E_UNSUPPORTED (rows_rate > 0 for HD3 rows or spectral features,
 * which have no numbers of their own to learn; nothing learns; redraw without such a map, or with
 * rows that learn), SNNK_E_SIZE, SNNK_E_NOMEM. */
SNNK_API int snnk_trainer_create(const snnk_network *network, const snnk_train_config *config,
                                 snnk_trainer **trainer);

/* Free a trainer. NULL is fine. Records and networks made from it do not need it. */
SNNK_API void snnk_trainer_free(snnk_trainer *trainer);

/* Set the rate of a part of a layer, before the first step.
 *   layer   0 ... layers-1
 *   part    an snnk_layer_part; -1: all parts of the layer that learn now. Of a residual layer,
 *           the parts of the layers in it
 *   factor  its rate is this times `rate` (instead of snnk_rate or rows_rate); 0 freezes it, also
 *           a part that the layer does not have
 * SNNK_E_NULL, SNNK_E_RANGE (layer; factor), SNNK_E_ENUM, SNNK_E_UNSUPPORTED (the layer has no
 * such part, or it cannot learn), SNNK_E_STATE (a step was made), SNNK_E_SIZE, SNNK_E_NOMEM. */
SNNK_API int snnk_trainer_set_rate(snnk_trainer *trainer, size_t layer, int32_t part,
                                   double factor);

/* Get how many numbers learn. 0 for NULL. (How many there are in all: snnk_network_parameters.) */
SNNK_API uint64_t snnk_trainer_parameters(const snnk_trainer *trainer);

/* ---- Training on rows ---- */

/* What training did. Set `size`; the library fills the rest. */
typedef struct snnk_train_report {
    size_t size;            /* set by the caller: sizeof the struct */
    uint64_t epochs, steps; /* that were made, in all runs of this trainer */
    uint64_t best_epoch;    /* 1 ... epochs: the one whose numbers are kept; 0: those at the
                             * beginning */
    double loss;            /* mean over the training rows, during the last epoch */
    double heldout_loss;    /* mean over the held-out rows, of the numbers kept; NaN without such
                             * rows */
    double first_loss;      /* the same, of the present numbers when the call began */
    uint64_t rows, heldout_rows;
    uint64_t parameters; /* numbers that learn */
    int32_t stopped;     /* 1: patience ended training before all epochs */
    int32_t solved;      /* 1: the last layer's Psi is a closed-form solution */
    int32_t products;    /* storage of the factors of products that was used */
    int32_t reserved;
} snnk_train_report;

/* Train.
 *   rows       inputs with targets Y or labels, and weights if any. Cross-entropy accepts
 *              probabilities as targets Y (the outputs of a teacher's softmax). SNNK_LOSS_USER
 *              needs none
 *   heldout    rows that judge the network after each epoch; NULL: a share of `rows`
 *   workspace  NULL for one thread. Its progress function can cancel the call: then the trainer is
 *              as after the last complete epoch
 *   report     out, on success only; NULL if not wanted
 * Runs config->epochs epochs; a later call runs as many again, from the present numbers, and keeps
 * those of the first if they are better on the held-out rows. The rate falls over the epochs of
 * one call. After a call that was cancelled or failed in an epoch, the next one makes the epochs
 * that were left.
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_STATE (a trainer from a checkpoint without its loss
 * function), SNNK_E_SHAPE (inputs or targets of another width; one output
 * for a loss that needs two; no rows to learn from),
 * SNNK_E_STRIDE, SNNK_E_RANGE (a label or weight; batch above the number of rows; targets of
 * cross-entropy that are negative, or do not sum to 1), SNNK_E_NONFINITE (in the rows: nothing was
 * changed; in the loss, says the step: the trainer has the last good numbers, a smaller rate or
 * `clip` may help), SNNK_E_UNSUPPORTED (solve with another loss or last layer), SNNK_E_CANCELLED,
 * SNNK_E_SIZE, SNNK_E_NOMEM. */
SNNK_API int snnk_trainer_run(snnk_trainer *trainer, const snnk_rows *rows,
                              const snnk_rows *heldout, snnk_workspace *workspace,
                              snnk_train_report *report);

/* Rows that are read while training, such as those of a table larger than memory. */
typedef struct snnk_train_source {
    size_t size;   /* set by the caller: sizeof the struct */
    uint64_t rows; /* how many there are */

    /* Set *rows to rows first ... first+count-1; valid until the next call. Return SNNK_OK, or
     * another status, which ends training. */
    int (*read)(void *user, uint64_t first, size_t count, snnk_rows *rows);
    void *user;

    uint64_t window; /* rows in memory at a time, at least a batch. They are shuffled among each
                      * other, and come from places all over the data: runs of 1/64 of a window, in
                      * random order. A window of all rows is read once in a run, any other in each
                      * pass over the rows: an epoch, a solution of the last layer, each layer of a
                      * redraw, each trial of L-BFGS. Rounded down to whole batches. Default 0:
                      * 65536, or a batch if that is more */
} snnk_train_source;

/* The same from a source. Held-out rows must be given; NULL: there are none, and training runs all
 * epochs. */
SNNK_API int snnk_trainer_run_source(snnk_trainer *trainer, const snnk_train_source *source,
                                     const snnk_rows *heldout, snnk_workspace *workspace,
                                     snnk_train_report *report);

/* One epoch of the learning curve. Set `size`; the library fills the rest. */
typedef struct snnk_train_epoch {
    size_t size;         /* set by the caller: sizeof the struct */
    double loss;         /* mean over the training rows, while the numbers changed */
    double heldout_loss; /* after the epoch; NaN without held-out rows */
    double accuracy;     /* of the held-out rows; NaN without labels */
    double rate;         /* at its end, as a share of config->rate */
} snnk_train_epoch;

/* Get the number of epochs made, and one of them, 0 ... epochs-1.
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_RANGE. */
SNNK_API size_t snnk_trainer_epochs(const snnk_trainer *trainer);
SNNK_API int snnk_trainer_epoch(const snnk_trainer *trainer, size_t index, snnk_train_epoch *epoch);

/* Make a network of the numbers that are kept: those of the best epoch, or the present ones if no
 * rows are held out or snnk_trainer_step was used.
 *   network  out: release with snnk_network_free. It has the notes and the encoder of the start,
 *            but no statistics and no uncertainty. Layers that did not change are shared with it
 * SNNK_E_NULL, SNNK_E_NONFINITE (a number is not finite), SNNK_E_SIZE, SNNK_E_NOMEM. */
SNNK_API int snnk_trainer_network(const snnk_trainer *trainer, snnk_network **network);

/* ---- Passes and steps ---- */

/* Create a record.
 *   trainer  for its passes only
 *   record   out: release with snnk_record_free
 * SNNK_E_NULL, SNNK_E_NOMEM. */
SNNK_API int snnk_record_create(const snnk_trainer *trainer, snnk_record **record);

/* Free a record. NULL is fine. */
SNNK_API void snnk_record_free(snnk_record *record);

/* Compute Y = network(X) with the present numbers.
 *   n          rows; 0 is legal and does nothing
 *   X          inputs, n x d, row stride ldx >= d. NaN and infinity propagate
 *   Y          out: n x l, row stride ldy >= l; must not overlap X
 *   record     keeps what snnk_trainer_backward needs; NULL: nothing is kept. One record serves
 *              one forward pass at a time; a network that is used twice in a graph needs two
 *   workspace  NULL for one thread
 * SNNK_E_NULL, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_OVERLAP, SNNK_E_NOMEM. */
SNNK_API int snnk_trainer_forward(snnk_trainer *trainer, size_t n, const float *X, size_t ldx,
                                  float *Y, size_t ldy, snnk_record *record,
                                  snnk_workspace *workspace);

/* Backpropagate through the forward pass of a record, and add to the gradients of all numbers that
 * learn.
 *   record     of a forward pass, since which no step was made
 *   X          the inputs of that pass, unchanged
 *   dY         gradients with respect to its outputs, n x l, row stride lddy >= l
 *   dX         out: gradients with respect to its inputs, n x d, row stride lddx >= d; NULL if not
 *              wanted
 *   workspace  NULL for one thread
 * The sums over rows are in float, in a fixed order. SNNK_E_NULL, SNNK_E_STATE (the record has no
 * forward pass of this trainer, or a step was made since), SNNK_E_STRIDE, SNNK_E_SIZE,
 * SNNK_E_OVERLAP, SNNK_E_NOMEM. */
SNNK_API int snnk_trainer_backward(snnk_trainer *trainer, snnk_record *record, const float *X,
                                   size_t ldx, const float *dY, size_t lddy, float *dX, size_t lddx,
                                   snnk_workspace *workspace);

/* Get the length of the gradient of all numbers that learn: the square root of the sum of its
 * squares, over the backward passes since the last step. It is what `clip` limits, times the scale
 * of the step. A program with several trainers can limit their gradient as a whole: take the root
 * of the sum of the squared lengths, and pass a smaller `scale` to each step. 0 for NULL; infinite
 * or NaN if a gradient is not finite. */
SNNK_API double snnk_trainer_gradient_length(const snnk_trainer *trainer);

/* Change the numbers along the gradients, and set these to 0.
 *   scale      gradients are multiplied by it first, such as 1/n for a mean over n rows
 *   factor     the rate is multiplied by it: a schedule of your own; >= 0
 *   workspace  NULL for one thread
 * SNNK_E_NULL, SNNK_E_RANGE (scale, -1e30 ... 1e30; factor), SNNK_E_NONFINITE (a gradient, or the
 * square of their length: the numbers are unchanged, and the gradients are 0), SNNK_E_UNSUPPORTED
 * (LBFGS has no single steps; everything is frozen), SNNK_E_NOMEM. */
SNNK_API int snnk_trainer_step(snnk_trainer *trainer, double scale, double factor,
                               snnk_workspace *workspace);

/* ---- Checkpoints ---- */

/* Save the trainer: settings, present and best numbers, the state of the optimizer, and the epochs
 * made. The file is also a model file: snnk_network_load reads it as the network that
 * snnk_trainer_network gives. Gradients of snnk_trainer_backward that no step has used are not
 * saved, and neither are callbacks.
 *   path  the file. An existing file is replaced when the new one is complete
 * May be called in after_epoch. SNNK_E_NULL, SNNK_E_NONFINITE (a number is not finite any more:
 * training has diverged), SNNK_E_IO, SNNK_E_SIZE, SNNK_E_NOMEM. */
SNNK_API int snnk_trainer_save(const snnk_trainer *trainer, const char *path);

/* Load a checkpoint. With the same rows, training that goes on gives the same bits as if it had
 * not been interrupted. A loss function of your own, and after_epoch, must be set again by
 * snnk_trainer_set_callbacks.
 *   path       the file
 *   network    the network that the trainer was created from, or one with the same numbers that do
 *              not learn, such as snnk_network_load gives of `path`
 *   allocator  NULL for malloc
 *   trainer    out: release with snnk_trainer_free
 * SNNK_E_NULL, SNNK_E_STATE (a checkpoint of another network; says which layer differs),
 * SNNK_E_IO, SNNK_E_FORMAT, SNNK_E_VERSION, SNNK_E_TRUNCATED, SNNK_E_CHECKSUM, SNNK_E_NONFINITE,
 * SNNK_E_SIZE, SNNK_E_NOMEM. */
SNNK_API int snnk_trainer_load(const char *path, const snnk_network *network,
                               const snnk_allocator *allocator, snnk_trainer **trainer);

/* Set the callbacks of the config, between runs.
 *   loss_function  for SNNK_LOSS_USER; otherwise not used, and may be NULL
 *   after_epoch    NULL: none
 *   user           passed to both
 * SNNK_E_NULL (trainer; loss_function, if the loss is your own). */
SNNK_API int snnk_trainer_set_callbacks(snnk_trainer *trainer, snnk_train_loss loss_function,
                                        int (*after_epoch)(void *user, const snnk_trainer *trainer),
                                        void *user);

#ifdef __cplusplus
}
#endif

#endif
