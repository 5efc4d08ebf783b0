/* Fit Fashion-MNIST and MNIST in closed form: least squares twice, no gradients.
 *
 *     closed_form [--fashion DIR] [--mnist DIR] [--features 4096] [--seed 1] [--threads 1] [--json]
 *
 * Test accuracy is about 0.900 and 0.990; plain ridge regression on the pixels has 0.811 and 0.861.
 *
 * The rows of G are patches of training images (receptive fields; after McDonnell et al. 2015): a
 * random window of an image, minus its mean, scaled so that its product with the data has standard
 * deviation 1. Features are cosines. There are two stages:
 *
 *   1. 2048 features of the pixels. Each half of the rows is fitted by least squares, and scores
 *      the other half. So no row is scored by a fit that used it.
 *   2. 4096 features of the pixels and these scores together. A row weighs 1 minus the margin of
 *      its score, cut to 0.1 ... 1, so that rows near a class border count most. Least squares
 *      again; lambda is chosen on held-out rows.
 *
 * In stage 1 the lambda of each half is the one that does best on the other half. So that one
 * number was chosen on the rows that are then scored with it.
 *
 * The two stages become two layers of one network, which is then bundled. Here bundling only shows
 * how it is done: the width in between is 794, so the product is larger than its factors. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <snnk/snnk.h>

#define CHECK(call)                                                                                \
    do {                                                                                           \
        if ((call) != SNNK_OK) {                                                                   \
            fprintf(stderr, "%s: %s\n", #call, snnk_last_error());                                 \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

enum { SIDE = 28, PIXELS = SIDE * SIDE, CLASSES = 10, BOTH = PIXELS + CLASSES };
enum { SAMPLE = 5000, BLOCK = 1000, FIRST_FEATURES = 2048 };

static const double score_share = 0.6; /* weight of scores in projections, relative to pixels */

static void *allocate(size_t count, size_t bytes) {
    void *block = calloc(count, bytes);

    if (!block) {
        fprintf(stderr, "out of memory: %zu x %zu bytes\n", count, bytes);
        exit(1);
    }
    return block;
}

static double seconds_now(void) {
    struct timespec now;

    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* splitmix64 (Steele, Lea & Flood 2014): a number in 0 ... n-1. */
static size_t draw(uint64_t *state, size_t n) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (size_t)((z ^ z >> 31) % n);
}

/* ---- Images ---- */

typedef struct images {
    size_t n;
    float *X; /* n x PIXELS */
    int32_t *labels;
} images;

static float *read_file(const char *directory, const char *name, size_t columns, size_t *rows) {
    char path[1024];
    snnk_table *table;
    float *values;

    snprintf(path, sizeof path, "%s/%s.gz", directory, name);
    if (snnk_table_open(path, NULL, &table) != SNNK_OK) {
        snprintf(path, sizeof path, "%s/%s", directory, name);
        CHECK(snnk_table_open(path, NULL, &table));
    }
    *rows = snnk_table_rows(table);
    if (snnk_table_columns(table) != columns || *rows == 0) {
        fprintf(stderr, "%s: %zu rows of %zu columns\n", path, *rows, snnk_table_columns(table));
        exit(1);
    }
    values = allocate(*rows * columns, sizeof *values);
    CHECK(snnk_table_read(table, 0, *rows, values, columns));
    snnk_table_free(table);
    return values;
}

/* Take square roots of the pixels, subtract their mean, and scale to length 10. */
static void normalise(float *x) {
    double mean = 0, square = 0;

    for (size_t k = 0; k < PIXELS; k++) {
        x[k] = sqrtf(x[k] / 255);
        mean += x[k] / PIXELS;
    }
    for (size_t k = 0; k < PIXELS; k++) {
        x[k] = (float)(x[k] - mean);
        square += (double)x[k] * x[k];
    }
    const double scale = 10 / fmax(sqrt(square), 1e-6);
    for (size_t k = 0; k < PIXELS; k++) x[k] = (float)(x[k] * scale);
}

