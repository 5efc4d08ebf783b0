/* Feature maps: nonlinear features of the inputs, from which layers and fits are made.
 *
 * A map turns an input x of d numbers into m features Phi(x), whose inner products approximate a
 * kernel: Phi(x) . Phi(y) ~ k(x, y). A linear model of the features is then a nonlinear model of
 * the inputs.
 *
 *     snnk_map_config config;
 *     snnk_map_config_init(&config, sizeof config);
 *     config.features = 512;
 *     snnk_map_create(d, &config, NULL, &map);
 *     snnk_map_input_tower(map, n, X, d, Phi, 512, NULL);
 *     snnk_map_free(map);
 *
 * All kinds of features work the same way. The r rows of a matrix G and offsets c project the
 * scaled input x' = (x - mean) * scale; a function h is applied to each projection:
 *
 *     Phi(x) = a h(G x' + c)
 *
 * Rows of G are drawn from a seed, each N(0, projection_scale^2 I) in distribution, with a =
 * 1/sqrt(r); or given by the caller, with a = 1. The scaling is folded into G and c.
 *
 *     kind         h(z)                            m     kernel, for projection_scale 1 and c = 0
 *     ARC_COSINE   step(z) for order 0             r     kappa_n(x', y')/2, where kappa_n =
 *                  max(z, floor)^n for order n           (1/pi) |x'|^n |y'|^n J_n(angle)
 *     GAUSSIAN     cos z and sin z                 2 r   exp(-|x' - y'|^2/2)
 *     ELEMENTWISE  any activation                  r     E h(g . x') h(g . y')
 *     IDENTITY     z, for G = I                    d     x' . y'
 *
 * Sources: Cho & Saul 2009, eqs. (1), (3)-(6), for ARC_COSINE with floor 0; Rahimi & Recht 2007 for
 * GAUSSIAN; Sehanobish et al. 2024 for layers of ARC_COSINE features of order 1 (ReLU-SNNK).
 *
 * docs/math.md, section 7, has J_n. In general, with a projection_scale s and offsets of standard
 * deviation o, the kernel is that of (s x', o) and (s y', o): o is one more coordinate. Other kinds
 * have creators of their own: snnk_map_create_nystroem (below), <snnk/urf.h> and
 * <snnk/window.h>.
 *
 * A map is immutable and can be shared between threads. Layers and fits made from it keep it
 * alive. */
#ifndef SNNK_MAP_H
#define SNNK_MAP_H

#include <snnk/activation.h>
#include <snnk/projection.h>
#include <snnk/rows.h>
#include <snnk/scaling.h>
#include <snnk/workspace.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_map snnk_map;

/* ---- Settings ---- */

/* Kinds of features. Stored in model files: values never change. */
typedef enum snnk_map_kind {
    SNNK_MAP_ARC_COSINE = 0,
    SNNK_MAP_GAUSSIAN = 1,
    SNNK_MAP_ELEMENTWISE = 2,
    SNNK_MAP_IDENTITY = 3,
    SNNK_MAP_URF = 4,    /* atoms of a spectrum; made by <snnk/urf.h> only */
    SNNK_MAP_AFFINE = 5, /* the affine part of a spectrum; made by <snnk/urf.h> only */
    SNNK_MAP_FOLDED_URF =
        6,            /* URF or RBF features after a linear map; made by snnk_map_fold only */
    SNNK_MAP_RBF = 7, /* Gaussian kernels around landmarks; made by snnk_map_create_nystroem only */
    SNNK_MAP_WINDOW = 8,     /* pooled filters of patches; made by <snnk/window.h> only */
    SNNK_MAP_SCATTERING = 9, /* moduli of wavelets; made by <snnk/scattering.h> only */
    SNNK_MAP_MINIROCKET = 10 /* kernels of series; made by <snnk/series.h> only */
} snnk_map_kind;

/* Get the name of a kind: "arc_cosine", "gaussian", "elementwise", "identity", "urf", "affine",
 * "folded_urf", "rbf", "window", "scattering", "minirocket". Static; NULL for an unknown value. */
