/* Students of a given size, and their report. */
#include <math.h>

#include "distill/baselines.h"
#include "distill/collect.h"
#include "distill/distill_create.h"
#include "distill/refine.h"
#include "distill/rounded.h"
#include "distill/select_features.h"
#include "distill/student.h"
#include "distill/student_map.h"

/* ---- Costs, for progress ---- */

/* For each epoch a forward pass, and a backward pass of twice the cost. */
static double cost_of_refining(const snnk_distill *distill, size_t m) {
    return 3.0 * distill->config.epochs * snnk__student_cost_of_fit(distill, m);
}

static double cost_of(const snnk_distill *distill, size_t m, bool with_report) {
    double cost = snnk__student_cost_of_fit(distill, m);

    if (distill->config.tier != SNNK_DISTILL_RANDOM)
        cost += snnk__distill_cost_of_selecting(distill, m);
    if (distill->config.tier == SNNK_DISTILL_REFINED) cost += cost_of_refining(distill, m);
    if (with_report) cost += snnk__distill_cost_of_baselines(distill, m);
    return cost;
}

/* ---- Students ---- */

/* Create the map of a student before refinement. *linear: how many of its features are linear. */
static int make_map(const snnk_distill *distill, size_t m, snnk_map **map, size_t *linear) {
    snnk__subset subset = {0};
    double error;
    int st;

    *linear = 0;
    if (distill->config.tier == SNNK_DISTILL_RANDOM)
        return snnk__student_map_random(distill, m, map);
    snnk__progress_begin_stage(distill->progress, snnk__distill_cost_of_selecting(distill, m));
    st = snnk__subset_alloc(distill, m, &subset);
    if (st == SNNK_OK)
        st = snnk__distill_select(distill, m, distill->config.linear, &subset, &error);
    if (st == SNNK_OK) st = snnk__student_map_of_subset(distill, &subset, map);
    *linear = subset.directions;
    snnk__subset_free(distill, &subset);
    return st;
}

/* Replace a student of tier SELECTED by one of tier REFINED. */
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
    const size_t limit = distill->d + distill->h;

    if (features > 0 && features <= limit) return SNNK_OK;
    return snnk__fail(SNNK_E_RANGE,
                      "features = %zu is not in 1 ... %zu, the number of inputs plus candidates",
                      features, limit);
}

/* Shares that differ by no more are equal: their sums were rounded. */
#define EQUAL 1e-14

static bool is_as_good(double explained, const snnk_distill_report *r) {
    return explained >= r->explained - EQUAL; /* false for NaN */
}

static bool is_simpler_better(const snnk_distill_report *r) {
    return is_as_good(r->explained_linear, r) || is_as_good(r->explained_neurons, r) ||
           is_as_good(r->explained_svd, r) || is_as_good(r->explained_random, r);
}

/* By how much more bytes a rounded teacher may have and still count as no larger than a student. */
#define ABOUT_EQUAL 1.05

static bool is_rounding_better(const snnk_distill_report *r) {
    const double most = ABOUT_EQUAL * 4 * (double)r->parameters;

    return ((double)r->bytes_int8 <= most && is_as_good(r->explained_int8, r)) ||
           ((double)r->bytes_int4 <= most && is_as_good(r->explained_int4, r));
}

/* The student in 8 bits, with Psi of the rows that are not held out: before they are merged. */
static int judge_rounded(const snnk_distill *distill, const snnk__student *student,
                         snnk_workspace *workspace, double *explained, uint64_t *bytes) {
    snnk_network *rounded = NULL;
    double errors = 0;
    int st = snnk__rounded_student(distill, student, 8, bytes, &rounded);

    if (st == SNNK_OK) st = snnk__heldout_errors(distill, rounded, workspace, &errors);
    if (st == SNNK_OK) *explained = 1 - errors / snnk__distill_squares(student->heldout);
    snnk_network_free(rounded);
    return st;
}

/* rounded: its fields about the student in 8 bits. */
static int write_report(const snnk_distill *distill, const snnk__student *student, size_t linear,
                        int32_t epochs, const snnk_layer *layer, const snnk_distill_report *rounded,
                        snnk_workspace *workspace, snnk_distill_report *report) {
    /* rows: train includes the held-out rows by now. */
    snnk_distill_report ours = {.explained_student_int8 = rounded->explained_student_int8,
                                .bytes_student_int8 = rounded->bytes_student_int8,
                                .explained = student->explained,
                                .relative_error = sqrt(fmax(1 - student->explained, 0)),
                                .ridge = student->ridge,
                                .features = student->map->features,
                                .linear_features = linear,
                                .parameters = snnk_layer_parameters(layer),
                                .multiply_adds = snnk_layer_multiply_adds(layer),
                                .parameters_teacher = parameters_of(distill, snnk_layer_parameters),
                                .multiply_adds_teacher =
                                    parameters_of(distill, snnk_layer_multiply_adds),
                                .rows = student->train->rows - student->heldout->rows,
                                .heldout_rows = student->heldout->rows,
                                .tier = distill->config.tier,
                                .epochs = epochs,
                                .few_rows = distill->train->rows < distill->train->features};
    const int st = snnk__distill_baselines(distill, student->map->features, workspace, &ours);

    if (st != SNNK_OK) return st;
    ours.simpler_is_better = is_simpler_better(&ours);
    ours.rounding_is_better = is_rounding_better(&ours);
    return snnk__config_write(report, &ours, sizeof ours, SNNK__DISTILL_REPORT_MINIMUM,
                              "distill report");
}

