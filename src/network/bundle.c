/* Bundling: layers without the wide matrices between them.
 *
 * The layers of a range are processed one by one. If the last one so far ends in a linear map, V t
 * + c, it is held back: the next layer absorbs V and c, and only its features t are appended. */
#include "network/network.h"

#include "base/size.h"

typedef struct run {
    snnk_network *made;  /* the finished layers */
    snnk_layer *pending; /* the layer that is held back; NULL if there is none */
} run;

/* Append a layer and release our reference to it. */
static int emit(snnk_network *made, snnk_layer *layer) {
    const int st = snnk_network_append(made, layer);

    snnk_layer_free(layer);
    return st;
}

/* Append the features of a layer whose weights the next one has absorbed. */
static int emit_features(const snnk_layer *layer, snnk_network *made) {
    snnk_layer *tower;
    int st;

    /* The features of a linear layer are its inputs: nothing to append. */
    if (layer->kind->linearity(layer) == SNNK__LINEAR_IN_INPUTS) return SNNK_OK;
    st = snnk_layer_create_tower(snnk_layer_map(layer), &tower);
    return st == SNNK_OK ? emit(made, tower) : st;
}

/* Append the pending layer unchanged. */
static int flush(run *r) {
    snnk_layer *pending = r->pending;

    r->pending = NULL;
    return pending ? emit(r->made, pending) : SNNK_OK;
}

/* A linear layer after the pending one: combine both into one layer with the same features. */
static int take_linear(run *r, const snnk_layer *layer) {
    const snnk_allocator *allocator = &r->made->allocator;
    float *W = NULL;
    double *bias;
    snnk_layer *folded = NULL;
    int st;

    if ((st = snnk__layer_copy_weights(layer, allocator, &W, &bias)) != SNNK_OK) goto done;
    st = r->pending->kind->fold(r->pending, layer->outputs, W, layer->columns,
                                (snnk__numbers){.f64 = bias}, &folded);
    if (st != SNNK_OK) goto done;
    snnk_layer_free(r->pending);
    r->pending = folded;
done:
    snnk__free(allocator, W);
    return st;
}

/* Any other layer: it absorbs the weights of the pending one. */
static int take_other(run *r, const snnk_layer *layer) {
    const snnk_allocator *allocator = &r->made->allocator;
    const size_t columns = r->pending->columns;
    float *V = NULL;
    double *c;
    snnk_layer *made = NULL;
    int st;

    if ((st = snnk__layer_copy_weights(r->pending, allocator, &V, &c)) != SNNK_OK) goto done;
    st = layer->kind->fold_inputs(layer, columns, V, columns, c, &made);
    if (st != SNNK_OK) goto done;
    if ((st = emit_features(r->pending, r->made)) != SNNK_OK) goto done;
    snnk_layer_free(r->pending);
    r->pending = made;
    made = NULL;
done:
    snnk_layer_free(made);
    snnk__free(allocator, V);
    return st;
}

static int take(run *r, const snnk_layer *layer) {
    snnk__sentence before;
    int st;

    if (r->pending &&
        (r->pending->kind->linearity(r->pending) == SNNK__NOT_LINEAR || !layer->kind->fold_inputs))
        if ((st = flush(r)) != SNNK_OK) return st;
    if (!r->pending) {
        r->pending = snnk_layer_retain(layer);
        return SNNK_OK;
    }
    if (layer->kind->linearity(layer) == SNNK__LINEAR_IN_INPUTS) return take_linear(r, layer);
    snnk__sentence_save(&before);
    if ((st = take_other(r, layer)) != SNNK_E_UNSUPPORTED) return st;
    if ((st = flush(r)) != SNNK_OK) return st; /* features that cannot be folded stay as they are */
    r->pending = snnk_layer_retain(layer);
    return snnk__recovered(SNNK_OK, &before);
}

/* Bundle layers first ... last of the network, and append them to `made`. */
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

/* ---- Towers ---- */

/* Set *bundled to all layers, bundled. Fails unless the last layer has a readout. */
static int bundle_all(const snnk_network *network, snnk_network **bundled) {
    const size_t layers = snnk_network_layers(network);
    int st;

    if ((st = check_run(network, 0, snnk__max_size(layers, 1) - 1)) != SNNK_OK) return st;
    const snnk_layer *last = network->layers[layers - 1];
    const char *activation = snnk_activation_name(snnk_layer_activation(last));
    if (last->kind->linearity(last) == SNNK__NOT_LINEAR)
        return snnk__fail(
            SNNK_E_UNSUPPORTED, "the network ends in a %s layer%s%s, which has no weights Psi",
            last->kind->name, activation ? " with activation " : "", activation ? activation : "");
    if ((st = snnk_network_bundle(network, 0, layers - 1, bundled)) != SNNK_OK) return st;
    last = (*bundled)->layers[0];
    if ((*bundled)->n_layers > 1 || last->kind->linearity(last) == SNNK__LINEAR_IN_FEATURES)
        return SNNK_OK;
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
    const size_t last = bundled->n_layers - 1;

    if ((st = snnk_network_create(&network->allocator, &made)) != SNNK_OK) goto done;
    if ((st = append_some(bundled, 0, last, made)) != SNNK_OK) goto done;
    if ((st = emit_features(bundled->layers[last], made)) != SNNK_OK) goto done;
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