SNNK_API const char *snnk_map_kind_name(int32_t kind);

/* Settings of one block of features. Fill with snnk_map_config_init, then change fields. */
typedef struct snnk_map_config {
    size_t size; /* set by snnk_map_config_init */
    /* m >= 1; an even number for GAUSSIAN. Ignored for IDENTITY and for given rows, where m follows
     * from the inputs and the rows. Default 1024 */
    uint64_t features;
    /* any value. Row j depends on the seed and j alone, so a map of m features is the first half of
     * one of 2 m, except for the factor a. Default 0 */
    uint64_t seed;
    /* ARC_COSINE of order 1 or 2: the c of max(z, c), -1e15 ... 0; 0 for order 0. Default 0 */
    double floor;
    /* standard deviation of the entries of G, 1e-30 ... 1e30. A Gaussian kernel of bandwidth s has
     * 1/s. Default 1 */
    double projection_scale;
    /* standard deviation of the offsets, 0 ... 1e30. Must be 0 for GAUSSIAN, whose kernel does not
     * depend on offsets. Ignored for IDENTITY. Default 0 */
    double offset_scale;
    int32_t kind;       /* snnk_map_kind. Default ARC_COSINE */
    int32_t order;      /* ARC_COSINE: n = 0, 1 or 2. Default 1 */
    int32_t activation; /* ELEMENTWISE: h, an snnk_activation. Default SNNK_RELU */
    int32_t projection; /* snnk_projection, but not GIVEN or FOLDED. Default GAUSSIAN */
    const snnk_allocator *allocator; /* NULL (default) for malloc */
} snnk_map_config;

/* Set every field to its default.
 *   config       out: the struct to fill
 *   config_size  sizeof *config, as the caller was compiled
 * SNNK_E_NULL, SNNK_E_CONFIG (a size this library does not know). */
SNNK_API int snnk_map_config_init(snnk_map_config *config, size_t config_size);

/* ---- Creating maps ---- */

/* Create a map with rows drawn from the seed. O(m d); ORTHOGONAL and SIMPLEX also factorize a d x d
 * matrix for each group of d rows.
 *   inputs   d, at least 1
 *   config   NULL for the defaults
 *   scaling  of d inputs, ready to use; copied. NULL for none
 *   map      out: release with snnk_map_free
 * SNNK_E_NULL, SNNK_E_SHAPE, SNNK_E_SIZE, SNNK_E_CONFIG, SNNK_E_ENUM, SNNK_E_RANGE, SNNK_E_STATE
 * (the scaling has no rows yet), SNNK_E_NONFINITE (the projection overflows float),
 * SNNK_E_UNSUPPORTED (a kind with a creator of its own; or a projection that the minimal build
 * lacks), SNNK_E_NOMEM. */
SNNK_API int snnk_map_create(size_t inputs, const snnk_map_config *config,
                             const snnk_scaling *scaling, snnk_map **map);

/* Create a map with given rows: neurons of a trained layer, say, or directions for linear features
 * (ELEMENTWISE with SNNK_IDENTITY).
 *   inputs   d
 *   rows     r, at least 1
 *   G        r x d, row stride ldg >= d, finite; applied to the scaled input x'
 *   offsets  r, finite; NULL for zeros
 *   config   any kind but IDENTITY; its features, seed, projection, projection_scale and
 *            offset_scale are ignored. NULL for the defaults
 *   scaling  as in snnk_map_create
 *   map      out: release with snnk_map_free
 * Statuses of snnk_map_create, SNNK_E_STRIDE. */
SNNK_API int snnk_map_create_from_rows(size_t inputs, size_t rows, const float *G, size_t ldg,
                                       const float *offsets, const snnk_map_config *config,
                                       const snnk_scaling *scaling, snnk_map **map);

