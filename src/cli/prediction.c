#include "cli/prediction.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/console.h"
#include "cli/csv_field.h"

/* The prediction of one row, and room for it. */
typedef struct prediction {
    const model_use *use;
    const snnk_uncertainty *uncertainty; /* NULL if nothing of it is wanted */
    const double *scores;
    size_t best;           /* the class with the largest score */
    double *probabilities; /* outputs */
    double *lower, *upper; /* outputs */
    uint8_t *set;          /* outputs */
} prediction;

static bool ends_in(const char *path, const char *ending) {
    const size_t n = strlen(path), m = strlen(ending);

    return n >= m && strcmp(path + n - m, ending) == 0;
}

bool prediction_can_save(const char *path) {
    struct stat there;

    if (ends_in(path, ".csv") || ends_in(path, ".npy")) return true;
    return stat(path, &there) == 0 && !S_ISREG(there.st_mode) && !S_ISDIR(there.st_mode);
}

static bool wants_uncertainty(const model_use *use) {
    return use->probabilities || use->coverage > 0;
}

/* Whether CSV is written, to stdout or a file. */
static bool writes_csv(const model_use *use) {
    return use->out ? ends_in(use->out, ".csv") : !use->json;
}

/* Refuse CSV with two columns of one name, or sets that could be read in two ways. */
static int check_names(const char *command, const model_use *use) {
    const char *target = snnk_network_note(use->network, "target");
    const bool columns = use->scores || use->probabilities, sets = use->coverage > 0;

    if (!writes_csv(use)) return EXIT_OK;
    for (size_t k = 0; use->task.classification && k < use->task.outputs; k++) {
        const char *name = use->task.classes[k];

        if (columns && (strcmp(name, "class") == 0 || (sets && strcmp(name, "set") == 0)))
            return failed(
                command,
                "the model has a class named \"%s\", so two columns of the CSV would have "
                "that name: use --json, without --out",
                name);
        if (sets && strchr(name, SET_SEPARATOR))
            return failed(command,
                          "the model has a class named \"%s\", but %c separates the classes of a "
                          "set in CSV: use --json, without --out",
                          name, SET_SEPARATOR);
    }
    if (!use->task.classification && use->task.outputs == 1 && sets && target &&
        (strcmp(target, "lower") == 0 || strcmp(target, "upper") == 0))
        return failed(command,
                      "the target is named \"%s\", so two columns of the CSV would have that name: "
                      "use --json, without --out",
                      target);
    return EXIT_OK;
}

int prediction_check(const char *command, const model_use *use) {
    const snnk_uncertainty *u = snnk_network_uncertainty(use->network);
    double number;

    if (use->probabilities && !use->task.classification)
        return failed(command,
                      "--probabilities needs the model of a classification, but %s is that of a "
                      "regression: use --interval",
                      use->path);
    if (use->scores && !use->task.classification)
        return failed(command,
                      "--scores needs the model of a classification, but %s is that of a "
                      "regression, which predicts values",
                      use->path);
    if (check_names(command, use) != EXIT_OK) return EXIT_FAILED;
    if (!wants_uncertainty(use)) return EXIT_OK;
    if (!u)
        return failed(command, "%s does not hold its uncertainty, which %s needs: " NO_UNCERTAINTY,
                      use->path, use->coverage > 0 ? "--interval" : "--probabilities");
    if (use->coverage == 0) return EXIT_OK;
    const int st = use->task.classification ? snnk_uncertainty_threshold(u, use->coverage, &number)
                                            : snnk_uncertainty_radius(u, 0, use->coverage, &number);
    return st == SNNK_OK ? EXIT_OK : library_failed(command);
}

/* ---- One row ---- */

static void free_room(prediction *p) {
    free(p->probabilities);
    free(p->lower);
    free(p->upper);
    free(p->set);
}

static bool make_room(const model_use *use, prediction *p) {
    const size_t l = use->task.outputs;

    *p = (prediction){.use = use};
    if (wants_uncertainty(use)) p->uncertainty = snnk_network_uncertainty(use->network);
    p->probabilities = calloc(l, sizeof *p->probabilities);
    p->lower = calloc(l, sizeof *p->lower);
    p->upper = calloc(l, sizeof *p->upper);
    p->set = calloc(l, sizeof *p->set);
    return p->probabilities && p->lower && p->upper && p->set;
}

/* Make the prediction that of a row with these scores. Returns a status of the library. */
static int set_row(prediction *p, const double *scores) {
    const model_use *use = p->use;
    const size_t l = use->task.outputs;
    int st = SNNK_OK;

    p->scores = scores;
    if (use->task.classification) p->best = largest_score(l, scores);
    if (use->probabilities)
        st = snnk_uncertainty_probabilities(p->uncertainty, 1, scores, l, p->probabilities, l);
    if (st != SNNK_OK || use->coverage == 0) return st;
    if (use->task.classification)
        return snnk_uncertainty_sets(p->uncertainty, use->coverage, 1, scores, l, p->set, l);
    return snnk_uncertainty_intervals(p->uncertainty, use->coverage, 1, scores, l, p->lower, l,
                                      p->upper, l);
}