static images read_images(const char *directory, const char *prefix) {
    images set;
    char name[64];
    size_t n_labels;
    float *labels;

    snprintf(name, sizeof name, "%s-images-idx3-ubyte", prefix);
    set.X = read_file(directory, name, PIXELS, &set.n);
    snprintf(name, sizeof name, "%s-labels-idx1-ubyte", prefix);
    labels = read_file(directory, name, 1, &n_labels);
    if (n_labels != set.n) {
        fprintf(stderr, "%s: %zu images, %zu labels\n", directory, set.n, n_labels);
        exit(1);
    }
    set.labels = allocate(set.n, sizeof *set.labels);
    for (size_t i = 0; i < set.n; i++) {
        set.labels[i] = (int32_t)labels[i];
        normalise(set.X + i * PIXELS);
    }
    free(labels);
    return set;
}

static void images_free(images *set) {
    free(set->X);
    free(set->labels);
}

/* ---- Rows ---- */

/* Set g to a random image inside a random window (sides of `least` to `most` pixels), minus its
 * mean there, and 0 outside; scale it to length 1. The offset puts half of the image at 0. Returns
 * the length of g before it was scaled. */
static double window_row(const images *set, size_t least, size_t most, uint64_t *state, float *g,
                         float *offset) {
    const float *x = set->X + draw(state, set->n) * PIXELS;
    const size_t height = least + draw(state, most - least + 1);
    const size_t width = least + draw(state, most - least + 1);
    const size_t top = draw(state, SIDE - height + 1), left = draw(state, SIDE - width + 1);
    double mean = 0, square = 0, product = 0;

    for (size_t i = top; i < top + height; i++)
        for (size_t j = left; j < left + width; j++)
            mean += x[i * SIDE + j] / (double)(height * width);
    memset(g, 0, PIXELS * sizeof *g);
    for (size_t i = top; i < top + height; i++)
        for (size_t j = left; j < left + width; j++) {
            const size_t k = i * SIDE + j;

            g[k] = (float)(x[k] - mean);
            square += (double)g[k] * g[k];
            product += (double)g[k] * x[k];
        }
    const double length = sqrt(square);
    for (size_t k = 0; k < PIXELS && length > 0; k++) g[k] = (float)(g[k] / length);
    *offset = length > 0 ? (float)(-product / length / 2) : 0;
    return length;
}

static int by_value(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;

    return a < b ? -1 : a > b;
}

/* Draw m rows of length 1 (row stride ld) and their offsets: the first half from small windows, the
 * second from large ones. Windows that show almost nothing are drawn again. */
static void window_rows(const images *set, size_t m, uint64_t *state, float *G, size_t ld,
                        float *offsets) {
    double *lengths = allocate(m, sizeof *lengths), *sorted = allocate(m, sizeof *sorted);

    for (size_t r = 0; r < m; r++)
        lengths[r] = window_row(set, r < m / 2 ? 4 : 12, r < m / 2 ? 12 : SIDE, state, G + r * ld,
                                offsets + r);
    memcpy(sorted, lengths, m * sizeof *sorted);
    qsort(sorted, m, sizeof *sorted, by_value);
    for (size_t r = 0; r < m; r++)
        while (lengths[r] < 0.3 * sorted[m / 2])
            lengths[r] = window_row(set, r < m / 2 ? 4 : 12, r < m / 2 ? 12 : SIDE, state,
                                    G + r * ld, offsets + r);
    free(sorted);
    free(lengths);
}

