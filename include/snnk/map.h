/* Feature maps: the towers of an SNNK layer.
 *
 * A map turns an input x in R^d into m real features Phi(x). Every kind is the same mechanism: a
 * projection G x' + c (r rows), then an elementwise function h, times a constant a:
 *
 *     Phi(x) = a h(G x' + c),      x' = (x - mean) * scale  elementwise (x' = x without a scaling)
 *
 * The scaling is folded into G and c once, at creation, and costs nothing afterwards. (In float:
 * where a mean is thousands of times the spread around it, centre the data before.)
 *
 * The rows of G are drawn (each row is N(0, projection_scale^2 I) in distribution) or given by the
 * caller. Where they are drawn, a = 1/sqrt(r), so that the dot product of two towers is a mean over
 * rows and estimates a kernel; where they are given, a = 1: features as they stand.
 *
 *     kind         h(z)                      m     kernel that Phi(x) . Phi(y) estimates
 *     ARC_COSINE   step(z), order 0          r     kappa_n(x', y')/2,
 *                  max(z, floor)^n, order n        kappa_n = (1/pi) |x'|^n |y'|^n J_n(angle)
 *     GAUSSIAN     cos z and sin z           2 r   exp(-|x' - y'|^2/2)
 *     ELEMENTWISE  any activation            r     E h(g.x' + c) h(g.y' + c): closed forms for
 *                                                  identity, step, relu, sin, cos, exp, erf
 *     IDENTITY     z, no projection          d     x' . y' exactly (a = 1)
 *
 * (With projection_scale s read s x' for x'. With offset_scale o > 0 the kernel is that of the
 * inputs (s x', o): one constant coordinate appended.) Sources: Cho & Saul 2009, eqs. (1), (3)-(6)
 * for ARC_COSINE with floor 0; Rahimi & Recht 2007 for GAUSSIAN. ARC_COSINE of order 1 is the
 * ReLU-SNNK of Sehanobish et al. 2024: a layer different from, and strictly more expressive than,
 * relu(w . x). The cos and sin of row j are features 2 j and 2 j + 1.
 *
 * Maps are immutable: share one between threads freely. Layers and fits made from a map keep it
 * alive; free yours whenever you like. */
#ifndef SNNK_MAP_H
#define SNNK_MAP_H

#include <snnk/activation.h>
#include <snnk/projection.h>
#include <snnk/scaling.h>
#include <snnk/workspace.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_map snnk_map;

/* ---- Creating maps ---- */

/* Stored in model files: values never change. */
typedef enum snnk_map_kind {
    SNNK_MAP_ARC_COSINE = 0,
    SNNK_MAP_GAUSSIAN = 1,
    SNNK_MAP_ELEMENTWISE = 2,
    SNNK_MAP_IDENTITY = 3,
    SNNK_MAP_URF = 4,       /* made by <snnk/urf.h> only: atoms of a spectrum */
    SNNK_MAP_AFFINE = 5,    /* made by <snnk/urf.h> only: the affine part of a spectrum */
    SNNK_MAP_FOLDED_URF = 6 /* made by snnk_map_fold only: URF behind a linear map */
} snnk_map_kind;

/* Name a kind of features: "arc_cosine", "gaussian", "elementwise", "identity", "urf", "affine",
 * "folded_urf".
 *   kind  an snnk_map_kind
 * Returns a static string, or NULL for a value that is none. */
SNNK_API const char *snnk_map_kind_name(int32_t kind);

/* Settings of one block of features. Fill with snnk_map_config_init(&config, sizeof config), then
 * change fields. */
typedef struct snnk_map_config {
    size_t size;       /* bytes of this struct as the caller knows it; set by init */
    uint64_t features; /* m >= 1, even for GAUSSIAN; ignored (and resolved) for IDENTITY and
                              * for given rows. Default 1024 */
    uint64_t seed;     /* any value. Default 0. Row j depends on (seed, j) only: up to the
                              * constant a, a map of m features is a prefix of one of 2 m */
    double floor;      /* ARC_COSINE of order 1, 2: the c of max(z, c), -1e15 ... 0; must be
                              * 0 for order 0. Default 0 */
    /* drawn rows are N(0, projection_scale^2 I); 1e-30 ... 1e30. Default 1. A Gaussian kernel of
     * bandwidth sigma is projection_scale 1/sigma */
    double projection_scale;
    double offset_scale; /* drawn offsets are N(0, offset_scale^2); 0 ... 1e30; 0 for GAUSSIAN,
                              * where they would cancel; ignored for IDENTITY. Default 0 */
    int32_t kind;        /* snnk_map_kind. Default ARC_COSINE */
    int32_t order;       /* ARC_COSINE: 0, 1 or 2. Default 1 */
    int32_t activation;  /* ELEMENTWISE: h, an snnk_activation. Default SNNK_RELU */
    int32_t projection;  /* any but GIVEN. Default GAUSSIAN */
    const snnk_allocator *allocator; /* NULL for malloc */
} snnk_map_config;

