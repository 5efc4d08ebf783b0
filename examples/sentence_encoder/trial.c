#include "trial.h"

#include <stdarg.h>

#include "common.h"

const size_t trial_sizes[SIZES] = {32, 64, 128, 256};

enum { CALIBRATING_REVIEWS = 900 };

/* What all steps share. */
typedef struct bench {
    sentence_encoder *encoder;
    const yardstick *by;
    trial *of;
    distill_options options; /* of what is put to use */
    token_list list;         /* calibration */
    part_rows fit[ENCODER_PARTS], judge[ENCODER_PARTS];
    student used[SIZES]; /* fitted to all of it */
    part_set separate[SIZES], shared[SIZES];
} bench;

static void say(const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

/* Short quotations, and behind them reviews that classifiers are fitted to: what those are is not looked at here. */
static token_list calibration(const sentence_encoder *encoder, const review_set *reviews,
                              const char *directory, size_t *n_quotations) {
    text_lines quotations = lines_read(directory, "fit.txt");
    size_t n = 0;
    const char **texts = allocate(quotations.n + CALIBRATING_REVIEWS, sizeof *texts);
    token_list list;

    for (size_t i = 0; i < quotations.n; i++) texts[n++] = quotations.texts[i];
    for (size_t i = 0; i < CALIBRATING_REVIEWS && i < reviews->lines.n; i++)
        texts[n++] = reviews->texts[i];
    list = encoder_tokenise(encoder, n, texts);
    *n_quotations = quotations.n;
    free((void *)texts);
    lines_free(&quotations);
    return list;
}

static void collect_rows(bench *of, size_t n_quotations) {
    token_list judging =
        encoder_tokenise(of->encoder, of->by->texts.n, (const char *const *)of->by->texts.texts);
    part_rows *fit[ENCODER_PARTS], *judge[ENCODER_PARTS];

    for (int part = 0; part < ENCODER_PARTS; part++) {
        fit[part] = &of->fit[part];
        judge[part] = &of->judge[part];
    }
    encoder_rows(of->encoder, &of->list, fit);
    encoder_rows(of->encoder, &judging, judge);
    of->of->quotations = n_quotations;
    of->of->quoted_tokens = of->list.first[n_quotations];
    of->of->texts = of->list.n_texts;
    of->of->tokens = of->list.n_tokens;
    of->of->judged_tokens = judging.n_tokens;
    token_list_free(&judging);
}

/* Fitted to quotations and judged by others: rows of one kind. */
static void distill_blocks(bench *of) {
    distill_options closed = of->options;

    closed.tier = SNNK_DISTILL_CLOSED;
    for (int i = 0; i < 2; i++) {
        part_rows fit = of->fit[i];

        fit.n = of->of->quoted_tokens;
        say("Block %d ...", i);
        distill_part(of->encoder, (encoder_part)i, &fit, &of->judge[i], &closed, SIZES, trial_sizes,
                     of->of->closed[i]);
        if (of->options.tier != SNNK_DISTILL_REFINED) continue;
        say("Block %d, refined ...", i);
        distill_part(of->encoder, (encoder_part)i, &fit, &of->judge[i], &of->options, SIZES,
                     trial_sizes, of->of->refined[i]);
    }
}

/* What is put to use is fitted to all texts. */
static void distill_for_use(bench *of) {
    say("Block 0, by all texts ...");
    distill_part(of->encoder, ENCODER_FFN_0, &of->fit[0], NULL, &of->options, SIZES, trial_sizes,
                 of->used);
}

/* Parameters, and how good its embeddings are. */
static replaced judge(bench *of, part_set set, int with_reviews) {
    replaced result = {.judged = measure_quality(of->encoder, of->by, set, with_reviews)};

    use_parts(of->encoder, set);
    say("... cosine %.3f, %d neighbours %.3f, accuracy %.3f", result.judged.cosine, NEIGHBOURS,
        result.judged.neighbours, result.judged.accuracy);
    result.parameters = encoder_parameters(of->encoder);
    result.part_parameters = encoder_part_parameters(of->encoder);
    use_parts(of->encoder, (part_set){{NULL}});
    return result;
}

static const snnk_network *pooler_behind(bench *of, part_set set) {
    const snnk_network *made;

    use_parts(of->encoder, set);
    made = refit_pooler(of->encoder, &of->list, &of->fit[ENCODER_POOLER], &of->options);
    use_parts(of->encoder, (part_set){{NULL}});
    return made;
}

static void judge_steps(bench *of, part_set behind) {
    part_set apart = behind;
    student made;

    distill_part(of->encoder, ENCODER_FFN_1, &of->fit[1], NULL, &of->options, 1,
                 &trial_sizes[STEPS_AT], &made);
    apart.parts[ENCODER_FFN_1] = made.network;
    of->of->apart = measure_quality(of->encoder, of->by, apart, 0);
    of->of->behind = measure_quality(of->encoder, of->by, behind, 0);
    student_free(&made);
}

/* Block 1 after block 0, and the pooler after both. */
static void replace_separately(bench *of, size_t k) {
    trial *result = of->of;
    part_set set = {{of->used[k].network, NULL, NULL}};
    student behind;

    say("Both blocks, %zu features each ...", trial_sizes[k]);
    use_parts(of->encoder, set);
    behind = distill_behind(of->encoder, &of->list, &of->fit[ENCODER_FFN_1], &of->options,
                            trial_sizes[k]);
    result->behind_seconds[k] = behind.seconds;
    set.parts[ENCODER_FFN_1] = behind.network;
    if (k == STEPS_AT) judge_steps(of, set);
    set.parts[ENCODER_POOLER] = pooler_behind(of, set);
    result->separate[k] = judge(of, set, 1);
    of->separate[k] = set;
}

static void replace_by_one(bench *of) {
    distill_options closed = of->options;

    closed.tier = SNNK_DISTILL_CLOSED;
    say("One for both blocks ...");
    distill_shared(of->encoder, of->fit, of->judge, &closed, SIZES, trial_sizes, of->of->one);
    for (size_t k = 0; k < SIZES; k++) {
        const snnk_network *one = of->of->one[k].network;
        part_set set = {{one, one, NULL}};

        set.parts[ENCODER_POOLER] = pooler_behind(of, set);
        of->of->shared[k] = judge(of, set, k == STEPS_AT);
        of->shared[k] = set;
    }
}

static quality judge_pooler(bench *of, const snnk_network *pooler) {
    return measure_quality(of->encoder, of->by, (part_set){{NULL, NULL, pooler}}, 0);
}

static void replace_pooler(bench *of) {
    const part_rows *fit = &of->fit[ENCODER_POOLER], *judging = &of->judge[ENCODER_POOLER];
    student distilled[SIZES];

    say("The pooler ...");
    distill_part(of->encoder, ENCODER_POOLER, fit, judging, &of->options, SIZES, trial_sizes,
                 distilled);
    for (size_t k = 0; k < SIZES; k++) {
        replaced_pooler *result = &of->of->pooler[k];

        result->distilled = distilled[k];
        result->distilled_judged = judge_pooler(of, distilled[k].network);
        result->random = pooler_by_urf(of->encoder, fit, judging, trial_sizes[k]);
        if (result->random.network)
            result->random_judged = judge_pooler(of, result->random.network);
    }
}

/* One for both takes what two of its size take. */
static void time_all(bench *of) {
    part_set sets[1 + SIZES] = {{{NULL}}};
    times results[1 + SIZES];

    say("Times ...");
    for (size_t k = 0; k < SIZES; k++) sets[1 + k] = of->separate[k];
    encoder_set_threads(of->encoder, 1);
    measure_times(of->encoder, &of->by->texts, 1 + SIZES, sets, results);
    of->of->dense.timed = results[0];
    for (size_t k = 0; k < SIZES; k++)
        of->of->separate[k].timed = of->of->shared[k].timed = results[1 + k];
}

static void bench_free(bench *of) {
    for (size_t k = 0; k < SIZES; k++) {
        student_free(&of->used[k]);
        snnk_network_free((snnk_network *)of->separate[k].parts[ENCODER_FFN_1]);
        snnk_network_free((snnk_network *)of->separate[k].parts[ENCODER_POOLER]);
        snnk_network_free((snnk_network *)of->shared[k].parts[ENCODER_POOLER]);
    }
    for (int part = 0; part < ENCODER_PARTS; part++) {
        part_rows_free(&of->fit[part]);
        part_rows_free(&of->judge[part]);
    }
    token_list_free(&of->list);
}

trial *trial_run(sentence_encoder *encoder, const yardstick *by, const char *directory,
                 trial_options options) {
    bench of = {.encoder = encoder,
                .by = by,
                .of = allocate(1, sizeof(trial)),
                .options = {options.tier, options.epochs, options.threads}};
    size_t n_quotations;

    of.of->options = options;
    of.of->pooler_parameters = snnk_network_parameters(encoder_dense(encoder, ENCODER_POOLER));
    of.of->dense.judged = (quality){1, 1, 1, by->accuracy, by->accuracy};
    of.of->dense.parameters = encoder_parameters(encoder);
    of.of->dense.part_parameters = encoder_part_parameters(encoder);
    encoder_set_threads(encoder, options.threads);
    of.list = calibration(encoder, &by->fit, directory, &n_quotations);
    say("Calibration: %zu texts, %zu tokens ...", of.list.n_texts, of.list.n_tokens);
    collect_rows(&of, n_quotations);
    distill_blocks(&of);
    distill_for_use(&of);
    for (size_t k = 0; k < SIZES; k++) replace_separately(&of, k);
    replace_by_one(&of);
    replace_pooler(&of);
    time_all(&of);
    bench_free(&of);
    return of.of;
}

void trial_free(trial *made) {
    for (size_t k = 0; k < SIZES; k++) {
        for (int i = 0; i < 2; i++) {
            student_free(&made->closed[i][k]);
            student_free(&made->refined[i][k]);
        }
        student_free(&made->one[k]);
        student_free(&made->pooler[k].distilled);
        snnk_network_free(made->pooler[k].random.network);
    }
    free(made);
}
