#include "tune.h"

#include <math.h>
#include <string.h>
#include <threads.h>

#include "attention.h"
#include "common.h"

enum { WIDTH = ENCODER_WIDTH, BATCH_TEXTS = 32 };

static float *room_for(size_t rows, size_t width) { return allocate(rows * width, sizeof(float)); }

/* ---- The networks between attention and norms ---- */

/* Each has a trainer: the parts, which learn, and two layers that only pass gradients on. */
enum { FFN_0, FFN_1, POOLER, QKV, ATTENTION, NETWORKS };
_Static_assert((int)FFN_1 == (int)ENCODER_FFN_1 && (int)QKV == (int)ENCODER_PARTS,
               "the parts come first");

typedef struct tuning {
    sentence_encoder *encoder;
    encoder_middle middle;
    /* If one layer replaces both blocks, they have the same trainer. Its gradients add up. */
    snnk_trainer *trainers[NETWORKS];
    snnk_record *records[NETWORKS];
    snnk_workspace *workspace;
    size_t threads;

    /* A batch. Rows are tokens; of means, t and their gradients, texts. */
    token_list list;
    part_rows rows;            /* of block 0: its inputs, and what its outputs are added to */
    float *x1, *x2, *x3;       /* sums after block 0, attention and block 1 */
    float *a, *qkv, *attended; /* attention: its inputs; qkv, 3 WIDTH wide; its outputs */
    float *normed;             /* inputs of block 1 */
    float *means, *t;          /* inputs and outputs of the pooler */
    float *d, *through;        /* gradients with respect to a sum, and within a branch of it */
    float *d_qkv, *d_means, *d_t;
    float *room; /* of all of these */
} tuning;

static int shares_blocks(const tuning *of) { return of->trainers[FFN_0] == of->trainers[FFN_1]; }

static void make_room(tuning *of) {
    float **const arrays[] = {&of->x1,  &of->x2,      &of->x3,    &of->a,    &of->attended,
                              &of->d,   &of->through, &of->means, &of->t,    &of->normed,
                              &of->d_t, &of->d_means, &of->qkv,   &of->d_qkv};
    const size_t each = (size_t)BATCH_TEXTS * ENCODER_MOST_TOKENS * WIDTH;

    of->room = room_for(each, 18); /* pages that are not used take no memory */
    for (size_t k = 0; k < 14; k++) *arrays[k] = of->room + k * each;
    of->d_qkv += 2 * each;
}

static snnk_trainer *frozen(const snnk_layer *layer) {
    snnk_network *network = network_of(snnk_layer_retain(layer));
    snnk_trainer *made;

    CHECK(snnk_trainer_create(network, NULL, &made));
    CHECK(snnk_trainer_set_rate(made, 0, -1, 0));
    snnk_network_free(network);
    return made;
}

static tuning tuning_make(sentence_encoder *encoder, part_set at, const snnk_train_config *config,
                          size_t threads) {
    tuning made = {.encoder = encoder, .middle = encoder_middle_of(encoder), .threads = threads};

    for (int k = 0; k < ENCODER_PARTS; k++)
        if (k == FFN_1 && at.parts[FFN_1] == at.parts[FFN_0])
            made.trainers[FFN_1] = made.trainers[FFN_0];
        else
            CHECK(snnk_trainer_create(at.parts[k], config, &made.trainers[k]));
    made.trainers[QKV] = frozen(made.middle.qkv);
    made.trainers[ATTENTION] = frozen(made.middle.attention_output);
    for (int k = 0; k < NETWORKS; k++)
        CHECK(snnk_record_create(made.trainers[k], &made.records[k]));
    CHECK(snnk_workspace_create(threads, NULL, &made.workspace));
    make_room(&made);
    return made;
}

static void tuning_free(tuning *of) {
    if (shares_blocks(of)) of->trainers[FFN_1] = NULL;
    for (int k = 0; k < NETWORKS; k++) {
        snnk_trainer_free(of->trainers[k]);
        snnk_record_free(of->records[k]);
    }
    snnk_workspace_free(of->workspace);
    free(of->room);
}

static size_t outputs_of(int network) { return network == QKV ? 3 * (size_t)WIDTH : WIDTH; }

