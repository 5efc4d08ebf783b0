#include "augment/elastic.h"

#include <math.h>

#include "base/random.h"
#include "base/size.h"

/* Nodes that a row of `pixels` needs: the spline reaches two nodes to each side, and the grid may
 * begin anywhere within a spacing. */
static size_t nodes_of(size_t pixels, double spacing) {
    return (size_t)((double)(pixels - 1) / spacing) + 5;
}

snnk__elastic snnk__elastic_prepare(size_t height, size_t width, double amplitude, double sigma,
                                    uint64_t seed) {
    /* A cubic B-spline is the density of a sum of four uniform numbers: variance spacing^2/3. */
    const double spacing = sigma * 1.7320508075688772;

    return (snnk__elastic){.height = height,
                           .width = width,
                           .rows = height > 1 ? nodes_of(height, spacing) : 1,
                           .columns = nodes_of(width, spacing),
                           .spacing = spacing,
                           .amplitude = amplitude,
                           .seed = seed};
}

/* Nodes of a row, the splines and first nodes of its pixels, lines, and two rows of pixels. */
bool snnk__elastic_scratch(const snnk__elastic *elastic, size_t *bytes) {
    size_t nodes, columns, floats;

    return snnk__mul_size(elastic->columns, sizeof(double), &nodes) &&
           snnk__mul_size(elastic->rows, 2, &columns) &&
           snnk__add_size(columns, 4 + 1 + 2, &columns) &&
           snnk__mul_size(columns, elastic->width, &floats) &&
           snnk__mul_size(floats, sizeof(float), &floats) && snnk__add_size(nodes, floats, bytes);
}

/* The four B-splines that reach a place `t` in [0, 1) behind a node. */
static void spline(double t, float weight[4]) {
    const double u = 1 - t;

    weight[0] = (float)(u * u * u / 6);
    weight[1] = (float)((4 + t * t * (3 * t - 6)) / 6);
    weight[2] = (float)((4 + u * u * (3 * u - 6)) / 6);
    weight[3] = (float)(t * t * t / 6);
}

/* The splines about each column of pixels. phase: of column 0 in the grid. */
static void place_columns(const snnk__field *field, double phase) {
    const snnk__elastic *elastic = field->elastic;
    const double step = 1 / elastic->spacing;

    for (size_t j = 0; j < elastic->width; j++) {
        const double place = phase + (double)j * step;
        const size_t k = snnk__min_size((size_t)place, elastic->columns - 4);

        spline(place - (double)k, field->splines + 4 * j);
        field->first[j] = (uint32_t)k;
    }
}

/* Normal weights along a row of nodes, as a line over all pixels of the row. */
static void draw_line(const snnk__field *field, uint64_t number, size_t line, double gain,
                      double *nodes) {
    const snnk__elastic *elastic = field->elastic;
    const size_t count = elastic->columns;
    float *out = field->lines + line * elastic->width;

    /* Draws 0 and 1 are the place of the grid. */
    snnk__random_normal(elastic->seed, SNNK__STREAM_ELASTIC, number, (uint32_t)(2 + line * count),
                        count, nodes);
    for (size_t k = 0; k < count; k++) nodes[k] *= gain;
    for (size_t j = 0; j < elastic->width; j++) {
        const float *weight = field->splines + 4 * j;
        const double *node = nodes + field->first[j];

        out[j] = weight[0] * (float)node[0] + weight[1] * (float)node[1] +
                 weight[2] * (float)node[2] + weight[3] * (float)node[3];
    }
}

void snnk__elastic_draw(const snnk__elastic *elastic, uint64_t number, void *scratch,
                        snnk__field *field) {
    /* The mean square of a sum of B-splines with independent weights of variance 1 is the integral
     * of the squared spline, 151/315, for each direction of the grid. */
    const double mean_square = 151.0 / 315;
    const bool flat = elastic->height == 1;
    const double gain = elastic->amplitude / (flat ? sqrt(mean_square) : mean_square);
    const size_t width = elastic->width, lines = (flat ? 1 : 2) * elastic->rows;
    double *nodes = scratch, phase[2];

    snnk__random_uniform(elastic->seed, SNNK__STREAM_ELASTIC, number, 0, 2, phase);
    field->elastic = elastic;
    field->phase = phase[0];
    field->splines = (float *)(void *)(nodes + elastic->columns);
    field->first = (uint32_t *)(void *)(field->splines + 4 * width);
    field->lines = (float *)(void *)(field->first + width);
    field->down = field->lines + 2 * elastic->rows * width;
    field->right = field->down + width;
    place_columns(field, phase[1]);
    for (size_t line = 0; line < lines; line++) draw_line(field, number, line, gain, nodes);
}

static void mix(const float weight[4], const float *lines, size_t width, float *out) {
    const float *a = lines, *b = a + width, *c = b + width, *d = c + width;

    for (size_t j = 0; j < width; j++)
        out[j] = weight[0] * a[j] + weight[1] * b[j] + weight[2] * c[j] + weight[3] * d[j];
}

void snnk__elastic_row(const snnk__field *field, size_t i) {
    const snnk__elastic *elastic = field->elastic;
    const size_t width = elastic->width;

    if (elastic->height == 1) {
        for (size_t j = 0; j < width; j++) {
            field->down[j] = 0;
            field->right[j] = field->lines[j];
        }
        return;
    }
    const double place = field->phase + (double)i / elastic->spacing;
    const size_t k = snnk__min_size((size_t)place, elastic->rows - 4);
    float weight[4];

    spline(place - (double)k, weight);
    mix(weight, field->lines + k * width, width, field->down);
    mix(weight, field->lines + (elastic->rows + k) * width, width, field->right);
}
