/* Distillation: rows and what they say of a teacher, and students of them. */
#include "distill/distill.h"

#include <math.h>
#include <string.h>

#include "base/size.h"
#include "fit/fit.h"

static const snnk_distill_config defaults = {.size = sizeof(snnk_distill_config),
                                             .ridge = SNNK_RIDGE_AUTO,
                                             .heldout_share = 0.1,
                                             .heldout_block_rows = 1,
                                             .selection_rows = 65536,
                                             .tier = SNNK_DISTILL_SELECTED,
                                             .linear = SNNK_DISTILL_LINEAR_AUTO,
                                             .epochs = 16,
                                             .batch = 256,
                                             .learning_rate = 0.04};

#define STEPS 1000 /* that progress is told in */

int snnk_distill_config_init(snnk_distill_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &defaults, sizeof defaults,
                             SNNK__DISTILL_CONFIG_MINIMUM, "distill config");
}

int snnk_distill_report_init(snnk_distill_report *report, size_t report_size) {
    static const snnk_distill_report empty = {.size = sizeof empty};

    return snnk__config_init(report, report_size, &empty, sizeof empty,
                             SNNK__DISTILL_REPORT_MINIMUM, "distill report");
}

static int check_config(const snnk_distill_config *c) {
    int st;

    if ((st = snnk__check_fit_ridge(c->ridge)) != SNNK_OK) return st;
    if ((st = snnk__check_heldout_share(c->heldout_share)) != SNNK_OK) return st;
    if (c->heldout_block_rows == 0)
        return snnk__fail(SNNK_E_RANGE, "heldout_block_rows = 0 is not >= 1");
    if (c->selection_rows < 2)
        return snnk__fail(SNNK_E_RANGE, "selection_rows = %llu is not >= 2",
                          (unsigned long long)c->selection_rows);
    if ((st = snnk__check_enum(c->tier, SNNK_DISTILL_REFINED + 1, "tier")) != SNNK_OK) return st;
    if (c->linear < SNNK_DISTILL_LINEAR_AUTO)
        return snnk__fail(SNNK_E_RANGE, "linear = %d is neither >= 0 nor SNNK_DISTILL_LINEAR_AUTO",
                          (int)c->linear);
    if ((st = snnk__check_within(c->epochs, 1, 100000, "epochs")) != SNNK_OK) return st;
    if ((st = snnk__check_within(c->batch, 1, 1000000, "batch")) != SNNK_OK) return st;
    if (!(c->learning_rate > 0 && c->learning_rate <= 1))
        return snnk__fail(SNNK_E_RANGE, "learning_rate = %g is not in 0 < rate <= 1",
                          c->learning_rate);
    return SNNK_OK;
}

/* ---- Progress ---- */

static int report_progress(void *user, double share) {
    const snnk__distill_progress_state *p = user;

    return p->call(p->user, (int32_t)(share * STEPS), STEPS, p->explained);
}

void snnk__distill_progress_begin(const snnk_distill_config *config, double total,
                                  snnk__distill_progress_state *progress) {
    *progress = (snnk__distill_progress_state){
        .call = config->progress, .user = config->user, .explained = NAN, .progress.total = total};
    if (config->progress) progress->progress.report = report_progress;
    progress->progress.user = progress;
}

/* ---- Creating ---- */

/* Inputs and outputs vary on these rows. */
static int check_varies(const snnk_distill *distill, const snnk_lstsq *lstsq, const char *which) {
    const size_t p = lstsq->features;
    const char *what = snnk__distill_squares(lstsq) > 0 ? NULL : "outputs";
    double inputs = 0;

    for (size_t i = 0; i < distill->d; i++) inputs += lstsq->S[i * p + i];
    if (!(inputs > 0)) what = "inputs";
    if (!what) return SNNK_OK;
    return snnk__fail(
        SNNK_E_STATE,
        "the %s do not vary: all %llu rows %s are the same, there is nothing to explain", what,
        (unsigned long long)lstsq->rows, which);
}

/* Both kinds of rows are there, and vary. */
static int check_rows(const snnk_distill *distill) {
    const snnk_lstsq *train = distill->train, *heldout = distill->heldout;
    int st;

    if (train->rows < 2 || heldout->rows < 2)
        return snnk__fail(SNNK_E_SHAPE,
                          "of %zu rows %llu are left to fit to and %llu held out: at least 2 are "
                          "needed of each",
                          distill->n, (unsigned long long)train->rows,
                          (unsigned long long)heldout->rows);
    st = check_varies(distill, train, "to fit to");
    return st == SNNK_OK ? check_varies(distill, heldout, "held out") : st;
}

