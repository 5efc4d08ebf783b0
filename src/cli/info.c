#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cli/console.h"
#include "cli/model.h"

static const char command[] = "info";

static const char help[] =
    "Usage: snnk info FILE [OPTION]...\n"
    "Show what a safetensors file contains: of a model of snnk, layers, feature maps and their\n"
    "settings, costs, classes, what becomes of each column of a table, notes; of any file, or\n"
    "index of files (model.safetensors.index.json), the tensors with types and shapes.\n"
    "\n"
    "Options:\n"
    "  --json               print one JSON object on stdout and nothing else\n"
    "  --help               show this help\n"
    "\n"
    "Examples:\n"
    "  $ snnk info digits.safetensors\n"
    "  $ snnk info bert/model.safetensors.index.json\n"
    "\n"
    "Exit status:\n"
    "  0 success, 1 failure (a bad file), 2 wrong usage\n";

static const char *const notes[] = {"task",    "target",        "classes",       "columns",
                                    "weights", "group",         "missing_words", "class_weights",
                                    "scaling", "train_seconds", "lambda",        "loss",
                                    "storage", "compressed",    "training"};

/* Add a seed. It has 64 bits, more than a number of cJSON, which is a double. */
static void add_seed(cJSON *json, uint64_t value) {
    char text[24];

    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    cJSON_AddRawToObject(json, "seed", text);
}

/* Add the kind of features, spelled as the options of snnk fit are: with hyphens. */
static void add_kind(cJSON *json, int32_t kind) {
    char text[32];

    snprintf(text, sizeof text, "%s", snnk_map_kind_name(kind));
    for (char *c = text; *c; c++)
        if (*c == '_') *c = '-';
    cJSON_AddStringToObject(json, "kind", text);
}

/* Whether a block has scales of its rows and offsets. Blocks made from a spectrum do not. */
static bool has_scales(const snnk_map_config *config) {
    return config->kind == SNNK_MAP_ARC_COSINE || config->kind == SNNK_MAP_GAUSSIAN ||
           config->kind == SNNK_MAP_ELEMENTWISE;
}

/* Whether the features from `first` on are the inputs themselves, tested with an input of different
 * numbers. False if there is no memory for the test. */
static bool passes_inputs_on(const snnk_map *map, size_t first) {
    const size_t d = snnk_map_inputs(map), m = snnk_map_features(map);
    float *x = malloc(d * sizeof *x), *phi = malloc(m * sizeof *phi);
    bool same = x && phi;

    for (size_t k = 0; same && k < d; k++) x[k] = (float)(k + 1);
    same = same && snnk_map_input_tower(map, 1, x, d, phi, m, NULL) == SNNK_OK;
    for (size_t k = 0; same && k < d; k++) same = phi[first + k] == x[k];
    free(phi);
    free(x);
    return same;
}

/* first: the number of features of the blocks before this one. */
static void add_block(cJSON *blocks, const snnk_map *map, size_t first,
                      const snnk_map_config *config) {
    cJSON *json = cJSON_CreateObject();
    const bool exact = config->kind == SNNK_MAP_AFFINE &&
                       config->features == snnk_map_inputs(map) && passes_inputs_on(map, first);
    const bool projects = config->kind != SNNK_MAP_IDENTITY && !exact;

    add_kind(json, config->kind);
    cJSON_AddNumberToObject(json, "features", (double)config->features);
    if (config->kind == SNNK_MAP_ARC_COSINE) {
        cJSON_AddNumberToObject(json, "order", config->order);
        cJSON_AddNumberToObject(json, "floor", config->floor);
    }
    if (config->kind == SNNK_MAP_ELEMENTWISE)
        cJSON_AddStringToObject(json, "activation", snnk_activation_name(config->activation));
    if (config->kind == SNNK_MAP_AFFINE) cJSON_AddBoolToObject(json, "exact", exact);
    if (projects)
        cJSON_AddStringToObject(json, "projection", snnk_projection_name(config->projection));
    if (projects && config->projection != SNNK_PROJECTION_GIVEN &&
        config->projection != SNNK_PROJECTION_FOLDED) {
        add_seed(json, config->seed);
        if (has_scales(config)) {
            cJSON_AddNumberToObject(json, "projection_scale", config->projection_scale);
            cJSON_AddNumberToObject(json, "offset_scale", config->offset_scale);
        }
    }
    cJSON_AddItemToArray(blocks, json);
}

