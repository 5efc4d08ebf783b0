/* Compressing several layers under one budget. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/compress_methods.h"
#include "cli/compress_session.h"

static const char command[] = "compress";

/* By how much more bytes rounded layers may have and still count as no larger. */
#define ABOUT_EQUAL 1.05

/* ---- Work ---- */

static int show_work(void *user, int32_t done, int32_t steps) {
    return compress_show(user, done, steps);
}

/* Refuse what is for one layer or block only. */
static int check_options(const compress_options *o) {
    static const char only[] = "is for one layer, or one with a linear layer after it";

    if (o->features > 0) return wrong_usage(command, "--features %s: use --share", only);
    if (o->error > 0) return wrong_usage(command, "--error %s: use --share", only);
    if (o->files.targets && o->tune == 0)
        return wrong_usage(command, "--targets %s, or for --tune", only);
    if (o->plot) return wrong_usage(command, "--plot %s", only);
    if (o->method > SNNK_DISTILL_METHOD_RANDOM)
        return wrong_usage(command, "--keep %s %s: use snnk quantize",
                           snnk_distill_method_name(o->method), only);
    return EXIT_OK;
}

static snnk_compress_part part_of(const snnk_compression *compression, size_t k) {
    snnk_compress_part part = {.size = sizeof part};

    (void)snnk_compression_part(compression, k, &part);
    return part;
}

static void list_replaced(const snnk_compression *compression, compress_session *s) {
    for (size_t k = 0; k < snnk_compression_parts(compression); k++) {
        const snnk_compress_part part = part_of(compression, k);

        if (part.outcome != SNNK_COMPRESS_REPLACED || s->n_replaced == MAX_LAYERS) continue;
        s->replaced[s->n_replaced].first = (size_t)part.first;
        s->replaced[s->n_replaced].layers = (size_t)part.layers;
        s->replaced[s->n_replaced].first_compressed = (size_t)part.first_compressed;
        s->replaced[s->n_replaced++].layers_compressed = (size_t)part.layers_compressed;
    }
}

static int compress(compress_session *s, snnk_compression **compression) {
    snnk_compress_config config;
    int st = snnk_compress_config_init(&config, sizeof config);

    if (st != SNNK_OK) return library_failed(command);
    config.share = s->o->share > 0 ? s->o->share : 0.25;
    config.method = s->o->method;
    config.progress = show_work;
    config.user = s;
    config.tune_epochs = s->o->tune;
    if (s->o->tune_rate > 0) config.tune_rate = s->o->tune_rate;
    if (s->o->tune_blends >= 0) config.tune_blends = s->o->tune_blends;
    config.tune_to_targets = s->o->files.targets != NULL;
    compress_begin_stage(s, "compressing");
    st = snnk_network_compress(s->teacher.network,
                               SNNK_ROWS(.n = s->rows.n, .X = s->rows.X, .labels = s->labels,
                                         .Y = s->labels ? NULL : s->targets.X),
                               NULL, &config, &s->o->distill, s->workspace, compression,
                               &s->network);
    compress_begin_stage(s, NULL);
    if (st == SNNK_OK) list_replaced(*compression, s);
    return compress_outcome(st);
}

/* Take the small network instead of the compressed one. */
static int keep_small(compress_session *s, const snnk_compression *compression) {
    const snnk_network *small = snnk_compression_small(compression);
    snnk_network *made;
    int st;

    if (!small)
        return failed(command, "--keep small: the share allows no network of one neuron, raise "
                               "--share");
    st = snnk_network_create(NULL, &made);
    for (size_t k = 0; st == SNNK_OK && k < snnk_network_layers(small); k++)
        st = snnk_network_append(made, snnk_network_layer(small, k));
    if (st != SNNK_OK) {
        snnk_network_free(made);
        return library_failed(command);
    }
    snnk_network_free(s->network);
    s->network = made;
    return EXIT_OK;
}

/* ---- Reports ---- */

