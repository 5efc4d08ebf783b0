#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/compress_options.h"
#include "cli/compress_plot.h"
#include "cli/compress_teacher.h"
#include "cli/console.h"
#include "cli/dataset.h"
#include "cli/system.h"

static const char command[] = "compress";

typedef struct session {
    const compress_options *o;
    size_t n, d, h, l;
    float *X, *Y;
    snnk_layer *hidden, *readout, *student;
    snnk_workspace *workspace;
    snnk_distill *distill;
    snnk_network *network;
    snnk_distill_report report;
    compress_curve curve;
    const char *stage;      /* text of the progress bar */
    size_t point, n_points; /* the bar has n_points equal parts; `point` of them are done */
    size_t shown;           /* per mille shown: the bar is drawn only if it changes */
} session;

/* ---- Rows ---- */

static int open_rows(const char *path, dataset *data) {
    const data_files files = {.inputs = path};
    const int exit_status = dataset_open(command, &files, NULL, NULL, data);

    if (exit_status == EXIT_OK && data->rows == 0) return failed(command, "%s has no rows", path);
    return exit_status;
}

/* Read all rows of a file into memory; they must be finite. */
static int read_rows(const char *path, bool quiet, size_t *rows, size_t *columns, float **X) {
    dataset data = {0};
    int exit_status = open_rows(path, &data);

    if (exit_status == EXIT_OK) {
        *rows = data.rows;
        *columns = data.n_inputs;
        if (data.rows <= SIZE_MAX / sizeof **X / data.n_inputs)
            *X = malloc(data.rows * data.n_inputs * sizeof **X);
        if (!*X) exit_status = failed(command, "out of memory for the rows of %s", path);
    }
    for (size_t first = 0; exit_status == EXIT_OK && first < data.rows; first += BATCH_ROWS) {
        const size_t n = data.rows - first < BATCH_ROWS ? data.rows - first : BATCH_ROWS;
        float *to = *X + first * data.n_inputs;

        show_progress(quiet, "reading", first, data.rows);
        if (dataset_read_floats(&data, first, n, to) != SNNK_OK)
            exit_status = library_failed(command);
        if (exit_status == EXIT_OK && interrupted) exit_status = EXIT_CANCELLED;
    }
    show_progress(quiet, "reading", 1, 1);
    dataset_close(&data);
    return exit_status;
}

static int read_targets(session *s) {
    size_t rows, columns;
    int exit_status;

    if (!s->o->targets) return EXIT_OK;
    exit_status = read_rows(s->o->targets, s->o->quiet, &rows, &columns, &s->Y);
    if (exit_status != EXIT_OK) return exit_status;
    if (rows != s->n)
        return failed(command, "%s has %zu rows, but %s has %zu", s->o->targets, rows, s->o->inputs,
                      s->n);
    if (columns != s->l)
        return failed(command, "%s has %zu columns, but the layer has %zu outputs", s->o->targets,
                      columns, s->l);
    return EXIT_OK;
}

/* ---- Work ---- */

static int show_work(void *user, int32_t done, int32_t steps, double explained) {
    session *s = user;
    const size_t all = s->n_points * (size_t)steps, at = s->point * (size_t)steps + (size_t)done;
    const size_t shown = (size_t)((uint64_t)1000 * at / all);

    (void)explained;
    if (shown != s->shown && at < all) show_progress(s->o->quiet, s->stage, at, all);
    s->shown = shown;
    return interrupted;
}

/* Begin a stage of one part; NULL: only end the last one. */
static void begin_stage(session *s, const char *stage) {
    show_progress(s->o->quiet, s->stage, 1, 1);
    s->stage = stage;
    s->point = 0;
    s->n_points = 1;
    s->shown = 0;
    if (stage) show_progress(s->o->quiet, stage, 0, 1);
}

