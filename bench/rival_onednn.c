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

/* Convert plain floats to the layout that the primitive wants. */
static dnnl_memory_t converted(dnnl_stream_t stream, const dnnl_memory_desc_t *plain, float *from,
                               const dnnl_memory_desc_t *wanted) {
    dnnl_primitive_desc_t description;
    dnnl_primitive_t reorder;
    dnnl_memory_t source, made;

    DNNL(dnnl_memory_create(&source, plain, engine(), from));
    DNNL(dnnl_memory_create(&made, wanted, engine(), DNNL_MEMORY_ALLOCATE));
    DNNL(dnnl_reorder_primitive_desc_create(&description, plain, engine(), wanted, engine(), NULL));
    DNNL(dnnl_primitive_create(&reorder, description));
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, made}};

    DNNL(dnnl_primitive_execute(reorder, stream, 2, arguments));
    DNNL(dnnl_stream_wait(stream));
    dnnl_primitive_destroy(reorder);
    dnnl_primitive_desc_destroy(description);
    dnnl_memory_destroy(source);
    return made;
}

static dnnl_primitive_attr_t attributes(rival_activation f) {
    dnnl_primitive_attr_t made;
    dnnl_post_ops_t after;

    DNNL(dnnl_primitive_attr_create(&made));
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

onednn_layer *onednn_create(size_t n, size_t d, size_t l, rival_activation f, int bf16, float *X,
                            float *W, float *b, float *Y) {
    const dnnl_data_type_t type = bf16 ? dnnl_bf16 : dnnl_f32;
    const dnnl_dims_t length = {(dnnl_dim_t)l};
    const dnnl_memory_desc_t x = matrix(n, d, type, dnnl_ab), y = matrix(n, l, type, dnnl_ab);
    const dnnl_memory_desc_t any = matrix(l, d, type, dnnl_format_tag_any);
    const dnnl_memory_desc_t plain_x = matrix(n, d, dnnl_f32, dnnl_ab);
    const dnnl_memory_desc_t plain_w = matrix(l, d, dnnl_f32, dnnl_ab);
    dnnl_primitive_attr_t how = attributes(f);
    dnnl_inner_product_desc_t operation;
    dnnl_primitive_desc_t description;
    dnnl_memory_desc_t bias;
    dnnl_memory_t memory;
    onednn_layer *made = calloc(1, sizeof *made);

    if (!made) exit(1);
    DNNL(dnnl_stream_create(&made->stream, engine(), dnnl_stream_default_flags));
    DNNL(dnnl_memory_desc_init_by_tag(&bias, 1, length, dnnl_f32, dnnl_a));
    DNNL(dnnl_inner_product_forward_desc_init(&operation, dnnl_forward_inference, &x, &any,
                                              b ? &bias : NULL, &y));
    DNNL(dnnl_primitive_desc_create(&description, &operation, how, engine(), NULL));
    DNNL(dnnl_primitive_create(&made->primitive, description));
    if (bf16) {
        add_argument(made, DNNL_ARG_SRC, converted(made->stream, &plain_x, X, &x));
    } else {
        DNNL(dnnl_memory_create(&memory, &x, engine(), X));
        add_argument(made, DNNL_ARG_SRC, memory);
    }
    add_argument(made, DNNL_ARG_WEIGHTS,
                 converted(made->stream, &plain_w, W,
                           dnnl_primitive_desc_query_md(description, dnnl_query_weights_md, 0)));
    if (b) {
        DNNL(dnnl_memory_create(&memory, &bias, engine(), b));
        add_argument(made, DNNL_ARG_BIAS, memory);
    }
    DNNL(dnnl_memory_create(&memory, &y, engine(), bf16 ? DNNL_MEMORY_ALLOCATE : (void *)Y));
    add_argument(made, DNNL_ARG_DST, memory);
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
    for (int i = 0; i < layer->n_memories; i++) dnnl_memory_destroy(layer->memory[i]);
    dnnl_primitive_destroy(layer->primitive);
    dnnl_stream_destroy(layer->stream);
    free(layer);
}

void onednn_product(size_t n, size_t l, size_t k, float scale, const float *A, size_t lda,
                    const float *B, size_t ldb, int transposed, float *C, size_t ldc) {
    DNNL(dnnl_sgemm('N', transposed ? 'T' : 'N', (dnnl_dim_t)n, (dnnl_dim_t)l, (dnnl_dim_t)k, scale,
                    A, (dnnl_dim_t)lda, B, (dnnl_dim_t)ldb, 0, C, (dnnl_dim_t)ldc));
}