static void pass_on(tuning *of, int k, size_t n, const float *X, float *Y) {
    CHECK(snnk_trainer_forward(of->trainers[k], n, X, WIDTH, Y, outputs_of(k), of->records[k],
                               of->workspace));
}

static void pass_back(tuning *of, int k, const float *X, const float *dY, float *dX) {
    CHECK(snnk_trainer_backward(of->trainers[k], of->records[k], X, WIDTH, dY, outputs_of(k), dX,
                                WIDTH, of->workspace));
}

/* ---- Attention, divided between threads ---- */

/* Some texts of a batch; `at` is their first token. */
typedef struct texts {
    tuning *of;
    size_t n, at;
    const size_t *first; /* of each text */
    int back;
} texts;

static int attend(void *some) {
    const texts *on = some;
    const tuning *of = on->of;
    const size_t at = on->at * WIDTH;
    float *room = room_for((size_t)2 * ENCODER_MOST_TOKENS, ENCODER_MOST_TOKENS);

    if (on->back)
        attention_back(on->n, on->first, WIDTH, of->qkv + 3 * at, of->through + at,
                       of->d_qkv + 3 * at, room);
    else
        attention_apply(on->n, on->first, WIDTH, of->qkv + 3 * at, of->attended + at, room);
    free(room);
    return 0;
}

/* Attention is within a text, so results do not depend on the number of threads. */
static void attend_all(tuning *of, int back) {
    const size_t n = of->list.n_texts, *first = of->list.first;
    texts *some = allocate(of->threads, sizeof *some);
    thrd_t *threads = allocate(of->threads, sizeof *threads);

    for (size_t k = 0; k < of->threads; k++) {
        const size_t from = k * n / of->threads, to = (k + 1) * n / of->threads;

        some[k] = (texts){of, to - from, first[from], first + from, back};
        if (k > 0 && thrd_create(&threads[k], attend, &some[k]) != thrd_success) {
            fprintf(stderr, "cannot start a thread\n");
            exit(1);
        }
    }
    attend(&some[0]);
    for (size_t k = 1; k < of->threads; k++) thrd_join(threads[k], NULL);
    free(threads);
    free(some);
}

/* ---- Forward and backward ---- */

/* From block 0 to t: as encoder_embed, but keeps what the backward pass needs. */
static void forward(tuning *of) {
    const size_t n = of->list.n_tokens, n_texts = of->list.n_texts;

    pass_on(of, FFN_0, n, of->rows.X, of->x1);
    add_to(n * WIDTH, of->rows.sums, of->x1);
    norm_apply(of->middle.attention_norm, n, WIDTH, of->x1, of->a);
    pass_on(of, QKV, n, of->a, of->qkv);
    attend_all(of, 0);
    pass_on(of, ATTENTION, n, of->attended, of->x2);
    add_to(n * WIDTH, of->x1, of->x2);
    norm_apply(of->middle.ffn_norm, n, WIDTH, of->x2, of->normed);
    pass_on(of, FFN_1, n, of->normed, of->x3);
    add_to(n * WIDTH, of->x2, of->x3);
    encoder_means(n_texts, of->list.first, of->x3, of->means);
    pass_on(of, POOLER, n_texts, of->means, of->t);
}

/* The sum over texts of 1 - cos(t, E), E the wanted embedding, of length 1. Sets d_t to its
 * gradient: (c e - E) / |t| with e = t / |t| and c = e . E. */
static double loss_of(tuning *of, const float *E, const size_t *which) {
    double loss = 0;

    for (size_t i = 0; i < of->list.n_texts; i++) {
        const float *t = of->t + i * WIDTH, *wanted = E + which[i] * WIDTH;
        float *d_t = of->d_t + i * WIDTH;
        const float scale = 1 / sqrtf(fmaxf(squares_of(WIDTH, t), 1e-12F));
        double cosine = 0;

        for (size_t k = 0; k < WIDTH; k++) cosine += (double)(t[k] * scale) * wanted[k];
        loss += 1 - cosine;
        for (size_t k = 0; k < WIDTH; k++)
            d_t[k] = ((float)cosine * scale * t[k] - wanted[k]) * scale;
    }
    return loss;
}

