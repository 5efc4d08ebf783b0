/* Measure how much faster and smaller transformers become when feed-forward parts are SNNK layers.
 *
 *     bench_encoder [--quick] [--json] [--threads N] [--m M] [--batch B] [--rounds R]
 *
 * The encoders have the sizes of BERT-base and ViT-base. In the last k of their 12 layers SNNK
 * layers replace either the expansions gelu(W_1 x + b_1), or the whole blocks W_2 gelu(W_1 x + b_1)
 * + b_2. Weights are random: this measures time, not accuracy.
 *
 * One forward takes B sequences of 128 tokens (BERT), or B/2 images of 197 tokens (ViT). The
 * default is 2 and 1; with 64 and 32, as published, the ratios are the same up to noise. In each
 * round the forwards for all k run in turn, in a different order; speed-ups are medians over rounds
 * of (time of the dense encoder)/(time). With one thread, times are processor time. With more they
 * are clock time, and only meaningful if nothing else runs.
 *
 * Two limits are printed beside each speed-up:
 *   - arithmetic: the multiply-adds of the dense encoder over those that remain, with the products
 *     of attention;
 *   - parts: the time of the dense encoder over its time without the replaced parts, as if SNNK
 *     layers took none. Softmax, norms and GELU take time without being multiply-adds; the table of
 *     shares shows how much. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <snnk/snnk.h>

#include "encoder.h"
#include "measure.h"

enum { MODELS = 2, KS = 4, LAYERS = 12, MAX_ROUNDS = 99, WAYS = 1 + ENCODER_PARTS * 2 * KS };

static const size_t ks[KS] = {3, 6, 9, 12};
static const char *const part_names[ENCODER_PARTS] = {"expansion", "block"};
static const char *const share_names[ENCODER_SHARES] = {
    "projections", "attention", "softmax", "expansion", "contraction", "snnk", "norms"};

/* outside: the number of parameters outside of the layers. BERT: embeddings of 30522 words, 512
 * positions and 2 segments, their norm, the pooler. ViT: embeddings of 16 x 16 x 3 patches, the
 * class token and 197 positions, a head of 1000 classes. paper_...: speed-up and megabytes
 * published by Sehanobish et al. 2024 for k = 6. */
static const struct model {
    const char *name;
    size_t tokens, batch_share; /* one sequence for this many of --batch */
    bool norm_first;
    uint64_t outside;
    double paper_speedup, paper_dense, paper_replaced;
} models[MODELS] = {
    {"bert", 128, 1, false, (30522 + 512 + 2 + 2 + 769) * 768, 0.44 / 0.32, 440, 226.7},
    {"vit", 197, 2, true, (769 + 1 + 197) * 768 + 769 * 1000, 0.33 / 0.26, 346, 176.4}};

typedef struct settings {
    bool json;
    size_t rounds, batch, features;
    int threads;
} settings;

/* One way to run an encoder. */
typedef struct contender {
    encoder_replacement replaced;
    uint64_t multiply_adds;
    double megabytes;
    double seconds[MAX_ROUNDS], shares[ENCODER_SHARES][MAX_ROUNDS];
    double speedup[3]; /* lower quartile, median and upper quartile over rounds */
    double allowed, allowed_by_parts;
    double median, share[ENCODER_SHARES]; /* seconds */
} contender;

typedef struct result {
    size_t batch;
    double error;
    contender ways[WAYS]; /* the dense encoder first */
} result;

/* ---- Measuring ---- */

static void list_ways(contender ways[WAYS]) {
    size_t count = 1;

    for (int part = 0; part < ENCODER_PARTS; part++)
        for (int shared = 0; shared < 2; shared++)
            for (size_t i = 0; i < KS; i++)
                ways[count++].replaced =
                    (encoder_replacement){(encoder_part)part, ks[i], shared != 0};
}

static void shuffle(size_t order[WAYS]) {
    static uint32_t state = 1;

    for (size_t i = WAYS; i > 1; i--) {
        state = state * 1664525 + 1013904223;
        const size_t j = (state >> 8) % i, kept = order[i - 1];

        order[i - 1] = order[j];
        order[j] = kept;
    }
}

static void run(encoder *e, contender *way, size_t round) {
    double shares[ENCODER_SHARES];

    way->seconds[round] = encoder_forward(e, way->replaced, shares);
    for (int s = 0; s < ENCODER_SHARES; s++) way->shares[s][round] = shares[s];
}

