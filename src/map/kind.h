/* Kinds of features. A kind is one file of this folder, which fills the table below, and one line
 * of kinds.c. What a kind cannot do is NULL in its table, and answered by snnk__map_cannot. Nothing
 * outside a kind's own file asks which kind a block is.
 *
 * All kinds share the mechanism of kernels/forward.h: z = G x + c, then a function of z. */
#ifndef SNNK_MAP_KIND_H
#define SNNK_MAP_KIND_H

#include <snnk/map.h>

#include "base/record.h"
#include "base/size.h"
#include "map/fold_rows.h"
#include "projection/row_source.h"
#include "spectrum/moments.h"

/* What a map is asked for. */
typedef struct snnk__map_request {
    size_t inputs;
    snnk_map_config config; /* checked */
    size_t rows;            /* given: how many; 0: drawn */
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
    float *bias;    /* what belongs to no feature is added; NULL if not wanted */
    size_t ldpsi;
} snnk__weight_rows;

/* As many rows of weights share a pass over G; scratch floats of such a pass. */
#define SNNK__WEIGHT_ROWS 32
static inline bool snnk__weight_scratch(size_t inputs, size_t rows, size_t *floats) {
    size_t products;

    return snnk__mul_size(inputs, SNNK__WEIGHT_ROWS + 2, floats) &&
           snnk__mul_size(rows, SNNK__WEIGHT_ROWS, &products) &&
           snnk__add_size(*floats, products, floats);
}

/* Scratch for derivatives on d inputs. */
typedef struct snnk__slope_scratch {
    double *doubles; /* as many as the kind asks for */
    double *columns; /* Laplacians: the inputs of a pass, transposed, d x SNNK__SLOPE_ROWS; */
    float *g;        /* and d more */
    float *work;     /* of the linear part */
} snnk__slope_scratch;

#define SNNK__SLOPE_ROWS 8 /* inputs that share a pass over G for the Laplacian */

/* An estimate at one pair (x, w): what it estimates, its variance for iid rows, and the sum over
 * its terms of c_j^2, |term j| <= c_j (infinite if a term is not bounded). All add over blocks. */
typedef struct snnk__pair_error {
    double value, variance, bound2;
} snnk__pair_error;

/* What a block says of its estimates, whatever the pair. */
typedef struct snnk__map_facts {
    double spectral_error;        /* bound on the error of the spectrum it stands for */
    double analyticity_halfwidth; /* of f: half the width of the strip; or infinite */
    double center, radius;        /* where the spectrum is f, to that error; or infinite */
    size_t fixed, random; /* features that do not, and that do, share the work with more of them */
} snnk__map_facts;

typedef struct snnk__map_kind snnk__map_kind;
typedef struct snnk__map_block snnk__map_block;

struct snnk__map_kind {
    const char *name;
    const char *stored_name; /* in model files, if not `name` */

    /* ---- Making from a snnk_map_config. NULL: other functions make blocks of this kind ---- */

    /* The function of z that a config asks for, without its scale. */
    snnk__function (*function)(const snnk_map_config *config);

    /* Check the settings of a config whose inputs and kind are checked, resolve its features, and
     * set what this kind does not use to its default. rows: how many are given, 0: drawn. */
    int (*check)(snnk_map_config *config, size_t inputs, size_t rows);
    int (*create)(const snnk__map_kind *kind, const snnk__map_request *request,
                  snnk__map_block **block);

    /* ---- Life ---- */

    /* Release the kind's own data. NULL: it has none. */
    void (*release)(snnk__map_block *block);

    /* ---- Features ---- */

    /* Every feature is finite for a |z| below this. */
    double (*safe_projection)(const snnk__map_block *block);

    /* True if each feature is an activation of one row of G, times a constant. NULL: no. */
    bool (*neurons)(const snnk__map_block *block, int32_t *activation);

