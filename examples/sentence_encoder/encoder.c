#include "encoder.h"

#include <math.h>
#include <string.h>

#include "attention.h"
#include "common.h"
#include "tokenizer.h"

enum { LAYERS = 2, EMBEDDING = 256, HIDDEN = 1536, RESERVED_PIECES = 6 };

/* A batch is texts of about this many tokens: enough for full speed, few enough for their
 * activations to stay in cache. */
enum { BATCH_TOKENS = 512 };

typedef struct encoder_layer {
    size_t width; /* of its input */
    layer_norm attention_norm, ffn_norm;
    snnk_layer *qkv; /* queries, then keys, then values */
    snnk_layer *attention_output;
} encoder_layer;

/* Room for a batch; widths are the largest of both layers. */
typedef struct batch_room {
    float *x;      /* ENCODER_WIDTH a token, like the next two */
    float *normed; /* input of attention or of a part */
    float *added;  /* output of these */
    float *qkv;    /* 3 x ENCODER_WIDTH a token */
    float *logits; /* ENCODER_MOST_TOKENS^2 */
} batch_room;

struct sentence_encoder {
    unigram_tokenizer *tokenizer;
    size_t n_pieces;
    float *embedding;     /* n_pieces x EMBEDDING */
    float *timing;        /* ENCODER_MOST_TOKENS x EMBEDDING */
    snnk_layer *residual; /* of layer 0 */
    encoder_layer layers[LAYERS];
    snnk_network *dense[ENCODER_PARTS];
    const snnk_network *parts[ENCODER_PARTS];
    snnk_workspace *workspace;
    batch_room batch;

    /* While encoder_rows runs: the destination of the rows of each part, or NULL; and the last part
     * that is collected, after which nothing is computed. */
    part_rows *collect[ENCODER_PARTS];
    encoder_part last;
};

/* ---- Loading ---- */

static float *read_tensor(const snnk_tensors *tensors, const char *name, size_t n_dims,
                          const size_t *dims) {
    size_t size = 1;
    float *values;

    for (size_t k = 0; k < n_dims; k++) size *= dims[k];
    values = allocate(size, sizeof *values);
    CHECK(snnk_tensors_read(tensors, name, n_dims, dims, values));
    return values;
}

static float *read_vector(const snnk_tensors *tensors, const char *prefix, const char *name,
                          size_t size) {
    char full[128];

    snprintf(full, sizeof full, "%s%s", prefix, name);
    return read_tensor(tensors, full, 1, &size);
}

/* f(W x + b) as a dense layer of libsnnk, also where it is not replaced. Compared with sgemm of
 * OpenBLAS it takes 0.3 of the time for one token, 0.7 for a sentence, and 1.06 for 512 tokens. */
static snnk_layer *read_dense(const snnk_tensors *tensors, const char *prefix, const char *name,
                              size_t inputs, size_t outputs, int32_t activation) {
    const size_t dims[] = {outputs, inputs};
    char full[128];
    float *W, *b;
    snnk_layer *made;

    snprintf(full, sizeof full, "%s%s.weight", prefix, name);
    W = read_tensor(tensors, full, 2, dims);
    snprintf(full, sizeof full, "%s%s.bias", prefix, name);
    b = read_tensor(tensors, full, 1, &outputs);
    CHECK(snnk_layer_create_dense(inputs, outputs, W, inputs, b, activation, NULL, &made));
    free(b);
    free(W);
    return made;
}

/* Append a dense layer to a network. */
static void append_dense(snnk_network *network, const snnk_tensors *tensors, const char *prefix,
                         const char *name, size_t inputs, size_t outputs, int32_t activation) {
    snnk_layer *made = read_dense(tensors, prefix, name, inputs, outputs, activation);

    CHECK(snnk_network_append(network, made));
    snnk_layer_free(made);
}

