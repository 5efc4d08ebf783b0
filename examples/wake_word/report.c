#include "report.h"

#include <math.h>
#include <string.h>

#include "check.h"

static const char *const storages[STORAGES] = {"float", "bf16", "int8"};

/* ---- Tables ---- */

static void print_share(double explained, int width) {
    if (isnan(explained))
        printf(" %*s", width, "-");
    else
        printf(" %*.4f", width, explained);
}

/* A model that was fitted to the labels does not try to explain the original: print a dash. */
static void print_explained(const result *of, int storage) {
    const int labels = strcmp(of->fitted_to, "labels") == 0;

    print_share(labels ? NAN : of->stored[storage].judged.fidelity, 9);
}

static void print_models(const findings *of) {
    printf("\n%-20s %-9s %10s %7s %6s %9s %7s %7s %7s %7s\n", "model", "fitted to", "parameters",
           "bytes", "us", "explained", "other", "near", "frames", "recall");
    for (size_t k = 0; k < of->n; k++) {
        const result *r = of->results + k;
        const figures *judged = &r->stored[0].judged;

        printf("%-20s %-9s %10llu %7llu %6.2f", r->name, r->fitted_to, r->parameters,
               r->stored[0].bytes, r->stored[0].microseconds);
        print_explained(r, 0);
        printf(" %7.4f %7.4f %7.4f %7.3f\n", judged->other_auc, judged->near_auc, judged->row_auc,
               judged->recall);
    }
    printf(
        "us: microseconds a frame. explained: share of the variance of the original's scores.\n"
        "other, near, frames: ROC AUC of clips with the wake word against other speech, of clips "
        "against\nphrases that sound like it, and of single rows.\n"
        "recall: share of the clips with the wake word that score above 95 %% of other speech.\n"
        "8 + 32: 8 features in the first layer and 32 in the second. unweighted: errors of all "
        "outputs of\nthe first layer count the same, whatever their effect on the score.\n"
        "The model fitted to labels has learned this speech synthesiser, so its figures say little "
        "about\nhuman speech.\n");
}

/* What it took to make a model, and how good it is before and after the sigmoid. */
static void print_making(const findings *of) {
    printf("\n%-20s %10s %9s %9s %8s\n", "making them", "parameters", "logits", "scores",
           "seconds");
    for (size_t k = 0; k < of->n; k++) {
        const result *r = of->results + k;

        if (r->seconds == 0 && !r->small) continue;
        printf("%-20s %10llu %9.4f %9.4f", r->name, r->parameters, r->stored[0].judged.fidelity,
               r->stored[0].judged.scores);
        if (r->small)
            printf(" %8s\n", "-");
        else
            printf(" %8.1f\n", r->seconds);
    }
    printf("logits, scores: shares of the variance of the original's output that are explained, "
           "before "
           "and\nafter the sigmoid. seconds: on %d threads.\n"
           "small: the baseline of snnk_network_compress, dense layers of as many numbers, trained "
           "from random\nweights in as many steps.\n",
           (int)of->threads);
}

static void print_storage(const findings *of) {
    printf("\n%-20s", "narrow storage");
    for (int s = 1; s < STORAGES; s++)
        printf(" %4s bytes %7s %9s %7s", storages[s], "us", "explained", "other");
    printf("\n");
    for (size_t k = 0; k < of->n; k++) {
        const result *r = of->results + k;

        printf("%-20s", r->name);
        for (int s = 1; s < STORAGES; s++) {
            printf(" %10llu %7.2f", r->stored[s].bytes, r->stored[s].microseconds);
            print_explained(r, s);
            printf(" %7.4f", r->stored[s].judged.other_auc);
        }
        printf("\n");
    }
    printf("Both are fast on processors with avx512_vnni; others run plain C. Kernels here: %s.\n",
           snnk_kernels_name());
}

