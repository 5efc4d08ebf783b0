/* The rows of snnk_trainer_run and snnk_trainer_run_source: which are held out, each once an epoch,
 * windows; and runs that fail or are cancelled leave a trainer that goes on with the same bits. */
#include "support/alloc.h"
#include "support/trainers.h"

enum { N = 150, D = 4, L = 2 };

typedef struct fixture {
    float X[N * D], Y[N * L], weights[N];
    int32_t labels[N];
    snnk_network *network;
} fixture;

static int setup(void **state) {
    fixture *f = malloc(sizeof *f);

    draw_floats(f->X, N * D, 41);
    draw_floats(f->Y, N * L, 42);
    for (size_t i = 0; i < N; i++) {
        f->weights[i] = (float)(1 + i % 4);
        f->labels[i] = (int32_t)(i % 3 % L);
    }
    f->network = network_of(
        2, (snnk_layer *[]){dense_of(D, 7, SNNK_TANH, 43), dense_of(7, L, SNNK_IDENTITY, 44)});
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;

    snnk_network_free(f->network);
    free(f);
    return 0;
}

static snnk_trainer *create(const fixture *f, const snnk_train_config *config) {
    snnk_trainer *trainer;

    assert_ok(snnk_trainer_create(f->network, config, &trainer));
    return trainer;
}

static snnk_train_config short_config(void) {
    snnk_train_config config = train_config();

    config.epochs = 3;
    config.batch = 16;
    return config;
}

/* The present and the kept numbers, means, squares, and counts. */
static void assert_same_trainers(const snnk_trainer *a, const snnk_trainer *b) {
    assert_int_equal(a->n_epochs, b->n_epochs);
    assert_int_equal(a->run_done, b->run_done);
    assert_int_equal(a->steps, b->steps);
    assert_int_equal(a->has_best, b->has_best);
    assert_int_equal(a->n_slots, b->n_slots);
    for (size_t s = 0; s < a->n_slots; s++) {
        const snnk__slot *p = &a->slots[s], *q = &b->slots[s];
        const size_t bytes = p->parameter->count * sizeof(float);

        assert_memory_equal(p->parameter->value, q->parameter->value, bytes);
        if (a->steps > 0 && p->mean) assert_memory_equal(p->mean, q->mean, bytes);
        if (a->steps > 0 && p->square) assert_memory_equal(p->square, q->square, bytes);
        if (a->has_best) assert_memory_equal(p->best, q->best, bytes);
        for (size_t k = 0; k < p->parameter->count; k++) {
            assert_true(p->parameter->gradient[k] == 0);
            assert_true(q->parameter->gradient[k] == 0);
        }
    }
}

/* ---- A loss that counts rows ---- */

/* Row i has loss |y|^2/2; counts how often each row was seen. */
typedef struct counter {
    size_t seen[2 * N], calls, largest, rows;
    uint64_t order[8 * N];
    int cancel_at; /* this call; 0: none */
} counter;

static int count_rows(void *user, size_t n, const uint64_t *rows, const float *Y, size_t ldy,
                      float *dY, size_t lddy, double *losses) {
    counter *c = user;

    c->calls++;
    if (n > c->largest) c->largest = n;
    for (size_t i = 0; i < n; i++) {
        assert_true(rows[i] < 2 * N);
        c->seen[rows[i]]++;
        if (c->rows < 8 * N) c->order[c->rows] = rows[i];
        c->rows++;
        losses[i] = 0;
        for (size_t k = 0; k < L; k++) {
            losses[i] += 0.5 * (double)Y[i * ldy + k] * (double)Y[i * ldy + k];
            dY[i * lddy + k] = Y[i * ldy + k];
        }
    }
    return (int)c->calls == c->cancel_at;
}

static snnk_train_config counting(counter *c) {
    snnk_train_config config = short_config();

    config.loss = SNNK_LOSS_USER;
    config.loss_function = count_rows;
    config.user = c;
    config.heldout_share = 0;
    memset(c, 0, sizeof *c);
    return config;
}

/* ---- Held-out rows ---- */

/* Run a loss that counts, and set held[i] to whether row i is held out: those are judged in order
 * before the first step. */