/* The weights of a part's first and last layer. */
static const char *name_of(const compress_options *o, const snnk_compress_part *part, char *buffer,
                           size_t bytes) {
    const size_t first = (size_t)part->first, last = first + (size_t)part->layers - 1;

    if (o->n_layers == 0)
        snprintf(buffer, bytes, first == last ? "layer %zu" : "layers %zu and %zu", first, last);
    else if (first == last)
        snprintf(buffer, bytes, "%s", o->layers[first].weight);
    else
        snprintf(buffer, bytes, "%s, %s", o->layers[first].weight, o->layers[last].weight);
    return buffer;
}

/* INT4 or INT8 if that network is at least as good in about as many bytes; otherwise METHODS. */
static int best_rounded(const compress_session *s, const snnk_compress_report *r) {
    const double most = ABOUT_EQUAL * 4 * (double)r->parameters;

    if (s->o->files.targets) return METHODS; /* the errors are not of what was aimed at */

    if ((double)r->bytes_int4 <= most && r->relative_error_int4 <= r->relative_error) return INT4;
    if ((double)r->bytes_int8 <= most && r->relative_error_int8 <= r->relative_error) return INT8;
    return METHODS;
}

/* Whether the small network has a smaller error by more than rounding. Errors are those against the
 * original's outputs, so they say nothing where the aim was another. */
static bool small_is_better(const compress_session *s, const snnk_compress_report *r) {
    return r->parameters_small > 0 && !s->o->files.targets &&
           r->relative_error_small < r->relative_error * (1 - 1e-6);
}

static void print_part(const compress_session *s, const snnk_compression *compression, size_t k) {
    const snnk_compress_part part = part_of(compression, k);
    const snnk_compress_part *p = &part;
    snnk_distill_report report = {.size = sizeof report};
    char name[512];

    printf("%-30s ", name_of(s->o, p, name, sizeof name));
    if (snnk_compression_distilled(compression, k, &report) == SNNK_OK)
        printf("%10llu %10.4f %12llu %12llu\n", (unsigned long long)p->features, report.explained,
               (unsigned long long)p->parameters_before, (unsigned long long)p->parameters);
    else
        printf("%10s %10s %12llu %12llu\n", "kept", "", (unsigned long long)p->parameters_before,
               (unsigned long long)p->parameters);
}

/* For each part, the best of its simpler replacements if it explains as much as the student. */
static void print_simpler(const compress_session *s, const snnk_compression *compression) {
    const snnk_network *teacher = s->teacher.network;

    for (size_t k = 0; k < snnk_compression_parts(compression); k++) {
        const snnk_compress_part part = part_of(compression, k);
        const snnk_layer *hidden = snnk_network_layer(teacher, (size_t)part.first);
        const snnk_layer *last =
            snnk_network_layer(teacher, (size_t)(part.first + part.layers - 1));
        snnk_distill_report report = {.size = sizeof report};
        compress_method methods[METHODS];
        char name[512];
        int best;

        if (snnk_compression_distilled(compression, k, &report) != SNNK_OK) continue;
        compress_methods_of(&report, snnk_layer_inputs(hidden), snnk_layer_outputs(hidden),
                            snnk_layer_outputs(last), methods);
        if ((best = compress_best_simpler(&report, methods)) == METHODS) continue;
        printf("A simpler replacement of %s is as good or better: %s, with %.4f explained.\n",
               name_of(s->o, &part, name, sizeof name), compress_methods[best],
               methods[best].explained);
    }
}

static void print_whole(const char *name, double error, uint64_t parameters, uint64_t multiply_adds,
                        uint64_t bytes, bool better) {
    printf("%-20s %10.4f %12llu %14llu %12llu%s\n", name, error, (unsigned long long)parameters,
           (unsigned long long)multiply_adds, (unsigned long long)bytes, better ? "  better" : "");
}

