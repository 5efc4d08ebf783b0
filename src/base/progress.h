/* Progress reports and cancellation for long work. The work consists of stages, each with an
 * estimated cost. All functions accept a NULL progress and then do nothing. */
#ifndef SNNK_BASE_PROGRESS_H
#define SNNK_BASE_PROGRESS_H

typedef struct snnk__progress {
    int (*report)(void *user, double share); /* nonzero: cancel */
    void *user;
    double total, done, stage; /* costs in any unit: of all stages, of the finished ones, of the
                                * current one */
    double reported;           /* the share reported last; it never decreases */
} snnk__progress;

/* Make the progress of work that is the current stage of `parent`, whose own stages cost `total`
 * together. parent: NULL, or outlives the result. */
snnk__progress snnk__progress_within(snnk__progress *parent, double total);

/* Begin the next stage. */
void snnk__progress_begin_stage(snnk__progress *progress, double cost);

/* Report that this part of the stage, 0 ... 1, is done. SNNK_E_CANCELLED, with an error
 * sentence. */
int snnk__progress_update(snnk__progress *progress, double part);

/* Report that `count` of `of` steps of the stage are done. SNNK_E_CANCELLED. */
int snnk__progress_count(snnk__progress *progress, double count, double of);

/* Report that all stages are done. SNNK_E_CANCELLED. */
int snnk__progress_finish(snnk__progress *progress);

#endif
