#include "network/network.h"

#include <string.h>

#include "base/overlap.h"
#include "base/size.h"
#include "base/utf8.h"
#include "base/workspace.h"

/* How many rows pass through all layers together: enough to share each pass over the weights, few
 * enough that hidden rows stay in cache. */
#define TILE_ROWS SNNK__CENTERED_ROWS

#ifdef SNNK_MINIMAL /* a minimal build has no statistics */
#define FREE_STATISTICS(lstsq) ((void)(lstsq))
#else
#define FREE_STATISTICS(lstsq) snnk_lstsq_free(lstsq)
#endif

/* There are few notes, so an array is searched from the front. */
#define MAX_NOTES 256

int snnk_network_create(const snnk_allocator *allocator, snnk_network **network) {
    snnk_allocator ours;
    snnk_network *made;
    int st;

    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    *network = NULL;
    if ((st = snnk__allocator_read(&ours, allocator)) != SNNK_OK) return st;
    if ((st = snnk__alloc(&ours, 1, sizeof *made, "a network", &made)) != SNNK_OK) return st;
    *made = (snnk_network){.allocator = ours};
    atomic_init(&made->last_handed_out, false);
    *network = made;
    return SNNK_OK;
}

void snnk_network_free(snnk_network *network) {
    if (!network) return;
    const snnk_allocator allocator = network->allocator;
    for (size_t i = 0; i < network->n_layers; i++)
        snnk_layer_free((snnk_layer *)network->layers[i]);
    for (snnk__kept_layer *kept = network->kept, *next; kept; kept = next) {
        next = kept->next;
        snnk_layer_free((snnk_layer *)kept->layer);
        snnk__free(&allocator, kept);
    }
    for (size_t i = 0; i < network->n_notes; i++) snnk__free(&allocator, network->notes[i].key);
    snnk__free(&allocator, network->layers);
    snnk__free(&allocator, network->notes);
    FREE_STATISTICS(network->statistics);
    if (network->encoder.object) network->encoder.release(network->encoder.object);
    snnk_uncertainty_free(network->uncertainty);
    snnk__free(&allocator, network);
}

/* The most scratch, in floats, of one layer on one thread; and of one row that is split within,
 * apart from its two hidden rows (0 if no layer is large enough). */
static size_t layers_work(const snnk_network *network) {
    size_t most = 0;

    for (size_t k = 0; k < network->n_layers; k++)
        most = snnk__max_size(most, network->layers[k]->cost.work);
    return most;
}

static size_t split_work(const snnk_network *network) {
    size_t most = 0;

    for (size_t k = 0; k < network->n_layers; k++)
        most = snnk__max_size(most, network->layers[k]->cost.split_work);
    return most;
}

/* Check that snnk_network_scratch_bytes still fits size_t with one more layer. */
static int check_scratch(const snnk_network *network, size_t widest, const snnk_layer *layer) {
    const size_t work = snnk__max_size(layers_work(network), layer->cost.work);
    const size_t split = snnk__max_size(split_work(network), layer->cost.split_work);
    size_t floats, bytes;

    if (snnk__mul_size(widest, 2 * TILE_ROWS, &floats) && snnk__add_size(floats, work, &floats) &&
        snnk__add_size(floats, split, &floats) && snnk__mul_size(floats, sizeof(float), &bytes))
        return SNNK_OK;
    return snnk__fail(SNNK_E_SIZE,
                      "scratch for hidden rows of %zu outputs and %zu numbers of the largest layer "
                      "overflows a size",
                      widest, work);
}

int snnk_network_append(snnk_network *network, const snnk_layer *layer) {
    const snnk_layer **layers;
    size_t widest;
    int st;

    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    if (network->statistics)
        return snnk__fail(SNNK_E_STATE, "the network holds statistics of its last layer: remove "
                                        "them first, by snnk_network_set_statistics with NULL");
    const size_t n = network->n_layers, last = snnk_network_outputs(network);
    if (n > 0 && layer->inputs != last)
        return snnk__fail(SNNK_E_SHAPE, "the layer has %zu inputs, but the network has %zu outputs",
                          layer->inputs, last);
    widest = snnk__max_size(network->widest, last);
    if ((st = check_scratch(network, widest, layer)) != SNNK_OK) return st;

    /* Networks have few layers, so the array grows by one each time. */
    st = snnk__alloc(&network->allocator, n + 1, sizeof *layers, "layers", &layers);
    if (st != SNNK_OK) return st;
    if (n > 0) memcpy(layers, network->layers, n * sizeof *layers);
    layers[n] = snnk_layer_retain(layer);
    snnk__free(&network->allocator, network->layers);
    network->layers = layers;
    network->n_layers = n + 1;
    network->widest = widest;
    snnk_uncertainty_free(network->uncertainty); /* it was that of other outputs */
    network->uncertainty = NULL;
    atomic_store_explicit(&network->last_handed_out, false, memory_order_relaxed);
    return SNNK_OK;
}

