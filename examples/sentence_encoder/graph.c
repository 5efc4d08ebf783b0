#include "graph.h"

#include <math.h>
#include <threads.h>

#include "common.h"
#include "compress.h"

enum { WIDTH = ENCODER_WIDTH };

static float *room_for(size_t rows, size_t width) { return allocate(rows * width, sizeof(float)); }

static int shares_blocks(const graph *of) {
    return of->trainers[GRAPH_FFN_0] == of->trainers[GRAPH_FFN_1];
}

static void make_room(graph *of, size_t most_texts) {
    float **const arrays[] = {&of->x1,  &of->x2,      &of->x3,    &of->a,    &of->attended,
                              &of->d,   &of->through, &of->means, &of->t,    &of->normed,
                              &of->d_t, &of->d_means, &of->qkv,   &of->d_qkv};
    const size_t each = most_texts * ENCODER_MOST_TOKENS * WIDTH;

    of->room = room_for(each, 18); /* pages that are not used take no memory */
    for (size_t k = 0; k < 14; k++) *arrays[k] = of->room + k * each;
    of->d_qkv += 2 * each;
}

static snnk_trainer *trainer_of(const snnk_layer *layer, const snnk_train_config *config) {
    snnk_network *network = network_of(snnk_layer_retain(layer));
    snnk_trainer *made;

    CHECK(snnk_trainer_create(network, config, &made));
    snnk_network_free(network);
    return made;
}

graph graph_make(encoder_middle middle, part_set start, const snnk_train_config *config,
                 size_t most_texts, size_t threads) {
    graph made = {.middle = middle, .threads = threads};

    for (int k = 0; k < ENCODER_PARTS; k++)
        if (k == GRAPH_FFN_1 && start.parts[GRAPH_FFN_1] == start.parts[GRAPH_FFN_0])
            made.trainers[GRAPH_FFN_1] = made.trainers[GRAPH_FFN_0];
        else
            CHECK(snnk_trainer_create(start.parts[k], config, &made.trainers[k]));
    made.trainers[GRAPH_QKV] = trainer_of(middle.qkv, config);
    made.trainers[GRAPH_ATTENTION] = trainer_of(middle.attention_output, config);
    for (int k = 0; k < GRAPH_NETWORKS; k++)
        CHECK(snnk_record_create(made.trainers[k], &made.records[k]));
    CHECK(snnk_workspace_create(threads, NULL, &made.workspace));
    for (int k = 0; k < GRAPH_NETWORKS; k++)
        made.layers[k] = k < ENCODER_PARTS ? snnk_network_layers(start.parts[k]) : 1;
    make_room(&made, most_texts);
    return made;
}

void graph_free(graph *of) {
    if (shares_blocks(of)) of->trainers[GRAPH_FFN_1] = NULL;
    for (int k = 0; k < GRAPH_NETWORKS; k++) {
        snnk_trainer_free(of->trainers[k]);
        snnk_record_free(of->records[k]);
    }
    snnk_workspace_free(of->workspace);
    free(of->room);
}

void graph_freeze(graph *of, graph_network network) {
    for (size_t layer = 0; layer < of->layers[network]; layer++)
        CHECK(snnk_trainer_set_rate(of->trainers[network], layer, -1, 0));
}

static size_t outputs_of(int network) { return network == GRAPH_QKV ? 3 * (size_t)WIDTH : WIDTH; }

static void pass_on(graph *of, int k, size_t n, const float *X, float *Y) {
    CHECK(snnk_trainer_forward(of->trainers[k], n, X, WIDTH, Y, outputs_of(k), of->records[k],
                               of->workspace));
}

static void pass_back(graph *of, int k, const float *X, const float *dY, float *dX) {
    CHECK(snnk_trainer_backward(of->trainers[k], of->records[k], X, WIDTH, dY, outputs_of(k), dX,
                                WIDTH, of->workspace));
}

/* ---- Attention, divided between threads ---- */

/* Some texts of a batch; `at` is their first token. */
typedef struct texts {
    graph *of;
    size_t n, at;
    const size_t *first; /* of each text */
    int back;
} texts;

