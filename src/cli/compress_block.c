/* Compressing one layer or block: a student, compared with simpler replacements. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/compress_plot.h"
#include "cli/compress_session.h"

static const char command[] = "compress";

typedef struct block {
    compress_session *s;
    const snnk_layer *hidden, *readout; /* readout: NULL for one layer */
    size_t d, h, l;
    snnk_distill *distill;
    snnk_distill_report report;
    compress_method methods[METHODS];
    compress_curve curve;
} block;

/* ---- Work ---- */

static int show_work(void *user, int32_t done, int32_t steps, double explained) {
    (void)explained;
    return compress_show(user, done, steps);
}

static int choose_features(block *b, size_t *m) {
    const compress_options *o = b->s->o;
    const double share = o->share > 0 ? o->share : 0.25;

    *m = (size_t)o->features;
    if (o->features > 0) return EXIT_OK;
    if (o->error > 0) compress_begin_stage(b->s, "sizes");
    return compress_outcome(o->error > 0 ? snnk_distill_features_of_error(b->distill, o->error, m)
                                         : snnk_distill_features_of_share(b->distill, share, m));
}

/* A student that is larger than the layer itself would be no compression. */
static int check_size(const block *b, size_t m) {
    const double teacher =
        (double)snnk_layer_parameters(b->hidden) + (double)snnk_layer_parameters(b->readout);
    const double student = (double)m * (double)(b->d + 1 + b->l) + (double)b->l;

    if (student < teacher) return EXIT_OK;
    return failed(command, "%zu features have %.0f parameters, but the layer itself has %.0f", m,
                  student, teacher);
}

/* Make the network that is kept: the student, or another method of its size. */
static int make_network(block *b, const snnk_layer *student) {
    compress_session *s = b->s;
    int st;

    if (s->o->method != SNNK_DISTILL_METHOD_STUDENT) {
        compress_begin_stage(s, "keeping");
        return compress_outcome(snnk_distill_replacement(
            b->distill, s->o->method, (size_t)b->report.features, s->workspace, &s->network));
    }
    st = snnk_network_create(NULL, &s->network);
    if (st == SNNK_OK) st = snnk_network_append(s->network, student);
    return st == SNNK_OK ? EXIT_OK : library_failed(command);
}

/* The rows are those of the session; the distillation copies them. */
static int create_distill(block *b) {
    compress_session *s = b->s;
    snnk_distill_config config = s->o->distill;
    int st;

    config.progress = show_work;
    config.user = s;
    compress_begin_stage(s, "preparing");
    st = snnk_distill_create(b->hidden, b->readout,
                             SNNK_ROWS(.n = s->rows.n, .X = s->rows.X, .Y = s->targets.X), &config,
                             s->workspace, &b->distill);
    compress_rows_free(&s->rows);
    compress_rows_free(&s->targets);
    return compress_outcome(st);
}

static int distill(block *b) {
    compress_session *s = b->s;
    snnk_layer *student = NULL;
    size_t m = 0;
    int exit_status = create_distill(b);

    if (exit_status == EXIT_OK) exit_status = choose_features(b, &m);
    if (exit_status == EXIT_OK) exit_status = check_size(b, m);
    if (exit_status != EXIT_OK) return exit_status;
    compress_begin_stage(s, s->o->distill.tier == SNNK_DISTILL_REFINED ? "refining" : "choosing");
    exit_status =
        compress_outcome(snnk_distill_solve(b->distill, m, s->workspace, &b->report, &student));
    if (exit_status == EXIT_OK) exit_status = make_network(b, student);
    snnk_layer_free(student);
    compress_begin_stage(s, NULL);
    if (exit_status != EXIT_OK) return exit_status;
    s->n_replaced = 1;
    s->replaced[0].layers = b->readout ? 2 : 1;
    s->replaced[0].layers_compressed = snnk_network_layers(s->network);
    compress_methods_of(&b->report, b->d, b->h, b->l, b->methods);
    return EXIT_OK;
}

/* ---- Sizes for the plot ---- */

static int add_point(block *b, size_t m, bool *more) {
    const size_t room = sizeof b->curve.points / sizeof *b->curve.points;
    snnk_distill_report report = {.size = sizeof report};
    snnk_layer *layer;
    const int st = snnk_distill_solve(b->distill, m, b->s->workspace, &report, &layer);

    *more = st != SNNK_E_RANGE; /* E_RANGE: fewer features are linearly independent */
    if (!*more) return EXIT_OK;
    snnk_layer_free(layer);
    if (compress_outcome(st) != EXIT_OK) return interrupted ? EXIT_CANCELLED : EXIT_FAILED;
    b->curve.points[b->curve.n].features = m;
    compress_methods_of(&report, b->d, b->h, b->l, b->curve.points[b->curve.n++].methods);
    *more = b->curve.n < room;
    return EXIT_OK;
}

