/* The pooler of a sentence encoder, tanh(W x + b), and the head after it, for food reviews with the
 * labels great or other: linearised, that is replaced by m features of which the answer is a linear
 * function.
 *
 *     pooler run CACHE [--tokens N] [--threads N] > RESULTS
 *     pooler report [--json] [--out DIR] RESULTS...
 *     pooler self-test
 *
 * CACHE is what examples/sentence_encoder/run.sh makes. --tokens: reviews are cut to so many
 * (default 64, at most 128). RESULTS: a line for each run. --out: a folder for what pooler.gp
 * draws.
 *
 * The encoder before the pooler does not change; its means of the tokens of each review are the
 * inputs. A student of the pooler (<snnk/distill.h>) has m features of selected or random rows.
 * Head and student are one SNNK layer, 512 -> m -> 2, so the pooler's 512 outputs are no number of
 * the model.
 *
 *     closed form   the features stay, and the head is a logistic regression on them
 *     tuned         the same, and then all numbers learn, also the rows
 *     dense         the tanh pooler with a logistic regression (closed form), or fine-tuned with
 *                   it
 *     dense, small  512 -> h -> 2 with tanh from random weights
 *     no pooler     a logistic regression on the means
 *
 * The rate of each method is the best of five by cross-entropy on the last fifth of the training
 * reviews (seed 0, which is not reported). Then all of them are learned from. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../sentence_encoder/classifier.h"
#include "transformer.h"

enum { WIDTH = ENCODER_WIDTH, SEEDS = 5, EPOCHS = 10, MOST_TOKENS = 64 };
static const size_t sizes[] = {4, 8, 16, 32, 64, 128};
enum { SIZES = sizeof sizes / sizeof *sizes };
static const double rates[] = {0.001, 0.003, 0.01, 0.03, 0.1};

enum { ACCURACY, LOG_LOSS, TRAINABLE, SECONDS, COLUMNS };
static const column columns[COLUMNS] = {{"accuracy", "test accuracy", "%.4f"},
                                        {"log_loss", "cross-entropy", "%.4f"},
                                        {"trainable", "trainable", "%.0f"},
                                        {"seconds", "CPU seconds", "%.2f"}};

/* ---- Data ---- */

/* Inputs X and outputs Y of the pooler, and labels. */
typedef struct rows {
    size_t n;
    const float *X, *Y;
    const int32_t *labels;
} rows;

typedef struct data_set {
    const snnk_layer *pooler; /* tanh(W x + b) */
    rows fit, test;
} data_set;

/* The first four fifths of the reviews to learn from, and the last one, to choose by. */
static data_set for_choosing(const data_set *from) {
    const size_t n = from->fit.n, kept = kept_reviews(n);
    data_set made = *from;

    made.fit.n = kept;
    made.test = (rows){n - kept, from->fit.X + kept * WIDTH, from->fit.Y + kept * WIDTH,
                       from->fit.labels + kept};
    return made;
}

/* ---- Models ---- */

typedef enum method {
    SELECTED_CLOSED,
    SELECTED_TUNED,
    RANDOM_CLOSED,
    RANDOM_TUNED,
    SMALL,
    DENSE_CLOSED,
    DENSE_TUNED,
    NO_POOLER,
    METHODS
} method;
static const char *const method_names[METHODS] = {"SNNK, selected rows, closed form",
                                                  "SNNK, selected rows, tuned",
                                                  "SNNK, random rows, closed form",
                                                  "SNNK, random rows, tuned",
                                                  "dense, small, from scratch",
                                                  "dense, closed form",
                                                  "dense, tuned",
                                                  "no pooler, closed form"};

static bool has_sizes(method of) { return of <= SMALL; }
static bool is_tuned(method of) {
    return of == SELECTED_TUNED || of == RANDOM_TUNED || of == SMALL || of == DENSE_TUNED;
}

