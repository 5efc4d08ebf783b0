/* A wake-word detector, 1536-128-128-1, made smaller: what is lost, and what is won.
 *
 *     wake_word DIRECTORY [--json]
 *
 * DIRECTORY: as features.mjs and convert.py left it. Builds the original from its weights, holds it to
 * the scores of onnxruntime, compresses and bundles it for several numbers of features, with nothing but
 * the inputs of the calibration voices, and judges all on the test voices. Beside them the simplest
 * rival: one linear map, fitted to the original's output, and to the labels. Writes
 * DIRECTORY/FEATURES.safetensors. */
#include <math.h>
#include <string.h>

#include "check.h"
#include "compress.h"
#include "measure.h"

enum { BUDGETS = 6, MODELS = 3 + BUDGETS };

static const size_t budgets[BUDGETS] = {64, 32, 16, 8, 4, 2}; /* features of the first layer */
static const size_t line_counts[] = {0, 1, 2, 4};

static size_t second_features(size_t first) { return first < 32 ? 32 : first; }

typedef struct result {
    const char *target; /* what it was fitted to */
    size_t features[2], lines;
    unsigned long long parameters, bytes[3]; /* by snnk_storage */
    double microseconds[3];
    figures judged[3];
} result;

typedef struct bench {
    split calibration, test;
    perceptron original;
    snnk_workspace *workspace;
    float *calibration_scores, *test_scores; /* of the original, before the sigmoid */
    double difference;                       /* the largest to onnxruntime's, after it */
} bench;

/* ---- The original ---- */

static float *scores_of(const snnk_network *network, const split *rows, snnk_workspace *workspace) {
    float *scores = allocate(rows->n, sizeof *scores);

    CHECK(snnk_network_forward(network, rows->n, rows->X, INPUTS, scores, 1, workspace));
    return scores;
}

static double largest_difference(const split *rows, const float *scores) {
    float *after = allocate(rows->n, sizeof *after);
    double largest = 0;

    CHECK(snnk_activation_eval(SNNK_SIGMOID, rows->n, scores, after));
    for (size_t i = 0; i < rows->n; i++)
        largest = fmax(largest, fabs((double)after[i] - rows->scores[i]));
    free(after);
    return largest;
}

static void hold_to_onnxruntime(bench *of, const snnk_network *original) {
    of->calibration_scores = scores_of(original, &of->calibration, of->workspace);
    of->test_scores = scores_of(original, &of->test, of->workspace);
    of->difference = fmax(largest_difference(&of->calibration, of->calibration_scores),
                          largest_difference(&of->test, of->test_scores));
    if (of->difference <= 1e-5) return;
    fprintf(stderr, "The original's scores differ from onnxruntime's by %.2g\n", of->difference);
    exit(1);
}

/* ---- Models ---- */

static result measure(const bench *of, const snnk_network *network, const char *target) {
    result measured = {.target = target, .parameters = snnk_network_parameters(network)};

    for (int32_t storage = SNNK_STORAGE_F32; storage <= SNNK_STORAGE_INT8; storage++) {
        snnk_quantize_report report;
        snnk_network *stored;
        float *scores;

        CHECK(snnk_quantize_report_init(&report, sizeof report));
        CHECK(snnk_network_quantize(network, storage, 0, NULL, 0, NULL, &report, &stored));
        scores = scores_of(stored, &of->test, of->workspace);
        measured.bytes[storage] = report.bytes;
        measured.judged[storage] = judge(&of->test, scores, of->test_scores);
        measured.microseconds[storage] = microseconds_a_frame(stored, &of->test);
        free(scores);
        snnk_network_free(stored);
    }
    return measured;
}

static snnk_network *network_of(const snnk_layer *layer) {
    snnk_network *network;

    CHECK(snnk_network_create(NULL, &network));
    CHECK(snnk_network_append(network, layer));
    return network;
}

