/* Forward passes of a network: rows in float, bf16 and double, and features. */
#include "base/cache.h"
#include "base/overlap.h"
#include "base/size.h"
#include "base/workspace.h"
#include "kernels/kernels.h"
#include "network/network.h"

/* ---- Rows in float ---- */

/* Floats of scratch that one thread needs for `rows` rows at a time: hidden rows, in two buffers of
 * rows x widest used in turn, and the scratch of the layer that needs most. */
static size_t thread_work(const snnk_network *network, size_t rows) {
    return 2 * rows * network->widest + snnk__network_layers_work(network);
}

size_t snnk_network_scratch_bytes(const snnk_network *network) {
    if (!network) return 0;
    return (thread_work(network, SNNK__NETWORK_ROWS) + snnk__network_split_work(network)) *
           sizeof(float);
}

typedef struct rows {
    const snnk_network *network;
    const float *X;
    size_t ldx;
    float *Y;
    size_t ldy;
} rows;

static bool splits(const snnk_network *network, size_t n, const snnk_workspace *workspace) {
    bool any = false;

    for (size_t k = 0; k < network->n_layers; k++)
        any |= snnk__layer_splits(network->layers[k], n, workspace);
    return any;
}

/* Run one layer after another, each on all threads. The scratch of all threads together has room
 * for two hidden rows and the work of every row, because there are fewer rows than threads. */
static void forward_split(const rows *r, size_t n, snnk_workspace *workspace, float *scratch) {
    const snnk_network *network = r->network;
    const size_t last = network->n_layers - 1, ld = network->widest;
    float *work = scratch + 2 * n * ld;
    const float *from = r->X;
    size_t ld_from = r->ldx;

    for (size_t k = 0; k < last; k++) {
        float *to = scratch + k % 2 * n * ld;

        snnk__layer_forward_split(network->layers[k], n, from, ld_from, to, ld, workspace, work);
        from = to;
        ld_from = ld;
    }
    snnk__layer_forward_split(network->layers[last], n, from, ld_from, r->Y, r->ldy, workspace,
                              work);
}

/* Run all layers except the last one for n rows from X on this thread. Sets X and ldx to what the
 * last layer reads. scratch: thread_work for n rows. */
static void forward_hidden(const snnk_network *network, size_t n, const float **X, size_t *ldx,
                           float *scratch, float *work) {
    const size_t ld = network->widest;

    for (size_t k = 0; k + 1 < network->n_layers; k++) {
        float *to = scratch + k % 2 * n * ld;

        network->layers[k]->kind->forward(network->layers[k], n, *X, *ldx, to, ld, work);
        *X = to;
        *ldx = ld;
    }
}

static const snnk_layer *last_layer(const snnk_network *network) {
    return network->layers[network->n_layers - 1];
}

/* Run all layers for rows first ... first+n-1 on this thread. scratch: thread_work for n rows. */
static void forward_rows(const rows *r, size_t first, size_t n, float *scratch) {
    const snnk_layer *last = last_layer(r->network);
    float *work = scratch + 2 * n * r->network->widest;
    const float *from = r->X + first * r->ldx;
    size_t ld_from = r->ldx;

    forward_hidden(r->network, n, &from, &ld_from, scratch, work);
    last->kind->forward(last, n, from, ld_from, r->Y + first * r->ldy, r->ldy, work);
}

static uint64_t row_cost(const snnk_network *network) {
    uint64_t sum = 0;

    for (size_t k = 0; k < network->n_layers; k++) sum += snnk__layer_row_cost(network->layers[k]);
    return sum;
}

static void forward_task(size_t first, size_t count, void *scratch, void *context) {
    const rows *r = context;
    /* A single layer has no hidden rows, and blocks of its own. */
    const size_t most = r->network->n_layers == 1 ? count : SNNK__NETWORK_ROWS;

    for (size_t i = 0; i < count; i += most)
        forward_rows(r, first + i, snnk__min_size(most, count - i), scratch);
}

