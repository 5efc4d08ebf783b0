/* Universal random features: a map for f(w . x + b), for any activation f, and what it will cost.
 *
 * READ FIRST: the standard error of these features grows like exp(|omega| |x| |w|) and falls like
 * 1/sqrt(m). Where |x| |w| is large (a transformer layer behind a LayerNorm, a trained SIREN) no m
 * helps: fit the layer instead (snnk_fit). snnk_map_predict tells before anything is paid for.
 *
 * With atoms (kappa_k, c_k) of a spectrum, rows g_j ~ N(0, I_d), and alpha beta = kappa,
 *
 *     exp(kappa w~.x~) = E Lambda_g(alpha x~) Lambda_g(beta w~)
 *     Lambda_g(u) = (1-4A)^(d/4) exp(A |g|^2 + sqrt(1-4A) g.u - u.u/2)        (u.u not conjugated)
 *
 * (Likhosherstov et al. 2022; Sehanobish et al. 2024), alpha = s exp(i theta). x~ and w~ are x and
 * w seen in a frame, in which they are short:
 *
 *     w.x = w~.x~ + w.mu + nu.(x - mu),      x~ = M (x - mu),      w~ = M^-T (w - nu)
 *
 * The frame is folded into the projection: a map in a frame has the same cost as one without. The
 * affine part of the spectrum becomes linear features. Then
 *
 *     f(w.x + b) ~ Phi(x) . Psi(w, b) + bias(w, b)
 *
 * without bias in the statistician's sense (but for the error of the spectrum). */
#ifndef SNNK_URF_H
#define SNNK_URF_H

#include <snnk/frame.h>
#include <snnk/map.h>
#include <snnk/spectrum.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Maps ---- */

/* How alpha = s exp(i theta) is turned. Values never change. */
typedef enum snnk_urf_form {
    SNNK_URF_POSITIVE = 0,      /* theta = 0: exp(s g.x~ - s^2 |x~|^2/2) */
    SNNK_URF_TRIGONOMETRIC = 1, /* theta = pi/2: cos and sin of s g.x~, times exp(s^2 |x~|^2/2) */
    SNNK_URF_COMPLEX = 2        /* theta = angle: real and imaginary parts */
} snnk_urf_form;

/* Which atom a row is given. Values never change. */
typedef enum snnk_urf_atoms {
    SNNK_URF_STRATIFIED = 0, /* each atom its share of rows (by what it adds to the variance), at
                              * least one; only atoms that deserve less than a row are sampled */
    SNNK_URF_IMPORTANCE = 1, /* independent draws, probability ~ |c_k| sqrt(E |Lambda Lambda|^2) */
    SNNK_URF_AMPLITUDE = 2   /* independent draws, probability ~ |c_k| */
} snnk_urf_atoms;

/* What becomes of the affine part of the spectrum. Values never change. */
typedef enum snnk_urf_affine {
    SNNK_URF_AFFINE_AUTO = 0,  /* EXACT if at most half of the features suffice, else SKETCH */
    SNNK_URF_AFFINE_EXACT = 1, /* d identity features: no error */
    SNNK_URF_AFFINE_SKETCH =
        2,                   /* nu.(x-mu), exact, and r random projections g.x~: unbiased, variance
                                 * slope^2 (|x~|^2 |w~|^2 + (x~.w~)^2)/r; features are split between
                                 * these and the atoms for the least predicted variance */
    SNNK_URF_AFFINE_OMIT = 3 /* left out: the caller adds intercept + slope (w.x + b), say by
                                 * folding it into a linear layer that follows */
} snnk_urf_affine;

/* snnk_urf_config.A: the closed form of least variance for each atom. */
#define SNNK_A_OPTIMAL 1.0

typedef struct snnk_urf_config {
    size_t size;
    uint64_t features; /* at most so many, rows that the frame costs included. Default 1024 */
    uint64_t seed;     /* Default 0 */
    double A; /* -1e6 ... 0.124 (1/8 and more: infinite variance), or SNNK_A_OPTIMAL. Default 0 */
    double input_norm,
        weight_norm; /* rms |x~| and |w~|, for s and the shares of atoms. 0 (default):
                                     * the frame's; 1 without a frame */
    /* s of every atom, 1e-6 ... 1e6; 0 (default): balanced, s^2 = |kappa| |w~|/|x~| */
    double scale;
    double angle;       /* COMPLEX: theta, 0 ... pi/2. Default pi/4 */
    int32_t form;       /* snnk_urf_form. Default POSITIVE */
    int32_t hyperbolic; /* 1: each row g is used as g and -g, which cancels the first-order noise of
                         * both towers; twice the features a row, but for TRIGONOMETRIC without nu.
                         * Default 1 */
    int32_t atoms;      /* snnk_urf_atoms. Default STRATIFIED */
    int32_t affine;     /* snnk_urf_affine. Default AUTO */
    int32_t projection; /* snnk_projection. Default GAUSSIAN */
    int32_t reserved;
    const snnk_allocator *allocator;
} snnk_urf_config;

SNNK_API int snnk_urf_config_init(snnk_urf_config *config, size_t config_size);

