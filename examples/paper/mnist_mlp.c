/* Handwritten digits and clothes (MNIST, Fashion-MNIST): a network with one hidden layer,
 * 784 -> h -> 10, and an SNNK layer of m features in place of the hidden one.
 *
 *     mnist_mlp run NAME FOLDER [--epochs N] > RESULTS
 *     mnist_mlp report [--json] [--out DIR] RESULTS...
 *     mnist_mlp self-test
 *
 * FOLDER has the four files of the data set, in IDX, with or without .gz. RESULTS: a line for each
 * run of ours, or of rivals/mnist_mlp.py. --out: a folder for what mnist_mlp.gp draws.
 *
 *     SNNK, rows trained    y = Psi relu(G x) + bias with all numbers trained, also G and offsets.
 *                           An SNNK layer 784 -> h and the linear layer after it are one layer
 *                           after bundling, so h is no number of the model: this is trained as the
 *                           bundle
 *     SNNK, bundled after   the same, but trained as two layers of width 128, and bundled then
 *     SNNK, rows fixed      G comes from a seed and stays; stored are Psi and bias
 *     closed form           the same features, but Psi from least squares
 *     dense                 784 -> h -> 10 with relu, by the same trainer
 *
 * Pixels are divided by 255 and centered. Rows of G are so large that pre-activations have a mean
 * square of 1. All is trained on all 60,000 images; the last epoch counts. The rate was chosen for
 * all methods from 0.02 and 0.04 on seed 0 (fixed rows: 0.02, 0.05, 0.2), which is not reported. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "networks.h"

enum { PIXELS = 784, CLASSES = 10, SEEDS = 3, WIDTH = 128, MOST_SIZES = 8 };
static const double rate = 0.04, fixed_rate = 0.2;

enum { ACCURACY, TRAINABLE, SECONDS, COLUMNS };
static const column columns[COLUMNS] = {{"accuracy", "test accuracy", "%.4f"},
                                        {"trainable", "trainable", "%.0f"},
                                        {"seconds", "CPU seconds", "%.2f"}};

/* ---- Data ---- */

typedef struct images {
    size_t n;
    float *X; /* n x PIXELS */
    int32_t *labels;
} images;

typedef struct data_set {
    const char *name;
    images train, test;
    double scale; /* of the entries of G */
} data_set;

static float *read_idx(const char *folder, const char *name, size_t columns_wanted, size_t *n) {
    char path[1024];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "rb");
    if (file)
        fclose(file);
    else
        snprintf(path, sizeof path, "%s/%s.gz", folder, name);
    return read_columns(path, &columns_wanted, n);
}

static images read_images(const char *folder, const char *part) {
    images read;
    char name[64];
    size_t n;

    snprintf(name, sizeof name, "%s-images-idx3-ubyte", part);
    read.X = read_idx(folder, name, PIXELS, &read.n);
    snprintf(name, sizeof name, "%s-labels-idx1-ubyte", part);
    float *labels = read_idx(folder, name, 1, &n);

    if (n != read.n) die("%s: %zu images, but %zu labels", folder, read.n, n);
    read.labels = allocate(n, sizeof *read.labels);
    for (size_t i = 0; i < n; i++) read.labels[i] = (int32_t)labels[i];
    free(labels);
    return read;
}

/* Divide by 255, subtract the means of training pixels, and find the scale of G: pre-activations
 * have a mean square of scale^2 times that of an image. */
static void center(data_set *set) {
    images *parts[2] = {&set->train, &set->test};
    double means[PIXELS] = {0}, square = 0;

    for (size_t i = 0; i < set->train.n * PIXELS; i++) means[i % PIXELS] += set->train.X[i];
    for (size_t j = 0; j < PIXELS; j++) means[j] /= 255 * (double)set->train.n;
    for (int p = 0; p < 2; p++)
        for (size_t i = 0; i < parts[p]->n * PIXELS; i++) {
            const double x = parts[p]->X[i] / 255.0 - means[i % PIXELS];

            parts[p]->X[i] = (float)x;
            if (p == 0) square += x * x;
        }
    set->scale = sqrt((double)set->train.n / square);
}

