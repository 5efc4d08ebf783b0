/* Long work that somebody watches: he is told how far it has come, and may stop it. The work is a row of
 * stages, of which each says what it costs. */
#ifndef SNNK_BASE_PROGRESS_H
#define SNNK_BASE_PROGRESS_H

typedef struct snnk__progress {
    int (*report)(void *user, double share); /* anything but 0 stops the work */
    void *user;
    double total, done, stage; /* costs, in any unit: of all stages, of those behind, of this one */
    double reported;           /* the share at last: it never falls */
} snnk__progress;

/* The next stage. NULL: nobody watches, here and below. */
void snnk__progress_begin_stage(snnk__progress *progress, double cost);

/* So much of the stage is done, 0 ... 1. SNNK_E_CANCELLED, with a sentence. */
int snnk__progress_update(snnk__progress *progress, double part);

/* Done `count` of `of` steps of the stage. */
int snnk__progress_count(snnk__progress *progress, double count, double of);

#endif
