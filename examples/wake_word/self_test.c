#include "self_test.h"

#include <math.h>

#include "check.h"
#include "compress.h"
#include "measure.h"

enum { D = 4, H = 8, N = 13000 /* twenty runs of the 650 rows that are held out together */ };

static int expect(const char *what, double got, double wanted, double tolerance) {
    if (fabs(got - wanted) <= tolerance) return 1;
    fprintf(stderr, "%s: %.9g, expected %.9g\n", what, got, wanted);
    return 0;
}

/* ---- Figures ---- */

/* Logits of log 3 and -log 3 are scores of 3/4 and 1/4, eight of them with squared deviations of
 * 1/16. One is wrong by a half: 1 - (1/4) / (8/16). */
static int scores_test(const split *rows) {
    const float a = logf(3), original[] = {a, -a, a, -a, a, -a, a, -a},
                scores[] = {a, -a, a, -a, a, -a, a, a};

    return expect("scores", judge(rows, scores, original).scores, 0.5, 1e-6);
}

static int measure_test(void) {
    /* Four clips of two rows. */
    int32_t clip[] = {0, 0, 1, 1, 2, 2, 3, 3};
    int32_t kind[] = {WAKE, WAKE, OTHER, OTHER, OTHER, OTHER, NEAR_MISS, NEAR_MISS};
    int32_t word[] = {-1, 1, 0, 0, 0, 0, 0, 0};
    const float scores[] = {0, 3, 1, 2, 3, 0, 4, 1}, original[] = {0, 3, 1, 2, 3, 0, 4, 3};
    const split rows = {.n = 8, .clip = clip, .kind = kind, .word = word};
    const figures found = judge(&rows, scores, original);
    int good = 1;

    good &= expect("clips, other speech", found.other_auc, 0.75, 1e-12); /* 3 against 2 3 */
    good &= expect("clips, near misses", found.near_auc, 0, 1e-12);      /* 3 against 4 */
    good &= expect("rows", found.row_auc, 4.5 / 6, 1e-12);               /* 3 against 1 2 3 0 4 1 */
    good &= expect("recall", found.recall, 0, 1e-12);                    /* 3 is not above 3 */
    good &= expect("explained", found.fidelity, 1 - 4.0 / 16, 1e-12);    /* 2^2 of 48 - 16^2/8 */
    good &= scores_test(&rows);
    return good;
}

/* ---- A small detector ---- */

/* Each layer has eight neurons, which are four multiples each of two different ones. So two
 * features in each layer represent it exactly. */
static snnk_network *small_detector(void) {
    static const float rows[2][D] = {{1, 0.5F, -0.25F, 0.25F}, {-0.5F, 0.75F, 0.5F, -1}};
    static const float mixed[2][2] = {{0.5F, -0.25F}, {-0.25F, 0.5F}};
    float W0[H * D], b0[H], W1[H * H], b1[H], w2[H], b2 = -1;
    snnk_network *network;

    for (size_t j = 0; j < H; j++) {
        const float size = 1 + (float)(j - j % 2) / 2;

        for (size_t k = 0; k < D; k++) W0[j * D + k] = size * rows[j % 2][k];
        b0[j] = size * (j % 2 ? -0.25F : 0.125F);
        for (size_t k = 0; k < H; k++) W1[j * H + k] = size * mixed[j % 2][k % 2];
        b1[j] = size * 0.125F;
        w2[j] = j % 2 ? -0.5F : 1;
    }
    CHECK(snnk_network_create(NULL, &network));
    append_dense(network, D, H, W0, b0, SNNK_RELU);
    append_dense(network, H, H, W1, b1, SNNK_RELU);
    append_dense(network, H, 1, w2, &b2, SNNK_IDENTITY);
    return network;
}

/* Uniform numbers in -1 ... 1 (Knuth's generator for MMIX). */
static float *random_rows(size_t count) {
    float *X = allocate(count, sizeof *X);
    uint64_t state = 1;

    for (size_t i = 0; i < count; i++) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        X[i] = (float)(state >> 40) / 8388608 - 1;
    }
    return X;
}

static float *scores_of(const snnk_network *network, const float *X) {
    float *scores = allocate(N, sizeof *scores);

    CHECK(snnk_network_forward(network, N, X, snnk_network_inputs(network), scores, 1, NULL));
    return scores;
}

/* The tolerance is 1e-4 of the size of the scores, about 10: rounding of float sums and of the
 * solution from them. */
static int same_scores(const char *what, const snnk_network *network, const float *X,
                       const float *wanted) {
    float *scores = scores_of(network, X);
    double largest = 0;

    for (size_t i = 0; i < N; i++) largest = fmax(largest, fabs((double)scores[i] - wanted[i]));
    free(scores);
    return expect(what, largest, 0, 1e-3);
}