/* One linear map. As a dense layer, so that it has no identity features to pay for. */
static snnk_network *linear_network(size_t n, const float *X, const float *y,
                                    snnk_workspace *workspace) {
    snnk_layer *fitted = fit_linear(1, n, X, y, workspace), *layer;
    snnk_network *network;
    float w[INPUTS], b;

    CHECK(snnk_layer_weights(fitted, w, INPUTS, &b));
    CHECK(snnk_layer_dense(INPUTS, 1, w, INPUTS, &b, SNNK_IDENTITY, NULL, &layer));
    network = network_of(layer);
    snnk_layer_free(layer);
    snnk_layer_free(fitted);
    return network;
}

/* The rows that the wake word has just ended in, or is not there: X and 1 or 0. */
static size_t labelled(const split *rows, float *X, float *y) {
    size_t n = 0;

    for (size_t i = 0; i < rows->n; i++) {
        if (rows->word[i] < 0) continue;
        memcpy(X + n * INPUTS, rows->X + i * INPUTS, INPUTS * sizeof *X);
        y[n++] = (float)rows->word[i];
    }
    return n;
}

/* Rows of the first four fifths of the clips, and so of the voices. */
static size_t rows_to_fit(const split *rows) {
    const int32_t clips = rows->clip[rows->n - 1] + 1;
    size_t n = 0;

    while (n < rows->n && rows->clip[n] < clips / 5 * 4) n++;
    return n;
}

/* How many lines do best on voices that were held out. */
static size_t choose_lines(const bench *of, const candidates *from, budget features) {
    const size_t n = rows_to_fit(&of->calibration);
    split rest = of->calibration;
    double least = INFINITY;
    size_t best = 0;

    rest.n -= n;
    rest.X += n * INPUTS;
    for (size_t k = 0; k < sizeof line_counts / sizeof *line_counts; k++) {
        snnk_network *network;
        float *scores;
        double error = 0;

        features.lines = line_counts[k];
        if (features.lines >= features.features[0]) break;
        network = compress(&of->original, from, features, n, of->calibration.X, of->workspace);
        scores = scores_of(network, &rest, of->workspace);
        for (size_t i = 0; i < rest.n; i++)
            error += pow(scores[i] - (double)of->calibration_scores[n + i], 2);
        if (error < least) {
            least = error;
            best = features.lines;
        }
        free(scores);
        snnk_network_free(network);
    }
    return best;
}

static result compress_and_measure(const bench *of, const char *directory, const candidates *from,
                                   size_t first) {
    budget features = {{first, second_features(first)}, 0};
    snnk_network *network;
    char path[1024];
    result measured;

    features.lines = choose_lines(of, from, features);
    network = compress(&of->original, from, features, of->calibration.n, of->calibration.X,
                       of->workspace);
    measured = measure(of, network, "original");
    memcpy(measured.features, features.features, sizeof features.features);
    measured.lines = features.lines;
    snprintf(path, sizeof path, "%s/%zu.safetensors", directory, first);
    CHECK(snnk_network_save(network, path, SNNK_SAVE_ROWS));
    snnk_network_free(network);
    return measured;
}

static void measure_all(bench *of, const char *directory, result results[MODELS]) {
    float *X = allocate(of->calibration.n * INPUTS, sizeof *X);
    float *y = allocate(of->calibration.n, sizeof *y);
    const size_t n = labelled(&of->calibration, X, y);
    snnk_network *network = perceptron_network(&of->original);
    candidates from;

    hold_to_onnxruntime(of, network);
    results[0] = measure(of, network, "");
    results[0].features[0] = results[0].features[1] = HIDDEN;
    snnk_network_free(network);
    network =
        linear_network(of->calibration.n, of->calibration.X, of->calibration_scores, of->workspace);
    results[1] = measure(of, network, "original");
    snnk_network_free(network);
    network = linear_network(n, X, y, of->workspace);
    results[2] = measure(of, network, "labels");
    snnk_network_free(network);
    free(y);
    free(X);
    from = find_candidates(&of->original, rows_to_fit(&of->calibration), of->calibration.X,
                           of->workspace);
    for (size_t k = 0; k < BUDGETS; k++)
        results[3 + k] = compress_and_measure(of, directory, &from, budgets[k]);
    candidates_free(&from);
}

/* ---- The program ---- */

