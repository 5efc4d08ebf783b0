/* Universal random features: a map for f(w . x + b), for any activation f.
 *
 * With these a trained dense layer becomes random features and a linear readout, without data:
 *
 *     f(w . x + b) ~ Phi(x) . Psi(w, b) + bias(w, b)
 *
 *     snnk_spectrum_create(SNNK_TANH, NULL, &spectrum);
 *     snnk_map_create_urf(d, spectrum, NULL, NULL, &map);
 *     snnk_map_weight_tower(map, l, W, d, b, Psi, m, bias, NULL);
 *
 * Check first whether it can work: the standard error grows like exp(|omega| |x| |w|), where omega
 * are the frequencies of f, and falls like 1/sqrt(m). If |x| |w| is large (layers of a transformer
 * after a LayerNorm, a trained SIREN), no number of features is enough: fit the layer instead
 * (<snnk/fit.h>). snnk_map_predict (<snnk/predict.h>) computes the error of a map before you use
 * it; snnk_urf_calibrate, below, chooses all settings for the smallest predicted error.
 *
 * How it works: f is a sum of exponentials c_k exp(kappa_k z), the atoms of its spectrum
 * (<snnk/spectrum.h>). With rows g_j ~ N(0, I_d) and alpha beta = kappa,
 *
 *     exp(kappa w~ . x~) = E Lambda_g(alpha x~) Lambda_g(beta w~)
 *     Lambda_g(u) = (1-4A)^(d/4) exp(A |g|^2 + sqrt(1-4A) g.u - u.u/2)        (u.u not conjugated)
 *
 * (Likhosherstov et al. 2022; Sehanobish et al. 2024), where alpha = s exp(i theta), and x~ and w~
 * are x and w in a frame (<snnk/frame.h>). The affine part of the spectrum becomes linear features.
 * The estimate is unbiased, except for the error of the spectrum. docs/math.md derives this. */
#ifndef SNNK_URF_H
#define SNNK_URF_H

#include <snnk/frame.h>
#include <snnk/map.h>
#include <snnk/spectrum.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Settings ---- */

/* The angle theta of alpha. Values never change. */
typedef enum snnk_urf_form {
    SNNK_URF_POSITIVE = 0,      /* theta = 0: exp(s g.x~ - s^2 |x~|^2/2) */
    SNNK_URF_TRIGONOMETRIC = 1, /* theta = pi/2: cos and sin of s g.x~, times exp(s^2 |x~|^2/2) */
    SNNK_URF_COMPLEX = 2        /* theta = angle: real and imaginary parts */
} snnk_urf_form;

/* Which atom each row is for. Values never change. */
typedef enum snnk_urf_atoms {
    /* Each atom gets rows in proportion to what it adds to the standard error. Only atoms that
     * deserve less than one row are drawn at random. */
    SNNK_URF_STRATIFIED = 0,
    SNNK_URF_IMPORTANCE = 1, /* independent draws, probability ~ |c_k| sqrt(E |Lambda Lambda|^2) */
    SNNK_URF_AMPLITUDE = 2   /* independent draws, probability ~ |c_k| */
} snnk_urf_atoms;

/* What becomes of the affine part of the spectrum. Values never change. */
typedef enum snnk_urf_affine {
    SNNK_URF_AFFINE_AUTO = 0,  /* EXACT if that takes at most half of the features, else SKETCH */
    SNNK_URF_AFFINE_EXACT = 1, /* d identity features: no error */
    /* the exact feature nu.(x-mu), and r random projections g.x~: unbiased, with variance
     * slope^2 (|x~|^2 |w~|^2 + (x~.w~)^2)/r. r is chosen for the smallest predicted variance. */
    SNNK_URF_AFFINE_SKETCH = 2,
    SNNK_URF_AFFINE_OMIT = 3 /* left out: the caller adds intercept + slope (w.x + b) */
} snnk_urf_affine;

/* Get the name of an snnk_urf_form: "positive", "trigonometric", "complex"; of an snnk_urf_atoms:
 * "stratified", "importance", "amplitude"; of an snnk_urf_affine: "auto", "exact", "sketch",
 * "omit". Static; NULL for an unknown value. */
SNNK_API const char *snnk_urf_form_name(int32_t form);
SNNK_API const char *snnk_urf_atoms_name(int32_t atoms);
SNNK_API const char *snnk_urf_affine_name(int32_t affine);

/* A value of snnk_urf_config.A: use the A with the smallest variance for each atom, which has a
 * closed form. */
#define SNNK_A_OPTIMAL 1.0

