#include "cli/compress_teacher.h"

#include <stdint.h>
#include <stdlib.h>

#include "cli/console.h"
#include "cli/options.h"

static const char command[] = "compress";

/* A weight matrix: d inputs, l outputs. */
typedef struct matrix {
    const char *name, *bias_name;
    size_t d, l;
    bool transposed; /* the tensor is d x l */
} matrix;

/* Check that a tensor exists and has floating-point numbers. Integers would need scales, which a
 * safetensors file does not have in a standard place. */
static int check_tensor(const compress_options *o, const snnk_tensors *tensors, const char *name,
                        size_t n_dims, size_t *dims) {
    static const char *const types[] = {"F16", "BF16", "F32", "F64"};
    const char *type = snnk_tensors_type(tensors, name);
    size_t has = 0;

    if (!type) return failed(command, "%s: tensor \"%s\" is missing", o->file, name);
    if (find_name(type, types, 4) < 0)
        return failed(command, "%s: tensor \"%s\" has type %s, not F16, BF16, F32 or F64", o->file,
                      name, type);
    if (snnk_tensors_shape(tensors, name, &has, dims) != SNNK_OK) return library_failed(command);
    if (has != n_dims)
        return failed(command, "%s: tensor \"%s\" has %zu dimensions instead of %zu", o->file, name,
                      has, n_dims);
    return EXIT_OK;
}

/* Find whether a matrix is transposed, by the number of inputs it must have. A square matrix is if
 * `square_transposed`. */
static int orient(const compress_options *o, const snnk_tensors *tensors, const char *of,
                  bool square_transposed, matrix *m) {
    size_t dims[SNNK_TENSORS_MAX_DIMS];
    const int exit_status = check_tensor(o, tensors, m->name, 2, dims);

    if (exit_status != EXIT_OK) return exit_status;
    if (dims[0] == 0 || dims[1] == 0)
        return failed(command, "%s: tensor \"%s\" is empty (%zu x %zu)", o->file, m->name, dims[0],
                      dims[1]);
    if (dims[0] != m->d && dims[1] != m->d)
        return failed(command, "%s: tensor \"%s\" is %zu x %zu, but %s has %zu columns", o->file,
                      m->name, dims[0], dims[1], of, m->d);
    m->transposed = dims[0] == m->d && (dims[1] != m->d || square_transposed);
    m->l = dims[m->transposed ? 1 : 0];
    if (o->transposed && !m->transposed)
        return failed(command,
                      "%s: tensor \"%s\" is %zu x %zu: with --transposed %s would have %zu columns",
                      o->file, m->name, dims[0], dims[1], of, dims[0]);
    return EXIT_OK;
}

static void transpose(size_t rows, size_t columns, const float *from, float *to) {
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++) to[j * rows + i] = from[i * columns + j];
}

static int read_bias(const compress_options *o, const snnk_tensors *tensors, const matrix *m,
                     float *bias) {
    size_t dims[SNNK_TENSORS_MAX_DIMS];
    int exit_status;

    if (!m->bias_name) return EXIT_OK;
    exit_status = check_tensor(o, tensors, m->bias_name, 1, dims);
    if (exit_status != EXIT_OK) return exit_status;
    if (dims[0] != m->l)
        return failed(command, "%s: tensor \"%s\" has %zu numbers, but \"%s\" has %zu outputs",
                      o->file, m->bias_name, dims[0], m->name, m->l);
    return snnk_tensors_read(tensors, m->bias_name, 1, &m->l, bias) == SNNK_OK
               ? EXIT_OK
               : library_failed(command);
}

static int read_layer(const compress_options *o, const snnk_tensors *tensors, const matrix *m,
                      int32_t activation, snnk_layer **layer) {
    const size_t dims[2] = {m->transposed ? m->d : m->l, m->transposed ? m->l : m->d};
    float *W = NULL, *turned = NULL, *bias = calloc(m->l, sizeof *bias);
    int exit_status = EXIT_FAILED;

    if (m->d <= SIZE_MAX / sizeof *W / m->l) {
        W = malloc(m->d * m->l * sizeof *W);
        turned = malloc(m->d * m->l * sizeof *turned);
    }
    if (!W || !turned || !bias) {
        print_error(command, "out of memory");
    } else if (snnk_tensors_read(tensors, m->name, 2, dims, W) != SNNK_OK) {
        print_error(command, "%s", snnk_last_error());
    } else if ((exit_status = read_bias(o, tensors, m, bias)) == EXIT_OK) {
        if (m->transposed) transpose(m->d, m->l, W, turned);
        if (snnk_layer_create_dense(m->d, m->l, m->transposed ? turned : W, m->d, bias, activation,
                                    NULL, layer) != SNNK_OK)
            exit_status = library_failed(command);
    }
    free(bias);
    free(turned);
    free(W);
    return exit_status;
}

int compress_read_teacher(const compress_options *o, size_t inputs, snnk_layer **hidden,
                          snnk_layer **readout) {
    matrix first = {.name = o->weight, .bias_name = o->bias, .d = inputs}, second = {0};
    snnk_tensors *tensors = NULL;
    int exit_status;

    if (snnk_tensors_open(o->file, NULL, &tensors) != SNNK_OK) return library_failed(command);
    exit_status = orient(o, tensors, o->inputs, o->transposed, &first);
    if (exit_status == EXIT_OK) exit_status = read_layer(o, tensors, &first, o->activation, hidden);
    if (exit_status == EXIT_OK && o->then_weight) {
        second = (matrix){.name = o->then_weight, .bias_name = o->then_bias, .d = first.l};
        exit_status = orient(o, tensors, "its input", first.transposed, &second);
        if (exit_status == EXIT_OK)
            exit_status = read_layer(o, tensors, &second, SNNK_IDENTITY, readout);
    }
    snnk_tensors_free(tensors);
    return exit_status;
}
