/* Compare models of Fashion-MNIST: accuracy, size and speed on the 10,000 test images.
 *
 *     fashion_mnist [--data DIR] [--out DIR] MODEL...
 *
 * A MODEL is a file that `snnk fit` saved. The last line of the table is a dense network 784 -> m
 * -> 10 of the first model's width, with arbitrary weights: the cost of an MLP. Then the program
 * saves and loads the first model, checks that its scores stay the same, and writes some of its
 * predictions to the --out folder, where scripts/fashion_mnist.gp draws them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <snnk/snnk.h>

#define CHECK(call)                                                                                \
    do {                                                                                           \
        if ((call) != SNNK_OK) {                                                                   \
            fprintf(stderr, "%s: %s\n", #call, snnk_last_error());                                 \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

enum { PIXELS = 784, SIDE = 28, CLASSES = 10, DRAWN = 24, ROUNDS = 3 };

static const char *const class_names[CLASSES] = {"T-shirt", "trouser", "pullover", "dress", "coat",
                                                 "sandal",  "shirt",   "sneaker",  "bag",   "boot"};

/* The test set: n images, and the labels as floats. */
typedef struct images {
    size_t n;
    float *X, *labels;
} images;

static float *read_table(const char *directory, const char *name, size_t columns, size_t *n) {
    char path[1024];
    snnk_table *table;
    float *values;

    snprintf(path, sizeof path, "%s/%s", directory, name);
    CHECK(snnk_table_open(path, NULL, &table));
    *n = snnk_table_rows(table);
    if (snnk_table_columns(table) != columns) {
        fprintf(stderr, "%s: %zu columns instead of %zu\n", path, snnk_table_columns(table),
                columns);
        exit(1);
    }
    values = malloc((*n * columns + 1) * sizeof *values);
    if (!values) exit(1);
    CHECK(snnk_table_read(table, 0, *n, values, columns));
    snnk_table_free(table);
    return values;
}

static size_t predicted(const float *scores) {
    size_t best = 0;

    for (size_t k = 1; k < CLASSES; k++)
        if (scores[k] > scores[best]) best = k;
    return best;
}

static double seconds_now(void) { return (double)clock() / CLOCKS_PER_SEC; }

/* Compute the scores of all test images on one thread. seconds: the shortest of ROUNDS rounds. */
static float *score(const snnk_network *network, const images *test, double *seconds) {
    float *scores = malloc(test->n * CLASSES * sizeof *scores);

    if (!scores) exit(1);
    *seconds = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        const double start = seconds_now();

        CHECK(snnk_network_forward(network, test->n, test->X, PIXELS, scores, CLASSES, NULL));
        const double elapsed = seconds_now() - start;
        if (elapsed < *seconds) *seconds = elapsed;
    }
    return scores;
}

static void print_row(const char *name, const snnk_network *network, double accuracy,
                      double seconds, size_t n) {
    const char *fit_seconds = snnk_network_note(network, "train_seconds");
    char share[16] = "-";

    if (accuracy >= 0) snprintf(share, sizeof share, "%.4f", accuracy);
    printf("%-34s %8s %12llu %9s %12.1f\n", name, share,
           (unsigned long long)snnk_network_parameters(network), fit_seconds ? fit_seconds : "-",
           1e6 * seconds / (double)n);
}

static float *compare_model(const char *path, const images *test, snnk_network **network) {
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    double seconds;
    size_t right = 0;
    float *scores;

    CHECK(snnk_network_load(path, NULL, network));
    scores = score(*network, test, &seconds);
    for (size_t i = 0; i < test->n; i++)
        right += (float)predicted(scores + i * CLASSES) == test->labels[i];
    print_row(name, *network, (double)right / (double)test->n, seconds, test->n);
    return scores;
}

/* Time a dense network 784 -> m -> 10 with relu between. Only its speed counts, so the weights are
 * arbitrary. */
static void compare_dense(size_t m, const images *test) {
    float *W = calloc(m * PIXELS, sizeof *W);
    snnk_network *network;
    snnk_layer *layer;
    double seconds;
    char name[64];

    if (!W) exit(1);
    for (size_t i = 0; i < m * PIXELS; i++) W[i] = (float)(i % 7) - 3;
    CHECK(snnk_network_create(NULL, &network));
    CHECK(snnk_layer_create_dense(PIXELS, m, W, PIXELS, NULL, SNNK_RELU, NULL, &layer));
    CHECK(snnk_network_append(network, layer));
    snnk_layer_free(layer);
    CHECK(snnk_layer_create_dense(m, CLASSES, W, m, NULL, SNNK_IDENTITY, NULL, &layer));
    CHECK(snnk_network_append(network, layer));
    snnk_layer_free(layer);
    free(score(network, test, &seconds));
    snprintf(name, sizeof name, "dense %d-%zu-%d (for scale)", PIXELS, m, CLASSES);
    print_row(name, network, -1, seconds, test->n);
    snnk_network_free(network);
    free(W);
}

