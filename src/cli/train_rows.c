#include "cli/train_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/console.h"

static void column_scaling_free(column_scaling *s) {
    free(s->mean);
    free(s->scale);
    *s = (column_scaling){NULL, NULL};
}

static bool column_scaling_alloc(size_t n, column_scaling *s) {
    s->mean = calloc(n, sizeof *s->mean);
    s->scale = calloc(n, sizeof *s->scale);
    return s->mean && s->scale;
}

void train_rows_free(train_rows *rows) {
    all_rows_free(&rows->rows);
    column_scaling_free(&rows->inputs);
    column_scaling_free(&rows->targets);
}

int train_rows_read(const char *command, const task *what, dataset *data, bool quiet,
                    train_rows *rows) {
    training_rows *batch;
    bool memory = true;
    int exit_status = training_rows_create(command, data, &batch);

    *rows = (train_rows){.n_heldout = 0};
    if (exit_status == EXIT_OK)
        exit_status = all_rows_read(command, what, data, quiet, batch, &rows->rows, &memory);
    training_rows_free(batch);
    if (!memory)
        return failed(command, "out of memory for the %zu rows of %s with %zu inputs", data->rows,
                      data->path, data->n_inputs);
    return exit_status;
}

/* ---- Scaling ---- */

int train_rows_scale_inputs(const char *command, const dataset *data, int32_t mode,
                            train_rows *rows) {
    all_rows *all = &rows->rows;
    const size_t d = all->inputs;
    const snnk_rows view = all_rows_part(all, 0, all->n);
    snnk_scaling *scaling = NULL;
    int st;

    if (!column_scaling_alloc(d, &rows->inputs)) return failed(command, "out of memory");
    st = snnk_scaling_create(d, mode, NULL, &scaling);
    if (st == SNNK_OK) st = snnk_scaling_add(scaling, &view);
    if (st == SNNK_OK) st = snnk_scaling_get(scaling, rows->inputs.mean, rows->inputs.scale);
    snnk_scaling_free(scaling);
    if (st != SNNK_OK) return failed(command, "%s: %s", data->path, snnk_last_error());
    for (size_t j = 0; j < d && mode == SNNK_SCALING_COMMON; j++)
        rows->inputs.scale[j] *= sqrt((double)d); /* the length of a row was 1 */
    for (size_t i = 0; i < all->n * d; i++) {
        const double mean = rows->inputs.mean[i % d], scale = rows->inputs.scale[i % d];

        if (all->X)
            all->X[i] = (float)(((double)all->X[i] - mean) * scale);
        else
            all->X_f64[i] = (all->X_f64[i] - mean) * scale;
    }
    return EXIT_OK;
}

/* Set mean and scale of a column of targets. */
static void learn_target(const all_rows *all, size_t k, double *mean, double *scale) {
    double weight = 0, at = 0, squares = 0;

    for (size_t i = 0; i < all->n; i++) {
        const double w = all->weights ? (double)all->weights[i] : 1;
        const double delta = all->Y[i * all->targets + k] - at;

        weight += w;
        at += delta * w / weight;
        squares += w * delta * (all->Y[i * all->targets + k] - at);
    }
    *mean = at;
    *scale = squares > 0 ? 1 / sqrt(squares / weight) : 1;
}

int train_rows_scale_targets(const char *command, train_rows *rows) {
    all_rows *all = &rows->rows;

    if (!column_scaling_alloc(all->targets, &rows->targets))
        return failed(command, "out of memory");
    for (size_t k = 0; k < all->targets; k++) {
        double mean, scale;

        learn_target(all, k, &mean, &scale);
        rows->targets.mean[k] = mean;
        rows->targets.scale[k] = scale;
        for (size_t i = 0; i < all->n; i++) {
            double *y = &all->Y[i * all->targets + k];

            *y = (*y - mean) * scale;
        }
    }
    return EXIT_OK;
}

/* ---- Held-out rows ---- */