/* Lower quartile, median, upper quartile. */
static void quartiles(const double *samples, size_t count, double of[3]) {
    double sorted[MAX_ROUNDS];

    memcpy(sorted, samples, count * sizeof *samples);
    measure_sort(sorted, count);
    of[0] = sorted[(count - 1) / 4];
    of[1] = sorted[count / 2];
    of[2] = sorted[count - 1 - (count - 1) / 4];
}

static double median(const double *samples, size_t count) {
    double of[3];

    quartiles(samples, count, of);
    return of[1];
}

static void summarise(contender ways[WAYS], size_t rounds) {
    const contender *dense = &ways[0];
    double ratios[MAX_ROUNDS], left[MAX_ROUNDS];

    for (size_t w = 0; w < WAYS; w++) {
        const encoder_replacement replaced = ways[w].replaced;

        for (size_t r = 0; r < rounds; r++) {
            const double gone = dense->shares[TIME_EXPANSION][r] +
                                (replaced.part == BLOCK ? dense->shares[TIME_CONTRACTION][r] : 0);

            ratios[r] = dense->seconds[r] / ways[w].seconds[r];
            left[r] = dense->seconds[r] /
                      (dense->seconds[r] - gone * (double)replaced.k / (double)LAYERS);
        }
        quartiles(ratios, rounds, ways[w].speedup);
        ways[w].allowed_by_parts = median(left, rounds);
        ways[w].allowed = (double)dense->multiply_adds / (double)ways[w].multiply_adds;
        ways[w].median = median(ways[w].seconds, rounds);
        for (int s = 0; s < ENCODER_SHARES; s++)
            ways[w].share[s] = median(ways[w].shares[s], rounds);
    }
}

/* The largest error of encoders of one layer: dense, and with either part replaced. Exits if it is
 * large. */
static double largest_error(encoder_shape shape) {
    double error = 0;

    shape.layers = 1;
    encoder *e = encoder_create(&shape);
    for (int part = 0; part < ENCODER_PARTS; part++)
        for (size_t k = 0; k < 2; k++) {
            const encoder_replacement replaced = {(encoder_part)part, k, false};

            error = fmax(error, encoder_error(e, &shape, replaced));
        }
    encoder_free(e);
    if (!(error <
          1e-5)) { /* rounding of sums of 3072 products; an error in a single head would change
                    * outputs by tenths */
        fprintf(stderr, "bench_encoder: outputs are wrong by %.2g of the largest one\n", error);
        exit(1);
    }
    return error;
}

static void measure(const settings *s, const struct model *model, result *to) {
    const size_t batch = s->batch / model->batch_share;
    const encoder_shape shape = {.layers = LAYERS,
                                 .batch = batch > 0 ? batch : 1,
                                 .tokens = model->tokens,
                                 .norm_first = model->norm_first,
                                 .features = s->features,
                                 .threads = s->threads};
    size_t order[WAYS];

    to->batch = shape.batch;
    to->error = largest_error(shape);
    encoder *e = encoder_create(&shape);
    list_ways(to->ways);
    for (size_t w = 0; w < WAYS; w++) {
        contender *way = &to->ways[w];

        order[w] = w;
        way->multiply_adds = encoder_multiply_adds(e, way->replaced);
        way->megabytes = 4e-6 * (double)(model->outside + encoder_parameters(e, way->replaced));
    }
    run(e, &to->ways[0], 0); /* warm up */
    for (size_t r = 0; r < s->rounds; r++) {
        shuffle(order);
        for (size_t i = 0; i < WAYS; i++) run(e, &to->ways[order[i]], r);
    }
    summarise(to->ways, s->rounds);
    encoder_free(e);
}

/* ---- Reporting ---- */

static const contender *way_of(const result *r, encoder_part part, size_t k) {
    size_t w = 1;

    while (r->ways[w].replaced.part != part || r->ways[w].replaced.k != k) w++;
    return &r->ways[w];
}