    /* Add multiply-adds for one input, and numbers, beyond those of the linear part. NULL: none. */
    void (*cost)(const snnk__map_block *block, uint64_t *multiply_adds, uint64_t *parameters);

    /* ---- Derivatives with respect to x ---- */

    /* How many doubles of scratch the two functions below need. NULL: none. */
    size_t (*slope_doubles)(const snnk__map_block *block);

    /* Rows of J (features x d) at x. */
    void (*gradient)(const snnk__map_block *block, const float *x,
                     const snnk__slope_scratch *scratch, float *J, size_t ldj);

    /* The Laplacians of n <= SNNK__SLOPE_ROWS inputs, whose columns are set. */
    void (*laplacian)(const snnk__map_block *block, size_t n, const float *X, size_t ldx,
                      const snnk__slope_scratch *scratch, float *L, size_t ldl);

    /* ---- The kernel ---- */

    /* The weight tower is the input tower, and there is no b. */
    bool symmetric;

    /* Else: Psi of `count` <= SNNK__WEIGHT_ROWS rows from row `first` on. */
    void (*weights)(const snnk__map_block *block, const snnk__weight_rows *rows, size_t first,
                    size_t count, float *Psi, float *scratch);

    /* Whether a part belongs to no feature, so that bias is needed. NULL: never. */
    bool (*biased)(const snnk__map_block *block);

    /* The value that the towers estimate, in double; b is 0 where the kernel is symmetric. */
    int (*exact)(const snnk__map_block *block, const float *x, const float *w, double b,
                 double *value);

    /* ---- Other blocks from it ---- */

    /* The same features behind a linear map. */
    int (*fold)(const snnk__map_block *block, const snnk__fold *fold, snnk__map_block **folded);

    /* How many given rows it takes; and the block again with rows from the source. seed: chooses
     * what else is random. config: as the new block describes itself. folded: d floats of
     * scratch. */
    size_t (*rows_to_redraw)(const snnk__map_block *block);
    int (*redraw)(const snnk__map_block *block, const snnk_map_config *config,
                  snnk__row_source *source, float *folded, const snnk_allocator *allocator,
                  snnk__map_block **redrawn);

    /* ---- Prediction ---- */

    /* row (d + 1 values) = an input x, or a row of weights with its b, in the coordinates where the
     * kernel is one of inner products (the last is a constant); gives what is added to the inner
     * product for the pre-activation. */
    double (*place)(const snnk__map_block *block, bool weights, const float *x, double b,
                    double *row);

    /* The estimate at a pair of such products. SNNK_E_UNSUPPORTED without a closed form. */
    int (*error)(const snnk__map_block *block, const snnk__urf_products *p, double offset,
                 snnk__pair_error *error);

    /* NULL: no spectrum, all features random. facts: set to that before. */
    void (*facts)(const snnk__map_block *block, snnk__map_facts *facts);

    /* ---- Files ---- */

    /* What is not in the config's kind, features, seed and projection. */
    void (*write)(const snnk__map_block *block, snnk__sink *sink);

    /* config: those four, untrusted. Nothing larger than the file may be allocated, but for what
     * snnk__read_draws grants. SNNK_E_FORMAT, SNNK_E_NONFINITE, SNNK_E_SIZE, SNNK_E_NOMEM. */
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

/* *table = the kind of this value. SNNK_E_ENUM: there is none. */
int snnk__map_kind_find(int32_t kind, const snnk__map_kind **table);

/* Its name in model files. */
static inline const char *snnk__map_stored_name(const snnk__map_kind *kind) {
    return kind->stored_name ? kind->stored_name : kind->name;
}

/* Make a block from its record. SNNK_E_FORMAT, SNNK_E_NONFINITE, SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__map_block_read(const snnk__source *source, size_t inputs, snnk__map_block **block);

/* SNNK_E_UNSUPPORTED: "`name` features `what`". */
int snnk__map_cannot(const snnk__map_kind *kind, const char *what);

#endif
