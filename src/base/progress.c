#include "base/progress.h"

#include <math.h>

#include "base/status.h"

void snnk__progress_begin_stage(snnk__progress *progress, double cost) {
    if (!progress) return;
    progress->done += progress->stage;
    progress->stage = cost;
}

/* Costs are estimates: the share stays at 1 if stages cost more than expected. */
int snnk__progress_update(snnk__progress *progress, double part) {
    if (!progress || !progress->report) return SNNK_OK;

    const double share = (progress->done + part * progress->stage) / progress->total;

    if (progress->total > 0) progress->reported = fmax(progress->reported, fmin(share, 1));
    if (progress->report(progress->user, progress->reported) == 0) return SNNK_OK;
    return snnk__fail(SNNK_E_CANCELLED, "the progress function asked to stop");
}

int snnk__progress_count(snnk__progress *progress, double count, double of) {
    return snnk__progress_update(progress, count / of);
}
