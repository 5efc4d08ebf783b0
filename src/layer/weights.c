#include "layer/weights.h"

#include <string.h>

#include "base/size.h"
#include "base/status.h"
#include "kernels/forward.h"
#include "kernels/narrow_forward.h"
#include "layer/split.h"

int snnk__weights_create(const snnk_allocator *allocator, size_t rows, size_t n_parts,
                         snnk__weights *weights) {
    int st;

    *weights = (snnk__weights){.rows = rows};
    st = snnk__alloc_zero(allocator, n_parts, sizeof *weights->parts, "weights", &weights->parts);
    if (st != SNNK_OK) return st;
    st = snnk__alloc_zero(allocator, rows, sizeof *weights->bias, "a bias", &weights->bias);
    if (st != SNNK_OK) return st;
    return snnk__alloc_zero(allocator, rows, sizeof *weights->exact_bias, "a bias",
                            &weights->exact_bias);
}

int snnk__weights_add_part(const snnk_allocator *allocator, size_t columns, int32_t storage,
                           snnk__panel_shape shape, snnk__weights *weights) {
    snnk__panels *part = &weights->parts[weights->n_parts];
    const int st =
        snnk__panels_create_in(allocator, weights->rows, columns, storage, shape, "weights", part);

    if (st == SNNK_OK) weights->n_parts++;
    return st;
}

void snnk__weights_free(const snnk_allocator *allocator, snnk__weights *weights) {
    for (size_t p = 0; p < weights->n_parts; p++) snnk__panels_free(allocator, &weights->parts[p]);
    snnk__free(allocator, weights->parts);
    snnk__free(allocator, weights->bias);
    snnk__free(allocator, weights->exact_bias);
}

void snnk__weights_set(snnk__weights *weights, const float *W, size_t ldw, snnk__numbers bias) {
    for (size_t i = 0; i < weights->rows; i++) {
        const float *row = W + i * ldw;

        for (size_t p = 0; p < weights->n_parts; row += weights->parts[p++].columns)
            snnk__panels_set_row(&weights->parts[p], i, row);
    }
    for (size_t i = 0; (bias.f32 || bias.f64) && i < weights->rows; i++) {
        weights->exact_bias[i] = snnk__number(&bias, 0, i);
        weights->bias[i] = (float)weights->exact_bias[i];
    }
}

void snnk__weights_get(const snnk__weights *weights, float *W, size_t ldw) {
    for (size_t i = 0; i < weights->rows; i++) {
        float *row = W + i * ldw;

        for (size_t p = 0; p < weights->n_parts; row += weights->parts[p++].columns)
            snnk__panels_get_row(&weights->parts[p], i, row);
    }
}

int snnk__weights_round(const snnk_allocator *allocator, const snnk__weights *from,
                        snnk__weights *to) {
    size_t longest = 0;
    float *row;
    int st;

    for (size_t p = 0; p < from->n_parts; p++)
        longest = snnk__max_size(longest, from->parts[p].columns);
    if ((st = snnk__alloc(allocator, longest, sizeof *row, "a row", &row)) != SNNK_OK) return st;
    for (size_t p = 0; p < from->n_parts; p++)
        for (size_t i = 0; i < from->rows; i++) {
            snnk__panels_get_row(&from->parts[p], i, row);
            snnk__panels_set_row(&to->parts[p], i, row);
        }
    memcpy(to->bias, from->bias, from->rows * sizeof *to->bias);
    memcpy(to->exact_bias, from->exact_bias, from->rows * sizeof *to->exact_bias);
    snnk__free(allocator, row);
    return SNNK_OK;
}

void snnk__weights_entries(const void *context, size_t first, size_t count, void *out) {
    const snnk__weights *weights = context;
    size_t columns = 0;
    float *x = out;

    for (size_t p = 0; p < weights->n_parts; p++) columns += weights->parts[p].columns;
    if (columns == 0) return; /* no entries */
    for (size_t e = 0; e < count; e++) {
        size_t k = (first + e) % columns, p = 0;

        while (k >= weights->parts[p].columns) k -= weights->parts[p++].columns;
        x[e] = snnk__panels_entry(&weights->parts[p], (first + e) / columns, k);
    }
}

static snnk__array bias_array(snnk__element element, size_t rows) {
    return snnk__array_1("bias", element, rows);
}

