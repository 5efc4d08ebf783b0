/* Long work that somebody watches: he is told how far it has come, and may stop it. The work is a row of
 * stages, of which each says what it costs. */
#ifndef SNNK_BASE_WATCH_H
#define SNNK_BASE_WATCH_H

typedef struct snnk__watch {
    int (*tell)(void *user, double share); /* anything but 0 stops the work */
    void *user;
    double total, done, stage; /* costs, in any unit: of all stages, of those behind, of this one */
    double told;               /* the share at last: it never falls */
} snnk__watch;

/* The next stage. NULL: nobody watches, here and below. */
void snnk__watch_begin(snnk__watch *watch, double cost);

/* So much of the stage is done, 0 ... 1. SNNK_E_CANCELLED, with a sentence. */
int snnk__watch_tell(snnk__watch *watch, double part);

/* Done `count` of `of` steps of the stage. */
int snnk__watch_count(snnk__watch *watch, double count, double of);

#endif
