/* A real transformer in C: the Universal Sentence Encoder lite, held to the numbers of its own
 * JavaScript, timed, and used.
 *
 *     sentence_encoder [OPTION...] DIRECTORY [check] [time] [reviews] [compress]
 *     sentence_encoder self-test
 *
 * run.sh fetches what it needs into DIRECTORY, and runs it.
 *
 *   check    the largest difference to the reference on 50 sentences, odd ones among them; more than 1e-4 is a
 *            failure. Gradients next to differences; more than 0.005 is one, too
 *   time     a sentence at a time, and 32 of them
 *   reviews  food reviews, great or other: logistic regression on embeddings, accuracy on 1000 that nothing
 *            was fitted to
 *   compress the same with parts replaced: sizes, times, and what is lost; see trial.h */
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
#include "trainable.h"
#include "tune.h"

/* ---- Against the reference ---- */

/* A line of the reference: token numbers, a tab, the embedding. Returns how many tokens are not ours. */
static size_t read_reference(char *line, const int32_t *tokens, size_t n_tokens, float *embedding) {
    char *at = line;
    size_t k = 0, different = 0;

    for (; *at != '\t' && *at; k++) {
        const long token = strtol(at, &at, 10);

        /* The encoder's list is clipped. */
        if (k < ENCODER_MOST_TOKENS) different += k >= n_tokens || tokens[k] != token;
        if (*at == ' ') at++;
    }
    if (k < n_tokens) different += n_tokens - k;
    for (size_t j = 0; j < ENCODER_WIDTH; j++) {
        char *end;

        embedding[j] = strtof(at, &end);
        if (end == at) {
            fprintf(stderr, "reference: a line with %zu numbers instead of %d\n", j, ENCODER_WIDTH);
            exit(1);
        }
        at = end;
    }
    return different;
}

/* The largest difference of any number; one text at a time and all together, which are the same to rounding. */
typedef struct check_result {
    size_t n, different_tokens;
    double largest, largest_together;
    double gradient_error; /* of tuning */
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
        fprintf(stderr, "%zu texts, %zu in the reference\n", texts.n, reference.n);
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
    int json, tasks[TASKS]; /* whether wanted */
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
        printf("Reference, %zu sentences: %zu tokens differ; the largest difference of a number "
               "is %.2g, and %.2g with all sentences together. Gradients of tuning agree with "
               "differences to %.2g.\n",
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
        printf("Dense encoder, quotations of %.1f tokens: %.2f ms a sentence alone, %.2f ms each "
               "of %d together.\n",
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
        printf("Reviews, %zu to fit, %zu to test: accuracy %.3f, where the larger class is %.3f "
               "(ridge %g; embeddings took %.1f s).\n",
               n_fit, n_test, by->accuracy, by->majority, by->classifier.ridge, by->seconds);
}

static void compress(sentence_encoder *encoder, const yardstick *by, const command *asked) {
    trial *result = trial_run(encoder, by, asked->directory, asked->options);

    (asked->json ? report_json : report_tables)(result);
    trial_free(result);
}

/* A comma between members of JSON. */
static void separate(int json, int *said) {
    if (json && (*said)++) printf(", ");
}

/* The tasks that need what reviews make of the dense encoder. */
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

/* 1 if the encoder is not the reference's, or its gradients are wrong. */
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
    if (failed) fprintf(stderr, "The encoder is not the reference's, or gradients are wrong.\n");
    return failed;
}

static const char usage[] =
    "usage: sentence_encoder [OPTION...] DIRECTORY [check] [time] [reviews] [compress]\n"
    "       sentence_encoder self-test\n"
    "DIRECTORY: what run.sh makes. Without a task, all of them.\n"
    "  --json           one JSON object\n"
    "  --tier TIER      of blocks alone: closed, or refined besides (default)\n"
    "  --epochs N       of refined (default: 32)\n"
    "  --tuning N       epochs of tuning end to end (default: 3)\n";

static void complain(const char *what, const char *value) {
    fprintf(stderr, "%s \"%s\"\n%s", what, value, usage);
    exit(2);
}

static int32_t read_tier(const char *name) {
    if (strcmp(name, "closed") == 0) return SNNK_DISTILL_SELECTED;
    if (strcmp(name, "refined") != 0) complain("no tier", name);
    return SNNK_DISTILL_REFINED;
}

static int32_t read_epochs(const char *text) {
    char *end;
    const long value = strtol(text, &end, 10);

    if (*end || value < 1 || value > 100000) complain("not 1 ... 100000 epochs:", text);
    return (int32_t)value;
}

/* Options from argv[1] on; returns where they end. */
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
            complain("no option", argv[at]);
    }
    return at;
}

static void read_tasks(int n, char *const *names, command *asked) {
    static const char *const known[TASKS] = {"check", "time", "reviews", "compress"};

    for (int k = 0; k < TASKS; k++) asked->tasks[k] = n == 0;
    for (int i = 0; i < n; i++) {
        int k = 0;

        while (k < TASKS && strcmp(names[i], known[k]) != 0) k++;
        if (k == TASKS) complain("no task", names[i]);
        asked->tasks[k] = 1;
    }
}

int main(int argc, char **argv) {
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    command asked = {.options = {SNNK_DISTILL_REFINED, 32, 3, cores > 1 ? 2 : 1}};
    const int at = read_options(argc, argv, &asked);

    if (at == argc) {
        fputs(usage, stderr);
        return 2;
    }
    if (strcmp(argv[at], "self-test") == 0)
        return !(attention_test() & compare_test() & tokenizer_test() & trainable_test());
    asked.directory = argv[at];
    read_tasks(argc - at - 1, argv + at + 1, &asked);
    return run(&asked);
}
