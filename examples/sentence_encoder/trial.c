#include "trial.h"

#include <math.h>
#include <stdarg.h>
#include <threads.h>

#include "common.h"

const size_t trial_sizes[SIZES] = {32, 64, 128, 256};

enum { CALIBRATING_REVIEWS = 900, TUNING_REVIEWS = 1500 };
static const double tuning_rate = 0.006;

/* Shared by all steps. */
typedef struct bench {
    sentence_encoder *encoder;
    const yardstick *by;
    trial *of;
    distill_options closed, refined;
    token_list quoted, list, tuning, judging;           /* list: the encoders are fitted to it */
    part_rows fit[ENCODER_PARTS], judge[ENCODER_PARTS]; /* rows of list, of judging */
    float *tuning_E;          /* the original's embeddings of the texts for tuning */
    student used[SIZES];      /* block 0 of the encoders */
    part_set separate[SIZES]; /* tuned */
} bench;

static quality no_quality(void) { return (quality){NAN, NAN, NAN, NAN, NAN}; }

static void say(const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

/* Tokens of all `lines`, all `others` (may be NULL) and the first n_reviews reviews. */
static token_list tokens_of(const sentence_encoder *encoder, const text_lines *lines,
                            const text_lines *others, const review_set *reviews, size_t n_reviews) {
    const size_t n_others = others ? others->n : 0;
    size_t n = 0;
    const char **texts = allocate(lines->n + n_others + n_reviews, sizeof *texts);
    token_list list;

    for (size_t i = 0; i < lines->n; i++) texts[n++] = lines->texts[i];
    for (size_t i = 0; i < n_others; i++) texts[n++] = others->texts[i];
    for (size_t i = 0; i < n_reviews && i < reviews->lines.n; i++) texts[n++] = reviews->texts[i];
    list = encoder_tokenise(encoder, n, texts);
    free((void *)texts);
    return list;
}

/* Read quotations, and the reviews that classifiers are fitted to, without their labels. */
static void read_texts(bench *of, const char *directory) {
    const review_set *reviews = &of->by->fit;
    text_lines few = lines_read(directory, "fit.txt"), more = lines_read(directory, "more.txt");
    trial *result = of->of;

    of->quoted = tokens_of(of->encoder, &few, &more, reviews, 0);
    of->list = tokens_of(of->encoder, &few, NULL, reviews, CALIBRATING_REVIEWS);
    of->tuning = tokens_of(of->encoder, &few, &more, reviews, TUNING_REVIEWS);
    result->closed_on = (text_count){few.n, of->quoted.first[few.n]};
    lines_free(&more);
    lines_free(&few);
    result->refined_on = (text_count){of->quoted.n_texts, of->quoted.n_tokens};
    result->used_on = (text_count){of->list.n_texts, of->list.n_tokens};
    result->tuned_on = (text_count){of->tuning.n_texts, of->tuning.n_tokens};
    of->judging =
        encoder_tokenise(of->encoder, of->by->texts.n, (const char *const *)of->by->texts.texts);
    result->judged_on = (text_count){of->judging.n_texts, of->judging.n_tokens};
    say("Quotations: %zu tokens; calibration: %zu; tuning: %zu ...", of->quoted.n_tokens,
        of->list.n_tokens, of->tuning.n_tokens);
    of->tuning_E = allocate(of->tuning.n_texts * ENCODER_WIDTH, sizeof *of->tuning_E);
    encoder_embed(of->encoder, &of->tuning, of->tuning_E);
}

/* Collect the rows of the first n_parts parts. */
static void collect_rows(bench *of, const token_list *list, part_rows rows[ENCODER_PARTS],
                         int n_parts) {
    part_rows *wanted[ENCODER_PARTS] = {NULL};

    for (int part = 0; part < n_parts; part++) wanted[part] = &rows[part];
    encoder_rows(of->encoder, list, wanted);
}

static void free_rows(part_rows rows[ENCODER_PARTS]) {
    for (int part = 0; part < ENCODER_PARTS; part++) part_rows_free(&rows[part]);
}

/* The distillation of one block, fitted to quotations and judged by others. */
typedef struct block_work {
    const bench *of;
    int block;
    part_rows fit;
    const distill_options *options;
    student *students;
} block_work;

static int distill_block(void *with) {
    const block_work *work = with;
    const bench *of = work->of;

    distill_part(of->encoder, (encoder_part)work->block, &work->fit, &of->judge[work->block],
                 work->options, SIZES, trial_sizes, work->students);
    return 0;
}

/* Two blocks on one thread each take less time than one after the other on two. */
static void distill_side_by_side(block_work work[2]) {
    thrd_t other;
    const int started = thrd_create(&other, distill_block, &work[1]) == thrd_success;

    distill_block(&work[0]);
    if (started)
        thrd_join(other, NULL);
    else
        distill_block(&work[1]);
}

static void distill_blocks(bench *of) {
    part_rows rows[ENCODER_PARTS] = {{0}};
    block_work work[2];

    collect_rows(of, &of->quoted, rows, 2);
    for (int i = 0; i < 2; i++) {
        say("Block %d ...", i);
        work[i] = (block_work){of, i, rows[i], &of->closed, of->of->closed[i]};
        work[i].fit.n = of->of->closed_on.tokens;
        distill_block(&work[i]);
        work[i] = (block_work){of, i, rows[i], &of->refined, of->of->refined[i]};
    }
    if (of->of->options.tier == SNNK_DISTILL_REFINED) {
        say("Both blocks, refined ...");
        distill_side_by_side(work);
    }
    free_rows(rows);
}

/* Fit block 0 of the encoders to quotations and reviews. */
static void distill_for_use(bench *of) {
    say("Block 0, fitted to quotations and reviews ...");
    distill_part(of->encoder, ENCODER_FFN_0, &of->fit[0], NULL, &of->closed, SIZES, trial_sizes,
                 of->used);
}

static void say_quality(const char *what, quality judged) {
    say("... %s: cosine %.3f, %d neighbours %.3f, accuracy %.3f", what, judged.cosine, NEIGHBOURS,
        judged.neighbours, judged.accuracy);
}

static void count_parameters(bench *of, part_set set, replaced *result) {
    use_parts(of->encoder, set);
    result->parameters = encoder_parameters(of->encoder);
    result->part_parameters = encoder_part_parameters(of->encoder);
    use_parts(of->encoder, (part_set){{NULL}});
}

/* Tune a set of parts, and measure the result. Returns the tuned set. */
static part_set tune_and_judge(bench *of, part_set set, replaced *result) {
    const tune_options options = {of->of->options.tuning_epochs, tuning_rate,
                                  of->of->options.threads};
    tune_result tuned;

    tuned = tune(of->encoder, set, &of->tuning, of->tuning_E, options);
    say("... tuned: cosine of held-out texts %.3f, before %.3f", tuned.after, tuned.before);
    result->tuning_seconds = tuned.seconds;
    result->tuned = measure_quality(of->encoder, of->by, tuned.set, 1);
    say_quality("tuned", result->tuned);
    return tuned.set;
}

static const snnk_network *pooler_behind(bench *of, part_set set) {
    const snnk_network *made;

    use_parts(of->encoder, set);
    made = refit_pooler(of->encoder, &of->list, &of->fit[ENCODER_POOLER], &of->closed);
    use_parts(of->encoder, (part_set){{NULL}});
    return made;
}

static void judge_steps(bench *of, part_set behind) {
    part_set apart = behind;
    student made;

    distill_part(of->encoder, ENCODER_FFN_1, &of->fit[1], NULL, &of->closed, 1,
                 &trial_sizes[STEPS_AT], &made);
    apart.parts[ENCODER_FFN_1] = made.network;
    of->of->apart = measure_quality(of->encoder, of->by, apart, 0);
    of->of->behind = measure_quality(of->encoder, of->by, behind, 0);
    student_free(&made);
}

/* Replace both blocks, block 1 fitted after block 0; fit the pooler after both; tune all three. */
static void replace_separately(bench *of, size_t k) {
    replaced *result = &of->of->separate[k];
    part_set set = {{of->used[k].network, NULL, NULL}};

    say("Both blocks, %zu features each ...", trial_sizes[k]);
    use_parts(of->encoder, set);
    set.parts[ENCODER_FFN_1] =
        distill_behind(of->encoder, &of->list, &of->fit[ENCODER_FFN_1], &of->closed, trial_sizes[k])
            .network;
    if (k == STEPS_AT) judge_steps(of, set);
    set.parts[ENCODER_POOLER] = pooler_behind(of, set);
    count_parameters(of, set, result);
    result->fitted = measure_quality(of->encoder, of->by, set, 1);
    say_quality("fitted", result->fitted);
    of->separate[k] = tune_and_judge(of, set, result);
    part_set_free(set);
}

static void replace_by_one(bench *of) {
    say("One student for both blocks ...");
    distill_shared(of->encoder, of->fit, of->judge, &of->closed, SIZES, trial_sizes, of->of->one);
    for (size_t k = 0; k < SIZES; k++) {
        const snnk_network *one = of->of->one[k].network;
        part_set set = {{one, one, NULL}};
        replaced *result = &of->of->shared[k];

        set.parts[ENCODER_POOLER] = pooler_behind(of, set);
        count_parameters(of, set, result);
        result->fitted = measure_quality(of->encoder, of->by, set, k == STEPS_AT);
        say_quality("fitted", result->fitted);
        result->tuned = no_quality();
        if (k == STEPS_AT) part_set_free(tune_and_judge(of, set, result));
        snnk_network_free((snnk_network *)set.parts[ENCODER_POOLER]);
    }
}

static quality judge_pooler(bench *of, const snnk_network *pooler) {
    return measure_quality(of->encoder, of->by, (part_set){{NULL, NULL, pooler}}, 0);
}

static void replace_pooler(bench *of) {
    const part_rows *fit = &of->fit[ENCODER_POOLER], *judging = &of->judge[ENCODER_POOLER];
    student distilled[SIZES];

    say("The pooler ...");
    distill_part(of->encoder, ENCODER_POOLER, fit, judging, &of->closed, SIZES, trial_sizes,
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

/* One student for both blocks takes the same time as two of its size. */
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
    for (size_t k = 0; k < SIZES; k++) part_set_free(of->separate[k]);
    free_rows(of->fit);
    free_rows(of->judge);
    free(of->tuning_E);
    token_list_free(&of->quoted);
    token_list_free(&of->list);
    token_list_free(&of->tuning);
    token_list_free(&of->judging);
}

trial *trial_run(sentence_encoder *encoder, const yardstick *by, const char *directory,
                 trial_options options) {
    bench of = {.encoder = encoder,
                .by = by,
                .of = allocate(1, sizeof(trial)),
                .closed = {SNNK_DISTILL_SELECTED, 1, options.threads},
                .refined = {SNNK_DISTILL_REFINED, options.epochs, 1}};

    of.of->options = options;
    of.of->pooler_parameters = snnk_network_parameters(encoder_dense(encoder, ENCODER_POOLER));
    of.of->dense.fitted = (quality){1, 1, 1, by->accuracy, by->accuracy};
    of.of->dense.tuned = no_quality();
    count_parameters(&of, (part_set){{NULL}}, &of.of->dense);
    encoder_set_threads(encoder, options.threads);
    read_texts(&of, directory);
    collect_rows(&of, &of.judging, of.judge, ENCODER_PARTS);
    distill_blocks(&of);
    collect_rows(&of, &of.list, of.fit, ENCODER_PARTS);
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