static size_t held_out(const fixture *f, double share, uint64_t seed, const snnk_rows *rows,
                       bool *held) {
    static counter c;
    snnk_train_config config = counting(&c);
    snnk_train_report report = {.size = sizeof report};

    config.heldout_share = share;
    config.seed = seed;
    config.epochs = 1;
    snnk_trainer *trainer = create(f, &config);

    assert_ok(snnk_trainer_run(trainer, rows, NULL, NULL, &report));
    snnk_trainer_free(trainer);
    const size_t n = report.heldout_rows;

    assert_int_equal(report.rows + n, rows->n);
    memset(held, 0, rows->n * sizeof *held);
    for (size_t k = 0; k < n; k++) held[c.order[k]] = true;
    for (size_t i = 0; i < rows->n; i++) /* judged before and after the epoch, or learned from */
        assert_int_equal(c.seen[i], held[i] ? 2 : 1);
    return n;
}

static void test_held_out_rows(void **state) {
    const fixture *f = *state;
    static const double shares[] = {0, 0.05, 0.1, 0.3, 0.5};
    bool held[N];

    for (size_t s = 0; s < 5; s++) {
        size_t n = 0, seeds = 20;

        for (uint64_t seed = 0; seed < seeds; seed++)
            n += held_out(f, shares[s], seed, SNNK_ROWS(.n = N, .X = f->X), held);
        const double trials = (double)(N * seeds), mean = trials * shares[s];

        if (shares[s] == 0) assert_int_equal(n, 0);
        assert_true(fabs((double)n - mean) <= 4 * sqrt(mean * (1 - shares[s])));
    }
}

/* Rows of a group, and equal rows, are all held out or none. */
static void test_held_out_together(void **state) {
    const fixture *f = *state;
    uint64_t groups[N];
    float X[N * D];
    bool held[N];
    size_t n = 0;

    for (size_t i = 0; i < N; i++) {
        groups[i] = i * 7 % 50;
        memcpy(X + i * D, f->X + i % 60 * D, D * sizeof *X);
    }
    for (uint64_t seed = 0; seed < 20; seed++) {
        n += held_out(f, 0.2, seed, SNNK_ROWS(.n = N, .X = f->X, .groups = groups), held);
        for (size_t i = 0; i < N; i++)
            for (size_t j = 0; j < i; j++)
                if (groups[i] == groups[j]) assert_int_equal(held[i], held[j]);
        held_out(f, 0.2, seed, SNNK_ROWS(.n = N, .X = X), held);
        for (size_t i = 60; i < N; i++) assert_int_equal(held[i], held[i - 60]);
    }
    assert_true(n > 20 * N / 10 && n < 20 * N * 3 / 10);
}

/* A table of few different rows: they are drawn one by one. Few rows: maybe none. */
static void test_held_out_of_few(void **state) {
    const fixture *f = *state;
    float X[N * D];
    bool held[N];
    size_t n = 0;

    for (size_t i = 0; i < N; i++) memcpy(X + i * D, f->X + i % 2 * D, D * sizeof *X);
    for (uint64_t seed = 0; seed < 20; seed++)
        n += held_out(f, 0.2, seed, SNNK_ROWS(.n = N, .X = X), held);
    assert_true(n > 20 * N / 10 && n < 20 * N * 3 / 10);
    for (uint64_t seed = 0; seed < 20; seed++) {
        static counter c;
        snnk_train_config config = counting(&c);
        snnk_train_report report = {.size = sizeof report};

        config.heldout_share = 0.1;
        config.seed = seed;
        config.batch = 0;
        snnk_trainer *trainer = create(f, &config);

        for (size_t few = 1; few < 5; few++) {
            assert_ok(
                snnk_trainer_run(trainer, SNNK_ROWS(.n = few, .X = f->X), NULL, NULL, &report));
            assert_true(report.rows > 0 && report.rows + report.heldout_rows == few);
        }
        snnk_trainer_free(trainer);
    }
}