static void add_blocks(cJSON *blocks, const snnk_map *map) {
    snnk_map_config config;
    size_t first = 0;

    for (size_t b = 0; b < snnk_map_blocks(map); b++, first += (size_t)config.features) {
        snnk_map_config_init(&config, sizeof config);
        snnk_map_block_config(map, b, &config);
        add_block(blocks, map, first, &config);
    }
}

/* ---- Encoder and classes ---- */

static void add_column(cJSON *columns, const snnk_encoder *encoder, size_t k) {
    const int32_t encoding = snnk_encoder_column_encoding(encoder, k);
    const size_t n = snnk_encoder_column_words(encoder, k);
    const bool gaps = snnk_encoder_column_has_gaps(encoder, k);
    const char *name = snnk_encoder_column_name(encoder, k);
    cJSON *item = cJSON_CreateObject(), *words;

    if (name)
        cJSON_AddStringToObject(item, "name", name);
    else
        cJSON_AddNumberToObject(item, "number", (double)(k + 1));
    cJSON_AddStringToObject(item, "encoding", snnk_encoding_name(encoding));
    cJSON_AddNumberToObject(item, "inputs", (double)snnk_encoder_column_outputs(encoder, k));
    cJSON_AddBoolToObject(item, "had_missing", gaps);
    if (!isnan(snnk_encoder_column_fill(encoder, k)))
        cJSON_AddNumberToObject(item, "missing_becomes", snnk_encoder_column_fill(encoder, k));
    if (encoding == SNNK_ENCODING_WORDS) {
        words = cJSON_AddArrayToObject(item, "words");
        for (size_t i = 0; i < n; i++)
            cJSON_AddItemToArray(words,
                                 cJSON_CreateString(snnk_encoder_column_word(encoder, k, i)));
        cJSON_AddBoolToObject(item, "others_share_an_input",
                              snnk_encoder_column_outputs(encoder, k) > n + gaps);
    }
    cJSON_AddItemToArray(columns, item);
}

static void add_uncertainty(cJSON *json, const snnk_uncertainty *uncertainty) {
    cJSON *item;

    if (!uncertainty) return;
    item = cJSON_AddObjectToObject(json, "uncertainty");
    cJSON_AddStringToObject(item, "kind",
                            snnk_uncertainty_kind_name(snnk_uncertainty_get_kind(uncertainty)));
    cJSON_AddNumberToObject(item, "rows", (double)snnk_uncertainty_rows(uncertainty));
}

static void add_encoder(cJSON *json, const snnk_encoder *encoder) {
    cJSON *item, *columns;

    if (!encoder) return;
    item = cJSON_AddObjectToObject(json, "encoder");
    cJSON_AddStringToObject(item, "missing", snnk_missing_name(snnk_encoder_missing(encoder)));
    columns = cJSON_AddArrayToObject(item, "columns");
    for (size_t k = 0; k < snnk_encoder_columns(encoder); k++) add_column(columns, encoder, k);
}

static void add_classes(cJSON *json, const task *what) {
    cJSON *names;

    if (!what->classification) return;
    names = cJSON_AddArrayToObject(json, "classes");
    for (size_t k = 0; k < what->outputs; k++)
        cJSON_AddItemToArray(names, cJSON_CreateString(what->classes[k]));
}

/* Print a list of texts, of long ones the first ten. */
static void print_texts(const cJSON *array) {
    const int n = cJSON_GetArraySize(array);
    const cJSON *item;
    int k = 0;

    cJSON_ArrayForEach(item, array) {
        if (k == 10 && n > 12) {
            printf(", ... (%d in all)", n);
            break;
        }
        printf("%s%s", k++ ? ", " : " ", item->valuestring);
    }
}

/* Print what a missing value becomes: of dates, which are seconds since 1970, the day. */
static void print_fill(const char *encoding, double fill) {
    const time_t seconds = (time_t)fill;
    const struct tm *day = strcmp(encoding, "dates") == 0 ? gmtime(&seconds) : NULL;
    char text[32];

    if (day && strftime(text, sizeof text, "%Y-%m-%d", day) > 0)
        printf("; a missing one becomes %s", text);
    else
        printf("; a missing one becomes %.6g", fill);
}

