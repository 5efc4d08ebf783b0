/* A budget for several parts. Each has a ladder of sizes with the errors they leave; steps up are taken
 * where they bring down most for each parameter: of all rungs above, not of the next alone, so that a
 * useless step does not hide a useful one behind it. */
#include <math.h>

#include "base/size.h"
#include "distill/compress.h"
#include "distill/distill.h"

bool snnk__part_is_linear(const snnk__part *part) {
    return !part->readout && snnk_layer_activation(part->hidden) == SNNK_IDENTITY;
}

snnk_distill_config snnk__part_config(const snnk__part *part, const snnk_distill_config *config) {
    snnk_distill_config made = *config;

    if (snnk__part_is_linear(part)) {
        made.tier = SNNK_DISTILL_SELECTED;
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
                    snnk__progress *progress, double *error) {
    snnk_distill monitored = *distill;
    const snnk_distill_config config = snnk__part_config(part, &distill->config);
    snnk__subset subset;
    int st = snnk__subset_alloc(distill, m, &subset);

    monitored.progress = progress;
    if (st == SNNK_OK) st = snnk__distill_choose(&monitored, m, config.linear, &subset, error);
    snnk__subset_free(distill, &subset);
    return st;
}

int snnk__size_curve_create(const snnk__part *part, const snnk_distill *distill,
                            const snnk_allocator *allocator, snnk__progress *progress, double cost,
                            snnk__size_curve *curve) {
    size_t count = 1;
    double all = 0;
    int st;

    *curve = (snnk__size_curve){0};
    for (size_t m = 0; (m = next_size(m, part->most)) > 0; all += (double)m) count++;
    st = snnk__alloc(allocator, count, sizeof *curve->options, "sizes", &curve->options);
    if (st != SNNK_OK) return st;
    for (size_t m = 0; (m = next_size(m, part->most)) > 0;) {
        double error;

        snnk__progress_begin_stage(progress, cost * (double)m / all);
        st = error_of(part, distill, m, progress, &error);
        if (st == SNNK_E_RANGE) break; /* not so many that differ */
        if (st != SNNK_OK) goto done;
        curve->options[curve->n++] =
            (snnk__size_option){m, (double)m * (double)part->each + (double)part->l, error};
    }
    st = SNNK_OK;
    curve->options[curve->n++] = (snnk__size_option){0, (double)part->parameters, 0};
done:
    if (st != SNNK_OK) {
        snnk__free(allocator, curve->options);
        *curve = (snnk__size_curve){0};
    }
    return st;
}

/* ---- Greedy ---- */

/* What a step to rung j brings down for each parameter. */
static double slope(const snnk__size_curve *curve, size_t j) {
    const snnk__size_option *from = &curve->options[curve->at], *to = &curve->options[j];

    return (from->error - to->error) / (to->parameters - from->parameters);
}

static double price(const snnk__size_curve *curve, size_t j) {
    return curve->options[j].parameters - curve->options[curve->at].parameters;
}

/* The best step that there is room for; false if none helps. */
static bool take_best(size_t n, snnk__size_curve *curves, double *left) {
    size_t part = n, option = 0;
    double best = 0;

    for (size_t k = 0; k < n; k++)
        for (size_t j = curves[k].at + 1; j < curves[k].n; j++)
            if (price(&curves[k], j) <= *left && slope(&curves[k], j) > best) {
                best = slope(&curves[k], j);
                part = k;
                option = j;
            }
    if (part == n) return false;
    *left -= price(&curves[part], option);
    curves[part].at = option;
    return true;
}

/* What is left, which is less than any step, to the part whose next step would be the best: features
 * between two rungs. */
static void take_rest(size_t n, snnk__part *parts, const snnk__size_curve *curves, double left) {
    size_t part = n;
    double best = 0;

    for (size_t k = 0; k < n; k++) {
        const snnk__size_curve *curve = &curves[k];

        if (curve->at + 2 >= curve->n || slope(curve, curve->at + 1) <= best) continue;
        if (left < (double)parts[k].each) continue;
        if (price(curve, curve->at + 1) <= left) continue;
        best = slope(curve, curve->at + 1);
        part = k;
    }
    if (part < n) parts[part].features += (size_t)(left / (double)parts[part].each);
}

int snnk__spend_budget(size_t n, snnk__part *parts, snnk__size_curve *curves, double budget,
                       double *least) {
    double left = budget;

    *least = 0;
    for (size_t k = 0; k < n; k++) {
        curves[k].at = 0;
        *least += curves[k].options[0].parameters;
    }
    left -= *least;
    if (left < 0) return SNNK_E_RANGE;
    while (take_best(n, curves, &left)) {
    }
    for (size_t k = 0; k < n; k++) {
        parts[k].features = curves[k].options[curves[k].at].features;
        if (parts[k].features == 0 && parts[k].most > 0)
            parts[k].outcome = curves[k].n == 1 ? SNNK_COMPRESS_LARGER : SNNK_COMPRESS_WHOLE;
    }
    take_rest(n, parts, curves, left);
    return SNNK_OK;
}
