/* Students: features and the Psi that goes with them. */
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "distill/distill.h"

#define RIDGES 8 /* values of lambda that are tried */

void snnk__student_free(snnk__student *student) {
    snnk_map_free(student->map);
    snnk_lstsq_free(student->train);
    snnk_lstsq_free(student->heldout);
    *student = (snnk__student){0};
}

double snnk__distill_squares(const snnk_lstsq *lstsq) {
    double sum = 0;

    for (size_t k = 0; k < lstsq->targets; k++) sum += snnk__lstsq_squares(lstsq, k);
    return sum;
}

int snnk__distill_fit(const snnk_distill *distill, snnk_map *map, snnk_workspace *workspace,
                      snnk__student *student) {
    const double given = distill->config.ridge;
    double ridges[RIDGES], errors[RIDGES];
    size_t best = 0, n = RIDGES;
    int st;

    *student = (snnk__student){.map = map};
    st = snnk__distill_collect(distill, map, SNNK_PRECISION_DOUBLE, INFINITY, workspace,
                               &student->train, &student->heldout);
    if (st != SNNK_OK) goto done;
    if (given == SNNK_RIDGE_AUTO)
        st = snnk_lstsq_default_ridges(student->train, n, ridges);
    else
        ridges[0] = given, n = 1;
    if (st != SNNK_OK) goto done;
    st = snnk_lstsq_choose_ridge(student->train, student->heldout, NULL, n, ridges, errors, &best);
    if (st != SNNK_OK) goto done;
    student->ridge = ridges[best];
    student->explained =
        1 - errors[best] * student->heldout->weight / snnk__distill_squares(student->heldout);
done:
    if (st != SNNK_OK) snnk__student_free(student);
    return st;
}

double snnk__distill_cost_of_fit(const snnk_distill *distill, size_t m) {
    const double features = (double)m, d = (double)distill->d, l = (double)distill->l;

    return (double)distill->n * features * (d + l + features / 2);
}

int snnk__student_solve(const snnk_distill *distill, const snnk__student *student, float *Psi,
                        float *bias) {
    const size_t m = student->map->features, l = distill->l;
    snnk_solve_config config;
    double *B = NULL;
    int st = snnk_solve_config_init(&config, sizeof config);

    config.ridge = student->ridge;
    if (st == SNNK_OK) st = snnk__alloc(&distill->allocator, l, (m + 1) * sizeof *B, "Psi", &B);
    if (st == SNNK_OK) st = snnk_lstsq_solve(student->train, &config, B, m, B + l * m, NULL);
    for (size_t i = 0; st == SNNK_OK && i < l * m; i++) Psi[i] = (float)B[i];
    for (size_t i = 0; st == SNNK_OK && i < l; i++) bias[i] = (float)B[l * m + i];
    snnk__free(&distill->allocator, B);
    return st;
}

/* Its layer, fitted to all rows with the ridge that was chosen. */
static int finish(const snnk__student *student, snnk_layer **layer) {
    snnk_solve_config config;
    int st = snnk_solve_config_init(&config, sizeof config);

    config.ridge = student->ridge;
    if (st == SNNK_OK) st = snnk_lstsq_merge(student->train, student->heldout);
    if (st != SNNK_OK) return st;
    return snnk_layer_create_from_lstsq(student->map, student->train, &config, NULL, layer);
}

/* ---- Costs, and who is told of them ---- */

/* Of each row in an epoch: forward, and backward twice that. */
static double cost_of_refining(const snnk_distill *distill, size_t m) {
    return 3.0 * distill->config.epochs * snnk__distill_cost_of_fit(distill, m);
}

static double cost_of(const snnk_distill *distill, size_t m, bool with_report) {
    double cost = snnk__distill_cost_of_fit(distill, m);

    if (distill->config.tier != SNNK_DISTILL_RANDOM)
        cost += snnk__distill_cost_of_choosing(distill, m);
    if (distill->config.tier == SNNK_DISTILL_REFINED) cost += cost_of_refining(distill, m);
    if (with_report) cost += snnk__distill_cost_of_baselines(distill, m);
    return cost;
}

/* ---- Students ---- */

/* The map of a student that is not refined. */
static int choose_map(const snnk_distill *distill, size_t m, snnk_map **map, size_t *linear) {
    snnk__subset subset = {0};
    double error;
    int st;

    *linear = 0;
    if (distill->config.tier == SNNK_DISTILL_RANDOM) return snnk__distill_random(distill, m, map);
    snnk__progress_begin_stage(distill->progress, snnk__distill_cost_of_choosing(distill, m));
    st = snnk__subset_alloc(distill, m, &subset);
    if (st == SNNK_OK)
        st = snnk__distill_choose(distill, m, distill->config.linear, &subset, &error);
    if (st == SNNK_OK) st = snnk__distill_map(distill, &subset, map);
    *linear = subset.directions;
    snnk__subset_free(distill, &subset);
    return st;
}

/* A student of tier REFINED, in place of one of CLOSED. */
static int refine(const snnk_distill *distill, snnk__student *student, size_t *linear,
                  snnk_workspace *workspace, double *explained, int32_t *epochs) {
    snnk__student refined;
    int st;

    snnk__progress_begin_stage(distill->progress,
                               cost_of_refining(distill, student->map->features));
    st = snnk__distill_refine(distill, student, linear, workspace, explained, &refined, epochs);
    if (st != SNNK_OK) return st;
    snnk__student_free(student);
    *student = refined;
    return SNNK_OK;
}

static uint64_t parameters_of(const snnk_distill *distill, uint64_t (*count)(const snnk_layer *)) {
    return count(distill->hidden) + count(distill->readout);
}

