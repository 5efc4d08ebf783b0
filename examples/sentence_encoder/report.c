#include "report.h"

#include <math.h>

#include "common.h"

static const double bytes_a_number = 4;

static double megabytes(uint64_t parameters) { return 1e-6 * bytes_a_number * (double)parameters; }

/* ---- Tables ---- */

/* Print a number, or a dash for NaN. */
static void put(int width, int digits, double value) {
    if (isnan(value))
        printf(" %*s", width, "-");
    else
        printf(" %*.*f", width, digits, value);
}

/* The same, for numbers of any magnitude. */
static void put_any(int width, double value) {
    if (isnan(value))
        printf(" %*s", width, "-");
    else
        printf(" %*.3g", width, value);
}

static void put_student(const char *what, const student *closed, const student *refined) {
    const snnk_distill_report *r = &closed->report;

    printf("%-8s %4llu %4llu", what, (unsigned long long)r->features,
           (unsigned long long)r->linear_features);
    put(8, 3, closed->explained);
    put(8, 3, refined && refined->network ? refined->explained : NAN);
    put(9, 3, r->explained);
    put(7, 3, r->explained_linear);
    put(7, 3, r->explained_neurons);
    put(7, 3, r->explained_svd);
    put(7, 3, r->explained_random);
    put(8, 1, closed->seconds);
    put(8, 1, refined && refined->network ? refined->seconds : NAN);
    printf("%s\n", r->simpler_is_better ? "  a simpler replacement is as good" : "");
}

static void blocks_table(const trial *of) {
    printf(
        "\nBlocks, fitted to %zu tokens of %zu quotations and refined on %zu tokens of %zu. The "
        "figures are shares of the\nvariance of the outputs that are explained. 'selected' and "
        "'refined': on %zu tokens of other quotations. 'held out'\nand after: the student and "
        "simpler replacements with no more parameters, on held-out rows of the fit.\n"
        "Seconds: by the clock, with %zu threads. Those of the first size include what all sizes "
        "share; both blocks are\nrefined at the same time.\n"
        "'shared' is one student for both blocks, fitted to reviews too: the mean of both blocks, "
        "and of held-out rows of both.\n\n",
        of->closed_on.tokens, of->closed_on.texts, of->refined_on.tokens, of->refined_on.texts,
        of->judged_on.tokens, of->options.threads);
    printf("%-8s %4s %4s %8s %8s %9s %7s %7s %7s %7s %8s %8s\n", "block", "m", "r", "selected",
           "refined", "held out", "linear", "neurons", "svd", "random", "seconds", "refined");
    for (int i = 0; i < 2; i++)
        for (size_t k = 0; k < SIZES; k++)
            put_student(i == 0 ? "ffn 0" : "ffn 1", &of->closed[i][k], &of->refined[i][k]);
    for (size_t k = 0; k < SIZES; k++) put_student("shared", &of->one[k], NULL);
}

static void put_quality(quality judged) {
    put(7, 3, judged.cosine);
    put(8, 3, judged.nearest);
    put(6, 3, judged.neighbours);
    put(9, 3, judged.accuracy);
    put(7, 3, judged.accuracy_as_was);
}

static void put_replaced(const char *name, size_t features, const replaced *row, quality judged) {
    if (isnan(judged.cosine)) return;
    if (features == 0)
        printf("%-22s", name);
    else
        printf("%-17s %4zu", name, features);
    put(7, 2, megabytes(row->part_parameters));
    put(6, 2, megabytes(row->parameters));
    put_quality(judged);
    put(7, 3, row->timed.alone);
    put(8, 3, row->timed.together);
    put(7, 2, row->timed.speedup_alone);
    put(8, 2, row->timed.speedup_together);
    printf("\n");
}

static void encoders_table(const trial *of) {
    printf(
        "\nEncoders: both blocks replaced ('one': both by the same student), the pooler fitted "
        "again, attention unchanged.\n'tuned': then tuned end to end, to the original's "
        "embeddings of %zu texts, %zu tokens.\n'nearest', '%d': of %d sentences, the share whose "
        "nearest neighbour is the same, and the share of the %d nearest\nthat are the same. "
        "'accuracy': of a classifier fitted again, and ('as it was') of the one fitted to the "
        "original.\n'alone', 'together': milliseconds of processor time for a sentence, from "
        "text, on 1 thread, single and with %d together.\n\n",
        of->tuned_on.texts, of->tuned_on.tokens, NEIGHBOURS, COMPARED_TEXTS, NEIGHBOURS, TOGETHER);
    printf("%-22s %7s %6s %7s %8s %6s %9s %7s %7s %8s %7s %8s\n", "", "MB of", "MB of", "", "", "",
           "", "as it", "", "", "faster", "");
    printf("%-17s %4s %7s %6s %7s %8s %6d %9s %7s %7s %8s %7s %8s\n", "", "m", "parts", "all",
           "cosine", "nearest", NEIGHBOURS, "accuracy", "was", "alone", "together", "alone",
           "together");
    put_replaced("original", 0, &of->dense, of->dense.fitted);
    for (size_t k = 0; k < SIZES; k++)
        put_replaced("fitted", trial_sizes[k], &of->separate[k], of->separate[k].fitted);
    for (size_t k = 0; k < SIZES; k++)
        put_replaced("tuned", trial_sizes[k], &of->separate[k], of->separate[k].tuned);
    for (size_t k = 0; k < SIZES; k++)
        put_replaced("one, fitted", trial_sizes[k], &of->shared[k], of->shared[k].fitted);
    for (size_t k = 0; k < SIZES; k++)
        put_replaced("one, tuned", trial_sizes[k], &of->shared[k], of->shared[k].tuned);
}