static int attend(void *some) {
    const texts *on = some;
    const graph *of = on->of;
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
static void attend_all(graph *of, int back) {
    const size_t n = of->n_texts, *first = of->first;
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

void graph_forward(graph *of, size_t n_texts, const size_t *first, const float *X,
                   const float *sums) {
    const size_t n = first[n_texts];

    of->n_texts = n_texts;
    of->first = first;
    of->X = X;
    of->sums = sums;
    pass_on(of, GRAPH_FFN_0, n, X, of->x1);
    add_to(n * WIDTH, sums, of->x1);
    norm_apply(of->middle.attention_norm, n, WIDTH, of->x1, of->a);
    pass_on(of, GRAPH_QKV, n, of->a, of->qkv);
    attend_all(of, 0);
    pass_on(of, GRAPH_ATTENTION, n, of->attended, of->x2);
    add_to(n * WIDTH, of->x1, of->x2);
    norm_apply(of->middle.ffn_norm, n, WIDTH, of->x2, of->normed);
    pass_on(of, GRAPH_FFN_1, n, of->normed, of->x3);
    add_to(n * WIDTH, of->x2, of->x3);
    encoder_means(n_texts, first, of->x3, of->means);
    pass_on(of, GRAPH_POOLER, n_texts, of->means, of->t);
}

/* Backpropagate through the means over tokens. */
static void means_back(graph *of) {
    const size_t *first = of->first;

    for (size_t i = 0; i < of->n_texts; i++)
        for (size_t token = first[i]; token < first[i + 1]; token++)
            for (size_t k = 0; k < WIDTH; k++)
                of->d[token * WIDTH + k] =
                    of->d_means[i * WIDTH + k] / (float)(first[i + 1] - first[i]);
}

/* d is the gradient with respect to x3, then x2, then x1; each
 * block and attention add their share to it. */
void graph_backward(graph *of) {
    const size_t n = of->first[of->n_texts];

    pass_back(of, GRAPH_POOLER, of->means, of->d_t, of->d_means);
    means_back(of);
    pass_back(of, GRAPH_FFN_1, of->normed, of->d, of->through);
    norm_back(of->middle.ffn_norm, n, WIDTH, of->x2, of->through, of->d);
    pass_back(of, GRAPH_ATTENTION, of->attended, of->d, of->through);
    attend_all(of, 1);
    pass_back(of, GRAPH_QKV, of->a, of->d_qkv, of->through);
    norm_back(of->middle.attention_norm, n, WIDTH, of->x1, of->through, of->d);
    pass_back(of, GRAPH_FFN_0, of->X, of->d, NULL);
}

/* ---- Steps ---- */

/* The network has numbers that learn, and is not counted already. */
static int learns(const graph *of, int k) {
    return !(k == GRAPH_FFN_1 && shares_blocks(of)) && snnk_trainer_parameters(of->trainers[k]) > 0;
}

void graph_step(graph *of, double scale, double factor) {
    for (int k = 0; k < GRAPH_NETWORKS; k++)
        if (learns(of, k)) CHECK(snnk_trainer_step(of->trainers[k], scale, factor, of->workspace));
}

uint64_t graph_parameters(const graph *of) {
    uint64_t sum = 0;

    for (int k = 0; k < GRAPH_NETWORKS; k++)
        if (learns(of, k)) sum += snnk_trainer_parameters(of->trainers[k]);
    return sum;
}

part_set graph_parts(const graph *of) {
    part_set made = {{NULL}};

    for (int part = 0; part < ENCODER_PARTS; part++) {
        snnk_network *network;

        if (part == GRAPH_FFN_1 && shares_blocks(of)) continue;
        CHECK(snnk_trainer_network(of->trainers[part], &network));
        made.parts[part] = network;
    }
    if (shares_blocks(of)) made.parts[GRAPH_FFN_1] = made.parts[GRAPH_FFN_0];
    return made;
}

double graph_schedule(double done) { return 0.5 * (1 + cos(acos(-1) * done)); }

void graph_shuffle(size_t n, size_t *which, uint64_t *state) {
    for (size_t i = n; i-- > 1;) {
        *state = *state * 6364136223846793005U + 1442695040888963407U;
        const size_t j = (size_t)((*state >> 33) % (i + 1)), kept = which[i];

        which[i] = which[j];
        which[j] = kept;
    }
}
