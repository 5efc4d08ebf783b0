/* A real transformer in C: the Universal Sentence Encoder lite, held to the numbers of its own
 * JavaScript, timed, and used.
 *
 *     sentence_encoder [--json] DIRECTORY [check] [time] [reviews]
 *     sentence_encoder self-test
 *
 * run.sh fetches what it needs into DIRECTORY, and runs it.
 *
 *   check    the largest difference to the reference on 50 sentences, odd ones among them; more than 1e-4 is a
 *            failure
 *   time     a sentence at a time, and 32 of them
 *   reviews  food reviews, great or other: logistic regression on embeddings, accuracy on 1000 that nothing
 *            was fitted to */
#include <math.h>
#include <string.h>
#include <time.h>

#include "classifier.h"
#include "common.h"
#include "compare.h"
#include "encoder.h"
#include "lines.h"
#include "tokenizer.h"

/* Of the processor: there is one thread, and whatever else runs on the machine does not count. */
static double seconds_now(void) { return (double)clock() / CLOCKS_PER_SEC; }

/* The embeddings of texts, n x ENCODER_WIDTH. */
static float *embed(sentence_encoder *encoder, size_t n, char *const *texts) {
    token_list list = encoder_tokenise(encoder, n, (const char *const *)texts);
    float *E = allocate(n * ENCODER_WIDTH, sizeof *E);

    encoder_embed(encoder, &list, E);
    token_list_free(&list);
    return E;
}

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
} check_result;

static check_result check(sentence_encoder *encoder, const char *directory) {
    text_lines texts = lines_read(directory, "check.txt");
    text_lines reference = lines_read(directory, "reference.txt");
    token_list list = encoder_tokenise(encoder, texts.n, (const char *const *)texts.texts);
    float *expected = allocate(texts.n * ENCODER_WIDTH, sizeof *expected);
    float *alone = allocate(texts.n * ENCODER_WIDTH, sizeof *alone);
    float *together = embed(encoder, texts.n, texts.texts);
    check_result result = {texts.n, 0, 0, 0};

    if (reference.n != texts.n) {
        fprintf(stderr, "%zu texts, %zu in the reference\n", texts.n, reference.n);
        exit(1);
    }
    for (size_t i = 0; i < texts.n; i++) {
        const size_t n_tokens = list.first[i + 1] - list.first[i];
        float *one = embed(encoder, 1, texts.texts + i);

        result.different_tokens += read_reference(reference.texts[i], list.tokens + list.first[i],
                                                  n_tokens, expected + i * ENCODER_WIDTH);
        memcpy(alone + i * ENCODER_WIDTH, one, ENCODER_WIDTH * sizeof *one);
        free(one);
    }
    result.largest = largest_difference(texts.n, ENCODER_WIDTH, alone, expected);
    result.largest_together = largest_difference(texts.n, ENCODER_WIDTH, together, expected);
    free(together);
    free(alone);
    free(expected);
    token_list_free(&list);
    lines_free(&reference);
    lines_free(&texts);
    return result;
}

/* ---- Time ---- */

enum { ROUNDS = 7, TIMED_TEXTS = 256, TOGETHER = 32 };

typedef struct timing {
    double tokens;                    /* of a sentence, in the mean */
    double tokenise, alone, together; /* milliseconds a sentence; together: of TOGETHER at a time */
} timing;

static int by_value(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;

    return a < b ? -1 : a > b;
}

/* Milliseconds a sentence, at `step` sentences at a time: the median of ROUNDS passes over all of them. */
static double time_embedding(sentence_encoder *encoder, const token_list *lists, size_t n_lists) {
    float *E = allocate(TIMED_TEXTS * ENCODER_WIDTH, sizeof *E);
    double rounds[ROUNDS];

    for (int round = 0; round < ROUNDS; round++) {
        const double begin = seconds_now();

        for (size_t i = 0; i < n_lists; i++) encoder_embed(encoder, lists + i, E);
        rounds[round] = 1e3 * (seconds_now() - begin) / TIMED_TEXTS;
    }
    qsort(rounds, ROUNDS, sizeof *rounds, by_value);
    free(E);
    return rounds[ROUNDS / 2];
}

