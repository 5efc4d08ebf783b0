/* Each step enlarges the part where that reduces the error most for each parameter. All larger
 * sizes of a part are considered, not only the next, so that a useless size does not hide a useful
 * one behind it. */
#include "distill/budget.h"

#include "base/size.h"
#include "distill/select_features.h"

/* ---- Size curves ---- */

/* The size after m in 1, 2, 3, 4, 6, 8, 12, ..., limit; 0 after the last. */
static size_t next_size(size_t m, size_t limit) {
    if (m >= limit) return 0;
    if (m < 4) return m + 1;
    return snnk__min_size(limit, (m & (m - 1)) == 0 ? m + m / 2 : m + m / 3);
}

/* Set *error to the error of m features on the sample of held-out rows. */
static int error_of(const snnk__network_part *part, const snnk_distill *distill, size_t m,
                    snnk__progress *progress, double *error) {
    snnk_distill of_call = *distill;
    const snnk_distill_config config = snnk__part_config(part, &distill->config);
    snnk__subset subset;
    int st = snnk__subset_alloc(distill, m, &subset);

    of_call.progress = progress;
    if (st == SNNK_OK) st = snnk__distill_select(&of_call, m, config.linear, &subset, error);
    snnk__subset_free(distill, &subset);
    return st;
}

int snnk__size_curve_create(const snnk__network_part *part, const snnk_distill *distill,
                            const snnk_allocator *allocator, snnk__progress *progress, double cost,
                            snnk__size_curve *curve) {
    size_t count = 1; /* the part itself */
    double all = 0;   /* features of all sizes */
    snnk__sentence before;
    int st;

    snnk__sentence_save(&before);
    *curve = (snnk__size_curve){0};
    for (size_t m = 0; (m = next_size(m, part->max_features)) > 0; all += (double)m) count++;
    st = snnk__alloc(allocator, count, sizeof *curve->options, "sizes", &curve->options);
    if (st != SNNK_OK) return st;
    for (size_t m = 0; (m = next_size(m, part->max_features)) > 0;) {
        double error;

        snnk__progress_begin_stage(progress, cost * (double)m / all);
        st = error_of(part, distill, m, progress, &error);
        if (st == SNNK_E_RANGE) break; /* there are no more independent features */
        if (st != SNNK_OK) goto done;
        curve->options[curve->n++] = (snnk__size_option){
            m, (double)m * (double)part->feature_parameters + (double)part->l, error};
    }
    st = SNNK_OK;
    curve->options[curve->n++] = (snnk__size_option){0, (double)part->parameters, 0};
done:
    if (st != SNNK_OK) {
        snnk__free(allocator, curve->options);
        *curve = (snnk__size_curve){0};
    }
    return snnk__recovered(st, &before);
}

/* ---- The greedy search ---- */

/* How much a step to option j reduces the error for each parameter. */
static double slope(const snnk__size_curve *curve, size_t j) {
    const snnk__size_option *from = &curve->options[curve->chosen], *to = &curve->options[j];

    return (from->error - to->error) / (to->parameters - from->parameters);
}

/* The parameters that a step to option j takes. */
static double price(const snnk__size_curve *curve, size_t j) {
    return curve->options[j].parameters - curve->options[curve->chosen].parameters;
}

/* Take the best step that *left parameters allow; false if no step helps. */
static bool take_best(size_t n, snnk__size_curve *curves, double *left) {
    size_t part = n, option = 0;
    double best = 0;

    for (size_t k = 0; k < n; k++)
        for (size_t j = curves[k].chosen + 1; j < curves[k].n; j++)
            if (price(&curves[k], j) <= *left && slope(&curves[k], j) > best) {
                best = slope(&curves[k], j);
                part = k;
                option = j;
            }
    if (part == n) return false;
    *left -= price(&curves[part], option);
    curves[part].chosen = option;
    return true;
}

/* Spend what is left, which is less than any step needs, on the part whose next step would be the
 * best: it gets a number of features between two options. */
static void take_rest(size_t n, snnk__network_part *parts, const snnk__size_curve *curves,
                      double left) {
    size_t part = n;
    double best = 0;

    for (size_t k = 0; k < n; k++) {
        const snnk__size_curve *curve = &curves[k];

        if (curve->chosen + 2 >= curve->n || slope(curve, curve->chosen + 1) <= best) continue;
        if (left < (double)parts[k].feature_parameters) continue;
        if (price(curve, curve->chosen + 1) <= left) continue;
        best = slope(curve, curve->chosen + 1);
        part = k;
    }
    if (part < n) parts[part].features += (size_t)(left / (double)parts[part].feature_parameters);
}

int snnk__spend_budget(size_t n, snnk__network_part *parts, snnk__size_curve *curves, double budget,
                       double *smallest) {
    double left = budget;

    *smallest = 0;
    for (size_t k = 0; k < n; k++) {
        curves[k].chosen = 0;
        *smallest += curves[k].options[0].parameters;
    }
    left -= *smallest;
    if (left < 0) return SNNK_E_RANGE;
    while (take_best(n, curves, &left)) {
    }
    for (size_t k = 0; k < n; k++) {
        parts[k].features = curves[k].options[curves[k].chosen].features;
        if (parts[k].features == 0 && parts[k].max_features > 0)
            parts[k].outcome = curves[k].n == 1 ? SNNK_COMPRESS_LARGER : SNNK_COMPRESS_WHOLE;
    }
    take_rest(n, parts, curves, left);
    return SNNK_OK;
}