static void read_layer(sentence_encoder *encoder, const snnk_tensors *tensors, size_t i) {
    encoder_layer *layer = encoder->layers + i;
    snnk_network *ffn = encoder->dense[ENCODER_FFN_0 + i];
    char prefix[32];

    snprintf(prefix, sizeof prefix, "layers.%zu.", i);
    layer->width = i == 0 ? EMBEDDING : ENCODER_WIDTH;
    layer->attention_norm.weight =
        read_vector(tensors, prefix, "attention.norm.weight", layer->width);
    layer->attention_norm.bias = read_vector(tensors, prefix, "attention.norm.bias", layer->width);
    layer->ffn_norm.weight = read_vector(tensors, prefix, "ffn.norm.weight", ENCODER_WIDTH);
    layer->ffn_norm.bias = read_vector(tensors, prefix, "ffn.norm.bias", ENCODER_WIDTH);
    layer->qkv =
        read_dense(tensors, prefix, "attention.qkv", layer->width, 3 * layer->width, SNNK_IDENTITY);
    layer->attention_output =
        read_dense(tensors, prefix, "attention.output", layer->width, ENCODER_WIDTH, SNNK_IDENTITY);
    append_dense(ffn, tensors, prefix, "ffn.hidden", ENCODER_WIDTH, HIDDEN, SNNK_RELU);
    append_dense(ffn, tensors, prefix, "ffn.output", HIDDEN, ENCODER_WIDTH, SNNK_IDENTITY);
}

/* Make the position signal: timing[i] is the sines, then the cosines, of i times the
 * frequencies. */
static float *make_timing(const snnk_tensors *tensors) {
    const size_t half = EMBEDDING / 2;
    float *frequencies = read_vector(tensors, "", "timing.frequencies", half);
    float *timing = allocate(ENCODER_MOST_TOKENS * EMBEDDING, sizeof *timing);

    for (size_t i = 0; i < ENCODER_MOST_TOKENS; i++)
        for (size_t k = 0; k < half; k++) {
            const float angle = (float)i * frequencies[k];

            timing[i * EMBEDDING + k] = sinf(angle);
            timing[i * EMBEDDING + half + k] = cosf(angle);
        }
    free(frequencies);
    return timing;
}

/* The vocabulary is a tensor of bytes, which are read as floats. */
static unigram_tokenizer *read_tokenizer(const snnk_tensors *tensors) {
    size_t n_dims, dims[SNNK_TENSORS_MAX_DIMS];
    unigram_tokenizer *made;
    float *bytes;
    char *lines;

    CHECK(snnk_tensors_shape(tensors, "vocabulary", &n_dims, dims));
    bytes = read_tensor(tensors, "vocabulary", 1, dims);
    lines = allocate(dims[0], 1);
    for (size_t k = 0; k < dims[0]; k++) lines[k] = (char)(unsigned char)bytes[k];
    made = tokenizer_create(lines, dims[0], RESERVED_PIECES);
    free(lines);
    free(bytes);
    return made;
}

static void make_batch(batch_room *batch) {
    /* The last text of a batch may exceed BATCH_TOKENS. */
    const size_t rows = BATCH_TOKENS + ENCODER_MOST_TOKENS;

    batch->x = allocate(rows * ENCODER_WIDTH, sizeof(float));
    batch->normed = allocate(rows * ENCODER_WIDTH, sizeof(float));
    batch->added = allocate(rows * ENCODER_WIDTH, sizeof(float));
    batch->qkv = allocate(rows * 3 * ENCODER_WIDTH, sizeof(float));
    batch->logits = allocate(ENCODER_MOST_TOKENS * ENCODER_MOST_TOKENS, sizeof(float));
}