/* ---- Compression ---- */

/* The score is 3 relu(h0) + 4 relu(h1 - 1.5) with h = relu(x). Its slopes at the three rows are (3,
 * 4), (3, 0), (3, 4). */
static int slopes_test(void) {
    static const float unit[] = {1, 0, 0, 1}, offsets[] = {0, -1.5F}, last[] = {3, 4};
    static const float X[] = {1, 2, 2, 1, 3, 5};
    const double jitter = 1e-3 * (9 + 32.0 / 3) / 2;
    snnk_network *network, *weighed;
    float U[4];
    int good = 1;

    CHECK(snnk_network_create(NULL, &network));
    append_dense(network, 2, 2, unit, NULL, SNNK_RELU);
    append_dense(network, 2, 2, unit, offsets, SNNK_RELU);
    append_dense(network, 2, 1, last, NULL, SNNK_IDENTITY);
    weighed = weigh_by_slopes(network, 3, X, NULL);
    CHECK(snnk_layer_weights(snnk_network_layer(weighed, 1), U, 2, NULL));
    /* The tolerances are the rounding of 32-bit floats. */
    good &= expect("U, lower", U[2], 0, 0);
    good &= expect("U^T U, first", U[0] * U[0], 9 + jitter, 1e-5);
    good &= expect("U^T U, both", U[0] * U[1], 8, 1e-5);
    good &= expect("U^T U, second", U[1] * U[1] + U[3] * U[3], 32.0 / 3 + jitter, 1e-5);
    snnk_network_free(weighed);
    snnk_network_free(network);
    return good;
}

static int linear_test(const float *X) {
    float *y = allocate(N, sizeof *y);
    snnk_network *linear;
    int good;

    for (size_t i = 0; i < N; i++) y[i] = 2 * X[i * D] - X[i * D + 3] + 3;
    linear = linear_map(D, N, X, y, NULL);
    good = same_scores("linear map", linear, X, y);
    snnk_network_free(linear);
    free(y);
    return good;
}

static void leave(const snnk_network *network, const float *X, const char *directory) {
    char path[1024];
    FILE *file;

    snprintf(path, sizeof path, "%s/small.safetensors", directory);
    CHECK(snnk_network_save(network, path, SNNK_SAVE_ROWS));
    file = create_file(directory, "small.csv");
    fprintf(file, "a,b,c,d\n");
    for (size_t i = 0; i < 10 * D; i++) fprintf(file, "%.9g%c", X[i], i % D == D - 1 ? '\n' : ',');
    close_file(file, "small.csv");
}

static int compress_test(const char *directory) {
    float *X = random_rows((size_t)N * D), *scores;
    snnk_network *original = small_detector(), *towers = as_towers(original);
    snnk_network *weighed = weigh_by_slopes(original, N, X, NULL), *compressed[2], *student, *small;
    snnk_distill_report reports[2];
    snnk_distill *distill;
    int good = 1;

    scores = scores_of(original, X);
    good &= same_scores("weighed", weighed, X, scores);
    good &= same_scores("towers", towers, X, scores);
    for (int k = 0; k < 2; k++) {
        compressed[k] = compress(k ? weighed : original, SNNK_DISTILL_REFINED, (size_t[]){2, 2}, N,
                                 X, NULL, reports);
        good &= same_scores("compressed", compressed[k], X, scores);
        /* A tower of two features of four inputs, one of two features of two, and Psi with a
         * bias. */
        good &= expect("parameters", (double)snnk_network_parameters(compressed[k]),
                       2 * (4 + 1) + 2 * (2 + 1) + 2 + 1, 0);
        good &= expect("features", (double)reports[1].features, 2, 0);
    }
    student = compress_and_tune(original, (size_t[]){2, 2}, N, X, NULL, &small);
    good &= same_scores("tuned", student, X, scores);
    good &= expect("parameters", (double)snnk_network_parameters(student), 19, 0);
    good &= expect("small network", snnk_network_parameters(small) <= 19, 1, 0);
    snnk_network_free(small);
    snnk_network_free(student);
    distill = distill_whole(original, N, X, scores, NULL);
    student = one_layer(distill, 2, NULL, reports);
    good &= expect("features of one layer",
                   (double)snnk_layer_features(snnk_network_layer(student, 0)), 2, 0);
    leave(compressed[1], X, directory);
    snnk_distill_free(distill);
    snnk_network_free(student);
    for (int k = 0; k < 2; k++) snnk_network_free(compressed[k]);
    snnk_network_free(weighed);
    snnk_network_free(towers);
    snnk_network_free(original);
    good &= linear_test(X);
    free(scores);
    free(X);
    return good;
}

int self_test(const char *directory) {
    int good = 1;

    good &= measure_test();
    good &= slopes_test();
    good &= compress_test(directory);
    return good;
}