/* Given held-out rows count on from the rows to learn from. */
static void test_numbers_of_given_rows(void **state) {
    const fixture *f = *state;
    static counter c;
    const snnk_train_config config = counting(&c);
    snnk_trainer *trainer = create(f, &config);

    assert_ok(snnk_trainer_run(trainer, SNNK_ROWS(.n = 100, .X = f->X),
                               SNNK_ROWS(.n = 50, .X = f->X + 100 * D), NULL, NULL));
    for (size_t i = 0; i < N; i++) assert_int_equal(c.seen[i], i < 100 ? 3 : 4);
    snnk_trainer_free(trainer);
}

/* ---- Sources ---- */

typedef struct reader {
    const fixture *f;
    long reads, fail_at; /* this read fails; 0: none */
    size_t rows;         /* that were read */
    long nan_from;       /* this read and later ones have a NaN; 0: none */
    bool weighted, labels, targets;
    size_t short_by; /* rows that are missing */
} reader;

static const float not_numbers[N * D] = {NAN};

static int read_rows(void *user, uint64_t first, size_t count, snnk_rows *rows) {
    reader *r = user;

    assert_true(count > 0 && first + count <= N);
    if (++r->reads == r->fail_at) return snnk_fail(SNNK_E_IO, "the disk is gone");
    r->rows += count;
    rows->n = count - r->short_by;
    rows->X = r->f->X + first * D;
    if (r->nan_from > 0 && r->reads >= r->nan_from) rows->X = not_numbers;
    if (r->targets) rows->Y = r->f->Y + first * L;
    if (r->labels) rows->labels = r->f->labels + first;
    if (r->weighted) rows->weights = r->f->weights + first;
    return SNNK_OK;
}

static snnk_train_source source_of(reader *r, uint64_t window) {
    return (snnk_train_source){sizeof(snnk_train_source), N, read_rows, r, window};
}

/* Every row exactly once an epoch, in steps of full batches but the last one; other orders in other
 * epochs, and for other seeds. */
static void test_every_row_once(void **state) {
    const fixture *f = *state;
    static const uint64_t windows[] = {0, 16, 17, 31, 32, 50, 149, 150, 151, 1000};

    for (size_t w = 0; w <= 10; w++) {
        static counter c;
        reader r = {.f = f};
        const snnk_train_source source = source_of(&r, windows[w % 10]);
        const snnk_train_config config = counting(&c);
        snnk_train_report report = {.size = sizeof report};
        snnk_trainer *trainer = create(f, &config);

        if (w < 10)
            assert_ok(snnk_trainer_run_source(trainer, &source, NULL, NULL, &report));
        else
            assert_ok(snnk_trainer_run(trainer, SNNK_ROWS(.n = N, .X = f->X), NULL, NULL, &report));
        assert_int_equal(report.steps, 3 * ((N + 15) / 16));
        assert_int_equal(c.calls, report.steps);
        assert_int_equal(c.largest, 16);
        assert_int_equal(report.rows, N);
        for (size_t e = 0; e < 3; e++) {
            bool seen[N] = {false};
            size_t fixed = 0, same = 0;

            for (size_t k = 0; k < N; k++) {
                const size_t i = c.order[e * N + k];

                assert_true(!seen[i]);
                seen[i] = true;
                fixed += i == k;
                same += e > 0 && i == c.order[(e - 1) * N + k];
            }
            assert_true(fixed < 12 && same < 12); /* 1 is expected */
        }
        snnk_trainer_free(trainer);
    }
}

/* A source in a window that holds all rows is read once, and gives the same bits as arrays: with
 * weights, targets or labels. */
static void test_sources_like_arrays(void **state) {
    const fixture *f = *state;

    for (int labels = 0; labels < 2; labels++) {
        reader r = {.f = f, .weighted = true, .labels = labels, .targets = !labels};
        const snnk_train_source source = source_of(&r, 0);
        const snnk_rows rows =
            labels ? *SNNK_ROWS(.n = N, .X = f->X, .labels = f->labels, .weights = f->weights)
                   : *SNNK_ROWS(.n = N, .X = f->X, .Y = f->Y, .weights = f->weights);
        snnk_train_config config = short_config();

        config.heldout_share = 0;
        snnk_trainer *a = create(f, &config), *b = create(f, &config);

        assert_ok(snnk_trainer_run(a, &rows, NULL, NULL, NULL));
        assert_ok(snnk_trainer_run_source(b, &source, NULL, NULL, NULL));
        float *x = numbers_of(a, false), *y = numbers_of(b, false);

        assert_true(config.epochs > 1);
        assert_int_equal(r.rows, N + 1); /* the first row also alone, to see what it has */
        assert_memory_equal(x, y, snnk_trainer_parameters(a) * sizeof *x);
        free(y);
        free(x);
        snnk_trainer_free(b);
        snnk_trainer_free(a);
    }
}