/* Sizes of 8, 16, 32 ... features, and the largest with fewer parameters than the layer. */
static int make_curve(block *b) {
    compress_session *s = b->s;
    const double teacher = (double)b->report.parameters_teacher;
    const double fits = (teacher - 1 - (double)b->l) / (double)(b->d + 1 + b->l);
    const size_t most = (size_t)fmin(fits, (double)(b->d + b->h)), least = most < 8 ? 1 : 8;
    bool more = true;
    int exit_status = EXIT_OK;

    compress_begin_stage(s, "sizes");
    for (size_t m = least; m < most; m *= 2) s->n_points++;
    for (size_t m = least; exit_status == EXIT_OK && more; m *= 2, s->point++) {
        if (m >= most) m = most;
        exit_status = add_point(b, m, &more);
        more = more && m < most;
    }
    compress_begin_stage(s, NULL);
    if (exit_status == EXIT_OK && b->curve.n == 0)
        return failed(command, "--plot: there is no size with fewer parameters than the layer");
    return exit_status;
}

/* ---- Reports ---- */

static void add_method(cJSON *array, int k, const compress_method *m) {
    cJSON *item = cJSON_CreateObject();

    cJSON_AddStringToObject(item, "method", compress_method_keys[k]);
    cJSON_AddNumberToObject(item, "explained", m->explained);
    cJSON_AddNumberToObject(item, "relative_error", compress_relative_error(m));
    cJSON_AddNumberToObject(item, "parameters", m->parameters);
    cJSON_AddNumberToObject(item, "multiply_adds", m->multiply_adds);
    cJSON_AddNumberToObject(item, "bytes", m->bytes);
    cJSON_AddItemToArray(array, item);
}

static void print_json(const block *b) {
    const snnk_distill_report *r = &b->report;
    const compress_options *o = b->s->o;
    cJSON *json = cJSON_CreateObject(), *array;

    cJSON_AddNumberToObject(json, "inputs", (double)b->d);
    cJSON_AddNumberToObject(json, "hidden", (double)b->h);
    cJSON_AddNumberToObject(json, "outputs", (double)b->l);
    compress_teacher_add_json(o, &b->s->teacher, json);
    cJSON_AddStringToObject(json, "tier", snnk_distill_tier_name(r->tier));
    cJSON_AddNumberToObject(json, "features", (double)r->features);
    cJSON_AddNumberToObject(json, "linear_features", (double)r->linear_features);
    cJSON_AddNumberToObject(json, "lambda", r->ridge);
    cJSON_AddNumberToObject(json, "epochs", r->epochs);
    cJSON_AddNumberToObject(json, "rows", (double)r->rows);
    cJSON_AddNumberToObject(json, "heldout_rows", (double)r->heldout_rows);
    cJSON_AddBoolToObject(json, "few_rows", r->few_rows);
    cJSON_AddBoolToObject(json, "quantization_is_better", r->rounding_is_better);
    cJSON_AddBoolToObject(json, "simpler_is_better", r->simpler_is_better);
    array = cJSON_AddArrayToObject(json, "methods");
    for (int k = TEACHER; k < METHODS; k++)
        if (!isnan(b->methods[k].explained)) add_method(array, k, &b->methods[k]);
    cJSON_AddStringToObject(json, "kept", snnk_distill_method_name(o->method));
    compress_add_files(o, json);
    print_json_object(json);
}

/* The layer itself in all its forms comes first, then the student in its two. Rows that beat the
 * student are marked. */
static void print_table(const block *b) {
    static const int order[METHODS] = {
        TEACHER, INT8, INT4, STUDENT, STUDENT_INT8, LINEAR, NEURONS, SINGULAR_VALUES, RANDOM};
    const int rounded = compress_best_rounded(&b->report, b->methods);
    const int simplest = compress_best_simpler(&b->report, b->methods);

    printf("%-18s %10s %10s %12s %14s %12s\n", "method", "explained", "error", "parameters",
           "multiply-adds", "bytes");
    for (int i = 0; i < METHODS; i++) {
        const int k = order[i];
        const compress_method *m = &b->methods[k];
        const bool simpler = k >= LINEAR && k <= RANDOM;
        const bool better = k == rounded || k == simplest ||
                            (simpler && m->explained >= b->methods[STUDENT].explained);

        if (isnan(m->explained))
            printf("%-18s %10s %10s\n", compress_methods[k], "-", "-");
        else
            printf("%-18s %10.4f %10.4f %12.0f %14.0f %12.0f%s\n", compress_methods[k],
                   m->explained, compress_relative_error(m), m->parameters, m->multiply_adds,
                   m->bytes, better ? "  better" : "");
    }
    printf("\n");
}