/* missing: what the encoder does about missing values. */
static void print_column(const cJSON *column, const char *missing) {
    const cJSON *name = cJSON_GetObjectItem(column, "name");
    const cJSON *fill = cJSON_GetObjectItem(column, "missing_becomes");
    const cJSON *words = cJSON_GetObjectItem(column, "words");
    const char *encoding = cJSON_GetObjectItem(column, "encoding")->valuestring;
    const bool had_missing = cJSON_IsTrue(cJSON_GetObjectItem(column, "had_missing"));

    if (name)
        printf("column         %s: %s", name->valuestring, encoding);
    else
        printf("column         %.0f: %s", cJSON_GetObjectItem(column, "number")->valuedouble,
               encoding);
    if (strcmp(encoding, "constant") == 0) {
        puts(", no input");
        return;
    }
    if (words) print_texts(words);
    if (cJSON_IsTrue(cJSON_GetObjectItem(column, "others_share_an_input")))
        printf("; others share an input");
    if (strcmp(missing, "refuse") == 0 || (strcmp(missing, "known") == 0 && !had_missing))
        printf("; a missing one is refused");
    else if (fill)
        print_fill(encoding, fill->valuedouble);
    else
        printf("; a missing one is none of them");
    if (had_missing) printf(", and an input says so");
    putchar('\n');
}

static void print_encoder(const cJSON *encoder) {
    const cJSON *column;

    if (!encoder) return;
    const char *missing = cJSON_GetObjectItem(encoder, "missing")->valuestring;
    cJSON_ArrayForEach(column, cJSON_GetObjectItem(encoder, "columns"))
        print_column(column, missing);
}

/* ---- Layers ---- */

/* Add a layer. Layers can be within one another, a few deep: the library has a limit. */
static void add_layer(cJSON *layers, const snnk_layer *layer) {
    const snnk_map *map = snnk_layer_map(layer);
    const size_t n_inner = snnk_layer_inner_count(layer);
    cJSON *item = cJSON_CreateObject(), *list;

    cJSON_AddStringToObject(item, "kind", snnk_layer_kind_name(snnk_layer_get_kind(layer)));
    cJSON_AddNumberToObject(item, "inputs", (double)snnk_layer_inputs(layer));
    cJSON_AddNumberToObject(item, "outputs", (double)snnk_layer_outputs(layer));
    if (map) {
        cJSON_AddNumberToObject(item, "features", (double)snnk_layer_features(layer));
        list = cJSON_AddArrayToObject(item, "blocks");
        add_blocks(list, map);
    }
    if (snnk_layer_get_kind(layer) == SNNK_LAYER_LEAVES) {
        cJSON_AddNumberToObject(item, "leaves", (double)n_inner);
        cJSON_AddNumberToObject(item, "depth", (double)snnk_layer_depth(layer));
    }
    if (snnk_layer_get_kind(layer) == SNNK_LAYER_RESIDUAL) {
        cJSON_AddStringToObject(item, "form",
                                snnk_residual_form_name(snnk_layer_residual_form(layer)));
        cJSON_AddNumberToObject(item, "gain", snnk_layer_gain(layer));
    }
    if (n_inner > 0) {
        list = cJSON_AddArrayToObject(item, "layers");
        for (size_t k = 0; k < n_inner; k++) add_layer(list, snnk_layer_inner(layer, k));
    }
    cJSON_AddItemToArray(layers, item);
}

/* Print a line that begins with a name in the first column, both indented. */
static void print_name(int indent, const char *name) {
    const int rest = 15 - indent;

    printf("%*s%-*s", indent, "", rest > 0 ? rest : 0, name);
}