int snnk__network_reserve_place(const snnk_network *network, snnk__kept_layer **place) {
    *place = NULL;
    if (!atomic_load_explicit(&network->last_handed_out, memory_order_relaxed)) return SNNK_OK;
    return snnk__alloc(&network->allocator, 1, sizeof **place, "a replaced layer", place);
}

void snnk__network_replace_last(snnk_network *network, const snnk_layer *layer,
                                snnk__kept_layer *place) {
    const snnk_layer **last = &network->layers[network->n_layers - 1];

    if (place) {
        *place = (snnk__kept_layer){*last, network->kept};
        network->kept = place;
    } else {
        snnk_layer_free((snnk_layer *)*last);
    }
    if (layer->outputs != snnk_uncertainty_outputs(network->uncertainty)) {
        snnk_uncertainty_free(network->uncertainty);
        network->uncertainty = NULL;
    }
    *last = layer;
    atomic_store_explicit(&network->last_handed_out, false, memory_order_relaxed);
}

size_t snnk_network_layers(const snnk_network *network) { return network ? network->n_layers : 0; }

const snnk_layer *snnk_network_layer(const snnk_network *network, size_t index) {
    if (!network || index >= network->n_layers) return NULL;
    /* Only the last layer is ever replaced. Several threads may ask for it at once. A call that
     * changes the network has it to itself, so these stores happen before its load. */
    if (index == network->n_layers - 1 &&
        !atomic_load_explicit(&network->last_handed_out, memory_order_relaxed))
        atomic_store_explicit(&((snnk_network *)network)->last_handed_out, true,
                              memory_order_relaxed);
    return network->layers[index];
}

size_t snnk_network_inputs(const snnk_network *network) {
    return snnk_network_layers(network) > 0 ? network->layers[0]->inputs : 0;
}

size_t snnk_network_outputs(const snnk_network *network) {
    const size_t n = snnk_network_layers(network);

    return n > 0 ? network->layers[n - 1]->outputs : 0;
}

uint64_t snnk_network_parameters(const snnk_network *network) {
    uint64_t sum = 0;

    for (size_t i = 0; i < snnk_network_layers(network); i++)
        sum += snnk_layer_parameters(network->layers[i]);
    return sum;
}

uint64_t snnk_network_multiply_adds(const snnk_network *network) {
    uint64_t sum = 0;

    for (size_t i = 0; i < snnk_network_layers(network); i++)
        sum += snnk_layer_multiply_adds(network->layers[i]);
    return sum;
}

uint64_t snnk_network_weight_bytes(const snnk_network *network) {
    uint64_t sum = 0;

    for (size_t i = 0; i < snnk_network_layers(network); i++)
        sum += snnk_layer_weight_bytes(network->layers[i]);
    return sum;
}

/* ---- Notes ---- */