/* A map for f(w.x + b), f given by its spectrum. config, frame: NULL for defaults, and for none.
 * Its blocks are, in this order, those of the affine part (kind LINE) and of the atoms (kind URF),
 * as far as there are any. Features saturate at exp(36): finite for every finite input.
 * SNNK_E_NULL, SNNK_E_SHAPE, SNNK_E_SIZE, SNNK_E_CONFIG, SNNK_E_ENUM, SNNK_E_RANGE (a setting; or
 * so few features that not one row fits: says how many are needed), SNNK_E_NONFINITE,
 * SNNK_E_UNSUPPORTED (a projection that this build lacks), SNNK_E_NOMEM. */
SNNK_API int snnk_map_create_urf(size_t inputs, const snnk_spectrum *spectrum,
                                 const snnk_urf_config *config, const snnk_frame *frame,
                                 snnk_map **map);

/* The same with rows given: G: rows x d, row stride ldg, standard normal in distribution if the
 * estimate is to be unbiased. The first rows go to the sketch, if there is one; those that do not
 * fit config->features are left over. config->seed chooses atoms alone. SNNK_E_SHAPE (not enough
 * rows: says how many). */
SNNK_API int snnk_map_create_urf_from_rows(size_t inputs, const snnk_spectrum *spectrum,
                                           size_t rows, const float *G, size_t ldg,
                                           const snnk_urf_config *config, const snnk_frame *frame,
                                           snnk_map **map);

/* The same map with other rows: the same atoms, frame, scales and split of features, rows drawn
 * from `seed` by the map's projection; or given, G: rows x d as above, where G is not NULL (seed
 * then chooses atoms alone). For maps of kinds URF and LINE only. Costs what drawing costs: for
 * means over draws, and for fresh projections during training. SNNK_E_NULL, SNNK_E_UNSUPPORTED
 * (other kinds; no seed for given rows), SNNK_E_SHAPE (not enough rows: says how many),
 * SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_NONFINITE, SNNK_E_NOMEM. */
SNNK_API int snnk_map_redraw(const snnk_map *map, uint64_t seed, size_t rows, const float *G,
                             size_t ldg, snnk_map **redrawn);

/* Features for exp(w.x + b): softmax attention. POSITIVE and hyperbolic are the features of
 * Choromanski et al. 2021, TRIGONOMETRIC those of Rahimi & Recht, A = SNNK_A_OPTIMAL those of
 * Likhosherstov et al. 2022. snnk_map_create_urf with the spectrum of exp. */
SNNK_API int snnk_map_create_softmax(size_t inputs, const snnk_urf_config *config,
                                     const snnk_frame *frame, snnk_map **map);

/* ---- Calibration: one call that chooses ---- */

/* What was chosen, and why: predicted standard errors (relative, at the given number of features)
 * of the alternatives, each with the best of everything else. Fill `size` first. */
typedef struct snnk_urf_report {
    size_t size;
    double predicted;       /* of the choice */
    double plain;           /* s = 1, no frame, independent draws: infinity if it overflows, or if
                             * no spectrum that was tried has atoms */
    double balanced;        /* s balanced, no frame */
    double centered_inputs; /* x centred */
    double centered_both;   /* x and w centred */
    double diagonal;        /* x and w centred, diagonal metric */
    double whitened;        /* x and w centred, whitened */
    /* NOT predicted but measured: of f(w.mu + nu.(x - mu) + b), which needs no random feature.
     * Where this is smaller, random features only add noise: do not use them */
    double without_features;
    double spectral_error; /* bound, absolute: snnk_spectrum_error. Of a line that calibration
                            * fitted itself: the largest error on a grid */
    double radius, half_period, center; /* of the spectrum chosen */
    double l1;
    double input_norm, weight_norm; /* in the frame chosen */
    double A;                       /* of the atom with the largest share; 0 if none */
    uint64_t atoms;
    uint64_t features;                                    /* used */
    uint64_t sketch_features;                             /* of them for the affine part */
    uint64_t directions;                                  /* of the frame */
    int32_t frame_center, frame_metric, form, hyperbolic; /* as in the configs */
    int32_t method;                                       /* snnk_spectrum_method */
    int32_t optimal_A;                                    /* 1: A was chosen in closed form */
} snnk_urf_report;

SNNK_API int snnk_urf_report_init(snnk_urf_report *report, size_t report_size);

/* The map for f(w.x + b) of least predicted error on a batch: X: n x d (n >= 2), W: l x d (l >= 2),
 * b: l or NULL. Chooses the frame, the interval and method of the spectrum, form, hyperbolic, A;
 * predicts each on rows that the frame was not learnt from (every fourth; of fewer than 4 inputs or
 * weights all serve as both, and predictions are too good), then learns the frame again from all.
 * The interval of the spectrum is what at most 128 inputs times 128 weights span, and a quarter
 * more on each side: ask snnk_map_predict for beyond_interval. spectrum: NULL, or the one to use
 * (activation is then that of the exact values, for without_features alone). config: features,
 * seed, atoms, affine, projection and allocator are kept as given; the rest is chosen. report: NULL
 * if not wanted. Deterministic. Statuses as snnk_spectrum_create, snnk_frame_create,
 * snnk_map_create_urf. */
SNNK_API int snnk_urf_calibrate(size_t inputs, int32_t activation, const snnk_spectrum *spectrum,
                                size_t n, const float *X, size_t ldx, size_t l, const float *W,
                                size_t ldw, const float *b, const snnk_urf_config *config,
                                snnk_urf_report *report, snnk_map **map);

#ifdef __cplusplus
}
#endif

#endif