static const char *name_of(size_t k, const result *of, char *buffer, size_t bytes) {
    if (k == 0) return "original";
    if (of->features[0] == 0) return "linear";
    snprintf(buffer, bytes, "%zu + %zu (%zu lines)", of->features[0], of->features[1], of->lines);
    return buffer;
}

/* Of a model that was fitted to something else, how much it explains means nothing. */
static const char *explained(const result *of, int storage, const char *none, char *buffer,
                             size_t bytes) {
    if (strcmp(of->target, "labels") == 0) return none;
    snprintf(buffer, bytes, "%.4f", of->judged[storage].fidelity);
    return buffer;
}

static void print_table(const bench *of, const result results[MODELS]) {
    char buffer[64], share[16], narrow[16];

    printf("%zu rows to calibrate, %zu to test; largest difference to onnxruntime %.1e\n",
           of->calibration.n, of->test.n, of->difference);
    printf("%-18s %-9s %10s %7s %7s %7s %6s %6s %6s %9s %8s %8s %8s %8s %9s\n", "model",
           "fitted to", "parameters", "bytes", "bf16", "int8", "us", "bf16", "int8", "explained",
           "other", "near", "frames", "recall", "int8 expl");
    for (size_t k = 0; k < MODELS; k++) {
        const result *r = results + k;

        printf("%-18s %-9s %10llu %7llu %7llu %7llu %6.2f %6.2f %6.2f %9s %8.4f %8.4f %8.4f "
               "%8.3f %9s\n",
               name_of(k, r, buffer, sizeof buffer), r->target, r->parameters, r->bytes[0],
               r->bytes[1], r->bytes[2], r->microseconds[0], r->microseconds[1], r->microseconds[2],
               explained(r, 0, "-", share, sizeof share), r->judged[0].other_auc,
               r->judged[0].near_auc, r->judged[0].row_auc, r->judged[0].recall,
               explained(r, 2, "-", narrow, sizeof narrow));
    }
}

static void print_json(const bench *of, const result results[MODELS]) {
    static const char *const storages[3] = {"float", "bf16", "int8"};
    char buffer[64], share[16];

    printf("{\"calibration_rows\":%zu,\"test_rows\":%zu,\"largest_difference\":%.3g,\"models\":[",
           of->calibration.n, of->test.n, of->difference);
    for (size_t k = 0; k < MODELS; k++) {
        const result *r = results + k;

        printf("%s{\"name\":\"%s\",\"fitted_to\":\"%s\",\"parameters\":%llu", k ? "," : "",
               name_of(k, r, buffer, sizeof buffer), r->target, r->parameters);
        for (int s = 0; s < 3; s++)
            printf(",\"%s\":{\"bytes\":%llu,\"microseconds\":%.3f,\"explained\":%s,"
                   "\"other_auc\":%.4f,\"near_auc\":%.4f,\"frame_auc\":%.4f,\"recall\":%.4f}",
                   storages[s], r->bytes[s], r->microseconds[s],
                   explained(r, s, "null", share, sizeof share), r->judged[s].other_auc,
                   r->judged[s].near_auc, r->judged[s].row_auc, r->judged[s].recall);
        printf("}");
    }
    printf("]}\n");
}

#define USAGE "usage: %s DIRECTORY [--json]\n"

int main(int argc, char **argv) {
    static result results[MODELS];
    const int json = argc == 3 && strcmp(argv[2], "--json") == 0;
    bench of;

    if (argc != 2 + json || argv[1][0] == '-') {
        const int help = argc == 2 && strcmp(argv[1], "--help") == 0;

        fprintf(help ? stdout : stderr, USAGE, argv[0]);
        return help ? 0 : 2;
    }
    of.calibration = read_split(argv[1], "calibration");
    of.test = read_split(argv[1], "test");
    of.original = read_perceptron(argv[1]);
    CHECK(snnk_workspace_create(1, NULL, &of.workspace));
    measure_all(&of, argv[1], results);
    (json ? print_json : print_table)(&of, results);
    snnk_workspace_free(of.workspace);
    perceptron_free(&of.original);
    split_free(&of.calibration);
    split_free(&of.test);
    free(of.calibration_scores);
    free(of.test_scores);
    return 0;
}