static int check_key(const char *key) {
    const size_t length = strlen(key);

    if (length < 1 || length > 64 ||
        strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789._-") != length)
        return snnk__fail(SNNK_E_RANGE, "key \"%.70s\" is not 1 ... 64 characters of [a-z0-9._-]",
                          key);
    return SNNK_OK;
}

/* The index of the key, or where to insert it. */
static size_t find_note(const snnk_network *network, const char *key) {
    size_t i = 0;

    while (i < network->n_notes && strcmp(network->notes[i].key, key) < 0) i++;
    return i;
}

static bool is_note(const snnk_network *network, size_t i, const char *key) {
    return i < network->n_notes && strcmp(network->notes[i].key, key) == 0;
}

static int make_note(const snnk_allocator *allocator, const char *key, const char *value,
                     snnk__note *note) {
    const size_t key_bytes = strlen(key) + 1, value_bytes = strlen(value) + 1;
    char *text;
    const int st = snnk__alloc(allocator, key_bytes + value_bytes, 1, "a note", &text);

    if (st != SNNK_OK) return st;
    memcpy(text, key, key_bytes);
    memcpy(text + key_bytes, value, value_bytes);
    *note = (snnk__note){text, text + key_bytes};
    return SNNK_OK;
}

static void remove_note(snnk_network *network, size_t i) {
    snnk__free(&network->allocator, network->notes[i].key);
    network->n_notes--;
    memmove(network->notes + i, network->notes + i + 1,
            (network->n_notes - i) * sizeof *network->notes);
}

static int insert_note(snnk_network *network, size_t i, const snnk__note *note) {
    const size_t n = network->n_notes;
    snnk__note *notes;
    const int st = snnk__alloc(&network->allocator, n + 1, sizeof *notes, "notes", &notes);

    if (st != SNNK_OK) return st;
    if (i > 0) memcpy(notes, network->notes, i * sizeof *notes);
    notes[i] = *note;
    if (n > i) memcpy(notes + i + 1, network->notes + i, (n - i) * sizeof *notes);
    snnk__free(&network->allocator, network->notes);
    network->notes = notes;
    network->n_notes = n + 1;
    return SNNK_OK;
}

int snnk_network_set_note(snnk_network *network, const char *key, const char *value) {
    snnk__note note;
    int st;

    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(key, "key")) != SNNK_OK) return st;
    if ((st = check_key(key)) != SNNK_OK) return st;
    const size_t i = find_note(network, key);
    const bool there = is_note(network, i, key);
    if (!value) {
        if (there) remove_note(network, i);
        return SNNK_OK;
    }
    if (!snnk__is_utf8(value, strlen(value)))
        return snnk__fail(SNNK_E_RANGE, "the value of \"%.64s\" is not UTF-8", key);
    if (!there && network->n_notes == MAX_NOTES)
        return snnk__fail(SNNK_E_RANGE, "the network already has %d notes, the limit", MAX_NOTES);
    if ((st = make_note(&network->allocator, key, value, &note)) != SNNK_OK) return st;
    if (there) {
        snnk__free(&network->allocator, network->notes[i].key);
        network->notes[i] = note;
        return SNNK_OK;
    }
    if ((st = insert_note(network, i, &note)) != SNNK_OK) snnk__free(&network->allocator, note.key);
    return st;
}

const char *snnk_network_note(const snnk_network *network, const char *key) {
    if (!network || !key) return NULL;
    const size_t i = find_note(network, key);
    return is_note(network, i, key) ? network->notes[i].value : NULL;
}

size_t snnk_network_notes(const snnk_network *network) { return network ? network->n_notes : 0; }

const char *snnk_network_note_key(const snnk_network *network, size_t index) {
    return index < snnk_network_notes(network) ? network->notes[index].key : NULL;
}

int snnk__network_copy_notes(const snnk_network *from, snnk_network *to) {
    int st = SNNK_OK;

    for (size_t i = 0; st == SNNK_OK && i < from->n_notes; i++)
        st = snnk_network_set_note(to, from->notes[i].key, from->notes[i].value);
    if (st != SNNK_OK) return st;
    if (from->uncertainty && !to->uncertainty &&
        snnk_network_outputs(to) == snnk_network_outputs(from))
        to->uncertainty = snnk_uncertainty_retain(from->uncertainty);
    if (!from->encoder.object || to->encoder.object) return SNNK_OK;
    to->encoder = from->encoder;
    to->encoder.object = from->encoder.retain(from->encoder.object);
    return SNNK_OK;
}

/* ---- Forward ---- */

/* Floats of scratch that one thread needs: hidden rows, in two buffers of TILE_ROWS x widest used
 * in turn, and the scratch of the layer that needs most. */
static size_t thread_work(const snnk_network *network) {
    return 2 * TILE_ROWS * network->widest + layers_work(network);
}

