/* Run a real transformer in C, the Universal Sentence Encoder lite; compress it, and measure the
 * loss.
 *
 *     sentence_encoder [OPTION...] DIRECTORY [check] [time] [reviews] [compress]
 *     sentence_encoder self-test
 *
 * run.sh fetches the files into DIRECTORY and starts the program. The tasks:
 *
 *   check     compare embeddings of 50 sentences, unusual ones among them, with those of the
 *             encoder's own JavaScript; fails above 1e-4. Compare gradients with differences of the
 *             loss; fails above 0.005
 *   time      measure the time of single sentences and of 32 together
 *   reviews   classify food reviews (great or other) by logistic regression on embeddings; accuracy
 *             on 1000 reviews that nothing was fitted to
 *   compress  replace parts of the encoder: sizes, times and losses; see trial.h */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "attention.h"
#include "common.h"
#include "compare.h"
#include "encoder.h"
#include "lines.h"
#include "report.h"
#include "tokenizer.h"
#include "tune.h"

/* ---- Comparison with the reference ---- */

/* Parse a line of the reference: token numbers, a tab, the embedding. Returns how many of its
 * tokens differ from ours. */
static size_t read_reference(char *line, const int32_t *tokens, size_t n_tokens, float *embedding) {
    char *at = line;
    size_t k = 0, different = 0;

    for (; *at != '\t' && *at; k++) {
        const long token = strtol(at, &at, 10);

        /* The encoder reads only the first ENCODER_MOST_TOKENS. */
        if (k < ENCODER_MOST_TOKENS) different += k >= n_tokens || tokens[k] != token;
        if (*at == ' ') at++;
    }
    if (k < n_tokens) different += n_tokens - k;
    for (size_t j = 0; j < ENCODER_WIDTH; j++) {
        char *end;

        embedding[j] = strtof(at, &end);
        if (end == at) {
            fprintf(stderr, "reference: a line of %zu numbers, expected %d\n", j, ENCODER_WIDTH);
            exit(1);
        }
        at = end;
    }
    return different;
}

/* largest: the largest difference of a number with one text at a time; largest_together: with all
 * texts at once, which changes rounding only. */
typedef struct check_result {
    size_t n, different_tokens;
    double largest, largest_together;
    double gradient_error; /* of the gradients used in tuning */
} check_result;

static check_result check(sentence_encoder *encoder, const char *directory) {
    text_lines texts = lines_read(directory, "check.txt");
    text_lines reference = lines_read(directory, "reference.txt");
    token_list list = encoder_tokenise(encoder, texts.n, (const char *const *)texts.texts);
    float *expected = allocate(texts.n * ENCODER_WIDTH, sizeof *expected);
    float *alone = allocate(texts.n * ENCODER_WIDTH, sizeof *alone);
    float *together = encoder_embed_texts(encoder, texts.n, texts.texts);
    check_result result = {.n = texts.n};

    if (reference.n != texts.n) {
        fprintf(stderr, "check.txt has %zu texts, the reference %zu\n", texts.n, reference.n);
        exit(1);
    }
    for (size_t i = 0; i < texts.n; i++) {
        const size_t n_tokens = list.first[i + 1] - list.first[i];
        float *one = encoder_embed_texts(encoder, 1, texts.texts + i);

        result.different_tokens += read_reference(reference.texts[i], list.tokens + list.first[i],
                                                  n_tokens, expected + i * ENCODER_WIDTH);
        memcpy(alone + i * ENCODER_WIDTH, one, ENCODER_WIDTH * sizeof *one);
        free(one);
    }
    result.largest = largest_difference(texts.n, ENCODER_WIDTH, alone, expected);
    result.largest_together = largest_difference(texts.n, ENCODER_WIDTH, together, expected);
    result.gradient_error = tune_gradient_error(encoder, &list);
    free(together);
    free(alone);
    free(expected);
    token_list_free(&list);
    lines_free(&reference);
    lines_free(&texts);
    return result;
}

/* ---- The program ---- */

enum { REFERENCE, TIME, REVIEWS, COMPRESS, TASKS };