static void check_reload(const snnk_network *network, const char *directory, const images *test,
                         const float *scores) {
    const size_t bytes = test->n * CLASSES * sizeof *scores;
    snnk_network *loaded;
    char path[1024];
    double seconds;
    float *again;

    snprintf(path, sizeof path, "%s/again.safetensors", directory);
    CHECK(snnk_network_save(network, path, SNNK_SAVE_ROWS));
    CHECK(snnk_network_load(path, NULL, &loaded));
    again = score(loaded, test, &seconds);
    printf("Saved and loaded again: the %zu x %d scores are %s.\n", test->n, CLASSES,
           memcmp(scores, again, bytes) == 0 ? "identical, bit for bit" : "DIFFERENT");
    if (memcmp(scores, again, bytes) != 0) exit(1);
    free(again);
    snnk_network_free(loaded);
    remove(path);
}

/* Write two files for gnuplot: the first images as matrices, and a title for each. The titles of
 * wrong predictions start with "! ", and are drawn in red. */
static void write_drawing(const char *directory, const images *test, const float *scores) {
    char path[1024];
    FILE *pixels, *titles;

    snprintf(path, sizeof path, "%s/images.dat", directory);
    pixels = fopen(path, "w");
    snprintf(path, sizeof path, "%s/titles.txt", directory);
    titles = fopen(path, "w");
    if (!pixels || !titles) {
        fprintf(stderr, "cannot write to %s\n", directory);
        exit(1);
    }
    for (size_t i = 0; i < DRAWN; i++) {
        const size_t truth = (size_t)test->labels[i], guess = predicted(scores + i * CLASSES);

        for (size_t y = 0; y < SIDE; y++)
            for (size_t x = 0; x < SIDE; x++)
                fprintf(pixels, "%g%c", (double)test->X[i * PIXELS + y * SIDE + x],
                        x + 1 < SIDE ? ' ' : '\n');
        fprintf(pixels, "\n\n");
        if (truth == guess)
            fprintf(titles, "%s\n", class_names[guess]);
        else
            fprintf(titles, "! %s, is %s\n", class_names[guess], class_names[truth]);
    }
    fclose(pixels);
    fclose(titles);
}

#define USAGE                                                                                      \
    "usage: %s [--data DIR] [--out DIR] MODEL...\n"                                                \
    "Compare models of Fashion-MNIST that snnk fit saved: accuracy, size and speed.\n\n"           \
    "  --data DIR  folder of the test set (default: /usr/share/datasets/fashion-mnist)\n"          \
    "  --out DIR   folder for images.dat and titles.txt, which scripts/fashion_mnist.gp draws\n"   \
    "              (default: the current one)\n"

int main(int argc, char **argv) {
    const char *data = "/usr/share/datasets/fashion-mnist", *out = ".";
    snnk_network *first = NULL;
    float *first_scores = NULL;
    images test;
    size_t n;
    int i = 1;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        printf(USAGE, argv[0]);
        return 0;
    }
    for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
        if (strcmp(argv[i], "--data") == 0)
            data = argv[i + 1];
        else if (strcmp(argv[i], "--out") == 0)
            out = argv[i + 1];
        else
            break;
    }
    if (i >= argc || strncmp(argv[i], "--", 2) == 0) {
        fprintf(stderr, USAGE, argv[0]);
        return 2;
    }
    test.X = read_table(data, "t10k-images-idx3-ubyte.gz", PIXELS, &test.n);
    test.labels = read_table(data, "t10k-labels-idx1-ubyte.gz", 1, &n);
    if (n != test.n) return 1;

    printf("%-34s %8s %12s %9s %12s\n", "model", "accuracy", "parameters", "fit s", "us an image");
    for (; i < argc; i++) {
        snnk_network *network;
        float *scores = compare_model(argv[i], &test, &network);

        if (!first) {
            first = network;
            first_scores = scores;
        } else {
            snnk_network_free(network);
            free(scores);
        }
    }
    compare_dense(snnk_layer_features(snnk_network_layer(first, 0)), &test);
    printf("(accuracy on %zu test images; one thread, %s kernels)\n\n", test.n,
           snnk_kernels_name());
    check_reload(first, out, &test, first_scores);
    write_drawing(out, &test, first_scores);
    snnk_network_free(first);
    free(first_scores);
    free(test.X);
    free(test.labels);
    return 0;
}