/* Backpropagate through the means over tokens. */
static void means_back(tuning *of) {
    const size_t *first = of->list.first;

    for (size_t i = 0; i < of->list.n_texts; i++)
        for (size_t token = first[i]; token < first[i + 1]; token++)
            for (size_t k = 0; k < WIDTH; k++)
                of->d[token * WIDTH + k] =
                    of->d_means[i * WIDTH + k] / (float)(first[i + 1] - first[i]);
}

/* Add to the gradients of the parts. d is the gradient with respect to x3, then x2, then x1; each
 * block and attention add their share to it. */
static void backward(tuning *of) {
    const size_t n = of->list.n_tokens;

    pass_back(of, POOLER, of->means, of->d_t, of->d_means);
    means_back(of);
    pass_back(of, FFN_1, of->normed, of->d, of->through);
    norm_back(of->middle.ffn_norm, n, WIDTH, of->x2, of->through, of->d);
    pass_back(of, ATTENTION, of->attended, of->d, of->through);
    attend_all(of, 1);
    pass_back(of, QKV, of->a, of->d_qkv, of->through);
    norm_back(of->middle.attention_norm, n, WIDTH, of->x1, of->through, of->d);
    pass_back(of, FFN_0, of->rows.X, of->d, NULL);
}

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

/* The sum of the loss over n texts of a list, at most BATCH_TEXTS. with_gradients: add their
 * gradients. */
static double add_texts(tuning *of, const token_list *list, const float *E, size_t n,
                        const size_t *which, int with_gradients) {
    double loss;

    of->list = texts_of(list, n, which);
    encoder_rows(of->encoder, &of->list, (part_rows *[ENCODER_PARTS]){[ENCODER_FFN_0] = &of->rows});
    forward(of);
    loss = loss_of(of, E, which);
    if (with_gradients) backward(of);
    part_rows_free(&of->rows);
    token_list_free(&of->list);
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
                      const size_t *which, int32_t epoch, int32_t epochs) {
    for (size_t i = 0; i < n; i += BATCH_TEXTS) {
        const size_t count = batch_at(i, n);
        const double done = (epoch + (double)i / (double)n) / epochs;

        add_texts(of, list, E, count, which + i, 1);
        for (int part = 0; part < ENCODER_PARTS; part++)
            if (part != FFN_1 || !shares_blocks(of))
                CHECK(snnk_trainer_step(of->trainers[part], 1 / (double)count,
                                        0.5 * (1 + cos(acos(-1) * done)), of->workspace));
    }
}

static part_set tuned_parts(const tuning *of) {
    part_set made = {{NULL}};

    for (int part = 0; part < ENCODER_PARTS; part++) {
        snnk_network *network;

        if (part == FFN_1 && shares_blocks(of)) continue;
        CHECK(snnk_trainer_network(of->trainers[part], &network));
        made.parts[part] = network;
    }
    if (shares_blocks(of)) made.parts[FFN_1] = made.parts[FFN_0];
    return made;
}