/* The multiply-adds of a share of a dense forward; 0 if it has none. */
static double share_work(const result *r, const struct model *model, int share) {
    const double rows = (double)(r->batch * model->tokens) * LAYERS, width = ENCODER_WIDTH;

    switch (share) {
    case TIME_PROJECTIONS: return rows * 4 * width * width;
    case TIME_ATTENTION: return rows * 2 * (double)model->tokens * width;
    case TIME_EXPANSION:
    case TIME_CONTRACTION: return rows * width * ENCODER_HIDDEN;
    default: return 0;
    }
}

/* The speed-up as a share of what arithmetic allows. */
static double fraction(const contender *way) { return way->speedup[1] / way->allowed; }

static void print_json_way(const contender *way) {
    printf("{\"part\":\"%s\",\"k\":%zu,\"shared\":%s,\"seconds\":%.4g,\"speedup\":%.4g,"
           "\"speedup_quartiles\":[%.4g,%.4g],\"allowed\":%.4g,\"fraction\":%.4g,\"allowed_by_"
           "parts\":%.4g,\"megabytes\":%.5g}",
           part_names[way->replaced.part], way->replaced.k, way->replaced.shared ? "true" : "false",
           way->median, way->speedup[1], way->speedup[0], way->speedup[2], way->allowed,
           fraction(way), way->allowed_by_parts, way->megabytes);
}

static void print_json_shares(const contender *way) {
    putchar('{');
    for (int s = 0; s < ENCODER_SHARES; s++)
        printf("%s\"%s\":%.4g", s ? "," : "", share_names[s], way->share[s]);
    putchar('}');
}

static void print_json(const settings *s, double peak, const result results[MODELS]) {
    printf("{\"kernels\":\"%s\",\"features\":%zu,\"threads\":%d,\"rounds\":%zu,"
           "\"core_gflops\":%.4g",
           snnk_kernels_name(), s->features, s->threads, s->rounds, 1e-9 * peak);
    for (int i = 0; i < MODELS; i++)
        for (int part = 0; part < ENCODER_PARTS; part++)
            for (size_t j = 0; j < KS; j++) {
                const contender *way = way_of(&results[i], (encoder_part)part, ks[j]);

                printf(",\"%s_k%zu_%s_speedup\":%.4g,\"%s_k%zu_%s_fraction\":%.4g", models[i].name,
                       ks[j], part_names[part], way->speedup[1], models[i].name, ks[j],
                       part_names[part], fraction(way));
            }
    printf(",\"models\":[");
    for (int i = 0; i < MODELS; i++) {
        const result *r = &results[i];

        printf("%s{\"model\":\"%s\",\"batch\":%zu,\"tokens\":%zu,\"max_relative_difference\":%.3g,"
               "\"dense_seconds\":%.4g,\"dense_megabytes\":%.5g,\"dense_shares_seconds\":",
               i ? "," : "", models[i].name, r->batch, models[i].tokens, r->error,
               r->ways[0].median, r->ways[0].megabytes);
        print_json_shares(&r->ways[0]);
        printf(",\"k12_block_shares_seconds\":");
        print_json_shares(way_of(r, BLOCK, LAYERS));
        printf(",\"results\":[");
        for (size_t w = 1; w < WAYS; w++) {
            if (w > 1) putchar(',');
            print_json_way(&r->ways[w]);
        }
        printf("]}");
    }
    printf("]}\n");
}

static void print_shares(const result *r, const struct model *model) {
    const contender *dense = &r->ways[0], *least = way_of(r, BLOCK, LAYERS);

    printf("\n    milliseconds of      dense   share   GF/s   %d blocks replaced   share\n",
           LAYERS);
    for (int s = 0; s < ENCODER_SHARES; s++) {
        const double work = share_work(r, model, s);

        printf("    %-16s %9.2f  %4.1f %% ", share_names[s], 1e3 * dense->share[s],
               100 * dense->share[s] / dense->median);
        if (work > 0)
            printf("%6.0f", 2e-9 * work / dense->share[s]);
        else
            printf("%6s", "");
        printf(" %16.2f      %4.1f %%\n", 1e3 * least->share[s],
               100 * least->share[s] / least->median);
    }
}