/* Check a call's network, its n rows X and Y of element_bytes each, and that they do not
 * overlap. */
static int check_rows(const snnk_network *network, size_t n, const void *X, size_t ldx, void *Y,
                      size_t ldy, size_t element_bytes) {
    int st;

    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    if (network->n_layers == 0) return snnk__fail(SNNK_E_STATE, "the network has 0 layers");
    const size_t d = snnk_network_inputs(network), l = snnk_network_outputs(network);
    if ((st = snnk__check_matrix(X, "X", n, d, ldx, element_bytes)) != SNNK_OK) return st;
    if ((st = snnk__check_matrix(Y, "Y", n, l, ldy, element_bytes)) != SNNK_OK) return st;
    const snnk__operand arrays[] = {{"X", X, n, d, ldx, element_bytes, false},
                                    {"Y", Y, n, l, ldy, element_bytes, true}};

    return snnk__check_overlap(2, arrays);
}

int snnk_network_forward(const snnk_network *network, size_t n, const float *X, size_t ldx,
                         float *Y, size_t ldy, snnk_workspace *workspace) {
    rows r = {network, X, ldx, Y, ldy};
    int st;

    if ((st = check_rows(network, n, X, ldx, Y, ldy, sizeof *X)) != SNNK_OK) return st;
    if (splits(network, n, workspace)) {
        st = snnk_workspace_reserve(workspace, snnk_network_scratch_bytes(network));
        if (st != SNNK_OK) return st;
        forward_split(&r, n, workspace, snnk__workspace_scratch(workspace));
        return SNNK_OK;
    }
    return snnk__for_rows_of(row_cost(network), workspace, &network->allocator, n,
                             thread_work(network, SNNK__NETWORK_ROWS) * sizeof(float), forward_task,
                             &r);
}

/* ---- Rows in bf16 ---- */

typedef struct bf16_rows {
    const snnk_network *network;
    const uint16_t *X;
    size_t ldx;
    uint16_t *Y;
    size_t ldy;
} bf16_rows;

/* How rows in bf16 are computed. */
typedef struct bf16_plan {
    bool rounds; /* the last layer writes its outputs in bf16 */
    bool widens; /* it also reads inputs in bf16: it is the only layer */
    size_t rows; /* at a time */
} bf16_plan;

/* Rows whose outputs are rounded afterwards: few, so that they stay in the cache until then, unless
 * the weights do not stay in it: more rows share a pass over them. */
enum { ROUNDED_ROWS = 16, MANY_ROUNDED_ROWS = 128 };

static bool weights_stay(const snnk_network *network) {
    uint64_t bytes = 0;

    for (size_t k = 0; k < network->n_layers; k++) bytes += network->layers[k]->cost.weight_bytes;
    return bytes <= snnk__l2_bytes();
}

static bf16_plan plan_of(const snnk_network *network) {
    const snnk_layer *last = last_layer(network);
    const bool rounds = last->kind->rounds && last->kind->rounds(last);

    return (bf16_plan){.rounds = rounds,
                       .widens = rounds && network->n_layers == 1,
                       .rows = rounds                  ? SNNK__NETWORK_ROWS
                               : weights_stay(network) ? ROUNDED_ROWS
                                                       : MANY_ROUNDED_ROWS};
}

/* Floats of scratch before that of the layers, for n rows: inputs and outputs in float.
 * SIZE_MAX if the count overflows. */
static size_t wide_work(const snnk_network *network, size_t n) {
    size_t floats;

    if (snnk__add_size(snnk_network_inputs(network), snnk_network_outputs(network), &floats) &&
        snnk__mul_size(floats, n, &floats))
        return floats;
    return SIZE_MAX;
}