/* Put maps side by side: Phi(x) = (Phi_1(x), Phi_2(x), ...), whose kernel is the sum of theirs.
 *   n_maps  at least 1
 *   maps    of the same number of inputs. Each keeps its scaling
 *   map     out: release with snnk_map_free. Inherits the allocator of the first map
 * SNNK_E_NULL, SNNK_E_SHAPE (no maps, or different inputs), SNNK_E_SIZE, SNNK_E_NOMEM. */
SNNK_API int snnk_map_concat(size_t n_maps, const snnk_map *const *maps, snnk_map **map);

/* Put a linear map before a feature map: the new map takes y and gives the features Phi(V y + c),
 * to rounding, at the cost of any map of its size. G becomes G V, and G c is added to the offsets.
 * IDENTITY and AFFINE features become ELEMENTWISE ones. The new map cannot be redrawn, and its
 * error cannot be predicted. O(m d inputs); URF features also O(d inputs^2 + inputs^3), and two
 * matrices of (inputs + 1)^2 doubles during the call.
 *   inputs  numbers in y, at least 1
 *   V       d x inputs, row stride ldv >= inputs, finite
 *   c       d, finite; NULL for zeros
 *   folded  out: release with snnk_map_free
 * SNNK_E_NULL, SNNK_E_SHAPE, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_NONFINITE (also: a product
 * overflows float), SNNK_E_UNSUPPORTED (whitened RBF features), SNNK_E_NOMEM. */
SNNK_API int snnk_map_fold(const snnk_map *map, size_t inputs, const float *V, size_t ldv,
                           const float *c, snnk_map **folded);

/* ---- Nystroem features ---- */

/* Settings of snnk_map_create_nystroem. Fill with snnk_nystroem_config_init, then change fields. */
typedef struct snnk_nystroem_config {
    size_t size; /* set by snnk_nystroem_config_init */
    /* m, the number of landmarks. Default 1024; if there are fewer rows, all of them are
     * landmarks */
    uint64_t features;
    /* chooses the landmarks if there are more than m rows. With the same seed, a smaller m takes
     * the first of the same landmarks. Default 0 */
    uint64_t seed;
    /* s of the kernel, 1e-30 ... 1e30, in scaled inputs; 0 (default): the median distance between
     * landmarks (the first 512 of them), or 1 if that is 0 */
    double bandwidth;
    /* Eigenvalues of K below this are raised to it, 1e-15 ... 1. Below the default, 1e-8, features
     * in float are noise (docs/numerics.md) */
    double smallest_eigenvalue;
    /* 1 (default): multiply by K^(-1/2). 0: the features are k(x, z_j), whose inner products do not
     * approximate the kernel; needs no m x m matrix */
    int32_t whiten;
    int32_t reserved;                /* 0 */
    const snnk_allocator *allocator; /* NULL (default) for malloc */
} snnk_nystroem_config;

/* Set every field to its default; as snnk_map_config_init. */
SNNK_API int snnk_nystroem_config_init(snnk_nystroem_config *config, size_t config_size);

/* Create the Nystroem features of the Gaussian kernel k(x, y) = exp(-|x' - y'|^2/(2 s^2)) (Williams
 * & Seeger 2001; Nystroem of scikit-learn), from landmarks z_1 ... z_m among given rows:
 *
 *     Phi(x) = K^(-1/2) (k(x, z_1) ... k(x, z_m)),      K_ij = k(z_i, z_j)
 *
 * They are made for the data that the landmarks come from: on most tables they need far fewer
 * features than GAUSSIAN ones for the same error. A fit of them with a ridge is kernel ridge
 * regression restricted to the landmarks. Features cost m (d + m) multiply-adds a row, and the map
 * holds m^2 floats. A layer folds K^(-1/2) into Psi, and costs m (d + outputs) like any other.
 * Creating takes O(m^2 (m + d)).
 *   inputs   d, at least 1
 *   rows     candidates for landmarks, at least 1; targets and weights are ignored
 *   config   NULL for the defaults
 *   scaling  of d inputs, ready to use; copied. NULL for none
 *   map      out: release with snnk_map_free
 * SNNK_E_NULL, SNNK_E_SHAPE, SNNK_E_SIZE, SNNK_E_STRIDE, SNNK_E_CONFIG, SNNK_E_RANGE, SNNK_E_ENUM,
 * SNNK_E_STATE (the scaling has no rows yet), SNNK_E_NONFINITE (an input; or landmarks too far
 * apart for float), SNNK_E_UNSUPPORTED (whitening in the minimal build), SNNK_E_SINGULAR (LAPACK's
 * eigenvalues did not converge), SNNK_E_NOMEM. */