/* Set spread[r] to the standard deviation of X g, g row r of G, over its first rows. X: n x d. */
static void spreads(size_t n, size_t d, const float *X, size_t m, const float *G, size_t ldg,
                    double *spread) {
    snnk_map_config config;
    snnk_map *map;
    float *Z;

    if (n > SAMPLE) n = SAMPLE;
    Z = allocate(n * m, sizeof *Z);
    CHECK(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_ELEMENTWISE;
    config.activation = SNNK_IDENTITY;
    CHECK(snnk_map_create_from_rows(d, m, G, ldg, NULL, &config, NULL, &map));
    CHECK(snnk_map_input_tower(map, n, X, d, Z, m, NULL));
    for (size_t r = 0; r < m; r++) {
        double mean = 0, square = 0;

        for (size_t i = 0; i < n; i++) {
            const double delta = Z[i * m + r] - mean;

            mean += delta / (double)(i + 1);
            square += delta * (Z[i * m + r] - mean);
        }
        spread[r] = sqrt(square / (double)n) + 1e-6;
    }
    snnk_map_free(map);
    free(Z);
}

/* Make the map cos(G x + c), with rows and offsets scaled to standard deviation 1 on X (n x d). */
static snnk_map *cosine_map(size_t n, size_t d, const float *X, size_t m, float *G,
                            float *offsets) {
    double *spread = allocate(m, sizeof *spread);
    snnk_map_config config;
    snnk_map *map;

    spreads(n, d, X, m, G, d, spread);
    for (size_t r = 0; r < m; r++) {
        for (size_t k = 0; k < d; k++) G[r * d + k] = (float)(G[r * d + k] / spread[r]);
        offsets[r] = (float)(offsets[r] / spread[r]);
    }
    CHECK(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_ELEMENTWISE;
    config.activation = SNNK_COS;
    CHECK(snnk_map_create_from_rows(d, m, G, d, offsets, &config, NULL, &map));
    free(spread);
    return map;
}

/* ---- Stage 1: scores ---- */

/* The result of stage 1. W (CLASSES x FIRST_FEATURES) and b give centered, scaled scores. `scores`
 * are those of the training rows, each from the half that was not fitted to it. */
typedef struct first_stage {
    snnk_map *map;
    float *W, b[CLASSES];
    float *scores;  /* n x CLASSES */
    float *weights; /* n */
} first_stage;

/* Make the statistics of every other row, starting at row `from`. */
static snnk_lstsq *half(const images *set, const snnk_map *map, size_t from,
                        snnk_workspace *workspace) {
    float *Phi = allocate(BLOCK * FIRST_FEATURES, sizeof *Phi);
    int32_t *labels = allocate(BLOCK, sizeof *labels);
    snnk_lstsq *lstsq;

    CHECK(snnk_lstsq_create(FIRST_FEATURES, CLASSES, NULL, &lstsq));
    CHECK(snnk_lstsq_set_precision(lstsq, SNNK_PRECISION_SINGLE));
    for (size_t i = from; i < set->n; i += 2 * BLOCK) {
        size_t n = (set->n - i + 1) / 2;

        if (n > BLOCK) n = BLOCK;
        for (size_t k = 0; k < n; k++) labels[k] = set->labels[i + 2 * k];
        CHECK(snnk_map_input_tower(map, n, set->X + i * PIXELS, 2 * PIXELS, Phi, FIRST_FEATURES,
                                   workspace));
        CHECK(snnk_lstsq_add(lstsq,
                             SNNK_ROWS(.n = n, .X = Phi, .ldx = FIRST_FEATURES, .labels = labels),
                             workspace));
    }
    free(labels);
    free(Phi);
    return lstsq;
}

/* Fit a layer to each half of the rows, with the lambda that does best on the other half. */
static void solve_halves(const images *set, const snnk_map *map, snnk_layer *layers[2],
                         snnk_workspace *workspace) {
    snnk_lstsq *halves[2];

    for (size_t h = 0; h < 2; h++) halves[h] = half(set, map, h, workspace);
    for (size_t h = 0; h < 2; h++) {
        double ridges[10];
        size_t best;
        snnk_solve_config config;

        CHECK(snnk_solve_config_init(&config, sizeof config));
        CHECK(snnk_lstsq_default_ridges(halves[h], 10, ridges));
        CHECK(
            snnk_lstsq_choose_ridge(halves[h], halves[1 - h], NULL, 10, ridges, NULL, NULL, &best));
        config.ridge = ridges[best];
        CHECK(snnk_layer_create_from_lstsq(map, halves[h], &config, NULL, NULL, &layers[h]));
    }
    for (size_t h = 0; h < 2; h++) snnk_lstsq_free(halves[h]);
}

/* Set the weight of each row to 1 minus the margin of its score, cut to 0.1 ... 1. */
static void weigh(const images *set, const float *scores, float *weights) {
    for (size_t i = 0; i < set->n; i++) {
        const float *s = scores + i * CLASSES, own = s[set->labels[i]];
        float other = -1e30f;

        for (int32_t c = 0; c < CLASSES; c++)
            if (c != set->labels[i] && s[c] > other) other = s[c];
        weights[i] = fminf(fmaxf(1 - (own - other), 0.1f), 1);
    }
}

/* Center the scores and scale them to score_share of the length of an image; W and b likewise. */
static void rescale(const images *set, first_stage *first) {
    double mean[CLASSES] = {0}, length = 0;

    for (size_t i = 0; i < set->n; i++)
        for (size_t c = 0; c < CLASSES; c++)
            mean[c] += first->scores[i * CLASSES + c] / (double)set->n;
    for (size_t i = 0; i < set->n; i++) {
        double square = 0;

        for (size_t c = 0; c < CLASSES; c++) {
            const double s = first->scores[i * CLASSES + c] - mean[c];

            square += s * s;
        }
        length += sqrt(square) / (double)set->n;
    }
    const double scale = score_share * 10 / length;
    for (size_t i = 0; i < set->n; i++)
        for (size_t c = 0; c < CLASSES; c++) {
            float *s = first->scores + i * CLASSES + c;

            *s = (float)((*s - mean[c]) * scale);
        }
    for (size_t c = 0; c < CLASSES; c++) {
        for (size_t k = 0; k < FIRST_FEATURES; k++)
            first->W[c * FIRST_FEATURES + k] = (float)(first->W[c * FIRST_FEATURES + k] * scale);
        first->b[c] = (float)((first->b[c] - mean[c]) * scale);
    }
}

static first_stage fit_first(const images *set, uint64_t *state, snnk_workspace *workspace) {
    const size_t m = FIRST_FEATURES;
    float *G = allocate(m * PIXELS, sizeof *G), *offsets = allocate(m, sizeof *offsets);
    float *W = allocate(CLASSES * m, sizeof *W), b[CLASSES];
    first_stage first;
    snnk_layer *layers[2];

    window_rows(set, m, state, G, PIXELS, offsets);
    first.map = cosine_map(set->n, PIXELS, set->X, m, G, offsets);
    first.scores = allocate(set->n * CLASSES, sizeof *first.scores);
    first.weights = allocate(set->n, sizeof *first.weights);
    first.W = allocate(CLASSES * m, sizeof *first.W);
    solve_halves(set, first.map, layers, workspace);
    for (size_t h = 0; h < 2; h++) { /* score rows h, h + 2, ... by the other half */
        CHECK(snnk_layer_forward(layers[1 - h], (set->n - h + 1) / 2, set->X + h * PIXELS,
                                 2 * PIXELS, first.scores + h * CLASSES, 2 * CLASSES, workspace));
        CHECK(snnk_layer_weights(layers[h], h ? W : first.W, m, h ? b : first.b));
        snnk_layer_free(h ? layers[0] : NULL);
    }
    snnk_layer_free(layers[1]);
    for (size_t k = 0; k < CLASSES * m; k++) first.W[k] = (first.W[k] + W[k]) / 2;
    for (size_t c = 0; c < CLASSES; c++) first.b[c] = (first.b[c] + b[c]) / 2;
    weigh(set, first.scores, first.weights);
    rescale(set, &first);
    free(W);
    free(offsets);
    free(G);
    return first;
}

static void first_free(first_stage *first) {
    snnk_map_free(first->map);
    free(first->W);
    free(first->scores);
    free(first->weights);
}

/* Make the layer that gives (pixels, scores) of an image. Features: identity, then stage 1. */
static snnk_layer *first_layer(const first_stage *first) {
    const size_t m = PIXELS + FIRST_FEATURES;
    float *Psi = allocate(BOTH * m, sizeof *Psi), *bias = allocate(BOTH, sizeof *bias);
    snnk_map_config config;
    snnk_map *parts[2] = {NULL, first->map}, *map;
    snnk_layer *layer;

    CHECK(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_IDENTITY;
    CHECK(snnk_map_create(PIXELS, &config, NULL, &parts[0]));
    CHECK(snnk_map_concat(2, (const snnk_map *const *)parts, &map));
    for (size_t k = 0; k < PIXELS; k++) Psi[k * m + k] = 1;
    for (size_t c = 0; c < CLASSES; c++) {
        memcpy(Psi + (PIXELS + c) * m + PIXELS, first->W + c * FIRST_FEATURES,
               FIRST_FEATURES * sizeof *Psi);
        bias[PIXELS + c] = first->b[c];
    }
    CHECK(snnk_layer_create(map, BOTH, Psi, m, bias, &layer));
    snnk_map_free(parts[0]);
    snnk_map_free(map);
    free(bias);
    free(Psi);
    return layer;
}

/* ---- Stage 2 ---- */

/* Set g to the difference of the scores of two random images of different classes, scaled to length
 * 1. Returns the position of their midpoint along g. */
static double score_row(const images *set, const float *scores, uint64_t *state, float *g) {
    size_t i, j;
    double square = 0, middle = 0;

    do {
        i = draw(state, set->n);
        j = draw(state, set->n);
    } while (set->labels[i] == set->labels[j]);
    for (size_t c = 0; c < CLASSES; c++) {
        g[c] = scores[i * CLASSES + c] - scores[j * CLASSES + c];
        square += (double)g[c] * g[c];
    }
    for (size_t c = 0; c < CLASSES; c++) {
        g[c] = (float)(g[c] / fmax(sqrt(square), 1e-9));
        middle += g[c] * ((double)scores[i * CLASSES + c] + scores[j * CLASSES + c]) / 2;
    }
    return middle;
}

/* Make the map of stage 2. Each row of G joins a window of pixels and a difference of scores; the
 * scores have score_share of the standard deviation of the pixels. */
static snnk_map *second_map(const images *set, const first_stage *first, size_t m, uint64_t *state,
                            const float *Z) {
    float *G = allocate(m * BOTH, sizeof *G), *offsets = allocate(m, sizeof *offsets);
    double *of_pixels = allocate(m, sizeof *of_pixels), *of_scores = allocate(m, sizeof *of_scores);
    snnk_map *map;

    window_rows(set, m, state, G, BOTH, offsets);
    spreads(set->n, PIXELS, set->X, m, G, BOTH, of_pixels);
    double *middle = allocate(m, sizeof *middle);
    for (size_t r = 0; r < m; r++)
        middle[r] = score_row(set, first->scores, state, G + r * BOTH + PIXELS);
    spreads(set->n, CLASSES, first->scores, m, G + PIXELS, BOTH, of_scores);
    for (size_t r = 0; r < m; r++) {
        const double scale = score_share * of_pixels[r] / of_scores[r];

        for (size_t c = 0; c < CLASSES; c++)
            G[r * BOTH + PIXELS + c] = (float)(G[r * BOTH + PIXELS + c] * scale);
        offsets[r] = (float)(offsets[r] - scale * middle[r]);
    }
    map = cosine_map(SAMPLE < set->n ? SAMPLE : set->n, BOTH, Z, m, G, offsets);
    free(middle);
    free(of_scores);
    free(of_pixels);
    free(offsets);
    free(G);
    return map;
}

/* Copy rows first ... first+n-1 of (pixels, scores) to Z. */
static void join(const images *set, const first_stage *stage, size_t first, size_t n, float *Z) {
    for (size_t i = 0; i < n; i++) {
        memcpy(Z + i * BOTH, set->X + (first + i) * PIXELS, PIXELS * sizeof *Z);
        memcpy(Z + i * BOTH + PIXELS, stage->scores + (first + i) * CLASSES, CLASSES * sizeof *Z);
    }
}

static snnk_layer *fit_second(const images *set, const first_stage *first, size_t m,
                              uint64_t *state, snnk_workspace *workspace, snnk_fit_report *report) {
    float *Z = allocate(SAMPLE * BOTH, sizeof *Z);
    snnk_fit_config config;
    snnk_map *map;
    snnk_fit *fit;
    snnk_layer *layer;

    join(set, first, 0, SAMPLE < set->n ? SAMPLE : set->n, Z);
    map = second_map(set, first, m, state, Z);
    CHECK(snnk_fit_config_init(&config, sizeof config));
    config.precision = SNNK_PRECISION_SINGLE;
    CHECK(snnk_fit_create(map, CLASSES, &config, &fit));
    for (size_t i = 0; i < set->n; i += BLOCK) {
        const size_t n = set->n - i < BLOCK ? set->n - i : BLOCK;

        join(set, first, i, n, Z);
        CHECK(snnk_fit_add(fit,
                           SNNK_ROWS(.n = n, .X = Z, .ldx = BOTH, .labels = set->labels + i,
                                     .weights = first->weights + i),
                           workspace));
    }
    CHECK(snnk_fit_solve(fit, workspace, report, &layer));
    snnk_fit_free(fit);
    snnk_map_free(map);
    free(Z);
    return layer;
}

/* ---- Both stages, and the test ---- */

typedef struct result {
    double first, accuracy, bundled; /* test accuracy: stage 1, both stages, both bundled */
    double seconds, lambda;
    uint64_t parameters, bundled_parameters;
} result;

/* The share of rows whose largest score is that of their label. The scores are columns from ...
 * from+CLASSES-1 of Y (row stride ld). */
static double accuracy(const images *set, const float *Y, size_t ld, size_t from) {
    size_t right = 0;

    for (size_t i = 0; i < set->n; i++) {
        const float *y = Y + i * ld + from;
        int32_t best = 0;

        for (int32_t c = 1; c < CLASSES; c++)
            if (y[c] > y[best]) best = c;
        right += best == set->labels[i];
    }
    return (double)right / (double)set->n;
}

static double test_network(const snnk_network *network, const images *test,
                           snnk_workspace *workspace) {
    float *Y = allocate(test->n * CLASSES, sizeof *Y);
    double share;

    CHECK(snnk_network_forward(network, test->n, test->X, PIXELS, Y, CLASSES, workspace));
    share = accuracy(test, Y, CLASSES, 0);
    free(Y);
    return share;
}

static result run(const char *directory, size_t m, uint64_t seed, snnk_workspace *workspace) {
    images train = read_images(directory, "train"), test = read_images(directory, "t10k");
    const double start = seconds_now();
    snnk_fit_report report = {.size = sizeof report};
    snnk_network *network, *bundled;
    snnk_layer *layers[2];
    first_stage first;
    float *Y = allocate(test.n * BOTH, sizeof *Y);
    result r;

    first = fit_first(&train, &seed, workspace);
    layers[0] = first_layer(&first);
    layers[1] = fit_second(&train, &first, m, &seed, workspace, &report);
    CHECK(snnk_network_create(NULL, &network));
    for (int k = 0; k < 2; k++) CHECK(snnk_network_append(network, layers[k]));
    r.seconds = seconds_now() - start;
    CHECK(snnk_network_bundle(network, 0, 1, &bundled));
    CHECK(snnk_layer_forward(layers[0], test.n, test.X, PIXELS, Y, BOTH, workspace));
    r.first = accuracy(&test, Y, BOTH, PIXELS);
    r.accuracy = test_network(network, &test, workspace);
    r.bundled = test_network(bundled, &test, workspace);
    r.lambda = report.ridge;
    r.parameters = snnk_network_parameters(network);
    r.bundled_parameters = snnk_network_parameters(bundled);
    for (int k = 0; k < 2; k++) snnk_layer_free(layers[k]);
    snnk_network_free(bundled);
    snnk_network_free(network);
    first_free(&first);
    images_free(&train);
    images_free(&test);
    free(Y);
    return r;
}

/* ---- The program ---- */

static void print_json(const char *const names[2], const result results[2], const int done[2]) {
    const char *separator = "{";

    for (int k = 0; k < 2; k++) {
        if (!done[k]) continue;
        printf("%s\"%s_accuracy\":%.4f,\"%s_accuracy_bundled\":%.4f,\"%s_accuracy_stage_1\":%.4f,"
               "\"%s_seconds\":%.1f,\"%s_lambda\":%.3g,\"%s_parameters\":%llu,"
               "\"%s_parameters_bundled\":%llu",
               separator, names[k], results[k].accuracy, names[k], results[k].bundled, names[k],
               results[k].first, names[k], results[k].seconds, names[k], results[k].lambda,
               names[k], (unsigned long long)results[k].parameters, names[k],
               (unsigned long long)results[k].bundled_parameters);
        separator = ",";
    }
    printf("}\n");
}

static void print_table(const char *const names[2], const result results[2], const int done[2]) {
    printf("%-10s %9s %9s %9s %8s %9s %12s %12s\n", "data", "stage 1", "accuracy", "bundled",
           "fit s", "lambda", "parameters", "bundled");
    for (int k = 0; k < 2; k++)
        if (done[k])
            printf("%-10s %9.4f %9.4f %9.4f %8.1f %9.2g %12llu %12llu\n", names[k],
                   results[k].first, results[k].accuracy, results[k].bundled, results[k].seconds,
                   results[k].lambda, (unsigned long long)results[k].parameters,
                   (unsigned long long)results[k].bundled_parameters);
}

#define USAGE                                                                                      \
    "usage: %s [--fashion DIR] [--mnist DIR] [--features 4096] [--seed 1] [--threads 1] "          \
    "[--json]\n"                                                                                   \
    "Fit Fashion-MNIST and MNIST in closed form, and print test accuracies.\n\n"                   \
    "  --fashion DIR  folder of Fashion-MNIST: train-images-idx3-ubyte and so on, may be .gz\n"    \
    "                 (default: /usr/share/datasets/fashion-mnist)\n"                              \
    "  --mnist DIR    folder of MNIST, with the same file names (default: none)\n"                 \
    "  --features M   features of the second stage (default: 4096)\n"                              \
    "  --seed S       seed of the random windows (default: 1)\n"                                   \
    "  --threads T    threads (default: 1)\n"                                                      \
    "  --json         print one JSON object instead of the table\n"

int main(int argc, char **argv) {
    static const char *const names[2] = {"fashion", "mnist"};
    const char *directories[2] = {"/usr/share/datasets/fashion-mnist", NULL};
    size_t m = 4096, threads = 1;
    uint64_t seed = 1;
    int json = 0, done[2];
    snnk_workspace *workspace;
    result results[2];

    for (int i = 1; i < argc; i++) {
        const int value = i + 1 < argc;

        if (strcmp(argv[i], "--json") == 0) {
            json = 1;
        } else if (strcmp(argv[i], "--fashion") == 0 && value) {
            directories[0] = argv[++i];
        } else if (strcmp(argv[i], "--mnist") == 0 && value) {
            directories[1] = argv[++i];
        } else if (strcmp(argv[i], "--features") == 0 && value && atol(argv[i + 1]) > 1) {
            m = (size_t)atol(argv[++i]);
        } else if (strcmp(argv[i], "--seed") == 0 && value) {
            seed = (uint64_t)atoll(argv[++i]);
        } else if (strcmp(argv[i], "--threads") == 0 && value && atol(argv[i + 1]) > 0) {
            threads = (size_t)atol(argv[++i]);
        } else {
            const int help = strcmp(argv[i], "--help") == 0;

            fprintf(help ? stdout : stderr, USAGE, argv[0]);
            return help ? 0 : 2;
        }
    }
    CHECK(snnk_workspace_create(threads, NULL, &workspace));
    for (int k = 0; k < 2; k++) {
        done[k] = directories[k] && *directories[k];
        if (done[k]) results[k] = run(directories[k], m, seed, workspace);
    }
    (json ? print_json : print_table)(names, results, done);
    snnk_workspace_free(workspace);
    return 0;
}