static void data_free(data_set *set) {
    free(set->train.X);
    free(set->train.labels);
    free(set->test.X);
    free(set->test.labels);
}

/* ---- Runs ---- */

typedef enum method { TRAINED, BUNDLED_AFTER, FIXED, CLOSED_FORM, DENSE, METHODS } method;
static const char *const method_names[METHODS] = {"SNNK, rows trained", "SNNK, bundled after",
                                                  "SNNK, rows fixed", "closed form", "dense, ours"};

/* The network to train, of m features or neurons. */
static snnk_network *start(const data_set *set, method of, size_t m, uint64_t seed) {
    snnk_layer *layers[2];
    size_t n = 1;

    if (of == DENSE)
        CHECK(snnk_layer_create_dense_random(PIXELS, m, SNNK_RELU, seed, NULL, &layers[0]));
    else
        layers[0] = make_snnk(PIXELS, m, of == BUNDLED_AFTER ? WIDTH : CLASSES, SNNK_RELU,
                              set->scale, 0, seed);
    if (of == DENSE || of == BUNDLED_AFTER)
        CHECK(snnk_layer_create_dense_random(of == DENSE ? m : WIDTH, CLASSES, SNNK_IDENTITY,
                                             seed + 1, NULL, &layers[n++]));
    return make_network(n, layers);
}

static snnk_network *train(const data_set *set, method of, size_t m, uint64_t epochs, uint64_t seed,
                           training *took) {
    snnk_train_config config = train_settings(epochs, seed);

    config.rate = of == FIXED ? fixed_rate : rate;
    config.rows_rate = of == FIXED ? 0 : 1;
    return train_network(
        start(set, of, m, seed), &config,
        SNNK_ROWS(.n = set->train.n, .X = set->train.X, .labels = set->train.labels), took);
}

static snnk_network *solve(const data_set *set, size_t m, uint64_t seed, training *took) {
    snnk_map *map = make_features(PIXELS, m, SNNK_RELU, set->scale, 0, seed);
    const double begin = cpu_seconds();
    snnk_fit_config config;
    snnk_network *network;
    snnk_fit *fit;

    CHECK(snnk_fit_config_init(&config, sizeof config));
    config.precision = SNNK_PRECISION_SINGLE;
    CHECK(snnk_fit_create(map, CLASSES, &config, &fit));
    CHECK(snnk_fit_add(
        fit, SNNK_ROWS(.n = set->train.n, .X = set->train.X, .labels = set->train.labels), NULL));
    CHECK(snnk_fit_solve_network(fit, NULL, NULL, &network));
    took->seconds = cpu_seconds() - begin;
    took->trainable = CLASSES * (m + 1);
    snnk_fit_free(fit);
    snnk_map_free(map);
    return network;
}

static result run(const data_set *set, method of, size_t m, uint64_t epochs, int seed) {
    training took;
    snnk_score score = {.size = sizeof score};
    result row = {.seed = seed};
    snnk_network *network = of == CLOSED_FORM ? solve(set, m, (uint64_t)seed, &took)
                                              : train(set, of, m, epochs, (uint64_t)seed, &took);

    if (of == BUNDLED_AFTER) network = bundle_network(network);
    CHECK(snnk_network_score(
        network, SNNK_ROWS(.n = set->test.n, .X = set->test.X, .labels = set->test.labels), NULL,
        &score));
    snprintf(row.method, sizeof row.method, "%s: %s", set->name, method_names[of]);
    row.numbers = of == FIXED || of == CLOSED_FORM ? CLASSES * (m + 1)
                                                   : (size_t)snnk_network_parameters(network);
    row.value[ACCURACY] = score.accuracy;
    row.value[TRAINABLE] = (double)took.trainable;
    row.value[SECONDS] = took.seconds;
    snnk_network_free(network);
    return row;
}