/* Create a student and its layer. distill: the copy of this call, with its progress. */
static int solve(const snnk_distill *distill, size_t m, snnk_workspace *workspace,
                 snnk__distill_progress_state *progress, snnk_distill_report *report,
                 snnk_layer **layer) {
    snnk__student student = {0};
    snnk_distill_report rounded = {0};
    snnk_layer *made = NULL;
    snnk_map *map;
    size_t linear;
    int32_t epochs = 0;
    int st;

    if ((st = make_map(distill, m, &map, &linear)) != SNNK_OK) goto done;
    snnk__progress_begin_stage(distill->progress, snnk__student_cost_of_fit(distill, m));
    if ((st = snnk__student_fit(distill, map, workspace, &student)) != SNNK_OK) goto done;
    progress->explained = student.explained;
    if ((st = snnk__progress_update(distill->progress, 1)) != SNNK_OK) goto done;
    if (distill->config.tier == SNNK_DISTILL_REFINED) {
        st = refine(distill, &student, &linear, workspace, &progress->explained, &epochs);
        if (st != SNNK_OK) goto done;
        progress->explained = student.explained;
    }
    if (report) {
        st = judge_rounded(distill, &student, workspace, &rounded.explained_student_int8,
                           &rounded.bytes_student_int8);
        if (st != SNNK_OK) goto done;
    }
    if ((st = snnk__student_layer(&student, &made)) != SNNK_OK) goto done;
    if (report) {
        st = write_report(distill, &student, linear, epochs, made, &rounded, workspace, report);
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

    snnk_distill of_call = *distill;

    snnk__distill_progress_begin(&distill->config, cost_of(distill, features, report != NULL),
                                 &progress);
    of_call.progress = &progress.progress;
    return solve(&of_call, features, workspace, &progress, report, layer);
}

/* ---- Any method ---- */

/* Make a student as a network. */
static int make_student(const snnk_distill *distill, size_t m, snnk_workspace *workspace,
                        snnk__distill_progress_state *progress, snnk_network **network) {
    snnk_network *made = NULL;
    snnk_layer *layer = NULL;
    int st;

    if ((st = solve(distill, m, workspace, progress, NULL, &layer)) != SNNK_OK) goto done;
    if ((st = snnk_network_create(&distill->allocator, &made)) != SNNK_OK) goto done;
    if ((st = snnk_network_append(made, layer)) != SNNK_OK) goto done;
    *network = made;
    made = NULL;
done:
    snnk_network_free(made);
    snnk_layer_free(layer);
    return st;
}

int snnk_distill_replacement(const snnk_distill *distill, int32_t method, size_t features,
                             snnk_workspace *workspace, snnk_network **network) {
    snnk__distill_progress_state progress;
    double cost;
    int st;

    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    *network = NULL;
    if ((st = snnk__check_pointer(distill, "distill")) != SNNK_OK) return st;
    st = snnk__check_enum(method, SNNK_DISTILL_METHOD_INT4 + 1, "method");
    if (st != SNNK_OK) return st;
    if ((st = check_features(distill, features)) != SNNK_OK) return st;

    const bool student = method == SNNK_DISTILL_METHOD_STUDENT;
    snnk_distill of_call = *distill;

    cost = student ? cost_of(distill, features, false)
                   : snnk__distill_cost_of_baselines(distill, features);
    snnk__distill_progress_begin(&distill->config, cost, &progress);
    of_call.progress = &progress.progress;
    return student ? make_student(&of_call, features, workspace, &progress, network)
                   : snnk__distill_baseline(&of_call, method, features, workspace, network);
}

/* ---- Create and solve in one call ---- */

/* Reports the progress of two consecutive calls as that of one. */
typedef struct relay {
    snnk_distill_progress call;
    void *user;
    int32_t finished; /* how many calls have finished: 0 or 1 */
} relay;

static int report_half(void *user, int32_t done, int32_t steps, double explained) {
    const relay *to = user;

    return to->call(to->user, (to->finished * steps + done) / 2, steps, explained);
}

int snnk_layer_distill(const snnk_layer *hidden, const snnk_layer *readout, size_t features,
                       const snnk_rows *rows, const snnk_distill_config *config,
                       snnk_workspace *workspace, snnk_distill_report *report, snnk_layer **layer) {
    snnk_distill_config ours;
    relay to = {0};
    snnk_distill *distill;
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    *layer = NULL;
    st = snnk__config_check(report, sizeof *report, SNNK__DISTILL_REPORT_MINIMUM, "distill report");
    if (st != SNNK_OK) return st;
    if ((st = snnk__distill_config_read(config, &ours)) != SNNK_OK) return st;
    if (ours.progress) {
        to = (relay){ours.progress, ours.user, 0};
        ours.progress = report_half;
        ours.user = &to;
    }
    st = snnk__distill_create(hidden, readout, rows, false, &ours, workspace, &distill);
    if (st != SNNK_OK) return st;
    to.finished = 1;
    st = snnk_distill_solve(distill, features, workspace, report, layer);
    snnk_distill_free(distill);
    return st;
}