static void print_text(const compress_session *s, const snnk_compression *compression,
                       const snnk_compress_report *r) {
    const int rounded = best_rounded(s, r);

    compress_teacher_print(s->o, &s->teacher);
    printf("%-20s %10s %12s %14s %12s\n", "network", "error", "parameters", "multiply-adds",
           "bytes");
    print_whole("the network itself", 0, r->parameters_before, r->multiply_adds_before,
                4 * r->parameters_before, false);
    print_whole("int8 weights", r->relative_error_int8, r->parameters_before,
                r->multiply_adds_before, r->bytes_int8, rounded == INT8);
    print_whole("int4 weights", r->relative_error_int4, r->parameters_before,
                r->multiply_adds_before, r->bytes_int4, rounded == INT4);
    print_whole("compressed", r->relative_error, r->parameters, r->multiply_adds, 4 * r->parameters,
                false);
    if (r->parameters_small > 0)
        print_whole("small, trained", r->relative_error_small, r->parameters_small,
                    snnk_network_multiply_adds(snnk_compression_small(compression)),
                    4 * r->parameters_small, small_is_better(s, r));
    print_whole("compressed, int8", r->relative_error_compressed_int8, r->parameters,
                r->multiply_adds, r->bytes_compressed_int8, false);
    printf("\n");
    if (rounded < METHODS)
        printf("Plain quantization is better: %s have error %.4f in %llu bytes, the compressed "
               "network %.4f in %llu.\n\n",
               compress_methods[rounded],
               rounded == INT8 ? r->relative_error_int8 : r->relative_error_int4,
               (unsigned long long)(rounded == INT8 ? r->bytes_int8 : r->bytes_int4),
               r->relative_error, 4 * (unsigned long long)r->parameters);
    if (small_is_better(s, r))
        printf("A small network is better: %zu dense layers of %llu numbers, trained in as many "
               "steps, have error %.4f, the compressed network %.4f%s.\n\n",
               snnk_network_layers(snnk_compression_small(compression)),
               (unsigned long long)r->parameters_small, r->relative_error_small, r->relative_error,
               s->o->keep_small ? "" : "; save it with --keep small");
    printf("%-30s %10s %10s %12s %12s\n", "part", "features", "explained", "parameters", "now");
    for (size_t k = 0; k < snnk_compression_parts(compression); k++) print_part(s, compression, k);
    printf("\n");
    print_simpler(s, compression);
    if (s->o->tune > 0)
        printf("tuned to %s: error %.4f before; the best of %llu epochs is %llu%s\n",
               s->labels             ? "the classes"
               : s->o->files.targets ? "the targets"
                                     : "the outputs of the network itself",
               r->relative_error_untuned, (unsigned long long)s->o->tune,
               (unsigned long long)r->tuned_epoch,
               r->tuned_epoch == 0 ? " (no epoch was better on held-out rows)" : "");
    if (s->o->files.targets)
        puts("errors are differences from the network's own outputs, which was not the aim");
    printf("students: tier %s; %llu rows to fit to, %llu to judge by\n",
           snnk_distill_tier_name(s->o->distill.tier), (unsigned long long)r->rows,
           (unsigned long long)r->judged_rows);
    if (s->o->method != SNNK_DISTILL_METHOD_STUDENT)
        printf("kept: %s, in place of students of this size\n",
               compress_methods[STUDENT + s->o->method]);
    compress_print_files(s->o);
}

static void add_parts(const compress_session *s, const snnk_compression *compression, cJSON *json) {
    cJSON *array = cJSON_AddArrayToObject(json, "parts");

    for (size_t k = 0; k < snnk_compression_parts(compression); k++) {
        const snnk_compress_part part = part_of(compression, k);
        snnk_distill_report report = {.size = sizeof report};
        cJSON *item = cJSON_CreateObject();
        char name[512];

        cJSON_AddStringToObject(item, "layers", name_of(s->o, &part, name, sizeof name));
        cJSON_AddStringToObject(item, "outcome", snnk_compress_outcome_name(part.outcome));
        cJSON_AddNumberToObject(item, "features", (double)part.features);
        cJSON_AddNumberToObject(item, "parameters_before", (double)part.parameters_before);
        cJSON_AddNumberToObject(item, "parameters", (double)part.parameters);
        cJSON_AddNumberToObject(item, "multiply_adds_before", (double)part.multiply_adds_before);
        cJSON_AddNumberToObject(item, "multiply_adds", (double)part.multiply_adds);
        if (snnk_compression_distilled(compression, k, &report) == SNNK_OK) {
            cJSON_AddNumberToObject(item, "explained", report.explained);
            cJSON_AddBoolToObject(item, "simpler_is_better", report.simpler_is_better);
        }
        cJSON_AddItemToArray(array, item);
    }
}