typedef struct command {
    const char *directory;
    int json, tasks[TASKS]; /* 1 if requested */
    trial_options options;
} command;

static void say_check(check_result result, int json) {
    if (json)
        printf("\"check\": {\"sentences\": %zu, \"different_tokens\": %zu, \"largest_difference\": "
               "%.3g, "
               "\"largest_difference_together\": %.3g, \"gradient_error\": %.3g}",
               result.n, result.different_tokens, result.largest, result.largest_together,
               result.gradient_error);
    else
        printf("Against the reference, %zu sentences: %zu tokens differ. Largest difference of a "
               "number: %.2g one by one, %.2g all together.\nGradients differ from differences of "
               "the loss by %.2g (relative).\n",
               result.n, result.different_tokens, result.largest, result.largest_together,
               result.gradient_error);
}

static double mean_tokens(const sentence_encoder *encoder, const text_lines *texts) {
    token_list list = encoder_tokenise(encoder, TIMED_TEXTS, (const char *const *)texts->texts);
    const double mean = (double)list.n_tokens / TIMED_TEXTS;

    token_list_free(&list);
    return mean;
}

static void time_dense(sentence_encoder *encoder, const char *directory, int json) {
    text_lines texts = lines_read(directory, "score.txt");
    const double tokens = mean_tokens(encoder, &texts);
    const part_set dense = {{NULL}};
    times result;

    measure_times(encoder, &texts, 1, &dense, &result);
    if (json)
        printf("\"time\": {\"tokens\": %.4g, \"alone_ms\": %.4g, \"together\": %d, "
               "\"together_ms\": %.4g}",
               tokens, result.alone, TOGETHER, result.together);
    else
        printf("Original encoder, quotations of %.1f tokens: %.2f ms a sentence alone, %.2f ms a "
               "sentence with %d together.\n",
               tokens, result.alone, result.together, TOGETHER);
    lines_free(&texts);
}

static void say_reviews(const yardstick *by, int json) {
    const size_t n_fit = by->fit.lines.n, n_test = by->test.lines.n;

    if (json)
        printf("\"reviews\": {\"fit\": %zu, \"test\": %zu, \"majority\": %.3f, \"accuracy\": %.3f, "
               "\"ridge\": %g, \"embedding_seconds\": %.3g}",
               n_fit, n_test, by->majority, by->accuracy, by->classifier.ridge, by->seconds);
    else
        printf("Reviews, %zu to fit, %zu to test: accuracy %.3f; always guessing the larger class "
               "gives %.3f (ridge %g; the embeddings took %.1f s).\n",
               n_fit, n_test, by->accuracy, by->majority, by->classifier.ridge, by->seconds);
}

static void compress(sentence_encoder *encoder, const yardstick *by, const command *asked) {
    trial *result = trial_run(encoder, by, asked->directory, asked->options);

    (asked->json ? report_json : report_tables)(result);
    trial_free(result);
}

/* Print a comma between members of JSON. */
static void separate(int json, int *said) {
    if (json && (*said)++) printf(", ");
}

/* Run the tasks that need the original encoder's embeddings of reviews. */
static void run_reviews(sentence_encoder *encoder, const command *asked, int *said) {
    yardstick by;

    fprintf(stderr, "Reviews ...\n");
    encoder_set_threads(encoder, asked->options.threads);
    by = yardstick_make(encoder, asked->directory);
    if (asked->tasks[REVIEWS]) {
        separate(asked->json, said);
        say_reviews(&by, asked->json);
    }
    if (asked->tasks[COMPRESS]) {
        separate(asked->json, said);
        compress(encoder, &by, asked);
    }
    yardstick_free(&by);
}

