#include "base/watch.h"

#include <math.h>

#include "base/status.h"

void snnk__watch_begin(snnk__watch *watch, double cost) {
    if (!watch) return;
    watch->done += watch->stage;
    watch->stage = cost;
}

/* Costs are estimates: stages that cost more than was thought end at the whole. */
int snnk__watch_tell(snnk__watch *watch, double part) {
    if (!watch || !watch->tell) return SNNK_OK;

    const double share = (watch->done + part * watch->stage) / watch->total;

    if (watch->total > 0) watch->told = fmax(watch->told, fmin(share, 1));
    if (watch->tell(watch->user, watch->told) == 0) return SNNK_OK;
    return snnk__fail(SNNK_E_CANCELLED, "the progress function asked to stop");
}

int snnk__watch_count(snnk__watch *watch, double count, double of) {
    return snnk__watch_tell(watch, count / of);
}