static int run_all(const char *name, const char *folder, uint64_t epochs) {
    static const size_t sizes[METHODS][MOST_SIZES] = {
        {32, 64, 128}, {128}, {32, 64, 128}, {32, 128, 512, 2048}, {128}};
    data_set set = {.name = name};

    set.train = read_images(folder, "train");
    set.test = read_images(folder, "t10k");
    center(&set);
    for (int of = 0; of < METHODS; of++)
        for (int k = 0; k < MOST_SIZES && sizes[of][k]; k++)
            for (int seed = 1; seed <= SEEDS; seed++) {
                const result row = run(&set, (method)of, sizes[of][k], epochs, seed);

                result_write(&row, COLUMNS);
            }
    data_free(&set);
    return 0;
}

/* ---- Report ---- */

static const char *name_of(const char *set, const char *method_name) {
    static char name[128];

    snprintf(name, sizeof name, "%s: %s", set, method_name);
    return name;
}

static size_t numbers_of(method of, size_t m) {
    return of == FIXED || of == CLOSED_FORM ? CLASSES * (m + 1)
                                            : m * (PIXELS + 1 + CLASSES) + CLASSES;
}

static double mean_of(const results *all, const char *set, method of, size_t m, size_t at) {
    return results_mean(all, name_of(set, method_names[of]), numbers_of(of, m), at);
}

/* The seconds of the fastest gradient training with at least a given accuracy: ours, with trained
 * rows. */
static double seconds_to_reach(const results *all, const char *set, double accuracy) {
    static const size_t sizes[3] = {32, 64, 128};
    double least = NAN;

    for (int k = 0; k < 3; k++)
        if (mean_of(all, set, TRAINED, sizes[k], ACCURACY) >= accuracy)
            least = fmin(least, mean_of(all, set, TRAINED, sizes[k], SECONDS));
    return least;
}

/* Figures of one data set, with the prefix of their keys. */
static void report_set(const results *all, const char *set, const char *prefix, bool json) {
    const double trained = mean_of(all, set, TRAINED, 128, ACCURACY);
    const double torch =
        results_mean(all, name_of(set, "dense, PyTorch"), numbers_of(TRAINED, 128), ACCURACY);
    const double largest = mean_of(all, set, CLOSED_FORM, 2048, ACCURACY);
    const double seconds = mean_of(all, set, CLOSED_FORM, 2048, SECONDS);
    const double same_features =
        mean_of(all, set, CLOSED_FORM, 128, SECONDS) / mean_of(all, set, FIXED, 128, SECONDS);
    const double accuracy_lost =
        mean_of(all, set, FIXED, 128, ACCURACY) - mean_of(all, set, CLOSED_FORM, 128, ACCURACY);
    const double same_accuracy = seconds / seconds_to_reach(all, set, largest);

    if (json) {
        const struct {
            const char *key;
            double value;
        } figures[] = {{"trained_m128", trained},
                       {"torch_h128", torch},
                       {"closed_form_m2048", largest},
                       {"closed_form_vs_rows_fixed_seconds", same_features},
                       {"closed_form_vs_rows_fixed_accuracy_lost", accuracy_lost},
                       {"closed_form_vs_trained_seconds", same_accuracy}};

        for (size_t k = 0; k < sizeof figures / sizeof *figures; k++) {
            char key[96];

            snprintf(key, sizeof key, "%s_%s", prefix, figures[k].key);
            print_number(key, figures[k].value);
            putchar(',');
        }
        return;
    }
    printf("\n%s, 128 trained rows: %.4f; PyTorch's dense network of as many numbers %.4f\n", set,
           trained, torch);
    printf("  closed form, 128 fixed rows: %.3f of the seconds of training Psi by gradient, "
           "accuracy %+.4f\n",
           same_features, -accuracy_lost);
    printf("  closed form, 2048 fixed rows: accuracy %.4f; %.2f of the seconds of the fastest "
           "training of rows that reaches it\n",
           largest, same_accuracy);
}

/* For mnist_mlp.gp: a line for each run; method, numbers, accuracy, seconds. */
static void write_points(const char *folder, const results *all) {
    FILE *file = open_output(folder, "points.txt");

    for (size_t i = 0; i < all->n; i++) {
        const result *row = &all->rows[i];

        fprintf(file, "%s\t%zu\t%.5f\t%.4f\n", row->method, row->numbers, row->value[ACCURACY],
                row->value[SECONDS]);
    }
    fclose(file);
}

