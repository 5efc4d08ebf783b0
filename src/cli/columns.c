#define _POSIX_C_SOURCE 200809L
#include "cli/columns.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "cli/console.h"
#include "cli/options.h"

/* What a column is for. */
typedef enum role {
    ROLE_NONE,
    ROLE_DROPPED,
    ROLE_INPUT,
    ROLE_WEIGHTS,
    ROLE_GROUP,
    ROLE_TARGET
} role;

static const char *const role_names[] = {"",         "dropped", "an input",
                                         "a weight", "a group", "the target"};

static bool is_csv(const snnk_table *table) { return snnk_table_column_name(table, 0) != NULL; }

/* The index of the column with a name or, if none has it, with a number from 1; the number of
 * columns if there is no such column. */
static size_t find_column(const snnk_table *table, const char *text) {
    const size_t n = snnk_table_columns(table);
    size_t number;

    for (size_t k = 0; k < n; k++) {
        const char *name = snnk_table_column_name(table, k);
        if (name && strcmp(name, text) == 0) return k;
    }
    return read_size(text, &number) && number >= 1 && number <= n ? number - 1 : n;
}

const char *column_name(const snnk_table *table, size_t column, char *buffer) {
    const char *name = snnk_table_column_name(table, column);

    if (name) return name;
    snprintf(buffer, 32, "%zu", column + 1);
    return buffer;
}

int columns_check_names(const char *command, const char *path, const snnk_table *table) {
    for (size_t k = 0; is_csv(table) && k < snnk_table_columns(table); k++) {
        const char *name = snnk_table_column_name(table, k);

        if (find_column(table, name) != k)
            return failed(command, "%s has two columns \"%s\"", path, name);
    }
    return EXIT_OK;
}

/* ---- Columns that are not there ---- */

#define NEEDED ", which the model needs"

/* Whether two names are the same without blanks, in any case. */
static bool similar(const char *a, const char *b) {
    for (;; a++, b++) {
        while (isspace((unsigned char)*a)) a++;
        while (isspace((unsigned char)*b)) b++;
        if (tolower((unsigned char)*a) != tolower((unsigned char)*b)) return false;
        if (!*a) return true;
    }
}

/* List the first columns of a CSV. */
static void list_columns(const snnk_table *table, size_t bytes, char *text) {
    enum { MOST = 8 };
    const size_t n = snnk_table_columns(table);
    size_t used = 0;

    *text = '\0';
    for (size_t k = 0; k < n && k < MOST && used + 48 < bytes; k++)
        used += (size_t)snprintf(text + used, bytes - used, "%s\"%.40s\"", k ? ", " : "",
                                 snnk_table_column_name(table, k));
    if (n > MOST) snprintf(text + used, bytes - used, ", ... (%zu in all)", n);
}

int columns_fail_missing(const char *command, const dataset *data, const char *name,
                         const char *needed) {
    const snnk_table *table = data->inputs;
    char list[512];

    if (!is_csv(table))
        return failed(command, "%s has no column \"%s\"%s, only %zu", data->path, name, needed,
                      snnk_table_columns(table));
    if (!snnk_table_has_header(table))
        return failed(command, "%s has no column \"%s\"%s (its first line is no header)",
                      data->path, name, needed);
    for (size_t k = 0; k < snnk_table_columns(table); k++)
        if (similar(snnk_table_column_name(table, k), name))
            return failed(
                command, "%s has no column \"%s\"%s, but \"%s\", which differs in case or blanks%s",
                data->path, name, needed, snnk_table_column_name(table, k),
                *needed ? ": rename it" : "");
    list_columns(table, sizeof list, list);
    return failed(command, "%s has no column \"%s\"%s: its columns are %s", data->path, name,
                  needed, list);
}

int columns_check_encoder(const char *command, const snnk_encoder *encoder, const dataset *data) {
    for (size_t k = 0; is_csv(data->inputs) && k < snnk_encoder_columns(encoder); k++) {
        const char *name = snnk_encoder_column_name(encoder, k);

        if (!name || snnk_encoder_column_encoding(encoder, k) == SNNK_ENCODING_CONSTANT) continue;
        /* Names that are numbers may be those of a table without a header: no such fallback. */
        size_t j = 0;
        while (j < snnk_table_columns(data->inputs) &&
               strcmp(snnk_table_column_name(data->inputs, j), name) != 0)
            j++;
        if (j == snnk_table_columns(data->inputs))
            return columns_fail_missing(command, data, name, NEEDED);
    }
    return EXIT_OK;
}