/* Numbers of the model: of 512 -> m -> 2, of the pooler and the head, or of the head. */
static size_t numbers_of(method of, size_t m) {
    if (of == NO_POOLER) return 2 * (WIDTH + 1);
    if (of == DENSE_CLOSED || of == DENSE_TUNED) m = WIDTH;
    return m * (WIDTH + 1) + 2 * (m + 1);
}

/* A student of the pooler of m features. */
static snnk_network *student(const data_set *set, int32_t tier, size_t m, uint64_t seed) {
    snnk_distill_config config;
    snnk_layer *layer;

    CHECK(snnk_distill_config_init(&config, sizeof config));
    config.tier = tier;
    config.seed = seed;
    CHECK(snnk_layer_distill(set->pooler, NULL, m,
                             SNNK_ROWS(.n = set->fit.n, .X = set->fit.X, .Y = set->fit.Y), &config,
                             NULL, NULL, &layer));
    return make_network(1, &layer);
}

/* A logistic regression on rows of k numbers. */
static logistic_classifier regress(const rows *on, size_t k, const float *X) {
    return classifier_fit(on->n, k, X, on->labels, 2);
}

/* Make a network of the features of a student, which is freed, and a logistic regression. */
static snnk_network *with_head(const data_set *set, snnk_network *from) {
    const snnk_map *map = snnk_layer_map(snnk_network_layer(from, 0));
    const size_t m = snnk_map_features(map), n = set->fit.n;
    float *Phi = allocate(n * m, sizeof *Phi), *Psi = allocate(2 * m, sizeof *Psi), bias[2];
    logistic_classifier fitted;
    snnk_layer *layer;

    CHECK(snnk_network_features(from, n, set->fit.X, WIDTH, Phi, m, NULL));
    fitted = regress(&set->fit, m, Phi);
    for (size_t k = 0; k < 2 * m; k++) Psi[k] = (float)fitted.B[k];
    for (size_t k = 0; k < 2; k++) bias[k] = (float)fitted.b[k];
    CHECK(snnk_layer_create(map, 2, Psi, m, bias, &layer));
    classifier_free(&fitted);
    snnk_network_free(from);
    free(Psi);
    free(Phi);
    return make_network(1, &layer);
}

/* Append a logistic regression on X (k numbers a row) to layers of a network. */
static snnk_network *with_dense_head(const data_set *set, size_t n_layers, snnk_layer **layers,
                                     const float *X) {
    float B[2 * WIDTH], b[2];
    logistic_classifier fitted = regress(&set->fit, WIDTH, X);

    for (size_t k = 0; k < 2 * WIDTH; k++) B[k] = (float)fitted.B[k];
    for (size_t k = 0; k < 2; k++) b[k] = (float)fitted.b[k];
    classifier_free(&fitted);
    CHECK(snnk_layer_create_dense(WIDTH, 2, B, WIDTH, b, SNNK_IDENTITY, NULL, &layers[n_layers]));
    return make_network(n_layers + 1, layers);
}

/* The closed form, or where a tuned model starts. */
static snnk_network *start(const data_set *set, method of, size_t m, uint64_t seed) {
    snnk_layer *layers[2];

    switch (of) {
    case SMALL:
        CHECK(snnk_layer_create_dense_random(WIDTH, m, SNNK_TANH, seed, NULL, &layers[0]));
        CHECK(snnk_layer_create_dense_random(m, 2, SNNK_IDENTITY, seed + 1, NULL, &layers[1]));
        return make_network(2, layers);
    case DENSE_CLOSED:
    case DENSE_TUNED:
        layers[0] = snnk_layer_retain(set->pooler);
        return with_dense_head(set, 1, layers, set->fit.Y);
    case NO_POOLER: return with_dense_head(set, 0, layers, set->fit.X);
    default:
        return with_head(set,
                         student(set,
                                 of == RANDOM_CLOSED || of == RANDOM_TUNED ? SNNK_DISTILL_RANDOM
                                                                           : SNNK_DISTILL_SELECTED,
                                 m, seed));
    }
}