static int report(int n_paths, char **paths, const char *folder, bool json) {
    results all = {.n_columns = COLUMNS, .columns = columns};

    for (int i = 0; i < n_paths; i++)
        if (!results_read(&all, paths[i])) die("cannot read %s", paths[i]);
    if (folder) write_points(folder, &all);
    if (json) {
        printf("{\"experiment\":\"mnist_mlp\",");
        report_set(&all, "MNIST", "mnist", json);
        print_number("closed_form_vs_trained_seconds",
                     mean_of(&all, "MNIST", CLOSED_FORM, 2048, SECONDS) /
                         seconds_to_reach(&all, "MNIST",
                                          mean_of(&all, "MNIST", CLOSED_FORM, 2048, ACCURACY)));
        putchar(',');
        report_set(&all, "Fashion", "fashion", json);
        results_print_json(&all);
        printf("}\n");
    } else {
        printf("MNIST and Fashion-MNIST: means over seeds (standard deviations).\n\n");
        results_print(&all);
        report_set(&all, "MNIST", "mnist", json);
        report_set(&all, "Fashion", "fashion", json);
    }
    results_free(&all);
    return 0;
}

/* ---- Self-test ---- */

/* Images whose class is where they are bright: every method must learn them, and labels that are
 * shifted for the test must be missed. */
static images make_images(size_t n, uint64_t seed) {
    images made = {.n = n, .X = allocate(n * PIXELS, sizeof *made.X)};
    uint64_t state = seed;

    made.labels = allocate(n, sizeof *made.labels);
    for (size_t i = 0; i < n; i++) {
        made.labels[i] = (int32_t)(i % CLASSES);
        for (size_t j = 0; j < PIXELS; j++) {
            state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            made.X[i * PIXELS + j] =
                (float)(state >> 57) + (j % CLASSES == i % CLASSES ? 60.f : 0.f);
        }
    }
    return made;
}

static int self_test(void) {
    data_set set = {.name = "test", .train = make_images(2000, 1), .test = make_images(500, 2)};
    int failed = 0;

    center(&set);
    for (int of = 0; of < METHODS; of++) {
        const result row = run(&set, (method)of, 64, 4, 1);

        printf("%s: %.3f, %zu numbers\n", row.method, row.value[ACCURACY], row.numbers);
        failed += row.value[ACCURACY] < 0.9 || row.numbers != numbers_of((method)of, 64);
    }
    for (size_t i = 0; i < set.test.n; i++) set.test.labels[i] = (set.test.labels[i] + 1) % CLASSES;
    failed += run(&set, TRAINED, 64, 4, 1).value[ACCURACY] > 0.1;
    data_free(&set);
    return failed > 0;
}

int main(int argc, char **argv) {
    uint64_t epochs = 10;
    const char *folder = NULL;
    bool json = false;
    int i = 2;

    if (argc == 2 && strcmp(argv[1], "self-test") == 0) return self_test();
    if (argc >= 4 && strcmp(argv[1], "run") == 0) {
        if (argc == 6 && strcmp(argv[4], "--epochs") == 0 && atol(argv[5]) > 0)
            epochs = (uint64_t)atol(argv[5]);
        if (argc == 4 || argc == 6) return run_all(argv[2], argv[3], epochs);
    }
    if (argc >= 3 && strcmp(argv[1], "report") == 0) {
        for (; i < argc && argv[i][0] == '-'; i++)
            if (strcmp(argv[i], "--json") == 0)
                json = true;
            else if (strcmp(argv[i], "--out") == 0 && i + 1 < argc)
                folder = argv[++i];
            else
                break;
        if (i < argc && argv[i][0] != '-') return report(argc - i, argv + i, folder, json);
    }
    fprintf(stderr, "usage: mnist_mlp run NAME FOLDER [--epochs N] | report [--json] [--out DIR] "
                    "RESULTS... | self-test\n");
    return 2;
}
