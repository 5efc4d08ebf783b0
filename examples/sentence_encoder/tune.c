#include "tune.h"

#include <math.h>
#include <string.h>
#include <threads.h>

#include "attention.h"
#include "common.h"
#include "trainable.h"

enum { WIDTH = ENCODER_WIDTH, BATCH_TEXTS = 32 };

static float *room_for(size_t rows, size_t width) { return allocate(rows * width, sizeof(float)); }

/* ---- The weights that are tuned ---- */

/* A batch is split into this many slices, each with its own thread and gradients. The number is
 * fixed, so results do not depend on the machine. */
enum { SLICES = 2 };

/* The tuned weights, with the gradients of one slice. */
typedef struct part_weights {
    trainable parts[ENCODER_PARTS];
    int shared; /* 1: one layer replaces both blocks */
} part_weights;

typedef struct tuning {
    sentence_encoder *encoder;
    encoder_middle middle;
    float *qkv_W, *attention_W; /* weights of the middle: 3 WIDTH x WIDTH, WIDTH x WIDTH */
    part_weights slices[SLICES];
    uint64_t steps;
} tuning;

static trainable *block_of(part_weights *of, int i) { return &of->parts[of->shared ? 0 : i]; }

static void read_parts(part_set from, part_weights *to) {
    to->shared = from.parts[ENCODER_FFN_0] == from.parts[ENCODER_FFN_1];
    for (int part = 0; part < ENCODER_PARTS; part++)
        if (part != ENCODER_FFN_1 || !to->shared)
            to->parts[part] = trainable_read(snnk_network_layer(from.parts[part], 0));
}

static part_set write_parts(const part_weights *of) {
    part_set made = {{NULL}};

    for (int part = 0; part < ENCODER_PARTS; part++)
        if (part != ENCODER_FFN_1 || !of->shared)
            made.parts[part] = network_of(trainable_write(&of->parts[part], SNNK_TANH));
    if (of->shared) made.parts[ENCODER_FFN_1] = made.parts[ENCODER_FFN_0];
    return made;
}

static tuning tuning_make(sentence_encoder *encoder, part_set at) {
    tuning made = {.encoder = encoder,
                   .middle = encoder_middle_of(encoder),
                   .qkv_W = room_for((size_t)3 * WIDTH, WIDTH),
                   .attention_W = room_for(WIDTH, WIDTH)};

    CHECK(snnk_layer_weights(made.middle.qkv, made.qkv_W, WIDTH, NULL));
    CHECK(snnk_layer_weights(made.middle.attention_output, made.attention_W, WIDTH, NULL));
    read_parts(at, &made.slices[0]);
    for (int slice = 1; slice < SLICES; slice++) {
        made.slices[slice].shared = made.slices[0].shared;
        for (int part = 0; part < ENCODER_PARTS; part++)
            made.slices[slice].parts[part] = trainable_alias(&made.slices[0].parts[part]);
    }
    return made;
}

static void tuning_free(tuning *of) {
    for (int slice = SLICES - 1; slice >= 0; slice--)
        for (int part = 0; part < ENCODER_PARTS; part++)
            trainable_free(&of->slices[slice].parts[part]);
    free(of->qkv_W);
    free(of->attention_W);
}

/* ---- Texts ---- */

/* A slice of a batch, with all that the backward pass needs. Rows are tokens; of means and t,
 * texts. */
typedef struct batch {
    const tuning *of;
    part_weights *weights;
    int with_gradients;
    double loss; /* summed over texts */
    token_list list;
    float *wanted;             /* embeddings, of length 1 */
    part_rows rows;            /* of block 0: its inputs, and what its outputs are added to */
    float *normed;             /* inputs of block 1 */
    float *Z[2], *Phi[2];      /* of blocks */
    float *x1, *x2;            /* sums after block 0 and after attention */
    float *a, *qkv, *attended; /* attention: its inputs; qkv, 3 WIDTH wide; its outputs */
    float *squares;            /* scratch for the matrices of attention */
    float *means, *t;          /* inputs of the pooler, and its tanh */
} batch;

/* Copy texts which[0 ... n-1] of a list. */
static token_list texts_of(const token_list *all, size_t n, const size_t *which) {
    token_list list = {n, 0, NULL, NULL};

    list.first = allocate(n + 1, sizeof *list.first);
    list.tokens = allocate(n * ENCODER_MOST_TOKENS, sizeof *list.tokens);
    for (size_t i = 0; i < n; i++) {
        const size_t begin = all->first[which[i]], count = all->first[which[i] + 1] - begin;

        memcpy(list.tokens + list.n_tokens, all->tokens + begin, count * sizeof *list.tokens);
        list.n_tokens += count;
        list.first[i + 1] = list.n_tokens;
    }
    return list;
}

