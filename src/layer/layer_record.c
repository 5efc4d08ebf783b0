/* Everything in the file is untrusted: each kind checks its record against the arrays in the file
 * before it allocates memory. */
#include "layer/layer_record.h"

#include "layer/kinds.h"

void snnk__layers_write(const snnk_layer *const *layers, size_t n, const snnk__sink *sink) {
    for (size_t i = 0; i < n; i++) {
        snnk__sink of_layer = snnk__sink_within(sink, "layers", i);

        of_layer.text(&of_layer, "kind", layers[i]->kind->name);
        of_layer.count(&of_layer, "inputs", layers[i]->inputs);
        of_layer.count(&of_layer, "outputs", layers[i]->outputs);
        layers[i]->kind->save(layers[i], &of_layer);
    }
}

int snnk__layers_count(const snnk__source *source, size_t *n) {
    *n = source->length(source, "layers");
    if (*n > 0) return SNNK_OK;
    return snnk__fail(SNNK_E_FORMAT, "\"layers\" is missing, empty, or not an array");
}

int snnk__layers_read(const snnk__source *source, size_t index, snnk_layer **layer) {
    const snnk__source of_layer = snnk__source_within(source, "layers", index);
    const snnk__layer_kind *kind;
    size_t inputs = 0, outputs = 0;
    const char *name = NULL;
    int st;

    if ((st = snnk__read_text(&of_layer, "kind", &name)) != SNNK_OK) return st;
    if ((st = snnk__read_count(&of_layer, "inputs", &inputs)) != SNNK_OK) return st;
    if ((st = snnk__read_count(&of_layer, "outputs", &outputs)) != SNNK_OK) return st;
    if (inputs == 0 || outputs == 0)
        return snnk__fail(SNNK_E_FORMAT, "%zu inputs and %zu outputs", inputs, outputs);
    if ((st = snnk__layer_kind_find(name, &kind)) != SNNK_OK) return st;
    return kind->load(&of_layer, inputs, outputs, layer);
}
