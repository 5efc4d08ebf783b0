#include <math.h>
#include <stdio.h>

#include "cli/train_session.h"

/* With fewer held-out rows than this, the best epoch is a matter of chance. */
enum { FEW_HELDOUT = 20 };

/* ---- JSON ---- */

static void add_curve(const train_session *s, cJSON *json) {
    cJSON *curve = cJSON_AddArrayToObject(json, "curve");

    for (size_t k = 0; k < s->n_epochs; k++) {
        const snnk_train_epoch *e = &s->epochs[k];
        cJSON *item = cJSON_CreateObject();

        cJSON_AddNumberToObject(item, "epoch", (double)(k + 1));
        cJSON_AddNumberToObject(item, "loss", e->loss);
        cJSON_AddNumberToObject(item, "heldout_loss", e->heldout_loss);
        if (s->task.classification) cJSON_AddNumberToObject(item, "accuracy", e->accuracy);
        cJSON_AddNumberToObject(item, "rate", e->rate);
        cJSON_AddItemToArray(curve, item);
    }
}

static void add_test(const train_session *s, const evaluation *test, cJSON *json) {
    cJSON *item = cJSON_AddObjectToObject(json, "test");

    cJSON_AddNumberToObject(item, "rows", (double)test->rows);
    if (s->task.classification) {
        cJSON_AddNumberToObject(item, "accuracy", test->accuracy);
    } else {
        cJSON_AddNumberToObject(item, "rmse", test->rmse);
        cJSON_AddNumberToObject(item, "mae", test->mae);
        cJSON_AddNumberToObject(item, "r2", test->r2);
    }
}

static void add_path(const char *key, const char *path, cJSON *json) {
    if (path)
        cJSON_AddStringToObject(json, key, path);
    else
        cJSON_AddNullToObject(json, key);
}

static void add_settings(const train_session *s, cJSON *json) {
    const snnk_train_config *c = &s->o->config;
    const char *scaling = snnk_network_note(s->network, "scaling");
    char seed[24];

    cJSON_AddStringToObject(json, "layers", s->layers);
    cJSON_AddBoolToObject(json, "rows_learn", train_get_map_rows(s) == TRAIN_MAP_ROWS_LEARN);
    add_path("start", s->o->model, json);
    add_path("scaling", scaling, json);
    cJSON_AddStringToObject(json, "optimizer", snnk_optimizer_name(c->optimizer));
    cJSON_AddNumberToObject(json, "rate", c->rate);
    cJSON_AddStringToObject(json, "products", snnk_storage_name(s->report.products));
    cJSON_AddStringToObject(json, "schedule", snnk_schedule_name(c->schedule));
    cJSON_AddNumberToObject(json, "batch", (double)c->batch);
    if (s->rows.window > 0)
        cJSON_AddNumberToObject(json, "window", (double)s->rows.window);
    else
        cJSON_AddNullToObject(json, "window");
    cJSON_AddStringToObject(json, "loss_function", snnk_loss_name(c->loss));
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)c->seed); /* all 64 bits */
    cJSON_AddRawToObject(json, "seed", seed);
    cJSON_AddNumberToObject(json, "threads", (double)s->o->threads);
}

