#include "measure.h"

#include <math.h>
#include <time.h>

#include "check.h"

/* ---- Areas ---- */

typedef struct scored {
    float score;
    int positive;
} scored;

/* Order by score; among equal scores negatives last, since they were not separated from
 * positives. */
static int by_score(const void *left, const void *right) {
    const scored *a = left, *b = right;

    if (a->score == b->score) return b->positive - a->positive;
    return a->score < b->score ? -1 : 1;
}

/* The probability that a positive scores above a negative; a tie counts half. From ranks (Mann &
 * Whitney). */
static double area(size_t n, scored *of) {
    double ranks = 0, positives = 0;

    qsort(of, n, sizeof *of, by_score);
    for (size_t first = 0, next; first < n; first = next) {
        for (next = first; next < n && of[next].score == of[first].score; next++) {
        }
        for (size_t i = first; i < next; i++) {
            ranks += of[i].positive ? (double)(first + 1 + next) / 2 : 0;
            positives += of[i].positive;
        }
    }
    return (ranks - positives * (positives + 1) / 2) / (positives * ((double)n - positives));
}

static double row_area(const split *rows, const float *scores) {
    scored *list = allocate(rows->n, sizeof *list);
    size_t n = 0;
    double value;

    for (size_t i = 0; i < rows->n; i++)
        if (rows->word[i] >= 0) list[n++] = (scored){scores[i], rows->word[i]};
    value = area(n, list);
    free(list);
    return value;
}

/* List the largest score of each clip of two kinds, `positive` and `negative`. Returns how many. */
static size_t clip_scores(const split *rows, const float *scores, int32_t positive,
                          int32_t negative, scored *list) {
    size_t n = 0;

    for (size_t first = 0, next; first < rows->n; first = next) {
        float most = scores[first];

        for (next = first; next < rows->n && rows->clip[next] == rows->clip[first]; next++)
            most = fmaxf(most, scores[next]);
        if (rows->kind[first] == positive || rows->kind[first] == negative)
            list[n++] = (scored){most, rows->kind[first] == positive};
    }
    return n;
}

/* The share of positives that score above 95 % of the negatives. `of` is sorted. */
static double recall_at_five_percent(size_t n, const scored *of) {
    size_t negatives = 0, found = 0, positives, allowed;

    for (size_t i = 0; i < n; i++) negatives += !of[i].positive;
    positives = n - negatives;
    allowed = negatives / 20;
    for (size_t i = n; i-- > 0;) {
        if (!of[i].positive && allowed-- == 0) break;
        found += (size_t)of[i].positive;
    }
    return (double)found / (double)positives;
}

static double explained(size_t n, const float *scores, const float *original) {
    double mean = 0, error = 0, variance = 0;

    for (size_t i = 0; i < n; i++) mean += original[i] / (double)n;
    for (size_t i = 0; i < n; i++) {
        error += (scores[i] - original[i]) * (double)(scores[i] - original[i]);
        variance += (original[i] - mean) * (original[i] - mean);
    }
    return 1 - error / variance;
}

static double explained_after_sigmoid(size_t n, const float *scores, const float *original) {
    float *after = allocate(2 * n, sizeof *after);
    double share;

    CHECK(snnk_activation_eval(SNNK_SIGMOID, n, scores, after));
    CHECK(snnk_activation_eval(SNNK_SIGMOID, n, original, after + n));
    share = explained(n, after, after + n);
    free(after);
    return share;
}

figures judge(const split *rows, const float *scores, const float *original) {
    scored *list = allocate(rows->n, sizeof *list);
    figures found;
    size_t n = clip_scores(rows, scores, WAKE, NEAR_MISS, list);

    found.near_auc = area(n, list);
    n = clip_scores(rows, scores, WAKE, OTHER, list);
    found.other_auc = area(n, list);
    found.recall = recall_at_five_percent(n, list);
    found.row_auc = row_area(rows, scores);
    found.fidelity = explained(rows->n, scores, original);
    found.scores = explained_after_sigmoid(rows->n, scores, original);
    free(list);
    return found;
}

/* ---- Time ---- */

static double now(void) {
    struct timespec time;

    timespec_get(&time, TIME_UTC);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec * 1e-3;
}

double seconds_now(void) { return now() * 1e-6; }

static int by_time(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;

    return a < b ? -1 : a > b;
}

double microseconds_a_frame(const snnk_network *network, const split *rows) {
    enum {
        TURNS = 1001,
        ROWS = 50,
        TOGETHER = 4
    }; /* 4 calls a reading: the clock takes time too */
    double *times = allocate(TURNS, sizeof *times), median;
    const size_t d = rows->inputs;
    snnk_workspace *workspace;
    float y;

    CHECK(snnk_workspace_create(1, NULL, &workspace));
    CHECK(snnk_workspace_reserve(workspace, snnk_network_scratch_bytes(network)));
    for (size_t turn = 0; turn < TURNS; turn++) {
        const double start = now();

        for (size_t k = 0; k < TOGETHER; k++)
            CHECK(snnk_network_forward(network, 1,
                                       rows->X + (turn * TOGETHER + k) % ROWS % rows->n * d, d, &y,
                                       1, workspace));
        times[turn] = (now() - start) / TOGETHER;
    }
    qsort(times, TURNS, sizeof *times, by_time);
    median = times[TURNS / 2];
    snnk_workspace_free(workspace);
    free(times);
    return median;
}