tune_result tune(sentence_encoder *encoder, part_set start, const token_list *list, const float *E,
                 tune_options options) {
    const double begin = wall_seconds();
    const size_t n = list->n_texts, n_judge = n / TUNE_HELD_OUT, n_fit = n - n_judge;
    size_t *which = allocate(n, sizeof *which);
    snnk_train_config config;
    tune_result result;
    uint64_t state = 1;
    tuning of;

    CHECK(snnk_train_config_init(&config, sizeof config));
    config.rate = options.rate;
    config.rows_rate = 1;
    of = tuning_make(encoder, start, &config, options.threads);
    for (size_t i = 0; i < n; i++) which[i] = i;
    shuffle(n, which, &state);
    use_parts(encoder, start);
    result.before = mean_cosine_of(&of, list, E, n_judge, which + n_fit);
    for (int32_t epoch = 0; epoch < options.epochs; epoch++) {
        shuffle(n_fit, which, &state);
        run_epoch(&of, list, E, n_fit, which, epoch, options.epochs);
    }
    result.after = mean_cosine_of(&of, list, E, n_judge, which + n_fit);
    use_parts(encoder, (part_set){{NULL}});
    result.set = tuned_parts(&of);
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
    float *W[2] = {room_for(h, WIDTH), room_for(h, WIDTH)},
          *b[2] = {room_for(h, 1), room_for(h, 1)};
    snnk_map_config config;
    snnk_map *map;
    snnk_layer *layer;

    CHECK(snnk_layer_weights(hidden, W[0], WIDTH, b[0]));
    CHECK(snnk_layer_weights(readout, W[1], h, b[1]));
    CHECK(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_ELEMENTWISE;
    config.activation = SNNK_RELU;
    CHECK(
        snnk_map_create_from_rows(WIDTH, CHECKED_FEATURES, W[0], WIDTH, b[0], &config, NULL, &map));
    CHECK(snnk_layer_create(map, WIDTH, W[1], h, b[1], &layer));
    snnk_map_free(map);
    for (int i = 0; i < 2; i++) {
        free(W[i]);
        free(b[i]);
    }
    return network_of(layer);
}

/* One array of numbers of one part. */
typedef struct direction {
    sentence_encoder *encoder;
    part_set set;
    const token_list *list;
    const float *E;
    int part, kind; /* kind: an snnk_layer_part */
} direction;

/* The loss after a step of gradient descent on this array alone, so long that a linear loss would
 * change by `change`. NaN if the gradient is 0. */
static double loss_along(const direction *along, double change) {
    const size_t which[CHECKED_TEXTS] = {0, 1, 2, 3, 4, 5, 6, 7};
    snnk_train_config config;
    double length, loss = NAN;
    tuning of;

    CHECK(snnk_train_config_init(&config, sizeof config));
    config.optimizer = SNNK_OPTIMIZER_SGD;
    config.momentum = 0;
    config.rate = 1;
    of = tuning_make(along->encoder, along->set, &config, 1);
    for (int part = 0; part < ENCODER_PARTS; part++)
        CHECK(snnk_trainer_set_rate(of.trainers[part], 0, -1, 0));
    CHECK(snnk_trainer_set_rate(of.trainers[along->part], 0, along->kind, 1));
    add_texts(&of, along->list, along->E, CHECKED_TEXTS, which, 1);
    length = snnk_trainer_gradient_length(of.trainers[along->part]);
    if (length > 0) {
        CHECK(snnk_trainer_step(of.trainers[along->part], -change / (length * length), 1, NULL));
        loss = add_texts(&of, along->list, along->E, CHECKED_TEXTS, which, 0);
    }
    tuning_free(&of);
    return loss;
}

/* The largest error over all numbers of a set. The steps change the loss by 0.0008: large enough
 * that rounding does not matter, and small enough that curvature hardly does. */
static double set_error(direction along) {
    double worst = 0;

    use_parts(along.encoder, along.set);
    for (along.part = 0; along.part < ENCODER_PARTS; along.part++)
        for (along.kind = 0; along.kind < (along.part == POOLER ? 2 : 4); along.kind++) {
            const double change = loss_along(&along, 0.0004) - loss_along(&along, -0.0004),
                         error = fabs(change / 0.0008 - 1);

            worst = fmax(worst, isnan(error) ? INFINITY : error);
        }
    use_parts(along.encoder, (part_set){{NULL}});
    return worst;
}

double tune_gradient_error(sentence_encoder *encoder, const token_list *list) {
    part_set set = {{first_neurons(encoder_dense(encoder, ENCODER_FFN_0)),
                     first_neurons(encoder_dense(encoder, ENCODER_FFN_1)),
                     encoder_dense(encoder, ENCODER_POOLER)}};
    part_set one = {{set.parts[FFN_0], set.parts[FFN_0], set.parts[POOLER]}};
    float *E = room_for(list->n_texts, WIDTH);
    double errors[2];

    encoder_embed(encoder, list, E);
    errors[0] = set_error((direction){.encoder = encoder, .set = set, .list = list, .E = E});
    errors[1] = set_error((direction){.encoder = encoder, .set = one, .list = list, .E = E});
    free(E);
    snnk_network_free((snnk_network *)set.parts[ENCODER_FFN_0]);
    snnk_network_free((snnk_network *)set.parts[ENCODER_FFN_1]);
    return fmax(errors[0], errors[1]);
}
