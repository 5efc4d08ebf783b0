/* Both feed-forward blocks of a sentence encoder replaced by SNNK layers, and the encoder
 * fine-tuned on food reviews with the labels great or other, against the original fine-tuned in the
 * same way.
 *
 *     uptraining run CACHE [--full] [--tokens N] [--threads N] > RESULTS
 *     uptraining choose CACHE [--tokens N] [--threads N]
 *     uptraining report [--json] [--out DIR] RESULTS...
 *     uptraining self-test
 *
 * CACHE is what examples/sentence_encoder/run.sh makes. --full: more seeds, sizes and methods.
 * --tokens: reviews are cut to so many (default 32, at most 128). RESULTS: a line for each run.
 * --out: a folder for what uptraining.gp draws. choose prints how good some rates are on the last
 * fifth of the training reviews.
 *
 *     original              512 -> 1536 -> 512 with relu, both blocks
 *     blocks, selected      each block becomes Psi relu(G x + c) + bias; rows selected among its
 *                           neurons, Psi from least squares (<snnk/distill.h>)
 *     blocks, tuned         the same; then both and the pooler are tuned together, so that the
 *                           embeddings of the training reviews are those of the original
 *     blocks, cut           a dense rival: the matrices cut by singular values, with no more
 *                           numbers
 *
 * With --full:
 *
 *     blocks, 4 x epochs    as selected, for about the time that the original takes
 *     blocks, random        as selected, with random rows
 *     blocks, from scratch  random rows and random Psi
 *     blocks, shared        one network in place of both blocks; it starts as the selected student
 *                           of block 0
 *     expansions            relu(W1 x + b1) alone is replaced; W2 stays and learns; bundled after
 *
 * What learns: both blocks (also their rows), the pooler, and a head of 513 numbers. The head
 * starts at a logistic regression on the embeddings. Its accuracy before any step is the closed
 * form's. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "blocks.h"

enum {
    WIDTH = ENCODER_WIDTH,
    MOST_SEEDS = 5,
    EPOCHS = 2,
    TUNING_EPOCHS = 5,
    PIECES = 2,
    MOST_TOKENS = 32
};

typedef struct method {
    block_kind of;
    size_t m;                   /* features; 0: none */
    uint64_t seeds, full_seeds; /* without and with --full */
} method;

static const method methods[] = {{ORIGINAL, 0, 5, 5},   {TUNED, 16, 5, 5},    {SELECTED, 16, 1, 5},
                                 {CUT, 16, 1, 5},       {SCRATCH, 16, 0, 5},  {TUNED, 64, 0, 5},
                                 {SELECTED, 64, 0, 5},  {SELECTED, 32, 0, 5}, {SELECTED, 8, 0, 5},
                                 {LONGER, 16, 0, 5},    {RANDOM, 16, 0, 5},   {SHARED, 16, 0, 5},
                                 {CUT, 64, 0, 5},       {EXPANSION, 8, 0, 3}, {EXPANSION, 16, 0, 5},
                                 {EXPANSION, 32, 0, 3}, {EXPANSION, 64, 0, 3}};
enum { METHODS = sizeof methods / sizeof *methods };

/* The first three are chosen by `choose`, from `rates`; all on the last fifth of the reviews. */
static const double original_rate = 0.003, replaced_rate = 0.003, cut_rate = 0.01;
static const double tuning_rate = 0.01;
static const double warmup = 0.1;
static const double rates[] = {0.001, 0.003, 0.006, 0.01};

enum { ACCURACY, LOG_LOSS, HEAD_ONLY, MEGABYTES, MILLISECONDS, TRAINABLE, START, SECONDS, COLUMNS };
static const column columns[COLUMNS] = {
    {"accuracy", "test accuracy", "%.4f"}, {"log_loss", "cross-entropy", "%.4f"},
    {"head_only", "head only", "%.4f"},    {"megabytes", "MB", "%.2f"},
    {"milliseconds", "ms", "%.1f"},        {"trainable", "trainable", "%.0f"},
    {"start_seconds", "start", "%.1f"},    {"seconds", "CPU seconds", "%.1f"}};