/* Turn a status of the library into an exit status. */
static int outcome(int st) {
    if (interrupted || st == SNNK_E_CANCELLED) return EXIT_CANCELLED;
    return st == SNNK_OK ? EXIT_OK : library_failed(command);
}

static int prepare(session *s) {
    int exit_status = EXIT_OK;

    if (s->o->save) exit_status = check_save(command, s->o->save);
    if (exit_status == EXIT_OK && s->o->plot) exit_status = check_save(command, s->o->plot);
    if (exit_status == EXIT_OK && s->o->plot) exit_status = check_save(command, s->o->csv);
    if (exit_status == EXIT_OK && s->o->plot) exit_status = compress_check_plot();
    if (exit_status == EXIT_OK)
        exit_status = read_rows(s->o->inputs, s->o->quiet, &s->n, &s->d, &s->X);
    if (exit_status == EXIT_OK)
        exit_status = compress_read_teacher(s->o, s->d, &s->hidden, &s->readout);
    if (exit_status != EXIT_OK) return exit_status;
    s->h = snnk_layer_outputs(s->hidden);
    s->l = s->readout ? snnk_layer_outputs(s->readout) : s->h;
    if ((exit_status = read_targets(s)) != EXIT_OK) return exit_status;
    return snnk_workspace_create(s->o->threads, NULL, &s->workspace) == SNNK_OK
               ? EXIT_OK
               : library_failed(command);
}

static int choose_features(session *s, size_t *m) {
    const double share = s->o->share > 0 ? s->o->share : 0.25;

    *m = (size_t)s->o->features;
    if (s->o->features > 0) return EXIT_OK;
    if (s->o->error > 0) begin_stage(s, "sizes");
    return outcome(s->o->error > 0 ? snnk_distill_features_of_error(s->distill, s->o->error, m)
                                   : snnk_distill_features_of_share(s->distill, share, m));
}

/* A student that is larger than the layer itself would be no compression. */
static int check_size(const session *s, size_t m) {
    const double teacher =
        (double)snnk_layer_parameters(s->hidden) + (double)snnk_layer_parameters(s->readout);
    const double student = (double)m * (double)(s->d + 1 + s->l) + (double)s->l;

    if (student < teacher) return EXIT_OK;
    return failed(command, "%zu features have %.0f parameters, but the layer itself has %.0f", m,
                  student, teacher);
}

static int distill(session *s) {
    snnk_distill_config config = s->o->distill;
    size_t m = 0;
    int exit_status;

    config.progress = show_work;
    config.user = s;
    begin_stage(s, "preparing");
    exit_status = outcome(snnk_distill_create(s->hidden, s->readout,
                                              SNNK_ROWS(.n = s->n, .X = s->X, .Y = s->Y), &config,
                                              s->workspace, &s->distill));
    free(s->X); /* the distillation has a copy */
    free(s->Y);
    s->X = s->Y = NULL;
    if (exit_status == EXIT_OK) exit_status = choose_features(s, &m);
    if (exit_status == EXIT_OK) exit_status = check_size(s, m);
    begin_stage(s, config.tier == SNNK_DISTILL_REFINED ? "refining" : "choosing");
    if (exit_status == EXIT_OK)
        exit_status =
            outcome(snnk_distill_solve(s->distill, m, s->workspace, &s->report, &s->student));
    begin_stage(s, NULL);
    return exit_status;
}

/* ---- Sizes for the plot ---- */

static int add_point(session *s, size_t m, bool *more) {
    const size_t room = sizeof s->curve.points / sizeof *s->curve.points;
    snnk_distill_report report = {.size = sizeof report};
    snnk_layer *layer;
    int st;

    st = snnk_distill_solve(s->distill, m, s->workspace, &report, &layer);
    *more = st != SNNK_E_RANGE; /* E_RANGE: fewer features are linearly independent */
    if (!*more) return EXIT_OK;
    snnk_layer_free(layer);
    if (outcome(st) != EXIT_OK) return interrupted ? EXIT_CANCELLED : EXIT_FAILED;
    s->curve.points[s->curve.n].features = m;
    compress_methods_of(&report, s->d, s->h, s->l, s->curve.points[s->curve.n++].methods);
    *more = s->curve.n < room;
    return EXIT_OK;
}

