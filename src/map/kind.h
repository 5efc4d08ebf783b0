/* Kinds of features. A kind is one file in this folder, which fills the table below, and one line
 * of kinds.c. An entry is NULL where the kind does not support it; snnk__map_cannot makes the
 * error. Only a kind's own file knows which kind a block is.
 *
 * All kinds share the scheme of kernels/forward.h: z = G x + c, then a function of z; or a
 * transform of x (map/transform.h). */
#ifndef SNNK_MAP_KIND_H
#define SNNK_MAP_KIND_H

#include <snnk/map.h>

#include "base/record.h"
#include "base/size.h"
#include "map/fold_rows.h"
#include "projection/row_source.h"
#include "spectrum/moments.h"

/* The arguments of a map's creation. */
typedef struct snnk__map_request {
    size_t inputs;
    snnk_map_config config; /* checked */
    size_t rows;            /* how many rows are given; 0 if they are drawn */
    const float *G;         /* rows x inputs, row stride ldg */
    size_t ldg;
    const float *offsets;        /* rows, or NULL for zeros */
    const snnk_scaling *scaling; /* NULL for none */
    const snnk_allocator *allocator;
} snnk__map_request;

/* Rows of weights, for the weight tower. */
typedef struct snnk__weight_rows {
    size_t inputs;
    const float *W; /* row stride ldw */
    size_t ldw;
    const float *b; /* NULL for zeros */
    float *bias;    /* receives the sum of what belongs to no feature; NULL if not wanted */
    size_t ldpsi;
} snnk__weight_rows;

/* How many rows of weights share one pass over G, and how many floats of scratch such a pass
 * needs. */
#define SNNK__WEIGHT_ROWS 32
static inline bool snnk__weight_scratch(size_t inputs, size_t rows, size_t *floats) {
    size_t products;

    return snnk__mul_size(inputs, SNNK__WEIGHT_ROWS + 2, floats) &&
           snnk__mul_size(rows, SNNK__WEIGHT_ROWS, &products) &&
           snnk__add_size(*floats, products, floats);
}

/* Scratch for derivatives with respect to d inputs. */
typedef struct snnk__slope_scratch {
    double *doubles; /* as many as slope_doubles of the kind says */
    double *columns; /* d x SNNK__SLOPE_ROWS: the inputs of a pass for Laplacians, transposed */
    float *g;        /* d floats, after the columns */
    float *work;     /* of the linear part */
} snnk__slope_scratch;

#define SNNK__SLOPE_ROWS 8 /* inputs that share a pass over G for the Laplacian */

/* An estimate at one pair (x, w): its value, its variance for iid rows, and bound2, the sum over
 * its terms of c_j^2, where |term j| <= c_j (infinite if a term is not bounded). Each adds up over
 * blocks. */
typedef struct snnk__pair_error {
    double value, variance, bound2;
} snnk__pair_error;

/* snnk__map_facts.target: what a block's estimates are for, if not a built-in activation. */
enum {
    SNNK__TARGET_VALUE = -1, /* the value that `error` gives */
    SNNK__TARGET_PART = -2   /* part of the function that another block of the map has as target */
};

/* What holds for a block's estimates at every pair. */
typedef struct snnk__map_facts {
    double spectral_error;        /* bound on the error of its spectrum */
    double analyticity_halfwidth; /* of f: half the width of the strip; or infinite */
    double center, radius;        /* of the interval where the spectrum approximates f to that
                                   * error; or infinite */
    int32_t target;               /* an snnk_activation: f itself; or SNNK__TARGET_ */
    size_t fixed, random; /* how many features stay fixed, and how many grow, when the map is given
                           * more features */
} snnk__map_facts;

typedef struct snnk__map_kind snnk__map_kind;
typedef struct snnk__map_block snnk__map_block;

/* Settings of a kind that are worth trying on inputs of length 1 on average. */
typedef struct snnk__usual {
    int32_t order, activation;
    double projection_scale, offset_scale;
} snnk__usual;

struct snnk__map_kind {
    const char *name;
    const char *stored_name; /* its name in model files, if not `name` */

    /* ---- Creating from a snnk_map_config; NULL if another function creates blocks of this kind
     * ---- */

    /* The function of z that the config describes, without its scale. */
    snnk__function (*function)(const snnk_map_config *config);

    /* Check the settings of a config whose inputs and kind are already checked, resolve its
     * features, and reset settings this kind does not use to their defaults. rows: how many are
     * given; 0 if they are drawn. */
    int (*check)(snnk_map_config *config, size_t inputs, size_t rows);
    int (*create)(const snnk__map_kind *kind, const snnk__map_request *request,
                  snnk__map_block **block);

    /* Usual settings, for choosing by data. NULL and 0: none. */
    const snnk__usual *usual;
    size_t n_usual;

    /* ---- Freeing ---- */

    /* Release the data that belongs to this kind only. NULL: there is none. */
    void (*release)(snnk__map_block *block);

    /* ---- Features ---- */

    /* The features are finite for every |z| below this value; of a transform, for every |x|. */
    double (*safe_projection)(const snnk__map_block *block);

    /* Whether each feature is an activation of one row of G, times a constant. NULL: no. */
    bool (*neurons)(const snnk__map_block *block, int32_t *activation);

    /* Add the multiply-adds for one input, and the numbers stored, beyond those of the linear part.
     * NULL: none. */
    void (*cost)(const snnk__map_block *block, uint64_t *multiply_adds, uint64_t *parameters);

    /* ---- Derivatives with respect to x ---- */

    /* How many doubles of scratch the next two functions need. NULL: none. */
    size_t (*slope_doubles)(const snnk__map_block *block);