static void print_students(const findings *of) {
    printf("\n%-20s %4s %8s %7s %8s %10s %8s %8s %8s\n", "students", "part", "features", "linear",
           "student", "linear map", "neurons", "matrices", "random");
    for (size_t k = 0; k < of->n; k++) {
        const result *r = of->results + k;

        for (size_t p = 0; p < r->n_students; p++) {
            const snnk_distill_report *s = &r->students[p];

            printf("%-20s %4zu %8llu %7llu", p ? "" : r->name, p + 1,
                   (unsigned long long)s->features, (unsigned long long)s->linear_features);
            print_share(s->explained, 8);
            print_share(s->explained_linear, 10);
            print_share(s->explained_neurons, 8);
            print_share(s->explained_svd, 8);
            print_share(s->explained_random, 8);
            printf("\n");
        }
    }
    printf("Share explained on voices held out from the fit: by the student of each part, and by "
           "simpler\nreplacements with no more parameters (a linear map, the strongest neurons, "
           "truncated matrices,\nrandom features).\n");
}

void print_tables(const findings *of) {
    printf("Fitted to %zu rows, tested on %zu rows of other voices. The original's scores equal "
           "those of\nonnxruntime, up to %.1e.\n",
           of->calibration_rows, of->test_rows, of->difference);
    print_models(of);
    print_making(of);
    print_storage(of);
    print_students(of);
}

/* ---- JSON ---- */

static void print_number(const char *key, double value) {
    if (isnan(value))
        printf(",\"%s\":null", key);
    else
        printf(",\"%s\":%.4f", key, value);
}

static void print_student(const snnk_distill_report *of) {
    printf("{\"features\":%llu,\"linear_features\":%llu", (unsigned long long)of->features,
           (unsigned long long)of->linear_features);
    print_number("explained", of->explained);
    print_number("linear", of->explained_linear);
    print_number("neurons", of->explained_neurons);
    print_number("truncated_matrices", of->explained_svd);
    print_number("random_features", of->explained_random);
    printf("}");
}

static void print_model(const result *of) {
    printf("{\"name\":\"%s\",\"fitted_to\":\"%s\",\"parameters\":%llu", of->name, of->fitted_to,
           of->parameters);
    for (int s = 0; s < STORAGES; s++) {
        const figures *judged = &of->stored[s].judged;
        const int labels = strcmp(of->fitted_to, "labels") == 0;

        printf(",\"%s\":{\"bytes\":%llu,\"microseconds\":%.3f", storages[s], of->stored[s].bytes,
               of->stored[s].microseconds);
        print_number("explained", labels ? NAN : judged->fidelity);
        print_number("explained_scores", labels ? NAN : judged->scores);
        print_number("other_auc", judged->other_auc);
        print_number("near_auc", judged->near_auc);
        print_number("frame_auc", judged->row_auc);
        print_number("recall", judged->recall);
        printf("}");
    }
    if (of->seconds > 0) printf(",\"seconds\":%.2f", of->seconds);
    printf(",\"students\":[");
    for (size_t p = 0; p < of->n_students; p++) {
        if (p > 0) printf(",");
        print_student(&of->students[p]);
    }
    printf("]}");
}

/* The figures to watch: those of the tuned models, and the area under the curve of the most
 * faithful model of at most 50 kB. */
static void print_watched(const findings *of) {
    const figures *best = NULL;
    int first = 1;

    for (size_t k = 0; k < of->n; k++) {
        const result *r = of->results + k;

        for (int s = 0; s < STORAGES; s++)
            if (r->stored[s].bytes <= 50 * 1024 && strcmp(r->fitted_to, "labels") != 0 &&
                (!best || r->stored[s].judged.fidelity > best->fidelity))
                best = &r->stored[s].judged;
        if (!r->tuned) continue;
        printf(",\"%s_logits_%llu\":%.4f,\"%s_scores_%llu\":%.4f", of->model, r->parameters,
               r->stored[0].judged.fidelity, of->model, r->parameters, r->stored[0].judged.scores);
        if (first) printf(",\"%s_seconds\":%.2f", of->model, r->seconds);
        first = 0;
    }
    if (best) printf(",\"%s_auc_bytes50k\":%.4f", of->model, best->other_auc);
}

void print_json(const findings *of) {
    printf("{\"model\":\"%s\"", of->model);
    print_watched(of);
    printf(",\"calibration_rows\":%zu,\"test_rows\":%zu,\"largest_difference\":%.3g,"
           "\"kernels\":\"%s\",\"models\":[",
           of->calibration_rows, of->test_rows, of->difference, snnk_kernels_name());
    for (size_t k = 0; k < of->n; k++) {
        if (k > 0) printf(",");
        print_model(of->results + k);
    }
    printf("]}\n");
}