sentence_encoder *encoder_load(const char *path) {
    sentence_encoder *made = allocate(1, sizeof *made);
    size_t n_dims, dims[SNNK_TENSORS_MAX_DIMS];
    snnk_tensors *tensors;

    CHECK(snnk_tensors_open(path, NULL, &tensors));
    made->tokenizer = read_tokenizer(tensors);
    CHECK(snnk_tensors_shape(tensors, "embedding.weight", &n_dims, dims));
    made->n_pieces = dims[0];
    made->embedding =
        read_tensor(tensors, "embedding.weight", 2, (const size_t[]){made->n_pieces, EMBEDDING});
    made->timing = make_timing(tensors);
    made->residual =
        read_dense(tensors, "layers.0.", "residual", EMBEDDING, ENCODER_WIDTH, SNNK_IDENTITY);
    for (int part = 0; part < ENCODER_PARTS; part++) {
        CHECK(snnk_network_create(NULL, &made->dense[part]));
        made->parts[part] = made->dense[part];
    }
    made->last = ENCODER_POOLER;
    for (size_t i = 0; i < LAYERS; i++) read_layer(made, tensors, i);
    append_dense(made->dense[ENCODER_POOLER], tensors, "", "pooler", ENCODER_WIDTH, ENCODER_WIDTH,
                 SNNK_TANH);
    CHECK(snnk_workspace_create(1, NULL, &made->workspace));
    make_batch(&made->batch);
    snnk_tensors_free(tensors);
    return made;
}

static void free_layer(encoder_layer *layer) {
    free(layer->attention_norm.weight);
    free(layer->attention_norm.bias);
    free(layer->ffn_norm.weight);
    free(layer->ffn_norm.bias);
    snnk_layer_free(layer->qkv);
    snnk_layer_free(layer->attention_output);
}

void encoder_set_threads(sentence_encoder *encoder, size_t threads) {
    snnk_workspace_free(encoder->workspace);
    CHECK(snnk_workspace_create(threads, NULL, &encoder->workspace));
}

void encoder_free(sentence_encoder *encoder) {
    if (!encoder) return;
    tokenizer_free(encoder->tokenizer);
    free(encoder->embedding);
    free(encoder->timing);
    snnk_layer_free(encoder->residual);
    for (size_t i = 0; i < LAYERS; i++) free_layer(encoder->layers + i);
    for (int part = 0; part < ENCODER_PARTS; part++) snnk_network_free(encoder->dense[part]);
    snnk_workspace_free(encoder->workspace);
    free(encoder->batch.x);
    free(encoder->batch.normed);
    free(encoder->batch.added);
    free(encoder->batch.qkv);
    free(encoder->batch.logits);
    free(encoder);
}

/* ---- Texts ---- */

token_list encoder_tokenise(const sentence_encoder *encoder, size_t n, const char *const *texts) {
    token_list list = {n, 0, NULL, NULL};

    list.first = allocate(n + 1, sizeof *list.first);
    list.tokens = allocate(n * ENCODER_MOST_TOKENS, sizeof *list.tokens);
    for (size_t i = 0; i < n; i++) {
        size_t count;
        int32_t *tokens = tokenizer_encode(encoder->tokenizer, texts[i], &count);

        if (count > ENCODER_MOST_TOKENS) count = ENCODER_MOST_TOKENS;
        memcpy(list.tokens + list.n_tokens, tokens, count * sizeof *tokens);
        list.first[i] = list.n_tokens;
        list.n_tokens += count;
        free(tokens);
    }
    list.first[n] = list.n_tokens;
    return list;
}

void token_list_free(token_list *list) {
    free(list->first);
    free(list->tokens);
    *list = (token_list){0, 0, NULL, NULL};
}

/* ---- One batch ---- */

/* x += attention(norm(x)). In layer 0 the residual projection first makes x ENCODER_WIDTH wide.
 * first: where each text begins, and where the last one ends. */
static void attention_block(sentence_encoder *encoder, const encoder_layer *layer, size_t n_texts,
                            const size_t *first) {
    batch_room *batch = &encoder->batch;
    const size_t n = first[n_texts] - first[0], width = layer->width;

    norm_apply(&layer->attention_norm, n, width, batch->x, batch->normed);
    apply_dense(layer->qkv, n, batch->normed, batch->qkv, encoder->workspace);
    attention_apply(n_texts, first, width, batch->qkv, batch->normed, batch->logits);
    if (width != ENCODER_WIDTH) {
        apply_dense(encoder->residual, n, batch->x, batch->added, encoder->workspace);
        memcpy(batch->x, batch->added, n * ENCODER_WIDTH * sizeof *batch->x);
    }
    apply_dense(layer->attention_output, n, batch->normed, batch->added, encoder->workspace);
    add_to(n * ENCODER_WIDTH, batch->added, batch->x);
}

