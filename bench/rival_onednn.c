#include <math.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <stdlib.h>

#include "rivals.h"

struct onednn_layer {
    dnnl_stream_t stream;
    dnnl_primitive_t primitive;
    int n_memories;
    dnnl_memory_t memory[4];
    dnnl_exec_arg_t arguments[4];
    float *bias; /* NULL, or the scaled one */
};

#define DNNL(call)                                                                                 \
    do {                                                                                           \
        if ((call) != dnnl_success) {                                                              \
            fprintf(stderr, "oneDNN refuses: %s\n", #call);                                        \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static dnnl_engine_t engine(void) {
    static dnnl_engine_t made;

    if (!made) DNNL(dnnl_engine_create(&made, dnnl_cpu, 0));
    return made;
}

static dnnl_memory_desc_t matrix(size_t rows, size_t columns, dnnl_data_type_t type,
                                 dnnl_format_tag_t tag) {
    const dnnl_dims_t dims = {(dnnl_dim_t)rows, (dnnl_dim_t)columns};
    dnnl_memory_desc_t made;

    DNNL(dnnl_memory_desc_init_by_tag(&made, 2, dims, type, tag));
    return made;
}

/* Convert plain floats, times `scale`, to the layout and type that the primitive wants. */
static dnnl_memory_t converted(dnnl_stream_t stream, const dnnl_memory_desc_t *plain, float *from,
                               float scale, const dnnl_memory_desc_t *wanted) {
    dnnl_primitive_desc_t description;
    dnnl_primitive_attr_t how;
    dnnl_primitive_t reorder;
    dnnl_memory_t source, made;

    DNNL(dnnl_primitive_attr_create(&how));
    if (scale != 1) DNNL(dnnl_primitive_attr_set_output_scales(how, 1, 0, &scale));
    DNNL(dnnl_memory_create(&source, plain, engine(), from));
    DNNL(dnnl_memory_create(&made, wanted, engine(), DNNL_MEMORY_ALLOCATE));
    DNNL(dnnl_reorder_primitive_desc_create(&description, plain, engine(), wanted, engine(), how));
    DNNL(dnnl_primitive_create(&reorder, description));
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, made}};

    DNNL(dnnl_primitive_execute(reorder, stream, 2, arguments));
    DNNL(dnnl_stream_wait(stream));
    dnnl_primitive_destroy(reorder);
    dnnl_primitive_desc_destroy(description);
    dnnl_primitive_attr_destroy(how);
    dnnl_memory_destroy(source);
    return made;
}

/* f after the product; output = `scale` times the integers. */
static dnnl_primitive_attr_t attributes(rival_activation f, float scale) {
    dnnl_primitive_attr_t made;
    dnnl_post_ops_t after;

    DNNL(dnnl_primitive_attr_create(&made));
    if (scale != 1) DNNL(dnnl_primitive_attr_set_output_scales(made, 1, 0, &scale));
    if (f == RIVAL_NONE) return made;
    DNNL(dnnl_post_ops_create(&after));
    DNNL(dnnl_post_ops_append_eltwise(after, 1,
                                      f == RIVAL_RELU   ? dnnl_eltwise_relu
                                      : f == RIVAL_GELU ? dnnl_eltwise_gelu_erf
                                                        : dnnl_eltwise_tanh,
                                      0, 0));
    DNNL(dnnl_primitive_attr_set_post_ops(made, after));
    dnnl_post_ops_destroy(after);
    return made;
}

static void add_argument(onednn_layer *layer, int name, dnnl_memory_t memory) {
    layer->memory[layer->n_memories] = memory;
    layer->arguments[layer->n_memories++] = (dnnl_exec_arg_t){name, memory};
}

/* The scale that brings the largest value to 127. */
static float int8_scale(size_t count, const float *values) {
    float largest = 0;

    for (size_t i = 0; i < count; i++) largest = fmaxf(largest, fabsf(values[i]));
    return largest > 0 ? 127 / largest : 1;
}

/* The bias counts in integers: oneDNN 2 adds it before it scales. */
static float *scaled_bias(size_t l, const float *b, float scale) {
    float *made = malloc(l * sizeof *made);

    if (!made) exit(1);
    for (size_t o = 0; o < l; o++) made[o] = b[o] * scale;
    return made;
}

