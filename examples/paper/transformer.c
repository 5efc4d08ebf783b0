#include "transformer.h"

#include <stdlib.h>
#include <string.h>
#include <threads.h>

static size_t read_number(const char *name, const char *text, size_t most) {
    char *end;
    const long value = strtol(text, &end, 10);

    if (*end || value < 1 || (size_t)value > most)
        die("%s must be a number from 1 to %zu, not %s", name, most, text);
    return (size_t)value;
}

/* Read the arguments of `run` or `choose`. Returns false if they are others. */
static bool read_run_arguments(int argc, char **argv, const experiment *of, run_arguments *read) {
    *read = (run_arguments){.tokens = of->tokens, .threads = 1};
    read->choosing = strcmp(argv[1], "choose") == 0;
    if (!(of->chooses && read->choosing) && strcmp(argv[1], "run") != 0) return false;
    if (argc < 3 || argv[2][0] == '-') return false;
    read->cache = argv[2];
    for (int i = 3; i < argc; i++)
        if (of->has_full && strcmp(argv[i], "--full") == 0)
            read->full = true;
        else if (strcmp(argv[i], "--tokens") == 0 && i + 1 < argc)
            read->tokens = read_number("--tokens", argv[++i], ENCODER_MOST_TOKENS);
        else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc)
            read->threads = read_number("--threads", argv[++i], 64);
        else
            return false;
    return true;
}

/* Read the arguments of `report`, and all results. Returns false if they are others. */
static bool read_report_arguments(int argc, char **argv, report_arguments *read, results *all) {
    int i = 2;

    *read = (report_arguments){NULL, false};
    if (strcmp(argv[1], "report") != 0) return false;
    for (; i < argc && argv[i][0] == '-'; i++)
        if (strcmp(argv[i], "--json") == 0)
            read->json = true;
        else if (strcmp(argv[i], "--out") == 0 && i + 1 < argc)
            read->folder = argv[++i];
        else
            return false;
    if (i == argc) return false;
    for (; i < argc; i++)
        if (!results_read(all, argv[i])) die("cannot read %s", argv[i]);
    return true;
}

int experiment_main(int argc, char **argv, const experiment *of) {
    results all = {.n_columns = of->n_columns, .columns = of->columns};
    report_arguments wanted;
    run_arguments asked;
    int status = 2;

    if (argc == 2 && strcmp(argv[1], "self-test") == 0) return of->self_test();
    if (argc > 2 && read_run_arguments(argc, argv, of, &asked)) return of->run(&asked);
    if (argc > 2 && read_report_arguments(argc, argv, &wanted, &all))
        status = of->report(&wanted, &all);
    else
        fprintf(stderr, "usage: %s\n", of->usage);
    results_free(&all);
    return status;
}

sentence_encoder *load_encoder(const char *cache, size_t threads) {
    char path[1024];
    sentence_encoder *made;
    FILE *file;

    snprintf(path, sizeof path, "%s/encoder.safetensors", cache);
    file = fopen(path, "rb");
    if (!file) die("cannot open %s: sh examples/sentence_encoder/run.sh --fetch makes it", path);
    fclose(file);
    made = encoder_load(path);
    encoder_set_threads(made, threads);
    return made;
}

part_set original_parts(const sentence_encoder *encoder) {
    part_set made;

    for (int part = 0; part < ENCODER_PARTS; part++)
        made.parts[part] = encoder_dense(encoder, (encoder_part)part);
    return made;
}

void score(const snnk_network *network, size_t n, const float *X, const int32_t *labels,
           double value[2]) {
    float *Y = allocate(2 * n, sizeof *Y);
    size_t right = 0;
    double loss = 0;

    CHECK(snnk_network_forward(network, n, X, ENCODER_WIDTH, Y, 2, NULL));
    for (size_t i = 0; i < n; i++) loss += log_loss_of(Y[2 * i + 1] - Y[2 * i], labels[i], &right);
    value[0] = (double)right / (double)n;
    value[1] = loss / (double)n;
    free(Y);
}

void write_scores(const char *folder, const results *all, size_t seconds) {
    FILE *file = open_output(folder, "points.txt");

    for (size_t i = 0; i < all->n; i++)
        fprintf(file, "%s\t%zu\t%.5f\t%.5f\t%.4f\n", all->rows[i].method, all->rows[i].numbers,
                all->rows[i].value[0], all->rows[i].value[1], all->rows[i].value[seconds]);
    fclose(file);
}

size_t kept_reviews(size_t n) { return n - n / 5; }

double mean_square(size_t n, const float *X) {
    double sum = 0;

    for (size_t k = 0; k < n * ENCODER_WIDTH; k++) sum += (double)X[k] * (double)X[k];
    return sum / (double)(n * ENCODER_WIDTH);
}

/* ---- Jobs ---- */

typedef struct queue {
    mtx_t lock;
    size_t next, n;
    void (*run)(void *context, size_t job);
    void *context;
} queue;

static int work(void *with) {
    queue *of = with;

    for (;;) {
        size_t job;

        mtx_lock(&of->lock);
        job = of->next++;
        mtx_unlock(&of->lock);
        if (job >= of->n) return 0;
        of->run(of->context, job);
    }
}

void run_jobs(size_t n, void (*run)(void *context, size_t job), void *context, size_t threads) {
    queue of = {.n = n, .run = run, .context = context};
    thrd_t *others = allocate(threads, sizeof *others);

    if (mtx_init(&of.lock, mtx_plain) != thrd_success) die("cannot make a lock");
    for (size_t k = 1; k < threads; k++)
        if (thrd_create(&others[k], work, &of) != thrd_success) die("cannot start a thread");
    work(&of);
    for (size_t k = 1; k < threads; k++) thrd_join(others[k], NULL);
    mtx_destroy(&of.lock);
    free(others);
}