static void name_of(const method *of, char name[64]) {
    if (of->m > 0)
        snprintf(name, 64, "%s, m = %zu", block_names[of->of], of->m);
    else
        snprintf(name, 64, "%s", block_names[of->of]);
}

/* ---- Starts ---- */

typedef struct bench {
    sentence_encoder *encoder;
    size_t threads;
    corpus fit, test;
    corpus pieces; /* of the reviews to learn from, without labels */
    block_source source;
} bench;

/* What fine-tuning starts from, and how good it is. */
typedef struct start {
    method of;
    uint64_t seed;
    part_set parts;
    head head;
    judgement judged;
    double seconds;                 /* to make it, without the moments that all share */
    size_t numbers;                 /* of the parts */
    double megabytes, milliseconds; /* of the whole encoder; for TIMED_REVIEWS */
} start;

static head fitted_head(encoder_middle middle, part_set parts, slice fit) {
    float *E = embeddings(middle, parts, fit);
    const head made = head_fit(fit.n, E, fit.of->labels + fit.from);

    free(E);
    return made;
}

/* Tune all parts together, so that embeddings come close to those of the original, most of all in
 * what its head sees. Frees `parts`. */
static part_set tuned(const bench *on, part_set parts, slice fit) {
    const encoder_middle middle = encoder_middle_of(on->encoder);
    const part_set original = original_parts(on->encoder);
    const slice pieces = {&on->pieces, 0, on->pieces.n};
    const head by = fitted_head(middle, original, fit);
    float *E = embeddings(middle, original, pieces);
    const finetune_settings settings = {.rate = tuning_rate,
                                        .epochs = TUNING_EPOCHS,
                                        .rows_rate = 1,
                                        .warmup = warmup,
                                        .wanted = E,
                                        .along = 100};
    finetuned made = finetune(middle, parts, &by, pieces, &settings);
    const part_set kept = made.parts;

    made.parts = (part_set){{NULL}};
    finetuned_free(&made);
    replaced_blocks_free(parts);
    free(E);
    return kept;
}

static void start_fill(const bench *on, start *made, slice fit, slice by) {
    const double begin = thread_seconds();
    const encoder_middle middle = encoder_middle_of(on->encoder);
    const part_set original = original_parts(on->encoder);
    const method *of = &made->of;

    made->parts =
        of->of == ORIGINAL ? original : replaced_blocks(&on->source, of->of, of->m, made->seed);
    if (of->of == TUNED) made->parts = tuned(on, made->parts, fit);
    made->head = fitted_head(middle, made->parts, fit);
    made->seconds = thread_seconds() - begin;
    made->judged = judge(middle, made->parts, &made->head, by);
}

static void start_free(start *made) {
    if (made->of.of == TUNED)
        part_set_free(made->parts);
    else if (made->of.of != ORIGINAL)
        replaced_blocks_free(made->parts);
}

/* ---- Size and time ---- */

enum { TIMED_REVIEWS = 32, ROUNDS = 5 };

/* Multiply both layers of each expansion together; the pooler stays as it is. */
static part_set bundled(part_set parts) {
    for (int block = 0; block < 2; block++) {
        snnk_network *made;

        CHECK(snnk_network_bundle(parts.parts[block], 0, 1, &made));
        parts.parts[block] = made;
    }
    return parts;
}

static int by_value(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;

    return a < b ? -1 : a > b;
}

/* Median of the milliseconds of processor time for reviews from tokens to embeddings. */
static double time_encoder(sentence_encoder *encoder, const token_list *reviews) {
    float *E = allocate(reviews->n_texts * WIDTH, sizeof *E);
    double rounds[ROUNDS];

    for (int i = 0; i < ROUNDS; i++) {
        const double begin = thread_seconds();

        encoder_embed(encoder, reviews, E);
        rounds[i] = 1e3 * (thread_seconds() - begin);
    }
    free(E);
    qsort(rounds, ROUNDS, sizeof *rounds, by_value);
    return rounds[ROUNDS / 2];
}

