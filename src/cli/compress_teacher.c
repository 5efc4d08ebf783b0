#include "cli/compress_teacher.h"
#include "cli/model.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/console.h"
#include "cli/options.h"

static const char command[] = "compress";

/* ---- Tensors ---- */

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

/* Set dims to the shape of a weight matrix. */
static int read_shape(const compress_options *o, const snnk_tensors *tensors, const char *name,
                      size_t *dims) {
    const int exit_status = check_tensor(o, tensors, name, 2, dims);

    if (exit_status != EXIT_OK) return exit_status;
    if (dims[0] > 0 && dims[1] > 0) return EXIT_OK;
    return failed(command, "%s: tensor \"%s\" is empty (%zu x %zu)", o->file, name, dims[0],
                  dims[1]);
}

/* ---- Orientation ---- */

/* Find the orientation of layer k by the number of its inputs. A square matrix stays BY_CHAIN. */
static int orient(const compress_options *o, const snnk_tensors *tensors, size_t k, size_t inputs,
                  compress_matrix *matrix) {
    const char *name = o->layers[k].weight, *of = k > 0 ? "its input" : o->files.inputs;
    size_t dims[SNNK_TENSORS_MAX_DIMS];
    const int exit_status = read_shape(o, tensors, name, dims);

    if (exit_status != EXIT_OK) return exit_status;
    if (dims[0] != inputs && dims[1] != inputs)
        return failed(command, "%s: tensor \"%s\" is %zu x %zu, but %s has %zu columns", o->file,
                      name, dims[0], dims[1], of, inputs);
    matrix->inputs = inputs;
    matrix->outputs = dims[dims[1] == inputs ? 0 : 1];
    matrix->orientation = dims[1] == inputs ? OUTPUTS_BY_INPUTS : INPUTS_BY_OUTPUTS;
    matrix->found = dims[0] == dims[1] ? BY_CHAIN : BY_SHAPE;
    if (o->orientation < 0) return EXIT_OK;
    if (matrix->found == BY_SHAPE && matrix->orientation != o->orientation)
        return failed(command,
                      "%s: tensor \"%s\" is %zu x %zu: as %s %s would have %zu columns, not %zu",
                      o->file, name, dims[0], dims[1], compress_orientation_name(o->orientation),
                      of, matrix->outputs, inputs);
    matrix->orientation = o->orientation;
    matrix->found = BY_OPTION;
    return EXIT_OK;
}

/* Take the square matrices to be stored like the others of the chain, if these agree. */
static int orient_squares(const compress_options *o, compress_matrix *matrices) {
    size_t like = MAX_LAYERS;
    bool agree = true;

    for (size_t k = 0; k < o->n_layers; k++) {
        if (matrices[k].found != BY_SHAPE) continue;
        if (like < MAX_LAYERS && matrices[k].orientation != matrices[like].orientation)
            agree = false;
        like = k;
    }
    for (size_t k = 0; k < o->n_layers; k++) {
        compress_matrix *matrix = &matrices[k];

        if (matrix->found != BY_CHAIN) continue;
        if (like == MAX_LAYERS || !agree)
            return failed(
                command,
                "%s: tensor \"%s\" is square (%zu x %zu), so its shape does not tell whether it is "
                "stored as outputs x inputs (PyTorch) or inputs x outputs (TensorFlow, Keras, "
                "scikit-learn): use --orientation outputs-by-inputs or inputs-by-outputs",
                o->file, o->layers[k].weight, matrix->inputs, matrix->outputs);
        matrix->orientation = matrices[like].orientation;
        matrix->like = like;
    }
    return EXIT_OK;
}

/* ---- Layers ---- */

static void transpose(size_t rows, size_t columns, const float *from, float *to) {
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++) to[j * rows + i] = from[i * columns + j];
}

static int read_bias(const compress_options *o, const snnk_tensors *tensors,
                     const compress_layer *names, size_t outputs, float *bias) {
    size_t dims[SNNK_TENSORS_MAX_DIMS];
    int32_t activation;
    int exit_status;

    if (!names->bias) return EXIT_OK;
    if (!snnk_tensors_type(tensors, names->bias) &&
        snnk_activation_from_name(names->bias, &activation) == SNNK_OK)
        return failed(command,
                      "%s: tensor \"%s\" is missing: for a layer without bias, use --layer %s,,%s",
                      o->file, names->bias, names->weight, names->bias);
    exit_status = check_tensor(o, tensors, names->bias, 1, dims);
    if (exit_status != EXIT_OK) return exit_status;
    if (dims[0] != outputs)
        return failed(command, "%s: tensor \"%s\" has %zu numbers, but \"%s\" has %zu outputs",
                      o->file, names->bias, dims[0], names->weight, outputs);
    return snnk_tensors_read(tensors, names->bias, 1, &outputs, bias) == SNNK_OK
               ? EXIT_OK
               : library_failed(command);
}

