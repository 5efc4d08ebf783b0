/* Add rows to statistics, a block at a time: S += A^T A for the centered block A, by the
 * kernels. */
#include "solve/accumulate.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/size.h"
#include "base/workspace.h"
#include "kernels/kernels.h"
#include "solve/qr.h"

/* ---- Packing: centered columns ---- */

/* The columns of the features or of the targets in a block: their means so far, their means in the
 * block, and where they are packed. */
typedef struct columns {
    size_t count;
    snnk__numbers X;
    double *mean, *block_mean;
    char *panels;
} columns;

typedef struct block {
    snnk_lstsq *lstsq;
    const snnk__moments *moments;
    int32_t precision; /* snnk_precision: that of the moments */
    size_t rows;
    double share, weight; /* b/(a + b) and sqrt(a b/(a + b)), for the weights a so far and b of the
                           * block */
    const float *weights; /* of the rows of the block; NULL for ones */
    columns phi, y;
    size_t phi_panels, y_panels;
} block;

static char *panel(const block *b, const columns *c, size_t index) {
    return c->panels + index * b->moments->panel_bytes;
}

static void set_packed(const block *b, const columns *c, size_t k, size_t j, double value) {
    const size_t width = b->moments->width, at = k * width + j % width;
    void *numbers = panel(b, c, j / width);

    if (b->precision == SNNK_PRECISION_DOUBLE)
        ((double *)numbers)[at] = value;
    else
        ((float *)numbers)[at] = (float)value;
}

/* Write the last row of the block, weight (block_mean - mean), and move the means. */
static void shift_means(const block *b, const columns *c, size_t first, size_t end) {
    for (size_t j = first; j < end; j++) {
        const double delta = c->block_mean[j] - c->mean[j];

        set_packed(b, c, b->rows, j, b->weight * delta);
        c->mean[j] += b->share * delta;
    }
}

/* Multiply centered rows by the roots of their weights. */
static void weigh_panel(const block *b, char *numbers) {
    const size_t width = b->moments->width;
    double *doubles = (double *)(void *)numbers;
    float *floats = (float *)(void *)numbers;

    for (size_t k = 0; k < b->rows; k++) {
        const double root = sqrt((double)b->weights[k]);

        for (size_t c = k * width; c < (k + 1) * width; c++)
            if (b->precision == SNNK_PRECISION_DOUBLE)
                doubles[c] *= root;
            else
                floats[c] *= (float)root;
    }
}

static void find_means(const block *b, const columns *c, size_t first, size_t count) {
    if (c->X.f32)
        b->moments->means(b->rows, count, c->X.f32 + first, c->X.ld, c->block_mean + first);
    else
        b->moments->means_f64(b->rows, count, c->X.f64 + first, c->X.ld, c->block_mean + first);
}

/* Pack panels first ... end-1 of the features or of the targets. */
static void pack_columns(const block *b, const columns *c, size_t first, size_t end) {
    const size_t from = first * b->moments->width;
    const size_t to = snnk__min_size(end * b->moments->width, c->count);

    if (b->weights)
        snnk__weighted_means(b->rows, &c->X, from, to - from, b->weights, c->block_mean + from);
    else
        find_means(b, c, from, to - from);
    if (c->X.f32)
        b->moments->pack(b->rows, to - from, c->X.f32 + from, c->X.ld, c->block_mean + from,
                         panel(b, c, first));
    else
        b->moments->pack_f64(b->rows, to - from, c->X.f64 + from, c->X.ld, c->block_mean + from,
                             panel(b, c, first));
    for (size_t p = first; b->weights && p < end; p++) weigh_panel(b, panel(b, c, p));
    shift_means(b, c, from, to);
}

/* Add the squares of a panel of targets to yy, row by row. */
static void add_squares(const block *b, size_t index) {
    const size_t width = b->moments->width, first = index * width;
    const size_t count = snnk__min_size(width, b->y.count - first);
    const void *numbers = panel(b, &b->y, index);
    double *yy = b->lstsq->yy + first;

    for (size_t k = 0; k <= b->rows; k++)
        for (size_t c = 0; c < count; c++) {
            const size_t at = k * width + c;
            const double y = b->precision == SNNK_PRECISION_DOUBLE
                                 ? ((const double *)numbers)[at]
                                 : (double)((const float *)numbers)[at];

            yy[c] += y * y;
        }
}

/* Make packed panels what the products take. Their numbers cannot be read any more. */
static void finish_panels(const block *b, const columns *c, size_t first, size_t end) {
    const size_t width = b->moments->width;

    for (size_t p = first; b->moments->finish && p < end; p++)
        b->moments->finish(b->rows + 1, snnk__min_size(width, c->count - p * width),
                           panel(b, c, p));
}

static void pack_features(const block *b, size_t first, size_t end) {
    pack_columns(b, &b->phi, first, end);
    finish_panels(b, &b->phi, first, end);
}