/* Uses encoder_rows, which is for one thread at a time: call before the threads start. */
static void batch_make(tuning *of, int slice, const token_list *all, const float *E, size_t n_texts,
                       const size_t *which, batch *made) {
    float **const wide[] = {&made->normed, &made->x1, &made->x2, &made->a, &made->attended};
    size_t n;

    made->of = of;
    made->weights = &of->slices[slice];
    made->list = texts_of(all, n_texts, which);
    made->wanted = room_for(n_texts, WIDTH);
    for (size_t i = 0; i < n_texts; i++)
        memcpy(made->wanted + i * WIDTH, E + which[i] * WIDTH, WIDTH * sizeof *E);
    encoder_rows(of->encoder, &made->list,
                 (part_rows *[ENCODER_PARTS]){[ENCODER_FFN_0] = &made->rows});
    n = made->list.n_tokens;
    for (size_t k = 0; k < sizeof wide / sizeof *wide; k++) *wide[k] = room_for(n, WIDTH);
    for (int i = 0; i < 2; i++) {
        made->Z[i] = room_for(n, block_of(made->weights, i)->m);
        made->Phi[i] = room_for(n, block_of(made->weights, i)->m);
    }
    made->qkv = room_for(n, (size_t)3 * WIDTH);
    made->squares = room_for((size_t)2 * ENCODER_MOST_TOKENS, ENCODER_MOST_TOKENS);
    made->means = room_for(n_texts, WIDTH);
    made->t = room_for(n_texts, WIDTH);
}

static void batch_free(batch *of) {
    float *const arrays[] = {of->wanted,   of->normed,  of->Z[0],  of->Z[1], of->Phi[0],
                             of->Phi[1],   of->x1,      of->x2,    of->a,    of->qkv,
                             of->attended, of->squares, of->means, of->t};

    for (size_t k = 0; k < sizeof arrays / sizeof *arrays; k++) free(arrays[k]);
    part_rows_free(&of->rows);
    token_list_free(&of->list);
}

/* ---- Forward ---- */

/* From block 0 to t: as encoder_embed, but keeps what the backward pass needs. */
static void forward(batch *b) {
    const encoder_middle *middle = &b->of->middle;
    part_weights *of = b->weights;
    const size_t n = b->list.n_tokens, n_texts = b->list.n_texts, *first = b->list.first;
    float *x3 = b->a;

    trainable_forward(block_of(of, 0), n, b->rows.X, b->Z[0], b->Phi[0], b->x1);
    add_to(n * WIDTH, b->rows.sums, b->x1);
    norm_apply(middle->attention_norm, n, WIDTH, b->x1, b->a);
    apply_dense(middle->qkv, n, b->a, b->qkv, NULL);
    attention_apply(n_texts, first, WIDTH, b->qkv, b->attended, b->squares);
    apply_dense(middle->attention_output, n, b->attended, b->x2, NULL);
    add_to(n * WIDTH, b->x1, b->x2);
    norm_apply(middle->ffn_norm, n, WIDTH, b->x2, b->normed);
    trainable_forward(block_of(of, 1), n, b->normed, b->Z[1], b->Phi[1], x3);
    add_to(n * WIDTH, b->x2, x3);
    encoder_means(n_texts, first, x3, b->means);
    trainable_forward(&of->parts[ENCODER_POOLER], n_texts, b->means, NULL, NULL, b->t);
    CHECK(snnk_activation_eval(SNNK_TANH, n_texts * WIDTH, b->t, b->t));
}

/* ---- Backward ---- */

/* Add 1 - cos(t, E) over texts to the loss, E the wanted embedding, and replace t by the gradient
 * with respect to the argument of tanh: (c e - E) / |t| (1 - t^2) with e = t / |t| and
 * c = e . E. */
static void loss_back(batch *b) {
    for (size_t i = 0; i < b->list.n_texts; i++) {
        const float *wanted = b->wanted + i * WIDTH;
        float *t = b->t + i * WIDTH;
        const float scale = 1 / sqrtf(fmaxf(squares_of(WIDTH, t), 1e-12F));
        double cosine = 0;

        for (size_t k = 0; k < WIDTH; k++) cosine += (double)(t[k] * scale) * wanted[k];
        b->loss += 1 - cosine;
        for (size_t k = 0; k < WIDTH; k++)
            t[k] = ((float)cosine * scale * t[k] - wanted[k]) * scale * (1 - t[k] * t[k]);
    }
}

/* Backpropagate through the means over tokens. */
static void means_back(const batch *b, const float *d_means, float *d_tokens) {
    for (size_t i = 0; i < b->list.n_texts; i++, d_means += WIDTH)
        for (size_t token = b->list.first[i]; token < b->list.first[i + 1]; token++)
            for (size_t k = 0; k < WIDTH; k++)
                d_tokens[token * WIDTH + k] =
                    d_means[k] / (float)(b->list.first[i + 1] - b->list.first[i]);
}