static int read_layer(const compress_options *o, const snnk_tensors *tensors,
                      const compress_layer *names, const compress_matrix *matrix,
                      snnk_layer **layer) {
    const size_t d = matrix->inputs, l = matrix->outputs;
    const bool transposed = matrix->orientation == INPUTS_BY_OUTPUTS;
    const size_t dims[2] = {transposed ? d : l, transposed ? l : d};
    float *W = NULL, *turned = NULL, *bias = calloc(l, sizeof *bias);
    int exit_status = EXIT_FAILED;

    if (d <= SIZE_MAX / sizeof *W / l) {
        W = malloc(d * l * sizeof *W);
        turned = malloc(d * l * sizeof *turned);
    }
    if (!W || !turned || !bias) {
        print_error(command, "out of memory");
    } else if (snnk_tensors_read(tensors, names->weight, 2, dims, W) != SNNK_OK) {
        print_error(command, "%s", snnk_last_error());
    } else if ((exit_status = read_bias(o, tensors, names, l, bias)) == EXIT_OK) {
        if (transposed) transpose(d, l, W, turned);
        if (snnk_layer_create_dense(d, l, transposed ? turned : W, d, bias, names->activation, NULL,
                                    layer) != SNNK_OK)
            exit_status = library_failed(command);
    }
    free(bias);
    free(turned);
    free(W);
    return exit_status;
}

/* Append all layers to the network. */
static int read_layers(const compress_options *o, compress_teacher *teacher) {
    for (size_t k = 0; k < o->n_layers; k++) {
        snnk_layer *layer = NULL;
        int exit_status = interrupted ? EXIT_CANCELLED : EXIT_OK;

        if (exit_status == EXIT_OK)
            exit_status =
                read_layer(o, teacher->tensors, &o->layers[k], &teacher->matrices[k], &layer);
        if (exit_status == EXIT_OK && snnk_network_append(teacher->network, layer) != SNNK_OK)
            exit_status = library_failed(command);
        snnk_layer_free(layer);
        if (exit_status != EXIT_OK) return exit_status;
    }
    return EXIT_OK;
}

/* ---- Notes ---- */

/* Whether the classes in a note are as many as the outputs, so that the layers end where the model
 * of the file ends. */
static bool classes_fit(const char *classes, size_t outputs) {
    cJSON *array = cJSON_Parse(classes);
    const bool fit = cJSON_IsArray(array) && (size_t)cJSON_GetArraySize(array) == outputs;

    cJSON_Delete(array);
    return fit;
}

/* Give the network the task and the classes that the file names, and those of the options. */
static int set_notes(const compress_options *o, compress_teacher *teacher) {
    snnk_network *network = teacher->network;
    const char *classes = snnk_tensors_text(teacher->tensors, "note.classes");
    const char *named = snnk_tensors_text(teacher->tensors, "note.task");
    int st = SNNK_OK;

    if (classes && classes_fit(classes, snnk_network_outputs(network)))
        st = snnk_network_set_note(network, "classes", classes);
    else if (classes)
        named = NULL;
    if (o->task) named = o->task;
    if (st == SNNK_OK && (named || !snnk_network_note(network, "task")))
        st = snnk_network_set_note(network, "task", named ? named : "regression");
    return st == SNNK_OK ? EXIT_OK : library_failed(command);
}

/* ---- Reading ---- */

/* How many columns of the rows the first layer takes: of a batch, the last dimension, if it
 * fits. */
static size_t inputs_of(const compress_rows *rows, size_t a, size_t b) {
    const size_t last = rows->last_dim;

    return last > 0 && (a == last || b == last) ? last : rows->data.n_inputs;
}

static int read_tensors(const compress_options *o, const compress_rows *rows,
                        compress_teacher *teacher, size_t *inputs) {
    size_t dims[SNNK_TENSORS_MAX_DIMS], columns;
    int exit_status = read_shape(o, teacher->tensors, o->layers[0].weight, dims);

    if (exit_status != EXIT_OK) return exit_status;
    if (snnk_network_create(NULL, &teacher->network) != SNNK_OK) return library_failed(command);
    *inputs = columns = inputs_of(rows, dims[0], dims[1]);
    for (size_t k = 0; exit_status == EXIT_OK && k < o->n_layers; k++) {
        exit_status = orient(o, teacher->tensors, k, columns, &teacher->matrices[k]);
        columns = teacher->matrices[k].outputs;
    }
    if (exit_status == EXIT_OK) exit_status = orient_squares(o, teacher->matrices);
    return exit_status == EXIT_OK ? read_layers(o, teacher) : exit_status;
}