static void steps_table(const trial *of) {
    const struct {
        const char *name;
        quality judged;
    } steps[] = {{"blocks fitted separately", of->apart},
                 {"block 1 fitted after block 0", of->behind},
                 {"+ pooler fitted after both", of->separate[STEPS_AT].fitted},
                 {"+ tuned end to end", of->separate[STEPS_AT].tuned}};

    printf("\nThe gain of each step at m = %zu: cosine, nearest neighbour, %d neighbours.\n\n",
           trial_sizes[STEPS_AT], NEIGHBOURS);
    for (size_t k = 0; k < sizeof steps / sizeof *steps; k++)
        printf("%-28s %.3f %.3f %.3f\n", steps[k].name, steps[k].judged.cosine,
               steps[k].judged.nearest, steps[k].judged.neighbours);
}

static void pooler_table(const trial *of) {
    printf(
        "\nThe pooler alone, a tanh layer 512 x 512. Left: universal random features, with their "
        "predicted relative error\nand that of no features at all ('without'). Right: a "
        "distilled student.\n\n");
    printf("%4s | %9s %9s %9s %7s | %9s %8s %7s %7s %7s %7s %7s\n", "m", "predicted", "without",
           "explained", "cosine", "explained", "held out", "linear", "neurons", "svd", "random",
           "cosine");
    for (size_t k = 0; k < SIZES; k++) {
        const replaced_pooler *row = &of->pooler[k];
        const int there = row->random.network != NULL;

        printf("%4zu |", trial_sizes[k]);
        put_any(9, there ? row->random.report.predicted : NAN);
        put_any(9, there ? row->random.report.without_features : NAN);
        put_any(9, row->random.explained);
        put(7, 3, there ? row->random_judged.cosine : NAN);
        printf(" |");
        put(9, 3, row->distilled.explained);
        put(8, 3, row->distilled.report.explained);
        put(7, 3, row->distilled.report.explained_linear);
        put(7, 3, row->distilled.report.explained_neurons);
        put(7, 3, row->distilled.report.explained_svd);
        put(7, 3, row->distilled.report.explained_random);
        put(7, 3, row->distilled_judged.cosine);
        printf("%s%s\n",
               snnk_network_parameters(row->distilled.network) >= of->pooler_parameters
                   ? "  not smaller"
                   : "",
               row->distilled.report.simpler_is_better ? "  a simpler replacement is as good" : "");
    }
}

void report_tables(const trial *of) {
    blocks_table(of);
    encoders_table(of);
    steps_table(of);
    pooler_table(of);
}

/* ---- JSON ---- */

static void member(const char *name, double value) {
    if (isfinite(value))
        printf("\"%s\": %.6g", name, value);
    else
        printf("\"%s\": null", name);
}

static void next(const char *name, double value) {
    printf(", ");
    member(name, value);
}

/* The main figures, under names that contain the size. */
static void headlines(const trial *of) {
    char name[64];

    for (int i = 0; i < 2; i++)
        for (size_t k = 0; k < SIZES; k++) {
            const student *refined = &of->refined[i][k];

            if (refined->network) {
                snprintf(name, sizeof name, "ffn%d_r2_m%zu", i, trial_sizes[k]);
                next(name, refined->explained);
            }
            snprintf(name, sizeof name, "ffn%d_r2_m%zu_closed", i, trial_sizes[k]);
            next(name, of->closed[i][k].explained);
        }
    for (size_t k = 0; k < SIZES; k++) {
        const replaced *row = &of->separate[k];
        const double dense = of->dense.fitted.accuracy;
        const struct {
            const char *format;
            double value;
        } members[] = {{"cosine_m%zu", row->tuned.cosine},
                       {"neighbour_agreement_m%zu", row->tuned.neighbours},
                       {"nearest_agreement_m%zu", row->tuned.nearest},
                       {"accuracy_m%zu", row->tuned.accuracy},
                       {"accuracy_drop_m%zu", dense - row->tuned.accuracy},
                       {"accuracy_as_was_m%zu", row->tuned.accuracy_as_was},
                       {"accuracy_drop_m%zu_fitted", dense - row->fitted.accuracy},
                       {"cosine_m%zu_fitted", row->fitted.cosine},
                       {"speedup_m%zu_batch32", row->timed.speedup_together},
                       {"speedup_m%zu_alone", row->timed.speedup_alone},
                       {"megabytes_m%zu", megabytes(row->parameters)}};

        for (size_t j = 0; j < sizeof members / sizeof *members; j++) {
            snprintf(name, sizeof name, members[j].format, trial_sizes[k]);
            next(name, members[j].value);
        }
    }
    next("accuracy_dense", of->dense.fitted.accuracy);
    next("megabytes_dense", megabytes(of->dense.parameters));
}

