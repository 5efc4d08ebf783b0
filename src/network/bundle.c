/* Bundling: runs of layers without the widths between them. */
#include "network/network.h"

#include "base/size.h"

static const snnk_cost no_cost = {.size = sizeof(snnk_cost)};

#define COST_MINIMUM sizeof(snnk_cost)

int snnk_cost_init(snnk_cost *cost, size_t cost_size) {
    return snnk__config_init(cost, cost_size, &no_cost, sizeof no_cost, COST_MINIMUM, "cost");
}

/* A run on its way into `made`: the layers so far but for `pending`, the last one as long as it ends in
 * a linear map that the next layer can take in (an SNNK layer, or a dense one with SNNK_IDENTITY); or
 * NULL. */
typedef struct run {
    snnk_network *made;
    snnk_layer *pending;
} run;

static bool is_linear(const snnk_layer *layer) {
    return !layer->map && layer->activation == SNNK_IDENTITY;
}

/* Append a layer and give it up. */
static int emit(snnk_network *made, snnk_layer *layer) {
    const int st = snnk_network_append(made, layer);

    snnk_layer_free(layer);
    return st;
}

/* Columns of Psi, or W. */
static size_t columns_of(const snnk_layer *layer) {
    return layer->map ? layer->map->features : layer->inputs;
}

/* W and bias of a layer, or its Psi and bias, copied: *W = outputs x columns, *bias behind it. */
static int copy_weights(const snnk_allocator *allocator, const snnk_layer *layer, float **W,
                        float **bias) {
    const size_t l = layer->outputs, columns = columns_of(layer);
    size_t count;
    int st;

    if (!snnk__mul_size(l, columns, &count) || !snnk__add_size(count, l, &count))
        return snnk__fail(SNNK_E_SIZE, "%zu outputs of %zu features overflow size_t", l, columns);
    st = snnk__alloc(allocator, count, sizeof **W, "weights", W);
    if (st != SNNK_OK) return st;
    *bias = *W + l * columns;
    return snnk_layer_weights(layer, *W, columns, *bias);
}

/* The pending layer's features go into the network; its linear map is elsewhere by now. */
static int emit_tower(run *r) {
    snnk_layer *tower;
    int st;

    if (!r->pending->map) return SNNK_OK;
    if ((st = snnk_layer_create_tower(r->pending->map, &tower)) != SNNK_OK) return st;
    return emit(r->made, tower);
}

/* f(W (V y + c) + b): the pending linear map, then this layer's, then its activation. */
static int take_dense(run *r, const snnk_layer *layer) {
    const snnk_allocator *allocator = &r->made->allocator;
    float *W = NULL, *bias = NULL, *V = NULL, *c = NULL;
    snnk_layer *folded = NULL, *made = NULL;
    int st;

    if ((st = copy_weights(allocator, layer, &W, &bias)) != SNNK_OK) goto done;
    st = snnk_layer_fold(r->pending, layer->outputs, W, layer->inputs, bias, &folded);
    if (st != SNNK_OK) goto done;
    if (is_linear(layer)) { /* stays pending */
        snnk_layer_free(r->pending);
        r->pending = folded;
        folded = NULL;
        goto done;
    }
    if ((st = copy_weights(allocator, folded, &V, &c)) != SNNK_OK) goto done;
    st = snnk_layer_create_dense(columns_of(folded), layer->outputs, V, columns_of(folded), c,
                                 layer->activation, allocator, &made);
    if (st != SNNK_OK) goto done;
    if ((st = emit_tower(r)) != SNNK_OK) goto done;
    st = emit(r->made, made);
    made = NULL;
    snnk_layer_free(r->pending);
    r->pending = NULL;
done:
    snnk_layer_free(made);
    snnk_layer_free(folded);
    snnk__free(allocator, V);
    snnk__free(allocator, W);
    return st;
}

/* Psi' Phi'(V y + c) + bias'. */
static int take_features(run *r, const snnk_layer *layer) {
    const snnk_allocator *allocator = &r->made->allocator;
    const snnk_layer *pending = r->pending;
    float *V = NULL, *c = NULL, *Psi = NULL, *bias = NULL;
    snnk_map *map = NULL;
    snnk_layer *made = NULL;
    int st;

    if ((st = copy_weights(allocator, pending, &V, &c)) != SNNK_OK) goto done;
    st = snnk_map_fold(layer->map, columns_of(pending), V, columns_of(pending), c, &map);
    if (st != SNNK_OK) goto done;
    if (snnk__layer_is_tower(layer)) {
        st = snnk_layer_create_tower(map, &made);
    } else {
        if ((st = copy_weights(allocator, layer, &Psi, &bias)) != SNNK_OK) goto done;
        st = snnk_layer_create(map, layer->outputs, Psi, map->features, bias, &made);
    }
    if (st != SNNK_OK) goto done;
    if ((st = emit_tower(r)) != SNNK_OK) goto done;
    snnk_layer_free(r->pending);
    r->pending = made;
    made = NULL;
done:
    snnk_layer_free(made);
    snnk_map_free(map);
    snnk__free(allocator, Psi);
    snnk__free(allocator, V);
    return st;
}

/* What is pending goes into the network as it is. */
static int flush(run *r) {
    snnk_layer *pending = r->pending;

    r->pending = NULL;
    return pending ? emit(r->made, pending) : SNNK_OK;
}

static int take(run *r, const snnk_layer *layer) {
    int st;

    /* A tower, or an activation, is nothing that folds. */
    if (r->pending &&
        (snnk__layer_is_tower(r->pending) || !(r->pending->map || is_linear(r->pending))))
        if ((st = flush(r)) != SNNK_OK) return st;
    if (r->pending) return layer->map ? take_features(r, layer) : take_dense(r, layer);
    r->pending = (snnk_layer *)snnk__layer_retain(layer);
    return SNNK_OK;
}