/* Measure sizes, and times on one thread. Learning does not change them. */
static void measure(const bench *on, start *at, const token_list *reviews) {
    part_set parts = at->parts;

    if (at->of.of == EXPANSION) parts = bundled(parts);
    use_parts(on->encoder, parts);
    at->numbers = (size_t)encoder_part_parameters(on->encoder);
    at->megabytes = 4e-6 * (double)encoder_parameters(on->encoder);
    at->milliseconds = time_encoder(on->encoder, reviews);
    use_parts(on->encoder, (part_set){{NULL}});
    if (at->of.of != EXPANSION) return;
    parts.parts[ENCODER_POOLER] = NULL;
    part_set_free(parts);
}

static token_list timed_reviews(const sentence_encoder *encoder, const char *cache) {
    review_set reviews = reviews_read(cache, "reviews-test.txt");
    token_list list = encoder_tokenise(encoder, TIMED_REVIEWS, (const char *const *)reviews.texts);

    reviews_free(&reviews);
    return list;
}

/* ---- Runs ---- */

typedef struct job {
    const start *from;
    double rate;
    uint64_t seed;
    judgement judged;
} job;

typedef struct job_list {
    const bench *on;
    slice fit, by;
    size_t n, n_starts;
    job *jobs;
    start *starts;
    bool silent; /* results are not written */
} job_list;

static void run_start(void *context, size_t k) {
    const job_list *all = context;

    start_fill(all->on, &all->starts[k], all->fit, all->by);
}

static void run_job(void *context, size_t k) {
    const job_list *all = context;
    job *at = &all->jobs[k];
    const start *from = at->from;
    const finetune_settings settings = {.rate = at->rate,
                                        .epochs = (from->of.of == LONGER ? 4 : 1) * EPOCHS,
                                        .seed = at->seed,
                                        .rows_rate = 1,
                                        .warmup = warmup};
    finetuned made = finetune(encoder_middle_of(all->on->encoder), from->parts, &from->head,
                              all->fit, &settings);
    result row = {.seed = (int)at->seed, .numbers = from->numbers};

    at->judged = judge(made.middle, made.parts, &made.head, all->by);
    name_of(&from->of, row.method);
    row.value[ACCURACY] = at->judged.accuracy;
    row.value[LOG_LOSS] = at->judged.log_loss;
    row.value[HEAD_ONLY] = from->judged.accuracy;
    row.value[MEGABYTES] = from->megabytes;
    row.value[MILLISECONDS] = from->milliseconds;
    row.value[TRAINABLE] = (double)made.trainable;
    row.value[START] = from->of.of == ORIGINAL ? NAN : from->seconds;
    row.value[SECONDS] = made.seconds;
    finetuned_free(&made);
    if (!all->silent) result_write(&row, COLUMNS);
    say("%s, rate %g, seed %d: %.4f, %.4f", row.method, at->rate, row.seed, at->judged.accuracy,
        at->judged.log_loss);
}

/* ---- All runs ---- */

/* Add runs of a method with seeds from ... to. */
static void add_runs(job_list *all, const method *of, double rate, uint64_t from, uint64_t to) {
    for (uint64_t seed = from; seed <= to; seed++) {
        if (seed == from || is_random(of->of))
            all->starts[all->n_starts++] = (start){.of = *of, .seed = seed};
        all->jobs[all->n++] =
            (job){.from = &all->starts[all->n_starts - 1], .rate = rate, .seed = seed};
    }
}

static job_list jobs_make(const bench *on, slice fit, slice by, size_t most) {
    job_list made = {.on = on, .fit = fit, .by = by};

    made.jobs = allocate(most, sizeof *made.jobs);
    made.starts = allocate(most, sizeof *made.starts);
    return made;
}