/* TIMED_TEXTS quotations, `step` of them in each list. */
static double time_steps(sentence_encoder *encoder, const text_lines *texts, size_t step) {
    const size_t n_lists = TIMED_TEXTS / step;
    token_list *lists = allocate(n_lists, sizeof *lists);
    double milliseconds;

    for (size_t i = 0; i < n_lists; i++)
        lists[i] = encoder_tokenise(encoder, step, (const char *const *)texts->texts + i * step);
    milliseconds = time_embedding(encoder, lists, n_lists);
    for (size_t i = 0; i < n_lists; i++) token_list_free(lists + i);
    free(lists);
    return milliseconds;
}

static timing measure(sentence_encoder *encoder, const char *directory) {
    text_lines texts = lines_read(directory, "score.txt");
    double begin = seconds_now();
    token_list list = encoder_tokenise(encoder, TIMED_TEXTS, (const char *const *)texts.texts);
    timing result;

    result.tokenise = 1e3 * (seconds_now() - begin) / TIMED_TEXTS;
    result.tokens = (double)list.n_tokens / TIMED_TEXTS;
    result.alone = time_steps(encoder, &texts, 1);
    result.together = time_steps(encoder, &texts, TOGETHER);
    token_list_free(&list);
    lines_free(&texts);
    return result;
}

/* ---- Reviews ---- */

typedef struct review_set {
    text_lines lines;
    char **texts;    /* behind the labels */
    int32_t *labels; /* 1: great, 0: other */
} review_set;

static review_set reviews_read(const char *directory, const char *name) {
    review_set made = {lines_read(directory, name), NULL, NULL};

    made.texts = allocate(made.lines.n, sizeof *made.texts);
    made.labels = allocate(made.lines.n, sizeof *made.labels);
    for (size_t i = 0; i < made.lines.n; i++) {
        char *tab = strchr(made.lines.texts[i], '\t');

        if (!tab) {
            fprintf(stderr, "%s, line %zu: no tab\n", name, i + 1);
            exit(1);
        }
        made.texts[i] = tab + 1;
        made.labels[i] = strncmp(made.lines.texts[i], "great\t", 6) == 0;
    }
    return made;
}

static void reviews_free(review_set *reviews) {
    free(reviews->labels);
    free(reviews->texts);
    lines_free(&reviews->lines);
}

typedef struct review_result {
    size_t n_fit, n_test;
    double majority, accuracy, ridge, seconds; /* seconds: for all embeddings */
} review_result;

static review_result review(sentence_encoder *encoder, const char *directory) {
    review_set fit = reviews_read(directory, "reviews-train.txt");
    review_set test = reviews_read(directory, "reviews-test.txt");
    const double begin = seconds_now();
    float *X = embed(encoder, fit.lines.n, fit.texts);
    float *X_test = embed(encoder, test.lines.n, test.texts);
    review_result result = {fit.lines.n, test.lines.n, 0, 0, 0, seconds_now() - begin};
    logistic_classifier made = classifier_fit(fit.lines.n, ENCODER_WIDTH, X, fit.labels, 2);

    for (size_t i = 0; i < test.lines.n; i++)
        result.majority += (double)test.labels[i] / (double)test.lines.n;
    result.accuracy = classifier_accuracy(&made, test.lines.n, X_test, test.labels);
    result.ridge = made.ridge;
    classifier_free(&made);
    free(X_test);
    free(X);
    reviews_free(&test);
    reviews_free(&fit);
    return result;
}

/* ---- The program ---- */

static void say_check(check_result result, int json) {
    if (json)
        printf("\"check\": {\"sentences\": %zu, \"different_tokens\": %zu, \"largest_difference\": "
               "%.3g, "
               "\"largest_difference_together\": %.3g}",
               result.n, result.different_tokens, result.largest, result.largest_together);
    else
        printf("Reference, %zu sentences: %zu tokens differ; the largest difference of a number "
               "is %.2g, and %.2g with all sentences together.\n",
               result.n, result.different_tokens, result.largest, result.largest_together);
}