static void print_json(const train_session *s, const evaluation *test) {
    const snnk_train_report *r = &s->report;
    cJSON *json = cJSON_CreateObject();

    task_add_json(&s->task, json);
    cJSON_AddNumberToObject(json, "parameters", (double)snnk_network_parameters(s->network));
    cJSON_AddNumberToObject(json, "trained_parameters", (double)r->parameters);
    cJSON_AddNumberToObject(json, "inputs", (double)s->train.n_inputs);
    cJSON_AddNumberToObject(json, "train_rows", (double)r->rows);
    cJSON_AddNumberToObject(json, "heldout_rows", (double)r->heldout_rows);
    cJSON_AddNumberToObject(json, "epochs", (double)r->epochs);
    if (s->o->resume) cJSON_AddNumberToObject(json, "resumed_epochs", (double)s->resumed);
    cJSON_AddNumberToObject(json, "steps", (double)r->steps);
    cJSON_AddNumberToObject(json, "best_epoch", (double)r->best_epoch);
    cJSON_AddBoolToObject(json, "stopped", r->stopped);
    cJSON_AddBoolToObject(json, "solved", r->solved);
    cJSON_AddNumberToObject(json, "seconds", s->seconds);
    cJSON_AddNumberToObject(json, "first_loss", r->first_loss);
    cJSON_AddNumberToObject(json, "loss", r->loss);
    cJSON_AddNumberToObject(json, "heldout_loss", r->heldout_loss);
    if (s->task.classification) {
        cJSON_AddNumberToObject(json, "first_accuracy", s->first_accuracy);
        cJSON_AddNumberToObject(json, "accuracy", s->heldout.accuracy);
    } else {
        cJSON_AddNumberToObject(json, "r2", s->heldout.r2);
        cJSON_AddNumberToObject(json, "rmse", s->heldout.rmse);
    }
    cJSON_AddBoolToObject(json, "uncertainty", snnk_network_uncertainty(s->network) != NULL);
    dataset_add_constants(&s->train, json);
    dataset_add_mixed(&s->train, json);
    add_settings(s, json);
    if (test) add_test(s, test, json);
    add_path("model", s->o->save, json);
    if (s->o->plot) add_path("plot", s->o->plot, json);
    if (s->o->plot) add_path("plot_data", s->o->csv, json);
    if (s->o->checkpoint) add_path("checkpoint", s->o->checkpoint, json);
    add_curve(s, json);
    print_json_object(json);
}

/* ---- Text ---- */

/* Print a number in a column, or a hyphen. */
static void print_number(double number) {
    if (isnan(number))
        printf(" %15s", "-");
    else
        printf(" %15.5g", number);
}

/* Print a line of the table. epoch: from 1; 0: the start */
static void print_epoch(const train_session *s, size_t epoch, const char *what) {
    const snnk_train_epoch *e = epoch > 0 ? &s->epochs[epoch - 1] : NULL;
    char name[32];

    if (epoch == 0)
        snprintf(name, sizeof name, "start");
    else
        snprintf(name, sizeof name, "epoch %zu", epoch);
    printf("%-13s", name);
    print_number(e ? e->loss : (double)NAN);
    print_number(e ? e->heldout_loss : s->report.first_loss);
    if (s->task.classification) print_number(e ? e->accuracy : s->first_plain_accuracy);
    printf("%s%s\n", *what ? "  " : "", what);
}

static void print_table(const train_session *s) {
    const size_t best = (size_t)s->report.best_epoch, last = s->n_epochs;
    const char *const kept = s->report.solved ? "kept, then solved" : "kept";

    printf("%-13s %15s %15s", "", "loss", "held-out loss");
    printf(s->task.classification ? " %15s\n" : "\n", "accuracy");
    if (s->rows.n_heldout > 0 && s->resumed == 0) print_epoch(s, 0, best == 0 ? kept : "");
    if (best > 1 && last > 1) print_epoch(s, 1, "");
    if (best > 0 && best < last) print_epoch(s, best, kept);
    if (last > 0) print_epoch(s, last, best == last ? kept : "");
}

/* Print the accuracy on held-out rows, and what it counts: the table, as the library, counts each
 * row once. */
static void print_accuracy(const train_session *s) {
    const bool balanced = s->task.class_weights != NULL, weighted = s->train.weights != NO_COLUMN;
    const unsigned long long n = s->report.heldout_rows;

    printf("held-out      accuracy %.4f on %llu rows", s->heldout.accuracy, n);
    if (balanced || weighted)
        printf(", %s%s%s;\n              %.4f if each row counts once, as in the table",
               balanced ? "all classes counting the same" : "", balanced && weighted ? " and " : "",
               weighted ? "rows by their weights" : "", s->heldout.plain_accuracy);
    puts("");
}