static void jobs_free(job_list *all) {
    for (size_t k = 0; k < all->n_starts; k++) start_free(&all->starts[k]);
    free(all->jobs);
    free(all->starts);
}

static double rate_of(block_kind of) {
    return of == ORIGINAL ? original_rate : of == CUT ? cut_rate : replaced_rate;
}

static void run_all(const bench *on, const char *cache, bool full) {
    job_list all = jobs_make(on, (slice){&on->fit, 0, on->fit.n}, (slice){&on->test, 0, on->test.n},
                             (size_t)METHODS * MOST_SEEDS);
    token_list timed = timed_reviews(on->encoder, cache);

    for (size_t k = 0; k < METHODS; k++)
        add_runs(&all, &methods[k], rate_of(methods[k].of), 1,
                 full ? methods[k].full_seeds : methods[k].seeds);
    say("%zu starts ...", all.n_starts);
    run_jobs(all.n_starts, run_start, &all, on->threads);
    encoder_set_threads(on->encoder, 1);
    for (size_t k = 0; k < all.n_starts; k++) measure(on, &all.starts[k], &timed);
    run_jobs(all.n, run_job, &all, on->threads);
    token_list_free(&timed);
    jobs_free(&all);
}

/* The reviews that `choose` learns from. */
/* Fine-tune on four fifths of the reviews, with some rates. */
static void choose(const bench *on) {
    static const method some[] = {{ORIGINAL, 0, 0, 0}, {TUNED, 16, 0, 0}, {CUT, 16, 0, 0}};
    enum { SOME = sizeof some / sizeof *some, RATES = sizeof rates / sizeof *rates };
    const size_t kept = kept_reviews(on->fit.n);
    job_list all = jobs_make(on, (slice){&on->fit, 0, kept},
                             (slice){&on->fit, kept, on->fit.n - kept}, (size_t)SOME * RATES);

    for (size_t k = 0; k < SOME; k++)
        for (size_t i = 0; i < RATES; i++) {
            add_runs(&all, &some[k], rates[i], 0, 0);
            if (i > 0) all.jobs[all.n - 1].from = all.jobs[all.n - 2].from;
            if (i > 0) all.n_starts--;
        }
    all.silent = true;
    run_jobs(all.n_starts, run_start, &all, on->threads);
    run_jobs(all.n, run_job, &all, on->threads);
    for (size_t k = 0; k < all.n; k++)
        printf("%s, rate %g: cross-entropy %.4f, accuracy %.4f\n",
               block_names[all.jobs[k].from->of.of], all.jobs[k].rate, all.jobs[k].judged.log_loss,
               all.jobs[k].judged.accuracy);
    jobs_free(&all);
}

static bench bench_make(const run_arguments *asked) {
    const char *cache = asked->cache;
    const size_t tokens = asked->tokens;
    bench made = {.encoder = load_encoder(cache, asked->threads), .threads = asked->threads};

    say("Reading reviews ...");
    made.fit = corpus_read(made.encoder, cache, "reviews-train.txt", tokens, 0, 1U);
    made.pieces = pieces_read(made.encoder, cache, "reviews-train.txt", tokens, PIECES,
                              asked->choosing ? kept_reviews(made.fit.n) : made.fit.n);
    free(made.pieces.rows[ENCODER_FFN_0].Y);
    free(made.fit.rows[ENCODER_FFN_0].Y);
    made.pieces.rows[ENCODER_FFN_0].Y = made.fit.rows[ENCODER_FFN_0].Y = NULL;
    made.test = corpus_read(made.encoder, cache, "reviews-test.txt", tokens, 0, 1U);
    made.source = block_source_make(made.encoder, cache, tokens, asked->threads, asked->full);
    return made;
}

static void bench_free(bench *made) {
    block_source_free(&made->source);
    corpus_free(&made->test);
    corpus_free(&made->pieces);
    corpus_free(&made->fit);
    encoder_free(made->encoder);
}