SNNK_API int snnk_map_create_nystroem(size_t inputs, const snnk_rows *rows,
                                      const snnk_nystroem_config *config,
                                      const snnk_scaling *scaling, snnk_map **map);

/* ---- Owners ---- */

/* Add an owner: returns the same map, which every owner releases once with snnk_map_free. NULL for
 * NULL. Cannot fail. Any thread may call it. */
SNNK_API snnk_map *snnk_map_retain(const snnk_map *map);

/* Release a map: the last owner frees it. NULL is fine. */
SNNK_API void snnk_map_free(snnk_map *map);

/* ---- Reading maps ---- */

/* Get sizes. 0 for NULL. */
SNNK_API size_t snnk_map_inputs(const snnk_map *map);   /* d */
SNNK_API size_t snnk_map_features(const snnk_map *map); /* m */
SNNK_API size_t snnk_map_blocks(const snnk_map *map);   /* blocks side by side */

/* Get the number of rows of G of a block. 0 for NULL, for a block that does not exist, and for
 * windows, which have none. */
SNNK_API size_t snnk_map_block_row_count(const snnk_map *map, size_t block);

/* Get the settings of a block. Fields that its kind does not use have their defaults; the allocator
 * is NULL.
 *   block   0 ... blocks-1
 *   config  out: set its size first (snnk_map_config_init does)
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_RANGE. */
SNNK_API int snnk_map_block_config(const snnk_map *map, size_t block, snnk_map_config *config);

/* Copy the projection of a block as it acts on raw inputs, G x + c: the scaling, or the frame of
 * URF and AFFINE blocks, is folded in. IDENTITY gives a diagonal matrix. HD3 rows are computed by
 * this call.
 *   block    0 ... blocks-1
 *   G        out: rows x d, row stride ldg >= d; NULL if not wanted
 *   offsets  out: rows numbers; NULL if not wanted
 * SNNK_E_NULL, SNNK_E_RANGE, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_OVERLAP, SNNK_E_NOMEM. */
SNNK_API int snnk_map_block_rows(const snnk_map *map, size_t block, float *G, size_t ldg,
                                 float *offsets);

/* ---- Features ---- */

/* Compute the features of inputs, Phi(X). O(n m d). Each row's features depend on that row alone,
 * bit for bit, whatever the number of rows and threads. Non-finite inputs give non-finite features.
 *   X          n x d, row stride ldx >= d
 *   Phi        out: n x m, row stride ldphi >= m; must not overlap X
 *   workspace  NULL for one thread
 * SNNK_E_NULL, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_OVERLAP, SNNK_E_NOMEM. */
SNNK_API int snnk_map_input_tower(const snnk_map *map, size_t n, const float *X, size_t ldx,
                                  float *Phi, size_t ldphi, snnk_workspace *workspace);

/* Compute features of weights: f(w . x + b) ~ Phi(x) . Psi(w, b) + bias(w, b) for maps from a
 * spectrum, k(x, w) ~ Phi(x) . Psi(w) for all others, whose Psi is Phi. O(l m d).
 *   W          l x d, row stride ldw >= d
 *   b          l; NULL for zeros. Must be NULL for a kernel that is symmetric
 *   Psi        out: l x m, row stride ldpsi >= m; must not overlap W
 *   bias       out: l, the part that belongs to no feature; NULL if not wanted. It matters for
 *              AFFINE blocks, and for URF blocks with a constant part; for others it is 0
 *   workspace  NULL for one thread
 * SNNK_E_NULL, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_OVERLAP, SNNK_E_UNSUPPORTED (b for a symmetric
 * kernel; folded URF features; RBF features without whitening), SNNK_E_NOMEM. */