static void print_model(const settings *s, const struct model *model, const result *r) {
    printf("%s: %zu x %zu tokens, m = %zu, %d thread%s; dense: %.1f ms, %.1f MB\n", model->name,
           r->batch, model->tokens, s->features, s->threads, s->threads > 1 ? "s" : "",
           1e3 * r->ways[0].median, r->ways[0].megabytes);
    printf("one layer differs from a plain one in double by at most %.2g of the largest output\n\n",
           r->error);
    printf("                              speed-up        arithmetic  reached     measured\n"
           "    replaced          k   (half of the rounds)    allows    of it  parts allow       "
           "MB\n");
    for (size_t w = 1; w < WAYS; w++) {
        const contender *way = &r->ways[w];

        printf("    %-9s %s %2zu %6.3f (%.3f ... %.3f) %9.3f %6.1f %% %12.3f %8.1f\n",
               part_names[way->replaced.part], way->replaced.shared ? "shared  " : "separate",
               way->replaced.k, way->speedup[1], way->speedup[0], way->speedup[2], way->allowed,
               100 * fraction(way), way->allowed_by_parts, way->megabytes);
    }
    printf("    published           6 %5.2f %57.1f of %.0f\n", model->paper_speedup,
           model->paper_replaced, model->paper_dense);
    print_shares(r, model);
}

static void print_table(const settings *s, double peak, const result results[MODELS]) {
    const encoder_tensor block[] = {EXPANSION_WEIGHTS, EXPANSION_BIAS, CONTRACTION_WEIGHTS,
                                    CONTRACTION_BIAS};
    double megabytes = 0;

    for (size_t t = 0; t < sizeof block / sizeof *block; t++)
        megabytes += 4e-6 * (double)encoder_tensor_size(block[t]);
    for (int i = 0; i < MODELS; i++) {
        print_model(s, &models[i], &results[i]);
        putchar('\n');
    }
    printf("peak of one core: %.0f GFLOP/s\n"
           "six dense blocks are %.1f MB, all twelve %.1f MB: replacing six cannot reach the "
           "published "
           "size,\nhowever small the replacements are\n",
           1e-9 * peak, 6 * megabytes, LAYERS * megabytes);
}

/* ---- The program ---- */

static size_t number(const char *text, size_t most) {
    char *end;
    const unsigned long value = strtoul(text, &end, 10);

    if (end == text || *end || value < 1 || value > most) {
        fprintf(stderr, "bench_encoder: '%s' is not a number from 1 to %zu\n", text, most);
        exit(2);
    }
    return value;
}

static settings read_arguments(int argc, char **argv) {
    settings s = {.rounds = 7, .batch = 2, .features = 8, .threads = 1};

    for (int i = 1; i < argc; i++) {
        const bool more = i + 1 < argc;

        if (strcmp(argv[i], "--json") == 0) {
            s.json = true;
        } else if (strcmp(argv[i], "--quick") == 0) {
            s.rounds = 3;
            s.batch = 1;
        } else if (strcmp(argv[i], "--threads") == 0 && more) {
            s.threads = (int)number(argv[++i], SNNK_MAX_THREADS);
        } else if (strcmp(argv[i], "--m") == 0 && more) {
            s.features = number(argv[++i], 4096);
        } else if (strcmp(argv[i], "--batch") == 0 && more) {
            s.batch = number(argv[++i], 1024);
        } else if (strcmp(argv[i], "--rounds") == 0 && more) {
            s.rounds = number(argv[++i], MAX_ROUNDS);
        } else {
            const bool help = strcmp(argv[i], "--help") == 0;

            fprintf(help ? stdout : stderr,
                    "usage: bench_encoder [--quick] [--json] [--threads N] [--m M] [--batch B] "
                    "[--rounds R]\n"
                    "Measure transformers whose feed-forward parts are SNNK layers.\n"
                    "  --quick      3 rounds of one sequence\n"
                    "  --json       print one JSON object\n"
                    "  --threads N  threads (default: 1)\n"
                    "  --m M        features (default: 8)\n"
                    "  --batch B    sequences (default: 2); half as many images\n"
                    "  --rounds R   rounds (default: 7)\n");
            exit(help ? 0 : 2);
        }
    }
    return s;
}

int main(int argc, char **argv) {
    static result results[MODELS];
    const settings s = read_arguments(argc, argv);
    double peak = measure_peak();

    for (int i = 0; i < MODELS; i++) {
        measure(&s, &models[i], &results[i]);
        peak = fmax(peak, measure_peak()); /* the clock rate varies */
    }
    (s.json ? print_json : print_table)(&s, peak, results);
    return 0;
}
