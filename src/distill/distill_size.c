/* How many features a budget allows, or a given error needs. */
#include <math.h>

#include "base/size.h"
#include "distill/select_features.h"

int snnk_distill_features_of_share(const snnk_distill *distill, double share, size_t *features) {
    int st;

    if ((st = snnk__check_pointer(features, "features")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(distill, "distill")) != SNNK_OK) return st;
    if (!distill->hidden)
        return snnk__fail(
            SNNK_E_UNSUPPORTED,
            "a share of the teacher's parameters was asked for, but there is no teacher");
    if (!(share > 0 && isfinite(share)))
        return snnk__fail(SNNK_E_RANGE, "share = %g is not above 0", share);

    const double teacher = (double)snnk_layer_parameters(distill->hidden) +
                           (double)snnk_layer_parameters(distill->readout);
    const double per_feature = (double)(distill->d + 1 + distill->l), bias = (double)distill->l;
    const double fits = floor((share * teacher - bias) / per_feature);

    if (fits < 1)
        return snnk__fail(SNNK_E_RANGE,
                          "a share of %g of the teacher's %g parameters leaves no room for one "
                          "feature, which takes %g",
                          share, teacher, per_feature + bias);
    *features = (size_t)fmin(fits, (double)(distill->d + distill->h));
    return SNNK_OK;
}

/* Set *error to the relative error of m features on held-out rows. How many sizes will be tried is
 * unknown, so each takes a fifth of the remaining progress. */
static int error_of(const snnk_distill *distill, size_t m, double *error) {
    snnk__progress *progress = distill->progress;
    snnk__subset subset;
    int st = snnk__subset_alloc(distill, m, &subset);

    snnk__progress_begin_stage(progress,
                               0.2 * (progress->total - progress->done - progress->stage));
    if (st == SNNK_OK)
        st = snnk__distill_select(distill, m, distill->config.linear, &subset, error);
    if (st == SNNK_OK) *error = sqrt(*error);
    snnk__subset_free(distill, &subset);
    return st;
}

/* Double m until it is enough or exceeds the number of independent features; then bisect. */
static int search_size(const snnk_distill *distill, double relative_error, size_t *features) {
    size_t too_few = 0, enough = 0; /* the largest and the smallest such size so far; 0 if there is
                                     * none */
    size_t too_many = distill->h + 1, m = 1;
    double error, error_of_too_few = NAN;
    snnk__sentence before;
    int st;

    snnk__sentence_save(&before);
    for (;;) {
        st = error_of(distill, m, &error);
        if (st == SNNK_E_RANGE)
            too_many = m;
        else if (st != SNNK_OK)
            return st;
        else if (error <= relative_error)
            enough = m;
        else
            too_few = m, error_of_too_few = error;

        const size_t end = enough > 0 ? enough : too_many;

        if (end - too_few <= 1 + enough / 32) break; /* to a few per cent */
        m = end <= distill->h ? too_few + (end - too_few) / 2 : snnk__min_size(2 * m, distill->h);
    }
    if (enough == 0 && too_few == 0) return SNNK_E_RANGE; /* the sentence is that of error_of */
    if (enough == 0)
        return snnk__fail(SNNK_E_RANGE,
                          "%zu features have a relative error of %.3g, above the %g asked for",
                          too_few, error_of_too_few, relative_error);
    *features = enough;
    return snnk__recovered(SNNK_OK, &before);
}

int snnk_distill_features_of_error(const snnk_distill *distill, double relative_error,
                                   size_t *features) {
    snnk__distill_progress_state progress;
    int st;

    if ((st = snnk__check_pointer(features, "features")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(distill, "distill")) != SNNK_OK) return st;
    if (!(relative_error > 0 && relative_error < 1))
        return snnk__fail(SNNK_E_RANGE, "relative_error = %g must be above 0 and below 1",
                          relative_error);

    snnk_distill of_call = *distill;

    snnk__distill_progress_begin(&distill->config, 1, &progress);
    of_call.progress = &progress.progress;
    return search_size(&of_call, relative_error, features);
}
