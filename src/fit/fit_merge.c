/* Merging fits: statistics are summed, and the rows that the other fit keeps go the same way as
 * rows that are added. */
#include "base/size.h"
#include "fit/fit.h"
#include "map/same_map.h"

/* ---- Checks ---- */

static int differ(const char *name, double here, double there) {
    return snnk__fail(SNNK_E_UNSUPPORTED, "%s is %g in the config of fit, and %g in that of other",
                      name, here, there);
}

/* Check that the configs are the same, except where the search begins, and who centers. */
static int check_config(const snnk_fit_config *a, const snnk_fit_config *b) {
    const struct {
        const char *name;
        double here, there;
    } fields[] = {{"ridge", a->ridge, b->ridge},
                  {"heldout_share", a->heldout_share, b->heldout_share},
                  {"rank_tolerance", a->rank_tolerance, b->rank_tolerance},
                  {"intercept", a->intercept, b->intercept},
                  {"n_ridges", a->n_ridges, b->n_ridges},
                  {"precision", a->precision, b->precision},
                  {"factorization", a->factorization, b->factorization}};

    for (size_t k = 0; k < sizeof fields / sizeof *fields; k++)
        if (fields[k].here != fields[k].there)
            return differ(fields[k].name, fields[k].here, fields[k].there);
    if (a->seed == b->seed) return SNNK_OK;
    return snnk__fail(SNNK_E_UNSUPPORTED,
                      "seed is %llu in the config of fit, and %llu in that of other",
                      (unsigned long long)a->seed, (unsigned long long)b->seed);
}

/* Check that the features are the same. */
static int check_features(const snnk_fit *fit, const snnk_fit *other) {
    bool same = false;
    int st;

    if (snnk_fit_features(fit) != snnk_fit_features(other) ||
        snnk_fit_inputs(fit) != snnk_fit_inputs(other) || fit->outputs != other->outputs)
        return snnk__fail(
            SNNK_E_SHAPE,
            "other has %zu inputs, %zu features and %zu outputs, but fit has %zu, %zu and %zu",
            snnk_fit_inputs(other), snnk_fit_features(other), other->outputs, snnk_fit_inputs(fit),
            snnk_fit_features(fit), fit->outputs);
    if (fit->features.lower || other->features.lower)
        return snnk__fail(SNNK_E_UNSUPPORTED, "fits of a network cannot be merged, only of a map");
    st = snnk__same_map(fit->features.map, other->features.map, &same);
    if (st != SNNK_OK || same) return st;
    return snnk__fail(
        SNNK_E_UNSUPPORTED,
        "the fits have different maps: if their first rows centered them, create both with the map "
        "of snnk_fit_center_map and config.center = 0");
}

static int check(const snnk_fit *fit, const snnk_fit *other) {
    int st;

    if ((st = snnk__check_pointer(fit, "fit")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(other, "other")) != SNNK_OK) return st;
    if (fit == other) return snnk__fail(SNNK_E_OVERLAP, "other is fit itself");
    if ((st = check_features(fit, other)) != SNNK_OK) return st;
    if ((st = check_config(&fit->config, &other->config)) != SNNK_OK) return st;
    if (fit->kind != other->kind && fit->rows > 0 && other->rows > 0)
        return snnk__fail(SNNK_E_STATE, "one of the fits was given labels, and the other targets");
    if (other->rows > UINT64_MAX - fit->rows)
        return snnk__fail(SNNK_E_SIZE, "%llu + %llu rows overflow the 64-bit row count",
                          (unsigned long long)fit->rows, (unsigned long long)other->rows);
    return SNNK_OK;
}

/* ---- Merging ---- */

/* Keep only rows that the other fit would keep too. */
static int lower_threshold(snnk_fit *fit, const snnk__heldout *other, snnk_workspace *workspace) {
    snnk__feature_rows released;

    fit->heldout.grouped |= other->grouped;
    if (other->singly) snnk__heldout_draw_singly(&fit->heldout);
    if (other->threshold >= fit->heldout.threshold) return SNNK_OK;
    snnk__heldout_restrict(&fit->heldout, other->threshold, &released);
    return snnk__fit_release(fit, &released, workspace);
}

/* Add the rows that the other fit keeps. */
static int add_kept(snnk_fit *fit, const snnk__heldout *other, snnk_workspace *workspace) {
    int st = lower_threshold(fit, other, workspace);

    for (size_t first = 0; st == SNNK_OK && first < other->rows.n; first += SNNK__FIT_BLOCK_ROWS) {
        snnk__feature_rows_copy(&other->rows, first,
                                snnk__min_size(SNNK__FIT_BLOCK_ROWS, other->rows.n - first),
                                &fit->block);
        if (fit->heldout.singly && !other->singly)
            snnk__heldout_number(&fit->heldout, other->threshold, fit->rows, &fit->block);
        st = snnk__fit_add_block(fit, other->threshold, workspace);
    }
    return st;
}

int snnk_fit_merge(snnk_fit *fit, const snnk_fit *other, snnk_workspace *workspace) {
    snnk__lost_inputs lost;
    int st;

    if ((st = check(fit, other)) != SNNK_OK || other->rows == 0) return st;
    st = snnk__lost_inputs_prepare(fit->features.map, &fit->lost, &other->lost, &lost);
    if (st != SNNK_OK) return st;
    if ((st = snnk_lstsq_merge(fit->lstsq, other->lstsq)) != SNNK_OK) {
        if (!fit->lost.first) snnk__lost_inputs_free(&fit->allocator, &lost);
        return st;
    }
    /* From here on nothing is allocated, and nothing fails. */
    snnk__lost_inputs_merge(fit->features.map, &other->lost, &lost);
    fit->lost = lost;
    fit->rows += snnk_lstsq_rows(other->lstsq);
    fit->kind = other->kind;
    fit->weighted |= other->weighted;
    snnk__fit_solution_clear(&fit->allocator, &fit->solution);
    return snnk__fit_chooses_ridge(fit) ? add_kept(fit, &other->heldout, workspace) : SNNK_OK;
}
