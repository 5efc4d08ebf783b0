#include <math.h>

#include "base/status.h"
#include "train/trainer.h"

static const snnk_train_config defaults = {.size = sizeof(snnk_train_config),
                                           .loss = -1,
                                           .relative = 1,
                                           .momentum = 0.9,
                                           .square_momentum = 0.999,
                                           .epsilon = 1e-8,
                                           .huber = 1,
                                           .heldout_share = 0.1,
                                           .epochs = 20};

#define CONFIG_MINIMUM sizeof(snnk_train_config)

int snnk_train_config_init(snnk_train_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &defaults, sizeof defaults, CONFIG_MINIMUM,
                             "train config");
}

static const char *name_of(int32_t value, size_t n, const char *const *names) {
    return value >= 0 && (size_t)value < n ? names[value] : NULL;
}

const char *snnk_optimizer_name(int32_t optimizer) {
    static const char *const names[] = {"adam", "adamw", "sgd", "lbfgs"};

    return name_of(optimizer, 4, names);
}

const char *snnk_schedule_name(int32_t schedule) {
    static const char *const names[] = {"cosine", "constant"};

    return name_of(schedule, 2, names);
}

const char *snnk_train_solve_name(int32_t solve) {
    static const char *const names[] = {"never", "end", "epoch"};

    return name_of(solve, 3, names);
}

/* A field, and the interval in which it must be. */
typedef struct interval {
    const char *name;
    double value, least, most;
} interval;

static int check_intervals(const snnk_train_config *c) {
    const interval all[] = {
        {"rate", c->rate, 1e-30, 1e30},
        {"snnk_rate", c->snnk_rate, 1e-30, 1e30},
        {"rows_rate", c->rows_rate, 0, 1e30},
        {"last_rate", c->last_rate, 0, 1},
        {"warmup", c->warmup, 0, 0.9},
        {"momentum", c->momentum, 0, 1 - 1e-6},
        {"square_momentum", c->square_momentum, 0, 1 - 1e-9},
        {"epsilon", c->epsilon, 1e-30, 1e30},
        {"weight_decay", c->weight_decay, 0, 1e30},
        {"clip", c->clip, 0, 1e30},
        {"huber", c->huber, 1e-30, 1e30},
        {"heldout_share", c->heldout_share, 0, 0.5},
    };

    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        const int st = snnk__check_within(all[k].value, all[k].least, all[k].most, all[k].name);

        if (st != SNNK_OK) return st;
    }
    return SNNK_OK;
}

static int check_choices(const snnk_train_config *c) {
    int st;

    if (c->loss != -1 && !snnk_loss_name(c->loss))
        return snnk__fail(SNNK_E_ENUM, "loss = %d is not an snnk_loss, and not -1", (int)c->loss);
    if ((st = snnk__check_enum(c->optimizer, 4, "optimizer")) != SNNK_OK) return st;
    if ((st = snnk__check_enum(c->schedule, 2, "schedule")) != SNNK_OK) return st;
    if ((st = snnk__check_enum(c->solve, 3, "solve")) != SNNK_OK) return st;
    if ((st = snnk__check_enum(c->relative, 2, "relative")) != SNNK_OK) return st;
    if (c->products != SNNK_STORAGE_F32 && c->products != SNNK_STORAGE_BF16)
        return snnk__fail(SNNK_E_ENUM,
                          "products = %d is neither SNNK_STORAGE_F32 nor "
                          "SNNK_STORAGE_BF16",
                          (int)c->products);
    if (c->products != SNNK_STORAGE_F32 && c->optimizer == SNNK_OPTIMIZER_LBFGS)
        return snnk__fail(SNNK_E_UNSUPPORTED,
                          "products in bf16: lbfgs compares losses more closely than they are "
                          "computed; the other optimizers do not");
    if (c->epochs < 1 || c->epochs > 1000000000)
        return snnk__fail(SNNK_E_RANGE, "epochs = %llu is not in 1 ... 1000000000",
                          (unsigned long long)c->epochs);
    if (c->redraw > 0 && c->rows_rate > 0)
        return snnk__fail(SNNK_E_UNSUPPORTED,
                          "redraw = %llu draws rows again, and rows_rate = %g lets them learn: set "
                          "one of them to 0",
                          (unsigned long long)c->redraw, c->rows_rate);
    if (c->redraw > 0 && c->optimizer == SNNK_OPTIMIZER_LBFGS)
        return snnk__fail(SNNK_E_UNSUPPORTED,
                          "redraw = %llu: lbfgs cannot go on after rows were drawn again, but the "
                          "other optimizers can",
                          (unsigned long long)c->redraw);
    if (c->loss == SNNK_LOSS_USER && !c->loss_function)
        return snnk__fail(SNNK_E_NULL, "loss_function is NULL, but the loss is your own");
    if (c->solve != SNNK_TRAIN_SOLVE_NEVER && c->loss != -1 && c->loss != SNNK_LOSS_SQUARED)
        return snnk__fail(SNNK_E_UNSUPPORTED,
                          "the last layer is solved for the squared error only, not for %s",
                          snnk_loss_name(c->loss));
    return SNNK_OK;
}

int snnk__train_config_read(const snnk_train_config *config, snnk_train_config *ours) {
    int st;

    *ours = defaults;
    st = snnk__config_read(ours, sizeof *ours, CONFIG_MINIMUM, config, "train config");
    if (st != SNNK_OK) return st;
    if (ours->optimizer == SNNK_OPTIMIZER_SGD) ours->relative = 0;
    if (ours->rate == 0)
        ours->rate = ours->optimizer == SNNK_OPTIMIZER_SGD ? 1e-2
                     : ours->relative == 1                 ? 0.02
                                                           : 1e-3;
    if (ours->snnk_rate == 0) ours->snnk_rate = ours->relative == 1 ? 1 : 3;
    if ((st = check_intervals(ours)) != SNNK_OK) return st;
    if ((st = check_choices(ours)) != SNNK_OK) return st;
    if (ours->patience == 0 && ours->schedule == SNNK_SCHEDULE_CONSTANT) ours->patience = 5;
    return SNNK_OK;
}