static int check_features(const snnk_distill *distill, size_t features) {
    const size_t most = distill->d + distill->h;

    if (features > 0 && features <= most) return SNNK_OK;
    return snnk__fail(SNNK_E_RANGE,
                      "features = %zu is not in 1 ... %zu, the number of inputs plus candidates",
                      features, most);
}

static bool is_simpler_better(const snnk_distill_report *r) {
    const double baselines[] = {r->explained_linear, r->explained_neurons, r->explained_svd,
                                r->explained_random};

    for (size_t k = 0; k < sizeof baselines / sizeof baselines[0]; k++)
        if (baselines[k] >= r->explained) return true;
    return false;
}

static int write_report(const snnk_distill *distill, const snnk__student *student, size_t linear,
                        int32_t epochs, const snnk_layer *layer, snnk_workspace *workspace,
                        snnk_distill_report *report) {
    snnk_distill_report ours = {
        .explained = student->explained,
        .relative_error = sqrt(fmax(1 - student->explained, 0)),
        .ridge = student->ridge,
        .features = student->map->features,
        .linear_features = linear,
        .parameters = snnk_layer_parameters(layer),
        .multiply_adds = snnk_layer_multiply_adds(layer),
        .parameters_teacher = parameters_of(distill, snnk_layer_parameters),
        .multiply_adds_teacher = parameters_of(distill, snnk_layer_multiply_adds),
        .rows = student->train->rows - student->heldout->rows, /* merged by now */
        .heldout_rows = student->heldout->rows,
        .tier = distill->config.tier,
        .epochs = epochs,
        .few_rows = distill->train->rows < distill->train->features};
    const int st = snnk__distill_baselines(distill, student->map->features, workspace, &ours);

    if (st != SNNK_OK) return st;
    ours.simpler_is_better = is_simpler_better(&ours);
    return snnk__config_write(report, &ours, sizeof ours, SNNK__DISTILL_REPORT_MINIMUM,
                              "distill report");
}

/* The student and its layer. distill: of this call, with what it is watched by. */
static int solve(const snnk_distill *distill, size_t m, snnk_workspace *workspace,
                 snnk__distill_progress_state *progress, snnk_distill_report *report,
                 snnk_layer **layer) {
    snnk__student student = {0};
    snnk_layer *made = NULL;
    snnk_map *map;
    size_t linear;
    int32_t epochs = 0;
    int st;

    if ((st = choose_map(distill, m, &map, &linear)) != SNNK_OK) goto done;
    snnk__progress_begin_stage(distill->progress, snnk__distill_cost_of_fit(distill, m));
    if ((st = snnk__distill_fit(distill, map, workspace, &student)) != SNNK_OK) goto done;
    progress->explained = student.explained;
    if ((st = snnk__progress_update(distill->progress, 1)) != SNNK_OK) goto done;
    if (distill->config.tier == SNNK_DISTILL_REFINED) {
        st = refine(distill, &student, &linear, workspace, &progress->explained, &epochs);
        if (st != SNNK_OK) goto done;
        progress->explained = student.explained;
    }
    if ((st = finish(&student, &made)) != SNNK_OK) goto done;
    if (report) {
        st = write_report(distill, &student, linear, epochs, made, workspace, report);
        if (st != SNNK_OK) goto done;
    }
    *layer = made;
    made = NULL;
done:
    snnk_layer_free(made);
    snnk__student_free(&student);
    return st;
}

int snnk_distill_solve(const snnk_distill *distill, size_t features, snnk_workspace *workspace,
                       snnk_distill_report *report, snnk_layer **layer) {
    snnk__distill_progress_state progress;
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    *layer = NULL;
    if ((st = snnk__check_pointer(distill, "distill")) != SNNK_OK) return st;
    st = snnk__config_check(report, sizeof *report, SNNK__DISTILL_REPORT_MINIMUM, "distill report");
    if (st != SNNK_OK) return st;
    if ((st = check_features(distill, features)) != SNNK_OK) return st;

    snnk_distill monitored = *distill;

    snnk__distill_progress_begin(&distill->config, cost_of(distill, features, report != NULL),
                                 &progress);
    monitored.progress = &progress.progress;
    return solve(&monitored, features, workspace, &progress, report, layer);
}

/* Progress of two calls as that of one. */
typedef struct relay {
    snnk_distill_progress call;
    void *user;
    int32_t from; /* of twice as many steps */
} relay;

static int report_half(void *user, int32_t done, int32_t steps, double explained) {
    const relay *to = user;

    return to->call(to->user, (to->from * steps + done) / 2, steps, explained);
}

int snnk_layer_distill(const snnk_layer *hidden, const snnk_layer *readout, size_t features,
                       size_t n, const float *X, size_t ldx, const float *Y, size_t ldy,
                       const snnk_distill_config *config, snnk_workspace *workspace,
                       snnk_distill_report *report, snnk_layer **layer) {
    snnk_distill_config ours;
    relay to = {0};
    snnk_distill *distill;
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    *layer = NULL;
    if ((st = snnk_distill_config_init(&ours, sizeof ours)) != SNNK_OK) return st;
    st = snnk__config_read(&ours, sizeof ours, SNNK__DISTILL_CONFIG_MINIMUM, config,
                           "distill config");
    if (st != SNNK_OK) return st;
    if (ours.progress) {
        to = (relay){ours.progress, ours.user, 0};
        ours.progress = report_half;
        ours.user = &to;
    }
    st = snnk_distill_create(hidden, readout, n, X, ldx, Y, ldy, &ours, workspace, &distill);
    if (st != SNNK_OK) return st;
    to.from = 1;
    st = snnk_distill_solve(distill, features, workspace, report, layer);
    snnk_distill_free(distill);
    return st;
}