/* Fill *config with the defaults. config_size is sizeof *config as the caller was compiled.
 * SNNK_E_NULL, SNNK_E_CONFIG. */
SNNK_API int snnk_map_config_init(snnk_map_config *config, size_t config_size);

/* A map on d = `inputs` inputs with rows drawn from the seed. config: NULL for the defaults.
 * scaling: NULL for none; otherwise on d inputs, and ready. Cost: O(m d) draws; ORTHOGONAL also one
 * QR factorisation of a d x d matrix for each block of d rows (always the whole block, so that the
 * prefix property holds bit for bit on one machine), and d^2 doubles of scratch. SNNK_E_NULL,
 * SNNK_E_SHAPE, SNNK_E_SIZE, SNNK_E_CONFIG, SNNK_E_ENUM, SNNK_E_RANGE, SNNK_E_STATE (scaling has
 * seen no data), SNNK_E_NONFINITE (the folded projection leaves the range of float),
 * SNNK_E_UNSUPPORTED (ORTHOGONAL, SIMPLEX or SOBOL in the minimal build), SNNK_E_NOMEM. */
SNNK_API int snnk_map_create(size_t inputs, const snnk_map_config *config,
                             const snnk_scaling *scaling, snnk_map **map);

/* A map whose rows are given: landmarks, neurons of a teacher, directions of a linear bypass
 * (ELEMENTWISE with SNNK_IDENTITY: r linear features). G: r x d, row stride ldg >= d, applied to
 * the scaled input x'; offsets: r, or NULL for zeros; all finite. The config's kind must not be
 * IDENTITY; its features, seed, projection, projection_scale and offset_scale are ignored.
 * Statuses as snnk_map_create, SNNK_E_STRIDE, and SNNK_E_UNSUPPORTED (IDENTITY). */
SNNK_API int snnk_map_create_from_rows(size_t inputs, size_t rows, const float *G, size_t ldg,
                                       const float *offsets, const snnk_map_config *config,
                                       const snnk_scaling *scaling, snnk_map **map);

/* Maps on the same inputs side by side: Phi(x) = (Phi_1(x), Phi_2(x), ...). Kernels add. Each part
 * keeps its own scaling. n_maps >= 1; the allocator is the first map's. SNNK_E_NULL, SNNK_E_SHAPE
 * (no maps, or different inputs), SNNK_E_SIZE, SNNK_E_NOMEM. */
SNNK_API int snnk_map_concat(size_t n_maps, const snnk_map *const *maps, snnk_map **map);

/* A map behind a linear one: Phi'(y) = Phi(V y + c), on `inputs` inputs, feature by feature the
 * same. G becomes G V, summed in double and rounded once, and c joins the offsets: the width in
 * between is gone. Identity features become ELEMENTWISE ones with SNNK_IDENTITY; where features
 * need |x|^2 (URF) they get it from a triangular factor R, |V y + c|^2 = |R (y, 1)|^2, of at most
 * inputs + 1 rows. V: d x inputs, row stride ldv >= inputs, d the map's inputs; c: d, or NULL for
 * zeros; all finite. Rows that were drawn are so no more (see SNNK_PROJECTION_FOLDED), and a folded
 * map cannot be redrawn or predicted; its weight tower, where its kernel is symmetric, is on the
 * new inputs. Cost: O(m d inputs); with R also O(d inputs^2 + inputs^3) and two matrices of (inputs
 * + 1)^2 doubles meanwhile. SNNK_E_NULL, SNNK_E_SHAPE (inputs = 0), SNNK_E_STRIDE, SNNK_E_SIZE,
 * SNNK_E_NONFINITE (V, c, or a product leaves the range of float), SNNK_E_NOMEM. */
SNNK_API int snnk_map_fold(const snnk_map *map, size_t inputs, const float *V, size_t ldv,
                           const float *c, snnk_map **folded);

/* Free it. NULL is fine. */
SNNK_API void snnk_map_free(snnk_map *map);

/* ---- Using maps ---- */