static void print_scores(const train_session *s, const evaluation *test) {
    const unsigned long long n = s->report.heldout_rows;

    if (n == 0)
        puts("note          no rows were held out: nothing tells when the network learned enough");
    else if (s->task.classification)
        print_accuracy(s);
    else
        printf("held-out      rmse %.6g, R2 %.4f on %llu rows\n", s->heldout.rmse, s->heldout.r2,
               n);
    if (test && s->task.classification)
        printf("test          accuracy %.4f on %zu rows%s\n", test->accuracy, test->rows,
               s->task.class_weights && s->test.weights == NO_COLUMN ? ", each counting once" : "");
    if (test && !s->task.classification) {
        printf("test          ");
        evaluation_print_errors(test);
    }
}

static void print_frozen(const train_options *o) {
    printf("frozen        %s", o->n_frozen == 1 ? "layer" : "layers");
    for (size_t k = 0; k < o->n_frozen; k++) printf("%s %zu", k > 0 ? "," : "", o->frozen[k]);
    puts("");
}

static void print_text(const train_session *s, const evaluation *test) {
    static const char *const map_rows[] = {"", " (rows of features are fixed)",
                                           " (rows of features too)"};
    const snnk_train_report *r = &s->report;
    const snnk_train_config *c = &s->o->config;

    task_print(&s->task);
    printf("network       %s%s%s\n", s->layers, s->o->model ? ", from " : "",
           s->o->model ? s->o->model : "");
    printf("numbers       %llu stored, %llu of them learned%s\n",
           (unsigned long long)snnk_network_parameters(s->network),
           (unsigned long long)r->parameters, map_rows[train_get_map_rows(s)]);
    if (s->o->n_frozen > 0) print_frozen(s->o);
    printf("trained       on %llu rows (%llu more held out) of %zu inputs, in %.1f s\n",
           (unsigned long long)r->rows, (unsigned long long)r->heldout_rows, s->train.n_inputs,
           s->seconds);
    if (c->optimizer == SNNK_OPTIMIZER_LBFGS)
        printf("steps         %llu by lbfgs, on all rows\n", (unsigned long long)r->steps);
    else
        printf("steps         %llu by %s, each of %llu rows, rate %g (%s)\n",
               (unsigned long long)r->steps, snnk_optimizer_name(c->optimizer),
               (unsigned long long)c->batch, c->rate, snnk_schedule_name(c->schedule));
    if (s->rows.window > 0)
        printf("window        %zu of the rows to learn from are in memory at a time\n",
               s->rows.window);
    if (s->o->resume) printf("resumed       after %zu epochs, from %s\n", s->resumed, s->o->resume);
    if (r->stopped)
        printf("stopped       after %llu epochs without a smaller held-out loss\n",
               (unsigned long long)(r->epochs - r->best_epoch));
    dataset_print_mixed(&s->train);
    dataset_print_constants(&s->train);
    dataset_print_index(&s->train);
    printf("loss          %s%s\n", snnk_loss_name(c->loss),
           s->rows.targets.mean ? ", of targets in standard deviations" : "");
    print_table(s);
    if (train_is_unchanged(s))
        puts("note          no epoch was better than the model, which stays as it was. It may have "
             "learned from\n              the held-out rows before: --heldout 0 trains without "
             "them");
    else if (s->report.best_epoch == 0 && s->report.heldout_rows > 0)
        puts(
            "note          no epoch was better than the random numbers at the start, and these are "
            "the model:\n              try another --rate, more rows, or --heldout 0");
    else if (s->report.heldout_rows > 0 && s->report.heldout_rows < FEW_HELDOUT)
        printf(
            "note          the epoch was chosen by %llu held-out rows only: --heldout 0 takes the "
            "last one\n",
            (unsigned long long)s->report.heldout_rows);
    print_scores(s, test);
    if (!snnk_network_uncertainty(s->network))
        printf("uncertainty   none: %s\n",
               s->o->model ? "the model may have learned from the rows that are held out"
                           : "too few rows are held out");
    if (s->o->plot) printf("drew          %s, numbers in %s\n", s->o->plot, s->o->csv);
    if (s->o->save) printf("saved         %s\n", s->o->save);
}

void train_report_print(const train_session *s, const evaluation *test) {
    if (s->o->json)
        print_json(s, test);
    else
        print_text(s, test);
}