static void say_timing(timing result, int json) {
    if (json)
        printf("\"time\": {\"tokens\": %.4g, \"tokenise_ms\": %.3g, \"alone_ms\": %.4g, "
               "\"together\": %d, \"together_ms\": %.4g}",
               result.tokens, result.tokenise, result.alone, TOGETHER, result.together);
    else
        printf("Dense encoder, quotations of %.1f tokens: %.2f ms a sentence alone, %.2f ms each "
               "of %d together; tokens take %.3f ms.\n",
               result.tokens, result.alone, result.together, TOGETHER, result.tokenise);
}

static void say_reviews(review_result result, int json) {
    if (json)
        printf("\"reviews\": {\"fit\": %zu, \"test\": %zu, \"majority\": %.3f, \"accuracy\": %.3f, "
               "\"ridge\": %g, \"embedding_seconds\": %.3g}",
               result.n_fit, result.n_test, result.majority, result.accuracy, result.ridge,
               result.seconds);
    else
        printf("Reviews, %zu to fit, %zu to test: accuracy %.3f, where the larger class is %.3f "
               "(ridge %g; embeddings took %.1f s).\n",
               result.n_fit, result.n_test, result.accuracy, result.majority, result.ridge,
               result.seconds);
}

static const char usage[] = "usage: sentence_encoder [--json] DIRECTORY [check] [time] [reviews]\n"
                            "       sentence_encoder self-test\n"
                            "DIRECTORY: what run.sh makes. Without a task, all of them.\n";

/* Whether a task was asked for: named, or none is. */
static int wanted(const char *task, int n, char *const *tasks) {
    for (int i = 0; i < n; i++)
        if (strcmp(tasks[i], task) == 0) return 1;
    return n == 0;
}

static void check_tasks(int n, char *const *tasks) {
    for (int i = 0; i < n; i++)
        if (strcmp(tasks[i], "check") != 0 && strcmp(tasks[i], "time") != 0 &&
            strcmp(tasks[i], "reviews") != 0) {
            fprintf(stderr, "no task \"%s\"\n%s", tasks[i], usage);
            exit(2);
        }
}

/* A comma between objects of JSON. */
static void separate(int json, int *said) {
    if (json && (*said)++) printf(", ");
}

static int run(const char *directory, int n_tasks, char *const *tasks, int json) {
    char path[4096];
    sentence_encoder *encoder;
    int failed = 0, said = 0;

    snprintf(path, sizeof path, "%s/encoder.safetensors", directory);
    encoder = encoder_load(path);
    if (json) printf("{");
    if (wanted("check", n_tasks, tasks)) {
        const check_result result = check(encoder, directory);

        failed = !(result.largest <= 1e-4 && result.largest_together <= 1e-4) ||
                 result.different_tokens > 0;
        separate(json, &said);
        say_check(result, json);
    }
    if (wanted("time", n_tasks, tasks)) {
        separate(json, &said);
        say_timing(measure(encoder, directory), json);
    }
    if (wanted("reviews", n_tasks, tasks)) {
        separate(json, &said);
        say_reviews(review(encoder, directory), json);
    }
    if (json) printf("}\n");
    encoder_free(encoder);
    if (failed) fprintf(stderr, "The encoder is not the reference's.\n");
    return failed;
}

int main(int argc, char **argv) {
    const int json = argc > 1 && strcmp(argv[1], "--json") == 0;
    char *const *rest = argv + 1 + json;
    const int n_rest = argc - 1 - json;

    if (n_rest < 1 || rest[0][0] == '-') {
        fputs(usage, stderr);
        return 2;
    }
    if (strcmp(rest[0], "self-test") == 0) return !(compare_test() & tokenizer_test());
    check_tasks(n_rest - 1, rest + 1);
    return run(rest[0], n_rest - 1, rest + 1, json);
}