void snnk__weights_write(const snnk__weights *weights, const char *name, size_t columns,
                         snnk__sink *sink) {
    const snnk__array W = snnk__array_2(name, SNNK__ELEMENT_F32, weights->rows, columns);
    bool floats = true;

    for (size_t i = 0; i < weights->rows; i++)
        floats &= (double)weights->bias[i] == weights->exact_bias[i];
    if (floats)
        snnk__write_array(sink, bias_array(SNNK__ELEMENT_F32, weights->rows), weights->bias);
    else
        snnk__write_array(sink, bias_array(SNNK__ELEMENT_F64, weights->rows), weights->exact_bias);
    sink->elements(sink, &W, snnk__weights_entries, weights);
}

/* Set *element to the type of the bias in the file: F32 or F64. */
static int find_bias(const snnk__source *source, size_t rows, snnk__element *element) {
    snnk__sentence before;

    *element = SNNK__ELEMENT_F64;
    snnk__sentence_save(&before);
    if (snnk__find_array(source, bias_array(*element, rows)) == SNNK_OK) return SNNK_OK;
    *element = SNNK__ELEMENT_F32; /* what 0.1 wrote */
    return snnk__recovered(snnk__find_array(source, bias_array(*element, rows)), &before);
}

static int read_bias(const snnk__source *source, size_t rows, snnk__element element, double *bias) {
    float *floats = NULL;
    int st;

    if (element == SNNK__ELEMENT_F64)
        return snnk__read_array(source, bias_array(element, rows), bias);
    st = snnk__alloc(source->allocator, rows, sizeof *floats, "a bias", &floats);
    if (st == SNNK_OK) st = snnk__read_array(source, bias_array(element, rows), floats);
    for (size_t i = 0; st == SNNK_OK && i < rows; i++) bias[i] = (double)floats[i];
    snnk__free(source->allocator, floats);
    return st;
}

int snnk__weights_read(const snnk__source *source, const char *name, size_t rows, size_t columns,
                       float **W, double **bias) {
    const snnk__array matrix = snnk__array_2(name, SNNK__ELEMENT_F32, rows, columns);
    snnk__element element;
    int st;

    if ((st = snnk__find_array(source, matrix)) != SNNK_OK) return st;
    if ((st = find_bias(source, rows, &element)) != SNNK_OK) return st;
    st = snnk__alloc(source->allocator, rows * columns, sizeof **W, "weights", W);
    if (st != SNNK_OK) return st;
    if ((st = snnk__alloc(source->allocator, rows, sizeof **bias, "a bias", bias)) != SNNK_OK)
        return st;
    if ((st = snnk__read_array(source, matrix, *W)) != SNNK_OK) return st;
    return read_bias(source, rows, element, *bias);
}

uint64_t snnk__panels_bytes(const snnk__panels *panels) {
    static const uint64_t bytes[] = {sizeof(float), sizeof(uint16_t), sizeof(uint8_t),
                                     2 * sizeof(uint16_t)};
    const uint64_t count = (uint64_t)panels->rows * panels->columns;

    return count * bytes[panels->storage] + (panels->scale ? panels->rows * sizeof(float) : 0);
}

uint64_t snnk__weights_bytes(const snnk__weights *weights) {
    uint64_t sum = weights->rows * sizeof(float);

    for (size_t p = 0; p < weights->n_parts; p++) sum += snnk__panels_bytes(&weights->parts[p]);
    return sum;
}

void snnk__weights_readout(const snnk__weights *weights, size_t n, const float *Phi, size_t ldphi,
                           size_t first, size_t count, const float *bias, float *Y, size_t ldy) {
    const size_t last = weights->n_parts - 1;

    for (size_t p = 0; p <= last; Phi += weights->parts[p++].columns)
        snnk__readout_some(n, Phi, ldphi, &weights->parts[p], first, count, p == 0,
                           p == last ? bias : NULL, Y, ldy);
}

/* A readout of few rows, whose outputs are divided between threads. */
typedef struct readout {
    const snnk__weights *weights;
    size_t n;
    const float *Phi;
    size_t ldphi;
    float *Y;
    size_t ldy;
} readout;

static void readout_part(size_t first, size_t count, const void *context) {
    const readout *r = context;

    snnk__weights_readout(r->weights, r->n, r->Phi, r->ldphi, first, count, r->weights->bias, r->Y,
                          r->ldy);
}

void snnk__weights_readout_split(const snnk__weights *weights, size_t n, const float *Phi,
                                 size_t ldphi, float *Y, size_t ldy, snnk_workspace *workspace) {
    const readout r = {weights, n, Phi, ldphi, Y, ldy};

    snnk__split(workspace, weights->rows, weights->parts->shape.width, readout_part, &r);
}