/* Append n rows to those collected so far; to NULL: do nothing. */
static void append_rows(const part_rows *rows, size_t n, const float *from, float *to) {
    if (to) memcpy(to + rows->n * ENCODER_WIDTH, from, n * ENCODER_WIDTH * sizeof *to);
}

/* Apply a part, and collect its rows if requested. sums: what outputs are added to, or NULL. */
static void apply_part(sentence_encoder *encoder, encoder_part part, size_t n, const float *X,
                       const float *sums, float *Y) {
    part_rows *rows = encoder->collect[part];

    CHECK(snnk_network_forward(encoder->parts[part], n, X, ENCODER_WIDTH, Y, ENCODER_WIDTH,
                               encoder->workspace));
    if (!rows) return;
    append_rows(rows, n, X, rows->X);
    append_rows(rows, n, Y, rows->Y);
    append_rows(rows, n, sums, rows->sums);
    rows->n += n;
}

/* x += ffn(norm(x)) */
static void ffn_block(sentence_encoder *encoder, size_t i, size_t n) {
    batch_room *batch = &encoder->batch;

    norm_apply(&encoder->layers[i].ffn_norm, n, ENCODER_WIDTH, batch->x, batch->normed);
    apply_part(encoder, (encoder_part)(ENCODER_FFN_0 + i), n, batch->normed, batch->x,
               batch->added);
    add_to(n * ENCODER_WIDTH, batch->added, batch->x);
}

static void look_up(const sentence_encoder *encoder, size_t n_texts, const size_t *first,
                    const int32_t *tokens, float *x) {
    for (size_t i = 0; i < n_texts; i++)
        for (size_t k = first[i]; k < first[i + 1]; k++, x += EMBEDDING) {
            const float *embedding = encoder->embedding + (size_t)tokens[k] * EMBEDDING;
            const float *timing = encoder->timing + (k - first[i]) * EMBEDDING;

            for (size_t j = 0; j < EMBEDDING; j++) x[j] = 2 * embedding[j] + timing[j];
        }
}

void encoder_means(size_t n_texts, const size_t *first, const float *x, float *means) {
    memset(means, 0, n_texts * ENCODER_WIDTH * sizeof *means);
    for (size_t i = 0; i < n_texts; i++, means += ENCODER_WIDTH) {
        const size_t n = first[i + 1] - first[i];

        for (size_t k = 0; k < n; k++, x += ENCODER_WIDTH)
            for (size_t j = 0; j < ENCODER_WIDTH; j++) means[j] += x[j];
        for (size_t j = 0; j < ENCODER_WIDTH && n > 0; j++) means[j] /= (float)n;
    }
}

static void divide_by_length(size_t n, float *E) {
    for (size_t i = 0; i < n; i++, E += ENCODER_WIDTH) {
        const float scale = 1 / sqrtf(fmaxf(squares_of(ENCODER_WIDTH, E), 1e-12f));

        for (size_t j = 0; j < ENCODER_WIDTH; j++) E[j] *= scale;
    }
}

/* Embed the texts of one batch. */
static void embed_batch(sentence_encoder *encoder, size_t n_texts, const size_t *first,
                        const int32_t *tokens, float *E) {
    batch_room *batch = &encoder->batch;
    const size_t n = first[n_texts] - first[0];

    look_up(encoder, n_texts, first, tokens, batch->x);
    for (size_t i = 0; i < LAYERS && n > 0; i++) {
        attention_block(encoder, encoder->layers + i, n_texts, first);
        ffn_block(encoder, i, n);
        if (encoder->last == (encoder_part)(ENCODER_FFN_0 + i)) return;
    }
    encoder_means(n_texts, first, batch->x, batch->normed);
    apply_part(encoder, ENCODER_POOLER, n_texts, batch->normed, NULL, E);
    divide_by_length(n_texts, E);
}