/* ---- Runs ---- */

static result run(const data_set *set, method of, size_t m, double rate, uint64_t seed) {
    const double begin = cpu_seconds();
    snnk_network *network = start(set, of, m, seed);
    result row = {.seed = (int)seed, .numbers = numbers_of(of, m)};
    training took = {0, of == NO_POOLER || of == DENSE_CLOSED ? 2 * (WIDTH + 1) : 2 * (m + 1)};

    snprintf(row.method, sizeof row.method, "%s", method_names[of]);
    if (is_tuned(of)) {
        snnk_train_config config = train_settings(EPOCHS, seed);

        config.rate = rate;
        config.rows_rate = 1;
        network = train_network(
            network, &config,
            SNNK_ROWS(.n = set->fit.n, .X = set->fit.X, .labels = set->fit.labels), &took);
    }
    row.value[SECONDS] = cpu_seconds() - begin;
    row.value[TRAINABLE] = (double)took.trainable;
    score(network, set->test.n, set->test.X, set->test.labels, row.value);
    snnk_network_free(network);
    return row;
}

static double choose_rate(const data_set *set, method of, size_t m) {
    const data_set part = for_choosing(set);
    double best = rates[0], least = INFINITY;

    for (size_t k = 0; k < sizeof rates / sizeof *rates && is_tuned(of); k++) {
        const double loss = run(&part, of, m, rates[k], 0).value[LOG_LOSS];

        if (loss < least) {
            least = loss;
            best = rates[k];
        }
    }
    return best;
}

/* Where nothing depends on a seed, one run is enough. */
static uint64_t seeds_of(method of) { return is_tuned(of) || of == RANDOM_CLOSED ? SEEDS : 1; }

static void run_all(const data_set *set) {
    for (int of = 0; of < METHODS; of++)
        for (size_t k = 0; k < (has_sizes((method)of) ? SIZES : 1); k++) {
            const double rate = choose_rate(set, (method)of, sizes[k]);

            if (is_tuned((method)of)) say("%s, %zu: rate %g", method_names[of], sizes[k], rate);
            for (uint64_t seed = 1; seed <= seeds_of((method)of); seed++) {
                const result row = run(set, (method)of, sizes[k], rate, seed);

                result_write(&row, COLUMNS);
            }
        }
}

static int run_cache(const run_arguments *asked) {
    sentence_encoder *encoder = load_encoder(asked->cache, asked->threads);
    corpus fit, test;
    data_set set;

    fit = corpus_read(encoder, asked->cache, "reviews-train.txt", asked->tokens, 0,
                      1U << ENCODER_POOLER);
    test = corpus_read(encoder, asked->cache, "reviews-test.txt", asked->tokens, 0,
                       1U << ENCODER_POOLER);
    set =
        (data_set){snnk_network_layer(encoder_dense(encoder, ENCODER_POOLER), 0),
                   {fit.n, fit.rows[ENCODER_POOLER].X, fit.rows[ENCODER_POOLER].Y, fit.labels},
                   {test.n, test.rows[ENCODER_POOLER].X, test.rows[ENCODER_POOLER].Y, test.labels}};
    run_all(&set);
    corpus_free(&test);
    corpus_free(&fit);
    encoder_free(encoder);
    return 0;
}

/* ---- Report ---- */

static double mean_of(const results *all, method of, size_t m, size_t at) {
    return results_mean(all, method_names[of], numbers_of(of, m), at);
}

/* The fewest numbers of a method with at least a given accuracy; NAN if there are none. */
static double fewest(const results *all, method of, double accuracy) {
    for (size_t k = 0; k < SIZES; k++)
        if (mean_of(all, of, sizes[k], ACCURACY) >= accuracy)
            return (double)numbers_of(of, sizes[k]);
    return NAN;
}