/* Pack panels of targets, and add their squares. */
static void pack_targets(const block *b, size_t first, size_t end) {
    pack_columns(b, &b->y, first, end);
    for (size_t p = first; p < end; p++) add_squares(b, p);
    finish_panels(b, &b->y, first, end);
}

/* Pack panels: those of features come first, then those of targets. */
static void pack_task(size_t first, size_t count, void *scratch, void *context) {
    const block *b = context;
    const size_t end = first + count, all = b->phi_panels;

    (void)scratch;
    if (first < all) pack_features(b, first, snnk__min_size(end, all));
    if (end > all) pack_targets(b, snnk__max_size(first, all) - all, end - all);
}

/* ---- Multiplying ---- */

/* Products of panels are counted row by row: first those of the lower triangle of S, then those of
 * C. The number of products before those of panel p, of features or of targets. */
static size_t products_before(const block *b, size_t p) {
    const size_t n = b->phi_panels;

    return p <= n ? p * (p + 1) / 2 : n * (n + 1) / 2 + (p - n) * n;
}

/* Add the products of panel p with panels first ... end-1 of features to S or C. */
static void multiply_panel(const block *b, size_t p, size_t first, size_t end) {
    const size_t m = b->phi.count, width = b->moments->width, across = b->moments->panels;
    const bool of_phi = p < b->phi_panels;
    const columns *left = of_phi ? &b->phi : &b->y;
    const size_t index = of_phi ? p : p - b->phi_panels, row = index * width;
    double *S = (of_phi ? b->lstsq->S : b->lstsq->C) + row * m;

    for (size_t q = first; q < end; q += across) {
        const size_t column = q * width, panels = snnk__min_size(across, end - q);

        b->moments->add(b->rows + 1, panel(b, left, index),
                        snnk__min_size(width, left->count - row), panel(b, &b->phi, q),
                        snnk__min_size(panels * width, m - column), S + column, m);
    }
}

/* Compute products first ... first+count-1, one group of panels after another. All are about equal
 * work, so that threads have equal parts also if panels are few and wide. */
static void multiply_task(size_t first, size_t count, void *scratch, void *context) {
    const block *b = context;
    const size_t all = b->phi_panels + b->y_panels,
                 together = b->moments->tiles * b->moments->panels;

    (void)scratch;
    for (size_t group = 0; group < b->phi_panels; group += together)
        for (size_t p = group; p < all; p++) {
            const size_t before = products_before(b, p), after = products_before(b, p + 1);
            const size_t from = snnk__max_size(first, before);
            const size_t to = snnk__min_size(first + count, after);

            if (from < to)
                multiply_panel(b, p, snnk__max_size(from - before, group),
                               snnk__min_size(to - before, group + together));
        }
}

/* ---- Blocks ---- */

/* With numbers below this limit, centered, sums of products stay floats: 384 squares of 2^59 plus
 * one of sqrt(383) 2^59. Weights lower the limit. */
#define SINGLE_LIMIT 0x1p58F

/* The limit for these rows: divided by the power of two above the root of the largest weight. */
static float single_limit(const snnk_rows *rows) {
    float most = 1;
    int exponent = 0;

    if (!rows->weights) return SINGLE_LIMIT;
    for (size_t i = 0; i < rows->n; i++) most = fmaxf(most, rows->weights[i]);
    (void)frexpf(most, &exponent);
    return ldexpf(SINGLE_LIMIT, -(exponent + 1) / 2);
}

static bool means_below(size_t count, const double *mean, float limit) {
    bool below = true;

    for (size_t j = 0; j < count; j++) below &= fabs(mean[j]) < (double)limit;
    return below;
}

/* Add at most SNNK__LSTSQ_BLOCK_ROWS rows, without labels (Chan, Golub & LeVeque 1979): S +=
 * S_block + w delta delta^T with w = a b/(a + b), where delta is the difference of the means and a
 * and b are weights. The last term is added as one more row of the block, sqrt(w) delta. */
static void add_block(snnk_lstsq *lstsq, int32_t wanted, const snnk_rows *rows,
                      snnk_workspace *workspace) {
    const size_t m = lstsq->features, t = lstsq->targets;
    const float limit = single_limit(rows);
    const bool small =
        means_below(m, lstsq->mean_phi, limit) && means_below(t, lstsq->mean_y, limit);
    const int32_t precision = small ? wanted : SNNK_PRECISION_DOUBLE;
    const snnk__moments *moments = snnk__moments_get(precision, rows->n, m);
    const size_t width = moments->width;
    const double n = lstsq->weight, k = snnk__rows_weight(rows);
    block b = {
        .lstsq = lstsq,
        .moments = moments,
        .precision = precision,
        .rows = rows->n,
        .share = k / (n + k),
        .weight = sqrt(n / (n + k) * k),
        .weights = rows->weights,
        .phi = {m, snnk__rows_inputs(rows), lstsq->mean_phi, lstsq->block_phi, lstsq->phi_panels},
        .y = {t, snnk__rows_targets(rows), lstsq->mean_y, lstsq->block_y, lstsq->y_panels},
        .phi_panels = (m - 1) / width + 1,
        .y_panels = (t - 1) / width + 1};
    const size_t panels = b.phi_panels + b.y_panels;

    /* Without scratch these cannot fail. */
    snnk__for_rows(workspace, &lstsq->allocator, panels, 0, pack_task, &b);
    snnk__for_rows_of((uint64_t)b.rows * width * width, workspace, &lstsq->allocator,
                      products_before(&b, panels), 0, multiply_task, &b);
    lstsq->rows += rows->n;
    lstsq->weight += k;
    lstsq->single |= precision == SNNK_PRECISION_SINGLE;
}