size_t snnk_network_scratch_bytes(const snnk_network *network) {
    return network ? (thread_work(network) + split_work(network)) * sizeof(float) : 0;
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

/* Run one layer after another, each on all threads. Their scratch together has room for two hidden
 * rows and the work of every row, because there are fewer rows than threads. */
static void forward_split(const rows *r, size_t n, snnk_workspace *workspace) {
    const snnk_network *network = r->network;
    const size_t last = network->n_layers - 1, ld = network->widest;
    float *hidden = snnk__workspace_scratch(workspace), *work = hidden + 2 * n * ld;
    const float *from = r->X;
    size_t ld_from = r->ldx;

    for (size_t k = 0; k < last; k++) {
        float *to = hidden + k % 2 * n * ld;

        snnk__layer_forward_split(network->layers[k], n, from, ld_from, to, ld, workspace, work);
        from = to;
        ld_from = ld;
    }
    snnk__layer_forward_split(network->layers[last], n, from, ld_from, r->Y, r->ldy, workspace,
                              work);
}

static void forward_task(size_t first, size_t count, void *scratch, void *context) {
    const rows *r = context;
    const snnk_network *network = r->network;
    const size_t last = network->n_layers - 1, ld = network->widest;
    const snnk__layer_kind *kind = network->layers[last]->kind;
    float *work = (float *)scratch + 2 * TILE_ROWS * ld;

    for (size_t i = first; i < first + count; i += TILE_ROWS) {
        const size_t n = snnk__min_size(TILE_ROWS, first + count - i);
        const float *from = r->X + i * r->ldx;
        size_t ld_from = r->ldx;

        for (size_t k = 0; k < last; k++) {
            float *to = (float *)scratch + k % 2 * TILE_ROWS * ld;

            network->layers[k]->kind->forward(network->layers[k], n, from, ld_from, to, ld, work);
            from = to;
            ld_from = ld;
        }
        kind->forward(network->layers[last], n, from, ld_from, r->Y + i * r->ldy, r->ldy, work);
    }
}

int snnk_network_forward(const snnk_network *network, size_t n, const float *X, size_t ldx,
                         float *Y, size_t ldy, snnk_workspace *workspace) {
    rows r = {network, X, ldx, Y, ldy};
    int st;

    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    if (network->n_layers == 0) return snnk__fail(SNNK_E_STATE, "the network has 0 layers");
    const snnk_layer *first = network->layers[0], *last = network->layers[network->n_layers - 1];
    if ((st = snnk__check_matrix(X, "X", n, first->inputs, ldx, sizeof *X)) != SNNK_OK) return st;
    st = snnk__check_matrix(Y, "Y", n, last->outputs, ldy, sizeof *Y);
    if (st != SNNK_OK) return st;
    const snnk__operand arrays[] = {SNNK__READ(X, n, first->inputs, ldx),
                                    SNNK__WRITTEN(Y, n, snnk_network_outputs(network), ldy)};
    if ((st = snnk__check_overlap(2, arrays)) != SNNK_OK) return st;
    if (splits(network, n, workspace)) {
        st = snnk_workspace_reserve(workspace, snnk_network_scratch_bytes(network));
        if (st != SNNK_OK) return st;
        forward_split(&r, n, workspace);
        return SNNK_OK;
    }
    return snnk__for_rows(workspace, &network->allocator, n, thread_work(network) * sizeof(float),
                          forward_task, &r);
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
        snnk__mul_size(floats, TILE_ROWS, &floats) && snnk__add_size(floats, work, &floats))
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
    } else {
        layer->kind->sums(layer, n, from, out, layer->outputs, work);
        write_doubles(layer, n, out, r->Y_f64 + i * r->ldy, r->ldy);
    }
}

static void exact_task(size_t first, size_t count, void *scratch, void *context) {
    const exact_rows *r = context;
    const snnk_network *network = r->network;
    const size_t ld = network->widest;
    float *hidden = scratch, *out = hidden + 2 * TILE_ROWS * ld;
    float *work = out + (r->Y_f64 ? TILE_ROWS * snnk_network_outputs(network) : 0);

    for (size_t i = first; i < first + count; i += TILE_ROWS) {
        const size_t n = snnk__min_size(TILE_ROWS, first + count - i);
        snnk__numbers from = snnk__numbers_from(&r->X, i);

        for (size_t k = 0; k + 1 < network->n_layers; k++) {
            const snnk_layer *layer = network->layers[k];
            float *to = hidden + k % 2 * TILE_ROWS * ld;

            layer->kind->sums(layer, n, &from, to, ld, work);
            snnk__layer_add_bias(layer, n, to, ld);
            from = (snnk__numbers){.f32 = to, .ld = ld};
        }
        finish_rows(r, &from, i, n, out, work);
    }
}

static int run_exact(exact_rows *r, size_t n, snnk_workspace *workspace) {
    const size_t bytes = r->X.f32 && !r->Y_f64 ? thread_work(r->network) * sizeof(float)
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

    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    if (network->n_layers == 0) return snnk__fail(SNNK_E_STATE, "the network has 0 layers");
    const size_t d = snnk_network_inputs(network), l = snnk_network_outputs(network);
    if ((st = snnk__check_matrix(X, "X", n, d, ldx, sizeof *X)) != SNNK_OK) return st;
    if ((st = snnk__check_matrix(Y, "Y", n, l, ldy, sizeof *Y)) != SNNK_OK) return st;
    const snnk__operand arrays[] = {SNNK__READ(X, n, d, ldx), SNNK__WRITTEN(Y, n, l, ldy)};
    if ((st = snnk__check_overlap(2, arrays)) != SNNK_OK) return st;
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