/* The same for one thread that follows the plan, and for its share of rows that are split. */
static size_t plan_work(const snnk_network *network, const bf16_plan *plan) {
    const snnk_layer *last = last_layer(network);
    size_t floats;

    if (!plan->rounds) return wide_work(network, plan->rows);
    if (plan->widens)
        floats = last->kind->widened_work(last);
    else if (!snnk__mul_size(snnk_network_inputs(network), plan->rows, &floats))
        floats = SIZE_MAX;
    return snnk__max_size(floats, wide_work(network, 1));
}

size_t snnk_network_scratch_bytes_bf16(const snnk_network *network) {
    size_t bytes;

    if (!network || network->n_layers == 0) return 0;
    const bf16_plan plan = plan_of(network);
    if (snnk__add_size(plan_work(network, &plan),
                       thread_work(network, plan.rows) + snnk__network_split_work(network),
                       &bytes) &&
        snnk__mul_size(bytes, sizeof(float), &bytes))
        return bytes;
    return SIZE_MAX;
}

/* Rows first ... first+n-1 in float, in scratch; their outputs follow. */
static rows widened(const bf16_rows *r, size_t first, size_t n, float *scratch) {
    const size_t d = snnk_network_inputs(r->network);

    for (size_t i = 0; i < n; i++)
        snnk__kernels_get()->widen(d, r->X + (first + i) * r->ldx, scratch + i * d);
    return (rows){r->network, scratch, d, scratch + n * d, snnk_network_outputs(r->network)};
}

static void round_outputs(const bf16_rows *r, size_t first, size_t n, const rows *wide) {
    for (size_t i = 0; i < n; i++)
        snnk__kernels_get()->round(wide->ldy, wide->Y + i * wide->ldy, r->Y + (first + i) * r->ldy);
}

/* Rows first ... first+n-1, of which the last layer rounds the outputs. scratch: as plan_work, then
 * thread_work. */
static void forward_rounded(const bf16_rows *r, const bf16_plan *plan, size_t first, size_t n,
                            float *scratch) {
    const snnk_layer *last = last_layer(r->network);
    snnk__inputs from = {.bf16 = r->X + first * r->ldx, .ld = r->ldx};
    float *work = scratch;

    if (!plan->widens) {
        const rows wide = widened(r, first, n, scratch);
        float *hidden = scratch + n * wide.ldx;

        work = hidden + 2 * n * r->network->widest;
        from = (snnk__inputs){.f32 = wide.X, .ld = wide.ldx};
        forward_hidden(r->network, n, &from.f32, &from.ld, hidden, work);
    }
    last->kind->forward_bf16(last, n, &from, r->Y + first * r->ldy, r->ldy, work);
}

static void bf16_task(size_t first, size_t count, void *scratch, void *context) {
    const bf16_rows *r = context;
    const bf16_plan plan = plan_of(r->network);

    if (plan.widens) { /* a single layer has blocks of its own */
        forward_rounded(r, &plan, first, count, scratch);
        return;
    }
    for (size_t i = first, n; i < first + count; i += n) {
        n = snnk__min_size(plan.rows, first + count - i);
        if (plan.rounds) {
            forward_rounded(r, &plan, i, n, scratch);
            continue;
        }
        const rows wide = widened(r, i, n, scratch);

        forward_rows(&wide, 0, n, (float *)scratch + wide_work(r->network, n));
        round_outputs(r, i, n, &wide);
    }
}

int snnk_network_forward_bf16(const snnk_network *network, size_t n, const uint16_t *X, size_t ldx,
                              uint16_t *Y, size_t ldy, snnk_workspace *workspace) {
    bf16_rows r = {network, X, ldx, Y, ldy};
    int st;

    if ((st = check_rows(network, n, X, ldx, Y, ldy, sizeof *X)) != SNNK_OK) return st;
    const size_t bytes = snnk_network_scratch_bytes_bf16(network);
    if (bytes == SIZE_MAX)
        return snnk__fail(SNNK_E_SIZE, "scratch for rows of %zu inputs and %zu outputs overflows",
                          snnk_network_inputs(network), snnk_network_outputs(network));
    if (splits(network, n, workspace)) {
        if ((st = snnk_workspace_reserve(workspace, bytes)) != SNNK_OK) return st;
        float *scratch = snnk__workspace_scratch(workspace);
        const rows wide = widened(&r, 0, n, scratch);

        forward_split(&wide, n, workspace, scratch + wide_work(network, n));
        round_outputs(&r, 0, n, &wide);
        return SNNK_OK;
    }
    return snnk__for_rows_of(row_cost(network), workspace, &network->allocator, n, bytes, bf16_task,
                             &r);
}

