#include "cli/train_scaling.h"

#include <math.h>
#include <stdlib.h>

#include "cli/console.h"

static bool column_scaling_alloc(size_t n, column_scaling *s) {
    s->mean = calloc(n, sizeof *s->mean);
    s->scale = calloc(n, sizeof *s->scale);
    return s->mean && s->scale;
}

void column_scaling_free(column_scaling *s) {
    free(s->mean);
    free(s->scale);
    *s = (column_scaling){NULL, NULL};
}

/* ---- Learning ---- */

int scaling_learner_begin(const char *command, const task *what, const dataset *data, int32_t mode,
                          scaling_learner *learner) {
    const size_t l = what->classification ? 0 : data->n_targets;

    *learner = (scaling_learner){.mode = mode, .n_inputs = data->n_inputs, .n_targets = l};
    learner->target_mean = calloc(l + 1, sizeof *learner->target_mean);
    learner->squares = calloc(l + 1, sizeof *learner->squares);
    if (!learner->target_mean || !learner->squares) return failed(command, "out of memory");
    if (mode < 0) return EXIT_OK;
    return snnk_scaling_create(data->n_inputs, mode, NULL, &learner->inputs) == SNNK_OK
               ? EXIT_OK
               : library_failed(command);
}

void scaling_learner_free(scaling_learner *learner) {
    snnk_scaling_free(learner->inputs);
    free(learner->target_mean);
    free(learner->squares);
    *learner = (scaling_learner){.inputs = NULL};
}

/* Move the means of targets by a row (Welford). */
static void add_targets(double w, const double *y, scaling_learner *learner) {
    learner->weight += w;
    for (size_t k = 0; k < learner->n_targets; k++) {
        const double delta = y[k] - learner->target_mean[k];

        learner->target_mean[k] += delta * w / learner->weight;
        learner->squares[k] += w * delta * (y[k] - learner->target_mean[k]);
    }
}

int scaling_learner_add(const char *command, const dataset *data, const snnk_rows *batch,
                        scaling_learner *learner) {
    if (learner->inputs && snnk_scaling_add(learner->inputs, batch) != SNNK_OK)
        return failed(command, "%s: %s", data->path, snnk_last_error());
    for (size_t i = 0; batch->Y_f64 && i < batch->n; i++)
        add_targets(batch->weights ? (double)batch->weights[i] : 1,
                    batch->Y_f64 + i * learner->n_targets, learner);
    return EXIT_OK;
}

/* ---- Results ---- */

int scaling_learner_inputs(const char *command, const dataset *data, const scaling_learner *learner,
                           column_scaling *inputs) {
    const size_t d = learner->n_inputs;

    *inputs = (column_scaling){NULL, NULL};
    if (!learner->inputs) return EXIT_OK;
    if (!column_scaling_alloc(d, inputs)) return failed(command, "out of memory");
    if (snnk_scaling_get(learner->inputs, inputs->mean, inputs->scale) != SNNK_OK)
        return failed(command, "%s: %s", data->path, snnk_last_error());
    for (size_t j = 0; j < d && learner->mode == SNNK_SCALING_COMMON; j++)
        inputs->scale[j] *= sqrt((double)d); /* the length of a row was 1 */
    return EXIT_OK;
}

int scaling_learner_targets(const char *command, const scaling_learner *learner,
                            column_scaling *targets) {
    if (!column_scaling_alloc(learner->n_targets, targets)) return failed(command, "out of memory");
    for (size_t k = 0; k < learner->n_targets; k++) {
        const double squares = learner->squares[k];

        targets->mean[k] = learner->target_mean[k];
        targets->scale[k] = squares > 0 ? 1 / sqrt(squares / learner->weight) : 1;
    }
    return EXIT_OK;
}

/* ---- Scaling ---- */

/* Scale n x width numbers, of float (x) or of double (y). */
static void scale(const column_scaling *s, size_t n, size_t width, float *x, double *y) {
    for (size_t i = 0; s->mean && i < n; i++)
        for (size_t j = 0; j < width; j++) {
            const size_t at = i * width + j;

            if (x)
                x[at] = (float)(((double)x[at] - s->mean[j]) * s->scale[j]);
            else
                y[at] = (y[at] - s->mean[j]) * s->scale[j];
        }
}

void scale_batch(const column_scaling *inputs, const column_scaling *targets, size_t n_targets,
                 training_rows *batch) {
    const snnk_rows *rows = &batch->rows;

    scale(inputs, rows->n, rows->inputs, rows->X ? (float *)batch->X : NULL, batch->X);
    if (rows->Y_f64) scale(targets, rows->n, n_targets, NULL, batch->Y);
}