/* Write labels as targets: a 1 in a row of zeros. */
static void spread_labels(size_t rows, size_t t, const int32_t *labels, float *Y) {
    memset(Y, 0, rows * t * sizeof *Y);
    for (size_t i = 0; i < rows; i++) Y[i * t + (size_t)labels[i]] = 1;
}

/* Add a block of the rows from `first` on to the moments. Returns the number of rows. */
static size_t add_to_moments(snnk_lstsq *lstsq, int32_t precision, const snnk_rows *rows,
                             size_t first, snnk_workspace *workspace) {
    const size_t count = snnk__rows_next(rows->n - first, SNNK__LSTSQ_BLOCK_ROWS);
    snnk_rows part = snnk__rows_part(rows, first, count);

    if (part.labels) {
        spread_labels(count, lstsq->targets, part.labels, lstsq->label_rows);
        part.Y = lstsq->label_rows;
        part.ldy = lstsq->targets;
    }
    add_block(lstsq, precision, &part, workspace);
    return count;
}

/* Add a block to the factor, and its rows to *first. With AUTO, not past the row that decides.
 *   progress   of all rows, not NULL; if nobody gets its reports, the call cannot fail
 * SNNK_E_CANCELLED: the statistics can only be freed. */
static int add_to_factor(snnk_lstsq *lstsq, const snnk_rows *rows, size_t *first,
                         snnk__progress *progress) {
    const uint64_t decisive = snnk__qr_decisive_rows(lstsq);
    size_t left = rows->n - *first;
    int st;

    if (lstsq->factorization == SNNK_FACTORIZATION_AUTO && lstsq->rows < decisive &&
        decisive - lstsq->rows < left)
        left = (size_t)(decisive - lstsq->rows);

    const size_t count = snnk__rows_next(left, lstsq->qr->rows);
    const snnk_rows part = snnk__rows_part(rows, *first, count);

    *first += count;
    snnk__progress_begin_stage(progress, (double)count);
    if ((st = snnk__qr_add_block(lstsq, &part, progress)) != SNNK_OK) return st;
    return snnk__qr_decide(lstsq, progress);
}

int snnk__lstsq_add_rows(snnk_lstsq *lstsq, int32_t precision, const snnk_rows *rows,
                         snnk_workspace *workspace, snnk__progress *progress) {
    snnk__progress inside = snnk__progress_within(progress, (double)rows->n);
    int st = SNNK_OK;

    for (size_t first = 0; st == SNNK_OK && first < rows->n;) {
        if (lstsq->factorization == SNNK_FACTORIZATION_GRAM)
            first += add_to_moments(lstsq, precision, rows, first, workspace);
        else
            st = add_to_factor(lstsq, rows, &first, &inside);
        if (st == SNNK_OK) st = snnk__progress_count(progress, (double)first, (double)rows->n);
    }
    return st;
}

/* ---- Public ---- */

int snnk__lstsq_read_rows(const snnk_lstsq *lstsq, const snnk_rows *rows, int32_t *precision,
                          snnk_rows *read) {
    snnk_rows ours;
    int st;

    st = snnk__rows_read(rows, lstsq->features, lstsq->targets, true, &ours);
    if (st != SNNK_OK) return st;
    /* Check the numbers last: this reads all of X. They are in the range of float, so products
     * cannot overflow double. */
    *precision = lstsq->precision;
    if (*precision != SNNK_PRECISION_SINGLE || !snnk__rows_all_below(&ours, single_limit(&ours))) {
        *precision = SNNK_PRECISION_DOUBLE;
        if ((st = snnk__rows_check_finite(&ours)) != SNNK_OK) return st;
    }
    *read = ours;
    return SNNK_OK;
}

int snnk_lstsq_add(snnk_lstsq *lstsq, const snnk_rows *rows, snnk_workspace *workspace) {
    snnk_rows read;
    int32_t precision;
    int st;

    if ((st = snnk__check_pointer(lstsq, "lstsq")) != SNNK_OK) return st;
    if ((st = snnk__lstsq_read_rows(lstsq, rows, &precision, &read)) != SNNK_OK) return st;
    if (read.n > UINT64_MAX - lstsq->rows)
        return snnk__fail(SNNK_E_SIZE, "adding %zu rows to %llu overflows the 64-bit row count",
                          read.n, (unsigned long long)lstsq->rows);
    return snnk__lstsq_add_rows(lstsq, precision, &read, workspace, NULL);
}