/* ---- Roles ---- */

/* Give a role to the column with a name, unless it has another one. */
static int give_role(const char *command, const dataset *data, const char *text, role wanted,
                     unsigned char *roles, size_t *column) {
    const size_t found = find_column(data->inputs, text);
    char number[32];

    if (found == snnk_table_columns(data->inputs))
        return columns_fail_missing(command, data, text, "");
    if (roles[found] != ROLE_NONE && roles[found] != wanted)
        return failed(command, "%s: column \"%s\" cannot be both %s and %s", data->path,
                      column_name(data->inputs, found, number), role_names[roles[found]],
                      role_names[wanted]);
    roles[found] = (unsigned char)wanted;
    if (column) *column = found;
    return EXIT_OK;
}

/* Cut the next entry out of a list with commas: *list moves on, NULL after the last one. An entry
 * may be in double quotes, and then have commas. */
static char *next_entry(char **list) {
    char *entry = *list, *end;

    if (*entry == '"' && (end = strchr(entry + 1, '"')) != NULL && (end[1] == ',' || !end[1])) {
        *list = end[1] ? end + 2 : NULL;
        *end = '\0';
        return entry + 1;
    }
    if ((end = strchr(entry, ',')) != NULL) *end = '\0';
    *list = end ? end + 1 : NULL;
    return entry;
}

static int give_roles(const char *command, const dataset *data, const char *list, role wanted,
                      unsigned char *roles) {
    char *copy = strdup(list), *rest = copy;
    int exit_status = copy ? EXIT_OK : failed(command, "out of memory");

    while (exit_status == EXIT_OK && rest)
        exit_status = give_role(command, data, next_entry(&rest), wanted, roles, NULL);
    free(copy);
    return exit_status;
}

/* Find the target column of a CSV: by its name, or the last that is nothing else. */
static int choose_target(const char *command, const data_files *files, unsigned char *roles,
                         dataset *data) {
    size_t last = snnk_table_columns(data->inputs);

    if (!is_csv(data->inputs))
        return failed(command, "%s is not a CSV: give inputs and labels as two files", data->path);
    if (last < 2 && !files->target)
        return failed(command, "%s has only one column, the target: inputs are missing%s",
                      data->path,
                      strchr(snnk_table_column_name(data->inputs, 0), ' ')
                          ? ". If spaces separate its columns, use --separator ' '"
                          : "");
    data->targets = data->inputs;
    data->n_targets = 1;
    if (files->target)
        return give_role(command, data, files->target, ROLE_TARGET, roles, &data->target);
    while (last > 0 && roles[last - 1] != ROLE_NONE) last--;
    if (last == 0) return failed(command, "%s: no column is left for the target", data->path);
    data->target = last - 1;
    data->by_default = true;
    roles[last - 1] = ROLE_TARGET;
    return EXIT_OK;
}

/* ---- Inputs ---- */

/* Find the columns that a model was fitted on: by their names, or by the numbers from 1 of those
 * that had no names. */
static int choose_wanted(const char *command, const char *wanted, const unsigned char *roles,
                         dataset *data) {
    cJSON *names = cJSON_Parse(wanted), *item;
    int exit_status = EXIT_OK;

    if (!cJSON_IsArray(names))
        exit_status = failed(command, "the column names in the model are damaged");
    cJSON_ArrayForEach(item, names) {
        const size_t all = snnk_table_columns(data->inputs);
        char text[32];
        size_t column;

        if (exit_status != EXIT_OK) break;
        snprintf(text, sizeof text, "%.0f", cJSON_IsNumber(item) ? item->valuedouble : 0);
        const char *name = cJSON_IsString(item) ? item->valuestring : text;
        column = find_column(data->inputs, name);
        if (cJSON_IsNumber(item)) column = item->valueint < 1 ? all : (size_t)item->valueint - 1;
        if (column >= all)
            exit_status = columns_fail_missing(command, data, name, NEEDED);
        else if (roles[column] == ROLE_TARGET)
            exit_status = failed(
                command, "%s: column \"%s\" is an input of the model and cannot be the target",
                data->path, name);
        else if (data->n_inputs == all)
            exit_status = failed(command, "the column names in the model are damaged");
        else
            data->columns[data->n_inputs++] = column;
    }
    cJSON_Delete(names);
    return exit_status;
}

