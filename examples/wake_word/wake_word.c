/* Compress a wake-word detector, a perceptron 1536-128-128-1 (alexa) or 2112-128-128-1 (weather),
 * and compare it with the original in accuracy, size and speed.
 *
 *     wake_word DIRECTORY [--json]
 *     wake_word self-test DIRECTORY
 *
 * DIRECTORY holds what features.mjs and convert.py wrote, and has the name of the model. The
 * program
 *
 *   1. builds the original from its weights, and checks its scores against those of onnxruntime;
 *   2. compresses and bundles it to several numbers of features, from the inputs of the calibration
 *      voices only, without labels;
 *   3. compresses it by tuning both layers together, and trains small networks of as many numbers;
 *   4. makes simpler models for comparison: a linear map fitted to the original's output, one
 *      fitted to the labels, and a single SNNK layer;
 *   5. measures all of them on the test voices, and prints tables;
 *   6. writes DIRECTORY/original.safetensors, and DIRECTORY/FEATURES.safetensors for each
 *      compressed model.
 *
 * The areas under the curve of clips have standard errors of 0.012 (other speech) and 0.03 (near
 * misses), from resampling the 24 test voices. The difference of two compressed models has a third
 * to a half of that. */
#include <math.h>
#include <string.h>

#include "check.h"
#include "compress.h"
#include "report.h"
#include "self_test.h"

enum {
    SECOND = 32, /* least features of the second layer */
    THREADS = 2
};

static const size_t of_first[] = {64, 32, 16, 8, 4, 2}; /* features of the first layer */
static const size_t of_one[] = {32, 16, 8, 4, 2, 1};    /* features of the single layer */
static const size_t of_tuned[][2] = {{4, 16}, {8, 32}}; /* features of both layers */
static const size_t unweighed = 8; /* features of the first layer, errors not weighted by slopes */

enum {
    TWO_LAYERS = sizeof of_first / sizeof *of_first,
    TUNED = sizeof of_tuned / sizeof *of_tuned,
    ONE_LAYER = sizeof of_one / sizeof *of_one,
    MODELS = 1 + 2 + ONE_LAYER + TWO_LAYERS + 1 + 4 * TUNED
};

typedef struct bench {
    const char *directory;
    split calibration, test;
    snnk_network *original;
    snnk_workspace *workspace;
    float *calibration_scores, *test_scores; /* the original's, before the sigmoid */
    findings found;
} bench;

/* ---- The original ---- */