/* The number of each class that is wanted: its score or its probability; NULL if none is. */
static const double *class_numbers(const prediction *p) {
    if (p->use->probabilities) return p->probabilities;
    return p->use->scores ? p->scores : NULL;
}

/* ---- CSV ---- */

static void write_class_header(FILE *file, const prediction *p) {
    const task *what = &p->use->task;

    fputs("class", file);
    for (size_t k = 0; (p->use->scores || p->use->probabilities) && k < what->outputs; k++) {
        putc(',', file);
        put_csv_field(file, what->classes[k]);
    }
    if (p->use->coverage > 0) fputs(",set", file);
}

static void write_value_header(FILE *file, const prediction *p) {
    const size_t l = p->use->task.outputs;
    const char *target = snnk_network_note(p->use->network, "target");

    for (size_t k = 0; k < l; k++) {
        if (k > 0) putc(',', file);
        if (l == 1 && target)
            put_csv_field(file, target);
        else
            fprintf(file, "y%zu", k);
        if (p->use->coverage == 0) continue;
        if (l == 1)
            fputs(",lower,upper", file);
        else
            fprintf(file, ",lower%zu,upper%zu", k, k);
    }
}

static void write_set(FILE *file, const prediction *p) {
    char *const *names = p->use->task.classes;
    bool plain = true, first = true;

    for (size_t k = 0; k < p->use->task.outputs; k++)
        if (p->set[k]) plain = plain && csv_is_plain(names[k]);
    if (!plain) putc('"', file);
    for (size_t k = 0; k < p->use->task.outputs; k++) {
        if (!p->set[k]) continue;
        if (!first) putc(SET_SEPARATOR, file);
        first = false;
        if (plain)
            fputs(names[k], file);
        else
            put_csv_inside(file, names[k]);
    }
    if (!plain) putc('"', file);
}

static void write_row(FILE *file, const prediction *p) {
    const size_t l = p->use->task.outputs;

    if (p->use->task.classification) {
        const double *numbers = class_numbers(p);

        put_csv_field(file, p->use->task.classes[p->best]);
        for (size_t k = 0; numbers && k < l; k++) fprintf(file, ",%.9g", numbers[k]);
        if (p->use->coverage > 0) {
            putc(',', file);
            write_set(file, p);
        }
    } else {
        for (size_t k = 0; k < l; k++) {
            fprintf(file, "%s%.12g", k ? "," : "", p->scores[k]);
            if (p->use->coverage > 0) fprintf(file, ",%.12g,%.12g", p->lower[k], p->upper[k]);
        }
    }
    putc('\n', file);
}

/* Returns the exit status. */
static int write_csv(const char *command, FILE *file, prediction *p, const double *scores) {
    if (p->use->task.classification)
        write_class_header(file, p);
    else
        write_value_header(file, p);
    putc('\n', file);
    for (size_t i = 0; i < p->use->data.rows; i++) {
        if (interrupted) return EXIT_CANCELLED;
        if (set_row(p, scores + i * p->use->task.outputs) != SNNK_OK)
            return library_failed(command);
        write_row(file, p);
    }
    return EXIT_OK;
}

/* ---- Files ---- */

/* Write CSV to a new file beside the old one, which it replaces when it is complete. */
static int save_csv(const char *command, prediction *p, const double *scores) {
    const char *path = p->use->out;
    char *part = malloc(strlen(path) + sizeof ".part");
    int exit_status = EXIT_OK;

    if (!part) return failed(command, "out of memory");
    sprintf(part, "%s.part", path);
    remove_when_stopped(part);
    FILE *file = fopen(part, "w");
    if (!file) {
        exit_status = failed(command, "%s cannot be created: %s", path, strerror(errno));
    } else {
        exit_status = write_csv(command, file, p, scores);
        const bool full = ferror(file) != 0, closed = fclose(file) == 0;
        if (exit_status == EXIT_OK && (full || !closed || rename(part, path) != 0))
            exit_status = failed(command, "%s cannot be written", path);
        if (exit_status != EXIT_OK) remove(part);
    }
    free(part);
    return exit_status;
}

/* How many numbers .npy has for each row. */
static size_t npy_columns(const model_use *use) {
    if (use->task.classification) return use->task.outputs * (use->coverage > 0 ? 2 : 1);
    return use->task.outputs * (use->coverage > 0 ? 3 : 1);
}

/* Scores or probabilities, and 1 or 0 for each class that is in the set or not; or each value with
 * lower and upper. */
static void npy_row(const prediction *p, double *row) {
    const size_t l = p->use->task.outputs;
    const bool more = p->use->coverage > 0;

    for (size_t k = 0; k < l; k++) {
        if (p->use->task.classification) {
            row[k] = p->use->probabilities ? p->probabilities[k] : p->scores[k];
            if (more) row[l + k] = p->set[k];
        } else if (more) {
            row[3 * k] = p->scores[k];
            row[3 * k + 1] = p->lower[k];
            row[3 * k + 2] = p->upper[k];
        } else {
            row[k] = p->scores[k];
        }
    }
}

