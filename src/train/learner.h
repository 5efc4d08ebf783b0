/* A layer that learns: its numbers, their gradients, and passes forward and backward. There are
 * two forms: layers made of blocks of projections (dense, SNNK, tower: block_learner.c), and
 * layers around other layers (residual_learner.c). */
#ifndef SNNK_TRAIN_LEARNER_H
#define SNNK_TRAIN_LEARNER_H

#include "layer/layer.h"

/* One array of numbers that learn. */
typedef struct snnk__parameter {
    const snnk_layer *layer; /* whose numbers they are: within a residual layer, an inner one */
    int32_t part;            /* snnk_layer_part */
    size_t block;            /* of its map, if they are rows or offsets */
    size_t count;
    bool drawn;              /* it has no gradient: only a redraw changes it */
    float *value, *gradient; /* count */
} snnk__parameter;

/* A set of parts: bits 1 << snnk_layer_part. */
typedef uint32_t snnk__parts;

/* One bit more: rows and offsets do not learn, but can be drawn again. */
#define SNNK__PARTS_DRAWN ((snnk__parts)1 << 31)

static inline bool snnk__parts_has(snnk__parts parts, int32_t part) {
    return (parts >> part & 1) != 0;
}

typedef struct snnk__learner snnk__learner;

/* The rows of one pass, and where it keeps what the backward pass needs. */
typedef struct snnk__pass {
    size_t n;
    const float *X; /* n x inputs */
    size_t ldx;
    float *record; /* n times learner->record */
    snnk_workspace *workspace;
} snnk__pass;

typedef struct snnk__learner_form {
    void (*free)(snnk__learner *learner);

    /* Set Y (n x outputs), and the record. SNNK_E_NOMEM. */
    int (*forward)(const snnk__learner *learner, const snnk__pass *pass, float *Y, size_t ldy);

    /* Add to the gradients of all parameters, from dY (n x outputs), and set dX (n x inputs)
     * unless it is NULL. scratch: n times learner->scratch. SNNK_E_NOMEM. */
    int (*backward)(const snnk__learner *learner, const snnk__pass *pass, const float *dY,
                    size_t lddy, float *dX, size_t lddx, float *scratch);

    /* Take over the values of the parameters. To be called after they change. workspace: NULL for
     * one thread. */
    void (*refresh)(snnk__learner *learner, snnk_workspace *workspace);

    /* Set weights (outputs x columns) and bias, which learn. Not followed by refresh. */
    void (*set_weights)(snnk__learner *learner, const float *W, const double *bias);

    /* Draw rows and offsets again, for a learner with SNNK__PARTS_DRAWN; Psi stays. Statuses of
     * snnk_map_redraw. */
    int (*redraw)(snnk__learner *learner, uint64_t seed);

    /* Make a layer of the present values. SNNK_E_NONFINITE, SNNK_E_SIZE, SNNK_E_NOMEM. */
    int (*layer)(const snnk__learner *learner, snnk_layer **layer);
} snnk__learner_form;

/* The first member of each form's struct. */
struct snnk__learner {
    const snnk__learner_form *form;
    snnk_allocator allocator;
    size_t inputs, outputs;
    size_t record, scratch; /* floats for each row */
    size_t n_parameters;    /* 0: nothing learns */
    snnk__parameter *parameters;
};

/* Create a learner of a layer.
 *   learn     the parts that learn, of those that the layer has
 *   products  the storage of weights in products: SNNK_STORAGE_F32, or SNNK_STORAGE_BF16 if
 *             snnk__train_products gave it
 * SNNK_E_UNSUPPORTED (a part that cannot learn), SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__learner_create(const snnk_layer *layer, snnk__parts learn, int32_t products,
                         const snnk_allocator *allocator, snnk__learner **learner);

void snnk__learner_free(snnk__learner *learner);

/* The parts that a layer has, with those of the layers in it. */
snnk__parts snnk__layer_parts(const snnk_layer *layer);

/* Whether a layer has weights and a map whose rows can all be drawn again. */
bool snnk__layer_is_drawn(const snnk_layer *layer);

/* The root mean square of a layer's weights (for its weights and bias), or of its rows (for rows
 * and offsets); 0 for a gain. */
double snnk__layer_size(const snnk_layer *layer, int32_t part);

/* SNNK_E_UNSUPPORTED if a layer, or one in it, has projections that cannot learn: HD3 rows, or
 * those of spectral features. (The diagonal of identity features is no projection.) */
int snnk__layer_check_rows(const snnk_layer *layer);

/* SNNK_E_UNSUPPORTED if a layer, or one in it, has features without a gradient, so that nothing
 * below it can learn. */
int snnk__layer_check_gradient(const snnk_layer *layer);

/* The form in residual_learner.c. */
int snnk__residual_learner_create(const snnk_layer *layer, snnk__parts learn, int32_t products,
                                  const snnk_allocator *allocator, snnk__learner **learner);

/* The form in block_learner.c, for layers with blocks. */
int snnk__block_learner_create(const snnk_layer *layer, snnk__parts learn, int32_t products,
                               const snnk_allocator *allocator, snnk__learner **learner);

#endif