/* A source that fails at any read leaves the trainer after its last epoch, and the next run makes
 * the rest with the same bits. */
static void test_failing_sources(void **state) {
    const fixture *f = *state;

    for (int32_t optimizer = SNNK_OPTIMIZER_ADAM; optimizer <= SNNK_OPTIMIZER_LBFGS; optimizer++) {
        const snnk_rows *heldout = SNNK_ROWS(.n = 20, .X = f->X, .Y = f->Y);
        reader r = {.f = f, .targets = true};
        const snnk_train_source source = source_of(&r, 48);
        snnk_train_config config = short_config();

        config.optimizer = optimizer;
        snnk_trainer *whole = create(f, &config);

        assert_ok(snnk_trainer_run_source(whole, &source, heldout, NULL, NULL));
        const long reads = r.reads;

        for (long fail_at = 1; fail_at <= reads; fail_at += 1 + reads / 40) {
            snnk_trainer *part = create(f, &config), *until = create(f, &config);

            r.reads = 0;
            r.fail_at = fail_at;
            assert_status(snnk_trainer_run_source(part, &source, heldout, NULL, NULL), SNNK_E_IO);
            assert_says("the disk is gone");
            r.fail_at = 0;
            assert_true(part->n_epochs < 3);
            assert_ok(snnk_trainer_run_source(part, &source, heldout, NULL, NULL));
            assert_same_trainers(part, whole);
            snnk_trainer_free(until);
            snnk_trainer_free(part);
        }
        snnk_trainer_free(whole);
    }
}

/* A batch larger than the usual window: each target is its input. */
enum { MANY = 70000 };

static int read_many(void *user, uint64_t first, size_t count, snnk_rows *rows) {
    rows->n = count;
    rows->X = (const float *)user + first;
    rows->Y = rows->X;
    return SNNK_OK;
}

static void test_large_batches(void **state) {
    float *X = malloc(MANY * sizeof *X);
    const snnk_train_source source = {sizeof source, MANY, read_many, X, 0};
    snnk_network *network = network_of(1, (snnk_layer *[]){dense_of(1, 1, SNNK_IDENTITY, 45)});
    snnk_train_config config = short_config();
    snnk_train_report report = {.size = sizeof report};
    snnk_trainer *trainer;

    (void)state;
    draw_floats(X, MANY, 46);
    config.batch = 69000;
    config.epochs = 1;
    assert_ok(snnk_trainer_create(network, &config, &trainer));
    assert_ok(snnk_trainer_run_source(trainer, &source, NULL, NULL, &report));
    assert_int_equal(report.steps, 2);
    snnk_trainer_free(trainer);
    snnk_network_free(network);
    free(X);
}

/* L-BFGS takes a loss that is not finite for that of too long a step, but not rows that are not
 * finite. */
static void test_lbfgs_refuses_rows(void **state) {
    const fixture *f = *state;
    snnk_train_config config = short_config();
    reader r = {.f = f, .targets = true};
    const snnk_train_source source =
        source_of(&r, 64); /* a part of the rows: they are read again */

    config.optimizer = SNNK_OPTIMIZER_LBFGS;
    snnk_trainer *trainer = create(f, &config);

    assert_ok(snnk_trainer_run_source(trainer, &source, NULL, NULL, NULL));
    const long all = r.reads;

    for (r.nan_from = 2; r.nan_from < all; r.nan_from += 7) {
        snnk_trainer *other = create(f, &config);

        r.reads = 0;
        assert_status(snnk_trainer_run_source(other, &source, NULL, NULL, NULL), SNNK_E_NONFINITE);
        assert_says("rows from ");
        snnk_trainer_free(other);
    }
    snnk_trainer_free(trainer);
}

