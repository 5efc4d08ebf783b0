/* A budget for several parts. Each has a ladder of sizes with the errors they leave; steps up are taken
 * where they bring down most for each parameter: of all rungs above, not of the next alone, so that a
 * useless step does not hide a useful one behind it. */
#include <math.h>

#include "base/size.h"
#include "distill/compress.h"
#include "distill/distill.h"

bool snnk__part_is_linear(const snnk__part *part) {
    return !part->readout && part->hidden->activation == SNNK_IDENTITY;
}

snnk_distill_config snnk__part_config(const snnk__part *part, const snnk_distill_config *config) {
    snnk_distill_config made = *config;

    if (snnk__part_is_linear(part)) {
        made.tier = SNNK_DISTILL_CLOSED;
        made.linear = INT32_MAX; /* all of them */
    }
    return made;
}

/* ---- Ladders ---- */

/* 1, 2, 3, 4, 6, 8, 12 ... and the last. */
static size_t next_size(size_t m, size_t most) {
    if (m >= most) return 0;
    if (m < 4) return m + 1;
    return snnk__min_size(most, (m & (m - 1)) == 0 ? m + m / 2 : m + m / 3);
}

/* What m features leave, by the sample that features are chosen on. */
static int error_of(const snnk__part *part, const snnk_distill *distill, size_t m,
                    snnk__watch *watch, double *error) {
    snnk_distill watched = *distill;
    const snnk_distill_config config = snnk__part_config(part, &distill->config);
    snnk__subset subset;
    int st = snnk__subset_alloc(distill, m, &subset);

    watched.watch = watch;
    if (st == SNNK_OK) st = snnk__distill_choose(&watched, m, config.linear, &subset, error);
    snnk__subset_free(distill, &subset);
    return st;
}

int snnk__ladder_create(const snnk__part *part, const snnk_distill *distill,
                        const snnk_allocator *allocator, snnk__watch *watch, double cost,
                        snnk__ladder *ladder) {
    size_t count = 1;
    double all = 0;
    int st;

    *ladder = (snnk__ladder){0};
    for (size_t m = 0; (m = next_size(m, part->most)) > 0; all += (double)m) count++;
    st = snnk__alloc(allocator, count, sizeof *ladder->rungs, "sizes", &ladder->rungs);
    if (st != SNNK_OK) return st;
    for (size_t m = 0; (m = next_size(m, part->most)) > 0;) {
        double error;

        snnk__watch_begin(watch, cost * (double)m / all);
        st = error_of(part, distill, m, watch, &error);
        if (st == SNNK_E_RANGE) break; /* not so many that differ */
        if (st != SNNK_OK) goto done;
        ladder->rungs[ladder->n++] =
            (snnk__rung){m, (double)m * (double)part->each + (double)part->l, error};
    }
    st = SNNK_OK;
    ladder->rungs[ladder->n++] = (snnk__rung){0, (double)part->parameters, 0};
done:
    if (st != SNNK_OK) {
        snnk__free(allocator, ladder->rungs);
        *ladder = (snnk__ladder){0};
    }
    return st;
}

/* ---- Greedy ---- */

/* What a step to rung j brings down for each parameter. */
static double slope(const snnk__ladder *ladder, size_t j) {
    const snnk__rung *from = &ladder->rungs[ladder->at], *to = &ladder->rungs[j];

    return (from->error - to->error) / (to->parameters - from->parameters);
}

static double price(const snnk__ladder *ladder, size_t j) {
    return ladder->rungs[j].parameters - ladder->rungs[ladder->at].parameters;
}

/* The best step that there is room for; false if none helps. */
static bool take_best(size_t n, snnk__ladder *ladders, double *left) {
    size_t part = n, rung = 0;
    double best = 0;

    for (size_t k = 0; k < n; k++)
        for (size_t j = ladders[k].at + 1; j < ladders[k].n; j++)
            if (price(&ladders[k], j) <= *left && slope(&ladders[k], j) > best) {
                best = slope(&ladders[k], j);
                part = k;
                rung = j;
            }
    if (part == n) return false;
    *left -= price(&ladders[part], rung);
    ladders[part].at = rung;
    return true;
}

/* What is left, which is less than any step, to the part whose next step would be the best: features
 * between two rungs. */
static void take_rest(size_t n, snnk__part *parts, const snnk__ladder *ladders, double left) {
    size_t part = n;
    double best = 0;

    for (size_t k = 0; k < n; k++) {
        const snnk__ladder *ladder = &ladders[k];

        if (ladder->at + 2 >= ladder->n || slope(ladder, ladder->at + 1) <= best) continue;
        if (left < (double)parts[k].each) continue;
        if (price(ladder, ladder->at + 1) <= left) continue;
        best = slope(ladder, ladder->at + 1);
        part = k;
    }
    if (part < n) parts[part].features += (size_t)(left / (double)parts[part].each);
}

int snnk__allot(size_t n, snnk__part *parts, snnk__ladder *ladders, double budget, double *least) {
    double left = budget;

    *least = 0;
    for (size_t k = 0; k < n; k++) {
        ladders[k].at = 0;
        *least += ladders[k].rungs[0].parameters;
    }
    left -= *least;
    if (left < 0) return SNNK_E_RANGE;
    while (take_best(n, ladders, &left)) {
    }
    for (size_t k = 0; k < n; k++) {
        parts[k].features = ladders[k].rungs[ladders[k].at].features;
        if (parts[k].features == 0 && parts[k].most > 0)
            parts[k].outcome = ladders[k].n == 1 ? SNNK_COMPRESS_LARGER : SNNK_COMPRESS_WHOLE;
    }
    take_rest(n, parts, ladders, left);
    return SNNK_OK;
}