/* Settings of universal random features. Fill with snnk_urf_config_init, then change fields. */
typedef struct snnk_urf_config {
    size_t size;       /* set by snnk_urf_config_init */
    uint64_t features; /* m, the most features, including those that the frame costs. Default
                        * 1024 */
    uint64_t seed;     /* of rows and drawn atoms. Default 0 */
    /* the A of Lambda, above: -1e6 ... 0.124 (from 1/8 on the variance is infinite), or
     * SNNK_A_OPTIMAL. Default 0 */
    double A;
    /* root mean squares of |x~| and |w~|, which determine s and the number of rows of each atom. 0
     * (default): those of the frame, or 1 without a frame */
    double input_norm, weight_norm;
    double scale; /* s of every atom, 1e-6 ... 1e6; 0 (default): s^2 = |kappa| |w~|/|x~| */
    /* COMPLEX: theta, 0 ... pi/2. 0 gives POSITIVE features, and values within 1e-4 of pi/2 give
     * TRIGONOMETRIC ones. Default pi/4 */
    double angle;
    int32_t form; /* snnk_urf_form. Default POSITIVE */
    /* 1 (default): use each row as g and as -g, which cancels the first-order noise of both towers.
     * Each row then makes twice as many features (not for TRIGONOMETRIC, unless the frame centers
     * the weights). 0: use each row once */
    int32_t hyperbolic;
    int32_t atoms;      /* snnk_urf_atoms. Default STRATIFIED */
    int32_t affine;     /* snnk_urf_affine. Default AUTO */
    int32_t projection; /* snnk_projection, but not GIVEN or FOLDED. Default GAUSSIAN */
    /* for snnk_urf_calibrate. 0 (default): the weights given to it are all that the map will be
     * used with, as for a layer. 1: they are a sample of others, so some of them are held out */
    int32_t sampled_weights;
    const snnk_allocator *allocator; /* NULL (default) for malloc */
} snnk_urf_config;

/* Set every field to its default.
 *   config       out: the struct to fill
 *   config_size  sizeof *config, as the caller was compiled
 * SNNK_E_NULL, SNNK_E_CONFIG (a size this library does not know). */
SNNK_API int snnk_urf_config_init(snnk_urf_config *config, size_t config_size);

/* ---- Creating maps ---- */

/* Create a map for f(w . x + b). It has a block for the affine part of the spectrum
 * (SNNK_MAP_AFFINE), then one for the atoms (SNNK_MAP_URF); either is absent if the spectrum has
 * none. Features are cut at exp(36), so they are finite for every finite input.
 *   inputs    d, at least 1
 *   spectrum  of f; copied
 *   config    NULL for the defaults
 *   frame     of d inputs; kept alive by the map. NULL for none
 *   map       out: release with snnk_map_free
 * SNNK_E_NULL, SNNK_E_SHAPE, SNNK_E_SIZE, SNNK_E_CONFIG, SNNK_E_ENUM, SNNK_E_RANGE (a setting; or
 * too few features for one row: says how many are needed), SNNK_E_NONFINITE, SNNK_E_UNSUPPORTED (a
 * projection that the minimal build lacks), SNNK_E_NOMEM. */
SNNK_API int snnk_map_create_urf(size_t inputs, const snnk_spectrum *spectrum,
                                 const snnk_urf_config *config, const snnk_frame *frame,
                                 snnk_map **map);

/* Create a map for f(w . x + b) with given rows g_j. They must be standard normal in distribution
 * if the estimate is to be unbiased.
 *   rows    rows of G: first those of the sketch, if there is one, then those of the atoms. Rows
 *           beyond what config->features needs are not used
 *   G       rows x d, row stride ldg >= d, finite
 *   config  its projection is ignored, and its seed only draws atoms. NULL for the defaults
 *   others  as in snnk_map_create_urf
 * Statuses of snnk_map_create_urf, SNNK_E_SHAPE (too few rows: says how many), SNNK_E_STRIDE. */
SNNK_API int snnk_map_create_urf_from_rows(size_t inputs, const snnk_spectrum *spectrum,
                                           size_t rows, const float *G, size_t ldg,
                                           const snnk_urf_config *config, const snnk_frame *frame,
                                           snnk_map **map);

/* Create a map for exp(w . x + b), the kernel of softmax attention: snnk_map_create_urf with the
 * spectrum of exp. POSITIVE and hyperbolic gives the features of Choromanski et al. 2021, A =
 * SNNK_A_OPTIMAL those of Likhosherstov et al. 2022. Parameters and statuses as in
 * snnk_map_create_urf. */
SNNK_API int snnk_map_create_softmax(size_t inputs, const snnk_urf_config *config,
                                     const snnk_frame *frame, snnk_map **map);