static float *scores_of(const snnk_network *network, const split *rows, snnk_workspace *workspace) {
    float *scores = allocate(rows->n, sizeof *scores);

    CHECK(snnk_network_forward(network, rows->n, rows->X, rows->inputs, scores, 1, workspace));
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

static void hold_to_onnxruntime(bench *of) {
    of->calibration_scores = scores_of(of->original, &of->calibration, of->workspace);
    of->test_scores = scores_of(of->original, &of->test, of->workspace);
    of->found.difference = fmax(largest_difference(&of->calibration, of->calibration_scores),
                                largest_difference(&of->test, of->test_scores));
    if (of->found.difference <= 1e-5) return;
    fprintf(stderr, "the original's scores differ from those of onnxruntime by %.2g\n",
            of->found.difference);
    exit(1);
}

/* ---- Models ---- */

/* Measure a model in float, bf16 and int8. */
static result *measure(bench *of, const snnk_network *network, const char *name,
                       const char *fitted_to) {
    result *measured = &of->found.results[of->found.n++];

    snprintf(measured->name, sizeof measured->name, "%s", name);
    measured->fitted_to = fitted_to;
    measured->parameters = snnk_network_parameters(network);
    for (int32_t storage = 0; storage < STORAGES; storage++) {
        snnk_quantize_report report = {.size = sizeof report};
        snnk_network *stored;
        float *scores;

        CHECK(snnk_network_quantize(network, storage, NULL, NULL, &report, &stored));
        scores = scores_of(stored, &of->test, of->workspace);
        measured->stored[storage].bytes = report.bytes;
        measured->stored[storage].judged = judge(&of->test, scores, of->test_scores);
        measured->stored[storage].microseconds = microseconds_a_frame(stored, &of->test);
        free(scores);
        snnk_network_free(stored);
    }
    return measured;
}

static void save(const bench *of, const snnk_network *network, const char *name) {
    char path[1024];

    snprintf(path, sizeof path, "%s/%s.safetensors", of->directory, name);
    CHECK(snnk_network_save(network, path, SNNK_SAVE_ROWS));
}

static void measure_original(bench *of) {
    snnk_network *towers = as_towers(of->original);

    measure(of, of->original, "original", "");
    save(of, towers, "original");
    snnk_network_free(towers);
}

/* Copy the rows that have a label: y is 1 where the wake word has just ended, 0 where the clip has
 * no wake word. Returns how many there are. */
static size_t labelled(const split *rows, float *X, float *y) {
    size_t n = 0;

    for (size_t i = 0; i < rows->n; i++) {
        if (rows->word[i] < 0) continue;
        memcpy(X + n * rows->inputs, rows->X + i * rows->inputs, rows->inputs * sizeof *X);
        y[n++] = (float)rows->word[i];
    }
    return n;
}

static void measure_linear(bench *of) {
    const split *rows = &of->calibration;
    const size_t d = rows->inputs;
    float *X = allocate(rows->n * d, sizeof *X), *y = allocate(rows->n, sizeof *y);
    const size_t n = labelled(rows, X, y);
    snnk_network *network = linear_map(d, rows->n, rows->X, of->calibration_scores, of->workspace);

    measure(of, network, "linear", "original");
    snnk_network_free(network);
    network = linear_map(d, n, X, y, of->workspace);
    measure(of, network, "linear, of labels", "labels");
    snnk_network_free(network);
    free(y);
    free(X);
}

static void measure_one_layer(bench *of) {
    snnk_distill *distill = distill_whole(of->original, of->calibration.n, of->calibration.X,
                                          of->calibration_scores, of->workspace);

    for (size_t k = 0; k < ONE_LAYER; k++) {
        snnk_distill_report report;
        snnk_network *network = one_layer(distill, of_one[k], of->workspace, &report);
        char name[32];
        result *measured;

        snprintf(name, sizeof name, "one layer, %zu", of_one[k]);
        measured = measure(of, network, name, "original");
        measured->n_students = 1;
        measured->students[0] = report;
        snnk_network_free(network);
    }
    snnk_distill_free(distill);
}

/* from: the original, with errors weighted by slopes or not. */
static snnk_network *measure_compressed(bench *of, const snnk_network *from, int32_t tier,
                                        const size_t features[2], const char *note) {
    const double start = seconds_now();
    snnk_distill_report reports[2];
    snnk_network *network = compress(from, tier, features, of->calibration.n, of->calibration.X,
                                     of->workspace, reports);
    const double seconds = seconds_now() - start;
    char name[32];
    result *measured;

    snprintf(name, sizeof name, "%zu + %zu%s", features[0], features[1], note);
    measured = measure(of, network, name, "original");
    measured->seconds = seconds;
    measured->n_students = 2;
    memcpy(measured->students, reports, sizeof reports);
    return network;
}

static void measure_two_layers(bench *of) {
    snnk_network *weighed =
        weigh_by_slopes(of->original, of->calibration.n, of->calibration.X, of->workspace);
    snnk_network *network;

    for (size_t k = 0; k < TWO_LAYERS; k++) {
        char name[32];

        const size_t features[2] = {of_first[k], of_first[k] < SECOND ? SECOND : of_first[k]};

        network = measure_compressed(of, weighed, SNNK_DISTILL_REFINED, features, "");
        snprintf(name, sizeof name, "%zu", of_first[k]);
        save(of, network, name);
        snnk_network_free(network);
    }
    network = measure_compressed(of, of->original, SNNK_DISTILL_REFINED,
                                 (size_t[]){unweighed, SECOND}, " unweighted");
    snnk_network_free(network);
    for (size_t k = 0; k < TUNED; k++) {
        network = measure_compressed(of, weighed, SNNK_DISTILL_SELECTED, of_tuned[k], " selected");
        snnk_network_free(network);
        network = measure_compressed(of, weighed, SNNK_DISTILL_REFINED, of_tuned[k], " refined");
        snnk_network_free(network);
    }
    snnk_network_free(weighed);
}

/* The small networks are made apart, so that the time without them is measured. */
static void measure_tuned(bench *of, const size_t features[2]) {
    const split *rows = &of->calibration;
    const double start = seconds_now();
    snnk_network *network =
        compress_and_tune(of->original, features, rows->n, rows->X, of->workspace, NULL);
    const double seconds = seconds_now() - start;
    snnk_network *small;
    result *measured;
    char name[32];

    snprintf(name, sizeof name, "%zu + %zu tuned", features[0], features[1]);
    measured = measure(of, network, name, "original");
    measured->seconds = seconds;
    measured->tuned = 1;
    snnk_network_free(network);
    network = compress_and_tune(of->original, features, rows->n, rows->X, of->workspace, &small);
    snprintf(name, sizeof name, "%zu + %zu small", features[0], features[1]);
    measure(of, small, name, "original")->small = 1;
    snnk_network_free(small);
    snnk_network_free(network);
}

/* ---- The program ---- */

static void run(const char *directory, int json) {
    static result results[MODELS];
    bench of = {.directory = directory, .found.results = results};

    of.found.model = strrchr(directory, '/') ? strrchr(directory, '/') + 1 : directory;
    of.found.threads = THREADS;
    of.calibration = read_split(directory, "calibration");
    of.test = read_split(directory, "test");
    of.found.calibration_rows = of.calibration.n;
    of.found.test_rows = of.test.n;
    of.original = read_original(directory, of.calibration.inputs);
    CHECK(snnk_workspace_create(THREADS, NULL, &of.workspace));
    hold_to_onnxruntime(&of);
    measure_original(&of);
    measure_linear(&of);
    measure_one_layer(&of);
    measure_two_layers(&of);
    for (size_t k = 0; k < TUNED; k++) measure_tuned(&of, of_tuned[k]);
    (json ? print_json : print_tables)(&of.found);
    snnk_workspace_free(of.workspace);
    snnk_network_free(of.original);
    split_free(&of.calibration);
    split_free(&of.test);
    free(of.calibration_scores);
    free(of.test_scores);
}

int main(int argc, char **argv) {
    static const char usage[] =
        "usage: wake_word DIRECTORY [--json]\n"
        "       wake_word self-test DIRECTORY\n"
        "Compress a wake-word detector and compare it with the original.\n\n"
        "  DIRECTORY  what features.mjs and convert.py wrote; compressed models are saved there\n"
        "  --json     print one JSON object instead of tables\n"
        "  self-test  run tests on small data, with files in DIRECTORY\n";
    const int help = argc == 2 && strcmp(argv[1], "--help") == 0;
    const int json = argc == 3 && strcmp(argv[2], "--json") == 0;

    if (argc == 3 && strcmp(argv[1], "self-test") == 0) return !self_test(argv[2]);
    if (argc != 2 + json || argv[1][0] == '-') {
        fputs(usage, help ? stdout : stderr);
        return help ? 0 : 2;
    }
    run(argv[1], json);
    return 0;
}
