/* Quantizing layers and networks, and measuring what that does to the outputs. */
#include <math.h>

#include <snnk/quantize.h>

#include "base/rows.h"
#include "base/size.h"
#include "network/network.h"

/* The first version of the report had all of today's fields. */
#define REPORT_MINIMUM sizeof(snnk_quantize_report)

/* Rows that are compared at a time. */
#define COMPARED_ROWS 64

int snnk_layer_quantize(const snnk_layer *layer, int32_t storage, snnk_layer **quantized) {
    int st;

    if ((st = snnk__check_pointer(quantized, "quantized")) != SNNK_OK) return st;
    *quantized = NULL;
    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    if ((st = snnk__check_enum(storage, SNNK_STORAGE_BF16X3 + 1, "storage")) != SNNK_OK) return st;
    return layer->kind->quantize(layer, storage, quantized);
}

static int quantize_layers(const snnk_network *network, int32_t storage, snnk_network *made) {
    int st = SNNK_OK;

    for (size_t k = 0; st == SNNK_OK && k < network->n_layers; k++) {
        snnk_layer *layer;

        st = snnk_layer_quantize(network->layers[k], storage, &layer);
        if (st != SNNK_OK) return snnk__fail_within(st, "layer %zu", k);
        st = snnk_network_append(made, layer);
        snnk_layer_free(layer);
    }
    return st == SNNK_OK ? snnk__network_copy_notes(network, made) : st;
}

/* Sums over the outputs Y and the outputs Z of the other network. */
typedef struct comparison {
    double differences2, squares, largest;
} comparison;

static void compare_outputs(size_t count, const float *Y, const float *Z, comparison *sums) {
    for (size_t k = 0; k < count; k++) {
        const double difference = (double)Z[k] - Y[k];

        sums->differences2 += difference * difference;
        sums->squares += (double)Y[k] * Y[k];
        sums->largest = fmax(sums->largest, fabs(difference)); /* fmax ignores NaN */
    }
}

/* Fill in the errors of `made` against `network` on n >= 1 checked rows. */
static int compare(const snnk_network *network, const snnk_network *made, const snnk_rows *rows,
                   snnk_workspace *workspace, snnk_quantize_report *report) {
    const size_t l = snnk_network_outputs(network);
    snnk__float_rows floats;
    comparison sums = {0};
    float *Y = NULL, *Z;
    size_t count;
    int st;

    if (!snnk__mul_size(l, 2 * COMPARED_ROWS, &count))
        return snnk__fail(SNNK_E_SIZE, "%zu outputs overflow size_t", l);
    st = snnk__float_rows_open(&network->allocator, rows, COMPARED_ROWS, &floats);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(&network->allocator, count, sizeof *Y, "outputs", &Y);
    if (st != SNNK_OK) goto done;
    Z = Y + COMPARED_ROWS * l;
    for (size_t i = 0; i < rows->n; i += COMPARED_ROWS) {
        const size_t n = snnk__min_size(COMPARED_ROWS, rows->n - i);
        const snnk_rows part = snnk__float_rows_part(&floats, i, n);

        st = snnk_network_forward(network, n, part.X, part.ldx, Y, l, workspace);
        if (st != SNNK_OK) goto done;
        st = snnk_network_forward(made, n, part.X, part.ldx, Z, l, workspace);
        if (st != SNNK_OK) goto done;
        compare_outputs(n * l, Y, Z, &sums);
    }
    const double rms = sqrt(sums.squares / ((double)rows->n * (double)l));

    report->rms = rms;
    report->relative_error = sums.differences2 == 0 ? 0 : sqrt(sums.differences2 / sums.squares);
    report->largest_error = isnan(sums.differences2) ? NAN
                            : sums.largest == 0      ? 0
                                                     : sums.largest / rms;
done:
    snnk__free(&network->allocator, Y);
    snnk__float_rows_close(&floats);
    return st;
}

int snnk_network_quantize(const snnk_network *network, int32_t storage, const snnk_rows *rows,
                          snnk_workspace *workspace, snnk_quantize_report *report,
                          snnk_network **quantized) {
    snnk_quantize_report filled = {.relative_error = NAN, .largest_error = NAN, .rms = NAN};
    snnk_rows checked = {.n = 0};
    snnk_network *made = NULL;
    int st;

    if ((st = snnk__check_pointer(quantized, "quantized")) != SNNK_OK) return st;
    *quantized = NULL;
    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    if (network->n_layers == 0) return snnk__fail(SNNK_E_STATE, "the network has 0 layers");
    if ((st = snnk__check_enum(storage, SNNK_STORAGE_BF16X3 + 1, "storage")) != SNNK_OK) return st;
    if (rows) {
        st = snnk__rows_read(rows, snnk_network_inputs(network), 0, false, &checked);
        if (st != SNNK_OK) return st;
        if ((st = snnk__rows_check_finite(&checked)) != SNNK_OK) return st;
    }
    st = snnk__config_check(report, sizeof *report, REPORT_MINIMUM, "quantize report");
    if (st != SNNK_OK) return st;
    if ((st = snnk_network_create(&network->allocator, &made)) != SNNK_OK) return st;
    if ((st = quantize_layers(network, storage, made)) != SNNK_OK) goto done;
    if (checked.n > 0) st = compare(network, made, &checked, workspace, &filled);
    if (st != SNNK_OK) goto done;
    filled.bytes = snnk_network_weight_bytes(made);
    filled.bytes_before = snnk_network_weight_bytes(network);
    st = snnk__config_write(report, &filled, sizeof filled, REPORT_MINIMUM, "quantize report");
    if (st != SNNK_OK) goto done;
    *quantized = made;
    made = NULL;
done:
    snnk_network_free(made);
    return st;
}
