#include "distill/distill.h"

#include <math.h>

#include "fit/fit.h"

static const snnk_distill_config defaults = {.size = sizeof(snnk_distill_config),
                                             .ridge = SNNK_RIDGE_AUTO,
                                             .heldout_share = 0.1,
                                             .heldout_block_rows = 1,
                                             .selection_rows = 65536,
                                             .tier = SNNK_DISTILL_SELECTED,
                                             .linear = SNNK_DISTILL_LINEAR_AUTO,
                                             .epochs = 16,
                                             .batch = 256,
                                             .learning_rate = 0.04};

#define STEPS 1000 /* how many steps progress is reported in */

/* ---- Settings ---- */

static const char *const tier_names[] = {[SNNK_DISTILL_RANDOM] = "random",
                                         [SNNK_DISTILL_SELECTED] = "selected",
                                         [SNNK_DISTILL_REFINED] = "refined"};

const char *snnk_distill_tier_name(int32_t tier) {
    return tier >= 0 && tier <= SNNK_DISTILL_REFINED ? tier_names[tier] : NULL;
}

static const char *const method_names[] = {
    [SNNK_DISTILL_METHOD_STUDENT] = "student", [SNNK_DISTILL_METHOD_LINEAR] = "linear",
    [SNNK_DISTILL_METHOD_NEURONS] = "neurons", [SNNK_DISTILL_METHOD_SVD] = "singular_values",
    [SNNK_DISTILL_METHOD_RANDOM] = "random",   [SNNK_DISTILL_METHOD_INT8] = "int8",
    [SNNK_DISTILL_METHOD_INT4] = "int4"};

const char *snnk_distill_method_name(int32_t method) {
    return method >= 0 && method <= SNNK_DISTILL_METHOD_INT4 ? method_names[method] : NULL;
}

int snnk_distill_config_init(snnk_distill_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &defaults, sizeof defaults,
                             SNNK__DISTILL_CONFIG_MINIMUM, "distill config");
}

static int check_config(const snnk_distill_config *c) {
    int st;

    if ((st = snnk__check_fit_ridge(c->ridge)) != SNNK_OK) return st;
    if ((st = snnk__check_heldout_share(c->heldout_share)) != SNNK_OK) return st;
    if (c->heldout_block_rows == 0)
        return snnk__fail(SNNK_E_RANGE, "heldout_block_rows = 0: at least 1 is needed");
    if (c->selection_rows < 2)
        return snnk__fail(SNNK_E_RANGE, "selection_rows = %llu: at least 2 are needed",
                          (unsigned long long)c->selection_rows);
    if ((st = snnk__check_enum(c->tier, SNNK_DISTILL_REFINED + 1, "tier")) != SNNK_OK) return st;
    if (c->linear < SNNK_DISTILL_LINEAR_AUTO)
        return snnk__fail(SNNK_E_RANGE, "linear = %d is neither >= 0 nor SNNK_DISTILL_LINEAR_AUTO",
                          (int)c->linear);
    if ((st = snnk__check_within(c->epochs, 1, 100000, "epochs")) != SNNK_OK) return st;
    if ((st = snnk__check_within(c->batch, 1, 1000000, "batch")) != SNNK_OK) return st;
    if (!(c->learning_rate > 0 && c->learning_rate <= 1))
        return snnk__fail(SNNK_E_RANGE, "learning_rate = %g must be above 0 and at most 1",
                          c->learning_rate);
    return SNNK_OK;
}

int snnk__distill_config_read(const snnk_distill_config *config, snnk_distill_config *ours) {
    int st;

    *ours = defaults;
    st = snnk__config_read(ours, sizeof *ours, SNNK__DISTILL_CONFIG_MINIMUM, config,
                           "distill config");
    return st == SNNK_OK ? check_config(ours) : st;
}

/* ---- Progress ---- */

static int report_progress(void *user, double share) {
    const snnk__distill_progress_state *p = user;

    return p->call(p->user, (int32_t)(share * STEPS), STEPS, p->explained);
}

void snnk__distill_progress_begin(const snnk_distill_config *config, double total,
                                  snnk__distill_progress_state *progress) {
    *progress = (snnk__distill_progress_state){
        .call = config->progress, .user = config->user, .explained = NAN, .progress.total = total};
    if (config->progress) progress->progress.report = report_progress;
    progress->progress.user = progress;
}

/* ---- The object ---- */

void snnk_distill_free(snnk_distill *distill) {
    if (!distill) return;

    const snnk_allocator allocator = distill->allocator;

    snnk_layer_free((snnk_layer *)distill->hidden);
    snnk_layer_free((snnk_layer *)distill->readout);
    snnk_map_free((snnk_map *)distill->all_features);
    snnk__free(&allocator, distill->G);
    snnk__free(&allocator, distill->offsets);
    snnk__free(&allocator, distill->own_X);
    snnk__free(&allocator, distill->own_Y);
    snnk_lstsq_free(distill->train);
    snnk_lstsq_free(distill->heldout);
    snnk__free(&allocator, distill);
}

size_t snnk_distill_inputs(const snnk_distill *distill) { return distill ? distill->d : 0; }
size_t snnk_distill_outputs(const snnk_distill *distill) { return distill ? distill->l : 0; }
size_t snnk_distill_candidates(const snnk_distill *distill) { return distill ? distill->h : 0; }
size_t snnk_distill_rows(const snnk_distill *distill) { return distill ? distill->n : 0; }
