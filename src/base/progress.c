#include "base/progress.h"

#include <math.h>

#include "base/status.h"

static int report_to_parent(void *parent, double share) {
    return snnk__progress_update(parent, share) != SNNK_OK;
}

snnk__progress snnk__progress_within(snnk__progress *parent, double total) {
    if (!parent || !parent->report) return (snnk__progress){.total = total};
    return (snnk__progress){.report = report_to_parent, .user = parent, .total = total};
}

void snnk__progress_begin_stage(snnk__progress *progress, double cost) {
    if (!progress) return;
    progress->done += progress->stage;
    progress->stage = cost;
}

/* Costs are estimates: the share stays at 1 if stages cost more than expected. */
int snnk__progress_update(snnk__progress *progress, double part) {
    if (!progress || !progress->report) return SNNK_OK;

    if (progress->total > 0) {
        const double share = (progress->done + part * progress->stage) / progress->total;

        progress->reported = fmax(progress->reported, fmin(share, 1));
    }
    if (progress->report(progress->user, progress->reported) == 0) return SNNK_OK;
    return snnk__fail(SNNK_E_CANCELLED, "the progress function asked to stop");
}

int snnk__progress_count(snnk__progress *progress, double count, double of) {
    return snnk__progress_update(progress, count / of);
}

int snnk__progress_finish(snnk__progress *progress) {
    if (!progress) return SNNK_OK;
    progress->reported = 1;
    return snnk__progress_update(progress, 1);
}