/* Sizes of 8, 16, 32 ... features, and the largest with fewer parameters than the layer. */
static int make_curve(session *s) {
    const double teacher = (double)s->report.parameters_teacher;
    const double fits = (teacher - 1 - (double)s->l) / (double)(s->d + 1 + s->l);
    const size_t most = (size_t)fmin(fits, (double)(s->d + s->h)), least = most < 8 ? 1 : 8;
    bool more = true;
    int exit_status = EXIT_OK;

    begin_stage(s, "sizes");
    for (size_t m = least; m < most; m *= 2) s->n_points++;
    for (size_t m = least; exit_status == EXIT_OK && more; m *= 2, s->point++) {
        if (m >= most) m = most;
        exit_status = add_point(s, m, &more);
        more = more && m < most;
    }
    begin_stage(s, NULL);
    if (exit_status == EXIT_OK && s->curve.n == 0)
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
    cJSON_AddNumberToObject(item, "bytes", 4 * m->parameters);
    cJSON_AddItemToArray(array, item);
}

static void print_json(const session *s, const compress_method methods[METHODS]) {
    const snnk_distill_report *r = &s->report;
    cJSON *json = cJSON_CreateObject(), *array;

    cJSON_AddNumberToObject(json, "inputs", (double)s->d);
    cJSON_AddNumberToObject(json, "hidden", (double)s->h);
    cJSON_AddNumberToObject(json, "outputs", (double)s->l);
    cJSON_AddStringToObject(json, "tier", snnk_distill_tier_name(r->tier));
    cJSON_AddNumberToObject(json, "features", (double)r->features);
    cJSON_AddNumberToObject(json, "linear_features", (double)r->linear_features);
    cJSON_AddNumberToObject(json, "lambda", r->ridge);
    cJSON_AddNumberToObject(json, "epochs", r->epochs);
    cJSON_AddNumberToObject(json, "rows", (double)r->rows);
    cJSON_AddNumberToObject(json, "heldout_rows", (double)r->heldout_rows);
    cJSON_AddBoolToObject(json, "few_rows", r->few_rows);
    cJSON_AddBoolToObject(json, "simpler_is_better", compress_best_simpler(methods) < METHODS);
    array = cJSON_AddArrayToObject(json, "methods");
    for (int k = TEACHER; k < METHODS; k++)
        if (!isnan(methods[k].explained)) add_method(array, k, &methods[k]);
    if (s->o->save) cJSON_AddStringToObject(json, "model", s->o->save);
    if (s->o->plot) cJSON_AddStringToObject(json, "plot", s->o->plot);
    if (s->o->plot) cJSON_AddStringToObject(json, "plot_data", s->o->csv);
    print_json_object(json);
}

static void print_table(const compress_method methods[METHODS]) {
    printf("%-18s %10s %10s %12s %14s %12s\n", "method", "explained", "error", "parameters",
           "multiply-adds", "bytes");
    for (int k = TEACHER; k < METHODS; k++) {
        const compress_method *m = &methods[k];

        if (isnan(m->explained))
            printf("%-18s %10s %10s\n", compress_methods[k], "-", "-");
        else
            printf("%-18s %10.4f %10.4f %12.0f %14.0f %12.0f\n", compress_methods[k], m->explained,
                   compress_relative_error(m), m->parameters, m->multiply_adds, 4 * m->parameters);
    }
}

