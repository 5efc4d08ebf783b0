#include "measure.h"

#include <math.h>
#include <time.h>

#include "common.h"
#include "compare.h"

/* Processor time, which other programs on the machine do not change. */
static double processor_seconds(void) { return (double)clock() / CLOCKS_PER_SEC; }

void use_parts(sentence_encoder *encoder, part_set set) {
    for (int part = 0; part < ENCODER_PARTS; part++)
        encoder_replace(encoder, (encoder_part)part, set.parts[part]);
}

void part_set_free(part_set set) {
    const snnk_network *const *parts = set.parts;

    if (parts[ENCODER_FFN_1] != parts[ENCODER_FFN_0])
        snnk_network_free((snnk_network *)parts[ENCODER_FFN_1]);
    snnk_network_free((snnk_network *)parts[ENCODER_FFN_0]);
    snnk_network_free((snnk_network *)parts[ENCODER_POOLER]);
}

/* ---- Embeddings ---- */

yardstick yardstick_make(sentence_encoder *encoder, const char *directory) {
    yardstick made = {.texts = lines_read(directory, "score.txt"),
                      .fit = reviews_read(directory, "reviews-train.txt"),
                      .test = reviews_read(directory, "reviews-test.txt")};
    const size_t n_test = made.test.lines.n;
    double begin;

    if (made.texts.n < COMPARED_TEXTS) {
        fprintf(stderr, "score.txt has %zu texts, %d are needed\n", made.texts.n, COMPARED_TEXTS);
        exit(1);
    }
    made.E = encoder_embed_texts(encoder, COMPARED_TEXTS, made.texts.texts);
    begin = processor_seconds();
    made.fit_E = encoder_embed_texts(encoder, made.fit.lines.n, made.fit.texts);
    made.test_E = encoder_embed_texts(encoder, n_test, made.test.texts);
    made.seconds = processor_seconds() - begin;
    made.classifier =
        classifier_fit(made.fit.lines.n, ENCODER_WIDTH, made.fit_E, made.fit.labels, 2);
    made.accuracy = classifier_accuracy(&made.classifier, n_test, made.test_E, made.test.labels);
    for (size_t i = 0; i < n_test; i++) made.majority += (double)made.test.labels[i];
    made.majority /= (double)n_test;
    return made;
}

void yardstick_free(yardstick *made) {
    classifier_free(&made->classifier);
    free(made->test_E);
    free(made->fit_E);
    reviews_free(&made->test);
    reviews_free(&made->fit);
    free(made->E);
    lines_free(&made->texts);
}

static void measure_reviews(sentence_encoder *encoder, const yardstick *by, quality *result) {
    const size_t n_fit = by->fit.lines.n, n_test = by->test.lines.n;
    float *fit_E = encoder_embed_texts(encoder, n_fit, by->fit.texts);
    float *test_E = encoder_embed_texts(encoder, n_test, by->test.texts);
    logistic_classifier again = classifier_fit(n_fit, ENCODER_WIDTH, fit_E, by->fit.labels, 2);

    result->accuracy = classifier_accuracy(&again, n_test, test_E, by->test.labels);
    result->accuracy_as_was = classifier_accuracy(&by->classifier, n_test, test_E, by->test.labels);
    classifier_free(&again);
    free(test_E);
    free(fit_E);
}

quality measure_quality(sentence_encoder *encoder, const yardstick *by, part_set set,
                        int with_reviews) {
    quality result = {.accuracy = NAN, .accuracy_as_was = NAN};
    float *E;

    use_parts(encoder, set);
    E = encoder_embed_texts(encoder, COMPARED_TEXTS, by->texts.texts);
    result.cosine = mean_cosine(COMPARED_TEXTS, ENCODER_WIDTH, by->E, E);
    result.nearest = neighbour_agreement(COMPARED_TEXTS, ENCODER_WIDTH, by->E, E, 1);
    result.neighbours = neighbour_agreement(COMPARED_TEXTS, ENCODER_WIDTH, by->E, E, NEIGHBOURS);
    if (with_reviews) measure_reviews(encoder, by, &result);
    use_parts(encoder, (part_set){{NULL}});
    free(E);
    return result;
}

/* ---- Time ---- */

enum { ROUNDS = 9 };

static int by_value(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;

    return a < b ? -1 : a > b;
}

static double median(double *values) {
    qsort(values, ROUNDS, sizeof *values, by_value);
    return values[ROUNDS / 2];
}

/* Milliseconds for a text, over TIMED_TEXTS texts, `step` at a time. */
static double time_once(sentence_encoder *encoder, const text_lines *texts, size_t step) {
    const double begin = processor_seconds();

    for (size_t i = 0; i < TIMED_TEXTS; i += step)
        free(encoder_embed_texts(encoder, step, texts->texts + i));
    return 1e3 * (processor_seconds() - begin) / TIMED_TEXTS;
}

/* Medians over rounds: of times, and of (time of set 0)/(time). */
static void time_sets(sentence_encoder *encoder, const text_lines *texts, size_t step, size_t n,
                      const part_set *sets, double *milliseconds, double *speedups) {
    double *rounds = allocate(n * ROUNDS, sizeof *rounds), ratios[ROUNDS];

    for (size_t round = 0; round < ROUNDS; round++)
        for (size_t k = 0; k < n; k++) {
            use_parts(encoder, sets[k]);
            rounds[k * ROUNDS + round] = time_once(encoder, texts, step);
        }
    use_parts(encoder, (part_set){{NULL}});
    /* Set 0 comes last, because median() sorts its rounds. */
    for (size_t k = n; k-- > 0;) {
        for (size_t round = 0; round < ROUNDS; round++)
            ratios[round] = rounds[round] / rounds[k * ROUNDS + round];
        speedups[k] = median(ratios);
        milliseconds[k] = median(rounds + k * ROUNDS);
    }
    free(rounds);
}

void measure_times(sentence_encoder *encoder, const text_lines *texts, size_t n,
                   const part_set *sets, times *results) {
    double *milliseconds = allocate(2 * n, sizeof *milliseconds);
    double *speedups = allocate(2 * n, sizeof *speedups);

    time_sets(encoder, texts, 1, n, sets, milliseconds, speedups);
    time_sets(encoder, texts, TOGETHER, n, sets, milliseconds + n, speedups + n);
    for (size_t k = 0; k < n; k++)
        results[k] = (times){milliseconds[k], milliseconds[n + k], speedups[k], speedups[n + k]};
    free(speedups);
    free(milliseconds);
}
