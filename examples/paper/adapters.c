/* Adapters in a frozen sentence encoder, for food reviews with the labels great or other: SNNK
 * adapters against bottleneck adapters.
 *
 *     adapters run CACHE [--tokens N] [--threads N] > RESULTS
 *     adapters choose CACHE [--tokens N] [--threads N]
 *     adapters report [--json] [--out DIR] RESULTS...
 *     adapters self-test
 *
 * CACHE is what examples/sentence_encoder/run.sh makes. --tokens: reviews are cut to so many
 * (default 32, at most 128). RESULTS: a line for each run. --out: a folder for what adapters.gp
 * draws. choose prints how good some rates are on the last fifth of the training reviews.
 *
 *     in blocks    y + f(y) for the outputs y of each of both feed-forward blocks
 *     on top       e + f(e) for the embedding e, of length 1
 *     SNNK         f(y) = Psi relu(G y' + c) + bias: m features with G and c from a seed, of
 *                  centered inputs y'; Psi and bias learn
 *     bottleneck   f(y) = U relu(D y + a) + b with h neurons; all numbers learn
 *     none         logistic regression on the embeddings, in closed form
 *
 * A head, 513 numbers, learns with each; it starts at the logistic regression. Psi and U start at
 * 0. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../sentence_encoder/classifier.h"
#include "transformer.h"

enum { WIDTH = ENCODER_WIDTH, SEEDS = 5, EPOCHS = 2, TOP_EPOCHS = 10, MOST_TOKENS = 32 };

typedef enum kind { NONE, SNNK, BOTTLENECK, KINDS } kind;

/* Adapters of one kind and size. */
typedef struct method {
    kind of;
    size_t size; /* m or h */
    int on_top;
    double rate;
} method;

/* The first bottleneck has 5 times the numbers to train, the second as many as SNNK. Each has the
 * rate with the smallest cross-entropy that `choose` prints. */
static const method in_blocks[] = {
    {SNNK, 16, 0, 0.01}, {BOTTLENECK, 43, 0, 0.001}, {BOTTLENECK, 8, 0, 0.03}};
enum { IN_BLOCKS = sizeof in_blocks / sizeof *in_blocks };
static const size_t top_sizes[] = {4, 8, 16, 32, 64};
enum { TOP_SIZES = sizeof top_sizes / sizeof *top_sizes };
static const double block_rates[] = {0.001, 0.003, 0.01, 0.03};
static const double top_rates[] = {0.0005, 0.001, 0.003, 0.01};

enum { ACCURACY, LOG_LOSS, SECONDS, COLUMNS };
static const column columns[COLUMNS] = {{"accuracy", "test accuracy", "%.4f"},
                                        {"log_loss", "cross-entropy", "%.4f"},
                                        {"seconds", "CPU seconds", "%.2f"}};

static void name_of(const method *of, char name[64]) {
    static const char *const kinds[KINDS] = {"none", "SNNK", "bottleneck"};

    if (of->of == NONE)
        snprintf(name, 64, "none");
    else
        snprintf(name, 64, "%s: %s, %zu", of->on_top ? "on top" : "in blocks", kinds[of->of],
                 of->size);
}

/* Numbers that learn, those of the head too. */
static size_t numbers_of(const method *of) {
    const size_t each =
        of->of == SNNK ? WIDTH * (of->size + 1) : (2 * WIDTH + 1) * of->size + WIDTH;

    return WIDTH + 1 + (of->of == NONE ? 0 : (of->on_top ? 1 : 2) * each);
}

/* ---- Adapters ---- */

/* Inputs centered, with a mean |x|^2 of 1. */
static snnk_scaling *scaling_of(size_t n, const float *X) {
    snnk_scaling *made;

    CHECK(snnk_scaling_create(WIDTH, SNNK_SCALING_COMMON, NULL, &made));
    CHECK(snnk_scaling_add(made, SNNK_ROWS(.n = n, .X = X)));
    return made;
}