static int load_model(const compress_options *o, const compress_rows *rows,
                      compress_teacher *teacher, size_t *inputs) {
    const int exit_status = model_load(command, o->file, &teacher->network);

    if (exit_status != EXIT_OK) return exit_status;
    if (snnk_network_encoder(teacher->network))
        return failed(command,
                      "%s prepares the columns of tables (snnk info %s): its layers cannot be "
                      "compressed",
                      o->file, o->file);
    *inputs = inputs_of(rows, snnk_network_inputs(teacher->network), 0);
    if (*inputs == snnk_network_inputs(teacher->network)) return EXIT_OK;
    return failed(command, "%s has %zu input columns, but the model has %zu inputs%s",
                  o->files.inputs, *inputs, snnk_network_inputs(teacher->network),
                  dataset_flattened(&rows->data));
}

int compress_teacher_read(const compress_options *o, const compress_rows *rows,
                          compress_teacher *teacher, size_t *inputs) {
    const char *kind;
    int exit_status;

    if (snnk_tensors_open(o->file, NULL, &teacher->tensors) != SNNK_OK)
        return library_failed(command);
    kind = snnk_tensors_text(teacher->tensors, "snnk.kind");
    if (o->n_layers > 0) {
        exit_status = read_tensors(o, rows, teacher, inputs);
    } else if (kind && strcmp(kind, "network") == 0) {
        exit_status = load_model(o, rows, teacher, inputs);
    } else {
        return wrong_usage(command, "--layer W,BIAS,ACTIVATION is missing");
    }
    return exit_status == EXIT_OK ? set_notes(o, teacher) : exit_status;
}

void compress_teacher_free(compress_teacher *teacher) {
    snnk_tensors_free(teacher->tensors);
    snnk_network_free(teacher->network);
}

/* ---- Reports ---- */

/* How the orientation of matrix k was found, for people. */
static const char *how(const compress_options *o, const compress_teacher *teacher, size_t k,
                       char *buffer, size_t bytes) {
    switch (teacher->matrices[k].found) {
    case BY_SHAPE: return "by its shape";
    case BY_OPTION: return "as given";
    default:
        snprintf(buffer, bytes, "like %s", o->layers[teacher->matrices[k].like].weight);
        return buffer;
    }
}

void compress_teacher_print(const compress_options *o, const compress_teacher *teacher) {
    char buffer[256];

    for (size_t k = 0; k < o->n_layers; k++) {
        const compress_matrix *matrix = &teacher->matrices[k];
        const bool turned = matrix->orientation == INPUTS_BY_OUTPUTS;

        printf("%s: %zu x %zu, %s (%s), then %s\n", o->layers[k].weight,
               turned ? matrix->inputs : matrix->outputs, turned ? matrix->outputs : matrix->inputs,
               turned ? "inputs x outputs" : "outputs x inputs",
               how(o, teacher, k, buffer, sizeof buffer),
               snnk_activation_name(o->layers[k].activation));
    }
    if (o->n_layers > 0) printf("\n");
}

void compress_teacher_add_json(const compress_options *o, const compress_teacher *teacher,
                               cJSON *json) {
    static const char *const found[] = {"shape", "chain", "option"};
    cJSON *array = o->n_layers > 0 ? cJSON_AddArrayToObject(json, "layers") : NULL;

    for (size_t k = 0; k < o->n_layers; k++) {
        const compress_matrix *matrix = &teacher->matrices[k];
        cJSON *item = cJSON_CreateObject();

        cJSON_AddStringToObject(item, "weight", o->layers[k].weight);
        if (o->layers[k].bias) cJSON_AddStringToObject(item, "bias", o->layers[k].bias);
        cJSON_AddStringToObject(item, "activation", snnk_activation_name(o->layers[k].activation));
        cJSON_AddNumberToObject(item, "inputs", (double)matrix->inputs);
        cJSON_AddNumberToObject(item, "outputs", (double)matrix->outputs);
        cJSON_AddStringToObject(item, "orientation",
                                compress_orientation_name(matrix->orientation));
        cJSON_AddStringToObject(item, "orientation_found_by", found[matrix->found]);
        cJSON_AddItemToArray(array, item);
    }
}