static void add_whole(cJSON *array, const char *method, double error, uint64_t parameters,
                      uint64_t multiply_adds, uint64_t bytes) {
    cJSON *item = cJSON_CreateObject();

    cJSON_AddStringToObject(item, "method", method);
    cJSON_AddNumberToObject(item, "relative_error", error);
    cJSON_AddNumberToObject(item, "parameters", (double)parameters);
    cJSON_AddNumberToObject(item, "multiply_adds", (double)multiply_adds);
    cJSON_AddNumberToObject(item, "bytes", (double)bytes);
    cJSON_AddItemToArray(array, item);
}

static void print_json(const compress_session *s, const snnk_compression *compression,
                       const snnk_compress_report *r) {
    cJSON *json = cJSON_CreateObject(), *array;

    cJSON_AddNumberToObject(json, "inputs", (double)snnk_network_inputs(s->teacher.network));
    cJSON_AddNumberToObject(json, "outputs", (double)snnk_network_outputs(s->teacher.network));
    compress_teacher_add_json(s->o, &s->teacher, json);
    cJSON_AddStringToObject(json, "tier", snnk_distill_tier_name(s->o->distill.tier));
    cJSON_AddNumberToObject(json, "rows", (double)r->rows);
    cJSON_AddNumberToObject(json, "judged_rows", (double)r->judged_rows);
    if (s->o->tune > 0) {
        cJSON_AddNumberToObject(json, "relative_error_untuned", r->relative_error_untuned);
        cJSON_AddNumberToObject(json, "tuned_epoch", (double)r->tuned_epoch);
    }
    cJSON_AddBoolToObject(json, "quantization_is_better", best_rounded(s, r) < METHODS);
    add_parts(s, compression, json);
    array = cJSON_AddArrayToObject(json, "methods");
    add_whole(array, "teacher", 0, r->parameters_before, r->multiply_adds_before,
              4 * r->parameters_before);
    add_whole(array, "compressed", r->relative_error, r->parameters, r->multiply_adds,
              4 * r->parameters);
    add_whole(array, "int8", r->relative_error_int8, r->parameters_before, r->multiply_adds_before,
              r->bytes_int8);
    add_whole(array, "int4", r->relative_error_int4, r->parameters_before, r->multiply_adds_before,
              r->bytes_int4);
    add_whole(array, "compressed_int8", r->relative_error_compressed_int8, r->parameters,
              r->multiply_adds, r->bytes_compressed_int8);
    if (r->parameters_small > 0)
        add_whole(array, "small", r->relative_error_small, r->parameters_small,
                  snnk_network_multiply_adds(snnk_compression_small(compression)),
                  4 * r->parameters_small);
    cJSON_AddBoolToObject(json, "small_is_better", small_is_better(s, r));
    cJSON_AddStringToObject(json, "kept",
                            s->o->keep_small ? "small" : snnk_distill_method_name(s->o->method));
    compress_add_files(s->o, json);
    print_json_object(json);
}

/* ---- The network ---- */

int compress_network(compress_session *s) {
    snnk_compress_report report = {.size = sizeof report};
    snnk_compression *compression = NULL;
    int exit_status = check_options(s->o);

    if (exit_status == EXIT_OK) exit_status = compress(s, &compression);
    if (exit_status == EXIT_OK && snnk_compression_report(compression, &report) != SNNK_OK)
        exit_status = library_failed(command);
    if (exit_status == EXIT_OK && s->o->keep_small) exit_status = keep_small(s, compression);
    if (exit_status == EXIT_OK) exit_status = compress_save(s);
    if (exit_status == EXIT_OK && s->o->json)
        print_json(s, compression, &report);
    else if (exit_status == EXIT_OK)
        print_text(s, compression, &report);
    snnk_compression_free(compression);
    return exit_status;
}