/* Add to the gradients of the weights, from t as loss_back left it. Overwrites what forward kept. d
 * is the gradient with respect to x3, then x2, then x1; each block and attention add their share to
 * it. */
static void backward(batch *b) {
    const encoder_middle *middle = &b->of->middle;
    part_weights *of = b->weights;
    const size_t n = b->list.n_tokens, n_texts = b->list.n_texts;
    float *d = b->a, *through = b->attended, *d_means = room_for(n_texts, WIDTH);
    float *d_qkv = room_for(n, (size_t)3 * WIDTH);

    trainable_back(&of->parts[ENCODER_POOLER], n_texts, b->means, NULL, NULL, b->t, d_means);
    means_back(b, d_means, d);
    trainable_back(block_of(of, 1), n, b->normed, b->Z[1], b->Phi[1], d, through);
    norm_back(middle->ffn_norm, n, WIDTH, b->x2, through, d);
    product(n, WIDTH, WIDTH, d, b->of->attention_W, through);
    attention_back(n_texts, b->list.first, WIDTH, b->qkv, through, d_qkv, b->squares);
    product(n, WIDTH, (size_t)3 * WIDTH, d_qkv, b->of->qkv_W, through);
    norm_back(middle->attention_norm, n, WIDTH, b->x1, through, d);
    trainable_back(block_of(of, 0), n, b->rows.X, b->Z[0], b->Phi[0], d, NULL);
    free(d_qkv);
    free(d_means);
}

static int work_on(void *slice) {
    batch *b = slice;

    forward(b);
    loss_back(b);
    if (b->with_gradients) backward(b);
    return 0;
}

static void start_thread(thrd_t *thread, thrd_start_t work, void *with) {
    if (thrd_create(thread, work, with) == thrd_success) return;
    fprintf(stderr, "cannot start a thread\n");
    exit(1);
}

/* The sum of the loss over some texts of a list. with_gradients: add their gradients to those of
 * slice 0. */
static double add_texts(tuning *of, const token_list *list, const float *E, size_t n,
                        const size_t *which, int with_gradients) {
    batch slices[SLICES] = {{0}};
    thrd_t threads[SLICES];
    double loss = 0;

    for (int k = 0; k < SLICES; k++) {
        const size_t from = (size_t)k * n / SLICES, to = (size_t)(k + 1) * n / SLICES;

        batch_make(of, k, list, E, to - from, which + from, &slices[k]);
        slices[k].with_gradients = with_gradients;
    }
    for (int k = 1; k < SLICES; k++) start_thread(&threads[k], work_on, &slices[k]);
    work_on(&slices[0]);
    for (int k = 1; k < SLICES; k++) thrd_join(threads[k], NULL);
    for (int k = 0; k < SLICES; k++) {
        loss += slices[k].loss;
        batch_free(&slices[k]);
        for (int part = 0; part < ENCODER_PARTS && k > 0 && with_gradients; part++)
            trainable_take_gradients(&of->slices[0].parts[part], &of->slices[k].parts[part]);
    }
    return loss;
}

/* ---- Epochs ---- */

static size_t batch_at(size_t i, size_t n) { return n - i < BATCH_TEXTS ? n - i : BATCH_TEXTS; }

static double mean_cosine_of(tuning *of, const token_list *list, const float *E, size_t n,
                             const size_t *which) {
    double loss = 0;

    for (size_t i = 0; i < n; i += BATCH_TEXTS)
        loss += add_texts(of, list, E, batch_at(i, n), which + i, 0);
    return 1 - loss / (double)n;
}

/* Shuffle (Fisher & Yates) with Knuth's linear congruential generator. */
static void shuffle(size_t n, size_t *which, uint64_t *state) {
    for (size_t i = n; i-- > 1;) {
        *state = *state * 6364136223846793005U + 1442695040888963407U;
        const size_t j = (size_t)((*state >> 33) % (i + 1)), kept = which[i];

        which[i] = which[j];
        which[j] = kept;
    }
}

static void run_epoch(tuning *of, const token_list *list, const float *E, size_t n,
                      const size_t *which, int32_t epoch, tune_options options) {
    for (size_t i = 0; i < n; i += BATCH_TEXTS) {
        const size_t count = batch_at(i, n);
        const double done = (epoch + (double)i / (double)n) / options.epochs;
        const double rate = options.rate * 0.5 * (1 + cos(acos(-1) * done));

        add_texts(of, list, E, count, which + i, 1);
        of->steps++;
        for (int part = 0; part < ENCODER_PARTS; part++)
            trainable_step(&of->slices[0].parts[part], rate, of->steps, 1 / (float)count);
    }
}