SNNK_API int snnk_map_weight_tower(const snnk_map *map, size_t l, const float *W, size_t ldw,
                                   const float *b, float *Psi, size_t ldpsi, float *bias,
                                   snnk_workspace *workspace);

/* Compute the exact value that Phi(x) . Psi(w, b) + bias estimates: f(w . x + b), or the kernel
 * k(x, w). In double.
 *   x, w   d numbers each
 *   b      must be 0 for a symmetric kernel
 *   value  out
 * SNNK_E_NULL, SNNK_E_UNSUPPORTED (rows that were given or folded, a floor below 0, an activation
 * without a closed form, b for a symmetric kernel: the message says which). */
SNNK_API int snnk_map_exact(const snnk_map *map, const float *x, const float *w, double b,
                            double *value);

/* ---- Derivatives with respect to x ---- */

/* Compute the Jacobian of the features at one input. O(m d). At a kink (relu, step) the derivative
 * is that of snnk_activation_derivative.
 *   x  d numbers
 *   J  out: d Phi / d x, m x d, row stride ldj >= d
 * SNNK_E_NULL, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_OVERLAP, SNNK_E_NOMEM. */
SNNK_API int snnk_map_gradient(const snnk_map *map, const float *x, float *J, size_t ldj);

/* Compute the Laplacian of every feature, sum_k d^2 Phi_j / d x_k^2. O(n m d). The point mass of a
 * kink (relu, step) is left out. With this a linear differential equation in u(x) = Psi Phi(x)
 * becomes least squares in Psi.
 *   X          n x d, row stride ldx >= d
 *   L          out: n x m, row stride ldl >= m; must not overlap X
 *   workspace  NULL for one thread
 * SNNK_E_NULL, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_OVERLAP, SNNK_E_NOMEM. */
SNNK_API int snnk_map_laplacian(const snnk_map *map, size_t n, const float *X, size_t ldx, float *L,
                                size_t ldl, snnk_workspace *workspace);

/* ---- Saving and loading ---- */

/* Save a map to a file. A layer, fit or network needs no map beside it: it saves its own.
 *   path        the file; an existing one is replaced at the end, and stays as it was on failure
 *   projection  an snnk_save_projection
 * SNNK_E_NULL, SNNK_E_ENUM, SNNK_E_SIZE, SNNK_E_NOMEM, SNNK_E_IO. */
SNNK_API int snnk_map_save(const snnk_map *map, const char *path, int32_t projection);

/* Load a map. It gives the same bits as the saved one on one kernel table, and can do all that that
 * one could.
 *   allocator  NULL for malloc
 *   map        out: release with snnk_map_free
 * SNNK_E_NULL, SNNK_E_IO, SNNK_E_FORMAT, SNNK_E_VERSION, SNNK_E_TRUNCATED, SNNK_E_CHECKSUM,
 * SNNK_E_NONFINITE, SNNK_E_SIZE, SNNK_E_NOMEM. */
SNNK_API int snnk_map_load(const char *path, const snnk_allocator *allocator, snnk_map **map);

/* Save to memory, or load from it.
 *   bytes   from snnk_map_saved_bytes for the same map and projection
 *   buffer  that many bytes
 * Statuses as above, without SNNK_E_IO. */
SNNK_API int snnk_map_saved_bytes(const snnk_map *map, int32_t projection, size_t *bytes);
SNNK_API int snnk_map_save_memory(const snnk_map *map, int32_t projection, void *buffer,
                                  size_t bytes);
SNNK_API int snnk_map_load_memory(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                                  snnk_map **map);

#ifdef __cplusplus
}
#endif

#endif