static int report(const report_arguments *asked, results *all) {
    double dense, tuned, ratio;

    if (asked->folder) write_scores(asked->folder, all, SECONDS);
    dense = mean_of(all, DENSE_TUNED, 0, ACCURACY);
    tuned = mean_of(all, SELECTED_TUNED, 16, ACCURACY);
    ratio = (double)numbers_of(DENSE_TUNED, 0) / fewest(all, SELECTED_TUNED, dense - 0.005);
    if (asked->json) {
        printf("{\"experiment\":\"pooler\",");
        print_number("dense_tuned", dense);
        putchar(',');
        print_number("snnk_tuned_m16", tuned);
        putchar(',');
        print_number("pooler_parameter_ratio", ratio);
        putchar(',');
        results_print_json(all);
        printf("}\n");
    } else {
        printf("The pooler, on food reviews: means over seeds (standard deviations).\n\n");
        results_print(all);
        printf("\nSNNK, 16 selected rows, tuned: %.4f; dense, tuned: %.4f\n", tuned, dense);
        printf("Numbers of dense over those of the smallest tuned SNNK, selected rows, whose "
               "accuracy is at most 0.5 points lower: %.1f\n",
               ratio);
    }
    return 0;
}

/* ---- Self-test ---- */

/* Reviews whose label is the sign of a neuron of a made-up pooler: methods must learn them, and
 * labels that are turned round must be missed. */
static int self_test(void) {
    enum { FIT = 240, TEST = 120 };
    static const method tested[] = {SELECTED_TUNED, RANDOM_CLOSED, SMALL, DENSE_TUNED};
    float *X = allocate((size_t)(FIT + TEST) * WIDTH, sizeof *X),
          *Y = allocate((size_t)(FIT + TEST) * WIDTH, sizeof *Y);
    int32_t labels[FIT + TEST];
    snnk_layer *pooler;
    data_set set;
    int failed = 0;

    for (size_t k = 0; k < (size_t)(FIT + TEST) * WIDTH; k++)
        X[k] = (float)sin(2.4 * (double)(k * k % 1000003)) * (k % WIDTH < 8 ? 1.F : 0.05F);
    CHECK(snnk_layer_create_dense_random(WIDTH, WIDTH, SNNK_TANH, 1, NULL, &pooler));
    CHECK(snnk_layer_forward(pooler, FIT + TEST, X, WIDTH, Y, WIDTH, NULL));
    for (size_t i = 0; i < FIT + TEST; i++) labels[i] = Y[i * WIDTH] > 0;
    set = (data_set){pooler,
                     {FIT, X, Y, labels},
                     {TEST, X + (size_t)FIT * WIDTH, Y + (size_t)FIT * WIDTH, labels + FIT}};
    for (size_t k = 0; k < sizeof tested / sizeof *tested; k++) {
        const result row = run(&set, tested[k], 16, 0.01, 1);

        printf("%s: %.3f, %zu numbers\n", row.method, row.value[ACCURACY], row.numbers);
        failed += !(row.value[ACCURACY] >= (tested[k] == SMALL ? 0.6 : 0.75));
    }
    for (size_t i = FIT; i < FIT + TEST; i++) labels[i] = !labels[i];
    failed += !(run(&set, RANDOM_CLOSED, 16, 0.01, 1).value[ACCURACY] <= 0.25);
    failed += numbers_of(DENSE_TUNED, 0) != 512 * 513 + 2 * 513;
    failed += numbers_of(SMALL, 16) != 16 * 513 + 2 * 17;
    snnk_layer_free(pooler);
    free(X);
    free(Y);
    return failed > 0;
}

int main(int argc, char **argv) {
    static const experiment of = {
        .usage =
            "pooler run CACHE [--tokens N] [--threads N] | report [--json] [--out DIR] RESULTS... "
            "| self-test",
        .tokens = MOST_TOKENS,
        .n_columns = COLUMNS,
        .columns = columns,
        .self_test = self_test,
        .run = run_cache,
        .report = report};

    return experiment_main(argc, argv, &of);
}