static void test_refused_sources(void **state) {
    fixture *f = *state;
    snnk_train_config config = short_config();
    snnk_trainer *trainer = create(f, &config), *untouched = create(f, &config);
    reader r = {.f = f, .targets = true};
    snnk_train_source source = source_of(&r, 15);

    assert_status(snnk_trainer_run_source(trainer, &source, NULL, NULL, NULL), SNNK_E_RANGE);
    assert_says("window = 15 rows, but a batch has 16");
    source = source_of(&r, 0);
    source.read = NULL;
    assert_status(snnk_trainer_run_source(trainer, &source, NULL, NULL, NULL), SNNK_E_NULL);
    source = source_of(&r, 0);
    source.size = 3;
    assert_status(snnk_trainer_run_source(trainer, &source, NULL, NULL, NULL), SNNK_E_CONFIG);
    source = source_of(&r, 0);
    source.rows = 0;
    assert_status(snnk_trainer_run_source(trainer, &source, NULL, NULL, NULL), SNNK_E_SHAPE);
    source.rows = 15;
    assert_status(snnk_trainer_run_source(trainer, &source, NULL, NULL, NULL), SNNK_E_RANGE);
    assert_says("batch = 16 is more than the 15 rows");
    source = source_of(&r, 0);
    r.targets = false;
    assert_status(snnk_trainer_run_source(trainer, &source, NULL, NULL, NULL), SNNK_E_NULL);
    r.targets = true;
    r.short_by = 1;
    assert_status(snnk_trainer_run_source(trainer, &source, NULL, NULL, NULL), SNNK_E_SHAPE);
    assert_says("the source gave 0 rows instead of 1");
    r.short_by = 0;
    f->X[77 * D + 1] = NAN; /* found in the middle of an epoch */
    assert_status(snnk_trainer_run_source(trainer, &source, NULL, NULL, NULL), SNNK_E_NONFINITE);
    assert_says("rows from ");
    f->X[77 * D + 1] = 0;
    assert_status(snnk_trainer_run_source(trainer, NULL, NULL, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_trainer_run_source(NULL, &source, NULL, NULL, NULL), SNNK_E_NULL);
    assert_same_trainers(trainer, untouched);
    snnk_trainer_free(untouched);
    snnk_trainer_free(trainer);
}

/* ---- Cancelling ---- */

typedef struct progress {
    long calls, cancel_at; /* this call; 0: none */
    double share;
} progress;

static int cancel(void *user, double share) {
    progress *p = user;

    assert_true(share >= p->share && share <= 1);
    p->share = share;
    return ++p->calls == p->cancel_at;
}

/* Cancelled at any report of progress, the next run goes on with the same bits. */
static void test_progress(void **state) {
    const fixture *f = *state;

    for (int which = 0; which < 6; which++) {
        const snnk_rows *rows = SNNK_ROWS(.n = N, .X = f->X, .Y = f->Y);
        snnk_train_config config = short_config();
        snnk_workspace *workspace;
        progress p = {0};

        config.optimizer = which % 4;
        config.epochs = 4;
        if (which == 4) config.solve = SNNK_TRAIN_SOLVE_EPOCH;
        if (which == 5) config.solve = SNNK_TRAIN_SOLVE_END;
        assert_ok(snnk_workspace_create(1, NULL, &workspace));
        assert_ok(snnk_workspace_set_progress(workspace, cancel, &p));
        snnk_trainer *whole = create(f, &config);

        assert_ok(snnk_trainer_run(whole, rows, NULL, workspace, NULL));
        assert_true(p.share == 1);
        if (which == 4) { /* the solutions do not report that all is done */
            snnk_trainer *other = create(f, &config);

            p = (progress){.cancel_at = p.calls / 2};
            assert_status(snnk_trainer_run(other, rows, NULL, workspace, NULL), SNNK_E_CANCELLED);
            assert_true(p.share > 0.3 && p.share < 0.7);
            snnk_trainer_free(other);
            p.calls *= 2;
        }
        const long calls = p.calls;

        assert_true(calls >= 4);
        for (long k = 1; k <= calls; k += 1 + calls / 60) {
            snnk_trainer *part = create(f, &config);

            p = (progress){.cancel_at = k};
            assert_status(snnk_trainer_run(part, rows, NULL, workspace, NULL), SNNK_E_CANCELLED);
            assert_int_equal(p.calls, k);
            p = (progress){0};
            assert_ok(snnk_trainer_run(part, rows, NULL, workspace, NULL));
            assert_same_trainers(part, whole);
            snnk_trainer_free(part);
        }
        snnk_trainer_free(whole);
        snnk_workspace_free(workspace);
    }
}

/* The same for a loss of the caller's that cancels, also while rows are judged. */
static void test_cancelling_losses(void **state) {
    const fixture *f = *state;
    const snnk_rows *rows = SNNK_ROWS(.n = N, .X = f->X), *heldout = SNNK_ROWS(.n = 20, .X = f->X);

    for (int32_t optimizer = SNNK_OPTIMIZER_ADAM; optimizer <= SNNK_OPTIMIZER_LBFGS; optimizer++) {
        static counter c;
        snnk_train_config config = counting(&c);

        config.optimizer = optimizer;
        config.epochs = 4;
        snnk_trainer *whole = create(f, &config);

        assert_ok(snnk_trainer_run(whole, rows, heldout, NULL, NULL));
        const size_t calls = c.calls;

        for (size_t k = 1; k <= calls; k++) {
            snnk_trainer *part;

            config = counting(&c);
            config.optimizer = optimizer;
            config.epochs = 4;
            c.cancel_at = (int)k;
            part = create(f, &config);
            assert_status(snnk_trainer_run(part, rows, heldout, NULL, NULL), SNNK_E_CANCELLED);
            c.cancel_at = 0;
            assert_ok(snnk_trainer_run(part, rows, heldout, NULL, NULL));
            assert_same_trainers(part, whole);
            snnk_trainer_free(part);
        }
        snnk_trainer_free(whole);
    }
}

/* ---- Memory ---- */

static void test_failing_allocations(void **state) {
    const fixture *f = *state;

    for (int which = 0; which < 8; which++) {
        test_memory memory;
        const snnk_allocator allocator = test_memory_allocator(&memory);
        reader r = {.f = f, .targets = true};
        const snnk_train_source source = source_of(&r, 64);
        const snnk_rows *rows = SNNK_ROWS(.n = N, .X = f->X, .Y = f->Y);
        snnk_train_config config = short_config();

        config.optimizer = which % 4;
        if (which == 4) config.solve = SNNK_TRAIN_SOLVE_EPOCH;
        if (which == 5) config.solve = SNNK_TRAIN_SOLVE_END;
        snnk_trainer *whole = create(f, &config);

        assert_ok(which < 6 ? snnk_trainer_run(whole, rows, NULL, NULL, NULL)
                            : snnk_trainer_run_source(whole, &source, rows, NULL, NULL));
        config.allocator = &allocator;
        for (long allowed = 0;; allowed++) {
            int st;

            test_memory_allow(&memory, -1);
            snnk_trainer *trainer = create(f, &config);

            test_memory_allow(&memory, allowed);
            st = which < 6 ? snnk_trainer_run(trainer, rows, NULL, NULL, NULL)
                           : snnk_trainer_run_source(trainer, &source, rows, NULL, NULL);
            test_memory_allow(&memory, -1);
            if (st != SNNK_OK) {
                assert_status(st, SNNK_E_NOMEM);
                assert_ok(which < 6 ? snnk_trainer_run(trainer, rows, NULL, NULL, NULL)
                                    : snnk_trainer_run_source(trainer, &source, rows, NULL, NULL));
            }
            assert_same_trainers(trainer, whole);
            snnk_trainer_free(trainer);
            assert_int_equal(memory.alive, 0);
            if (st == SNNK_OK) break;
        }
        snnk_trainer_free(whole);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_held_out_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_held_out_together, setup, teardown),
        cmocka_unit_test_setup_teardown(test_held_out_of_few, setup, teardown),
        cmocka_unit_test_setup_teardown(test_numbers_of_given_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_row_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sources_like_arrays, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failing_sources, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large_batches, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lbfgs_refuses_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused_sources, setup, teardown),
        cmocka_unit_test_setup_teardown(test_progress, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancelling_losses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failing_allocations, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