tune_result tune(sentence_encoder *encoder, part_set start, const token_list *list, const float *E,
                 tune_options options) {
    const double begin = wall_seconds();
    const size_t n = list->n_texts, n_judge = n / TUNE_HELD_OUT, n_fit = n - n_judge;
    size_t *which = allocate(n, sizeof *which);
    tuning of = tuning_make(encoder, start);
    tune_result result;
    uint64_t state = 1;

    for (size_t i = 0; i < n; i++) which[i] = i;
    shuffle(n, which, &state);
    use_parts(encoder, start);
    result.before = mean_cosine_of(&of, list, E, n_judge, which + n_fit);
    for (int32_t epoch = 0; epoch < options.epochs; epoch++) {
        shuffle(n_fit, which, &state);
        run_epoch(&of, list, E, n_fit, which, epoch, options);
    }
    result.after = mean_cosine_of(&of, list, E, n_judge, which + n_fit);
    use_parts(encoder, (part_set){{NULL}});
    result.set = write_parts(&of.slices[0]);
    result.seconds = wall_seconds() - begin;
    tuning_free(&of);
    free(which);
    return result;
}

/* ---- Check ---- */

enum { CHECKED_TEXTS = 8, CHECKED_FEATURES = 16 };

/* A layer of the first neurons of a dense block. */
static snnk_network *first_neurons(const snnk_network *dense) {
    const snnk_layer *hidden = snnk_network_layer(dense, 0),
                     *readout = snnk_network_layer(dense, 1);
    const size_t h = snnk_layer_outputs(hidden);
    trainable whole = trainable_read(hidden), second = trainable_read(readout);
    snnk_map_config config;
    snnk_map *map;
    snnk_layer *layer;

    CHECK(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_ELEMENTWISE;
    config.activation = SNNK_RELU;
    CHECK(snnk_map_create_from_rows(WIDTH, CHECKED_FEATURES, whole.of[PSI].value, WIDTH,
                                    whole.of[BIAS].value, &config, NULL, &map));
    CHECK(snnk_layer_create(map, WIDTH, second.of[PSI].value, h, second.of[BIAS].value, &layer));
    snnk_map_free(map);
    trainable_free(&second);
    trainable_free(&whole);
    return network_of(layer);
}

/* The relative error of one gradient, compared with a difference of the loss along it. The step
 * changes the loss by 0.0008: large enough that rounding does not matter, and small enough that
 * curvature hardly does. */
static double direction_error(tuning *of, weights *w, const token_list *list, const float *E,
                              const size_t *which) {
    float *value;
    double norm = 0, sides[2];

    if (w->count == 0) return 0;
    value = room_for(w->count, 1);
    for (size_t k = 0; k < w->count; k++) norm += (double)w->gradient[k] * w->gradient[k];
    if (!(norm > 0)) {
        free(value);
        return INFINITY;
    }
    memcpy(value, w->value, w->count * sizeof *value);
    for (int side = 0; side < 2; side++) {
        const float step = (float)((side ? 0.0004 : -0.0004) / norm);

        for (size_t k = 0; k < w->count; k++) w->value[k] = value[k] + step * w->gradient[k];
        sides[side] = add_texts(of, list, E, CHECKED_TEXTS, which, 0);
    }
    memcpy(w->value, value, w->count * sizeof *value);
    free(value);
    return fabs((sides[1] - sides[0]) / 0.0008 - 1);
}

double tune_gradient_error(sentence_encoder *encoder, const token_list *list) {
    part_set set = {{first_neurons(encoder_dense(encoder, ENCODER_FFN_0)),
                     first_neurons(encoder_dense(encoder, ENCODER_FFN_1)),
                     encoder_dense(encoder, ENCODER_POOLER)}};
    tuning of = tuning_make(encoder, set);
    float *E = room_for(list->n_texts, WIDTH);
    size_t which[CHECKED_TEXTS];
    double worst = 0;

    for (size_t i = 0; i < CHECKED_TEXTS; i++) which[i] = i;
    encoder_embed(encoder, list, E);
    use_parts(encoder, set);
    add_texts(&of, list, E, CHECKED_TEXTS, which, 1);
    for (int part = 0; part < ENCODER_PARTS; part++)
        for (int kind = 0; kind < WEIGHTS_KINDS; kind++) {
            const double error =
                direction_error(&of, &of.slices[0].parts[part].of[kind], list, E, which);

            if (!(error <= worst)) worst = error; /* also for NaN */
        }
    use_parts(encoder, (part_set){{NULL}});
    tuning_free(&of);
    free(E);
    snnk_network_free((snnk_network *)set.parts[ENCODER_FFN_0]);
    snnk_network_free((snnk_network *)set.parts[ENCODER_FFN_1]);
    return worst;
}