/* Layers first ... last of a network that has them, bundled, appended to `made`. */
static int bundle_run(const snnk_network *network, size_t first, size_t last, snnk_network *made) {
    run r = {.made = made};
    int st = SNNK_OK;

    for (size_t k = first; st == SNNK_OK && k <= last; k++) {
        st = take(&r, network->layers[k]);
        if (st != SNNK_OK) snnk__fail_within(st, "layer %zu", k);
    }
    if (st == SNNK_OK) st = flush(&r);
    snnk_layer_free(r.pending);
    return st;
}

static int check_run(const snnk_network *network, size_t first, size_t last) {
    const int st = snnk__check_pointer(network, "network");

    if (st != SNNK_OK) return st;
    if (network->n_layers == 0) return snnk__fail(SNNK_E_STATE, "the network has 0 layers");
    if (first <= last && last < network->n_layers) return SNNK_OK;
    return snnk__fail(SNNK_E_RANGE, "layers %zu ... %zu are not a range within 0 ... %zu", first,
                      last, network->n_layers - 1);
}

static int append_some(const snnk_network *network, size_t first, size_t end, snnk_network *made) {
    int st = SNNK_OK;

    for (size_t k = first; st == SNNK_OK && k < end; k++)
        st = snnk_network_append(made, network->layers[k]);
    return st;
}

int snnk_network_bundle(const snnk_network *network, size_t first, size_t last,
                        snnk_network **bundled) {
    snnk_network *made = NULL;
    int st;

    if ((st = snnk__check_pointer(bundled, "bundled")) != SNNK_OK) return st;
    *bundled = NULL;
    if ((st = check_run(network, first, last)) != SNNK_OK) return st;
    if ((st = snnk_network_create(&network->allocator, &made)) != SNNK_OK) return st;
    if ((st = append_some(network, 0, first, made)) != SNNK_OK) goto done;
    if ((st = bundle_run(network, first, last, made)) != SNNK_OK) goto done;
    if ((st = append_some(network, last + 1, network->n_layers, made)) != SNNK_OK) goto done;
    if ((st = snnk__network_copy_notes(network, made)) != SNNK_OK) goto done;
    *bundled = made;
    made = NULL;
done:
    snnk_network_free(made);
    return st;
}

int snnk_network_cost(const snnk_network *network, size_t first, size_t last, snnk_cost *cost) {
    snnk_network *bundled;
    snnk_cost counted = no_cost;
    int st;

    if ((st = snnk__check_pointer(cost, "cost")) != SNNK_OK) return st;
    st = snnk__config_check(cost, sizeof *cost, COST_MINIMUM, "cost");
    if (st != SNNK_OK) return st;
    if ((st = snnk_network_bundle(network, first, last, &bundled)) != SNNK_OK) return st;
    counted.parameters_before = snnk_network_parameters(network);
    counted.multiply_adds_before = snnk_network_multiply_adds(network);
    counted.bytes_before = snnk__network_weight_bytes(network);
    counted.parameters = snnk_network_parameters(bundled);
    counted.multiply_adds = snnk_network_multiply_adds(bundled);
    counted.bytes = snnk__network_weight_bytes(bundled);
    snnk_network_free(bundled);
    return snnk__config_write(cost, &counted, sizeof *cost, COST_MINIMUM, "cost");
}

/* ---- Towers ---- */

/* All layers bundled, the last of which has a Psi. */
static int bundle_all(const snnk_network *network, snnk_network **bundled) {
    const size_t layers = snnk_network_layers(network);
    int st;

    if ((st = check_run(network, 0, snnk__max_size(layers, 1) - 1)) != SNNK_OK) return st;
    const snnk_layer *last = network->layers[layers - 1];
    if (snnk__layer_is_tower(last) || !(last->map || is_linear(last)))
        return snnk__fail(SNNK_E_UNSUPPORTED, "the network ends in %s, which has no weights Psi",
                          last->map ? "a tower" : snnk_activation_name(last->activation));
    if ((st = snnk_network_bundle(network, 0, layers - 1, bundled)) != SNNK_OK) return st;
    if ((*bundled)->n_layers > 1 || (*bundled)->layers[0]->map) return SNNK_OK;
    snnk_network_free(*bundled);
    *bundled = NULL;
    return snnk__fail(SNNK_E_UNSUPPORTED, "the network is linear: it has no features");
}

int snnk_network_input_tower(const snnk_network *network, snnk_network **tower) {
    snnk_network *bundled = NULL, *made = NULL;
    int st;

    if ((st = snnk__check_pointer(tower, "tower")) != SNNK_OK) return st;
    *tower = NULL;
    if ((st = bundle_all(network, &bundled)) != SNNK_OK) return st;
    const snnk_layer *last = bundled->layers[bundled->n_layers - 1];
    run r = {.pending = (snnk_layer *)last};

    st = snnk_network_create(&network->allocator, &made);
    if (st != SNNK_OK) goto done;
    r.made = made;
    if ((st = append_some(bundled, 0, bundled->n_layers - 1, made)) != SNNK_OK) goto done;
    if ((st = emit_tower(&r)) != SNNK_OK) goto done;
    *tower = made;
    made = NULL;
done:
    snnk_network_free(made);
    snnk_network_free(bundled);
    return st;
}

int snnk_network_weight_tower(const snnk_network *network, float *Psi, size_t ldpsi, float *bias) {
    snnk_network *bundled;
    int st = bundle_all(network, &bundled);

    if (st != SNNK_OK) return st;
    st = snnk_layer_weights(bundled->layers[bundled->n_layers - 1], Psi, ldpsi, bias);
    snnk_network_free(bundled);
    return st;
}
