/* Frames in files. */
#include <math.h>

#include "map/frame.h"

/* The limit is wider than that of a snnk_urf_config; the squares stay finite. */
static const double largest_norm = 1e100;

void snnk__frame_write(const snnk_frame *frame, snnk__sink *sink) {
    const size_t d = frame->inputs, k = frame->n_directions;

    sink->truth(sink, "frame.weights_centered", frame->weight_mean != NULL);
    sink->count(sink, "frame.directions", k);
    sink->number(sink, "frame.input_norm", frame->input_norm);
    sink->number(sink, "frame.weight_norm", frame->weight_norm);
    snnk__write_array(sink, snnk__array_1("mean", SNNK__ELEMENT_F64, d), frame->mean);
    snnk__write_array(sink, snnk__array_1("scale", SNNK__ELEMENT_F64, d), frame->scale);
    if (frame->weight_mean)
        snnk__write_array(sink, snnk__array_1("weight_mean", SNNK__ELEMENT_F64, d),
                          frame->weight_mean);
    if (k == 0) return;
    snnk__write_array(sink, snnk__array_2("directions", SNNK__ELEMENT_F64, k, d),
                      frame->directions);
    snnk__write_array(sink, snnk__array_1("stretch", SNNK__ELEMENT_F64, k), frame->stretch);
}

/* Read the arrays of a frame; only check that they are there if the frame is NULL. */
static int take_arrays(const snnk__source *source, size_t d, size_t k, bool centers_weights,
                       const snnk_frame *frame) {
    int st;

    st = snnk__take_array(source, snnk__array_1("mean", SNNK__ELEMENT_F64, d),
                          frame ? frame->mean : NULL);
    if (st != SNNK_OK) return st;
    st = snnk__take_array(source, snnk__array_1("scale", SNNK__ELEMENT_F64, d),
                          frame ? frame->scale : NULL);
    if (st != SNNK_OK) return st;
    if (centers_weights) {
        st = snnk__take_array(source, snnk__array_1("weight_mean", SNNK__ELEMENT_F64, d),
                              frame ? frame->weight_mean : NULL);
        if (st != SNNK_OK) return st;
    }
    if (k == 0) return SNNK_OK;
    st = snnk__take_array(source, snnk__array_2("directions", SNNK__ELEMENT_F64, k, d),
                          frame ? frame->directions : NULL);
    if (st != SNNK_OK) return st;
    return snnk__take_array(source, snnk__array_1("stretch", SNNK__ELEMENT_F64, k),
                            frame ? frame->stretch : NULL);
}

/* Scales and stretches are used as divisors, and the inverse of a subnormal number is not
 * finite. */
static int check(const snnk_frame *frame) {
    for (size_t k = 0; k < frame->inputs; k++)
        if (!isfinite(1 / frame->scale[k]))
            return snnk__fail(SNNK_E_FORMAT, "scale[%zu] = %g has no finite inverse", k,
                              frame->scale[k]);
    for (size_t i = 0; i < frame->n_directions; i++)
        if (!(frame->stretch[i] > 0 && isfinite(1 / frame->stretch[i])))
            return snnk__fail(SNNK_E_FORMAT, "stretch[%zu] = %g is not above 0", i,
                              frame->stretch[i]);
    return SNNK_OK;
}

int snnk__frame_read(const snnk__source *source, size_t inputs, snnk_frame **frame) {
    double input_norm = 0, weight_norm = 0;
    bool centers_weights = false;
    size_t directions = 0;
    snnk_frame *made = NULL;
    int st;

    if (source->value(source, "frame").type != SNNK__VALUE_OTHER)
        return snnk__fail(SNNK_E_FORMAT, "\"frame\" is missing, or not an object");
    st = snnk__read_truth(source, "frame.weights_centered", &centers_weights);
    if (st != SNNK_OK) return st;
    if ((st = snnk__read_count(source, "frame.directions", &directions)) != SNNK_OK) return st;
    if (directions > inputs)
        return snnk__fail(SNNK_E_FORMAT, "\"directions\" is %zu, more than the %zu inputs",
                          directions, inputs);
    st = snnk__read_within(source, "frame.input_norm", 0, largest_norm, &input_norm);
    if (st != SNNK_OK) return st;
    st = snnk__read_within(source, "frame.weight_norm", 0, largest_norm, &weight_norm);
    if (st != SNNK_OK) return st;
    st = take_arrays(source, inputs, directions, centers_weights, NULL);
    if (st != SNNK_OK) return st;
    st = snnk__frame_alloc(inputs, centers_weights, directions, source->allocator, &made);
    if (st != SNNK_OK) return st;
    made->input_norm = input_norm;
    made->weight_norm = weight_norm;
    st = take_arrays(source, inputs, directions, centers_weights, made);
    if (st == SNNK_OK) st = check(made);
    if (st == SNNK_OK)
        *frame = made;
    else
        snnk_frame_free(made);
    return st;
}