/* Use the columns of --columns, or all that have no other role. */
static int choose_inputs(const char *command, role wanted, const unsigned char *roles,
                         dataset *data) {
    for (size_t k = 0; k < snnk_table_columns(data->inputs); k++)
        if (roles[k] == wanted) data->columns[data->n_inputs++] = k;
    if (data->n_inputs == 0) return failed(command, "%s: no column is left as input", data->path);
    return EXIT_OK;
}

/* Whether the names or numbers of columns in a model's notes apply to this table: numbers do to
 * every table. */
static bool applies(const char *wanted, const snnk_table *table) {
    return wanted && (is_csv(table) || !strchr(wanted, '"'));
}

static int choose(const char *command, const data_files *files, const char *wanted, bool encoded,
                  unsigned char *roles, dataset *data) {
    int exit_status = EXIT_OK;

    if (files->columns) exit_status = give_roles(command, data, files->columns, ROLE_INPUT, roles);
    if (exit_status == EXIT_OK && files->drop)
        exit_status = give_roles(command, data, files->drop, ROLE_DROPPED, roles);
    if (exit_status == EXIT_OK && files->weights)
        exit_status = give_role(command, data, files->weights, ROLE_WEIGHTS, roles, &data->weights);
    if (exit_status == EXIT_OK && files->group)
        exit_status = give_role(command, data, files->group, ROLE_GROUP, roles, &data->group);
    if (exit_status == EXIT_OK && files->table)
        exit_status = choose_target(command, files, roles, data);
    if (exit_status != EXIT_OK || encoded) return exit_status;
    if (applies(wanted, data->inputs)) return choose_wanted(command, wanted, roles, data);
    return choose_inputs(command, files->columns ? ROLE_INPUT : ROLE_NONE, roles, data);
}

int columns_choose(const char *command, const data_files *files, const char *wanted, bool encoded,
                   dataset *data) {
    unsigned char *roles = calloc(snnk_table_columns(data->inputs) + 1, 1);
    int exit_status;

    data->weights = data->group = NO_COLUMN;
    data->columns = calloc(snnk_table_columns(data->inputs) + 1, sizeof *data->columns);
    exit_status = roles && data->columns ? choose(command, files, wanted, encoded, roles, data)
                                         : failed(command, "out of memory");
    free(roles);
    return exit_status;
}

/* ---- Constants ---- */

/* Find the inputs that have two values; varies: one for each input, all false. */
static int find_varying(const dataset *data, double *batch, double *firsts, bool *varies) {
    const size_t d = data->n_inputs;
    size_t left = d;

    for (size_t first = 0; left > 0 && first < data->rows; first += BATCH_ROWS) {
        const size_t n = data->rows - first < BATCH_ROWS ? data->rows - first : BATCH_ROWS;
        const int st = snnk_table_read_columns(data->inputs, first, n, d, data->columns, batch, d);

        if (st != SNNK_OK) return st;
        if (first == 0) memcpy(firsts, batch, d * sizeof *firsts);
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < d; j++) {
                left -= !varies[j] && batch[i * d + j] != firsts[j];
                varies[j] |= batch[i * d + j] != firsts[j];
            }
    }
    return SNNK_OK;
}

/* Split the inputs in those that vary and constants. */
static int split(const char *command, const bool *varies, dataset *data) {
    size_t kept = 0;

    for (size_t j = 0; j < data->n_inputs; j++) {
        if (varies[j])
            data->columns[kept++] = data->columns[j];
        else
            data->constants[data->n_constants++] = data->columns[j];
    }
    data->n_inputs = kept;
    return kept > 0 ? EXIT_OK
                    : failed(command,
                             "%s: every input has the same value in all rows: there is "
                             "nothing to learn from",
                             data->path);
}

int columns_drop_constants(const char *command, dataset *data) {
    const size_t d = data->n_inputs;
    double *batch, *firsts;
    bool *varies;
    int exit_status;

    if (!is_csv(data->inputs) || data->rows < 2) return EXIT_OK;
    batch = calloc(BATCH_ROWS, d * sizeof *batch);
    firsts = calloc(d, sizeof *firsts);
    varies = calloc(d, sizeof *varies);
    data->constants = calloc(d, sizeof *data->constants);
    if (!batch || !firsts || !varies || !data->constants)
        exit_status = failed(command, "out of memory");
    else if (find_varying(data, batch, firsts, varies) != SNNK_OK)
        exit_status = library_failed(command);
    else
        exit_status = split(command, varies, data);
    free(varies);
    free(firsts);
    free(batch);
    return exit_status;
}