static void student_members(const student *closed) {
    const snnk_distill_report *r = &closed->report;

    member("features", (double)r->features);
    next("linear_features", (double)r->linear_features);
    next("explained", closed->explained);
    next("explained_held_out", r->explained);
    next("linear", r->explained_linear);
    next("neurons", r->explained_neurons);
    next("svd", r->explained_svd);
    next("random", r->explained_random);
    next("parameters", (double)r->parameters);
    next("seconds", closed->seconds);
    printf(", \"simpler_is_better\": %s", r->simpler_is_better ? "true" : "false");
}

static void blocks_array(const trial *of) {
    const char *separator = "";

    printf(", \"blocks\": [");
    for (int i = 0; i < 3; i++)
        for (size_t k = 0; k < SIZES; k++, separator = ", ") {
            static const char *const names[] = {"ffn 0", "ffn 1", "shared"};

            printf("%s{\"block\": \"%s\", ", separator, names[i]);
            student_members(i < 2 ? &of->closed[i][k] : &of->one[k]);
            if (i < 2 && of->refined[i][k].network) {
                next("refined", of->refined[i][k].explained);
                next("refined_epochs", of->refined[i][k].report.epochs);
                next("refined_seconds", of->refined[i][k].seconds);
            }
            printf("}");
        }
    printf("]");
}

static void quality_members(quality judged) {
    next("cosine", judged.cosine);
    next("nearest_agreement", judged.nearest);
    next("neighbour_agreement", judged.neighbours);
    next("accuracy", judged.accuracy);
    next("accuracy_as_was", judged.accuracy_as_was);
}

static void encoder_object(const char *separator, const char *name, size_t features,
                           const replaced *row, quality judged) {
    if (isnan(judged.cosine)) return;
    printf("%s{\"encoder\": \"%s\"", separator, name);
    next("features", (double)features);
    next("part_megabytes", megabytes(row->part_parameters));
    next("megabytes", megabytes(row->parameters));
    quality_members(judged);
    next("alone_ms", row->timed.alone);
    next("together_ms", row->timed.together);
    next("speedup_alone", row->timed.speedup_alone);
    next("speedup_together", row->timed.speedup_together);
    printf("}");
}

static void encoders_array(const trial *of) {
    printf(", \"encoders\": [");
    encoder_object("", "dense", 0, &of->dense, of->dense.fitted);
    for (size_t k = 0; k < SIZES; k++) {
        const size_t m = trial_sizes[k];
        const replaced *separate = &of->separate[k], *one = &of->shared[k];

        encoder_object(", ", "fitted", m, separate, separate->fitted);
        encoder_object(", ", "tuned", m, separate, separate->tuned);
        encoder_object(", ", "one for both, fitted", m, one, one->fitted);
        encoder_object(", ", "one for both, tuned", m, one, one->tuned);
    }
    printf("]");
}

static void steps_object(const trial *of) {
    printf(", \"steps\": {");
    member("features", (double)trial_sizes[STEPS_AT]);
    next("apart_cosine", of->apart.cosine);
    next("apart_neighbours", of->apart.neighbours);
    next("behind_cosine", of->behind.cosine);
    next("behind_neighbours", of->behind.neighbours);
    next("pooler_cosine", of->separate[STEPS_AT].fitted.cosine);
    next("pooler_neighbours", of->separate[STEPS_AT].fitted.neighbours);
    next("tuned_cosine", of->separate[STEPS_AT].tuned.cosine);
    next("tuned_neighbours", of->separate[STEPS_AT].tuned.neighbours);
    next("tuning_seconds", of->separate[STEPS_AT].tuning_seconds);
    printf("}");
}

static void pooler_array(const trial *of) {
    printf(", \"pooler\": [");
    for (size_t k = 0; k < SIZES; k++) {
        const replaced_pooler *row = &of->pooler[k];
        const int there = row->random.network != NULL;

        printf("%s{", k ? ", " : "");
        student_members(&row->distilled);
        next("cosine", row->distilled_judged.cosine);
        next("random_features_predicted", there ? row->random.report.predicted : NAN);
        next("random_features_without", there ? row->random.report.without_features : NAN);
        next("random_features_explained", row->random.explained);
        next("random_features_cosine", there ? row->random_judged.cosine : NAN);
        printf("}");
    }
    printf("]");
}

void report_json(const trial *of) {
    member("closed_on_tokens", (double)of->closed_on.tokens);
    next("refined_on_tokens", (double)of->refined_on.tokens);
    next("used_on_tokens", (double)of->used_on.tokens);
    next("tuned_on_tokens", (double)of->tuned_on.tokens);
    next("judged_on_tokens", (double)of->judged_on.tokens);
    headlines(of);
    blocks_array(of);
    encoders_array(of);
    steps_object(of);
    pooler_array(of);
}
