/* Distillation: rows and what they say of a teacher, and students of them. */
#include "layer/distill.h"

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "base/size.h"

static const snnk_distill_config defaults = {.size = sizeof(snnk_distill_config),
                                             .ridge = SNNK_RIDGE_AUTO,
                                             .heldout_share = 0.1,
                                             .heldout_run = 1,
                                             .selection_rows = 65536,
                                             .tier = SNNK_DISTILL_CLOSED,
                                             .linear = SNNK_DISTILL_LINEAR_AUTO,
                                             .epochs = 16,
                                             .batch = 256,
                                             .learning_rate = 0.04};

/* Version 0.1 knew all of today's fields. */
#define CONFIG_MINIMUM sizeof(snnk_distill_config)
#define REPORT_MINIMUM sizeof(snnk_distill_report)

#define RIDGES 8 /* values of lambda that are tried */

int snnk_distill_config_init(snnk_distill_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &defaults, sizeof defaults, CONFIG_MINIMUM,
                             "distill config");
}

int snnk_distill_report_init(snnk_distill_report *report, size_t report_size) {
    static const snnk_distill_report empty = {.size = sizeof empty};

    return snnk__config_init(report, report_size, &empty, sizeof empty, REPORT_MINIMUM,
                             "distill report");
}

static int check_config(const snnk_distill_config *c) {
    int st;

    if ((st = snnk__check_fit_ridge(c->ridge)) != SNNK_OK) return st;
    if ((st = snnk__check_heldout_share(c->heldout_share)) != SNNK_OK) return st;
    if (c->heldout_run == 0) return snnk__fail(SNNK_E_RANGE, "heldout_run = 0 is not >= 1");
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

/* ---- Rows ---- */

bool snnk__distill_is_heldout(const snnk_distill *distill, size_t i) {
    double u;

    snnk__random_uniform(distill->config.seed, SNNK__STREAM_HELDOUT,
                         i / distill->config.heldout_run, 0, 1, &u);
    return u < distill->config.heldout_share;
}

static bool is_sampled(const snnk_distill *distill, size_t i, double share) {
    double u;

    if (share >= 1) return true;
    snnk__random_uniform(distill->config.seed, SNNK__STREAM_SAMPLE, i, 0, 1, &u);
    return u < share;
}

/* Rows on their way into statistics. */
typedef struct gathered {
    const snnk_distill *distill;
    const snnk_map *map;
    snnk_lstsq *lstsq;
    size_t n;
    float *X, *Y, *Phi; /* SNNK__DISTILL_BLOCK rows of d, l and the map's features; Phi is shared */
} gathered;

static int flush(gathered *rows, snnk_workspace *workspace) {
    const size_t d = rows->distill->d, l = rows->distill->l, m = rows->map->features;
    const int st = snnk_map_input_tower(rows->map, rows->n, rows->X, d, rows->Phi, m, workspace);
    const size_t n = rows->n;

    rows->n = 0;
    return st == SNNK_OK ? snnk_lstsq_add(rows->lstsq, n, rows->Phi, m, rows->Y, l, workspace) : st;
}

static int gather(gathered *rows, size_t i, snnk_workspace *workspace) {
    const snnk_distill *from = rows->distill;

    memcpy(rows->X + rows->n * from->d, from->X + i * from->ldx, from->d * sizeof(float));
    memcpy(rows->Y + rows->n * from->l, from->Y + i * from->ldy, from->l * sizeof(float));
    return ++rows->n == SNNK__DISTILL_BLOCK ? flush(rows, workspace) : SNNK_OK;
}

static int gathered_alloc(const snnk_distill *distill, const snnk_map *map, int32_t precision,
                          gathered *rows) {
    const snnk_allocator *allocator = &distill->allocator;
    const size_t block = SNNK__DISTILL_BLOCK * sizeof(float);
    int st;

    *rows = (gathered){.distill = distill, .map = map};
    st = snnk_lstsq_create(map->features, distill->l, allocator, &rows->lstsq);
    if (st != SNNK_OK) return st;
    if ((st = snnk_lstsq_set_precision(rows->lstsq, precision)) != SNNK_OK) return st;
    if ((st = snnk__alloc(allocator, distill->d, block, "rows", &rows->X)) != SNNK_OK) return st;
    return snnk__alloc(allocator, distill->l, block, "rows", &rows->Y);
}

static void gathered_free(const snnk_distill *distill, gathered *rows) {
    snnk__free(&distill->allocator, rows->X);
    snnk__free(&distill->allocator, rows->Y);
    snnk_lstsq_free(rows->lstsq);
}

int snnk__distill_collect(const snnk_distill *distill, const snnk_map *map, int32_t precision,
                          double sample, snnk_workspace *workspace, snnk_lstsq **train,
                          snnk_lstsq **heldout) {
    const double share = distill->config.heldout_share, n = (double)distill->n;
    const double shares[2] = {sample / (n * (1 - share)), sample / 4 / (n * share)};
    gathered rows[2] = {{0}};
    float *Phi = NULL;
    int st;

    if ((st = gathered_alloc(distill, map, precision, &rows[0])) != SNNK_OK) goto done;
    if ((st = gathered_alloc(distill, map, precision, &rows[1])) != SNNK_OK) goto done;
    st = snnk__alloc(&distill->allocator, map->features, SNNK__DISTILL_BLOCK * sizeof *Phi,
                     "features", &Phi);
    if (st != SNNK_OK) goto done;
    rows[0].Phi = rows[1].Phi = Phi;
    for (size_t i = 0; i < distill->n && st == SNNK_OK; i++) {
        const bool held = snnk__distill_is_heldout(distill, i);

        if (is_sampled(distill, i, shares[held])) st = gather(&rows[held], i, workspace);
    }
    for (int k = 0; k < 2 && st == SNNK_OK; k++) st = flush(&rows[k], workspace);
    if (st != SNNK_OK) goto done;
    *train = rows[0].lstsq;
    *heldout = rows[1].lstsq;
    rows[0].lstsq = rows[1].lstsq = NULL;
done:
    snnk__free(&distill->allocator, Phi);
    gathered_free(distill, &rows[0]);
    gathered_free(distill, &rows[1]);
    return st;
}

/* ---- Creating ---- */

/* Y = what the teacher makes of X. */
static int ask_teacher(snnk_distill *distill, snnk_workspace *workspace) {
    const size_t h = distill->h, l = distill->l;
    float *hidden = NULL;
    size_t count;
    int st;

    if (!snnk__mul_size(distill->n, l, &count))
        return snnk__fail(SNNK_E_SIZE, "%zu rows of %zu outputs overflow a size", distill->n, l);
    st = snnk__alloc(&distill->allocator, count, sizeof(float), "outputs", &distill->made_Y);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(&distill->allocator, h, SNNK__DISTILL_BLOCK * sizeof *hidden, "neurons",
                     &hidden);
    for (size_t i = 0; i < distill->n && st == SNNK_OK; i += SNNK__DISTILL_BLOCK) {
        const size_t n = snnk__min_size(SNNK__DISTILL_BLOCK, distill->n - i);
        float *Y = distill->made_Y + i * l;

        st = snnk_layer_forward(distill->hidden, n, distill->X + i * distill->ldx, distill->ldx,
                                distill->readout ? hidden : Y, h, workspace);
        if (st == SNNK_OK && distill->readout)
            st = snnk_layer_forward(distill->readout, n, hidden, h, Y, l, workspace);
    }
    snnk__free(&distill->allocator, hidden);
    distill->Y = distill->made_Y;
    distill->ldy = l;
    return st == SNNK_OK ? snnk__check_finite(distill->Y, "the teacher's output", distill->n, l, l)
                         : st;
}

/* Both kinds of rows are there; Y varies on both. */
static int check_rows(const snnk_distill *distill) {
    const snnk_lstsq *train = distill->train, *heldout = distill->heldout;

    if (train->rows < 2 || heldout->rows < 2)
        return snnk__fail(SNNK_E_SHAPE,
                          "of %zu rows %llu are left to fit to and %llu held out: at least 2 are "
                          "needed of each",
                          distill->n, (unsigned long long)train->rows,
                          (unsigned long long)heldout->rows);
    if (snnk__distill_squares(train) > 0 && snnk__distill_squares(heldout) > 0) return SNNK_OK;
    return snnk__fail(SNNK_E_STATE, "the outputs do not vary: there is nothing to explain");
}

/* The ridge that features are chosen with: just above the rounding of float sums; with few rows so much that
 * what they cannot know is not taken for explained. */
static double choosing_ridge(const snnk_lstsq *train) {
    const size_t p = train->features;
    double trace = 0;

    for (size_t i = 0; i < p; i++) trace += train->S[i * p + i];
    return trace / (double)p * (train->rows < 4 * p ? 1e-3 : 1e-6);
}

static int collect(snnk_distill *distill, snnk_workspace *workspace) {
    int st = snnk__distill_collect(distill, distill->all, SNNK_PRECISION_FAST,
                                   (double)distill->config.selection_rows, workspace,
                                   &distill->train, &distill->heldout);

    if (st == SNNK_OK) st = check_rows(distill);
    if (st != SNNK_OK) return st;
    snnk__subset_mirror(distill->train);
    snnk__subset_mirror(distill->heldout);
    distill->ridge = choosing_ridge(distill->train);
    return SNNK_OK;
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

    st = snnk__config_read(&ours, sizeof ours, CONFIG_MINIMUM, config, "distill config");
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
    if (!Y && (st = ask_teacher(made, workspace)) != SNNK_OK) goto done;
    if ((st = collect(made, workspace)) != SNNK_OK) goto done;
    *distill = made;
    made = NULL;
done:
    snnk_distill_free(made);
    return st;
}

int snnk_distill_create_sampled(const snnk_map *candidates, size_t outputs, size_t n,
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
    if ((st = collect(made, workspace)) != SNNK_OK) goto done;
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

/* ---- Students ---- */

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
    return snnk_layer_from_lstsq(student->map, student->train, &config, NULL, layer);
}

static int start(const snnk_distill *distill, size_t m, snnk_workspace *workspace,
                 snnk__student *student, size_t *linear) {
    snnk__subset subset = {0};
    snnk_map *map = NULL;
    double error;
    int st;

    *linear = 0;
    if (distill->config.tier == SNNK_DISTILL_RANDOM) {
        st = snnk__distill_random(distill, m, &map);
    } else {
        st = snnk__subset_alloc(distill, m, &subset);
        if (st == SNNK_OK)
            st = snnk__distill_choose(distill, m, distill->config.linear, &subset, &error);
        if (st == SNNK_OK) st = snnk__distill_map(distill, &subset, &map);
        *linear = subset.directions;
    }
    snnk__subset_free(distill, &subset);
    return st == SNNK_OK ? snnk__distill_fit(distill, map, workspace, student) : st;
}

static uint64_t parameters_of(const snnk_distill *distill, uint64_t (*count)(const snnk_layer *)) {
    return count(distill->hidden) + count(distill->readout);
}

static int check_features(const snnk_distill *distill, size_t features) {
    const size_t most = distill->d + distill->h;

    if (features > 0 && features <= most) return SNNK_OK;
    return snnk__fail(SNNK_E_RANGE, "%zu features are not in 1 ... %zu, inputs and candidates",
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
    return snnk__config_write(report, &ours, sizeof ours, REPORT_MINIMUM, "distill report");
}

int snnk_distill_solve(const snnk_distill *distill, size_t features, snnk_workspace *workspace,
                       snnk_distill_report *report, snnk_layer **layer) {
    snnk__student student = {0};
    snnk_layer *made = NULL;
    size_t linear;
    int32_t epochs = 0;
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    *layer = NULL;
    if ((st = snnk__check_pointer(distill, "distill")) != SNNK_OK) return st;
    st = snnk__config_check(report, sizeof *report, REPORT_MINIMUM, "distill report");
    if (st != SNNK_OK) return st;
    if ((st = check_features(distill, features)) != SNNK_OK) return st;
    if ((st = start(distill, features, workspace, &student, &linear)) != SNNK_OK) goto done;
    if (distill->config.tier == SNNK_DISTILL_REFINED) {
        snnk__student refined;

        st = snnk__distill_refine(distill, &student, &linear, workspace, &refined, &epochs);
        if (st != SNNK_OK) goto done;
        snnk__student_free(&student);
        student = refined;
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

int snnk_layer_distill(const snnk_layer *hidden, const snnk_layer *readout, size_t features,
                       size_t n, const float *X, size_t ldx, const float *Y, size_t ldy,
                       const snnk_distill_config *config, snnk_workspace *workspace,
                       snnk_distill_report *report, snnk_layer **layer) {
    snnk_distill *distill;
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    *layer = NULL;
    st = snnk_distill_create(hidden, readout, n, X, ldx, Y, ldy, config, workspace, &distill);
    if (st != SNNK_OK) return st;
    st = snnk_distill_solve(distill, features, workspace, report, layer);
    snnk_distill_free(distill);
    return st;
}