static uint64_t mix(uint64_t x) {
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

/* A number that is equal for rows which stay together. */
static uint64_t key_of(const all_rows *all, size_t i, bool singly) {
    const size_t d = all->inputs;
    uint64_t key = 0;

    if (all->groups) return all->groups[i];
    if (singly) return i;
    for (size_t j = 0; j < d; j++) {
        const double x = all->X ? (double)all->X[i * d + j] : all->X_f64[i * d + j];
        const double value = x + 0.0; /* -0 becomes 0 */
        uint64_t bits;

        memcpy(&bits, &value, sizeof bits);
        key = mix(key ^ bits) + UINT64_C(0x9E3779B97F4A7C15);
    }
    return key;
}

static bool is_drawn(const all_rows *all, size_t i, bool singly, uint64_t seed, double share) {
    const uint64_t drawn = mix(mix(key_of(all, i, singly)) + mix(seed + 0x5EED));

    return (double)(drawn >> 11) * 0x1p-53 < share;
}

static void swap(void *array, size_t bytes, size_t i, size_t k, void *room) {
    char *const rows = array;

    if (!array) return;
    memcpy(room, rows + i * bytes, bytes);
    memcpy(rows + i * bytes, rows + k * bytes, bytes);
    memcpy(rows + k * bytes, room, bytes);
}

static void swap_rows(all_rows *all, size_t i, size_t k, void *room) {
    swap(all->X, all->inputs * sizeof *all->X, i, k, room);
    swap(all->X_f64, all->inputs * sizeof *all->X_f64, i, k, room);
    swap(all->Y, all->targets * sizeof *all->Y, i, k, room);
    swap(all->labels, sizeof *all->labels, i, k, room);
    swap(all->weights, sizeof *all->weights, i, k, room);
    swap(all->groups, sizeof *all->groups, i, k, room);
}

/* Whether the numbers of drawn rows will do. */
static bool is_fair(const all_rows *all, size_t drawn, double share) {
    return drawn > 0 && drawn < all->n && (double)drawn <= 2 * share * (double)all->n;
}

int train_rows_split(const char *command, uint64_t seed, double share, train_rows *rows) {
    all_rows *all = &rows->rows;
    const size_t widest = all->inputs > all->targets ? all->inputs : all->targets;
    bool *drawn;
    void *room;
    size_t n = 0;

    rows->n_heldout = 0;
    if (share == 0) return EXIT_OK;
    drawn = calloc(all->n + 1, sizeof *drawn);
    room = calloc(widest + 1, sizeof(double));
    for (int singly = 0; drawn && room && singly <= 1 && !is_fair(all, n, share); singly++) {
        n = 0;
        for (size_t i = 0; i < all->n; i++)
            n += drawn[i] = is_drawn(all, i, singly == 1, seed, share);
        if (all->groups) break;
    }
    if (n == all->n) n = 0; /* all rows are one group */
    for (size_t i = 0, k = all->n; drawn && room && n > 0 && i < k; i++) {
        while (i < k && drawn[i] && drawn[k - 1]) k--;
        if (!drawn[i] || i >= k) continue;
        k--;
        swap_rows(all, i, k, room);
        drawn[i] = false;
        drawn[k] = true;
    }
    rows->n_heldout = n;
    const bool made = drawn && room;
    free(drawn);
    free(room);
    return made ? EXIT_OK : failed(command, "out of memory");
}

snnk_rows train_rows_learnt(const train_rows *rows) {
    return all_rows_part(&rows->rows, 0, rows->rows.n - rows->n_heldout);
}

snnk_rows train_rows_heldout(const train_rows *rows) {
    return all_rows_part(&rows->rows, rows->rows.n - rows->n_heldout, rows->n_heldout);
}

/* ---- Outputs ---- */

int train_rows_outputs(const char *command, const train_rows *rows, size_t first, size_t n,
                       const snnk_network *network, snnk_workspace *workspace, double *Y) {
    const all_rows *all = &rows->rows;
    const size_t d = all->inputs, l = snnk_network_outputs(network);
    double *X = all->X ? calloc(BATCH_ROWS, d * sizeof *X) : NULL;
    int st = SNNK_OK;

    if (all->X && !X) return failed(command, "out of memory");
    for (size_t i = 0; st == SNNK_OK && i < n; i += BATCH_ROWS) {
        const size_t count = n - i < BATCH_ROWS ? n - i : BATCH_ROWS;

        for (size_t k = 0; X && k < count * d; k++) X[k] = (double)all->X[(first + i) * d + k];
        st = snnk_network_forward_f64(network, count, X ? X : all->X_f64 + (first + i) * d, d,
                                      Y + i * l, l, workspace);
    }
    free(X);
    return st == SNNK_OK ? EXIT_OK : library_failed(command);
}
