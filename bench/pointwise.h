/* What the parts of bench_pointwise share. */
#ifndef BENCH_POINTWISE_H
#define BENCH_POINTWISE_H

#include <stdbool.h>
#include <stdio.h>

#include <snnk/snnk.h>

#define INPUTS        2000
#define MOST_FEATURES 4096
#define WIDTHS        9 /* 16, 32, ..., 4096 */

enum { ACTIVATION_SIN, ACTIVATION_COS, ARC_COSINE_1, ACTIVATION_EXP, ACTIVATION_GELU };
enum { ACTIVATION_TANH = ACTIVATION_GELU + 1, ACTIVATION_SIGMOID, ACTIVATION_RELU, ACTIVATIONS };
enum { PLAIN, BALANCED, CENTERED, WHITENED, CALIBRATED, METHODS };
enum { PROJECTIONS = 5 }; /* the first one draws independent rows */

extern const char *const activation_names[ACTIVATIONS];
extern const char *const method_names[METHODS];
extern const char *const projection_names[PROJECTIONS];
extern const int32_t projection_values[PROJECTIONS];

/* One estimate of one function with m features, whatever its rows. */
typedef struct plan {
    int activation, method;
    size_t m;
    const snnk_spectrum *spectrum; /* NULL: the arc-cosine kernel */
    const snnk_frame *frame;       /* or NULL */
    snnk_urf_config config;
    size_t sketch_features; /* of the m, for the affine part */
    double predicted, predicted_rms;
} plan;

typedef struct setting {
    size_t draws;
    float *X, *W;                /* draws x d */
    double *values[ACTIVATIONS]; /* draws: f(w.x) */
    double without_features[ACTIVATIONS];
    size_t n_plans;
    plan *plans;
    struct workshop *workshop; /* owns spectra and frames */
} setting;

/* One plan with one projection; evaluations is 0 where there is none. */
typedef struct result {
    double mean, sd, rms; /* of |estimate - value|/|value| */
    size_t seeds, row_sets, evaluations;
} result;

typedef struct summary {
    double sin_plain, best[ACTIVATIONS]; /* at m = 256 */
    double ratio, ratio_coupled;
    size_t ratio_at, ratio_coupled_at; /* in results */
} summary;

#define CHECK(call)                                                                                \
    do {                                                                                           \
        if ((call) != SNNK_OK) die(snnk_last_error());                                             \
    } while (0)

/* bench_pointwise.c */
void die(const char *why);
void *allocate(size_t count, size_t bytes);
void progress(const char *what, size_t done, size_t all);
summary summarise_all(const setting *s, const result *results);

/* pointwise_setting.c: draws, plans and their predictions. */
setting make_setting(size_t draws);
void free_setting(setting *s);
bool plan_uses(const plan *p, int projection);

/* pointwise_print.c. results: n_plans x PROJECTIONS. */
void print_json(const setting *s, const result *results, double seconds);
void print_table(const setting *s, const result *results, double seconds);
void draw_plot(const setting *s, const result *results, const char *path);

#endif