void encoder_embed(sentence_encoder *encoder, const token_list *list, float *E) {
    for (size_t i = 0, end; i < list->n_texts; i = end) {
        for (end = i; end < list->n_texts && end - i < BATCH_TOKENS;)
            if (list->first[++end] - list->first[i] >= BATCH_TOKENS) break;
        embed_batch(encoder, end - i, list->first + i, list->tokens, E + i * ENCODER_WIDTH);
    }
}

float *encoder_embed_texts(sentence_encoder *encoder, size_t n, char *const *texts) {
    token_list list = encoder_tokenise(encoder, n, (const char *const *)texts);
    float *E = allocate(n * ENCODER_WIDTH, sizeof *E);

    encoder_embed(encoder, &list, E);
    token_list_free(&list);
    return E;
}

/* ---- Parts ---- */

const snnk_network *encoder_dense(const sentence_encoder *encoder, encoder_part part) {
    return encoder->dense[part];
}

void encoder_replace(sentence_encoder *encoder, encoder_part part, const snnk_network *network) {
    encoder->parts[part] = network ? network : encoder->dense[part];
}

uint64_t encoder_part_parameters(const sentence_encoder *encoder) {
    uint64_t sum = 0;

    for (int part = 0; part < ENCODER_PARTS; part++) {
        int counted = 0;

        for (int other = 0; other < part; other++)
            counted |= encoder->parts[other] == encoder->parts[part];
        if (!counted) sum += snnk_network_parameters(encoder->parts[part]);
    }
    return sum;
}

uint64_t encoder_parameters(const sentence_encoder *encoder) {
    uint64_t sum = encoder->n_pieces * EMBEDDING + snnk_layer_parameters(encoder->residual) +
                   encoder_part_parameters(encoder);

    for (size_t i = 0; i < LAYERS; i++) {
        const encoder_layer *layer = encoder->layers + i;

        sum += snnk_layer_parameters(layer->qkv) + snnk_layer_parameters(layer->attention_output) +
               2 * (layer->width + ENCODER_WIDTH);
    }
    return sum;
}

static void make_rows(encoder_part part, const token_list *list, part_rows *rows) {
    const size_t n = part == ENCODER_POOLER ? list->n_texts : list->n_tokens;

    *rows = (part_rows){0, NULL, NULL, NULL};
    rows->X = allocate(n * ENCODER_WIDTH, sizeof *rows->X);
    rows->Y = allocate(n * ENCODER_WIDTH, sizeof *rows->Y);
    if (part != ENCODER_POOLER) rows->sums = allocate(n * ENCODER_WIDTH, sizeof *rows->sums);
}

void encoder_rows(sentence_encoder *encoder, const token_list *list,
                  part_rows *const rows[ENCODER_PARTS]) {
    float *E = allocate(list->n_texts * ENCODER_WIDTH, sizeof *E);

    for (int part = 0; part < ENCODER_PARTS; part++) {
        if (!rows[part]) continue;
        make_rows((encoder_part)part, list, rows[part]);
        encoder->collect[part] = rows[part];
        encoder->last = (encoder_part)part;
    }
    encoder_embed(encoder, list, E);
    for (int part = 0; part < ENCODER_PARTS; part++) encoder->collect[part] = NULL;
    encoder->last = ENCODER_POOLER;
    free(E);
}

void part_rows_free(part_rows *rows) {
    free(rows->X);
    free(rows->Y);
    free(rows->sums);
    *rows = (part_rows){0, NULL, NULL, NULL};
}

encoder_middle encoder_middle_of(const sentence_encoder *encoder) {
    const encoder_layer *layer = &encoder->layers[1];

    return (encoder_middle){&layer->attention_norm, &layer->ffn_norm, layer->qkv,
                            layer->attention_output};
}
