#include "classifier.h"

#include <math.h>

#include "common.h"

static void solve(logistic_classifier *made, size_t n, const float *X, const int32_t *labels) {
    snnk_logistic_config config;

    CHECK(snnk_logistic_config_init(&config, sizeof config));
    config.ridge = made->ridge;
    CHECK(snnk_logistic_solve(
        SNNK_ROWS(.n = n, .inputs = made->inputs, .X = X, .ldx = made->inputs, .labels = labels),
        made->classes, &config, NULL, made->B, made->inputs, made->b, NULL));
}

/* Set scores[c] = B_c . x + b_c. Returns the class of the largest score. */
static size_t score(const logistic_classifier *classifier, const float *x, double *scores) {
    size_t best = 0;

    for (size_t c = 0; c < classifier->classes; c++) {
        scores[c] = classifier->b[c];
        for (size_t j = 0; j < classifier->inputs; j++)
            scores[c] += classifier->B[c * classifier->inputs + j] * x[j];
        if (scores[c] > scores[best]) best = c;
    }
    return best;
}

static double cross_entropy(const logistic_classifier *classifier, size_t n, const float *X,
                            const int32_t *labels) {
    double *scores = allocate(classifier->classes, sizeof *scores), loss = 0;

    for (size_t i = 0; i < n; i++) {
        const double most = scores[score(classifier, X + i * classifier->inputs, scores)];
        double sum = 0;

        for (size_t c = 0; c < classifier->classes; c++) sum += exp(scores[c] - most);
        loss += log(sum) + most - scores[labels[i]];
    }
    free(scores);
    return loss / (double)n;
}

logistic_classifier classifier_fit(size_t n, size_t inputs, const float *X, const int32_t *labels,
                                   size_t classes) {
    static const double grid[] = {0.03, 0.1, 0.3, 1, 3, 10};
    const size_t n_fit = n - n / 5;
    logistic_classifier made = {inputs, classes, 0, NULL, NULL};
    double best = 0, least = INFINITY;

    made.B = allocate(classes * inputs, sizeof *made.B);
    made.b = allocate(classes, sizeof *made.b);
    for (size_t k = 0; k < sizeof grid / sizeof *grid; k++) {
        made.ridge = grid[k];
        solve(&made, n_fit, X, labels);
        const double loss = cross_entropy(&made, n - n_fit, X + n_fit * inputs, labels + n_fit);
        if (loss < least) {
            least = loss;
            best = grid[k];
        }
    }
    made.ridge = best;
    solve(&made, n, X, labels);
    return made;
}

void classifier_free(logistic_classifier *classifier) {
    free(classifier->B);
    free(classifier->b);
}

double classifier_accuracy(const logistic_classifier *classifier, size_t n, const float *X,
                           const int32_t *labels) {
    double *scores = allocate(classifier->classes, sizeof *scores);
    size_t right = 0;

    for (size_t i = 0; i < n; i++)
        right += score(classifier, X + i * classifier->inputs, scores) == (size_t)labels[i];
    free(scores);
    return (double)right / (double)n;
}
