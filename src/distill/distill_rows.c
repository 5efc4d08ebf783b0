/* Rows into statistics: those to fit to, and those that are held out. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "base/size.h"
#include "distill/distill.h"

bool snnk__distill_is_heldout(const snnk_distill *distill, size_t i) {
    double u;

    snnk__random_uniform(distill->config.seed, SNNK__STREAM_HELDOUT,
                         i / distill->config.heldout_block_rows, 0, 1, &u);
    return u < distill->config.heldout_share;
}

static bool is_sampled(const snnk_distill *distill, size_t i, double share) {
    double u;

    if (share >= 1) return true;
    snnk__random_uniform(distill->config.seed, SNNK__STREAM_SAMPLE, i, 0, 1, &u);
    return u < share;
}

/* Of the rows to fit to and those held out, the shares that are about `sample` rows and a quarter as many. */
static void shares_of(const snnk_distill *distill, double sample, double shares[2]) {
    const double share = distill->config.heldout_share, n = (double)distill->n;

    shares[0] = sample / (n * (1 - share));
    shares[1] = sample / 4 / (n * share);
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
    return st == SNNK_OK
               ? snnk_lstsq_add(rows->lstsq,
                                SNNK_ROWS(.n = n, .X = rows->Phi, .ldx = m, .Y = rows->Y, .ldy = l),
                                workspace)
               : st;
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
    const double n = (double)distill->n;
    double shares[2];
    gathered rows[2] = {{0}};
    float *Phi = NULL;
    int st;

    shares_of(distill, sample, shares);
    if ((st = gathered_alloc(distill, map, precision, &rows[0])) != SNNK_OK) goto done;
    if ((st = gathered_alloc(distill, map, precision, &rows[1])) != SNNK_OK) goto done;
    st = snnk__alloc(&distill->allocator, map->features, SNNK__DISTILL_BLOCK * sizeof *Phi,
                     "features", &Phi);
    if (st != SNNK_OK) goto done;
    rows[0].Phi = rows[1].Phi = Phi;
    for (size_t i = 0; i < distill->n && st == SNNK_OK; i++) {
        const bool held = snnk__distill_is_heldout(distill, i);

        if (is_sampled(distill, i, shares[held])) st = gather(&rows[held], i, workspace);
        if (st == SNNK_OK && (i + 1) % SNNK__DISTILL_BLOCK == 0)
            st = snnk__progress_count(distill->progress, (double)i, n);
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

/* ---- Looking ---- */

/* Rows of all features on their way into statistics, without targets. */
typedef struct sampled {
    snnk_lstsq *lstsq;
    size_t n;
    float *Phi; /* SNNK__DISTILL_BLOCK x (d + h) */
} sampled;

static int sampled_alloc(const snnk_distill *distill, sampled *rows) {
    const size_t p = distill->d + distill->h;
    int st;

    /* A target of zeros: there has to be one. */
    st = snnk_lstsq_create(p, 1, &distill->allocator, &rows->lstsq);
    if (st != SNNK_OK) return st;
    st = snnk_lstsq_set_precision(rows->lstsq, SNNK_PRECISION_SINGLE);
    if (st != SNNK_OK) return st;
    return snnk__alloc(&distill->allocator, p, SNNK__DISTILL_BLOCK * sizeof *rows->Phi, "features",
                       &rows->Phi);
}

static int add_sampled(const snnk_distill *distill, sampled *rows, snnk_workspace *workspace) {
    static const float zeros[SNNK__DISTILL_BLOCK];
    const size_t n = rows->n;

    rows->n = 0;
    return snnk_lstsq_add(
        rows->lstsq,
        SNNK_ROWS(.n = n, .X = rows->Phi, .ldx = distill->d + distill->h, .Y = zeros, .ldy = 1),
        workspace);
}

/* Rows first ... first+n-1 of X into H (n x h, the neurons) and Y. */
static int ask_teacher(snnk_distill *distill, size_t first, size_t n, float *H,
                       snnk_workspace *workspace) {
    const size_t h = distill->h, l = distill->l;
    float *Y = distill->made_Y + first * l;
    int st = snnk_layer_forward(distill->hidden, n, distill->X + first * distill->ldx, distill->ldx,
                                H, h, workspace);

    if (st == SNNK_OK && distill->readout)
        st = snnk_layer_forward(distill->readout, n, H, h, Y, l, workspace);
    if (st != SNNK_OK) return st;
    if (!distill->readout) memcpy(Y, H, n * h * sizeof *Y);
    /* From the first row on, for its number in the sentence. */
    return snnk__check_finite(Y, "", n, l, l) == SNNK_OK
               ? SNNK_OK
               : snnk__check_finite(distill->made_Y, "the teacher's output", first + n, l, l);
}

/* What of a block of rows is in the samples. */
static int sample_block(const snnk_distill *distill, size_t first, size_t n, const float *H,
                        const double shares[2], sampled rows[2], snnk_workspace *workspace) {
    const size_t d = distill->d, h = distill->h;
    int st = SNNK_OK;

    for (size_t i = first; i < first + n && st == SNNK_OK; i++) {
        sampled *to = &rows[snnk__distill_is_heldout(distill, i)];
        float *Phi = to->Phi + to->n * (d + h);

        if (!is_sampled(distill, i, shares[to - rows])) continue;
        memcpy(Phi, distill->X + i * distill->ldx, d * sizeof *Phi);
        memcpy(Phi + d, H + (i - first) * h, h * sizeof *Phi);
        if (++to->n == SNNK__DISTILL_BLOCK) st = add_sampled(distill, to, workspace);
    }
    return st;
}

/* The teacher's outputs are linear in its neurons, which are features: so are their moments. */
static int add_outputs(const snnk_distill *distill, snnk_lstsq *lstsq) {
    const size_t h = distill->h, l = distill->l;
    float *W = NULL, *bias = NULL;
    int st = SNNK_OK;

    snnk__subset_mirror(lstsq);
    if (distill->readout) {
        st = snnk__alloc(&distill->allocator, l, h * sizeof *W, "a readout", &W);
        if (st == SNNK_OK) st = snnk__alloc(&distill->allocator, l, sizeof *bias, "a bias", &bias);
        if (st == SNNK_OK) st = snnk_layer_weights(distill->readout, W, h, bias);
    }
    if (st == SNNK_OK) st = snnk__subset_linear_targets(lstsq, distill->d, l, W, bias);
    snnk__free(&distill->allocator, bias);
    snnk__free(&distill->allocator, W);
    return st;
}

/* Without Y: the teacher makes it, and the neurons on the way there are the features. */
static int gather_teacher_moments(snnk_distill *distill, const double shares[2],
                                  snnk_workspace *workspace) {
    const snnk_allocator *allocator = &distill->allocator;
    sampled rows[2] = {{0}};
    float *H = NULL;
    size_t count;
    int st;

    if (!snnk__mul_size(distill->n, distill->l, &count))
        return snnk__fail(SNNK_E_SIZE, "%zu rows of %zu outputs overflow a size", distill->n,
                          distill->l);
    st = snnk__alloc(allocator, count, sizeof(float), "outputs", &distill->made_Y);
    if (st != SNNK_OK) return st;
    distill->Y = distill->made_Y;
    distill->ldy = distill->l;
    st = snnk__alloc(allocator, distill->h, SNNK__DISTILL_BLOCK * sizeof *H, "neurons", &H);
    for (int k = 0; k < 2 && st == SNNK_OK; k++) st = sampled_alloc(distill, &rows[k]);
    for (size_t i = 0; i < distill->n && st == SNNK_OK; i += SNNK__DISTILL_BLOCK) {
        const size_t n = snnk__min_size(SNNK__DISTILL_BLOCK, distill->n - i);

        st = ask_teacher(distill, i, n, H, workspace);
        if (st == SNNK_OK) st = sample_block(distill, i, n, H, shares, rows, workspace);
        if (st == SNNK_OK)
            st = snnk__progress_count(distill->progress, (double)(i + n), (double)distill->n);
    }
    for (int k = 0; k < 2 && st == SNNK_OK; k++) {
        st = add_sampled(distill, &rows[k], workspace);
        if (st == SNNK_OK) st = add_outputs(distill, rows[k].lstsq);
    }
    snnk__free(allocator, H);
    snnk__free(allocator, rows[0].Phi);
    snnk__free(allocator, rows[1].Phi);
    distill->train = rows[0].lstsq;
    distill->heldout = rows[1].lstsq;
    return st;
}

int snnk__distill_look(snnk_distill *distill, snnk_workspace *workspace) {
    const double sample = (double)distill->config.selection_rows;
    double shares[2];
    int st;

    shares_of(distill, sample, shares);
    if (!distill->Y) return gather_teacher_moments(distill, shares, workspace);
    st = snnk__distill_collect(distill, distill->all, SNNK_PRECISION_SINGLE, sample, workspace,
                               &distill->train, &distill->heldout);
    if (st != SNNK_OK) return st;
    snnk__subset_mirror(distill->train);
    snnk__subset_mirror(distill->heldout);
    return SNNK_OK;
}