SNNK_API size_t snnk_map_inputs(const snnk_map *map);   /* d; 0 for NULL */
SNNK_API size_t snnk_map_features(const snnk_map *map); /* m; 0 for NULL */
SNNK_API size_t snnk_map_blocks(const snnk_map *map); /* how many blocks side by side; 0 for NULL */

/* Read the settings of block `block` (0 ... blocks-1) back into *config, whose size must be set
 * (snnk_map_config_init). Its projection may be SNNK_PROJECTION_GIVEN; settings that its kind does
 * not use have their defaults; its allocator is NULL. SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_RANGE. */
SNNK_API int snnk_map_block_config(const snnk_map *map, size_t block, snnk_map_config *config);

/* Copy out what block `block` runs with: G (r x d, row stride ldg >= d) and offsets c (r), the
 * scaling folded in, so that the projection is G x + c on raw inputs. Either may be NULL. r is m,
 * or m/2 for GAUSSIAN; for IDENTITY G is the diagonal matrix of the scales; for URF it is on the
 * frame's inputs, without s. HD3 rows are made for the call. SNNK_E_NULL, SNNK_E_RANGE,
 * SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_OVERLAP, SNNK_E_NOMEM. */
SNNK_API int snnk_map_block_rows(const snnk_map *map, size_t block, float *G, size_t ldg,
                                 float *offsets);

/* Input tower: Phi = Phi(X). X: n x d, row stride ldx >= d. Phi: n x m, row stride ldphi >= m, must
 * not overlap X. n = 0 does nothing. Non-finite inputs propagate. Rows are split over the
 * workspace's threads; each row's result depends on that row alone, bit for bit. O(n m d).
 * SNNK_E_NULL, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_OVERLAP. */
SNNK_API int snnk_map_input_tower(const snnk_map *map, size_t n, const float *X, size_t ldx,
                                  float *Phi, size_t ldphi, snnk_workspace *workspace);

/* Weight tower: f(w . x + b) ~ Phi(x) . Psi(w, b) + bias(w, b), or a kernel k(x, w) ~ Phi(x) .
 * Psi(w). W: l x d, row stride ldw >= d; b: l, or NULL for zeros; Psi: l x m, row stride ldpsi >=
 * m; bias: l, what belongs to no feature; may be NULL where it is 0 (all kinds but LINE). For
 * ARC_COSINE, GAUSSIAN, ELEMENTWISE and IDENTITY the kernel is symmetric, Psi(w) = Phi(w), and b
 * must be NULL. O(l m d), through the kernels. SNNK_E_UNSUPPORTED (b given to a symmetric kernel),
 * else as the input tower. */
SNNK_API int snnk_map_weight_tower(const snnk_map *map, size_t l, const float *W, size_t ldw,
                                   const float *b, float *Psi, size_t ldpsi, float *bias,
                                   snnk_workspace *workspace);

/* The exact value of the kernel that Phi(x) . Psi(w, b) + bias estimates without bias, in double.
 * x, w: d; b: 0 where the kernel is symmetric. SNNK_E_NULL, SNNK_E_UNSUPPORTED (rows given, a floor
 * below 0, no closed form for the activation, or b given to a symmetric kernel: says which). */
SNNK_API int snnk_map_exact(const snnk_map *map, const float *x, const float *w, double b,
                            double *value);

/* ---- Derivatives with respect to x ---- */

/* J = d Phi / d x at one input. x: d; J: m x d, row stride ldj >= d. O(m d). At a kink (relu, step)
 * the derivative is the activation's (snnk_activation_derivative). Non-finite x propagates.
 * SNNK_E_NULL, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_OVERLAP, SNNK_E_NOMEM. */
SNNK_API int snnk_map_gradient(const snnk_map *map, const float *x, float *J, size_t ldj);

/* L = Laplacian of every feature, sum_k d^2 Phi_j / d x_k^2, for n inputs. X: n x d, row stride ldx
 * >= d; L: n x m, row stride ldl >= m, must not overlap X. Where a kink makes it a point mass
 * (relu, step) the mass is left out: 0. So a linear differential equation in u(x) = Psi Phi(x) is
 * least squares in Psi. Rows are split over the workspace's threads. O(n m d). Statuses as the
 * gradient. */
SNNK_API int snnk_map_laplacian(const snnk_map *map, size_t n, const float *X, size_t ldx, float *L,
                                size_t ldl, snnk_workspace *workspace);

#ifdef __cplusplus
}
#endif

#endif