/* The ridge that features are chosen with: just above the rounding of float sums; with few rows so much that
 * what they cannot know is not taken for explained. */
static double choosing_ridge(const snnk_lstsq *train) {
    const size_t p = train->features;
    double trace = 0;

    for (size_t i = 0; i < p; i++) trace += train->S[i * p + i];
    return trace / (double)p * (train->rows < 4 * p ? 1e-3 : 1e-6);
}

/* Look at the rows, once `all` is there. */
static int look(snnk_distill *distill, snnk_workspace *workspace) {
    snnk__distill_progress_state progress;
    int st;

    snnk__distill_progress_begin(&distill->config, 1, &progress);
    snnk__progress_begin_stage(&progress.progress, 1);
    distill->progress = &progress.progress;
    st = snnk__distill_look(distill, workspace);
    distill->progress = NULL;
    if (st == SNNK_OK) st = check_rows(distill);
    if (st == SNNK_OK) distill->ridge = choosing_ridge(distill->train);
    return st;
}

/* `all`, once h, G, offsets and candidate are there. */
static int make_map(snnk_distill *distill) {
    snnk_map_config identity;
    snnk_map *maps[2] = {NULL}, *all = NULL;
    int st = snnk_map_config_init(&identity, sizeof identity);

    identity.kind = SNNK_MAP_IDENTITY;
    identity.allocator = &distill->allocator;
    distill->candidate.allocator = &distill->allocator;
    if (st == SNNK_OK) st = snnk_map_create(distill->d, &identity, NULL, &maps[0]);
    if (st == SNNK_OK)
        st = snnk_map_create_from_rows(distill->d, distill->h, distill->G, distill->d,
                                       distill->offsets, &distill->candidate, NULL, &maps[1]);
    if (st == SNNK_OK) st = snnk_map_concat(2, (const snnk_map *const *)maps, &all);
    if (st == SNNK_OK) distill->all = all;
    snnk_map_free(maps[0]);
    snnk_map_free(maps[1]);
    return st;
}

static int rows_alloc(snnk_distill *distill) {
    int st = snnk__alloc(&distill->allocator, distill->h, distill->d * sizeof(float), "neurons",
                         &distill->G);

    if (st != SNNK_OK) return st;
    return snnk__alloc(&distill->allocator, distill->h, sizeof(float), "neurons",
                       &distill->offsets);
}

/* With the sizes known: config and rows. */
static int begin(const snnk_allocator *allocator, const snnk_distill *what,
                 const snnk_distill_config *config, snnk_distill **distill) {
    snnk_distill_config ours = defaults;
    int st;

    st = snnk__config_read(&ours, sizeof ours, SNNK__DISTILL_CONFIG_MINIMUM, config,
                           "distill config");
    if (st != SNNK_OK) return st;
    if ((st = check_config(&ours)) != SNNK_OK) return st;
    st = snnk__check_matrix(what->X, "X", what->n, what->d, what->ldx, sizeof *what->X);
    if (st != SNNK_OK) return st;
    if ((st = snnk__check_finite(what->X, "X", what->n, what->d, what->ldx)) != SNNK_OK) return st;
    if (what->Y) {
        st = snnk__check_matrix(what->Y, "Y", what->n, what->l, what->ldy, sizeof *what->Y);
        if (st != SNNK_OK) return st;
        st = snnk__check_finite(what->Y, "Y", what->n, what->l, what->ldy);
        if (st != SNNK_OK) return st;
    }
    if ((st = snnk__alloc(allocator, 1, sizeof **distill, "a distillation", distill)) != SNNK_OK)
        return st;
    **distill = *what;
    (*distill)->allocator = *allocator;
    (*distill)->config = ours;
    return snnk_map_config_init(&(*distill)->candidate, sizeof(*distill)->candidate);
}

/* The layers are dense and fit. */
static int check_teacher(const snnk_layer *hidden, const snnk_layer *readout) {
    int st;

    if ((st = snnk__check_pointer(hidden, "hidden")) != SNNK_OK) return st;
    if (hidden->map)
        return snnk__fail(SNNK_E_UNSUPPORTED, "the hidden layer is an SNNK layer already");
    if (!readout) return SNNK_OK;
    if (readout->map || readout->activation != SNNK_IDENTITY)
        return snnk__fail(SNNK_E_UNSUPPORTED,
                          "the readout is not a dense layer without activation");
    if (readout->inputs == hidden->outputs) return SNNK_OK;
    return snnk__fail(SNNK_E_SHAPE, "the hidden layer has %zu outputs, the readout %zu inputs",
                      hidden->outputs, readout->inputs);
}