static int save_npy(const char *command, prediction *p, const double *scores) {
    const model_use *use = p->use;
    const size_t columns = npy_columns(use), rows = use->data.rows;
    double *all = calloc(rows + 1, columns * sizeof *all);
    float *floats = use->task.classification ? calloc(rows + 1, columns * sizeof *floats) : NULL;
    int st = all && (floats || !use->task.classification)
                 ? SNNK_OK
                 : snnk_fail(SNNK_E_NOMEM, "out of memory");

    for (size_t i = 0; st == SNNK_OK && i < rows; i++)
        if ((st = set_row(p, scores + i * use->task.outputs)) == SNNK_OK)
            npy_row(p, all + i * columns);
    if (st == SNNK_OK && use->task.classification) {
        for (size_t i = 0; i < rows * columns; i++) floats[i] = (float)all[i];
        st = snnk_table_save_npy(use->out, rows, columns, floats, columns);
    } else if (st == SNNK_OK) {
        st = snnk_table_save_npy_f64(use->out, rows, columns, all, columns);
    }
    free(floats);
    free(all);
    return st == SNNK_OK ? EXIT_OK : library_failed(command);
}

/* ---- JSON ---- */

static void add_numbers(cJSON *rows, size_t n, const double *numbers) {
    cJSON *row = cJSON_CreateArray();

    for (size_t k = 0; k < n; k++) cJSON_AddItemToArray(row, cJSON_CreateNumber(numbers[k]));
    cJSON_AddItemToArray(rows, row);
}

static void add_set(cJSON *rows, const prediction *p) {
    cJSON *row = cJSON_CreateArray();

    for (size_t k = 0; k < p->use->task.outputs; k++)
        if (p->set[k]) cJSON_AddItemToArray(row, cJSON_CreateString(p->use->task.classes[k]));
    cJSON_AddItemToArray(rows, row);
}

static int add_class_rows(cJSON *json, prediction *p, const double *scores) {
    const size_t l = p->use->task.outputs;
    cJSON *classes = cJSON_AddArrayToObject(json, "classes"), *numbers = NULL, *sets = NULL;

    if (p->use->scores) numbers = cJSON_AddArrayToObject(json, "scores");
    if (p->use->probabilities) numbers = cJSON_AddArrayToObject(json, "probabilities");
    if (p->use->coverage > 0) sets = cJSON_AddArrayToObject(json, "sets");
    for (size_t i = 0; i < p->use->data.rows; i++) {
        const int st = set_row(p, scores + i * l);

        if (st != SNNK_OK) return st;
        cJSON_AddItemToArray(classes, cJSON_CreateString(p->use->task.classes[p->best]));
        if (numbers) add_numbers(numbers, l, class_numbers(p));
        if (sets) add_set(sets, p);
    }
    return SNNK_OK;
}

static int add_value_rows(cJSON *json, prediction *p, const double *scores) {
    const size_t l = p->use->task.outputs;
    cJSON *values = cJSON_AddArrayToObject(json, "values"), *lower = NULL, *upper = NULL;

    if (p->use->coverage > 0) {
        lower = cJSON_AddArrayToObject(json, "lower");
        upper = cJSON_AddArrayToObject(json, "upper");
    }
    for (size_t i = 0; i < p->use->data.rows; i++) {
        const int st = set_row(p, scores + i * l);

        if (st != SNNK_OK) return st;
        add_numbers(values, l, p->scores);
        if (!lower) continue;
        add_numbers(lower, l, p->lower);
        add_numbers(upper, l, p->upper);
    }
    return SNNK_OK;
}

static int print_json(const char *command, prediction *p, const double *scores) {
    cJSON *json = cJSON_CreateObject();
    int st = SNNK_OK;

    cJSON_AddNumberToObject(json, "rows", (double)p->use->data.rows);
    if (p->use->out)
        cJSON_AddStringToObject(json, "out", p->use->out);
    else
        st = p->use->task.classification ? add_class_rows(json, p, scores)
                                         : add_value_rows(json, p, scores);
    if (st == SNNK_OK) {
        print_json_object(json);
        return EXIT_OK;
    }
    cJSON_Delete(json);
    return library_failed(command);
}

int prediction_write(const char *command, const model_use *use, const double *scores) {
    prediction p;
    int exit_status = make_room(use, &p) ? EXIT_OK : failed(command, "out of memory");

    if (exit_status == EXIT_OK && use->out)
        exit_status = ends_in(use->out, ".csv") ? save_csv(command, &p, scores)
                                                : save_npy(command, &p, scores);
    if (exit_status == EXIT_OK && use->json)
        exit_status = print_json(command, &p, scores);
    else if (exit_status == EXIT_OK && !use->out)
        exit_status = write_csv(command, stdout, &p, scores);
    free_room(&p);
    return exit_status;
}