/* Create a copy of a map with other rows, and the same atoms, frame, scales and division of
 * features: for means over draws, or for fresh projections during training.
 *   map      of URF and AFFINE blocks; or of GAUSSIAN, ARC_COSINE and ELEMENTWISE ones, whose
 *            scaling stays, and whose rows can be drawn only
 *   seed     of the new rows; if rows are given, only of drawn atoms
 *   rows, G  as in snnk_map_create_urf_from_rows; 0 and NULL to draw rows by the map's projection
 *   redrawn  out: release with snnk_map_free
 * SNNK_E_NULL, SNNK_E_UNSUPPORTED (other kinds; or rows that were given cannot be drawn),
 * SNNK_E_SHAPE (too few rows: says how many), SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_NONFINITE,
 * SNNK_E_NOMEM. */
SNNK_API int snnk_map_redraw(const snnk_map *map, uint64_t seed, size_t rows, const float *G,
                             size_t ldg, snnk_map **redrawn);

/* ---- Calibration ---- */

/* What was chosen, and what the alternatives would give. The first seven numbers are predicted root
 * mean square errors, that of the spectrum included, divided by the root mean square of f(w . x +
 * b), at the given number of features; each is for the best choice of all other settings. Set
 * `size`; the library fills the rest. */
typedef struct snnk_urf_report {
    size_t size;      /* set by the caller: sizeof the struct */
    double predicted; /* of the choice */
    /* of s = 1, no frame, independent draws. Infinite if it overflows, or if no spectrum has
     * atoms */
    double plain;
    double balanced;        /* of balanced s, no frame */
    double centered_inputs; /* of x centered */
    double centered_both;   /* of x and w centered */
    double diagonal;        /* of x and w centered, and a diagonal metric */
    double whitened;        /* the same, and the leading directions whitened */
    /* measured, not predicted, and relative as above: the error of f(w.mu + nu.(x - mu) + b), which
     * takes no random features. If this is smaller than `predicted`, use that instead of a map */
    double without_features;
    /* absolute: snnk_spectrum_error. If calibration chose a line in the place of a spectrum, its
     * largest error on a grid */
    double spectral_error;
    double radius, half_period, center; /* of the chosen spectrum */
    double l1;                          /* snnk_spectrum_l1 */
    double input_norm, weight_norm;     /* in the chosen frame */
    double A;                           /* of the atom with the most rows; 0 if there is none */
    uint64_t atoms;
    uint64_t features;        /* used */
    uint64_t sketch_features; /* those of the affine part */
    uint64_t directions;      /* of the frame */
    int32_t frame_center;     /* snnk_center */
    int32_t frame_metric;     /* snnk_metric */
    int32_t form;             /* snnk_urf_form */
    int32_t hyperbolic;       /* 0 or 1 */
    int32_t method;           /* snnk_spectrum_method */
    int32_t optimal_A;        /* 1: A in closed form, 0: A = 0 */
} snnk_urf_report;

/* Create the map for f(w . x + b) with the smallest predicted error on given inputs and weights.
 * Chooses frame, spectrum (method and interval), form, hyperbolic and A. Each choice is judged on
 * a quarter of the inputs, drawn, and all weights, after making its frame from the other inputs and
 * all weights; with config->sampled_weights, a quarter of the weights is held out likewise. With
 * fewer than 4 inputs (or weights) there is only one set, and the predictions are too good. The
 * frame of the result is made from all rows. The error of a spectrum is averaged over the
 * pre-activations of the batch; for a spectrum of a function of your own, it is the bound. The
 * interval of the spectrum covers the pre-activations of
 * 128 inputs and 128 weights, and a quarter more on each side: check `beyond_interval` of
 * snnk_map_predict. The same arguments give the same map.
 *   inputs      d
 *   activation  f, an snnk_activation
 *   spectrum    of f; NULL to choose one
 *   rows        inputs, at least 2; targets and row weights are ignored
 *   l           rows of W, at least 2
 *   W           weights, l x d, row stride ldw >= d, finite
 *   b           l; NULL for zeros
 *   config      features, seed, atoms, affine, projection, sampled_weights and allocator are used
 *               as they are; the other fields are ignored. NULL for the defaults
 *   report      out; NULL if not wanted
 *   map         out: release with snnk_map_free
 * Statuses of snnk_spectrum_create, snnk_frame_create, snnk_map_create_urf. */
SNNK_API int snnk_urf_calibrate(size_t inputs, int32_t activation, const snnk_spectrum *spectrum,
                                const snnk_rows *rows, size_t l, const float *W, size_t ldw,
                                const float *b, const snnk_urf_config *config,
                                snnk_urf_report *report, snnk_map **map);

#ifdef __cplusplus
}
#endif

#endif