/* The memory of an input or output: the caller's floats, or memory of its own. */
static dnnl_memory_t memory_of(const dnnl_memory_desc_t *what, float *floats) {
    dnnl_memory_t made;

    DNNL(dnnl_memory_create(&made, what, engine(), floats ? (void *)floats : DNNL_MEMORY_ALLOCATE));
    return made;
}

onednn_layer *onednn_create_as(onednn_types types, size_t n, size_t d, size_t l, rival_activation f,
                               const onednn_layer *before, float *X, float *W, float *b, float *Y) {
    static const dnnl_data_type_t inputs[] = {dnnl_f32, dnnl_bf16, dnnl_bf16, dnnl_s8},
                                  outputs[] = {dnnl_f32, dnnl_bf16, dnnl_f32, dnnl_f32};
    const dnnl_data_type_t in = inputs[types], out = outputs[types];
    const float sx = in == dnnl_s8 ? int8_scale(n * d, X) : 1;
    const float sw = in == dnnl_s8 ? int8_scale(l * d, W) : 1;
    const dnnl_dims_t length = {(dnnl_dim_t)l};
    const dnnl_memory_desc_t x = matrix(n, d, in, dnnl_ab), y = matrix(n, l, out, dnnl_ab);
    const dnnl_memory_desc_t any = matrix(l, d, in, dnnl_format_tag_any);
    const dnnl_memory_desc_t plain_x = matrix(n, d, dnnl_f32, dnnl_ab);
    const dnnl_memory_desc_t plain_w = matrix(l, d, dnnl_f32, dnnl_ab);
    dnnl_primitive_attr_t how = attributes(f, 1 / (sx * sw));
    dnnl_inner_product_desc_t operation;
    dnnl_primitive_desc_t description;
    dnnl_memory_desc_t bias;
    onednn_layer *made = calloc(1, sizeof *made);

    if (!made) exit(1);
    DNNL(dnnl_memory_desc_init_by_tag(&bias, 1, length, dnnl_f32, dnnl_a));
    DNNL(dnnl_inner_product_forward_desc_init(&operation, dnnl_forward_inference, &x, &any,
                                              b ? &bias : NULL, &y));
    if (dnnl_primitive_desc_create(&description, &operation, how, engine(), NULL) != dnnl_success) {
        dnnl_primitive_attr_destroy(how);
        free(made);
        return NULL;
    }
    DNNL(dnnl_stream_create(&made->stream, engine(), dnnl_stream_default_flags));
    DNNL(dnnl_primitive_create(&made->primitive, description));
    if (before)
        made->arguments[made->n_memories++] =
            (dnnl_exec_arg_t){DNNL_ARG_SRC, before->memory[before->n_memories - 1]};
    else
        add_argument(made, DNNL_ARG_SRC,
                     in == dnnl_f32 ? memory_of(&x, X)
                                    : converted(made->stream, &plain_x, X, sx, &x));
    add_argument(made, DNNL_ARG_WEIGHTS,
                 converted(made->stream, &plain_w, W, sw,
                           dnnl_primitive_desc_query_md(description, dnnl_query_weights_md, 0)));
    if (b && in == dnnl_s8) b = made->bias = scaled_bias(l, b, sx * sw);
    if (b) add_argument(made, DNNL_ARG_BIAS, memory_of(&bias, b));
    add_argument(made, DNNL_ARG_DST, memory_of(&y, out == dnnl_f32 ? Y : NULL));
    dnnl_primitive_desc_destroy(description);
    dnnl_primitive_attr_destroy(how);
    return made;
}

onednn_layer *onednn_create(size_t n, size_t d, size_t l, rival_activation f, int bf16, float *X,
                            float *W, float *b, float *Y) {
    onednn_layer *made =
        onednn_create_as(bf16 ? TYPES_BF16 : TYPES_FLOAT, n, d, l, f, NULL, X, W, b, Y);

    if (made) return made;
    fprintf(stderr, "oneDNN has no product of %zu x %zu and %zu outputs in %s\n", n, d, l,
            bf16 ? "bf16" : "float");
    exit(1);
}