/* ---- Rows in double, and features ---- */

/* What is computed: features of the last layer in float, or outputs in float or in double. */
typedef struct exact_rows {
    const snnk_network *network;
    snnk__numbers X;
    float *Phi, *Y;
    double *Y_f64;
    size_t ldy;
} exact_rows;

/* Floats of scratch that one thread needs: two buffers of hidden rows, the outputs of the last
 * layer before they are written in double, and the scratch of the layer that needs most. SIZE_MAX
 * if the count overflows. */
static size_t exact_work(const snnk_network *network) {
    const size_t l = snnk_network_outputs(network);
    size_t floats, work = 0;

    for (size_t k = 0; k < network->n_layers; k++)
        work = snnk__max_size(work, snnk__layer_sums_work(network->layers[k]));
    if (snnk__mul_size(network->widest, 2, &floats) && snnk__add_size(floats, l, &floats) &&
        snnk__mul_size(floats, SNNK__NETWORK_ROWS, &floats) &&
        snnk__add_size(floats, work, &floats))
        return floats;
    return SIZE_MAX;
}

size_t snnk_network_scratch_bytes_f64(const snnk_network *network) {
    size_t bytes = 0;

    if (!network) return 0;
    return snnk__mul_size(exact_work(network), sizeof(float), &bytes) ? bytes : SIZE_MAX;
}

/* Write sums of the last layer plus its bias in double. */
static void write_doubles(const snnk_layer *layer, size_t n, const float *sums, double *Y,
                          size_t ldy) {
    const double *bias = snnk__layer_exact_bias(layer);
    const size_t l = layer->outputs;

    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < l; j++)
            Y[i * ldy + j] = (double)sums[i * l + j] + (bias ? bias[j] : 0);
}

/* The last layer of rows i ... i+n-1. */
static void finish_rows(const exact_rows *r, const snnk__numbers *from, size_t i, size_t n,
                        float *out, float *work) {
    const snnk_layer *layer = r->network->layers[r->network->n_layers - 1];

    if (r->Phi) {
        layer->kind->features(layer, n, from, r->Phi + i * r->ldy, r->ldy, work);
    } else if (r->Y) {
        layer->kind->sums(layer, n, from, r->Y + i * r->ldy, r->ldy, work);
        snnk__layer_add_bias(layer, n, r->Y + i * r->ldy, r->ldy);
    } else if (r->Y_f64) { /* always; this says so to the analyser */
        layer->kind->sums(layer, n, from, out, layer->outputs, work);
        write_doubles(layer, n, out, r->Y_f64 + i * r->ldy, r->ldy);
    }
}

static void exact_task(size_t first, size_t count, void *scratch, void *context) {
    const exact_rows *r = context;
    const snnk_network *network = r->network;
    const size_t ld = network->widest;
    float *hidden = scratch, *out = hidden + 2 * SNNK__NETWORK_ROWS * ld;
    float *work = out + (r->Y_f64 ? SNNK__NETWORK_ROWS * snnk_network_outputs(network) : 0);

    for (size_t i = first; i < first + count; i += SNNK__NETWORK_ROWS) {
        const size_t n = snnk__min_size(SNNK__NETWORK_ROWS, first + count - i);
        snnk__numbers from = snnk__numbers_from(&r->X, i);

        for (size_t k = 0; k + 1 < network->n_layers; k++) {
            const snnk_layer *layer = network->layers[k];
            float *to = hidden + k % 2 * SNNK__NETWORK_ROWS * ld;

            layer->kind->sums(layer, n, &from, to, ld, work);
            snnk__layer_add_bias(layer, n, to, ld);
            from = (snnk__numbers){.f32 = to, .ld = ld};
        }
        finish_rows(r, &from, i, n, out, work);
    }
}