/* How many features a student has that takes so many bytes in float. */
static double features_of_bytes(const block *b, double bytes) {
    return floor(fmax(bytes / 4 - (double)b->l, 0) / (double)(b->d + 1 + b->l));
}

static void print_equal_bytes(const block *b) {
    printf("Equal bytes: int8 weights take those of a student of %.0f features in float, int4 "
           "weights of %.0f.\n",
           features_of_bytes(b, b->methods[INT8].bytes),
           features_of_bytes(b, b->methods[INT4].bytes));
}

/* Say what is better than the student: plain quantization first. */
static void print_advice(const block *b) {
    const int rounded = compress_best_rounded(&b->report, b->methods);
    const int simpler = compress_best_simpler(&b->report, b->methods);

    if (rounded < METHODS)
        printf("Plain quantization is better: %s explain %.4f in %.0f bytes, the student %.4f in "
               "%.0f.\n",
               compress_methods[rounded], b->methods[rounded].explained, b->methods[rounded].bytes,
               b->methods[STUDENT].explained, b->methods[STUDENT].bytes);
    if (simpler < METHODS)
        printf("A simpler replacement is as good or better: %s, with %.4f explained. Use it "
               "instead.\n",
               compress_methods[simpler], b->methods[simpler].explained);
}

static void print_text(const block *b) {
    const snnk_distill_report *r = &b->report;
    const compress_options *o = b->s->o;

    compress_teacher_print(o, &b->s->teacher);
    print_table(b);
    print_equal_bytes(b);
    print_advice(b);
    printf("student: %llu features, %llu of them linear, tier %s, lambda %.3g; ",
           (unsigned long long)r->features, (unsigned long long)r->linear_features,
           snnk_distill_tier_name(r->tier), r->ridge);
    if (r->tier == SNNK_DISTILL_REFINED) printf("best after %d epochs; ", (int)r->epochs);
    printf("%llu rows, %llu held out\n", (unsigned long long)r->rows,
           (unsigned long long)r->heldout_rows);
    if (!isnan(b->methods[SINGULAR_VALUES].explained))
        printf("singular values: their ranks were chosen on held-out rows\n");
    if (r->few_rows)
        printf("There are fewer rows than features to choose from: expect larger errors on other "
               "rows.\n");
    if (o->method != SNNK_DISTILL_METHOD_STUDENT)
        printf("kept: %s\n", compress_methods[STUDENT + o->method]);
    compress_print_files(o);
}

/* ---- The block ---- */

/* Write the files and the report, after everything that can fail for other reasons. */
static int finish(block *b) {
    const compress_options *o = b->s->o;
    int exit_status = EXIT_OK;

    if (o->plot) exit_status = compress_plot(o->plot, o->csv, &b->curve);
    if (exit_status != EXIT_OK) return exit_status;
    exit_status = compress_save(b->s);
    if (exit_status != EXIT_OK && o->plot) compress_plot_drop(o->plot, o->csv);
    if (exit_status == EXIT_OK && o->plot) exit_status = compress_plot_keep(o->plot, o->csv);
    if (exit_status != EXIT_OK) return exit_status;
    if (o->json)
        print_json(b);
    else
        print_text(b);
    return EXIT_OK;
}

int compress_block(compress_session *s) {
    const snnk_network *teacher = s->teacher.network;
    block *b = calloc(1, sizeof *b);
    int exit_status;

    if (s->o->tune > 0) {
        free(b);
        return wrong_usage(command, "--tune is for networks of several parts: for one layer or "
                                    "block use --tier refined");
    }
    if (!b) return failed(command, "out of memory");
    b->s = s;
    b->report.size = sizeof b->report;
    b->hidden = snnk_network_layer(teacher, 0);
    b->readout = snnk_network_layer(teacher, 1);
    b->d = snnk_network_inputs(teacher);
    b->h = snnk_layer_outputs(b->hidden);
    b->l = snnk_network_outputs(teacher);
    exit_status = distill(b);
    if (exit_status == EXIT_OK && s->o->plot) exit_status = make_curve(b);
    if (exit_status == EXIT_OK) exit_status = finish(b);
    snnk_distill_free(b->distill);
    free(b);
    return exit_status;
}