static dnnl_memory_desc_t image(size_t n, size_t channels, size_t height, size_t width,
                                dnnl_format_tag_t tag) {
    const dnnl_dims_t dims = {(dnnl_dim_t)n, (dnnl_dim_t)channels, (dnnl_dim_t)height,
                              (dnnl_dim_t)width};
    dnnl_memory_desc_t made;

    DNNL(dnnl_memory_desc_init_by_tag(&made, 4, dims, dnnl_f32, tag));
    return made;
}

onednn_layer *onednn_create_convolution(size_t n, size_t height, size_t width, size_t channels,
                                        size_t filters, size_t patch_height, size_t patch_width,
                                        float *X, float *W, float *b) {
    const dnnl_dims_t length = {(dnnl_dim_t)filters}, strides = {1, 1}, none = {0, 0};
    const size_t down = height - patch_height + 1, right = width - patch_width + 1;
    const dnnl_memory_desc_t x = image(n, channels, height, width, dnnl_format_tag_any),
                             y = image(n, filters, down, right, dnnl_format_tag_any),
                             w = image(filters, channels, patch_height, patch_width,
                                       dnnl_format_tag_any),
                             plain_x = image(n, channels, height, width, dnnl_nhwc),
                             plain_w =
                                 image(filters, channels, patch_height, patch_width, dnnl_ohwi);
    dnnl_primitive_attr_t how = attributes(RIVAL_RELU, 1);
    dnnl_convolution_desc_t operation;
    dnnl_primitive_desc_t description;
    dnnl_memory_desc_t bias;
    onednn_layer *made = calloc(1, sizeof *made);

    if (!made) exit(1);
    DNNL(dnnl_memory_desc_init_by_tag(&bias, 1, length, dnnl_f32, dnnl_a));
    DNNL(dnnl_convolution_forward_desc_init(&operation, dnnl_forward_inference,
                                            dnnl_convolution_auto, &x, &w, &bias, &y, strides, none,
                                            none));
    DNNL(dnnl_primitive_desc_create(&description, &operation, how, engine(), NULL));
    DNNL(dnnl_stream_create(&made->stream, engine(), dnnl_stream_default_flags));
    DNNL(dnnl_primitive_create(&made->primitive, description));
    add_argument(made, DNNL_ARG_SRC,
                 converted(made->stream, &plain_x, X, 1,
                           dnnl_primitive_desc_query_md(description, dnnl_query_src_md, 0)));
    add_argument(made, DNNL_ARG_WEIGHTS,
                 converted(made->stream, &plain_w, W, 1,
                           dnnl_primitive_desc_query_md(description, dnnl_query_weights_md, 0)));
    add_argument(made, DNNL_ARG_BIAS, memory_of(&bias, b));
    add_argument(made, DNNL_ARG_DST,
                 memory_of(dnnl_primitive_desc_query_md(description, dnnl_query_dst_md, 0), NULL));
    dnnl_primitive_desc_destroy(description);
    dnnl_primitive_attr_destroy(how);
    return made;
}

void onednn_run(onednn_layer *layer) {
    DNNL(dnnl_primitive_execute(layer->primitive, layer->stream, layer->n_memories,
                                layer->arguments));
    DNNL(dnnl_stream_wait(layer->stream));
}

void onednn_free(onednn_layer *layer) {
    if (!layer) return;
    for (int i = 0; i < layer->n_memories; i++)
        if (layer->memory[i]) dnnl_memory_destroy(layer->memory[i]);
    free(layer->bias);
    dnnl_primitive_destroy(layer->primitive);
    dnnl_stream_destroy(layer->stream);
    free(layer);
}

void onednn_product(size_t n, size_t l, size_t k, float scale, const float *A, size_t lda,
                    const float *B, size_t ldb, int transposed, float *C, size_t ldc) {
    DNNL(dnnl_sgemm('N', transposed ? 'T' : 'N', (dnnl_dim_t)n, (dnnl_dim_t)l, (dnnl_dim_t)k, scale,
                    A, (dnnl_dim_t)lda, B, (dnnl_dim_t)ldb, 0, C, (dnnl_dim_t)ldc));
}