int snnk_distill_create(const snnk_layer *hidden, const snnk_layer *readout, size_t n,
                        const float *X, size_t ldx, const float *Y, size_t ldy,
                        const snnk_distill_config *config, snnk_workspace *workspace,
                        snnk_distill **distill) {
    snnk_distill *made = NULL;
    int st;

    if ((st = snnk__check_pointer(distill, "distill")) != SNNK_OK) return st;
    *distill = NULL;
    if ((st = check_teacher(hidden, readout)) != SNNK_OK) return st;
    const snnk_distill what = {.d = hidden->inputs,
                               .h = hidden->outputs,
                               .l = readout ? readout->outputs : hidden->outputs,
                               .n = n,
                               .X = X,
                               .Y = Y,
                               .ldx = ldx,
                               .ldy = ldy};

    if ((st = begin(&hidden->allocator, &what, config, &made)) != SNNK_OK) goto done;
    made->hidden = snnk__layer_retain(hidden);
    if (readout) made->readout = snnk__layer_retain(readout);
    made->candidate.kind = SNNK_MAP_ELEMENTWISE;
    made->candidate.activation = hidden->activation;
    if ((st = rows_alloc(made)) != SNNK_OK) goto done;
    st = snnk_layer_weights(hidden, made->G, made->d, made->offsets);
    if (st != SNNK_OK) goto done;
    if ((st = make_map(made)) != SNNK_OK) goto done;
    if ((st = look(made, workspace)) != SNNK_OK) goto done;
    *distill = made;
    made = NULL;
done:
    snnk_distill_free(made);
    return st;
}

int snnk_distill_create_from_samples(const snnk_map *candidates, size_t outputs, size_t n,
                                     const float *X, size_t ldx, const float *Y, size_t ldy,
                                     const snnk_distill_config *config, snnk_workspace *workspace,
                                     snnk_distill **distill) {
    snnk_distill *made = NULL;
    snnk_map_config of;
    int st;

    if ((st = snnk__check_pointer(distill, "distill")) != SNNK_OK) return st;
    *distill = NULL;
    if ((st = snnk__check_pointer(candidates, "candidates")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(Y, "Y")) != SNNK_OK) return st;
    if (outputs == 0) return snnk__fail(SNNK_E_SHAPE, "outputs = 0: there is nothing to explain");
    if ((st = snnk_map_config_init(&of, sizeof of)) != SNNK_OK) return st;
    if ((st = snnk_map_block_config(candidates, 0, &of)) != SNNK_OK) return st;
    if (of.kind == SNNK_MAP_ARC_COSINE && of.order == 1 && of.floor == 0) {
        of.kind = SNNK_MAP_ELEMENTWISE;
        of.activation = SNNK_RELU;
    }
    if (candidates->n_blocks != 1 || of.kind != SNNK_MAP_ELEMENTWISE)
        return snnk__fail(
            SNNK_E_UNSUPPORTED,
            "candidates are not one block of ELEMENTWISE, or of ARC_COSINE of order 1 "
            "and floor 0");
    const snnk_distill what = {.d = candidates->inputs,
                               .h = candidates->features,
                               .l = outputs,
                               .n = n,
                               .X = X,
                               .Y = Y,
                               .ldx = ldx,
                               .ldy = ldy};

    if ((st = begin(&candidates->allocator, &what, config, &made)) != SNNK_OK) goto done;
    made->candidate = of;
    if ((st = rows_alloc(made)) != SNNK_OK) goto done;
    st = snnk_map_block_rows(candidates, 0, made->G, made->d, made->offsets);
    if (st != SNNK_OK) goto done;
    if ((st = make_map(made)) != SNNK_OK) goto done;
    if ((st = look(made, workspace)) != SNNK_OK) goto done;
    *distill = made;
    made = NULL;
done:
    snnk_distill_free(made);
    return st;
}

void snnk_distill_free(snnk_distill *distill) {
    if (!distill) return;

    const snnk_allocator allocator = distill->allocator;

    snnk_layer_free((snnk_layer *)distill->hidden);
    snnk_layer_free((snnk_layer *)distill->readout);
    snnk_map_free((snnk_map *)distill->all);
    snnk__free(&allocator, distill->G);
    snnk__free(&allocator, distill->offsets);
    snnk__free(&allocator, distill->made_Y);
    snnk_lstsq_free(distill->train);
    snnk_lstsq_free(distill->heldout);
    snnk__free(&allocator, distill);
}