static int run_exact(exact_rows *r, size_t n, snnk_workspace *workspace) {
    const size_t bytes = r->X.f32 && !r->Y_f64
                             ? thread_work(r->network, SNNK__NETWORK_ROWS) * sizeof(float)
                             : snnk_network_scratch_bytes_f64(r->network);

    if (bytes == SIZE_MAX)
        return snnk__fail(SNNK_E_SIZE, "scratch for rows of %zu inputs overflows size_t",
                          snnk_network_inputs(r->network));
    return snnk__for_rows(workspace, &r->network->allocator, n, bytes, exact_task, r);
}

int snnk__network_outputs(const snnk_network *network, size_t n, const snnk__numbers *X, float *Y,
                          double *Y_f64, size_t ldy, snnk_workspace *workspace) {
    exact_rows r = {.network = network, .X = *X, .Y = Y, .Y_f64 = Y_f64, .ldy = ldy};

    return run_exact(&r, n, workspace);
}

int snnk_network_forward_f64(const snnk_network *network, size_t n, const double *X, size_t ldx,
                             double *Y, size_t ldy, snnk_workspace *workspace) {
    int st;

    if ((st = check_rows(network, n, X, ldx, Y, ldy, sizeof *X)) != SNNK_OK) return st;
    return snnk__network_outputs(network, n, &(snnk__numbers){.f64 = X, .ld = ldx}, NULL, Y, ldy,
                                 workspace);
}

/* X: n x d, in float or in double. */
static int features(const snnk_network *network, size_t n, const snnk__numbers *X, float *Phi,
                    size_t ldphi, snnk_workspace *workspace) {
    exact_rows r = {.network = network, .X = *X, .Phi = Phi, .ldy = ldphi};
    const size_t element = X->f32 ? sizeof *X->f32 : sizeof *X->f64;
    const void *f32 = X->f32, *given = f32 ? f32 : X->f64;
    int st;

    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    if (network->n_layers == 0) return snnk__fail(SNNK_E_STATE, "the network has 0 layers");
    const snnk_layer *last = network->layers[network->n_layers - 1];
    const size_t d = snnk_network_inputs(network);
    if (!last->kind->features)
        return snnk__fail(SNNK_E_UNSUPPORTED, "the last layer is a %s layer: it has no features",
                          last->kind->name);
    if ((st = snnk__check_matrix(given, "X", n, d, X->ld, element)) != SNNK_OK) return st;
    st = snnk__check_matrix(Phi, "Phi", n, snnk_layer_features(last), ldphi, sizeof *Phi);
    if (st != SNNK_OK) return st;
    const snnk__operand arrays[] = {{"X", given, n, d, X->ld, element, false},
                                    SNNK__WRITTEN(Phi, n, snnk_layer_features(last), ldphi)};
    if ((st = snnk__check_overlap(2, arrays)) != SNNK_OK) return st;
    return run_exact(&r, n, workspace);
}

int snnk_network_features(const snnk_network *network, size_t n, const float *X, size_t ldx,
                          float *Phi, size_t ldphi, snnk_workspace *workspace) {
    return features(network, n, &(snnk__numbers){.f32 = X, .ld = ldx}, Phi, ldphi, workspace);
}

int snnk_network_features_f64(const snnk_network *network, size_t n, const double *X, size_t ldx,
                              float *Phi, size_t ldphi, snnk_workspace *workspace) {
    return features(network, n, &(snnk__numbers){.f64 = X, .ld = ldx}, Phi, ldphi, workspace);
}