/* Features of random rows, for inputs x that are centered and scaled to a mean |x|^2 of 1. */
static snnk_map *random_features(size_t m, const snnk_scaling *scaling, uint64_t seed) {
    snnk_map_config config;
    snnk_map *map;

    CHECK(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_ELEMENTWISE;
    config.activation = SNNK_RELU;
    config.features = m;
    config.projection_scale = 1;
    config.offset_scale = 0.5;
    config.seed = seed;
    CHECK(snnk_map_create(WIDTH, &config, scaling, &map));
    return map;
}

/* Make an adapter. Its output is its input as long as Psi or U is 0. */
static snnk_layer *make_adapter(const method *of, const snnk_scaling *scaling, uint64_t seed) {
    const float *zeros = allocate(WIDTH * of->size, sizeof *zeros);
    snnk_layer *inner[2], *made;
    size_t n = 1;

    if (of->of == SNNK) {
        snnk_map *map = random_features(of->size, scaling, seed);

        CHECK(snnk_layer_create(map, WIDTH, zeros, of->size, NULL, &inner[0]));
        snnk_map_free(map);
    } else {
        CHECK(snnk_layer_create_dense_random(WIDTH, of->size, SNNK_RELU, seed, NULL, &inner[0]));
        CHECK(snnk_layer_create_dense(of->size, WIDTH, zeros, of->size, NULL, SNNK_IDENTITY, NULL,
                                      &inner[n++]));
    }
    CHECK(snnk_layer_create_residual(n, (const snnk_layer *const *)inner, SNNK_RESIDUAL_ADD, 1,
                                     NULL, &made));
    for (size_t k = 0; k < n; k++) snnk_layer_free(inner[k]);
    free((void *)zeros);
    return made;
}

/* ---- In blocks ---- */

typedef struct bench {
    const sentence_encoder *encoder;
    corpus fit, test; /* what enters block 0 here are its outputs: all before them is frozen */
    snnk_scaling *scaling[2]; /* of outputs of the blocks */
    head start;               /* logistic regression */
    float *fit_E, *test_E;
} bench;

/* The outputs of block 0 pass through its adapter; block 1 is in front of its own. */
static part_set with_adapters(const bench *on, const method *of, uint64_t seed) {
    const snnk_network *block = encoder_dense(on->encoder, ENCODER_FFN_1);
    part_set made = {.parts[ENCODER_POOLER] = encoder_dense(on->encoder, ENCODER_POOLER)};
    snnk_layer *layers[3];

    layers[0] = make_adapter(of, on->scaling[0], 2 * seed);
    made.parts[ENCODER_FFN_0] = make_network(1, layers);
    for (size_t k = 0; k < 2; k++) layers[k] = snnk_layer_retain(snnk_network_layer(block, k));
    layers[2] = make_adapter(of, on->scaling[1], 2 * seed + 1);
    made.parts[ENCODER_FFN_1] = make_network(3, layers);
    return made;
}

static void freeze(graph *of) {
    graph_freeze(of, GRAPH_POOLER);
    for (size_t layer = 0; layer < 2; layer++)
        CHECK(snnk_trainer_set_rate(of->trainers[GRAPH_FFN_1], layer, -1, 0));
    CHECK(snnk_trainer_set_rate(of->trainers[GRAPH_FFN_0], 0, SNNK_PART_GAIN, 0));
    CHECK(snnk_trainer_set_rate(of->trainers[GRAPH_FFN_1], 2, SNNK_PART_GAIN, 0));
}

static result run_in_blocks(const bench *on, const method *of, slice fit, slice by, uint64_t seed) {
    const finetune_settings settings = {
        .rate = of->rate, .epochs = EPOCHS, .seed = seed, .absolute = 1, .freeze = freeze};
    const encoder_middle middle = encoder_middle_of(on->encoder);
    part_set start = with_adapters(on, of, seed);
    finetuned made = finetune(middle, start, &on->start, fit, &settings);
    const judgement judged = judge(made.middle, made.parts, &made.head, by);
    result row = {.seed = (int)seed, .numbers = made.trainable};

    name_of(of, row.method);
    row.value[ACCURACY] = judged.accuracy;
    row.value[LOG_LOSS] = judged.log_loss;
    row.value[SECONDS] = made.seconds;
    start.parts[ENCODER_POOLER] = NULL;
    part_set_free(start);
    finetuned_free(&made);
    return row;
}

/* ---- On top ---- */

/* A head of two outputs from one of one: log odds +- z / 2. */
static snnk_layer *two_outputs(const head *from) {
    float B[2 * WIDTH];
    const float b[2] = {-from->b / 2, from->b / 2};
    snnk_layer *made;

    for (size_t k = 0; k < WIDTH; k++) {
        B[k] = -from->B[k] / 2;
        B[WIDTH + k] = from->B[k] / 2;
    }
    CHECK(snnk_layer_create_dense(WIDTH, 2, B, WIDTH, b, SNNK_IDENTITY, NULL, &made));
    return made;
}

/* Embeddings of reviews. */
typedef struct embedded {
    const float *E;
    const int32_t *labels;
    size_t n;
} embedded;

static result run_on_top(const head *start, const method *of, embedded fit, embedded by,
                         uint64_t seed) {
    const double begin = thread_seconds();
    snnk_scaling *scaling = scaling_of(fit.n, fit.E);
    snnk_train_config config = train_settings(TOP_EPOCHS, seed);
    snnk_layer *layers[2] = {make_adapter(of, scaling, seed), two_outputs(start)};
    snnk_network *network = make_network(2, layers), *trained;
    result row = {.seed = (int)seed, .numbers = numbers_of(of)};
    snnk_trainer *trainer;

    config.relative = 0;
    config.rate = of->rate;
    CHECK(snnk_trainer_create(network, &config, &trainer));
    CHECK(snnk_trainer_set_rate(trainer, 0, SNNK_PART_GAIN, 0));
    CHECK(snnk_trainer_run(trainer, SNNK_ROWS(.n = fit.n, .X = fit.E, .labels = fit.labels), NULL,
                           NULL, NULL));
    CHECK(snnk_trainer_network(trainer, &trained));
    name_of(of, row.method);
    score(trained, by.n, by.E, by.labels, row.value);
    row.value[SECONDS] = thread_seconds() - begin;
    snnk_trainer_free(trainer);
    snnk_network_free(network);
    snnk_network_free(trained);
    snnk_scaling_free(scaling);
    return row;
}

/* The rate with the smallest cross-entropy on the last fifth of the reviews to learn from. */
static double choose_top_rate(method of, embedded all) {
    const size_t kept = kept_reviews(all.n);
    const head start = head_fit(kept, all.E, all.labels); /* which has not seen the fifth */
    const embedded fit = {all.E, all.labels, kept},
                   by = {all.E + kept * WIDTH, all.labels + kept, all.n - kept};
    double best = top_rates[0], least = INFINITY;

    for (size_t k = 0; k < sizeof top_rates / sizeof *top_rates; k++) {
        of.rate = top_rates[k];
        const double loss = run_on_top(&start, &of, fit, by, 0).value[LOG_LOSS];

        if (loss < least) {
            least = loss;
            best = of.rate;
        }
    }
    return best;
}

static void run_all_on_top(const bench *on) {
    const embedded fit = {on->fit_E, on->fit.labels, on->fit.n},
                   test = {on->test_E, on->test.labels, on->test.n};

    for (int of = SNNK; of < KINDS; of++)
        for (size_t k = 0; k < TOP_SIZES; k++) {
            method some = {(kind)of, top_sizes[k], 1, 0};

            some.rate = choose_top_rate(some, fit);
            say("on top, %s %zu: rate %g", of == SNNK ? "SNNK" : "bottleneck", some.size,
                some.rate);
            for (uint64_t seed = 1; seed <= SEEDS; seed++) {
                const result row = run_on_top(&on->start, &some, fit, test, seed);

                result_write(&row, COLUMNS);
            }
        }
}

/* ---- The runs ---- */

/* Runs in blocks, for several threads. */
typedef struct job_list {
    const bench *on;
    slice fit, by;
    size_t n;
    method *methods;
    uint64_t *seeds;
    result *rows;
} job_list;

static void run_job(void *context, size_t job) {
    job_list *all = context;

    all->rows[job] = run_in_blocks(all->on, &all->methods[job], all->fit, all->by, all->seeds[job]);
    say("%s, seed %d: %.4f", all->rows[job].method, all->rows[job].seed,
        all->rows[job].value[ACCURACY]);
}

static job_list jobs_make(const bench *on, slice fit, slice by, size_t n) {
    job_list made = {on,
                     fit,
                     by,
                     n,
                     allocate(n, sizeof *made.methods),
                     allocate(n, sizeof *made.seeds),
                     allocate(n, sizeof *made.rows)};

    return made;
}

static void jobs_free(job_list *of) {
    free(of->methods);
    free(of->seeds);
    free(of->rows);
}

static void run_all_in_blocks(const bench *on, size_t threads) {
    job_list all = jobs_make(on, (slice){&on->fit, 0, on->fit.n}, (slice){&on->test, 0, on->test.n},
                             (size_t)IN_BLOCKS * SEEDS);

    for (size_t k = 0; k < all.n; k++) {
        all.methods[k] = in_blocks[k / SEEDS];
        all.seeds[k] = k % SEEDS + 1;
    }
    run_jobs(all.n, run_job, &all, threads);
    for (size_t k = 0; k < all.n; k++) result_write(&all.rows[k], COLUMNS);
    jobs_free(&all);
}

static void choose(const bench *on, size_t threads) {
    enum { RATES = sizeof block_rates / sizeof *block_rates };
    const size_t kept = kept_reviews(on->fit.n);
    bench part = *on;
    job_list all = jobs_make(&part, (slice){&on->fit, 0, kept},
                             (slice){&on->fit, kept, on->fit.n - kept}, (size_t)IN_BLOCKS * RATES);

    part.start = head_fit(kept, on->fit_E, on->fit.labels); /* which has not seen the fifth */
    for (size_t k = 0; k < all.n; k++) {
        all.methods[k] = in_blocks[k / RATES];
        all.methods[k].rate = block_rates[k % RATES];
    }
    run_jobs(all.n, run_job, &all, threads);
    for (size_t k = 0; k < all.n; k++)
        printf("%s, rate %g: cross-entropy %.4f, accuracy %.4f\n", all.rows[k].method,
               all.methods[k].rate, all.rows[k].value[LOG_LOSS], all.rows[k].value[ACCURACY]);
    jobs_free(&all);
}

/* The scaling of the outputs of the blocks, from some reviews. */
static void scale_blocks(sentence_encoder *encoder, const char *cache, size_t tokens,
                         snnk_scaling *scaling[2]) {
    corpus some = corpus_read(encoder, cache, "reviews-train.txt", tokens, 200,
                              1U << ENCODER_FFN_0 | 1U << ENCODER_FFN_1);

    for (int part = 0; part < 2; part++)
        scaling[part] = scaling_of(some.rows[part].n, some.rows[part].Y);
    corpus_free(&some);
}

static bench bench_make(sentence_encoder *encoder, const char *cache, size_t tokens) {
    const encoder_middle middle = encoder_middle_of(encoder);
    const part_set parts = original_parts(encoder);
    bench made = {.encoder = encoder};

    say("Reading reviews ...");
    scale_blocks(encoder, cache, tokens, made.scaling);
    made.fit = corpus_read(encoder, cache, "reviews-train.txt", tokens, 0, 1U << ENCODER_FFN_0);
    made.test = corpus_read(encoder, cache, "reviews-test.txt", tokens, 0, 1U << ENCODER_FFN_0);
    made.fit_E = embeddings(middle, parts, (slice){&made.fit, 0, made.fit.n});
    made.test_E = embeddings(middle, parts, (slice){&made.test, 0, made.test.n});
    made.start = head_fit(made.fit.n, made.fit_E, made.fit.labels);
    made.fit.X = made.fit.rows[ENCODER_FFN_0].Y;
    made.test.X = made.test.rows[ENCODER_FFN_0].Y;
    return made;
}

static void bench_free(bench *made) {
    corpus_free(&made->fit);
    corpus_free(&made->test);
    free(made->fit_E);
    free(made->test_E);
    for (int part = 0; part < 2; part++) snnk_scaling_free(made->scaling[part]);
}

static void run_closed_form(const bench *on) {
    const method none = {NONE, 0, 0, 0};
    result row = {.seed = 1, .numbers = numbers_of(&none)};
    snnk_layer *layer = two_outputs(&on->start);
    snnk_network *network = make_network(1, &layer);

    name_of(&none, row.method);
    score(network, on->test.n, on->test_E, on->test.labels, row.value);
    row.value[SECONDS] = NAN;
    result_write(&row, COLUMNS);
    snnk_network_free(network);
}

static int run_cache(const run_arguments *asked) {
    sentence_encoder *encoder = load_encoder(asked->cache, asked->threads);
    bench on = bench_make(encoder, asked->cache, asked->tokens);

    if (asked->choosing) {
        choose(&on, asked->threads);
    } else {
        run_closed_form(&on);
        run_all_on_top(&on);
        run_all_in_blocks(&on, asked->threads);
    }
    bench_free(&on);
    encoder_free(encoder);
    return 0;
}

/* ---- Report ---- */

static double mean_of(const results *all, const method *of) {
    char name[64];

    name_of(of, name);
    return results_mean(all, name, numbers_of(of), ACCURACY);
}

/* The largest ratio of numbers that learn, of bottleneck adapters to SNNK adapters of 16 features
 * in the same place whose accuracy is no more than 0.5 points lower. 0 if there are none. */
static double parameter_ratio(const results *all, int on_top) {
    const method snnk = {SNNK, 16, on_top, 0};
    const double least = mean_of(all, &snnk) + 0.005;
    double largest = 0;

    for (size_t k = 0; k < (on_top ? TOP_SIZES : IN_BLOCKS - 1); k++) {
        const method other = {BOTTLENECK, on_top ? top_sizes[k] : in_blocks[k + 1].size, on_top, 0};

        if (mean_of(all, &other) <= least)
            largest = fmax(largest, (double)numbers_of(&other) / (double)numbers_of(&snnk));
    }
    return largest;
}

static int report(const report_arguments *asked, results *all) {
    double difference;

    if (asked->folder) write_scores(asked->folder, all, SECONDS);
    difference = mean_of(all, &in_blocks[0]) - mean_of(all, &in_blocks[1]);
    if (asked->json) {
        printf("{\"experiment\":\"adapters\",");
        print_number("adapter_parameter_ratio", parameter_ratio(all, 0));
        putchar(',');
        print_number("adapter_on_top_parameter_ratio", parameter_ratio(all, 1));
        putchar(',');
        print_number("adapter_accuracy_difference", difference);
        putchar(',');
        results_print_json(all);
        printf("}\n");
    } else {
        printf("Adapters, on food reviews: means over seeds (standard deviations). The numbers "
               "are those that learn.\n\n");
        results_print(all);
        printf("\nIn blocks, SNNK with 16 features minus the bottleneck with %.2f times the "
               "numbers: %+.4f\n",
               (double)numbers_of(&in_blocks[1]) / (double)numbers_of(&in_blocks[0]), difference);
        printf("The largest ratio of numbers at which it is no more than 0.5 points lower: %.2f in "
               "blocks, %.2f on top\n",
               parameter_ratio(all, 0), parameter_ratio(all, 1));
    }
    return 0;
}

/* ---- Self-test ---- */

/* Embeddings whose label the head cannot know, because it looks at another number, but an adapter
 * below it may learn: both kinds must. Labels that are turned round must be missed. */
static int self_test(void) {
    enum { FIT = 400, TEST = 200 };
    float *E = allocate((size_t)(FIT + TEST) * WIDTH, sizeof *E);
    int32_t labels[FIT + TEST];
    head start = {{0}, 0};
    int failed = !finetune_test();

    start.B[0] = 4;
    for (size_t i = 0; i < FIT + TEST; i++) {
        float *e = E + i * WIDTH;

        for (size_t k = 0; k < 16; k++)
            e[k] = (float)sin(2.4 * (double)((i * 16 + k) * (i * 16 + k) % 1000003)) / 3;
        labels[i] = e[1] + e[2] > 0;
    }
    const embedded fit = {E, labels, FIT}, test = {E + (size_t)FIT * WIDTH, labels + FIT, TEST};

    for (int of = SNNK; of < KINDS; of++) {
        const method some = {(kind)of, 32, 1, 0.02};
        const result row = run_on_top(&start, &some, fit, test, 1);

        printf("%s: %.3f, %zu numbers\n", row.method, row.value[ACCURACY], row.numbers);
        failed += !(row.value[ACCURACY] >= 0.75);
    }
    for (size_t i = FIT; i < FIT + TEST; i++) labels[i] = !labels[i];
    const method snnk = {SNNK, 32, 1, 0.02};

    failed += !(run_on_top(&start, &snnk, fit, test, 1).value[ACCURACY] <= 0.25);
    failed += numbers_of(&in_blocks[0]) != 2 * (16 * 512 + 512) + 513;
    failed += numbers_of(&in_blocks[1]) != 2 * (43 * 512 + 43 + 43 * 512 + 512) + 513;
    free(E);
    return failed > 0;
}

int main(int argc, char **argv) {
    static const experiment of = {
        .usage = "adapters run|choose CACHE [--tokens N] [--threads N] | report [--json] "
                 "[--out DIR] RESULTS... | self-test",
        .tokens = MOST_TOKENS,
        .chooses = true,
        .n_columns = COLUMNS,
        .columns = columns,
        .self_test = self_test,
        .run = run_cache,
        .report = report};

    return experiment_main(argc, argv, &of);
}