/* Returns 1 if the encoder differs from the reference, or its gradients are wrong. */
static int run(const command *asked) {
    char path[4096];
    sentence_encoder *encoder;
    int failed = 0, said = 0;

    snprintf(path, sizeof path, "%s/encoder.safetensors", asked->directory);
    encoder = encoder_load(path);
    if (asked->json) printf("{");
    if (asked->tasks[REFERENCE]) {
        const check_result result = check(encoder, asked->directory);

        failed = !(result.largest <= 1e-4 && result.largest_together <= 1e-4) ||
                 result.different_tokens > 0 || !(result.gradient_error <= 0.005);
        separate(asked->json, &said);
        say_check(result, asked->json);
    }
    if (asked->tasks[TIME]) {
        separate(asked->json, &said);
        time_dense(encoder, asked->directory, asked->json);
    }
    if (asked->tasks[REVIEWS] || asked->tasks[COMPRESS]) run_reviews(encoder, asked, &said);
    if (asked->json) printf("}\n");
    encoder_free(encoder);
    if (failed) fprintf(stderr, "the encoder differs from the reference, or gradients are wrong\n");
    return failed;
}

static const char usage[] =
    "usage: sentence_encoder [OPTION...] DIRECTORY [check] [time] [reviews] [compress]\n"
    "       sentence_encoder self-test\n"
    "Run the Universal Sentence Encoder lite, compress it, and measure the loss.\n\n"
    "  DIRECTORY    the files that run.sh fetches and converts\n"
    "  check        compare embeddings with those of the encoder's own JavaScript\n"
    "  time         measure the time of a sentence\n"
    "  reviews      classify food reviews by their embeddings\n"
    "  compress     replace parts of the encoder: sizes, times and losses\n"
    "               (without a task, all of them)\n"
    "  --json       print one JSON object\n"
    "  --tier TIER  compress: 'selected', or 'refined' (default) to show blocks refined by\n"
    "               gradient too\n"
    "  --epochs N   epochs of refining (default: 32)\n"
    "  --tuning N   epochs of tuning end to end (default: 3)\n"
    "  self-test    run tests that need no files\n";

static void complain(const char *what, const char *value) {
    fprintf(stderr, "%s '%s'\n%s", what, value, usage);
    exit(2);
}

static int32_t read_tier(const char *name) {
    if (strcmp(name, "selected") == 0) return SNNK_DISTILL_SELECTED;
    if (strcmp(name, "refined") != 0) complain("--tier must be selected or refined, not", name);
    return SNNK_DISTILL_REFINED;
}

static int32_t read_epochs(const char *text) {
    char *end;
    const long value = strtol(text, &end, 10);

    if (*end || value < 1 || value > 100000)
        complain("epochs must be a number from 1 to 100000, not", text);
    return (int32_t)value;
}

/* Read options from argv[1] on. Returns the index of the first argument that is not an option. */
static int read_options(int argc, char **argv, command *asked) {
    int at = 1;

    for (; at < argc && argv[at][0] == '-'; at++) {
        if (strcmp(argv[at], "--json") == 0)
            asked->json = 1;
        else if (strcmp(argv[at], "--tier") == 0 && at + 1 < argc)
            asked->options.tier = read_tier(argv[++at]);
        else if (strcmp(argv[at], "--epochs") == 0 && at + 1 < argc)
            asked->options.epochs = read_epochs(argv[++at]);
        else if (strcmp(argv[at], "--tuning") == 0 && at + 1 < argc)
            asked->options.tuning_epochs = read_epochs(argv[++at]);
        else
            complain("unknown option", argv[at]);
    }
    return at;
}

static void read_tasks(int n, char *const *names, command *asked) {
    static const char *const known[TASKS] = {"check", "time", "reviews", "compress"};

    for (int k = 0; k < TASKS; k++) asked->tasks[k] = n == 0;
    for (int i = 0; i < n; i++) {
        int k = 0;

        while (k < TASKS && strcmp(names[i], known[k]) != 0) k++;
        if (k == TASKS) complain("unknown task", names[i]);
        asked->tasks[k] = 1;
    }
}

int main(int argc, char **argv) {
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    command asked = {.options = {SNNK_DISTILL_REFINED, 32, 3, cores > 1 ? 2 : 1}};
    int at;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    at = read_options(argc, argv, &asked);
    if (at == argc) {
        fputs(usage, stderr);
        return 2;
    }
    if (strcmp(argv[at], "self-test") == 0)
        return !(attention_test() & compare_test() & tokenizer_test());
    asked.directory = argv[at];
    read_tasks(argc - at - 1, argv + at + 1, &asked);
    return run(&asked);
}