static void print_text(const session *s, const compress_method methods[METHODS]) {
    const snnk_distill_report *r = &s->report;
    const int simpler = compress_best_simpler(methods);

    print_table(methods);
    printf("\nstudent: %llu features, %llu of them linear, tier %s, lambda %.3g; ",
           (unsigned long long)r->features, (unsigned long long)r->linear_features,
           snnk_distill_tier_name(r->tier), r->ridge);
    if (r->tier == SNNK_DISTILL_REFINED) printf("best after %d epochs; ", (int)r->epochs);
    printf("%llu rows, %llu held out\n", (unsigned long long)r->rows,
           (unsigned long long)r->heldout_rows);
    if (!isnan(methods[SINGULAR_VALUES].explained))
        printf("singular values: their ranks were chosen on held-out rows\n");
    if (simpler < METHODS)
        printf("A simpler replacement does as well: %s explains %.4f. Use that instead.\n",
               compress_methods[simpler], methods[simpler].explained);
    if (r->few_rows)
        printf("There are fewer rows than features to choose from: expect larger errors on other "
               "rows.\n");
    if (s->o->plot) printf("drew %s, numbers in %s\n", s->o->plot, s->o->csv);
    if (s->o->save) printf("saved %s\n", s->o->save);
}

/* ---- The command ---- */

static int make_network(session *s) {
    char from[1024];

    snprintf(from, sizeof from, "%s%s%s", s->o->weight, s->readout ? " " : "",
             s->readout ? s->o->then_weight : "");
    if (snnk_network_create(NULL, &s->network) != SNNK_OK ||
        snnk_network_append(s->network, s->student) != SNNK_OK ||
        snnk_network_set_note(s->network, "task", "regression") != SNNK_OK ||
        snnk_network_set_note(s->network, "compressed", from) != SNNK_OK)
        return library_failed(command);
    return EXIT_OK;
}

/* Write the files and the report, after everything that can fail for other reasons. */
static int finish(session *s) {
    compress_method methods[METHODS];
    int exit_status = make_network(s);

    if (exit_status == EXIT_OK && interrupted) exit_status = EXIT_CANCELLED;
    if (exit_status == EXIT_OK && s->o->plot)
        exit_status = compress_plot(s->o->plot, s->o->csv, &s->curve);
    if (exit_status == EXIT_OK && s->o->save &&
        snnk_network_save(s->network, s->o->save, SNNK_SAVE_ROWS) != SNNK_OK) {
        exit_status = library_failed(command);
        if (s->o->plot) compress_plot_drop(s->o->plot, s->o->csv);
    }
    if (exit_status == EXIT_OK && s->o->plot)
        exit_status = compress_plot_keep(s->o->plot, s->o->csv);
    if (exit_status != EXIT_OK) return exit_status;
    compress_methods_of(&s->report, s->d, s->h, s->l, methods);
    if (s->o->json)
        print_json(s, methods);
    else
        print_text(s, methods);
    return EXIT_OK;
}

static void session_free(session *s) {
    snnk_distill_free(s->distill);
    snnk_network_free(s->network);
    snnk_layer_free(s->student);
    snnk_layer_free(s->hidden);
    snnk_layer_free(s->readout);
    snnk_workspace_free(s->workspace);
    free(s->X);
    free(s->Y);
}

int compress_command(int argc, char **argv) {
    compress_options o;
    session s = {.o = &o};
    int exit_status = compress_options_read(argc, argv, &o);

    if (exit_status != EXIT_OK) return exit_status;
    if (o.help) {
        fputs(compress_help, stdout);
        return EXIT_OK;
    }
    catch_interrupts();
    s.report.size = sizeof s.report;
    exit_status = prepare(&s);
    if (exit_status == EXIT_OK) exit_status = distill(&s);
    if (exit_status == EXIT_OK && o.plot) exit_status = make_curve(&s);
    if (exit_status == EXIT_OK) exit_status = finish(&s);
    if (exit_status == EXIT_CANCELLED) print_error(command, "cancelled");
    session_free(&s);
    return exit_status;
}