static void print_layer(const cJSON *item, int index, int indent) {
    const cJSON *inner, *block, *form = cJSON_GetObjectItem(item, "form"),
                                *leaves = cJSON_GetObjectItem(item, "leaves");
    char name[32];
    int k = 0;

    snprintf(name, sizeof name, "layer %d ", index);
    print_name(indent, name);
    printf("%s, %.0f -> %.0f", cJSON_GetObjectItem(item, "kind")->valuestring,
           cJSON_GetObjectItem(item, "inputs")->valuedouble,
           cJSON_GetObjectItem(item, "outputs")->valuedouble);
    if (form)
        printf(", %s, gain %g", form->valuestring, cJSON_GetObjectItem(item, "gain")->valuedouble);
    if (leaves)
        printf(", %.0f leaves, depth %.0f", leaves->valuedouble,
               cJSON_GetObjectItem(item, "depth")->valuedouble);
    putchar('\n');
    cJSON_ArrayForEach(block, cJSON_GetObjectItem(item, "blocks")) {
        char *text = cJSON_PrintUnformatted(block);

        print_name(indent + 2, "features ");
        printf("%s\n", text ? text : "?");
        cJSON_free(text);
    }
    cJSON_ArrayForEach(inner, cJSON_GetObjectItem(item, "layers"))
        print_layer(inner, k++, indent + 2);
}

/* ---- Models ---- */

static cJSON *describe(const model_use *use) {
    snnk_network *network = use->network;
    const char *path = use->path;
    const snnk_lstsq *lstsq = snnk_network_statistics(network);
    cJSON *json = cJSON_CreateObject(), *layers, *texts;
    struct stat file;

    cJSON_AddNumberToObject(json, "inputs", (double)snnk_network_inputs(network));
    cJSON_AddNumberToObject(json, "outputs", (double)snnk_network_outputs(network));
    cJSON_AddNumberToObject(json, "parameters", (double)snnk_network_parameters(network));
    cJSON_AddNumberToObject(json, "multiply_adds", (double)snnk_network_multiply_adds(network));
    if (stat(path, &file) == 0 && S_ISREG(file.st_mode)) {
        cJSON_AddNumberToObject(json, "bytes", (double)file.st_size);
        cJSON_AddStringToObject(
            json, "projections",
            model_projection(network, path) == SNNK_SAVE_SEED ? "drawn from the seed" : "stored");
    }
    layers = cJSON_AddArrayToObject(json, "layers");
    for (size_t i = 0; i < snnk_network_layers(network); i++)
        add_layer(layers, snnk_network_layer(network, i));
    if (lstsq) {
        cJSON *item = cJSON_AddObjectToObject(json, "statistics");

        cJSON_AddNumberToObject(item, "rows", (double)snnk_lstsq_rows(lstsq));
        cJSON_AddStringToObject(item, "route",
                                snnk_factorization_name(snnk_lstsq_factorization(lstsq)));
    }
    add_classes(json, &use->task);
    add_uncertainty(json, snnk_network_uncertainty(network));
    add_encoder(json, snnk_network_encoder(network));
    texts = cJSON_AddObjectToObject(json, "notes");
    for (size_t k = 0; k < sizeof notes / sizeof *notes; k++)
        if (snnk_network_note(network, notes[k]))
            cJSON_AddStringToObject(texts, notes[k], snnk_network_note(network, notes[k]));
    return json;
}

static void print_text(const cJSON *json) {
    const cJSON *item;
    int index = 0;

    printf("inputs         %.0f\noutputs        %.0f\nparameters     %.0f\n"
           "multiply-adds  %.0f a row\n",
           cJSON_GetObjectItem(json, "inputs")->valuedouble,
           cJSON_GetObjectItem(json, "outputs")->valuedouble,
           cJSON_GetObjectItem(json, "parameters")->valuedouble,
           cJSON_GetObjectItem(json, "multiply_adds")->valuedouble);
    if (cJSON_GetObjectItem(json, "bytes"))
        printf("bytes          %.0f\nprojections    %s\n",
               cJSON_GetObjectItem(json, "bytes")->valuedouble,
               cJSON_GetObjectItem(json, "projections")->valuestring);
    cJSON_ArrayForEach(item, cJSON_GetObjectItem(json, "layers")) print_layer(item, index++, 0);
    item = cJSON_GetObjectItem(json, "statistics");
    if (item)
        printf("statistics     of %.0f rows (%s)\n", cJSON_GetObjectItem(item, "rows")->valuedouble,
               cJSON_GetObjectItem(item, "route")->valuestring);
    item = cJSON_GetObjectItem(json, "uncertainty");
    if (item)
        printf("uncertainty    %s, from %.0f rows\n",
               cJSON_GetObjectItem(item, "kind")->valuestring,
               cJSON_GetObjectItem(item, "rows")->valuedouble);
    item = cJSON_GetObjectItem(json, "classes");
    if (item) {
        printf("classes        %d:", cJSON_GetArraySize(item));
        print_texts(item);
        putchar('\n');
    }
    print_encoder(cJSON_GetObjectItem(json, "encoder"));
    cJSON_ArrayForEach(item, cJSON_GetObjectItem(json, "notes"))
        printf("note           %s: %s\n", item->string, item->valuestring);
}