static int run_cache(const run_arguments *asked) {
    bench on = bench_make(asked);

    if (asked->choosing)
        choose(&on);
    else
        run_all(&on, asked->cache, asked->full);
    bench_free(&on);
    return 0;
}

/* ---- Report ---- */

/* The mean over seeds, and the standard error of the mean. */
static double mean_of(const results *all, const method *of, double *error) {
    char name[64];
    double n = 0, sum = 0, squares = 0;

    name_of(of, name);
    for (size_t i = 0; i < all->n; i++)
        if (strcmp(all->rows[i].method, name) == 0) {
            n++;
            sum += all->rows[i].value[ACCURACY];
            squares += all->rows[i].value[ACCURACY] * all->rows[i].value[ACCURACY];
        }
    *error = n > 1 ? sqrt(fmax(squares / n - sum / n * (sum / n), 0) / (n - 1)) : NAN;
    return n > 0 ? sum / n : NAN;
}

/* For uptraining.gp: a line for each run. */
static void write_points(const char *folder, const results *all) {
    FILE *file = open_output(folder, "points.txt");

    for (size_t i = 0; i < all->n; i++)
        fprintf(file, "%s\t%zu\t%.5f\t%.5f\t%.3f\t%.3f\t%.2f\n", all->rows[i].method,
                all->rows[i].numbers, all->rows[i].value[ACCURACY], all->rows[i].value[HEAD_ONLY],
                all->rows[i].value[MEGABYTES], all->rows[i].value[MILLISECONDS],
                all->rows[i].value[SECONDS]);
    fclose(file);
}

static int report(const report_arguments *asked, results *all) {
    static const method original = {ORIGINAL, 0, 0, 0}, m16 = {TUNED, 16, 0, 0};
    double errors[2], drop, error;

    if (asked->folder) write_points(asked->folder, all);
    drop = mean_of(all, &original, &errors[0]) - mean_of(all, &m16, &errors[1]);
    error = hypot(errors[0], errors[1]);
    if (asked->json) {
        printf("{\"experiment\":\"uptraining\",");
        print_number("uptraining_accuracy_drop_m16", drop);
        putchar(',');
        print_number("uptraining_accuracy_drop_m16_standard_error", error);
        putchar(',');
        results_print_json(all);
        printf("}\n");
    } else {
        printf("Both blocks replaced, fine-tuned on food reviews: means over seeds (standard "
               "deviations).\n\n");
        results_print(all);
        printf("\nBoth blocks replaced by 16 features each: accuracy %.4f lower (standard error "
               "%.4f over seeds)\n",
               drop, error);
    }
    return 0;
}

/* ---- Self-test ---- */

static int self_test(void) {
    static result rows[4] = {{"original", 1, 1, {0.80}},
                             {"original", 1, 2, {0.82}},
                             {"blocks, tuned, m = 16", 1, 1, {0.79}},
                             {"blocks, tuned, m = 16", 1, 2, {0.81}}};
    const results all = {.n_columns = COLUMNS, .columns = columns, .n = 4, .rows = rows};
    double error, mean;
    int failed = !finetune_test() + !corpus_test();

    mean = mean_of(&all, &methods[0], &error);
    failed += !(fabs(mean - 0.81) < 1e-12) || !(fabs(error - 0.01) < 1e-12);
    mean = mean_of(&all, &methods[1], &error);
    failed += !(fabs(mean - 0.80) < 1e-12);
    return failed > 0;
}

int main(int argc, char **argv) {
    static const experiment of = {
        .usage = "uptraining run|choose CACHE [--full] [--tokens N] [--threads N] | "
                 "report [--json] [--out DIR] RESULTS... | self-test",
        .tokens = MOST_TOKENS,
        .chooses = true,
        .has_full = true,
        .n_columns = COLUMNS,
        .columns = columns,
        .self_test = self_test,
        .run = run_cache,
        .report = report};

    return experiment_main(argc, argv, &of);
}