    /* Set the rows of J (features x d) at x. NULL, here and below: not in this library. */
    void (*gradient)(const snnk__map_block *block, const float *x,
                     const snnk__slope_scratch *scratch, float *J, size_t ldj);

    /* Set the Laplacians of n <= SNNK__SLOPE_ROWS inputs. scratch->columns holds the inputs. */
    void (*laplacian)(const snnk__map_block *block, size_t n, const float *X, size_t ldx,
                      const snnk__slope_scratch *scratch, float *L, size_t ldl);

    /* ---- The kernel ---- */

    /* True if the weight tower equals the input tower; such a kernel has no b. */
    bool symmetric;

    /* If not symmetric: set Psi for `count` <= SNNK__WEIGHT_ROWS rows, beginning with row
     * `first`. */
    void (*weights)(const snnk__map_block *block, const snnk__weight_rows *rows, size_t first,
                    size_t count, float *Psi, float *scratch);

    /* Whether a constant part belongs to no feature, so that the caller must pass bias. NULL:
     * never. */
    bool (*biased)(const snnk__map_block *block);

    /* SNNK_E_UNSUPPORTED if the features of this block approximate no kernel, so that it has
     * neither a weight tower nor an exact value. NULL: they always do. */
    int (*check_kernel)(const snnk__map_block *block);

    /* The value that the towers estimate, in double; b is 0 if the kernel is symmetric. */
    int (*exact)(const snnk__map_block *block, const float *x, const float *w, double b,
                 double *value);

    /* ---- Blocks made from this one ---- */

    /* Center inputs: make a block of Phi(x - mean). Called for blocks without a center only. NULL:
     * inputs are not centered. */
    int (*center)(const snnk__map_block *block, const double *mean, snnk__map_block **centered);

    /* Compose the features with a linear map. */
    int (*fold)(const snnk__map_block *block, const snnk__fold *fold, snnk__map_block **folded);

    /* The same features of other rows G (packed) and offsets. They no longer count as drawn. Called
     * for blocks with a dense G only. NULL: rows cannot be replaced. */
    int (*with_rows)(const snnk__map_block *block, const float *G, const float *offsets,
                     snnk__map_block **changed);

    /* rows_to_redraw: how many given rows the block takes. redraw: make the block again with rows
     * from the source.
     *   config  the new block's config; its seed also decides what else is random
     *   folded  d floats of scratch */
    size_t (*rows_to_redraw)(const snnk__map_block *block);
    int (*redraw)(const snnk__map_block *block, const snnk_map_config *config,
                  snnk__row_source *source, float *folded, const snnk_allocator *allocator,
                  snnk__map_block **redrawn);

    /* ---- Prediction ---- */

    /* Set row (d + 1 values) to an input x, or to a row of weights with its b, in the coordinates
     * where the kernel is a function of inner products (the last is a constant). Return what must
     * be added to the inner product to give the pre-activation. */
    double (*place)(const snnk__map_block *block, bool weights, const float *x, double b,
                    double *row);

    /* Set the estimate at a pair with these inner products. SNNK_E_UNSUPPORTED if there is no
     * closed form. */
    int (*error)(const snnk__map_block *block, const snnk__urf_products *p, double offset,
                 snnk__pair_error *error);

    /* The fourth cumulant of the estimate at a pair, for iid rows: it adds up over blocks, and
     * falls like the third power of the number of rows. A bound from above will do; infinite if
     * unknown. NULL: 0, the estimate is exact. Called only where `error` succeeds. */
    double (*fourth)(const snnk__map_block *block, const snnk__urf_products *p, double offset);

    /* Change the facts that differ from "no spectrum, all features random", which they are set to.
     * NULL: none differ. */
    void (*facts)(const snnk__map_block *block, snnk__map_facts *facts);

    /* ---- Files ---- */

    /* Write everything except kind, features, seed and projection of the config. */
    void (*write)(const snnk__map_block *block, snnk__sink *sink);

    /* Read a block. config: kind, features, seed and projection, which are untrusted. Must not
     * allocate more than the size of the file, except what snnk__read_draws grants. SNNK_E_FORMAT,
     * SNNK_E_NONFINITE, SNNK_E_SIZE, SNNK_E_NOMEM. */
    int (*read)(const snnk__map_kind *kind, const snnk__source *source, size_t inputs,
                const snnk_map_config *config, snnk__map_block **block);
};

extern const snnk__map_kind snnk__map_arc_cosine;
extern const snnk__map_kind snnk__map_gaussian;
extern const snnk__map_kind snnk__map_elementwise;
extern const snnk__map_kind snnk__map_identity;
extern const snnk__map_kind snnk__map_spectral;
extern const snnk__map_kind snnk__map_affine;
extern const snnk__map_kind snnk__map_folded;
extern const snnk__map_kind snnk__map_rbf;
extern const snnk__map_kind snnk__map_window;
extern const snnk__map_kind snnk__map_scattering;
extern const snnk__map_kind snnk__map_minirocket;

/* How many kinds there are: their values are 0 ... n-1. */
int32_t snnk__map_kinds(void);

/* Set *table to the kind with this value. SNNK_E_ENUM if there is none. */
int snnk__map_kind_find(int32_t kind, const snnk__map_kind **table);

/* The kind's name in model files. */
static inline const char *snnk__map_stored_name(const snnk__map_kind *kind) {
    return kind->stored_name ? kind->stored_name : kind->name;
}

/* Read a block from its record. SNNK_E_FORMAT, SNNK_E_NONFINITE, SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__map_block_read(const snnk__source *source, size_t inputs, snnk__map_block **block);

/* Fail with SNNK_E_UNSUPPORTED and the sentence "`name` features `what`". */
int snnk__map_cannot(const snnk__map_kind *kind, const char *what);

#endif