/* ---- Tensors ---- */

/* Add a tensor. A shape with too many dimensions is left out; a type that cannot be found, because
 * its file cannot be opened, is an error. */
static int add_tensor(cJSON *array, const snnk_tensors *tensors, const char *name) {
    size_t n_dims = 0, dims[SNNK_TENSORS_MAX_DIMS];
    const char *type = snnk_tensors_type(tensors, name);
    cJSON *json, *shape;

    if (!type) return library_failed(command);
    json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "name", name);
    cJSON_AddStringToObject(json, "type", type);
    if (snnk_tensors_shape(tensors, name, &n_dims, dims) == SNNK_OK) {
        shape = cJSON_AddArrayToObject(json, "shape");
        for (size_t k = 0; k < n_dims; k++)
            cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)dims[k]));
    }
    cJSON_AddItemToArray(array, json);
    return EXIT_OK;
}

static int list_tensors(const snnk_tensors *tensors, cJSON *array) {
    int exit_status = EXIT_OK;

    for (size_t i = 0; i < snnk_tensors_count(tensors) && exit_status == EXIT_OK; i++)
        exit_status = add_tensor(array, tensors, snnk_tensors_name(tensors, i));
    return exit_status;
}

static void print_tensors(const cJSON *array) {
    const cJSON *item, *dim;

    cJSON_ArrayForEach(item, array) {
        const cJSON *shape = cJSON_GetObjectItem(item, "shape");

        printf("tensor         %s: %s", cJSON_GetObjectItem(item, "name")->valuestring,
               cJSON_GetObjectItem(item, "type")->valuestring);
        cJSON_ArrayForEach(dim, shape)
            printf("%s%.0f", dim == shape->child ? " " : " x ", dim->valuedouble);
        if (shape && !shape->child) printf(" (one number)");
        if (!shape) printf(" (more than %d dimensions)", SNNK_TENSORS_MAX_DIMS);
        putchar('\n');
    }
}

/* Whether the file is a network that snnk_network_load loads. */
static bool is_network(const snnk_tensors *tensors) {
    const char *kind = snnk_tensors_text(tensors, "snnk.kind");

    return kind && strcmp(kind, "network") == 0;
}

/* Describe the model, if it is one, and list the tensors. */
static int run(model_use *use, const snnk_tensors *tensors) {
    const bool network = is_network(tensors);
    int exit_status = network ? model_open_any(command, use) : EXIT_OK;
    cJSON *json, *array;

    if (exit_status != EXIT_OK) return exit_status;
    json = network ? describe(use) : cJSON_CreateObject();
    array = cJSON_AddArrayToObject(json, "tensors");
    exit_status = list_tensors(tensors, array);
    if (exit_status == EXIT_OK && use->json) {
        print_json_object(json);
        return EXIT_OK;
    }
    if (exit_status == EXIT_OK && network) print_text(json);
    if (exit_status == EXIT_OK) print_tensors(array);
    cJSON_Delete(json);
    return exit_status;
}

int info_command(int argc, char **argv) {
    snnk_tensors *tensors = NULL;
    model_use use;
    int exit_status = model_options(command, "json", argc, argv, &use);

    if (exit_status != EXIT_OK) return exit_status;
    if (use.help) {
        fputs(help, stdout);
        return EXIT_OK;
    }
    if (snnk_tensors_open(use.path, NULL, &tensors) == SNNK_OK)
        exit_status = run(&use, tensors);
    else
        exit_status = library_failed(command);
    snnk_tensors_free(tensors);
    model_close(&use);
    return exit_status;
}
